"""Several things at once: results in order, one failure for all, and nothing that goes on behind it."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from commonwheel.concurrency import parallel
from commonwheel.concurrency.parallel import Halted


def nothing() -> None: ...


def test_results_keep_the_order_of_the_items() -> None:
    def work(number: int) -> int:
        time.sleep(0.01 * (5 - number))
        return number * number

    assert parallel.each(range(5), work, 3, nothing) == [0, 1, 4, 9, 16]
    assert parallel.each([], work, 3, nothing) == []


def test_parallelism_is_limited() -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        inside.append(number)
        most.append(len(inside))
        time.sleep(0.02)
        inside.remove(number)

    parallel.each(range(9), work, 3, nothing)
    assert max(most) == 3


def test_failure_ends_the_others_and_is_raised() -> None:
    over = threading.Event()
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            time.sleep(0.05)
            raise ValueError("mine")
        assert over.wait(5)
        raise Halted("ended")

    with pytest.raises(ValueError, match="mine"):
        parallel.each(range(6), work, 2, over.set)
    assert sorted(begun) == [0, 1]


def test_halted_is_raised_if_nothing_else_failed() -> None:
    def work(_: int) -> None:
        raise Halted("ended")

    with pytest.raises(Halted):
        parallel.each(range(2), work, 2, nothing)


def test_ctrl_c_ends_all_workers() -> None:
    """Also the one that was being waited for, which takes a while to clean up."""
    code = (
        "import sys, threading, time\nsys.path[:0] = [sys.argv[1]]\nfrom commonwheel.concurrency import parallel\n"
        "over = threading.Event()\n"
        "def work(n):\n    print('begun\\n', end='', flush=True)\n    over.wait(30)\n    time.sleep(0.6 - 0.3 * n)\n    print('ended\\n', end='', flush=True)\n"
        "try: parallel.each([1, 2], work, 2, over.set)\nexcept KeyboardInterrupt: print('interrupted', flush=True)\n"
    )
    source = str(Path(parallel.__file__).parents[2])
    running = subprocess.Popen([sys.executable, "-c", code, source], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert [running.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=10)[0].split() == ["ended", "ended", "interrupted"]
