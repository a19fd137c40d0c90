"""What process.py promises, with real processes."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from commonwheel import process
from kit.processes import alive, until, until_gone

PYTHON = sys.executable


def python(code: str, *words: str) -> list[str]:
    return [PYTHON, "-I", "-S", "-c", textwrap.dedent(code), *words]


def test_an_exit_status_is_a_value_and_outputs_are_kept_apart() -> None:
    finished = process.run(["sh", "-c", "printf out; printf err >&2; exit 3"])
    assert finished == process.Finished(3, b"out", b"err")


def test_a_signal_shows_as_a_negative_code() -> None:
    assert process.run(["sh", "-c", "kill -9 $$"]).code == -signal.SIGKILL


def test_input_and_output_larger_than_any_pipe_do_not_block_each_other() -> None:
    data = os.urandom(300_000)
    assert process.run(["cat"], input=data).stdout == data


def test_a_child_that_does_not_read_its_input_is_no_error() -> None:
    assert process.run(["true"], input=b"x" * 300_000).code == 0


def test_without_input_a_child_reads_nothing() -> None:
    assert process.run(["cat"], timeout=10) == process.Finished(0, b"", b"")


def test_the_environment_and_directory_are_those_that_were_given(place: str) -> None:
    finished = process.run(["/bin/sh", "-c", "pwd; echo $ONLY; env | wc -l"], cwd=place, env={"ONLY": "this"})
    where, only, _ = finished.stdout.decode().splitlines()
    assert (where, only) == (os.path.realpath(place), "this")
    assert b"HOME" not in process.run(["/usr/bin/env"], env={"ONLY": "this"}).stdout


def test_output_is_passed_on_line_by_line_from_both_streams() -> None:
    lines: list[bytes] = []
    finished = process.run(["sh", "-c", "echo one; echo two >&2; printf three"], on_output=lines.append)
    assert sorted(lines) == [b"one\n", b"three", b"two\n"]
    assert finished.stdout == b"one\nthree"


def test_a_program_that_is_missing_is_named_with_a_hint() -> None:
    with pytest.raises(process.ProcessError, match="could not run `no-such-program`") as caught:
        process.run(["no-such-program", "--flag", "a b"])
    assert caught.value.code == "process"
    assert caught.value.context == ("no-such-program --flag 'a b'",)
    assert "PATH" in str(caught.value.hint)


def test_a_program_without_the_right_to_run_it_is_named(place: str) -> None:
    path = os.path.join(place, "plain")
    Path(path).write_text("#!/bin/sh\n")
    with pytest.raises(process.ProcessError, match="Permission denied") as caught:
        process.run([path])
    assert "noexec" in str(caught.value.hint)


def test_a_timeout_ends_the_child_and_all_that_it_started() -> None:
    with pytest.raises(process.ProcessTimeout) as caught:
        process.run(["sh", "-c", "sleep 100 & echo $$ $!; wait"], timeout=2.0)
    own, below = map(int, caught.value.stdout.split())
    assert until_gone(own)
    assert until_gone(below)


def test_a_child_that_ignores_the_polite_signal_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.05)
    with pytest.raises(process.ProcessTimeout) as caught:
        process.run(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done"], timeout=0.5)
    assert until_gone(int(caught.value.stdout))


def test_a_timeout_keeps_what_was_said_till_then() -> None:
    with pytest.raises(process.ProcessTimeout, match=r"did not finish within 0\.5 seconds") as caught:
        process.run(["sh", "-c", "echo why >&2; sleep 100"], timeout=0.5)
    assert caught.value.stderr == b"why\n"
    assert caught.value.context[-1] == "why"


def test_an_exception_of_the_listener_ends_the_child() -> None:
    seen: list[int] = []

    def listen(line: bytes) -> None:
        seen.append(int(line))
        raise LookupError

    with pytest.raises(LookupError):
        process.run(["sh", "-c", "echo $$; sleep 100"], on_output=listen)
    assert until_gone(seen[0])


def test_ctrl_c_ends_the_child_and_what_it_started() -> None:
    # the parent gets the signal alone, as children lead sessions of their own
    code = f"""
        import sys
        sys.path.insert(0, {str(Path(process.__file__).parents[1])!r})
        from commonwheel import process
        try:
            process.run(["sh", "-c", "sleep 100 & echo $!; wait"], on_output=lambda line: print(int(line), flush=True))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        below = int(parent.stdout.readline())
        parent.send_signal(signal.SIGINT)
        assert parent.stdout.read() == "interrupted\n"
    assert until_gone(below)


def test_somebody_left_behind_with_the_pipes_does_not_hold_us() -> None:
    start = time.monotonic()
    finished = process.run(["sh", "-c", "sleep 30 & echo $!"])
    assert time.monotonic() - start < 20
    os.kill(int(finished.stdout), signal.SIGKILL)


def test_an_interactive_child_stays_in_our_session() -> None:
    code = "import os; print(os.getsid(0))"
    assert int(process.run(python(code), interactive=True).stdout) == os.getsid(0)
    assert int(process.run(python(code)).stdout) != os.getsid(0)


def test_replace_leaves_nothing_of_us() -> None:
    code = f"""
        import os, sys
        sys.path.insert(0, {str(Path(process.__file__).parents[1])!r})
        from commonwheel import process
        print(os.getpid())
        process.replace(["sh", "-c", "echo $$ $WORD; exit 7"], {{"WORD": "env", "PATH": os.environ["PATH"]}})
    """
    finished = process.run(python(code))
    before, after, word = finished.stdout.split()
    assert (before, word, finished.code) == (after, b"env", 7)


def test_replace_names_what_is_missing() -> None:
    with pytest.raises(process.ProcessError, match="`no-such-program`"):
        process.replace(["no-such-program"])


def test_whoever_is_asked_while_waiting_can_end_the_child_and_all_that_it_started() -> None:
    started: list[int] = []

    class Enough(Exception):
        pass

    def asked() -> None:
        if started:
            raise Enough

    with pytest.raises(Enough):
        process.run(
            ["sh", "-c", "sleep 100 & echo $!; wait"], on_output=lambda line: started.append(int(line)), on_wait=asked
        )
    assert until_gone(started[0])


def test_a_silent_child_that_closed_its_outputs_can_be_ended_too() -> None:
    asked: list[int] = []

    def enough() -> None:
        asked.append(1)
        if len(asked) > 3:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        process.run(python("import os, time; os.close(1); os.close(2); time.sleep(100)"), on_wait=enough)


@pytest.mark.parametrize("sweep", [False, True])
def test_what_a_child_leaves_running_is_swept_when_that_is_wanted(sweep: bool) -> None:
    done = process.run(["sh", "-c", "sleep 3 >/dev/null 2>&1 & echo $!"], sweep=sweep)
    left = int(done.stdout)
    try:
        assert until_gone(left) if sweep else alive(left)
    finally:
        if not sweep:
            os.kill(left, signal.SIGKILL)


ECHO = """
    import sys
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(line.upper())
        sys.stdout.buffer.flush()
    print("bye")
"""


def test_workers_answer_line_by_line_until_they_are_told_to_finish() -> None:
    first, second = process.workers(2, python(ECHO))
    with first, second:
        first.send(b"one")
        second.send(b"two")
        assert (first.receive(), second.receive()) == (b"ONE", b"TWO")
        assert first.finish() == process.Finished(0, b"bye\n", b"")


def test_a_worker_that_dies_says_so() -> None:
    with process.Worker(python("import sys; sys.stderr.write('why'); sys.exit(4)")) as worker:
        assert worker.receive() is None
        assert worker.finish() == process.Finished(4, b"", b"why")


def test_leaving_a_worker_ends_it_with_what_it_started() -> None:
    with process.Worker(["sh", "-c", "sleep 100 & echo $!; wait"]) as worker:
        below = int(worker.receive() or b"0")
        assert alive(below)
    assert until_gone(below)


def test_workers_are_all_or_none() -> None:
    with pytest.raises(process.ProcessError):
        process.workers(2, ["no-such-program"])


def test_a_command_line_is_shown_as_one_would_type_it() -> None:
    assert process.shown(["a", "b c", "d'e", ""]) == "a 'b c' 'd'\\''e' ''"


# --- meanwhile -------------------------------------------------------------------------------------------------------


def test_something_is_done_while_a_child_works() -> None:
    seen: list[str] = []
    done = process.run(python("print('done')"), meanwhile=lambda: seen.append("meanwhile"))
    assert done.stdout == b"done\n"
    assert seen == ["meanwhile"]


def test_a_child_ends_when_that_fails(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def fail() -> None:
        assert until(lambda: note.exists() and note.read_text())
        raise ValueError

    with pytest.raises(ValueError):
        process.run(["sh", "-c", 'echo $$ > "$1"; exec sleep 100', "sh", str(note)], meanwhile=fail)
    assert until_gone(int(note.read_text()))
