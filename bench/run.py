"""Run Commonwheel, uv and pip side by side on the same work, and write what came out to docs/performance.md.

    bench/run.py                    everything (about half an hour; the first time records what it needs of the configured index)
    bench/run.py --case 'fold-*' --case noop       some cases, `--list` names them; the page is left as it is
    bench/run.py --page             write the page from the figures that are there

Linux. Root for the mounts of other file systems; without it those cases are left out, and the page says so.
"""

import argparse
import datetime as dt
import fnmatch
import os
import signal
import subprocess
import sys
import time

import results
from cases import CASES, Case
from grounds import Unavailable
from lab import Failed, Lab
from page import write_page
from seats import seat
from tools import Tools, exported, find_python

from index import LocalIndex

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
HOME = os.path.join(ROOT, ".bench")


def main() -> int:
    """Measure what was asked for, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--case", action="append", default=[], metavar="NAME", help="run this case alone (`*` stands for anything)"
    )
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--page", action="store_true", help="write the page, measure nothing")
    parser.add_argument("--runs", type=int, help="pairs of runs, instead of what each case asks for")
    parser.add_argument(
        "--head", action="store_true", help="measure the last commit, not what the working tree has now"
    )
    parser.add_argument("--python", default="3.12", help="the Python of the environments (default: %(default)s)")
    parser.add_argument("--cw-python", default="", help="the Python that runs cw (default: the one that starts first)")
    asked = parser.parse_args()
    if asked.list:
        for case in CASES.values():
            print(f"{case.name:24} {case.title}")
        return 0
    if not asked.page:
        chosen = [name for name in CASES if not asked.case or any(fnmatch.fnmatch(name, one) for one in asked.case)]
        measure(chosen, asked)
    if asked.page or not asked.case:
        write_page(results.load(HOME), ROOT)
    return 0


def measure(names: list[str], asked: argparse.Namespace) -> None:
    """Run cases, and keep their figures as they come."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is mounted and served here ends too
    source = exported(HOME) if asked.head else ROOT
    tools = Tools(HOME, asked.cw_python, source)
    tools.make()
    what = os.path.basename(source)[:7] if asked.head else commit()
    about = {"tools": tools.versions(), "machine": machine(), "python": asked.python, "commit": what}
    with seat(HOME) as place, LocalIndex(place, f"{HOME}/recording") as index:
        lab = Lab(HOME, index, tools, find_python(asked.python))
        try:
            for name in names:
                one(lab, name, asked.runs, about)
        finally:
            lab.close()


def one(lab: Lab, name: str, runs: int | None, about: dict) -> None:
    """Run a case, say how it went, and keep its figures."""
    case = CASES[name]
    started = time.monotonic()
    try:
        record = lab.carry_out(case, runs)
    except (Unavailable, Failed) as error:
        print(f"{name:24} left out: {error}", flush=True)
        # the last line says what went wrong; the first is the command, with paths of this machine
        results.keep(HOME, {"case": name, "failed": str(error).rstrip().splitlines()[-1]})
        return
    results.keep(HOME, {**record, **about, "date": dt.datetime.now(tz=dt.UTC).date().isoformat()})
    print(f"{name:24} {told(case, record)}; {time.monotonic() - started:.0f} s", flush=True)


def told(case: Case, record: dict) -> str:
    """Return one line about a record."""
    if case.group == "limit":
        return str(record.get("starts") or record.get("calls"))
    sides = [
        f"{tool} {side['label']} {side['wall'] * 1000:.0f} ms (cpu {side['cpu'] * 1000:.0f}, {side['peak']:.0f} MB)"
        for tool, side in record["sides"].items()
    ]
    target = f" of {case.target}" if case.target is not None else ""
    spread = f"{min(record['ratios']):.2f}-{max(record['ratios']):.2f}"
    return f"ratio {record['ratio']:.2f}{target} ({spread}); {'; '.join(sides)}"


def commit() -> str:
    """Return the commit that is measured, with a `+` if its source has been changed since; empty outside of a repository."""
    asked = lambda *words: subprocess.run(  # noqa: E731
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return asked("rev-parse", "--short", "HEAD") + ("+" if asked("status", "--porcelain", "src") else "")


def machine() -> str:
    """Return what kind of machine this is."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        model = next(
            (line.partition(":")[2].strip() for line in stream if line.startswith("model name")), "a processor"
        )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{os.cpu_count()} cores of {model}, {pages / 2**30:.0f} GiB, Linux {os.uname().release.split('-')[0]}"


if __name__ == "__main__":
    sys.exit(main())
