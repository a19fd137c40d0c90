"""`cw lock`: make the lock of a project, or find out whether it is up to date."""

import time

from commonwheel.commands import project_remember as remember
from commonwheel.commands import summary_lines
from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.project import opening, updating

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
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
    mode = mode_of(session)
    opened = open_project(parts)
    updated = updating.update(parts, opened, mode)
    session.reporter.note("info", summary_lines.done("Resolved", len(updated.lock.packages), started))
    known = remember.known_of(parts, opened, updated)
    if known is not None:
        remember.keep(session, parsed, known, began)
    return LockResult(opened.lock_path, updated, mode)


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
