from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.specs import urls

BASES = [
    "https://h.example/simple/x/",
    "https://h.example/simple/x",
    "https://u:p@h.example:8/a/b/c.html?q=/x#f",
    "http://h.example",
    "file:///srv/x/",
]
SEGMENTS = st.lists(st.sampled_from(["..", ".", "a", "b.whl", "", "x:y", "é%20"]), max_size=6).map("/".join)


@settings(max_examples=300)
@given(st.sampled_from(BASES), SEGMENTS, st.sampled_from(["", "#f", "?q=1", "?q=../x#f"]))
def test_join_matches_urllib(base: str, path: str, tail: str) -> None:
    reference = path + tail
    if (
        not reference  # urllib keeps the fragment of the base, which RFC 3986 drops
        or reference.startswith("//")
        or "//" in path
        or base.count("/") == 2
        or base.startswith("file:///")
        or ":" in path.partition("/")[0]
    ):
        return  # hosts have their own test; of empty segments urllib has its own idea
    assert urls.join(base, reference) == urljoin(base, reference)


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        ("https://h.example/a/b", "//other.example/x", "https://other.example/x"),
        ("https://h.example", "x.whl", "https://h.example/x.whl"),
        ("https://h.example/a/", "../../../x", "https://h.example/x"),
        ("https://h.example/a/", "https://z.example/y", "https://z.example/y"),
        ("https://h.example/a#f", "", "https://h.example/a"),
        ("https://h.example/a#f", "#g", "https://h.example/a#g"),
        ("https://h.example?x", "?y", "https://h.example/?y"),
        ("file:///srv/links/index.html", "x.whl", "file:///srv/links/x.whl"),
        ("file:///srv/links/index.html", "/x.whl", "file:///x.whl"),
        ("https://h.example/a//b/c", "../x", "https://h.example/a//x"),
    ],
)
def test_join_cases(base: str, reference: str, expected: str) -> None:
    assert urls.join(base, reference) == expected


@pytest.mark.parametrize(
    "url", ["https://h.example/a/x%2By.whl?z=/q#sha256=1", "https://h.example/", "https://h.example", "a/b", "x"]
)
def test_file_name_of_url(url: str) -> None:
    if "://h.example" in url and urlsplit(url).path == "":
        return
    assert unquote(urls.filename(url)) == unquote(urlsplit(url).path.rpartition("/")[2])


def test_absolute_urls() -> None:
    assert urls.is_absolute("https://x")
    assert urls.is_absolute("git+ssh:x")
    for text in ("", ":", "x", "/x:y", "1a:", "é:", "./a:b"):
        assert not urls.is_absolute(text)


@pytest.mark.parametrize(
    ("url", "unprotected"),
    [
        ("https://h/x", False),
        ("http://h/x", True),
        ("HTTP://H", True),
        ("http://localhost/x", False),
        ("http://me:pw@LocalHost:8000/x", False),
        ("http://mirror.localhost", False),
        ("http://127.0.0.1:3141/simple", False),
        ("http://127.9.9.9", False),
        ("http://[::1]:80/x", False),
        ("http://[::1]", False),
        ("http://127.0.0.1.evil.example/x", True),
        ("http://localhost@evil.example/x", True),
        ("http://localhost.evil.example/x", True),
        ("http://127.evil/x", True),
        ("http://0.0.0.0:80/x", True),
        ("http://[fe80::1]:80/x", True),
        ("file:///x", False),
    ],
)
def test_plain_http_to_another_machine_is_unprotected(url: str, unprotected: bool) -> None:
    assert urls.is_unprotected(url) is unprotected
