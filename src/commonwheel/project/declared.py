"""What a workspace (or a script) declares: all that a lock is made of, and is compared with.

pyproject.toml files -> requirements with their sources applied, twice: as the resolver takes them (`resolve.locked.Member`), and
as the lock repeats them (`uv_lock.Package`, `uv_lock.Manifest`). Both come of one pass, so that they cannot disagree.

Laws of this file: it reads no file and builds nothing; the metadata of a project that only a build can tell is asked of a function.
"""

from functools import reduce

from commonwheel.errors import UsageError
from commonwheel.model import Metadata, Origin, PathSource, Requirement, Value, VcsSource
from commonwheel.project.spelling import Spelling, lock_requirements, specifier
from commonwheel.resolve.locked import Item, Member
from commonwheel.specs import marker_text, pyproject, tool_sources, uv_lock, versions
from commonwheel.specs.names import normalize
from commonwheel.specs.requirement import parse_dependency
from commonwheel.specs.tool_uv import DEFAULT_GROUPS
from commonwheel.specs.uv_lock import LockRequirement, Manifest, Options, Package, Source, StaticMetadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Final, TypeAlias

    from commonwheel.project.discovery import Member as Project
    from commonwheel.project.discovery import Workspace
    from commonwheel.specs.script_block import Script
    from commonwheel.specs.tool_sources import Rule
    from commonwheel.specs.tool_uv import ToolTable

    # a requirement for the resolver, and as the lock has it
    Declaration: TypeAlias = tuple[Requirement, LockRequirement]


class BadDeclaration(UsageError):
    """Two declarations of a project contradict each other."""

    code = "bad-declaration"


class Declared(Value):
    """All that a lock is made of.

    root             the directory of the workspace, or of the script
    requires_python  the range of all members, as the lock has it; "" where nobody says it
    packages         the members as the lock describes them, without edges
    members          the members as the resolver takes them
    requirements     those of a script; `groups` those of a root that is no project
    bound            names that come from a named index
    options          is set by `with_options`
    """

    __slots__ = (
        "bound", "build_constraints", "conflicts", "constraints", "environments", "excludes", "groups", "items", "manifest",
        "members", "metadata", "options", "overrides", "packages", "required", "required_environments", "requirements",
        "requires_python", "root", "spelling", "supported",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - one lock has this many sides
        self,
        root: str,
        requires_python: str,
        spelling: Spelling,
        *,
        packages: tuple[Package, ...] = (),
        members: tuple[Member, ...] = (),
        requirements: tuple[Requirement, ...] = (),
        groups: "Mapping[str, tuple[Requirement, ...]] | None" = None,
        constraints: tuple[Requirement, ...] = (),
        overrides: tuple[Requirement, ...] = (),
        excludes: tuple[str, ...] = (),
        build_constraints: tuple[Requirement, ...] = (),
        metadata: tuple[StaticMetadata, ...] = (),
        environments: tuple[str, ...] = (),
        required_environments: tuple[str, ...] = (),
        supported: tuple[str, ...] = (),
        required: tuple[str, ...] = (),
        conflicts: tuple[tuple[uv_lock.Item, ...], ...] = (),
        items: tuple[tuple[Item, ...], ...] = (),
        manifest: Manifest | None = None,
        options: Options | None = None,
        bound: "Mapping[str, str] | None" = None,
    ) -> None:
        self.root: Final = root
        self.requires_python: Final = requires_python
        self.spelling: Final = spelling
        self.packages: Final = packages
        self.members: Final = members
        self.requirements: Final = requirements
        self.groups: Final[Mapping[str, tuple[Requirement, ...]]] = groups or {}
        self.constraints: Final = constraints
        self.overrides: Final = overrides
        self.excludes: Final = excludes
        self.build_constraints: Final = build_constraints
        self.metadata: Final = metadata
        self.environments: Final = environments
        self.required_environments: Final = required_environments
        self.supported: Final = supported
        self.required: Final = required
        self.conflicts: Final = conflicts
        self.items: Final = items
        self.manifest: Final = manifest or Manifest()
        self.options: Final = options or Options()
        self.bound: Final[Mapping[str, str]] = bound or {}


def of_workspace(
    workspace: "Workspace",
    describe: "Callable[[PathSource], Metadata]",
    *,
    python: str,
    no_sources: bool = False,
    sourceless: frozenset[str] = frozenset(),
) -> Declared:
    """Return what a workspace declares.

    `describe` builds what a member leaves to its backend; `python` is the range where no member says one; `no_sources` takes no
    account of `tool.uv.sources`, `sourceless` are names of which it does not count.
    Raises BadDeclaration, InvalidPyproject, and the errors of builds.
    """
    return _Workspace(workspace, describe, python, no_sources=no_sources, sourceless=sourceless).declared()


def of_script(script: "Script", tool: "ToolTable", path: str, directory: str, *, python: str) -> Declared:
    """Return what a script declares (PEP 723); `python` is the range where it says none."""
    spelling = Spelling(directory)
    sourcing = _Sourcing(spelling, tool.sources, {}, {}, tool.indexes)
    found = [one for requirement in script.dependencies for one in sourcing.applied(requirement)]
    requires_python = _joined([script.requires_python]) or python
    shared = _Shared(tool, spelling, path)
    return Declared(
        directory,
        requires_python,
        spelling,
        requirements=tuple(requirement for requirement, _ in found),
        manifest=shared.manifest(requirements=lock_requirements([lock_requirement for _, lock_requirement in found])),
        bound=sourcing.bound,
        **shared.fields(requires_python),  # type: ignore[arg-type]
    )


# --- ranges of Pythons --------------------------------------------------------------------------------------------------


def requires_python_of(workspace: "Workspace") -> str:
    """Return the range that all members of a workspace support, as a lock has it; "" where none says any."""
    return _joined([member.project.requires_python for member in (*workspace.members, workspace.root)])


def _joined(texts: "Iterable[str]") -> str:
    """Return the range that all texts admit: bounds that follow from others are left out where there are several texts."""
    texts = [text for text in dict.fromkeys(map(specifier, texts)) if text]
    if not texts:
        return ""
    kept = list(dict.fromkeys(clause for text in texts for clause in text.split(",")))
    if len(texts) > 1:
        kept = [one for one in kept if not any(_follows(one, other) for other in kept if other != one)]
    return ", ".join(sorted(kept, key=lambda text: versions.version_key(versions.clauses(text)[0].version)))


def _follows(one: str, other: str) -> bool:
    """Return whether a bound follows from another, tighter one."""
    mine, theirs = versions.clauses(one)[0], versions.clauses(other)[0]
    if mine.operator not in (">=", ">", "<", "<=") or not (mine.intervals and theirs.intervals):
        return False
    low, high = mine.intervals[0]
    return all(low <= start and end <= high for start, end in theirs.intervals)


# --- sources ------------------------------------------------------------------------------------------------------------


class _Sourcing:
    """Apply the sources of one project to its requirements."""

    def __init__(
        self,
        spelling: Spelling,
        rules: "tool_sources.Rules",
        members: "Mapping[str, Project]",
        kinds: "Mapping[str, str]",
        indexes: "Mapping[str, str]",
        name: str = "",
    ) -> None:
        self._spelling = spelling
        self._rules = rules
        self._members = members
        self._kinds = kinds
        self._indexes = indexes
        self._name = name
        self.bound: dict[str, str] = {}

    def applied(self, requirement: Requirement, extra: str = "", group: str = "") -> "Iterator[Declaration]":
        """Yield a requirement as the sources have it: several where they have markers.

        What no source covers comes from the indexes. Raises BadDeclaration for a member that has no source.
        """
        rules = [
            rule
            for rule in self._rules.get(requirement.name, ())
            if rule.extra in ("", extra) and rule.group in ("", group)
        ]
        rest = marker_text.diagram(requirement.marker) if requirement.marker else marker_text.ALWAYS
        if requirement.source is not None:
            if isinstance(requirement.source, PathSource) and "file:" in requirement.text:
                self._spelling.note_path(requirement.source.path, requirement.source.path)
            yield requirement, self._spelling.lock_requirement(requirement)
            return
        if not rules and requirement.name in self._members and requirement.name != self._name:
            member = self._members[requirement.name]
            raise BadDeclaration(
                f"`{requirement.name}` is a member of the workspace, and `{requirement.origin}` does not say that it is meant",
                context=(f"the member: {member.path}",),
                hint=f"add `{requirement.name} = {{ workspace = true }}` to `[tool.uv.sources]`",
            )
        for rule in rules:
            covered = marker_text.diagram(rule.marker) if rule.marker else marker_text.ALWAYS
            here = marker_text.conjunction(rest, covered)
            if here != marker_text.NEVER:
                yield self._by(rule, requirement.replaced(marker=marker_text.text(here)), extra, group)
            rest = marker_text.without(rest, covered)
        if rest != marker_text.NEVER:
            requirement = requirement.replaced(marker=marker_text.text(rest))
            yield requirement, self._spelling.lock_requirement(requirement)

    def _by(self, rule: "Rule", requirement: Requirement, extra: str, group: str) -> "Declaration":
        if rule.kind == "index":
            name = normalize(rule.text)
            self._bind(requirement, name)
            conflict: tuple[tuple[str, str], ...] = ()
            if rule.extra or rule.group:
                side = ("extra", extra) if rule.extra else ("group", group)
                conflict = (("package", self._name), side)
            return requirement, self._spelling.lock_requirement(requirement, self._indexes.get(name, ""), conflict)
        if rule.kind == "workspace":
            requirement = requirement.replaced(source=self._member(requirement), specifier="")
        else:
            source = rule.source
            if isinstance(source, VcsSource):
                self._spelling.note_reference(source, rule.reference)
            elif isinstance(source, PathSource):
                self._spelling.note_path(source.path, rule.text)
                if rule.package is False:
                    self._spelling.note_kind(source.path, "virtual")
            requirement = requirement.replaced(source=source, specifier="")
        return requirement, self._spelling.lock_requirement(requirement)

    def _bind(self, requirement: Requirement, index: str) -> None:
        """Let a name come from a named index. Raises BadDeclaration where it is to come from another one elsewhere."""
        rules = self._rules.get(requirement.name, ())
        named = {normalize(rule.text) for rule in rules if rule.kind == "index"}
        covered = marker_text.NEVER
        for rule in rules:
            marker = marker_text.diagram(rule.marker) if rule.marker else marker_text.ALWAYS
            covered = marker_text.disjunction(covered, marker)
        known = self.bound.setdefault(requirement.name, index)
        if len(named) > 1 or known != index or covered != marker_text.ALWAYS:
            raise BadDeclaration(
                f"`{requirement.name}` comes from different indexes under different conditions, which cw cannot lock yet",
                context=(f"from: {requirement.origin}", f"named: {', '.join(sorted({known, *named}))}"),
                hint="name one index for it, without a marker",
            )

    def _member(self, requirement: Requirement) -> PathSource:
        member = self._members.get(requirement.name)
        if member is None:
            raise BadDeclaration(
                f"`{requirement.name}` is said to be a member of the workspace, and is none",
                context=(f"from: {requirement.origin}",),
                hint="add its directory to `[tool.uv.workspace] members`, or give it another source",
            )
        return PathSource(member.directory, self._kinds[requirement.name] == "editable")


# --- what a root says for all --------------------------------------------------------------------------------------------


class _Shared:
    """Constraints, overrides and the like, which the root alone says."""

    def __init__(self, tool: "ToolTable", spelling: Spelling, path: str) -> None:
        self._tool = tool
        self._path = path
        sourcing = _Sourcing(spelling, tool.sources, {}, {}, tool.indexes)
        self._constraints = self._read("constraint-dependencies", tool.constraints, sourcing)
        self._overrides = self._read("override-dependencies", tool.overrides, sourcing)
        self._builds = self._read("build-constraint-dependencies", tool.build_constraints, sourcing)

    def _read(self, key: str, texts: "Sequence[str]", sourcing: _Sourcing) -> "list[Declaration]":
        found: list[Declaration] = []
        for at, text in enumerate(texts):
            origin = Origin(f"{self._path} (tool.uv.{key}[{at}])")
            found += sourcing.applied(parse_dependency(text, origin))
        return found

    def manifest(self, **fields: object) -> Manifest:
        """Return the manifest, with what else belongs to it."""
        return Manifest(
            constraints=lock_requirements([lock_requirement for _, lock_requirement in self._constraints]),
            overrides=lock_requirements([lock_requirement for _, lock_requirement in self._overrides]),
            excludes=tuple(sorted(self._tool.excludes)),
            build_constraints=lock_requirements([lock_requirement for _, lock_requirement in self._builds]),
            metadata=self._metadata(),
            **fields,  # type: ignore[arg-type]
        )

    def fields(self, requires_python: str) -> "dict[str, object]":
        """Return the fields of `Declared` that come of it."""
        return {
            "constraints": tuple(requirement for requirement, _ in self._constraints),
            "overrides": tuple(requirement for requirement, _ in self._overrides),
            "excludes": self._tool.excludes,
            "build_constraints": tuple(requirement for requirement, _ in self._builds),
            "metadata": self._metadata(),
            "environments": self._disjoint(self._tool.environments),
            "required_environments": self._tool.required_environments,
            "supported": simplified(self._tool.environments, requires_python),
            "required": simplified(self._tool.required_environments, requires_python),
        }

    def _disjoint(self, texts: "Sequence[str]") -> "tuple[str, ...]":
        read = [marker_text.diagram(text) for text in texts]
        for at, one in enumerate(read):
            for before, other in enumerate(read[:at]):
                if not marker_text.disjoint(one, other):
                    raise BadDeclaration(
                        f"two of the `environments` in `{self._path}` overlap",
                        context=(texts[before], texts[at]),
                        hint="write markers that exclude each other",
                    )
        return tuple(texts)

    def _metadata(self) -> "tuple[StaticMetadata, ...]":
        found = (
            StaticMetadata(
                one.name,
                versions.canonical(one.version) if one.version else "",
                one.requires_dist,
                one.requires_python,
                one.provides_extras,
            )
            for one in self._tool.metadata
        )
        return tuple(sorted(found, key=lambda one: (one.name, one.version)))


def simplified(texts: "Iterable[str]", requires_python: str) -> "tuple[str, ...]":
    """Return markers in their normal form, without what goes without saying in a range of Pythons."""
    pythons = marker_text.python_range(requires_python)
    return tuple(marker_text.text(marker_text.opened(marker_text.diagram(text), pythons)) for text in texts)


# --- workspaces ----------------------------------------------------------------------------------------------------------


class _Workspace:
    """Read the members of a workspace, one after the other."""

    def __init__(
        self,
        workspace: "Workspace",
        describe: "Callable[[PathSource], Metadata]",
        python: str,
        *,
        no_sources: bool,
        sourceless: "frozenset[str]",
    ) -> None:
        self._workspace = workspace
        self._describe = describe
        self._python = python
        self._no_sources = no_sources
        self._sourceless = sourceless
        self._members = {member.name: member for member in workspace.members}
        self._spelling = Spelling(workspace.directory)
        self._kinds = self._kinds_of_members()
        self.bound: dict[str, str] = {}

    def declared(self) -> Declared:
        workspace = self._workspace
        requires_python = requires_python_of(workspace) or self._python
        packages, members = [], []
        for member in workspace.members:
            package, resolved = self._read(member)
            packages.append(package)
            members.append(resolved)
        root = workspace.root
        fields: dict[str, object] = {}
        groups: dict[str, tuple[Requirement, ...]] = {}
        if workspace.is_virtual:
            read = _Groups(root, self._sourcing(root), self._spelling).read()
            groups = {group: tuple(one for one, _ in found) for group, found in read.requirements.items()}
            fields = {
                "groups": {
                    group: lock_requirements([one for _, one in found]) for group, found in read.requirements.items()
                },
                "group_pythons": read.pythons,
                "default_groups": _said_groups(root.tool.default_groups),
            }
        shared = _Shared(root.tool, self._spelling, root.path)
        items = self._conflicts()
        return Declared(
            workspace.directory,
            requires_python,
            self._spelling,
            packages=tuple(packages),
            members=tuple(members),
            groups=groups,
            manifest=shared.manifest(members=() if workspace.is_alone else tuple(sorted(self._members)), **fields),
            conflicts=tuple(
                tuple(uv_lock.Item(one.package, one.extra, one.group) for one in several) for several in items
            ),
            items=items,
            bound=self.bound,
            **shared.fields(requires_python),  # type: ignore[arg-type]
        )

    # --- members ----------------------------------------------------------------------------------------------------

    def _kinds_of_members(self) -> dict[str, str]:
        """Return for each member whether it is `editable`, `directory` or `virtual`."""
        wanted: dict[str, bool] = {}
        for member in self._workspace.members:
            named = {requirement.name for requirement in _all_requirements(member)} - {member.name}
            for name in named & set(self._members):
                for rule in self._rules(member).get(name, ()):
                    if rule.kind == "workspace":
                        wanted[name] = wanted.get(name, True) and rule.editable is not False
        kinds = {}
        for name, member in self._members.items():
            package = member.tool.package
            if package is None:
                package = member.project.build_system is not None or name in wanted
            kinds[name] = ("editable" if wanted.get(name, True) else "directory") if package else "virtual"
            self._spelling.note_kind(member.directory, kinds[name])
        return kinds

    def _rules(self, member: "Project") -> "tool_sources.Rules":
        """Return the sources of a member: its own, and those of the root for what it does not name."""
        if self._no_sources:
            return {}
        rules = {**self._workspace.root.tool.sources, **member.tool.sources}
        return {name: several for name, several in rules.items() if name not in self._sourceless}

    def _sourcing(self, member: "Project") -> _Sourcing:
        indexes = {**member.tool.indexes, **self._workspace.root.tool.indexes}
        sourcing = _Sourcing(self._spelling, self._rules(member), self._members, self._kinds, indexes, member.name)
        sourcing.bound = self.bound
        return sourcing

    def _read(self, member: "Project") -> tuple[Package, Member]:
        project, sourcing = member.project, self._sourcing(member)
        source = PathSource(member.directory, self._kinds[member.name] == "editable")
        dynamic = "version" in project.dynamic
        if project.dynamic_dependencies:
            told = self._describe(source)
            extras, needs = told.provides_extra, [(one, _extra_of(one)) for one in told.requires]
            version = "" if dynamic else told.version
        else:
            extras, version = project.extras, project.version
            needs = [(one, "") for one in project.requires]
            for extra, several in project.optional.items():
                needs += [(one.replaced(marker=_for_extra(one.marker, extra)), extra) for one in several]
        found = [one for requirement, extra in needs for one in sourcing.applied(requirement, extra=extra)]
        groups = _Groups(member, sourcing, self._spelling).read()
        package = Package(
            member.name,
            "" if dynamic else version,
            Source(self._kinds[member.name], self._spelling.path(member.directory)),
            default_groups=_said_groups(member.tool.default_groups),
            group_pythons=groups.pythons,
            requires_dist=lock_requirements([lock_requirement for _, lock_requirement in found]),
            provides_extras=extras,
            requires_dev={
                group: lock_requirements([one for _, one in several]) for group, several in groups.requirements.items()
            },
        )
        metadata = Metadata(
            member.name,
            "" if dynamic else version,
            tuple(requirement for requirement, _ in found),
            project.requires_python,
            extras,
        )
        resolved = Member(
            Requirement(member.name, source=source),
            metadata,
            {group: tuple(one for one, _ in several) for group, several in groups.requirements.items()},
        )
        return package, resolved

    # --- conflicts ----------------------------------------------------------------------------------------------------

    def _conflicts(self) -> "tuple[tuple[Item, ...], ...]":
        """Return the sets of conflicts of all members, each sorted; a group that includes a group of a set joins it."""
        found = []
        root = self._workspace.root
        for member in ([root] if self._workspace.is_virtual else []) + list(self._workspace.members):
            including = _including(member)
            for several in member.tool.conflicts:
                items: dict[Item, None] = {}
                for package, extra, group in several:
                    name = package or member.name
                    for one in (group, *(including.get(group, ()) if name == member.name and group else ())):
                        items[Item(name, extra=extra, group=one)] = None
                found.append(tuple(sorted(items, key=lambda one: (one.package, bool(one.group), one.extra, one.group))))
        return tuple(dict.fromkeys(found))


def _said_groups(value: "tuple[str, ...] | str | None") -> "tuple[str, ...] | str | None":
    return None if value == DEFAULT_GROUPS else value


def _all_requirements(member: "Project") -> "Iterator[Requirement]":
    """Yield every requirement that a member names, as far as that is told without sources."""
    yield from member.project.requires
    for several in member.project.optional.values():
        yield from several
    for group in member.project.groups:
        yield from member.project.group(group)
    for text in member.tool.dev:
        yield parse_dependency(text, None)


def _for_extra(marker: str, extra: str) -> str:
    text = f"extra == '{extra}'"
    return f"({marker}) and {text}" if marker else text


def _extra_of(requirement: Requirement) -> str:
    """Return for which extra a requirement of built metadata is, "" for none."""
    _, found, rest = requirement.marker.replace('"', "'").rpartition("extra == '")
    return rest.partition("'")[0] if found else ""


def _including(member: "Project") -> "dict[str, tuple[str, ...]]":
    """Return for each group those that include it, at any depth."""
    direct: dict[str, list[str]] = {}
    for group, entries in member.project.groups.items():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
                direct.setdefault(normalize(entry["include-group"]), []).append(normalize(group))

    def above(group: str, seen: "tuple[str, ...]") -> "Iterator[str]":
        for one in direct.get(group, ()):
            if one not in seen:
                yield one
                yield from above(one, (*seen, one))

    return {group: tuple(dict.fromkeys(above(group, (group,)))) for group in direct}


class _Groups:
    """The dependency groups of a project: requirements with includes flattened, and the Python bound of each."""

    def __init__(self, member: "Project", sourcing: _Sourcing, spelling: Spelling) -> None:
        self._member = member
        self._sourcing = sourcing
        self._spelling = spelling
        self._raw = {normalize(group): entries for group, entries in member.project.groups.items()}
        self.requirements: dict[str, list[Declaration]] = {}
        self.pythons: dict[str, str] = {}

    def read(self) -> "_Groups":
        """Read all groups. Raises InvalidPyproject."""
        names = list(self._raw)
        if self._member.tool.dev and "dev" not in names:
            names.append("dev")
        unknown = sorted(set(self._member.tool.group_pythons) - set(names))
        if unknown:
            raise pyproject.InvalidPyproject(
                f"the tool tables of `{self._member.path}` cannot be read",
                issues=[f"tool.uv.dependency-groups.{group}: there is no such group" for group in unknown],
            )
        for group in names:
            if group in self._raw:
                self._member.project.group(group)  # says what is wrong, and where
            found, bounds = self._flat(group)
            self.requirements[group] = [
                one for requirement in found for one in self._sourcing.applied(requirement, group=group)
            ]
            if bounds:
                self.pythons[group] = _joined(bounds)
        return self

    def _flat(self, group: str) -> "tuple[list[Requirement], list[str]]":
        """Return the requirements of a group and of those it includes, and all of their bounds."""
        found: list[Requirement] = []
        own = self._member.tool.group_pythons.get(group, "")
        bounds = [own] if own else []
        entries = self._raw.get(group, ())
        for at, entry in enumerate(entries if isinstance(entries, (list, tuple)) else ()):
            if isinstance(entry, str):
                origin = Origin(f"{self._member.path} (dependency-groups.{group}[{at}])")
                found.append(parse_dependency(entry, origin, base_directory=self._member.directory))
            elif isinstance(entry, dict):
                inner, more = self._flat(normalize(str(entry.get("include-group", ""))))
                found += inner
                bounds += more
        if group == "dev":
            for at, text in enumerate(self._member.tool.dev):
                origin = Origin(f"{self._member.path} (tool.uv.dev-dependencies[{at}])")
                found.append(parse_dependency(text, origin, base_directory=self._member.directory))
        if own:
            bound = marker_text.text(marker_text.python_range(own))
            found = [one.replaced(marker=f"({one.marker}) and ({bound})" if one.marker else bound) for one in found]
        return found, bounds


def default_groups(package: "Package | Manifest") -> "tuple[str, ...] | str":
    """Return the groups that count unless something else is said: names, or `"all"`."""
    return DEFAULT_GROUPS if package.default_groups is None else package.default_groups


def joined_pythons(texts: "Iterable[str]") -> str:
    """Return the range of Pythons that all texts admit."""
    return reduce(lambda one, other: _joined([one, other]), texts, "")
