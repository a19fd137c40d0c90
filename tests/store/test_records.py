"""What layers remember: records and pointers."""

from __future__ import annotations

import os

import pytest

from commonwheel.store import layout
from commonwheel.store.layers import Layer
from commonwheel.store.store import Store
from commonwheel.store.trust import Trust
from kit.stores import everything_below, open_store
from kit.users import team_of, users


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


def test_newest_record_wins(place: str) -> None:
    first, second = os.path.join(place, "1"), os.path.join(place, "2")
    assert open_store(second).put("pages", "index/demo", b"old")
    os.utime(os.path.join(second, "v1/pages/index/demo"), (1000, 1000))
    store = open_store(first, second)
    assert store.get("pages", "index/demo") == b"old"
    assert store.put("pages", "index/demo", b"new")
    assert store.get("pages", "index/demo") == b"new"
    assert store.get("pages", "index/other") is None
    # the other way round: what a read-only layer has is renewed in a later one
    os.utime(os.path.join(first, "v1/pages/index/demo"), (500, 500))
    store = open_store(first, second, read_only=[first])
    assert store.get("pages", "index/demo") == b"old"
    assert store.put("pages", "index/demo", b"newest")
    assert open_store(first, second).get("pages", "index/demo") == b"newest"


@pytest.mark.root
def test_machine_facts_stay_in_the_personal_store(place: str) -> None:
    with users("alice", "bob", group="team") as (alice, bob):
        shared = os.path.join(place, "shared")
        os.mkdir(shared)
        os.chown(shared, 0, team_of(alice, bob))
        os.chmod(shared, 0o2770)
        put = (
            "import sys; from kit.stores import open_store; store = open_store(*sys.argv[1:])\n"
            "print(store.put('interpreters', 'x', b'1'), store.put('pages', 'x', b'1'))"
        )
        assert alice.python(put, shared, f"{alice.home}/mine").ok() == "True True\n"
        assert sorted(name for name in everything_below(shared) if name.endswith("/x")) == ["v1/pages/x"]
        assert os.path.exists(f"{alice.home}/mine/v1/interpreters/x")


def test_temporary_store_has_no_records(place: str) -> None:
    passing = os.path.join(place, "passing")
    url = "https://index.example/demo-1.0-py3-none-any.whl"
    before = open_store(passing)
    assert before.put("pages", "index/demo", b"data")
    assert before.point(url, "ab" * 32)
    store = Store((Layer(passing, Trust(), temporary=True),))
    assert store.get("pages", "index/demo") is None
    assert store.stamp("pages", "index/demo") == ""
    assert store.pointer(url) is None
    assert not store.put("pages", "index/other", b"data")
    assert not store.point(url, "cd" * 32)


def test_unknown_spaces_are_an_error(root: str) -> None:
    with pytest.raises(KeyError):
        open_store(root).get("no-such-space", "x")


def test_pointers_map_to_digests(root: str) -> None:
    store = open_store(root)
    url = "https://index.example/demo-1.0-py3-none-any.whl"
    assert store.pointer(url) is None
    assert store.point(url, "ab" * 32)
    assert open_store(root).pointer(url) == "ab" * 32
    assert open_store(root).pointer(url + "x") is None
    path = os.path.join(root, layout.pointer(url))
    with open(path, "ab") as file:
        file.write(b"more")
    assert open_store(root).pointer(url) is None


@pytest.mark.root
def test_records_of_untrusted_users_are_ignored(place: str) -> None:
    with users("alice", "eve") as (alice, eve):
        root = os.path.join(place, "open")
        os.mkdir(root)
        os.chmod(root, 0o1777)
        os.makedirs(os.path.join(root, "v1"))
        os.chmod(os.path.join(root, "v1"), 0o1777)
        lend = (
            "import os, sys; from kit.stores import *; from commonwheel.store import layout; from commonwheel.store.sealed_records import *\n"
            "root = sys.argv[1]\n"
            "for path, data in ((layout.record('pages', 'i/demo'), b'evil'), (layout.pointer('url'), seal('pointer', ['url', 'ab'*32]))):\n"
            "    os.makedirs(os.path.dirname(f'{root}/{path}'), exist_ok=True); open(f'{root}/{path}', 'wb').write(data)\n"
        )
        eve.python(lend, root).ok()
        ask = "import sys; from kit.stores import *; s = open_store(*sys.argv[1:]); print(s.get('pages', 'i/demo'), s.pointer('url'))"
        assert eve.python(ask, root).ok() == f"b'evil' {'ab' * 32}\n"
        assert alice.python(ask, root).ok() == "None None\n"


def test_space_exists_after_the_first_record(root: str) -> None:
    records = open_store(root)
    assert not records.knows("answers")
    assert records.put("pages", "simple/numpy", b"one")
    assert (records.knows("pages"), records.knows("answers")) == (True, False)
