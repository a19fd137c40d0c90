"""A package index on the loopback interface, which can misbehave on request.

    with IndexServer() as index:
        index.add("flask-3.0-py3-none-any.whl", make_wheel(...), requires_python=">=3.8")
        index.script("/simple/flask/", Status(503, {"retry-after": "0"}), Reset(after=100))
        ...                                    # the first request gets 503, the second is reset, the third is honest
        assert [seen.status for seen in index.seen("/simple/flask/")] == [503, 200, 200]

What is served
- `/simple/` and `/simple/<project>/`: PEP 691 JSON or PEP 503 HTML, by the Accept header and `formats`;
- `/files/<project>/<filename>`, and beside it `.metadata` (PEP 658) unless `metadata` is off, globally or per file;
- whatever `put(path, body, ...)` adds; rules of `redirect(prefix, target)`.

Attributes may be changed at any time: `formats`, `metadata`, `metadata_hashes`, `hashes`, `sizes`, `upload_times`,
`ranges`, `etags` ("strong", "weak" or ""), `page_headers`, `file_headers` (for example a cache-control), `users` (basic
authentication: user -> password, empty for none), `compress` (gzip, for pages whose reader accepts it).

`script(path, *steps)` sets what the next requests of one path meet, one step each; afterwards the path is honest again,
unless the last step is `Always(step)`. Every request is in `log`, in the order of arrival, with the status that was sent.

`IndexServer(authority=Authority())` speaks TLS; `authority.bundle(directory)` writes the CA file that clients need.
Threads are daemons and nothing is ever printed. `address` may name another loopback address (127.0.0.2 is another host).
"""

import base64
import email.utils
import gzip
import hashlib
import html
import io
import json
import os
import re
import socket
import ssl
import struct
import threading
import time
import zipfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

import trustme

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"


# ---------------------------------------------------------------------- what may go wrong


@dataclass(frozen=True)
class Status:
    """Answer with a status and nothing else of use."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Reset:
    """Reset the connection (RST) after so many bytes of the body; None: before the head."""

    after: int | None = None


@dataclass(frozen=True)
class Truncate:
    """Promise the whole body, send so many bytes of it and close the connection orderly."""

    after: int


@dataclass(frozen=True)
class Crawl:
    """Send the body in pieces of `piece` bytes with `pause` seconds between them, until the client has gone."""

    piece: int = 1
    pause: float = 0.2


@dataclass(frozen=True)
class Silent:
    """Take the request and say nothing until the client has gone."""


@dataclass(frozen=True)
class Garbage:
    """Answer 200 with something else than what was asked for."""

    body: bytes = b"<html><body><h1>Please log in</h1></body></html>"
    content_type: str = "text/html"


@dataclass(frozen=True)
class Corrupt:
    """Flip the bits of one byte of the body; length and headers stay as they were."""

    at: int = 0


@dataclass(frozen=True)
class Redirect:
    """Send the client elsewhere."""

    to: str
    status: int = 302


@dataclass(frozen=True)
class WrongRange:
    """Answer a range request with another range than was asked for."""

    shift: int = 1


@dataclass(frozen=True)
class Hold:
    """Answer honestly, but only when `release` is set; `arrived` is set when the request is here."""

    release: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Honest:
    """Answer as an index should: a pause between other steps."""

    without_ranges: bool = False


@dataclass(frozen=True)
class Always:
    """Repeat a step for every request from here on."""

    step: "Step"


Step = Status | Reset | Truncate | Crawl | Silent | Garbage | Corrupt | Redirect | WrongRange | Hold | Honest | Always


# ---------------------------------------------------------------------- what is served


@dataclass
class Seen:
    """One request: `path` includes the query, header names are lower case, `status` is 0 when none was sent.

    `at` is `time.monotonic()` at arrival; `connection` numbers the TCP connections.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    connection: int
    at: float
    status: int = 0


@dataclass
class File:
    """A file of a project, as the pages describe it; change fields to make the index lie."""

    filename: str
    data: bytes
    project: str
    sha256: str
    requires_python: str | None = None
    yanked: str | bool = False
    uploaded: str | None = None
    metadata: bytes | None = None
    metadata_hash: str | None = None
    size: int | None = None
    url: str | None = None

    @property
    def path(self) -> str:
        return f"/files/{self.project}/{quote(self.filename)}"


@dataclass
class Resource:
    """Anything else that is served."""

    body: bytes
    content_type: str
    headers: Mapping[str, str]


class Authority:
    """A certificate authority of its own, for TLS servers on loopback names and addresses."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self.pem = self._ca.cert_pem.bytes()

    def bundle(self, directory: str) -> str:
        """Write the CA certificate into a directory and return its path."""
        path = os.path.join(directory, "ca.pem")
        self._ca.cert_pem.write_to_path(path)
        return path

    def client_certificate(self, directory: str) -> str:
        """Write a certificate with its key, of a client, into a directory and return its path."""
        path = os.path.join(directory, "client.pem")
        self._ca.issue_cert("client@index.example").private_key_and_cert_chain_pem.write_to_path(path)
        return path

    def context(self, *names: str, clients: bool = False) -> ssl.SSLContext:
        """Return a server context for names and addresses; `clients` requires certificates of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names).configure_cert(context)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        return context


def normalize(name: str) -> str:
    """Return the normalized name of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(filename: str) -> tuple[str, str]:
    """Return name and version that a file name tells."""
    stem = filename
    for suffix in (".whl", ".tar.gz", ".zip"):
        stem = stem.removesuffix(suffix)
    if filename.endswith(".whl"):
        name, version = stem.split("-")[:2]
    else:
        name, _, version = stem.rpartition("-")
    return normalize(name), version


class IndexServer:
    """A loopback index; see the top of this file."""

    def __init__(
        self,
        *,
        authority: Authority | None = None,
        address: str = "127.0.0.1",
        client_certificates: bool = False,
    ) -> None:
        self.formats: tuple[str, ...] = ("json", "html")
        self.metadata = True
        self.metadata_hashes = True
        self.hashes = True
        self.sizes = True
        self.upload_times = True
        self.ranges = True
        self.etags = "strong"
        self.page_headers: dict[str, str] = {}
        self.file_headers: dict[str, str] = {}
        self.users: dict[str, str] = {}
        self.compress = False
        self.status: dict[str, str] = {}  # project -> PEP 792 status
        self.log: list[Seen] = []
        self.files: dict[str, list[File]] = {}
        self.busiest = 0  # the most requests that were under way at once
        self._resources: dict[str, Resource] = {}
        self._redirects: list[tuple[str, Redirect]] = []
        self._scripts: dict[str, deque[Step]] = {}
        self._change = threading.Lock()
        self._busy = 0
        self._closing = threading.Event()
        context = None
        if authority is not None:
            context = authority.context(address, "localhost", "index.example", clients=client_certificates)
        self._server = _Server((address, 0), self, context)
        self.host = f"{address}:{self._server.server_address[1]}"
        self.root = f"{'http' if context is None else 'https'}://{self.host}"
        self.url = f"{self.root}/simple/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and drop every connection."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.drop()
        self._thread.join()

    # ------------------------------------------------------------------ filling it

    def add(
        self,
        filename: str,
        data: bytes | str | os.PathLike[str],
        *,
        requires_python: str | None = None,
        yanked: str | bool = False,
        uploaded: str | None = "2024-01-01T00:00:00.000000Z",
        metadata: bytes | bool = True,
    ) -> File:
        """Offer a file (its bytes, or a path to read) and return what the pages will say about it.

        `metadata`: the text for PEP 658, True to take it from the wheel, False for none.
        """
        if not isinstance(data, bytes):
            with open(data, "rb") as file:
                data = file.read()
        project = project_of(filename)[0]
        text = _metadata_of(filename, data) if metadata is True else metadata or None
        offered = File(
            filename, data, project, hashlib.sha256(data).hexdigest(), requires_python, yanked, uploaded, text,
            hashlib.sha256(text).hexdigest() if text is not None else None, len(data),
        )  # fmt: skip
        with self._change:
            self.files.setdefault(project, []).append(offered)
        return offered

    def project(self, name: str) -> None:
        """Offer a project without any file."""
        with self._change:
            self.files.setdefault(normalize(name), [])

    def put(self, path: str, body: bytes, content_type: str = "application/octet-stream", **headers: str) -> str:
        """Serve a body at a path and return its URL; in header names `_` stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self._change:
            self._resources[path] = Resource(body, content_type, named)
        return self.root + path

    def script(self, path: str, *steps: Step) -> None:
        """Set what the next requests of a path (without query) meet."""
        with self._change:
            self._scripts[path] = deque(steps)

    def redirect(self, prefix: str, target: str, status: int = 302) -> None:
        """Redirect every path below `prefix`; the rest of the path is appended when `target` ends with `/`."""
        with self._change:
            self._redirects.append((prefix, Redirect(target, status)))

    def seen(self, path: str) -> list[Seen]:
        """Return the requests of one path (without query) so far."""
        return [seen for seen in list(self.log) if seen.path.partition("?")[0] == path]

    # ------------------------------------------------------------------ answering

    def _arrive(self, seen: Seen) -> Step:
        with self._change:
            self.log.append(seen)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            steps = self._scripts.get(seen.path.partition("?")[0])
            if not steps:
                return Honest()
            if isinstance(steps[0], Always):
                return steps[0].step
            return steps.popleft()

    def _leave(self) -> None:
        with self._change:
            self._busy -= 1

    def _find(self, path: str, accept: str) -> Resource | Redirect | None:
        with self._change:
            for prefix, redirect in self._redirects:
                if path.startswith(prefix):
                    rest = path[len(prefix) :].lstrip("/") if redirect.to.endswith("/") else ""
                    return Redirect(redirect.to + rest, redirect.status)
            if path in self._resources:
                return self._resources[path]
            if path == "/simple" or path.startswith("/simple/"):
                return self._page(path, accept)
            return self._file(path)

    def _page(self, path: str, accept: str) -> Resource | Redirect | None:
        name = unquote(path).removeprefix("/simple").strip("/")
        if not path.endswith("/") or name != normalize(name):
            return Redirect(f"/simple/{normalize(name)}/" if name else "/simple/", 301)
        if name and name not in self.files:
            return None
        as_json = "json" in self.formats and (JSON in accept or "html" not in self.formats)
        headers = {"vary": "Accept", **self.page_headers}
        if as_json:
            content = self._json_page(name) if name else self._json_root()
            return Resource(json.dumps(content).encode(), JSON, headers)
        text = self._html_page(name) if name else self._html_root()
        return Resource(text.encode(), HTML if HTML in accept else "text/html", headers)

    def _json_root(self) -> dict[str, object]:
        return {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in sorted(self.files)]}

    def _html_root(self) -> str:
        links = "".join(f'<a href="{name}/">{name}</a><br/>\n' for name in sorted(self.files))
        return f'<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"></head><body>{links}</body></html>'

    def _json_page(self, name: str) -> dict[str, object]:
        page: dict[str, object] = {
            "meta": {"api-version": "1.1"},
            "name": name,
            "versions": sorted({project_of(file.filename)[1] for file in self.files[name]}),
            "files": [self._json_file(file) for file in self.files[name]],
        }
        if name in self.status:
            page["project-status"] = {"status": self.status[name]}
        return page

    def _json_file(self, file: File) -> dict[str, object]:
        row: dict[str, object] = {
            "filename": file.filename,
            "url": file.url or f"../..{file.path}",
            "hashes": {"sha256": file.sha256} if self.hashes else {},
            "yanked": file.yanked,
        }
        if file.requires_python is not None:
            row["requires-python"] = file.requires_python
        if self.sizes and file.size is not None:
            row["size"] = file.size
        if self.upload_times and file.uploaded is not None:
            row["upload-time"] = file.uploaded
        if self.metadata and file.metadata is not None:
            row["core-metadata"] = {"sha256": file.metadata_hash} if self.metadata_hashes else True
        return row

    def _html_page(self, name: str) -> str:
        lines = []
        for file in self.files[name]:
            link = file.url or f"../..{file.path}"
            if self.hashes:
                link += f"#sha256={file.sha256}"
            extra = ""
            if file.requires_python is not None:
                extra += f' data-requires-python="{html.escape(file.requires_python)}"'
            if file.yanked is not False:
                extra += f' data-yanked="{html.escape("" if file.yanked is True else file.yanked)}"'
            if self.metadata and file.metadata is not None:
                said = f"sha256={file.metadata_hash}" if self.metadata_hashes else "true"
                extra += f' data-core-metadata="{said}" data-dist-info-metadata="{said}"'
            lines.append(f'<a href="{html.escape(link)}"{extra}>{html.escape(file.filename)}</a><br/>\n')
        head = '<meta name="pypi:repository-version" content="1.1">'
        return f"<!DOCTYPE html><html><head>{head}</head><body>\n{''.join(lines)}</body></html>\n"

    def _file(self, path: str) -> Resource | None:
        for files in self.files.values():
            for file in files:
                if path == file.path:
                    return Resource(file.data, "application/octet-stream", self.file_headers)
                if path == f"{file.path}.metadata" and self.metadata and file.metadata is not None:
                    return Resource(file.metadata, "application/octet-stream", self.file_headers)
        return None


def _metadata_of(filename: str, data: bytes) -> bytes | None:
    if not filename.endswith(".whl"):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if re.fullmatch(r"[^/]+\.dist-info/METADATA", name):
                return archive.read(name)
    return None


# ---------------------------------------------------------------------- the server


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], index: IndexServer, context: ssl.SSLContext | None) -> None:
        self.index = index
        self.context = context
        self.connections = 0
        self.open: set[socket.socket] = set()
        self.abrupt: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self.context is not None:
            # The handshake is left to the handler's thread, so that a slow client does not stop the others.
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections += 1
        self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        self.open.discard(request)
        if request in self.abrupt:  # an orderly FIN first would make it a truncated body instead of a reset one
            self.abrupt.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients that hang up are what many tests are about."""

    def drop(self) -> None:
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class _Gone(Exception):
    """End a connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        self.number = self.server.connections
        super().setup()

    def handle(self) -> None:
        try:
            super().handle()
        except (_Gone, OSError, ValueError):  # ValueError: a file that was closed under us
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            pass

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Print nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        index = self.server.index
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen = Seen(self.command, self.path, headers, self.number, time.monotonic())
        step = index._arrive(self.seen)
        try:
            self._answer(index, step)
        finally:
            index._leave()

    def _answer(self, index: IndexServer, step: Step) -> None:
        if isinstance(step, Hold):
            step.arrived.set()
            while not step.release.wait(0.02):
                if index._closing.is_set():
                    raise _Gone
        if isinstance(step, Silent):
            index._closing.wait()
            raise _Gone
        if isinstance(step, Reset) and step.after is None:
            self._reset()
        if isinstance(step, Status):
            self._send(step.status, dict(step.headers), step.body)
        elif isinstance(step, Redirect):
            self._send(step.status, {"location": step.to}, b"")
        elif isinstance(step, Garbage):
            self._send(200, {"content-type": step.content_type}, step.body)
        elif not self._allowed(index):
            self._send(401, {"www-authenticate": 'Basic realm="index"'}, b"who are you?")
        else:
            self._serve(index, step)

    def _allowed(self, index: IndexServer) -> bool:
        if not index.users:
            return True
        kind, _, encoded = self.seen.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return False
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        return index.users.get(user) == password

    def _serve(self, index: IndexServer, step: Step) -> None:
        found = index._find(self.path.partition("?")[0], self.seen.headers.get("accept", ""))
        if found is None:
            self._send(404, {}, b"not here")
            return
        if isinstance(found, Redirect):
            self._send(found.status, {"location": found.to}, b"")
            return
        body = found.body
        headers = {"content-type": found.content_type, **found.headers}
        page = found.content_type in (JSON, HTML, "text/html")
        if index.compress and page and "gzip" in self.seen.headers.get("accept-encoding", ""):
            body = gzip.compress(body, mtime=0)
            headers["content-encoding"] = "gzip"
        if index.etags:
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers["etag"] = f"W/{tag}" if index.etags == "weak" else tag
            if self._unchanged(headers["etag"]):
                self._send(304, headers, b"")
                return
        if isinstance(step, Corrupt):
            body = body[: step.at] + bytes((body[step.at] ^ 0xFF,)) + body[step.at + 1 :]
        ranges = index.ranges and not (isinstance(step, Honest) and step.without_ranges)
        if ranges:
            headers["accept-ranges"] = "bytes"
        status, headers, body = self._part(headers, body, step) if ranges else (200, headers, body)
        self._send(status, headers, body, step)

    def _unchanged(self, tag: str) -> bool:
        known = [part.strip().removeprefix("W/") for part in self.seen.headers.get("if-none-match", "").split(",")]
        return tag.removeprefix("W/") in known

    def _part(self, headers: dict[str, str], body: bytes, step: Step) -> tuple[int, dict[str, str], bytes]:
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.seen.headers.get("range", ""))
        condition = self.seen.headers.get("if-range")
        if match is None or match.group() == "bytes=-" or (condition is not None and condition != headers.get("etag")):
            return 200, headers, body
        first, last = match.groups()
        start = int(first) if first else max(0, len(body) - int(last))
        end = min(int(last), len(body) - 1) if first and last else len(body) - 1
        if start >= len(body) or end < start:
            return 416, {**headers, "content-range": f"bytes */{len(body)}"}, b""
        if isinstance(step, WrongRange):
            start += step.shift
        return 206, {**headers, "content-range": f"bytes {start}-{end}/{len(body)}"}, body[start : end + 1]

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, step: Step | None = None) -> None:
        self.seen.status = status
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Odd"
        lines = [f"HTTP/1.1 {status} {reason}", f"date: {email.utils.formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if status != 304:
            lines.append(f"content-length: {len(body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if self.command == "HEAD" or status == 304:
            body = b""
        if isinstance(step, Reset):
            assert step.after is not None
            self.wfile.write(head + body[: step.after])
            self._reset()
        elif isinstance(step, Truncate):
            self.wfile.write(head + body[: step.after])
            raise _Gone
        elif isinstance(step, Crawl):
            self._crawl(head, body, step)
        else:
            self.wfile.write(head + body)

    def _crawl(self, head: bytes, body: bytes, step: Crawl) -> None:
        self.wfile.write(head)
        for start in range(0, len(body), step.piece):
            self.wfile.write(body[start : start + step.piece])
            if self.server.index._closing.wait(step.pause):
                raise _Gone

    def _reset(self) -> None:
        """Close with RST: what was sent is out first, so that the client has surely seen it."""
        if self.seen.status:
            _drained(self.connection)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.abrupt.add(self.connection)
        raise _Gone


def _drained(connection: socket.socket) -> None:
    """Wait until the kernel has delivered what was written (Linux: SIOCOUTQ)."""
    import fcntl
    import termios

    for _ in range(500):
        if struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0] == 0:
            return
        time.sleep(0.002)
