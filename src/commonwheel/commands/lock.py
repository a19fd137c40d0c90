"""`cw lock`: make the lock of a project, or find out whether it is up to date."""

import os
import time

from commonwheel.commands import project_remember as remember
from commonwheel.commands import summary_lines
from commonwheel.errors import UsageError
from commonwheel.fs import files as fs_files
from commonwheel.model import Value
from commonwheel.project import merging, opening, updating
from commonwheel.specs import uv_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from commonwheel.project.opening import Opened
    from commonwheel.project.parts import Parts
    from commonwheel.project.updating import Updated
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class LockResult(Value):
    """What `cw lock` found or did: the path of the lock, what became of it, and the mode in which it was asked."""

    __slots__ = ("mode", "path", "updated")

    def __init__(self, path: str, updated: "Updated", mode: str) -> None:
        self.path: Final = path
        self.updated: Final = updated
        self.mode: Final = mode

    @property
    def lines(self) -> "list[str]":
        """Return what changed, or would change, as lines."""
        updated = self.updated
        if self.mode == "dry-run":
            if updated.action == "unchanged":
                return ["No lockfile changes detected"]
            return [updating.said(one) for one in updated.changes] or ["Lockfile changes detected"]
        if updated.action != "update":
            return []
        return [updating.said(one, ("Updated", "Added", "Removed")) for one in updated.changes]


def lock(session: "Session", parsed: "Parsed") -> LockResult:
    """Bring the lock up to date; with `--check` refuse one that is not, with `--dry-run` say what would change."""
    started, began = time.perf_counter(), time.time_ns()
    parts = session.projects()
    if session.settings.flag("merge"):
        return merge(parts, parsed.positional)
    if parsed.positional:
        raise UsageError(f"unexpected argument `{parsed.positional[0]}`", hint="`--merge` takes three files")
    mode = mode_of(session)
    opened = open_project(parts)
    updated = updating.update(parts, opened, mode)
    session.reporter.note("info", summary_lines.done("Resolved", len(updated.lock.packages), started))
    known = remember.known_of(parts, opened, updated)
    if known is not None:
        remember.keep(session, parsed, known, began)
    return LockResult(opened.lock_path, updated, mode)


def merge(parts: "Parts", files: "Sequence[str]") -> LockResult:
    """Merge two versions of a lock into the first file, as git asks its merge drivers to. Raises UsageError, InvalidLock."""
    if len(files) != 3:  # noqa: PLR2004 - ours, base, theirs
        raise UsageError(
            "`--merge` takes three files: ours, the common ancestor, and theirs",
            hint="`git config merge.cw-lock.driver 'cw lock --merge %A %O %B'`",
        )
    paths = [os.path.join(parts.cwd, name) for name in files]
    texts = [_content(path, name) for path, name in zip(paths, files, strict=True)]
    empty = uv_lock.Lock("")
    ours, base, theirs = (uv_lock.read(text, name) if text else empty for text, name in zip(texts, files, strict=True))
    merged = merging.merge(base, ours, theirs)
    text = uv_lock.write(merged)
    if text != texts[0]:
        fs_files.write(paths[0], text.encode())
    parts.reporter.note("info", "Merged the lock; run `cw lock` once the project is merged, too")
    changes = tuple(updating.changes(ours, merged))
    return LockResult(paths[0], updating.Updated(merged, text, "update", before=texts[0], changes=changes), "write")


def _content(path: str, name: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error


def mode_of(session: "Session") -> str:
    """Return what may be done to the lock. Raises UsageError for options that contradict each other."""
    settings = session.settings
    chosen = {key for key in ("frozen", "check-exists", "locked", "check", "dry-run") if settings.flag(key)}
    frozen = {"frozen", "check-exists"} & chosen
    if frozen and {"locked", "check"} & chosen:
        raise UsageError("`--frozen` and `--locked` cannot be used together", hint="choose one of them")
    if "check-exists" in chosen:
        session.reporter.note("warning", "`--check-exists` only says whether there is a lock: `--check` compares it")
    if frozen:
        return "frozen"
    if {"locked", "check"} & chosen:
        return "check"
    return "dry-run" if "dry-run" in chosen else "write"


def open_project(parts: "Parts", changed: "Mapping[str, str] | None" = None) -> "Opened":
    """Return the project, or the script of `--script`, that the command is about.

    `changed` holds texts (by path) that count instead of what is on the disk.
    """
    name = parts.settings.text("for-script")
    if name is not None:
        return opening.script(parts, name, changed)
    return opening.project(parts, opening.find(parts, changed))
