"""`cw lock --merge` as git's merge driver, and `cw lock` on what git leaves without it."""

import subprocess

import pytest

from commonwheel.project.merging import merge
from commonwheel.specs.uv_lock import Dependency, Lock, LockRequirement, Package, Source
from kit.projects import CW, Project

INDEX = Source("registry", "http://index/simple")


def package(name: str, version: str, *needs: str) -> Package:
    return Package(name, version, INDEX, dependencies=tuple(map(Dependency, needs)))


def demo(*needs: str, version: str = "1") -> Package:
    wanted = tuple(LockRequirement(name) for name in needs)
    return Package(
        "demo", version, Source("virtual", "."), dependencies=tuple(map(Dependency, needs)), requires_dist=wanted
    )


def lock(*packages: Package) -> Lock:
    return Lock(">=3.9", tuple(sorted(packages, key=lambda one: one.name)))


def test_what_one_side_changed_counts() -> None:
    base = lock(demo("a"), package("a", "1"))
    ours = lock(demo("a"), package("a", "2"))
    assert merge(base, ours, base) == ours
    assert merge(base, base, ours) == ours


def test_additions_of_both_sides_are_there_and_removals_are_not() -> None:
    base = lock(demo("b"), package("b", "1"))
    ours = lock(demo("a", "b"), package("a", "1"), package("b", "1"))
    theirs = lock(demo("c"), package("c", "1"))
    merged = merge(base, ours, theirs)
    assert [one.name for one in merged.named("demo")[0].requires_dist] == ["a", "c"]
    assert [one.name for one in merged.named("demo")[0].dependencies] == ["a", "c"]


def test_newer_version_counts_where_both_changed_it() -> None:
    base, ours, theirs = (lock(demo("a"), package("a", version)) for version in ("1", "2", "10"))
    assert merge(base, ours, theirs).named("a")[0].version == "10"


@pytest.fixture
def repository(project: Project) -> Project:
    git(project, "init", "-q", "-b", "main")
    project.write(".gitignore", ".venv\nthe store\n")
    project.write(".gitattributes", "uv.lock merge=cw-lock\n")
    # far enough apart that git merges the project itself
    extra = "\n# one\n# two\n# three\n\n[project.optional-dependencies]\nx = [{}]\n"
    project.pyproject("gamma", more=extra.format(""))
    commit(project, "base")
    git(project, "checkout", "-q", "-b", "other")
    project.pyproject("gamma", more=extra.format('"beta"'))
    commit(project, "other")
    git(project, "checkout", "-q", "main")
    project.pyproject("delta", "gamma", more=extra.format(""))
    commit(project, "mine")
    return project


def git(project: Project, *words: str, check: bool = True) -> int:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=project.cwd, env=project.environ, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.returncode


def commit(project: Project, message: str) -> None:
    project("lock").ok()
    git(project, "add", "-A")
    git(project, "commit", "-qm", message)


def test_driver_merges_a_lock_that_satisfies_the_merged_project(repository: Project) -> None:
    git(repository, "config", "merge.cw-lock.driver", f"'{CW}' lock --merge %A %O %B")
    assert git(repository, "merge", "-q", "other", check=False) == 0
    merged = repository.lock
    repository("lock", "--check").ok()
    repository.uv("lock", "--check").ok()
    assert 'name = "beta"' in merged
    assert 'name = "delta"' in merged


def test_lock_repairs_what_git_leaves(repository: Project) -> None:
    repository.remove(".gitattributes")
    git(repository, "commit", "-qam", "no driver")
    assert git(repository, "merge", "-q", "other", check=False) == 1
    assert "<<<<<<<" in repository.lock
    repository.uv("lock").failed(2)
    repository("lock", "--check").failed(2)
    repository("lock").ok()
    repository.uv("lock", "--check").ok()


def test_three_files_are_needed(project: Project) -> None:
    assert "three files" in project("lock", "--merge", "a", "b").failed(2).err
