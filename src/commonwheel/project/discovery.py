"""Find the project that a directory belongs to, and the workspace that the project belongs to.

A project is the nearest pyproject.toml upward with a `[project]` or a workspace table. Its workspace is that of the first
pyproject.toml above whose globs of members (without those of `exclude`) hold the project; a file with `[project]` and
without a workspace table ends the search. A project that belongs to none is a workspace of its own.

Laws of this file: it reads through a function that it is handed, which decides whose files count; it changes nothing.
"""

import fnmatch
import os

from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.specs import pyproject, tool_uv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Final

    from commonwheel.specs.pyproject import Project
    from commonwheel.specs.tool_uv import ToolTable

    Read = Callable[[str], bytes | None]

FILE = "pyproject.toml"


class NoProject(UsageError):
    """There is no pyproject.toml at or above the directory."""

    code = "no-project"


class NotManaged(UsageError):
    """The project says `managed = false`."""

    code = "project-not-managed"


class BadWorkspace(UsageError):
    """The members of a workspace contradict each other, or are no projects."""

    code = "bad-workspace"


class Member(Value):
    """One project of a workspace: its directory, its pyproject.toml with the text of it, and its tool tables.

    `name` is "" for a root that has no `[project]`.
    """

    __slots__ = ("directory", "project", "text", "tool")

    def __init__(self, directory: str, project: "Project", tool: "ToolTable", text: str) -> None:
        self.directory: Final = directory
        self.project: Final = project
        self.tool: Final = tool
        self.text: Final = text

    @property
    def name(self) -> str:
        """Return the name of the project."""
        return self.project.name

    @property
    def path(self) -> str:
        """Return the path of its pyproject.toml."""
        return os.path.join(self.directory, FILE)


class Workspace(Value):
    """A root with its members, sorted by name, the root among them if it is a project; `here` is the one that was found first.

    `looked` are the directories that were listed to find members.
    """

    __slots__ = ("here", "looked", "members", "root")

    def __init__(self, root: Member, members: tuple[Member, ...], here: Member, looked: tuple[str, ...] = ()) -> None:
        self.root: Final = root
        self.members: Final = members
        self.here: Final = here
        self.looked: Final = looked

    @property
    def directory(self) -> str:
        """Return the directory of the root."""
        return self.root.directory

    @property
    def lock(self) -> str:
        """Return the path of the lock."""
        return os.path.join(self.directory, "uv.lock")

    @property
    def is_virtual(self) -> bool:
        """Return whether the root is no project itself."""
        return not self.root.project.declared

    @property
    def is_alone(self) -> bool:
        """Return whether the root is the only project: its lock then lists no members."""
        return not self.is_virtual and len(self.members) == 1

    def member(self, name: str) -> Member | None:
        """Return the member of a name, None if there is none."""
        return next((member for member in self.members if member.name == name), None)


def discover(start: str, read: "Read", changed: "Mapping[str, str] | None" = None) -> Workspace:
    """Return the workspace of the project at or above `start`.

    `changed` holds texts (by path) that count instead of what is on the disk: what a command is about to write.
    Raises NoProject, NotManaged, BadWorkspace, and InvalidPyproject with every fault of a file.
    """
    finder = _Finder(read, changed or {})
    here = finder.nearest(start)
    if here is None:
        raise NoProject(
            f"there is no `{FILE}` in `{start}` or any directory above it",
            hint="`cw init` makes a project here, `--project DIR` names another place",
        )
    if not here.tool.managed:
        raise NotManaged(
            f"`{here.path}` says `managed = false`, so that cw leaves the project alone",
            hint="use `cw pip`, or remove that line",
        )
    root = here if here.tool.members is not None else finder.root_above(here)
    members = finder.members(root)
    if here is not root and all(one.directory != here.directory for one in members):
        root, members = here, finder.members(here)
    by_directory = {member.directory: member for member in members}
    return Workspace(root, members, by_directory.get(here.directory, here), tuple(finder.looked))


class _Finder:
    """Read each pyproject.toml once."""

    def __init__(self, read: "Read", changed: "Mapping[str, str]") -> None:
        self._read = read
        self._changed = changed
        self._known: dict[str, Member | None] = {}
        self.looked: dict[str, None] = {}

    def at(self, directory: str) -> Member | None:
        """Return the project in a directory, whatever its file holds; None where there is no file."""
        if directory not in self._known:
            self._known[directory] = self._load(directory)
        return self._known[directory]

    def _load(self, directory: str) -> Member | None:
        path = os.path.join(directory, FILE)
        text = self._changed.get(path)
        if text is None:
            data = self._read(path)
            if data is None:
                return None
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                raise pyproject.InvalidPyproject(f"`{path}` is not UTF-8") from error
        project = pyproject.read(text, path)
        return Member(directory, project, tool_uv.read(project), text)

    def nearest(self, start: str) -> Member | None:
        """Return the nearest project or workspace root at or above a directory."""
        for directory in upward(start):
            found = self.at(directory)
            if found is not None and (found.project.declared or found.tool.members is not None):
                return found
        return None

    def root_above(self, here: Member) -> Member:
        """Return the root of the workspace that a project belongs to, which may be itself."""
        for directory in upward(os.path.dirname(here.directory)):
            found = self.at(directory)
            if found is None:
                continue
            if found.tool.members is not None:
                if is_member(found, here.directory) and found.tool.managed:
                    return found
                return here
            if found.project.declared:
                return here
        return here

    def members(self, root: Member) -> tuple[Member, ...]:
        """Return the members of a workspace, sorted by name. Raises BadWorkspace."""
        found = {root.directory: root} if root.project.declared else {}
        for pattern in root.tool.members or ():
            for directory in sorted(_glob(root.directory, pattern, self.looked)):
                if directory in found or is_excluded(root, directory):
                    continue
                member = self.at(directory)
                if member is not None:
                    if member.tool.managed and member.project.declared:
                        found[directory] = member
                    elif member.tool.managed and directory != root.directory:
                        raise BadWorkspace(
                            f"`{member.path}` is a member of the workspace of `{root.path}`, and has no `[project]` table",
                            hint=f"add one, or list the directory under `exclude` in `{root.path}`",
                        )
                elif not _is_left_over(directory):
                    raise BadWorkspace(
                        f"`{directory}` is a member of the workspace of `{root.path}` (`{pattern}`), and has no `{FILE}`",
                        hint="`cw init` makes a project there, `exclude` leaves the directory out",
                    )
        named: dict[str, Member] = {}
        for member in found.values():
            other = named.setdefault(member.name, member)
            if other is not member:
                raise BadWorkspace(
                    f"two members of the workspace of `{root.path}` have the name `{member.name}`",
                    context=(other.path, member.path),
                    hint="give one of them another name",
                )
        return tuple(sorted(found.values(), key=lambda member: member.name))


def upward(start: str) -> "Iterator[str]":
    """Yield a directory and every directory above it."""
    directory = os.path.abspath(start)
    while True:
        yield directory
        parent = os.path.dirname(directory)
        if parent == directory:
            return
        directory = parent


def is_member(root: Member, directory: str) -> bool:
    """Return whether a directory is a member of a root by its globs."""
    return not is_excluded(root, directory) and any(
        _fits(pattern, os.path.relpath(directory, root.directory)) for pattern in root.tool.members or ()
    )


def is_excluded(root: Member, directory: str) -> bool:
    """Return whether a workspace leaves a directory out."""
    relative = os.path.relpath(directory, root.directory)
    return any(_fits(pattern, relative) for pattern in root.tool.exclude)


def _fits(pattern: str, relative: str) -> bool:
    """Return whether a relative path fits a glob: `*` stays within one name, `**` does not."""
    return _fit_parts(_parts(pattern), _parts(relative))


def _parts(path: str) -> list[str]:
    return [part for part in os.path.normpath(path).split("/") if part not in ("", ".")]


def _fit_parts(pattern: list[str], path: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_fit_parts(pattern[1:], path[at:]) for at in range(len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and _fit_parts(pattern[1:], path[1:])


def _glob(base: str, pattern: str, looked: "dict[str, None]") -> "Iterator[str]":
    """Yield the directories that a glob leads to, from a base; none of them need be a project. `looked` gets those that were listed."""
    found = [base]
    for part in _parts(pattern):
        if part == "..":
            found = [os.path.dirname(directory) for directory in found]
        elif part == "**":
            found = [inner for directory in found for inner in _all_below(directory)]
            looked.update(dict.fromkeys(found))
        else:
            looked.update(dict.fromkeys(found))
            found = [
                os.path.join(directory, name)
                for directory in found
                for name in _directories(directory)
                if fnmatch.fnmatchcase(name, part)
            ]
    yield from dict.fromkeys(found)


def _directories(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as scan:
            return sorted(one.name for one in scan if one.is_dir())
    except OSError:
        return []


def _all_below(directory: str) -> "Iterator[str]":
    yield directory
    for name in _directories(directory):
        if not name.startswith(".") and not os.path.islink(os.path.join(directory, name)):
            yield from _all_below(os.path.join(directory, name))


def _is_left_over(directory: str) -> bool:
    """Return whether a directory without a project is nothing to speak of: hidden, empty, or with hidden files and caches alone."""
    if os.path.basename(directory).startswith("."):
        return True
    try:
        names = os.listdir(directory)
    except OSError:
        return False
    return all(name.startswith(".") or name == "__pycache__" for name in names)
