"""Locks on an ordinary disk: one holder at a time, none after death, no trace left."""

import os
import signal
from pathlib import Path

import pytest

from commonwheel.fs import disk, facts, locks
from commonwheel.fs.holder import parse


def test_lock_has_one_holder_and_leaves_no_file(place: str) -> None:
    path = os.path.join(place, "lock")
    with locks.lock(path, timeout=1, who="one") as held:
        assert held is True
        holder = parse(Path(path).read_bytes())
        assert holder is not None
        assert (holder.pid, holder.host, holder.purpose) == (os.getpid(), facts.host(), "one")
        assert not holder.beats  # nobody else sees this disk
        with pytest.raises(locks.LockTimeout) as caught, locks.lock(path, timeout=0.05, who="two"):
            pass
        assert caught.value.holder == holder
        assert f"waited 0.05 seconds for the lock `{path}`, held by {holder}" == str(caught.value)
    assert os.listdir(place) == []


def test_shared_locks_coexist_and_exclude_exclusive_ones(place: str) -> None:
    path = os.path.join(place, "lock")
    with locks.lock(path, timeout=0, who="one", shared=True) as one:
        with locks.lock(path, timeout=0, who="two", shared=True) as two:
            assert one
            assert two
        assert os.path.exists(path)  # the other one still holds it
        with pytest.raises(locks.LockTimeout), locks.lock(path, timeout=0, who="three"):
            pass
    assert os.listdir(place) == []


def test_exception_releases_the_lock(place: str) -> None:
    path = os.path.join(place, "lock")

    def fail() -> None:
        with locks.lock(path, timeout=0, who="one"):
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with locks.lock(path, timeout=0, who="two") as held:
        assert held


def test_waiting_is_reported_once(place: str) -> None:
    path = os.path.join(place, "lock")
    heard: list[str] = []
    with (
        locks.lock(path, timeout=0, who="installing into /x"),
        pytest.raises(locks.LockTimeout),
        locks.lock(path, timeout=0.1, who="two", waiting=heard.append),
    ):
        pass
    assert len(heard) == 1
    assert heard[0].endswith("installing into /x)")


def test_missing_directory_has_no_locks(place: str) -> None:
    with locks.lock(os.path.join(place, "missing", "lock"), timeout=9, who="one") as held:
        assert held is False


@pytest.mark.parametrize("kind", ["foreign text", "large", "directory", "link", "pipe", "second name"])
def test_foreign_file_at_the_lock_path_is_kept(place: str, kind: str) -> None:
    path, other = os.path.join(place, "lock"), os.path.join(place, "other")
    Path(other).write_bytes(b"")
    if kind == "foreign text":
        Path(path).write_bytes(b"precious")
    elif kind == "large":
        Path(path).write_bytes(b"commonwheel lock 1\t" + b"x" * 5000)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "link":
        os.symlink(other, path)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        os.link(other, path)
    before = os.lstat(path)
    with locks.lock(path, timeout=9, who="one") as held:
        assert held is False
    after = os.lstat(path)
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert Path(other).read_bytes() == b""


@pytest.mark.parametrize(("directory", "expected"), [(0o777, 0o664), (0o2775, 0o664), (0o755, 0o644), (0o700, 0o600)])
def test_lock_file_mode_follows_directory_without_world_access(place: str, directory: int, expected: int) -> None:
    inner = os.path.join(place, "inner")
    os.mkdir(inner)
    os.chmod(inner, directory)
    path = os.path.join(inner, "lock")
    with locks.lock(path, timeout=1, who="one"):
        assert os.stat(path).st_mode & 0o7777 == expected


def test_processes_hold_the_lock_one_at_a_time(place: str) -> None:
    """Each removes the file when it lets go: nobody may hold a file that another one has removed."""
    path, counter = os.path.join(place, "lock"), os.path.join(place, "counter")
    Path(counter).write_text("0")
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for _ in range(40):
                    with locks.lock(path, timeout=60, who="counting") as held:
                        assert held
                        number = int(Path(counter).read_text())
                        Path(counter).write_text(str(number + 1))
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0] * 6
    assert Path(counter).read_text() == "240"
    assert os.listdir(place) == ["counter"]


def test_dead_process_holds_no_lock(place: str) -> None:
    path = os.path.join(place, "lock")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with locks.lock(path, timeout=1, who="dying"):
            os.write(writer, b"x")
            signal.pause()
    os.read(reader, 1)
    with pytest.raises(locks.LockTimeout) as caught, locks.lock(path, timeout=0, who="one"):
        pass
    assert caught.value.holder is not None
    assert caught.value.holder.pid == child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with locks.lock(path, timeout=0, who="one") as held:
        assert held
    assert os.listdir(place) == []


def test_forked_child_holds_no_lock(place: str) -> None:
    """The descriptor is inherited, and would keep the lock for as long as the child lives."""
    path = os.path.join(place, "lock")
    with locks.lock(path, timeout=1, who="one"):
        child = os.fork()
        if child == 0:
            signal.pause()
    try:
        Path(path).write_bytes(b"")  # as if it could not be removed
        with locks.lock(path, timeout=0, who="two") as held:
            assert held
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_locking_is_a_step(place: str) -> None:
    def refuse(operation: str, _path: str) -> None:
        if operation == "lock":
            raise OSError(524, "Unknown error 524")  # what NFS without lockd has leaked

    disk.observe(refuse)
    try:
        with locks.lock(os.path.join(place, "lock"), timeout=9, who="one") as held:
            assert held is False
    finally:
        disk.observe(None)
