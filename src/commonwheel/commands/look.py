"""Look at an environment: list, freeze, show, tree, check, inspect, hash, debug. Nothing here changes anything.

What only one of these commands needs, and costs to import (json, hashlib, the network), is asked of the session.
"""

import os
import time

from commonwheel.commands import words
from commonwheel.commands.listing import ListedRow, outdated_rows, shown, warn_of_problems
from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.road.graph import Graph, problems, written
from commonwheel.specs import core_metadata, record
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from commonwheel.model import Installed
    from commonwheel.session import Session
    from commonwheel.settings import Parsed, Settings


class Details(Value):
    """What `pip show` found: fields (name, text or lines) for each package, and the names that are not installed."""

    __slots__ = ("found", "missing")

    def __init__(
        self, found: "tuple[tuple[tuple[str, str | list[str]], ...], ...]", missing: "tuple[str, ...]"
    ) -> None:
        self.found: Final = found
        self.missing: Final = missing


class Checked(Value):
    """How many packages were looked at, and a sentence for each thing that does not fit."""

    __slots__ = ("count", "problems")

    def __init__(self, count: int, problems: "tuple[str, ...]") -> None:
        self.count: Final = count
        self.problems: Final = problems


class FileHash(Value):
    """A file and its digest as `algorithm:hex`."""

    __slots__ = ("digest", "path")

    def __init__(self, path: str, digest: str) -> None:
        self.path: Final = path
        self.digest: Final = digest


def show(session: "Session", parsed: "Parsed") -> Details:
    """Show what is known of some installed packages."""
    environment = session.environment(mutating=False)
    everything = session.installed(environment)
    by_name = {one.name: one for one in everything}
    graph = Graph(everything, environment)
    found, missing = [], []
    for word in parsed.positional:
        one = by_name.get(normalize(word))
        if one is None:
            missing.append(word)
        else:
            found.append(tuple(_fields(one, graph, with_files=session.settings.flag("files"))))
    return Details(tuple(found), tuple(missing))


def tree(session: "Session", parsed: "Parsed") -> "Tree":
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


def check(session: "Session", parsed: "Parsed") -> Checked:
    """Find what is missing, too old or too new, broken scripts, and links that lead nowhere."""
    environment = session.environment(mutating=False)
    started = time.perf_counter()
    found = session.installed(environment)
    sentences = problems(found, environment, session.target(environment))
    sentences += session.scars(environment)
    session.reporter.note("info", words.done("Checked", len(found), started))
    return Checked(len(found), tuple(sentences))


def hash_(session: "Session", parsed: "Parsed") -> "list[FileHash]":
    """Hash files for `--hash` options."""
    algorithm = session.settings.text("algorithm") or "sha256"
    rows = []
    for path in parsed.positional:
        try:
            rows.append(FileHash(path, f"{algorithm}:{session.hash_file(path, algorithm)}"))
        except OSError as error:
            raise UsageError(f"`{path}` cannot be read: {error.strerror}", hint="name a file") from error
    return rows


def inspect(session: "Session", parsed: "Parsed") -> "dict[str, object]":
    """Describe an environment in the format of `pip inspect` (version 1)."""
    environment = session.environment(mutating=False)
    rows: list[object] = []
    for one in session.with_installers(session.installed(environment)):
        if session.settings.flag("local") and not one.own:
            continue
        document = core_metadata.read_all(_metadata_text(one))
        metadata: dict[str, object] = {}
        for name, values in document.fields.items():
            many = name in _MULTIPLE
            metadata[name.replace("-", "_")] = list(values) if many else values[0]
        row: dict[str, object] = {"metadata": metadata, "metadata_location": one.location}
        if one.direct_url:
            row["direct_url"] = session.parse_json(one.direct_url)
        row |= {"installer": one.installer, "requested": one.requested}
        rows.append(row)
    return {"version": "1", "pip_version": "", "installed": rows, "environment": dict(environment.interpreter.markers)}


def debug(session: "Session", parsed: "Parsed") -> "Iterator[str]":
    """Tell what decides which files fit: interpreter, markers, tags, indexes."""
    environment = session.environment(mutating=False)
    interpreter = environment.interpreter
    yield f"cw: {session.version}"
    yield f"interpreter: {interpreter.executable} ({interpreter.implementation} {'.'.join(map(str, interpreter.version))})"
    yield f"environment: {environment.root} ({environment.kind})"
    for name, path in sorted(environment.paths.items()):
        yield f"  {name}: {path}"
    yield "markers:"
    for name, value in sorted(interpreter.markers.items()):
        yield f"  {name}: {value}"
    yield f"compatible tags: {len(interpreter.tags)}"
    for tag in interpreter.tags if session.settings.count("verbose") else interpreter.tags[:10]:
        yield f"  {tag}"


_MULTIPLE = frozenset(
    [
        "classifier",
        "dynamic",
        "license-file",
        "obsoletes-dist",
        "platform",
        "project-url",
        "provides-dist",
        "provides-extra",
        "requires-dist",
        "requires-external",
        "supported-platform",
        "import-name",
        "import-namespace",
    ]
)


def _metadata_text(one: "Installed") -> bytes:
    """Return METADATA or PKG-INFO of an installed distribution, b"" when there is none to read."""
    from_directory = {"dist-info": "METADATA", "egg-info": "PKG-INFO"}.get(one.form)
    path = os.path.join(one.location, from_directory) if from_directory else one.location
    if one.form == "egg-link":
        path = os.path.join(one.editable, f"{one.name.replace('-', '_')}.egg-info", "PKG-INFO")
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _fields(one: "Installed", graph: Graph, *, with_files: bool) -> "Iterator[tuple[str, str | list[str]]]":
    """Yield the fields of `pip show`, in its order."""
    document = core_metadata.read_all(_metadata_text(one))
    node = graph.nodes[one.name]
    urls = dict(text.partition(", ")[::2] for text in document.every("project-url"))
    home = document.first("home-page") or next(
        (urls[label] for label in urls if label.lower() in ("homepage", "home", "home-page")), ""
    )
    yield "Name", one.name
    yield "Version", one.version
    yield "Summary", document.first("summary")
    yield "Home-page", home
    yield "Author", document.first("author")
    yield "Author-email", document.first("author-email")
    yield "License", document.first("license-expression") or document.first("license").partition("\n")[0]
    yield "Location", one.site
    if one.editable:
        yield "Editable project location", one.editable
    yield "Requires", ", ".join(sorted({child for child, _ in node.needs}))
    yield "Required-by", ", ".join(sorted(graph.wanted_by(one.name)))
    if with_files:
        yield "Files", _files(one)


def _files(one: "Installed") -> "list[str]":
    """Return the installed files relative to the site directory, or a sentence where nobody recorded them."""
    try:
        with open(os.path.join(one.location, "RECORD"), encoding="utf-8") as stream:
            rows = record.parse(stream.read())
    except OSError:
        return ["Cannot locate RECORD or installed-files.txt"]
    return sorted(path for path, _, _ in rows)


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
