"""The file system of the kit does what it is told, and otherwise what a file system does."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.faultfs import FaultFS, faults
from kit.users import team_of, users

pytestmark = pytest.mark.root


@pytest.fixture
def faulty(place: str) -> Iterator[FaultFS]:
    with faults(os.path.join(place, "mnt")) as found:
        yield found


def test_behaves_like_a_file_system(faulty: FaultFS) -> None:
    root = Path(faulty.point)
    (root / "directory").mkdir()
    (root / "directory" / "file").write_bytes(b"x" * 300_000)
    (root / "link").symlink_to("directory/file")
    os.link(root / "directory" / "file", root / "second name")
    (root / "directory" / "file").rename(root / "\udcff odd")
    assert (root / "second name").read_bytes() == (root / "\udcff odd").read_bytes() == b"x" * 300_000
    assert os.readlink(root / "link") == "directory/file"
    assert sorted(os.listdir(root)) == sorted(["directory", "link", "second name", "\udcff odd"])
    os.chmod(root / "second name", 0o4750)
    os.utime(root / "second name", ns=(1, 123_456_789_012_345_678))
    facts = (root / "\udcff odd").stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_mtime_ns, facts.st_nlink) == (0o4750, 123_456_789_012_345_678, 2)
    os.truncate(root / "second name", 5)
    assert (root / "second name").read_bytes() == b"xxxxx"
    (root / "directory").rmdir()
    with pytest.raises(FileExistsError):
        os.open(root / "second name", os.O_CREAT | os.O_EXCL)
    assert os.statvfs(root).f_blocks > 0


def test_nth_operation_of_a_kind_fails(faulty: FaultFS) -> None:
    faulty.fail("mkdir", errno.ENOSPC, nth=2, times=2)
    outcomes: list[int | None] = []
    for number in range(5):
        try:
            os.mkdir(os.path.join(faulty.point, str(number)))
            outcomes.append(0)
        except OSError as error:
            outcomes.append(error.errno)
    assert outcomes == [0, errno.ENOSPC, errno.ENOSPC, 0, 0]
    assert faulty.count("mkdir") == 5
    faulty.fail("mkdir", errno.EIO, times=None, path="special")
    os.mkdir(os.path.join(faulty.point, "plain"))
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            os.mkdir(os.path.join(faulty.point, "special"))
    faulty.heal()
    os.mkdir(os.path.join(faulty.point, "special"))


def test_errors_can_appear_at_close(faulty: FaultFS) -> None:
    fd = os.open(os.path.join(faulty.point, "file"), os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"x")
    faulty.fail("flush", errno.EDQUOT)
    with pytest.raises(OSError, match="quota"):
        os.close(fd)


def test_locks_exclude_or_are_refused(faulty: FaultFS) -> None:
    path = os.path.join(faulty.point, "lock")
    with open(path, "w") as one, open(path, "w") as two:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(one, fcntl.LOCK_UN)
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    faulty.no_locks(errno.ENOLCK)
    with open(path, "w") as one, pytest.raises(OSError, match="No locks"):
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_exclusive_lock_can_need_a_writable_descriptor(faulty: FaultFS) -> None:
    path = os.path.join(faulty.point, "lock")
    faulty.locks_like_nfs()
    with open(path, "w") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(path) as reader:
        with pytest.raises(OSError, match="Bad file"):
            fcntl.flock(reader, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(reader, fcntl.LOCK_SH | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    ("how", "expected"), [("lose", b"synced "), ("zeros", b"synced \0\0\0\0\0\0\0\0"), ("noise", None)]
)
def test_power_cut_loses_unsynced_data(faulty: FaultFS, how: str, expected: bytes | None) -> None:
    path = os.path.join(faulty.point, "file")
    with open(path, "wb", buffering=0) as file:
        file.write(b"synced ")
        os.fsync(file.fileno())
        assert faulty.unsynced() == []
        file.write(b"unsynced")
    os.rename(path, path + "2")
    assert faulty.unsynced() == ["file2"]
    faulty.cut(how)
    found = Path(path + "2").read_bytes()
    if expected is None:
        assert (found[:7], len(found)) == (b"synced ", 15)
        assert found[7:] != b"unsynced"
    else:
        assert found == expected
    assert faulty.unsynced() == []


def test_listings_can_be_stale(faulty: FaultFS) -> None:
    Path(faulty.point, "old").write_bytes(b"")
    faulty.freeze_listings()
    Path(faulty.point, "new").write_bytes(b"")
    os.unlink(os.path.join(faulty.point, "old"))
    assert os.listdir(faulty.point) == ["old"]
    assert os.path.exists(os.path.join(faulty.point, "new"))
    faulty.thaw_listings()
    assert os.listdir(faulty.point) == ["new"]


def test_operations_can_be_slow(faulty: FaultFS) -> None:
    faulty.delay("mkdir", 0.1, path="slow")
    start = time.monotonic()
    os.mkdir(os.path.join(faulty.point, "slow"))
    assert time.monotonic() - start >= 0.1


def test_no_replace_renames_are_refused_correctly(faulty: FaultFS) -> None:
    from commonwheel.fs import system_calls

    one, two, three = (os.path.join(faulty.point, name).encode() for name in ("one", "two", "three"))
    for name in (one, two):
        Path(os.fsdecode(name)).write_bytes(name)
    with pytest.raises(FileExistsError):
        system_calls.call("renameat2", -100, one, -100, two, 1)
    with pytest.raises(OSError, match="Invalid argument"):
        system_calls.call("renameat2", -100, one, -100, three, 1)
    assert Path(os.fsdecode(two)).read_bytes() == two


def test_permissions_apply_and_files_have_owners(faulty: FaultFS) -> None:
    shared = os.path.join(faulty.point, "shared")
    with users("alice", "bob", group="team") as (alice, bob):
        os.mkdir(shared)
        os.chown(shared, -1, team_of(alice, bob))
        os.chmod(shared, 0o2775)
        alice.run(["sh", "-c", "mkdir d; echo hers > d/file; chmod 600 d/file"], cwd=shared, umask=0o002).ok()
        facts = os.stat(os.path.join(shared, "d"))
        assert (facts.st_uid, facts.st_gid, facts.st_mode & 0o7777) == (alice.uid, team_of(alice, bob), 0o2775)
        assert "Permission denied" in bob.run(["cat", "d/file"], cwd=shared).err
        assert "not permitted" in bob.run(["chmod", "644", "d/file"], cwd=shared).err
        bob.run(["rm", "-f", "d/file"], cwd=shared).ok()


def test_case_insensitive_names(faulty: FaultFS) -> None:
    faulty.ignore_case()
    Path(faulty.point, "Name").write_bytes(b"one")
    assert Path(faulty.point, "nAME").read_bytes() == b"one"
    with pytest.raises(FileExistsError):
        os.mkdir(os.path.join(faulty.point, "NAME"))
    assert os.listdir(faulty.point) == ["Name"]


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_changes_can_have_times_of_another_clock(faulty: FaultFS, seconds: int) -> None:
    faulty.skew_clock(seconds)
    path = Path(faulty.point, "file")
    path.write_bytes(b"one")
    assert abs(path.stat().st_mtime - time.time() - seconds) < 60
    os.utime(path, (1, 1))
    assert path.stat().st_mtime == 1
