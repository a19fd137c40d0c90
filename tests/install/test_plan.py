"""install/plan.py: pins against what is installed."""

from __future__ import annotations

import pytest

from commonwheel.install import plan
from commonwheel.install.plan import Wishes
from commonwheel.model import Digest, Installed, PathSource, Pin, Plan, Requirement, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import direct_url

GIT = SafeUrl("https://git.example/a.git")
ARCHIVE = SafeUrl("https://files.example/a-1.0-py3-none-any.whl")


def here(name: str, version: str = "1.0", *, own: bool = True, direct: str = "", installer: str = "cw") -> Installed:
    return Installed(
        name, version, f"/s/{name}-{version}.dist-info", site="/s", installer=installer, direct_url=direct, own=own
    )


def names(plan_: Plan) -> tuple[list[str], list[str], list[str]]:
    return [one.name for one in plan_.remove], [one.name for one in plan_.keep], [one.name for one in plan_.add]


def test_same_version_is_kept_and_another_replaced() -> None:
    made = plan.make((here("a"), here("b"), here("z")), (Pin("a", "1.0"), Pin("b", "2.0"), Pin("c", "1.0")))
    assert names(made) == (["b"], ["a", "z"], ["b", "c"])
    assert made.reinstalled == ()


def test_versions_compare_as_versions() -> None:
    assert names(plan.make((here("a", "1.0.0"),), (Pin("a", "1"),))) == ([], ["a"], [])


def test_exact_removes_unlisted_except_preserved() -> None:
    wishes = Wishes(exact=True, preserve={"pip"})
    assert names(plan.make((here("a"), here("b"), here("pip")), (Pin("a", "1.0"),), wishes)) == (
        ["b"],
        ["a", "pip"],
        [],
    )


@pytest.mark.parametrize("wishes", [Wishes(reinstall={"a"}), Wishes(reinstall_all=True)])
def test_reinstall_replaces_an_equal_version(wishes: Wishes) -> None:
    made = plan.make((here("a"),), (Pin("a", "1.0"),), wishes)
    assert names(made) == (["a"], [], ["a"])
    assert made.reinstalled == ("a",)


def test_lower_layers_count_and_are_never_removed() -> None:
    below = here("a", own=False)
    assert names(plan.make((below,), (Pin("a", "1.0"),))) == ([], ["a"], [])
    assert names(plan.make((below,), (Pin("a", "2.0"),))) == ([], [], ["a"])
    assert names(plan.make((below,), (), Wishes(exact=True))) == ([], [], [])
    # an own one hides it, and is what counts
    assert names(plan.make((below, here("a", "2.0")), (Pin("a", "1.0"),))) == (["a"], [], ["a"])


def test_duplicate_distribution_is_cleaned_up() -> None:
    twice = (here("a", "1.0"), here("a", "0.9"))
    assert names(plan.make(twice, (Pin("a", "1.0"),))) == (["a", "a"], [], ["a"])


def test_removal_names_only_installed_packages() -> None:
    assert names(plan.removal((here("a"), here("b"), here("c", own=False)), {"a", "c", "nobody"})) == (["a"], ["b"], [])


def test_required_hashes_apply_to_installed_packages() -> None:
    digest = Digest("sha256", "a" * 64)
    pin = Pin("a", "1.0", digests=(digest,))
    assert names(plan.make((here("a"),), (pin,)))[2] == ["a"]
    assert names(plan.make((here("a"),), (pin,), Wishes(recorded={"a": "b" * 64})))[2] == ["a"]
    assert names(plan.make((here("a"),), (pin,), Wishes(recorded={"a": digest.hex})))[2] == []
    # pip put another one there since
    assert names(plan.make((here("a", installer="pip"),), (pin,), Wishes(recorded={"a": digest.hex})))[2] == ["a"]


@pytest.mark.parametrize(
    ("wanted", "told", "same"),
    [
        (UrlSource(ARCHIVE), UrlSource(ARCHIVE), True),
        (UrlSource(SafeUrl("https://u:p@files.example/a-1.0-py3-none-any.whl")), UrlSource(ARCHIVE), True),
        (UrlSource(ARCHIVE), UrlSource(SafeUrl("https://files.example/b.whl")), False),
        (UrlSource(ARCHIVE, "sub"), UrlSource(ARCHIVE), False),
        (UrlSource(ARCHIVE, None, (Digest("sha256", "a" * 64),)), UrlSource(ARCHIVE), False),
        (UrlSource(ARCHIVE, None, (Digest("sha256", "a" * 64),)), UrlSource(ARCHIVE, None, (Digest("sha256", "a" * 64),)), True),
        (PathSource("/p", editable=True), PathSource("/p", editable=True), False),
        (PathSource("/p", editable=True), PathSource("/p"), False),
        (PathSource("/p"), PathSource("/p"), False),
        (PathSource("/p/a.whl"), PathSource("/p/a.whl"), True),
        (PathSource("/p/a.whl"), PathSource("/q/a.whl"), False),
        (VcsSource("git", GIT, "main", None, "c" * 40), VcsSource("git", GIT, "v1", None, "c" * 40), True),
        (VcsSource("git", GIT, "main", None, "d" * 40), VcsSource("git", GIT, "main", None, "c" * 40), False),
        (VcsSource("git", GIT, "main"), VcsSource("git", GIT, "main", None, "c" * 40), True),
        (VcsSource("git", GIT, "other"), VcsSource("git", GIT, "main", None, "c" * 40), False),
        (VcsSource("git", GIT), UrlSource(ARCHIVE), False),
    ],
)  # fmt: skip
def test_direct_sources_are_compared(wanted: UrlSource, told: UrlSource, same: bool) -> None:
    text = direct_url.write(told)
    assert plan.came_from(wanted, text) is same
    assert plan.satisfies(Pin("a", "1.0", source=wanted), here("a", direct=text)) is same


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 3}', '{"url": "https://a.example"}'])
def test_unreadable_direct_url_matches_no_source(text: str) -> None:
    assert not plan.came_from(PathSource("/p", editable=True), text)


def test_directory_is_unchanged_only_with_a_matching_stamp() -> None:
    for source in (PathSource("/p"), PathSource("/p", editable=True)):
        one, pin = here("a", direct=direct_url.write(source)), Pin("a", "1.0", source=source)
        assert not plan.satisfies(pin, one)
        assert plan.satisfies(pin, one, Wishes(unchanged=["a"]))
        assert not plan.satisfies(pin.replaced(version="2.0"), one, Wishes(unchanged=["a"]))


def test_index_pin_accepts_direct_source_except_on_sync() -> None:
    direct = here("a", direct=direct_url.write(UrlSource(ARCHIVE)))
    assert plan.satisfies(Pin("a", "1.0"), direct)
    assert not plan.satisfies(Pin("a", "1.0"), direct, Wishes(exact=True))


def test_requirements_are_met_by_version_or_source() -> None:
    assert plan.meets(Requirement("a", specifier=">=1,<2"), here("a"))
    assert not plan.meets(Requirement("a", specifier=">=2"), here("a"))
    assert plan.meets(Requirement("a", specifier=">=1"), here("a", "2.0rc1"))
    assert not plan.meets(Requirement("a", digests=(Digest("sha256", "a" * 64),)), here("a"))
    assert not plan.meets(Requirement("a", source=UrlSource(ARCHIVE)), here("a"))
