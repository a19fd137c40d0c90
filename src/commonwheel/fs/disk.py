"""Change the disk: the only file of Commonwheel that does.

The laws:

1. Never open an existing path for writing. Every write is a new file (`O_EXCL`, a random name: host, pid and 64 random
   bits) in the directory where it will live, then `rename` or `link`. A foreign file in the way is replaced as a name,
   never written to, truncated, chmod-ed or chown-ed: its inode may be another user's, and have names elsewhere.
2. chmod and utime only what this process has just created, through its descriptor. Never toggle the umask: it belongs
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
is there after a crash. "Crash" is a killed process, unless a power cut is spoken of.

Modes: 0o666 and 0o777 mean "as the umask (or the default ACL of the directory) decides". Any other mode is meant
literally and set on the descriptor, whatever the umask is: umask 077 must not lock a group out of its store. File systems
without modes (vfat, some FUSE and SMB mounts) refuse to set them even to the creator; that is no error.
"""

import errno as numbers
import os
import stat
import time
from binascii import crc32

from commonwheel.errors import CommonwheelError
from commonwheel.fs import facts
from commonwheel.fs.facts import platform
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Final, Self

    Hook = Callable[[str, str], None]

TEMPORARY = ".tmp-"
TRASH = ".trash-"
BY_UMASK = (0o666, 0o777)

# what a file system answers that has no hard links, or none across these directories, or no more of them
_NO_LINK = frozenset({
    numbers.EPERM, numbers.EACCES, numbers.EOPNOTSUPP, numbers.ENOSYS, numbers.EINVAL, numbers.EMLINK, numbers.EXDEV,
})  # fmt: skip
# what a file system without modes or times answers to the creator of a file
_NO_MODES = frozenset({numbers.EPERM, numbers.EOPNOTSUPP, numbers.ENOSYS, numbers.EINVAL, numbers.ENOTTY})
# clone: these will be the answer for every file of this pair of file systems
_NEVER_CLONES = frozenset({numbers.EOPNOTSUPP, numbers.ENOTTY, numbers.ENOSYS, numbers.EXDEV})
# no other way to place a file helps against these
_HOPELESS = frozenset({
    numbers.EEXIST, numbers.ENOENT, numbers.ENOTDIR, numbers.ELOOP, numbers.EIO, numbers.ESTALE, numbers.ENAMETOOLONG,
    numbers.EROFS,
})  # fmt: skip
_FULL_DIRECTORY = frozenset({numbers.ENOTEMPTY, numbers.EEXIST})
_UNSYNCABLE = frozenset({numbers.EINVAL, numbers.EBADF, numbers.ENOSYS, numbers.EOPNOTSUPP, numbers.EACCES})


class DiskError(CommonwheelError):
    """Report a change that the disk refused, with the facts around the path gathered at that moment."""

    code = "disk"

    def __init__(self, verb: str, path: str, error: OSError) -> None:
        self.verb: Final = verb
        self.path: Final = path
        self.errno: Final = error.errno or 0
        name = numbers.errorcode.get(self.errno, str(self.errno))
        super().__init__(
            f"could not {verb.replace('_', ' ')} `{path}`: {error.strerror or error} ({name})",
            context=facts.describe(path),
            hint=facts.advice(path, self.errno),
        )


_hook: "Hook | None" = None


def observe(hook: "Hook | None") -> "Hook | None":
    """Call `hook(operation, path)` before every change of the disk, None for nobody; return the previous hook.

    A hook that raises OSError is that operation failing. Operations: create, write, copy, clone, link, symlink, mkdir,
    rename, unlink, rmdir, chmod, utime, sync, close, lock.
    """
    global _hook
    previous, _hook = _hook, hook
    return previous


def step(operation: str, path: str) -> None:
    """Let the observer see the change that comes next."""
    if _hook is not None:
        _hook(operation, path)


# --- names ---------------------------------------------------------------------------------------------------------


_host = ""


def temporary(directory: str, prefix: str = TEMPORARY) -> str:
    """Return a name in `directory` that nobody else has: host, process and 64 random bits. Creates nothing.

    A process number alone is shared by containers that share a store (pnpm met it); so may be the host name.
    """
    global _host
    if not _host:
        _host = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in facts.host()[:32])
    return os.path.join(directory, f"{prefix}{_host}-{os.getpid()}-{os.urandom(8).hex()}")


def maker(name: str) -> tuple[str, int] | None:
    """Return the host (as far as it fits a name) and the process that made a temporary or trash name; None for other names."""
    if not name.startswith((TEMPORARY, TRASH)):
        return None
    words = name.split("-", 1)[1].rsplit("-", 2)
    if len(words) != 3 or not words[1].isdigit():
        return None
    return words[0], int(words[1])


def _parent(path: str) -> str:
    return os.path.dirname(path.rstrip(os.sep)) or (os.sep if path.startswith(os.sep) else ".")


# --- directories ---------------------------------------------------------------------------------------------------


def make_directory(path: str, mode: int = 0o777, *, parents: bool = False) -> bool:
    """Make a directory, with its `parents` (of the same mode) if asked; False if it is there already.

    A reader sees no directory or an empty one; with a literal mode, for an instant one with fewer rights. A link to a
    directory counts as one. After a crash it is there or not.
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
    """Make a new empty directory with a temporary name in `directory` and return its path.

    Readers skip such names; after a crash it stays until somebody cleans.
    """
    path = temporary(directory)
    make_directory(path, mode)
    return path


def publish_tree(staged: str, final: str) -> bool:
    """Give a finished tree its name; False if `final` is there already, and then `staged` is erased.

    A reader sees nothing or everything. After a crash it is one of the two; after a power cut the files may lack their
    data unless they were synced (`sync_filesystem`) before. An empty directory at `final` is replaced. To another parent
    the staged directory itself must be writable by its owner: 0555 is set afterwards, or below.
    """
    try:
        before = os.lstat(staged)
        step("rename", final)
        os.rename(staged, final)
    except OSError as error:
        if error.errno in _FULL_DIRECTORY:
            erase(staged)
            return False
        # NFS: the reply to a rename was lost, and its repetition found the old name gone
        if error.errno == numbers.ENOENT and _is_same(final, before):
            return True
        raise DiskError("publish_tree", final, error) from error
    return True


# --- files ---------------------------------------------------------------------------------------------------------


def write_new(path: str, data: "bytes | memoryview", mode: int = 0o666, mtime_ns: int | None = None) -> None:
    """Write a file that must not exist, inside a tree that is ours and not published yet: the fast way to unpack.

    No temporary name and no rename: a reader of the unfinished tree may see part of it. On failure the name is removed;
    after a crash it may hold anything, like the tree around it.
    """
    fd = _create("write", path, mode)
    _finish("write", fd, path, mode, data, mtime_ns)


def write(
    path: str, data: "bytes | memoryview", mode: int = 0o666, *, replace: bool = True, durable: bool = False
) -> bool:
    """Write a file under a temporary name, then give it its name; False if not `replace` and somebody was first.

    A reader sees the old file, or nothing, or the whole new one: never a part, never a moment without. A file in the
    way keeps its inode, for those who hold it open or have it under other names. After a crash it is old or new, with a
    temporary file at most. After a power cut too when `durable`; otherwise it may be empty on some file systems.
    """
    directory = _parent(path)
    temp = temporary(directory)
    fd = _create("write", temp, mode)
    _finish("write", fd, temp, mode, data, None, durable=durable)
    won = _publish("write", temp, path, replace=replace)
    if durable:
        sync_directory(directory)
    return won


def create(directory: str, mode: int = 0o666, prefix: str = TEMPORARY) -> "NewFile":
    """Open a new file under a temporary name in `directory`, to be written in parts and published."""
    path = temporary(directory, prefix)
    return NewFile(path, _create("create", path, mode), mode)


def create_new(path: str, mode: int = 0o666) -> "NewFile":
    """Open a file that must not exist at its own name, inside a tree that is ours and not published yet."""
    return NewFile(path, _create("create", path, mode), mode)


class NewFile:
    """Write a file that nobody knows yet. Leaving its `with` without `publish` or `keep` discards it.

    `path` is its temporary name until it is published. Each part is written through at once: no buffer that could fail
    later than the call that filled it, except the system's own, whose late errors `publish` and `keep` report.
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

    def write(self, data: "bytes | memoryview") -> None:
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
        """Set the time of last change, in nanoseconds since the epoch."""
        set_times(self._fd, mtime_ns)

    def sync(self) -> None:
        """Return when the data is on its medium."""
        try:
            step("sync", self.path)
            os.fsync(self._fd)
        except OSError as error:
            raise DiskError("sync", self.path, error) from error

    def close(self) -> None:
        """Set the mode and close; report what the system could not write. The file stays as it is called."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            _finish("write", fd, self.path, self._mode, b"", None)
        except DiskError:
            self._settled = True
            raise

    def keep(self) -> None:
        """Close and leave the file under `path`: for a file within a tree that is published as a whole."""
        self.close()
        self._settled = True

    def publish(self, final: str, *, replace: bool = False) -> bool:
        """Close and give the file its name; False if not `replace` and `final` exists (somebody else won; ours is gone).

        A reader sees nothing (or the old file) or all of it.
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


def _create(verb: str, path: str, mode: int) -> int:
    try:
        step("create", path)
        return os.open(path, platform.NEW, mode)
    except OSError as error:
        raise DiskError(verb, path, error) from error


def _write_all(fd: int, data: "bytes | memoryview") -> None:
    written = os.write(fd, data)
    if written != len(data):
        # signals and the 2 GiB limit of one call
        view = memoryview(data)[written:]
        while view:
            view = view[os.write(fd, view) :]


def _finish(
    verb: str, fd: int, path: str, mode: int, data: "bytes | memoryview", mtime_ns: int | None, *, durable: bool = False
) -> None:
    """Write, set mode and time, close: on any failure the name `path`, which is ours, is gone."""
    try:
        if data:
            step("write", path)
            _write_all(fd, data)
        if mode not in BY_UMASK:
            _set_mode(fd, path, mode)
        if mtime_ns is not None:
            _set_times(fd, path, mtime_ns)
        if durable:
            step("sync", path)
            os.fsync(fd)
        step("close", path)
    except BaseException as error:
        _close_quietly(fd)
        _unlink_quietly(path)
        if isinstance(error, OSError):
            raise DiskError(verb, path, error) from error
        raise
    try:
        os.close(fd)  # quotas and network file systems answer here
    except OSError as error:
        _unlink_quietly(path)
        raise DiskError(verb, path, error) from error


def _publish(verb: str, temp: str, final: str, *, replace: bool) -> bool:
    """Give our finished `temp` the name `final`; whatever happens, `temp` is gone."""
    try:
        if replace:
            _rename_over(temp, final)
            return True
        return _link_first(temp, final)
    except BaseException as error:
        _unlink_quietly(temp)
        if isinstance(error, OSError):
            raise DiskError(verb, final, error) from error
        raise


def _rename_over(temp: str, final: str) -> None:
    before = os.lstat(temp)
    try:
        step("rename", final)
        platform.replace(temp, final)
    except FileNotFoundError:
        # NFS: the reply was lost, and the repetition found the old name gone
        if not _is_same(final, before):
            raise


def _link_first(temp: str, final: str) -> bool:
    """Publish by link, which is exclusive and atomic on NFS too; by an exclusive rename where links do not work."""
    try:
        step("link", final)
        platform.hard_link(temp, final)
    except FileExistsError:
        # NFS: the link was made, its reply lost, and the repetition met our own file
        won = _is_same(final, os.lstat(temp))
        _unlink_quietly(temp)
        return won
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return _rename_first(temp, final)
    _unlink_quietly(temp)
    return True


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
        # Neither links nor exclusive renames (SMB, some FUSE): of two at the same moment both may be told that they
        # won, and the later file stays. Both are complete.
        if os.path.lexists(final):
            _unlink_quietly(temp)
            return False
        platform.replace(temp, final)
    return True


# --- one file from another -----------------------------------------------------------------------------------------
# Each creates `path`, which must not exist, in a tree that is ours and not published yet (or under a temporary name).
# A reader of that tree may see part of a copy. On failure the name is removed; after a crash it may hold anything.


def clone(source: str, path: str, mode: int = 0o666) -> None:
    """Make `path` a file of its own that shares its blocks with `source` until one of them is changed; keep its mtime."""
    _one("clone", _clone, source, path, mode)


def copy(source: str, path: str, mode: int = 0o666) -> None:
    """Make `path` a file of its own with the content and mtime of the regular file `source`."""
    _one("copy", _copy, source, path, mode)


def hard_link(source: str, path: str) -> None:
    """Give the file `source` the further name `path`: same content, mode, owner, for ever."""
    _one("hard_link", _link, source, path, 0)


def symlink(target: str, path: str) -> None:
    """Make `path` a symbolic link with the text `target`. It appears at once, and leads where it leads."""
    _one("symlink", _symlink, target, path, 0)


def swap_link(target: str, path: str) -> None:
    """Make `path` a symbolic link with the text `target`, in place of a file or link that may be there.

    A reader sees the old one or the new one.
    """
    temp = temporary(_parent(path))
    symlink(target, temp)
    _publish("swap_link", temp, path, replace=True)


def place(source: str, path: str, modes: "tuple[str, ...]", mode: int = 0o666) -> str:
    """Make `path` from `source` in the first of `modes` that works for this file; return that one.

    `modes` are of clone, hardlink, copy, symlink. `mode` is that of clones and copies; a link shares its file's.
    What a pair of file systems refuses for good (clone on ext4) is remembered, and not tried for every file.
    """
    refusals = _refusals
    for index, way in enumerate(modes):
        pair = None
        if way == "clone" and index + 1 < len(modes):
            pair = _pair(source, path)
            if pair in refusals:
                continue
        try:
            _WAYS[way](source, path, mode)
        except OSError as error:
            if error.errno in _HOPELESS or index + 1 == len(modes):
                raise DiskError(_VERBS[way], _guilty(error, path), error) from error
            if pair is not None and error.errno in _NEVER_CLONES:
                refusals.add(pair)
        else:
            return way
    raise ValueError(modes)


_refusals: set[tuple[int, int]] = set()
_last_pair: tuple[str, str, tuple[int, int]] = ("", "", (-1, -1))


def _pair(source: str, path: str) -> tuple[int, int]:
    """Return the devices of both directories; the files of one directory mostly come one after the other."""
    global _last_pair
    last = _last_pair
    from_directory, to_directory = _parent(source), _parent(path)
    if last[0] == from_directory and last[1] == to_directory:
        return last[2]
    try:
        pair = (os.stat(from_directory).st_dev, os.stat(to_directory).st_dev)
    except OSError:
        return (-1, -1)
    _last_pair = (from_directory, to_directory, pair)
    return pair


def _one(verb: str, way: "Callable[[str, str, int], None]", source: str, path: str, mode: int) -> None:
    try:
        way(source, path, mode)
    except OSError as error:
        raise DiskError(verb, _guilty(error, path), error) from error


def _guilty(error: OSError, path: str) -> str:
    """Return the path that the error is about: `link` and `rename` name two, the others one or none."""
    named = error.filename2 or error.filename
    return named if isinstance(named, str) and named else path


def _clone(source: str, path: str, mode: int) -> None:
    fd, facts_ = _open_source(source)
    try:
        step("clone", path)
        target = platform.clone_file(fd, path, mode)
    finally:
        os.close(fd)
    _settle(target, path, mode, facts_.st_mtime_ns)


def _copy(source: str, path: str, mode: int) -> None:
    fd, facts_ = _open_source(source)
    try:
        step("create", path)
        target = os.open(path, platform.NEW, mode)
        try:
            if facts_.st_size:
                step("copy", path)
                platform.copy_data(fd, target, facts_.st_size)
        except BaseException:
            _close_quietly(target)
            _unlink_quietly(path)
            raise
    finally:
        os.close(fd)
    _settle(target, path, mode, facts_.st_mtime_ns)


def _settle(target: int, path: str, mode: int, mtime_ns: int) -> None:
    try:
        if mode not in BY_UMASK:
            _set_mode(target, path, mode)
        _set_times(target, path, mtime_ns)
        step("close", path)
    except BaseException:
        _close_quietly(target)
        _unlink_quietly(path)
        raise
    try:
        os.close(target)
    except OSError:
        _unlink_quietly(path)
        raise


def _link(source: str, path: str, _mode: int) -> None:
    step("link", path)
    try:
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
    "hardlink": _link,
    "copy": _copy,
    "symlink": _symlink,
}
_VERBS = {"clone": "clone", "hardlink": "hard_link", "copy": "copy", "symlink": "symlink"}


def _open_source(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file to read; another client of a file server may replace it meanwhile: ESTALE is asked twice."""
    for attempt in (1, 2, 3):
        try:
            fd = os.open(path, platform.READ)
        except OSError as error:
            if error.errno != numbers.ESTALE or attempt == 3:
                raise
            continue
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode):
            return fd, found
        os.close(fd)
        raise OSError(numbers.EINVAL, "not a regular file", path)
    raise AssertionError


# --- names of what exists ------------------------------------------------------------------------------------------


def rename(source: str, path: str) -> None:
    """Rename a file over whatever file is at `path`, or a directory to where nothing (or an empty directory) is.

    A reader sees the old or the new, at both names. After a crash it has happened or not. Of two names of one file the
    system keeps both and says "done": then `source` is removed here.
    """
    try:
        before = os.lstat(source)
        _rename_over(source, path)
        if before.st_nlink > 1 and stat.S_ISREG(before.st_mode) and _is_same(source, before):
            step("unlink", source)
            _unlink(source)
    except OSError as error:
        raise DiskError("rename", _guilty(error, path), error) from error


def retire(path: str, trash: str | None = None) -> str | None:
    """Rename `path`, file or tree, to a new trash name in its directory (or in `trash`); None if nothing was there.

    Those who have it open keep it; the name is free at once. Where `trash` does not take it (another file system, a
    directory that its owner may not write), it goes beside its old place. After a crash it has happened or not.
    """
    here = _parent(path)
    for directory in (trash, here) if trash is not None and trash != here else (here,):
        new = temporary(directory, TRASH)
        try:
            step("rename", path)
            os.rename(path, new)
        except FileNotFoundError:
            if os.path.lexists(new):  # NFS: the reply was lost
                return new
            if directory == here:
                return None
        except OSError as error:
            if directory == here:
                raise DiskError("retire", path, error) from error
        else:
            return new
    return None


def remove(path: str, *, missing_ok: bool = True) -> bool:
    """Remove the name of a file or link; False if it was not there. Its content lives on under other names."""
    try:
        step("unlink", path)
        os.unlink(path)
    except FileNotFoundError as error:
        if missing_ok:
            return False
        raise DiskError("remove", path, error) from error
    except OSError as error:
        raise DiskError("remove", path, error) from error
    return True


def remove_directory(path: str) -> bool:
    """Remove an empty directory; False if it is not there or not empty.

    Files that NFS keeps for those who have them open (`.nfs*`) count as content: the directory stays for later.
    """
    try:
        step("rmdir", path)
        os.rmdir(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _FULL_DIRECTORY or (error.errno == numbers.EBUSY and _silly(path)):
            return False
        raise DiskError("remove_directory", path, error) from error
    return True


def _silly(path: str) -> bool:
    try:
        return any(name.startswith(".nfs") for name in os.listdir(path))
    except OSError:
        return False


# how many directories of one tree are open at once; what lies deeper is first moved up
_DEPTH = 48


def erase(path: str) -> bool:
    """Delete a tree (or file) of ours: first its name, then its content; True when all of it is gone.

    A reader sees the whole tree or none, except one who is already inside. Never follows a link, not even one that
    somebody puts there meanwhile: everything is done relative to open directories. What cannot be deleted (files that NFS
    holds, a mount, a foreign directory) stays under a trash name: no error. After a crash the rest is trash.
    """
    if not os.path.basename(path.rstrip(os.sep)).startswith((TEMPORARY, TRASH)):
        try:
            retired = retire(path)
        except DiskError:
            return False
        if retired is None:
            return True
        path = retired
    return _erase_entry(path, None, path, None)


def _erase_entry(name: str, parent: int | None, path: str, top: int | None) -> bool:
    """Delete the entry `name` of the open directory `parent`; `path` is for the observer."""
    try:
        step("unlink", path)
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError as error:
        # EISDIR on Linux, EPERM as POSIX has it (and for rights), EACCES on Windows
        if error.errno not in {numbers.EISDIR, numbers.EPERM, numbers.EACCES}:
            return False
    else:
        return True
    try:
        fd = platform.open_own_directory(name, parent)
    except OSError:
        return False
    try:
        gone = _empty(fd, path, fd if top is None else top, 0)
    finally:
        _close_quietly(fd)
    return _rmdir_quietly(name, parent, path) and gone


def _empty(fd: int, path: str, top: int, depth: int) -> bool:
    """Delete everything in an open directory; what is too deep for open descriptors is moved to the top and left to it."""
    gone = True
    again = True
    while again:
        again = False
        try:
            with os.scandir(fd) as found:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        except OSError:
            return False
        for name, is_directory in entries:
            inner = f"{path}{os.sep}{name}"
            if not is_directory:
                gone &= _unlink_at(name, fd, inner)
            elif depth >= _DEPTH:
                gone &= _move_up(name, fd, top, inner)
            else:
                gone &= _empty_directory(name, fd, inner, top, depth + 1)
        if depth == 0 and gone:
            # what was moved up meanwhile
            with os.scandir(fd) as found:
                again = any(True for _ in found)
    return gone


def _empty_directory(name: str, parent: int, path: str, top: int, depth: int) -> bool:
    try:
        fd = platform.open_own_directory(name, parent)
    except OSError:
        return False
    try:
        gone = _empty(fd, path, top, depth)
    finally:
        _close_quietly(fd)
    return _rmdir_quietly(name, parent, path) and gone


def _unlink_at(name: str, parent: int, path: str) -> bool:
    try:
        step("unlink", path)
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _move_up(name: str, parent: int, top: int, path: str) -> bool:
    try:
        step("rename", path)
        os.rename(name, os.path.basename(temporary("", TRASH)), src_dir_fd=parent, dst_dir_fd=top)
    except OSError:
        return False
    return True


def _rmdir_quietly(name: str, parent: int | None, path: str) -> bool:
    try:
        step("rmdir", path)
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _is_same(path: str, other: os.stat_result) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return found.st_ino == other.st_ino and found.st_dev == other.st_dev


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _unlink_quietly(path: str) -> None:
    """Remove a name of ours on the way out of a failure, which is the one to report."""
    try:
        step("unlink", path)
        os.unlink(path)
    except OSError:
        pass


def _close_quietly(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        pass


# --- modes and times -----------------------------------------------------------------------------------------------


def set_mode(new: "int | str", mode: int) -> bool:
    """Set the mode of what this process has just created: an open descriptor, or a path in a tree of ours.

    A path is opened without following a link, and a file that has further names is refused: it may be somebody else's.
    False where the file system has no modes.
    """
    if isinstance(new, int):
        return _translated("set_mode", f"descriptor {new}", lambda: _set_mode(new, "", mode))
    return _translated("set_mode", new, lambda: _set_mode_of_path(new, mode))


def set_times(new: "int | str", mtime_ns: int) -> bool:
    """Set the time of last change, in nanoseconds since the epoch, of what this process has just created.

    False where the file system does not let its creator do so.
    """
    if isinstance(new, int):
        return _translated("set_times", f"descriptor {new}", lambda: _set_times(new, "", mtime_ns))
    return _translated("set_times", new, lambda: _set_times(new, new, mtime_ns))


def _translated(verb: str, path: str, change: "Callable[[], bool]") -> bool:
    try:
        return change()
    except OSError as error:
        raise DiskError(verb, path, error) from error


def _set_mode_of_path(path: str, mode: int) -> bool:
    fd = os.open(path, platform.READ)
    try:
        found = os.fstat(fd)
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            raise OSError(numbers.EPERM, "the file has further names, and is not changed through this one", path)
        return _set_mode(fd, path, mode)
    finally:
        os.close(fd)


def _set_mode(fd: int, path: str, mode: int) -> bool:
    if stat.S_IMODE(os.fstat(fd).st_mode) == mode:
        return True
    try:
        step("chmod", path)
        os.fchmod(fd, mode)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        return False
    return True


def _set_times(where: "int | str", path: str, mtime_ns: int) -> bool:
    try:
        step("utime", path)
        if isinstance(where, int):
            os.utime(where, ns=(mtime_ns, mtime_ns))
        else:
            os.utime(where, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        return False
    return True


# --- durability ----------------------------------------------------------------------------------------------------


def sync_file(path: str) -> None:
    """Return when the data of a file is on its medium."""
    _sync(path)


def sync_directory(path: str) -> None:
    """Return when the names in a directory are on their medium. File systems that cannot say so are believed."""
    _sync(path)


def sync_filesystem(path: str) -> None:
    """Return when everything of the file system that holds `path` is on its medium: one wait for a whole tree."""
    _sync(path, everything=True)


def _sync(path: str, *, everything: bool = False) -> None:
    try:
        step("sync", path)
        fd = os.open(path, os.O_RDONLY | platform.CLOEXEC)
        try:
            if everything:
                platform.sync_filesystem(fd)
            else:
                os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in _UNSYNCABLE:
            return
        raise DiskError("sync", path, error) from error


# --- locks ---------------------------------------------------------------------------------------------------------


class LockTimeout(CommonwheelError):
    """Say for whom a lock was waited in vain."""

    code = "lock-timeout"

    def __init__(self, path: str, timeout: float, holder: "Holder | None") -> None:
        self.path: Final = path
        self.holder: Final = holder
        super().__init__(
            f"waited {timeout:g} seconds for the lock `{path}`, held by {holder or 'a process that left no name'}",
            context=facts.describe(path),
            hint=None if holder is None else f"wait for {holder.purpose} of {holder.user} on {holder.host}, or end it",
        )


class Holder(Value):
    """Who holds a lock: user, host, process, since when (seconds since the epoch), to do what."""

    __slots__ = ("host", "pid", "purpose", "since", "space", "user")

    def __init__(self, user: str, host: str, pid: int, since: int, purpose: str, space: str = "") -> None:  # noqa: PLR0913 - the line in the file
        self.user: Final = user
        self.host: Final = host
        self.pid: Final = pid
        self.since: Final = since
        self.purpose: Final = purpose
        self.space: Final = space

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.user} on {self.host} (process {self.pid}, since {since}): {self.purpose}"


_LOCK_MAGIC = "commonwheel lock 1"
_LOCK_SIZE = 4096
# A waiter who has seen no sign of life from another host for this long takes the lock away from it
_LIFELESS = 60.0
_HEARTBEAT = 10.0


def lock(
    path: str, *, timeout: float, who: str, waiting: "Callable[[str], None] | None" = None, shared: bool = False
) -> "Lock":
    """Hold the lock `path` for a `with` block; it yields False, at once, where locks do not work.

    `who` says what for, as in `installing into /x`; `waiting` is told once for whom it waits. After `timeout` seconds
    LockTimeout names the holder. The system drops the lock of a dead process. Nothing may depend on a lock.
    """
    return Lock(path, timeout, who, waiting, shared=shared)


class Lock:
    """The lock of `lock`: true inside the `with` block if it is held."""

    def __init__(
        self, path: str, timeout: float, who: str, waiting: "Callable[[str], None] | None", *, shared: bool
    ) -> None:
        self._path = path
        self._timeout = timeout
        self._who = who
        self._waiting = waiting
        self._shared = shared
        self._fd = -1
        self._writable = False

    def __enter__(self) -> bool:
        end = time.monotonic() + self._timeout
        pause = 0.005
        told = False
        while True:
            try:
                if self._try():
                    return True
            except OSError:
                self._drop()
                return False
            holder = read_holder(self._path)
            if not told and self._waiting is not None:
                told = True
                self._waiting(str(holder) if holder is not None else "a process that left no name")
            if time.monotonic() >= end:
                raise LockTimeout(self._path, self._timeout, holder)
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(pause * 1.6, 0.25)

    def _try(self) -> bool:
        """Try once: True if held, False if somebody else holds it, OSError if locks do not work here."""
        step("lock", self._path)
        self._fd, self._writable = _open_lock(self._path)
        if not platform.lock_fd(self._fd, shared=self._shared):
            self._drop()
            return False
        # a holder removes the name before it lets go: what we locked may not be what others find
        if not _is_same(self._path, os.fstat(self._fd)):
            self._drop()
            return self._try()
        if self._writable:
            self._sign()
        return True

    def _sign(self) -> None:
        words = (
            _LOCK_MAGIC, facts.user_name(facts.my_user()), facts.host(), str(os.getpid()), str(int(time.time())), self._who,
            platform.process_space(),
        )  # fmt: skip
        line = "\t".join(word.replace("\t", " ").replace("\n", " ") for word in words) + "\n"
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, line.encode("utf-8", "surrogateescape")[:_LOCK_SIZE], 0)
        except OSError:
            pass

    def _drop(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            _close_quietly(fd)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if self._fd < 0:
            return
        try:
            if not self._shared or platform.lock_fd(self._fd, shared=False):
                _unlink_quietly(self._path)
        except OSError:
            pass
        self._drop()


def read_holder(path: str) -> Holder | None:
    """Return who holds (or held last) the lock `path`; None if it does not say."""
    try:
        with open(path, "rb") as file:
            words = file.read(_LOCK_SIZE).decode("utf-8", "surrogateescape").rstrip("\n").split("\t")
    except OSError:
        return None
    if len(words) < 7 or words[0] != _LOCK_MAGIC or not (words[3].isdigit() and words[4].isdigit()):
        return None
    return Holder(words[1], words[2], int(words[3]), int(words[4]), words[5], words[6])


def _open_lock(path: str) -> tuple[int, bool]:
    """Open (or make) a lock file: descriptor, and whether it may be written.

    It is opened for writing, the one exception to the first law, since NFS takes no exclusive lock otherwise. So it must
    look like a lock file: one name, small, empty or in our hand. Its rights are those of its directory, never the
    world's to write.
    """
    for _ in range(10):
        try:
            return _checked(os.open(path, os.O_RDWR | os.O_CLOEXEC | platform.NOFOLLOW)), True
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in {numbers.EACCES, numbers.EPERM}:
                raise
            # made by another user: on a local disk reading is enough
            return _checked(os.open(path, platform.READ)), False
        mode = stat.S_IMODE(os.stat(_parent(path)).st_mode) & 0o664 | 0o600
        try:
            fd = os.open(path, platform.NEW, mode)
        except FileExistsError:
            continue
        try:
            _set_mode(fd, path, mode)
        finally:
            os.close(fd)
    raise OSError(numbers.ESTALE, "the lock file comes and goes", path)


def _checked(fd: int) -> int:
    found = os.fstat(fd)
    fine = stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and found.st_size <= _LOCK_SIZE
    if fine and found.st_size:
        fine = os.pread(fd, len(_LOCK_MAGIC), 0) == _LOCK_MAGIC.encode()
    if not fine:
        os.close(fd)
        raise OSError(numbers.EBADF, "not a lock file")
    return fd


# --- journal -------------------------------------------------------------------------------------------------------


class Record(Value):
    """One intent of a journal: its number, its words, and whether it was carried out."""

    __slots__ = ("done", "number", "words")

    def __init__(self, number: int, words: "tuple[str, ...]", done: bool) -> None:
        self.number: Final = number
        self.words: Final = words
        self.done: Final = done


_JOURNAL_MAGIC = b"commonwheel journal 1\n"


class Journal:
    """Write down what is about to happen, before it happens, for whoever finds the ruins.

    Lines are only appended. Each carries a checksum over itself and all lines before it, so that a torn or
    mangled tail (a kill, a power cut) ends the journal there, and never changes what stands before. A line is
    with the system when the call returns: it survives this process. It survives a power cut after `sync`.
    """

    __slots__ = ("_chain", "_count", "_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._count = 0
        self._chain = crc32(_JOURNAL_MAGIC)

    @classmethod
    def create(cls, path: str) -> "Journal":
        """Open a new journal; DiskError (EEXIST) if there is one: somebody has to recover from that first."""
        journal = cls(path, _create("create", path, 0o600))
        journal._append(_JOURNAL_MAGIC)
        return journal

    def intend(self, *words: str) -> int:
        """Write down one intent; return its number."""
        return self.intend_all((words,))

    def intend_all(self, intents: "Iterable[tuple[str, ...]]") -> int:
        """Write down many intents in one go; return the number of the first, the others follow."""
        first = self._count
        lines = []
        for words in intents:
            lines.append(self._line("\t".join(("intend", str(self._count), *map(_escaped, words)))))
            self._count += 1
        self._append(b"".join(lines))
        return first

    def done(self, number: int) -> None:
        """Write down that an intent was carried out."""
        self._append(self._line(f"done\t{number}"))

    def sync(self) -> None:
        """Return when all that was written down, and the name of the journal, is on its medium."""
        try:
            step("sync", self.path)
            os.fsync(self._fd)
        except OSError as error:
            raise DiskError("sync", self.path, error) from error
        sync_directory(_parent(self.path))

    def close(self) -> None:
        """Close the file; it stays."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            step("close", self.path)
        finally:
            try:
                os.close(fd)
            except OSError as error:
                raise DiskError("write", self.path, error) from error

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()

    def _line(self, text: str) -> bytes:
        body = text.encode("utf-8", "surrogateescape")
        self._chain = crc32(body, self._chain)
        return b"%08x\t%b\n" % (self._chain, body)

    def _append(self, data: bytes) -> None:
        try:
            step("write", self.path)
            _write_all(self._fd, data)
        except OSError as error:
            raise DiskError("write", self.path, error) from error

    @staticmethod
    def records(path: str) -> "list[Record]":
        """Return the intents of a journal in order; none if there is no journal, and those before the first torn line."""
        try:
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DiskError("read", path, error) from error
        return _records(data)


def _records(data: bytes) -> "list[Record]":
    if not data.startswith(_JOURNAL_MAGIC):
        return []
    chain = crc32(_JOURNAL_MAGIC)
    intents: list[tuple[str, ...]] = []
    done: set[int] = set()
    for line in data[len(_JOURNAL_MAGIC) :].split(b"\n")[:-1]:
        body = line[9:]
        chain = crc32(body, chain)
        if line[:9] != b"%08x\t" % chain:
            break
        kind, number, *words = body.decode("utf-8", "surrogateescape").split("\t")
        if kind == "intend":
            intents.append(tuple(map(_unescaped, words)))
        else:
            done.add(int(number))
    return [Record(number, words, number in done) for number, words in enumerate(intents)]


def _escaped(word: str) -> str:
    if "\\" in word or "\t" in word or "\n" in word:
        return word.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return word


def _unescaped(word: str) -> str:
    if "\\" not in word:
        return word
    parts = word.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n") for part in parts)
