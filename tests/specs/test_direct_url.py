import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.direct_url import DirectUrl

from commonwheel.model import Digest, PathSource, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import direct_url, installed
from commonwheel.specs.direct_url import InvalidDirectUrl
from commonwheel.specs.requirement import parse, parse_editable

SHA, MD5 = Digest("sha256", "a" * 64), Digest("md5", "b" * 32)
COMMIT = "c" * 40
SOURCES = [
    UrlSource(SafeUrl("https://h.example/x-1.0.tar.gz")),
    UrlSource(SafeUrl("https://h.example/x-1.0.tar.gz"), "sub", (MD5, SHA)),
    VcsSource("git", SafeUrl("https://h.example/r.git"), "v1", "sub", COMMIT),
    VcsSource("git", SafeUrl("ssh://git@h.example/r.git"), None, None, COMMIT),
    PathSource("/srv/proj é", True),
    PathSource("/srv/proj", False, "sub"),
    PathSource("/srv/x-1-py3-none-any.whl", False, None, (SHA,)),
]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_round_trip_matches_packaging(source: "direct_url.Source") -> None:
    text = direct_url.write(source)
    assert direct_url.read(text) == source
    DirectUrl.from_dict(json.loads(text)).validate()
    assert installed.url_of(text) == json.loads(text)["url"]
    is_editable = isinstance(source, PathSource) and source.editable
    assert installed.editable_path(text) == (source.path if isinstance(source, PathSource) and is_editable else "")


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_reference_parses_to_the_same_source(source: "direct_url.Source") -> None:
    line = direct_url.reference("x", source)
    found = parse_editable(line[3:]).source if line.startswith("-e ") else parse(line).source
    if isinstance(source, VcsSource):
        source = source.replaced(revision=source.commit, commit=None)
    elif isinstance(source, UrlSource) and source.digests:
        source = source.replaced(digests=(SHA,))
    assert found == source


def test_computed_hashes_are_added() -> None:
    text = direct_url.write(UrlSource(SafeUrl("https://h.example/x.whl")), (SHA,))
    assert json.loads(text) == {"archive_info": {"hashes": {"sha256": SHA.hex}}, "url": "https://h.example/x.whl"}


def test_credentials_are_not_written() -> None:
    for source in (UrlSource(SafeUrl("https://u:secret@h.example/x.zip")), VcsSource("git", SafeUrl("https://secret@h.example/r"), commit=COMMIT),
                   VcsSource("git", SafeUrl("ssh://u:secret@h.example/r"), commit=COMMIT)):  # fmt: skip
        assert "secret" not in direct_url.write(source)
        assert "secret" not in direct_url.reference("x", source)
    assert "git@h" in direct_url.write(VcsSource("git", SafeUrl("ssh://git@h.example/r"), commit=COMMIT))


def test_legacy_and_foreign_forms() -> None:
    assert direct_url.read(
        f'{{"url": "https:\\/\\/h/x.zip", "archive_info": {{"hash": "sha256={SHA.hex}"}}}}'
    ) == UrlSource(SafeUrl("https://h/x.zip"), None, (SHA,))
    assert direct_url.read('{"url": "https://h/x.zip"}') == UrlSource(SafeUrl("https://h/x.zip"))
    assert direct_url.read(
        '{"url": "file:///x", "dir_info": {"editable": null}, "future": [1, 2.5e3, {}]}'
    ) == PathSource("/x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"url": 3}',
        '{"url": ""}',
        "{",
        '{"url": "x"',
        '{"url": "x",}',
        '{"url": "\\q"}',
        '{"url": "\\u12"}',
        '{"url": "x"} x',
        "[" * 200,
        '{"url": "https://h", "dir_info": {}}',
        '{"url": "a\nb"}',
        "nul",
    ],
)
def test_invalid_direct_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidDirectUrl):
        direct_url.read(text)


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_json_parsing_matches_stdlib(value: object, indent: int | None, ascii_only: bool) -> None:
    assert direct_url.load(json.dumps(value, indent=indent, ensure_ascii=ascii_only)) == value


@given(st.text(alphabet='{}[]":,\\u01a.-+E true', max_size=14))
def test_invalid_json_is_refused_as_in_stdlib(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = InvalidDirectUrl
    try:
        found = direct_url.load(text)
    except InvalidDirectUrl:
        assert expected is InvalidDirectUrl
        return
    assert found == expected


@given(st.text(max_size=12), st.booleans())
def test_any_path_round_trips(path: str, editable: bool) -> None:
    source = PathSource("/" + path.replace("\x00", "").lstrip("/"), editable)
    if direct_url.is_archive(source.path):
        return
    text = direct_url.write(source)
    assert text.isascii()
    assert direct_url.read(text) == source
    assert json.loads(text)["url"] == installed.url_of(text)
