"""The tree of a lock: what each member needs, and with `invert` who needs each package.

Laws of this file: pure.
"""

from commonwheel.model import Value
from commonwheel.specs import markers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Final, TypeAlias

    from commonwheel.project.selection import Selected
    from commonwheel.specs.uv_lock import Dependency, Lock, Package, Source

    Key: TypeAlias = tuple[str, str, Source]

_TEE, _CORNER, _BAR, _GAP = "├── ", "└── ", "│   ", "    "


class Branch(Value):
    """One line below another: the package, the extras that are asked for, and the extra or group that asks."""

    __slots__ = ("extra", "extras", "group", "package")

    def __init__(self, package: "Package", extras: tuple[str, ...] = (), extra: str = "", group: str = "") -> None:
        self.package: Final = package
        self.extras: Final = extras
        self.extra: Final = extra
        self.group: Final = group


class Style(Value):
    """How a tree is drawn: how deep (-1: all of it), what is left out, whether repeated subtrees are drawn again."""

    __slots__ = ("depth", "invert", "no_dedupe", "packages", "prune")

    def __init__(
        self,
        *,
        depth: int = -1,
        invert: bool = False,
        no_dedupe: bool = False,
        packages: tuple[str, ...] = (),
        prune: tuple[str, ...] = (),
    ) -> None:
        self.depth: Final = depth
        self.invert: Final = invert
        self.no_dedupe: Final = no_dedupe
        self.packages: Final = packages
        self.prune: Final = prune


class Graph:
    """The edges of a lock, for one environment (None: for all), from the members of a selection on."""

    def __init__(
        self,
        lock: "Lock",
        selected: "Selected",
        environment: "Mapping[str, str] | None",
        active: "frozenset[str]" = frozenset(),
    ) -> None:
        self._environment = environment
        self._active = active
        self._named: dict[str, list[Package]] = {}
        for package in lock.packages:
            self._named.setdefault(package.name, []).append(package)
        self._selected = selected
        self.below: dict[Key, list[Branch]] = {}
        self.above: dict[Key, list[Branch]] = {}
        self._extras: dict[Key, set[str]] = {}
        self.roots: list[Package] = []
        self._build(lock)

    def _build(self, lock: "Lock") -> None:
        selected = self._selected
        for package in selected.members:
            self._extras[package.key()] = {*package.optional}
            self._visit(package)
        inner = {branch.package.key() for several in self.below.values() for branch in several}
        # what is a dependency of another member comes before it
        self.roots = sorted(selected.members, key=lambda one: (one.key() not in inner, one.name))
        asked = [lock.manifest.groups[group] for group in selected.root_groups]
        for lock_requirements in (lock.manifest.requirements, *asked):
            for lock_requirement in lock_requirements:
                if self._holds(lock_requirement.marker):
                    for package in self._named.get(lock_requirement.name, ()):
                        if not package.forks or any(map(self._holds, package.forks)):
                            self._extras.setdefault(package.key(), set()).update(lock_requirement.extras)
                            self._visit(package)
                            self.roots.append(package)
        self.roots = list({package.key(): package for package in self.roots}.values())

    def _holds(self, marker: str) -> bool:
        if not marker or self._environment is None:
            return True
        return markers.evaluate(marker, self._environment, self._active)

    def _visit(self, package: "Package") -> None:
        """Note the branches below a package, and below those."""
        waiting = [package]
        while waiting:
            one = waiting.pop()
            branches = self._branches(one)
            known = self.below.get(one.key())
            if known == branches:
                continue
            self.below[one.key()] = branches
            for branch in branches:
                extras = self._extras.setdefault(branch.package.key(), set())
                if branch.package.key() not in self.below or not extras.issuperset(branch.extras):
                    extras.update(branch.extras)
                    waiting.append(branch.package)

    def _branches(self, package: "Package") -> "list[Branch]":
        found = list(self._edges(package.dependencies))
        for extra in sorted(self._extras.get(package.key(), ())):
            found += self._edges(package.optional.get(extra, ()), extra=extra)
        for group in self._selected.groups.get(package.name, ()) if package in self._selected.members else ():
            found += self._edges(package.groups.get(group, ()), group=group)
        return [one for at, one in enumerate(found) if one not in found[:at]]

    def _edges(self, edges: "Sequence[Dependency]", *, extra: str = "", group: str = "") -> "Iterator[Branch]":
        for edge in edges:
            if not self._holds(edge.marker):
                continue
            for package in self._named.get(edge.name, ()):
                if edge.version and (package.version, package.source) != (edge.version, edge.source):
                    continue
                yield Branch(package, edge.extras, extra, group)

    def inverted(self) -> None:
        """Turn all edges round: `above` then has who asks for each package."""
        packages = {package.key(): package for several in self._named.values() for package in several}
        for key, branches in self.below.items():
            for branch in branches:
                asker = Branch(packages[key], branch.extras, branch.extra, branch.group)
                self.above.setdefault(branch.package.key(), []).append(asker)
        for several in self.above.values():
            several.sort(key=lambda one: (one.package.name, one.package.version))

    def packages(self) -> "list[Package]":
        """Return every package of the graph, sorted."""
        found = {package.key(): package for package in self.roots}
        for branches in self.below.values():
            found |= {branch.package.key(): branch.package for branch in branches}
        return sorted(found.values(), key=lambda one: (one.name, one.version))


class Tree:
    """Draw a graph; `note` says more of a package, behind it."""

    def __init__(self, graph: Graph, style: Style, note: "Callable[[Package], str]") -> None:
        self._graph = graph
        self._style = style
        self._note = note
        self._drawn: set[object] = set()
        self._repeated = False

    def lines(self) -> "Iterator[str]":
        """Yield the lines of the tree, and a legend if anything was left out."""
        graph, style = self._graph, self._style
        if style.invert:
            graph.inverted()
        roots: list[Package] = list(graph.roots)
        if style.packages:
            roots = [package for package in graph.packages() if package.name in style.packages]
        elif style.invert:
            roots = [package for package in graph.packages() if not graph.below.get(package.key())]
        for root in roots:
            if root.name not in style.prune:
                yield from self._draw(Branch(root), "", "", 0)
        if self._repeated:
            yield "(*) Package tree already displayed"

    def _draw(self, branch: Branch, first: str, rest: str, depth: int) -> "Iterator[str]":
        package, style = branch.package, self._style
        edges = self._graph.above if style.invert else self._graph.below
        below = [one for one in edges.get(package.key(), ()) if one.package.name not in style.prune]
        seen: object = package.key()
        if style.invert and (branch.extra or branch.group):
            # who asks for an extra is not who asks for the package; nobody asks for a group
            below = [one for one in below if branch.extra in one.extras] if branch.extra else []
            seen = (package.key(), branch.extra)
        repeated = bool(below) and seen in self._drawn and not style.no_dedupe
        yield f"{first}{self._label(branch)}{' (*)' if repeated else ''}"
        if repeated:
            self._repeated = True
            return
        self._drawn.add(seen)
        if style.depth == depth:
            return
        for at, one in enumerate(below):
            is_last = at == len(below) - 1
            yield from self._draw(
                one, rest + (_CORNER if is_last else _TEE), rest + (_GAP if is_last else _BAR), depth + 1
            )

    def _label(self, branch: Branch) -> str:
        package = branch.package
        extras = f"[{','.join(branch.extras)}]" if branch.extras else ""
        version = f" v{package.version}" if package.version else ""
        why = f" (extra: {branch.extra})" if branch.extra else f" (group: {branch.group})" if branch.group else ""
        return f"{package.name}{extras}{version}{why}{self._note(package)}"
