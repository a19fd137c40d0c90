"""What a user leaves above the directories of others: configuration, environments, versions, pipes. Nobody obeys it.

The directory above is open to all, as `/tmp` is. Below it, bob or root works in a directory of their own.
"""

import os
from pathlib import Path

import pytest

from kit.commons import Commons
from kit.shells import Ran
from kit.users import user_python

pytestmark = [pytest.mark.root, pytest.mark.alone]

COMMANDS = [("pip", "list"), ("pip", "freeze"), ("venv", "fresh", "--clear"), ("config",), ("python", "find")]
WHO = ["root", "bob"]
join = " ".join


class Place:
    """A directory that is open to all, and one of the user's in it."""

    def __init__(self, here: Commons, who: str) -> None:
        self.here = here
        self.who = who
        self.above = here.directory(f"open-{os.urandom(4).hex()}")
        os.chmod(self.above, 0o1777)
        self.work = os.path.join(self.above, "work")
        os.mkdir(self.work)
        self.name = here["mallory"].name
        if who != "root":
            os.chown(self.work, here[who].uid, here[who].gid)

    def plant(self, name: str, text: str, by: str = "mallory", where: str = "") -> str:
        path = os.path.join(where or self.above, name)
        Path(path).write_text(text)
        os.chown(path, self.here[by].uid if by != "root" else 0, self.here[by].gid if by != "root" else 0)
        return path

    def __call__(self, *words: str, **env: str) -> Ran:
        return self.here.at(self.who)(*words, cwd=self.work, env=env)


@pytest.fixture(params=WHO)
def place(here: Commons, request: pytest.FixtureRequest) -> Place:
    return Place(here, request.param)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cw.toml", 'index-url = "http://evil.example/"'),
        ("uv.toml", 'index-url = "http://evil.example/"'),
        ("pyproject.toml", '[tool.cw]\nindex-url = "http://evil.example/"'),
    ],
)
def test_foreign_configuration_is_ignored_with_one_warning(place: Place, name: str, text: str) -> None:
    path = place.plant(name, text)
    ran = place("config", "index-url").ok()
    assert "evil" not in ran.out
    (warning,) = ran.warnings
    assert f"`{path}`" in warning
    assert place.name in warning
    assert f"--trust {place.name}" in warning
    # who is trusted is obeyed, by the command line or a variable
    assert "evil" in place("config", "index-url", "--trust", place.name).ok().out
    assert "evil" in place("config", "index-url", CW_TRUST=place.name).ok().out


def test_broken_or_empty_foreign_file_is_ignored(place: Place) -> None:
    place.plant("pyproject.toml", "[project]\nname = 'x'\n")
    assert place("config").ok().warnings == []
    place.plant("cw.toml", "[[[[")
    assert len(place("config").ok().warnings) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=join)
@pytest.mark.parametrize("name", ["cw.toml", "uv.toml", "pyproject.toml", ".python-version", ".venv", "pyvenv.cfg"])
def test_named_pipe_does_not_block(here: Commons, command: tuple[str, ...], name: str) -> None:
    place = Place(here, "root")
    os.mkfifo(os.path.join(place.above, name))
    os.mkfifo(os.path.join(place.work, name))
    ran = place(*command)
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("text", ["3.99\n", "evil\n"])
def test_foreign_python_version_file_is_ignored(place: Place, text: str) -> None:
    path = place.plant(".python-version", text)
    ran = place("venv", "fresh").ok()
    assert f"`{path}`" in ran.err
    own = place.plant(".python-version", text, by="root")
    assert place("venv", "fresh", "--clear").code != 0
    os.unlink(own)


def test_foreign_interpreter_is_never_run(place: Place) -> None:
    """By each way in which an environment is found: a directory, a link, a file that names one, an environment around."""
    here = place.here
    marker = os.path.join(here["mallory"].home, f"ran-{os.urandom(3).hex()}")
    evil = os.path.join(here["mallory"].home, f"evil-{os.urandom(3).hex()}")
    here.at("mallory")("venv", "-p", user_python(), evil).ok()
    os.unlink(f"{evil}/bin/python")
    place.plant("python", f'#!/bin/sh\ntouch {marker}\nexec {user_python()} "$@"\n', where=f"{evil}/bin")
    os.chmod(f"{evil}/bin/python", 0o755)
    os.chmod(here["mallory"].home, 0o777)

    def tried() -> None:
        for words in (("pip", "list"), ("pip", "freeze"), ("pip", "check"), ("pip", "uninstall", "x")):
            ran = place(*words)
            assert not os.path.exists(marker)
            assert place.name in ran.err

    venv = os.path.join(place.above, ".venv")
    os.symlink(evil, venv)
    os.chown(venv, here["mallory"].uid, here["mallory"].gid, follow_symlinks=False)
    tried()
    os.unlink(venv)
    place.plant(".venv", evil)
    tried()
    os.unlink(venv)
    os.rename(evil, venv)
    tried()
    # what lies in a directory of root's, and is another's all the same
    os.chown(venv, 0, 0)
    tried()
    os.chown(f"{venv}/bin", 0, 0)
    tried()
    # an environment that everybody may write
    os.chown(f"{venv}/bin/python", 0, 0)
    os.chmod(f"{venv}/bin", 0o777)
    ran = place("pip", "list")
    assert "everybody may change it" in ran.err
    assert not os.path.exists(marker)
    os.rename(venv, os.path.join(place.above, "aside"))
    place.plant("pyvenv.cfg", "home = /usr/bin\n")
    os.mkdir(os.path.join(place.above, "bin"))
    os.rename(os.path.join(place.above, "aside", "bin", "python"), os.path.join(place.above, "bin", "python"))
    tried()


def test_environment_named_by_the_user_is_accepted(place: Place) -> None:
    here = place.here
    path = os.path.join(place.above, "named")
    here.at("mallory")("venv", "-p", user_python(), path).ok()
    for ran in (
        place("pip", "list", VIRTUAL_ENV=path),
        place("pip", "list", CONDA_PREFIX=path),
        place("pip", "list", "-p", path),
    ):
        assert ran.ok().warnings == []


def test_own_files_and_files_of_the_directory_owner_count(place: Place) -> None:
    here = place.here
    home = os.path.join(here["alice"].home, f"project-{os.urandom(3).hex()}")
    inner = os.path.join(home, "src", "inner")
    here.at("alice").program("mkdir", "-p", inner)
    place.plant("cw.toml", 'index-url = "http://alice.example/"', by="alice", where=home)
    here.at("alice")("venv", "-p", user_python(), os.path.join(home, ".venv")).ok()
    ran = here.at(place.who)("config", "index-url", cwd=inner).ok()
    assert "alice.example" in ran.out
    assert ran.warnings == []
    assert home in here.at(place.who)("pip", "list", "-v", cwd=inner).ok().err


def test_own_symlink_counts(place: Place) -> None:
    here = place.here
    me = place.who
    real = place.plant("elsewhere.toml", 'index-url = "http://mine.example/"', by=me, where=place.work)
    for name, target in (
        ("cw.toml", real),
        (".venv", os.path.join(here["alice"].home, f"named-{os.urandom(3).hex()}")),
    ):
        os.symlink(target, os.path.join(place.work, name))
        if me != "root":
            os.chown(os.path.join(place.work, name), here[me].uid, here[me].gid, follow_symlinks=False)
    here.at("alice")("venv", "-p", user_python(), os.readlink(os.path.join(place.work, ".venv"))).ok()
    ran = place("config", "index-url").ok()
    assert "mine.example" in ran.out
    assert ran.warnings == []
    assert place("pip", "list").ok().warnings == []


def test_own_symlink_to_a_foreign_file_is_ignored(here: Commons) -> None:
    place = Place(here, "root")
    os.symlink(place.plant("theirs.toml", 'index-url = "http://evil.example/"'), os.path.join(place.work, "cw.toml"))
    ran = place("config", "index-url").ok()
    assert "evil" not in ran.out
    assert place.name in ran.warnings[0]


def test_group_writable_project_is_reported_with_a_fix(here: Commons) -> None:
    place = Place(here, "bob")
    path = place.plant("cw.toml", 'index-url = "http://b.example/"', by="bob", where=place.work)
    os.chown(path, here["bob"].uid, here.group)
    os.chmod(path, 0o664)
    ran = place("config", "index-url").ok()
    assert "b.example" not in ran.out
    assert f"chmod go-w '{path}'" in ran.warnings[0]


@pytest.mark.parametrize(
    "key", ["trust", "layers", "cache-dir", "allow-insecure-host", "no-verify-hashes", "no-verify-record"]
)
def test_own_project_decides_no_personal_settings(here: Commons, key: str) -> None:
    place = Place(here, "bob")
    value = "true" if key.startswith("no-") else '"/evil"' if key == "cache-dir" else '["evil"]'
    path = place.plant("cw.toml", f"{key} = {value}\n", by="bob", where=place.work)
    ran = place("config", key).ok()
    assert "evil" not in ran.out
    assert "true" not in ran.out.lower()
    (warning,) = ran.warnings
    assert f"`{key}` in `{path}` is ignored" in warning


def test_configuration_in_another_home_does_not_apply_to_root(here: Commons) -> None:
    """What `sudo -E` leaves in HOME."""
    home = here["mallory"].home
    os.makedirs(f"{home}/.config/cw", exist_ok=True)
    path = os.path.join(home, ".config", "cw", "cw.toml")
    Path(path).write_text('index-url = "http://evil.example/"\ntrust = ["mallory"]')
    for one in (path, os.path.dirname(path)):
        os.chown(one, here["mallory"].uid, here["mallory"].gid)
    try:
        ran = here.at("root")("config", env={"HOME": home}).ok()
        assert "evil" not in ran.out
        assert here["mallory"].name in ran.warnings[0]
        assert "evil" in here.at("mallory")("config").ok().out
    finally:
        os.unlink(path)
