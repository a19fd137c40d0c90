"""`files.txt`: rows there and back."""

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store import filelist
from commonwheel.store.lines import seal

NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)
ROWS = st.tuples(NAMES, st.integers(0), st.just("ab" * 32), st.booleans(), st.integers())


@given(st.lists(ROWS))
def test_rows_come_back_sorted(rows):
    assert filelist.decode(filelist.encode(rows)) == sorted(rows)


@given(st.binary())
def test_any_bytes_are_survived(data):
    assert filelist.decode(data) is None


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)))))
def test_any_sealed_lines_are_survived(lines):
    found = filelist.decode(seal("files", lines))
    assert found is None or len(found) == len(lines)


def test_a_row_is_plain_text():
    row = ("demo/a b.py", 12, "cd" * 32, True, 1580608922)
    assert filelist.line(row) == f"demo/a b.py\t12\t1580608922\tx\t{'cd' * 32}"
