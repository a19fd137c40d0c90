"""`pip show`: what is known of installed packages."""

import os

from commonwheel.model import Value
from commonwheel.operations.installed_graph import Graph
from commonwheel.specs import core_metadata, record
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from commonwheel.model import Installed
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class Details(Value):
    """What `pip show` found: fields (name, text or lines) for each package, and the names that are not installed."""

    __slots__ = ("found", "missing")

    def __init__(
        self, found: "tuple[tuple[tuple[str, str | list[str]], ...], ...]", missing: "tuple[str, ...]"
    ) -> None:
        self.found: Final = found
        self.missing: Final = missing


def show(session: "Session", parsed: "Parsed") -> Details:
    """Show what is known of some installed packages."""
    if not parsed.positional:
        session.reporter.note("warning", "No packages were named: give one name or more")
        return Details((), ())
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


def metadata_text(one: "Installed") -> bytes:
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
    document = core_metadata.read_all(metadata_text(one))
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
