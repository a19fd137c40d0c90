"""The packed page: what goes in comes out, and no bytes whatever break a reader."""

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from commonwheel.index import page_record
from commonwheel.index.page_record import Draft, Page, Provenance, decode, encode_head, mask_of, runs

File = tuple[str, str, str, str | None, int | None, float | None, str, str, str]
INDEX = "https://index.example/simple"

versions = st.sampled_from(
    [
        "1.0",
        "1.0.0",
        "1.0rc1",
        "1.0.dev1",
        "2.0",
        "0.9",
        "10.0",
        "1!0.1",
        "2.0.post1",
        "1.0+cpu",
        "1.1a2",
        "3",
        "2024.01.05",
    ]
)
tags = st.sampled_from(
    ["py3-none-any", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp312-cp312-win_amd64"]
)
texts = st.text(max_size=12)
times = st.none() | st.floats(min_value=0, max_value=4e9, allow_nan=False)


@st.composite
def wheels(draw: st.DrawFn) -> File:
    build = draw(st.sampled_from(["", "1-", "2b-"]))
    filename = f"{draw(st.sampled_from(['my_demo', 'My.Demo']))}-{draw(versions)}-{build}{draw(tags)}.whl"
    return (
        filename,
        draw(
            st.sampled_from(
                [f"https://files.index.example/a/{filename}", f"https://files.index.example/get?f={filename}#x", "odd"]
            )
        ),
        draw(st.sampled_from(["", ">=3.8", "<4,>=3.6"]) | texts),
        draw(st.none() | texts),
        draw(st.none() | st.integers(0, 2**40)),
        draw(times),
        draw(st.sampled_from(["", "sha256:" + "ab" * 32, "md5:00,sha256:" + "cd" * 32])),
        draw(st.sampled_from(["", "-", "sha256:" + "ef" * 32])),
        "",
    )


@st.composite
def sdists(draw: st.DrawFn) -> File:
    filename = f"{draw(st.sampled_from(['my-demo', 'my_demo', 'My.Demo']))}-{draw(versions)}{draw(st.sampled_from(['.tar.gz', '.zip']))}"
    return (filename, f"https://files.index.example/{filename}", "", None, None, draw(times), "", "", "")


def page_of(*files: File, provenance: Provenance | None = None) -> Page:
    draft = Draft(INDEX, "my-demo")
    draft.extend(files)
    return draft.finish(provenance or Provenance())


def flat(text: str) -> str:
    text = text.replace("\t", " ").replace("\n", " ")
    return text.encode("utf-8", "replace").decode()


@given(st.lists(wheels() | sdists(), max_size=12))
def test_page_round_trip(files: list[File]) -> None:
    page = page_of(
        *files,
        provenance=Provenance(5, 7, "https://index.example/simple/my-demo/", '"tag"', "date", "1-2", "archived", "old"),
    )
    back = decode(encode_head(page), INDEX, "my-demo")
    assert back is not None
    assert back.provenance == page.provenance
    assert back.versions == page.versions
    assert back.profiles == page.profiles
    assert back.prereleases == page.prereleases
    rows = {row.filename: row for _, found in back.all_files() for row in found}
    first: dict[str, File] = {}
    for file in files:
        first.setdefault(str(file[0]), file)
    assert set(rows) == set(first)
    for filename, url, requires_python, yanked, size, uploaded, digests, metadata, _ in first.values():
        row = rows[str(filename)]
        assert (row.url, row.size, row.uploaded, row.digests, row.metadata) == (url, size, uploaded, digests, metadata)
        assert row.requires_python == flat(str(requires_python))
        assert row.yanked == (None if yanked is None else flat(str(yanked)))


@given(st.lists(wheels() | sdists(), max_size=12))
def test_version_order_and_kind_match_packaging(files: list[File]) -> None:
    page = page_of(*files)
    parsed = [Version(version) for version in page.versions]
    assert parsed == sorted(set(parsed))
    assert [str(version) for version in parsed] == list(page.versions)
    assert page.prereleases == sum(1 << at for at, version in enumerate(parsed) if version.is_prerelease)
    for version, found in page.all_files():
        for row in found:
            rest = row.filename.split("emo-", 1)[1]
            text = (
                rest.split("-")[0]
                if row.filename.endswith(".whl")
                else rest.removesuffix(".tar.gz").removesuffix(".zip")
            )
            assert Version(text) == Version(version)


@given(st.lists(wheels() | sdists(), max_size=12))
def test_upload_spans_cover_the_rows(files: list[File]) -> None:
    page = page_of(*files)
    for at in range(len(page.versions)):
        earliest, latest = page.upload_span(at)
        told = [row.uploaded for row in page.files(at) or [] if row.uploaded is not None]
        silent = len(told) < len(page.files(at) or [])
        assert (latest == page_record.UNTOLD) is silent
        if told:
            assert earliest - 1 < min(told) <= earliest
        if told and not silent:
            assert max(told) <= latest


@given(st.binary(max_size=300))
def test_any_bytes_are_read_safely(data: bytes) -> None:
    assert decode(data, INDEX, "my-demo") is None
    assert decode(b"cw-page 1 " + data, INDEX, "my-demo") is None


@settings(max_examples=300)
@given(st.lists(wheels() | sdists(), min_size=1, max_size=4), st.data())
def test_damaged_record_is_a_miss(files: list[File], data: st.DataObject) -> None:
    record = encode_head(page_of(*files))
    at = data.draw(st.integers(0, len(record) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != record[at]))
    back = decode(record[:at] + bytes((byte,)) + record[at + 1 :], INDEX, "my-demo")
    if back is None:
        return
    # Damage behind the head is found when a version's files are read; nothing wrong is ever read.
    honest = page_of(*files)
    assert back.versions == honest.versions
    for number in range(len(honest.versions)):
        assert back.files(number) in (None, honest.files(number))


@given(st.lists(wheels() | sdists(), min_size=1, max_size=4), st.integers(0, 400))
def test_truncated_record_is_a_miss(files: list[File], cut: int) -> None:
    record = encode_head(page_of(*files))
    assert decode(record[: min(cut, len(record) - 1)], INDEX, "my-demo") is None


def test_record_of_another_index_or_project_is_a_miss() -> None:
    record = encode_head(
        page_of(
            (
                "my_demo-1.0-py3-none-any.whl",
                "https://x.example/my_demo-1.0-py3-none-any.whl",
                "",
                None,
                None,
                None,
                "",
                "",
                "",
            )
        )
    )
    assert decode(record, INDEX, "my-demo") is not None
    assert decode(record, INDEX, "other") is None
    assert decode(record, "https://other.example/simple", "my-demo") is None


def test_large_row_sets_are_separate_and_must_match() -> None:
    def big(text: str) -> Page:
        return page_of(
            *(
                (
                    f"my_demo-{n}.0-py3-none-any.whl",
                    f"https://{text}.example/{n}/my_demo-{n}.0-py3-none-any.whl",
                    "",
                    None,
                    n,
                    None,
                    "sha256:" + "a" * 64,
                    "-",
                    "",
                )
                for n in range(600)
            )
        )

    page = big("one")
    assert page_record.lies_apart(page)
    head = encode_head(page)
    assert page.rows is not None
    assert len(head) < len(page.rows) / 4
    back = decode(head, INDEX, "my-demo")
    assert back is not None
    assert back.files(0) is None
    other = big("two")
    assert other.rows is not None
    assert not back.attach(other.rows)
    assert back.files(3) is None
    assert back.attach(page.rows)
    found = back.files(7)
    assert found is not None
    assert [row.url for row in found] == ["https://one.example/7/my_demo-7.0-py3-none-any.whl"]


def test_damaged_rows_affect_one_version_only() -> None:
    page = page_of(
        *(
            (f"my_demo-{n}.0.tar.gz", f"https://x.example/my_demo-{n}.0.tar.gz", "", None, None, None, "", "", "")
            for n in range(5)
        )
    )
    assert page.rows is not None
    at = page.rows.index(b"my_demo-3.0")
    assert page.attach(page.rows[:at] + b"X" + page.rows[at + 1 :])
    assert [page.files(n) is None for n in range(5)] == [False, False, False, True, False]


def test_files_of_other_projects_are_skipped() -> None:
    draft = Draft(INDEX, "my-demo")
    names = [
        "my_demo-1.0-py3-none-any.whl", "other-1.0-py3-none-any.whl", "my_demo-1.0.exe", "my_demo-1.0-py3.egg", "my_demo-not.a.version.tar.gz",
        "my_demo-1.0-py3-none-any-x86_64_v3.whl", "my-demo-1.1-2.zip", "my_demo-extra-1.0.tar.gz", "my_demo-1.0-py3-none-any.whl",
    ]  # fmt: skip
    draft.extend((name, f"https://x.example/{name}", "", None, None, None, "", "", "") for name in names)
    page = draft.finish(Provenance())
    assert page.versions == ("1.0", "1.1.post2")
    assert draft.skipped == 7


def test_equal_versions_merge_under_the_wheel_spelling() -> None:
    page = page_of(
        *(
            (name, f"https://x.example/{name}", "", None, None, None, "", "", "")
            for name in ("my-demo-1.0.tar.gz", "my_demo-1.0.0-py3-none-any.whl", "my_demo-1-py2-none-any.whl")
        )
    )
    assert page.versions == ("1.0.0",)
    assert [row.tag for row in page.files(0) or []] == [".tar.gz", "py3-none-any", "py2-none-any"]


def test_tags_can_be_skipped() -> None:
    page = page_of(
        *(
            (name, f"https://x.example/{name}", "", None, None, None, "", "", "")
            for name in ("my_demo-1.0-py3-none-any.whl", "my_demo-1.0-cp311-cp311-win_amd64.whl")
        )
    )
    assert [row.tag for row in page.files(0, {"1"}) or []] == ["cp311-cp311-win_amd64"]


def test_absent_project_is_stored() -> None:
    page = Draft(INDEX, "my-demo").finish(Provenance(1, 2), absent=True)
    back = decode(encode_head(page), INDEX, "my-demo")
    assert back is not None
    assert back.absent
    assert not back.versions
    empty = decode(encode_head(page_of()), INDEX, "my-demo")
    assert empty is not None
    assert not empty.absent


def test_renewed_head_keeps_content() -> None:
    page = page_of(("my_demo-1.0.tar.gz", "https://x.example/my_demo-1.0.tar.gz", "", None, None, None, "", "", ""))
    page.provenance = Provenance(100, 700, "https://index.example/simple/my-demo/", "tag\twith\ttabs")
    back = decode(encode_head(page), INDEX, "my-demo")
    assert back is not None
    assert back.provenance == Provenance(100, 700, "https://index.example/simple/my-demo/", "tag with tabs")
    assert back.versions == ("1.0",)
    assert back.files(0) == page.files(0)


@given(st.sets(st.integers(0, 200)))
def test_runs_encode_any_set(numbers: set[int]) -> None:
    assert mask_of(runs(sorted(numbers)), 201) == sum(1 << n for n in numbers)


@given(st.text(alphabet="0123456789- x", max_size=12))
def test_invalid_runs_are_refused_or_bounded(text: str) -> None:
    try:
        assert mask_of(text, 50) < 1 << 50
    except ValueError:
        pass
