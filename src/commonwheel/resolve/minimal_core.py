"""Out of a proof, find the few facts that suffice, and prove it again from them.

What the solver leaves behind is the record of a search: whatever it tried first is in it, and a thousand versions of
boto3 stand there one by one. To explain is another matter than to search, so it is done afresh, on the facts alone:

1. take the facts at the leaves of the proof, in groups: what the versions of one project say of another;
2. *coarsen*: of a group say only that all of its versions need one of all those versions. That is less than what is
   known, and where it is still enough for a contradiction, nobody wants to read more;
3. *drop* every group without which the rest still contradicts itself;
4. *sharpen*: of barred versions name only those that somebody wants;
5. let the solver prove it from what is left.

Each attempt asks the solver a question of a few facts, mostly a fraction of a millisecond. Facts and conflicts are
counted, and when there were too many the attempt counts as failed: looking at a clock instead would make an explanation
depend on the machine.
"""

from commonwheel.model import Requirement
from commonwheel.resolve.packages import Asked, Barred, Derived, Incompatibility, Needs, Several
from commonwheel.resolve.provider_protocol import Dependency, Unusable
from commonwheel.resolve.solver import Exhausted, Solver, Unsatisfiable
from commonwheel.resolve.version_set import ABSENT, Universe, newest, positions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final

    from commonwheel.resolve.packages import Package

# Facts looked at in all attempts together, and conflicts in one: a second or two at worst.
_PATIENCE = 100_000
_CONFLICTS = 500
# Groups of more facts than this are dropped or kept as a whole.
_SMALL = 40
# Groups of up to so many facts are told as they are: what is coarser is harder to believe.
_FEW = 3


class Fact:
    """One thing that is true; `subject` and `needed` are (name, extra).

    kind     meaning
    asked    the user requires `wanted` of `needed`
    needs    `versions` of `subject` depend on `wanted` of `needed`
    barred   `versions` of `subject` cannot be used: `reason`, `detail`
    """

    __slots__ = ("detail", "kind", "needed", "reason", "requirement", "subject", "versions", "wanted")

    def __init__(
        self,
        kind: str,
        subject: tuple[str, str] = ("", ""),
        versions: int = 0,
        *,
        needed: tuple[str, str] = ("", ""),
        wanted: int = 0,
        requirement: Requirement | None = None,
        reason: str = "",
        detail: str = "",
    ) -> None:
        self.kind: Final = kind
        self.subject: Final = subject
        self.versions: Final = versions
        self.needed: Final = needed
        self.wanted: Final = wanted
        self.requirement: Final = requirement
        self.reason: Final = reason
        self.detail: Final = detail


def leaves(proof: Incompatibility) -> "Iterator[Incompatibility]":
    """Yield the facts that a proof rests on, each once, in the order in which the proof is read."""
    waiting, seen = [proof], {id(proof)}
    while waiting:
        incompatibility = waiting.pop()
        cause = incompatibility.cause
        if isinstance(cause, Derived):
            parts: Sequence[Incompatibility] = (cause.right, cause.left)
        elif isinstance(cause, Several):
            parts = cause.parts
        else:
            yield incompatibility
            continue
        for part in parts:
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)


def essence(proof: Incompatibility) -> Incompatibility:
    """Return a proof of the same contradiction that is as short as we can make it."""
    universes: dict[str, Universe] = {}
    groups: dict[object, list[Fact]] = {}
    for leaf in leaves(proof):
        found = _fact(leaf, universes)
        if found is not None:
            groups.setdefault(_group(found), []).append(found)
    court = _Court(universes)
    chosen = _coarsened([_merged(facts) for facts in groups.values()], court)
    return court.verdict(_sharpened(_needed(chosen, court), court)) or proof


def _fact(leaf: Incompatibility, universes: dict[str, Universe]) -> Fact | None:
    cause = leaf.cause
    for package in leaf.terms:
        universes[package.universe.name] = package.universe
    if isinstance(cause, Asked):
        universes[cause.package.universe.name] = cause.package.universe
        return Fact("asked", needed=_name(cause.package), wanted=cause.wanted, requirement=cause.requirement)
    if isinstance(cause, Needs):
        universes[cause.needed.universe.name] = cause.needed.universe
        return Fact(
            "needs",
            _name(cause.package),
            leaf.terms[cause.package],
            needed=_name(cause.needed),
            wanted=cause.wanted,
            requirement=cause.requirement,
        )
    if isinstance(cause, Barred):
        return Fact("barred", _name(cause.package), leaf.terms[cause.package], reason=cause.reason, detail=cause.detail)
    return None


def _name(package: "Package") -> tuple[str, str]:
    return package.universe.name, package.extra


def _group(fact: Fact) -> object:
    """Return what facts have in common that are kept or dropped together: `x` and `x[extra]` of one requirement, too."""
    if fact.kind == "asked":
        return fact.kind, id(fact.requirement)
    if fact.kind == "needs":
        return fact.kind, fact.subject, fact.needed[0], not fact.wanted
    return fact.kind, fact.subject, fact.reason, fact.detail if fact.reason == "constraint" else ""


def _merged(facts: list[Fact]) -> list[Fact]:
    """Take facts that bar versions for one reason as one, which loses nothing but the details of the older versions."""
    first = facts[0]
    if first.kind != "barred" or len(facts) == 1:
        return facts
    versions = 0
    for fact in facts:
        versions |= fact.versions
    telling = max(facts, key=lambda fact: newest(fact.versions))
    return [Fact("barred", first.subject, versions, reason=first.reason, detail=telling.detail)]


def _coarsened(groups: list[list[Fact]], court: "_Court") -> list[list[Fact]]:
    """Shrink each group as long as the rest is enough."""
    coarse = [_coarse(group) for group in groups]
    if court.contradicts(coarse):
        return coarse
    chosen = list(groups)
    for i, group in enumerate(groups):
        if len(coarse[i]) < len(group):
            attempt = [*chosen[:i], coarse[i], *chosen[i + 1 :]]
            if court.contradicts(attempt):
                chosen = attempt
    return chosen


def _coarse(group: list[Fact]) -> list[Fact]:
    """Return one fact for each needed package: all these versions need one of all those."""
    if group[0].kind != "needs" or len(group) <= _FEW:
        return group
    found: list[Fact] = []
    for needed in dict.fromkeys(fact.needed for fact in group):
        facts = [fact for fact in group if fact.needed == needed]
        if len(facts) == 1:
            found += facts
            continue
        wanted: dict[int, int] = {}
        versions = 0
        for fact in facts:
            versions |= fact.versions
            for position in positions(fact.versions):
                wanted[position] = wanted.get(position, -1) & fact.wanted
        if not all(wanted.values()):  # a version contradicts itself: that is the story
            return group
        all_wanted = 0
        for one in wanted.values():
            all_wanted |= one
        found.append(
            Fact(
                "needs",
                facts[0].subject,
                versions,
                needed=needed,
                wanted=all_wanted,
                requirement=_common(facts, all_wanted),
            )
        )
    return found


def _common(facts: list[Fact], wanted: int) -> Requirement:
    """Return a requirement that stands for several: one of theirs if it says it all, or one without a specifier."""
    for fact in facts:
        assert fact.requirement is not None
        if fact.wanted == wanted:
            return fact.requirement
    first = facts[0].requirement
    assert first is not None
    return Requirement(first.name, first.extras)


def _needed(groups: list[list[Fact]], court: "_Court") -> list[list[Fact]]:
    """Drop what is not needed, beginning with what was found last."""
    chosen = list(groups)
    for group in reversed(groups):
        attempt = [kept for kept in chosen if kept is not group]
        if court.contradicts(attempt):
            chosen = attempt
    for i, group in enumerate(chosen):
        if 1 < len(group) <= _SMALL and group[0].kind == "needs":
            kept = group
            for fact in group:
                fewer = [other for other in kept if other is not fact]
                if fewer and court.contradicts([*chosen[:i], fewer, *chosen[i + 1 :]]):
                    kept = fewer
            chosen[i] = kept
    return chosen


def _sharpened(groups: list[list[Fact]], court: "_Court") -> list[list[Fact]]:
    """Limit barred versions to those that a requirement wants, if that is enough."""
    chosen = list(groups)
    for i, group in enumerate(groups):
        barred = group[0]
        if barred.kind != "barred":
            continue
        wanted = [fact.wanted for other in groups for fact in other if fact.needed[0] == barred.subject[0]]
        common = barred.versions
        for one in wanted:
            common &= one
        if common and common != barred.versions:
            sharper = Fact("barred", barred.subject, common, reason=barred.reason, detail=barred.detail)
            attempt = [*chosen[:i], [sharper], *chosen[i + 1 :]]
            if court.contradicts(attempt):
                chosen = attempt
    return chosen


class _Court:
    """Let the solver judge whether facts contradict each other, as long as the patience lasts."""

    def __init__(self, universes: dict[str, Universe]) -> None:
        self._universes = universes
        self._patience = _PATIENCE

    def contradicts(self, groups: list[list[Fact]]) -> bool:
        """Return whether facts contradict each other; False when we are out of patience."""
        self._patience -= sum(map(len, groups))
        return self._patience > 0 and self.verdict(groups) is not None

    def verdict(self, groups: list[list[Fact]]) -> Incompatibility | None:
        """Return the proof that facts contradict each other, or None when they do not, or it takes too long to tell."""
        facts = _Facts([fact for group in groups for fact in group], self._universes)
        try:
            Solver(facts, _CONFLICTS).solve()
        except Unsatisfiable as contradiction:
            return contradiction.proof
        except Exhausted:
            self._patience -= _PATIENCE // 20
        return None


class _Facts:
    """Be the solver's `Provider`, and know nothing but facts."""

    def __init__(self, facts: list[Fact], universes: dict[str, Universe]) -> None:
        self._asked = [_dependency(fact) for fact in facts if fact.kind == "asked"]
        self._needs: dict[tuple[str, str], list[tuple[int, Dependency]]] = {}
        self._barred: dict[tuple[str, str], list[Fact]] = {}
        for fact in facts:
            if fact.kind == "needs":
                self._needs.setdefault(fact.subject, []).append((fact.versions, _dependency(fact)))
            elif fact.kind == "barred":
                self._barred.setdefault(fact.subject, []).append(fact)
        self._universes = {name: self._copied(universe) for name, universe in universes.items()}

    def _copied(self, universe: Universe) -> Universe:
        """Return a universe with the reasons that are among the facts, and with the note."""
        copy = universe.unbarred()
        for fact in self._barred.get((universe.name, ""), ()):
            copy.bar(fact.reason, fact.detail, fact.versions)
        return copy

    def asked(self) -> "Sequence[Dependency]":
        return self._asked

    def universe(self, name: str) -> Universe:
        return self._universes[name]

    def choose(self, universe: Universe, states: int) -> int:
        return universe.pick(states)

    def dependencies(self, universe: Universe, extra: str, position: int) -> "Iterable[Dependency]":
        package = universe.name, extra
        for fact in self._barred.get(package, ()) if extra else ():
            if fact.versions >> position & 1:
                raise Unusable(fact.reason, fact.detail)
        return [dependency for versions, dependency in self._needs.get(package, ()) if versions >> position & 1]

    def foresee(self, universe: Universe, states: int) -> None:
        """Nothing is fetched here."""

    def lost(self, universe: Universe) -> None:
        """Nothing can be widened here."""


def _dependency(fact: Fact) -> Dependency:
    name, extra = fact.needed
    assert fact.requirement is not None
    return Dependency(name, extra, fact.wanted, fact.requirement, sharers=fact.versions & ~ABSENT)
