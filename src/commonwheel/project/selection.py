"""From a lock to what is installed: follow the edges from what is chosen, for one target, and pick a file of each package.

Laws of this file: pure. It reads neither disk nor network; `sync`, `run`, `export` and `tree` share it.
"""

from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.model import Candidate, PathSource, Pin, SafeUrl, UrlSource, Value
from commonwheel.project.freshness import variable
from commonwheel.project.spelling import digests_of
from commonwheel.specs import dates, file_url, markers, wheel_file
from commonwheel.specs.names import normalize
from commonwheel.specs.tool_uv import DEFAULT_GROUPS
from commonwheel.specs.uv_lock import Item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import Final

    from commonwheel.model import Target
    from commonwheel.project.spelling import Spelling
    from commonwheel.specs.uv_lock import Dependency, File, Lock, LockRequirement, Package


class UnknownSelection(UsageError):
    """The project has no such extra, group or member."""

    code = "unknown-selection"


class Conflict(UsageError):
    """Two extras or groups were chosen that the project declares to be in conflict."""

    code = "conflicting-selection"


class NoFileFits(CommonwheelError):
    """No file of a locked package can be used with this interpreter."""

    code = "no-locked-file-fits"


class BrokenLock(CommonwheelError):
    """A lock refers to packages that are not in it, or leads to two versions of one package."""

    code = "broken-lock"
    exit_status = 2


class Choice(Value):
    """What the user wants of a lock.

    members    names of members; () for all of them where `whole`
    extras     names, or `all_extras`; `no_extras` are left out of these
    groups     beyond the defaults, or `all_groups`; `no_groups` are left out whatever else names them
    only       groups alone, without the projects that they belong to
    defaults   whether the default groups count
    """

    __slots__ = (
        "all_extras",
        "all_groups",
        "defaults",
        "extras",
        "groups",
        "members",
        "no_extras",
        "no_groups",
        "only",
        "whole",
    )

    def __init__(  # noqa: PLR0913 - the options of a command
        self,
        members: tuple[str, ...] = (),
        *,
        whole: bool = False,
        extras: tuple[str, ...] = (),
        all_extras: bool = False,
        no_extras: tuple[str, ...] = (),
        groups: tuple[str, ...] = (),
        all_groups: bool = False,
        no_groups: tuple[str, ...] = (),
        only: tuple[str, ...] = (),
        defaults: bool = True,
    ) -> None:
        self.members: Final = members
        self.whole: Final = whole
        self.extras: Final = extras
        self.all_extras: Final = all_extras
        self.no_extras: Final = no_extras
        self.groups: Final = groups
        self.all_groups: Final = all_groups
        self.no_groups: Final = no_groups
        self.only: Final = only
        self.defaults: Final = defaults


class Chosen(Value):
    """A part of a lock for one target: packages in the order of the lock, with the extras of each that are wanted.

    `roots` are the names of the members that were chosen; `edges` maps a name to those that ask for it.
    """

    __slots__ = ("edges", "extras", "packages", "roots")

    def __init__(
        self,
        packages: "tuple[Package, ...]",
        extras: "Mapping[str, tuple[str, ...]]",
        roots: tuple[str, ...],
        edges: "Mapping[str, tuple[str, ...]]",
    ) -> None:
        self.packages: Final = packages
        self.extras: Final = extras
        self.roots: Final = roots
        self.edges: Final = edges


# --- what is chosen -----------------------------------------------------------------------------------------------------------


class Selected(Value):
    """A choice held against a lock: members with their extras and groups, groups of a virtual root, requirements of a script."""

    __slots__ = ("extras", "groups", "members", "only", "root_groups")

    def __init__(
        self,
        members: "tuple[Package, ...]",
        extras: "Mapping[str, tuple[str, ...]]",
        groups: "Mapping[str, tuple[str, ...]]",
        root_groups: tuple[str, ...],
        *,
        only: bool,
    ) -> None:
        self.members: Final = members
        self.extras: Final = extras
        self.groups: Final = groups
        self.root_groups: Final = root_groups
        self.only: Final = only

    def variables(self) -> "Iterator[Item]":
        """Yield every extra and group that was chosen, and every project."""
        from_members = (
            (package.name, self.extras[package.name], self.groups[package.name]) for package in self.members
        )
        for name, extras, groups in from_members:
            yield Item(name)
            for extra in extras:
                yield Item(name, extra=extra)
            for group in groups:
                yield Item(name, group=group)
        for group in self.root_groups:
            yield Item("", group=group)


def select(lock: "Lock", choice: Choice) -> Selected:
    """Hold a choice against a lock. Raises UnknownSelection, and Conflict."""
    members = _members(lock, choice)
    known_extras = {name for package in members for name in (*package.provides_extras, *package.optional)}
    known_groups = {name for package in members for name in (*package.requires_dev, *package.groups)}
    known_groups |= set(lock.manifest.groups)
    asked_groups = (*choice.groups, *choice.only, *choice.no_groups)
    for what, wanted, known in (
        ("extra", (*choice.extras, *choice.no_extras), known_extras),
        ("group", asked_groups, known_groups),
    ):
        for name in map(normalize, wanted):
            if name not in known and not (name == "dev" and what == "group"):
                raise UnknownSelection(
                    f"there is no {what} `{name}` in the project",
                    context=(f"it has: {', '.join(sorted(known))}" if known else "it has none",),
                )
    extras = {package.name: _extras(package, choice) for package in members}
    groups = {
        package.name: _groups({*package.requires_dev, *package.groups}, package.default_groups, choice)
        for package in members
    }
    root_groups = _groups(set(lock.manifest.groups), lock.manifest.default_groups, choice)
    found = Selected(members, extras, groups, root_groups, only=bool(choice.only))
    _refuse_conflicts(lock, found)
    return found


def _members(lock: "Lock", choice: Choice) -> "tuple[Package, ...]":
    names = set(lock.manifest.members)
    local = [package for package in lock.packages if package.source.is_local]
    if not names:
        names = {package.name for package in local if package.source.place == "."}
    members = [package for package in local if package.name in names]
    if choice.whole:
        return tuple(members)
    for name in choice.members:
        if name not in {package.name for package in members}:
            raise UnknownSelection(
                f"there is no member `{name}` in the workspace",
                context=(f"it has: {', '.join(sorted(names))}" if names else "it has none",),
            )
    return tuple(package for package in members if package.name in choice.members)


def _extras(package: "Package", choice: Choice) -> tuple[str, ...]:
    if choice.only:
        return ()
    known = dict.fromkeys((*package.provides_extras, *package.optional))
    wanted = known if choice.all_extras else [name for name in map(normalize, choice.extras) if name in known]
    left_out = set(map(normalize, choice.no_extras))
    return tuple(name for name in dict.fromkeys(wanted) if name not in left_out)


def _groups(known: "Collection[str]", said: "tuple[str, ...] | str | None", choice: Choice) -> tuple[str, ...]:
    wanted: list[str] = [*map(normalize, choice.only), *map(normalize, choice.groups)]
    if choice.all_groups:
        wanted += sorted(known)
    elif choice.defaults and not choice.only:
        defaults = DEFAULT_GROUPS if said is None else said
        wanted += sorted(known) if isinstance(defaults, str) else defaults
    left_out = set(map(normalize, choice.no_groups))
    return tuple(name for name in dict.fromkeys(wanted) if name in known and name not in left_out)


def _refuse_conflicts(lock: "Lock", selected: Selected) -> None:
    chosen = set(selected.variables())
    for items in lock.conflicts:
        both = [item for item in items if item in chosen]
        if len(both) > 1:
            raise Conflict(
                f"{_called(both[0])} and {_called(both[1])} are declared to be in conflict, and both are asked for",
                hint="leave one of them out",
            )


def _called(item: "Item") -> str:
    if item.extra:
        return f"the extra `{item.extra}`"
    return f"the group `{item.group}`" if item.group else f"the project `{item.package}`"


# --- what it leads to --------------------------------------------------------------------------------------------------------------


def follow(lock: "Lock", selected: Selected, environment: "Mapping[str, str]") -> Chosen:
    """Return the packages that a selection needs in an environment (values of PEP 508 variables). Raises BrokenLock."""
    active = frozenset(map(variable, selected.variables()))
    while True:
        walk = _Walk(lock, environment, active)
        found = walk.run(selected)
        more = active | {variable(Item(name, extra=extra)) for name, extras in found.extras.items() for extra in extras}
        if not lock.conflicts or more == active:
            return found
        active = more


class _Walk:
    """Follow edges, with the markers answered for one environment and one set of conflicting choices."""

    def __init__(self, lock: "Lock", environment: "Mapping[str, str]", active: "frozenset[str]") -> None:
        self._lock = lock
        self._environment = environment
        self._active = active
        self._named: dict[str, list[Package]] = {}
        for package in lock.packages:
            self._named.setdefault(package.name, []).append(package)
        self._holds: dict[str, bool] = {"": True}
        self._found: dict[str, Package] = {}
        self._extras: dict[str, list[str]] = {}
        self._edges: dict[str, dict[str, None]] = {}
        self._waiting: list[tuple[Package, str]] = []
        self._seen: set[tuple[str, str]] = set()

    def run(self, selected: Selected) -> Chosen:
        for package in selected.members:
            if not selected.only:
                self._take(package, "", "")
                for extra in selected.extras[package.name]:
                    self._take(package, extra, "")
            for group in selected.groups[package.name]:
                self._enter(package.groups.get(group, ()), package.name)
        for group in selected.root_groups:
            self._ask(self._lock.manifest.groups[group])
        self._ask(self._lock.manifest.requirements)
        while self._waiting:
            package, extra = self._waiting.pop()
            self._enter(package.optional.get(extra, ()) if extra else package.dependencies, package.name)
        order = {package.key(): at for at, package in enumerate(self._lock.packages)}
        packages = sorted(self._found.values(), key=lambda one: order[one.key()])
        return Chosen(
            tuple(packages),
            {name: tuple(sorted(extras)) for name, extras in self._extras.items()},
            tuple(package.name for package in selected.members),
            {name: tuple(parents) for name, parents in self._edges.items()},
        )

    def _holds_here(self, marker: str) -> bool:
        known = self._holds.get(marker)
        if known is None:
            known = self._holds[marker] = markers.evaluate(marker, self._environment, self._active)
        return known

    def _enter(self, edges: "Iterable[Dependency]", parent: str) -> None:
        for edge in edges:
            if self._holds_here(edge.marker):
                package = self._target(edge)
                self._take(package, "", parent)
                for extra in edge.extras:
                    self._take(package, extra, parent)

    def _ask(self, lock_requirements: "Iterable[LockRequirement]") -> None:
        for lock_requirement in lock_requirements:
            if self._holds_here(lock_requirement.marker):
                package = self._of_this_fork(lock_requirement.name, self._named.get(lock_requirement.name, []))
                for extra in ("", *lock_requirement.extras):
                    self._take(package, extra, "")

    def _target(self, edge: "Dependency") -> "Package":
        several = self._named.get(edge.name, [])
        if edge.version:
            several = [package for package in several if package.version == edge.version]
        if edge.source is not None:
            several = [package for package in several if package.source == edge.source]
        return self._of_this_fork(edge.name, several)

    def _of_this_fork(self, name: str, several: "list[Package]") -> "Package":
        if len(several) > 1:
            several = [one for one in several if not one.forks or any(map(self._holds_here, one.forks))]
        if len(several) != 1:
            what = "is not in the lock" if not several else "is in the lock more than once for this environment"
            raise BrokenLock(f"`{name}` is needed, and {what}", hint="run `cw lock`")
        return several[0]

    def _take(self, package: "Package", extra: str, parent: str) -> None:
        known = self._found.setdefault(package.name, package)
        if known is not package:
            raise BrokenLock(
                f"the lock leads to two versions of `{package.name}`: {known.version} and {package.version}",
                hint="run `cw lock`",
            )
        if parent:
            self._edges.setdefault(package.name, {})[parent] = None
        taken = self._extras.setdefault(package.name, [])
        if (package.name, extra) not in self._seen:
            self._seen.add((package.name, extra))
            self._waiting.append((package, extra))
            if extra:
                taken.append(extra)


# --- files ----------------------------------------------------------------------------------------------------------------------


def pins(
    chosen: "Iterable[Package]",
    target: "Target",
    spelling: "Spelling",
    *,
    no_wheels: "Collection[str]" = (),
    no_sdists: "Collection[str]" = (),
    plain: "Collection[str]" = (),
) -> tuple[Pin, ...]:
    """Return a pin for each package that is installed: virtual ones are not.

    `plain` are names that are not installed in editable form (`:all:` for all). Raises NoFileFits.
    """
    ranks = {tag: rank for rank, tag in enumerate(target.tags)}
    found = []
    for package in chosen:
        if package.source.kind == "virtual":
            continue
        if package.source.kind == "registry":
            wheels = not _named(package.name, no_wheels)
            sdists = not _named(package.name, no_sdists)
            found.append(_index_pin(package, ranks, spelling, wheels=wheels, sdists=sdists))
            continue
        hashes = digests_of(_hash(package))
        source = spelling.source(package.source, hashes)
        if isinstance(source, PathSource) and source.editable and _named(package.name, plain):
            source = source.replaced(editable=False)
        required = hashes if isinstance(source, (PathSource, UrlSource)) else ()
        found.append(Pin(package.name, package.version, source=source, digests=required, requested=False))
    return tuple(found)


def _named(name: str, names: "Collection[str]") -> bool:
    return name in names or ":all:" in names


def _hash(package: "Package") -> str:
    files = (*package.wheels, *((package.sdist,) if package.sdist is not None else ()))
    return files[0].hash if files else ""


def _index_pin(
    package: "Package", ranks: "Mapping[str, int]", spelling: "Spelling", *, wheels: bool, sdists: bool
) -> Pin:
    best: tuple[int, tuple[int, int, str], File] | None = None
    for file in package.wheels if wheels else ():
        rank = _rank(file.filename, ranks)
        if rank is not None:
            key = (rank[0], (-rank[1][0], 0, rank[1][1]), file)
            if best is None or key[:2] < best[:2]:
                best = key
    if best is not None:
        chosen = best[2]
    elif package.sdist is not None and sdists:
        chosen = package.sdist
    else:
        tags = [file.filename for file in package.wheels]
        raise NoFileFits(
            f"no file of `{package.name}` {package.version} in the lock can be used with this interpreter",
            context=[f"the lock has: {name}" for name in tags[:10]] or ["the lock has no file of it"],
            hint="use another Python, or name this platform in `tool.uv.required-environments`",
        )
    digests = digests_of(chosen.hash)
    uploaded = None
    if chosen.uploaded:
        uploaded = dates.moment(chosen.uploaded, 0.0)
    url = chosen.place
    if chosen.key == "path" or "://" not in url:
        base = spelling.absolute(package.source.place)
        url = file_url.from_path(url if url.startswith("/") else f"{base}/{url}")
    candidate = Candidate(
        package.name,
        package.version,
        "sdist" if chosen is package.sdist else "wheel",
        file_url.unquote(chosen.filename),
        SafeUrl(url),
        digests,
        chosen.size,
        uploaded=uploaded,
        index=package.source.place,
    )
    return Pin(package.name, package.version, candidate, digests=digests)


def _rank(filename: str, ranks: "Mapping[str, int]") -> "tuple[int, tuple[int, str]] | None":
    """Return how well a wheel fits, the smallest best, and its build number; None if it does not."""
    try:
        name = wheel_file.parse_filename(file_url.unquote(filename))
    except wheel_file.InvalidWheelName:
        return None
    fitting = [ranks[tag] for tag in wheel_file.expand_tags(name.python, name.abi, name.platform) if tag in ranks]
    return (min(fitting), wheel_file.build_key(name.build)) if fitting else None
