"""`pip inspect`: an environment as JSON, in pip's format."""

import json

from commonwheel.commands.show import metadata_text
from commonwheel.python.installed import details
from commonwheel.specs import core_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.session.session import Session

_MULTIPLE = frozenset(
    [
        "classifier",
        "dynamic",
        "license-file",
        "obsoletes-dist",
        "platform",
        "project-url",
        "provides-dist",
        "provides-extra",
        "requires-dist",
        "requires-external",
        "supported-platform",
        "import-name",
        "import-namespace",
    ]
)


def inspect(session: "Session") -> "dict[str, object]":
    """Describe an environment in the format of `pip inspect` (version 1)."""
    environment = session.environment(mutating=False)
    rows: list[object] = []
    for one in map(details, session.installed(environment)):
        if session.settings.flag("local") and not one.own:
            continue
        document = core_metadata.read_all(metadata_text(one))
        metadata: dict[str, object] = {}
        for name, values in document.fields.items():
            many = name in _MULTIPLE
            metadata[name.replace("-", "_")] = list(values) if many else values[0]
        row: dict[str, object] = {"metadata": metadata, "metadata_location": one.location}
        if one.direct_url:
            row["direct_url"] = _parsed(one.direct_url)
        row |= {"installer": one.installer, "requested": one.requested}
        rows.append(row)
    return {"version": "1", "pip_version": "", "installed": rows, "environment": dict(environment.interpreter.markers)}


def _parsed(text: str) -> object:
    """Return the value of a JSON text, None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
