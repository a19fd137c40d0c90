"""Write docs/reference.md from the tables of commands and options, so that it cannot lie.

Usage: .venv/bin/python tools/reference.py [--check]. With `--check` nothing is written, and the status is 1 when the page is old.
"""

import ast
import os
import sys
from collections.abc import Iterator

import commonwheel
from commonwheel.cli import COMMANDS, load
from commonwheel.settings.options import OPTIONS

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs", "reference.md")


#: What each command decides for itself.
UNSETTLED = ("format",)


def defaults() -> dict[str, str]:
    """Return the default of each setting that has one, as the source has it: `settings.text("x") or "default"`, and `ClientOptions`.

    Raises ValueError when two places of the source disagree.
    """
    found: dict[str, str] = {}
    for tree in trees():
        for node in ast.walk(tree):
            for key, value in [*default_of(node)]:
                if found.setdefault(key, value) != value:
                    raise ValueError(f"`{key}` has two defaults: {found[key]} and {value}")
    return found


def default_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the settings and their defaults that one expression or class names."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        key, value = setting_of(node.values[0]), node.values[-1]
        if key and isinstance(value, ast.Constant) and value.value:
            yield key, str(value.value)
    elif isinstance(node, ast.ClassDef) and node.name == "ClientOptions":
        (made,) = (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
        for argument, value in zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True):
            key = argument.arg.replace("_", "-")
            if key in OPTIONS and isinstance(value, ast.Constant) and type(value.value) in (int, float):
                yield key, f"{value.value:g}"


def trees() -> Iterator[ast.Module]:
    """Yield every file of the program, parsed."""
    for folder, _, files in sorted(os.walk(os.path.dirname(commonwheel.__file__))):
        for name in sorted(files):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8") as stream:
                    yield ast.parse(stream.read())


def setting_of(node: ast.expr) -> str:
    """Return the key that a call reads as a text or number of the settings, "" for another expression."""
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Attribute)
        or node.func.attr not in ("text", "number")
    ):
        return ""
    (key, *_) = [*node.args, None]
    return key.value if isinstance(key, ast.Constant) and key.value in OPTIONS and key.value not in UNSETTLED else ""


DEFAULTS = defaults()


def option_row(key: str, *, without_flags: bool = False) -> str:
    """Return the row of one option, "" for one that is hidden or has no spelling; or only for those without a spelling."""
    option = OPTIONS[key]
    if option.hidden or bool(option.flags) == without_flags:
        return ""
    spelled = ", ".join(f"`{flag}`" for flag in option.flags)
    if option.takes_value and option.flags:
        spelled += f" *{option.metavar}*"
    names = [f"`CW_{name}`" for name in option.variables]
    names += [f"`UV_{name}`" for name in option.variables if option.uv]
    config = f"`{option.config}`" if option.config else ""
    text = option.help + (f" ({', '.join(option.choices)})" if option.choices else "")
    text += f" [default: {DEFAULTS[key]}]" if key in DEFAULTS else ""
    return f"| {spelled or config} | {text} | {' '.join(names)} | {config} |"


def page() -> str:
    """Return the whole page."""
    lines = [
        "# Commands and options",
        "",
        "Written by `tools/reference.py` from the tables that the program itself reads.",
        "",
        "A setting is taken from the first of these places that has it: the command line; `CW_` variables; `UV_` variables; `cw.toml` or `[tool.cw]` of the",
        "project; `uv.toml` or `[tool.uv]` of the project (indexes, sources, constraints and the like); the file of the user (`~/.config/cw/cw.toml`); the file",
        "of the system (`/etc/xdg/cw/cw.toml`, `/etc/cw/cw.toml`). `cw config` shows every value and where it comes from.",
        "",
    ]
    everywhere = load("arguments:GLOBAL")
    lines += ["## Global options", "", *table(everywhere[1])]
    for name, row in COMMANDS.items():
        arguments = load(row[0])
        lines += [f"## cw {name}", "", f"{row[3]}.", "", f"    cw {name} [OPTIONS] {arguments.positional}".rstrip(), ""]
        for heading, keys in arguments.groups:
            rows = table(keys) if keys != everywhere[1] else []
            if rows:
                lines += [f"**{heading}**", "", *rows]
    rows = [row for row in (option_row(key, without_flags=True) for key in OPTIONS) if row]
    lines += [
        "## Settings without an option",
        "",
        "They stand in variables and configuration files.",
        "",
        *headed(rows),
    ]
    return "\n".join(lines).rstrip() + "\n"


def table(keys: str) -> list[str]:
    """Return the table of some options, [] when none is shown."""
    rows = [row for row in map(option_row, keys.split()) if row]
    return headed(rows) if rows else []


def headed(rows: list[str]) -> list[str]:
    """Return a table of these rows."""
    return ["| option | meaning | variables | configuration |", "|---|---|---|---|", *rows, ""]


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
