"""`specs.version_bump` against what the real uv answers."""

import pytest

from commonwheel.specs.version_bump import BadBump, bump

TABLE = """
1.2.3 major 2.0.0 | 1.2.3 minor 1.3.0 | 1.2.3 patch 1.2.4 | 1.2.3 post 1.2.3.post1 | 1.2.3 patch,beta 1.2.4b1 | 1.2.3 minor,dev=3 1.3.0.dev3
1.2.3a4 major 2.0.0 | 1.2.3a4 patch 1.2.4 | 1.2.3a4 stable 1.2.3 | 1.2.3a4 alpha 1.2.3a5 | 1.2.3a4 beta 1.2.3b1 | 1.2.3a4 rc=5 1.2.3rc5
1.2.3a4 post 1.2.3a4.post1 | 1.2.3.post5 post 1.2.3.post6 | 1.2.3.post5 major 2.0.0 | 1.2.3b4.dev6 stable 1.2.3 | 1.2.3b4.dev6 beta 1.2.3b5
1.2.3b4.dev6 post 1.2.3b4.post1 | 1.2.3b4.dev6 dev 1.2.3b4.dev7 | 1.0 major 2.0 | 1.0 patch 1.0.1 | 2 minor 2.1 | 2 patch 2.0.1 | 1!2.0 minor 1!2.1
"""
CASES = [tuple(case.split()) for line in TABLE.strip().splitlines() for case in line.split("|")]


@pytest.mark.parametrize(("before", "parts", "after"), CASES)
def test_version_grows_as_with_uv(before: str, parts: str, after: str) -> None:
    assert bump(before, parts.split(",")) == after


@pytest.mark.parametrize(
    ("before", "parts", "said"),
    [
        ("1.2.3", "stable", "1.2.3 is not newer than 1.2.3"),
        ("1.2.3", "alpha", "1.2.3a1 is not newer"),
        ("1.2.3a4", "dev", "1.2.3a4.dev1 is not newer"),
        ("1.2.3b4", "alpha", "not newer"),
        ("1.0", "tiny", "no part of a version"),
        ("1.0", "rc=x", "no part of a version"),
        ("1.0", "stable,major", "cannot be combined"),
    ],
)
def test_bump_that_does_not_increase_is_refused(before: str, parts: str, said: str) -> None:
    with pytest.raises(BadBump, match=said):
        bump(before, parts.split(","))
