"""A small HTTP/2 server over TLS on the loopback interface: what real indexes speak, and `http.server` does not.

    with Http2Server(Authority()) as server:
        server.files["/x"] = b"..."
        server.break_after["/x"] = [1000]      # the first answer is cut after 1000 bytes by RST_STREAM
        server.hold.clear()                    # answers wait from now on, until hold.set()

It answers GET with 200, 206 for ranges (with an ETag), 404. `log` has (path, headers, connection, stream) for each
request; `most` is the largest number of streams that were open at once on one connection.
"""

import contextlib
import hashlib
import re
import select
import socket
import ssl
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from kit.index_server import Authority


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    connection: int
    stream: int


@dataclass
class _Body:
    data: bytes
    sent: int = 0
    broken_at: int | None = None


class Http2Server:
    """See the top of this file."""

    def __init__(self, authority: Authority, address: str = "127.0.0.1") -> None:
        self.files: dict[str, bytes] = {}
        self.break_after: dict[str, list[int]] = {}
        self.hold = threading.Event()
        self.hold.set()
        self.log: list[Asked] = []
        self.most = 0
        self.connections = 0
        self._context = authority.context(address, "localhost")
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server((address, 0), backlog=64)
        self._listener.settimeout(0.02)
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self.root = f"https://{address}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        plain.settimeout(5)
        with (
            contextlib.suppress(OSError, h2.exceptions.ProtocolError),
            self._context.wrap_socket(plain, server_side=True) as connection,
        ):
            _Conversation(self, connection, number).run(self._closing)
        plain.close()


class _Conversation:
    """One connection."""

    def __init__(self, server: Http2Server, connection: ssl.SSLSocket, number: int) -> None:
        self.server = server
        self.connection = connection
        self.number = number
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.waiting: list[tuple[int, dict[str, str]]] = []
        self.bodies: dict[int, _Body] = {}

    def run(self, closing: threading.Event) -> None:
        self.h2.initiate_connection()
        while not closing.is_set():
            self._begin()
            self._pour()
            self.connection.sendall(self.h2.data_to_send())
            if not self.connection.pending() and not select.select([self.connection], [], [], 0.01)[0]:
                continue
            data = self.connection.recv(65_536)
            if not data:
                return
            for event in self.h2.receive_data(data):
                self._hear(event)

    def _hear(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers or ()}
            stream = event.stream_id
            assert stream is not None
            self.server.log.append(Asked(headers[":path"], headers, self.number, stream))
            self.waiting.append((stream, headers))
            self.server.most = max(self.server.most, len(self.waiting) + len(self.bodies))
        elif isinstance(event, h2.events.StreamReset):
            self.bodies.pop(event.stream_id or 0, None)
            self.waiting = [item for item in self.waiting if item[0] != event.stream_id]

    def _begin(self) -> None:
        if not self.server.hold.is_set():
            return
        for stream, headers in self.waiting:
            self._answer(stream, headers)
        self.waiting = []

    def _answer(self, stream: int, headers: dict[str, str]) -> None:
        path = headers[":path"]
        data = self.server.files.get(path)
        if data is None:
            self.h2.send_headers(stream, [(":status", "404"), ("content-length", "0")], end_stream=True)
            return
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        answer = [(":status", "200"), ("etag", tag), ("accept-ranges", "bytes")]
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if match is not None and headers.get("if-range", tag) == tag:
            start = int(match[1])
            end = int(match[2]) if match[2] else len(data) - 1
            answer[0] = (":status", "206")
            answer.append(("content-range", f"bytes {start}-{end}/{len(data)}"))
            data = data[start : end + 1]
        answer.append(("content-length", str(len(data))))
        self.h2.send_headers(stream, answer, end_stream=not data)
        if data:
            cuts = self.server.break_after.get(path)
            self.bodies[stream] = _Body(data, broken_at=cuts.pop(0) if cuts else None)

    def _pour(self) -> None:
        """Send of every body what flow control allows now, in turns."""
        moved = True
        while moved:
            moved = False
            for stream, body in list(self.bodies.items()):
                moved |= self._send(stream, body)

    def _send(self, stream: int, body: _Body) -> bool:
        if body.broken_at is not None and body.sent >= body.broken_at:
            self.connection.sendall(self.h2.data_to_send())
            self.h2.reset_stream(stream, error_code=2)
            del self.bodies[stream]
            return False
        room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
        end = len(body.data) if body.broken_at is None else min(len(body.data), body.broken_at)
        piece = body.data[body.sent : min(end, body.sent + room)]
        if not piece:
            return body.broken_at is not None and body.sent >= body.broken_at
        body.sent += len(piece)
        last = body.sent == len(body.data)
        self.h2.send_data(stream, piece, end_stream=last)
        if last:
            del self.bodies[stream]
        return True
