"""The users of the kit are real, and gone afterwards."""

import os
import pwd
import subprocess

import pytest

from kit.users import team_of, user_python, users

pytestmark = pytest.mark.root


def test_users_exist_and_are_removed() -> None:
    with users("alice", "bob", "carol", group="team", members=("alice", "bob")) as (alice, bob, carol):
        assert pwd.getpwnam(alice.name).pw_uid == alice.uid
        assert len({alice.uid, bob.uid, carol.uid}) == 3
        team = team_of(alice, bob)
        assert team not in carol.groups
        assert alice.run(["id", "-u"]).ok() == f"{alice.uid}\n"
        assert set(map(int, alice.run(["id", "-G"]).ok().split())) == {alice.gid, team}
        assert alice.run(["sh", "-c", "umask; echo $HOME; pwd"], umask=0o027).ok().split() == [
            "0027",
            alice.home,
            alice.home,
        ]
        assert alice.run(["cat"], stdin="words").ok() == "words"
        left_running = alice.spawn(["sleep", "1000"])
    with pytest.raises(KeyError):
        pwd.getpwnam(alice.name)
    assert left_running.wait() == -9
    for pipe in (left_running.stdin, left_running.stdout, left_running.stderr):
        assert pipe is not None
        pipe.close()
    assert not os.path.exists(alice.home)


def test_failing_command_shows_its_output() -> None:
    with users("alice") as (alice,), pytest.raises(AssertionError, match="because"):
        alice.run(["sh", "-c", "echo because >&2; exit 3"]).ok()


def test_users_import_the_project_and_only_root_writes_it() -> None:
    code = (
        "import os, packaging, pycurl, isal, tomlkit, rich, pyproject_hooks, kit.faultfs, commonwheel.fs.disk as disk\n"
        "print(os.access(disk.__file__, os.R_OK), os.access(disk.__file__, os.W_OK), os.environ['USER'])"
    )
    with users("alice") as (alice,):
        assert alice.python(code).ok() == f"True False {alice.name}\n"


def test_interpreter_of_users_has_our_version() -> None:
    asked = subprocess.run(
        [user_python(), "--version"], capture_output=True, text=True, check=True, user=65534, cwd="/"
    )
    assert asked.stdout.startswith("Python 3.")
