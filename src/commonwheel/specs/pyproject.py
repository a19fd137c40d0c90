"""pyproject.toml: what to build with (PEP 518), the project (PEP 621), its groups (PEP 735), and raw tool tables. Cold.

Everything faulty is told at once, each with its dotted path. What a build backend alone understands is not looked at.
"""

from commonwheel.model import Metadata, Origin, Requirement, Value
from commonwheel.specs import legacy_specifiers, toml, tool_sources, versions
from commonwheel.specs.names import is_valid, normalize
from commonwheel.specs.parse_errors import Malformed
from commonwheel.specs.requirement import InvalidRequirement, parse_dependency

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Final

    Table = Mapping[str, object]

# what a resolution needs, by the names of `project.dynamic`
_RESOLVED = frozenset(("version", "dependencies", "optional-dependencies", "requires-python"))

# groups within groups; each level takes some frames of the stack
_DEEPEST = 100


class InvalidPyproject(Malformed):
    """A pyproject.toml is invalid; each issue begins with its dotted path."""

    code = "invalid-pyproject"
    exit_status = 2


class UnknownGroup(InvalidPyproject):
    """A project has no such extra or dependency group."""

    code = "unknown-group"


class BuildSystem(Value):
    """The `[build-system]` table: requirement texts, the backend (`module:object`, or "" if not said) and where it lies."""

    __slots__ = ("backend", "backend_path", "requires")

    def __init__(self, requires: tuple[str, ...], backend: str = "", backend_path: tuple[str, ...] = ()) -> None:
        self.requires: Final = requires
        self.backend: Final = backend
        self.backend_path: Final = backend_path


class Project(Value):
    """A pyproject.toml: `name` and `version` are normalised, and "" where they are not said (no `[project]`, dynamic).

    `optional` maps normalised extras to requirements; `dynamic` are the field names of `project.dynamic`; `build_system` is
    None where the file has none; `groups` is the raw `[dependency-groups]`; `tools` the raw `[tool]`.
    """

    __slots__ = (
        "build_system", "declared", "dynamic", "groups", "name", "optional", "path", "requires", "requires_python", "tools",
        "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the tables of the file
        self,
        path: str,
        *,
        declared: bool = False,
        name: str = "",
        version: str = "",
        requires: tuple[Requirement, ...] = (),
        optional: "Mapping[str, tuple[Requirement, ...]] | None" = None,
        requires_python: str = "",
        dynamic: frozenset[str] = frozenset(),
        build_system: BuildSystem | None = None,
        groups: "Table | None" = None,
        tools: "Table | None" = None,
    ) -> None:
        self.path: Final = path
        self.declared: Final = declared
        self.name: Final = name
        self.version: Final = version
        self.requires: Final = requires
        self.optional: Final[Mapping[str, tuple[Requirement, ...]]] = optional or {}
        self.requires_python: Final = requires_python
        self.dynamic: Final = dynamic
        self.build_system: Final = build_system
        self.groups: Final[Table] = groups or {}
        self.tools: Final[Table] = tools or {}

    @property
    def directory(self) -> str:
        """Return the directory of the project, as the path says it ("" when it has none)."""
        return self.path.rpartition("/")[0]

    @property
    def extras(self) -> tuple[str, ...]:
        """Return the names of all extras, in the order of the file."""
        return tuple(self.optional)

    @property
    def dynamic_dependencies(self) -> bool:
        """Return whether only a build can tell the dependencies (also when there is no `[project]`)."""
        return not self.declared or not self.dynamic.isdisjoint(("dependencies", "optional-dependencies"))

    def tool(self, name: str) -> "Table":
        """Return a raw table below `[tool]`, empty if there is none."""
        table = self.tools.get(name)
        return table if isinstance(table, dict) else {}

    def dependencies(self, extras: "Iterable[str]" = (), *, sources: bool = False) -> tuple[Requirement, ...]:
        """Return the dependencies, and those of some extras; an extra of the project that refers to another is followed.

        With `sources` what `[tool.uv.sources]` says of them counts. Raises UnknownGroup; InvalidPyproject for bad sources.
        """
        rules = self.rules() if sources else {}
        found = [one for requirement in self.requires for one in tool_sources.applied(requirement, rules)]
        for extra in map(normalize, extras):
            for requirement in self._extra(extra, ()):
                found.extend(tool_sources.applied(requirement, rules, extra=extra))
        return tuple(dict.fromkeys(found))

    def rules(self) -> "tool_sources.Rules":
        """Return the sources of the tool tables, those of cw before those of uv. Raises InvalidPyproject."""
        issues: list[str] = []
        merged: dict[str, tuple[tool_sources.Rule, ...]] = {}
        for tool in ("uv", "cw"):
            table = self.tool(tool).get("sources")
            merged |= tool_sources.rules(table, f"tool.{tool}.sources", self.directory, issues, workspaces=True)
        if issues:
            raise InvalidPyproject(f"the sources in `{self.path}` cannot be read", issues=issues)
        return merged

    def _extra(self, extra: str, chain: tuple[str, ...]) -> "Iterator[Requirement]":
        if extra not in self.optional:
            raise UnknownGroup(
                f"`{self.path}` has no extra `{extra}`",
                context=(f"it has: {', '.join(self.optional)}",) if self.optional else ("it has none",),
            )
        for requirement in self.optional[extra]:
            if requirement.name != self.name or not requirement.extras:
                yield requirement
                continue
            for other in requirement.extras:
                if other not in (*chain, extra):
                    for inner in self._extra(other, (*chain, extra)):
                        yield inner.replaced(marker=_both(requirement.marker, inner.marker))

    def group(self, name: str, origin: Origin | None = None, *, sources: bool = False) -> tuple[Requirement, ...]:
        """Return the requirements of a dependency group, those of the groups it includes among them, in order.

        With `sources` what `[tool.uv.sources]` says of them counts. Raises UnknownGroup, and InvalidPyproject for what is wrong in the groups (which nobody looks at before).
        """
        groups = _Groups(self, origin)
        found = groups.read(normalize(name), ())
        if groups.issues:
            raise InvalidPyproject(f"the dependency groups of `{self.path}` cannot be read", issues=groups.issues)
        rules = self.rules() if sources else {}
        settled = (one for found_one in found for one in tool_sources.applied(found_one, rules, group=normalize(name)))
        return tuple(dict.fromkeys(settled))


def read(text: str, path: str) -> Project:
    """Read a pyproject.toml; `path` names it in messages and origins, and its directory is what relative paths are relative to.

    Raises InvalidPyproject with every fault.
    """
    try:
        document = toml.loads(text)
    except toml.InvalidToml as error:
        raise InvalidPyproject(f"`{path}` is not valid TOML: {error}") from error
    reading = _Reading(path)
    system = reading.build_system(document)
    tools = reading.table(document, "tool", "tool")
    groups = reading.table(document, "dependency-groups", "dependency-groups")
    project = reading.project(document, system, groups, tools)
    if reading.issues:
        raise InvalidPyproject(f"`{path}` is not a valid pyproject.toml", issues=reading.issues)
    return project


def build_system(text: str, path: str) -> BuildSystem | None:
    """Read the `[build-system]` table alone, whatever else the file holds: what a backend alone understands is its affair.

    None where the file has none. Raises InvalidPyproject.
    """
    try:
        document = toml.loads(text)
    except toml.InvalidToml as error:
        raise InvalidPyproject(f"`{path}` is not valid TOML: {error}") from error
    reading = _Reading(path)
    system = reading.build_system(document)
    if reading.issues:
        raise InvalidPyproject(f"`{path}` is not a valid pyproject.toml", issues=reading.issues)
    return system


def static_metadata(project: Project) -> Metadata | None:
    """Return what resolution needs of a project if the file says all of it for good, else None."""
    if not (project.declared and project.name and project.version) or not project.dynamic.isdisjoint(_RESOLVED):
        return None
    requires = [requirement.replaced(origin=None) for requirement in project.requires]
    for extra, optional in project.optional.items():
        marker = f'extra == "{extra}"'
        requires.extend(one.replaced(origin=None, marker=_both(one.marker, marker)) for one in optional)
    return Metadata(project.name, project.version, tuple(requires), project.requires_python, project.extras)


def _both(one: str, other: str) -> str:
    if not one or not other:
        return one or other
    return " and ".join(f"({text})" if " or " in text else text for text in (one, other))


class _Reading:
    """Take a document apart; what is wrong goes to `issues`, and a neutral value takes its place."""

    def __init__(self, path: str) -> None:
        self.issues: list[str] = []
        self._path = path
        self._directory = path.rpartition("/")[0]

    def table(self, parent: "Table", key: str, where: str) -> "Table":
        """Return a table, empty where there is none."""
        value = parent.get(key)
        if value is None or isinstance(value, dict):
            return value or {}
        self.issues.append(f"{where}: a table is expected")
        return {}

    def text(self, parent: "Table", key: str, where: str) -> str:
        """Return a string, "" where there is none."""
        value = parent.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self.issues.append(f"{where}: a string is expected")
        return ""

    def texts(self, parent: "Table", key: str, where: str) -> tuple[str, ...]:
        """Return a list of strings, empty where there is none."""
        value = parent.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.issues.append(f"{where}: a list of strings is expected")
            return ()
        self.issues.extend(
            f"{where}[{i}]: a string is expected" for i, one in enumerate(value) if not isinstance(one, str)
        )
        return tuple(one for one in value if isinstance(one, str))

    def build_system(self, document: "Table") -> BuildSystem | None:
        """Read PEP 517 and 518."""
        if "build-system" not in document:
            return None
        table = self.table(document, "build-system", "build-system")
        if "requires" not in table:
            self.issues.append("build-system.requires: it is missing")
        requires = self.texts(table, "requires", "build-system.requires")
        self.requirements(requires, "build-system.requires")
        backend = self.text(table, "build-backend", "build-system.build-backend")
        if backend and not all(part.isidentifier() for part in backend.replace(":", ".", 1).split(".")):
            self.issues.append(f"build-system.build-backend: `{backend}` is not `module` or `module:object`")
        paths = self.texts(table, "backend-path", "build-system.backend-path")
        self.issues.extend(
            f"build-system.backend-path[{i}]: `{path}` leads out of the project"
            for i, path in enumerate(paths)
            if path.startswith("/") or ".." in path.replace("\\", "/").split("/")
        )
        return BuildSystem(requires, backend, paths)

    def requirements(self, texts: "Sequence[str]", where: str) -> tuple[Requirement, ...]:
        """Parse a list of requirements."""
        found = (self.requirement(text, f"{where}[{index}]") for index, text in enumerate(texts))
        return tuple(requirement for requirement in found if requirement is not None)

    def requirement(self, text: str, place: str, origin: Origin | None = None) -> Requirement | None:
        """Parse a requirement; unless told otherwise, its origin is the file with the dotted path."""
        origin = origin or Origin(f"{self._path} ({place})")
        try:
            return parse_dependency(text, origin, base_directory=self._directory)
        except InvalidRequirement as error:
            self.issues.extend((f"{place}: {error.what}", *(f"  {line}" for line in error.context)))
            return None

    def project(self, document: "Table", system: BuildSystem | None, groups: "Table", tools: "Table") -> Project:
        """Read PEP 621."""
        if "project" not in document:
            return Project(self._path, build_system=system, groups=groups, tools=tools)
        table = self.table(document, "project", "project")
        dynamic = frozenset(self.texts(table, "dynamic", "project.dynamic"))
        return Project(
            self._path,
            declared=True,
            name=self._name(table, dynamic),
            version=self._version(table, dynamic),
            requires=self.requirements(
                self.texts(table, "dependencies", "project.dependencies"), "project.dependencies"
            ),
            optional=self._optional(table),
            requires_python=self._requires_python(table),
            dynamic=dynamic,
            build_system=system,
            groups=groups,
            tools=tools,
        )

    def _name(self, table: "Table", dynamic: frozenset[str]) -> str:
        name = self.text(table, "name", "project.name")
        if "name" in dynamic:
            self.issues.append("project.dynamic: `name` cannot be dynamic")
        elif "name" not in table:
            self.issues.append("project.name: it is missing")
        elif not is_valid(name):
            self.issues.append(f"project.name: `{name}` is not a project name")
        return normalize(name)

    def _version(self, table: "Table", dynamic: frozenset[str]) -> str:
        version = self.text(table, "version", "project.version")
        if "version" in dynamic:
            return ""
        if "version" not in table:
            self.issues.append("project.version: it is missing, and not listed in `project.dynamic`")
        elif versions.parsed_key(version) is None:
            self.issues.append(f"project.version: `{version}` is not a version")
        else:
            return versions.canonical(version)
        return ""

    def _requires_python(self, table: "Table") -> str:
        text = self.text(table, "requires-python", "project.requires-python")
        if versions.is_specifier(text):
            return legacy_specifiers.specifier(text) or ""
        self.issues.append(f"project.requires-python: `{text}` is not a version specifier")
        return ""

    def _optional(self, table: "Table") -> "dict[str, tuple[Requirement, ...]]":
        where = "project.optional-dependencies"
        found: dict[str, tuple[Requirement, ...]] = {}
        extras = self.table(table, "optional-dependencies", where)
        for extra in extras:
            name = normalize(extra)
            if not is_valid(extra):
                self.issues.append(f"{where}: `{extra}` is not the name of an extra")
            elif name in found:
                self.issues.append(f"{where}: `{extra}` is there twice, spelt differently")
            place = f"{where}.{extra}"
            found[name] = self.requirements(self.texts(extras, extra, place), place)
        return found


class _Groups:
    """Resolve the includes of dependency groups (PEP 735); `packaging.dependency_groups` is the oracle of the tests."""

    def __init__(self, project: Project, origin: Origin | None) -> None:
        self._reading = _Reading(project.path)
        self.issues: list[str] = self._reading.issues
        self._project = project
        self._origin = origin
        self._groups: dict[str, tuple[str, object]] = {}
        self._found: dict[str, tuple[Requirement, ...]] = {}
        for name, members in project.groups.items():
            if normalize(name) in self._groups:
                self.issues.append(f"dependency-groups: `{name}` is there twice, spelt differently")
            self._groups[normalize(name)] = (name, members)

    def read(self, group: str, chain: tuple[str, ...]) -> "Sequence[Requirement]":
        """Return the requirements of a group, each once; `chain` are the groups that include it."""
        if group not in self._found:
            self._found[group] = tuple(dict.fromkeys(self._read(group, chain)))
        return self._found[group]

    def _read(self, group: str, chain: tuple[str, ...]) -> list[Requirement]:
        if group not in self._groups:
            names = ", ".join(self._groups)
            raise UnknownGroup(
                f"`{self._project.path}` has no dependency group `{group}`",
                context=(f"`{chain[-1]}` includes it",) if chain else (),
                hint=f"it has: {names}" if names else "it has none; groups stand in `[dependency-groups]`",
            )
        if group in chain:
            self.issues.append(f"dependency-groups.{chain[-1]}: it includes itself: {' → '.join((*chain, group))}")
            return []
        if len(chain) > _DEEPEST:
            self.issues.append(f"dependency-groups.{chain[0]}: more than {_DEEPEST} groups include each other")
            return []
        name, members = self._groups[group]
        if not isinstance(members, list):
            self.issues.append(f"dependency-groups.{name}: a list is expected")
            return []
        found: list[Requirement] = []
        for index, member in enumerate(members):
            found.extend(self._member(member, f"dependency-groups.{name}[{index}]", (*chain, group)))
        return found

    def _member(self, member: object, where: str, chain: tuple[str, ...]) -> "Sequence[Requirement]":
        if isinstance(member, str):
            requirement = self._reading.requirement(member, where, self._origin)
            return () if requirement is None else (requirement,)
        if isinstance(member, dict) and list(member) == ["include-group"] and isinstance(member["include-group"], str):
            return self.read(normalize(member["include-group"]), chain)
        self.issues.append(f"{where}: a requirement, or a table with `include-group` alone, is expected")
        return ()
