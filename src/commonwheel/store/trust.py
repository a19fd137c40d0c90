"""Whom I trust: the reader's decision, never the store's claim.

Trusted are I, root, and the users whom my settings or the system's name; in a group store also the members of its group, if I am
one of them and the store's root belongs to a user whom I trust anyway. `@team` in the settings names every member of a group, a path the
owner of that store. Trust is asked of two things: who owns a file or directory that was *opened* (no link is followed, nothing
can be swapped between question and answer), and who could have renamed it away: every directory up to `/`.

A directory is a trusted place when its owner is trusted and nobody else can change the names in it: it is writable by
its owner alone, or by a group whose members are all trusted, or it is sticky (then only the owner of a name can rename
it, or the owner of the directory). Where the group may write, an access list (POSIX.1e) decides who that is.

Laws of this file: it reads the directory of users, access lists, and on the way to a store the names from `/` down, and changes nothing;
the directory of users is read only when a foreign owner is met; an answer holds for the life of the process.
"""

import errno
import os
import stat
import sys

from commonwheel.fs import facts
from commonwheel.model import Value

try:
    import pwd
except ImportError:  # Windows has no numbers for users
    pwd = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

EVERYBODY = "*"
GROUP_SIGN = "@"
_ROOT = 0
#: What the kernel shows for users that have no number in this user namespace: anybody.
_NOBODY = 65534
# as many links as the kernel follows on the way to one name
_MOST_LINKS = 40
_WRITABLE_BY_GROUP, _WRITABLE_BY_ALL = 0o020, 0o002


class Way(Value):
    """How a path leads to a directory: `path` has no links left in it.

    `directory` is the first on the way (or the first link) that others could replace, and `reason` says why; both are "" if there is none. `led` says
    whether a link that others could replace has led there, `fault` why the way could not be gone.
    """

    __slots__ = ("directory", "fault", "led", "path", "reason")

    def __init__(self, path: str, directory: str = "", reason: str = "", *, led: bool = False, fault: str = "") -> None:
        self.fault: Final = fault
        self.path: Final = path
        self.directory: Final = directory
        self.reason: Final = reason
        self.led: Final = led


class Trust:
    """The users whose files are taken as they are.

    `names` are names or numbers of users, `@` and a group for its members, the path of a store for its owner, `*` for everybody. `unmapped`
    says that users whom this user namespace does not show are trusted as well, where nobody but the owner may write.
    """

    __slots__ = ("_members", "_names", "_sole", "everybody", "groups", "me", "my_groups", "stores", "unmapped", "users")

    def __init__(self, names: "Iterable[str]" = (), *, unmapped: bool = False) -> None:
        self.me: Final = facts.my_user()
        self.my_groups: Final = frozenset(facts.my_groups())
        self._names: Final = tuple(names)
        self.unmapped: Final = unmapped
        self.everybody: Final = EVERYBODY in self._names
        self.stores: Final = frozenset([_real(name) for name in self._names if _is_path(name)])
        groups = [facts.group_id(name[1:]) for name in self._names if name[:1] == GROUP_SIGN]
        self.groups: Final = frozenset([group for group in groups if group is not None])
        plain = [name for name in self._names if name[:1] not in {EVERYBODY, GROUP_SIGN} and not _is_path(name)]
        self.users: Final = frozenset([self.me, _ROOT, *[uid for uid in map(user_id, plain) if uid is not None]])
        self._members: Final[dict[tuple[int, int], bool | None]] = {}
        self._sole: Final[dict[int, bool]] = {}

    def extended(self, names: "Iterable[str]") -> "Trust":
        """Return the same trust with more users."""
        more = tuple(names)
        return Trust((*self._names, *more), unmapped=self.unmapped) if more else self

    def of_store(self, uid: int) -> "Trust":
        """Return the same trust with the owner of a store that the settings name, for what is in that store.

        In a user namespace all users that it does not show look alike: one of them is trusted only where nobody else may write.
        """
        if self.owner(uid):
            return self
        if is_unmapped(uid):
            return Trust(self._names, unmapped=True)
        return self.extended((str(uid),))

    def owner(self, uid: int, group: int | None = None) -> bool:
        """Return whether what `uid` made is trusted, in the store of `group` (None: not a group store, or not mine)."""
        if self.everybody:
            return True
        if is_unmapped(uid):
            # a number that stands for users whom nobody can tell apart is nobody, even if it is mine
            return self.unmapped
        if uid in self.users or any(self._member(uid, one, named=True) for one in self.groups):
            return True
        return group is not None and self._member(uid, group)

    def place(self, found: os.stat_result, group: int | None = None, at: "int | str | None" = None) -> str:
        """Return why the names in a directory cannot be relied on, or "" if they can.

        `at` is its descriptor, or its path where nobody can replace it, to ask for its access list.
        """
        if self.everybody:
            return ""
        reason = self._stranger(found, group)
        if reason or (found.st_mode & stat.S_ISVTX and not is_unmapped(found.st_uid)):
            return reason
        return self.open_to(found, group, at)

    def file(self, found: os.stat_result, group: int | None = None, at: "int | str | None" = None) -> str:
        """Return why the content of a file cannot be relied on, or "" if it can; `at` is its descriptor."""
        if not stat.S_ISREG(found.st_mode):
            return "it is not a file"
        if self.everybody:
            return ""
        return self._stranger(found, group) or self.open_to(found, group, at)

    def directory(self, fd: int, found: os.stat_result) -> str:
        """Return why the names in an open directory cannot be relied on, or "" (`fs.found.Belief`)."""
        return self.place(found, None, fd)

    def regular(self, fd: int, found: os.stat_result) -> str:
        """Return why the content of an open file cannot be relied on, or "" (`fs.found.Belief`)."""
        return self.file(found, None, fd)

    def _stranger(self, found: os.stat_result, group: int | None) -> str:
        if self.owner(found.st_uid, group):
            return ""
        if is_unmapped(found.st_uid):
            return "it belongs to a user whom this user namespace does not show"
        return f"it belongs to {facts.user_name(found.st_uid)}, who is not trusted"

    def open_to(self, found: os.stat_result, group: int | None = None, at: "int | str | None" = None) -> str:
        """Return who else may change a file, or the names in a directory as far as no sticky bit keeps them; or ""."""
        if found.st_mode & _WRITABLE_BY_ALL:
            return "everybody may change it"
        # with an access list these bits are its mask: without them it lets nobody else write
        if not found.st_mode & _WRITABLE_BY_GROUP:
            return ""
        try:
            listed = None if at is None else facts.writers(at)
        except OSError as error:
            return f"its access list cannot be read: {error.strerror}"
        users, groups = ((), (found.st_gid,)) if listed is None else listed
        for uid in users:
            if not self.owner(uid, group):
                return f"{facts.user_name(uid)} may change it, by an access list"
        for one in groups:
            gid = found.st_gid if one is None else one
            if gid != group and not self._all_trusted(gid):
                return f"the members of {facts.group_name(gid)} may change it"
        return ""

    def way(self, path: str, group: int | None = None) -> Way:
        """Resolve a path from `/` down, and find the first directory or link on it that others could replace.

        Each name is looked up in a directory that was asked already, so what is asked is what will be found again, unless the answer is that
        others can replace it. What does not exist is left as it is. Raises OSError.
        """
        left = os.path.abspath(path).split("/")[:0:-1]
        done, directory, reason, led, links = "", "", "", False, 0
        found = os.lstat("/")
        while left:
            name = left.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                done = done.rpartition("/")[0]
                found = os.lstat(done or "/")
                continue
            if not directory and (why := self._above(done or "/", found, group)):
                directory, reason = done or "/", why
            here = f"{done}/{name}"
            try:
                there = os.lstat(here)
            except (FileNotFoundError, NotADirectoryError):
                return Way("/".join((here, *left[::-1])), directory, reason, led=led)
            if not stat.S_ISLNK(there.st_mode):
                done, found = here, there
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            # in a sticky directory its owner can replace it
            if not directory and found.st_mode & stat.S_ISVTX and (why := self._stranger(there, group)):
                directory, reason = here, why
            led = led or bool(directory)
            target = os.readlink(here)
            left += target.split("/")[::-1]
            if target[:1] == "/":
                done, found = "", os.lstat("/")
        return Way(done or "/", directory, reason, led=led)

    def _above(self, path: str, found: os.stat_result, group: int | None) -> str:
        """Return why others could replace what is in a directory on the way to a store, or ""."""
        reason = self.place(found, group, path)
        if not reason or not is_unmapped(found.st_uid):
            return reason
        # the owner of what is above this program, or above my home, decides anyway what I run
        mode = found.st_mode
        is_closed = mode & stat.S_ISVTX or not mode & (_WRITABLE_BY_GROUP | _WRITABLE_BY_ALL)
        return "" if is_closed and path in _decisive() else reason

    def _member(self, uid: int, group: int, *, named: bool = False) -> bool:
        """Return whether a user belongs to a group.

        A number without a name (containers run as any) cannot be asked about. That it could make something in a place
        where only the group may, which `place` has checked on the way, is then what tells; not so for a group that only settings
        name (`named`), nor for the number that stands for all those who have none.
        """
        if (uid, group) not in self._members:
            self._members[uid, group] = _is_member(uid, group)
        known = self._members[uid, group]
        return (not named and uid != _NOBODY) if known is None else known

    def _all_trusted(self, group: int) -> bool:
        """Return whether a group has only members who are trusted anyway: the group of one user that many systems make."""
        if group in self.groups:
            return True
        known = self._sole.get(group)
        if known is None:
            members = facts.group_members(facts.group_name(group))
            known = self._sole[group] = bool(members) and members <= self.users
        return known


def user_id(name: str) -> int | None:
    """Return the number of the user called `name` (a number as text is taken as it is), or None."""
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, AttributeError):
        return None


def is_unmapped(uid: int) -> bool:
    """Return whether a number stands for all users whom this user namespace does not show."""
    return uid == _NOBODY and _hides_users()


def _is_path(name: str) -> bool:
    return name[:1] in {"/", "~"}


def _real(name: str) -> str:
    return os.path.realpath(os.path.expanduser(name))


def _is_member(uid: int, group: int) -> bool | None:
    """Return whether the user of this number is in a group, None if there is no such user."""
    try:
        user = pwd.getpwuid(uid)
    except (KeyError, AttributeError):
        return None
    return group in os.getgrouplist(user.pw_name, user.pw_gid)


def _decisive() -> "set[str]":
    """Return the directories above this program, its interpreter and my home: who can replace those decides what I run.

    The system's directories for temporary files are among them (Filesystem Hierarchy Standard 3.0).
    """
    found = {"/tmp", "/var/tmp"}  # noqa: S108 - nothing is made there
    for path in (__file__, sys.base_prefix, os.path.expanduser("~")):
        above = os.path.realpath(path)
        while above != "/":
            above = os.path.dirname(above)
            found.add(above)
    return found


def _hides_users() -> bool:
    """Return whether this process sees less than all users of the machine (a user namespace)."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            fields = file.read().split()
    except OSError:
        return False
    return fields != [b"0", b"0", b"4294967295"]
