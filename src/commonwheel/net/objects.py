"""Remote files as if they were here: read through Range requests, as far as is needed.

Laws of this file: it only asks (through a client's `get`) and never keeps anything on disk. Whoever cannot be read this way
is remembered, and answered with None: then the whole file has to be fetched.
"""

import io
import re
import zipfile
import zlib

from commonwheel.net.responses import BodyTooLarge, NetworkError, content_range
from commonwheel.net.urls import origin, shown
from commonwheel.specs.numbers import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from commonwheel.concurrency.future import Future
    from commonwheel.model import SafeUrl
    from commonwheel.net.responses import Response

    class Getter(Protocol):
        """Fetch small bodies; remember which origins give no ranges. `client.Client` is one."""

        rangeless: set[tuple[str, str, int]]

        def get(self, url: SafeUrl, headers: Mapping[str, str] = ..., *, limit: int | None = None) -> Future[Response]:
            """Return an answer that is on its way."""


# Measured over many wheels: the end record, the central directory and METADATA of nearly all lie in their last 16 KiB.
TAIL = 16_384
_AHEAD = 4_096  # a miss fetches at least so much: zipfile reads headers in pieces of 30 bytes
_LARGEST_METADATA = 16 * 1024 * 1024
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


class NoRanges(NetworkError):
    """A file cannot be read in pieces: the server sends it whole, or it changed meanwhile."""

    code = "no-ranges"


class RemoteFile(io.RawIOBase):
    """A seekable, read-only file behind a URL.

    The first request asks for the last TAIL bytes, each later miss for what is missing. Raises NoRanges as soon as the
    server sends something else than what was asked for, or the ETag is not that of the first answer.
    """

    def __init__(self, client: "Getter", url: "SafeUrl", *, size: int | None = None) -> None:
        super().__init__()
        self._client = client
        self._url = url
        self._etag = ""
        self._position = 0
        self._spans: list[tuple[int, bytes]] = []  # ascending by their first byte
        self.requests = 0
        self.size = 0
        self._open(size)

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(22, "negative seek position")  # as of a file: zipfile relies on it
        self._position = base + offset
        return self._position

    def read(self, count: int | None = -1) -> bytes:
        """Return `count` bytes from the position on (all for -1), fewer only at the end."""
        end = self.size if count is None or count < 0 else min(self.size, self._position + count)
        if end <= self._position:
            return b""
        data = self._have(self._position, end)
        if data is None:
            self.fetch(self._position, min(self.size, max(end, self._position + _AHEAD)))
            data = self._have(self._position, end)
            assert data is not None
        self._position = end
        return data

    def readinto(self, buffer: object) -> int:
        """Fill a buffer: for `io.BufferedReader`."""
        view = memoryview(buffer)  # type: ignore[arg-type]  # io's type is private to typeshed
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def fetch(self, start: int, end: int) -> None:
        """Have the bytes from `start` to before `end` here; asks once, and only for what lies between the known parts."""
        for at, data in self._spans:
            if at <= start < at + len(data):
                start = min(at + len(data), end)
            if at < end <= at + len(data):
                end = max(at, start)
        if start < end:
            self._keep(start, self._ask(f"bytes={start}-{end - 1}", start, end))

    def _open(self, size: int | None) -> None:
        if size is not None and size > 0:
            start = max(0, size - TAIL)
            wanted = f"bytes={start}-{size - 1}"
        else:
            wanted = f"bytes=-{TAIL}"
        response = self._get(wanted, TAIL)
        if response.status == 416:  # noqa: PLR2004 - Range Not Satisfiable: some know no suffixes, but tell the size
            told = whole(response.headers.get("content-range", "").rpartition("/")[2])
            if size is not None or not told:
                raise self._useless("refuses ranges")
            self._open(told)
            return
        self._etag = response.headers.get("etag", "")
        if response.status == 200:  # noqa: PLR2004 - OK, not Partial Content: short enough to have arrived whole
            self.size = len(response.body)
            self._keep(0, response.body)
            return
        span = content_range(response.headers)
        if span is None or span[2] is None or span[1] + 1 != span[2] or span[1] + 1 - span[0] != len(response.body):
            raise self._useless("answers a range request with an unclear range")
        self.size = span[2]
        self._keep(span[0], response.body)

    def _ask(self, wanted: str, start: int, end: int) -> bytes:
        response = self._get(wanted, end - start)
        span = content_range(response.headers)
        if span is None or span[0] != start or span[1] + 1 != end or len(response.body) != end - start:
            raise self._useless("answers a range request with another range")
        if span[2] not in (None, self.size) or response.headers.get("etag", "") != self._etag:
            raise NoRanges(f"`{shown(self._url)}` changed while it was read")
        return response.body

    def _get(self, wanted: str, length: int) -> "Response":
        self.requests += 1
        try:
            # Ranges of a compressed form would be of no use.
            response = self._client.get(
                self._url, {"range": wanted, "accept-encoding": "identity"}, limit=length
            ).result()
        except BodyTooLarge as error:
            raise self._useless("sends the whole file when asked for a part") from error
        if response.status == 501:  # noqa: PLR2004 - Not Implemented
            raise self._useless("knows no ranges")
        return response.expect(200, 206, 416)

    def _useless(self, what: str) -> NoRanges:
        self._client.rangeless.add(origin(self._url.secret))
        return NoRanges(f"`{shown(self._url)}` {what}")

    def _have(self, start: int, end: int) -> bytes | None:
        """Return the bytes of a stretch if all of them are here."""
        pieces = []
        for at, data in self._spans:
            if at <= start < at + len(data):
                piece = data[start - at : end - at]
                pieces.append(piece)
                start += len(piece)
                if start == end:
                    return b"".join(pieces)
        return None

    def _keep(self, start: int, data: bytes) -> None:
        self._spans.append((start, data))
        self._spans.sort()


def wheel_metadata(client: "Getter", url: "SafeUrl", *, size: int | None = None) -> bytes | None:
    """Return the METADATA of a remote wheel without fetching the wheel, or None when that cannot be done.

    None also for archives that are no good: the whole wheel will tell what is wrong. Raises Refused when the server
    refuses the file as such (401, 403, 404), NetworkError when it cannot be reached. Blocks for one to three requests.
    """
    if origin(url.secret) in client.rangeless:
        return None
    try:
        with RemoteFile(client, url, size=size) as file, zipfile.ZipFile(file) as archive:
            return _metadata(file, archive)
    except (NoRanges, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, ValueError, EOFError):
        # RuntimeError: an encrypted member; the others are zipfile's ways to stumble over broken archives.
        return None


def _metadata(file: RemoteFile, archive: zipfile.ZipFile) -> bytes | None:
    members = [member for member in archive.infolist() if _METADATA.fullmatch(member.filename)]
    if len(members) != 1 or members[0].file_size > _LARGEST_METADATA:
        return None
    (member,) = members
    # Header, name, extra field (whose length in the local header is not known yet) and data, in one request.
    start = member.header_offset
    length = 30 + len(member.orig_filename.encode()) + len(member.extra) + 256 + member.compress_size
    file.fetch(start, min(file.size, start + length))
    return archive.read(member)
