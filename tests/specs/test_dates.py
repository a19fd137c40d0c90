"""Times, dates, ages and sizes as people write them."""

import time

import pytest

from commonwheel.specs.dates import InvalidMoment, moment, seconds, size

DAY = 86400.0
NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 days", 30 * DAY), ("30days", 30 * DAY), ("1 day", DAY), ("30d", 30 * DAY), ("2 weeks", 14 * DAY), ("2w", 14 * DAY), ("36 hours", 1.5 * DAY),
        ("1h30min", 5400.0), ("1 day, 12 hours", 1.5 * DAY), ("3 months", 90 * DAY), ("1 year", 365 * DAY), ("1.5 days", 1.5 * DAY), ("90s", 90.0),
        ("10 seconds ago", 10.0), ("5 Minutes", 300.0), ("P30D", 30 * DAY), ("P2W", 14 * DAY), ("PT12H", DAY / 2), ("P1DT12H", 1.5 * DAY), ("p1y", 365 * DAY),
        ("", None), ("P", None), ("PT", None), ("30", None), ("days", None), ("30 parsecs", None), ("2026-01-01", None), ("30 days x", None),
    ],
)  # fmt: skip
def test_ages(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14 22:13:20+00:00", NOW),
        (" 2023-11-14T22:13:20.500Z ", NOW + 0.5),
        ("1 day", NOW - DAY),
        ("P1D", NOW - DAY),
    ],
)
def test_times(text: str, expected: float) -> None:
    assert moment(text, NOW) == expected


def test_date_means_end_of_local_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """As uv has it: files of that day count."""
    for zone, ahead in (("UTC0", 0), ("XXX-5", 5), ("XXX5", -5)):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            assert moment("2023-11-14", NOW) == 1_700_006_400 - ahead * 3600
        finally:
            monkeypatch.undo()
            time.tzset()


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-1-1", "yesterday", "12:00"])
def test_invalid_time_error_shows_valid_forms(text: str) -> None:
    with pytest.raises(InvalidMoment) as caught:
        moment(text, NOW)
    assert f"`{text}`" in str(caught.value)
    assert "30 days" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000", 1000),
        ("10GB", 10 * 1000**3),
        ("512 MiB", 512 << 20),
        ("1.5k", 1500),
        ("2T", 2 * 1000**4),
        ("3 KiB", 3072),
        ("0", 0),
        ("7b", 7),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-1", "1 parsec", "GB"])
def test_invalid_sizes(text: str) -> None:
    with pytest.raises(InvalidMoment):
        size(text)
