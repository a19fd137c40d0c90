"""Pieces of work are done once each, by any process, and a copy that dies or is left behind does no harm."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from commonwheel.concurrency import forked_workers
from kit.processes import until_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")


def run(script: str) -> str:
    """Run a script in a process that has no other thread, as the processes of tests may have."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


HEAD = """
import os, signal, sys, time
from commonwheel.concurrency import forked_workers
me = os.getpid()
starts, start = os.pipe()
goes, go = os.pipe()
met = False
def meet(copies):
    # Wait, once in each process, until the origin and so many copies are at work.
    global met
    if met:
        return
    met = True
    if os.getpid() == me:
        for _ in range(copies):
            os.read(starts, 1)
        os.write(go, b"x" * copies)
    else:
        os.write(start, b"x")
        os.read(goes, 1)
"""


def test_every_piece_is_done_once_and_workers_take_part() -> None:
    said = run(
        HEAD
        + """
def do(number):
    meet(2)
    return b"%d %d" % (number, os.getpid())
with forked_workers.Shared(200, do, 2) as shared:
    answers = [answer.split() for answer in shared.finish()]
assert [int(number) for number, _ in answers] == list(range(200))
print(len({pid for _, pid in answers}), me in {int(pid) for _, pid in answers})
"""
    )
    assert said == "3 True\n"


def test_long_answers_arrive_complete() -> None:
    said = run(
        HEAD
        + """
with forked_workers.Shared(8, lambda n: bytes([n]) * 300_000, 1) as shared:
    print(all(x == bytes([n]) * 300_000 for n, x in enumerate(shared.finish())))
"""
    )
    assert said == "True\n"


def test_killed_worker_leaves_its_pieces_unanswered() -> None:
    said = run(
        HEAD
        + """
def do(number):
    meet(1)
    if os.getpid() != me:
        os.kill(os.getpid(), signal.SIGKILL)
    return b"done"
with forked_workers.Shared(40, do, 1) as shared:
    print(shared.finish().count(None))
"""
    )
    assert said == "1\n"


def test_raising_worker_leaves_its_piece_silently() -> None:
    said = run(
        HEAD
        + """
def do(number):
    meet(1)
    if os.getpid() != me:
        raise ValueError
    return b"done"
with forked_workers.Shared(40, do, 1) as shared:
    print(shared.finish().count(None))
"""
    )
    assert said == "1\n"


def test_error_ends_the_workers_before_it_propagates() -> None:
    said = run(
        HEAD
        + """
def do(number):
    if os.getpid() == me:
        raise KeyError(number)
    time.sleep(60)
    return b""
try:
    with forked_workers.Shared(40, do, 1) as shared:
        time.sleep(0.05)
        shared.finish()
except KeyError:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("none left")
"""
    )
    assert said == "none left\n"


def test_worker_ends_with_its_parent(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    run(
        HEAD
        + f"""
def do(number):
    time.sleep(0.05)
    with open({str(marks)!r}, "a") as out:
        out.write("x")
    return b""
shared = forked_workers.Shared(1000, do, 1).__enter__()
time.sleep(0.2)
os._exit(0)
"""
    )
    size = -1
    while size != (size := marks.stat().st_size if marks.exists() else 0):
        time.sleep(0.3)
    assert size < 500


def test_no_fork_beside_threads() -> None:
    gate = threading.Event()
    other = threading.Thread(target=gate.wait)
    other.start()
    try:
        assert not forked_workers.possible()
        with forked_workers.Shared(20, lambda number: b"%d" % os.getpid(), 2) as shared:
            assert set(shared.finish()) == {b"%d" % os.getpid()}
    finally:
        gate.set()
        other.join()


def test_workers_have_default_signal_handlers() -> None:
    said = run(
        HEAD
        + """
signal.signal(signal.SIGTERM, lambda *_: None)
def do(number):
    meet(1)
    if os.getpid() != me:
        os.kill(os.getpid(), signal.SIGTERM)
    return b"done"
with forked_workers.Shared(40, do, 1) as shared:
    print(shared.finish().count(None))
"""
    )
    assert said == "1\n"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_without_workers_everything_runs_here() -> None:
    with forked_workers.Shared(5, lambda number: b"%d" % number, 0) as shared:
        shared.stop()
        assert shared.finish() == [None] * 5
    with forked_workers.Shared(5, lambda number: b"%d" % number, 0) as shared:
        assert shared.finish() == [b"0", b"1", b"2", b"3", b"4"]


# --- copies that stand by ----------------------------------------------------------------------------------------------


def served(kind: str, *words: object) -> object:
    """Be what the copies of these tests do."""
    if kind == "pid":
        return os.getpid()
    if kind == "raise":
        raise ValueError(words)
    if kind == "die":
        os._exit(3)
    if kind == "sleep":
        time.sleep(60)
    return object() if kind == "strange" else words


def stand_by() -> forked_workers.Standing:
    return forked_workers.Standing(2, served)


def test_workers_answer_with_values() -> None:
    known = stand_by()
    try:
        words = ("text", b"bytes" * 100_000, 1, None, ("a", {"b": 2.5}))
        assert known.ask("echo", *words) == words
        assert {known.ask("pid") for _ in range(2)}.isdisjoint({os.getpid()})
    finally:
        known.close()


def test_queued_requests_leave_a_reserved_worker_free() -> None:
    known = stand_by()
    threads = [threading.Thread(target=known.ask_in_turn, args=("sleep",)) for _ in range(2)]
    try:
        known.spare()
        for thread in threads:
            thread.start()
        # one of them has a copy, the other waits for the first, and nobody else for either
        assert known.ask("echo", 1) == (1,)
    finally:
        known.share()
        known.close()
        for thread in threads:
            thread.join()


def test_reserved_worker_can_be_shared_again() -> None:
    known = stand_by()
    try:
        known.spare()
        known.share()
        assert len({known.ask_in_turn("pid") for _ in range(2)}) == 2
    finally:
        known.close()


def test_request_after_close_has_no_answer() -> None:
    known = stand_by()
    known.close()
    assert known.ask("echo", 1) is None
    assert known.ask_in_turn("echo", 1) is None
    known.close()  # and there is nobody left to be ended, who might have the number of one of them


def test_workers_serve_several_threads_in_parallel() -> None:
    known = stand_by()
    answers: list[object] = []
    try:
        threads = [threading.Thread(target=lambda n=n: answers.append(known.ask("echo", n))) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [(n,) for n in range(20)]  # type: ignore[type-var]
        assert len({known.ask("pid"), known.ask("pid")}) == 2  # they take turns
    finally:
        known.close()


@pytest.mark.parametrize("kind", ["raise", "strange", "die"])
def test_failed_request_has_no_answer(kind: str) -> None:
    known = stand_by()
    try:
        for _ in range(4):
            assert known.ask(kind) is None
        alive_still = kind != "die"
        assert (known.ask("echo", 1) == (1,)) is alive_still
    finally:
        known.close()


def test_close_ends_busy_workers() -> None:
    known = stand_by()
    pids = [pid for pid in (known.ask("pid"), known.ask("pid")) if isinstance(pid, int)]
    waiting = threading.Thread(target=known.ask, args=("sleep",))
    waiting.start()
    known.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert len(pids) == 2
    assert all(map(until_gone, pids))


def test_no_fork_beside_another_thread() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    try:
        assert forked_workers.standing(served) is None
    finally:
        go.set()
        thread.join()


def test_one_worker_per_processor() -> None:
    said = run(
        HEAD
        + """
for count in (1, 2, 4):
    forked_workers.processors = lambda most=4: count
    known = forked_workers.standing(lambda: os.getpid())
    print(known and len({known.ask() for _ in range(count)}))
    if known:
        known.close()
"""
    )
    assert said.split() == ["None", "2", "4"]


def test_workers_end_with_their_origin() -> None:
    script = (
        HEAD
        + """
known = forked_workers.standing(lambda: me and os.getpid())
print(known.ask(), known.ask(), flush=True)
time.sleep(60)
"""
    )
    origin = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert origin.stdout is not None
    pids = [int(word) for word in origin.stdout.readline().split()]
    assert len(set(pids)) == 2
    origin.kill()
    origin.wait()
    origin.stdout.close()
    assert all(map(until_gone, pids))


def test_ctrl_c_affects_the_origin_only() -> None:
    known = stand_by()
    try:
        pids = [known.ask("pid") for _ in range(2)]
        for pid in pids:
            assert isinstance(pid, int)
            os.kill(pid, signal.SIGINT)
        assert known.ask("echo", 1) == (1,)
    finally:
        known.close()


def test_workers_prepare_in_the_background() -> None:
    said = run(
        HEAD
        + """
done = []
def prepare():
    time.sleep(0.2)
    done.append(os.getpid())
forked_workers.processors = lambda most=4: 2
known = forked_workers.standing(lambda: (os.getpid(), done), prepare)
print(done)
print(all(one == [pid] for pid, one in (known.ask(), known.ask())), done)
known.close()
"""
    )
    assert said.splitlines() == ["[]", "True []"]


def test_worker_with_failed_preparation_has_no_answer() -> None:
    said = run(
        HEAD
        + """
forked_workers.processors = lambda most=4: 2
known = forked_workers.standing(os.getpid, lambda: 1 / 0)
print(known.ask(), known.ask())
known.close()
"""
    )
    assert said.splitlines()[-1] == "None None"
