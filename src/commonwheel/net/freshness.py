"""How long an answer may be used again without asking: RFC 9111 for one reader's cache.

Laws of this file: pure; headers have lower-case names, times are seconds since the epoch and are handed in.
"""

from commonwheel.model import Value
from commonwheel.net.retries import http_date
from commonwheel.specs.numbers import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

# Some indexes say nothing at all; ten minutes is what uv and the large indexes themselves use for a project's page.
DEFAULT = 600.0
_FOREVER = 2**31  # RFC 9111 §1.2.2: what a larger number of seconds means


class Freshness(Value):
    """What to remember of an answer beside its body.

    `until`: it may be used without asking; `despite`: it may be used when asking fails (stale-if-error);
    `etag` and `modified` are the validators as they were sent ("" for none).
    """

    __slots__ = ("despite", "etag", "modified", "until")

    def __init__(self, until: float, despite: float, etag: str = "", modified: str = "") -> None:
        self.until: Final = until
        self.despite: Final = despite
        self.etag: Final = etag
        self.modified: Final = modified

    @property
    def conditions(self) -> dict[str, str]:
        """Return the headers that ask whether the answer is still right; empty when it has no validator."""
        headers = {}
        if self.etag:
            headers["if-none-match"] = self.etag
        if self.modified:
            headers["if-modified-since"] = self.modified
        return headers

    def renewed(self, headers: "Mapping[str, str]", now: float, default: float = DEFAULT) -> "Freshness":
        """Return what a 304 with these headers makes of it: new times; validators stay unless it names others."""
        new = freshness(headers, now, default)
        return Freshness(new.until, new.despite, new.etag or self.etag, new.modified or self.modified)


def freshness(headers: "Mapping[str, str]", now: float, default: float = DEFAULT) -> Freshness:
    """Return what to remember of an answer that arrived at `now`; `default` counts when it says nothing."""
    until = now + lifetime(headers, now, default)
    return Freshness(
        until, until + _grace(directives(headers)), headers.get("etag", ""), headers.get("last-modified", "")
    )


def lifetime(headers: "Mapping[str, str]", now: float, default: float = DEFAULT) -> float:
    """Return for how many seconds from `now`, its arrival, an answer may be used without asking again; 0 for not at all.

    `no-store` and `no-cache` give 0, then max-age, Expires and `default` count, less the age that the answer had already.
    """
    said = directives(headers)
    if "no-store" in said or "no-cache" in said or headers.get("vary", "").strip() == "*":
        return 0.0
    if "max-age" in said:
        span: float = _seconds(said["max-age"])
    elif "expires" in headers:
        # "0" and other nonsense mean "already expired" (§5.3); two dates of one server need no clock of ours.
        expires = http_date(headers["expires"])
        sent = http_date(headers.get("date", ""))
        span = 0.0 if expires is None else expires - (now if sent is None else sent)
    else:
        return max(0.0, default - _seconds(headers.get("age", "0")))
    return max(0.0, min(span, _FOREVER) - _age(headers, now))


def storable(headers: "Mapping[str, str]") -> bool:
    """Return whether an answer may be kept at all."""
    return "no-store" not in directives(headers)


def shareable(headers: "Mapping[str, str]", *, authorized: bool) -> bool:
    """Return whether an answer may be kept where other users read it (RFC 9111 §3, §3.5).

    `authorized`: the request carried credentials, so that the answer may be for that user alone.
    """
    said = directives(headers)
    if "no-store" in said or "private" in said:
        return False
    return not authorized or "public" in said or "s-maxage" in said


def directives(headers: "Mapping[str, str]") -> dict[str, str]:
    """Return the directives of Cache-Control, names in lower case, values without quotes ("" for none).

    Of one that is repeated the first counts. `Pragma: no-cache` counts when there is no Cache-Control.
    """
    text = headers.get("cache-control")
    if text is None:
        return {"no-cache": ""} if "no-cache" in headers.get("pragma", "").lower() else {}
    said: dict[str, str] = {}
    for part in _parts(text):
        name, _, value = part.partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    return said


def _parts(text: str) -> list[str]:
    """Split at commas outside of quotes: `no-cache="a, b", max-age=1` has two parts."""
    if '"' not in text:
        return text.split(",")
    parts = [""]
    quoted = False
    for char in text:
        quoted ^= char == '"'
        if char == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _seconds(text: str) -> int:
    """Read delta-seconds; what is no number is 0, since stale is the safe side (§4.2.1)."""
    text = text.strip()
    number = whole(text)
    if number is None:  # what is larger than a number means the same as the largest (§1.2.2)
        return _FOREVER if text.isascii() and text.isdigit() else 0
    return min(number, _FOREVER)


def _age(headers: "Mapping[str, str]", now: float) -> float:
    """Return the age that an answer had when it arrived (§4.2.3), by the server's word or by its date."""
    sent = http_date(headers.get("date", ""))
    apparent = 0.0 if sent is None else max(0.0, now - sent)
    return max(apparent, float(_seconds(headers.get("age", "0"))))


def _grace(said: "Mapping[str, str]") -> float:
    """Return for how many seconds after its lifetime an answer may be used when asking fails (RFC 5861 §4)."""
    if any(name in said for name in ("must-revalidate", "no-cache", "no-store")):
        return 0.0
    return float(_seconds(said.get("stale-if-error", "0")))
