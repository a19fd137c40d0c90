"""The local index: nginx on loopback with an index's real headers over a recording, and the same behind a round trip.

JSON pages (PEP 691) with ETag and max-age=600, metadata beside wheels (PEP 658), immutable files with ranges, HTTP/2 over TLS with
a certificate of our own authority, pages compressed beforehand. Behind a delay stands a process that holds every byte back for
half a round trip each way, and a whole one before the first of a connection.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import Self

from recording import Recorder

HERE = os.path.dirname(os.path.abspath(__file__))

#: Round trips in milliseconds that are served.
DELAYS = (0, 20)

CONFIGURATION = """\
daemon off;
master_process on;
worker_processes 2;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
{user}
events {{ worker_connections 2048; }}
http {{
    access_log {home}/access.log combined;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    http2_max_concurrent_streams 128;
    open_file_cache max=20000 inactive=600s;
    open_file_cache_errors off;
    ssl_certificate {home}/server.pem;
    ssl_certificate_key {home}/server.key;
    ssl_session_cache shared:tls:4m;
    default_type application/octet-stream;
    types {{ }}
{servers}
}}
"""

PAGES = """\
    server {{
        listen 127.0.0.1:{port} ssl http2;
        server_name localhost;
        root {pages};
        location ~ ^/simple/(?<project>[a-z0-9-]+)/$ {{
            default_type {json};
            add_header Cache-Control "max-age=600, public";
            add_header Vary "Accept, Accept-Encoding";
            add_header X-PyPI-Last-Serial "1";
            gzip_static on;
            try_files /simple-{delay}/$project.json @record;
        }}
        location @record {{
            proxy_pass http://127.0.0.1:{recorder};
            proxy_set_header X-Delay {delay};
            proxy_read_timeout 600s;
            proxy_max_temp_file_size 0;
        }}
    }}
"""

FILES = """\
    server {{
        listen 127.0.0.1:{port} ssl http2;
        server_name localhost;
        root {recording};
        location /files/ {{
            add_header Cache-Control "max-age=365000000, immutable, public";
            try_files $uri @record;
        }}
        location @record {{
            proxy_pass http://127.0.0.1:{recorder};
            proxy_read_timeout 600s;
            proxy_max_temp_file_size 0;
        }}
    }}
"""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def is_taken(port: int) -> bool:
    """Return whether a process listens on a port of loopback."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def ensure_nginx() -> str:
    """Return the nginx program; install Debian's where it is missing and this user may."""
    where = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = shutil.which("nginx", path=where)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False, env=environ)
        words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "nginx-light"]
        subprocess.run(words, check=True, env=environ, stdout=subprocess.DEVNULL)
        found = shutil.which("nginx", path=where)
    if found is None:
        raise SystemExit("bench: nginx is missing (Debian: nginx-light)")
    return found


class LocalIndex:
    """A context manager around nginx, the recorder and the processes that delay.

    Pages and files are two servers, as with a real index, and pages name files by absolute addresses. `home` is this run's own,
    the recording is everybody's.
    """

    def __init__(self, home: str, recording: str = "") -> None:
        self.home = home
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ports = self._known_ports()
        places = {delay: f"https://localhost:{self._ports[f'files {delay}']}/files" for delay in DELAYS}
        self.recorder = Recorder(recording or f"{home}/recording", places, home)
        self.authority = f"{home}/ca.pem"

    def __enter__(self) -> Self:
        self._certificates()
        for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
            os.makedirs(f"{self.home}/{name}", exist_ok=True)
        shared = {
            "recording": self.recorder.root,
            "pages": self.home,
            "recorder": self.recorder.port,
            "json": "application/vnd.pypi.simple.v1+json",
        }
        servers = [FILES.format(port=self._ports["files 0"], **shared)]
        servers += [PAGES.format(port=self._ports[f"pages {delay} inside"], delay=delay, **shared) for delay in DELAYS]
        text = CONFIGURATION.format(
            home=self.home, servers="".join(servers), user="user root;" if os.geteuid() == 0 else ""
        )
        with open(f"{self.home}/nginx.conf", "w", encoding="utf-8") as stream:
            stream.write(text)
        open(f"{self.home}/access.log", "wb").close()
        words = [ensure_nginx(), "-p", self.home, "-c", f"{self.home}/nginx.conf", "-e", f"{self.home}/error.log"]
        self._start(words, self._ports["files 0"])
        for delay in DELAYS:
            if delay:
                self._delay(f"pages {delay}", self._ports[f"pages {delay} inside"], delay)
                self._delay(f"files {delay}", self._ports["files 0"], delay)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()
        self.recorder.close()

    def url(self, delay: int = 0) -> str:
        """Return the index's address, behind a round trip of so many milliseconds."""
        return f"https://localhost:{self._ports[f'pages {delay}' if delay else 'pages 0 inside']}/simple/"

    def mark(self) -> int:
        """Return a place in the log of requests."""
        return os.path.getsize(f"{self.home}/access.log")

    def requests(self, since: int) -> dict[str, int]:
        """Count the requests since a mark, by kind."""
        counts = {"pages": 0, "metadata": 0, "files": 0, "bytes": 0}
        with open(f"{self.home}/access.log", "rb") as stream:
            stream.seek(since)
            for line in stream:
                words = line.split(b" ")
                path, sent = words[6], words[9]
                kind = "files"
                if path.startswith(b"/simple/"):
                    kind = "pages"
                elif path.endswith(b".metadata"):
                    kind = "metadata"
                counts[kind] += 1
                counts["bytes"] += int(sent) if sent.isdigit() else 0
        return counts

    def paths(self, since: int) -> list[str]:
        """Return the paths that were asked for since a mark and sent whole, each once."""
        with open(f"{self.home}/access.log", "rb") as stream:
            stream.seek(since)
            lines = [line.split(b" ") for line in stream]
        return list(dict.fromkeys(words[6].decode() for words in lines if words[8] in (b"200", b"206")))

    def base(self, path: str, delay: int) -> str:
        """Return what stands before a path in an address, behind a round trip of so many milliseconds."""
        if path.startswith("/files/"):
            return f"https://localhost:{self._ports[f'files {delay}']}"
        return self.url(delay).removesuffix("/simple/")

    def _delay(self, name: str, target: int, delay: int) -> None:
        port = self._ports[name]
        self._start([sys.executable, "-I", "-S", f"{HERE}/delay.py", str(port), str(target), str(delay)], port)

    def _known_ports(self) -> dict[str, int]:
        """Return the ports of the last time, which stand in the recorded pages; new ones if another process has taken one."""
        path = f"{self.home}/ports.json"
        names = ["files 0", *(f"pages {delay} inside" for delay in DELAYS)]
        names += [f"{kind} {delay}" for kind in ("pages", "files") for delay in DELAYS if delay]
        known: dict[str, int] = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                known = json.load(stream)
        if sorted(known) != sorted(names) or any(map(is_taken, known.values())):
            known = {}
            while len(set(known.values())) < len(names):
                known = {name: free_port() for name in names}
            with open(path, "w", encoding="utf-8") as stream:
                json.dump(known, stream)
        return known

    def _start(self, words: list[str], port: int) -> None:
        self._processes.append(subprocess.Popen(words, stdout=subprocess.DEVNULL))
        for _ in range(200):
            if is_taken(port):
                return
            time.sleep(0.05)
        raise SystemExit(f"bench: {words[0]} does not answer")

    def _certificates(self) -> None:
        if os.path.exists(f"{self.home}/server.pem"):
            return
        import trustme  # noqa: PLC0415 - costs 200 ms, needed once

        authority = trustme.CA()
        server = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(self.authority)
        server.private_key_pem.write_to_path(f"{self.home}/server.key")
        with open(f"{self.home}/server.pem", "wb") as stream:
            stream.writelines(blob.bytes() for blob in server.cert_chain_pems)
