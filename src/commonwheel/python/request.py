"""What people write after `--python`: `3.12`, `>=3.10,<3.13`, `cpython@3.12`, `pypy`, `3.13t`, a path, a name on PATH.

Laws of this file: text in, a value out; whether a path exists is not asked here.
"""

import os

from commonwheel.errors import UsageError
from commonwheel.model import Interpreter, Value
from commonwheel.specs import versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_IMPLEMENTATIONS = {
    "cpython": "cpython",
    "cp": "cpython",
    "pypy": "pypy",
    "pp": "pypy",
    "graalpy": "graalpy",
    "gp": "graalpy",
}
_FREE_THREADED = "+freethreaded"


class InvalidRequest(UsageError):
    """A text asks for a Python that cannot be."""

    code = "invalid-python-request"


class PythonRequest(Value):
    """Which interpreter is wanted.

    `kind` is `any`, `version` (numbers, specifier, implementation or free threads; empty ones are open), `path` (an
    executable or the root of an environment) or `name` (an executable on PATH). `numbers` is a prefix of the release.
    """

    __slots__ = ("free_threaded", "implementation", "kind", "numbers", "specifier", "text")

    def __init__(
        self,
        text: str,
        kind: str,
        implementation: str = "",
        numbers: "tuple[int, ...]" = (),
        specifier: str = "",
        free_threaded: bool = False,
    ) -> None:
        self.text: Final = text
        self.kind: Final = kind
        self.implementation: Final = implementation
        self.numbers: Final = numbers
        self.specifier: Final = specifier
        self.free_threaded: Final = free_threaded

    def __str__(self) -> str:
        if self.kind == "any":
            return "any Python"
        if self.kind == "version" and self.text[:1] in "<>=~!0123456789":
            return f"Python {self.text}"
        return f"`{self.text}`"

    @property
    def explains_prerelease(self) -> bool:
        """Return whether a pre-release was asked for by name."""
        return bool(self.specifier) and versions.names_prerelease(self.specifier)

    def fits(self, interpreter: Interpreter) -> bool:
        """Return whether an interpreter is what was asked for; paths and names are not looked at."""
        if self.implementation and interpreter.implementation != self.implementation:
            return False
        if self.kind == "version" and self.free_threaded != is_free_threaded(interpreter):
            return False
        if self.numbers and interpreter.version[: len(self.numbers)] != self.numbers:
            return False
        full = interpreter.markers["python_full_version"]
        return not self.specifier or versions.contains(self.specifier, full.partition("+")[0], prereleases=True)


def is_free_threaded(interpreter: Interpreter) -> bool:
    """Return whether an interpreter was built without the global lock."""
    abi = interpreter.tags[0].split("-")[1]
    return interpreter.implementation == "cpython" and abi.rstrip("d").endswith("t")


def is_prerelease(interpreter: Interpreter) -> bool:
    """Return whether an interpreter is an alpha, beta or release candidate."""
    return not interpreter.markers["python_full_version"].partition("+")[0].replace(".", "").isdigit()


def parse(text: str) -> PythonRequest:
    """Return what a text asks for; raise InvalidRequest."""
    wanted = text.strip()
    if wanted.lower() in ("", "any", "default"):
        return PythonRequest(wanted, "any")
    if (wanted[0] in ".~" and not wanted.startswith("~=")) or os.sep in wanted or (os.altsep and os.altsep in wanted):
        return PythonRequest(wanted, "path")
    if wanted[0] in "<>=!~":
        if not versions.is_specifier(wanted):
            raise InvalidRequest(f"`{wanted}` is not a list of version specifiers", hint="write it as `>=3.10,<3.13`")
        return PythonRequest(wanted, "version", specifier=wanted)
    return _version(wanted) or PythonRequest(wanted, "name")


def _version(text: str) -> PythonRequest | None:
    """Read an implementation, a version, or both; None when it is neither."""
    implementation, rest = _implementation(text.lower())
    if implementation is None:
        return None
    version, *platform = rest.split("-")  # uv lists `cpython-3.12.1-linux-x86_64-gnu`
    if platform and not implementation:
        return None
    threaded = version.endswith(_FREE_THREADED) or (version.endswith("t") and version[-2:-1].isdigit())
    version = version.removesuffix(_FREE_THREADED).removesuffix("t") if threaded else version
    if implementation and not version:
        return PythonRequest(text, "version", implementation, free_threaded=threaded)
    if version[:1].isdigit() and versions.parsed_key(version) is None:
        if text.lower().startswith("python"):  # `python3x`: a name that somebody gave
            return None
        raise InvalidRequest(f"`{text}` is not a version of Python", hint="write it as `3.12`, `3.12.1` or `>=3.10`")
    if not version[:1].isdigit():
        return None
    if not version.replace(".", "").isdigit():  # a pre-release is one exact version
        return PythonRequest(text, "version", implementation, specifier=f"=={version}", free_threaded=threaded)
    if "." not in version and len(version) > 1:  # `312`
        version = f"{version[0]}.{version[1:]}"
    numbers = tuple(map(int, version.split(".")))
    if numbers[0] != 3 or len(numbers) > 3:  # noqa: PLR2004 - Python 3, major.minor.patch
        raise InvalidRequest(f"`{text}` is not a version of Python 3", hint="write it as `3.12`, `3.12.1` or `>=3.10`")
    return PythonRequest(text, "version", implementation, numbers, free_threaded=threaded)


def _implementation(text: str) -> tuple[str | None, str]:
    """Return the implementation that a text begins with ("" for any) and the rest; None when it cannot be a version."""
    if text[0].isdigit():
        return "", text
    if text.startswith("python"):
        rest = text.removeprefix("python")
        return ("", rest) if rest[:1].isdigit() else (None, text)
    for name, implementation in _IMPLEMENTATIONS.items():
        if text.startswith(name):
            rest = text[len(name) :]
            if rest[:1] in ("@", "-"):
                return (implementation, rest[1:]) if rest[1:] else (None, text)
            if not rest or rest[0].isdigit():
                # `cp` and `pp` alone are no words for an implementation
                return (implementation, rest) if rest or len(name) > 2 else (None, text)  # noqa: PLR2004
    return None, text
