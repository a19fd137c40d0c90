"""Whether what an environment holds is what was installed: every file against its RECORD, every script against its shebang.

Laws of this file: it reads and changes nothing. Findings are values; to mend them is a plan that installs the packages named
there anew. `pip` and uv have no such command: half a package is a package to them.
"""

import hashlib
import os
import stat

from commonwheel.install.history import STATE
from commonwheel.install.scripts import interpreter_in
from commonwheel.model import Value
from commonwheel.specs import record
from commonwheel.specs.numbers import whole
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from typing import Final

    from commonwheel.model import Environment, Installed

    Row = tuple[str, str, str]

ALTERED, MISSING, FOREIGN, HALF, SHADOWED = "altered", "missing", "foreign", "half-installed", "shadowed"
WRONG_MODE, DANGLING, BROKEN_SCRIPT, MOVED = "wrong-mode", "dangling-link", "broken-script", "moved"
KINDS = (ALTERED, MISSING, FOREIGN, HALF, SHADOWED, WRONG_MODE, DANGLING, BROKEN_SCRIPT, MOVED)
# what an interpreter or an installer leaves beside packages without listing it
_UNLISTED = frozenset({"__pycache__", STATE, ".lock", "_virtualenv.py", "_virtualenv.pth", "distutils-precedence.pth"})
_ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})


class Finding(Value):
    """One thing that is not as it should be: a kind of KINDS, the package ("" for none), the path, and what about it."""

    __slots__ = ("detail", "kind", "package", "path")

    def __init__(self, kind: str, package: str, path: str, detail: str = "") -> None:
        self.kind: Final = kind
        self.package: Final = package
        self.path: Final = path
        self.detail: Final = detail


def environment(environment: "Environment", installed: "Sequence[Installed]") -> "tuple[Finding, ...]":
    """Return everything that is wrong with the packages and scripts of an environment, packages in order of names."""
    check = _Check(environment)
    for one in sorted((one for one in installed if one.own), key=lambda one: one.name):
        check.package(one)
    check.foreign()
    check.doubled(installed)
    return (*check.found, *scripts(environment))


def to_reinstall(findings: "Sequence[Finding]") -> "tuple[str, ...]":
    """Return the names of the packages that a reinstallation would mend."""
    mendable = {ALTERED, MISSING, HALF, WRONG_MODE, DANGLING, BROKEN_SCRIPT}
    return tuple(sorted({one.package for one in findings if one.package and one.kind in mendable}))


def is_sound(location: str) -> bool:
    """Return whether a distribution is whole: its RECORD is there, and every file has the size and hash that it tells."""
    site = location.rpartition("/")[0]
    try:
        rows = record.parse(_read(f"{location}/RECORD"))
    except (OSError, Malformed):
        return False
    return bool(rows) and all(not fault for _, _, fault in _faults(rows, site))


class _Check:
    """All findings about an environment, and who lists which path."""

    def __init__(self, environment: "Environment") -> None:
        self.found: list[Finding] = []
        self._environment = environment
        self._owners: dict[str, tuple[str, str]] = {}

    def package(self, one: "Installed") -> None:
        """Hold one distribution against its RECORD."""
        if one.form != "dist-info":
            return
        rows = self._rows(one)
        if rows is None:
            return
        for row, path, fault in _faults(rows, one.site):
            owner, digest = self._owners.setdefault(path, (one.name, row[1]))
            if owner != one.name and digest != row[1]:
                self.found.append(Finding(SHADOWED, one.name, path, f"`{owner}` lists it with different content"))
            elif fault:
                kind, _, detail = fault.partition(": ")
                self.found.append(Finding(kind, one.name, path, detail))

    def _rows(self, one: "Installed") -> "list[Row] | None":
        for name in ("METADATA", "RECORD"):
            if not os.path.lexists(f"{one.location}/{name}"):
                if one.installer == "conda" and name == "RECORD":
                    return None
                self.found.append(
                    Finding(HALF, one.name, f"{one.location}/{name}", "an installation ended before its end")
                )
                return None
        try:
            return record.parse(_read(f"{one.location}/RECORD"))
        except Malformed as error:
            self.found.append(Finding(HALF, one.name, f"{one.location}/RECORD", error.message))
            return None

    def foreign(self) -> None:
        """Find files beside and inside the packages that none of them lists."""
        listed = self._owners.keys()
        within: set[str] = set()
        for path in listed:
            directory = os.path.dirname(path)
            while directory not in within and directory:
                within.add(directory)
                directory = os.path.dirname(directory)
        for site in dict.fromkeys((self._environment.paths["purelib"], self._environment.paths["platlib"])):
            for path in _unlisted(site, listed, within):
                self.found.append(Finding(FOREIGN, "", path, "no package lists it"))

    def doubled(self, installed: "Sequence[Installed]") -> None:
        """Find distributions that are there twice, or hide one of a layer below."""
        seen: dict[str, Installed] = {}
        for one in installed:
            first = seen.setdefault(one.name, one)
            if first is not one:
                which = "is installed twice" if one.own else f"hides version {one.version} of a layer below"
                self.found.append(Finding(SHADOWED, one.name, one.location, f"{first.version} {which}"))


def _faults(rows: "Sequence[Row]", site: str) -> "Iterator[tuple[Row, str, str]]":
    """Yield each row with its path and what is wrong with it: `kind: detail`, or ""."""
    links = tuple([f"{row[0]}/" for row in rows if not row[1] and os.path.islink(f"{site}/{row[0]}")])
    for row in rows:
        path = f"{site}/{row[0]}"
        path = os.path.normpath(path) if ".." in row[0] else path
        yield row, path, _fault(row, path, folded=bool(links) and row[0].startswith(links))


def _fault(row: "Row", path: str, *, folded: bool) -> str:
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            return f"{DANGLING}: leads to `{os.readlink(path)}`, which is not there"
        # compiled files come and go
        return "" if path.endswith(".pyc") else f"{MISSING}: RECORD lists it"
    except OSError as error:
        return f"{MISSING}: {error.strerror}"
    if not row[1] or stat.S_ISDIR(facts.st_mode):
        return ""
    size = whole(row[2])
    if size is not None and size != facts.st_size:
        return f"{ALTERED}: {facts.st_size} bytes instead of {row[2]}"
    algorithm, _, _ = row[1].partition("=")
    if algorithm in _ALGORITHMS and _hash(path, algorithm) != row[1]:
        return f"{ALTERED}: another content than RECORD says"
    if not folded and facts.st_mode & stat.S_IWOTH and not os.path.islink(path):
        return f"{WRONG_MODE}: everybody may write it"
    if not facts.st_mode & stat.S_IRUSR:
        return f"{WRONG_MODE}: its owner may not read it"
    return ""


def _hash(path: str, algorithm: str) -> str:
    with open(path, "rb") as file:
        return record.hash_field(hashlib.file_digest(file, algorithm).hexdigest(), algorithm)


def _unlisted(directory: str, listed: "Container[str]", within: "set[str]") -> "Iterator[str]":
    with os.scandir(directory) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name in _UNLISTED or entry.name.startswith((".tmp-", ".trash-")) or entry.path in listed:
            continue
        if entry.is_dir(follow_symlinks=False) and (entry.path in within or not entry.name.endswith(".dist-info")):
            yield from _unlisted(entry.path, listed, within)
        elif not entry.name.endswith(".pyc"):
            yield entry.path


# --- scripts -------------------------------------------------------------------------------------------------------


def scripts(environment: "Environment") -> "tuple[Finding, ...]":
    """Return scripts whose interpreter is gone, and whether the environment was moved since they were written."""
    directory = environment.paths["scripts"]
    found = []
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return ()
    for name in names:
        path = f"{directory}/{name}"
        interpreter = _interpreter(path)
        if not interpreter or os.path.exists(interpreter):
            continue
        if os.path.basename(os.path.dirname(interpreter)) == os.path.basename(directory) and os.path.exists(
            f"{directory}/{os.path.basename(interpreter)}"
        ):
            found.append(Finding(MOVED, "", path, f"starts `{interpreter}`, where this environment was once"))
        else:
            found.append(Finding(BROKEN_SCRIPT, "", path, f"starts `{interpreter}`, which is not there"))
    return tuple(found)


def _interpreter(path: str) -> str:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            return interpreter_in(file.read(4096))
    except OSError:
        return ""


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def scars(environment: "Environment") -> "list[str]":
    """Return a sentence for each broken script, dangling link, or sign of a move of an environment."""
    found = [f"The script `{one.path}` {one.detail}" for one in scripts(environment)]
    for site in dict.fromkeys((environment.paths["purelib"], environment.paths["platlib"])):
        found += [f"The link `{path}` leads to `{target}`, which is gone" for path, target in _dangling(site)]
    return found


def _dangling(directory: str) -> "list[tuple[str, str]]":
    """Return the links at the top of a directory that lead nowhere, and where they lead."""
    try:
        with os.scandir(directory) as scan:
            paths = [one.path for one in scan if one.is_symlink() and not os.path.exists(one.path)]
    except OSError:
        return []
    return [(path, os.readlink(path)) for path in sorted(paths)]
