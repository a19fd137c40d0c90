"""Let only so much be on its way at once.

What comes faster than it is written waits in memory: for each download as much as the protocol lets the server send ahead,
which with HTTP/2 is megabytes. Of many small files many have to be on their way, or the time goes by between question
and answer; of large ones a few fill the line, and the sooner the first is there the sooner it is unpacked. So bytes are counted.
"""

from collections import deque
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class ByteBudget:
    """Room for so many bytes, given in the order in which it was asked for; what is larger than all of it goes alone."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._lock = Lock()
        self._waiting: deque[tuple[int, Lock]] = deque()

    def taken(self, size: int) -> "_Taken":
        """Return a context in which room is taken; entering it waits."""
        return _Taken(self, min(size, self._size))

    def take(self, size: int) -> None:
        """Wait for room."""
        gate = Lock()
        with self._lock:
            if not self._waiting and size <= self._free:
                self._free -= size
                return
            gate.acquire()
            self._waiting.append((size, gate))
        gate.acquire()

    def give(self, size: int) -> None:
        """Give room back, and let in who has waited for it."""
        with self._lock:
            self._free += size
            while self._waiting and self._waiting[0][0] <= self._free:
                wanted, gate = self._waiting.popleft()
                self._free -= wanted
                gate.release()


class _Taken:
    __slots__ = ("_room", "_size")

    def __init__(self, room: ByteBudget, size: int) -> None:
        self._room = room
        self._size = size

    def __enter__(self) -> None:
        self._room.take(self._size)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._room.give(self._size)
