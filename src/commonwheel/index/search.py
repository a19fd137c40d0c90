"""Finding a project: from index to index until the strategy says enough, and in the find-links places.

Every project is searched for once, whoever asks first; a search goes on in whichever thread brings the next answer.
As long as records answer, neither a thread nor the network room is loaded: those stand behind `Remote`, which is made
when the first record is missing.

Laws of this file: what is found depends on the indexes and the rules, never on the order of arrival; whoever waits
gets an answer or an error, always. The clock is handed in.
"""

import os
from _thread import allocate_lock

from commonwheel.concurrency.future import Future
from commonwheel.concurrency.futures import Chained, at_once, mapped
from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.index import find_links as index_find_links
from commonwheel.index.index_cache import Ground, IndexCache, Reply, reply_for, unknown
from commonwheel.index.index_config import Index
from commonwheel.index.merged_listing import Offer
from commonwheel.index.rules import FIRST_INDEX, Rules, Terms
from commonwheel.index.selection import Judge
from commonwheel.model import SafeUrl
from commonwheel.specs import file_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final, Protocol

    from commonwheel.errors import MetadataUnavailable
    from commonwheel.events import Reporter
    from commonwheel.index.index_cache import Pages
    from commonwheel.index.merged_listing import MergedListing
    from commonwheel.index.page_record import Page, Row
    from commonwheel.model import Metadata

    class Remote(Protocol):
        """Ask indexes: `registry.Registry`."""

        def page(self, index: Index, project: str, known: Page | None) -> Future[Reply]:
            """Ask for a project's page, with the validators of the remembered one; a `file:` index is read."""

        def links_page(
            self, index: Index, known: index_find_links.FindLinks | None
        ) -> Future[index_find_links.FindLinks]:
            """Ask for a page of links, or read it from its file."""

        def metadata(self, project: str, version: str, row: Row) -> Future[Metadata]:
            """Get a file's metadata without downloading it whole; fails with OutOfReach where that cannot be."""

        def keeps(self, index: Index, url: SafeUrl) -> bool:
            """Return whether what came from a URL may be remembered of an index."""

        def learns(self, index: Index, project: str, row: Row, *, whole: bool = False) -> bool:
            """Return whether the metadata of a file may be remembered; `whole`: it was read from the file itself."""

        def sha256(self, path: str) -> str:
            """Return the hash of a local file in hexadecimal; raises OSError."""

        def rest(self) -> None:
            """Let go of what it needs only while it is asked."""


#: How far the clock of another machine may be ahead before its records are doubted, in seconds.
_SKEW = 60.0
_ARCHIVES = (".whl", ".tar.gz", ".zip")


class Project:
    """All that is known of one project in this run; `ready` is delivered when its search is done.

    `stale` are remembered pages that are being asked for again: good for guesses only. By version: `chosen` the file that stands for it, `asked` the metadata that is on its way, `known` what came of it.
    """

    __slots__ = ("asked", "chosen", "known", "misses", "name", "notes", "offers", "ready", "stale", "todo", "union")

    def __init__(self, name: str, todo: "list[Index]") -> None:
        self.name: Final = name
        self.todo: Final = todo
        self.offers: Final[list[Offer]] = []
        self.notes: Final[list[str]] = []
        self.ready: Final[Chained[Project]] = Chained()
        self.union: MergedListing | None = None
        self.chosen: Final[dict[str, tuple[Offer, Row]]] = {}
        self.asked: Final[dict[str, Chained[Metadata]]] = {}
        self.known: Final[dict[str, Metadata | MetadataUnavailable]] = {}
        self.stale: Final[list[Offer]] = []
        self.misses = 0


class Search:
    """Find projects in the order and by the rules that are configured."""

    def __init__(
        self,
        indexes: "Sequence[Index]",
        find_links: "Sequence[Index]",
        pages: "Pages",
        remote: "Callable[[], Remote]",
        rules: Rules,
        now: float,
        *,
        reporter: "Reporter | None" = None,
    ) -> None:
        self.indexes: Final = tuple(indexes)
        self.find_links: Final = tuple(find_links)
        self.hashes: Final = index_find_links.Hashes(pages)
        self.rules: Final = rules
        self.pages_asked = 0
        self.pages_remembered = 0
        self._pages = pages
        self._make_remote = remote
        self._remote: Remote | None = None
        self._now = now
        self._reporter: Reporter = reporter or Silence()
        self._lock = allocate_lock()
        self._unsure = False
        self._projects: dict[str, Project] = {}
        self._shelves: dict[str, IndexCache] = {}
        self._links: dict[str, Future[index_find_links.FindLinks]] = {}
        self._trees: dict[str, index_find_links.Tree] = {}

    def project(self, name: str) -> Project:
        """Return a project that is found, or is being searched for."""
        project = self._projects.get(name)
        if project is not None:
            return project
        with self._lock:
            project = self._projects.get(name)
            if project is not None:
                return project
            project = self._projects[name] = Project(name, self._places(name))
        self._go_on(project, None)
        return project

    def find(self, names: "Iterable[str]") -> None:
        """Find projects, all at once, and wait for them; raises what went wrong on the way."""
        for project in [self.project(name) for name in names]:
            project.ready.result()

    @property
    def online(self) -> bool:
        """Return whether anything had to be asked yet."""
        return self._remote is not None

    def remote(self) -> "Remote":
        """Return what asks the indexes, made at the first call."""
        with self._lock:
            if self._remote is None:
                self._remote = self._make_remote()
            return self._remote

    def rest(self) -> None:
        """Let go of what is needed only while indexes are asked."""
        if self._remote is not None:
            self._remote.rest()

    def refetch(self, offer: Offer) -> "Page | None":
        """Return the page of an offer, fetched anew: it has lost its rows."""
        self.pages_asked += 1
        return self.remote().page(offer.index, offer.page.project, None).result().page

    def learns(self, offer: Offer, row: "Row", *, whole: bool) -> bool:
        """Return whether the metadata of a file may be remembered (`registry.Registry.learns`)."""
        # a file may have been fetched though no index was asked: only who asks knows from whom
        asked = self._remote is not None or (whole and not row.digests)
        learns = not asked or self.remote().learns(offer.index, offer.page.project, row, whole=whole)
        self._unsure = self._unsure or not learns
        return learns

    def grounds(self) -> "tuple[Ground, ...] | None":
        """Return the records that everything found so far rests on.

        None where one is missing, or was replaced meanwhile, and where others may have answered for a host.
        """
        if self._unsure:
            return None
        found = []
        for project in tuple(self._projects.values()):
            for index in self._places(project.name):
                offer = next((offer for offer in project.offers if offer.index is index), None)
                ground = self._ground(index, project.name, offer)
                if ground is None:
                    return None
                found.append(ground)
                if offer is not None and self.rules.strategy == FIRST_INDEX and not index.beside:
                    break
        return tuple(found)

    def _ground(self, index: Index, name: str, offer: "Offer | None") -> "Ground | None":
        if self._remote is not None and not self._remote.keeps(index, index.page_url(name)):
            return None
        shelf = self._shelf(index)
        space, key = shelf.whereabouts(name)
        stamp = self._pages.stamp(space, key)
        page = shelf.page(name) if stamp else None
        if page is None or page.absent != (offer is None):
            return None
        # another process may have put a newer page there than the one that was used
        same = offer is None or page.provenance == offer.page.provenance
        if not same or self._pages.stamp(space, key) != stamp:
            return None
        return Ground(name, space, key, stamp, page.content, page.provenance.expires)

    def shelf(self, identity: str) -> IndexCache:
        """Return the records of an index, by its identity."""
        return self._shelves.get(identity) or self._shelf(Index(SafeUrl(identity)))

    def _shelf(self, index: Index) -> IndexCache:
        identity = index.identity
        found = self._shelves.get(identity)
        return found if found is not None else self._shelves.setdefault(identity, IndexCache(index, self._pages))

    def _places(self, name: str) -> list[Index]:
        bound = self.rules.bound.get(name)
        if bound:
            return [index for index in self.indexes if index.name == bound]
        return [index for index in self.indexes if not index.explicit]

    # --- from index to index ------------------------------------------------------------------------------------------

    def _go_on(self, project: Project, answer: "Future[Reply] | None") -> None:
        """Go on with a search, in the thread that brought `answer`, until it has to wait again or is done."""
        try:
            while project.todo:
                if answer is None:
                    answer = self._consult(project.todo[0], project)
                    if not answer.done:
                        project.ready.upon = answer
                        answer.then(lambda pending: self._go_on(project, pending))
                        return
                self._take(project, project.todo.pop(0), answer.result())
                answer = None
            self._add_links(project)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            project.ready.fail(error)

    def _take(self, project: Project, index: Index, reply: Reply) -> None:
        """Take what an index said, and end the search if that is enough."""
        if reply.note:
            project.notes.append(reply.note)
        if reply.page is not None:
            terms = self.rules.terms(project.name, index)
            self._judgeable(reply.page, index)
            project.offers.append(Offer(index, reply.page, terms, local=_path(index) is not None))
        enough = self.rules.strategy == FIRST_INDEX and reply.page is not None and not index.beside
        if reply.refused or enough:
            project.todo.clear()

    def _consult(self, index: Index, project: Project) -> "Future[Reply]":
        """Return what an index says about a name: from its record, from its folder, or by asking it."""
        name = project.name
        if index.flat:
            return mapped(self._links_of(index), lambda found: _flat_reply(found.page(name), index))
        path = _path(index)
        if path is not None:
            return at_once(lambda: self._consult_tree(index, path, name))
        known = self._shelf(index).page(name)
        if (
            known is not None
            and not self._doubted(name)
            and self._fresh(known.provenance.fetched, known.provenance.expires)
            and self._judgeable(known, index)
        ):
            self.pages_remembered += 1
            return Future.of(reply_for(known, index))
        if self.rules.offline:
            return Future.of(self._offline(known, index, name))
        self.pages_asked += 1
        if known is not None and not known.absent:
            project.stale.append(Offer(index, known, self.rules.terms(name, index)))
        return self.remote().page(index, name, known)

    def _judgeable(self, page: "Page", index: Index) -> bool:
        """See to it that a page has its rows where it cannot be judged without them; tell whether it has.

        An upload limit may cut through a version, of which files were added later; a remembered page may keep its rows apart.
        """
        cut = Judge.cuts(page, self.rules.terms(page.project, index))
        return not cut or page.rows is not None or self._shelf(index).rows(page, for_good=True)

    def _doubted(self, name: str) -> bool:
        return self.rules.refreshes(name) and not self.rules.offline

    def _fresh(self, fetched: int, expires: int) -> bool:
        return fetched <= self._now + _SKEW and self._now < expires

    def _offline(self, known: "Page | None", index: Index, name: str) -> Reply:
        if known is None:
            return Reply(None, f"not in the cache, and `--offline` is set (index `{index}`)")
        age = max(0, int(self._now - known.provenance.fetched)) // 60
        self._reporter.note("debug", f"offline: using what `{index}` said of `{name}` {age} minutes ago")
        self.pages_remembered += 1
        return reply_for(known, index)

    def _consult_tree(self, index: Index, path: str, name: str) -> Reply:
        """Look into a `file:` index: a page that is still the file it was made from, or the files beside it."""
        tree = self._trees.setdefault(path, index_find_links.Tree(path))
        directory = tree.directory(name)
        if directory is None:
            return Reply(None, unknown(index))
        file = tree.page_file(directory)
        if file is None:
            return _flat_reply(index_find_links.folder(directory, self.hashes, index.identity).page(name), index)
        known = self._shelf(index).page(name)
        source = known.provenance if known is not None else None
        if (
            known is not None
            and source is not None
            and (source.page, source.etag) == (file_url.from_path(file[0]), file[1])
        ):
            self.pages_remembered += 1
            return reply_for(known, index)
        self.pages_asked += 1
        return self.remote().page(index, name, None).result()

    # --- links --------------------------------------------------------------------------------------------------------

    def _add_links(self, project: Project) -> None:
        """Add what the find-links places offer, waiting for those that are on their way, then deliver the project."""
        for index in self.find_links:
            pending = self._links_of(index)
            if not pending.done:
                project.ready.upon = pending
                pending.then(lambda _: self._go_on(project, None))
                return
        # Of one file in two places the network's name is better: it is good on other machines, and has a hash and a date.
        project.offers.sort(key=lambda offer: offer.index.beside != self.rules.offline)
        # What a user put into a folder has no upload time, and is not what `--exclude-newer` is about.
        terms = Terms(self.rules.formats.wheels(project.name), self.rules.formats.sdists(project.name))
        for index in self.find_links:
            page = self._links_of(index).result().page(project.name)
            if page.versions:
                project.offers.append(Offer(index, page, terms, local=_path(index) is not None, linked=True))
        if not self.indexes:
            project.notes.append(
                "no index is used, and no file of it is among the links" if self.find_links else "no index is used"
            )
        project.ready.settle(project)

    def _links_of(self, index: Index) -> "Future[index_find_links.FindLinks]":
        with self._lock:
            found = self._links.get(index.identity)
            if found is not None:
                return found
            mine: Chained[index_find_links.FindLinks] = Chained()
            self._links[index.identity] = mine
        read = _caught(lambda: self._read_links(index))
        mine.upon = read
        read.then(lambda done: _forward(done, mine))
        return mine

    def _read_links(self, index: Index) -> "Future[index_find_links.FindLinks]":
        path = _path(index)
        if path is None:
            return self._read_remote_links(index)
        if os.path.isdir(path):
            return Future.of(index_find_links.folder(path, self.hashes))
        if path.endswith(_ARCHIVES):
            return Future.of(index_find_links.single_file(path, self.hashes))
        try:
            stamp = index_find_links.stamp_of(path)
        except OSError as error:
            raise index_find_links.unreadable(path, error) from error
        known = index_find_links.decode(self._shelf(index).links(), index.identity)
        if known is not None and known.provenance.etag == stamp:
            return Future.of(known)
        return self.remote().links_page(index, None)

    def _read_remote_links(self, index: Index) -> "Future[index_find_links.FindLinks]":
        identity = index.identity
        filename = file_url.unquote(identity.rpartition("/")[2])
        if filename.endswith(_ARCHIVES):
            return Future.of(index_find_links.FindLinks(identity, [index_find_links.line_of(filename, identity)]))
        known = index_find_links.decode(self._shelf(index).links(), identity)
        if known is not None:
            fresh = self.rules.refresh is not True and self._fresh(known.provenance.fetched, known.provenance.expires)
            if fresh or self.rules.offline:
                return Future.of(known)
        if self.rules.offline:
            self._reporter.note(
                "warning", f"the links of `{index}` are not in the cache, and cannot be asked for offline"
            )
            return Future.of(index_find_links.FindLinks(identity, ()))
        return self.remote().links_page(index, known)


def _path(index: Index) -> str | None:
    return file_url.to_path(index.identity)


def _flat_reply(page: "Page", index: Index) -> Reply:
    return Reply(page) if page.versions else Reply(None, unknown(index))


def _caught(make: "Callable[[], Future[index_find_links.FindLinks]]") -> "Future[index_find_links.FindLinks]":
    try:
        return make()
    except CommonwheelError as error:
        return Future.failed(error)


def _forward(done: "Future[index_find_links.FindLinks]", to: "Future[index_find_links.FindLinks]") -> None:
    try:
        to.settle(done.result())
    except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
        to.fail(error)
