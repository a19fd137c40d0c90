"""Undo what a dead transaction had begun, or finish what it had committed.

What makes it simple is that no step has to be written down when it is done: where a path is tells whether it was moved.
Something that stands aside was set aside; something that has left its staging place was brought in. So undoing a journal
looks at the disk, and may itself be killed and begun again, any number of times.

    <state>/lock                         held by writers, never by readers
    <state>/.tmp-<host>-<pid>-<random>/  one transaction: `journal`, `new/0`, `old/0`..., its record until it commits
    <state>/history/000012               a committed transaction
    <state>/unsettled-<boot>-000012      its journal, as long as a power cut could still take its data

A journal is found and not named: it counts only by its owners (`state.py`), and moves nothing but what lies in its own environment.
Each path that it wants to change must be below a root of the environment with no link on the way that leads out of it, and the other
side of each move must be in the directory where the transaction worked, or a temporary name beside the path itself.

Laws of this file: it knows paths and journals, no packages but by name; nothing is deleted that could still be needed for
going back; what another tool has put in a place since the crash stays there.
"""

import os
import time

from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.fs import disk, facts, files, found, journal_record, locks, trees
from commonwheel.fs.found import Directory, Refusal
from commonwheel.install import history
from commonwheel.install import state as states
from commonwheel.model import Value
from commonwheel.store.trust import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.install.history import Package
    from commonwheel.model import Environment

# The words of the journal. `begin` says of which record, `ready` that all intents stand before it.
BEGIN, SET_ASIDE, BRING_IN, MAKE, READY = "begin", "set-aside", "bring-in", "make", "ready"
# those that name paths, and how many
_PATHS = {SET_ASIDE: 2, BRING_IN: 2, MAKE: 1}
# a line for each of a million files
_MOST_JOURNAL = 1 << 28
# where `begin` has the command
_COMMAND = 4
_UNSETTLED = "unsettled-"
# Linux writes what is older than 30 seconds (dirty_expire_centisecs); twenty times that is beyond doubt.
_SETTLED_AFTER = 600.0
# Where locks do not work, a journal of another host that nobody touched for this long belongs to a dead process.
_ABANDONED_AFTER = 600.0


class EnvironmentBusy(CommonwheelError):
    """Somebody else is changing the environment, on a file system without locks."""

    code = "environment-busy"


class RecoveryFailed(CommonwheelError):
    """An interrupted change could not be undone now; its journal stays for the next attempt."""

    code = "recovery-failed"


class ForeignJournal(RecoveryFailed):
    """Report a journal that a stranger made or may have replaced, or that would move what is not the environment's; nothing is moved."""

    code = "foreign-journal"
    exit_status = 2


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
    trust: Trust | None = None,
    lock_timeout: float = 300.0,
    look_only: bool = False,
) -> Recovered:
    """Bring an environment that a dead command left between two states to exactly one of them.

    Journals of others count as `trust` says (by default mine and root's). With `look_only` nothing is changed, and a warning tells what
    there would be to do. Raises ForeignJournal, ForeignState.

    To be called before what is installed is read by a command that changes it. Costs one `listdir` when nothing is
    pending. `damaged` are packages of the last changes before a power cut whose files lost their data, to be reinstalled:
    `is_sound(location)` tells them (`verify.is_sound`, handed in since it loads more than a healthy environment needs).
    """
    reporter = reporter or Silence()
    state = states.opened(history.state_directory(environment), trust or Trust())
    if state is None:
        return Recovered()
    with state:
        if not _pending(state.names()):
            return Recovered()
        if look_only:
            text = f"an interrupted command may have left `{environment.root}` between two states, and a dry run changes nothing"
            reporter.note("warning", text)
            return Recovered()
        with lock(environment, state, lock_timeout, reporter) as held:
            return sweep(environment, state, reporter, held=held, is_sound=is_sound)


def _pending(names: "Iterable[str]") -> bool:
    """Return whether the names in a state directory tell of something to be done."""
    current = f"{_UNSETTLED}{facts.boot_id()}-"
    return any(
        name.startswith((disk.TEMPORARY, disk.TRASH)) or (name.startswith(_UNSETTLED) and not name.startswith(current))
        for name in names
    )


def sweep(
    environment: "Environment",
    state: Directory,
    reporter: "Reporter",
    *,
    held: bool,
    is_sound: "Callable[[str], bool] | None" = None,
) -> Recovered:
    """Undo or finish what dead transactions left in `state`; the caller has the lock, if there are locks (`held`).

    Raises ForeignJournal before anything is moved.
    """
    undone: list[str] = []
    finished: list[str] = []
    damaged: dict[str, Package] = {}
    left: list[tuple[str, list[tuple[str, ...]]]] = []
    for name in sorted(state.names()):
        if name.startswith(disk.TEMPORARY):
            if not held:
                _refuse_if_alive(f"{state.path}/{name}", name)
            left.append((name, _counted(environment, state, name)))
    for name, intents in left:
        _mend(state, name, intents, undone, finished)
    for name in sorted(state.names()):
        if name.startswith(disk.TRASH):
            trees.erase_in(state.fd, name, f"{state.path}/{name}")
        elif name.startswith(_UNSETTLED):
            damaged |= {one.name: one for one in _unsettled(state, name, is_sound)}
    for command in undone:
        reporter.note("warning", f"undid what an interrupted command had begun: {command or 'unknown'}")
    return Recovered(tuple(undone), tuple(finished), tuple(damaged.values()))


def _counted(environment: "Environment", state: Directory, name: str) -> "list[tuple[str, ...]]":
    """Return the intents of the transaction that worked in `name`, none if it moved nothing; raise ForeignJournal if they do not count."""
    path = f"{state.path}/{name}"
    work = state.inner(name)
    if work is None:
        return []
    if isinstance(work, Refusal):
        if work.errno:
            raise _foreign(environment, work, path)
        return []  # a link or a file: it loses its name
    with work:
        data = work.read("journal", _MOST_JOURNAL)
        if isinstance(data, Refusal):
            raise _foreign(environment, data, path)
        intents = [] if data is None else _intents(data, os.path.dirname(state.path))
        trouble = _out_of_bounds(environment, state.path, path, intents)
        if trouble:
            raise _foreign(environment, Refusal(f"{path}/journal", trouble), path)
    return intents


def _foreign(environment: "Environment", refusal: Refusal, work: str) -> ForeignJournal:
    return ForeignJournal(
        f"an interrupted change of `{environment.root}` is not undone, since its journal does not count",
        context=(f"`{refusal.path}`: {refusal.reason}", "nothing was moved"),
        hint=refusal.hint or f"remove `{work}` to go on without what it says",
    )


def _out_of_bounds(environment: "Environment", state: str, work: str, intents: "Iterable[tuple[str, ...]]") -> str:
    """Return why a journal may not be carried out: which path of it is not the environment's; or ""."""
    roots = {environment.root, *environment.paths.values()}
    bounds = (roots, {os.path.realpath(root) for root in roots})
    for words in intents:
        if words[0] == BEGIN:
            numbered = len(words) > _COMMAND and words[1].isdecimal() and "/" not in words[2]
            if not numbered:
                return "it does not tell whose change it is"
        if words[0] not in _PATHS:
            continue
        if len(words) <= _PATHS[words[0]] or (words[0] == MAKE and not _is_mode(words[-1])):
            return "it has a line that says nothing"
        path, other = (words[2], words[1]) if words[0] == BRING_IN else (words[1], words[2])
        if not _is_inside(path, bounds) or _is_below(path, state):
            return f"`{path}` does not lie in the environment"
        if words[0] != MAKE and not _is_other_side(other, path, work):
            return f"`{other}` is no place where a change keeps something"
    return "" if not intents or next(iter(intents))[0] == BEGIN else "it does not begin with whose change it is"


def _is_inside(path: str, bounds: "tuple[Collection[str], Collection[str]]") -> bool:
    """Return whether a path lies below one of the roots, by its name and where links on the way lead."""
    names, places = bounds
    if os.path.normpath(path) != path or not any(_is_below(path, root) for root in (*names, *places)):
        return False
    above = os.path.realpath(os.path.dirname(path))
    return any(above == root or _is_below(above, root) for root in places)


def _is_other_side(path: str, place: str, work: str) -> bool:
    """Return whether a path is where the transaction in `work` keeps what is, or was, at `place`."""
    above, _, name = path.rpartition("/")
    if above == os.path.dirname(place):
        return name.startswith((disk.TEMPORARY, disk.TRASH))
    if os.path.normpath(path) != path or not _is_below(path, work):
        return False
    return _is_below(os.path.realpath(above) + "/", os.path.realpath(work))


def _is_below(path: str, root: str) -> bool:
    return path.startswith(f"{root.rstrip('/')}/")


def _is_mode(text: str) -> bool:
    return 0 < len(text) <= len("7777") and not text.strip("01234567")


def _mend(
    state: Directory, name: str, intents: "Sequence[tuple[str, ...]]", undone: "list[str]", finished: "list[str]"
) -> None:
    work = f"{state.path}/{name}"
    if not intents:
        # killed before the first rename: only the staging is left
        trees.erase_in(state.fd, name, work)
        return
    _, number, _, _, command = intents[0][:5]
    if is_committed(state.path, work, int(number)):
        finished.append(command)
        finish(state.path, work, intents, keep_journal=True)
    else:
        undone.append(command)
        try:
            undo(work, intents)
        except disk.DiskError as error:
            raise RecoveryFailed(
                f"an interrupted command could not be undone: {error.message}",
                context=(f"command: {command}", *error.context),
                hint="mend that, and run the command again",
            ) from error


def is_committed(state: str, work: str, number: int) -> bool:
    """Return whether the transaction that worked in `work` has its record in the history: the one thing that commits it."""
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
    """Return the intents of a transaction of any user, none if it never was ready to move anything. Raises DiskError."""
    data = found.read(f"{work}/journal", found.ANYBODY, base=os.path.dirname(work), limit=_MOST_JOURNAL)
    if isinstance(data, Refusal) and data.errno:
        raise disk.DiskError("read", data.path, OSError(data.errno, os.strerror(data.errno)))
    return _intents(data, os.path.dirname(os.path.dirname(work))) if isinstance(data, bytes) else []


def _intents(data: bytes, base: str) -> "list[tuple[str, ...]]":
    """Return what a journal says; `base` is what its relative paths are relative to."""
    intents = []
    for record in journal_record.records(data):
        word, *rest = record.words
        count = _PATHS.get(word, 0)
        paths = [path if path.startswith("/") else f"{base}/{path}" for path in rest[:count]]
        intents.append((word, *paths, *rest[count:]))
    return intents if (READY,) in intents else []


def undo(work: str, intents: "Sequence[tuple[str, ...]] | None" = None) -> None:
    """Undo whatever was done of a journal, last first, and delete the rest. May be repeated, and killed, at any point.

    Without `intents`, they are read from the journal that this process wrote.
    """
    if intents is None:
        intents = intents_of(work)
    for words in reversed(intents):
        if words[0] == BRING_IN:
            _, staged, path = words
            # gone from its staging place: it is at `path`, unless another process took it from there
            if not os.path.lexists(staged) and os.path.lexists(path):
                trees.rename(path, staged)
    # now every place is free; a directory that was emptied file by file has to be there before its parts
    for words in intents:
        if words[0] == MAKE and not os.path.lexists(words[1]):
            trees.make_directory(words[1], int(words[2], 8))
    for words in reversed(intents):
        if words[0] == SET_ASIDE:
            _put_back(words[2], words[1])
    _erase_nearby(intents, work)
    # before the staging goes, or a second undo would take what is missing there for brought in
    trees.remove(f"{work}/journal")
    trees.erase(work)


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
    trees.rename(aside, path)


def finish(state: str, work: str, intents: "Sequence[tuple[str, ...]]", *, keep_journal: bool) -> None:
    """Delete what a committed transaction replaced; keep its journal until its data is known to be on disk."""
    _erase_nearby(intents, work)
    _, number, boot = intents[0][:3]
    if keep_journal and boot:
        trees.rename(f"{work}/journal", f"{state}/{_UNSETTLED}{boot}-{number}")
    trees.erase(work)


def _erase_nearby(intents: "Iterable[tuple[str, ...]]", work: str) -> None:
    """Delete what was set aside or staged beside its place, since it could not be moved here."""
    for words in intents:
        for path in words[1:3] if words[0] in {SET_ASIDE, BRING_IN} else ():
            temporary = os.path.basename(path).startswith((disk.TEMPORARY, disk.TRASH))
            if temporary and not path.startswith(f"{work}/") and os.path.lexists(path):
                trees.erase(path)


def _refuse_if_alive(path: str, name: str) -> None:
    """Raise EnvironmentBusy if the maker of a transaction may be at work still: asked only where locks do not work."""
    made_by = disk.maker(name)
    here = disk.maker(os.path.basename(disk.temporary("")))
    if made_by is None or here is None:
        return
    now = files.clock(os.path.dirname(path)) or time.time()
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


def _unsettled(state: Directory, name: str, is_sound: "Callable[[str], bool] | None") -> "Sequence[Package]":
    """Look at a change whose data may not have been on disk: return its packages that lost some, forget it if none did.

    In the same boot nothing is lost, and after a while nothing can be any more.
    """
    path = f"{state.path}/{name}"
    boot, _, number = name[len(_UNSETTLED) :].rpartition("-")
    if isinstance(state.read(name, _MOST_JOURNAL), Refusal):
        return ()  # a stranger's: it is no reason to install anything
    if boot == facts.boot_id():
        if time.time() - os.lstat(path).st_mtime > _SETTLED_AFTER:
            trees.erase_in(state.fd, name, path)
        return ()
    if is_sound is None:
        return ()
    record = history.read(state.path, int(number)) if number.isdecimal() else None
    last = history.read(state.path, history.last_number(state.path))
    standing = {} if last is None else last.state
    damaged = [
        one
        for one in (record.added if record is not None else ())
        # what a later change replaced is that change's affair
        if _stands(one, standing.get(one.name)) and not is_sound(one.location)
    ]
    if not damaged:
        trees.erase_in(state.fd, name, path)
    return damaged


def _stands(one: "Package", now: "Package | None") -> bool:
    return now is not None and (one.version, one.digest, one.location) == (now.version, now.digest, now.location)


def lock(environment: "Environment", state: Directory, timeout: float, reporter: "Reporter") -> locks.Lock:
    """Return the lock of writers; a process that waits reports the holder."""
    return locks.lock(
        f"{state.path}/lock",
        inside=state.fd,
        timeout=timeout,
        who=f"changing {environment.root}",
        waiting=lambda holder: reporter.note("info", f"Waiting for {holder}"),
    )
