"""Asking an index: formats, conditions, statuses, garbage, and metadata by every way there is."""

import json
from collections.abc import Iterator

import pytest

from commonwheel.errors import CommonwheelError, MetadataUnavailable
from commonwheel.index.index_cache import OutOfReach, Reply
from commonwheel.index.index_config import Index
from commonwheel.index.page_ingest import IndexPageMismatch
from commonwheel.index.page_record import Page, Row
from commonwheel.model import SafeUrl
from commonwheel.net.responses import Refused
from commonwheel.specs.simple_api import InvalidIndexPage, UnsupportedIndexVersion
from kit.catalogue_fixture import CatalogueFixture
from kit.index_server import JSON, Always, Corrupt, Garbage, Hold, IndexServer, Redirect, Reset, Status
from kit.wheels import wheel_bytes, wheel_filename

DEMO = wheel_filename("demo", "1.0")


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as made:
        made.add(DEMO, wheel_bytes("demo", "1.0", {"demo.py": "x = 1\n"}, requires=["lib>=2"]), requires_python=">=3.8")
        yield made


@pytest.fixture
def catalogues() -> Iterator[CatalogueFixture]:
    with CatalogueFixture() as made:
        yield made


def ask(catalogues: CatalogueFixture, index: Index | str, name: str = "demo", known: Page | None = None) -> Reply:
    said = index if isinstance(index, Index) else Index(SafeUrl(index))
    return catalogues.registry().page(said, name, known).result()


def page(catalogues: CatalogueFixture, index: Index | str, name: str = "demo", known: Page | None = None) -> Page:
    found = ask(catalogues, index, name, known).page
    assert found is not None
    return found


def row(found: Page) -> Row:
    files = found.files(0)
    assert files is not None
    return files[0]


def test_parallel_requests_share_one_answer(server: IndexServer, catalogues: CatalogueFixture) -> None:
    hold = Hold()
    server.script("/simple/demo/", hold)
    registry, index = catalogues.registry(), Index(SafeUrl(server.url))
    asked = registry.page(index, "demo", None)
    assert hold.arrived.wait(10)
    assert registry.page(index, "demo", None) is asked
    hold.release.set()
    assert asked.result().page is not None
    assert registry.page(index, "demo", None).result().page is not None
    assert len(server.seen("/simple/demo/")) == 2


@pytest.mark.parametrize("formats", [("json", "html"), ("json",), ("html",)])
def test_json_and_html_are_equivalent(
    server: IndexServer, catalogues: CatalogueFixture, formats: tuple[str, ...]
) -> None:
    server.formats = formats
    found = page(catalogues, server.url)
    assert found.versions == ("1.0",)
    known = row(found)
    offered = server.files["demo"][0]
    assert known.url == f"{server.root}{offered.path}"
    assert known.requires_python == ">=3.8"
    assert known.digests == f"sha256:{offered.sha256}"
    assert known.metadata == f"sha256:{offered.metadata_hash}"
    assert known.size == (offered.size if "json" in formats else None)
    accept = server.log[0].headers["accept"]
    assert accept.startswith(JSON)
    assert "text/html" in accept


def test_page_is_cached_for_its_lifetime(server: IndexServer, catalogues: CatalogueFixture) -> None:
    found = page(catalogues, server.url)
    assert found.provenance.fetched == int(catalogues.now)
    assert found.provenance.expires == int(catalogues.now) + 600
    server.page_headers = {"cache-control": "max-age=50"}
    assert page(catalogues, server.url).provenance.expires == int(catalogues.now) + 50
    override = Index(SafeUrl(server.url), cache_control="max-age=4000")
    assert page(catalogues, override).provenance.expires == int(catalogues.now) + 4000


def test_no_store_is_respected(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.page_headers = {"cache-control": "no-store"}
    assert page(catalogues, server.url).versions == ("1.0",)
    assert not catalogues.pages.records


@pytest.mark.parametrize("etags", ["strong", "weak", ""])
def test_unchanged_page_is_not_parsed_again(server: IndexServer, catalogues: CatalogueFixture, etags: str) -> None:
    server.etags = etags
    first = page(catalogues, server.url)
    catalogues.now += 1000
    writes = len(catalogues.pages.writes)
    again = page(catalogues, server.url, known=first)
    assert again is first
    assert again.provenance.expires == int(catalogues.now) + 600
    assert [seen.status for seen in server.log] == [200, 304 if etags else 200]
    assert len(catalogues.pages.writes) == writes + 1
    server.add(wheel_filename("demo", "2.0"), wheel_bytes("demo", "2.0", {}))
    assert page(catalogues, server.url, known=again).versions == ("1.0", "2.0")


def test_missing_project_is_cached(server: IndexServer, catalogues: CatalogueFixture) -> None:
    reply = ask(catalogues, server.url, "missing")
    assert reply.page is None
    assert not reply.refused
    assert reply.note == f"`{server.url}` does not have it"
    assert [key.rpartition("/")[2] for key in catalogues.pages.keys("pages")] == ["missing"]


@pytest.mark.parametrize("status", [401, 403])
def test_unauthorized_stops_the_search_unless_ignored(
    server: IndexServer, catalogues: CatalogueFixture, status: int
) -> None:
    server.script("/simple/demo/", Always(Status(status)))
    reply = ask(catalogues, server.url)
    assert reply.page is None
    assert reply.refused
    assert str(status) in reply.note
    assert not catalogues.pages.records
    ignoring = ask(catalogues, Index(SafeUrl(server.url), ignored=frozenset({status})))
    assert not ignoring.refused
    assert ignoring.page is None


def test_other_statuses_are_errors(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.script("/simple/demo/", Always(Status(400)))
    with pytest.raises(Refused, match="400"):
        ask(catalogues, server.url)


def test_page_of_another_project_is_refused(server: IndexServer, catalogues: CatalogueFixture) -> None:
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "evil", "files": []}).encode()
    server.script("/simple/demo/", Garbage(body, JSON))
    with pytest.raises(IndexPageMismatch, match="`evil`"):
        ask(catalogues, server.url)
    assert not catalogues.pages.records


def test_redirect_to_another_project_is_refused(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.add(wheel_filename("other", "1.0"), wheel_bytes("other", "1.0", {}))
    server.script("/simple/demo/", Redirect("/simple/other/"))
    with pytest.raises(IndexPageMismatch, match="`other`"):
        ask(catalogues, server.url)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Garbage(b"<<<not json", JSON), InvalidIndexPage),
        (Garbage(b'{"meta": {"api-version": "2.0"}, "name": "demo", "files": []}', JSON), UnsupportedIndexVersion),
        (Garbage(b"\x00\x01\x02", "text/html"), InvalidIndexPage),
        (Reset(), CommonwheelError),
        (Status(500), CommonwheelError),
    ],
)
def test_garbage_is_an_error_unless_a_stale_page_exists(
    server: IndexServer, catalogues: CatalogueFixture, step: Garbage, error: type[CommonwheelError]
) -> None:
    known = page(catalogues, server.url)
    server.script("/simple/demo/", Always(step))
    with pytest.raises(error):
        ask(catalogues, server.url)
    catalogues.now += 1200
    assert ask(catalogues, server.url, known=known).page is known
    (warning,) = catalogues.notes.of("warning")
    assert "20 minutes ago" in warning
    assert server.url in warning


def test_credentials_are_sent_to_the_index_only(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.users = {"user": "secret"}
    index = Index(SafeUrl(server.url.replace("://", "://user:secret@")))
    found = page(catalogues, index)
    assert "secret" not in row(found).url
    assert row(found).url.startswith(server.root)
    records = b"".join(catalogues.pages.records.values())
    assert b"secret" not in records
    assert b"user" not in records
    # ... and what an index tells one user is not told to others
    assert {space for space, _ in catalogues.pages.records} == {"private-pages"}


def test_project_status_is_read(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.status["demo"] = "quarantined"
    assert page(catalogues, server.url).provenance.status == "quarantined"
    server.status["demo"] = "active"
    assert page(catalogues, server.url).provenance.status == ""


def test_large_pages_are_stored_in_two_parts(server: IndexServer, catalogues: CatalogueFixture) -> None:
    body = wheel_bytes("demo", "1.0", {})
    for n in range(400):
        server.add(wheel_filename("demo", f"2.{n}"), body, metadata=False)
    found = page(catalogues, server.url)
    assert len(found.versions) == 401
    assert sorted(key.rpartition("/")[2] for key in catalogues.pages.keys("pages")) == ["demo", "demo.files"]


# --- metadata ---------------------------------------------------------------------------------------------------------------


def metadata(catalogues: CatalogueFixture, server: IndexServer, name: str = "demo") -> tuple[str, ...]:
    known = row(page(catalogues, server.url, name))
    server.log.clear()
    found = catalogues.registry().metadata(name, "1.0", known).result()
    return tuple(map(str, found.requires))


def test_metadata_from_its_own_file(server: IndexServer, catalogues: CatalogueFixture) -> None:
    assert metadata(catalogues, server) == ("lib>=2",)
    assert [seen.path for seen in server.log] == [f"/files/demo/{DEMO}.metadata"]


def test_metadata_from_a_range_of_the_wheel(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.metadata = False
    assert metadata(catalogues, server) == ("lib>=2",)
    assert {seen.path for seen in server.log} == {f"/files/demo/{DEMO}"}
    assert all("range" in seen.headers for seen in server.log)


def test_missing_promised_metadata_file_falls_back(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.script(f"/files/demo/{DEMO}.metadata", Always(Status(404)))
    assert metadata(catalogues, server) == ("lib>=2",)


def test_metadata_file_with_wrong_hash_is_refused(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.script(f"/files/demo/{DEMO}.metadata", Always(Corrupt(at=40)))
    assert metadata(catalogues, server) == ("lib>=2",)
    assert "does not have the hash" in catalogues.notes.of("warning")[0]


def test_without_ranges_the_whole_wheel_is_needed(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.metadata = False
    server.ranges = False
    server.add(wheel_filename("big", "1.0"), wheel_bytes("big", "1.0", {"big/data.bin": _noise(60_000)}))
    with pytest.raises(OutOfReach):
        metadata(catalogues, server, "big")


def _noise(length: int) -> bytes:
    """Return bytes that do not compress."""
    state, out = 1, bytearray()
    for _ in range(length):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(state >> 16 & 0xFF)
    return bytes(out)


def test_sdist_without_metadata_file_must_be_built(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.add("source-1.0.tar.gz", b"not looked at")
    with pytest.raises(OutOfReach):
        metadata(catalogues, server, "source")


def test_only_static_sdist_metadata_is_used(server: IndexServer, catalogues: CatalogueFixture) -> None:
    text = b"Metadata-Version: 2.2\nName: source\nVersion: 1.0\nRequires-Dist: lib\n"
    server.add("source-1.0.tar.gz", b"x", metadata=text)
    assert metadata(catalogues, server, "source") == ("lib",)
    server.add("dynamic-1.0.tar.gz", b"x", metadata=text.replace(b"source", b"dynamic") + b"Dynamic: Requires-Dist\n")
    with pytest.raises(OutOfReach):
        metadata(catalogues, server, "dynamic")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n", "another project, `evil`"),
        (b"Metadata-Version: 2.1\nName: demo\nVersion: 9.9\n", "another version, 9.9"),
        (b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: lib >>> 2\n", "cannot be used"),
        (b"\xff\xfe nonsense", "cannot be used"),
    ],
)
def test_metadata_of_another_project_makes_a_version_unusable(
    server: IndexServer, catalogues: CatalogueFixture, text: bytes, complaint: str
) -> None:
    server.files["demo"].clear()
    server.add(DEMO, wheel_bytes("demo", "1.0", {}), metadata=text)
    with pytest.raises(MetadataUnavailable, match=complaint):
        metadata(catalogues, server)


def test_unauthorized_metadata_is_an_error(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.script(f"/files/demo/{DEMO}.metadata", Always(Status(403)))
    with pytest.raises(Refused, match="403"):
        metadata(catalogues, server)


def test_links_page_is_read_and_cached(server: IndexServer, catalogues: CatalogueFixture) -> None:
    path = server.files["demo"][0].path
    url = server.put(
        "/links.html",
        f'<html><a href="{path}#sha256={"0" * 64}">x</a><a href="/about">y</a></html>'.encode(),
        "text/html",
        etag='"1"',
    )
    index = Index(SafeUrl(url), flat=True)
    found = catalogues.registry().links_page(index, None).result()
    assert found.page("demo").versions == ("1.0",)
    assert row(found.page("demo")).digests == "sha256:" + "0" * 64
    assert [key.rpartition("/")[2] for key in catalogues.pages.keys("pages")] == ["links"]
    server.script("/links.html", Always(Status(503)))
    assert catalogues.registry().links_page(index, found).result() is found
    with pytest.raises(CommonwheelError):
        catalogues.registry().links_page(index, None).result()
