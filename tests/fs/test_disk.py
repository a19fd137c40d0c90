"""The verbs of disk.py on an ordinary disk: what they make, what a reader sees, what every failure and crash leaves."""

import errno
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commonwheel.fs import disk, files, linking, locks, modes, trees
from kit.mounts import bind, image, tmpfs

OLD, NEW = b"old\n", b"the new content\n"
MTIME = 1_234_567_890_123_456_000


@pytest.fixture(params=[0o022, 0o000, 0o027, 0o077], ids=lambda mask: f"umask-{mask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    previous = os.umask(request.param)
    yield request.param
    os.umask(previous)


@pytest.fixture(autouse=True)
def nobody_watches() -> Iterator[None]:
    yield
    disk.observe(None)
    linking._refused.clear()


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def content(path: str) -> bytes:
    return Path(path).read_bytes()


def names(directory: str) -> list[str]:
    return sorted(os.listdir(directory))


def leftovers(directory: str) -> list[str]:
    return [name for name in names(directory) if disk.maker(name) is not None]


# --- names


def test_temporary_name_has_its_process_and_is_unique(place: str) -> None:
    found = {disk.temporary(place) for _ in range(1000)}
    assert len(found) == 1000
    assert {disk.maker(os.path.basename(path)) for path in found} == {(os.uname().nodename, os.getpid())}
    assert names(place) == []


@pytest.mark.parametrize("name", ["tree", ".tmp-", ".tmp-x", ".tmp-host-abc-12", "x.tmp-host-12-ab", ".hidden"])
def test_other_names_have_no_maker(name: str) -> None:
    assert disk.maker(name) is None


def test_host_name_with_dashes_is_parsed() -> None:
    assert disk.maker(".trash-node-12-a-77-0123456789abcdef") == ("node-12-a", 77)


# --- write


def test_write_applies_the_umask(place: str, umask: int) -> None:
    path = os.path.join(place, "file")
    assert files.write(path, NEW) is True
    assert (content(path), mode_of(path)) == (NEW, 0o666 & ~umask)
    assert names(place) == ["file"]


@pytest.mark.parametrize("mode", [0o444, 0o600, 0o664, 0o755])
def test_literal_mode_ignores_the_umask(place: str, umask: int, mode: int) -> None:
    path = os.path.join(place, "file")
    files.write(path, NEW, mode)
    assert mode_of(path) == mode, umask


def test_write_replaces_the_name_and_keeps_other_hard_links(place: str) -> None:
    path, other = os.path.join(place, "file"), os.path.join(place, "other name")
    Path(path).write_bytes(OLD)
    os.chmod(path, 0o444)
    os.link(path, other)
    with open(path, "rb") as reader:
        files.write(path, NEW)
        assert reader.read() == OLD
    assert (content(path), content(other), mode_of(other)) == (NEW, OLD, 0o444)


def test_write_replaces_a_symlink_not_its_target(place: str) -> None:
    path, target = os.path.join(place, "link"), os.path.join(place, "target")
    Path(target).write_bytes(OLD)
    os.symlink(target, path)
    files.write(path, NEW)
    assert not os.path.islink(path)
    assert (content(path), content(target)) == (NEW, OLD)


def test_second_exclusive_write_fails(place: str) -> None:
    path = os.path.join(place, "file")
    assert files.write(path, OLD, replace=False) is True
    assert files.write(path, NEW, replace=False) is False
    assert content(path) == OLD
    assert names(place) == ["file"]


def test_parallel_exclusive_writes_have_one_winner(place: str) -> None:
    path = os.path.join(place, "file")
    barrier = threading.Barrier(8)
    won: list[int] = []

    def contend(number: int) -> None:
        barrier.wait()
        if files.write(path, b"%d" % number, replace=False):
            won.append(number)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [content(path)] == [b"%d" % number for number in won]


def test_lost_reply_to_link_is_success(place: str) -> None:
    """NFS repeats a request whose reply was lost, and then finds its own work in the way."""
    path = os.path.join(place, "file")

    def link_twice(operation: str, _path: str) -> None:
        if operation == "link":
            (temp,) = leftovers(place)
            os.link(os.path.join(place, temp), path)

    disk.observe(link_twice)
    assert files.write(path, NEW, replace=False) is True
    assert names(place) == ["file"]


def test_lost_reply_to_rename_is_success(place: str) -> None:
    path = os.path.join(place, "file")

    def rename_before(operation: str, _path: str) -> None:
        if operation == "rename":
            os.rename(os.path.join(place, leftovers(place)[0]), path)

    disk.observe(rename_before)
    assert files.write(path, NEW) is True
    disk.observe(None)
    files.write(path, OLD)
    source = os.path.join(place, "source")
    os.rename(path, source)

    def rename_source_before(operation: str, _path: str) -> None:
        if operation == "rename":
            os.rename(source, path)

    disk.observe(rename_source_before)
    trees.rename(source, path)
    assert content(path) == OLD


def test_readers_never_see_a_partial_file(place: str) -> None:
    path = os.path.join(place, "file")
    versions = [b"%d" % number * 100_000 for number in range(2)]
    files.write(path, versions[0])
    stop = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(content(path))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        files.write(path, versions[number % 2])
    stop.set()
    reader.join()
    assert seen <= set(versions)


def test_write_errors_name_the_final_path(place: str) -> None:
    path = os.path.join(place, "missing", "file")
    with pytest.raises(disk.DiskError, match="could not write") as caught:
        files.write(path, NEW)
    assert (caught.value.verb, caught.value.path, caught.value.errno) == ("write", path, errno.ENOENT)
    assert caught.value.code == "disk"
    assert f"missing  : {os.path.dirname(path)}" in caught.value.context


def test_write_refuses_to_replace_a_directory(place: str) -> None:
    path = os.path.join(place, "directory")
    os.mkdir(path)
    with pytest.raises(disk.DiskError):
        files.write(path, NEW)
    assert names(place) == ["directory"]


def test_durable_write_syncs_data_then_name_then_directory(place: str) -> None:
    seen: list[tuple[str, str]] = []
    disk.observe(lambda operation, path: seen.append((operation, os.path.basename(path))))
    files.write(os.path.join(place, "file"), NEW, durable=True)
    operations = [operation for operation, _ in seen]
    assert operations == ["create", "write", "sync", "close", "rename", "sync"]
    assert seen[-1] == ("sync", os.path.basename(place))


def test_undecodable_names_are_accepted(place: str) -> None:
    path = os.path.join(place, os.fsdecode(b"\xff\xfe\n\t"))
    files.write(path, NEW)
    assert content(path) == NEW
    trees.rename(path, path + "2")
    retired = trees.retire(path + "2")
    assert retired is not None
    with pytest.raises(disk.DiskError):
        files.write_new(retired, b"")
    assert trees.erase(retired)


# --- write_new and NewFile


def test_write_new_keeps_mode_and_time_and_refuses_existing_name(place: str, umask: int) -> None:
    path = os.path.join(place, "file")
    files.write_new(path, NEW, 0o555, MTIME)
    facts = os.stat(path)
    assert (content(path), mode_of(path), facts.st_mtime_ns) == (NEW, 0o555, MTIME), umask
    with pytest.raises(disk.DiskError) as caught:
        files.write_new(path, OLD)
    assert caught.value.errno == errno.EEXIST
    assert content(path) == NEW


def test_a_new_file_with_an_old_time_was_read_just_now(place: str, source: str) -> None:
    """Scratch file systems purge what was not read for weeks: what is old by mtime must not be so by atime."""
    now = os.path.join(place, "now")
    files.write_new(now, NEW)
    written, copied, link = (os.path.join(place, name) for name in ("written", "copied", "link"))
    files.write_new(written, NEW, 0o644, MTIME)
    linking.copy(source, copied)
    os.symlink(written, link)
    modes.set_times(link, MTIME)
    for path in (written, copied, link):
        facts = os.lstat(path)
        assert facts.st_mtime_ns == MTIME
        assert facts.st_atime_ns > os.stat(now).st_mtime_ns - 10**9, path


def test_write_new_does_not_follow_a_symlink(place: str) -> None:
    path, target = os.path.join(place, "link"), os.path.join(place, "target")
    os.symlink(target, path)
    with pytest.raises(disk.DiskError):
        files.write_new(path, NEW)
    assert not os.path.exists(target)


def test_empty_file_needs_no_write_call(place: str) -> None:
    seen: list[str] = []
    disk.observe(lambda operation, _path: seen.append(operation))
    files.write_new(os.path.join(place, "empty"), b"")
    assert seen == ["create", "close"]


def test_fill_writes_files_with_modes_and_closes_the_directory(place: str, umask: int) -> None:
    path = os.path.join(place, "tree")
    trees.make_directory(path)
    with files.fill(path, 0o555, MTIME) as filling:
        for number in range(3):
            filling.write(f"plain{number}", NEW, 0o444, MTIME)
            filling.write(f"tool{number}", b"", 0o555, MTIME)
        with pytest.raises(disk.DiskError) as caught:
            filling.write("plain1", OLD, 0o444, MTIME)
    assert (caught.value.errno, caught.value.path) == (errno.EEXIST, os.path.join(path, "plain1"))
    assert names(path) == ["plain0", "plain1", "plain2", "tool0", "tool1", "tool2"]
    for name in names(path):
        facts = os.stat(os.path.join(path, name))
        assert (mode_of(os.path.join(path, name)), facts.st_mtime_ns) == (0o444 if name < "t" else 0o555, MTIME), umask
        assert content(os.path.join(path, name)) == (NEW if name < "t" else b"")
    assert mode_of(path) == 0o555
    assert os.stat(path).st_mtime_ns == MTIME


def test_fill_refuses_symlinks_and_failure_keeps_directory_open(place: str) -> None:
    os.symlink(os.path.join(place, "target"), os.path.join(place, "link"))
    with pytest.raises(disk.DiskError), files.fill(place, 0o555) as filling:
        filling.write("link", NEW, 0o444, MTIME)
    assert names(place) == ["link"]
    assert mode_of(place) != 0o555
    with pytest.raises(disk.DiskError) as caught:
        files.fill(os.path.join(place, "nowhere"), 0o555)
    assert caught.value.errno == errno.ENOENT


def test_default_file_mode_of_a_directory_is_read_once(place: str, umask: int) -> None:
    seen: list[str] = []
    disk.observe(lambda operation, _path: seen.append(operation))
    with files.fill(place, mode_of(place)) as filling:
        for name in ("one", "two"):
            filling.write(name, NEW, 0o444, MTIME)
    change = [] if 0o444 & ~umask == 0o444 else ["chmod"]
    assert seen == ["create", "write", *change, "utime", "close"] * 2


def test_new_file_is_written_in_parts_and_published(place: str) -> None:
    final = os.path.join(place, "final")
    with files.create(place, 0o444) as file:
        file.write(b"one ")
        file.write(memoryview(b"wrong"))
        file.rewind(4)
        file.write(bytearray(b"two"))
        file.set_times(MTIME)
        assert os.fstat(file.fileno()).st_size == 7
        assert file.publish(final) is True
        assert file.path == final
    assert (content(final), mode_of(final), os.stat(final).st_mtime_ns) == (b"one two", 0o444, MTIME)
    with files.create(place) as file:
        file.write(b"late")
        assert file.publish(final) is False
    with files.create(place) as file:
        file.write(b"later")
        assert file.publish(final, replace=True) is True
    assert content(final) == b"later"
    assert names(place) == ["final"]


@pytest.mark.parametrize("close", [False, True])
def test_unpublished_new_file_is_removed(place: str, close: bool) -> None:
    def write_and_fail() -> None:
        with files.create(place) as file:
            file.write(NEW)
            if close:
                file.close()
            raise LookupError

    with pytest.raises(LookupError):
        write_and_fail()
    assert names(place) == []


def test_new_file_can_keep_its_own_name(place: str) -> None:
    path = os.path.join(place, "file")
    with files.create_new(path, 0o640) as file:
        file.write(NEW)
        file.keep()
    assert (content(path), mode_of(path)) == (NEW, 0o640)
    with pytest.raises(disk.DiskError):
        files.create_new(path)


# --- one file from another


@pytest.fixture
def source(place: str) -> str:
    path = os.path.join(place, "source file")
    files.write_new(path, NEW, 0o444, MTIME)
    return path


def test_copies_are_independent_and_keep_the_source_time(place: str, source: str, umask: int) -> None:
    path = os.path.join(place, "copy")
    linking.copy(source, path)
    facts = os.stat(path)
    assert (content(path), mode_of(path), facts.st_nlink, facts.st_mtime_ns) == (NEW, 0o666 & ~umask, 1, MTIME)


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_001])
def test_copies_of_every_size(place: str, size: int) -> None:
    data = os.urandom(size)
    source, path = os.path.join(place, "source"), os.path.join(place, "copy")
    files.write_new(source, data)
    linking.copy(source, path, 0o755)
    assert (content(path), mode_of(path)) == (data, 0o755)


def test_shrinking_source_is_an_error_and_leaves_nothing(place: str) -> None:
    source, path = os.path.join(place, "source"), os.path.join(place, "copy")
    files.write_new(source, b"x" * 200_000)

    def truncate(operation: str, _path: str) -> None:
        if operation == "copy":
            os.truncate(source, 100_000)

    disk.observe(truncate)
    with pytest.raises(disk.DiskError, match="shorter"):
        linking.copy(source, path)
    assert names(place) == ["source"]


@pytest.mark.parametrize("kind", ["directory", "link", "pipe"])
def test_only_regular_files_are_copied(place: str, source: str, kind: str) -> None:
    odd = os.path.join(place, kind)
    {"directory": os.mkdir, "link": lambda path: os.symlink(source, path), "pipe": os.mkfifo}[kind](odd)
    with pytest.raises(disk.DiskError):
        linking.copy(odd, os.path.join(place, "copy"))
    assert not os.path.lexists(os.path.join(place, "copy"))


@pytest.mark.parametrize("way", ["copy", "hardlink", "symlink"])
def test_no_link_mode_replaces_an_existing_name(place: str, source: str, way: str) -> None:
    path = os.path.join(place, "there")
    Path(path).write_bytes(OLD)
    with pytest.raises(disk.DiskError) as caught:
        linking.place(source, path, (way, "copy"))
    assert (caught.value.errno, caught.value.path) == (errno.EEXIST, path)
    assert content(path) == OLD


def test_existing_hard_link_to_the_source_is_success(place: str, source: str) -> None:
    path = os.path.join(place, "link")
    linking.hard_link(source, path)
    linking.hard_link(source, path)
    assert os.path.samefile(source, path)


def test_missing_source_is_an_error_and_no_dangling_symlink(place: str) -> None:
    missing = os.path.join(place, "missing")
    with pytest.raises(disk.DiskError) as caught:
        linking.place(missing, os.path.join(place, "path"), ("clone", "copy", "symlink"))
    assert (caught.value.errno, caught.value.path) == (errno.ENOENT, missing)
    assert names(place) == []


def test_place_uses_the_first_mode_that_works(place: str, source: str) -> None:
    made = os.path.join(place, "made")
    assert linking.place(source, made, ("hardlink", "copy")) == "hardlink"
    assert linking.place(source, made + "2", ("symlink",)) == "symlink"
    assert os.readlink(made + "2") == source
    assert linking.place(source, made + "3", ("copy", "symlink"), 0o600) == "copy"
    assert mode_of(made + "3") == 0o600


def many(place: str, source: str, count: int) -> tuple[str, str, list[str]]:
    """Return a directory with so many names of one file, an empty one, and the names."""
    full, empty = os.path.join(place, "full"), os.path.join(place, "empty")
    os.mkdir(full)
    os.mkdir(empty)
    names = [str(number) for number in range(count)]
    for name in names:
        os.link(source, os.path.join(full, name))
    return full, empty, names


@pytest.mark.parametrize("way", ["hardlink", "symlink", "copy"])
def test_place_in_counts_the_modes(place: str, source: str, way: str) -> None:
    full, empty, names = many(place, source, 3)
    seen: list[tuple[str, str]] = []
    disk.observe(lambda operation, path: seen.append((operation, path)))
    assert linking.place_in(full, empty, names, (way,)) == {way: 3}
    assert os.stat(source).st_nlink == (7 if way == "hardlink" else 4)
    assert os.path.islink(os.path.join(empty, "1")) == (way == "symlink")
    assert content(os.path.join(empty, "2")) == content(source)
    # each file passes the step point, under its whole name
    assert {path for operation, path in seen if operation in {"link", "symlink", "create"}} == {
        os.path.join(empty, name) for name in names
    }


@pytest.mark.parametrize("way", ["hardlink", "symlink", "copy"])
def test_place_in_accepts_an_open_directory(place: str, source: str, way: str) -> None:
    """Links are made from what was opened, whatever stands at the path by now."""
    full, empty, names = many(place, source, 3)
    fd = os.open(full, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert linking.place_in(full, empty, names, (way,), ["1"], fd) == {way: 3}
    finally:
        os.close(fd)
    assert sorted(os.listdir(empty)) == names
    assert bool(os.stat(os.path.join(empty, "1")).st_mode & 0o100) == (way == "copy")


def test_place_in_links_a_symlink_itself(place: str, source: str) -> None:
    full, empty, _ = many(place, source, 0)
    os.symlink(source, os.path.join(full, "link"))
    assert linking.place_in(full, empty, ["link"], ("hardlink",)) == {"hardlink": 1}
    assert os.readlink(os.path.join(empty, "link")) == source


def test_place_in_accepts_the_result_of_a_lost_reply(place: str, source: str) -> None:
    full, empty, names = many(place, source, 2)
    os.link(source, os.path.join(empty, "1"))
    assert linking.place_in(full, empty, names, ("hardlink", "copy")) == {"hardlink": 2}


def test_place_in_reports_unplaced_files(place: str, source: str) -> None:
    full, empty, names = many(place, source, 1)
    with pytest.raises(disk.DiskError, match="missing"):
        linking.place_in(full, empty, [*names, "missing"], ("hardlink", "copy"))
    with pytest.raises(disk.DiskError):
        linking.place_in(full, os.path.join(place, "nowhere"), names, ("hardlink", "copy"))


def test_single_unlinkable_file_is_copied(place: str, source: str) -> None:
    def too_many(operation: str, path: str) -> None:
        if operation == "link" and path.endswith("1"):
            raise OSError(errno.EMLINK, "Too many links")

    disk.observe(too_many)
    full, empty, names = many(place, source, 3)
    assert linking.place_in(full, empty, names, ("hardlink", "copy")) == {"hardlink": 2, "copy": 1}


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.EDQUOT]
)
def test_any_link_error_falls_back_to_copy(place: str, source: str, number: int) -> None:
    def refuse(operation: str, _path: str) -> None:
        if operation == "link":
            raise OSError(number, os.strerror(number))

    disk.observe(refuse)
    assert linking.place(source, os.path.join(place, "path"), ("hardlink", "copy")) == "copy"


def test_unsupported_mode_is_tried_once_per_file_system(place: str, source: str) -> None:
    tried: list[str] = []

    def refuse(operation: str, path: str) -> None:
        if operation == "clone":
            tried.append(path)
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    disk.observe(refuse)
    full, empty, names = many(place, source, 5)
    assert linking.place_in(full, empty, names, ("clone", "copy")) == {"copy": 5}
    assert len(tried) == 1


def test_error_of_one_file_does_not_affect_the_next(place: str, source: str) -> None:
    tried: list[str] = []

    def refuse(operation: str, path: str) -> None:
        if operation == "clone":
            tried.append(path)
            raise OSError(errno.EAGAIN, "ZFS has not written it yet")

    disk.observe(refuse)
    full, empty, names = many(place, source, 5)
    assert linking.place_in(full, empty, names, ("clone", "copy")) == {"copy": 5}
    assert len({*tried}) == 5


def test_stale_handle_is_reopened(place: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [OSError(errno.ESTALE, "Stale file handle", source)] * 2
    real = os.open

    def stale(path: str, flags: int, *rest: int) -> int:
        if path == source and answers:
            raise answers.pop()
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", stale)
    linking.copy(source, os.path.join(place, "copy"))
    assert content(os.path.join(place, "copy")) == NEW


# --- directories and trees


def test_make_directory_accepts_an_existing_one(place: str, umask: int) -> None:
    path = os.path.join(place, "one", "two")
    with pytest.raises(disk.DiskError):
        trees.make_directory(path)
    assert trees.make_directory(path, parents=True) is True
    assert mode_of(path) == 0o777 & ~umask
    assert trees.make_directory(path) is False
    os.symlink(path, os.path.join(place, "link"))
    assert trees.make_directory(os.path.join(place, "link")) is False
    Path(place, "file").write_bytes(b"")
    with pytest.raises(disk.DiskError):
        trees.make_directory(os.path.join(place, "file"))


@pytest.mark.root
def test_setgid_directory_passes_its_group_on(place: str, umask: int) -> None:
    shared = os.path.join(place, "shared")
    trees.make_directory(shared, 0o2775)
    os.chown(shared, -1, 4242)
    os.chmod(shared, 0o2775)
    staged = trees.staging(shared, 0o2775)
    files.write_new(os.path.join(staged, "file"), NEW, 0o664)
    assert trees.publish_tree(staged, os.path.join(shared, "entry"))
    for name, mode in (("entry", 0o2775), ("entry/file", 0o664)):
        facts = os.stat(os.path.join(shared, name))
        assert (facts.st_gid, stat.S_IMODE(facts.st_mode)) == (4242, mode), umask


def staged_tree(place: str) -> str:
    staged = trees.staging(place)
    trees.make_directory(os.path.join(staged, "inner"))
    files.write_new(os.path.join(staged, "inner", "file"), NEW)
    return staged


def test_tree_appears_atomically_and_second_rename_fails(place: str) -> None:
    final = os.path.join(place, "entry")
    assert trees.publish_tree(staged_tree(place), final) is True
    inode = os.stat(final).st_ino
    assert trees.publish_tree(staged_tree(place), final) is False
    assert (os.stat(final).st_ino, names(place)) == (inode, ["entry"])


def test_tree_does_not_replace_a_file(place: str) -> None:
    final = os.path.join(place, "entry")
    Path(final).write_bytes(OLD)
    with pytest.raises(disk.DiskError):
        trees.publish_tree(staged_tree(place), final)
    assert content(final) == OLD


def test_missing_tree_is_an_error(place: str) -> None:
    with pytest.raises(disk.DiskError):
        trees.publish_tree(os.path.join(place, ".tmp-x"), os.path.join(place, "entry"))


# --- names of what exists


def test_rename_of_two_hard_links_leaves_one(place: str) -> None:
    one, two = os.path.join(place, "one"), os.path.join(place, "two")
    Path(one).write_bytes(NEW)
    os.link(one, two)
    trees.rename(one, two)
    assert names(place) == ["two"]


def test_rename_keeps_other_hard_links_of_the_target(place: str) -> None:
    one, two, three = (os.path.join(place, name) for name in ("one", "two", "three"))
    Path(one).write_bytes(NEW)
    os.link(one, two)
    trees.rename(one, three)
    assert names(place) == ["three", "two"]


def test_rename_error_names_the_missing_path(place: str) -> None:
    with pytest.raises(disk.DiskError) as caught:
        trees.rename(os.path.join(place, "missing"), os.path.join(place, "there"))
    assert caught.value.path == os.path.join(place, "missing")


def test_swap_link_replaces_a_link_or_file(place: str) -> None:
    path = os.path.join(place, "link")
    for target in ("one", "two"):
        linking.swap_link(target, path)
        assert os.readlink(path) == target
    assert names(place) == ["link"]


def test_retired_files_stay_open_and_free_their_name(place: str) -> None:
    path = os.path.join(place, "tree")
    os.mkdir(path)
    Path(path, "file").write_bytes(OLD)
    retired = trees.retire(path)
    assert retired is not None
    assert os.path.basename(retired).startswith(".trash-")
    assert os.path.dirname(retired) == place
    assert content(os.path.join(retired, "file")) == OLD
    assert trees.retire(path) is None


def test_retire_into_other_directory_falls_back_to_the_parent(place: str) -> None:
    path, trash = os.path.join(place, "file"), os.path.join(place, "trash")
    Path(path).write_bytes(OLD)
    retired = trees.retire(path, trash)
    assert retired is not None
    assert os.path.dirname(retired) == place
    os.mkdir(trash)
    Path(path).write_bytes(OLD)
    retired = trees.retire(path, trash)
    assert retired is not None
    assert os.path.dirname(retired) == trash
    assert trees.retire(path, trash) is None


def test_remove_reports_whether_the_file_existed(place: str) -> None:
    path = os.path.join(place, "file")
    Path(path).write_bytes(b"")
    assert trees.remove(path) is True
    assert trees.remove(path) is False
    with pytest.raises(disk.DiskError):
        trees.remove(path, missing_ok=False)
    with pytest.raises(disk.DiskError):
        trees.remove(place)


def test_remove_directory_keeps_a_non_empty_one(place: str) -> None:
    path = os.path.join(place, "directory")
    assert trees.remove_directory(path) is False
    os.mkdir(path)
    Path(path, ".nfs0001").write_bytes(b"")
    assert trees.remove_directory(path) is False
    os.unlink(os.path.join(path, ".nfs0001"))
    assert trees.remove_directory(path) is True
    Path(path).write_bytes(b"")
    with pytest.raises(disk.DiskError):
        trees.remove_directory(path)


def test_erase_removes_deep_trees_and_follows_no_symlink(place: str) -> None:
    outside = os.path.join(place, "outside")
    os.mkdir(outside)
    Path(outside, "precious").write_bytes(OLD)
    tree = os.path.join(place, "tree")
    os.mkdir(tree)
    os.symlink(outside, os.path.join(tree, "link"))
    for number in range(3):
        path = os.path.join(tree, str(number))
        for _ in range(200):
            path += "/d"
        os.makedirs(path)
        Path(path, "file").write_bytes(b"")
    assert trees.erase(tree) is True
    assert names(place) == ["outside"]
    assert content(os.path.join(outside, "precious")) == OLD
    assert trees.erase(tree) is True


def test_erase_of_a_symlink_removes_the_symlink(place: str) -> None:
    target = os.path.join(place, "target")
    os.mkdir(target)
    os.symlink(target, os.path.join(place, "link"))
    assert trees.erase(os.path.join(place, "link")) is True
    assert names(place) == ["target"]


def test_erase_ignores_a_symlink_planted_meanwhile(place: str) -> None:
    """Another user replaces a directory by a link to a precious one between the listing and the deletion."""
    outside, tree = os.path.join(place, "outside"), os.path.join(place, ".trash-tree")
    os.mkdir(outside)
    Path(outside, "precious").write_bytes(OLD)
    os.makedirs(os.path.join(tree, "a", "inner"))
    Path(tree, "a", "inner", "file").write_bytes(b"")
    os.mkdir(os.path.join(tree, "b"))
    Path(tree, "b", "x").write_bytes(b"")
    struck: list[str] = []

    def swap(operation: str, path: str) -> None:
        other = os.path.join(tree, "b" if "/a" in path.removeprefix(tree) else "a")
        if operation == "unlink" and path.startswith(tree + "/") and not struck and os.path.isdir(other):
            struck.append(other)
            os.rename(other, os.path.join(place, "moved"))
            os.symlink(outside, other)

    disk.observe(swap)
    trees.erase(tree)
    assert struck
    assert names(outside) == ["precious"]


def test_mount_inside_a_tree_stays_as_trash(place: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    tree = os.path.join(place, "tree")
    os.makedirs(os.path.join(tree, "inner"))
    with tmpfs(os.path.join(tree, "mount")) as mounted:
        Path(mounted, "file").write_bytes(OLD)
        assert trees.erase(tree) is False
        (left,) = names(place)
        assert left.startswith(".trash-")
        assert names(os.path.join(place, left)) == ["mount"]
        mounted = os.path.join(place, left, "mount")
        os.rename(os.path.join(place, left), tree)
    assert trees.erase(tree) is True


# --- modes and times


def test_chmod_of_files_with_other_hard_links_is_refused(place: str, source: str) -> None:
    assert modes.set_mode(source, 0o640) is True
    os.link(source, os.path.join(place, "other"))
    with pytest.raises(disk.DiskError, match="further names"):
        modes.set_mode(source, 0o600)
    assert mode_of(source) == 0o640
    os.symlink(source, os.path.join(place, "link"))
    with pytest.raises(disk.DiskError):
        modes.set_mode(os.path.join(place, "link"), 0o600)
    os.mkdir(os.path.join(place, "directory"))
    assert modes.set_mode(os.path.join(place, "directory"), 0o2750)
    assert mode_of(os.path.join(place, "directory")) == 0o2750


def test_symlinks_have_their_own_times(place: str, source: str) -> None:
    link = os.path.join(place, "link")
    os.symlink(source, link)
    assert modes.set_times(link, 5_000_000_000) is True
    assert (os.lstat(link).st_mtime_ns, os.stat(source).st_mtime_ns) == (5_000_000_000, MTIME)


@pytest.mark.parametrize("operation", ["chmod", "utime"])
def test_file_system_without_modes_or_times_is_no_error(place: str, source: str, operation: str) -> None:
    def refuse(found: str, _path: str) -> None:
        if found == operation:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    previous = os.umask(0o077)
    try:
        disk.observe(refuse)
        files.write_new(os.path.join(place, "new"), NEW, 0o666 - 0o002, MTIME)
        linking.copy(source, os.path.join(place, "copy"), 0o644)
        trees.make_directory(os.path.join(place, "directory"), 0o2775)
        assert modes.set_times(os.path.join(place, "new"), 1) is (operation == "chmod")
        assert modes.set_mode(os.path.join(place, "new"), 0o640) is (operation == "utime")
    finally:
        os.umask(previous)


# --- durability


def test_sync_of_files_directories_and_file_systems(place: str, source: str) -> None:
    modes.sync_file(source)
    modes.sync_directory(place)
    modes.sync_filesystem(place)
    with pytest.raises(disk.DiskError):
        modes.sync_file(os.path.join(place, "missing"))


# --- every step fails, is interrupted, is the last


def scene_write(place: str) -> None:
    files.write(os.path.join(place, "final"), NEW, 0o640, durable=True)


def scene_write_first(place: str) -> None:
    os.unlink(os.path.join(place, "final"))
    files.write(os.path.join(place, "final"), NEW, 0o640, replace=False)


def scene_new_file(place: str) -> None:
    with files.create(place, 0o444) as file:
        file.write(NEW)
        file.set_times(MTIME)
        file.publish(os.path.join(place, "final"), replace=True)


def scene_rename(place: str) -> None:
    source = disk.temporary(place)
    files.write_new(source, NEW)
    trees.rename(source, os.path.join(place, "final"))


def scene_copy(place: str) -> None:
    temp = disk.temporary(place)
    linking.copy(os.path.join(place, "original"), temp, 0o640)
    trees.rename(temp, os.path.join(place, "final"))


def scene_place(place: str) -> None:
    temp = disk.temporary(place)
    linking.place(os.path.join(place, "original"), temp, ("clone", "hardlink", "copy"), 0o640)
    trees.rename(temp, os.path.join(place, "final"))


def scene_publish_tree(place: str) -> None:
    trees.retire(os.path.join(place, "final"))
    trees.publish_tree(staged_tree(place), os.path.join(place, "final"))


def scene_fill(place: str) -> None:
    staged = trees.staging(place)
    trees.make_directory(f"{staged}/inner")
    with files.fill(f"{staged}/inner", 0o555) as filling:
        filling.write("file", NEW, 0o444, MTIME)
    trees.retire(os.path.join(place, "final"))
    trees.publish_tree(staged, os.path.join(place, "final"))


SCENES = [
    scene_write, scene_write_first, scene_new_file, scene_rename, scene_copy, scene_place, scene_publish_tree, scene_fill,
]  # fmt: skip


def prepare(place: str) -> None:
    linking._refused.clear()
    for name, data in (("final", OLD), ("original", NEW)):
        Path(place, name).write_bytes(data)


def steps_of(scene: Callable[[str], None], place: str) -> int:
    seen: list[str] = []
    prepare(place)
    disk.observe(lambda operation, _path: seen.append(operation))
    scene(place)
    disk.observe(None)
    assert leftovers(place) == [name for name in leftovers(place) if name.startswith(".trash-")]
    for name in names(place):
        trees.erase(os.path.join(place, name))
    return len(seen)


def check_old_or_new(place: str) -> None:
    final = os.path.join(place, "final")
    if os.path.isdir(final):
        assert content(os.path.join(final, "inner", "file")) == NEW
    elif os.path.exists(final):
        assert content(final) in (OLD, NEW)
    assert content(os.path.join(place, "original")) == NEW
    assert {name for name in names(place) if disk.maker(name) is None} <= {"final", "original"}


def at_step(number: int, act: Callable[[], None]) -> None:
    count = 0

    def hook(_operation: str, _path: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            act()

    disk.observe(hook)


def failure_of(scene: Callable[[str], None], place: str) -> disk.DiskError | None:
    """Run a scene; a step whose failure has no consequence (to remove a temporary name) ends well."""
    try:
        scene(place)
    except disk.DiskError as error:
        return error
    return None


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__[6:])
def test_every_step_can_fail(place: str, scene: Callable[[str], None]) -> None:
    for number in range(1, steps_of(scene, place) + 1):
        for cause in (errno.ENOSPC, errno.EIO, errno.ESTALE):
            prepare(place)

            def fail(cause: int = cause) -> None:
                raise OSError(cause, os.strerror(cause))

            at_step(number, fail)
            found = failure_of(scene, place)
            assert found is None or found.errno == cause
            disk.observe(None)
            check_old_or_new(place)
            for name in names(place):
                assert trees.erase(os.path.join(place, name))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__[6:])
def test_ctrl_c_at_any_step_leaves_at_most_temporary_names(place: str, scene: Callable[[str], None]) -> None:
    for number in range(1, steps_of(scene, place) + 1):
        prepare(place)
        at_step(number, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            scene(place)
        disk.observe(None)
        check_old_or_new(place)
        for name in names(place):
            assert trees.erase(os.path.join(place, name))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__[6:])
def test_kill_at_any_step_leaves_old_or_new(place: str, scene: Callable[[str], None]) -> None:
    for number in range(1, steps_of(scene, place) + 1):
        prepare(place)
        child = os.fork()
        if child == 0:
            at_step(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            scene(place)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        check_old_or_new(place)
        for name in names(place):
            assert trees.erase(os.path.join(place, name))


def test_failures_leave_no_open_descriptors(place: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for scene in SCENES:
        for number in range(1, steps_of(scene, place) + 1):
            prepare(place)

            def fail() -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            at_step(number, fail)
            failure_of(scene, place)
            disk.observe(None)
            for name in names(place):
                trees.erase(os.path.join(place, name))
    assert len(os.listdir("/proc/self/fd")) == before


# --- other file systems


@pytest.mark.root
def test_full_disk_error_has_a_hint_and_keeps_the_old_file(place: str) -> None:
    with tmpfs(os.path.join(place, "small"), "64k") as small:
        path = os.path.join(small, "file")
        files.write(path, OLD)
        with pytest.raises(disk.DiskError, match="ENOSPC") as caught:
            files.write(path, b"x" * 200_000)
        assert caught.value.hint is not None
        assert "is full" in caught.value.hint
        assert any(line.startswith("mount    :") and "tmpfs" in line for line in caught.value.context)
        assert (content(path), names(small)) == (OLD, ["file"])
        big = os.path.join(place, "big")
        files.write_new(big, b"x" * 200_000)
        with pytest.raises(disk.DiskError, match="ENOSPC"):
            linking.copy(big, os.path.join(small, "copy"))
        assert linking.place(big, os.path.join(small, "link"), ("copy", "symlink")) == "symlink"
        assert names(small) == ["file", "link"]


@pytest.mark.root
def test_exhausted_inodes_are_named_in_the_error(place: str) -> None:
    with tmpfs(os.path.join(place, "small"), "1m", inodes=4) as small:
        for number in range(3):
            files.write(os.path.join(small, str(number)), b"")
        with pytest.raises(disk.DiskError) as caught:
            files.write(os.path.join(small, "3"), b"")
        assert "no inodes" in str(caught.value.hint)
        assert leftovers(small) == []


@pytest.mark.root
def test_read_only_mount_error_keeps_existing_directories(place: str) -> None:
    os.makedirs(os.path.join(place, "real", "inner"))
    with bind(os.path.join(place, "real"), os.path.join(place, "bound"), read_only=True) as bound:
        assert trees.make_directory(os.path.join(bound, "inner")) is False
        with pytest.raises(disk.DiskError, match="EROFS") as caught:
            files.write(os.path.join(bound, "file"), NEW)
        assert caught.value.hint == f"`{bound}` is mounted read-only; choose a place that you can write"
        with locks.lock(os.path.join(bound, "lock"), timeout=1, who="testing") as held:
            assert held is False
        assert trees.erase(os.path.join(bound, "inner")) is False


@pytest.mark.root
def test_links_across_file_systems_become_copies(place: str, source: str) -> None:
    with tmpfs(os.path.join(place, "other")) as other:
        assert linking.place(source, os.path.join(other, "file"), ("clone", "hardlink", "copy")) == "copy"
        with pytest.raises(disk.DiskError, match="EXDEV"):
            linking.hard_link(source, os.path.join(other, "file2"))
        with pytest.raises(disk.DiskError, match="EXDEV"):
            trees.rename(source, os.path.join(other, "file3"))
        retired = trees.retire(source, other)
        assert retired is not None
        assert os.path.dirname(retired) == place


@pytest.mark.root
def test_two_mounts_of_one_file_system_do_not_link(place: str, source: str) -> None:
    real = os.path.join(place, "real")
    os.mkdir(real)
    with bind(real, os.path.join(place, "bound")) as bound:
        assert os.stat(bound).st_dev == os.stat(source).st_dev
        assert linking.place(source, os.path.join(bound, "file"), ("hardlink", "copy")) == "copy"
        assert linking.place(source, os.path.join(real, "file2"), ("hardlink", "copy")) == "hardlink"


@pytest.mark.root
@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_clones_share_blocks_and_have_own_modes_and_times(place: str, kind: str, umask: int) -> None:
    with image(os.path.join(place, kind), kind) as mounted:
        source = os.path.join(mounted, "source")
        files.write_new(source, os.urandom(3_000_000), 0o444, MTIME)
        os.sync()
        free = os.statvfs(mounted).f_bavail
        for number in range(5):
            path = os.path.join(mounted, str(number))
            assert linking.place(source, path, ("clone", "hardlink", "copy"), 0o777) == "clone"
            assert (mode_of(path), os.stat(path).st_mtime_ns) == (0o777 & ~umask, MTIME)
        linking.clone(source, os.path.join(mounted, "exact"), 0o555)
        assert mode_of(os.path.join(mounted, "exact")) == 0o555
        os.sync()
        used = (free - os.statvfs(mounted).f_bavail) * os.statvfs(mounted).f_frsize
        assert used < 3_000_000
        with open(os.path.join(mounted, "0"), "r+b") as own:
            own.write(b"changed")
        assert content(source)[:7] != b"changed"
        empty = os.path.join(mounted, "empty")
        files.write_new(empty, b"")
        assert linking.place(empty, empty + "2", ("clone", "copy")) == "clone"


@pytest.mark.root
def test_refused_clone_leaves_nothing(place: str) -> None:
    with image(os.path.join(place, "ext4"), "ext4") as mounted:
        source = os.path.join(mounted, "source")
        files.write_new(source, NEW)
        with pytest.raises(disk.DiskError, match="could not clone"):
            linking.clone(source, os.path.join(mounted, "clone"))
        assert names(mounted) == ["lost+found", "source"]


@pytest.mark.root
def test_copies_follow_after_the_hard_link_limit(place: str) -> None:
    with image(os.path.join(place, "ext4"), "ext4") as mounted:
        source, made = os.path.join(mounted, "source"), os.path.join(mounted, "d")
        files.write_new(source, NEW)
        os.mkdir(made)
        for number in range(64_992):  # ext4 takes 65,000 names of one file
            os.link(source, f"{made}/{number}")
        full, empty, names = many(mounted, source, 5)
        assert linking.place_in(full, empty, names, ("hardlink", "copy")) == {"hardlink": 2, "copy": 3}
        assert files.write(os.path.join(mounted, "first"), NEW, replace=False)


def test_failed_copy_names_the_file(place: str) -> None:
    source, path = os.path.join(place, "source"), os.path.join(place, "copy")
    files.write(source, b"x" * 100)
    with pytest.raises(disk.DiskError) as caught:
        linking.copy(f"{source}.gone", path)
    assert caught.value.path == f"{source}.gone"
    tried = []

    def fail(operation: str, at: str) -> None:
        if operation == "copy":
            tried.append(at)
            if len(tried) < 2 or at.endswith("second"):
                raise OSError(errno.EIO, "no")

    previous = disk.observe(fail)
    try:
        linking.copy(source, path)  # for a moment only
        with pytest.raises(disk.DiskError) as caught:
            linking.copy(source, f"{path}-second")
    finally:
        disk.observe(previous)
    assert Path(path).read_bytes() == b"x" * 100
    # the source can be read, so it is the other one
    assert caught.value.path == f"{path}-second"
    assert not os.path.exists(f"{path}-second")


def test_directory_clock_matches_new_files(place: str) -> None:
    now = files.clock(place)
    assert now is not None
    assert abs(now - os.stat(place).st_mtime) < 60
    assert os.listdir(place) == []
    assert files.clock(os.path.join(place, "missing")) is None
