"""`cw python list` and `cw python find`."""

import os

from commonwheel.model import Value
from commonwheel.python import discovery
from commonwheel.python import request as requests
from commonwheel.session import documents
from commonwheel.specs import versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from commonwheel.model import Interpreter
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class Found(Value):
    """An interpreter that is installed: what `python list` tells of it.

    `key` is as uv writes it (`cpython-3.12.1-linux-x86_64-gnu`); `link` is where the path leads if it is a link; `variant` is
    `default` or `freethreaded`; `libc` is `gnu`, `musl` or `none`.
    """

    __slots__ = ("arch", "implementation", "libc", "link", "path", "system", "variant", "version")

    def __init__(self, interpreter: "Interpreter", path: str, link: str) -> None:
        markers = interpreter.markers
        abi = interpreter.tags[0].split("-")[1] if interpreter.tags else ""
        self.version: Final = markers.get("python_full_version") or ".".join(map(str, interpreter.version))
        self.implementation: Final = interpreter.implementation
        self.system: Final = {"darwin": "macos"}.get(
            markers.get("platform_system", "").lower(), markers.get("platform_system", "").lower()
        )
        self.arch: Final = markers.get("platform_machine", "")
        self.variant: Final = "freethreaded" if abi.rstrip("d").endswith("t") else "default"
        self.libc: Final = _libc(self.system, interpreter.tags)
        self.path: Final = path
        self.link: Final = link

    @property
    def key(self) -> str:
        """Return the name that uv gives such an interpreter."""
        variant = "" if self.variant == "default" else f"+{self.variant}"
        return f"{self.implementation}-{self.version}{variant}-{self.system}-{self.arch}-{self.libc}"

    def as_json(self) -> "dict[str, object]":
        """Return the object of `--format json`, as uv prints it."""
        major, minor, patch = (*versions.release(self.version), 0, 0)[:3]
        return {
            "key": self.key,
            "version": self.version,
            "version_parts": {"major": major, "minor": minor, "patch": patch},
            "path": self.path,
            "symlink": self.link or None,
            "url": None,
            "os": self.system,
            "variant": self.variant,
            "implementation": self.implementation,
            "arch": self.arch,
            "libc": self.libc,
        }


def _libc(system: str, tags: "Sequence[str]") -> str:
    if system != "linux":
        return "none"
    return "musl" if any("-musllinux" in tag for tag in tags) else "gnu"


def list_(session: "Session", parsed: "Parsed") -> "list[Found]":
    """List the interpreters that are found, newest first; those that fail are told as remarks of -v."""
    wanted = requests.parse(parsed.positional[0] if parsed.positional else "")
    rows = []
    for found in discovery.discover(session.environments.where):
        told = found.interpreter
        if told is None:
            session.reporter.note("debug", f"{found.path}: {found.reason}")
            continue
        if not wanted.fits(told):
            continue
        real = os.path.realpath(found.path)
        rows.append((told.version, Found(told, found.path, real if real != found.path else "")))
    rows.sort(key=lambda row: (row[0], row[1].path), reverse=True)
    return [row for _, row in rows]


def find(session: "Session", parsed: "Parsed") -> str:
    """Return the path (or with `--show-version` the version) of the interpreter that a request means.

    Without a request it is that of the environment here, if it is what the project wants.
    """
    settings = session.settings
    script = settings.text("script")
    if parsed.positional or script:
        found = session.environments.interpreter(
            parsed.positional[0] if parsed.positional else _script_python(session, script or "")
        )
    elif settings.flag("system"):
        found = session.environments.interpreter(session.environments.wanted_python())
    else:
        wanted = session.environments.wanted_python()
        found = session.environment(mutating=False).interpreter
        if wanted and not requests.parse(wanted).fits(found):
            found = session.environments.interpreter(wanted)
    if settings.flag("show-version"):
        return ".".join(map(str, found.version))
    return os.path.realpath(found.executable) if settings.flag("resolve-links") else found.executable


def _script_python(session: "Session", name: str) -> str:
    """Return the `requires-python` of a script (PEP 723), "" for none."""
    texts = documents.Texts(lambda url: session.job().network.client_for(url))  # noqa: PLW0108 - made where a URL is read
    script = texts.script(name, os.path.join(session.cwd, name))
    return script.requires_python if script is not None else ""
