"""The files behind versions: which of them stands for a version, and all that is known of it.

Laws of this file: the choice is `selection`'s; here are its pieces fetched: rows that were not read yet, hashes of local
files that decide, a page that lost its rows.
"""

from __future__ import annotations

from commonwheel.errors import CommonwheelError, MetadataUnavailable
from commonwheel.index import find_links
from commonwheel.index.merged_listing import MergedListing, Offer
from commonwheel.index.rules import FIRST_MATCH
from commonwheel.index.selection import Judge
from commonwheel.model import Candidate, Digest, SafeUrl
from commonwheel.specs import file_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.index.page_record import Row
    from commonwheel.index.search import Project, Search
    from commonwheel.model import Target

_TOLD = 10  # files that an error lists; the rest would not help


class NoSuchFile(CommonwheelError):
    """A version has no file that can be used."""

    code = "no-usable-file"


class NoAllowedHash(CommonwheelError):
    """None of the files of a version has one of the hashes that were demanded."""

    code = "hash-not-offered"


class Files:
    """Choose files for one target."""

    def __init__(self, target: Target, search: Search) -> None:
        self.judge: Final = Judge(target, search.rules.build_python)
        self._search: Final = search
        self._rules: Final = search.rules

    def union_of(self, project: Project) -> MergedListing:
        """Return the versions of all offers of a project together."""
        if project.union is None:
            project.union = MergedListing(project.name, project.offers, self.judge, project.notes, self._rules.strategy)
        return project.union

    def rows(self, project: Project, offer: Offer, version: str, *, fitting: bool = False) -> list[Row]:
        """Return the files of a version in one offer, or those that may be usable; a page that lost its rows is fetched anew."""
        at = self.union_of(project).position(offer, version)
        if at is None:
            return []
        page = offer.page
        shelf = self._search.shelf(page.index)
        for _ in range(2):  # another thread may need the room just now
            found = page.files(at, offer.fitting if fitting else None) if shelf.rows(page) else None
            if found is not None:
                return found
        return self._refetched(offer, page.versions[at])

    def _refetched(self, offer: Offer, version: str) -> list[Row]:
        if self._rules.offline:
            raise MetadataUnavailable(
                f"the list of its files is damaged in the cache, and `{offer.index}` cannot be asked offline"
            )
        if offer.spare is None:
            offer.spare = self._search.refetch(offer)
        spare = offer.spare
        if spare is None or version not in spare.versions:
            return []
        return spare.files(spare.versions.index(version)) or []

    def choose(self, project: Project, version: str) -> tuple[Offer, Row]:
        """Return the file that stands for a version; raise NoSuchFile."""
        chosen = project.chosen.get(version)
        if chosen is not None:
            return chosen
        allowed = self._rules.allowed.get(project.name, frozenset())
        offers = project.offers
        terms = [offer.terms for offer in offers]
        if self._rules.strategy == FIRST_MATCH and len(offers) > 1:
            found = self._choose_first(project, version, allowed)
        else:
            every = (
                (n, row) for n, offer in enumerate(offers) for row in self._known(project, offer, version, allowed)
            )
            found = self.judge.best(every, terms.__getitem__, allowed)
        if found is None:
            objections = [f"`{filename}`: {objection}" for filename, objection in self.objections(project, version)]
            raise NoSuchFile(f"no file of `{project.name}` {version} can be used here", context=objections[:_TOLD])
        chosen = project.chosen[version] = (offers[found[0]], found[1])
        return chosen

    def objections(self, project: Project, version: str) -> tuple[tuple[str, str], ...]:
        """Return each file of a version that cannot be used, with the reason."""
        said = []
        for offer in project.offers:
            for row in self.rows(project, offer, version):
                objection = self.judge.objection(row, offer.terms)
                if objection:
                    said.append((row.filename, objection))
        return tuple(said)

    def _choose_first(self, project: Project, version: str, allowed: frozenset[str]) -> tuple[int, Row] | None:
        """Choose within the first offer that has a usable file."""
        for n, offer in enumerate(project.offers):
            rows = self._known(project, offer, version, allowed)
            found = self.judge.best(((n, row) for row in rows), lambda place: project.offers[place].terms, allowed)
            if found is not None:
                return found
        return None

    def _known(self, project: Project, offer: Offer, version: str, allowed: frozenset[str]) -> list[Row]:
        """Return the files of a version that may be usable; local ones are hashed when hashes decide."""
        rows = self.rows(project, offer, version, fitting=True)
        if not allowed or not offer.local:
            return rows
        return [self._hashed(row) for row in rows]

    def _hashed(self, row: Row) -> Row:
        if not row.digests.startswith(find_links.STAMP):
            return row
        path = file_url.to_path(row.url) or ""
        try:
            digest = self.sha256(path, find_links.stamp_of(path))
        except OSError:  # gone meanwhile: it will be missed when it is installed, if it is
            return row
        return row.replaced(digests=f"sha256:{digest}")

    def sha256(self, path: str, stamp: str) -> str:
        """Return the hash of a local file, remembered by its stamp; raises OSError."""
        known = self._search.hashes.find(path, stamp)
        if known is None:
            known = self._search.remote().sha256(path)
            self._search.hashes.learn(path, stamp, known)
        return known

    def candidate(self, project: Project, version: str, offer: Offer, row: Row) -> Candidate:
        """Return all that is known of a file."""
        metadata = None
        if row.metadata:
            algorithm, _, digest = row.metadata.partition(":")
            metadata = Digest(algorithm, digest) if digest else Digest("sha256", "")
        known = (
            self._search.hashes.find(file_url.to_path(row.url) or "", row.digests.partition(":")[2])
            if offer.local
            else None
        )
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

    def hash_error(self, project: Project, version: str, allowed: frozenset[str]) -> NoAllowedHash:
        """Return the error that says which hashes there are."""
        offered = [
            f"`{row.filename}` has {row.digests.replace(',', ', ')}"
            for offer in project.offers
            for row in self._known(project, offer, version, allowed)
            if not self.judge.objection(row, offer.terms)
        ]
        return NoAllowedHash(
            f"no file of `{project.name}` {version} that can be used here matches one of the expected hashes",
            context=(f"demanded: {', '.join(sorted(allowed))}", *offered[:_TOLD]),
            hint="add the hash of the file that is meant, or find out why the file changed",
        )


# --- small answers ----------------------------------------------------------------------------------------------------


def digests_of(text: str) -> tuple[Digest, ...]:
    """Return the digests of a row; what stands for one that is not known yet is none."""
    pairs = (word.partition(":") for word in text.split(",") if word)
    return tuple(Digest(algorithm, digest) for algorithm, _, digest in pairs if algorithm != find_links.STAMP)


def contradicts(row: Row, allowed: frozenset[str]) -> bool:
    """Return whether a file is known to have none of the allowed hashes; one whose hash is not known may have it."""
    if not allowed.isdisjoint(row.digests.split(",")):
        return False
    algorithms = {word.partition(":")[0] for word in allowed}
    return any(word.partition(":")[0] in algorithms for word in row.digests.split(","))
