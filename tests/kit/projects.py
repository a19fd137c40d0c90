"""A project that two tools take turns with: cw in this process, and the real uv of the development environment.

The index is a local server, so that locks hold URLs, hashes, sizes and upload times. uv gets a home and a cache of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.cli import Cw, Ran
from kit.index_server import IndexServer
from kit.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The uv beside the interpreter of the tests.
UV = os.path.join(os.path.dirname(sys.executable), "uv")
#: The cw of the same environment, for what needs a process of its own.
CW = os.path.join(os.path.dirname(sys.executable), "cw")


@dataclass(frozen=True)
class Files:
    """The three things that a command on a project may change, as they are now (None: absent)."""

    pyproject: str | None
    lock: str | None


class Project(Cw):
    """A user in the root of a project, with an index of small wheels."""

    def __init__(self, root: str, index: IndexServer) -> None:
        self.index = index
        self.base = root
        super().__init__(os.path.join(root, "project"), HOME=os.path.join(root, "home"))
        self.store = os.path.join(root, "the store")
        self.environ["CW_CACHE_DIR"] = self.store
        os.makedirs(self.cwd)
        # both tools read it
        self.write("../home/.config/uv/uv.toml", f'[[index]]\nurl = "{index.url}"\ndefault = true\n')
        self._wheels = os.path.join(root, "wheels")
        os.makedirs(self._wheels)

    def wheel(
        self,
        name: str,
        version: str,
        *requires: str,
        extras: Iterable[str] = (),
        python: str = "",
        filename: str | None = None,
        uploaded: str | None = "2024-01-01T00:00:00Z",
    ) -> str:
        """Offer a wheel on the index, and return the path of the file."""
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
        lines += [f"Provides-Extra: {extra}\n" for extra in extras]
        lines += [f"Requires-Dist: {one}\n" for one in requires]
        lines += [f"Requires-Python: {python}\n"] if python else []
        path = make_wheel(
            self._wheels,
            name,
            version,
            {f"{name}.py": f"version = {version!r}\n"},
            filename=filename,
            metadata="".join(lines),
        )
        self.index.add(os.path.basename(path), path, requires_python=python or None, uploaded=uploaded)
        return path

    def pyproject(
        self, *dependencies: str, more: str = "", python: str = ">=3.9", name: str = "demo", where: str = ""
    ) -> None:
        """Write a pyproject.toml with these dependencies; `more` follows the `[project]` table."""
        listed = ", ".join(f'"{one}"' for one in dependencies)
        self.write(
            os.path.join(where, "pyproject.toml"),
            f'[project]\nname = "{name}"\nversion = "0.1.0"\nrequires-python = "{python}"\ndependencies = [{listed}]\n{more}',
        )

    def uv(self, *words: str, cwd: str | None = None, **environ: str) -> Ran:
        """Run the real uv."""
        environment = {
            "PATH": self.environ["PATH"],
            "HOME": self.environ["HOME"],
            "UV_CACHE_DIR": os.path.join(self.base, "uv cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            **environ,
        }
        done = subprocess.run(
            [UV, *words], cwd=cwd or self.cwd, env=environment, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def lock(self) -> str:
        """Return the text of the lock, "" where there is none."""
        return self.read("uv.lock")

    def read(self, name: str) -> str:
        """Return the text of a file, "" where there is none."""
        try:
            with open(self.path(name), encoding="utf-8") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def remove(self, name: str) -> None:
        """Delete a file or a tree."""
        path = self.path(name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)

    def stamp(self, name: str = "uv.lock") -> tuple[int, int]:
        """Return what tells whether a file was written: its inode and its time."""
        found = os.stat(self.path(name))
        return found.st_ino, found.st_mtime_ns

    def installed(self, environment: str = ".venv") -> list[str]:
        """Return what an environment holds, as `name==version`."""
        return self("pip", "list", "-p", environment, "--format", "freeze").ok().out.splitlines()
