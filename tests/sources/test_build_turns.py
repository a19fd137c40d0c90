"""Threads take turns at projects, and circles are named instead of waited in."""

import threading
import time

import pytest

from commonwheel.build.backend import BuildFailed
from commonwheel.sources.build_turns import BuildTurns, Once


def test_value_is_computed_once_for_all_waiters() -> None:
    once, made = Once(), []
    ready = threading.Barrier(4)

    def make() -> int:
        made.append(1)
        time.sleep(0.05)
        return len(made)

    def ask(found: list[int]) -> None:
        ready.wait()
        found.append(once.get("key", make))

    found: list[int] = []
    threads = [threading.Thread(target=ask, args=(found,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]
    assert once.get("other", lambda: 7) == 7


def test_after_a_failure_the_next_caller_retries() -> None:
    once = Once()
    with pytest.raises(ZeroDivisionError):
        once.get("key", lambda: 1 // 0)
    assert once.get("key", lambda: 3) == 3


def test_one_thread_at_a_time_per_project() -> None:
    turns, inside, most = BuildTurns(), [], []

    def work() -> None:
        with turns.turn("a"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


def test_project_that_needs_itself_is_reported_with_the_cycle() -> None:
    turns = BuildTurns()
    with turns.turn("a"), turns.turn("b"), turns.turn("c"):
        assert list(turns.chain) == ["a", "b", "c"]
        with pytest.raises(BuildFailed, match="`b` needs itself to be built") as caught, turns.turn("b"):
            raise AssertionError
        assert caught.value.context[0] == "the circle: b -> c -> b"
        with pytest.raises(BuildFailed) as caught, turns.turn("a"):
            raise AssertionError
        assert caught.value.context[0] == "the circle: a -> b -> c -> a"
        with pytest.raises(BuildFailed) as caught, turns.turn("c"):
            raise AssertionError
        assert caught.value.context[0] == "the circle: c -> c"
    with turns.turn("c"):
        assert list(turns.chain) == ["c"]


def test_threads_waiting_for_each_other_are_reported() -> None:
    turns = BuildTurns()
    both = threading.Barrier(2, timeout=5)
    errors: list[BuildFailed] = []

    def work(first: str, second: str) -> None:
        try:
            with turns.turn(first):
                both.wait()
                with turns.turn(second):
                    pass
        except BuildFailed as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    assert len(errors) == 1  # the other went on, once this one had left
    assert errors[0].context[0] in ("the circle: a -> b -> a", "the circle: b -> a -> b")


def test_work_handed_to_another_thread_stays_in_the_chain() -> None:
    turns, seen = BuildTurns(), []

    def work(name: str) -> None:
        with turns.turn(name):
            seen.append(turns.chain)

    with turns.turn("a"):
        thread = threading.Thread(target=turns.carried(work), args=("b",))
        thread.start()
        thread.join()
    assert seen == [("a", "b")]
    with turns.turn("b"), pytest.raises(BuildFailed, match="`a` needs itself"), turns.turn("a"):
        raise AssertionError


def test_two_projects_may_share_a_third_in_turn() -> None:
    turns = BuildTurns()
    for first in ("a", "b", "a"):
        with turns.turn(first), turns.turn("tool"):
            pass
