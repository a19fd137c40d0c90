"""Find interpreters that are installed on this machine: on PATH, by pyenv, by uv, by conda, by the system.

Laws of this file: it looks for executables and lets `interpreter.probe` judge them. One that fails (a pyenv shim without a
version, a Python 2, a link to nowhere) is a reason to be told, never the end of the search. Virtual environments are not
looked for: an environment is found by `environment.py`; one that is met on PATH is passed over, though its base
interpreter is remembered as the last resort.
"""

import os

from commonwheel.events import Silence
from commonwheel.fs import found
from commonwheel.fs.start import Start
from commonwheel.model import Interpreter, Value
from commonwheel.python import interpreter as interpreters
from commonwheel.python import request as requests
from commonwheel.python.interpreter import InterpreterError, UnsupportedInterpreter
from commonwheel.python.request import PythonRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.python.interpreter import Memory, Run

_BIN = "Scripts" if os.name == "nt" else "bin"
# Where an administrator puts interpreters, should PATH not say so (cron, services, `env -i`).
_USUAL = ("/usr/local/bin", "/usr/bin")


class NoInterpreter(InterpreterError):
    """No interpreter at hand is what was asked for, what was seen, and what failed."""

    code = "no-interpreter"


class Found(Value):
    """An executable that was found: by `source`, with its interpreter, or with the `reason` why it is none."""

    __slots__ = ("interpreter", "path", "reason", "source")

    def __init__(self, path: str, source: str, interpreter: Interpreter | None, reason: str = "") -> None:
        self.path: Final = path
        self.source: Final = source
        self.interpreter: Final = interpreter
        self.reason: Final = reason


class Surroundings(Value):
    """Where and with what to look: variables, current directory, memory, a way to run programs.

    `start` opens what is found upward; `search_path` replaces PATH (`CW_PYTHON_SEARCH_PATH`); `reporter` hears of what is passed over.
    """

    __slots__ = ("cwd", "environ", "memory", "reporter", "run", "search_path", "start")

    def __init__(
        self,
        environ: "Mapping[str, str]",
        cwd: str,
        memory: "Memory",
        run: "Run",
        search_path: str | None = None,
        reporter: "Reporter | None" = None,
        start: Start | None = None,
    ) -> None:
        self.environ: Final = environ
        self.cwd: Final = cwd
        self.memory: Final = memory
        self.run: Final = run
        self.search_path: Final = search_path
        self.reporter: Final[Reporter] = reporter or Silence()
        self.start: Final = start or Start(cwd)

    def probe(self, executable: str) -> Interpreter:
        """Return what an interpreter is, with PYTHONPATH heeded; raise InterpreterError."""
        search = interpreters.python_path(self.environ, self.cwd)
        return interpreters.probe(os.path.join(self.cwd, executable), self.memory, self.run, search=search)

    @property
    def home(self) -> str:
        """Return the user's home directory, or ""."""
        return self.environ.get("HOME") or os.path.expanduser("~")


def find(wanted: PythonRequest, where: Surroundings) -> Interpreter:
    """Return the first installed interpreter that fits; raise NoInterpreter.

    A path may name a virtual environment; a name, too. Everything else is found among installed interpreters alone.
    Pre-releases come last unless asked for.
    """
    if wanted.kind == "path":
        return _at_path(wanted, where)
    if wanted.kind == "name":
        return _named(wanted, where)
    search = _Search(wanted)
    for path, _ in _candidates(wanted, where):
        found = search.consider(path, where)
        if found is not None:
            return found
    if search.last_resort is not None:
        return search.last_resort
    raise search.failure()


class _Search:
    """Remember what a search has met, for the case that nothing fits."""

    def __init__(self, wanted: PythonRequest) -> None:
        self.wanted = wanted
        self.last_resort: Interpreter | None = None
        self._seen: dict[str, str] = {}
        self._failed: list[str] = []

    def consider(self, path: str, where: Surroundings) -> Interpreter | None:
        """Return the interpreter at a path if it is installed and fits."""
        try:
            found = where.probe(path)
            if found.prefix != found.base_prefix:
                found = where.probe(found.base_executable)
                installed = False
            else:
                installed = True
        except UnsupportedInterpreter:
            return None
        except InterpreterError as error:
            self._failed.append(f"{error.message}: {error.context[-1]}" if error.context else error.message)
            return None
        full = found.markers["python_full_version"]
        self._seen.setdefault(full, found.executable)
        if not self.wanted.fits(found):
            return None
        if installed and (self.wanted.explains_prerelease or not requests.is_prerelease(found)):
            return found
        self.last_resort = self.last_resort or found
        return None

    def failure(self) -> NoInterpreter:
        """Return the error that tells what was seen."""
        seen = tuple(f"Python {version} is at `{path}`" for version, path in self._seen.items())
        return NoInterpreter(
            f"no interpreter found for {self.wanted}",
            context=(*seen, *dict.fromkeys(self._failed)),
            hint="install it, put it on PATH, or name one with `--python PATH`",
        )


def _at_path(wanted: PythonRequest, where: Surroundings) -> Interpreter:
    path = os.path.join(where.cwd, _expanded(wanted.text, where))
    if not os.path.isdir(path):
        return where.probe(path)
    executable = environment_python(path)
    if executable:
        return where.probe(executable)
    raise NoInterpreter(
        f"no interpreter found in `{wanted.text}`",
        context=(f"there is no `{_BIN}/python` in it",),
        hint="name an executable, or the root of an environment",
    )


def _expanded(path: str, where: Surroundings) -> str:
    return where.home + path[1:] if path == "~" or path.startswith("~" + os.sep) else os.path.expanduser(path)


def environment_python(root: str) -> str:
    """Return the path of the interpreter in the tree of an environment, or "" when there is none.

    A link counts even if it leads nowhere: an environment whose base interpreter has gone is broken, not absent.
    """
    names = ("python.exe",) if os.name == "nt" else ("python", "python3", "pypy3")
    for place in (os.path.join(root, _BIN), root) if os.name == "nt" else (os.path.join(root, _BIN),):
        for name in names:
            path = os.path.join(place, name)
            if os.path.lexists(path):
                return path
    return ""


def _named(wanted: PythonRequest, where: Surroundings) -> Interpreter:
    reasons = []
    for directory in _path_directories(where):
        path = _executable(directory, wanted.text, where)
        if path:
            try:
                return where.probe(path)
            except InterpreterError as error:
                reasons.append(error.message)
    # a directory of that name, which needs no `./` when nothing else is called so
    path = os.path.join(where.cwd, wanted.text)
    if os.path.isdir(path) and environment_python(path):
        return where.probe(environment_python(path))
    raise NoInterpreter(
        f"no interpreter found for `{wanted.text}`",
        context=tuple(reasons) or ("no executable of that name is on PATH",),
        hint="name a version such as `3.12`, or a path",
    )


# --- where to look --------------------------------------------------------------------------------------------------


def discover(where: Surroundings) -> "Iterator[Found]":
    """Yield every installed interpreter once, and every executable that looks like one and fails."""
    seen = set()
    for path, source in _candidates(PythonRequest("", "any"), where, everything=True):
        try:
            told = where.probe(path)
        except InterpreterError as error:
            yield Found(path, source, None, "; ".join([error.message, *error.context[-1:]]))
            continue
        real = os.path.realpath(told.executable)
        if told.prefix == told.base_prefix and real not in seen:
            seen.add(real)
            yield Found(told.executable, source, told)


def _candidates(wanted: PythonRequest, where: Surroundings, *, everything: bool = False) -> "Iterator[tuple[str, str]]":
    """Yield paths that may be what is wanted, and who they come from, best first, each once."""
    seen = set()
    for path, source in _all(wanted, where, everything=everything):
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if real not in seen:
            seen.add(real)
            yield path, source


def _all(wanted: PythonRequest, where: Surroundings, *, everything: bool) -> "Iterator[tuple[str, str]]":
    directories = _path_directories(where)
    for directory in directories:
        for path in _in_directory(directory, wanted, where, everything=everything):
            yield path, "PATH"
    for source, places in (("pyenv", _pyenv(where)), ("uv", _uv(where)), ("conda", _conda(where))):
        for place in places:
            path = environment_python(place) if source == "conda" or _may_fit(place, wanted) else ""
            if path:
                yield path, source
    for directory in _USUAL:
        if directory not in directories:
            for path in _in_directory(directory, wanted, where, everything=everything):
                yield path, "system"


def _path_directories(where: Surroundings) -> "list[str]":
    path = where.environ.get("PATH", os.defpath) if where.search_path is None else where.search_path
    return list(dict.fromkeys(os.path.join(where.cwd, place) for place in path.split(os.pathsep) if place))


def _in_directory(directory: str, wanted: PythonRequest, where: Surroundings, *, everything: bool) -> "Iterator[str]":
    names = _names(wanted)
    for name in names:
        path = _executable(directory, name, where)
        if path:
            yield path
    if everything or len(wanted.numbers) < 2:  # noqa: PLR2004 - without a minor version any name may do
        for name in _numbered(directory, wanted):
            path = _executable(directory, name, where) if name not in names else ""
            if path:
                yield path


def _names(wanted: PythonRequest) -> "list[str]":
    """Return the names under which an interpreter is likely to be found, the most telling first."""
    kinds = ["python"] if wanted.implementation in ("", "cpython") else [wanted.implementation, "python"]
    suffixes = ["3", ""]
    if len(wanted.numbers) >= 2:  # noqa: PLR2004 - major and minor
        short = f"{wanted.numbers[0]}.{wanted.numbers[1]}"
        suffixes = [short + "t", short, "3", ""] if wanted.free_threaded else [short, "3", ""]
    return [kind + suffix for kind in kinds for suffix in suffixes]


def _numbered(directory: str, wanted: PythonRequest) -> "list[str]":
    """Return names such as `python3.12` and `pypy3.10` in a directory, the newest version first."""
    found = []
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    for name in names:
        for kind in ("python3.", "pypy3.", "graalpy3."):
            minor = name.removeprefix(kind).removesuffix("t")
            if (
                name.startswith(kind)
                and minor.isdigit()
                and kind.startswith(wanted.implementation.replace("cpython", "python"))
            ):
                found.append((kind == "python3.", int(minor), name))
    return [name for _, _, name in sorted(found, reverse=True)]


def _executable(directory: str, name: str, where: Surroundings) -> str:
    """Return the path of an executable, or "": a shim of pyenv is replaced by what it would start."""
    path = os.path.join(directory, name)
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        return ""
    if os.path.realpath(directory) == os.path.realpath(os.path.join(_pyenv_root(where), "shims")):
        return _behind_shim(name, where)
    return path


# --- pyenv, uv, conda -----------------------------------------------------------------------------------------------


def _pyenv_root(where: Surroundings) -> str:
    return where.environ.get("PYENV_ROOT") or os.path.join(where.home, ".pyenv")


def _behind_shim(name: str, where: Surroundings) -> str:
    """Return the executable that a shim of pyenv would start here, or "": the shim itself takes 50 ms to find out.

    The versions come from PYENV_VERSION, else from the nearest `.python-version` upward, else from pyenv's `version` file.
    """
    root = _pyenv_root(where)
    for version in _pyenv_versions(root, where):
        for chosen in (version, version.removeprefix("python-"), _latest(root, version)):
            path = os.path.join(root, "versions", chosen, _BIN, name)
            if chosen and os.access(path, os.X_OK):
                return path
    return ""


def _pyenv_versions(root: str, where: Surroundings) -> "list[str]":
    text = where.environ.get("PYENV_VERSION", "")
    if text:
        return [version for version in text.replace(":", " ").split() if os.sep not in version]
    directory = where.environ.get("PYENV_DIR") or where.cwd
    for place in upward(directory):
        found = _words(_pin(place, where))
        if found:
            return found
    return _words("\n".join(_lines(os.path.join(root, "version"))))


def pinned(where: Surroundings) -> str:
    """Return the version in the nearest `.python-version` upward, as pyenv and uv write it, or ""."""
    for place in upward(where.cwd):
        found = _words(_pin(place, where))
        if found:
            return found[0]
    return ""


def _pin(place: str, where: Surroundings) -> str:
    """Return the text of the `.python-version` in a directory, "" if there is none or it does not count."""
    return os.fsdecode(where.start.read(os.path.join(place, ".python-version")) or b"")


def _words(text: str) -> "list[str]":
    """Return the words in a text of versions, comments left out."""
    return [word for line in text.splitlines() for word in line.partition("#")[0].split() if os.sep not in word]


def _lines(path: str) -> "list[str]":
    """Return the lines of a file that pyenv or conda keeps for the user, none if it cannot be read."""
    data = found.read(path, found.ANYBODY, links=True)
    return os.fsdecode(data).splitlines() if isinstance(data, bytes) else []


def upward(directory: str) -> "Iterator[str]":
    """Yield a directory and all above it."""
    place = os.path.abspath(directory)
    while True:
        yield place
        above = os.path.dirname(place)
        if above == place:
            return
        place = above


def _latest(root: str, version: str) -> str:
    """Return the newest installed version that begins with `version` (pyenv takes `3.12` for it)."""
    prefix = version.removeprefix("python-") + "."
    found = [name for name in _listed(os.path.join(root, "versions")) if name.startswith(prefix)]
    return max(found, key=_release, default="")


def _release(name: str) -> "tuple[int, ...]":
    """Return the numbers of the version that a name holds, for sorting."""
    for word in name.replace("@", "-").split("-"):
        if word[:1].isdigit():
            head = word.partition("+")[0].split(".")
            return tuple(int(number) for number in head if number.isdigit())
    return ()


def _listed(directory: str) -> "Sequence[str]":
    try:
        return os.listdir(directory)
    except OSError:
        return ()


def _pyenv(where: Surroundings) -> "list[str]":
    return _newest_first(os.path.join(_pyenv_root(where), "versions"))


def _uv(where: Surroundings) -> "list[str]":
    data = where.environ.get("XDG_DATA_HOME") or os.path.join(where.home, ".local", "share")
    return _newest_first(where.environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python"))


def _may_fit(place: str, wanted: PythonRequest) -> bool:
    """Return whether the name of a directory, such as `3.12.1`, makes it worth asking the interpreter in it."""
    told = _release(os.path.basename(place))
    return not told or all(one == other for one, other in zip(told, wanted.numbers, strict=False))


def _newest_first(directory: str) -> "list[str]":
    names = [name for name in _listed(directory) if not name.startswith(".")]
    return [os.path.join(directory, name) for name in sorted(names, key=_release, reverse=True)]


def _conda(where: Surroundings) -> "list[str]":
    """Return the roots of conda environments: the base that the shell knows, and those that conda has written down."""
    places = []
    executable = where.environ.get("CONDA_EXE", "")
    if executable:
        base = os.path.dirname(os.path.dirname(executable))
        places += [base, *(os.path.join(base, "envs", name) for name in sorted(_listed(os.path.join(base, "envs"))))]
    places += [line.strip() for line in _lines(os.path.join(where.home, ".conda", "environments.txt")) if line.strip()]
    return [place for place in dict.fromkeys(places) if os.path.isdir(os.path.join(place, "conda-meta"))]
