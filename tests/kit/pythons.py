"""Interpreters of this machine to test with, environments that other tools make, and a memory that can be looked into.

Nothing here is a stand-in for an interpreter: they are real ones, all that can be found, one for each minor version.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import metadata
from pathlib import Path

from packaging.specifiers import SpecifierSet

from commonwheel import process
from commonwheel.model import Interpreter
from commonwheel.python import interpreter

OLDEST = (3, 8)


class Remember:
    """Keep what is put, as the store would; `forget` what it knows, and count the questions."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.hits = 0

    def get(self, key: str) -> bytes | None:
        found = self.kept.get(key)
        self.hits += found is not None
        return found

    def put(self, key: str, data: bytes) -> None:
        self.kept[key] = data


class Counted:
    """Run programs as `process.run` does, and tell which ones it ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []

    def __call__(self, argv: Sequence[str], *, timeout: float | None = None) -> process.Finished:
        self.ran.append(tuple(argv))
        return process.run(argv, timeout=timeout)


def runs_packaging(executable: str) -> bool:
    """Return whether the `packaging` that is installed here can be imported by another interpreter: it gives up old ones with time."""
    version = ".".join(map(str, probed(executable).version))
    return SpecifierSet(metadata("packaging")["Requires-Python"]).contains(version)


# One memory for all tests of a process: what an interpreter answers does not change while they run.
MEMORY = Remember()


def probed(executable: str) -> Interpreter:
    """Return what an interpreter is, asked once for all tests."""
    return interpreter.probe(executable, MEMORY, process.run)


@cache
def pythons() -> dict[str, str]:
    """Return the interpreters to test with, `3.12` -> path: that of the tests, pyenv's, and those on PATH."""
    found: dict[str, str] = {}
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    own = os.path.join(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info[:2]))
    places = [own, *map(str, sorted(root.glob("versions/*/bin/python3")))]
    places += [path for minor in range(8, 20) if (path := shutil.which(f"python3.{minor}"))]
    for place in places:
        version = _version(place)
        if version and version[:2] >= OLDEST:
            found.setdefault(f"{version[0]}.{version[1]}", place)
    return dict(sorted(found.items(), key=lambda item: [int(number) for number in item[0].split(".")]))


def newest() -> str:
    """Return the newest interpreter of this machine."""
    return list(pythons().values())[-1]


@cache
def _version(path: str) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:3])"
    try:
        answer = subprocess.run([path, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return ()
    return tuple(map(int, answer.stdout.split())) if answer.returncode == 0 else ()


def debian() -> str:
    """Return the interpreter of a Debian system, or ""."""
    path = "/usr/bin/python3"
    return path if os.path.exists("/etc/debian_version") and os.path.exists(path) else ""


def says(python: str, code: str, *arguments: str, isolated: bool = True, **environ: str) -> object:
    """Run `code` in an interpreter and return the JSON it prints; `site` runs, as it does for everybody."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | environ
    argv = [python, *(["-I"] if isolated else []), "-B", "-c", code, *arguments]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert answer.returncode == 0, f"{python}: {answer.stderr}"
    result: object = json.loads(answer.stdout)
    return result


def make_environment(tool: str, python: str, root: str, *, system: bool = False) -> str:
    """Make a virtual environment by `venv`, `venv-copies`, `virtualenv` or `uv`; return its interpreter."""
    extra = ["--system-site-packages"] if system else []
    if tool == "uv":
        uv = shutil.which("uv") or os.path.join(os.path.dirname(sys.executable), "uv")
        argv = [uv, "venv", "-q", "--offline", "--no-config", "-p", python, *extra, root]
    elif tool == "virtualenv":
        argv = [sys.executable, "-m", "virtualenv", "-q", "-p", python, "--without-pip", "--no-download", *extra, root]
        if _version(python)[:2] < (3, 12):
            argv[3:3] = ["--no-setuptools", "--no-wheel"]
    else:
        copies = ["--copies"] if tool == "venv-copies" else []
        argv = [python, "-m", "venv", "--without-pip", *copies, *extra, root]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    subprocess.run(argv, check=True, env=environment, stdout=subprocess.DEVNULL)
    return os.path.join(root, "bin", "python")


def lay_out_interpreter(root: str) -> str:
    """Give a copy of an interpreter with a prefix of its own, as conda's environments are; return its executable."""
    told = probed(newest())
    version = "python{}.{}".format(*told.version[:2])
    os.makedirs(f"{root}/bin")
    os.makedirs(f"{root}/lib/{version}/site-packages")
    shutil.copy2(told.base_executable, f"{root}/bin/{version}")
    os.symlink(version, f"{root}/bin/python")
    for name in os.listdir(told.paths["stdlib"]):
        if name != "site-packages":
            os.symlink(f"{told.paths['stdlib']}/{name}", f"{root}/lib/{version}/{name}")
    return f"{root}/bin/{version}"


def make_conda(root: str, *, base: bool = False) -> str:
    """Give what conda makes: an interpreter with a prefix of its own and `conda-meta`; return its executable."""
    python = lay_out_interpreter(root)
    os.mkdir(f"{root}/conda-meta")
    with open(f"{root}/conda-meta/history", "w", encoding="utf-8") as file:
        file.write("==> 2026-01-01 00:00:00 <==\n")
    if base:
        os.mkdir(f"{root}/envs")
    return python


def write_script(path: str, text: str) -> str:
    """Write an executable script and return its path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


class Heard:
    """Keep the notes that a reporter is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, level: str, message: str) -> None:
        self.notes.append(f"{level}: {message}")

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        return 0

    def advance(self, task: int, amount: int = 1) -> None:
        return None

    def end(self, task: int) -> None:
        return None
