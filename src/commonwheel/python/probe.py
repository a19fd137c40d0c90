"""Describe an interpreter: run by it, with `-I -S -B`, and read by `interpreter.py`.

Laws of this file: it is a guest in somebody else's interpreter: standard library only, and the syntax of Python 3.6, so that
one which is too old can still say so. It changes nothing but its own process.

`-S` keeps `site` from running, because the lines of `.pth` files that begin with `import` would run with it: they cost up to
a second, print, and fail. What `site` would do to `sys.path` is done here instead, through the functions of the
interpreter's own `site` module, which Debian, Fedora and PyPy patch. The directories that `.pth` files add are not told: those files
change with every editable install, so `installed.py` reads them each time. A `sitecustomize` module is run, since what
sites with shared layers add to `sys.path` comes from there; an answer that depends on it is marked `volatile`.

The arguments are the directories of PYTHONPATH, which `-I` ignores. The answer is a header line, lines of a key, a tab and
an escaped value (a key may come again), and `end`; everything is written at once, to what was standard output at the start.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Literal

HEADER = "commonwheel-probe 1"
# A directory name that no installation has; it stands for the root of a virtual environment in what a scheme answers.
ROOT = "/\x01root\x01"

_lines = [HEADER]


def tell(key: str, value: object) -> None:
    """Add one line to the answer."""
    text = str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    _lines.append(f"{key}\t{text}")


def is_true(value: object) -> str:
    """Return the spelling of a boolean."""
    return "1" if value else ""


# --- where it lives -------------------------------------------------------------------------------------------------


def enter_environment() -> str:
    """Do what `site.venv` does: find `pyvenv.cfg`, set `sys.prefix`; return `include-system-site-packages` or ""."""
    directory = os.path.dirname(os.path.abspath(sys.executable))
    for place in (directory, os.path.dirname(directory)):
        path = os.path.join(place, "pyvenv.cfg")
        if os.path.isfile(path):
            break
    else:
        return ""
    system = "true"
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            key, equals, value = line.partition("=")
            if equals and key.strip().lower() == "include-system-site-packages":
                system = value.strip().lower()
    sys.prefix = sys.exec_prefix = os.path.dirname(directory)
    return "true" if system == "true" else "false"


def base_executable(base_prefix: str) -> str:
    """Return the name of the real interpreter that lives in `base_prefix`, however it was called.

    A virtual environment records the directory of this name, and Python looks for its library from there: a link in
    /usr/local/bin to /opt/python/bin/python3.12 would send it to the wrong place.
    """
    called = getattr(sys, "_base_executable", "") or sys.executable
    if sys.prefix != base_prefix and os.path.dirname(called) == os.path.dirname(sys.executable):
        called = sys.executable  # Python 3.10 and older do not know better
    real = os.path.realpath(called)
    version = "{}.{}".format(*sys.version_info[:2])
    folder = os.path.join(base_prefix, "Scripts" if os.name == "nt" else "bin")
    names = ("python" + version, sys.implementation.name + version, os.path.basename(real), os.path.basename(called))
    for name in names:
        candidate = os.path.join(folder, name)
        if os.path.realpath(candidate) == real:
            return candidate
    return called if sys.prefix == base_prefix else real


def site_directories(prefixes: "list[str]") -> "list[str]":
    """Return the site directories below prefixes, as the interpreter's own `site` module has it."""
    import site  # noqa: PLC0415 - its PREFIXES are read at import, which must come after `enter_environment`

    return [os.path.abspath(path) for path in site.getsitepackages(prefixes)]


def in_environment(prefixes: "list[str]") -> "list[str]":
    """Return the site directories that a virtual environment of this interpreter would use."""
    prefix = sys.prefix
    sys.prefix = ROOT
    try:
        return site_directories(prefixes)
    finally:
        sys.prefix = prefix


# --- install schemes ------------------------------------------------------------------------------------------------

_KEYS = ("purelib", "platlib", "scripts", "data", "include", "stdlib")


def own_paths() -> "dict[str, str]":
    """Return where pip would install to: the preferred scheme of `sysconfig`, before 3.10 that of `distutils`.

    Before 3.10 only `distutils` knows what Debian and Fedora patched (`dist-packages`, `/usr/local`).
    """
    import sysconfig  # noqa: PLC0415 - it takes `sys.prefix` at import

    paths = sysconfig.get_paths()
    found = {key: paths[key] for key in _KEYS}
    if sys.version_info < (3, 10) and sys.prefix == sys.base_prefix:
        try:
            from distutils.command.install import install  # noqa: PLC0415
            from distutils.dist import Distribution  # noqa: PLC0415
        except ImportError:  # Debian ships it apart
            return found
        command = install(Distribution({"name": "x"}))
        command.finalize_options()
        for key in ("purelib", "platlib", "scripts", "data"):
            found[key] = getattr(command, "install_" + key)
        found["include"] = os.path.dirname(command.install_headers)
    return found


def environment_paths() -> "dict[str, str]":
    """Return the scheme of a virtual environment of this interpreter, with `ROOT` for its root."""
    import sysconfig  # noqa: PLC0415

    prefix = sys.prefix
    sys.prefix = ROOT
    try:
        if hasattr(sysconfig, "get_preferred_scheme"):
            scheme = sysconfig.get_preferred_scheme("prefix")
        else:
            scheme = "nt" if os.name == "nt" else "posix_prefix"
    finally:
        sys.prefix = prefix
    paths = sysconfig.get_paths(scheme, vars={"base": ROOT, "platbase": ROOT})
    return {key: paths[key] for key in _KEYS}


# --- what wheels it takes -------------------------------------------------------------------------------------------


def tell_abi() -> str:
    """Describe what the ABI tags follow from; return `sysconfig.get_platform()`."""
    import sysconfig  # noqa: PLC0415
    from importlib.machinery import EXTENSION_SUFFIXES  # noqa: PLC0415

    debug = sysconfig.get_config_var("Py_DEBUG")
    if debug is None:  # Windows does not tell
        debug = hasattr(sys, "gettotalrefcount") or "_d.pyd" in EXTENSION_SUFFIXES
    platform = sysconfig.get_platform()
    tell("debug", is_true(debug))
    tell("free-threaded", is_true(sysconfig.get_config_var("Py_GIL_DISABLED")))
    tell("ext-suffix", sysconfig.get_config_var("EXT_SUFFIX") or "")
    tell("version-nodot", sysconfig.get_config_var("py_version_nodot") or "{}{}".format(*sys.version_info[:2]))
    tell("platform", platform)
    tell("bits", 64 if sys.maxsize > 2**32 else 32)
    return platform


def glibc() -> str:
    """Return the version of glibc as `2.36`, or "" where there is none."""
    try:
        version = (os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2]
    except (AttributeError, OSError, ValueError):
        version = ""
    if not version:
        version = glibc_by_symbol()
    parts = version.split(".")
    if len(parts) < 2:  # noqa: PLR2004 - major and minor
        return ""
    minor = ""
    for digit in parts[1]:  # Linaro writes `2.20-2014.11`
        if not digit.isdigit():
            break
        minor += digit
    return f"{parts[0]}.{minor}" if parts[0].isdigit() and minor else ""


def glibc_by_symbol() -> str:
    """Return the version that the C library of this process tells of itself, or ""."""
    try:
        import ctypes  # noqa: PLC0415 - the way of last resort

        function = ctypes.CDLL(None).gnu_get_libc_version
        function.restype = ctypes.c_char_p
        return str(function() or b"", "ascii")
    except (ImportError, AttributeError, OSError):
        return ""


def elf() -> "tuple[str, str]":
    """Return the facts in the ELF header of this executable, and the path of its loader; "" where it is no ELF file."""
    try:
        with open(sys.executable, "rb") as file:
            head = file.read(64)
            if head[:4] != b"\x7fELF":
                return "", ""
            order: "Literal['little', 'big']" = "little" if head[5] == 1 else "big"
            wide = head[4] == 2  # noqa: PLR2004 - ELFCLASS64

            def number(data: bytes, at: int, size: int) -> int:
                return int.from_bytes(data[at : at + size], order)

            facts = f"{head[4]} {head[5]} {number(head, 18, 2)} {number(head, 48, 4) if wide else number(head, 36, 4)}"
            table = number(head, 32, 8) if wide else number(head, 28, 4)
            entry, count = (
                (number(head, 54, 2), number(head, 56, 2)) if wide else (number(head, 42, 2), number(head, 44, 2))
            )
            for index in range(count):
                file.seek(table + index * entry)
                row = file.read(entry)
                if number(row, 0, 4) == 3:  # noqa: PLR2004 - PT_INTERP
                    file.seek(number(row, 8, 8) if wide else number(row, 4, 4))
                    size = number(row, 32, 8) if wide else number(row, 16, 4)
                    return facts, os.fsdecode(file.read(size).rstrip(b"\0"))
            return facts, ""
    except (OSError, IndexError):
        return "", ""


def musl(loader: str) -> str:
    """Return the version of musl as `1.2`, asked of its loader (PEP 656), or ""."""
    import subprocess  # noqa: PLC0415 - 10 ms, and only where there is no glibc

    try:
        # the loader prints its version and usage to stderr when it is run without arguments
        answer = subprocess.run([loader], check=False, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    except OSError:
        return ""
    for line in str(answer.stderr, "utf-8", "replace").splitlines():
        if line.startswith("Version "):
            return ".".join(line[8:].split(".")[:2])
    return ""


def manylinux_module() -> "ModuleType | None":
    """Return the `_manylinux` module, by which a distributor rules manylinux wheels out or in (PEP 600)."""
    try:
        import _manylinux  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:
        return None
    return _manylinux  # type: ignore[no-any-return]


def manylinux_allows(module: "ModuleType", major: int, minor: int, arch: str) -> bool:
    """Ask the module about one version of glibc."""
    if hasattr(module, "manylinux_compatible"):
        answer = module.manylinux_compatible(major, minor, arch)
        return True if answer is None else bool(answer)
    legacy = {(2, 5): "manylinux1_compatible", (2, 12): "manylinux2010_compatible", (2, 17): "manylinux2014_compatible"}
    return bool(getattr(module, legacy.get((major, minor), "-"), True))


def tell_manylinux(platform: str, libc: str) -> None:
    """Describe which versions of glibc the `_manylinux` module denies, and where it is."""
    module = manylinux_module()
    if module is None:
        return
    tell("manylinux-module", getattr(module, "__file__", "") or "")
    arch = platform.partition("-")[2].replace("-", "_").replace(".", "_")
    if sys.maxsize <= 2**32:
        arch = {"x86_64": "i686", "aarch64": "armv8l"}.get(arch, arch)
    major, _, minor = libc.partition(".")
    for one in {"armv8l": ("armv8l", "armv7l")}.get(arch, (arch,)):
        for two in range(int(minor), -1, -1):
            if not manylinux_allows(module, int(major), two, one):
                tell("manylinux-denied", f"{one} {major}.{two}")


def mac_version() -> "tuple[str, str]":
    """Return the version of macOS and the architecture, as `13.4` and `arm64`."""
    import platform  # noqa: PLC0415

    version, _, machine = platform.mac_ver()
    if version.startswith("10.16"):
        # An old SDK makes macOS pretend to be 10.16; a child without that compatibility mode tells the truth.
        import subprocess  # noqa: PLC0415

        environment = dict(os.environ, SYSTEM_VERSION_COMPAT="0")
        code = "import platform; print(platform.mac_ver()[0])"
        version = str(subprocess.check_output([sys.executable, "-sS", "-c", code], env=environment), "ascii").strip()
    return version, machine


# --- markers --------------------------------------------------------------------------------------------------------


def markers() -> "dict[str, str]":
    """Return the values of PEP 508; on POSIX without `platform`, whose import costs more than the rest."""
    info = sys.implementation.version
    implementation_version = "{}.{}.{}".format(*info[:3])
    if info.releaselevel != "final":
        implementation_version += info.releaselevel[0] + str(info.serial)
    full = sys.version.split()[0]
    if full.endswith("+"):  # a build from a checkout, which PEP 440 could not read
        full += "local"
    name = sys.implementation.name
    if os.name == "posix" and sys.platform in ("linux", "darwin"):
        system, _, release, version, machine = os.uname()
    else:
        import platform  # noqa: PLC0415

        system, release, version, machine = (
            platform.system(), platform.release(), platform.version(), platform.machine(),
        )  # fmt: skip
    return {
        "implementation_name": name,
        "implementation_version": implementation_version,
        "os_name": os.name,
        "platform_machine": machine,
        "platform_python_implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(name) or long_name(),
        "platform_release": release,
        "platform_system": system,
        "platform_version": version,
        "python_full_version": full,
        "python_version": "{}.{}".format(*sys.version_info[:2]),
        "sys_platform": sys.platform,
    }


def long_name() -> str:
    """Return the implementation's name as the marker wants it."""
    import platform  # noqa: PLC0415

    return platform.python_implementation()


# --- sitecustomize --------------------------------------------------------------------------------------------------


def customize() -> None:
    """Run `sitecustomize`, tell where it is, and tell `volatile` when the answer may change with its surroundings."""
    from importlib.machinery import PathFinder  # noqa: PLC0415

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or not spec.origin:
        return
    before = list(sys.path)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    except BaseException as error:  # noqa: BLE001 - `site` goes on too, whatever happens there
        sys.stderr.write(f"sitecustomize: {type(error).__name__}: {error}\n")
    try:
        with open(spec.origin, "rb") as file:
            source = file.read(65536)
    except OSError:
        source = b"environ"
    tell("sitecustomize", spec.origin)
    # Debian's hooks apport in and touches no path; one which looks at its surroundings may answer otherwise next time.
    doubts = (b"environ", b"getenv", b"path", b"addsitedir", b"getcwd")
    if sys.path != before or any(word in source for word in doubts):
        tell("volatile", 1)


# --- all together ---------------------------------------------------------------------------------------------------


def tell_places(python_path: "list[str]") -> None:
    """Describe prefixes, `sys.path` and schemes, and leave `sys.path` as `site` would have."""
    standard = list(dict.fromkeys(os.path.abspath(path) for path in sys.path if path))
    include_system = enter_environment()
    own = list(dict.fromkeys([sys.prefix, sys.exec_prefix]))
    base = list(dict.fromkeys([sys.base_prefix, sys.base_exec_prefix]))
    sites = site_directories(own)
    if include_system == "true":
        sites += site_directories(base)
    sites = list(dict.fromkeys(sites))
    known = python_path + standard + [path for path in sites if os.path.isdir(path)]
    sys.path[:] = list(dict.fromkeys(known))
    tell("executable", sys.executable)
    tell("prefix", sys.prefix)
    tell("base-prefix", sys.base_prefix)
    tell("base-executable", base_executable(sys.base_prefix))
    tell("include-system", include_system)
    for path in standard:
        tell("standard", path)
    for path in sites:
        tell("site", path)
    for path in in_environment([ROOT]):
        tell("venv-site", path)
    for path in in_environment(base):
        tell("venv-system-site", path)
    for key, path in own_paths().items():
        tell("path-" + key, path)
    for key, path in environment_paths().items():
        tell("venv-path-" + key, path)
    known = list(sys.path)
    customize()
    for path in sys.path:
        if path not in known:
            tell("added", os.path.abspath(path))


def tell_platform() -> None:
    """Describe what compatibility tags follow from."""
    platform = tell_abi()
    if sys.platform == "darwin":
        version, machine = mac_version()
        tell("mac-version", version)
        tell("mac-machine", machine)
    elif platform.startswith("linux-"):
        facts, loader = elf()
        tell("elf", facts)
        libc = glibc()
        if libc:
            tell("glibc", libc)
            tell_manylinux(platform, libc)
        elif "musl" in loader:
            tell("musl", musl(loader))


def main() -> None:
    """Answer."""
    # Whatever a sitecustomize prints must not stand in the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    tell("version", "{}.{}.{}".format(*sys.version_info[:3]))
    tell("implementation", sys.implementation.name)
    tell_places(sys.argv[1:])
    tell_platform()
    for key, value in markers().items():
        tell("marker-" + key, value)
    _lines.append("end\n")
    data = os.fsencode("\n".join(_lines))
    while data:
        data = data[os.write(answer, data) :]


if __name__ == "__main__":
    main()
