"""Fetching ahead of the solver: what it will ask for is on its way before it asks.

From a requirement to the project's page, to the metadata of the version that will probably be chosen, to the
pages of what that depends on, and so on: each step begins in the thread that brought the answer before. A wrong guess
costs a request and changes nothing: answers are kept by key, and the solver asks in its own order.

Laws of this file: it never waits, never raises, and starts nothing when all that it would fetch is remembered: a warm
resolution asks for itself.
"""

from _thread import get_ident

from commonwheel.errors import CommonwheelError
from commonwheel.specs import markers
from commonwheel.specs.versions import InvalidSpecifier, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final, Protocol

    from commonwheel.concurrency.future import Future
    from commonwheel.index.merged_listing import MergedListing
    from commonwheel.index.rules import Rules
    from commonwheel.index.search import Project
    from commonwheel.model import Listing, Metadata, Requirement, Target

    class Offers(Protocol):
        """What is asked ahead of the solver: `index.catalogue.Catalogue`."""

        @property
        def target(self) -> Target:
            """Return the target of the resolution."""

        @property
        def rules(self) -> Rules:
            """Return the rules of choice."""

        @property
        def online(self) -> bool:
            """Return whether an index has been asked for anything yet."""

        def project(self, name: str) -> Project:
            """Return a project that is found, or is being searched for."""

        def union_of(self, project: Project) -> MergedListing:
            """Return the versions of all offers of a project that was found, together."""

        def ask(self, project: Project, version: str) -> Future[Metadata] | None:
            """Begin to get metadata; None when it is known now."""

        def presumed(self, project: Project, pick: Callable[[Listing], str]) -> Metadata | None:
            """Return what is remembered of the version that an expired page would lead to."""


#: Requests on our own guess in one run; a large application has some 400 packages, and beyond this something wanders. What
#: the solver itself hints at is not counted: it may have to go through thousands of versions, as of boto3.
_MOST = 3000
#: After so many versions of one project were asked for one by one, the next ones are fetched together (uv's numbers).
_PATIENCE = (5, 10, 20)
_STEP, _BATCH = 20, 50


class Prefetcher:
    """Guess what a catalogue will be asked for, and make it ask early."""

    __slots__ = ("_begun", "_catalogue", "_extras", "_followed", "_guesses", "_hints", "_running", "_todo")

    def __init__(self, catalogue: "Offers") -> None:
        self._catalogue: Final = catalogue
        self._running = True
        self._guesses = 0
        self._begun: set[tuple[str, tuple[str, ...], str]] = set()
        self._extras: dict[str, set[str]] = {}
        self._followed: set[tuple[str, str, str]] = set()
        self._hints: dict[str, list[str]] = {}
        self._todo: dict[int, list[Callable[[], None]]] = {}

    def stop(self) -> None:
        """Begin nothing more."""
        self._running = False

    def begin(self, requirements: "Iterable[Requirement]", constraints: "Iterable[Requirement]") -> None:
        """Begin with what the user asks for, which steers every guess on the same names, as constraints do."""
        asked = [one for one in requirements if one.name and one.source is None and self._applies(one, ("",))]
        for steering in (*constraints, *asked):
            if steering.name and steering.specifier:
                self._hints.setdefault(steering.name, []).append(steering.specifier)
        for requirement in asked:
            self._guess(requirement)

    def versions(self, project: "Project", versions: "Sequence[str]") -> None:
        """Fetch the metadata of some versions of a project, as soon as it is known."""
        project.ready.then(lambda _: self._fetch(project, versions, hinted=True))

    def missed(self, project: "Project", version: str) -> None:
        """Note that the solver had to wait for metadata; when it goes through version after version, run ahead of it."""
        tried = project.misses
        if tried not in _PATIENCE and (tried < _PATIENCE[-1] or tried % _STEP):
            return
        listing = self._catalogue.union_of(project).listing
        at = listing.versions.index(version)
        count = min(tried, _BATCH)
        lowest = self._catalogue.rules.lowest
        order = range(at + 1, len(listing.versions)) if lowest else range(at - 1, -1, -1)
        out = listing.yanked
        for mask in listing.barred.values():
            out |= mask
        usable = (listing.versions[i] for i in order if not out >> (i + 1) & 1)
        self._fetch(project, [version for version, _ in zip(usable, range(count), strict=False)], hinted=True)

    def follow(self, name: str, metadata: "Metadata") -> None:
        """Go on from metadata that the solver was given, when the index is being asked anyway."""
        if self._running and self._catalogue.online:
            self._follow(name, metadata)

    # --- one step to the next -----------------------------------------------------------------------------------------

    def _soon(self, step: "Callable[[], None]") -> None:
        """Take a step after the ones that led here, not inside of them: what is remembered answers at once, at any depth."""
        thread = get_ident()
        todo = self._todo.get(thread)
        if todo is not None:
            todo.append(step)
            return
        self._todo[thread] = todo = [step]
        try:
            while todo:
                todo.pop(0)()
        finally:
            del self._todo[thread]

    def _guess(self, requirement: "Requirement") -> None:
        name = requirement.name
        step = (name, requirement.extras, requirement.specifier)
        if not self._running or step in self._begun or self._guesses >= _MOST:
            return
        self._begun.add(step)
        self._extras.setdefault(name, set()).update(requirement.extras)
        self._soon(lambda: self._seek(requirement))

    def _seek(self, requirement: "Requirement") -> None:
        project = self._catalogue.project(requirement.name)
        if project.stale and not project.ready.done:
            self._soon(lambda: self._presume(project, requirement))
        project.ready.then(lambda _: self._soon(lambda: self._found(project, requirement)))

    def _found(self, project: "Project", requirement: "Requirement") -> None:
        """Go on from a page, in whatever thread it came.

        One guess for each project: as soon as there is something to narrow it down, the solver knows better (`versions`).
        """
        if not self._running or not self._catalogue.online or project.asked or project.known:
            return
        try:
            version = self._best(self._catalogue.union_of(project).listing, requirement.specifier)
            if version:
                self._fetch(project, (version,))
        except CommonwheelError:  # the solver will meet it, and knows whether it matters
            return

    def _presume(self, project: "Project", requirement: "Requirement") -> None:
        """Go on from the page of last time while the index is being asked: all pages are then asked for at once."""
        try:
            found = self._catalogue.presumed(project, lambda listing: self._best(listing, requirement.specifier))
        except CommonwheelError:
            return
        if found is not None:
            self._follow(project.name, found)

    def _best(self, listing: "Listing", specifier: str) -> str:
        """Return the version that will probably be chosen, or ""."""
        pool = (2 << len(listing.versions)) - 2
        try:
            for text in (specifier, *self._hints.get(listing.name, ())):
                pool &= select(text, listing.versions)
        except InvalidSpecifier:
            return ""
        pool &= ~listing.yanked
        for mask in listing.barred.values():
            pool &= ~mask
        pool = pool & ~listing.prereleases or pool
        pool = next((pool & tier for tier in listing.tiers if pool & tier), pool)
        if not pool:
            return ""
        at = (pool & -pool).bit_length() if self._catalogue.rules.lowest else pool.bit_length()
        return listing.versions[at - 2]

    def _fetch(self, project: "Project", versions: "Sequence[str]", *, hinted: bool = False) -> None:
        for version in versions:
            if not self._running or (self._guesses >= _MOST and not hinted):
                return
            try:
                pending = self._catalogue.ask(project, version)
            except CommonwheelError:
                return
            if pending is None:
                known = project.known.get(version)
                if known is not None and not isinstance(known, Exception):
                    self._follow(project.name, known)
            else:
                self._guesses += not hinted
                # of many only one will be chosen, and what the others depend on is nobody's business
                if len(versions) == 1:
                    self._await(project.name, pending)

    def _await(self, name: str, pending: "Future[Metadata]") -> None:
        def arrived(done: "Future[Metadata]") -> None:
            try:
                self._follow(name, done.result())
            except Exception:  # noqa: BLE001, S110 - the solver gets it from the same place if it ever asks
                pass

        pending.then(arrived)

    def _follow(self, name: str, metadata: "Metadata") -> None:
        """Guess at everything that metadata depends on, with the extras asked for so far."""
        extras = self._extras.get(name, set())
        wanted = tuple(extra for extra in ("", *extras) if (name, metadata.version, extra) not in self._followed)
        if not wanted:
            return
        self._followed.update((name, metadata.version, extra) for extra in wanted)
        for requirement in metadata.requires:
            if requirement.source is None and self._applies(requirement, wanted):
                self._guess(requirement)

    def _applies(self, requirement: "Requirement", extras: "tuple[str, ...]") -> bool:
        if not requirement.marker:
            return True
        if self._catalogue.rules.universal:
            return "extra" not in requirement.marker
        try:
            return markers.evaluate(requirement.marker, self._catalogue.target.markers, extras)
        except CommonwheelError:
            return False
