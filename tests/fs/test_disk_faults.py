"""The verbs on a file system that misbehaves as network file systems do."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commonwheel.fs import disk, facts, files, journal, journal_record, linking, locks, modes, trees
from kit.faultfs import FaultFS, faults
from kit.processes import until
from kit.users import users

pytestmark = pytest.mark.root

NEW = b"the new content\n"
MTIME = 1_234_567_890_123_456_000


@pytest.fixture(scope="module")
def mounted() -> Iterator[FaultFS]:
    root = tempfile.mkdtemp(prefix="cw fault ")
    os.chmod(root, 0o755)
    with faults(os.path.join(root, "mnt")) as found:
        yield found
    os.rmdir(os.path.join(root, "mnt"))
    os.rmdir(root)


@pytest.fixture
def faulty(mounted: FaultFS) -> Iterator[FaultFS]:
    mounted.heal()
    linking._refused.clear()
    yield mounted
    mounted.heal()
    for name in os.listdir(mounted.backing):
        trees.erase(os.path.join(mounted.backing, name))


def names(faulty: FaultFS) -> list[str]:
    return sorted(os.listdir(faulty.point))


def at(faulty: FaultFS, name: str) -> str:
    return os.path.join(faulty.point, name)


@pytest.mark.parametrize("operation", ["create", "write", "flush", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_any_failure_keeps_the_old_file(faulty: FaultFS, operation: str, number: int) -> None:
    path = at(faulty, "file")
    files.write(path, b"old")
    faulty.fail(operation, number)
    with pytest.raises(disk.DiskError) as caught:
        files.write(path, NEW)
    assert (caught.value.errno, caught.value.path) == (number, path)
    assert caught.value.hint is not None
    assert (names(faulty), Path(path).read_bytes()) == (["file"], b"old")


def test_quota_error_at_close_fails_copy_and_tree(faulty: FaultFS) -> None:
    source = at(faulty, "source")
    files.write_new(source, NEW)
    verbs: list[tuple[str, Callable[[], None]]] = [
        ("copy", lambda: linking.copy(source, at(faulty, "copy"))),
        ("new", lambda: files.write_new(at(faulty, "new"), NEW)),
        ("kept", lambda: files.create_new(at(faulty, "kept")).keep()),
    ]
    for name, verb in verbs:
        faulty.fail("flush", errno.EDQUOT, path=name)
        with pytest.raises(disk.DiskError, match="EDQUOT") as caught:
            verb()
        assert "quota" in str(caught.value.hint)
    assert names(faulty) == ["source"]


def test_missing_hard_link_support_is_no_error(faulty: FaultFS) -> None:
    faulty.no_hard_links()
    path = at(faulty, "file")
    assert files.write(path, NEW, replace=False) is True
    assert files.write(path, b"second", replace=False) is False
    assert linking.place(path, at(faulty, "placed"), ("clone", "hardlink", "copy")) == "copy"
    assert names(faulty) == ["file", "placed"]
    assert Path(path).read_bytes() == NEW


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EIO])
def test_broken_locks_cost_nothing(faulty: FaultFS, number: int) -> None:
    faulty.no_locks(number)
    with locks.lock(at(faulty, "lock"), timeout=10, who="testing") as held:
        assert held is False
        with locks.lock(at(faulty, "lock"), timeout=10, who="testing", shared=True) as other:
            assert other is False


def test_locks_needing_a_writable_descriptor_get_one(faulty: FaultFS) -> None:
    """NFS turns flock into a byte-range lock: EBADF for an exclusive one on a descriptor that is open to read."""
    path = at(faulty, "lock")
    faulty.locks_like_nfs()
    with locks.lock(path, timeout=1, who="testing") as held:
        assert held is True
        with pytest.raises(locks.LockTimeout), locks.lock(path, timeout=0, who="testing"):
            pass
    Path(path).write_bytes(b"")
    os.chmod(path, 0o644)
    take = (
        "import sys\nfrom commonwheel.fs import locks\n"
        "with locks.lock(sys.argv[1], timeout=1, who='testing') as held: print(held)\n"
    )
    with users("alice") as (alice,):
        assert alice.python(take, path).ok() == "False\n"  # alice may only read it
    os.unlink(path)


def test_missing_modes_and_times_are_no_error(faulty: FaultFS) -> None:
    previous = os.umask(0o077)
    try:
        faulty.no_modes()
        files.write(at(faulty, "file"), NEW, 0o664)
        files.write_new(at(faulty, "new"), NEW, 0o444, MTIME)
        linking.copy(at(faulty, "new"), at(faulty, "copy"), 0o755)
        trees.make_directory(at(faulty, "directory"), 0o2775)
        assert modes.set_mode(at(faulty, "file"), 0o644) is False
        assert modes.set_times(at(faulty, "file"), 1) is False
    finally:
        os.umask(previous)
    assert names(faulty) == ["copy", "directory", "file", "new"]


def test_stale_source_is_reopened_and_a_gone_one_reported(faulty: FaultFS) -> None:
    source = at(faulty, "source")
    files.write_new(source, NEW)
    faulty.fail("open", errno.ESTALE, times=2)
    linking.copy(source, at(faulty, "copy"))
    # the kernel asks a second time by itself
    faulty.fail("open", errno.ESTALE, times=None)
    with pytest.raises(disk.DiskError, match="ESTALE") as caught:
        linking.place(source, at(faulty, "placed"), ("clone", "copy", "symlink"))
    assert "file server" in str(caught.value.hint) or "disk" in str(caught.value.hint)


def test_wrong_directory_listing_changes_nothing(faulty: FaultFS) -> None:
    os.mkdir(at(faulty, "tree"))
    faulty.freeze_listings()
    files.write(at(faulty, "tree/file"), NEW)
    assert os.listdir(at(faulty, "tree")) == []
    assert files.write(at(faulty, "tree/file"), b"second", replace=False) is False
    assert trees.remove_directory(at(faulty, "tree")) is False
    assert trees.erase(at(faulty, "tree")) is False  # what it does not see it cannot delete: trash
    faulty.thaw_listings()
    (left,) = names(faulty)
    assert left.startswith(".trash-")
    assert trees.erase(at(faulty, left)) is True


def test_open_files_stay_as_trash(faulty: FaultFS) -> None:
    """FUSE, like NFS, keeps an open file under another name when it is unlinked: the directory is not empty then."""
    os.mkdir(at(faulty, "tree"))
    files.write(at(faulty, "tree/library.so"), NEW)
    with open(at(faulty, "tree/library.so"), "rb") as user:
        assert trees.erase(at(faulty, "tree")) is False
        assert user.read() == NEW
        (left,) = names(faulty)
        assert left.startswith(".trash-")
    assert trees.erase(at(faulty, left)) is True


@pytest.mark.parametrize("how", ["lose", "zeros", "noise"])
def test_durable_writes_survive_a_power_cut(faulty: FaultFS, how: str) -> None:
    kept, lost = at(faulty, "kept"), at(faulty, "lost")
    files.write(kept, NEW, durable=True)
    files.write(lost, NEW)
    with files.create(faulty.point) as file:
        file.write(NEW)
        file.sync()
        file.publish(at(faulty, "synced"))
    book = journal.Journal.create(at(faulty, "journal"))
    book.intend("one")
    book.intend("two")
    book.sync()
    book.done(0)
    book.intend("three")
    assert sorted(faulty.unsynced()) == ["journal", "lost"]
    faulty.cut(how)
    book.close()
    assert Path(kept).read_bytes() == Path(at(faulty, "synced")).read_bytes() == NEW
    assert Path(lost).read_bytes() != NEW
    records = journal_record.records(Path(at(faulty, "journal")).read_bytes())
    assert [(record.words, record.done) for record in records] == [(("one",), False), (("two",), False)]


def test_slow_disk_only_delays(faulty: FaultFS) -> None:
    faulty.delay("write", 0.05)
    assert files.write(at(faulty, "file"), NEW) is True
    assert faulty.count("write") > 0


def test_lock_of_dead_holder_on_other_host_is_taken(faulty: FaultFS, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file server may keep the lock of a machine that lost its power: its holder does not touch it any more."""
    path = at(faulty, "lock")
    holder = locks.lock(path, timeout=1, who="installing into /x")
    assert holder.__enter__() is True
    assert facts.is_shared(path)
    monkeypatch.setattr(facts, "_boot", "another machine")
    with pytest.raises(locks.LockTimeout), locks.lock(path, timeout=0, who="testing"):
        pass  # its holder touched it just now
    os.utime(path, ns=(0, 0))
    with locks.lock(path, timeout=30, who="testing") as held:
        assert held is True
        fresh = os.stat(path).st_ino
        # the dead come back: their lock is another file by now, and they leave this one alone
        holder.__exit__(None, None, None)
        assert os.stat(path).st_ino == fresh
    assert not os.path.exists(path)


def test_lock_of_silent_holder_on_this_host_is_kept(faulty: FaultFS) -> None:
    path = at(faulty, "lock")
    with locks.lock(path, timeout=1, who="testing") as held:
        assert held
        os.utime(path, ns=(0, 0))
        with pytest.raises(locks.LockTimeout), locks.lock(path, timeout=0.1, who="testing"):
            pass


def test_live_holder_touches_a_lock_visible_to_others(faulty: FaultFS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_BEAT", 0.01)
    path = at(faulty, "lock")
    with locks.lock(path, timeout=1, who="testing"):
        os.utime(path, ns=(0, 0))
        touches = faulty.count("utimens")
        while faulty.count("utimens") < touches + 2:
            pass
        assert os.stat(path).st_mtime > 0
    assert until(lambda: names(faulty) == [])  # FUSE keeps a file that is still open under a hidden name
