"""`cw init`: the same files as the real uv makes, apart from the default backend."""

import os
import subprocess

import pytest

from kit.projects import Project


def tree(root: str) -> dict[str, str]:
    found = {}
    for directory, directories, names in os.walk(root):
        directories[:] = [name for name in directories if name not in (".git", ".venv")]
        for name in names:
            path = os.path.join(directory, name)
            with open(path, encoding="utf-8") as stream:
                found[os.path.relpath(path, root)] = stream.read()
    return found


@pytest.fixture
def author(project: Project) -> Project:
    project.write("../home/.gitconfig", "[user]\nname = A B\nemail = a@b.example\n")
    return project


@pytest.mark.parametrize(
    "words",
    [
        "--app --build-backend hatch",
        "--lib --build-backend hatch",
        "--build-backend setuptools",
        "--lib --build-backend flit",
        "--build-backend pdm",
        "--build-backend poetry",
        "--build-backend uv",
        "--no-package",
        "--bare",
        "--lib --build-backend hatch --no-readme --no-pin-python --vcs none --author-from none",
    ],
)
def test_files_are_those_of_uv(author: Project, words: str) -> None:
    author.uv("init", *words.split(), "--name", "the.Name", "--description", "a good one", "theirs").ok()
    author("init", *words.split(), "--name", "the.Name", "--description", "a good one", "mine").ok()
    assert tree(author.path("mine")) == tree(author.path("theirs"))
    assert os.path.isdir(author.path("mine", ".git")) == os.path.isdir(author.path("theirs", ".git"))


def test_default_backend_is_hatchling(author: Project) -> None:
    author("init", "demo").ok()
    assert 'build-backend = "hatchling.build"' in author.read("demo/pyproject.toml")
    assert "def main()" in author.read("demo/src/demo/__init__.py")


def test_new_project_joins_the_workspace_above(author: Project) -> None:
    author.pyproject()
    before = author.read("pyproject.toml")
    author("init", "--no-workspace", "apart").ok()
    assert author.read("pyproject.toml") == before
    author("init", "--no-package", "libs/inner").ok()
    assert '    "libs/inner",\n' in author.read("pyproject.toml")
    assert author.read("libs/inner/.python-version") == ""
    author("lock").ok()
    author.uv("lock", "--check").ok()
    assert 'name = "inner"' in author.lock


def test_no_repository_in_a_repository(author: Project) -> None:
    subprocess.run(["git", "init", "-q", author.cwd], check=True)
    author("init", "--no-package", "demo").ok()
    assert not os.path.exists(author.path("demo", ".git"))


def test_existing_project_is_left_alone(author: Project) -> None:
    author.pyproject("alpha")
    before = tree(author.cwd)
    assert "a project already" in author("init").failed(2).err
    assert tree(author.cwd) == before


def test_name_that_is_none_is_refused(author: Project) -> None:
    assert "not a name for a project" in author("init", "./x-").failed(2).err


def test_scripts(author: Project) -> None:
    author.uv("init", "--script", "theirs.py").ok()
    author("init", "--script", "mine.py").ok()
    assert author.read("mine.py").replace("mine", "theirs") == author.read("theirs.py")
    assert "already" in author("init", "--script", "mine.py").failed(2).err
    author.write("old.py", "#!/usr/bin/env python\nprint(1)\n")
    author("init", "--script", "old.py").ok()
    assert author.read("old.py").endswith("print(1)\n")
    author("add", "--script", "old.py", "beta").ok()


def test_description_with_quotes_is_valid_toml(author: Project) -> None:
    author("init", "--description", 'a "good" \\ one', "demo").ok()
    author("lock", "--project", author.path("demo")).ok()
