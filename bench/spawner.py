"""Run commands one after another and account for each: a process of its own, so that its memory is not counted as theirs.

The kernel counts what a process held before `exec` as that process's own; whatever starts the commands must be small. One
line of JSON in (`argv`, `env`, `cwd`, `output`, `limit`), one out (`wall`, `user`, `system` in seconds, `peak` in KiB, `status`). The
children that a command has waited for are part of its figures, as they are of its user's waiting.
"""

import json
import os
import sys
import time


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        os.chdir(asked["cwd"])
        output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        actions = [(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
        start = time.perf_counter()
        child = os.posix_spawn(asked["argv"][0], asked["argv"], asked["env"], file_actions=actions)
        _, status, used = os.wait4(child, 0)
        wall = time.perf_counter() - start
        os.close(output)
        answer = {
            "wall": wall,
            "user": used.ru_utime,
            "system": used.ru_stime,
            "peak": used.ru_maxrss,
            "status": os.waitstatus_to_exitcode(status),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
