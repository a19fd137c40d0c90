"""What depends on what among installed distributions, and what of it does not fit."""

import os

from commonwheel.model import Value
from commonwheel.python.installed_metadata import metadata_of
from commonwheel.specs import markers, versions, wheel_file
from commonwheel.specs.numbers import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from typing import Final

    from commonwheel.model import Environment, Installed, Target


class Node(Value):
    """One distribution: `needs` are (name, specifier) of what its metadata asks for here, extras that are in use included."""

    __slots__ = ("name", "needs", "version")

    def __init__(self, name: str, version: str, needs: "tuple[tuple[str, str], ...]") -> None:
        self.name: Final = name
        self.version: Final = version
        self.needs: Final = needs


class Graph:
    """The graph of what is installed: edges of the requirements that hold in the environment.

    Which extras were asked for is nowhere recorded; an edge behind an extra is drawn when some requirement asks for it.
    """

    def __init__(
        self, installed: "Iterable[Installed]", environment: "Environment", target: "Target | None" = None
    ) -> None:
        self._installed = {one.name: one for one in installed}
        self._markers = target.markers if target is not None else environment.interpreter.markers
        self.metadata: Final = {name: metadata_of(one) for name, one in self._installed.items()}
        extras = self._extras()
        self.nodes: Final = {
            name: Node(name, one.version, self._needs(name, extras.get(name, set())))
            for name, one in sorted(self._installed.items())
        }

    def roots(self, *, inverted: bool, without: "Container[str]" = ()) -> "list[str]":
        """Return what nothing depends on (inverted: what depends on nothing), and one of each closed circle.

        The graph is looked at as if the nodes of `without` were not in it.
        """
        nodes = {name: node for name, node in self.nodes.items() if name not in without}
        needed = {child for node in nodes.values() for child, _ in node.needs}
        if inverted:
            roots = [name for name, node in nodes.items() if not any(child in nodes for child, _ in node.needs)]
        else:
            roots = [name for name in nodes if name not in needed]
        reached: set[str] = set()
        for name in roots:
            self._reach(name, reached, inverted=inverted)
        for name in nodes:
            if name not in reached:
                roots.append(name)
                self._reach(name, reached, inverted=inverted)
        return roots

    def users(self, name: str) -> "list[tuple[str, str]]":
        """Return who asks for a name, as (name, specifier)."""
        return [(node.name, text) for node in self.nodes.values() for child, text in node.needs if child == name]

    def wanted_by(self, name: str) -> "set[str]":
        """Return the names of those who ask for a name."""
        return {user for user, _ in self.users(name)}

    def size(self, name: str) -> int:
        """Return the bytes that the files of a distribution take, as its RECORD says."""
        total = 0
        try:
            with open(os.path.join(self._installed[name].location, "RECORD"), encoding="utf-8") as stream:
                for line in stream:
                    size = line.rstrip("\r\n").rpartition(",")[2]
                    total += whole(size) or 0
        except OSError:
            return 0
        return total

    def _reach(self, start: str, reached: "set[str]", *, inverted: bool) -> None:
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in reached or name not in self.nodes:
                continue
            reached.add(name)
            edges = self.users(name) if inverted else self.nodes[name].needs
            waiting += [child for child, _ in edges]

    def _extras(self) -> "dict[str, set[str]]":
        """Return the extras that somebody asks for, by name; an extra may ask for another one."""
        found: dict[str, set[str]] = {}
        growing = True
        while growing:
            growing = False
            for name, metadata in self.metadata.items():
                for requirement in metadata.requires if metadata else ():
                    wanted = set(requirement.extras) - found.get(requirement.name, set())
                    if wanted and markers.evaluate(requirement.marker, self._markers, found.get(name, set())):
                        found.setdefault(requirement.name, set()).update(wanted)
                        growing = True
        return found

    def _needs(self, name: str, extras: "set[str]") -> "tuple[tuple[str, str], ...]":
        metadata = self.metadata[name]
        found: dict[str, str] = {}
        for requirement in metadata.requires if metadata else ():
            if requirement.name != name and markers.evaluate(requirement.marker, self._markers, extras):
                known = found.get(requirement.name)
                joined = ",".join(text for text in (known, requirement.specifier) if text)
                found[requirement.name] = joined
        return tuple(sorted(found.items()))


def problems(installed: "Sequence[Installed]", environment: "Environment", target: "Target") -> "list[str]":
    """Return a sentence, in uv's words, for each requirement that is missing or not met, and each wrong Python."""
    graph = Graph(installed, environment, target)
    by_name = {one.name: one for one in installed}
    python = target.markers.get("python_full_version", "")
    tags = frozenset(target.tags)
    sentences = []
    counted: dict[str, int] = {}
    for one in installed:
        if one.own:
            counted[one.name] = counted.get(one.name, 0) + 1
    sentences += [
        f"The package `{name}` has {count} versions installed; remove all but one"
        for name, count in counted.items()
        if count > 1
    ]
    for name, metadata in graph.metadata.items():
        if metadata is None:
            sentences.append(f"The package `{name}` has no readable metadata at `{by_name[name].location}`")
            continue
        wanted = metadata.requires_python
        if wanted and python and not versions.contains(wanted, _release(python), prereleases=True):
            sentences.append(f"The package `{name}` requires Python {wanted}, but `{python}` is installed")
        if not _fits(by_name[name], tags):
            sentences.append(f"The package `{name}` was built for a different platform")
        for child, specifier in graph.nodes[name].needs:
            text = f"{child}{written(specifier).replace(' ', '')}"
            present = by_name.get(child)
            if present is None:
                sentences.append(f"The package `{name}` requires `{text}`, but it's not installed")
            elif specifier and not versions.contains(specifier, present.version, prereleases=True):
                sentences.append(f"The package `{name}` requires `{text}`, but `{present.version}` is installed")
    return sentences


def _fits(one: "Installed", admitted: "frozenset[str]") -> bool:
    """Return whether one of the tags of an installed wheel is among those of the target; what has no tags fits."""
    if one.form != "dist-info":
        return True
    try:
        with open(os.path.join(one.location, "WHEEL"), encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return True
    tags = [line.partition(":")[2].strip() for line in lines if line[:4].lower() == "tag:"]
    return not tags or not admitted.isdisjoint(_expanded(tags))


def _expanded(tags: "Iterable[str]") -> "Iterator[str]":
    for tag in tags:
        parts = tag.split("-")
        if len(parts) == 3:  # noqa: PLR2004 - python, ABI, platform
            yield from wheel_file.expand_tags(*parts)


def written(specifier: str) -> str:
    """Return a specifier as uv writes it: by version, with a space after each comma."""
    clauses = versions.clauses(specifier) if versions.is_specifier(specifier) else ()
    if len(clauses) < 2 or not all(versions.parsed_key(clause.version) for clause in clauses):  # noqa: PLR2004 - nothing to sort
        return specifier
    ordered = sorted(clauses, key=lambda clause: versions.version_key(clause.version))
    return ", ".join(map(str, ordered))


def _release(python: str) -> str:
    """Drop the suffix of a pre-release interpreter, as uv does when it compares."""
    return ".".join(map(str, versions.release(python)))
