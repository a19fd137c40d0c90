"""Solve in parts of the world: the same solver, its state copied where the world has to be divided.

A *part* is a set of environments, as a decision diagram over markers (`specs.marker_text`), with the conflicting extras
and groups that are chosen or left out in it. In one part each project has one version. Solving begins with one part (or
one for each environment that was asked for), and a part is divided

- where one package, or the user, asks several things of one project under different markers;
- where one of its markers wants a newer Python than the oldest of the part;
- where a version supports only newer Pythons than that (strategy `requires-python`);
- where a version has no file for an environment that is required;
- where items of a conflict are asked for: one part without all of them, one for each.

What was decided before stays decided in every part: the solver's state is copied. So does what follows from markers that
hold in the other part only. Packages that do not know each other divide nothing: these are uv's rules, in uv's order, since
what one part chose is preferred in the next, and the order is thereby part of the result.
"""

import copy

from commonwheel.resolve.candidate_rules import same_source
from commonwheel.resolve.locked import Preference
from commonwheel.resolve.provider import CatalogueProvider, Sourced
from commonwheel.resolve.provider_protocol import Unusable
from commonwheel.resolve.request import Inputs
from commonwheel.resolve.solver import Solver, Unsatisfiable
from commonwheel.specs import marker_text as diagrams
from commonwheel.specs.markers import InvalidMarker
from commonwheel.specs.versions import InvalidSpecifier, clauses, is_prerelease, repaired, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Final, TypeAlias

    from commonwheel.model import Metadata, Requirement
    from commonwheel.resolve.locked import Item, Member
    from commonwheel.resolve.packages import Package
    from commonwheel.resolve.provider import Catalogue
    from commonwheel.resolve.provider_protocol import Dependency
    from commonwheel.resolve.request import Source
    from commonwheel.resolve.version_set import Universe
    from commonwheel.specs.marker_text import Cut, Diagram

    # what a package asks for, and where
    Need: TypeAlias = tuple[Requirement, Diagram]

FORK_STRATEGIES = ("requires-python", "fewest")


class Part:
    """Some environments, with the items of conflicts that are chosen and left out there."""

    __slots__ = ("excluded", "included", "marker")

    def __init__(
        self, marker: "Diagram", included: "frozenset[Item]" = frozenset(), excluded: "frozenset[Item]" = frozenset()
    ) -> None:
        self.marker: Final = marker
        self.included: Final = included
        self.excluded: Final = excluded

    def within(self, marker: "Diagram") -> "Part":
        """Return the part of it where a marker holds."""
        return Part(diagrams.conjunction(self.marker, marker), self.included, self.excluded)

    def choosing(self, chosen: "Item | None", others: "Iterable[Item]") -> "Part | None":
        """Return it with one item chosen and others left out; None if that contradicts what was chosen before."""
        without = {item for item in others if item != chosen}
        if chosen in self.excluded or not without.isdisjoint(self.included):
            return None
        return Part(self.marker, self.included | {chosen} if chosen else self.included, self.excluded | without)

    def whole(self) -> "Diagram":
        """Return its diagram with the items as variables."""
        found = self.marker
        for item in self.included:
            found = diagrams.conjunction(found, diagrams.chosen(item.variable))
        for item in self.excluded:
            found = diagrams.without(found, diagrams.chosen(item.variable))
        return found


class Split(Exception):
    """A part has to be divided: `parts` in the order in which they are put off, the last one is solved first.

    `resolved` is the (name, extra, position) whose dependencies divide it, or None.
    """

    def __init__(self, parts: "Sequence[Part]", resolved: "tuple[str, str, int] | None") -> None:
        super().__init__()
        self.parts = parts
        self.resolved = resolved


class Question:
    """What all parts share: what is asked, of which catalogue, and what was chosen in the parts before.

    `pythons` is where the world begins (and ends). `coverage` tells (name, version) -> the marker of the environments for
    which a version has a file, "" for all; it is asked where environments are `required`.
    """

    def __init__(  # noqa: PLR0913 - one question has this many sides
        self,
        inputs: Inputs,
        catalogue: "Catalogue",
        requires_python: str,
        *,
        environments: "Sequence[Diagram]" = (),
        fork_strategy: str = "requires-python",
        members: "Sequence[Member]" = (),
        conflicts: "Sequence[Sequence[Item]]" = (),
        preferences: "Mapping[str, Sequence[Preference]] | None" = None,
        required: "Sequence[Diagram]" = (),
        coverage: "Callable[[str, str], str] | None" = None,
    ) -> None:
        self.required: Final = tuple(required) if coverage is not None else ()
        self.coverage: Final = coverage
        self.inputs: Final = inputs
        self.catalogue: Final = catalogue
        self.pythons: Final = diagrams.python_range(requires_python)
        self.environments: Final = tuple(environments)
        self.divides_pythons: Final = fork_strategy != "fewest"
        self.fewest: Final = fork_strategy == "fewest" or inputs.resolution == "lowest"
        self.members: Final = {member.requirement.name: member for member in members}
        self.conflicts: Final = tuple(conflicts)
        self.items: Final = {item for items in conflicts for item in items}
        self.preferences: Final[Mapping[str, Sequence[Preference]]] = preferences or {}
        # name -> version -> where parts before chose it
        self.siblings: Final[dict[str, dict[str, Diagram]]] = {}
        self.direct: Final[dict[str, list[Diagram]]] = {}
        for extras, requirement in self._own():
            marker = diagrams.assuming_extras(diagrams.diagram(requirement.marker), extras)
            self.direct.setdefault(requirement.name, []).append(marker)

    def _own(self) -> "Iterable[tuple[tuple[str, ...], Requirement]]":
        """Yield what the user and the members ask for, each with the extras that count."""
        for requirement in self.inputs.requirements:
            yield (), requirement
        for member in self.members.values():
            for requirement in member.metadata.requires:
                yield member.metadata.provides_extra, requirement
            for requirements in member.groups.values():
                for requirement in requirements:
                    yield (), requirement

    def preferred(self, name: str) -> "Sequence[Preference]":
        """Return the versions of a project to try first, of an earlier lock or of an output file."""
        known = self.preferences.get(name)
        return [Preference(version) for version in self.inputs.preferred(name)] if known is None else known

    def lowest(self, marker: "Diagram") -> "Cut":
        """Return where the Pythons of a marker begin, or of the whole world, whichever is newer."""
        return max(diagrams.lowest_python(marker), diagrams.lowest_python(self.pythons))

    def begin(self) -> list[Part]:
        """Return the parts to begin with, in the order in which they are put off."""
        if not self.environments:
            return [Part(diagrams.ALWAYS)]
        parts = [Part(marker) for marker in reversed(self.environments)]
        return sorted(parts, key=lambda part: diagrams.lowest_python(part.marker), reverse=self.fewest)

    def prefer(self, fork: "Fork") -> None:
        """Let the parts to come prefer what was chosen in one."""
        if self.inputs.resolution == "lowest-direct":
            return
        for (name, extra), package in fork.chosen.items():
            if not extra and package.universe.source is None:
                version = package.universe.version(package.decided)
                known = self.siblings.setdefault(name, {})
                known[version] = diagrams.disjunction(known.get(version, diagrams.NEVER), fork.part.marker)


class Fork:
    """One part with what was chosen in it, and who needs what under which marker."""

    def __init__(self, part: Part, provider: "ForkProvider", chosen: "list[Package]") -> None:
        self.part: Final = part
        self.provider: Final = provider
        self.chosen: Final = {(p.universe.name, p.extra): p for p in chosen}

    def needs(self, name: "str | None", extra: str) -> "Sequence[Need]":
        """Return what a chosen package asks for; `None` is the user."""
        if name is None:
            return self.provider.edges[None, "", 0]
        return self.provider.edges.get((name, extra, self.chosen[name, extra].decided), ())


class Failed(Exception):
    """There is no solution in one part."""

    def __init__(self, part: Part, failure: Unsatisfiable) -> None:
        super().__init__()
        self.part = part
        self.failure = failure


def solve_forks(question: Question) -> list[Fork]:
    """Solve in every part; return them in the order in which they were solved. Raises Failed, and what the catalogue raises."""
    found: dict[str, tuple[Source, Metadata]] = {}
    while True:
        try:
            return _solve_all(question, found)
        except Sourced as more:  # a dependency named the source of a project that was taken from the index: begin anew
            found[more.name] = (more.source, more.metadata)
            question.siblings.clear()


def _solve_all(question: Question, found: "dict[str, tuple[Source, Metadata]]") -> list[Fork]:
    waiting: list[tuple[ForkProvider, Solver]] = []
    for part in question.begin():
        provider = ForkProvider(question, part, found)
        waiting.append((provider, _solver(provider)))
    forks: list[Fork] = []
    while waiting:
        provider, solver = waiting.pop()
        try:
            fork = Fork(provider.part, provider, solver.solve())
        except Split as split:
            for part in split.parts:
                copied = provider.copied(part)
                waiting.append((copied, _solver(copied, solver.copied(copied, split.resolved))))
            continue
        except Unsatisfiable as failure:
            raise Failed(provider.part, failure) from None
        forks.append(fork)
        question.prefer(fork)
    return forks


def _solver(provider: "ForkProvider", solver: Solver | None = None) -> Solver:
    """Return the solver of a provider, which may ask it what is decided."""
    provider.solver = solver or Solver(provider)
    return provider.solver


class ForkProvider(CatalogueProvider):
    """Be the solver's `Provider` in one part of the world: a marker applies if it is true anywhere in it."""

    def __init__(self, question: Question, part: Part, found: "dict[str, tuple[Source, Metadata]]") -> None:
        self.question: Final = question
        self.part = part
        self.solver: Solver | None = None
        self._found = found
        # (name, extra, position) -> what is asked for, with the markers; (None, "", 0) is the user
        self.edges: dict[tuple[str | None, str, int], Sequence[Need]] = {}
        super().__init__(question.inputs, question.catalogue, found=found)
        self.rules.heed([r for member in question.members.values() for r in _all_of(member)])
        self._sources = {**self._given_sources(), **found}

    def copied(self, part: Part) -> "ForkProvider":
        """Return a provider that goes on in one part of this one's, and knows what this one knows."""
        other = copy.copy(self)
        other._become(part)  # noqa: SLF001 - it is one of ours
        return other

    def _become(self, part: Part) -> None:
        """Take a part for one's own, and share with the provider before only what holds in both."""
        self.part = part
        self.edges = dict(self.edges)
        self._universes = dict(self._universes)
        self._ready = dict(self._ready)
        self._holds = {"": True}
        used = {name: known for name, known in self._sources.items() if name in self._universes}
        self._sources = {**self._given_sources(), **self._found, **used}

    def _given_sources(self) -> "dict[str, tuple[Source, Metadata]]":
        """Return the sources that the user names here: another part may take another one, or the index."""
        found: dict[str, tuple[Source, Metadata]] = {
            name: self._inputs.sources[name] for name in self.question.members if name in self._inputs.sources
        }
        constraints = (c for c in self._inputs.constraints if self.applies(c.marker))
        for requirement in (*self.rules.asked, *constraints):
            if requirement.source is None or requirement.name in found or not self.applies(requirement.marker):
                continue
            given = self._inputs.sources.get(requirement.name)
            if given is not None and same_source(given[0], requirement.source):
                found[requirement.name] = given
            elif self._inputs.source_metadata is not None:
                found[requirement.name] = requirement.source, self._inputs.source_metadata(requirement)
        return found

    # --- markers ------------------------------------------------------------------------------------------------

    def where(self, marker: str, extras: "tuple[str, ...]" = ()) -> "Diagram":
        """Return where a marker holds, with these extras asked for and no others. Raises InvalidMarker."""
        return diagrams.assuming_extras(diagrams.diagram(marker), extras)

    def _meets(self, marker: "Diagram") -> bool:
        """Return whether a marker holds anywhere in this part, on any Python there is."""
        here = diagrams.conjunction(self.part.marker, self.question.pythons)
        return not diagrams.disjoint(marker, here)

    def applies(self, marker: str) -> bool:
        """Return whether a marker holds anywhere here. Raises InvalidMarker."""
        try:
            return self._holds[marker]
        except (KeyError, AttributeError):
            answer = self._meets(self.where(marker))
            if hasattr(self, "_holds"):
                self._holds[marker] = answer
            return answer

    # --- what is asked ------------------------------------------------------------------------------------------

    def asked(self) -> "Sequence[Dependency]":
        """Return the user's requirements. Raises Split, SourceConflict, and InvalidSpecifier for a broken one."""
        self._check_sources()
        asked = [(requirement, self.where(requirement.marker)) for requirement in self.rules.asked]
        needs = self._divided(None, "", self._here(asked))
        self._expect(requirement for requirement, _ in needs)
        return [dependency for requirement, _ in needs for dependency in self._demands(requirement)]

    def dependencies(self, universe: "Universe", extra: str, position: int) -> "Sequence[Dependency]":
        """Return what a version depends on here, or what an extra or a group adds to that. Raises Unusable, Split."""
        if self._inputs.no_deps:
            return ()
        metadata = self._known_metadata(universe, position)
        self._check_python(metadata.requires_python)
        if universe.source is None and not extra:
            self._check_required(universe, position)
        try:
            asked = self._needs(universe, metadata, extra, position)
            needs = self._divided((universe.name, position), extra, asked)
            self._expect(requirement for requirement, _ in needs)
            found: list[Dependency] = []
            for requirement, _ in needs:
                found += self._demands(requirement, universe)
        except (InvalidMarker, InvalidSpecifier) as error:
            raise Unusable("metadata", f"its metadata is invalid: {error.message}") from error
        return found

    def _needs(self, universe: "Universe", metadata: "Metadata", extra: str, position: int) -> "list[Need]":
        """Return what a version, or one of its extras or groups, asks for here."""
        name = universe.name
        given = metadata.requires
        if extra.startswith(":"):
            given = self.question.members[name].groups[extra[1:]]
            return self._here([(r, self.where(r.marker)) for r in self._rewritten(given, universe, position)])
        requires = self._rewritten(given, universe, position)
        found: list[Need] = []
        seen: set[tuple[str, Diagram]] = set()
        waiting = [(extra, diagrams.ALWAYS)]
        while waiting:
            wanted, condition = waiting.pop(0)
            for requirement in requires:
                marker = self._because_of(requirement.marker, wanted)
                marker = diagrams.conjunction(marker, condition)
                if marker == diagrams.NEVER:
                    continue
                if requirement.name != name or not requirement.extras:
                    found.append((requirement, marker))
                    continue
                # an extra that asks for other extras of its own project has what they have
                if requirement.specifier:
                    found.append((requirement.replaced(extras=()), marker))
                for more in requirement.extras:
                    if (more, marker) not in seen:
                        seen.add((more, marker))
                        waiting.append((more, marker))
        return self._here(found)

    def _because_of(self, marker: str, extra: str) -> "Diagram":
        """Return where a marker holds; for an extra: where it holds because of it."""
        plain = self.where(marker)
        if not extra:
            return plain
        wanted = self.where(marker, (extra,)) if "extra" in marker else diagrams.NEVER
        return wanted if diagrams.without(wanted, plain) != diagrams.NEVER else diagrams.NEVER

    def _rewritten(
        self, requires: "Sequence[Requirement]", universe: "Universe", position: int
    ) -> "Sequence[Requirement]":
        return self.rules.rewritten(requires, universe.name, universe.version(position))

    def _here(self, needs: "Iterable[Need]") -> "list[Need]":
        """Return what is asked for in this part."""
        return [need for need in needs if self._meets(need[1])]

    # --- versions -------------------------------------------------------------------------------------------------

    def _constrain(self, universe: "Universe") -> None:
        """Bar what a constraint without a marker forbids; others are asked for together with what they constrain."""
        everywhere = [c for c in self.rules.constraints(universe.name) if self.where(c.marker) == diagrams.ALWAYS]
        self._bar_unless(universe, everywhere)

    def _wide(self, name: str) -> "Universe":
        universe = super()._wide(name)
        universe.preferred = ()  # they depend on the part, and the universe is shared by all
        return universe

    def _is_lowest(self, name: str) -> bool:
        """Return whether the oldest version of a project is wanted here."""
        if self._inputs.resolution != "lowest-direct":
            return self._inputs.resolution == "lowest"
        return any(self._meets(marker) for marker in self.question.direct.get(name, ()))

    def choose(self, universe: "Universe", states: int) -> int:
        """Return the version to try: one that an earlier lock or another part has, else as the modes say."""
        universe.lowest = self._is_lowest(universe.name)
        preferred = self._preferred(universe, states)
        return preferred or super().choose(universe, states)

    def _preferred(self, universe: "Universe", states: int) -> int:
        name = universe.name
        known: list[tuple[bool, bool, str]] = []
        if universe.source is None and not self._inputs.upgrades(name):
            for one in self.question.preferred(name):
                fits = not one.markers or any(self._meets(self.where(marker)) for marker in one.markers)
                known.append((not fits, False, one.version))
        for version, marker in self.question.siblings.get(name, {}).items():
            if not (universe.prereleases_last and is_prerelease(version)):
                known.append((diagrams.disjoint(marker, self.part.marker), True, version))
        known.sort(key=lambda one: version_key(one[2]), reverse=True)
        known.sort(key=lambda one: one[:2])
        for _, _, version in known:
            for position in universe.variants(version):
                if states >> position & 1:
                    return position
        return 0

    def foresee(self, universe: "Universe", states: int) -> None:
        """Fetch the metadata of the version that will be tried first, as things stand now."""
        universe.lowest = self._is_lowest(universe.name)
        preferred = self._preferred(universe, states)
        super().foresee(universe, 1 << preferred if preferred else states)

    # --- dividing ---------------------------------------------------------------------------------------------------

    def _check_python(self, requires_python: str) -> None:
        """Divide where a version supports only newer Pythons than the oldest here. Raises Unusable, Split."""
        bound = _lowest_supported(requires_python)
        if bound is None or bound <= self.question.lowest(self.part.marker):
            return
        newer = diagrams.python_from(bound)
        parts = [self.part.within(diagrams.negation(newer)), self.part.within(newer)]
        if not self.question.divides_pythons or not all(self._inhabited(part) for part in parts):
            raise Unusable("requires-python", requires_python)
        raise Split(parts, None)

    def _check_required(self, universe: "Universe", position: int) -> None:
        """Divide where a version has no file for a required environment in which it is needed. Raises Unusable, Split."""
        coverage = self.question.coverage
        if coverage is None:
            return
        for required in self.question.required:
            here = diagrams.conjunction(self.part.marker, required)
            if diagrams.disjoint(here, self.question.pythons):
                continue
            covered = diagrams.diagram(coverage(universe.name, universe.version(position)))
            if not diagrams.disjoint(covered, required) or diagrams.disjoint(here, self._needed(universe.name)):
                continue
            # as wide as may be without touching what is covered
            lacking = diagrams.restricted(required, diagrams.disjunction(required, covered))
            parts = [self.part.within(lacking), self.part.within(diagrams.negation(lacking))]
            if not all(self._inhabited(part) for part in parts):
                raise Unusable("required-environment", diagrams.text(required))
            raise Split(parts, None)

    def _needed(self, name: str) -> "Diagram":
        """Return where a project is needed, as far as that is decided now."""
        decided = self.solver.decided() if self.solver is not None else {}
        reached: dict[tuple[str, str], Diagram] = {}
        waiting: list[tuple[str | None, str]] = [(None, "")]
        while waiting:
            parent, extra = waiting.pop()
            here = diagrams.ALWAYS if parent is None else reached[parent, extra]
            for requirement, marker in self.edges.get((parent, extra, decided.get((parent or "", extra), 0)), ()):
                where = diagrams.conjunction(here, marker)
                for target in ((requirement.name, wanted) for wanted in ("", *requirement.extras)):
                    known = reached.get(target, diagrams.NEVER)
                    if not diagrams.disjoint(where, diagrams.negation(known)):
                        reached[target] = diagrams.disjunction(known, where)
                        waiting.append(target)
        return reached.get((name, ""), diagrams.ALWAYS)

    def _inhabited(self, part: Part) -> bool:
        return not diagrams.disjoint(part.marker, self.question.pythons)

    def _divided(self, parent: "tuple[str, int] | None", extra: str, needs: "Sequence[Need]") -> "Sequence[Need]":
        """Return what is asked for in this part, and take note of it. Raises Split where it does not do as one."""
        name, position = parent or (None, 0)
        branches = _Dividing(self.question, self.part).branches(list(self._constrained(needs)))
        if len(branches) > 1:
            parts = [branch.part for branch in self._ordered(branches)]
            raise Split(parts, None if name is None else (name, extra, position))
        found = branches[0].needs if branches else []
        self.edges[name, extra, position] = found
        return found

    def _constrained(self, needs: "Sequence[Need]") -> "Iterable[Need]":
        """Yield what is asked for, each with the constraints on it, which narrow it where both markers hold."""
        for requirement, marker in needs:
            yield requirement, marker
            for constraint in self.rules.constraints(requirement.name):
                both = diagrams.conjunction(marker, self.where(constraint.marker))
                if constraint.specifier and self._meets(both):
                    yield constraint.replaced(extras=()), both

    def _ordered(self, branches: "list[_Branch]") -> "list[_Branch]":
        """Sort parts for solving from the end: the newest Python first, then those with the most upper bounds, then the last.

        For the fewest versions the oldest Python is first. What a marker says counts here, even if the project's own
        range of Pythons makes it certain.
        """
        branches.sort(key=lambda one: one.capped())
        branches.sort(key=lambda one: diagrams.lowest_python(one.part.marker), reverse=self.question.fewest)
        return branches


class _Branch:
    """One part with what is asked for in it."""

    def __init__(self, part: Part, needs: "list[Need]") -> None:
        self.part: Final = part
        self.needs: Final = needs

    def capped(self) -> int:
        """Return how many requirements have an upper bound."""
        return sum(max(1, len(requirement.extras)) for requirement, _ in self.needs if _is_capped(requirement))


class _Dividing:
    """Divide a part by what one package (or the user) asks for."""

    def __init__(self, question: Question, part: Part) -> None:
        self._question = question
        self._part = part

    def branches(self, needs: "Sequence[Need]") -> list[_Branch]:
        by_name: dict[str, list[Need]] = {}
        for need in needs:
            by_name.setdefault(need[0].name, []).append(need)
        found = [_Branch(self._part, [])]
        for name in sorted(by_name):
            group = by_name[name]
            for need in group:
                if self._divides(group) and need[1] != diagrams.ALWAYS:
                    found = self._split(found, need)
                else:
                    found = [self._with(branch, need) for branch in found]
        for items in self._question.conflicts:
            found = [part for branch in found for part in self._chosen(branch, items)]
        return found

    def _divides(self, group: "Sequence[Need]") -> bool:
        """Return whether requirements on one project divide the part: by different markers, or by a newer Python."""
        if any(marker != group[0][1] for _, marker in group):
            return True
        return diagrams.lowest_python(group[0][1]) > self._question.lowest(self._part.marker)

    def _meets(self, branch: _Branch, marker: "Diagram") -> bool:
        return not diagrams.disjoint(branch.part.marker, marker)

    def _with(self, branch: _Branch, need: "Need") -> _Branch:
        return _Branch(branch.part, [*branch.needs, need]) if self._meets(branch, need[1]) else branch

    def _split(self, branches: "list[_Branch]", need: "Need") -> "list[_Branch]":
        """Divide each part into where a requirement does not hold, and where it does."""
        found: list[_Branch] = []
        for branch in branches:
            if not self._meets(branch, need[1]):
                found.append(branch)
                continue
            for marker in (diagrams.negation(need[1]), need[1]):
                if not self._meets(branch, marker):
                    continue
                part = branch.part.within(marker)
                if diagrams.disjoint(part.marker, self._question.pythons):
                    continue
                narrowed = _Branch(part, [])
                for one in (*branch.needs, *((need,) if marker == need[1] else ())):
                    narrowed = self._with(narrowed, one)
                found.append(narrowed)
        return found

    def _chosen(self, branch: _Branch, items: "Sequence[Item]") -> "list[_Branch]":
        """Divide by a conflict, if one of its items is asked for: without all of them, and with each alone."""
        if not any(_asks_for(requirement, item) for requirement, _ in branch.needs for item in items):
            return [branch]
        parts = [branch.part.choosing(item, items) for item in (None, *items)]
        return [_Branch(part, _without_excluded(branch.needs, part)) for part in parts if part is not None]


def _asks_for(requirement: "Requirement", item: "Item") -> bool:
    if requirement.name != item.package:
        return False
    wanted = item.extra or (f":{item.group}" if item.group else "")
    return wanted in requirement.extras if wanted else True


def _without_excluded(needs: "Sequence[Need]", part: Part) -> "list[Need]":
    """Return requirements without the extras and groups that a part leaves out."""
    found: list[Need] = []
    for requirement, marker in needs:
        out = [item for item in part.excluded if _asks_for(requirement, item)]
        if any(not item.extra and not item.group for item in out):
            continue
        if out:
            names = {item.extra or f":{item.group}" for item in out}
            requirement = requirement.replaced(extras=tuple(e for e in requirement.extras if e not in names))
        found.append((requirement, marker))
    return found


def _all_of(member: "Member") -> "Iterable[Requirement]":
    yield from member.metadata.requires
    for requirements in member.groups.values():
        yield from requirements


def _is_capped(requirement: "Requirement") -> bool:
    """Return whether a requirement has an upper bound."""
    specifier = repaired(requirement.specifier) or ""
    return any(clause.operator in ("<", "<=", "==", "===", "~=") for clause in clauses(specifier))


def _lowest_supported(requires_python: str) -> "Cut | None":
    """Return where the Pythons begin that a version supports; upper bounds and gaps do not count (see `admits_python`)."""
    found = diagrams.ALWAYS
    for clause in clauses(repaired(requires_python) or ""):
        if clause.operator in (">=", ">"):
            found = diagrams.conjunction(
                found, diagrams.diagram(f"python_full_version {clause.operator} '{clause.version}'")
            )
        elif clause.operator in ("==", "~=", "==="):
            found = diagrams.conjunction(found, diagrams.diagram(f"python_full_version >= '{clause.version}'"))
    return None if found == diagrams.ALWAYS else diagrams.lowest_python(found)
