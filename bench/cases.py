"""What is measured: each case is a name, what it should reach, and how two tools do the same work.

A case yields its two sides; a side prepares (not counted) and names the command (counted). Ratios are cw to the other, pair
by pair; lower is better. Cases stand in the order in which they run: those of one file system together, for it is mounted and
its stores are filled once for all of them.

Works: W1 a web framework stack, W2 a notebook stack, W3 a scientific stack (`W3/36`: the first 36 of its pins), W5 a single
small package; `airflow` and `boto3` are resolutions (W4).
"""

from collections.abc import Iterator
from dataclasses import dataclass

#: Parts of the page, by the word of `Case.group`.
GROUPS = {
    "files": "Installing from a warm store, by file system",
    "cold": "Installing into an empty store",
    "resolution": "Resolving",
    "source": "Building source distributions",
    "small": "Small commands",
    "pip": "Against pip",
    "scale": "How the cost grows",
    "limit": "The machine's limits",
}

#: Pure Python projects by their build backend: the smallest one, one with plugins, the usual one without a word about it.
SOURCES = {"flit": "idna==3.10", "hatchling": "attrs==25.3.0", "setuptools": "docopt==0.6.2"}

#: How many of the first packages of W3 the plots of growth show.
STEPS = (1, 4, 12, 36, 72, 145)


@dataclass(frozen=True)
class Case:
    """One line of the page.

    `kind` picks the method of `lab.Lab` that makes its sides; `ground` the file system; `modes` and `theirs` are link modes, of
    several the fastest counts, tried here; `target` the ratio of medians to reach, None where there is none; `runs` how many
    pairs, for quick cases more; after `limit` seconds a command is stopped, and its time is told as "more than".
    """

    name: str
    title: str
    group: str
    kind: str
    ground: str
    work: str = ""
    target: float | None = None
    runs: int = 5
    delay: int = 0
    modes: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    against: str = "uv"
    limit: int = 600


def _files(ground: str, where: str) -> Iterator[Case]:
    """Name the cases of W3 from a warm store on a file system, by link mode."""
    modes = ("hardlink", "copy", "symlink") if ground in ("tmpfs", "ext4") else ("clone",)
    for mode in modes:
        runs = 3 if mode in ("copy", "clone") else 5
        title = f"W3 on {where}, `{mode}` against {mode}"
        yield Case(f"{mode}-{ground}", title, "files", "warm", ground, "W3", 0.8, runs, 0, (mode,), (mode,))
    if ground == "tmpfs":
        yield from _bytecode()


def _bytecode() -> Iterator[Case]:
    """Name the cases that compile: the first environment, whose bytecode the store keeps, and another."""
    mode = ("hardlink",)
    for kind, runs, told in (("bytecode-first", 3, "first environment"), ("bytecode", 1, "second environment")):
        title = f"W3 on tmpfs, `hardlink` and `--compile-bytecode` of both, {told}"
        yield Case(kind, title, "files", kind, "tmpfs", "W3", None, runs, modes=mode, theirs=mode)


def _fold(ground: str, where: str, target: float, runs: int, theirs: tuple[str, ...]) -> Case:
    title = f"W3 on {where}, `fold` against uv's fastest"
    return Case(f"fold-{ground}", title, "files", "warm", ground, "W3", target, runs, 0, ("fold",), theirs)


def _cold(work: str, delay: int) -> Case:
    title = f"{work}, hard links, round trip of {delay} ms"
    mode = ("hardlink",)
    runs = 5 if work == "W2" else 3
    return Case(f"cold-{work}-{delay}", title, "cold", "cold", "tmpfs", work, 1.0, runs, delay, mode, mode)


def _scale(ground: str) -> Iterator[Case]:
    """Name the points of the plots: the first packages of W3, in each link mode."""
    for mode in ("fold", "hardlink", "symlink", "copy"):
        theirs = "hardlink" if mode == "fold" else mode
        for packages in STEPS:
            title = f"the first {packages} packages of W3 on {ground}, `{mode}` against {theirs}"
            yield Case(
                f"scale-{ground}-{mode}-{packages}",
                title,
                "scale",
                "warm",
                ground,
                f"W3/{packages}",
                None,
                3,
                0,
                (mode,),
                (theirs,),
            )


def _resolution(work: str, what: str, target: float) -> Case:
    return Case(f"resolve-{work}", f"warm: {what}", "resolution", "resolve", "tmpfs", work, target, 9)


def _resolution_cold(work: str, what: str) -> Case:
    title = f"cold, round trip of 20 ms: {what}"
    return Case(f"resolve-cold-{work}", title, "resolution", "resolve-cold", "tmpfs", work, 1.0, 3, 20)


def _sources() -> Iterator[Case]:
    """Name the cases of source distributions: how much of what they take is in the store."""
    states = {"cold": "empty store", "again": "build tools in the store", "known": "built before"}
    for state, told in states.items():
        for backend, project in SOURCES.items():
            title = f"{project.partition('==')[0]} ({backend}), {told}"
            target = None if state == "known" else 1.0
            yield Case(f"source-{state}-{backend}", title, "source", "source", "tmpfs", f"{state} {project}", target, 5)


def _small(name: str, title: str, work: str, target: float | None) -> Case:
    return Case(name, title, "small", name, "tmpfs", work, target, 15)


def _pip(name: str, title: str, kind: str, work: str, **more: object) -> Case:
    """Name a case against pip: once for each kind of work, and cw in the mode that does the same as pip."""
    mode = ("copy",) if kind in ("warm", "cold", "uninstall", "imports") else ()
    told = {"ground": "tmpfs", "runs": 1, "modes": mode, "theirs": mode, "limit": 120, **more}
    return Case(f"pip-{name}", title, "pip", kind, work=work, target=0.2, against="pip", **told)  # type: ignore[arg-type]


def _all() -> Iterator[Case]:
    fastest = ("hardlink", "symlink")
    yield Case("limit-start", "a bare interpreter started and ended", "limit", "start", "tmpfs", runs=15)
    yield Case("limit-tmpfs", "system calls on tmpfs", "limit", "calls", "tmpfs", runs=3)
    yield _small("venv", "`venv`", "", 2.0)
    yield _small("noop", "`pip install` of W2, everything satisfied", "W2", 2.0)
    yield _small("list", "`pip list` in W3", "W3", 2.0)
    yield _small("freeze", "`pip freeze` in W3", "W3", 2.0)
    mode = ("hardlink",)
    yield Case(
        "small", "W5, one small package, warm store", "small", "warm", "tmpfs", "W5", None, 15, modes=mode, theirs=mode
    )
    yield _fold("tmpfs", "tmpfs", 0.5, 9, fastest)
    yield from _files("tmpfs", "tmpfs")
    yield from _scale("tmpfs")
    yield _resolution("airflow", "airflow-like, hundreds of packages", 0.8)
    yield _resolution("boto3", "boto3 with an old urllib3", 1.0)
    yield _resolution("W2", "W2", 1.5)
    yield _resolution("W1", "W1", 2.0)
    yield _resolution_cold("W2", "W2")
    yield _resolution_cold("airflow", "airflow-like")
    yield _resolution_cold("boto3", "boto3 with an old urllib3")
    for work in ("W2", "W3"):
        for delay in (0, 20):
            yield _cold(work, delay)
    yield from _sources()
    yield _pip("warm-W3", "W3 from a warm store", "warm", "W3")
    yield _pip("warm-W2", "W2 from a warm store", "warm", "W2")
    yield _pip("warm-W5", "W5 from a warm store", "warm", "W5", runs=3)
    yield _pip("cold-W2", "W2 into an empty store", "cold", "W2")
    yield _pip("cold-W2-20", "W2 into an empty store, round trip of 20 ms", "cold", "W2", delay=20)
    yield _pip("cold-W3", "W3 into an empty store", "cold", "W3")
    yield _pip("imports", "W3 installed with its bytecode and imported, second environment", "imports", "W3")
    yield _pip("uninstall", "W3 uninstalled", "uninstall", "W3")
    yield _pip("resolve-W1", "resolution, warm: W1", "resolve", "W1")
    yield _pip("resolve-W2", "resolution, warm: W2", "resolve", "W2")
    yield _pip("resolve-airflow", "resolution, warm: airflow-like", "resolve", "airflow", limit=60)
    yield _pip("resolve-boto3", "resolution, warm: boto3 with an old urllib3", "resolve", "boto3", limit=60)
    yield _pip("resolve-cold-W2", "resolution, cold, round trip of 20 ms: W2", "resolve-cold", "W2", delay=20)
    yield _pip("noop", "W2, everything satisfied", "noop", "W2", runs=3)
    yield _pip("list", "`pip list` in W3", "list", "W3", runs=3)
    yield _pip("freeze", "`pip freeze` in W3", "freeze", "W3", runs=3)
    yield _pip("venv", "`venv` against `python -m venv`", "venv", "", runs=3)
    yield Case("limit-ext4", "system calls on ext4", "limit", "calls", "ext4", runs=3)
    yield _fold("ext4", "ext4", 0.08, 7, fastest)
    yield from _files("ext4", "ext4")
    yield Case(
        "import-ext4",
        "W3 on ext4, second environment, everything imported",
        "files",
        "imports",
        "ext4",
        "W3",
        0.3,
        3,
        modes=("fold",),
        theirs=fastest,
    )
    yield Case(
        "uninstall",
        "W3 uninstalled, folded against uv's fastest, ext4",
        "small",
        "uninstall",
        "ext4",
        "W3",
        0.2,
        5,
        modes=("fold",),
        theirs=fastest,
    )
    yield from _scale("ext4")
    title = "W3 on ext4, `fold` against uv's default"
    yield Case("cold-fold", title, "cold", "cold", "ext4", "W3", 0.7, 3, modes=("fold",), theirs=("",))
    for ground in ("xfs", "btrfs"):
        yield Case(f"limit-{ground}", f"system calls on {ground}", "limit", "calls", ground, runs=3)
        yield from _files(ground, ground)
    yield Case("limit-slow", "system calls with 1 ms per operation", "limit", "calls", "slow", runs=1)
    yield _fold("slow", "FUSE, 1 ms an operation", 0.05, 1, ("symlink",))


CASES = {case.name: case for case in _all()}
