"""`cw sync`: bring the environment of a project to what its lock says."""

import os
import time

from commonwheel.commands import project_remember as remember
from commonwheel.commands import summary_lines
from commonwheel.commands.change_report import Changes
from commonwheel.commands.install import rows_of
from commonwheel.commands.lock import open_project
from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.operations import bytecode
from commonwheel.project import environments, scripts, syncing, updating
from commonwheel.project.environments import Place, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Environment
    from commonwheel.project.environments import Made
    from commonwheel.project.opening import Opened
    from commonwheel.project.parts import Parts
    from commonwheel.project.updating import Updated
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class SyncResult(Value):
    """What `cw sync` did, or would do: to the lock, to the environment, and to what is in it."""

    __slots__ = ("changes", "count", "made", "opened", "updated")

    def __init__(self, opened: "Opened", updated: "Updated", made: "Made", changes: Changes, count: int = 0) -> None:
        self.opened: Final = opened
        self.updated: Final = updated
        self.made: Final = made
        self.changes: Final = changes
        self.count: Final = count

    def as_json(self) -> "dict[str, object]":
        """Return it as values for JSON, with uv's keys."""
        environment = {"path": self.made.root}
        if self.made.environment is not None:
            found = self.made.environment.interpreter
            environment["python"] = found.executable
        return {
            "schema": {"version": "preview"},
            "target": "script" if self.opened.script else "project",
            **(
                {"script": {"path": self.opened.script}}
                if self.opened.script
                else {"project": {"path": self.opened.root}}
            ),
            "sync": {
                "environment": environment,
                "action": self.made.action,
                "changes": [
                    {"name": one.name, "version": one.version, "action": one.action} for one in self.changes.rows
                ],
            },
            "lock": {"path": self.opened.lock_path, "action": self.updated.action},
            "dry_run": self.changes.dry_run,
        }


def sync(session: "Session", parsed: "Parsed") -> SyncResult:
    """Lock if need be, and install what the lock says for the chosen members, extras and groups."""
    started, began = time.perf_counter(), time.time_ns()
    parts = session.projects()
    if session.settings.flag("active") and not parts.environ.get("VIRTUAL_ENV"):
        session.reporter.note("warning", "no virtual environment is active, and `--active` does nothing")
    opened = open_project(parts)
    settings = parts.settings
    dry = settings.flag("dry-run") or settings.flag("check")
    updated = updated_lock(parts, opened, started)
    result = carried_out(parts, opened, updated, exact=not settings.flag("inexact"), dry=dry)
    known = remember.known_of(parts, opened, updated)
    if known is not None and result.made.action == "check" and not result.changes.rows:
        remember.keep(session, parsed, known, began, result.made.environment, result.count)
    return result


def updated_lock(parts: "Parts", opened: "Opened", started: float, *, quiet: bool = False) -> "Updated":
    """Return the lock that a command installs from, brought up to date as far as its options allow."""
    settings = parts.settings
    if settings.flag("frozen") or settings.flag("check-exists"):
        mode = "frozen"
    elif settings.flag("locked"):
        mode = "check"
    else:
        mode = "dry-run" if settings.flag("dry-run") or settings.flag("check") else "write"
    if opened.script and not os.path.lexists(opened.lock_path):
        if mode in ("check", "frozen"):
            raise UsageError(
                f"`{opened.script}` has no lock, and one is needed with `--locked` and `--frozen`",
                hint="make it with `cw lock --script`",
            )
        mode = "dry-run"  # a script is locked on lock_requirement, and its environment is made of a resolution for all
    updated = updating.update(parts, opened, mode)
    if updated.action != "use":
        parts.reporter.note(
            "debug" if quiet else "info", summary_lines.done("Resolved", len(updated.lock.packages), started)
        )
    return updated


def wanted_python(parts: "Parts", opened: "Opened", updated: "Updated") -> Wish:
    """Return which Python the environment of a project is to be of."""
    requires_python = updated.lock.requires_python
    if opened.workspace is None:
        return scripts.wish(parts, requires_python)
    return environments.wish(parts, opened.workspace, requires_python)


def carried_out(  # noqa: PLR0913 - one sync has this many sides
    parts: "Parts",
    opened: "Opened",
    updated: "Updated",
    *,
    exact: bool,
    dry: bool = False,
    quiet: bool = False,
    members: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
) -> SyncResult:
    """Make the environment if need be, and bring it to what the lock says; put an old one back if that fails.

    `extras` and `groups` are chosen beyond what the settings say.
    """
    lock = updated.lock
    requires_python = lock.requires_python
    wanted = wanted_python(parts, opened, updated)
    chosen = syncing.choice(parts.settings, opened, members=members)
    chosen = chosen.replaced(extras=(*chosen.extras, *extras), groups=(*chosen.groups, *groups))
    wishes = syncing.options(parts.settings, exact=exact)

    def say(verb: str, count: int, started: float) -> None:
        level = "debug" if quiet and verb == "Checked" else "info"
        parts.reporter.note(level, summary_lines.done(verb, count, started))

    if dry:
        made = environments.look(parts, place_of(parts, opened), wanted, requires_python)
        if made.environment is None:
            base = environments.interpreter(parts, wanted, requires_python)
            pins = syncing.selected_pins(parts, opened, lock, chosen, wishes, parts.target_of(base))
            parts.reporter.note("info", f"Would {made.action} the environment at: {made.root}")
            plan = syncing.foretold(pins)
        else:
            parts.use_environment(made.environment)
            target = parts.target_of(made.environment.interpreter)
            pins = syncing.selected_pins(parts, opened, lock, chosen, wishes, target)
            plan = syncing.carry_out(parts, made.environment, pins, wishes, say, dry=True).plan
        would = bool(plan.add or plan.remove or made.action != "check")
        status = 1 if would and parts.settings.flag("check") else 0
        return SyncResult(opened, updated, made, Changes(rows_of(plan), dry_run=True, status=status))
    made = environments.make(parts, place_of(parts, opened), prompt_of(opened), wanted, requires_python)
    assert made.environment is not None
    try:
        target = parts.target_of(made.environment.interpreter)
        pins = syncing.selected_pins(parts, opened, lock, chosen, wishes, target)
        synced = syncing.carry_out(parts, made.environment, pins, wishes, say)
    except BaseException:
        environments.put_back(made)
        raise
    mode = ""
    if synced.receipt is not None:
        mode = synced.receipt.mode
        compile_bytecode(parts, made.environment, synced.receipt)
    return SyncResult(opened, updated, made, Changes(rows_of(synced.plan), link_mode=mode), synced.count)


def place_of(parts: "Parts", opened: "Opened") -> Place:
    """Return where the environment of a workspace, or of a script, is."""
    return scripts.place(parts, opened.script) if opened.script else environments.place(parts, opened.root)


def prompt_of(opened: "Opened") -> str:
    """Return what a shell shows when the environment is active: the name of the project, or of its directory."""
    name = opened.workspace.root.name if opened.workspace is not None else os.path.basename(opened.script)
    return name or os.path.basename(opened.root)


def compile_bytecode(parts: "Parts", environment: "Environment", receipt: "Receipt") -> None:
    """Compile what was installed where `--compile-bytecode` wants it, as far as it did not come with its bytecode."""
    if not (parts.settings.flag("compile-bytecode") and receipt.added):
        return
    mode = bytecode.invalidation_mode(parts.environ)
    locations = bytecode.uncompiled(receipt, mode)
    if locations:
        parts.job.compiler.installed(environment.interpreter, locations, mode)
        parts.reporter.note("info", f"Bytecode compiled for {len(locations)} packages")
