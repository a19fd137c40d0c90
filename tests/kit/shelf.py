"""Entries and environments made by hand: what the install room gets from the store and from python, without either.

`Shelf(directory)` is a small store: `shelf.add("demo", "1.0", {"demo/__init__.py": "x = 1\\n"})` writes an unpacked wheel with the
modes that a store gives (0444, 0555) and returns its `model.Entry`. `environment(directory)` makes the directories of one.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING

from commonwheel.model import Entry, Environment, Installed, Interpreter, Pin
from commonwheel.specs import installed as specs_installed
from kit.wheels import metadata_text, record_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Row = tuple[str, int, str, bool]


class Shelf:
    """A store of entries in a directory; the `Shelf` that `install.layout` asks."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._rows: dict[str, list[Row]] = {}
        self._entries: dict[str, Entry] = {}
        self.files_asked = 0
        self.doubtful: set[str] = set()

    def add(
        self,
        name: str,
        version: str = "1.0",
        files: Mapping[str, str | bytes] | None = None,
        *,
        data: Mapping[str, str | bytes] | None = None,
        executable: Iterable[str] = (),
        console: Sequence[tuple[str, str]] = (),
        foldable: Sequence[str] | None = None,
        unfolded: str = "",
        purelib: bool = True,
        trusted: bool = True,
        mine: bool = True,
        record: str | None = None,
        info_files: Mapping[str, str | bytes] | None = None,
    ) -> Entry:
        """Write an unpacked wheel and return its entry; `data` is below its `.data` directory."""
        stem = f"{name.replace('-', '_')}-{version}"
        info = f"{stem}.dist-info"
        if files is None:
            files = {f"{name}/__init__.py": f"version = {version!r}\n", f"{name}/sub/mod.py": f"# {name} {version}\n"}
        content = {path: _bytes(text) for path, text in files.items()}
        content |= {f"{stem}.data/{path}": _bytes(text) for path, text in (data or {}).items()}
        content |= {f"{info}/{path}": _bytes(text) for path, text in (info_files or {}).items()}
        content[f"{info}/METADATA"] = metadata_text(name, version).encode()
        content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nTag: py3-none-any\n"
        text = "".join(f"{record_row(path, body)}\n" for path, body in content.items()) + f"{info}/RECORD,,\n"
        content[f"{info}/RECORD"] = (text if record is None else record).encode()
        digest = hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()
        root = os.path.join(self.directory, "v1", "entries", digest[:2], digest)
        tree = os.path.join(root, "tree")
        rows = []
        runnable = {*executable, *(f"{stem}.data/{path}" for path in executable)}
        for path, body in sorted(content.items()):
            target = os.path.join(tree, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.exists(target):
                with open(target, "wb") as file:
                    file.write(body)
                os.chmod(target, 0o555 if path in runnable else 0o444)
            rows.append((path, len(body), hashlib.sha256(body).hexdigest(), path in runnable))
        self._rows[digest] = rows
        if foldable is None:
            foldable = sorted({path.split("/")[0] for path in files if path.count("/") and _owns(path, files)})
        self._entries[digest] = Entry(
            digest, root, tree, name, version, info, f"{stem}.data" if data else "", purelib, tuple(console), (),
            () if unfolded else tuple(foldable), unfolded, len(rows), sum(row[1] for row in rows), trusted, mine,
        )  # fmt: skip
        return self._entries[digest]

    def entry(self, digest: str) -> Entry:
        """Return the entry of a wheel."""
        return self._entries[digest]

    def files(self, entry: Entry) -> list[Row]:
        self.files_asked += 1
        return self._rows[entry.digest]

    def directories(
        self, entry: Entry, part: int = 0, parts: int = 1, *, look: bool = True
    ) -> Iterator[tuple[str, int, list[str], frozenset[str], bool]]:
        rows = self._rows[entry.digest]
        found: dict[str, list[Row]] = {"": []}
        for row in rows[len(rows) * part // parts : len(rows) * (part + 1) // parts]:
            steps = row[0].split("/")[:-1]
            for count in range(len(steps)):
                found.setdefault("/".join(steps[: count + 1]), [])
            found["/".join(steps)].append(row)
        for directory, inner in found.items():
            names = [row[0].rpartition("/")[2] for row in inner]
            runnable = frozenset(row[0].rpartition("/")[2] for row in inner if row[3])
            yield directory, -1, names, runnable, not look or entry.name not in self.doubtful

    def loose(self, entry: Entry) -> list[Row]:
        inside = tuple(f"{path}/" for path in entry.foldable)
        return [row for row in self._rows[entry.digest] if not row[0].startswith(inside)]


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _owns(path: str, files: Mapping[str, str | bytes]) -> bool:
    return f"{path.split('/', maxsplit=1)[0]}/__init__.py" in files


@cache
def _program() -> str:
    """Return a program that a link may lead to: a copy, since a test that harms what it finds must not harm this machine."""
    directory = tempfile.mkdtemp(prefix="cw-shelf-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    os.chmod(directory, 0o755)
    return shutil.copy("/usr/bin/env", directory)


def environment(root: str, kind: str = "venv", *, relocatable: bool = False) -> Environment:
    """Make the directories of an environment and return it; for kinds `venv`, `conda`, `prefix` and `target`."""
    site = f"{root}/lib/python3.11/site-packages"
    paths = {
        "purelib": site, "platlib": site, "scripts": f"{root}/bin", "data": root,
        "include": f"{root}/include/site/python3.11",
    }  # fmt: skip
    if kind == "target":
        paths |= {"purelib": root, "platlib": root, "include": f"{root}/include"}
    os.makedirs(paths["purelib"], exist_ok=True)
    if kind in {"venv", "conda"}:
        os.makedirs(f"{root}/bin", exist_ok=True)
        if not os.path.lexists(f"{root}/bin/python"):
            os.symlink(_program(), f"{root}/bin/python")
    executable = f"{root}/bin/python" if kind in {"venv", "conda"} else sys.executable
    interpreter = Interpreter(
        executable, (3, 11, 7), "cpython", root, "/usr", "/usr/bin/python3", paths, (), {}, ("py3-none-any",)
    )
    return Environment(root, kind, interpreter, paths, relocatable=relocatable)


def installed(environment: Environment) -> tuple[Installed, ...]:
    """Return what an environment holds, as `python.environment` would: dist-info directories and egg-links."""
    site = environment.paths["purelib"]
    found = []
    for name in sorted(os.listdir(site)):
        location = f"{site}/{name}"
        if name.endswith(".dist-info"):
            found.append(
                specs_installed.read(
                    location,
                    installer=_text(f"{location}/INSTALLER"),
                    requested=os.path.exists(f"{location}/REQUESTED"),
                    direct_url=_text(f"{location}/direct_url.json"),
                )
            )
        elif name.endswith(".egg-link"):
            found.append(Installed(name[:-9], "0", location, "egg-link", site))
    return tuple(found)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def pins(*entries: Entry, requested: bool = False) -> tuple[Pin, ...]:
    """Return a pin for each entry."""
    return tuple(Pin(entry.name, entry.version, requested=requested) for entry in entries)


def portrait(root: str, *, ignoring: Iterable[str] = (".cw",)) -> dict[str, tuple[str, str]]:
    """Return every path below `root` with its kind and mode, and its content: two equal portraits are equal trees."""
    found: dict[str, tuple[str, str]] = {}
    skipped = set(ignoring)
    pending = [""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(root, directory)) as scan:
            for entry in scan:
                path = os.path.join(directory, entry.name)
                if path in skipped:
                    continue
                mode = entry.stat(follow_symlinks=False).st_mode
                if entry.is_symlink():
                    found[path] = ("link", os.readlink(entry.path))
                elif entry.is_dir():
                    found[path] = (f"{mode:o}", "")
                    pending.append(path)
                else:
                    with open(entry.path, "rb") as file:
                        found[path] = (f"{mode:o}", hashlib.sha256(file.read()).hexdigest())
    return found
