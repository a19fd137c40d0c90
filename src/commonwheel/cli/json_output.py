"""Print values as JSON: loaded only where somebody wants it, since `json` costs as much as parsing a command line."""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.cli.console import Console


def show(console: "Console", value: object, *, compact: bool = False) -> None:
    """Print one JSON document: indented for people, or on one line as uv prints lists."""
    text = json.dumps(value, separators=(",", ":")) if compact else json.dumps(value, indent=2)
    console.data(f"{text}\n")


def text(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value)
