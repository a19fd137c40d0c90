from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.specs import file_url

SEGMENTS = st.text(
    alphabet=st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=8
)


@given(st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)))
def test_path_round_trip(path: str) -> None:
    url = file_url.from_path(path)
    assert file_url.to_path(url) == path
    assert unquote(url) == unquote("file://" + quote(path))
    assert url.isascii()
    assert not set(url) & set(' #?%[]<>"') - {"%"}


@given(st.text(alphabet="a%2fFé4 ", max_size=12))
def test_unquote_matches_urllib(text: str) -> None:
    assert file_url.unquote(text) == unquote(text, errors="surrogateescape")


def test_non_utf8_bytes_round_trip() -> None:
    assert file_url.to_path("file:///a%FFb") == "/a\udcffb"
    assert file_url.from_path("/a\udcffb") == "file:///a%FFb"


def test_url_forms() -> None:
    assert file_url.to_path("file:///a/b%20c#egg=x") == "/a/b c"
    assert file_url.to_path("FILE://localhost/a") == "/a"
    assert file_url.to_path("file:/a") == "/a"
    assert file_url.to_path("file:./a") == "./a"
    assert file_url.from_path("/tmp/a b") == Path("/tmp/a b").as_uri()


@pytest.mark.parametrize("url", ["https://x/a", "file://host/a", "file://host", "/a", ""])
def test_remote_hosts_have_no_path(url: str) -> None:
    assert file_url.to_path(url) is None
