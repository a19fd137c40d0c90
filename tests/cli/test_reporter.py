"""What is shown while long work goes on: lines everywhere, bars on a terminal after a while, each warning once."""

import contextlib
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commonwheel.cli import console as consoles
from commonwheel.cli import load
from commonwheel.cli.reporter import Watcher
from commonwheel.settings.settings import Settings
from kit.cli import Cw
from kit.index_server import Crawl, IndexServer
from kit.wheels import wheel_bytes, wheel_filename


class Off(Settings):
    """Settings that switch nothing on."""

    def __init__(self) -> None:
        super().__init__({}, {}, "/", lambda _text, _path: {})

    def flag(self, key: str) -> bool:
        return False


class Screen(io.StringIO):
    """A terminal that remembers, or something that is none."""

    def __init__(self, tty: bool = True) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


def watcher(load_bars: Callable[[str], Any] = load, **options: Any) -> Watcher:
    return Watcher(consoles.Console(**options), Off(), load_bars)


def test_remarks_by_level() -> None:
    with contextlib.redirect_stderr(Screen(tty=False)) as screen, watcher(verbose=1) as one:
        one.note("info", "done")
        one.note("warning", "odd")
        one.note("debug", "deep")
    assert screen.getvalue() == "done\nwarning: odd\ndebug: deep\n"
    with contextlib.redirect_stderr(Screen()) as screen, watcher(quiet=1) as one:
        for level in ("info", "warning", "debug"):
            one.note(level, "nothing of it")
    assert screen.getvalue() == ""


def test_repeated_warning_is_shown_once() -> None:
    with contextlib.redirect_stderr(Screen()) as screen, watcher() as one:
        one.note("warning", "odd")
        one.note("warning", "odd")
        one.note("warning", "other")
    assert screen.getvalue().count("odd") == 1
    assert "other" in screen.getvalue()


class Bars:
    made = 0
    last: "Bars"

    def __init__(self, color: bool) -> None:
        Bars.made += 1
        self.log: list[tuple[object, ...]] = []
        Bars.last = self

    def begin(self, number: int, kind: str, label: str, total: int | None) -> None:
        self.log.append(("begin", kind, label, total))

    def advance(self, number: int, amount: int) -> None:
        self.log.append(("advance", amount))

    def end(self, number: int) -> None:
        self.log.append(("end",))

    def hide(self) -> None:
        self.log.append(("hide",))

    def show(self) -> None:
        self.log.append(("show",))


def run_task(one: Watcher) -> None:
    task = one.begin("download", "lib.whl", 100)
    one.advance(task, 40)
    one.end(task)


@pytest.mark.parametrize("tty", [True, False])
def test_bars_appear_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, tty: bool) -> None:
    Bars.made = 0
    with contextlib.redirect_stderr(Screen(tty)), watcher(lambda name: Bars) as one:
        run_task(one)  # quick work shows nothing
        assert Bars.made == 0
        monkeypatch.setattr("commonwheel.cli.reporter._PATIENCE", -1.0)
        run_task(one)
        one.note("info", "a line")
    assert Bars.made == tty
    if tty:
        begun = ("begin", "download", "lib.whl", 100)
        assert Bars.last.log == [begun, ("advance", 40), ("end",), ("hide",), ("show",), ("hide",)]


def test_no_progress_option_hides_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonwheel.cli.reporter._PATIENCE", -1.0)
    Bars.made = 0
    with contextlib.redirect_stderr(Screen()), watcher(lambda name: Bars, quiet=1) as one:
        run_task(one)
    assert Bars.made == 0


def test_slow_download_bar_is_drawn_and_cleared(tmp_path: Path) -> None:
    """In a process of its own, on a pseudo terminal: the bar is there while it takes, and not in what remains."""
    with IndexServer() as index:
        data = wheel_bytes("slow", "1.0", {"slow.py": os.urandom(3000).hex()})
        index.add(wheel_filename("slow", "1.0"), data)
        index.script("/files/slow/slow-1.0-py3-none-any.whl", Crawl(piece=400, pause=0.08))
        cw = Cw(tmp_path)
        cw("venv", "v").ok()
        leader, follower = pty.openpty()
        code = "from commonwheel.cli import main; raise SystemExit(main())"
        environ = {**cw.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "100"}
        argv = [sys.executable, "-c", code, "pip", "install", "-p", "v", "--index-url", index.url, "slow"]
        child = subprocess.Popen(argv, cwd=cw.cwd, env=environ, stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        shown = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(leader)
        assert child.wait() == 0
    text = shown.decode()
    assert "Downloading slow-1.0" in text
    assert "+" in text.rpartition("Installed")[2]
    assert "Downloading" not in text.rpartition("Installed")[2]
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is shown again
