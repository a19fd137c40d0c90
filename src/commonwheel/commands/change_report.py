"""What a command did to an environment, or would do: the value that `cli.changes` shows."""

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Change(Value):
    """One line: `action` is `added`, `removed` or `reinstalled`; `place` is a URL or path for direct sources, or ""."""

    __slots__ = ("action", "name", "place", "version")

    def __init__(self, name: str, version: str, action: str, place: str = "") -> None:
        self.name: Final = name
        self.version: Final = version
        self.action: Final = action
        self.place: Final = place


class Changes(Value):
    """All lines in order, whether they were only planned, how files were placed, the exit status, and a report for stdout."""

    __slots__ = ("dry_run", "link_mode", "report", "rows", "status")

    def __init__(
        self,
        rows: "tuple[Change, ...]" = (),
        *,
        dry_run: bool = False,
        link_mode: str = "",
        status: int = 0,
        report: str = "",
    ) -> None:
        self.rows: Final = rows
        self.dry_run: Final = dry_run
        self.link_mode: Final = link_mode
        self.status: Final = status
        self.report: Final = report
