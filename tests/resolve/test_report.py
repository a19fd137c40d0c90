"""Stories and hints; more whole explanations are in tests/scenarios."""

from typing import Any

import pytest

from commonwheel.events import Silence
from commonwheel.model import Origin, Target
from commonwheel.resolve.report import NoSolution
from commonwheel.resolve.request import Inputs
from commonwheel.resolve.resolution import solve
from kit.fake_catalogue import LINUX, FakeCatalogue, requirement


def explained(*lines: str, index: dict[str, dict[str, Any]], **fields: Any) -> NoSolution:
    asked = tuple(requirement(text, Origin("requirements.txt", i + 1)) for i, text in enumerate(lines))
    offers = FakeCatalogue(index)
    with pytest.raises(NoSolution) as caught:
        solve(Inputs(asked, Target(LINUX, ()), **fields), offers, Silence())
    return caught.value


def test_error_is_data() -> None:
    error = explained("a>=2", index={"a": {"1.0": []}})
    assert error.code == "no-solution"
    assert error.exit_status == 1
    assert error.message == "No solution was found for your requirements"
    assert error.hint is None


def test_command_line_is_shown_as_you() -> None:
    asked = tuple(requirement(text, Origin("command line")) for text in ("a<1", "a>2"))
    with pytest.raises(NoSolution) as caught:
        solve(Inputs(asked, Target(LINUX, ())), FakeCatalogue({"a": {"0.5": [], "3.0": []}}), Silence())
    assert caught.value.context == ("Because you require a<1 and a>2, your requirements cannot be met.",)


def test_catalogue_explains_missing_versions() -> None:
    def details(name: str, version: str, reason: str) -> str:
        return f"another index has `{name}` {version[2:]}" if reason == "missing" else ""

    error = explained("a==2.0", index={"a": {"1.0": []}}, details=details)
    assert error.hint == "another index has `a` 2.0"


def test_several_hints_are_separate_lines() -> None:
    index: dict[str, dict[str, Any]] = {
        "a": {"2.0": {"yanked": "bad"}},
        "b": {"1.0": ["a>=2"], "2.0rc1": []},
    }
    error = explained("b", index=index, prerelease="disallow")
    assert (error.hint or "").split("\n") == [
        "pin `a==2.0` if you want it although it was yanked",
        "allow pre-releases of `b` (such as 2.0rc1) with `--prerelease-package b=allow`",
    ]


def test_conclusion_used_twice_gets_a_number() -> None:
    """The branching example of PubGrub's own documentation, in our words."""
    index: dict[str, dict[str, Any]] = {
        "foo": {"1.0.0": ["a>=1", "b>=1"], "1.1.0": ["x>=1", "y>=1"]},
        "a": {"1.0.0": ["b>=2"]},
        "b": {"1.0.0": [], "2.0.0": []},
        "x": {"1.0.0": ["y>=2"]},
        "y": {"1.0.0": [], "2.0.0": []},
    }
    error = explained("foo", "b<2", "y<2", index=index)
    assert error.context[-1].endswith("your requirements cannot be met.")
    told = " ".join(error.context)
    for name in ("foo==1.0.0", "foo==1.1.0", "a==1.0.0 depends on b>=2", "x==1.0.0 depends on y>=2"):
        assert name in told
    assert "x>=1 and y>=1" not in told  # that `foo` needs any `y` plays no part


def pigeons(count: int) -> dict[str, dict[str, Any]]:
    """Return an index in which `count` projects want one of `count - 1` places each, and no two the same."""
    places = range(1, count)
    index: dict[str, dict[str, Any]] = {
        f"p{i}": {f"{place}.0": [f"place{place}=={i}.0"] for place in places} for i in range(1, count + 1)
    }
    index.update({f"place{place}": {f"{i}.0": [] for i in range(1, count + 1)} for place in places})
    return index


def test_large_conflict_is_listed_without_derivation() -> None:
    """True, and nothing that a chain of sentences would make clear."""
    error = explained(*(f"p{i}" for i in range(1, 8)), index=pigeons(7))
    assert error.context[0] == "These facts contradict each other:"
    assert error.context[1].startswith("- requirements.txt:")
    assert error.context[-1].startswith("- and ")
    assert len(error.context) < 20


def test_small_conflict_is_derived_with_numbered_steps() -> None:
    error = explained("p1", "p2", "p3", index=pigeons(3))
    assert error.context[-1].endswith("your requirements cannot be met.")
    assert all(line.startswith(("Because ", "And because ")) for line in error.context if line)
