"""`cw export` and `cw tree`: the same lines as the real uv prints, and a pylock.toml that serves every selection."""

import pytest

from kit.projects import Project
from kit.sdists import files_of, write_tree

PROJECT = """[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.9"
dependencies = ["alpha[cli]>=1", "lib", "colorama", "beta<1.5 ; sys_platform == 'win32'", "beta ; sys_platform != 'win32'"]
[project.optional-dependencies]
x = ["gamma"]
[dependency-groups]
dev = ["delta"]
t = ["gamma"]
[tool.uv.sources]
lib = { workspace = true }
colorama = { path = "../wheels/colorama-0.4-py3-none-any.whl" }
[tool.uv.workspace]
members = ["lib"]
"""


@pytest.fixture
def workspace(project: Project) -> Project:
    project.write("pyproject.toml", PROJECT)
    write_tree(project.path("lib"), files_of("lib", "0.1.0", needs=["beta"], static=True))
    project("lock").ok()
    return project


@pytest.mark.parametrize(
    "words",
    [
        "export --no-header",
        "export --no-header --no-hashes --no-annotate",
        "export --no-header --all-extras --all-groups",
        "export --no-header --package lib --no-editable",
        "export --no-header --only-group t",
        "export --no-header --no-emit-workspace --no-emit-package alpha",
        "export --no-header --prune alpha",
        "tree",
        "tree --universal",
        "tree --invert",
        "tree --invert --package beta",
        "tree --package alpha --depth 1",
        "tree --no-dedupe --show-sizes",
        "tree --no-dev --prune alpha",
        "tree --all-groups",
    ],
)
def test_output_is_that_of_uv(workspace: Project, words: str) -> None:
    assert workspace(*words.split()).ok().out == workspace.uv(*words.split()).ok().out


def test_exported_requirements_install(workspace: Project) -> None:
    workspace("export", "-q", "--no-hashes", "-o", "r.txt", "--extra", "x").ok()
    workspace("venv", "v").ok()
    workspace("pip", "sync", "-p", "v", "r.txt").ok()
    held = workspace.installed("v")
    assert {"alpha==2.0", "gamma==1", "lib==0.1.0"} <= set(held)


def test_pylock_of_all_extras_and_groups_serves_every_selection(workspace: Project) -> None:
    workspace("export", "-q", "-o", "pylock.toml", "--all-extras", "--all-groups", "--no-emit-workspace").ok()
    workspace("venv", "v").ok()

    def held(*words: str) -> set[str]:
        workspace("pip", "sync", "-p", "v", "pylock.toml", *words).ok()
        return {line.partition("==")[0] for line in workspace.installed("v")}

    base = held()
    assert "gamma" in held("--extra", "x")
    assert "gamma" in held("--group", "t")
    assert {"alpha", "beta", "colorama", "delta"} == base


def test_lock_of_another_name_than_pep_751_has_is_refused(workspace: Project) -> None:
    assert "pylock.NAME.toml" in workspace("export", "-o", "lock.toml").failed(2).err
