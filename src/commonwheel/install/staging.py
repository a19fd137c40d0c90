"""Build what is to appear in an environment, complete, where nobody looks.

Laws of this file: everything is made below the private directory that it is given, on the file system of the
environment; nothing there is read by anybody before the transaction renames it into place. It may be killed at any step.

The cost of a large environment is `mkdir` and `link`. Entries are cut into pieces that need nothing of each other, and copies
of this process make their share of them: read a part of the list of files, look at each, place it. What a copy has made when it is
killed is erased with the rest.
"""

import os

from commonwheel.concurrency import forked_workers
from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, facts, files, linking, locks, trees
from commonwheel.install.nodes import File, Folder, Link, Text, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final, Protocol

    from commonwheel.events import Reporter
    from commonwheel.install.layout import Shelf
    from commonwheel.install.linking import LinkChoice
    from commonwheel.install.nodes import Node
    from commonwheel.model import Entry

    class Proof(Protocol):
        """Know which entries have to be looked at before anything of them appears; `store.recheck.Inspection` is the real one."""

        def due(self) -> "Sequence[Entry]":
            """Return those that are looked at by whoever places their files."""

        def looked(self, entry: "Entry", *, sound: bool) -> None:
            """Take note that one was looked at, and whether it seemed to be as published."""

        def settle(self) -> None:
            """Raise what there is to say if one is not."""


# fewer files than this are placed before copies of this process were made; where each waits for a file server, fewer still
_WORTH_A_COPY, _WORTH_WAITING = 1_000, 300
# files of a part of an entry; each part reads the whole list
_PART, _PART_WAITING = 1_000, 250
# a text that many packages have (who installed it, that it was asked for) is one file with many names from this size down
_SMALL = 64
_SOUND, _DOUBTFUL, _FAILED, _AGAIN = b"+", b"-", b"!", b"?"


class StagingLost(CommonwheelError):
    """Somebody killed a process that placed files; nothing of it has appeared."""

    code = "staging-lost"

    def __init__(self) -> None:
        super().__init__(
            "a process that was placing files was killed", hint="if memory was short, use `--concurrent-installs 1`"
        )


class Piece:
    """A part of an entry: its files below the directories in `targets` are placed there, and all are looked at if that is due."""

    __slots__ = ("count", "entry", "look", "part", "parts", "targets")

    def __init__(
        self, entry: "Entry", targets: "Mapping[str, str]", part: int = 0, parts: int = 1, *, look: bool = False
    ) -> None:
        self.entry: Final = entry
        self.targets: Final = targets
        self.part: Final = part
        self.parts: Final = parts
        self.look: Final = look
        self.count: Final = entry.files // parts + 1


class Whole:
    """A node without trees, to be made in one go: a dist-info, a link of a folded directory, a script."""

    __slots__ = ("count", "node", "path")

    def __init__(self, node: "Node", path: str, count: int) -> None:
        self.node: Final = node
        self.path: Final = path
        self.count: Final = count


class Staging:
    """Make nodes below `home`; `used` tells how files were placed, by way (`fold` for a directory that is one link)."""

    def __init__(
        self,
        home: str,
        choice: "LinkChoice",
        shelf: "Shelf",
        reporter: "Reporter",
        *,
        processes: int | None = None,
        proof: "Proof | None" = None,
    ) -> None:
        self._home: Final = home
        self._choice = choice
        self._shelf = shelf
        self._reporter = reporter
        self._processes = processes
        self._proof = proof
        self._count = 0
        self._wholes: list[Whole] = []
        self._trees: dict[str, tuple[Entry, dict[str, str]]] = {}
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
            self._wholes.append(Whole(node, path, count))
        else:
            tally: dict[str, int] = {}
            self._make(node, path, tally)
            self._tallies.append(tally)
        return path

    def finish(self) -> None:
        """Make what was begun, by as many processes as that is worth, and look at the entries that are due."""
        waiting = facts.is_shared(self._home)
        # the largest first, so that nobody waits for one alone at the end
        pieces: list[Piece | Whole] = [*self._pieces(waiting), *self._wholes]
        pieces.sort(key=lambda piece: piece.count, reverse=True)
        self._wholes, self._trees = [], {}
        self._texts = {}  # those of an earlier call have been moved since
        if not pieces:
            return
        total = sum(piece.count for piece in pieces)
        others = 0 if disk.is_observed() else self._others(total, waiting)
        task = self._reporter.begin("install", "files", total)
        try:
            self._share(pieces, others, task)
        finally:
            self._reporter.end(task)

    def _pieces(self, waiting: bool) -> "list[Piece]":
        due = () if self._proof is None else self._proof.due()
        found = {name: (entry, targets, False) for name, (entry, targets) in self._trees.items()}
        for entry in due:
            found[entry.name] = (entry, self._trees.get(entry.name, (entry, {}))[1], True)
        size = _PART_WAITING if waiting else _PART
        pieces = []
        for entry, targets, look in found.values():
            parts = entry.files // size + 1
            pieces += [Piece(entry, targets, part, parts, look=look) for part in range(parts)]
        return pieces

    def _others(self, total: int, waiting: bool) -> int:
        """Return how many copies of this process should help with so many files."""
        if total < (_WORTH_WAITING if waiting else _WORTH_A_COPY):
            return 0
        return forked_workers.worthwhile(waiting=waiting) if self._processes is None else self._processes - 1

    def _share(self, pieces: "Sequence[Piece | Whole]", others: int, task: int) -> None:
        """Make all pieces, here and in copies of this process; the first error stops all of them and is raised."""
        failures: list[CommonwheelError] = []

        def do(number: int) -> bytes:
            piece = pieces[number]
            try:
                sound, used = self._carry_out(piece)
            except disk.DiskError as error:
                failures.append(error)
                shared.stop()
                return b"\0".join([_FAILED, error.verb.encode(), str(error.errno).encode(), os.fsencode(error.path)])
            except CommonwheelError as error:
                failures.append(error)
                return _AGAIN  # a copy cannot tell it
            self._reporter.advance(task, piece.count)
            words = " ".join([f"{way}={count}" for way, count in used.items()])
            return (_SOUND if sound else _DOUBTFUL) + words.encode()

        shared = forked_workers.Shared(len(pieces), do, others, locks.beating())
        with shared:
            answers = shared.finish()
        if failures:
            raise failures[0]
        for answer in answers:
            if answer is not None and answer.startswith(_FAILED):
                raise _error_of(answer)
        # what a copy could not tell happens here once more, or does not
        answers = [do(number) if answer == _AGAIN else answer for number, answer in enumerate(answers)]
        if failures:
            raise failures[0]
        if None in answers:
            raise StagingLost
        self._heed(pieces, [answer for answer in answers if answer is not None])

    def _heed(self, pieces: "Sequence[Piece | Whole]", answers: "Sequence[bytes]") -> None:
        """Take note of what was said of each piece."""
        doubtful = set()
        for piece, answer in zip(pieces, answers, strict=True):
            self._tallies.append({way: int(count) for way, _, count in _words(answer[1:])})
            if isinstance(piece, Piece) and answer[:1] == _DOUBTFUL:
                doubtful.add(piece.entry.name)
        if self._proof is not None:
            for entry in self._proof.due():
                self._proof.looked(entry, sound=entry.name not in doubtful)

    # -- nodes --

    def _carry_out(self, piece: "Piece | Whole") -> "tuple[bool, Mapping[str, int]]":
        """Do a piece; return whether what was looked at is as published, and how many files went which way."""
        tally: dict[str, int] = {}
        if isinstance(piece, Piece):
            return self._place(piece, tally), tally
        self._make(piece.node, piece.path, tally)
        return True, tally

    def _make(self, node: "Node", path: str, tally: "dict[str, int]") -> None:
        """Make a node, but for trees that are no links, which are noted."""
        if isinstance(node, Folder):
            trees.make_directory(path)
            for name, child in node.children.items():
                self._make(child, f"{path}/{name}", tally)
        elif isinstance(node, Text):
            self._write(node, path)
        elif isinstance(node, File):
            mode = 0o777 if node.executable else 0o666
            way = linking.place(f"{node.entry.tree}/{node.path}", path, self._choice.ways[node.entry.name], mode)
            tally[way] = tally.get(way, 0) + 1
        elif isinstance(node, Link):
            linking.symlink(node.target, path)
        elif node.folded:
            self._fold(node, path, tally)
        else:
            self._trees.setdefault(node.entry.name, (node.entry, {}))[1][node.path] = path

    def _fold(self, tree: Tree, path: str, tally: "dict[str, int]") -> None:
        try:
            linking.symlink(f"{tree.entry.tree}/{tree.path}", path)
        except disk.DiskError:
            # no symbolic links here (vfat, some SMB mounts): then as files, unless that was forbidden
            if self._choice.strict:
                raise
            self._place(Piece(tree.entry, {tree.path: path}), tally)
        else:
            tally["fold"] = tally.get("fold", 0) + 1

    def _write(self, text: Text, path: str) -> None:
        """Write a text; a small one that others have as well becomes a further name of theirs, since to make a file costs more."""
        try:
            data = text.data
        except OSError as error:  # it is made from what an entry has
            raise disk.DiskError("read", os.fsdecode(error.filename or path), error) from error
        if text.executable or len(data) > _SMALL:
            files.write_new(path, data, 0o777 if text.executable else 0o666)
            return
        known = self._texts.get(data)
        if known is not None and linking.place(known, path, ("hardlink", "copy")) == "hardlink":
            return
        if known is None:
            files.write_new(path, data)
        self._texts[data] = path

    def _place(self, piece: Piece, tally: "dict[str, int]") -> bool:
        """Make the directories of a piece and place their files; return whether what was looked at is as published.

        What seems not to be is placed all the same: a closer look may find it sound. Directories that several pieces need are
        made by the first.
        """
        entry, targets, all_sound = piece.entry, piece.targets, True
        ways = self._choice.ways[entry.name]
        places: dict[str, str] = {}
        for directory, fd, names, executable, sound in self._shelf.directories(
            entry, piece.part, piece.parts, look=piece.look
        ):
            all_sound = all_sound and sound
            place = places[directory] = targets.get(directory) or _inner(directory, places)
            if place:
                trees.make_directory(place)
                if names:
                    used = linking.place_in(f"{entry.tree}/{directory}", place, names, ways, executable, fd)
                    for way, count in used.items():
                        tally[way] = tally.get(way, 0) + count
        return all_sound


def _inner(directory: str, places: "Mapping[str, str]") -> str:
    """Return where a directory goes whose parent's place is known, "" for nowhere."""
    above, _, name = directory.rpartition("/")
    place = places.get(above)
    return f"{place}/{name}" if place else ""


def _size(node: "Node") -> int:
    """Return how many things have to be made for a node, 0 if trees are among them that are more than a link."""
    if isinstance(node, Folder):
        sizes = [_size(child) for child in node.children.values()]
        return sum(sizes) + 1 if all(sizes) else 0
    return 0 if isinstance(node, Tree) and not node.folded else 1


def _words(answer: bytes) -> "Iterator[tuple[str, str, str]]":
    for word in str(answer, "ascii").split():
        yield word.partition("=")


def _error_of(answer: bytes) -> disk.DiskError:
    """Return the error that a copy of this process met."""
    _, verb, number, path = answer.split(b"\0", 3)
    return disk.DiskError(verb.decode(), os.fsdecode(path), OSError(int(number), os.strerror(int(number))))
