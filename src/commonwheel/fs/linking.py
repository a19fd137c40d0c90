"""Place an existing file at a second path: clone, hard link, copy or symbolic link, falling back file by file."""

import errno as numbers
import os
import stat

from commonwheel.fs import disk, files
from commonwheel.fs.facts import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview

# the answer of a pair of file systems that will never clone; EAGAIN (ZFS: not written yet) or EINVAL concern one file
_NEVER_CLONES = frozenset({numbers.EOPNOTSUPP, numbers.ENOTTY, numbers.ENOSYS, numbers.EXDEV})
# no other way to place a file helps against these
_HOPELESS = frozenset({
    numbers.EEXIST, numbers.ENOENT, numbers.ENOTDIR, numbers.ELOOP, numbers.EIO, numbers.ESTALE, numbers.ENAMETOOLONG,
    numbers.EROFS,
})  # fmt: skip

# Each verb creates `path`, which must not exist, in a tree that is ours and not published yet, or under a temporary name.
# A reader of that tree may see part of a copy. A failure leaves nothing; a crash may leave a part.


def clone(source: str, path: str, mode: int = 0o666) -> None:
    """Make `path` a file of its own that shares its blocks with `source` until one of them is changed; keep its mtime."""
    _make("clone", source, path, mode)


def copy(source: str, path: str, mode: int = 0o666) -> None:
    """Make `path` a file of its own with the content and the mtime of the regular file `source`."""
    _make("copy", source, path, mode)


def hard_link(source: str, path: str) -> None:
    """Give the file `source` the further name `path`: one inode, so one content, mode and owner for ever."""
    _make("hardlink", source, path, 0)


def symlink(target: str, path: str) -> None:
    """Make `path` a symbolic link with the text `target`. It appears at once, and leads where it leads."""
    _make("symlink", target, path, 0)


def swap_link(target: str, path: str) -> None:
    """Make `path` a symbolic link with the text `target`, in place of a file or link that may be there.

    A reader sees the old one or the new one; a crash leaves one of these, and a temporary link at most.
    """
    temp = disk.temporary(disk.parent(path))
    symlink(target, temp)
    files.publish("swap_link", temp, path, replace=True)


def place(source: str, path: str, modes: "tuple[str, ...]", mode: int = 0o666) -> str:
    """Make `path` from `source` in the first of `modes` that works for this file, and return that one.

    `modes` are of clone, hardlink, copy, symlink; `mode` is for clones and copies, a link has its file's. What a pair of
    file systems refuses for good (to clone, on ext4) is remembered, and not tried again for each file.
    """
    for way in modes[:-1]:
        pair = _pair(source, path) if way == "clone" else None
        if pair in _refused:
            continue
        try:
            _WAYS[way](source, path, mode)
        except OSError as error:
            if error.errno in _HOPELESS:
                raise disk.DiskError(way, disk.named(error, path), error) from error
            if pair is not None and error.errno in _NEVER_CLONES:
                _refused.add(pair)
        else:
            return way
    _make(modes[-1], source, path, mode)
    return modes[-1]


def place_in(
    source: str,
    path: str,
    names: "Iterable[str]",
    modes: "tuple[str, ...]",
    executable: "Collection[str]" = (),
    opened: int = -1,
) -> dict[str, int]:
    """Place many files of the directory `source` into the directory `path`, as `place` does each; some are `executable`.

    `opened` is a descriptor of `source`, if the caller has one.

    Returns how many went which way. Links are made relative to the opened directories: to walk two long paths takes the kernel
    longer than the link. Stops at the first file that goes no way (DiskError), and leaves the others to whoever erases the tree.
    """
    counts = dict.fromkeys(modes, 0)
    directories: list[int] = []
    try:
        way = _quick_way(source, path, modes)
        if way:
            try:
                directories.append(os.open(path, _DIRECTORY))
                if opened < 0:
                    directories.append(os.open(source, _DIRECTORY))
            except OSError:
                way = ""
        there, here = [*directories, opened, -1][:2]
        left = iter(names)
        while True:
            name = next(left, None)
            if name is not None and way:
                name = _place_while_it_works(way, source, path, (here, there), name, left, executable, counts)
            if name is None:
                break
            # why it did not work is found out here, if nothing else does
            mode = 0o777 if name in executable else 0o666
            counts[place(f"{source}/{name}", f"{path}/{name}", modes, mode)] += 1
            way = way and _quick_way(source, path, modes)
    finally:
        for fd in directories:
            os.close(fd)
    return {way: count for way, count in counts.items() if count}


def _quick_way(source: str, path: str, modes: "tuple[str, ...]") -> str:
    """Return the first way that is worth trying between two directories, if it is one of those for many files; or ""."""
    for way in modes:
        if way != "clone" or _pair(f"{source}/", f"{path}/") not in _refused:
            return way if way in _QUICK else ""
    return ""


def _place_while_it_works(
    way: str,
    source: str,
    path: str,
    directories: tuple[int, int],
    first: str,
    others: "Iterator[str]",
    executable: "Collection[str]",
    counts: dict[str, int],
) -> str | None:
    """Place one file after the other and count them; return the name of the first that does not work, None when there are no more."""
    here, there = directories
    name: str | None = first
    count = 0
    try:
        while name is not None:
            if way == "clone":
                _clone_in(here, there, name, f"{path}/{name}", 0o777 if name in executable else 0o666)
            elif way == "hardlink":
                if disk.current_hook is not None:
                    disk.step("link", f"{path}/{name}")
                os.link(name, name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
            else:
                if disk.current_hook is not None:
                    disk.step("symlink", f"{path}/{name}")
                os.symlink(f"{source}/{name}", name, dir_fd=there)
            count += 1
            name = next(others, None)
    except OSError as error:
        pair = _pair(f"{source}/", f"{path}/") if way == "clone" else None
        if pair is not None and error.errno in _NEVER_CLONES:
            _refused.add(pair)
    counts[way] += count
    return name


def _clone_in(here: int, there: int, name: str, path: str, mode: int) -> None:
    fd = os.open(name, platform.READ, dir_fd=here)
    try:
        origin = os.fstat(fd)
        if not stat.S_ISREG(origin.st_mode):
            raise OSError(numbers.EINVAL, "not a regular file", path)
        disk.step("clone", path)
        target = platform.clone_file(fd, name, mode, there)
    finally:
        os.close(fd)
    files.settle(target, path, mode, origin.st_mtime_ns)


# where directories can be opened, and names be given relative to them; O_PATH opens them without a look at their content
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_PATH", 0)
_QUICK = frozenset({"clone", "hardlink", "symlink"} if {os.open, os.link, os.symlink} <= os.supports_dir_fd else ())


# pairs of devices between which nothing can be cloned, and the pair of the directories that were asked for last: the
# files of a directory come one after the other, so that this costs two comparisons for most of them
_refused: set[tuple[int, int] | None] = set()
_last: tuple[str, str, tuple[int, int] | None] = ("", "", None)


def _pair(source: str, path: str) -> tuple[int, int] | None:
    global _last
    above, below = os.path.dirname(source), os.path.dirname(path)
    last = _last
    if last[0] == above and last[1] == below:
        return last[2]
    try:
        pair = os.stat(above or os.curdir).st_dev, os.stat(below or os.curdir).st_dev
    except OSError:
        return None
    _last = above, below, pair
    return pair


def _make(way: str, source: str, path: str, mode: int) -> None:
    try:
        _WAYS[way](source, path, mode)
    except OSError as error:
        raise disk.DiskError(way, disk.named(error, path), error) from error


def _clone(source: str, path: str, mode: int) -> None:
    fd, origin = _open_source(source)
    try:
        disk.step("clone", path)
        target = platform.clone_file(fd, path, mode)
    finally:
        os.close(fd)
    files.settle(target, path, mode, origin.st_mtime_ns)


def _copy(source: str, path: str, mode: int) -> None:
    fd, origin = _open_source(source)
    try:
        try:
            target = _copied(fd, path, mode, origin.st_size)
        except OSError as error:
            if error.errno not in disk.MEDIUM:
                raise
            # of two files one failed, and the system does not say which: if it was not the source, or only for a moment,
            # a second attempt tells
            if not _is_readable(fd):
                error.filename = source
                raise
            os.lseek(fd, 0, os.SEEK_SET)
            target = _copied(fd, path, mode, origin.st_size)
    finally:
        os.close(fd)
    files.settle(target, path, mode, origin.st_mtime_ns)


def _copied(fd: int, path: str, mode: int, size: int) -> int:
    """Return a new file, open, with the content of an open one; after a failure it is gone."""
    disk.step("create", path)
    target = os.open(path, platform.NEW, mode)
    try:
        if size:
            disk.step("copy", path)
            platform.copy_data(fd, target, size)
    except BaseException:
        disk.close_quietly(target)
        disk.unlink_quietly(path)
        raise
    return target


def _is_readable(fd: int) -> bool:
    """Return whether an open file can be read to its end."""
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        while os.read(fd, files.PART):
            pass
    except OSError:
        return False
    return True


def _hard_link(source: str, path: str, _mode: int) -> None:
    try:
        disk.step("link", path)
        platform.hard_link(source, path)
    except FileExistsError:
        # NFS: made, reply lost, repeated. What is there is what was asked for
        if not disk.is_same(path, os.lstat(source)):
            raise


def _symlink(target: str, path: str, _mode: int) -> None:
    disk.step("symlink", path)
    os.symlink(target, path)


_WAYS: "dict[str, Callable[[str, str, int], None]]" = {
    "clone": _clone,
    "hardlink": _hard_link,
    "copy": _copy,
    "symlink": _symlink,
}


def _open_source(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file to read. Another client of a file server may be replacing it: after ESTALE, ask again, twice."""
    for last in (False, False, True):
        try:
            fd = os.open(path, platform.READ)
            break
        except OSError as error:
            if error.errno != numbers.ESTALE or last:
                raise
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise OSError(numbers.EINVAL, "not a regular file", path)
    return fd, found
