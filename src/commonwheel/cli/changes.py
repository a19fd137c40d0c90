"""How a change of an environment looks: the summary lines that uv's users know, or JSON."""

from commonwheel.cli import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.cli.console import Console
    from commonwheel.commands.change_report import Changes
    from commonwheel.settings.settings import Settings


_ACTIONS = {"added": "installed", "removed": "uninstalled", "reinstalled": "reinstalled"}  # uv's words


def show(console: "Console", value: "Changes", settings: "Settings") -> int:
    """Print what changed, on stderr as uv does, and as JSON on stdout if wanted; status 1 for a --check that finds something."""
    if value.report:
        console.data(value.report)
    if settings.flag("json") or settings.text("format") == "json":
        load("json_output:show")(
            console,
            {
                "schema": {"version": "1"},
                "changes": [
                    {"name": row.name, "version": row.version, "action": _ACTIONS[row.action]} for row in value.rows
                ],
                "dry_run": value.dry_run,
                "link_mode": value.link_mode,
            },
        )
    signs = {"removed": ("-", "red"), "added": ("+", "green"), "reinstalled": ("~", "yellow")}
    for row in value.rows:
        sign, colour = signs[row.action]
        suffix = f" ({row.place})" if row.place else ""
        console.say(
            f" {console.style(sign, colour)} {console.style(row.name, 'bold')}"
            f"{console.style('==' + row.version, 'dim')}{suffix}"
        )
    return value.status
