"""Whether a process still runs, and waiting until it does not.

A process that has ended keeps its number until its parent asks for its status; it counts as gone.
"""

import time
from collections.abc import Callable
from pathlib import Path


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], object], seconds: float = 60) -> bool:
    """Wait for what another thread or process does, and return whether it did; only a failing test waits to the end."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def until_gone(pid: int) -> bool:
    return until(lambda: not alive(pid))
