"""Bars on a terminal, drawn by `rich` on stderr."""

from rich.console import Console as Terminal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from commonwheel.cli.console import plain

_VERBS = {
    "resolve": "Resolving",
    "download": "Downloading",
    "build": "Building",
    "prepare": "Preparing",
    "install": "Installing",
    "verify": "Checking",
}
_SHOWN = 8  # bars at a time: more would scroll


class _Amount(ProgressColumn):
    """Show the bytes of a download with their rate, and a count of anything else."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = DownloadColumn(binary_units=True)
        self._rate = TransferSpeedColumn()

    def render(self, task: Task) -> Text:
        """Return how far a task is, "" where nothing is counted."""
        if task.total is None and not task.completed:
            return Text("")
        if task.fields["kind"] == "download":
            return Text.assemble(self._bytes.render(task), " ", self._rate.render(task), style="progress.download")
        return Text(f"{task.completed:.0f}" + (f"/{task.total:.0f}" if task.total else ""), style="progress.download")


class Bars:
    """Draw one bar for each running task; bytes with a rate for downloads, counts for the rest."""

    def __init__(self, color: bool) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            _Amount(),
            console=Terminal(stderr=True, no_color=not color),
            transient=True,
        )
        self._ids: dict[int, TaskID] = {}

    def begin(self, number: int, kind: str, label: str, total: int | None) -> None:
        """Show a task, unless the screen is full."""
        if len(self._ids) < _SHOWN:
            text = plain(f"{_VERBS.get(kind, kind)} {label}".strip().replace("\n", " "))
            self._ids[number] = self._progress.add_task(text, total=total, kind=kind)
            self.show()

    def advance(self, number: int, amount: int) -> None:
        """Move a shown task on."""
        task = self._ids.get(number)
        if task is not None:
            self._progress.advance(task, amount)

    def end(self, number: int) -> None:
        """Take a task off the screen."""
        task = self._ids.pop(number, None)
        if task is not None:
            self._progress.remove_task(task)

    def hide(self) -> None:
        """Take all bars off the screen, so that a line can be written there."""
        self._progress.stop()

    def show(self) -> None:
        """Put the bars of running tasks on the screen again."""
        if self._ids and not self._progress.live.is_started:
            self._progress.start()
