"""The directory of a zip archive, held against `zipfile` for good ones; `test_unpack` has the bad ones."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store.archive import are_plain, directories, members, name_fault, shown
from kit.wheels import GOOD_MEMBERS, Zip

if TYPE_CHECKING:
    from commonwheel.store.archive import Member


def read(data: bytes) -> tuple[list[Member], list[str]]:
    issues: list[str] = []
    return members(data, issues), issues


def test_members_match_zipfile() -> None:
    data = Zip(list(GOOD_MEMBERS)).encode()
    found, issues = read(data)
    assert issues == []
    infos = [info for info in zipfile.ZipFile(io.BytesIO(data)).infolist() if not info.is_dir()]
    assert [(m.name, m.size, m.packed_size, m.crc, m.method) for m in found] == [
        (i.filename, i.file_size, i.compress_size, i.CRC, i.compress_type) for i in infos
    ]
    assert [m.executable for m in found] == [bool(i.external_attr >> 16 & 0o111) for i in infos]


@pytest.mark.parametrize("force", [False, True])
def test_archives_of_zipfile_are_read(force: bool) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", "content" * 100)
        with archive.open("big", "w", force_zip64=force) as file:
            file.write(b"x" * 1000)
    found, issues = read(buffer.getvalue())
    assert issues == []
    assert [(m.name, m.size) for m in found] == [("a/b.txt", 700), ("big", 1000)]


def test_streamed_archives_of_zipfile_are_read() -> None:
    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += bytes(data)
            return len(data)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "content" * 100)
        archive.writestr("b.txt", "content" * 100)
    found, issues = read(stream.data)
    assert issues == []
    assert [m.name for m in found] == ["a.txt", "b.txt"]


def test_zip64_archives_with_many_members_are_read() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(65_536):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    found, issues = read(buffer.getvalue())
    assert issues == []
    assert len(found) == 65_536


@given(st.binary(max_size=400))
def test_any_bytes_are_handled(data: bytes) -> None:
    found, issues = read(data)
    assert issues
    assert found == []


WHOLE = Zip(list(GOOD_MEMBERS)).encode()


@given(st.integers(0, len(WHOLE)), st.binary(min_size=1, max_size=8))
def test_damaged_archive_is_handled(at: int, junk: bytes) -> None:
    data = WHOLE[:at] + junk + WHOLE[at + len(junk) :]
    found, issues = read(data)
    assert issues or found


@pytest.mark.parametrize("name", ["a", "a/b.py", "a b/ü.txt", "...", "a/..b", ".hidden", "aux.py"])
def test_plain_names_are_accepted(name: str) -> None:
    assert name_fault(name) == ""


@pytest.mark.parametrize("name", ["", "/a", "a/../b", "..", "a//b", "a/", "./a", "a\\b", "c:/x", "a\tb", "a\x85b"])
def test_unsafe_names_are_refused(name: str) -> None:
    assert name_fault(name) != ""


@given(st.lists(st.text(alphabet="ab./\\:é\n\x85", max_size=5), min_size=1, max_size=4))
def test_joined_check_matches_single_checks(names: list[str]) -> None:
    if are_plain(names):
        assert [name_fault(name.removesuffix("/")) for name in names] == [""] * len(names)


def test_long_names_are_checked_one_by_one() -> None:
    assert are_plain(["demo/", "demo/__init__.py", "demo/ü.txt", "demo-1.0.dist-info/RECORD"])
    assert not are_plain(["demo/__init__.py", "demo/" + "ü" * 128])


def test_directories_are_the_parents_of_files() -> None:
    assert directories(["a/b/c.py", "a/b/d.py", "a/e/f/g.py", "top.py"]) == {"a", "a/b", "a/e", "a/e/f"}
    assert directories(["a/b.py", "a/b/c/d.py"]) == {"a", "a/b", "a/b/c"}


@pytest.mark.parametrize("comment", [b"", b"x", b"a comment", b"x" * 0xFFFF])
def test_end_record_before_a_comment_is_found(comment: bytes) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.py", b"x")
        archive.comment = comment
    issues: list[str] = []
    assert [member.name for member in members(file.getvalue(), issues)] == ["a.py"]
    assert not issues


def test_shown_names_fit_a_line_with_backticks() -> None:
    assert shown("a/b.py") == "a/b.py"
    assert "\n" not in shown("a\nb")
    assert shown("ü") == "ü"
