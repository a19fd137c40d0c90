"""Remote wheels read by ranges."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from commonwheel.model import SafeUrl
from commonwheel.net.client import Client
from commonwheel.net.objects import TAIL, NoRanges, RemoteFile, wheel_metadata
from commonwheel.net.options import ClientOptions
from commonwheel.net.responses import NetworkError, Refused
from kit.index_server import Always, Garbage, Honest, IndexServer, Status, WrongRange

TEXT = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
NOISE = bytes(range(256)) * 1024


def wheel(
    *members: tuple[str, bytes],
    metadata: str = "demo-1.0.dist-info/METADATA",
    comment: bytes = b"",
    first: bool = False,
) -> bytes:
    """Return an archive of stored members; METADATA comes last, or first."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        named = [*members, (metadata, TEXT)]
        if first:
            named.reverse()
        for name, data in named:
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name == metadata else zipfile.ZIP_STORED)
        archive.comment = comment
    return buffer.getvalue()


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(ClientOptions(environ={}, backoff=0.001))
    yield made
    made.close()


def put(index: IndexServer, data: bytes) -> SafeUrl:
    return SafeUrl(index.put("/demo.whl", data))


def test_tail_request_suffices_for_most_wheels(index: IndexServer, client: Client) -> None:
    url = put(index, wheel(("demo/big", NOISE)))
    assert wheel_metadata(client, url) == TEXT
    (seen,) = index.log
    assert seen.headers["range"] == f"bytes=-{TAIL}"
    assert seen.headers["accept-encoding"] == "identity"


def test_known_size_uses_a_plain_range(index: IndexServer, client: Client) -> None:
    data = wheel(("demo/big", NOISE))
    assert wheel_metadata(client, put(index, data), size=len(data)) == TEXT
    assert index.log[0].headers["range"] == f"bytes={len(data) - TAIL}-{len(data) - 1}"


@pytest.mark.parametrize("size_known", [True, False])
def test_wheel_smaller_than_the_tail(index: IndexServer, client: Client, size_known: bool) -> None:
    data = wheel(("demo/small", b"x"))
    assert wheel_metadata(client, put(index, data), size=len(data) if size_known else None) == TEXT
    assert len(index.log) == 1


def test_metadata_at_the_front_costs_one_more_request(index: IndexServer, client: Client) -> None:
    url = put(index, wheel(("demo/big", NOISE), first=True))
    assert wheel_metadata(client, url) == TEXT
    assert len(index.log) == 2
    assert index.log[1].headers["range"].startswith("bytes=0-")


def test_large_central_directory_is_fetched_exactly(index: IndexServer, client: Client) -> None:
    many = [(f"demo/some/rather/long/directory/name/{number:05}.py", b"") for number in range(2000)]
    url = put(index, wheel(("demo/big", NOISE), *many, first=True))
    assert wheel_metadata(client, url) == TEXT
    assert len(index.log) <= 4
    fetched = sum(
        int(last) - int(first) + 1 for first, last in (seen_range(seen.headers["range"]) for seen in index.log)
    )
    assert fetched < 400_000


def seen_range(text: str) -> tuple[str, str]:
    first, _, last = text.removeprefix("bytes=").partition("-")
    return (first, last) if first else ("1", last)


def test_long_comment_before_end_record(index: IndexServer, client: Client) -> None:
    url = put(index, wheel(("demo/big", NOISE), comment=b"c" * 40_000))
    assert wheel_metadata(client, url) == TEXT


def test_servers_without_ranges_are_remembered(index: IndexServer, client: Client) -> None:
    index.ranges = False
    url = put(index, wheel(("demo/big", NOISE)))
    assert wheel_metadata(client, url) is None
    assert wheel_metadata(client, SafeUrl(index.put("/other.whl", b""))) is None
    assert len(index.log) == 1


def test_short_wheel_from_server_without_ranges(index: IndexServer, client: Client) -> None:
    index.ranges = False
    assert wheel_metadata(client, put(index, wheel(("demo/small", b"x")))) == TEXT
    assert client.rangeless == set()


def test_size_from_416_is_used(index: IndexServer, client: Client) -> None:
    data = wheel(("demo/big", NOISE))
    url = put(index, data)
    index.script("/demo.whl", Status(416, {"content-range": f"bytes */{len(data)}"}))
    assert wheel_metadata(client, url) == TEXT
    assert client.rangeless == set()


@pytest.mark.parametrize("refusal", [Status(416), Status(416, {"content-range": "bytes */0"}), Status(501)])
def test_other_range_refusals_are_remembered(index: IndexServer, client: Client, refusal: Status) -> None:
    url = put(index, wheel(("demo/big", NOISE)))
    index.script("/demo.whl", Always(refusal))
    assert wheel_metadata(client, url) is None
    assert len(client.rangeless) == 1


def test_wrong_range_is_detected(index: IndexServer, client: Client) -> None:
    url = put(index, wheel(("demo/big", NOISE), first=True))
    index.script("/demo.whl", Honest(), WrongRange())
    assert wheel_metadata(client, url) is None


def test_changing_file_is_refused(index: IndexServer, client: Client) -> None:
    url = put(index, NOISE)
    file = RemoteFile(client, url)
    put(index, NOISE[::-1])
    file.seek(0)
    with pytest.raises(NoRanges, match="changed while it was read"):
        file.read(10)
    assert client.rangeless == set()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_http_error_is_raised(index: IndexServer, client: Client, status: int) -> None:
    index.script("/demo.whl", Status(status))
    with pytest.raises(Refused, match=str(status)):
        wheel_metadata(client, SafeUrl(index.root + "/demo.whl"))


def test_unreachable_server_is_an_error(client: Client) -> None:
    with IndexServer() as gone:
        pass
    with pytest.raises(NetworkError, match="could not fetch"):
        wheel_metadata(client, SafeUrl(gone.root + "/demo.whl"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive at all",
        wheel(metadata="demo/METADATA"),
        wheel(("other-1.dist-info/METADATA", b"two of them")),
        wheel()[:-30],
        wheel().replace(b"PK\x03\x04", b"PK\x00\x00"),
    ],
    ids=["empty", "text", "no metadata", "two", "cut", "no local header"],
)
def test_broken_archive_needs_the_whole_file(index: IndexServer, client: Client, data: bytes) -> None:
    assert wheel_metadata(client, put(index, data)) is None


def test_login_page_is_not_a_wheel(index: IndexServer, client: Client) -> None:
    index.script("/demo.whl", Garbage())
    assert wheel_metadata(client, SafeUrl(index.root + "/demo.whl")) is None


def test_range_reader_behaves_like_a_file(index: IndexServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(NOISE)
    with RemoteFile(client, put(index, NOISE)) as there, open(tmp_path / "here", "rb") as here:
        assert (there.seekable(), there.readable(), there.writable()) == (True, True, False)
        for offset, whence, count in (
            (0, 0, 5),
            (3, 1, 5000),
            (-7, 2, 100),
            (100_000, 0, 9000),
            (95_000, 0, 6000),
            (9, 2, 1),
        ):
            assert there.seek(offset, whence) == here.seek(offset, whence)
            assert there.read(count) == here.read(count)
            assert there.tell() == here.tell()
        with pytest.raises(OSError, match="negative"):
            there.seek(-1)
        there.seek(250_000)
        assert io.BufferedReader(there).read(20_000) == NOISE[250_000:]
        known = there.requests
        there.seek(-TAIL, io.SEEK_END)
        assert there.read() == NOISE[-TAIL:]
        assert there.requests == known
