"""`cw init`: make a new project, or give a script a block of metadata."""

import os

from commonwheel import process
from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.fs import files, trees
from commonwheel.model import Value
from commonwheel.project import discovery
from commonwheel.project.discovery import NoProject, NotManaged
from commonwheel.specs import script_block, templates
from commonwheel.specs.names import is_valid, normalize
from commonwheel.specs.project_edit import Document
from commonwheel.specs.templates import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.project.discovery import Workspace
    from commonwheel.project.parts import Parts
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class ProjectExists(UsageError):
    """There is a project already where one was to be made."""

    code = "project-exists"


class Initialized(Value):
    """What was made: a project of this name at this path, or a script; `member_of` is the workspace that it joined, or ""."""

    __slots__ = ("member_of", "name", "path", "script")

    def __init__(self, path: str, name: str, member_of: str = "", *, script: bool = False) -> None:
        self.path: Final = path
        self.name: Final = name
        self.member_of: Final = member_of
        self.script: Final = script


def init(session: "Session", parsed: "Parsed") -> Initialized:
    """Make a project in a directory (here, if none is named). Raises ProjectExists."""
    parts = session.projects()
    settings = parts.settings
    name = settings.text("for-script")
    if name is not None:
        return _script(parts, name)
    path = os.path.normpath(os.path.join(parts.cwd, parsed.positional[0] if parsed.positional else "."))
    if os.path.lexists(os.path.join(path, "pyproject.toml")):
        raise ProjectExists(f"there is a project already in `{path}` (`pyproject.toml`)", hint="`cw add` changes it")
    plan = _plan(parts, path)
    workspace = (
        None if settings.flag("without-project") or settings.is_set("workspace") else _workspace_above(parts, path)
    )
    texts = templates.files(plan)
    if workspace is None and plan.kind != "bare" and not settings.flag("no-pin-python"):
        texts[".python-version"] = plan.requires_python.removeprefix(">=") + "\n"
    trees.make_directory(path, parents=True)
    for inner, text in texts.items():
        whole = os.path.join(path, inner)
        if inner != "pyproject.toml" and os.path.lexists(whole):
            continue  # what is there stays
        trees.make_directory(os.path.dirname(whole), parents=True)
        files.write(whole, text.encode())
    if plan.kind != "bare" and settings.text("vcs") != "none":
        _repository(parts, path, wanted=settings.text("vcs") == "git")
    joined = _join(workspace, path) if workspace is not None else ""
    return Initialized(path, plan.name, joined)


def _plan(parts: "Parts", path: str) -> Plan:
    settings = parts.settings
    name = settings.text("name") or os.path.basename(path)
    if not is_valid(name):
        raise UsageError(f"`{name}` is not a name for a project", hint="give it one with `--name`")
    kind = "lib" if settings.flag("lib") else "app"
    if settings.is_set("packaged") and not settings.flag("packaged"):
        if kind == "lib":
            raise UsageError("a library is a package: `--lib` and `--no-package` cannot be used together")
        kind = "script"
    if settings.flag("bare"):
        kind = "bare" if not (settings.flag("lib") or settings.flag("packaged")) else kind
    backend = (settings.text("build-backend") or "hatch").replace("hatchling", "hatch")
    description = "" if settings.flag("no-description") else settings.text("description")
    version = parts.interpreter(settings.text("python")).version
    author = _author(settings.text("author-from") or "auto")
    return Plan(
        normalize(name),
        kind,
        f">={version[0]}.{version[1]}",
        backend=backend,
        description=description,
        author=author,
        readme=not settings.flag("no-readme"),
    )


def _author(source: str) -> tuple[str, str]:
    """Return the name and the address that git knows."""
    if source == "none":
        return "", ""
    found = []
    for key in ("user.name", "user.email"):
        try:
            told = process.run(("git", "config", "--get", key), timeout=10.0)
        except CommonwheelError:
            return "", ""
        found.append(told.stdout.decode("utf-8", "replace").strip() if told.code == 0 else "")
    return found[0], found[1]


def _workspace_above(parts: "Parts", path: str) -> "Workspace | None":
    """Return the workspace that a new project joins, None if there is none above."""
    parent = os.path.dirname(path)
    try:
        found = discovery.discover(parent, parts.start.read)
    except (NoProject, NotManaged):
        return None
    return None if discovery.is_excluded(found.root, path) else found


def _join(workspace: "Workspace", path: str) -> str:
    """Make a project a member of a workspace, unless its globs name it already; return the path of the root."""
    root = workspace.root
    if not discovery.is_member(root, path):
        document = Document(root.text, root.path)
        document.add_member(os.path.relpath(path, root.directory))
        files.write(root.path, document.text().encode())
    return root.directory


def _repository(parts: "Parts", path: str, *, wanted: bool) -> None:
    """Make a git repository, unless the project lies in one, with a list of what is no part of it."""
    if not any(os.path.lexists(os.path.join(above, ".git")) for above in discovery.upward(path)):
        try:
            made = process.run(("git", "init", "--quiet", path), timeout=30.0)
            failed = made.stderr.decode("utf-8", "replace") if made.code else ""
        except CommonwheelError as error:
            failed = error.message
        if failed:
            parts.reporter.note("warning" if wanted else "debug", f"no git repository was made: {failed.strip()}")
            return
        ignore = os.path.join(path, ".gitignore")
        if not os.path.lexists(ignore):
            files.write(ignore, templates.GITIGNORE.encode())


def _script(parts: "Parts", name: str) -> Initialized:
    path = os.path.join(parts.cwd, name)
    version = parts.interpreter(parts.settings.text("python")).version
    requires_python = f">={version[0]}.{version[1]}"
    if not os.path.lexists(path):
        files.write(path, templates.script(os.path.basename(name), requires_python).encode())
        return Initialized(path, name, script=True)
    data = parts.start.read(path)
    if data is None:
        raise UsageError(f"`{name}` cannot be read", hint="check who owns it")
    text = data.decode("utf-8", "replace")
    if script_block.find_block(text) is not None:
        raise ProjectExists(f"`{name}` has a block of metadata already", hint="`cw add --script` changes it")
    document = Document(text, name, script=True)
    document.document["requires-python"] = requires_python
    document.set_entries(("dependencies",), [])
    files.write(path, document.text().encode())
    return Initialized(path, name, script=True)
