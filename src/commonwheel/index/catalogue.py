"""Versions, metadata and files of any project, on demand: what the solver asks, and what is told of its choice.

Laws of this file: the answers depend on the indexes and the rules, never on the order of arrival; look-ahead fills
what will be asked for and nothing else. No parser of pages, no json, re or packaging: warm, an answer is a record that
is read (`packed`, `bundle`), and what asks indexes is not even imported.
"""

from __future__ import annotations

from commonwheel.errors import MetadataUnavailable
from commonwheel.index import find_links
from commonwheel.index.files import Files, contradicts
from commonwheel.index.lookup import Lookup
from commonwheel.index.prefetch import Prefetcher
from commonwheel.model import Digest
from commonwheel.specs import file_url
from commonwheel.specs.versions import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final

    from commonwheel.concurrency.future import Future
    from commonwheel.index.index_cache import Ground
    from commonwheel.index.merged_listing import MergedListing
    from commonwheel.index.search import Project, Search
    from commonwheel.model import Candidate, Listing, Metadata, Requirement, Target


class Catalogue:
    """Answer the solver's questions, and tell afterwards which files were chosen.

    `wheel_metadata` and `sdist_metadata` get metadata from a whole file (download it, build it); they are called only
    from `metadata`, in the solver's thread. Raises UsageError for rules that do not fit the indexes.
    """

    def __init__(
        self,
        target: Target,
        search: Search,
        *,
        wheel_metadata: Callable[[Candidate], Metadata] | None = None,
        sdist_metadata: Callable[[Candidate], Metadata] | None = None,
    ) -> None:
        self.target: Final = target
        self.rules: Final = search.rules
        self.rules.check(search.indexes)
        self._search: Final = search
        self._files: Final = Files(target, search)
        self._lookup: Final = Lookup(
            target, search, self._files, wheel_metadata=wheel_metadata, sdist_metadata=sdist_metadata
        )
        self._lookahead: Final = Prefetcher(self)

    # --- what the solver asks -----------------------------------------------------------------------------------------

    def listing(self, name: str) -> Listing:
        """Return all versions of a project and which of them cannot be used, and why; waits for its pages."""
        return self.union_of(self._found(name)).listing

    def metadata(self, name: str, version: str) -> Metadata:
        """Return the metadata of the file that `candidate` names; raise MetadataUnavailable when it has none to trust."""
        project = self._found(name)
        known = project.known.get(version)
        if known is None:
            pending = self.ask(project, version)
            if pending is not None:
                if not pending.done:
                    project.misses += 1
                    self._lookahead.missed(project, version)
                self._lookup.finish(project, version, pending)
            known = project.known[version]
        if isinstance(known, MetadataUnavailable):
            raise known
        self._lookahead.follow(name, known)
        return known

    def find(self, names: Iterable[str]) -> None:
        """Find projects, all at once, and wait for them; raises what went wrong on the way."""
        self._search.find(names)

    def expect(self, name: str, versions: Sequence[str] = ()) -> None:
        """Take a hint that a project, and the metadata of some of its versions, will be asked for; never waits."""
        project = self.project(name)
        if versions and self.online:
            self._lookahead.versions(project, versions)

    def crawl(self, requirements: Iterable[Requirement], constraints: Iterable[Requirement] = ()) -> None:
        """Begin to fetch what these requirements will lead to, guessing the versions; constraints steer the guesses."""
        self._lookahead.begin(requirements, constraints)

    def follow(self, requirement: Requirement, use: Callable[[Candidate], object]) -> None:
        """Hand the file of a requirement to `use` once its project's page is there, if that leaves a single version.

        Never waits, and tells of no error: `use` is called in whatever thread brings the page, or not at all.
        """

        def found(done: Future[Project]) -> None:
            try:
                listing = self.union_of(done.result()).listing
                fitting = select(requirement.specifier, listing.versions)
                if fitting and not fitting & (fitting - 1):
                    use(self.candidate(requirement.name, listing.versions[fitting.bit_length() - 2]))
            except Exception:  # noqa: BLE001, S110 - the solver will meet it, and knows whether it matters
                pass

        self.project(requirement.name).ready.then(found)

    # --- what is told afterwards --------------------------------------------------------------------------------------

    def candidate(self, name: str, version: str) -> Candidate:
        """Return the best file of a version on the target.

        Raises NoSuchFile, and NoAllowedHash when hashes are demanded and every usable file has others.
        """
        project = self._found(name)
        offer, row = self._files.choose(project, version)
        allowed = self.rules.allowed.get(name)
        if allowed and contradicts(row, allowed):
            raise self._files.hash_error(project, version, allowed)
        return self._files.candidate(project, version, offer, row)

    def files(self, name: str, version: str) -> tuple[Candidate, ...]:
        """Return every file of a version, usable or not, as a lock wants them; of equal names the first index's."""
        project = self._found(name)
        found: dict[str, Candidate] = {}
        for offer in project.offers:
            for row in self._files.rows(project, offer, version):
                if row.filename not in found:
                    found[row.filename] = self._files.candidate(project, version, offer, row)
        return tuple(found.values())

    def objections(self, name: str, version: str) -> tuple[tuple[str, str], ...]:
        """Return each file of a version that cannot be used, with the reason, for an explanation."""
        return self._files.objections(self._found(name), version)

    def remarks(self, name: str, version: str) -> tuple[str, ...]:
        """Return what a user should know about a chosen version: a yank, a project given up by its authors."""
        project = self._found(name)
        said = []
        for offer in project.offers:
            source = offer.page.provenance
            if source.status in ("archived", "deprecated"):
                reason = f": {source.reason}" if source.reason else ""
                said.append(f"`{name}` is marked as {source.status}{reason}")
        row = self._files.choose(project, version)[1]
        if row.yanked is not None:
            said.append(f"`{name}` {version} was yanked{': ' + row.yanked if row.yanked else ''}")
        return tuple(dict.fromkeys(said))

    def digest(self, candidate: Candidate) -> Digest:
        """Return the sha256 of a local file, hashing it when its stamp is not known; raises OSError."""
        path = file_url.to_path(candidate.url.secret) or ""
        return Digest("sha256", self._files.sha256(path, find_links.stamp_of(path)))

    def grounds(self) -> tuple[Ground, ...] | None:
        """Return the records that the answers so far rest on; None where one is missing, or was replaced meanwhile."""
        return self._search.grounds()

    def close(self) -> None:
        """End the look-ahead and write down what was learned; the catalogue can still answer from what it has."""
        self._lookahead.stop()
        self._lookup.keep()
        self._search.hashes.keep()
        self._search.rest()

    @property
    def statistics(self) -> dict[str, int]:
        """Return how many answers were asked of indexes, and how many were remembered."""
        return {
            "pages asked": self._search.pages_asked,
            "pages remembered": self._search.pages_remembered,
            "metadata asked": self._lookup.asked,
            "metadata remembered": self._lookup.remembered,
        }

    # --- for the look-ahead -------------------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Return whether anything had to be asked yet."""
        return self._search.online

    def project(self, name: str) -> Project:
        """Return a project that is found, or is being searched for."""
        return self._search.project(name)

    def _found(self, name: str) -> Project:
        return self._search.project(name).ready.result()

    def union_of(self, project: Project) -> MergedListing:
        """Return the versions of all offers of a project, which has been found, together."""
        return self._files.union_of(project)

    def ask(self, project: Project, version: str) -> Future[Metadata] | None:
        """Begin to get metadata; None when it is known now. Never waits; any thread."""
        return self._lookup.ask(project, version)

    def presumed(self, project: Project, pick: Callable[[Listing], str]) -> Metadata | None:
        """Return what is remembered of the version that a page, whose time is over, would lead to."""
        return self._lookup.presumed(project, pick)
