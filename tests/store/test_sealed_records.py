"""Sealed text: what was written comes back, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store.sealed_records import escape, joined, seal, unescape, unseal

if TYPE_CHECKING:
    from typing import Any

FIELDS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.lists(FIELDS, min_size=1)))
def test_sealed_lines_round_trip(lines: list[Any]) -> None:
    sealed = seal("kind", [joined(*fields) for fields in lines])
    read = unseal("kind", sealed)
    assert read is not None
    assert [[unescape(field) for field in line.split("\t")] for line in read] == lines


@given(st.binary())
def test_any_bytes_are_handled(data: bytes) -> None:
    assert unseal("kind", data) is None


@given(st.text())
def test_field_never_breaks_a_line(text: str) -> None:
    assert not set(escape(text)) & {"\n", "\r", "\t"}
    assert unescape(escape(text)) == text


def test_every_truncation_and_bit_flip_is_a_miss() -> None:
    sealed = seal("kind", ["word\tvalue", "other"])
    for size in range(len(sealed)):
        assert unseal("kind", sealed[:size]) is None
    for at in range(len(sealed)):
        for bit in range(8):
            flipped = bytearray(sealed)
            flipped[at] ^= 1 << bit
            assert unseal("kind", bytes(flipped)) is None


def test_another_kind_or_format_is_a_miss() -> None:
    sealed = seal("kind", [])
    assert unseal("kind", sealed) == []
    assert unseal("other", sealed) is None
    assert unseal("kind", sealed.replace(b"\t1\n", b"\t2\n", 1)) is None
