import pytest
from packaging.specifiers import SpecifierSet

from commonwheel.specs import legacy_specifiers
from commonwheel.specs.requirement import parse_dependency

# what uv repairs, with the result; the rest of the list is our own reading
SPECIFIERS = [
    (">=7.2.0<8.0.0", ">=7.2.0,<8.0.0"), ("!=~5.0,>=4.12", "!=5.0.*,>=4.12"), ("!=~5,>=4.12", "!=5.*,>=4.12"), (">=1.9.*", ">=1.9"), (">=1.*", ">=1"),
    (">=2.7,!=3.0*,!=3.1*,!=3.2*", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*"), (">=3.6,", ">=3.6"), (">=3.6, ", ">=3.6"), (">= '2.7'", ">=2.7"), ('>="3.6"', ">=3.6"),
    (">=2.7, !=3.0.*, !=3.1.*, !=3.2.*, !=3.3.*, !=3.4.*,", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,!=3.3.*,!=3.4.*"), (">=2.7,!=3.0.*,!=3.1.*,<3.4.*", ">=2.7,!=3.0.*,!=3.1.*,<3.4"),
    (">=2.7, !=3.0.*, !=3.1.*', !=3.2.*, !=3.3.*'", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,!=3.3.*"), (">=3.6'", ">=3.6"), (">dev", ">0.0.0.dev0"), (">=9.0.0a1.0", ">=9.0.0a1"),
    (">=9.0a1.0", ">=9.0a1"), (">=9a1.0", ">=9a1"),
    ("~=3", ">=3,<4"), ("3.6", "==3.6.*"), ("3", "==3.*"), (">= 3.4 <4", ">=3.4,<4"), ("*", ""), ("", ""), (">=3,<4", ">=3,<4"), (" >= 3 , < 4 ", ">=3,<4"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SPECIFIERS)
def test_specifier_repairs(text: str, expected: str) -> None:
    mended = legacy_specifiers.specifier(text)
    assert mended is not None
    assert SpecifierSet(mended) == SpecifierSet(expected)


@pytest.mark.parametrize("text", ["latest", ">=x", "==3.*.*", "=>3.6", "foo", ">=3.6;"])
def test_ambiguous_specifiers_stay_unchanged(text: str) -> None:
    assert legacy_specifiers.specifier(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("elasticsearch-dsl (>=7.2.0<8.0.0)", "elasticsearch-dsl>=7.2.0,<8.0.0"),
        ("botocore>=1.3.0,<1.4.0',", "botocore>=1.3.0,<1.4.0"),
        ("'numpy' >=1.19\"; python_version >= \"3.7\"", 'numpy>=1.19 ; python_version >= "3.7"'),
        ("jupyter-core (!=~5.0,>=4.12)", "jupyter-core!=5.0.*,>=4.12"),
        ("foo[a,b]>=1.*", "foo[a,b]>=1"),
        ("foo (2.5)", "foo==2.5.*"),
    ],
)  # fmt: skip
def test_requirement_repairs(text: str, expected: str) -> None:
    mended = legacy_specifiers.requirement(text)
    assert mended is not None
    assert str(parse_dependency(mended)) == expected


@pytest.mark.parametrize("text", [">=1.0", "", "foo bar baz", "foo >=x", "'"])
def test_unrepairable_requirements_stay_invalid(text: str) -> None:
    assert legacy_specifiers.requirement(text) is None
