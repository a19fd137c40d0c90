"""What comes back from the network: responses, their headers, and the errors of this room.

Laws of this file: pure; it never waits, opens or asks, and no message shows a password.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.model import SafeUrl, Value
from commonwheel.net.urls import shown
from commonwheel.specs.numbers import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# 408 and 425 ask for the same request again, 429 for patience; the rest are servers and gateways in trouble.
FLEETING = frozenset({408, 425, 429, 500, 502, 503, 504})


class NetworkError(CommonwheelError):
    """Something could not be fetched."""

    code = "network"
    exit_status = 2


class Offline(NetworkError):
    """Something is needed from the network, which `--offline` forbids."""

    code = "offline"
    exit_status = 1


class TooManyRedirects(NetworkError):
    """A server sends us in a circle, or too far; the context is the chain."""

    code = "too-many-redirects"


class BodyTooSlow(NetworkError):
    """A body crawled below the floor for too long."""

    code = "body-too-slow"


class BodyTooLarge(NetworkError):
    """A body which is kept in memory is larger than its limit."""

    code = "body-too-large"


class Refused(NetworkError):
    """A server answered, with a status that is of no use."""

    code = "http-status"


class Cancelled(NetworkError):
    """A request was given up by whoever made it, or by closing the client."""

    code = "cancelled"


class Response(Value):
    """What a server answered: status, headers (names in lower case, repeated ones joined by `, `), body, final URL.

    The body of a download is empty unless the status is no success. 304, 401, 403, 404 and the like are values.
    """

    __slots__ = ("body", "headers", "status", "url")

    def __init__(self, status: int, headers: "Mapping[str, str]", body: bytes, url: SafeUrl) -> None:
        self.status: Final = status
        self.headers: Final = headers
        self.body: Final = body
        self.url: Final = url

    def opened(self) -> "Response":
        """Return it with its body as it was before it was compressed for the way (`client.Client.get`, `packed`)."""
        return self

    def expect(self, *statuses: int) -> "Response":
        """Return this response if its status is one of `statuses` (200 when none is named), else raise Refused."""
        if self.status in (statuses or (200,)):
            return self
        raise refusal(self)


_REASONS = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
    416: "Range Not Satisfiable", 425: "Too Early", 429: "Too Many Requests", 451: "Unavailable For Legal Reasons",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


def status_text(status: int) -> str:
    """Return a status as people know it: `404 Not Found`."""
    reason = _REASONS.get(status)
    return f"{status} {reason}" if reason else str(status)


def status_hint(status: int, url: SafeUrl) -> str | None:
    """Return what to do about a status, if there is something."""
    host = shown(SafeUrl(url.bare)).partition("://")[2].partition("/")[0]
    if status == 401:  # noqa: PLR2004 - HTTP's own names
        return f"put credentials for `{host}` into the index URL, into a netrc file, or into the keyring"
    if status == 403:  # noqa: PLR2004
        return f"the credentials used for `{host}`, if any, do not give access; check the user, the token and its scope"
    if status == 407:  # noqa: PLR2004
        return "put the proxy's user and password into the proxy URL (`http://user:password@proxy:port`)"
    return None


def refusal(response: Response) -> Refused:
    """Return the error for a status that its caller cannot use, with the first line of a textual body."""
    context = []
    kind = response.headers.get("content-type", "")
    if response.body and kind.startswith(("text/plain", "application/json")):
        first = response.body[:300].decode("utf-8", "replace").strip().partition("\n")[0]
        context.append(f"the server says: {first}")
    return Refused(
        f"`{shown(response.url)}` answered {status_text(response.status)}",
        context=context,
        hint=status_hint(response.status, response.url),
    )


def parse_head(lines: "Sequence[bytes]") -> tuple[int, dict[str, str]]:
    """Return status and headers of the last head in `lines`, as curl hands them over, line by line.

    Interim (1xx) and proxy (CONNECT) heads come first, and trailers after the empty line: both are left out.
    Bytes outside ASCII are read as Latin-1.
    """
    start = len(lines) - 1
    while start >= 0 and not lines[start].startswith(b"HTTP/"):
        start -= 1
    if start < 0:
        return 0, {}
    words = lines[start].split(None, 2)
    status = (whole(words[1].decode("latin-1")) or 0) if len(words) > 1 else 0
    headers: dict[str, str] = {}
    last = ""
    for line in lines[start + 1 :]:
        text = line.decode("latin-1")
        stripped = text.strip()
        if not stripped:
            break
        if text[0] in " \t" and last:  # an obsolete folded line, RFC 9112 §5.2
            headers[last] = f"{headers[last]} {stripped}"
            continue
        name, colon, value = stripped.partition(":")
        if not colon:
            continue
        last = name.rstrip().lower()
        value = value.strip()
        headers[last] = f"{headers[last]}, {value}" if last in headers else value
    return status, headers


def content_range(headers: "Mapping[str, str]") -> tuple[int, int, int | None] | None:
    """Return first byte, last byte and total (None for `*`) of a `Content-Range`, or None if it says nothing usable."""
    unit, _, rest = headers.get("content-range", "").strip().partition(" ")
    span, slash, total = rest.partition("/")
    first, dash, last = span.strip().partition("-")
    begin, end = whole(first), whole(last)
    if unit.lower() != "bytes" or not (slash and dash) or begin is None or end is None or end < begin:
        return None
    total = total.strip()
    size = whole(total)
    return None if size is None and total != "*" else (begin, end, size)


def strong_validator(headers: "Mapping[str, str]") -> str:
    """Return what may stand in `If-Range`: a strong ETag, or a Last-Modified clearly older than the answer, or ""."""
    tag = headers.get("etag", "").strip()
    if tag:
        return tag if tag.startswith('"') else ""
    modified = headers.get("last-modified", "")
    # RFC 9110 §8.8.2.2 wants a minute between the two; other days or hours are all that text can tell safely.
    date = headers.get("date", "")
    return modified if modified and date and modified[:19] != date[:19] else ""
