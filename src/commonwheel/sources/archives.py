"""Archives that come to be built or to be kept: downloaded or copied into scratch space, and held against their hashes.

A URL that comes without a hash is asked for again when its server's word is over (RFC 9111), as an index page is: what lies
behind it may change, `.../main.zip` does. What has a hash is fetched when it is needed, and must have it.
"""

import hashlib
import os
import time
from threading import Lock

from commonwheel.errors import CommonwheelError
from commonwheel.fs import files, trees
from commonwheel.model import Digest, PathSource, UrlSource, Value
from commonwheel.net import freshness
from commonwheel.sources import built_wheels
from commonwheel.sources.build_turns import Once
from commonwheel.specs import file_url, urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from commonwheel.fs.files import NewFile
    from commonwheel.model import Candidate, SafeUrl
    from commonwheel.net.client import Client
    from commonwheel.net.responses import Response
    from commonwheel.net.transfers import Download
    from commonwheel.sources.built_wheels import Recall
    from commonwheel.store.store import Store

_PART = 1 << 20
_OK = 200
_NOT_MODIFIED = 304


class SourceMismatch(CommonwheelError):
    """A source is another project, or has another hash, than was asked for."""

    code = "source-mismatch"


class NoSuchSource(CommonwheelError):
    """Nothing usable is at a path or URL."""

    code = "no-such-source"
    exit_status = 1


class UnprotectedLink(CommonwheelError):
    """A page of https links to a file over plain http, without a hash."""

    code = "unprotected-link"


class Fetched(Value):
    """A file that was fetched: its path, its sha256, and the answer that brought it (None for a local file)."""

    __slots__ = ("digest", "path", "response")

    def __init__(self, path: str, digest: str, response: "Response | None") -> None:
        self.path: Final = path
        self.digest: Final = digest
        self.response: Final = response


class Archives:
    """Fetch and copy for one session; safe to use from several threads. `scratch` gives private space."""

    def __init__(
        self, store: "Store", known: "Recall", client: "Callable[[], Client]", scratch: "Callable[[], str]"
    ) -> None:
        self._store = store
        self._known = known
        self._client = client
        self._scratch = scratch
        self._once = Once()
        self._lock = Lock()
        self._running: set[Download] = set()
        self._arrived: dict[SafeUrl, Fetched] = {}
        self._halted = False

    def halt(self) -> None:
        """Give up what is being downloaded."""
        self._halted = True
        with self._lock:
            running = list(self._running)
        for download in running:
            download.cancel()

    def archive(self, source: "UrlSource | PathSource") -> Fetched:
        """Return a copy of the archive of a direct source in scratch space, after its hashes were checked."""
        return self._direct(source) if isinstance(source, UrlSource) else self._local(source)

    def check_link(self, candidate: "Candidate", digests: "tuple[Digest, ...]") -> None:
        """Raise UnprotectedLink for a file without a hash that a page of https links to over plain http.

        Anybody on the way could replace it, though the index was asked so that nobody can.
        """
        url = candidate.url
        if digests or not urls.is_unprotected(url.bare) or not candidate.index.startswith("https:"):
            return
        if not self._client().tolerates(url):
            host = urls.split_root(url.bare)[0].partition("://")[2]
            raise UnprotectedLink(
                f"`{candidate.index}` links to `{candidate.filename}` over plain http, and without a hash to check it by",
                context=[f"the link: {url}"],
                hint=f"tell whoever runs the index; if you trust the network in between, `--allow-insecure-host {host}`",
            )

    def fetched(self, url: "SafeUrl", filename: str, digests: "tuple[Digest, ...]") -> Fetched:
        """Return a copy of a file in scratch space, after its hashes were checked. Raises NoSuchSource, SourceMismatch."""
        path = file_url.to_path(url.secret)
        if path is not None:
            return self._copied(path, filename, digests)
        return self._once.get(("file", url, digests), lambda: self._downloaded(url, filename, digests))

    def _direct(self, source: UrlSource) -> Fetched:
        """Fetch a direct URL; what had to be fetched to know its hash is there already."""
        if not source.digests:
            self.current(source)
        arrived = self._arrived.get(source.url)
        if arrived is not None and (not source.digests or Digest("sha256", arrived.digest) in source.digests):
            return arrived
        return self.fetched(source.url, filename_of(source.url), source.digests)

    def current(self, source: UrlSource) -> str:
        """Return the sha256 of what is at a direct URL now, "" where only other hashes are known before it is fetched.

        A given hash is believed, and so is the server's word that nothing changed. Raises NoSuchSource.
        """
        known = self._known.archive_digest(source)
        if known or source.digests:
            return known or ""
        return self._once.get(("current", source.url), lambda: self._asked(source.url))

    def _asked(self, url: "SafeUrl") -> str:
        known = None if self._known.refreshes() else self._known.read_record(url)
        conditions = {} if known is None else freshness.Freshness(0, 0, known.etag, known.modified).conditions
        fetched = self._downloaded(url, filename_of(url), (), conditions)
        assert fetched.response is not None
        if known is not None and fetched.response.status == _NOT_MODIFIED:
            self._note(url, known.digest, fetched.response, known)
            return known.digest
        self._arrived[url] = fetched
        self._note(url, fetched.digest, fetched.response)
        return fetched.digest

    def _note(
        self, url: "SafeUrl", digest: str, answer: "Response", before: "built_wheels.Record | None" = None
    ) -> None:
        """Remember what is at a direct URL, and how long its server lets that be used."""
        if not freshness.storable(answer.headers) or not self.remembers(url):
            return
        found = freshness.freshness(answer.headers, time.time(), 0.0)
        etag = found.etag or (before.etag if before is not None else "")
        modified = found.modified or (before.modified if before is not None else "")
        self._known.write_record(url, built_wheels.Record(digest, found.until, etag, modified))

    def remembers(self, url: "SafeUrl") -> bool:
        """Return whether it is remembered where a URL led: not if others may have answered for its host.

        What is asked over plain http is remembered all the same, for the user who asks that way.
        """
        return urls.is_unprotected(url.bare) or url.bare not in self._client().unverified

    def _local(self, source: "PathSource") -> Fetched:
        return self._copied(source.path, os.path.basename(source.path), source.digests)

    def _copied(self, path: str, filename: str, digests: "tuple[Digest, ...]") -> Fetched:
        """Copy a local archive; what is unpacked is what was hashed, whatever happens to the file meanwhile."""
        try:
            key = built_wheels.file_key(path)
        except OSError as error:
            raise NoSuchSource(f"`{path}` does not exist", hint="check the path") from error

        def fill(file: "NewFile") -> None:
            try:
                with open(path, "rb") as stream:
                    while data := stream.read(_PART):
                        file.write(data)
            except OSError as error:
                raise NoSuchSource(f"`{path}` cannot be read: {error.strerror}", hint="check the path") from error

        fetched = self._saved(filename, fill, digests, None)
        self._store.point(key, fetched.digest, private=True)
        return fetched

    def _downloaded(
        self,
        url: "SafeUrl",
        filename: str,
        digests: "tuple[Digest, ...]",
        conditions: "Mapping[str, str] | None" = None,
    ) -> Fetched:
        """Download a file; with conditions, the answer may be that it is as it was, and then there is no file."""
        answers: list[Response] = []

        def fill(file: "NewFile") -> None:
            answer = self.transfer(
                self._client().download(url, label=filename, immutable=bool(digests), headers=conditions or {}), file
            )
            if answer.status != _OK and not (conditions and answer.status == _NOT_MODIFIED):
                raise refused(filename, url, answer.status)
            answers.append(answer)

        return self._saved(filename, fill, digests, answers)

    def transfer(self, download: "Download", file: "NewFile") -> "Response":
        """Write a download into a file; `halt` can end it from another thread."""
        with self._lock:
            self._running.add(download)
        try:
            if self._halted:
                download.cancel()
            return download.into(file.write, file.rewind).result()
        finally:
            with self._lock:
                self._running.discard(download)

    def _saved(
        self,
        filename: str,
        fill: "Callable[[NewFile], None]",
        digests: "tuple[Digest, ...]",
        answers: "list[Response] | None",
    ) -> Fetched:
        into = trees.staging(self._scratch())
        path = os.path.join(into, os.path.basename(filename) or "file")
        with files.create(into) as file:
            fill(file)
            file.publish(path)
        response = answers[-1] if answers else None
        if response is not None and response.status != _OK:
            return Fetched(path, "", response)
        hashes = _hash(path, {"sha256", *(digest.algorithm for digest in digests)})
        if digests and not any(hashes.get(digest.algorithm) == digest.hex for digest in digests):
            raise SourceMismatch(
                f"`{filename}` does not have the hash that it must have",
                context=[f"expected {digest}" for digest in digests] + [f"got      sha256:{hashes['sha256']}"],
                hint="if the file was replaced on purpose, update the hash where it is written; otherwise do not trust it",
            )
        return Fetched(path, hashes["sha256"], response)


def refused(filename: str, url: "SafeUrl", status: int) -> NoSuchSource:
    """Return what to raise when a server does not give a file."""
    return NoSuchSource(
        f"`{filename}` cannot be downloaded: the server answers {status}",
        context=[f"from: {url}"],
        hint="check the address; `--refresh` asks the index again, if the file was moved or deleted",
    )


def filename_of(url: "SafeUrl") -> str:
    """Return the file name at the end of a URL."""
    return file_url.unquote(url.bare.partition("#")[0].partition("?")[0]).rpartition("/")[2]


def _hash(path: str, algorithms: "set[str]") -> "dict[str, str]":
    hashes = {name: hashlib.new(name) for name in algorithms if name in hashlib.algorithms_available}
    with open(path, "rb") as stream:
        while data := stream.read(_PART):
            for one in hashes.values():
                one.update(data)
    return {name: one.hexdigest() for name, one in hashes.items()}


def sha256_of_file(path: str) -> str:
    """Return the sha256 of a file in hexadecimal. Raises OSError."""
    return _hash(path, {"sha256"})["sha256"]
