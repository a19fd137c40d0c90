"""`specs.markers` against its oracle, `packaging.markers`."""

import random
from collections.abc import Callable, Iterable, Iterator

import pytest
from packaging.markers import InvalidMarker as OracleInvalidMarker
from packaging.markers import Marker as OracleMarker
from packaging.markers import UndefinedComparison

from commonwheel.specs import markers

LINUX = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.1",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "5.15.0-91-generic",
    "platform_system": "Linux",
    "platform_version": "#1 SMP",
    "python_full_version": "3.12.1",
    "python_version": "3.12",
    "sys_platform": "linux",
}
WINDOWS = {
    **LINUX,
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_release": "10",
    "platform_system": "Windows",
    "sys_platform": "win32",
    "python_version": "3.8",
    "python_full_version": "3.8.10",
}
PYPY = {
    **LINUX,
    "implementation_name": "pypy",
    "implementation_version": "7.3.13",
    "platform_python_implementation": "PyPy",
    "python_version": "3.10",
    "python_full_version": "3.10.13",
    "sys_platform": "darwin",
    "platform_system": "Darwin",
    "platform_machine": "arm64",
}
UNTAGGED = {**LINUX, "python_full_version": "3.13.0a1+", "python_version": "3.13"}
ENVIRONMENTS = [LINUX, WINDOWS, PYPY, UNTAGGED]

SPELLINGS = [*markers.VARIABLES, "os.name", "sys.platform", "platform.version", "platform.machine",
             "platform.python_implementation", "python_implementation", "python_version", "python_version", "extra"]  # fmt: skip
VALUES = ["linux", "win32", "darwin", "posix", "nt", "CPython", "PyPy", "cpython", "x86_64", "Linux", "", "3.8", "3.10", "3.12",
          "3.12.1", "3", "3.*", "3.12.*", "2.7, 3.8", "3.13.0a1", "10", "Win", "Test_Extra", "a", "a.b"]  # fmt: skip
OPERATORS = ["==", "==", "!=", "<", "<=", ">", ">=", "~=", "in", "not in", "not  in", "==="]


def comparison_text(pick: random.Random) -> str:
    quote = pick.choice("'\"")
    variable, value = pick.choice(SPELLINGS), f"{quote}{pick.choice(VALUES)}{quote}"
    left, right = (variable, value) if pick.random() < 0.8 else (value, variable)
    space = pick.choice([" ", " ", ""])
    operator = pick.choice(OPERATORS)
    if operator[0].isalpha():
        space = " "
    return f"{left}{space}{operator}{space}{right}"


def marker_text(pick: random.Random, depth: int = 0) -> str:
    kind = pick.randint(0, 5) if depth < 3 else 0
    if kind <= 2:
        return comparison_text(pick)
    if kind == 5:
        return "(" + pick.choice(["", " "]) + marker_text(pick, depth + 1) + ")"
    word = " and " if kind == 3 else " or "
    return word.join(marker_text(pick, depth + 1) for _ in range(pick.randint(2, 3)))


def cases(count: int, make: Callable[[random.Random], str] = marker_text) -> Iterator[str]:
    pick = random.Random(20260822)
    for _ in range(count):
        yield make(pick)


def expected(oracle: OracleMarker, environment: dict[str, str], extra: str) -> bool | None:
    try:
        return oracle.evaluate({**environment, "extra": extra})
    except UndefinedComparison:  # `~=` or `===` on what is no version
        return None


def test_evaluation_agrees_with_packaging() -> None:
    compared = 0
    for text in cases(4000):
        oracle = OracleMarker(text)
        for environment in ENVIRONMENTS:
            for extra in ("", "test-extra"):
                want = expected(oracle, environment, extra)
                if want is not None:
                    assert markers.evaluate(text, environment, (extra,) if extra else ()) == want, (
                        text,
                        environment,
                        extra,
                    )
                    compared += 1
    assert compared > 15_000


def test_text_matches_packaging() -> None:
    for text in cases(3000, comparison_text):
        assert str(markers.parse(text)) == str(OracleMarker(text))


def test_round_trip_keeps_the_meaning() -> None:
    for text in cases(2000):
        again = markers.parse(str(markers.parse(text)))
        for environment in ENVIRONMENTS:
            assert markers.holds(again, environment) == markers.evaluate(text, environment), text


def mangled(pick: random.Random) -> str:
    text = marker_text(pick)
    at = pick.randrange(len(text) + 1)
    return pick.choice(
        [text[:at] + text[at + 1 :], text[:at] + pick.choice(" ()'\"<=!~aorx.\n") + text[at:], text[:at]]
    )


def test_validity_matches_packaging() -> None:
    refused = 0
    for text in cases(6000, mangled):
        try:
            oracle = OracleMarker(text)
        except OracleInvalidMarker:
            assert not text or not markers.is_marker(text), text
            refused += 1
            continue
        if not markers.is_marker(text):
            # comparing two texts, or two variables, is grammatical and meaningless
            assert any(type(left) is type(right) for left, _, right in leaves(oracle._markers)), text
    assert refused > 1000


def leaves(tree: Iterable[object]) -> Iterator[tuple[object, ...]]:
    for node in tree:
        if isinstance(node, list):
            yield from leaves(node)
        elif isinstance(node, tuple):
            yield node


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ('python_version > "3.6', "                 ^^^^"),
        ("python_versio > '3'", "^^^^^^^^^^^^^"),
        ('(os_name == "nt"', "^^^^^^^^^^^^^^^^"),
        ('os_name == "nt" os_name', "                ^"),
        ('os_name is "nt"', "        ^"),
    ],
)
def test_fault_position_is_underlined(text: str, marks: str) -> None:
    with pytest.raises(markers.InvalidMarker) as caught:
        markers.parse(text)
    assert caught.value.message == f"`{text}` is not a valid environment marker (PEP 508)"
    assert caught.value.context[1:] == (text, marks)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("text", "extras", "answer"),
    [
        ("extra == 'a'", (), False),
        ("extra == 'a'", ("a", "b"), True),
        ("extra != 'a'", (), True),
        ("extra != 'a'", ("a", "b"), False),
        ("extra == 'A_b'", ("a-b",), True),
        ("'A.b' == extra", ("a-b",), True),
        ("'A.b' in extras", ("a-b",), True),
        ("'c' not in extras", ("a-b",), True),
        ("'c' in extras", ("a-b",), False),
        ("extra == 'a' and python_version >= '3.8'", ("a",), True),
        ("extra == 'a' and python_version >= '4'", ("a",), False),
    ],
)
def test_extras(text: str, extras: tuple[str, ...], answer: bool) -> None:
    assert markers.evaluate(text, LINUX, extras) is answer


def test_dependency_groups() -> None:
    assert markers.evaluate("'dev' in dependency_groups", LINUX, (), ("dev",))
    assert not markers.evaluate("'dev' in dependency_groups", LINUX, ("dev",))


@pytest.mark.parametrize(
    ("text", "extras", "rest"),
    [
        ("extra == 'a'", ("a",), ""),
        ("extra == 'a'", (), 'python_version < "0"'),
        ("python_version >= '3.8' and extra == 'a'", ("a",), 'python_version >= "3.8"'),
        ("os_name == 'nt' or extra == 'a'", ("a",), ""),
        ("os_name == 'nt' or extra == 'a'", (), 'os_name == "nt"'),
        ("(os_name == 'nt' or os_name == 'java') and extra == 'a'", ("a",), 'os_name == "nt" or os_name == "java"'),
        (
            "(os_name == 'nt' or os_name == 'java') and python_version >= '3' and extra == 'a'",
            ("a",),
            '(os_name == "nt" or os_name == "java") and python_version >= "3"',
        ),
    ],
)
def test_without_extras(text: str, extras: tuple[str, ...], rest: str) -> None:
    assert str(markers.without_extras(markers.parse(text), extras)) == rest
    assert markers.depends_on_extras(markers.parse(text))


def test_never_and_always_read_as_text() -> None:
    assert not markers.evaluate(str(markers.NEVER), LINUX)
    assert markers.evaluate(str(markers.ALWAYS), LINUX)


def test_conjunction_and_disjunction_drop_duplicates() -> None:
    a, b = markers.parse("os_name == 'nt'"), markers.parse("os_name == 'java'")
    assert str(markers.both(a, markers.both(a, b), markers.ALWAYS)) == 'os_name == "nt" and os_name == "java"'
    assert str(markers.either(a, markers.either(b, a), markers.NEVER)) == 'os_name == "nt" or os_name == "java"'
    assert markers.either(a, markers.ALWAYS) is markers.ALWAYS
    assert markers.both(a, markers.NEVER) is markers.NEVER
    assert markers.both(a) is a
