"""Compatibility tags of a target (PEP 425, 600, 656, 703, 803), made from facts about it instead of inside it.

`packaging.tags` answers for the interpreter it runs in, and its import costs 35 ms; this makes the same lists, in the
same order, for any interpreter whose facts the probe has told, and for platforms that are only named
(`platforms.py`). The tests hold it against `packaging.tags`, run in every interpreter at hand.

Laws of this file: text in, text out; no I/O and nothing about the machine that it runs on.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Facts = Mapping[str, Sequence[str]]

SHORT_NAMES = {"cpython": "cp", "pypy": "pp", "ironpython": "ip", "jython": "jy"}
# Architectures for which manylinux is defined without a look at the executable; `i686` and `armv7l` need one.
_MANYLINUX = frozenset({"x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64"})
LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
# The 32-bit names of what a 64-bit kernel calls itself.
_NARROW = {"x86_64": "i686", "aarch64": "armv8l"}
_MACHINE_ARM, _MACHINE_386 = "40", "3"
_ARM_ABI_MASK, _ARM_ABI_5, _ARM_HARD_FLOAT = 0xFF000000, 0x05000000, 0x00000400
# Before its version 11 macOS was always version 10; the pretended version of 11 is 10.16.
_MAC_MAJOR, _MAC_LAST_MINOR = 10, 16


def one(facts: "Facts", key: str) -> str:
    """Return the value of a fact that has at most one."""
    values = facts.get(key)
    return values[0] if values else ""


def compose(facts: "Facts") -> "tuple[str, ...]":
    """Return the tags of the interpreter that told these facts, best first, as `cp312-cp312-linux_x86_64`."""
    version = one(facts, "version").split(".")
    return compatible(
        one(facts, "implementation"),
        (int(version[0]), int(version[1])),
        tuple(platforms(facts)),
        debug=bool(one(facts, "debug")),
        free_threaded=bool(one(facts, "free-threaded")),
        extension_suffix=one(facts, "ext-suffix"),
        version_nodot=one(facts, "version-nodot"),
    )


def compatible(
    implementation: str,
    version: tuple[int, int],
    places: "Sequence[str]",
    *,
    debug: bool = False,
    free_threaded: bool = False,
    extension_suffix: str = "",
    version_nodot: str = "",
) -> "tuple[str, ...]":
    """Return the tags of an implementation and version on platforms, best first.

    `extension_suffix` names the ABI of what is not CPython (`.pypy310-pp73-x86_64-linux-gnu.so`).
    """
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
    """Return whether an executable follows the ABI that manylinux asks for: on 32 bits x86, or ARM with hard floats."""
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
            legacy = LEGACY.get((major, minor))
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
