"""Every setting: its names, its value, and where the value came from.

One table, `OPTIONS`, is the whole surface: the command line, the variables, the keys of configuration files, `--help`,
`cw config`, completion and `docs/reference.md` are all read off it, so they cannot disagree.

Precedence, highest first: the command line; `CW_X`; `UV_X` (so that scripts written for uv work unchanged, except for
the cache directory: `uv cache clean` must never empty our store); the project's `cw.toml` or `[tool.cw]`; the
same directory's `uv.toml` or `[tool.uv]` for the keys marked so; the user's file; the system's file. Scalars: the first
wins. Lists from files are joined, project first.

A project says what to install and from where. It does not say whom to trust, which stores to use, or what not to verify (`PERSONAL`):
that is for the user, the system, a variable or the command line, and ignored with a warning in a project's files. Files that another
user left on the way up are passed over (`fs.start`).

Laws of this file: it parses no TOML itself (a reader is handed in, because `tomllib` costs as much as a whole no-op
install), and it opens only configuration files, through a finder that is handed in.
"""

import os

from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.settings.files import outer_files, project_files, speaks
from commonwheel.settings.options import OPTIONS, PERSONAL, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Final, Protocol

    Reader = Callable[[str, str], dict[str, object]]

    class Finder(Protocol):
        """Open configuration files (`session.Finder` is the real one)."""

        def project(self, path: str, trusted: Sequence[str], matters: Callable[[bytes], bool]) -> bytes | None:
            """Return the content of a file at or above the directory that the user started in, None if it is not there or does not count."""

        def own(self, path: str) -> bytes | None:
            """Return the content of a file of the user's or the system's configuration, None if it is not there or does not count."""

        def warn(self, message: str) -> None:
            """Hear what is ignored."""


_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})
_FALSE = frozenset({"0", "false", "no", "off", "f", "n", ""})


class ConfigError(UsageError):
    """A configuration file or variable holds what no setting takes."""

    code = "bad-configuration"


class Setting(Value):
    """A value and where it came from, as a person would say it."""

    __slots__ = ("source", "value")

    def __init__(self, value: object, source: str) -> None:
        self.value: Final = value
        self.source: Final = source


class Parsed(Value):
    """Positional words, and a value for each option that was given (key of `OPTIONS` -> value)."""

    __slots__ = ("given", "positional")

    def __init__(self, positional: "tuple[str, ...]", given: "Mapping[str, object]") -> None:
        self.positional: Final = positional
        self.given: Final = given


class _Nothing:
    """Find no configuration files: for settings that stand alone."""

    def project(self, path: str, trusted: "Sequence[str]", matters: "Callable[[bytes], bool]") -> bytes | None:
        """Find nothing."""

    def own(self, path: str) -> bytes | None:
        """Find nothing."""

    def warn(self, message: str) -> None:
        """Pass a warning over."""


class Settings:
    """Answer for every key of `OPTIONS` with a value and its source; read files only when first asked."""

    def __init__(
        self,
        given: "Mapping[str, object]",
        environ: "Mapping[str, str]",
        cwd: str,
        read_toml: "Reader",
        *,
        pip_interface: bool = False,
        finder: "Finder | None" = None,
    ) -> None:
        self.finder = finder or _Nothing()
        self.environ: Final = environ
        self.cwd: Final = cwd
        self._given = given
        self._read_toml = read_toml
        self._pip_interface = pip_interface
        self._files: list[tuple[str, dict[str, object], bool]] | None = None
        self._memo: dict[str, Setting] = {}

    def flag(self, key: str) -> bool:
        """Return a flag, False when nobody set it."""
        return bool(self.setting(key).value)

    def is_set(self, key: str) -> bool:
        """Return whether anybody set the key at all."""
        return self.setting(key).value is not None

    def count(self, key: str) -> int:
        """Return how often a counted option was given."""
        value = self.setting(key).value
        return value if isinstance(value, int) else 0

    def text(self, key: str) -> str | None:
        """Return a text or path, None when nobody set it."""
        value = self.setting(key).value
        return value if isinstance(value, str) else None

    def number(self, key: str) -> float | None:
        """Return a number, None when nobody set it."""
        value = self.setting(key).value
        return float(value) if isinstance(value, (int, float)) else None

    def many(self, key: str) -> "tuple[str, ...]":
        """Return the values of a list option, () when nobody set it."""
        value = self.setting(key).value
        return tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else ()

    def source(self, key: str) -> str:
        """Return where the value of `key` came from."""
        return self.setting(key).source

    def setting(self, key: str) -> Setting:
        """Return the value and source of `key`.

        Raises ConfigError when a variable or file holds what the option cannot take.
        """
        known = self._memo.get(key)
        if known is None:
            known = self._memo[key] = self._look_up(OPTIONS[key])
        return known

    def table(self, key: str) -> "list[tuple[dict[str, object], str]]":
        """Return the tables `[[key]]` or `[key]` of all files with their file's path, project first."""
        found: list[tuple[dict[str, object], str]] = []
        for path, content, _ in self.files():
            value = content.get(key)
            if isinstance(value, dict):
                found.append((value, path))
            elif isinstance(value, list):
                found += [(item, path) for item in value if isinstance(item, dict)]
        return found

    def files(self) -> "list[tuple[str, dict[str, object], bool]]":
        """Return the configuration files that were read: path, content, and whether it is one of uv's."""
        if self._files is None:
            self._files = self._read_files()
        return self._files

    def at(self, directory: str, finder: "Finder") -> "Settings":
        """Return the settings as they are for a command that starts in another directory."""
        return Settings(
            self._given, self.environ, directory, self._read_toml, pip_interface=self._pip_interface, finder=finder
        )

    def lay_over(self, path: str, tools: "Mapping[str, object]") -> None:
        """Let the `[tool]` tables of a script count before configuration files; `path` names it."""
        inner: list[tuple[str, dict[str, object], bool]] = []
        for name in ("cw", "uv"):
            table = tools.get(name)
            if isinstance(table, dict):
                content = dict(table)
                self._leave_out(path, content, is_uv=name == "uv")
                inner.append((path, content, name == "uv"))
        self._files = inner + self.files()
        self._memo.clear()

    def _look_up(self, option: Option) -> Setting:
        if option.key in self._given:
            return Setting(self._given[option.key], "command line")
        for name in option.variables:
            prefixes = ("CW_", "UV_") if option.uv else ("CW_",)
            for prefix in prefixes:
                text = self.environ.get(prefix + name)
                if text:
                    return Setting(_from_text(option, text, prefix + name), f"variable {prefix}{name}")
        if option.config or option.from_uv:
            return self._from_files(option)
        return Setting(None, "default")

    def _from_files(self, option: Option) -> Setting:
        joined: list[object] = []
        places: list[str] = []
        for path, content, is_uv in self.files():
            key = option.from_uv if is_uv else option.config
            value = content.get(key) if key else None
            if value is None:
                continue
            if key == "exclude-newer" and value is False:
                return Setting(None, path)
            value = _from_file(option, value, path)
            if not option.many:
                return Setting(value, path)
            if isinstance(value, list):
                joined += value
                places.append(path)
        return Setting(joined, ", ".join(places)) if places else Setting(None, "default")

    def _read_files(self) -> "list[tuple[str, dict[str, object], bool]]":
        given = (
            self._given.get("config-file") or self.environ.get("CW_CONFIG_FILE") or self.environ.get("UV_CONFIG_FILE")
        )
        if isinstance(given, str):
            path = os.path.join(self.cwd, given)
            beside = os.path.join(os.path.dirname(path), "uv.toml")
            return list(self._tables(path, self._named(path), silenced=os.path.isfile(beside)))
        if self._given.get("no-config") or _switched(
            self.environ.get("CW_NO_CONFIG") or self.environ.get("UV_NO_CONFIG")
        ):
            return []
        outer: list[tuple[str, dict[str, object], bool]] = []
        for path in outer_files(self.environ):
            data = self.finder.own(path)
            if data is not None:
                outer += self._tables(path, self._parsed(path, data))
        # whom the user trusts has to be known before a file of a project is opened
        self._files = outer
        trusted = self._look_up(OPTIONS["trust"]).value
        names = [str(name) for name in trusted] if isinstance(trusted, (list, tuple)) else []
        inner: list[tuple[str, dict[str, object], bool]] = []
        present = project_files(
            self.cwd, lambda path: self.finder.project(path, names, lambda data: speaks(path, data))
        )
        silenced = any(path.endswith("uv.toml") for path, _ in present)
        for path, data in present:
            inner += self._tables(path, self._parsed(path, data), silenced=silenced)
        for path, content, is_uv in inner:
            self._leave_out(path, content, is_uv=is_uv)
        return inner + outer

    def _leave_out(self, path: str, content: "dict[str, object]", *, is_uv: bool) -> None:
        """Drop from what a project's file says what is not for a project to decide."""
        for key in PERSONAL:
            option = OPTIONS[key]
            name = option.from_uv if is_uv else option.config
            if name and content.pop(name, None) is not None:
                self.finder.warn(
                    f"`{name}` in `{path}` is ignored: a project does not decide that (set it in the user's cw.toml, with a variable, "
                    f"or pass `{option.flags[0]}`)"
                )

    def _tables(
        self, path: str, content: "dict[str, object]", *, silenced: bool = False
    ) -> "Iterator[tuple[str, dict[str, object], bool]]":
        """Yield what a file says for us, and what it says for uv; as in uv, a uv.toml beside it silences the table of the project file."""
        if not path.endswith("pyproject.toml"):
            yield path, self._flattened(content), os.path.basename(path) == "uv.toml"
            return
        tool = content.get("tool")
        tool = tool if isinstance(tool, dict) else {}
        for name in ("cw",) if silenced else ("cw", "uv"):
            if isinstance(tool.get(name), dict):
                yield path, self._flattened(tool[name]), name == "uv"

    def _named(self, path: str) -> "dict[str, object]":
        """Return what a file says that the user named."""
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except OSError as error:
            raise ConfigError(f"the configuration file `{path}` cannot be read: {error.strerror}") from error
        return self._parsed(path, data)

    def _parsed(self, path: str, data: bytes) -> "dict[str, object]":
        try:
            return self._read_toml(data.decode(), path)
        except UnicodeDecodeError as error:
            raise ConfigError(f"the configuration file `{path}` is not UTF-8") from error

    def _flattened(self, content: "dict[str, object]") -> "dict[str, object]":
        """Lay the `[pip]` table over the rest for the `pip` commands, as uv does."""
        pip = content.get("pip")
        if self._pip_interface and isinstance(pip, dict):
            return {**content, **pip}
        return dict(content)


def _switched(text: str | None) -> bool:
    return text is not None and text.lower() not in _FALSE


def _from_text(option: Option, text: str, name: str) -> object:
    """Turn the text of a variable into what the option holds."""
    if option.kind in ("flag", "count"):
        lowered = text.lower()
        if lowered not in _TRUE and lowered not in _FALSE:
            raise ConfigError(
                f"the variable `{name}` is `{text}`, but it is a switch",
                hint=f"set {name}=1 or {name}=0",
            )
        return lowered in _TRUE
    if option.kind == "number":
        return _number(text, f"the variable `{name}`")
    if option.many:
        if option.key == "no-binary" and text.lower() in _TRUE | _FALSE:
            return [":all:"] if text.lower() in _TRUE else []  # uv's UV_NO_BINARY is a switch
        for separator in option.separators[1:]:
            text = text.replace(separator, option.separators[0])
        return [item for item in text.split(option.separators[0]) if item]
    return _chosen(option, text, f"the variable `{name}`")


def _from_file(option: Option, value: object, path: str) -> object:
    where = f"`{option.config or option.from_uv}` in `{path}`"
    if option.many:
        if isinstance(value, dict):
            return [f"{name}={'false' if item is False else item}" for name, item in value.items()]
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
            return [_beside(option, str(item), path) for item in value]
        raise ConfigError(f"{where} must be a list of texts")
    if option.kind == "flag":
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{where} must be true or false")
    if option.kind == "number":
        return _number(str(value), where)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return _chosen(option, _beside(option, str(value), path), where)
    raise ConfigError(f"{where} must be a text")


def _beside(option: Option, text: str, path: str) -> str:
    """Make a path of a file absolute: it is meant beside the file that names it."""
    if option.kind not in ("path", "paths"):
        return text
    return os.path.join(os.path.dirname(path), os.path.expanduser(os.path.expandvars(text)))


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{where} is `{text}`, which is not a number") from error


def _chosen(option: Option, text: str, where: str) -> str:
    if option.choices and text not in option.choices:
        raise ConfigError(f"{where} is `{text}`", hint=f"choose one of {', '.join(option.choices)}")
    return text


def checked(option: Option, words: "Sequence[str]", spelling: str) -> object:
    """Turn words of the command line into what the option holds; raises ConfigError."""
    text = words[-1]
    if option.kind == "number":
        return _number(text, f"`{spelling}`")
    if option.many:
        return list(words)
    return _chosen(option, text, f"`{spelling}`")
