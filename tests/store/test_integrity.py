"""What a look at names and inodes finds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commonwheel.store import manifest
from commonwheel.store.integrity import Findings, QuickCheck, examine
from kit.faultfs import faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROWS = [
    ("demo/__init__.py", 3, "aa" * 32, False, 1_600_000_000),
    ("demo/sub/deep/x.txt", 5, "bb" * 32, False, 1_600_000_000),
    ("demo/tool", 4, "cc" * 32, True, 1_600_000_000),
    ("top.py", 0, "dd" * 32, False, 1_600_000_000),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, size, _, executable, mtime in ROWS:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
        file.chmod(0o555 if executable else 0o444)
        os.utime(file, (mtime, mtime))
    return tmp_path


def test_sound_tree_has_no_findings(tree: Path) -> None:
    assert not examine(str(tree), ROWS)
    assert examine(str(tree), ROWS) == Findings()


def test_changed_time_or_mode_is_a_doubt(tree: Path) -> None:
    os.utime(tree / "top.py", (1, 1))
    (tree / "demo/tool").chmod(0o755)
    found = examine(str(tree), ROWS)
    assert found.faults == ()
    assert sorted(row[0] for row in found.doubts) == ["demo/tool", "top.py"]


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("tool")


FAULTS: dict[str, tuple[Callable[[Path], object], tuple[str, str]]] = {
    "truncated": (lambda tree: os.truncate(tree / "demo/tool", 0), ("demo/tool", "has 0 bytes instead of 4")),
    "missing": (lambda tree: (tree / "top.py").unlink(), ("top.py", "is missing")),
    "extra": (lambda tree: (tree / "demo/new.py").write_text(""), ("demo/new.py", "is not part of the wheel")),
    "extra directory": (lambda tree: (tree / "new").mkdir(), ("new", "is not part of the wheel")),
    "a link": (lambda tree: replace_by_link(tree / "demo/__init__.py"), ("demo/__init__.py", "is not a file")),
}


@pytest.mark.parametrize(("harm", "fault"), FAULTS.values(), ids=FAULTS)
def test_faults_are_listed_by_path(tree: Path, harm: Callable[[Any], object], fault: tuple[str, str]) -> None:
    harm(tree)
    assert examine(str(tree), ROWS).faults == (fault,)


def test_missing_directory_is_reported(tree: Path) -> None:
    (tree / "demo/sub/deep/x.txt").unlink()
    (tree / "demo/sub/deep").rmdir()
    assert ("demo/sub/deep", "is missing") in examine(str(tree), ROWS).faults


def test_nfs_files_are_no_faults(tree: Path) -> None:
    (tree / "demo/.nfs0001").write_bytes(b"")
    assert not examine(str(tree), ROWS)


@pytest.mark.parametrize("directory", ["", "demo/", "demo/sub/deep/"])
def test_bytecode_that_is_not_listed_is_amiss(tree: Path, directory: str) -> None:
    (tree / f"{directory}__pycache__").mkdir()
    (tree / f"{directory}__pycache__/x.cpython-312.pyc").write_bytes(b"")
    found = examine(str(tree), ROWS)
    assert found == Findings(amiss=((f"{directory}__pycache__", "is not part of the wheel"),), harmless=False)


@pytest.mark.parametrize(
    ("mode", "harmless"), [(0o644, True), (0o600, False), (0o555, False), (0o464, False), (0o4444, False)]
)
def test_another_mode_is_amiss_where_modes_are_kept(tree: Path, mode: int, harmless: bool) -> None:
    (tree / "top.py").chmod(mode)
    said = ("top.py", f"has mode {mode:04o} instead of 0444")
    assert examine(str(tree), ROWS, keeps_modes=True) == Findings((), (ROWS[3],), (said,), harmless=harmless)
    assert examine(str(tree), ROWS) == Findings(
        (), (ROWS[3],), (said,) if mode == 0o464 else (), harmless=mode != 0o464
    )


@pytest.mark.root
@pytest.mark.parametrize("path", ["top.py", "demo", "demo/tool"])
def test_what_belongs_to_another_is_a_fault(tree: Path, path: str) -> None:
    os.chown(tree / path, 54_321, -1)
    assert examine(str(tree), ROWS, lambda uid: uid != 54_321).faults == ((path, "belongs to 54321"),)
    assert not is_untouched(str(tree), lines(), LATER)


def test_a_directory_that_others_may_change_is_amiss(tree: Path) -> None:
    (tree / "demo").chmod(0o575)
    assert examine(str(tree), ROWS).amiss == (("demo", "has mode 0575: others may change it"),)
    assert not is_untouched(str(tree), lines(), LATER)


LATER = 1_700_000_000_123_456_789


def is_untouched(
    tree: str, lines: list[str], listed: int, part: int = 0, parts: int = 1, *, made_here: bool = False
) -> bool:
    glance = QuickCheck(tree, lines, listed, os.geteuid(), made_here=made_here)
    found = True
    for directory, names, expected in glance.directories(part, parts):
        try:
            fd = glance.open(directory)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            found = found and glance.is_untouched(directory, fd, names, expected)
        finally:
            os.close(fd)
    return found


def lines() -> list[str]:
    return [manifest.line(row) for row in ROWS]


def age(tree: Path) -> None:
    """Make all directories older than any list of files."""
    for directory, _, _ in os.walk(tree):
        os.utime(directory, (1_600_000_000, 1_600_000_000))


def test_quick_check_passes_a_sound_tree(tree: Path) -> None:
    assert is_untouched(str(tree), lines(), LATER)
    (tree / "demo/.nfs0001").write_text("")
    assert is_untouched(str(tree), lines(), LATER)
    (tree / "demo/__pycache__").mkdir()
    assert not is_untouched(str(tree), lines(), LATER)


@pytest.mark.parametrize("listed", [LATER, 1_000_000_000_000_000_001, 1_700_000_000_000_000_000])
@pytest.mark.parametrize("what", FAULTS)
def test_quick_check_sees_every_fault(tree: Path, what: str, listed: int) -> None:
    age(tree)
    FAULTS[what][0](tree)
    assert not is_untouched(str(tree), lines(), listed)


@pytest.mark.parametrize("facts", [{"mode": 0o644}, {"time": 5}])
def test_quick_check_sees_a_doubt(tree: Path, facts: dict[str, int]) -> None:
    if "mode" in facts:
        (tree / "top.py").chmod(facts["mode"])
    else:
        os.utime(tree / "top.py", (1, facts["time"]))
    assert not is_untouched(str(tree), lines(), LATER)


def test_directories_older_than_their_list_are_not_read(tree: Path) -> None:
    """As far as clocks tell: where the list has whole seconds alone, or the directory is as young, names are read."""
    (tree / "demo/extra").write_text("")
    age(tree)
    assert is_untouched(str(tree), lines(), LATER)
    assert not is_untouched(str(tree), lines(), LATER // 10**9 * 10**9)
    assert not is_untouched(str(tree), lines(), 1_600_000_000_010_000_000)
    assert is_untouched(str(tree), lines(), 1_600_000_000_030_000_000)


def test_name_behind_a_reset_directory_time_is_found(tree: Path) -> None:
    (tree / "demo/extra").write_text("")
    age(tree)
    assert is_untouched(str(tree), lines(), LATER)
    assert not is_untouched(str(tree), lines(), LATER, made_here=True)


@pytest.mark.root
@pytest.mark.alone
def test_shared_file_system_gives_the_same_result(tree: Path, place: str) -> None:
    """There directories are listed before their files are asked for; what is found must not depend on it."""
    with faults(os.path.join(place, "mnt"), str(tree)) as mounted:
        os.chmod(mounted.point, 0o755)
        there = Path(mounted.point)
        assert is_untouched(str(there), lines(), LATER)
        asked = mounted.count("readdir")
        assert asked >= len({os.path.dirname(row[0]) for row in ROWS})
        (there / "demo/.nfs0001").write_text("")
        assert is_untouched(str(there), lines(), LATER)
        for harm, _ in FAULTS.values():
            kept = os.path.join(place, "kept")
            shutil.copytree(tree, kept, symlinks=True)
            age(tree)
            harm(there)
            assert not is_untouched(str(there), lines(), LATER)
            for name in os.listdir(tree):
                path = tree / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            shutil.copytree(kept, tree, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(kept)


@pytest.mark.parametrize("what", FAULTS)
def test_fault_is_in_one_of_the_parts(tree: Path, what: str) -> None:
    age(tree)
    assert all(is_untouched(str(tree), lines(), LATER, part, 3) for part in range(3))
    FAULTS[what][0](tree)
    assert [is_untouched(str(tree), lines(), LATER, part, 3) for part in range(3)].count(False) >= 1


def test_missing_directory_needs_the_full_check(tree: Path) -> None:
    (tree / "demo/sub/deep/x.txt").unlink()
    (tree / "demo/sub/deep").rmdir()
    assert not is_untouched(str(tree), lines(), LATER)
