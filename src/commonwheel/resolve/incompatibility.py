"""What the solver knows: sets of package states that cannot all hold, each with its cause.

An incompatibility maps packages to sets of states (bits, see `resolve.universe`). It says: in no solution is every
package in its set. `a 1.0 depends on b>=2` is "not both: `a` is 1.0, and `b` is absent or below 2". The causes are
facts, told by `resolve.report` in their own words, or `Derived`: the conclusion from two others.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    from commonwheel.model import Requirement
    from commonwheel.resolve.solver import Package

    Cause: TypeAlias = "Asked | Needs | Barred | Missing | Tied | Derived | Several"


class Incompatibility:
    """Hold the terms and the cause; the terms of a `Needs` grow while more versions turn out to say the same."""

    __slots__ = ("cause", "terms")

    def __init__(self, terms: "dict[Package, int]", cause: "Cause") -> None:
        self.terms: Final = terms
        self.cause: Final = cause

    def forbids(self, package: "Package") -> bool:
        """Tell whether every other package is within its set, so that `package` must be outside of its own."""
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
