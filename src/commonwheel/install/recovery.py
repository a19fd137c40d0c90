"""Undo what a dead transaction had begun, or finish what it had committed.

What makes it simple is that no step has to be written down when it is done: where a path is tells whether it was moved.
Something that stands aside was set aside; something that has left its staging place was brought in. So undoing a journal
looks at the disk, and may itself be killed and begun again, any number of times.

    <state>/lock                         held by writers, never by readers
    <state>/.tmp-<host>-<pid>-<random>/  one transaction: `journal`, `new/0`, `old/0`..., its record until it commits
    <state>/history/000012               a committed transaction
    <state>/unsettled-<boot>-000012      its journal, as long as a power cut could still take its data

Laws of this file: it knows paths and journals, no packages but by name; nothing is deleted that could still be needed for
going back; what another tool has put in a place since the crash stays there.
"""

import os
import time

from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.fs import disk, facts
from commonwheel.install import history
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.install.history import Package
    from commonwheel.model import Environment

# The words of the journal. `begin` says of which record, `ready` that all intents stand before it.
BEGIN, SET_ASIDE, BRING_IN, MAKE, READY = "begin", "set-aside", "bring-in", "make", "ready"
# those that name paths, and how many
_PATHS = {SET_ASIDE: 2, BRING_IN: 2, MAKE: 1}
_UNSETTLED = "unsettled-"
# Linux writes what is older than 30 seconds (dirty_expire_centisecs); twenty times that is beyond doubt.
_SETTLED_AFTER = 600.0
# Where locks do not work, a journal of another host that nobody touched for this long belongs to a dead process.
_ABANDONED_AFTER = 600.0


class EnvironmentBusy(CommonwheelError):
    """Say that somebody else is changing the environment, on a file system without locks."""

    code = "environment-busy"


class RecoveryFailed(CommonwheelError):
    """Say that an interrupted change could not be undone now; its journal stays for the next attempt."""

    code = "recovery-failed"


class Recovered(Value):
    """What was found of dead predecessors: commands that were undone or finished, and packages that a power cut damaged."""

    __slots__ = ("damaged", "finished", "undone")

    def __init__(
        self,
        undone: "tuple[str, ...]" = (),
        finished: "tuple[str, ...]" = (),
        damaged: "tuple[Package, ...]" = (),
    ) -> None:
        self.undone: Final = undone
        self.finished: Final = finished
        self.damaged: Final = damaged


# --- recover -------------------------------------------------------------------------------------------------------


def recover(
    environment: "Environment",
    is_sound: "Callable[[str], bool]",
    reporter: "Reporter | None" = None,
    *,
    lock_timeout: float = 300.0,
) -> Recovered:
    """Bring an environment that a dead command left between two states to exactly one of them.

    To be called before what is installed is read by a command that changes it. Costs one `listdir` when nothing is
    pending. `damaged` are packages of the last changes before a power cut whose files lost their data, to be reinstalled:
    `is_sound(location)` tells them (`verify.is_sound`, handed in since it loads more than a healthy environment needs).
    """
    reporter = reporter or Silence()
    state = history.state_directory(environment)
    try:
        names = os.listdir(state)
    except (FileNotFoundError, NotADirectoryError):
        return Recovered()
    if not _pending(names):
        return Recovered()
    with lock(environment, state, lock_timeout, reporter) as held:
        return sweep(state, reporter, held=held, is_sound=is_sound)


def _pending(names: "Iterable[str]") -> bool:
    """Say whether the names in a state directory tell of something to be done."""
    current = f"{_UNSETTLED}{facts.boot_id()}-"
    return any(
        name.startswith((disk.TEMPORARY, disk.TRASH)) or (name.startswith(_UNSETTLED) and not name.startswith(current))
        for name in names
    )


def sweep(
    state: str, reporter: "Reporter", *, held: bool, is_sound: "Callable[[str], bool] | None" = None
) -> Recovered:
    """Undo or finish what dead transactions left below `state`; the caller has the lock, if there are locks (`held`)."""
    undone: list[str] = []
    finished: list[str] = []
    damaged: dict[str, Package] = {}
    for name in sorted(os.listdir(state)):
        path = f"{state}/{name}"
        if name.startswith(disk.TEMPORARY):
            if not held:
                _refuse_if_alive(path, name)
            _mend(state, path, undone, finished)
        elif name.startswith(disk.TRASH):
            disk.erase(path)
    for name in os.listdir(state):
        if name.startswith(_UNSETTLED):
            damaged |= {one.name: one for one in _unsettled(state, name, is_sound)}
    for command in undone:
        reporter.note("warning", f"undid what an interrupted command had begun: {command or 'unknown'}")
    return Recovered(tuple(undone), tuple(finished), tuple(damaged.values()))


def _mend(state: str, work: str, undone: "list[str]", finished: "list[str]") -> None:
    intents = intents_of(work)
    if not intents:
        # killed before the first rename: only the staging is left
        disk.erase(work)
        return
    _, number, _, _, command = intents[0][:5]
    if is_committed(state, work, int(number)):
        finished.append(command)
        finish(state, work, intents, keep_journal=True)
    else:
        undone.append(command)
        try:
            undo(work)
        except disk.DiskError as error:
            raise RecoveryFailed(
                f"an interrupted command could not be undone: {error.message}",
                context=(f"command: {command}", *error.context),
                hint="mend that, and run the command again",
            ) from error


def is_committed(state: str, work: str, number: int) -> bool:
    """Say whether the transaction that worked in `work` has its record in the history: the one thing that commits it."""
    record = history.read(state, number)
    return record is not None and record.work == os.path.basename(work)


def portable(intents: "Iterable[tuple[str, ...]]", base: str) -> "list[tuple[str, ...]]":
    """Return intents for a journal: paths below `base` relative to it, since who finds it may know the place by another name.

    An environment on a file server has one name here and another there; one that broke may be moved before it is mended.
    """
    start = f"{base}/"
    return [
        (words[0], *[word.removeprefix(start) for word in words[1:]]) if words[0] in _PATHS else words
        for words in intents
    ]


def intents_of(work: str) -> "list[tuple[str, ...]]":
    """Return the intents of a transaction, none if it never was ready to move anything."""
    base = os.path.dirname(os.path.dirname(work))
    intents = []
    for record in disk.Journal.records(f"{work}/journal"):
        word, *rest = record.words
        count = _PATHS.get(word, 0)
        paths = [path if path.startswith("/") else f"{base}/{path}" for path in rest[:count]]
        intents.append((word, *paths, *rest[count:]))
    return intents if (READY,) in intents else []


def undo(work: str) -> None:
    """Undo whatever was done of a journal, last first, and delete the rest. May be repeated, and killed, at any point."""
    intents = intents_of(work)
    for words in reversed(intents):
        if words[0] == BRING_IN:
            _, staged, path = words
            # gone from its staging place: it is at `path`, unless somebody took it from there
            if not os.path.lexists(staged) and os.path.lexists(path):
                disk.rename(path, staged)
    # now every place is free; a directory that was emptied file by file has to be there before its parts
    for words in intents:
        if words[0] == MAKE and not os.path.lexists(words[1]):
            disk.make_directory(words[1], int(words[2], 8))
    for words in reversed(intents):
        if words[0] == SET_ASIDE:
            _put_back(words[2], words[1])
    _erase_nearby(intents, work)
    # before the staging goes, or a second undo would take what is missing there for brought in
    disk.remove(f"{work}/journal")
    disk.erase(work)


def _put_back(aside: str, path: str) -> None:
    """Give what stands aside its place again, unless another tool has put something there since."""
    try:
        old = os.lstat(aside)
    except FileNotFoundError:
        return
    try:
        new = os.lstat(path)
    except FileNotFoundError:
        pass
    else:
        if (new.st_dev, new.st_ino) != (old.st_dev, old.st_ino):
            return
    disk.rename(aside, path)


def finish(state: str, work: str, intents: "Sequence[tuple[str, ...]]", *, keep_journal: bool) -> None:
    """Delete what a committed transaction replaced; keep its journal until its data is known to be on disk."""
    _erase_nearby(intents, work)
    _, number, boot = intents[0][:3]
    if keep_journal and boot:
        disk.rename(f"{work}/journal", f"{state}/{_UNSETTLED}{boot}-{number}")
    disk.erase(work)


def _erase_nearby(intents: "Iterable[tuple[str, ...]]", work: str) -> None:
    """Delete what was set aside or staged beside its place, since it could not be moved here."""
    for words in intents:
        for path in words[1:3] if words[0] in {SET_ASIDE, BRING_IN} else ():
            temporary = os.path.basename(path).startswith((disk.TEMPORARY, disk.TRASH))
            if temporary and not path.startswith(f"{work}/") and os.path.lexists(path):
                disk.erase(path)


def _refuse_if_alive(path: str, name: str) -> None:
    """Raise EnvironmentBusy if the maker of a transaction may be at work still: asked only where locks do not work."""
    made_by = disk.maker(name)
    here = disk.maker(os.path.basename(disk.temporary("")))
    if made_by is None or here is None:
        return
    now = disk.clock(os.path.dirname(path)) or time.time()
    fresh = now - os.lstat(path).st_mtime < _ABANDONED_AFTER
    if _is_alive(made_by[1]) if made_by[0] == here[0] else fresh:
        raise EnvironmentBusy(
            f"process {made_by[1]} on {made_by[0]} is changing this environment",
            context=(f"its work: {path}", "locks do not work on this file system"),
            hint="wait for it, then run the command again",
        )


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unsettled(state: str, name: str, is_sound: "Callable[[str], bool] | None") -> "Sequence[Package]":
    """Look at a change whose data may not have been on disk: return its packages that lost some, forget it if none did.

    In the same boot nothing is lost, and after a while nothing can be any more.
    """
    path = f"{state}/{name}"
    boot, _, number = name[len(_UNSETTLED) :].rpartition("-")
    if boot == facts.boot_id():
        if time.time() - os.lstat(path).st_mtime > _SETTLED_AFTER:
            disk.remove(path)
        return ()
    if is_sound is None:
        return ()
    record = history.read(state, int(number)) if number.isdigit() else None
    last = history.read(state, history.last_number(state))
    standing = {} if last is None else last.state
    damaged = [
        one
        for one in (record.added if record is not None else ())
        # what a later change replaced is that change's affair
        if _stands(one, standing.get(one.name)) and not is_sound(one.location)
    ]
    if not damaged:
        disk.remove(path)
    return damaged


def _stands(one: "Package", now: "Package | None") -> bool:
    return now is not None and (one.version, one.digest, one.location) == (now.version, now.digest, now.location)


def lock(environment: "Environment", state: str, timeout: float, reporter: "Reporter") -> disk.Lock:
    """Return the lock of writers; whoever waits for it says for whom."""
    return disk.lock(
        f"{state}/lock",
        timeout=timeout,
        who=f"changing {environment.root}",
        waiting=lambda holder: reporter.note("info", f"Waiting for {holder}"),
    )
