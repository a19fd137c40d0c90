"""What builds are made with: backend settings, isolation, what forbids them; and the key that all of it makes.

Lean, since a warm installation asks for the key of a wheel that was built before, and builds nothing.
"""

from commonwheel.model import PathSource
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.model import Requirement, UrlSource, VcsSource
    from commonwheel.road.parts import Parts

    Settings = dict[str, object]

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


def settings(parts: "Parts") -> "tuple[Settings, dict[str, Settings]]":
    """Return the backend settings for all projects, and those of single ones by name or place; a repeated key makes a list."""
    whole: Settings = {}
    for text in parts.settings.many("config-settings"):
        _add(whole, *_pair(text))
    single: dict[str, Settings] = {}
    for text in parts.settings.many("config-settings-package"):
        name, _, rest = text.partition(":")
        _add(single.setdefault(normalize(name.strip()), {}), *_pair(rest))
    for requirement, key, value in parts.config_settings:
        _add(single.setdefault(_about(requirement), {}), key, value)
    return whole, single


def _about(requirement: "Requirement") -> str:
    return requirement.name or (place_of(requirement.source) if requirement.source is not None else "")


def _pair(text: str) -> "tuple[str, str]":
    key, _, value = text.partition("=")
    return key.strip(), value


def _add(into: "Settings", key: str, value: str) -> None:
    before = into.get(key)
    if before is None:
        into[key] = value
    else:
        into[key] = [*before, value] if isinstance(before, list) else [before, value]


def open_packages(parts: "Parts") -> "frozenset[str]":
    """Return who is built without isolation, by name."""
    return frozenset(map(normalize, parts.settings.many("no-build-isolation-package")))


def forbidden(parts: "Parts", name: str) -> str | None:
    """Return why a source must not be built, None when it may; editable projects always may, and nobody asks."""
    if parts.settings.flag("no-build"):
        return "`--no-build` forbids it"
    if name and name in map(normalize, parts.settings.many("no-build-package")):
        return f"`--no-build-package {name}` forbids it"
    return None


def key(parts: "Parts", name: str, place: str = "") -> str:
    """Return what a built wheel depends on beside its source: interpreter, settings, constraints, isolation, flags of compilers."""
    whole, single = settings(parts)
    interpreter = parts.build_interpreter
    words = [interpreter.tags[0] if interpreter.tags else "", interpreter.markers.get("python_full_version", "")]
    chosen = {**whole, **single.get(name, {}), **single.get(place, {})}
    words += [f"{setting}={value}" for setting, value in sorted(chosen.items())]
    words += [str(constraint) for constraint in parts.build_constraints]
    if parts.settings.flag("no-build-isolation") or name in open_packages(parts):
        words.append(f"in {interpreter.prefix}")
    return " ".join([*words, *_flags(parts.environ)])


def _flags(environ: "Mapping[str, str]") -> "list[str]":
    return [f"{name}={environ[name]}" for name in sorted(environ) if name in _MEANT or name.startswith(_MEANT_STARTS)]
