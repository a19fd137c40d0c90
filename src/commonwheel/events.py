"""What long work tells whoever watches it.

Laws of this file: a room reports what happens and never how it looks; `cli.progress` and `cli.console` draw.
Any thread may call a reporter.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Protocol

    class Reporter(Protocol):
        """Receive what happens: notes, and tasks that begin, advance and end."""

        def note(self, level: str, message: str) -> None:
            """Take one remark; `level` is `debug`, `info` or `warning`."""

        def begin(self, kind: str, label: str, total: int | None = None) -> int:
            """Open a task and return its number.

            `kind` is `resolve`, `download`, `build`, `prepare`, `install` or `verify`; `label` says of what;
            `total` counts bytes for downloads, items for the rest; None when it is not known.
            """

        def advance(self, task: int, amount: int = 1) -> None:
            """Move a task on by `amount` of what its total counts."""

        def end(self, task: int) -> None:
            """Close a task."""


class Silence:
    """Ignore everything: the reporter of libraries and tests."""

    __slots__ = ()

    def note(self, level: str, message: str) -> None:
        """Ignore a remark."""

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        """Ignore a task and return 0."""
        return 0

    def advance(self, task: int, amount: int = 1) -> None:
        """Ignore an advance."""

    def end(self, task: int) -> None:
        """Ignore an end."""


class CountingReporter:
    """Pass everything on to another reporter, and count the warnings."""

    __slots__ = ("_reporter", "advance", "begin", "end", "warnings")

    def __init__(self, reporter: "Reporter") -> None:
        self._reporter: Final = reporter
        self.warnings = 0
        self.begin: Final = reporter.begin
        self.advance: Final = reporter.advance
        self.end: Final = reporter.end

    def note(self, level: str, message: str) -> None:
        """Pass a remark on."""
        self.warnings += level == "warning"
        self._reporter.note(level, message)
