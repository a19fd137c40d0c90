"""Make metadata and wheels of source trees: static metadata first, then the backend in an environment of its own.

A tree is prepared at most once for each kind of wheel: the build environment that answered for its metadata builds its wheel
too, and gets that metadata back, as PEP 517 has it; what had to be built to know the metadata is not built again.

Laws of this file: builds happen in private scratch space, with an environment scrubbed of what belongs to the caller's
shell; it installs nothing itself (an `Isolation` is handed in) and keeps nothing (the session publishes what was built).
"""

import os
import time
import zipfile
from threading import Lock

from commonwheel.build import static
from commonwheel.build.backend import Backend, BuildFailed, Hooks
from commonwheel.build.output import Output
from commonwheel.fs import facts, trees
from commonwheel.model import Value
from commonwheel.specs import core_metadata, sources, versions, wheel_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final, Protocol

    from commonwheel.build.backend import Runner
    from commonwheel.events import Reporter
    from commonwheel.model import Metadata

    class Isolation(Protocol):
        """Make environments for builds."""

        def create(self, directory: str) -> str:
            """Make an empty environment below `directory`; return its interpreter."""

        def add(self, directory: str, requires: "Sequence[str]", project: str) -> bool:
            """Install into it what it lacks, and say whether it lacked anything. `requires` is all that the build needs."""


# Belongs to the shell that cw runs in, not to a build: it would leak modules or another environment into the child.
_SCRUBBED = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONEXECUTABLE",
    "PYTHONSAFEPATH",
    "PYTHONOPTIMIZE",
    "PYTHONWARNINGS",
    "PYTHONINSPECT",
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "__PYVENV_LAUNCHER__",
)
# Of a variable of ours, of uv's or pip's a build gets no secret: neither one that is named so, nor the login in a URL.
_OURS = ("CW_", "UV_", "PIP_")
_SECRETS = ("_USERNAME", "_PASSWORD", "_TOKEN")
_IDLE = 4  # backends that wait for their wheel to be wanted: each is a process with all that it imported
_PATIENCE = 60.0  # seconds after which a build is told to be still at it; then twice as long, and so on


class Tree(Value):
    """A project on disk: its directory, what to call it in messages, and the name and version it should have ("" any).

    `archived` says that it was unpacked from a source distribution, whose PKG-INFO counts. `guess` is the name that its files
    give it, for options that are about single packages; its backend has the last word. `place` is where the user said it is,
    for options of that line.
    """

    __slots__ = ("archived", "guess", "label", "name", "path", "place", "version")

    def __init__(
        self,
        path: str,
        label: str,
        name: str = "",
        version: str = "",
        *,
        archived: bool = False,
        guess: str = "",
        place: str = "",
    ) -> None:
        self.path: Final = path
        self.label: Final = label
        self.name: Final = name
        self.version: Final = version
        self.archived: Final = archived
        self.guess: Final = guess
        self.place: Final = place

    @property
    def called(self) -> str:
        """Return what options call this project, "" if nobody knows."""
        return self.name or self.guess


class Options(Value):
    """How to build: backend settings for all and for single ones, who builds without isolation, and with which interpreter.

    `settings_of` has names or places of projects; `tags` are what a wheel must fit to be of use, () for no matter.
    """

    __slots__ = ("environ", "open_packages", "open_to_all", "python", "settings", "settings_of", "tags")

    def __init__(
        self,
        python: str,
        environ: "Mapping[str, str]",
        settings: "Mapping[str, object] | None" = None,
        settings_of: "Mapping[str, Mapping[str, object]] | None" = None,
        *,
        open_to_all: bool = False,
        open_packages: "frozenset[str]" = frozenset(),
        tags: "tuple[str, ...]" = (),
    ) -> None:
        self.python: Final = python
        self.environ: Final = environ
        self.settings: Final[Mapping[str, object]] = settings or {}
        self.settings_of: Final[Mapping[str, Mapping[str, object]]] = settings_of or {}
        self.open_to_all: Final = open_to_all
        self.open_packages: Final = open_packages
        self.tags: Final = tags

    def settings_for(self, tree: Tree) -> "dict[str, object]":
        """Return the backend settings of one project."""
        return {**self.settings, **self.settings_of.get(tree.called, {}), **self.settings_of.get(tree.place, {})}

    def isolated(self, name: str) -> bool:
        """Return whether a package is built in an environment of its own."""
        return not self.open_to_all and name not in self.open_packages


class _Prepared:
    """A tree that can be built: the hooks, and what was made on the way to its metadata."""

    __slots__ = ("hooks", "metadata", "wheel")

    def __init__(self, hooks: Hooks) -> None:
        self.hooks: Final = hooks
        self.metadata: str | None = None
        self.wheel = ""


class Builder:
    """Build trees with one interpreter; safe to use from several threads for different trees.

    `scratch` is private space for all builds; what survives a failure (its log) goes to the directory `archive`.
    """

    def __init__(
        self,
        options: Options,
        isolation: "Isolation",
        runner: "Runner",
        scratch: str,
        archive: str,
        reporter: "Reporter",
        forbidden: "Callable[[str], str | None]" = lambda _: None,
        *,
        patience: float = _PATIENCE,
    ) -> None:
        self._options = options
        self._isolation = isolation
        self._runner = runner
        self._scratch = scratch
        self._archive = archive
        self._reporter = reporter
        self._forbidden = forbidden
        self._patience = patience
        self._prepared: dict[tuple[str, str], _Prepared] = {}
        self._resting = _Resting()

    # --- what can be asked for --------------------------------------------------------------------------------------

    def static_metadata(self, tree: Tree) -> "Metadata | None":
        """Return what the files of a tree say for good, None if only its backend knows; raises BuildFailed for another project."""
        found = static.metadata_of(tree.path, archived=tree.archived)
        if found is not None:
            self._check(tree, found.name, found.version)
        return found

    def metadata(self, tree: Tree, *, editable: bool = False) -> "Metadata":
        """Return the metadata of a tree, statically if possible.

        Raises BuildFailed when the backend fails, NotAProject, and BuildFailed again when the tree is another project.
        """
        found = self.static_metadata(tree)
        if found is None:
            found = self._dynamic(tree, "editable" if editable else "wheel")
            self._check(tree, found.name, found.version)
        return found

    def wheel(self, tree: Tree, into: str, *, editable: bool = False) -> str:
        """Build the wheel (or the editable wheel of PEP 660) of a tree into the directory `into`; return its path.

        Raises what `metadata` raises, and BuildFailed for a wheel that does not fit the interpreter it was built with.
        """
        kind = "editable" if editable else "wheel"
        with self._task(tree, "") as attend:
            prepared = self._prepare(tree, kind, attend)
            path = prepared.wheel
            if not path:
                path = prepared.hooks.build(kind, into, self._settings(tree), prepared.metadata)
            prepared.hooks.close()
        try:
            found = wheel_file.parse_filename(os.path.basename(path))
        except wheel_file.InvalidWheelName as error:
            raise BuildFailed(
                f"`{tree.label}` could not be built: its build backend made `{os.path.basename(path)}`",
                context=[error.message],
                hint="this is a fault of the build backend",
            ) from error
        self._check(tree, found.name, found.version)
        self._check_tags(tree, found)
        return path

    def sdist(self, tree: Tree, into: str) -> str:
        """Build the source distribution of a tree into the directory `into`; return its path. Raises as `metadata`."""
        with self._task(tree, " (sdist)") as attend:
            hooks = self._prepare(tree, "sdist", attend).hooks
            path = hooks.build("sdist", into, self._settings(tree))
            hooks.close()
            return path

    def close(self) -> None:
        """End the backends that told metadata and were not wanted again."""
        for prepared in list(self._prepared.values()):
            prepared.hooks.close()

    # --- on the way -------------------------------------------------------------------------------------------------

    def _dynamic(self, tree: Tree, kind: str) -> "Metadata":
        """Have the backend tell the metadata; one that cannot has to build the wheel, which is kept."""
        with self._task(tree, " (metadata)") as attend:
            prepared = self._prepare(tree, kind, attend)
            into = trees.staging(self._scratch)
            prepared.metadata = prepared.hooks.metadata(kind, into, self._settings(tree))
            if prepared.metadata is None:
                prepared.wheel = prepared.hooks.build(kind, into, self._settings(tree))
                return _read(lambda: _metadata_in(prepared.wheel), tree)
            path = os.path.join(prepared.metadata, "METADATA")
            return _read(lambda: _content(path), tree)

    def _prepare(self, tree: Tree, kind: str, attend: "Callable[[Hooks], None]") -> _Prepared:
        """Return the hooks of a tree in an environment that has all it needs for `kind`."""
        known = self._prepared.get((tree.path, kind))
        if known is not None:
            attend(known.hooks)
            return known
        reason = self._forbidden(tree.called) if kind != "editable" else None
        if reason:
            raise BuildFailed(
                f"`{tree.label}` would have to be built, but {reason}",
                hint="allow it, or ask for a version that has a wheel",
            )
        backend = static.backend_of(tree.path)
        isolated = self._options.isolated(tree.called)
        python, directory = self._options.python, ""
        if isolated:
            directory = trees.staging(self._scratch)
            python = self._isolation.create(directory)
        output = Output(self._scratch, self._archive, os.path.basename(tree.label.rstrip("/")))
        environ = self._environ(python, isolated=isolated)
        hooks = Hooks(tree.label, tree.path, backend, python, environ, self._runner, output, isolated=isolated)
        attend(hooks)
        if isolated:
            # it starts while the environment is filled
            hooks.begin()
            self._isolation.add(directory, backend.requires, tree.label)
            more = hooks.requires(kind, self._settings(tree))
            if more and self._isolation.add(directory, [*backend.requires, *more], tree.label):
                hooks.renew()
        self._prepared[tree.path, kind] = _Prepared(hooks)
        return self._prepared[tree.path, kind]

    def _task(self, tree: Tree, what: str) -> "_Task":
        return _Task(self._reporter, f"{tree.label}{what}", self._patience, self._resting)

    def _settings(self, tree: Tree) -> "dict[str, object]":
        return self._options.settings_for(tree)

    def _environ(self, python: str, *, isolated: bool) -> "dict[str, str]":
        """Return the environment of a build: the caller's, as far as it is not about some Python environment."""
        environ = {
            name: sources.without_logins(value) if name.startswith(_OURS) else value
            for name, value in self._options.environ.items()
            if name not in _SCRUBBED and not (name.startswith(_OURS) and name.endswith(_SECRETS))
        }
        folder = os.path.dirname(python)
        environ["PATH"] = os.pathsep.join(item for item in (folder, environ.get("PATH", os.defpath)) if item)
        environ["PYTHONNOUSERSITE"] = "1"
        if isolated and facts.my_user() == 0:
            # modes keep others from writing bytecode into the store's trees, which the tools of a build are links to
            environ["PYTHONDONTWRITEBYTECODE"] = "1"
        if isolated or os.path.exists(os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
            environ["VIRTUAL_ENV"] = os.path.dirname(folder)
        return environ

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

    def _check_tags(self, tree: Tree, wheel: wheel_file.WheelName) -> None:
        tags = wheel_file.expand_tags(wheel.python, wheel.abi, wheel.platform)
        if self._options.tags and not set(tags) & set(self._options.tags):
            raise BuildFailed(
                f"`{tree.label}` was built to a wheel that does not fit this interpreter",
                context=[
                    f"its tag is {wheel.python}-{wheel.abi}-{wheel.platform}, that of the interpreter {self._options.tags[0]}"
                ],
                hint="settings or variables that ask for another platform (cross compiling) may be in the way",
            )


class _Resting:
    """Hooks that nobody calls at the moment; of more than a few, the one that has rested longest is closed.

    One lock for all of it, so that nobody's process ends while he begins to call it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._hooks: list[Hooks] = []

    def add(self, hooks: Hooks) -> None:
        """Take hooks that are done with for now."""
        with self._lock:
            self._hooks += [hooks] if hooks.is_open else []
            while len(self._hooks) > _IDLE:
                self._hooks.pop(0).close()

    def take(self, hooks: Hooks) -> None:
        """Let hooks be called again; those that were ended begin anew by themselves."""
        with self._lock:
            self._hooks = [one for one in self._hooks if one is not hooks]


class _Task:
    """One build as its watchers see it: a task that stays in view, and a remark when it takes long.

    Entering it gives a function that makes hooks known to it.
    """

    def __init__(self, reporter: "Reporter", label: str, patience: float, resting: _Resting) -> None:
        self._reporter = reporter
        self._resting = resting
        self._label = label
        self._next = self._patience = patience
        self._number = 0
        self._began = 0.0
        self._hooks: Hooks | None = None

    def __enter__(self) -> "Callable[[Hooks], None]":
        self._number = self._reporter.begin("build", self._label)
        self._began = time.monotonic()
        return self._attend

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._reporter.end(self._number)
        if self._hooks is not None:
            self._hooks.on_wait = None
            if kind is None:
                self._resting.add(self._hooks)
            else:
                self._hooks.close()

    def _attend(self, hooks: Hooks) -> None:
        self._resting.take(hooks)
        self._hooks = hooks
        hooks.on_wait = self._waiting

    def _waiting(self) -> None:
        """Be called while the backend works: draw, and name what does not come to an end."""
        self._reporter.advance(self._number, 0)
        lasted = time.monotonic() - self._began
        if lasted >= self._next:
            self._next *= 2
            path = self._hooks.output.path if self._hooks is not None else ""
            self._reporter.note(
                "info", f"Still building {self._label} after {lasted:.0f} seconds; its output so far: {path}"
            )


def _read(get: "Callable[[], bytes]", tree: Tree) -> "Metadata":
    """Parse what a backend wrote; raises BuildFailed."""
    try:
        return core_metadata.parse(get())
    except (core_metadata.InvalidMetadata, zipfile.BadZipFile, OSError) as error:
        raise BuildFailed(
            f"`{tree.label}` could not be built: the metadata that its build backend wrote cannot be read",
            context=[str(error), *getattr(error, "context", ())],
            hint="this is a fault of the project or of its build backend",
        ) from error


def _content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _metadata_in(path: str) -> bytes:
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1:
                return wheel.read(name)
    raise FileNotFoundError("there is no METADATA in the wheel")


__all__ = ["Backend", "BuildFailed", "Builder", "Options", "Tree"]
