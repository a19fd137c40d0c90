"""`cw sync`: environments as the real uv makes them, in turns with it; what is chosen, kept, and put back."""

import json
import os
import subprocess

import pytest

from kit.projects import Project
from kit.sdists import files_of, write_tree

PROJECT = """[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.9"
dependencies = ["alpha", "lib"]
[project.optional-dependencies]
x = ["gamma"]
y = ["delta"]
[dependency-groups]
dev = ["colorama"]
t = ["gamma"]
[tool.uv.sources]
lib = { workspace = true }
[tool.uv.workspace]
members = ["lib", "other"]
"""


@pytest.fixture
def workspace(project: Project) -> Project:
    project.write("pyproject.toml", PROJECT)
    write_tree(project.path("lib"), files_of("lib", "0.1.0", static=True))
    project.pyproject("delta", name="other", where="other")
    return project


def held(project: Project) -> list[str]:
    return sorted(project.uv("pip", "freeze", "--exclude-editable").ok().out.split())


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--extra x",
        "--all-extras",
        "--all-extras --no-extra y",
        "--no-dev",
        "--group t",
        "--all-groups",
        "--only-group t",
        "--only-dev",
        "--no-default-groups",
        "--package other",
        "--all-packages",
        "--no-install-package alpha",
        "--no-install-workspace",
        "--no-install-project",
        "--no-editable",
    ],
)
def test_same_packages_as_uv_and_nothing_to_do_for_either(workspace: Project, words: str) -> None:
    workspace("sync", *words.split()).ok()
    mine = held(workspace)
    # of an editable member that is installed otherwise uv wants it written down that it is not editable, and builds it again
    if words != "--no-editable":
        assert "Would make no changes" in workspace.uv("sync", "--locked", "--dry-run", *words.split()).ok().err
    workspace.remove(".venv")
    workspace.uv("sync", "--locked", *words.split()).ok()
    assert held(workspace) == mine
    workspace("sync", "--locked", "--check", *words.split()).ok()


def test_exact_unless_told_otherwise(workspace: Project) -> None:
    workspace("sync").ok()
    workspace("pip", "install", "-p", ".venv", "gamma").ok()
    workspace("sync", "--inexact").ok()
    assert "gamma==1" in held(workspace)
    assert workspace("sync", "--check").failed(1)
    workspace("sync").ok()
    assert "gamma==1" not in held(workspace)
    workspace("env", "undo", "-p", ".venv").ok()
    assert "gamma==1" in held(workspace)


def test_dry_run_makes_neither_environment_nor_lock(workspace: Project) -> None:
    ran = workspace("sync", "--dry-run").ok()
    assert "Would create" in ran.err
    assert "+ alpha==2.0" in ran.err
    assert workspace.lock == ""
    assert not os.path.exists(workspace.path(".venv"))


def test_frozen_needs_no_index_once_the_store_has_everything(workspace: Project) -> None:
    workspace("sync").ok()
    workspace.remove(".venv")
    asked = len(workspace.index.log)
    workspace("sync", "--frozen", "--no-install-workspace").ok()
    assert len(workspace.index.log) == asked
    assert "alpha==2.0" in held(workspace)


def test_hashes_of_the_lock_are_lock_requiremented(project: Project) -> None:
    project.pyproject("beta")
    project("lock").ok()
    lock = project.lock
    at = lock.index("sha256:") + len("sha256:")
    project.write("uv.lock", lock[:at] + "0" * 64 + lock[at + 64 :])
    ran = project("sync", "--frozen").failed(1)
    assert "beta" in ran.err
    assert "hash" in ran.err


def test_result_as_json(workspace: Project) -> None:
    told = json.loads(workspace("sync", "--output-format", "json").ok().out)
    assert told["sync"]["action"] == "create"
    assert told["lock"]["action"] == "create"
    assert {"name": "alpha", "version": "2.0", "action": "added"} in told["sync"]["changes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--extra nosuch", "no extra `nosuch`"),
        ("--group nosuch", "no group `nosuch`"),
        ("--package nosuch", "no member `nosuch`"),
    ],
)
def test_unknown_selection_is_refused(workspace: Project, words: str, said: str) -> None:
    assert said in workspace("sync", *words.split()).failed(2).err


def test_conflicting_selection_is_refused(project: Project) -> None:
    project.pyproject(
        more='[project.optional-dependencies]\na = ["beta<1.5"]\nb = ["beta>=1.5"]\n[tool.uv]\nconflicts = [[{ extra = "a" }, { extra = "b" }]]\n'
    )
    project("sync", "--extra", "a").ok()
    assert "beta==1.0" in held(project)
    project("sync", "--extra", "b").ok()
    assert "beta==1.5" in held(project)
    project.uv("sync", "--locked", "--extra", "b").ok()
    assert "conflict" in project("sync", "--all-extras").failed(2).err


def test_directory_that_is_no_environment_is_left_alone(project: Project) -> None:
    project.pyproject("beta")
    project.write(".venv/notes.txt", "mine")
    assert "not empty" in project("sync").failed(2).err
    assert project.read(".venv/notes.txt") == "mine"


def test_unsupported_python_is_named_with_its_origin(project: Project) -> None:
    project.pyproject("beta", python=">=3.99")
    project.write(".python-version", "3\n")
    ran = project("sync").failed(2)
    assert "not one that the project supports" in ran.err
    assert ".python-version" in ran.err


def test_environment_of_another_python_is_set_aside(project: Project) -> None:
    project.pyproject("beta")
    project("sync").ok()
    config = project.read(".venv/pyvenv.cfg")
    project.remove(".venv/bin/python")
    subprocess.run(["ln", "-s", "/nowhere", project.path(".venv/bin/python")], check=True)
    ran = project("sync").ok()
    assert "is replaced" in ran.err
    assert "beta==1.5" in held(project)
    assert project.read(".venv.replaced/pyvenv.cfg") == config


def test_other_active_environment_is_ignored_unless_asked_for(project: Project) -> None:
    project.pyproject("beta")
    project("venv", "other").ok()
    ran = project("sync", environ={"VIRTUAL_ENV": project.path("other")}).ok()
    assert "`--active` uses it" in ran.err
    assert "beta==1.5" not in project.installed("other")
    project("sync", "--active", environ={"VIRTUAL_ENV": project.path("other")}).ok()
    assert "beta==1.5" in project.installed("other")


def test_environment_lies_where_variables_and_settings_say(project: Project) -> None:
    project.pyproject("beta")
    project("sync", environ={"UV_PROJECT_ENVIRONMENT": "elsewhere"}).ok()
    assert "beta==1.5" in project.installed("elsewhere")
    assert not os.path.lexists(project.path(".venv"))
    project("sync", environ={"CW_PROJECT_ENVIRONMENTS": project.path("all")}).ok()
    assert os.path.realpath(project.path(".venv")).startswith(project.path("all"))
    assert "beta==1.5" in project.installed(".venv")


def test_script_has_an_environment_of_its_own(project: Project) -> None:
    project.write(
        "s.py",
        '# /// script\n# requires-python = ">=3.9"\n# dependencies = ["beta<1.5"]\n# ///\nimport beta; print(beta.version)\n',
    )
    told = json.loads(project("sync", "--script", "s.py", "--output-format", "json").ok().out)
    assert told["target"] == "script"
    assert project.path(".venv") not in told["sync"]["environment"]["path"]
