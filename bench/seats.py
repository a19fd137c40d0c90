"""A seat at the bench: the directory of one run, so that several may go on side by side.

All runs share below `.bench/` what is made once (the recording, the tools, the pins) and the results; what a run serves,
mounts and writes is its own: ports and the pages that name them, nginx, logs, mount points. A seat belongs to the run that
holds its lock, and is used again: its ports stay the same as long as no other process takes them.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from itertools import count


@contextlib.contextmanager
def locked(path: str, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a file, and yield whether it was got."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab") as stream:
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(stream, how if wait else how | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def seat(home: str) -> Iterator[str]:
    """Yield the first seat below `home` that is free, for this run alone."""
    for number in count():
        path = f"{home}/seats/{number}"
        with locked(f"{path}/lock", wait=False) as got:
            if got:
                yield path
                return
