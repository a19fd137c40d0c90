"""Draw the house: its rooms as boxes, their imports as arrows, into docs/house.svg.

Usage: .venv/bin/python tools/house_map.py [--check]. With `--check` nothing is written, and the status is 1 when the picture is old.

The rows are the layers of the import contract in pyproject.toml, the arrows are what the files import when they run (not what only
the type checker reads). An arrow that others imply is left out: where `cli` imports `commands` and `commands` imports `model`, an
arrow from `cli` to `model` would add nothing. Nor would arrows to the rooms of the last three layers, which any room may import: they
are drawn as the ground that all others stand on.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "commonwheel"
PICTURE = ROOT / "docs" / "house.svg"
PACKAGE = "commonwheel"

WIDTH, BOX, GAP, HEIGHT, STEP = 920, 118, 46, 34, 78
INK, PAPER, GROUND, LINE, ACCENT = "#24292f", "#ffffff", "#f6f8fa", "#8c959f", "#0969da"
#: How far an arrow may bend at its start and at its end, to pass the boxes in its way: the least first.
BENDS = sorted(
    ((one, two) for one in range(-360, 361, 40) for two in range(-360, 361, 40)),
    key=lambda bend: (abs(bend[0]) + abs(bend[1]) + abs(bend[0] - bend[1]) / 2, bend),
)
#: What `cli` loads by the names in its table of commands, so that a command loads only its own modules.
BY_NAME = {"cli": {"commands", "session"}}
LOWEST_LAYERS = 3

Edges = dict[str, set[str]]
Point = tuple[float, float]


def rooms_of(path: Path) -> str:
    """Return the room that a source file is in: a directory of the package, or a file of its own."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports when it runs."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from _rooms(node.module, [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _rooms(alias.name, [])
        waiting += ast.iter_child_nodes(node)


def _rooms(module: str, names: list[str]) -> Iterator[str]:
    package, _, rest = module.partition(".")
    if package == PACKAGE:
        yield from [rest.partition(".")[0]] if rest else names


def house() -> Edges:
    """Return what each room imports of the others."""
    found: Edges = {}
    for path in sorted(SOURCE.rglob("*.py")):
        room = rooms_of(path)
        if room != "__init__":
            found.setdefault(room, set()).update(imports(path))
    return {room: {one for one in used if one in found and one != room} for room, used in found.items()}


def reduced(edges: Edges) -> Edges:
    """Leave out every import that others imply. ValueError: rooms import each other in a circle."""
    reach: Edges = {}

    def below(room: str, above: tuple[str, ...] = ()) -> set[str]:
        if room in above:
            raise ValueError(f"a circle of imports: {' > '.join((*above, room))}")
        if room not in reach:
            reach[room] = set().union(*({one} | below(one, (*above, room)) for one in edges[room]))
        return reach[room]

    for room in edges:
        below(room)
    return {
        room: {one for one in used if not any(one in reach[other] for other in used if other != one)}
        for room, used in edges.items()
    }


def rows(edges: Edges) -> list[list[str]]:
    """Return the rooms by layer, from the top, each row ordered so that few arrows cross. ValueError: a room has no layer."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        (contract,) = (
            one for one in tomllib.load(stream)["tool"]["importlinter"]["contracts"] if one["type"] == "layers"
        )
    found = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    found = [[room for room in row if room in edges] for row in found]
    missing = set(edges) - {room for row in found for room in row}
    if missing:
        raise ValueError(f"no layer has {', '.join(sorted(missing))}")
    place = {room: _at(row, number) for row in found for number, room in enumerate(row)}
    for row in found[1:]:
        users = {room: [place[one] for one, used in edges.items() if room in used] for room in row}
        middle = {room: sum(above) / len(above) if above else WIDTH / 2 for room, above in users.items()}
        row.sort(key=lambda room, middle=middle: (middle[room], room))
        place |= {room: _at(row, number) for number, room in enumerate(row)}
    return [row for row in found if row]


def _at(row: list[str], number: int) -> float:
    """Return the middle of a box."""
    return WIDTH / 2 + (number - (len(row) - 1) / 2) * (BOX + GAP)


def picture() -> str:
    """Return the whole picture as SVG text."""
    edges = house()
    for room, named in BY_NAME.items():
        edges[room] |= named & set(edges)
    edges = reduced(edges)
    layers = rows(edges)
    ground = {room for row in layers[-LOWEST_LAYERS:] for room in row}
    place = {
        room: (_at(row, number), 20 + depth * STEP)
        for depth, row in enumerate(layers)
        for number, room in enumerate(row)
    }
    height, floor = 20 + len(layers) * STEP, len(layers) - LOWEST_LAYERS
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' font-family='sans-serif' role='img'>",
        "<title>The rooms of Commonwheel and what they import</title>",
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>",
        f"<path d='M0 0L8 4L0 8z' fill='{LINE}'/></marker></defs>",
        f"<rect width='{WIDTH}' height='{height}' fill='{PAPER}'/>",
        f"<rect x='40' y='{6 + floor * STEP}' width='{WIDTH - 80}' height='{height - 14 - floor * STEP}' rx='10' fill='{GROUND}'/>",
        f"<text x='56' y='{26 + floor * STEP}' font-size='12' fill='{INK}'>the ground: any room may import these</text>",
    ]
    for room, used in sorted(edges.items()):
        if room not in ground:
            lines += [arrow(place, room, one, by_name=one in BY_NAME.get(room, ())) for one in sorted(used - ground)]
    for room, (x, y) in sorted(place.items(), key=lambda one: (one[1][1], one[1][0])):
        is_folder = (SOURCE / room).is_dir()
        lines.append(
            f"<rect x='{x - BOX / 2:.0f}' y='{y}' width='{BOX}' height='{HEIGHT}' rx='6' fill='{PAPER}' "
            f"stroke='{ACCENT if is_folder else LINE}' stroke-width='1.5'/>"
        )
        name = f"{room}/" if is_folder else f"{room}.py"
        lines.append(f"<text x='{x:.0f}' y='{y + 22}' font-size='14' fill='{INK}' text-anchor='middle'>{name}</text>")
    return "\n".join((*lines, "</svg>")) + "\n"


def arrow(place: dict[str, Point], room: str, used: str, *, by_name: bool) -> str:
    """Return an arrow from the lower edge of a box to the upper edge of another, bent around the boxes between them."""
    (x, top), (to, bottom) = place[room], place[used]
    # arrows to one box do not all meet in one point
    lean = max(-0.36, min(0.36, (to - x) / WIDTH)) * BOX
    start, end = (x + lean, top + HEIGHT), (to - lean, bottom - 1)
    others = [place[one] for one in place if one not in (room, used)]

    def curve(bend: tuple[int, int]) -> tuple[Point, Point, Point, Point]:
        middle = (end[1] - start[1]) / 2
        return start, (start[0] + bend[0], start[1] + middle), (end[0] + bend[1], end[1] - middle), end

    bend = next((one for one in BENDS if not any(_meets(curve(one), box) for box in others)), (0, 0))
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = curve(bend)
    dashed = " stroke-dasharray='5 4'" if by_name else ""
    path = f"M{ax:.0f} {ay:.0f} C{bx:.0f} {by:.0f} {cx:.0f} {cy:.0f} {dx:.0f} {dy:.0f}"
    return f"<path d='{path}' fill='none' stroke='{LINE}' stroke-width='1.3'{dashed} marker-end='url(#tip)'/>"


def _meets(curve: tuple[Point, Point, Point, Point], box: Point) -> bool:
    """Return whether a curve passes through a box, or so near that it seems to."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = curve
    for step in range(1, 40):
        t, u = step / 40, 1 - step / 40
        x = u**3 * ax + 3 * u * u * t * bx + 3 * u * t * t * cx + t**3 * dx
        y = u**3 * ay + 3 * u * u * t * by + 3 * u * t * t * cy + t**3 * dy
        if abs(x - box[0]) < BOX / 2 + 6 and box[1] - 4 < y < box[1] + HEIGHT + 4:
            return True
    return False


def main() -> int:
    """Write or check the picture."""
    text = picture()
    if "--check" in sys.argv[1:]:
        return 0 if PICTURE.is_file() and PICTURE.read_text(encoding="utf-8") == text else 1
    PICTURE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
