"""Whether a lock still says what a workspace declares, and if not, why, and what of it can be kept.

The tests are uv's, in its order, so that both tools agree about every lock: meaning is compared, and never spelling. A lock
that satisfies is not touched.

Laws of this file: pure; what only a build or the network could tell is asked of a function that it is handed.
"""

from itertools import product

from commonwheel.model import Value
from commonwheel.project.spelling import Spelling, specifier
from commonwheel.resolve.locked import Item
from commonwheel.specs import marker_text, uv_lock, versions
from commonwheel.specs.uv_lock import Lock, LockRequirement, Manifest, Package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from typing import Final

    from commonwheel.project.declared import Declared

#: Since this revision a lock names the default groups and the Python bounds of groups.
_WITH_GROUPS = 5


class Stale(Value):
    """A lock is outdated: the reason as a sentence, and whether its versions and its forks are tried first."""

    __slots__ = ("forks", "reason", "versions")

    def __init__(self, reason: str, *, versions: bool = False, forks: bool = False) -> None:
        self.reason: Final = reason
        self.versions: Final = versions
        self.forks: Final = forks


def examine(
    declared: "Declared",
    lock: Lock,
    *,
    refreshed: str = "",
    registries: "Collection[str] | None" = None,
    describe: "Callable[[Package], Package | None]" = lambda _: None,
) -> Stale | None:
    """Return why a lock does not satisfy what is declared, None if it does.

    `refreshed` is a reason to resolve again whatever the lock says (`-P`, `--refresh`), "" for none; `registries` are the
    indexes that are configured (None: none is, and any will do); `describe` returns the table that a package from a local or
    remote source, which is no member, should have now, or None if that cannot have changed.
    """
    return (
        _of_modes(declared, lock)
        or _of_limits(declared, lock)
        or _of_world(declared, lock)
        or _of_pythons(declared, lock)
        or _of_prereleases(declared, lock)
        or (Stale(refreshed, versions=True, forks=True) if refreshed else None)
        or next(_of_content(declared, lock, registries, describe), None)
    )


# --- the tests, in order ----------------------------------------------------------------------------------------------------


def _of_modes(declared: "Declared", lock: Lock) -> Stale | None:
    now, then = declared.options, lock.options
    for what, mine, theirs, default in (
        ("resolution", now.resolution, then.resolution, "highest"),
        ("fork-strategy", now.fork_strategy, then.fork_strategy, "requires-python"),
    ):
        if (mine or default) != (theirs or default):
            return Stale(f"`{what}` is now `{mine or default}`, and the lock was made with `{theirs or default}`")
    return None


def _of_limits(declared: "Declared", lock: Lock) -> Stale | None:
    now, then = declared.options, lock.options
    if now.newest != then.newest:
        reason = f"`exclude-newer` is now {_limit(now.newest)}, and the lock was made with {_limit(then.newest)}"
        return Stale(reason, versions=True, forks=True)
    for name in sorted({*now.newest_packages, *then.newest_packages}):
        mine, theirs = now.newest_packages.get(name), then.newest_packages.get(name)
        if mine != theirs:
            reason = f"`exclude-newer-package` of `{name}` is now {_limit(mine)}, and the lock was made with {_limit(theirs)}"
            return Stale(reason, versions=True, forks=True)
    return None


def _limit(limit: "uv_lock.Limit | None") -> str:
    if limit is None:
        return "not set"
    return f"`{limit.span or limit.moment or 'false'}`"


def _of_world(declared: "Declared", lock: Lock) -> Stale | None:
    pythons = marker_text.python_range(declared.requires_python)
    covered = _whatever_is_chosen(_union(lock.forks), lock)
    wanted = marker_text.conjunction(_union(declared.environments), pythons)
    if lock.forks and not marker_text.disjoint(wanted, marker_text.negation(covered)):
        return Stale("the forks of the lock do not cover all that is to be supported", versions=True)
    for key, mine, theirs in (
        ("environments", declared.supported, lock.supported),
        ("required-environments", declared.required, lock.required),
    ):
        if _markers(mine) != _markers(theirs):
            reason = f"`{key}` is now {_listed(mine)}, and the lock was made with {_listed(theirs)}"
            return Stale(reason, versions=True)
    if {frozenset(items) for items in declared.conflicts} != {frozenset(items) for items in lock.conflicts}:
        return Stale("the `conflicts` have changed", versions=True)
    return None


def _union(texts: "Iterable[str]") -> int:
    texts = list(texts)
    if not texts:
        return marker_text.ALWAYS
    found = marker_text.NEVER
    for text in texts:
        found = marker_text.disjunction(found, marker_text.diagram(text))
    return found


def _whatever_is_chosen(marker: int, lock: Lock) -> int:
    """Return where a marker holds for some choice of conflicting extras and groups."""
    found = marker_text.NEVER
    for choice in product(*((None, *items) for items in lock.conflicts)):
        names = tuple(variable(item) for item in choice if item is not None)
        found = marker_text.disjunction(found, marker_text.assuming_extras(marker, names))
    return found


def variable(item: "uv_lock.Item") -> str:
    """Return the name by which markers of a lock speak of one side of a conflict."""
    return Item(item.package, extra=item.extra, group=item.group).variable


def _markers(texts: "Iterable[str]") -> "frozenset[int]":
    return frozenset(map(marker_text.diagram, texts))


def _listed(texts: "Collection[str]") -> str:
    return ", ".join(f"`{text}`" for text in texts) or "empty"


def _of_pythons(declared: "Declared", lock: Lock) -> Stale | None:
    if _bounds(declared.requires_python) == _bounds(lock.requires_python):
        return None
    reason = f"`requires-python` is now `{declared.requires_python}`, locked for `{lock.requires_python}`"
    return Stale(reason, versions=True, forks=not lock.forks)


def _bounds(text: str) -> "frozenset[tuple[str, object, bool]]":
    """Return the clauses of a specifier, however they are written."""
    return frozenset((one.operator, versions.parsed_key(one.version), one.wildcard) for one in versions.clauses(text))


def _of_prereleases(declared: "Declared", lock: Lock) -> Stale | None:
    now, then = declared.options, lock.options
    mine, theirs = now.prerelease or "if-necessary", then.prerelease.removesuffix("-or-explicit") or "if-necessary"
    if mine != theirs:
        reason = f"`prerelease` is now `{mine}`, and the lock was made with `{theirs}`"
        return Stale(reason, versions=True, forks=True)
    if now.prerelease_packages != then.prerelease_packages:
        return Stale("`prerelease-package` has changed", versions=True, forks=True)
    return None


def _of_content(
    declared: "Declared",
    lock: Lock,
    registries: "Collection[str] | None",
    describe: "Callable[[Package], Package | None]",
) -> "Iterator[Stale]":
    for reason in _differences(declared, lock, registries, describe):
        yield Stale(reason, versions=True, forks=True)


# --- what is locked ---------------------------------------------------------------------------------------------------------


def _differences(
    declared: "Declared",
    lock: Lock,
    registries: "Collection[str] | None",
    describe: "Callable[[Package], Package | None]",
) -> "Iterator[str]":
    yield from _of_members(declared, lock)
    same = _Same(declared.spelling)
    yield from _of_manifest(declared.manifest, lock.manifest, same)
    # of what is not in the lock it says nothing
    names = {package.name for package in lock.packages}
    told = {one for one in declared.manifest.metadata if one.name in names}
    if told != {_normal_metadata(one) for one in lock.manifest.metadata if one.name in names}:
        yield "`dependency-metadata` has changed"
    if registries is not None:
        yield from _of_registries(declared, lock, {one.rstrip("/") for one in registries})
    members = {package.name: package for package in declared.packages}
    for package in lock.packages:
        if package.name in members and package.source.is_local:
            wanted: Package | None = members[package.name]
        elif package.source.kind in ("registry", "git"):
            continue
        else:
            wanted = describe(package)
        if wanted is not None:
            yield from _of_package(wanted, package, same, with_groups=lock.revision >= _WITH_GROUPS)
    if lock.revision >= _WITH_GROUPS:
        yield from _of_groups("the workspace", declared.manifest, lock.manifest)


def _of_members(declared: "Declared", lock: Lock) -> "Iterator[str]":
    now, then = set(declared.manifest.members), set(lock.manifest.members)
    for name in sorted(now - then):
        yield f"`{name}` is a new member of the workspace" if then else "the project has become a workspace"
    for name in sorted(then - now):
        yield f"`{name}` is no member of the workspace any more"
    for package in declared.packages:
        known = [one for one in lock.named(package.name) if one.source.is_local]
        if not known:
            yield f"the project `{package.name}` is not in the lock"
        elif all(one.source != package.source for one in known):
            mine, theirs = package.source, known[0].source
            yield f'`{package.name}` is now `{mine.kind} = "{mine.place}"`, locked as `{theirs.kind} = "{theirs.place}"`'


def _of_manifest(now: Manifest, then: Manifest, same: "_Same") -> "Iterator[str]":
    for key, mine, theirs in (
        ("the script", now.requirements, then.requirements),
        ("`constraint-dependencies`", now.constraints, then.constraints),
        ("`override-dependencies`", now.overrides, then.overrides),
        ("`build-constraint-dependencies`", now.build_constraints, then.build_constraints),
    ):
        yield from _of_lock_requirements(key, mine, theirs, same)
    if set(now.excludes) != set(then.excludes):
        yield f"`exclude-dependencies` is now {_listed(now.excludes)}, locked with {_listed(then.excludes)}"
    yield from _of_lock_requirement_groups("the workspace", now.groups, then.groups, same)


def _normal_metadata(one: "uv_lock.StaticMetadata") -> "uv_lock.StaticMetadata":
    return one.replaced(version=versions.canonical(one.version) if versions.parsed_key(one.version) else one.version)


def _of_registries(declared: "Declared", lock: Lock, registries: "set[str]") -> "Iterator[str]":
    for package in lock.packages:
        if package.source.kind == "registry":
            place = package.source.place
            known = place if "://" in place else declared.spelling.absolute(place)
            if known.rstrip("/") not in registries:
                yield f"`{package.name}` is locked from the index `{place}`, which is not configured"


def _of_package(now: Package, then: Package, same: "_Same", *, with_groups: bool) -> "Iterator[str]":
    if now.version != then.version:
        if not now.version or not then.version:
            yield f"the version of `{now.name}` is {'now dynamic' if not now.version else 'not dynamic any more'}"
        else:
            yield f"`{now.name}` is now version {now.version}, locked as {then.version}"
    yield from _of_lock_requirements(f"`{now.name}`", now.requires_dist, then.requires_dist, same)
    # locks of the first revision did not name the extras
    if then.provides_extras and set(now.provides_extras) != set(then.provides_extras):
        yield f"`{now.name}` now has the extras {_listed(now.provides_extras)}, locked with {_listed(then.provides_extras)}"
    yield from _of_lock_requirement_groups(f"`{now.name}`", now.requires_dev, then.requires_dev, same)
    if with_groups:
        yield from _of_groups(f"`{now.name}`", now, then)


def _of_groups(who: str, now: "Package | Manifest", then: "Package | Manifest") -> "Iterator[str]":
    mine, theirs = now.default_groups, then.default_groups
    if (set(mine) if isinstance(mine, tuple) else mine) != (set(theirs) if isinstance(theirs, tuple) else theirs):
        yield f"the `default-groups` of {who} have changed"
    for group in sorted({*now.group_pythons, *then.group_pythons}):
        bound, known = now.group_pythons.get(group, ""), then.group_pythons.get(group, "")
        if _bounds(bound) != _bounds(known):
            yield f"the group `{group}` of {who} is now for Python `{bound or 'any'}`, locked for `{known or 'any'}`"


def _of_lock_requirement_groups(
    who: str,
    now: "Mapping[str, tuple[LockRequirement, ...]]",
    then: "Mapping[str, tuple[LockRequirement, ...]]",
    same: "_Same",
) -> "Iterator[str]":
    # an empty group says nothing, and locks of older revisions leave it out
    for group in sorted({*now, *then}):
        yield from _of_lock_requirements(f"the group `{group}` of {who}", now.get(group, ()), then.get(group, ()), same)


def _of_lock_requirements(
    who: str, now: "Iterable[LockRequirement]", then: "Iterable[LockRequirement]", same: "_Same"
) -> "Iterator[str]":
    mine = {same.normal(one): one for one in now}
    theirs = {same.normal(one): one for one in then}
    added = sorted((one for normal, one in mine.items() if normal not in theirs), key=shown)
    removed = sorted((one for normal, one in theirs.items() if normal not in mine), key=shown)
    for one in added:
        before = next((other for other in removed if other.name == one.name), None)
        if before is not None:
            removed.remove(before)
            yield f"{who} now asks for `{shown(one)}`, locked for `{shown(before)}`"
        else:
            yield f"{who} now asks for `{shown(one)}`"
    for one in removed:
        yield f"{who} does not ask for `{shown(one)}` any more"


class _Same:
    """Know what differs in spelling alone."""

    def __init__(self, spelling: "Spelling") -> None:
        self._spelling = spelling

    def normal(self, lock_requirement: LockRequirement) -> LockRequirement:
        """Return a lock_requirement in its normal form."""
        place = lock_requirement.place
        if lock_requirement.key == "index":
            place = place.rstrip("/")
        elif lock_requirement.key not in ("", "git", "url"):
            place = self._spelling.path(self._spelling.absolute(place))
        return lock_requirement.replaced(
            extras=tuple(sorted(lock_requirement.extras)),
            marker=marker_text.normalized(lock_requirement.marker),
            specifier=",".join(sorted(specifier(lock_requirement.specifier).split(","))),
            place=place,
        )


def shown(lock_requirement: LockRequirement) -> str:
    """Return a lock_requirement as a requirement."""
    extras = f"[{','.join(lock_requirement.extras)}]" if lock_requirement.extras else ""
    place = f" @ {lock_requirement.place}" if lock_requirement.key not in ("", "index") else ""
    marker = f" ; {lock_requirement.marker}" if lock_requirement.marker else ""
    return f"{lock_requirement.name}{extras}{lock_requirement.specifier}{place}{marker}"
