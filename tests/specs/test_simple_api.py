import json
from datetime import UTC, datetime
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.specs import simple_api
from commonwheel.specs.simple_api import InvalidIndexPage, ProjectPage

URL = "https://index.example/simple/foo/"
SHA, MD5 = "a" * 64, "b" * 32


def page(*files: object, **more: object) -> ProjectPage:
    document = {"meta": {"api-version": "1.1"}, "name": "foo", "files": files, **more}
    return simple_api.parse(json.dumps(document).encode(), URL, "application/vnd.pypi.simple.v1+json")


def test_all_columns() -> None:
    found = page(
        {
            "filename": "foo-1.0-py3-none-any.whl", "url": "https://files.example/x/foo-1.0-py3-none-any.whl", "hashes": {"sha256": SHA.upper(), "md5": MD5},
            "requires-python": ">=3.8", "size": 12, "upload-time": "2024-05-06T07:08:09.250000Z", "yanked": "broken", "core-metadata": {"sha256": SHA},
            "dist-info-metadata": False, "provenance": "https://p.example", "gpg-sig": True, "future": [1],
        },
        {"filename": "foo-1.0.tar.gz", "url": "../../files/foo-1.0.tar.gz#sha256=x", "hashes": {}, "requires-python": None, "yanked": False, "dist-info-metadata": True},
        versions=["1.0"],
        tracks=["https://no.example"],
    )  # fmt: skip
    assert found.files == [
        ("foo-1.0-py3-none-any.whl", "https://files.example/x/foo-1.0-py3-none-any.whl", ">=3.8", "broken", 12,
         datetime(2024, 5, 6, 7, 8, 9, 250000, UTC).timestamp(), f"md5:{MD5},sha256:{SHA}", f"sha256:{SHA}", "https://p.example"),
        ("foo-1.0.tar.gz", "https://index.example/files/foo-1.0.tar.gz", "", None, None, None, "", "-", ""),
    ]  # fmt: skip
    assert (found.name, found.versions, found.api_version, found.status, found.skipped) == (
        "foo",
        ("1.0",),
        (1, 1),
        "active",
        0,
    )


@pytest.mark.parametrize(
    ("value", "expected"), [(True, ""), (False, None), ("", ""), ("why", "why"), (None, None), (0, None), (1, "")]
)
def test_yanked(value: object, expected: str | None) -> None:
    assert page({"filename": "a", "url": "b", "yanked": value}).files[0][3] == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"core-metadata": False, "dist-info-metadata": True}, ""),
        ({"core-metadata": {}}, ""),
        ({"core-metadata": {"sha256": 3}}, "-"),
        ({"core-metadata": True}, "-"),
        ({"dist-info-metadata": {"sha256": "AB"}}, "sha256:ab"),
        ({}, ""),
    ],
)
def test_metadata_files(file: dict[str, object], expected: str) -> None:
    assert page({"filename": "a", "url": "b", **file}).files[0][7] == expected


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - UTC by the texts
def test_upload_times(moment: datetime) -> None:
    expected = moment.replace(tzinfo=UTC).timestamp()
    text = moment.isoformat()
    for spelling in (text + "Z", text + "+00:00", text, text.replace("T", " ")):
        found = page({"filename": "a", "url": "b", "upload-time": spelling}).files[0][5]
        assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2024",
        "2024-13-01T00:00:00Z",
        "yesterday",
        "2024-05-06T07:08:xxZ",
        "2024-05-06T",
        "٢024-05-06T07:08:09Z",
    ],
)
def test_invalid_upload_times(text: str) -> None:
    assert page({"filename": "a", "url": "b", "upload-time": text}).files[0][5] is None


def test_non_distribution_files_are_skipped() -> None:
    bad: list[object] = [
        None, 3, "x", [], {}, {"filename": "a"}, {"url": "a"}, {"filename": "../a", "url": "b"}, {"filename": "a\\b", "url": "b"}, {"filename": "", "url": "b"},
        {"filename": ".", "url": "b"}, {"filename": "a\nb", "url": "b"}, {"filename": 3, "url": "b"}, {"filename": "a", "url": None}, {"filename": "a\tb", "url": "b"},
    ]  # fmt: skip
    found = page(
        *bad,
        {
            "filename": "good",
            "url": "b",
            "hashes": 3,
            "size": "1",
            "requires-python": 3,
            "provenance": 1,
            "upload-time": 3,
        },
    )
    assert found.files == [("good", URL + "b", "", None, None, None, "", "", "")]
    assert found.skipped == len(bad)


def test_project_status() -> None:
    found = page(**{"project-status": {"status": "quarantined", "reason": "malware"}})
    assert (found.status, found.reason) == ("quarantined", "malware")
    values: tuple[object, ...] = ("archived", {"status": "unheard-of"}, None, {"status": []}, 3)
    for value in values:
        assert page(**{"project-status": value}).status == "active"


def test_api_versions() -> None:
    assert page(meta={}).api_version == (1, 0)
    assert page(meta=None).api_version == (1, 0)
    assert page(meta={"api-version": "1.0"}).notes == ()
    assert "1.99" in page(meta={"api-version": "1.99"}).notes[0]
    with pytest.raises(simple_api.UnsupportedIndexVersion):
        page(meta={"api-version": "2.0"})
    with pytest.raises(InvalidIndexPage):
        page(meta={"api-version": "new"})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "application/json"), (b"[]", "application/json"), (b"{}", "application/json"), (b'{"files": {}}', ""), (b"<html>", "application/json"), (b"\xff\xfe", ""),
        (b'{"files": [', ""), (b"[" * 100_000, "application/json"), (b"not found", "text/html"), (b"PK\x03\x04\x00", ""), (b"\x00<a href=x>", ""),
    ],
)  # fmt: skip
def test_garbage_error_names_the_url(data: bytes, kind: str) -> None:
    with pytest.raises(InvalidIndexPage) as caught:
        simple_api.parse(data, URL, kind)
    assert URL in caught.value.context[0]
    assert caught.value.exit_status == 2


HTML = f"""<!DOCTYPE html>
<html><head>
  <meta name="pypi:repository-version" content="1.3">
  <meta name="pypi:project-status" content="archived"><meta name="pypi:project-status-reason" content="gone &amp; done">
  <base href="../../">
</head><body>
<a href="files/foo-1.0-py3-none-any.whl#sha256={SHA}" data-requires-python="&gt;=3.8" data-core-metadata="sha256={SHA}" data-provenance="https://p.example">foo</a>
<A HREF='/abs/foo-1.0%2Bcpu.tar.gz?x=1#md5={MD5}' data-yanked data-dist-info-metadata=true >foo</A>
<a href="https://other.example/foo-2.0.zip" data-yanked="bad
 one" data-core-metadata="false">x</a>
<a href="../">up</a> <a>nothing</a> <a href="#here">x</a> <a name="x" href="foo/">dir</a>
<!-- <a href="hidden-1.0.zip">x</a> -->
</body></html>"""


def test_html_pages() -> None:
    for text in (HTML, HTML.encode()):
        found = simple_api.parse(text, URL, "text/html; charset=utf-8")
        assert found.files == [
            ("foo-1.0-py3-none-any.whl", "https://index.example/files/foo-1.0-py3-none-any.whl", ">=3.8", None, None, None, f"sha256:{SHA}", f"sha256:{SHA}", "https://p.example"),
            ("foo-1.0+cpu.tar.gz", "https://index.example/abs/foo-1.0%2Bcpu.tar.gz?x=1", "", "", None, None, f"md5:{MD5}", "-", ""),
            ("foo-2.0.zip", "https://other.example/foo-2.0.zip", "", "bad\n one", None, None, "", "", ""),
        ]  # fmt: skip
        assert (found.status, found.reason, found.api_version, found.skipped) == ("archived", "gone & done", (1, 3), 3)


def test_html_of_later_or_no_version() -> None:
    assert simple_api.parse("<a href=x-1.zip>", URL).api_version == (1, 0)
    assert simple_api.parse("", URL).files == []
    with pytest.raises(simple_api.UnsupportedIndexVersion):
        simple_api.parse('<meta name="pypi:repository-version" content="2.0">', URL)


def test_file_names_never_leave_a_directory() -> None:
    for href in ("%2e%2e%2fx-1.zip", "x%5cy-1.zip", "x%00-1.zip", "%2e%2e", "x%0a.zip"):
        assert simple_api.parse(f"<a href='{href}'>", URL).files == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "files",
                        "meta",
                        "name",
                        "filename",
                        "url",
                        "hashes",
                        "sha256",
                        "yanked",
                        "size",
                        "api-version",
                        "versions",
                        "core-metadata",
                        "upload-time",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_parses_or_raises_one_error(document: object) -> None:
    try:
        found = simple_api.parse_json(json.dumps(document), URL)
    except InvalidIndexPage:
        return
    assert all(len(row) == 9 for row in found.files)


@pytest.mark.parametrize(
    "link",
    ["../../files/demo/demo-1.0.zip", "demo-1.0.zip", "/x/demo-1.0.zip", "//host.example/demo-1.0.zip", "a/../b/demo-1.0.zip",
     "http://other.example/demo-1.0.zip", "demo-1.0.zip?x=../y", "a/demo-1.0.zip#sha256=00"],
)  # fmt: skip
def test_links_with_shared_directory_parse_independently(link: str) -> None:
    base = "https://index.example/simple/demo/"
    files = [{"filename": "demo-1.0.zip", "url": link, "hashes": {}}] * 2
    page = simple_api.parse(json.dumps({"meta": {"api-version": "1.0"}, "files": files}), base, "application/json")
    assert [row[1] for row in page.files] == [urljoin(base, link.partition("#")[0])] * 2
