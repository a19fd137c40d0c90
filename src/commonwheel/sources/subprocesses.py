"""Programs that work for a session: build backends and git. One word ends all of them, whichever thread waits for them.

Ctrl-C reaches the main thread alone, and a failure reaches whoever waits for that one build; both call `halt`. A halted
command ends with everything it started (`process`), and its thread gets `Halted`, which nobody is told: the first error is.
"""

import os
from threading import BoundedSemaphore

from commonwheel import process
from commonwheel.build import hook_server
from commonwheel.concurrency.parallel import Halted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LOOK = 0.1  # seconds between two looks at whether it is over


class Subprocesses:
    """Run programs for several threads; at most `places` builds at a time. `load` loads what speaks to build backends."""

    def __init__(self, places: int, load: "Callable[[], Callable[..., object]]") -> None:
        self._places = BoundedSemaphore(max(1, places))
        self._load = load
        self._halted = False

    def speech(self) -> "Callable[..., object]":
        """Return what speaks to a build backend (`build.backend.Runner`)."""
        return self._load()

    def halt(self) -> None:
        """End whatever runs, and let nothing more begin."""
        self._halted = True

    def check(self) -> None:
        """Raise Halted once it is over."""
        if self._halted:
            raise Halted("the work was ended, since something else had failed")

    def build(
        self,
        argv: "Sequence[str]",
        *,
        cwd: str,
        env: "Mapping[str, str]",
        on_line: "Callable[[bytes], None]",
        on_wait: "Callable[[], object] | None" = None,
    ) -> int:
        """Run a call of a build backend (`build.backend.Runner`); what it leaves running is ended."""
        waiting = self._waiting(on_wait)
        with _Place(self._places, waiting):
            return process.run(argv, cwd=cwd, env=env, on_output=on_line, on_wait=waiting, sweep=True).code

    def serve(self, python: str, *, cwd: str, env: "Mapping[str, str]", log: str) -> "Server | None":
        """Start a server of hooks (`build.backend.Runner`); None where there are none."""
        if not process.FORKS:
            return None
        self.check()
        return Server(process.Worker([python, hook_server.__file__, log], env, cwd), self)

    def call(self, worker: process.Worker, line: bytes, on_wait: "Callable[[], object] | None") -> bytes | None:
        """Have a worker answer one line, as one of the builds; None when it has ended."""
        waiting = self._waiting(on_wait)
        with _Place(self._places, waiting):
            try:
                worker.send(line)
            except process.ProcessError:
                return None
            return worker.receive(waiting)

    def _waiting(self, on_wait: "Callable[[], object] | None") -> "Callable[[], None]":
        def waiting() -> None:
            self.check()
            if on_wait is not None:
                on_wait()

        return waiting

    def git(self, argv: "Sequence[str]", cwd: str, environ: "Mapping[str, str]") -> "tuple[int, str]":
        """Run git (`build.vcs.Git`): its exit status, and its output as text."""
        self.check()
        finished = process.run(argv, cwd=cwd, env=environ, on_wait=self.check)
        return finished.code, (finished.stdout + finished.stderr).decode("utf-8", "replace")


class Server:
    """A process that calls hooks, each in a copy of itself (`build.hook_server`)."""

    def __init__(self, worker: process.Worker, children: Subprocesses) -> None:
        self._worker = worker
        self._children = children

    def load(self, module: str, *, more: bool) -> None:
        """Let it import a module ("" for none), before the first call; `more` says that something was installed since the start."""
        try:
            self._worker.send(b" ".join(map(_word, [module, "more"] if more else [module])))
        except process.ProcessError:
            pass  # it has ended: the first call will tell

    def call(
        self,
        words: "Sequence[str]",
        environ: "Mapping[str, str]",
        on_line: "Callable[[bytes], object]",
        on_wait: "Callable[[], object] | None",
    ) -> int:
        """Do what `python WORDS...` would do there with some variables more, and return its exit status (negative: a signal)."""
        texts = [str(len(environ)), *(f"{name}={value}" for name, value in environ.items()), *words]
        line = b" ".join(map(_word, texts))
        answer = self._children.call(self._worker, line, on_wait)
        if answer is not None:
            return int(answer)
        # gone: the interpreter did not start, or somebody ended the whole group
        finished = self._worker.finish()
        for said in finished.stderr.splitlines(keepends=True):
            on_line(said)
        return finished.code or 1

    def close(self) -> None:
        """End it, with all that its hooks left running."""
        self._worker.__exit__(None, None, None)


def _word(text: str) -> bytes:
    """Return a text as a word of a line: a dot, for texts that are empty, and hexadecimal digits."""
    return b"." + os.fsencode(text).hex().encode()


class _Place:
    """Hold one of the places for builds; `waiting` is called while all are taken."""

    def __init__(self, places: BoundedSemaphore, waiting: "Callable[[], None]") -> None:
        self._places = places
        self._waiting = waiting

    def __enter__(self) -> None:
        while not self._places.acquire(timeout=_LOOK):
            self._waiting()
        try:
            self._waiting()
        except BaseException:
            self._places.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._places.release()
