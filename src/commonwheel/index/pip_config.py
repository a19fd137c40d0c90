"""What pip is configured with: its files and its variables, and at last the index that is built into it.

People who come from pip have told it where their packages are; nobody should have to say it twice. The files are read
as pip reads them (its sections, its order, its syntax), so that this costs some microseconds and no process. The
index that pip uses when nobody says anything is asked of an installed pip, by its own Python, once, and remembered for as
long as that pip stays the same. No address stands in this project.

Laws of this file: it reads and never writes configuration; what it read there may hold passwords and is never
remembered; a file that pip could not read either is an error, because the next index in line may be a stranger's.
"""

import os

from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.model import SafeUrl, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Final

    from commonwheel.index.index_cache import Pages
    from commonwheel.process import Finished

    Sections = dict[str, dict[str, str]]

_SECTIONS = ("global", "install", ":env:")
_TRUE = frozenset(("y", "yes", "t", "true", "on", "1"))
_FALSE = frozenset(("n", "no", "f", "false", "off", "0"))


class PipConfigurationError(UsageError):
    """A configuration file of pip cannot be read, or a value in it not be understood."""

    code = "pip-configuration"


class NoDefaultIndex(UsageError):
    """No index is configured, and no pip is installed whose default could be used."""

    code = "no-default-index"


class PipConfiguration(Value):
    """What pip's files and variables say, "" or empty where they are silent; `origins` has the place of each option."""

    __slots__ = (
        "certificates", "client_certificate", "extra_index_urls", "find_links", "index_url", "no_index", "origins", "proxy",
        "trusted_hosts",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what pip's users can say
        self,
        *,
        index_url: SafeUrl | None = None,
        extra_index_urls: tuple[SafeUrl, ...] = (),
        find_links: tuple[str, ...] = (),
        no_index: bool = False,
        certificates: str = "",
        client_certificate: str = "",
        proxy: str = "",
        trusted_hosts: tuple[str, ...] = (),
        origins: "Mapping[str, str] | None" = None,
    ) -> None:
        self.index_url: Final = index_url
        self.extra_index_urls: Final = extra_index_urls
        self.find_links: Final = find_links
        self.no_index: Final = no_index
        self.certificates: Final = certificates
        self.client_certificate: Final = client_certificate
        self.proxy: Final = proxy
        self.trusted_hosts: Final = trusted_hosts
        self.origins: Final[Mapping[str, str]] = origins or {}


def files(environ: "Mapping[str, str]", prefixes: "Sequence[str]" = ()) -> tuple[str, ...]:
    """Return the configuration files that pip would read, the last one outweighing those before it.

    `prefixes` are the environments whose own file counts (pip's is that of the environment it runs in).
    """
    redirected = environ.get("PIP_CONFIG_FILE")
    if redirected == os.devnull:
        return ()
    home = environ.get("HOME") or os.path.expanduser("~")
    shared = (environ.get("XDG_CONFIG_DIRS") or "").strip() or "/etc/xdg"
    found = [f"{directory.rstrip('/')}/pip/pip.conf" for directory in shared.split(os.pathsep) if directory]
    found.append("/etc/pip.conf")
    if not (redirected and os.path.exists(redirected)):
        user = (environ.get("XDG_CONFIG_HOME") or "").strip() or f"{home}/.config"
        found += (f"{home}/.pip/pip.conf", f"{user}/pip/pip.conf")
    found.extend(f"{prefix}/pip.conf" for prefix in prefixes)
    if redirected:
        found.append(redirected)
    return tuple(found)


def configured(environ: "Mapping[str, str]", prefixes: "Sequence[str]" = ()) -> PipConfiguration:
    """Return what pip is configured with; raise PipConfigurationError."""
    values: Sections = {name: {} for name in _SECTIONS}
    places: Sections = {name: {} for name in _SECTIONS}
    for path in files(environ, prefixes):
        for section, options in _read(path).items():
            if section in values:
                values[section].update(options)
                places[section].update(dict.fromkeys(options, path))
    for variable, value in environ.items():
        if variable.startswith("PIP_"):
            name = _option(variable[4:])
            values[":env:"][name] = value
            places[":env:"][name] = variable
    merged: dict[str, str] = {}
    origins: dict[str, str] = {}
    for section in _SECTIONS:
        for name, value in values[section].items():
            if value:  # pip lets an empty value of one place unset that of an earlier one in its section
                merged[name] = value
                origins[name] = places[section][name]
    return _configuration(merged, origins)


def _configuration(said: dict[str, str], origins: dict[str, str]) -> PipConfiguration:
    index = said.get("index-url") or said.get("pypi-url") or ""
    return PipConfiguration(
        index_url=SafeUrl(index) if index else None,
        extra_index_urls=tuple(map(SafeUrl, said.get("extra-index-url", "").split())),
        find_links=tuple(map(os.path.expanduser, said.get("find-links", "").split())),
        no_index=_truth(said.get("no-index", ""), origins.get("no-index", "")),
        certificates=os.path.expanduser(said.get("cert", "")),
        client_certificate=os.path.expanduser(said.get("client-cert", "")),
        proxy=said.get("proxy", ""),
        trusted_hosts=tuple(said.get("trusted-host", "").split()),
        origins=origins,
    )


def _truth(text: str, origin: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word and word not in _FALSE:
        raise PipConfigurationError(
            f"pip's option `no-index` is `{text}`, which is neither yes nor no", context=(f"it comes from `{origin}`",)
        )
    return False


def _option(name: str) -> str:
    """Return an option's name as pip compares it."""
    return name.strip().lower().replace("_", "-").removeprefix("--")


def _read(path: str) -> "Sections":
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except OSError as error:
        raise PipConfigurationError(
            f"cannot read pip's configuration file `{path}`: {error.strerror}",
            hint="make it readable, or set `PIP_CONFIG_FILE` to another file (`/dev/null` for none)",
        ) from error
    try:
        return parse(str(data, "utf-8-sig"))
    except ValueError as error:
        raise PipConfigurationError(
            f"cannot understand pip's configuration file `{path}`: {error}",
            hint="correct it (pip refuses it, too), or set `PIP_CONFIG_FILE` to another file (`/dev/null` for none)",
        ) from error


def parse(text: str) -> "Sections":
    """Read the syntax of `configparser`, which costs 12 ms to import; raise ValueError for what it refuses.

    Sections in brackets; `name = value` or `name: value`; lines that are indented deeper continue a value; a whole line
    after `#` or `;` is a comment; names go by `_option`; `[DEFAULT]` holds for all sections.
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            reader.take(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return reader.sections()


class _Reader:
    """Take the lines of a configuration file one by one."""

    __slots__ = ("_found", "_indent", "_lines", "_section")

    def __init__(self) -> None:
        self._found: dict[str, dict[str, list[str]]] = {}
        self._section: dict[str, list[str]] | None = None
        self._lines: list[str] | None = None
        self._indent = 0

    def take(self, line: str) -> None:
        value = line.strip()
        if value.startswith(("#", ";")):
            return
        if not value:
            if self._lines is not None:
                self._lines.append("")
            return
        indent = len(line) - len(line.lstrip())
        if self._lines is not None and indent > self._indent:
            self._lines.append(value)
            return
        self._indent = indent
        if value.startswith("[") and "]" in value:
            self._begin(value[1 : value.rindex("]")])
        else:
            self._option(value)

    def _begin(self, name: str) -> None:
        if not name:
            raise ValueError("a section needs a name")
        if name in self._found and name != "DEFAULT":
            raise ValueError(f"the section `{name}` is there already")
        self._section = self._found.setdefault(name, {})
        self._lines = None

    def _option(self, text: str) -> None:
        if self._section is None:
            raise ValueError("a section in brackets is expected first")
        cuts = [at for at in (text.find("="), text.find(":")) if at >= 0]
        if not cuts or not text[: min(cuts)].strip():
            raise ValueError(f"`{text}` is no `name = value`")
        name = _option(text[: min(cuts)])
        if name in self._section:
            raise ValueError(f"the option `{name}` is there already")
        self._lines = self._section[name] = [text[min(cuts) + 1 :].strip()]

    def sections(self) -> "Sections":
        """Return what was read; what is in no section of its own holds for all."""
        texts = {
            section: {name: "\n".join(lines).rstrip() for name, lines in options.items()}
            for section, options in self._found.items()
        }
        shared = texts.pop("DEFAULT", {})
        return {section: {**shared, **options} for section, options in texts.items()}


# --- the index that is built into pip ---------------------------------------------------------------------------------

_KEY = "pip-index"
_HEAD = "cw-pip-index 1"
_PATIENCE = 60.0
# Asked of pip's own Python. Where no pip is installed, the one that `ensurepip` would install knows as well.
_QUESTION = """\
import sys
def answer(path=None):
    from pip._internal.models import index
    print(path or index.__file__)
    print(index.PyPI.simple_url)
try:
    answer()
except ImportError:
    import ensurepip, glob, os
    places = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")]
    places.append(getattr(ensurepip, "_WHEEL_PKG_DIR", None))
    for wheel in sorted(w for p in places if p for w in glob.glob(os.path.join(p, "pip-*.whl"))):
        sys.path.insert(0, wheel)
        answer(wheel)
        break
"""


def built_in(
    memory: "Pages",
    run: "Callable[[Sequence[str], float], Finished]",
    interpreters: "Sequence[str]",
    environ: "Mapping[str, str]",
) -> SafeUrl:
    """Return the index that an installed pip uses when nothing is configured; raise NoDefaultIndex.

    `interpreters` are asked first, in their order; then those of the `pip` and the Pythons on PATH. `run` runs a program
    with a limit in seconds. The answer is remembered while the asked interpreter and that pip stay as they are.
    """
    candidates = tuple(dict.fromkeys((*interpreters, *_on_path(environ.get("PATH", "")))))
    remembered = _recall(memory.get("defaults", _KEY), candidates)
    if remembered:
        return SafeUrl(remembered)
    tried = []
    for interpreter in candidates:
        try:
            finished = run((interpreter, "-I", "-B", "-c", _QUESTION), _PATIENCE)
        except CommonwheelError as error:
            tried.append(f"`{interpreter}`: {error.message}")
            continue
        lines = finished.stdout.decode("utf-8", "surrogateescape").split()
        if finished.code == 0 and len(lines) == 2 and "://" in lines[1]:  # noqa: PLR2004 - a path and a URL
            _remember(memory, interpreter, *lines)
            return SafeUrl(lines[1])
        tried.append(f"`{interpreter}` has no pip")
    raise NoDefaultIndex(
        "no package index is configured, and no pip is installed whose default could be used",
        context=tried,
        hint="name the index: `--default-index URL`, `CW_DEFAULT_INDEX`, or `default-index` in the settings",
    )


def _on_path(path: str) -> "Iterable[str]":
    """Return the Pythons behind `pip` and `pip3` on PATH, then `python3`."""
    directories = [directory for directory in path.split(os.pathsep) if directory.startswith("/")]
    for name in ("pip", "pip3"):
        for directory in directories:
            interpreter = _shebang(f"{directory}/{name}")
            if interpreter:
                yield interpreter
    for directory in directories:
        if os.access(f"{directory}/python3", os.X_OK):
            yield f"{directory}/python3"


def _shebang(script: str) -> str:
    """Return the interpreter of a script, or ""."""
    try:
        with open(script, "rb") as file:
            line, _, second = file.read(512).partition(b"\n")
    except OSError:
        return ""
    words = line[2:].split() if line.startswith(b"#!") else []
    if words[:1] == [b"/bin/sh"] and second.startswith(b"'''exec' "):  # a path too long or with blanks in it
        words = [second[len(b"'''exec' ") :].split(b'"')[1]] if b'"' in second else second.split()[1:2]
    if words[:1] == [b"/usr/bin/env"]:
        return ""
    interpreter = os.fsdecode(words[0]) if words else ""
    return interpreter if "python" in os.path.basename(interpreter) and os.access(interpreter, os.X_OK) else ""


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _remember(memory: "Pages", interpreter: str, file: str, url: str) -> None:
    lines = (_HEAD, interpreter, _stamp(interpreter), file, _stamp(file), url)
    memory.put("defaults", _KEY, "\n".join(lines).encode("utf-8", "surrogateescape"))


def _recall(data: bytes | None, candidates: "Sequence[str]") -> str:
    """Return the remembered answer if the pip that gave it is unchanged and would be the one to ask again, else ""."""
    lines = (data or b"").decode("utf-8", "surrogateescape").split("\n")
    if len(lines) != 6 or lines[0] != _HEAD or lines[1] not in candidates:  # noqa: PLR2004 - as `_remember` writes it
        return ""
    _, interpreter, stamp, file, file_stamp, url = lines
    same = stamp and file_stamp and _stamp(interpreter) == stamp and _stamp(file) == file_stamp
    return url if same and "://" in url else ""
