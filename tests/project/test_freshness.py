"""What makes a lock outdated: each change is told as a sentence, and the real uv agrees."""

from collections.abc import Callable

import pytest

from kit.projects import Project

BASE = """[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.9"
dependencies = ["alpha>=1"]
[project.optional-dependencies]
x = ["beta"]
[dependency-groups]
dev = ["gamma"]
[tool.uv]
"""

#: what is replaced by what in the project, and the reason that is told
CHANGES = {
    "bound": ("alpha>=1", "alpha>=2", "`demo` now asks for `alpha>=2`, locked for `alpha>=1`"),
    "new": ('"alpha>=1"', '"alpha>=1", "delta"', "`demo` now asks for `delta`"),
    "gone": ('"alpha>=1"', "", "`demo` does not ask for `alpha>=1` any more"),
    "extra": ("x = [", "z = [", "now asks for"),
    "group": ('dev = ["gamma"]', 'dev = ["gamma", "delta"]', "the group `dev` of `demo` now asks for `delta`"),
    "version": ('"0.1.0"', '"0.2.0"', "`demo` is now version 0.2.0, locked as 0.1.0"),
    "python": ('">=3.9"', '">=3.10"', "`requires-python` is now `>=3.10`, locked for `>=3.9`"),
    "resolution": ("[tool.uv]\n", '[tool.uv]\nresolution = "lowest"\n', "`resolution` is now `lowest`"),
    "prerelease": ("[tool.uv]\n", '[tool.uv]\nprerelease = "allow"\n', "`prerelease` is now `allow`"),
    "cutoff": ("[tool.uv]\n", '[tool.uv]\nexclude-newer = "2030-01-01"\n', "`exclude-newer` is now `2030-01-0"),
    "environments": ("[tool.uv]\n", "[tool.uv]\nenvironments = \"sys_platform == 'linux'\"\n", "`environments` is now"),
    "constraint": ("[tool.uv]\n", '[tool.uv]\nconstraint-dependencies = ["beta<2"]\n', "`constraint-dependencies` now asks for `beta<2`"),
    "override": ("[tool.uv]\n", '[tool.uv]\noverride-dependencies = ["beta<2"]\n', "`override-dependencies` now asks for `beta<2`"),
    "excluded": ("[tool.uv]\n", '[tool.uv]\nexclude-dependencies = ["beta"]\n', "`exclude-dependencies` is now `beta`"),
    "conflicts": ("[tool.uv]\n", '[tool.uv]\nconflicts = [[{ extra = "x" }, { group = "dev" }]]\n', "`conflicts` have changed"),
    "kind": ("[tool.uv]\n", "[tool.uv]\npackage = true\n", '`demo` is now `editable = "."`, locked as `virtual = "."`'),
    "default groups": ("[tool.uv]\n", "[tool.uv]\ndefault-groups = []\n", "`default-groups` of `demo` have changed"),
    "group bound": ("[tool.uv]\n", '[tool.uv]\ndependency-groups = { dev = { requires-python = ">=3.11" } }\n', "the group `dev` of `demo`"),
    "metadata": ("[tool.uv]\n", '[tool.uv]\ndependency-metadata = [{ name = "beta" }]\n', "`dependency-metadata` has changed"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_change_makes_a_lock_outdated_and_is_told(project: Project, name: str) -> None:
    before, after, said = CHANGES[name]
    project.write("pyproject.toml", BASE)
    project("lock").ok()
    lock = project.lock
    project.write("pyproject.toml", BASE.replace(before, after, 1))
    project.uv("lock", "--check").failed(1)
    assert said in project("lock", "--check").failed(1).err
    assert project.lock == lock
    project("lock").ok()
    project.uv("lock", "--check").ok()


def test_project_becomes_a_workspace_with_its_second_member(project: Project) -> None:
    project.write("pyproject.toml", BASE)
    project("lock").ok()
    project.write("pyproject.toml", BASE + 'workspace = { members = ["m"] }\n')
    project.pyproject(name="m", where="m")
    project.uv("lock", "--check").failed(1)
    assert "the project has become a workspace" in project("lock", "--check").failed(1).err
    project("lock").ok()
    project.uv("lock", "--check").ok()


def swapped(text: str) -> str:
    head, *packages = text.split("\n[[package]]")
    return head + "".join(f"\n[[package]]{one}" for one in reversed(packages))


#: edits of a lock after which it still says the same
SPELLINGS: dict[str, Callable[[str], str]] = {
    "comments": lambda text: "# mine\n" + text.replace("\n[[package]]", "\n\n# a package\n[[package]]"),
    "order": swapped,
    "older revision": lambda text: text.replace("revision = 5", "revision = 3"),
    "newer revision": lambda text: text.replace("revision = 5", "revision = 9"),
    "unknown tables": lambda text: text + "\n[mood]\ngood = true\n",
    "marker": lambda text: text.replace("python_full_version < '3.11'", "python_version < '3.11'"),
    "no sizes": lambda text: "\n".join(
        line.partition(", size")[0] + " }," if ", size" in line else line for line in text.split("\n")
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_other_spelling_satisfies_and_stays(project: Project, name: str) -> None:
    project.write("pyproject.toml", BASE)
    project("lock").ok()
    edited = SPELLINGS[name](project.lock)
    assert edited != project.lock
    project.write("uv.lock", edited)
    project.uv("lock", "--check").ok()
    for words in (["lock", "--check"], ["lock"], ["sync"]):
        project(*words).ok()
    assert project.lock == edited


def test_other_spelling_of_the_project_satisfies(project: Project) -> None:
    project.write("pyproject.toml", BASE)
    project("lock").ok()
    project.write("pyproject.toml", BASE.replace("alpha>=1", "Alpha >= 1 ").replace("gamma", "GAMMA"))
    project.uv("lock", "--check").ok()
    project("lock", "--check").ok()
