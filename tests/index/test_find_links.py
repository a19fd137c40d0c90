"""Folders and pages of links."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.index import find_links
from commonwheel.index.find_links import FindLinks, Hashes, Tree, decode, encode, folder, line_of, single_file
from commonwheel.index.page_record import Provenance
from kit.pages import MemoryPages

texts = st.text(max_size=8)
lines = st.lists(
    st.builds(
        line_of,
        st.sampled_from(
            ["demo-1.0-py3-none-any.whl", "De.mo-2.0.tar.gz", "other-1.0.zip", "demo-extra-3.0.tar.gz", "readme.txt"]
        ),
        texts.map(lambda text: f"https://x.example/{text}"),
        texts,
        st.none() | texts,
        st.none() | st.integers(0, 2**40),
        st.none() | st.floats(0, 4e9),
        texts,
        texts,
    ),
    max_size=6,
)


@given(lines)
def test_record_round_trip(found: list[str]) -> None:
    made = FindLinks("https://x.example/links", found, Provenance(5, 6, "https://x.example/l", '"t"', "date", "c"))
    back = decode(encode(made), "https://x.example/links")
    assert back is not None
    assert back.provenance == made.provenance
    assert [line.encode("utf-8", "replace") for line in made.lines()] == [line.encode() for line in back.lines()]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_safely(data: bytes) -> None:
    assert decode(data, "https://x.example/links") is None
    assert decode(b"cw-links 1 " + data, "https://x.example/links") is None


@given(lines, st.integers(0, 300))
def test_truncated_or_foreign_record_is_a_miss(found: list[str], cut: int) -> None:
    record = encode(FindLinks("https://x.example/links", found))
    assert decode(record[: min(cut, len(record) - 1)], "https://x.example/links") is None
    assert decode(record, "https://y.example/links") is None


def test_files_are_found_by_project() -> None:
    made = FindLinks(
        "https://x.example/",
        [
            line_of(name, f"https://x.example/{name}")
            for name in (
                "De_mo-1.0-py3-none-any.whl",
                "de.mo-1.1.tar.gz",
                "de-mo-extra-2.0.tar.gz",
                "other-1.0.zip",
                "demo.txt",
            )
        ],
    )
    assert made.page("de-mo").versions == ("1.0", "1.1")
    assert made.page("de-mo-extra").versions == ("2.0",)
    assert made.page("other").versions == ("1.0",)
    assert made.page("nothing").versions == ()


def test_directory_lists_names_sizes_and_stamps(place: str) -> None:
    for name in (
        "demo-1.0-py3-none-any.whl",
        "demo-1.0+cpu-py3-none-any.whl",
        "demo-2.0.tar.gz",
        "notes.txt",
        "demo-3.0.egg",
    ):
        with open(f"{place}/{name}", "wb") as file:
            file.write(b"12345")
    os.symlink(f"{place}/nowhere.whl", f"{place}/demo-9.0-py3-none-any.whl")
    page = folder(place).page("demo")
    assert page.versions == ("1.0", "1.0+cpu", "2.0")
    (row,) = page.files(1) or []
    assert row.size == 5
    assert row.digests.startswith("stamp:5-")
    assert row.url.startswith("file:///")
    assert " " not in row.url
    assert row.url.endswith("/demo-1.0+cpu-py3-none-any.whl")


def test_hash_is_cached_until_the_file_changes(place: str) -> None:
    pages = MemoryPages()
    path = f"{place}/demo-1.0-py3-none-any.whl"
    with open(path, "wb") as file:
        file.write(b"12345")
    hashes = Hashes(pages)
    hashes.learn(path, find_links.stamp_of(path), "ab" * 32)
    hashes.keep()
    again = Hashes(pages)
    (row,) = folder(place, again).page("demo").files(0) or []
    assert row.digests == "sha256:" + "ab" * 32
    again.keep()
    assert len(pages.writes) == 1  # nothing new was learned
    os.utime(path, ns=(5, 5))
    (row,) = folder(place, again).page("demo").files(0) or []
    assert row.digests == f"stamp:{find_links.stamp_of(path)}"


@given(st.binary(max_size=100))
def test_damaged_hash_cache_is_empty(data: bytes) -> None:
    pages = MemoryPages()
    pages.records["defaults", "local-hashes"] = data
    assert Hashes(pages).find("/x", "5-6") is None


def test_single_archive_as_location(place: str) -> None:
    path = f"{place}/demo-1.0-py3-none-any.whl"
    with open(path, "wb") as file:
        file.write(b"12345")
    assert single_file(path).page("demo").versions == ("1.0",)
    with pytest.raises(find_links.FolderUnreadable, match="No such file"):
        single_file(f"{place}/demo-2.0-py3-none-any.whl")
    with pytest.raises(find_links.FolderUnreadable, match="cannot read"):
        folder(f"{place}/missing")


def test_any_spelling_finds_the_project(place: str) -> None:
    os.makedirs(f"{place}/Flask_Login")
    os.makedirs(f"{place}/plain")
    with open(f"{place}/a-file", "wb"):
        pass
    tree = Tree(place + "/")
    assert tree.directory("plain") == f"{place}/plain"
    assert tree.directory("flask-login") == f"{place}/Flask_Login"
    assert tree.directory("a-file") is None
    assert tree.directory("missing") is None
    assert tree.page_file(f"{place}/plain") is None
    with open(f"{place}/plain/index.html", "wb") as file:
        file.write(b"<html></html>")
    found = tree.page_file(f"{place}/plain")
    assert found is not None
    assert found == (f"{place}/plain/index.html", find_links.stamp_of(f"{place}/plain/index.html"))
    with pytest.raises(find_links.FolderUnreadable):
        Tree(f"{place}/nowhere").directory("demo")
