"""The words of `doctor`, and how its findings look."""

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.cli.console import Console
    from commonwheel.commands.doctor import Finding
    from commonwheel.settings.settings import Settings

DOCTOR = Arguments(
    "Diagnose cache and environment problems, with the command that fixes each",
    groups=(("Environment", "python system target prefix"), GLOBAL),
)

_MARKS = {"ok": (" ", "green"), "note": ("-", "yellow"), "wrong": ("!", "red")}


def show(console: "Console", value: "Sequence[Finding]", settings: "Settings") -> int:
    """Print the findings, grouped by what they are about; status 1 when something is wrong."""
    wrong = sum(one.state == "wrong" for one in value)
    if settings.flag("json"):
        rows = [{"about": one.about, "state": one.state, "text": one.text, "hint": one.hint or None} for one in value]
        load("json_output:show")(console, rows)
        return 1 if wrong else 0
    before = ""
    for one in value:
        if one.about != before:
            console.out(console.style(one.about, "bold", out=True))
            before = one.about
        mark, colour = _MARKS[one.state]
        console.out(f"  {console.style(mark, colour, out=True)} {one.text}")
        if one.hint:
            console.out(f"      {console.style('->', 'cyan', out=True)} {one.hint}")
    console.say(f"{wrong} thing{'' if wrong == 1 else 's'} to mend" if wrong else "Nothing is wrong")
    return 1 if wrong else 0
