"""What one user took from an index without checking who answered is not served to others who check, by whatever store they share."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from kit.index_server import Authority, IndexServer
from kit.wheels import wheel_bytes, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.commons import Commons

pytestmark = [pytest.mark.root, pytest.mark.alone]

NAME = wheel_filename("lib", "1.0")
LONG = {"cache-control": "max-age=36000"}
_numbers = itertools.count()


class Team:
    """Alice, who checks nothing, and Bob, who does, with one store of their group."""

    def __init__(self, here: Commons, bundle: str) -> None:
        self.here, self.bundle = here, bundle
        number = next(_numbers)
        self.store = here.share(os.path.join(here.directory(f"unchecked {number}"), "store"))
        self.sites = {
            name: here.environment(name, os.path.join(here[name].home, f"unchecked {number}"))
            for name in ("alice", "bob")
        }

    def install(self, name: str, *words: str) -> str:
        """Install `lib` into this person's environment, and return who made what is there."""
        place = os.path.dirname(os.path.dirname(os.path.dirname(self.sites[name])))
        given = ("--cache-dir", self.store, "pip", "install", "--reinstall", "-p", place, *words)
        self.here.at(name)(*given).ok()
        with open(os.path.join(self.sites[name], "lib.py"), encoding="utf-8") as file:
            return file.read().split("'")[1]


def serve(index: IndexServer, who: str) -> None:
    index.files.clear()
    index.add(NAME, wheel_bytes("lib", "1.0", {"lib.py": f"who = {who!r}\n"}))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def team(here: Commons, authority: Authority) -> Team:
    directory = here.directory(f"certificates {next(_numbers)}")
    bundle = authority.bundle(directory)
    os.chmod(bundle, 0o644)
    return Team(here, bundle)


@pytest.fixture
def index(authority: Authority) -> Iterator[IndexServer]:
    with IndexServer(authority=authority) as server:
        server.page_headers = server.file_headers = LONG
        yield server


@pytest.mark.parametrize("way", ["page", "pointer", "address"])
def test_what_a_member_took_unchecked_reaches_no_member_who_checks(team: Team, index: IndexServer, way: str) -> None:
    index.hashes = index.metadata_hashes = way == "page"
    words = ("-i", index.url, "lib") if way != "address" else ("--no-index", f"lib @ {index.root}/files/lib/{NAME}")
    serve(index, "impostor")
    assert team.install("alice", "--allow-insecure-host", index.host, *words) == "impostor"
    serve(index, "friend")
    assert team.install("bob", "--cert", team.bundle, *words) == "friend"


def test_what_a_member_checked_serves_the_others(team: Team, index: IndexServer) -> None:
    serve(index, "friend")
    words = ("--cert", team.bundle, "-i", index.url, "lib")
    assert team.install("alice", *words) == "friend"
    before = len(index.log)
    assert team.install("bob", *words) == "friend"
    assert len(index.log) == before


def test_plain_http_is_remembered_for_each_alone_and_its_wheels_for_all(team: Team) -> None:
    """An address of all interfaces stands for another machine: it is none of the loopback's."""
    with IndexServer(address="0.0.0.0") as index:
        index.page_headers = LONG
        serve(index, "impostor")
        assert team.install("alice", "-i", index.url, "lib") == "impostor"
        asked = len(index.log)
        assert team.install("alice", "-i", index.url, "lib") == "impostor"
        assert len(index.log) == asked
        wheels = len(index.seen(f"/files/lib/{NAME}"))
        assert team.install("bob", "-i", index.url, "lib") == "impostor"
        assert len(index.seen("/simple/lib/")) == 2
        assert len(index.seen(f"/files/lib/{NAME}")) == wheels
        serve(index, "friend")
        assert team.install("bob", "--refresh", "-i", index.url, "lib") == "friend"
        assert team.install("alice", "-i", index.url, "lib") == "impostor"
