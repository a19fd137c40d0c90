import base64
import csv
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.model import Digest
from commonwheel.specs import record

PATHS = st.text(alphabet='ab/.,"é \n\r', min_size=1, max_size=8)
ROWS = st.lists(st.tuples(PATHS, st.sampled_from(["", "sha256=abc"]), st.sampled_from(["", "12"])), max_size=8)


@given(ROWS)
def test_round_trip(rows: list[tuple[str, str, str]]) -> None:
    text = record.write(rows, "x.dist-info/RECORD")
    assert record.parse(text) == sorted([*rows, ("x.dist-info/RECORD", "", "")])
    assert record.parse(text.encode()) == record.parse(text)


@given(ROWS)
def test_parsing_matches_csv(rows: list[tuple[str, str, str]]) -> None:
    for ending in ("\n", "\r\n"):
        if ending == "\n" and any("\r" in row[0] for row in rows):
            continue  # `csv` of Python 3.11 forgets the quotes then
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator=ending).writerows(rows)
        assert record.parse(out.getvalue()) == rows


@given(ROWS)
def test_output_is_readable_by_csv(rows: list[tuple[str, str, str]]) -> None:
    text = record.write(rows, "R")
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] == record.parse(text)


def test_own_row_is_replaced_and_rows_sorted() -> None:
    rows = [("b.py", "sha256=x", "1"), ("a/RECORD", "sha256=old", "9"), ("a.py", "", "")]
    assert record.write(rows, "a/RECORD") == "a.py,,\na/RECORD,,\nb.py,sha256=x,1\n"


def test_short_rows_blank_lines_and_odd_bytes() -> None:
    assert record.parse(b"a.py\n\nb.py,sha256=x\n\xff.py,,\n") == [
        ("a.py", "", ""), ("b.py", "sha256=x", ""), ("\udcff.py", "", ""),
    ]  # fmt: skip
    assert record.parse('"a"b,,\n') == [("ab", "", "")]
    assert record.parse("") == []


@pytest.mark.parametrize("text", [",sha256=x,1\n", "a,b,c,d\n", '"a,,\n', '"a",b,c,d\n'])
def test_bad_rows_are_errors(text: str) -> None:
    with pytest.raises(record.InvalidRecord):
        record.parse(text)


@given(st.binary())
def test_sha256_row_equals_generic_hash_row(data: bytes) -> None:
    digest = hashlib.sha256(data)
    assert record.sha256_field(digest.digest()) == record.hash_field(digest.hexdigest())


@given(st.binary())
def test_hash_codec_round_trip(data: bytes) -> None:
    digest = hashlib.sha256(data)
    field = record.hash_field(digest.hexdigest())
    assert field == "sha256=" + base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
    assert record.digest_of(field) == Digest("sha256", digest.hexdigest())
    assert record.digest_of(field + "=") == Digest("sha256", digest.hexdigest())


@pytest.mark.parametrize("field", ["sha256", "sha256=", "=abcd", "sha256=a b", "sha256=é", "sha256=a"])
def test_bad_hashes_are_errors(field: str) -> None:
    with pytest.raises(record.InvalidRecord):
        record.digest_of(field)


def test_rows_without_hash() -> None:
    assert record.digest_of("") is None


@given(st.text(alphabet='a,"\n\r', max_size=30))
def test_any_text_parses_or_raises_one_error(text: str) -> None:
    try:
        rows = record.parse(text)
    except record.InvalidRecord:
        return
    assert all(len(row) == 3 and row[0] for row in rows)
