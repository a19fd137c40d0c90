import pytest

from commonwheel.net.freshness import lifetime
from commonwheel.net.responses import content_range, parse_head
from commonwheel.net.retries import retry_after
from commonwheel.net.urls import origin
from commonwheel.specs.numbers import whole


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("9" * 5_000, None), ("²", None), ("٣", None), ("", None), ("-1", None), (" 1", None), ("1_0", None)],
)  # fmt: skip
def test_a_number_has_few_ascii_digits(text: str, number: int | None) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("odd", ["9" * 5_000, "²"])
def test_a_server_cannot_stop_a_transfer_by_a_number_that_is_none(odd: str) -> None:
    assert parse_head([f"HTTP/1.1 {odd} OK\r\n".encode("latin-1")])[0] == 0
    assert content_range({"content-range": f"bytes 0-{odd}/{odd}"}) is None
    assert retry_after({"retry-after": odd}, 0.0) in (None, float("inf"))
    assert lifetime({"cache-control": f"max-age={odd}"}, 0.0) in (0.0, 2.0**31)
    assert origin(f"https://h:{odd}/x")[0] == "https"
