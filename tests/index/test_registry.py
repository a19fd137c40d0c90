"""Asking an index: formats, conditions, statuses, garbage, and metadata by every way there is."""

import json
from collections.abc import Iterator

import pytest

from commonwheel.errors import CommonwheelError, MetadataUnavailable
from commonwheel.index.configured import Index
from commonwheel.index.packed import Page, Row
from commonwheel.index.pressing import IndexPageMismatch
from commonwheel.index.shelf import OutOfReach, Reply
from commonwheel.model import SafeUrl
from commonwheel.net.responses import Refused
from commonwheel.specs.simple_api import InvalidIndexPage, UnsupportedIndexVersion
from kit.desk import Desk
from kit.index_server import JSON, Always, Corrupt, Garbage, Hold, IndexServer, Redirect, Reset, Status
from kit.wheels import wheel_bytes, wheel_filename

DEMO = wheel_filename("demo", "1.0")


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as made:
        made.add(DEMO, wheel_bytes("demo", "1.0", {"demo.py": "x = 1\n"}, requires=["lib>=2"]), requires_python=">=3.8")
        yield made


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


def ask(desk: Desk, index: Index | str, name: str = "demo", known: Page | None = None) -> Reply:
    said = index if isinstance(index, Index) else Index(SafeUrl(index))
    return desk.registry().page(said, name, known).result()


def page(desk: Desk, index: Index | str, name: str = "demo", known: Page | None = None) -> Page:
    found = ask(desk, index, name, known).page
    assert found is not None
    return found


def row(found: Page) -> Row:
    files = found.files(0)
    assert files is not None
    return files[0]


def test_parallel_requests_share_one_answer(server: IndexServer, desk: Desk) -> None:
    hold = Hold()
    server.script("/simple/demo/", hold)
    registry, index = desk.registry(), Index(SafeUrl(server.url))
    asked = registry.page(index, "demo", None)
    assert hold.arrived.wait(10)
    assert registry.page(index, "demo", None) is asked
    hold.release.set()
    assert asked.result().page is not None
    assert registry.page(index, "demo", None).result().page is not None
    assert len(server.seen("/simple/demo/")) == 2


@pytest.mark.parametrize("formats", [("json", "html"), ("json",), ("html",)])
def test_json_and_html_are_equivalent(server: IndexServer, desk: Desk, formats: tuple[str, ...]) -> None:
    server.formats = formats
    found = page(desk, server.url)
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


def test_page_is_cached_for_its_lifetime(server: IndexServer, desk: Desk) -> None:
    found = page(desk, server.url)
    assert found.provenance.fetched == int(desk.now)
    assert found.provenance.expires == int(desk.now) + 600
    server.page_headers = {"cache-control": "max-age=50"}
    assert page(desk, server.url).provenance.expires == int(desk.now) + 50
    override = Index(SafeUrl(server.url), cache_control="max-age=4000")
    assert page(desk, override).provenance.expires == int(desk.now) + 4000


def test_no_store_is_respected(server: IndexServer, desk: Desk) -> None:
    server.page_headers = {"cache-control": "no-store"}
    assert page(desk, server.url).versions == ("1.0",)
    assert not desk.pages.records


@pytest.mark.parametrize("etags", ["strong", "weak", ""])
def test_unchanged_page_is_not_parsed_again(server: IndexServer, desk: Desk, etags: str) -> None:
    server.etags = etags
    first = page(desk, server.url)
    desk.now += 1000
    writes = len(desk.pages.writes)
    again = page(desk, server.url, known=first)
    assert again is first
    assert again.provenance.expires == int(desk.now) + 600
    assert [seen.status for seen in server.log] == [200, 304 if etags else 200]
    assert len(desk.pages.writes) == writes + 1
    server.add(wheel_filename("demo", "2.0"), wheel_bytes("demo", "2.0", {}))
    assert page(desk, server.url, known=again).versions == ("1.0", "2.0")


def test_missing_project_is_cached(server: IndexServer, desk: Desk) -> None:
    reply = ask(desk, server.url, "missing")
    assert reply.page is None
    assert not reply.refused
    assert reply.note == f"`{server.url}` does not have it"
    assert [key.rpartition("/")[2] for key in desk.pages.keys("pages")] == ["missing"]


@pytest.mark.parametrize("status", [401, 403])
def test_unauthorized_stops_the_search_unless_ignored(server: IndexServer, desk: Desk, status: int) -> None:
    server.script("/simple/demo/", Always(Status(status)))
    reply = ask(desk, server.url)
    assert reply.page is None
    assert reply.refused
    assert str(status) in reply.note
    assert not desk.pages.records
    ignoring = ask(desk, Index(SafeUrl(server.url), ignored=frozenset({status})))
    assert not ignoring.refused
    assert ignoring.page is None


def test_other_statuses_are_errors(server: IndexServer, desk: Desk) -> None:
    server.script("/simple/demo/", Always(Status(400)))
    with pytest.raises(Refused, match="400"):
        ask(desk, server.url)


def test_page_of_another_project_is_refused(server: IndexServer, desk: Desk) -> None:
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "evil", "files": []}).encode()
    server.script("/simple/demo/", Garbage(body, JSON))
    with pytest.raises(IndexPageMismatch, match="`evil`"):
        ask(desk, server.url)
    assert not desk.pages.records


def test_redirect_to_another_project_is_refused(server: IndexServer, desk: Desk) -> None:
    server.add(wheel_filename("other", "1.0"), wheel_bytes("other", "1.0", {}))
    server.script("/simple/demo/", Redirect("/simple/other/"))
    with pytest.raises(IndexPageMismatch, match="`other`"):
        ask(desk, server.url)


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
    server: IndexServer, desk: Desk, step: Garbage, error: type[CommonwheelError]
) -> None:
    known = page(desk, server.url)
    server.script("/simple/demo/", Always(step))
    with pytest.raises(error):
        ask(desk, server.url)
    desk.now += 1200
    assert ask(desk, server.url, known=known).page is known
    (warning,) = desk.notes.of("warning")
    assert "20 minutes ago" in warning
    assert server.url in warning


def test_credentials_are_sent_to_the_index_only(server: IndexServer, desk: Desk) -> None:
    server.users = {"user": "secret"}
    index = Index(SafeUrl(server.url.replace("://", "://user:secret@")))
    found = page(desk, index)
    assert "secret" not in row(found).url
    assert row(found).url.startswith(server.root)
    records = b"".join(desk.pages.records.values())
    assert b"secret" not in records
    assert b"user" not in records
    # ... and what an index tells one user is not told to others
    assert {space for space, _ in desk.pages.records} == {"private-pages"}


def test_project_status_is_read(server: IndexServer, desk: Desk) -> None:
    server.status["demo"] = "quarantined"
    assert page(desk, server.url).provenance.status == "quarantined"
    server.status["demo"] = "active"
    assert page(desk, server.url).provenance.status == ""


def test_large_pages_are_stored_in_two_parts(server: IndexServer, desk: Desk) -> None:
    body = wheel_bytes("demo", "1.0", {})
    for n in range(400):
        server.add(wheel_filename("demo", f"2.{n}"), body, metadata=False)
    found = page(desk, server.url)
    assert len(found.versions) == 401
    assert sorted(key.rpartition("/")[2] for key in desk.pages.keys("pages")) == ["demo", "demo.files"]


# --- metadata ---------------------------------------------------------------------------------------------------------------


def metadata(desk: Desk, server: IndexServer, name: str = "demo") -> tuple[str, ...]:
    known = row(page(desk, server.url, name))
    server.log.clear()
    found = desk.registry().metadata(name, "1.0", known).result()
    return tuple(map(str, found.requires))


def test_metadata_from_its_own_file(server: IndexServer, desk: Desk) -> None:
    assert metadata(desk, server) == ("lib>=2",)
    assert [seen.path for seen in server.log] == [f"/files/demo/{DEMO}.metadata"]


def test_metadata_from_a_range_of_the_wheel(server: IndexServer, desk: Desk) -> None:
    server.metadata = False
    assert metadata(desk, server) == ("lib>=2",)
    assert {seen.path for seen in server.log} == {f"/files/demo/{DEMO}"}
    assert all("range" in seen.headers for seen in server.log)


def test_missing_promised_metadata_file_falls_back(server: IndexServer, desk: Desk) -> None:
    server.script(f"/files/demo/{DEMO}.metadata", Always(Status(404)))
    assert metadata(desk, server) == ("lib>=2",)


def test_metadata_file_with_wrong_hash_is_refused(server: IndexServer, desk: Desk) -> None:
    server.script(f"/files/demo/{DEMO}.metadata", Always(Corrupt(at=40)))
    assert metadata(desk, server) == ("lib>=2",)
    assert "does not have the hash" in desk.notes.of("warning")[0]


def test_without_ranges_the_whole_wheel_is_needed(server: IndexServer, desk: Desk) -> None:
    server.metadata = False
    server.ranges = False
    server.add(wheel_filename("big", "1.0"), wheel_bytes("big", "1.0", {"big/data.bin": _noise(60_000)}))
    with pytest.raises(OutOfReach):
        metadata(desk, server, "big")


def _noise(length: int) -> bytes:
    """Return bytes that do not compress."""
    state, out = 1, bytearray()
    for _ in range(length):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(state >> 16 & 0xFF)
    return bytes(out)


def test_sdist_without_metadata_file_must_be_built(server: IndexServer, desk: Desk) -> None:
    server.add("source-1.0.tar.gz", b"not looked at")
    with pytest.raises(OutOfReach):
        metadata(desk, server, "source")


def test_only_static_sdist_metadata_is_used(server: IndexServer, desk: Desk) -> None:
    text = b"Metadata-Version: 2.2\nName: source\nVersion: 1.0\nRequires-Dist: lib\n"
    server.add("source-1.0.tar.gz", b"x", metadata=text)
    assert metadata(desk, server, "source") == ("lib",)
    server.add("dynamic-1.0.tar.gz", b"x", metadata=text.replace(b"source", b"dynamic") + b"Dynamic: Requires-Dist\n")
    with pytest.raises(OutOfReach):
        metadata(desk, server, "dynamic")


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
    server: IndexServer, desk: Desk, text: bytes, complaint: str
) -> None:
    server.files["demo"].clear()
    server.add(DEMO, wheel_bytes("demo", "1.0", {}), metadata=text)
    with pytest.raises(MetadataUnavailable, match=complaint):
        metadata(desk, server)


def test_unauthorized_metadata_is_an_error(server: IndexServer, desk: Desk) -> None:
    server.script(f"/files/demo/{DEMO}.metadata", Always(Status(403)))
    with pytest.raises(Refused, match="403"):
        metadata(desk, server)


def test_links_page_is_read_and_cached(server: IndexServer, desk: Desk) -> None:
    path = server.files["demo"][0].path
    url = server.put(
        "/links.html",
        f'<html><a href="{path}#sha256={"0" * 64}">x</a><a href="/about">y</a></html>'.encode(),
        "text/html",
        etag='"1"',
    )
    index = Index(SafeUrl(url), flat=True)
    found = desk.registry().links_page(index, None).result()
    assert found.page("demo").versions == ("1.0",)
    assert row(found.page("demo")).digests == "sha256:" + "0" * 64
    assert [key.rpartition("/")[2] for key in desk.pages.keys("pages")] == ["links"]
    server.script("/links.html", Always(Status(503)))
    assert desk.registry().links_page(index, found).result() is found
    with pytest.raises(CommonwheelError):
        desk.registry().links_page(index, None).result()
