"""Which users to trust: decided from numbers and modes, with real users where membership counts."""

import os
import stat

import pytest

from commonwheel.store.trust import Trust, user_id
from kit.users import team_of, users

STRANGER = 54_321


def facts(mode: int, uid: int | None = None, gid: int = 77, kind: int = stat.S_IFDIR) -> os.stat_result:
    return os.stat_result((kind | mode, 1, 1, 1, os.geteuid() if uid is None else uid, gid, 0, 0, 0, 0))


def test_own_root_and_named_users_are_trusted() -> None:
    trust = Trust(("54322", "no-such-user-at-all"))
    for uid in (os.geteuid(), 0, 54_322):
        assert trust.owner(uid)
    assert not trust.owner(STRANGER)
    assert Trust(("*",)).owner(STRANGER)
    assert trust.extended((str(STRANGER),)).owner(STRANGER)
    assert trust.extended((str(STRANGER),)).owner(54_322)


@pytest.mark.parametrize(
    ("mode", "uid", "believed"),
    [
        (0o755, None, True),
        (0o700, None, True),
        (0o775, None, False),
        (0o777, None, False),
        (0o1777, None, True),
        (0o1775, None, True),
        (0o755, STRANGER, False),
        (0o1777, STRANGER, False),
    ],
)
def test_directory_is_trusted_if_only_its_owner_can_write(mode: int, uid: int | None, believed: bool) -> None:
    assert (Trust().place(facts(mode, uid)) == "") is believed


@pytest.mark.parametrize(
    ("mode", "uid", "believed"),
    [(0o444, None, True), (0o644, None, True), (0o664, None, False), (0o666, None, False), (0o444, STRANGER, False)],
)
def test_file_is_trusted_if_only_its_owner_can_write(mode: int, uid: int | None, believed: bool) -> None:
    assert (Trust().file(facts(mode, uid, kind=stat.S_IFREG)) == "") is believed


def test_non_file_is_not_trusted() -> None:
    for kind in (stat.S_IFDIR, stat.S_IFIFO, stat.S_IFLNK):
        assert Trust().file(facts(0o444, kind=kind)) == "it is not a file"


@pytest.mark.root
def test_group_store_members_are_trusted_and_others_not() -> None:
    with users("alice", "bob", "eve", group="team", members=["alice", "bob"]) as (alice, bob, eve):
        team = team_of(alice, bob)
        trust = Trust()
        assert trust.owner(alice.uid, team)
        assert not trust.owner(alice.uid, None)
        assert not trust.owner(eve.uid, team)
        assert trust.place(facts(0o2770, alice.uid, team), team) == ""
        assert "not trusted" in trust.place(facts(0o2770, eve.uid, team), team)
        assert "may change it" in trust.place(facts(0o2777, alice.uid, team), team)
        assert "may change it" in trust.place(facts(0o2770, alice.uid, eve.gid), team)


@pytest.mark.root
def test_single_member_group_is_that_user() -> None:
    with users("alice") as (alice,):
        asked = "import os; from commonwheel.store.trust import Trust; print(repr(Trust().place(os.stat('.'))))"
        where = os.path.join(alice.home, "d")
        os.mkdir(where)
        os.chown(where, alice.uid, alice.gid)
        os.chmod(where, 0o775)
        assert alice.python(asked, cwd=where).ok() == "''\n"
        # Debian's group `users`: nobody is known to be in it, so anybody may be
        os.chown(where, alice.uid, 100)
        assert "may change it" in alice.python(asked, cwd=where).ok()


def test_users_by_name_or_number() -> None:
    assert user_id("root") == 0
    assert user_id("123") == 123
    assert user_id("no-such-user-at-all") is None
