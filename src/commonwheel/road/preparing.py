"""From pins to entries: what the store has is taken, the rest is fetched or built.

Warm, this is a look at the store and nothing else; `parts.material` (network, builds, threads) is made only when something
is missing.
"""

from commonwheel.errors import CommonwheelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.model import Digest, Entry, Pin
    from commonwheel.road.parts import Parts


class NotInStore(CommonwheelError):
    """Say what is missing from the store, where nothing may be fetched."""

    code = "not-in-store"


def entries(parts: "Parts", pins: "Sequence[Pin]") -> "dict[str, Entry]":
    """Return an entry for each pin, by name.

    Raises NotInStore with everything that is missing under `--read-only-cache`, and the errors of downloads and builds.
    """
    found: dict[str, Entry] = {}
    missing: list[Pin] = []
    for pin in pins:
        entry = known(parts, pin)
        if entry is None:
            missing.append(pin)
        else:
            found[pin.name] = entry
    if missing:
        if parts.settings.flag("read-only-cache"):
            raise NotInStore(
                f"{len(missing)} of {len(pins)} packages are not in the store, and `--read-only-cache` forbids to add them",
                context=[f"{pin.name}=={pin.version}" for pin in missing],
                hint="run the command once without `--read-only-cache`, where the store can be written",
            )
        found |= parts.material.fetch(missing)
    parts.store.used(found.values())
    return found


def known(parts: "Parts", pin: "Pin") -> "Entry | None":
    """Return the entry of a pin that an index offers as a wheel, if the store has a good one."""
    candidate = pin.candidate
    if candidate is None or candidate.kind != "wheel":
        return None
    digest = sha256_of(pin.digests) or sha256_of(candidate.digests)
    if digest is None:
        return None
    return parts.store.ready(digest)


def sha256_of(digests: "Sequence[Digest]") -> str | None:
    """Return the sha256 among digests when there is exactly one: several mean "any of these"."""
    found = [digest.hex for digest in digests if digest.algorithm == "sha256"]
    return found[0] if len(found) == 1 else None
