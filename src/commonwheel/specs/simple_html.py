"""The HTML form of an index (PEP 503, 592, 629, 658, 714, 740, 792), and pages of links for `--find-links`. Cold.

Reads the three tags that mean something by one regular expression: a page of 15,000 links takes a tenth of the time of
`html.parser`, against which the tests hold it. PEP 833 froze this form, so nothing new will come.
"""

import re
from html import unescape

from commonwheel.specs import file_url, urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Attributes = dict[str, str]

# Comments, scripts and styles are passed over. `<` ends an unquoted part, so that no text, however hostile, takes more than
# linear time; for the same reason what is looked for once in vain is not looked for again.
_TAG = re.compile(
    r"""<(!--)|<(script|style|title|textarea)\b|<(a|base|meta)((?:\s|/)(?:[^<>"']|"[^"]*"|'[^']*')*+)>""",
    re.IGNORECASE,
)
_ENDS = {
    "!--": re.compile("-->"),
    **{name: re.compile(rf"</{name}\s*+>", re.IGNORECASE) for name in ("script", "style", "title", "textarea")},
}
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>=`]+))?""")


def tags(text: str) -> "Iterator[tuple[str, Attributes]]":
    """Yield the `a`, `base` and `meta` tags of a page in order: (lower-case name, attributes, entities undone)."""
    endless: set[str] = set()
    at = 0
    while (match := _TAG.search(text, at)) is not None:
        at = match.end()
        name = match[3]
        if name is not None:
            yield name.lower(), _attributes(match[4])
            continue
        passed = match[1] or match[2].lower()
        end = None if passed in endless else _ENDS[passed].search(text, at)
        if end is None:
            endless.add(passed)
        else:
            at = end.end()


def _attributes(text: str) -> "Attributes":
    found: dict[str, str] = {}
    for name, value in _ATTRIBUTE.findall(text):
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        # the first of two equal attributes counts, as in browsers
        found.setdefault(name.lower(), unescape(value) if "&" in value else value)
    return found


def looks_like_html(text: str) -> bool:
    """Return whether a text has a tag in it at all: the least that tells a page from an error message."""
    return re.search(r"<\s*[!a-z/]", text[:65536], re.IGNORECASE) is not None and "\x00" not in text


def file_name(url: str) -> str:
    """Return the name of the file that a URL leads to."""
    return file_url.unquote(urls.filename(url))
