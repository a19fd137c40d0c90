"""install/staging.py: nodes become files, in the way that was chosen, and errors stop all threads."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from commonwheel.events import Silence
from commonwheel.fs import disk
from commonwheel.install.linking import LinkChoice
from commonwheel.install.spread import File, Folder, Link, Text, Tree
from commonwheel.install.staging import Staging
from kit.shelf import Shelf

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "store"))


def staging(tmp_path: Path, shelf: Shelf, *ways: str, strict: bool = False, threads: int = 1) -> Staging:
    (tmp_path / "new").mkdir()
    return Staging(
        str(tmp_path / "new"), LinkChoice("x", {"one": ways}, strict=strict), shelf, Silence(), threads=threads
    )


def test_every_kind_of_node(tmp_path: Path, shelf: Shelf) -> None:
    entry = shelf.add("one", "1.0", {"one/__init__.py": "x", "one/a/b.py": "y", "run": "#!"}, executable=["run"])
    work = staging(tmp_path, shelf, "copy")
    folder = Folder(present=False)
    folder.children = {
        "tree": Tree(entry, "one", folded=False, rows=[row for row in shelf.files(entry) if row[0].startswith("one/")]),
        "fold": Tree(entry, "one", folded=True),
        "run": File(entry, "run", 2, "", executable=True),
        "text": Text(b"text", "one", executable=True),
        "link": Link("/elsewhere", "directory", "two"),
    }
    path = work.begin(folder)
    work.finish()
    assert sorted(os.listdir(path)) == ["fold", "link", "run", "text", "tree"]
    assert os.readlink(f"{path}/fold") == f"{entry.tree}/one"
    assert os.readlink(f"{path}/link") == "/elsewhere"
    assert os.path.exists(f"{path}/tree/a/b.py")
    assert os.stat(f"{path}/run").st_mode & 0o111
    assert os.stat(f"{path}/text").st_mode & 0o111
    assert work.used == {"copy": 3, "fold": 1}


@pytest.mark.parametrize("strict", [False, True])
def test_where_links_do_not_work_a_folded_tree_is_copied_unless_that_is_forbidden(
    tmp_path: Path, shelf: Shelf, strict: bool
) -> None:
    entry = shelf.add("one")
    work = staging(tmp_path, shelf, "symlink", *(() if strict else ("copy",)), strict=strict)

    def refuse(operation: str, path: str) -> None:
        if operation == "symlink":
            raise PermissionError(1, "no links here", path)

    previous = disk.observe(refuse)
    try:
        if strict:
            with pytest.raises(disk.DiskError, match="no links here"):
                work.begin(Tree(entry, "one", folded=True))
        else:
            path = work.begin(Tree(entry, "one", folded=True))
            work.finish()
            assert os.path.isfile(f"{path}/sub/mod.py")
            assert work.used == {"copy": 2}
    finally:
        disk.observe(previous)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_is_raised_after_all_threads_have_stopped(tmp_path: Path, shelf: Shelf, threads: int) -> None:
    entry = shelf.add("one", "1.0", {f"one/m{number}.py": "" for number in range(900)})
    work = staging(tmp_path, shelf, "copy", threads=threads)
    seen: list[int] = []

    def fail(operation: str, path: str) -> None:
        seen.append(threading.get_ident())
        if path.endswith("/m500.py"):
            raise OSError(5, "broken", path)

    rows = [row for row in shelf.files(entry) if row[0].startswith("one/")]
    work.begin(Tree(entry, "one", folded=False, rows=rows))
    previous = disk.observe(fail)
    try:
        with pytest.raises(disk.DiskError, match="broken"):
            work.finish()
        count = len(seen)
    finally:
        disk.observe(previous)
    assert len(seen) == count
    assert (len(set(seen)) > 1) is (threads > 1)
