"""Ask a build backend (PEP 517, PEP 660) what it needs, what it makes, and to make it.

`speech` speaks to the backend: one child process a call, in the interpreter of the build environment. The child's output is
caught; on failure its last lines and the place of the whole log are part of the error.

Laws of this file: it starts processes only by the `run` it is handed; it never writes into the source tree on its own
account; whatever the backend does, it ends with a result or one BuildFailed.
"""

import os

from commonwheel.errors import CommonwheelError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final, Protocol

    from commonwheel.build.output import Output

    class Server(Protocol):
        """Call hooks in copies of one process (`hook_server`)."""

        def load(self, module: str, *, more: bool) -> None:
            """Import a module ("" for none), before the first call; `more` says that something was installed since the start."""

        def call(
            self,
            words: "Sequence[str]",
            environ: "Mapping[str, str]",
            on_line: "Callable[[bytes], object]",
            on_wait: "Callable[[], object] | None",
        ) -> int:
            """Do what `python WORDS...` would do with some variables more, and return its exit status.

            If it has ended, its last words go to `on_line`.
            """

        def close(self) -> None:
            """End it, with all that its hooks left running."""

    class Runner(Protocol):
        """Run what speaks to a backend; `sources.subprocesses.Children` is the real one."""

        def speech(self) -> "Callable[..., object]":
            """Return `speech.call`; it is asked for while the backend is being imported."""

        def serve(self, python: str, *, cwd: str, env: "Mapping[str, str]", log: str) -> "Server | None":
            """Start a server that writes to the file `log`; None where there are none."""

        def build(
            self,
            argv: "Sequence[str]",
            *,
            cwd: str,
            env: "Mapping[str, str]",
            on_line: "Callable[[bytes], None]",
            on_wait: "Callable[[], object] | None",
        ) -> int:
            """Run a command in a directory to its end and return its exit status.

            Every line of output goes to `on_line`; `on_wait` is called often; what either raises ends the command.
            """


class BuildFailed(CommonwheelError):
    """A project could not be built: names the step, what the backend printed, and where the full output is."""

    code = "build-failed"


class Missing(Exception):
    """A backend lacks an optional hook."""


class NoAnswer(Exception):
    """A hook returned nothing; `absent` if there is no backend at all."""

    def __init__(self, why: str, *, absent: bool = False) -> None:
        super().__init__(why)
        self.why: Final = why
        self.absent: Final = absent


class Backend(Value):
    """What `[build-system]` says: requirements, the backend's object path, and directories to find it in.

    `declared` is False where the project says nothing and setuptools' legacy backend is meant (PEP 517).
    """

    __slots__ = ("declared", "name", "path", "requires")

    def __init__(
        self, name: str, requires: "tuple[str, ...]", path: "tuple[str, ...]" = (), *, declared: bool = True
    ) -> None:
        self.name: Final = name
        self.requires: Final = requires
        self.path: Final = path
        self.declared: Final = declared


LEGACY = Backend("setuptools.build_meta:__legacy__", ("setuptools >= 40.8.0",), declared=False)


class Hooks:
    """Call the hooks of one backend for one source tree.

    `python` is the interpreter to build with; `isolated` says whether its environment was made for this build; `on_wait` is
    called while a hook runs, and may end it. Where it can be, the interpreter is started and the backend imported once for
    all hooks: `begin` starts it before its environment is complete, `renew` begins anew after more was installed, `close` ends it.
    """

    def __init__(
        self,
        project: str,
        tree: str,
        backend: Backend,
        python: str,
        environ: "Mapping[str, str]",
        runner: "Runner",
        output: "Output",
        *,
        isolated: bool = True,
    ) -> None:
        self.project: Final = project
        self.output: Final = output
        self.on_wait: Callable[[], object] | None = None
        self._backend = backend
        self._environ = environ
        self._python = python
        self._tree = tree
        self._runner = runner
        self._server: Server | None = None
        self._is_early = False
        self._isolated = isolated

    def begin(self) -> None:
        """Start the interpreter before anything is installed that the backend needs; that may be until the first hook is called."""
        self.output.begin(f"{self._backend.name} for {self.project}")
        self._start()
        self._is_early = True

    def _start(self) -> None:
        if self.output.path:
            self._server = self._runner.serve(self._python, cwd=self._tree, env=self._environ, log=self.output.path)

    def requires(self, kind: str, settings: "Mapping[str, object]") -> tuple[str, ...]:
        """Return what the backend needs besides `build-system.requires`; `kind` is `wheel`, `sdist` or `editable`."""
        name = f"get_requires_for_build_{kind}"
        found = self._called(name, dict(settings) or None)
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self._broken(name, f"it returned {found!r:.80}, which is no list of requirements")
        return tuple(found)

    def metadata(self, kind: str, directory: str, settings: "Mapping[str, object]") -> str | None:
        """Write a `.dist-info` into `directory` and return its path; None when the backend cannot (a wheel must be built)."""
        name = f"prepare_metadata_for_build_{kind}"
        try:
            found = self._called(name, directory, dict(settings) or None, _allow_fallback=False)
        except Missing:
            return None
        path = os.path.join(directory, str(found))
        if not isinstance(found, str) or not os.path.isfile(os.path.join(path, "METADATA")):
            raise self._broken(name, f"it wrote no METADATA into `{found!s:.80}`")
        return path

    def build(
        self, kind: str, directory: str, settings: "Mapping[str, object]", metadata_directory: str | None = None
    ) -> str:
        """Build a `wheel`, `sdist` or `editable` wheel into `directory` and return its path."""
        name = f"build_{kind}"
        arguments: tuple[object, ...] = (directory, dict(settings) or None)
        if kind != "sdist":
            arguments += (metadata_directory,)
        try:
            found = self._called(name, *arguments)
        except Missing as error:
            raise BuildFailed(
                f"`{self.project}` cannot be built: its build backend `{self._backend.name}` has no `{name}`",
                hint="install the project without `--editable`, or ask for a newer version of the backend in `build-system.requires`"
                if kind == "editable"
                else "this is a fault of the build backend",
            ) from error
        path = os.path.join(directory, os.path.basename(str(found)))
        if not isinstance(found, str) or not os.path.isfile(path):
            raise self._broken(name, f"it says that it built `{found!s:.80}`, but there is no such file")
        return path

    def _called(self, hook: str, *arguments: object, **keywords: object) -> object:
        """Return what a hook returned; raises BuildFailed, and Missing where the backend has no such hook."""
        self.output.begin(f"{hook} of {self.project}, by {self._backend.name}")
        self._load()
        call = self._runner.speech()
        try:
            return call(self._backend, self._tree, self._python, self._spawn, hook, arguments, keywords)
        except NoAnswer as error:
            raise self._failed(hook, error.why, self._where_from() if error.absent else None) from error
        except _ChildFailed as error:
            raise self._failed(hook, f"the build backend ended with {_status(error.status)}") from error

    def _where_from(self) -> str:
        """Return what to do about a backend that is not there."""
        if not self._isolated:
            needed = " ".join(self._backend.requires)
            return f"builds without isolation use what the environment has: install {needed} there first"
        if self._backend.path:
            return "`build-system.backend-path` in pyproject.toml must name the directory that holds the backend"
        return "`build-system.requires` in pyproject.toml must name what provides the backend"

    def _failed(self, hook: str, why: str, hint: str | None = None) -> BuildFailed:
        tail = self.output.tail()
        log = self.output.keep()
        context = [why]
        if tail:
            context += [f"the last lines of its output (all of it: {log}):", *(f"  {line}" for line in tail)]
        return BuildFailed(
            f"`{self.project}` could not be built: `{hook}` failed",
            context=context,
            hint=hint or diagnosis(self.output.lines, isolated=self._isolated),
        )

    def _broken(self, hook: str, what: str) -> BuildFailed:
        return BuildFailed(
            f"`{self.project}` could not be built: its build backend `{self._backend.name}` is broken",
            context=[f"`{hook}`: {what}"],
            hint="this is a fault of the build backend: tell its authors",
        )

    @property
    def is_open(self) -> bool:
        """Return whether a process or a file is kept for further hooks."""
        return self._server is not None or self.output.is_open

    def renew(self) -> None:
        """Let the next hook find what was installed since the last one."""
        server, self._server = self._server, None
        self._is_early = False
        if server is not None:
            server.close()

    def close(self) -> None:
        """End what is kept for further hooks; they begin anew."""
        self.renew()
        self.output.close()

    def _load(self) -> None:
        """Have a server that has imported the backend, where there can be one."""
        is_early, self._is_early = self._is_early, False
        if self._server is None:
            self._start()
        elif not is_early:
            return
        if self._server is not None:
            # a backend in the tree is found by a path that only its hooks know
            self._server.load("" if self._backend.path else self._backend.name.partition(":")[0], more=is_early)

    def _spawn(
        self, cmd: "Sequence[str]", cwd: str | None = None, extra_environ: "Mapping[str, str] | None" = None
    ) -> None:
        more = extra_environ or {}
        if self._server is None:
            environ = {**self._environ, **more}
            status = self._runner.build(
                cmd, cwd=cwd or os.curdir, env=environ, on_line=self.output.add, on_wait=self.on_wait
            )
        else:
            try:
                status = self._server.call(cmd[1:], more, self.output.add, self.on_wait)
            except BaseException:
                self.close()
                raise
        if status:
            raise _ChildFailed(status)


class _ChildFailed(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _status(status: int) -> str:
    return f"status {status}" if status > 0 else f"signal {-status}"


def diagnosis(lines: "Sequence[str]", *, isolated: bool = True) -> str | None:
    """Return a hint for the failures that everybody meets: a module, header, library or program that is missing."""
    text = "\n".join(lines)
    for start, end, hint in _CLUES:
        at = text.find(start)
        if at >= 0:
            rest = text[at + len(start) :].split("\n", 1)[0]
            what = rest.split(end, 1)[0].strip(" '\"`") if end else ""
            return (hint if isolated or start != _NO_MODULE else _NOT_THERE).format(what)
    return None


_NO_MODULE = "ModuleNotFoundError: No module named"
_NOT_THERE = "builds without isolation use what the environment has: install what provides the module `{}` there first"
_CLUES = (
    (
        _NO_MODULE,
        "\n",
        "the build needs the module `{}`, which the project does not declare: tell its authors, or install it and use `--no-build-isolation`",
    ),
    ("fatal error: Python.h", "", "install the headers of this Python (Debian: python3-dev)"),
    ("fatal error: ", ":", "a C header is missing: install the development package that has `{}`"),
    ("cannot find -l", ":", "a library is missing: install the development package of `{}`"),
    ("error: command '", "'", "the compiler `{}` failed or is missing: see the lines above"),
    ("Unknown compiler(s)", "", "no compiler was found: install one (Debian: gcc, g++)"),
    ("No CMAKE_C_COMPILER could be found", "", "no compiler was found: install one (Debian: gcc, g++)"),
    ("can't find Rust compiler", "", "this project needs a Rust compiler"),
    ("rustc, the rust compiler, is not installed", "", "this project needs a Rust compiler"),
)
