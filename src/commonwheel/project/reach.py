"""Where each package of a lock is needed, in all environments at once: markers from a selection on along the edges.

Laws of this file: pure, and cold; what is installed here is chosen by `selection`, for one environment.
"""

from commonwheel.model import Value
from commonwheel.project.freshness import variable
from commonwheel.specs import marker_text
from commonwheel.specs.uv_lock import Item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Final, TypeAlias

    from commonwheel.project.selection import Selected
    from commonwheel.specs.marker_text import Diagram
    from commonwheel.specs.uv_lock import Dependency, Lock, LockRequirement, Package

    Key: TypeAlias = tuple[str, str, object]


class Reached(Value):
    """A package that a selection needs: the marker under which it is needed ("" for always), its extras, and who asks for it."""

    __slots__ = ("extras", "marker", "package", "parents")

    def __init__(self, package: "Package", marker: str, extras: tuple[str, ...], parents: tuple[str, ...]) -> None:
        self.package: Final = package
        self.marker: Final = marker
        self.extras: Final = extras
        self.parents: Final = parents


def reach(lock: "Lock", selected: "Selected", without: "Iterable[str]" = ()) -> "tuple[Reached, ...]":
    """Return the packages that a selection needs, in the order of the lock.

    `without` are names that are left out, with what only they need.
    """
    pythons = marker_text.python_range(lock.requires_python)
    walk = Walk(lock, selected, frozenset(without))
    found = walk.run()
    out = []
    for package in lock.packages:
        marker = found.get(package.key())
        if marker is not None and marker != marker_text.NEVER:
            text = marker_text.text(marker_text.opened(marker, pythons))
            extras = tuple(sorted(walk.extras.get(package.key(), ())))
            out.append(Reached(package, text, extras, tuple(sorted(walk.parents.get(package.key(), ())))))
    return tuple(out)


class Walk:
    """Follow edges from a selection on, each with its marker."""

    def __init__(self, lock: "Lock", selected: "Selected", without: "frozenset[str]" = frozenset()) -> None:
        self._lock = lock
        self._selected = selected
        self._without = without
        self._named: dict[str, list[Package]] = {}
        for package in lock.packages:
            self._named.setdefault(package.name, []).append(package)
        self._whole = self._supported()
        self._reached: dict[tuple[Key, str], Diagram] = {}
        self._waiting: list[tuple[Package, str]] = []
        self.extras: dict[Key, set[str]] = {}
        self.parents: dict[Key, set[str]] = {}

    def _supported(self) -> "Diagram":
        """Return the environments that the lock is for."""
        found = marker_text.NEVER
        for text in self._lock.supported:
            found = marker_text.disjunction(found, marker_text.diagram(text))
        return found if self._lock.supported else marker_text.ALWAYS

    def run(self) -> "Mapping[Key, Diagram]":
        """Return where each package is needed."""
        selected = self._selected
        for package in selected.members:
            if not selected.only:
                for extra in ("", *selected.extras[package.name]):
                    self._take(package, extra, self._whole, "")
            for group in selected.groups[package.name]:
                self._enter(package.groups.get(group, ()), self._whole, "")
        for group in selected.root_groups:
            self._ask(self._lock.manifest.groups[group])
        self._ask(self._lock.manifest.requirements)
        while self._waiting:
            package, extra = self._waiting.pop()
            here = self._reached[package.key(), extra]
            self._enter(package.optional.get(extra, ()) if extra else package.dependencies, here, package.name)
        found: dict[Key, Diagram] = {}
        for (key, _), marker in self._reached.items():
            found[key] = marker_text.disjunction(found.get(key, marker_text.NEVER), marker)
        return found

    def _marker(self, text: str) -> "Diagram":
        """Return a marker, with what it says of conflicts answered by the selection."""
        if not text:
            return marker_text.ALWAYS
        marker = marker_text.diagram(text)
        if "extra" not in text:
            return marker
        active = {*map(variable, self._selected.variables())}
        active |= {variable(Item(key[0], extra)) for key, extras in self.extras.items() for extra in extras}
        return marker_text.assuming_extras(marker, tuple(sorted(active)))

    def _enter(self, edges: "Iterable[Dependency]", here: "Diagram", parent: str) -> None:
        for edge in edges:
            where = marker_text.conjunction(here, self._marker(edge.marker))
            for package in self.targets(edge):
                for extra in ("", *edge.extras):
                    self._take(package, extra, where, parent)

    def _ask(self, lock_requirements: "Iterable[LockRequirement]") -> None:
        for lock_requirement in lock_requirements:
            where = marker_text.conjunction(self._whole, self._marker(lock_requirement.marker))
            for package in self._named.get(lock_requirement.name, ()):
                inside = where
                if package.forks:
                    forks = marker_text.NEVER
                    for text in package.forks:
                        forks = marker_text.disjunction(forks, self._marker(text))
                    inside = marker_text.conjunction(where, forks)
                for extra in ("", *lock_requirement.extras):
                    self._take(package, extra, inside, "")

    def targets(self, edge: "Dependency") -> "Iterator[Package]":
        """Yield the packages that an edge leads to."""
        for package in self._named.get(edge.name, ()):
            if edge.version and package.version != edge.version:
                continue
            if edge.source is not None and package.source != edge.source:
                continue
            yield package

    def _take(self, package: "Package", extra: str, where: "Diagram", parent: str) -> None:
        if where == marker_text.NEVER or package.name in self._without:
            return
        key = package.key()
        if parent:
            self.parents.setdefault(key, set()).add(parent)
        if extra:
            self.extras.setdefault(key, set()).add(extra)
        known = self._reached.get((key, extra), marker_text.NEVER)
        joined = marker_text.disjunction(known, where)
        if joined != known:
            self._reached[key, extra] = joined
            self._waiting.append((package, extra))
