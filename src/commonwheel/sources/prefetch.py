"""Fetch wheels before everything is resolved: those of requirements that leave no choice.

A line that pins exactly, as every line does of a file that `pip compile` made, says which wheel will be installed as soon as the
page of its project is there. While the rest is resolved, line and processors have time for it.

Laws of this file: what comes ahead is what the resolution will choose, or work in vain that changes nothing but the store. Nothing
fails here: who needs a wheel that did not come fetches it as usual, and meets the error where it is told.
"""

from threading import Lock, Thread

from commonwheel.concurrency.future import Future

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from commonwheel.model import Entry, Pin

    class Known(Protocol):
        """What is remembered of pins: `sources.built_wheels.Recall`."""

        def entry(self, pin: Pin) -> Entry | None:
            """Return the entry of a pin, if the store has it."""

    class Fetcher(Protocol):
        """Fetch wheels: `sources.acquire.Material`."""

        def wheel_file(self, pin: Pin) -> Entry:
            """Return the entry of one pin, fetched or built."""

        def halt(self) -> None:
            """End what is being built and downloaded, in whatever thread."""


#: As many as `material` fetches at once, which counts their bytes, too.
_WORKERS = 4


class WheelPrefetch:
    """Wheels that are fetched ahead of the resolution; `resolved` is called once when that is over."""

    def __init__(self, known: "Known", fetcher: "Fetcher", resolved: "Callable[[], object]") -> None:
        self._known = known
        self._fetcher = fetcher
        self._resolved = resolved
        self._lock = Lock()
        self._waiting: dict[str, Pin] = {}
        self._begun: dict[str, Future[None]] = {}
        self._threads: list[Thread] = []
        self._working = 0
        self._over = False

    def begin(self, pin: "Pin") -> None:
        """Fetch the wheel of a pin soon, unless the store has it. Any thread; never waits."""
        url = _url(pin)
        if not url or self._known.entry(pin) is not None:
            return
        with self._lock:
            if self._over or url in self._waiting or url in self._begun:
                return
            self._waiting[url] = pin
            if self._working < _WORKERS:
                self._working += 1
                thread = Thread(target=self._work, name="cw-ahead", daemon=True)
                thread.start()
                self._threads.append(thread)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._working -= 1
                    return
                url = next(iter(self._waiting))
                pin = self._waiting.pop(url)
                coming = self._begun[url] = Future()
            try:
                self._fetcher.wheel_file(pin)
            except Exception:  # noqa: BLE001, S110 - who needs it gets the error from the same place
                pass
            coming.settle(None)

    def take(self, pin: "Pin") -> bool:
        """Return whether a pin was begun with; if not, it is left to who asks, and not begun with any more."""
        with self._lock:
            self._waiting.pop(_url(pin), None)
            return _url(pin) in self._begun

    def wait(self, pin: "Pin") -> bool:
        """Wait until what was begun for a pin has come, or has failed; False if nothing was."""
        coming = self._begun.get(_url(pin))
        if coming is not None:
            coming.result()
        return coming is not None

    def end(self, *, failed: bool) -> None:
        """Note that the resolution is over; if it failed, nothing more is begun."""
        if failed:
            self._stop()
        resolved, self._resolved = self._resolved, _nothing
        resolved()

    def rest(self) -> None:
        """Let the threads end if all has come, so that this process can be copied."""
        with self._lock:
            if self._waiting or not all(coming.done for coming in self._begun.values()):
                return
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def close(self) -> None:
        """Give up what is on its way, and wait until it has cleaned up."""
        self._stop()
        if self._working:
            self._fetcher.halt()
        for thread in self._threads:
            thread.join()

    def _stop(self) -> None:
        with self._lock:
            self._over = True
            self._waiting.clear()


def _nothing() -> None:
    """Do nothing."""


def _url(pin: "Pin") -> str:
    """Return what names the wheel of a pin here, "" for all that is none of an index."""
    return pin.candidate.url.secret if pin.candidate is not None and pin.candidate.kind == "wheel" else ""
