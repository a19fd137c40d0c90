"""TODO: commonwheel.fs.journal_record."""

from commonwheel.fs import disk, files, journal_record, modes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Final, Self

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview


class Journal:
    """Write down what is about to happen, before it happens, for whoever finds the ruins.

    Lines are only appended (`journal.py` has the format). A line is with the system when the call returns: it survives
    this process. After `sync` it survives a power cut too. A torn tail takes nothing with it that stood before.
    """

    __slots__ = ("_chain", "_count", "_file", "path")

    def __init__(self, file: files.NewFile) -> None:
        self.path: Final = file.path
        self._file = file
        self._count = 0
        self._chain = journal_record.start()

    @classmethod
    def create(cls, path: str, mode: int = 0o600) -> "Journal":
        """Open a new journal; DiskError (EEXIST) if there is one: somebody has to recover from that first."""
        made = cls(files.create_new(path, mode))
        made._file.write(journal_record.HEAD)
        return made

    def intend(self, *words: str) -> int:
        """Write down one intent; return its number."""
        return self.intend_all((words,))

    def intend_all(self, intents: "Iterable[tuple[str, ...]]") -> int:
        """Write down many intents in one go; return the number of the first, the others follow."""
        first = self._count
        lines = []
        for words in intents:
            text, self._chain = journal_record.line(self._chain, journal_record.INTEND, self._count, words)
            lines.append(text)
            self._count += 1
        self._file.write(b"".join(lines))
        return first

    def done(self, number: int) -> None:
        """Write down that an intent was carried out."""
        text, self._chain = journal_record.line(self._chain, journal_record.DONE, number)
        self._file.write(text)

    def sync(self) -> None:
        """Return when all that was written down, and the name of the journal, is on its medium."""
        self._file.sync()
        modes.sync_directory(disk.parent(self.path))

    def close(self) -> None:
        """Close the file; it stays, until somebody removes it."""
        self._file.keep()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()
