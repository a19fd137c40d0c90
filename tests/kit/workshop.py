"""A user with a folder of files to find, an environment, and projects whose backends leave a trace of each call."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from kit.cli import Cw, Ran
from kit.sdists import BACKEND, files_of, sdist, write_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Let a backend write a word for each call of a hook: `name:hook`.
_TRACE = """

def _traced(hook):
    call = globals()[hook]

    def traced(*arguments):
        with open(os.environ["CALLS"], "a") as stream:
            stream.write(facts()[0] + ":" + hook.rpartition("_")[2] + "\\n")
        return call(*arguments)

    globals()[hook] = traced


for _hook in ("build_wheel", "build_editable", "build_sdist", "prepare_metadata_for_build_wheel"):
    if _hook in globals():
        _traced(_hook)
"""
TRACED = BACKEND + _TRACE


class Workshop(Cw):
    """The user: `sdist` and `project` make what can be built, `calls` are the hooks that were called."""

    def __init__(self, root: str) -> None:
        super().__init__(root, CALLS=os.path.join(root, "calls"))
        self.write("cw.toml", 'find-links = ["files"]\nno-index = true\n')
        os.makedirs(self.path("files"))
        self("venv", "v").ok()

    def sdist(self, name: str = "demo", version: str = "1.0", *, directory: str = "files", **more: object) -> str:
        """Write a source distribution and return its path."""
        backend = str(more.pop("backend", TRACED))
        return sdist(self.path(directory), name, version, files_of(name, version, backend=backend, **more))  # type: ignore[arg-type]

    def project(self, directory: str = "demo", name: str = "demo", version: str = "1.0", **more: object) -> str:
        """Write a project and return its path."""
        backend = str(more.pop("backend", TRACED))
        return write_tree(self.path(directory), files_of(name, version, backend=backend, **more))  # type: ignore[arg-type]

    def install(self, *words: str, environ: Mapping[str, str] | None = None) -> Ran:
        """Run `cw pip install`."""
        return self("pip", "install", "-p", "v", *words, environ=environ)

    def calls(self) -> list[str]:
        """Return the hooks that were called since the last time this was asked."""
        path = self.path("calls")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as stream:
            found = stream.read().split()
        os.remove(path)
        return found

    def frozen(self) -> list[str]:
        """Return what is installed."""
        return self("pip", "freeze", "-p", "v").ok().out.splitlines()

    def direct_url(self, name: str = "demo", version: str = "1.0") -> object:
        """Return what is recorded about where a distribution came from."""
        with open(
            os.path.join(self.site(), f"{name}-{version}.dist-info", "direct_url.json"), encoding="utf-8"
        ) as stream:
            return json.load(stream)

    def module(self, name: str = "demo") -> str:
        """Return the text of an installed module."""
        with open(os.path.join(self.site(), f"{name}.py"), encoding="utf-8") as stream:
            return stream.read()

    def scratch(self) -> list[str]:
        """Return what lies where builds are made, logs left out."""
        builds = os.path.join(self.store, "v1", "builds")
        return [name for name in os.listdir(builds) if not name.startswith("failed-")] if os.path.isdir(builds) else []

    def logs(self) -> list[str]:
        """Return the logs of failed builds."""
        builds = os.path.join(self.store, "v1", "builds")
        return [name for name in os.listdir(builds) if name.startswith("failed-")] if os.path.isdir(builds) else []

    def fails(self, *words: str, code: int = 1, environ: Mapping[str, str] | None = None) -> str:
        """Run an installation that must fail, leave nothing behind and change nothing; return what was said."""
        before = self._state()
        ran = self.install(*words, environ=environ)
        # a backend may well show its own traceback
        assert ran.code == code, f"exit status {ran.code}, not {code}\n{ran.out}\n{ran.err}"
        assert "bug in Commonwheel" not in ran.err
        assert self._state() == before
        assert self.scratch() == []
        assert self.left_running() == []
        return ran.err

    def _state(self) -> list[str]:
        """Return what must not change when nothing was installed: the environment, the wheels in the store, nothing unfinished."""
        found = [os.path.join(top, name) for top, _, names in os.walk(self.path("v")) for name in names]
        for top, directories, names in os.walk(os.path.join(self.store, "v1")):
            directories[:] = [name for name in directories if name not in ("builds", "tree")]
            found += [os.path.join(top, name) for name in names if name.startswith(".") or name == "entry.txt"]
        return sorted(found)

    def left_running(self) -> list[str]:
        """Return the processes that live on with the variables of this user."""
        mark = f"CALLS={self.environ['CALLS']}".encode()
        here = os.listdir("/proc") if os.path.isdir("/proc") else []
        return [pid for pid in here if pid.isdigit() and mark in _variables(pid)]


def _variables(pid: str) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return stream.read().split(b"\0")
    except OSError:
        return []  # gone, or of another user
