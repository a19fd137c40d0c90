"""store/untrusted_walk.py: what strangers have put into a store is counted and cleared up without being led anywhere."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from commonwheel.fs import disk
from commonwheel.store import inventory, layout, prune, roots, untrusted_walk
from kit.stores import admit, demo_wheel, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def hole(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


ODD: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo, "link": link, "hole": hole, "directory": lambda path: path.mkdir(),
}  # fmt: skip
ODD_ONES = pytest.mark.parametrize("make", ODD.values(), ids=ODD)


@ODD_ONES
def test_special_files_are_not_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "odd")
    with pytest.raises(OSError, match="odd"):
        untrusted_walk.read(str(tmp_path / "odd"))


def test_regular_file_is_read_whole_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    os.utime(path, (5, 5))
    assert untrusted_walk.read(str(path)) == (b"x" * 100_000, 5.0)


@ODD_ONES
def test_special_files_in_place_of_records_do_not_block(tmp_path: Path, make: Callable[[Path], object]) -> None:
    root = tmp_path / "store"
    store = open_store(str(root))
    entry = admit(store, demo_wheel(tmp_path))
    digest = "ab" * 32
    planted = (
        layout.root(7, digest), layout.used_on(7, "2024-01-01"), f"{layout.entry(digest)}/{layout.HEADER}",
        f"{layout.POINTERS}/ab/{digest}", f"{layout.entry(digest)}/{layout.FILES}",
    )  # fmt: skip
    for relative in planted:
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        make(root / relative)
    layer = store.layers[0]
    assert list(roots.every(layer)) == []
    assert inventory.last_uses(layer) == {}
    assert [one.digest for one in inventory.held(layer) if one.header is not None] == [entry.digest]
    assert entry.digest not in {one.held.digest for one in prune.verify_entries(store)}
    prune.clean(store, ("demo",))
    prune.prune(store)
    assert os.path.exists("/etc/passwd")


@ODD_ONES
def test_invalid_policy_does_not_fail_the_layer(tmp_path: Path, make: Callable[[Path], object]) -> None:
    root = tmp_path / "store"
    root.mkdir()
    make(root / layout.POLICY)
    layer = open_store(str(root)).layers[0]
    assert "its store.toml has more" in layer.fault if make is hole else not layer.policy.sharing


@pytest.fixture
def hook() -> Iterator[Callable[[Callable[[str, str], None]], object]]:
    yield disk.observe
    disk.observe(None)


ATTACKS = ("pages/x", "entries/ab", "roots/7")


@pytest.mark.parametrize("where", ATTACKS)
def test_directory_replaced_by_a_symlink_is_not_entered(
    tmp_path: Path, hook: Callable[[Callable[[str, str], None]], object], where: str
) -> None:
    """Another user who may rename swaps the directory during a prune; a file of the victim has the same name."""
    digest = "ab" * 32
    name = "id_rsa" if where == "pages/x" else digest
    victim, attacked = tmp_path / "victim", tmp_path / "store" / "v1" / where
    for directory in (victim, attacked):
        directory.mkdir(parents=True)
        if where == "entries/ab":
            (directory / name).mkdir()
        elif where == "roots/7":
            (directory / name).write_bytes(roots.encode(roots.Root("/not there", os.uname().nodename, 7, {})))
        else:
            (directory / name).write_text("secret")
        os.utime(directory / name, (1, 1))
    swapped: list[str] = []

    def swap(operation: str, path: str) -> None:
        if operation in {"rename", "unlink"} and not swapped and name in path:
            swapped.append(path)
            attacked.rename(f"{attacked}.old")
            attacked.symlink_to(victim)

    hook(swap)
    prune.prune(open_store(str(tmp_path / "store")), prune.PruneOptions(older_than=0.0))
    assert swapped
    assert sorted(os.listdir(victim)) == [name]
    assert os.listdir(f"{attacked}.old") == []


@pytest.mark.parametrize("where", ["pages/x", "entries/ab", "pages", "entries", ""])
def test_symlinked_directory_is_not_entered(tmp_path: Path, where: str) -> None:
    digest = "ab" * 32
    victim = tmp_path / "victim"
    for relative in ("", "x", "ab", "pages/x", "entries/ab"):
        directory = victim / relative
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("id_rsa", digest, ".trash-host-1-0123456789abcdef"):
            (directory / name).write_text("secret")
            os.utime(directory / name, (1, 1))
    before = sorted(str(path) for path in victim.rglob("*"))
    store = tmp_path / "store"
    store.mkdir()
    link_path = store / "v1" / where if where else store / "v1"
    link_path.parent.mkdir(parents=True, exist_ok=True)
    link_path.symlink_to(victim)
    opened = open_store(str(store))
    prune.prune(opened, prune.PruneOptions(older_than=0.0))
    prune.clean(opened)
    assert sorted(str(path) for path in victim.rglob("*")) == before


def test_removal_stays_in_the_listed_directory(tmp_path: Path) -> None:
    """Hold the tests above: what is old and in its place goes."""
    page = tmp_path / "store" / "v1" / "pages" / "x" / "project"
    page.parent.mkdir(parents=True)
    page.write_text("old")
    os.utime(page, (1, 1))
    removed = prune.prune(open_store(str(tmp_path / "store")), prune.PruneOptions(older_than=60.0))
    assert removed.other == (str(page),)
    assert not page.exists()
    assert stat.S_ISDIR(page.parent.stat().st_mode)
