"""What the machine can do: the system calls of an installation in a bare loop, `limits.py DIRECTORY FILES`.

Prints one line of JSON: microseconds a call, by name, each over as many files as told in directories of ten, one thread, without
anything that an installer has to know or to decide. A file is 24 KiB, the mean of the scientific stack. Calls that the
file system has not are left out. The loop itself costs half a microsecond a call.
"""

import errno
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterable

FICLONE = 0x40049409
SIZE = 24 << 10


def main(place: str, count: int) -> None:
    """Measure, and print."""
    data = os.urandom(SIZE)
    trees = {name: f"{place}/{name}" for name in ("open+write+close", "link", "symlink", "clone")}
    directories = {name: [f"{path}/{n}" for n in range(count // 10)] for name, path in trees.items()}
    files = {name: [f"{one}/{n}" for one in each for n in range(10)] for name, each in directories.items()}
    for path in trees.values():
        os.mkdir(path)
    told = {"mkdir": timed(os.mkdir, directories["link"])}
    for name in trees:
        if name != "link":
            timed(os.mkdir, directories[name])

    def write(path: str) -> None:
        stream = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(stream, data)
        os.close(stream)

    def clone(path: str) -> None:
        stream = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            fcntl.ioctl(stream, FICLONE, source)
        finally:
            os.close(stream)

    sources = files["open+write+close"]
    told["open+write+close"] = timed(write, sources)
    told["stat"] = timed(os.stat, sources)
    pairs = iter(sources)
    told["link"] = timed(lambda path: os.link(next(pairs), path), files["link"])
    told["symlink"] = timed(lambda path: os.symlink(sources[0], path), files["symlink"])
    source = os.open(sources[0], os.O_RDONLY)
    try:
        told["clone"] = timed(clone, files["clone"])
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS, errno.EINVAL, errno.EXDEV):
            raise
    told["unlink"] = timed(os.unlink, files["link"])
    told["rmdir"] = timed(os.rmdir, directories["link"])
    print(json.dumps(told))


def timed(verb: Callable[[str], object], paths: Iterable[str]) -> float:
    """Return the microseconds that a call takes."""
    paths = list(paths)
    start = time.perf_counter()
    for path in paths:
        verb(path)
    return (time.perf_counter() - start) / len(paths) * 1e6


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
