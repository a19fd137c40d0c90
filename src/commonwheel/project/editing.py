"""What `add` and `remove` do to the text of a pyproject.toml: which list, which text, which source.

Laws of this file: texts and values; names that only a source can tell are asked of a function.
"""

import os

from commonwheel.errors import UsageError
from commonwheel.model import PathSource, UrlSource, Value, VcsSource
from commonwheel.specs import direct_url, marker_text, versions
from commonwheel.specs.names import normalize
from commonwheel.specs.requirement import parse_dependency

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

    from commonwheel.model import Requirement
    from commonwheel.project.discovery import Workspace
    from commonwheel.specs.project_edit import Document
    from commonwheel.specs.uv_lock import Lock

BOUNDS = ("lower", "major", "minor", "exact")


class NotDeclared(UsageError):
    """A package that is to be removed is not in the list."""

    code = "not-a-dependency"


class Where(Value):
    """Which list of requirements is meant: its dotted path, and the extra or the group that it is."""

    __slots__ = ("extra", "group", "path")

    def __init__(self, path: tuple[str, ...], extra: str = "", group: str = "") -> None:
        self.path: Final = path
        self.extra: Final = extra
        self.group: Final = group

    def __str__(self) -> str:
        return f"`{'.'.join(self.path)}`"


def where(document: "Document", *, extra: str = "", group: str = "", script: bool = False) -> Where:
    """Return the list of an extra, of a group, or of the project (or script) itself."""
    if script:
        return Where(("dependencies",))
    if extra:
        return Where(("project", "optional-dependencies", normalize(extra)), extra=normalize(extra))
    if group:
        if normalize(group) == "dev" and document.find("tool", "uv", "dev-dependencies") is not None:
            return Where(("tool", "uv", "dev-dependencies"), group="dev")
        return Where(("dependency-groups", normalize(group)), group=normalize(group))
    return Where(("project", "dependencies"))


# --- texts ------------------------------------------------------------------------------------------------------------------------


def text_of(requirement: "Requirement", specifier: str | None = None) -> str:
    """Return a requirement as a pyproject.toml has it; its source is told elsewhere."""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    said = requirement.specifier.replace(" ", "") if specifier is None else specifier
    marker = f" ; {marker_text.normalized(requirement.marker)}" if requirement.marker else ""
    return f"{requirement.name}{extras}{said}{marker}"


def changed(old: str, wanted: "Requirement") -> str:
    """Return the text of an entry with what is wanted: extras are joined, a specifier or a marker replaces the old one."""
    known = parse_dependency(old, None)
    extras = tuple(sorted({*known.extras, *wanted.extras}))
    specifier = wanted.specifier or known.specifier
    marker = wanted.marker or known.marker
    same = (extras, specifier, marker) == (tuple(sorted(known.extras)), known.specifier, known.marker)
    if same and known.source is None:
        return old
    head = old.partition(";")[0].partition("@")[0].rstrip()
    name = (
        head[: len(head) - len(head.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"))]
        or known.name
    )
    found = f"{name}[{','.join(extras)}]" if extras else name
    found += specifier.replace(" ", "") if wanted.specifier else specifier
    return f"{found} ; {marker_text.normalized(marker) if wanted.marker else marker}" if marker else found


def bound(kind: str, version: str) -> str:
    """Return the specifier that a requirement without one gets, from the version in the lock."""
    version = versions.without_local(version)
    if kind == "exact":
        return f"=={version}"
    if kind == "lower":
        return f">={version}"
    release = versions.release(version)
    # what counts is the first number that is not zero: before 1.0 the minor version says what breaks
    at = 1 if kind == "minor" else next((at for at, number in enumerate(release) if number), 0)
    numbers = [*release, *[0] * (at + 1 - len(release))]
    upper = [*numbers[:at], numbers[at] + 1, *[0] * (len(numbers) - at - 1)]
    return f">={version},<{'.'.join(map(str, upper))}"


def lowest_locked(lock: "Lock", name: str) -> str:
    """Return the lowest version of a package in a lock, "" where it has none from an index."""
    known = [package.version for package in lock.named(name) if package.source.kind == "registry" and package.version]
    return min(known, key=versions.version_key, default="")


# --- sources ------------------------------------------------------------------------------------------------------------------------


def source_table(
    requirement: "Requirement",
    base: str,
    *,
    given: str,
    editable: bool | None,
    reference: "Mapping[str, str]",
) -> "dict[str, object] | None":
    """Return what `tool.uv.sources` says of a direct source, None for an index; paths are relative to `base`."""
    source = requirement.source
    if isinstance(source, VcsSource):
        table: dict[str, object] = {"git": source.url.secret}
        if source.subdirectory:
            table["subdirectory"] = source.subdirectory
        if reference:
            table |= reference
        elif source.revision:
            table["rev"] = source.revision
        return table
    if isinstance(source, UrlSource):
        table = {"url": source.url.secret}
        return table | ({"subdirectory": source.subdirectory} if source.subdirectory else {})
    if isinstance(source, PathSource):
        path = source.path if os.path.isabs(given) else os.path.relpath(source.path, base)
        table = {"path": path}
        if not direct_url.is_archive(source.path) and (editable or source.editable):
            table["editable"] = True
        return table
    return None


def becomes_member(workspace: "Workspace", source: PathSource, *, wanted: bool | None) -> bool:
    """Return whether a directory is made a member of the workspace: it lies in its root, unless that is not wanted."""
    if wanted is not None:
        return wanted
    inside = source.path.startswith(workspace.directory + os.sep)
    return inside and source.path != workspace.directory and os.path.isfile(os.path.join(source.path, "pyproject.toml"))


def is_wanted_elsewhere(document: "Document", name: str) -> bool:
    """Return whether any list of a project still asks for a package."""
    return any(entry.name == name for entries in document.lists().values() for entry in entries)


def missing(document: "Document", name: str, place: Where) -> NotDeclared:
    """Return the error for a package that is not in a list, with a hint where it is."""
    hint = None
    for path, entries in document.lists().items():
        if any(entry.name == name for entry in entries):
            kind = path[-2] if len(path) > 1 else ""
            if kind == "optional-dependencies":
                hint = f"it is in an extra: add `--optional {path[-1]}`"
            elif kind == "dependency-groups":
                hint = f"it is in a group: add `--group {path[-1]}`"
            elif path[-1] == "dev-dependencies":
                hint = "it is in the group `dev`: add `--dev`"
            else:
                hint = "it is in `project.dependencies`: leave `--dev`, `--group` and `--optional` out"
    return NotDeclared(f"`{name}` is not in {place}", hint=hint or "`cw tree` shows what the project needs, and why")


def names_of(texts: "Iterable[str]") -> "list[str]":
    """Return the names that words mean."""
    return [parse_dependency(text, None).name for text in texts]
