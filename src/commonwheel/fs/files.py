"""Write files: each is a new one, complete before it has its name (laws 1, 2 and 3 of `fs/disk.py`)."""

import errno as numbers
import os
import stat

from commonwheel.fs import disk, modes
from commonwheel.fs.facts import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Final, Self

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview


# no hard links here, or none across these directories, or no more of them (EFS: 177, NTFS: 1,024, ext4: 65,000)
_NO_LINK = frozenset({
    numbers.EPERM, numbers.EACCES, numbers.EOPNOTSUPP, numbers.ENOSYS, numbers.EINVAL, numbers.EMLINK, numbers.EXDEV,
})  # fmt: skip
PART = 1 << 20


def write(path: str, data: "disk.Bytes", mode: int = 0o666, *, replace: bool = True, durable: bool = False) -> bool:
    """Write a file under a temporary name, then give it its name; False if not `replace` and somebody was first.

    A reader sees the old file, or nothing, or the whole new one: never a part, never a moment without. A file in the
    way keeps its inode, for those who hold it open or have it under other names. A crash leaves the old or the new, and
    a temporary file at most. So does a power cut when `durable`; otherwise it may leave an empty file on some systems.
    """
    directory = disk.parent(path)
    temp = disk.temporary(directory)
    fd = _create("write", temp, mode, path)
    _fill("write", fd, temp, mode, data, None, path, durable=durable)
    won = publish("write", temp, path, replace=replace)
    if durable:
        modes.sync_directory(directory)
    return won


def write_new(path: str, data: "disk.Bytes", mode: int = 0o666, mtime_ns: int | None = None) -> None:
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
        self._as_meant: tuple[int, ...] = disk.BY_UMASK
        try:
            self._fd = os.open(path, _FILLED) if _FILLED else None
        except OSError as error:
            raise disk.DiskError("open", path, error) from error

    def write(self, name: str, data: "disk.Bytes", mode: int, mtime_ns: int) -> None:
        """Write a file that must not exist. A failure leaves nothing."""
        path = f"{self.path}/{name}"
        try:
            disk.step("create", path)
            fd = os.open(path if self._fd is None else name, platform.NEW, mode, dir_fd=self._fd)
        except OSError as error:
            raise disk.DiskError("write", path, error) from error
        if mode not in self._as_meant and stat.S_IMODE(os.fstat(fd).st_mode) == mode:
            self._as_meant = (*self._as_meant, mode)
        _fill("write", fd, path, disk.BY_UMASK[0] if mode in self._as_meant else mode, data, mtime_ns, path)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        try:
            if kind is None:
                made = self.path if self._fd is None else self._fd
                modes.set_mode(made, self._mode)
                if self._mtime_ns is not None:
                    modes.set_times(made, self._mtime_ns)
        finally:
            if self._fd is not None:
                os.close(self._fd)


# how a directory is opened that names are given relative to, 0 where that cannot be (Windows)
_FILLED: int = getattr(platform, "DIRECTORY", 0)


def create(directory: str, mode: int = 0o666, prefix: str = disk.TEMPORARY) -> "NewFile":
    """Open a new file under a temporary name in `directory`, to be written in parts and published."""
    path = disk.temporary(directory, prefix)
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
    except disk.DiskError:
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

    def write(self, data: "disk.Bytes") -> None:
        """Append `data`."""
        try:
            disk.step("write", self.path)
            _write_all(self._fd, data)
        except OSError as error:
            raise disk.DiskError("write", self.path, error) from error

    def rewind(self, size: int = 0) -> None:
        """Forget what was written after the first `size` bytes, to write it again."""
        try:
            disk.step("write", self.path)
            os.ftruncate(self._fd, size)
            os.lseek(self._fd, size, os.SEEK_SET)
        except OSError as error:
            raise disk.DiskError("write", self.path, error) from error

    def set_times(self, mtime_ns: int) -> None:
        """Set the time of last change, in nanoseconds since the epoch, once all is written."""
        modes.set_times(self._fd, mtime_ns)

    def sync(self) -> None:
        """Return when the data is on its medium."""
        try:
            disk.step("sync", self.path)
            os.fsync(self._fd)
        except OSError as error:
            raise disk.DiskError("sync", self.path, error) from error

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
        won = publish("publish", self.path, final, replace=replace)
        self.path = final
        return won

    def discard(self) -> None:
        """Close and remove the file, unless it was published or kept."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            disk.close_quietly(fd)
        if not self._settled:
            self._settled = True
            disk.unlink_quietly(self.path)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.discard()


def _create(verb: str, path: str, mode: int, about: str) -> int:
    try:
        disk.step("create", path)
        return os.open(path, platform.NEW, mode)
    except OSError as error:
        raise disk.DiskError(verb, about, error) from error


def _fill(
    verb: str,
    fd: int,
    path: str,
    mode: int,
    data: "disk.Bytes",
    mtime_ns: int | None,
    about: str,
    *,
    durable: bool = False,
) -> None:
    """Write, then settle; on any failure the name `path`, which is ours, is gone. Errors speak of `about`."""
    try:
        try:
            if data:
                disk.step("write", path)
                _write_all(fd, data)
            if durable:
                disk.step("sync", path)
                os.fsync(fd)
        except BaseException:
            disk.close_quietly(fd)
            disk.unlink_quietly(path)
            raise
        settle(fd, path, mode, mtime_ns)
    except OSError as error:
        raise disk.DiskError(verb, about, error) from error


def _write_all(fd: int, data: "disk.Bytes") -> None:
    written = os.write(fd, data)
    if written != len(data):
        # one call writes 2 GiB at most, and less when a signal comes or the disk is nearly full
        view = memoryview(data)[written:]
        while view:
            view = view[os.write(fd, view) :]


def settle(fd: int, path: str, mode: int, mtime_ns: int | None) -> None:
    """Set mode and time of our new file and close it; on any failure its name is gone."""
    try:
        if mode not in disk.BY_UMASK:
            modes.apply_mode(fd, path, mode)
        if mtime_ns is not None:
            modes.apply_times(fd, path, mtime_ns)
        disk.step("close", path)
    except BaseException:
        disk.close_quietly(fd)
        disk.unlink_quietly(path)
        raise
    try:
        os.close(fd)  # quotas and file servers may answer only here
    except OSError:
        disk.unlink_quietly(path)
        raise


def publish(verb: str, temp: str, final: str, *, replace: bool) -> bool:
    """Give our finished `temp` the name `final`; whatever happens, `temp` is gone."""
    try:
        if not replace:
            return _link_first(temp, final)
        rename_over(temp, final, os.lstat(temp))
    except BaseException as error:
        disk.unlink_quietly(temp)
        if isinstance(error, OSError):
            raise disk.DiskError(verb, final, error) from error
        raise
    return True


def rename_over(source: str, path: str, before: os.stat_result) -> None:
    """Rename a new file over the old one."""
    try:
        disk.step("rename", path)
        platform.replace(source, path)
    except FileNotFoundError:
        # NFS: the reply to a rename was lost, and its repetition found the old name gone
        if not disk.is_same(path, before):
            raise


def _link_first(temp: str, final: str) -> bool:
    """Publish by a hard link: exclusive and atomic, on NFS too. Where there are none, by an exclusive rename."""
    try:
        disk.step("link", final)
        platform.hard_link(temp, final)
    except FileExistsError:
        # NFS: the link was made, its reply lost, and its repetition met our own file
        won = disk.is_same(final, os.lstat(temp))
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return _rename_first(temp, final)
    else:
        won = True
    disk.unlink_quietly(temp)
    return won


def _rename_first(temp: str, final: str) -> bool:
    try:
        disk.step("rename", final)
        platform.rename_exclusive(temp, final)
    except FileExistsError:
        disk.unlink_quietly(temp)
        return False
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        # Neither links nor exclusive renames (SMB, some FUSE): of two at the same moment both may hear that they won,
        # and the later file stays. Each is complete.
        if os.path.lexists(final):
            disk.unlink_quietly(temp)
            return False
        platform.replace(temp, final)
    return True
