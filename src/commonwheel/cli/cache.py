"""The words of the `cache` family, and how its results look."""

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments
from commonwheel.cli.pip import table, wants_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonwheel.cli.console import Console
    from commonwheel.commands.cache import About, Cleared, Made, Verified
    from commonwheel.settings.settings import Settings
    from commonwheel.store.inventory import Held, Measure
    from commonwheel.store.prune import LayerSize, Verdict

DIR = Arguments("Print the directory of the personal store", groups=(GLOBAL,))
SIZE = Arguments(
    "Tell how many bytes the stores take on disk; with -H, what takes them", groups=(("Output", "human format"), GLOBAL)
)
LIST = Arguments("List what the stores hold", "[PACKAGE]...", 0, None, (("Output", "format"), GLOBAL))
INFO = Arguments("Tell all that the stores have of packages", "PACKAGE...", 1, None, (("Output", "format"), GLOBAL))
CLEAN = Arguments(
    "Remove all cache entries, or those of some packages, from the stores that you may change",
    "[PACKAGE]...",
    0,
    None,
    (("What goes", "force dry-run"), ("Output", "format"), GLOBAL),
)
PRUNE = Arguments(
    "Remove what nobody needs; without options: what no environment uses and nobody used for 30 days",
    groups=(("What goes", "older-than max-age max-size unreferenced ci force dry-run"), ("Output", "format"), GLOBAL),
)
INIT = Arguments(
    "Make a store, say how it is shared, and try out what its file system can do",
    "[DIR]",
    0,
    1,
    (
        ("Sharing (one of these)", "private shared-group publish"),
        ("Policy", "link-mode keep-archives max-size"),
        ("Output", "format"),
        GLOBAL,
    ),
)
VERIFY = Arguments(
    "Hash every file of the stores, or of some packages in them",
    "[PACKAGE]...",
    0,
    None,
    (("What is bad", "repair"), ("Output", "format"), GLOBAL),
)

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def human(size: float) -> str:
    """Return a number of bytes for people."""
    at = 0
    while size >= _STEP and at < len(_UNITS) - 1:
        size /= _STEP
        at += 1
    return f"{size:.0f} {_UNITS[at]}" if at == 0 else f"{size:.1f} {_UNITS[at]}"


# --- size ----------------------------------------------------------------------------------------------------------------


def show_size(console: "Console", value: "Sequence[LayerSize]", settings: "Settings") -> int:
    """Print bytes on disk as one number, as uv does; a table for people; or JSON."""
    if wants_json(settings):
        load("json_output:show")(console, [_size_as_json(layer) for layer in value])
    elif not settings.flag("human"):
        console.out(str(sum(layer.total.disk for layer in value)))
    else:
        for layer in value:
            _show_layer(console, layer)
    return 0


def _show_layer(console: "Console", layer: "LayerSize") -> None:
    console.out(console.style(layer.root, "bold", out=True))
    parts = [
        (f"{layer.count} entries", layer.entries),
        ("bytecode", layer.images),
        ("pages, pointers, notes", layer.others),
    ]
    parts += [("leftovers", layer.leftovers)] if layer.leftovers.inodes else []
    rows = [_cells(what, measure) for what, measure in (*parts, ("all", layer.total))]
    packages = sorted(layer.packages.items(), key=lambda item: (-item[1].disk, item[0]))
    rows += [_cells(f"  {name}", measure) for name, measure in packages]
    table(console, ("", "On disk", "Logical", "Inodes"), rows)


def _cells(what: str, measure: "Measure") -> tuple[str, str, str, str]:
    return what, human(measure.disk), human(measure.size), str(measure.inodes)


def _size_as_json(layer: "LayerSize") -> dict[str, object]:
    return {
        "root": layer.root,
        "count": layer.count,
        "total": _measure(layer.total),
        "entries": _measure(layer.entries),
        "images": _measure(layer.images),
        "others": _measure(layer.others),
        "leftovers": _measure(layer.leftovers),
        "packages": {name: _measure(measure) for name, measure in sorted(layer.packages.items())},
    }


def _measure(measure: "Measure") -> dict[str, int]:
    return {"size": measure.size, "disk": measure.disk, "inodes": measure.inodes, "linked": measure.linked}


# --- list and info -----------------------------------------------------------------------------------------------------


def show_list(console: "Console", value: "Sequence[Held]", settings: "Settings") -> int:
    """Print one line for each entry, or JSON."""
    if wants_json(settings):
        load("json_output:show")(console, [held_as_json(one) for one in value])
        return 0
    ago, owner = load("cache:ago", "commands"), load("cache:owner", "commands")
    several = len({one.layer.root for one in value}) > 1
    rows = []
    for one in value:
        used = "in use" if one.living else ago(one.used) if one.used else "-"
        row = [one.name, one.version, human(one.measure.disk), used, str(len(one.environments)), owner(one)]
        rows.append([*row, one.layer.root] if several else row)
    head = ("Package", "Version", "On disk", "Last used", "Environments", "Owner", "Store")
    if rows:
        table(console, head if several else head[:-1], rows)
    return 0


def held_as_json(one: "Held") -> dict[str, object]:
    """Return an entry for JSON."""
    said = one.header
    return {
        "name": one.name,
        "version": one.version,
        "sha256": one.digest,
        "path": one.path,
        "store": one.layer.root,
        "filename": None if said is None else said.filename,
        "origin": None if said is None else said.published.origin,
        "published": None if said is None else said.published.at,
        "published_on": None if said is None else said.published.host,
        "owner": load("cache:owner", "commands")(one),
        "used": one.used or None,
        "environments": list(one.environments),
        "linked_from": list(one.living),
        **_measure(one.measure),
    }


def show_info(console: "Console", value: "Sequence[About]", settings: "Settings") -> int:
    """Print a paragraph for each entry, or JSON."""
    if wants_json(settings):
        rows = [
            {**held_as_json(one.held), "archive": one.archive or None, "untrusted": one.reason or None} for one in value
        ]
        load("json_output:show")(console, rows)
        return 0
    blocks = []
    for one in value:
        width = max(len(name) for name, _ in _facts(one))
        blocks.append("\n".join(f"{name:<{width}}  {text}" for name, text in _facts(one)))
    console.raw("\n\n".join(blocks) + "\n" if blocks else "")
    return 0


def _facts(one: "About") -> "Iterable[tuple[str, str]]":
    held, said = one.held, one.held.header
    ago, owner = load("cache:ago", "commands"), load("cache:owner", "commands")
    rows = [("Package", held.label), ("sha256", held.digest), ("Entry", held.path), ("Store", held.layer.root)]
    if said is None:
        rows.append(("State", "its header is damaged: the next use renames it away"))
    else:
        published = said.published
        rows += [
            ("Wheel", f"{said.filename} ({human(said.wheel_size)})"),
            ("Origin", f"{published.origin}, {ago(published.at)}, on {published.host}"),
            ("Files", f"{said.files}, of which {len(said.foldable)} directories can be one link each"),
        ]
        rows += [("Not folded", said.unfolded)] if said.unfolded else []
        rows += [("Needs Python", said.requires_python)] if said.requires_python else []
    rows += [
        ("Owner", owner(held)),
        ("Taken as it is", f"no: {one.reason}" if one.reason else "yes"),
        ("Wheel kept", one.archive or "no"),
        ("Takes", f"{human(held.measure.disk)} on disk, {human(held.measure.size)} in {held.measure.inodes} inodes"),
        ("Last used", ago(held.used) if held.used else "not known"),
    ]
    rows += [
        ("Environment", f"{path}{' (through links)' if path in held.living else ''}") for path in held.environments
    ]
    return rows


# --- clean and prune ---------------------------------------------------------------------------------------------------


def show_removed(console: "Console", value: "Cleared", settings: "Settings") -> int:
    """Print what was removed, what was spared, and what remains and who owns it."""
    removed = value.removed
    if wants_json(settings):
        load("json_output:show")(
            console,
            {
                "dry_run": value.dry_run,
                "removed": [held_as_json(one) for one in removed.entries],
                "other": list(removed.other),
                "freed": _measure(removed.freed),
                "kept": list(removed.kept),
                "remains": list(removed.remains),
            },
        )
        return 0
    for one in removed.entries:
        console.say(f" {console.style('-', 'red')} {console.style(one.name, 'bold')} {one.version}")
    for line in removed.kept:
        console.say(f"kept {line}")
    for line in removed.remains:
        console.warning(line)
    count, other = len(removed.entries), len(removed.other)
    verb = "Would remove" if value.dry_run else "Removed"
    if not (count or other):
        console.say("There is nothing to remove")
        return 0
    freed = removed.freed.disk - removed.freed.linked
    rest = f" and {other} other thing{'' if other == 1 else 's'}" if other else ""
    console.say(
        f"{verb} {count} entr{'y' if count == 1 else 'ies'}{rest} ({human(freed)}, {removed.freed.inodes} inodes)"
    )
    return 0


# --- init ----------------------------------------------------------------------------------------------------------------


def show_init(console: "Console", value: "Made", settings: "Settings") -> int:
    """Print what was created, what was found out, and how other users can use it; status 1 if they cannot."""
    bad = [one for one in value.checks if one.needed and not one.works]
    if wants_json(settings):
        checks = [
            {"what": one.what, "works": one.works, "needed": one.needed, "detail": one.detail, "hint": one.hint or None}
            for one in value.checks
        ]
        document = {"root": value.root, "sharing": value.policy.sharing, "usable": not bad, "checks": checks}
        load("json_output:show")(console, document)
        return 1 if bad else 0
    group = f" of the group {value.policy.group}" if value.policy.group else ""
    console.out(f"{console.style(value.root, 'bold', out=True)} is a {value.policy.sharing} store{group}")
    width = max(len(one.what) for one in value.checks)
    for one in value.checks:
        works = "yes" if one.works else "NO" if one.needed else "no"
        console.out(f"  {one.what:<{width}}  {works:<3}  {one.detail}".rstrip())
        if one.hint and not one.works:
            console.out(f"  {'':<{width}}       mend it with: {one.hint}")
    if bad:
        console.trouble(f"error: it cannot be used by those it is for: {', '.join(one.what for one in bad)}")
        return 1
    if value.policy.sharing != "private":
        console.say(
            f'Use it by `layers = ["{value.root}"]` in /etc/cw/cw.toml or ~/.config/cw/cw.toml, or by CW_LAYERS'
        )
    return 0


# --- verify --------------------------------------------------------------------------------------------------------------


def show_verified(console: "Console", value: "Verified", settings: "Settings") -> int:
    """Print what is damaged and what was done about it; status 1 if damage is left."""
    bad = [one for one in value.verdicts if not one.repaired]
    if wants_json(settings):
        document = {"checked": value.count, "damaged": [_verdict_as_json(one) for one in value.verdicts]}
        load("json_output:show")(console, document)
        return 1 if bad else 0
    for one in value.verdicts:
        _show_verdict(console, one, repair=value.repair)
    count = len(value.verdicts)
    console.say(
        f"Checked {value.count} entr{'y' if value.count == 1 else 'ies'}: {f'{count} damaged' if count else 'all are sound'}"
    )
    return 1 if bad else 0


def _verdict_as_json(one: "Verdict") -> dict[str, object]:
    return {
        **held_as_json(one.held),
        "faults": [{"path": path, "what": what} for path, what in one.faults],
        "repaired": one.repaired or None,
        "held_by": list(one.environments),
    }


_DONE = {
    "replaced": "it was replaced",
    "removed": "it was taken out of use, and is fetched again when it is needed",
}


def _show_verdict(console: "Console", one: "Verdict", *, repair: bool) -> None:
    console.out(f"{one.held.label} in `{one.held.layer.root}` is damaged")
    shown = 5
    for path, what in one.faults[:shown]:
        console.out(f"  `{path}` {what}")
    if len(one.faults) > shown:
        console.out(f"  and {len(one.faults) - shown} more")
    if one.repaired:
        console.out(f"  {_DONE[one.repaired]}")
    elif repair:
        owner = load("cache:owner", "commands")(one.held)
        console.out(f"  it stays: {one.held.layer.refusal or 'it could not be moved'} (its owner is {owner})")
    else:
        console.out("  mend it with: cw cache verify --repair")
    for environment in one.environments:
        console.out(f"  `{environment}` holds a bad file of it; mend it with: cw verify --fix -p {environment}")
