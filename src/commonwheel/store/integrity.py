"""Is a tree still what was published? Cheaply, before it is linked: names, sizes, stamps, modes and owners.

Nothing in a tree ever changes. So a file that has the size, the time, the mode and the owner of its publication is the file that was
hashed then (an editor that keeps them all is found by `cw cache verify`, which hashes). A file that differs in its stamp alone is a doubt, for
a caller that can hash it. One that has another mode is amiss, since an environment would get that mode with it, and so is a directory
that others may change, or bytecode that is not listed: the content may still be good, and the tree can be made again of it. A
file that is missing, has another size, belongs to a stranger, or was never there, is a fault.

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
from commonwheel.store.sealed_records import joined, seal, unescape

_PLAIN, _EXECUTABLE = stat.S_IFREG | FILE_MODE, stat.S_IFREG | EXECUTABLE_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Final

    from commonwheel.store.manifest import Row

    #: Mode, owner, size and time of last change of a file.
    Facts = tuple[int, int, int, int]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
# to look names up in, not to be read: that costs a file server nothing
_PLACE = _DIRECTORY | getattr(os, "O_PATH", 0)
# mode, owner, size and time of last change, as a tuple has them
_SEEN = itemgetter(0, 4, 6, 8)
_WRITABLE_BY_OTHERS = 0o022
_SECOND = 1_000_000_000
_NEVER = 1 << 63
_FIELDS = 5
# clocks of file systems tick every 4 ms or oftener; those that know whole seconds alone are not believed
_GRAIN = 20_000_000


class Findings(Value):
    """What is wrong with a tree.

    `faults` are (path, what is wrong), `doubts` the rows of files to be hashed, `amiss` like faults what is wrong with a tree whose content
    may be good. `harmless` says that all that is amiss is that owners gave themselves the right to write.
    """

    __slots__ = ("amiss", "doubts", "faults", "harmless")

    def __init__(
        self,
        faults: "tuple[tuple[str, str], ...]" = (),
        doubts: "tuple[Row, ...]" = (),
        amiss: "tuple[tuple[str, str], ...]" = (),
        *,
        harmless: bool = True,
    ) -> None:
        self.faults: Final = faults
        self.doubts: Final = doubts
        self.amiss: Final = amiss
        self.harmless: Final = harmless

    def __bool__(self) -> bool:
        return bool(self.faults or self.doubts or self.amiss)


class QuickCheck:
    """Look at one directory of a tree after the other, whether it is as the list of files says, and holds nothing else.

    `lines` are those of the list, `listed` is when it was written (nanoseconds since the epoch, by the clock of its file system,
    as all other times here). A directory that is older than its list has had no name added to it since. All of it belongs to `owner`.
    What was `made_here`, and not copied with its times, is asked for the time that no program can set (ctime) as well.
    """

    __slots__ = (
        "_aged", "_directories", "_files", "_has_tools", "_here", "_is_shared", "_last_change", "_lines", "_owner", "_tree",
    )  # fmt: skip

    def __init__(self, tree: str, lines: "Sequence[str]", listed: int, owner: int, *, made_here: bool = False) -> None:
        self._owner: Final = owner
        self._last_change: Final = listed if made_here else _NEVER
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
        owners = [self._owner] * len(lines)
        looks_of_all = zip(modes, owners, map(int, fields[1::_FIELDS]), map(int, fields[2::_FIELDS]), strict=True)
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
        """Return whether files of an open directory look as expected, and nothing else is there than the list says. Raises OSError."""
        try:
            here = os.fstat(fd)
            if here.st_uid != self._owner or here.st_mode & _WRITABLE_BY_OTHERS:
                return False
            if self._is_shared and len(names) > 1:
                return self._is_listing_untouched(directory, fd, names, expected)
            if [_SEEN(os.stat(name, dir_fd=fd, follow_symlinks=False)) for name in names] != expected:
                return False
            if here.st_mtime_ns < self._aged and here.st_ctime_ns <= self._last_change:
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
        """Return whether what is in a directory belongs there: the names that were looked at, and those of other parts."""
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


def examine(
    tree: str, rows: "Iterable[Row]", owns: "Callable[[int], bool] | None" = None, *, keeps_modes: bool = False
) -> Findings:
    """Compare a tree with its list of files.

    `owns` says whose files count (all, without it). Where the file system `keeps_modes`, another mode is no doubt but amiss; where others may
    write, it always is.
    """
    directories: dict[str, dict[str, Row]] = {"": {}}
    for row in rows:
        directory, _, name = row[0].rpartition("/")
        there = directories.get(directory)
        if there is None:
            _add(directories, directory)
            there = directories[directory]
        there[name] = row
    examination = _Examination(tree, directories, owns, keeps_modes=keeps_modes)
    for directory, names in directories.items():
        examination.look_at(directory, names)
    return examination.findings()


def keeps_modes(listing: str) -> bool:
    """Return whether files of an entry have the modes that they were given, from its list, which no environment shares; raise OSError."""
    return stat.S_IMODE(os.lstat(listing).st_mode) == FILE_MODE


def looks(tree: str, rows: "Iterable[Row]") -> bytes:
    """Return how files look that are in doubt: as long as this is the same, they were not changed. Raises OSError."""
    lines = []
    for row in rows:
        found = os.lstat(f"{tree}/{row[0]}")
        # a hard link changes the time of the inode's last change, so that is no part of it
        seen = (found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_size, found.st_mtime_ns)
        lines.append(joined(row[0], *(f"{one:x}" for one in seen)))
    return seal("looks", lines)


def is_as_published(path: str, row: "Row") -> bool:
    """Return whether one file has the size, time and mode of its publication."""
    examination = _Examination("", {}, None)
    try:
        examination.compare(row, os.lstat(path))
    except OSError:
        return False
    return not examination.findings()


def _add(directories: "dict[str, dict[str, Row]]", directory: str) -> None:
    while directory not in directories:
        directories[directory] = {}
        directory = directory.rpartition("/")[0]


class _Examination:
    """Look at every directory of a tree, and collect what is wrong."""

    __slots__ = ("_amiss", "_directories", "_doubts", "_faults", "_harmless", "_keeps_modes", "_owns", "_tree")

    def __init__(
        self,
        tree: str,
        directories: "dict[str, dict[str, Row]]",
        owns: "Callable[[int], bool] | None",
        *,
        keeps_modes: bool = False,
    ) -> None:
        self._tree: Final = tree
        self._directories: Final = directories
        self._owns: Final = owns
        self._keeps_modes: Final = keeps_modes
        self._faults: Final[list[tuple[str, str]]] = []
        self._doubts: Final[list[Row]] = []
        self._amiss: Final[list[tuple[str, str]]] = []
        self._harmless = True

    def findings(self) -> Findings:
        """Return what was found, by path."""
        amiss, faults = sorted(self._amiss), sorted(self._faults)
        return Findings(tuple(faults), tuple(self._doubts), tuple(amiss), harmless=self._harmless)

    def look_at(self, directory: str, names: "dict[str, Row]") -> None:
        """Look at one directory, and at the files that are to be in it."""
        prefix = f"{directory}/" if directory else ""
        seen = 0
        try:
            # relative to an open directory, each lookup is one step instead of ten
            fd = os.open(f"{self._tree}/{directory}", _DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            self._faults.append((directory or ".", "is missing"))
            return
        try:
            here = os.fstat(fd)
            self._ask(directory or ".", here)
            if here.st_mode & _WRITABLE_BY_OTHERS:
                self._spoil(directory or ".", f"has mode {stat.S_IMODE(here.st_mode):04o}: others may change it")
            with os.scandir(fd) as entries:
                for entry in entries:
                    row = names.get(entry.name)
                    if row is not None:
                        seen += 1
                        self.compare(row, entry.stat(follow_symlinks=False))
                    elif not _is_expected(prefix + entry.name, entry, self._directories):
                        extra = (prefix + entry.name, "is not part of the wheel")
                        if entry.name == BYTECODE:
                            self._spoil(*extra)
                        else:
                            self._faults.append(extra)
        finally:
            os.close(fd)
        if seen != len(names):
            missing = [row[0] for row in names.values() if not os.path.lexists(f"{self._tree}/{row[0]}")]
            self._faults.extend((path, "is missing") for path in missing)

    def compare(self, row: "Row", found: os.stat_result) -> None:
        """Compare a file with its row."""
        path, size, _, executable, mtime = row
        mode = _EXECUTABLE if executable else _PLAIN
        self._ask(path, found)
        if found.st_size != size or not stat.S_ISREG(found.st_mode):
            is_file = stat.S_ISREG(found.st_mode)
            self._faults.append((path, f"has {found.st_size} bytes instead of {size}" if is_file else "is not a file"))
            return
        # time and mode as a tuple has them: 30,000 files pass here, nearly all of them right
        if found[8] == mtime and found[0] == mode:
            return
        self._doubts.append(row)
        if found[0] != mode and (self._keeps_modes or found[0] & _WRITABLE_BY_OTHERS):
            said = f"has mode {stat.S_IMODE(found[0]):04o} instead of {stat.S_IMODE(mode):04o}"
            self._spoil(path, said, harmless=found[0] & ~stat.S_IWUSR == mode)

    def _ask(self, path: str, found: os.stat_result) -> None:
        if self._owns is not None and not self._owns(found.st_uid):
            self._faults.append((path, f"belongs to {facts.user_name(found.st_uid)}"))

    def _spoil(self, path: str, what: str, *, harmless: bool = False) -> None:
        self._amiss.append((path, what))
        self._harmless = self._harmless and harmless


def _is_expected(path: str, entry: "os.DirEntry[str]", directories: "Collection[str]") -> bool:
    """Return whether what is not in the list belongs here: a directory of listed files, or what a file server keeps for open files."""
    if not entry.is_dir(follow_symlinks=False):
        return entry.name.startswith(".nfs")
    return path in directories
