"""Stores made on purpose: the right modes, whatever the umask; found out what works; and the others can really use them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from commonwheel.errors import UsageError
from commonwheel.store import layout
from commonwheel.store.init import StoreError, check, create
from commonwheel.store.layers import Layer
from commonwheel.store.policy import GROUP, PRIVATE, PUBLISH, Policy
from commonwheel.store.trust import Trust
from kit.mounts import image, tmpfs
from kit.stores import admit, demo_wheel, everything_below, leftovers, open_store
from kit.users import team_of, users
from kit.wheels import sha256_of

if TYPE_CHECKING:
    from commonwheel.store.init import Check


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {found.what: found for found in checks}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize(("sharing", "mode"), [(PRIVATE, 0o700), (PUBLISH, 0o755)])
def test_modes_follow_the_policy(place: str, umask: int, sharing: str, mode: int) -> None:
    root = os.path.join(place, "new", "store")
    before = os.umask(umask)
    try:
        checks = create(root, Policy(sharing, link_mode="fold", max_size=1 << 30))
    finally:
        os.umask(before)
    assert mode_of(root) == mode_of(f"{root}/v1") == mode_of(f"{root}/v1/entries") == mode
    layer = Layer(root, Trust())
    assert layer.sharing == sharing
    assert (layer.policy.link_mode, layer.policy.max_size) == ("fold", 1 << 30)
    assert layer.mine is (sharing == PRIVATE)
    assert layer.keeps_archives is (sharing == PUBLISH)
    found = by_name(checks)
    assert all(one.works for one in checks if one.needed), checks
    assert found["publishing"].works
    assert leftovers(root) == []
    assert admit(open_store(root), demo_wheel(place)).name == "demo"
    # again, with another recommendation: fine
    create(root, Policy(sharing, link_mode="copy"))
    assert Layer(root, Trust()).policy.link_mode == "copy"


def test_non_store_directory_is_refused(place: str) -> None:
    with open(os.path.join(place, "letter.txt"), "w"):
        pass
    with pytest.raises(StoreError, match="not empty"):
        create(place, Policy(PRIVATE))
    assert os.listdir(place) == ["letter.txt"]
    with pytest.raises(StoreError, match="cannot be made a store"):
        create(os.path.join(place, "letter.txt"), Policy(PRIVATE))


def test_sharing_of_an_existing_store_is_fixed(place: str) -> None:
    root = os.path.join(place, "s")
    create(root, Policy(PUBLISH))
    with pytest.raises(StoreError, match="shared as `publish`"):
        create(root, Policy(PRIVATE))
    used = os.path.join(place, "used")
    admit(open_store(used), demo_wheel(place))
    with pytest.raises(StoreError, match="in use as it is"):
        create(used, Policy(PRIVATE))
    create(used, Policy(PUBLISH))


def test_contradictory_options_are_refused(place: str) -> None:
    with pytest.raises(UsageError, match="shared as one of"):
        create(place, Policy("everybody"))
    with pytest.raises(UsageError, match="no group"):
        create(place, Policy(GROUP, "no-such-group-at-all"))


@pytest.mark.root
def test_group_store_works_for_members_only(place: str) -> None:
    """Umask 022, 002 and 077, in any order, adding and using."""
    with users("alice", "bob", "eve", group="team", members=["alice", "bob"]) as (alice, bob, eve):
        root = os.path.join(alice.home, "team store")
        os.chmod(alice.home, 0o755)
        make = (
            "import sys; from commonwheel.store.init import *\n"
            "print([c.what for c in create(sys.argv[1], Policy('group', sys.argv[2])) if c.needed and not c.works])"
        )
        group = str(team_of(alice, bob))
        assert "not a member" in eve.python(make, os.path.join(eve.home, "s"), group).err
        assert alice.python(make, root, group, umask=0o077).ok() == "[]\n"
        for directory in ("", "v1", "v1/entries"):
            assert mode_of(f"{root}/{directory}") == 0o2770
            assert os.lstat(f"{root}/{directory}").st_gid == int(group)
        wheels = [demo_wheel(os.path.join(place, "w"), f"demo{number}") for number in range(3)]
        add = "import sys; from kit.stores import *\nfor path in sys.argv[2:]: print(admit(open_store(sys.argv[1], trust=['@GROUP']), path).mine)".replace(
            "GROUP", group
        )
        assert bob.python(add, root, *wheels[:2], umask=0o077).ok() == "True\nTrue\n"
        assert alice.python(add, root, *wheels, umask=0o002).ok() == "False\nFalse\nTrue\n"
        assert (
            "Permission denied" in eve.python(add, root, *wheels).err or "NoLayer" in eve.python(add, root, *wheels).err
        )
        for path in everything_below(root):
            assert os.lstat(f"{root}/{path}").st_gid == int(group), path
            assert not mode_of(f"{root}/{path}") & 0o002, path


@pytest.mark.root
def test_impassable_parent_directory_is_named_with_a_remedy(place: str) -> None:
    closed = os.path.join(place, "closed")
    os.mkdir(closed, 0o700)
    root = os.path.join(closed, "s")
    found = [one for one in create(root, Policy(PUBLISH)) if not one.works and one.needed]
    assert [(one.what, one.hint) for one in found] == [("reach", f"chmod o+x '{closed}'")]
    with users("alice", group="team") as (alice,):
        group = str(team_of(alice))
        (reach,) = [one for one in create(os.path.join(closed, "g"), Policy(GROUP, group)) if one.what == "reach"]
        assert "chmod g+x" in reach.hint
        os.chown(closed, 0, int(group))
        os.chmod(closed, 0o710)
        (reach,) = [one for one in create(os.path.join(closed, "g"), Policy(GROUP, group)) if one.what == "reach"]
        assert reach.works


@pytest.mark.root
def test_existing_directory_is_left_unchanged(place: str) -> None:
    with users("alice", group="team") as (alice,):
        root = os.path.join(place, "s")
        os.mkdir(root, 0o755)
        create(root, Policy(GROUP, str(team_of(alice))))
        assert mode_of(root) == 0o755
        assert os.lstat(root).st_gid == 0
        assert mode_of(f"{root}/v1") == 0o2770
        wheel = demo_wheel(os.path.join(place, "w"))
        add = "import sys; from kit.stores import *; print(admit(open_store(sys.argv[1]), sys.argv[2]).mine)"
        assert alice.python(add, root, wheel).ok() == "True\n"
        assert os.lstat(os.path.join(root, layout.entry(sha256_of(wheel)))).st_gid == team_of(alice)


@pytest.mark.root
def test_published_store_is_read_by_users_who_trust_its_owner(place: str) -> None:
    with users("builder", "alice", "bob") as (builder, alice, bob):
        root, wheel = os.path.join(builder.home, "published"), demo_wheel(os.path.join(place, "w"))
        make = (
            "import sys; from commonwheel.store.init import *; from kit.stores import *\n"
            "create(sys.argv[1], Policy('publish')); admit(open_store(sys.argv[1]), sys.argv[2])"
        )
        builder.python(make, root, wheel, umask=0o077).ok()
        find = (
            "import sys; from kit.stores import *; from commonwheel.store.trust import Trust\n"
            "store = open_store(*sys.argv[3:], trust=sys.argv[2].split()); entry = store.find(sys.argv[1]); print(entry and entry.mine)\n"
            "print(store.layers[0].refusal)"
        )
        digest = sha256_of(wheel)
        refusal = f"it belongs to {builder.name}\n"
        assert alice.python(find, digest, builder.name, root).ok() == f"False\n{refusal}"
        assert bob.python(find, digest, "", root).ok() == f"None\n{refusal}"
        # the wheel saves bob the download all the same
        add = (
            "import sys; from kit.stores import *\n"
            "entry = open_store(*sys.argv[2:]).admit(None, filename='demo-1.0-py3-none-any.whl', expected=(Digest('sha256', sys.argv[1]),))\n"
            "print(entry.mine)"
        )
        assert bob.python(add, digest, root, os.path.join(bob.home, "own")).ok() == "True\n"


@pytest.mark.root
@pytest.mark.parametrize(("kind", "reflinks"), [("ext4", False), ("xfs", True), ("btrfs", True)])
def test_file_system_features_are_tested(place: str, kind: str, reflinks: bool) -> None:
    with image(os.path.join(place, kind), kind) as mounted:
        found = by_name(create(os.path.join(mounted, "s"), Policy(PUBLISH)))
        assert found["file system"].detail.startswith(kind)
        assert found["reflinks"].works is reflinks
        for what in ("adding", "modes", "times", "hard links", "symbolic links", "publishing", "locks"):
            assert found[what].works, what


@pytest.mark.root
def test_refusing_store_has_a_reason(place: str) -> None:
    with tmpfs(os.path.join(place, "small"), "256k") as small:
        root = os.path.join(small, "s")
        create(root, Policy(PUBLISH))
        with open(os.path.join(small, "full"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        found = by_name(check(Layer(root, Trust())))
        assert not found["adding"].works
        assert "full" in found["adding"].hint
    read_only = Layer(os.path.join(place), Trust(), read_only=True)
    assert by_name(check(read_only))["adding"].detail == "it is set to be read only"
