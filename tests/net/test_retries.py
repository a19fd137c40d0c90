"""When to ask again."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.net.retries import LONGEST, backoff, http_date, retry_after

NOON = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110


def test_backoff_doubles_with_jitter_up_to_a_maximum() -> None:
    assert [backoff(attempt, 0.5, 0.0) for attempt in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 2.0]
    assert backoff(1, 0.5, 0.999) < 0.5
    assert backoff(100, 0.5, 0.5) <= LONGEST


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_three_date_forms(text: str) -> None:
    assert http_date(text) == NOON


@pytest.mark.parametrize("text", ["", "0", "soon", "Sun, 06 Nov", "Sun, 06 Foo 1994 08:49:37 GMT", "a b c d e"])
def test_invalid_dates(text: str) -> None:
    assert http_date(text) is None


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - made UTC below
def test_dates_of_the_standard_library(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert http_date(format_datetime(moment, usegmt=True)) == moment.timestamp()


def test_retry_after_in_both_forms() -> None:
    assert retry_after({}, NOON) is None
    assert retry_after({"retry-after": "7"}, NOON) == 7.0
    assert retry_after({"retry-after": "whenever"}, NOON) is None
    later = {"retry-after": "Sun, 06 Nov 1994 08:50:37 GMT"}
    assert retry_after(later, NOON) == 60.0
    assert retry_after(later, NOON + 100) == 0.0
    # A clock of ours that is wrong by hours does not matter when the server tells its own.
    assert retry_after({**later, "date": "Sun, 06 Nov 1994 08:49:37 GMT"}, NOON + 9999) == 60.0
