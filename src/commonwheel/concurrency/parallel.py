"""Work for several things at once: the first failure, or Ctrl-C, ends what all of them are at.

Not `concurrent.futures`: it loads `logging`, for as much time as a small package takes to build.
"""

from _thread import allocate_lock
from threading import Lock, Thread

from commonwheel.errors import CommonwheelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Container, Sequence
    from typing import TypeVar

    A = TypeVar("A")
    B = TypeVar("B")


class Halted(CommonwheelError):
    """Work was ended because something else had failed."""

    code = "halted"


def each(items: "Sequence[A]", work: "Callable[[A], B]", width: int, halt: "Callable[[], object]") -> "list[B]":
    """Return what `work` returns for each item, in their order, from at most `width` threads at a time.

    When one fails, `halt` is called, which is to end the others; no further item is begun, and the error is raised once all
    have ended. What was ended for the sake of another (`Halted`) is not what the user has to know.
    """
    done: dict[int, B] = {}
    failures: list[tuple[int, BaseException]] = []
    waiting = list(range(len(items) - 1, -1, -1))
    lock = Lock()

    def serve(at: int) -> None:
        try:
            work_off()
        finally:
            ended.append(at)
            gates[at].release()

    def work_off() -> None:
        while True:
            with lock:
                if failures or not waiting:
                    return
                at = waiting.pop()
            try:
                done[at] = work(items[at])
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                with lock:
                    failures.append((at, error))
                halt()

    # plain locks, not events: Ctrl-C inside of `Event.wait` can leave the lock of the event taken for good
    ended: list[int] = []
    gates = [_closed() for _ in range(min(width, len(items)))]
    threads = [Thread(target=serve, args=(at,), name="cw-material", daemon=True) for at in range(len(gates))]
    try:
        for thread in threads:
            thread.start()
        _join(threads, gates, ended)
    except BaseException:
        with lock:
            waiting.clear()
        halt()
        _join(threads, gates, ended)
        raise
    if failures:
        told = [error for _, error in failures if not isinstance(error, Halted)]
        raise told[0] if told else failures[0][1]
    return [done[at] for at in range(len(items))]


def _closed() -> "LockType":
    gate = allocate_lock()
    gate.acquire()
    return gate


def _join(threads: "Sequence[Thread]", gates: "Sequence[LockType]", ended: "Container[int]") -> None:
    for at, thread in enumerate(threads):
        if thread.ident is not None:
            # before `join`: when a signal interrupts that, Python takes the thread for one that has ended
            while at not in ended:
                gates[at].acquire()
            thread.join()
