"""Explanations: true, sufficient, and without a word too many."""

import itertools
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet

from commonwheel.model import Requirement, Target
from commonwheel.resolve.minimal_core import Fact, _Court, _fact, _Facts, _group, essence, leaves
from commonwheel.resolve.packages import Asked, Barred, Incompatibility, Needs, Package, Tied
from commonwheel.resolve.provider import CatalogueProvider
from commonwheel.resolve.request import Inputs
from commonwheel.resolve.solver import Solver, Unsatisfiable
from commonwheel.resolve.version_set import ABSENT, Universe, positions
from kit.fake_catalogue import LINUX, requirement
from resolve.instances import Instance


def contradictions(count: int) -> Iterator[tuple[Instance, Incompatibility]]:
    """Yield instances without solution, with the solver's proof."""
    for seed in itertools.count():
        instance = Instance(seed)
        offers = instance.offers()
        inputs = Inputs(tuple(map(requirement, instance.asked)), Target(LINUX, ()))
        try:
            Solver(CatalogueProvider(inputs, offers)).solve()
        except Unsatisfiable as failure:
            yield instance, failure.proof
            count -= 1
            if not count:
                return


def true_of(leaf: Incompatibility, instance: Instance) -> bool:
    """Return whether a fact is true of an index; a fact about several requirements may say less than each of them."""
    cause = leaf.cause
    if isinstance(cause, Tied):
        return True
    if isinstance(cause, Asked):
        return any(
            one.name == cause.package.universe.name and admitted(one, cause.package.universe) & ~cause.wanted == 0
            for one in map(requirement, instance.asked)
        )
    assert isinstance(cause, (Needs, Barred))
    name, extra = cause.package.universe.name, cause.package.extra
    for position in positions(leaf.terms[cause.package]):
        what = instance.index[name][cause.package.universe.version(position)]
        if isinstance(cause, Barred):
            if "error" not in what:
                return False
            continue
        meant = [
            one
            for one in map(requirement, what["requires"])
            if one.name == cause.needed.universe.name
            and (f"'{extra}'" in one.marker if extra else not one.marker)
            and (not cause.needed.extra or cause.needed.extra in one.extras)
        ]
        together = -1
        for one in meant:
            together &= admitted(one, cause.needed.universe)
        if not meant or together & ~cause.wanted:
            return False
    return True


def admitted(one: Requirement, universe: Universe) -> int:
    return sum(2 << i for i, v in enumerate(universe.versions) if SpecifierSet(one.specifier).contains(v))


def test_every_fact_is_true() -> None:
    for instance, proof in contradictions(250):
        for leaf in leaves(essence(proof)):
            assert true_of(leaf, instance), instance.asked


def test_facts_contradict_each_other() -> None:
    """No assignment of states to packages is outside of every fact: brute force over what the facts name."""
    checked = 0
    for _, proof in contradictions(500):
        facts = list(leaves(essence(proof)))
        packages = list(dict.fromkeys(package for leaf in facts for package in leaf.terms))
        if any(not leaf.terms for leaf in facts):
            continue  # a package requires what does not exist: one fact is enough
        domains = [[ABSENT, *(1 << p for p in positions(package.universe.everything))] for package in packages]
        if len(list(itertools.islice(itertools.product(*domains), 20_000))) == 20_000:
            continue
        for states in itertools.product(*domains):
            state = dict(zip(packages, states, strict=True))
            if any(not fulfils_tie(package, state) for package in packages):
                continue
            assert any(all(state[p] & within for p, within in leaf.terms.items()) for leaf in facts)
        checked += 1
    assert checked > 100


def fulfils_tie(package: Package, state: dict[Package, int]) -> bool:
    """An extra has the version of its project, or is absent; where the project is not in the facts it is free."""
    base = package.project.base
    return not package.extra or base not in state or state[package] == ABSENT or state[package] == state[base]


def test_core_is_minimal() -> None:
    for instance, proof in contradictions(150):
        universes: dict[str, Universe] = {}
        groups: dict[object, list[Fact]] = {}
        for leaf in leaves(essence(proof)):
            fact = _fact(leaf, universes)
            if fact is not None:
                groups.setdefault(_group(fact), []).append(fact)
        court = _Court(universes)
        assert court.contradicts(list(groups.values()))
        for left_out in groups:
            assert not court.contradicts([facts for key, facts in groups.items() if key != left_out]), instance.asked


def test_effort_limit_counts_steps_not_time() -> None:
    court = _Court({})
    court._patience = 0
    assert not court.contradicts([])
    assert _Facts([], {}).asked() == []
