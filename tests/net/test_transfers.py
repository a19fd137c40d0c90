"""The life of a request, without a network: lines and pieces are handed over as curl would."""

import base64
import threading
import time
from collections.abc import Callable

import pytest

from commonwheel.concurrency.future import Future
from commonwheel.events import Silence
from commonwheel.model import SafeUrl
from commonwheel.net.responses import BodyTooLarge, NetworkError, Response
from commonwheel.net.transfers import BUFFER, PAUSE, PROGRESS, Download, Failure, Transfer

URL = SafeUrl("https://h/x")


class Rules:
    """What transfers obey, without chance."""

    retries = 2
    backoff = 1.0
    patience = 60.0
    redirects = 20

    def __init__(self) -> None:
        self.unverified: set[str] = set()

    def login(self, url: str) -> tuple[str, str] | None:
        return ("known", "pw") if url.startswith("https://known/") else None

    def tolerates(self, url: str) -> bool:
        return False

    def verifies(self, url: str) -> bool:
        return not url.startswith(("http://", "https://lax/"))

    def dice(self) -> float:
        return 0.0

    def route(self, url: str) -> str:
        return ""


def small(url: SafeUrl = URL, **headers: str) -> Transfer:
    return Transfer(url, headers, 100, Rules())


def large(
    write: Callable[[bytes], object] | None,
    rewind: Callable[[int], object] | None = None,
    *,
    size: int | None = None,
    immutable: bool = False,
) -> Download:
    return Download(URL, {}, Rules(), write, rewind, size=size, label="", immutable=immutable, reporter=Silence())


def answer(transfer: Transfer, status: int, *pieces: bytes, **headers: str) -> None:
    transfer.lines.append(f"HTTP/1.1 {status} X\r\n".encode())
    for name, value in headers.items():
        transfer.lines.append(f"{name.replace('_', '-')}: {value}\r\n".encode())
    transfer.lines.append(b"\r\n")
    for piece in pieces:
        assert transfer.take(piece) is None


def failure(pending: Future[Response]) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        pending.result()
    return caught.value


def login(lines: list[str]) -> str:
    found = [line for line in lines if line.startswith("authorization: Basic ")]
    return base64.b64decode(found[0].split()[2]).decode() if found else ""


def test_answer_settles_the_transfer() -> None:
    transfer = small(accept="text/html")
    assert transfer.request_headers() == ["accept: text/html", "accept-encoding: gzip"]
    answer(transfer, 200, b"he", b"llo", etag='"a"')
    assert transfer.ended() is None
    assert transfer.result() == Response(200, {"etag": '"a"'}, b"hello", URL)


def test_request_has_a_header() -> None:
    assert small().request_headers() == ["accept: */*", "accept-encoding: gzip"]


def test_body_of_a_failed_attempt_is_dropped() -> None:
    transfer = small()
    transfer.request_headers()
    answer(transfer, 200, b"hel")
    assert transfer.broke(Failure("fleeting", "reset")) == 0.5
    transfer.request_headers()
    answer(transfer, 200, b"hello")
    transfer.ended()
    assert transfer.result().body == b"hello"


def test_attempts_are_counted_and_named() -> None:
    transfer = small()
    delays = []
    for text in ("reset", "reset", "timed out"):
        transfer.request_headers()
        delays.append(transfer.broke(Failure("fleeting", text, "do this")))
    assert delays == [0.5, 1.0, None]
    error = failure(transfer)
    assert error.message == "could not fetch `https://h/x`: timed out"
    assert error.context == ("tried 3 times: reset; timed out",)
    assert error.hint == "do this"


@pytest.mark.parametrize(("kind", "attempts"), [("final", 1), ("lookup", 2), ("fleeting", 3), ("slow", 3)])
def test_kinds_of_failures(kind: str, attempts: int) -> None:
    transfer = small()
    made = 0
    while not transfer.done:
        transfer.request_headers()
        made += 1
        transfer.broke(Failure(kind, "x"))
    assert made == attempts


def test_retry_after_is_the_minimum_delay() -> None:
    transfer = small()
    transfer.request_headers()
    answer(transfer, 429, retry_after="7")
    assert transfer.ended() == 7.0
    assert transfer.demanded == 7.0
    transfer.request_headers()
    answer(transfer, 503, retry_after="0")
    assert transfer.ended() == 1.0
    transfer.request_headers()
    answer(transfer, 503, retry_after="61")
    assert transfer.ended() is None
    assert "61 seconds" in failure(transfer).message


def test_body_over_the_limit_ends_the_transfer() -> None:
    transfer = small()
    transfer.request_headers()
    answer(transfer, 200, b"x" * 100)
    assert transfer.take(b"x") == 0
    assert transfer.broke(Failure("final", "write error")) is None
    assert isinstance(failure(transfer), BodyTooLarge)


def test_each_server_gets_its_own_credentials_on_redirects() -> None:
    transfer = small(SafeUrl("https://ann:one@h/x"))
    logins = []
    for place in ("/y", "https://known/z", "https://stranger/", "https://h/back", None):
        logins.append(login(transfer.request_headers()))
        if place is not None:
            answer(transfer, 302, location=place)
            assert transfer.ended() == 0.0
    assert logins == ["ann:one", "ann:one", "known:pw", "", ""]


def test_redirect_without_location_is_an_answer() -> None:
    transfer = small()
    transfer.request_headers()
    answer(transfer, 302)
    assert transfer.ended() is None
    assert transfer.result().status == 302


@pytest.mark.parametrize(
    "way", [("https://lax/x",), ("https://h/x", "https://lax/x"), ("https://lax/x", "https://h/x")]
)
def test_request_through_an_unverified_host_is_noted(way: tuple[str, ...]) -> None:
    transfer = small(SafeUrl(way[0]))
    for target in way[1:]:
        transfer.request_headers()
        answer(transfer, 302, location=target)
        assert transfer.ended() == 0.0
    assert transfer.rules.unverified == {way[0]}
    assert not small().rules.unverified


def test_full_buffer_pauses_and_the_writer_resumes() -> None:
    got: list[bytes] = []
    download = large(got.append)
    pokes: list[Transfer] = []
    download.poke = pokes.append
    download.request_headers()
    answer(download, 200, b"x" * BUFFER)
    assert download.take(b"y") == PAUSE
    assert (download.paused, download.idle) == (True, True)
    thread = threading.Thread(target=download.result)
    thread.start()
    while not pokes:
        time.sleep(0.001)
    assert (download.paused, download.idle) == (False, False)
    assert download.take(b"y") is None
    download.ended()
    thread.join()
    assert b"".join(got) == b"x" * BUFFER + b"y"
    assert pokes == [download]


def test_resumed_download_requests_the_rest() -> None:
    got: list[bytes] = []
    download = large(got.append)
    assert "accept-encoding: identity" in download.request_headers()
    answer(download, 200, b"01234", content_length="10", etag='"a"')
    assert download.broke(Failure("fleeting", "reset")) == 0.5
    lines = download.request_headers()
    assert "range: bytes=5-" in lines
    assert 'if-range: "a"' in lines
    answer(download, 206, b"56789", content_range="bytes 5-9/10", etag='"a"')
    assert download.ended() is None
    assert download.result().status == 200
    assert b"".join(got) == b"0123456789"


@pytest.mark.parametrize("span", ["bytes 4-9/10", "bytes 5-9/11", "bytes */10", ""])
def test_mismatched_part_is_refused(span: str) -> None:
    download = large(None)
    download.request_headers()
    answer(download, 200, b"01234", content_length="10", etag='"a"')
    download.broke(Failure("fleeting", "reset"))
    download.request_headers()
    answer(download, 206, content_range=span)
    assert download.take(b"5") == 0
    assert download.broke(Failure("final", "write error")) == 1.0
    assert "another part" in download.history[-1]
    assert not any(line.startswith("range") for line in download.request_headers())


def test_unread_data_restarts_without_rewind() -> None:
    download = large(None)
    download.request_headers()
    answer(download, 200, b"01234")
    assert download.broke(Failure("fleeting", "reset")) == 0.5
    download.request_headers()
    answer(download, 200, b"abc")
    assert download.ended() is None
    got: list[bytes] = []
    assert download.into(got.append).result().status == 200
    assert got == [b"abc"]


def test_written_data_cannot_restart_without_rewind() -> None:
    got: list[bytes] = []
    download = large(got.append)
    download.request_headers()
    answer(download, 200, b"01234")
    assert download.broke(Failure("fleeting", "reset")) is None
    assert "5 bytes had arrived" in failure(download).context[0]


def test_attempts_reset_only_with_lasting_progress() -> None:
    def broken_after(count: int, **headers: str) -> list[float | None]:
        download = large(None)
        delays: list[float | None] = []
        position = 0
        for _ in range(4):
            download.request_headers()
            if position:
                answer(download, 206, content_range=f"bytes {position}-99999999/100000000", **headers)
            else:
                answer(download, 200, content_length="100000000", **headers)
            download.received = download.consumed = 0
            assert download.take(b"x" * count) is None
            position += count
            delays.append(download.broke(Failure("fleeting", "reset")))
            if delays[-1] is None:
                break
        return delays

    assert broken_after(PROGRESS, etag='"a"') == [0.5, 0.5, 0.5, 0.5]
    assert broken_after(PROGRESS - 1, etag='"a"') == [0.5, 1.0, None]


def test_expected_size_is_checked_against_the_body() -> None:
    download = large(None, size=10)
    download.request_headers()
    answer(download, 200, b"01234", content_length="5")
    assert download.ended() == 0.5
    assert "5 of 10 bytes" in download.history[0]


def test_chunk_repeated_after_a_pause_is_skipped_once() -> None:
    download = large(None)
    download.request_headers()
    answer(download, 200, b"x" * (BUFFER - 1), content_length="2000000", etag='"a"')
    download.broke(Failure("fleeting", "reset"))
    download.request_headers()
    answer(download, 200, b"x" * (BUFFER - 2), b"xy", content_length="2000000", etag='"a"')
    assert download.received == BUFFER
    assert download.take(b"z") == PAUSE
    download.broke(Failure("fleeting", "reset"))
    download.request_headers()
    answer(download, 200, content_length="2000000", etag='"a"')
    whole = b"x" * (BUFFER - 1) + b"yz"
    assert download.take(whole) == PAUSE
    got: list[bytes] = []
    thread = threading.Thread(target=download.into(got.append).result)
    thread.start()
    while download.consumed < BUFFER:
        time.sleep(0.001)
    assert download.take(whole) is None
    download.ended()
    thread.join()
    assert b"".join(got) == whole


def test_pause_before_new_data_is_resumed() -> None:
    pokes: list[Transfer] = []
    download = large(None)
    download.poke = pokes.append
    download.request_headers()
    answer(download, 200, b"x" * BUFFER)
    download.broke(Failure("fleeting", "reset"))
    download.request_headers()
    answer(download, 200)
    assert download.take(b"y") == PAUSE
    got: list[bytes] = []
    thread = threading.Thread(target=download.into(got.append).result)
    thread.start()
    while not pokes:
        time.sleep(0.001)
    assert download.take(b"y") is None
    download.ended()
    thread.join()
    assert got == [b"y"]


def test_immutable_file_resumes_without_validator() -> None:
    got: list[bytes] = []
    download = large(got.append, immutable=True)
    download.request_headers()
    answer(download, 200, b"01234", content_length="10")
    assert download.broke(Failure("fleeting", "reset")) == 0.5
    lines = download.request_headers()
    assert "range: bytes=5-" in lines
    assert not any(line.startswith("if-range") for line in lines)
    answer(download, 200, b"01234567", content_length="10")
    assert download.broke(Failure("fleeting", "reset")) == 1.0
    assert "range: bytes=8-" in download.request_headers()
    answer(download, 206, b"89", content_range="bytes 8-9/10")
    download.ended()
    download.result()
    assert b"".join(got) == b"0123456789"


def test_no_ranges_are_requested_from_servers_without_them() -> None:
    download = large(None, immutable=True)
    download.request_headers()
    answer(download, 200, b"01234", content_length="10", accept_ranges="none")
    download.broke(Failure("fleeting", "reset"))
    assert not any(line.startswith("range") for line in download.request_headers())
