"""What another user leaves in and above a project: workspaces, locks, environments, journals. Nobody obeys it."""

import json
import os
from pathlib import Path

import pytest

from commonwheel.specs.sha256 import sha256_of
from kit.commons import Commons
from kit.shells import Ran

pytestmark = [pytest.mark.root, pytest.mark.alone]

PROJECT = '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = []\n'
EVIL = '[tool.uv.workspace]\nmembers = ["*"]\n[tool.uv]\noverride-dependencies = ["evil"]\n'


class Place:
    """Bob's project in a directory that is open to all, as `/tmp` is."""

    def __init__(self, here: Commons, *, shared: bool = False) -> None:
        self.here = here
        self.above = here.directory(f"open-{os.urandom(4).hex()}")
        os.chmod(self.above, 0o1777)
        self.work = os.path.join(self.above, "demo")
        os.mkdir(self.work)
        os.chown(self.work, here["bob"].uid, here["bob"].gid)
        if shared:
            os.chmod(self.work, 0o1777)
        self.plant("pyproject.toml", PROJECT, by="bob", where=self.work)

    def plant(self, name: str, text: str, by: str = "mallory", where: str = "") -> str:
        path = os.path.join(where or self.above, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_text(text)
        os.chown(path, self.here[by].uid, self.here[by].gid)
        return path

    def __call__(self, *words: str, **env: str) -> Ran:
        return self.here.at("bob")(*words, cwd=self.work, env=env)

    def text(self, name: str) -> str:
        path = os.path.join(self.work, name)
        return Path(path).read_text() if os.path.exists(path) else ""


def test_workspace_of_another_user_above_is_ignored(here: Commons) -> None:
    place = Place(here)
    path = place.plant("pyproject.toml", EVIL)
    ran = place("lock").ok()
    assert any(f"`{path}`" in warning for warning in ran.warnings)
    assert "evil" not in place.text("uv.lock")
    assert not os.path.exists(os.path.join(place.above, "uv.lock"))


def test_lock_of_another_user_is_neither_used_nor_replaced(here: Commons) -> None:
    place = Place(here, shared=True)
    path = place.plant("uv.lock", 'version = 1\nrequires-python = ">=3.9"\n', where=place.work)
    for words in (("lock",), ("sync",), ("lock", "--check"), ("sync", "--frozen")):
        ran = place(*words)
        assert ran.code == 2
        assert f"`{path}`" in ran.err
    assert place.text("uv.lock") == 'version = 1\nrequires-python = ">=3.9"\n'


def test_environment_of_another_user_is_not_used(here: Commons) -> None:
    place = Place(here, shared=True)
    place.plant(".venv/bin/python", "#!/bin/sh\ntouch /tmp/evil-was-here\n", where=place.work)
    os.chmod(os.path.join(place.work, ".venv/bin/python"), 0o755)
    for folder in (".venv", ".venv/bin"):
        os.chown(os.path.join(place.work, folder), here["mallory"].uid, here["mallory"].gid)
    for words in (("sync",), ("run", "true")):
        ran = place(*words)
        assert ran.code == 2
        assert "do not count" in ran.err
    assert not os.path.exists("/tmp/evil-was-here")


def test_journal_of_another_user_moves_nothing(here: Commons) -> None:
    place = Place(here, shared=True)
    body = json.dumps([[["pyproject.toml", "evil = 1\n", PROJECT]], "", 0, "cw add evil"])
    journal = json.dumps({"format": 1, "sum": sha256_of(body.encode()), "change": body})
    path = place.plant(".cw-change", journal, where=place.work)
    ran = place("lock")
    assert any(f"`{path}`" in warning for warning in ran.warnings)
    assert place.text("pyproject.toml") == PROJECT


@pytest.mark.parametrize("path", ["../outside", "/etc/motd", "a/../../outside"])
def test_journal_writes_nothing_outside_of_the_project(here: Commons, path: str) -> None:
    place = Place(here)
    body = json.dumps([[[path, "evil\n", None]], "", 0, "cw add evil"])
    journal = json.dumps({"format": 1, "sum": sha256_of(body.encode()), "change": body})
    place.plant(".cw-change", journal, by="bob", where=place.work)
    place("lock").ok()
    assert not os.path.exists(os.path.join(place.above, "outside"))
    assert not os.path.exists(os.path.join(place.work, ".cw-change"))


@pytest.mark.parametrize("name", ["uv.lock", ".python-version", ".cw-change"])
def test_named_pipe_does_not_block(here: Commons, name: str) -> None:
    place = Place(here)
    os.mkfifo(os.path.join(place.work, name))
    ran = place("lock")
    assert "Traceback" not in ran.err
