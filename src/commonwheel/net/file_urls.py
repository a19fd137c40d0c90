"""Answer `file:` URLs as if a server did."""

import os
from urllib.parse import quote

from commonwheel.concurrency.future import Future
from commonwheel.model import SafeUrl
from commonwheel.net.responses import BodyTooLarge, NetworkError, Response
from commonwheel.net.transfers import Download
from commonwheel.net.urls import file_path, shown

TYPE_CHECKING = False


class FileDownload(Download):
    """A download of a `file:` URL: read by whoever waits for it."""

    __slots__ = ()

    def _pump(self) -> "Response | NetworkError":
        write = self.write
        assert write is not None
        try:
            with open(file_path(self.asked.secret), "rb") as file:
                while piece := file.read(_PIECE):
                    write(piece)
        except (FileNotFoundError, NotADirectoryError):
            return Response(404, {}, b"", self.asked)
        except IsADirectoryError as error:
            return _unreadable(self.asked, error)
        return Response(200, {}, b"", self.asked)


def local(url: SafeUrl, limit: int) -> "Future[Response]":
    """Answer for a `file:` URL as a server would; a directory answers with its index.html or a page of links."""
    path = file_path(url.secret)
    if not path:
        return Future.failed(NetworkError(f"`{shown(url)}` names a file on another machine"))
    try:
        if os.path.isdir(path):
            return Future.of(Response(200, {"content-type": "text/html"}, _page(path), url))
        with open(path, "rb") as file:
            body = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Future.of(Response(404, {}, b"", url))
    except OSError as error:
        return Future.failed(_unreadable(url, error))
    if len(body) > limit:
        return Future.failed(BodyTooLarge(f"`{shown(url)}` has more than {limit:,} bytes"))
    kind = _KINDS.get(os.path.splitext(path)[1].lower(), "application/octet-stream")
    return Future.of(Response(200, {"content-length": str(len(body)), "content-type": kind}, body, url))


def _page(path: str) -> bytes:
    """Return a directory as a page of links."""
    try:
        with open(os.path.join(path, "index.html"), "rb") as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError):
        pass
    with os.scandir(path) as entries:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in entries)
    links = "".join(
        f'<a href="{quote(name)}">{name.replace("&", "&amp;").replace("<", "&lt;")}</a><br>\n' for name in names
    )
    return f"<!DOCTYPE html><html><body>\n{links}</body></html>\n".encode("utf-8", "surrogateescape")


def _unreadable(url: SafeUrl, error: OSError) -> NetworkError:
    failure = NetworkError(f"could not read `{shown(url)}`: {error.strerror}")
    failure.__cause__ = error
    return failure


_PIECE = 262_144
_KINDS = {".html": "text/html", ".htm": "text/html", ".json": "application/json"}
