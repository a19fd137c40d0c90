"""What is remembered of an index: pages and metadata, as packed records in the store.

Laws of this file: it reads and writes records and nothing else; no network, no parser of pages. A record that is
missing, damaged or of another index is a miss.
"""

from _thread import allocate_lock

from commonwheel.errors import MetadataUnavailable
from commonwheel.index import metadata_bundle as bundles
from commonwheel.index import page_record
from commonwheel.model import Metadata, Value
from commonwheel.specs.versions import same_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Protocol

    from commonwheel.index.index_config import Index

    class Pages(Protocol):
        """Keep records by space (`pages`, `metadata`, `defaults`) and key; `/` in a key is a directory."""

        def get(self, space: str, key: str) -> bytes | None:
            """Return a record, or None."""

        def put(self, space: str, key: str, data: bytes) -> bool:
            """Keep a record, and tell whether it can be read back; failing to is no error."""

        def stamp(self, space: str, key: str) -> str:
            """Return what tells this state of a record from every other, "" if there is none."""


#: So many bytes of rows that lie apart are held in memory, not counting the last ones.
_ROOM = 8 * 1024 * 1024


class IndexCache:
    """The records of one index."""

    __slots__ = ("_held", "_identity", "_key", "_lock", "_pages", "_private", "index")

    def __init__(self, index: "Index", pages: "Pages") -> None:
        self.index: Final = index
        self._pages = pages
        self._identity = index.identity
        self._key = index.key
        self._private = "private-" if index.personal else ""
        self._held: list[page_record.Page] = []
        self._lock = allocate_lock()

    def _get(self, space: str, name: str) -> bytes | None:
        return self._pages.get(self._private + space, f"{self._key}/{name}")

    def _put(self, space: str, name: str, data: bytes) -> bool:
        return self._pages.put(self._private + space, f"{self._key}/{name}", data)

    def page(self, project: str) -> "page_record.Page | None":
        """Return the remembered page of a project, fresh or not; its rows may lie apart (`rows`)."""
        data = self._get("pages", project)
        return page_record.decode(data, self._identity, project) if data else None

    def whereabouts(self, project: str) -> tuple[str, str]:
        """Return the space and the key of the record of a project's page."""
        return f"{self._private}pages", f"{self._key}/{project}"

    def rows(self, page: "page_record.Page", *, for_good: bool = False) -> bool:
        """See to it that a page has its rows, and tell whether it has.

        Rows that lie apart are read when they are needed, and let go of when others need the room: those of hundreds of
        projects would be most of what a resolution holds. Some are needed `for_good`.
        """
        if page.rows is not None:
            return True
        data = self._get("pages", f"{page.project}.files")
        if data is None or not page.attach(data):
            return False
        if not for_good:
            with self._lock:
                self._held.append(page)
                room = _ROOM - sum(len(one.rows or b"") for one in self._held)
                while room < 0 and len(self._held) > 1:
                    oldest = self._held.pop(0)
                    room += len(oldest.rows or b"")
                    oldest.rows = None
        return True

    def keep(self, page: "page_record.Page") -> bool:
        """Remember a page, and tell whether it can be read back."""
        kept = True
        if page.rows is not None and page_record.lies_apart(page):
            # Rows first: a head whose rows are not there yet would send its next reader to the network.
            kept = self._put("pages", f"{page.project}.files", page.rows)
        return self.renew(page) and kept

    def renew(self, page: "page_record.Page") -> bool:
        """Remember that a page is still right; rows that lie apart stay where they are."""
        return self._put("pages", page.project, page_record.encode_head(page))

    def bundle(self, project: str) -> "bundles.MetadataBundle":
        """Return the metadata remembered for a project."""
        return bundles.decode(self._get("metadata", project), self._identity, project)

    def keep_bundle(self, learned: "bundles.MetadataBundle") -> None:
        """Remember metadata, together with what other processes learned since it was read."""
        if learned.changed:
            learned.merge(self.bundle(learned.project))
            self._put("metadata", learned.project, learned.encode())
            learned.changed = False

    def links(self) -> bytes | None:
        """Return the record of an index that is one page of links."""
        return self._get("pages", "links")

    def keep_links(self, data: bytes) -> None:
        """Remember a page of links."""
        self._put("pages", "links", data)


class Ground(Value):
    """A record that answers rest on: of which project, where it is, how it lies there, what it says, until when unasked.

    `stamp` is of this state of the record; `content` stays the same when the index is asked again and says the same.
    """

    __slots__ = ("content", "expires", "key", "project", "space", "stamp")

    def __init__(self, project: str, space: str, key: str, stamp: str, content: str, expires: int) -> None:
        self.project: Final = project
        self.space: Final = space
        self.key: Final = key
        self.stamp: Final = stamp
        self.content: Final = content
        self.expires: Final = expires


class Reply(Value):
    """What an index said about a project.

    `page` is None when it does not know the name, or gave no page; `note` says why then. `refused` stops the search at
    this index: to go on would let a stranger's index supply a name that may well exist here.
    """

    __slots__ = ("note", "page", "refused")

    def __init__(self, page: "page_record.Page | None", note: str = "", refused: bool = False) -> None:
        self.page: Final = page
        self.note: Final = note
        self.refused: Final = refused


class OutOfReach(Exception):
    """Metadata can only be had from the whole file: there is no PEP 658 file, and no part of it is served."""


def reply_for(page: "page_record.Page", index: "Index") -> Reply:
    """Return the reply that a page stands for."""
    return Reply(None, unknown(index)) if page.absent else Reply(page)


def unknown(index: "Index") -> str:
    """Remember that an index does not know a name."""
    return f"`{index}` does not have it"


def check(metadata: Metadata, name: str, version: str, filename: str) -> Metadata:
    """Return metadata if it is of this project and version; raise MetadataUnavailable when it is not."""
    if metadata.name != name:
        raise MetadataUnavailable(f"the metadata of `{filename}` is of another project, `{metadata.name}`")
    if not same_version(metadata.version, version):
        raise MetadataUnavailable(f"the metadata of `{filename}` is of another version, {metadata.version}")
    return metadata
