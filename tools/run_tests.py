"""Run the whole suite: the bulk on all cores, then what must be alone (mounts, users, crowds) one after another.

Usage: .venv/bin/python tools/run_tests.py [pytest options]. A test that fails beside others is run once more by itself:
if it passes then, it is named as shaky and does not stop the run, since a loaded machine is no fault of the change; a
test that fails twice does. Exit status 1 when anything failed twice. The last line has the sum of everything.
"""

import os
import re
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Bytecode matters to several tests (and to their speed); test processes must not inherit somebody's environment.
DROPPED = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONPATH")
HALVES = (
    ("not alone", ("-n", str(os.cpu_count() or 2), "--dist", "loadfile")),
    ("alone", ()),
)
NO_TESTS = 5


def run(words: list[str], environ: dict[str, str]) -> tuple[int, dict[str, int], list[str]]:
    """Run pytest, showing what it prints; return its status, what it counted, and the names of what failed."""
    command = [sys.executable, "-m", "pytest", "-rfE", *words]
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
    # a job in the background inherits an ignored SIGINT, and tests of Ctrl-C would wait for what never comes
    signal.signal(signal.SIGINT, signal.default_int_handler)
    passed = skipped = 0
    broken: list[str] = []
    shaky: list[str] = []
    for marker, how in HALVES:
        status, counted, failed = run([*sys.argv[1:], "-m", marker, *how], environ)
        passed += counted.get("passed", 0)
        skipped += counted.get("skipped", 0)
        if status not in (0, NO_TESTS) and not failed:
            # a collection error or a crash of the runner: there is nothing to try again
            broken.append(f"the run of `{marker}` (status {status})")
        for name in failed:
            again, _, _ = run([name], environ)
            (broken if again else shaky).append(name)
            passed += not again
    for name in shaky:
        print(f"SHAKY: {name} failed beside others and passed alone")
    for name in broken:
        print(f"BROKEN: {name}")
    print(f"{passed} passed, {len(broken)} failed, {skipped} skipped")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
