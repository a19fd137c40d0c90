"""Make a store that is shared on purpose, and try out what its file system can do.

    private   0700    one user
    group     02770   its members add and use; directories pass the group on
    publish   0755    its owner adds, everybody uses

Laws of this file: what exists is neither chmod-ed nor given away: a directory that does not fit is an error that says what
to run. What the file system can do is found by doing it, in a temporary directory of the store itself.
"""

import errno
import os
import stat
import time

from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.fs import disk, facts, files, linking, locks, modes, trees
from commonwheel.fs.facts import platform
from commonwheel.model import Value
from commonwheel.store import layout, policy
from commonwheel.store.layers import RECORD_MODE, Layer
from commonwheel.store.policy import GROUP, PRIVATE, PUBLISH, Policy
from commonwheel.store.trust import Trust, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

#: What a check is called that looks at the directories above a store.
PLACE = "place"
MODES = {PRIVATE: 0o700, GROUP: 0o2770, PUBLISH: 0o755}
#: Made at once, so that everybody meets them with the right modes; the others are made by whoever needs them.
ROOMS = (layout.ENTRIES, layout.POINTERS, layout.ROOTS, layout.USE, layout.LEASES)
_OWN = frozenset({layout.POLICY, layout.CACHE_TAG, layout.GITIGNORE, layout.VERSION, "lost+found"})
_TIME = 1_000_000_000
_SEARCHABLE_BY_ALL, _SEARCHABLE_BY_GROUP = 0o001, 0o010


class StoreError(CommonwheelError):
    """A directory cannot become a store."""

    code = "store-init"


class Check(Value):
    """What was found out about a store: `what`, whether it `works`, a `detail`, and the `hint` that would mend it.

    `needed` says whether the store is of no use without it; the rest costs speed.
    """

    __slots__ = ("detail", "hint", "needed", "what", "works")

    def __init__(self, what: str, works: bool, detail: str = "", hint: str = "", *, needed: bool = False) -> None:
        self.what: Final = what
        self.works: Final = works
        self.detail: Final = detail
        self.hint: Final = hint
        self.needed: Final = needed


def create(root: str, said: Policy) -> tuple[Check, ...]:
    """Make the directory `root` a store with this policy and return what was found out about it.

    Repeating it is fine. Raises StoreError for a directory that is something else or shared otherwise, UsageError for a
    group that I am not in, DiskError for what the disk refuses.
    """
    group = _group(said)
    _check_existing(root, said)
    # whoever shares the store has to get to it
    trees.make_directory(
        os.path.dirname(os.path.abspath(root)), 0o777 if said.sharing == PRIVATE else 0o755, parents=True
    )
    for path in (root, f"{root}/{layout.VERSION}", *(f"{root}/{room}" for room in ROOMS)):
        _make(path, MODES[said.sharing], group)
    files.write(f"{root}/{layout.POLICY}", policy.write(said).encode(), RECORD_MODE)
    layer = Layer(root, Trust())
    layer.mark()
    return check(layer)


def _group(said: Policy) -> int | None:
    if said.sharing not in MODES:
        raise UsageError(f"a store is shared as one of {', '.join(MODES)}, not `{said.sharing}`")
    if said.sharing != GROUP:
        return None
    group = facts.group_id(said.group)
    if group is None:
        raise UsageError(f"there is no group `{said.group}`", hint="make it first (`groupadd`), and add its members")
    if group not in facts.my_groups() and facts.my_user() != 0:
        raise UsageError(
            f"you are not a member of the group `{said.group}`", hint="let a member or root make the store, or join it"
        )
    return group


def _make(path: str, mode: int, group: int | None) -> None:
    """Make a directory with these rights, if there is none. Whoever empties the store meanwhile may take it away again."""
    for is_last in (False, False, True):
        try:
            if trees.make_directory(path, 0o700):
                _open_up(path, mode, group)
        except disk.DiskError as error:
            if error.errno != errno.ENOENT or is_last:
                raise
        else:
            return


def _open_up(path: str, mode: int, group: int | None) -> None:
    """Give a directory that was just made, and that nobody else could look into, to those who share it."""
    if group is not None and not modes.set_group(path, group):
        raise StoreError(
            f"`{path}` could not be given to the group {facts.group_name(group)}", context=facts.describe(path)
        )
    modes.set_mode(path, mode)


def _check_existing(root: str, said: Policy) -> None:
    try:
        names = set(os.listdir(root))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"`{root}` cannot be made a store: {error.strerror}", context=facts.describe(root)) from error
    if not names <= _OWN and layout.VERSION not in names:
        raise StoreError(f"`{root}` is not empty, and not a store", hint="name a new or an empty directory")
    before = Layer(root, Trust()).policy.sharing
    if before and before != said.sharing:
        raise StoreError(
            f"`{root}` is a store already, shared as `{before}`",
            hint="make a new one beside it, and move what is below `v1/entries`; modes of what exists are not changed",
        )
    inner = f"{root}/{layout.VERSION}"
    found = os.lstat(inner) if layout.VERSION in names else None
    # a directory in a setgid one is setgid itself, whatever is asked for
    fitting = {MODES[said.sharing], MODES[said.sharing] | stat.S_ISGID}
    if found is not None and not before and stat.S_IMODE(found.st_mode) not in fitting:
        raise StoreError(
            f"`{root}` is in use as it is, and its directories have other modes than `{said.sharing}` needs",
            hint="make a new store beside it; modes of what exists are not changed",
        )


# --- what it can do ------------------------------------------------------------------------------------------------------


def check(layer: Layer) -> tuple[Check, ...]:
    """Return what the file system of a store can do, and whether those it is for can reach it."""
    mount = facts.mount_of(layer.root)
    flags = ",".join(mount.flags)
    found = [Check("file system", True, f"{mount.type or 'unknown'} at `{mount.point}` ({flags})")]
    if "noexec" in mount.flags:
        found.append(
            Check("execution", False, "the mount has `noexec`: libraries cannot be loaded from links to the store")
        )
    found += [*_reach(layer), *_exposed(layer)]
    if layer.refusal:
        return (*found, Check("adding", False, layer.refusal))
    try:
        place = trees.staging(layer.path(layout.ENTRIES), layer.closed_mode)
    except disk.DiskError as error:
        return (*found, Check("adding", False, error.message, error.hint or "", needed=True))
    try:
        found += _tried(layer, place)
    finally:
        trees.erase(place)
    room = facts.space(layer.root)
    if room.bytes_free is not None:
        inodes = "" if room.inodes_free is None else f", {room.inodes_free} inodes"
        found.append(
            Check("room", room.inodes_free != 0, f"{room.bytes_free >> 20} MiB{inodes} free {room.quota}".rstrip())
        )
    return tuple(found)


def _reach(layer: Layer) -> list[Check]:
    """Look whether those who share a store can get to it, from the top directory down."""
    if layer.sharing not in {GROUP, PUBLISH}:
        return []
    version = layer.path(layout.VERSION)
    group = os.stat(version).st_gid if layer.sharing == GROUP else None
    found = []
    path = os.path.realpath(layer.root)
    while True:
        facts_ = os.stat(path)
        by_group = group is not None and facts_.st_gid == group and facts_.st_mode & _SEARCHABLE_BY_GROUP
        if not (facts_.st_mode & _SEARCHABLE_BY_ALL or by_group):
            who = "everybody" if group is None else f"the group {facts.group_name(group)}"
            hint = (
                f"chmod o+x '{path}'"
                if group is None
                else f"chgrp {facts.group_name(group)} '{path}' && chmod g+x '{path}'"
            )
            found.append(Check("reach", False, f"`{path}` cannot be passed by {who}", hint, needed=True))
        if platform.has_acl(path) and path == os.path.realpath(layer.root):
            found.append(
                Check(
                    "access lists", False, f"`{path}` has an access list: it may allow more or less than its mode says"
                )
            )
        above = os.path.dirname(path)
        if above == path:
            break
        path = above
    return found or [Check("reach", True, "every directory on the way can be passed")]


def _exposed(layer: Layer) -> list[Check]:
    """Check whether another user could put another store in the place of this one."""
    if not layer.exposed:
        return []
    return [
        Check(
            PLACE,
            False,
            f"{layer.exposed}: environments get copies from this store, and no links to it",
            remedy(layer.way),
        )
    ]


def remedy(way: Way) -> str:
    """Return what to type so that nobody else can replace what a way leads to."""
    path = way.directory
    try:
        found = os.lstat(path)
    except OSError:
        return "choose another place: cw cache init"
    quoted = facts.quoted(path)
    if not Trust().owner(found.st_uid):
        owner = facts.user_name(found.st_uid)
        return f"choose another place (cw cache init), or set CW_TRUST={owner} if you trust {owner}"
    if found.st_mode & stat.S_IWOTH:
        return f"chmod o-w {quoted}"
    return f"setfacl -b {quoted} && chmod g-w {quoted}" if platform.has_acl(path) else f"chmod g-w {quoted}"


def _tried(layer: Layer, place: str) -> list[Check]:
    """Do in `place` what a store needs done."""
    one = f"{place}/one"
    try:
        files.write_new(one, b"x" * 4096, layout.FILE_MODE, _TIME * 1_000_000_000)
    except disk.DiskError as error:
        return [Check("adding", False, error.message, error.hint or "", needed=True)]
    found = os.lstat(one)
    checks = [
        Check("adding", True, needed=True),
        Check(
            "modes",
            stat.S_IMODE(found.st_mode) == layout.FILE_MODE,
            f"asked for 0444, got {stat.S_IMODE(found.st_mode):04o}",
        ),
        Check("times", int(found.st_mtime) == _TIME, "files keep the times of their archives"),
        _try("hard links", lambda: linking.hard_link(one, f"{place}/two")),
        _try("reflinks", lambda: linking.clone(one, f"{place}/three", layout.FILE_MODE)),
        _try("symbolic links", lambda: linking.symlink("one", f"{place}/four")),
        _publishing(place),
        _locking(f"{place}/lock"),
    ]
    if layer.sharing == GROUP:
        wanted = os.lstat(layer.path(layout.VERSION)).st_gid
        detail = f"new files belong to {facts.group_name(found.st_gid)}"
        checks.append(Check("group", found.st_gid == wanted, detail, needed=True))
    return checks


def _try(what: str, action: "Callable[[], None]") -> Check:
    try:
        action()
    except disk.DiskError as error:
        return Check(what, False, os.strerror(error.errno))
    return Check(what, True)


def _publishing(place: str) -> Check:
    """Look whether two that publish one entry meet as they should: one wins, the other learns it."""
    try:
        for _ in range(2):
            staged = trees.staging(place, 0o700)
            files.write_new(f"{staged}/file", b"")
            won = trees.publish_tree(staged, f"{place}/entry")
    except disk.DiskError as error:
        return Check("publishing", False, error.message, needed=True)
    return Check("publishing", not won, "a directory is renamed into place, and never over another", needed=True)


def _locking(path: str) -> Check:
    started = time.monotonic()
    try:
        with locks.lock(path, timeout=2.0, who="trying out locks") as held:
            spent = time.monotonic() - started
            return Check(
                "locks", held, f"{spent * 1000:.0f} ms" if held else "they do not work here, and are not needed"
            )
    except locks.LockTimeout as error:
        return Check("locks", False, error.message)
