"""The graph that comes out; which versions, is in tests/scenarios."""

import os
import subprocess
import sys
from typing import Any

import pytest

from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.model import Digest, Listing, Origin, Resolution, Target
from commonwheel.resolve.report import NoSolution
from commonwheel.resolve.request import Inputs
from commonwheel.resolve.resolution import solve
from kit.fake_catalogue import LINUX, FakeCatalogue, requirement

INDEX: dict[str, dict[str, Any]] = {
    "a": {"1.0": ["b", "c[e]", "a[x] ; extra == 'y'", "d ; extra == 'x'"]},
    "b": {"1.0": ["c"]},
    "c": {"1.0": ["a", "d ; extra == 'e'"]},
    "d": {"1.0": []},
}


class Tasks(Silence):
    """Write down which tasks are open."""

    def __init__(self) -> None:
        self.open: list[str] = []

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        self.open.append(kind)
        return 7

    def end(self, task: int) -> None:
        assert task == 7
        self.open.pop()


def solved(*lines: str, **fields: Any) -> Resolution:
    asked = tuple(requirement(text, Origin("requirements.txt", i + 1)) for i, text in enumerate(lines))
    return solve(Inputs(asked, Target(LINUX, ()), **fields), FakeCatalogue(INDEX), Silence())


def test_pins_are_sorted_and_name_their_requesters() -> None:
    resolution = solved("c", "a[y]", "a")
    assert [(pin.name, pin.version, pin.extras, pin.requested) for pin in resolution.pins] == [
        ("a", "1.0", ("x", "y"), True),
        ("b", "1.0", (), False),
        ("c", "1.0", ("e",), True),
        ("d", "1.0", (), False),
    ]
    assert resolution.parents == {
        "a": ("requirements.txt:2", "requirements.txt:3", "c"),
        "b": ("a",),
        "c": ("requirements.txt:1", "a", "b"),
        "d": ("a", "c"),
    }


def test_requirement_without_file_is_from_command_line() -> None:
    resolution = solve(Inputs((requirement("d"),), Target(LINUX, ())), FakeCatalogue(INDEX), Silence())
    assert resolution.parents == {"d": ("command line",)}


def test_hashes_of_requirements_and_constraints_reach_the_pin() -> None:
    one, other = Digest("sha256", "11"), Digest("sha256", "22")
    asked = (requirement("d").replaced(digests=(one,)), requirement("d"))
    constraint = requirement("d==1.0").replaced(digests=(other, one))
    inputs = Inputs(asked, Target(LINUX, ()), constraints=(constraint,))
    (pin,) = solve(inputs, FakeCatalogue(INDEX), Silence()).pins
    assert pin.digests == (one, other)


def test_progress_task_always_ends() -> None:
    tasks = Tasks()
    solve(Inputs((requirement("a"),), Target(LINUX, ())), FakeCatalogue(INDEX), tasks)
    assert tasks.open == []
    with pytest.raises(NoSolution):
        solve(Inputs((requirement("nowhere"),), Target(LINUX, ())), FakeCatalogue(INDEX), tasks)
    assert tasks.open == []


def test_catalogue_errors_propagate() -> None:
    class Broken(FakeCatalogue):
        def listing(self, name: str) -> Listing:
            raise CommonwheelError("the index is on fire")

    tasks = Tasks()
    with pytest.raises(CommonwheelError, match="on fire"):
        solve(Inputs((requirement("a"),), Target(LINUX, ())), Broken(INDEX), tasks)
    assert tasks.open == []


def test_invalid_user_requirement_is_named() -> None:
    with pytest.raises(CommonwheelError) as caught:
        solved("a>=>1")
    assert caught.value.code == "invalid-specifier"


@pytest.mark.parametrize("module", ["resolution", "universal"])
def test_nothing_heavy_is_loaded(module: str) -> None:
    """Every resolution imports these, and a bare interpreter takes 12 ms."""
    source = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "src")
    code = (
        f"import sys; sys.path.insert(0, {source!r}); import commonwheel.resolve.{module}; print(*sorted(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {
        "collections",
        "dataclasses",
        "email",
        "enum",
        "functools",
        "json",
        "logging",
        "packaging",
        "re",
        "threading",
        "typing",
    }
    assert f"commonwheel.resolve.{module}" in loaded
    assert heavy.isdisjoint(loaded)
