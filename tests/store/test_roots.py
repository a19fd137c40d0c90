"""Notes of environments: written when they change, heard from everybody, dropped when the environment is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.fs import disk, facts
from commonwheel.store import layout, roots
from commonwheel.store.roots import Root
from kit.stores import admit, demo_wheel, open_store
from kit.users import team_of, users

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


@pytest.fixture
def environment(tmp_path: Path) -> str:
    path = tmp_path / "env"
    (path / "lib/site-packages").mkdir(parents=True)
    return str(path)


def notes(root: str) -> list[Root]:
    return list(roots.every(open_store(root).layers[0]))


@given(
    TEXT, TEXT, st.dictionaries(st.text("0123456789abcdef", min_size=64, max_size=64), st.just("fold") | st.just(""))
)
def test_root_note_round_trip(environment: str, host: str, entries: dict[str, str]) -> None:
    found = roots.decode(roots.encode(Root(environment, host, 7, entries)), 7)
    assert found == Root(environment, host, 7, entries)


@given(st.binary())
def test_any_bytes_are_handled(data: bytes) -> None:
    assert roots.decode(data, 7) is None


def test_entries_of_an_environment_are_noted_once(root: str, environment: str, tmp_path: Path) -> None:
    store = open_store(root)
    entry = admit(store, demo_wheel(tmp_path))
    roots.keep(store, environment, [entry.digest, "ab" * 32], {entry.digest: "fold"})
    (note,) = notes(root)
    assert (note.environment, note.host, note.uid, note.entries) == (
        os.path.realpath(environment), facts.host(), os.geteuid(), {entry.digest: "fold"},
    )  # fmt: skip
    changes = []
    before = disk.observe(lambda operation, path: changes.append(operation))
    try:
        roots.keep(open_store(root), environment, [entry.digest], {entry.digest: "fold"})
    finally:
        disk.observe(before)
    assert changes == []
    roots.forget(open_store(root), environment)
    assert notes(root) == []


def test_each_layer_gets_its_own_entries(place: str, environment: str, tmp_path: Path) -> None:
    first, second = os.path.join(place, "1"), os.path.join(place, "2")
    one = admit(open_store(first), demo_wheel(tmp_path, "one"))
    two = admit(open_store(second), demo_wheel(tmp_path, "two"))
    roots.keep(open_store(first, second), environment, [one.digest, two.digest])
    assert [list(note.entries) for note in notes(first)] == [[one.digest]]
    assert [list(note.entries) for note in notes(second)] == [[two.digest]]
    # a layer that takes nothing is left alone
    roots.keep(open_store(first, second, read_only=[first]), environment, [])
    assert len(notes(first)) == 1
    assert notes(second) == []


def test_notes_of_removed_environments_are_dropped(root: str, environment: str, tmp_path: Path) -> None:
    store = open_store(root)
    entry = admit(store, demo_wheel(tmp_path))
    roots.keep(store, environment, [entry.digest])
    assert len(roots.drop_stale(store.layers[0])) == 1
    os.rename(environment, f"{environment}-moved")
    assert roots.drop_stale(store.layers[0]) == []
    assert notes(root) == []


@pytest.mark.root
def test_notes_of_another_mount_namespace_with_this_host_name_are_kept(root: str, tmp_path: Path) -> None:
    """Containers and batch jobs have the name of their machine, and directories that only they see."""
    store = open_store(root)
    entry = admit(store, demo_wheel(tmp_path))
    hidden = "/mnt/only-in-there/env"
    code = (
        "import os, sys\nfrom commonwheel.store import roots\nfrom kit.stores import open_store\nos.makedirs(sys.argv[2])\n"
        "roots.keep(open_store(sys.argv[1]), sys.argv[2], [sys.argv[3]], {sys.argv[3]: 'fold'})\n"
    )
    words = [sys.executable, "-c", code, root, hidden, entry.digest]
    script = 'mount -t tmpfs none /mnt && exec "$@"'
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *words], env=env, check=True)
    assert not os.path.exists(hidden)
    (note,) = roots.drop_stale(store.layers[0])
    assert (note.environment, note.host, note.here) == (hidden, facts.host(), False)


def test_notes_of_other_hosts_last_half_a_year(root: str, tmp_path: Path) -> None:
    store = open_store(root)
    layer = store.layers[0]
    note = Root("/none/such", "elsewhere", os.geteuid(), {"ab" * 32: "fold"})
    relative = layout.root(os.geteuid(), "cd" * 32)
    layer.write(relative, roots.encode(note))
    assert len(roots.drop_stale(layer)) == 1
    long_ago = time.time() - 200 * 86_400
    os.utime(layer.path(relative), (long_ago, long_ago))
    assert roots.drop_stale(layer) == []
    assert notes(root) == []


def test_symlinked_entries_are_found_in_the_environment(root: str, environment: str, tmp_path: Path) -> None:
    store = open_store(root)
    folded, linked, copied, told = (
        admit(store, demo_wheel(tmp_path, name)) for name in ("folded", "linked", "copied", "told")
    )
    site = f"{environment}/lib/site-packages"
    os.symlink(f"{folded.tree}/folded", f"{site}/folded")
    os.makedirs(f"{site}/linked")
    os.symlink(f"{linked.tree}/linked/data.txt", f"{site}/linked/data.txt")
    os.symlink("/none/such", f"{site}/dangling")
    modes = {told.digest: "symlink"}
    roots.keep(store, environment, [entry.digest for entry in (folded, linked, copied, told)], modes)
    (note,) = notes(root)
    tops = {os.path.realpath(store.layers[0].path(layout.ENTRIES))}
    assert roots.living(note, tops) == {folded.digest, linked.digest, told.digest}


def test_unreadable_environment_keeps_all_entries() -> None:
    note = Root("/none/such", "elsewhere", 1, {"ab" * 32: "", "cd" * 32: "copy", "ef" * 32: "fold"})
    assert roots.living(note, {"/x"}) == {"ab" * 32, "ef" * 32}


def test_file_is_found_by_inode(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "env/inner").mkdir(parents=True)
    (tmp_path / "store/file").write_text("x")
    (tmp_path / "env/inner/file").hardlink_to(tmp_path / "store/file")
    found = os.stat(tmp_path / "store/file")
    assert roots.holds(str(tmp_path / "env"), {(found.st_dev, found.st_ino)})
    assert not roots.holds(str(tmp_path / "env"), {(found.st_dev + 1, found.st_ino)})
    assert not roots.holds(str(tmp_path / "none"), {(found.st_dev, found.st_ino)})


@pytest.mark.root
def test_group_members_note_their_own_environments(place: str, tmp_path: Path) -> None:
    with users("alice", "bob", group="team") as (alice, bob):
        root = os.path.join(place, "team")
        os.mkdir(root)
        os.chown(root, 0, team_of(alice, bob))
        os.chmod(root, 0o2770)
        wheel = demo_wheel(os.path.join(place, "w"))
        os.chmod(wheel, 0o644)
        code = (
            "import os, sys; from kit.stores import *; from commonwheel.store import roots\n"
            "store = open_store(sys.argv[1]); entry = admit(store, sys.argv[2])\n"
            "os.mkdir('env'); roots.keep(store, 'env', [entry.digest])\n"
            "print(sorted(note.environment for note in roots.every(store.layers[0])))\n"
        )
        assert alice.python(code, root, wheel, umask=0o077).ok() == f"['{alice.home}/env']\n"
        assert bob.python(code, root, wheel).ok() == str(sorted([f"{alice.home}/env", f"{bob.home}/env"])) + "\n"
