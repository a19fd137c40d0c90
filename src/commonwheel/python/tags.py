"""Compatibility tags of a target (PEP 425, 600, 656, 703, 803), made from facts about it instead of inside it.

`packaging.tags` answers for the interpreter it runs in, and its import costs 35 ms; this makes the same lists, in the
same order, for any interpreter whose facts the probe has told, and for platforms that are only named
(`--python-platform`). The tests hold it against `packaging.tags`, run in every interpreter at hand.

Laws of this file: text in, text out; no I/O and nothing about the machine that it runs on.
"""

from commonwheel.errors import UsageError
from commonwheel.model import Target, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Final

    Facts = Mapping[str, Sequence[str]]

SHORT_NAMES = {"cpython": "cp", "pypy": "pp", "ironpython": "ip", "jython": "jy"}
# Architectures for which manylinux is defined without a look at the executable; `i686` and `armv7l` need one.
_MANYLINUX = frozenset({"x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64"})
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
# The 32-bit names of what a 64-bit kernel calls itself.
_NARROW = {"x86_64": "i686", "aarch64": "armv8l"}
_MACHINE_ARM, _MACHINE_386 = "40", "3"
_ARM_ABI_MASK, _ARM_ABI_5, _ARM_HARD_FLOAT = 0xFF000000, 0x05000000, 0x00000400
# Before its version 11 macOS was always version 10; the pretended version of 11 is 10.16.
_MAC_MAJOR, _MAC_LAST_MINOR = 10, 16


class UnknownPlatform(UsageError):
    """Say that a `--python-platform` names nothing known."""

    code = "unknown-platform"


def one(facts: "Facts", key: str) -> str:
    """Return the value of a fact that has at most one."""
    values = facts.get(key)
    return values[0] if values else ""


def compose(facts: "Facts") -> "tuple[str, ...]":
    """Return the tags of the interpreter that told these facts, best first, as `cp312-cp312-linux_x86_64`."""
    version = one(facts, "version").split(".")
    return _tags(
        one(facts, "implementation"),
        (int(version[0]), int(version[1])),
        tuple(platforms(facts)),
        debug=bool(one(facts, "debug")),
        free_threaded=bool(one(facts, "free-threaded")),
        extension_suffix=one(facts, "ext-suffix"),
        version_nodot=one(facts, "version-nodot"),
    )


def _tags(
    implementation: str,
    version: tuple[int, int],
    places: "Sequence[str]",
    *,
    debug: bool = False,
    free_threaded: bool = False,
    extension_suffix: str = "",
    version_nodot: str = "",
) -> "tuple[str, ...]":
    short = SHORT_NAMES.get(implementation, implementation)
    nodot = version_nodot or f"{version[0]}{version[1]}"
    if short == "cp":
        threads = "t" if free_threaded and version >= (3, 13) else ""
        pairs = _cpython(version, threads, debug)
        own = f"cp{nodot}"
    else:
        abis = [_generic_abi(extension_suffix), "none"] if extension_suffix else ["none"]
        pairs = [f"{short}{nodot}-{abi}" for abi in dict.fromkeys(abis) if abi]
        own = "pp3" if short == "pp" else ""
    pythons = _pythons(version)
    pairs += [f"{python}-none" for python in pythons]
    found = [f"{pair}-{place}" for pair in pairs for place in places]
    if own:
        found.append(f"{own}-none-any")
    found += [f"{python}-none-any" for python in pythons]
    return tuple(found)


def _cpython(version: tuple[int, int], threads: str, debug: bool) -> "list[str]":
    """Return interpreter and ABI of what CPython takes, best first.

    Free-threaded builds never take abi3 (PEP 703) but abi3t (PEP 803); debug builds also load what is not for debugging.
    """
    major, minor = version
    name = f"cp{major}{minor}"
    stable = "abi3t" if threads else "abi3"
    pairs = [f"{name}-{name}{threads}d"] if debug else []
    pairs += [f"{name}-{name}{threads}", f"{name}-{stable}", f"{name}-none"]
    pairs += [f"cp{major}{older}-{stable}" for older in range(minor - 1, 1, -1)]
    return pairs


def _pythons(version: tuple[int, int]) -> "list[str]":
    major, minor = version
    return [f"py{major}{minor}", f"py{major}", *(f"py{major}{older}" for older in range(minor - 1, -1, -1))]


def _generic_abi(extension_suffix: str) -> str:
    """Return the ABI that a suffix such as `.pypy310-pp73-x86_64-linux-gnu.so` names."""
    parts = extension_suffix.split(".")
    if len(parts) < 3:  # noqa: PLR2004 - nothing between the dots
        return ""
    abi = parts[1]
    words = abi.split("-")
    if abi.startswith("cpython"):
        abi = "cp" + words[1] if len(words) > 1 else ""
    elif abi.startswith("cp"):
        abi = words[0]
    elif abi.startswith("pypy"):
        abi = "-".join(words[:2])
    elif abi.startswith("graalpy"):
        abi = "-".join(words[:3])
    return _normalized(abi)


def _normalized(text: str) -> str:
    return text.replace(".", "_").replace("-", "_").replace(" ", "_")


# --- platforms ------------------------------------------------------------------------------------------------------


def platforms(facts: "Facts") -> "Iterator[str]":
    """Yield the platform tags that an interpreter takes, best first."""
    platform = _normalized(one(facts, "platform"))
    if one(facts, "mac-version"):
        version = one(facts, "mac-version").split(".")
        machine = one(facts, "mac-machine")
        if one(facts, "bits") == "32":
            machine = "ppc" if machine.startswith("ppc") else "i386"
        yield from mac_platforms((int(version[0]), int(version[1]) if len(version) > 1 else 0), machine)
    elif platform.startswith("linux_"):
        yield from _linux_platforms(facts, platform.removeprefix("linux_"))
    else:
        yield platform


def _linux_platforms(facts: "Facts", arch: str) -> "Iterator[str]":
    if one(facts, "bits") == "32":
        arch = _NARROW.get(arch, arch)
    archs = ("armv8l", "armv7l") if arch == "armv8l" else (arch,)
    for name in archs:
        yield f"linux_{name}"
    glibc = one(facts, "glibc")
    if glibc and _suits_manylinux(one(facts, "elf"), archs):
        major, _, minor = glibc.partition(".")
        denied = frozenset(facts.get("manylinux-denied", ()))
        yield from manylinux((int(major), int(minor)), archs, denied)
    musl = one(facts, "musl")
    if musl:
        major, _, minor = musl.partition(".")
        yield from musllinux((int(major), int(minor)), archs)


def _suits_manylinux(elf: str, archs: "Sequence[str]") -> bool:
    """Tell whether an executable follows the ABI that manylinux asks for: on 32 bits x86, or ARM with hard floats."""
    if not ("armv7l" in archs or "i686" in archs):
        return any(arch in _MANYLINUX for arch in archs)
    if elf.count(" ") != 3:  # noqa: PLR2004 - class, byte order, machine, flags
        return False
    width, order, machine, flags = elf.split(" ")
    if (width, order) != ("1", "1"):
        return False
    if "i686" in archs:
        return machine == _MACHINE_386
    return machine == _MACHINE_ARM and int(flags) & _ARM_ABI_MASK == _ARM_ABI_5 and bool(int(flags) & _ARM_HARD_FLOAT)


def manylinux(
    glibc: tuple[int, int], archs: "Sequence[str]", denied: "frozenset[str]" = frozenset()
) -> "Iterator[str]":
    """Yield the manylinux tags up to a version of glibc; `denied` holds `arch major.minor` of a `_manylinux` module."""
    major, newest = glibc
    oldest = 5 if archs[0] in ("x86_64", "i686") else 17
    for arch in archs:
        for minor in range(newest, (oldest if major == 2 else 0) - 1, -1):  # noqa: PLR2004 - glibc 2 for ever
            if denied and f"{arch} {major}.{minor}" in denied:
                continue
            yield f"manylinux_{major}_{minor}_{arch}"
            legacy = _LEGACY.get((major, minor))
            if legacy:
                yield f"{legacy}_{arch}"


def musllinux(musl: tuple[int, int], archs: "Sequence[str]") -> "Iterator[str]":
    """Yield the musllinux tags up to a version of musl."""
    major, newest = musl
    for arch in archs:
        for minor in range(newest, -1, -1):
            yield f"musllinux_{major}_{minor}_{arch}"


def mac_platforms(version: tuple[int, int], arch: str) -> "Iterator[str]":
    """Yield the tags of a version of macOS on an architecture (`arm64`, `x86_64`, and those before them)."""
    major, newest = version
    if major == _MAC_MAJOR:
        for minor in range(newest, -1, -1):
            yield from _mac_names(_MAC_MAJOR, minor, _mac_formats((_MAC_MAJOR, minor), arch))
        return
    for year in range(major, _MAC_MAJOR, -1):
        yield from _mac_names(year, 0, _mac_formats((year, 0), arch))
    for minor in range(_MAC_LAST_MINOR, 3, -1):
        formats = _mac_formats((_MAC_MAJOR, minor), arch) if arch == "x86_64" else ["universal2"]
        yield from _mac_names(_MAC_MAJOR, minor, formats)


def _mac_names(major: int, minor: int, formats: "Iterable[str]") -> "Iterator[str]":
    for name in formats:
        yield f"macosx_{major}_{minor}_{name}"


# For each architecture: the versions that ran on it, and the formats of binaries that hold it, best first.
_MAC_FORMATS = {
    "arm64": ((10, 0), (99, 0), ("arm64", "universal2")),
    "x86_64": ((10, 4), (99, 0), ("x86_64", "intel", "fat64", "fat3", "universal2", "universal")),
    "i386": ((10, 4), (99, 0), ("i386", "intel", "fat3", "fat", "universal")),
    "ppc64": ((10, 4), (10, 5), ("ppc64", "fat64", "universal")),
    "ppc": ((10, 0), (10, 6), ("ppc", "fat3", "fat", "universal")),
}


def _mac_formats(version: tuple[int, int], arch: str) -> "tuple[str, ...]":
    first, last, formats = _MAC_FORMATS.get(arch, ((10, 0), (99, 0), (arch,)))
    return formats if first <= version <= last else ()


def ios_platforms(version: tuple[int, int], machine: str) -> "Iterator[str]":
    """Yield the tags of a version of iOS, down to 12.0 (PEP 730); `machine` is as `arm64_iphoneos`."""
    major, newest = version
    for minor in range(newest, -1, -1):
        yield f"ios_{major}_{minor}_{machine}"
    for older in range(major - 1, 11, -1):
        for minor in range(9, -1, -1):
            yield f"ios_{older}_{minor}_{machine}"


def android_platforms(level: int, abi: str) -> "Iterator[str]":
    """Yield the tags of an API level of Android, down to 16 (PEP 738)."""
    for older in range(level, 15, -1):
        yield f"android_{older}_{abi}"


# --- a platform that is only named -----------------------------------------------------------------------------------


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


def platform_named(name: str, environ: "Mapping[str, str]") -> Platform:
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
        names = manylinux(next(version for version, label in _LEGACY.items() if label == rest), (arch,))
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
    if len(version) < 2 or not (version[0].isdigit() and version[1].isdigit()):  # noqa: PLR2004 - X.Y at least
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
    tags = _tags(
        implementation,
        (int(version[0]), int(version[1])),
        platform.tags if platform is not None else own,
        free_threaded=implementation == "cpython" and abi.rstrip("d").endswith("t"),
        extension_suffix="" if python_version or abi == "none" else f".{abi}.",
    )
    return Target(markers, tags)
