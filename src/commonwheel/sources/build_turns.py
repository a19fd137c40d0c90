"""Work that several threads ask for and one does, and circles among those who wait.

A build may need builds: what it requires is resolved and installed by the same road. So the work of one thread is a chain of
projects, each needed to build the one before. Two threads can come upon the same project; the second waits for the first.
If they wait for each other, or one comes upon itself, the requirements go round in a circle, and nobody can build that.
"""

from threading import Lock, local

from commonwheel.build.backend import BuildFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any, TypeVar

    T = TypeVar("T")


class CyclicBuild(BuildFailed):
    """Projects need each other to be built."""

    code = "cyclic-build"


class Once:
    """Make each value once, whoever asks first; the others wait for it. After a failure the next one tries again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._locks: dict[Hashable, Lock] = {}
        self._made: dict[Hashable, Any] = {}

    def get(self, key: "Hashable", make: "Callable[[], T]") -> "T":
        """Return the value of a key; `make` must not ask for the same key."""
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]  # type: ignore[no-any-return]

    def known(self, key: "Hashable", value: object) -> None:
        """Take a value that was made under another key; the first one counts."""
        self._made.setdefault(key, value)


class BuildTurns:
    """Let one thread at a time work at a project, and say who needs whom when that is a circle."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._turns: dict[str, Lock] = {}
        self._needs: dict[str, set[str]] = {}
        self._here = local()

    @property
    def chain(self) -> "tuple[str, ...]":
        """Return the projects that this thread is at, each needed to build the one before."""
        return getattr(self._here, "chain", ())

    def turn(self, project: str) -> "_Turn":
        """Work at a project in a `with` block. Raises CyclicBuild when it is needed, through others, to build itself."""
        return _Turn(self, project)

    def carried(self, work: "Callable[..., T]") -> "Callable[..., T]":
        """Return `work` for another thread, which there belongs to what this thread is at."""
        chain = self.chain

        def there(*arguments: object) -> "T":
            before = self.chain
            self._here.chain = chain
            try:
                return work(*arguments)
            finally:
                self._here.chain = before

        return there

    def enter(self, project: str) -> None:
        """Begin a turn, after whoever is at the project has ended his."""
        chain = self.chain
        with self._lock:
            if chain:
                self._check(chain[-1], project)
                self._needs.setdefault(chain[-1], set()).add(project)
            lock = self._turns.setdefault(project, Lock())
        lock.acquire()
        self._here.chain = (*chain, project)

    def leave(self, project: str) -> None:
        """End a turn."""
        self._here.chain = self.chain[:-1]
        self._turns[project].release()

    def _check(self, asking: str, project: str) -> None:
        """Raise CyclicBuild if `project` needs the one that asks for it."""
        path = self._path(project, asking)
        if path:
            raise CyclicBuild(
                f"`{project}` needs itself to be built",
                context=[f"the circle: {' -> '.join((*path, project))}", "(each needs the next one for its build)"],
                hint="let one of them come as a wheel, or install one and use `--no-build-isolation`",
            )

    def _path(self, start: str, end: str) -> "tuple[str, ...]":
        """Return how one project needs another, both included, () if it does not."""
        waiting: list[tuple[str, ...]] = [(start,)]
        seen = {start}
        while waiting:
            path = waiting.pop()
            if path[-1] == end:
                return path
            for other in sorted(self._needs.get(path[-1], ())):
                if other not in seen:
                    seen.add(other)
                    waiting.append((*path, other))
        return ()


class _Turn:
    def __init__(self, turns: BuildTurns, project: str) -> None:
        self._turns = turns
        self._project = project

    def __enter__(self) -> None:
        self._turns.enter(self._project)

    def __exit__(self, *_: object) -> None:
        self._turns.leave(self._project)
