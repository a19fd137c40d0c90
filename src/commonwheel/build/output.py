"""What a build says: kept on disk as it comes, so that it can be read while the build runs, and after it has failed.

Laws of this file: it writes one file in the scratch space of the build, and moves it to where it outlives that only when the
build has failed. Of old logs the newest stay.
"""

import os
import time

from commonwheel.fs import disk, files, trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_TAIL = 25  # lines shown with a failure
_SEARCHED = 400  # lines that are searched for what everybody meets
_MOST = 1 << 17  # bytes of a log that are looked at
_KEPT = 20  # logs of failed builds
_PREFIX = "failed-"


class Output:
    """Take what one build says; `path` is where that is written, by us or by the build itself, "" until there is a place.

    `scratch` is the directory to write in, `archive` the one that keeps the logs of failed builds.
    """

    def __init__(self, scratch: str, archive: str, label: str) -> None:
        self._scratch = scratch
        self._archive = archive
        self._name = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in label)[-60:]
        self._file: files.NewFile | None = None
        self._start = 0
        self._lines: list[str] = []
        self.path = ""

    def begin(self, what: str) -> None:
        """Begin a part: what follows is said by this call of the backend."""
        self._lines.clear()
        self._write(f"# {what}\n".encode())
        if self._file is not None:
            self._start = os.lseek(self._file.fileno(), 0, os.SEEK_END)

    def add(self, line: bytes) -> None:
        """Take one line, newline included, of a build that does not write by itself."""
        self._write(line)
        self._lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
        if len(self._lines) > 2 * _SEARCHED:
            del self._lines[:_SEARCHED]

    @property
    def is_open(self) -> bool:
        """Return whether the file is held open."""
        return self._file is not None

    @property
    def lines(self) -> "Sequence[str]":
        """Return the last lines of the part that is running."""
        return self._said()[-_SEARCHED:]

    def tail(self) -> "list[str]":
        """Return the last lines that are not blank: what is shown with a failure."""
        return [line for line in self._said() if line.strip()][-_TAIL:]

    def _said(self) -> "list[str]":
        if not self.path:
            return self._lines
        try:
            with open(self.path, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                cut = size - self._start > _MOST
                stream.seek(size - _MOST if cut else self._start)
                lines = stream.read(_MOST).decode("utf-8", "replace").splitlines()
        except OSError:
            return self._lines
        return lines[1:] if cut else lines

    def keep(self) -> str:
        """Move the log to where it outlives the build, and return its path; where it is, if that cannot be."""
        if self._file is None:
            return ""
        name = f"{_PREFIX}{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{self._name}.log"
        final = os.path.join(self._archive, name)
        try:
            trees.rename(self.path, final)
        except disk.DiskError:
            return self.path
        self.path = final
        _prune(self._archive)
        return final

    def close(self) -> None:
        """Close the file, which goes with the scratch space it lies in unless it was kept; what follows goes to another."""
        if self._file is not None:
            try:
                self._file.keep()
            except disk.DiskError:
                pass  # a log is no reason to fail
            self._file = None

    def _write(self, data: bytes) -> None:
        try:
            if self._file is None:
                self._file = files.create_new(disk.temporary(self._scratch, "log-"), 0o600)
                self.path = self._file.path
            os.lseek(self._file.fileno(), 0, os.SEEK_END)  # the build itself may have written
            self._file.write(data)
        except disk.DiskError:
            pass  # a full disk: the build will say so itself, and the last lines are in memory


def _prune(archive: str) -> None:
    """Remove the oldest logs; their names begin with the time."""
    names = sorted(name for name in os.listdir(archive) if name.startswith(_PREFIX))
    for name in names[:-_KEPT]:
        try:
            trees.remove(os.path.join(archive, name))
        except disk.DiskError:
            return
