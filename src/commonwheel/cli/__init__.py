"""The command line: one table from words to functions.

A row is four strings: where the arguments are declared, which function of `commands` does the work, what shows its value, and one
line of help. Of several functions each is called in turn until one has a value; what one found out is handed on to the next.
Nothing is imported before the words are known, so `--version` and `help` load next to nothing, and a command loads only its own
modules. `load` is the one place outside `session/` that imports late.

A command is a function `(session, parsed) -> value`, or `(session) -> value` where it takes no words; a shower is a function
`(console, value, settings) -> exit status`.
"""

import _thread
import atexit
import gc
import os
import sys

from commonwheel import __version__
from commonwheel.cli.console import Console
from commonwheel.errors import CommonwheelError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed

COMMANDS = {
    "pip install": (
        "pip:INSTALL",
        "install_no_change:install install_fast_path:install install:install",
        "changes:show",
        "Install packages",
    ),
    "pip sync": (
        "pip:SYNC",
        "install:sync",
        "changes:show",
        "Make an environment match lock files or pinned requirements exactly",
    ),
    "pip uninstall": ("pip:UNINSTALL", "install:uninstall", "changes:show", "Remove packages"),
    "pip compile": (
        "pip:COMPILE",
        "compile:compile_",
        "pip:show_text",
        "Resolve requirements to a file of pinned versions",
    ),
    "pip freeze": ("pip:FREEZE", "listing:freeze", "pip:show_lines", "List installed packages in requirements format"),
    "pip list": ("pip:LIST", "listing:list_", "pip:show_list", "List installed packages"),
    "pip show": ("pip:SHOW", "show:show", "pip:show_details", "Show details of installed packages"),
    "pip tree": ("pip:TREE", "tree:tree", "pip:show_tree", "Show installed packages as a tree"),
    "pip check": (
        "pip:CHECK",
        "check:check",
        "pip:show_check",
        "Check that installed packages have compatible dependencies",
    ),
    "pip download": ("pip:DOWNLOAD", "fetch:download", "pip:show_files", "Download packages and their dependencies"),
    "pip wheel": ("pip:WHEEL", "fetch:wheel", "pip:show_files", "Build wheels of packages and their dependencies"),
    "pip hash": ("pip:HASH", "hash:hash_", "pip:show_hashes", "Compute hashes of files for requirements files"),
    "pip inspect": ("pip:INSPECT", "inspect:inspect", "pip:show_json", "Describe an environment as JSON"),
    "pip index versions": (
        "pip:VERSIONS",
        "index_versions:versions",
        "pip:show_versions",
        "List the versions that an index offers",
    ),
    "pip debug": ("pip:DEBUG", "debug:debug", "pip:show_lines", "Show tags, markers and configuration"),
    "init": ("project:INIT", "init:init", "project:show_init", "Create a new project"),
    "add": ("project:ADD", "add:add", "project:show_edited", "Add requirements to a project"),
    "remove": ("project:REMOVE", "add:remove", "project:show_edited", "Remove requirements from a project"),
    "undo": ("project:UNDO", "add:undo", "project:show_edited", "Undo the last change of a project"),
    "version": ("project:VERSION", "version:version", "project:show_version", "Print or change a project's version"),
    "export": (
        "project:EXPORT",
        "export:export",
        "pip:show_text",
        "Export the lock file of a project to another format",
    ),
    "tree": ("project:TREE", "project_tree:tree", "pip:show_lines", "Show the dependency tree of a project"),
    "lock": (
        "project:LOCK",
        "project_no_change:lock lock:lock",
        "project:show_lock",
        "Update the lock file of a project",
    ),
    "sync": (
        "project:SYNC",
        "project_no_change:sync sync:sync",
        "project:show_sync",
        "Update the environment of a project from its lock file",
    ),
    "run": (
        "project:RUN",
        "project_no_change:run run:run",
        "project:show_run",
        "Run a command in the environment of a project",
    ),
    "venv": ("environments:VENV", "venv:create", "environments:show_venv", "Create a virtual environment"),
    "build": ("pip:BUILD", "build:build", "pip:show_files", "Build source distributions and wheels"),
    "cache dir": ("cache:DIR", "cache:directory", "pip:show_line", "Print the directory of the personal store"),
    "cache size": ("cache:SIZE", "cache:size", "cache:show_size", "Show the size of the store"),
    "cache list": ("cache:LIST", "cache:list_", "cache:show_list", "List the packages in the store"),
    "cache info": ("cache:INFO", "cache:info", "cache:show_info", "Show the entries of one package in the store"),
    "cache clean": (
        "cache:CLEAN",
        "cache:clean",
        "cache:show_removed",
        "Remove all cache entries, or those of some packages",
    ),
    "cache prune": ("cache:PRUNE", "cache:prune", "cache:show_removed", "Remove unused cache entries"),
    "cache init": ("cache:INIT", "cache:init", "cache:show_init", "Create a store, private or shared"),
    "cache verify": ("cache:VERIFY", "cache:verify", "cache:show_verified", "Check every file of the store"),
    "env log": ("history:LOG", "history:log", "history:show_log", "List the changes of an environment"),
    "env undo": ("history:UNDO", "history:undo", "changes:show", "Undo the last change"),
    "env rollback": ("history:ROLLBACK", "history:rollback", "changes:show", "Go back to an earlier state"),
    "env diff": ("history:DIFF", "history:diff", "history:show_diff", "Compare two states"),
    "env snapshot": ("history:SNAPSHOT", "history:snapshot", "pip:show_line", "Save the current state under a name"),
    "env relocate": (
        "history:RELOCATE",
        "history:relocate",
        "pip:show_lines",
        "Repair an environment that was moved",
    ),
    "verify": (
        "history:VERIFY",
        "verify:verify",
        "history:show_verified",
        "Check every file of an environment",
    ),
    "doctor": (
        "doctor:DOCTOR",
        "doctor:doctor",
        "doctor:show",
        "Diagnose cache and environment problems",
    ),
    "config": ("config:CONFIG", "config:config", "config:show", "Show every setting and its source"),
    "python list": ("environments:PYTHON_LIST", "python:list_", "environments:show_pythons", "List interpreters"),
    "python find": ("environments:PYTHON_FIND", "python:find", "pip:show_line", "Find an interpreter"),
    "self version": ("config:VERSION", "config:version", "pip:show_line", "Print the version"),
    "generate-shell-completion": ("help:COMPLETION", "", "help:complete", "Write a completion script"),
    "help": ("help:HELP", "", "help:explain", "Explain a command"),
}

#: Other names, as uv and pip have them.
ALIASES = {"cache clear": "cache clean", "pip ls": "pip list", "pip versions": "pip index versions"}
INTERRUPTED = 130
INTERNAL = 70


def load(name: str, room: str = "cli") -> "Any":
    """Import `module:attribute` of a room (`""`: of the package) and return the attribute."""
    module, _, attribute = name.partition(":")
    path = f"commonwheel.{room}.{module}" if room else f"commonwheel.{module}"
    return getattr(__import__(path, fromlist=[attribute]), attribute)


def run() -> "NoReturn":
    """Be the process of `cw`: run the command line, and end.

    A command makes values and ends. Looking for circles among them costs an eighth of it and finds next to none; taking the
    interpreter apart at the end costs another fifth, for memory that the system takes back anyway. What was registered for
    the end is called, and what was written is flushed; where a thread is still at work, Python ends as it always does.
    """
    gc.set_threshold(200_000, 20, 20)
    status = main()
    if not _thread._count():  # noqa: SLF001 - what `threading` knows, without its import
        atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter would call
        if _flushed():
            os._exit(status)
    sys.exit(status)


def _flushed() -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return False
    return True


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the command that the words name and return the exit status.

    0 done, 1 could not, 2 usage or surroundings, 130 interrupted, 70 a bug in cw.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    console = Console()
    try:
        if words in (["--version"], ["-V"]):
            console.out(f"cw {__version__}")
            return 0
        return _run(words, console)
    except CommonwheelError as error:
        if error.exit_status == INTERNAL:
            return _fault(console)
        console.error(error)
        if _wants_data(words):
            load("json_output:show")(console, {"error": error.as_json()})
        return error.exit_status
    except KeyboardInterrupt:
        console.trouble("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:
        # a disk or a file server that fails, where nobody expected it: not our fault, and no traceback for the user
        console.error(load("crash_report:refused")(error))
        console.detail(load("crash_report:text")())
        return 1
    except Exception:  # noqa: BLE001 - the last stop: our own fault is told as such
        return _fault(console)


def _run(words: "list[str]", console: Console) -> int:
    """Find the command, read its words, call it and show its value."""
    given, named, rest = _begin(words)
    name = ALIASES.get(named, named)
    if name not in COMMANDS:
        return _no_command(named, rest, given, console)
    arguments_name, function_name, shower_name, _ = COMMANDS[name]
    arguments = load(arguments_name)
    parsed: Parsed = load("arguments:parse")(arguments, rest, given)
    if parsed.given.get("help"):
        return int(load("help:command")(console, name, arguments, COMMANDS))
    shower = load(shower_name)
    if not function_name:
        return int(shower(console, parsed, COMMANDS))
    settings = load("session:read_settings", "session")(parsed.given, name)
    console.adjust(
        settings.count("quiet"),
        settings.count("verbose"),
        "never" if settings.flag("no-color") else settings.text("color") or "auto",
    )
    with (
        load("reporter:Watcher")(console, settings, load) as watcher,
        load("session:Session", "session")(settings, watcher, command=name, words=words) as session,
    ):
        value = _value(function_name.split(), session, parsed)
    return int(shower(console, value, settings))


def _value(functions: "list[str]", session: "Session", parsed: "Parsed") -> "Any":
    """Call the functions of a command: each but the last returns a value, or None and what the next one starts from."""
    start: tuple[object, ...] = ()
    *quick, last = functions
    for one in quick:
        value, found = _call(one, session, parsed, *start)
        if value is not None:
            return value
        start = () if found is None else (found,)
    return _call(last, session, parsed, *start)


def _call(name: str, session: "Session", parsed: "Parsed", *start: object) -> "Any":
    """Call one function of `commands`; of those that take no words, the session is all there is to say."""
    function = load(name, "commands")
    return function(session, parsed, *start) if function.__code__.co_argcount > 1 else function(session)


def _wants_data(words: "list[str]") -> bool:
    """Return whether the result was to be JSON, whatever went wrong while the words were read."""
    spelled = ("--format", "--output-format")
    return (
        "--json" in words
        or any(f"{option}=json" in words for option in spelled)
        or any(word in spelled and "json" in words[at + 1 : at + 2] for at, word in enumerate(words))
    )


def _begin(words: "list[str]") -> "tuple[dict[str, object], str, list[str]]":
    """Read the options before, between and the words of a command; return them, its name as far as it goes, and the rest."""
    given: dict[str, object] = {}
    named, at = "", 0
    while at < len(words):
        if words[at].startswith("-"):
            given, taken = load("arguments:leading")(load("arguments:EVERYWHERE"), words[at:], given)
            at += taken
            continue
        tried = f"{named} {words[at]}".strip()
        longer = any(name.startswith(tried + " ") for name in COMMANDS)
        if not longer and tried not in COMMANDS and tried not in ALIASES:
            break
        named = tried
        at += 1
        if not longer:
            break
    return given, named, words[at:]


def _no_command(named: str, rest: "list[str]", given: "dict[str, object]", console: Console) -> int:
    """Show the overview of a family, or say that there is no such command."""
    if not rest:
        load("help:overview")(console, COMMANDS, named)
        return 0 if given.get("help") or not named else 2
    tried = f"{named} {rest[0]}".strip()
    raise UsageError(
        f"there is no command `cw {tried}`",
        hint=load("arguments:likely")(tried, COMMANDS) or "`cw help` lists the commands",
    )


def _fault(console: Console) -> int:
    """Print an internal error with the traceback that a report needs."""
    console.trouble(load("crash_report:text")())
    console.trouble(f"This is a bug in Commonwheel {__version__}. Please report it with the lines above.")
    return INTERNAL
