"""What is measured: each case is a name, what it should reach, and how two tools do the same work.

A case yields its two sides; a side prepares (not counted) and names the command (counted). Ratios are cw to the other, pair
by pair; lower is better.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """One line of the page.

    `kind` picks the method of `lab.Lab` that makes its sides; `ground` the file system; `target` the ratio of medians to
    reach, None where the issue names none; `runs` how many pairs.
    """

    name: str
    title: str
    kind: str
    ground: str
    work: str = ""
    target: float | None = None
    against: str = "uv"
    runs: int = 5
    delay: int = 0
    modes: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    more: dict[str, str] = field(default_factory=dict)


def _all() -> list[Case]:
    fastest = ("hardlink", "symlink")
    cases = [
        Case(
            "fold-ext4",
            "W3 installed from a warm store, `fold` against uv's fastest",
            "warm",
            "disk",
            "W3",
            0.08,
            modes=("fold",),
            theirs=fastest,
        ),
        Case("fold-tmpfs", "the same on tmpfs", "warm", "tmpfs", "W3", 0.5, modes=("fold",), theirs=fastest, runs=7),
        Case(
            "fold-slow",
            "the same, 1 ms per operation",
            "warm",
            "slow",
            "W3",
            0.05,
            modes=("fold",),
            theirs=("symlink",),
            runs=1,
        ),
        Case(
            "hardlink-ext4",
            "W3 warm, `hardlink` against hardlink",
            "warm",
            "disk",
            "W3",
            0.8,
            modes=("hardlink",),
            theirs=("hardlink",),
        ),
        Case(
            "hardlink-tmpfs", "the same on tmpfs", "warm", "tmpfs", "W3", 0.8, modes=("hardlink",), theirs=("hardlink",)
        ),
        Case(
            "copy-ext4",
            "W3 warm, `copy` against copy",
            "warm",
            "disk",
            "W3",
            0.8,
            modes=("copy",),
            theirs=("copy",),
            runs=3,
        ),
        Case("copy-tmpfs", "the same on tmpfs", "warm", "tmpfs", "W3", 0.8, modes=("copy",), theirs=("copy",)),
        Case(
            "clone-xfs",
            "W3 warm, `clone` against clone",
            "warm",
            "xfs",
            "W3",
            0.8,
            modes=("clone",),
            theirs=("clone",),
            runs=3,
        ),
        Case(
            "clone-btrfs",
            "W3 warm, `clone` against clone",
            "warm",
            "btrfs",
            "W3",
            0.8,
            modes=("clone",),
            theirs=("clone",),
            runs=3,
        ),
        Case(
            "symlink-ext4",
            "W3 warm, `symlink` against symlink",
            "warm",
            "disk",
            "W3",
            0.8,
            modes=("symlink",),
            theirs=("symlink",),
        ),
        Case("symlink-tmpfs", "the same on tmpfs", "warm", "tmpfs", "W3", 0.8, modes=("symlink",), theirs=("symlink",)),
        Case(
            "import-ext4",
            "W3 installed and everything imported, second environment of the machine",
            "imports",
            "disk",
            "W3",
            0.3,
            modes=("fold",),
            theirs=fastest,
            runs=3,
        ),
    ]
    for work in ("W2", "W3"):
        for delay in (0, 20):
            mode = ("hardlink",)
            title = f"{work} cold: empty store, {delay} ms round trip, hard links"
            cases.append(
                Case(f"cold-{work}-{delay}", title, "cold", "tmpfs", work, 1.0, delay=delay, modes=mode, theirs=mode)
            )
    cases += [
        Case(
            "cold-fold",
            "W3 cold on ext4, `fold` against uv's default",
            "cold",
            "disk",
            "W3",
            0.7,
            modes=("fold",),
            theirs=("",),
            runs=3,
        ),
        Case("resolve-airflow", "resolution, warm: airflow-like", "resolve", "tmpfs", "airflow", 0.8, runs=7),
        Case("resolve-boto3", "resolution, warm: boto3 with an old urllib3", "resolve", "tmpfs", "boto3", 1.0, runs=7),
        Case("resolve-W2", "resolution, warm: W2", "resolve", "tmpfs", "W2", 1.5, runs=7),
        Case("resolve-W1", "resolution, warm: W1", "resolve", "tmpfs", "W1", 2.0, runs=7),
        Case("resolve-cold-W2", "resolution, cold, 20 ms round trip: W2", "resolve-cold", "tmpfs", "W2", 1.0, delay=20),
        Case(
            "resolve-cold-airflow",
            "resolution, cold, 20 ms round trip: airflow-like",
            "resolve-cold",
            "tmpfs",
            "airflow",
            1.0,
            delay=20,
            runs=3,
        ),
        Case(
            "resolve-cold-boto3",
            "resolution, cold, 20 ms round trip: boto3 with an old urllib3",
            "resolve-cold",
            "tmpfs",
            "boto3",
            1.0,
            delay=20,
            runs=3,
        ),
        Case("noop", "W2, everything installed already", "noop", "tmpfs", "W2", 2.0, runs=11),
        Case("venv", "`venv`", "venv", "tmpfs", "", 2.0, runs=11),
        Case("list", "`pip list` in W3", "list", "tmpfs", "W3", 2.0, runs=11),
        Case("freeze", "`pip freeze` in W3", "freeze", "tmpfs", "W3", 2.0, runs=11),
        Case(
            "uninstall",
            "W3 (folded) uninstalled, against uv's W3",
            "uninstall",
            "disk",
            "W3",
            0.2,
            modes=("fold",),
            theirs=("hardlink",),
        ),
        Case(
            "small",
            "W5 installed from a warm store",
            "warm",
            "tmpfs",
            "W5",
            None,
            modes=("hardlink",),
            theirs=("hardlink",),
            runs=11,
        ),
    ]
    for name, kind, work, runs in (
        ("pip-warm-W3", "warm", "W3", 1),
        ("pip-warm-W2", "warm", "W2", 1),
        ("pip-cold-W2", "cold", "W2", 1),
        ("pip-resolve-W1", "resolve", "W1", 1),
        ("pip-noop", "noop", "W2", 3),
        ("pip-list", "list", "W3", 3),
        ("pip-freeze", "freeze", "W3", 3),
        ("pip-uninstall", "uninstall", "W3", 1),
        ("pip-small", "warm", "W5", 3),
    ):
        mode = ("",) if kind in ("warm", "cold", "uninstall") else ()
        cases.append(
            Case(name, f"{kind} {work}", kind, "tmpfs", work, 0.2, against="pip", runs=runs, modes=mode, theirs=mode)
        )
    for packages in (1, 10, 36, 72, 143):
        for ground in ("tmpfs", "disk"):
            for mode in ("fold", "hardlink"):
                name = f"scale-{ground}-{mode}-{packages}"
                cases.append(
                    Case(
                        name,
                        f"{packages} packages of W3, `{mode}`",
                        "warm",
                        ground,
                        f"W3/{packages}",
                        None,
                        modes=(mode,),
                        theirs=("hardlink",),
                        runs=3,
                    )
                )
    return cases


CASES = {case.name: case for case in _all()}
