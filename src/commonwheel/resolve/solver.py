"""PubGrub over sets of bits: choose one version of every package that is needed, or prove that nobody can.

Theory of operation
===================
The solver keeps, for each package, its *domain*: the set of states that are still possible, as the bits of one int.
Bit 0 is "absent", bit i the i-th version (`resolve.version_set`). All there is to do on a domain is `&`, `|` and `~`, which
for 2,500 versions takes a tenth of a microsecond. There are no intervals, and there is no special case for "not this
version": a set with bit 0 in it allows the package to be absent, a set without demands that it is there.

What is known are *incompatibilities*: packages with a set each, which in no solution can all hold. When every package
but one of an incompatibility lies within its set, the last one must leave its own: that is a *derivation*, written into
the package's history with its cause. When nothing can be derived any more, the open package of the highest priority is
*decided*: its most wanted version is tried, and what that version depends on is derived.

When all packages of an incompatibility lie within their sets, there is a *conflict*. `_analyse` asks which entry of the
history made it so, and replaces it by its cause, until what is left depends on an earlier level than the last one. That
incompatibility is learned, the decisions since then are taken back, and the same mistake is never made again. Should
nothing be left at all, the requirements contradict each other, and the tree of causes is the proof, which `report`
tells.

    level 0     what the user asks for, facts about single versions, and what follows from them
    level n     the n-th decision, and what follows from it and from the levels below

Three things differ from the textbook (Weizenbaum 2018, https://nex3.medium.com/pubgrub-2fb6470504f), and each of them
is what makes thousands of versions affordable:

1. Dependencies are not watched. An incompatibility from a dependency is asked only when a version is about to be decided:
   either one of them forbids the version, which is then derived to be impossible, or all of them are derived. Only
   learned incompatibilities are watched. Nothing is lost: each later change of a domain only shrinks it.
2. Versions that say the same share one incompatibility, whose set grows while more of them are met. It stays a true
   fact, so growing it in place is sound.
3. A derivation is written at the lowest level that carries it, wherever the search stands now. What follows from
   level 0 is never taken back, and so never derived a second time; otherwise each of a thousand rejected versions of
   boto3 would be rejected again after each change of mind about botocore.

A history is therefore ordered by (level, moment), and so is the proof: every entry stems from entries before it in this
order, which is why `_analyse` comes to an end.

Extras are packages of their own, `x[e]`, in the same universe as `x`; so are dependency groups, whose names begin with `:`. Whoever needs `x[e]` needs `x` too, `x` is
always decided first, and `x[e]` takes the same version or none.

The order in which packages are decided is uv's: by project, a given source first, then one version (`==`), then what
conflicts threw out often, then what threw others out often, then the rest as first seen. It is a heuristic, but it is
the one under which the projects of this world resolve quickly (a "fewest candidates first" order wandered through
metadata for minutes). To uv a requirement with an extra or under a marker is a package of its own, which demands one
version of its project: that of the decision. So a project that is needed in such a way counts as pinned once it was
decided, which brings the decisions that hold many others together to the front.

Of several reasons against a version the one that was there first is blamed: it is taken back last, so it speaks
against the most versions, and it is the one whose decision has to be reconsidered.

Laws of this file: no I/O, no clocks, no randomness. Everything comes through `Provider`, and the answers, not the
moment of their arrival, decide what comes out.
"""

from heapq import heappop, heappush

from commonwheel.resolve.packages import (
    MOMENTS,
    RANK_CULPRIT,
    RANK_PINNED,
    RANK_VICTIM,
    Asked,
    Assignment,
    Barred,
    Derived,
    Incompatibility,
    Needs,
    Package,
    Project,
    Several,
    Tied,
)
from commonwheel.resolve.provider_protocol import Dependency, Unusable
from commonwheel.resolve.version_set import ABSENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonwheel.resolve.packages import Cause
    from commonwheel.resolve.provider_protocol import Provider


# So many conflicts make a project a victim or a culprit (uv's number).
CONFLICTS = 5


class Exhausted(Exception):
    """There were more conflicts than whoever asked wanted to wait for."""


class Unsatisfiable(Exception):
    """There is no solution; `proof` is an incompatibility without terms, whose causes are the reasons."""

    def __init__(self, proof: Incompatibility) -> None:
        super().__init__()
        self.proof = proof


class Solver:
    """Solve one question once; give up after `patience` conflicts, if there is a limit."""

    def __init__(self, provider: "Provider", patience: int | None = None) -> None:
        self._provider = provider
        self._patience = patience
        self._projects: dict[str, Project] = {}
        self._level = 0
        self._moment = 0
        # for each level, the packages whose history was written at that level; what is at level 0 stays
        self._trail: list[list[Package]] = [[]]
        self._changed: list[Package] = []
        self._unforeseen: list[Package] = []
        self._reranked: list[tuple[Project, int]] = []
        self._before: list[Project] = []  # whose decisions are to be taken back, so that a victim comes before them
        self._learned: dict[tuple[Package, frozenset[tuple[Package, int]]], Incompatibility] = {}
        # (rank, order, index of the package in its project); entries may be out of date, see `_next`
        self._queue: list[tuple[int, int, int, Package]] = []
        self._begun = False
        self._resolved: tuple[str, str, int] | None = None  # a version that was chosen before the state was copied

    def solve(self) -> list[Package]:
        """Return every decided package, in the order in which their projects were met. Raises Unsatisfiable, Exhausted.

        Some of them may have become unnecessary after a change of mind; whoever follows the dependencies from what was
        asked for meets only what is needed.
        """
        if not self._begun:
            asked = self._provider.asked()
            self._begun = True
            for dependency in asked:
                self._ask(dependency)
        while True:
            self._propagate()
            self._rerank()
            self._foresee()
            package = self._next()
            if package is None:
                return [p for project in self._projects.values() for p in project.packages() if p.decided]
            self._try(package)

    def decided(self) -> "dict[tuple[str, str], int]":
        """Return the position of each version that is decided now, by (name, extra)."""
        packages = (package for project in self._projects.values() for package in project.packages())
        return {(package.universe.name, package.extra): package.decided for package in packages if package.decided}

    # --- copying ----------------------------------------------------------------------------------------------

    def copied(self, provider: "Provider", resolved: "tuple[str, str, int] | None" = None) -> "Solver":
        """Return a solver that goes on from here with another provider, which must know the same universes.

        Meant for a provider whose `asked` or `dependencies` ended with an error of its own: what was decided, derived and
        learned until then holds in the copy too. `resolved` (name, extra, position) is the version that is tried next.
        """
        copy = Solver(provider, self._patience)
        copier = _Copier(self._projects)
        for incompatibility in copier.found(self._learned.values()):
            copier.incompatibility(incompatibility)
        copier.finish()
        copy._projects = copier.projects
        copy._level, copy._moment, copy._begun, copy._resolved = self._level, self._moment, self._begun, resolved
        of = copier.packages
        copy._trail = [[of[package] for package in packages] for packages in self._trail]
        copy._changed = [of[package] for package in self._changed]
        copy._unforeseen = [of[package] for package in self._unforeseen]
        copy._reranked = [(copier.projects[p.universe.name], rank) for p, rank in self._reranked]
        copy._before = [copier.projects[p.universe.name] for p in self._before]
        copy._learned = {
            (of[package], frozenset((of[other], states) for other, states in others)): copier.known[id(known)]
            for (package, others), known in self._learned.items()
        }
        copy._queue = [(rank, order, index, of[package]) for rank, order, index, package in self._queue]
        return copy

    # --- asking -----------------------------------------------------------------------------------------------

    def _ask(self, dependency: Dependency) -> None:
        """Demand what the user asks for: a fact about the needed package alone."""
        package = self._package(dependency)
        outside = package.universe.everything & ~dependency.wanted
        terms = {package: outside} if dependency.wanted else {}
        asked = Incompatibility(terms, Asked(package, dependency.wanted, dependency.requirement))
        if package.domain & dependency.wanted:
            self._derive(package, dependency.wanted, asked, 0)
        else:
            self._analyse(asked)

    def _package(self, dependency: Dependency) -> Package:
        """Return the package of a dependency, and let it rise in rank if it is pinned here."""
        project = self._projects.get(dependency.name)
        if project is None:
            universe = self._provider.universe(dependency.name)
            project = self._projects[dependency.name] = Project(universe, len(self._projects))
            for reason, detail, versions in universe.bars:
                fact = Incompatibility({project.base: versions}, Barred(project.base, reason, detail))
                self._exclude(project.base, fact)
        if dependency.pinned and project.rank > RANK_PINNED:
            self._move(project, RANK_PINNED)
        if dependency.extra or dependency.requirement.marker:
            project.tied = True
        if not dependency.extra:
            return project.base
        package = project.extras.get(dependency.extra)
        if package is None:
            package = Package(project, dependency.extra, len(project.extras) + 1)
            project.extras[dependency.extra] = package
        return package

    # --- propagation ------------------------------------------------------------------------------------------

    def _propagate(self) -> None:
        """Draw every conclusion from what was learned, until nothing changes."""
        while self._changed:
            package = self._changed.pop()
            if package.extra and not package.domain & ABSENT:
                self._tie(package)
            # the newest first: it stems from the conflict just met, and says more than the ones before
            for incompatibility in reversed(package.watchers):
                if self._apply(incompatibility):
                    break

    def _apply(self, incompatibility: Incompatibility) -> bool:
        """Derive what one incompatibility says now; tell whether that ended in a conflict (and a change of mind)."""
        last: Package | None = None
        states = 0
        for package, within in incompatibility.terms.items():
            domain = package.domain
            if domain & ~within:
                if last is not None or not domain & within:
                    return False
                last, states = package, within
        if last is None:
            self._analyse(incompatibility)
            return True
        self._derive(last, ~states, incompatibility, self._carrier(incompatibility, last))
        return False

    def _tie(self, package: Package) -> None:
        """Derive for a project what is known of an extra that is needed: they have the same version.

        The other direction needs no derivation, since a project is decided before its extras.
        """
        base, states = package.project.base, package.domain
        if base.domain & ~states:
            outside = package.universe.everything & ~states
            self._exclude(base, Incompatibility({package: states, base: outside}, Tied()))

    @staticmethod
    def _carrier(incompatibility: Incompatibility, package: Package) -> int:
        """Return the level from which on all other packages of an incompatibility are within their sets."""
        level = 0
        for other, within in incompatibility.terms.items():
            if other is not package:
                level = max(level, other.first_within(within).level)
        return level

    def _derive(self, package: Package, keep: int, cause: Incompatibility, level: int) -> None:
        """Narrow a domain to what it has in common with `keep`, which is something."""
        before = package.domain
        if not before & ~keep:
            return
        self._moment += 1
        package.narrow(level, self._moment, keep, cause)
        self._trail[level].append(package)
        self._changed.append(package)
        if before & ABSENT and not package.domain & ABSENT:
            self._enqueue(package)
        if not package.extra:
            self._unforeseen.append(package)
            if not package.domain & ~ABSENT:
                self._provider.lost(package.universe)

    def _exclude(self, package: Package, reason: Incompatibility) -> None:
        """Rule out the versions of a package in an incompatibility whose other packages are within their sets.

        If they are all that is left of it now, that is a conflict, and they are ruled out after the change of mind.
        """
        while not package.domain & ~reason.terms[package]:
            self._analyse(reason)
            if not reason.forbids(package):
                return
        self._derive(package, ~reason.terms[package], reason, self._carrier(reason, package))

    # --- decisions --------------------------------------------------------------------------------------------

    def _next(self) -> Package | None:
        """Return the open package of the highest priority, or None when all is decided."""
        queue = self._queue
        while queue:
            rank, _, _, package = queue[0]
            if package.open and rank == package.project.rank:
                return package
            # decided meanwhile, not needed any more, or queued again under another rank
            heappop(queue)
        return None

    def _enqueue(self, package: Package) -> None:
        project = package.project
        heappush(self._queue, (project.rank, project.order, package.index, package))

    def _try(self, package: Package) -> None:
        """Decide a package, or find out that the version in question is impossible."""
        position = self._choose(package)
        try:
            needs = self._needs(package, position)
        except Unusable as unusable:
            fact = Incompatibility({package: 1 << position}, Barred(package, unusable.reason, unusable.detail))
            self._exclude(package, fact)
            return
        forbidding = [need for need in needs if need.forbids(package)]
        if forbidding:
            # this version, and all that say the same, are impossible as things stand
            first = min(forbidding, key=lambda need: self._carrier(need, package))
            self._blame(package.project, first)
            self._exclude(package, first)
            return
        self._decide(package, position)
        for need in needs:
            if not self._follow(need):
                return

    def _decide(self, package: Package, position: int) -> None:
        self._level += 1
        self._moment += 1
        self._trail.append([package])
        package.decided = position
        package.level = self._level
        package.domain = 1 << position
        package.history.append(Assignment(self._level, self._moment, package.domain, None))
        self._changed.append(package)
        if package.project.tied and package.project.rank > RANK_PINNED:
            self._move(package.project, RANK_PINNED)

    def _choose(self, package: Package) -> int:
        """Return the position of the version to try; an extra follows its project."""
        base = package.project.base
        if self._resolved is not None:
            name, extra, position = self._resolved
            self._resolved = None
            if (name, extra) == (package.universe.name, package.extra) and package.domain >> position & 1:
                return position
        return base.decided if package.extra else self._provider.choose(package.universe, package.domain)

    def _needs(self, package: Package, position: int) -> tuple[Incompatibility, ...]:
        """Return the incompatibilities of a version's dependencies. Raises Unusable."""
        needs = package.needs.get(position)
        if needs is None:
            dependencies = self._provider.dependencies(package.universe, package.extra, position)
            found = (self._need(package, position, dependency) for dependency in dependencies)
            needs = package.needs[position] = tuple(need for need in found if need is not None)
        return needs

    def _need(self, package: Package, position: int, dependency: Dependency) -> Incompatibility | None:
        """Return the incompatibility of one dependency, shared with the versions that say the same."""
        needed = self._package(dependency)
        wanted = dependency.wanted
        if needed is package:  # `x` depends on `x>=1`: nothing new, or a reason against this version
            if wanted >> position & 1:
                return None
            wanted = 0
        need = package.shared.get((needed, wanted))
        if need is None:
            terms = {package: 0}
            if wanted:
                terms[needed] = needed.universe.everything & ~wanted
            cause = Needs(package, needed, dependency.wanted, dependency.requirement)
            need = package.shared[needed, wanted] = Incompatibility(terms, cause)
        need.terms[package] |= 1 << position | dependency.sharers
        return need

    def _follow(self, need: Incompatibility) -> bool:
        """Derive what a dependency of the version just decided asks for; False when another one of its own forbids it."""
        cause = need.cause
        assert isinstance(cause, Needs)
        if not cause.needed.domain & cause.wanted:
            self._analyse(need)
            return False
        self._derive(cause.needed, cause.wanted, need, self._level)
        return True

    # --- conflicts --------------------------------------------------------------------------------------------

    def _analyse(self, conflict: Incompatibility) -> None:
        """Learn from a conflict: find its root, take back what led there, and derive the contrary.

        `conflict` must hold now: every package lies within its set. Raises Unsatisfiable when nothing is left of it.
        """
        if self._patience is not None:
            self._patience -= 1
            if self._patience < 0:
                raise Exhausted
        while conflict.terms:
            package, latest, before = self._latest(conflict)
            if latest.level:
                if latest.cause is not None:
                    before = max(before, self._level_without(package, latest.cause, conflict))
                if latest.cause is None or before < latest.level:
                    self._blame(package.project, conflict)
                    self._jump(before)
                    self._learn(conflict, package)
                    return
            assert latest.cause is not None
            conflict = _resolvent(conflict, latest.cause, package)
        raise Unsatisfiable(conflict)

    @staticmethod
    def _latest(conflict: Incompatibility) -> tuple[Package, Assignment, int]:
        """Return the package that entered its set last, the entry that did it, and the highest level of the others."""
        found: list[tuple[int, int, Package, Assignment]] = []
        for i, (package, states) in enumerate(conflict.terms.items()):
            assignment = package.first_within(states)
            found.append((assignment.time, i, package, assignment))
        _, index, package, latest = max(found)
        return package, latest, max((entry[3].level for entry in found if entry[1] != index), default=0)

    @staticmethod
    def _level_without(package: Package, cause: Incompatibility, conflict: Incompatibility) -> int:
        """Return the level of what a derivation had to build on to bring its package into the set of a conflict.

        The derivation alone says "outside of its cause's set". Where that is not enough, earlier entries did the rest.
        """
        outside = cause.terms[package]
        return package.first_within(conflict.terms[package] | outside).level

    def _jump(self, level: int) -> None:
        """Take back every decision above a level, with all that followed from it."""
        for packages in self._trail[level + 1 :]:
            for package in packages:
                package.forget(level)
                if package.open:
                    self._enqueue(package)
        del self._trail[level + 1 :]
        self._level = level

    def _learn(self, conflict: Incompatibility, package: Package) -> None:
        """Derive what an incompatibility says already (`package` must leave its set), and watch it from now on.

        At level 0 the derivation will never be taken back, and there is nothing to watch for; and what ties an extra to
        its project is found again whenever it matters.
        """
        if self._level and not isinstance(conflict.cause, Tied):
            conflict = self._remembered(conflict, package)
        self._exclude(package, conflict)

    def _remembered(self, conflict: Incompatibility, package: Package) -> Incompatibility:
        """Watch an incompatibility, or let one grow that says the same of other versions of `package`.

        Without this each version of boto3 that is tried leaves an incompatibility behind, and each later change of
        boto3 asks them all.
        """
        others = frozenset((other, states) for other, states in conflict.terms.items() if other is not package)
        known = self._learned.get((package, others))
        if known is None:
            known = self._learned[package, others] = Incompatibility(dict(conflict.terms), Several())
            for other in conflict.terms:
                other.watchers.append(known)
        assert isinstance(known.cause, Several)
        known.cause.parts.append(conflict)
        known.terms[package] |= conflict.terms[package]
        return known

    # --- looking ahead, and the order -------------------------------------------------------------------------

    def _foresee(self) -> None:
        """Pass the provider the projects that have to be decided, so that it can fetch ahead."""
        for package in self._unforeseen:
            if package.open:
                self._provider.foresee(package.universe, package.domain)
        self._unforeseen.clear()

    def _blame(self, victim: Project, conflict: Incompatibility) -> None:
        """Count a conflict for the project that was thrown out, and for those that did it."""
        culprits = {p.project: None for p in conflict.terms if p.project is not victim}
        if not culprits:
            return
        victim.victim += 1
        if victim.victim == CONFLICTS:
            self._reranked.append((victim, RANK_VICTIM))
            # Those that stand behind it from now on were decided before it, and would throw it out again and again.
            self._before += [culprit for culprit in culprits if culprit.rank > RANK_VICTIM]
        for culprit in culprits:
            culprit.culprit += 1
            if culprit.culprit == CONFLICTS:
                self._reranked.append((culprit, RANK_CULPRIT))

    def _rerank(self) -> None:
        """Decide victims sooner and culprits later, and take a culprit's decision back at once (uv's rule).

        A victim is no culprit: two that throw each other out would change places for ever.
        """
        while self._reranked:
            project, rank = self._reranked.pop(0)
            if project.rank in (rank, RANK_VICTIM):
                continue
            self._move(project, rank)
            if rank == RANK_CULPRIT:
                self._before.append(project)
        while self._before:
            project = self._before.pop()
            if project.base.decided:
                self._jump(project.base.level - 1)

    def _move(self, project: Project, rank: int) -> None:
        """Change the rank of a project, and queue its packages again under the new one."""
        project.rank = rank
        for package in project.packages():
            if package.open:
                self._enqueue(package)


class _Copier:
    """Copy projects and packages, and after them every incompatibility that speaks of them, with its causes."""

    def __init__(self, projects: dict[str, Project]) -> None:
        self.projects: dict[str, Project] = {}
        self.packages: dict[Package, Package] = {}
        self.known: dict[int, Incompatibility] = {}
        self._kept: list[Incompatibility] = []
        for name, project in projects.items():
            copy = self.projects[name] = Project(project.universe, project.order)
            copy.rank, copy.tied = project.rank, project.tied
            copy.victim, copy.culprit = project.victim, project.culprit
            self.packages[project.base] = copy.base
            for extra, package in project.extras.items():
                copy.extras[extra] = self.packages[package] = Package(copy, extra, package.index)

    def found(self, more: "Iterable[Incompatibility]") -> "list[Incompatibility]":
        """Return every incompatibility there is, causes before what follows from them."""
        roots = list(more)
        for package in self.packages:
            roots += [entry.cause for entry in package.history if entry.cause is not None]
            roots += package.watchers
            roots += package.shared.values()
            roots += [need for needs in package.needs.values() for need in needs]
        found: list[Incompatibility] = []
        seen: set[int] = set()
        waiting = [(root, False) for root in roots]
        while waiting:
            one, ready = waiting.pop()
            if ready:
                found.append(one)
            elif id(one) not in seen:
                seen.add(id(one))
                waiting.append((one, True))
                waiting += [(cause, False) for cause in _causes(one)]
        return found

    def incompatibility(self, one: Incompatibility) -> None:
        """Copy an incompatibility whose causes were copied."""
        of, cause = self.packages, one.cause
        copy = Incompatibility({of[package]: states for package, states in one.terms.items()}, self._cause(cause))
        self.known[id(one)] = copy
        self._kept.append(one)

    def _cause(self, cause: "Cause") -> "Cause":
        of, known = self.packages, self.known
        if isinstance(cause, Asked):
            return Asked(of[cause.package], cause.wanted, cause.requirement)
        if isinstance(cause, Needs):
            return Needs(of[cause.package], of[cause.needed], cause.wanted, cause.requirement)
        if isinstance(cause, Barred):
            return Barred(of[cause.package], cause.reason, cause.detail)
        if isinstance(cause, Derived):
            return Derived(known[id(cause.left)], known[id(cause.right)], of[cause.package])
        if isinstance(cause, Several):
            several = Several()
            several.parts.extend(known[id(part)] for part in cause.parts)
            return several
        return cause

    def finish(self) -> None:
        """Give the copied packages what their models have."""
        for package, copy in self.packages.items():
            copy.domain, copy.decided, copy.level = package.domain, package.decided, package.level
            copy.history = [self._entry(entry) for entry in package.history]
            copy.needs = {
                position: tuple(self.known[id(need)] for need in needs) for position, needs in package.needs.items()
            }
            copy.shared = {
                (self.packages[needed], wanted): self.known[id(need)]
                for (needed, wanted), need in package.shared.items()
            }
            copy.watchers = [self.known[id(watched)] for watched in package.watchers]

    def _entry(self, entry: Assignment) -> Assignment:
        cause = None if entry.cause is None else self.known[id(entry.cause)]
        return Assignment(entry.level, entry.time - entry.level * MOMENTS, entry.domain, cause)


def _causes(one: Incompatibility) -> "Sequence[Incompatibility]":
    if isinstance(one.cause, Derived):
        return one.cause.left, one.cause.right
    return one.cause.parts if isinstance(one.cause, Several) else ()


def _resolvent(conflict: Incompatibility, cause: Incompatibility, package: Package) -> Incompatibility:
    """Return what two incompatibilities say together about all other packages.

    Either `package` is within the conflict's set, or it is within the cause's; where the two make up everything, there
    is nothing to say about it any more.
    """
    terms = dict(conflict.terms)
    either = terms.pop(package) | cause.terms[package]
    if either != package.universe.everything:
        terms[package] = either
    for other, states in cause.terms.items():
        if other is not package:
            terms[other] = terms[other] & states if other in terms else states
    return Incompatibility(terms, Derived(conflict, cause, package))
