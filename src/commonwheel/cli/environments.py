"""The words of `venv` and `python`, and how their results look."""

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.cli.console import Console
    from commonwheel.commands.python import Found
    from commonwheel.commands.venv import Created
    from commonwheel.settings.settings import Settings

VENV = Arguments(
    "Create a virtual environment",
    "[PATH]",
    0,
    1,
    (
        (
            "Environment",
            ("python system seed clear force allow-existing prompt system-site-packages relocatable link-mode no-project "
            "managed-python python-preference"),
        ),
        ("Indexes, for --seed", "default-index index index-url extra-index-url find-links no-index exclude-newer exclude-newer-package index-strategy keyring-provider allow-insecure-host"),
        GLOBAL,
        ("", "cert client-cert proxy no-proxy-env timeout retries system-certs ignored ignored-value"),
    ),
)  # fmt: skip
PYTHON_LIST = Arguments(
    "List the interpreters of this machine",
    "[REQUEST]",
    0,
    1,
    (
        ("Output", "format only-installed managed-python python-preference"),
        GLOBAL,
        ("", "allow-insecure-host system-certs ignored-value"),
    ),
)
PYTHON_FIND = Arguments(
    "Find the interpreter that a request means",
    "[REQUEST]",
    0,
    1,
    (
        ("Environment", "system script show-version resolve-links no-project managed-python python-preference"),
        GLOBAL,
        ("", "allow-insecure-host system-certs ignored-value"),
    ),
)


def show_venv(console: "Console", value: "Created", settings: "Settings") -> int:
    """Print what was created and how to activate it, on stderr as uv does."""
    if settings.flag("json"):
        load("json_output:show")(
            console,
            {"path": value.path, "python": value.python, "version": value.version, "seeded": list(value.seeded)},
        )
        return 0
    console.say(f"Using {value.implementation} {value.version} interpreter at: {console.style(value.python, 'cyan')}")
    seeded = " with seed packages" if value.seeded else ""
    console.say(f"Creating virtual environment{seeded} at: {console.style(value.shown, 'cyan')}")
    for package in value.seeded:
        console.say(f" {console.style('+', 'green')} {package}")
    console.say(f"Activate with: {console.style(value.activate, 'green')}")
    return 0


def show_pythons(console: "Console", value: "Sequence[Found]", settings: "Settings") -> int:
    """Print interpreters, one a line, or as JSON."""
    if settings.flag("json") or settings.text("format") == "json":
        rows = [row.as_json() for row in value]
        load("json_output:show")(console, rows)
        return 0
    width = max((len(row.key) for row in value), default=0)
    for row in value:
        link = f" -> {row.link}" if row.link else ""
        console.out(f"{row.key:<{width}}    {row.path}{link}")
    return 0
