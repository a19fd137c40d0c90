"""Set modes, times and groups of what this process has just created, and sync to disk."""

import errno as numbers
import os
import stat
import time

from commonwheel.fs import disk
from commonwheel.fs.facts import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview

# what a file system without modes or times answers to the creator of a file
_NO_MODES = frozenset({numbers.EPERM, numbers.EOPNOTSUPP, numbers.ENOSYS, numbers.EINVAL, numbers.ENOTTY})
# file systems that cannot sync a directory, or this way
_UNSYNCABLE = frozenset({numbers.EINVAL, numbers.EBADF, numbers.ENOSYS, numbers.EOPNOTSUPP, numbers.EACCES})


def set_mode(new: "int | str", mode: int) -> bool:
    """Set the mode of what this process has just created: an open descriptor, or a path in a tree of ours.

    A path is opened without following a link; a file that has further names is refused, as it may be somebody else's.
    False where the file system has no modes.
    """
    try:
        if isinstance(new, int):
            return apply_mode(new, "", mode)
        fd = os.open(new, platform.READ)
        try:
            found = os.fstat(fd)
            if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
                raise OSError(numbers.EPERM, "it has further names, and is not changed through this one", new)
            return apply_mode(fd, new, mode)
        finally:
            os.close(fd)
    except OSError as error:
        raise disk.DiskError("set_mode", str(new), error) from error


def set_times(new: "int | str", mtime_ns: int) -> bool:
    """Set the time of last change, in nanoseconds since the epoch, of what this process has just created.

    A link at a path is not followed: its own time is set. False where the file system does not let its creator do so.
    """
    try:
        return apply_times(new, "" if isinstance(new, int) else new, mtime_ns)
    except OSError as error:
        raise disk.DiskError("set_times", str(new), error) from error


def set_group(new: str, group: int) -> bool:
    """Give a directory that this process has just created to a group of ours; False where that is not for us to do.

    What is made in it later gets the group by itself if its mode, set after this, has the setgid bit.
    """
    try:
        fd = os.open(new, platform.READ)
        try:
            if os.fstat(fd).st_gid != group:
                disk.step("chown", new)
                platform.set_group(fd, group)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise disk.DiskError("set_group", new, error) from error
        return False
    return True


def apply_mode(fd: int, path: str, mode: int) -> bool:
    """Set the mode of an open file; return False where the file system has no modes.

    A directory that was born setgid, in a directory that is, stays so: what is made in it must get the group, by which quotas count.
    """
    found = os.fstat(fd).st_mode
    if stat.S_ISDIR(found):
        mode |= found & stat.S_ISGID
    if stat.S_IMODE(found) == mode:
        return True
    try:
        disk.step("chmod", path)
        platform.set_mode(fd, mode)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        return False
    return True


def apply_times(new: "int | str", path: str, mtime_ns: int) -> bool:
    """Set the time of last change, and that of last use to now; return False where the file system refuses."""
    try:
        disk.step("utime", path)
        if isinstance(new, int):
            platform.set_times(new, mtime_ns)
        else:
            os.utime(new, ns=(time.time_ns(), mtime_ns), follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        return False
    return True


def sync_file(path: str) -> None:
    """Return when the data of a file is on its medium."""
    _sync(path, os.fsync)


def sync_directory(path: str) -> None:
    """Return when the names in a directory are on their medium. File systems that cannot tell are taken to be done."""
    _sync(path, os.fsync)


def sync_filesystem(path: str) -> None:
    """Return when all of the file system that holds `path` is on its medium: one wait for a whole tree, and for others'."""
    _sync(path, platform.sync_filesystem)


def _sync(path: str, way: "Callable[[int], None]") -> None:
    try:
        disk.step("sync", path)
        fd = os.open(path, os.O_RDONLY | platform.CLOEXEC)
        try:
            way(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _UNSYNCABLE:
            raise disk.DiskError("sync", path, error) from error
