"""An HTTP proxy on the loopback interface: absolute-form requests and CONNECT tunnels.

    with ProxyServer(users={"ann": "pw"}) as proxy:
        environ = {"HTTPS_PROXY": f"http://ann:pw@{proxy.host}"}
        ...
        assert proxy.log == ["CONNECT 127.0.0.1:4711"]

`log` has one line per request, in the order of arrival; `headers` those of each, names in lower case. Every target is
connected to on the loopback interface, whatever its host is called.
"""

import base64
import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class ProxyServer:
    """A loopback proxy; see the top of this file."""

    def __init__(self, *, users: Mapping[str, str] | None = None) -> None:
        self.users = dict(users or {})
        self.log: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._server = _Server(("127.0.0.1", 0), self)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut every tunnel."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._server.open):
            _shut(connection)
        self._thread.join()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], proxy: ProxyServer) -> None:
        self.proxy = proxy
        self.open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a tunnel may end in any way."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Print nothing."""

    def do_CONNECT(self) -> None:
        if not self._allowed(f"CONNECT {self.path}"):
            return
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2])), timeout=30) as target:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.server.open |= {self.connection, target}
            back = threading.Thread(target=_pour, args=(target, self.connection), daemon=True)
            back.start()
            _pour(self.connection, target)
            back.join()
            self.server.open -= {self.connection, target}

    def do_GET(self) -> None:
        if not self._allowed(f"GET {self.path}"):
            return
        parts = urlsplit(self.path)
        rest = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"GET {rest} HTTP/1.0", f"host: {parts.netloc}"]
        kept = (
            item for item in self.headers.items() if not item[0].lower().startswith(("proxy-", "connection", "host"))
        )
        lines += [f"{name}: {value}" for name, value in kept]
        with socket.create_connection(("127.0.0.1", parts.port or 80), timeout=30) as target:
            target.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            target.shutdown(socket.SHUT_WR)
            _pour(target, self.connection)
        self.close_connection = True

    def _allowed(self, line: str) -> bool:
        self.server.proxy.log.append(line)
        self.server.proxy.headers.append({name.lower(): value for name, value in self.headers.items()})
        if not self.server.proxy.users:
            return True
        encoded = self.headers.get("proxy-authorization", "").removeprefix("Basic ")
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        if self.server.proxy.users.get(user) == password:
            return True
        self.wfile.write(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=x\r\n"
            b"content-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.close_connection = True
        return False


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _shut(source)
        _shut(target)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
