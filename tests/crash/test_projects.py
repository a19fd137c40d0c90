"""`cw add` and `cw remove`, failed and killed at every step: pyproject, lock and environment are all as before, or all new."""

import os
import signal
from collections.abc import Iterator

import pytest

from commonwheel.fs import disk
from kit.index_server import IndexServer
from kit.projects import Project

State = tuple[str, str, tuple[str, ...]]


@pytest.fixture
def project(place: str) -> Iterator[Project]:
    with IndexServer() as index:
        made = Project(place, index)
        made.wheel("alpha", "1.0", "beta")
        made.wheel("beta", "1.0")
        made.wheel("gamma", "1.0")
        made.pyproject("gamma")
        made("sync").ok()
        # everything is in the store then, so that the steps are those of the project
        made("add", "alpha").ok()
        made("undo").ok()
        yield made


def state(project: Project) -> State:
    names = tuple(sorted(os.listdir(project.site(".venv")))) if os.path.isdir(project.path(".venv", "lib")) else ()
    return project.read("pyproject.toml"), project.lock, tuple(n for n in names if n.endswith(".dist-info"))


def dying(project: Project, words: tuple[str, ...], step: int, number: int) -> int:
    """Run a command in a child that is killed at a step of the disk (0: it is not); return how the child ended."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(operation: str, path: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

        disk.observe(hook)
        code = 70
        try:
            code = project(*words).code
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def steps(project: Project, words: tuple[str, ...]) -> int:
    count = 0

    def hook(operation: str, path: str) -> None:
        nonlocal count
        count += 1

    before = disk.observe(hook)
    try:
        project(*words).ok()
    finally:
        disk.observe(before)
    return count


@pytest.mark.parametrize("words", [("add", "alpha"), ("remove", "gamma")], ids=" ".join)
def test_killed_command_leaves_all_old_or_all_new(project: Project, words: tuple[str, ...]) -> None:
    before = state(project)
    total = steps(project, words)
    after = state(project)
    project("undo").ok()
    assert state(project) == before
    outcomes = set()
    for step in range(1, total + 1):
        if not os.WIFSIGNALED(dying(project, words, step, signal.SIGKILL)):
            assert step > total - 3  # what was remembered saves a step
            break
        project("lock").ok()
        now = state(project)
        assert now in (before, after), (step, now)
        assert not os.path.lexists(project.path(".cw-change"))
        outcomes.add(now == after)
        if now == after:
            project("undo").ok()
            assert state(project) == before
    assert outcomes == {True, False}


def test_failing_disk_leaves_everything_as_it_was(project: Project) -> None:
    words = ("add", "alpha")
    before = state(project)
    total = steps(project, words)
    after = state(project)
    project("undo").ok()
    for step in range(1, total + 1):
        left = step

        def hook(operation: str, path: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(28, "No space left on device")

        earlier = disk.observe(hook)
        try:
            ran = project(*words)
        finally:
            disk.observe(earlier)
        assert ran.code in (0, 1, 2)
        assert "Traceback" not in ran.err
        project("lock").ok()
        now = state(project)
        assert now == (after if ran.code == 0 else before), (step, ran.err)
        if now == after:
            # not by `undo`: what failed may have been to remember the change
            project.write("pyproject.toml", before[0])
            project.write("uv.lock", before[1])
            project("sync").ok()
