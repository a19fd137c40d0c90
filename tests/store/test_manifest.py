"""`files.txt`: rows there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store import manifest
from commonwheel.store.sealed_records import seal

if TYPE_CHECKING:
    from typing import Any

    from commonwheel.store.manifest import Row

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
ROWS = st.tuples(NAMES, st.integers(0), st.just("ab" * 32), st.booleans(), st.integers())


@given(st.lists(ROWS))
def test_rows_are_sorted(rows: list[Row]) -> None:
    assert manifest.decode(manifest.encode(rows)) == sorted(rows)


@given(st.binary())
def test_any_bytes_are_handled(data: bytes) -> None:
    assert manifest.decode(data) is None


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))))
def test_any_sealed_lines_are_handled(lines: list[Any]) -> None:
    found = manifest.decode(seal("files", lines))
    assert found is None or len(found) == len(lines)


def test_row_is_plain_text() -> None:
    row = ("demo/a b.py", 12, "cd" * 32, True, 1580608922)
    assert manifest.line(row) == f"demo/a b.py\t12\t1580608922\tx\t{'cd' * 32}"
