"""Markers as sets of worlds against `packaging.markers`, and back to text."""

import random
from collections.abc import Iterator

import pytest
from packaging.markers import Marker as OracleMarker

from commonwheel.resolve.marker_sets import MarkerSets, plain
from commonwheel.specs.markers import ALWAYS, NEVER, parse

COMPARISONS = [
    "python_version >= '3.9'", "python_version < '3.11'", "python_version == '3.10'", "python_version != '3.9'",
    "python_version > '3.8'", "python_version <= '3.10'", "python_version in '3.9, 3.11'", "python_version not in '3.9 3.12'",
    "python_full_version >= '3.9.2'", "python_full_version < '3.11.4'", "python_full_version == '3.10.*'",
    "python_full_version != '3.9.7'", "python_version ~= '3.9'", "'3.10' <= python_version",
    "sys_platform == 'win32'", "sys_platform != 'win32'", "sys_platform == 'linux'", "sys_platform == 'cygwin'",
    "platform_system == 'Windows'", "platform_system != 'Darwin'", "os_name == 'nt'", "os_name == 'posix'",
    "platform_machine == 'x86_64'", "platform_machine != 'arm64'", "platform_machine in 'x86_64 AMD64'",
    "implementation_name == 'cpython'", "platform_python_implementation == 'PyPy'", "platform_python_implementation != 'PyPy'",
    "'linux' in sys_platform", "platform_release >= '5'",
]  # fmt: skip


def text(pick: random.Random, depth: int = 0) -> str:
    kind = pick.randint(0, 4) if depth < 2 else 0
    if kind <= 1:
        return pick.choice(COMPARISONS)
    word = " and " if kind < 4 else " or "
    return "(" + word.join(text(pick, depth + 1) for _ in range(pick.randint(2, 3))) + ")"


def grid(*texts: str, lowest: str = "3.8") -> MarkerSets:
    worlds = MarkerSets(lowest)
    for one in texts:
        worlds.learn(parse(one))
    return worlds


def every_world(worlds: MarkerSets) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each world's bit, and the environment that it stands for (odd comparisons aside)."""
    axes = worlds._axes
    for n in range(worlds.everything.bit_length()):
        point: dict[str, str] = {}
        for axis in axes:
            point.update(axis.points[n // axis.stride % len(axis.points)])
        yield 1 << n, point


def test_set_matches_marker_evaluation_by_packaging() -> None:
    pick = random.Random(20260822)
    known = [one for one in COMPARISONS if "release" not in one]
    worlds = grid(*known)
    environments = list(every_world(worlds))
    for _ in range(60):
        marker = text(pick)
        if "release" in marker:
            continue
        oracle = OracleMarker(marker)
        found = worlds.of(parse(marker))
        for bit, point in pick.sample(environments, 60):
            environment = {"platform_release": "", "platform_version": "", "implementation_version": "3.9.0", **point}
            assert bool(found & bit) == oracle.evaluate(environment), (marker, point)


def test_set_to_marker_keeps_the_meaning() -> None:
    pick = random.Random(1)
    worlds = grid(*COMPARISONS)
    for _ in range(150):
        marker = text(pick)
        found = worlds.of(parse(marker))
        again = worlds.text(found, worlds.everything)
        assert worlds.of(parse(again)) == found, (marker, again)


def test_set_to_marker_drops_irrelevant_conditions() -> None:
    pick = random.Random(2)
    worlds = grid(*COMPARISONS)
    for _ in range(150):
        marker, care = text(pick), worlds.of(parse(text(pick)))
        found = worlds.of(parse(marker)) & care
        again = worlds.marker(found, care)
        assert worlds.of(again) & care == found, (marker, str(again))


def test_incremental_grid_equals_grid_built_at_once() -> None:
    pick = random.Random(3)
    order = list(COMPARISONS)
    pick.shuffle(order)
    one, other = grid(*COMPARISONS), grid(*order)
    assert one.everything == other.everything
    for _ in range(30):
        marker = parse(text(pick))
        assert one.text(one.of(marker), one.everything) != "" or one.of(marker) == one.everything
        assert one.of(marker).bit_count() == other.of(marker).bit_count()


def test_learning_reports_empty_sets() -> None:
    worlds = MarkerSets("3.8")
    assert worlds.learn(parse("python_version >= '3.10'"))
    assert not worlds.learn(parse("python_version >= '3.10'"))
    assert not worlds.learn(parse("python_version < '3.10'"))
    assert not worlds.learn(parse("sys_platform == 'win32'"))
    assert worlds.learn(parse("sys_platform == 'cygwin'"))
    assert worlds.learn(parse("platform_machine == 'arm64'"))


SIMPLER = [
    ("python_version >= '3.8'", ""),
    ("python_version >= '3.7' or sys_platform == 'win32'", ""),
    ("python_version < '3.8'", 'python_version < "0"'),
    ("python_version >= '3.10'", 'python_version >= "3.10"'),
    ("python_full_version >= '3.10.0'", 'python_version >= "3.10"'),
    ("python_full_version > '3.10.2'", 'python_full_version >= "3.10.3"'),
    ("python_version == '3.10'", 'python_version == "3.10"'),
    ("python_version >= '3.9' and python_version < '3.11'", 'python_version >= "3.9" and python_version < "3.11"'),
    ("python_version != '3.9'", 'python_version < "3.9" or python_version >= "3.10"'),
    ("python_version < '3.9' or python_version == '3.9'", 'python_version < "3.10"'),
    ("sys_platform == 'win32' and os_name == 'nt'", 'sys_platform == "win32"'),
    ("os_name == 'nt'", 'sys_platform == "win32"'),
    ("platform_system == 'Windows'", 'sys_platform == "win32"'),
    ("sys_platform == 'linux' or sys_platform == 'darwin'", 'sys_platform == "linux" or sys_platform == "darwin"'),
    ("sys_platform != 'win32' and sys_platform != 'linux'", 'sys_platform != "linux" and sys_platform != "win32"'),
    (
        "(python_version < '3.11' and sys_platform == 'win32') or (sys_platform == 'win32' and python_version >= '3.11')",
        'sys_platform == "win32"',
    ),
    (
        "python_version < '3.11' and (sys_platform == 'win32' or python_version >= '3.11')",
        'python_version < "3.11" and sys_platform == "win32"',
    ),
    ("platform_machine == 'x86_64' or platform_machine != 'x86_64'", ""),
    ("platform_release >= '5' or platform_release < '5'", ""),
    ("platform_release < '5' and os_name == 'nt'", 'sys_platform == "win32" and platform_release < "5"'),
    ("os_name == 'posix' and sys_platform != 'darwin'", 'os_name == "posix" and sys_platform != "darwin"'),
    (
        "sys_platform == 'freebsd13' or sys_platform == 'linux'",
        'sys_platform == "linux" or sys_platform == "freebsd13"',
    ),
    ("implementation_name == 'graalpy'", 'platform_python_implementation == "GraalVM"'),
    ("platform_machine in 'x86_64 amd64'", 'platform_machine == "x86_64" or platform_machine == "amd64"'),
]


@pytest.mark.parametrize(("marker", "simpler"), SIMPLER)
def test_marker_simplification(marker: str, simpler: str) -> None:
    worlds = grid(marker)
    assert worlds.text(worlds.of(parse(marker)), worlds.everything) == simpler


def test_irrelevant_conditions_shorten_markers() -> None:
    worlds = grid("python_version < '3.11'", "sys_platform == 'win32'", "python_version < '3.9'")
    windows = worlds.of(parse("sys_platform == 'win32'"))
    new = worlds.of(parse("python_version >= '3.11'"))
    old = worlds.of(parse("python_version < '3.9'"))
    assert worlds.text(windows & new, windows) == 'python_version >= "3.11"'
    assert worlds.text(windows & new, windows & (new | old)) == 'python_version >= "3.9"'
    assert worlds.marker(windows, windows) is ALWAYS
    assert worlds.marker(windows & new & old, windows) is NEVER


def test_excess_of_unusual_comparisons_counts_as_true() -> None:
    odd = [f"platform_version == '{i}'" for i in range(30)]
    worlds = grid(*odd)
    assert worlds.everything.bit_length() <= 100_000
    assert worlds.of(parse(odd[29])) == worlds.everything
    assert worlds.of(parse(odd[0])) != worlds.everything


def test_extras_are_resolved_first() -> None:
    assert str(plain("extra == 'a' and os_name == 'nt'", ("a",))) == 'os_name == "nt"'
    assert plain("extra == 'a' and os_name == 'nt'") is NEVER
