"""How sets of versions are said."""

import pytest

from commonwheel.resolve.packages import Project
from commonwheel.resolve.phrases import _ranges, _shown
from commonwheel.resolve.version_set import Universe

TEN = Universe("a", tuple(f"1.{i}" for i in range(10)))


def states(*minors: int) -> int:
    return sum(2 << minor for minor in minors)


@pytest.mark.parametrize(
    ("minors", "text"),
    [
        (range(10), "a"),
        ([3], "a==1.3"),
        ([0, 1, 2], "a<=1.2"),
        ([7, 8, 9], "a>=1.7"),
        ([3, 4, 5], "a>=1.3,<=1.5"),
        ([0, 3], "a==1.0 or a==1.3"),
        ([0, 1, 5, 6, 9], "a<=1.1, a>=1.5,<=1.6 or a==1.9"),
        ([0, 1, 2, 3, 5, 6, 7, 8, 9], "a!=1.4"),
        ([0, 2, 4, 6, 8], "a==1.0, a==1.2, a==1.4 or 2 more versions of a"),
        ([], "no version of a"),
    ],
)
def test_ranges_over_known_versions(minors: list[int], text: str) -> None:
    assert _ranges("a", TEN, states(*minors), "or") == text


def test_subject_and_number_agree() -> None:
    package = Project(TEN, 0).base
    assert _shown(package, TEN.everything) == ("all versions of a", True)
    assert _shown(package, states(3, 4)) == ("a>=1.3,<=1.4", False)
    assert _shown(package, states(3, 7)) == ("a==1.3 and a==1.7", True)
    assert _shown(Project(Universe("b", ("1.0",)), 0).base, 0b11) == ("b==1.0", False)
