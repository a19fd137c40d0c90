"""What the user's words do to requirements and versions; the rest is in tests/scenarios/user.toml."""

from collections.abc import Iterable
from typing import Any

import pytest

from commonwheel.errors import UsageError
from commonwheel.model import Digest, Metadata, PathSource, Requirement, SafeUrl, Target, UrlSource, VcsSource
from commonwheel.resolve.candidate_rules import Rules, place, same_source
from commonwheel.resolve.request import Inputs, Scope
from commonwheel.specs.markers import evaluate
from kit.fake_catalogue import LINUX, requirement


def rules(*asked: str, **fields: Any) -> Rules:
    inputs = Inputs(tuple(map(requirement, asked)), Target(LINUX, ()), **fields)
    return Rules(inputs, lambda marker: evaluate(marker, LINUX))


def texts(requirements: Iterable[Requirement]) -> list[str]:
    return [str(one) for one in requirements]


def test_empty_rules_return_the_same_objects() -> None:
    given = (requirement("a"), requirement("b"))
    assert rules().rewritten(given) is given


def test_override_replaces_each_requirement_once() -> None:
    found = rules(overrides=(requirement("b==2"),)).rewritten(
        [requirement("a"), requirement("b<2"), requirement("b>1")]
    )
    assert texts(found) == ["a", "b==2"]


def test_override_keeps_extra_and_drops_rest_of_marker() -> None:
    given = [requirement("b<2 ; extra == 'e' and os_name == 'nt'")]
    assert texts(rules(overrides=(requirement("b==2"),)).rewritten(given)) == ['b==2 ; extra == "e"']


def test_overrides_per_platform() -> None:
    overrides = (requirement("b==1 ; os_name == 'nt'"), requirement("b==2 ; os_name == 'posix'"))
    found = rules(overrides=overrides).rewritten([requirement("b")])
    assert texts(found) == ["b==1 ; os_name == 'nt'", "b==2 ; os_name == 'posix'"]


def test_version_scope_wins_over_package_scope() -> None:
    scopes = (
        Scope("a", overrides=(requirement("b==1"),)),
        Scope("a", version="2.0", overrides=(requirement("b==2"),), excludes=("c",)),
    )
    made = rules(scopes=scopes, overrides=(requirement("b==9"),))
    given = [requirement("b"), requirement("c")]
    assert texts(made.rewritten(given, "a", "1.0")) == ["b==1", "c"]
    assert texts(made.rewritten(given, "a", "2.0.0")) == ["b==2"]
    assert texts(made.rewritten(given, "z", "1.0")) == ["b==9", "c"]


def test_user_requirements_are_overridden_and_excluded_too() -> None:
    made = rules("a", "b", "c ; os_name == 'nt'", overrides=(requirement("a==3"),), excludes=("b",))
    assert texts(made.asked) == ["a==3"]
    assert made.direct == {"a"}


def test_dependencies_of_user_projects_count_as_user_input() -> None:
    own = {"p": (PathSource("/p"), Metadata("p", "1", (requirement("a==1.0a1"), requirement("b==2 ; extra == 'e'"))))}
    made = rules("p @ /p", sources=own, prerelease="explicit")
    assert made.pins("a") == ("1.0a1",)
    assert made.prereleases("a") == "if-necessary"
    assert made.pins("b") == ()
    assert made.prereleases("b") == "disallow"


@pytest.mark.parametrize(
    "fields", [{"resolution": "best"}, {"prerelease": "maybe"}, {"prerelease_packages": {"a": "never"}}]
)
def test_unknown_mode_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        rules(**fields)
    assert "use one of" in (caught.value.hint or "")


Source = UrlSource | VcsSource | PathSource
URL = UrlSource(SafeUrl("https://user:secret@files.example/a-1.whl"))
GIT = VcsSource("git", SafeUrl("https://git.example/a.git"), "main")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (URL, UrlSource(SafeUrl("https://files.example/a-1.whl"), digests=(Digest("sha256", "00"),)), True),
        (URL, UrlSource(SafeUrl("https://files.example/a-1.whl"), "sub"), False),
        (URL, UrlSource(SafeUrl("https://files.example/a-2.whl")), False),
        (GIT, VcsSource("git", SafeUrl("https://git.example/a"), "main", commit="ff"), True),
        (GIT, VcsSource("git", SafeUrl("https://git.example/a"), "dev"), False),
        (GIT.replaced(commit="ff"), VcsSource("git", SafeUrl("https://git.example/a"), "v1", commit="ff"), True),
        (GIT.replaced(commit="ff"), VcsSource("git", SafeUrl("https://git.example/a"), "ff"), True),
        (GIT, VcsSource("git", SafeUrl("https://git.example/a"), "main", "sub"), False),
        (PathSource("/a/"), PathSource("/a", editable=True), True),
        (PathSource("/a"), PathSource("/b"), False),
        (PathSource("/a"), URL, False),
    ],
)
def test_same_source(one: Source, other: Source, same: bool) -> None:
    assert same_source(one, other) is same
    assert same_source(other, one) is same


def test_sources_are_shown_without_secrets() -> None:
    assert place(URL) == "https://user:****@files.example/a-1.whl"
    assert place(GIT) == "git+https://git.example/a.git"
    assert place(PathSource("/a")) == "/a"
