"""What a wheel says about itself, held against its file name and its own list of files; every disagreement is a fault.

Laws of this file: pure (the texts of its dist-info in, values out), strict: what is unclear here would be installed.
"""

from commonwheel.model import Value
from commonwheel.specs import entry_points, headers, record, versions, wheel_file
from commonwheel.specs.names import normalize
from commonwheel.specs.numbers import whole
from commonwheel.specs.parse_errors import Malformed
from commonwheel.store.archive import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import Final

    Pairs = tuple[tuple[str, str], ...]

RECORD, METADATA, WHEEL, ENTRY_POINTS = "RECORD", "METADATA", "WHEEL", "entry_points.txt"
#: PEP 427 gave signatures a place, PEP 815 took it away again: whatever they hold, RECORD cannot list them.
SIGNATURES = ("RECORD.jws", "RECORD.p7s")
SCHEMES = frozenset({"purelib", "platlib", "headers", "scripts", "data"})
_SCRIPT_PLACES = frozenset({"scripts", "data/bin", "data/Scripts"})
_WEAK = frozenset({"md5", "sha1"})
_NO_ROW = ("", "")


class BadWheel(Malformed):
    """A file is not a wheel that can be trusted to be what it says; `issues` has every fault."""

    code = "bad-wheel"


class Described(Value):
    """A wheel as its dist-info describes it; `spelled` has name and version as METADATA spells them."""

    __slots__ = (
        "console", "data", "dist_info", "extras", "gui", "name", "purelib", "requires", "requires_python", "spelled",
        "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what the files of a dist-info say
        self,
        name: str,
        version: str,
        spelled: tuple[str, str],
        dist_info: str,
        data: str,
        purelib: bool,
        requires_python: str,
        requires: tuple[str, ...],
        extras: tuple[str, ...],
        console: "Pairs",
        gui: "Pairs",
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.spelled: Final = spelled
        self.dist_info: Final = dist_info
        self.data: Final = data
        self.purelib: Final = purelib
        self.requires_python: Final = requires_python
        self.requires: Final = requires
        self.extras: Final = extras
        self.console: Final = console
        self.gui: Final = gui


def describe(
    filename: str, names: "Collection[str]", read: "Callable[[str], bytes]", issues: list[str]
) -> Described | None:
    """Return what a wheel of this file name with members of these names says; None when it cannot be told.

    `read` returns the bytes of a member. Everything that is wrong is added to `issues`.
    """
    expected = wheel_file.parse_filename(filename)
    tops = dict.fromkeys(name.partition("/")[0] for name in names if "/" in name)
    dist_info = _dist_info([top for top in tops if top.endswith(".dist-info")], expected, issues)
    if not dist_info:
        return None
    data = _data([top for top in tops if top.endswith(".data")], dist_info, issues)
    if data:
        _check_data(data, names, issues)
    name, version, spelled, fields = _metadata(dist_info, names, read, expected, issues)
    purelib = _purelib(dist_info, names, read, issues)
    console, gui = _scripts(dist_info, names, read, issues)
    return Described(
        name, version, spelled, dist_info, data, purelib, next(iter(_every(fields, "requires-python")), ""),
        _every(fields, "requires-dist"), _every(fields, "provides-extra"), console, gui,
    )  # fmt: skip


def _dist_info(found: list[str], expected: wheel_file.WheelName, issues: list[str]) -> str:
    if len(found) != 1:
        listed = ", ".join(f"`{shown(name)}`" for name in sorted(found))
        issues.append(f"it has several .dist-info directories: {listed}" if found else "it has no .dist-info directory")
        return ""
    name, hyphen, version = found[0].removesuffix(".dist-info").rpartition("-")
    if not (hyphen and normalize(name) == expected.name and _same_version(version, expected.version)):
        issues.append(f"`{shown(found[0])}` is not that of {expected.name} {expected.version}, as the file is named")
    return found[0]


def _data(found: list[str], dist_info: str, issues: list[str]) -> str:
    """Return the data directory, or "". Installers take any `*.data` for it, so any other must not be there."""
    own = [name for name in found if normalize(name[:-5]) == normalize(dist_info.removesuffix(".dist-info"))]
    issues += [f"`{shown(name)}` is the data directory of something else" for name in found if name not in own[:1]]
    return own[0] if own else ""


def _check_data(data: str, names: "Iterable[str]", issues: list[str]) -> None:
    unknown = set()
    for name in names:
        top, _, rest = name.partition("/")
        if top != data:
            continue
        scheme, slash, _ = rest.partition("/")
        if not slash or scheme not in SCHEMES:
            unknown.add(f"{top}/{scheme}")
        place, _, file = rest.rpartition("/")
        if place in _SCRIPT_PLACES and entry_points.is_interpreter(file):
            issues.append(f"`{shown(name)}` would replace the Python interpreter of the environment")
    issues += [f"`{shown(place)}` has no place in an environment" for place in sorted(unknown)]


def _metadata(
    dist_info: str,
    names: "Collection[str]",
    read: "Callable[[str], bytes]",
    expected: wheel_file.WheelName,
    issues: list[str],
) -> "tuple[str, str, tuple[str, str], list[tuple[str, str]]]":
    path = f"{dist_info}/{METADATA}"
    if path not in names:
        issues.append(f"`{path}` is missing")
        return expected.name, expected.version, (expected.name, expected.version), []
    fields, _ = headers.read(headers.decode(read(path)))
    name = next(iter(_every(fields, "name")), "")
    version = next(iter(_every(fields, "version")), "")
    if normalize(name) != expected.name:
        issues.append(f"METADATA says that its name is `{shown(name)}`, where the file is named for {expected.name}")
    if not _same_version(version, expected.version):
        issues.append(f"METADATA says that its version is `{shown(version)}`, and the file name {expected.version}")
    try:
        canonical = versions.canonical(version)
    except versions.InvalidVersion:
        canonical = version
    return expected.name, canonical, (name, version), fields


def _every(fields: "list[tuple[str, str]]", name: str) -> tuple[str, ...]:
    # a folded value is one line for whoever reads it
    return tuple(" ".join(value.split()) for field, value in fields if field == name)


def _same_version(one: str, other: str) -> bool:
    return versions.same_version(one.replace("_", "-"), other)


def _purelib(dist_info: str, names: "Collection[str]", read: "Callable[[str], bytes]", issues: list[str]) -> bool:
    path = f"{dist_info}/{WHEEL}"
    if path not in names:
        issues.append(f"`{path}` is missing")
        return True
    try:
        return wheel_file.parse(read(path)).purelib
    except Malformed as error:
        issues.append(error.message)
        return True


def _scripts(
    dist_info: str, names: "Collection[str]", read: "Callable[[str], bytes]", issues: list[str]
) -> "tuple[Pairs, Pairs]":
    path = f"{dist_info}/{ENTRY_POINTS}"
    if path not in names:
        return (), ()
    try:
        return entry_points.scripts(read(path))
    except Malformed as error:
        issues += error.issues or (error.message,)
        return (), ()


class Recorded:
    """The RECORD of a wheel, to hold its files against."""

    __slots__ = ("_exempt", "_rows")

    def __init__(self, rows: "Mapping[str, tuple[str, str]]", exempt: "Collection[str]") -> None:
        self._rows: Final = rows
        self._exempt: Final = exempt

    def has(self, path: str, size: int, raw: bytes) -> bool:
        """Return whether a file of this size and sha256 is plainly what its row says; `fault` tells what is wrong if not."""
        field, length = self._rows.get(path, _NO_ROW)
        return length == str(size) and field == record.sha256_field(raw)

    def fault(self, path: str, size: int, raw: bytes, digest: "Callable[[str], bytes]") -> str:
        """Return how a file differs from its row, or "" (also for one that has none: `recorded` has told that).

        `raw` is its sha256, `digest` computes another hash of it.
        """
        row = self._rows.get(path)
        if row is None:
            return ""
        field, length = row
        if length and length != str(size) and whole(length) != size:
            return f"`{shown(path)}` has {size} bytes, where RECORD says {shown(length)}"
        if path in self._exempt or field == record.hash_field(raw.hex()):
            return ""
        return self._hash_fault(path, field, digest)

    def doubt(self, path: str) -> str:
        """Return why the row of a file without `fault` proves nothing of its content, or "": no hash, or a weak one."""
        row = self._rows.get(path)
        if row is None or path in self._exempt:
            return ""
        said = record.digest_of(row[0])
        if said is None:
            return "no hash"
        return f"only a hash of {said.algorithm}" if said.algorithm in _WEAK else ""

    @staticmethod
    def _hash_fault(path: str, field: str, digest: "Callable[[str], bytes]") -> str:
        try:
            said = record.digest_of(field)
        except record.InvalidRecord:
            return f"`{shown(path)}` has `{shown(field)}` in RECORD, which is no hash"
        if said is None:
            return ""
        try:
            found = digest(said.algorithm).hex()
        except ValueError:
            return f"`{shown(path)}` has a hash of the unknown kind `{shown(said.algorithm)}` in RECORD"
        if found == said.hex:
            return ""
        return f"`{shown(path)}` has {said.algorithm} {found}, where RECORD says {said.hex}"


def recorded(dist_info: str, names: "Collection[str]", read: "Callable[[str], bytes]", issues: list[str]) -> Recorded:
    """Return the RECORD of a wheel; missing and unlisted files are added to `issues`."""
    path = f"{dist_info}/{RECORD}"
    exempt = {path, *(f"{dist_info}/{name}" for name in SIGNATURES)}
    if path not in names:
        issues.append(f"`{path}` is missing")
        return Recorded({}, exempt)
    try:
        rows = record.parse(read(path))
    except record.InvalidRecord as error:
        issues.append(": ".join((error.message, *map(shown, error.issues))))
        return Recorded({}, names)
    # some tools list directories, too
    files = {row[0]: (row[1], row[2]) for row in rows if not row[0].endswith("/")}
    listed = {row[0]: row[1:] for row in reversed(rows)}
    issues += [f"`{shown(name)}` has two rows in RECORD" for name, row in files.items() if listed[name] != row]
    issues += [f"`{shown(name)}` is in RECORD, and not in the wheel" for name in files if name not in names]
    issues += [f"`{shown(name)}` is not in RECORD" for name in names if name not in files and name not in exempt]
    return Recorded(files, exempt)
