"""Bodies that were compressed for the way.

They are unpacked by whoever takes them, not by the thread that transfers: that one has a hundred others to look after, and what
waits in memory is a tenth as large.

Laws of this file: pure; what unpacks to more than its limit is stopped there.
"""

try:  # three times as fast as zlib
    from isal import isal_zlib as inflating
except ImportError:
    import zlib as inflating  # type: ignore[no-redef, unused-ignore]

#: What is asked for.
ACCEPTED = "gzip"
#: What a body may be in memory if nobody says less: the largest index page known has 40 MB; this only stops what is no page.
IN_MEMORY = 256 * 1024 * 1024
_GZIP = frozenset(("gzip", "x-gzip"))
_WITH_HEADER = 31


class Unreadable(Exception):
    """A response body cannot be decompressed."""


class TooLarge(Exception):
    """A body unpacks to more than it may."""


def is_packed(encoding: str) -> bool:
    """Return whether a Content-Encoding changes anything."""
    return encoding.strip().lower() not in ("", "identity")


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """Return a body as it was before it was compressed; raise Unreadable, TooLarge."""
    if encoding.strip().lower() not in _GZIP:
        raise Unreadable(f"it is encoded as `{encoding}`, which nobody asked for")
    parts = []
    left = limit + 1
    while body:
        # a body may be several streams, one after the other
        stream = inflating.decompressobj(_WITH_HEADER)
        try:
            part = stream.decompress(body, left)
        except Exception as error:
            raise Unreadable(f"it is not gzip as it says ({error})") from error
        parts.append(part)
        left -= len(part)
        if left <= 0:
            raise TooLarge
        if not stream.eof:
            raise Unreadable("it ends in the middle")
        body = stream.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
