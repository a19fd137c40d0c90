"""Make metadata and wheels of source trees: static metadata first, then the backend in an environment of its own.

A tree is prepared at most once a process: the build environment that answered for its metadata builds its wheel too.

Laws of this file: builds happen in private scratch space, with an environment scrubbed of what belongs to the caller's
shell; it installs nothing itself (an `Isolation` is handed in) and keeps nothing (the session publishes what was built).
"""

import os
import zipfile

from commonwheel.build import static
from commonwheel.build.backend import Backend, BuildFailed, Hooks
from commonwheel.fs import disk
from commonwheel.model import Value
from commonwheel.specs import core_metadata, versions
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final, Protocol

    from commonwheel.build.backend import Run
    from commonwheel.events import Reporter
    from commonwheel.model import Metadata

    class Isolation(Protocol):
        """Make environments for builds."""

        def create(self, directory: str, requires: "Sequence[str]", project: str) -> str:
            """Make an environment below `directory` that holds `requires`; return its interpreter."""

        def add(self, directory: str, requires: "Sequence[str]", project: str) -> None:
            """Install more into it."""


# Belongs to the shell that cw runs in, not to a build: it would leak modules or another environment into the child.
_SCRUBBED = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONEXECUTABLE",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "__PYVENV_LAUNCHER__",
)


class Tree(Value):
    """A project on disk: its directory, what to call it in messages, and the name and version it should have ("" any)."""

    __slots__ = ("label", "name", "path", "version")

    def __init__(self, path: str, label: str, name: str = "", version: str = "") -> None:
        self.path: Final = path
        self.label: Final = label
        self.name: Final = name
        self.version: Final = version


class Options(Value):
    """How to build: backend settings for all and by package, who builds without isolation, and with which interpreter."""

    __slots__ = ("environ", "open_packages", "open_to_all", "python", "settings", "settings_of")

    def __init__(
        self,
        python: str,
        environ: "Mapping[str, str]",
        settings: "Mapping[str, object] | None" = None,
        settings_of: "Mapping[str, Mapping[str, object]] | None" = None,
        *,
        open_to_all: bool = False,
        open_packages: "frozenset[str]" = frozenset(),
    ) -> None:
        self.python: Final = python
        self.environ: Final = environ
        self.settings: Final[Mapping[str, object]] = settings or {}
        self.settings_of: Final[Mapping[str, Mapping[str, object]]] = settings_of or {}
        self.open_to_all: Final = open_to_all
        self.open_packages: Final = open_packages

    def for_package(self, name: str) -> "dict[str, object]":
        """Return the backend settings of one package."""
        return {**self.settings, **self.settings_of.get(name, {})}

    def isolated(self, name: str) -> bool:
        """Tell whether a package is built in an environment of its own."""
        return not self.open_to_all and name not in self.open_packages


class Builder:
    """Build trees with one interpreter; safe to use from several threads for different trees."""

    def __init__(
        self,
        options: Options,
        isolation: "Isolation",
        run: "Run",
        scratch: str,
        reporter: "Reporter",
        forbidden: "Callable[[str], str | None]" = lambda _: None,
    ) -> None:
        self._options = options
        self._isolation = isolation
        self._run = run
        self._scratch = scratch
        self._reporter = reporter
        self._forbidden = forbidden
        self._prepared: dict[tuple[str, str], Hooks] = {}

    def metadata(self, tree: Tree, *, editable: bool = False) -> "Metadata":
        """Return the metadata of a tree, statically if possible.

        Raises BuildFailed when the backend fails, NotAProject, and BuildFailed again when the tree is another project.
        """
        found = static.metadata_of(tree.path)
        if found is None:
            found = self._dynamic(tree, "editable" if editable else "wheel")
        self._check(tree, found.name, found.version)
        return found

    def wheel(self, tree: Tree, into: str, *, editable: bool = False) -> str:
        """Build the wheel (or the editable wheel of PEP 660) of a tree into the directory `into`; return its path."""
        kind = "editable" if editable else "wheel"
        task = self._reporter.begin("build", tree.label)
        try:
            hooks = self._hooks(tree, kind)
            path = hooks.build(kind, into, self._settings(tree))
        finally:
            self._reporter.end(task)
        name, _, rest = os.path.basename(path).partition("-")
        self._check(tree, normalize(name), rest.partition("-")[0])
        return path

    def sdist(self, tree: Tree, into: str) -> str:
        """Build the source distribution of a tree into the directory `into`; return its path."""
        task = self._reporter.begin("build", tree.label)
        try:
            return self._hooks(tree, "sdist").build("sdist", into, self._settings(tree))
        finally:
            self._reporter.end(task)

    def _dynamic(self, tree: Tree, kind: str) -> "Metadata":
        task = self._reporter.begin("build", f"{tree.label} (metadata)")
        try:
            hooks = self._hooks(tree, kind)
            into = disk.staging(self._scratch)
            directory = hooks.metadata(kind, into, self._settings(tree))
            if directory is None:
                return _metadata_of_wheel(hooks.build(kind, into, self._settings(tree)), tree)
            with open(os.path.join(directory, "METADATA"), "rb") as stream:
                return core_metadata.parse(stream.read())
        except FileNotFoundError as error:
            raise BuildFailed(
                f"`{tree.label}` could not be built: its backend wrote no METADATA",
                hint="this is a fault of the build backend",
            ) from error
        finally:
            self._reporter.end(task)

    def _hooks(self, tree: Tree, kind: str) -> Hooks:
        """Return the hooks of a tree in an environment that has all it needs for `kind`."""
        known = self._prepared.get((tree.path, kind))
        if known is not None:
            return known
        reason = self._forbidden(tree.name)
        if reason:
            raise BuildFailed(f"`{tree.label}` would have to be built, but {reason}")
        backend = static.backend_of(tree.path)
        python, directory = self._options.python, ""
        if self._options.isolated(tree.name):
            directory = disk.staging(self._scratch)
            python = self._isolation.create(directory, backend.requires, tree.label)
        hooks = Hooks(tree.label, tree.path, backend, python, self._environ(python), self._run, self._keep)
        if directory:
            more = hooks.requires(kind, self._settings(tree))
            if more:
                self._isolation.add(directory, [*backend.requires, *more], tree.label)
        self._prepared[tree.path, kind] = hooks
        return hooks

    def _settings(self, tree: Tree) -> "dict[str, object]":
        return self._options.for_package(tree.name)

    def _environ(self, python: str) -> "dict[str, str]":
        environ = {name: value for name, value in self._options.environ.items() if name not in _SCRUBBED}
        folder = os.path.dirname(python)
        environ["PATH"] = os.pathsep.join(item for item in (folder, environ.get("PATH", os.defpath)) if item)
        environ["PYTHONNOUSERSITE"] = "1"
        if os.path.exists(os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
            environ["VIRTUAL_ENV"] = os.path.dirname(folder)
        return environ

    def _keep(self, lines: "Sequence[str]") -> str:
        """Write the whole output of a failed build where it outlives the scratch space, and return the path."""
        path = disk.temporary(os.path.dirname(self._scratch), "build-log-") + ".txt"
        disk.write(path, ("\n".join(lines) + "\n").encode(errors="surrogateescape"), 0o600)
        return path

    def _check(self, tree: Tree, name: str, version: str) -> None:
        if tree.name and name != tree.name:
            raise BuildFailed(
                f"`{tree.label}` was asked for as `{tree.name}`, but its metadata calls it `{name}`",
                hint=f"write `{name} @ ...` if that is what you want",
            )
        if tree.version and not versions.same_version(version, tree.version):
            raise BuildFailed(
                f"`{tree.label}` should have version {tree.version}, but its metadata says {version}",
                hint="the file is named wrongly, or was made for another version: tell its authors",
            )


def _metadata_of_wheel(path: str, tree: Tree) -> "Metadata":
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1:
                return core_metadata.parse(wheel.read(name))
    raise BuildFailed(f"the wheel that `{tree.label}` was built to holds no METADATA")


__all__ = ["Backend", "BuildFailed", "Builder", "Options", "Tree"]
