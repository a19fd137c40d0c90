"""Metadata, by the cheapest way there is: remembered, from its own file, from a piece of the wheel, from all of it.

What was learned is kept under two names. One is the content that it was read from (`bundle.identity`): true for
everybody and for ever. The other is all that the choice of the file depended on, the files of that version and
the target: with it, a version that was looked at before costs a few microseconds, without a look at its files.

Laws of this file: one request for each version, whoever asks; what is bad about metadata is remembered like metadata,
what went wrong on the way is not.
"""

from __future__ import annotations

from _thread import allocate_lock
from binascii import crc32

from commonwheel.concurrency.futures import Chained
from commonwheel.errors import MetadataUnavailable
from commonwheel.index import metadata_bundle as bundles
from commonwheel.index.files import NoSuchFile
from commonwheel.index.index_cache import OutOfReach, check
from commonwheel.index.merged_listing import MergedListing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from commonwheel.concurrency.future import Future
    from commonwheel.index.files import Files
    from commonwheel.index.merged_listing import Offer
    from commonwheel.index.page_record import Row
    from commonwheel.index.rules import Terms
    from commonwheel.index.search import Project, Search
    from commonwheel.model import Candidate, Listing, Metadata, Target


class Lookup:
    """Get metadata for one target."""

    def __init__(
        self,
        target: Target,
        search: Search,
        files: Files,
        *,
        wheel_metadata: Callable[[Candidate], Metadata] | None = None,
        sdist_metadata: Callable[[Candidate], Metadata] | None = None,
    ) -> None:
        self.asked = 0
        self.remembered = 0
        self._target: Final = target
        self._search: Final = search
        self._files: Final = files
        self._wheel_metadata = wheel_metadata
        self._sdist_metadata = sdist_metadata
        # what a build says may depend on where it ran
        self._builder = target.tags[0] if target.tags else "universal"
        self._views: dict[Terms, str] = {}
        self._bundles: dict[tuple[str, str], bundles.MetadataBundle] = {}
        self._lock = allocate_lock()

    def ask(self, project: Project, version: str) -> Future[Metadata] | None:
        """Begin to get metadata; None when it is known now, in `project.known`. Never waits; any thread."""
        if version in project.known:
            return None
        pending = project.asked.get(version)
        if pending is not None:
            return pending
        alias = self._alias(project, version)
        if alias and self._recall(project, version, project.offers[0], alias):
            return None
        try:
            offer, row = self._files.choose(project, version)
        except NoSuchFile as error:
            project.known[version] = MetadataUnavailable(error.message, context=error.context)
            return None
        key = bundles.identity(row, self._builder)
        if self._recall(project, version, offer, key):
            # by the rows of a page that others may have answered with, nothing is found again
            if alias and self._search.learns(offer, row, whole=False):
                bundle = self._bundle(offer.page.index, project.name)
                bundle.learn(alias, bundle.bodies.get(key))
            return None
        with self._lock:
            pending = project.asked.get(version)
            if pending is not None:
                return pending
            mine: Chained[Metadata] = Chained()
            project.asked[version] = mine
        self._request(project, version, offer, row, mine)
        return mine

    def finish(self, project: Project, version: str, pending: Future[Metadata]) -> None:
        """Wait for metadata that was asked for, and go to the whole file if that is what it takes."""
        try:
            pending.result()
        except OutOfReach:
            self._get_from_file(project, version)
        except MetadataUnavailable as error:
            project.known[version] = error

    def presumed(self, project: Project, pick: Callable[[Listing], str]) -> Metadata | None:
        """Return what is remembered of the version that a page, whose time is over, would lead to.

        Whatever the index says meanwhile, most of what was needed last time will be needed again, and can be asked for
        at once instead of step by step.
        """
        if not project.stale:
            return None
        offer = project.stale[-1]
        page = offer.page
        union = MergedListing(project.name, (offer,), self._files.judge, ())
        version = pick(union.listing)
        at = union.position(offer, version) if version else None
        if at is None or not self._search.shelf(page.index).rows(page):
            return None
        bundle = self._bundle(page.index, project.name)
        rows = page.files(at, offer.fitting) or []
        best = self._files.judge.best(((0, row) for row in rows), lambda _: offer.terms)
        try:
            return bundle.find(bundles.identity(best[1], self._builder), version) if best is not None else None
        except MetadataUnavailable:
            return None

    def keep(self) -> None:
        """Write down what was learned."""
        with self._lock:
            changed = [(identity, known) for (identity, _), known in self._bundles.items() if known.changed]
        for identity, known in changed:
            self._search.shelf(identity).keep_bundle(known)

    # --- what is remembered -------------------------------------------------------------------------------------------

    def _bundle(self, identity: str, name: str) -> bundles.MetadataBundle:
        known = self._bundles.get((identity, name))
        if known is None:
            read = self._search.shelf(identity).bundle(name)
            known = self._bundles.setdefault((identity, name), read)
        return known

    def _recall(self, project: Project, version: str, offer: Offer, key: str) -> bool:
        """Take the metadata from the bundle, and tell whether it was there."""
        try:
            found: Metadata | MetadataUnavailable | None = self._bundle(offer.page.index, project.name).find(
                key, version
            )
        except MetadataUnavailable as error:
            found = error
        if found is None:
            return False
        self.remembered += 1
        project.known[version] = found
        return True

    def _learn(
        self, project: Project, version: str, offer: Offer, row: Row, body: str | None, *, whole: bool = False
    ) -> None:
        if not self._search.learns(offer, row, whole=whole):
            return
        bundle = self._bundle(offer.page.index, project.name)
        bundle.learn(bundles.identity(row, self._builder), body)
        alias = self._alias(project, version)
        if alias:
            bundle.learn(alias, body)

    def _accept(
        self, project: Project, version: str, offer: Offer, row: Row, metadata: Metadata, *, whole: bool = False
    ) -> Metadata:
        """Keep metadata, and return it as it will be read from the bundle next time."""
        body = bundles.pack(metadata)
        self._learn(project, version, offer, row, body, whole=whole)
        kept = bundles.unpack(project.name, version, body) if body is not None else metadata.replaced(version=version)
        project.known[version] = kept
        return kept

    def _alias(self, project: Project, version: str) -> str:
        """Return the key that needs no look at the files, or "" where the choice depends on more than one page."""
        if len(project.offers) != 1 or project.name in self._search.rules.allowed:
            return ""
        offer = project.offers[0]
        at = self._files.union_of(project).position(offer, version)
        page = offer.page
        if at is None or offer.local or not (page.rows is not None or self._search.shelf(page.index).rows(page)):
            return ""
        fingerprint = page.fingerprint(at)
        if not offer.view:
            offer.view = self._view(offer.terms)
        return f"v{fingerprint}{offer.view}{version}" if fingerprint else ""

    def _view(self, terms: Terms) -> str:
        """Return a short name for the target and the terms under which a file is chosen."""
        view = self._views.get(terms)
        if view is None:
            pythons = (self._target.markers.get("python_full_version", ""), self._search.rules.build_python)
            words = (*self._target.tags, *pythons, str(terms.wheels), str(terms.sdists), str(terms.newest))
            view = self._views[terms] = f"{crc32(' '.join(words).encode()):08x}"
        return view

    # --- what has to be fetched ---------------------------------------------------------------------------------------

    def _request(self, project: Project, version: str, offer: Offer, row: Row, mine: Chained[Metadata]) -> None:
        local = row.url.startswith("file:")
        if (row.sdist and not row.metadata) or (self._search.rules.offline and not local):
            mine.fail(OutOfReach())
            return
        self.asked += 1

        def arrived(pending: Future[Metadata]) -> None:
            try:
                mine.settle(self._accept(project, version, offer, row, pending.result()))
            except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
                if isinstance(error, MetadataUnavailable) and not local:
                    self._learn(project, version, offer, row, bundles.refusal(error.message))
                mine.fail(error)

        mine.upon = asked = self._search.remote().metadata(project.name, version, row)
        asked.then(arrived)

    def _get_from_file(self, project: Project, version: str) -> None:
        """Get metadata from a whole file: a wheel that has to be downloaded, a sdist that has to be built."""
        offer, row = self._files.choose(project, version)
        kind = "sdist" if row.sdist else "wheel"
        get = self._sdist_metadata if row.sdist else self._wheel_metadata
        offline = self._search.rules.offline and not row.url.startswith("file:")
        if offline or get is None:
            why = "is not in the cache, and `--offline` is set" if offline else "cannot be had"
            project.known[version] = MetadataUnavailable(f"the metadata of its {kind} {why}")
            return
        try:
            found = check(get(self._files.candidate(project, version, offer, row)), project.name, version, row.filename)
            self._accept(project, version, offer, row, found, whole=True)
        except MetadataUnavailable as error:
            project.known[version] = error
