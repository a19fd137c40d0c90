"""Stores for tests: real ones, on a real disk, with a reporter that remembers what it was told."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from commonwheel.model import Digest
from commonwheel.store.ingest import Ingest
from commonwheel.store.layers import Layer
from commonwheel.store.store import Store
from commonwheel.store.trust import Trust
from kit.wheels import make_wheel, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from commonwheel.fs.files import NewFile
    from commonwheel.model import Entry
    from commonwheel.store.header import Header


class Heard:
    """A reporter that remembers its notes."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []

    def note(self, level: str, message: str) -> None:
        self.notes.append((level, message))

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        return 0

    def advance(self, task: int, amount: int = 1) -> None:
        pass

    def end(self, task: int) -> None:
        pass

    @property
    def warnings(self) -> list[str]:
        return [message for level, message in self.notes if level == "warning"]


def open_store(
    *roots: str, trust: Sequence[str] = (), read_only: Sequence[str] = (), heard: Heard | None = None
) -> Store:
    """Open a store with these layers, as a session does."""
    believed = Trust(trust)
    layers = tuple(Layer(root, believed, read_only=root in read_only) for root in roots)
    return Store(layers, heard or Heard(), Ingest)


def filled_with(data: bytes, calls: list[Any] | None = None) -> Callable[[NewFile], None]:
    """Return a `fill` that writes these bytes in three parts, and counts how often it is called."""

    def fill(file: NewFile) -> None:
        if calls is not None:
            calls.append(1)
        third = len(data) // 3 + 1
        for at in range(0, len(data), third):
            file.write(data[at : at + third])

    return fill


def admit(store: Store, path: str, *digests: Digest, filename: str | None = None, private: bool = False) -> Entry:
    """Let the wheel at `path` in as if it came from an index that names its sha256."""
    with open(path, "rb") as file:
        data = file.read()
    expected = digests or (Digest("sha256", sha256_of(path)),)
    return store.admit(
        filled_with(data), filename=filename or os.path.basename(path), expected=expected, private=private
    )


def found(store: Store, digest: str) -> Entry:
    """Return an entry that must be there."""
    entry = store.find(digest)
    assert entry is not None
    return entry


def ready(store: Store, digest: str) -> Entry:
    """Return an entry that must be there and sound."""
    entry = store.ready(digest)
    assert entry is not None
    return entry


def header_of(store: Store, entry: Entry) -> Header:
    """Return the header of an entry that must have one."""
    said = store.header(entry)
    assert said is not None
    return said


def let_go(child: subprocess.Popen[str]) -> None:
    """Send a line to a child that waits for it."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def demo_wheel(directory: str | os.PathLike[str], name: str = "demo", version: str = "1.0") -> str:
    """Make a wheel with a package, a program, a script of its own and a data file."""
    return make_wheel(
        directory,
        name,
        version,
        {
            f"{name}/__init__.py": f'__version__ = "{version}"\n',
            f"{name}/inner/__init__.py": "",
            f"{name}/inner/tool": "#!/bin/sh\n",
            f"{name}/data.txt": "data\n" * 100,
        },
        requires=["other >=1 ; extra == 'more'", "third"],
        requires_python=">=3.8",
        extras=["more"],
        entry_points={"console_scripts": {name: f"{name}:main"}},
        data={"scripts/run-it": "#!python\nprint(1)\n", "data/share/it.txt": "x\n"},
        executable=[f"{name}/inner/tool"],
    )


def everything_below(root: str) -> Iterator[str]:
    """Yield every path below a directory, relative, sorted within each directory."""
    for directory, names, files in os.walk(root):
        for name in sorted((*names, *files)):
            yield os.path.relpath(os.path.join(directory, name), root)


def leftovers(root: str) -> list[str]:
    """Return what is unfinished or on its way out below a store's root."""
    return [path for path in everything_below(root) if path.rpartition("/")[2].startswith((".tmp-", ".trash-"))]
