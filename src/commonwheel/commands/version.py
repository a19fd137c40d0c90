"""`cw version`: print the version of the project, or change it; pyproject, lock and environment together."""

from commonwheel.commands.add import Edited, carry_out, target_of
from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.project.editing import Where
from commonwheel.specs import version_bump, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed
    from commonwheel.specs.project_edit import Document


class Versioned(Value):
    """The version of a project, and the one before where it was changed ("" where not)."""

    __slots__ = ("before", "edited", "name", "version")

    def __init__(self, name: str, version: str, before: str = "", edited: Edited | None = None) -> None:
        self.name: Final = name
        self.version: Final = version
        self.before: Final = before
        self.edited: Final = edited


def version(session: "Session", parsed: "Parsed") -> Versioned:
    """Return the version of the project, after setting or bumping it if words or `--bump` say so.

    Raises UsageError for a dynamic version, and for one that is none.
    """
    parts = session.projects()
    target = target_of(parts)
    settings = parts.settings
    document = target.document()
    project = document.find("project") or {}
    name, before = str(project.get("name", "")), project.get("version")
    bumps = settings.many("bump")
    if parsed.positional and bumps:
        raise UsageError("a version and `--bump` cannot be used together", hint="choose one of them")
    if not isinstance(before, str):
        dynamic = "version" in project.get("dynamic", ())
        why = "its build backend says it" if dynamic else "there is none in `[project]`"
        raise UsageError(f"the version of `{target.path}` cannot be told: {why}", hint="set `project.version`")
    before = str(before)
    if not parsed.positional and not bumps:
        return Versioned(name, before)
    if parsed.positional:
        wanted = parsed.positional[0]
        if versions.parsed_key(wanted) is None:
            raise UsageError(f"`{wanted}` is not a version", hint="write it as `1.2.3` (PEP 440)")
        after = versions.canonical(wanted)
    else:
        after = version_bump.bump(before, bumps)
    if settings.flag("dry-run"):
        return Versioned(name, after, before)

    def edit(document: "Document") -> "Mapping[str, str]":
        document.set_version(after)
        return {}

    edited = carry_out(parts, target, edit, None, Where(("project", "version")))
    return Versioned(name, after, before, edited)
