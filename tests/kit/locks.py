"""Locks of small random projects, made by uv and by us, in a form in which they can be compared.

A project has dependencies, extras, groups and settings, and an index of a few small packages with markers everywhere. uv
takes the packages from a directory, or from a loopback index where versions demand Pythons (only an index tells it before
it reads the wheel); our resolver takes them from `kit.fake_catalogue`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commonwheel.events import Silence
from commonwheel.model import Metadata, PathSource, Requirement, Target
from commonwheel.resolve.locked import Item, Member, Scheme
from commonwheel.resolve.locking import solve_lock
from commonwheel.resolve.report import NoSolution
from commonwheel.resolve.request import Inputs
from kit.fake_catalogue import FakeCatalogue, requirement
from kit.index_server import IndexServer
from kit.wheels import wheel_bytes, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonwheel.resolve.locked import Edge

    Index = Mapping[str, Mapping[str, Any]]
    Seen = dict[str, object]

UV = os.path.join(os.path.dirname(sys.executable), "uv")

OLD_AND_NEW = [
    ("python_version < '3.9'", "python_version >= '3.9'"),
    ("python_version < '3.10'", "python_version >= '3.10'"),
    ("sys_platform == 'win32'", "sys_platform != 'win32'"),
    ("sys_platform == 'linux'", "sys_platform != 'linux'"),
    ("sys_platform == 'win32' and python_version >= '3.9'", "sys_platform != 'win32' or python_version < '3.9'"),
]
MARKERS = [
    *(one for pair in OLD_AND_NEW[:4] for one in pair), "python_version >= '3.12'", "python_version == '3.9'",
    "sys_platform == 'darwin'", "platform_machine == 'arm64'", "platform_machine != 'arm64' and sys_platform == 'linux'",
]  # fmt: skip


def project(
    dependencies: Sequence[str],
    *,
    python: str = ">=3.8",
    extras: Mapping[str, Sequence[str]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    settings: str = "",
) -> str:
    """Return the text of a pyproject.toml."""
    text = (
        f'[project]\nname = "root"\nversion = "1"\nrequires-python = "{python}"\ndependencies = {list(dependencies)}\n'
    )
    if extras:
        text += "[project.optional-dependencies]\n" + "".join(f"{k} = {list(v)}\n" for k, v in extras.items())
    if groups:
        text += "[dependency-groups]\n" + "".join(f"{k} = {list(v)}\n" for k, v in groups.items())
    return text + (f"[tool.uv]\n{settings}" if settings else "")


@dataclass
class Chances:
    """How probable it is that a random project has these."""

    pythons: float = 0.0
    environments: float = 0.1
    conflicts: float = 0.0


class Case:
    """A random project with its index; the same for the same seed."""

    def __init__(self, seed: int, chances: Chances) -> None:
        self._pick = random.Random(seed)
        self._names = [f"p{i}" for i in range(self._pick.randint(3, 7))]
        self.index: dict[str, dict[str, Any]] = {name: self._versions(name, chances) for name in self._names}
        self.text = self._project(chances)

    def _chance(self, probability: float) -> bool:
        return self._pick.random() < probability

    def _versions(self, name: str, chances: Chances) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for major in range(1, self._pick.randint(1, 5) + 1):
            what: dict[str, Any] = {"requires": self._needs(name, self._pick.choice([0, 0, 1, 1, 2])), "extras": ["e"]}
            if self._chance(chances.pythons):
                what["python"] = self._pick.choice([">=3.9", ">=3.10", ">=3.11", ">=3.8,<4"])
            found[f"{major}.0"] = what
        return found

    def _project(self, chances: Chances) -> str:
        extras = groups = None
        dependencies = self._needs("", self._pick.choice([1, 2, 3]))
        if self._chance(0.5):
            extras = {extra: self._needs("", self._pick.choice([0, 1, 2])) for extra in "xy"}
            if self._chance(0.3):
                extras["y"].append("root[x]")
        if self._chance(0.5):
            groups = {group: self._needs("", self._pick.choice([0, 1, 2])) for group in ("dev", "g")}
        return project(
            dependencies,
            python=self._pick.choice([">=3.8", ">=3.8", ">=3.9", ">=3.8,<3.13"]),
            extras=extras,
            groups=groups,
            settings=self._settings(chances, bool(extras), bool(groups)),
        )

    def _settings(self, chances: Chances, extras: bool, groups: bool) -> str:
        text = ""
        if self._chance(0.15):
            text += 'fork-strategy = "fewest"\n'
        if self._chance(0.15):
            text += f'resolution = "{self._pick.choice(["lowest", "lowest-direct"])}"\n'
        if self._chance(0.2):
            text += f"constraint-dependencies = {self._needs('', 1)}\n"
        if self._chance(chances.environments):
            text += (
                f"environments = {list(self._pick.choice([(OLD_AND_NEW[3][0],), OLD_AND_NEW[1], OLD_AND_NEW[2]]))}\n"
            )
        if self._chance(chances.conflicts):
            items = ['{ extra = "x" }', '{ extra = "y" }'] if extras else []
            items += ['{ group = "dev" }', '{ group = "g" }'] if groups else []
            if items:
                text += f"conflicts = [[{', '.join(items[:2])}]]\n"
        return text

    def _needs(self, own: str, count: int) -> list[str]:
        found: list[str] = []
        for _ in range(count):
            name = self._pick.choice([one for one in self._names if one != own])
            if self._chance(0.3):
                found += self._siblings(name)
                continue
            extra = "[e]" if self._chance(0.15) else ""
            specifier = self._pick.choice(["", "", ">=1.0", "<3.0", "!=2.0", ">=2.0", "==2.0", "<4.0"])
            marker = self._pick.choice(["", "", "", *MARKERS])
            if own and self._chance(0.2):
                marker = f"({marker}) and extra == 'e'" if marker else "extra == 'e'"
            found.append(f"{name}{extra}{specifier}" + (f" ; {marker}" if marker else ""))
        return found

    def _siblings(self, name: str) -> list[str]:
        """Return two requirements on one project under different markers."""
        old, new = self._pick.choice(OLD_AND_NEW)
        bound = self._pick.randint(1, 4)
        return self._pick.choice(
            [
                [f"{name}<={bound}.0 ; {old}", f"{name}>={bound}.0 ; {new}"],
                [f"{name} ; {old}", f"{name}[e] ; {new}"],
                [name, f"{name}>1.0 ; {old}"],
                [f"{name} ; {old}", f"{name}<4 ; {self._pick.choice(MARKERS)}"],
            ]
        )


_cache = tempfile.TemporaryDirectory(prefix="cw-uv-cache-")

# --- uv ---------------------------------------------------------------------------------------------------------------


def uv_lock(text: str, index: Index, *, served: bool = False) -> Seen | str:
    """Return what uv locks, or what it says when it cannot; `served` takes the packages from a loopback index."""
    with tempfile.TemporaryDirectory() as place, IndexServer() as server:
        links = os.path.join(place, "links")
        os.mkdir(links)
        for filename, data, python in _wheels(index):
            server.add(filename, data, requires_python=python)
            with open(os.path.join(links, filename), "wb") as file:
                file.write(data)
        with open(os.path.join(place, "pyproject.toml"), "w") as file:
            file.write(text)
        where = ["--default-index", server.url] if served else ["--offline", "--no-index", "--find-links", links]
        # what uv asked an interpreter, it need not ask again; pages of an index that is gone it must not remember
        cache = os.path.join(place, "cache") if served else _cache.name
        words = [UV, "lock", *where, "--python", sys.executable, "--cache-dir", cache]
        ran = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
        if ran.returncode:
            assert "No solution found" in ran.stderr, ran.stderr
            return ran.stderr
        with open(os.path.join(place, "uv.lock"), "rb") as file:
            return _seen_in_lock(tomllib.load(file))


def _wheels(index: Index) -> Iterable[tuple[str, bytes, str | None]]:
    for name, versions in index.items():
        for version, what in versions.items():
            table = what if isinstance(what, dict) else {"requires": what}
            extras = dict.fromkeys(table.get("extras", ()))
            extras.update((one.partition("extra == '")[2][:-1], None) for one in table["requires"] if "extra ==" in one)
            python = table.get("python")
            data = wheel_bytes(
                name, version, requires=table["requires"], extras=extras, requires_python=python or ""
            )  # fmt: skip
            for tag in table.get("tags", ("py3-none-any",)):
                yield wheel_filename(name, version, tag), data, python


def _seen_in_lock(lock: dict[str, Any]) -> Seen:
    def entries(table: Iterable[dict[str, Any]]) -> list[tuple[object, ...]]:
        return [(e["name"], e.get("version", ""), tuple(e.get("extra", ())), e.get("marker", "")) for e in table]

    seen: Seen = {key: lock.get(key, []) for key in ("resolution-markers", "supported-markers", "required-markers")}
    for package in lock["package"]:
        seen[f"{package['name']} {package['version']}"] = {
            "forks": package.get("resolution-markers", []),
            "dependencies": entries(package.get("dependencies", ())),
            "extras": {k: entries(v) for k, v in package.get("optional-dependencies", {}).items()},
            "groups": {k: entries(v) for k, v in package.get("dev-dependencies", {}).items()},
        }
    return seen


# --- ours -------------------------------------------------------------------------------------------------------------


def our_lock(text: str, index: Index) -> Seen | str:
    """Return what our resolver makes of the same project, or what it says when there is no solution."""
    try:
        offers = FakeCatalogue({name: dict(known) for name, known in index.items()}, "99")
        lock = solve_lock(*asked(text), offers, Silence(), lambda name, version: _coverage(index[name][version]))
    except NoSolution as failure:
        return "\n".join(failure.context)
    names = [package.name for package in lock.packages]

    def entries(edges: Iterable[Edge]) -> list[tuple[object, ...]]:
        return [(e.name, e.version if names.count(e.name) > 1 else "", e.extras, e.marker) for e in edges]

    seen: Seen = {"resolution-markers": list(lock.forks), "supported-markers": list(lock.supported)}
    seen["required-markers"] = list(lock.required)
    for package in lock.packages:
        seen[f"{package.name} {package.version}"] = {
            "forks": list(package.forks),
            "dependencies": entries(package.dependencies),
            "extras": {k: entries(v) for k, v in package.optional.items()},
            "groups": {k: entries(v) for k, v in package.groups.items()},
        }
    return seen


_PLATFORMS = {
    "manylinux": "os_name == 'posix' and sys_platform == 'linux'",
    "win": "os_name == 'nt' and sys_platform == 'win32'",
    "macosx": "os_name == 'posix' and sys_platform == 'darwin'",
}
# each system has one name for a machine
_MACHINES = {"x86_64": "x86_64", "amd64": "AMD64", "arm64": "arm64"}


def _coverage(what: Any) -> str:
    """Return the marker of where the wheels of a version can be installed."""
    tags = what.get("tags", ()) if isinstance(what, dict) else ()
    found = []
    for tag in tags:
        platform = tag.split("-")[2]
        machine = next(name for end, name in _MACHINES.items() if platform.endswith(end))
        found.append(f"({_PLATFORMS[platform.partition('_')[0]]} and platform_machine == '{machine}')")
    return " or ".join(found)


def asked(text: str) -> tuple[Inputs, Scheme]:
    """Return what a pyproject.toml asks of a lock."""
    table = tomllib.loads(text)
    settings = table.get("tool", {}).get("uv", {})
    groups = {name: tuple(map(requirement, lines)) for name, lines in table.get("dependency-groups", {}).items()}
    own = table.get("project", {})
    members = []
    if own:
        requires = [requirement(line) for line in own["dependencies"]]
        extras = own.get("optional-dependencies", {})
        for extra, lines in extras.items():
            for line in lines:
                one = requirement(line)
                marker = f"({one.marker}) and extra == '{extra}'" if one.marker else f"extra == '{extra}'"
                requires.append(one.replaced(marker=marker))
        metadata = Metadata("root", own["version"], tuple(requires), own["requires-python"], tuple(extras))
        members.append(Member(Requirement("root", source=PathSource("/root")), metadata, groups))
    conflicts = [
        sorted(
            (
                Item(i.get("package", "root"), extra=i.get("extra", ""), group=i.get("group", ""))
                for i in items
            ),
            key=lambda item: item.variable,
        )
        for items in settings.get("conflicts", ())
    ]  # fmt: skip
    scheme = Scheme(
        own.get("requires-python", ">=3.11"),
        tuple(members),
        groups={} if own else groups,
        environments=tuple(settings.get("environments", ())),
        required_environments=tuple(settings.get("required-environments", ())),
        conflicts=tuple(map(tuple, conflicts)),
        fork_strategy=settings.get("fork-strategy", "requires-python"),
    )
    inputs = Inputs(
        (),
        Target({}, ()),
        resolution=settings.get("resolution", "highest"),
        constraints=tuple(map(requirement, settings.get("constraint-dependencies", ()))),
        overrides=tuple(map(requirement, settings.get("override-dependencies", ()))),
    )
    return inputs, scheme


# --- both ---------------------------------------------------------------------------------------------------------------


def differences(text: str, index: Index, *, served: bool = False) -> list[str] | None:
    """Return where the two locks differ, each as a text; None if neither tool finds a solution."""
    theirs, ours = uv_lock(text, index, served=served), our_lock(text, index)
    if isinstance(theirs, str) or isinstance(ours, str):
        if isinstance(theirs, str) and isinstance(ours, str):
            return None
        return [f"uv: {theirs}\ncw: {ours}"]
    return [
        f"{key}\n  uv: {theirs.get(key)}\n  cw: {ours.get(key)}"
        for key in {**theirs, **ours}
        if theirs.get(key) != ours.get(key)
    ]
