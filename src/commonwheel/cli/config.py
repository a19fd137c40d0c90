"""The words of `config` and `self`, and how settings look."""

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.cli.console import Console
    from commonwheel.commands.config import Shown
    from commonwheel.settings.settings import Settings

CONFIG = Arguments(
    "Show every setting, its value and where it came from", "[KEY]...", 0, None, (("Output", "all"), GLOBAL)
)
VERSION = Arguments("Print the version of cw", groups=(("Output", "short format"), GLOBAL))


def show(console: "Console", value: "Sequence[Shown]", settings: "Settings") -> int:
    """Print settings as `key = value` with their source, or as JSON."""
    if settings.flag("json"):
        load("json_output:show")(console, [{"key": row.key, "value": row.value, "source": row.source} for row in value])
        return 0
    width = max((len(row.key) for row in value), default=0)
    for row in value:
        text = "(not set)" if row.value is None else load("json_output:text")(row.value)
        console.out(f"{row.key:<{width}} = {text}  {console.style('# ' + row.source, 'dim', out=True)}")
    return 0
