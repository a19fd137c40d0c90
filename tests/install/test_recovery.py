"""install/recovery.py: what it finds in a state directory. The whole of it is tried in tests/crash."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from commonwheel.fs import disk, facts
from commonwheel.fs import journal as fs_journal
from commonwheel.install import changeset, plan, recovery, transaction, verify
from commonwheel.install.recovery import Recovered, RecoveryFailed
from kit.shelf import Shelf, environment, installed, pins, portrait

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.model import Environment


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return environment(str(tmp_path / "env"))


def install(env: Environment, shelf: Shelf, name: str, version: str = "1.0") -> None:
    entry = shelf.add(name, version)
    made = plan.make(installed(env), pins(entry))
    transaction.apply(env, changeset.make(env, made, {name: entry}, shelf, link_mode="copy"))


def unsettled(env: Environment) -> list[str]:
    return sorted(name for name in os.listdir(f"{env.root}/.cw") if name.startswith("unsettled"))


def test_nothing_to_recover_costs_one_listing(env: Environment, tmp_path: Path) -> None:
    steps: list[str] = []
    previous = disk.observe(lambda operation, path: steps.append(path))
    try:
        assert recovery.recover(env, verify.is_sound) == Recovered()
        assert not os.path.exists(f"{env.root}/.cw")
    finally:
        disk.observe(previous)
    install(env, Shelf(str(tmp_path / "store")), "one")
    previous = disk.observe(lambda operation, path: steps.append(path))
    try:
        # not even the lock is taken, although the last change is not settled yet
        assert recovery.recover(env, verify.is_sound) == Recovered()
    finally:
        disk.observe(previous)
    assert steps == []
    assert len(unsettled(env)) == 1


def test_leftovers_of_dead_processes_are_removed(env: Environment) -> None:
    state = f"{env.root}/.cw"
    os.makedirs(f"{disk.temporary(state)}/new/0")
    os.makedirs(f"{disk.temporary(state, disk.TRASH)}/x")
    assert recovery.recover(env, verify.is_sound) == Recovered()
    assert os.listdir(state) == []


def test_unready_journal_moved_nothing(env: Environment, tmp_path: Path) -> None:
    install(env, Shelf(str(tmp_path / "store")), "one")
    before = portrait(env.root)
    work = disk.temporary(f"{env.root}/.cw")
    os.makedirs(f"{work}/new")
    journal = fs_journal.Journal.create(f"{work}/journal")
    journal.intend(recovery.BEGIN, "2", "boot", "0", "cw", "me")
    journal.intend(recovery.BRING_IN, f"{work}/new/0", f"{env.paths['purelib']}/one")
    journal.close()
    assert recovery.recover(env, verify.is_sound) == Recovered()
    assert portrait(env.root) == before
    assert not os.path.exists(work)


def test_recent_changes_are_checked_after_a_reboot(
    env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(str(tmp_path / "store"))
    install(env, shelf, "one")
    install(env, shelf, "two")
    first, second = unsettled(env)
    long_ago = time.time() - 10_000
    os.utime(f"{env.root}/.cw/{first}", (long_ago, long_ago))
    install(env, shelf, "three")
    assert unsettled(env)[0] == second
    monkeypatch.setattr(facts, "_boot", "next")
    assert recovery.recover(env, verify.is_sound).damaged == ()
    assert unsettled(env) == []


def test_damage_is_reported_until_repaired(env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(str(tmp_path / "store"))
    install(env, shelf, "one")
    install(env, shelf, "two")
    install(env, shelf, "one", "2.0")
    os.truncate(f"{env.paths['purelib']}/one/__init__.py", 0)
    monkeypatch.setattr(facts, "_boot", "next")
    for _ in range(2):
        damaged = recovery.recover(env, verify.is_sound).damaged
        # of version 1.0, which was installed first and is gone, nobody speaks
        assert [(one.name, one.version) for one in damaged] == [("one", "2.0")]
    assert len(unsettled(env)) == 1


def test_failed_undo_is_retried_later(env: Environment, tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "store"))
    install(env, shelf, "one")
    before = portrait(env.root)
    entry = shelf.add("one", "2.0")
    ready = changeset.make(env, plan.make(installed(env), pins(entry)), {"one": entry}, shelf, link_mode="copy")
    broken: list[str] = []

    def break_down(operation: str, path: str) -> None:
        # from the first module on, the disk takes nothing any more
        if broken or (operation == "rename" and path.endswith("site-packages/one")):
            broken.append(path)
            raise OSError(5, "gone", path)

    previous = disk.observe(break_down)
    try:
        with pytest.raises(RecoveryFailed) as caught:
            transaction.apply(env, ready)
    finally:
        disk.observe(previous)
    assert any(line.startswith("it failed with: could not rename") for line in caught.value.context)
    assert portrait(env.root) != before
    assert recovery.recover(env, verify.is_sound).undone == ("",)
    assert portrait(env.root) == before
