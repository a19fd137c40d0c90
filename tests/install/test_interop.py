"""pip and uv on environments that cw made, and cw on those that they made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from commonwheel.install import changeset, plan, transaction
from kit.shelf import Shelf, environment, installed, pins, portrait
from kit.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.model import Entry, Environment, Plan

PIP = (sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check")
UV = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv") or ""


@pytest.fixture
def real(tmp_path: Path) -> Environment:
    """Give an environment with an interpreter that runs."""
    root = str(tmp_path / "env")
    venv.create(root, symlinks=True, with_pip=False)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = f"{root}/lib/{version}/site-packages"
    made = environment(root)
    shutil.rmtree(f"{root}/lib/python3.11") if version != "python3.11" else None
    return made.replaced(paths={**made.paths, "purelib": site, "platlib": site})


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def apply(environment: Environment, shelf: Shelf, wanted: Plan, entries: list[Entry], mode: str) -> None:
    change = changeset.make(environment, wanted, {one.name: one for one in entries}, shelf, link_mode=mode)
    transaction.apply(environment, change)


def pip(environment: Environment, *words: str) -> str:
    return run(
        *PIP[:3], "--isolated", "--python", f"{environment.root}/bin/python", "--disable-pip-version-check", *words
    )


def uv(environment: Environment, *words: str) -> str:
    return run(UV, "pip", *words, "--offline", "--no-config", "--python", f"{environment.root}/bin/python")


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "fold"])
@pytest.mark.parametrize("tool", [pip, uv], ids=["pip", "uv"])
def test_other_tools_uninstall_packages_of_cw(real: Environment, tmp_path: Path, mode: str, tool: object) -> None:
    assert callable(tool)
    shelf = Shelf(str(tmp_path / "store"))
    entry = shelf.add(
        "alpha", "1.0", {"alpha/__init__.py": "x = 1\n", "alpha/sub/a.py": "", "alpha_mod.py": "", "ns/alpha/m.py": ""},
        console=[("al", "alpha:x")], foldable=("alpha", "ns/alpha"),
    )  # fmt: skip
    neighbour = shelf.add("beta", "1.0", {"ns/beta/m.py": ""}, foldable=("ns/beta",))
    before = portrait(real.root)
    apply(real, shelf, plan.make((), pins(entry, neighbour)), [entry, neighbour], mode)
    stored = portrait(str(tmp_path / "store"))
    assert "alpha==1.0" in tool(real, "freeze")
    assert (
        run(f"{real.root}/bin/python", "-c", "import alpha, alpha.sub.a, alpha_mod, ns.alpha.m; print(alpha.x)")
        == "1\n"
    )
    words = ("uninstall", "-y", "alpha", "beta") if tool is pip else ("uninstall", "alpha", "beta")
    tool(real, *words)
    # nothing is left of it, and the store has every byte and mode as before; only what Python compiled there is new
    after = {path: facts for path, facts in portrait(str(tmp_path / "store")).items() if "__pycache__" not in path}
    assert after == stored
    left = portrait(real.root).keys() - before.keys()
    # uv leaves the bytecode of single modules, which no RECORD lists, where Python put it
    left = {path for path in left if "__pycache__" not in path}
    assert not [path for path in left if "alpha" in path.replace("ns/alpha", "")], left
    assert installed(real) == ()


@pytest.mark.parametrize("mode", ["hardlink", "fold"])
def test_pip_upgrades_packages_of_cw(real: Environment, tmp_path: Path, mode: str) -> None:
    shelf = Shelf(str(tmp_path / "store"))
    entry = shelf.add("alpha", "1.0", {"alpha/__init__.py": "x = 1\n", "alpha/old.py": ""}, console=[("al", "alpha:x")])
    apply(real, shelf, plan.make((), pins(entry)), [entry], mode)
    stored = portrait(str(tmp_path / "store"))
    wheel = make_wheel(tmp_path, "alpha", "2.0", {"alpha/__init__.py": "x = 2\n"})
    pip(real, "install", "--no-index", "--no-deps", wheel)
    assert portrait(str(tmp_path / "store")) == stored
    assert run(f"{real.root}/bin/python", "-B", "-c", "import alpha; print(alpha.x)") == "2\n"
    assert not os.path.exists(f"{real.paths['purelib']}/alpha/old.py")
    # and back again, over what pip left
    apply(real, shelf, plan.make(installed(real), pins(entry)), [entry], mode)
    assert run(f"{real.root}/bin/python", "-B", "-c", "import alpha; print(alpha.x)") == "1\n"
    assert [one.version for one in installed(real)] == ["1.0"]


@pytest.mark.parametrize("tool", [pip, uv], ids=["pip", "uv"])
def test_cw_uninstalls_packages_of_other_tools(real: Environment, tmp_path: Path, tool: object) -> None:
    assert callable(tool)
    wheel = make_wheel(
        tmp_path, "alpha", "1.0", {"alpha/__init__.py": "def main(): pass\n", "alpha/d.txt": ""},
        entry_points={"console_scripts": {"al": "alpha:main"}}, data={"data/share/a.txt": "x"},
    )  # fmt: skip
    before = portrait(real.root)
    tool(real, "install", "--no-index", "--no-deps", wheel)
    assert run(f"{real.root}/bin/python", "-c", "import alpha") == ""
    found = installed(real)
    assert [one.name for one in found] == ["alpha"]
    apply(real, Shelf(str(tmp_path / "store")), plan.removal(found, ["alpha"]), [], "auto")
    left = portrait(real.root, ignoring=(".cw", ".lock"))
    # pip makes the directories of a scheme that a venv does not have, and so they stay empty
    assert left == {path: facts for path, facts in before.items() if path in left}
    assert before.keys() == left.keys()


def test_pip_check_and_list_read_a_folded_environment(real: Environment, tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "store"))
    entries = [shelf.add("alpha"), shelf.add("beta")]
    apply(real, shelf, plan.make((), pins(*entries)), entries, "fold")
    assert "No broken requirements" in pip(real, "check")
    shown = pip(real, "show", "-f", "alpha")
    assert "alpha/sub/mod.py" in shown
