"""Finding entries, noticing damage."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from commonwheel.fs import disk, facts
from commonwheel.model import Digest
from commonwheel.store import header, layout
from commonwheel.store.header import Published
from commonwheel.store.layers import Layer, Refused
from commonwheel.store.store import EntryLost, Store
from commonwheel.store.trust import Trust
from kit.damage import DAMAGE
from kit.faultfs import FaultFS, faults
from kit.mounts import bind
from kit.stores import Heard, admit, demo_wheel, everything_below, header_of, leftovers, open_store, ready
from kit.stores import found as kit_found
from kit.users import User, team_of, users
from kit.wheels import make_wheel, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from commonwheel.fs.files import NewFile
    from commonwheel.model import Entry


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    return demo_wheel(tmp_path)


def changes_of(action: Callable[[], object]) -> list[tuple[str, str]]:
    """Return every change of the disk that an action makes."""
    seen = []
    before = disk.observe(lambda operation, path: seen.append((operation, path)))
    try:
        action()
    finally:
        disk.observe(before)
    return seen


# --- finding ---------------------------------------------------------------------------------------------------------


def test_entry_matches_its_wheel(root: str, wheel: str) -> None:
    entry = admit(open_store(root), wheel)
    digest = sha256_of(wheel)
    found = kit_found(open_store(root), digest)
    assert found == entry
    assert found.digest == digest
    assert (found.name, found.version, found.dist_info, found.data) == (
        "demo",
        "1.0",
        "demo-1.0.dist-info",
        "demo-1.0.data",
    )
    assert (found.console, found.gui, found.foldable, found.unfolded) == ((("demo", "demo:main"),), (), ("demo",), "")
    assert (found.purelib, found.trusted, found.mine) == (True, True, True)
    assert found.root == f"{root}/v1/entries/{digest[:2]}/{digest}"
    assert found.tree == f"{found.root}/tree"
    assert found.files == len(list(filter(os.path.isfile, (f"{found.tree}/{p}" for p in everything_below(found.tree)))))


def test_data_beside_an_entry(root: str, wheel: str) -> None:
    admit(open_store(root), wheel)
    store = open_store(root)
    entry = kit_found(store, sha256_of(wheel))
    files = store.files(entry)
    assert [path for path, *_ in files] == sorted(path for path, *_ in files)
    assert len(files) == entry.files
    assert sum(size for _, size, _, _ in files) == entry.size
    assert [path for path, _, _, executable in files if executable] == ["demo/inner/tool"]
    for path, size, sha256, _ in files:
        assert sha256_of(f"{entry.tree}/{path}") == sha256
        assert os.path.getsize(f"{entry.tree}/{path}") == size
    assert store.loose(entry) == [row for row in files if not row[0].startswith("demo/")]
    assert "Requires-Dist: third\n" in (store.metadata(entry.digest) or "")
    assert store.recommended_link_mode(entry) == ""
    assert store.wheel_of(entry.digest) is None
    assert header_of(store, entry).filename == "demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize("digest", ["", "x", "ab" * 32, "AB" * 32, "../" * 22, "ab" * 31 + "/x"])
def test_missing_entry_is_a_miss(root: str, wheel: str, digest: str) -> None:
    store = open_store(root)
    assert store.find(digest) is None
    admit(store, wheel)
    assert store.find(digest) is None
    assert store.ready(digest) is None
    assert store.metadata(digest) is None
    assert store.wheel_of(digest) is None


def test_store_without_admission_is_read_only(root: str, wheel: str, tmp_path: Path) -> None:
    entry = admit(open_store(root), wheel)
    store = Store((Layer(root, Trust()),))
    assert store.ready(entry.digest) == entry
    with pytest.raises(Refused):
        admit(store, make_wheel(tmp_path, "other"))


def test_file_is_found_by_name_and_any_hash(root: str, wheel: str) -> None:
    import hashlib

    with open(wheel, "rb") as file:
        sha512 = Digest("sha512", hashlib.file_digest(file, "sha512").hexdigest())
    sha256 = Digest("sha256", sha256_of(wheel))
    name = os.path.basename(wheel)
    entry = admit(open_store(root), wheel, sha512)
    store = open_store(root)
    for digests in [(sha512,), (sha256,), (Digest("md5", "0" * 32), sha256), (Digest("sha256", "0" * 64), sha512)]:
        assert store.find_file(name, digests) == entry
    # the hashes of a release are those of all its files: the name says which one is meant
    assert store.find_file("demo-1.0-cp312-cp312-win_amd64.whl", (sha256,)) is None
    assert store.find_file(name, (Digest("sha512", "0" * 128),)) is None
    assert store.find_file(name, ()) is None


def test_hit_changes_nothing(root: str, wheel: str) -> None:
    digest = admit(open_store(root), wheel).digest

    def hit() -> None:
        store = open_store(root)
        entry = ready(store, digest)
        store.files(entry)
        store.used([entry])
        assert admit(store, wheel) == entry
        assert store.admit_file(wheel, os.path.basename(wheel)) == entry

    assert changes_of(hit) == []


@pytest.mark.root
def test_hit_in_a_read_only_mounted_store(root: str, wheel: str, place: str) -> None:
    entry = admit(open_store(root), wheel)
    with bind(root, os.path.join(place, "ro"), read_only=True) as mounted:
        heard = Heard()
        store = open_store(mounted, heard=heard)
        found = ready(store, entry.digest)
        assert found.root == f"{mounted}/{layout.entry(entry.digest)}"
        store.used([found])
        assert heard.notes == []
        assert store.layers[0].notes == []


@pytest.mark.root
def test_hit_makes_no_writing_system_call(root: str, wheel: str, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    digest = admit(open_store(root), wheel).digest
    code = (
        "import sys; from commonwheel.store.store import Store; from commonwheel.store.layers import open_layers\n"
        "store = Store(open_layers([(sys.argv[1], False)])); entry = store.ready(sys.argv[2]); assert entry; store.files(entry)"
    )
    log = tmp_path / "log"
    calls = "trace=mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,chmod,fchmod,fchmodat,utimensat,flock,truncate,ftruncate,openat,open,creat"
    command = [strace, "-f", "-o", str(log), "-e", calls, sys.executable, "-B", "-c", code, root, digest]
    subprocess.run(command, check=True)
    said = log.read_text()
    assert "entry.txt" in said
    writing = [line for line in said.splitlines() if root in line and ("O_RDONLY" not in line or "O_CREAT" in line)]
    assert [line for line in writing if "O_PATH" not in line] == []


# --- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
def test_damaged_entry_is_replaced_by_the_same_command(root: str, wheel: str, harm: Callable[[Any], object]) -> None:
    before = admit(open_store(root), wheel)
    harm(before.root)
    heard = Heard()
    store = open_store(root, heard=heard)
    assert store.ready(before.digest) is None
    assert len(heard.warnings) == 1, heard.warnings
    assert "is damaged and not used" in heard.warnings[0]
    assert not os.path.lexists(before.root)
    mended = admit(store, wheel)
    assert mended == before
    assert store.check(mended) == []
    assert open_store(root).ready(before.digest) == before


@pytest.mark.parametrize("harm", [DAMAGE["truncated file"], DAMAGE["lost header"]], ids=["file", "header"])
def test_damaged_entry_is_replaced_from_the_next_layer(place: str, wheel: str, harm: Callable[[Any], object]) -> None:
    first, second = os.path.join(place, "1"), os.path.join(place, "2")
    good = admit(open_store(second), wheel)
    harm(admit(open_store(first), wheel).root)
    heard = Heard()
    assert open_store(first, second, heard=heard).ready(good.digest) == good
    assert len(heard.warnings) == 1


@pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
def test_damaged_entry_is_replaced_offline_from_a_kept_wheel(
    root: str, wheel: str, harm: Callable[[Any], object]
) -> None:
    os.mkdir(root)
    with open(os.path.join(root, "store.toml"), "w") as file:
        file.write("keep-archives = true\n")
    before = admit(open_store(root), wheel)
    if harm is DAMAGE["emptied entry"]:
        return
    harm(before.root)
    store = open_store(root)
    assert store.ready(before.digest) is None

    def offline(_file: NewFile) -> None:
        raise AssertionError("nothing needs to be fetched")

    expected = (Digest("sha256", before.digest),)
    assert store.admit(offline, filename=os.path.basename(wheel), expected=expected) == before


def test_changed_time_with_same_content_is_no_damage(root: str, wheel: str) -> None:
    entry = admit(open_store(root), wheel)
    os.utime(f"{entry.tree}/demo/data.txt", (5, 5))
    os.chmod(f"{entry.tree}/demo/data.txt", 0o644)
    heard = Heard()
    assert open_store(root, heard=heard).ready(entry.digest) == entry
    assert heard.warnings == []


def test_immovable_damaged_entry_is_skipped(root: str, wheel: str) -> None:
    entry = admit(open_store(root), wheel)
    os.truncate(f"{entry.root}/entry.txt", 0)

    def refuse(operation: str, path: str) -> None:
        if operation == "rename" and path == entry.root:
            raise PermissionError(1, "Operation not permitted", path)

    store = open_store(root)
    before = disk.observe(refuse)
    try:
        assert store.find(entry.digest) is None
        # beside it, under a name of one's own
        mine = admit(store, wheel)
    finally:
        disk.observe(before)
    assert mine.root == f"{entry.root}.{os.geteuid()}"
    assert store.ready(entry.digest) == mine


# --- first use after a reboot -------------------------------------------------------------------------------------------


def published_before_the_last_boot(entry: Entry, **changes: object) -> None:
    """Let an entry say that another boot of this host published it."""
    path = f"{entry.root}/entry.txt"
    with open(path, "rb") as file:
        said = header.decode(file.read())
    assert said is not None
    published = Published("index", 0, facts.host(), "another boot").replaced(**changes)
    os.unlink(path)
    with open(path, "wb") as file:
        file.write(header.encode(said.replaced(published=published)))
    os.chmod(path, 0o444)


def test_first_use_after_a_reboot_hashes_and_remembers(root: str, wheel: str) -> None:
    entry = admit(open_store(root), wheel)
    published_before_the_last_boot(entry)
    assert open_store(root).find(entry.digest) == entry
    assert os.path.exists(f"{entry.root}/settled")
    assert changes_of(lambda: open_store(root).find(entry.digest)) == []


def test_loss_after_power_cut_is_detected(root: str, wheel: str) -> None:
    entry = admit(open_store(root), wheel)
    path = f"{entry.tree}/demo/data.txt"
    size, times = os.path.getsize(path), os.stat(path)
    os.truncate(path, 0)
    os.truncate(path, size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert open_store(root).ready(entry.digest) == entry, "zeros of the right size and time pass the cheap check"
    published_before_the_last_boot(entry)
    heard = Heard()
    assert open_store(root, heard=heard).find(entry.digest) is None
    assert "`demo/data.txt` was changed" in heard.warnings[0]


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"boot": ""}])
def test_boot_of_other_hosts_is_ignored(root: str, wheel: str, changes: dict[str, str]) -> None:
    entry = admit(open_store(root), wheel)
    published_before_the_last_boot(entry, **changes)
    assert changes_of(lambda: open_store(root).find(entry.digest)) == []
    assert not os.path.exists(f"{entry.root}/settled")


@pytest.mark.root
def test_checks_of_foreign_stores_are_remembered_personally(place: str, wheel: str) -> None:
    shared, mine = os.path.join(place, "shared"), os.path.join(place, "mine")
    entry = admit(open_store(shared), wheel)
    published_before_the_last_boot(entry)
    with users("alice") as (alice,):
        os.mkdir(mine)
        os.chown(mine, alice.uid, alice.gid)
        code = (
            "import sys; from kit.stores import open_store; from commonwheel.store.layout import record\n"
            "store = open_store(*sys.argv[1:3]); assert store.find(sys.argv[3]); print(store.get('settled', sys.argv[3]))"
        )
        assert alice.python(code, shared, mine, entry.digest).ok() == "b''\n"
    assert not os.path.exists(f"{entry.root}/settled")


# --- rooms of mine ---------------------------------------------------------------------------------------------------


def test_scratch_directory_is_private(root: str) -> None:
    path = open_store(root).scratch()
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o700
    assert os.listdir(path) == []
    with pytest.raises(Refused) as caught:
        open_store(root, read_only=[root]).scratch()
    assert "read only" in caught.value.context[0]


# --- use -------------------------------------------------------------------------------------------------------------


def test_use_is_noted_daily_and_not_on_publication_day(root: str, wheel: str) -> None:
    store = open_store(root)
    entry = admit(store, wheel)
    assert changes_of(lambda: store.used([entry])) == []
    published_before_the_last_boot(entry, boot="")
    store = open_store(root)
    entry = kit_found(store, entry.digest)
    store.used([entry])
    day = time.strftime("%Y-%m-%d", time.gmtime())
    with open(os.path.join(root, f"v1/use/{os.geteuid()}/{day}")) as file:
        assert file.read() == f"{entry.digest}\n"
    assert changes_of(lambda: open_store(root).used([entry])) == []


# --- hostile users ----------------------------------------------------------------------------------------------------

FIND = """
import os, sys
from kit.stores import Heard, open_store
heard = Heard()
store = open_store(*sys.argv[2:], heard=heard)
entry = store.ready(sys.argv[1])
print(None if entry is None else open(entry.tree + "/demo/data.txt").read(4))
"""


@pytest.mark.root
def test_user_cannot_plant_an_entry_in_a_world_writable_place(place: str, wheel: str) -> None:
    """Whatever a user plants, edits, or swaps for a link or by a rename: no user without trust in them gets a byte of it."""
    with users("alice", "eve") as (alice, eve):
        root = os.path.join(place, "open")
        os.mkdir(root)
        os.chmod(root, 0o1777)
        planted = (
            "import os, sys; from kit.stores import *\n"
            "entry = admit(open_store(sys.argv[1]), sys.argv[2])\n"
            "path = entry.tree + '/demo/data.txt'\n"
            "os.chmod(path, 0o644); times = os.stat(path); size = times.st_size\n"
            "open(path, 'r+').write('evil'); os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns)); os.chmod(path, 0o444)\n"
        )
        os.chmod(os.path.dirname(wheel), 0o755)
        readable = os.path.join(place, os.path.basename(wheel))
        shutil.copy(wheel, readable)
        eve.python(planted, root, readable).ok()
        digest = sha256_of(wheel)
        assert eve.python(FIND, digest, root).ok() == "evil\n"
        assert alice.python(FIND, digest, root).ok() == "None\n"
        assert open_store(root).ready(digest) is None
        # an entry of alice's own, in a directory of eve's: eve can swap it
        shard = os.path.join(root, layout.shard(digest))
        assert os.lstat(shard).st_uid == eve.uid
        own = os.path.join(alice.home, "own")
        alice.python(
            "import sys; from kit.stores import *\nadmit(open_store(sys.argv[1]), sys.argv[2])", own, readable
        ).ok()
        entry = os.path.join(root, layout.entry(digest))
        shutil.rmtree(entry)
        shutil.copytree(os.path.join(own, layout.entry(digest)), entry)
        for directory, _, files in os.walk(entry):
            for path in (directory, *(os.path.join(directory, name) for name in files)):
                os.chown(path, alice.uid, alice.gid)
        assert alice.python(FIND, digest, root).ok() == "None\n"
        # a link to what alice trusts is not followed
        shutil.rmtree(entry)
        os.symlink(os.path.join(own, layout.entry(digest)), entry)
        assert alice.python(FIND, digest, root).ok() == "None\n"
        assert alice.python(FIND, digest, own).ok() == "data\n"


@pytest.mark.root
def test_group_members_share_and_others_have_no_access(place: str, wheel: str) -> None:
    with users("alice", "bob", "eve", group="team", members=["alice", "bob"]) as (alice, bob, eve):
        root = os.path.join(place, "team")
        os.mkdir(root)
        os.chown(root, 0, team_of(alice, bob))
        os.chmod(root, 0o2770)
        readable = os.path.join(place, os.path.basename(wheel))
        shutil.copy(wheel, readable)
        add = "import sys; from kit.stores import *\nprint(admit(open_store(sys.argv[1]), sys.argv[2]).mine)"
        digest = sha256_of(wheel)
        for first, second in ((alice, bob), (bob, alice)):
            for umask in (0o022, 0o002, 0o077):
                assert first.python(add, root, readable, umask=umask).ok() == "True\n"
                assert second.python(FIND, digest, root, umask=umask).ok() == "data\n"
                assert second.python(add, root, readable, umask=umask).ok() == "False\n"
                assert eve.python(FIND, digest, root).ok() == "None\n"
                writable = [p for p in everything_below(root) if os.lstat(f"{root}/{p}").st_mode & 0o002]
                assert writable == []
                assert {os.lstat(f"{root}/{p}").st_gid for p in everything_below(root)} == {team_of(alice, bob)}
                assert leftovers(root) == []
                shutil.rmtree(os.path.join(root, "v1"))


@pytest.mark.root
def test_group_member_can_set_aside_a_damaged_foreign_entry(place: str, wheel: str) -> None:
    with users("alice", "bob", group="team") as (alice, bob):
        root = os.path.join(place, "team")
        os.mkdir(root)
        os.chown(root, 0, team_of(alice, bob))
        os.chmod(root, 0o2770)
        readable = os.path.join(place, os.path.basename(wheel))
        shutil.copy(wheel, readable)
        add = "import sys; from kit.stores import *\nprint(admit(open_store(sys.argv[1]), sys.argv[2]).mine)"
        assert alice.python(add, root, readable).ok() == "True\n"
        entry = os.path.join(root, layout.entry(sha256_of(wheel)))
        os.truncate(f"{entry}/tree/demo/data.txt", 1)
        assert bob.python(FIND, sha256_of(wheel), root).ok() == "None\n"
        assert bob.python(add, root, readable).ok() == "True\n"
        assert alice.python(FIND, sha256_of(wheel), root).ok() == "data\n"


# --- file systems that fail ------------------------------------------------------------------------------------------------


@pytest.fixture
def failing(place: str) -> Iterator[FaultFS]:
    with faults(os.path.join(place, "mnt")) as mounted:
        yield mounted


@pytest.mark.root
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES], ids=errno.errorcode.get)
def test_temporarily_unreadable_entry_is_kept(failing: FaultFS, wheel: str, number: int) -> None:
    """Fail every reading operation in turn: the entry is found, or it is a miss; it is never renamed away for that."""
    root = os.path.join(failing.point, "store")
    entry = admit(open_store(root), wheel)
    for operation in ("open", "read", "getattr", "readdir"):
        for nth in range(1, 12):
            failing.fail(operation, number, nth=nth)
            heard = Heard()
            found = open_store(root, heard=heard).ready(entry.digest)
            failing.heal()
            assert found in {None, entry}
            assert heard.warnings == []
    assert open_store(root).ready(entry.digest) == entry


@pytest.mark.root
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
def test_failing_layer_costs_a_note_and_the_next_is_used(failing: FaultFS, wheel: str, place: str, number: int) -> None:
    for operation in ("create", "write", "flush", "mkdir", "rename", "chmod", "utimens"):
        for nth in (1, 3):
            first, second = (os.path.join(top, f"{operation}{nth}") for top in (failing.point, place))
            failing.fail(operation, number, nth=nth, times=None)
            store = open_store(first, second)
            entry = admit(store, wheel)
            failing.heal()
            assert store.check(entry) == []
            assert kit_found(open_store(first, second), entry.digest) == entry


@pytest.mark.root
def test_file_system_without_links_locks_modes_and_times_works(failing: FaultFS, wheel: str) -> None:
    failing.no_hard_links()
    failing.no_locks()
    failing.no_modes()
    root = os.path.join(failing.point, "store")
    entry = admit(open_store(root), wheel)
    assert ready(open_store(root), entry.digest) == entry
    store = open_store(root)
    assert store.put("pages", "i/x", b"1")
    assert store.get("pages", "i/x") == b"1"


@pytest.mark.root
def test_stale_directory_listings_hide_nothing(failing: FaultFS, wheel: str) -> None:
    root = os.path.join(failing.point, "store")
    os.makedirs(os.path.join(root, layout.shard(sha256_of(wheel))))
    failing.freeze_listings()
    entry = admit(open_store(root), wheel)
    assert kit_found(open_store(root), entry.digest) == entry


@pytest.mark.root
@pytest.mark.parametrize("how", ["lose", "zeros", "noise"])
def test_power_cut_is_detected_at_first_use(failing: FaultFS, wheel: str, how: str) -> None:
    """Everything that was not synced is mangled, the names are there: nothing of it is used, and it is fetched again."""
    root = os.path.join(failing.point, "store")
    entry = admit(open_store(root), wheel)
    published_before_the_last_boot(entry)
    os.sync()
    failing.cut(how)
    store = open_store(root)
    assert store.find(entry.digest) is None
    mended = admit(store, wheel)
    assert store.check(mended) == []


# --- containers ------------------------------------------------------------------------------------------------------


@pytest.mark.root
def test_numeric_users_share_a_group_store(place: str, wheel: str) -> None:
    """Containers run as any uid; what they have in common is a group, and maybe that has no name either."""
    root, readable = os.path.join(place, "volume"), os.path.join(place, os.path.basename(wheel))
    shutil.copy(wheel, readable)
    os.mkdir(root)
    os.chown(root, 0, 61_234)
    os.chmod(root, 0o2770)
    add = "import sys; from kit.stores import *\nprint(admit(open_store(sys.argv[1]), sys.argv[2]).mine)"
    one, two = (User(f"u{uid}", uid, uid, "/", (61_234,)) for uid in (61_001, 61_002))
    assert one.python(add, root, readable).ok() == "True\n"
    assert two.python(add, root, readable).ok() == "False\n"
    assert two.python(FIND, sha256_of(wheel), root).ok() == "data\n"
    stranger = User("u61003", 61_003, 61_003, "/")
    assert stranger.python(FIND, sha256_of(wheel), root).ok() == "None\n"


@pytest.mark.root
def test_image_of_another_uid_is_trusted_if_configured(place: str, wheel: str) -> None:
    root, readable = os.path.join(place, "image"), os.path.join(place, os.path.basename(wheel))
    shutil.copy(wheel, readable)
    os.chmod(place, 0o777)
    builder, runner = (User(f"u{uid}", uid, uid, "/") for uid in (61_001, 61_002))
    builder.python(
        "import sys; from kit.stores import *\nadmit(open_store(sys.argv[1]), sys.argv[2])", root, readable
    ).ok()
    ask = "import sys; from kit.stores import *\nprint(open_store(sys.argv[1], trust=sys.argv[3:]).find(sys.argv[2]) is not None)"
    digest = sha256_of(wheel)
    assert runner.python(ask, root, digest).ok() == "False\n"
    assert runner.python(ask, root, digest, "61001").ok() == "True\n"
    assert runner.python(ask, root, digest, "*").ok() == "True\n"
    assert open_store(root).find(digest) is None


def test_lost_entry_is_not_shown_as_empty(root: str, wheel: str) -> None:
    store = open_store(root)
    entry = admit(store, wheel)
    reader = open_store(root)
    kit_found(reader, entry.digest)
    os.rename(entry.root, f"{root}/x")
    with pytest.raises(EntryLost, match="cannot be read"):
        reader.files(entry)
    with pytest.raises(EntryLost):
        open_store(root).loose(entry)
