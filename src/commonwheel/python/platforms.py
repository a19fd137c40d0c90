"""Targets other than the interpreter at hand: `--python-version 3.9`, `--python-platform aarch64-apple-darwin`.

Names, versions and marker values are those of uv, so that a file compiled by either is the same. Only commands that are asked
for another target import this.

Laws of this file: text in, values out.
"""

from commonwheel.errors import UsageError
from commonwheel.model import Interpreter, Target, Value
from commonwheel.python.tags import (
    LEGACY,
    android_platforms,
    compatible,
    ios_platforms,
    mac_platforms,
    manylinux,
    musllinux,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final


class UnknownPlatform(UsageError):
    """A `--python-platform` names nothing known."""

    code = "unknown-platform"


def target(
    interpreter: Interpreter, python_version: str = "", platform: str = "", environ: "Mapping[str, str] | None" = None
) -> Target:
    """Return what to resolve for when the command line names another version, another platform, or both ("" for neither).

    `environ` may set the versions of Apple's systems and of Android (see `named`). Raises UnknownPlatform and UsageError.
    """
    other = named(platform, environ or {}) if platform else None
    return retarget(interpreter.target, python_version, other)


class Platform(Value):
    """What a name such as `aarch64-apple-darwin` stands for: platform tags, best first, and marker values."""

    __slots__ = ("markers", "tags")

    def __init__(self, tags: "tuple[str, ...]", markers: "Mapping[str, str]") -> None:
        self.tags: Final = tags
        self.markers: Final = markers


_ALIASES = {
    "linux": "x86_64-unknown-linux-gnu",
    "macos": "aarch64-apple-darwin",
    "windows": "x86_64-pc-windows-msvc",
}
_WINDOWS = {"x86_64": ("AMD64", "win_amd64"), "aarch64": ("ARM64", "win_arm64"), "i686": ("x86", "win32")}
_APPLE = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64"}
_IOS = {
    "arm64-apple-ios": "arm64_iphoneos",
    "arm64-apple-ios-simulator": "arm64_iphonesimulator",
    "x86_64-apple-ios-simulator": "x86_64_iphonesimulator",
}
_ANDROID = {"aarch64": "arm64_v8a", "x86_64": "x86_64"}
_PYODIDE = {"wasm32-pyodide2024": ("2024_0", "3.1.58"), "wasm32-pyodide2025": ("2025_0", "4.0.9")}
# What uv takes the bare names for.
_GLIBC, _GLIBC_RISCV, _MUSL, _MACOS, _IOS_VERSION, _ANDROID_LEVEL = (2, 28), (2, 39), (1, 2), (13, 0), (13, 0), 24


def named(name: str, environ: "Mapping[str, str]") -> Platform:
    """Return the platform that uv's names stand for; any `ARCH-manylinux_X_Y` and `ARCH-musllinux_X_Y` is one too.

    `MACOSX_DEPLOYMENT_TARGET`, `IPHONEOS_DEPLOYMENT_TARGET` and `ANDROID_API_LEVEL` set versions. Raises UnknownPlatform.
    """
    known = _ALIASES.get(name, name)
    arch, _, rest = known.partition("-")
    found = (
        _linux_named(arch, rest) or _apple_named(known, arch, rest, environ) or _other_named(known, arch, rest, environ)
    )
    if found is None:
        raise UnknownPlatform(
            f"`{name}` is not a known platform",
            hint="use `linux`, `macos`, `windows`, or for example `aarch64-unknown-linux-gnu`, `x86_64-manylinux_2_28`",
        )
    return found


def _markers(os_name: str, machine: str, system: str, sys_platform: str) -> "dict[str, str]":
    return {
        "os_name": os_name,
        "platform_machine": machine,
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "sys_platform": sys_platform,
    }


def _linux_named(arch: str, rest: str) -> Platform | None:
    names: Iterable[str]
    if rest in ("unknown-linux-gnu", "unknown-linux"):
        names = manylinux(_GLIBC_RISCV if arch == "riscv64" else _GLIBC, (arch,))
    elif rest == "unknown-linux-musl":
        names = musllinux(_MUSL, (arch,))
    elif rest in ("manylinux1", "manylinux2010", "manylinux2014"):
        names = manylinux(next(version for version, label in LEGACY.items() if label == rest), (arch,))
    elif rest.startswith(("manylinux_", "musllinux_")):
        family, _, digits = rest.partition("_")
        major, _, minor = digits.partition("_")
        if not (major.isdigit() and minor.isdigit()):
            return None
        names = (manylinux if family == "manylinux" else musllinux)((int(major), int(minor)), (arch,))
    else:
        return None
    return Platform((f"linux_{arch}", *names), _markers("posix", arch, "Linux", "linux"))


def _apple_named(name: str, arch: str, rest: str, environ: "Mapping[str, str]") -> Platform | None:
    if rest == "apple-darwin" and arch in _APPLE:
        version = _version_of(environ.get("MACOSX_DEPLOYMENT_TARGET", ""), _MACOS)
        machine = _APPLE[arch]
        return Platform(tuple(mac_platforms(version, machine)), _markers("posix", machine, "Darwin", "darwin"))
    if name in _IOS:
        version = _version_of(environ.get("IPHONEOS_DEPLOYMENT_TARGET", ""), _IOS_VERSION)
        return Platform(tuple(ios_platforms(version, _IOS[name])), _markers("posix", arch, "iOS", "ios"))
    return None


def _other_named(name: str, arch: str, rest: str, environ: "Mapping[str, str]") -> Platform | None:
    if rest == "pc-windows-msvc" and arch in _WINDOWS:
        machine, tag = _WINDOWS[arch]
        return Platform((tag,), _markers("nt", machine, "Windows", "win32"))
    if rest == "linux-android" and arch in _ANDROID:
        level = environ.get("ANDROID_API_LEVEL", "")
        tags = android_platforms(int(level) if level.isdigit() else _ANDROID_LEVEL, _ANDROID[arch])
        return Platform(tuple(tags), _markers("posix", arch, "Android", "android"))
    if name in _PYODIDE:
        year, release = _PYODIDE[name]
        markers = _markers("posix", "wasm32", "Emscripten", "emscripten")
        # Emscripten's C library says `#1` for its version, whatever that means.
        markers.update(platform_release=release, platform_version="#1")
        return Platform((f"pyodide_{year}_wasm32",), markers)
    return None


def _version_of(text: str, default: tuple[int, int]) -> tuple[int, int]:
    parts = text.split(".")
    if not parts[0].isdigit():
        return default
    return int(parts[0]), int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def retarget(target: Target, python_version: str = "", platform: Platform | None = None) -> Target:
    """Return the target with another Python version, another platform, or both; its implementation stays.

    `python_version` is `3.9` or `3.9.7`; a patch version that is not given is 0, the oldest that must work. The ABI of
    another version is known for CPython alone. Raises UsageError.
    """
    if not python_version and platform is None:
        return target
    markers = dict(target.markers)
    implementation = markers["implementation_name"]
    version = (python_version or markers["python_full_version"]).split(".")
    # X.Y at least; of X.Y.Z the last may be `0rc1`
    patch = "".join(version[2:3])
    is_sound = not patch.strip("0123456789abrc") and (len(version) == 2 or patch[:1].isdigit())  # noqa: PLR2004
    if not (2 <= len(version) <= 3 and version[0].isdigit() and version[1].isdigit() and is_sound):  # noqa: PLR2004
        raise UsageError(f"`{python_version}` is not a Python version", hint="write it as `3.12` or `3.12.1`")
    if python_version:
        full = ".".join([*version, "0"][:3])
        markers.update(python_version=".".join(version[:2]), python_full_version=full)
        if implementation == "cpython":
            markers["implementation_version"] = full
    if platform is not None:
        markers.update(platform.markers)
    # the first tags are those of one interpreter and ABI, over all platforms
    interpreter, abi, _ = target.tags[0].split("-")
    first = f"{interpreter}-{abi}-"
    own = tuple(tag.removeprefix(first) for tag in target.tags if tag.startswith(first))
    tags = compatible(
        implementation,
        (int(version[0]), int(version[1])),
        platform.tags if platform is not None else own,
        free_threaded=implementation == "cpython" and abi.rstrip("d").endswith("t"),
        extension_suffix="" if python_version or abi == "none" else f".{abi}.",
    )
    return Target(markers, tags)
