"""What the provider asks of a catalogue, when, and what it makes of sources."""

from typing import Any

import pytest

from commonwheel.events import Silence
from commonwheel.model import (
    Listing,
    Metadata,
    Origin,
    PathSource,
    Requirement,
    Resolution,
    Target,
    UrlSource,
    VcsSource,
)
from commonwheel.resolve.provider import SourceConflict
from commonwheel.resolve.report import NoSolution
from commonwheel.resolve.request import Inputs
from commonwheel.resolve.resolution import solve
from kit.fake_catalogue import LINUX, FakeCatalogue, requirement
from resolve.instances import Instance


class Watched(FakeCatalogue):
    """Hold every question against what was announced before."""

    def __init__(self, index: dict[str, dict[str, Any]]) -> None:
        super().__init__(index)
        self.unannounced: list[str] = []

    def listing(self, name: str) -> Listing:
        if name not in self.expected:
            self.unannounced.append(name)
        return super().listing(name)

    def metadata(self, name: str, version: str) -> Metadata:
        if f"{name}=={version}" not in self.expected:
            self.unannounced.append(f"{name}=={version}")
        return super().metadata(name, version)


def solved(offers: FakeCatalogue, *asked: str, **fields: Any) -> Resolution:
    return solve(Inputs(tuple(map(requirement, asked)), Target(LINUX, ()), **fields), offers, Silence())


def given(one: Requirement) -> UrlSource | VcsSource | PathSource:
    assert one.source is not None
    return one.source


def test_every_request_is_announced_first() -> None:
    index: dict[str, dict[str, Any]] = {
        "a": {"1.0": ["b", "c"], "2.0": ["b", "c"]},
        "b": {"1.0": ["d"]},
        "c": {"1.0": ["d"]},
        "d": {"1.0": []},
    }
    offers = Watched(index)
    solved(offers, "a")
    assert not offers.unannounced
    # the listings of one package's dependencies go out side by side, before the first of them is waited for
    assert offers.expected[:5] == ["a", "a", "a==2.0", "b", "c"]


def test_every_listing_is_announced_first() -> None:
    for seed in range(300):
        instance = Instance(seed)
        offers = Watched(instance.index)
        try:
            solved(offers, *instance.asked)
        except NoSolution:
            pass
        assert not [asked for asked in offers.unannounced if "==" not in asked], seed


def test_repeated_failures_prefetch_batches() -> None:
    index: dict[str, dict[str, Any]] = {"a": {f"1.{i}": ["b>=2"] for i in range(60)}, "b": {"1.0": [], "2.0": []}}
    index["a"] = {version: [f"b>=2,!=9.{version}"] for version in index["a"]}  # each says it in its own words
    index["a"]["1.0"] = []
    offers = Watched(index)
    # all of these select the same versions, so that one rejection would do; different ones keep the search going
    for i, version in enumerate(offers.index["a"]):
        if version != "1.0":
            offers.index["a"][version]["requires"] = [f"c{i}"]
            offers.index[f"c{i}"] = {"1.0": {"requires": ["b>=2"]}}
    solved(offers, "b<2", "a")
    late = [asked for asked in offers.unannounced if asked.startswith("a==")]
    assert len(late) < 12


def test_chain_is_fetched_in_order_for_any_range() -> None:
    """Each boto3 wants one botocore: the range never holds more than one, and yet the next one can be guessed."""
    boto = {f"1.{i}": [f"core==1.{i}"] for i in range(50)}
    core = {f"1.{i}": ["url>=2"] if i else [] for i in range(50)}
    offers = Watched({"boto": boto, "core": core, "url": {"1.0": [], "2.0": []}})
    pins = solved(offers, "url<2", "boto").pins
    assert [(pin.name, pin.version) for pin in pins] == [("boto", "1.0"), ("core", "1.0"), ("url", "1.0")]
    assert sum(asked.startswith("core==") for asked in offers.unannounced) < 8


def test_conflicting_sources_are_refused_before_any_request() -> None:
    offers = FakeCatalogue({})
    asked = (
        requirement("a @ https://files.example/a-1.whl", Origin("requirements.txt", 1)),
        requirement("a @ /projects/a", Origin("requirements.txt", 4)),
    )
    with pytest.raises(SourceConflict) as caught:
        solve(Inputs(asked, Target(LINUX, ()), sources={"a": (given(asked[0]), Metadata("a", "1"))}), offers, Silence())
    assert caught.value.message == "`a` is asked for from two places"
    assert caught.value.context == (
        "requirements.txt:1: https://files.example/a-1.whl",
        "requirements.txt:4: /projects/a",
    )
    assert not offers.asked


def test_sources_under_exclusive_markers_are_allowed() -> None:
    asked = (
        requirement("a @ https://files.example/a-1.whl ; sys_platform == 'linux'"),
        requirement("a @ /projects/a ; sys_platform == 'win32'"),
    )
    inputs = Inputs(asked, Target(LINUX, ()), sources={"a": (given(asked[0]), Metadata("a", "1.0"))})
    assert [pin.source for pin in solve(inputs, FakeCatalogue({}), Silence()).pins] == [asked[0].source]


def test_sources_with_conflicting_transitive_sources() -> None:
    known = {
        "a": Metadata("a", "1.0", (requirement("c @ /projects/c"),)),
        "b": Metadata("b", "1.0", (requirement("c @ https://files.example/c-1.whl"),)),
        "c": Metadata("c", "1.0"),
    }
    asked = (requirement("a @ /projects/a"), requirement("b @ /projects/b"))
    sources = {one.name: (given(one), known[one.name]) for one in asked}
    inputs = Inputs(asked, Target(LINUX, ()), sources=sources, source_metadata=lambda wanted: known[wanted.name])
    with pytest.raises(SourceConflict) as caught:
        solve(inputs, FakeCatalogue({}), Silence())
    assert caught.value.context == ("/projects/c", "https://files.example/c-1.whl (b 1.0)")


def test_installed_metadata_is_read_only_when_needed() -> None:
    read: list[str] = []

    class Lazy(dict[str, tuple[str, Metadata]]):
        def get(self, name: str, default: Any = None) -> Any:
            read.append(name)
            return super().get(name, default)

    installed = Lazy({"a": ("1.0", Metadata("a", "1.0")), "z": ("1.0", Metadata("z", "1.0"))})
    solved(FakeCatalogue({"b": {"1.0": ["a"]}}), "b", installed=installed)
    assert "a" in read
    assert "z" not in read
