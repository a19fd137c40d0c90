"""Ask a build backend (PEP 517, PEP 660) what it needs, what it makes, and to make it.

`pyproject_hooks`, PyPA's own, speaks to the backend: one child process a call, in the interpreter of the build
environment. The child's output is caught; on failure its last lines and the place of the whole log are part of the error.

Laws of this file: it starts processes only by the `run` it is handed; it never writes into the source tree on its own
account; whatever the backend does, it ends with a result or one BuildFailed.
"""

import os

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

    class Run(Protocol):
        """Run a command in a directory and return its exit status; every line of output goes to `on_line`."""

        def __call__(
            self, argv: "Sequence[str]", *, cwd: str, env: "Mapping[str, str]", on_line: "Callable[[str], None]"
        ) -> int:
            """Run it."""


_TAIL = 25  # lines of output shown with a failure


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


LEGACY = Backend("setuptools.build_meta:__legacy__", ("setuptools >= 40.8.0",), declared=False)


class Hooks:
    """Call the hooks of one backend for one source tree.

    `python` is the interpreter of the build environment; `log` is the path that the output is appended to by `keep`.
    """

    def __init__(
        self,
        project: str,
        tree: str,
        backend: Backend,
        python: str,
        environ: "Mapping[str, str]",
        run: "Run",
        keep: "Callable[[Sequence[str]], str]",
    ) -> None:
        self.project: Final = project
        self._environ = environ
        self._run = run
        self._keep = keep
        self._lines: list[str] = []
        self._caller = BuildBackendHookCaller(
            tree,
            backend.name,
            backend_path=list(backend.path) or None,
            runner=self._spawn,
            python_executable=python,
        )

    def requires(self, kind: str, settings: "Mapping[str, object]") -> tuple[str, ...]:
        """Return what the backend needs besides `build-system.requires`; `kind` is `wheel`, `sdist` or `editable`."""
        hook = getattr(self._caller, f"get_requires_for_build_{kind}")
        found = self._called(f"get_requires_for_build_{kind}", lambda: hook(dict(settings) or None))
        return tuple(str(item) for item in found)

    def metadata(self, kind: str, directory: str, settings: "Mapping[str, object]") -> str | None:
        """Write a `.dist-info` into `directory` and return its path; None when the backend cannot (a wheel must be built)."""
        hook = getattr(self._caller, f"prepare_metadata_for_build_{kind}")
        try:
            name = self._called(
                f"prepare_metadata_for_build_{kind}",
                lambda: hook(directory, dict(settings) or None, _allow_fallback=False),
            )
        except _Missing:
            return None
        return os.path.join(directory, str(name))

    def build(
        self, kind: str, directory: str, settings: "Mapping[str, object]", metadata_directory: str | None = None
    ) -> str:
        """Build a `wheel`, `sdist` or `editable` wheel into `directory` and return its path."""
        hook = getattr(self._caller, f"build_{kind}")
        arguments: tuple[object, ...] = (directory, dict(settings) or None)
        if kind != "sdist":
            arguments += (metadata_directory,)
        try:
            name = self._called(f"build_{kind}", lambda: hook(*arguments))
        except _Missing as error:
            raise BuildFailed(
                f"the build backend of `{self.project}` has no `build_{kind}`",
                hint="install the project without `--editable`" if kind == "editable" else "use another build backend",
            ) from error
        path = os.path.join(directory, os.path.basename(str(name)))
        if not os.path.isfile(path):
            raise BuildFailed(
                f"the build backend of `{self.project}` says it built `{name}`, but there is no such file",
                hint="this is a fault of the build backend",
            )
        return path

    def _called(self, hook: str, call: "Callable[[], object]") -> "Sequence[object] | str":
        self._lines = []
        try:
            return call()  # type: ignore[return-value]
        except HookMissing as error:
            raise _Missing(hook) from error
        except UnsupportedOperation as error:
            raise self._failed(hook, "the backend says that it does not support this") from error
        except BackendUnavailable as error:
            raise self._failed(
                hook,
                f"the backend `{error.backend_name or ''}` cannot be imported: {_last_line(error.traceback)}",
                hint="`build-system.requires` in pyproject.toml must name what provides the backend",
            ) from error
        except BackendInvalid as error:
            raise self._failed(hook, f"`backend-path` is wrong: {_last_line(error.traceback)}") from error
        except _ChildFailed as error:
            raise self._failed(hook, f"the build backend ended with status {error.status}") from error

    def _failed(self, hook: str, why: str, hint: str | None = None) -> BuildFailed:
        log = self._keep(self._lines)
        tail = [line for line in self._lines if line.strip()][-_TAIL:]
        context = [why]
        if tail:
            context += [f"last lines of its output (all of them: {log}):", *(f"  {line}" for line in tail)]
        return BuildFailed(
            f"`{self.project}` could not be built: `{hook}` failed",
            context=context,
            hint=hint or _diagnosis(self._lines),
        )

    def _spawn(
        self, cmd: "Sequence[str]", cwd: str | None = None, extra_environ: "Mapping[str, str] | None" = None
    ) -> None:
        environ = {**self._environ, **(extra_environ or {})}
        status = self._run(cmd, cwd=cwd or os.curdir, env=environ, on_line=self._lines.append)
        if status:
            raise _ChildFailed(status)


class _ChildFailed(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Missing(Exception):
    """The backend lacks an optional hook."""


def _last_line(text: object) -> str:
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _diagnosis(lines: "Sequence[str]") -> str | None:
    """Return a hint for the failures that everybody meets: a module, header, library or program that is missing."""
    text = "\n".join(lines[-200:])
    for start, end, hint in _CLUES:
        at = text.find(start)
        if at >= 0:
            rest = text[at + len(start) :].split("\n", 1)[0]
            what = rest.split(end, 1)[0].strip(" '\"`") if end else ""
            return hint.format(what)
    return None


_CLUES = (
    (
        "ModuleNotFoundError: No module named",
        "\n",
        "the build needs the module `{}`, which the project does not declare: tell its authors, or install it and use `--no-build-isolation`",
    ),
    ("fatal error: Python.h", "", "install the headers of this Python (Debian: python3-dev)"),
    ("fatal error: ", ":", "a C header is missing: install the development package that has `{}`"),
    ("cannot find -l", "\n", "a library is missing: install the development package of `{}`"),
    ("error: command '", "'", "the compiler `{}` failed or is missing: see the lines above"),
    ("Unknown compiler(s)", "", "no compiler was found: install one (Debian: gcc, g++)"),
    ("can't find Rust compiler", "", "this project needs a Rust compiler"),
)
