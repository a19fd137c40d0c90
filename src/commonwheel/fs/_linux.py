"""What Linux does in its own way, behind the contract that `_darwin` and `_windows` share.

Laws of this file: the same names and signatures in all three (tests/fs/test_platforms.py compares them); functions raise
plain `OSError` and decide nothing; only `disk.py` calls those that change the disk.
"""

import errno
import fcntl
import grp
import os
import pwd
import stat
import sys
import time

assert sys.platform == "linux"  # tells the type checker for which system it reads this file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FICLONE = 0x40049409
RENAME_NOREPLACE = 1
AT_FDCWD = -100
WRITE_AND_ENTER = stat.S_IWUSR | stat.S_IXUSR
# one call copies at most this much, so that a signal is answered in the middle of a large file
CHUNK = 1 << 26
# after these, reading and writing would fail too
_FINAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.ESTALE})

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
NOFOLLOW = os.O_NOFOLLOW
CLOEXEC = os.O_CLOEXEC
# a named pipe in the place of a file must not block who opens it
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW


def clone_file(source: int, path: str, mode: int, directory: int | None = None) -> int:
    """Create `path` with the blocks of the open file `source`, shared, and return its descriptor (FICLONE).

    It may be relative to an open `directory`.

    Clones data alone: mode, times and attributes are the caller's. Nothing is left behind by a failure.
    """
    target = os.open(path, NEW, mode, dir_fd=directory)
    try:
        fcntl.ioctl(target, FICLONE, source)
    except BaseException:
        os.close(target)
        os.unlink(path, dir_fd=directory)
        raise
    return target


def copy_data(source: int, target: int, size: int) -> None:
    """Copy `size` bytes between two open files, inside the kernel if it can.

    `copy_file_range` may share blocks or copy on the server. It refuses some pairs (EXDEV, EINVAL, EOPNOTSUPP, EPERM), and
    has answered 0 before the end on special file systems: whatever is missing is then read and written.
    """
    left = size
    try:
        while left:
            copied = os.copy_file_range(source, target, min(left, CHUNK))
            if not copied:
                break
            left -= copied
    except AttributeError:
        pass  # a Python that was built against a libc older than the call
    except OSError as error:
        if error.errno in _FINAL:
            raise
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
    """Rename a file where hard links do not work; FileExistsError if `path` exists (renameat2, RENAME_NOREPLACE).

    NFS and some FUSE file systems refuse with EINVAL, and without `system_calls` it is ENOSYS.
    """
    if _system_call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), path)
    _system_call("renameat2", AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(path), RENAME_NOREPLACE)


def sync_filesystem(fd: int) -> None:
    """Write everything of the file system that holds the open `fd` to its medium (syncfs).

    Without `system_calls` it is everything of all file systems, which may take much longer.
    """
    if _system_call is None:
        os.sync()
    else:
        _system_call("syncfs", fd)


_system_call: "Callable[..., None] | None" = None


def use_system_calls(call: "Callable[..., None]") -> None:
    """Take from `system_calls` what calls the C library by name: it is too costly to be imported here."""
    global _system_call
    _system_call = call


def lock_fd(fd: int, *, shared: bool) -> bool:
    """Take the lock of an open file without waiting: False if somebody holds it, OSError if locks do not work.

    `flock` and not `fcntl` locks: these are dropped as soon as any descriptor of the file is closed in this process.
    """
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        # NFS clients answer EACCES for a held byte-range lock
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
    """Open the directory `name` of `parent` to list and empty it, after giving its owner back the rights for that.

    Never follows a link: what is opened is a directory (or OSError), and mode changes go to what was opened. None where
    the system has no descriptors of directories.
    """
    try:
        fd = os.open(name, DIRECTORY, dir_fd=parent)
    except PermissionError:
        # unreadable: a handle without rights still lets its owner change the mode
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{handle}", stat.S_IRWXU)
        finally:
            os.close(handle)
        return os.open(name, DIRECTORY, dir_fd=parent)
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


def mounts() -> "list[tuple[str, str, str, str]]":
    """Return what is mounted as (mount point, type, flags of the mount, options of the type), oldest first.

    `/proc/self/mountinfo`: number, parent, device, root, point, flags, optional fields, `-`, type, source, options.
    """
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            before, _, after = line.partition(b" - ")
            try:
                _, _, _, _, point, flags, *_ = before.split()
                kind, *_, options = after.split()  # the source may be empty
            except ValueError:
                continue
            found.append((_plain(point), os.fsdecode(kind), os.fsdecode(flags), os.fsdecode(options)))
    return found


def _plain(octal: bytes) -> str:
    """Undo the octal numbers that stand for space, tab, newline and backslash."""
    head, *parts = octal.split(b"\\")
    return os.fsdecode(head + b"".join(bytes((int(part[:3], 8),)) + part[3:] for part in parts))


def volume(path: str) -> tuple[int | None, int | None, int | None, bool]:
    """Return of a file system the bytes free for this user, all bytes, the inodes free, and whether it is read-only.

    None for what it does not say: some make inodes as they go, and say 0 of 0.
    """
    facts = os.statvfs(path)
    inodes = facts.f_favail if facts.f_files else None
    return facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize, inodes, bool(facts.f_flag & os.ST_RDONLY)


def has_acl(path: str) -> bool:
    """Return whether rights beyond the mode bits apply: a POSIX access or default list, or one of NFSv4."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return False
    return any(name in _ACLS for name in names)


def writers(at: "int | str") -> "tuple[tuple[int, ...], tuple[int | None, ...]] | None":
    """Return the users and groups whom the access list of a file lets write, beside its owner and all others; None if it has no list.

    `at` is a descriptor or a path, whose last name is not followed. The file's own group is None among the groups. The list is POSIX.1e's as
    `system.posix_acl_access` holds it (include/uapi/linux/posix_acl_xattr.h): a number of the format in 4 bytes, then 8 bytes for each line:
    kind, rights, number of the user or group.
    """
    try:
        data = _access_list(at)
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.EOPNOTSUPP}:
            return None
        raise
    lines = [
        tuple(int.from_bytes(data[at : at + size], "little") for at, size in ((n, 2), (n + 2, 2), (n + 4, 4)))
        for n in range(4, len(data) - 7, 8)
    ]
    mask = next((rights for kind, rights, _ in lines if kind == _ACL_MASK), _ACL_WRITE)
    writing = [(kind, number) for kind, rights, number in lines if rights & mask & _ACL_WRITE]
    groups = [
        None if kind == _ACL_OWN_GROUP else number for kind, number in writing if kind in {_ACL_OWN_GROUP, _ACL_GROUP}
    ]
    return tuple(number for kind, number in writing if kind == _ACL_USER), tuple(groups)


_ACL_USER, _ACL_OWN_GROUP, _ACL_GROUP, _ACL_MASK = 0x02, 0x04, 0x08, 0x10
_ACL_WRITE = 0o2


def _access_list(at: "int | str") -> bytes:
    if isinstance(at, str):
        return os.getxattr(at, "system.posix_acl_access", follow_symlinks=False)
    try:
        # a descriptor that is a place alone (O_PATH) answers by this name only
        return os.getxattr(f"/proc/self/fd/{at}", "system.posix_acl_access")
    except FileNotFoundError:  # there is no /proc
        return os.getxattr(at, "system.posix_acl_access")


_ACLS = frozenset({"system.posix_acl_access", "system.posix_acl_default", "system.nfs4_acl", "system.richacl"})


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
    """Return a text that changes with every boot of this machine, or ""."""
    try:
        # bytes: a text file takes a codec, whose import costs as much as all else here
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read().strip().decode()
    except OSError:
        return ""


def links_are_protected() -> bool:
    """Return whether the kernel lets only those link a foreign file who may write it (fs.protected_hardlinks)."""
    try:
        with open("/proc/sys/fs/protected_hardlinks", "rb") as file:
            return file.read().strip() != b"0"
    except OSError:
        # unreadable for ordinary users on old kernels; main distributions switch it on
        return True


def born_ns(path: str) -> int:
    """Return when a file or directory was made, in nanoseconds since the epoch; when it was last changed where nobody knows."""
    import ctypes  # noqa: PLC0415 - 4 ms, for who asks
    import struct  # noqa: PLC0415 - as above

    buffer = ctypes.create_string_buffer(256)
    call = getattr(ctypes.CDLL(None), "statx", None)
    with_birth = 0x800
    if call is not None and call(AT_FDCWD, os.fsencode(path), 0, with_birth, buffer) == 0:
        mask, seconds, fraction = struct.unpack_from("=I76xqI", buffer)
        if mask & with_birth:
            return int(seconds * 1_000_000_000 + fraction)
    return os.stat(path).st_ctime_ns
