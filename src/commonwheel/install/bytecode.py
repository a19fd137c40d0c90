"""Compile the modules of installed packages by the environment's own interpreter (`--compile-bytecode`).

Laws of this file: the work is done by `compile_worker.py`, in processes of the target interpreter; what they write is not in any
RECORD, as with uv: it comes and goes, and is removed with the module that it was made from. A module that does not compile (a
test of syntax errors, a file for a newer Python) is told at the end, and is no error.

Directories of a folded environment are links into the store: what is compiled there is everybody's, and only who may write the
store does it. Such modules are left out here: their bytecode is in images (`operations.bytecode`, `store.images`), for which the same workers
compile.
"""

import os
import time
from collections import deque
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from commonwheel import process
from commonwheel.errors import CommonwheelError
from commonwheel.install import compile_worker, uninstall
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.model import Interpreter

# modules that a worker has been told of before it is done with the first: so it never waits for the next
_AHEAD = 4


class CompileFailed(CommonwheelError):
    """The workers could not be started, died, or did not answer in time."""

    code = "compile-bytecode"


class Compiled(Value):
    """How many modules were compiled, and which were not, each with the reason; `unwritten` are those that are not to blame."""

    __slots__ = ("count", "failed", "unwritten")

    def __init__(
        self, count: int, failed: "tuple[tuple[str, str], ...]" = (), unwritten: "tuple[str, ...]" = ()
    ) -> None:
        self.count: Final = count
        self.failed: Final = failed
        self.unwritten: Final = unwritten


def modules(locations: "Iterable[str]") -> "list[str]":
    """Return the Python files of installed distributions (their dist-info directories) that may be compiled in place."""
    found: list[str] = []
    for location in locations:
        site = location.rpartition("/")[0]
        with open(f"{location}/RECORD", "rb") as file:
            paths = uninstall.own_paths(file.read(), site)
        found += [f"{site}/{path}" for path in paths if path.endswith(".py") and not path.startswith(("../", "/"))]
    return [path for path in found if not os.path.islink(path)]


def compile_quietly(
    interpreter: "Interpreter",
    paths: "Sequence[str]",
    reporter: "Reporter",
    *,
    mode: str = "timestamp",
    timeout: float | None = 60.0,
) -> Compiled:
    """Compile modules, as `compile_all` does.

    Those that do not compile are told as notes of level `debug`, as they would be when they are imported.
    """
    done = compile_all(interpreter, paths, reporter, mode=mode, timeout=timeout)
    for path, reason in done.failed:
        reporter.note("debug", f"`{path}` does not compile: {reason}")
    return done


def compile_all(
    interpreter: "Interpreter",
    paths: "Sequence[str]",
    reporter: "Reporter",
    *,
    mode: str = "timestamp",
    timeout: float | None = 60.0,
    count: int | None = None,
) -> Compiled:
    """Compile modules on as many workers as there are processors; `timeout` is in seconds, for one module.

    Raises CompileFailed when a worker dies or takes too long over one module; what is compiled until then stays.
    """
    if not paths:
        return Compiled(0)
    argv = [interpreter.executable, "-I", "-S", compile_worker.__file__, mode]
    number = min(count or os.cpu_count() or 1, len(paths))
    compiling = _Compiling(process.workers(number, argv), paths, reporter)
    try:
        compiling.run(timeout)
    finally:
        compiling.close()
    failed = tuple(sorted(compiling.failed))
    return Compiled(len(paths) - len(failed), failed, tuple(sorted(compiling.unwritten)))


class _Compiling:
    """Workers, a thread for each that talks to it, and what they have to do."""

    def __init__(self, workers: "Sequence[process.Worker]", paths: "Sequence[str]", reporter: "Reporter") -> None:
        self.failed: list[tuple[str, str]] = []
        self.unwritten: list[str] = []
        self._workers = workers
        self._waiting = list(reversed(paths))
        self._reporter = reporter
        self._task = reporter.begin("install", "bytecode", len(paths))
        # what each worker is at, and since when, by the last that was heard of it
        self._at: dict[process.Worker, tuple[str, float]] = {}
        self._pool = ThreadPoolExecutor(len(workers), thread_name_prefix="compile")

    def run(self, timeout: float | None) -> None:
        """Have everything compiled; `timeout` for one module."""
        talks = [self._pool.submit(self._talk, worker) for worker in self._workers]
        while True:
            done, running = wait(talks, timeout=timeout and min(timeout, 1.0), return_when=FIRST_EXCEPTION)
            for talk in done:
                talk.result()
            if not running:
                return
            for path, since in list(self._at.values()):
                if timeout is not None and time.monotonic() - since > timeout:
                    raise CompileFailed(
                        f"compiling `{path}` took longer than {timeout:g} seconds",
                        hint="set a longer compile-timeout, or install without --compile-bytecode",
                    )

    def close(self) -> None:
        """End the workers; their threads end with them."""
        self._waiting.clear()
        for worker in self._workers:
            worker.__exit__(None, None, None)
        self._pool.shutdown(wait=True)
        self._reporter.end(self._task)

    def _talk(self, worker: process.Worker) -> None:
        told: deque[str] = deque()
        while True:
            while len(told) < _AHEAD and (path := self._next()):
                told.append(path)
                self._tell(worker, told)
            if not told:
                return
            self._at[worker] = (told[0], time.monotonic())
            self._hear(worker, told.popleft())
            del self._at[worker]
            self._reporter.advance(self._task)

    def _next(self) -> str:
        """Return a module that nobody was told of, "" if there is none."""
        while self._waiting:
            try:
                path = self._waiting.pop()
            except IndexError:  # another thread was faster
                break
            if "\n" not in path:
                return path
            self.failed.append((path, "its name holds a line end"))
        return ""

    @staticmethod
    def _tell(worker: process.Worker, told: "Sequence[str]") -> None:
        try:
            worker.send(told[-1].encode("utf-8", "surrogateescape"))
        except process.ProcessError as error:
            raise _ended(worker, told[0]) from error

    def _hear(self, worker: process.Worker, path: str) -> None:
        line = worker.receive()
        if line is None:
            raise _ended(worker, path)
        word, _, reason = str(line, "utf-8", "replace").partition("\t")
        if word != "ok":
            self.failed.append((path, reason))
        if word == "disk":
            self.unwritten.append(path)


def _ended(worker: process.Worker, path: str) -> CompileFailed:
    return CompileFailed(
        f"the interpreter that compiled `{path}` ended",
        context=(f"interpreter: {worker.argv[0]}", str(worker.finish().stderr, "utf-8", "replace")[-2000:]),
    )
