"""What a store holds, measured."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from commonwheel.fs import disk
from commonwheel.store import inventory, layout, roots
from kit.stores import admit, demo_wheel, open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


def test_sizes_match_du(root: str, tmp_path: Path) -> None:
    entry = admit(open_store(root), demo_wheel(tmp_path))
    found = inventory.measured(root)
    said = subprocess.run(["du", "-s", "-B1", root], check=True, capture_output=True, text=True).stdout
    assert found.disk == int(said.split()[0])
    said = subprocess.run(["du", "-s", "--inodes", root], check=True, capture_output=True, text=True).stdout
    assert found.inodes == int(said.split()[0])
    assert found.size > entry.size
    assert found.linked == 0
    os.link(f"{entry.tree}/demo/data.txt", tmp_path / "linked")
    assert inventory.measured(root).linked == os.lstat(tmp_path / "linked").st_blocks * 512


def test_every_entry_is_listed_with_its_users(root: str, tmp_path: Path) -> None:
    store = open_store(root)
    one, two = (admit(store, demo_wheel(tmp_path, "demo", version)) for version in ("1.0", "2.0"))
    environment = tmp_path / "env"
    environment.mkdir()
    os.symlink(f"{two.tree}/demo", environment / "demo")
    roots.keep(store, str(environment), [one.digest, two.digest])
    found = inventory.held(store.layers[0])
    assert [(held.label, held.digest) for held in found] == [("demo 1.0", one.digest), ("demo 2.0", two.digest)]
    assert [held.environments for held in found] == [(str(environment),)] * 2
    assert [held.living for held in found] == [(), (str(environment),)]
    assert found[0].measure.size > one.size
    assert abs(found[0].used - time.time()) < 60
    assert found[0].owner == os.geteuid()


def test_damaged_entry_is_listed_by_digest(root: str, tmp_path: Path) -> None:
    store = open_store(root)
    entry = admit(store, demo_wheel(tmp_path))
    os.unlink(f"{entry.root}/entry.txt")
    (found,) = inventory.held(store.layers[0])
    assert (found.header, found.label) == (None, entry.digest[:16])


def test_days_of_use_are_read(root: str) -> None:
    layer = open_store(root).layers[0]
    layer.write(layout.used_on(1, "2024-02-03"), b"aa\nbb\n")
    layer.write(layout.used_on(2, "2024-02-05"), b"bb\n")
    layer.write(layout.used_on(2, "junk"), b"cc\n")
    found = inventory.last_uses(layer)
    assert found == {"aa": 1706918400, "bb": 1707091200}


def test_only_files_of_dead_processes_are_leftovers(root: str, tmp_path: Path) -> None:
    store = open_store(root)
    entry = admit(store, demo_wheel(tmp_path))
    layer = store.layers[0]
    shard = os.path.dirname(entry.root)
    long_ago = time.time() - 7200
    child = subprocess.run(["true"], check=True)
    assert child.returncode == 0
    dead = subprocess.Popen(["true"])
    dead.wait()
    here = os.path.basename(disk.temporary("")).rsplit("-", 2)[0]
    names = {
        f"{here}-{os.getpid()}-{'a' * 16}": False,
        f"{here}-{dead.pid}-{'b' * 16}": True,
        f".tmp-elsewhere-1-{'c' * 16}": False,
        f".trash-elsewhere-1-{'d' * 16}": True,
    }
    for name in names:
        os.mkdir(f"{shard}/{name}")
        os.utime(f"{shard}/{name}", (long_ago, long_ago))
    os.mkdir(f"{entry.root}/.tmp-inside")
    assert sorted(inventory.leftovers(layer)) == sorted(f"{shard}/{name}" for name, gone in names.items() if gone)
    for name in names:
        os.utime(f"{shard}/{name}", (0, 0))
    assert f"{shard}/.tmp-elsewhere-1-{'c' * 16}" in list(inventory.leftovers(layer))
    # an hour for what another container of this name may be doing
    os.utime(f"{shard}/{here}-{dead.pid}-{'b' * 16}")
    assert f"{shard}/{here}-{dead.pid}-{'b' * 16}" not in list(inventory.leftovers(layer))


def test_missing_store_has_nothing(tmp_path: Path) -> None:
    layer = open_store(str(tmp_path / "none")).layers[0]
    assert inventory.held(layer) == []
    assert list(inventory.leftovers(layer)) == []
    assert inventory.measured(str(tmp_path / "none")) == inventory.Measure()
    assert inventory.whose(str(tmp_path / "none")) == "nobody"
