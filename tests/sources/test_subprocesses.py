"""Programs that run for several threads end together."""

import os
import sys
import threading
from pathlib import Path

import pytest

from commonwheel.build import hook_client
from commonwheel.concurrency.parallel import Halted
from commonwheel.sources.subprocesses import Subprocesses
from kit.processes import until, until_gone

ENVIRON = {"PATH": os.environ["PATH"]}


def sleeper(tmp_path: Path) -> list[str]:
    """Return a command that starts another, writes its number, and waits."""
    return ["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"]


@pytest.mark.parametrize("way", ["build", "git"])
def test_another_thread_ends_a_command_and_its_children(tmp_path: Path, way: str) -> None:
    children, caught = Subprocesses(1, lambda: hook_client.call), []

    def work() -> None:
        try:
            if way == "git":
                children.git(sleeper(tmp_path), str(tmp_path), ENVIRON)
            else:
                children.build(sleeper(tmp_path), cwd=str(tmp_path), env=ENVIRON, on_line=lambda _: None)
        except Halted as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    pid = tmp_path / "pid"
    assert until(lambda: pid.exists() and pid.read_text())
    children.halt()
    thread.join(60)
    assert len(caught) == 1
    assert until_gone(int(pid.read_text()))


def test_nothing_starts_after_halt(tmp_path: Path) -> None:
    children = Subprocesses(1, lambda: hook_client.call)
    children.halt()
    with pytest.raises(Halted):
        children.build(["touch", "x"], cwd=str(tmp_path), env=ENVIRON, on_line=lambda _: None)
    with pytest.raises(Halted):
        children.git(["touch", "x"], str(tmp_path), ENVIRON)
    assert not (tmp_path / "x").exists()


def test_parallel_builds_are_limited(tmp_path: Path) -> None:
    children = Subprocesses(2, lambda: hook_client.call)
    code = (
        "import os, sys, time; open(f'in-{os.getpid()}', 'w').close()\n"
        "print(len([n for n in os.listdir() if n.startswith('in-')]), flush=True); time.sleep(0.2)\n"
        "os.remove(f'in-{os.getpid()}')"
    )
    seen: list[int] = []

    def work() -> None:
        children.build(
            [sys.executable, "-S", "-c", code],
            cwd=str(tmp_path),
            env=ENVIRON,
            on_line=lambda line: seen.append(int(line)),
        )

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 5
    assert max(seen) <= 2


def test_waiting_build_is_halted_too(tmp_path: Path) -> None:
    children, caught = Subprocesses(1, lambda: hook_client.call), []
    pid = tmp_path / "pid"

    def work() -> None:
        try:
            children.build(sleeper(tmp_path), cwd=str(tmp_path), env=ENVIRON, on_line=lambda _: None)
        except Halted as error:
            caught.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert until(lambda: pid.exists() and pid.read_text())
    children.halt()
    for thread in threads:
        thread.join(60)
    assert len(caught) == 2


def test_processes_left_by_a_build_are_ended(tmp_path: Path) -> None:
    words = ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
    said: list[bytes] = []
    assert (
        Subprocesses(1, lambda: hook_client.call).build(words, cwd=str(tmp_path), env=ENVIRON, on_line=said.append) == 0
    )
    assert until_gone(int(said[0]))


def test_git_returns_status_and_output(tmp_path: Path) -> None:
    status, said = Subprocesses(1, lambda: hook_client.call).git(
        ["sh", "-c", "echo out; echo err >&2; exit 3"], str(tmp_path), ENVIRON
    )
    assert (status, sorted(said.split())) == (3, ["err", "out"])
