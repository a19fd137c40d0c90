import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import InvalidName, canonicalize_name

from commonwheel.specs import names


@given(st.text(alphabet="abcXYZ019._-", max_size=20))
def test_normalization_matches_packaging(text: str) -> None:
    assert names.normalize(text) == canonicalize_name(text)


@given(st.text(alphabet="aZ0._-é /\n", min_size=0, max_size=6))
def test_validity_matches_packaging(text: str) -> None:
    try:
        canonicalize_name(text, validate=True)
        valid = not text.endswith("\n")  # its regular expression lets one end of line pass
    except InvalidName:
        valid = False
    assert names.is_valid(text) == valid


@pytest.mark.parametrize("name", ["\u017f", "\u212a", "a\n", "٣", "-a", "a-", "a b", "", "a/b", "é"])
def test_lookalike_names_are_refused(name: str) -> None:
    assert not names.is_valid(name)


def test_escaped_names_for_directories() -> None:
    assert names.escape("Zope.Interface--X") == "zope_interface_x"
