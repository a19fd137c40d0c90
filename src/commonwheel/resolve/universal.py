"""Solve for all platforms and Pythons at once, and say by markers where each version holds.

The solving is done in parts of the world (`resolve.forks`). In the end each version stands for the worlds from which it
can be reached: through the edges of the graph, each with its marker, in each part. Versions that several parts share are
thereby merged.
"""

from commonwheel.model import Pin, Resolution, Target
from commonwheel.resolve.forks import FORK_STRATEGIES, Failed, Question, solve_forks
from commonwheel.resolve.marker_sets import MarkerSets
from commonwheel.resolve.report import NoSolution, no_solution
from commonwheel.specs import marker_text as diagrams
from commonwheel.specs.markers import parse
from commonwheel.specs.versions import version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.model import Digest, Metadata
    from commonwheel.resolve.forks import Fork
    from commonwheel.resolve.provider import Catalogue
    from commonwheel.resolve.request import Inputs
    from commonwheel.resolve.version_set import Universe
    from commonwheel.specs.marker_text import Diagram

__all__ = ("FORK_STRATEGIES", "solve_universal")


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
    limits = [diagrams.diagram(text) for text in environments]
    question = Question(
        inputs,
        catalogue,
        f">={python}",
        environments=[limit for limit in limits if limit != diagrams.NEVER],
        fork_strategy=fork_strategy,
    )
    task = reporter.begin("resolve", "dependencies")
    try:
        forks = solve_forks(question)
    except Failed as failed:
        raise explained(failed, question, python) from None
    finally:
        reporter.end(task)
    return _merged(forks, python)


def explained(failed: Failed, question: Question, python: str) -> NoSolution:
    """Explain why there is no solution, and say for which part of the world."""
    part = failed.part.marker
    bound, _ = question.lowest(part)
    lowest = ".".join(map(str, bound)) if isinstance(bound, tuple) and bound else python
    markers = {**question.inputs.target.markers, "python_full_version": _full(lowest)}
    error = no_solution(failed.failure.proof, question.inputs.replaced(target=Target(markers, ())))
    worlds = _Texts(python, [part])
    where = worlds.text(part, diagrams.ALWAYS)
    if not where:
        return error
    return NoSolution(error.message, context=(f"Where {where}:", *error.context), hint=error.hint)


def _full(version: str) -> str:
    """Return a Python version with its patch release."""
    return version + ".0" * (2 - version.count("."))


class _Texts:
    """Write diagrams as markers in the short form of requirements files."""

    def __init__(self, python: str, all_of_them: "Sequence[Diagram]") -> None:
        self._worlds = MarkerSets(python)
        for one in all_of_them:
            self._worlds.learn(parse(diagrams.text(one)))

    def text(self, one: "Diagram", care: "Diagram") -> str:
        """Return a marker that is true where `one` is, and false in the rest of `care`."""
        of = self._worlds.of
        return self._worlds.text(of(parse(diagrams.text(one))), of(parse(diagrams.text(care))))


def _reached(fork: "Fork") -> "dict[tuple[str, str], Diagram]":
    """Return where each chosen package is needed in a part, along the markers of the edges."""
    reached: dict[tuple[str, str], Diagram] = {}
    waiting: list[tuple[str | None, str]] = [(None, "")]
    while waiting:
        name, extra = waiting.pop()
        here = fork.part.marker if name is None else reached[name, extra]
        for requirement, marker in fork.needs(name, extra):
            where = diagrams.conjunction(here, marker)
            for target in ((requirement.name, wanted) for wanted in ("", *requirement.extras)):
                known = reached.get(target, diagrams.NEVER)
                if target in fork.chosen and not diagrams.disjoint(where, diagrams.negation(known)):
                    reached[target] = diagrams.disjunction(known, where)
                    waiting.append(target)
    return reached


class _Merged:
    """One version of one project, as all forks together have it."""

    def __init__(self, universe: "Universe", position: int) -> None:
        self.universe: Final = universe
        self.position: Final = position
        self.where: Diagram = diagrams.NEVER
        self.extras: set[str] = set()


def _merged(forks: "list[Fork]", python: str) -> Resolution:
    versions: dict[tuple[str, str, str], _Merged] = {}
    parents: dict[str, dict[str, None]] = {}
    origins: dict[str, dict[str, None]] = {}
    warnings: dict[str, None] = {}
    whole = diagrams.NEVER
    for fork in forks:
        whole = diagrams.disjunction(whole, fork.part.marker)
        reached = _reached(fork)
        for (name, extra), where in reached.items():
            package = fork.chosen[name, extra]
            version = package.universe.version(package.decided)
            known = versions.setdefault(
                (name, version, str(package.universe.source)), _Merged(package.universe, package.decided)
            )
            known.where = diagrams.disjunction(known.where, where)
            if extra:
                known.extras.add(extra)
        _note_parents(fork, set(reached), parents, origins)
    order = sorted(versions, key=lambda key: (key[0], version_key(key[1]), key[2]))
    rules = [fork.provider.rules for fork in forks]
    for one_rules in rules:
        warnings.update(dict.fromkeys(one_rules.warnings()))
    requested = {name for one in rules for name in one.direct}
    texts = _Texts(python, [whole, *(one.where for one in versions.values())])
    pins = []
    for key in order:
        name, version, _ = key
        one = versions[key]
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
                marker=texts.text(one.where, whole),
            )
        )
    names = sorted({pin.name for pin in pins})
    return Resolution(
        tuple(pins),
        {name: (*origins.get(name, ()), *sorted(parents.get(name, ()))) for name in names},
        tuple(warnings),
    )


def _metadata(forks: "list[Fork]", one: _Merged) -> "Metadata":
    """Return the metadata of a version from the fork that chose it."""
    for fork in forks:
        package = fork.chosen.get((one.universe.name, ""))
        if package is not None and package.universe is one.universe:
            return fork.provider.metadata(one.universe, one.position)
    raise LookupError(one.universe.name)


def _note_parents(
    fork: "Fork",
    reached: "set[tuple[str, str]]",
    parents: dict[str, dict[str, None]],
    origins: dict[str, dict[str, None]],
) -> None:
    for requirement, _ in fork.needs(None, ""):
        where = str(requirement.origin) if requirement.origin else "command line"
        origins.setdefault(requirement.name, {})[where] = None
    for name, extra in reached:
        for requirement, _ in fork.needs(name, extra):
            if requirement.name != name and (requirement.name, "") in reached:
                parents.setdefault(requirement.name, {})[name] = None
    for name, _ in reached:
        for constraint in fork.provider.rules.constraints(name):
            if constraint.origin:
                origins.setdefault(name, {})[str(constraint.origin)] = None


def _digests(forks: "list[Fork]", name: str) -> "tuple[Digest, ...]":
    found: dict[Digest, None] = {}
    for fork in forks:
        for requirement in (*fork.provider.rules.asked, *fork.provider.rules.constraints(name)):
            if requirement.name == name:
                found.update(dict.fromkeys(requirement.digests))
    return tuple(found)
