"""Which Python and which environment a project has, and how they are made.

The environment lies at the root of the workspace (`.venv`), where a variable says, or with `--active` where the user is. One of
another Python is set aside, never deleted; one that was not made for this project is never replaced.
"""

import os

from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.fs import linking, trees
from commonwheel.model import Value
from commonwheel.project.discovery import upward
from commonwheel.python import discovery, venv
from commonwheel.python import request as requests
from commonwheel.python.interpreter import InterpreterError
from commonwheel.specs import versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.model import Environment, Interpreter
    from commonwheel.project.discovery import Workspace
    from commonwheel.project.parts import Parts


PIN = ".python-version"
#: What stands behind the name of an environment that was set aside for one of another Python.
_ASIDE = ".replaced"


class WrongPython(UsageError):
    """The Python that was asked for is not one that the project supports."""

    code = "wrong-python"


class NotAnEnvironment(UsageError):
    """There is something where the environment of a project has to be, and it is no environment."""

    code = "not-an-environment"


class Wish(Value):
    """Which Python is wanted (a request), and who says so."""

    __slots__ = ("origin", "request")

    def __init__(self, request: str, origin: str) -> None:
        self.request: Final = request
        self.origin: Final = origin


class Place(Value):
    """Where the environment of a project is; `foreign` if it was not made for the project, `link` where a link leads to it."""

    __slots__ = ("foreign", "link", "root")

    def __init__(self, root: str, *, foreign: bool = False, link: str = "") -> None:
        self.root: Final = root
        self.foreign: Final = foreign
        self.link: Final = link


# --- which Python -------------------------------------------------------------------------------------------------------------


def wish(parts: "Parts", workspace: "Workspace", requires_python: str = "") -> Wish:
    """Return which Python a project wants: the option, `.python-version` up to the root of the workspace, or what it supports."""
    given = parts.settings.text("python")
    if given:
        return Wish(given, parts.settings.source("python"))
    for directory in upward(workspace.here.directory):
        path = os.path.join(directory, PIN)
        data = parts.start.read(path)
        word = next(iter(_words(os.fsdecode(data or b""))), "")
        if word:
            try:
                requests.parse(word)
            except requests.InvalidRequest:
                parts.reporter.note("warning", f"`{path}` names no version of Python (`{word}`), and is ignored")
            else:
                return Wish(word, f"`{path}`")
        if directory == workspace.directory:
            break
    return Wish(requires_python.replace(" ", ""), "`requires-python`")


def _words(text: str) -> "list[str]":
    return [word for line in text.splitlines() for word in line.partition("#")[0].split()]


def interpreter(parts: "Parts", wanted: Wish, requires_python: str) -> "Interpreter":
    """Return the interpreter that is wanted. Raises WrongPython if the project does not support it, and NoInterpreter."""
    found = parts.interpreter(wanted.request)
    check(found, wanted, requires_python)
    return found


def check(found: "Interpreter", wanted: Wish, requires_python: str) -> None:
    """Raise WrongPython if a project does not support an interpreter."""
    version = ".".join(map(str, found.version))
    if not versions.contains(requires_python, version, prereleases=True):
        raise WrongPython(
            f"Python {version}, asked for by {wanted.origin}, is not one that the project supports (`{requires_python}`)",
            hint="ask for another one with `--python`, or change `requires-python`",
        )


# --- which environment ----------------------------------------------------------------------------------------------------------


def place(parts: "Parts", root: str) -> Place:
    """Return where the environment of a project is, whether it is there or not."""
    settings = parts.settings
    active = parts.environ.get("VIRTUAL_ENV", "")
    if settings.flag("active") and active:
        return Place(os.path.join(parts.cwd, active), foreign=True)
    given = settings.text("project-environment")
    if given:
        found = Place(os.path.normpath(os.path.join(root, os.path.expanduser(given))))
    elif settings.text("project-environments"):
        folder = os.path.join(parts.cwd, os.path.expanduser(settings.text("project-environments") or ""))
        found = Place(os.path.join(folder, _name_for(root)), link=os.path.join(root, ".venv"))
    else:
        found = Place(os.path.join(root, ".venv"))
    if active and not settings.is_set("active") and os.path.realpath(active) != os.path.realpath(found.root):
        parts.reporter.note(
            "warning",
            f"`VIRTUAL_ENV={active}` is not the environment of the project (`{found.root}`), and is ignored; `--active` uses it",
        )
    return found


def _name_for(root: str) -> str:
    """Return the name of a project's environment beside those of others: readable, and of this path alone."""
    from_path = 0
    for byte in os.fsencode(root):
        from_path = (from_path * 131 + byte) % (1 << 48)
    return f"{os.path.basename(root)}-{from_path:012x}"


def present(parts: "Parts", where: Place) -> "Environment | None":
    """Return the environment that is there, None if there is none. Raises NotAnEnvironment for anything else."""
    root = where.root
    if not os.path.lexists(root):
        return None
    if not where.foreign and not parts.start.kind(root):
        raise NotAnEnvironment(
            f"`{root}` belongs to a user whose files do not count here",
            hint="delete it, or name another place with `CW_PROJECT_ENVIRONMENT`",
        )
    executable = discovery.environment_python(root)
    if not executable:
        if os.path.isdir(root) and not os.listdir(root):
            return None
        raise NotAnEnvironment(
            f"`{root}` is no environment, and not empty",
            hint="move it away, or name another place with `CW_PROJECT_ENVIRONMENT`",
        )
    try:
        return parts.environment_at(root)
    except InterpreterError as error:
        if where.foreign:
            raise
        parts.reporter.note("warning", f"the environment `{root}` does not work, and is replaced: {error.message}")
        return None


def fits(parts: "Parts", environment: "Environment", wanted: Wish, requires_python: str) -> bool:
    """Return whether an environment is of the Python that is wanted."""
    request = requests.parse(wanted.request)
    found = environment.interpreter
    version = ".".join(map(str, found.version))
    if not versions.contains(requires_python, version, prereleases=True):
        return False
    if request.kind in ("any", "version"):
        return request.fits(found)
    asked = parts.interpreter(wanted.request)
    bases = {os.path.realpath(one.base_executable or one.executable) for one in (asked, found)}
    return len(bases) == 1 or asked.prefix == found.prefix


class Made(Value):
    """An environment that is ready; `action` is `check` (it was there), `create` or `replace`; `aside` is where the old one went."""

    __slots__ = ("action", "aside", "environment", "root")

    def __init__(self, root: str, action: str, environment: "Environment | None" = None, aside: str = "") -> None:
        self.root: Final = root
        self.action: Final = action
        self.environment: Final = environment
        self.aside: Final = aside


def look(parts: "Parts", where: Place, wanted: Wish, requires_python: str) -> Made:
    """Return the environment of a project if it is there and fits, else what `make` would do."""
    found = present(parts, where)
    if found is not None and fits(parts, found, wanted, requires_python):
        return Made(where.root, "check", found)
    return Made(where.root, "replace" if os.path.lexists(where.root) and _listed(where.root) else "create")


def make(parts: "Parts", where: Place, prompt: str, wanted: Wish, requires_python: str, *, quiet: bool = False) -> Made:
    """Return the environment of a project, made if it is missing or of another Python.

    Raises WrongPython, NotAnEnvironment, NoInterpreter, and what making an environment raises.
    """
    found = present(parts, where)
    if found is not None and fits(parts, found, wanted, requires_python):
        parts.use_environment(found)
        return Made(where.root, "check", found)
    if where.foreign:
        asked = wanted.request or requires_python
        raise WrongPython(
            f"the active environment `{where.root}` is not of the Python that is wanted (`{asked}`, from {wanted.origin})",
            hint="leave `--active` out, or activate another environment",
        )
    base = interpreter(parts, wanted, requires_python)
    version = ".".join(map(str, base.version))
    level = "debug" if quiet else "info"
    parts.reporter.note(level, f"Using CPython {version} interpreter at: {base.base_executable or base.executable}")
    aside = ""
    if os.path.lexists(where.root) and _listed(where.root):
        aside = f"{where.root}{_ASIDE}"
        if os.path.lexists(aside):
            trees.erase(aside)
        trees.rename(where.root, aside)
    try:
        venv.create(where.root, base, venv.Options(prompt=prompt))
        if where.link:
            _link(where)
    except BaseException:
        if aside:
            trees.rename(aside, where.root)
        raise
    shown = os.path.relpath(where.root, parts.cwd)
    parts.reporter.note(level, f"Creating virtual environment at: {where.root if shown.startswith('..') else shown}")
    if aside:
        parts.reporter.note("info", f"The environment of another Python was set aside: {aside}")
    environment = parts.environment_at(where.root)
    parts.use_environment(environment)
    return Made(where.root, "replace" if aside else "create", environment, aside)


def put_back(made: Made) -> None:
    """Put an environment back that was set aside, since filling the new one has failed."""
    if not made.aside:
        return
    failed = f"{made.root}.failed"
    trees.rename(made.root, failed)
    trees.rename(made.aside, made.root)
    trees.erase(failed)


def _listed(path: str) -> "list[str]":
    try:
        return os.listdir(path)
    except OSError:
        return [path]


def _link(where: Place) -> None:
    """Let `.venv` lead to an environment that lies elsewhere. What is there and no link is left alone."""
    if os.path.islink(where.link):
        if os.path.realpath(where.link) == os.path.realpath(where.root):
            return
        trees.remove(where.link)
    if not os.path.lexists(where.link):
        try:
            linking.symlink(where.root, where.link)
        except CommonwheelError:
            return
