"""Bring the wheels that no store has, several at a time.

Laws of this file: threads only here; what bringing means (fetch, build, unpack, verify, publish) is the `Fetcher`'s affair. Work
that waits for the network and work that unpacks overlap, since both leave the interpreter's lock. The first failure cancels
what has not begun, and is raised once everything under way has ended, so that nobody writes after the error was told.
"""

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from commonwheel.install import prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from commonwheel.events import Reporter
    from commonwheel.model import Entry, Pin

    class Fetcher(Protocol):
        """Bring the wheel of a pin into the store."""

        def fetch(self, pin: "Pin") -> "Entry":
            """Fetch or build, unpack, verify and publish; called from several threads at once."""


def entries(pins: "Sequence[Pin]", fetcher: "Fetcher", reporter: "Reporter", *, threads: int = 8) -> "dict[str, Entry]":
    """Return the entries of all pins by name, brought by the fetcher; raise the first error of any."""
    if not pins:
        return {}
    task = reporter.begin("prepare", "packages", len(pins))

    def bring(pin: "Pin") -> "Entry":
        entry = fetcher.fetch(pin)
        prepare.check(pin, entry)
        reporter.advance(task)
        return entry

    pool = ThreadPoolExecutor(max_workers=min(threads, len(pins)), thread_name_prefix="prepare")
    try:
        # the large ones first: one of them at the end would have all threads to itself
        ordered = sorted(pins, key=_size, reverse=True)
        running = {pool.submit(bring, pin): pin for pin in ordered}
        wait(running, return_when=FIRST_EXCEPTION)
        failed = next((one for one in running if one.done() and one.exception() is not None), None)
        if failed is not None:
            pool.shutdown(wait=True, cancel_futures=True)
            failed.result()
        return {pin.name: future.result() for future, pin in running.items()}
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        reporter.end(task)


def _size(pin: "Pin") -> int:
    return (pin.candidate.size if pin.candidate is not None else None) or 0
