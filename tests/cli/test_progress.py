"""What bars say: bytes and a rate where something is downloaded, counts elsewhere."""

import contextlib
import io

import pytest
from rich.console import Console

from commonwheel.cli.progress import Bars


def drawn(kind: str, label: str, total: int | None, done: int) -> str:
    """Return the line of one task, as it would be on the screen."""
    with contextlib.redirect_stderr(io.StringIO()):
        bars = Bars(False)
        bars.begin(1, kind, label, total)
        bars.advance(1, done)
        screen = io.StringIO()
        Console(file=screen, width=100).print(bars._progress.get_renderable())
        bars.end(1)
        bars.hide()
    return screen.getvalue()


@pytest.mark.parametrize(
    ("kind", "total", "done", "said"),
    [
        ("prepare", 4, 1, "1/4"),
        ("install", 30000, 120, "120/30000"),
        ("verify", 12, 12, "12/12"),
        ("resolve", None, 7, "7"),
        ("download", 4096, 1024, "1.0/4.0 KiB"),
    ],
)
def test_progress_of_a_task(kind: str, total: int | None, done: int, said: str) -> None:
    line = drawn(kind, "it", total, done)
    assert said in line
    assert ("B" in line.partition("it")[2]) is (kind == "download")


def test_uncounted_progress_is_silent() -> None:
    assert "0" not in drawn("download", "repository", None, 0)
