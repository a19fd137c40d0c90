"""The HTTP/2 server, asked by `h2` itself."""

import socket
import ssl
from pathlib import Path

import h2.connection
import h2.events

from kit.http2_server import Http2Server
from kit.index_server import Authority


class Asker:
    """One connection that asks one thing after the other."""

    def __init__(self, server: Http2Server, bundle: str) -> None:
        context = ssl.create_default_context(cafile=bundle)
        context.set_alpn_protocols(["h2"])
        host, _, port = server.root.removeprefix("https://").partition(":")
        self.socket = context.wrap_socket(socket.create_connection((host, int(port)), timeout=10), server_hostname=host)
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.host = host

    def ask(self, path: str, **headers: str) -> tuple[str, bytes, bool]:
        """Return status, body and whether the stream was reset."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", "GET"), (":path", path), (":scheme", "https"), (":authority", self.host)]
        self.h2.send_headers(
            stream, [*pseudo, *((k.replace("_", "-"), v) for k, v in headers.items())], end_stream=True
        )
        status, body = "", b""
        while True:
            self.socket.sendall(self.h2.data_to_send())
            for event in self.h2.receive_data(self.socket.recv(65_536)):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers or ())[b":status"].decode()
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                    return status, body, isinstance(event, h2.events.StreamReset)


def test_answers_ranges_and_resets(tmp_path: Path) -> None:
    authority = Authority()
    with Http2Server(authority) as server:
        server.files["/x"] = bytes(range(256)) * 1000
        server.break_after["/x"] = [70_000]
        asker = Asker(server, authority.bundle(str(tmp_path)))
        assert asker.ask("/x") == ("200", server.files["/x"][:70_000], True)
        assert asker.ask("/x") == ("200", server.files["/x"], False)
        assert asker.ask("/x", range="bytes=255999-") == ("206", b"\xff", False)
        assert asker.ask("/x", range="bytes=0-1", if_range='"other"')[0] == "200"
        assert asker.ask("/none") == ("404", b"", False)
        assert [asked.path for asked in server.log] == ["/x"] * 4 + ["/none"]
        assert (server.connections, server.most) == (1, 1)
        asker.socket.close()
