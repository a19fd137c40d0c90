"""Phrase facts and conclusions as parts of a sentence.

The user's own lines are named (`requirements.txt:3`), versions are told as ranges over the versions that are known, a set
that somebody wrote as a specifier in his words, and `all versions of x` where that is so.
"""

from commonwheel.resolve.candidate_rules import place
from commonwheel.resolve.packages import Asked, Barred, Incompatibility, Missing, Needs
from commonwheel.resolve.version_set import ABSENT, newest, oldest, positions
from commonwheel.specs.versions import InvalidSpecifier, repaired, wants_newer, wants_older

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.model import Requirement
    from commonwheel.resolve.packages import Package
    from commonwheel.resolve.request import Inputs
    from commonwheel.resolve.version_set import Universe

NEVER = "your requirements cannot be met"
_MOST_RUNS = 4


class Phrases:
    """Phrase facts and conclusions as parts of a sentence."""

    def __init__(self, inputs: "Inputs", facts: list[Incompatibility]) -> None:
        self._inputs = inputs
        # how somebody wrote a set of versions: what is needed in the end is mostly what one of the facts needs
        self._written: dict[tuple[str, int], str] = {}
        for leaf in facts:
            cause = leaf.cause
            if isinstance(cause, (Asked, Needs)) and cause.wanted:
                package = cause.package if isinstance(cause, Asked) else cause.needed
                self._written.setdefault(
                    (str(package), cause.wanted), _wanted(cause.requirement, package, cause.wanted)
                )

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
        """Phrase a fact."""
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
        detail = cause.detail or known_detail(self._inputs, cause, versions)
        python = self._inputs.target.markers.get("python_full_version", "")
        text = phrase[2 if detail else plural].format(detail=detail, python=python)
        if detail and not plural:
            text = phrase[3].format(detail=detail, python=python)
        return f"{subject} {text}"

    def conclusion(self, terms: "dict[Package, int]") -> str:
        """Phrase a conclusion: the terms cannot all hold."""
        if not terms:
            return NEVER
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
        """Phrase which versions are left when a package must be outside of some states."""
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
    "required-environment": (
        "has no wheel for a required environment, and no source distribution",
        "have no wheel for a required environment, and no source distribution",
        "have no wheel for `{detail}`, and no source distribution",
        "has no wheel for `{detail}`, and no source distribution",
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
    """Return whether one fact speaks of older versions of the very package that another fact speaks of."""
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
    """Phrase a requirement as it was written; or, where it stands for several, as the versions that are meant."""
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
    """Phrase why no version matches a requirement."""
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


def known_detail(inputs: "Inputs", cause: Barred, versions: int) -> str:
    """Return what is known beyond the reason, if it is the same for the oldest and the newest of the versions."""
    if inputs.details is None:
        return ""
    universe = cause.package.universe
    told = {
        inputs.details(universe.name, universe.version(p), cause.reason) for p in (oldest(versions), newest(versions))
    }
    return told.pop() if len(told) == 1 else ""
