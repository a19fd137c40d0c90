"""Run cw as a user would, in this process: its words in, exit status and both streams out.

In this process, because a start of the interpreter for each of some hundred commands would be most of the suite's time;
what only shows in a process of its own (signals, imports, users) is tested with real ones.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from commonwheel.cli import main
from commonwheel.session.session import Session, read_settings


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    def ok(self) -> Ran:
        """Return itself, or fail with what was written."""
        assert self.code == 0, f"exit status {self.code}\n{self.out}\n{self.err}"
        return self

    def failed(self, code: int = 1) -> Ran:
        """Return itself if the command ended with this status."""
        assert self.code == code, f"exit status {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err
        return self


class Cw:
    """A user at a directory, with a store and variables."""

    def __init__(self, cwd: str | os.PathLike[str], **environ: str) -> None:
        self.cwd = str(cwd)
        self.store = os.path.join(self.cwd, "the store")
        self.environ = {
            # the interpreter itself before any wrapper of it, which would have to be run each time
            "PATH": os.path.dirname(os.path.realpath(sys.executable)) + os.pathsep + os.environ.get("PATH", os.defpath),
            "HOME": os.path.join(self.cwd, "home"),
            "CW_CACHE_DIR": self.store,
            "PIP_CONFIG_FILE": os.devnull,
            **environ,
        }

    def __call__(self, *words: str, environ: Mapping[str, str] | None = None) -> Ran:
        """Run `cw WORDS`."""
        out, err = io.StringIO(), io.StringIO()
        where = _surroundings({**self.environ, **(environ or {})}, self.cwd)
        with where, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(words))
        return Ran(code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def session(self, command: str = "pip list", **given: Any) -> Iterator[Session]:
        """Open a session as a command of this user would have it; in the names of options `_` stands for `-`."""
        words = {name.replace("_", "-"): value for name, value in given.items()}
        with _surroundings(self.environ, self.cwd), Session(read_settings(words, command), command=command) as session:
            yield session

    def path(self, *parts: str) -> str:
        """Return a path below the working directory."""
        return os.path.join(self.cwd, *parts)

    def write(self, name: str, text: str) -> str:
        """Write a file and return its name."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return name

    def site(self, environment: str = "v") -> str:
        """Return the directory of an environment that packages are in."""
        lib = self.path(environment, "lib")
        return os.path.join(lib, next(name for name in os.listdir(lib) if name.startswith("python")), "site-packages")


@contextlib.contextmanager
def _surroundings(environ: Mapping[str, str], cwd: str) -> Iterator[None]:
    before, place = dict(os.environ), os.getcwd()
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.chdir(place)
