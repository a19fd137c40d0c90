"""`cw python list` and `cw python find`."""

import os

from commonwheel.model import Value
from commonwheel.python import discovery
from commonwheel.python import request as requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.session import Session
    from commonwheel.settings import Parsed


class Found(Value):
    """An interpreter: a key such as `cpython-3.12.1-linux-x86_64`, version, implementation, path, and where a link leads."""

    __slots__ = ("implementation", "key", "link", "path", "version")

    def __init__(self, key: str, version: str, implementation: str, path: str, link: str) -> None:
        self.key: Final = key
        self.version: Final = version
        self.implementation: Final = implementation
        self.path: Final = path
        self.link: Final = link


def list_(session: "Session", parsed: "Parsed") -> "list[Found]":
    """List the interpreters that are found, newest first; those that fail are told as remarks of -v."""
    wanted = requests.parse(parsed.positional[0] if parsed.positional else "")
    rows = []
    for found in discovery.discover(session.where):
        told = found.interpreter
        if told is None:
            session.reporter.note("debug", f"{found.path}: {found.reason}")
            continue
        if not wanted.fits(told):
            continue
        version = told.markers.get("python_full_version", ".".join(map(str, told.version)))
        system = told.markers.get("platform_system", "").lower()
        key = f"{told.implementation}-{version}-{system}-{told.markers.get('platform_machine', '')}"
        real = os.path.realpath(found.path)
        rows.append(
            (told.version, Found(key, version, told.implementation, found.path, real if real != found.path else ""))
        )
    rows.sort(key=lambda row: (row[0], row[1].path), reverse=True)
    return [row for _, row in rows]


def find(session: "Session", parsed: "Parsed") -> str:
    """Return the path (or with `--show-version` the version) of the interpreter that a request means."""
    settings = session.settings
    if parsed.positional or settings.flag("system"):
        found = session.interpreter(parsed.positional[0] if parsed.positional else None)
    else:
        found = session.environment(mutating=False).interpreter
    if settings.flag("show-version"):
        return ".".join(map(str, found.version))
    return os.path.realpath(found.executable) if settings.flag("resolve-links") else found.executable
