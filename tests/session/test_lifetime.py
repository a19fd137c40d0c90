"""Parts are made once, whatever thread asks, and what was opened is closed, the last first."""

import threading

import pytest

from commonwheel.session.lifetime import Lifetime, is_made, once


class Owner:
    def __init__(self) -> None:
        self.lifetime = Lifetime()
        self.made = 0

    @once
    def part(self) -> object:
        self.made += 1
        return object()

    @once
    def other(self) -> object:
        """Make a part that needs another one: the same thread gets it."""
        return self.part

    @once
    def broken(self) -> object:
        self.made += 1
        raise ZeroDivisionError


def test_a_part_is_made_once_and_when_it_is_asked_for() -> None:
    owner = Owner()
    assert not is_made(owner, "part")
    assert owner.other is owner.part
    assert owner.part is owner.part
    assert owner.made == 1
    assert is_made(owner, "part")


def test_a_part_that_cannot_be_made_is_tried_again() -> None:
    owner = Owner()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            owner.broken  # noqa: B018 - it is made by that
    assert owner.made == 2
    assert not is_made(owner, "broken")


def test_threads_that_ask_at_the_same_moment_get_the_same() -> None:
    owner = Owner()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(owner.part)) for _ in range(8)]
    with owner.lifetime.lock:  # all of them wait
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == owner.made == 1


def test_what_was_opened_last_is_closed_first() -> None:
    lifetime, said = Lifetime(), list[int]()
    lifetime.at_end(lambda: said.append(1), lambda: said.append(2))
    lifetime.at_end(lambda: said.append(3))
    lifetime.close()
    lifetime.close()
    assert said == [3, 2, 1]
