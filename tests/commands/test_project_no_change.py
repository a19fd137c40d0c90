"""The second `lock`, `sync` or `run` loads nothing and compares stamps; whatever moved is noticed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.index_server import IndexServer
from kit.projects import Project
from kit.sdists import files_of, write_tree

SOURCE = Path(__file__).parents[2] / "src"
COMMANDS = (["lock"], ["lock", "--check"], ["sync"], ["run", "true"])
HEAVY = {"tomllib", "json", "packaging", "tomlkit", "pycurl", "threading", "typing", "dataclasses", "re", "email"}
HEAVY |= {
    f"commonwheel.{name}" for name in ("resolve.solver", "specs.marker_text", "store.store", "install.plan", "fs.disk")
}


@pytest.fixture
def project(place: str) -> Iterator[Project]:
    with IndexServer() as index:
        made = Project(place, index)
        made.wheel("alpha", "1.0")
        made.wheel("beta", "1.0")
        made.write(
            "pyproject.toml",
            '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["alpha", "lib"]\n'
            '[tool.uv.sources]\nlib = { workspace = true }\n[tool.uv.workspace]\nmembers = ["lib", "more/*"]\n',
        )
        os.makedirs(made.path("more"))
        write_tree(made.path("lib"), files_of("lib", "1.0", static=True))
        made("sync").ok()
        yield made


def loaded(project: Project, *words: str) -> set[str]:
    """Run a command in a process of its own and return the modules that it loaded."""
    code = f"import sys; bare = set(sys.modules); sys.path[:0] = [{str(SOURCE)!r}]\n"
    code += "if 'run' in sys.argv:\n    fake = sys.modules['commonwheel.process'] = type(sys)('commonwheel.process')\n"
    code += "    fake.replace = lambda *_: None\nfrom commonwheel.cli import main\n"
    code += f"assert main({list(words)!r}) == 0\nprint('LOADED', *set(sys.modules) - bare)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=project.cwd,
        env=project.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED ")[2].split())


def settled(project: Project, words: list[str]) -> None:
    """Let the clock of the disk move on, and have the answer remembered."""
    time.sleep(0.1)
    answered_from_scratch(project, *words)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_second_command_loads_next_to_nothing(project: Project, words: list[str]) -> None:
    settled(project, words)
    assert not loaded(project, *words) & HEAVY


def touched(path: str) -> Callable[[Project], object]:
    return lambda project: os.utime(project.path(path), (1, 1))


def written(path: str, text: str) -> Callable[[Project], object]:
    return lambda project: project.write(path, text)


def uninstalled(project: Project) -> None:
    project("pip", "uninstall", "-p", ".venv", "alpha").ok()


#: what happens in between, and which commands it concerns
EVENTS: dict[str, tuple[Callable[[Project], object], tuple[int, ...]]] = {
    "pyproject": (touched("pyproject.toml"), (0, 1, 2, 3)),
    "pyproject of a member": (touched("lib/pyproject.toml"), (0, 1, 2, 3)),
    "lock": (touched("uv.lock"), (0, 1, 2, 3)),
    "new member": (written("more/x/pyproject.toml", '[project]\nname = "x"\nversion = "1"\n'), (0, 1, 2, 3)),
    "configuration": (written("cw.toml", ""), (0, 1, 2, 3)),
    "configuration above": (written("../uv.toml", ""), (0, 1, 2, 3)),
    "configuration of the user": (written("../home/.config/cw/cw.toml", ""), (0, 1, 2, 3)),
    "pin": (written(".python-version", "3\n"), (0, 1, 2, 3)),
    "setup script of a member": (written("lib/setup.py", ""), (2, 3)),
    "environment": (uninstalled, (2, 3)),
    "journal": (written(".cw-change", "x"), (0, 1, 2, 3)),
}


@pytest.mark.parametrize("name", EVENTS)
def test_whatever_moved_is_noticed(project: Project, name: str) -> None:
    event, concerned = EVENTS[name]
    for at in concerned:
        settled(project, COMMANDS[at])
        assert not loaded(project, *COMMANDS[at]) & HEAVY
    event(project)
    for at in concerned:
        assert answered_from_scratch(project, *COMMANDS[at]), COMMANDS[at]


def answered_from_scratch(project: Project, *words: str) -> bool:
    """Return whether a command looks at the project, whatever it finds; it runs in a process of its own."""
    code = f"import sys; sys.path[:0] = [{str(SOURCE)!r}]\nfrom commonwheel import process\nprocess.replace = lambda *_: None\n"
    code += f"from commonwheel.cli import main\nmain({list(words)!r})\nprint('LOADED', 'commonwheel.project.discovery' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.cwd, env=project.environ, capture_output=True, text=True, check=False
    )
    return done.stdout.rstrip().endswith("LOADED True")


def test_variables_are_part_of_what_was_said(project: Project) -> None:
    settled(project, ["sync"])
    project.environ["UV_NO_DEV"] = "1"
    assert loaded(project, "sync") & HEAVY


def test_upgrade_is_never_remembered(project: Project) -> None:
    settled(project, ["lock", "--upgrade"])
    project.wheel("alpha", "2.0")
    project("lock", "--upgrade", "--refresh").ok()
    assert 'version = "2.0"' in project.lock


def test_answer_of_another_user_does_not_count(project: Project) -> None:
    settled(project, ["sync"])
    known = project.path("..", "home", ".cache", "cw-environments", "known")
    for name in os.listdir(known):
        os.chown(os.path.join(known, name), 12345, 12345)
    if os.geteuid() == 0:
        assert loaded(project, "sync") & HEAVY
