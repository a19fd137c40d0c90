"""Write docs/performance.md, its pictures and the short table of the README from what was measured.

    bench/page.py [RESULTS [ROOT [NOTES]]]      also done by bench/run.py, after everything has run

The page survives partial results: what was not measured is listed as such, and where records are of different days or commits
each says of which. What a profile says about a case is written by hand, in notes.toml.
"""

import fnmatch
import json
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator

import svg
from cases import CASES, GROUPS
from figures import Record, Row, cost, duration, microseconds, proportion, requests, sent, stamp_of, table, times

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MEMORY = 150
#: How many places a profile names.
PLACES = 7
#: The README's rows: case and what it is called there.
SHORT = {
    "fold-ext4": "145 scientific packages into a second environment, ext4, fastest mode",
    "hardlink-ext4": "the same with hard links",
    "fold-slow": "the same on a file system with 1 ms per operation, fastest mode",
    "import-ext4": "the same, and everything imported",
    "cold-W3-20": "the same from an empty cache, index 20 ms away",
    "resolve-airflow": "resolving some 340 packages again",
    "noop": "an install with nothing to do",
}
COLORS = {"fold": "#8250df", "hardlink": "#1a7f64", "symlink": "#0969da", "copy": "#d1782c", "clone": "#bf3989"}
VERBS = {"hardlink": "link", "symlink": "symlink", "copy": "open+write+close", "clone": "clone"}
GROUNDS = {
    "tmpfs": "tmpfs",
    "ext4": "ext4, a loop mount",
    "xfs": "xfs, a loop mount",
    "btrfs": "btrfs, a loop mount",
    "slow": "FUSE over tmpfs, 1 ms for every operation",
}


class Page:
    """All records, and the parts of the page."""

    def __init__(self, records: dict[str, Record], notes: dict[str, str]) -> None:
        self.records = records
        self.notes = notes
        self.rows = [Row(case, records[name]) for name, case in CASES.items() if "sides" in records.get(name, {})]
        stamps = Counter(stamp_of(record) for record in records.values() if "date" in record)
        self.stamps = [stamp for stamp, _ in stamps.most_common()]

    def of(self, *groups: str) -> list[Row]:
        return [row for row in self.rows if row.case.group in groups]

    def text(self, pictures: Iterable[str]) -> str:
        """Return the whole page."""
        shown = set(pictures)
        parts = [self._head()]
        if "ratios" in shown:
            parts.append("![Ratios of all cases with their targets](performance-ratios.svg)\n")
        for group in ("files", "cold", "resolution", "source", "small"):
            parts += self._part(group, self._compared(self.of(group)))
            if group == "small":
                parts += self._own_cpu()
        parts += self._part("pip", self._pip())
        parts += ["## CPU time and memory\n", self._memory(), "## Requests\n", self._requests()]
        if "growth" in shown:
            parts += [
                f"## {GROUPS['scale']}\n",
                self._growth(),
                "![Cost by packages and files](performance-growth.svg)\n",
            ]
        parts += self._part("limit", self._limits())
        parts += ["## Where targets are missed\n", self._missed(), *self._left_out(), *self._taken(), HOW]
        return "\n".join(part for part in parts if part)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _head(self) -> str:
        if not self.rows:
            return "# Performance\n\nNothing has been measured yet.\n"
        with_target = [row for row in self.rows if row.case.target is not None]
        missed = sum(row.is_missed for row in with_target)
        stamp = self.stamps[0]
        reached = len(with_target) - missed
        lines = [
            "# Performance\n",
            f"cw, uv and pip side by side on the same work. {INTRO}\n",
            f"Of {len(with_target)} figures with a target {reached} reach it, {missed} do not: [{LINK}](#{ANCHOR}).\n",
            f"Taken {stamp.when}, on {stamp.machine}: {stamp.tools}. Environments: Python {stamp.python}.\n",
        ]
        if len(self.stamps) > 1:
            lines.append("Rows with a letter were [taken at another time](#when-figures-were-taken).\n")
        return "\n".join(lines)

    def _part(self, group: str, table: str) -> list[str]:
        return [f"## {GROUPS[group]}\n", ABOUT.get(group, ""), table or "Not measured yet.\n"]

    def _name(self, row: Row) -> str:
        return row.case.title + self._letter(row.record)

    def _letter(self, record: Record) -> str:
        number = self.stamps.index(stamp_of(record)) if "date" in record else 0
        return f" <sup>{chr(ord('a') + number - 1)}</sup>" if number else ""

    def _compared(self, rows: list[Row]) -> str:
        head = ("case", "cw", "uv", "ratio", "of pairs", "target", "", "limit")
        return table(
            head,
            (
                (
                    self._name(row),
                    cost(row.ours, row.case.modes),
                    cost(row.theirs, row.case.theirs),
                    f"**{proportion(row.ratio)}**",
                    f"{proportion(min(row.record['ratios']))} - {proportion(max(row.record['ratios']))}"
                    if row.record["ratios"]
                    else "",
                    "" if row.case.target is None else f"{row.case.target:g}",
                    row.verdict,
                    duration(self._limit(row)),
                )
                for row in rows
            ),
        )

    def _own_cpu(self) -> list[str]:
        """Return, in words, what a no-op install needs above the bare interpreter."""
        noop, start = self.records.get("noop", {}), self._start("cpu")
        if "sides" not in noop or start is None:
            return []
        own = (noop["sides"]["cw"]["cpu"] - start) * 1000
        verdict = "reached" if own <= 30 else f"**{times(own / 30)} that**"
        return [
            f"CPU time of the no-op install above the bare interpreter: {own:.0f} ms; wanted: at most 30 ms: {verdict}.\n"
        ]

    def _pip(self) -> str:
        return table(
            ("case", "cw", "pip", "times faster", "at least 5"),
            (
                (
                    self._name(row),
                    cost(row.ours, row.case.modes),
                    cost(row.theirs, ()),
                    f"{'more than ' if row.theirs.get('stopped') else ''}{1 / row.ratio:.1f}",
                    row.verdict,
                )
                for row in self.of("pip")
            ),
        )

    def _memory(self) -> str:
        rows = self.of("files", "cold", "resolution", "source", "small", "pip")
        if not rows:
            return "Not measured yet.\n"
        # what is imported is not the installer's, nor is Python's compiler, which takes 50 to 100 MB for a file of a megabyte
        own = [row for row in rows if row.case.kind not in {"imports", "bytecode-first"}]
        over = [f"{row.case.title} ({row.ours['peak']:.0f})" for row in own if row.ours["peak"] > MEMORY]
        told = (
            f"No case holds more than {MEMORY} MB."
            if not over
            else f"More than the {MEMORY} MB wanted: {'; '.join(over)}."
        )
        others = [f"{row.case.title} ({row.ours['peak']:.0f})" for row in rows if row not in own]
        if others:
            told += f" Not counted, since most of it is what Python imports or its compiler holds: {'; '.join(others)}."
        shown = table(
            ("case", "cw CPU", "other's CPU", "cw memory", "other's memory"),
            (
                (
                    self._name(row) + (" (pip)" if row.case.against == "pip" else ""),
                    duration(row.ours["cpu"]),
                    duration(row.theirs["cpu"]),
                    f"{row.ours['peak']:.0f} MB",
                    f"{row.theirs['peak']:.0f} MB",
                )
                for row in rows
            ),
        )
        return f"{MEMORY_TEXT} {told}\n\n{shown}"

    def _requests(self) -> str:
        rows = [row for row in self.of("cold", "resolution") if "cold" in row.case.kind and row.ours.get("requests")]
        if not rows:
            return "Not measured yet.\n"
        return REQUESTS_TEXT + table(
            ("case", "cw", "sent", "uv", "sent", "metadata: never more"),
            (
                (
                    self._name(row),
                    requests(row.ours),
                    sent(row.ours),
                    requests(row.theirs),
                    sent(row.theirs),
                    "reached" if row.ours["requests"]["metadata"] <= row.theirs["requests"]["metadata"] else "**more**",
                )
                for row in rows
            ),
        )

    def _growth(self) -> str:
        rows = {row.case.name: row for row in self.of("scale")}
        sizes = {row.record["packages"]: row.record["files"] for row in rows.values()}
        told = ", ".join(f"{packages} ({files:,} files)" for packages, files in sorted(sizes.items()))
        return f"The first packages of W3, alone, from a warm store; how many, and how many files they are: {told}.\n"

    def _limits(self) -> str:
        grounds = [(ground, self.records.get(f"limit-{ground}", {})) for ground in GROUNDS]
        measured = [(ground, record) for ground, record in grounds if "calls" in record]
        verbs = list(dict.fromkeys(verb for _, record in measured for verb in record["calls"]))
        shown = table(
            ("file system", *verbs),
            (
                (GROUNDS[ground] + self._letter(record), *(microseconds(record["calls"].get(verb)) for verb in verbs))
                for ground, record in measured
            ),
        )
        starts = self.records.get("limit-start", {}).get("starts", {})
        told = [
            f"`{name} -c pass` {duration(one['wall'])} (CPU {duration(one['cpu'])})" for name, one in starts.items()
        ]
        lines = [f"The Python of cw, started and ended: {', '.join(told)}.\n"] if told else []
        if measured:
            lines.append(f"Microseconds a call:\n\n{shown}")
        return "\n".join(lines)

    def _missed(self) -> str:
        lines = []
        for row in self.rows:
            if not row.is_missed:
                continue
            wanted = (row.case.target or 0) * row.theirs["wall"]
            limit = self._limit(row)
            lines.append(
                f"- **{row.case.title}** (`{row.case.name}`): {proportion(row.ratio)} where {row.case.target:g} is wanted. "
                f"cw takes {duration(row.ours['wall'])} and should take {duration(wanted)}"
                + (f"; the machine's limit is {duration(limit)}" if limit else "")
                + _look(row.record.get("look"))
                + f". {self._cpu(row)} {self._note(row.case.name)}".rstrip()
            )
        return MISSED_TEXT + "\n".join(lines) + "\n" if lines else "None of those measured.\n"

    def _left_out(self) -> list[str]:
        failed = [
            f"- {case.title} (`{name}`): {self.records[name]['failed']}"
            for name, case in CASES.items()
            if "failed" in self.records.get(name, {})
        ]
        never = [f"`{name}`" for name, case in CASES.items() if name not in self.records and case.group != "scale"]
        points = sum(name not in self.records for name, case in CASES.items() if case.group == "scale")
        never += [f"{points} points of the plots of growth"] if points else []
        lines = ["## Not measured\n"] if failed or never else []
        if failed:
            lines += [
                "Tried, and not possible" + (" (older figures stand above):\n" if self.rows else ":\n"),
                "\n".join(failed) + "\n",
            ]
        if never:
            lines.append(f"Not tried yet: {', '.join(never)}.\n")
        return lines

    def _taken(self) -> list[str]:
        if len(self.stamps) < 2:
            return []
        lines = [
            f"- {'no letter' if not number else chr(ord('a') + number - 1)}: {stamp.when}; {stamp.tools}; {stamp.machine}"
            for number, stamp in enumerate(self.stamps)
        ]
        return ["## When figures were taken\n", "\n".join(lines) + "\n"]

    # --- what a case costs at least ---------------------------------------------------------------------------------

    def _limit(self, row: Row) -> float | None:
        """Return the seconds that the machine needs for the work of a case without any installer; None if not known."""
        if "curl" in row.record:
            return row.record["curl"]["wall"]
        if "alone" in row.record:
            return row.record["alone"]["wall"]
        if row.case.group != "files" or row.case.kind != "warm":
            return self._start("wall") if row.case.group == "small" and row.case.kind != "uninstall" else None
        calls = self.records.get(f"limit-{row.case.ground}", {}).get("calls")
        start = self._start("wall")
        if calls is None or start is None or "packages" not in row.record:
            return None
        mode = row.ours["label"]
        if mode == "fold":
            return start + row.record["packages"] * calls["symlink"] / 1e6
        if VERBS.get(mode) not in calls:
            return None
        return start + (row.record["directories"] * calls["mkdir"] + row.record["files"] * calls[VERBS[mode]]) / 1e6

    def _start(self, what: str) -> float | None:
        starts = self.records.get("limit-start", {}).get("starts")
        return starts["python -I -S"][what] if starts else None

    def _cpu(self, row: Row) -> str:
        """Return, in words, where the CPU time of cw goes: the places that need most of it."""
        kernel = f", {duration(row.ours['kernel'])} of it in the kernel" if "kernel" in row.ours else ""
        told = f"CPU time {duration(row.ours['cpu'])}{kernel}"
        profile = row.record.get("profile") or {}
        most = sorted(profile, key=lambda place: -profile[place])[:PLACES]
        whole = sum(profile.values())
        parts = [f"{place} {profile[place] / whole:.0%}" for place in most if profile[place] > whole / 50]
        return f"{told}: {', '.join(parts)}." if parts else f"{told}."

    def _note(self, name: str) -> str:
        found = (note for pattern, note in self.notes.items() if fnmatch.fnmatch(name, pattern))
        return " ".join(next(found, "").split())

    # --- pictures and the README ------------------------------------------------------------------------------------

    def pictures(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the text of each picture that there are figures for."""
        groups = []
        for group in ("files", "cold", "resolution", "source", "small", "pip"):
            bars = [svg.Bar(row.case.title.replace("`", ""), row.ratio, row.case.target) for row in self.of(group)]
            if bars:
                groups.append((GROUPS[group], bars))
        if groups:
            yield "ratios", svg.bars("Time of cw, as a part of the other's", groups)
        panels = [
            svg.Panel(f"{ground}, by {what}", what, "milliseconds", lines)
            for ground in ("tmpfs", "ext4")
            for what in ("packages", "files")
            if (lines := tuple(self._lines(ground, what)))
        ]
        if panels:
            yield "growth", svg.plot("Time of an installation from a warm store", panels)

    def _lines(self, ground: str, what: str) -> Iterator[svg.Line]:
        rows = [row for row in self.of("scale") if row.case.ground == ground]
        for tool in ("cw", "uv"):
            for mode, color in COLORS.items():
                sides = {
                    row.record[what]: row.record["sides"][tool]["wall"] * 1000
                    for row in rows
                    if row.record["sides"][tool]["label"] == mode and (tool == "cw" or row.case.modes == (mode,))
                }
                if sides:
                    yield svg.Line(f"{tool} {mode}", color, tool == "uv", tuple(sides.items()))

    def short(self) -> str:
        """Return the README's table, with a sentence before it."""
        rows = [row for row in self.rows if row.case.name in SHORT]
        shown = table(
            ("work", "cw", "uv 0.13.9", "cw / uv"),
            (
                (SHORT[row.case.name], duration(row.ours["wall"]), duration(row.theirs["wall"]), proportion(row.ratio))
                for row in sorted(rows, key=lambda row: list(SHORT).index(row.case.name))
            ),
        )
        return f"{SHORT_TEXT}\n\n{shown}\n" if rows else ""


def _look(record: dict[str, float] | None) -> str:
    """Return what the look at every file costs any program, in words."""
    if not record:
        return ""
    files, wall = f"{record['files']:,.0f}", duration(record["wall"])
    return f"; GNU find alone takes {wall} to ask for size and time of the {files} files that cw looks at before it places any"


LINK, ANCHOR = "what is missing, and where the time goes", "where-targets-are-missed"
INTRO = (
    "`make bench` fetches the packages that it needs through the configured index once, serves them on loopback (nginx, HTTP/2 over TLS, "
    "with the headers of an index and an optional round trip), and runs the tools in turn, A B A B, after one run of each that does not "
    "count. Times are of whole processes: median (least - most). The ratio is that of the medians, cw to the other tool; beside it is the "
    "range of the pairs of runs. Lower is better. The limit is what the machine needs for the same work without any installer."
)
ABOUT = {
    "files": (
        "W3 is a scientific stack of 145 wheels. It goes into a fresh environment, from a store on the same file system that has it "
        "already. Limit: the start of the bare interpreter, and the same directories and links (for `fold`, one link for each package) "
        "in a bare loop of one thread; where everything is imported, the imports alone in an environment of plain files with their bytecode.\n"
    ),
    "cold": "Store and environment are empty, on tmpfs unless the row names another. Limit: the same files by `curl --parallel` over HTTP/2.\n",
    "resolution": (
        "`pip compile` into a file. Warm: the store has seen the same before. Limit of the cold ones: the same pages and metadata by "
        "`curl --parallel`.\n"
    ),
    "source": (
        "`pip install --no-binary` of one pure-Python project, hard links, on tmpfs. The run time of the build backend is in both "
        "times: cw needs at most what uv needs besides it where the ratio is at most 1.\n"
    ),
    "small": "Limit: the start of the bare interpreter.\n",
    "pip": (
        "cw runs in `copy` mode, its slowest, since pip copies. The slow cases run in one pair each. A pip that needs longer than one or two "
        "minutes is stopped.\n"
    ),
    "limit": "",
}
SHORT_TEXT = (
    "Medians of whole processes. Where the last column is above 1, cw is slower. [Performance](docs/performance.md) has all figures, "
    "the targets that are missed, and why."
)
MISSED_TEXT = """\
The CPU time by file comes from one more run under a sampling profiler: `start` is the start of the interpreter, `imports` the loading of
modules; what a file calls counts for that file. Time that is not CPU time is waiting: for the disk, the network, or another thread.

"""
MEMORY_TEXT = (
    "CPU: user and system time of the command and its children. Memory: the maximum of any run, all processes of the command "
    "together, shared pages once."
)
REQUESTS_TEXT = "The most of any run.\n\n"
HOW = """\
## How to repeat it

    make bench                        # everything, and this page; about half an hour on two idle cores; root, for the mounts
    make bench CASE='cold-* noop'     # some cases: their figures replace the older ones
    make bench-page                   # this page from the existing figures

`bench/run.py --list` names the cases, and `--runs` sets the number of pairs. Findings of profiles are written in `bench/notes.toml`.
Images of ext4, xfs and btrfs are in memory if there is enough of it. Figures name the commit that they were taken of. They vary with the other load of
the machine: rely on the ratios more than on the times, and on a ratio the more the closer its pairs are.
"""
_BEGIN, _END = "<!-- written by `make bench` -->\n", "<!-- until here -->\n"


def write_page(records: dict[str, Record], root: str, noted: str = f"{HERE}/notes.toml") -> None:
    """Write the page, its pictures, and the README's table if the README has a place for it."""
    with open(noted, "rb") as stream:
        notes = tomllib.load(stream)
    page = Page(records, notes)
    pictures = dict(page.pictures())
    os.makedirs(f"{root}/docs", exist_ok=True)
    for name, text in pictures.items():
        _write(f"{root}/docs/performance-{name}.svg", text)
    _write(f"{root}/docs/performance.md", page.text(pictures))
    readme = f"{root}/README.md"
    if os.path.exists(readme):
        with open(readme, encoding="utf-8") as stream:
            text = stream.read()
        before, begin, rest = text.partition(_BEGIN)
        _, end, after = rest.partition(_END)
        if begin and end:
            _write(readme, before + begin + page.short() + end + after)


def _write(path: str, text: str) -> None:
    with open(f"{path}.new", "w", encoding="utf-8") as stream:
        stream.write(text)
    os.rename(f"{path}.new", path)


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    with open(given.get(0, f"{ROOT}/.bench/results.json"), encoding="utf-8") as results:
        write_page(json.load(results)["cases"], given.get(1, ROOT), given.get(2, f"{HERE}/notes.toml"))
