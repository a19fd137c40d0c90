"""URLs taken apart."""

import pytest

from commonwheel.model import SafeUrl
from commonwheel.net.urls import Proxies, file_path, host_listed, origin, redirected, shown, split, take_login, wire


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://Host/a/b?c#d", ("https", "Host", "/a/b?c#d")),
        ("HTTP://u:p@h:1?q", ("http", "u:p@h:1", "?q")),
        ("https://h", ("https", "h", "")),
        ("no-url", ("", "", "no-url")),
    ],
)
def test_split(url: str, parts: tuple[str, str, str]) -> None:
    assert split(url) == parts


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Host.Example/x", ("https", "host.example", 443)),
        ("http://u:p@h:8080/x", ("http", "h", 8080)),
        ("http://[::1]:99/", ("http", "[::1]", 99)),
        ("http://[::1]/", ("http", "[::1]", 80)),
        ("https://h:/", ("https", "h", 443)),
    ],
)
def test_origin(url: str, place: tuple[str, str, int]) -> None:
    assert origin(url) == place


@pytest.mark.parametrize(
    ("url", "bare", "user", "password"),
    [
        ("https://h/x", "https://h/x", None, None),
        ("https://token@h/x", "https://h/x", "token", None),
        ("https://a%40b:c%3Ad@h:1/x@y", "https://h:1/x@y", "a@b", "c:d"),
        ("https://a:@h", "https://h", "a", ""),
        ("https://a:b@c@h/", "https://h/", "a", "b@c"),
    ],
)
def test_take_login(url: str, bare: str, user: str | None, password: str | None) -> None:
    assert take_login(url) == (bare, user, password)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://h/a%20b?x=1+2#frag", "https://h/a%20b?x=1+2"),
        ("https://h/a b/ä", "https://h/a%20b/%C3%A4"),
        ("https://h/{x}?<y>", "https://h/%7Bx%7D?%3Cy%3E"),
    ],
)
def test_wire(url: str, sent: str) -> None:
    assert wire(url) == sent


def test_shown_hides_passwords_and_queries() -> None:
    assert shown(SafeUrl("https://a:pw@h/x?sig=secret#f")) == "https://a:****@h/x?..."
    assert shown(SafeUrl("https://h/x")) == "https://h/x"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://h/b"),
        ("c d", "https://h/a/c%20d"),
        ("//other/x", "https://other/x"),
        ("http://other/x", "http://other/x"),
        ("/\xc3\xa4", "https://h/%C3%A4"),
    ],
)
def test_redirected(location: str, target: str) -> None:
    assert redirected("https://h/a/b", location) == target


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b%20c#x", "/a/b c"),
        ("file:/a", "/a"),
        ("file://localhost/a", "/a"),
        ("file://server/a", ""),
    ],
)
def test_file_path(url: str, path: str) -> None:
    assert file_path(url) == path


def test_host_listed() -> None:
    hosts = ("a.example", "b.example:8443", "https://c.example/")
    assert host_listed("https://A.example:1/x", hosts)
    assert host_listed("https://b.example:8443/x", hosts)
    assert not host_listed("https://b.example/x", hosts)
    assert host_listed("https://c.example/simple", hosts)
    assert not host_listed("https://x.a.example/", hosts)
    assert not host_listed("https://a.example/", ())


def test_proxies_from_the_environment() -> None:
    proxies = Proxies({"HTTP_PROXY": "http://one", "http_proxy": "http://two", "ALL_PROXY": "socks5h://three"})
    assert proxies.of("http://h/") == "http://two"
    assert proxies.of("https://h/") == "socks5h://three"
    assert Proxies({}).of("https://h/") == ""
    cgi = Proxies({"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://attacker", "NO_PROXY": " a, b "})
    assert cgi.of("http://h/") == ""
    assert cgi.no_proxy == "a, b"


def test_shown_proxy_has_no_password() -> None:
    proxies = Proxies({"https_proxy": "ann:pw@proxy:3128", "no_proxy": "inner.example, .lab.example,10.0.0.0/8"})
    assert proxies.of("https://h/") == "http://ann:pw@proxy:3128"
    assert proxies.route("https://h/") == "http://proxy:3128"
    assert proxies.route("http://h/") == ""
    assert proxies.route("https://inner.example/") == ""
    assert proxies.route("https://a.lab.example/") == ""
    assert Proxies({"ALL_PROXY": "http://p", "NO_PROXY": "*"}).route("https://h/") == ""
