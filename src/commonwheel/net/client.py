"""The network: the only file with sockets.

Laws of this file:
- One transfer thread runs libcurl's multi interface for everything; nobody else touches a curl handle.
- Nothing in that thread blocks: bodies of downloads are written by whoever waits for them (`transfers.Download`).
- Small requests have connections of their own and never queue behind large bodies.
- Redirects, credentials and retries are decided in `transfers`, never by curl: it would send secrets to strangers.
- No URL leaves in a message except through `urls.shown`.
"""

import atexit
import os
import select
import sys
from _thread import allocate_lock
from collections import deque
from heapq import heappop, heappush
from threading import Thread, get_ident
from time import monotonic

from commonwheel import __version__
from commonwheel.concurrency.future import Future
from commonwheel.errors import InternalError
from commonwheel.events import Silence
from commonwheel.model import SafeUrl
from commonwheel.net.certificates import client_certificate, trust
from commonwheel.net.curl_errors import failure
from commonwheel.net.encoding import IN_MEMORY
from commonwheel.net.file_urls import FileDownload, local
from commonwheel.net.options import ClientOptions, Rules
from commonwheel.net.responses import (
    Cancelled,
    NetworkError,
    Offline,
    Response,
)
from commonwheel.net.scheduler import NARROW, WIDE, Lane, Server
from commonwheel.net.transfers import Download, Failure, Transfer
from commonwheel.net.urls import shown

# pycurl 7.49 imports asyncio's needs (inspect, dataclasses: 35 of 60 ms) for a class that we have no use for.
sys.modules.setdefault("pycurl.async_multi", type(sys)("pycurl.async_multi")).__dict__.setdefault(
    "AsyncCurlMulti", None
)
import pycurl  # noqa: E402 - after the line above

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from commonwheel.events import Reporter

_NOTHING: "Mapping[str, str]" = {}
_KNOCK = b"\0"


class Client:
    """Fetch things: `get` into memory, `download` to a writer; any thread may ask, one thread transfers."""

    def __init__(self, options: ClientOptions | None = None, reporter: "Reporter | None" = None) -> None:
        self.options = options or ClientOptions()
        self.rangeless: set[tuple[str, str, int]] = set()  # origins that give no ranges (`objects`)
        self._reporter = reporter or Silence()
        self._rules = Rules(self.options)
        #: URLs, as they were asked, that led over a host whom others can pose as: what came is believed, and not remembered
        self.unverified = self._rules.unverified
        self._inbox: deque[tuple[str, Transfer | None]] = deque()
        self._thread: Thread | None = None
        self._starting = allocate_lock()
        self._ident = 0
        self._closed = False
        self._broken: BaseException | None = None
        self._sleeping = False  # the transfer thread is in poll, or about to be: only then it needs a knock
        self._gone = False
        self._door = -1
        self._door_lock = allocate_lock()

    # ------------------------------------------------------------------ what callers use

    def tolerates(self, url: SafeUrl) -> bool:
        """Return whether the user lets the host of a URL go without checks."""
        return self._rules.tolerates(url.secret)

    def get(
        self,
        url: SafeUrl,
        headers: "Mapping[str, str]" = _NOTHING,
        *,
        limit: int | None = None,
        packed: bool = False,
    ) -> "Future[Response]":
        """Fetch a small body (at most `limit` bytes after decoding) into memory.

        Statuses that callers can use are values (304, 401, 403, 404 ...); only what still fails after all retries is a
        NetworkError. A `file:` URL answers 200 or 404, and lists a directory as an HTML page of links. With `packed` a body
        that is compressed for the way stays so, until somebody asks for the response `opened()`.
        """
        if url.secret[:5].lower() == "file:":
            return local(url, limit or IN_MEMORY)
        if self.options.offline:
            return Future.failed(_offline(url))
        transfer = Transfer(url, headers, limit or IN_MEMORY, self._rules, packed=packed)
        self._submit(transfer)
        return transfer

    def download(
        self,
        url: SafeUrl,
        write: "Callable[[bytes], object] | None" = None,
        *,
        size: int | None = None,
        label: str = "",
        rewind: "Callable[[int], object] | None" = None,
        immutable: bool = False,
        headers: "Mapping[str, str]" = _NOTHING,
    ) -> Download:
        """Fetch a large body; `write` gets its pieces in the thread that calls `result()`.

        The transfer begins at once and fills a buffer; `into(write, rewind)` may name the writer later. `size` is what
        the index says: fewer bytes are a broken transfer. `rewind(0)` is called when the body begins anew. An answer
        that is no success writes nothing: look at `status`. `label` names the task for the reporter. `immutable` says that
        the caller holds the whole against a hash: then a broken body is continued even without a validator.
        """
        kind = FileDownload if url.secret[:5].lower() == "file:" else Download
        transfer = kind(
            url,
            headers,
            self._rules,
            write,
            rewind,
            size=size,
            label=label,
            immutable=immutable,
            reporter=self._reporter,
        )
        if kind is Download:
            if self.options.offline:
                transfer.outcome = _offline(url)
            else:
                self._submit(transfer)
        return transfer

    def rest(self) -> None:
        """End the transfer thread if it has nothing to do; the next request starts another one.

        While a process has one thread alone it can be copied, and 30,000 files are linked in half the time.
        """
        with self._starting:
            busy = self._thread is None or self._closed or self._inbox or self._easies or self._later
            if busy or self._ident == get_ident():
                return
            self._end()
            self._thread, self._gone, self._ident = None, False, 0
            atexit.unregister(self.close)

    def close(self) -> None:
        """Stop the transfer thread and fail whatever is under way; safe to call twice and at exit."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        # a worker may be starting it just now
        with self._starting:
            thread = self._thread
        if thread is None or self._ident == get_ident():
            return
        self._end()

    def _end(self) -> None:
        """Stop the transfer thread."""
        assert self._thread is not None
        self._post("stop", None)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            with self._door_lock:  # a late knock must not reach whatever gets this number next
                os.close(self._door)
                self._door = -1
            os.close(self._ear)

    # ------------------------------------------------------------------ handing over

    def _submit(self, transfer: Transfer) -> None:
        transfer.promote = self._promote
        transfer.poke = self._poke
        if self._closed or self._gone:
            self._bury((transfer,))
            return
        with self._starting:
            if self._thread is None and not self._closed:
                self._start()
        if self._thread is None:
            self._bury((transfer,))
            return
        self._post("begin", transfer)

    def _promote(self, transfer: Transfer) -> None:
        if get_ident() == self._ident:
            raise InternalError(f"`{shown(transfer.asked)}` is waited for in the thread that is to fetch it")
        if not transfer.started:
            self._post("promote", transfer)

    def _poke(self, transfer: Transfer) -> None:
        self._post("poke", transfer)

    def _post(self, verb: str, transfer: Transfer | None) -> None:
        self._inbox.append((verb, transfer))
        if self._sleeping:
            with self._door_lock:
                if self._door >= 0:
                    try:
                        os.write(self._door, _KNOCK)
                    except BlockingIOError:  # full of knocks that it has not heard yet
                        pass
        if self._gone:
            self._bury(self._left_over())

    def _start(self) -> None:
        options = self.options
        self._trust = trust(options.environ, options.certificates)
        self._client_certificate = client_certificate(options.environ, options.client_certificate)
        self._ear, self._door = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._door, False)
        self._poll = select.poll()
        self._poll.register(self._ear, select.POLLIN)
        self._wide: set[tuple[str, str, int]] = set()
        self._small = Lane(limit=256, streams=WIDE, wide=self._wide)
        # Few streams on each connection: one TCP window for fifty wheels would be the slowest way to fetch them.
        self._large = Lane(limit=options.concurrent_downloads, streams=8, wide=self._wide)
        self._sockets: dict[int, Lane] = {}
        for lane in (self._small, self._large):
            lane.multi.setopt(pycurl.M_SOCKETFUNCTION, self._watcher(lane))
        self._spare: dict[bool, list[pycurl.Curl]] = {False: [], True: []}
        self._easies: dict[Transfer, pycurl.Curl] = {}
        self._later: list[tuple[float, int, Transfer | Server]] = []
        self._serial = 0
        self._thread = Thread(target=self._run, name="commonwheel-transfers", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _watcher(self, lane: Lane) -> "Callable[[int, int, object, object], None]":
        poll, sockets = self._poll, self._sockets
        masks = {
            pycurl.POLL_IN: select.POLLIN,
            pycurl.POLL_OUT: select.POLLOUT,
            pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
        }

        def watch(what: int, number: int, _multi: object, _data: object) -> None:
            if what == pycurl.POLL_REMOVE:
                if sockets.pop(number, None) is not None:
                    poll.unregister(number)
            else:
                sockets[number] = lane
                poll.register(number, masks.get(what, 0))

        return watch

    # ------------------------------------------------------------------ the transfer thread

    def _run(self) -> None:
        self._ident = get_ident()
        try:
            while self._turn():
                pass
        except BaseException as bug:  # noqa: BLE001 - nobody may wait for a dead thread
            self._broken = bug
        self._abandon()

    def _turn(self) -> bool:
        """Do what was asked, wait for the network, and hand out what arrived; False to stop."""
        while self._inbox:
            verb, transfer = self._inbox.popleft()
            if transfer is None:
                return False
            self._obey(verb, transfer)
        self._sleeping = True
        heard = self._poll.poll(self._patience())  # which looks into the inbox once more, now that knocks are sent
        self._sleeping = False
        for number, events in heard:
            self._hear(number, events)
        now = monotonic()
        for lane in (self._small, self._large):
            if lane.deadline is not None and lane.deadline <= now:
                lane.deadline = None
                lane.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._reap(lane)
        while self._later and self._later[0][0] <= now:
            self._resume(heappop(self._later)[2])
        self._hand_over()
        return True

    def _hand_over(self) -> None:
        """Wake the writers that got something, and begin what somebody waits for where places have become idle."""
        for transfer in self._large.running.values():
            transfer.flush()
        for server in self._large.servers.values():
            if server.urgent:
                self._fill(server)

    def _hear(self, number: int, events: int) -> None:
        """Pass on what happened to one file descriptor."""
        if number == self._ear:
            os.read(number, 512)
            return
        lane = self._sockets.get(number)
        if lane is not None:
            mask = pycurl.CSELECT_IN if events & (select.POLLIN | select.POLLHUP) else 0
            mask |= pycurl.CSELECT_OUT if events & select.POLLOUT else 0
            mask |= pycurl.CSELECT_ERR if events & (select.POLLERR | select.POLLNVAL) else 0
            lane.multi.socket_action(number, mask)

    def _patience(self) -> int:
        """Return the milliseconds until something is due, rounded up; -1 for none."""
        due = [lane.deadline for lane in (self._small, self._large) if lane.deadline is not None]
        if self._later:
            due.append(self._later[0][0])
        if self._inbox:
            return 0
        return -1 if not due else max(0, int((min(due) - monotonic()) * 1000 + 0.999))

    def _obey(self, verb: str, transfer: Transfer) -> None:
        if verb == "begin":
            self._queue(transfer)
        elif verb == "promote":
            if not transfer.started:
                server = self._lane(transfer).server(transfer)
                server.urgent.append(transfer)
                self._fill(server)
        else:
            self._attend(transfer)

    def _attend(self, transfer: Transfer) -> None:
        """Unpause a download whose writer has caught up, or drop a transfer that was given up."""
        easy = self._easies.get(transfer)
        if easy is None:
            return
        if transfer.done:
            lane = self._lane(transfer)
            self._release(lane, easy)
            self._refill(lane.server(transfer))
        else:
            easy.pause(pycurl.PAUSE_CONT)  # which may hand over what was kept back, and nothing else might follow
            transfer.flush()

    def _lane(self, transfer: Transfer) -> Lane:
        return self._large if transfer.large else self._small

    def _queue(self, transfer: Transfer) -> None:
        if transfer.done:
            return
        transfer.started = False
        server = self._lane(transfer).server(transfer)
        (server.urgent if transfer.wanted else server.waiting).append(transfer)
        self._fill(server)

    def _resume(self, due: "Transfer | Server") -> None:
        """Go on with what has waited long enough."""
        if isinstance(due, Transfer):
            self._queue(due)
        elif due.held_until > monotonic():  # somebody has asked for more patience meanwhile
            self._wake_later(due.held_until, due)
        else:
            self._fill(due)

    def _fill(self, server: Server) -> None:
        """Begin as many requests to a server as it may have now."""
        lane = server.lane
        if server.held_until and server.held_until > monotonic():
            return
        while True:
            room = min(lane.limit - lane.active, server.width - server.active)
            if room <= 0 and not (server.urgent and room + lane.idle() > 0):
                return
            transfer = server.next(urgent=room <= 0)
            if transfer is None:
                return
            server.active += 1
            lane.active += 1
            easy = self._dress(transfer)
            lane.running[easy] = transfer
            self._easies[transfer] = easy
            lane.multi.add_handle(easy)

    def _dress(self, transfer: Transfer) -> pycurl.Curl:
        """Return an easy handle that will carry out the next attempt of a transfer."""
        spare = self._spare[transfer.large]
        easy = spare.pop() if spare else self._fresh(transfer.large)
        options = self.options
        lines = transfer.request_headers()
        easy.setopt(pycurl.URL, transfer.url)
        # Wait for the first handshake, which tells whether one connection will do for all. Without TLS there is none, and
        # curl would wait for the first answer instead: one slow page would hold up everything.
        easy.setopt(pycurl.PIPEWAIT, 1 if transfer.origin[0] == "https" else 0)
        easy.setopt(pycurl.HTTPHEADER, lines)
        easy.setopt(pycurl.HEADERFUNCTION, transfer.lines.append)
        easy.setopt(pycurl.WRITEFUNCTION, transfer.take)
        easy.setopt(pycurl.PROXY, self._rules.proxies.of(transfer.url))
        if options.insecure_hosts:
            check = not self._rules.tolerates(transfer.url)
            easy.setopt(pycurl.SSL_VERIFYPEER, 1 if check else 0)
            easy.setopt(pycurl.SSL_VERIFYHOST, 2 if check else 0)
        return easy

    def _fresh(self, large: bool) -> pycurl.Curl:
        easy = pycurl.Curl()
        options = self.options
        easy.setopt(pycurl.NOSIGNAL, 1)
        easy.setopt(pycurl.USERAGENT, USER_AGENT)
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        easy.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        easy.setopt(pycurl.FOLLOWLOCATION, 0)
        easy.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        easy.setopt(pycurl.HEADEROPT, pycurl.HEADER_SEPARATE)
        easy.setopt(pycurl.NOPROXY, self._rules.proxies.no_proxy)
        easy.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(options.connect_timeout * 1000)))
        easy.setopt(pycurl.LOW_SPEED_TIME, max(1, int(options.timeout + 0.5)))
        easy.setopt(pycurl.LOW_SPEED_LIMIT, max(1, options.slowest))
        easy.setopt(pycurl.BUFFERSIZE, 262_144 if large else 65_536)
        easy.setopt(pycurl.TCP_KEEPALIVE, 1)
        for name, value in (
            ("CAINFO", self._trust.bundle),
            ("CAPATH", self._trust.directory),
            ("CAINFO_BLOB", self._trust.pem),
            ("SSLCERT", self._client_certificate),
            ("SSLKEY", self._client_certificate),
        ):
            if value:
                easy.setopt(getattr(pycurl, name), value)
                if name.startswith("CA"):
                    easy.setopt(getattr(pycurl, f"PROXY_{name}"), value)
        return easy

    def _reap(self, lane: Lane) -> None:
        """Judge the attempts that have ended."""
        while True:
            more, fine, broken = lane.multi.info_read(100)
            for easy in fine:
                self._judge(lane, easy, None)
            for easy, number, text in broken:
                self._judge(lane, easy, (number, text))
            if not more:
                return

    def _judge(self, lane: Lane, easy: pycurl.Curl, trouble: "tuple[int, str] | None") -> None:
        transfer = lane.running[easy]
        server = lane.server(transfer)
        if trouble is None:
            if server.most == NARROW and easy.getinfo(pycurl.INFO_HTTP_VERSION) >= _HTTP_2:
                self._wide.add(server.origin)
                server.width = server.most = WIDE
            server.answered()
        self._release(lane, easy)
        delay = transfer.ended() if trouble is None else transfer.broke(failure(*trouble, transfer.url))
        if delay is not None:
            self._again(server, transfer, delay)
        self._refill(server)

    def _again(self, server: Server, transfer: Transfer, delay: float) -> None:
        """Give a transfer another attempt after `delay` seconds."""
        if delay == 0.0:
            self._queue(transfer)
            return
        now = monotonic()
        if transfer.demanded and server.hold(now, now + transfer.demanded):
            self._wake_later(server.held_until, server)
        self._wake_later(now + delay, transfer)

    def _wake_later(self, due: float, what: "Transfer | Server") -> None:
        self._serial += 1  # heapq would compare transfers if two were due at once
        heappush(self._later, (due, self._serial, what))

    def _release(self, lane: Lane, easy: pycurl.Curl) -> None:
        """Take a handle off its lane."""
        transfer = lane.running.pop(easy)
        del self._easies[transfer]
        lane.multi.remove_handle(easy)
        self._spare[transfer.large].append(easy)
        lane.server(transfer).active -= 1
        lane.active -= 1

    def _refill(self, server: Server) -> None:
        """Let the next requests have a place that was left: of the same server first, else of any."""
        self._fill(server)
        lane = server.lane
        if lane.active >= lane.limit - 1:  # it was full: others may have waited for it
            for other in lane.servers.values():
                self._fill(other)

    def _abandon(self) -> None:
        """Fail everything that is not settled, and let go of the curl handles."""
        self._gone = True
        orphans = [due for _, _, due in self._later if isinstance(due, Transfer)]
        for lane in (self._small, self._large):
            orphans.extend(lane.empty())
        for easies in self._spare.values():
            for easy in easies:
                easy.close()
        self._bury((*orphans, *self._left_over()))

    def _left_over(self) -> "Iterator[Transfer]":
        """Take out of the inbox what nobody will read any more."""
        while self._inbox:
            try:
                _, transfer = self._inbox.popleft()
            except IndexError:  # another thread took the last one
                return
            if transfer is not None:
                yield transfer

    def _bury(self, transfers: "Iterable[Transfer]") -> None:
        for transfer in transfers:
            if not transfer.done:
                transfer.trouble = self._obituary(transfer)
                transfer.broke(Failure("final", "closed"))

    def _obituary(self, transfer: Transfer) -> NetworkError:
        where = shown(transfer.asked)
        if self._broken is None:
            return Cancelled(f"the request for `{where}` was given up, since the client was closed")
        error = NetworkError(f"the transfer thread died while it had `{where}` to fetch: {self._broken!r}")
        error.__cause__ = self._broken
        return error


def _offline(url: SafeUrl) -> Offline:
    return Offline(
        f"`{shown(url)}` is needed, but `--offline` forbids to ask for it",
        hint="run once without `--offline` (or without CW_OFFLINE / UV_OFFLINE) to fill the cache",
    )


_HTTP_2 = 3  # CURL_HTTP_VERSION_2_0, as CURLINFO_HTTP_VERSION tells it
USER_AGENT = (
    f"commonwheel/{__version__} {sys.implementation.name}/{sys.version_info[0]}.{sys.version_info[1]}"
    f" {os.uname().sysname}/{os.uname().machine} libcurl/{pycurl.version_info()[1]}"
)
