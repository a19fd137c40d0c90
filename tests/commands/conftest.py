"""What tests of commands start from: a user in a place with a space in its name, and a folder of wheels."""

import pytest

from kit.cli import Cw
from kit.wheels import make_wheel


@pytest.fixture
def cw(tmp_path):
    (tmp_path / "a place").mkdir()
    cw = Cw(tmp_path / "a place")
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    return cw


@pytest.fixture
def stocked(cw):
    """Some packages: an application on a library, in two versions, with an extra and a script."""
    wheels = cw.path("wheels")
    for version in ("1.0", "2.0"):
        make_wheel(
            wheels, "app", version, {"app/__init__.py": f"version = '{version}'\n", "app/cli.py": "def main():\n    print('app')\n"},
            requires=["lib>=1", "color ; extra == 'pretty'"], extras=["pretty"], entry_points={"console_scripts": {"app": "app.cli:main"}},
        )  # fmt: skip
        make_wheel(wheels, "lib", version, {"lib.py": f"version = '{version}'\n"})
    make_wheel(wheels, "color", "1.0", {"color.py": ""})
    cw("venv", "v").ok()
    return cw


@pytest.fixture
def filled(stocked):
    """An application on an old library, and something that wants a newer one."""
    make_wheel(
        stocked.path("wheels"), "report-tool", "0.5", {"report.py": ""}, requires=["lib<3,>=1.5", "app"],
        headers=["Summary: Tells things.", "Author: A. N. Other", "License-Expression: MIT"],
    )  # fmt: skip
    stocked("pip", "install", "-p", "v", "app==1.0", "lib==1.0", "color").ok()
    return stocked
