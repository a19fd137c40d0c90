"""Open what was discovered and not named: state in an environment, configuration on the way up, records of a store.

A file that lies in the right place may be another user's: planted, a link to elsewhere, a named pipe that blocks, a hole of a
terabyte. This module is the one way to open such a file. It walks the path by descriptors, follows no link that its caller does
not allow, never blocks, takes a regular file of bounded size (or a directory), and asks a `Belief` about the owner of the file and
of every directory whose owner could replace it. What is asked and what is read is one descriptor, so nothing can be swapped in between.

    data = found.read("/a/b/cw.toml", belief, base="/a/b")      # bytes, a Refusal, or None for nothing there
    with found.directory("/env/.cw", belief, base="/env") as state: ...

`base` is a directory that is taken at its word (the user named it, or started there): the walk begins at it, it is asked
itself, and nothing above it is. Without `base`, the walk begins at `/`.

Laws of this file: it reads and changes nothing; it decides nothing about users, since a `Belief` does (`store/trust.py` has the
one that settings make); an answer is bytes, a descriptor, None, or a `Refusal`, and never an exception of the system.
"""

import errno
import os
import stat

from commonwheel.fs import facts
from commonwheel.fs.facts import platform
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Final, Protocol, Self

    class Belief(Protocol):
        """Decide whose files count; each answer is the reason why something does not, or ""."""

        def owner(self, uid: int) -> bool:
            """Return whether files of this user count: asked of links, which have no rights of their own."""

        def directory(self, fd: int, found: os.stat_result) -> str:
            """Return why the names in an open directory cannot be relied on."""

        def regular(self, fd: int, found: os.stat_result) -> str:
            """Return why the content of an open file cannot be relied on."""


#: The most bytes that a configuration file, a journal or a record may have, unless its reader knows better.
LIMIT = 1 << 24
_MOST_LINKS = 40
# Windows has neither descriptors of directories nor owners by number: there a file is opened by its path
_BY_DESCRIPTOR = {os.open, os.stat, os.readlink} <= os.supports_dir_fd
_FILE: int = platform.READ
_DIRECTORY: int = getattr(platform, "DIRECTORY", os.O_RDONLY) | getattr(os, "O_NONBLOCK", 0)
# a directory on the way may be one that its users can pass and not list
_STEP: int = _DIRECTORY | getattr(os, "O_PATH", 0)
_FOLLOWED: int = _STEP & ~getattr(os, "O_NOFOLLOW", 0)
_NOT_HERE = frozenset({errno.ENOENT, errno.ENOTDIR})
_PERHAPS_A_LINK = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EMLINK})


class Refusal(Value):
    """Explain why something that was found is not used: its path, the reason as a sentence, and what to type if it should be.

    `errno` is what the system said when it could not be opened or read, 0 when it could and does not count.
    """

    __slots__ = ("errno", "hint", "path", "reason")

    def __init__(self, path: str, reason: str, hint: str = "", errno: int = 0) -> None:
        self.path: Final = path
        self.reason: Final = reason
        self.hint: Final = hint
        self.errno: Final = errno

    def __str__(self) -> str:
        return f"`{self.path}` is passed over: {self.reason}" + (f" ({self.hint})" if self.hint else "")


class Anybody:
    """Let everybody's files count: for what is only shown. They are opened as carefully as all others."""

    def owner(self, uid: int) -> bool:  # noqa: ARG002
        """Return True: this user counts."""
        return True

    def directory(self, fd: int, found: os.stat_result) -> str:  # noqa: ARG002
        """Give no reason against a directory."""
        return ""

    def regular(self, fd: int, found: os.stat_result) -> str:  # noqa: ARG002
        """Give no reason against a file."""
        return ""


ANYBODY = Anybody()


class Directory:
    """Hold an open directory; `refusal` tells why its names cannot be relied on, None if they can.

    A context manager that closes the descriptor. Reading in it, or opening a directory in it, is refused for the same reason.
    """

    __slots__ = ("_belief", "fd", "path", "refusal")

    def __init__(self, fd: int, path: str, belief: "Belief", refusal: Refusal | None) -> None:
        self.fd: Final = fd
        self.path: Final = path
        self.refusal: Final = refusal
        self._belief: Final = belief

    def names(self) -> "list[str]":
        """Return the names in the directory, of any owner; raise OSError."""
        return os.listdir(self.fd if _BY_DESCRIPTOR else self.path)

    def read(self, name: str, limit: int = LIMIT) -> "bytes | Refusal | None":
        """Return the content of the regular file `name`, a Refusal, or None if there is none. No link is followed."""
        return _content(_open_in(self, name, _FILE), f"{self.path}/{name}", self._belief, self.refusal, limit)

    def inner(self, name: str) -> "Directory | Refusal | None":
        """Open the directory `name` in this one, a Refusal if it is none, None if there is none. No link is followed."""
        path = f"{self.path}/{name}"
        fd = _open_in(self, name, _DIRECTORY)
        if isinstance(fd, OSError):
            return _failed(path, fd)
        return Directory(fd, path, self._belief, self.refusal or _asked(fd, path, self._belief))

    def asked(self, belief: "Belief") -> "Directory":
        """Return the same open directory under another belief, which is asked about it and about nothing above it."""
        return Directory(self.fd, self.path, belief, _asked(self.fd, self.path, belief))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        self.close()


def read(
    path: str, belief: "Belief", *, base: str = "", links: bool = False, limit: int = LIMIT
) -> "bytes | Refusal | None":
    """Return the content of a regular file, a Refusal, or None if there is none.

    With `links`, a link counts that someone who counts made where only such users can replace it; what it leads to is asked as well.
    """
    fd, refusal = _walk(path, belief, base, _FILE, links=links)
    return _content(fd, path, belief, refusal, limit)


def directory(path: str, belief: "Belief", *, base: str = "", links: bool = False) -> "Directory | Refusal | None":
    """Open a directory for its names, a Refusal if it cannot be, None if there is none.

    One that belongs to a stranger is opened as well, and tells so by its `refusal`: a caller may want to say what lies in it.
    """
    fd, refusal = _walk(path, belief, base, _DIRECTORY, links=links)
    if isinstance(fd, OSError):
        return refusal or _failed(path, fd)
    return Directory(fd, path, belief, refusal or _asked(fd, path, belief))


def entry(path: str, belief: "Belief", *, base: str = "") -> "Refusal | str | None":
    """Return what a name stands for, `file`, `directory`, `link` or `other`; a Refusal if a stranger made it or may replace it.

    What a link leads to is not asked: the owner of the link vouches for that. None if the name stands for nothing.
    """
    above, _, name = path.rpartition("/")
    fd, refusal = _walk(above or "/", belief, base, _STEP, links=False)
    if isinstance(fd, OSError):
        return refusal or _failed(path, fd)
    try:
        refusal = refusal or _asked(fd, above or "/", belief)
        met = os.stat(name if _BY_DESCRIPTOR else path, dir_fd=fd if _BY_DESCRIPTOR else None, follow_symlinks=False)
    except OSError as error:
        return _failed(path, error)
    finally:
        os.close(fd)
    if refusal is None and not belief.owner(met.st_uid):
        refusal = _of_stranger(path, met)
    if refusal is not None:
        return Refusal(path, refusal.reason if refusal.path == path else f"{_of(refusal)}", refusal.hint)
    if stat.S_ISLNK(met.st_mode):
        return "link"
    return "directory" if stat.S_ISDIR(met.st_mode) else "file" if stat.S_ISREG(met.st_mode) else "other"


# --- the walk ------------------------------------------------------------------------------------------------------


def _walk(path: str, belief: "Belief", base: str, flags: int, *, links: bool) -> "tuple[int | OSError, Refusal | None]":
    """Open `path` with `flags`, its last name without following a link; return the descriptor (or the error), and why the way does not count."""
    if not _BY_DESCRIPTOR:
        try:
            return os.open(path, flags), None
        except OSError as error:
            return error, None
    here, names = _split(path, base)
    try:
        fd = os.open(here, (flags & ~platform.NOFOLLOW) if not names else _FOLLOWED)
    except OSError as error:
        return error, None
    refusal: Refusal | None = None
    hops = 0
    while names:
        name = names.pop()
        refusal = refusal or _asked(fd, here, belief)
        inner = f"{here.rstrip('/')}/{name}"
        try:
            met = os.open(name, _STEP if names else flags, dir_fd=fd)
        except OSError as error:
            target = _link_at(fd, name) if error.errno in _PERHAPS_A_LINK else None
            if target is None:
                os.close(fd)
                return error, refusal
            hops += 1
            text, made = target
            if not links or hops > _MOST_LINKS:
                os.close(fd)
                link = OSError(errno.ELOOP, os.strerror(errno.ELOOP), inner)
                return link, refusal or Refusal(inner, "it is a link, which is not followed", _removal(inner))
            if not belief.owner(made.st_uid):
                refusal = refusal or _of_stranger(inner, made)
            names += [one for one in reversed(text.split("/")) if one not in {"", "."}]
            if text.startswith("/"):
                os.close(fd)
                here, fd = "/", os.open("/", _STEP)
            continue
        os.close(fd)
        fd, here = met, inner
    return fd, refusal


def _split(path: str, base: str) -> "tuple[str, list[str]]":
    """Return where the walk begins, and the names from there on, the last one first."""
    start = base.rstrip("/") or "/"
    rest = path[len(start) :] if path == start or path.startswith(f"{start.rstrip('/')}/") else ""
    if not base or (not rest and path != start):
        start, rest = "/", path
    return start, [name for name in reversed(rest.split("/")) if name not in {"", "."}]


def _link_at(fd: int, name: str) -> "tuple[str, os.stat_result] | None":
    """Return the text of a link and what it is, None if the name is no link."""
    try:
        made = os.stat(name, dir_fd=fd, follow_symlinks=False)
        return (os.readlink(name, dir_fd=fd), made) if stat.S_ISLNK(made.st_mode) else None
    except OSError:
        return None


def _open_in(place: Directory, name: str, flags: int) -> "int | OSError":
    try:
        if not _BY_DESCRIPTOR:
            return os.open(f"{place.path}/{name}", flags)
        return os.open(name, flags, dir_fd=place.fd)
    except OSError as error:
        if error.errno in _PERHAPS_A_LINK and _BY_DESCRIPTOR and _link_at(place.fd, name) is not None:
            return OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        return error


def _content(
    fd: "int | OSError", path: str, belief: "Belief", refusal: Refusal | None, limit: int
) -> "bytes | Refusal | None":
    """Read an open file to its end, or tell why not; the descriptor is closed."""
    if isinstance(fd, OSError):
        nothing = fd.errno in _NOT_HERE
        return None if nothing else _through(path, refusal) or _failed(path, fd)
    try:
        met = os.fstat(fd)
        if not stat.S_ISREG(met.st_mode):
            return _through(path, refusal) or Refusal(path, f"it is {_kind(met)}, not a file", _removal(path))
        reason = belief.regular(fd, met)
        if refusal is not None or reason:
            return _through(path, refusal) or Refusal(path, reason, _advice(path, met, belief))
        if met.st_size > limit:
            return Refusal(path, f"it has {met.st_size:,} bytes, and at most {limit:,} are read")
        return _all_of(fd, path, limit)
    except OSError as error:
        return Refusal(path, f"it cannot be read: {error.strerror}", errno=error.errno or errno.EIO)
    finally:
        os.close(fd)


def _all_of(fd: int, path: str, limit: int) -> "bytes | Refusal":
    parts: list[bytes] = []
    left = limit + 1
    while left:
        part = os.read(fd, min(left, 1 << 20))
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
    return Refusal(path, f"it has more than the {limit:,} bytes that are read")


# --- words ---------------------------------------------------------------------------------------------------------


def _asked(fd: int, path: str, belief: "Belief") -> Refusal | None:
    """Ask about an open directory."""
    try:
        met = os.fstat(fd)
    except OSError as error:
        return Refusal(path, f"it cannot be asked for its owner: {error.strerror}", errno=error.errno or errno.EIO)
    reason = belief.directory(fd, met)
    return Refusal(path, reason, _advice(path, met, belief)) if reason else None


def _failed(path: str, error: OSError) -> Refusal | None:
    if error.errno == errno.ENOENT:
        return None
    if error.errno == errno.ELOOP:
        return Refusal(path, "it is a link, which is not followed", _removal(path))
    if error.errno == errno.ENOTDIR:
        return Refusal(path, "it is not a directory", _removal(path))
    return Refusal(path, f"it cannot be opened: {error.strerror}", errno=error.errno or errno.EIO)


def _through(path: str, refusal: Refusal | None) -> Refusal | None:
    """Return the refusal of a file for a reason that lies on the way to it."""
    if refusal is None or refusal.path == path:
        return refusal
    return Refusal(path, _of(refusal), refusal.hint, refusal.errno)


def _of(refusal: Refusal) -> str:
    reason = refusal.reason.removeprefix("it ")
    return f"`{refusal.path}` {reason}" if reason != refusal.reason else f"of `{refusal.path}`, {reason}"


def _of_stranger(path: str, met: os.stat_result) -> Refusal:
    name = facts.user_name(met.st_uid)
    return Refusal(path, f"it belongs to {name}, who is not trusted", _trusting(name))


def _advice(path: str, met: os.stat_result, belief: "Belief") -> str:
    """Return what to type if a file or directory should count."""
    if not belief.owner(met.st_uid):
        return _trusting(facts.user_name(met.st_uid))
    command = f"`chmod go-w {facts.quoted(path)}`"
    return f"run {command}" if met.st_uid == facts.my_user() else f"ask {facts.user_name(met.st_uid)} to run {command}"


def _trusting(name: str) -> str:
    return f"pass `--trust {name}` to take the word of {name}"


def _removal(path: str) -> str:
    return f"remove `{facts.quoted(path)}`"


def _kind(met: os.stat_result) -> str:
    for name, kind in (("a directory", stat.S_ISDIR), ("a named pipe", stat.S_ISFIFO), ("a socket", stat.S_ISSOCK)):
        if kind(met.st_mode):
            return name
    return "a device"
