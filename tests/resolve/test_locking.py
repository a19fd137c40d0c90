"""What a lock is made of, held against the locks that uv writes for the same projects."""

import os
from typing import Any

import pytest

from commonwheel.events import Silence
from commonwheel.resolve.locked import Preference
from commonwheel.resolve.locking import solve_lock
from kit.fake_catalogue import FakeCatalogue
from kit.locks import Case, Chances, asked, differences, our_lock, project

MANY = int(os.environ.get("CW_MANY", "700")) // 20

INDEX: dict[str, dict[str, Any]] = {
    "six": {"1": [], "2": [], "3": []},
    "b": {"1": [], "2": []},
    "p": {"1": ["b<2 ; sys_platform == 'win32'"]},
    "q": {
        "1": [
            "six<2 ; sys_platform == 'win32'",
            "six>=2 ; sys_platform == 'linux'",
            "b>=2 ; sys_platform == 'linux'",
        ]
    },
    "x": {"1": ["six ; extra == 'e'"]},
    "c": {"1": ["b ; sys_platform == 'linux'"]},
    "linux": {
        "1": [],
        "2": {"requires": [], "tags": ["py3-none-manylinux_2_17_x86_64"]},
        "3": {"requires": [], "tags": ["py3-none-manylinux_2_17_x86_64", "py3-none-macosx_11_0_arm64"]},
    },
    "desktop": {
        "1": [],
        "2": {
            "requires": [],
            "tags": ["py3-none-manylinux_2_17_x86_64", "py3-none-win_amd64", "py3-none-macosx_11_0_arm64"],
        },
    },
    "binary": {"2": {"requires": [], "tags": ["py3-none-manylinux_2_17_x86_64"]}},
    "d": {"1": ["linux"]},
}
WINDOWS, LINUX = "sys_platform == 'win32'", "sys_platform == 'linux'"
OLD, NEW = "python_version < '3.10'", "python_version >= '3.10'"
ARM_LINUX = "sys_platform == 'linux' and platform_machine == 'aarch64'"


def requiring(*environments: str) -> str:
    return f"required-environments = {list(environments)}\n"


A_OR_B = 'conflicts = [[{ extra = "a" }, { extra = "b" }]]\n'

SCENARIOS = {
    "one requirement under a marker": project(["b", f"six ; {WINDOWS}"]),
    "siblings under different markers": project([f"six<2 ; {OLD}", f"six>=2 ; {NEW}"]),
    "siblings that ask for the same": project([f"six ; {WINDOWS}", "six"]),
    "what was decided before a split holds behind it": project(["p", "q"]),
    "an extra and the project do not divide each other": project(["six<2 ; " + WINDOWS], extras={"x": [f"six>=2 ; {LINUX}"]}),
    "an extra under a marker": project(["six<3"], extras={"x": [f"six>=2 ; {LINUX}"]}),
    "groups of a root that is no project": f'[dependency-groups]\na = ["six<2 ; {WINDOWS}"]\nb = ["six>=2 ; {LINUX}"]\n[tool.uv.workspace]\n',
    "an extra that asks for another of its project": project(
        ["b"],
        extras={"all": ["root[cli]"], "cli": ["six>1"], "none": []},
        groups={"dev": ["root[all]", "x[e]"]},
    ),
    "a package with and without its extra": project(["x", f"x[e] ; {WINDOWS}"]),
    "an extra that does not exist": project([f"x[e,nope] ; {WINDOWS}"]),
    "one environment": project(["x", "b"], settings=f'environments = ["{LINUX}"]\n'),
    "several environments": project(
        ["b", f"six ; {WINDOWS}"],
        settings=f'environments = ["{LINUX} and {OLD}", "{LINUX} and {NEW}", "{WINDOWS}"]\n',
    ),
    "a dependent that is needed in a part only": project([f"c ; {LINUX}", f"p ; {WINDOWS}"]),
    "extras that conflict": project(["b"], extras={"a": ["six<2"], "b": ["six>=2"]}, groups={"dev": ["b"]}, settings=A_OR_B),
    "extras and groups that conflict": project(
        ["b"],
        extras={"a": ["six<2"], "b": ["six>=2"]},
        groups={"g": ["b<2"], "h": ["b>=2"]},
        settings='conflicts = [[{ extra = "a" }, { extra = "b" }], [{ group = "g" }, { group = "h" }]]\n',
    ),
    "three that conflict, and one that does not": project(
        [f"b ; {WINDOWS}"],
        extras={"a": ["six<2"], "b": ["six>=2", "b"]},
        groups={"g": ["six==3", "b"], "h": ["six"]},
        settings='conflicts = [[{ extra = "a" }, { extra = "b" }, { group = "g" }]]\n',
    ),
    "what a conflicting extra asks for with an extra": project([], extras={"a": [f"x[e] ; {WINDOWS}"], "b": ["six"]}, settings=A_OR_B),
    "the lowest of what is asked for": project([f"six>1 ; {WINDOWS}", "c"], settings='resolution = "lowest-direct"\n'),
    "a required environment without a wheel": project(["linux"], settings=requiring(WINDOWS)),
    "a required machine": project(["linux"], settings=requiring(f"{WINDOWS} and platform_machine == 'AMD64'")),
    "a required Python": project(["linux"], settings=requiring(f"{WINDOWS} and {NEW}")),
    "another machine of a system that has wheels": project(["linux"], settings=requiring(ARM_LINUX)),
    "another machine of Windows": project(["desktop"], settings=requiring(f"{WINDOWS} and platform_machine == 'ARM64'")),
    "a machine of a system that has wheels for another": project(
        ["linux"], settings=requiring("sys_platform == 'darwin' and platform_machine == 'x86_64'")
    ),
    "two required environments": project(["d", "b"], settings=requiring(WINDOWS, ARM_LINUX)),
    "a required environment where nothing is needed": project([f"linux ; {LINUX}"], settings=requiring(WINDOWS)),
    "a required environment that has wheels": project(["desktop"], settings=requiring(WINDOWS)),
    "a constraint with a marker": project(["six"], settings=f'constraint-dependencies = ["six<2 ; {WINDOWS}"]\n'),
}  # fmt: skip


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in SCENARIOS.items()])
def test_scenario_is_locked_as_uv_locks_it(text: str) -> None:
    assert not differences(text, INDEX)


def agreeing(seeds: range, chances: Chances, *, served: bool = False) -> tuple[int, list[object]]:
    """Return how many random projects have a lock, and those for which it is not uv's."""
    solved = 0
    different: list[object] = []
    for seed in seeds:
        case = Case(seed, chances)
        found = differences(case.text, case.index, served=served)
        if found is None:
            continue
        solved += 1
        if found:
            different.append((seed, found))
    return solved, different


def test_random_projects_are_locked_as_uv_locks_them() -> None:
    solved, different = agreeing(range(MANY), Chances())
    assert solved > MANY / 3
    # a version that needs what does not exist is refused before uv looks at it, and so it divides nothing here
    assert len(different) <= solved // 10, different


def test_random_projects_whose_versions_demand_pythons() -> None:
    solved, different = agreeing(range(100, 100 + MANY // 3), Chances(pythons=0.3), served=True)
    assert solved > MANY / 10
    assert len(different) <= solved // 6, different


def test_every_requirement_is_met_in_random_projects_with_conflicts() -> None:
    solved, different = agreeing(range(200, 200 + MANY // 2), Chances(conflicts=1.0))
    assert solved > MANY / 8
    assert len(different) <= solved // 3, different


def packages(text: str, **scheme: Any) -> list[str]:
    inputs, plain = asked(text)
    lock = solve_lock(inputs, plain.replaced(**scheme), FakeCatalogue(INDEX, "99"), Silence())
    return [f"{package.name} {package.version}" for package in lock.packages if package.name != "root"]


def test_versions_of_a_lock_are_kept() -> None:
    text = project(["six", "b"])
    assert packages(text) == ["b 2", "six 3"]
    assert packages(text, preferences={"six": (Preference("2"),)}) == ["b 2", "six 2"]
    assert packages(project(["six>2"]), preferences={"six": (Preference("2"),)}) == ["six 3"]


def test_each_part_keeps_the_version_that_it_had() -> None:
    text = project([f"six>=2 ; {WINDOWS}", f"six<=2 ; {LINUX}", "b"])
    had = {"six": (Preference("2", (WINDOWS,)), Preference("1", (LINUX,)))}
    assert packages(text) == ["b 2", "six 2"]
    assert packages(text, preferences=had) == ["b 2", "six 1", "six 2"]


def test_forks_of_a_lock_are_kept() -> None:
    inputs, scheme = asked(project(["six"]))
    kept = scheme.replaced(forks=(WINDOWS, "sys_platform != 'win32'"))
    lock = solve_lock(inputs, kept, FakeCatalogue(INDEX, "99"), Silence())
    assert lock.forks == (WINDOWS, "sys_platform != 'win32'")


def test_a_member_without_a_version_has_none_in_the_lock() -> None:
    inputs, scheme = asked(project(["six"]))
    (member,) = scheme.members
    dynamic = member.replaced(metadata=member.metadata.replaced(version=""))
    lock = solve_lock(inputs, scheme.replaced(members=(dynamic,)), FakeCatalogue(INDEX, "99"), Silence())
    assert [package.version for package in lock.packages] == ["", "3"]


def test_a_required_environment_that_no_version_has() -> None:
    told = our_lock(project(["binary"], settings=requiring(WINDOWS)), INDEX)
    assert isinstance(told, str)
    assert told.startswith('Where sys_platform == "win32":')
    assert "binary==2 has no wheel for `sys_platform == 'win32'`, and no source distribution" in told


def test_no_solution_names_the_part() -> None:
    told = our_lock(project([f"six>9 ; {WINDOWS}", f"six ; {LINUX}"]), INDEX)
    assert isinstance(told, str)
    assert told.startswith('Where sys_platform == "win32":')
