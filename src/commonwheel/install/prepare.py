"""From pins to entries: what the store has, and what is still to be brought.

Laws of this file: it fetches nothing and opens nothing: a `EntryFinder` is asked, and what it does not have is handed back for
`fetching.py`, whose threads a warm installation need not load.
"""

from commonwheel.errors import CommonwheelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from commonwheel.model import Entry, Pin

    class EntryFinder(Protocol):
        """Look for the wheel of a pin where no network is needed."""

        def find(self, pin: "Pin") -> "Entry | None":
            """Return the entry of a pin that a store has, ready to be linked; None if it has to be brought."""


class HashMismatch(CommonwheelError):
    """Say that the wheel of a pin is not one of those that the user or a lock demands."""

    code = "hash-mismatch"


def known(pins: "Iterable[Pin]", finder: "EntryFinder") -> "tuple[dict[str, Entry], list[Pin]]":
    """Return the entries, by name, of those pins that a store has; and the other pins.

    A pin with hashes that the sha256 of an entry cannot answer (only sha512 is demanded) is among the others: whoever brings
    it has the file to hash.
    """
    found: dict[str, Entry] = {}
    missing: list[Pin] = []
    for pin in pins:
        entry = finder.find(pin)
        if entry is None or (pin.digests and not _answers(pin)):
            missing.append(pin)
            continue
        check(pin, entry)
        found[pin.name] = entry
    return found, missing


def check(pin: "Pin", entry: "Entry") -> None:
    """Raise HashMismatch when an entry is not what a pin demands, or not the project and version that it names.

    A wheel that was built from a source has a hash of its own: what is demanded then was checked on the source.
    """
    if (entry.name, pin.name) != (pin.name, entry.name):
        raise HashMismatch(f"the wheel for `{pin.name}` says that it is `{entry.name}`")
    wheel = pin.candidate is None or pin.candidate.kind == "wheel"
    demanded = [one.hex for one in pin.digests if one.algorithm == "sha256"]
    if demanded and wheel and pin.candidate is not None and entry.digest not in demanded:
        raise HashMismatch(
            f"`{pin.name}=={pin.version}` has none of the hashes that were demanded",
            context=(*(f"demanded: sha256:{one}" for one in demanded), f"found: sha256:{entry.digest}"),
            hint="if the new file is to be trusted, demand its hash",
        )


def _answers(pin: "Pin") -> bool:
    """Say whether a sha256 is enough to see if a file is one of those that a pin demands."""
    return any(one.algorithm == "sha256" for one in pin.digests)
