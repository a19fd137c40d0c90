"""install/dist_info.py: what stands in a dist-info, held against the readers of PyPA."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.install import dist_info
from commonwheel.model import Digest, PathSource, Pin, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import direct_url, record
from kit.shelf import Shelf

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.model import Entry


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "store"))


def lines_of(shelf: Shelf, entry: Entry, data: bytes | None = None) -> list[str]:
    if data is None:
        with open(f"{entry.tree}/{entry.dist_info}/RECORD", "rb") as file:
            data = file.read()
    ours = [f"{entry.dist_info}/{name}" for name in dist_info.OURS]
    brought = [path for path in ours if os.path.exists(f"{entry.tree}/{path}")]
    return dist_info.wheel_lines(data, entry, brought, shelf.files)


def test_plain_record_is_copied_without_installer_files(shelf: Shelf) -> None:
    infos = {"INSTALLER": "pip", "REQUESTED": "", "direct_url.json": "{}", "RECORD.jws": "x", "extra": "e"}
    entry = shelf.add("one", "1.0", {"one.py": "x"}, info_files=infos)
    paths = [line.partition(",")[0] for line in lines_of(shelf, entry)]
    assert sorted(paths) == [
        "one-1.0.dist-info/METADATA",
        "one-1.0.dist-info/WHEEL",
        "one-1.0.dist-info/extra",
        "one.py",
    ]
    assert shelf.files_asked == 0


def test_csv_line_endings_are_dropped(shelf: Shelf) -> None:
    entry = shelf.add("one", "1.0", {"one.py": "x", "two.py": "yy"})
    with open(f"{entry.tree}/{entry.dist_info}/RECORD", "rb") as file:
        data = file.read()
    assert lines_of(shelf, entry, data.replace(b"\n", b"\r\n")) == lines_of(shelf, entry, data)
    assert shelf.files_asked == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"one.py,,\n", b'"one.py",sha256=x,1\n', b"one.py,md5=x,1\r\n", b"one.py,sha256=x,1\nmore,sha256=x,1\n" * 2],
)
def test_unusual_record_is_rewritten(shelf: Shelf, data: bytes) -> None:
    entry = shelf.add("one", "1.0", {"one.py": "x"})
    assert sorted(lines_of(shelf, entry, data)) == sorted(lines_of(shelf, entry))
    assert shelf.files_asked == 1


def test_bytecode_added_in_the_store_is_not_in_record(shelf: Shelf) -> None:
    files = {"one.py": "x", "__pycache__/one.cpython-311.pyc": "x", "__pycache__/own.cpython-311.pyc": "y"}
    said = '"one.py",,\n__pycache__/own.cpython-311.pyc,,\n'
    entry = shelf.add("one", "1.0", files, record=said)
    paths = {line.partition(",")[0] for line in lines_of(shelf, entry)}
    assert {path for path in paths if "dist-info" not in path} == {"one.py", "__pycache__/own.cpython-311.pyc"}


def test_lines_follow_the_specification() -> None:
    data = b"content"
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    assert dist_info.line_of("a,b", data) == f'"a,b",sha256={digest},7'
    assert dist_info.line_of("empty", b"") == f"empty,{record.hash_field(hashlib.sha256(b'').hexdigest())},0"


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), unique=True, max_size=8))
def test_records_are_readable_by_csv(paths: list[str]) -> None:
    links = [f"links/{path}" for path in paths[:2]]
    data = dist_info.compose([dist_info.line(path, "00" * 32, 1) for path in paths], links, "x-1.dist-info")
    rows = list(csv.reader(data.decode().splitlines()))
    assert sorted(row[0] for row in rows) == sorted([*paths, *links, "x-1.dist-info/RECORD"])
    assert {row[0] for row in rows[: len(links)]} == set(links)


def test_unfolded_links_are_replaced_in_record() -> None:
    data = b"a,,\nb,,\nx-1.dist-info/RECORD,,\nb/c.py,sha256=x,1\n"
    opened = {"b": ["b/d", "b/e"], "b/e": ["b/e/f"]}
    assert dist_info.recomposed(data, opened) == b"a,,\nb/d,,\nb/e/f,,\nx-1.dist-info/RECORD,,\nb/c.py,sha256=x,1\n"


@pytest.mark.parametrize(
    ("source", "hashes"),
    [
        (UrlSource(SafeUrl("https://u:p@files.example/one-1.0-py3-none-any.whl")), True),
        (UrlSource(SafeUrl("https://files.example/one-1.0.tar.gz")), False),
        (PathSource("/p/one-1.0-py3-none-any.whl"), True),
        (PathSource("/p/project", editable=True), False),
        (VcsSource("git", SafeUrl("https://git.example/one.git"), "main", None, "c" * 40), False),
    ],
)
def test_direct_url_has_the_hash_of_the_unpacked_file(shelf: Shelf, source: UrlSource, hashes: bool) -> None:
    entry = shelf.add("one")
    text = dist_info.texts(Pin("one", "1.0", source=source), entry)["direct_url.json"].decode()
    assert "u:p" not in text
    told = direct_url.read(text)
    assert type(told) is type(source)
    assert (Digest("sha256", entry.digest) in getattr(told, "digests", ())) is hashes


def test_requested_marker(shelf: Shelf) -> None:
    entry = shelf.add("one")
    assert dist_info.texts(Pin("one", "1.0"), entry) == {"INSTALLER": b"cw\n"}
    assert dist_info.texts(Pin("one", "1.0", requested=True), entry) == {"INSTALLER": b"cw\n", "REQUESTED": b""}
