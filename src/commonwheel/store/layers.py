"""One store root: how it is shared, what may be believed in it, and what it takes.

    sharing     by store.toml, else by the root's own mode          directories made in it
    private     nobody else may write                               0755, and the root as the umask of its maker had it
    group       setgid and writable by its group                    as the store's `v1` is: 02770 by `cw cache init`
    publish     one owner writes, everybody reads                   0755
    open        anybody may write, or a group that is not mine      as the root is, and sticky if for all the world

Laws of this file: reading goes from one open directory to the next, never through a link, and asks each for its owner
(trust.py); so the answer is about the very thing that is then read. Nothing is written to find out whether it could be:
the first change that is refused says why, and from then on this process leaves the layer alone. A fault of a layer is a
reason for `cw doctor` and a miss for everybody else, never an error.
"""

import errno
import os
import stat

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, facts, files, modes, trees
from commonwheel.store import layout, policy
from commonwheel.store.policy import GROUP, PRIVATE, InvalidPolicy, Policy
from commonwheel.store.trust import Trust, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from commonwheel.store.policy import ReadToml

OPEN = "open"
RECORD_MODE = 0o644
_SHARED_WRITES = 0o022

# O_PATH needs only the right to search, and opens nothing that could answer back; elsewhere a plain descriptor does
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW | getattr(os, "O_PATH", 0)
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PART = 1 << 20
_MOST_PLACES = 64
# a store.toml has ten lines; who made it may not be believed yet when it is read
_MOST_POLICY = 1 << 16

#: What a layer answers that will answer so all day: no rights, no room, no medium.
HOPELESS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOTDIR})


class Refused(CommonwheelError):
    """A layer takes nothing; the caller asks the next one."""

    code = "layer-refused"


class Untrusted(OSError):
    """Something is there, and cannot be believed."""


class NotAFile(Untrusted):
    """What should be a file is a link, a pipe, a directory, or a device."""


class Place:
    """An open directory of a layer, and why what is in it cannot be relied on ("" if it can); closed with its last user."""

    __slots__ = ("fd", "found", "reason")

    def __init__(self, fd: int, found: os.stat_result, reason: str) -> None:
        self.fd = fd
        self.found: Final = found
        self.reason: Final = reason

    def close(self) -> None:
        """Close the directory now."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    __del__ = close


class Layer:
    """A store root as this user sees it. Nothing is opened before the first question."""

    def __init__(
        self,
        root: str,
        trust: Trust,
        *,
        read_only: bool = False,
        temporary: bool = False,
        keep_archives: bool | None = None,
        read_toml: "ReadToml | None" = None,
    ) -> None:
        #: the path that was given, and the same without links: what leads elsewhere later leads nobody there
        self.named: Final = root
        self._way = _way(trust, root)
        self.root: Final = self._way.path
        #: it goes with this process: nothing is to lead there, and nothing worth remembering is kept there
        self.temporary: Final = temporary
        self.trust = trust
        self.notes: list[str] = []
        self._read_toml = read_toml
        self._keep_archives = keep_archives
        self._refusal = "it is set to be read only" if read_only else ""
        self._fault = ""
        self._opened = False
        self._policy = Policy()
        self._sharing = PRIVATE
        self._group: int | None = None
        self._owner: int | None = None
        self._mode = 0o755
        self._places: dict[str, Place] = {}

    # --- what it is ----------------------------------------------------------------------------------------------

    @property
    def fault(self) -> str:
        """Return why nothing can be read here, or ""; a store that does not exist yet has nothing, and no fault."""
        self.open()
        return self._fault

    @property
    def refusal(self) -> str:
        """Return why nothing is written here, as far as is known; "" until something was refused."""
        self.open()
        return self._refusal or self._fault

    @property
    def exists(self) -> bool:
        """Return whether there is a directory."""
        self.open()
        return "" in self._places

    @property
    def policy(self) -> Policy:
        """Return what its store.toml says."""
        self.open()
        return self._policy

    @property
    def sharing(self) -> str:
        """Return `private`, `group`, `publish` or `open`."""
        self.open()
        return self._sharing

    @property
    def group(self) -> int | None:
        """Return the group whose members are believed here: that of a group store, if I am one of them."""
        self.open()
        return self._group

    @property
    def owner(self) -> int | None:
        """Return the user to whom the root belongs, None if there is none yet."""
        self.open()
        return self._owner

    @property
    def exposed(self) -> str:
        """Return which directory above the root others may replace, and why; "" if there is none.

        Nothing may lead from an environment to such a store: what lies there next week may be anybody's.
        """
        self.open()
        return f"`{self._way.directory}`: {self._way.reason}" if self._way.directory else ""

    @property
    def way(self) -> Way:
        """Return how the path that was given leads to the root."""
        self.open()
        return self._way

    @property
    def mine(self) -> bool:
        """Return whether the store is mine alone: its owner, and shared with nobody (or not made yet)."""
        return self.sharing == PRIVATE and self._owner in {None, self.trust.me}

    @property
    def keeps_archives(self) -> bool:
        """Return whether wheels are kept beside their trees, for readers who do not trust whoever unpacked them."""
        kept = self.policy.keep_archives
        if kept is None and self.mine:
            kept = self._keep_archives
        return self._sharing != PRIVATE if kept is None else kept

    @property
    def closed_mode(self) -> int:
        """Return the mode of a directory that nobody else may look into while it is filled; its content gets the group."""
        self.open()
        return 0o700 | self._mode & stat.S_ISGID

    def owns(self, uid: int) -> "Callable[[int], bool]":
        """Return what says whose files may be in what `uid` has made here."""
        return lambda other: other == uid or self.trust.owner(other, self.group)

    def refuse(self, reason: str) -> None:
        """Leave the layer alone from now on, for this reason."""
        if not self._refusal:
            self._refusal = reason
            self.note(f"nothing is added to the store `{self.root}`: {reason}")

    def note(self, text: str) -> None:
        """Remember something for `cw doctor`."""
        if text not in self.notes:
            self.notes.append(text)

    def path(self, relative: str) -> str:
        """Return where something lies."""
        return f"{self.root}/{relative}" if relative else self.root

    def open(self) -> None:
        """Look at the root and its store.toml, once it is there: somebody else may make it at any moment."""
        if self._opened:
            return
        if self._way.fault:
            self._opened = True
            self._fail(f"it cannot be reached: {self._way.fault}")
            return
        try:
            fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        except OSError as error:
            self._opened = True
            self._fail(f"it cannot be opened: {error.strerror}")
            return
        found = os.fstat(fd)
        self._owner = found.st_uid
        try:
            self._learn(fd, found)
        except (OSError, InvalidPolicy) as error:
            os.close(fd)
            self._fail(str(error))
        else:
            self._places[""] = Place(fd, found, self.trust.place(found, self._group, fd))
        # last, since another thread may be asking: two of them learn the same
        self._opened = True

    def _fail(self, reason: str) -> None:
        self._fault = reason
        self.note(f"the store `{self.root}` is passed over: {reason}")

    def _learn(self, fd: int, root: os.stat_result) -> None:
        """Find out how the store is shared."""
        if self.trust.stores and self.root in self.trust.stores:
            self.trust = self.trust.of_store(root.st_uid)
        # before store.toml, which may name more users: who is trusted because of what it says does not vouch for it
        believed = self.trust.owner(root.st_uid)
        self._policy = self._read_policy(fd, root)
        inner = _stat_at(layout.VERSION, fd) or root
        self._sharing = self._policy.sharing or self._implied(root)
        if self._sharing == GROUP:
            group = inner.st_gid if self._policy.sharing else root.st_gid
            # any user can give a store to any of their own groups, and everybody may write into one that is open to all
            if believed and group in self.trust.my_groups and not (root.st_mode | inner.st_mode) & 0o002:
                self._group = group
        # the members of its group may be trusted on the way as well
        if self._way.directory:
            self._way = _way(self.trust, self.named, self._group)
        if self._sharing == GROUP and self._policy.sharing:
            self._mode = stat.S_IMODE(inner.st_mode)
        elif self._sharing in {GROUP, OPEN}:
            shared_by_all = root.st_mode & 0o002
            self._mode = stat.S_IMODE(root.st_mode) | (stat.S_ISVTX if shared_by_all else 0)
        elif root.st_uid != self.trust.me and not self._refusal:
            # root could write into anybody's store, and would leave there what its owner cannot remove
            self._refusal = f"it belongs to {facts.user_name(root.st_uid)}"
        self._refusal = self._refusal or self._unsafe(root.st_uid)

    def _unsafe(self, owner: int) -> str:
        """Return why nothing is written to a directory of this owner by me, or ""."""
        if self._way.led:
            return f"a link has led there that others may replace: {self._way.reason} (`{self._way.directory}`)"
        if self.trust.me == 0 and not self.trust.owner(owner, self._group):
            # `sudo -E`: what root makes in the directory of a user, that user cannot remove
            return f"it belongs to {facts.user_name(owner)}, and you are root"
        return ""

    def _implied(self, root: os.stat_result) -> str:
        """Return the sharing of a store without store.toml: among whoever can write there."""
        if root.st_mode & 0o002:
            return OPEN
        if not root.st_mode & 0o020 or (root.st_uid == self.trust.me and not self.trust.open_to(root)):
            return PRIVATE
        return GROUP if root.st_mode & stat.S_ISGID else OPEN

    def _read_policy(self, fd: int, root: os.stat_result) -> Policy:
        try:
            file = os.open(layout.POLICY, _FILE, dir_fd=fd)
        except FileNotFoundError:
            return Policy()
        try:
            found = os.fstat(file)
            believed = self.trust.owner(found.st_uid)
            # who owns the directory says how it is shared; who merely could write there does not
            if not stat.S_ISREG(found.st_mode) or not (believed or found.st_uid == root.st_uid):
                self.note(f"`{self.path(layout.POLICY)}` is not trusted: it belongs to {facts.user_name(found.st_uid)}")
                return Policy()
            data = os.read(file, _MOST_POLICY + 1)
            if len(data) > _MOST_POLICY:
                raise OSError(errno.EFBIG, f"its {layout.POLICY} has more than {_MOST_POLICY} bytes")
            text = data.decode("utf-8", "replace")
        finally:
            os.close(file)
        said = policy.parse(text, self._read_toml)
        if said.trust and believed:
            self.trust = self.trust.extended(said.trust)
        return said

    # --- reading -------------------------------------------------------------------------------------------------

    def place(self, relative: str) -> Place:
        """Return an open directory that is kept open: the few that everything else is in. OSError if it is not there."""
        self.open()
        known = self._places.get(relative)
        if known is None:
            if not relative:
                raise FileNotFoundError(errno.ENOENT, "no store", self.root)
            above, _, name = relative.rpartition("/")
            if len(self._places) > _MOST_PLACES:
                self._places = {"": self._places[""]}
            known = self._places[relative] = self.inner(self.place(above), name)
        return known

    def inner(self, place: Place, name: str) -> Place:
        """Open a directory in a place; whoever asks closes it."""
        fd = os.open(name, _DIRECTORY, dir_fd=place.fd)
        found = os.fstat(fd)
        return Place(fd, found, place.reason or self.trust.place(found, self.group, fd))

    def read_in(self, place: Place, name: str) -> bytes:
        """Return the content of a file in a place; Untrusted unless the file and its place can be believed."""
        try:
            fd = os.open(name, _FILE, dir_fd=place.fd)
        except OSError as error:
            # a link, which is not followed; a socket, or a device that is not there
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise NotAFile(errno.EINVAL, "it is not a file", name) from error
            raise
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise NotAFile(errno.EINVAL, "it is not a file", name)
            reason = place.reason or self.trust.file(found, self.group, fd)
            if reason:
                raise Untrusted(reason)
            return _read_all(fd, found.st_size)
        finally:
            os.close(fd)

    def read(self, relative: str) -> bytes | None:
        """Return the content of a believed file, None if there is none."""
        above, _, name = relative.rpartition("/")
        for _ in range(2):
            try:
                return self.read_in(self.place(above), name)
            except FileNotFoundError:
                return None
            except Untrusted as error:
                self.note(f"`{self.path(relative)}` is not used: {error}")
                return None
            except OSError as error:
                # another client of a file server replaced a directory that is open here
                if error.errno != errno.ESTALE:
                    return None
                self.reopen()
        return None

    def read_newer(self, relative: str, than: float | None) -> tuple[float, bytes] | None:
        """Return when a believed file was written, and its content, if it was later than `than`; None if there is none."""
        above, _, name = relative.rpartition("/")
        try:
            place = self.place(above)
            if than is not None and os.stat(name, dir_fd=place.fd, follow_symlinks=False).st_mtime <= than:
                return None
            fd = os.open(name, _FILE, dir_fd=place.fd)
        except OSError:
            return None
        try:
            found = os.fstat(fd)
            reason = place.reason or self.trust.file(found, self.group, fd)
            if reason:
                self.note(f"`{self.path(relative)}` is not used: {reason}")
                return None
            return found.st_mtime, _read_all(fd, found.st_size)
        except OSError:
            return None
        finally:
            os.close(fd)

    def stamp(self, relative: str) -> str:
        """Return inode, time and size of a file that lies where it can be relied on, "" if there is none."""
        above, _, name = relative.rpartition("/")
        try:
            place = self.place(above)
            found = os.stat(name, dir_fd=place.fd, follow_symlinks=False)
        except OSError:
            return ""
        if place.reason or self.trust.file(found, self.group):
            return ""
        return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"

    def reopen(self) -> None:
        """Look at everything anew; directories that another thread is reading stay open until it is done."""
        self._way = _way(self.trust, self.named, self._group)
        self._places = {}
        self._opened = False

    close = reopen

    # --- writing -------------------------------------------------------------------------------------------------

    def prepare(self, relative: str) -> str:
        """Return a directory to write into, made with the store's own rights if it was missing.

        Raises Refused for a layer that takes nothing, and for a place where others could put something else under a name
        of ours (or lead us elsewhere by a link); DiskError when the disk refuses now.
        """
        if self.refusal:
            raise Refused(f"the store `{self.root}` takes nothing: {self.refusal}")
        if not self.exists:
            self._make_root()
        path = self.path(relative)
        if not os.path.isdir(path):
            self._make(relative)
        above, _, name = relative.rpartition("/")
        try:
            place = self.inner(self.place(above), name)
        except OSError as error:
            raise Refused(f"`{path}` is not a directory of the store: {error.strerror}") from error
        if place.reason:
            raise Refused(f"nothing in `{path}` can be relied on: {place.reason}")
        return path

    def _make(self, relative: str) -> None:
        above = relative.rpartition("/")[0]
        if above and not os.path.isdir(self.path(above)):
            self._make(above)
        trees.make_directory(self.path(relative), self._mode)

    def _make_root(self) -> None:
        """Make the store itself: never writable for others, whatever the umask; whether they may look is the umask's."""
        unsafe = "" if self.temporary else self._unsafe(_owner_above(self.root))
        if unsafe:
            self.refuse(unsafe)
            raise Refused(f"the store `{self.root}` takes nothing: {unsafe}")
        if self.temporary:
            trees.make_directory(self.root, 0o700)
        elif trees.make_directory(self.root, parents=True):
            mode = stat.S_IMODE(os.stat(self.root).st_mode)
            if mode & _SHARED_WRITES:
                modes.set_mode(self.root, mode & ~_SHARED_WRITES)
            self.mark()
        self.reopen()
        if self.refusal:
            raise Refused(f"the store `{self.root}` takes nothing: {self.refusal}")

    def mark(self) -> None:
        """Mark the store as a cache for backup programs and git."""
        for name, text in ((layout.CACHE_TAG, layout.CACHE_TAG_TEXT), (layout.GITIGNORE, layout.GITIGNORE_TEXT)):
            files.write(self.path(name), text, RECORD_MODE, replace=False)

    def write(self, relative: str, data: bytes) -> bool:
        """Write a record; False if the layer does not take it."""
        try:
            self.prepare(relative.rpartition("/")[0])
            files.write(self.path(relative), data, RECORD_MODE)
        except Refused:
            return False
        except disk.DiskError as error:
            self.failed(error)
            return False
        return True

    def failed(self, error: disk.DiskError) -> None:
        """Take note of what the disk refused; of what it will refuse again, for good."""
        if error.errno in HOPELESS:
            self.refuse(error.message)
        else:
            self.note(error.message)


def _way(trust: Trust, path: str, group: int | None = None) -> Way:
    """Return the way to a store, with its fault if it cannot be gone to its end."""
    try:
        return trust.way(path, group)
    except OSError as error:
        return Way(os.path.abspath(path), fault=error.strerror or str(error))


def _owner_above(path: str) -> int:
    """Return the user to whom the nearest directory belongs that exists above a path; me if that cannot be told."""
    above = os.path.dirname(path)
    while above != "/":
        try:
            return os.lstat(above).st_uid
        except FileNotFoundError:
            above = os.path.dirname(above)
        except OSError:
            break
    return facts.my_user()


def _stat_at(name: str, fd: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return None


def _read_all(fd: int, size: int = 0) -> bytes:
    data = os.read(fd, size + 1)
    if len(data) <= size and size:
        return data
    parts = [data]
    while parts[-1]:
        parts.append(os.read(fd, _PART))
    return b"".join(parts)


def open_layers(
    roots: "list[tuple[str, bool]]", names: tuple[str, ...] = (), read_toml: "ReadToml | None" = None
) -> "tuple[Layer, ...]":
    """Return the layers of these roots, each with whether it is read only, believing the users of these names."""
    trust = Trust(names)
    return tuple(Layer(root, trust, read_only=read_only, read_toml=read_toml) for root, read_only in roots)
