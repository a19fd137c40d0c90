"""`pip tree`: installed packages as a tree of what depends on what."""

from commonwheel.commands.listing import ListedRow, outdated_rows, shown, warn_of_problems
from commonwheel.operations.installed_graph import Graph, written
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Settings


def tree(session: "Session") -> "Tree":
    """Return what depends on what, as uv draws it."""
    environment = session.environment(mutating=False)
    found = shown(session, environment)
    graph = Graph(found, environment)
    if session.settings.flag("strict"):
        warn_of_problems(session, environment)
    latest = {}
    if session.settings.flag("outdated"):
        rows = outdated_rows(session, environment, [ListedRow(one.name, one.version, one.editable) for one in found])
        latest = {row.name: row.latest for row in rows}
    return Tree(session.settings, graph, latest)


class Tree:
    """A graph seen as a tree: who needs whom, or inverted, from the roots or from the packages that were named.

    `latest` are versions newer than what is installed, by name.
    """

    def __init__(self, settings: "Settings", graph: Graph, latest: "Mapping[str, str]") -> None:
        depth = settings.number("depth")
        self._graph = graph
        self._latest = latest
        self._inverted = settings.flag("invert")
        self._deepest = 255 if depth is None else int(depth)
        self._pruned = {normalize(name) for name in settings.many("prune")}
        self._dedupe = not settings.flag("no-dedupe")
        self._specifiers = settings.flag("show-version-specifiers")
        self._sizes = settings.flag("show-sizes")
        self._wanted = [normalize(name) for name in settings.many("package")]
        self._seen: set[str] = set()
        self._repeated = False

    def _roots(self) -> "list[str]":
        names = self._wanted or self._graph.roots(inverted=self._inverted, without=self._pruned)
        return [name for name in names if name not in self._pruned and name in self._graph.nodes]

    def lines(self) -> "Iterator[str]":
        """Yield the lines of a drawing; a star marks what is not repeated."""
        for name in self._roots():
            yield self._title(name)
            yield from self._below(name, "", 1, (name,))
        if self._repeated:
            yield "(*) Package tree already displayed"

    def nested(self) -> "list[dict[str, object]]":
        """Return objects within objects; what was told once is not told again (`"deduped": true`)."""
        return [self._object(name, 0, (), "") for name in self._roots()]

    def _object(self, name: str, depth: int, path: "tuple[str, ...]", specifier: str) -> "dict[str, object]":
        told: dict[str, object] = {"name": name, "version": self._graph.nodes[name].version}
        if depth:
            told["required"] = specifier
        if name in self._latest:
            told["latest_version"] = self._latest[name]
        if self._sizes:
            told["size"] = self._graph.size(name)
        children = self._children(name)
        if children and (name in path or (name in self._seen and self._dedupe)):
            return told | {"deduped": True}
        self._seen.add(name)
        if depth < self._deepest:
            key = "required_by" if self._inverted else "dependencies"
            told[key] = [self._object(child, depth + 1, (*path, name), text) for child, text in children]
        return told

    def _title(self, name: str, note: str = "") -> str:
        node = self._graph.nodes[name]
        size = f" ({_size(self._graph.size(name))})" if self._sizes else ""
        latest = f" (latest: v{self._latest[name]})" if name in self._latest else ""
        return f"{name} v{node.version}{note}{size}{latest}"

    def _children(self, name: str) -> "list[tuple[str, str]]":
        edges = self._graph.users(name) if self._inverted else self._graph.nodes[name].needs
        return [
            (child, written(text)) for child, text in edges if child not in self._pruned and child in self._graph.nodes
        ]

    def _below(self, name: str, indent: str, depth: int, path: "tuple[str, ...]") -> "Iterator[str]":
        children = self._children(name)
        if depth > self._deepest or not children:
            return
        if name in self._seen and self._dedupe:
            return
        self._seen.add(name)
        for at, (child, specifier) in enumerate(children):
            last = at == len(children) - 1
            note = self._note(name, specifier)
            starred = (child in self._seen and self._dedupe and bool(self._children(child))) or child in path
            self._repeated |= starred
            yield f"{indent}{'└── ' if last else '├── '}{self._title(child, note)}{' (*)' if starred else ''}"
            if child not in path:
                yield from self._below(child, indent + ("    " if last else "│   "), depth + 1, (*path, child))

    def _note(self, parent: str, specifier: str) -> str:
        if not self._specifiers:
            return ""
        if self._inverted:
            return f" [requires: {parent} {specifier or '*'}]"
        return f" [required: {specifier or '*'}]"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":  # noqa: PLR2004 - binary units
            return f"{count:.0f}{unit}" if unit == "B" else f"{count:.1f}{unit}"
        count /= 1024
    return ""
