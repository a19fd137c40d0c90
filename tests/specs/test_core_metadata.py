import importlib.metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.metadata import Metadata as Reference
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from commonwheel.specs import core_metadata
from commonwheel.specs.core_metadata import InvalidMetadata

TEXT = """\
Metadata-Version: 2.4
Name: Foo.Bar
Version: 1.0-1
Summary: Name: not this
Classifier: Programming Language :: Python
Requires-Python: >=3.8
Requires-Dist: importlib-metadata (>=3.6) ; python_version < "3.10"
Requires-Dist: bar[x,Y]>=1,
   <2
Provides-Extra: Some_Extra
provides-extra: b
Project-URL: Home, https://h.example

Requires-Dist: not-this
"""


def test_parse_resolution_fields() -> None:
    for data in (TEXT, TEXT.encode(), TEXT.replace("\n", "\r\n").encode(), "\ufeff" + TEXT):
        found = core_metadata.parse(data)
        assert (found.name, found.version, found.requires_python) == ("foo-bar", "1.0.post1", ">=3.8")
        assert found.provides_extra == ("some-extra", "b")
        assert [str(r) for r in found.requires] == [
            'importlib-metadata>=3.6 ; python_version < "3.10"',
            "bar[x,y]>=1,<2",
        ]
        assert all(r.origin is None for r in found.requires)


@pytest.mark.parametrize("name", sorted({dist.metadata["Name"] for dist in importlib.metadata.distributions()}))
def test_installed_metadata_matches_packaging(name: str) -> None:
    text = importlib.metadata.distribution(name).read_text("METADATA")
    if text is None:
        pytest.skip("egg-info")
    found = core_metadata.parse(text)
    raw, _ = parse_email(text)
    assert found.version == str(Reference.from_raw(raw, validate=False).version)
    assert SpecifierSet(found.requires_python) == SpecifierSet(raw.get("requires_python", ""))
    for mine, line in zip(found.requires, raw.get("requires_dist", []), strict=True):
        theirs = Requirement(line)
        assert SpecifierSet(mine.specifier) == theirs.specifier
        assert Requirement(f"x;{mine.marker}").marker == theirs.marker if mine.marker else theirs.marker is None
    document = core_metadata.read_all(text)
    assert document.first("summary") == raw.get("summary", "")
    assert document.description == raw.get("description", "")
    assert list(document.every("classifier")) == raw.get("classifiers", [])
    assert list(document.every("requires-dist")) == raw.get("requires_dist", [])


def test_legacy_requirements_are_repaired_and_kept_as_written() -> None:
    found = core_metadata.parse(
        "Metadata-Version: 1.2\nName: a\nVersion: 1\nRequires-Dist: b (>=1.9.*)\nRequires-Python: >=2.7,\n"
    )
    assert (found.requires[0].specifier, found.requires[0].text) == (">=1.9", "b (>=1.9.*)")
    assert found.requires_python == ">=2.7"
    assert core_metadata.parse("Name: a\nVersion: 1\nRequires-Python: UNKNOWN\n").requires_python == ""


def test_all_faults_are_reported_together() -> None:
    text = "Metadata-Version: 3.0\nName: -x\nVersion: one\nRequires-Dist: b >=x\nRequires-Dist: ok\nRequires-Dist: ./c\nRequires-Python: new\n"
    with pytest.raises(InvalidMetadata) as caught:
        core_metadata.parse(text)
    assert len(caught.value.issues) == 6


@pytest.mark.parametrize(
    "data", [b"", b"\x00\xff", "Name: a\n", "Version: 1\n", "no header\n", b"PK\x03\x04", "\nName: a\nVersion: 1\n"]
)
def test_invalid_metadata_is_refused(data: bytes | str) -> None:
    with pytest.raises(InvalidMetadata):
        core_metadata.parse(data)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_parse_or_raise_one_error(data: bytes) -> None:
    try:
        core_metadata.parse(b"Name: a\nVersion: 1\n" + data)
    except InvalidMetadata:
        pass
    core_metadata.read_all(data)


def test_later_minor_metadata_versions_are_accepted() -> None:
    assert core_metadata.parse("Metadata-Version: 2.17\nName: a\nVersion: 1\nFuture: x\n").name == "a"


STATIC = "Metadata-Version: 2.2\nName: a\nVersion: 1\nRequires-Dist: b\n"


def test_sdist_static_metadata() -> None:
    found = core_metadata.parse_static(STATIC + "Dynamic: Summary\n\n")
    assert found is not None
    assert [r.name for r in found.requires] == ["b"]
    assert core_metadata.parse_static(STATIC.replace("2.2", "2.1")) is None
    assert core_metadata.parse_static(STATIC.replace("2.2", "1.0")) is None
    for field in ("Requires-Dist", "requires-python", "Provides-Extra", "Version"):
        # metadata 2.6 may list values and be dynamic all the same (PEP 808)
        assert core_metadata.parse_static(STATIC.replace("2.2", "2.6") + f"Dynamic: {field}\n") is None


def test_description_from_body_and_header() -> None:
    assert core_metadata.read_all("Name: a\n\nbody\n\nmore\n").description == "body\n\nmore\n"
    old = "Name: a\nDescription: first\n        second\n          indented\n       |bar\n        \n        last\nKeywords: UNKNOWN\n"
    document = core_metadata.read_all(old)
    assert document.description == "first\nsecond\n  indented\nbar\n\nlast"
    assert document.first("keywords") == ""
    assert document.first("missing") == ""
    assert document.version == (1, 0)


def test_egg_info_metadata() -> None:
    requires = "six\nfoo>=1.*\n\n[Some_Extra]\nbar\n\n[:python_version < '3' or os_name == 'x']\nold\n\n[e:os_name == 'nt']\nwin<2\n# c\n"
    found = core_metadata.parse_egg("Metadata-Version: 1.1\nName: A.B\nVersion: 1.0\nRequires: nothing\n", requires)
    assert [str(r) for r in found.requires] == [
        "six", "foo>=1", 'bar ; extra == "some-extra"', "old ; python_version < '3' or os_name == 'x'", "win<2 ; (os_name == 'nt') and extra == \"e\"",
    ]  # fmt: skip
    assert (found.name, found.provides_extra) == ("a-b", ("some-extra", "e"))
    assert core_metadata.parse_egg("Name: a\nVersion: 1\n", "").requires == ()
    with pytest.raises(InvalidMetadata, match="requirements of `a`"):
        core_metadata.parse_egg("Name: a\nVersion: 1\n", "x >> 3\n")
