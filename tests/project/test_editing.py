"""`cw add`, `cw remove`, `cw undo`: the same text as the real uv writes, and all or nothing."""

import os

import pytest

from kit.projects import Project

PLAIN = '[project]\nname = "demo"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = []\n'
RICH = """# the head
[build-system]
requires = []
build-backend = "none"

[project]
name = "demo"  # the name
version = "0.1.0"
requires-python = ">=3.9"
dependencies = [
  # about alpha
  "alpha>=1", # first
  "gamma ; sys_platform == 'linux'",
]

[project.optional-dependencies]
web = ["delta"]

[dependency-groups]
test = ["beta", {include-group = "lint"}]
lint = []

[tool.uv]
package = false

[tool.other]
key = "value"   # stays
"""
UNSORTED = PLAIN.replace("[]", '["gamma", "alpha"]')

#: the text before, and the words of the command
EDITS = {
    "first": (PLAIN, ["add", "alpha"]),
    "several": (PLAIN, ["add", "gamma", "alpha", "beta<1.5"]),
    "sorted in": (RICH, ["add", "beta"]),
    "in place": (RICH, ["add", "alpha[cli]>=2"]),
    "unsorted": (UNSORTED, ["add", "beta"]),
    "development": (PLAIN, ["add", "--dev", "beta"]),
    "group": (RICH, ["add", "--group", "test", "delta"]),
    "new group": (RICH, ["add", "--group", "docs", "delta"]),
    "extra": (RICH, ["add", "--optional", "web", "beta"]),
    "new extra": (PLAIN, ["add", "--optional", "web", "beta"]),
    "marker": (PLAIN, ["add", "-m", "python_version < '3.12'", "beta"]),
    "extras": (PLAIN, ["add", "--extra", "cli", "alpha"]),
    "exact": (PLAIN, ["add", "--bounds", "exact", "alpha"]),
    "major": (PLAIN, ["add", "--bounds", "major", "alpha"]),
    "minor": (PLAIN, ["add", "--bounds", "minor", "alpha"]),
    "raw": (PLAIN, ["add", "--raw", "alpha"]),
    "constraint": (PLAIN, ["add", "-c", "c.txt", "alpha"]),
    "file": (PLAIN, ["add", "-r", "r.txt"]),
    "wheel": (PLAIN, ["add", "../wheels/colorama-0.4-py3-none-any.whl"]),
    "member": (PLAIN, ["add", "./libs/inner"]),
    "no member": (PLAIN, ["add", "--no-workspace", "./libs/inner"]),
    "editable": (PLAIN, ["add", "--no-workspace", "--editable", "./libs/inner"]),
    "removed": (RICH, ["remove", "gamma"]),
    "last removed": (PLAIN.replace("[]", '["alpha"]'), ["remove", "alpha"]),
    "removed from group": (
        RICH.replace('test = ["beta", {', 'test = ["alpha", "beta", {'),
        ["remove", "--group", "test", "beta"],
    ),
    "removed from extra": (RICH, ["remove", "--optional", "web", "delta"]),
    "removed with source": (
        PLAIN.replace("[]", '["inner"]') + '\n[tool.uv.sources]\ninner = { path = "libs/inner" }\n',
        ["remove", "inner"],
    ),
}


@pytest.fixture
def prepared(project: Project) -> Project:
    project.write("libs/inner/pyproject.toml", PLAIN.replace("demo", "inner"))
    project.write("c.txt", "alpha<2\n")
    project.write("r.txt", "beta==1.0\ngamma>=1 ; sys_platform == 'linux'\n")
    return project


@pytest.mark.parametrize("name", EDITS)
def test_pyproject_is_changed_as_uv_changes_it(prepared: Project, name: str) -> None:
    before, words = EDITS[name]
    prepared.write("pyproject.toml", before)
    prepared.uv(*words, "--no-sync").ok()
    theirs, lock = prepared.read("pyproject.toml"), prepared.lock
    prepared.remove("uv.lock")
    prepared.write("pyproject.toml", before)
    prepared(*words, "--no-sync").ok()
    assert prepared.read("pyproject.toml") == theirs
    assert prepared.lock == lock
    prepared.uv("lock", "--check").ok()


def test_comments_stay_with_their_lines(prepared: Project) -> None:
    prepared.write(
        "pyproject.toml",
        PLAIN.replace("[]", '[\n  "alpha", # first\n  # about gamma\n  "gamma", # last\n  # at the end\n]'),
    )
    prepared("add", "--no-sync", "beta").ok()
    assert '"alpha", # first\n  "beta>=1.5",\n  # about gamma\n  "gamma", # last\n  # at the end\n]' in prepared.read(
        "pyproject.toml"
    )


def files(project: Project) -> tuple[str, str, list[str]]:
    names = sorted(os.listdir(project.cwd))
    return project.read("pyproject.toml"), project.lock, [name for name in names if name.startswith(".cw")]


def test_failed_resolution_changes_nothing(prepared: Project) -> None:
    prepared.write("pyproject.toml", PLAIN)
    prepared("add", "alpha").ok()
    before = files(prepared)
    ran = prepared("add", "nosuch").failed(1)
    assert "nosuch was not found" in ran.err
    assert files(prepared) == before
    assert prepared("sync", "--check").ok()


def test_failed_build_puts_pyproject_and_lock_back(prepared: Project) -> None:
    prepared.write("pyproject.toml", PLAIN)
    prepared("add", "alpha").ok()
    before, installed = files(prepared), prepared.installed()
    broken = '[project]\nname = "broken"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    prepared.write("broken/pyproject.toml", broken)
    prepared.write("broken/backend.py", "def build_wheel(*a): raise SystemExit('no')\nbuild_editable = build_wheel\n")
    prepared("add", "--no-workspace", "./broken").failed(1)
    assert files(prepared) == before
    assert prepared.installed() == installed


def test_first_add_that_fails_leaves_no_lock(prepared: Project) -> None:
    prepared.write("pyproject.toml", PLAIN)
    prepared("add", "nosuch").failed(1)
    assert files(prepared) == (PLAIN, "", [])


def test_undo_takes_files_and_environment_back_and_forth(prepared: Project) -> None:
    prepared.write("pyproject.toml", PLAIN)
    prepared("add", "beta").ok()
    before, installed = files(prepared), prepared.installed()
    prepared("add", "alpha").ok()
    after, more = files(prepared), prepared.installed()
    assert more != installed
    prepared("undo").ok()
    assert (files(prepared), prepared.installed()) == (before, installed)
    prepared("undo").ok()
    assert (files(prepared), prepared.installed()) == (after, more)


def test_undo_leaves_files_alone_that_were_changed_since(prepared: Project) -> None:
    prepared.write("pyproject.toml", PLAIN)
    assert "no change" in prepared("undo").failed(1).err
    prepared("add", "beta").ok()
    prepared.write("pyproject.toml", prepared.read("pyproject.toml") + "# mine\n")
    assert "was changed since" in prepared("undo").failed(1).err
    assert prepared.read("pyproject.toml").endswith("# mine\n")


def test_removal_of_what_is_elsewhere_says_where(prepared: Project) -> None:
    prepared.write("pyproject.toml", RICH)
    assert "add `--optional web`" in prepared("remove", "delta").failed(2).err
    assert "add `--group test`" in prepared("remove", "beta").failed(2).err
    assert "`cw tree`" in prepared("remove", "omega").failed(2).err
    assert prepared.read("pyproject.toml") == RICH


def test_frozen_changes_pyproject_alone(prepared: Project) -> None:
    prepared.write("pyproject.toml", PLAIN)
    prepared("add", "--frozen", "alpha").ok()
    assert '"alpha",' in prepared.read("pyproject.toml")
    assert prepared.lock == ""
    assert not os.path.exists(prepared.path(".venv"))


def test_script_gets_a_block_and_keeps_its_text(prepared: Project) -> None:
    prepared.write("s.py", "#!/usr/bin/env python\nimport beta\nprint(beta.version)\n")
    prepared("add", "--script", "s.py", "beta<1.5").ok()
    text = prepared.read("s.py")
    assert text.startswith("#!/usr/bin/env python\n")
    assert '#     "beta<1.5",\n' in text
    assert text.endswith("import beta\nprint(beta.version)\n")
    prepared.uv("lock", "--script", "s.py").ok()
    prepared("add", "--script", "s.py", "gamma").ok()
    prepared.uv("lock", "--check", "--script", "s.py").ok()
    prepared("remove", "--script", "s.py", "gamma").ok()
    assert prepared.read("s.py") == text
