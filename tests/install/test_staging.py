"""install/staging.py: nodes become files, in the way that was chosen, by several processes, and errors stop all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commonwheel.events import Silence
from commonwheel.fs import disk
from commonwheel.install import staging as staging_room
from commonwheel.install.linking import LinkChoice
from commonwheel.install.nodes import File, Folder, Link, Text, Tree
from commonwheel.install.staging import Staging
from kit.shelf import Shelf

if TYPE_CHECKING:
    from commonwheel.model import Entry


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
        "tree": Tree(entry, "one", folded=False),
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
def test_folded_tree_is_copied_where_links_fail_unless_forbidden(tmp_path: Path, shelf: Shelf, strict: bool) -> None:
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


def test_shared_small_texts_are_hard_linked(tmp_path: Path, shelf: Shelf) -> None:
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


def test_small_texts_are_separate_without_hard_links(tmp_path: Path, shelf: Shelf) -> None:
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


def test_first_error_stops_the_rest(tmp_path: Path, shelf: Shelf) -> None:
    entry = shelf.add("one", "1.0", {f"one/m{number}.py": "" for number in range(900)})
    work = staging(tmp_path, shelf, "copy")
    seen: list[str] = []

    def fail(operation: str, path: str) -> None:
        seen.append(path)
        if path.endswith("/m500.py"):
            raise OSError(5, "broken", path)

    work.begin(Tree(entry, "one", folded=False))
    previous = disk.observe(fail)
    try:
        with pytest.raises(disk.DiskError, match="broken"):
            work.finish()
    finally:
        disk.observe(previous)
    assert seen[-1].endswith("/m500.py")


@pytest.mark.parametrize("part", [1, 3, 1_000])
def test_parts_of_an_entry_form_the_whole(
    tmp_path: Path, shelf: Shelf, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever directories a part needs it makes, or finds made by another; trees inside of what is not placed are passed over."""
    monkeypatch.setattr(staging_room, "_PART", part)
    files = {f"one/{'d/' * (at % 4)}{name}.py": name for at, name in enumerate("abcdefgh")}
    entry = shelf.add("one", "1.0", {**files, "two/x.py": "x", "two/y/z.py": "z", "loose.py": "l"})
    work = staging(tmp_path, shelf, "hardlink")
    one = work.begin(Tree(entry, "one", folded=False))
    inner = work.begin(Tree(entry, "two/y", folded=False))
    work.finish()
    found = {os.path.relpath(os.path.join(top, name), one) for top, _, names in os.walk(one) for name in names}
    assert found == {path[4:] for path in files}
    assert os.listdir(inner) == ["z.py"]
    assert sorted(os.listdir(tmp_path / "new")) == ["0", "1"]
    assert work.used == {"hardlink": 9}


class Looks:
    """A proof that notes what it is told."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = list(entries)
        self.seen: dict[str, bool] = {}

    def due(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.name not in self.seen]

    def looked(self, entry: Entry, *, sound: bool) -> None:
        self.seen[entry.name] = sound

    def settle(self) -> None:
        raise AssertionError("the transaction does that")


def test_entries_due_for_a_check_are_checked_on_placing(tmp_path: Path, shelf: Shelf) -> None:
    """Those of which nothing is placed too; and what seems damaged is placed all the same."""
    one, two, bare = shelf.add("one"), shelf.add("two"), shelf.add("bare", "1.0", {"bare.py": ""})
    shelf.doubtful = {"two"}
    looks = Looks(one, two, bare)
    (tmp_path / "new").mkdir()
    ways = dict.fromkeys(("one", "two", "bare"), ("copy",))
    work = Staging(str(tmp_path / "new"), LinkChoice("x", ways), shelf, Silence(), proof=looks)
    paths = [work.begin(Tree(entry, entry.name, folded=False)) for entry in (one, two)]
    work.finish()
    assert looks.seen == {"one": True, "two": False, "bare": True}
    assert all(os.path.exists(f"{path}/sub/mod.py") for path in paths)


def test_unwritable_text_is_a_disk_error(tmp_path: Path, shelf: Shelf) -> None:
    def unreadable() -> bytes:
        raise OSError(5, "broken", "/a/store/RECORD")

    work = staging(tmp_path, shelf, "copy")
    work.begin(Text(unreadable, "one"))
    with pytest.raises(disk.DiskError, match="broken") as caught:
        work.finish()
    assert caught.value.path == "/a/store/RECORD"


ALONE = """
import os, signal, sys
from commonwheel.events import Silence
from commonwheel.fs import disk, linking
from commonwheel.install import staging
from commonwheel.install.linking import LinkChoice
from commonwheel.install.nodes import Tree
from kit.shelf import Shelf
home, way = sys.argv[1:]
shelf = Shelf(home + "/store")
entry = shelf.add("one", "1.0", {f"one/d{n % 60}/e{n % 7}/m{n}.py": str(n) for n in range(4000)})
os.mkdir(home + "/new")
work = staging.Staging(home + "/new", LinkChoice("x", {"one": (way,)}), shelf, Silence(), processes=3)
me, place_in = os.getpid(), linking.place_in
begins, begin = os.pipe()
begun = False
def wait_for_a_copy():
    # Let the origin wait, once, until a copy has begun, which says so by `os.write(begin, b"x")`.
    global begun
    if not begun:
        begun = bool(os.read(begins, 1))
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
def test_parallel_placing_equals_sequential(tmp_path: Path, way: str) -> None:
    said = alone(
        """
def noted(source, path, names, *rest):
    with open(f"{home}/{os.getpid()}", "a") as out:
        out.write("x" * len(names))
    if os.getpid() == me:
        wait_for_a_copy()
    else:
        os.write(begin, b"x")
    return place_in(source, path, names, *rest)
linking.place_in = noted
path = work.begin(Tree(entry, "one", folded=False))
work.finish()
print(work.used[way], sum(int(open(f"{path}/{row[0][4:]}").read()) == int(row[0].rpartition("/m")[2][:-3]) for row in shelf.files(entry) if row[0].startswith("one/")))
print(len([name for name in os.listdir(home) if name.isdigit()]) > 1)
""",
        tmp_path,
        way,
    )
    assert said == "4000 4000\nTrue\n"


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
def test_worker_error_is_reported_like_a_local_one(tmp_path: Path) -> None:
    said = alone(
        """
def refuse(source, path, *rest):
    if os.getpid() == me:
        wait_for_a_copy()
        return place_in(source, path, *rest)
    os.write(begin, b"x")
    raise disk.DiskError("hardlink", path + "/m" + chr(0xdcff) + ".py", OSError(28, "full"))
linking.place_in = refuse
work.begin(Tree(entry, "one", folded=False))
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
@pytest.mark.parametrize("lasts", [False, True])
def test_unexplained_worker_failure_is_retried_locally(tmp_path: Path, lasts: bool) -> None:
    """An entry whose list of files cannot be read is such a thing: the error is told by this process, if it meets it too."""
    said = alone(
        f"""
from commonwheel.errors import CommonwheelError
directories = shelf.directories
def lost(*words, **more):
    if os.getpid() != me:
        os.write(begin, b"x")
    if {lasts} or os.getpid() != me:
        raise CommonwheelError("its list is gone")
    wait_for_a_copy()
    return directories(*words, **more)
shelf.directories = lost
path = work.begin(Tree(entry, "one", folded=False))
try:
    work.finish()
    print(work.used, sum(len(names) for _, _, names in os.walk(path)))
except CommonwheelError as error:
    print(error.message)
""",
        tmp_path,
        "hardlink",
    )
    assert said == ("its list is gone\n" if lasts else "{'hardlink': 4000} 4000\n")


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
def test_killed_worker_is_an_error(tmp_path: Path) -> None:
    said = alone(
        """
def die(source, path, *rest):
    if os.getpid() != me:
        os.write(begin, b"x")
        os.kill(os.getpid(), signal.SIGKILL)
    wait_for_a_copy()
    return place_in(source, path, *rest)
linking.place_in = die
work.begin(Tree(entry, "one", folded=False))
try:
    work.finish()
except staging.StagingLost as error:
    print(error.code)
""",
        tmp_path,
        "hardlink",
    )
    assert said == "staging-lost\n"
