"""Write docs/reference.md from the tables of commands and options, so that it cannot lie.

Usage: .venv/bin/python tools/reference.py [--check]. With `--check` nothing is written, and the status is 1 when the page is old.
"""

import os
import sys

from commonwheel.cli import COMMANDS, load
from commonwheel.settings import OPTIONS

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs", "reference.md")


def option_row(key: str) -> str:
    """Return the row of one option, "" for one that is hidden or has no spelling."""
    option = OPTIONS[key]
    if option.hidden or not option.flags:
        return ""
    spelled = ", ".join(f"`{flag}`" for flag in option.flags)
    if option.takes_value:
        spelled += f" *{option.metavar}*"
    names = [f"`CW_{name}`" for name in option.variables]
    names += [f"`UV_{name}`" for name in option.variables if option.uv]
    config = f"`{option.config}`" if option.config else ""
    text = option.help + (f" ({', '.join(option.choices)})" if option.choices else "")
    return f"| {spelled} | {text} | {' '.join(names)} | {config} |"


def page() -> str:
    """Return the whole page."""
    lines = [
        "# Commands and options",
        "",
        "Written by `tools/reference.py` from the tables that the program itself reads. Precedence: command line, `CW_` variables, `UV_`",
        "variables, the project's `cw.toml` or `[tool.cw]`, its `uv.toml` or `[tool.uv]` (indexes, sources, constraints and the like),",
        "the user's file (`~/.config/cw/cw.toml`), the system's (`/etc/xdg/cw/cw.toml`, `/etc/cw/cw.toml`). `cw config` tells what counts.",
        "",
    ]
    everywhere = load("words:GLOBAL")
    lines += ["## Everywhere", "", *table(everywhere[1])]
    for name, row in COMMANDS.items():
        arguments = load(row[0])
        lines += [f"## cw {name}", "", f"{row[3]}.", "", f"    cw {name} [OPTIONS] {arguments.positional}".rstrip(), ""]
        for heading, keys in arguments.groups:
            rows = table(keys) if keys != everywhere[1] else []
            if rows:
                lines += [f"**{heading}**", "", *rows]
    return "\n".join(lines).rstrip() + "\n"


def table(keys: str) -> list[str]:
    """Return the table of some options, [] when none is shown."""
    rows = [row for row in map(option_row, keys.split()) if row]
    return ["| option | meaning | variables | configuration |", "|---|---|---|---|", *rows, ""] if rows else []


def main() -> int:
    """Write or check the page."""
    text = page()
    try:
        with open(PAGE, encoding="utf-8") as stream:
            old = stream.read()
    except FileNotFoundError:
        old = ""
    if "--check" in sys.argv[1:]:
        return 0 if old == text else 1
    with open(PAGE, "w", encoding="utf-8") as stream:
        stream.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
