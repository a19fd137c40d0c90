"""Find the environment that a command is about, and interpreters; bring an environment back in order.

What few commands ask of an environment is loaded when they do.
"""

import os
import sys

from commonwheel.errors import UsageError
from commonwheel.session.lifetime import once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.events import Reporter
    from commonwheel.install.recovery import Recovered
    from commonwheel.model import Environment, Installed, Interpreter, Target
    from commonwheel.process import Finished
    from commonwheel.python.discovery import Surroundings
    from commonwheel.session.run import Run
    from commonwheel.store.records import Records


# Commands that ask indexes.
_ASKING = frozenset(f"pip {name}" for name in ("install", "sync", "compile", "download", "wheel"))
# Commands that only look, and say where.
_TOLD_WHERE = frozenset(f"pip {name}" for name in ("list", "freeze", "show", "tree", "check"))


class Environments:
    """Find environments and interpreters for one run; `records` remember interpreters."""

    def __init__(self, run: "Run", records: "Callable[[], Records]") -> None:
        self.lifetime = run.lifetime
        self._run = run
        self._settings = run.settings
        self._environ = run.environ
        self._cwd = run.cwd
        self._command = run.command
        self._reporter = run.reporter
        self._records = records
        self._found: dict[bool, Environment] = {}
        self._told = False
        #: which Python a project wants, as a request; "" for none
        self.wish = ""
        self._meanwhile: Callable[[], object] | None = None

    @once
    def where(self) -> "Surroundings":
        """Return where and with what interpreters are looked for."""
        from commonwheel.python.discovery import Surroundings

        search = self._environ.get("CW_PYTHON_SEARCH_PATH") or self._environ.get("UV_PYTHON_SEARCH_PATH")
        return Surroundings(self._environ, self._cwd, self, self._probe, search, self._reporter, self._run.start)

    def get(self, key: str) -> bytes | None:
        """Return what is remembered of an interpreter (`python.interpreter.Memory`)."""
        return self._records().get("interpreters", key)

    def put(self, key: str, data: bytes) -> None:
        """Remember something of an interpreter."""
        self._records().put("interpreters", key, data)

    def _probe(self, argv: "Sequence[str]", *, timeout: float | None = None) -> "Finished":
        """Run an interpreter that nothing is remembered of: then pages are not either, and are asked for meanwhile."""
        from commonwheel import process

        asks = self._command in _ASKING and not self._settings.flag("offline")
        return process.run(argv, timeout=timeout, meanwhile=(self._meanwhile or _load_network) if asks else None)

    def current(self, *, mutating: bool, meanwhile: "Callable[[], object] | None" = None) -> "Environment":
        """Return the environment that the command is about.

        For a command that changes it: refused when another tool manages it. `meanwhile` is called, in a command that asks
        indexes, while an interpreter has to be asked. Raises what `environment.locate` raises.
        """
        found = self._found.get(mutating)
        if found is None:
            self._meanwhile = meanwhile
            try:
                found = self._found[mutating] = self._locate(mutating)
            finally:
                self._meanwhile = None
        return found

    def _locate(self, mutating: bool) -> "Environment":
        from commonwheel.python import environment as environments

        settings = self._settings
        if settings.text("target") and settings.text("prefix"):
            raise UsageError("`--target` and `--prefix` cannot be used together", hint="choose one of them")
        request = environments.EnvironmentRequest(
            settings.text("python") or "",
            system=settings.flag("system"),
            target=settings.text("target") or "",
            prefix=settings.text("prefix") or "",
            parent=_parent(),
            changes=mutating,
        )
        found = environments.locate(request, self.where)
        paths = settings.many("path")
        if paths:
            root = os.path.join(self._cwd, paths[0])
            found = environments.target_environment(root, found.interpreter)
        if mutating:
            environments.refuse_if_managed(found, settings.flag("break-system-packages"), self._environ)
        if not (found.root == os.path.join(self._cwd, ".venv") or self._told):
            self._told = True
            level = "info" if mutating or self._command in _TOLD_WHERE else "debug"
            self._reporter.note(level, _introduced(found, self._cwd))
        return found

    def use(self, environment: "Environment") -> None:
        """Let the command be about this environment."""
        self._found[True] = self._found[False] = environment

    def at(self, root: str) -> "Environment":
        """Return the environment in a directory."""
        from commonwheel.python import discovery
        from commonwheel.python import environment as environments

        return environments.environment_of(self.where.probe(discovery.environment_python(root)), self.where)

    def new(self, root: str, interpreter: "Interpreter") -> "Environment":
        """Make a virtual environment for a build."""
        from commonwheel.python import venv

        venv.create(root, interpreter, venv.Options(bare=True))
        return self.at(root)

    def interpreter(self, request: str | None) -> "Interpreter":
        """Return the interpreter that a request means, or the first one that is found."""
        from commonwheel.python import discovery
        from commonwheel.python import request as requests

        return discovery.find(requests.parse(request or ""), self.where)

    @once
    def for_builds(self) -> "Interpreter":
        """Return the interpreter that builds are made with: that of the environment which the command is about, if there is one."""
        for mutating in (True, False):
            if mutating in self._found:
                return self._found[mutating].interpreter
        return self.interpreter(self._settings.text("python") or self.wish)

    def wanted_python(self) -> str:
        """Return which Python the project here wants: `.python-version`, else its `requires-python`; "" where it does not say.

        Nothing is asked of the project under `--no-project`.
        """
        from commonwheel.python import discovery

        pinned = discovery.pinned(self.where)
        if pinned or self._settings.flag("no-project"):
            return pinned
        for place in discovery.upward(self._cwd):
            path = os.path.join(place, "pyproject.toml")
            data = self._run.start.read(path, _names_python)
            if data is None:
                continue
            # a TOML parser costs more than the whole of `cw venv`
            if b"requires-python" not in data:
                return ""
            from commonwheel.sources import projects

            return projects.parse(data, path).requires_python
        return ""

    def target(self, environment: "Environment") -> "Target":
        """Return what to resolve for: the environment's interpreter, or what `--python-version` and `--python-platform` say."""
        return self.target_of(environment.interpreter)

    def target_of(self, interpreter: "Interpreter") -> "Target":
        """Return what to resolve for: an interpreter, or what `--python-version` and `--python-platform` say."""
        version, platform = self._settings.text("python-version"), self._settings.text("python-platform")
        if not version and not platform:
            return interpreter.target
        from commonwheel.python import platforms

        return platforms.target(interpreter, version or "", platform or "", self._environ)

    def recover(self, environment: "Environment", *, always: bool = False) -> "Recovered":
        """Undo or finish what dead commands left in an environment; under `--dry-run` and `--check` only if `always`."""
        from commonwheel.install import recovery

        if self._settings.text("durability") == "sync":
            from commonwheel.fs import system_calls

            system_calls.hand_over()
        timeout = self._settings.number("lock-timeout")
        return recovery.recover(
            environment,
            _is_sound,
            self._reporter,
            trust=self._run.trust,
            lock_timeout=300.0 if timeout is None else timeout,
            look_only=not always and (self._settings.flag("dry-run") or self._settings.flag("check")),
        )


def problems(installed: "Sequence[Installed]", environment: "Environment", target: "Target") -> "list[str]":
    """Return a sentence for each installed requirement that is missing or not met."""
    from commonwheel.operations import installed_graph

    return installed_graph.problems(installed, environment, target)


def needed(installed: "Sequence[Installed]", environment: "Environment") -> "frozenset[str]":
    """Return the names that some of the installed distributions ask for."""
    from commonwheel.operations.installed_graph import Graph

    graph = Graph(installed, environment)
    return frozenset([child for node in graph.nodes.values() for child, _ in node.needs])


def direct_reference(reporter: "Reporter", one: "Installed") -> str:
    """Return the URL that brings a distribution of a direct source back, as `freeze` writes it; "" with a warning if it has none."""
    from commonwheel.specs import direct_url

    try:
        return direct_url.requirement_url(one.direct_url)
    except direct_url.InvalidDirectUrl as error:
        reporter.note("warning", error.message)
        return ""


def _names_python(data: bytes) -> bool:
    """Return whether a pyproject.toml may request a Python version."""
    return b"requires-python" in data


def _load_network() -> None:
    """Load what asks indexes, while an interpreter is asked."""
    from commonwheel.index import simple_api_client  # noqa: F401 - loaded, and perhaps not used yet
    from commonwheel.net import client  # noqa: F401


def _is_sound(location: str) -> bool:
    from commonwheel.install import verify

    return verify.is_sound(location)


def _parent() -> str:
    """Return the interpreter that runs `python -m commonwheel`, "" for the `cw` command."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return sys.executable if spec is not None and spec.name == "commonwheel.__main__" else ""


def _introduced(environment: "Environment", cwd: str) -> str:
    """Return, in uv's words, where a command looks; a directory of `--target` says nothing of its Python, so that is told."""
    interpreter = environment.interpreter
    version = ".".join(map(str, interpreter.version))
    if environment.kind in ("target", "prefix"):
        name = "CPython" if interpreter.implementation == "cpython" else interpreter.implementation
        return f"Using {name} {version} interpreter at: {_shown(interpreter.executable, cwd)}"
    root = interpreter.prefix if environment.kind == "system" else environment.root
    return f"Using Python {version} environment at: {_shown(root, cwd)}"


def _shown(path: str, cwd: str) -> str:
    """Return a path as a person would write it here."""
    return path.removeprefix(f"{cwd}{os.sep}")
