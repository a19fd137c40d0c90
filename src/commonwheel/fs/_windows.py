"""What Windows does in its own way, behind the contract of `_linux`, which tells what each function promises.

Windows keeps no modes beyond read-only, no owner that `os.stat` shows, and lets nobody rename or delete what is open
without FILE_SHARE_DELETE: virus scanners and indexers hold new files for moments, so these calls are repeated for a
second. Written from the manuals; the tests compare names and signatures, and type-check it for Windows, but nobody has
run it in CI. Same laws as `_linux`.
"""

import errno
import msvcrt
import os
import stat
import sys
import time

assert sys.platform == "win32"  # tells the type checker for which system it reads this file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
NOFOLLOW = 0
CLOEXEC = os.O_NOINHERIT
READ = os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT

# the byte of a lock file that is locked: locks of Windows keep others from reading what they cover
LOCKED_AT: "Final" = 1 << 30
PATIENCE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.3)


def _patiently(change: "Callable[[], None]") -> None:
    """Repeat a change that is refused because somebody has the file open for a moment."""
    for pause in PATIENCE:
        try:
            return change()
        except PermissionError:
            time.sleep(pause)
    return change()


def clone_file(source: int, path: str, mode: int, directory: int | None = None) -> int:  # noqa: ARG001 - the contract's
    """Refuse: blocks are shared on ReFS alone, by a control code that Python does not reach."""
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)


def copy_data(source: int, target: int, size: int) -> None:
    """Copy `size` bytes between two open files."""
    left = size
    while left:
        data = os.read(source, min(left, 1 << 20))
        if not data:
            raise OSError(errno.EIO, "the file became shorter while it was read")
        left -= len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]


def hard_link(source: str, path: str) -> None:
    """Give the file `source` the further name `path`."""
    os.link(source, path)


def replace(source: str, path: str) -> None:
    """Rename, replacing a file."""
    _patiently(lambda: os.replace(source, path))


def rename_exclusive(source: str, path: str) -> None:
    """Rename a file where hard links do not work; FileExistsError if `path` exists."""
    _patiently(lambda: os.rename(source, path))


def sync_filesystem(fd: int) -> None:
    """Write the open file to its medium; a whole volume only an administrator can flush."""
    os.fsync(fd)


def use_system_calls(call: "Callable[..., None]") -> None:
    """Do without: nothing of `system_calls` is needed here."""


def lock_fd(fd: int, *, shared: bool) -> bool:
    """Take the lock of an open file without waiting: False if somebody holds it. All locks are exclusive here."""
    if shared:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    os.lseek(fd, LOCKED_AT, os.SEEK_SET)
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EDEADLK}:
            return False
        raise
    return True


def unlock_fd(fd: int) -> None:
    """Give the lock back."""
    os.lseek(fd, LOCKED_AT, os.SEEK_SET)
    msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)


def unlink(path: str, parent: int | None = None) -> None:
    """Remove the name of a file, which may be read-only."""
    try:
        os.unlink(path, dir_fd=parent)
    except PermissionError:
        os.chmod(path, stat.S_IWRITE)
        _patiently(lambda: os.unlink(path))


def open_own_directory(name: str, parent: int | None) -> int | None:
    """Return None: there are no descriptors of directories; refuse links and junctions."""
    facts = os.lstat(name, dir_fd=parent)
    if not stat.S_ISDIR(facts.st_mode) or facts.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
    return None


def set_mode(fd: int, mode: int) -> None:
    """Refuse: modes do not exist here, and the read-only bit would keep owners from deleting their files."""
    raise OSError(errno.EOPNOTSUPP, f"{os.strerror(errno.EOPNOTSUPP)}: mode {mode:o} of descriptor {fd}")


def set_group(fd: int, group: int) -> None:
    """Refuse: groups have no numbers here."""
    raise OSError(errno.EOPNOTSUPP, f"{os.strerror(errno.EOPNOTSUPP)}: group {group} of descriptor {fd}")


def set_times(fd: int, mtime_ns: int) -> None:
    """Refuse: times are set by path alone here, and these files are open."""
    raise OSError(errno.EOPNOTSUPP, f"{os.strerror(errno.EOPNOTSUPP)}: time {mtime_ns} of descriptor {fd}")


def touch(fd: int) -> None:
    """Set the times of an open file to now, by writing its first byte again."""
    os.lseek(fd, 0, os.SEEK_SET)
    first = os.read(fd, 1)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, first)


def mounts() -> "list[tuple[str, str, str, str]]":
    """Return nothing: drives and shares show in the path itself."""
    return []


def volume(path: str) -> tuple[int | None, int | None, int | None, bool]:
    """Return nothing known of the volume; whether it can be read at all, the call tells by its error."""
    os.stat(path)
    return None, None, None, False


def has_acl(path: str) -> bool:
    """Return True: every file here has an ACL, and nothing else."""
    return bool(path)


def writers(at: "int | str") -> "tuple[tuple[int, ...], tuple[int | None, ...]] | None":
    """Return None: files do not tell whom their lists name here."""
    del at


def user_name(uid: int) -> str:
    """Return the name of this user; files do not tell their owner here."""
    return os.environ.get("USERNAME", "") if uid == 0 else ""


def group_name(gid: int) -> str:
    """Return "": there are no groups of files."""
    return "" if gid >= 0 else str(gid)


def group_id(name: str) -> int | None:
    """Return None: there are no groups of files."""
    return None if name else 0


def group_members(name: str) -> "frozenset[int]":
    """Return nobody."""
    return frozenset() if name else frozenset((0,))


def who() -> tuple[int, int, tuple[int, ...]]:
    """Return zeros, as `os.stat` does for every owner."""
    return 0, 0, (0,)


def boot_id() -> str:
    """Return "": the system does not tell without administrator's rights."""
    return ""


def links_are_protected() -> bool:
    """Return whether the kernel lets only those link a foreign file who may write it."""
    return False


def born_ns(path: str) -> int:
    """Return when a file or directory was made, in nanoseconds since the epoch."""
    return os.stat(path).st_ctime_ns
