"""The solver against brute force, and its theory of operation point by point."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from commonwheel.events import Silence
from commonwheel.model import PathSource, Requirement, Target
from commonwheel.resolve.minimal_core import leaves
from commonwheel.resolve.provider import CatalogueProvider
from commonwheel.resolve.provider_protocol import Dependency, Unusable
from commonwheel.resolve.report import NoSolution
from commonwheel.resolve.request import Inputs
from commonwheel.resolve.resolution import solve
from commonwheel.resolve.solver import Solver, Unsatisfiable
from commonwheel.resolve.version_set import Universe
from kit.fake_catalogue import LINUX, FakeCatalogue, described, requirement
from resolve.instances import Instance

# CW_MANY=100000 for a long night
MANY = int(os.environ.get("CW_MANY", "700"))


def asked(instance: Instance, **fields: Any) -> Inputs:
    return Inputs(tuple(requirement(text) for text in instance.asked), Target(LINUX, ()), **fields)


def check(instance: Instance, seed: int, **fields: Any) -> bool:
    """Solve, and hold the answer against the definition of a solution; tell whether there was one."""
    told: tuple[str, ...] = ()
    try:
        resolution = solve(asked(instance, **fields), instance.offers(), Silence())
    except NoSolution as failure:
        told = failure.context
    if told:
        assert not instance.solvable(), seed
        assert told[-1].endswith("your requirements cannot be met."), seed
        return False
    chosen = {pin.name: pin.version for pin in resolution.pins}
    assert instance.closure(chosen) == set(chosen), seed
    return True


def test_random_instances_match_brute_force() -> None:
    solved = sum(check(Instance(seed), seed) for seed in range(MANY))
    assert MANY * 0.2 < solved < MANY * 0.8


def test_random_instances_with_other_preference_orders() -> None:
    """The order in which versions are tried changes the answer, never whether there is one."""
    for seed in range(MANY, MANY + MANY // 3):
        instance = Instance(seed)
        preferences = {name: instance.pick.choice(list(known)) for name, known in instance.index.items()}
        check(instance, seed, resolution="lowest")
        check(instance, seed, preferences=preferences)


def test_random_instances_with_installed_versions() -> None:
    """What is installed is tried first and the index asked later; again only the choice may differ."""
    for seed in range(2 * MANY, 2 * MANY + MANY // 2):
        instance = Instance(seed)
        installed = {}
        for name, known in instance.index.items():
            version = instance.pick.choice(list(known))
            if instance.pick.random() < 0.6 and "error" not in known[version]:
                installed[name] = (version, described(name, version, known[version]))
        check(instance, seed, installed=installed)
        check(instance, seed, installed=installed, upgrade_packages=frozenset(instance.names[:2]))


def test_result_is_deterministic() -> None:
    for seed in range(50):
        instance = Instance(seed)
        answers: set[object] = set()
        for _ in range(2):
            try:
                resolution = solve(asked(instance), instance.offers(), Silence())
                answers.add((resolution.pins, tuple(resolution.parents.items())))
            except NoSolution as failure:
                answers.add(failure.context)
        assert len(answers) == 1


class Given:
    """A provider out of dicts of bits: what the solver sees, without versions, markers or an index."""

    def __init__(
        self,
        sizes: dict[str, int],
        roots: Sequence[tuple[Any, ...]],
        needs: Mapping[tuple[str, str, int], Sequence[tuple[Any, ...]]],
        *,
        unusable: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.universes = {
            name: Universe(name, tuple(f"{i}" for i in range(1, size + 1))) for name, size in sizes.items()
        }
        self.roots = roots
        self.needs = dict(needs)
        self.unusable = unusable
        self.chosen: list[tuple[str, int]] = []
        self.loaded: list[tuple[str, str, int]] = []

    def dependency(self, name: str, wanted: int, extra: str = "", **more: Any) -> Dependency:
        return Dependency(name, extra, wanted, Requirement(name), **more)

    def asked(self) -> Iterable[Dependency]:
        return [self.dependency(*root) for root in self.roots]

    def universe(self, name: str) -> Universe:
        return self.universes[name]

    def choose(self, universe: Universe, states: int) -> int:
        position = universe.pick(states)
        self.chosen.append((universe.name, position))
        return position

    def dependencies(self, universe: Universe, extra: str, position: int) -> Iterable[Dependency]:
        self.loaded.append((universe.name, extra, position))
        if (universe.name, position) in self.unusable:
            raise Unusable("metadata", "no")
        return [self.dependency(*need) for need in self.needs.get((universe.name, extra, position), ())]

    def foresee(self, universe: Universe, states: int) -> None:
        pass

    def lost(self, universe: Universe) -> None:
        pass


ALL3 = 0b1110


def answer(given: Given) -> dict[str, int]:
    return {str(p): p.decided for p in Solver(given).solve()}


def test_dependencies_are_loaded_only_for_tried_versions() -> None:
    given = Given({"a": 3, "b": 3}, [("a", ALL3)], {("a", "", 3): [("b", 0b0010)]})
    assert answer(given) == {"a": 3, "b": 1}
    assert given.loaded == [("a", "", 3), ("b", "", 1)]


def test_versions_sharing_a_dependency_are_rejected_together() -> None:
    needs = {("a", "", i): [("b", 0b0010)] for i in range(1, 30)}
    given = Given({"a": 30, "b": 2}, [("b", 0b0100), ("a", (2 << 30) - 2)], {**needs, ("a", "", 30): [("b", 0b0010)]})
    for i in range(2, 31):
        given.needs["a", "", i] = [("b", 0b0010)]
    given.needs["a", "", 1] = []
    assert answer(given) == {"b": 2, "a": 1}
    # each is loaded once, and no decision was ever taken back
    assert len(given.loaded) == 31


def test_sharing_versions_are_rejected_without_loading() -> None:
    class Sharing(Given):
        def dependencies(self, universe: Universe, extra: str, position: int) -> Iterable[Dependency]:
            shared = self.dependency("b", 0b0010, sharers=(2 << 30) - 4)
            return [shared] if universe.name == "a" and position > 1 else []

    given = Sharing({"a": 30, "b": 2}, [("b", 0b0100), ("a", (2 << 30) - 2)], {})
    assert answer(given) == {"b": 2, "a": 1}
    assert given.chosen == [("b", 2), ("a", 30), ("a", 1)]


def test_unusable_version_stays_unusable_after_backtracking() -> None:
    # c is broken in its newest version, which is found out under a decision that has to be taken back
    given = Given(
        {"a": 2, "b": 1, "c": 2, "d": 2},
        [("a", 0b110), ("b", 0b10)],
        {("a", "", 2): [("c", 0b110), ("d", 0b100)], ("a", "", 1): [("c", 0b110)], ("b", "", 1): [("e", 0b10)]},
        unusable=[("c", 2)],
    )
    given.universes["e"] = Universe("e", ("1",))
    given.needs["e", "", 1] = [("d", 0b010)]
    assert answer(given) == {"a": 1, "b": 1, "c": 1, "e": 1, "d": 1}
    assert given.loaded.count(("c", "", 2)) == 1


def test_proof_of_contradiction_has_no_terms() -> None:
    given = Given({"a": 2}, [("a", 0b010), ("a", 0b100)], {})
    with pytest.raises(Unsatisfiable) as caught:
        Solver(given).solve()
    assert caught.value.proof.terms == {}


def test_decision_order_is_sources_then_pins_then_input_order() -> None:
    class Ordered(Given):
        def asked(self) -> Iterable[Dependency]:
            return [
                self.dependency("a", 0b110),
                self.dependency("b", 0b100, pinned=True),
                self.dependency("c", 0b10),
            ]

    given = Ordered({"a": 2, "b": 2, "c": 1}, [], {})
    given.universes["c"].source = PathSource("/c")
    Solver(given).solve()
    assert [name for name, _ in given.chosen] == ["c", "b", "a"]


def test_conflicting_packages_rise_in_priority() -> None:
    # v is thrown out again and again by u, which is decided first; in the end v is decided before u
    size = 40
    everything = (2 << size) - 2
    needs = {("v", "", i): [("u", 0b10)] for i in range(1, size + 1)}
    given = Given({"r": 1, "u": 2, "v": size}, [("r", 0b10), ("u", 0b110), ("v", everything)], needs)
    assert answer(given) == {"r": 1, "u": 1, "v": size}
    first_v = given.chosen.index(("v", size))
    assert len(given.chosen) < first_v + size


def test_conflicting_package_is_never_put_behind_its_cause() -> None:
    # d throws b out until b comes first; then b throws a out as often, each of whose versions wants an older b
    size = 20
    everything = (2 << size) - 2
    needs: dict[tuple[str, str, int], Sequence[tuple[Any, ...]]] = {
        **{("b", "", i): [("d", 0b10)] for i in range(1, size + 1)},
        **{("a", "", i): [("b", (1 << i) - 2)] for i in range(1, size + 1)},
    }
    given = Given({"d": 2, "b": size, "a": size}, [("d", 0b110), ("b", everything), ("a", everything)], needs)
    assert answer(given) == {"d": 1, "b": size - 1, "a": size}
    assert sum(name == "b" for name, _, _ in given.loaded) < 8


def test_package_needed_with_extra_is_decided_first() -> None:
    roots = [("a", 0b110), ("x", 0b110), ("x", 0b110, "e"), ("z", 0b110)]
    given = Given({"a": 2, "x": 2, "z": 2}, roots, {("z", "", i): [("a", 0b10)] for i in (1, 2)})
    assert answer(given) == {"a": 1, "x": 2, "x[e]": 2, "z": 2}
    assert [name for name, _ in given.chosen] == ["a", "x", "z", "z", "x", "a", "z"]


def test_first_of_several_reasons_is_blamed() -> None:
    # v says `late` first, and has to be tried until the decision about `early` is taken back
    size = 40
    everything = (2 << size) - 2
    needs = {("v", "", i): [("late", 0b10), ("early", 0b10)] for i in range(1, size + 1)}
    roots = [("early", 0b110), ("late", 0b110), ("v", everything)]
    given = Given({"early": 2, "late": 2, "v": size}, roots, needs)
    assert answer(given) == {"early": 1, "late": 1, "v": size}
    assert [name for name, _ in given.chosen] == ["early", "late", *"vvvvv", "v", "early", "late"]


def test_extra_shares_the_version_of_its_project() -> None:
    given = Given(
        {"x": 2, "y": 2},
        [("x", 0b110), ("x", 0b110, "e"), ("y", 0b010)],
        {("x", "e", 2): [("y", 0b100)]},
    )
    assert answer(given) == {"x": 1, "x[e]": 1, "y": 1}


def test_thousands_of_versions_need_no_quadratic_work() -> None:
    """The story of boto3: each of its versions wants one of botocore, and those all want a urllib3 that is excluded."""
    size = 1500
    everything = (2 << size) - 2

    class Chain(Given):
        steps = 0

        def dependencies(self, universe: Universe, extra: str, position: int) -> Iterable[Dependency]:
            self.steps += 1
            if universe.name == "boto":
                return [self.dependency("core", 1 << position)]
            if universe.name == "core":
                return [self.dependency("url", 0b010 if position < 10 else 0b100)]
            return [self.dependency("boto", everything)] if universe.name == "top" else []

    given = Chain({"top": 1, "boto": size, "core": size, "url": 2}, [("url", 0b010), ("top", 0b10)], {})
    solver = Solver(given)
    assert {str(p): p.decided for p in solver.solve()} == {"top": 1, "url": 1, "boto": 9, "core": 9}
    assert given.steps < 2 * size + 10
    assert sum(len(p.watchers) for project in solver._projects.values() for p in project.packages()) < 50


def test_package_missing_on_index_is_no_crash() -> None:
    offers = FakeCatalogue({"a": {"1.0": ["nowhere"], "0.9": []}})
    pins = solve(Inputs((requirement("a"),), Target(LINUX, ())), offers, Silence()).pins
    assert [(pin.name, pin.version) for pin in pins] == [("a", "0.9")]


class Interrupted(Exception):
    """End a search in the middle, as a universal resolution does where it divides the world."""


class Interrupting(CatalogueProvider):
    """Answer out of a catalogue, and end the search before the dependencies are told for the n-th time."""

    def __init__(self, inputs: Inputs, offers: FakeCatalogue, patience: int) -> None:
        super().__init__(inputs, offers)
        self.patience = patience

    def dependencies(self, universe: Universe, extra: str, position: int) -> Sequence[Dependency]:
        self.patience -= 1
        if not self.patience:
            raise Interrupted
        return super().dependencies(universe, extra, position)


def outcome(solver: Solver) -> tuple[object, ...]:
    try:
        return tuple((str(package), package.decided) for package in solver.solve())
    except Unsatisfiable as failure:
        return tuple(sorted(str(leaf.cause.__class__) for leaf in leaves(failure.proof)))


def test_a_copied_state_ends_as_the_search_would_have_ended() -> None:
    interrupted = 0
    for seed in range(MANY // 2):
        instance = Instance(seed)
        inputs = asked(instance)
        expected = outcome(Solver(CatalogueProvider(inputs, instance.offers())))
        for patience in range(1, 12, 2):
            provider = Interrupting(inputs, instance.offers(), patience)
            solver = Solver(provider)
            try:
                solver.solve()
            except Unsatisfiable:
                break
            except Interrupted:
                interrupted += 1
            else:
                break
            copied, again = solver.copied(provider), solver.copied(provider)
            assert outcome(copied) == expected, (seed, patience)
            assert outcome(again) == expected, (seed, patience)  # the first copy has not changed what it was made of
    assert interrupted > MANY // 4


def test_a_version_that_was_chosen_before_the_copy_is_tried_next() -> None:
    inputs = Inputs((requirement("a"),), Target(LINUX, ()))
    provider = Interrupting(inputs, FakeCatalogue({"a": {"1.0": [], "2.0": [], "3.0": []}}), 1)
    solver = Solver(provider)
    with pytest.raises(Interrupted):
        solver.solve()
    (package,) = solver.copied(provider, ("a", "", 2)).solve()
    assert package.universe.version(package.decided) == "2.0"
