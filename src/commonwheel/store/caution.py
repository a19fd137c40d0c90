"""Walk through a store in which strangers may have put whatever they like, to survey it and to clear it up.

Nothing here is believed (that is `layers` and `trust`): notes and headers are read to count them, and names are removed. Two
things could go wrong all the same. What looks like a note may be a pipe that nobody writes to, a link, or a hole of a
terabyte. And a directory may become a link to somewhere else after it was listed, so that what is deleted is not what was
found: the old attack on programs that clear up in /tmp.

Laws of this file: nothing is followed, waited for, or swallowed whole; a name is removed from a directory that was reached from
the root of the store without a link, and is held open meanwhile.
"""

import contextlib
import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.store.layers import Layer

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


@contextlib.contextmanager
def held(layer: "Layer", path: str) -> "Iterator[str]":
    """Give a name for `path`, which is below the layer's root, that leads to its very directory whatever others rename.

    OSError if the directory is reached through a link, or is gone. Where the system has no such names (it is Linux that
    has), it is `path`, and only what was said about links holds.
    """
    above, _, name = path[len(layer.root) + 1 :].rpartition("/")
    place = layer.place("")
    opened = []
    try:
        for part in above.split("/") if above else ():
            place = layer.inner(place, part)
            opened.append(place)
        firm = f"{_OPEN_FILES}/{place.fd}"
        yield f"{firm}/{name}" if os.path.isdir(firm) else path
    finally:
        for one in opened:
            one.close()
