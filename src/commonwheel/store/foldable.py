"""Decide which directories of a wheel may be one link each (GNU Stow's tree folding).

A directory is folded when this wheel owns it alone: a package, or a directory without any Python. Namespace packages are
shared by design, so what is folded are the directories below them. Whether two wheels of one environment claim the same
directory all the same, only the installer can see (install/layout.py).

Laws of this file: pure.
"""

import posixpath

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

_PYTHON = (".py", ".pyi", ".so", ".pyd", ".pyc")
_ORIGINS = ("$ORIGIN", "${ORIGIN}")


class FoldPlan(Value):
    """The directories that may be one link each, and if there are none for a special reason, that reason."""

    __slots__ = ("foldable", "unfolded")

    def __init__(self, foldable: tuple[str, ...], unfolded: str = "") -> None:
        self.foldable: Final = foldable
        self.unfolded: Final = unfolded


def plan(
    paths: "Iterable[str]",
    placed: tuple[str, ...],
    shared: "frozenset[str]" = frozenset(),
    search_paths: "Mapping[str, tuple[str, ...]] | None" = None,
) -> FoldPlan:
    """Return what may be folded of a wheel with these files.

    `placed` are the top directories whose files all have places of their own (dist-info, data); `shared` are the packages
    whose `__init__` says that others may add to them; `search_paths` maps shared objects to their RPATH and RUNPATH.
    """
    tree = _Tree()
    for path in paths:
        if path.partition("/")[0] not in placed:
            tree.add(path)
    foldable = tuple(sorted(tree.foldable("", shared)))
    reason = _way_out(search_paths or {}, foldable, tree)
    return FoldPlan((), reason) if reason else FoldPlan(foldable)


class _Tree:
    """The directories of a wheel: what is below each, which are packages, which hold Python at all."""

    def __init__(self) -> None:
        self.below: dict[str, set[str]] = {"": set()}
        self.packages: set[str] = set()
        self.python: set[str] = set()

    def add(self, path: str) -> None:
        directory, _, name = path.rpartition("/")
        if directory not in self.below:
            self._add_directory(directory)
        if name.startswith("__init__.") and name.endswith(_PYTHON):
            self.packages.add(directory)
        if name.endswith(_PYTHON):
            while directory and directory not in self.python:
                self.python.add(directory)
                directory = directory.rpartition("/")[0]

    def _add_directory(self, directory: str) -> None:
        self.below[directory] = set()
        above = directory.rpartition("/")[0]
        if above not in self.below:
            self._add_directory(above)
        self.below[above].add(directory)

    def foldable(self, directory: str, shared: "frozenset[str]") -> list[str]:
        found: list[str] = []
        for inner in self.below[directory]:
            # `numpy.libs` cannot be imported, whatever is in it
            closed = not inner.rpartition("/")[2].isidentifier()
            if (closed or inner in self.packages or inner not in self.python) and inner not in shared:
                found.append(inner)
            else:
                found += self.foldable(inner, shared)
        return found


def _way_out(search_paths: "Mapping[str, tuple[str, ...]]", foldable: tuple[str, ...], tree: _Tree) -> str:
    """Return which shared object looks outside of the wheel from inside a folded directory, or ""."""
    for path, entries in sorted(search_paths.items()):
        folded = next((directory for directory in foldable if path.startswith(f"{directory}/")), None)
        if folded is None:
            continue
        for entry in entries:
            where = _from_origin(posixpath.dirname(path), entry)
            inside = where is None or where in tree.below or f"{where}/".startswith(f"{folded}/")
            if not inside:
                return f"`{path}` looks for libraries in `{entry}`, which is not in the wheel"
    return ""


def _from_origin(directory: str, entry: str) -> str | None:
    """Return where a search path leads, relative to the tree, or None if it does not depend on the file's place."""
    for origin in _ORIGINS:
        if entry.startswith(origin):
            return posixpath.normpath(f"{directory}/{entry[len(origin) :]}")
    return None
