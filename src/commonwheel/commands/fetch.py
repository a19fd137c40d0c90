"""`pip download` and `pip wheel`: get files without installing anything."""

import os

from commonwheel.commands import gather
from commonwheel.errors import UsageError
from commonwheel.fs import disk
from commonwheel.model import PathSource, Value
from commonwheel.road import locks, resolving
from commonwheel.specs import file_url
from commonwheel.specs.sources import file_is_wheel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.model import Pin
    from commonwheel.session import Session
    from commonwheel.settings import Parsed

_PART = 1 << 20


class Fetched(Value):
    """The files that were saved: absolute path and sha256."""

    __slots__ = ("files",)

    def __init__(self, files: "tuple[tuple[str, str], ...]") -> None:
        self.files: Final = files


def download(session: "Session", parsed: "Parsed") -> Fetched:
    """Save the files that an installation would use: wheels, and source distributions where there is no wheel."""
    directory = _directory(session, "dest")
    saved = []
    for pin in _pins(session, parsed):
        if (
            (pin.candidate is None and isinstance(pin.source, PathSource) and os.path.isdir(pin.source.path))
            or (pin.candidate is not None and pin.candidate.kind == "wheel")
            or (pin.source and file_is_wheel(pin.source))
        ):
            saved.append(_save_entry(session, pin, directory))
        else:
            path, filename = session.material.source_archive(pin)
            saved.append(save(session, path, os.path.join(directory, filename)))
    return Fetched(tuple(saved))


def wheel(session: "Session", parsed: "Parsed") -> Fetched:
    """Save a wheel of everything that an installation would use, building what comes as source."""
    directory = _directory(session, "wheel-dir")
    return Fetched(tuple(_save_entry(session, pin, directory) for pin in _pins(session, parsed)))


def _directory(session: "Session", key: str) -> str:
    directory = os.path.join(session.cwd, session.settings.text(key) or ".")
    disk.make_directory(directory, parents=True)
    return directory


def _pins(session: "Session", parsed: "Parsed") -> "tuple[Pin, ...]":
    environment = session.environment(mutating=False)
    target = session.target(environment)
    asked = gather.gather(session, parsed.positional, session.settings.many("requirements"), lambda: target)
    session.file_options = asked.options
    session.config_settings = asked.config_settings
    session.build_constraints = asked.build_constraints
    if asked.locked and not asked.requirements:
        return locks.completed(session, asked.locked)
    if not asked.requirements:
        raise UsageError("nothing was asked for", hint="name packages, or a file with `-r`")
    hashed = session.settings.flag("require-hashes") or asked.requires_hashes
    question = resolving.Question(
        asked.requirements,
        target,
        constraints=asked.constraints,
        overrides=asked.overrides,
        excludes=asked.excludes,
        hashed=hashed,
    )
    pins = resolving.with_files(resolving.answer(session, question))
    resolving.demanded(pins, hashed)
    return pins


def _save_entry(session: "Session", pin: "Pin", directory: str) -> "tuple[str, str]":
    """Save the wheel of a pin: the one that the store keeps, else downloaded (or built) once more as a file."""
    path, filename = session.material.wheel_archive(pin)
    return save(session, path, os.path.join(directory, filename))


def save(session: "Session", source: str, path: str) -> "tuple[str, str]":
    """Copy a file to `path`, replacing what is there; return the path and its sha256."""
    with open(source, "rb") as stream, disk.create(os.path.dirname(path)) as file:
        while data := stream.read(_PART):
            file.write(data)
        file.publish(path, replace=True)
    session.reporter.note("info", f"Saved {file_url.to_path(file_url.from_path(path))}")
    return path, session.hash_file(path, "sha256")
