"""Only so much is on its way at once, in the order in which it was asked for."""

import threading
from collections.abc import Callable

import pytest

from commonwheel.concurrency.byte_budget import ByteBudget


def begun(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def waiting(room: ByteBudget, count: int) -> None:
    """Wait until so many wait for room."""
    for _ in range(500):
        if len(room._waiting) == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(room._waiting)} wait, and not {count}")


def test_budget_limits_bytes_in_use() -> None:
    room = ByteBudget(10)
    entered: list[str] = []

    def last() -> None:
        with room.taken(4):
            entered.append("last")

    with room.taken(6):
        with room.taken(4):
            thread = begun(last)
            waiting(room, 1)
            assert not entered
        thread.join(5)
    assert entered == ["last"]


def test_waiting_order_is_kept() -> None:
    room = ByteBudget(10)
    entered: list[int] = []

    def enter(size: int) -> None:
        with room.taken(size):
            entered.append(size)

    room.take(8)
    threads = []
    for number, size in enumerate((9, 2), 1):
        threads.append(begun(lambda size=size: enter(size)))  # type: ignore[misc]
        waiting(room, number)
    # there would be room for the small one, and then perhaps never for the large one
    assert not entered
    room.give(8)
    for thread in threads:
        thread.join(5)
    assert entered == [9, 2]


def test_oversized_request_runs_alone() -> None:
    room = ByteBudget(10)
    entered: list[int] = []

    def enter() -> None:
        with room.taken(5):
            entered.append(5)

    with room.taken(1000):
        thread = begun(enter)
        waiting(room, 1)
        assert not entered
    thread.join(5)
    assert entered == [5]


def test_budget_is_returned_after_an_error() -> None:
    room = ByteBudget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), room.taken(10):
            _ = 1 / 0
