from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.specs import simple_html


class Oracle(HTMLParser):
    """Collect what the library's parser sees."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "base", "meta"):
            attributes: dict[str, str] = {}
            for name, value in attrs:
                attributes.setdefault(name, value or "")
            self.found.append((tag, attributes))


NAMES = st.sampled_from(["href", "HREF", "data-yanked", "data-requires-python", "name", "content", "x"])
VALUES = st.sampled_from(["", "a.whl#sha256=1", "&gt;=3.8,&lt;4", ">=3", "a b", "&amp;x&#39;", "é", "a/b=c", "&notit;"])
ATTRIBUTE = st.tuples(NAMES, VALUES, st.sampled_from(['"', "'", None])).map(
    lambda t: t[0] if t[2] is None else f"{t[0]}={t[2]}{t[1]}{t[2]}"
)
TAG = st.tuples(
    st.sampled_from(["a", "A", "base", "meta", "abbr", "p"]),
    st.lists(ATTRIBUTE, max_size=3),
    st.sampled_from([">", " >", "/>", "\n>"]),
).map(lambda t: f"<{' '.join([t[0], *t[1]])}{t[2]}")
PIECE = st.one_of(
    TAG,
    st.sampled_from(
        [
            "text",
            "</a>",
            "<br>\n",
            '<!-- <a href="no"> -->',
            "<script>'<a href=no>'</script>",
            "<style><a></style>",
            "<!DOCTYPE html>",
        ]
    ),
)


@settings(max_examples=300)
@given(st.lists(PIECE, max_size=8).map(" ".join))
def test_parsing_matches_html_parser(text: str) -> None:
    oracle = Oracle()
    oracle.feed(text)
    oracle.close()
    # a tag without attributes says nothing
    assert [t for t in simple_html.tags(text) if t[1]] == [t for t in oracle.found if t[1]]


def test_unquoted_values() -> None:
    assert list(simple_html.tags("<a href=x.whl data-yanked>x</a>")) == [("a", {"href": "x.whl", "data-yanked": ""})]


@given(st.text(alphabet="<a href=\"'>-!/ m\n", max_size=40))
def test_any_text_is_accepted(text: str) -> None:
    for name, attributes in simple_html.tags(text):
        assert name in ("a", "base", "meta")
        assert all(attributes)


def test_hostile_text_takes_linear_time() -> None:
    # quadratic reading of any of these would take minutes
    for text in (
        '<a "' * 200_000,
        "<a '" * 200_000 + "x",
        "<a " * 200_000,
        "<!--" * 50,
        "<a x=" * 200_000,
        "<a " + "x " * 300_000,
    ):
        assert len(list(simple_html.tags(text))) <= 1
