"""The format: names that hold on any file system, and a drawing that is the documentation's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store import layout

DIGEST = "ab5d" * 16
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "store-format.md"


@given(st.text(), st.text())
def test_distinct_texts_have_distinct_names_ignoring_case(one: str, other: str) -> None:
    assert (layout.encoded(one).lower() == layout.encoded(other).lower()) == (one == other)


@given(st.text(max_size=1000))
def test_names_are_safe_on_every_file_system(text: str) -> None:
    for part in layout.encoded(text).split("/"):
        assert part.isascii()
        assert 0 < len(part) <= 255
        assert part == part.lower()
        assert part.strip(" .") == part.rstrip(".") != ""
        assert not layout.is_leftover(part)
        assert part not in {".", ".."}


@given(st.text(min_size=201, max_size=1500).map(layout.encoded), st.text(max_size=1500).map(layout.encoded))
def test_no_file_name_is_a_directory_of_another(one: str, other: str) -> None:
    directories = {one.rsplit("/", number)[0] for number in range(1, one.count("/") + 1)}
    assert other not in directories


def test_entries_are_named_by_digest() -> None:
    assert layout.entry(DIGEST) == f"v1/entries/ab/{DIGEST}"
    assert layout.entry(DIGEST, 1001) == f"v1/entries/ab/{DIGEST}.1001"
    for name in (DIGEST, f"{DIGEST}.1001"):
        assert layout.digest_of_entry(name) == DIGEST
    for name in ("", "ab", DIGEST.upper(), f"{DIGEST}.", f"{DIGEST}.x", f".tmp-{DIGEST}", f"{DIGEST}x", f"{DIGEST}.-1"):
        assert layout.digest_of_entry(name) is None


def test_images_are_named_by_digest_and_tag() -> None:
    path = layout.image(DIGEST, "cpython-312")
    assert path == f"v1/images/ab/{DIGEST}-cpython-312"
    assert layout.digest_of_image(path.rpartition("/")[2]) == DIGEST
    assert layout.digest_of_image(f"{DIGEST}-") is None
    assert layout.digest_of_image("x-cpython-312") is None


def test_records_keep_directories_and_stay_in_their_space() -> None:
    assert layout.record("pages", "simple-1/numpy") == "v1/pages/simple-1/numpy"
    assert layout.record("pages", "../../x") == "v1/pages/%2e./%2e./x"
    assert layout.record("pages", "//") == "v1/pages/%/%/%"
    with pytest.raises(KeyError):
        layout.record("no-such-space", "x")


def test_pointers_are_spread_and_accept_any_url() -> None:
    path = layout.pointer("https://index.example/A/demo-1.0.whl#x")
    assert path.startswith("v1/pointers/")
    assert path.endswith("/https%3a%2f%2findex.example%2f%41%2fdemo-1.0.whl%23x")
    assert len({layout.pointer(f"https://index.example/{number}").split("/")[2] for number in range(500)}) > 100


def test_document_shows_the_layout_of_this_file() -> None:
    assert f"```text\n{layout.drawing()}```" in DOCUMENT.read_text()


def test_layout_drawing_lists_every_path() -> None:
    names = "\n".join(name for _, name, _ in layout.SHAPE)
    rooms = [
        layout.ENTRIES,
        layout.IMAGES,
        layout.POINTERS,
        layout.BUILDS,
        layout.GIT,
        layout.ROOTS,
        layout.USE,
        layout.LEASES,
    ]
    for room in rooms:
        assert f"{room.rpartition('/')[2]}/" in names
    for name in (*layout.SPACES, layout.HEADER, layout.FILES, layout.TREE, layout.WHEEL, layout.SETTLED, layout.POLICY):
        assert name in names
