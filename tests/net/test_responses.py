"""Heads, ranges, validators and refusals."""

import pytest

from commonwheel.model import SafeUrl
from commonwheel.net.responses import Refused, Response, content_range, parse_head, strong_validator


def lines(text: str) -> list[bytes]:
    return [f"{line}\r\n".encode("latin-1") for line in text.split("\n")]


def test_last_head_counts_without_trailers() -> None:
    head = lines(
        "HTTP/1.1 200 Connection established\nx-proxy: 1\n\nHTTP/1.1 103 Early Hints\nlink: x\n\n"
        "HTTP/1.1 404 Not Found\nX-A: one\nx-a:two\nbroken\nfolded: a\n  b\n\nx-trailer: no"
    )
    assert parse_head(head) == (404, {"x-a": "one, two", "folded": "a b"})


def test_http2_and_missing_heads() -> None:
    assert parse_head(lines("HTTP/2 200\netag: \xe4\n")) == (200, {"etag": "\xe4"})
    assert parse_head([]) == (0, {})
    assert parse_head(lines("HTTP/1.1 odd\n")) == (0, {})


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes 2-4/10", (2, 4, 10)),
        ("Bytes 2-4/*", (2, 4, None)),
        ("bytes */10", None),
        ("bytes 4-2/10", None),
        ("bytes 2-4", None),
        ("bytes 2-4/ten", None),
        ("items 2-4/10", None),
        ("", None),
    ],
)
def test_content_range(text: str, span: tuple[int, int, int | None] | None) -> None:
    assert content_range({"content-range": text}) == span


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"x"', "last-modified": "y"}, '"x"'),
        ({"etag": 'W/"x"', "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, ""),
        ({"last-modified": "Sun, 06 Nov 1994 08:49:37 GMT", "date": "Mon, 07 Nov 1994 08:49:37 GMT"},
         "Sun, 06 Nov 1994 08:49:37 GMT"),
        ({"last-modified": "Sun, 06 Nov 1994 08:49:37 GMT", "date": "Sun, 06 Nov 1994 08:49:38 GMT"}, ""),
        ({"last-modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_strong_validator(headers: dict[str, str], validator: str) -> None:
    assert strong_validator(headers) == validator


def test_expect_returns_or_refuses() -> None:
    fine = Response(200, {}, b"", SafeUrl("https://h/x"))
    assert fine.expect() is fine
    assert Response(404, {}, b"", SafeUrl("https://h/x")).expect(200, 404).status == 404
    answer = Response(
        403, {"content-type": "text/plain; charset=utf-8"}, b"no seat\nfor you", SafeUrl("https://u:p@h/x")
    )
    with pytest.raises(Refused) as caught:
        answer.expect()
    assert caught.value.message == "`https://u:****@h/x` answered 403 Forbidden"
    assert caught.value.context == ("the server says: no seat",)
    assert caught.value.hint is not None
    assert "`h`" in caught.value.hint
