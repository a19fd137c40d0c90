"""Start copies of this process, which share its work: they parse pages and unpack wheels."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from commonwheel.copies import Standing
    from commonwheel.index.registry import Pressing
    from commonwheel.store.records import Records


def start(records: "Records") -> "Standing | None":
    """Return copies of this process, None where there are none."""
    from commonwheel import copies
    from commonwheel.fs import disk

    return None if disk.is_observed() else copies.standing(lambda *words: _aside(records, *words), pressing)


def _aside(records: "Records", kind: str, *words: "Any") -> object:
    """Do what a copy of this process is asked to do."""
    if kind == "entry":
        from commonwheel.store import making

        staged, wheel, verify_record = words
        return making.make(staged, making.Wheel(*wheel), verify_record=verify_record)
    from commonwheel.index import pressing

    return pressing.pressed(records, *words)


def pressing() -> "Pressing":
    """Load what parses pages, which takes some time."""
    from commonwheel.index import pressing

    return pressing
