"""`cw tree`: what the packages of a lock need, and who needs them."""

import time

from commonwheel.commands.lock import open_project
from commonwheel.commands.sync import updated_lock, wanted_python
from commonwheel.operations import outdated
from commonwheel.project import environments, selection, syncing
from commonwheel.project.freshness import variable
from commonwheel.project.trees import Graph, Style, Tree
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.project.opening import Opened
    from commonwheel.project.parts import Parts
    from commonwheel.project.updating import Updated
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed
    from commonwheel.specs.uv_lock import Package

_UNITS = ("B", "KiB", "MiB", "GiB")


def tree(session: "Session", _: "Parsed") -> "list[str]":
    """Return the lines of the tree of the lock, for this interpreter unless `--universal`."""
    started = time.perf_counter()
    parts = session.projects()
    opened = open_project(parts)
    settings = parts.settings
    updated = updated_lock(parts, opened, started)
    lock = updated.lock
    choice = syncing.choice(settings, opened).replaced(members=(), whole=True)
    selected = selection.select(lock, choice)
    environment = None if settings.flag("universal") else _environment(parts, opened, updated)
    active = frozenset(map(variable, selected.variables()))
    graph = Graph(lock, selected, environment, active)
    depth = settings.number("depth")
    style = Style(
        depth=-1 if depth is None else int(depth),
        invert=settings.flag("invert"),
        no_dedupe=settings.flag("no-dedupe"),
        packages=tuple(map(normalize, settings.many("package"))),
        prune=tuple(map(normalize, settings.many("prune"))),
    )
    newer = _newer(parts, opened, updated, graph) if settings.flag("outdated") else {}

    def note(package: "Package") -> str:
        said = ""
        if settings.flag("show-sizes"):
            size = next((file.size for file in (*package.wheels, package.sdist) if file and file.size), None)
            said += f" ({_size(size)})" if size is not None else ""
        latest = newer.get(package.name)
        return said + (f" (latest: v{latest})" if latest and package.source.kind == "registry" else "")

    return list(Tree(graph, style, note).lines())


def _environment(parts: "Parts", opened: "Opened", updated: "Updated") -> "Mapping[str, str]":
    wanted = wanted_python(parts, opened, updated)
    base = environments.interpreter(parts, wanted, updated.lock.requires_python)
    return parts.target_of(base).markers


def _newer(parts: "Parts", opened: "Opened", updated: "Updated", graph: Graph) -> "dict[str, str]":
    wanted = wanted_python(parts, opened, updated)
    base = environments.interpreter(parts, wanted, updated.lock.requires_python)
    known = {package.name: package.version for package in graph.packages() if package.source.kind == "registry"}
    found = outdated.newer(parts.job, known, parts.target_of(base))
    return {name: one.version for name, one in found.items()}


def _size(count: int) -> str:
    """Return a size as uv shows it."""
    size, at = float(count), 0
    while size >= 1024 and at < len(_UNITS) - 1:  # noqa: PLR2004 - of binary units
        size /= 1024
        at += 1
    return f"{count}B" if not at else f"{size:.1f}{_UNITS[at]}"
