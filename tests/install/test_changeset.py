"""install/changeset.py: stamps, and what is told of a change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from commonwheel.install import changeset, history, plan, transaction
from kit.shelf import Shelf, environment, installed, pins, portrait

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.model import Entry, Plan


def test_stamps_distinguish_states(tmp_path: Path) -> None:
    env = environment(str(tmp_path / "env"))
    site = env.paths["purelib"]
    empty = changeset.stamp(env)
    assert empty == frozenset()
    os.mkdir(f"{site}/a-1.dist-info")
    first = changeset.stamp(env)
    with open(f"{site}/module.py", "w", encoding="utf-8"):
        pass
    assert changeset.stamp(env) == first
    os.mkdir(f"{site}/other")
    os.rmdir(f"{site}/a-1.dist-info")
    os.mkdir(f"{site}/keep-the-inode")
    os.mkdir(f"{site}/a-1.dist-info")
    assert changeset.stamp(env) != first
    assert (
        changeset.stamp(env.replaced(paths={**env.paths, "purelib": "/nowhere", "platlib": "/nowhere"})) == frozenset()
    )


def test_making_a_changeset_changes_nothing(tmp_path: Path) -> None:
    env, shelf = environment(str(tmp_path / "env")), Shelf(str(tmp_path / "store"))
    one = shelf.add("one")
    before = portrait(str(tmp_path), ignoring=())
    changeset.make(env, plan.make((), pins(one)), {"one": one}, shelf, link_mode="fold")
    assert portrait(str(tmp_path), ignoring=()) == before


def test_records_list_added_removed_and_kept(tmp_path: Path) -> None:
    env, shelf = environment(str(tmp_path / "env")), Shelf(str(tmp_path / "store"))
    one, two = shelf.add("one"), shelf.add("two")

    def apply(made: Plan, *entries: Entry) -> None:
        named = {entry.name: entry for entry in entries}
        change = changeset.make(env, made, named, shelf)
        transaction.apply(env, change, transaction.Options(command="cw pip install one"))

    apply(plan.make((), pins(one, two, requested=True)), one, two)
    # another tool reinstalls `two`: its digest is not ours any more
    present = installed(env)
    foreign = tuple(found.replaced(installer="pip") if found.name == "two" else found for found in present)
    apply(plan.make(foreign, pins(shelf.add("one", "2.0"))), shelf.add("one", "2.0"))
    record = history.current(env)
    assert record is not None
    assert record.command == "cw pip install one"
    assert [(package.name, package.version, package.digest != "") for package in record.added] == [("one", "2.0", True)]
    assert [(package.name, package.digest, package.requested) for package in record.removed] == [
        ("one", one.digest, True)
    ]
    assert [(package.name, package.digest, package.installer) for package in record.kept] == [("two", "", "pip")]
    assert list(record.state) == ["one", "two"]


def test_warnings_name_the_owner_of_replaced_files(tmp_path: Path) -> None:
    env, shelf = environment(str(tmp_path / "env")), Shelf(str(tmp_path / "store"))
    one, two = shelf.add("one", "1.0", {"shared.py": "1"}), shelf.add("two", "1.0", {"shared.py": "2"})
    for entry in (one, two):
        made = plan.make(installed(env), pins(entry))
        change = changeset.make(env, made, {entry.name: entry}, shelf)
        warnings = transaction.apply(env, change).warnings
    assert warnings == (f"`{env.paths['purelib']}/shared.py` of `one` was replaced",)
    # it stays when one of them goes, and that is told as well
    change = changeset.make(env, plan.removal(installed(env), ["two"]), {}, shelf)
    assert "stays, since another package lists it" in transaction.apply(env, change).warnings[0]
    assert os.path.exists(f"{env.paths['purelib']}/shared.py")
