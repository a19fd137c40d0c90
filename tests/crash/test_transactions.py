"""Every step of a change fails, then kills the process: afterwards the environment is exactly the old or the new one.

Nothing is sampled: `disk.observe` counts the steps of a clean run, and each of them is tried with each fault. "Exactly" is
content, mode and listing of the whole tree.
"""

from __future__ import annotations

import errno
import glob
import itertools
import os
import shutil
import signal
import tempfile
from typing import TYPE_CHECKING, Self

import pytest

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, facts
from commonwheel.install import plan
from crash.worlds import CHANGES, PLACES, World, copy_tree
from kit import mounts
from kit.shelf import installed, pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ERRNOS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.ESTALE)


@pytest.fixture
def room() -> Iterator[str]:
    """Give a directory in memory where there is one: thousands of small trees are made and compared."""
    memory = "/dev/shm"
    path = tempfile.mkdtemp(prefix="cw-crash-", dir=memory if os.access(memory, os.W_OK) else None)
    yield path
    shutil.rmtree(path)


class Steps:
    """Count the changes of the disk, and do something at the n-th."""

    def __init__(self, number: int = 0, act: Callable[[str], None] | None = None) -> None:
        self.count = 0
        self._number = number
        self._act = act

    def __call__(self, operation: str, path: str) -> None:
        self.count += 1
        if self.count == self._number and self._act is not None:
            self._act(path)

    def __enter__(self) -> Self:
        self._previous = disk.observe(self)
        return self

    def __exit__(self, *_: object) -> None:
        disk.observe(self._previous)


def count_steps(world: World) -> int:
    with Steps() as steps:
        world.run()
    world.restore()
    return steps.count


def fail_with(number: int) -> Callable[[str], None]:
    def act(path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return act


def kill(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; return how that ended: 0, or minus the signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def check(world: World, label: str) -> str:
    """Recover, compare the environment with its two states, restore the old one, and return which one it was."""
    world.recover()
    outcome = world.outcome()
    assert outcome in {"old", "new"}, label
    assert world.rests() == [], label
    if outcome == "new":
        world.restore()
    return outcome


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("mode", "kind"), PLACES)
def test_each_step_fails_once(room: str, mode: str, kind: str, change: str) -> None:
    fail_each_step(
        World(room, kind, mode, change), f"{mode} {kind} {change}", every=(mode, kind) == ("hardlink", "venv")
    )


@pytest.mark.root
@pytest.mark.parametrize("change", ["upgrade", "sync"])
def test_each_step_fails_and_kills_with_clones(room: str, change: str) -> None:
    with mounts.image(f"{room}/xfs", "xfs") as place:
        world = World(place, "venv", "clone", change)
        fail_each_step(world, f"clone venv {change}", every=False)
        kill_at_each_step(world, f"clone venv {change}")


def fail_each_step(world: World, name: str, *, every: bool) -> None:
    """Let each step fail: with all errors if `every`, else with a different one from step to step."""
    steps = count_steps(world)
    rotation = itertools.cycle(ERRNOS)
    tried = outcomes = 0
    for number in range(1, steps + 1):
        for code in ERRNOS if every else (next(rotation),):
            raised = None
            with Steps(number, fail_with(code)):
                try:
                    world.run()
                except CommonwheelError as error:
                    raised = error
            label = f"{name} step {number} {errno.errorcode[code]}: {raised}"
            if raised is None:
                assert world.outcome() == "new", label
            elif raised.code != "recovery-failed":
                # undone at once, not only by the next command
                assert world.outcome() in {"old", "new"}, label
            outcomes += check(world, label) == "old"
            tried += 1
    print(f"{name}: {steps} steps, {tried} faults, {outcomes} undone, {tried - outcomes} done")
    assert tried >= steps
    assert 0 < outcomes < tried


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("mode", "kind"), PLACES)
def test_kill_at_each_step(room: str, mode: str, kind: str, change: str) -> None:
    kill_at_each_step(World(room, kind, mode, change), f"{mode} {kind} {change}")


def kill_at_each_step(world: World, name: str) -> None:
    """Kill a process at each step of the change."""
    steps = count_steps(world)
    outcomes = []
    for number in range(1, steps + 1):

        def work(number: int = number) -> None:
            with Steps(number, kill):
                world.run()

        label = f"{name} killed at step {number}"
        assert in_child(work) == -signal.SIGKILL, label
        outcomes.append(check(world, label))
    print(f"{name}: {steps} kills, {outcomes.count('old')} undone, {outcomes.count('new')} done")
    # one moment decides: before it everything is undone, after it nothing
    assert outcomes == sorted(outcomes, reverse=True)
    assert {"old", "new"} == set(outcomes)


@pytest.mark.parametrize("mode", ["hardlink", "fold"])
def test_kill_at_each_step_of_recovery(room: str, mode: str) -> None:
    world = World(room, "venv", mode, "upgrade")
    steps = count_steps(world)
    ruins = f"{room}/ruins"
    tried = 0
    seen_staging = False
    for number in range(1, steps + 1):

        def work(number: int = number) -> None:
            with Steps(number, kill):
                world.run()

        in_child(work)
        journals = glob.glob(f"{world.root}/.cw/.tmp-*/journal")
        if not journals and seen_staging:
            # without a journal recovery is the deletion of a directory that nobody knows: once is enough
            world.restore()
            continue
        seen_staging = seen_staging or (number > steps // 4 and not journals)
        copy_tree(world.root, ruins)
        with Steps() as recovering:
            world.recover()
        expected = world.outcome()
        assert expected in {"old", "new"}
        for inner in range(1, recovering.count + 1):
            shutil.rmtree(world.root)
            copy_tree(ruins, world.root)

            def again(inner: int = inner) -> None:
                with Steps(inner, kill):
                    world.recover()

            assert in_child(again) == -signal.SIGKILL
            world.recover()
            label = f"killed at step {number}, recovery killed at step {inner}"
            assert world.outcome() == expected, label
            assert world.rests() == [], label
            tried += 1
        shutil.rmtree(ruins)
        world.restore()
    print(f"{mode}: {tried} recoveries killed")
    assert tried > steps


class PowerCut(Steps):
    """Kill at the n-th step, after emptying every file whose data was never asked to be on its medium."""

    def __init__(self, number: int, root: str) -> None:
        super().__init__(number)
        self._root = root
        self._fresh: list[str] = []
        self._unsynced: set[int] = set()

    def __call__(self, operation: str, path: str) -> None:
        for fresh in self._fresh:
            if os.path.lexists(fresh):
                self._unsynced.add(os.lstat(fresh).st_ino)
        self._fresh = [path] if operation == "create" else []
        if operation == "sync" and os.path.isfile(path):
            self._unsynced.discard(os.lstat(path).st_ino)
        self.count += 1
        if self.count == self._number:
            for directory, _, names in os.walk(self._root):
                for name in names:
                    inner = os.path.join(directory, name)
                    if not os.path.islink(inner) and os.lstat(inner).st_ino in self._unsynced:
                        os.truncate(inner, 0)
            kill(path)


@pytest.mark.parametrize(("mode", "change"), [("copy", "sync"), ("hardlink", "upgrade"), ("fold", "install")])
def test_power_cut_loses_unsynced_data(room: str, mode: str, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room, "venv", mode, change)
    steps = count_steps(world)
    mended = 0
    for number in range(1, steps + 1):

        def work(number: int = number) -> None:
            with PowerCut(number, world.root):
                world.run()

        assert in_child(work) == -signal.SIGKILL
        monkeypatch.setattr(facts, "_boot", f"the boot after {number}")
        recovered = world.recover()
        label = f"{mode} {change} power cut at step {number}: {recovered}"
        if recovered.damaged:
            # what a session does with it: the packages again, from the store
            names = [one.name for one in recovered.damaged]
            entries = [world.shelf.entry(one.digest) for one in recovered.damaged]
            wanted = plan.make(installed(world.environment), pins(*entries), plan.Wishes(reinstall=names))
            world.apply(wanted, entries)
            mended += 1
            assert world.recover().damaged == (), label
        assert world.outcome() in {"old", "new"}, label
        world.restore()
    print(f"{mode} {change}: {steps} power cuts, {mended} repaired")
    # INSTALLER and RECORD are written in every mode, so some data is always there to be lost
    assert mended > 0


def test_synced_change_survives_a_power_cut(room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(room, "venv", "copy", "upgrade", durability="sync")
    world.run()
    monkeypatch.setattr(facts, "_boot", "the next boot")
    assert not [name for name in os.listdir(f"{world.root}/.cw") if name.startswith("unsettled")]
    assert world.recover().damaged == ()
    assert world.outcome() == "new"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_undo_at_once(room: str, number: signal.Signals) -> None:
    world = World(room, "venv", "copy", "sync")
    steps = count_steps(world)
    said = []

    class Listener:
        def note(self, level: str, message: str) -> None:
            said.append(message)

        def begin(self, kind: str, label: str, total: int | None = None) -> int:
            return 0

        def advance(self, task: int, amount: int = 1) -> None:
            pass

        def end(self, task: int) -> None:
            pass

    world.reporter = Listener()
    undone = 0
    codes: set[object] = set()
    for at in range(1, steps + 1):
        with Steps(at, lambda _: signal.raise_signal(number)):
            try:
                world.run()
            except KeyboardInterrupt:
                codes.add(128 + signal.SIGINT)
            except SystemExit as error:
                codes.add(error.code)
        outcome = world.outcome()
        assert outcome in {"old", "new"}, at
        undone += outcome == "old"
        check(world, f"{number!r} at step {at}")
    assert undone > 0
    assert codes == {128 + number}
    assert f"interrupted: `{world.root}` is as it was before" in said
