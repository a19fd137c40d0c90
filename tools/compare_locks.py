"""Lock random projects with uv and with our resolver, and compare the locks, marker by marker.

    python tools/compare_locks.py [--from SEED] [--count N] [--pythons P] [--environments P] [--conflicts P] [--show N]

Each seed is a small project with an index of a few packages (`tests/kit/locks.py`); the options say how probable it is that
versions demand Pythons, that a project limits its environments, and that its extras or groups conflict. Prints how many
locks are the same, and the smallest projects whose locks differ. Needs `uv` beside this Python. A thousand take a few minutes.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))

from kit.locks import Case, Chances, differences


def main() -> int:
    """Compare, print, and return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="SEED")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--pythons", type=float, default=0.0)
    parser.add_argument("--environments", type=float, default=0.1)
    parser.add_argument("--conflicts", type=float, default=0.0)
    parser.add_argument("--show", type=int, default=5)
    options = parser.parse_args()
    chances = Chances(options.pythons, options.environments, options.conflicts)
    same = unsolvable = 0
    different: list[tuple[int, int, list[str]]] = []
    for seed in range(options.first, options.first + options.count):
        case = Case(seed, chances)
        found = differences(case.text, case.index, served=options.pythons > 0)
        if found is None:
            unsolvable += 1
        elif found:
            different.append((len(case.text) + len(str(case.index)), seed, found))
        else:
            same += 1
    print(f"same: {same}, different: {len(different)}, without a solution: {unsolvable}")
    for _, seed, found in sorted(different)[: options.show]:
        case = Case(seed, chances)
        print(f"\nseed {seed}\n{case.text}{case.index}\n" + "\n".join(found))
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())
