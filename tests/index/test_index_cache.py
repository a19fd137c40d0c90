"""Records of an index: where they lie, and whose they are."""

import pytest

from commonwheel.errors import MetadataUnavailable
from commonwheel.index.index_cache import IndexCache, check
from commonwheel.index.index_config import Index
from commonwheel.index.metadata_bundle import pack
from commonwheel.index.page_record import Draft, Page, Provenance
from commonwheel.model import Metadata, SafeUrl
from kit.pages import MemoryPages


def index(url: str) -> Index:
    return Index(SafeUrl(url))


def test_authenticated_pages_are_kept_separately() -> None:
    pages = MemoryPages()
    for url in ("https://user:secret@index.example/simple", "https://index.example/simple"):
        shelf = IndexCache(index(url), pages)
        shelf.keep(Draft(index(url).identity, "demo").finish(Provenance()))
        bundle = shelf.bundle("demo")
        bundle.learn("key", pack(Metadata("demo", "1.0")))
        shelf.keep_bundle(bundle)
    assert {space for space, _ in pages.records} == {"private-pages", "private-metadata", "pages", "metadata"}
    assert Index(SafeUrl("https://index.example/simple"), private=True).private


def test_unchanged_bundle_is_not_written() -> None:
    pages = MemoryPages()
    shelf = IndexCache(index("https://index.example/simple"), pages)
    shelf.keep_bundle(shelf.bundle("demo"))
    assert not pages.writes
    bundle = shelf.bundle("demo")
    bundle.learn("key", pack(Metadata("demo", "1.0")))
    shelf.keep_bundle(bundle)
    shelf.keep_bundle(bundle)
    assert len(pages.writes) == 1


def test_separate_rows_are_evicted_under_pressure() -> None:
    pages = MemoryPages()
    shelf = IndexCache(index("https://index.example/simple"), pages)
    large = [page_of_rows(f"demo{n}", 5_000_000) for n in range(3)]
    for page in large:
        shelf.keep(page)
        page.rows = None
    assert all(shelf.rows(page) for page in large)
    assert [page.rows is not None for page in large] == [False, False, True]
    assert shelf.rows(large[0])
    assert [page.rows is not None for page in large] == [True, False, False]
    assert shelf.rows(large[1], for_good=True)
    assert shelf.rows(large[2])
    assert [page.rows is not None for page in large] == [False, True, True]


def page_of_rows(project: str, size: int) -> Page:
    draft = Draft(index("https://index.example/simple").identity, project)
    name = f"{project}-1.0-py3-none-any.whl"
    draft.add((name, "https://index.example/" + "x" * size + name, "", None, None, None, "", "", ""))
    return draft.finish(Provenance())


def test_metadata_must_match_the_requested_version() -> None:
    assert check(Metadata("demo", "1.0"), "demo", "1.0.0", "demo.whl").name == "demo"
    with pytest.raises(MetadataUnavailable, match="`other`"):
        check(Metadata("other", "1.0"), "demo", "1.0", "demo.whl")
    with pytest.raises(MetadataUnavailable, match=r"1\.0\+cpu"):
        check(Metadata("demo", "1.0+cpu"), "demo", "1.0", "demo.whl")
