"""Asking an index: pages by the simple API, metadata by PEP 658 or from pieces of a wheel. Cold.

Pages are asked for with the validators of the remembered ones; what comes is parsed in a thread of its own, packed,
remembered, and delivered. A network that fails is survived by a stale page, with a warning.

Laws of this file: every answer goes through `Pending` and nothing here is waited for, except by the crew; URLs in
messages are masked; what names another project than was asked for is refused.
"""

import hashlib
from binascii import crc32

from commonwheel.concurrency.futures import Chained, at_once, settle
from commonwheel.concurrency.worker_threads import WorkerThreads
from commonwheel.errors import CommonwheelError, MetadataUnavailable
from commonwheel.events import Silence
from commonwheel.index import find_links, page_record
from commonwheel.index.index_cache import IndexCache, OutOfReach, Reply, check, reply_for, unknown
from commonwheel.index.index_config import Index
from commonwheel.index.page_record import Draft, Page, Provenance
from commonwheel.model import Metadata, SafeUrl
from commonwheel.net.freshness import freshness, storable
from commonwheel.net.responses import NetworkError, refusal, status_hint, status_text
from commonwheel.specs import core_metadata, file_url
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol, TypeVar

    from commonwheel.concurrency.future import Future
    from commonwheel.events import Reporter
    from commonwheel.index.index_cache import Pages
    from commonwheel.index.page_record import Row
    from commonwheel.net.responses import Response
    from commonwheel.specs.simple_api import ProjectPage

    T = TypeVar("T")

    class Pressing(Protocol):
        """Make pages of bodies; the module `index.page_ingest` is the real one."""

        def parse(self, shown: str, project: str, body: bytes, url: str, content_type: str) -> "ProjectPage":
            """Parse what an index answered."""

        def press(self, identity: str, project: str, page: "ProjectPage", source: Provenance) -> Page:
            """Pack a page."""

    class Fetcher(Protocol):
        """Fetch small bodies: `net.client.Client`. `unverified` are the URLs for which somebody else may have answered."""

        unverified: set[str]

        def get(
            self, url: SafeUrl, headers: Mapping[str, str] = ..., *, limit: int | None = None, packed: bool = False
        ) -> Future[Response]:
            """Return an answer that is on its way; statuses are values, and bodies may stay `packed`."""


# Most wanted first: what a client should ask for (PEP 691).
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_OK, _UNCHANGED = 200, 304
_GONE = frozenset((404, 410))
_REFUSED = frozenset((401, 403))
_LARGEST_METADATA = 16 * 1024 * 1024
#: Threads that parse pages (more would only share one interpreter lock), and threads that wait for pieces of wheels.
_PARSERS, _READERS = 2, 16


class Registry:
    """Ask indexes and keep what they say.

    `clock` returns seconds since the epoch; `pressing` loads what parses pages, which is not needed where `aside` does it;
    `ranges` reads METADATA out of a remote wheel of a known size by pieces, or returns None (`net.objects.wheel_metadata`);
    `within` reads it out of one that lies here (`wheels.metadata_within`).
    """

    def __init__(
        self,
        fetcher: "Fetcher",
        pages: "Pages",
        clock: "Callable[[], float]",
        pressing: "Callable[[], Pressing]",
        *,
        ranges: "Callable[[SafeUrl, int | None], bytes | None] | None" = None,
        within: "Callable[[str, str], bytes] | None" = None,
        reporter: "Reporter | None" = None,
        aside: "Callable[..., object] | None" = None,
    ) -> None:
        self._fetcher = fetcher
        self._pages = pages
        self._clock = clock
        self._pressing = pressing
        self._ranges = ranges
        self._within = within
        self._reporter: Reporter = reporter or Silence()
        self._aside = aside
        self._doubted: set[str] = set()
        self._flying: dict[tuple[str, str], Future[Reply]] = {}
        self._parsers = WorkerThreads("cw-index-parse", _PARSERS)
        # Metadata takes a fifth of a millisecond, and what it leads to is waited for: it must not queue behind pages.
        self._quick = WorkerThreads("cw-index-metadata", 1)
        self._readers = WorkerThreads("cw-index-read", _READERS)

    def close(self) -> None:
        """End the threads; what is still on its way is not delivered."""
        for crew in (self._parsers, self._quick, self._readers):
            crew.close()

    def rest(self) -> None:
        """Let go of threads that have nothing to do: there will hardly be more to ask."""
        for crew in (self._parsers, self._quick, self._readers):
            crew.rest()

    def sha256(self, path: str) -> str:
        """Return the hash of a local file in hexadecimal; raises OSError."""
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def keeps(self, index: Index, url: SafeUrl) -> bool:
        """Return whether what came from a URL may be remembered of an index: not if others may have posed as its host.

        What is asked over plain http is remembered all the same, apart, for the user who asks that way (`Index.personal`).
        """
        return index.personal or url.bare not in self._fetcher.unverified

    def learns(self, index: Index, project: str, row: "Row", *, whole: bool = False) -> bool:
        """Return whether the metadata of a file may be remembered; `whole` says that it was read from the file itself."""
        doubted = row.url in self._doubted or (whole and not row.digests and not self.keeps(index, SafeUrl(row.url)))
        page = index.url if index.flat else index.page_url(project)
        return index.personal or (not doubted and self.keeps(index, page))

    # --- pages --------------------------------------------------------------------------------------------------------

    def page(self, index: Index, project: str, known: Page | None) -> "Future[Reply]":
        """Ask for a project's page, with the validators of the remembered one; a `file:` index is read.

        Who asks for what is on its way gets the same answer.
        """
        path = file_url.to_path(index.identity)
        if path is not None:
            return at_once(lambda: self._page_in(index, path, project))
        flying = self._flying.get((index.identity, project))
        if flying is not None and not flying.done:
            return flying
        source = known.provenance if known is not None else None
        asked = self._flying[index.identity, project] = self._ask(
            index.page_url(project),
            source,
            lambda response: self._received(index, project, known, response),
            lambda error: self._stale(index, project, known, error),
        )
        return asked

    def _ask(
        self,
        url: SafeUrl,
        source: "Provenance | None",
        use: "Callable[[Response], T]",
        despite: "Callable[[CommonwheelError], T]",
    ) -> "Future[T]":
        """Ask for a page; `use` makes of the answer what is wanted, `despite` of an answer that did not come."""
        headers = {"accept": _ACCEPT}
        if source is not None:
            headers |= {"if-none-match": source.etag} if source.etag else {}
            headers |= {"if-modified-since": source.modified} if source.modified else {}
        transfer = self._fetcher.get(url, headers, packed=True)
        result: Chained[T] = Chained(transfer)

        def make() -> "T":
            try:
                return use(transfer.result())
            except (NetworkError, Malformed) as error:
                return despite(error)

        transfer.then(lambda _: self._parsers.add(lambda: settle(result, make)))
        return result

    def _received(self, index: Index, project: str, known: Page | None, response: "Response") -> Reply:
        """Make a reply of what an index answered, and remember it."""
        status = response.status
        same = status == _OK and known is not None and _is_same(response, known.provenance)
        if known is not None and (same or status == _UNCHANGED):
            known.provenance = self._provenance(index, response, known.provenance)
            if self.keeps(index, index.page_url(project)):
                IndexCache(index, self._pages).renew(known)
            return reply_for(known, index)
        if status in _GONE or status in index.ignored:
            absent = Draft(index.identity, project).finish(self._provenance(index, response), absent=True)
            self._keep(index, absent, response)
            return Reply(None, unknown(index))
        if status in _REFUSED:
            hint = status_hint(status, response.url)
            said = f"`{index}` answered {status_text(status)}{f' ({hint})' if hint else ''}"
            return Reply(None, said, refused=True)
        if status != _OK:
            raise refusal(response.opened())
        source = self._provenance(index, response)
        made = self._pressed_aside(index, project, response, source)
        if made is None:
            response = response.opened()
            kind = response.headers.get("content-type", "")
            page = self._parse(index, project, response.body, response.url, kind)
            made = self._pressing().press(index.identity, project, page, source)
            self._keep(index, made, response)
        return reply_for(made, index)

    def _pressed_aside(self, index: Index, project: str, response: "Response", source: Provenance) -> "Page | None":
        """Have another process make a page of an answer and keep it, if there is one, so that others go on meanwhile."""
        if self._aside is None:
            return None
        kind, encoding = (response.headers.get(name, "") for name in ("content-type", "content-encoding"))
        words = (index.identity, str(index), project, response.body, encoding, response.url.bare, kind, source.words)
        keep = self._storable(index, index.page_url(project), response)
        told = self._aside("page", *words, index.private, keep)
        if not isinstance(told, tuple):
            return None
        head, rows, kept, notes = told
        made = page_record.decode(head, index.identity, project)
        if made is None or (rows is not None and not made.attach(rows)):
            return None
        if not kept:
            self._keep(index, made, response)
        self._tell(notes)
        return made

    def _parse(self, index: Index, project: str, body: bytes, url: SafeUrl, content_type: str) -> "ProjectPage":
        """Parse a page; credentials do not travel into what it links to: the network room adds them where they belong."""
        page = self._pressing().parse(str(index), project, body, url.bare, content_type)
        self._tell(page.notes)
        return page

    def _tell(self, notes: "Iterable[str]") -> None:
        for note in notes:
            self._reporter.note("debug", note)

    def _provenance(self, index: Index, response: "Response", before: Provenance | None = None) -> Provenance:
        now = self._clock()
        headers: Mapping[str, str] = response.headers
        if index.cache_control:
            others = {name: text for name, text in headers.items() if name not in ("expires", "age", "pragma")}
            headers = {**others, "cache-control": index.cache_control}
        fresh = freshness(headers, now)
        return Provenance(
            int(now),
            int(fresh.until),
            response.url.bare,
            fresh.etag or (before.etag if before else ""),
            fresh.modified or (before.modified if before else ""),
            before.checksum if before else "" if fresh.etag or fresh.modified else _checksum(response),
            before.status if before else "",
            before.reason if before else "",
        )

    def _keep(self, index: Index, page: Page, response: "Response") -> None:
        if self._storable(index, index.page_url(page.project), response):
            IndexCache(index, self._pages).keep(page)

    def _storable(self, index: Index, url: SafeUrl, response: "Response") -> bool:
        return self.keeps(index, url) and (bool(index.cache_control) or storable(response.headers))

    def _stale(self, index: Index, project: str, known: Page | None, error: CommonwheelError) -> Reply:
        """Go on with a remembered page when no new one can be had; without one, fail."""
        if known is None:
            raise error
        age = max(0, int(self._clock()) - known.provenance.fetched) // 60
        self._reporter.note(
            "warning",
            f"using what `{index}` said of `{project}` {age} minutes ago, since it cannot be asked now: {error.message}",
        )
        return reply_for(known, index)

    def _page_in(self, index: Index, path: str, project: str) -> Reply:
        """Read a project's page in a `file:` index, and remember it with the stamp of the file."""
        tree = find_links.Tree(path)
        directory = tree.directory(project)
        file = tree.page_file(directory) if directory else None
        if file is None:
            return Reply(None, unknown(index))
        url = file_url.from_path(file[0])
        parsed = self._parse(index, project, _read(file[0]), SafeUrl(url), "")
        page = self._pressing().press(index.identity, project, parsed, Provenance(int(self._clock()), 0, url, file[1]))
        IndexCache(index, self._pages).keep(page)
        return reply_for(page, index)

    # --- links --------------------------------------------------------------------------------------------------------

    def links_page(self, index: Index, known: find_links.FindLinks | None) -> "Future[find_links.FindLinks]":
        """Ask for a page of links, or read it from its file."""
        path = file_url.to_path(index.identity)
        if path is not None:
            return at_once(lambda: self._links_in(index, path))
        source = known.provenance if known is not None else None
        return self._ask(
            index.url,
            source,
            lambda response: self._links_received(index, known, response),
            lambda error: self._links_stale(index, known, error),
        )

    def _links_received(
        self, index: Index, known: find_links.FindLinks | None, response: "Response"
    ) -> find_links.FindLinks:
        same = response.status == _OK and known is not None and _is_same(response, known.provenance)
        if known is not None and (same or response.status == _UNCHANGED):
            found = find_links.FindLinks(
                index.identity, known.lines(), self._provenance(index, response, known.provenance)
            )
        elif response.status == _OK:
            kind = response.headers.get("content-type", "")
            page = self._parse(index, "", response.opened().body, response.url, kind)
            found = _links_of(index, page, self._provenance(index, response))
        else:
            raise refusal(response.opened())
        if self._storable(index, index.url, response):
            IndexCache(index, self._pages).keep_links(find_links.encode(found))
        return found

    def _links_stale(
        self, index: Index, known: find_links.FindLinks | None, error: CommonwheelError
    ) -> find_links.FindLinks:
        if known is None:
            raise error
        self._reporter.note(
            "warning", f"using the links that `{index}` had before, since it cannot be asked now: {error.message}"
        )
        return known

    def _links_in(self, index: Index, path: str) -> find_links.FindLinks:
        try:
            stamp = find_links.stamp_of(path)
        except OSError as error:
            raise find_links.unreadable(path, error) from error
        page = self._parse(index, "", _read(path), SafeUrl(file_url.from_path(path)), "")
        found = _links_of(index, page, Provenance(int(self._clock()), 0, "", stamp))
        IndexCache(index, self._pages).keep_links(find_links.encode(found))
        return found

    # --- metadata -----------------------------------------------------------------------------------------------------

    def metadata(self, project: str, version: str, row: "Row") -> "Future[Metadata]":
        """Get a file's metadata without downloading it whole; fails with OutOfReach where that cannot be.

        A metadata file whose hash is wrong is not believed, and the wheel itself is asked.
        """
        path = file_url.to_path(row.url)
        result: Chained[Metadata] = Chained()
        if path is not None and not row.metadata:
            self._readers.add(lambda: settle(result, lambda: self._from_local(path, project, version, row)))
        elif row.metadata:
            transfer = self._fetcher.get(SafeUrl(f"{row.url}.metadata"), limit=_LARGEST_METADATA)
            result.upon = transfer
            transfer.then(lambda _: self._quick.add(lambda: self._from_file(transfer, result, project, version, row)))
        else:
            self._from_pieces(result, project, version, row)
        return result

    def _from_file(
        self, transfer: "Future[Response]", result: "Future[Metadata]", project: str, version: str, row: "Row"
    ) -> None:
        """Use a metadata file, or go on to the wheel when there is none after all."""
        try:
            response = transfer.result()
        except Exception as error:  # noqa: BLE001 - delivered to whoever waits
            result.fail(error)
            return
        if response.status in _REFUSED:
            result.fail(refusal(response))
        elif response.status == _OK and self._is_true(response.body, row):
            if not _hashes(row.metadata):
                self._doubt(row, f"{row.url}.metadata")
            settle(result, lambda: _understood(response.body, project, version, row))
        else:
            self._from_pieces(result, project, version, row)

    def _is_true(self, body: bytes, row: "Row") -> bool:
        """Return whether a metadata file has the hash that the page gave it."""
        for algorithm, digest in _hashes(row.metadata):
            if hashlib.new(algorithm, body, usedforsecurity=False).hexdigest() != digest:
                self._reporter.note(
                    "warning",
                    f"the metadata file of `{row.filename}` does not have the hash that its index says; it is not used",
                )
                return False
        return True

    def _doubt(self, row: "Row", url: str) -> None:
        """Note that metadata of a file came without a hash, if it came from where others may have answered."""
        if SafeUrl(url).bare in self._fetcher.unverified:
            self._doubted.add(row.url)

    def _from_pieces(self, result: "Future[Metadata]", project: str, version: str, row: "Row") -> None:
        ranges = self._ranges
        if row.sdist or ranges is None or row.url.startswith("file:"):
            result.fail(OutOfReach())
            return

        def make() -> Metadata:
            body = ranges(SafeUrl(row.url), row.size)
            if body is None:
                raise OutOfReach
            self._doubt(row, row.url)
            return _understood(body, project, version, row)

        self._readers.add(lambda: settle(result, make))

    def _from_local(self, path: str, project: str, version: str, row: "Row") -> Metadata:
        if row.sdist or self._within is None:
            raise OutOfReach
        return _understood(self._within(path, row.filename), project, version, row)


def _is_same(response: "Response", known: Provenance) -> bool:
    """Return whether an index without validators sent the same page again."""
    return known.checksum != "" and known.checksum == _checksum(response)


def _hashes(text: str) -> "list[tuple[str, str]]":
    """Return algorithm and digest of the hashes in a column that can be held against a file."""
    words = (word.partition(":") for word in text.split(","))
    return [(name, digest) for name, _, digest in words if digest and name in hashlib.algorithms_available]


def _checksum(response: "Response") -> str:
    """Return a digest of a body: a page without validators that did not change is not parsed again."""
    body = response.opened().body
    return f"{len(body):x}-{crc32(body):08x}"


def _understood(body: bytes, project: str, version: str, row: "Row") -> Metadata:
    """Parse metadata and check whose it is; of a sdist only what its build cannot change is believed."""
    try:
        found = core_metadata.parse_static(body) if row.sdist else core_metadata.parse(body)
    except Malformed as error:
        raise MetadataUnavailable(f"{error.message} (`{row.filename}`)", context=error.context) from error
    if found is None:
        raise OutOfReach
    return check(found, project, version, row.filename)


def _links_of(index: Index, page: "ProjectPage", source: Provenance) -> find_links.FindLinks:
    return find_links.FindLinks(index.identity, [find_links.line_of(*row[:8]) for row in page.files], source)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise find_links.unreadable(path, error) from error
