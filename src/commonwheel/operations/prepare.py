"""From pins to entries: what the store has is taken, the rest is fetched or built.

Warm, this is a look at the store and nothing else; `material` (network, builds, threads) is made only when something
is missing.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.store.recheck import Recheck
from commonwheel.store.store import EntryLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from commonwheel.model import Entry, Pin
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.built_wheels import Recall
    from commonwheel.sources.prefetch import WheelPrefetch
    from commonwheel.store.store import Store

    class Fetcher(Protocol):
        """Fetch what is missing: `sources.acquire.Material`."""

        def fetch(self, pins: Sequence[Pin]) -> dict[str, Entry]:
            """Bring the wheels of pins into the store, building what has to be built; return the entries by name."""

    class Preparing(Protocol):
        """What entries come from: `session.job.Job`."""

        settings: Settings

        @property
        def store(self) -> Store:
            """Return the store."""

        @property
        def recall(self) -> Recall:
            """Return what is remembered of sources."""

        ahead: WheelPrefetch | None

        @property
        def material(self) -> Fetcher:
            """Return what downloads and builds."""


class NotInStore(CommonwheelError):
    """Packages are missing from the store, and nothing may be fetched."""

    code = "not-in-store"


# of several stores each may have a damaged entry
_ATTEMPTS = 8


def at_hand(parts: "Preparing", pins: "Sequence[Pin]") -> "tuple[dict[str, Entry], list[Pin]]":
    """Return the entries that the store has, by name, and the pins that have to be fetched or built.

    Their files are not looked at yet: `changing.carry_out` does that beside its own work, `sound_entries` at once.
    """
    found: dict[str, Entry] = {}
    missing: list[Pin] = []
    for pin in pins:
        # what came ahead of the resolution was not in the store either
        entry = None if parts.ahead is not None and parts.ahead.take(pin) else parts.recall.entry(pin)
        if entry is None:
            missing.append(pin)
        else:
            found[pin.name] = entry
    return found, missing


def entries(
    parts: "Preparing", pins: "Sequence[Pin]", prepared: "Callable[[int], object] | None" = None
) -> "dict[str, Entry]":
    """Return an entry for each pin, by name; `prepared` is told how many had to be fetched or built, if any.

    Raises NotInStore with everything that is missing under `--read-only-cache`, and the errors of downloads and builds.
    """
    found, missing = at_hand(parts, pins)
    if missing:
        if parts.settings.flag("read-only-cache"):
            raise NotInStore(
                f"{len(missing)} of {len(pins)} packages are not in the store, and `--read-only-cache` forbids to add them",
                context=[f"{pin.name}=={pin.version}" for pin in missing],
                hint="run the command once without `--read-only-cache`, where the store can be written",
            )
        found |= parts.material.fetch(missing)
        if prepared is not None:
            prepared(len(missing))
    parts.store.used(found.values())
    return found


def sound_entries(parts: "Preparing", pins: "Sequence[Pin]") -> "dict[str, Entry]":
    """Return an entry for each pin, by name, each file of which was looked at; what is damaged is fetched or built anew."""
    for _ in range(_ATTEMPTS - 1):
        found = entries(parts, pins)
        with Recheck(parts.store, found.values()) as inspection:
            try:
                inspection.settle()
            except EntryLost:
                continue
        return found
    return entries(parts, pins)
