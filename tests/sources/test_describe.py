"""Each direct source is described once: from what is remembered, else by fetching or building it."""

from collections.abc import Sequence

from commonwheel.model import Digest, Metadata, Origin, PathSource, Requirement, UrlSource, VcsSource
from commonwheel.operations.request import InstallRequest
from commonwheel.sources.describe import Sources, expanded

LIB = Metadata("lib", "1.0", (Requirement("needed"),), "", ())
SHA = (Digest("sha256", "0" * 64),)


class Known:
    """Remember the sources whose path is in `paths`."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths
        self.asked: list[Requirement] = []

    def metadata(self, requirement: Requirement) -> tuple[Requirement, Metadata] | None:
        self.asked.append(requirement)
        source = requirement.source
        assert isinstance(source, PathSource)
        return _pinned(requirement) if source.path in self.paths else None


class Maker:
    """Make what is not remembered."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []

    def metadata_of(self, requirements: Sequence[Requirement]) -> list[tuple[Requirement, Metadata]]:
        self.made.append([one.source.path for one in requirements if isinstance(one.source, PathSource)])
        return [_pinned(one) for one in requirements]

    def settled(self, source: UrlSource | VcsSource | PathSource) -> UrlSource | VcsSource | PathSource:
        raise AssertionError(source)


def _pinned(requirement: Requirement) -> tuple[Requirement, Metadata]:
    assert isinstance(requirement.source, PathSource)
    return requirement.replaced(name="lib", source=requirement.source.replaced(digests=SHA)), LIB


def _at(path: str, name: str = "", **fields: object) -> Requirement:
    return Requirement(name, source=PathSource(path)).replaced(**fields)


def test_what_is_remembered_is_not_made() -> None:
    known, maker = Known("/a"), Maker()
    found = Sources(lambda: known, lambda: maker).describe([_at("/a"), _at("/b"), _at("/c")])
    assert maker.made == [["/b", "/c"]]
    assert [one.requirement.name for one in found] == ["lib"] * 3
    assert [one.source for one in found] == [PathSource(path, digests=SHA) for path in ("/a", "/b", "/c")]
    assert {one.metadata for one in found} == {LIB}


def test_a_source_is_described_once() -> None:
    known, maker = Known(), Maker()
    sources = Sources(lambda: known, lambda: maker)
    (first,) = sources.describe([_at("/a", origin=Origin("one.txt", 1))])
    again = sources.describe([_at("/a", origin=Origin("two.txt", 2)), _at("/a", extras=("x",)), first.requirement])
    assert sources.metadata(_at("/a")) is LIB
    assert (len(known.asked), maker.made) == (1, [["/a"]])
    # what a line says beside the source is its own
    assert [str(one.requirement.origin) for one in again[:1]] == ["two.txt:2"]
    assert again[1].requirement.extras == ("x",)


def test_another_name_or_hash_is_another_question() -> None:
    known, maker = Known(), Maker()
    sources = Sources(lambda: known, lambda: maker)
    for one in (_at("/a"), _at("/a", "other"), _at("/a", digests=SHA)):
        sources.describe([one])
    assert len(maker.made) == 3


def test_nothing_is_loaded_where_there_is_no_source() -> None:
    def fail() -> Known:
        raise AssertionError

    sources = Sources(fail, Maker)
    assert sources.describe([]) == []
    assert expanded(sources, InstallRequest((Requirement("plain"),))) == (Requirement("plain"),)


def test_dependencies_of_a_project_come_under_its_name() -> None:
    known = Known("/p")
    request = InstallRequest(trees=((PathSource("/p"), (), Origin("setup.py")),))
    (needed,) = expanded(Sources(lambda: known, Maker), request)
    assert (needed.name, str(needed.origin)) == ("needed", "lib (setup.py)")
