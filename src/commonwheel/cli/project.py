"""The words of commands on projects, and how their results look."""

from commonwheel.cli import load
from commonwheel.cli.pip import BUILDS, CHOICE, INDEXES, PIP, wants_json
from commonwheel.cli.words import GLOBAL, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.cli.console import Console
    from commonwheel.commands.lock import LockResult
    from commonwheel.settings import Settings

PYTHON = ("Python", "python managed-python python-preference")

LOCK = Arguments(
    "Write the lock of a project",
    "",
    0,
    0,
    (
        ("Lock", "locked check check-exists frozen dry-run for-script merge"),
        CHOICE,
        INDEXES,
        PYTHON,
        BUILDS,
        PIP,
        GLOBAL,
        ("", "link-mode"),
    ),
)


def show_lock(console: "Console", value: "LockResult", settings: "Settings") -> int:
    """Show what changed in the lock."""
    updated = value.updated
    if wants_json(settings):
        load("as_json:show")(
            console,
            {
                "path": value.path,
                "action": updated.action,
                "reason": updated.reason,
                "changes": [
                    {"name": one.name, "before": list(one.before), "after": list(one.after)} for one in updated.changes
                ],
            },
        )
        return 0
    for line in value.lines:
        console.say(line)
    return 0
