"""When to ask again: the arithmetic of waiting.

Laws of this file: pure; the clock and the dice are handed in.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 30.0  # seconds: no exponential back-off waits longer than this


def backoff(attempt: int, base: float, dice: float) -> float:
    """Return the seconds before attempt number `attempt` (1 is the first repetition).

    Doubles from `base`, at most LONGEST, times something between a half and one: `dice` is in [0, 1). Many
    processes that failed together do not return together.
    """
    return float(min(base * 2 ** (attempt - 1), LONGEST)) * (0.5 + dice / 2)


def retry_after(headers: "Mapping[str, str]", now: float) -> float | None:
    """Return the seconds that `Retry-After` demands at time `now` (seconds since the epoch), or None.

    Both forms of RFC 9110 §10.2.3: seconds, and a date (held against the server's own `Date` when it sends one,
    so that a wrong clock here does not matter).
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    when = http_date(text)
    if when is None:
        return None
    sent = http_date(headers.get("date", ""))
    return max(0.0, when - (now if sent is None else sent))


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FEBRUARY = 2


def http_date(text: str) -> float | None:
    """Return seconds since the epoch of an HTTP date in any of the three forms of RFC 9110 §5.6.7, or None."""
    words = text.replace(",", " ").replace("-", " ").split()
    try:
        if len(words) == 5:  # noqa: PLR2004 - asctime: Sun Nov  6 08:49:37 1994
            _, month, day, clock, year = words
        else:  # Sun, 06 Nov 1994 08:49:37 GMT / Sunday, 06-Nov-94 08:49:37 GMT
            _, day, month, year, clock = words[:5]
        hours, minutes, seconds = (int(part) for part in clock.split(":"))
        years = int(year)
        if years < 100:  # noqa: PLR2004 - two digits of RFC 850, read as POSIX reads them
            years += 1900 if years >= 70 else 2000  # noqa: PLR2004
        days = _days(years, _MONTHS.index(month[:3].lower()) + 1, int(day))
    except ValueError:
        return None
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 on, in the proleptic Gregorian calendar (Hinnant's days_from_civil)."""
    year -= month <= _FEBRUARY  # years begin in March, so that the leap day comes last
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > _FEBRUARY else 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468
