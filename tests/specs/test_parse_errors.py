import pytest

from commonwheel.specs.parse_errors import Malformed, underline


def test_issues_are_kept_and_shown() -> None:
    error = Malformed("`x` is wrong", issues=("a", "b"), context=("c",), hint="do")
    assert error.issues == ("a", "b")
    assert error.context == ("a", "b", "c")
    assert error.hint == "do"


@pytest.mark.parametrize(
    ("text", "span", "marks"),
    [("name >= x", (8, 9), "        ^"), ("abc", (3, 3), "   ^"), ("a\tbc", (2, 4), "  ^^")],
)
def test_marks_underline_the_span(text: str, span: tuple[int, int], marks: str) -> None:
    shown, below = underline(text, *span)
    assert below == marks
    assert "\t" not in shown


def test_long_lines_are_cut_around_the_span() -> None:
    text = "x" * 300 + "!" + "y" * 300
    shown, below = underline(text, 300, 301)
    assert len(shown) <= 110
    assert shown[below.index("^")] == "!"
