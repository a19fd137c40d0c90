"""The client against servers on loopback that behave, and that do not."""

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commonwheel.concurrency.future import Future
from commonwheel.errors import CommonwheelError, InternalError
from commonwheel.model import SafeUrl
from commonwheel.net.certificates import CertificateError
from commonwheel.net.client import USER_AGENT, Client
from commonwheel.net.options import ClientOptions
from commonwheel.net.responses import (
    BodyTooLarge,
    BodyTooSlow,
    Cancelled,
    NetworkError,
    Offline,
    Refused,
    Response,
    TooManyRedirects,
)
from commonwheel.net.transfers import BUFFER, Download, Transfer
from kit.http2_server import Http2Server
from kit.index_server import (
    Always,
    Authority,
    Corrupt,
    Crawl,
    Garbage,
    Hold,
    Honest,
    IndexServer,
    Redirect,
    Reset,
    Silent,
    Status,
    Truncate,
    WrongRange,
)
from kit.proxy_server import ProxyServer

MakeClient = Callable[..., Client]
SOME = bytes(range(256)) * 4096  # 1 MiB that shows every shift


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Make clients with an empty environment and quick retries; they are closed at the end."""
    clients: list[Client] = []

    def make(**options: object) -> Client:
        settings: dict[str, object] = {"environ": {}, "backoff": 0.001, **options}
        clients.append(Client(ClientOptions(**settings)))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()


def url(index: IndexServer, path: str) -> SafeUrl:
    return SafeUrl(index.root + path)


class Sink:
    """A writer that can restart."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.rewinds = 0
        self.threads: set[int] = set()

    def write(self, piece: bytes) -> None:
        self.threads.add(threading.get_ident())
        self.data += piece

    def rewind(self, position: int) -> None:
        del self.data[position:]
        self.rewinds += 1


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does; a test that hangs here has found something."""
    for _ in range(15_000):
        if condition():
            return
        time.sleep(0.002)
    raise AssertionError("it never happened")


def failure(pending: Future[Response]) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        pending.result()
    return caught.value


# ---------------------------------------------------------------------- get


def test_response_has_status_headers_body_and_url(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello", "text/plain", x_two="a")
    response = client.get(url(index, "/x"), {"Accept": "text/plain"}).result()
    assert (response.status, response.body, response.url) == (200, b"hello", url(index, "/x"))
    assert (response.headers["content-type"], response.headers["x-two"]) == ("text/plain", "a")
    (seen,) = index.log
    assert seen.headers["accept"] == "text/plain"
    assert seen.headers["user-agent"] == USER_AGENT
    assert USER_AGENT.startswith("commonwheel/")


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410, 416, 501])
def test_usable_statuses_are_values(index: IndexServer, client: Client, status: int) -> None:
    index.script("/x", Status(status, {"x-a": "b"}))
    response = client.get(url(index, "/x")).result()
    assert (response.status, response.headers["x-a"]) == (status, "b")
    assert len(index.log) == 1


def test_validator_gives_304(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    tag = client.get(url(index, "/x")).result().headers["etag"]
    assert client.get(url(index, "/x"), {"if-none-match": tag}).result().status == 304


def test_hundreds_of_requests_share_few_connections(index: IndexServer, client: Client) -> None:
    for number in range(300):
        index.put(f"/{number}", str(number).encode())
    pending = [client.get(url(index, f"/{number}")) for number in range(300)]
    assert [each.result().body for each in pending] == [str(number).encode() for number in range(300)]
    assert max(seen.connection for seen in index.log) <= 16


def test_compressed_pages_are_decoded(index: IndexServer, client: Client) -> None:
    index.put("/x", gzip.compress(b"page " * 1000), "text/html", content_encoding="gzip")
    assert client.get(url(index, "/x")).result().body == b"page " * 1000
    assert index.log[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (gzip.compress(b"page", mtime=0)[:-5], "gzip", "ends in the middle"),
        (b"no gzip at all", "gzip", "not gzip as it says"),
        (b"page", "br", "which nobody asked for"),
    ],
    ids=["truncated", "not gzip", "unknown"],
)
def test_undecodable_body_is_an_error(index: IndexServer, client: Client, body: bytes, encoding: str, why: str) -> None:
    index.put("/x", body, "text/html", content_encoding=encoding)
    assert why in failure(client.get(url(index, "/x"))).message


def test_multi_stream_gzip_body_is_decoded(index: IndexServer, client: Client) -> None:
    index.put("/x", gzip.compress(b"one ") + gzip.compress(b"two"), "text/html", content_encoding="gzip")
    pending = client.get(url(index, "/x"))
    assert pending.result().body == b"one two"
    assert pending.result() is pending.result()


def test_body_can_stay_compressed(index: IndexServer, client: Client) -> None:
    body = gzip.compress(b"page " * 1000)
    index.put("/x", body, "text/html", content_encoding="gzip")
    index.put("/plain", b"plain")
    pending = client.get(url(index, "/x"), packed=True)
    response = pending.result()
    assert response.body == body
    assert response.opened().body == b"page " * 1000
    assert response.opened() is response.opened() is pending.result()
    plain = client.get(url(index, "/plain"), packed=True).result()
    assert plain.opened() is plain


def test_body_limit_applies_after_decoding(index: IndexServer, client: Client) -> None:
    index.put("/bomb", gzip.compress(b"\0" * 10_000_000), "text/html", content_encoding="gzip")
    index.put("/ok", b"x" * 1000)
    error = failure(client.get(url(index, "/bomb"), limit=100_000))
    assert isinstance(error, BodyTooLarge)
    assert "100,000 bytes" in error.message
    assert len(client.get(url(index, "/ok"), limit=1000).result().body) == 1000
    assert len(index.seen("/bomb")) == 1


def test_url_characters_are_encoded_and_fragment_removed(index: IndexServer, client: Client) -> None:
    index.put("/a%20b/%C3%A4.whl", b"odd")
    assert client.get(url(index, "/a b/ä.whl#sha256=0")).result().body == b"odd"


def test_then_runs_once_before_or_after_the_answer(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    arrived = threading.Event()
    bodies: list[bytes] = []
    pending = client.get(url(index, "/x"))
    pending.then(lambda answer: bodies.append(answer.result().body))
    pending.then(lambda _: arrived.set())
    assert arrived.wait(10)
    pending.then(lambda answer: bodies.append(answer.result().body))
    assert bodies == [b"hello", b"hello"]


def test_callbacks_may_send_requests(index: IndexServer, client: Client) -> None:
    index.put("/1", b"/2")
    index.put("/2", b"/3")
    index.put("/3", b"end")
    last: list[bytes] = []
    done = threading.Event()

    def crawl(answer: Future[Response]) -> None:
        body = answer.result().body
        if body.startswith(b"/"):
            client.get(url(index, body.decode())).then(crawl)
        else:
            last.append(body)
            done.set()

    client.get(url(index, "/1")).then(crawl)
    assert done.wait(10)
    assert last == [b"end"]


def test_failing_callback_fails_all_requests(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    answer, hold = Hold(), Hold()
    index.script("/x", answer)
    index.script("/held", hold)
    other = client.get(url(index, "/held"))
    assert hold.arrived.wait(10)

    def broken(_answer: object) -> None:
        raise ValueError("oops")

    client.get(url(index, "/x")).then(broken)
    answer.release.set()  # before, the callback could run in this thread
    assert "oops" in failure(other).message
    assert isinstance(failure(client.get(url(index, "/x"))), NetworkError)


def test_waiting_in_the_transfer_thread_is_refused(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    hold = Hold()
    index.script("/x", hold)
    caught: list[BaseException] = []
    done = threading.Event()

    def deadlock(_answer: object) -> None:
        try:
            client.get(url(index, "/y")).result()
        except BaseException as error:
            caught.append(error)
        done.set()

    client.get(url(index, "/x")).then(deadlock)
    hold.release.set()  # before, the callback could run in this thread
    assert done.wait(10)
    assert isinstance(caught[0], InternalError)


# ---------------------------------------------------------------------- order


def test_small_requests_do_not_wait_behind_large_bodies(index: IndexServer, client: Client) -> None:
    holds = [Hold() for _ in range(40)]
    index.put("/page", b"small")
    for number, hold in enumerate(holds):
        index.put(f"/{number}", b"large")
        index.script(f"/{number}", hold)
    sinks = [Sink() for _ in holds]
    large = [client.download(url(index, f"/{number}"), sink.write) for number, sink in enumerate(sinks)]
    assert holds[0].arrived.wait(10)
    assert client.get(url(index, "/page")).result().body == b"small"
    assert not any(each.done for each in large)
    for hold in holds:
        hold.release.set()
    for each in large:
        each.result()
    assert all(sink.data == b"large" for sink in sinks)


def test_awaited_request_overtakes_prefetches(index: IndexServer, client: Client) -> None:
    holds = [Hold() for _ in range(16)]
    for number, hold in enumerate(holds):
        index.put(f"/held/{number}", b"")
        index.script(f"/held/{number}", hold)
    for number in range(100):
        index.put(f"/ahead/{number}", b"")
    index.put("/needed", b"now")
    first = [client.get(url(index, f"/held/{number}")) for number in range(16)]
    for hold in holds:
        assert hold.arrived.wait(10)
    ahead = [client.get(url(index, f"/ahead/{number}")) for number in range(100)]
    needed = client.get(url(index, "/needed"))
    assert isinstance(needed, Transfer)
    waiter = threading.Thread(target=needed.result)
    waiter.start()
    until(lambda: bool(client._small.server(needed).urgent))
    holds[0].release.set()
    waiter.join()
    for hold in holds:
        hold.release.set()
    for each in (*first, *ahead):
        each.result()
    order = [seen.path for seen in index.log]
    assert order.index("/needed") <= 16 + 2


def test_concurrent_downloads_are_limited(index: IndexServer, make_client: MakeClient) -> None:
    client = make_client(concurrent_downloads=3)
    for number in range(12):
        index.put(f"/{number}", SOME)
    sinks = [Sink() for _ in range(12)]
    large = [client.download(url(index, f"/{number}"), sink.write) for number, sink in enumerate(sinks)]
    for each in large:
        each.result()
    assert all(sink.data == SOME for sink in sinks)
    assert index.busiest <= 3


def test_awaited_download_starts_despite_idle_downloads(index: IndexServer, make_client: MakeClient) -> None:
    client = make_client(concurrent_downloads=2)
    for number in range(6):
        index.put(f"/{number}", SOME * 3)
    downloads = [client.download(url(index, f"/{number}")) for number in range(6)]
    until(lambda: downloads[0].paused and downloads[1].paused)
    for download in reversed(downloads):
        sink = Sink()
        assert download.into(sink.write).result().status == 200
        assert sink.data == SOME * 3


# ---------------------------------------------------------------------- retries


def test_transient_failures_are_retried(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    index.script("/x", Status(503), Reset(), Truncate(after=2))
    assert client.get(url(index, "/x")).result().body == b"hello"
    assert len(index.log) == 4


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_each_transient_status_is_retried(index: IndexServer, client: Client, status: int) -> None:
    index.put("/x", b"hello")
    index.script("/x", Status(status))
    assert client.get(url(index, "/x")).result().status == 200


def test_error_lists_the_attempts(index: IndexServer, make_client: MakeClient) -> None:
    index.script("/x", Status(503), Always(Status(502)))
    error = failure(make_client(retries=2).get(SafeUrl(index.root.replace("://", "://ann:pw@") + "/x?token=geheim")))
    assert (error.code, error.exit_status) == ("network", 2)
    assert "answered 502 Bad Gateway" in error.message
    assert error.context[0].startswith("tried 3 times: answered 503")
    assert len(index.log) == 3
    text = " ".join((error.message, *error.context, repr(error), str(error.hint)))
    assert "pw" not in text
    assert "geheim" not in text


def test_retry_after_is_respected(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    index.script("/x", Status(429, {"retry-after": "1"}))
    assert client.get(url(index, "/x")).result().body == b"hello"
    first, second = index.log
    assert second.at - first.at >= 1.0  # the server's own word: a slow machine cannot fail this


def test_retry_after_pauses_all_requests_to_the_server(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    index.put("/y", b"hello")
    index.script("/x", Status(429, {"retry-after": "1"}))
    first = client.get(url(index, "/x"))
    assert isinstance(first, Transfer)
    until(lambda: client._small.server(first).held_until > 0)
    client.get(url(index, "/y")).result()
    first.result()
    assert index.seen("/y")[0].at - index.seen("/x")[0].at >= 1.0


def test_excessive_retry_after_fails_at_once(index: IndexServer, make_client: MakeClient) -> None:
    index.script("/x", Always(Status(503, {"retry-after": "86400"})))
    error = failure(make_client(patience=60.0).get(url(index, "/x")))
    assert "86,400 seconds" in error.message
    assert "60 seconds" in error.context[0]
    assert len(index.log) == 1


def test_connection_refused(client: Client) -> None:
    with IndexServer() as gone:
        pass
    error = failure(client.get(url(gone, "/x")))
    assert gone.host in error.message
    assert error.context[0] == "tried 4 times"


def test_unknown_host_is_tried_only_twice(client: Client) -> None:
    error = failure(client.get(SafeUrl("http://no-such-host.invalid/x")))
    assert "no-such-host.invalid" in error.message
    assert error.context[0] == "tried 2 times"
    assert error.hint is not None
    assert "--offline" in error.hint


def test_silent_server_times_out(index: IndexServer, make_client: MakeClient) -> None:
    index.script("/x", Always(Silent()))
    error = failure(make_client(timeout=1.0, retries=1).get(url(index, "/x")))
    assert "last 1 seconds" in error.message
    assert len(index.log) == 2


# ---------------------------------------------------------------------- downloads


def test_download_is_written_by_the_waiting_thread(index: IndexServer, client: Client) -> None:
    index.put("/x", SOME * 8)
    sink = Sink()
    response = client.download(url(index, "/x"), sink.write).result()
    assert (response.status, response.body) == (200, b"")
    assert sink.data == SOME * 8
    assert sink.threads == {threading.get_ident()}
    assert index.log[0].headers["accept-encoding"] == "identity"


def test_download_starts_early_with_a_bounded_buffer(index: IndexServer, client: Client) -> None:
    index.put("/x", SOME * 8)
    download = client.download(url(index, "/x"))
    until(lambda: download.paused)
    assert BUFFER // 2 <= download.received <= BUFFER + 1_000_000
    sink = Sink()
    assert download.into(sink.write).result().status == 200
    assert sink.data == SOME * 8


def test_parallel_downloads_are_independent(index: IndexServer, client: Client) -> None:
    for number in range(12):
        index.put(f"/{number}", SOME * 3 + bytes((number,)))
    downloads = [client.download(url(index, f"/{number}")) for number in range(12)]
    for number, download in reversed(list(enumerate(downloads))):
        sink = Sink()
        download.into(sink.write).result()
        assert sink.data == SOME * 3 + bytes((number,))


def test_error_response_writes_nothing(index: IndexServer, client: Client) -> None:
    sink = Sink()
    response = client.download(url(index, "/none"), sink.write).result()
    assert (response.status, response.body, bytes(sink.data)) == (404, b"not here", b"")


def test_empty_body(index: IndexServer, client: Client) -> None:
    index.put("/x", b"")
    sink = Sink()
    assert client.download(url(index, "/x"), sink.write).result().status == 200
    assert sink.data == b""


@pytest.mark.parametrize("trouble", [Reset(after=300_000), Truncate(after=300_000)])
def test_interrupted_download_resumes(index: IndexServer, client: Client, trouble: Reset) -> None:
    index.put("/x", SOME)
    index.script("/x", trouble)
    sink = Sink()
    assert client.download(url(index, "/x"), sink.write, rewind=sink.rewind).result().status == 200
    assert sink.data == SOME
    assert sink.rewinds == 0
    first, second = index.log
    assert "range" not in first.headers
    assert second.headers["range"].startswith("bytes=")
    assert int(second.headers["range"][6:-1]) <= 300_000
    assert second.headers["if-range"].startswith('"')
    assert second.status == 206


@pytest.mark.parametrize("etags", ["", "weak"])
def test_without_validator_download_restarts(index: IndexServer, client: Client, etags: str) -> None:
    index.put("/x", SOME)
    index.etags = etags
    index.script("/x", Truncate(after=300_000))
    sink = Sink()
    assert client.download(url(index, "/x"), sink.write, rewind=sink.rewind).result().status == 200
    assert sink.data == SOME
    assert "range" not in index.log[1].headers


def test_changed_file_restarts_the_download(index: IndexServer, client: Client) -> None:
    index.put("/x", SOME)
    index.script("/x", Truncate(after=300_000), Hold(release=(release := threading.Event())))
    sink = Sink()
    download = client.download(url(index, "/x"), sink.write, rewind=sink.rewind)
    until(lambda: len(index.log) == 2)
    index.put("/x", b"other" * 1000)
    release.set()
    assert download.result().status == 200
    assert sink.data == b"other" * 1000


def test_ignored_range_skips_the_known_part(index: IndexServer, client: Client) -> None:
    index.put("/x", SOME)
    index.script("/x", Truncate(after=300_000), Honest(without_ranges=True))
    sink = Sink()
    assert client.download(url(index, "/x"), sink.write).result().status == 200
    assert sink.data == SOME
    assert [seen.status for seen in index.log] == [200, 200]


def test_wrong_range_restarts_the_download(index: IndexServer, client: Client) -> None:
    index.put("/x", SOME)
    index.script("/x", Truncate(after=300_000), WrongRange(shift=7))
    sink = Sink()
    assert client.download(url(index, "/x"), sink.write, rewind=sink.rewind).result().status == 200
    assert sink.data == SOME
    assert [seen.headers.get("range") is None for seen in index.log] == [True, False, True]


def test_writer_without_rewind_gets_an_error(index: IndexServer, client: Client) -> None:
    index.put("/x", SOME)
    index.etags = ""
    index.script("/x", Truncate(after=300_000))
    error = failure(client.download(url(index, "/x"), Sink().write))
    assert "of 1,048,576 bytes had arrived" in error.context[0]
    assert len(index.log) == 1


def test_progress_grants_new_attempts(index: IndexServer, make_client: MakeClient) -> None:
    index.put("/x", SOME * 6)
    index.script("/x", *(Reset(after=1_100_000) for _ in range(5)))
    sink = Sink()
    assert make_client(retries=1).download(url(index, "/x"), sink.write).result().status == 200
    assert sink.data == SOME * 6
    assert len(index.log) == 6


def test_body_shorter_than_index_size_is_incomplete(index: IndexServer, client: Client) -> None:
    index.put("/x", b"short")
    sink = Sink()
    error = failure(client.download(url(index, "/x"), sink.write, size=10, rewind=sink.rewind))
    assert "5 of 10 bytes" in error.message


def test_slow_body_is_given_up_with_its_speed(index: IndexServer, make_client: MakeClient) -> None:
    index.put("/x", b"x" * 100_000)
    index.script("/x", Always(Crawl(piece=1, pause=0.05)))
    client = make_client(timeout=1.0, retries=0, slowest=5000)
    error = failure(client.download(url(index, "/x"), Sink().write))
    assert isinstance(error, BodyTooSlow)
    assert "Less than 5000 bytes/sec transferred the last 1 seconds" in error.message
    assert "of 100,000 bytes had arrived" in error.context[0]


def test_failing_writer_ends_only_its_download(index: IndexServer, client: Client) -> None:
    index.put("/x", SOME * 20)
    index.put("/y", b"fine")

    def full(_piece: bytes) -> None:
        raise OSError(28, "No space left on device")

    download = client.download(url(index, "/x"), full)
    with pytest.raises(OSError, match="No space"):
        download.result()
    assert client.get(url(index, "/y")).result().body == b"fine"
    assert isinstance(failure(download), Cancelled)
    assert not client._large.running


def test_cancelled_request_raises(index: IndexServer, client: Client) -> None:
    hold = Hold()
    index.put("/x", b"")
    index.script("/x", hold)
    pending = client.get(url(index, "/x"))
    assert hold.arrived.wait(10)
    pending.cancel()
    assert isinstance(failure(pending), Cancelled)


def test_progress_is_reported(index: IndexServer) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.lines: list[tuple[object, ...]] = []
            self.total = 0

        def note(self, level: str, message: str) -> None:
            self.lines.append((level, message))

        def begin(self, kind: str, label: str, total: int | None = None) -> int:
            self.lines.append(("begin", kind, label, total))
            return 7

        def advance(self, task: int, amount: int = 1) -> None:
            assert task == 7
            self.total += amount

        def end(self, task: int) -> None:
            self.lines.append(("end", task))

    recorder = Recorder()
    client = Client(ClientOptions(environ={}), recorder)
    index.put("/x", SOME * 2)
    client.download(url(index, "/x"), Sink().write, label="demo").result()
    client.close()
    assert recorder.lines == [("begin", "download", "demo", len(SOME) * 2), ("end", 7)]
    assert recorder.total == len(SOME) * 2


def test_many_threads_with_failures(
    index: IndexServer, make_client: MakeClient, authority: Authority, tmp_path: Path
) -> None:
    sizes = (0, 1, 65_536, 300_000, len(SOME), 3 * len(SOME) + 1)
    bodies = [(SOME * 4)[number : number + size] for number, size in enumerate(sizes)]
    errors: list[BaseException] = []
    with Http2Server(authority) as other:
        client = make_client(certificates=authority.bundle(str(tmp_path)), retries=12, concurrent_downloads=4)
        for number, body in enumerate(bodies):
            index.put(f"/{number}", body)
            half = len(body) // 2
            troubles = (Reset(half), Truncate(half), Status(503), Reset(), Honest(without_ranges=True), WrongRange())
            index.script(f"/{number}", *(troubles[number:] + troubles[:number]))
            other.files[f"/{number}"] = body
            other.break_after[f"/{number}"] = [half, half // 2, half]

        def work(turn: int) -> None:
            try:
                for root in (index.root, other.root):
                    downloads = [client.download(SafeUrl(f"{root}/{number}")) for number in range(len(sizes))]
                    client.download(SafeUrl(f"{root}/5")).cancel()
                    for number in sorted(range(len(sizes)), key=lambda number: (number * 7 + turn) % 6):
                        sink = Sink()
                        assert downloads[number].into(sink.write, sink.rewind).result().status == 200
                        assert sink.data == bodies[number]
                        assert client.get(SafeUrl(f"{root}/1")).result().body == bodies[1]
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        until(lambda: client._small.active == client._large.active == 0)


# ---------------------------------------------------------------------- redirects and credentials


def test_redirects_are_followed_and_final_url_kept(index: IndexServer, client: Client) -> None:
    index.put("/c", b"there")
    index.script("/a", Redirect("b?q=1", 301))
    index.script("/b", Redirect(index.root + "/c", 307))
    response = client.get(url(index, "/a")).result()
    assert (response.body, response.url) == (b"there", url(index, "/c"))


def test_redirect_loop_error_shows_the_chain(index: IndexServer, client: Client) -> None:
    index.script("/a", Always(Redirect("/b")))
    index.script("/b", Always(Redirect("/a?token=geheim")))
    index.script("/c", Always(Redirect("/c")))
    error = failure(client.get(url(index, "/c")))
    assert isinstance(error, TooManyRedirects)
    assert error.context[0].count("/c") == 2
    error = failure(client.get(url(index, "/a?token=geheim")))
    assert " -> " in error.context[0]
    assert "geheim" not in error.context[0]


def test_redirects_are_limited(index: IndexServer, make_client: MakeClient) -> None:
    for number in range(10):
        index.script(f"/{number}", Redirect(f"/{number + 1}"))
    error = failure(make_client(redirects=5).get(url(index, "/0")))
    assert "more than 5 times" in error.message
    assert len(index.log) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://elsewhere.example/x", "gopher:x"])
def test_redirect_to_other_scheme_is_refused(index: IndexServer, client: Client, target: str) -> None:
    index.script("/a", Redirect(target))
    assert "no place for files" in failure(client.get(url(index, "/a"))).message


def test_url_credentials_are_sent_and_kept_on_the_same_server(index: IndexServer, client: Client) -> None:
    index.users = {"ann@x": "p:w"}
    index.put("/b", b"secret")
    index.script("/a", Redirect("/b"))
    response = client.get(SafeUrl(index.root.replace("://", "://ann%40x:p:w@") + "/a")).result()
    assert response.body == b"secret"
    assert [seen.status for seen in index.log] == [302, 200]
    assert "authorization" in index.log[0].headers
    assert "p:w" not in str(response.url)


def test_credentials_are_not_sent_to_another_server(index: IndexServer, make_client: MakeClient) -> None:
    index.users = {"ann": "pw"}
    with IndexServer(address="127.0.0.2") as other:
        other.put("/b", b"public")
        index.script("/a", Redirect(other.root + "/b"), Redirect(other.root + "/b"))
        with_login = SafeUrl(index.root.replace("://", "://ann:pw@") + "/a")
        assert make_client().get(with_login).result().body == b"public"
        bearer = {"Authorization": "Bearer token"}
        assert make_client().get(url(index, "/a"), bearer).result().body == b"public"
        assert index.log[1].headers["authorization"] == "Bearer token"
        assert all("authorization" not in seen.headers for seen in other.log)


def test_another_server_gets_its_own_credentials(index: IndexServer, make_client: MakeClient) -> None:
    with IndexServer(address="127.0.0.2") as other:
        other.users = {"bob": "pb"}
        other.put("/b", b"secret")
        index.script("/a", Redirect(other.root + "/b"))
        client = make_client(login=lambda text: ("bob", "pb") if text.startswith(other.root) else None)
        assert client.get(url(index, "/a")).result().body == b"secret"
        assert "authorization" not in index.log[0].headers


def test_unauthorized_response_hints_at_credentials(index: IndexServer, client: Client) -> None:
    index.users = {"ann": "pw"}
    with pytest.raises(Refused) as caught:
        client.get(url(index, "/x")).result().expect(200, 304)
    assert "401 Unauthorized" in caught.value.message
    assert caught.value.hint is not None
    assert index.host in caught.value.hint


# ---------------------------------------------------------------------- TLS


def test_unknown_authority_is_refused_without_retry(make_client: MakeClient, authority: Authority) -> None:
    with IndexServer(authority=authority) as index:
        error = failure(make_client().get(url(index, "/x")))
        assert "certificate" in error.message
        assert error.hint is not None
        assert "SSL_CERT_FILE" in error.hint
        assert "--allow-insecure-host 127.0.0.1" in error.hint
        assert index.log == []


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR", "--cert"])
def test_custom_authority_is_accepted(name: str, make_client: MakeClient, authority: Authority, tmp_path: Path) -> None:
    bundle = authority.bundle(str(tmp_path))
    with IndexServer(authority=authority) as index:
        index.put("/x", b"safe")
        if name == "--cert":
            client = make_client(certificates=bundle)
        else:
            client = make_client(environ={name: str(tmp_path) if name.endswith("DIR") else bundle})
        assert client.get(url(index, "/x")).result().body == b"safe"
        sink = Sink()
        assert client.download(url(index, "/x"), sink.write).result().status == 200


def test_invalid_certificate_file_is_an_error(make_client: MakeClient, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    client = make_client(environ={"SSL_CERT_FILE": str(empty)})
    for _ in range(2):
        with pytest.raises(CertificateError, match="SSL_CERT_FILE"):
            client.get(SafeUrl("https://index.example/x")).result()


def test_insecure_host_option(make_client: MakeClient, authority: Authority) -> None:
    with IndexServer(authority=authority) as index, IndexServer(authority=authority, address="127.0.0.2") as other:
        index.put("/x", b"unsafe")
        client = make_client(insecure_hosts=(index.host,))
        assert client.get(url(index, "/x")).result().body == b"unsafe"
        assert "certificate" in failure(client.get(url(other, "/x"))).message
        assert client.get(url(index, "/x")).result().body == b"unsafe"


def test_https_to_http_redirect_needs_permission(make_client: MakeClient, authority: Authority, tmp_path: Path) -> None:
    bundle = authority.bundle(str(tmp_path))
    with IndexServer(authority=authority) as safe, IndexServer(address="127.0.0.2") as plain:
        plain.put("/b", b"plain")
        safe.script("/a", Always(Redirect(plain.root + "/b")))
        error = failure(make_client(certificates=bundle).get(url(safe, "/a")))
        assert "from https to" in error.message
        assert plain.log == []
        client = make_client(certificates=bundle, insecure_hosts=("127.0.0.2",))
        assert client.get(url(safe, "/a")).result().body == b"plain"


def test_client_certificate_is_sent(make_client: MakeClient, authority: Authority, tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": authority.bundle(str(tmp_path))}
    with IndexServer(authority=authority, client_certificates=True) as index:
        index.put("/x", b"for members")
        assert isinstance(failure(make_client(environ=environ, retries=0).get(url(index, "/x"))), NetworkError)
        environ["SSL_CLIENT_CERT"] = authority.client_certificate(str(tmp_path))
        assert make_client(environ=environ).get(url(index, "/x")).result().body == b"for members"


# ---------------------------------------------------------------------- HTTP/2


def test_http2_uses_one_connection(make_client: MakeClient, authority: Authority, tmp_path: Path) -> None:
    with Http2Server(authority) as server:
        for number in range(150):
            server.files[f"/{number}"] = str(number).encode()
        client = make_client(certificates=authority.bundle(str(tmp_path)))
        client.get(SafeUrl(server.root + "/0")).result()
        server.hold.clear()
        pending = [client.get(SafeUrl(f"{server.root}/{number}")) for number in range(150)]
        until(lambda: server.most == 100)
        server.hold.set()
        assert [each.result().body for each in pending] == [str(number).encode() for number in range(150)]
        assert server.connections == 1


def test_http2_downloads_use_several_connections(make_client: MakeClient, authority: Authority, tmp_path: Path) -> None:
    with Http2Server(authority) as server:
        server.files["/page"] = b"small"
        for number in range(20):
            server.files[f"/{number}"] = SOME * 2 + bytes((number,))
        client = make_client(certificates=authority.bundle(str(tmp_path)))
        downloads = [client.download(SafeUrl(f"{server.root}/{number}")) for number in range(20)]
        assert client.get(SafeUrl(server.root + "/page")).result().body == b"small"
        for number, download in reversed(list(enumerate(downloads))):
            sink = Sink()
            download.into(sink.write).result()
            assert sink.data == SOME * 2 + bytes((number,))
        mine = {asked.connection for asked in server.log if asked.path == "/page"}
        assert mine.isdisjoint({asked.connection for asked in server.log if asked.path != "/page"})


def test_broken_http2_stream_resumes(make_client: MakeClient, authority: Authority, tmp_path: Path) -> None:
    with Http2Server(authority) as server:
        server.files["/x"] = SOME
        server.break_after["/x"] = [400_000, 100]
        client = make_client(certificates=authority.bundle(str(tmp_path)))
        sink = Sink()
        assert client.download(SafeUrl(server.root + "/x"), sink.write).result().status == 200
        assert sink.data == SOME
        assert [asked.headers.get("range") for asked in server.log] == [None, "bytes=400000-", "bytes=400100-"]


# ---------------------------------------------------------------------- proxies


def test_http_proxy(index: IndexServer, make_client: MakeClient) -> None:
    index.put("/x", b"via")
    with ProxyServer(users={"ann": "pw"}) as proxy:
        client = make_client(environ={"http_proxy": f"ann:pw@{proxy.host}"})
        assert (
            client.get(SafeUrl("http://index.example:" + index.host.partition(":")[2] + "/x")).result().body == b"via"
        )
        assert proxy.log[0].startswith("GET http://index.example:")


def test_https_proxy_sees_no_index_credentials(make_client: MakeClient, authority: Authority, tmp_path: Path) -> None:
    with IndexServer(authority=authority) as index, ProxyServer() as proxy:
        index.users = {"ann": "pw"}
        index.put("/x", b"through")
        environ = {"ALL_PROXY": proxy.url, "SSL_CERT_FILE": authority.bundle(str(tmp_path))}
        address = SafeUrl("https://ann:pw@index.example:" + index.host.partition(":")[2] + "/x")
        assert make_client(environ=environ).get(address).result().body == b"through"
        assert proxy.log == [f"CONNECT index.example:{index.host.partition(':')[2]}"]
        assert "authorization" not in proxy.headers[0]


def test_no_proxy_bypasses_the_proxy(index: IndexServer, make_client: MakeClient) -> None:
    index.put("/x", b"direct")
    with ProxyServer() as proxy:
        client = make_client(environ={"HTTP_PROXY": proxy.url, "NO_PROXY": "example.com,127.0.0.0/8"})
        assert client.get(url(index, "/x")).result().body == b"direct"
        assert proxy.log == []


def test_refusing_proxy_is_named_without_password(make_client: MakeClient) -> None:
    with ProxyServer(users={"ann": "pw"}) as proxy:
        client = make_client(environ={"https_proxy": f"http://bob:geheim@{proxy.host}"})
        error = failure(client.get(SafeUrl("https://index.example/x")))
        assert "407 Proxy Authentication Required" in error.message
        assert f"through the proxy `http://{proxy.host}`" in error.context
        assert "geheim" not in " ".join((error.message, *error.context, str(error.hint)))
        assert len(proxy.log) == 1


# ---------------------------------------------------------------------- no network


def test_offline_error_names_url_and_option(make_client: MakeClient) -> None:
    client = make_client(offline=True)
    for pending in (client.get(SafeUrl("https://ann:pw@index.example/x")), client.download(SafeUrl("https://a.b/x"))):
        if isinstance(pending, Download):
            pending.into(Sink().write)
        error = failure(pending)
        assert isinstance(error, Offline)
        assert "--offline" in error.message
        assert "pw" not in error.message


def test_file_urls_need_no_thread(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(offline=True)
    (tmp_path / "a b.html").write_bytes(b"<p>")
    (tmp_path / "big.whl").write_bytes(SOME)
    response = client.get(SafeUrl(f"file://{tmp_path}/a%20b.html")).result()
    assert (response.status, response.body, response.headers["content-type"]) == (200, b"<p>", "text/html")
    assert client.get(SafeUrl(f"file://localhost{tmp_path}/none")).result().status == 404
    assert client.get(SafeUrl(f"file://{tmp_path}/a%20b.html/x")).result().status == 404
    assert isinstance(failure(client.get(SafeUrl(f"file://{tmp_path}/big.whl"), limit=1000)), BodyTooLarge)
    assert "another machine" in failure(client.get(SafeUrl("file://server/share/x"))).message
    sink = Sink()
    assert client.download(SafeUrl(f"file://{tmp_path}/big.whl"), sink.write).result().status == 200
    assert sink.data == SOME
    assert client.download(SafeUrl(f"file://{tmp_path}/none"), sink.write).result().status == 404
    assert client._thread is None


def test_directory_is_a_page_of_links(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client()
    (tmp_path / "a&b <1>.whl").write_bytes(b"")
    (tmp_path / "sub").mkdir()
    page = client.get(SafeUrl(f"file://{tmp_path}/")).result()
    assert page.headers["content-type"] == "text/html"
    assert b'<a href="a%26b%20%3C1%3E.whl">a&amp;b &lt;1>.whl</a>' in page.body
    assert b'<a href="sub/">' in page.body
    (tmp_path / "index.html").write_bytes(b"its own")
    assert client.get(SafeUrl(f"file://{tmp_path}")).result().body == b"its own"


# ---------------------------------------------------------------------- ends


def test_close_fails_active_requests(index: IndexServer, client: Client) -> None:
    index.script("/x", Always(Silent()))
    running = client.get(url(index, "/x"))
    sink = Sink()
    large = client.download(url(index, "/x"), sink.write)
    until(lambda: len(index.log) == 2)
    client.close()
    client.close()
    for pending in (running, large, client.get(url(index, "/x")), client.download(url(index, "/x"), sink.write)):
        assert isinstance(failure(pending), Cancelled)


def test_idle_client_stops_its_thread(index: IndexServer, make_client: MakeClient) -> None:
    index.script("/x", Always(Garbage(b"there", "text/plain")))
    client = make_client()
    client.rest()
    for _ in range(3):
        assert client.get(url(index, "/x")).result().body == b"there"
        sink = Sink()
        client.download(url(index, "/x"), sink.write).result()

        def rests() -> bool:
            client.rest()
            return client._thread is None

        until(rests)
        assert client._thread is None
    client.close()
    assert isinstance(failure(client.get(url(index, "/x"))), Cancelled)


def test_active_client_keeps_its_thread(index: IndexServer, client: Client) -> None:
    index.script("/x", Always(Silent()))
    running = client.get(url(index, "/x"))
    until(lambda: len(index.log) == 1)
    client.rest()
    assert client._thread is not None
    assert not running.done


def test_unused_client_closes() -> None:
    Client(ClientOptions(environ={})).close()


PROGRAM = """
import sys
from commonwheel.model import SafeUrl
from commonwheel.net.client import Client; from commonwheel.net.options import ClientOptions
client = Client(ClientOptions(environ={}))
pending = client.%s
print("waiting", flush=True)
%s
"""


def run(index: IndexServer, ask: str, then: str) -> "subprocess.Popen[bytes]":
    text = PROGRAM % (ask, then)
    return subprocess.Popen(
        [sys.executable, "-c", text, index.root + "/x"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


@pytest.mark.parametrize("ask", ["get(SafeUrl(sys.argv[1]))", "download(SafeUrl(sys.argv[1]), print)"])
def test_ctrl_c_interrupts_a_waiting_thread(index: IndexServer, ask: str) -> None:
    hold = Hold()
    index.put("/x", b"")
    index.script("/x", hold)
    process = run(index, ask, "pending.result()")
    assert process.stdout is not None
    assert process.stdout.readline() == b"waiting\n"
    assert hold.arrived.wait(30)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    assert process.returncode != 0
    hold.release.set()


def test_process_can_exit_with_active_requests(index: IndexServer) -> None:
    hold = Hold()
    index.put("/x", b"")
    index.script("/x", hold)
    process = run(index, "get(SafeUrl(sys.argv[1]))", "sys.stdin.close(); import time; time.sleep(0.2)")
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (0, b"waiting\n", b"")
    hold.release.set()


def test_corrupt_body_is_not_checked_here(index: IndexServer, client: Client) -> None:
    index.put("/x", b"hello")
    index.script("/x", Corrupt(at=0))
    assert client.get(url(index, "/x")).result().body[1:] == b"ello"


def test_errors_derive_from_commonwheel_error(index: IndexServer, client: Client) -> None:
    index.script("/x", Always(Status(500)))
    assert isinstance(failure(client.get(url(index, "/x"))), CommonwheelError)
