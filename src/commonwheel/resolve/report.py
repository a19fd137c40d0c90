"""Explain in prose why there is no solution, and what to do about it.

Laws of this file: it gets the proof from `core.essence`, reduced to the facts that matter, and follows the chain of
derivations as PubGrub's authors do: "Because ... and ..., .... And because ..., ...". That `x[extra]` and `x` have one
version goes without saying. The parts of the sentences are in `phrases`.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.resolve.minimal_core import essence, leaves
from commonwheel.resolve.packages import Asked, Barred, Derived, Incompatibility, Missing, Needs, Several, Tied
from commonwheel.resolve.phrases import NEVER, Phrases, known_detail
from commonwheel.resolve.version_set import newest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.resolve.packages import Package
    from commonwheel.resolve.request import Inputs

# A proof from more facts or of more steps than this is not read by anybody: facts are listed instead, and not all.
_MOST_FACTS = 40
_MOST_STEPS = 80
_LISTED = 15


class NoSolution(CommonwheelError):
    """No choice of versions meets all requirements; `context` is the explanation, sentence by sentence."""

    code = "no-solution"


def narrowed_projects(proof: Incompatibility) -> set[str]:
    """Return the projects in a proof of which only the installed version was looked at."""
    packages = {package for leaf in leaves(proof) for package in _packages(leaf)}
    return {package.universe.name for package in packages if package.universe.narrowed}


def _packages(leaf: Incompatibility) -> "set[Package]":
    cause = leaf.cause
    found = set(leaf.terms)
    if isinstance(cause, Asked):
        found.add(cause.package)
    elif isinstance(cause, Needs):
        found.add(cause.needed)
    return found


def no_solution(proof: Incompatibility, inputs: "Inputs") -> NoSolution:
    """Return the error that explains a proof."""
    short = essence(proof)
    facts = list(leaves(short))
    phrases = Phrases(inputs, facts)
    lines = _Story(phrases).told(_step(short, {})) if _readable(short, facts) else _listed(facts, phrases)
    hints = list(dict.fromkeys(hint for leaf in facts for hint in _hints(leaf, inputs)))
    return NoSolution(
        "No solution was found for your requirements", context=lines, hint="\n".join(hints) if hints else None
    )


def _readable(proof: Incompatibility, facts: list[Incompatibility]) -> bool:
    """Return whether a proof is short enough to be told (and for the recursion below)."""
    waiting, seen = [proof], {id(proof)}
    while waiting and len(seen) <= _MOST_STEPS + _MOST_FACTS:
        cause = waiting.pop().cause
        parts = (
            (cause.left, cause.right)
            if isinstance(cause, Derived)
            else cause.parts
            if isinstance(cause, Several)
            else ()
        )
        waiting += [part for part in parts if id(part) not in seen]
        seen.update(map(id, parts))
    return not waiting and len(facts) <= _MOST_FACTS


def _listed(facts: list[Incompatibility], phrases: Phrases) -> list[str]:
    ordered = sorted(facts, key=lambda leaf: not isinstance(leaf.cause, Asked))  # what is asked for comes first
    sentences = list(dict.fromkeys(filter(None, map(phrases.fact, ordered))))
    more = len(sentences) - _LISTED
    return [
        "These facts contradict each other:",
        *(f"- {sentence}" for sentence in sentences[:_LISTED]),
        *([f"- and {more} more"] if more > 0 else []),
    ]


# --- the proof as steps ---------------------------------------------------------------------------------------------


class Step:
    """A conclusion (`terms`) from two steps; or a fact, which has no steps below it."""

    __slots__ = ("fact", "left", "right", "terms")

    def __init__(
        self,
        terms: "dict[Package, int]",
        left: "Step | None" = None,
        right: "Step | None" = None,
        fact: Incompatibility | None = None,
    ) -> None:
        self.terms: Final = terms
        self.left: Final = left
        self.right: Final = right
        self.fact: Final = fact


def _step(incompatibility: Incompatibility, known: dict[int, Step]) -> Step:
    """Turn a proof into steps, without those that merely say that an extra has its project's version."""
    step = known.get(id(incompatibility))
    if step is not None:
        return step
    cause = incompatibility.cause
    if isinstance(cause, Several):
        step = _step(cause.parts[0], known)
        for part in cause.parts[1:]:
            step = Step(incompatibility.terms, step, _step(part, known))
    elif isinstance(cause, Derived):
        step = _joined(incompatibility.terms, _step(cause.left, known), _step(cause.right, known))
    else:
        step = _fact(incompatibility)
    known[id(incompatibility)] = step
    return step


def _fact(leaf: Incompatibility) -> Step:
    """Return the step of a fact; that nothing matches a requirement is told as a fact of its own."""
    step = Step(leaf.terms, fact=leaf)
    cause = leaf.cause
    if not isinstance(cause, (Asked, Needs)) or cause.wanted:
        return step
    package = cause.package if isinstance(cause, Asked) else cause.needed
    return Step(leaf.terms, Step({}, fact=Incompatibility({}, Missing(package, cause.requirement))), step)


def _joined(terms: "dict[Package, int]", left: Step, right: Step) -> Step:
    for one, other in ((left, right), (right, left)):
        if one.fact is not None and isinstance(one.fact.cause, Tied):
            return Step(terms, other.left, other.right, other.fact)
    return Step(terms, left, right)


def _pair(step: Step) -> "tuple[Incompatibility, Incompatibility] | None":
    """Return the two facts of a conclusion that has no others."""
    if step.left is None or step.right is None or step.left.fact is None or step.right.fact is None:
        return None
    return step.left.fact, step.right.fact


# --- the story -------------------------------------------------------------------------------------------------------


class _Story:
    """Write the sentences of a proof; a conclusion that is used twice gets a number."""

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases
        self._lines: list[str] = []
        self._numbers: dict[int, int] = {}
        self._uses: dict[int, int] = {}

    def told(self, proof: Step) -> list[str]:
        if proof.fact is not None:
            return [f"Because {self._phrases.fact(proof.fact)}, {NEVER}."]
        self._count(proof)
        self._tell(proof)
        return self._lines

    def _count(self, step: Step) -> None:
        self._uses[id(step)] = self._uses.get(id(step), 0) + 1
        if self._uses[id(step)] == 1 and step.left is not None and step.right is not None:
            self._count(step.left)
            self._count(step.right)

    def _tell(self, step: Step) -> None:
        """Write all sentences up to the conclusion of a step that is no fact."""
        left, right = step.left, step.right
        assert left is not None
        assert right is not None
        if left.fact is not None and right.fact is not None:
            self._say(step, f"Because {self._both(left.fact, right.fact)}")
        elif left.fact is None and right.fact is None:
            self._tell_two(step, left, right)
        else:
            derived, fact = (left, right.fact) if left.fact is None else (right, left.fact)
            assert fact is not None
            self._tell_one(step, derived, fact)
        if self._uses[id(step)] > 1:
            self._number(step)

    def _tell_one(self, step: Step, derived: Step, fact: Incompatibility) -> None:
        """Explain a conclusion that follows from a conclusion and a fact."""
        if id(derived) in self._numbers:
            self._say(step, f"Because {self._known(derived)} and {self._phrases.fact(fact)}")
            return
        earlier = self._skippable(derived)
        if earlier is None:
            self._tell(derived)
            self._say(step, f"And because {self._phrases.fact(fact)}")
            return
        before, other = earlier
        self._tell(before)
        self._say(step, f"And because {self._both(other, fact)}")

    def _skippable(self, derived: Step) -> tuple[Step, Incompatibility] | None:
        """Return the parts of a conclusion that need not be told itself: it is used once, and adds one fact to another."""
        left, right = derived.left, derived.right
        if self._uses[id(derived)] > 1 or left is None or right is None or (left.fact is None) == (right.fact is None):
            return None
        before, fact = (left, right.fact) if left.fact is None else (right, left.fact)
        assert fact is not None
        return None if id(before) in self._numbers else (before, fact)

    def _tell_two(self, step: Step, left: Step, right: Step) -> None:
        """Explain a conclusion that follows from two conclusions."""
        if id(left) in self._numbers and id(right) in self._numbers:
            self._say(step, f"Because {self._known(left)} and {self._known(right)}")
            return
        if id(right) in self._numbers:
            left, right = right, left
        if id(left) not in self._numbers and self._told_with_facts(step, left, right):
            return
        if id(left) not in self._numbers:
            # the longer story first, so that the number refers back as little as may be
            if self._length(right) > self._length(left):
                left, right = right, left
            self._tell(left)
            self._number(left)
            self._lines.append("")
        self._tell(right)
        self._say(step, f"And because {self._known(left)}")

    def _told_with_facts(self, step: Step, left: Step, right: Step) -> bool:
        """Explain one conclusion, and give the two facts of the other directly, if it has only two and is used once."""
        pairs = [(_pair(right), left), (_pair(left), right)]
        if pairs[0][0] is not None and any(isinstance(fact.cause, Missing) for fact in pairs[0][0]):
            pairs.reverse()  # what is missing makes the better beginning
        for (pair, other), used in zip(pairs, (right, left), strict=True):
            if pair is not None and self._uses[id(used)] == 1 and id(used) not in self._numbers:
                self._tell(other)
                self._say(step, f"And because {self._both(*pair)}")
                return True
        return False

    def _length(self, step: Step) -> int:
        if step.left is None or step.right is None:
            return 0
        return 1 + self._length(step.left) + self._length(step.right)

    def _number(self, step: Step) -> None:
        if id(step) not in self._numbers:
            self._numbers[id(step)] = len(self._numbers) + 1
            self._lines[-1] += f" ({self._numbers[id(step)]})"

    def _known(self, step: Step) -> str:
        return f"{self._phrases.conclusion(step.terms)} ({self._numbers[id(step)]})"

    def _both(self, one: Incompatibility, other: Incompatibility) -> str:
        return self._phrases.both(one, other)

    def _say(self, step: Step, reason: str) -> None:
        self._lines.append(f"{reason}, {self._phrases.conclusion(step.terms)}.")


# --- hints -----------------------------------------------------------------------------------------------------------------


def _hints(leaf: Incompatibility, inputs: "Inputs") -> list[str]:
    """Return what the user could do about a fact."""
    cause = leaf.cause
    if isinstance(cause, Barred):
        universe = cause.package.universe
        hint = _REMEDIES.get(cause.reason)
        if hint is None:
            return []
        version = universe.version(newest(leaf.terms[cause.package]))
        detail = cause.detail or known_detail(inputs, cause, leaf.terms[cause.package])
        return [hint.format(name=universe.name, version=version, detail=detail)]
    if isinstance(cause, (Asked, Needs)) and not cause.wanted and inputs.details is not None:
        package = cause.package if isinstance(cause, Asked) else cause.needed
        told = inputs.details(package.universe.name, cause.requirement.specifier, "missing")
        return [told] if told else []
    return []


_REMEDIES = {
    "requires-python": "choose a Python that `{name}` {version} supports with `--python`",
    "platform": "ask for a version of `{name}` that has a wheel for this Python and platform, or choose another with `--python`",
    "required-environment": "ask for a version of `{name}` that has such a wheel, or take the environment out of `required-environments`",
    "no-wheel": "allow `{name}` to be built from source, or ask for a version that has a wheel",
    "no-sdist": "allow wheels for `{name}`",
    "exclude-newer": "move the cut-off date, or set another one for `{name}` with `--exclude-newer-package`",
    "yanked": "pin `{name}=={version}` if you want it although it was yanked",
    "prerelease": "allow pre-releases of `{name}` (such as {version}) with `--prerelease-package {name}=allow`",
    "url-dependency": "add `{detail}` to your requirements or constraints",
}
