"""Start copies of this process, which share its work: they parse pages and unpack wheels."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from commonwheel.concurrency.forked_workers import Standing
    from commonwheel.index.simple_api_client import Pressing
    from commonwheel.store.records import Records


def start(records: "Records") -> "Standing | None":
    """Return copies of this process, None where there are none."""
    from commonwheel.concurrency import forked_workers
    from commonwheel.fs import disk

    return None if disk.is_observed() else forked_workers.standing(lambda *words: _aside(records, *words), parser)


def _aside(records: "Records", kind: str, *words: "Any") -> object:
    """Do what a copy of this process is asked to do."""
    if kind == "entry":
        from commonwheel.store import build_entry

        staged, wheel, verify_record = words
        return build_entry.make(staged, build_entry.Wheel(*wheel), verify_record=verify_record)
    from commonwheel.index import page_ingest

    return page_ingest.pressed(records, *words)


def parser() -> "Pressing":
    """Load what parses pages, which takes some time."""
    from commonwheel.index import page_ingest

    return page_ingest
