"""install/verify.py: what it finds, and that a reinstallation repairs it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from commonwheel.install import changeset, plan, transaction, verify
from commonwheel.model import Environment, Installed
from kit.shelf import Shelf, environment, installed, pins


class Patient:
    """An environment with three packages, in which things go wrong."""

    def __init__(self, directory: Path, mode: str) -> None:
        self.env = environment(str(directory / "env"))
        self.shelf = Shelf(str(directory / "store"))
        self.mode = mode
        self.site = Path(self.env.paths["purelib"])
        self.entries = [
            self.shelf.add("one", "1.0", {"one/__init__.py": "1", "one/sub/a.py": "1"}, console=[("one", "one:x")]),
            self.shelf.add("two"),
            self.shelf.add("three", "1.0", {"three.py": "3"}),
        ]
        self.install(plan.Wishes())

    def install(self, wishes: plan.Wishes) -> None:
        wanted = plan.make(installed(self.env), pins(*self.entries), wishes)
        entries = {one.name: one for one in self.entries}
        transaction.apply(self.env, changeset.make(self.env, wanted, entries, self.shelf, link_mode=self.mode))

    def findings(self) -> list[tuple[str, str, str]]:
        found = verify.environment(self.env, installed(self.env))
        return [(one.kind, one.package, os.path.relpath(one.path, self.env.root)) for one in found]


@pytest.fixture(params=["copy", "fold"])
def patient(tmp_path: Path, request: pytest.FixtureRequest) -> Patient:
    return Patient(tmp_path, request.param)


S = "lib/python3.11/site-packages"


def test_sound_environment_has_no_findings(patient: Patient) -> None:
    (patient.site / "__pycache__").mkdir()
    (patient.site / "__pycache__" / "three.cpython-311.pyc").write_text("compiled")
    assert patient.findings() == []


def test_every_fault_is_found_and_repaired(tmp_path: Path) -> None:
    patient = Patient(tmp_path, "copy")
    (patient.site / "three.py").write_text("4")
    (patient.site / "one" / "__init__.py").write_text("longer than before")
    (patient.site / "one" / "sub" / "a.py").unlink()
    (patient.site / "two" / "__init__.py").chmod(0o646)
    (patient.site / "two" / "user.txt").write_text("mine")
    (patient.site / "stray.py").write_text("mine")
    assert sorted(patient.findings()) == [
        ("altered", "one", f"{S}/one/__init__.py"),
        ("altered", "three", f"{S}/three.py"),
        ("foreign", "", f"{S}/stray.py"),
        ("foreign", "", f"{S}/two/user.txt"),
        ("missing", "one", f"{S}/one/sub/a.py"),
        ("wrong-mode", "two", f"{S}/two/__init__.py"),
    ]
    names = verify.to_reinstall(verify.environment(patient.env, installed(patient.env)))
    assert names == ("one", "three", "two")
    patient.install(plan.Wishes(reinstall=names))
    assert [kind for kind, _, _ in patient.findings()] == ["foreign", "foreign"]


def test_dangling_links(tmp_path: Path) -> None:
    patient = Patient(tmp_path, "fold")
    shutil.rmtree(patient.entries[0].tree)
    found = patient.findings()
    assert ("dangling-link", "one", f"{S}/one") in found
    assert {package for _, package, _ in found} == {"one"}
    assert not verify.is_sound(f"{patient.site}/one-1.0.dist-info")


@pytest.mark.parametrize("lost", ["RECORD", "METADATA"])
def test_incomplete_installation(patient: Patient, lost: str) -> None:
    os.remove(patient.site / "two-1.0.dist-info" / lost)
    kinds = {(kind, package) for kind, package, _ in patient.findings() if package}
    assert kinds == {("half-installed", "two")}


def test_unreadable_record(patient: Patient) -> None:
    (patient.site / "two-1.0.dist-info" / "RECORD").write_text('"')
    assert ("half-installed", "two", f"{S}/two-1.0.dist-info/RECORD") in patient.findings()


def test_packages_that_shadow_each_other(patient: Patient) -> None:
    record = patient.site / "two-1.0.dist-info" / "RECORD"
    text = record.read_text() + f"three.py,sha256={'A' * 43},1\n"
    record.unlink()
    record.write_text(text)
    assert ("shadowed", "two", f"{S}/three.py") in patient.findings()
    twice = Installed("two", "0.9", f"{patient.site}/two-0.9.dist-info", site=str(patient.site))
    found = verify.environment(patient.env, (*installed(patient.env), twice))
    assert [one.detail for one in found if one.path.endswith("two-0.9.dist-info")] == ["1.0 is installed twice"]


def test_scripts_with_missing_or_foreign_interpreter(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "env" / "bin" / "broken").write_text("#!/nowhere/python\n")
    (tmp_path / "env" / "bin" / "fine").write_text("#!/bin/sh\n")
    assert patient.findings() == [("broken-script", "", "bin/broken")]
    os.rename(tmp_path / "env", tmp_path / "moved")
    old = patient.env
    root = str(tmp_path / "moved")
    paths = {name: path.replace(old.root, root) for name, path in old.paths.items()}
    moved = Environment(root, "venv", old.interpreter, paths)
    assert [(one.kind, os.path.basename(one.path)) for one in verify.scripts(moved)] == [
        ("broken-script", "broken"), ("moved", "one"),
    ]  # fmt: skip


def test_check_of_one_distribution(patient: Patient) -> None:
    location = f"{patient.site}/three-1.0.dist-info"
    assert verify.is_sound(location)
    os.remove(patient.site / "three.py")
    assert not verify.is_sound(location)
    os.truncate(f"{location}/RECORD", 0)
    assert not verify.is_sound(location)
    assert not verify.is_sound(f"{patient.site}/nobody-1.0.dist-info")
