"""A page that is pressed by a copy of this process is the page that we would have made."""

import gzip
import json
from collections.abc import Iterator

import pytest

from commonwheel.index import page_ingest, page_record
from commonwheel.index.index_cache import IndexCache
from commonwheel.index.index_config import Index
from commonwheel.index.page_ingest import IndexPageMismatch
from commonwheel.index.page_record import Page, Provenance
from commonwheel.index.simple_api_client import Registry
from commonwheel.model import SafeUrl
from commonwheel.net.responses import NetworkError
from kit.catalogue_fixture import CatalogueFixture, offer_many
from kit.index_server import JSON, Always, Garbage, IndexServer
from kit.pages import MemoryPages
from kit.wheels import wheel_bytes, wheel_filename


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as made:
        made.add(
            wheel_filename("demo", "1.0"), wheel_bytes("demo", "1.0", {}, requires=["lib"]), requires_python=">=3.8"
        )
        yield made


class Aside:
    """Stand for the copies: keep what was asked, and answer as one of them would, or not at all."""

    def __init__(self, pages: MemoryPages, *, answers: bool = True) -> None:
        self.asked: list[tuple[object, ...]] = []
        self._pages = pages
        self._answers = answers

    def __call__(self, *words: object) -> object:
        self.asked.append(words)
        if not self._answers:
            return None
        try:
            return page_ingest.pressed(self._pages, *words[1:])  # type: ignore[arg-type]
        except Exception:
            return None


def page(catalogues: CatalogueFixture, server: IndexServer, aside: Aside | None) -> Page:
    registry = Registry(
        catalogues.client,
        catalogues.pages,
        lambda: catalogues.now,
        lambda: page_ingest,
        reporter=catalogues.notes,
        aside=aside,
    )
    try:
        found = registry.page(Index(SafeUrl(server.url)), "demo", None).result().page
    finally:
        registry.close()
    assert found is not None
    return found


def told(found: Page) -> object:
    return (
        found.versions,
        found.profiles,
        found.tags,
        found.times,
        found.provenance,
        found.content,
    )


@pytest.mark.parametrize("versions", [0, 400])
@pytest.mark.parametrize("answers", [True, False])
def test_forked_worker_makes_the_same_page(server: IndexServer, versions: int, answers: bool) -> None:
    offer_many(server, versions)
    with CatalogueFixture() as alone, CatalogueFixture() as helped:
        helped.now = alone.now
        aside = Aside(helped.pages, answers=answers)
        own, theirs = page(alone, server, None), page(helped, server, aside)
        assert [words[0] for words in aside.asked] == ["page"]
        assert told(theirs) == told(own)
        assert page_record.lies_apart(own) is (versions > 0)
        assert helped.pages.records == alone.pages.records
        # what a copy has put where it can be read from does not come back through a pipe
        assert (theirs.rows is None) is (answers and versions > 0)
        assert IndexCache(Index(SafeUrl(server.url)), helped.pages).rows(theirs)
        assert list(theirs.all_files()) == list(own.all_files())


@pytest.mark.parametrize("versions", [0, 400])
def test_unstored_page_is_returned_whole(server: IndexServer, versions: int) -> None:
    class Full(MemoryPages):
        def put(self, space: str, key: str, data: bytes) -> bool:
            return False

    offer_many(server, versions)
    with CatalogueFixture() as alone, CatalogueFixture() as helped:
        helped.now = alone.now
        own, theirs = page(alone, server, None), page(helped, server, Aside(Full()))
        assert theirs.rows == own.rows
        assert helped.pages.records == alone.pages.records


def test_no_store_pages_are_not_kept(server: IndexServer) -> None:
    offer_many(server, 400)
    server.page_headers = {"cache-control": "no-store"}
    with CatalogueFixture() as catalogues:
        assert page(catalogues, server, Aside(catalogues.pages)).rows is not None
        assert not catalogues.pages.records


@pytest.mark.parametrize("copies", [False, True])
def test_page_may_be_compressed_in_transit(server: IndexServer, copies: bool) -> None:
    body = gzip.compress(json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": []}).encode())
    server.put("/simple/demo/", body, JSON, content_encoding="gzip")
    with CatalogueFixture() as catalogues:
        aside = Aside(catalogues.pages)
        assert page(catalogues, server, aside if copies else None).versions == ()
        assert [words[4] for words in aside.asked] == [body] * copies


def test_truncated_compressed_page_is_an_error(server: IndexServer) -> None:
    server.put("/simple/demo/", gzip.compress(b"{}" * 1000)[:-9], JSON, content_encoding="gzip")
    with CatalogueFixture() as catalogues, pytest.raises(NetworkError, match="cannot be read"):
        page(catalogues, server, Aside(catalogues.pages))


def test_errors_are_the_same_without_workers(server: IndexServer) -> None:
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "evil", "files": []}).encode()
    server.script("/simple/demo/", Always(Garbage(body, JSON)))
    with CatalogueFixture() as catalogues, pytest.raises(IndexPageMismatch, match="`evil`"):
        page(catalogues, server, Aside(catalogues.pages))


def test_page_remarks_are_reported_from_any_worker(server: IndexServer) -> None:
    body = json.dumps({"meta": {"api-version": "1.999"}, "name": "demo", "files": []}).encode()
    server.script("/simple/demo/", Always(Garbage(body, JSON)))
    said = []
    for copies in (False, True):
        with CatalogueFixture() as catalogues:
            page(catalogues, server, Aside(catalogues.pages) if copies else None)
            said.append(catalogues.notes.of("debug"))
    assert said[0] == said[1]
    assert "1.999" in said[0][0]


def test_provenance_from_words() -> None:
    source = Provenance(5, 605, "https://index.example/demo/", '"e"', "Mon", "c", "archived", "over")
    assert Provenance(*source.words) == source  # type: ignore[arg-type]
