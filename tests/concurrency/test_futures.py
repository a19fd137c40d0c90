"""Results that hang on other results."""

import threading

import pytest

from commonwheel.concurrency.future import Future
from commonwheel.concurrency.futures import Chained, at_once, mapped, settle


def test_value_is_passed_on() -> None:
    source: Future[int] = Future()
    result = mapped(source, lambda n: n + 1)
    assert not result.done
    source.settle(4)
    assert result.result() == 5
    assert mapped(source, str).result() == "4"


def test_errors_are_passed_on_from_both_ends() -> None:
    source: Future[int] = Future()
    result = mapped(source, lambda n: 1 // n)
    source.settle(0)
    with pytest.raises(ZeroDivisionError):
        result.result()
    broken: Future[int] = Future.failed(KeyError("x"))
    with pytest.raises(KeyError):
        mapped(broken, lambda n: n).result()
    with pytest.raises(ValueError, match="no"):
        at_once(lambda: int("no")).result()


def test_source_value_is_released() -> None:
    source: Future[bytes] = Future()
    result = mapped(source, len)
    assert isinstance(result, Chained)
    assert result.upon is source
    source.settle(b"the body of a page")
    assert result.result() == 18
    assert result.upon is None


class Hurried(Future[int]):
    """Note that a thread waits."""

    waited = False

    def _wait(self) -> None:
        self.waited = True
        super()._wait()


def test_waiting_promotes_the_first_link() -> None:
    source = Hurried()
    middle: Chained[int] = Chained(source)
    last: Chained[int] = Chained(middle)
    source.then(lambda done: settle(middle, lambda: done.result() * 2))
    middle.then(lambda done: settle(last, lambda: done.result() + 1))
    threading.Timer(0.05, lambda: source.settle(10)).start()
    assert last.result() == 21
    assert source.waited
