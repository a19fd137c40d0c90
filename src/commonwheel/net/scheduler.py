"""Order transfers: per server, by priority, as many at once as the server takes."""

from collections import deque
from time import monotonic

import pycurl

from commonwheel.net.transfers import Transfer

TYPE_CHECKING = False

# Requests under way at once to one server: that many connections if it speaks HTTP/1.1, streams if HTTP/2.
NARROW, WIDE = 16, 100


class Server:
    """One server as one lane sees it: what waits, how much is under way, until when it asked to be left alone.

    `width` is how much may be under way: it halves when the server says that this was too much, and grows again by one
    with each answer, up to `most` (as TCP does, and for the same reason).
    """

    __slots__ = ("active", "held_until", "lane", "most", "origin", "urgent", "waiting", "width")

    def __init__(self, lane: "Lane", origin: tuple[str, str, int]) -> None:
        self.lane = lane
        self.origin = origin
        self.active = 0
        self.width = self.most = NARROW
        self.held_until = 0.0
        self.urgent: deque[Transfer] = deque()
        self.waiting: deque[Transfer] = deque()

    def next(self, *, urgent: bool) -> "Transfer | None":
        """Return the next request that nobody has begun, settled or given up yet; only what is waited for if `urgent`."""
        while self.urgent or (self.waiting and not urgent):
            transfer = self.urgent.popleft() if self.urgent else self.waiting.popleft()
            # One that was promoted stands in both queues, and may meanwhile have been redirected to another server.
            if not (transfer.started or transfer.done) and transfer.origin == self.origin:
                return transfer
        return None

    def answered(self) -> None:
        """Note that an answer came."""
        self.width = min(self.width + 1, self.most)

    def hold(self, now: float, until: float) -> bool:
        """Leave the server alone until then; True for the first that says so, whom the others follow."""
        first = now >= self.held_until
        if first:
            self.width = max(1, self.width // 2)
        self.held_until = max(self.held_until, until)
        return first


class Lane:
    """A multi handle with connections of its own, and the queues before it."""

    __slots__ = ("active", "deadline", "limit", "multi", "running", "servers", "wide")

    def __init__(self, limit: int, streams: int, wide: set[tuple[str, str, int]]) -> None:
        self.wide = wide  # origins that are known to speak HTTP/2; both lanes learn from each other
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self.multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, streams)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._timer)
        self.limit = limit
        self.active = 0
        self.deadline: float | None = None
        self.running: dict[pycurl.Curl, Transfer] = {}
        self.servers: dict[tuple[str, str, int], Server] = {}

    def _timer(self, milliseconds: int) -> None:
        self.deadline = None if milliseconds < 0 else monotonic() + milliseconds / 1000

    def server(self, transfer: Transfer) -> Server:
        """Return the queue of a transfer's server."""
        found = self.servers.get(transfer.origin)
        if found is None:
            found = self.servers[transfer.origin] = Server(self, transfer.origin)
            if transfer.origin in self.wide:
                found.width = found.most = WIDE
        return found

    def idle(self) -> int:
        """Count the downloads that only hold a place. What somebody waits for may begin beside them.

        Otherwise it might wait for ever: they go on when somebody waits for them, who may first wait for this one.
        """
        return sum(transfer.idle for transfer in self.running.values())

    def empty(self) -> "list[Transfer]":
        """Close every handle, and return the transfers that were under way or waiting."""
        orphans = list(self.running.values())
        for server in self.servers.values():
            orphans.extend((*server.urgent, *server.waiting))
        for easy in self.running:
            self.multi.remove_handle(easy)
            easy.close()
        self.running.clear()
        self.multi.close()
        return orphans
