"""Merge two versions of a lock that have a common ancestor, package by package: what a git merge driver is asked for.

What one side alone has changed counts. Where both have changed a package, the newer version counts; of what a project asks for,
everything that either side added, without what either removed. The result says what was locked; whether it fits the merged
project is for the next `cw lock` to find out, which takes its versions first.

Laws of this file: pure.
"""

from commonwheel.specs.uv_lock import Lock, Package
from commonwheel.specs.versions import version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeVar

    from commonwheel.specs.uv_lock import Dependency
    from commonwheel.specs.versions import Key

    One = TypeVar("One")


def merge(base: Lock, ours: Lock, theirs: Lock) -> Lock:
    """Return the lock that both sides together make of their common ancestor."""
    packages: list[Package] = []
    names = dict.fromkeys(package.name for lock in (ours, theirs) for package in lock.packages)
    for name in names:
        mine, yours, before = ours.named(name), theirs.named(name), base.named(name)
        if yours in (mine, before):
            packages += mine
        elif mine == before:
            packages += yours
        elif len(mine) == len(yours) == 1 and mine[0].source.is_local and mine[0].source == yours[0].source:
            packages.append(_project(before[0] if len(before) == 1 else None, mine[0], yours[0]))
        else:
            packages += mine if _newest(mine) >= _newest(yours) else yours
    packages = _with_targets(packages)
    packages.sort(key=lambda one: (one.name, version_key(one.version or "0"), one.source.key()))

    def chosen(key: str) -> object:
        mine, yours, before = (getattr(lock, key) for lock in (ours, theirs, base))
        return yours if mine == before else mine

    return ours.replaced(
        packages=tuple(packages),
        **{
            key: chosen(key)
            for key in ("requires_python", "forks", "supported", "required", "conflicts", "options", "manifest")
        },
    )


def _newest(packages: "tuple[Package, ...]") -> "Key":
    """Return the newest version of a side; one without any version is older than all."""
    return max((version_key(one.version or "0") for one in packages), default=version_key("0.dev0"))


def _project(before: "Package | None", mine: Package, yours: Package) -> Package:
    """Return a project that both sides have changed: all that it asks for on either side."""
    old = before or Package(mine.name, "", mine.source)
    version = yours.version if mine.version == old.version else mine.version
    return mine.replaced(
        version=version,
        dependencies=_lists(old.dependencies, mine.dependencies, yours.dependencies),
        optional=_tables(old.optional, mine.optional, yours.optional),
        groups=_tables(old.groups, mine.groups, yours.groups),
        requires_dist=_lists(old.requires_dist, mine.requires_dist, yours.requires_dist),
        provides_extras=_lists(old.provides_extras, mine.provides_extras, yours.provides_extras),
        requires_dev=_tables(old.requires_dev, mine.requires_dev, yours.requires_dev),
        group_pythons={**yours.group_pythons, **mine.group_pythons},
    )


def _lists(before: "Iterable[One]", mine: "tuple[One, ...]", yours: "tuple[One, ...]") -> "tuple[One, ...]":
    """Return what is on both sides, and what either has added; sorted as either side is, as far as that goes."""
    removed = [one for one in before if one not in mine or one not in yours]
    found = [one for one in mine if one not in removed]
    for at, one in enumerate(yours):
        if one in found or one in removed:
            continue
        # after what stands before it on their side
        place = max((found.index(other) + 1 for other in yours[:at] if other in found), default=0)
        name = getattr(one, "name", "")
        while place < len(found) and name and getattr(found[place], "name", "") < name:
            place += 1
        found.insert(place, one)
    return tuple(found)


def _tables(
    before: "Mapping[str, tuple[One, ...]]",
    mine: "Mapping[str, tuple[One, ...]]",
    yours: "Mapping[str, tuple[One, ...]]",
) -> "dict[str, tuple[One, ...]]":
    return {
        key: _lists(before.get(key, ()), mine.get(key, ()), yours.get(key, ()))
        for key in dict.fromkeys((*mine, *yours))
        if not (key in before and (key not in mine or key not in yours))
    }


def _with_targets(packages: "list[Package]") -> "list[Package]":
    """Return packages without edges that lead nowhere, or to one of several without saying which."""
    named: dict[str, list[Package]] = {}
    for package in packages:
        named.setdefault(package.name, []).append(package)

    def kept(edges: "tuple[Dependency, ...]") -> "tuple[Dependency, ...]":
        found = []
        for edge in edges:
            several = named.get(edge.name, [])
            if edge.version and not any((one.version, one.source) == (edge.version, edge.source) for one in several):
                edge = edge.replaced(version="", source=None)
            if len(several) == 1 and edge.version:
                edge = edge.replaced(version="", source=None)
            if several and (edge.version or len(several) == 1):
                found.append(edge)
        return tuple(dict.fromkeys(found))

    return [
        package.replaced(
            dependencies=kept(package.dependencies),
            optional={extra: kept(edges) for extra, edges in package.optional.items() if kept(edges)},
            groups={group: kept(edges) for group, edges in package.groups.items() if kept(edges)},
        )
        for package in packages
    ]
