"""Bundles of metadata: what is learned comes back, equal metadata is shared, and no bytes break a reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.errors import MetadataUnavailable
from commonwheel.index import metadata_bundle
from commonwheel.index.metadata_bundle import MetadataBundle, decode, identity, pack, refusal, unpack
from commonwheel.index.page_record import Row
from commonwheel.model import Digest, Metadata, PathSource, Requirement, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import core_metadata

INDEX = "https://index.example/simple"

words = st.text(alphabet="abcdefghij0123456789-.é", min_size=1, max_size=8)
free = st.text(max_size=10)
sources = st.none() | st.one_of(
    st.builds(
        UrlSource,
        words.map(lambda word: SafeUrl(f"https://x.example/{word}")),
        st.none() | words,
        st.lists(st.builds(Digest, st.sampled_from(["sha256", "md5"]), words.map(lambda word: word.replace(",", ""))), max_size=2).map(tuple),
    ),
    st.builds(
        VcsSource, st.sampled_from(["git", "hg"]), words.map(lambda word: SafeUrl(f"https://x.example/{word}")), st.none() | words, st.none() | words, st.none() | words,
    ),
)  # fmt: skip
requirements = st.builds(Requirement, words, st.lists(words, max_size=2).map(tuple), free, free, sources)
metadata = st.builds(
    Metadata,
    st.just("demo"),
    st.just("1.0"),
    st.lists(requirements, max_size=4).map(tuple),
    free,
    st.lists(words, max_size=3).map(tuple),
)


@given(metadata)
def test_packed_metadata_round_trips_or_is_not_kept(found: Metadata) -> None:
    body = pack(found)
    texts = [found.requires_python, *found.provides_extra]
    texts += [text for r in found.requires for text in (r.specifier, r.marker, *r.extras)]
    if body is None:
        assert any(set(text) & set("\t\n\x1c\x1d\x1e\x1f") for text in texts)
        return
    assert unpack("demo", "1.0", body) == found


@given(st.dictionaries(words, metadata, max_size=6))
def test_bundle_separates_keys(known: dict[str, Metadata]) -> None:
    kept = MetadataBundle(INDEX, "demo")
    for key, found in known.items():
        kept.learn(key, pack(found))
    back = decode(kept.encode(), INDEX, "demo")
    assert back.bodies == kept.bodies
    assert not back.changed
    for key, found in known.items():
        if pack(found) is not None:
            assert back.find(key, "1.0") == found
    assert back.find("never learned", "1.0") is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_safely(data: bytes) -> None:
    assert decode(data, INDEX, "demo").bodies == {}
    assert decode(b"cw-metadata 1 " + data, INDEX, "demo").bodies == {}


@settings(max_examples=200)
@given(st.data())
def test_damaged_bundle_is_rejected_whole(data: st.DataObject) -> None:
    kept = MetadataBundle(INDEX, "demo")
    kept.learn("mabc", pack(Metadata("demo", "1.0", (Requirement("flask", (), ">=1"),), ">=3.8")))
    record = kept.encode()
    at = data.draw(st.integers(0, len(record) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != record[at]))
    # (another blank between the words of the head is no damage)
    assert decode(record[:at] + bytes((byte,)) + record[at + 1 :], INDEX, "demo").bodies in ({}, kept.bodies)
    assert decode(record[:at], INDEX, "demo").bodies == {}


def test_bundle_of_another_project_is_empty() -> None:
    kept = MetadataBundle(INDEX, "demo")
    kept.learn("mabc", pack(Metadata("demo", "1.0")))
    assert decode(kept.encode(), INDEX, "other").bodies == {}
    assert decode(kept.encode(), "https://other.example", "demo").bodies == {}
    assert decode(None, INDEX, "demo").bodies == {}


@given(free)
def test_foreign_bodies_are_a_miss(text: str) -> None:
    kept = MetadataBundle(INDEX, "demo", {"key": text})
    try:
        found = kept.find("key", "1.0")
    except MetadataUnavailable:
        assert text.startswith("!")
    else:
        assert found is None or text.startswith("=")


def test_refusal_is_kept_with_its_reason() -> None:
    kept = MetadataBundle(INDEX, "demo")
    kept.learn("mabc", refusal("the name\nis wrong"))
    back = decode(kept.encode(), INDEX, "demo")
    with pytest.raises(MetadataUnavailable, match="the name is wrong"):
        back.find("mabc", "1.0")


def test_requires_python_resembling_a_refusal_is_metadata() -> None:
    body = pack(Metadata("demo", "1.0", (), "!=3.8.1"))
    assert body is not None
    assert unpack("demo", "1.0", body).requires_python == "!=3.8.1"


def test_equal_metadata_shares_values() -> None:
    body = pack(Metadata("demo", "1.0", (Requirement("flask"), Requirement("numpy", (), ">2"))))
    assert body is not None
    one, two = unpack("demo", "1.0", body), unpack("demo", "2.0", body)
    assert one.requires is two.requires
    assert two.version == "2.0"


def test_paths_are_not_stored() -> None:
    assert pack(Metadata("demo", "1.0", (Requirement("x", source=PathSource("/x")),))) is None


def test_merge_keeps_both_sides() -> None:
    mine, other = MetadataBundle(INDEX, "demo"), MetadataBundle(INDEX, "demo")
    mine.learn("a", "=mine\t")
    other.learn("a", "=other\t")
    other.learn("b", "=other\t")
    mine.merge(other)
    assert mine.bodies == {"a": "=mine\t", "b": "=other\t"}


def row(**fields: object) -> Row:
    said: dict[str, object] = {
        "tag": "py3-none-any",
        "filename": "demo-1.0-py3-none-any.whl",
        "url": "https://x.example/demo-1.0-py3-none-any.whl",
    }
    return Row(**(said | fields))  # type: ignore[arg-type]


def test_replaced_file_has_another_key() -> None:
    one = identity(row(metadata="sha256:" + "a" * 64))
    assert identity(row(metadata="sha256:" + "b" * 64)) != one
    # the same metadata beside another wheel of the version is the same metadata
    assert (
        identity(row(metadata="sha256:" + "a" * 64, filename="demo-1.0-py2-none-any.whl", digests="sha256:" + "c" * 64))
        == one
    )
    plain = identity(row(digests="sha256:" + "a" * 64))
    assert plain != one
    assert identity(row(digests="sha256:" + "b" * 64)) != plain
    unknown = identity(row(size=5))
    assert identity(row(size=6)) != unknown
    assert identity(row(size=5, digests="stamp:5-6")) != identity(row(size=5, digests="stamp:5-7"))


def test_weak_hash_alone_does_not_identify_a_file() -> None:
    assert identity(row(digests="md5:00")) != identity(
        row(digests="md5:00", url="https://y.example/demo-1.0-py3-none-any.whl")
    )


def test_build_metadata_belongs_to_its_builder() -> None:
    sdist = row(tag=".tar.gz", filename="demo-1.0.tar.gz", digests="sha256:" + "a" * 64)
    assert identity(sdist, "cp311-linux") != identity(sdist, "cp312-linux")
    assert identity(row(digests="sha256:" + "a" * 64), "cp311-linux") == identity(
        row(digests="sha256:" + "a" * 64), "cp312-linux"
    )


def test_real_metadata_round_trips() -> None:
    text = (
        "Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\nRequires-Python: >=3.8\nProvides-Extra: socks\n"
        "Requires-Dist: idna (<4,>=2.5)\nRequires-Dist: PySocks!=1.5.7,>=1.5.6; extra == 'socks'\n"
        "Requires-Dist: chardet[full] @ https://x.example/chardet-1.0-py3-none-any.whl#sha256=" + "a" * 64 + "\n"
        "Requires-Dist: tool @ git+https://x.example/tool@v1\n\nbody\n"
    )
    found = core_metadata.parse(text)
    body = pack(found)
    assert body is not None
    back = unpack("demo", "1.0", body)
    assert [str(r) for r in back.requires] == [str(r) for r in found.requires]
    assert [r.source for r in back.requires] == [r.source for r in found.requires]
    assert metadata_bundle.FORMAT == 1
