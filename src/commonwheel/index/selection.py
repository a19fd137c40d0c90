"""Which files fit, and which of them is best: pure functions over what an index told.

The version is the solver's choice; this file says which versions can be chosen at all (a Verdict, as masks), which file
stands for a version, and why another does not.

Laws of this file: no I/O, no clock; every answer depends on the page, the target and the rules alone. Whatever several
projects share (tag sets, Requires-Python texts) is judged once and remembered.
"""

from commonwheel.model import Value
from commonwheel.specs.versions import clauses, parsed_key, release, repaired
from commonwheel.specs.wheel_file import build_key, expand_tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Final

    from commonwheel.index.page_record import Page, Row
    from commonwheel.index.rules import Terms
    from commonwheel.model import Target

# How near a file came to being usable: of several reasons, the one of the nearest file is told.
REASONS = ("platform", "no-sdist", "no-wheel", "invalid", "requires-python", "exclude-newer")
_PLATFORM, _NO_SDIST, _NO_WHEEL, _INVALID, _PYTHON, _NEWER = range(len(REASONS))
_YANKED, _USABLE = len(REASONS), len(REASONS) + 1


class Verdict(Value):
    """What the files of a page allow: masks with bit i for `page.versions[i]`.

    `barred` has a reason for each version that cannot be used at all; `yanked` those whose usable files are all yanked;
    `fitting` are the numbers of the page's tag sets (as text) that a usable file may have.
    """

    __slots__ = ("barred", "fitting", "yanked")

    def __init__(self, yanked: int, barred: "Mapping[str, int]", fitting: "frozenset[str]") -> None:
        self.yanked: Final = yanked
        self.barred: Final = barred
        self.fitting: Final = fitting


class Judge:
    """Judge files for one target; remembers what it said of tag sets and Requires-Python texts.

    A target without tags stands for every platform, as a universal resolution wants it. `build_python` is the version of
    the interpreter that would build source distributions, when that is not the target's.
    """

    __slots__ = ("_build", "_known_platforms", "_platforms", "_python", "_pythons", "_ranks", "_tags")

    def __init__(self, target: "Target", build_python: str = "") -> None:
        self._tags = {tag: rank for rank, tag in enumerate(target.tags)}
        self._known_platforms = {tag[tag.rfind("-") + 1 :] for tag in target.tags}
        self._platforms: dict[str, bool] = {}
        self._python = _release_of(target.markers.get("python_full_version", ""))
        self._build = _release_of(build_python) if build_python else self._python
        self._ranks: dict[str, int | None] = {}
        self._pythons: dict[tuple[str, str], bool | None] = {}

    def rank(self, tag: str) -> int | None:
        """Return how good a compressed tag set is (0 is best), or None when it does not fit the target."""
        try:
            return self._ranks[tag]
        except KeyError:
            rank = self._ranks[tag] = self._rank(tag)
            return rank

    def _rank(self, tag: str) -> int | None:
        parts = tag.split("-")
        if len(parts) != len(("python", "abi", "platform")):
            return None
        if not self._tags:
            return 0 if tag.endswith("-none-any") else 1
        platform = parts[2]
        fits = self._platforms.get(platform)
        if fits is None:  # most wheels are for other platforms, and of those there are few
            fits = self._platforms[platform] = not self._known_platforms.isdisjoint(platform.split("."))
        if not fits:
            return None
        tags = self._tags
        return min([tags[plain] for plain in expand_tags(*parts) if plain in tags], default=None)

    def admits(self, requires_python: str, sdist: bool) -> bool | None:
        """Return whether a file's Requires-Python admits the target, and for a sdist the building Python; None: unreadable."""
        if not requires_python:
            return True
        answer = self._admits(requires_python, self._python)
        if answer and sdist and self._build != self._python:
            return self._admits(requires_python, self._build)
        return answer

    def _admits(self, requires_python: str, python: str) -> bool | None:
        try:
            return self._pythons[requires_python, python]
        except KeyError:
            answer = self._pythons[requires_python, python] = admits_python(requires_python, python)
            return answer

    def verdict(self, page: "Page", terms: "Terms") -> Verdict:
        """Judge all versions of a page; its rows must be there where an upload limit cuts through a version (`cuts`)."""
        wheels = (
            {str(n) for n, tag in enumerate(page.tags) if self.rank(tag) is not None} if terms.wheels else set[str]()
        )
        sdists = {str(n) for n, tag in enumerate(page.tags) if tag[:1] == "."}
        facts = _Facts(
            wheels,
            sdists,
            terms,
            {str(n): (self.admits(text, False), self.admits(text, True)) for n, text in enumerate(page.requires)},
        )
        outcomes: dict[int, int] = {}
        for mask, groups in page.profiles:
            outcome = facts.of_profile(groups)
            outcomes[outcome] = outcomes.get(outcome, 0) | mask
        if terms.newest is not None:
            self._cut(page, terms, outcomes)
        return Verdict(
            outcomes.get(_YANKED, 0),
            {REASONS[outcome]: mask for outcome, mask in outcomes.items() if outcome < len(REASONS) and mask},
            frozenset(wheels | sdists if terms.sdists else wheels),
        )

    @staticmethod
    def cuts(page: "Page", terms: "Terms") -> bool:
        """Return whether an upload limit cuts through a version, so that its rows are needed."""
        newest = terms.newest
        if newest is None:
            return False
        spans = (page.upload_span(at) for at in range(len(page.versions)))
        return any(earliest - 1 < newest <= latest for earliest, latest in spans)

    def _cut(self, page: "Page", terms: "Terms", outcomes: dict[int, int]) -> None:
        """Take versions that are too new out of the usable ones, and judge those file by file that are so in part."""
        newest = terms.newest or 0.0
        for at in range(len(page.versions)):
            earliest, latest = page.upload_span(at)  # whole seconds, rounded up
            if latest < newest:
                continue
            bit = 1 << at
            was = next(outcome for outcome, mask in outcomes.items() if mask & bit)
            if was < _YANKED:
                continue
            now = _NEWER
            if earliest - 1 < newest:
                files = page.files(at) or []
                now = max((self.outcome(row, terms) for row in files), default=_NEWER)
            outcomes[was] &= ~bit
            outcomes[now] = outcomes.get(now, 0) | bit

    def outcome(self, row: "Row", terms: "Terms") -> int:
        """Return how near a file comes to being usable (`_USABLE` is the highest)."""
        sdist = row.sdist
        if sdist and not terms.sdists:
            return _NO_WHEEL
        if not sdist and not terms.wheels:
            return _NO_SDIST
        if not sdist and self.rank(row.tag) is None:
            return _PLATFORM
        admitted = self.admits(row.requires_python, sdist)
        if not admitted:
            return _INVALID if admitted is None else _PYTHON
        if terms.newest is not None and (row.uploaded is None or row.uploaded >= terms.newest):
            return _NEWER
        return _USABLE if row.yanked is None else _YANKED

    def best(
        self,
        offers: "Iterable[tuple[int, Row]]",
        terms: "Callable[[int], Terms]",
        allowed: "frozenset[str]" = frozenset(),
    ) -> "tuple[int, Row] | None":
        """Return the best usable file among offers (number of the place, row), or None.

        A file with an allowed hash before one without; not yanked before yanked; a wheel before a sdist; better tags;
        the higher build; then the earlier place.
        """
        chosen: tuple[int, Row] | None = None
        best: tuple[object, ...] = ()
        for place, row in offers:
            outcome = self.outcome(row, terms(place))
            if outcome < _YANKED:
                continue
            merit = (
                not allowed or not allowed.isdisjoint(row.digests.split(",")),
                outcome,
                not row.sdist,
                -(self.rank(row.tag) or 0),
                row.tag != ".zip",
                build_key(row.build),
                -place,
            )
            if chosen is None or merit > best:
                chosen, best = (place, row), merit
        return chosen

    def objection(self, row: "Row", terms: "Terms") -> str:
        """Return why a file cannot be used on the target, or "" when it can (yanked ones can, on request)."""
        outcome = self.outcome(row, terms)
        if outcome >= _YANKED:
            return ""
        if outcome == _PLATFORM:
            return self._misfit(row.tag)
        if outcome == _PYTHON:
            python = self._python if self._admits(row.requires_python, self._python) is False else self._build
            return f"it requires Python `{row.requires_python}`, and this is Python {python}"
        return {
            _NO_SDIST: "wheels of this project are not allowed",
            _NO_WHEEL: "it is a source distribution, and building is not allowed",
            _INVALID: f"its Requires-Python `{row.requires_python}` cannot be read",
            _NEWER: "it was uploaded too late" if row.uploaded else "the index does not say when it was uploaded",
        }[outcome]

    def _misfit(self, tag: str) -> str:
        """Return which part of a tag set does not fit: interpreter, ABI or platform, in the order a person would look."""
        python, abi, platform = tag.split("-")
        known = [plain.split("-") for plain in self._tags]
        if not {p[0] for p in known}.intersection(python.split(".")):
            return f"it is for another Python (`{python}`)"
        if not {p[2] for p in known}.intersection(platform.split(".")):
            return f"it is for another platform (`{platform}`)"
        if not {p[1] for p in known if p[0] in python.split(".")}.intersection(abi.split(".")):
            return f"it is for another ABI (`{abi}`)"
        return f"its tags (`{tag}`) do not fit together on this Python and platform"


class _Facts:
    """Know what is allowed on one page, in the words of its profiles: numbers as text."""

    __slots__ = ("pythons", "sdists", "terms", "wheels")

    def __init__(
        self, wheels: set[str], sdists: set[str], terms: "Terms", pythons: "dict[str, tuple[bool | None, bool | None]]"
    ) -> None:
        self.wheels = wheels
        self.sdists = sdists
        self.terms = terms
        self.pythons = pythons

    def of_profile(self, groups: str) -> int:
        """Return the outcome of the best file of a profile."""
        return max(map(self._of_group, groups.split(" ")))

    def _of_group(self, group: str) -> int:
        kind, _, tags = group.partition(":")
        usable = _USABLE
        if kind[-1] == "y":
            kind, usable = kind[:-1], _YANKED
        numbers = tags.split(",")
        outcome = _PLATFORM
        if not self.wheels.isdisjoint(numbers):
            outcome = _level(self.pythons[kind][0], usable)
        if outcome < _USABLE and not self.sdists.isdisjoint(numbers):
            outcome = max(outcome, _level(self.pythons[kind][1], usable) if self.terms.sdists else _NO_WHEEL)
        if outcome < _NO_WHEEL and not self.terms.wheels and not self.sdists.issuperset(numbers):
            outcome = max(outcome, _NO_SDIST)
        return outcome


def _level(admitted: bool | None, usable: int) -> int:
    if admitted:
        return usable
    return _INVALID if admitted is None else _PYTHON


def _release_of(python: str) -> str:
    """Return a Python version without what comes after its numbers: 3.14.0rc1 counts as 3.14.0, as installers have it."""
    if not parsed_key(python):
        return python
    return ".".join(map(str, release(python)))


def admits_python(requires_python: str, python: str) -> bool | None:
    """Return whether a Requires-Python admits a Python version; None when it cannot be read.

    Only what excludes old or named versions counts. An upper bound (`<4`, `==3.8.*`, `~=3.8`) is a guess about Pythons
    that did not exist yet; taken at its word, it would make a resolver go back to releases from before the author
    thought of it (uv's rule as well).
    """
    text = repaired(requires_python)
    if text is None:
        return None
    for clause in clauses(text):
        if clause.operator in ("<", "<="):
            continue
        if clause.operator in ("==", "~="):
            bound = clauses(f">={clause.version.partition('+')[0]}")[0]
            if not bound.admits(python):
                return False
        elif not clause.admits(python):
            return False
    return True
