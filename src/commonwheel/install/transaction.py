"""Change an environment so that it is always the old one or the new one.

How it works, in five sentences. Everything new is built, complete, in a private directory of the environment's state
(`staging.py`). A journal lists every rename that is to follow, and is on its medium before the first of them. The renames
set each old path aside and bring its successor in: metadata directories of the old go first and those of the new come
last, so that *listed* means *complete*. One last step commits: the record of this change gets its name in the history.
Until that name exists, everything is undone; once it exists, nothing is.

No step is written down when it is done: where a path is tells whether it was moved (`recovery.py`, which undoes and
finishes, and draws the state directory).

Durability. `recover`: journal and record are synced and nothing else. After a power cut the environment is old or new by name; files of
the last changes may lack their data, which the first command after the reboot finds by their hashes, so that they are
brought again from the store. `sync`: all data is on its medium before the first rename, and all names before the end.

Laws of this file: it decides nothing about packages, only about paths; all changes go through `disk`; every path that it moves
stands in the journal first.
"""

import _signal  # type: ignore[import-not-found]  # typeshed knows `signal` alone
import errno
import os
import time

from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.fs import disk, facts, files, modes, trees
from commonwheel.fs import journal as fs_journal
from commonwheel.fs import linking as fs_linking
from commonwheel.fs.found import Directory, Refusal
from commonwheel.install import changeset, history, linking, recovery
from commonwheel.install import state as states
from commonwheel.install.recovery import BEGIN, BRING_IN, MAKE, READY, SET_ASIDE, EnvironmentBusy, RecoveryFailed
from commonwheel.install.staging import Staging
from commonwheel.model import Value
from commonwheel.store.trust import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType, TracebackType
    from typing import Final, NoReturn

    from commonwheel.events import Reporter
    from commonwheel.install.changeset import Changeset
    from commonwheel.install.history import Package, Record
    from commonwheel.install.nodes import Placement
    from commonwheel.install.staging import Proof
    from commonwheel.model import Environment

# a directory of another user or of a lower overlay layer, or another mount: it may move within its parent only
_ELSEWHERE = frozenset({errno.EXDEV, errno.EACCES, errno.EPERM})


class NotWritable(CommonwheelError):
    """An environment cannot be changed by this user, before anything was tried."""

    code = "environment-not-writable"
    exit_status = 2


class EnvironmentChanged(CommonwheelError):
    """Somebody else changed the environment since the plan was made: make a new one."""

    code = "environment-changed"


class Options(Value):
    """How to carry out a change.

    `durability` is `recover`, `sync`, or `none` for an environment that nobody keeps, as builds have; `command` is what the
    user typed, without secrets; `trust` tells whose journals count; `processes` place files (None: as many as there are processors, up to four; more where a file server answers).
    """

    __slots__ = ("command", "durability", "lock_timeout", "processes", "trust")

    def __init__(
        self,
        *,
        durability: str = "recover",
        lock_timeout: float = 300.0,
        command: str = "",
        processes: int | None = None,
        trust: Trust | None = None,
    ) -> None:
        self.durability: Final = durability
        self.lock_timeout: Final = lock_timeout
        self.command: Final = command
        self.processes: Final = processes
        self.trust: Final = trust or Trust()


class Receipt(Value):
    """What was done, and as which number of the history.

    `used` counts files by the way they were placed; `why` are the reasons that kept others from
    being tried; `window` is how long, in seconds, the environment was neither old nor new; `warnings` are clashes and foreign
    files that were replaced; `left` are trash paths that could not be deleted; `compiled` names packages that came with bytecode.
    """

    __slots__ = ("added", "compiled", "left", "number", "removed", "used", "warnings", "why", "window")

    def __init__(  # noqa: PLR0913 - all that there is to tell
        self,
        number: int,
        added: "tuple[Package, ...]",
        removed: "tuple[Package, ...]",
        used: "Mapping[str, int]",
        why: "tuple[str, ...]" = (),
        warnings: "tuple[str, ...]" = (),
        window: float = 0.0,
        left: "tuple[str, ...]" = (),
        compiled: "frozenset[str]" = frozenset(),
    ) -> None:
        self.number: Final = number
        self.added: Final = added
        self.removed: Final = removed
        self.used: Final = used
        self.why: Final = why
        self.warnings: Final = warnings
        self.window: Final = window
        self.left: Final = left
        self.compiled: Final = compiled

    @property
    def mode(self) -> str:
        """Return the way that most files went."""
        return linking.prevailing(self.used)


# --- apply ---------------------------------------------------------------------------------------------------------


def apply(
    environment: "Environment",
    change: "Changeset",
    options: Options | None = None,
    reporter: "Reporter | None" = None,
    proof: "Proof | None" = None,
) -> Receipt:
    """Carry out a change, wholly or not at all, and return what was done.

    `proof` is settled when all is staged and before any of it appears; what it raises is undone like any other failure.

    Whatever goes wrong on the way (full disk, Ctrl-C, SIGTERM, a vanished mount) is undone before the error is passed on. Raises
    NotWritable before anything is touched, EnvironmentChanged when the stamp of `change` is no longer true, LockTimeout.
    """
    options, reporter = options or Options(), reporter or Silence()
    moves = _moves(change)
    _check_rights(environment, moves)
    with (
        _Terminable(),
        _made_state(environment, options.trust) as state,
        recovery.lock(environment, state, options.lock_timeout, reporter) as held,
    ):
        recovery.sweep(environment, state, reporter, held=held)
        if change.stamp is not None and change.stamp != changeset.stamp(environment):
            raise EnvironmentChanged(
                f"`{environment.root}` was changed by another command in the meantime", hint="run the command again"
            )
        return _Transaction(environment, state.path, change, options, reporter, proof).carry_out(moves)


class Move(Value):
    """One path that changes: what is there goes if `aside`, and `placement` comes; one of the two at least."""

    __slots__ = ("aside", "data", "path", "placement")

    def __init__(
        self, path: str, *, aside: bool = False, placement: "Placement | None" = None, data: bytes | None = None
    ) -> None:
        self.path: Final = path
        self.aside: Final = aside
        self.placement: Final = placement
        self.data: Final = data


def _moves(change: "Changeset") -> "list[Move]":
    """Return all moves in their order: old listings go, content changes path by path, new listings come."""
    clearing = change.clearing
    leaving = set(clearing.paths)
    first = [Move(path, aside=True) for path in clearing.listings]
    arriving = {one.path: one for one in change.layout.placements if not one.listing}
    rewritten = dict(clearing.rewrites)
    between = []
    for path in sorted(leaving | arriving.keys() | rewritten.keys()):
        placement = arriving.get(path)
        aside = path in leaving or path in rewritten or (placement is not None and placement.replaces)
        between.append(Move(path, aside=aside, placement=placement, data=rewritten.get(path) or None))
    last = [Move(one.path, aside=one.replaces, placement=one) for one in change.layout.placements if one.listing]
    return [*first, *between, *last]


class _Transaction:
    """One change on its way: staged, journalled, moved, committed, cleaned; or undone."""

    def __init__(
        self,
        environment: "Environment",
        state: str,
        change: "Changeset",
        options: Options,
        reporter: "Reporter",
        proof: "Proof | None",
    ) -> None:
        self._environment = environment
        self._state = state
        self._change = change
        self._options = options
        self._reporter = reporter
        self._proof = proof
        self._work = ""
        self._journal: fs_journal.Journal | None = None
        self._intents: list[tuple[str, ...]] = []
        self._staging: Staging | None = None
        self._record: files.NewFile | None = None
        self._number = history.last_number(state) + 1
        self._parts = 0
        self._window = 0.0

    def carry_out(self, moves: "Sequence[Move]") -> Receipt:
        """Do all of it; on any failure before the commit undo all of it."""
        try:
            self._work = trees.staging(self._state)
            staged = self._stage(moves)
            if self._proof is not None:
                self._proof.settle()
            record = self._describe()
            self._write_journal(moves, staged, record)
            self._move(moves, staged)
            self._commit()
        except BaseException as error:
            # asked of the disk: a signal may have come between the last step and whatever would remember it
            if self._work and recovery.is_committed(self._state, self._work, self._number):
                # the change stands; what is left of it is swept by the next command
                self._reporter.note(
                    "warning", f"interrupted after the change of `{self._environment.root}` was complete"
                )
            else:
                self._undo(error)
            raise
        return self._settle(record)

    # -- the five steps --

    def _stage(self, moves: "Sequence[Move]") -> "list[str]":
        """Build everything new; return for each move where that stands, "" for those that bring nothing."""
        home = f"{self._work}/new"
        trees.make_directory(home)
        trees.make_directory(f"{self._work}/old")
        choice, shelf = self._change.choice, self._change.shelf
        self._staging = Staging(
            home, choice, shelf, self._reporter, processes=self._options.processes, proof=self._proof
        )
        staged: list[str] = []
        for move in moves:
            path = ""
            if move.placement is not None:
                path = self._staging.begin(move.placement.node)
            elif move.data is not None:
                path = f"{home}/text-{len(staged)}"
                files.write_new(path, move.data)
            staged.append(path)
        self._staging.finish()
        return staged

    def _describe(self) -> "Record":
        """Write the record of this change, under no name yet."""
        used = self._staging.used if self._staging is not None else {}
        work = os.path.basename(self._work)
        record = changeset.record(self._change, self._state, self._number, self._options.command, used, work)
        trees.make_directory(f"{self._state}/history")
        self._record = files.create(self._work)
        self._record.write(history.encode(record, os.path.dirname(self._state)))
        # that it has a name will mean "committed": it must not be an empty file after a power cut
        if self._options.durability != "none":
            self._record.sync()
        return record

    def _write_journal(self, moves: "Sequence[Move]", staged: "Sequence[str]", record: "Record") -> None:
        begin = (BEGIN, str(self._number), facts.boot_id(), str(int(record.when)), record.command, record.who)
        intents: list[tuple[str, ...]] = [begin]
        for number, (move, new) in enumerate(zip(moves, staged, strict=True)):
            if move.aside:
                intents.append((SET_ASIDE, move.path, f"{self._work}/old/{number}"))
            if new:
                intents.append((BRING_IN, new, move.path))
        intents.append((READY,))
        if self._options.durability == "sync":
            modes.sync_filesystem(self._work)
        self._journal = fs_journal.Journal.create(f"{self._work}/journal")
        self._intend(*intents)

    def _move(self, moves: "Sequence[Move]", staged: "Sequence[str]") -> None:
        """Carry out the renames: the only time in which a reader can meet the old and the new together."""
        started = time.perf_counter()
        for number, (move, new) in enumerate(zip(moves, staged, strict=True)):
            aside = f"{self._work}/old/{number}"
            present = move.aside
            if not present and os.path.lexists(move.path):
                # somebody put it there since we looked
                self._intend((SET_ASIDE, move.path, aside))
                present = True
            if present:
                self._set_aside(move.path, aside, replaced=bool(new) and not _is_directory(new))
            if new:
                self._bring_in(move, new)
        self._window = time.perf_counter() - started

    def _commit(self) -> None:
        assert self._record is not None
        self._record.close()
        final = history.path_of(self._state, self._number)
        if not self._record.publish(final):
            raise EnvironmentBusy(
                f"another command changed `{self._environment.root}` at the same moment",
                context=("its file system has no locks that work",),
                hint="run the command again",
            )
        if self._options.durability == "sync":
            modes.sync_filesystem(self._state)

    def _settle(self, record: "Record") -> Receipt:
        """Clean up behind a committed change."""
        if self._journal is not None:
            self._journal.close()
        try:
            recovery.finish(self._state, self._work, self._intents, keep_journal=self._options.durability == "recover")
        except disk.DiskError as error:
            # nothing of it matters any more, and the next command sweeps it
            self._reporter.note("warning", f"the change is complete, but its rests stay for now: {error.message}")
        used = self._staging.used if self._staging is not None else {}
        left = tuple(name for name in os.listdir(self._state) if name.startswith((disk.TRASH, disk.TEMPORARY)))
        why, warnings = self._change.choice.why, changeset.warnings(self._change)
        return Receipt(self._number, record.added, record.removed, used, why, warnings, self._window, left)

    # -- moves, and what file systems say to them --

    def _set_aside(self, path: str, aside: str, *, replaced: bool) -> None:
        """Take away what is at `path`. A file that gets a successor keeps its name until that takes it over."""
        if replaced and not _is_directory(path):
            try:
                fs_linking.hard_link(path, aside)
                return
            except disk.DiskError as error:
                if error.errno in {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE}:
                    raise
        try:
            trees.rename(path, aside)
        except disk.DiskError as error:
            if error.errno == errno.ENOENT and not os.path.lexists(path):
                return
            if error.errno not in _ELSEWHERE:
                raise
            self._set_aside_nearby(path)

    def _set_aside_nearby(self, path: str) -> None:
        """Rename within the parent; where even that is refused (a lower layer of overlayfs), move a directory by its files."""
        nearby = disk.temporary(os.path.dirname(path), disk.TRASH)
        self._intend((SET_ASIDE, path, nearby))
        try:
            trees.rename(path, nearby)
        except disk.DiskError as error:
            if error.errno != errno.EXDEV or not _is_directory(path):
                raise
            mode = os.lstat(path).st_mode & 0o7777
            self._parts += 1
            parts = [
                (SET_ASIDE, f"{path}/{name}", f"{self._work}/old/part-{self._parts}-{number}")
                for number, name in enumerate(os.listdir(path))
            ]
            self._intend((MAKE, path, f"{mode:o}"), *parts)
            for _, inner, aside in parts:
                self._set_aside(inner, aside, replaced=False)
            trees.remove_directory(path)

    def _bring_in(self, move: Move, staged: str) -> None:
        try:
            trees.rename(staged, move.path)
        except disk.DiskError as error:
            if error.errno != errno.EXDEV:
                raise
            # the place is on another mount than the state: build it once more, beside the place
            nearby = disk.temporary(os.path.dirname(move.path))
            self._intend((BRING_IN, nearby, move.path))
            if move.data is not None:
                files.write_new(nearby, move.data)
            elif move.placement is not None and self._staging is not None:
                self._staging.begin(move.placement.node, nearby)
                self._staging.finish()
            trees.rename(nearby, move.path)

    def _intend(self, *intents: tuple[str, ...]) -> None:
        """Write intents down before they are carried out; return when they are on their medium."""
        assert self._journal is not None
        self._intents += intents
        self._journal.intend_all(recovery.portable(intents, os.path.dirname(self._state)))
        if self._options.durability != "none":
            self._journal.sync()

    # -- undo --

    def _undo(self, error: BaseException) -> None:
        """Put everything back; if that fails as well, leave the journal for the next command and say so."""
        if self._record is not None:
            self._record.discard()
        if self._journal is not None:
            _close_quietly(self._journal)
        if not self._work:
            return
        try:
            recovery.undo(self._work)
        except disk.DiskError as second:
            raise RecoveryFailed(
                f"the change of `{self._environment.root}` failed, and could not be undone: {second.message}",
                context=(f"it failed with: {error}", *second.context),
                hint="mend that, and run any cw command that changes this environment: it begins by undoing",
            ) from error
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._reporter.note("warning", f"interrupted: `{self._environment.root}` is as it was before")


# --- surroundings --------------------------------------------------------------------------------------------------


def _check_rights(environment: "Environment", moves: "Sequence[Move]") -> None:
    """Raise NotWritable when some directory that has to change will not let us: a clear word before half an hour's work.

    A hint only, asked with the real rights (mounts and lists included): the truth comes with the renames, and is undone.
    """
    parents = dict.fromkeys(os.path.dirname(move.path) for move in moves)
    for directory in (os.path.dirname(history.state_directory(environment)), *parents):
        if not os.access(directory, os.W_OK | os.X_OK) and os.path.lexists(directory):
            raise NotWritable(
                f"no write permission for `{directory}`",
                context=facts.describe(f"{directory}/."),
                hint=facts.advice(f"{directory}/.", errno.EACCES) or "make an environment of your own: cw venv",
            )


def _made_state(environment: "Environment", trust: Trust) -> Directory:
    """Return the state directory, open, after it was made if it was missing; raise ForeignState if a link leads to it or in it."""
    state = history.state_directory(environment)
    if trees.make_directory(state, parents=True):
        # --target directories are checked in and packed: not this
        # under its own name at once: who has the lock just now takes temporary names here for what a dead process left
        files.write_new(f"{state}/.gitignore", b"*\n")
    opened = states.opened(state, trust)
    if opened is None:
        raise states.refused(Refusal(state, "it was removed at this moment", "run the command again"))
    records = opened.inner("history")
    if isinstance(records, Refusal):
        opened.close()
        raise states.refused(records)
    if records is not None:
        records.close()
    return opened


class _Terminable:
    """Make SIGTERM an exception for a `with` block, so that it is undone like Ctrl-C; the exit status stays that of SIGTERM.

    `_signal` is what the module `signal` wraps in enumerations, for 5 ms. Only the main thread may set handlers.
    """

    def __init__(self) -> None:
        self._previous: object = None

    def __enter__(self) -> None:
        try:
            self._previous = _signal.signal(_signal.SIGTERM, _terminate)
        except ValueError:
            self._previous = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if self._previous is not None:
            _signal.signal(_signal.SIGTERM, self._previous)


def _terminate(number: int, _frame: "FrameType | None") -> "NoReturn":
    raise SystemExit(128 + number)


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _close_quietly(journal: fs_journal.Journal) -> None:
    try:
        journal.close()
    except disk.DiskError:
        pass
