"""store/recheck.py: entries are looked at beside other work; one that is damaged is out of use, and said to be lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from commonwheel.concurrency import forked_workers
from commonwheel.store import recheck
from commonwheel.store.recheck import Recheck
from commonwheel.store.store import EntryLost
from kit.damage import DAMAGE
from kit.stores import admit, demo_wheel, open_store
from kit.wheels import sha256_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    return demo_wheel(tmp_path)


@pytest.mark.parametrize("worth", [1, 1_500])
def test_sound_entry_passes_and_is_checked_once(
    root: str, wheel: str, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recheck, "_WORTH_A_COPY", worth)
    admit(open_store(root), wheel)
    store = open_store(root)
    entry = store.find(sha256_of(wheel))
    assert entry is not None
    assert not store.is_examined(entry)
    with Recheck(store, [entry]) as looking:
        looking.settle()
        looking.settle()
    store.ready(entry.digest)
    assert store.is_examined(entry)


def test_fresh_entry_needs_no_check(root: str, wheel: str) -> None:
    store = open_store(root)
    entry = admit(store, wheel)
    assert store.is_examined(entry)
    store.quarantine(entry, "for a test")
    assert not store.is_examined(entry)


@pytest.mark.parametrize("part", [2, 1_000])
@pytest.mark.parametrize("kind", [kind for kind in DAMAGE if "header" not in kind])
def test_damaged_entry_is_reported_and_set_aside(
    root: str, wheel: str, kind: str, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit(open_store(root), wheel)
    store = open_store(root)
    entry = store.find(sha256_of(wheel))
    assert entry is not None
    monkeypatch.setattr(recheck, "_PART", part)
    DAMAGE[kind](entry.root)
    with Recheck(store, [entry]) as looking, pytest.raises(EntryLost):
        looking.settle()
    assert store.find(entry.digest) is None


def test_abandoned_inspection_leaves_no_process(root: str, wheel: str) -> None:
    admit(open_store(root), wheel)
    store = open_store(root)
    entry = store.find(sha256_of(wheel))
    assert entry is not None
    with Recheck(store, [entry]):
        pass
    if forked_workers.possible():
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
