"""Open the project that a command is about: its workspace, what it declares, its lock.

Discovered files are read through the session, which knows whose files count. What is about to be written can be read
instead of what is on the disk, so that a command can try its change before it makes it.

Laws of this file: it reads, and changes nothing.
"""

import os
import time

from commonwheel.errors import UsageError
from commonwheel.model import Origin, Requirement, SafeUrl, Value
from commonwheel.operations.request import InstallRequest
from commonwheel.project import declared as declarations
from commonwheel.project import discovery, environments, journal
from commonwheel.specs import dates, file_url, script_block, tool_uv, uv_lock
from commonwheel.specs.names import normalize
from commonwheel.specs.requirement import parse_dependency
from commonwheel.specs.uv_lock import Limit, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from commonwheel.project.declared import Declared
    from commonwheel.project.discovery import Workspace
    from commonwheel.project.parts import Parts
    from commonwheel.settings.settings import Settings
    from commonwheel.specs.uv_lock import Lock


class ForeignFile(UsageError):
    """A file of the project belongs to a user whose files do not count."""

    code = "foreign-project-file"


class NoLock(UsageError):
    """There is no lock, and none may be made."""

    code = "no-lock"
    exit_status = 1


class Opened(Value):
    """A project: its workspace (None for a script), what it declares, and where its lock is."""

    __slots__ = ("declared", "lock_path", "script", "workspace")

    def __init__(
        self, declared: "Declared", lock_path: str, workspace: "Workspace | None" = None, script: str = ""
    ) -> None:
        self.declared: Final = declared
        self.lock_path: Final = lock_path
        self.workspace: Final = workspace
        self.script: Final = script

    @property
    def root(self) -> str:
        """Return the directory of the workspace, or of the script."""
        return self.declared.root


def find(parts: "Parts", changed: "Mapping[str, str] | None" = None) -> "Workspace":
    """Return the workspace of the project that the command stands in, and let its root decide about settings.

    `changed` holds texts (by path) that count instead of what is on the disk. Raises what `discovery.discover` raises.
    """
    start = os.path.realpath(parts.project_start)
    workspace = discovery.discover(start, parts.start.read, changed)
    if changed is None and os.path.lexists(os.path.join(workspace.directory, journal.JOURNAL)):
        journal.recover(parts, workspace.directory)
        workspace = discovery.discover(start, parts.start.read)
    parts.settle_at(workspace.directory)
    return workspace


def project(parts: "Parts", workspace: "Workspace") -> Opened:
    """Return a project with all that it declares. Raises BadDeclaration, and the errors of builds."""
    requires_python = declarations.requires_python_of(workspace)
    parts.wish_python(environments.wish(parts, workspace, requires_python).request)
    if not requires_python:
        requires_python = _assumed(parts)
        parts.reporter.note(
            "warning", f"no member of the workspace has a `requires-python`: `{requires_python}` is assumed"
        )
    # builds are constrained by what the root says, before anything else of it is read
    constraints = workspace.root.tool.build_constraints
    origin = Origin(f"{workspace.root.path} (tool.uv.build-constraint-dependencies)")
    parts.begin(
        InstallRequest(
            build_constraints=tuple(parse_dependency(text, origin) for text in constraints),
            upgraded=_of_groups(workspace, parts.settings.many("upgrade-group")),
        )
    )
    found = declarations.of_workspace(
        workspace,
        lambda source: parts.job.sources.metadata(Requirement("", source=source)),
        python=requires_python,
        no_sources=parts.settings.flag("no-sources"),
        sourceless=frozenset(map(normalize, parts.settings.many("no-sources-package"))),
    )
    _note_indexes(parts, found)
    return Opened(found.replaced(options=options(parts.settings)), workspace.lock, workspace)


def _of_groups(workspace: "Workspace", names: "Sequence[str]") -> "frozenset[str]":
    """Return the names of the packages that dependency groups of any member ask for."""
    wanted = {normalize(name.rpartition(":")[2]) for name in names}
    found: set[str] = set()
    for member in (workspace.root, *workspace.members):
        for group in member.project.groups:
            if normalize(group) in wanted:
                found.update(one.name for one in member.project.group(group))
    return frozenset(found)


def script(parts: "Parts", name: str, changed: "Mapping[str, str] | None" = None) -> Opened:
    """Return a script with all that it declares; `name` is its path. Raises UsageError for one without a block."""
    path = os.path.abspath(os.path.join(parts.cwd, name))
    directory = os.path.dirname(path)
    text = (changed or {}).get(path)
    read = parts.script(name) if text is None else script_block.read(text, name, base_directory=directory)
    if read is None:
        raise UsageError(f"`{name}` has no block of dependencies (PEP 723)", hint="add one: `# /// script` ... `# ///`")
    tool = tool_uv.of_tables(read.tools, name, directory)
    parts.settings.lay_over(path, read.tools)
    parts.wish_python(parts.settings.text("python") or read.requires_python.replace(" ", ""))
    python = read.requires_python or _assumed(parts)
    found = declarations.of_script(read, tool, name, directory, python=python)
    parts.begin(InstallRequest(build_constraints=found.build_constraints))
    _note_indexes(parts, found)
    return Opened(found.replaced(options=options(parts.settings)), f"{path}.lock", None, path)


def _note_indexes(parts: "Parts", found: "Declared") -> None:
    """Note which folders of files were given as absolute paths: so the lock has them."""
    settings = parts.settings
    texts = [*settings.many("find-links"), *settings.many("index"), *settings.many("extra-index-url")]
    texts += [settings.text("default-index") or "", settings.text("index-url") or ""]
    texts += [str(table.get("url", "")) for table, _ in settings.table("index")]
    for text in texts:
        place = text.partition("=")[2] if "=" in text and "/" not in text.partition("=")[0] else text
        path = file_url.to_path(place) if place.startswith("file:") else place
        if path and path.startswith("/"):
            found.spelling.note_path(path.rstrip("/") or "/", path)


def public(url: str) -> str:
    """Return the URL of an index as a project may say it: without credentials."""
    return SafeUrl(url).bare


def _assumed(parts: "Parts") -> str:
    """Return the range of Pythons that is assumed where nobody says any: from the minor version of the interpreter on."""
    interpreter = parts.interpreter(parts.settings.text("python") or parts.python_wish)
    return f">={interpreter.version[0]}.{interpreter.version[1]}"


def read_lock(parts: "Parts", path: str) -> "str | None":
    """Return the text of a lock, None where there is none.

    Raises ForeignFile where another user left it: it would otherwise be made again, and replaced.
    """
    data = parts.start.read(path)
    if data is None:
        if os.path.lexists(path):
            raise ForeignFile(
                f"`{path}` belongs to a user whose files do not count here",
                hint="check who left it there, and delete it or name the user with `--trust`",
            )
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise uv_lock.InvalidLock(f"`{path}` is not UTF-8") from error


def locked(parts: "Parts", path: str) -> "Lock":
    """Return a lock that has to be there. Raises NoLock, and what reading it raises."""
    text = read_lock(parts, path)
    if text is None:
        raise NoLock(f"there is no `{path}`", hint="make it with `cw lock`")
    return uv_lock.read(text, path)


# --- settings of the resolver ---------------------------------------------------------------------------------------------------


def options(settings: "Settings") -> Options:
    """Return how versions are chosen, as a lock notes it: only what is not the default."""
    modes = {}
    for text in settings.many("prerelease-package"):
        name, _, mode = text.partition("=")
        modes[normalize(name)] = mode.removesuffix("-or-explicit")
    limits = {}
    for text in settings.many("exclude-newer-package"):
        name, _, when = text.partition("=")
        limits[normalize(name)] = Limit() if when == "false" else _limit(when)
    newest = settings.text("exclude-newer")
    prerelease = (settings.text("prerelease") or "").removesuffix("-or-explicit")
    if settings.flag("pre"):
        prerelease = "allow"
    return Options(
        _unless(settings.text("resolution"), "highest"),
        _unless(prerelease, "if-necessary"),
        _unless(settings.text("fork-strategy"), "requires-python"),
        _limit(newest) if newest else None,
        modes,
        limits,
    )


def _unless(value: str | None, default: str) -> str:
    return "" if value is None or value == default else value


def _limit(text: str) -> Limit:
    span = dates.span(text)
    return Limit("", span) if span else Limit(dates.utc(dates.moment(text, time.time())))
