"""Record a terminal cast for the README: docs/cast.svg, from commands that are really run.

Usage: .venv/bin/python tools/cast.py, as root: the commands run on a machine of the test kit that is thrown away, against an index on
loopback with small packages of well-known names. Nothing is fetched. The picture moves by CSS alone, loads nothing, and
stands still for readers who ask their system for less motion.
"""

import re
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from kit.documentation import documentation_index  # noqa: E402
from kit.machine import machine  # noqa: E402

PICTURE = ROOT / "docs" / "cast.svg"
COMMANDS = (
    "cw venv",
    "cw pip install flask",
    "cw pip install 'flask>=3' 'werkzeug<3'",
    "cw pip install --upgrade requests",
    "cw env undo",
    "cw verify",
)
COLUMNS, SIZE, LEADING, ADVANCE = 92, 13, 19, 8.06
#: How many letters appear at once.
LETTERS = 3
#: Seconds: to type a letter, between a command and its output, to read a line of output, and at the end.
TYPED, PAUSE, READ, REST = 0.05, 0.4, 0.14, 6.0
PAPER, INK, DIM, GREEN, RED, BLUE = "#0d1117", "#e6edf3", "#8b949e", "#3fb950", "#f85149", "#79c0ff"
COLORS = ((r"error:", RED), (r" [+~] ", GREEN), (r" - ", RED), (r"(Using|Activate|Creating|hint)", DIM))


def record() -> list[tuple[str, list[str]]]:
    """Run the commands, and return each with the lines of its output."""
    with documentation_index() as index, machine("you", index=index.url) as here:
        shell = here.shell("you")
        shell.run("mkdir shop && cd shop")
        return [(command, shell.run(command).output.rstrip("\n").split("\n")) for command in COMMANDS]


def wrapped(line: str) -> list[str]:
    """Return a line in parts that fit the width, further parts indented."""
    parts = []
    while len(line) > COLUMNS:
        at = line.rfind(" ", 0, COLUMNS)
        parts.append(line[:at])
        line = "    " + line[at + 1 :]
    return [*parts, line]


def picture(recorded: list[tuple[str, list[str]]]) -> str:
    """Return the cast as SVG text."""
    shown: list[tuple[float, str]] = []
    now, row = 0.6, 1
    for command, output in recorded:
        y = 20 + row * LEADING
        shown.append((now, f"<text y='{y}' x='16' fill='{BLUE}'>$</text>"))
        for at in range(0, len(command), LETTERS):
            piece, x = escape(command[at : at + LETTERS]), 34 + at * ADVANCE
            length = len(command[at : at + LETTERS]) * ADVANCE
            style = f"fill='{INK}' font-weight='bold' xml:space='preserve' textLength='{length:.1f}'"
            shown.append((now, f"<text y='{y}' x='{x:.1f}' {style}>{piece}</text>"))
            now += TYPED * LETTERS
        now, row = now + PAUSE, row + 1
        for line in (part for whole in output for part in wrapped(whole)):
            color = next((color for pattern, color in COLORS if re.match(pattern, line)), INK)
            text = f"<text y='{20 + row * LEADING}' x='16' fill='{color}' xml:space='preserve'>{escape(line)}</text>"
            shown.append((now, text))
            now, row = now + READ, row + 1
        now += 0.9
    whole, height, width = now + REST, 44 + row * LEADING, 32 + COLUMNS * ADVANCE
    return (
        "\n".join(
            (
                f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height}' role='img'",
                f" font-family='ui-monospace, Menlo, Consolas, monospace' font-size='{SIZE}'>",
                "<title>cw creates an environment, installs packages, explains a conflict and takes a change back</title>",
                "<style>",
                f".l {{ animation: show {whole:.2f}s infinite; }}",
                *frames(sorted({start for start, _ in shown}), whole),
                "@media (prefers-reduced-motion: reduce) { .l { animation: none; } }",
                "</style>",
                f"<rect width='{width:.0f}' height='{height}' rx='8' fill='{PAPER}'/>",
                *(f"<circle cx='{18 + 18 * n}' cy='16' r='5' fill='#30363d'/>" for n in range(3)),
                *(f"<g class='l' style='animation-name: s{moment(start)}'>{text}</g>" for start, text in shown),
                "</svg>",
            )
        )
        + "\n"
    )


def moment(seconds: float) -> int:
    """Return a moment as part of a name: hundredths of a second."""
    return round(seconds * 100)


def frames(starts: list[float], whole: float) -> list[str]:
    """Return the rules by which a line appears at its moment and stays to the end."""
    rules = []
    for start in starts:
        at = 100 * start / whole
        rules.append(
            f"@keyframes s{moment(start)} {{ 0%, {at:.2f}% {{ opacity: 0; }} {at + 0.01:.2f}%, 100% {{ opacity: 1; }} }}"
        )
    return rules


def main() -> int:
    """Record and write the picture."""
    PICTURE.write_text(picture(record()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
