"""Results that hang on other results.

Laws of this file: nothing here runs anything; whoever waits for the last link waits for the first one first, so that
the network learns that somebody needs it now.
"""

from commonwheel.concurrency.future import Future

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")
    S = TypeVar("S")


class Chained(Future["T"]):
    """Stand for a value that will be made of another one, `upon`, once that is there."""

    __slots__ = ("upon",)

    def __init__(self, upon: "Future[S] | None" = None) -> None:
        super().__init__()
        self.upon: object = upon

    def _deliver(self, value: "T | None", error: BaseException | None) -> None:
        # the body of a page must not live as long as what was made of it
        self.upon = None
        super()._deliver(value, error)

    def _wait(self) -> None:
        upon = self.upon
        if isinstance(upon, Future) and not upon.done:
            try:
                upon.result()
            except Exception:  # noqa: BLE001, S110 - what it means is decided by whoever settles this one
                pass
        super()._wait()


def settle(pending: "Future[T]", make: "Callable[[], T]") -> None:
    """Deliver what `make` returns or raises: whoever waits gets it, whatever it is."""
    try:
        pending.settle(make())
    except Exception as error:  # noqa: BLE001 - an error that is not delivered would be a thread waiting for ever
        pending.fail(error)


def at_once(make: "Callable[[], T]") -> "Future[T]":
    """Return a pending that has what `make` returns or raises."""
    pending: Future[T] = Future()
    settle(pending, make)
    return pending


def mapped(source: "Future[S]", use: "Callable[[S], T]") -> "Future[T]":
    """Return a pending for `use(value)`, made in the thread that delivers the value."""
    if source.done:
        return at_once(lambda: use(source.result()))
    result: Chained[T] = Chained(source)
    source.then(lambda done: settle(result, lambda: use(done.result())))
    return result
