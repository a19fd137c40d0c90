"""A result that is on its way: what every request of this room returns.

Laws of this file: no sockets, no curl, nothing but locks; whoever waits can be woken by Ctrl-C.
"""

from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable
    from typing import Generic, TypeVar

    T = TypeVar("T")

    class _Of(Generic[T]):
        __slots__ = ()

else:

    class _Of:
        """Stand for `Generic` at run time, where importing `typing` costs more than this whole room."""

        __slots__ = ()

        def __class_getitem__(cls, _item: object) -> type:
            return cls


# One lock for all: it is held for a few bytecodes, and never while a callback runs or a thread waits.
_CHANGE = allocate_lock()


class Future(_Of["T"]):
    """Stand for a value that another thread will deliver.

    `result()` blocks, in a way that signals interrupt, and raises the error if there was one. `then(callback)` calls
    `callback(pending)` once, at delivery and in the delivering thread (or at once if it is done): a callback is
    short and never blocks.
    """

    __slots__ = ("_callbacks", "_error", "_gates", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._gates: list[LockType] | None = None
        self._callbacks: list[Callable[[Future[T]], object]] | None = None

    @classmethod
    def of(cls, value: "T") -> "Future[T]":
        """Return one that is delivered already."""
        pending: Future[T] = Future()
        pending.settle(value)
        return pending

    @classmethod
    def failed(cls, error: BaseException) -> "Future[T]":
        """Return one that has failed already."""
        pending: Future[T] = Future()
        pending.fail(error)
        return pending

    def result(self) -> "T":
        """Wait for the value and return it, or raise the error."""
        if not self.done:
            self._wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # done without an error means delivered

    def then(self, callback: "Callable[[Future[T]], object]") -> None:
        """Call `callback(self)` once the value or the error is there."""
        with _CHANGE:
            if not self.done:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback(self)

    def cancel(self) -> None:
        """Give the work up, if its kind allows that; `result()` then raises."""

    def settle(self, value: "T") -> None:
        """Deliver the value; the first delivery counts."""
        self._deliver(value, None)

    def fail(self, error: BaseException) -> None:
        """Deliver an error; the first delivery counts."""
        self._deliver(None, error)

    def _deliver(self, value: "T | None", error: BaseException | None) -> None:
        with _CHANGE:
            if self.done:
                return
            self._value, self._error = value, error
            self.done = True
            gates, self._gates = self._gates, None
            callbacks, self._callbacks = self._callbacks, None
        for gate in gates or ():
            gate.release()
        for callback in callbacks or ():
            callback(self)

    def _wait(self) -> None:
        gate = allocate_lock()
        gate.acquire()
        with _CHANGE:
            if self.done:
                return
            if self._gates is None:
                self._gates = []
            self._gates.append(gate)
        gate.acquire()  # an acquire without timeout is left by an exception of a signal handler (PEP 475 does not apply)
