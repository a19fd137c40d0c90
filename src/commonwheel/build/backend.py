"""Ask a build backend (PEP 517, PEP 660) what it needs, what it makes, and to make it.

`pyproject_hooks`, PyPA's own, speaks to the backend: one child process a call, in the interpreter of the build
environment. The child's output is caught; on failure its last lines and the place of the whole log are part of the error.

Laws of this file: it starts processes only by the `run` it is handed; it never writes into the source tree on its own
account; whatever the backend does, it ends with a result or one BuildFailed.
"""

import os
import warnings

import pyproject_hooks
from pyproject_hooks import (
    BackendInvalid,
    BackendUnavailable,
    BuildBackendHookCaller,
    HookMissing,
    UnsupportedOperation,
)

from commonwheel.errors import CommonwheelError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final, Protocol

    from commonwheel.build.output import Output

    class Server(Protocol):
        """Call hooks in copies of one process (`hook_server`)."""

        def call(
            self,
            words: "Sequence[str]",
            on_line: "Callable[[bytes], object]",
            on_wait: "Callable[[], object] | None",
        ) -> int:
            """Do what `python WORDS...` would do, and return its exit status; if it has ended, tell its last words to `on_line`."""

        def close(self) -> None:
            """End it, with all that its hooks left running."""

    class Runner(Protocol):
        """Run what speaks to a backend; `road.children.Children` is the real one."""

        def serve(self, python: str, module: str, *, cwd: str, env: "Mapping[str, str]", log: str) -> "Server | None":
            """Start a server that has imported `module` and writes to the file `log`; None where there are none."""

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
    """Say which project could not be built, in which step, what the backend said, and where the rest stands."""

    code = "build-failed"


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


# Since 1.3 what a backend warns of is said again in our process; it stands in the log, with all else that it said.
_AGAIN: type[Warning] | None = getattr(pyproject_hooks, "BuildBackendWarning", None)

LEGACY = Backend("setuptools.build_meta:__legacy__", ("setuptools >= 40.8.0",), declared=False)


class Hooks:
    """Call the hooks of one backend for one source tree.

    `python` is the interpreter to build with; `isolated` says whether its environment was made for this build; `on_wait` is
    called while a hook runs, and may end it. Where it can be, the interpreter is started and the backend imported once for
    all hooks: `renew` begins anew after more was installed, `close` ends it.
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
        self._isolated = isolated
        self._caller = BuildBackendHookCaller(
            tree,
            backend.name,
            backend_path=list(backend.path) or None,
            runner=self._spawn,
            python_executable=python,
        )

    def requires(self, kind: str, settings: "Mapping[str, object]") -> tuple[str, ...]:
        """Return what the backend needs besides `build-system.requires`; `kind` is `wheel`, `sdist` or `editable`."""
        name = f"get_requires_for_build_{kind}"
        hook = getattr(self._caller, name)
        found = self._called(name, lambda: hook(dict(settings) or None))
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self._broken(name, f"it returned {found!r:.80}, which is no list of requirements")
        return tuple(found)

    def metadata(self, kind: str, directory: str, settings: "Mapping[str, object]") -> str | None:
        """Write a `.dist-info` into `directory` and return its path; None when the backend cannot (a wheel must be built)."""
        name = f"prepare_metadata_for_build_{kind}"
        hook = getattr(self._caller, name)
        try:
            found = self._called(name, lambda: hook(directory, dict(settings) or None, _allow_fallback=False))
        except _Missing:
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
        hook = getattr(self._caller, name)
        arguments: tuple[object, ...] = (directory, dict(settings) or None)
        if kind != "sdist":
            arguments += (metadata_directory,)
        try:
            found = self._called(name, lambda: hook(*arguments))
        except _Missing as error:
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

    def _called(self, hook: str, call: "Callable[[], object]") -> object:
        self.output.begin(f"{hook} of {self.project}, by {self._backend.name}")
        if _AGAIN is not None:
            warnings.filterwarnings("ignore", category=_AGAIN)
        try:
            return call()
        except HookMissing as error:
            raise _Missing(hook) from error
        except UnsupportedOperation as error:
            raise self._failed(hook, "the backend says that it cannot do this here") from error
        except BackendUnavailable as error:
            raise self._failed(
                hook,
                f"the backend `{error.backend_name or self._backend.name}` cannot be imported: {_last_line(error.traceback)}",
                self._where_from(),
            ) from error
        except BackendInvalid as error:
            raise self._failed(hook, f"`backend-path` is wrong: {_last_line(error.traceback)}") from error
        except _ChildFailed as error:
            raise self._failed(hook, f"the build backend ended with {_status(error.status)}") from error
        except (FileNotFoundError, ValueError) as error:
            # `pyproject_hooks` found no answer, or none that is JSON
            raise self._failed(hook, "the build backend ended without an answer") from error

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
        """Tell whether a process or a file is kept for further hooks."""
        return self._server is not None or self.output.is_open

    def renew(self) -> None:
        """Let the next hook find what was installed since the last one."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def close(self) -> None:
        """End what is kept for further hooks; they begin anew."""
        self.renew()
        self.output.close()

    def _spawn(
        self, cmd: "Sequence[str]", cwd: str | None = None, extra_environ: "Mapping[str, str] | None" = None
    ) -> None:
        environ = {**self._environ, **(extra_environ or {})}
        if self._server is None and self.output.path:
            # a backend in the tree is found by a path that only its hooks know
            module = "" if self._backend.path else self._backend.name.partition(":")[0]
            self._server = self._runner.serve(self._python, module, cwd=self._tree, env=environ, log=self.output.path)
        if self._server is None:
            status = self._runner.build(
                cmd, cwd=cwd or os.curdir, env=environ, on_line=self.output.add, on_wait=self.on_wait
            )
        else:
            try:
                status = self._server.call(cmd[1:], self.output.add, self.on_wait)
            except BaseException:
                self.close()
                raise
        if status:
            raise _ChildFailed(status)


class _ChildFailed(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Missing(Exception):
    """The backend lacks an optional hook."""


def _status(status: int) -> str:
    return f"status {status}" if status > 0 else f"signal {-status}"


def _last_line(text: object) -> str:
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


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
