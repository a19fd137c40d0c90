"""Two kinds of picture, written as SVG without any library: lines on logarithmic axes, and bars of ratios.

Small files that show the same everywhere: plain shapes and text, a ground of their own, so that they can be read on a dark page.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

FONT = "font-family='Helvetica,Arial,sans-serif'"
INK, FAINT, GRID = "#24292f", "#6e7781", "#e4e7eb"
REACHED, MISSED = "#1a7f64", "#d1782c"
LEFT, TOP, WIDE, HIGH, GAP = 64, 76, 330, 250, 70


@dataclass(frozen=True)
class Line:
    """A series of a plot: points in any order."""

    label: str
    color: str
    dashed: bool
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Bar:
    """One ratio: its name, itself, and what it should be at most."""

    label: str
    ratio: float
    target: float | None


def plot(title: str, panels: list[Panel]) -> str:
    """Return panels in rows of two, with one legend."""
    rows = (len(panels) + 1) // 2
    width = LEFT + 2 * WIDE + GAP + 20
    height = TOP + rows * (HIGH + GAP) - 10
    parts = [text(LEFT, 26, title, 16, weight="bold"), *_legend(panels)]
    for number, panel in enumerate(panels):
        parts += _panel(panel, LEFT + number % 2 * (WIDE + GAP), TOP + 10 + number // 2 * (HIGH + GAP))
    return _page(width, height, parts)


def bars(title: str, groups: list[tuple[str, list[Bar]]]) -> str:
    """Return bars on a logarithmic axis that start at 1: to the left is faster; a stroke marks what is to be reached.

    What is below 0.01 ends there, and its number says it.
    """
    step, left, wide = 19, 350, 400
    ratios = [number for _, each in groups for bar in each for number in (bar.ratio, bar.target) if number]
    low = max(-2.0, min(-1.0, math.floor(math.log10(min(ratios)) * 2) / 2))
    high = max(0.5, math.ceil(math.log10(max(ratios)) * 2) / 2)

    def x(ratio: float) -> float:
        return left + max(0.0, math.log10(ratio) - low) / (high - low) * wide

    height = 84 + sum(len(each) * step + 30 for _, each in groups)
    parts = [text(20, 26, title, 16, weight="bold")]
    parts += _key(20, 48)
    for tick in _ticks(10**low, 10**high):
        strong = tick == 1
        parts.append(_stroke(x(tick), 66, x(tick), height - 14, INK if strong else GRID, 1.2 if strong else 1))
        parts.append(text(x(tick), height - 2, _plain(tick), 10, FAINT, "middle"))
    y = 72.0
    for name, each in groups:
        parts.append(text(20, y + 14, name, 12, weight="bold"))
        y += 22
        for bar in each:
            good = bar.target is None or bar.ratio <= bar.target
            begin, end = sorted((x(1), x(bar.ratio)))
            color = FAINT if bar.target is None else REACHED if good else MISSED
            parts.append(text(left - 12, y + 12, bar.label, 11, INK, "end"))
            parts.append(_box(begin, y + 3, max(end - begin, 1), step - 6, color))
            parts.append(text(left + wide + 56, y + 12, _digits(bar.ratio), 11, color, "end"))
            if bar.target is not None:
                parts.append(_stroke(x(bar.target), y, x(bar.target), y + step - 1, INK, 2))
            y += step
        y += 8
    return _page(left + wide + 76, height + 8, parts)


def text(x: float, y: float, words: str, size: int, color: str = INK, anchor: str = "start", weight: str = "") -> str:
    """Return words at a place."""
    more = f" font-weight='{weight}'" if weight else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{color}' text-anchor='{anchor}'{more}>{escape(words)}</text>"


def _page(width: float, height: float, parts: Iterable[str]) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' width='{width:.0f}' {FONT}>"
    return "\n".join(
        [head, f"<rect width='{width:.0f}' height='{height:.0f}' rx='6' fill='#ffffff'/>", *parts, "</svg>\n"]
    )


def _key(x: float, y: float) -> list[str]:
    parts = []
    for color, words in ((REACHED, "target reached"), (MISSED, "not reached"), (FAINT, "no target")):
        parts += [_box(x, y - 9, 12, 10, color), text(x + 17, y, words, 11)]
        x += 40 + 6.2 * len(words)
    return [
        *parts,
        _stroke(x, y - 11, x, y + 3, INK, 2),
        text(x + 8, y, "target (1 is as fast as the other; to the left is faster)", 11),
    ]


def _legend(panels: list[Panel]) -> list[str]:
    known = {line.label: line for panel in panels for line in panel.lines}
    parts = []
    x = float(LEFT)
    for line in known.values():
        parts.append(_stroke(x, 46, x + 24, 46, line.color, 2.2, dashed=line.dashed))
        parts.append(text(x + 29, 50, line.label, 11))
        x += 44 + 6.3 * len(line.label)
    return parts


def _panel(panel: Panel, left: float, top: float) -> list[str]:
    points = [point for line in panel.lines for point in line.points]
    (low_x, high_x), (low_y, high_y) = (_ends([point[axis] for point in points]) for axis in (0, 1))

    def x(value: float) -> float:
        return left + math.log10(value / low_x) / math.log10(high_x / low_x) * WIDE

    def y(value: float) -> float:
        return top + HIGH - math.log10(value / low_y) / math.log10(high_y / low_y) * HIGH

    parts = [text(left, top - 10, panel.title, 12, weight="bold")]
    for tick in _ticks(low_x, high_x):
        parts.append(_stroke(x(tick), top, x(tick), top + HIGH, GRID))
        parts.append(text(x(tick), top + HIGH + 14, _plain(tick), 10, FAINT, "middle"))
    for tick in _ticks(low_y, high_y):
        parts.append(_stroke(left, y(tick), left + WIDE, y(tick), GRID))
        parts.append(text(left - 6, y(tick) + 3, _plain(tick), 10, FAINT, "end"))
    parts.append(f"<rect x='{left}' y='{top}' width='{WIDE}' height='{HIGH}' fill='none' stroke='{FAINT}'/>")
    parts.append(text(left + WIDE / 2, top + HIGH + 30, panel.across, 11, INK, "middle"))
    place = f"{left - 44:.1f} {top + HIGH / 2:.1f}"
    parts.append(f"<g transform='translate({place}) rotate(-90)'>{text(0, 0, panel.up, 11, INK, 'middle')}</g>")
    for line in panel.lines:
        places = [(x(across), y(up)) for across, up in sorted(line.points)]
        path = " ".join(f"{one:.1f},{other:.1f}" for one, other in places)
        dash = " stroke-dasharray='6 4'" if line.dashed else ""
        parts.append(f"<polyline points='{path}' fill='none' stroke='{line.color}' stroke-width='2'{dash}/>")
        parts += [f"<circle cx='{one:.1f}' cy='{other:.1f}' r='2.6' fill='{line.color}'/>" for one, other in places]
    return parts


def _ends(values: list[float]) -> tuple[float, float]:
    """Return round numbers around values."""
    low, high = min(values), max(values)
    below = [tick for tick in _ticks(low / 10, low) if tick <= low]
    above = [tick for tick in _ticks(high, high * 10) if tick >= high]
    return below[-1], above[0] if above[0] > below[-1] else above[1]


def _ticks(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10 ... between two numbers, without 2 and 5 where that would be many."""
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) < 6 else (1,)
    numbers = [float(f"{step}e{decade}") for decade in decades for step in steps]
    return [number for number in numbers if low * 0.999 <= number <= high * 1.001]


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number >= 1 else f"{number:g}"


def _digits(ratio: float) -> str:
    return f"{ratio:.{3 if ratio < 0.1 else 2 if ratio < 10 else 0}f}"


def _box(x: float, y: float, width: float, height: float, color: str) -> str:
    return f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{color}'/>"


def _stroke(x: float, y: float, to_x: float, to_y: float, color: str, width: float = 1, *, dashed: bool = False) -> str:
    dash = " stroke-dasharray='6 4'" if dashed else ""
    return f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{to_x:.1f}' y2='{to_y:.1f}' stroke='{color}' stroke-width='{width}'{dash}/>"
