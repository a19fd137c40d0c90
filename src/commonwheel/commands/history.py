"""`cw env`: what was changed when and by whom, and the way back.

A state is what a committed transaction left, told by its number or by the name of a snapshot. Going back is a transaction
as well, so it can be taken back too.
"""

import os

from commonwheel.commands.change_report import Changes
from commonwheel.commands.install import rows_of
from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.install import changeset, history, verify
from commonwheel.install.history import Package
from commonwheel.model import Pin, Plan, Value
from commonwheel.operations import apply, restore
from commonwheel.python import installed as pythons_installed
from commonwheel.python import venv
from commonwheel.specs.names import is_valid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

    from commonwheel.install.history import Difference, Record
    from commonwheel.model import Environment, Installed
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed
    from commonwheel.store.trust import Trust

    State = Mapping[str, Package]


class NoSuchState(CommonwheelError):
    """An environment has no state of that number or name."""

    code = "no-such-state"


class Log(Value):
    """All records of an environment, oldest first, the names of states, and what other tools changed since the last."""

    __slots__ = ("foreign", "names", "records")

    def __init__(self, records: "tuple[Record, ...]", names: "Mapping[str, int]", foreign: "Difference") -> None:
        self.records: Final = records
        self.names: Final = names
        self.foreign: Final = foreign


class Compared(Value):
    """Two states and what is different between them."""

    __slots__ = ("after", "before", "difference")

    def __init__(self, before: str, after: str, difference: "Difference") -> None:
        self.before: Final = before
        self.after: Final = after
        self.difference: Final = difference


def log(session: "Session") -> Log:
    """Return what was done to an environment."""
    environment = session.environment(mutating=False)
    records = history.log(environment)
    present = _present(session, environment)
    foreign = (
        history.foreign_changes(records[-1] if records else None, present.values())
        if records
        else history.Difference((), ())
    )
    return Log(records, history.snapshots(environment), foreign)


def undo(session: "Session") -> Changes:
    """Take the last change of an environment back; a second undo takes the undo back."""
    environment = session.environment(mutating=True)
    session.recover(environment)
    last = history.require(environment, history.last_number(history.state_directory(environment)), session.trust)
    if last is None:
        raise NoSuchState(
            f"there is nothing to undo in `{environment.root}`", hint="cw has not changed this environment"
        )
    before = {one.name: one for one in (*last.kept, *last.removed)}
    return _go_to(session, environment, before)


def rollback(session: "Session", parsed: "Parsed") -> Changes:
    """Bring back the state after change N, or that of a snapshot; 0 is the state before cw's first change."""
    environment = session.environment(mutating=True)
    session.recover(environment)
    return _go_to(session, environment, _state(environment, parsed.positional[0], session.trust))


def diff(session: "Session", parsed: "Parsed") -> Compared:
    """Compare two states: N with M, N with the present one, or the last recorded one with the present one."""
    environment = session.environment(mutating=False)
    words = list(parsed.positional) or [str(history.last_number(history.state_directory(environment)))]
    before = _state(environment, words[0])
    if len(words) > 1:
        return Compared(words[0], words[1], history.difference(before, _state(environment, words[1])))
    return Compared(words[0], "now", history.difference(before, _present(session, environment)))


def snapshot(session: "Session", parsed: "Parsed") -> str:
    """Give the present state a name."""
    environment = session.environment(mutating=True)
    name = parsed.positional[0]
    if not is_valid(name) or name.isdigit():
        raise UsageError(
            f"`{name}` cannot name a state", hint="use letters, digits, `-`, `_` and `.`, and not only digits"
        )
    number = history.last_number(history.state_directory(environment))
    record = history.current(environment, session.trust)
    foreign = history.foreign_changes(record, _present(session, environment).values())
    if record is None or foreign.added or foreign.removed:
        raise NoSuchState(
            f"the present state of `{environment.root}` was not made by cw alone",
            context=[f"since then: {sign} {one.name} {one.version}" for sign, one in _signed(foreign)][:10],
            hint="a snapshot names a state that cw recorded: make one with any `cw pip` command that changes something",
        )
    if not history.save_snapshot(environment, name, number):
        raise UsageError(f"there is a snapshot `{name}` already", hint="choose another name")
    return f"Saved state {number} as `{name}`"


def relocate(session: "Session") -> "list[str]":
    """Mend an environment that was moved: its links, activation scripts, and the scripts of its packages."""
    environment = session.environment(mutating=True)
    if environment.kind != "venv":
        raise UsageError(f"`{environment.root}` is not a virtual environment", hint="only those are mended")
    session.recover(environment)
    findings = [one for one in verify.scripts(environment) if one.kind in (verify.MOVED, verify.BROKEN_SCRIPT)]
    venv.create(
        environment.root,
        environment.interpreter,
        venv.Options(allow_existing=True, relocatable=environment.relocatable),
    )
    broken = {os.path.basename(one.path) for one in findings}
    names = {one.name for one in session.installed(environment) if one.own and broken & _scripts_of(one)}
    changes = reinstall(session, environment, names)
    left = verify.scripts(environment)
    lines = [f"mended {row.name}=={row.version}" for row in changes.rows]
    lines += [f"left as it is: {one.path} {one.detail}" for one in left]
    return lines or ["there was nothing to mend"]


def reinstall(session: "Session", environment: "Environment", names: "Iterable[str]") -> Changes:
    """Install packages again exactly as they are recorded, as one transaction."""
    wanted = set(names)
    seen = changeset.stamp(environment)
    installed = [one for one in session.installed(environment) if one.own and one.name in wanted]
    if not installed:
        return Changes()
    record = history.current(environment, session.trust)
    state = {} if record is None else record.state
    packages = [state[one.name] if _is_recorded(state, one) else _package(one) for one in installed]
    job = session.job()
    pins, entries = restore.restore(job, environment, packages)
    plan = Plan(tuple(installed), (), pins, tuple(pin.name for pin in pins))
    receipt = apply.carry_out(job, environment, plan, entries, seen=seen)
    return Changes(rows_of(plan), link_mode=receipt.mode)


def _go_to(session: "Session", environment: "Environment", state: "State") -> Changes:
    """Change an environment to a state, keeping what is the same; tell what other tools did in between."""
    settings = session.settings
    seen = changeset.stamp(environment)
    present = _present(session, environment)
    foreign = history.foreign_changes(history.current(environment, session.trust), present.values())
    for sign, one in _signed(foreign):
        session.reporter.note("warning", f"since cw's last change another tool did: {sign} {one.name} {one.version}")
    wanted = history.difference(present, state)
    own = {one.name: one for one in session.installed(environment) if one.own}
    remove = tuple(own[one.name] for one in wanted.removed if one.name in own)
    if settings.flag("dry-run"):
        pins = tuple(Pin(one.name, one.version) for one in wanted.added)
        return Changes(rows_of(Plan(remove, (), pins)), dry_run=True)
    if not wanted.added and not remove:
        session.reporter.note("info", "the environment is in that state already")
        return Changes()
    job = session.job()
    pins, entries = restore.restore(job, environment, wanted.added)
    keep = tuple(one for one in own.values() if one not in remove)
    plan = Plan(remove, keep, pins)
    receipt = apply.carry_out(job, environment, plan, entries, seen=seen)
    return Changes(rows_of(plan), link_mode=receipt.mode)


def _state(environment: "Environment", word: str, trust: "Trust | None" = None) -> "State":
    """Return the state that a number or a snapshot's name means; with `trust`, raise ForeignState if a stranger recorded it."""
    number = int(word) if word.isdigit() else history.snapshots(environment).get(word)
    records = {record.number: record for record in history.log(environment)}
    if trust is not None and records and number is not None:
        history.require(environment, number or min(records), trust)
    if number == 0 and records:
        first = records[min(records)]
        return {one.name: one for one in (*first.kept, *first.removed)}
    if number is None or number not in records:
        names = ", ".join(map(str, [*records, *history.snapshots(environment)]))
        raise NoSuchState(
            f"`{environment.root}` has no state `{word}`",
            context=[f"it has: {names}"] if names else ["cw has not changed this environment"],
            hint="`cw env log` lists them",
        )
    return records[number].state


def _present(session: "Session", environment: "Environment") -> "dict[str, Package]":
    """Return what an environment holds now, with the hashes that the last record knows."""
    record = history.current(environment, session.trust)
    state = {} if record is None else record.state
    found = {}
    for one in session.installed(environment):
        if one.own:
            one = pythons_installed.details(one)
            package = _package(one)
            if _is_recorded(state, one):
                package = package.replaced(digest=state[one.name].digest)
            found[one.name] = package
    return found


def _is_recorded(state: "State", one: "Installed") -> bool:
    known = state.get(one.name)
    return known is not None and known.version == one.version and known.installer == (one.installer or known.installer)


def _package(one: "Installed") -> Package:
    return Package(one.name, one.version, "", one.location, one.installer, one.direct_url, requested=one.requested)


def _signed(difference: "Difference") -> "list[tuple[str, Package]]":
    return [("-", one) for one in difference.removed] + [("+", one) for one in difference.added]


def _scripts_of(one: "Installed") -> "set[str]":
    """Return the names of the scripts that a distribution's RECORD lists."""
    try:
        with open(os.path.join(one.location, "RECORD"), encoding="utf-8") as stream:
            paths = [line.rpartition(",")[0].rpartition(",")[0] for line in stream]
    except OSError:
        return set()
    return {os.path.basename(path) for path in paths if "/bin/" in f"/{path}" and path.startswith("..")}
