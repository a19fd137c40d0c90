"""Solve for all platforms and Pythons at once: the same solver in parts of the world, and the parts put together again.

A *fork* is a region of the world (`resolve.worlds`) in which one version per project has to do. Solving begins with one
fork, the whole world from the oldest Python on. It splits where one package, or the user, asks several things of one
project under different markers (`numpy<2 ; python_version < "3.10"` and `numpy>=2 ; python_version >= "3.10"`), where a
marker or a version's Requires-Python wants a newer Python than the fork's oldest, and where a constraint holds in part
of it. These are uv's rules; conflicts between packages that do not know each other split nothing.

A split begins anew in each part. That is simpler than to copy a solver's state, and cheap, since the catalogue
remembers; what one part chose is preferred in the next, so that the parts agree where they can.

In the end each version stands for the worlds from which it can be reached: through the edges of the graph, each with its
marker, in each fork. Versions that several forks share are thereby merged.
"""

from commonwheel.model import Pin, Resolution, Target
from commonwheel.resolve.provider import CatalogueProvider, Sourced
from commonwheel.resolve.report import NoSolution, no_solution
from commonwheel.resolve.rules import same_source
from commonwheel.resolve.solver import Solver, Unsatisfiable, Unusable
from commonwheel.resolve.worlds import Region, Worlds, plain
from commonwheel.specs.markers import ALWAYS, Comparison, both, parse
from commonwheel.specs.versions import clauses, is_prerelease, repaired, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.model import Digest, Metadata, Requirement
    from commonwheel.resolve.inputs import Inputs, Source
    from commonwheel.resolve.packages import Package
    from commonwheel.resolve.provider import Catalogue
    from commonwheel.resolve.universe import Universe
    from commonwheel.specs.markers import Marker

FORK_STRATEGIES = ("requires-python", "fewest")


class Split(Exception):
    """Say that a fork has to be divided into regions; `capped` counts what is asked for in each with an upper bound."""

    def __init__(self, regions: "Sequence[Region]", capped: "Sequence[int]") -> None:
        super().__init__()
        self.regions = regions
        self.capped = capped


def solve_universal(
    inputs: "Inputs",
    catalogue: "Catalogue",
    reporter: "Reporter",
    *,
    python: str,
    environments: tuple[str, ...] = (),
    fork_strategy: str = "requires-python",
) -> Resolution:
    """Choose versions for every world from the oldest `python` on, and say by markers where each of them holds.

    `inputs.target` is not looked at; the catalogue must bar nothing for platform or Python. `environments` are markers
    that limit the world. `fork_strategy` is `requires-python` (the newest version for each Python) or `fewest` (one
    version for all, if it can be). A project may have several pins, sorted by version, whose markers exclude each other.
    Raises what `resolution.solve` raises.
    """
    inputs = inputs.replaced(installed={})  # what is installed here is installed in one world only
    worlds = Worlds(python)
    fewest = fork_strategy == "fewest" or inputs.resolution == "lowest"
    whole = [region for text in environments if worlds.of_region(region := Region((parse(text),)))] or [Region()]
    waiting = _ordered(whole, [0] * len(whole), worlds, fewest)
    forks: list[_Fork] = []
    siblings: dict[str, list[str]] = {}
    task = reporter.begin("resolve", "dependencies")
    try:
        while waiting:
            region = waiting.pop()
            try:
                fork = _solve_fork(inputs, catalogue, worlds, region, siblings, fewest)
            except Split as split:
                waiting += _ordered(split.regions, split.capped, worlds, fewest)
                continue
            forks.append(fork)
            if inputs.resolution != "lowest-direct":
                fork.prefer(siblings)
    finally:
        reporter.end(task)
    return _merged(forks, worlds, whole)


def _ordered(regions: "Sequence[Region]", capped: "Sequence[int]", worlds: Worlds, fewest: bool) -> list[Region]:
    """Return regions in the order in which they are taken from the end.

    First the newest Python (or the oldest, for the fewest versions); then where upper bounds are, since what is chosen
    under `a<2` may do where `a>=1` is asked, and hardly the other way round; then as they were made.
    """
    pythons = [version_key(worlds.lowest_python(worlds.of_region(region))) for region in regions]
    ranks = sorted(set(pythons), reverse=fewest)
    order = sorted(range(len(regions)), key=lambda i: (ranks.index(pythons[i]), capped[i], -i))
    return [regions[i] for i in order]


def _solve_fork(
    inputs: "Inputs",
    catalogue: "Catalogue",
    worlds: Worlds,
    region: Region,
    siblings: "Mapping[str, Sequence[str]]",
    fewest: bool,
) -> "_Fork":
    """Solve in one region. Raises Split when it has to be divided."""
    found: dict[str, tuple[Source, Metadata]] = {}
    while True:
        provider = UniversalProvider(inputs, catalogue, worlds, region, siblings, fewest, found)
        try:
            return _Fork(region, provider, Solver(provider).solve())
        except Sourced as more:
            found[more.name] = (more.source, more.metadata)
        except Unsatisfiable as failure:
            raise _no_solution(failure, inputs, worlds, region) from None


def _no_solution(failure: Unsatisfiable, inputs: "Inputs", worlds: Worlds, region: Region) -> NoSolution:
    """Explain, and say for which part of the world."""
    here = worlds.of_region(region)
    markers = {**inputs.target.markers, "python_full_version": worlds.lowest_python(here)}
    error = no_solution(failure.proof, inputs.replaced(target=Target(markers, ())))
    where = worlds.text(here, worlds.everything)
    if not where:
        return error
    return NoSolution(error.message, context=(f"Where {where}:", *error.context), hint=error.hint)


class UniversalProvider(CatalogueProvider):
    """Be the solver's `Provider` in one region of the world: a marker applies if it is true anywhere in it."""

    def __init__(
        self,
        inputs: "Inputs",
        catalogue: "Catalogue",
        worlds: Worlds,
        region: Region,
        siblings: "Mapping[str, Sequence[str]]",
        fewest: bool,
        found: "dict[str, tuple[Source, Metadata]]",
    ) -> None:
        self._worlds = worlds
        self._region = region
        self._siblings = siblings
        self._fewest = fewest
        # (name, extra, position) -> requirements with their markers; (None, "", 0) is the user
        self.edges: dict[tuple[str | None, str, int], Sequence[Requirement]] = {}
        super().__init__(inputs, catalogue, found=found)
        self._sources = {**self._given_sources(), **found}

    def _given_sources(self) -> "dict[str, tuple[Source, Metadata]]":
        """Return the sources that the user names here: another fork may take another one, or the index."""
        found: dict[str, tuple[Source, Metadata]] = {}
        constraints = (c for c in self._inputs.constraints if self.applies(c.marker))
        for requirement in (*self.rules.asked, *constraints):
            if requirement.source is None or requirement.name in found:
                continue
            given = self._inputs.sources.get(requirement.name)
            if given is not None and same_source(given[0], requirement.source):
                found[requirement.name] = given
            elif self._inputs.source_metadata is not None:
                found[requirement.name] = requirement.source, self._inputs.source_metadata(requirement)
        return found

    def _here(self) -> int:
        return self._worlds.of_region(self._region)

    def within(self, marker: str, extra: str = "") -> int:
        """Return the worlds of this region in which a marker holds."""
        meant = plain(marker, (extra,) if extra else ())
        self._worlds.learn(meant)
        return self._worlds.of(meant) & self._here()

    def applies(self, marker: str) -> bool:
        """Tell whether a marker holds anywhere here. Raises InvalidMarker."""
        try:
            return self._holds[marker]
        except (KeyError, AttributeError):
            answer = bool(self.within(marker))
            if hasattr(self, "_holds"):
                self._holds[marker] = answer
            return answer

    def _holds_here(self, marker: str, extra: str) -> bool:
        if not extra:
            return self.applies(marker)
        if "extra" not in marker:
            return False
        self.within(marker)  # both have to be learned before either is compared: the grid may grow
        return bool(self.within(marker, extra) & ~self.within(marker))

    def _wide(self, name: str) -> "Universe":
        universe = super()._wide(name)
        for version in self._siblings.get(name, ()):
            if not (universe.prereleases_last and is_prerelease(version)):
                universe.prefer(version)
        return universe

    def _constrain(self, universe: "Universe") -> None:
        self._divide([plain(constraint.marker) for constraint in self.rules.constraints(universe.name)])
        super()._constrain(universe)

    def _check_python(self, requires_python: str) -> None:
        """Divide where a version supports some of the Pythons here. Raises Unusable, Split."""
        wanted = _python_marker(requires_python)
        self._worlds.learn(wanted)
        here = self._here()
        supported = self._worlds.of(wanted) & here
        if supported == here:
            return
        if not supported or self._fewest:
            raise Unusable("requires-python", requires_python)
        self._divide([wanted])

    def _meet(self, parent: "tuple[str, int] | None", extra: str, requirements: "Sequence[Requirement]") -> None:
        name, position = parent or (None, 0)
        self.edges[name, extra, position] = requirements
        asked: dict[str, list[Requirement]] = {}
        for requirement in requirements:
            if requirement.name != name:
                asked.setdefault(requirement.name, []).append(requirement)
        dividing = [marker for group in asked.values() for marker in self._dividing(group, extra)]
        if dividing:
            extras = (extra,) if extra else ()
            self._divide(dividing, [plain(r.marker, extras) for r in requirements if _is_capped(r.specifier)])

    def _dividing(self, group: "list[Requirement]", extra: str) -> "list[Marker]":
        """Return the markers of requirements on one project that divide the region."""
        extras = (extra,) if extra else ()
        markers = {str(marker): marker for marker in (plain(r.marker, extras) for r in group)}
        if len(markers) > 1 and len({(r.specifier, str(r.source)) for r in group}) > 1:
            return list(markers.values())
        return [marker for marker in markers.values() if self._raises_python(marker)]

    def _raises_python(self, marker: "Marker") -> bool:
        """Tell whether a marker holds only for newer Pythons than the oldest here."""
        self._worlds.learn(marker)
        here = self._here()
        inside = self._worlds.of(marker) & here
        return bool(inside) and self._worlds.lowest_python(inside) != self._worlds.lowest_python(here)

    def _divide(self, markers: "Sequence[Marker]", capped: "Sequence[Marker]" = ()) -> None:
        """Split the region along markers, if any of them holds in a part of it only. Raises Split.

        `capped` are the markers of what is asked for with an upper bound.
        """
        for marker in markers:
            self._worlds.learn(marker)
        regions = [self._region]
        for marker in markers:
            regions = [part for region in regions for part in self._halves(region, marker)]
        if len(regions) > 1:
            sets = [self._worlds.of_region(region) for region in regions]
            raise Split(regions, [sum(1 for marker in capped if self._worlds.of(marker) & one) for one in sets])

    def _halves(self, region: Region, marker: "Marker") -> list[Region]:
        here = self._worlds.of_region(region)
        inside = self._worlds.of(marker) & here
        return [region] if inside in (0, here) else [region.within(marker), region.without(marker)]


def _is_capped(specifier: str) -> bool:
    """Tell whether a specifier has an upper bound."""
    return any(clause.operator in ("<", "<=", "==", "===", "~=") for clause in clauses(repaired(specifier) or ""))


def _python_marker(requires_python: str) -> "Marker":
    """Return a Requires-Python as a marker, without its upper bounds (see `versions.admits_python`).

    Nor does a single release count that is left out (`!=3.14.1`, as networkx has it): it would divide the world for the
    sake of a Python that is soon replaced, and make `==` of such a version unsolvable. Whoever has it is told when he installs.
    """
    parts = []
    for clause in clauses(repaired(requires_python) or ""):
        if clause.operator in (">=", ">"):
            parts.append(Comparison("python_full_version", clause.operator, clause.version))
        elif clause.operator in ("==", "~="):
            parts.append(Comparison("python_full_version", ">=", clause.version))
        elif clause.operator == "!=" and clause.wildcard:
            parts.append(Comparison("python_full_version", "!=", f"{clause.version}.*"))
    return both(*parts) if parts else ALWAYS


class _Fork:
    """One region with what was chosen in it."""

    def __init__(self, region: Region, provider: UniversalProvider, chosen: "list[Package]") -> None:
        self.region: Final = region
        self.provider: Final = provider
        self.chosen: Final = {(p.universe.name, p.extra): p for p in chosen}

    def prefer(self, siblings: dict[str, list[str]]) -> None:
        """Let the forks to come prefer what was chosen here."""
        for (name, extra), package in self.chosen.items():
            version = package.universe.version(package.decided)
            known = siblings.setdefault(name, [])
            if not extra and package.universe.source is None and version not in known:
                known.append(version)

    def reached(self) -> dict[tuple[str, str], int]:
        """Return the worlds from which each chosen package is needed, along the markers of the edges."""
        reached: dict[tuple[str, str], int] = {}
        waiting: list[tuple[str, str]] = []

        def reach(requirement: "Requirement", worlds: int) -> None:
            for extra in ("", *requirement.extras):
                target = requirement.name, extra
                known = reached.get(target, 0)
                if worlds & ~known:
                    reached[target] = known | worlds
                    waiting.append(target)

        for requirement in self.provider.edges[None, "", 0]:
            reach(requirement, self.provider.within(requirement.marker))
        while waiting:
            name, extra = waiting.pop()
            package = self.chosen[name, extra]
            for requirement in self.provider.edges.get((name, extra, package.decided), ()):
                reach(requirement, reached[name, extra] & self.provider.within(requirement.marker, extra))
        return reached


class _Merged:
    """One version of one project, as all forks together have it."""

    def __init__(self, universe: "Universe", position: int) -> None:
        self.universe: Final = universe
        self.position: Final = position
        self.worlds = 0
        self.extras: set[str] = set()


def _merged(forks: list[_Fork], worlds: Worlds, whole: "Sequence[Region]") -> Resolution:
    care = 0
    for region in whole:
        care |= worlds.of_region(region)
    versions: dict[tuple[str, str, str], _Merged] = {}
    parents: dict[str, dict[str, None]] = {}
    origins: dict[str, dict[str, None]] = {}
    warnings: dict[str, None] = {}
    for fork in forks:
        for (name, extra), where in fork.reached().items():
            package = fork.chosen[name, extra]
            version = package.universe.version(package.decided)
            known = versions.setdefault(
                (name, version, str(package.universe.source)), _Merged(package.universe, package.decided)
            )
            known.worlds |= where
            if extra:
                known.extras.add(extra)
        _note_parents(fork, parents, origins)
    order = sorted(versions, key=lambda key: (key[0], version_key(key[1]), key[2]))
    rules = [fork.provider.rules for fork in forks]
    for one_rules in rules:
        warnings.update(dict.fromkeys(one_rules.warnings()))
    requested = {name for one in rules for name in one.direct}
    pins = []
    for name, version, _ in order:
        one = versions[name, version, _]
        for extra in sorted(one.extras):
            if extra not in _metadata(forks, one).provides_extra:
                warnings[f"`{name}` {version} has no extra `{extra}`"] = None
        pins.append(
            Pin(
                name,
                version,
                source=one.universe.source,
                digests=_digests(forks, name),
                extras=tuple(sorted(one.extras)),
                requested=name in requested,
                marker=worlds.text(one.worlds, care),
            )
        )
    names = sorted({pin.name for pin in pins})
    return Resolution(
        tuple(pins),
        {name: (*origins.get(name, ()), *sorted(parents.get(name, ()))) for name in names},
        tuple(warnings),
    )


def _metadata(forks: list[_Fork], one: _Merged) -> "Metadata":
    """Return the metadata of a version from the fork that chose it."""
    for fork in forks:
        package = fork.chosen.get((one.universe.name, ""))
        if package is not None and package.universe is one.universe:
            return fork.provider.metadata(one.universe, one.position)
    raise LookupError(one.universe.name)


def _note_parents(fork: _Fork, parents: dict[str, dict[str, None]], origins: dict[str, dict[str, None]]) -> None:
    reached = fork.reached()
    for requirement in fork.provider.edges[None, "", 0]:
        where = str(requirement.origin) if requirement.origin else "command line"
        origins.setdefault(requirement.name, {})[where] = None
    for name, extra in reached:
        package = fork.chosen[name, extra]
        for requirement in fork.provider.edges.get((name, extra, package.decided), ()):
            if requirement.name != name and (requirement.name, "") in reached:
                parents.setdefault(requirement.name, {})[name] = None
    for name, _ in reached:
        for constraint in fork.provider.rules.constraints(name):
            if constraint.origin:
                origins.setdefault(name, {})[str(constraint.origin)] = None


def _digests(forks: list[_Fork], name: str) -> "tuple[Digest, ...]":
    found: dict[Digest, None] = {}
    for fork in forks:
        for requirement in (*fork.provider.rules.asked, *fork.provider.rules.constraints(name)):
            if requirement.name == name:
                found.update(dict.fromkeys(requirement.digests))
    return tuple(found)
