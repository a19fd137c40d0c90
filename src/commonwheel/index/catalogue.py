"""Versions, metadata and files of any project, on demand: what the solver asks (`Catalogue`).

Laws of this file: the answers depend on the indexes and the rules, never on the order of arrival; look-ahead fills
what will be asked for and nothing else. No parser of pages, no json, re or packaging: warm, an answer is a record that
is read (`packed`, `bundle`), and what asks indexes is not even imported.
"""

from __future__ import annotations

from _thread import allocate_lock

from commonwheel.errors import CommonwheelError, MetadataUnavailable
from commonwheel.index import bundle as bundles
from commonwheel.index import links
from commonwheel.index.chain import Chained
from commonwheel.index.lookahead import Lookahead
from commonwheel.index.rules import FIRST_MATCH
from commonwheel.index.search import Search
from commonwheel.index.selection import Judge
from commonwheel.index.shelf import OutOfReach, check
from commonwheel.index.union import Offer, Union
from commonwheel.model import Candidate, Digest, Listing, Metadata, SafeUrl
from commonwheel.specs import file_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final

    from commonwheel.index.packed import Row
    from commonwheel.index.search import Project
    from commonwheel.model import Requirement, Target
    from commonwheel.net.pending import Pending

_TOLD = 10  # files that an error lists; the rest would not help


class NoSuchFile(CommonwheelError):
    """Say that a version has no file that can be used."""

    code = "no-usable-file"


class NoAllowedHash(CommonwheelError):
    """Say that none of the files of a version has one of the hashes that were demanded."""

    code = "hash-not-offered"


class Catalogue:
    """Answer the solver's questions, and tell afterwards which files were chosen.

    `wheel_metadata` and `sdist_metadata` get metadata from a whole file (download it, build it); they are called only
    from `metadata`, in the solver's thread.
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
        self._judge: Final = Judge(target, self.rules.build_python)
        self._wheel_metadata = wheel_metadata
        self._sdist_metadata = sdist_metadata
        self._lock = allocate_lock()
        self._bundles: dict[tuple[str, str], bundles.Bundle] = {}
        # what a build says may depend on where it ran
        self._builder = target.tags[0] if target.tags else "universal"
        self._lookahead: Final = Lookahead(self)
        self.metadata_asked = 0
        self.metadata_remembered = 0

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

    def expect(self, name: str, versions: Sequence[str] = ()) -> None:
        """Take a hint that a project, and the metadata of some of its versions, will be asked for; never waits."""
        project = self.project(name)
        if versions and self.online:
            self._lookahead.versions(project, versions)

    def crawl(self, requirements: Iterable[Requirement], constraints: Iterable[Requirement] = ()) -> None:
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
            learned = [(self._search.shelf(identity), known) for (identity, _), known in self._bundles.items() if known.changed]
        for shelf, known in learned:
            shelf.keep_bundle(known)
        self._search.hashes.keep()

    @property
    def statistics(self) -> dict[str, int]:
        """Return how many answers were asked of indexes, and how many were remembered."""
        return {
            "pages asked": self._search.pages_asked,
            "pages remembered": self._search.pages_remembered,
            "metadata asked": self.metadata_asked,
            "metadata remembered": self.metadata_remembered,
        }

    @property
    def online(self) -> bool:
        """Tell whether anything had to be asked yet."""
        return self._search.online

    def project(self, name: str) -> Project:
        """Return a project that is found, or is being searched for."""
        return self._search.project(name)

    # --- versions and files -------------------------------------------------------------------------------------------

    def union_of(self, project: Project) -> Union:
        """Return the versions of all offers of a project together."""
        if project.union is None:
            project.union = Union(project.name, project.offers, self._judge, project.notes, self.rules.strategy)
        return project.union

    def _rows(self, project: Project, offer: Offer, version: str, *, fitting: bool = False) -> list[Row]:
        """Return the files of a version in one offer, or those that may be usable; a page that lost its rows is fetched anew."""
        at = self.union_of(project).position(offer, version)
        if at is None:
            return []
        page = offer.page
        if page.rows is not None or self._search.shelf(page.index).rows(page):
            found = page.files(at, offer.fitting if fitting else None)
            if found is not None:
                return found
        return self._refetched(offer, page.versions[at])

    def _refetched(self, offer: Offer, version: str) -> list[Row]:
        if self.rules.offline:
            raise MetadataUnavailable(f"the list of its files is damaged in the cache, and `{offer.index}` cannot be asked offline")
        if offer.spare is None:
            offer.spare = self._search.refetch(offer)
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
        if self.rules.strategy == FIRST_MATCH and len(offers) > 1:
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
        """Return the files of a version that may be usable; local ones are hashed when hashes decide."""
        rows = self._rows(project, offer, version, fitting=True)
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
        known = self._search.hashes.find(path, stamp)
        if known is None:
            known = self._search.remote().sha256(path)
            self._search.hashes.learn(path, stamp, known)
        return known

    def _candidate(self, project: Project, version: str, offer: Offer, row: Row) -> Candidate:
        metadata = None
        if row.metadata:
            algorithm, _, digest = row.metadata.partition(":")
            metadata = Digest(algorithm, digest) if digest else Digest("sha256", "")
        known = self._search.hashes.find(file_url.to_path(row.url) or "", row.digests.partition(":")[2]) if offer.local else None
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

    def presumed(self, project: Project, pick: Callable[[Listing], str]) -> Metadata | None:
        """Return what is remembered of the version that a page, whose time is over, would lead to.

        Whatever the index says meanwhile, most of what was needed last time will be needed again, and can be asked for
        at once instead of step by step.
        """
        if not project.stale:
            return None
        offer = project.stale[-1]
        union = Union(project.name, (offer,), self._judge, ())
        version = pick(union.listing)
        at = union.position(offer, version) if version else None
        if at is None or not self._search.shelf(offer.page.index).rows(offer.page):
            return None
        rows = offer.page.files(at, offer.fitting) or []
        best = self._judge.best(((0, row) for row in rows), lambda _: offer.terms)
        if best is None:
            return None
        key = bundles.identity(best[1], self._builder)
        try:
            return self._bundle(offer.page.index, project.name).find(key, version)
        except MetadataUnavailable:
            return None

    # --- metadata -----------------------------------------------------------------------------------------------------

    def _get(self, project: Project, version: str) -> Metadata | MetadataUnavailable:
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

    def ask(self, project: Project, version: str) -> Pending[Metadata] | None:
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

    def _request(self, project: Project, version: str, offer: Offer, row: Row, mine: Chained[Metadata]) -> None:
        local = row.url.startswith("file:")
        if row.sdist and not row.metadata:
            mine.fail(OutOfReach())
            return
        if self.rules.offline and not local:
            mine.fail(OutOfReach())
            return
        self.metadata_asked += 1

        def arrived(pending: Pending[Metadata]) -> None:
            try:
                mine.settle(self._learn(project, version, offer, row, pending.result()))
            except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
                if isinstance(error, MetadataUnavailable):
                    self._bundle(offer.page.index, project.name).learn(
                        bundles.identity(row, self._builder), bundles.refusal(error.message)
                    )
                mine.fail(error)

        mine.upon = asked = self._search.remote().metadata(project.name, version, row)
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
        self.metadata_remembered += 1
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

    def _bundle(self, identity: str, name: str) -> bundles.Bundle:
        known = self._bundles.get((identity, name))
        if known is None:
            read = self._search.shelf(identity).bundle(name)
            known = self._bundles.setdefault((identity, name), read)
        return known


# --- small answers ----------------------------------------------------------------------------------------------------


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
