"""`[tool.uv]` of a pyproject.toml as far as it describes a project, with `[tool.cw]` laid over it key by key. Cold.

How things are fetched, built and installed are settings (`settings.py`), and not read here. What is faulty is told all at
once, each with its dotted path.
"""

from commonwheel.model import Value
from commonwheel.specs import markers, tool_sources
from commonwheel.specs.names import is_valid, normalize
from commonwheel.specs.pyproject import InvalidPyproject
from commonwheel.specs.versions import is_specifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from commonwheel.specs.pyproject import Project

DEFAULT_GROUPS = ("dev",)


class StaticTable(Value):
    """One entry of `dependency-metadata`; `version` is "" for every version."""

    __slots__ = ("name", "provides_extras", "requires_dist", "requires_python", "version")

    def __init__(
        self,
        name: str,
        version: str,
        requires_dist: tuple[str, ...],
        requires_python: str,
        provides_extras: tuple[str, ...],
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.requires_dist: Final = requires_dist
        self.requires_python: Final = requires_python
        self.provides_extras: Final = provides_extras


class ToolTable(Value):
    """What the tool tables of a pyproject.toml say of its project.

    managed          whether commands on projects may touch it
    package          whether it is built and installed; None where the file does not say
    default_groups   names, `"all"`, or None where the file does not say
    dev              `dev-dependencies`: the old form of the group `dev`, as texts
    group_pythons    group -> its Python bound
    members          globs of the workspace, None where the file is the root of none; `exclude` likewise
    sources          name -> where it comes from
    environments, required_environments, constraints, overrides, excludes, build_constraints: texts as written
    conflicts        sets of (package or "", extra, group)
    metadata         `dependency-metadata`
    indexes          name -> URL or path, as written, of `[[tool.uv.index]]`
    """

    __slots__ = (
        "build_constraints", "conflicts", "constraints", "default_groups", "dev", "environments", "exclude", "excludes",
        "group_pythons", "indexes", "managed", "members", "metadata", "overrides", "package", "required_environments",
        "sources",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the keys of the table
        self,
        *,
        managed: bool = True,
        package: bool | None = None,
        default_groups: "tuple[str, ...] | str | None" = None,
        dev: tuple[str, ...] = (),
        group_pythons: "Mapping[str, str] | None" = None,
        members: "tuple[str, ...] | None" = None,
        exclude: tuple[str, ...] = (),
        sources: "tool_sources.Rules | None" = None,
        environments: tuple[str, ...] = (),
        required_environments: tuple[str, ...] = (),
        constraints: tuple[str, ...] = (),
        overrides: tuple[str, ...] = (),
        excludes: tuple[str, ...] = (),
        build_constraints: tuple[str, ...] = (),
        conflicts: "tuple[tuple[tuple[str, str, str], ...], ...]" = (),
        metadata: tuple[StaticTable, ...] = (),
        indexes: "Mapping[str, str] | None" = None,
    ) -> None:
        self.managed: Final = managed
        self.package: Final = package
        self.default_groups: Final = default_groups
        self.dev: Final = dev
        self.group_pythons: Final[Mapping[str, str]] = group_pythons or {}
        self.members: Final = members
        self.exclude: Final = exclude
        self.sources: Final[tool_sources.Rules] = sources or {}
        self.environments: Final = environments
        self.required_environments: Final = required_environments
        self.constraints: Final = constraints
        self.overrides: Final = overrides
        self.excludes: Final = excludes
        self.build_constraints: Final = build_constraints
        self.conflicts: Final = conflicts
        self.metadata: Final = metadata
        self.indexes: Final[Mapping[str, str]] = indexes or {}


def read(project: "Project") -> ToolTable:
    """Read the tool tables of a project. Raises InvalidPyproject with every fault."""
    return of_tables(project.tools, project.path, project.directory)


def of_tables(tools: "Mapping[str, object]", path: str, directory: str) -> ToolTable:
    """Read `uv` and `cw` of a `[tool]` table; relative paths are relative to `directory`, and `path` names the file.

    Raises InvalidPyproject with every fault.
    """
    table: dict[str, Any] = {}
    for name in ("uv", "cw"):
        one = tools.get(name)
        if isinstance(one, dict):
            table |= one
    reading = _Reading(table)
    sources: dict[str, tuple[tool_sources.Rule, ...]] = {}
    for name in ("uv", "cw"):
        one = tools.get(name)
        if isinstance(one, dict):
            where = f"tool.{name}.sources"
            sources |= tool_sources.rules(one.get("sources"), where, directory, reading.issues, workspaces=True)
    workspace = reading.table(table, "workspace")
    found = ToolTable(
        managed=reading.flag("managed") is not False,
        package=reading.flag("package"),
        default_groups=reading.default_groups(),
        dev=reading.texts(table, "dev-dependencies"),
        group_pythons=reading.group_pythons(),
        members=None if "workspace" not in table else reading.texts(workspace, "members", "workspace.members"),
        exclude=reading.texts(workspace, "exclude", "workspace.exclude"),
        sources=sources,
        environments=reading.markers("environments"),
        required_environments=reading.markers("required-environments"),
        constraints=reading.texts(table, "constraint-dependencies"),
        overrides=reading.texts(table, "override-dependencies"),
        excludes=tuple(map(normalize, reading.texts(table, "exclude-dependencies"))),
        build_constraints=reading.texts(table, "build-constraint-dependencies"),
        conflicts=reading.conflicts(),
        metadata=reading.metadata(),
        indexes=reading.indexes(),
    )
    if reading.issues:
        raise InvalidPyproject(f"the tool tables of `{path}` cannot be read", issues=reading.issues)
    return found


class _Reading:
    """Take the table apart; what is wrong goes to `issues`."""

    def __init__(self, table: "dict[str, Any]") -> None:
        self._table = table
        self.issues: list[str] = []

    def table(self, parent: "Mapping[str, Any]", key: str) -> "dict[str, Any]":
        value = parent.get(key, {})
        if isinstance(value, dict):
            return value
        self.issues.append(f"tool.uv.{key}: a table is expected")
        return {}

    def flag(self, key: str) -> bool | None:
        value = self._table.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.issues.append(f"tool.uv.{key}: true or false is expected")
        return None

    def texts(self, parent: "Mapping[str, Any]", key: str, where: str = "") -> tuple[str, ...]:
        value = parent.get(key, ())
        value = [value] if isinstance(value, str) else value
        if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
            return tuple(value)
        self.issues.append(f"tool.uv.{where or key}: a list of strings is expected")
        return ()

    def default_groups(self) -> "tuple[str, ...] | str | None":
        value = self._table.get("default-groups")
        if value is None or value == "all":
            return value
        return tuple(map(normalize, self.texts(self._table, "default-groups")))

    def group_pythons(self) -> "dict[str, str]":
        found: dict[str, str] = {}
        for group, one in self.table(self._table, "dependency-groups").items():
            bound = one.get("requires-python") if isinstance(one, dict) else None
            if isinstance(bound, str) and is_specifier(bound):
                found[normalize(group)] = bound
            elif bound is not None or not isinstance(one, dict):
                self.issues.append(
                    f"tool.uv.dependency-groups.{group}.requires-python: a version specifier is expected"
                )
        return found

    def markers(self, key: str) -> tuple[str, ...]:
        found = self.texts(self._table, key)
        self.issues += [f"tool.uv.{key}: `{text}` is not a marker" for text in found if not markers.is_marker(text)]
        return found

    def conflicts(self) -> "tuple[tuple[tuple[str, str, str], ...], ...]":
        found = []
        for at, items in enumerate(self._table.get("conflicts", ())):
            where = f"tool.uv.conflicts[{at}]"
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                self.issues.append(f"{where}: a list of tables is expected")
                continue
            several = []
            for item in items:
                named = {key: item.get(key, "") for key in ("package", "extra", "group")}
                if not all(isinstance(one, str) for one in named.values()) or set(item) - set(named) or not item:
                    self.issues.append(f"{where}: each item is `extra` or `group`, with or without `package`")
                    break
                several.append((normalize(named["package"]), normalize(named["extra"]), normalize(named["group"])))
            if len(items) < 2:  # noqa: PLR2004 - a conflict has two sides
                self.issues.append(f"{where}: a conflict has two items or more")
            found.append(tuple(several))
        return tuple(found)

    def metadata(self) -> tuple[StaticTable, ...]:
        found = []
        for at, one in enumerate(self._table.get("dependency-metadata", ())):
            where = f"dependency-metadata[{at}]"
            if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not is_valid(one["name"]):
                self.issues.append(f"tool.uv.{where}: a table with a `name` is expected")
                continue
            extras = self.texts(one, "provides-extras", f"{where}.provides-extras")
            extras = extras or self.texts(one, "provides-extra", f"{where}.provides-extra")
            found.append(
                StaticTable(
                    normalize(one["name"]),
                    str(one.get("version", "")),
                    self.texts(one, "requires-dist", f"{where}.requires-dist"),
                    str(one.get("requires-python", "")),
                    tuple(map(normalize, extras)),
                )
            )
        return tuple(found)

    def indexes(self) -> "dict[str, str]":
        found: dict[str, str] = {}
        for one in self._table.get("index", ()):
            if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("url"), str):
                found.setdefault(normalize(one["name"]), one["url"])
        return found
