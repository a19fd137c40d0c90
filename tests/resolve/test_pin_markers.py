"""Under which markers each pin of a resolution for one target is needed."""

import pytest

from commonwheel.resolve.pin_markers import conditions
from kit.fake_catalogue import requirement


def told(asked: list[str], graph: dict[str, list[str]], *overrides: str, python: str = "3.8") -> dict[str, str]:
    replaced = [requirement(text) for text in overrides]
    return conditions(
        graph,
        [requirement(text) for text in asked],
        lambda name: [requirement(text) for text in graph[name]],
        {one.name: [one] for one in replaced},
        python,
    )


def test_marker_passes_down_to_exclusive_dependencies() -> None:
    asked = ["app ; sys_platform == 'linux'"]
    assert told(asked, {"app": ["lib"], "lib": []}) == {
        "app": 'sys_platform == "linux"',
        "lib": 'sys_platform == "linux"',
    }


def test_unconditional_requirement_has_no_marker() -> None:
    found = told(["app ; sys_platform == 'linux'", "tool"], {"app": ["lib"], "tool": ["lib"], "lib": []})
    assert found["lib"] == ""


def test_paths_are_joined_and_two_step_paths_narrowed() -> None:
    found = told(
        ["app ; sys_platform == 'linux'", "tool ; sys_platform == 'darwin'"],
        {"app": ["lib ; python_version < '3.12'"], "tool": ["lib"], "lib": []},
    )
    assert found["lib"] == 'sys_platform == "linux" and python_version < "3.12" or sys_platform == "darwin"'


@pytest.mark.parametrize(("python", "marker"), [("3.8", 'python_version >= "3.9"'), ("3.9", "")])
def test_marker_implied_by_python_is_omitted(python: str, marker: str) -> None:
    assert told(["app ; python_version >= '3.9'"], {"app": []}, python=python) == {"app": marker}


def test_extra_applies_only_where_it_is_requested() -> None:
    graph = {"app": ["lib ; extra == 'more'", "base"], "lib": [], "base": [], "tool": ["app[more]"]}
    found = told(["app", "tool ; os_name == 'posix'"], graph)
    assert found == {"app": "", "base": "", "tool": 'os_name == "posix"', "lib": 'os_name == "posix"'}


def test_overrides_replace_and_unpinned_names_are_ignored() -> None:
    found = told(["app"], {"app": ["lib", "gone"], "lib": []}, "lib ; sys_platform == 'linux'")
    assert found == {"app": "", "lib": 'sys_platform == "linux"'}


def test_cyclic_dependencies_terminate() -> None:
    assert told(["a ; sys_platform == 'linux'"], {"a": ["b"], "b": ["a"]})["b"] == 'sys_platform == "linux"'
