"""`specs.marker_text` against its oracle: the text that uv writes into a lock for the same marker."""

import os
import random
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from commonwheel.specs import marker_text
from commonwheel.specs.markers import evaluate

UV = os.path.join(os.path.dirname(sys.executable), "uv")
MANY = int(os.environ.get("CW_MANY", "700"))

VALUES = {
    "os_name": ["nt", "posix", "java"],
    "sys_platform": ["linux", "win32", "darwin", "cygwin"],
    "platform_system": ["Linux", "Windows", "FreeBSD", "Java", "Darwin"],
    "platform_machine": ["x86_64", "arm64", "AMD64"],
    "platform_python_implementation": ["CPython", "PyPy"],
    "implementation_name": ["cpython", "pypy"],
    "implementation_version": ["3.9", "3.10.1"],
    "python_version": ["3.8", "3.9", "3.10", "3.12"],
    "python_full_version": ["3.9", "3.9.1", "3.10.0", "3.11.4", "3.12"],
    "extra": ["a", "b-c"],
}
OFTEN = [*VALUES, "python_version", "python_version", "sys_platform", "sys_platform", "platform_machine"]


def comparison(pick: random.Random) -> str:
    variable = pick.choice(OFTEN)
    value = pick.choice(VALUES[variable])
    if variable == "extra":
        return f"extra {pick.choice(['==', '!='])} '{value}'"
    if "version" in variable:
        if pick.random() < 0.1:
            return f"{variable} {pick.choice(['in', 'not in'])} '3.8 3.10'"
        return f"{variable} {pick.choice(['==', '!=', '<', '<=', '>', '>=', '>=', '<'])} '{value}'"
    if pick.random() < 0.1:
        return f"'{value[:2]}' {pick.choice(['in', 'not in'])} {variable}"
    return f"{variable} {pick.choice(['==', '==', '!='])} '{value}'"


def marker(pick: random.Random, depth: int) -> str:
    if not depth or pick.random() < 0.2:
        return comparison(pick)
    word = pick.choice([" and ", " or "])
    return word.join(f"({marker(pick, depth - 1)})" for _ in range(pick.choice([2, 2, 3])))


def markers(seed: int, count: int) -> list[str]:
    pick = random.Random(seed)
    return [marker(pick, pick.choice([1, 1, 2, 2, 3])) for _ in range(count)]


def locked(place: Path, markers: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return what uv makes of markers: it writes the constraints of a project into its lock, sorted, and solves nothing."""
    lines = "".join(f'    "{name} ; {marker}",\n' for name, marker in zip(names, markers, strict=True))
    (place / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.8"\n'
        f"[tool.uv]\nconstraint-dependencies = [\n{lines}]\n"
    )
    subprocess.run([UV, "lock", "--offline", "--quiet"], cwd=place, check=True)
    lock = tomllib.loads((place / "uv.lock").read_text())
    return [constraint.get("marker", "") for constraint in lock["manifest"]["constraints"]]


def test_a_marker_has_the_text_that_uv_gives_it(tmp_path: Path) -> None:
    asked = markers(20261201, MANY)
    texts = locked(tmp_path, asked, [f"n{i:05}" for i in range(len(asked))])
    different = [
        (one, theirs, ours)
        for one, theirs in zip(asked, texts, strict=True)
        if (ours := marker_text.normalized(one)) != theirs
    ]
    # a text of uv's that depends on how the marker was written cannot be had from what the marker means
    assert len(different) <= len(asked) // 100, different


def test_markers_are_sorted_as_uv_sorts_them(tmp_path: Path) -> None:
    asked = list({marker_text.normalized(one): one for one in markers(7, 100)}.values())
    theirs = locked(tmp_path, asked, ["same"] * len(asked))
    assert sorted(theirs, key=lambda one: marker_text.order(marker_text.diagram(one))) == theirs


WORLDS = [
    {**python, **platform, **machine}
    for python in (
        {"python_version": "3.8", "python_full_version": "3.8.10", "implementation_version": "3.8.10"},
        {"python_version": "3.9", "python_full_version": "3.9.1", "implementation_version": "3.9.1"},
        {"python_version": "3.12", "python_full_version": "3.12.0", "implementation_version": "3.12.0"},
    )
    for platform in (
        {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    )
    for machine in (
        {
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
        },
        {"platform_machine": "arm64", "platform_python_implementation": "PyPy", "implementation_name": "pypy"},
    )
]


def test_the_text_means_what_the_marker_means() -> None:
    for asked in markers(3, MANY):
        text = marker_text.normalized(asked)
        for world in WORLDS:
            for extras in ((), ("a",), ("b-c", "a")):
                assert evaluate(text, world, extras) == evaluate(asked, world, extras), (asked, text, world)


def test_the_text_is_a_normal_form() -> None:
    for asked in markers(4, MANY):
        text = marker_text.normalized(asked)
        assert marker_text.normalized(text) == text, asked


def test_a_diagram_and_its_negation_share_nothing_and_leave_nothing_out() -> None:
    for one, other in zip(markers(5, MANY), markers(6, MANY), strict=True):
        a, b = marker_text.diagram(one), marker_text.diagram(other)
        assert marker_text.disjoint(a, marker_text.negation(a))
        assert marker_text.disjunction(a, marker_text.negation(a)) == marker_text.ALWAYS
        both = marker_text.conjunction(a, b)
        assert marker_text.without(both, a) == marker_text.NEVER


def test_a_restricted_marker_agrees_where_the_assumption_holds() -> None:
    shorter = 0
    for one, other in zip(markers(8, MANY), markers(9, MANY), strict=True):
        asked, assumed = marker_text.diagram(one), marker_text.diagram(other)
        restricted = marker_text.restricted(asked, assumed)
        shorter += restricted != asked
        for world in WORLDS:
            if evaluate(other, world):
                text = marker_text.text(restricted)
                assert evaluate(text, world) == evaluate(one, world), (one, other, text, world)
    assert shorter > MANY / 10


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("", ""),
        ("python_version > '3.9'", "python_full_version >= '3.10'"),
        ("python_version == '3.9'", "python_full_version == '3.9.*'"),
        ("python_version == '3.9.1'", "python_version < '0'"),
        ("python_version in '3.8 3.9'", "python_full_version >= '3.8' and python_full_version < '3.10'"),
        ("platform_system == 'Windows'", "sys_platform == 'win32'"),
        ("os_name == 'nt' and sys_platform == 'linux'", "python_version < '0'"),
        ("os_name == 'nt' and (sys_platform == 'linux' or sys_platform == 'win32')", "os_name == 'nt' and sys_platform == 'win32'"),
        ("sys_platform <= 'linux'", "sys_platform == 'linux'"),
        ("sys_platform < 'linux'", "python_version < '0'"),
        ('"arm" in platform_machine', "'arm' in platform_machine"),
        ("extra == 'A_b'", "extra == 'a-b'"),
        ("python_version >= '3.8' or python_version < '3.8'", ""),
    ],
)  # fmt: skip
def test_spelling(asked: str, text: str) -> None:
    assert marker_text.normalized(asked) == text


@pytest.mark.parametrize(
    ("asked", "requires_python", "text"),
    [
        ("python_version >= '3.9'", ">=3.9", ""),
        ("python_version < '3.10'", ">=3.9", "python_full_version < '3.10'"),
        ("python_version == '3.9'", ">=3.9", "python_full_version < '3.10'"),
        ("python_version >= '3.9' and python_version < '4'", ">=3.9,<4", ""),
        ("python_version < '3.9'", ">=3.9", "python_version < '0'"),
        ("python_version >= '3.10' and sys_platform == 'win32'", ">=3.10,!=3.11.*", "sys_platform == 'win32'"),
    ],
)  # fmt: skip
def test_what_a_range_of_pythons_makes_needless(asked: str, requires_python: str, text: str) -> None:
    pythons = marker_text.python_range(requires_python)
    assert marker_text.text(marker_text.opened(marker_text.diagram(asked), pythons)) == text
