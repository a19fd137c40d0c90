"""Spawn other programs: the only file of Commonwheel that does.

Laws of this file: words, never a shell. A child leads its own session, so that all it started can be ended with it, on
timeout, on an exception and on Ctrl-C, and so that nothing below it can wait for a terminal that nobody sees. An exit
status is a value, not an error. Output is bytes: whoever knows the encoding decodes.
`subprocess` costs 10 ms: commands that spawn nothing must not import this file.
"""

import os
import select
import selectors
import signal
import subprocess
import sys
import time

from commonwheel.errors import CommonwheelError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Final, NoReturn, Self

# between asking a group of processes to end and ending it
GRACE = 2.0
# how long output is awaited from those whom a finished child left behind with its pipes
LINGER = 0.3
# whether a process that has imported things may be forked, and its copy go on (on macOS system libraries forbid it)
FORKS = hasattr(os, "fork") and os.uname().sysname == "Linux"
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
# a pipe that is ready takes this much without blocking
PIPE_BUF = getattr(select, "PIPE_BUF", 512)


class ProcessError(CommonwheelError):
    """Report a program that could not be started."""

    code = "process"

    def __init__(self, argv: "Sequence[str]", error: OSError) -> None:
        self.argv: Final = tuple(argv)
        self.errno: Final = error.errno
        hint = None
        if isinstance(error, FileNotFoundError):
            hint = f"install `{argv[0]}`, or put it on PATH"
        elif isinstance(error, PermissionError):
            hint = f"check that `{argv[0]}` is executable and not on a mount with `noexec`"
        super().__init__(f"could not run `{argv[0]}`: {error.strerror or error}", context=(shown(argv),), hint=hint)


class ProcessTimeout(CommonwheelError):
    """Report a program that was ended because it took too long; `stdout` and `stderr` hold what it wrote till then."""

    code = "process-timeout"

    def __init__(self, argv: "Sequence[str]", timeout: float, stdout: bytes, stderr: bytes) -> None:
        self.argv: Final = tuple(argv)
        self.stdout: Final = stdout
        self.stderr: Final = stderr
        tail = stderr.decode("utf-8", "replace").splitlines()[-5:]
        super().__init__(f"`{argv[0]}` did not finish within {timeout:g} seconds", context=(shown(argv), *tail))


class Finished(Value):
    """What a program left: its exit code (negative: the signal that ended it) and its output."""

    __slots__ = ("code", "stderr", "stdout")

    def __init__(self, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code: Final = code
        self.stdout: Final = stdout
        self.stderr: Final = stderr


def shown(argv: "Sequence[str]") -> str:
    """Return a command line as one would type it."""
    return " ".join(map(_quoted, argv))


def _quoted(word: str) -> str:
    if word and all(letter.isalnum() or letter in "/._-+=@%:," for letter in word):
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def run(  # noqa: PLR0913 - all of them by name
    argv: "Sequence[str]",
    *,
    cwd: str | None = None,
    env: "Mapping[str, str] | None" = None,
    input: bytes | None = None,  # noqa: A002 - as in subprocess
    timeout: float | None = None,
    on_output: "Callable[[bytes], None] | None" = None,
    on_wait: "Callable[[], object] | None" = None,
    meanwhile: "Callable[[], object] | None" = None,
    interactive: bool = False,
    sweep: bool = False,
) -> Finished:
    """Run a program to its end and return its exit code and output.

    `env` is the whole environment, None for ours; without `input` it reads nothing. `on_output` gets each line of both
    outputs as it comes, newline included. `on_wait` is called ten times a second and oftener; what it raises ends the child,
    so that another thread can; `meanwhile` is called once, when the child has been started. `interactive` leaves the child in our session and our terminal, to ask for a password: then
    only the child itself can be ended. `sweep` ends what a finished child left running in its group, too. Raises ProcessError
    if it cannot be started, ProcessTimeout after `timeout` seconds.
    """
    end = None if timeout is None else time.monotonic() + timeout
    child = _start(argv, cwd, env, own_session=not interactive, talks=input is not None)
    exchange = _Exchange(child, input or b"", on_output, on_wait)
    try:
        if meanwhile is not None:
            meanwhile()
        ended = exchange.run(end)
    except BaseException:
        _end(child, group=not interactive)
        raise
    else:
        if not ended:
            _end(child, group=not interactive)
            raise ProcessTimeout(argv, timeout or 0.0, *exchange.taken())
        if sweep and child.returncode is None:
            # nobody has waited for the child yet, so that the number of its group is still its own
            _signal(child, _KILL, group=not interactive)
        return Finished(child.wait(), *exchange.taken())
    finally:
        exchange.close()


def replace(argv: "Sequence[str]", env: "Mapping[str, str] | None" = None) -> "NoReturn":
    """Become the program: nothing of this process remains. Raises ProcessError if it cannot be started.

    Where the system cannot replace a process (Windows), wait for the child and leave with its exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    environment = dict(os.environ if env is None else env)
    try:
        if hasattr(os, "killpg"):
            os.execvpe(argv[0], list(argv), environment)  # noqa: S606 - no shell is wanted
        code = subprocess.call(list(argv), env=environment)
    except OSError as error:
        raise ProcessError(argv, error) from error
    sys.exit(code)


class Worker:
    """A program that answers line by line for as long as it is needed. Any bytes but newlines may cross.

    Leaving its `with` ends it. Its stderr is ours to read after it has died (`complaint`).
    """

    __slots__ = ("_buffer", "_child", "argv")

    def __init__(self, argv: "Sequence[str]", env: "Mapping[str, str] | None" = None, cwd: str | None = None) -> None:
        self.argv: Final = tuple(argv)
        self._child = _start(argv, cwd, env, own_session=True, talks=True)
        self._buffer = b""

    def send(self, line: bytes) -> None:
        """Write one line; ProcessError (EPIPE) if the worker is gone."""
        assert self._child.stdin is not None
        view = memoryview(line + b"\n")
        try:
            while view:
                view = view[os.write(self._child.stdin.fileno(), view) :]
        except OSError as error:
            raise ProcessError(self.argv, error) from error

    def receive(self, on_wait: "Callable[[], object] | None" = None) -> bytes | None:
        """Wait for one line and return it without its newline; None when the worker has ended.

        `on_wait` is called ten times a second and oftener while there is none; what it raises is raised.
        """
        assert self._child.stdout is not None
        while b"\n" not in self._buffer:
            while on_wait is not None and not select.select([self._child.stdout], [], [], 0.1)[0]:
                on_wait()
            data = os.read(self._child.stdout.fileno(), 1 << 16)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def finish(self) -> Finished:
        """Close the input, wait for the end, stop what the process left running, and return the rest of its output."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        exchange = _Exchange(self._child, b"", None)
        exchange.run(None)
        if self._child.returncode is None:
            _signal(self._child, _KILL, group=True)
        stdout, stderr = exchange.taken()
        return Finished(self._child.wait(), self._buffer + stdout, stderr)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        assert self._child.stdin is not None
        # one that waits for a line leaves by itself, whatever it makes of signals
        self._child.stdin.close()
        _end(self._child, group=True)
        _close(self._child)


def workers(
    count: int, argv: "Sequence[str]", *, env: "Mapping[str, str] | None" = None, cwd: str | None = None
) -> "list[Worker]":
    """Start `count` workers of one command line; all of them or, after a failure, none."""
    started: list[Worker] = []
    try:
        while len(started) < count:
            started.append(Worker(argv, env, cwd))
    except BaseException:
        for worker in started:
            worker.__exit__(None, None, None)
        raise
    return started


def _start(
    argv: "Sequence[str]", cwd: str | None, env: "Mapping[str, str] | None", *, own_session: bool, talks: bool
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=own_session,
        )
    except OSError as error:
        raise ProcessError(argv, error) from error


class _Exchange:
    """Carry input to a child and output from it until it has ended."""

    def __init__(
        self,
        child: "subprocess.Popen[bytes]",
        data: bytes,
        on_output: "Callable[[bytes], None] | None",
        on_wait: "Callable[[], object] | None" = None,
    ) -> None:
        self._child = child
        self._input = memoryview(data)
        self._on_output = on_output
        self._on_wait = on_wait
        self._taken: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self._torn = {"stdout": b"", "stderr": b""}

    def taken(self) -> tuple[bytes, bytes]:
        """Return all of both outputs so far."""
        return b"".join(self._taken["stdout"]), b"".join(self._taken["stderr"])

    def run(self, end: float | None) -> bool:
        """Serve the pipes until the child and its output have ended; False when the time is up."""
        if not hasattr(os, "killpg"):
            return self._communicate(end)
        with selectors.DefaultSelector() as selector:
            for name in ("stdout", "stderr"):
                selector.register(getattr(self._child, name), selectors.EVENT_READ, name)
            stdin = self._child.stdin
            if stdin is not None and not stdin.closed:
                selector.register(stdin, selectors.EVENT_WRITE, "stdin")
            exited: float | None = None
            while selector.get_map():
                self._serve_ready(selector, 0.1 if end is None else max(0.0, min(0.1, end - time.monotonic())))
                if self._on_wait is not None:
                    self._on_wait()
                now = time.monotonic()
                if exited is None and _has_ended(self._child):
                    exited = now
                if end is not None and now >= end and exited is None:
                    return False
                # somebody whom the child left behind may keep its pipes open for ever
                if exited is not None and now - exited > LINGER:
                    break
        self._flush()
        return self._await(end)

    def _await(self, end: float | None) -> bool:
        """Wait for a child that has closed its outputs; False when the time is up."""
        pause = 0.0002  # it is about to end, as a rule
        while not _has_ended(self._child):
            if self._on_wait is not None:
                self._on_wait()
            if end is not None and time.monotonic() >= end:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        return True

    def _communicate(self, end: float | None) -> bool:
        """Do the same where pipes cannot be waited for together (Windows): output is passed on at the end."""
        try:
            outputs = self._child.communicate(
                bytes(self._input) or None, None if end is None else end - time.monotonic()
            )
        except subprocess.TimeoutExpired:
            return False
        for name, data in zip(("stdout", "stderr"), outputs, strict=True):
            self._take(name, data)
        self._flush()
        return True

    def _serve_ready(self, selector: selectors.BaseSelector, wait: float) -> None:
        """Serve the pipes that become ready within `wait` seconds."""
        for key, _ in selector.select(wait):
            if not self._serve(key.data, key.fd):
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]

    def _serve(self, name: str, fd: int) -> bool:
        """Do what a pipe is ready for; False when it is finished."""
        try:
            if name == "stdin":
                self._input = self._input[os.write(fd, self._input[:PIPE_BUF]) :]
                return bool(self._input)
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False  # the child does not want the rest
        if data:
            self._take(name, data)
        return bool(data)

    def _take(self, name: str, data: bytes) -> None:
        self._taken[name].append(data)
        if self._on_output is None:
            return
        *lines, self._torn[name] = (self._torn[name] + data).split(b"\n")
        for line in lines:
            self._on_output(line + b"\n")

    def _flush(self) -> None:
        for rest in self._torn.values():
            if rest and self._on_output is not None:
                self._on_output(rest)

    def close(self) -> None:
        """Close what is still open."""
        _close(self._child)


def _has_ended(child: "subprocess.Popen[bytes]") -> bool:
    """Return whether a child has ended, and leave it to be waited for: until then its number stays its own."""
    if child.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except (ChildProcessError, AttributeError):
        return child.poll() is not None


def _close(child: "subprocess.Popen[bytes]") -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                pass


def _end(child: "subprocess.Popen[bytes]", *, group: bool) -> None:
    """Ask the child, and all that it started, to end; after a moment of grace, end them."""
    if child.returncode is not None:
        return  # its number may be somebody else's by now
    try:
        _signal(child, signal.SIGTERM, group=group)
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # those whom the child started may have ignored the first signal, or outlived it
        _signal(child, _KILL, group=group)
        child.wait()


def _signal(child: "subprocess.Popen[bytes]", number: int, *, group: bool) -> None:
    if child.returncode is not None and not group:
        return
    try:
        if group and hasattr(os, "killpg"):
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
    except (ProcessLookupError, PermissionError):
        pass
