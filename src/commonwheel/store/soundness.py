"""Is a tree still what was published? Cheaply, before it is linked: names, sizes, stamps and modes.

Nothing in a tree ever changes. So a file that has the size, the time and the mode of its publication is the file that was
hashed then (an editor that keeps all three is found by `cw cache verify`, which hashes). A file that differs in stamp or
mode alone is a doubt, for whoever can hash it; one that is missing, has another size, or was never there, is a fault.

`is_untouched` answers quickly for trees that are well, which nearly all are; `examine` finds out what is wrong with the others.

Laws of this file: it reads names and inodes, never content; a file costs some 3 us, which is what Python needs to ask for one.
What the disk does not want to tell now (EIO, EACCES) is an OSError and no fault: a good entry must not be thrown away for it.
"""

import os
import stat
from _operator import itemgetter  # `operator` itself costs a millisecond

from commonwheel.fs import facts
from commonwheel.model import Value
from commonwheel.store.layout import BYTECODE, EXECUTABLE_MODE, FILE_MODE

_PLAIN, _EXECUTABLE = stat.S_IFREG | FILE_MODE, stat.S_IFREG | EXECUTABLE_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Final

    from commonwheel.store.filelist import Row

    #: Mode, size and time of last change of a file.
    Facts = tuple[int, int, int]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
# to look names up in, not to be read: that costs a file server nothing
_PLACE = _DIRECTORY | getattr(os, "O_PATH", 0)
# mode, size and time of last change, as a tuple has them
_SEEN = itemgetter(0, 6, 8)
_SECOND = 1_000_000_000
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


def is_untouched(tree: str, lines: "Iterable[str]", listed: int, part: int = 0, parts: int = 1) -> bool:
    """Say whether a tree is as its list of files says, and holds nothing else; False for whatever needs a closer look.

    Of several `parts` (from 0) this looks at the directories of one.

    `lines` are those of the list, `listed` is when it was written (nanoseconds since the epoch, by the clock of its file system,
    as all other times here). A directory that is older than its list has had no name added to it since.
    """
    directories: dict[str, list[tuple[str, Facts]]] = {"": []}
    for line in lines:
        path, size, mtime, flag, _ = line.split("\t")
        directory, _, name = path.rpartition("/")
        expected = (_PLAIN if flag == "-" else _EXECUTABLE, int(size), int(mtime))
        there = directories.get(directory)
        if there is None:
            there = directories[directory] = []
            while directory:
                directory = directory.rpartition("/")[0]
                directories.setdefault(directory, [])
        there.append((name, expected))
    aged = listed - _GRAIN if listed % _SECOND else 0
    look = _is_listing_untouched if facts.is_shared(tree) else _is_directory_untouched
    try:
        return all(
            look(tree, directory, names, directories, aged) for directory, names in [*directories.items()][part::parts]
        )
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_directory_untouched(
    tree: str,
    directory: str,
    names: "Sequence[tuple[str, Facts]]",
    directories: "Collection[str]",
    aged: int,
) -> bool:
    # relative to an open directory, each lookup is one step instead of ten
    fd = os.open(f"{tree}/{directory}", _PLACE)
    try:
        for name, expected in names:
            if _SEEN(os.stat(name, dir_fd=fd, follow_symlinks=False)) != expected:
                return False
        if os.fstat(fd).st_mtime_ns < aged:
            return True
    finally:
        os.close(fd)
    prefix = f"{directory}/" if directory else ""
    known = {name for name, _ in names}
    with os.scandir(f"{tree}/{directory}") as entries:
        return all(entry.name in known or _is_expected(prefix + entry.name, entry, directories) for entry in entries)


def _is_listing_untouched(
    tree: str,
    directory: str,
    names: "Sequence[tuple[str, Facts]]",
    directories: "Collection[str]",
    _aged: int,
) -> bool:
    """Do the same where a server is asked: it tells what it knows of all files of a directory with their names (READDIRPLUS).

    Who lists first and asks then has his answers from what the client remembers: one question for each directory, not for each file.
    """
    prefix = f"{directory}/" if directory else ""
    known = {name for name, _ in names}
    fd = os.open(f"{tree}/{directory}", _DIRECTORY)
    try:
        with os.scandir(fd) as found:
            entries = list(found)
        return all(
            _SEEN(os.stat(name, dir_fd=fd, follow_symlinks=False)) == expected for name, expected in names
        ) and all(entry.name in known or _is_expected(prefix + entry.name, entry, directories) for entry in entries)
    finally:
        os.close(fd)


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
