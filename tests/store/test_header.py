"""`entry.txt`: what goes in comes out, and nothing else passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.specs import core_metadata
from commonwheel.store import header, manifest
from commonwheel.store.header import Header, Published
from commonwheel.store.sealed_records import seal

if TYPE_CHECKING:
    from typing import Any

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
NUMBER = st.integers(0, 1 << 60)
ROWS = st.lists(st.tuples(TEXT, NUMBER, DIGEST, st.booleans(), NUMBER).map(manifest.line), max_size=3).map(tuple)
HEADERS = st.builds(
    Header,
    digest=DIGEST, name=TEXT, version=TEXT, spelled=st.tuples(TEXT, TEXT), filename=TEXT, wheel_size=NUMBER,
    published=st.builds(Published, TEXT, NUMBER, TEXT, TEXT), dist_info=TEXT, data=TEXT, purelib=st.booleans(),
    files=NUMBER, size=NUMBER, sealed=DIGEST, requires_python=TEXT, requires=TEXTS, extras=TEXTS, console=PAIRS, gui=PAIRS,
    foldable=TEXTS, unfolded=TEXT, loose=ROWS, hashes=PAIRS,
)  # fmt: skip


@given(HEADERS)
def test_header_round_trip(said: Header) -> None:
    assert header.decode(header.encode(said)) == said


@given(st.binary())
def test_any_bytes_are_handled(data: bytes) -> None:
    assert header.decode(data) is None


WORDS = st.sampled_from(
    ["digest", "name", "wheel", "origin", "dist-info", "files", "requires", "console", "loose", "hash", "new-word"]
)
LINES = st.tuples(WORDS, st.lists(st.sampled_from(["", "x", "1", "ab" * 32]), max_size=6)).map(
    lambda line: "\t".join((line[0], *line[1]))
)


@given(st.lists(LINES, max_size=20))
def test_any_sealed_lines_are_handled(lines: list[Any]) -> None:
    found = header.decode(seal("entry", lines))
    assert found is None or isinstance(found, Header)


def a_header(**changes: object) -> Header:
    said = Header(
        "ab" * 32, "demo", "1.0", ("Demo", "1.0"), "demo-1.0-py3-none-any.whl", 10, Published("index", 0, "host", "boot"),
        "demo-1.0.dist-info", "", True, 1, 2, "cd" * 32,
    )  # fmt: skip
    return said.replaced(**changes)


def test_keywords_of_later_versions_are_skipped() -> None:
    text = header.encode(a_header()).decode()
    lines = [*text.split("\n")[1:-2], "shiny\tnew\tthing"]
    assert header.decode(seal("entry", lines)) == a_header()


def test_invalid_digest_is_a_miss() -> None:
    assert header.decode(header.encode(a_header(digest="AB" * 32))) is None
    assert header.decode(header.encode(a_header(sealed="../x"))) is None


def test_metadata_matches_the_resolver_input() -> None:
    said = a_header(requires_python=">=3.8", requires=("other >=1 ; extra == 'more'", "third"), extras=("more",))
    metadata = core_metadata.parse(said.metadata())
    assert (metadata.name, metadata.version, metadata.requires_python) == ("demo", "1.0", ">=3.8")
    assert [requirement.name for requirement in metadata.requires] == ["other", "third"]
    assert metadata.provides_extra == ("more",)
