"""`pip download` and `pip wheel`: get files without installing anything."""

import os

from commonwheel.commands import gather
from commonwheel.commands.hash import hash_file
from commonwheel.errors import UsageError
from commonwheel.fs import files as fs_files
from commonwheel.fs import trees
from commonwheel.model import PathSource, Value
from commonwheel.operations import pylock_pins, resolve
from commonwheel.specs import file_url
from commonwheel.specs.sources import file_is_wheel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.model import Pin
    from commonwheel.session.job import Job
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed

_PART = 1 << 20


class Fetched(Value):
    """The files that were saved: absolute path and sha256."""

    __slots__ = ("files",)

    def __init__(self, files: "tuple[tuple[str, str], ...]") -> None:
        self.files: Final = files


def download(session: "Session", parsed: "Parsed") -> Fetched:
    """Save the files that an installation would use: wheels, and source distributions where there is no wheel."""
    directory = _directory(session, "dest")
    job, saved = _job(session, parsed), []
    for pin in _pins(session, job):
        if (
            (pin.candidate is None and isinstance(pin.source, PathSource) and os.path.isdir(pin.source.path))
            or (pin.candidate is not None and pin.candidate.kind == "wheel")
            or (pin.source and file_is_wheel(pin.source))
        ):
            saved.append(_save_entry(job, pin, directory))
        else:
            path, filename = job.material.source_archive(pin)
            saved.append(save(job.reporter, path, os.path.join(directory, filename)))
    return Fetched(tuple(saved))


def wheel(session: "Session", parsed: "Parsed") -> Fetched:
    """Save a wheel of everything that an installation would use, building what comes as source."""
    directory = _directory(session, "wheel-dir")
    job = _job(session, parsed)
    return Fetched(tuple(_save_entry(job, pin, directory) for pin in _pins(session, job)))


def _directory(session: "Session", key: str) -> str:
    directory = os.path.join(session.cwd, session.settings.text(key) or ".")
    trees.make_directory(directory, parents=True)
    return directory


def _job(session: "Session", parsed: "Parsed") -> "Job":
    target = session.target(session.environment(mutating=False))
    files = session.settings.many("requirements")
    return session.job(gather.gather(session, parsed.positional, files, lambda: target))


def _pins(session: "Session", job: "Job") -> "tuple[Pin, ...]":
    asked = job.request
    if asked.locked and not asked.requirements:
        return pylock_pins.completed(job.sources, asked.locked)
    if not asked.requirements:
        raise UsageError("no requirements given", hint="name packages, or a file with `-r`")
    hashed = session.settings.flag("require-hashes") or asked.requires_hashes
    question = resolve.Question(
        asked.requirements,
        session.target(session.environment(mutating=False)),
        constraints=asked.constraints,
        overrides=asked.overrides,
        excludes=asked.excludes,
        hashed=hashed,
    )
    pins = resolve.with_files(resolve.answer(job, question))
    resolve.require_hashes(pins, hashed)
    return pins


def _save_entry(job: "Job", pin: "Pin", directory: str) -> "tuple[str, str]":
    """Save the wheel of a pin: the one that the store keeps, else downloaded (or built) once more as a file."""
    path, filename = job.material.wheel_archive(pin)
    return save(job.reporter, path, os.path.join(directory, filename))


def save(reporter: "Reporter", source: str, path: str) -> "tuple[str, str]":
    """Copy a file to `path`, replacing what is there; return the path and its sha256."""
    with open(source, "rb") as stream, fs_files.create(os.path.dirname(path)) as file:
        while data := stream.read(_PART):
            file.write(data)
        file.publish(path, replace=True)
    reporter.note("info", f"Saved {file_url.to_path(file_url.from_path(path))}")
    return path, hash_file(path, "sha256")
