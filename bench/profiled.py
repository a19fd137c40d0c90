"""Run a program of Python and tell where its CPU time goes: `profiled.py OUT PROGRAM WORDS...`.

OUT gets lines of seconds of CPU time, a tab and what they went on: a file of Commonwheel (`fs/disk.py`), `imports` for the
loading of modules, `start` for that of the interpreter, `other processes` for the children, `rest` for what no sample saw.
Every millisecond of CPU time each thread's clock is read, and what it went on since is put down to the innermost of our files
that the thread is in, whatever that has called. So the sum is right, and nothing is slowed down much but by the samples themselves. Nothing is imported here that a quick command does
not import: it would not be seen to load it.
"""

import atexit
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

EVERY = 0.001
OURS = f"{os.sep}commonwheel{os.sep}"


class Sampler:
    """The clocks of all threads, and what they went on."""

    def __init__(self) -> None:
        self.spent = {"start": time.process_time()}
        self._clocks: dict[int, float] = {}

    def sample(self, _signal: int, frame: "FrameType | None") -> None:
        for thread, top in sys._current_frames().items():  # noqa: SLF001 - its name for debuggers
            try:
                clock = time.clock_gettime(time.pthread_getcpuclockid(thread))
            except OSError:  # it has ended meanwhile
                continue
            before = self._clocks.get(thread, 0.0)
            self._clocks[thread] = clock
            place = where(frame if top.f_code is Sampler.sample.__code__ else top)
            self.spent[place] = self.spent.get(place, 0.0) + clock - before

    def told(self) -> dict[str, float]:
        """Return what was found, with what it does not explain."""
        times = os.times()
        known = sum(self.spent.values())
        return {
            **self.spent,
            "other processes": times.children_user + times.children_system,
            "rest": max(0.0, time.process_time() - known),
        }

    def begin(self) -> None:
        (main,) = sys._current_frames()  # noqa: SLF001
        self._clocks[main] = time.thread_time()
        signal.signal(signal.SIGPROF, self.sample)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)


def where(frame: "FrameType | None") -> str:
    """Return what stands for the innermost place in our files of a stack, `imports` if it is loading a module."""
    found = ""
    last = (
        "rest" if frame is None or frame.f_code.co_filename == __file__ else os.path.basename(frame.f_code.co_filename)
    )
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return "imports"
        if not found and OURS in name:
            found = name.rpartition(OURS)[2]
        frame = frame.f_back
    return found or last


if __name__ == "__main__":
    out, *sys.argv = sys.argv[1:]
    sampler = Sampler()

    def finish() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        with open(out, "w", encoding="utf-8") as stream:
            stream.writelines(f"{seconds}\t{place}\n" for place, seconds in sampler.told().items())

    atexit.register(finish)
    sampler.begin()
    with open(sys.argv[0], encoding="utf-8") as program:
        exec(compile(program.read(), sys.argv[0], "exec"), {"__name__": "__main__"})
