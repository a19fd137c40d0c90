"""Which program words mean in an environment, and with which variables.

Lean: a `cw run` that changes nothing loads this and little else.
"""

import os
import stat

from commonwheel.errors import UsageError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final


class NoProgram(UsageError):
    """There is nothing to run: no program was named, or there is none of the name."""

    code = "no-program"


class Place(Value):
    """Where programs are run: the root of an environment ("" for a plain Python), its scripts, and its interpreter."""

    __slots__ = ("python", "root", "scripts")

    def __init__(self, root: str, scripts: str, python: str) -> None:
        self.root: Final = root
        self.scripts: Final = scripts
        self.python: Final = python


class Program(Value):
    """What the process becomes: words and variables."""

    __slots__ = ("argv", "environ")

    def __init__(self, argv: tuple[str, ...], environ: "Mapping[str, str]") -> None:
        self.argv: Final = argv
        self.environ: Final = environ


def program(
    words: "Sequence[str]",
    place: Place,
    environ: "Mapping[str, str]",
    *,
    module: bool = False,
    as_script: bool = False,
) -> Program:
    """Return the program that words mean. Raises NoProgram."""
    variables = dict(environ)
    variables["PATH"] = os.pathsep.join([place.scripts, *([environ["PATH"]] if environ.get("PATH") else [])])
    if place.root:
        variables["VIRTUAL_ENV"] = place.root
        variables.pop("PYTHONHOME", None)
    if not words:
        raise _nothing_named(place.scripts)
    first, rest = words[0], list(words[1:])
    if module:
        return Program((place.python, "-m", first, *rest), variables)
    if first == "-":
        return Program((place.python, "-", *rest), variables)
    if as_script or first.endswith((".py", ".pyc")) or (first.endswith(".pyw") and os.name == "nt"):
        if not os.path.isfile(first):
            raise NoProgram(f"`{first}` does not exist", hint="check the path")
        return Program((place.python, first, *rest), variables)
    if _is_application(first):
        return Program((place.python, first, *rest), variables)
    found = _lookup(first, variables["PATH"])
    if not found:
        where = place.root or os.path.dirname(place.python)
        raise NoProgram(
            f"there is no program `{first}` in the environment `{where}`, nor on PATH",
            hint=f"add the package that brings it, or try `cw run --with PACKAGE {first}`",
        )
    return Program((found, *rest), variables)


def _is_application(path: str) -> bool:
    """Return whether a path is a directory, or a zip file, that Python can run."""
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, "__main__.py"))
    if os.sep not in path and not path.endswith((".pyz", ".zip")):
        return False
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _lookup(name: str, path: str) -> str:
    """Return the program that a shell would find, "" for none."""
    if os.sep in name:
        return name if _is_executable(name) else ""
    for directory in path.split(os.pathsep):
        place = os.path.join(directory or ".", name)
        if _is_executable(place):
            return place
    return ""


def _is_executable(path: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and os.access(path, os.X_OK)


def _nothing_named(scripts: str) -> NoProgram:
    try:
        names = sorted(name for name in os.listdir(scripts) if _is_executable(os.path.join(scripts, name)))
    except OSError:
        names = []
    hidden = ("activate", "deactivate", "pydoc")
    names = [name for name in names if not name.startswith(hidden)]
    return NoProgram(
        "no program was named",
        context=["the environment has:", *(f"  {name}" for name in names)],
        hint="name a program, a file, or a module with `-m`",
    )
