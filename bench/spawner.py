"""Run commands one after another and account for each: a process of its own, so that its memory is not counted as theirs.

The kernel counts what a process held before `exec` as that process's own; whatever starts the commands must be small. One
line of JSON in (`argv`, `env`, `cwd`, `output`, `limit`, `watch`), one out (`wall`, `user`, `system` in seconds, `peak` in KiB,
`status`, `stopped`). The children that a command has waited for are part of its times, as they are of its user's waiting; of
memory the kernel tells the largest process only. With `watch` all processes of the command are looked at every few
milliseconds, and what they hold together counts (shared pages once): not to be done while time is measured.
"""

import contextlib
import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PAUSE = 0.004


def main() -> None:
    signal.signal(signal.SIGTERM, end)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(carried_out(json.loads(line))) + "\n")
        sys.stdout.flush()


def end(*_: object) -> "NoReturn":
    """End; what is running ends, too."""
    raise SystemExit(143)


def carried_out(asked: dict) -> dict:
    """Run a command, and return its figures."""
    os.chdir(asked["cwd"])
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    stopped = []

    def stop(*_: object) -> None:
        stopped.append(True)
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, stop)
    start = time.perf_counter()
    child = os.posix_spawn(asked["argv"][0], asked["argv"], asked["env"], file_actions=actions, setpgroup=0)
    signal.setitimer(signal.ITIMER_REAL, asked["limit"])
    try:
        held = watched(child) if asked["watch"] else 0
        _, status, used = os.wait4(child, 0)
    except BaseException:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    wall = time.perf_counter() - start
    signal.setitimer(signal.ITIMER_REAL, 0)
    os.close(output)
    os.close(nothing)
    return {
        "wall": wall,
        "user": used.ru_utime,
        "system": used.ru_stime,
        "peak": max(used.ru_maxrss, held),
        "status": os.waitstatus_to_exitcode(status),
        "stopped": bool(stopped),
    }


def watched(child: int) -> int:
    """Return what a process and its descendants held at most together, in KiB; it has ended then, and is still to be waited for."""
    most = 0
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        most = max(most, sum(map(memory, family(child))))
        time.sleep(PAUSE)
    return most


def family(process: int) -> list[int]:
    """Return a process and its descendants."""
    found = [process]
    for one in found:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{thread}/children", "rb") as stream:
                    found += map(int, stream.read().split())
    return found


def memory(process: int) -> int:
    """Return the proportional set size of a process in KiB: a page that n processes share counts 1/n for each."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/smaps_rollup", "rb") as stream:
        for line in stream:
            if line.startswith(b"Pss:"):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
