"""Share work among copies of this process: the one way in which Python makes system calls on two processors at once.

Threads do not: each call takes the interpreter's lock back for longer than the call itself lasts, and 30,000 links by two threads
take as long as by one. Two processes take 60 % of that. A copy is made in 2 ms and knows all that this process knew, so that
nothing has to be told to it; what it found out, it says in bytes.

Laws of this file: a copy is made on Linux, and only while this process has no other thread (whatever lock a thread held would be held
for ever in the copy) but those that hold none, as the one that keeps the lock of an environment alive. Where there can be none, this process does all by itself, and nobody notices but the clock. A copy does
its share and is gone (`Shared`), or stands by and answers until it is ended (`Standing`): it prints nothing, closes nothing, undoes
nothing. It ends with its parent, after the piece that it is at, and keeps open until then what was open, locks above all.
"""

import _signal  # type: ignore[import-not-found]  # typeshed knows `signal` alone; that costs 5 ms
import _thread
import marshal
import os
import sys
from _queue import SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import BinaryIO, Final, Self

# all pieces wait in a pipe, which holds 64 KiB at least
_MOST = 30_000
_NUMBER = 2
_HEAD = _NUMBER + 4
_KILL = 9
# each copy costs 2 ms and 2 MiB; a file server has answers for so many at a time
_WAITING = 15


def processors(most: int = 4) -> int:
    """Return how many processors this process may use, `most` at the most."""
    try:
        return min(len(os.sched_getaffinity(0)), most)
    except (AttributeError, OSError):
        return min(os.cpu_count() or 1, most)


def worthwhile(*, waiting: bool = False) -> int:
    """Return how many copies speed work up: one for each further processor, and many where each call waits for a file server."""
    return _WAITING if waiting else processors() - 1


def possible(harmless: int = 0) -> bool:
    """Return whether this process may be copied now; of its threads so many are `harmless`: they make system calls, and hold no lock."""
    return sys.platform == "linux" and _thread._count() <= harmless  # noqa: SLF001 - known without importing `threading`


class Shared:
    """Pieces of work, numbered from 0: in a `with`, `copies` begin with them at once, and `finish` helps with what is left.

    `do(number)` does one piece and returns what there is to say of it. Leaving the `with` ends the copies, whatever happens.
    `harmless` is as with `possible`.
    """

    __slots__ = ("_answers", "_begun", "_children", "_copies", "_do", "_harmless", "_numbers")

    def __init__(self, count: int, do: "Callable[[int], bytes]", copies: int, harmless: int = 0) -> None:
        self._do: Final = do
        self._answers: list[bytes | None] = [None] * count
        self._copies: Final = copies
        self._harmless: Final = harmless
        self._begun = 0
        self._children: list[tuple[int, int]] = []
        self._numbers = -1

    def _copy(self) -> None:
        parent = os.getpid()
        said, saying = os.pipe()
        try:
            child = os.fork()
        except OSError:  # no more processes, or no memory: then alone
            os.close(said)
            os.close(saying)
            return
        if not child:
            _live(self, saying, parent)
        os.close(saying)
        self._children.append((child, said))

    def take(self) -> int:
        """Return the number of a piece that nobody has begun, -1 if there is none."""
        if self._numbers >= 0:
            data = os.read(self._numbers, _NUMBER)
            return int.from_bytes(data, "little") if data else -1
        if self._begun == len(self._answers):
            return -1
        self._begun += 1
        return self._begun - 1

    def do(self, number: int) -> bytes:
        """Do one piece."""
        return self._do(number)

    def finish(self) -> "list[bytes | None]":
        """Return what was said of each piece, once all are done; None for one that was with a copy when that died."""
        while (number := self.take()) >= 0:
            self._answers[number] = self._do(number)
        for child, said in self._children:
            self._hear(_all_of(said))
            os.close(said)
            os.waitpid(child, 0)
        self._children = []
        return self._answers

    def stop(self) -> None:
        """Let nobody begin another piece."""
        self._begun = len(self._answers)
        while self._numbers >= 0 and os.read(self._numbers, 1 << 16):
            pass

    def _hear(self, data: bytes) -> None:
        at = 0
        while at + _HEAD <= len(data):
            number = int.from_bytes(data[at : at + _NUMBER], "little")
            end = at + _HEAD + int.from_bytes(data[at + _NUMBER : at + _HEAD], "little")
            if end <= len(data):
                self._answers[number] = data[at + _HEAD : end]
            at = end

    def __enter__(self) -> "Self":
        count = len(self._answers)
        if self._copies > 0 and 1 < count <= _MOST and possible(self._harmless):
            self._numbers, waiting = os.pipe()
            os.write(waiting, b"".join([number.to_bytes(_NUMBER, "little") for number in range(count)]))
            os.close(waiting)
            for _ in range(self._copies):
                self._copy()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.stop()
        if self._numbers >= 0:
            os.close(self._numbers)
            self._numbers = -1
        for child, said in self._children:
            os.close(said)
            # what it made by now stands; it is not waited for longer than it takes to end
            os.kill(child, _KILL)
            os.waitpid(child, 0)
        self._children = []


def _live(shared: Shared, saying: int, parent: int) -> None:
    """Be a copy: do pieces until there are no more, say what came of them, and end."""
    status = 1
    try:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
        answers = []
        while os.getppid() == parent and (number := shared.take()) >= 0:
            answer = shared.do(number)
            answers.append(number.to_bytes(_NUMBER, "little") + len(answer).to_bytes(4, "little") + answer)
        view = memoryview(b"".join(answers))
        while view:
            view = view[os.write(saying, view) :]
        status = 0
    finally:
        os._exit(status)


def _all_of(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 1 << 16):
        parts.append(part)
    return b"".join(parts)


# --- copies that stand by ----------------------------------------------------------------------------------------------


class Standing:
    """Copies of this process that stand by, and do what is handed to them while it goes on: each has a lock of Python's of its own.

    A copy begins with all that was imported and made until then, and with `prepare`, meanwhile. What crosses are values that
    `marshal` knows. A copy that fails, or dies, has no answer: whoever asked does the work himself, and meets the error where it
    can be told.
    """

    __slots__ = ("_all", "_free", "_turns")

    def __init__(
        self, count: int, serve: "Callable[..., object]", prepare: "Callable[[], object] | None" = None
    ) -> None:
        self._all: list[_Copy] = []
        self._free: SimpleQueue[_Copy] = SimpleQueue()
        try:
            while len(self._all) < count:
                self._all.append(_Copy(serve, prepare, self._all))
        except OSError:
            self.close()
            raise
        self._turns: SimpleQueue[None] = SimpleQueue()
        for copy in self._all:
            self._free.put(copy)
            self._turns.put(None)

    def ask(self, *words: object) -> object:
        """Have the next free copy call `serve(*words)`, and return the result; None when there is none. Any thread."""
        copy = self._free.get()
        try:
            return copy.ask(words)
        finally:
            self._free.put(copy)

    def ask_in_turn(self, *words: object) -> object:
        """Ask as `ask` does, for work that others should not have to wait for: it leaves a copy to them if that was `spared`."""
        self._turns.get()
        try:
            return self.ask(*words)
        finally:
            self._turns.put(None)

    def spare(self) -> None:
        """Keep one copy free of what is done in turn; waits for one."""
        self._turns.get()

    def share(self) -> None:
        """Let what is done in turn have the copy that was spared."""
        self._turns.put(None)

    def close(self) -> None:
        """End the copies, whatever they are at; who waits for one of them gets no answer, as who asks afterwards."""
        ended = [*self._all]
        self._all.clear()
        for copy in ended:  # all of them first: each takes 2 ms to give its memory back
            copy.kill()
        for copy in ended:
            copy.end()


def standing(serve: "Callable[..., object]", prepare: "Callable[[], object] | None" = None) -> Standing | None:
    """Return copies that stand by, one for each processor; None for a single one, or where there can be none.

    Each calls `prepare` first, while this process goes on.
    """
    count = processors()
    try:
        return Standing(count, serve, prepare) if count > 1 and possible() else None
    except OSError:  # no more processes, or no memory
        return None


class _Copy:
    """One copy, seen from its origin."""

    __slots__ = ("_answers", "_pid", "_requests", "_turn")

    def __init__(
        self, serve: "Callable[..., object]", prepare: "Callable[[], object] | None", older: "Sequence[_Copy]"
    ) -> None:
        requests, self._requests = os.pipe()
        answers, there = os.pipe()
        try:
            self._pid = os.fork()
        except OSError:
            for fd in (requests, self._requests, answers, there):
                os.close(fd)
            raise
        if not self._pid:
            try:
                # an end of a pipe that stays open here would keep the others from noticing the end of the origin
                for fd in (self._requests, answers, *(fd for copy in older for fd in copy.ends())):
                    os.close(fd)
                _answer(requests, there, serve, prepare)
            finally:
                os._exit(0)
        os.close(requests)
        os.close(there)
        self._turn = _thread.allocate_lock()
        self._answers = open(answers, "rb")  # noqa: SIM115 - closed by `end`

    def ends(self) -> tuple[int, int]:
        """Return the descriptors of our ends of the pipes."""
        return self._requests, self._answers.fileno()

    def ask(self, words: tuple[object, ...]) -> object:
        """Return the answer, None if there is none."""
        with self._turn:
            try:
                _send(self._requests, words)
                return _receive(self._answers)
            except (OSError, EOFError, ValueError):
                return None

    def kill(self) -> None:
        """Have the copy end; what it was at stays as it is."""
        os.kill(self._pid, _KILL)

    def end(self) -> None:
        """Wait for the end of the copy, and close the pipes."""
        os.waitpid(self._pid, 0)
        # whoever waits for an answer knows now that there will be none
        with self._turn:
            os.close(self._requests)
            self._requests = -1
            self._answers.close()


def _answer(
    requests: int, answers: int, serve: "Callable[..., object]", prepare: "Callable[[], object] | None"
) -> None:
    """Be a copy: answer until the origin is gone. Ctrl-C concerns the origin, which ends its copies."""
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    for number in (_signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, _signal.SIG_DFL)
    if prepare is not None:
        prepare()
    with open(requests, "rb") as stream:
        while True:
            words = _receive(stream)
            try:
                answer = marshal.dumps(serve(*words))  # type: ignore[misc, arg-type]  # what `ask` was given
            except Exception:  # noqa: BLE001 - the origin will meet it too
                answer = marshal.dumps(None)
            _write(answers, answer)


def _send(fd: int, words: tuple[object, ...]) -> None:
    _write(fd, marshal.dumps(words))  # type: ignore[arg-type]  # ValueError for what it does not know


def _write(fd: int, data: bytes) -> None:
    for part in (len(data).to_bytes(8, "big"), data):
        view = memoryview(part)
        while view:
            view = view[os.write(fd, view) :]


def _receive(stream: "BinaryIO") -> object:
    """Return the next value; EOFError when none comes."""
    size = stream.read(8)
    if not size:
        raise EOFError
    return marshal.loads(stream.read(int.from_bytes(size, "big")))  # noqa: S302 - from a copy of ours
