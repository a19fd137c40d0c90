"""Whom I believe: the reader's decision, never the store's claim.

Trusted are I, root, and whom my settings or the system's name; in a group store also the members of its group, if I am
one of them. Trust is asked of two things: who owns a file or directory that was *opened* (no link is followed, nothing
can be swapped between question and answer), and who could have renamed it away: every directory up to the store's root.

A directory is a trusted place when its owner is trusted and nobody else can change the names in it: it is writable by
its owner alone, or by a group whose members are all trusted, or it is sticky (then only the owner of a name can rename
it, or the owner of the directory).

Laws of this file: it reads the directory of users and nothing else, and that only when a foreign owner is met; an answer
holds for the life of the process.
"""

import os
import stat

from commonwheel.fs import facts

try:
    import pwd
except ImportError:  # Windows has no numbers for users
    pwd = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

EVERYBODY = "*"
_ROOT = 0
#: What the kernel shows for users that have no number in this user namespace: anybody.
_NOBODY = 65534
_WRITABLE_BY_GROUP, _WRITABLE_BY_ALL = 0o020, 0o002


class Trust:
    """The users whose files are taken as they are; `names` are names or numbers of users, `*` for everybody."""

    __slots__ = ("_members", "_sole", "everybody", "me", "my_groups", "users")

    def __init__(self, names: "Iterable[str]" = ()) -> None:
        self.me: Final = facts.my_user()
        self.my_groups: Final = frozenset(facts.my_groups())
        users = {self.me, _ROOT}
        everybody = False
        for name in names:
            if name == EVERYBODY:
                everybody = True
            else:
                uid = user_id(name)
                users.update(() if uid is None else (uid,))
        self.everybody: Final = everybody
        self.users: Final = frozenset(users)
        self._members: Final[dict[tuple[int, int], bool]] = {}
        self._sole: Final[dict[int, bool]] = {}

    def extended(self, names: "Iterable[str]") -> "Trust":
        """Return the same trust with more users."""
        more = tuple(names)
        if not more:
            return self
        return Trust((*map(str, self.users), *more, *((EVERYBODY,) if self.everybody else ())))

    def owner(self, uid: int, group: int | None = None) -> bool:
        """Say whether what `uid` made is believed, in the store of `group` (None: not a group store, or not mine)."""
        if uid in self.users:
            # a number that stands for "nobody you know" is nobody, even if it is mine
            return uid != _NOBODY or not _hides_users()
        return self.everybody or (group is not None and self._member(uid, group))

    def place(self, found: os.stat_result, group: int | None = None) -> str:
        """Return why the names in a directory cannot be relied on, or "" if they can."""
        if self.everybody:
            return ""
        reason = self._stranger(found, group)
        if reason or found.st_mode & stat.S_ISVTX:
            return reason
        return self.open_to(found, group)

    def file(self, found: os.stat_result, group: int | None = None) -> str:
        """Return why the content of a file cannot be relied on, or "" if it can."""
        if not stat.S_ISREG(found.st_mode):
            return "it is not a file"
        if self.everybody:
            return ""
        return self._stranger(found, group) or self.open_to(found, group)

    def directory(self, fd: int, found: os.stat_result) -> str:  # noqa: ARG002 - lists of rights are asked of the descriptor
        """Return why the names in an open directory cannot be relied on, or "" (`fs.found.Belief`)."""
        return self.place(found)

    def regular(self, fd: int, found: os.stat_result) -> str:  # noqa: ARG002
        """Return why the content of an open file cannot be relied on, or "" (`fs.found.Belief`)."""
        return self.file(found)

    def _stranger(self, found: os.stat_result, group: int | None) -> str:
        if self.owner(found.st_uid, group):
            return ""
        return f"it belongs to {facts.user_name(found.st_uid)}, who is not trusted"

    def open_to(self, found: os.stat_result, group: int | None = None) -> str:
        """Return who else may change a file, or the names in a directory as far as no sticky bit keeps them; or ""."""
        if found.st_mode & _WRITABLE_BY_ALL:
            return "everybody may change it"
        if found.st_mode & _WRITABLE_BY_GROUP and found.st_gid != group and not self._all_trusted(found.st_gid):
            return f"the members of {facts.group_name(found.st_gid)} may change it"
        return ""

    def _member(self, uid: int, group: int) -> bool:
        """Say whether a user belongs to a group.

        A number without a name (containers run as any) cannot be asked about. That it could make something in a place
        where only the group may, which `place` has checked on the way, is then what tells.
        """
        known = self._members.get((uid, group))
        if known is None:
            known = self._members[uid, group] = _is_member(uid, group)
        return known

    def _all_trusted(self, group: int) -> bool:
        """Say whether a group has only members who are trusted anyway: the group of one user that many systems make."""
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


def _is_member(uid: int, group: int) -> bool:
    try:
        user = pwd.getpwuid(uid)
    except (KeyError, AttributeError):
        return True
    return group in os.getgrouplist(user.pw_name, user.pw_gid)


def _hides_users() -> bool:
    """Say whether this process sees less than all users of the machine (a user namespace)."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            fields = file.read().split()
    except OSError:
        return False
    return fields != [b"0", b"0", b"4294967295"]
