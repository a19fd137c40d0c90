"""What a project says it is made of is what brings a new build."""

import os
from pathlib import Path
from typing import Any

import pytest

from commonwheel.sources import cache_keys
from commonwheel.sources.built_wheels import Recall
from commonwheel.sources.cache_keys import BadCacheKeys
from kit.sdists import commit, git, repository, write_tree


def made_of(root: Path, **environ: str) -> str:
    unused: Any = None
    known = Recall(unused, unused, unused, lambda path: cache_keys.source_fingerprint(path, environ))
    return known.made_of(str(root))


def touch(path: Path) -> None:
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000_000))


def keyed(root: Path, keys: str, tool: str = "uv") -> Path:
    write_tree(
        root,
        {"pyproject.toml": f"[tool.{tool}]\ncache-keys = {keys}\n", "src/a.c": "", "src/deep/b.c": "", "other.txt": ""},
    )
    return root


def changes(root: Path, name: str) -> bool:
    before = made_of(root)
    touch(root / name)
    return made_of(root) != before


def test_without_keys_project_files_count(tmp_path: Path) -> None:
    write_tree(tmp_path, {"pyproject.toml": "", "setup.py": "", "setup.cfg": "", "module.py": ""})
    assert all(changes(tmp_path, name) for name in ("pyproject.toml", "setup.py", "setup.cfg"))
    assert not changes(tmp_path, "module.py")
    before = made_of(tmp_path)
    (tmp_path / "src").mkdir()
    assert made_of(tmp_path) != before
    before = made_of(tmp_path)
    (tmp_path / "src/x.py").write_text("")
    assert made_of(tmp_path) == before


def test_directory_without_project_files_has_no_identity(tmp_path: Path) -> None:
    assert made_of(tmp_path) == ""


@pytest.mark.parametrize(
    ("keys", "counts", "not_"),
    [
        ('["other.txt"]', ["other.txt"], ["pyproject.toml", "src/a.c"]),
        (
            '[{ file = "pyproject.toml" }, { file = "src/*.c" }]',
            ["pyproject.toml", "src/a.c"],
            ["src/deep/b.c", "other.txt"],
        ),
        ('[{ file = "**/*.c" }]', ["src/a.c", "src/deep/b.c"], ["other.txt"]),
        ('[{ file = "src/**" }]', ["src/a.c", "src/deep/b.c"], ["other.txt"]),
        ('[{ file = "src/**/b.?" }]', ["src/deep/b.c"], ["src/a.c"]),
        ('[{ file = "./[op]*" }]', ["other.txt", "pyproject.toml"], ["src/a.c"]),
        ("[]", [], ["pyproject.toml"]),
    ],
)
@pytest.mark.parametrize("tool", ["uv", "cw"])
def test_files_count_as_the_project_configures(
    tmp_path: Path, keys: str, counts: list[str], not_: list[str], tool: str
) -> None:
    keyed(tmp_path, keys, tool)
    assert all(changes(tmp_path, name) for name in counts)
    assert not any(changes(tmp_path, name) for name in not_)


def test_new_file_matching_a_pattern_counts(tmp_path: Path) -> None:
    keyed(tmp_path, '[{ file = "**/*.c" }]')
    before = made_of(tmp_path)
    (tmp_path / "src/new.c").write_text("")
    assert made_of(tmp_path) != before


def test_symlinked_directory_is_not_followed(tmp_path: Path) -> None:
    keyed(tmp_path, '[{ file = "**/*.c" }]')
    (tmp_path / "src/loop").symlink_to(tmp_path)
    assert "loop" not in made_of(tmp_path)


def test_directory_counts_by_existence(tmp_path: Path) -> None:
    keyed(tmp_path, '[{ dir = "data" }]')
    before = made_of(tmp_path)
    (tmp_path / "data").mkdir()
    after = made_of(tmp_path)
    assert after != before
    (tmp_path / "data/x").write_text("")
    assert made_of(tmp_path) == after


def test_variable_counts_by_its_value(tmp_path: Path) -> None:
    keyed(tmp_path, '[{ env = "FLAVOUR" }]')
    assert len({made_of(tmp_path), made_of(tmp_path, FLAVOUR="a"), made_of(tmp_path, FLAVOUR="b")}) == 3
    assert made_of(tmp_path, OTHER="x") == made_of(tmp_path)


def test_cw_table_wins_over_uv_table(tmp_path: Path) -> None:
    text = '[tool.cw]\ncache-keys = ["other.txt"]\n[tool.uv]\ncache-keys = ["src/a.c"]\n'
    write_tree(keyed(tmp_path, "[]"), {"pyproject.toml": text})
    assert changes(tmp_path, "other.txt")
    assert not changes(tmp_path, "src/a.c")


@pytest.mark.parametrize("keys", ["[{ git = true }]", "[{ git = { commit = true } }]"])
def test_commit_counts(tmp_path: Path, keys: str) -> None:
    keyed(tmp_path / "repo/project", keys)
    first = repository(tmp_path / "repo", {})
    before = made_of(tmp_path / "repo/project")
    assert first in before
    git(tmp_path / "repo", "tag", "v1")
    assert made_of(tmp_path / "repo/project") == before
    second = commit(tmp_path / "repo")
    assert second in made_of(tmp_path / "repo/project")
    git(tmp_path / "repo", "gc", "--quiet")  # references are packed now
    assert second in made_of(tmp_path / "repo/project")
    git(tmp_path / "repo", "checkout", "--quiet", "--detach", first)
    assert first in made_of(tmp_path / "repo/project")


def test_tags_count_if_configured(tmp_path: Path) -> None:
    keyed(tmp_path, "[{ git = { commit = true, tags = true } }]")
    repository(tmp_path, {})
    before = made_of(tmp_path)
    git(tmp_path, "tag", "v1")
    after = made_of(tmp_path)
    assert after != before
    git(tmp_path, "pack-refs", "--all")
    assert made_of(tmp_path) == after


def test_second_work_tree_has_its_own_commit(tmp_path: Path) -> None:
    keyed(tmp_path / "repo", "[{ git = true }]")
    repository(tmp_path / "repo", {})
    git(tmp_path / "repo", "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "second"))
    second = commit(tmp_path / "second")
    assert second in made_of(tmp_path / "second")
    assert second not in made_of(tmp_path / "repo")


def test_without_repository_there_is_no_commit(tmp_path: Path) -> None:
    keyed(tmp_path, "[{ git = { commit = true, tags = true } }]")
    assert "git commit" in made_of(tmp_path)


@pytest.mark.parametrize(
    "keys",
    [
        '"x"',
        "[3]",
        '[{ what = "x" }]',
        '[{ file = "a", dir = "b" }]',
        "[{ file = 3 }]",
        '[{ git = "yes" }]',
        "[{ git = { commit = 1 } }]",
    ],
)
def test_invalid_keys_are_reported(tmp_path: Path, keys: str) -> None:
    keyed(tmp_path, keys)
    with pytest.raises(BadCacheKeys) as caught:
        made_of(tmp_path)
    assert "pyproject.toml" in caught.value.message
