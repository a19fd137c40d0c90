"""A machine that several people work on: real users, and an index on the loopback interface.

    with commons("alice", "bob", "mallory", members=("alice", "bob")) as here:
        here.offer("demo", "1.0", {"demo.py": "x = 1\n"})
        with here.login("alice", store) as alice: ...

What is told of a tree (`snapshot`, `Inode`) is what a promise about it is held against: bytes, modes, owners, links.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.index_server import IndexServer
from kit.shells import Shell
from kit.users import User, team_of, user_python, users
from kit.wheels import sha256_of, wheel_bytes, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kit.wheels import Content


class Commons:
    """People, an index, a folder of the same wheels; `group` is the number of what the members have in common."""

    def __init__(self, people: Mapping[str, User], group: int, index: IndexServer, wheels: str) -> None:
        self.people = people
        self.group = group
        self.index = index
        self.wheels = wheels
        self._shells: dict[tuple[str, int, str], Shell] = {}

    def __getitem__(self, name: str) -> User:
        return self.people[name]

    def offer(
        self, name: str, version: str = "1.0", files: Mapping[str, Content] | None = None, **knobs: object
    ) -> str:
        """Offer a wheel on the index, and in the folder `wheels` too; return its sha256."""
        module = name.replace("-", "_")
        if files is None:
            files = {f"{module}/__init__.py": f'version = "{version}"\n', f"{module}/data.txt": f"{name}\n" * 50}
        data = wheel_bytes(name, version, files, **knobs)  # type: ignore[arg-type]
        filename = wheel_filename(name, version)
        path = os.path.join(self.wheels, filename)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, 0o644)
        return self.index.add(filename, data).sha256

    def directory(self, name: str) -> str:
        """Make a directory that everybody may look into, and root alone may write; it goes with all the rest."""
        path = os.path.join(os.path.dirname(self.wheels), name)
        os.mkdir(path)
        return path

    def downloads(self, name: str, version: str = "1.0") -> int:
        """Return how often the wheel was asked of the index."""
        return len(self.index.seen(f"/files/{name}/{wheel_filename(name, version)}"))

    def login(self, name: str, *, cwd: str = "", umask: int = 0o022, host: str = "", **environ: str) -> Shell:
        """Log in; `root` is known too. Variables are added to those that name the index and a store at home."""
        user = self.people.get(name)
        home = user.home if user else os.path.join(self.wheels, os.pardir, "root")
        os.makedirs(home, exist_ok=True)
        known = {"CW_DEFAULT_INDEX": self.index.url, "HOME": home}
        return Shell(user, {**known, **environ}, cwd=cwd or home, umask=umask, host=host)

    def share(self, path: str, *words: str, by: str = "root") -> str:
        """Make a store with `cw cache init` and these words (none: for the team); return its path."""
        self.at(by)("cache", "init", path, *(words or ("--group", str(self.group)))).ok()
        return path

    def at(self, name: str, *, umask: int = 0o022, host: str = "") -> Shell:
        """Return a login that stays open as long as all this: for tests that name their stores with each command."""
        key = (name, umask, host)
        if key not in self._shells:
            self._shells[key] = self.login(name, umask=umask, host=host)
        return self._shells[key]

    def environment(self, name: str, path: str) -> str:
        """Make a virtual environment of this person's, and return the directory of its packages."""
        self.at(name)("venv", "-p", user_python(), path).ok()
        return site_of(path)

    def close(self) -> None:
        """Log everybody out."""
        for shell in self._shells.values():
            shell.close()


@contextlib.contextmanager
def commons(*names: str, members: Sequence[str] = ()) -> Iterator[Commons]:
    """Make these users, of whom the `members` (all if none are named) share a group, and an index."""
    members = members or names
    root = tempfile.mkdtemp(prefix="cw commons ")
    os.chmod(root, 0o755)
    wheels = os.path.join(root, "wheels")
    os.mkdir(wheels)
    try:
        with users(*names, group="team", members=members) as found, IndexServer() as index:
            people = dict(zip(names, found, strict=True))
            team = team_of(*(people[name] for name in members))
            here = Commons(people, team, index, wheels)
            try:
                yield here
            finally:
                here.close()
    finally:
        shutil.rmtree(root, ignore_errors=True)


# --- what a tree is ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inode:
    """All that a file is, beside its names."""

    data: bytes
    mode: int
    uid: int
    gid: int
    links: int
    mtime: int

    @classmethod
    def of(cls, path: str) -> Inode:
        """Look at a file."""
        found = os.stat(path)
        with open(path, "rb") as file:
            data = file.read()
        return cls(data, found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_mtime_ns)


def snapshot(root: str, *, without: Iterable[str] = ()) -> dict[str, tuple[object, ...]]:
    """Return for everything below `root` its mode, owner, group, and content; paths that hold one of `without` are left out."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, root)
            if any(part in relative for part in without):
                continue
            facts = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(facts.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(facts.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            found[relative] = (stat.filemode(facts.st_mode), facts.st_uid, facts.st_gid, content)
    return found


def writable_by_all(root: str) -> list[str]:
    """Return what everybody may write below `root` (links have no modes of their own)."""
    return [path for path, found in snapshot(root).items() if str(found[0])[8] == "w" and str(found[0])[0] != "l"]


def temporary(root: str) -> list[str]:
    """Return what is unfinished or on its way out below `root`."""
    return [
        os.path.join(directory, name)
        for directory, names, files in os.walk(root)
        for name in (*names, *files)
        if name.startswith((".tmp-", ".trash-"))
    ]


def run(*words: str) -> str:
    """Run a program as root; it must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def site_of(environment: str) -> str:
    """Return the directory of a virtual environment that packages are in."""
    lib = os.path.join(environment, "lib")
    return os.path.join(lib, next(name for name in os.listdir(lib) if name.startswith("python")), "site-packages")


def entry_in(store: str, sha256: str) -> str:
    """Return the directory of an entry."""
    return os.path.join(store, "v1", "entries", sha256[:2], sha256)


__all__ = [
    "Commons",
    "Inode",
    "commons",
    "entry_in",
    "run",
    "sha256_of",
    "site_of",
    "snapshot",
    "temporary",
    "writable_by_all",
]
