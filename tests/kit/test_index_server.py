"""The index server, asked by a client that is not ours: `http.client` and raw sockets."""

import base64
import gzip
import http.client
import io
import json
import socket
import ssl
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.index_server import (
    JSON,
    Always,
    Authority,
    Corrupt,
    Crawl,
    Garbage,
    Hold,
    IndexServer,
    Redirect,
    Reset,
    Silent,
    Status,
    Truncate,
    WrongRange,
    normalize,
    project_of,
)


def wheel(text: str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo/__init__.py", "")
        archive.writestr("demo-1.0.dist-info/METADATA", text)
    return buffer.getvalue()


NAME = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


def ask(index: IndexServer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (lower case) and body of one request on a fresh connection."""
    connection = http.client.HTTPConnection(index.host, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_json_page_lists_added_files(index: IndexServer) -> None:
    file = index.add(NAME, wheel(), requires_python=">=3.8", yanked="broken")
    status, headers, body = ask(index, "/simple/demo/", accept=JSON)
    assert (status, headers["content-type"]) == (200, JSON)
    (row,) = json.loads(body)["files"]
    assert row["filename"] == NAME
    assert row["hashes"] == {"sha256": file.sha256}
    assert (row["requires-python"], row["yanked"], row["size"]) == (">=3.8", "broken", len(file.data))
    assert row["core-metadata"] == {"sha256": file.metadata_hash}
    assert ask(index, "/files/demo/" + NAME)[2] == file.data
    assert ask(index, "/files/demo/" + NAME + ".metadata")[2].startswith(b"Metadata-Version")


def test_html_page_without_json_in_accept_or_formats(index: IndexServer) -> None:
    file = index.add(NAME, wheel(), requires_python="<4", yanked=True)
    for formats, accept in ((("json", "html"), "text/html"), (("html",), JSON)):
        index.formats = formats
        _, headers, body = ask(index, "/simple/demo/", accept=accept)
        assert headers["content-type"] == "text/html"
        text = body.decode()
        assert f'href="../../files/demo/{NAME}#sha256={file.sha256}"' in text
        assert 'data-requires-python="&lt;4"' in text
        assert 'data-yanked=""' in text
        assert f'data-core-metadata="sha256={file.metadata_hash}"' in text


def test_switches_remove_features(index: IndexServer) -> None:
    index.add(NAME, wheel())
    index.metadata = index.hashes = index.sizes = index.upload_times = False
    (row,) = json.loads(ask(index, "/simple/demo/", accept=JSON)[2])["files"]
    assert set(row) == {"filename", "url", "hashes", "yanked"}
    assert row["hashes"] == {}
    assert ask(index, f"/files/demo/{NAME}.metadata")[0] == 404


def test_names_are_normalized_by_redirect(index: IndexServer) -> None:
    index.add("Foo.Bar-1.0.tar.gz", b"sdist")
    status, headers, _ = ask(index, "/simple/Foo.Bar/")
    assert (status, headers["location"]) == (301, "/simple/foo-bar/")
    assert ask(index, "/simple/foo-bar")[0] == 301
    assert ask(index, "/simple/other/")[0] == 404
    assert b"foo-bar" in ask(index, "/simple/")[2]


def test_validators(index: IndexServer) -> None:
    index.add(NAME, wheel())
    index.page_headers = {"cache-control": "max-age=600"}
    _, headers, _ = ask(index, "/simple/demo/")
    assert headers["cache-control"] == "max-age=600"
    status, again, body = ask(index, "/simple/demo/", if_none_match=headers["etag"])
    assert (status, body, again["cache-control"]) == (304, b"", "max-age=600")
    index.etags = "weak"
    assert ask(index, "/simple/demo/")[1]["etag"] == f"W/{headers['etag']}"
    index.etags = ""
    assert "etag" not in ask(index, "/simple/demo/")[1]


def test_ranges(index: IndexServer) -> None:
    index.put("/ten", b"0123456789")
    tag = ask(index, "/ten")[1]["etag"]

    def span(text: str, **headers: str) -> tuple[int, str | None, bytes]:
        status, got, body = ask(index, "/ten", range=text, **headers)
        return status, got.get("content-range"), body

    assert span("bytes=2-4") == (206, "bytes 2-4/10", b"234")
    assert span("bytes=7-") == (206, "bytes 7-9/10", b"789")
    assert span("bytes=-3") == (206, "bytes 7-9/10", b"789")
    assert span("bytes=8-99") == (206, "bytes 8-9/10", b"89")
    assert span("bytes=10-") == (416, "bytes */10", b"")
    assert span("bytes=2-4", if_range=tag)[0] == 206
    assert span("bytes=2-4", if_range='"other"') == (200, None, b"0123456789")
    index.script("/ten", WrongRange())
    assert span("bytes=2-4") == (206, "bytes 3-4/10", b"34")
    index.ranges = False
    assert span("bytes=2-4") == (200, None, b"0123456789")


def test_basic_authentication(index: IndexServer) -> None:
    index.put("/x", b"secret")
    index.users = {"ann": "pw"}
    assert ask(index, "/x")[0] == 401
    assert ask(index, "/x", authorization="Basic " + base64.b64encode(b"ann:no").decode())[0] == 401
    assert ask(index, "/x", authorization="Basic " + base64.b64encode(b"ann:pw").decode())[2] == b"secret"


def test_scripts_are_used_up(index: IndexServer) -> None:
    index.put("/x", b"fine")
    index.script("/x", Status(503, {"retry-after": "7"}), Redirect("/y", 307), Garbage(), Corrupt(at=1))
    assert ask(index, "/x")[:2][0] == 503
    assert ask(index, "/x")[1]["location"] == "/y"
    assert b"log in" in ask(index, "/x")[2]
    assert ask(index, "/x")[2] == b"f" + bytes((ord("i") ^ 0xFF,)) + b"ne"
    assert ask(index, "/x")[2] == b"fine"
    index.script("/x", Always(Status(500)))
    assert [ask(index, "/x")[0] for _ in range(3)] == [500, 500, 500]
    assert [seen.status for seen in index.seen("/x")] == [503, 307, 200, 200, 200, 500, 500, 500]


def test_redirect_rules(index: IndexServer) -> None:
    index.redirect("/old/", "/files/")
    index.redirect("/gone", "http://elsewhere.example/one", status=308)
    assert ask(index, "/old/a/b")[1]["location"] == "/files/a/b"
    assert ask(index, "/gone")[:2][0] == 308


def test_truncated_body_ends_early_and_reset_body_breaks(index: IndexServer) -> None:
    index.put("/x", b"x" * 1000)
    index.script("/x", Truncate(after=10), Reset(after=10), Reset())
    with pytest.raises(http.client.IncompleteRead) as short:
        ask(index, "/x")
    assert len(short.value.partial) == 10
    with pytest.raises(ConnectionResetError):
        ask(index, "/x")
    with pytest.raises(ConnectionResetError):
        ask(index, "/x")
    assert index.seen("/x")[2].status == 0


def test_slow_and_silent_bodies_end_with_the_server() -> None:
    index = IndexServer()
    index.put("/x", b"x" * 100)
    index.script("/x", Crawl(piece=1, pause=0.001), Always(Silent()))
    assert ask(index, "/x")[2] == b"x" * 100
    client = socket.create_connection(("127.0.0.1", int(index.host.rpartition(":")[2])), timeout=10)
    client.sendall(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n")
    while len(index.log) < 2:
        time.sleep(0.005)
    index.close()
    assert client.recv(10) == b""
    client.close()


def test_hold_orders_events(index: IndexServer) -> None:
    index.put("/x", b"held")
    hold = Hold()
    index.script("/x", hold)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(ask(index, "/x")[2]))
    thread.start()
    assert hold.arrived.wait(10)
    assert got == []
    hold.release.set()
    thread.join()
    assert got == [b"held"]
    assert index.busiest == 1


def test_gzip_only_with_accept_encoding(index: IndexServer) -> None:
    index.add(NAME, wheel())
    index.compress = True
    plain = ask(index, "/simple/demo/")
    packed = ask(index, "/simple/demo/", accept_encoding="gzip")
    assert "content-encoding" not in plain[1]
    assert packed[1]["content-encoding"] == "gzip"
    assert gzip.decompress(packed[2]) == plain[2]


def test_tls_with_own_authority(tmp_path: Path) -> None:
    authority = Authority()
    with IndexServer(authority=authority) as index:
        index.put("/x", b"over tls")
        context = ssl.create_default_context(cafile=authority.bundle(str(tmp_path)))
        connection = http.client.HTTPSConnection(index.host, timeout=10, context=context)
        connection.request("GET", "/x")
        assert connection.getresponse().read() == b"over tls"
        connection.close()
        stranger = http.client.HTTPSConnection(index.host, timeout=10, context=ssl.create_default_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.request("GET", "/x")
        stranger.close()


def test_client_certificates_can_be_required(tmp_path: Path) -> None:
    authority = Authority()
    with IndexServer(authority=authority, client_certificates=True) as index:
        index.put("/x", b"for members")
        context = ssl.create_default_context(cafile=authority.bundle(str(tmp_path)))
        context.load_cert_chain(authority.client_certificate(str(tmp_path)))
        connection = http.client.HTTPSConnection(index.host, timeout=10, context=context)
        connection.request("GET", "/x")
        assert connection.getresponse().read() == b"for members"
        connection.close()


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("demo-1.0-py3-none-any.whl", "demo", "1.0"),
        ("Foo.Bar_Baz-2.0rc1.tar.gz", "foo-bar-baz", "2.0rc1"),
        ("a-b-3.zip", "a-b", "3"),
    ],
)
def test_file_names(filename: str, project: str, version: str) -> None:
    assert project_of(filename) == (project, version)
    assert normalize(project) == project
