"""`cw python list` and `cw python find`."""

import json
import os

import pytest

from kit.cli import Cw
from kit.pythons import pythons


@pytest.fixture
def cw(tmp_path):
    path = os.pathsep.join(os.path.dirname(place) for place in reversed(pythons().values()))
    return Cw(tmp_path, PATH=path)


def test_interpreters_are_listed_newest_first(cw):
    rows = json.loads(cw("python", "list", "--format", "json").ok().out)
    versions = [(row["version_parts"]["major"], row["version_parts"]["minor"]) for row in rows]
    assert versions == sorted(versions, reverse=True)
    assert {f"{major}.{minor}" for major, minor in versions} >= set(pythons())
    row = rows[0]
    assert row["key"] == f"{row['implementation']}-{row['version']}-{row['os']}-{row['arch']}-{row['libc']}"
    assert os.path.exists(row["path"])
    lines = cw("python", "list", "--only-installed").ok().out.splitlines()
    assert len(lines) == len(rows)
    assert lines[0].startswith(row["key"])


def test_the_list_can_be_narrowed(cw):
    newest = list(pythons())[-1]
    rows = json.loads(cw("python", "list", newest, "--json").ok().out)
    assert rows
    assert all(row["version"].startswith(newest + ".") for row in rows)
    assert cw("python", "list", "3.99").ok().out == ""


@pytest.mark.parametrize("spelling", ["{}", "cpython{}", "cpython@{}", "=={}.*", "~={}.0"])
def test_requests(cw, spelling):
    oldest = next(iter(pythons()))
    found = cw("python", "find", spelling.format(oldest)).ok().out.strip()
    assert cw("python", "find", found, "--show-version").ok().out.startswith(oldest + ".")


def test_what_is_not_there(cw):
    ran = cw("python", "find", "3.99").failed(2)
    assert "hint:" in ran.err
    assert ran.out == ""


def test_the_environment_here_comes_first(cw):
    cw("venv", "-p", next(iter(pythons()))).ok()
    assert cw("python", "find").ok().out == cw.path(".venv", "bin", "python") + "\n"
    assert cw("python", "find", "--system").ok().out != cw.path(".venv", "bin", "python") + "\n"
    assert (
        os.path.realpath(cw.path(".venv", "bin", "python")) == cw("python", "find", "--resolve-links").ok().out.strip()
    )


def test_what_the_project_wants_counts(cw):
    oldest, newest = next(iter(pythons())), list(pythons())[-1]
    cw("venv", "-p", oldest).ok()
    cw.write("pyproject.toml", f'[project]\nname = "p"\nversion = "1"\nrequires-python = ">={newest}"\n')
    assert cw("python", "find", "--show-version").ok().out.startswith(newest + ".")
    assert cw("python", "find", "--show-version", "--no-project").ok().out.startswith(oldest + ".")


def test_what_a_script_wants(cw):
    oldest = next(iter(pythons()))
    cw.write("tool.py", f'# /// script\n# requires-python = "=={oldest}.*"\n# dependencies = []\n# ///\n')
    assert cw("python", "find", "--script", "tool.py", "--show-version").ok().out.startswith(oldest + ".")
    assert "none.py" in cw("python", "find", "--script", "none.py").failed(2).err
