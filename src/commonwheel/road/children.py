"""Programs that work for a session: build backends and git. One word ends all of them, whichever thread waits for them.

Ctrl-C reaches the main thread alone, and a failure reaches whoever waits for that one build; both call `halt`. A halted
command ends with everything it started (`process`), and its thread gets `Halted`, which nobody is told: the first error is.
"""

from threading import BoundedSemaphore

from commonwheel import process
from commonwheel.errors import CommonwheelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LOOK = 0.1  # seconds between two looks at whether it is over


class Halted(CommonwheelError):
    """Say that work was ended because something else had failed."""

    code = "halted"


class Children:
    """Run programs for several threads; at most `places` builds at a time."""

    def __init__(self, places: int) -> None:
        self._places = BoundedSemaphore(max(1, places))
        self._halted = False

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
        """Run a call of a build backend (`build.backend.Run`); what it leaves running is ended."""

        def waiting() -> None:
            self.check()
            if on_wait is not None:
                on_wait()

        while not self._places.acquire(timeout=_LOOK):
            waiting()
        try:
            self.check()
            return process.run(argv, cwd=cwd, env=env, on_output=on_line, on_wait=waiting, sweep=True).code
        finally:
            self._places.release()

    def git(self, argv: "Sequence[str]", cwd: str, environ: "Mapping[str, str]") -> "tuple[int, str]":
        """Run git (`build.vcs.Git`): its exit status, and its output as text."""
        self.check()
        finished = process.run(argv, cwd=cwd, env=environ, on_wait=self.check)
        return finished.code, (finished.stdout + finished.stderr).decode("utf-8", "replace")
