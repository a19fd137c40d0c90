"""Run the whole suite: the bulk on all cores, then what must be alone (mounts, users, crowds) one after another.

Usage: .venv/bin/python tools/run_tests.py [pytest options]. A test that fails runs once more by itself, to tell a broken
test (fails twice) from a shaky one (passes alone). Both are failures: a shaky test depends on the speed of the machine, and
is to be made deterministic. Exit status 1 when anything failed. The last line has the sum of everything.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Bytecode matters to several tests (and to their speed); test processes must not inherit the environment of a developer.
DROPPED = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONPATH")
HALVES = (
    ("not alone", ("-n", str(os.cpu_count() or 2), "--dist", "loadfile")),
    ("alone", ()),
)
NO_TESTS = 5


def run(words: list[str], environ: dict[str, str]) -> tuple[int, dict[str, int], list[str]]:
    """Run pytest, showing what it prints; return its status, what it counted, and the names of what failed."""
    command = [sys.executable, "-m", "pytest", "-rfE", "--durations=15", *words]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, errors="replace")
    assert process.stdout is not None
    counted: dict[str, int] = {}
    failed: list[str] = []
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        found = re.match(r"(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", line.rstrip())
        if found:
            failed.append(found[1])
        if re.search(r"\d+ (?:passed|failed|errors?|skipped)", line):
            counted = {
                word.rstrip("s"): int(count)
                for count, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", line)
            }
    return process.wait(), counted, failed


def main() -> int:
    """Run both halves and return 0 when both passed."""
    environ = {
        name: value for name, value in os.environ.items() if name not in DROPPED and not name.startswith(("CW_", "UV_"))
    }
    passed = skipped = 0
    broken: list[str] = []
    shaky: list[str] = []
    for marker, how in HALVES:
        status, counted, names = run([*sys.argv[1:], "-m", marker, *how], environ)
        passed += counted.get("passed", 0)
        skipped += counted.get("skipped", 0)
        if status not in (0, NO_TESTS) and not names:
            # a collection error or a crash of the runner: there is nothing to run again
            broken.append(f"the run of `{marker}` (status {status})")
        for name in names:
            again, _, _ = run([name], environ)
            (broken if again else shaky).append(name)
    for name in shaky:
        print(f"SHAKY: {name} (failed beside others, passed alone)")
    for name in broken:
        print(f"BROKEN: {name}")
    failed = len(broken) + len(shaky)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
