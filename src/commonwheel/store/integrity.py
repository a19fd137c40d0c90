"""Is a tree still what was published? Cheaply, before it is linked: names, sizes, stamps and modes.

Nothing in a tree ever changes. So a file that has the size, the time and the mode of its publication is the file that was
hashed then (an editor that keeps all three is found by `cw cache verify`, which hashes). A file that differs in stamp or
mode alone is a doubt, for whoever can hash it; one that is missing, has another size, or was never there, is a fault.

A `Glance` answers quickly for trees that are well, which nearly all are; `examine` finds out what is wrong with the others.

Laws of this file: it reads names and inodes, never content; a file costs some 3 us, which is what Python needs to ask for one.
What the disk does not want to tell now (EIO, EACCES) is an OSError and no fault: a good entry must not be thrown away for it.
"""

import os
import stat
from _operator import itemgetter  # `operator` itself costs a millisecond

from commonwheel.fs import facts
from commonwheel.model import Value
from commonwheel.store.layout import BYTECODE, EXECUTABLE_MODE, FILE_MODE
from commonwheel.store.sealed_records import unescape

_PLAIN, _EXECUTABLE = stat.S_IFREG | FILE_MODE, stat.S_IFREG | EXECUTABLE_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Final

    from commonwheel.store.manifest import Row

    #: Mode, size and time of last change of a file.
    Facts = tuple[int, int, int]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
# to look names up in, not to be read: that costs a file server nothing
_PLACE = _DIRECTORY | getattr(os, "O_PATH", 0)
# mode, size and time of last change, as a tuple has them
_SEEN = itemgetter(0, 6, 8)
_SECOND = 1_000_000_000
_FIELDS = 5
# clocks of file systems tick every 4 ms or oftener; those that know whole seconds alone are not believed
_GRAIN = 20_000_000


class Findings(Value):
    """What is wrong with a tree: `faults` as (path, what is wrong), and `doubts`, the rows of files to be hashed."""

    __slots__ = ("doubts", "faults")

    def __init__(self, faults: "tuple[tuple[str, str], ...]" = (), doubts: "tuple[Row, ...]" = ()) -> None:
        self.faults: Final = faults
        self.doubts: Final = doubts

    def __bool__(self) -> bool:
        return bool(self.faults or self.doubts)


class QuickCheck:
    """Look at one directory of a tree after the other, whether it is as the list of files says, and holds nothing else.

    `lines` are those of the list, `listed` is when it was written (nanoseconds since the epoch, by the clock of its file system,
    as all other times here). A directory that is older than its list has had no name added to it since.
    """

    __slots__ = ("_aged", "_directories", "_files", "_has_tools", "_here", "_is_shared", "_lines", "_tree")

    def __init__(self, tree: str, lines: "Sequence[str]", listed: int) -> None:
        self._tree: Final = tree
        self._lines: Final = lines
        self._aged: Final = listed - _GRAIN if listed % _SECOND else 0
        self._is_shared: Final = facts.is_shared(tree)
        self._here: Collection[str] = ()
        self._has_tools = False
        self._files: frozenset[str] = frozenset()
        self._directories: frozenset[str] = frozenset()

    def directories(self, part: int = 0, parts: int = 1) -> "Iterator[tuple[str, list[str], list[Facts]]]":
        """Yield the directories of one of several parts of the list, parents first: their names, and what these should look like.

        The directories above those come as well, without names. ValueError for lines that are none.
        """
        lines = self._lines[len(self._lines) * part // parts : len(self._lines) * (part + 1) // parts]
        # to split all of them at once takes half as long as one after the other
        text = "\t".join(lines)
        fields = text.split("\t") if lines else []
        if len(fields) != _FIELDS * len(lines):
            raise ValueError(f"{len(fields)} fields in {len(lines)} lines")
        paths = [*map(unescape, fields[::_FIELDS])] if "\\" in text else fields[::_FIELDS]
        flags = fields[3::_FIELDS]
        modes = [_PLAIN if flag == "-" else _EXECUTABLE for flag in flags]
        found: dict[str, tuple[list[str], list[Facts]]] = {"": ([], [])}
        known, (names, expected) = "", found[""]
        looks_of_all = zip(modes, map(int, fields[1::_FIELDS]), map(int, fields[2::_FIELDS]), strict=True)
        for path, looks in zip(paths, looks_of_all, strict=True):
            directory, _, name = path.rpartition("/")
            # sorted lines of one directory come one after the other: most need no look-up
            if directory != known:
                if directory not in found:
                    _add_parents(directory, found)
                known, (names, expected) = directory, found[directory]
            names.append(name)
            expected.append(looks)
        self._here, self._has_tools = found, "x" in flags
        return ((directory, *facts) for directory, facts in found.items())

    def executable(self, names: "Iterable[str]", expected: "Iterable[Facts]") -> "frozenset[str]":
        """Return those files of a directory of the last part that are to be executable."""
        if not self._has_tools:
            return frozenset()
        return frozenset([name for name, facts in zip(names, expected, strict=True) if facts[0] == _EXECUTABLE])

    def open(self, directory: str) -> int:
        """Return the descriptor of a directory, for names in it: each lookup is one step then instead of ten. Raises OSError."""
        return os.open(f"{self._tree}/{directory}", _DIRECTORY if self._is_shared else _PLACE)

    def is_untouched(self, directory: str, fd: int, names: "Sequence[str]", expected: "Sequence[Facts]") -> bool:
        """Say whether files of an open directory look as expected, and nothing else is there than the list says. Raises OSError."""
        try:
            if self._is_shared and len(names) > 1:
                return self._is_listing_untouched(directory, fd, names, expected)
            if [_SEEN(os.stat(name, dir_fd=fd, follow_symlinks=False)) for name in names] != expected:
                return False
            if os.fstat(fd).st_mtime_ns < self._aged:
                return True
            with os.scandir(f"{self._tree}/{directory}") as entries:
                return self._are_known(directory, names, entries)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _is_listing_untouched(
        self, directory: str, fd: int, names: "Sequence[str]", expected: "Sequence[Facts]"
    ) -> bool:
        """Do the same where a server is asked: it tells what it knows of all files of a directory with their names (READDIRPLUS).

        Who lists first and asks then has his answers from what the client remembers: one question for each directory, not for each file.
        """
        with os.scandir(fd) as found:
            entries = list(found)
        seen = [_SEEN(os.stat(name, dir_fd=fd, follow_symlinks=False)) for name in names]
        return seen == expected and self._are_known(directory, names, entries)

    def _are_known(self, directory: str, names: "Iterable[str]", entries: "Iterable[os.DirEntry[str]]") -> bool:
        """Say whether what is in a directory belongs there: the names that were looked at, and those of other parts."""
        prefix = f"{directory}/" if directory else ""
        seen = frozenset(names)
        for entry in entries:
            path = prefix + entry.name
            if entry.name in seen or path in self._here:
                continue
            self._learn()
            if path not in self._files and not _is_expected(path, entry, self._directories):
                return False
        return True

    def _learn(self) -> None:
        """Learn all paths of the list: who has a part of it meets the names of others."""
        if self._files or not self._lines:
            return
        self._files = frozenset([unescape(line[: line.index("\t")]) for line in self._lines])
        directories: dict[str, tuple[list[str], list[Facts]]] = {"": ([], [])}
        for path in self._files:
            _add_parents(path.rpartition("/")[0], directories)
        self._directories = frozenset(directories)


def _add_parents(directory: str, found: "dict[str, tuple[list[str], list[Facts]]]") -> None:
    """Add a directory and those above it, parents first."""
    if directory not in found:
        _add_parents(directory.rpartition("/")[0], found)
        found[directory] = ([], [])


def examine(tree: str, rows: "Iterable[Row]") -> Findings:
    """Compare a tree with its list of files."""
    directories: dict[str, dict[str, Row]] = {"": {}}
    for row in rows:
        directory, _, name = row[0].rpartition("/")
        there = directories.get(directory)
        if there is None:
            _add(directories, directory)
            there = directories[directory]
        there[name] = row
    faults: list[tuple[str, str]] = []
    doubts: list[Row] = []
    for directory, names in directories.items():
        _examine_directory(tree, directory, names, directories, faults, doubts)
    faults.sort()
    return Findings(tuple(faults), tuple(doubts))


def is_as_published(path: str, row: "Row") -> bool:
    """Say whether one file has the size, time and mode of its publication."""
    faults: list[tuple[str, str]] = []
    doubts: list[Row] = []
    try:
        _compare(row, os.lstat(path), faults, doubts)
    except OSError:
        return False
    return not (faults or doubts)


def _add(directories: "dict[str, dict[str, Row]]", directory: str) -> None:
    while directory not in directories:
        directories[directory] = {}
        directory = directory.rpartition("/")[0]


def _examine_directory(
    tree: str,
    directory: str,
    names: "dict[str, Row]",
    directories: "dict[str, dict[str, Row]]",
    faults: list[tuple[str, str]],
    doubts: "list[Row]",
) -> None:
    prefix = f"{directory}/" if directory else ""
    seen = 0
    try:
        # relative to an open directory, each lookup is one step instead of ten
        fd = os.open(f"{tree}/{directory}", _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        faults.append((directory or ".", "is missing"))
        return
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                row = names.get(entry.name)
                if row is not None:
                    seen += 1
                    found = entry.stat(follow_symlinks=False)
                    # size, time and mode as a tuple has them, all at once: 30,000 files pass here, nearly all of them right
                    if found[6] != row[1] or found[8] != row[4] or found[0] != (_EXECUTABLE if row[3] else _PLAIN):
                        _compare(row, found, faults, doubts)
                elif not _is_expected(prefix + entry.name, entry, directories):
                    faults.append((prefix + entry.name, "is not part of the wheel"))
    finally:
        os.close(fd)
    if seen != len(names):
        faults += [(row[0], "is missing") for name, row in names.items() if not os.path.lexists(f"{tree}/{row[0]}")]


def _compare(row: "Row", found: os.stat_result, faults: list[tuple[str, str]], doubts: "list[Row]") -> None:
    path, size, _, executable, mtime = row
    if found.st_size != size or not stat.S_ISREG(found.st_mode):
        is_file = stat.S_ISREG(found.st_mode)
        faults.append((path, f"has {found.st_size} bytes instead of {size}" if is_file else "is not a file"))
    elif int(found.st_mtime) != mtime or found.st_mode & 0o777 != (EXECUTABLE_MODE if executable else FILE_MODE):
        doubts.append(row)


def _is_expected(path: str, entry: "os.DirEntry[str]", directories: "Collection[str]") -> bool:
    """Say whether what is not in the list belongs here: a directory of listed files, or bytecode that root's Python left."""
    if not entry.is_dir(follow_symlinks=False):
        return entry.name.startswith(".nfs")
    return path in directories or entry.name == BYTECODE
