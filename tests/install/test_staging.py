"""install/staging.py: nodes become files, in the way that was chosen, by several processes, and errors stop all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commonwheel.events import Silence
from commonwheel.fs import disk
from commonwheel.install import staging as staging_room
from commonwheel.install.linking import LinkChoice
from commonwheel.install.spread import File, Folder, Link, Text, Tree
from commonwheel.install.staging import Staging
from kit.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "store"))


def staging(tmp_path: Path, shelf: Shelf, *ways: str, strict: bool = False) -> Staging:
    (tmp_path / "new").mkdir()
    return Staging(str(tmp_path / "new"), LinkChoice("x", {"one": ways}, strict=strict), shelf, Silence())


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
            work.begin(Tree(entry, "one", folded=True))
            with pytest.raises(disk.DiskError, match="no links here"):
                work.finish()
        else:
            path = work.begin(Tree(entry, "one", folded=True))
            work.finish()
            assert os.path.isfile(f"{path}/sub/mod.py")
            assert work.used == {"copy": 2}
    finally:
        disk.observe(previous)


def test_small_texts_that_many_have_are_one_file(tmp_path: Path, shelf: Shelf) -> None:
    work = staging(tmp_path, shelf, "copy")
    small = [work.begin(Text(b"cw\n", "one")) for _ in range(3)]
    other = work.begin(Text(b"uv\n", "one"))
    tools = [work.begin(Text(b"cw\n", "one", executable=True)) for _ in range(2)]
    large = [work.begin(Text(b"x" * 1000, "one")) for _ in range(2)]
    work.finish()
    later = work.begin(Text(b"cw\n", "one"))
    work.finish()
    assert len({os.stat(path).st_ino for path in small}) == 1
    assert len({os.stat(path).st_ino for path in (small[0], other, *tools, *large, later)}) == 7
    assert os.stat(tools[0]).st_mode & 0o111
    assert {Path(path).read_bytes() for path in (*small, later)} == {b"cw\n"}


def test_small_texts_are_files_of_their_own_where_there_are_no_hard_links(tmp_path: Path, shelf: Shelf) -> None:
    work = staging(tmp_path, shelf, "copy")

    def refuse(operation: str, path: str) -> None:
        if operation == "link":
            raise PermissionError(1, "no links here", path)

    previous = disk.observe(refuse)
    try:
        small = [work.begin(Text(b"cw\n", "one")) for _ in range(3)]
        work.finish()
    finally:
        disk.observe(previous)
    assert len({os.stat(path).st_ino for path in small}) == 3
    assert {Path(path).read_bytes() for path in small} == {b"cw\n"}


def test_the_first_error_stops_the_rest(tmp_path: Path, shelf: Shelf) -> None:
    entry = shelf.add("one", "1.0", {f"one/m{number}.py": "" for number in range(900)})
    work = staging(tmp_path, shelf, "copy")
    seen: list[str] = []

    def fail(operation: str, path: str) -> None:
        seen.append(path)
        if path.endswith("/m500.py"):
            raise OSError(5, "broken", path)

    rows = [row for row in shelf.files(entry) if row[0].startswith("one/")]
    work.begin(Tree(entry, "one", folded=False, rows=rows))
    previous = disk.observe(fail)
    try:
        with pytest.raises(disk.DiskError, match="broken"):
            work.finish()
    finally:
        disk.observe(previous)
    assert seen[-1].endswith("/m500.py")


def test_trees_are_cut_so_that_no_part_needs_another() -> None:
    """Whatever a part needs and does not hold stands before it, parents come first, and nothing is done twice."""
    names = ["", "/a", "/a-b", "/a/b/c", "/a/b/d", "/z/only/deep", "/zz"]
    for sizes in ([1] * 7, [300] * 7, [0, 1, 127, 128, 129, 500, 3], [1000, 0, 0, 0, 0, 0, 1]):
        below = {
            name: [(f"{at}", 0o666) for at in range(size)] for name, size in zip(names, sizes, strict=True) if size
        }
        parts = staging_room._parts(below)
        standing = staging_room._needed_by_several(parts)
        placed: dict[str, list[tuple[str, int]]] = {}
        made = list(standing)
        for part in parts:
            own = set(standing)
            for directory, some in part:
                parent = directory[: directory.rfind("/")] if directory else ""
                assert directory == "" or parent in own
                if directory not in standing:
                    made.append(directory)
                own.add(directory)
                placed.setdefault(directory, []).extend(some)
        assert {name: found for name, found in placed.items() if found} == below
        assert len(made) == len(set(made))
        assert set(made) == set(placed)
        assert "" in placed


ALONE = """
import os, signal, sys
from commonwheel.events import Silence
from commonwheel.fs import disk
from commonwheel.install import staging
from commonwheel.install.linking import LinkChoice
from commonwheel.install.spread import Tree
from kit.shelf import Shelf
home, way = sys.argv[1:]
shelf = Shelf(home + "/store")
entry = shelf.add("one", "1.0", {f"one/d{n % 60}/e{n % 7}/m{n}.py": str(n) for n in range(4000)})
rows = [row for row in shelf.files(entry) if row[0].startswith("one/")]
os.mkdir(home + "/new")
work = staging.Staging(home + "/new", LinkChoice("x", {"one": (way,)}), shelf, Silence(), processes=3)
me, place_in = os.getpid(), disk.place_in
"""


def alone(script: str, tmp_path: Path, way: str) -> str:
    """Run a script in a process without threads, as those of tests may have."""
    words = [sys.executable, "-c", ALONE + script, str(tmp_path), way]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environ, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
@pytest.mark.parametrize("way", ["hardlink", "symlink", "copy"])
def test_several_processes_place_what_one_would(tmp_path: Path, way: str) -> None:
    said = alone(
        """
def noted(source, path, names, modes):
    with open(f"{home}/{os.getpid()}", "a") as out:
        out.write("x" * len(names))
    return place_in(source, path, names, modes)
disk.place_in = noted
path = work.begin(Tree(entry, "one", folded=False, rows=rows))
work.finish()
print(work.used[way], sum(int(open(f"{path}/{row[0][4:]}").read()) == int(row[0].rpartition("/m")[2][:-3]) for row in rows))
print(len([name for name in os.listdir(home) if name.isdigit()]) > 1)
""",
        tmp_path,
        way,
    )
    assert said == "4000 4000\nTrue\n"


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
def test_an_error_of_a_copy_is_told_like_ones_own(tmp_path: Path) -> None:
    said = alone(
        """
def refuse(source, path, names, modes):
    if os.getpid() == me:
        import time
        time.sleep(0.05)
        return place_in(source, path, names, modes)
    raise disk.DiskError("hardlink", path + "/m" + chr(0xdcff) + ".py", OSError(28, "full"))
disk.place_in = refuse
work.begin(Tree(entry, "one", folded=False, rows=rows))
try:
    work.finish()
except disk.DiskError as error:
    print(error.verb, error.errno, ascii(error.path[-6:]))
""",
        tmp_path,
        "hardlink",
    )
    assert said == "hardlink 28 '/m\\udcff.py'\n"


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
def test_a_copy_that_was_killed_is_an_error(tmp_path: Path) -> None:
    said = alone(
        """
def die(source, path, names, modes):
    if os.getpid() != me:
        os.kill(os.getpid(), signal.SIGKILL)
    import time
    time.sleep(0.05)
    return place_in(source, path, names, modes)
disk.place_in = die
work.begin(Tree(entry, "one", folded=False, rows=rows))
try:
    work.finish()
except staging.StagingLost as error:
    print(error.code)
""",
        tmp_path,
        "hardlink",
    )
    assert said == "staging-lost\n"
