"""install/linking.py: what is tried for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonwheel.install import linking
from commonwheel.install.linking import LinkRefused
from kit.shelf import Shelf, environment

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.model import Entry, Environment


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return environment(str(tmp_path / "env"))


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Shelf(str(tmp_path / "store")).add("one")


def tried(env: Environment, entry: Entry, setting: str, **words: str) -> list[str]:
    choice = linking.choose(setting, env, [entry], recommended=words.get("recommended", ""))
    # the file system of the tests decides about clones; that is tests/fs's affair
    return [*(["fold"] if choice.folded else []), *(way for way in choice.ways[entry.name] if way != "clone")]


@pytest.mark.parametrize(
    ("setting", "ways"),
    [
        ("auto", ["hardlink", "copy"]), ("clone", ["copy"]), ("hardlink", ["hardlink", "copy"]), ("copy", ["copy"]),
        ("symlink", ["symlink", "copy"]), ("fold", ["fold", "hardlink", "symlink", "copy"]), ("hardlink!", ["hardlink"]),
        ("copy!", ["copy"]), ("symlink!", ["symlink"]), ("fold!", ["fold", "symlink"]),
    ],
)  # fmt: skip
def test_link_modes_for_own_entries(env: Environment, entry: Entry, setting: str, ways: list[str]) -> None:
    assert tried(env, entry, setting) == ways


@pytest.mark.parametrize(
    ("recommended", "ways"), [("fold", ["fold", "symlink", "copy"]), ("symlink", ["symlink", "copy"])]
)
def test_policy_recommends_auto_mode_for_foreign_entries(
    env: Environment, entry: Entry, recommended: str, ways: list[str]
) -> None:
    assert tried(env, entry.replaced(mine=False), "auto", recommended=recommended) == ways
    assert tried(env, entry.replaced(mine=False), "auto") == ["copy"]


def test_foreign_entries_are_never_hard_linked(env: Environment, entry: Entry) -> None:
    choice = linking.choose("hardlink", env, [entry.replaced(mine=False)])
    assert "hardlink" not in choice.ways[entry.name]
    assert "no hardlink: the files in the store belong to another user" in choice.why
    with pytest.raises(LinkRefused, match="belong to another user"):
        linking.choose("hardlink!", env, [entry.replaced(mine=False)])


@pytest.mark.parametrize("setting", ["symlink", "fold"])
def test_temporary_store_entries_are_never_linked(env: Environment, entry: Entry, setting: str) -> None:
    assert not {"fold", "symlink"} & set(tried(env, entry.replaced(trusted=False), setting))
    with pytest.raises(LinkRefused, match="its store is temporary"):
        linking.choose(f"{setting}!", env, [entry.replaced(trusted=False)])


def test_folding_exemptions_by_option_and_by_content(env: Environment, entry: Entry) -> None:
    choice = linking.choose("fold", env, [entry], no_fold=["one"])
    assert not choice.folded
    assert choice.ways["one"][0] == "hardlink"
    natural = entry.replaced(unfolded="its shared objects look outside")
    assert "`one` is not folded: its shared objects look outside" in linking.choose("fold", env, [natural]).why
    with pytest.raises(LinkRefused, match="look outside"):
        linking.choose("fold!", env, [natural])


def test_unknown_mode_is_refused(env: Environment, entry: Entry) -> None:
    with pytest.raises(LinkRefused, match="no link mode"):
        linking.choose("magic", env, [entry])


def test_folding_is_reported_as_the_main_mode() -> None:
    assert linking.prevailing({"copy": 3, "hardlink": 5}) == "hardlink"
    assert linking.prevailing({"symlink": 5, "fold": 1}) == "fold"
    assert linking.prevailing({}) == ""
