"""Who needs whom among what is installed, and what of it does not fit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from commonwheel.model import Environment, Installed, Target
from commonwheel.operations.installed_graph import Graph, problems, written
from kit.cli import Cw
from kit.wheels import make_wheel

Show = Callable[[dict[str, list[str]]], tuple[tuple[Installed, ...], Environment]]


@pytest.fixture
def shown(tmp_path: Path) -> Show:
    """Install wheels of a dictionary with cw, and return what is installed, and where."""
    cw = Cw(tmp_path)

    def show(wheels: dict[str, list[str]]) -> tuple[tuple[Installed, ...], Environment]:
        for name, requires in wheels.items():
            project, _, version = name.partition("==")
            make_wheel(
                cw.path("wheels"),
                project,
                version or "1.0",
                {f"{project}.py": ""},
                requires=requires,
                extras=["fast", "all"],
            )
        cw("venv", "v").ok()
        cw("pip", "install", "-p", "v", "--no-deps", "--no-index", "--find-links", "wheels", *wheels).ok()
        with cw.session(python="v") as session:
            environment = session.environment(mutating=False)
            return session.installed(environment), environment

    return show


def test_edges_that_apply_here(shown: Show) -> None:
    installed, environment = shown(
        {"app": ["lib>1 ; python_version > '3'", "win ; sys_platform == 'win32'", "extra ; extra == 'fast'"], "lib": []}
    )
    assert Graph(installed, environment).nodes["app"].needs == (("lib", ">1"),)
    elsewhere = Target({**environment.interpreter.markers, "sys_platform": "win32"}, ())
    assert [name for name, _ in Graph(installed, environment, elsewhere).nodes["app"].needs] == ["lib", "win"]


def test_extra_counts_where_requested(shown: Show) -> None:
    installed, environment = shown(
        {"app": ["lib[all]"], "lib": ["lib[fast] ; extra == 'all'", "quick>2 ; extra == 'fast'"], "quick": []}
    )
    graph = Graph(installed, environment)
    assert graph.nodes["lib"].needs == (("quick", ">2"),)
    assert graph.wanted_by("quick") == {"lib"}


def test_roots_and_cycles(shown: Show) -> None:
    installed, environment = shown({"app": ["lib"], "lib": [], "hen": ["egg"], "egg": ["hen"]})
    graph = Graph(installed, environment)
    assert graph.roots(inverted=False) == ["app", "egg"]
    assert graph.roots(inverted=True) == ["lib", "egg"]
    assert graph.roots(inverted=False, without={"app"}) == ["lib", "egg"]


def test_problems_are_worded_as_in_uv(shown: Show) -> None:
    installed, environment = shown({"app": ["lib<3,>=2", "gone", "lib!=1.5"], "lib==1.0": []})
    said = problems(installed, environment, environment.interpreter.target)
    assert said == [
        "The package `app` requires `gone`, but it's not installed",
        "The package `app` requires `lib!=1.5,>=2,<3`, but `1.0` is installed",
    ]


def test_unreadable_metadata_is_a_problem(shown: Show) -> None:
    installed, environment = shown({"app": []})
    with open(f"{installed[0].location}/METADATA", "wb") as stream:
        stream.write(b"\xff\xff")
    assert "no readable metadata" in problems(installed, environment, environment.interpreter.target)[0]


@pytest.mark.parametrize(
    ("specifier", "text"),
    [
        ("", ""),
        ("<3,>=2", ">=2, <3"),
        (">=2", ">=2"),
        ("!=1.*,<2,>=1.0", "!=1.*, >=1.0, <2"),
        ("===weird,<2", "===weird,<2"),
        ("nonsense", "nonsense"),
    ],
)
def test_specifiers_are_sorted_by_version(specifier: str, text: str) -> None:
    assert written(specifier) == text
