"""Tell in prose why there is no solution, and what could be done about it.

Laws of this file: it alone writes sentences about conflicts. It gets the proof from `core.essence`, reduced to the facts
that matter, and follows the chain of derivations as PubGrub's authors do: "Because ... and ..., .... And because ...,
...". The user's own lines are named (`requirements.txt:3`); versions are told as ranges over the versions that are known,
`all versions of x` where that is so; `x[extra]` and `x` having one version goes without saying.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.resolve.core import essence, leaves
from commonwheel.resolve.incompatibility import Asked, Barred, Derived, Incompatibility, Missing, Needs, Several, Tied
from commonwheel.resolve.rules import place
from commonwheel.resolve.universe import ABSENT, newest, oldest, positions
from commonwheel.specs.versions import InvalidSpecifier, repaired, wants_newer, wants_older

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.model import Requirement
    from commonwheel.resolve.inputs import Inputs
    from commonwheel.resolve.provider import Catalogue
    from commonwheel.resolve.solver import Package
    from commonwheel.resolve.universe import Universe

# A proof from more facts than this is not read by anybody: the facts are listed instead, and not all of them.
_MOST_FACTS = 40
_LISTED = 15
_MOST_RUNS = 4
_NEVER = "your requirements cannot be met"


class NoSolution(CommonwheelError):
    """Say that no choice of versions meets all requirements; `context` is the explanation, sentence by sentence."""

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


def no_solution(proof: Incompatibility, inputs: "Inputs", catalogue: "Catalogue") -> NoSolution:
    """Return the error that explains a proof."""
    del catalogue
    short = essence(proof)
    facts = list(leaves(short))
    phrases = _Phrases(inputs, facts)
    lines = _listed(facts, phrases) if len(facts) > _MOST_FACTS else _Story(phrases).told(_step(short, {}))
    hints = list(dict.fromkeys(hint for leaf in facts for hint in _hints(leaf, inputs)))
    return NoSolution(
        "No solution was found for your requirements", context=lines, hint="\n".join(hints) if hints else None
    )


def _listed(facts: list[Incompatibility], phrases: "_Phrases") -> list[str]:
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

    def __init__(self, phrases: "_Phrases") -> None:
        self._phrases = phrases
        self._lines: list[str] = []
        self._numbers: dict[int, int] = {}
        self._uses: dict[int, int] = {}

    def told(self, proof: Step) -> list[str]:
        if proof.fact is not None:
            return [f"Because {self._phrases.fact(proof.fact)}, {_NEVER}."]
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
        """Tell a conclusion from a conclusion and a fact."""
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
        """Tell a conclusion from two conclusions."""
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
        """Tell one conclusion, and give the two facts of the other as they are, if it has but two and is used once."""
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


# --- phrases -----------------------------------------------------------------------------------------------------------


class _Phrases:
    """Say facts and conclusions as parts of a sentence."""

    def __init__(self, inputs: "Inputs", facts: list[Incompatibility]) -> None:
        self._inputs = inputs
        # how somebody wrote a set of versions: what is needed in the end is mostly what one of the facts needs
        self._written: dict[tuple[str, int], str] = {}
        for leaf in facts:
            cause = leaf.cause
            if isinstance(cause, (Asked, Needs)) and cause.wanted:
                package = cause.package if isinstance(cause, Asked) else cause.needed
                self._written.setdefault((str(package), cause.wanted), _wanted(cause.requirement, package, cause.wanted))

    def both(self, one: Incompatibility, other: Incompatibility) -> str:
        """Join two facts; what the user requires comes last, and in one clause if it stands in no file."""
        if (isinstance(one.cause, Asked) and not isinstance(other.cause, Asked)) or _older(other, one):
            one, other = other, one
        first, second = self.fact(one), self.fact(other)
        if first == second:
            return first
        for subject in ("you require ", _subject(one)):
            if subject and first.startswith(subject) and second.startswith(subject):
                return f"{first} and {second.removeprefix(subject)}"
        return f"{first} and {second}"

    def fact(self, leaf: Incompatibility) -> str:
        """Say a fact."""
        cause = leaf.cause
        if isinstance(cause, Asked):
            return f"{_asker(cause.requirement)} {_wanted(cause.requirement, cause.package, cause.wanted)}"
        if isinstance(cause, Needs):
            subject, plural = _shown(cause.package, leaf.terms[cause.package])
            verb = "depend" if plural else "depends"
            return f"{subject} {verb} on {_wanted(cause.requirement, cause.needed, cause.wanted)}"
        if isinstance(cause, Missing):
            return _available(cause.package.universe, cause.requirement)
        if isinstance(cause, Barred):
            return self._barred(cause, leaf.terms[cause.package])
        return ""

    def _barred(self, cause: Barred, versions: int) -> str:
        subject, plural = _shown(cause.package, versions)
        if cause.reason == "constraint":
            where, _, requirement = cause.detail.rpartition(": ")
            return f"{where or 'a constraint'} allows only {requirement}"
        phrase = _REASONS.get(cause.reason)
        if phrase is None:
            return f"{subject} cannot be used ({cause.detail or cause.reason})"
        detail = cause.detail or _detail(self._inputs, cause, versions)
        python = self._inputs.target.markers.get("python_full_version", "")
        text = phrase[2 if detail else plural].format(detail=detail, python=python)
        if detail and not plural:
            text = phrase[3].format(detail=detail, python=python)
        return f"{subject} {text}"

    def conclusion(self, terms: "dict[Package, int]") -> str:
        """Say what follows, that is to say that the terms cannot all hold."""
        if not terms:
            return _NEVER
        present = [_shown(package, states) for package, states in terms.items() if not states & ABSENT]
        needed = [self._needed(package, states) for package, states in terms.items() if states & ABSENT]
        subjects = _list([text for text, _ in present], "and")
        plural = len(present) > 1 or any(many for _, many in present)
        if not needed:
            if len(present) == 1:
                return f"{subjects} cannot be used"
            return f"{subjects} are incompatible"
        objects = _list(needed, "or")
        if not present:
            return f"your requirements need {objects}"
        return f"{subjects} {'depend' if plural else 'depends'} on {objects}"

    def _needed(self, package: "Package", states: int) -> str:
        """Say which versions are left when a package must be outside of some states."""
        universe = package.universe
        wanted = universe.everything & ~states
        if not wanted:
            return f"what no version of {package} can give"
        written = self._written.get((str(package), wanted))
        return written or _ranges(str(package), universe, wanted, "or")


# reason -> one version, several versions, several with a detail, one with a detail
_REASONS = {
    "requires-python": (
        "does not support Python {python}",
        "do not support Python {python}",
        "require Python {detail} (this is Python {python})",
        "requires Python {detail} (this is Python {python})",
    ),
    "platform": (
        "has no wheel for this platform",
        "have no wheel for this platform",
        "have no wheel for this platform ({detail})",
        "has no wheel for this platform ({detail})",
    ),
    "no-wheel": (
        "has no usable wheel (and building from source is not allowed)",
        "have no usable wheel (and building from source is not allowed)",
        "have no usable wheel ({detail})",
        "has no usable wheel ({detail})",
    ),
    "no-sdist": (
        "has no source distribution (and wheels are not allowed)",
        "have no source distribution (and wheels are not allowed)",
        "have no source distribution ({detail})",
        "has no source distribution ({detail})",
    ),
    "exclude-newer": (
        "is newer than the cut-off date",
        "are newer than the cut-off date",
        "are newer than the cut-off date (uploaded {detail})",
        "is newer than the cut-off date (uploaded {detail})",
    ),
    "quarantined": (
        "is quarantined by the index",
        "are quarantined by the index",
        "are quarantined by the index ({detail})",
        "is quarantined by the index ({detail})",
    ),
    "invalid": (
        "has no valid file",
        "have no valid file",
        "have no valid file ({detail})",
        "has no valid file ({detail})",
    ),
    "yanked": (
        "was yanked",
        "were yanked",
        "were yanked ({detail})",
        "was yanked ({detail})",
    ),
    "prerelease": (
        "is a pre-release (and those are not allowed)",
        "are pre-releases (and those are not allowed)",
        "are pre-releases ({detail})",
        "is a pre-release ({detail})",
    ),
    "url-dependency": (
        "depends on a URL",
        "depend on a URL",
        "depend on {detail} (only what you ask for directly may name a URL)",
        "depends on {detail} (only what you ask for directly may name a URL)",
    ),
}


def _older(one: Incompatibility, other: Incompatibility) -> bool:
    """Tell whether one fact speaks of older versions of the very package that another fact speaks of."""
    mine, yours = one.cause, other.cause
    if not isinstance(mine, Needs) or not isinstance(yours, Needs) or mine.package is not yours.package:
        return False
    return one.terms[mine.package] < other.terms[yours.package]


def _subject(leaf: Incompatibility) -> str:
    """Return the beginning of a dependency's clause, so that two of one package become one clause."""
    cause = leaf.cause
    if not isinstance(cause, Needs) or not cause.wanted:
        return ""
    subject, plural = _shown(cause.package, leaf.terms[cause.package])
    return f"{subject} {'depend' if plural else 'depends'} on "


def _asker(requirement: "Requirement") -> str:
    origin = requirement.origin
    return "you require" if origin is None or origin.place == "command line" else f"{origin} requires"


def _wanted(requirement: "Requirement", package: "Package", wanted: int) -> str:
    """Say a requirement as it was written; or, where it stands for several, as the versions that are meant."""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    name = f"{requirement.name}{extras}"
    if requirement.source is not None:
        return f"{name} @ {place(requirement.source)}"
    universe = package.universe
    try:
        told = universe.select(requirement.specifier)
    except InvalidSpecifier:
        told = -1
    if told == wanted:
        return f"{name}{requirement.specifier}"
    return _ranges(name, universe, wanted, "or")


def _shown(package: "Package", states: int) -> tuple[str, bool]:
    """Return versions of a package as the subject of a sentence, and whether it is plural."""
    universe, name = package.universe, str(package)
    if universe.source is not None:
        return f"{name} (from {place(universe.source)})", False
    if states & ~ABSENT == universe.everything & ~ABSENT and len(universe.versions) > 1:
        return f"all versions of {name}", True
    text = _ranges(name, universe, states, "and")
    return text, " and " in text


def _ranges(name: str, universe: "Universe", states: int, word: str) -> str:
    """Return versions as ranges over the versions that are known: `x>=1.2,<=1.9`."""
    states &= ~ABSENT
    missing = universe.everything & ~ABSENT & ~states
    if not states:
        return f"no version of {name}"
    if not missing and len(universe.versions) > 1:
        return name
    if _one(missing) and len(_runs(states)) > 1 and states.bit_count() > _MOST_RUNS:
        return f"{name}!={universe.version(newest(missing))}"
    parts = [_run(name, universe, low, high) for low, high in _runs(states)]
    if len(parts) > _MOST_RUNS:
        rest = sum(high - low + 1 for low, high in _runs(states)[_MOST_RUNS - 1 :])
        parts = [*parts[: _MOST_RUNS - 1], f"{rest} more versions of {name}"]
    return _list(parts, word)


def _one(states: int) -> bool:
    return states & (states - 1) == 0


def _run(name: str, universe: "Universe", low: int, high: int) -> str:
    oldest_known, newest_known = low == 1, high == len(universe.versions)
    if low == high:
        return f"{name}=={universe.version(low)}"
    if oldest_known:
        return f"{name}<={universe.version(high)}"
    if newest_known:
        return f"{name}>={universe.version(low)}"
    return f"{name}>={universe.version(low)},<={universe.version(high)}"


def _runs(states: int) -> list[tuple[int, int]]:
    """Return the first and last position of each run of neighbouring versions."""
    runs: list[tuple[int, int]] = []
    for position in positions(states):
        if runs and runs[-1][1] == position - 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs


def _list(parts: list[str], word: str) -> str:
    if len(parts) < 3:  # noqa: PLR2004 - two parts need no comma
        return f" {word} ".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _available(universe: "Universe", requirement: "Requirement") -> str:
    """Say why no version matches a requirement."""
    name = universe.name
    if not universe.versions:
        return f"{name} was not found{f' ({universe.note})' if universe.note else ''}"
    if universe.source is not None:
        return f"{name} is {universe.version(1)} (from {place(universe.source)})"
    if len(universe.versions) == 1:
        return f"only {name}=={universe.version(1)} is available"
    specifier = repaired(requirement.specifier) or ""
    if wants_newer(specifier, universe.versions[-1]):
        return f"only {name}<={universe.versions[-1]} is available"
    if wants_older(specifier, universe.versions[0]):
        return f"only {name}>={universe.versions[0]} is available"
    return f"there is no version of {name}{requirement.specifier}"


# --- hints -----------------------------------------------------------------------------------------------------------------


def _detail(inputs: "Inputs", cause: Barred, versions: int) -> str:
    """Return what is known beyond the reason, if it is the same for the oldest and the newest of the versions."""
    if inputs.details is None:
        return ""
    universe = cause.package.universe
    told = {inputs.details(universe.name, universe.version(p), cause.reason) for p in (oldest(versions), newest(versions))}
    return told.pop() if len(told) == 1 else ""


def _hints(leaf: Incompatibility, inputs: "Inputs") -> list[str]:
    """Return what the user could do about a fact."""
    cause = leaf.cause
    if isinstance(cause, Barred):
        universe = cause.package.universe
        hint = _REMEDIES.get(cause.reason)
        if hint is None:
            return []
        version = universe.version(newest(leaf.terms[cause.package]))
        detail = cause.detail or _detail(inputs, cause, leaf.terms[cause.package])
        return [hint.format(name=universe.name, version=version, detail=detail)]
    if isinstance(cause, (Asked, Needs)) and not cause.wanted and inputs.details is not None:
        package = cause.package if isinstance(cause, Asked) else cause.needed
        told = inputs.details(package.universe.name, cause.requirement.specifier, "missing")
        return [told] if told else []
    return []


_REMEDIES = {
    "requires-python": "choose a Python that `{name}` {version} supports with `--python`",
    "no-wheel": "allow `{name}` to be built from source, or ask for a version that has a wheel",
    "no-sdist": "allow wheels for `{name}`",
    "exclude-newer": "move the cut-off date, or set another one for `{name}` with `--exclude-newer-package`",
    "yanked": "pin `{name}=={version}` if you want it although it was yanked",
    "prerelease": "allow pre-releases of `{name}` (such as {version}) with `--prerelease-package {name}=allow`",
    "url-dependency": "add `{detail}` to your requirements or constraints",
}
