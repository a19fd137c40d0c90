"""Which files of a version a lock names: all but wheels that certainly nobody can use who installs from it.

A wheel is left out if none of its tags is for a Python of the range, or if all of its platforms are outside of where the
package is needed. What is not known for certain stays. Source distributions stay always.

Laws of this file: pure.
"""

from posixpath import relpath

from commonwheel.specs import dates, file_url, marker_text, versions, wheel_file
from commonwheel.specs.uv_lock import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonwheel.model import Candidate
    from commonwheel.specs.marker_text import Diagram

_LINUX = "os_name == 'posix' and sys_platform == 'linux'"
_SYSTEMS = (
    ("manylinux", _LINUX),
    ("musllinux", _LINUX),
    ("linux_", _LINUX),
    ("win", "os_name == 'nt' and sys_platform == 'win32'"),
    ("macosx", "os_name == 'posix' and sys_platform == 'darwin'"),
    ("android", "os_name == 'posix' and sys_platform == 'android'"),
)
_ARM = ("aarch64", "arm64", "ARM64")
_X86_64 = ("x86_64", "amd64", "AMD64")
_X86 = ("i686", "i386", "win32", "x86")
#: How a platform tag ends -> what machines call themselves.
_MACHINES = (
    ("_x86_64", _X86_64), ("_amd64", _X86_64), ("_aarch64", _ARM), ("_arm64", _ARM), ("_i686", _X86), ("_i386", _X86),
    ("win32", _X86), ("_ppc64le", ("ppc64le",)), ("_ppc64", ("ppc64",)), ("_s390x", ("s390x",)), ("_riscv64", ("riscv64",)),
    ("_loongarch64", ("loongarch64",)), ("_armv7l", ("armv7l", "armv8l")), ("_armv6l", ("armv6l",)),
)  # fmt: skip
_INTERPRETERS = ("cp", "pp", "py", "graalpy", "pyston")


class Pythons:
    """The minor versions of Python 3 that a range admits, as far as wheels tell them apart."""

    def __init__(self, requires_python: str) -> None:
        low, high = 0, 1 << 30
        for clause in versions.clauses(requires_python):
            release = (*versions.release(clause.version), 0, 0, 0)[:3]
            if release[0] != 3:  # noqa: PLR2004 - the Python of our days
                continue
            minor, patch = release[1], release[2]
            if clause.operator in (">=", ">", "~=", "=="):
                low = max(low, minor)
            if clause.operator == "<":
                high = min(high, minor if patch else minor - 1)
            elif clause.operator == "<=" or (
                clause.operator == "==" and (not clause.wildcard or len(versions.release(clause.version)) > 1)
            ):
                high = min(high, minor)
        self.low = low
        self.high = high

    def admit(self, python: str, abi: str) -> bool:
        """Return whether a wheel with these tags may be for one of them."""
        return any(self._abi(one, python) for one in abi.split("."))

    def _abi(self, abi: str, python: str) -> bool:
        if abi == "abi3":
            return True
        if abi == "none":
            return any(self._without_abi(one) for one in python.split("."))
        version = _version(abi)
        if version is None:
            return True
        return version[0] == 3 and (version[1] is None or self.low <= version[1] <= self.high)  # noqa: PLR2004

    def _without_abi(self, python: str) -> bool:
        version = _version(python)
        if version is None:
            return True
        major, minor = version
        if major != 3:  # noqa: PLR2004 - the Python of our days
            return False
        if minor is None:
            return True
        return minor <= self.high and (python.startswith("py") or minor >= self.low)


def _version(tag: str) -> "tuple[int, int | None] | None":
    """Return major and minor of a Python or ABI tag (`cp310`, `cp38m`, `pypy310_pp73`), None for what is no such tag."""
    for name in ("pypy", *_INTERPRETERS):
        if tag.startswith(name):
            digits = ""
            for letter in tag[len(name) :]:
                if not letter.isdigit():
                    break
                digits += letter
            if digits:
                return int(digits[0]), int(digits[1:]) if digits[1:] else None
    return None


def useful(filename: str, pythons: Pythons, where: "Sequence[Diagram]") -> bool:
    """Return whether a lock names a wheel: for a Python of the range, and for some of each of the sets of environments."""
    try:
        name = wheel_file.parse_filename(filename)
    except wheel_file.InvalidWheelName:
        return False
    if not pythons.admit(name.python, name.abi):
        return False
    markers = [marker_text.diagram(text) for text in _platform_markers(name.platform)]
    return not any(marker_text.disjoint(marker, one) for marker in markers for one in where)


def _platform_markers(platform: str) -> "list[str]":
    """Return markers, each of which must be possible for a wheel of these platforms to be of use."""
    tags = platform.split(".")
    systems = {next((marker for start, marker in _SYSTEMS if tag.startswith(start)), "") for tag in tags}
    machines = {next((names for end, names in _MACHINES if tag.endswith(end)), ()) for tag in tags}
    system = systems.pop() if len(systems) == 1 else ""
    names = machines.pop() if len(machines) == 1 else ()
    machine = " or ".join(f"platform_machine == '{name}'" for name in names)
    found = [system, machine, f"({machine}) and {system}" if machine and system else ""]
    return [text for text in found if text]


def files(
    found: "Iterable[Candidate]",
    pythons: Pythons,
    where: "Sequence[Diagram]",
    index: str,
    root: str,
    *,
    folder: bool = False,
) -> "tuple[File | None, tuple[File, ...]]":
    """Return the sdist and the wheels of a version as a lock names them, sorted by file name.

    `index` is the registry as the lock spells it: a URL, or a path, to which paths of files are relative, unless it is absolute.
    Of files in a `folder` uv knows no hash, and one that is known by chance would come and go.
    """
    found = sorted(found, key=lambda one: one.filename)
    wheels = [one for one in found if one.kind == "wheel" and useful(one.filename, pythons, where)]
    sdists = [one for one in found if one.kind != "wheel"]
    sdist = next((one for one in sdists if one.filename.endswith(".tar.gz")), sdists[0] if sdists else None)
    return (
        None if sdist is None else _file(sdist, index, root, folder=folder),
        tuple(_file(one, index, root, folder=folder) for one in wheels),
    )


def _file(candidate: "Candidate", index: str, root: str, *, folder: bool) -> File:
    path = file_url.to_path(candidate.url.secret)
    digest = next((one for one in candidate.digests if one.algorithm == "sha256"), None)
    digest = digest or next(iter(candidate.digests), None)
    shown = f"{digest.algorithm}:{digest.hex}" if digest is not None and digest.hex else ""
    if path is not None and "://" not in index:
        base = index if index.startswith("/") else f"{root}/{index}"
        place = path if index.startswith("/") else relpath(path, base)
        uploaded = "" if folder else _moment(candidate.uploaded)
        return File("path", place, "" if folder else shown, None if folder else candidate.size, uploaded)
    url = candidate.url.bare.partition("#")[0]
    return File("url", url, shown, candidate.size, _moment(candidate.uploaded))


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else dates.utc(seconds)
