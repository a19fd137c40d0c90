"""Run the whole suite: the bulk on all cores, then what must be alone (mounts, users, crowds) one after another.

Usage: .venv/bin/python tools/run_tests.py [pytest options]. Exit status 1 when anything failed. The last line has the
sum of both runs.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Bytecode matters to several tests (and to their speed); test processes must not inherit somebody's environment.
DROPPED = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONPATH")


def main() -> int:
    """Run both halves and return 0 when both passed."""
    environ = {
        name: value for name, value in os.environ.items() if name not in DROPPED and not name.startswith(("CW_", "UV_"))
    }
    python = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    totals: dict[str, int] = {}
    failed = False
    for words in (["-n", str(os.cpu_count() or 2), "--dist", "loadfile", "-m", "not alone"], ["-m", "alone"]):
        process = subprocess.Popen(
            [*python, *words], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, errors="replace"
        )
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if re.search(r"\d+ (passed|failed|error|skipped)", line):
                last = line
        failed |= process.wait() != 0
        for count, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", last):
            totals[word.rstrip("s")] = totals.get(word.rstrip("s"), 0) + int(count)
    bad = totals.get("failed", 0) + totals.get("error", 0)
    print(f"{totals.get('passed', 0)} passed, {bad} failed, {totals.get('skipped', 0)} skipped")
    return 1 if failed or bad else 0


if __name__ == "__main__":
    sys.exit(main())
