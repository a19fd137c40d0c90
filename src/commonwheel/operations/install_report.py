"""pip's installation report (version 1) of a plan."""

import json
import os

from commonwheel import __version__
from commonwheel.errors import CommonwheelError
from commonwheel.operations import prepare
from commonwheel.specs import core_metadata, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from commonwheel.model import Entry, Environment, Pin, Plan
    from commonwheel.operations.resolve import Answer

    class Fetcher(prepare.Fetcher, Protocol):
        """Fetch what is missing: `sources.acquire.Material`."""

        def wheel_file(self, pin: Pin) -> Entry:
            """Return the entry of one pin, fetched or built."""

    class Reporting(prepare.Preparing, Protocol):
        """What a report is made of: `session.job.Job`."""

        @property
        def material(self) -> Fetcher:
            """Return what downloads and builds."""


def text(parts: "Reporting", plan: "Plan", environment: "Environment", answered: "Answer | None" = None) -> str:
    """Return the report; what was not fetched, in a run that changes nothing, has the metadata that the answer knows."""
    if parts.settings.flag("dry-run") or parts.settings.flag("check"):
        entries, missing = prepare.at_hand(parts, plan.add)
    else:
        entries, missing = {pin.name: parts.material.wheel_file(pin) for pin in plan.add}, []
    metadata = {pin.name: _fields(entries[pin.name]) for pin in plan.add if pin.name in entries}
    metadata |= {pin.name: _known_fields(pin, answered) for pin in missing}
    hashes = {name: entry.digest for name, entry in entries.items()}
    document = report.of_plan(plan, metadata, environment.interpreter.markers, __version__, hashes)
    return json.dumps(document, indent=2) + "\n"


def _fields(entry: "Entry") -> "Mapping[str, tuple[str, ...]]":
    """Return the metadata fields of an entry."""
    with open(os.path.join(entry.tree, entry.dist_info, "METADATA"), "rb") as stream:
        return core_metadata.read_all(stream.read()).fields


def _known_fields(pin: "Pin", answered: "Answer | None") -> "Mapping[str, tuple[str, ...]]":
    """Return what the resolution knew of the metadata of a pin that was not fetched."""
    fields: dict[str, tuple[str, ...]] = {"name": (pin.name,), "version": (pin.version,)}
    if pin.source is None and answered is not None:
        try:
            known = answered.catalogue.metadata(pin.name, pin.version)
        except CommonwheelError:
            return fields
        fields["requires-python"] = (known.requires_python,) if known.requires_python else ()
        fields["requires-dist"] = tuple(map(str, known.requires))
        fields["provides-extra"] = known.provides_extra
    return fields
