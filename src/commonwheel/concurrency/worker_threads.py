"""A few threads that do what must not be done in the transfer thread: parse pages, read wheels in pieces.

Laws of this file: threads begin when there is work and end with `close`; a job never raises, it delivers to whoever
waits for it.
"""

from _thread import allocate_lock
from queue import SimpleQueue
from threading import Thread
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Job = Callable[[], object]


class WorkerThreads:
    """Up to `limit` threads for jobs in the order of their arrival."""

    __slots__ = ("_closed", "_idle", "_jobs", "_limit", "_lock", "_name", "_threads")

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._lock = allocate_lock()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._idle = 0
        self._closed = False

    def add(self, job: "Job") -> None:
        """Have a job done soon; after `close` it is forgotten."""
        with self._lock:
            if self._closed:
                return
            self._jobs.put(job)
            if self._idle > 0:
                self._idle -= 1  # promised to this job
                return
            if len(self._threads) >= self._limit:
                return
            thread = Thread(target=self._work, name=self._name, daemon=True)
            # started before anybody can join it: `close` may come from another thread at once
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            job()
            with self._lock:
                self._idle += 1 if self._jobs.empty() else 0

    def rest(self, patience: float = 0.5) -> None:
        """End the threads if none has anything to do; the next job starts others."""
        with self._lock:
            if self._idle < len(self._threads) or not self._jobs.empty():
                return
            threads, self._threads, self._idle = self._threads, [], 0
            for _ in threads:
                self._jobs.put(None)
            # nobody may add a job before: it could be taken for the end by a thread, and the end for a job by nobody
            for thread in threads:
                thread.join(patience)

    def close(self, patience: float = 0.5) -> None:
        """Let running jobs end, for so many seconds altogether, and forget the others.

        Who waits for the network longer than that is left to the end of the process: nobody wants to wait for him.
        """
        with self._lock:
            self._closed = True
            while not self._jobs.empty():
                self._jobs.get()
            for _ in self._threads:
                self._jobs.put(None)
        end = monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))
