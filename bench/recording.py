"""Record what the works need of the configured index, once: pages, metadata and wheels, frozen at one date.

nginx serves what is here; what is not here yet it asks of this recorder, which asks the index, keeps the answer below `.bench/`
and passes it on. So the first run records and every later one finds everything; what was asked during a measured
run is counted, because such a run measures the network of the day.

Laws of this file: the index's address is found at run time, as Commonwheel finds it, and is written nowhere: pages are kept
with links into the recording, and where a file comes from stands in memory alone. Several runs share one recording: what lies
in it is put there whole, and is the same in every run.
"""

import gzip
import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urljoin

from commonwheel import process
from commonwheel.index import pip_config
from commonwheel.model import SafeUrl
from commonwheel.net.client import Client
from commonwheel.net.objects import wheel_metadata
from commonwheel.net.options import ClientOptions

#: The index as it was then: what was uploaded later is left out, so that every machine resolves the same.
FROZEN = "2026-11-01T00:00:00Z"
JSON = "application/vnd.pypi.simple.v1+json"


class _NoMemory:
    def get(self, _space: str, _key: str) -> None:
        return None

    def put(self, _space: str, _key: str, _data: bytes) -> bool:
        return False


def configured_index() -> SafeUrl:
    """Return the index that pip is configured with on this machine."""
    found = pip_config.configured(os.environ).index_url
    if found is not None:
        return found
    run = lambda argv, timeout: process.run(argv, timeout=timeout)  # noqa: E731
    return pip_config.built_in(_NoMemory(), run, (sys.executable,), os.environ)


class Upstream:
    """The configured index: pages as they are, and where each file lies."""

    def __init__(self) -> None:
        self._root = configured_index().secret.rstrip("/") + "/"
        # metadata that no index offers takes several ranges each; thousands are needed for one of the works
        self._client = Client(ClientOptions(retries=5, environ=os.environ))
        self._pages: dict[str, dict | None] = {}
        self._guard = threading.Lock()

    def page(self, project: str) -> dict | None:
        """Return the page of a project with absolute addresses, None if there is no such project."""
        with self._guard:
            if project in self._pages:
                return self._pages[project]
        url = f"{self._root}{project}/"
        response = self._client.get(SafeUrl(url), {"accept": JSON}).result().expect(200, 404)
        page = json.loads(response.body) if response.status == 200 else None
        for file in page["files"] if page else ():
            file["url"] = urljoin(response.url.secret if hasattr(response, "url") else url, file["url"])
        with self._guard:
            self._pages[project] = page
        return page

    def place(self, project: str, filename: str) -> str | None:
        """Return where a file lies."""
        page = self.page(project)
        return next((file["url"] for file in (page or {"files": ()})["files"] if file["filename"] == filename), None)

    def metadata(self, url: str) -> bytes | None:
        """Return the metadata of a wheel: what the index offers, else from the wheel itself."""
        offered = self._client.get(SafeUrl(url + ".metadata")).result()
        if offered.status == 200:
            return offered.body
        return wheel_metadata(self._client, SafeUrl(url))

    def body(self, url: str) -> bytes:
        """Return a file."""
        return self._client.get(SafeUrl(url), limit=1 << 30).result().expect(200).body

    def close(self) -> None:
        self._client.close()


class Recorder:
    """The recording below `root`, and a server on loopback that nginx asks for what is missing.

    `places` are the addresses of files, by the delay of the index whose pages name them: there is a page for each, below
    `pages`, for these addresses are one run's.
    """

    def __init__(self, root: str, places: dict[int, str], pages: str) -> None:
        self.root, self.places, self.pages = root, places, pages
        self.asked = 0
        self.upstream: Upstream | None = None
        self._starting = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        os.makedirs(f"{root}/simple", exist_ok=True)
        os.makedirs(f"{root}/files", exist_ok=True)
        self._readdress()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                recorder.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _readdress(self) -> None:
        """Write the pages for other addresses of the files than last time."""
        stamp = json.dumps(self.places)
        path = f"{self.pages}/places"
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                if stream.read() == stamp:
                    return
            os.unlink(path)
        for name in os.listdir(f"{self.root}/simple"):
            if name.endswith(".json"):
                self._page(name.removesuffix(".json"))
        _keep(path, stamp.encode())

    def _address(self, project: str, page: bytes) -> None:
        """Write a page as each delay has it, plain and compressed."""
        for delay, place in self.places.items():
            os.makedirs(f"{self.pages}/simple-{delay}", exist_ok=True)
            data = page.replace(b'"../../files/', f'"{place}/'.encode())
            _keep(f"{self.pages}/simple-{delay}/{project}.json.gz", gzip.compress(data, 6, mtime=0))
            _keep(f"{self.pages}/simple-{delay}/{project}.json", data)

    def close(self) -> None:
        self._server.shutdown()
        if self.upstream is not None:
            self.upstream.close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Record what was asked for, and pass it on."""
        path = unquote(handler.path.partition("?")[0])
        with self._locks.setdefault(path, threading.Lock()):
            try:
                data, kind = self._record(path)
                if data is not None and kind == JSON:
                    place = self.places[int(handler.headers.get("X-Delay", "0"))]
                    data = data.replace(b'"../../files/', f'"{place}/'.encode())
            except Exception as error:  # noqa: BLE001 - the requesting thread reports it
                print(f"  recorder: {path}: {error}", file=sys.stderr)
                handler.send_error(502, str(error))
                return
        status = 404 if data is None else 200
        body = data or b""
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def _record(self, path: str) -> tuple[bytes | None, str]:
        parts = [part for part in path.split("/") if part]
        if parts[:1] == ["simple"] and len(parts) == 2:
            return self._page(parts[1]), JSON
        if parts[:1] == ["files"] and len(parts) == 3:
            return self._file(parts[1], parts[2], self._upstream()), "application/octet-stream"
        return None, "text/plain"

    def _upstream(self) -> Upstream:
        with self._starting:
            self.asked += 1
            if self.upstream is None:
                self.upstream = Upstream()
            return self.upstream

    def _page(self, project: str) -> bytes | None:
        """Return a page as it is recorded, by this run or by one beside it; an empty one stands for no such project."""
        path = f"{self.root}/simple/{project}.json"
        if not os.path.exists(path):
            _keep(path, self._asked_page(project, self._upstream()))
        with open(path, "rb") as stream:
            data = stream.read()
        if data:
            self._address(project, data)
        return data or None

    def _asked_page(self, project: str, upstream: Upstream) -> bytes:
        page = upstream.page(project)
        if page is None:
            return b""
        files = []
        for file in page["files"]:
            if file.get("upload-time", "") >= FROZEN:
                continue
            kept = {key: value for key, value in file.items() if key != "provenance"}
            kept["url"] = f"../../files/{project}/{file['filename']}"
            if file["filename"].endswith(".whl"):
                kept["core-metadata"] = kept["data-dist-info-metadata"] = True
            files.append(kept)
        return json.dumps({**page, "files": files}, separators=(",", ":")).encode()

    def _file(self, project: str, name: str, upstream: Upstream) -> bytes | None:
        wheel = name.removesuffix(".metadata")
        url = upstream.place(project, wheel)
        if url is None:
            return None
        data = upstream.metadata(url) if wheel != name else upstream.body(url)
        if data is None:
            raise RuntimeError("no metadata was found")
        if wheel == name:
            page = upstream.page(project) or {"files": ()}
            told = next(file["hashes"].get("sha256") for file in page["files"] if file["filename"] == name)
            if told and hashlib.sha256(data).hexdigest() != told:
                raise RuntimeError("the index sent something else than its page says")
        os.makedirs(f"{self.root}/files/{project}", exist_ok=True)
        _keep(f"{self.root}/files/{project}/{name}", data)
        return data


def _keep(path: str, data: bytes) -> None:
    new = f"{path}.{os.getpid()}-{threading.get_ident()}.new"
    with open(new, "wb") as stream:
        stream.write(data)
    os.rename(new, path)
