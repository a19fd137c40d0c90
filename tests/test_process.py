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


def test_exit_status_is_a_value_and_outputs_are_separate() -> None:
    finished = process.run(["sh", "-c", "printf out; printf err >&2; exit 3"])
    assert finished == process.Finished(3, b"out", b"err")


def test_signal_is_a_negative_code() -> None:
    assert process.run(["sh", "-c", "kill -9 $$"]).code == -signal.SIGKILL


def test_large_input_and_output_do_not_block_each_other() -> None:
    data = os.urandom(300_000)
    assert process.run(["cat"], input=data).stdout == data


def test_child_that_ignores_its_input_is_no_error() -> None:
    assert process.run(["true"], input=b"x" * 300_000).code == 0


def test_without_input_the_child_reads_nothing() -> None:
    assert process.run(["cat"], timeout=10) == process.Finished(0, b"", b"")


def test_environment_and_directory_are_passed(place: str) -> None:
    finished = process.run(["/bin/sh", "-c", "pwd; echo $ONLY; env | wc -l"], cwd=place, env={"ONLY": "this"})
    where, only, _ = finished.stdout.decode().splitlines()
    assert (where, only) == (os.path.realpath(place), "this")
    assert b"HOME" not in process.run(["/usr/bin/env"], env={"ONLY": "this"}).stdout


def test_output_lines_of_both_streams_are_passed_on() -> None:
    lines: list[bytes] = []
    finished = process.run(["sh", "-c", "echo one; echo two >&2; printf three"], on_output=lines.append)
    assert sorted(lines) == [b"one\n", b"three", b"two\n"]
    assert finished.stdout == b"one\nthree"


def test_missing_program_is_named_with_a_hint() -> None:
    with pytest.raises(process.ProcessError, match="could not run `no-such-program`") as caught:
        process.run(["no-such-program", "--flag", "a b"])
    assert caught.value.code == "process"
    assert caught.value.context == ("no-such-program --flag 'a b'",)
    assert "PATH" in str(caught.value.hint)


def test_unexecutable_program_is_named(place: str) -> None:
    path = os.path.join(place, "plain")
    Path(path).write_text("#!/bin/sh\n")
    with pytest.raises(process.ProcessError, match="Permission denied") as caught:
        process.run([path])
    assert "noexec" in str(caught.value.hint)


def test_timeout_ends_the_child_and_its_children() -> None:
    with pytest.raises(process.ProcessTimeout) as caught:
        process.run(["sh", "-c", "sleep 100 & echo $$ $!; wait"], timeout=2.0)
    own, below = map(int, caught.value.stdout.split())
    assert until_gone(own)
    assert until_gone(below)


def test_child_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.05)
    with pytest.raises(process.ProcessTimeout) as caught:
        process.run(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done"], timeout=0.5)
    assert until_gone(int(caught.value.stdout))


def test_timeout_keeps_earlier_output() -> None:
    with pytest.raises(process.ProcessTimeout, match=r"did not finish within 0\.5 seconds") as caught:
        process.run(["sh", "-c", "echo why >&2; sleep 100"], timeout=0.5)
    assert caught.value.stderr == b"why\n"
    assert caught.value.context[-1] == "why"


def test_exception_in_the_callback_ends_the_child() -> None:
    seen: list[int] = []

    def listen(line: bytes) -> None:
        seen.append(int(line))
        raise LookupError

    with pytest.raises(LookupError):
        process.run(["sh", "-c", "echo $$; sleep 100"], on_output=listen)
    assert until_gone(seen[0])


def test_ctrl_c_ends_the_child_and_its_children() -> None:
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


def test_background_process_with_open_pipes_does_not_block() -> None:
    start = time.monotonic()
    finished = process.run(["sh", "-c", "sleep 30 & echo $!"])
    assert time.monotonic() - start < 20
    os.kill(int(finished.stdout), signal.SIGKILL)


def test_interactive_child_stays_in_our_session() -> None:
    code = "import os; print(os.getsid(0))"
    assert int(process.run(python(code), interactive=True).stdout) == os.getsid(0)
    assert int(process.run(python(code)).stdout) != os.getsid(0)


def test_replace_leaves_nothing_of_this_process() -> None:
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


def test_replace_names_a_missing_program() -> None:
    with pytest.raises(process.ProcessError, match="`no-such-program`"):
        process.replace(["no-such-program"])


def test_wait_callback_can_end_the_child_and_its_children() -> None:
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


def test_silent_child_with_closed_outputs_can_be_ended() -> None:
    asked: list[int] = []

    def enough() -> None:
        asked.append(1)
        if len(asked) > 3:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        process.run(python("import os, time; os.close(1); os.close(2); time.sleep(100)"), on_wait=enough)


@pytest.mark.parametrize("sweep", [False, True])
def test_sweep_ends_background_processes(sweep: bool) -> None:
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


def test_workers_answer_line_by_line_until_finished() -> None:
    first, second = process.workers(2, python(ECHO))
    with first, second:
        first.send(b"one")
        second.send(b"two")
        assert (first.receive(), second.receive()) == (b"ONE", b"TWO")
        assert first.finish() == process.Finished(0, b"bye\n", b"")


def test_dead_worker_is_reported() -> None:
    with process.Worker(python("import sys; sys.stderr.write('why'); sys.exit(4)")) as worker:
        assert worker.receive() is None
        assert worker.finish() == process.Finished(4, b"", b"why")


def test_leaving_a_worker_ends_it_and_its_children() -> None:
    with process.Worker(["sh", "-c", "sleep 100 & echo $!; wait"]) as worker:
        below = int(worker.receive() or b"0")
        assert alive(below)
    assert until_gone(below)


def test_workers_start_all_or_none() -> None:
    with pytest.raises(process.ProcessError):
        process.workers(2, ["no-such-program"])


def test_command_line_is_shown_as_typed_in_a_shell() -> None:
    assert process.shown(["a", "b c", "d'e", ""]) == "a 'b c' 'd'\\''e' ''"


# --- meanwhile -------------------------------------------------------------------------------------------------------


def test_meanwhile_runs_beside_a_child() -> None:
    seen: list[str] = []
    done = process.run(python("print('done')"), meanwhile=lambda: seen.append("meanwhile"))
    assert done.stdout == b"done\n"
    assert seen == ["meanwhile"]


def test_failing_meanwhile_ends_the_child(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def fail() -> None:
        assert until(lambda: note.exists() and note.read_text())
        raise ValueError

    with pytest.raises(ValueError):
        process.run(["sh", "-c", 'echo $$ > "$1"; exec sleep 100', "sh", str(note)], meanwhile=fail)
    assert until_gone(int(note.read_text()))
