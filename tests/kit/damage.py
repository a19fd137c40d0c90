"""Damage to an entry of a store, in every way that was seen in the field (FIELD.md B3-B5): each takes the entry's directory.

All of it is done as root, who is not kept out by modes; the package inside is `demo` of `stores.demo_wheel`.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from kit.stores import everything_below

if TYPE_CHECKING:
    from collections.abc import Callable


def flip(path: str) -> None:
    facts_ = os.lstat(path)
    with open(path, "r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(facts_.st_atime_ns, facts_.st_mtime_ns + 1_000_000_000))


def unlocked(directory: str) -> str:
    os.chmod(directory, 0o755)
    return directory


def empty(tree: str) -> None:
    for name in everything_below(tree):
        if os.path.isfile(f"{tree}/{name}"):
            unlocked(os.path.dirname(f"{tree}/{name}"))
            os.unlink(f"{tree}/{name}")


def remove(path: str) -> None:
    unlocked(os.path.dirname(path))
    os.unlink(path)


def add(path: str) -> None:
    unlocked(os.path.dirname(path))
    with open(path, "w"):
        pass


def replace_by_link(path: str) -> None:
    remove(path)
    os.symlink("/etc/passwd", path)


def replace_by_pipe(path: str) -> None:
    remove(path)
    os.mkfifo(path, 0o444)


def replace_by_name_of(path: str, other: str) -> None:
    remove(path)
    os.link(other, path)


def half_delete(root: str) -> None:
    os.unlink(f"{root}/files.txt")
    empty(f"{root}/tree")


def empty_entry(root: str) -> None:
    shutil.rmtree(unlocked(root))
    os.mkdir(root)


DAMAGE: dict[str, Callable[[str], object]] = {
    "truncated file": lambda root: os.truncate(f"{root}/tree/demo/data.txt", 3),
    "empty file": lambda root: os.truncate(f"{root}/tree/demo/data.txt", 0),
    "flipped bit": lambda root: flip(f"{root}/tree/demo/data.txt"),
    "missing file": lambda root: remove(f"{root}/tree/demo/data.txt"),
    "extra file": lambda root: add(f"{root}/tree/demo/sitecustomize.py"),
    "link for a file": lambda root: replace_by_link(f"{root}/tree/demo/data.txt"),
    "pipe for a file": lambda root: replace_by_pipe(f"{root}/tree/demo/data.txt"),
    "pipe for the header": lambda root: replace_by_pipe(f"{root}/entry.txt"),
    "pipe for the list of files": lambda root: replace_by_pipe(f"{root}/files.txt"),
    "another file's name": lambda root: replace_by_name_of(f"{root}/tree/demo/data.txt", f"{root}/entry.txt"),
    "emptied tree": lambda root: empty(f"{root}/tree"),
    "lost tree": lambda root: os.rename(f"{root}/tree", f"{root}/gone"),
    "lost header": lambda root: os.unlink(f"{root}/entry.txt"),
    "empty header": lambda root: os.truncate(f"{root}/entry.txt", 0),
    "flipped header": lambda root: flip(f"{root}/entry.txt"),
    "lost list of files": lambda root: os.unlink(f"{root}/files.txt"),
    "cut list of files": lambda root: os.truncate(f"{root}/files.txt", 200),
    "half deleted": half_delete,
    "emptied entry": empty_entry,
}
