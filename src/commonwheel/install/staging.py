"""Build what is to appear in an environment, complete, where nobody looks.

Laws of this file: everything is made below the private directory that it is given, on the file system of the
environment; nothing there is read by anybody before the transaction renames it into place. It may be killed at any step.

The cost of a large environment is `mkdir` and `link`. Whole trees are cut into pieces that need nothing of each other, and copies
of this process make their share of them. What a copy has made when it is killed is erased with the rest.
"""

import os

from commonwheel import copies
from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, facts
from commonwheel.install.spread import File, Folder, Link, Text, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.install.distinfo import Row
    from commonwheel.install.linking import LinkChoice
    from commonwheel.install.spread import Node, Shelf

    Named = tuple[str, int]
    Part = list[tuple[str, Sequence[Named]]]

# fewer files than this are placed before copies of this process were made; where each waits for a file server, fewer still
_WORTH_A_COPY, _WORTH_WAITING = 3_000, 300
_CHUNK = 128
# a text that many packages have (who installed it, that it was asked for) is one file with many names from this size down
_SMALL = 64
_FAILED = b"!"


class StagingLost(CommonwheelError):
    """Say that somebody killed a process that placed files; nothing of it has appeared."""

    code = "staging-lost"

    def __init__(self) -> None:
        super().__init__(
            "a process that was placing files was killed", hint="if memory was short, use `--concurrent-installs 1`"
        )


class Piece:
    """Some directories of a tree with their files, as name and mode; those in `standing` are there when it begins."""

    __slots__ = ("count", "directories", "path", "standing", "tree")

    def __init__(self, tree: Tree, path: str, directories: "Part", standing: "frozenset[str]") -> None:
        self.tree: Final = tree
        self.path: Final = path
        self.directories: Final = directories
        self.standing: Final = standing
        self.count: Final = sum([len(names) for _, names in directories])


class Whole:
    """A node without large trees, to be made in one go: a dist-info, a link of a folded directory, a script."""

    __slots__ = ("count", "node", "path")

    def __init__(self, node: "Node", path: str, count: int) -> None:
        self.node: Final = node
        self.path: Final = path
        self.count: Final = count


class Staging:
    """Make nodes below `home`; `used` tells how files were placed, by way (`fold` for a directory that is one link)."""

    def __init__(
        self, home: str, choice: "LinkChoice", shelf: "Shelf", reporter: "Reporter", *, processes: int | None = None
    ) -> None:
        self._home: Final = home
        self._choice = choice
        self._shelf = shelf
        self._reporter = reporter
        self._processes = processes
        self._count = 0
        self._pieces: list[Piece | Whole] = []
        self._tallies: list[Mapping[str, int]] = []
        self._texts: dict[bytes, str] = {}

    @property
    def used(self) -> dict[str, int]:
        """Return how many files each way placed so far."""
        total: dict[str, int] = {}
        for tally in self._tallies:
            for way, count in tally.items():
                if count:
                    total[way] = total.get(way, 0) + count
        return total

    def begin(self, node: "Node", path: str = "") -> str:
        """Start to make one node, at `path` or at a new place below `home`; return where. Complete after `finish`."""
        if not path:
            path = f"{self._home}/{self._count}"
            self._count += 1
        count = _size(node)
        if count:
            self._pieces.append(Whole(node, path, count))
        else:
            tally: dict[str, int] = {}
            self._pieces += self._make(node, path, tally)
            self._tallies.append(tally)
        return path

    def finish(self) -> None:
        """Make what was begun, by as many processes as that is worth."""
        # the largest first, so that nobody waits for one alone at the end
        pieces = sorted(self._pieces, key=lambda piece: piece.count, reverse=True)
        self._pieces = []
        self._texts = {}  # those of an earlier call have been moved since
        if not pieces:
            return
        total = sum(piece.count for piece in pieces)
        others = 0 if disk.is_observed() else self._others(total)
        task = self._reporter.begin("install", "files", total)
        try:
            self._share(pieces, others, task)
        finally:
            self._reporter.end(task)

    def _others(self, total: int) -> int:
        """Return how many copies of this process should help with so many files."""
        waiting = facts.is_shared(self._home)
        if total < (_WORTH_WAITING if waiting else _WORTH_A_COPY):
            return 0
        return copies.worthwhile(waiting=waiting) if self._processes is None else self._processes - 1

    def _share(self, pieces: "Sequence[Piece | Whole]", others: int, task: int) -> None:
        """Place all pieces, here and in copies of this process; the first error stops all of them and is raised."""
        failures: list[disk.DiskError] = []

        def do(number: int) -> bytes:
            piece = pieces[number]
            try:
                used = self._carry_out(piece)
            except disk.DiskError as error:
                failures.append(error)
                shared.stop()
                return b"\0".join([_FAILED, error.verb.encode(), str(error.errno).encode(), os.fsencode(error.path)])
            self._reporter.advance(task, piece.count)
            return " ".join([f"{way}={count}" for way, count in used.items()]).encode()

        shared = copies.Shared(len(pieces), do, others)
        with shared:
            answers = shared.finish()
        if failures:
            raise failures[0]
        for answer in answers:
            if answer is not None and answer.startswith(_FAILED):
                raise _error_of(answer)
        for answer in answers:
            if answer is None:
                raise StagingLost
            self._tallies.append({way: int(count) for way, _, count in _words(answer)})

    # -- nodes --

    def _carry_out(self, piece: "Piece | Whole") -> "Mapping[str, int]":
        """Do a piece; return how many files went which way."""
        tally: dict[str, int] = {}
        parts = [piece] if isinstance(piece, Piece) else self._make(piece.node, piece.path, tally)
        for part in parts:
            self._place(part, tally)
        return tally

    def _make(self, node: "Node", path: str, tally: "dict[str, int]") -> "list[Piece]":
        """Make a node, and return what is still to be placed of it."""
        rest: list[Piece] = []
        if isinstance(node, Folder):
            disk.make_directory(path)
            for name, child in node.children.items():
                rest += self._make(child, f"{path}/{name}", tally)
        elif isinstance(node, Text):
            self._write(node, path)
        elif isinstance(node, File):
            mode = 0o777 if node.executable else 0o666
            way = disk.place(f"{node.entry.tree}/{node.path}", path, self._choice.ways[node.entry.name], mode)
            tally[way] = tally.get(way, 0) + 1
        elif isinstance(node, Link):
            disk.symlink(node.target, path)
        else:
            rest = self._make_tree(node, path, tally)
        return rest

    def _make_tree(self, tree: Tree, path: str, tally: "dict[str, int]") -> "list[Piece]":
        rows = tree.rows
        if tree.folded:
            try:
                disk.symlink(f"{tree.entry.tree}/{tree.path}", path)
            except disk.DiskError:
                # no symbolic links here (vfat, some SMB mounts): then as files, unless that was forbidden
                if self._choice.strict:
                    raise
                start = f"{tree.path}/"
                rows = [row for row in self._shelf.files(tree.entry) if row[0].startswith(start)]
            else:
                tally["fold"] = tally.get("fold", 0) + 1
                return []
        parts = _parts(_by_directory(rows, len(tree.path)))
        standing = _needed_by_several(parts)
        for directory in sorted(standing):
            disk.make_directory(path + directory)
        return [Piece(tree, path, part, standing) for part in parts]

    def _write(self, text: Text, path: str) -> None:
        """Write a text; a small one that others have as well becomes a further name of theirs, since to make a file costs more."""
        if text.executable or len(text.data) > _SMALL:
            disk.write_new(path, text.data, 0o777 if text.executable else 0o666)
            return
        known = self._texts.get(text.data)
        if known is not None and disk.place(known, path, ("hardlink", "copy")) == "hardlink":
            return
        if known is None:
            disk.write_new(path, text.data)
        self._texts[text.data] = path

    def _place(self, piece: Piece, tally: "dict[str, int]") -> None:
        """Make the directories of a piece and place their files."""
        entry = piece.tree.entry
        source, ways = f"{entry.tree}/{piece.tree.path}", self._choice.ways[entry.name]
        for directory, names in piece.directories:
            if directory not in piece.standing:
                disk.make_directory(piece.path + directory)
            for way, count in disk.place_in(source + directory, piece.path + directory, names, ways).items():
                tally[way] = tally.get(way, 0) + count


def _size(node: "Node") -> int:
    """Return how many things have to be made for a node, 0 if trees are among them that are worth cutting."""
    if isinstance(node, Folder):
        sizes = [_size(child) for child in node.children.values()]
        return sum(sizes) + 1 if all(sizes) else 0
    return 0 if isinstance(node, Tree) and not node.folded else 1


def _by_directory(rows: "Sequence[Row]", start: int) -> "dict[str, list[Named]]":
    """Return the files by their directories, whose names lose the first `start` characters; a file as name and mode."""
    found: dict[str, list[Named]] = {}
    for row in rows:
        path = row[0]
        at = path.rfind("/")
        directory = path[start:at]
        names = found.get(directory)
        if names is None:
            names = found[directory] = []
        names.append((path[at + 1 :], 0o777 if row[3] else 0o666))
    return found


def _parts(below: "Mapping[str, Sequence[Named]]") -> "list[Part]":
    """Return the directories, parents first and each before all that is below another, in parts of about `_CHUNK` files."""
    every = set(below)
    for directory in below:
        while directory and (directory := directory[: directory.rfind("/")]) not in every:
            every.add(directory)
    every.add("")
    parts: list[Part] = [[]]
    room = _CHUNK
    for directory in sorted(every, key=_with_end):
        names = below.get(directory, ())
        start = 0
        while start == 0 or start < len(names):
            if room <= 0:
                parts.append([])
                room = _CHUNK
            some = names[start : start + room]
            parts[-1].append((directory, some))
            start += len(some) or 1
            room -= len(some) or 1
    return parts


def _with_end(directory: str) -> str:
    # `a-b` comes before `a` and what is below that, not between them
    return f"{directory}/"


def _needed_by_several(parts: "Sequence[Part]") -> "frozenset[str]":
    """Return the directories that more than one part needs: those above the beginning of each part but the first.

    Whatever is below a directory comes right after it, so that a part needs no other directory that it does not hold itself.
    """
    found: set[str] = set()
    for before, part in zip(parts, parts[1:], strict=False):
        directory = part[0][0]
        if before[-1][0] == directory:
            found.add(directory)
        while directory:
            directory = directory[: directory.rfind("/")]
            found.add(directory)
    return frozenset(found)


def _words(answer: bytes) -> "Iterator[tuple[str, str, str]]":
    for word in str(answer, "ascii").split():
        yield word.partition("=")


def _error_of(answer: bytes) -> disk.DiskError:
    """Return the error that a copy of this process met."""
    _, verb, number, path = answer.split(b"\0", 3)
    return disk.DiskError(verb.decode(), os.fsdecode(path), OSError(int(number), os.strerror(int(number))))
