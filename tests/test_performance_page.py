"""The page of figures: written from made-up results by `bench/page.py`, as `make bench-page` runs it."""

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent
Record = dict[str, Any]
Writer = Callable[..., str]

TAKEN = {
    "date": "2026-01-02",
    "commit": "abc1234",
    "tools": {"cw": "cw 1.0 on Python 3.11.2", "pip": "pip 26.3", "uv": "uv 0.13.9"},
    "machine": "2 cores of a processor, 8 GiB, Linux 6.1",
    "python": "3.12",
}


def record(case: str, ours: list[float], theirs: list[float], other: str = "uv", **more: Any) -> Record:
    sides = {"cw": side(ours), other: side(theirs)}
    ratios = [one / two for one, two in zip(ours, theirs, strict=True)]
    ratio = sorted(ours)[len(ours) // 2] / sorted(theirs)[len(theirs) // 2]
    return {"case": case, "ground": "tmpfs", "ratio": ratio, "ratios": ratios, "sides": sides, **TAKEN, **more}


def side(walls: list[float], **more: Any) -> Record:
    requests = {"pages": 0, "metadata": 0, "files": 0, "bytes": 0}
    wall = sorted(walls)[len(walls) // 2]
    return {"label": "", "wall": wall, "walls": walls, "cpu": wall / 2, "peak": 40.0, "requests": requests, **more}


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Return a function that writes the page of some records, and returns its text."""

    def write(*records: Record) -> str:
        results = tmp_path / "results.json"
        results.write_text(json.dumps({"cases": {str(one["case"]): one for one in records}}))
        notes = tmp_path / "notes.toml"
        notes.write_text(
            '"list" = "Another case."\n"no*" = """Half of it\n  is the start."""\n"*" = "What comes first counts."\n'
        )
        words = [str(ROOT / "bench" / "page.py"), str(results), str(tmp_path), str(notes)]
        subprocess.run([sys.executable, *words], check=True)
        return (tmp_path / "docs" / "performance.md").read_text()

    return write


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    part = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_sdist_builds_have_their_own_section(written: Writer) -> None:
    page = written(record("source-again-flit", [0.2], [0.4]))
    assert rows(page, "Building source distributions")[0][0] == "idna (flit), build tools in the store"


def test_case_shows_medians_extremes_ratio_and_target(written: Writer) -> None:
    page = written(record("noop", [0.05, 0.06, 0.08], [0.02, 0.04, 0.05]))
    (row,) = rows(page, "Small commands")
    assert row[1:] == ["60 ms (50 ms - 80 ms)", "40 ms (20 ms - 50 ms)", "**1.50**", "1.50 - 2.50", "2", "reached", ""]


def test_missed_target_shows_the_gap(written: Writer) -> None:
    page = written(record("venv", [0.09], [0.03]), record("list", [0.03], [0.03]))
    assert "Of 2 figures with a target 1 reach it, 1 do not" in page
    assert [row[6] for row in rows(page, "Small commands")] == ["**1.5 times the target**", "reached"]
    missed = page.partition("## Where targets are missed\n")[2]
    assert "(`venv`): 3.00 where 2 is wanted. cw takes 90 ms and should take 60 ms" in missed
    assert "`list`" not in missed.partition("\n## ")[0]


def test_missed_target_has_a_profile_and_a_note(written: Writer) -> None:
    one = record("noop", [0.3], [0.1], profile={"start": 0.01, "imports": 0.03, "fs/disk.py": 0.0599, "rest": 0.0001})
    one["sides"]["cw"]["kernel"] = 0.05
    missed = written(one).partition("## Where targets are missed\n")[2].partition("\n## ")[0]
    profile = "CPU time 150 ms, 50 ms of it in the kernel: fs/disk.py 60%, imports 30%, start 10%."
    assert f"{profile} Half of it is the start.\n" in missed


def test_bench_notes_belong_to_existing_cases() -> None:
    notes = tomllib.loads((ROOT / "bench" / "notes.toml").read_text())
    listed = subprocess.run([sys.executable, str(ROOT / "bench" / "run.py"), "--list"], capture_output=True, check=True)
    names = [line.split()[0].decode() for line in listed.stdout.splitlines()]
    assert {pattern for pattern in notes if not fnmatch.filter(names, pattern)} == set()
    assert all(note.strip() for note in notes.values())


def test_machine_section_shows_minimum_costs(written: Writer) -> None:
    calls = {"mkdir": 10.0, "link": 5.0, "symlink": 7.0, "open+write+close": 50.0}
    work: Record = {"files": 30000, "directories": 3000, "packages": 100}
    hardlink = record("hardlink-tmpfs", [1.0], [1.0], **work)
    fold = record("fold-tmpfs", [1.0], [1.0], **work)
    hardlink["sides"]["cw"]["label"], fold["sides"]["cw"]["label"] = "hardlink", "fold"
    starts = {"python -I -S": {"wall": 0.0123, "cpu": 0.01}}
    page = written(
        {"case": "limit-start", "starts": starts, **TAKEN},
        {"case": "limit-tmpfs", "calls": calls, **TAKEN},
        hardlink,
        fold,
        record("cold-W2-20", [2.0], [1.0], curl={"wall": 0.7, "requests": 9}),
        record("import-ext4", [2.0], [3.0], alone={"wall": 1.7}),
    )
    limits = {row[0]: row[-1] for row in rows(page, "Installing from a warm store, by file system")}
    assert list(limits.values()) == [
        "13 ms",
        "192 ms",
        "1.70 s",
    ]  # 12.3 + 100 * 7, 12.3 + 3000 * 10 + 30000 * 5 microseconds
    assert rows(page, "Installing into an empty store")[0][-1] == "700 ms"
    assert rows(page, "The machine's limits") == [["tmpfs", "10", "5.0", "7.0", "50"]]


def test_noop_cpu_time_is_compared_with_the_interpreter(written: Writer) -> None:
    starts = {"python -I -S": {"wall": 0.012, "cpu": 0.010}}
    page = written(record("noop", [0.14], [0.1]), {"case": "limit-start", "starts": starts, **TAKEN})
    assert "above the bare interpreter: 60 ms; wanted: at most 30 ms: **2.0 times that**" in page


def test_unmeasured_cases_are_named(written: Writer) -> None:
    page = written(record("noop", [1.0], [1.0]), {"case": "clone-xfs", "failed": "mounting needs root"})
    told = page.partition("## Not measured\n")[2]
    assert "(`clone-xfs`): mounting needs root" in told
    assert "`clone-btrfs`" in told
    assert "`noop`" not in told
    assert "Not measured yet." in page.partition("## Against pip")[2]


def test_page_without_results(written: Writer) -> None:
    assert "Nothing has been measured yet" in written()


def test_records_of_another_time_are_marked(written: Writer) -> None:
    older = {"date": "2025-12-24", "commit": "0000aaa+"}
    page = written(record("noop", [1.0], [1.0]), record("list", [1.0], [1.0]), record("venv", [1.0], [1.0], **older))
    names = [row[0] for row in rows(page, "Small commands")]
    assert [name.endswith("<sup>a</sup>") for name in names] == [True, False, False]
    assert "Taken 2026-01-02 of commit abc1234, on 2 cores" in page
    assert "- a: 2025-12-24 of commit 0000aaa, with changes not committed;" in page
    assert "When figures were taken" not in written(record("noop", [1.0], [1.0]))


def test_records_of_an_older_bench_are_read(written: Writer) -> None:
    old = record("fold-ext4", [1.0, 2.0, 3.0], [4.0, 4.0, 4.0])
    for key in (*TAKEN, "ground"):
        if key != "date":
            del old[key]
    del old["sides"]["cw"]["requests"]
    assert "**0.50**" in written(old, record("gone-from-the-bench", [1.0], [1.0]))


def test_pip_comparison_shows_factor_and_timeout(written: Writer) -> None:
    stopped = record("pip-resolve-boto3", [0.5], [60.0], "pip")
    stopped["sides"]["pip"]["stopped"] = True
    page = written(record("pip-noop", [0.1], [0.4], "pip"), stopped)
    told = [row[2:] for row in rows(page, "Against pip")]
    assert told == [["more than 60.00 s", "more than 120.0", "reached"], ["400 ms", "4.0", "**1.2 times the target**"]]


def test_memory_above_the_target_is_named(written: Writer) -> None:
    one = record("cold-W3-0", [1.0], [1.0])
    one["sides"]["cw"]["peak"] = 163.2
    page = written(one, record("noop", [1.0], [1.0]))
    assert "More than the 150 MB wanted: W3, hard links, round trip of 0 ms (163)." in page
    imports = record("import-ext4", [1.0], [1.0])
    imports["sides"]["cw"]["peak"] = 400.0  # of what is imported
    assert "No case holds more than 150 MB." in written(record("noop", [1.0], [1.0]), imports)


def test_more_metadata_requests_than_uv_are_reported(written: Writer) -> None:
    cases = []
    for work, ours in (("W2", 100), ("airflow", 1300)):
        one = record(f"resolve-cold-{work}", [1.0], [1.0])
        for tool, count in (("cw", ours), ("uv", 842)):
            one["sides"][tool]["requests"] = {"pages": 7, "metadata": count, "files": 0, "bytes": 2_500_000}
        cases.append(one)
    table = rows(written(*cases), "Requests")
    assert [row[-1] for row in table] == ["reached", "**more**"]
    assert table[0][1:3] == ["7 pages, 100 metadata, 0 files", "2.5 MB"]


def test_charts_show_every_point(written: Writer, tmp_path: Path) -> None:
    points = []
    for mode, packages in (("fold", 1), ("fold", 12), ("copy", 1), ("copy", 12)):
        one = record(f"scale-tmpfs-{mode}-{packages}", [0.02 * packages], [0.1], files=packages * 90, packages=packages)
        one["sides"]["cw"]["label"], one["sides"]["uv"]["label"] = mode, "hardlink" if mode == "fold" else mode
        points.append(one)
    page = written(*points, record("noop", [1.0], [4.0]))
    growth = ET.parse(tmp_path / "docs" / "performance-growth.svg").getroot()
    lines = growth.findall("{*}polyline")
    assert len(lines) == 2 * 3  # by packages and by files: cw fold, cw copy, uv copy
    assert all(len(line.attrib["points"].split()) == 2 for line in lines)
    ratios = (tmp_path / "docs" / "performance-ratios.svg").read_text()
    assert ">0.25</text>" in ratios
    for name in re.findall(r"\((performance-[a-z]+\.svg)\)", page):
        assert (tmp_path / "docs" / name).is_file()
    assert "performance-growth.svg" not in written(record("noop", [1.0], [4.0]))


def test_only_the_readme_table_is_replaced(written: Writer, tmp_path: Path) -> None:
    begin, end = "<!-- written by `make bench` -->\n", "<!-- until here -->\n"
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{begin}| old |\n{end}after\n")
    written(record("noop", [0.05], [0.04]))
    before, _, rest = readme.read_text().partition(begin)
    table, _, after = rest.partition(end)
    assert (before, after) == ("before\n", "after\n")
    assert table.splitlines()[4:] == ["| an install with nothing to do | 50 ms | 40 ms | 1.25 |", ""]
    readme.write_text("no place\n")
    written(record("noop", [0.05], [0.04]))
    assert readme.read_text() == "no place\n"


def test_cost_of_checking_files_is_shown_with_missed_targets(written: Writer) -> None:
    look = {"wall": 0.101, "files": 29598}
    page = written(record("fold-tmpfs", [0.2], [0.2], look=look))
    assert "GNU find alone takes 101 ms to ask for size and time of the 29,598 files" in page
    assert "GNU find" not in written(record("fold-tmpfs", [0.2], [0.2], look=None))


def test_memory_of_other_processes_is_separate(written: Writer) -> None:
    sides = {"cw": side([1.0], peak=378.0), "uv": side([2.0], peak=400.0)}
    page = written(record("import-ext4", [1.0], [2.0]) | {"sides": sides}, record("noop", [1.0], [2.0]))
    assert "No case holds more than 150 MB. Not counted" in page
    assert "everything imported (378)" in page
    sides = {"cw": side([1.0], peak=151.0), "uv": side([2.0])}
    assert "More than the 150 MB wanted" in written(record("noop", [1.0], [2.0]) | {"sides": sides})
