"""What a layer is, what it trusts, what it accepts."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from commonwheel.fs import disk
from commonwheel.store import layers, layout
from commonwheel.store.layers import Layer, Refused, open_layers
from commonwheel.store.trust import Trust
from kit.stores import admit, demo_wheel, open_store
from kit.users import team_of, users

if TYPE_CHECKING:
    from pathlib import Path

    from kit.users import User

DIGEST = "ab5d" * 16


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_missing_store_is_empty_without_fault(tmp_path: Path) -> None:
    layer = Layer(str(tmp_path / "none"), Trust())
    assert (layer.exists, layer.fault, layer.refusal, layer.mine) == (False, "", "", True)
    assert layer.read("v1/pages/x") is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("umask", "root"), [(0o000, 0o755), (0o002, 0o755), (0o022, 0o755), (0o077, 0o700)])
def test_new_store_is_private_for_any_umask(tmp_path: Path, umask: int, root: int) -> None:
    before = os.umask(umask)
    try:
        layer = Layer(str(tmp_path / "with space" / "store"), Trust())
        layer.prepare(layout.shard(DIGEST))
        assert layer.write(layout.record("pages", "a/b"), b"data")
    finally:
        os.umask(before)
    assert mode_of(layer.root) == root
    assert mode_of(layer.path(layout.shard(DIGEST))) == 0o755
    assert mode_of(layer.path("v1/pages/a/b")) == 0o644
    assert (
        (tmp_path / "with space/store/CACHEDIR.TAG")
        .read_bytes()
        .startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    )
    assert layer.read("v1/pages/a/b") == b"data"
    assert layer.mine
    assert not layer.keeps_archives


def test_read_only_layer_refuses_entries(tmp_path: Path) -> None:
    layer = Layer(str(tmp_path), Trust(), read_only=True)
    assert not layer.write("v1/pages/a", b"x")
    with pytest.raises(Refused, match="read only"):
        layer.prepare("v1")
    assert os.listdir(tmp_path) == []


def test_symlinks_inside_a_store_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/pages").mkdir(parents=True)
    (tmp_path / "elsewhere/pages/a").write_bytes(b"x")
    (tmp_path / "store").mkdir()
    (tmp_path / "store/v1").symlink_to(tmp_path / "elsewhere")
    assert Layer(str(tmp_path / "store"), Trust()).read("v1/pages/a") is None
    (tmp_path / "store/v1").unlink()
    (tmp_path / "store/v1/pages").mkdir(parents=True)
    (tmp_path / "store/v1/pages/a").symlink_to(tmp_path / "elsewhere/pages/a")
    assert Layer(str(tmp_path / "store"), Trust()).read("v1/pages/a") is None
    # the root itself is what the user named, and may be a link
    (tmp_path / "link").symlink_to(tmp_path / "store")
    (tmp_path / "store/v1/pages/b").write_bytes(b"y")
    assert Layer(str(tmp_path / "link"), Trust()).read("v1/pages/b") == b"y"


def test_nothing_is_written_through_symlinks_in_a_store(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "store/v1").mkdir(parents=True)
    (tmp_path / "store/v1/pages").symlink_to(tmp_path / "mine")
    layer = Layer(str(tmp_path / "store"), Trust())
    with pytest.raises(Refused, match="not a directory of the store"):
        layer.prepare("v1/pages")
    assert not layer.write("v1/pages/a", b"x")
    assert os.listdir(tmp_path / "mine") == []


def test_nothing_is_written_where_other_users_can_write(tmp_path: Path) -> None:
    layer = Layer(str(tmp_path / "store"), Trust())
    layer.prepare("v1/pages")
    (tmp_path / "store/v1/pages").chmod(0o777)
    with pytest.raises(Refused, match="everybody may change it"):
        layer.prepare("v1/pages")


def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "v1/pages").mkdir(parents=True)
    os.mkfifo(tmp_path / "v1/pages/a")
    layer = Layer(str(tmp_path), Trust())
    assert layer.read("v1/pages/a") is None
    assert layer.read_newer("v1/pages/a", None) is None
    assert any("not a file" in note for note in layer.notes)


def test_files_writable_by_others_are_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "v1/pages").mkdir(parents=True)
    (tmp_path / "v1/pages/a").write_bytes(b"x")
    (tmp_path / "v1/pages/a").chmod(0o666)
    layer = Layer(str(tmp_path), Trust())
    assert layer.read("v1/pages/a") is None
    (tmp_path / "v1/pages/a").chmod(0o644)
    assert layer.read("v1/pages/a") == b"x"
    (tmp_path / "v1").chmod(0o777)
    assert Layer(str(tmp_path), Trust()).read("v1/pages/a") is None


def test_newer_of_two_records_wins(tmp_path: Path) -> None:
    layer = Layer(str(tmp_path), Trust())
    layer.write("v1/pages/a", b"x")
    os.utime(tmp_path / "v1/pages/a", (1000, 1000))
    assert layer.read_newer("v1/pages/a", None) == (1000.0, b"x")
    assert layer.read_newer("v1/pages/a", 999.0) == (1000.0, b"x")
    assert layer.read_newer("v1/pages/a", 1000.0) is None


def test_store_of_another_format_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "store.toml").write_text('sharing = "everyone"\n')
    layer = Layer(str(tmp_path), Trust())
    assert "cannot be followed" in layer.fault
    assert layer.read("v1/pages/a") is None
    assert not layer.write("v1/pages/a", b"x")
    (tmp_path / "store.toml").write_text('sharing = """publish"""\n')
    assert "plain way" in Layer(str(tmp_path), Trust()).fault


def test_non_directory_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    layer = Layer(str(tmp_path / "file"), Trust())
    assert "cannot be opened" in layer.fault
    assert "cannot be opened" in layer.refusal


def test_first_refusal_is_remembered(tmp_path: Path) -> None:
    layer = Layer(str(tmp_path / "s"), Trust())
    layer.prepare("v1")
    calls = []

    def fail(operation: str, path: str) -> None:
        calls.append(operation)
        raise OSError(28, "No space left on device", path)

    before = disk.observe(fail)
    try:
        assert not layer.write("v1/pages/a", b"x")
        assert not layer.write("v1/pages/a", b"x")
    finally:
        disk.observe(before)
    assert len(calls) == 1
    assert "ENOSPC" in layer.refusal
    assert any("nothing is added" in note for note in layer.notes)


def test_many_locations_do_not_exhaust_descriptors(tmp_path: Path) -> None:
    layer = Layer(str(tmp_path), Trust())
    for number in range(300):
        layer.write(f"v1/pages/{number}/a", b"x")
    open_before = len(os.listdir("/proc/self/fd"))
    for number in range(300):
        assert layer.read(f"v1/pages/{number}/a") == b"x"
    assert len(os.listdir("/proc/self/fd")) - open_before < 80
    layer.close()
    assert len(os.listdir("/proc/self/fd")) <= open_before


def test_layers_share_one_trust(tmp_path: Path) -> None:
    one, two = open_layers([(str(tmp_path / "a"), True), (str(tmp_path / "b"), False)], ("54321",))
    assert one.trust is two.trust
    assert one.trust.owner(54_321)
    assert "read only" in one.refusal
    assert two.refusal == ""


# --- how it is shared --------------------------------------------------------------------------------------------------

ASK = """
import sys
from commonwheel.store.layers import Layer
from commonwheel.store.trust import Trust
layer = Layer(sys.argv[1], Trust(sys.argv[2:]))
print(layer.sharing, layer.group, "mine" if layer.mine else "not mine", "trusted" if layer.exists and not layer.place("").reason else "untrusted")
print(layer.write("v1/pages/x", b"x"), layer.read("v1/pages/x"))
"""


def asked(user: User, root: str, *trust: str, umask: int = 0o022) -> list[str]:
    return user.python(ASK, root, *trust, umask=umask).ok().split("\n")[:2]


@pytest.mark.root
def test_without_policy_the_root_directory_decides(place: str) -> None:
    with users("alice", "bob", group="team", members=["alice"]) as (alice, bob):
        team = team_of(alice)
        for name, mode, owner, group, for_alice, for_bob in (
            # a name, how the root is, then what alice and bob find
            ("own", 0o755, alice.uid, alice.gid, "private None mine trusted", "private None not mine untrusted"),
            ("by root", 0o755, 0, 0, "private None not mine trusted", "private None not mine trusted"),
            ("setgid", 0o2770, 0, team, f"group {team} not mine trusted", None),
            ("open", 0o777, 0, 0, "open None not mine untrusted", "open None not mine untrusted"),
            ("sticky", 0o1777, 0, 0, "open None not mine trusted", "open None not mine trusted"),
        ):
            root = os.path.join(place, name)
            os.mkdir(root)
            os.chown(root, owner, group)
            os.chmod(root, mode)
            assert asked(alice, root)[0] == for_alice, name
            if for_bob:
                assert asked(bob, root)[0] == for_bob, name


@pytest.mark.root
def test_a_personal_store_in_a_setgid_directory_keeps_the_group(place: str, tmp_path: Path) -> None:
    project = os.path.join(place, "project")
    os.mkdir(project)
    os.chown(project, -1, 4242)
    os.chmod(project, 0o2775)
    store = open_store(os.path.join(project, "s"))
    admit(store, demo_wheel(tmp_path))
    store.layers[0].write("v1/pages/x", b"x")
    found: dict[str, os.stat_result] = {}
    for at, folders, names in os.walk(project):
        found |= {path: os.lstat(path) for path in (os.path.join(at, name) for name in (*folders, *names))}
    assert len(found) > 10
    assert [path for path, facts in found.items() if facts.st_gid != 4242] == []
    directories = {path: facts for path, facts in found.items() if stat.S_ISDIR(facts.st_mode)}
    assert [path for path, facts in directories.items() if not facts.st_mode & stat.S_ISGID] == []


@pytest.mark.root
def test_root_does_not_write_to_a_foreign_private_store(place: str) -> None:
    with users("alice") as (alice,):
        root = os.path.join(place, "s")
        assert asked(alice, os.path.join(alice.home, "s"), umask=0o077)[1] == "True b'x'"
        os.mkdir(root, 0o755)
        os.chown(root, alice.uid, alice.gid)
        layer = Layer(root, Trust())
        assert not layer.write("v1/pages/x", b"x")
        assert alice.name in layer.refusal
        assert os.listdir(root) == []


@pytest.mark.root
def test_group_members_use_each_others_records_for_any_umask(place: str) -> None:
    with users("alice", "bob", "eve", group="team", members=["alice", "bob"]) as (alice, bob, eve):
        team = team_of(alice, bob)
        root = os.path.join(place, "s")
        os.mkdir(root)
        os.chown(root, alice.uid, team)
        os.chmod(root, 0o2770)
        assert asked(alice, root, umask=0o077) == [
            f"group {team} mine trusted".replace("mine", "not mine"),
            "True b'x'",
        ]
        assert asked(bob, root, umask=0o077)[0] == "group None not mine untrusted"
        assert asked(bob, root, f"@{team}", umask=0o077) == [f"group {team} not mine trusted", "True b'x'"]
        assert mode_of(os.path.join(root, "v1/pages")) == 0o2770
        assert os.lstat(os.path.join(root, "v1/pages/x")).st_gid == team
        assert asked(eve, root)[1] == "False None"


@pytest.mark.root
def test_policy_counts_only_from_the_directory_owner(place: str) -> None:
    with users("alice", "eve") as (alice, eve):
        root = os.path.join(place, "s")
        os.mkdir(root)
        os.chown(root, alice.uid, alice.gid)
        os.chmod(root, 0o777)
        policy = os.path.join(root, "store.toml")
        with open(policy, "w") as file:
            file.write(f'sharing = "publish"\ntrust = ["{eve.name}"]\n')
        os.chown(policy, eve.uid, eve.gid)
        assert asked(alice, root)[0].startswith("open")
        os.chown(policy, alice.uid, alice.gid)
        os.chmod(root, 0o755)
        assert asked(alice, root)[0].startswith("publish")
        # whom the owner trusts is trusted by those who trust the owner, and by nobody else
        asks = "import sys; from commonwheel.store.layers import Layer; from commonwheel.store.trust import Trust\n"
        asks += "layer = Layer(sys.argv[1], Trust()); layer.open(); print(layer.trust.owner(int(sys.argv[2])))"
        assert alice.python(asks, root, str(eve.uid)).ok() == "True\n"
        with users("carol") as (carol,):
            assert carol.python(asks, root, str(eve.uid)).ok() == "False\n"


def test_every_permanent_error_comes_from_the_disk() -> None:
    assert {28, 122, 30, 13, 1} <= layers.HOPELESS
