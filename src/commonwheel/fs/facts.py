"""Who owns what, which file system it is, and who I am: the answers behind "permission denied".

Laws of this file: it reads and never changes anything; an unknown fact is "" or None and never an error, because the
one who asks is already reporting one; names of users are looked up only here and only then (a directory service may
take its time); what cannot change while a process lives is asked once.
"""

import errno as numbers
import os
import stat
import sys

from commonwheel.model import Value

# the one place where the system is asked for; disk.py takes this choice too
if sys.platform == "win32" or sys.platform == "darwin":
    from commonwheel.fs import _linux as platform
else:
    from commonwheel.fs import _linux as platform

__all__ = [
    "Mount", "Space", "advice", "boot_id", "describe", "group_id", "group_members", "group_name", "host", "is_shared", "link_reasons",
    "mount_of", "my_groups", "my_user", "owner_of", "place", "platform", "quoted", "read_only", "space", "user_name", "writers",
]  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "gpfs", "beegfs", "ceph", "fuse.ceph", "afs", "glusterfs",
    "fuse.glusterfs", "panfs", "orangefs", "fuse.sshfs", "efs",
})  # fmt: skip
REFLINKING = frozenset({"btrfs", "xfs", "bcachefs", "ocfs2", "zfs", "apfs", "nfs4", "cifs", "smb3", "overlay"})
LINKLESS = frozenset({"vfat", "exfat", "msdos", "cifs", "smb3", "smbfs"})


class Mount(Value):
    """A file system in its place: mount point, type, flags (`rw,nosuid,relatime`) and the type's own options."""

    __slots__ = ("flags", "options", "point", "type")

    def __init__(self, point: str, type: str, flags: "tuple[str, ...]", options: "tuple[str, ...]" = ()) -> None:  # noqa: A002 - mount(8)'s word
        self.point: Final = point
        self.type: Final = type
        self.flags: Final = flags
        self.options: Final = options


class Space(Value):
    """What is left on a file system, in bytes and inodes, for this user; None for what it does not say.

    `quota` says which quotas the mount keeps ("" for none): their limits show up as EDQUOT alone.
    """

    __slots__ = ("bytes_free", "bytes_total", "inodes_free", "quota")

    def __init__(self, bytes_free: int | None, bytes_total: int | None, inodes_free: int | None, quota: str) -> None:
        self.bytes_free: Final = bytes_free
        self.bytes_total: Final = bytes_total
        self.inodes_free: Final = inodes_free
        self.quota: Final = quota


_boot: str | None = None
_host = ""
_users: dict[int, str] = {}
_groups: dict[int, str] = {}
_members: dict[str, frozenset[int]] = {}
_shared: dict[int, bool] = {}


def boot_id() -> str:
    """Return a text that changes with every boot of this machine ("" where the system does not tell)."""
    global _boot
    if _boot is None:
        _boot = platform.boot_id()
    return _boot


def place() -> str:
    """Return a text for all that sees the same files under the same names: one boot and, on Linux, one mount namespace; "" if not known."""
    boot = boot_id()
    try:
        space = os.readlink("/proc/self/ns/mnt")
    except OSError:
        space = ""
    return f"{boot} {space}".strip() if boot else ""


def host() -> str:
    """Return the name of this machine."""
    global _host
    if not _host:
        _host = (os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")) or "localhost"
    return _host


def user_name(uid: int) -> str:
    """Return the name of a user, or the number as text."""
    if uid not in _users:
        _users[uid] = platform.user_name(uid) or str(uid)
    return _users[uid]


def group_name(gid: int) -> str:
    """Return the name of a group, or the number as text."""
    if gid not in _groups:
        _groups[gid] = platform.group_name(gid) or str(gid)
    return _groups[gid]


def group_id(name: str) -> int | None:
    """Return the number of the group called `name` (a number as text is taken as it is), or None."""
    found = platform.group_id(name)
    return int(name) if found is None and name.isdigit() else found


def group_members(name: str) -> "frozenset[int]":
    """Return the user numbers of a group: listed members, and users whose primary group it is; empty if unknown."""
    if name not in _members:
        _members[name] = platform.group_members(name)
    return _members[name]


def my_user() -> int:
    """Return the effective user of this process."""
    return platform.who()[0]


def my_groups() -> "tuple[int, ...]":
    """Return all groups of this process, the effective one included."""
    return platform.who()[2]


def owner_of(fd: int) -> int:
    """Return the user who owns an open file: asked of the descriptor, so no link is followed and nothing can be swapped."""
    return os.fstat(fd).st_uid


def writers(at: "int | str") -> "tuple[tuple[int, ...], tuple[int | None, ...]] | None":
    """Return the users and groups whom the access list of a descriptor or path lets write; None if it has none. Raises OSError.

    The file's own group is None among the groups.
    """
    return platform.writers(at)


def mount_of(path: str) -> Mount:
    """Return the mount that holds `path`, or its nearest parent that exists; type "" when the system does not say."""
    real = os.path.realpath(_existing(path))
    best = ("", "", "", "")
    try:
        table = platform.mounts()
    except OSError:
        table = []
    for row in table:
        point = row[0]
        inside = real == point or real.startswith(point.rstrip("/\\") + os.sep)
        # a later mount on the same point hides the earlier one
        if inside and len(point) >= len(best[0]):
            best = row
    return Mount(best[0], best[1], _words(best[2]), _words(best[3]))


def mount_points() -> frozenset[str]:
    """Return all directories on which something is mounted; none when the system does not say."""
    try:
        return frozenset([row[0] for row in platform.mounts()])
    except OSError:
        return frozenset()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def is_shared(path: str) -> bool:
    """Return whether other machines may see the file system of `path`: asked once for each device."""
    try:
        device = os.stat(_existing(path)).st_dev
    except OSError:
        return False
    if device not in _shared:
        kind = mount_of(path).type
        _shared[device] = kind in NETWORK or kind.startswith("fuse")
    return _shared[device]


def stamp(found: os.stat_result) -> str:
    """Return what tells this content of a file from any other, as far as an inode can; for records, not for people."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_ctime_ns:x}-{found.st_size:x}"


def read_only(path: str) -> bool:
    """Return whether `path` lies on a file system mounted read-only, whatever the mode bits claim."""
    try:
        return platform.volume(_existing(path))[3]
    except OSError:
        return False


def space(path: str) -> Space:
    """Return how much room is left where `path` is, or would be."""
    try:
        free, total, inodes, _ = platform.volume(_existing(path))
    except OSError:
        return Space(None, None, None, "")
    kept = [word for word in mount_of(path).options if "quota" in word and "noquota" not in word]
    return Space(free, total, inodes, ", ".join(kept))


def link_reasons(source: str, target: str) -> dict[str, str]:
    """Return for `clone`, `hardlink`, `copy` and `symlink` why files below `source` cannot appear so below `target`.

    "" means that nothing is known against it: the truth is found by trying, file by file. For `doctor` and for choosing
    what to try, never for deciding what works.
    """
    from_mount, to_mount = mount_of(source), mount_of(target)
    reasons = {"clone": "", "hardlink": "", "copy": "", "symlink": ""}
    apart = ""
    try:
        facts = os.stat(_existing(source))
        if facts.st_dev != os.stat(_existing(target)).st_dev:
            apart = (
                f"they are different file systems: {from_mount.type} at `{from_mount.point}` and "
                f"{to_mount.type} at `{to_mount.point}`"
            )
        elif from_mount.point != to_mount.point:
            reasons["hardlink"] = f"`{from_mount.point}` and `{to_mount.point}` are two mounts of one file system"
        uid = my_user()
        if not reasons["hardlink"] and uid not in {facts.st_uid, 0} and platform.links_are_protected():
            reasons["hardlink"] = (
                f"the files belong to {user_name(facts.st_uid)}, and the kernel links foreign files only for those "
                "who may write them (fs.protected_hardlinks)"
            )
    except OSError as error:
        reasons["copy"] = f"{error.strerror}: `{error.filename}`"
    if apart:
        reasons["clone"] = reasons["hardlink"] = apart
    if not reasons["clone"] and to_mount.type and to_mount.type not in REFLINKING:
        reasons["clone"] = f"{to_mount.type} does not share blocks between files"
    if "noexec" in from_mount.flags and "noexec" not in to_mount.flags:
        reasons["symlink"] = f"`{from_mount.point}` has `noexec`: libraries cannot be loaded through links to it"
    if to_mount.type in LINKLESS:
        reasons["hardlink"] = reasons["hardlink"] or f"{to_mount.type} has no hard links"
    if read_only(target):
        reasons = dict.fromkeys(reasons, f"`{to_mount.point}` is mounted read-only")
    return reasons


def describe(path: str) -> tuple[str, ...]:
    """Return what an error about `path` should say beside it: the file, its directory, the mount, and who I am."""
    lines = []
    facts = _lstat(path)
    if facts is not None:
        lines.append(_line("directory" if stat.S_ISDIR(facts.st_mode) else "file", path, facts))
    parent = os.path.dirname(path) or "."
    nearest = _existing(parent)
    above = _lstat(nearest)
    if above is not None and nearest != path:
        lines.append(_line("directory", nearest, above))
    if nearest != parent:
        lines.append(f"missing  : {parent}")
    mount = mount_of(path)
    if mount.type:
        lines.append(f"mount    : {mount.point}  {mount.type} {','.join(mount.flags)}")
    lines.append(f"you      : {_me()}")
    return tuple(lines)


def advice(path: str, errno: int) -> str | None:
    """Return the one command or change that would most likely help after `errno` at `path`, or None."""
    mount = mount_of(path)
    if errno == numbers.EROFS or (errno in {numbers.EACCES, numbers.EPERM} and read_only(path)):
        return f"`{mount.point}` is mounted read-only; choose a place that you can write"
    if errno in {numbers.ENOSPC, numbers.EDQUOT}:
        return _advice_on_room(path, errno, mount)
    if errno in {numbers.EACCES, numbers.EPERM}:
        return _advice_on_rights(path, errno)
    if errno in {numbers.EIO, numbers.ESTALE}:
        kind = "file server" if mount.type in NETWORK else "disk"
        return f"ask whoever keeps the {kind} behind `{mount.point}`; then run the command again"
    if errno == numbers.ENAMETOOLONG:
        return "choose a place with a shorter path"
    if errno in {numbers.EMFILE, numbers.ENFILE}:
        return "raise the limit of open files (`ulimit -n`)"
    return None


def _advice_on_room(path: str, errno: int, mount: Mount) -> str:
    if errno == numbers.EDQUOT:
        return (
            f"the quota of {user_name(my_user())} on `{mount.point}` is used up: delete files there, or see `quota -s`"
        )
    room = space(path)
    if room.inodes_free == 0:
        return f"`{mount.point}` has no inodes left: delete small files there (see `df -i`)"
    if room.bytes_free is not None and room.bytes_free > 1 << 20:
        return f"`{mount.point}` refused although {room.bytes_free >> 20} MiB are free: a quota or a full directory"
    return f"`{mount.point}` is full: delete files there (see `df`)"


def _advice_on_rights(path: str, errno: int) -> str | None:
    nearest = _existing(os.path.dirname(path) or ".")
    above, facts, uid = _lstat(nearest), _lstat(path), my_user()
    if above is None:
        return None
    own = user_name(above.st_uid)
    if uid == 0 and mount_of(nearest).type in NETWORK:
        return f"the file server gives root no rights here (root_squash): run this as {own}"
    if facts is not None and above.st_mode & stat.S_ISVTX and uid not in {facts.st_uid, above.st_uid}:
        return f"`{nearest}` is sticky: only {user_name(facts.st_uid)} or {own} can replace or delete `{path}`"
    if errno == numbers.EPERM and facts is not None and facts.st_uid != uid:
        return f"only {user_name(facts.st_uid)} (or root) may do that to `{path}`"
    if os.access(nearest, os.W_OK | os.X_OK):
        return None
    if above.st_uid == uid:
        return f"chmod u+rwx {quoted(nearest)}"
    if above.st_mode & stat.S_IWGRP:
        group = group_name(above.st_gid)
        if above.st_gid not in my_groups():
            return f"ask for membership in group {group} (then log in again), or choose a place of your own"
    elif above.st_gid in my_groups():
        return f"ask {own} to run: chmod g+rwxs {quoted(nearest)}"
    return f"ask {own} for write access to `{nearest}`, or choose a place of your own"


def quoted(path: str) -> str:
    """Return a path as it is typed into a shell."""
    plain = all(letter.isalnum() or letter in "/._-+=@%:," for letter in path)
    return path if plain else "'" + path.replace("'", "'\\''") + "'"


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (OSError, ValueError):
        return None


def _existing(path: str) -> str:
    """Return `path`, or the nearest of its parents that exists."""
    path = os.path.abspath(path)
    while _lstat(path) is None:
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    return path


def _line(kind: str, path: str, facts: os.stat_result) -> str:
    acl = " +acl" if platform.has_acl(path) else ""
    owner, group = user_name(facts.st_uid), group_name(facts.st_gid)
    if stat.S_ISLNK(facts.st_mode):
        return f"link     : {path} -> {_target(path)}  owner {owner}:{group}"
    return f"{kind:9}: {path}  mode {stat.S_IMODE(facts.st_mode):04o}{acl} owner {owner}:{group}"


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return "?"


def _me() -> str:
    uid, gid, groups = platform.who()
    names = ", ".join(group_name(group) for group in (gid, *(group for group in groups if group != gid)))
    return f"{user_name(uid)} (uid {uid}, groups {names}) on {host()}"
