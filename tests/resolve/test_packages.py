"""What an incompatibility forbids."""

from commonwheel.resolve.packages import Incompatibility, Needs, Package, Project
from commonwheel.resolve.version_set import Universe
from kit.fake_catalogue import requirement


def package(name: str) -> Package:
    return Project(Universe(name, ("1", "2", "3")), 0).base


def test_incompatibility_forbids_when_all_other_terms_hold() -> None:
    a, b = package("a"), package("b")
    need = Incompatibility({a: 0b1000, b: 0b0011}, Needs(a, b, 0b1100, requirement("b>=2")))
    assert not need.forbids(a)
    b.domain = 0b0110
    assert not need.forbids(a)
    b.domain = 0b0010
    assert need.forbids(a)
    assert not need.forbids(b)
    a.domain = 0b1000
    assert need.forbids(b)


def test_single_term_always_forbids() -> None:
    a = package("a")
    assert Incompatibility({a: 0b0010}, Needs(a, package("b"), 0, requirement("b"))).forbids(a)
