"""The proxy, used by `http.client`."""

import base64
import http.client
import ssl
from pathlib import Path

import pytest

from kit.index_server import Authority, IndexServer
from kit.proxy_server import ProxyServer


def test_absolute_request_is_forwarded() -> None:
    with IndexServer() as index, ProxyServer() as proxy:
        index.put("/x", b"via")
        connection = http.client.HTTPConnection(proxy.host, timeout=10)
        connection.request("GET", f"http://{index.host}/x?q", headers={"x-a": "b", "proxy-x": "c"})
        assert connection.getresponse().read() == b"via"
        connection.close()
        assert proxy.log == [f"GET http://{index.host}/x?q"]
        (seen,) = index.log
        assert (seen.path, seen.headers["x-a"], "proxy-x" in seen.headers) == ("/x?q", "b", False)


def test_tunnel(tmp_path: Path) -> None:
    authority = Authority()
    with IndexServer(authority=authority) as index, ProxyServer(users={"ann": "pw"}) as proxy:
        index.put("/x", b"through")
        context = ssl.create_default_context(cafile=authority.bundle(str(tmp_path)))
        host, _, port = index.host.partition(":")
        for password in ("no", "pw"):
            connection = http.client.HTTPSConnection(proxy.host, timeout=10, context=context)
            login = base64.b64encode(f"ann:{password}".encode()).decode()
            connection.set_tunnel(host, int(port), {"proxy-authorization": f"Basic {login}"})
            if password == "no":
                with pytest.raises(OSError, match="407"):
                    connection.request("GET", "/x")
            else:
                connection.request("GET", "/x")
                assert connection.getresponse().read() == b"through"
            connection.close()
        assert proxy.log == [f"CONNECT {index.host}"] * 2
