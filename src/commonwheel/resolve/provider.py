"""Answer the solver out of a catalogue: universes with the reasons against their versions, and dependencies.

Laws of this file: the catalogue is the only door, and it is asked in the solver's order. What arrives early (`expect`)
is merely found faster; it can never change an answer.
"""

from commonwheel.errors import CommonwheelError, MetadataUnavailable
from commonwheel.resolve import version_set as universes
from commonwheel.resolve.candidate_rules import Rules, place, same_source
from commonwheel.resolve.provider_protocol import Dependency, Unusable
from commonwheel.resolve.version_set import ABSENT, Universe
from commonwheel.specs.markers import InvalidMarker, evaluate
from commonwheel.specs.versions import InvalidSpecifier, admits_python, pinned_version, repaired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from commonwheel.model import Listing, Metadata, Requirement
    from commonwheel.resolve.request import Inputs, Source

    class Catalogue(Protocol):
        """Offer the projects of all indexes as one; any answer is the same however often and in whatever order it is asked."""

        def listing(self, name: str) -> Listing:
            """Return all versions of a project; an unknown one has none, and a note. May block."""

        def metadata(self, name: str, version: str) -> Metadata:
            """Return the metadata of one version. May block. Raises MetadataUnavailable."""

        def expect(self, name: str, versions: Sequence[str] = ()) -> None:
            """Take the hint that a listing, and the metadata of these versions, will be asked for. Never blocks."""


# After so many tries of one project fetch as many more versions ahead, and from there on every 20 tries (uv's numbers).
_BATCHES = (5, 10, 20)
_BATCH_LIMIT = 50


class Widen(Exception):
    """The installed version of a project is not good enough, so that the index has to be asked: begin anew."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Sourced(Exception):
    """A dependency names the source of a project whose universe is already in use: begin anew with it."""

    def __init__(self, name: str, source: "Source", metadata: "Metadata") -> None:
        super().__init__(name)
        self.name = name
        self.source = source
        self.metadata = metadata


class SourceConflict(CommonwheelError):
    """One project is asked for from two places."""

    code = "source-conflict"


class CatalogueProvider:
    """Be the solver's `Provider`.

    `widened` are the names whose index must be asked although a version is installed; `found` are the sources that
    dependencies named in an earlier attempt.
    """

    def __init__(
        self,
        inputs: "Inputs",
        catalogue: "Catalogue",
        widened: "frozenset[str] | set[str]" = frozenset(),
        found: "dict[str, tuple[Source, Metadata]] | None" = None,
    ) -> None:
        self._inputs = inputs
        self._catalogue = catalogue
        self._widened = widened
        self._sources = {**inputs.sources, **(found or {})}
        self._environment = inputs.target.markers
        self._python = self._environment.get("python_full_version", "")
        self._holds: dict[str, bool] = {"": True}
        self._holds_for: dict[tuple[str, str], bool] = {}
        self._universes: dict[str, Universe] = {}
        self._ready: dict[tuple[str, tuple[str, ...], str], tuple[Dependency, ...]] = {}
        self._guessed: dict[str, int] = {}
        self._tried: dict[str, set[int]] = {}
        self._fetched: dict[str, int] = {}
        self.rules = Rules(inputs, self.applies)

    # --- what the user asks for -------------------------------------------------------------------------------

    def asked(self) -> "Sequence[Dependency]":
        """Return the user's requirements. Raises SourceConflict, and InvalidSpecifier for a broken one."""
        requirements = self.rules.asked
        self._check_sources()
        self._expect(requirements)
        return [dependency for requirement in requirements for dependency in self._demands(requirement)]

    def _check_sources(self) -> None:
        """Refuse two places for one project before anything is solved."""
        placed: dict[str, Requirement] = {}
        for requirement in (*self.rules.asked, *(c for c in self._inputs.constraints if self.applies(c.marker))):
            if requirement.source is None:
                continue
            first = placed.setdefault(requirement.name, requirement)
            assert first.source is not None
            if not same_source(first.source, requirement.source):
                raise SourceConflict(
                    f"`{requirement.name}` is asked for from two places",
                    context=[f"{r.origin or 'you'}: {place(r.source)}" for r in (first, requirement) if r.source],
                    hint="keep one of the two",
                )

    # --- versions ---------------------------------------------------------------------------------------------

    def universe(self, name: str) -> Universe:
        """Return all versions of a project, with what speaks against some of them."""
        universe = self._universes.get(name)
        return self._open(name, None) if universe is None else universe

    def _open(self, name: str, requirement: "Requirement | None") -> Universe:
        """Make the universe of a project; `requirement` is the first one that is made on it."""
        given = self._sources.get(name)
        if given is not None:
            universe = universes.of_source(name, given[1].version, given[0])
            self._constrain(universe)
        else:
            universe = self._narrow(name, requirement) or self._wide(name)
        self._universes[name] = universe
        return universe

    def _narrow(self, name: str, requirement: "Requirement | None") -> Universe | None:
        """Return the universe of the installed version alone, if that is good enough so far."""
        if name in self._widened or self._inputs.upgrades(name):
            return None
        installed = self._inputs.installed.get(name)
        if installed is None:
            return None
        universe = universes.of_installed(name, installed[0])
        self._constrain(universe)
        wanted = universe.select(requirement.specifier) if requirement is not None else universe.usable
        return universe if wanted & universe.usable else None

    def _wide(self, name: str) -> Universe:
        listing = self._catalogue.listing(name)
        installed = self._inputs.installed.get(name)
        universe = universes.of_listing(listing, installed[0] if installed else "")
        own = 1 << universe.installed if universe.installed else 0
        self._constrain(universe)
        pins = sum({1 << universe.position(pin) for pin in self.rules.pins(name)} - {ABSENT}) if universe.yanked else 0
        universe.bar("yanked", "", universe.yanked & ~pins)
        mode = self.rules.prereleases(name)
        if mode == "disallow":
            universe.bar("prerelease", "", universe.prereleases & ~own)
        elif mode == "allow":
            universe.prereleases_last = False
        for version in self._inputs.preferred(name):
            universe.prefer(version)
        if installed and not self._inputs.upgrades(name):
            universe.prefer(installed[0])
        universe.lowest = self.rules.lowest(name)
        return universe

    def _constrain(self, universe: Universe) -> None:
        self._bar_unless(universe, self.rules.constraints(universe.name))

    def _bar_unless(self, universe: Universe, constraints: "Iterable[Requirement]") -> None:
        """Bar the versions that constraints do not admit."""
        for constraint in constraints:
            universe.bar(
                "constraint", _told(constraint), universe.everything & ~ABSENT & ~universe.select(constraint.specifier)
            )

    def choose(self, universe: Universe, states: int) -> int:
        """Return the version to try, and fetch ahead when one after the other fails."""
        position = universe.pick(states)
        tried = self._tried.setdefault(universe.name, set())
        tried.add(position)
        count = len(tried)
        if count >= _BATCHES[0] and universe.source is None:
            self._fetch_ahead(universe, states, position, count)
        return position

    def _fetch_ahead(self, universe: Universe, states: int, position: int, count: int) -> None:
        last = self._fetched.get(universe.name, 0)
        due = any(count >= n > last for n in _BATCHES) or count - last >= _BATCHES[-1]
        if not due:
            return
        self._fetched[universe.name] = count
        number = min(count, _BATCH_LIMIT)
        found = universe.guesses(states, number)
        if len(found) < number:
            # a chain such as boto3 -> botocore leaves one version at a time: go on in order, whatever the range says now
            beyond = universe.usable & ~sum({1 << p for p in found})
            beyond &= -(1 << position) if universe.lowest else (1 << position) - 1
            found += universe.guesses(beyond, number - len(found))
        self._catalogue.expect(universe.name, [universe.version(p) for p in found])

    def foresee(self, universe: Universe, states: int) -> None:
        """Fetch the metadata of the version that will be tried first, as things stand now."""
        if universe.source is not None or self._inputs.no_deps:
            return
        guess = universe.pick(states)
        if guess != universe.installed and self._guessed.get(universe.name) != guess:
            self._guessed[universe.name] = guess
            self._catalogue.expect(universe.name, (universe.version(guess),))

    def lost(self, universe: Universe) -> None:
        """Begin anew with the index when the installed version of a project turns out not to fit. Raises Widen."""
        if universe.narrowed:
            raise Widen(universe.name)

    # --- dependencies -----------------------------------------------------------------------------------------

    def metadata(self, universe: Universe, position: int) -> "Metadata":
        """Return the metadata of a version from where it is known best. Raises MetadataUnavailable."""
        if universe.source is not None:
            return self._sources[universe.name][1]
        if position == universe.installed:
            return self._inputs.installed[universe.name][1]
        return self._catalogue.metadata(universe.name, universe.version(position))

    def dependencies(self, universe: Universe, extra: str, position: int) -> "Sequence[Dependency]":
        """Return what a version depends on here, or what an extra adds to that. Raises Unusable."""
        if self._inputs.no_deps:
            return ()
        metadata = self._known_metadata(universe, position)
        self._check_python(metadata.requires_python)
        try:
            requires = self.rules.rewritten(metadata.requires, universe.name, universe.version(position))
            holding = [r for r in requires if self._holds_here(r.marker, extra)]
            self._expect(holding)
            found: list[Dependency] = []
            for requirement in holding:
                found += self._demands(requirement, universe)
        except (InvalidMarker, InvalidSpecifier) as error:
            raise Unusable("metadata", f"its metadata is invalid: {error.message}") from error
        return found

    def _known_metadata(self, universe: Universe, position: int) -> "Metadata":
        """Return the metadata of a version. Raises Unusable."""
        try:
            return self.metadata(universe, position)
        except MetadataUnavailable as error:
            raise Unusable("metadata", error.message) from error

    def _check_python(self, requires_python: str) -> None:
        """Refuse a version that does not support the target's Python. Raises Unusable."""
        if not admits_python(requires_python, self._python):
            raise Unusable("requires-python", requires_python)

    def applies(self, marker: str) -> bool:
        """Return whether a marker holds for the target, without any extra. Raises InvalidMarker."""
        try:
            return self._holds[marker]
        except KeyError:
            answer = self._holds[marker] = evaluate(marker, self._environment)
            return answer

    def _holds_here(self, marker: str, extra: str) -> bool:
        """Return whether a marker holds; for an extra: whether it holds because of it."""
        if not extra:
            return self.applies(marker)
        key = marker, extra
        try:
            return self._holds_for[key]
        except KeyError:
            answer = "extra" in marker and evaluate(marker, self._environment, (extra,)) and not self.applies(marker)
            self._holds_for[key] = answer
            return answer

    def _expect(self, requirements: "Iterable[Requirement]") -> None:
        """Have the listings of new projects fetched side by side, before the first of them is waited for."""
        for requirement in requirements:
            name = requirement.name
            if name not in self._universes and name not in self._sources and requirement.source is None:
                installed = (
                    None if name in self._widened or self._inputs.upgrades(name) else self._inputs.installed.get(name)
                )
                if installed is None:
                    self._catalogue.expect(name)

    def _demands(self, requirement: "Requirement", parent: Universe | None = None) -> "tuple[Dependency, ...]":
        """Return a requirement as the solver has it: one for the project, and one for each extra."""
        if requirement.source is not None:
            self._settle(requirement, parent)
        key = requirement.name, requirement.extras, requirement.specifier
        known = self._ready.get(key) if parent is not None else None
        if known is None:
            known = self._ready[key] = self._demand(requirement)
        return known

    def _demand(self, requirement: "Requirement") -> "tuple[Dependency, ...]":
        name = requirement.name
        universe = self._universes.get(name) or self._open(name, requirement)
        wanted = universe.select(requirement.specifier)
        if universe.narrowed and not wanted:
            raise Widen(name)
        mended = repaired(requirement.specifier)
        pinned = universe.source is None and mended is not None and pinned_version(mended) is not None
        return tuple(Dependency(name, extra, wanted, requirement, pinned) for extra in ("", *requirement.extras))

    def _settle(self, requirement: "Requirement", parent: Universe | None) -> None:
        """See to it that a requirement with a source gets its project from there. Raises SourceConflict, Unusable, Sourced."""
        name, source = requirement.name, requirement.source
        assert source is not None
        given = self._sources.get(name)
        if given is not None and same_source(given[0], source):
            return
        told = _told(requirement)
        if parent is not None and parent.source is None:
            # an index package that names a URL could bring in anything from anywhere
            raise Unusable("url-dependency", told)
        if given is not None:
            raise SourceConflict(
                f"`{name}` is asked for from two places",
                context=(place(given[0]), f"{place(source)} ({_asker(requirement, parent)})"),
                hint=f"add an override for `{name}` that names the place to take it from",
            )
        if self._inputs.source_metadata is None:
            raise Unusable("url-dependency", told)
        metadata = self._inputs.source_metadata(requirement)
        if name in self._universes:
            raise Sourced(name, source, metadata)
        self._sources[name] = (source, metadata)


def _told(requirement: "Requirement") -> str:
    return f"{requirement.origin}: {requirement}" if requirement.origin else str(requirement)


def _asker(requirement: "Requirement", parent: Universe | None) -> str:
    if parent is None:
        return str(requirement.origin or "you")
    return f"{parent.name} {parent.version(1)}"
