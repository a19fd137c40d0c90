"""Which environment a command is about, where it puts files, and whether it may be changed.

The order: `--target` and `--prefix`; `--python`; `--system`; the interpreter that runs `python -m commonwheel`;
VIRTUAL_ENV; CONDA_PREFIX of a child environment; the nearest `.venv` upward. Commands that only look fall back to the first
installed interpreter; commands that change something never do, and so never reach Commonwheel's own environment unless
somebody names it.

Laws of this file: it reads, and finds; it changes nothing, and starts nothing but the probe.
"""

import os

from commonwheel.errors import UsageError
from commonwheel.fs import found
from commonwheel.fs.start import Start
from commonwheel.model import Environment, Interpreter, Value
from commonwheel.python import discovery
from commonwheel.python import interpreter as interpreters
from commonwheel.python import request as requests
from commonwheel.python.discovery import Surroundings
from commonwheel.python.interpreter import InterpreterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final


class NoEnvironment(UsageError):
    """A command which changes an environment was given none."""

    code = "no-environment"


class BrokenEnvironment(UsageError):
    """An environment was found and cannot be used."""

    code = "broken-environment"


class ExternallyManaged(UsageError):
    """Somebody else manages an environment (PEP 668), in that somebody's words."""

    code = "externally-managed"


class EnvironmentRequest(Value):
    """What the command line says about the environment.

    `python`, `target` and `prefix` are texts as given ("" for none); `parent` is the interpreter that runs
    `python -m commonwheel`, "" for the `cw` command; `changes` is False for commands that only look.
    """

    __slots__ = ("changes", "parent", "prefix", "python", "system", "target")

    def __init__(
        self,
        python: str = "",
        *,
        system: bool = False,
        target: str = "",
        prefix: str = "",
        parent: str = "",
        changes: bool = True,
    ) -> None:
        self.python: Final = python
        self.system: Final = system
        self.target: Final = target
        self.prefix: Final = prefix
        self.parent: Final = parent
        self.changes: Final = changes


def locate(request: EnvironmentRequest, where: Surroundings) -> Environment:
    """Return the environment that a command is about.

    Raises NoEnvironment, BrokenEnvironment, and what `discovery.find` raises.
    """
    if request.target:
        interpreter = _looking(request, where).interpreter
        return target_environment(os.path.join(where.cwd, request.target), interpreter)
    if request.prefix:
        interpreter = _looking(request, where).interpreter
        return prefix_environment(os.path.join(where.cwd, request.prefix), interpreter)
    if not request.changes:
        return _looking(request, where)
    if request.python:
        return _asked(request, where)
    if request.system:
        return environment_of(discovery.find(requests.parse(""), where), where)
    for interpreter in _active(request, where):
        return environment_of(interpreter, where)
    raise NoEnvironment(
        "no virtual environment found",
        hint="run `cw venv` to create one, or pass `--system` to use the Python that is installed",
    )


def environment_of(interpreter: Interpreter, where: Surroundings) -> Environment:
    """Return the environment that an interpreter lives in."""
    paths = {name: interpreter.paths[name] for name in ("purelib", "platlib", "scripts", "data", "include")}
    root, relocatable = interpreter.prefix, False
    if interpreter.prefix != interpreter.base_prefix:
        kind = "venv"
        config = interpreters.read_config(os.path.join(root, "pyvenv.cfg"))
        relocatable = config.get("relocatable", "").lower() == "true"
    elif os.path.isdir(os.path.join(root, "conda-meta")):
        kind = "conda"
    else:
        kind = "system"
        # Debian's pip installs below /usr/local and leaves the rest of /usr to the package manager
        if _is_below(paths["purelib"], paths["data"]):
            root = paths["data"]
        if not _is_below(paths["include"], root):
            paths["include"] = os.path.join(root, "include", os.path.basename(paths["include"]))
    return Environment(root, kind, interpreter, paths, _layers(interpreter, paths, where), relocatable)


def target_environment(root: str, interpreter: Interpreter) -> Environment:
    """Return what `--target` means: modules at the top of a directory, scripts in its `bin`."""
    root = os.path.abspath(root)
    paths = {
        "purelib": root,
        "platlib": root,
        "scripts": os.path.join(root, "bin"),
        "data": root,
        "include": os.path.join(root, "include"),
    }
    return Environment(root, "target", interpreter, paths)


def prefix_environment(root: str, interpreter: Interpreter) -> Environment:
    """Return what `--prefix` means: the tree of a virtual environment, without an interpreter."""
    root = os.path.abspath(root)
    paths = {name: os.path.join(root, path).rstrip(os.sep) for name, path in interpreter.venv_paths.items()}
    return Environment(root, "prefix", interpreter, paths)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _layers(interpreter: Interpreter, paths: "Mapping[str, str]", where: Surroundings) -> "tuple[str, ...]":
    """Return the further directories that an environment imports distributions from, in the order of `sys.path`."""
    own = {os.path.realpath(paths["purelib"]), os.path.realpath(paths["platlib"])}
    stdlib = interpreter.paths["stdlib"]
    found = [*interpreters.python_path(where.environ, where.cwd)]
    found += [
        place
        for place in interpreter.sys_path
        if place != stdlib and not place.endswith((".zip", f"{os.sep}lib-dynload"))
    ]
    return tuple(place for place in dict.fromkeys(found) if os.path.realpath(place) not in own and os.path.isdir(place))


# --- which one ------------------------------------------------------------------------------------------------------


def _looking(request: EnvironmentRequest, where: Surroundings) -> Environment:
    """Return the environment for a command that changes none: the same order, and at last any installed interpreter."""
    wanted = requests.parse(request.python)
    if wanted.kind in ("any", "version") and not request.system:
        for interpreter in _active(request, where):
            if wanted.fits(interpreter):
                return environment_of(interpreter, where)
    return environment_of(discovery.find(wanted, where), where)


def _asked(request: EnvironmentRequest, where: Surroundings) -> Environment:
    """Return the environment that `--python` names for a command that changes it.

    A path is taken at its word. A version or a name is not: it may mean the interpreter of the whole machine, so that one is
    used only with `--system`.
    """
    wanted = requests.parse(request.python)
    if wanted.kind == "path" or request.system:
        return environment_of(discovery.find(wanted, where), where)
    if wanted.kind == "name":
        found = discovery.find(wanted, where)
        # a directory here, such as an environment of conda's, is a path that needs no `./`
        directory = os.path.join(where.cwd, wanted.text) + os.sep
        if found.prefix != found.base_prefix or found.executable.startswith(directory):
            return environment_of(found, where)
    else:
        for interpreter in _active(request, where):
            if wanted.fits(interpreter):
                return environment_of(interpreter, where)
    raise NoEnvironment(
        f"no virtual environment found for {wanted}",
        hint=f"run `cw venv --python {request.python}` to create one, or pass `--system` to use an installed interpreter",
    )


def _active(request: EnvironmentRequest, where: Surroundings) -> "Iterator[Interpreter]":
    """Yield the interpreters of the environments that are active or near, the nearest to the user's word first."""
    if request.parent:
        yield where.probe(request.parent)
    for source, root in _roots(where):
        executable = discovery.environment_python(root)
        if not executable:
            raise BrokenEnvironment(
                f"`{root}` has no interpreter",
                context=(f"it was found through {source}",),
                hint=f"run `cw venv --clear {root}` to recreate it",
            )
        try:
            yield where.probe(executable)
        except InterpreterError as error:
            raise BrokenEnvironment(
                f"the environment `{root}` does not work",
                context=(f"it was found through {source}", error.message, *error.context),
                hint=f"run `cw venv --clear {root}` to recreate it",
            ) from error


def _roots(where: Surroundings) -> "Iterator[tuple[str, str]]":
    """Yield who names an environment, and its root."""
    active = where.environ.get("VIRTUAL_ENV", "")
    if active:
        root = os.path.abspath(os.path.join(where.cwd, active))
        if discovery.environment_python(root):
            yield "VIRTUAL_ENV", root
        else:
            where.reporter.note("warning", f"`VIRTUAL_ENV={active}` is not a virtual environment, and is ignored")
    conda = where.environ.get("CONDA_PREFIX", "")
    if conda and _is_child(conda, where.environ) and discovery.environment_python(conda):
        yield "CONDA_PREFIX", os.path.abspath(conda)
    near = nearest(where)
    if near:
        yield f"`{near[0]}`", near[1]


def _is_child(prefix: str, environ: "Mapping[str, str]") -> bool:
    """Return whether a conda environment is not the base one, which others depend on.

    conda tells by CONDA_DEFAULT_ENV: the name of a child, or its path; `base`, `root` or anything else is the base. pixi knows no base.
    """
    if os.path.exists(os.path.join(prefix, "conda-meta", "pixi")):
        return True
    if environ.get("_CONDA_ROOT") and os.path.normpath(environ["_CONDA_ROOT"]) == os.path.normpath(prefix):
        return False
    name = environ.get("CONDA_DEFAULT_ENV", "")
    if not name or os.path.normpath(name) == os.path.normpath(prefix):
        return True
    return name not in ("base", "root") and os.path.basename(os.path.normpath(prefix)) == name


def nearest(where: Surroundings) -> tuple[str, str] | None:
    """Return the nearest `.venv` upward from the current directory and the root that it stands for, or None.

    One that another user left there is passed over, with its interpreter. What a link or file `.venv` that counts leads to is taken at
    the word of the user who made that.

    `.venv` may be a file that holds a path (PEP 832). A directory inside an environment belongs to that environment. Raises
    BrokenEnvironment when there is a `.venv` that is no environment: the next one further up is somebody else's.
    """
    start = where.start
    for place in discovery.upward(where.cwd):
        config = os.path.join(place, "pyvenv.cfg")
        if os.path.isfile(config) and start.kind(config) and _may_run(place, start):
            return place, place
        path = os.path.join(place, ".venv")
        kind = start.kind(path)
        if kind == "directory" or (kind == "link" and os.path.isdir(path)):
            _require_config(path, path)
            if kind == "link" or _may_run(path, start):
                return path, path
        elif kind == "file":
            data = start.read(path)
            if data is not None:
                return path, _redirected(path, os.fsdecode(data[:65536]).strip())
    return None


def _may_run(root: str, start: Start) -> bool:
    """Return whether a trusted user put the interpreter into an environment that was found."""
    executable = discovery.environment_python(root)
    if not executable:
        return True
    # `bin` may be a link within the environment, and `python` one to whatever the environment was made with
    return bool(start.kind(os.path.dirname(executable)) and start.kind(executable))


def _redirected(path: str, text: str) -> str:
    """Return the root that a `.venv` file names, relative to the file."""
    root = os.path.abspath(os.path.join(os.path.dirname(path), text))
    if not text or "\n" in text:
        raise BrokenEnvironment(
            f"`{path}` does not name an environment",
            context=("a `.venv` file holds one line, the path of an environment",),
            hint="remove it, or write the path of an environment into it",
        )
    _require_config(root, path)
    return root


def _require_config(root: str, path: str) -> None:
    if os.path.isfile(os.path.join(root, "pyvenv.cfg")) or os.path.isdir(os.path.join(root, "conda-meta")):
        return
    context = () if root == path else (f"`{path}` names it",)
    raise BrokenEnvironment(
        f"`{root}` is not a virtual environment",
        context=(*context, "there is no `pyvenv.cfg` in it"),
        hint=f"run `cw venv {root}` to create it" if _is_empty(root) else "remove it, or run `cw venv --clear --force`",
    )


def _is_empty(directory: str) -> bool:
    try:
        return not os.listdir(directory)
    except OSError:
        return True


# --- externally managed ---------------------------------------------------------------------------------------------


def refuse_if_managed(environment: Environment, break_system_packages: bool, environ: "Mapping[str, str]") -> None:
    """Raise ExternallyManaged when an environment is somebody else's and the user did not insist.

    `--target` and `--prefix` change nothing of the interpreter's own, and are always allowed (PEP 668).
    """
    marker = environment.interpreter.externally_managed
    if not marker or break_system_packages or environment.kind in ("target", "prefix"):
        return
    data = found.read(marker, found.ANYBODY, links=True)
    message = managed_message(str(data, "utf-8", "replace"), environ) if isinstance(data, bytes) else ""
    raise ExternallyManaged(
        f"the interpreter at `{environment.interpreter.prefix}` is externally managed"
        + (", and indicates the following:" if message else ""),
        context=tuple(message.split("\n")) if message else (),
        hint="run `cw venv` to create a virtual environment, or pass `--break-system-packages` to change it all the same",
    )


def managed_message(text: str, environ: "Mapping[str, str]") -> str:
    """Return what an EXTERNALLY-MANAGED file says to users of a locale: `Error-de_DE`, `Error-de`, else `Error`."""
    values = _ini_section(text, "externally-managed")
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    language = locale.partition(".")[0].partition("@")[0]
    for key in (f"error-{language}", f"error-{language.partition('_')[0]}", "error"):
        message = values.get(key.lower(), "")
        if message:
            return message
    return ""


def _ini_section(text: str, wanted: str) -> "dict[str, str]":
    """Return the values of one section as `configparser` reads them, whose import costs more than the whole command."""
    values: dict[str, list[str]] = {}
    inside, key, indent = False, "", 0
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        depth = len(line) - len(line.lstrip())
        if not stripped or (key and depth > indent):
            if key and inside:
                values[key].append(stripped)
            continue
        indent = depth
        if stripped.startswith("[") and "]" in stripped:
            inside, key = stripped[1 : stripped.rindex("]")] == wanted, ""
            continue
        ends = [at for at in (stripped.find("="), stripped.find(":")) if at > 0]
        key = stripped[: min(ends)].strip().lower() if ends else ""
        if key and inside:
            values[key] = [stripped[min(ends) + 1 :].strip()]
    return {name: "\n".join(lines).rstrip() for name, lines in values.items()}
