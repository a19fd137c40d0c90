"""Results on their way, by themselves."""

import threading

import pytest

from commonwheel.concurrency.future import Future


def test_value_reaches_early_and_late_waiters() -> None:
    pending: Future[int] = Future()
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(pending.result())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert not pending.done
    pending.settle(7)
    for thread in threads:
        thread.join()
    assert got == [7] * 8
    assert pending.result() == 7


def test_first_delivery_counts() -> None:
    pending: Future[int] = Future()
    pending.settle(1)
    pending.settle(2)
    pending.fail(ValueError("late"))
    assert pending.result() == 1


def test_error_is_raised_each_time() -> None:
    pending: Future[int] = Future()
    pending.fail(KeyError("x"))
    for _ in range(2):
        with pytest.raises(KeyError, match="x"):
            pending.result()


def test_already_done() -> None:
    assert Future.of(3).result() == 3
    with pytest.raises(ValueError, match="no"):
        Future.failed(ValueError("no")).result()


def test_callbacks_run_once_in_order_in_the_delivering_thread() -> None:
    pending: Future[int] = Future()
    calls: list[tuple[int, int]] = []
    for number in range(3):
        pending.then(lambda done, number=number: calls.append((number, threading.get_ident())))  # type: ignore[misc]
    thread = threading.Thread(target=lambda: pending.settle(1))
    thread.start()
    thread.join()
    assert [number for number, _ in calls] == [0, 1, 2]
    assert {ident for _, ident in calls} == {thread.ident}
    pending.then(lambda done: calls.append((done.result(), threading.get_ident())))
    assert calls[-1] == (1, threading.get_ident())
