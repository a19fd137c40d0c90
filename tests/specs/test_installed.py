import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.specs import file_url, installed


@pytest.mark.parametrize(
    ("basename", "expected"),
    [
        ("zope_interface-7.2.dist-info", ("zope-interface", "7.2")),
        ("Zope.Interface-7.2.dist-info", ("zope-interface", "7.2")),
        ("foo-1.0+cu_118.dist-info", ("foo", "1.0+cu-118")),
        ("foo-1.0-py3.11.egg-info", ("foo", "1.0")),
        ("foo-1.0_2-py2.7.egg-info", ("foo", "1.0-2")),
        ("foo-1.0.egg-info", ("foo", "1.0")),
        ("foo.egg-info", None),
        ("~oo-1.0.dist-info", None),
        ("-1.0.dist-info", None),
        ("foo-.dist-info", None),
        ("foo-1.0", None),
        ("__pycache__", None),
        (".dist-info", None),
    ],
)
def test_name_and_version_from_directory_names(basename: str, expected: tuple[str, str] | None) -> None:
    assert installed.split_directory(basename) == expected


def test_dist_info_name_suffices_without_metadata() -> None:
    value = installed.read("/env/site/Foo_Bar-1.0.dist-info", installer="pip\n", requested=True)
    assert (value.name, value.version, value.installer, value.requested) == ("foo-bar", "1.0", "pip", True)
    assert (value.site, value.form, value.editable, value.own) == ("/env/site", "dist-info", "", True)


def test_metadata_overrides_directory_name() -> None:
    text = "Metadata-Version: 1.1\nName: Foo.Bar\nVersion: 2.0-1\nSummary: x\n\nVersion: 9\n"
    for location in ("/s/foo.egg-info", "/s/other-1.0.egg-info"):
        for metadata in (text, text.encode()):
            value = installed.read(location, metadata=metadata, form="egg-info")
            assert (value.name, value.version) == ("foo-bar", "2.0-1")
    value = installed.read("/s/foo-1.0.dist-info", metadata="garbage")
    assert (value.name, value.version) == ("foo", "1.0")


def test_unidentified_directory_is_named_in_the_error() -> None:
    with pytest.raises(installed.InvalidInstalled, match="~oo"):
        installed.read("/s/~oo-1.0.dist-info")


PATHS = st.text(alphabet='ab é"\\/', min_size=1, max_size=8).map(lambda text: "/" + text.lstrip("/"))


@given(PATHS, st.sampled_from([None, 1]))
def test_editable_is_detected_without_json(path: str, indent: int | None) -> None:
    for info in ({"editable": True}, {"editable": False}, {}):
        text = json.dumps({"dir_info": info, "url": file_url.from_path(path)}, indent=indent)
        assert installed.editable_path(text) == (path if info.get("editable") else "")
        assert installed.url_of(text) == json.loads(text)["url"]


def test_non_editable_installs() -> None:
    assert installed.editable_path("") == ""
    assert installed.editable_path('{"editable": true}') == ""
    assert installed.editable_path('{"url": 3, "dir_info": {"editable": true}}') == ""
    assert installed.url_of('{"url": "https:\\/\\/x"}') == "https://x"


def test_egg_link() -> None:
    assert installed.parse_egg_link("/src/foo\n../\n") == "/src/foo"
    assert installed.parse_egg_link("") == ""
