"""fs/found.py: what was discovered is opened by descriptor, follows no link, never blocks, and counts only by its owners."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from commonwheel.fs import found
from commonwheel.fs.found import Refusal
from commonwheel.store.trust import Trust

pytestmark = pytest.mark.root

STRANGER, FRIEND = 54321, 54322
EVERYBODY_TRUSTED = Trust(["*"])


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory of root's that a walk may begin at."""
    place = tmp_path / "place"
    place.mkdir(0o755)
    return place


def read(path: Path, base: Path, *, trust: Trust | None = None, links: bool = False) -> bytes | Refusal | None:
    return found.read(str(path), trust or Trust(), base=str(base), links=links)


def refused(path: Path, base: Path, *, trust: Trust | None = None, links: bool = False) -> Refusal:
    answer = read(path, base, trust=trust, links=links)
    assert isinstance(answer, Refusal), answer
    assert answer.path == str(path)
    return answer


def give(path: Path, uid: int = STRANGER) -> None:
    os.chown(path, uid, uid, follow_symlinks=False)


def test_own_file_is_read(here: Path) -> None:
    (here / "inner").mkdir()
    (here / "inner" / "file").write_bytes(b"x" * 3_000_000)
    assert read(here / "inner" / "file", here) == b"x" * 3_000_000


def test_missing_file_is_none(here: Path) -> None:
    (here / "file").write_text("x")
    assert read(here / "missing", here) is None
    assert read(here / "no" / "missing", here) is None
    assert read(here / "file" / "missing", here) is None
    assert found.directory(str(here / "missing"), Trust(), base=str(here)) is None
    assert found.entry(str(here / "missing"), Trust(), base=str(here)) is None


def test_foreign_file_is_refused_with_owner_and_hint(here: Path) -> None:
    (here / "file").write_text("x")
    give(here / "file")
    answer = refused(here / "file", here)
    assert str(STRANGER) in answer.reason
    assert f"--trust {STRANGER}" in answer.hint
    assert str(answer).startswith(f"`{here}/file`")
    assert read(here / "file", here, trust=Trust([str(STRANGER)])) == b"x"


def test_file_writable_by_others_is_refused(here: Path) -> None:
    (here / "file").write_text("x")
    (here / "file").chmod(0o666)
    assert "everybody may change it" in refused(here / "file", here).reason
    (here / "file").chmod(0o664)
    os.chown(here / "file", 0, STRANGER)
    assert "chmod go-w" in refused(here / "file", here).hint


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_foreign_parent_directory_refuses_its_content(here: Path, mode: int) -> None:
    (here / "his" / "mine").mkdir(parents=True)
    (here / "his" / "mine" / "file").write_text("x")
    (here / "his").chmod(mode)
    give(here / "his")
    assert f"`{here}/his` belongs to" in refused(here / "his" / "mine" / "file", here).reason
    # what is taken at its word begins below it
    assert read(here / "his" / "mine" / "file", here / "his" / "mine") == b"x"


def test_sticky_directory_keeps_names_and_open_one_does_not(here: Path) -> None:
    (here / "open").mkdir()
    (here / "open" / "file").write_text("x")
    (here / "open").chmod(0o1777)
    assert read(here / "open" / "file", here) == b"x"
    (here / "open").chmod(0o777)
    assert "everybody may change it" in refused(here / "open" / "file", here).reason


def test_without_base_the_path_starts_at_the_root(here: Path) -> None:
    (here / "his").mkdir()
    give(here / "his")
    (here / "his" / "file").write_text("x")
    answer = found.read(str(here / "his" / "file"), Trust())
    assert isinstance(answer, Refusal)
    assert "belongs to" in answer.reason


def test_symlink_is_not_followed(here: Path) -> None:
    (here / "file").write_text("x")
    (here / "link").symlink_to("file")
    (here / "tree").mkdir()
    (here / "tree" / "file").write_text("x")
    (here / "way").symlink_to("tree")
    assert "it is a link" in refused(here / "link", here).reason
    assert "is a link" in str(read(here / "way" / "file", here))
    directory = found.directory(str(here / "way"), Trust(), base=str(here))
    assert isinstance(directory, Refusal)
    assert "it is a link" in directory.reason


def test_own_symlink_is_followed_where_allowed_and_checked(here: Path) -> None:
    (here / "tree").mkdir()
    (here / "tree" / "file").write_text("x")
    (here / "link").symlink_to("tree/file")
    (here / "way").symlink_to(here / "tree")
    (here / "circle").symlink_to("circle")
    everybody = EVERYBODY_TRUSTED
    assert read(here / "link", here, links=True) == b"x"
    assert read(here / "way" / "file", here, links=True, trust=everybody) == b"x"
    refused(here / "circle", here, links=True)
    give(here / "link")
    assert str(STRANGER) in refused(here / "link", here, links=True).reason
    os.chown(here / "link", 0, 0, follow_symlinks=False)
    give(here / "tree")
    assert "tree` belongs to" in refused(here / "link", here, links=True).reason


def test_special_files_are_refused_without_blocking(here: Path) -> None:
    os.mkfifo(here / "pipe")
    (here / "tree").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(here)
        listener.bind("socket")
        assert "named pipe" in refused(here / "pipe", here).reason
        assert "directory" in refused(here / "tree", here).reason
        refused(here / "socket", here)


def test_file_is_read_up_to_a_limit(here: Path) -> None:
    with (here / "hole").open("wb") as file:
        file.truncate(1 << 40)
    assert "bytes" in refused(here / "hole", here).reason
    (here / "file").write_bytes(b"123456")
    assert found.read(str(here / "file"), Trust(), base=str(here), limit=6) == b"123456"
    assert isinstance(found.read(str(here / "file"), Trust(), base=str(here), limit=5), Refusal)


def test_directory_is_read_through_one_descriptor(here: Path) -> None:
    (here / "state" / "inner").mkdir(parents=True)
    (here / "state" / "file").write_text("x")
    (here / "state" / "link").symlink_to("file")
    directory = found.directory(str(here / "state"), Trust(), base=str(here))
    assert isinstance(directory, found.Directory)
    with directory:
        os.rename(here / "state", here / "moved")
        assert directory.refusal is None
        assert sorted(directory.names()) == ["file", "inner", "link"]
        assert directory.read("file") == b"x"
        assert directory.read("missing") is None
        assert isinstance(directory.read("link"), Refusal)
        inner = directory.inner("inner")
        assert isinstance(inner, found.Directory)
        inner.close()
        assert directory.inner("missing") is None
        assert isinstance(directory.inner("file"), Refusal)


def test_foreign_directory_is_opened_and_its_content_refused(here: Path) -> None:
    (here / "state").mkdir()
    (here / "state" / "file").write_text("x")
    give(here / "state")
    directory = found.directory(str(here / "state"), Trust(), base=str(here))
    assert isinstance(directory, found.Directory)
    with directory:
        assert directory.refusal is not None
        assert directory.names() == ["file"]
        answer = directory.read("file")
        assert isinstance(answer, Refusal)
        assert "state` belongs to" in answer.reason


def test_entry_kind_is_known_and_foreign_owner_refused(here: Path) -> None:
    (here / "tree").mkdir()
    (here / "file").write_text("x")
    (here / "link").symlink_to("nowhere")
    os.mkfifo(here / "pipe")
    kinds = {name: found.entry(str(here / name), Trust(), base=str(here)) for name in ("tree", "file", "link", "pipe")}
    assert kinds == {"tree": "directory", "file": "file", "link": "link", "pipe": "other"}
    for name in kinds:
        give(here / name)
        answer = found.entry(str(here / name), Trust(), base=str(here))
        assert isinstance(answer, Refusal)
        assert str(STRANGER) in answer.reason
