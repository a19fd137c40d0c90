"""Solve for one target: the solver, begun anew where its universes have to grow, and what it chose as a graph."""

from commonwheel.errors import MetadataUnavailable
from commonwheel.model import Pin, Resolution
from commonwheel.resolve.packages import Needs
from commonwheel.resolve.provider import CatalogueProvider, Sourced, Widen
from commonwheel.resolve.report import narrowed_projects, no_solution
from commonwheel.resolve.solver import Solver, Unsatisfiable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.events import Reporter
    from commonwheel.model import Digest, Metadata
    from commonwheel.resolve.packages import Package
    from commonwheel.resolve.provider import Catalogue
    from commonwheel.resolve.request import Inputs, Source


def solve(inputs: "Inputs", catalogue: "Catalogue", reporter: "Reporter") -> Resolution:
    """Choose a version for everything that is needed.

    Pins are sorted by name and have no candidate yet. `parents` maps a name to who wants it: origins as text first, then
    names. The answer depends on the inputs and on what the catalogue offers, not on when it arrives. Raises NoSolution
    with the whole explanation, SourceConflict, and whatever the catalogue raises.
    """
    widened: set[str] = set()
    found: dict[str, tuple[Source, Metadata]] = {}
    task = reporter.begin("resolve", "dependencies")
    try:
        while True:
            provider = CatalogueProvider(inputs, catalogue, widened, found)
            try:
                chosen = Solver(provider).solve()
            except Widen as more:
                widened.add(more.name)
            except Sourced as more:
                found[more.name] = (more.source, more.metadata)
            except Unsatisfiable as failure:
                # a proof about installed versions alone says nothing about the others
                names = narrowed_projects(failure.proof)
                if not names:
                    raise no_solution(failure.proof, inputs) from None
                widened |= names
            else:
                return _Graph(inputs, provider, chosen).resolution()
    finally:
        reporter.end(task)


class _Graph:
    """Follow the dependencies from what the user asked for, so that nothing is chosen that nobody needs."""

    def __init__(self, inputs: "Inputs", provider: CatalogueProvider, chosen: "list[Package]") -> None:
        self._inputs = inputs
        self._provider = provider
        self._chosen = {(p.universe.name, p.extra): p for p in chosen}
        self._reached: dict[str, list[Package]] = {}
        self._origins: dict[str, dict[str, None]] = {}
        self._parents: dict[str, set[str]] = {}
        self._warnings = provider.rules.warnings()

    def resolution(self) -> Resolution:
        for dependency in self._provider.asked():
            package = self._chosen[dependency.name, dependency.extra]
            origin = dependency.requirement.origin
            self._origins.setdefault(dependency.name, {})[str(origin) if origin else "command line"] = None
            self._reach(package)
        for name in self._reached:
            for constraint in self._provider.rules.constraints(name):
                if constraint.origin:
                    self._origins.setdefault(name, {})[str(constraint.origin)] = None
        names = sorted(self._reached)
        return Resolution(
            tuple(self._pin(name) for name in names),
            {name: (*self._origins.get(name, ()), *sorted(self._parents.get(name, ()))) for name in names},
            tuple(self._warnings),
        )

    def _reach(self, first: "Package") -> None:
        waiting = [first]
        while waiting:
            package = waiting.pop()
            known = self._reached.setdefault(package.universe.name, [])
            if package in known:
                continue
            known.append(package)
            for need in package.needs[package.decided]:
                cause = need.cause
                assert isinstance(cause, Needs)
                name = cause.needed.universe.name
                if name != package.universe.name:
                    self._parents.setdefault(name, set()).add(package.universe.name)
                waiting.append(cause.needed)

    def _pin(self, name: str) -> Pin:
        packages = self._reached[name]
        base = self._chosen[name, ""]
        universe = base.universe
        extras = tuple(sorted(p.extra for p in packages if p.extra))
        if extras:
            self._check_extras(base, extras)
        return Pin(
            name,
            universe.version(base.decided),
            source=universe.source,
            digests=self._digests(name),
            extras=extras,
            requested=name in self._provider.rules.direct,
        )

    def _check_extras(self, base: "Package", extras: tuple[str, ...]) -> None:
        """Warn of an extra that the chosen version does not have: it brings in nothing, which is seldom meant."""
        if self._inputs.no_deps:
            return
        try:
            known = self._provider.metadata(base.universe, base.decided).provides_extra
        except MetadataUnavailable:  # pragma: no cover - it was there when the version was decided
            return
        for extra in extras:
            if extra not in known:
                version = base.universe.version(base.decided)
                self._warnings.append(f"`{base.universe.name}` {version} has no extra `{extra}`")

    def _digests(self, name: str) -> "tuple[Digest, ...]":
        """Return the hashes that the user's lines demand for a project."""
        lines = (*self._provider.rules.asked, *self._provider.rules.constraints(name))
        found: dict[Digest, None] = {}
        for requirement in lines:
            if requirement.name == name:
                found.update(dict.fromkeys(requirement.digests))
        return tuple(found)
