"""Carry a case out: make its two sides on its file system, run them in turn, and account for them."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from statistics import median

from cases import Case
from grounds import described, ground
from tools import Tools

from index import LocalIndex

HERE = os.path.dirname(os.path.abspath(__file__))
_IMPORT_ALL = """\
import importlib, sys, warnings
warnings.simplefilter("ignore")
for name in open(sys.argv[1]).read().split():
    importlib.import_module(name)
"""
# asked once, of an environment that uv made: what can be imported without a display, a GPU or an optional dependency
_FIND_IMPORTS = """\
import importlib, importlib.metadata, os, subprocess, sys
names = sorted(n for n in importlib.metadata.packages_distributions() if n.isidentifier() and not n.startswith("_"))
good = []
for name in names:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", "import " + name], capture_output=True, timeout=60)
    if done.returncode == 0:
        good.append(name)
open(sys.argv[1], "w").write("\\n".join(good) + "\\n")
"""


class Failed(Exception):
    """Say that a command that is measured did not do its work."""


class Spawner:
    """The process that runs what is measured."""

    def __init__(self, home: str) -> None:
        self.output = f"{home}/output"
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", f"{HERE}/spawner.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, argv: list[str], environ: dict[str, str], cwd: str) -> dict[str, float]:
        """Run a command and return its figures; raise Failed with what it said when its status is not 0."""
        asked = {"argv": argv, "env": environ, "cwd": cwd, "output": self.output}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer.pop("status") != 0:
            with open(self.output, encoding="utf-8", errors="replace") as stream:
                raise Failed(f"{shlex.join(argv)}\n{stream.read()[-3000:]}")
        return answer

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


class Side:
    """One tool in one case: `prepare` is not counted, `argv` is."""

    def __init__(
        self, tool: str, label: str, argv: list[str], environ: dict[str, str], prepare: Callable[[], None]
    ) -> None:
        self.tool, self.label, self.argv, self.environ, self.prepare = tool, label, argv, environ, prepare
        self.runs: list[dict[str, float]] = []

    def figures(self, key: str) -> list[float]:
        if key == "cpu":
            return [run["user"] + run["system"] for run in self.runs]
        return [run[key] for run in self.runs]


class Lab:
    """Everything that cases share."""

    def __init__(self, home: str, index: LocalIndex, tools: Tools, python: str) -> None:
        self.home, self.index, self.tools, self.python = home, index, tools, python
        self.seat = index.home
        self.spawner = Spawner(self.seat)
        os.makedirs(f"{home}/works", exist_ok=True)
        os.makedirs(f"{home}/nobody", exist_ok=True)

    # --- works ------------------------------------------------------------------------------------------------------

    def asked(self, work: str) -> str:
        """Return the file of requirements of a work, as people write it."""
        return f"{HERE}/works/{work}.in"

    def pinned(self, work: str) -> str:
        """Return the file with all pins of a work (`W3/36`: the first 36 of them), resolved once by uv."""
        name, _, count = work.partition("/")
        with open(self.asked(name), "rb") as stream:
            stamp = hashlib.sha256(stream.read() + self.python.encode()).hexdigest()[:8]
        path = f"{self.home}/works/{name}-{stamp}.txt"
        if not os.path.exists(path):
            words = [self.tools.uv, "pip", "compile", "-q", "--no-annotate", "--no-header", "--only-binary", ":all:"]
            words += ["--python", self.python, self.asked(name), "-o", f"{self.seat}/pins.txt"]
            self.quietly(words, self.environ(f"{self.seat}/compile", 0))
            os.rename(f"{self.seat}/pins.txt", path)
        if not count:
            return path
        part = f"{self.seat}/{name}.{count}.txt"
        with open(path, encoding="utf-8") as stream, open(part, "w", encoding="utf-8") as out:
            out.writelines(stream.readlines()[: int(count)])
        return part

    def environ(self, store: str, delay: int) -> dict[str, str]:
        return self.tools.environ(store, self.index.url(delay), self.index.authority)

    def quietly(self, argv: list[str], environ: dict[str, str]) -> None:
        """Run something that is not measured."""
        done = subprocess.run(argv, env=environ, cwd=self.home, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{shlex.join(argv)}\n{(done.stdout + done.stderr)[-3000:]}")

    # --- a case -----------------------------------------------------------------------------------------------------

    def carry_out(self, case: Case, runs: int | None = None) -> dict[str, object]:
        """Measure a case and return its record."""
        with ground(case.ground, self.seat) as place:
            self._is_disk = case.ground == "disk"
            kind = described(place)
            sides = [self._side(case, "cw", place), self._side(case, case.against, place)]
            for side in sides:
                # once uncounted: fills the recording, the caches of the machine and the bytecode of the tool
                side.prepare()
                self.spawner.run(side.argv, side.environ, self.home)
            counts: dict[str, dict[str, int]] = {}
            before = self.index.recorder.asked
            for _ in range(runs or case.runs):
                for side in sides:
                    side.prepare()
                    mark = self.index.mark()
                    side.runs.append(self.spawner.run(side.argv, side.environ, self.home))
                    counts[side.tool] = self.index.requests(mark)
            if self.index.recorder.asked != before:
                print(
                    f"  {case.name}: the configured index was asked during a measured run; run it again",
                    file=sys.stderr,
                )
            self._clear(f"{place}/cw", f"{place}/{case.against}")
        return self._record(case, kind, sides, counts)

    def _record(self, case: Case, kind: str, sides: list[Side], counts: dict[str, dict[str, int]]) -> dict[str, object]:
        ours, theirs = sides
        ratios = [a / b for a, b in zip(ours.figures("wall"), theirs.figures("wall"), strict=True)]
        return {
            "case": case.name,
            "filesystem": kind,
            "ratio": median(ours.figures("wall")) / median(theirs.figures("wall")),
            "ratios": ratios,
            "sides": {
                side.tool: {
                    "label": side.label,
                    "wall": median(side.figures("wall")),
                    "walls": side.figures("wall"),
                    "cpu": median(side.figures("cpu")),
                    "peak": max(side.figures("peak")) / 1024,
                    "requests": counts[side.tool],
                }
                for side in sides
            },
        }

    def _side(self, case: Case, tool: str, place: str) -> Side:
        return getattr(self, "_" + case.kind.replace("-", "_"))(case, tool, f"{place}/{tool}")

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _clear(self, *paths: str) -> None:
        """Delete trees, and let the disk finish with them before anything is measured."""
        subprocess.run(["rm", "-rf", *paths], check=True)
        if self._is_disk:
            os.sync()

    def _fresh(self, environment: str) -> None:
        self._clear(environment)
        words = [self.tools.uv, "venv", "-q", "--python", self.python, environment]
        self.quietly(words, self.environ(f"{self.seat}/compile", 0))
        if self._is_disk:
            os.sync()

    def _install(self, case: Case, tool: str, environment: str, mode: str) -> list[str]:
        words = ["--link-mode", mode] if mode and tool != "pip" else []
        if "/" in case.work:
            words.append("--no-deps")
        return self.tools.words(tool, "pip install", environment, *words, "-r", self.pinned(case.work))

    def _mode(self, case: Case, tool: str, place: str, environ: dict[str, str]) -> str:
        """Return the link mode of a side; of several the one that is fastest here, tried once each."""
        modes = case.modes if tool == "cw" else case.theirs
        if len(modes) < 2:
            return modes[0] if modes else ""
        times = {}
        for _ in range(2):
            for mode in modes:
                self._fresh(f"{place}/env")
                times[mode] = self.spawner.run(self._install(case, tool, f"{place}/env", mode), environ, self.home)[
                    "wall"
                ]
        return min(times, key=lambda mode: times[mode])

    # --- kinds ------------------------------------------------------------------------------------------------------

    def _warm(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        mode = self._mode(case, tool, place, environ)
        argv = self._install(case, tool, f"{place}/env", mode)
        return Side(tool, mode, argv, environ, lambda: self._fresh(f"{place}/env"))

    def _cold(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        mode = self._mode(case, tool, place, environ)

        def prepare() -> None:
            self._clear(f"{place}/store")
            self._fresh(f"{place}/env")

        return Side(tool, mode, self._install(case, tool, f"{place}/env", mode), environ, prepare)

    def _imports(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        mode = self._mode(case, tool, place, environ)
        names = f"{self.pinned(case.work)}.imports"
        if not os.path.exists(names):
            self._fresh(f"{place}/env")
            self.quietly(self._install(case, "uv", f"{place}/env", ""), self.environ(f"{place}/trial", 0))
            found = f"{self.seat}/imports.txt"
            self.quietly([f"{place}/env/bin/python", "-c", _FIND_IMPORTS, found], environ)
            os.rename(found, names)
        install = shlex.join(self._install(case, tool, f"{place}/env", mode))
        imports = shlex.join([f"{place}/env/bin/python", "-c", _IMPORT_ALL, names])
        return Side(
            tool, mode, ["/bin/sh", "-c", f"{install} && {imports}"], environ, lambda: self._fresh(f"{place}/env")
        )

    def _compile(self, case: Case, tool: str, place: str) -> list[str]:
        out = f"{place}/out.txt"
        if tool == "pip":
            more = ["--dry-run", "--ignore-installed", "-q", "-r", self.asked(case.work)]
            return self.tools.words("pip", "pip install", f"{place}/env", *more)
        words = ["--python", f"{place}/env/bin/python", "--only-binary", ":all:", "-o", out, self.asked(case.work)]
        return [self.tools.cw if tool == "cw" else self.tools.uv, "pip", "compile", *words]

    def _resolve(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        self._fresh(f"{place}/env")
        return Side(tool, "", self._compile(case, tool, place), environ, lambda: self._clear(f"{place}/out.txt"))

    def _resolve_cold(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        self._fresh(f"{place}/env")
        return Side(
            tool,
            "",
            self._compile(case, tool, place),
            environ,
            lambda: self._clear(f"{place}/out.txt", f"{place}/store"),
        )

    def _installed(self, case: Case, tool: str, place: str) -> dict[str, str]:
        """Install the work once, by the tool itself, and return the environment variables."""
        environ = self.environ(f"{place}/store", case.delay)
        self._fresh(f"{place}/env")
        self.quietly(self._install(case, tool, f"{place}/env", "hardlink"), environ)
        return environ

    def _noop(self, case: Case, tool: str, place: str) -> Side:
        environ = self._installed(case, tool, place)
        return Side(tool, "", self._install(case, tool, f"{place}/env", ""), environ, lambda: None)

    def _list(self, case: Case, tool: str, place: str) -> Side:
        environ = self._installed(case, tool, place)
        return Side(tool, "", self.tools.words(tool, "pip list", f"{place}/env"), environ, lambda: None)

    def _freeze(self, case: Case, tool: str, place: str) -> Side:
        environ = self._installed(case, tool, place)
        return Side(tool, "", self.tools.words(tool, "pip freeze", f"{place}/env"), environ, lambda: None)

    def _uninstall(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        mode = self._mode(case, tool, place, environ)
        install = self._install(case, tool, f"{place}/env", mode)

        def prepare() -> None:
            self._fresh(f"{place}/env")
            self.quietly(install, environ)
            if self._is_disk:
                os.sync()

        words = self.tools.words(tool, "pip uninstall", f"{place}/env", "-r", self.pinned(case.work))
        return Side(tool, mode, words, environ, prepare)

    def _venv(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        os.makedirs(place, exist_ok=True)
        if tool == "pip":
            argv = [self.python, "-m", "venv", f"{place}/env"]
        else:
            argv = [self.tools.cw if tool == "cw" else self.tools.uv, "venv", "--python", self.python, f"{place}/env"]
        return Side(tool, "", argv, environ, lambda: shutil.rmtree(f"{place}/env", ignore_errors=True))
