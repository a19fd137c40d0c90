"""What an interpreter is, asked of it once and then remembered.

`probe` answers from memory when it can: the answer is kept under the path of the executable and holds what it was true for
(size and stamps of the real file, the text of `pyvenv.cfg`, PYTHONPATH, the machine's C library); anything else there is a
miss. A virtual environment is not asked at all when its base interpreter is known: its answer follows from the base's and from
`pyvenv.cfg`, and the tests hold the two against each other. Where that is not certain, it is asked.

Laws of this file: it reads; it starts processes only through `run` and writes only through `memory`; whatever bytes the
memory returns, the worst that follows is that the interpreter is asked again.
"""

import binascii
import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import found
from commonwheel.model import Interpreter
from commonwheel.python import tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class Finished(Protocol):
        """What `process.run` returns."""

        @property
        def code(self) -> int:
            """Return the exit code."""

        @property
        def stdout(self) -> bytes:
            """Return what was printed."""

        @property
        def stderr(self) -> bytes:
            """Return what was complained."""

    class Run(Protocol):
        """Run a program to its end, as `process.run` does."""

        def __call__(self, argv: Sequence[str], *, timeout: float | None = None) -> Finished:
            """Return how it ended; raise CommonwheelError when it did not start or took too long."""

    class Memory(Protocol):
        """Keep answers under short names; losing some, or all, only costs time."""

        def get(self, key: str) -> bytes | None:
            """Return what was put, or None."""

        def put(self, key: str, data: bytes) -> None:
            """Keep some bytes; never fail."""

    Facts = Mapping[str, Sequence[str]]

PROBE = os.path.join(os.path.dirname(__file__), "probe.py")
_ANSWER = "commonwheel-probe 1"
_REMEMBERED = "commonwheel-interpreter 1"
_ROOT = "/\x01root\x01"
OLDEST = (3, 8)
# An interpreter on a sleepy network mount may take this long (seconds) to start; one that hangs must not take us along.
PATIENCE = 60.0
# Modules that, in the site directories of a virtual environment, change what its base interpreter has answered.
_MEDDLERS = ("sitecustomize.py", "sitecustomize", "_manylinux.py")


class InterpreterError(CommonwheelError):
    """An executable gave no answer that makes it a usable interpreter."""

    code = "interpreter"
    exit_status = 2


class UnsupportedInterpreter(InterpreterError):
    """An interpreter answered, and is too old."""

    code = "unsupported-interpreter"


def python_path(environ: "Mapping[str, str]", cwd: str) -> "tuple[str, ...]":
    """Return the directories of PYTHONPATH, absolute, each once.

    They are heeded because sites that share software do it through them: what lies there is installed as far as the user's
    programs are concerned, and a `_manylinux` module there is the site's word on wheels (uv#16540, uv#2500).
    """
    text = environ.get("PYTHONPATH", "")
    places = [os.path.abspath(os.path.join(cwd, place)) for place in text.split(os.pathsep)] if text else []
    return tuple(dict.fromkeys(places))


def probe(executable: str, memory: "Memory", run: "Run", *, search: "Sequence[str]" = ()) -> Interpreter:
    """Return what the interpreter at a path is; `search` are the directories of `python_path`.

    Raises InterpreterError (nothing there, no Python, it failed) and UnsupportedInterpreter (older than 3.8).
    """
    path = os.path.abspath(executable)
    config_path = _config_path(path)
    if config_path:
        facts = _derived(path, config_path, memory, run, search)
        if facts is not None:
            return _interpreter(facts)
    return _interpreter(_known(path, config_path, memory, run, search))


def read_config(path: str) -> "dict[str, str]":
    """Return the keys (lower case) and values of a `pyvenv.cfg`; empty when it cannot be read."""
    data = found.read(path, found.ANYBODY, links=True)
    return _parse_config(data) if isinstance(data, bytes) else {}


def _parse_config(data: bytes) -> "dict[str, str]":
    found = {}
    for line in os.fsdecode(data).splitlines():
        key, equals, value = line.partition("=")
        if equals:
            found[key.strip().lower()] = value.strip()
    return found


def _config_path(executable: str) -> str:
    """Return the path of the `pyvenv.cfg` that Python itself would find for an executable, or ""."""
    directory = os.path.dirname(executable)
    for place in (os.path.dirname(directory), directory):
        path = f"{place.rstrip(os.sep)}{os.sep}pyvenv.cfg"
        if os.path.isfile(path):
            return path
    return ""


# --- asking and remembering -----------------------------------------------------------------------------------------


def _known(path: str, config_path: str, memory: "Memory", run: "Run", search: "Sequence[str]") -> "Facts":
    """Return the remembered facts of an executable, or ask it and remember them."""
    identity = _identity(path, config_path, search)
    key = _memory_key(path)
    data = memory.get(key)
    facts = _recall(data, identity) if data is not None else None
    if facts is not None:
        return facts
    facts = _ask(path, run, search)
    told = tags.one(facts, "executable")
    if os.path.realpath(told) != os.path.realpath(path):
        # A wrapper such as a pyenv shim: what it starts depends on more than its own bytes, so nothing is kept under its name.
        path = told
        identity, key = _identity(path, _config_path(path), search), _memory_key(path)
    if not tags.one(facts, "volatile"):
        memory.put(key, _remembered(identity, facts))
    return facts


def _memory_key(path: str) -> str:
    # two checks of 32 bits name the file; that it is the right one is told by the identity inside
    data = os.fsencode(path)
    return f"{binascii.crc32(data):08x}{binascii.crc32(data, 0x5EED):08x}"


def _identity(path: str, config_path: str, search: "Sequence[str]") -> str:
    """Return a line that changes whenever the answer could; raise InterpreterError when there is no such file.

    ctime is part of it because package managers preserve mtime, and size can agree by chance.
    """
    real = os.path.realpath(path)
    try:
        status = os.stat(real)
    except OSError as error:
        raise InterpreterError(
            f"there is no interpreter at `{path}`",
            context=(f"cannot read `{real}`: {error.strerror}",),
            hint="name one that you may run; `cw python list` shows those that are found",
        ) from error
    words = [path, real, str(status.st_size), str(status.st_mtime_ns), str(status.st_ctime_ns), *_machine(), *search]
    if config_path:
        data = found.read(config_path, found.ANYBODY, links=True)
        words.append(os.fsdecode(data) if isinstance(data, bytes) else f"{config_path}: {data}")
    return _escape("\t".join(words))


def _machine() -> "tuple[str, ...]":
    """Return what differs between machines that share a home directory: processor, kernel's kind, C library."""
    if not hasattr(os, "uname"):
        return (os.name,)
    name = os.uname()
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        libc = ""
    return name.sysname, name.machine, libc


def _ask(path: str, run: "Run", search: "Sequence[str]") -> "Facts":
    """Run the probe in an interpreter."""
    try:
        finished = run((path, "-I", "-S", "-B", PROBE, *search), timeout=PATIENCE)
    except CommonwheelError as error:
        raise InterpreterError(f"cannot ask `{path}`", context=(error.message, *error.context)) from error
    start = finished.stdout.find(os.fsencode(_ANSWER + "\n"))
    facts = _parse(os.fsdecode(finished.stdout[start:]).split("\n"), _ANSWER) if start >= 0 else None
    if facts is None or not _is_complete(facts):
        raise InterpreterError(
            f"`{path}` is not a working Python interpreter", context=_complaint(finished.code, finished.stderr)
        )
    _refuse_if_old(path, tags.one(facts, "version"))
    try:
        tags.compose(facts)
    except ValueError as error:
        raise InterpreterError(f"what `{path}` tells of itself makes no sense", context=(str(error),)) from error
    return facts


def _complaint(code: int, stderr: bytes) -> "tuple[str, ...]":
    lines = [line for line in str(stderr, "utf-8", "replace").splitlines() if line.strip()]
    if any(line.startswith("Unknown option: -I") for line in lines):
        return ("it is older than Python 3.4",)
    return (f"it ended with status {code}", *lines[-5:])


def _refuse_if_old(path: str, version: str) -> None:
    numbers = version.split(".")
    if (int(numbers[0]), int(numbers[1])) < OLDEST:
        oldest = f"{OLDEST[0]}.{OLDEST[1]}"
        raise UnsupportedInterpreter(f"`{path}` is Python {version}: Commonwheel installs for {oldest} and newer")


def _is_complete(facts: "Facts") -> bool:
    """Return whether all is there that is read without asking twice."""
    version = tags.one(facts, "version").split(".")
    return (
        len(version) == 3  # noqa: PLR2004 - major, minor, patch
        and all(number.isdigit() for number in version)
        and all(facts.get(key) for key in ("executable", "prefix", "base-prefix", "base-executable", "platform"))
        and all(facts.get(f"{kind}-{name}") for kind in ("path", "venv-path") for name in _SCHEME)
        and all(facts.get(f"marker-{name}") for name in _MARKERS)
    )


_SCHEME = ("purelib", "platlib", "scripts", "data", "include", "stdlib")
_MARKERS = (
    "implementation_name", "implementation_version", "os_name", "platform_machine", "platform_python_implementation",
    "platform_release", "platform_system", "platform_version", "python_full_version", "python_version", "sys_platform",
)  # fmt: skip


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _unescape(value: str) -> str:
    pieces = value.split("\\\\")
    return "\\".join([piece.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r") for piece in pieces])


def _parse(lines: "Sequence[str]", header: str) -> "dict[str, list[str]] | None":
    """Return the facts in the lines of an answer, or None when it is not whole."""
    if len(lines) < 2 or lines[0] != header:  # noqa: PLR2004 - header and end
        return None
    facts: dict[str, list[str]] = {}
    for line in lines[1:]:
        key, tab, value = line.partition("\t")
        if not tab:
            return facts if key == "end" else None
        facts.setdefault(key, []).append(_unescape(value) if "\\" in value else value)
    return None


def _remembered(identity: str, facts: "Facts") -> bytes:
    lines = [f"identity\t{identity}"]
    lines += [f"{key}\t{_escape(value)}" for key, values in facts.items() for value in values]
    body = os.fsencode("\n".join([*lines, "end\n"]))
    return os.fsencode(f"{_REMEMBERED}\n{binascii.crc32(body):08x}\n") + body


def _recall(data: bytes, identity: str) -> "Facts | None":
    """Return the facts in remembered bytes, or None when they are not about this interpreter as it is now."""
    head, _, rest = data.partition(b"\n")
    check, _, body = rest.partition(b"\n")
    if head != os.fsencode(_REMEMBERED) or check != b"%08x" % binascii.crc32(body):
        return None
    lines = os.fsdecode(body).split("\n")
    if lines[0] != f"identity\t{identity}":
        return None
    lines[0] = _REMEMBERED
    facts = _parse(lines, _REMEMBERED)
    if facts is None or not _is_complete(facts):
        return None
    return facts if _same_module(facts, "manylinux-module", "_manylinux.py") else None


def _same_module(facts: "Facts", key: str, name: str) -> bool:
    """Return whether the first site directory that holds a module is still the one that held it when the probe looked.

    One `stat` for each directory, so that a `_manylinux` module which an administrator adds is heeded from the next command on.
    """
    told = tags.one(facts, key)
    for place in facts.get("site", ()):
        path = f"{place}/{name}"
        if path == told:
            return os.path.exists(path)
        if os.path.exists(path):
            return bool(told) and os.path.dirname(told) not in facts.get("site", ())
    return not told or os.path.exists(told)


# --- virtual environments without asking ----------------------------------------------------------------------------


def _derived(path: str, config_path: str, memory: "Memory", run: "Run", search: "Sequence[str]") -> "Facts | None":
    """Return the facts of a virtual environment's interpreter, made from those of its base; None when that is not safe.

    Safe is: a `bin/python` that is a link to an interpreter of the directory that `home` names, that interpreter is
    installed in the parent of `home`, it is the version that `pyvenv.cfg` tells, and no module in the site directories
    has a say.
    """
    root = os.path.dirname(os.path.dirname(path))
    if os.name == "nt" or os.path.dirname(config_path) != root:
        return None
    config = read_config(config_path)
    home = config.get("home", "")
    real = os.path.realpath(path)
    if not home or not os.path.isabs(home) or real.startswith(root + os.sep):
        return None
    base = _base_executable(home, real, os.path.basename(path))
    if not base or _config_path(base):
        return None
    try:
        known = _known(base, "", memory, run, search)
    except InterpreterError:
        return None  # asked itself, the environment may tell more
    if not _is_base(known, home, config):
        return None
    include_system = config.get("include-system-site-packages", "true").lower() == "true"
    facts = _as_environment(known, path, root, include_system)
    return facts if _is_plain(known, facts) else None


def _base_executable(home: str, real: str, name: str) -> str:
    for candidate in (os.path.basename(real), name):
        path = f"{home.rstrip(os.sep)}{os.sep}{candidate}"
        if os.path.realpath(path) == real:
            return path
    return ""


def _is_base(known: "Facts", home: str, config: "Mapping[str, str]") -> bool:
    """Return whether the facts are those of an installed interpreter in the directory and version that `pyvenv.cfg` names."""
    prefix = tags.one(known, "base-prefix")
    told = config.get("version_info") or config.get("version") or tags.one(known, "version")
    return (
        tags.one(known, "prefix") == prefix
        and os.path.normpath(home) == os.path.join(prefix, "bin")
        and told.split(".")[:2] == tags.one(known, "version").split(".")[:2]
        and not tags.one(known, "volatile")
    )


def _as_environment(known: "Facts", path: str, root: str, include_system: bool) -> "dict[str, Sequence[str]]":
    """Return the facts of a base interpreter, changed to those of a virtual environment."""
    facts = dict(known)
    sites = [place.replace(_ROOT, root) for place in known.get("venv-site", ())]
    if include_system:
        sites += known.get("venv-system-site", ())
    facts.update(
        {
            "executable": [path],
            "prefix": [root],
            "include-system": ["true" if include_system else "false"],
            "site": list(dict.fromkeys(sites)),
        }
    )
    for name in _SCHEME:
        facts["path-" + name] = [place.replace(_ROOT, root) for place in known["venv-path-" + name]]
    return facts


def _is_plain(known: "Facts", facts: "Facts") -> bool:
    """Return whether an environment is there, and nothing in its or its base's site directories changes the answer."""
    if not os.path.isdir(tags.one(facts, "path-purelib")):
        return False
    module = tags.one(known, "manylinux-module")
    if module and os.path.dirname(module) in known.get("site", ()):
        return False
    return not any(os.path.exists(f"{tags.one(facts, 'path-purelib')}/{name}") for name in _MEDDLERS)


# --- facts to nouns -------------------------------------------------------------------------------------------------


def _interpreter(facts: "Facts") -> Interpreter:
    """Return the noun for what the facts tell, with what may have changed since they were remembered."""
    major, minor, patch = tags.one(facts, "version").split(".")
    paths = {name: tags.one(facts, "path-" + name) for name in _SCHEME}
    prefix, base_prefix = tags.one(facts, "prefix"), tags.one(facts, "base-prefix")
    if prefix != base_prefix:
        # headers go where pip and uv put them: a directory of the environment, since `include` is the base's own
        paths["include"] = os.path.join(prefix, "include", "site", f"python{major}.{minor}")
    sites = [place for place in facts.get("site", ()) if os.path.isdir(place)]
    return Interpreter(
        executable=tags.one(facts, "executable"),
        version=(int(major), int(minor), int(patch)),
        implementation=tags.one(facts, "implementation"),
        prefix=prefix,
        base_prefix=base_prefix,
        base_executable=tags.one(facts, "base-executable"),
        paths=paths,
        sys_path=tuple(dict.fromkeys([*facts.get("standard", ()), *sites, *facts.get("added", ())])),
        markers=_markers(facts),
        tags=tags.compose(facts),
        externally_managed=_managed_marker(facts) if prefix == base_prefix else "",
        venv_paths=_venv_paths(facts),
    )


def _markers(facts: "Facts") -> "dict[str, str]":
    found = {name: tags.one(facts, "marker-" + name) for name in _MARKERS}
    if hasattr(os, "uname"):
        name = os.uname()
        if (
            found["platform_system"] == name.sysname
        ):  # a kernel update changes these, and nobody touches the interpreter
            found["platform_release"], found["platform_version"] = name.release, name.version
    return found


def _managed_marker(facts: "Facts") -> str:
    """Return the path of the marker file of PEP 668 when it is there: the administrator may have removed it since."""
    path = os.path.join(tags.one(facts, "path-stdlib"), "EXTERNALLY-MANAGED")
    return path if os.path.isfile(path) else ""


def _venv_paths(facts: "Facts") -> "dict[str, str]":
    """Return the scheme of a virtual environment made from this interpreter, relative to its root."""
    version = tags.one(facts, "version").split(".")
    found = {
        name: tags.one(facts, "venv-path-" + name).removeprefix(_ROOT).lstrip("/")
        for name in ("purelib", "platlib", "scripts", "data")
    }
    found["include"] = f"include/site/python{version[0]}.{version[1]}"
    return found
