"""What the solver knows: the packages that it decides on, and sets of their states that cannot all hold, each with its cause.

Packages and incompatibilities speak of each other, so they stand in one file.

An incompatibility maps packages to sets of states (bits, see `resolve.version_set`). It says: in no solution is every
package in its set. `a 1.0 depends on b>=2` is "not both: `a` is 1.0, and `b` is absent or below 2". The causes are
facts, told by `resolve.report` in their own words, or `Derived`: the conclusion from two others.
"""

from commonwheel.resolve.version_set import ABSENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    from commonwheel.model import Requirement
    from commonwheel.resolve.version_set import Universe

    Cause: TypeAlias = "Asked | Needs | Barred | Missing | Tied | Derived | Several"


# How soon a project is decided: smaller is sooner. Within a rank, first seen is first decided.
RANK_SOURCE, RANK_PINNED, RANK_VICTIM, RANK_CULPRIT, RANK_PLAIN = range(5)
# Moments are counted up to here within a level, so that one int orders (level, moment).
MOMENTS = 1 << 40


class Incompatibility:
    """Hold the terms and the cause; the terms of a `Needs` grow while more versions turn out to say the same."""

    __slots__ = ("cause", "terms")

    def __init__(self, terms: "dict[Package, int]", cause: "Cause") -> None:
        self.terms: Final = terms
        self.cause: Final = cause

    def forbids(self, package: "Package") -> bool:
        """Return whether every other package is within its set, so that `package` must be outside of its own."""
        for other, within in self.terms.items():  # noqa: SIM110 - a generator costs more than it runs, here above all
            if other.domain & ~within and other is not package:
                return False
        return True


class Asked:
    """The user asks for it: a requirement, with the line where it was written."""

    __slots__ = ("package", "requirement", "wanted")

    def __init__(self, package: "Package", wanted: int, requirement: "Requirement") -> None:
        self.package: Final = package
        self.wanted: Final = wanted
        self.requirement: Final = requirement


class Needs:
    """Versions of a package depend on `wanted` versions of another; `wanted` is 0 when there is no such version."""

    __slots__ = ("needed", "package", "requirement", "wanted")

    def __init__(self, package: "Package", needed: "Package", wanted: int, requirement: "Requirement") -> None:
        self.package: Final = package
        self.needed: Final = needed
        self.wanted: Final = wanted
        self.requirement: Final = requirement


class Barred:
    """Versions cannot be used at all: a reason (a word of `Listing.barred`, or one of the provider's) and its detail."""

    __slots__ = ("detail", "package", "reason")

    def __init__(self, package: "Package", reason: str, detail: str) -> None:
        self.package: Final = package
        self.reason: Final = reason
        self.detail: Final = detail


class Missing:
    """No version at all is what a requirement wants; `resolve.report` tells it as a fact of its own."""

    __slots__ = ("package", "requirement")

    def __init__(self, package: "Package", requirement: "Requirement") -> None:
        self.package: Final = package
        self.requirement: Final = requirement


class Tied:
    """`x[extra]` and `x` have the same version."""

    __slots__ = ()


class Derived:
    """What two incompatibilities say together, once the one package on which they disagree is left out."""

    __slots__ = ("left", "package", "right")

    def __init__(self, left: Incompatibility, right: Incompatibility, package: "Package") -> None:
        self.left: Final = left
        self.right: Final = right
        self.package: Final = package


class Several:
    """Incompatibilities that say the same of different versions of one package, taken as one."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: Final[list[Incompatibility]] = []


class Assignment:
    """One entry of a package's history: at `level` its domain came to be `domain`, because of `cause`.

    A decision has no cause. `time` orders entries by level, then by the moment in which they were written.
    """

    __slots__ = ("cause", "domain", "level", "time")

    def __init__(self, level: int, moment: int, domain: int, cause: Incompatibility | None) -> None:
        self.level: Final = level
        self.time: Final = level * MOMENTS + moment
        self.domain = domain
        self.cause: Final = cause


class Project:
    """What packages of one name share: their universe, their place in the order, and how often they were in the way.

    `tied` says that somebody needs it with an extra, or under a marker.
    """

    __slots__ = ("base", "culprit", "extras", "order", "rank", "tied", "universe", "victim")

    def __init__(self, universe: "Universe", order: int) -> None:
        self.universe: Final = universe
        self.order: Final = order
        self.rank = RANK_PLAIN if universe.source is None else RANK_SOURCE
        self.base: Final = Package(self)
        self.extras: dict[str, Package] = {}
        self.tied = False
        self.victim = 0
        self.culprit = 0

    def packages(self) -> "list[Package]":
        """Return the base package and those of the extras, in the order in which they were met."""
        return [self.base, *self.extras.values()]


class Package:
    """A project, or one of its extras, with its domain and how that came about.

    `decided` is the position of the chosen version, or 0, and `level` where that was decided. `needs` has, for each
    version looked at, the incompatibilities of its dependencies, and `shared` those same by what they say. `watchers`
    are the learned incompatibilities that speak of this package.
    """

    __slots__ = ("decided", "domain", "extra", "history", "index", "level", "needs", "project", "shared", "watchers")

    def __init__(self, project: Project, extra: str = "", index: int = 0) -> None:
        self.project: Final = project
        self.extra: Final = extra
        self.index: Final = index
        self.domain = project.universe.everything
        self.decided = 0
        self.level = 0
        self.history = [Assignment(0, -1, self.domain, None)]
        self.needs: dict[int, tuple[Incompatibility, ...]] = {}
        self.shared: dict[tuple[Package, int], Incompatibility] = {}
        self.watchers: list[Incompatibility] = []

    @property
    def universe(self) -> "Universe":
        """Return the versions of the project."""
        return self.project.universe

    @property
    def open(self) -> bool:
        """Return whether it is needed and not yet decided."""
        return not self.decided and not self.domain & ABSENT

    def first_within(self, states: int) -> Assignment:
        """Return the first entry of the history whose domain lies within `states`; the last one must.

        Domains only shrink, so this is a binary search: a package can have thousands of entries (boto3 has).
        """
        outside = ~states
        history = self.history
        low, high = 0, len(history) - 1
        while low < high:
            middle = (low + high) // 2
            if history[middle].domain & outside:
                low = middle + 1
            else:
                high = middle
        return history[low]

    def narrow(self, level: int, moment: int, keep: int, cause: Incompatibility) -> None:
        """Write into the history that from `level` on only `keep` is possible."""
        history = self.history
        place = len(history)
        while history[place - 1].level > level:
            place -= 1
            history[place].domain &= keep
        history.insert(place, Assignment(level, moment, history[place - 1].domain & keep, cause))
        self.domain &= keep

    def forget(self, level: int) -> None:
        """Take back everything above a level."""
        history = self.history
        while history[-1].level > level:
            history.pop()
        self.domain = history[-1].domain
        if self.level > level:
            self.decided = self.level = 0

    def __str__(self) -> str:
        name = self.project.universe.name
        if self.extra.startswith(":"):
            return f"{name}{self.extra}"
        return f"{name}[{self.extra}]" if self.extra else name
