"""Points in time as users write them for `--exclude-newer` and ages of cache entries.

Taken are RFC 3339 times, dates (the start of the following day, in local time, so that files of that day count, as in
uv), ages such as `30 days` or `2 weeks`, and ISO 8601 durations such as `P30D`. Cold: it imports `datetime` and `re`.
"""

import re
from datetime import UTC, datetime, timedelta

from commonwheel.errors import UsageError

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400,
    "w": 604800, "week": 604800, "month": 2592000, "y": 31536000, "year": 31536000,
}  # fmt: skip
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)(?:\s+ago)?[\s,]*", re.IGNORECASE)
_ISO = re.compile(
    r"P(?:(?P<year>\d+)Y)?(?:(?P<month>\d+)M)?(?:(?P<week>\d+)W)?(?:(?P<day>\d+)D)?"
    r"(?:T(?:(?P<hour>\d+)H)?(?:(?P<min>\d+)M)?(?:(?P<sec>\d+)S)?)?",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class InvalidMoment(UsageError):
    """A text is neither a time, nor a date, nor an age."""

    code = "invalid-time"


def seconds(text: str) -> float | None:
    """Return an age in seconds (`30 days`, `2w`, `P7D`), None when the text is no age."""
    stripped = text.strip()
    iso = _ISO.fullmatch(stripped)
    if iso and len(stripped) > 1 and any(iso.groupdict().values()):
        return float(sum(float(number) * _UNITS[unit] for unit, number in iso.groupdict().items() if number))
    total, at = 0.0, 0
    for match in _AGE.finditer(stripped):
        word = match[2].lower()
        unit = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
        if match.start() != at or unit is None:
            return None
        total += float(match[1]) * unit
        at = match.end()
    return total if at and at == len(stripped) else None


def span(text: str) -> str:
    """Return an age as an ISO 8601 duration (`3 weeks` is `P3W`), "" when the text is no age."""
    stripped = text.strip()
    if seconds(text) is None:
        return ""
    if _ISO.fullmatch(stripped):
        return stripped.upper()
    days, hours = "", ""
    for match in _AGE.finditer(stripped):
        word = match[2].lower()
        unit = _UNITS.get(word) or _UNITS[word.removesuffix("s")]
        letter = {31536000: "Y", 2592000: "M", 604800: "W", 86400: "D", 3600: "H", 60: "M", 1: "S"}[unit]
        if unit < _UNITS["day"]:
            hours += f"{match[1]}{letter}"
        else:
            days += f"{match[1]}{letter}"
    return f"P{days}{'T' if hours else ''}{hours}"


def utc(seconds: float) -> str:
    """Return a point in time as RFC 3339 text in UTC, the fraction without zeros at its end."""
    found = datetime.fromtimestamp(round(seconds, 6), UTC)
    fraction = f".{found.microsecond:06d}".rstrip("0") if found.microsecond else ""
    return f"{found:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def moment(text: str, now: float) -> float:
    """Return a point in time as seconds since the epoch; ages count back from `now`. Raises InvalidMoment."""
    age = seconds(text)
    if age is not None:
        return now - age
    try:
        if _DATE.fullmatch(text.strip()):
            return (datetime.fromisoformat(text.strip()).astimezone() + timedelta(days=1)).timestamp()
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.astimezone()).timestamp()
    except ValueError as error:
        raise InvalidMoment(
            f"`{text}` is not a time",
            hint="write a date (2026-01-31), a time (2026-01-31T12:00:00Z) or an age (30 days)",
        ) from error


def size(text: str) -> int:
    """Return a size in bytes (`10GB`, `512 MiB`, `1000`); decimal units are powers of 1000. Raises InvalidMoment."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip(), re.IGNORECASE)
    if match is None:
        raise InvalidMoment(f"`{text}` is not a size", hint="write 10GB, 512MiB or a number of bytes")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** " kmgt".index(match[2].lower() or " "))
