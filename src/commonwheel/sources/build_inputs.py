"""What builds are made with: backend settings, isolation, what forbids them; and the key that all of it makes.

Lean, since a warm installation asks for the key of a wheel that was built before, and builds nothing.
"""

from commonwheel.model import PathSource
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from commonwheel.model import Interpreter, Requirement, UrlSource, VcsSource
    from commonwheel.settings.settings import Settings

    BackendSettings = dict[str, object]

# What compilers and backends take from the environment, and what the wheel is then made of.
_MEANT = frozenset(
    (
        "AR", "ARCHFLAGS", "CARGO_BUILD_TARGET", "CC", "CFLAGS", "CMAKE_ARGS", "CMAKE_GENERATOR", "CPPFLAGS", "CXX", "CXXFLAGS",
        "FC", "FFLAGS", "LDFLAGS", "LDSHARED", "MACOSX_DEPLOYMENT_TARGET", "MATURIN_PEP517_ARGS", "RUSTFLAGS", "SKBUILD_CMAKE_ARGS",
        "SETUPTOOLS_EXT_SUFFIX", "SETUPTOOLS_USE_DISTUTILS", "_PYTHON_HOST_PLATFORM",
    )
)  # fmt: skip
_MEANT_STARTS = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PDM_BUILD_SCM_VERSION", "SKBUILD_")


def place_of(source: "UrlSource | VcsSource | PathSource") -> str:
    """Return where a source is, as a text that cannot be the name of a project."""
    return source.path if isinstance(source, PathSource) else source.url.bare


class BuildInputs:
    """What builds are made with: settings of backends, constraints, isolation, variables, and the interpreter.

    `config_settings` are those that lines of requirements files give: (requirement, key, value). `interpreter` finds the
    interpreter that builds are made with, when it is first asked for.
    """

    def __init__(
        self,
        settings: "Settings",
        environ: "Mapping[str, str]",
        interpreter: "Callable[[], Interpreter]",
        config_settings: "tuple[tuple[Requirement, str, str], ...]" = (),
        constraints: "tuple[Requirement, ...]" = (),
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._interpreter = interpreter
        self._config_settings = config_settings
        self.constraints: Final = constraints

    @property
    def interpreter(self) -> "Interpreter":
        """Return the interpreter that builds are made with."""
        return self._interpreter()

    def settings(self) -> "tuple[BackendSettings, dict[str, BackendSettings]]":
        """Return the backend settings for all projects, and those of single ones by name or place; a repeated key makes a list."""
        whole: BackendSettings = {}
        for text in self._settings.many("config-settings"):
            _add(whole, *_pair(text))
        single: dict[str, BackendSettings] = {}
        for text in self._settings.many("config-settings-package"):
            name, _, rest = text.partition(":")
            _add(single.setdefault(normalize(name.strip()), {}), *_pair(rest))
        for requirement, key, value in self._config_settings:
            _add(single.setdefault(_about(requirement), {}), key, value)
        return whole, single

    def open_packages(self) -> "frozenset[str]":
        """Return the names of projects that are built without isolation."""
        return frozenset(map(normalize, self._settings.many("no-build-isolation-package")))

    def forbidden(self, name: str) -> str | None:
        """Return why a source must not be built, None when it may; editable projects always may, and are not asked for."""
        if self._settings.flag("no-build"):
            return "`--no-build` forbids it"
        if name and name in map(normalize, self._settings.many("no-build-package")):
            return f"`--no-build-package {name}` forbids it"
        return None

    def key(self, name: str, place: str = "") -> str:
        """Return what a built wheel depends on beside its source: interpreter, settings, constraints, isolation, compiler flags."""
        whole, single = self.settings()
        interpreter = self.interpreter
        words = [interpreter.tags[0] if interpreter.tags else "", interpreter.markers.get("python_full_version", "")]
        chosen = {**whole, **single.get(name, {}), **single.get(place, {})}
        words += [f"{setting}={value}" for setting, value in sorted(chosen.items())]
        words += [str(constraint) for constraint in self.constraints]
        if self._settings.flag("no-build-isolation") or name in self.open_packages():
            words.append(f"in {interpreter.prefix}")
        return " ".join([*words, *_flags(self._environ)])


def _about(requirement: "Requirement") -> str:
    return requirement.name or (place_of(requirement.source) if requirement.source is not None else "")


def _pair(text: str) -> "tuple[str, str]":
    key, _, value = text.partition("=")
    return key.strip(), value


def _add(into: "BackendSettings", key: str, value: str) -> None:
    before = into.get(key)
    if before is None:
        into[key] = value
    else:
        into[key] = [*before, value] if isinstance(before, list) else [before, value]


def _flags(environ: "Mapping[str, str]") -> "list[str]":
    return [f"{name}={environ[name]}" for name in sorted(environ) if name in _MEANT or name.startswith(_MEANT_STARTS)]
