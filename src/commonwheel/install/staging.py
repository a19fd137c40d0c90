"""Build what is to appear in an environment, complete, where nobody looks.

Laws of this file: everything is made below the private directory that it is given, on the file system of the
environment; nothing there is read by anybody before the transaction renames it into place. It may be killed at any step.

The cost of a large environment is `mkdir` and `link`, which Python makes without holding its lock: two threads do it in two
thirds of the time (docs/performance.md). Started by `_thread`, since `threading` costs 4 ms.
"""

import _thread
import os

from commonwheel.fs import disk
from commonwheel.install.spread import File, Folder, Link, Text, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.install.distinfo import Row
    from commonwheel.install.linking import LinkChoice
    from commonwheel.install.spread import Node, Shelf

    Job = Callable[[], int]
    Named = tuple[str, int]

# fewer files than this are placed before a second thread has started
_WORTH_A_THREAD = 400
_CHUNK = 128


class Staging:
    """Make nodes below `home`; `used` tells how files were placed, by way (`fold` for a directory that is one link)."""

    def __init__(
        self, home: str, choice: "LinkChoice", shelf: "Shelf", reporter: "Reporter", *, threads: int | None = None
    ) -> None:
        self._home: Final = home
        self._choice = choice
        self._shelf = shelf
        self._reporter = reporter
        self._threads = min(os.cpu_count() or 1, 4) if threads is None else threads
        self._count = 0
        self._directories: list[Job] = []
        self._files: list[Job] = []
        self._pending = 0
        self._tallies: list[Mapping[str, int]] = []

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
        self._make(node, path)
        return path

    def finish(self) -> None:
        """Make what was put off: the files of whole trees, on as many threads as that is worth."""
        # directories of all trees first: a file may come into any of them from another thread
        threads = self._threads if self._pending >= _WORTH_A_THREAD else 1
        task = self._reporter.begin("install", "files", self._pending) if self._pending else 0
        directories, self._directories = self._directories, []
        files, self._files = self._files, []
        pending, self._pending = self._pending, 0
        try:
            _run(directories, threads, lambda _: None)
            _run(files, threads, lambda count: self._reporter.advance(task, count))
        finally:
            if pending:
                self._reporter.end(task)

    # -- nodes --

    def _make(self, node: "Node", path: str) -> None:
        if isinstance(node, Folder):
            disk.make_directory(path)
            for name, child in node.children.items():
                self._make(child, f"{path}/{name}")
        elif isinstance(node, Text):
            disk.write_new(path, node.data, 0o777 if node.executable else 0o666)
        elif isinstance(node, File):
            mode = 0o777 if node.executable else 0o666
            way = disk.place(f"{node.entry.tree}/{node.path}", path, self._choice.ways[node.entry.name], mode)
            self._tallies.append({way: 1})
        elif isinstance(node, Link):
            disk.symlink(node.target, path)
        else:
            self._make_tree(node, path)

    def _make_tree(self, tree: Tree, path: str) -> None:
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
                self._tallies.append({"fold": 1})
                return
        below = _by_directory(rows, len(tree.path))
        self._directories.append(lambda: _make_directories(below, path))
        self._pending += len(rows)
        for chunk in _chunks(below):
            self._files.append(lambda chunk=chunk: self._place(tree, path, chunk))  # type: ignore[misc]

    def _place(self, tree: Tree, path: str, chunk: "Sequence[tuple[str, Sequence[Named]]]") -> int:
        """Place files of some directories of a tree below `path`; return how many."""
        entry = tree.entry
        ways, done = self._choice.ways[entry.name], 0
        for directory, names in chunk:
            used = disk.place_in(f"{entry.tree}/{tree.path}{directory}", path + directory, names, ways)
            self._tallies.append(used)
            done += len(names)
        return done


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


def _chunks(below: "Mapping[str, list[Named]]") -> "Iterator[list[tuple[str, Sequence[Named]]]]":
    """Yield the directories in pieces that are worth the time of a thread, parts of large ones."""
    chunk: list[tuple[str, Sequence[Named]]] = []
    room = _CHUNK
    for directory, names in below.items():
        start = 0
        while start < len(names):
            part = names[start : start + room]
            chunk.append((directory, part))
            start += len(part)
            room -= len(part)
            if not room:
                yield chunk
                chunk, room = [], _CHUNK
    if chunk:
        yield chunk


def _make_directories(below: "Iterable[str]", path: str) -> int:
    """Make the directory `path` and those below it that files need, each once, parents first."""
    disk.make_directory(path)
    made = {""}
    for directory in below:
        if directory not in made:
            _make_with_parents(path, directory, made)
    return len(made)


def _make_with_parents(path: str, directory: str, made: "set[str]") -> None:
    above = directory[: directory.rfind("/")]
    if above not in made:
        _make_with_parents(path, above, made)
    disk.make_directory(path + directory)
    made.add(directory)


def _run(jobs: "list[Job]", threads: int, advance: "Callable[[int], None]") -> None:
    """Do all jobs; the first error stops the others and is raised, after every thread has stopped."""
    jobs.reverse()
    failures: list[BaseException] = []

    def work() -> None:
        while not failures:
            try:
                job = jobs.pop()
            except IndexError:
                return
            try:
                advance(job())
            except BaseException as error:  # noqa: BLE001 - raised by whoever waits
                failures.append(error)

    finished = [_start(work) for _ in range(min(threads, len(jobs)) - 1)]
    try:
        work()
    except BaseException as error:
        # Ctrl-C between two jobs
        failures.append(error)
        raise
    finally:
        for lock in finished:
            lock.acquire()
    if failures:
        raise failures[0]


def _start(work: "Callable[[], None]") -> _thread.LockType:
    """Start a thread; return a lock that is free once it has ended."""
    lock = _thread.allocate_lock()
    lock.acquire()

    def body() -> None:
        try:
            work()
        finally:
            lock.release()

    _thread.start_new_thread(body, ())
    return lock
