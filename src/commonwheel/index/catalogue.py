"""Versions, metadata and files of any project, from several indexes, on demand: what the solver asks (`Catalogue`).

Every project is searched for once, whoever asks first; the search goes from index to index until the strategy says
enough, and continues in whichever thread brings the next answer. Warm, everything comes from packed records in the
asking thread, and neither a thread nor the network room is ever loaded: those stand behind `Remote`, which is made
when the first record is missing.

Laws of this file: the answers depend on the indexes and the rules, never on the order of arrival; look-ahead fills
what will be asked for and nothing else. No parser of pages, no json, re or packaging. The clock is handed in.
"""

import os
from _thread import allocate_lock, get_ident

from commonwheel.errors import CommonwheelError, MetadataUnavailable, UsageError
from commonwheel.events import Silence
from commonwheel.index import bundle as bundles
from commonwheel.index import links
from commonwheel.index.chain import Chained, mapped
from commonwheel.index.lookahead import Lookahead
from commonwheel.index.packed import Row
from commonwheel.index.selection import Formats, Judge, Terms
from commonwheel.index.shelf import Index, OutOfReach, Reply, Shelf, check, reply_for, unknown
from commonwheel.index.union import Offer, Union
from commonwheel.model import Candidate, Digest, Listing, Metadata, SafeUrl, Value
from commonwheel.net.pending import Pending
from commonwheel.specs import file_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Final, Protocol

    from commonwheel.events import Reporter
    from commonwheel.index.packed import Page
    from commonwheel.index.shelf import Pages
    from commonwheel.model import Requirement, Target

    class Remote(Protocol):
        """Ask indexes: `registry.Registry`."""

        def page(self, index: Index, project: str, known: Page | None) -> Pending[Reply]:
            """Ask for a project's page, with the validators of the remembered one; a `file:` index is read."""

        def links_page(self, index: Index, known: links.Links | None) -> Pending[links.Links]:
            """Ask for a page of links, or read it from its file."""

        def metadata(self, project: str, version: str, row: Row) -> Pending[Metadata]:
            """Get a file's metadata without downloading it whole; fails with OutOfReach where that cannot be."""

        def sha256(self, path: str) -> str:
            """Return the hash of a local file in hexadecimal; raises OSError."""


STRATEGIES = ("first-index", "unsafe-first-match", "unsafe-best-match")
#: How far the clock of another machine may be ahead before its records are doubted, in seconds.
_SKEW = 60.0


class UnknownIndex(UsageError):
    """Say that a name is bound to an index that is not configured."""

    code = "unknown-index"


class NoSuchFile(CommonwheelError):
    """Say that a version has no file that can be used."""

    code = "no-usable-file"


class NoAllowedHash(CommonwheelError):
    """Say that none of the files of a version has one of the hashes that were demanded."""

    code = "hash-not-offered"


class Rules(Value):
    """What of the indexes' offers is wanted.

    `newest`: files must have been uploaded before (seconds since the epoch), `newest_of` by project (None: no limit);
    `bound`: projects and the name of the one index that serves them; `allowed`: projects and the hashes demanded
    (`sha256:...`); `refresh`: True or the names whose pages are asked for again; `lowest`: what to guess first;
    `build_python`: the version of the interpreter that would build, where that is not the target's.
    """

    __slots__ = (
        "allowed", "bound", "build_python", "formats", "lowest", "newest", "newest_of", "offline", "refresh", "strategy",
        "universal",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - each is an option of the command line
        self,
        *,
        strategy: str = "first-index",
        formats: "Formats | None" = None,
        newest: float | None = None,
        newest_of: "Mapping[str, float | None] | None" = None,
        bound: "Mapping[str, str] | None" = None,
        allowed: "Mapping[str, frozenset[str]] | None" = None,
        refresh: "bool | frozenset[str]" = False,
        offline: bool = False,
        universal: bool = False,
        lowest: bool = False,
        build_python: str = "",
    ) -> None:
        self.strategy: Final = strategy
        self.formats: Final = formats or Formats()
        self.newest: Final = newest
        self.newest_of: Final[Mapping[str, float | None]] = newest_of or {}
        self.bound: Final[Mapping[str, str]] = bound or {}
        self.allowed: Final[Mapping[str, frozenset[str]]] = allowed or {}
        self.refresh: Final = refresh
        self.offline: Final = offline
        self.universal: Final = universal
        self.lowest: Final = lowest
        self.build_python: Final = build_python

    def refreshes(self, project: str) -> bool:
        """Tell whether a project's page is to be asked for again, whatever is remembered."""
        return self.refresh if isinstance(self.refresh, bool) else project in self.refresh

    def terms(self, project: str, index: Index) -> Terms:
        """Return what holds for a project at an index."""
        newest = self.newest
        if index.newest is not None:
            newest = None if index.newest is False else float(index.newest)
        newest = self.newest_of.get(project, newest)
        return Terms(self.formats.wheels(project), self.formats.sdists(project), newest)


class Project:
    """All that is known of one project in this run."""

    __slots__ = ("asked", "chosen", "known", "misses", "name", "notes", "offers", "ready", "todo", "union")

    def __init__(self, name: str, todo: "list[Index]") -> None:
        self.name: Final = name
        self.todo = todo
        self.offers: list[Offer] = []
        self.notes: list[str] = []
        self.ready: Final[Chained[Project]] = Chained()
        self.union: Union | None = None
        self.chosen: dict[str, tuple[Offer, Row]] = {}
        self.asked: dict[str, Pending[Metadata]] = {}
        self.known: dict[str, Metadata | MetadataUnavailable] = {}
        self.misses = 0


class Catalogue:
    """Answer the solver's questions, and tell afterwards which files were chosen.

    `indexes` in the order of preference; `find_links` are flat ones whose files are merged with whatever index is
    used; `remote` makes the `Remote` when it is first needed. `wheel_metadata` and `sdist_metadata` get metadata from a
    whole file (download it, build it) and are called only from `metadata`, in the solver's thread.
    """

    def __init__(  # noqa: PLR0913 - what a catalogue lacks is handed in
        self,
        target: "Target",
        indexes: "Sequence[Index]",
        pages: "Pages",
        remote: "Callable[[], Remote]",
        *,
        now: float,
        find_links: "Sequence[Index]" = (),
        rules: Rules | None = None,
        wheel_metadata: "Callable[[Candidate], Metadata] | None" = None,
        sdist_metadata: "Callable[[Candidate], Metadata] | None" = None,
        reporter: "Reporter | None" = None,
    ) -> None:
        self.target: Final = target
        self.rules: Final = rules or Rules()
        self.indexes: Final = tuple(indexes)
        self.find_links: Final = tuple(find_links)
        self.hashes: Final = links.Hashes(pages)
        self.statistics: Final = dict.fromkeys(
            ("pages asked", "pages remembered", "metadata asked", "metadata remembered"), 0
        )
        self._judge = Judge(target, self.rules.build_python)
        self._pages = pages
        self._make_remote = remote
        self._remote: Remote | None = None
        self._now = now
        self._wheel_metadata = wheel_metadata
        self._sdist_metadata = sdist_metadata
        self._reporter: Reporter = reporter or Silence()
        self._lock = allocate_lock()
        self._owner = get_ident()
        self._projects: dict[str, Project] = {}
        self._shelves: dict[str, Shelf] = {}
        self._bundles: dict[tuple[str, str], bundles.Bundle] = {}
        self._flat: dict[str, Pending[links.Links]] = {}
        self._trees: dict[str, links.Tree] = {}
        self._builder = target.tags[0] if target.tags else "universal"
        self._lookahead = Lookahead(self)
        self._check()

    def _check(self) -> None:
        if self.rules.strategy not in STRATEGIES:
            raise UsageError(f"`{self.rules.strategy}` is not an index strategy", hint=f"use one of {', '.join(STRATEGIES)}")
        names = [index.name for index in self.indexes if index.name]
        for project, name in self.rules.bound.items():
            if name not in names:
                raise UnknownIndex(
                    f"`{project}` is to come from the index `{name}`, and no index has this name",
                    context=(f"configured: {', '.join(names)}" if names else "no index has a name",),
                    hint=f"define it, as `--index {name}=URL` or in the settings",
                )

    # --- what the solver asks -------------------------------------------------------------------------------------

    def listing(self, name: str) -> Listing:
        """Return all versions of a project and which of them cannot be used, and why; waits for its pages."""
        return self.union_of(self.project(name).ready.result()).listing

    def metadata(self, name: str, version: str) -> Metadata:
        """Return the metadata of the file that `candidate` names; raise MetadataUnavailable when it has none to trust."""
        project = self.project(name).ready.result()
        known = project.known.get(version)
        if known is None:
            known = self._get(project, version)
        if isinstance(known, MetadataUnavailable):
            raise known
        self._lookahead.follow(name, known)
        return known

    def expect(self, name: str, versions: "Sequence[str]" = ()) -> None:
        """Take a hint that a project, and the metadata of some of its versions, will be asked for; never waits."""
        project = self.project(name)
        if versions and self._remote is not None:
            self._lookahead.versions(project, versions)

    def crawl(self, requirements: "Iterable[Requirement]", constraints: "Iterable[Requirement]" = ()) -> None:
        """Begin to fetch what these requirements will lead to, guessing the versions; constraints steer the guesses."""
        self._lookahead.begin(requirements, constraints)

    # --- what comes afterwards ------------------------------------------------------------------------------------

    def candidate(self, name: str, version: str) -> Candidate:
        """Return the best file of a version on the target.

        Raises NoSuchFile, and NoAllowedHash when hashes are demanded and every usable file has others.
        """
        project = self.project(name).ready.result()
        offer, row = self._choose(project, version)
        allowed = self.rules.allowed.get(name)
        if allowed and contradicts(row, allowed):
            raise self._hash_error(project, version, allowed)
        return self._candidate(project, version, offer, row)

    def files(self, name: str, version: str) -> tuple[Candidate, ...]:
        """Return every file of a version, usable or not, as a lock wants them; of equal names the first index's."""
        project = self.project(name).ready.result()
        found: dict[str, Candidate] = {}
        for offer in project.offers:
            for row in self._rows(project, offer, version):
                found.setdefault(row.filename, self._candidate(project, version, offer, row))
        return tuple(found.values())

    def objections(self, name: str, version: str) -> tuple[tuple[str, str], ...]:
        """Return each file of a version that cannot be used, with the reason, for an explanation."""
        project = self.project(name).ready.result()
        said = []
        for offer in project.offers:
            for row in self._rows(project, offer, version):
                objection = self._judge.objection(row, offer.terms)
                if objection:
                    said.append((row.filename, objection))
        return tuple(said)

    def remarks(self, name: str, version: str) -> tuple[str, ...]:
        """Return what a user should know about a chosen version: a yank, a project given up by its authors."""
        project = self.project(name).ready.result()
        said = []
        for offer in project.offers:
            source = offer.page.provenance
            if source.status in ("archived", "deprecated"):
                reason = f": {source.reason}" if source.reason else ""
                said.append(f"`{name}` is marked as {source.status}{reason}")
        row = self._choose(project, version)[1]
        if row.yanked is not None:
            said.append(f"`{name}` {version} was yanked{': ' + row.yanked if row.yanked else ''}")
        return tuple(dict.fromkeys(said))

    def digest(self, candidate: Candidate) -> Digest:
        """Return the sha256 of a local file, hashing it when its stamp is not known; raises OSError."""
        path = file_url.to_path(candidate.url.secret) or ""
        return Digest("sha256", self._hash(path, links.stamp_of(path)))

    def close(self) -> None:
        """End the look-ahead and write down what was learned; the catalogue can still answer from what it has."""
        self._lookahead.stop()
        with self._lock:
            learned = [(self._shelf_by(identity), known) for (identity, _), known in self._bundles.items() if known.changed]
        for shelf, known in learned:
            shelf.keep_bundle(known)
        self.hashes.keep()

    # --- searching a project ----------------------------------------------------------------------------------------

    def project(self, name: str) -> Project:
        """Return a project, searched for or being so."""
        project = self._projects.get(name)
        if project is not None:
            return project
        with self._lock:
            project = self._projects.get(name)
            if project is not None:
                return project
            project = self._projects[name] = Project(name, self._places(name))
        self._search(project, None)
        return project

    @property
    def abroad(self) -> bool:
        """Tell whether this is a thread that brings answers, not the solver's."""
        return get_ident() != self._owner

    @property
    def online(self) -> bool:
        """Tell whether anything had to be asked of an index yet."""
        return self._remote is not None

    def remote(self) -> "Remote":
        """Return what asks the indexes, made at the first call."""
        with self._lock:
            if self._remote is None:
                self._remote = self._make_remote()
            return self._remote

    def note(self, level: str, message: str) -> None:
        """Tell the reporter."""
        self._reporter.note(level, message)

    def _places(self, name: str) -> list[Index]:
        bound = self.rules.bound.get(name)
        if bound:
            return [index for index in self.indexes if index.name == bound]
        return [index for index in self.indexes if not index.explicit]

    def _search(self, project: Project, answer: "Pending[Reply] | None") -> None:
        """Go on with a search, in the thread that brought `answer`, until it has to wait again or is done."""
        try:
            while project.todo:
                if answer is None:
                    answer = self._consult(project.todo[0], project.name)
                    if not answer.done:
                        project.ready.upon = answer
                        answer.then(lambda pending: self._search(project, pending))
                        return
                self._take(project, project.todo.pop(0), answer.result())
                answer = None
            self._merge_links(project)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            project.ready.fail(error)

    def _consult(self, index: Index, name: str) -> "Pending[Reply]":
        """Return what an index says about a name: from its record, from its folder, or by asking it."""
        if index.flat:
            return mapped(self._links_of(index), lambda found: _flat_reply(found.page(name), index))
        path = file_url.to_path(index.identity)
        if path is not None:
            return Pending.of(self._consult_tree(index, path, name))
        shelf = self._shelf(index)
        known = shelf.page(name)
        if known is not None and self._fresh(known, name):
            self.statistics["pages remembered"] += 1
            return Pending.of(reply_for(known, index))
        if self.rules.offline:
            return Pending.of(self._offline(known, index, name))
        self.statistics["pages asked"] += 1
        return self.remote().page(index, name, known)

    def _fresh(self, page: "Page", name: str) -> bool:
        source = page.provenance
        if self.rules.refreshes(name) and not self.rules.offline:
            return False
        return source.fetched <= self._now + _SKEW and self._now < source.expires

    def _offline(self, known: "Page | None", index: Index, name: str) -> Reply:
        if known is None:
            return Reply(None, f"it is not in the cache, and the network is not to be used (`--offline`) to ask `{index}`")
        age = max(0, int(self._now - known.provenance.fetched))
        self.note("debug", f"the page of `{name}` at `{index}` was fetched {age // 60} minutes ago; offline, it is taken as it is")
        return reply_for(known, index)

    def _consult_tree(self, index: Index, path: str, name: str) -> Reply:
        """Look into a `file:` index: a page that is still the file it was made from, or the files beside it."""
        tree = self._trees.setdefault(path, links.Tree(path))
        directory = tree.directory(name)
        if directory is None:
            return Reply(None, unknown(index))
        file = tree.page_file(directory)
        if file is None:
            return _flat_reply(links.folder(directory, self.hashes, index.identity).page(name), index)
        shelf = self._shelf(index)
        known = shelf.page(name)
        if known is not None and known.provenance.etag == file[1] and known.provenance.page == file_url.from_path(file[0]):
            return reply_for(known, index)
        return self.remote().page(index, name, None).result()

    def _take(self, project: Project, index: Index, reply: Reply) -> None:
        """Take what an index said, and end the search if that is enough."""
        if reply.note:
            project.notes.append(reply.note)
        if reply.page is not None:
            terms = self.rules.terms(project.name, index)
            project.offers.append(Offer(index, reply.page, terms, local=index.identity.startswith("file:")))
        if self.rules.strategy == "first-index" and (reply.page is not None or reply.refused):
            project.todo.clear()

    # --- links --------------------------------------------------------------------------------------------------------

    def _merge_links(self, project: Project) -> None:
        """Add what the find-links places offer, waiting for those that are on their way, then deliver the project."""
        for index in self.find_links:
            pending = self._links_of(index)
            if not pending.done:
                project.ready.upon = pending
                pending.then(lambda _: self._search(project, None))
                return
        for index in self.find_links:
            page = self._links_of(index).result().page(project.name)
            if page.versions:
                # uploads of links carry no time, and the user put them there
                terms = Terms(self.rules.formats.wheels(project.name), self.rules.formats.sdists(project.name))
                project.offers.append(Offer(index, page, terms, local=page.index.startswith("file:"), linked=True))
        if not self.indexes:
            project.notes.append("no index is used (`--no-index`)" if self.find_links else "no index is configured")
        project.ready.settle(project)

    def _links_of(self, index: Index) -> "Pending[links.Links]":
        found = self._flat.get(index.identity)
        if found is None:
            try:
                found = self._read_links(index)
            except CommonwheelError as error:
                found = Pending.failed(error)
            found = self._flat.setdefault(index.identity, found)
        return found

    def _read_links(self, index: Index) -> "Pending[links.Links]":
        identity = index.identity
        path = file_url.to_path(identity)
        if path is None:
            return self._read_remote_links(index)
        if os.path.isdir(path):
            return Pending.of(links.folder(path, self.hashes))
        if not path.endswith((".html", ".htm", ".json")):
            return Pending.of(links.single_file(path, self.hashes))
        try:
            stamp = links.stamp_of(path)
        except OSError as error:
            raise links.unreadable(path, error) from error
        known = links.decode(self._shelf(index).links(), identity)
        if known is not None and known.provenance.etag == stamp:
            return Pending.of(known)
        return self.remote().links_page(index, None)

    def _read_remote_links(self, index: Index) -> "Pending[links.Links]":
        identity = index.identity
        filename = file_url.unquote(identity.rpartition("/")[2])
        if filename.endswith((".whl", ".tar.gz", ".zip")):
            return Pending.of(links.Links(identity, [links.line_of(filename, identity)]))
        known = links.decode(self._shelf(index).links(), identity)
        fresh = known is not None and known.provenance.fetched <= self._now + _SKEW and self._now < known.provenance.expires
        if known is not None and (self.rules.offline or (fresh and self.rules.refresh is not True)):
            return Pending.of(known)
        if self.rules.offline:
            self.note("warning", f"the links of `{index}` are not in the cache, and the network is not to be used (`--offline`)")
            return Pending.of(links.Links(identity, ()))
        return self.remote().links_page(index, known)

    # --- versions and files -------------------------------------------------------------------------------------------

    def union_of(self, project: Project) -> Union:
        """Return the versions of all offers of a project together."""
        if project.union is None:
            project.union = Union(project.name, project.offers, self._judge, project.notes, self.rules.strategy)
        return project.union

    def _rows(self, project: Project, offer: Offer, version: str) -> list[Row]:
        """Return the files of a version in one offer; a page that lost its rows is fetched anew."""
        at = self.union_of(project).position(offer, version)
        if at is None:
            return []
        page = offer.page
        if self._shelf(offer.index).rows(page):
            found = page.files(at)
            if found is not None:
                return found
        return self._refetched(project, offer, page.versions[at])

    def _refetched(self, project: Project, offer: Offer, version: str) -> list[Row]:
        if self.rules.offline:
            raise MetadataUnavailable(f"the list of its files is damaged in the cache, and `{offer.index}` cannot be asked offline")
        if offer.spare is None:
            self.statistics["pages asked"] += 1
            offer.spare = self.remote().page(offer.index, project.name, None).result().page
        spare = offer.spare
        if spare is None or version not in spare.versions:
            return []
        return spare.files(spare.versions.index(version)) or []

    def _choose(self, project: Project, version: str) -> tuple[Offer, Row]:
        """Return the file that stands for a version; raise NoSuchFile."""
        chosen = project.chosen.get(version)
        if chosen is not None:
            return chosen
        allowed = self.rules.allowed.get(project.name, frozenset())
        offers = project.offers
        terms = [offer.terms for offer in offers]
        if self.rules.strategy == "unsafe-first-match" and len(offers) > 1:
            found = self._choose_first(project, version, allowed)
        else:
            every = ((n, row) for n, offer in enumerate(offers) for row in self._known(project, offer, version, allowed))
            found = self._judge.best(every, terms.__getitem__, allowed)
        if found is None:
            objections = [f"`{filename}`: {objection}" for filename, objection in self.objections(project.name, version)]
            raise NoSuchFile(f"no file of `{project.name}` {version} can be used here", context=objections[:10])
        chosen = project.chosen[version] = (offers[found[0]], found[1])
        return chosen

    def _choose_first(self, project: Project, version: str, allowed: frozenset[str]) -> tuple[int, Row] | None:
        """Choose within the first offer that has a usable file."""
        for n, offer in enumerate(project.offers):
            rows = self._known(project, offer, version, allowed)
            found = self._judge.best(((n, row) for row in rows), lambda place: project.offers[place].terms, allowed)
            if found is not None:
                return found
        return None

    def _known(self, project: Project, offer: Offer, version: str, allowed: frozenset[str]) -> list[Row]:
        """Return the files of a version; local ones are hashed when hashes decide."""
        rows = self._rows(project, offer, version)
        if not allowed or not offer.local:
            return rows
        return [self._hashed(row) for row in rows]

    def _hashed(self, row: Row) -> Row:
        if not row.digests.startswith(links.STAMP):
            return row
        path = file_url.to_path(row.url) or ""
        try:
            digest = self._hash(path, links.stamp_of(path))
        except OSError:  # gone meanwhile: it will be missed when it is installed, if it is
            return row
        return row.replaced(digests=f"sha256:{digest}")

    def _hash(self, path: str, stamp: str) -> str:
        known = self.hashes.find(path, stamp)
        if known is None:
            known = self.remote().sha256(path)
            self.hashes.learn(path, stamp, known)
        return known

    def _candidate(self, project: Project, version: str, offer: Offer, row: Row) -> Candidate:
        metadata = None
        if row.metadata:
            algorithm, _, digest = row.metadata.partition(":")
            metadata = Digest(algorithm, digest) if digest else Digest("sha256", "")
        known = self.hashes.find(file_url.to_path(row.url) or "", row.digests.partition(":")[2]) if offer.local else None
        digests = (Digest("sha256", known),) if known else digests_of(row.digests)
        return Candidate(
            project.name,
            version,
            "sdist" if row.sdist else "wheel",
            row.filename,
            SafeUrl(row.url),
            digests,
            row.size,
            row.requires_python,
            row.yanked,
            row.uploaded,
            metadata,
            str(offer.index),
        )

    def _hash_error(self, project: Project, version: str, allowed: frozenset[str]) -> NoAllowedHash:
        offered = [
            f"`{row.filename}` has {row.digests.replace(',', ', ')}"
            for offer in project.offers
            for row in self._known(project, offer, version, allowed)
            if not self._judge.objection(row, offer.terms)
        ]
        return NoAllowedHash(
            f"no file of `{project.name}` {version} that can be used here has one of the demanded hashes",
            context=(f"demanded: {', '.join(sorted(allowed))}", *offered[:10]),
            hint="add the hash of the file that is meant, or check who changed it",
        )

    # --- metadata -----------------------------------------------------------------------------------------------------

    def _get(self, project: Project, version: str) -> "Metadata | MetadataUnavailable":
        """Get the metadata that is not known yet, waiting for it; any way to it is taken, the cheapest first."""
        pending = self.ask(project, version)
        if pending is not None:
            if not pending.done:
                project.misses += 1
                self._lookahead.missed(project, version)
            try:
                pending.result()
            except OutOfReach:
                self._get_from_file(project, version)
            except MetadataUnavailable as error:
                project.known[version] = error
        return project.known[version]

    def ask(self, project: Project, version: str) -> "Pending[Metadata] | None":
        """Begin to get metadata; None when it is known now, from the bundle or from before. Any thread."""
        if version in project.known:
            return None
        pending = project.asked.get(version)
        if pending is not None:
            return pending
        try:
            offer, row = self._choose(project, version)
        except NoSuchFile as error:
            project.known[version] = MetadataUnavailable(error.message, context=error.context)
            return None
        if self._recall(project, version, offer, row):
            return None
        with self._lock:
            pending = project.asked.get(version)
            if pending is not None:
                return pending
            mine: Chained[Metadata] = Chained()
            project.asked[version] = mine
        self._request(project, version, offer, row, mine)
        return mine

    def _request(self, project: Project, version: str, offer: Offer, row: Row, mine: "Chained[Metadata]") -> None:
        local = row.url.startswith("file:")
        if row.sdist and not row.metadata:
            mine.fail(OutOfReach())
            return
        if self.rules.offline and not local:
            mine.fail(OutOfReach())
            return
        self.statistics["metadata asked"] += 1

        def arrived(pending: "Pending[Metadata]") -> None:
            try:
                mine.settle(self._learn(project, version, offer, row, pending.result()))
            except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
                if isinstance(error, MetadataUnavailable):
                    self._bundle(offer.page.index, project.name).learn(
                        bundles.identity(row, self._builder), bundles.refusal(error.message)
                    )
                mine.fail(error)

        mine.upon = asked = self.remote().metadata(project.name, version, row)
        asked.then(arrived)

    def _recall(self, project: Project, version: str, offer: Offer, row: Row) -> bool:
        """Take the metadata from the bundle, and tell whether it was there."""
        key = bundles.identity(row, self._builder)
        try:
            found: Metadata | MetadataUnavailable | None = self._bundle(offer.page.index, project.name).find(key, version)
        except MetadataUnavailable as error:
            found = error
        if found is None:
            return False
        self.statistics["metadata remembered"] += 1
        project.known[version] = found
        return True

    def _learn(self, project: Project, version: str, offer: Offer, row: Row, metadata: Metadata) -> Metadata:
        """Keep metadata, and return it as it will be read from the bundle next time."""
        body = bundles.pack(metadata)
        self._bundle(offer.page.index, project.name).learn(bundles.identity(row, self._builder), body)
        kept = bundles.unpack(project.name, version, body) if body is not None else metadata.replaced(version=version)
        project.known[version] = kept
        return kept

    def _get_from_file(self, project: Project, version: str) -> None:
        """Get metadata from a whole file: a wheel that has to be downloaded, a sdist that has to be built."""
        offer, row = self._choose(project, version)
        kind = "sdist" if row.sdist else "wheel"
        get = self._sdist_metadata if row.sdist else self._wheel_metadata
        if self.rules.offline and not row.url.startswith("file:"):
            get = None
        if get is None:
            why = "is not in the cache, and the network is not to be used (`--offline`)" if self.rules.offline else "cannot be had"
            project.known[version] = MetadataUnavailable(f"the metadata of its {kind} {why}")
            return
        try:
            found = check(get(self._candidate(project, version, offer, row)), project.name, version, row.filename)
            self._learn(project, version, offer, row, found)
        except MetadataUnavailable as error:
            project.known[version] = error

    def _bundle(self, identity: str, name: str) -> "bundles.Bundle":
        known = self._bundles.get((identity, name))
        if known is None:
            read = self._shelf_by(identity).bundle(name)
            known = self._bundles.setdefault((identity, name), read)
        return known

    def _shelf(self, index: Index) -> Shelf:
        identity = index.identity
        shelf = self._shelves.get(identity)
        if shelf is None:
            shelf = self._shelves[identity] = Shelf(index, self._pages)
        return shelf

    def _shelf_by(self, identity: str) -> Shelf:
        return self._shelves.get(identity) or self._shelf(Index(SafeUrl(identity)))


# --- small answers ----------------------------------------------------------------------------------------------------


def _flat_reply(page: "Page", index: Index) -> Reply:
    return Reply(page) if page.versions else Reply(None, unknown(index))


def digests_of(text: str) -> tuple[Digest, ...]:
    """Return the digests of a row; what stands for one that is not known yet is none."""
    pairs = (word.partition(":") for word in text.split(",") if word)
    return tuple(Digest(algorithm, digest) for algorithm, _, digest in pairs if algorithm != links.STAMP)


def contradicts(row: Row, allowed: frozenset[str]) -> bool:
    """Tell whether a file is known to have none of the allowed hashes; one whose hash is not known may have it."""
    if not allowed.isdisjoint(row.digests.split(",")):
        return False
    algorithms = {word.partition(":")[0] for word in allowed}
    return any(word.partition(":")[0] in algorithms for word in row.digests.split(","))
