"""What facts.py finds out: who, where, and why not."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commonwheel.fs import disk, facts, files, linking
from kit.faultfs import faults
from kit.mounts import bind, image, overlay, tmpfs
from kit.users import team_of, users


def test_facts_about_a_file(place: str) -> None:
    path = os.path.join(place, "file")
    Path(path).write_bytes(b"")
    os.chmod(path, 0o640)
    me = facts.user_name(os.geteuid())
    lines = facts.describe(path)
    assert lines[0].startswith(f"file     : {path}  mode 0640 owner {me}:")
    assert lines[1].startswith(f"directory: {place}  mode 1777 owner {me}:")
    assert lines[2].startswith("mount    : /")
    assert lines[3].startswith(f"you      : {me} (uid {os.geteuid()}, groups ")
    assert lines[3].endswith(f" on {facts.host()}")


def test_symlinks_are_described_not_followed(place: str) -> None:
    path = os.path.join(place, "link")
    os.symlink("nowhere", path)
    assert facts.describe(path)[0].startswith(f"link     : {path} -> nowhere  owner ")


def test_any_path_has_a_description(place: str) -> None:
    for path in ("", "/", ".", "relative", place + "/a/b/c", place + "/\udcff", "a\0b", "/proc/self/mem", "x" * 5000):
        assert facts.describe(path)[-1].startswith("you")
        for number in errno.errorcode:
            facts.advice(path, number)
        facts.space(path)
        facts.read_only(path)
        facts.is_shared(path)


def test_missing_path_is_described_by_its_nearest_parent(place: str) -> None:
    lines = facts.describe(os.path.join(place, "a", "b", "file"))
    assert lines[0].startswith(f"directory: {place}  mode")
    assert lines[1] == f"missing  : {place}/a/b"


@pytest.mark.root
def test_mount_points_with_spaces_are_found(place: str) -> None:
    with tmpfs(os.path.join(place, "my mount\twith\\odd names")) as mounted:
        found = facts.mount_of(os.path.join(mounted, "not", "there"))
        assert (found.point, found.type) == (mounted, "tmpfs")
        assert "rw" in found.flags
        assert "size=1024k" in found.options
        with tmpfs(mounted, "2m"):
            assert "size=2048k" in facts.mount_of(mounted).options  # the later mount hides the earlier one
        link = os.path.join(place, "link")
        os.symlink(mounted, link)
        assert facts.mount_of(link).point == mounted
    assert facts.mount_of(mounted).type != "tmpfs" or facts.mount_of(place).type == "tmpfs"


@pytest.mark.root
def test_read_only_comes_from_the_mount_not_the_mode(place: str) -> None:
    os.mkdir(os.path.join(place, "real"))
    os.chmod(os.path.join(place, "real"), 0o777)
    with bind(os.path.join(place, "real"), os.path.join(place, "bound"), read_only=True) as bound:
        assert facts.read_only(bound)
        assert facts.read_only(os.path.join(bound, "missing"))
        assert not facts.read_only(place)
        reasons = facts.link_reasons(place, bound)
        assert set(reasons.values()) == {f"`{bound}` is mounted read-only"}


@pytest.mark.root
def test_space_in_bytes_and_inodes(place: str) -> None:
    with tmpfs(os.path.join(place, "small"), "1m", inodes=10) as small:
        room = facts.space(small)
        assert (room.bytes_total, room.inodes_free, room.quota) == (1 << 20, 9, "")
        files.write(os.path.join(small, "file"), b"x" * 4096)
        after = facts.space(os.path.join(small, "file", "below"))
        assert room.bytes_free is not None
        assert after.bytes_free == room.bytes_free - 4096
    with image(os.path.join(place, "ext4"), "ext4", options="grpquota") as mounted:
        assert facts.space(mounted).quota == "grpquota"


@pytest.mark.root
def test_reasons_against_links(place: str) -> None:
    assert facts.link_reasons(place, place)["hardlink"] == ""
    assert set(facts.link_reasons(place, place)) == {"clone", "hardlink", "copy", "symlink"}
    with tmpfs(os.path.join(place, "other")) as other:
        reasons = facts.link_reasons(place, other)
        assert reasons["hardlink"] == reasons["clone"]
        assert f"tmpfs at `{other}`" in reasons["hardlink"]
        assert reasons["copy"] == reasons["symlink"] == ""
        assert facts.link_reasons(other, other)["clone"] == "tmpfs does not share blocks between files"
    os.mkdir(os.path.join(place, "real"))
    with bind(os.path.join(place, "real"), os.path.join(place, "bound")) as bound:
        assert "two mounts of one file system" in facts.link_reasons(place, bound)["hardlink"]
    with image(os.path.join(place, "btrfs"), "btrfs") as mounted:
        assert set(facts.link_reasons(mounted, mounted).values()) == {""}


@pytest.mark.root
def test_protected_hardlinks_of_foreign_files_are_doubted(place: str) -> None:
    store = os.path.join(place, "store")
    os.mkdir(store)
    code = (
        "import sys\nfrom commonwheel.fs import facts\nprint(facts.link_reasons(sys.argv[1], sys.argv[2])['hardlink'])"
    )
    with users("alice", "bob") as (alice, bob):
        os.chown(store, alice.uid, alice.gid)
        assert alice.python(code, store, place).ok() == "\n"
        told = bob.python(code, store, place).ok()
        protected = Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "0"
        assert told.startswith(f"the files belong to {alice.name}") is protected


@pytest.mark.root
def test_overlay_mounts_are_mounts(place: str) -> None:
    lower = os.path.join(place, "lower")
    os.mkdir(lower)
    Path(lower, "file").write_bytes(b"x")
    with overlay(lower, os.path.join(place, "merged")) as merged:
        assert facts.mount_of(merged).type == "overlay"
        path = os.path.join(merged, "file")
        assert linking.place(path, path + "2", ("clone", "hardlink", "copy")) in {"clone", "hardlink", "copy"}
        files.write(path, b"new")
        assert Path(lower, "file").read_bytes() == b"x"


@pytest.mark.root
def test_network_file_systems_are_shared_with_other_hosts(place: str) -> None:
    assert facts.is_shared(place) is False
    with faults(os.path.join(place, "mnt")) as mounted:
        assert facts.is_shared(os.path.join(mounted.point, "missing")) is True


@pytest.mark.root
def test_root_squash_is_named(place: str) -> None:
    owner = facts.user_name(os.stat(place).st_uid)
    with faults(os.path.join(place, "mnt"), kind="sshfs") as mounted:
        assert facts.mount_of(mounted.point).type == "fuse.sshfs"
        mounted.fail("create", errno.EACCES)
        with pytest.raises(disk.DiskError) as caught:
            files.write(os.path.join(mounted.point, "file"), b"")
        assert caught.value.hint == f"the file server gives root no rights here (root_squash): run this as {owner}"
        mounted.fail("create", errno.EIO)
        with pytest.raises(disk.DiskError) as caught:
            files.write(os.path.join(mounted.point, "file"), b"")
        assert str(caught.value.hint).startswith("ask whoever keeps the file server behind")


@pytest.mark.root
def test_users_and_groups_have_names_and_members(place: str) -> None:
    with users("alice", "bob", "carol", group="team", members=("alice", "bob")) as (alice, bob, carol):
        team = team_of(alice, bob)
        assert facts.user_name(alice.uid) == alice.name
        name = facts.group_name(team)
        assert facts.group_id(name) == team
        assert facts.group_members(name) == {alice.uid, bob.uid}
        assert facts.group_members(carol.name) == {carol.uid}  # as a primary group
        code = "from commonwheel.fs import facts; print(facts.my_user(), *facts.my_groups())"
        assert alice.python(code).ok().split() == [str(alice.uid), *map(str, sorted({alice.gid, team}))]
        path = os.path.join(place, "file")
        Path(path).write_bytes(b"")
        os.chown(path, bob.uid, bob.gid)
        with open(path, "rb") as file:
            assert facts.owner_of(file.fileno()) == bob.uid


def test_unknown_users_are_shown_as_numbers() -> None:
    assert facts.user_name(3_999_999_999) == "3999999999"
    assert facts.group_name(3_999_999_998) == "3999999998"
    assert facts.group_id("no-such-group") is None
    assert facts.group_id("12345") == 12345
    assert facts.group_members("no-such-group") == frozenset()


def test_machine_and_boot_have_identifiers() -> None:
    assert facts.host() == os.uname().nodename
    assert facts.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EIO, "ask whoever keeps the disk behind"),
        (errno.ESTALE, "ask whoever keeps the disk behind"),
        (errno.ENAMETOOLONG, "shorter path"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EDQUOT, "the quota of "),
        (errno.ENOSPC, "a quota or a full directory"),
    ],
)
def test_each_errno_has_a_remedy(place: str, number: int, expected: str) -> None:
    assert expected in str(facts.advice(os.path.join(place, "file"), number))


def test_unknown_errors_have_no_advice(place: str) -> None:
    assert facts.advice(place, errno.ENOENT) is None


def test_warm_path_loads_nothing_heavy() -> None:
    heavy = (
        "ctypes", "dataclasses", "typing", "re", "json", "threading", "subprocess", "socket", "contextlib", "tempfile",
        "shutil", "pathlib", "random", "enum",
    )  # fmt: skip
    code = f"import sys, commonwheel.fs.disk; print(*[name for name in {heavy!r} if name in sys.modules])"
    source = str(Path(facts.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {source!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "\n"


def test_every_mount_point_is_known(tmp_path: Path) -> None:
    assert facts.mount_of(str(tmp_path)).point in facts.mount_points()
    assert str(tmp_path) not in facts.mount_points()
