"""Make of forks what a lock is made of: packages with their edges, each under a marker that leaves out what goes without saying.

The graphs of all parts are laid over each other. An edge holds where its requirement's marker and its part do; a package is
needed where edges lead to it. Texts are then simplified: an edge by where its dependent is needed, everything by the range
of Pythons (`specs.marker_text`). Two items of a conflict are never chosen together, so that what is said of both does not
matter; uv spells that out as "or both", and so do we.
"""

from commonwheel.resolve.forks import Failed, Question, solve_forks
from commonwheel.resolve.locked import Edge, Item, Lock, Locked
from commonwheel.resolve.universal import explained
from commonwheel.specs import marker_text as diagrams
from commonwheel.specs.versions import lower_bound, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from commonwheel.events import Reporter
    from commonwheel.model import Metadata, Requirement
    from commonwheel.resolve.forks import Fork
    from commonwheel.resolve.locked import Scheme
    from commonwheel.resolve.provider import Catalogue
    from commonwheel.resolve.request import Inputs, Source
    from commonwheel.resolve.version_set import Universe
    from commonwheel.specs.marker_text import Diagram

    # a package of the lock, and with it one of its extras or groups ("" for the package alone)
    Key: TypeAlias = tuple[str, str, Source | None]
    Node: TypeAlias = tuple[Key, str]

# what stands for the version of a project that says it only when it is built
_DYNAMIC = "0"
# the order of packages that have name and version in common
_KINDS = ("NoneType", "VcsSource", "UrlSource", "PathSource")


def solve_lock(
    inputs: "Inputs",
    scheme: "Scheme",
    catalogue: "Catalogue",
    reporter: "Reporter",
    coverage: "Callable[[str, str], str] | None" = None,
) -> Lock:
    """Choose versions for all environments of a scheme, and say who needs what where.

    `inputs.requirements` are those of a script or of a root that is no project; members and groups come from the scheme.
    `inputs.target` is not looked at; the catalogue must bar nothing for platform or Python. `coverage` tells for
    (name, version) the marker of the environments for which an index has a file ("" for all, and where there is a source
    distribution; machines by the name that the system has for them, `AMD64` on Windows and `x86_64` on Linux); without it required environments are written, but not looked at. Raises what `resolution.solve` raises.
    """
    groups = [requirement for requirements in scheme.groups.values() for requirement in requirements]
    sources = dict(inputs.sources)
    asked = [*inputs.requirements, *groups]
    for member in scheme.members:
        extras = (*member.metadata.provides_extra, *(f":{group}" for group in member.groups))
        asked.append(member.requirement.replaced(extras=extras))
        assert member.requirement.source is not None
        metadata = member.metadata
        if not metadata.version:
            metadata = metadata.replaced(version=_DYNAMIC)
        sources[member.requirement.name] = (member.requirement.source, metadata)
    question = Question(
        inputs.replaced(
            requirements=tuple(asked),
            sources=sources,
            installed={},
            preferences={name: tuple(one.version for one in known) for name, known in scheme.preferences.items()},
        ),
        catalogue,
        scheme.requires_python,
        environments=[
            marker
            for text in scheme.forks or scheme.environments
            if (marker := diagrams.diagram(text)) != diagrams.NEVER
        ],
        fork_strategy=scheme.fork_strategy,
        members=scheme.members,
        conflicts=scheme.conflicts,
        preferences=scheme.preferences,
        required=[diagrams.diagram(text) for text in scheme.required_environments],
        coverage=coverage,
    )
    task = reporter.begin("resolve", "dependencies")
    try:
        forks = solve_forks(question)
    except Failed as failed:
        raise explained(failed, question, lower_bound(scheme.requires_python)) from None
    finally:
        reporter.end(task)
    return _Graph(question, forks).lock(scheme)


class _Graph:
    """The graphs of all forks, laid over each other."""

    def __init__(self, question: Question, forks: "list[Fork]") -> None:
        self._question = question
        self._forks = forks
        self._parts = [fork.part.whole() for fork in forks]
        self._dynamic = {name for name, member in question.members.items() if not member.metadata.version}
        self._metadata: dict[Key, Metadata] = {}
        self._edges: dict[Node | None, dict[Node, Diagram]] = {None: {}}
        for fork, part in zip(forks, self._parts, strict=True):
            self._lay(fork, part)
        self._reached = self._reach()
        self._impossible = _impossible(question.conflicts)
        self._ways = self._ways_to_nodes()

    # --- the graph ----------------------------------------------------------------------------------------------

    def _lay(self, fork: "Fork", part: "Diagram") -> None:
        """Add the edges of a fork."""
        nodes: dict[tuple[str, str], Node] = {}
        for (name, extra), package in fork.chosen.items():
            key = self._key(package.universe, package.decided)
            nodes[name, extra] = key, extra
            if key not in self._metadata:
                self._metadata[key] = fork.provider.metadata(package.universe, package.decided)
        self._join(self._edges[None], fork.needs(None, ""), nodes, part)
        for (name, extra), node in nodes.items():
            self._join(self._edges.setdefault(node, {}), fork.needs(name, extra), nodes, part)

    def _key(self, universe: "Universe", position: int) -> "Key":
        version = "" if universe.name in self._dynamic and universe.source is not None else universe.version(position)
        return universe.name, version, universe.source

    @staticmethod
    def _join(
        edges: "dict[Node, Diagram]",
        needs: "Iterable[tuple[Requirement, Diagram]]",
        nodes: "dict[tuple[str, str], Node]",
        part: "Diagram",
    ) -> None:
        for requirement, marker in needs:
            # nowhere, perhaps, where it was decided before the part was divided; uv writes such an entry too
            where = diagrams.conjunction(marker, part)
            for extra in ("", *requirement.extras):
                target = nodes.get((requirement.name, extra))
                if target is not None:
                    edges[target] = diagrams.disjunction(edges.get(target, diagrams.NEVER), where)

    def _reach(self) -> "dict[Node | None, Diagram]":
        """Return where each node is needed."""
        everywhere = diagrams.NEVER
        for part in self._parts:
            everywhere = diagrams.disjunction(everywhere, part)
        reached: dict[Node | None, Diagram] = {None: everywhere}
        waiting: list[Node | None] = [None]
        while waiting:
            node = waiting.pop()
            for target, marker in self._edges[node].items():
                where = diagrams.conjunction(reached[node], marker)
                known = reached.get(target, diagrams.NEVER)
                if self._exists(diagrams.without(where, known)):
                    reached[target] = diagrams.disjunction(known, where)
                    waiting.append(target)
        return reached

    def _exists(self, marker: "Diagram") -> bool:
        """Return whether a marker holds on any Python there is."""
        return not diagrams.disjoint(marker, self._question.pythons)

    # --- the lock -----------------------------------------------------------------------------------------------

    def lock(self, scheme: "Scheme") -> Lock:
        """Return what the lock is made of."""
        nodes = [node for node in self._reached if node is not None]
        keys = sorted({key for key, _ in nodes}, key=_order)
        names = [name for name, _, _ in keys]
        packages = [self._locked(key, nodes, several=names.count(key[0]) > 1) for key in keys]
        return Lock(
            self._texts(self._parts, [fork.part.marker for fork in self._forks]),
            tuple(packages),
            supported=tuple(self._text(diagrams.diagram(text)) for text in scheme.environments),
            required=tuple(self._text(diagrams.diagram(text)) for text in scheme.required_environments),
            warnings=tuple(self._warnings(nodes)),
        )

    def _locked(self, key: "Key", nodes: "Sequence[Node]", *, several: bool) -> Locked:
        name, version, source = key
        here = self._reached.get((key, ""), diagrams.NEVER)
        tables: dict[str, tuple[Edge, ...]] = {}
        for one, extra in nodes:
            if one == key:
                tables[extra] = self._entries((key, extra))
        within = [
            (part, fork.part.marker)
            for part, fork in zip(self._parts, self._forks, strict=True)
            if several and not diagrams.disjoint(part, here)
        ]
        metadata = self._metadata[key]
        if name in self._dynamic and not version:
            metadata = metadata.replaced(version="")
        return Locked(
            name,
            version,
            source,
            metadata,
            forks=self._texts([part for part, _ in within], [marker for _, marker in within]),
            marker=diagrams.text(here),
            dependencies=tables.get("", ()),
            optional={extra: tables[extra] for extra in sorted(tables) if extra and extra[0] != ":" and tables[extra]},
            groups={extra[1:]: tables[extra] for extra in sorted(tables) if extra[:1] == ":" and tables[extra]},
        )

    def _entries(self, node: "Node") -> "tuple[Edge, ...]":
        """Return the edges of a node as entries: extras with the same marker are one."""
        found: dict[tuple[Key, Diagram], set[str]] = {}
        needed = [target for target in self._edges[node] if target in self._reached]
        names = [name for (name, _, _), _ in needed]
        for key, extra in needed:
            marker = self._opened(self._edges[node][key, extra])
            said = self._said(node, marker, several=names.count(key[0]) > 1)
            found.setdefault((key, said), set()).update((extra,) if extra else ())
        entries = [(key, tuple(sorted(extras)), said) for (key, said), extras in found.items()]
        entries.sort(key=lambda entry: (*_order(entry[0]), entry[1], diagrams.order(entry[2])))
        return tuple(
            # an extra that brings in nothing leaves its entry, without the extra
            Edge(*key, tuple(extra for extra in extras if self._adds((key, extra))), diagrams.text(said))
            for key, extras, said in entries
        )

    def _said(self, node: "Node", marker: "Diagram", *, several: bool) -> "Diagram":
        """Return an edge's marker without what goes without saying where its dependent is needed.

        Which items of conflicts are chosen is left out where it does not matter, and where it is certain, since only one
        way leads to the dependent; unless there are `several` edges to the name, which uv tells apart by the items, too.
        """
        environments = self._opened(diagrams.with_any_extras(self._reached[node]))
        plain = diagrams.with_any_extras(marker)
        impossible = self._impossible
        if diagrams.disjunction(marker, impossible) == diagrams.disjunction(plain, impossible):
            return diagrams.restricted(plain, environments)
        ways = self._ways.get(node, set())
        if not several and all(self._allows(marker, way) for way in ways):
            for way in sorted(ways, key=lambda way: sorted(item.variable for item in way)):
                for variable, chosen in self._inferred(way):
                    marker = diagrams.assuming(marker, variable, chosen=chosen)
                    impossible = diagrams.assuming(impossible, variable, chosen=chosen)
        said = diagrams.disjunction(marker, impossible)
        return said if said != diagrams.with_any_extras(said) else diagrams.restricted(said, environments)

    @staticmethod
    def _allows(marker: "Diagram", way: "frozenset[Item]") -> bool:
        """Return whether an edge can be followed with these items chosen and no others."""
        return diagrams.assuming_extras(marker, tuple(item.variable for item in way)) != diagrams.NEVER

    def _inferred(self, way: "frozenset[Item]") -> "Iterable[tuple[str, bool]]":
        """Yield what is certain if these items are chosen: they are, and those that conflict with them are not."""
        for item in sorted(way, key=lambda item: item.variable):
            for items in self._question.conflicts:
                if item in items:
                    yield from ((other.variable, other == item) for other in items)

    def _ways_to_nodes(self) -> "dict[Node, set[frozenset[Item]]]":
        """Return for each node the items of conflicts that are chosen along each way to it."""
        found: dict[Node, set[frozenset[Item]]] = {}
        if not self._question.conflicts:
            return found
        waiting: list[tuple[Node | None, frozenset[Item]]] = [(None, frozenset())]
        while waiting:
            node, way = waiting.pop()
            for target in self._edges[node]:
                if target not in self._reached:
                    continue
                (name, _, _), extra = target
                group = extra[1:] if extra[:1] == ":" else ""
                item = Item(name, extra="" if group else extra, group=group)
                on = way | {item} if item in self._question.items else way
                if on not in found.setdefault(target, set()):
                    found[target].add(on)
                    waiting.append((target, on))
        return found

    def _adds(self, node: "Node") -> bool:
        """Return whether an extra brings in anything that is in the lock."""
        return any(target in self._reached for target in self._edges.get(node, ()))

    def _opened(self, marker: "Diagram") -> "Diagram":
        """Return a marker without what the range of Pythons makes certain."""
        return diagrams.opened(marker, self._question.pythons)

    def _text(self, marker: "Diagram") -> str:
        return diagrams.text(self._opened(marker))

    def _texts(self, parts: "Sequence[Diagram]", markers: "Sequence[Diagram]") -> "tuple[str, ...]":
        """Return the markers of forks: without conflicts where they are disjoint without them, and without what is always true."""
        plain = list(dict.fromkeys(self._opened(marker) for marker in markers))
        apart = all(diagrams.disjoint(one, other) for i, one in enumerate(plain) for other in plain[:i])
        shown = plain if apart else [self._opened(part) for part in parts]
        return tuple(diagrams.text(marker) for marker in shown if marker != diagrams.ALWAYS)

    def _warnings(self, nodes: "Sequence[Node]") -> "Iterable[str]":
        found: dict[str, None] = {}
        for fork in self._forks:
            found.update(dict.fromkeys(fork.provider.rules.warnings()))
        for (name, version, _), extra in nodes:
            key = name, version, _
            if extra and extra[0] != ":" and extra not in self._metadata[key].provides_extra:
                found[f"`{name}` {version} has no extra `{extra}`"] = None
        return found


def _impossible(conflicts: "Sequence[Sequence[Item]]") -> "Diagram":
    """Return where two items of one conflict are chosen."""
    found = diagrams.NEVER
    for items in conflicts:
        for i, one in enumerate(items):
            for other in items[:i]:
                both = diagrams.conjunction(diagrams.chosen(one.variable), diagrams.chosen(other.variable))
                found = diagrams.disjunction(found, both)
    return found


def _order(key: "Key") -> "tuple[object, ...]":
    name, version, source = key
    return name, version_key(version or _DYNAMIC), _KINDS.index(type(source).__name__), str(source)
