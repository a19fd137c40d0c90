"""`cw venv`: what it says, what it takes, and that pip and the shells can work with it."""

import json
import os
import subprocess

import pytest

from kit.cli import Cw
from kit.pythons import pythons
from kit.wheels import make_wheel


@pytest.fixture
def home(tmp_path):
    """A user's place with a project in it."""
    cw = Cw(tmp_path / "my project")
    os.mkdir(cw.cwd)
    return cw


def version_of(cw, root):
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run(
        [cw.path(root, "bin", "python"), "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_says_what_it_made_and_how_to_use_it(home):
    ran = home("venv").ok()
    first, second, third = ran.err.splitlines()
    assert first.startswith("Using CPython 3.")
    assert second == "Creating virtual environment at: .venv"
    assert third == "Activate with: source .venv/bin/activate"
    assert ran.out == ""
    assert home("venv", "-q", "other").ok().err == ""


@pytest.mark.parametrize(
    ("shell", "path", "line"),
    [
        ("/usr/bin/fish", "v", "source v/bin/activate.fish"),
        ("/bin/tcsh", "v", "source v/bin/activate.csh"),
        ("/bin/bash", "a place", "source 'a place/bin/activate'"),
        ("", "v", "source v/bin/activate"),
    ],
)
def test_the_line_for_the_users_shell(home, shell, path, line):
    assert home("venv", path, environ={"SHELL": shell}).ok().err.splitlines()[-1] == f"Activate with: {line}"


def test_as_data(home):
    told = json.loads(home("venv", "v", "--json").ok().out)
    assert told["path"] == home.path("v")
    assert os.path.exists(told["python"])
    assert told["seeded"] == []


@pytest.mark.parametrize(
    ("words", "prompt"), [([], "my project"), (["--prompt", "hello"], "hello"), (["--prompt", "."], "my project")]
)
def test_what_the_shell_will_show(home, words, prompt):
    home("venv", *words).ok()
    script = '. .venv/bin/activate; printf %s "$VIRTUAL_ENV_PROMPT"'
    done = subprocess.run(["sh", "-c", script], cwd=home.cwd, capture_output=True, text=True, check=True)
    assert done.stdout.strip("() ") == prompt


def test_what_is_there_is_kept_unless_told_otherwise(home):
    home("venv", "v").ok()
    home.write("v/mine", "")
    ran = home("venv", "v").failed(2)
    assert "--clear" in ran.err
    home("venv", "v", "--allow-existing").ok()
    assert os.path.exists(home.path("v", "mine"))
    home("venv", "v", environ={"UV_VENV_CLEAR": "1"}).ok()
    assert not os.path.exists(home.path("v", "mine"))


def test_what_is_no_environment_is_cleared_by_force_alone(home):
    home.write("docs/mine", "")
    assert "--clear" in home("venv", "docs").failed(2).err
    assert "--force" in home("venv", "docs", "--clear").failed(2).err
    assert os.path.exists(home.path("docs", "mine"))
    home("venv", "docs", "--clear", "--force").ok()
    assert not os.path.exists(home.path("docs", "mine"))
    home.write("file", "")
    assert "file" in home("venv", "file").failed(2).err


@pytest.mark.parametrize("minor", [next(iter(pythons())), list(pythons())[-1]])
def test_a_python_can_be_named(home, minor):
    home("venv", "v", "-p", pythons()[minor]).ok()
    assert version_of(home, "v") == minor
    home("venv", "w", environ={"UV_PYTHON": pythons()[minor]}).ok()
    assert version_of(home, "w") == minor


def test_the_project_says_which_python(home):
    """By `.python-version`, else by requires-python; the command line has the last word."""
    oldest, newest = next(iter(pythons())), list(pythons())[-1]
    path = os.pathsep.join(os.path.dirname(place) for place in (pythons()[newest], pythons()[oldest]))
    environ = {"PATH": path + os.pathsep + home.environ["PATH"]}
    home.write("pyproject.toml", f'[project]\nname = "p"\nversion = "1"\nrequires-python = "=={oldest}.*"\n')
    home("venv", "a", environ=environ).ok()
    assert version_of(home, "a") == oldest
    home("venv", "b", "--no-project", environ=environ).ok()
    assert version_of(home, "b") == newest
    home.write(".python-version", f"# ours\n{newest}\n")
    home("venv", "c", environ=environ).ok()
    assert version_of(home, "c") == newest
    home("venv", "d", "-p", oldest, environ=environ).ok()
    assert version_of(home, "d") == oldest
    home.write(".python-version", "3.99\n")
    assert "3.99" in home("venv", "e", environ=environ).failed(2).err


def test_seeds(home):
    old, new = next(iter(pythons())), list(pythons())[-1]
    home.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    for name in ("pip", "setuptools", "wheel"):
        make_wheel(home.path("wheels"), name, "99.0", {f"{name}/__init__.py": ""})
    ran = home("venv", "new", "--seed", "-p", pythons()[new]).ok()
    assert "with seed packages at: new\n + pip==99.0\n" in ran.err
    assert home("pip", "freeze", "-p", "new").ok().out == "pip==99.0\n"
    home("venv", "old", "--seed", "-p", pythons()[old]).ok()
    assert home("pip", "freeze", "-p", "old").ok().out == "pip==99.0\nsetuptools==99.0\nwheel==99.0\n"
    home("venv", "lean", environ={"UV_VENV_SEED": "1"}).ok()
    assert "pip==99.0" in home("pip", "freeze", "-p", "lean").ok().out


def test_no_python_that_fits(home):
    ran = home("venv", "v", "-p", "3.99").failed(2)
    assert "hint:" in ran.err
    assert not os.path.exists(home.path("v"))
