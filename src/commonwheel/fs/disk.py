"""Change the disk: the only file of Commonwheel that does.

The laws:

1. Never open an existing path for writing. Every write is a new file (`O_EXCL`, a random name: host, process and 64
   random bits) in the directory where it will live, then `rename` or `link`. A foreign file in the way loses its name,
   and is never written to, truncated, chmod-ed or chown-ed: its inode may be another user's, and have names elsewhere.
2. chmod, chgrp and utime only what this process has just created, through its descriptor. Never toggle the umask: it belongs
   to all threads.
3. A name is published when its content is complete. "Exists already" on publishing means that somebody else won, which
   is success. No lock is needed for correctness, not to read and not to publish: locks save double work. They are
   time-boxed, and where they do not work (ENOLCK, ENOSYS, EBADF, EOPNOTSUPP, 524) that costs speed, never an error.
4. Never test and then act: try the real operation, and handle what it answers. A way to place a file (clone, hard link)
   is a hint; each file falls back by itself.
5. What others may be reading is never deleted under them: it is renamed to a trash name in the same parent first.
6. Every change passes through `step`, so that a test can make the n-th operation fail, or kill the process there.
7. An error says verb, path, errno and what `facts` knows: owner, group, mode, ACL, file system, mount flags, who I am,
   and the one command or change that would help.

This file knows paths and bytes: no wheels, no Python, no store. Each verb says what a reader may see meanwhile, and what
is left by a crash, which is a killed process unless a power cut is spoken of.

Modes: 0o666 and 0o777 mean "as the umask decides, or the default ACL of the directory". Any other mode is meant literally
and set on the descriptor, whatever the umask is: somebody's umask 077 must not lock a group out of its store. File
systems without modes (vfat, some FUSE and SMB mounts) refuse to set them even to the creator; that is no error.
"""

import _thread
import errno as numbers
import os
import stat
import time

from commonwheel.errors import CommonwheelError
from commonwheel.fs import facts, journal
from commonwheel.fs.facts import platform
from commonwheel.fs.holder import HEAD as LOCK_HEAD
from commonwheel.fs.holder import LIMIT as LOCK_LIMIT
from commonwheel.fs.holder import Holder
from commonwheel.fs.holder import parse as parse_holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from types import TracebackType
    from typing import Final, Self

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview

TEMPORARY = ".tmp-"
TRASH = ".trash-"
BY_UMASK = (0o666, 0o777)

# no hard links here, or none across these directories, or no more of them (EFS: 177, NTFS: 1,024, ext4: 65,000)
_NO_LINK = frozenset({
    numbers.EPERM, numbers.EACCES, numbers.EOPNOTSUPP, numbers.ENOSYS, numbers.EINVAL, numbers.EMLINK, numbers.EXDEV,
})  # fmt: skip
# what a file system without modes or times answers to the creator of a file
_NO_MODES = frozenset({numbers.EPERM, numbers.EOPNOTSUPP, numbers.ENOSYS, numbers.EINVAL, numbers.ENOTTY})
# the answer of a pair of file systems that will never clone; EAGAIN (ZFS: not written yet) or EINVAL concern one file
_NEVER_CLONES = frozenset({numbers.EOPNOTSUPP, numbers.ENOTTY, numbers.ENOSYS, numbers.EXDEV})
# no other way to place a file helps against these
_HOPELESS = frozenset({
    numbers.EEXIST, numbers.ENOENT, numbers.ENOTDIR, numbers.ELOOP, numbers.EIO, numbers.ESTALE, numbers.ENAMETOOLONG,
    numbers.EROFS,
})  # fmt: skip
_NOT_EMPTY = frozenset({numbers.ENOTEMPTY, numbers.EEXIST})
# what a medium or a file server says that fails, of whichever file
_MEDIUM = frozenset({numbers.EIO, numbers.ESTALE})
_PART = 1 << 20
# file systems that cannot sync a directory, or this way
_UNSYNCABLE = frozenset({numbers.EINVAL, numbers.EBADF, numbers.ENOSYS, numbers.EOPNOTSUPP, numbers.EACCES})


class DiskError(CommonwheelError):
    """Report a change that the disk refused, with the facts around the path gathered at that moment."""

    code = "disk"

    def __init__(self, verb: str, path: str, error: OSError) -> None:
        self.verb: Final = verb
        self.path: Final = path
        self.errno: Final = error.errno or 0
        name = numbers.errorcode.get(self.errno, f"errno {self.errno}")
        super().__init__(
            f"could not {verb.replace('_', ' ')} `{path}`: {error.strerror or error} ({name})",
            context=facts.describe(path),
            hint=facts.advice(path, self.errno),
        )


_hook: "Hook | None" = None


def observe(hook: "Hook | None") -> "Hook | None":
    """Call `hook(operation, path)` before every change of the disk, None for nobody; return the previous hook.

    A hook that raises OSError is that operation failing. Operations: create, write, copy, clone, link, symlink, mkdir,
    rename, unlink, rmdir, chmod, chown, utime, sync, close, lock.
    """
    global _hook
    previous, _hook = _hook, hook
    return previous


def is_observed() -> bool:
    """Say whether somebody wants to see every change, who would not see those of another process."""
    return _hook is not None


def step(operation: str, path: str) -> None:
    """Let the observer see the change that comes next."""
    if _hook is not None:
        _hook(operation, path)


# --- names -------------------------------------------------------------------------------------------------------------


_host = ""


def temporary(directory: str, prefix: str = TEMPORARY) -> str:
    """Return a name in `directory` that nobody else has: host, process and 64 random bits. Creates nothing.

    A process number alone is not enough: containers that share a store share those too, and host names.
    """
    global _host
    if not _host:
        _host = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in facts.host()[:32])
    return os.path.join(directory, f"{prefix}{_host}-{os.getpid()}-{os.urandom(8).hex()}")


def maker(name: str) -> tuple[str, int] | None:
    """Return who made a temporary or trash name: the host, as far as it fits a name, and the process; None for other names."""
    if not name.startswith((TEMPORARY, TRASH)):
        return None
    host, _, rest = name.partition("-")[2].rpartition("-")[0].rpartition("-")
    return (host, int(rest)) if rest.isdecimal() else None


def _parent(path: str) -> str:
    return os.path.dirname(path.rstrip(os.sep)) or (os.sep if path.startswith(os.sep) else os.curdir)


# --- a file from bytes -------------------------------------------------------------------------------------------------


def write(path: str, data: "Bytes", mode: int = 0o666, *, replace: bool = True, durable: bool = False) -> bool:
    """Write a file under a temporary name, then give it its name; False if not `replace` and somebody was first.

    A reader sees the old file, or nothing, or the whole new one: never a part, never a moment without. A file in the
    way keeps its inode, for those who hold it open or have it under other names. A crash leaves the old or the new, and
    a temporary file at most. So does a power cut when `durable`; otherwise it may leave an empty file on some systems.
    """
    directory = _parent(path)
    temp = temporary(directory)
    fd = _create("write", temp, mode, path)
    _fill("write", fd, temp, mode, data, None, path, durable=durable)
    won = _publish("write", temp, path, replace=replace)
    if durable:
        sync_directory(directory)
    return won


def write_new(path: str, data: "Bytes", mode: int = 0o666, mtime_ns: int | None = None) -> None:
    """Write a file that must not exist, in a tree that is ours and not published yet: the fast way to unpack.

    No temporary name and no rename: a reader of the unfinished tree may see part of it. A failure leaves nothing; a
    crash leaves whatever was written, as it does of the tree around it.
    """
    fd = _create("write", path, mode, path)
    _fill("write", fd, path, mode, data, mtime_ns, path)


def fill(path: str, mode: int, mtime_ns: int | None = None) -> "Filling":
    """Open a directory of ours, in a tree that is not published yet, to write its files one after the other."""
    return Filling(path, mode, mtime_ns)


class Filling:
    """Write the files of one directory, as `write_new` does each; leaving its `with` without an error gives the directory `mode` and time.

    Names are relative to the open directory, as to walk a long path takes the kernel as long as to make the file. And what
    rights a file comes out with depends on the mode it is made with, the umask and the directory: once is enough to look.
    """

    __slots__ = ("_as_meant", "_fd", "_mode", "_mtime_ns", "path")

    def __init__(self, path: str, mode: int, mtime_ns: int | None) -> None:
        self.path: Final = path
        self._mode: Final = mode
        self._mtime_ns: Final = mtime_ns
        self._as_meant: tuple[int, ...] = BY_UMASK
        try:
            self._fd = os.open(path, _FILLED) if _FILLED else None
        except OSError as error:
            raise DiskError("open", path, error) from error

    def write(self, name: str, data: "Bytes", mode: int, mtime_ns: int) -> None:
        """Write a file that must not exist. A failure leaves nothing."""
        path = f"{self.path}/{name}"
        try:
            step("create", path)
            fd = os.open(path if self._fd is None else name, platform.NEW, mode, dir_fd=self._fd)
        except OSError as error:
            raise DiskError("write", path, error) from error
        if mode not in self._as_meant and stat.S_IMODE(os.fstat(fd).st_mode) == mode:
            self._as_meant = (*self._as_meant, mode)
        _fill("write", fd, path, BY_UMASK[0] if mode in self._as_meant else mode, data, mtime_ns, path)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        try:
            if kind is None:
                made = self.path if self._fd is None else self._fd
                set_mode(made, self._mode)
                if self._mtime_ns is not None:
                    set_times(made, self._mtime_ns)
        finally:
            if self._fd is not None:
                os.close(self._fd)


# how a directory is opened that names are given relative to, 0 where that cannot be (Windows)
_FILLED: int = getattr(platform, "DIRECTORY", 0)


def create(directory: str, mode: int = 0o666, prefix: str = TEMPORARY) -> "NewFile":
    """Open a new file under a temporary name in `directory`, to be written in parts and published."""
    path = temporary(directory, prefix)
    return NewFile(path, _create("create", path, mode, path), mode)


def create_new(path: str, mode: int = 0o666) -> "NewFile":
    """Open a file that must not exist at its own name, in a tree that is ours and not published yet."""
    return NewFile(path, _create("create", path, mode, path), mode)


def clock(directory: str) -> float | None:
    """Return the time by the clock that dates changes in `directory`, in seconds since the epoch; None if nothing can be made there.

    A file server has a clock of its own: how old something is there can only be told by it.
    """
    try:
        with create(directory) as probe:
            return os.fstat(probe.fileno()).st_mtime
    except DiskError:
        return None


class NewFile:
    """Write a file that nobody knows yet. Leaving its `with` without `publish` or `keep` discards it.

    `path` is where it is: a temporary name until it is published. Each part is handed to the system at once, with no
    buffer here that could fail later than the call that filled it; what the system finds out later (a quota, a file
    server that is gone), `publish`, `keep` and `close` report.
    """

    __slots__ = ("_fd", "_mode", "_settled", "path")

    def __init__(self, path: str, fd: int, mode: int) -> None:
        self.path = path
        self._fd = fd
        self._mode = mode
        self._settled = False

    def fileno(self) -> int:
        """Return the descriptor, open for writing."""
        return self._fd

    def write(self, data: "Bytes") -> None:
        """Append `data`."""
        try:
            step("write", self.path)
            _write_all(self._fd, data)
        except OSError as error:
            raise DiskError("write", self.path, error) from error

    def rewind(self, size: int = 0) -> None:
        """Forget what was written after the first `size` bytes, to write it again."""
        try:
            step("write", self.path)
            os.ftruncate(self._fd, size)
            os.lseek(self._fd, size, os.SEEK_SET)
        except OSError as error:
            raise DiskError("write", self.path, error) from error

    def set_times(self, mtime_ns: int) -> None:
        """Set the time of last change, in nanoseconds since the epoch, once all is written."""
        set_times(self._fd, mtime_ns)

    def sync(self) -> None:
        """Return when the data is on its medium."""
        try:
            step("sync", self.path)
            os.fsync(self._fd)
        except OSError as error:
            raise DiskError("sync", self.path, error) from error

    def close(self) -> None:
        """Set the mode and close. The file stays where it is until the `with` is left; after a failure it is gone."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            _fill("write", fd, self.path, self._mode, b"", None, self.path)

    def keep(self) -> None:
        """Close and leave the file where it is: for one in a tree that is published as a whole."""
        self.close()
        self._settled = True

    def publish(self, final: str, *, replace: bool = False) -> bool:
        """Close and give the file its name; False if not `replace` and `final` exists: somebody else won, ours is gone.

        A reader sees nothing (or the old file), or all of the new one.
        """
        self.close()
        self._settled = True
        won = _publish("publish", self.path, final, replace=replace)
        self.path = final
        return won

    def discard(self) -> None:
        """Close and remove the file, unless it was published or kept."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            _close_quietly(fd)
        if not self._settled:
            self._settled = True
            _unlink_quietly(self.path)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.discard()


def _create(verb: str, path: str, mode: int, about: str) -> int:
    try:
        step("create", path)
        return os.open(path, platform.NEW, mode)
    except OSError as error:
        raise DiskError(verb, about, error) from error


def _fill(
    verb: str,
    fd: int,
    path: str,
    mode: int,
    data: "Bytes",
    mtime_ns: int | None,
    about: str,
    *,
    durable: bool = False,
) -> None:
    """Write, then settle; on any failure the name `path`, which is ours, is gone. Errors speak of `about`."""
    try:
        try:
            if data:
                step("write", path)
                _write_all(fd, data)
            if durable:
                step("sync", path)
                os.fsync(fd)
        except BaseException:
            _close_quietly(fd)
            _unlink_quietly(path)
            raise
        _settle(fd, path, mode, mtime_ns)
    except OSError as error:
        raise DiskError(verb, about, error) from error


def _write_all(fd: int, data: "Bytes") -> None:
    written = os.write(fd, data)
    if written != len(data):
        # one call writes 2 GiB at most, and less when a signal comes or the disk is nearly full
        view = memoryview(data)[written:]
        while view:
            view = view[os.write(fd, view) :]


def _settle(fd: int, path: str, mode: int, mtime_ns: int | None) -> None:
    """Set mode and time of our new file and close it; on any failure its name is gone."""
    try:
        if mode not in BY_UMASK:
            _set_mode(fd, path, mode)
        if mtime_ns is not None:
            _set_times(fd, path, mtime_ns)
        step("close", path)
    except BaseException:
        _close_quietly(fd)
        _unlink_quietly(path)
        raise
    try:
        os.close(fd)  # quotas and file servers may answer only here
    except OSError:
        _unlink_quietly(path)
        raise


def _publish(verb: str, temp: str, final: str, *, replace: bool) -> bool:
    """Give our finished `temp` the name `final`; whatever happens, `temp` is gone."""
    try:
        if not replace:
            return _link_first(temp, final)
        _rename_over(temp, final, os.lstat(temp))
    except BaseException as error:
        _unlink_quietly(temp)
        if isinstance(error, OSError):
            raise DiskError(verb, final, error) from error
        raise
    return True


def _rename_over(source: str, path: str, before: os.stat_result) -> None:
    try:
        step("rename", path)
        platform.replace(source, path)
    except FileNotFoundError:
        # NFS: the reply to a rename was lost, and its repetition found the old name gone
        if not _is_same(path, before):
            raise


def _link_first(temp: str, final: str) -> bool:
    """Publish by a hard link: exclusive and atomic, on NFS too. Where there are none, by an exclusive rename."""
    try:
        step("link", final)
        platform.hard_link(temp, final)
    except FileExistsError:
        # NFS: the link was made, its reply lost, and its repetition met our own file
        won = _is_same(final, os.lstat(temp))
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return _rename_first(temp, final)
    else:
        won = True
    _unlink_quietly(temp)
    return won


def _rename_first(temp: str, final: str) -> bool:
    try:
        step("rename", final)
        platform.rename_exclusive(temp, final)
    except FileExistsError:
        _unlink_quietly(temp)
        return False
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        # Neither links nor exclusive renames (SMB, some FUSE): of two at the same moment both may hear that they won,
        # and the later file stays. Each is complete.
        if os.path.lexists(final):
            _unlink_quietly(temp)
            return False
        platform.replace(temp, final)
    return True


# --- a file from another -----------------------------------------------------------------------------------------------
# Each verb creates `path`, which must not exist, in a tree that is ours and not published yet, or under a temporary name.
# A reader of that tree may see part of a copy. A failure leaves nothing; a crash may leave a part.


def clone(source: str, path: str, mode: int = 0o666) -> None:
    """Make `path` a file of its own that shares its blocks with `source` until one of them is changed; keep its mtime."""
    _make("clone", source, path, mode)


def copy(source: str, path: str, mode: int = 0o666) -> None:
    """Make `path` a file of its own with the content and the mtime of the regular file `source`."""
    _make("copy", source, path, mode)


def hard_link(source: str, path: str) -> None:
    """Give the file `source` the further name `path`: one inode, so one content, mode and owner for ever."""
    _make("hardlink", source, path, 0)


def symlink(target: str, path: str) -> None:
    """Make `path` a symbolic link with the text `target`. It appears at once, and leads where it leads."""
    _make("symlink", target, path, 0)


def place(source: str, path: str, modes: "tuple[str, ...]", mode: int = 0o666) -> str:
    """Make `path` from `source` in the first of `modes` that works for this file, and return that one.

    `modes` are of clone, hardlink, copy, symlink; `mode` is for clones and copies, a link has its file's. What a pair of
    file systems refuses for good (to clone, on ext4) is remembered, and not tried again for each file.
    """
    for way in modes[:-1]:
        pair = _pair(source, path) if way == "clone" else None
        if pair in _refused:
            continue
        try:
            _WAYS[way](source, path, mode)
        except OSError as error:
            if error.errno in _HOPELESS:
                raise DiskError(way, _named(error, path), error) from error
            if pair is not None and error.errno in _NEVER_CLONES:
                _refused.add(pair)
        else:
            return way
    _make(modes[-1], source, path, mode)
    return modes[-1]


def place_in(
    source: str,
    path: str,
    names: "Iterable[str]",
    modes: "tuple[str, ...]",
    executable: "Collection[str]" = (),
    opened: int = -1,
) -> dict[str, int]:
    """Place many files of the directory `source` into the directory `path`, as `place` does each; some are `executable`.

    `opened` is a descriptor of `source`, if the caller has one.

    Returns how many went which way. Links are made relative to the opened directories: to walk two long paths takes the kernel
    longer than the link. Stops at the first file that goes no way (DiskError), and leaves the others to whoever erases the tree.
    """
    counts = dict.fromkeys(modes, 0)
    directories: list[int] = []
    try:
        way = _quick_way(source, path, modes)
        if way:
            try:
                directories.append(os.open(path, _DIRECTORY))
                if opened < 0:
                    directories.append(os.open(source, _DIRECTORY))
            except OSError:
                way = ""
        there, here = [*directories, opened, -1][:2]
        left = iter(names)
        while True:
            name = next(left, None)
            if name is not None and way:
                name = _place_while_it_works(way, source, path, (here, there), name, left, executable, counts)
            if name is None:
                break
            # why it did not work is found out here, if nothing else does
            mode = 0o777 if name in executable else 0o666
            counts[place(f"{source}/{name}", f"{path}/{name}", modes, mode)] += 1
            way = way and _quick_way(source, path, modes)
    finally:
        for fd in directories:
            os.close(fd)
    return {way: count for way, count in counts.items() if count}


def _quick_way(source: str, path: str, modes: "tuple[str, ...]") -> str:
    """Return the first way that is worth trying between two directories, if it is one of those for many files; or ""."""
    for way in modes:
        if way != "clone" or _pair(f"{source}/", f"{path}/") not in _refused:
            return way if way in _QUICK else ""
    return ""


def _place_while_it_works(
    way: str,
    source: str,
    path: str,
    directories: tuple[int, int],
    first: str,
    others: "Iterator[str]",
    executable: "Collection[str]",
    counts: dict[str, int],
) -> str | None:
    """Place one file after the other and count them; return the name of the first that does not work, None when there are no more."""
    here, there = directories
    name: str | None = first
    count = 0
    try:
        while name is not None:
            if way == "clone":
                _clone_in(here, there, name, f"{path}/{name}", 0o777 if name in executable else 0o666)
            elif way == "hardlink":
                if _hook is not None:
                    step("link", f"{path}/{name}")
                os.link(name, name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
            else:
                if _hook is not None:
                    step("symlink", f"{path}/{name}")
                os.symlink(f"{source}/{name}", name, dir_fd=there)
            count += 1
            name = next(others, None)
    except OSError as error:
        pair = _pair(f"{source}/", f"{path}/") if way == "clone" else None
        if pair is not None and error.errno in _NEVER_CLONES:
            _refused.add(pair)
    counts[way] += count
    return name


def _clone_in(here: int, there: int, name: str, path: str, mode: int) -> None:
    fd = os.open(name, platform.READ, dir_fd=here)
    try:
        origin = os.fstat(fd)
        if not stat.S_ISREG(origin.st_mode):
            raise OSError(numbers.EINVAL, "not a regular file", path)
        step("clone", path)
        target = platform.clone_file(fd, name, mode, there)
    finally:
        os.close(fd)
    _settle(target, path, mode, origin.st_mtime_ns)


# where directories can be opened, and names be given relative to them; O_PATH opens them without a look at their content
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_PATH", 0)
_QUICK = frozenset({"clone", "hardlink", "symlink"} if {os.open, os.link, os.symlink} <= os.supports_dir_fd else ())


# pairs of devices between which nothing can be cloned, and the pair of the directories that were asked for last: the
# files of a directory come one after the other, so that this costs two comparisons for most of them
_refused: set[tuple[int, int] | None] = set()
_last: tuple[str, str, tuple[int, int] | None] = ("", "", None)


def _pair(source: str, path: str) -> tuple[int, int] | None:
    global _last
    above, below = os.path.dirname(source), os.path.dirname(path)
    last = _last
    if last[0] == above and last[1] == below:
        return last[2]
    try:
        pair = os.stat(above or os.curdir).st_dev, os.stat(below or os.curdir).st_dev
    except OSError:
        return None
    _last = above, below, pair
    return pair


def _make(way: str, source: str, path: str, mode: int) -> None:
    try:
        _WAYS[way](source, path, mode)
    except OSError as error:
        raise DiskError(way, _named(error, path), error) from error


def _named(error: OSError, path: str) -> str:
    """Return the path that an error is about: of a link or rename the new name, as the error itself does not tell."""
    return error.filename if isinstance(error.filename, str) and error.filename2 is None else path


def _clone(source: str, path: str, mode: int) -> None:
    fd, origin = _open_source(source)
    try:
        step("clone", path)
        target = platform.clone_file(fd, path, mode)
    finally:
        os.close(fd)
    _settle(target, path, mode, origin.st_mtime_ns)


def _copy(source: str, path: str, mode: int) -> None:
    fd, origin = _open_source(source)
    try:
        try:
            target = _copied(fd, path, mode, origin.st_size)
        except OSError as error:
            if error.errno not in _MEDIUM:
                raise
            # of two files one failed, and the system does not say which: if it was not the source, or only for a moment,
            # a second attempt tells
            if not _is_readable(fd):
                error.filename = source
                raise
            os.lseek(fd, 0, os.SEEK_SET)
            target = _copied(fd, path, mode, origin.st_size)
    finally:
        os.close(fd)
    _settle(target, path, mode, origin.st_mtime_ns)


def _copied(fd: int, path: str, mode: int, size: int) -> int:
    """Return a new file, open, with the content of an open one; after a failure it is gone."""
    step("create", path)
    target = os.open(path, platform.NEW, mode)
    try:
        if size:
            step("copy", path)
            platform.copy_data(fd, target, size)
    except BaseException:
        _close_quietly(target)
        _unlink_quietly(path)
        raise
    return target


def _is_readable(fd: int) -> bool:
    """Say whether an open file can be read to its end."""
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        while os.read(fd, _PART):
            pass
    except OSError:
        return False
    return True


def _hard_link(source: str, path: str, _mode: int) -> None:
    try:
        step("link", path)
        platform.hard_link(source, path)
    except FileExistsError:
        # NFS: made, reply lost, repeated. What is there is what was asked for
        if not _is_same(path, os.lstat(source)):
            raise


def _symlink(target: str, path: str, _mode: int) -> None:
    step("symlink", path)
    os.symlink(target, path)


_WAYS: "dict[str, Callable[[str, str, int], None]]" = {
    "clone": _clone,
    "hardlink": _hard_link,
    "copy": _copy,
    "symlink": _symlink,
}


def _open_source(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file to read. Another client of a file server may be replacing it: after ESTALE, ask again, twice."""
    for last in (False, False, True):
        try:
            fd = os.open(path, platform.READ)
            break
        except OSError as error:
            if error.errno != numbers.ESTALE or last:
                raise
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise OSError(numbers.EINVAL, "not a regular file", path)
    return fd, found


# --- directories and trees ---------------------------------------------------------------------------------------------


def make_directory(path: str, mode: int = 0o777, *, parents: bool = False) -> bool:
    """Make a directory, and its `parents` with the same mode if asked; False if it is there already.

    A reader sees none or an empty one; with a literal mode, for an instant one with fewer rights. A link to a directory
    counts as one. A crash leaves it or does not.
    """
    try:
        step("mkdir", path)
        os.mkdir(path, mode)
    except FileNotFoundError as error:
        above = _parent(path)
        if not parents or above == path:
            raise DiskError("make_directory", path, error) from error
        make_directory(above, mode, parents=True)
        return make_directory(path, mode)
    except OSError as error:
        # automounters and read-only mounts answer EACCES, EROFS or ENOSYS for what exists
        if os.path.isdir(path):
            return False
        raise DiskError("make_directory", path, error) from error
    if mode not in BY_UMASK:
        set_mode(path, mode)
    return True


def staging(directory: str, mode: int = 0o777) -> str:
    """Make a new empty directory under a temporary name in `directory` and return its path.

    Readers pass over such names. A crash leaves it to whoever cleans.
    """
    path = temporary(directory)
    make_directory(path, mode)
    return path


def publish_tree(staged: str, final: str) -> bool:
    """Give a finished tree its name; False if `final` is there already: somebody else won, ours is erased.

    A reader sees nothing or everything; a crash leaves one of these. After a power cut files may lack their data, unless
    they were synced before (`sync_filesystem`). An empty directory at `final` is replaced. To be moved to another parent,
    `staged` itself must be writable for its owner: 0555 is for the directories below it.
    """
    before = None
    try:
        before = os.lstat(staged)
        step("rename", final)
        os.rename(staged, final)
    except OSError as error:
        if error.errno in _NOT_EMPTY:
            erase(staged)
            return False
        # NFS: the reply was lost
        if error.errno == numbers.ENOENT and before is not None and _is_same(final, before):
            return True
        raise DiskError("publish_tree", final, error) from error
    return True


# --- names of what exists ----------------------------------------------------------------------------------------------


def rename(source: str, path: str) -> None:
    """Rename a file over whatever file is at `path`, or a directory to where nothing (or an empty directory) is.

    A reader sees the old or the new, at both names; a crash leaves one of these. Of two names of one file the system
    keeps both and says "done": then `source` is removed here.
    """
    try:
        before = os.lstat(source)
        _rename_over(source, path, before)
        if before.st_nlink > 1 and not stat.S_ISDIR(before.st_mode) and _is_same(source, before):
            step("unlink", source)
            os.unlink(source)
    except OSError as error:
        raise DiskError("rename", _named(error, path), error) from error


def swap_link(target: str, path: str) -> None:
    """Make `path` a symbolic link with the text `target`, in place of a file or link that may be there.

    A reader sees the old one or the new one; a crash leaves one of these, and a temporary link at most.
    """
    temp = temporary(_parent(path))
    symlink(target, temp)
    _publish("swap_link", temp, path, replace=True)


def retire(path: str, trash: str | None = None) -> str | None:
    """Rename `path`, file or tree, to a trash name in its directory (or in `trash`); return that, None if nothing was there.

    Those who have it open keep it, and the name is free at once. What `trash` does not take (another file system, a
    directory that its owner may not write) goes beside its old place. A crash leaves it under one of the two names.
    """
    here = _parent(path)
    if trash is not None and trash != here:
        try:
            moved = _retire_into(trash, path)
        except OSError:
            moved = None
        if moved is not None:
            return moved
    try:
        return _retire_into(here, path)
    except OSError as error:
        raise DiskError("retire", path, error) from error


def _retire_into(directory: str, path: str) -> str | None:
    new = temporary(directory, TRASH)
    try:
        step("rename", path)
        os.rename(path, new)
    except FileNotFoundError:
        # NFS: the reply was lost; nobody else would use this name
        return new if os.path.lexists(new) else None
    return new


def remove(path: str, *, missing_ok: bool = True) -> bool:
    """Remove the name of a file or link; False if it was not there. Its content lives on under other names."""
    try:
        step("unlink", path)
        platform.unlink(path)
    except FileNotFoundError as error:
        if missing_ok:
            return False
        raise DiskError("remove", path, error) from error
    except OSError as error:
        raise DiskError("remove", path, error) from error
    return True


def remove_directory(path: str) -> bool:
    """Remove an empty directory; False if it is not there or not empty.

    The files that NFS keeps for those who have them open (`.nfs...`) are content: the directory stays for later.
    """
    try:
        step("rmdir", path)
        os.rmdir(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _NOT_EMPTY or (error.errno == numbers.EBUSY and not os.path.ismount(path)):
            return False
        raise DiskError("remove_directory", path, error) from error
    return True


def erase(path: str) -> bool:
    """Delete a tree or file of ours, first its name, then its content; True when all of it is gone.

    A reader sees the whole tree or none, but for one who is inside already. No link is followed, not even one that
    somebody puts there meanwhile: everything is relative to open directories. What cannot be deleted (files that NFS
    holds, a mount, a foreign directory) stays under a trash name, without an error. A crash leaves trash.
    """
    if not os.path.basename(path.rstrip(os.sep)).startswith((TEMPORARY, TRASH)):
        try:
            retired = retire(path)
        except DiskError:
            return False
        if retired is None:
            return True
        path = retired
    return _erase_file(path, None, path) or _erase_directory(path, None, path, None, 0)


def erase_in(directory: int | None, name: str, path: str) -> bool:
    """Delete the tree or file `name` of an open directory, whatever its path leads to by now; True when all of it is gone.

    `path` is for the observer, and for systems without open directories (None). No link is followed. A crash leaves a part.
    """
    if directory is None:
        return erase(path)
    return _erase_file(name, directory, path) or _erase_directory(name, directory, path, None, 0)


# How many directories of one tree are open at once; what lies deeper is first moved up to its top.
_DEPTH = 48


def _erase_directory(name: str, parent: int | None, path: str, top: int | None, depth: int) -> bool:
    """Delete the directory `name` of the open directory `parent`; `path` is for the observer and for systems without."""
    try:
        fd = platform.open_own_directory(name if parent is not None else path, parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        gone = _empty(fd, path, fd if top is None else top, depth)
        while gone and top is None and _has_moved_up(fd, path):
            gone = _empty(fd, path, fd, depth)
    finally:
        if fd is not None:
            _close_quietly(fd)
    try:
        step("rmdir", path)
        os.rmdir(name if parent is not None else path, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return gone


def _empty(fd: int | None, path: str, top: int | None, depth: int) -> bool:
    try:
        with os.scandir(path if fd is None else fd) as found:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    except OSError:
        return False
    gone = True
    for name, is_directory in entries:
        inner = f"{path}{os.sep}{name}"
        if not is_directory:
            gone &= _erase_file(name, fd, inner)
        elif depth >= _DEPTH and fd is not None:
            gone &= _move_up(name, fd, top, inner)
        else:
            gone &= _erase_directory(name, fd, inner, top, depth + 1)
    return gone


def _has_moved_up(fd: int | None, path: str) -> bool:
    """Say whether `_move_up` has left directories to delete; other names may stay for ever (NFS and its open files)."""
    with os.scandir(path if fd is None else fd) as found:
        return any(entry.name.startswith(TRASH) and entry.is_dir(follow_symlinks=False) for entry in found)


def _erase_file(name: str, parent: int | None, path: str) -> bool:
    try:
        step("unlink", path)
        platform.unlink(name if parent is not None else path, parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _move_up(name: str, parent: int, top: int | None, path: str) -> bool:
    try:
        step("rename", path)
        os.rename(name, os.path.basename(temporary("", TRASH)), src_dir_fd=parent, dst_dir_fd=top)
    except OSError:
        return False
    return True


def _is_same(path: str, other: os.stat_result, parent: int | None = None) -> bool:
    """Return whether `path`, in the open directory `parent` if there is one, is (still) a name of the file whose facts are given."""
    try:
        found = os.stat(path, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return False
    return found.st_ino == other.st_ino and found.st_dev == other.st_dev


def _unlink_quietly(path: str, parent: int | None = None) -> None:
    """Remove a name of ours on the way out, where a failure has no consequence but a temporary name that stays."""
    try:
        step("unlink", path)
        platform.unlink(path, parent)
    except OSError:
        pass


def _close_quietly(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        pass


# --- modes and times of what we made -----------------------------------------------------------------------------------


def set_mode(new: "int | str", mode: int) -> bool:
    """Set the mode of what this process has just created: an open descriptor, or a path in a tree of ours.

    A path is opened without following a link; a file that has further names is refused, as it may be somebody else's.
    False where the file system has no modes.
    """
    try:
        if isinstance(new, int):
            return _set_mode(new, "", mode)
        fd = os.open(new, platform.READ)
        try:
            found = os.fstat(fd)
            if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
                raise OSError(numbers.EPERM, "it has further names, and is not changed through this one", new)
            return _set_mode(fd, new, mode)
        finally:
            os.close(fd)
    except OSError as error:
        raise DiskError("set_mode", str(new), error) from error


def set_times(new: "int | str", mtime_ns: int) -> bool:
    """Set the time of last change, in nanoseconds since the epoch, of what this process has just created.

    A link at a path is not followed: its own time is set. False where the file system does not let its creator do so.
    """
    try:
        return _set_times(new, "" if isinstance(new, int) else new, mtime_ns)
    except OSError as error:
        raise DiskError("set_times", str(new), error) from error


def set_group(new: str, group: int) -> bool:
    """Give a directory that this process has just created to a group of ours; False where that is not for us to do.

    What is made in it later gets the group by itself if its mode, set after this, has the setgid bit.
    """
    try:
        fd = os.open(new, platform.READ)
        try:
            if os.fstat(fd).st_gid != group:
                step("chown", new)
                platform.set_group(fd, group)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise DiskError("set_group", new, error) from error
        return False
    return True


def _set_mode(fd: int, path: str, mode: int) -> bool:
    if stat.S_IMODE(os.fstat(fd).st_mode) == mode:
        return True
    try:
        step("chmod", path)
        platform.set_mode(fd, mode)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        return False
    return True


def _set_times(new: "int | str", path: str, mtime_ns: int) -> bool:
    try:
        step("utime", path)
        if isinstance(new, int):
            platform.set_times(new, mtime_ns)
        else:
            os.utime(new, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        return False
    return True


# --- durability --------------------------------------------------------------------------------------------------------


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
        step("sync", path)
        fd = os.open(path, os.O_RDONLY | platform.CLOEXEC)
        try:
            way(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _UNSYNCABLE:
            raise DiskError("sync", path, error) from error


# --- locks -------------------------------------------------------------------------------------------------------------

# Where other hosts can see a lock, its holder touches the file this often (seconds), and whoever finds it untouched for
# that long takes the lock from a holder on another host: a file server may keep the lock of a dead client for ever.
_BEAT = 10.0
_LIFELESS = 90.0


class LockTimeout(CommonwheelError):
    """Say for whom a lock was waited in vain."""

    code = "lock-timeout"

    def __init__(self, path: str, timeout: float, holder: Holder | None) -> None:
        self.path: Final = path
        self.holder: Final = holder
        super().__init__(
            f"waited {timeout:g} seconds for the lock `{path}`, held by {holder or 'a process that left no name'}",
            context=facts.describe(path),
            hint=f"wait for process {holder.pid} on {holder.host}, or end it" if holder else f"see `fuser -v {path}`",
        )


def lock(
    path: str,
    *,
    timeout: float,
    who: str,
    waiting: "Callable[[str], None] | None" = None,
    shared: bool = False,
    inside: int | None = None,
) -> "Lock":
    """Hold the lock `path` in a `with` block, which gets True, or at once False where locks do not work.

    `who` says what for, as in `installing into /x`; `waiting` hears once for whom we wait. After `timeout` seconds
    LockTimeout names the holder. The system lets go of the locks of the dead. The file goes away with its last holder,
    and is never the world's to write. Nothing may be wrong without the lock: it saves double work. `inside` is an open
    directory in which the last name of `path` is looked up, so that nobody can lead it elsewhere.
    """
    return Lock(path, timeout, who, waiting, shared=shared, inside=inside)


class Lock:
    """What `lock` returns; good for one `with`."""

    __slots__ = (
        "_fd", "_holder", "_inside", "_looked", "_name", "_path", "_shared", "_stop", "_timeout", "_waiting", "_who",
    )  # fmt: skip

    def __init__(
        self,
        path: str,
        timeout: float,
        who: str,
        waiting: "Callable[[str], None] | None",
        *,
        shared: bool,
        inside: int | None = None,
    ) -> None:
        self._path = path
        self._inside = inside
        self._name = path if inside is None else os.path.basename(path)
        self._timeout = timeout
        self._who = who
        self._waiting = waiting
        self._shared = shared
        self._fd = -1
        self._holder: Holder | None = None
        self._looked = 0.0
        self._stop: _thread.LockType | None = None

    def __enter__(self) -> bool:
        end = time.monotonic() + self._timeout
        pause = 0.005
        while True:
            try:
                if self._try():
                    return True
            except OSError:
                return False
            if self._waiting is not None:
                self._waiting(str(self._holder or "a process that left no name"))
                self._waiting = None
            left = end - time.monotonic()
            if left <= 0:
                raise LockTimeout(self._path, self._timeout, self._holder)
            time.sleep(min(pause, left))
            pause = min(pause * 1.6, 0.25)

    def _try(self) -> bool:
        """Try once: False if somebody else holds it, OSError if locks do not work here."""
        step("lock", self._path)
        fd, writable = _open_lock(self._name, self._inside)
        try:
            if not platform.lock_fd(fd, shared=self._shared):
                self._holder = parse_holder(_start_of(fd))
                self._bury(fd)
                return False
            # a holder removes the file before it lets go: we may have locked what nobody finds any more
            if not _is_same(self._name, os.fstat(fd), self._inside):
                return False
            if writable:
                self._sign(fd)
            self._fd, fd = fd, -1
        finally:
            if fd >= 0:
                _close_quietly(fd)
        return True

    def _sign(self, fd: int) -> None:
        """Write into the file who we are, and keep touching it where other hosts look."""
        global _beats
        beats = facts.is_shared(self._path)
        holder = Holder(
            facts.user_name(facts.my_user()), facts.host(), os.getpid(), int(time.time()), self._who, facts.boot_id(), beats
        )  # fmt: skip
        try:
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, holder.line())
        except OSError:
            return  # a full disk: the lock is held all the same, without a name
        if beats:
            self._stop = _thread.allocate_lock()
            self._stop.acquire()
            _beats += 1
            _thread.start_new_thread(_beat, (os.dup(fd), self._stop))

    def _bury(self, fd: int) -> None:
        """Take the lock file away from a holder on another host that shows no sign of life."""
        holder, looked = self._holder, time.monotonic()
        if holder is None or not holder.beats or holder.boot == facts.boot_id() or looked - self._looked < _BEAT / 2:
            return
        self._looked = looked
        found = os.fstat(fd)
        now = clock(_parent(self._path))
        if now is not None and now - found.st_mtime > _LIFELESS and _is_same(self._name, found, self._inside):
            _unlink_quietly(self._name, self._inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        if self._stop is not None:
            self._stop.release()
        try:
            # the last of several sharers can have it for itself
            last = not self._shared or platform.lock_fd(fd, shared=False)
            if last and _is_same(self._name, os.fstat(fd), self._inside):
                _unlink_quietly(self._name, self._inside)
            platform.unlock_fd(fd)  # a process that was forked meanwhile has the descriptor too
        except OSError:
            pass
        finally:
            _close_quietly(fd)


_beats = 0


def beating() -> int:
    """Return how many threads keep locks alive just now: they wait, touch a file, and hold no lock of Python's."""
    return _beats


def _beat(fd: int, stop: "_thread.LockType") -> None:
    """Touch a lock file until told to stop; `fd` is this thread's own."""
    global _beats
    try:
        while not stop.acquire(timeout=_BEAT):
            platform.touch(fd)
    except OSError:
        pass
    finally:
        _close_quietly(fd)
        _beats -= 1


def _open_lock(path: str, inside: int | None) -> tuple[int, bool]:
    """Open a lock file, or make it; return its descriptor, and whether it may be written.

    It is opened for writing, in exception to the first law: NFS takes no exclusive lock otherwise, and the holder leaves
    his name in it. Therefore it must look like a lock file. Its rights are those of its directory, but never the world's
    to write. One that another user made and that cannot be written is locked all the same where reading is enough.
    """
    for _ in range(10):
        try:
            return _checked(os.open(path, os.O_RDWR | platform.NOFOLLOW | platform.CLOEXEC, dir_fd=inside)), True
        except PermissionError:
            return _checked(os.open(path, platform.READ, dir_fd=inside)), False
        except FileNotFoundError:
            mode = os.stat(_parent(path) if inside is None else inside).st_mode & 0o664 | 0o600
        try:
            fd = os.open(path, platform.NEW, mode, dir_fd=inside)
        except FileExistsError:
            continue
        try:
            _set_mode(fd, path, mode)
        finally:
            os.close(fd)
    raise OSError(numbers.ESTALE, "the lock file comes and goes", path)


def _checked(fd: int) -> int:
    """Return the descriptor of a lock file; OSError if it may be anything else: two names, large, in another hand."""
    found = os.fstat(fd)
    fine = stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and found.st_size <= LOCK_LIMIT
    if fine and _start_of(fd)[: len(LOCK_HEAD)] in {b"", LOCK_HEAD.encode()}:
        return fd
    os.close(fd)
    raise OSError(numbers.EBADF, "not a lock file")


def _start_of(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, LOCK_LIMIT)


# --- journal -----------------------------------------------------------------------------------------------------------


class Journal:
    """Write down what is about to happen, before it happens, for whoever finds the ruins.

    Lines are only appended (`journal.py` has the format). A line is with the system when the call returns: it survives
    this process. After `sync` it survives a power cut too. A torn tail takes nothing with it that stood before.
    """

    __slots__ = ("_chain", "_count", "_file", "path")

    def __init__(self, file: NewFile) -> None:
        self.path: Final = file.path
        self._file = file
        self._count = 0
        self._chain = journal.start()

    @classmethod
    def create(cls, path: str, mode: int = 0o600) -> "Journal":
        """Open a new journal; DiskError (EEXIST) if there is one: somebody has to recover from that first."""
        made = cls(create_new(path, mode))
        made._file.write(journal.HEAD)
        return made

    def intend(self, *words: str) -> int:
        """Write down one intent; return its number."""
        return self.intend_all((words,))

    def intend_all(self, intents: "Iterable[tuple[str, ...]]") -> int:
        """Write down many intents in one go; return the number of the first, the others follow."""
        first = self._count
        lines = []
        for words in intents:
            text, self._chain = journal.line(self._chain, journal.INTEND, self._count, words)
            lines.append(text)
            self._count += 1
        self._file.write(b"".join(lines))
        return first

    def done(self, number: int) -> None:
        """Write down that an intent was carried out."""
        text, self._chain = journal.line(self._chain, journal.DONE, number)
        self._file.write(text)

    def sync(self) -> None:
        """Return when all that was written down, and the name of the journal, is on its medium."""
        self._file.sync()
        sync_directory(_parent(self.path))

    def close(self) -> None:
        """Close the file; it stays, until somebody removes it."""
        self._file.keep()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()
