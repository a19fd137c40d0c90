"""install/history.py: records, states and what lies between them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.errors import UsageError
from commonwheel.install import history
from commonwheel.install.history import Package, Record
from kit.shelf import environment

if TYPE_CHECKING:
    from pathlib import Path

words = st.text(st.characters(codec="utf-8"), max_size=8)
packages = st.builds(Package, words, words, words, words, words, words, requested=st.booleans())
records = st.builds(
    Record, st.integers(1, 10**6), st.floats(0, 1e10), words, words,
    st.lists(packages, max_size=3).map(tuple), st.lists(packages, max_size=3).map(tuple),
    st.lists(packages, max_size=3).map(tuple), words,
)  # fmt: skip


@given(records)
def test_history_round_trip(record: Record) -> None:
    assert history.decode(history.encode(record)) == record


@given(st.binary(max_size=80))
def test_any_bytes_parse_as_record_or_none(data: bytes) -> None:
    assert history.decode(data) is None
    found = history.decode(b"commonwheel-history\t1\n" + data)
    assert found is None or isinstance(found, Record)


def test_unknown_keywords_are_skipped() -> None:
    data = history.encode(Record(3, 1.5, "me", "cw pip install x", (Package("x", "1"),)))
    found = history.decode(data + b"mood\tgood\n")
    assert found is not None
    assert (found.number, found.when, found.command, list(found.state)) == (3, 1.5, "cw pip install x", ["x"])


def test_differences_by_version_source_and_wheel() -> None:
    before = {
        "a": Package("a", "1", "d1"),
        "b": Package("b", "1"),
        "c": Package("c", "1", "d1"),
        "s": Package("s", "1", "d"),
    }
    after = {"a": Package("a", "1", "d2"), "c": Package("c", "1"), "d": Package("d", "1"), "s": Package("s", "1", "d")}
    found = history.difference(before, after)
    assert [one.name for one in found.added] == ["a", "d"]
    assert [one.name for one in found.removed] == ["a", "b"]


def test_changes_by_other_tools_are_seen() -> None:
    record = Record(1, 0, "", "", (Package("a", "1", "d"), Package("b", "1", "d")))
    present = (Package("a", "1", installer="pip"), Package("b", "1"), Package("c", "2", installer="pip"))
    found = history.foreign_changes(record, present)
    assert [one.name for one in found.added] == ["a", "c"]
    assert [one.name for one in found.removed] == ["a"]
    assert history.foreign_changes(None, present).removed == ()


def test_records_are_numbered_files(tmp_path: Path) -> None:
    env = environment(str(tmp_path / "env"))
    assert history.log(env) == ()
    assert history.current(env) is None
    assert history.last_number(history.state_directory(env)) == 0
    directory = tmp_path / "env" / ".cw" / "history"
    directory.mkdir(parents=True)
    for number in (2, 10, 9):
        (directory / f"{number:06d}").write_bytes(
            history.encode(Record(number, 0, "", "", (Package("a", str(number), "d"),)))
        )
    (directory / "000003").write_bytes(b"rubbish")
    (directory / ".tmp-x").write_bytes(b"")
    assert [one.number for one in history.log(env)] == [2, 9, 10]
    current = history.current(env)
    assert current is not None
    assert current.number == 10
    assert history.load(env, 4) is None
    assert history.recorded_digests(env) == {"a": "d"}


def test_state_names_are_unique(tmp_path: Path) -> None:
    env = environment(str(tmp_path / "env"))
    assert history.snapshots(env) == {}
    assert history.save_snapshot(env, "before-upgrade", 3)
    assert not history.save_snapshot(env, "before-upgrade", 4)
    assert history.snapshots(env) == {"before-upgrade": 3}


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "12", "-x", ".hidden", "a\nb"])
def test_names_resembling_paths_or_numbers_are_refused(tmp_path: Path, name: str) -> None:
    env = environment(str(tmp_path / "env"))
    with pytest.raises(UsageError):
        history.save_snapshot(env, name, 1)
    assert not os.path.exists(f"{env.root}/.cw")


def test_system_state_lies_beside_its_packages(tmp_path: Path) -> None:
    env = environment(str(tmp_path / "usr")).replaced(kind="system")
    assert history.state_directory(env) == f"{env.paths['purelib']}/.cw"
