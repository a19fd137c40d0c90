"""Show long work while it goes on: remarks as lines, and bars once somebody has waited for a while on a terminal.

`rich` draws the bars; it is loaded when the first task has lasted a third of a second, never before.
"""

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    from commonwheel.cli.console import Console
    from commonwheel.settings.settings import Settings

_PATIENCE = 0.3  # seconds before anything is drawn


class Watcher:
    """Be the reporter of a session: lines on stderr, bars on a terminal.

    Safe to call from any thread: the bars lock themselves, everything else here is one dictionary operation. A warning that
    two parts of a command give is shown once.
    """

    def __init__(self, console: "Console", settings: "Settings", load: "Callable[[str], Any]") -> None:
        self._console = console
        self._load = load
        self._bars: Any = None
        self._wanted = sys.stderr.isatty() and not settings.flag("no-progress") and not console.quiet
        self._tasks: dict[int, tuple[str, str, int | None]] = {}
        self._started = time.monotonic()
        self._count = 0
        self._warned: set[str] = set()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        if self._bars is not None:
            self._bars.hide()
            self._bars = None
        self._wanted = False

    def note(self, level: str, message: str) -> None:
        """Show a remark in the way its level asks for; the bars step aside for it."""
        bars = self._bars
        if bars is None:
            self._say(level, message)
            return
        bars.hide()
        self._say(level, message)
        bars.show()

    def _say(self, level: str, message: str) -> None:
        if level == "warning":
            if message not in self._warned:
                self._warned.add(message)
                self._console.warning(message)
        elif level == "debug":
            self._console.detail(message)
        else:
            self._console.say(self._console.style(message, "dim"))

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        """Open a task."""
        self._count = number = self._count + 1
        if self._wanted:
            self._tasks[number] = (kind, label, total)
            if self._bars is not None:
                self._bars.begin(number, kind, label, total)
        return number

    def advance(self, task: int, amount: int = 1) -> None:
        """Move a task on; draw once the user has waited long enough."""
        if not self._wanted:
            return
        if self._bars is None:
            if time.monotonic() - self._started < _PATIENCE:
                return
            self._bars = self._load("progress:Bars")(self._console.color)
            for number, (kind, label, total) in list(self._tasks.items()):
                self._bars.begin(number, kind, label, total)
        self._bars.advance(task, amount)

    def end(self, task: int) -> None:
        """Close a task."""
        self._tasks.pop(task, None)
        if self._bars is not None:
            self._bars.end(task)
