"""One index, and what is remembered of it: pages and metadata, as packed records in the store.

Laws of this file: it reads and writes records and nothing else; no network, no parser of pages. A record that is
missing, damaged or of another index is a miss.
"""

from zlib import crc32

from commonwheel.index import bundle as bundles
from commonwheel.index import packed
from commonwheel.model import SafeUrl, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Protocol

    class Pages(Protocol):
        """Keep records by space (`pages`, `metadata`, `defaults`) and key; `/` in a key is a directory."""

        def get(self, space: str, key: str) -> bytes | None:
            """Return a record, or None."""

        def put(self, space: str, key: str, data: bytes) -> object:
            """Keep a record; failing to is no error."""


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.")
_KEY_LENGTH = 80


class Index(Value):
    """One configured index.

    `explicit` indexes serve only the names bound to them; `flat` ones are a single page (or folder) of files;
    `ignored` are statuses that count as "no such project"; `cache_control` replaces that header of its pages;
    `newest` replaces `--exclude-newer` for this index: seconds since the epoch, or False for no limit.
    """

    __slots__ = ("cache_control", "explicit", "flat", "ignored", "name", "newest", "url")

    def __init__(
        self,
        url: SafeUrl,
        name: str = "",
        *,
        explicit: bool = False,
        flat: bool = False,
        ignored: frozenset[int] = frozenset(),
        cache_control: str = "",
        newest: float | bool | None = None,
    ) -> None:
        self.url: Final = url
        self.name: Final = name
        self.explicit: Final = explicit
        self.flat: Final = flat
        self.ignored: Final = ignored
        self.cache_control: Final = cache_control
        self.newest: Final = newest

    @property
    def identity(self) -> str:
        """Return the URL by which records know this index: no credentials, no slash at the end."""
        return self.url.bare.rstrip("/")

    @property
    def key(self) -> str:
        """Return the directory of its records: the URL as far as a person can read it, and a checksum of all of it."""
        identity = self.identity
        rest = identity.partition("://")[2].lower()
        words = "".join(letter if letter in _PLAIN else "-" for letter in rest).strip("-.")
        return f"{words[:_KEY_LENGTH]}-{crc32(identity.encode('utf-8', 'surrogatepass')):08x}"

    def page_url(self, project: str) -> SafeUrl:
        """Return the URL of a project's page, credentials included."""
        return SafeUrl(f"{self.url.secret.rstrip('/')}/{project}/")

    def __str__(self) -> str:
        return self.url.shown


class Shelf:
    """The records of one index."""

    __slots__ = ("_identity", "_key", "_pages", "index")

    def __init__(self, index: Index, pages: "Pages") -> None:
        self.index: Final = index
        self._pages = pages
        self._identity = index.identity
        self._key = index.key

    def page(self, project: str) -> "packed.Page | None":
        """Return the remembered page of a project, fresh or not; its rows may lie apart (`rows`)."""
        data = self._pages.get("pages", f"{self._key}/{project}")
        return packed.decode(data, self._identity, project) if data else None

    def rows(self, page: "packed.Page") -> bool:
        """See to it that a page has its rows, and tell whether it has."""
        if page.rows is not None:
            return True
        data = self._pages.get("pages", f"{self._key}/{page.project}.files")
        return data is not None and page.attach(data)

    def keep(self, page: "packed.Page") -> None:
        """Remember a page; a page without its rows (a renewed one) leaves those where they are."""
        if page.rows is not None and packed.lies_apart(page):
            # Rows first: a head whose rows are not there yet would send its next reader to the network.
            self._pages.put("pages", f"{self._key}/{page.project}.files", page.rows)
        self._pages.put("pages", f"{self._key}/{page.project}", packed.encode_head(page))

    def bundle(self, project: str) -> "bundles.Bundle":
        """Return the metadata remembered for a project."""
        return bundles.decode(self._pages.get("metadata", f"{self._key}/{project}"), self._identity, project)

    def keep_bundle(self, learned: "bundles.Bundle") -> None:
        """Remember metadata, together with what other processes learned since it was read."""
        if learned.changed:
            learned.merge(self.bundle(learned.project))
            self._pages.put("metadata", f"{self._key}/{learned.project}", learned.encode())
            learned.changed = False
