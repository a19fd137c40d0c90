"""Pass TCP on with a delay: `delay.py PORT TARGET-PORT MILLISECONDS`, all on loopback.

Every byte leaves half a round trip after it came, and the first of a connection a whole one later still, as if the
connection had been made over that distance too. Bandwidth is not limited. netem would do it in the kernel, but not all
kernels have it. Standard library only, and cheap: it shares the machine with what is measured.
"""

import heapq
import selectors
import socket
import sys
import time

PIECE = 1 << 18
IN_FLIGHT = 64 * PIECE


class Side:
    """One direction of a connection; nothing that was read before `opens` leaves earlier than that."""

    __slots__ = ("back", "ended", "held", "opens", "ready", "source", "target")

    def __init__(self, source: socket.socket, target: socket.socket, opens: float) -> None:
        self.source, self.target, self.opens = source, target, opens
        self.ready = bytearray()
        self.held = 0
        self.ended = False
        self.back = self


class Relay:
    """All connections of one port."""

    def __init__(self, port: int, target: int, delay: float) -> None:
        self.target, self.delay = target, delay
        self.selector = selectors.DefaultSelector()
        self.reading: dict[socket.socket, Side] = {}
        self.waiting: list[tuple[float, int, Side, bytes]] = []
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def serve(self) -> None:
        while True:
            timeout = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            for key, mask in self.selector.select(timeout):
                if key.fileobj is self.listener:
                    self.accept()
                    continue
                side = self.reading.get(key.fileobj)
                if side is not None and mask & selectors.EVENT_WRITE:
                    self.write(side.back)
                if key.fileobj in self.reading and mask & selectors.EVENT_READ:
                    self.read(side)
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, side, data = heapq.heappop(self.waiting)
                side.ready += data
                self.write(side)
                if not data:
                    self.drop(side)  # the tools never half-close: the end of one direction is that of both

    def accept(self) -> None:
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.target))
        up = Side(client, server, time.monotonic() + 1.5 * self.delay)
        down = Side(server, client, 0.0)
        up.back, down.back = down, up
        for side in (up, down):
            side.source.setblocking(False)
            side.source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.reading[side.source] = side
            self.watch(side)

    def watch(self, side: Side) -> None:
        """Ask for what one socket can be used for now."""
        mask = selectors.EVENT_READ if not side.ended and side.held < IN_FLIGHT else 0
        mask |= selectors.EVENT_WRITE if side.back.ready else 0
        known = self.selector.get_map().get(side.source)
        if known is None and mask:
            self.selector.register(side.source, mask)
        elif known is not None and not mask:
            self.selector.unregister(side.source)
        elif known is not None and known.events != mask:
            self.selector.modify(side.source, mask)

    def read(self, side: Side) -> None:
        try:
            data = side.source.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        side.held += len(data)
        side.ended = not data
        self.count += 1
        heapq.heappush(self.waiting, (max(time.monotonic() + self.delay / 2, side.opens), self.count, side, data))
        self.watch(side)

    def write(self, side: Side) -> None:
        if side.source not in self.reading:
            return
        try:
            while side.ready:
                sent = side.target.send(memoryview(side.ready)[:PIECE])
                del side.ready[:sent]
                side.held -= sent
        except BlockingIOError:
            pass
        except OSError:
            self.drop(side)
            return
        self.watch(side)
        self.watch(side.back)

    def drop(self, side: Side) -> None:
        for one in (side.source, side.target):
            if self.reading.pop(one, None) is not None:
                if one in self.selector.get_map():
                    self.selector.unregister(one)
                one.close()


if __name__ == "__main__":
    Relay(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) / 1000).serve()
