"""Which hosts are asked with a login, and that this agrees with what the network room really sends."""

from pathlib import Path

import pytest

from commonwheel.model import SafeUrl
from commonwheel.net.credentials import Credentials
from commonwheel.net.logins import host_of, hosts_with_login, in_variables, netrc_files


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://me:pw@H.example/simple", "h.example"),
        ("https://h.example:8443", "h.example"),
        ("https://h.example:?x", "h.example"),
        ("http://[::1]:80/x", "[::1]"),
        ("http://[::1]/x", "[::1]"),
        ("file:///opt/simple", ""),
    ],
)
def test_hosts(url: str, host: str) -> None:
    assert host_of(SafeUrl(url)) == host


def test_cw_variables_win_over_uv_variables() -> None:
    environ = {"CW_INDEX_A_B_USERNAME": "one", "UV_INDEX_A_B_USERNAME": "two", "UV_INDEX_A_B_PASSWORD": ""}
    assert in_variables("a.b", environ) == ("one", "")
    assert in_variables("ab", environ) == (None, None)


def test_named_netrc_file_is_the_only_one() -> None:
    assert netrc_files({"NETRC": "/a", "HOME": "/home/me"}) == ("/a",)
    assert netrc_files({"HOME": "/home/me"}) == ("/home/me/.netrc", "/home/me/_netrc")


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
@pytest.mark.parametrize("text", ["", "machine h login me password pw\n", "machine\n H\nlogin me\npassword pw", "default login me password pw"])  # fmt: skip
@pytest.mark.parametrize("url", ["https://h/x", "https://h:8443/x", "https://other/x", "https://me@h/x"])
def test_every_sent_login_is_listed(tmp_path: Path, name: str, text: str, url: str) -> None:
    (tmp_path / name).write_text(text)
    environ = {"HOME": str(tmp_path)}
    sent = Credentials(environ=environ, urls=[url]).find(url)
    expected = hosts_with_login([("", SafeUrl(url))], environ)
    assert sent is None or host_of(SafeUrl(url)) in expected
    assert expected or sent is None


def test_unreadable_netrc_protects_nothing(tmp_path: Path) -> None:
    assert not hosts_with_login([("", SafeUrl("https://h/x"))], {"NETRC": str(tmp_path)})
