"""Wheels without alternatives are downloaded while the rest is resolved; unneeded downloads are invisible."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from kit.cli import Cw
from kit.commons import temporary
from kit.index_server import Always, Corrupt, Hold, IndexServer, Status
from kit.wheels import wheel_bytes, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kit.cli import Ran

DEMO, LIB = "/files/demo/demo-1.0-py3-none-any.whl", "/files/lib/lib-1.0-py3-none-any.whl"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        for name, version, *requires in (("demo", "1.0", "lib"), ("demo", "2.0", "lib"), ("lib", "1.0")):
            server.add(wheel_filename(name, version), wheel_bytes(name, version, {f"{name}.py": ""}, requires=requires))
        yield server


@pytest.fixture
def cw(tmp_path: Path, index: IndexServer) -> Cw:
    cw = Cw(str(tmp_path))
    cw.write("cw.toml", f'index-url = "{index.url}"\nretries = 0\n')
    cw("venv", "v").ok()
    return cw


def install(cw: Cw, *words: str) -> Ran:
    return cw("pip", "install", "-p", "v", *words)


def at_once(index: IndexServer, cw: Cw, *words: str) -> tuple[Ran, bool]:
    """Install while the page of what is needed waits for the wheel of what is asked for; say whether that came before."""
    page, wheel = Hold(), Hold()
    index.script("/simple/lib/", page)
    index.script(DEMO, wheel)
    came = []

    def watch() -> None:
        assert page.arrived.wait(30)
        came.append(wheel.arrived.wait(30 if words[0] == "demo==1.0" and len(words) == 1 else 0.3))
        page.release.set()
        wheel.release.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        ran = install(cw, *words)
    finally:
        page.arrived.set()
        watcher.join()
    return ran, came[0]


def test_exact_pin_is_downloaded_during_resolution(index: IndexServer, cw: Cw) -> None:
    ran, came = at_once(index, cw, "demo==1.0")
    assert came
    assert "Prepared 2 packages" in ran.ok().err
    assert "+ demo==1.0\n + lib==1.0" in ran.err
    for path in (DEMO, LIB, f"{DEMO}.metadata", "/simple/demo/", "/simple/lib/"):
        assert len(index.seen(path)) == 1, path


@pytest.mark.parametrize(
    "words",
    [("demo<2",), ("demo==1.0", "--dry-run"), ("demo==1.0", "--only-deps"), ("demo==1.*",)],
    ids=" ".join,
)
def test_open_choice_or_no_need_prefetches_nothing(index: IndexServer, cw: Cw, words: tuple[str, ...]) -> None:
    ran, came = at_once(index, cw, *words)
    ran.ok()
    assert not came
    assert bool(index.seen(DEMO)) == (len(words) == 1)


def test_installed_or_stored_packages_are_not_prefetched(index: IndexServer, cw: Cw) -> None:
    install(cw, "demo==1.0").ok()
    index.add(wheel_filename("more", "1.0"), wheel_bytes("more", "1.0", {"more.py": ""}, requires=["lib"]))
    ran = install(cw, "demo==1.0", "more==1.0", "--refresh")
    assert "Prepared 1 package in" in ran.ok().err
    cw("venv", "w").ok()
    again = cw("pip", "install", "-p", "w", "demo==1.0", "--refresh").ok()
    assert "Prepared" not in again.err
    assert len(index.seen(DEMO)) == 1


def test_failed_resolution_cancels_prefetches(index: IndexServer, cw: Cw) -> None:
    wheel = Hold()
    index.script(DEMO, wheel)
    index.script("/simple/lib/", Always(Status(404)))
    try:
        ran = install(cw, "demo==1.0").failed(1)
    finally:
        wheel.release.set()
    assert "lib" in ran.err
    assert DEMO not in ran.err
    assert temporary(cw.store) == []


@pytest.mark.parametrize(("step", "code"), [(Status(403), 1), (Status(500), 2), (Corrupt(), 1)], ids=str)
def test_failed_prefetch_is_reported_once_as_usual(
    index: IndexServer, cw: Cw, step: Status | Corrupt, code: int
) -> None:
    index.script(DEMO, Always(step))
    usual = install(cw, "demo<2").failed(code)
    ahead = install(cw, "demo==1.0").failed(code)
    assert [line for line in ahead.err.splitlines() if "in " not in line] == [
        line for line in usual.err.splitlines() if "in " not in line
    ]
    assert ahead.err.count("error:") == 1
    assert temporary(cw.store) == []


def test_transient_prefetch_failure_is_silent(index: IndexServer, cw: Cw) -> None:
    page = Hold()  # or the resolution may be over before anything was begun
    index.script("/simple/lib/", page)
    index.script(DEMO, Status(403))

    def watch() -> None:
        while not index.seen(DEMO):
            time.sleep(0.01)
        page.release.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    install(cw, "demo==1.0").ok()
    watcher.join(30)
    assert [seen.status for seen in index.seen(DEMO)] == [403, 200]


def test_required_hash_is_checked_on_prefetch(index: IndexServer, cw: Cw) -> None:
    cw.write("wrong.txt", f"demo==1.0 --hash sha256:{'0' * 64}\nlib==1.0 --hash sha256:{'0' * 64}\n")
    assert "hash" in install(cw, "-r", "wrong.txt").failed(1).err
    assert index.seen(DEMO) == []
