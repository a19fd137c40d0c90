"""A finder of configuration files that opens every file: the shipped fake of `settings.Finder`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Finder:
    """Open every file; remember what was warned of, and who was trusted when a project's file was opened."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.trusted: tuple[str, ...] = ()

    def project(self, path: str, trusted: Sequence[str], matters: Callable[[bytes], bool]) -> bytes | None:
        """Return the content of a file, None if there is none."""
        self.trusted = tuple(trusted)
        return self.own(path)

    def own(self, path: str) -> bytes | None:
        """Return the content of a file, None if there is none."""
        return Path(path).read_bytes() if Path(path).is_file() else None

    def warn(self, message: str) -> None:
        """Remember a warning."""
        self.warnings.append(message)
