"""`docs/install.md` is what happens: an ordinary user of a plain machine installs cw in every way that the page names.

The packages come from the configured index, but for cw itself, whose wheel is built here; the address of the repository leads to a
copy of this one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.machine import Machine, machine
from kit.pages_of_docs import Command, steps

pytestmark = [pytest.mark.root, pytest.mark.alone, pytest.mark.index, pytest.mark.slow]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "install.md"
WHEELS, REPOSITORY = "/srv/wheels", "/srv/commonwheel"
KEPT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".site", ".bench", ".demo", "*_cache", "__pycache__", ".hypothesis", ".nox"
)


@pytest.fixture
def plain() -> Iterator[Machine]:
    """Give a machine without cw, on whose index it is offered, with pipx and uv for the user `you`."""
    with machine("you", bare=True) as here:
        shutil.copytree(ROOT, here.path(REPOSITORY), ignore=KEPT_OUT)
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", here.path(WHEELS)]
        subprocess.run(build, cwd=here.path(REPOSITORY), check=True, capture_output=True)
        here.write(
            "/etc/gitconfig",
            f'[url "file://{REPOSITORY}"]\n\tinsteadOf = https://github.com/commonwheel/commonwheel\n[safe]\n\tdirectory = *\n',
        )
        root = here.shell()
        commit = "git init -q && git add -A && git -c user.name=x -c user.email=x@localhost commit -qm x"
        assert root.run(f"cd {REPOSITORY} && {commit}").code == 0
        # both read what the configuration of pip says of certificates and further indexes, as a user's would
        links = f"{os.environ.get('PIP_FIND_LINKS', '')} {WHEELS}".strip()
        root.run("chmod -R a+rX /srv /etc/xdg")
        you = here.shell("you")
        you.run(f"export PIP_FIND_LINKS='{links}' UV_FIND_LINKS={WHEELS} PATH=$HOME/.local/bin:$PATH")
        for name in (
            "PIP_CERT",
            "PIP_CONFIG_FILE",
            "PIP_INDEX_URL",
            "SSL_CERT_FILE",
            "UV_DEFAULT_INDEX",
            "UV_INDEX_URL",
            "HTTPS_PROXY",
        ):
            if name in os.environ:
                you.run(f"export {name}={os.environ[name]}")
                root.run(f"export {name}={os.environ[name]}")
        root.run(f"export PIP_FIND_LINKS='{links}'")
        ready = you.run(
            "python3 -m venv ~/.tools && ~/.tools/bin/pip install -q pipx uv && mkdir -p ~/.local/bin && ln -s ~/.tools/bin/pipx ~/.tools/bin/uv ~/.local/bin",
            300,
        )
        assert ready.code == 0, ready.output
        yield here


def test_every_way_to_install_works_for_an_ordinary_user(plain: Machine) -> None:
    for step in steps(PAGE.read_text()):
        assert isinstance(step, Command)
        if step.text.startswith("uv tool install"):
            # each way alone: two of them would write one `~/.local/bin/cw`
            plain.shell("you").run("pipx uninstall commonwheel")
        done = plain.shell(step.user or "you").run(step.text, 400)
        where = f"install.md, line {step.line}: {step.text}\nexit status {done.code}\n{done.output}"
        assert done.code == 0, where
        assert step.matches(done.output), f"{where}\nthe page shows:\n" + "\n".join(step.seen)
