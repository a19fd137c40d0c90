"""Stores that keep their own limits."""

import os
from pathlib import Path

import pytest

from commonwheel.operations import auto_prune
from commonwheel.store import prune
from kit.cli import Cw
from kit.wheels import make_wheel


@pytest.fixture
def cw(tmp_path: Path) -> Cw:
    cw = Cw(str(tmp_path / "a place"))
    os.mkdir(cw.cwd)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    for name in ("one", "two", "three"):
        make_wheel(cw.path("wheels"), name, "1.0", {f"{name}.bin": os.urandom(300_000).hex()})
    cw("venv", "v").ok()
    return cw


def held(cw: Cw) -> set[str]:
    return {line.split()[0] for line in cw("cache", "list").ok().out.splitlines() if line[:3] in ("one", "two", "thr")}


def forget_the_hour(cw: Cw) -> None:
    """Let the last tidying be long ago."""
    for folder, _, files in os.walk(cw.store):
        for name in files:
            if name.startswith("tidied"):
                os.remove(os.path.join(folder, name))


def test_store_with_a_limit_stays_below_it(cw: Cw, monkeypatch: pytest.MonkeyPatch) -> None:
    # entries that were published a moment ago are spared, and a test has no time to wait
    monkeypatch.setattr(prune, "GRACE", 0)
    for name in ("one", "two", "three"):
        cw("pip", "install", "-p", "v", "--link-mode", "copy", name, environ={"CW_MAX_SIZE": "1MB"}).ok()
        forget_the_hour(cw)
    assert len(held(cw)) == 1
    assert len(cw("pip", "freeze", "-p", "v").ok().out.split()) == 3


def test_store_without_a_limit_keeps_everything_at_no_cost(cw: Cw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_prune, "tidy", lambda *_: pytest.fail("there is nothing to keep"))
    cw("pip", "install", "-p", "v", "one", "two", "three").ok()
    assert len(held(cw)) == 3


def test_auto_prune_runs_at_most_hourly(cw: Cw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "GRACE", 0)
    monkeypatch.setattr(auto_prune, "_PAUSE", 10**12)  # an hour that began long ago and ends long after this test
    for name in ("one", "two"):
        cw("pip", "install", "-p", "v", "--link-mode", "copy", name, environ={"CW_MAX_SIZE": "1KB"}).ok()
    assert held(cw) == {"two"}


def test_entries_used_by_an_environment_stay(cw: Cw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "GRACE", 0)
    cw("pip", "install", "-p", "v", "--link-mode", "fold", "one", environ={"CW_MAX_SIZE": "1KB"}).ok()
    assert len(held(cw)) == 1
    cw("verify", "-p", "v").ok()
