"""`[tool.uv.sources]` (and `[tool.cw.sources]`): where a project's own dependencies come from while it is developed. Cold.

`name = {git = "https://…", rev = "…"}`, `{url = "…"}`, `{path = "…", editable = true}`, or a list of such tables with markers.
An `index` binds a name to a configured index, which is the settings' business: such a requirement passes unchanged. A source
`workspace = true` is for commands on projects, which know the workspace; for all others it is an error to ask for such a name,
since taking it from an index instead would install what a stranger published there.
"""

from posixpath import join, normpath

from commonwheel.errors import UsageError
from commonwheel.model import PathSource, Requirement, SafeUrl, UrlSource, Value, VcsSource
from commonwheel.specs import markers, sources
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    Rules = Mapping[str, tuple["Rule", ...]]

_KINDS = ("git", "url", "path", "index", "workspace")
_REVISIONS = ("rev", "tag", "branch")
_KNOWN = frozenset((*_KINDS, *_REVISIONS, "subdirectory", "editable", "package", "marker", "extra", "group", "lfs"))
_OPPOSITES = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in",
}  # fmt: skip


class WorkspaceSource(UsageError):
    """A requirement comes from a member of a workspace, and no workspace is at hand: an index must not serve it instead."""

    code = "workspace-source"


class Rule(Value):
    """One source of a name: None where only the index is chosen; it counts under a marker, and for an extra or a group.

    kind        which of `git`, `url`, `path`, `index` and `workspace` the table has, and `text`, what it says there
    reference   `rev`, `tag` or `branch`, as far as the table has one
    editable    what the table says of it, None for nothing; `package` likewise
    """

    __slots__ = ("editable", "extra", "group", "kind", "marker", "package", "reference", "source", "text")

    def __init__(  # noqa: PLR0913 - the keys of the table
        self,
        source: UrlSource | VcsSource | PathSource | None,
        marker: str = "",
        extra: str = "",
        group: str = "",
        *,
        kind: str = "",
        text: str = "",
        reference: str = "",
        editable: bool | None = None,
        package: bool | None = None,
    ) -> None:
        self.source: Final = source
        self.marker: Final = marker
        self.extra: Final = extra
        self.group: Final = group
        self.kind: Final = kind
        self.text: Final = text
        self.reference: Final = reference
        self.editable: Final = editable
        self.package: Final = package


def rules(table: object, where: str, directory: str, issues: list[str], *, workspaces: bool = False) -> "Rules":
    """Read a table of sources; what is wrong goes to `issues`, with its dotted path below `where`.

    Paths are relative to `directory`, that of the project. `workspaces` admits `workspace = true`, as a rule without a source.
    """
    if not isinstance(table, dict):
        if table is not None:
            issues.append(f"{where}: a table is expected")
        return {}
    found: dict[str, tuple[Rule, ...]] = {}
    for name, value in table.items():
        entries = value if isinstance(value, list) else [value]
        several = [_rule(entry, f"{where}.{name}", directory, issues, workspaces=workspaces) for entry in entries]
        found[normalize(name)] = tuple(rule for rule in several if rule is not None)
    return found


def _rule(entry: object, where: str, directory: str, issues: list[str], *, workspaces: bool) -> Rule | None:
    if not isinstance(entry, dict):
        issues.append(f"{where}: a table is expected")
        return None
    faults = [f"{where}.{key}: it is not known" for key in entry if key not in _KNOWN]
    kinds = [kind for kind in _KINDS if kind in entry]
    if len(kinds) != 1:
        faults.append(f"{where}: exactly one of {', '.join(_KINDS)} is expected")
    faults.extend(
        f"{where}.{key}: a string is expected"
        for key, value in entry.items()
        if not isinstance(value, bool if key in ("workspace", "editable", "package", "lfs") else str)
        and not (key == "workspace" and workspaces and isinstance(value, str))
    )
    if entry.get("workspace") is True and not workspaces:
        faults.append(f'{where}.workspace: workspaces are not supported here; write `path = "…"`')
    marker = entry.get("marker", "")
    if isinstance(marker, str) and not markers.is_marker(marker):
        faults.append(f"{where}.marker: `{marker}` is not a marker")
    issues.extend(faults)
    if faults:
        return None
    try:
        source = _source(kinds[0], entry, directory)
    except sources.SourceFault as fault:
        issues.append(f"{where}.{kinds[0]}: {fault.message}")
        return None
    return Rule(
        source,
        str(marker),
        normalize(str(entry.get("extra", ""))),
        normalize(str(entry.get("group", ""))),
        kind=kinds[0],
        text=str(entry[kinds[0]]),
        reference=next((key for key in _REVISIONS if key in entry), ""),
        editable=entry.get("editable"),
        package=entry.get("package"),
    )


def _source(kind: str, entry: "Mapping[str, object]", directory: str) -> UrlSource | VcsSource | PathSource | None:
    if kind in ("index", "workspace"):
        return None
    subdirectory = entry.get("subdirectory")
    text = str(entry[kind])
    if kind == "path":
        path = normpath(join(directory, text))
        return PathSource(path, entry.get("editable") is True, None if subdirectory is None else str(subdirectory))
    if kind == "url":
        found = sources.place(text, "").source
        if not isinstance(found, UrlSource):
            raise sources.SourceFault(f"`{sources.mask(text)}` is not the URL of an archive")
        return found if subdirectory is None else found.replaced(subdirectory=str(subdirectory))
    revision = next((str(entry[key]) for key in _REVISIONS if key in entry), None)
    found = sources.place(text if text.startswith("git+") else f"git+{text}", "").source
    if not isinstance(found, VcsSource):
        raise sources.SourceFault(f"`{sources.mask(text)}` is not the URL of a repository")
    return VcsSource(
        "git", SafeUrl(found.url.secret), revision or found.revision, str(subdirectory) if subdirectory else None
    )


def applied(requirement: Requirement, rules: "Rules", extra: str = "", group: str = "") -> tuple[Requirement, ...]:
    """Return a requirement as the rules would have it, several where they have markers; `extra` or `group` lists it.

    What no rule's marker covers still comes from the indexes. A requirement that names its source keeps it. Raises WorkspaceSource. Markers of
    two rules must not hold together; where they do, the two sources of one name are a conflict that the solver tells.
    """
    if requirement.source is not None:
        return (requirement,)
    mine = [rule for rule in rules.get(requirement.name, ()) if rule.extra in ("", extra) and rule.group in ("", group)]
    if any(rule.kind == "workspace" for rule in mine):
        raise WorkspaceSource(
            f"`{requirement.name}` comes from the workspace (`workspace = true`), which this command does not look at",
            context=[f"from: {requirement.origin}"] if requirement.origin else [],
            hint="use `cw sync`, or `cw export` for a file of requirements",
        )
    mine = [rule for rule in mine if rule.source is not None]
    found: list[Requirement] = []
    rest = markers.parse(requirement.marker)
    for rule in mine:
        marker = markers.both(markers.parse(requirement.marker), markers.parse(rule.marker))
        found.append(requirement.replaced(source=rule.source, specifier="", marker=str(marker)))
        rest = markers.both(rest, _negated(markers.parse(rule.marker)))
    if isinstance(rest, markers.Either) and not rest.parts:
        return tuple(found)
    return (*found, requirement.replaced(marker=str(rest)) if mine else requirement)


def _negated(marker: "markers.Marker") -> "markers.Marker":
    """Return the negation of a marker; `~=` and `===` have no opposite, and so cover everything."""
    if isinstance(marker, markers.Comparison):
        opposite = _OPPOSITES.get(marker.operator)
        if opposite is None:
            return markers.NEVER
        return markers.Comparison(marker.variable, opposite, marker.value, marker.reversed)
    parts = [_negated(part) for part in marker.parts]
    return markers.either(*parts) if isinstance(marker, markers.Both) else markers.both(*parts)
