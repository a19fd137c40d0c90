"""Pins of a lock (PEP 751) that leave their version open: a directory or a repository says it itself, when it is asked."""

from commonwheel.specs import requirement as specs_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.model import Pin
    from commonwheel.sources.describe import Sources


def completed(sources: "Sources", pins: "tuple[Pin, ...]") -> "tuple[Pin, ...]":
    """Return the pins, all with versions; what has none is fetched, and built if only its backend knows."""
    vague = [
        specs_requirement.parse_dependency(pin.name).replaced(source=pin.source, digests=pin.digests)
        for pin in pins
        if not pin.version and pin.source is not None
    ]
    if not vague:
        return pins
    told = {one.requirement.name: (one.requirement.source, one.metadata.version) for one in sources.describe(vague)}
    return tuple(
        pin.replaced(source=told[pin.name][0], version=told[pin.name][1]) if pin.name in told else pin for pin in pins
    )
