"""The words of commands on projects, and how their results look."""

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments
from commonwheel.cli.pip import BUILDS, CHOICE, INDEXES, PIP, PLACING, wants_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.cli.console import Console
    from commonwheel.commands.add import Edited
    from commonwheel.commands.init import Initialized
    from commonwheel.commands.lock import LockResult
    from commonwheel.commands.sync import SyncResult
    from commonwheel.commands.version import Versioned
    from commonwheel.project.programs import Program
    from commonwheel.settings.settings import Settings

SOURCES = ("Sources", "no-sources no-sources-package")
PYTHON = ("Python", "python managed-python python-preference")

LOCK = Arguments(
    "Update the lock file of a project",
    "[OURS BASE THEIRS]",
    0,
    3,
    (
        ("Lock", "locked check check-exists frozen dry-run for-script merge"),
        CHOICE,
        INDEXES,
        PYTHON,
        BUILDS,
        SOURCES,
        PIP,
        GLOBAL,
        ("", "link-mode"),
    ),
)
GROUPS = (
    "Selection",
    "extra all-extras no-extra group no-group only-group all-groups no-default-groups dev no-dev only-dev member all-packages",
)
STATE = ("Lock", "locked frozen check-exists")
ENVIRONMENT = ("Environment", "python active inexact lock-timeout managed-python python-preference")
LEFT_OUT = (
    "Installing",
    (
        "no-install-project no-install-workspace no-install-local no-install-package no-editable no-editable-package "
        + PLACING[1].replace("exact ", "")
    ),
)

SYNC = Arguments(
    "Bring the environment of a project to what its lock says",
    "",
    0,
    0,
    (
        GROUPS,
        STATE,
        ENVIRONMENT,
        LEFT_OUT,
        ("Outcome", "dry-run check format for-script python-platform"),
        CHOICE,
        INDEXES,
        BUILDS,
        SOURCES,
        PIP,
        GLOBAL,
    ),
)

RUN = Arguments(
    "Run a program in the environment of the project",
    "[PROGRAM [ARGUMENT]...]",
    0,
    None,
    (
        ("Program", "module as-script for-script env-file no-env-file"),
        ("With", "with with-editable with-requirements isolated"),
        GROUPS,
        (
            "Environment",
            STATE[1] + " no-sync exact without-project python active lock-timeout managed-python python-preference",
        ),
        LEFT_OUT,
        CHOICE,
        INDEXES,
        BUILDS,
        SOURCES,
        GLOBAL,
    ),
    trailing=True,
)

PLACE = ("Place", "dev to-group optional member for-script")
ADD = Arguments(
    "Add requirements to the project",
    "[REQUIREMENT]...",
    0,
    None,
    (
        ("Requirements", "requirements constraints marker extra raw bounds as-editable rev tag branch lfs workspace"),
        PLACE,
        ("Lock", STATE[1] + " no-sync"),
        ENVIRONMENT,
        LEFT_OUT,
        CHOICE,
        INDEXES,
        BUILDS,
        SOURCES,
        GLOBAL,
    ),
)
REMOVE = Arguments(
    "Remove requirements from the project",
    "PACKAGE...",
    1,
    None,
    (PLACE, ("Lock", STATE[1] + " no-sync"), ENVIRONMENT, LEFT_OUT, CHOICE, INDEXES, BUILDS, SOURCES, GLOBAL),
)
INIT = Arguments(
    "Create a new project",
    "[PATH]",
    0,
    1,
    (
        ("Kind", "app lib packaged bare for-script build-backend"),
        ("Contents", "name description no-description no-readme author-from vcs no-pin-python"),
        ("Place", "workspace without-project"),
        PYTHON,
        GLOBAL,
    ),
)
UNDO = Arguments(
    "Take the last change of the project back", "", 0, 0, (ENVIRONMENT, LEFT_OUT, INDEXES, BUILDS, SOURCES, GLOBAL)
)
EXPORT = Arguments(
    "Export the lock file of a project to another format",
    "",
    0,
    0,
    (
        (
            "Output",
            (
                "output-file format no-header no-annotate no-hashes no-editable no-editable-package no-emit-project no-emit-workspace no-emit-local "
                "no-emit-package emit-prune custom-compile-command for-script"
            ),
        ),
        GROUPS,
        STATE,
        PYTHON,
        CHOICE,
        INDEXES,
        BUILDS,
        SOURCES,
        GLOBAL,
    ),
    "requirements.txt requirements-txt pylock.toml",
)
TREE = Arguments(
    "Show the dependency tree of a project",
    "",
    0,
    0,
    (
        ("Tree", "depth prune package no-dedupe invert outdated show-sizes universal for-script"),
        (
            "Selection",
            "group no-group only-group all-groups no-default-groups dev no-dev only-dev",
        ),
        STATE,
        ("Python", PYTHON[1] + " python-version python-platform"),
        CHOICE,
        INDEXES,
        BUILDS,
        SOURCES,
        GLOBAL,
    ),
)
VERSION = Arguments(
    "Print or change the version of the project",
    "[VERSION]",
    0,
    1,
    (
        ("Version", "bump short dry-run format member"),
        ("Lock", STATE[1] + " no-sync"),
        ENVIRONMENT,
        CHOICE,
        INDEXES,
        BUILDS,
        SOURCES,
        GLOBAL,
    ),
)


def show_version(console: "Console", value: "Versioned", settings: "Settings") -> int:
    """Print a version, and what it was before."""
    if wants_json(settings):
        load("json_output:show")(console, {"package_name": value.name, "version": value.version, "commit_info": None})
    elif settings.flag("short"):
        console.out(value.version)
    elif value.before:
        console.out(f"{value.name} {value.before} => {value.version}")
    else:
        console.out(f"{value.name} {value.version}")
    return 0 if value.edited is None else show_edited(console, value.edited, settings, quiet=True)


def show_init(console: "Console", value: "Initialized", settings: "Settings") -> int:
    """Show what was made."""
    if wants_json(settings):
        load("as_json:show")(console, {"name": value.name, "path": value.path, "workspace": value.member_of or None})
    elif value.script:
        console.say(f"Initialized script at `{value.name}`")
    else:
        if value.member_of:
            console.say(f"Added `{value.name}` to the workspace `{value.member_of}`")
        console.say(f"Initialized project `{value.name}` at `{value.path}`")
    return 0


def show_edited(console: "Console", value: "Edited", settings: "Settings", *, quiet: bool = False) -> int:
    """Show what changed in the environment; nothing with `quiet` where the result is JSON already."""
    if value.synced is None or (quiet and wants_json(settings)):
        return 0
    return int(load("changes:show")(console, value.synced.changes, settings))


def show_run(console: "Console", value: "Program", settings: "Settings") -> int:
    """Become the program."""
    load("process:replace", "")(value.argv, value.environ)
    return 0


def show_sync(console: "Console", value: "SyncResult", settings: "Settings") -> int:
    """Show what changed in the environment, or everything as JSON."""
    if wants_json(settings):
        load("json_output:show")(console, value.as_json())
        return value.changes.status
    return int(load("changes:show")(console, value.changes, settings))


def show_lock(console: "Console", value: "LockResult", settings: "Settings") -> int:
    """Show what changed in the lock."""
    if wants_json(settings):
        updated = value.updated
        load("json_output:show")(
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
