"""Carry a case out: make its two sides on its file system, run them in turn, and account for them."""

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median

from cases import Case
from grounds import described, give_back, ground, slowed
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

_BARE = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_STARTS = (("python -I -S", ("-I", "-S")), ("python", ()))

#: What the spawner tells of one run.
Run = dict[str, float]


class Failed(Exception):
    """A measured command did not do its work."""


class Spawner:
    """The process that runs what is measured."""

    def __init__(self, home: str) -> None:
        self.output = f"{home}/output"
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", f"{HERE}/spawner.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, argv: list[str], environ: dict[str, str], cwd: str, limit: float = 600, *, watch: bool = False
    ) -> Run:
        """Run a command and return its figures; raise Failed with what it said when its status is not 0.

        After `limit` seconds it is stopped, which is no failure; `watch` looks at its memory, and disturbs its time.
        """
        asked = {"argv": argv, "env": environ, "cwd": cwd, "output": self.output, "limit": limit, "watch": watch}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer.pop("status") != 0 and not answer["stopped"]:
            raise Failed(f"{shlex.join(argv)}\n{self.said()[-3000:]}")
        return answer

    def said(self) -> str:
        """Return what the last command printed."""
        with open(self.output, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def close(self) -> None:
        """End it, with the command that it may be running."""
        self._process.terminate()
        self._process.wait()


@dataclass
class Side:
    """One tool in one case: `prepare` is not counted, `argv` is; a store that must be full has been filled before."""

    tool: str
    label: str
    argv: list[str]
    environ: dict[str, str]
    prepare: Callable[[], None]
    runs: list[Run] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    watched: float = 0

    @property
    def is_stopped(self) -> bool:
        return any(run["stopped"] for run in self.runs)

    def heed(self, run: Run) -> None:
        """Take a run that was not to be counted for one that was, if it had to be stopped: another would have to be so too."""
        if run["stopped"]:
            self.runs.append(run)

    def figures(self, key: str) -> list[float]:
        if key == "cpu":
            return [run["user"] + run["system"] for run in self.runs]
        return [run[key] for run in self.runs]

    def record(self) -> dict[str, object]:
        """Return what is kept of it; memory in MiB, the most of any run and of all its processes together."""
        return {
            "label": self.label,
            "wall": median(self.figures("wall")),
            "walls": self.figures("wall"),
            "cpu": median(self.figures("cpu")),
            "cpus": self.figures("cpu"),
            "kernel": median(self.figures("system")),
            "peak": max([self.watched, *self.figures("peak")]) / 1024,
            "requests": self.requests,
            "stopped": self.is_stopped,
        }


class Lab:
    """Everything that cases share: what is installed from and asked of, and the file system that is mounted at the moment.

    Stores lie on the ground of a case, one for each tool, and serve all cases that stand there one after another.
    """

    def __init__(self, home: str, index: LocalIndex, tools: Tools, python: str) -> None:
        self.home, self.index, self.tools, self.python = home, index, tools, python
        self.seat = index.home
        self.spawner = Spawner(self.seat)
        self._kind = self._place = ""
        self._mounts = contextlib.ExitStack()
        self._stocked: set[tuple[str, str]] = set()
        os.makedirs(f"{home}/works", exist_ok=True)
        os.makedirs(f"{home}/nobody", exist_ok=True)

    def close(self) -> None:
        """Take the file system away, and end the process that spawns."""
        self.spawner.close()
        self._mounts.close()

    def _stand_on(self, kind: str) -> str:
        """Return a directory on a file system; it stays, with the stores on it, until another is asked for."""
        if kind != self._kind:
            self._mounts.close()
            self._kind = ""
            self._place = self._mounts.enter_context(ground(kind, self.seat))
            self._kind = kind
            self._stocked.clear()
        return self._place

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
        place = self._stand_on(case.ground)
        record = {"case": case.name, "ground": case.ground, "filesystem": described(place)}
        measure = self._limit if case.group == "limit" else self._compare
        try:
            record |= measure(case, place, runs or case.runs)
        except Failed:
            self._tidy(case, place)
            raise
        self._tidy(case, place)
        return record

    def _tidy(self, case: Case, place: str) -> None:
        """Leave nothing of a case but the stores."""
        for tool in ("cw", case.against):
            self._clear(f"{place}/{tool}/env", f"{place}/{tool}/cold", f"{place}/{tool}/compiled")
        if self._kind in ("ext4", "xfs", "btrfs"):
            give_back(place)

    def _compare(self, case: Case, place: str, runs: int) -> dict[str, object]:
        sides = [self._side(case, "cw", place), self._side(case, case.against, place)]
        for side in sides:
            self._warm_up(case, side)
        profile = self._profile(case, sides[0])
        asked = self.index.recorder.asked
        last = 0
        for _ in range(runs):
            for side in sides:
                if side.is_stopped:
                    continue
                side.prepare()
                last = self.index.mark()
                with slowed(self._kind, self.seat):
                    side.runs.append(self._run(case, side))
                counted = self.index.requests(last)
                side.requests = {key: max(number, side.requests.get(key, 0)) for key, number in counted.items()}
        if self.index.recorder.asked != asked:
            print(f"  {case.name}: the configured index was asked in a measured run; run it again", file=sys.stderr)
        ours, theirs = sides
        pairs = zip(ours.figures("wall"), theirs.figures("wall"), strict=False)
        record = {
            "ratio": median(ours.figures("wall")) / median(theirs.figures("wall")),
            "ratios": [a / b for a, b in pairs],
            "sides": {side.tool: side.record() for side in sides},
            "profile": profile,
        }
        if "warm" in case.kind:
            record |= self._counted(f"{place}/{case.against}/env")
            record["look"] = self._look(f"{place}/cw/store", case.ground)
        if "cold" in case.kind and case.against == "uv":
            record["curl"] = self._curl(case, place, self.index.paths(last))
        if case.kind == "imports":
            record["alone"] = self._alone(case, f"{place}/cw")
        return record

    def _warm_up(self, case: Case, side: Side) -> None:
        """Run once uncounted, for the caches of the machine and the bytecode of the tool; memory is looked at meanwhile.

        A pip that takes so long that one run must do is not warmed up.
        """
        if side.is_stopped or (side.tool == "pip" and case.runs == 1):
            return
        run = self._uncounted(case, side, watch=True)
        side.watched = run["peak"]
        side.heed(run)

    def _uncounted(self, case: Case, side: Side, *, watch: bool = False) -> Run:
        """Run once, and again for as long as something of it had to be fetched for the local index, which may take minutes."""
        while True:
            asked = self.index.recorder.asked
            side.prepare()
            run = self._run(case, side, watch=watch)
            if self.index.recorder.asked == asked:
                return run

    def _profile(self, case: Case, side: Side) -> dict[str, float]:
        """Run cw once more to see where its CPU time goes; seconds by file, empty for cases that tell nothing new or take long."""
        if case.runs == 1 or case.group in ("pip", "scale") or side.argv[0] != self.tools.cw:
            return {}
        out = f"{self.seat}/profile.txt"
        side.prepare()
        argv = [f"{os.path.dirname(self.tools.cw)}/python", f"{HERE}/profiled.py", out, *side.argv]
        self.spawner.run(argv, side.environ, self.seat, case.limit)
        with open(out, encoding="utf-8") as stream:
            lines = [line.rstrip("\n").split("\t") for line in stream]
        return {place: float(seconds) for seconds, place in lines}

    def _run(self, case: Case, side: Side, *, watch: bool = False) -> Run:
        return self.spawner.run(side.argv, side.environ, self.seat, case.limit, watch=watch)

    def _side(self, case: Case, tool: str, place: str) -> Side:
        return getattr(self, "_" + case.kind.replace("-", "_"))(case, tool, f"{place}/{tool}")

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _clear(self, *paths: str) -> None:
        """Delete trees, and let the file system finish with them before anything is measured."""
        subprocess.run(["rm", "-rf", *paths], check=True)
        self._settle()

    def _settle(self) -> None:
        if self._kind not in ("tmpfs", "slow"):
            subprocess.run(["sync", "-f", self._place], check=True)

    def _fresh(self, environment: str) -> None:
        self._clear(environment)
        words = [self.tools.uv, "venv", "-q", "--python", self.python, environment]
        self.quietly(words, self.environ(f"{self.seat}/compile", 0))
        self._settle()

    def _install(self, case: Case, tool: str, environment: str, mode: str) -> list[str]:
        words = ["--link-mode", mode] if mode and tool != "pip" else []
        if "/" in case.work:
            words.append("--no-deps")
        return self.tools.words(tool, "pip install", environment, *words, "-r", self.pinned(case.work))

    def _stock(self, case: Case, tool: str, place: str) -> dict[str, str]:
        """Fill the store of a tool with a work, if that was not done on this ground; return the environment variables."""
        environ = self.environ(f"{place}/store", case.delay)
        work = case.work.partition("/")[0]
        if (tool, work) not in self._stocked:
            self._fresh(f"{place}/env")
            if tool == "pip":  # all that pip keeps, without installing it
                more = ["--only-binary", ":all:", "-d", f"{place}/cold", "-r", self.pinned(work)]
                argv = self.tools.words("pip", "pip download", f"{place}/env", *more)
            else:
                argv = self._install(replace(case, work=work), tool, f"{place}/env", "hardlink")
            self.quietly(argv, environ)
            self._stocked.add((tool, work))
        return environ

    def _mode(self, case: Case, tool: str, place: str, environ: dict[str, str]) -> str:
        """Return the link mode of a side; of several the one that is fastest here, tried twice each."""
        modes = case.modes if tool == "cw" else case.theirs
        if len(modes) < 2:
            return modes[0] if modes else ""
        times = {}
        for _ in range(2):
            for mode in modes:
                self._fresh(f"{place}/env")
                argv = self._install(case, tool, f"{place}/env", mode)
                wall = self.spawner.run(argv, environ, self.seat)["wall"]
                times[mode] = min(wall, times.get(mode, wall))
        return min(times, key=lambda mode: times[mode])

    def _counted(self, environment: str) -> dict[str, int]:
        """Count what an installation made: files, directories and packages."""
        files = directories = packages = 0
        for directory, below, names in os.walk(f"{environment}/lib"):
            files += len(names)
            directories += len(below)
            if os.path.basename(directory) == "site-packages":
                packages += sum(name.endswith(".dist-info") for name in below)
        return {"files": files, "directories": directories, "packages": packages}

    # --- limits -----------------------------------------------------------------------------------------------------

    def _limit(self, case: Case, place: str, runs: int) -> dict[str, object]:
        return getattr(self, f"_limit_{case.kind}")(place, runs)

    def _limit_start(self, _place: str, runs: int) -> dict[str, object]:
        python = f"{os.path.dirname(self.tools.cw)}/python"
        sides = [Side(label, label, [python, *words, "-c", "pass"], dict(_BARE), _nothing) for label, words in _STARTS]
        for _ in range(runs):
            for side in sides:
                side.runs.append(self.spawner.run(side.argv, side.environ, self.seat))
        return {"starts": {side.tool: {"wall": side.record()["wall"], "cpu": side.record()["cpu"]} for side in sides}}

    def _limit_calls(self, place: str, runs: int) -> dict[str, object]:
        count = 300 if self._kind == "slow" else 10_000
        told = []
        for _ in range(runs):
            self._clear(f"{place}/calls")
            os.mkdir(f"{place}/calls")
            argv = [sys.executable, "-I", "-S", f"{HERE}/limits.py", f"{place}/calls", str(count)]
            with slowed(self._kind, self.seat):
                self.spawner.run(argv, {}, self.seat)
            told.append(json.loads(self.spawner.said()))
        self._clear(f"{place}/calls")
        return {"calls": {name: median(one[name] for one in told) for name in told[0]}, "count": count}

    def _curl(self, case: Case, place: str, paths: list[str]) -> dict[str, float]:
        """Return how long curl takes for what the last run asked for, all at once, and how much that was."""
        out = f"{place}/curl"
        with open(f"{self.seat}/curl.txt", "w", encoding="utf-8") as stream:
            for number, path in enumerate(paths):
                base = self.index.base(path, case.delay)
                stream.write(f'url = "{base}{path}"\noutput = "{out}/{number}"\n')
        argv = [shutil.which("curl") or "/usr/bin/curl", "-sS", "--parallel", "--parallel-max", "50", "--http2"]
        argv += ["--compressed", "--cacert", self.index.authority, "-K", f"{self.seat}/curl.txt"]
        runs = []
        for _ in range(3):
            self._clear(out)
            os.mkdir(out)
            runs.append(self.spawner.run(argv, dict(_BARE), self.seat)["wall"])
        self._clear(out)
        return {"wall": median(runs), "requests": len(paths)}

    def _look(self, store: str, ground: str) -> dict[str, float] | None:
        """Return how long GNU find takes to ask for size and time of every file of a store: what cw does before it links any."""
        entries, find = f"{store}/cw/v1/entries", shutil.which("find")
        if find is None or not os.path.isdir(entries) or ground == "slow":
            return None
        argv = [find, entries, "-type", "f", "-printf", "%s %T@\\n"]
        runs = [self.spawner.run(argv, dict(_BARE), self.seat) for _ in range(3)]
        return {"wall": median(run["wall"] for run in runs), "files": self.spawner.said().count("\n")}

    def _alone(self, case: Case, place: str) -> dict[str, float]:
        """Return how long the imports alone take in an environment of plain files with all their bytecode."""
        self._fresh(f"{place}/env")
        environ = self.environ(f"{place}/compiled", case.delay)
        self.quietly([*self._install(case, "cw", f"{place}/env", "copy"), "--compile-bytecode"], environ)
        self._settle()
        argv = self._imported(case, place)
        return {"wall": median(self.spawner.run(argv, environ, self.seat)["wall"] for _ in range(3))}

    # --- kinds ------------------------------------------------------------------------------------------------------

    def _warm(self, case: Case, tool: str, place: str) -> Side:
        environ = self._stock(case, tool, place)
        mode = self._mode(case, tool, place, environ)
        argv = self._install(case, tool, f"{place}/env", mode)
        return Side(tool, mode, argv, environ, lambda: self._fresh(f"{place}/env"))

    def _cold(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/cold", case.delay)
        mode = self._mode(case, tool, place, environ)

        def prepare() -> None:
            self._clear(f"{place}/cold")
            self._fresh(f"{place}/env")

        return Side(tool, mode, self._install(case, tool, f"{place}/env", mode), environ, prepare)

    def _imports(self, case: Case, tool: str, place: str) -> Side:
        environ = self._compiled(case, place) if tool == "cw" else self._stock(case, tool, place)
        mode = self._mode(case, tool, place, environ)
        # pip compiles whatever it installs
        words = ["--compile-bytecode"] if tool == "cw" and case.against == "pip" else []
        install = shlex.join([*self._install(case, tool, f"{place}/env", mode), *words])
        argv = ["/bin/sh", "-c", f"{install} && {shlex.join(self._imported(case, place))}"]
        side = Side(tool, mode, argv, environ, lambda: self._fresh(f"{place}/env"))
        if tool != "pip":
            side.prepare()
            side.heed(self._run(case, side))  # the first environment of the machine
        return side

    def _imported(self, case: Case, place: str) -> list[str]:
        """Return the words that import everything in an environment."""
        return [f"{place}/env/bin/python", "-c", _IMPORT_ALL, self._importable(case, place)]

    def _bytecode(self, case: Case, tool: str, place: str) -> Side:
        environ = self._compiled(case, place) if tool == "cw" else self._stock(case, tool, place)
        mode = self._mode(case, tool, place, environ)
        argv = [*self._install(case, tool, f"{place}/env", mode), "--compile-bytecode"]
        return Side(tool, mode, argv, environ, lambda: self._fresh(f"{place}/env"))

    def _bytecode_first(self, case: Case, tool: str, place: str) -> Side:
        side = self._bytecode(case, tool, place)

        def prepare() -> None:
            self._fresh(f"{place}/env")
            self._clear(f"{place}/compiled/cw/v1/images")

        return replace(side, prepare=prepare)

    def _compiled(self, case: Case, place: str) -> dict[str, str]:
        """Fill a store of its own with a work and its bytecode, which other cases do without; return the variables."""
        environ = self.environ(f"{place}/compiled", case.delay)
        self._clear(f"{place}/compiled")
        self._fresh(f"{place}/env")
        self.quietly([*self._install(case, "cw", f"{place}/env", "fold"), "--compile-bytecode"], environ)
        return environ

    def _importable(self, case: Case, place: str) -> str:
        """Return the file with the names that an environment of a work can import; found out once."""
        names = f"{self.pinned(case.work)}.imports"
        if not os.path.exists(names):
            self._fresh(f"{place}/env")
            self.quietly(self._install(case, "uv", f"{place}/env", ""), self.environ(f"{place}/cold", 0))
            found = f"{self.seat}/imports.txt"
            self.quietly([f"{place}/env/bin/python", "-c", _FIND_IMPORTS, found], dict(_BARE))
            os.rename(found, names)
        return names

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
        side = Side(tool, "", self._compile(case, tool, place), environ, lambda: self._clear(f"{place}/out.txt"))
        side.heed(self._uncounted(case, side))  # fills the store
        return side

    def _resolve_cold(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/cold", case.delay)
        self._fresh(f"{place}/env")
        argv = self._compile(case, tool, place)
        return Side(tool, "", argv, environ, lambda: self._clear(f"{place}/out.txt", f"{place}/cold"))

    def _installed(self, case: Case, tool: str, place: str) -> dict[str, str]:
        """Install the work once, and return the environment variables."""
        self._put(case, tool, place, "hardlink")
        return self.environ(f"{place}/store", case.delay)

    def _put(self, case: Case, tool: str, place: str, mode: str) -> None:
        """Install what a tool will look at, by the tool itself; for pip by uv, which does not take a minute for it."""
        environment = f"{place}/env"
        if tool == "pip":
            tool, place, mode = "uv", f"{os.path.dirname(place)}/uv", "copy"
        environ = self._stock(case, tool, place)
        self._fresh(environment)
        self.quietly(self._install(case, tool, environment, mode), environ)

    def _noop(self, case: Case, tool: str, place: str) -> Side:
        environ = self._installed(case, tool, place)
        return Side(tool, "", self._install(case, tool, f"{place}/env", ""), environ, _nothing)

    def _list(self, case: Case, tool: str, place: str) -> Side:
        environ = self._installed(case, tool, place)
        return Side(tool, "", self.tools.words(tool, "pip list", f"{place}/env"), environ, _nothing)

    def _freeze(self, case: Case, tool: str, place: str) -> Side:
        environ = self._installed(case, tool, place)
        return Side(tool, "", self.tools.words(tool, "pip freeze", f"{place}/env"), environ, _nothing)

    def _uninstall(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay) if tool == "pip" else self._stock(case, tool, place)
        mode = self._mode(case, tool, place, environ)

        def prepare() -> None:
            self._put(case, tool, place, mode)
            self._settle()

        words = self.tools.words(tool, "pip uninstall", f"{place}/env", "-r", self.pinned(case.work))
        return Side(tool, mode, words, environ, prepare)

    def _source(self, case: Case, tool: str, place: str) -> Side:
        """Install a source distribution: `again` when all but the package itself is in the store, `known` when that is, too."""
        state, _, wanted = case.work.partition(" ")
        project = wanted.partition("==")[0]
        environ = self.environ(f"{place}/{'cold' if state == 'cold' else 'store'}", case.delay)
        more = ["--link-mode", "hardlink", "--no-deps", "--no-binary", project, wanted]
        argv = self.tools.words(tool, "pip install", f"{place}/env", *more)

        def prepare() -> None:
            self._fresh(f"{place}/env")
            if state == "cold":
                self._clear(f"{place}/cold")
            elif state == "again":
                self.quietly([self.tools.cw if tool == "cw" else self.tools.uv, "cache", "clean", project], environ)

        side = Side(tool, "hardlink", argv, environ, prepare)
        if state != "cold":
            self._fresh(f"{place}/env")
            self._run(case, side)  # fills the store
        return side

    def _venv(self, case: Case, tool: str, place: str) -> Side:
        environ = self.environ(f"{place}/store", case.delay)
        os.makedirs(place, exist_ok=True)
        if tool == "pip":
            argv = [self.python, "-m", "venv", f"{place}/env"]
        else:
            argv = [self.tools.cw if tool == "cw" else self.tools.uv, "venv", "--python", self.python, f"{place}/env"]
        return Side(tool, "", argv, environ, lambda: shutil.rmtree(f"{place}/env", ignore_errors=True))


def _nothing() -> None:
    """Prepare nothing."""
