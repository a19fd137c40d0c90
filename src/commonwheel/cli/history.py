"""The words of `env` and `verify`, and how their results look."""

import time

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.cli.console import Console
    from commonwheel.commands.history import Compared, Log
    from commonwheel.commands.verify import Verified
    from commonwheel.install.history import Difference, Package, Record
    from commonwheel.install.verify import Finding
    from commonwheel.settings.settings import Settings

_WHERE = ("Environment", "python system target prefix break-system-packages lock-timeout")
_SOURCES = (
    "Indexes, for what the store has not",
    "default-index index index-url extra-index-url find-links no-index index-strategy keyring-provider allow-insecure-host",
)
_PLACING = ("Installing", "link-mode no-fold durability dry-run")

LOG = Arguments("List the changes of an environment, newest last", groups=(_WHERE, GLOBAL))
UNDO = Arguments("Undo the last change", groups=(_WHERE, _SOURCES, _PLACING, GLOBAL))
ROLLBACK = Arguments(
    "Go back to the state after change N, or to a snapshot", "STATE", 1, 1, (_WHERE, _SOURCES, _PLACING, GLOBAL)
)
DIFF = Arguments(
    "Compare two states: N with M, N with now, or the last recorded one with now", "[N] [M]", 0, 2, (_WHERE, GLOBAL)
)
SNAPSHOT = Arguments("Save the current state under a name", "NAME", 1, 1, (_WHERE, GLOBAL))
RELOCATE = Arguments("Repair an environment that was moved", groups=(_WHERE, _SOURCES, _PLACING, GLOBAL))
VERIFY = Arguments(
    "Check every file of an environment", groups=(("Outcome", "fix"), _WHERE, _SOURCES, _PLACING, GLOBAL)
)


def show_log(console: "Console", value: "Log", settings: "Settings") -> int:
    """Print a paragraph for each change."""
    if settings.flag("json"):
        load("json_output:show")(
            console,
            {
                "changes": [_record(record) for record in value.records],
                "snapshots": dict(value.names),
                "since": _difference(value.foreign),
            },
        )
        return 0
    names = {number: name for name, number in value.names.items()}
    for record in value.records:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.when))
        name = f" ({names[record.number]})" if record.number in names else ""
        head = console.style(f"{record.number}", "bold", out=True)
        console.out(f"{head}{name}  {when}  {record.who}")
        console.out(f"    {record.command}")
        rows = [("-", one) for one in record.removed if not any(_equal(one, new) for new in record.added)]
        rows += [("~" if any(_equal(one, old) for old in record.removed) else "+", one) for one in record.added]
        for sign, one in sorted(rows, key=lambda row: (row[1].name, row[0] != "-")):
            console.out(f"    {sign} {one.name}=={one.version}")
    for sign, one in [("-", one) for one in value.foreign.removed] + [("+", one) for one in value.foreign.added]:
        console.out(f"since then, by another tool: {sign} {one.name}=={one.version}")
    return 0


def show_diff(console: "Console", value: "Compared", settings: "Settings") -> int:
    """Print what is different between two states."""
    if settings.flag("json"):
        load("json_output:show")(
            console, {"before": value.before, "after": value.after, **_difference(value.difference)}
        )
        return 0
    rows = [("-", one) for one in value.difference.removed] + [("+", one) for one in value.difference.added]
    for sign, one in sorted(rows, key=lambda row: (row[1].name, row[0] != "-")):
        console.out(f"{sign} {one.name}=={one.version}")
    return 0


def show_verified(console: "Console", value: "Verified", settings: "Settings") -> int:
    """Print what was found and mended; status 1 when something that matters is left."""
    left = [one for one in value.left if one.kind != "foreign"]
    if settings.flag("json"):
        load("json_output:show")(
            console,
            {
                "checked": value.count,
                "findings": [_finding(one) for one in value.findings],
                "mended": list(value.mended),
                "left": [_finding(one) for one in value.left],
            },
        )
        return 1 if left else 0
    for one in value.findings:
        package = f"{one.package}: " if one.package else ""
        detail = f" ({one.detail})" if one.detail else ""
        console.out(f"{console.style(one.kind, 'yellow', out=True)}  {package}{one.path}{detail}")
    if value.mended:
        console.say(
            f"Repaired {len(value.mended)} package{'' if len(value.mended) == 1 else 's'}: {', '.join(value.mended)}"
        )
    if left:
        hint = "" if settings.flag("fix") else "; `cw verify --fix` repairs what can be repaired"
        console.say(f"Found {len(left)} problem{'' if len(left) == 1 else 's'} in {value.count} packages{hint}")
        return 1
    console.say(f"Checked {value.count} package{'' if value.count == 1 else 's'}: every file is as it was installed")
    return 0


def _equal(one: "Package", other: "Package") -> bool:
    return one.name == other.name and one.version == other.version


def _package(one: "Package") -> dict[str, object]:
    return {"name": one.name, "version": one.version, "sha256": one.digest or None, "installer": one.installer}


def _difference(difference: "Difference") -> dict[str, object]:
    return {
        "removed": [_package(one) for one in difference.removed],
        "added": [_package(one) for one in difference.added],
    }


def _record(record: "Record") -> dict[str, object]:
    return {
        "number": record.number,
        "when": record.when,
        "who": record.who,
        "command": record.command,
        "link_mode": record.mode,
        "removed": [_package(one) for one in record.removed],
        "added": [_package(one) for one in record.added],
    }


def _finding(one: "Finding") -> dict[str, object]:
    return {"kind": one.kind, "package": one.package or None, "path": one.path, "detail": one.detail}
