"""Walk through a store in which strangers may have put whatever they like, to survey it and to clear it up.

Nothing here is believed (that is `layers` and `trust`): notes and headers are read to count them, and names are removed. Two
things could go wrong all the same. What looks like a note may be a pipe that nobody writes to, a link, or a hole of a
terabyte. And a directory may become a link to somewhere else after it was listed, so that what is deleted is not what was
found: the old attack on programs that clear up in /tmp.

Laws of this file: nothing is followed, waited for, or swallowed whole; a name is removed from a directory that was reached from
the root of the store without a link, and is held open meanwhile.
"""

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from commonwheel.store.layers import Layer, Place

#: More than any note or header has, in bytes: that of a wheel with 100,000 files outside of packages has 10 MiB.
MOST = 64 << 20

_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_OPEN_FILES = "/proc/self/fd"


def read(path: str) -> tuple[bytes, float]:
    """Return the content of a regular file, whosever it is, and when it was written; OSError for anything else."""
    fd = os.open(path, _FILE)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST:
            raise OSError(errno.EINVAL, "not a file of the store", path)
        return os.pread(fd, found.st_size, 0), found.st_mtime
    finally:
        os.close(fd)


def has_holes(fd: int, found: os.stat_result) -> bool:
    """Return whether parts of an open file are not on disk, as far as its file system tells (lseek(2), SEEK_HOLE).

    The file is read from its beginning then.
    """
    try:
        return os.lseek(fd, 0, os.SEEK_HOLE) < found.st_size
    except (OSError, AttributeError):
        return False
    finally:
        os.lseek(fd, 0, os.SEEK_SET)


class PinnedDirectory:
    """Give, in a `with`, a name for `path`, which is below the layer's root, that leads to its very directory whatever others rename.

    OSError if the directory is reached through a link, or is gone. Where the system has no such names (it is Linux that
    has), it is `path`, and only what was said about links holds.
    """

    __slots__ = ("_layer", "_opened", "_path")

    def __init__(self, layer: "Layer", path: str) -> None:
        self._layer = layer
        self._path = path
        self._opened: list[Place] = []

    def __enter__(self) -> str:
        above, _, name = self._path[len(self._layer.root) + 1 :].rpartition("/")
        place = self._layer.place("")
        try:
            for part in above.split("/") if above else ():
                place = self._layer.inner(place, part)
                self._opened.append(place)
        except BaseException:
            self._close()
            raise
        firm = f"{_OPEN_FILES}/{place.fd}"
        return f"{firm}/{name}" if os.path.isdir(firm) else self._path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._close()

    def _close(self) -> None:
        for one in self._opened:
            one.close()
