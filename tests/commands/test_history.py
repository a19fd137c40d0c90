"""`cw env`: the log, and every way back."""

import os
import shutil
import subprocess

import pytest

from kit.cli import Cw
from kit.wheels import make_wheel


@pytest.fixture
def cw(tmp_path):
    cw = Cw(str(tmp_path / "a place"))
    os.mkdir(cw.cwd)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    for version in ("1.0", "2.0", "3.0"):
        make_wheel(
            cw.path("wheels"), "lib", version, {"lib.py": f"version = '{version}'\n", "libcli.py": "def main():\n    print('lib')\n"},
            entry_points={"console_scripts": {"lib": "libcli:main"}},
        )  # fmt: skip
    make_wheel(cw.path("wheels"), "other", "1.0", {"other.py": ""})
    cw("venv", "v").ok()
    return cw


def frozen(cw, environment="v"):
    return cw("pip", "freeze", "-p", environment).ok().out.split()


def test_the_log_tells_who_did_what(cw):
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    cw("pip", "install", "-p", "v", "-U", "lib", "other").ok()
    out = cw("env", "log", "-p", "v").ok().out
    assert "cw pip install -p v lib==1.0" in out
    assert "    + lib==1.0" in out
    assert "    - lib==1.0\n    + lib==3.0\n    + other==1.0" in out


def test_undo_brings_the_old_versions_back_without_the_index(cw):
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    cw("pip", "install", "-p", "v", "-U", "lib", "other").ok()
    shutil.rmtree(cw.path("wheels"))
    ran = cw("env", "undo", "-p", "v", "--offline").ok()
    assert " - lib==3.0\n + lib==1.0\n" in ran.err
    assert frozen(cw) == ["lib==1.0"]
    cw("env", "undo", "-p", "v", "--offline").ok()
    assert frozen(cw) == ["lib==3.0", "other==1.0"]


def test_undo_of_the_first_change_empties_the_environment(cw):
    cw("pip", "install", "-p", "v", "lib").ok()
    cw("env", "undo", "-p", "v").ok()
    assert frozen(cw) == []


def test_rollback_goes_to_any_state(cw):
    for version in ("1.0", "2.0", "3.0"):
        cw("pip", "install", "-p", "v", f"lib=={version}").ok()
    cw("env", "rollback", "-p", "v", "1").ok()
    assert frozen(cw) == ["lib==1.0"]
    cw("env", "rollback", "-p", "v", "0").ok()
    assert frozen(cw) == []
    ran = cw("env", "rollback", "-p", "v", "77").failed(1)
    assert "cw env log" in ran.err


def test_a_wheel_that_the_store_lost_is_fetched_by_its_hash(cw):
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    cw("pip", "install", "-p", "v", "lib==2.0").ok()
    subprocess.run(["chmod", "-R", "u+w", cw.store], check=True)
    shutil.rmtree(cw.store)
    cw("env", "undo", "-p", "v").ok()
    assert frozen(cw) == ["lib==1.0"]


def test_what_cannot_be_had_is_told_and_nothing_changes(cw):
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    cw("pip", "install", "-p", "v", "lib==2.0").ok()
    subprocess.run(["chmod", "-R", "u+w", cw.store], check=True)
    shutil.rmtree(cw.store)
    os.remove(cw.path("wheels", "lib-1.0-py3-none-any.whl"))
    ran = cw("env", "undo", "-p", "v").failed(1)
    assert "lib==1.0" in ran.err
    assert frozen(cw) == ["lib==2.0"]


def test_snapshots_have_names(cw):
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    cw("env", "snapshot", "-p", "v", "before-the-upgrade").ok()
    cw("pip", "install", "-p", "v", "-U", "lib").ok()
    assert "- lib==1.0\n+ lib==3.0" in cw("env", "diff", "-p", "v", "before-the-upgrade").ok().out
    cw("env", "rollback", "-p", "v", "before-the-upgrade").ok()
    assert frozen(cw) == ["lib==1.0"]
    cw("env", "snapshot", "-p", "v", "12").failed(2)


def test_what_another_tool_did_is_named_and_not_lost_in_silence(cw):
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    # another tool takes the package away, as pip would: by its RECORD
    site = cw.site()
    for name in os.listdir(site):
        if name.startswith("lib"):
            path = os.path.join(site, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    assert "since then, by another tool: - lib==1.0" in cw("env", "log", "-p", "v").ok().out
    ran = cw("env", "rollback", "-p", "v", "1").ok()
    assert "another tool did: - lib 1.0" in ran.err
    assert frozen(cw) == ["lib==1.0"]


def test_a_dry_run_of_undo_changes_nothing(cw):
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    ran = cw("env", "undo", "-p", "v", "--dry-run").ok()
    assert " - lib==1.0" in ran.err
    assert frozen(cw) == ["lib==1.0"]


@pytest.mark.parametrize("mode", ["copy", "fold"])
def test_a_moved_environment_is_told_and_mended(cw, mode):
    cw("pip", "install", "-p", "v", "--link-mode", mode, "lib").ok()
    os.rename(cw.path("v"), cw.path("moved here"))
    assert "where this environment was once" in cw("pip", "check", "-p", "moved here").failed(1).err
    cw("env", "relocate", "-p", "moved here", "--link-mode", mode).ok()
    cw("pip", "check", "-p", "moved here").ok()
    done = subprocess.run([cw.path("moved here", "bin", "lib")], capture_output=True, text=True, check=False)
    assert done.stdout == "lib\n"
