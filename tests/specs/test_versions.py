"""`specs.versions` against its oracle, `packaging`."""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier as OracleInvalidSpecifier
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion as OracleInvalidVersion
from packaging.version import Version

from commonwheel.specs import versions

# Small numbers, so that versions collide and adjacent ones meet. The makers below draw from a `random.Random`: the bulk
# runs on a fixed seed (thousands of cases in a second), hypothesis drives the same makers with sources that it can shrink.
NUMBERS = ["0", "1", "2", "3", "10", "00", "01"]
SEPARATORS = ["", ".", "-", "_"]
EPOCHS = ["", "", "", "", "0!", "1!", "2!"]
PRE_LABELS = ["a", "b", "rc", "alpha", "beta", "c", "pre", "preview", "A", "RC"]
OPERATORS = ["==", "!=", "<=", ">=", "<", ">", "~=", "==="]


def release_text(pick: random.Random) -> str:
    return ".".join(pick.choice(NUMBERS) for _ in range(pick.randint(1, 4)))


def suffix_text(pick: random.Random, *, local: bool) -> str:
    text = ""
    if pick.randint(0, 2) == 0:
        text += (
            pick.choice(SEPARATORS)
            + pick.choice(PRE_LABELS)
            + pick.choice(SEPARATORS)
            + pick.choice(["", "0", "1", "2"])
        )
    kind = pick.randint(0, 5)
    if kind == 0:
        label = pick.choice(["post", "rev", "r", "Post"])
        text += pick.choice(SEPARATORS) + label + pick.choice(SEPARATORS) + pick.choice(["", "0", "1", "2"])
    elif kind == 1:
        text += "-" + pick.choice(["0", "1", "2"])
    if pick.randint(0, 4) == 0:
        text += pick.choice(SEPARATORS) + "dev" + pick.choice(SEPARATORS) + pick.choice(["", "0", "1", "2"])
    if local and pick.randint(0, 4) == 0:
        segments = [pick.choice(["1", "2", "a", "b", "cpu", "Cu118", "0"]) for _ in range(pick.randint(1, 3))]
        text += "+" + pick.choice([".", "-", "_"]).join(segments)
    return text


def version_text(pick: random.Random) -> str:
    prefix = pick.choice(["", "", "", "v", " ", "V"])
    return prefix + pick.choice(EPOCHS) + release_text(pick) + suffix_text(pick, local=True)


def messy_text(pick: random.Random) -> str:
    return "".join(pick.choice("0123ab.rc-_+!v postdevx\u0663*") for _ in range(pick.randint(0, 12)))


def clause_text(pick: random.Random) -> str:
    operator = pick.choice(OPERATORS)
    text = operator + pick.choice(["", " "]) + pick.choice(EPOCHS) + release_text(pick)
    if operator in ("==", "!=") and pick.randint(0, 1):
        return text + ".*"
    return text + suffix_text(pick, local=pick.randint(0, 1) == 1)


def specifier_text(pick: random.Random) -> str:
    return ",".join(clause_text(pick) for _ in range(pick.randint(0, 3)))


def messy_specifier(pick: random.Random) -> str:
    kind = pick.randint(0, 2)
    if kind == 0:
        return "".join(pick.choice("<>=!~.* ,1a") for _ in range(pick.randint(0, 9)))
    return specifier_text(pick) if kind == 1 else messy_text(pick)


def cases(count: int, *makers: Callable[[random.Random], Any]) -> Iterator[tuple[Any, ...]]:
    pick = random.Random(20260822)
    for _ in range(count):
        yield tuple(make(pick) for make in makers)


picks = st.randoms(use_true_random=False)


def oracle_version(text: str) -> Version | None:
    try:
        return Version(text)
    except OracleInvalidVersion:
        return None


def oracle_set(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except OracleInvalidSpecifier:
        return None


def check_version(text: str) -> None:
    expected = oracle_version(text)
    assert (versions.parsed_key(text) is None) == (expected is None), text
    if expected is not None:
        assert versions.canonical(text) == str(expected), text
        assert versions.is_prerelease(text) == expected.is_prerelease, text
        assert versions.release(text) == expected.release, text
    else:
        for ask in (versions.version_key, versions.canonical, versions.release, versions.is_prerelease):
            with pytest.raises(versions.InvalidVersion):
                ask(text)


def check_order(one: str, other: str) -> None:
    left, right = Version(one), Version(other)
    assert (versions.version_key(one) < versions.version_key(other)) == (left < right), (one, other)
    assert (versions.version_key(one) == versions.version_key(other)) == (left == right), (one, other)
    assert versions.same_version(one, other) == (left == right), (one, other)


def check_contains(specifier: str, version: str, prereleases: bool | None) -> None:
    expected = oracle_set(specifier)
    if expected is not None:
        answer = versions.contains(specifier, version, prereleases)
        assert answer == expected.contains(version, prereleases), (specifier, version, prereleases)


def check_select(specifier: str, texts: list[str]) -> None:
    expected = oracle_set(specifier)
    if expected is not None:
        known = sorted((text.strip() for text in texts), key=Version)
        bits = sum(2 << i for i, version in enumerate(known) if expected.contains(version, prereleases=True))
        assert versions.select(specifier, known) == bits, (specifier, known)


@pytest.mark.parametrize("make", [version_text, messy_text])
def test_version_validity_matches_packaging(make: Callable[[random.Random], str]) -> None:
    for (text,) in cases(6000, make):
        check_version(text)


@pytest.mark.parametrize(
    "text",
    ["1.0a-", "1.0a..post1", "1.0a...post1", "1.0-1", "1.0a-1-1", "1.0.post-1", "1.0+", "1.0+a..b", "1!", "v", "\u0661.0",
     "1.0\u00b2", "1_000", "", "1..2", ".1", "1.", "vv1", "1.0 a1", "1.0+a+b", "1!2!3", "\t1.0\n", "1.0+\u0131", "1" * 4000],
)  # fmt: skip
def test_unusual_versions(text: str) -> None:
    check_version(text)


def test_number_beyond_int_limit_is_invalid() -> None:
    assert versions.parsed_key("1" * 5000) is None
    assert versions.parsed_key("1.0a" + "1" * 5000) is None


def test_key_order_matches_packaging() -> None:
    for one, other in cases(8000, version_text, version_text):
        check_order(one, other)


def test_specifier_validity_matches_packaging() -> None:
    for (text,) in cases(8000, messy_specifier):
        assert versions.is_specifier(text) == (oracle_set(text) is not None), text


@pytest.mark.parametrize(
    "text",
    ["==1.0.*,", "==1.0 .*", "== 1.0.* ", "===", "=== a b", "===a;b", "==1.0a1.*", ">=1.0.*", "~=1", ">=1.0+local", "==v1.0",
     "~=1.0+local", "==1.0+local", "=>1", "= 1", "==1.0.*.*", "==1!1.*", "== v1.* ", ">= 1 , < 2", ">=1;", ",,"],
)  # fmt: skip
def test_unusual_specifiers(text: str) -> None:
    assert versions.is_specifier(text) == (oracle_set(text) is not None)


def test_contains_matches_packaging() -> None:
    for case in cases(15000, specifier_text, version_text, lambda pick: pick.choice([None, True, False])):
        check_contains(*case)


@settings(max_examples=150, deadline=None)
@given(picks)
def test_random_specifiers_match_packaging(pick: random.Random) -> None:
    check_version(version_text(pick))
    check_order(version_text(pick), version_text(pick))
    check_contains(specifier_text(pick), version_text(pick), None)
    check_select(specifier_text(pick), [version_text(pick) for _ in range(pick.randint(0, 8))])


@pytest.mark.parametrize(
    ("specifier", "version"),
    [("<1.0", "1.0rc1"), ("<1.0", "1.0.dev0"), (">1.0", "1.0.post1"), (">1.0", "1.0+x"), ("<=1.0", "1.0+x"), ("==1.0", "1.0+x"),
     ("==1.0+x", "1.0"), ("!=1.0+x", "1.0+x.1"), ("~=1.4.5a4", "1.4.9"), ("<1.0.post1", "1.0.post0.dev1"), ("===1.0", "1.0.0"),
     ("!=1.0", "rubbish"), ("===rubbish", "RUBBISH"), ("", "rubbish"), ("<0.dev0", "0.dev0")],
)  # fmt: skip
def test_edge_cases(specifier: str, version: str) -> None:
    check_contains(specifier, version, True)
    check_contains(specifier, version, False)


def universe() -> list[str]:
    """Every kind of adjacent version around 1.0 and 1.1, and some far away."""
    tails = ["", "+a", "+1", ".dev0", ".dev1", "a1", "a1.dev0", "a1.post0", "a1+l", "rc1", ".post0", ".post1",
             ".post1.dev0", ".post1+l", "rc1.post2.dev3"]  # fmt: skip
    texts = [f"{epoch}{release}{tail}" for epoch, release, tail in
             itertools.product(["", "1!"], ["0.9", "1", "1.0.1", "1.1"], tails)]  # fmt: skip
    return sorted([*texts, "0", "0.dev0", "2.0", "10"], key=Version)


def test_select_equals_contains_for_each_version() -> None:
    known = universe()
    bases = [
        "0",
        "0.dev0",
        "0.9",
        "1.0",
        "1.0.0",
        "1.0+a",
        "1.0a1",
        "1.0.post1",
        "1.0.dev1",
        "1!1.0",
        "1.0rc1.post2.dev3",
        "1.1",
    ]
    count = 0
    for operator in ("==", "!=", "<=", ">=", "<", ">", "~=", "==="):
        for text in itertools.chain((f"{operator}{base}" for base in bases), (f"{operator}{b}.*" for b in bases)):
            expected = oracle_set(text)
            if expected is None:
                continue
            bits = sum(2 << i for i, version in enumerate(known) if expected.contains(version, prereleases=True))
            assert versions.select(text, known) == bits, text
            count += 1
    assert count > 80


def test_select_on_any_list_matches_packaging() -> None:
    for specifier, texts in cases(
        1500, specifier_text, lambda pick: [version_text(pick) for _ in range(pick.randint(0, 9))]
    ):
        check_select(specifier, texts)


def test_prerelease_naming_matches_packaging() -> None:
    for (specifier,) in cases(2000, clause_text):
        expected = oracle_set(specifier)
        if expected is not None:
            assert versions.names_prerelease(specifier) == bool(expected.prereleases), specifier


def test_bisection_parses_only_versions_it_visits() -> None:
    known = [f"77.0.{i}" for i in range(4096)]
    versions.select(">=77.0.17,<77.0.4000", known)
    assert sum(text in versions._keys for text in known) < 60


def test_invalid_clause_error_shows_the_whole_list() -> None:
    with pytest.raises(versions.InvalidSpecifier) as caught:
        versions.clauses(">=1.0,=>2")
    assert "`=>2`" in caught.value.message
    assert caught.value.context == ("it is part of `>=1.0,=>2`",)


@pytest.mark.parametrize(
    ("specifier", "pin"),
    [("==1.0", "1.0"), ("===1.0", "1.0"), ("==1.0.*", None), ("==1.0,!=2", None), (">=1", None), ("", None)],
)
def test_only_a_single_equality_is_a_pin(specifier: str, pin: str | None) -> None:
    assert versions.pinned_version(specifier) == pin


@pytest.mark.parametrize(
    ("specifier", "bound"),
    [
        ("", ""),
        ("<2", ""),
        (">=1.5,<2", "1.5"),
        (">1", "1"),
        ("~=1.4", "1.4"),
        ("==2", "2"),
        (">=1,>=3", "3"),
        ("!=1", ""),
    ],
)
def test_lower_bound_is_highest_named_version(specifier: str, bound: str) -> None:
    assert versions.lower_bound(specifier) == bound


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (">=3.6", ">=3.6"),
        (">=3.6,", ">=3.6,"),
        (">=2.7.*", ">=2.7"),
        (">=2.7,!=3.0*,!=3.1.*", ">=2.7,!=3.0.*,!=3.1.*"),
        ("!=3.0.x", "!=3.0.*"),
        ("~=3", ">=3,<4"),
        (">= 3.4 <4", ">= 3.4,<4"),
        (">='3.6'", ">=3.6"),
        ("(>=3.6)", ">=3.6"),
        (">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,<4,>=3.5.*", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,<4,>=3.5"),
        ("3.7", "==3.7"),
        ("rubbish", None),
        (">=rubbish", None),
    ],
)
def test_legacy_specifier_repairs(broken: str, mended: str | None) -> None:
    assert versions.repaired(broken) == mended
    if mended is not None:
        SpecifierSet(mended)


@pytest.mark.parametrize(
    ("requires_python", "python", "admitted"),
    [
        ("", "3.12.1", True),
        (">=3.8", "3.12.1", True),
        (">=3.13", "3.12.1", False),
        (">=3.8,<3.12", "3.12.1", True),
        ("<4", "3.12.1", True),
        ("==3.8.*", "3.12.1", True),
        ("==3.13.*", "3.12.1", False),
        ("~=3.8", "3.12.1", True),
        ("!=3.12.*", "3.12.1", False),
        ("!=3.12.0", "3.12.1", True),
        (">3.12.1", "3.12.1", False),
        (">=3.13", "3.13.0rc1", True),
        (">=3.13.0", "3.13.0a1+", True),
        (">=2.7,!=3.0.*,!=3.1.*", "3.12.1", True),
        (">=3.6.*", "3.5.0", False),
        ("rubbish", "3.12.1", True),
    ],
)
def test_requires_python_by_lower_bound(requires_python: str, python: str, admitted: bool) -> None:
    assert versions.admits_python(requires_python, python) is admitted
