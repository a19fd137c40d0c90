"""What macOS does in its own way, behind the contract of `_linux`, which tells what each function promises.

Written from Apple's manual pages and headers; the tests compare names and signatures, and type-check it for macOS, but
nobody has run it in CI. Same laws as `_linux`.
"""

import ctypes
import errno
import fcntl
import grp
import os
import pwd
import stat
import sys
import time

assert sys.platform == "darwin"  # tells the type checker for which system it reads this file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

RENAME_EXCL: "Final" = 0x4
CLONE_NOFOLLOW: "Final" = 0x1
AT_FDCWD: "Final" = -2
F_FULLFSYNC: "Final" = 51
MNT_NOWAIT: "Final" = 2
WRITE_AND_ENTER = stat.S_IWUSR | stat.S_IXUSR
# sys/mount.h
MOUNT_FLAGS = {0x1: "ro", 0x4: "noexec", 0x8: "nosuid", 0x10: "nodev", 0x1000: "local", 0x2000: "quota"}

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
NOFOLLOW = os.O_NOFOLLOW
CLOEXEC = os.O_CLOEXEC
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *words: object) -> None:
    try:
        function = getattr(_libc, name)
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if function(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def clone_file(source: int, path: str, mode: int, directory: int | None = None) -> int:
    """Create `path` with the blocks of the open file `source`, shared, and return its descriptor (fclonefileat).

    It may be relative to an open `directory`.

    The clone comes with the mode of its source; the caller's literal mode follows, and for "as the umask decides" the bits
    for writing that an immutable source lacks.
    """
    place = AT_FDCWD if directory is None else directory
    _call("fclonefileat", source, place, os.fsencode(path), CLONE_NOFOLLOW)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.fchmod(fd, mode if mode not in {0o666, 0o777} else mode & 0o755)
        except BaseException:
            os.close(fd)
            raise
    except BaseException:
        os.unlink(path, dir_fd=directory)
        raise
    return fd


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
    """Give the file `source` the further name `path`; a symbolic link is linked itself, not what it leads to."""
    os.link(source, path, follow_symlinks=False)


def replace(source: str, path: str) -> None:
    """Rename, replacing a file (or an empty directory by a directory)."""
    os.rename(source, path)


def rename_exclusive(source: str, path: str) -> None:
    """Rename a file where hard links do not work; FileExistsError if `path` exists (renamex_np, RENAME_EXCL)."""
    _call("renamex_np", os.fsencode(source), os.fsencode(path), RENAME_EXCL)


def sync_filesystem(fd: int) -> None:
    """Write everything of the file system that holds the open `fd` to its medium, past the drive's own cache."""
    os.sync()
    fcntl.fcntl(fd, F_FULLFSYNC)


def use_system_calls(call: "Callable[..., None]") -> None:
    """Do without: nothing of `system_calls` is needed here."""


def lock_fd(fd: int, *, shared: bool) -> bool:
    """Take the lock of an open file without waiting: False if somebody holds it, OSError if locks do not work."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def unlock_fd(fd: int) -> None:
    """Give the lock back."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def unlink(path: str, parent: int | None = None) -> None:
    """Remove the name of a file, relative to the open directory `parent` if there is one."""
    os.unlink(path, dir_fd=parent)


def open_own_directory(name: str, parent: int | None) -> int | None:
    """Open the directory `name` of `parent` to list and empty it, after giving its owner back the rights for that."""
    try:
        fd = os.open(name, DIRECTORY, dir_fd=parent)
    except PermissionError:
        os.chmod(name, stat.S_IRWXU, dir_fd=parent, follow_symlinks=False)
        fd = os.open(name, DIRECTORY, dir_fd=parent)
    try:
        facts = os.fstat(fd)
        if facts.st_mode & WRITE_AND_ENTER != WRITE_AND_ENTER and facts.st_uid == os.geteuid():
            os.fchmod(fd, stat.S_IMODE(facts.st_mode) | stat.S_IRWXU)
    except BaseException:
        os.close(fd)
        raise
    return fd


def set_mode(fd: int, mode: int) -> None:
    """Set the mode bits of an open file or directory."""
    os.fchmod(fd, mode)


def set_group(fd: int, group: int) -> None:
    """Give an open file or directory to a group."""
    os.fchown(fd, -1, group)


def set_times(fd: int, mtime_ns: int) -> None:
    """Set the time of last change of an open file; it was read just now, as purges by age go by that."""
    os.utime(fd, ns=(time.time_ns(), mtime_ns))


def touch(fd: int) -> None:
    """Set both times of an open file to now, by the clock of whoever keeps the file system."""
    os.utime(fd)


class _Statfs(ctypes.Structure):
    """`struct statfs` with 64-bit inodes, from sys/mount.h."""

    _fields_ = (
        ("f_bsize", ctypes.c_uint32),
        ("f_iosize", ctypes.c_int32),
        ("f_counts", ctypes.c_uint64 * 5),
        ("f_fsid", ctypes.c_int32 * 2),
        ("f_owner", ctypes.c_uint32),
        ("f_type", ctypes.c_uint32),
        ("f_flags", ctypes.c_uint32),
        ("f_fssubtype", ctypes.c_uint32),
        ("f_fstypename", ctypes.c_char * 16),
        ("f_mntonname", ctypes.c_char * 1024),
        ("f_mntfromname", ctypes.c_char * 1024),
        ("f_reserved", ctypes.c_uint32 * 8),
    )


def mounts() -> "list[tuple[str, str, str, str]]":
    """Return what is mounted as (mount point, type, flags of the mount, options of the type), oldest first."""
    ask = getattr(_libc, "getfsstat$INODE64", None) or _libc.getfsstat
    count = ask(None, 0, MNT_NOWAIT)
    table = (_Statfs * max(count, 1))()
    count = ask(table, ctypes.sizeof(table), MNT_NOWAIT)
    found = []
    for row in table[: max(count, 0)]:
        flags = [name for bit, name in MOUNT_FLAGS.items() if row.f_flags & bit]
        flags = flags if "ro" in flags else ["rw", *flags]
        options = "quota" if "quota" in flags else ""
        found.append((os.fsdecode(row.f_mntonname), row.f_fstypename.decode("ascii"), ",".join(flags), options))
    return found


def volume(path: str) -> tuple[int | None, int | None, int | None, bool]:
    """Return of a file system the bytes free for this user, all bytes, the inodes free, and whether it is read-only."""
    facts = os.statvfs(path)
    inodes = facts.f_favail if facts.f_files else None
    return facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize, inodes, bool(facts.f_flag & os.ST_RDONLY)


def has_acl(path: str) -> bool:
    """Return whether rights beyond the mode bits apply (acl_get_link_np)."""
    function = _libc.acl_get_link_np
    function.restype = ctypes.c_void_p
    acl = function(os.fsencode(path), 0x100)  # ACL_TYPE_EXTENDED
    if acl:
        _libc.acl_free(ctypes.c_void_p(acl))
    return bool(acl)


def writers(at: "int | str") -> "tuple[tuple[int, ...], tuple[int | None, ...]] | None":
    """Return None: access lists are not read here, and the mode decides."""
    del at


def user_name(uid: int) -> str:
    """Return the name of a user, or "" when nobody knows it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""


def group_name(gid: int) -> str:
    """Return the name of a group, or ""."""
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return ""


def group_id(name: str) -> int | None:
    """Return the number of a group, or None."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def group_members(name: str) -> "frozenset[int]":
    """Return the users of a group: those listed with it, and those whose primary group it is as far as they are listed."""
    try:
        group = grp.getgrnam(name)
    except KeyError:
        return frozenset()
    found = {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == group.gr_gid}
    for member in group.gr_mem:
        try:
            found.add(pwd.getpwnam(member).pw_uid)
        except KeyError:
            continue
    return frozenset(found)


def who() -> tuple[int, int, tuple[int, ...]]:
    """Return the effective user, the effective group, and all groups of this process."""
    return os.geteuid(), os.getegid(), tuple(sorted({os.getegid(), *os.getgroups()}))


def boot_id() -> str:
    """Return a text that changes with every boot of this machine, or "" (sysctl kern.bootsessionuuid)."""
    text = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(len(text))
    if _libc.sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0) != 0:
        return ""
    return text.value.decode("ascii", "replace")


def links_are_protected() -> bool:
    """Return whether the kernel lets only those link a foreign file who may write it."""
    return False


def born_ns(path: str) -> int:
    """Return when a file or directory was made, in nanoseconds since the epoch."""
    return int(os.stat(path).st_birthtime * 1_000_000_000)
