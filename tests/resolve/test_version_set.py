"""Versions as bits, and the order in which they are tried."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from commonwheel.model import Listing, PathSource
from commonwheel.resolve.version_set import (
    ABSENT,
    Universe,
    newest,
    of_installed,
    of_listing,
    of_source,
    oldest,
    positions,
)
from commonwheel.specs.versions import InvalidSpecifier


@given(st.sets(st.integers(1, 200), min_size=1))
def test_position_sets(chosen: set[int]) -> None:
    states = sum(1 << i for i in chosen)
    assert list(positions(states | ABSENT)) == sorted(chosen)
    assert newest(states) == max(chosen)
    assert oldest(states) == min(chosen)


def universe(*versions: str, prereleases: Sequence[str] = ()) -> Universe:
    mask = sum(2 << versions.index(version) for version in prereleases)
    return Universe("a", versions, prereleases=mask)


def tried(one: Universe, states: int | None = None) -> list[str]:
    """Return the versions in the order in which they are tried."""
    states = one.everything & ~ABSENT if states is None else states
    order = []
    while states:
        order.append(one.pick(states))
        states &= ~(1 << order[-1])
    return [one.version(position) for position in order]


def test_newest_first_and_stable_before_prereleases() -> None:
    one = universe("1.0", "2.0a1", "2.0", "3.0rc1", prereleases=["2.0a1", "3.0rc1"])
    assert tried(one) == ["2.0", "1.0", "3.0rc1", "2.0a1"]
    assert one.guesses(0b11110, 3) == [3, 1, 4]
    one.lowest = True
    assert tried(one) == ["1.0", "2.0", "2.0a1", "3.0rc1"]
    one.prereleases_last = False
    assert tried(one) == ["1.0", "2.0a1", "2.0", "3.0rc1"]


def test_preferred_versions_come_first_in_their_order() -> None:
    one = universe("1.0", "2.0", "3.0", "4.0a1", prereleases=["4.0a1"])
    one.prefer("2.0.0")
    one.prefer("4.0a1")
    one.prefer("7.0")
    one.prefer("2.0")
    assert tried(one) == ["2.0", "4.0a1", "3.0", "1.0"]


def test_preferred_version_prefers_its_local_variants() -> None:
    one = universe("1.2", "1.2+a", "1.2+b", "1.3")
    one.prefer("1.2")
    assert tried(one) == ["1.2+b", "1.2+a", "1.2", "1.3"]


def test_tiers_are_exhausted_in_order() -> None:
    one = universe("1.0", "2.0", "3.0rc1", "4.0", prereleases=["3.0rc1"])
    one.tiers = (0b01010, 0b10100)
    assert tried(one) == ["1.0", "3.0rc1", "4.0", "2.0"]


def test_only_the_first_exclusion_reason_is_kept() -> None:
    one = universe("1.0", "2.0", "3.0")
    one.bar("requires-python", "", 0b0110)
    one.bar("yanked", "", 0b0010)
    one.bar("exclude-newer", "", 0b1010)
    assert one.bars == [("requires-python", "", 0b0110), ("exclude-newer", "", 0b1000)]
    assert not one.usable


def test_select_repairs_legacy_specifiers() -> None:
    one = universe("1.0", "2.7", "3.0")
    assert one.select(">=2.7.*") == 0b1100
    assert one.select("") == 0b1110
    assert one.select("!=2.7") == 0b1010
    with pytest.raises(InvalidSpecifier):
        one.select(">=rubbish")


def test_select_equals_contains() -> None:
    known = sorted(["0.9", "1.0", "1.0.post1", "1.1a1", "1.1", "1.1+x", "2.0.dev1", "2.0", "1!0.1"], key=Version)
    one = Universe("a", tuple(known))
    for operator, bound in itertools.product(
        ["==", "!=", "<", ">", "<=", ">=", "~="], ["1.0", "1.1", "2.0", "1.0.post1"]
    ):
        expected = sum(
            2 << i for i, v in enumerate(known) if SpecifierSet(operator + bound).contains(v, prereleases=True)
        )
        assert one.select(operator + bound) == expected


def listing(**fields: Any) -> Listing:
    return Listing("a", ("1.0", "2.0", "3.0"), **fields)


def test_listing_becomes_a_version_set() -> None:
    one = of_listing(listing(prereleases=0b1000, yanked=0b0100, barred={"platform": 0b0010}))
    assert (one.prereleases, one.yanked, one.bars, one.installed) == (0b1000, 0b0100, [("platform", "", 0b0010)], 0)


def test_installed_version_is_inserted_in_order() -> None:
    one = of_listing(
        listing(prereleases=0b1000, yanked=0b0100, barred={"platform": 0b0110}, tiers=(0b1000, 0b0110)), "1.5"
    )
    assert one.versions == ("1.0", "1.5", "2.0", "3.0")
    assert one.installed == 2
    assert (one.prereleases, one.yanked, one.bars) == (0b10000, 0b01000, [("platform", "", 0b01010)])
    assert one.tiers == (0b10000, 0b01010)


@pytest.mark.parametrize("version", ["0.1", "9.0"])
def test_installed_version_at_the_ends(version: str) -> None:
    one = of_listing(listing(barred={"platform": 0b1110}), version)
    assert one.version(one.installed) == version
    assert one.usable == 1 << one.installed


def test_installed_version_is_never_excluded() -> None:
    one = of_listing(listing(prereleases=0b1000, yanked=0b1000, barred={"platform": 0b1110}), "3.0.0")
    assert one.versions == ("1.0", "2.0", "3.0")
    assert one.installed == 3
    assert (one.prereleases, one.yanked) == (0, 0)
    assert one.usable == 0b1000


def test_single_version_sets() -> None:
    assert of_installed("a", "1.0").narrowed
    source = PathSource("/projects/a")
    one = of_source("a", "1.0", source)
    assert (one.source, one.versions, one.narrowed) == (source, ("1.0",), False)


def test_copy_without_reasons() -> None:
    one = of_listing(listing(barred={"platform": 0b1110}))
    assert one.unbarred().usable == 0b1110
    assert one.usable == 0
