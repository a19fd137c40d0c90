"""The figures of one case as the page tells them: rows, stamps, and how numbers are written."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cases import Case

Record = dict

#: Kinds of requests, as the log of nginx tells them apart.
REQUESTS = ("pages", "metadata", "files")


@dataclass(frozen=True)
class Row:
    """A case that was measured."""

    case: Case
    record: Record

    @cached_property
    def ours(self) -> Record:
        return self.record["sides"]["cw"]

    @cached_property
    def theirs(self) -> Record:
        return self.record["sides"][self.case.against]

    @property
    def ratio(self) -> float:
        return self.record["ratio"]

    @property
    def is_missed(self) -> bool:
        return self.case.target is not None and self.ratio > self.case.target

    @property
    def verdict(self) -> str:
        """Return whether the target is reached, and by how much it is not."""
        if self.case.target is None:
            return ""
        return f"**{times(self.ratio / self.case.target)} the target**" if self.is_missed else "reached"


@dataclass(frozen=True)
class Stamp:
    """When, of what and on what a record was taken."""

    date: str
    commit: str
    tools: str
    machine: str
    python: str

    @property
    def when(self) -> str:
        changed = ", with changes not committed" if self.commit.endswith("+") else ""
        return self.date + (f" of commit {self.commit.rstrip('+')}{changed}" if self.commit else "")


def stamp_of(record: Record) -> Stamp:
    """Return the stamp of a record; those of before stamps were kept have an empty one."""
    tools = ", ".join(record.get("tools", {}).values()) or "tools not told"
    machine = record.get("machine", "a machine not told")
    return Stamp(record.get("date", ""), record.get("commit", ""), tools, machine, record.get("python", "not told"))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table, or nothing if it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]) + "\n" if lines else ""


def duration(seconds: float | None) -> str:
    """Return a time in three digits or so; nothing if it is not known."""
    if seconds is None:
        return ""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms"


def proportion(ratio: float) -> str:
    """Return a ratio; small ones, which are good ones, more exactly."""
    return f"{ratio:.{2 if ratio >= 0.1 else 3}f}"


def times(factor: float) -> str:
    """Return a factor that is above one."""
    return f"{factor:.{2 if factor < 1.1 else 1}f} times"


def microseconds(number: float | None) -> str:
    """Return the cost of a system call."""
    if number is None:
        return "-"
    return f"{number:,.{0 if number >= 10 else 1}f}"


def cost(side: Record, modes: tuple[str, ...]) -> str:
    """Return the median of a side with its extremes, and the mode where the fastest was chosen."""
    if side.get("stopped"):
        return f"more than {duration(side['wall'])}"
    low, high = min(side["walls"]), max(side["walls"])
    spread = f" ({duration(low)} - {duration(high)})" if len(side["walls"]) > 1 else ""
    return duration(side["wall"]) + spread + (f", {side['label']}" if len(modes) > 1 else "")


def requests(side: Record) -> str:
    """Return what a side asked the index for."""
    return ", ".join(f"{side['requests'][kind]} {kind}" for kind in REQUESTS)


def sent(side: Record) -> str:
    """Return how much the index sent a side."""
    return f"{side['requests']['bytes'] / 1e6:.1f} MB"
