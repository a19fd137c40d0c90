"""File systems that misbehave, fill up, or cannot do what others can: the command succeeds by another way, or fails clean.

Clean means: exit status 1, an error that says which operation on which path and why, the environment as it was, and in the
store nothing that anybody could take for whole.
"""

import errno
import json
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from kit import mounts
from kit.commons import entry_in, run, site_of, snapshot, temporary
from kit.faultfs import FaultFS, faults
from kit.shells import Ran, Shell
from kit.users import user_python
from kit.wheels import make_wheel, sha256_of

pytestmark = [pytest.mark.root, pytest.mark.alone]

ERRORS = (errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EDQUOT)
NAMES = {number: errno.errorcode[number] for number in ERRORS}


class World:
    """Root at work, with a folder of wheels; stores and environments go wherever a test puts them."""

    def __init__(self, place: str, shell: Shell) -> None:
        self.place = place
        self.shell = shell
        self.wheels = os.path.join(place, "wheels")
        self.count = 0
        for version in ("1.0", "2.0"):
            files = {f"demo/part{number}.py": f"version = '{version}'\n" for number in range(20)}
            make_wheel(
                self.wheels, "demo", version, {"demo/__init__.py": f"version = '{version}'\n", **files},
                entry_points={"console_scripts": {"demo": "demo:main"}},
            )  # fmt: skip

    def cw(self, *words: str, **env: str) -> Ran:
        """Run a command that may look at these wheels alone; its stores are in the variables, else in a place of its own."""
        defaults = {
            "CW_CACHE_DIR": os.path.join(self.place, "own"), "HOME": self.place, "CW_NO_INDEX": "1", "TMPDIR": self.place,
        }  # fmt: skip
        source = ("-f", self.wheels) if words[:2] == ("pip", "install") else ()
        return self.shell(*words, *source, env={**defaults, **env})

    def new(self, parent: str, what: str) -> str:
        """Return a path that no test has used yet."""
        self.count += 1
        return os.path.join(parent, f"{what} {self.count}")

    def environment(self, root: str) -> str:
        """Make an environment that holds version 1.0; return it."""
        self.cw("venv", "-p", user_python(), root).ok()
        self.reset(root)
        return root

    def reset(self, root: str) -> None:
        """Let an environment hold version 1.0."""
        self.cw(
            "pip", "install", "-p", root, "--link-mode", "copy", "demo==1.0", CW_CACHE_DIR=f"{self.place}/first"
        ).ok()

    def version(self, root: str) -> str:
        """Return which version an environment holds, whole; fail if it is neither."""
        listed = self.cw("pip", "freeze", "-p", root).ok().out.strip().partition("==")[2]
        site = os.path.join(root, "lib", os.path.basename(os.path.realpath(user_python())), "site-packages")
        for name in ("__init__", *(f"part{number}" for number in range(20))):
            with open(f"{site}/demo/{name}.py", encoding="utf-8") as file:
                assert file.read() == f"version = '{listed}'\n", name
        return listed

    def is_sound(self, *stores: str) -> bool:
        """Return whether all that these stores offer is complete."""
        return self.cw("cache", "verify", CW_LAYERS=os.pathsep.join(stores)).code == 0


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    # on a disk of its own in memory: what is synced here a thousand times is not what these tests are about
    place = tempfile.mkdtemp(prefix="cw disks ")
    try:
        with mounts.tmpfs(place, "256m"), Shell() as shell:
            yield World(place, shell)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def faulty(world: World) -> Iterator[FaultFS]:
    with faults(os.path.join(world.place, "faulty")) as made:
        yield made


@pytest.fixture
def disk(faulty: FaultFS) -> Iterator[FaultFS]:
    """Give a file system that can be told to fail; it is well again after the test."""
    yield faulty
    faulty.heal()
    faulty.thaw_listings()
    faulty.ignore_case(ignored=False)
    faulty.skew_clock(0)


@pytest.fixture(scope="module")
def elsewhere(world: World) -> str:
    """Give an environment on a disk that does not fail."""
    return world.environment(os.path.join(world.place, "elsewhere"))


@pytest.fixture
def there(world: World, faulty: FaultFS) -> str:
    """Give an environment that holds version 1.0 on the disk that fails."""
    root = os.path.join(faulty.point, "v")
    if os.path.isdir(root):
        world.reset(root)
    else:
        world.environment(root)
    return root


# --- the store fails -------------------------------------------------------------------------------------------------------


WRITING = ("create", "write", "flush", "mkdir", "rename", "chmod", "utimens")
READING = ("open", "read", "readdir", "getattr")


@pytest.mark.parametrize("number", ERRORS, ids=NAMES.values())
@pytest.mark.parametrize("operation", WRITING)
def test_failing_writable_layer_affects_nothing_else(
    world: World, disk: FaultFS, elsewhere: str, operation: str, number: int
) -> None:
    """Once at the third operation of its kind, and then at all of them; late errors of close among them (flush)."""
    stores: list[str] = []
    for times in (1, None):
        store, own = world.new(disk.point, "store"), world.new(world.place, "own")
        stores.append(store)
        disk.fail(operation, number, nth=3, times=times)
        ran = world.cw(
            "pip", "install", "-p", elsewhere, "--reinstall", "demo==2.0", CW_LAYERS=store, CW_CACHE_DIR=own
        ).ok()
        disk.heal()
        assert "Traceback" not in ran.err
    assert world.version(elsewhere) == "2.0"
    assert world.is_sound(*stores)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE], ids=("EIO", "ESTALE"))
@pytest.mark.parametrize("operation", READING)
def test_unreadable_layer_is_skipped(world: World, disk: FaultFS, elsewhere: str, operation: str, number: int) -> None:
    store = os.path.join(disk.point, "read")
    if not os.path.isdir(store):
        world.cw("pip", "install", "-p", elsewhere, "--reinstall", "demo==2.0", CW_LAYERS=store).ok()
    entry = entry_in(store, sha256_of(f"{world.wheels}/demo-2.0-py3-none-any.whl"))
    for nth, times in ((1, 1), (4, 1), (1, None), (9, None)):
        disk.fail(operation, number, nth=nth, times=times, path="entries")
        ran = world.cw(
            "pip", "install", "-p", elsewhere, "--reinstall", "--link-mode", "copy", "demo==2.0", CW_LAYERS=store
        )
        disk.heal()
        ran.ok()
        # a moment's failure to read is no reason to throw anything away
        assert os.path.isdir(entry)
    assert world.version(elsewhere) == "2.0"
    assert world.is_sound(store)


@pytest.mark.parametrize("operation", ["create", "write", "flush", "mkdir"])
def test_failing_only_store_is_bypassed(world: World, disk: FaultFS, elsewhere: str, operation: str) -> None:
    """What cannot be kept is fetched for this once, and said."""
    store = world.new(disk.point, "store")
    disk.fail(operation, errno.EIO, times=None)
    for mode in ("auto", "fold"):
        words = ("pip", "install", "-p", elsewhere, "--reinstall", "--link-mode", mode, "demo==2.0")
        (line,) = world.cw(*words, CW_CACHE_DIR=store).ok().warnings
        assert "the packages could not be cached" in line
        assert "Input/output error (EIO)" in line
        assert world.version(elsewhere) == "2.0"
    assert [name for name in os.listdir(world.place) if name.startswith((".tmp-", ".trash-"))] == []


# --- the environment fails -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ERRORS, ids=NAMES.values())
@pytest.mark.parametrize("operation", ["create", "write", "flush", "mkdir", "rename", "fsync"])
def test_failing_environment_is_unchanged_and_error_has_a_reason(
    world: World, disk: FaultFS, there: str, operation: str, number: int
) -> None:
    """The second upgrade, after the disk works again, succeeds: nothing is in the way."""
    before = snapshot(there, without=(".cw",))
    disk.fail(operation, number, nth=2, times=None, path="/v/.cw" if operation == "flush" else "/v/")
    ran = world.cw("pip", "install", "-p", there, "--link-mode", "copy", "demo==2.0").failed(1)
    disk.heal()
    assert f"({NAMES[number]})" in ran.err
    assert disk.point in ran.err
    if "could not be undone" in ran.err:
        # it promised: the next command begins by undoing
        world.reset(there)
        assert world.version(there) == "1.0"
    else:
        assert snapshot(there, without=(".cw",)) == before
    world.cw("pip", "install", "-p", there, "--link-mode", "copy", "demo==2.0").ok()
    assert world.version(there) == "2.0"
    assert temporary(there) == []


@pytest.mark.parametrize("operation", ["write", "rename", "create"])
@pytest.mark.parametrize("nth", [1, 5, 12])
def test_single_failure_anywhere_leaves_old_or_new(
    world: World, disk: FaultFS, there: str, operation: str, nth: int
) -> None:
    disk.fail(operation, errno.EIO, nth=nth)
    ran = world.cw("pip", "install", "-p", there, "--link-mode", "copy", "demo==2.0")
    disk.heal()
    assert world.version(there) == ("2.0" if ran.code == 0 else "1.0"), ran.err
    world.cw("pip", "install", "-p", there, "demo==2.0").ok()
    assert world.version(there) == "2.0"


# --- what some file systems cannot do --------------------------------------------------------------------------------------


LACKS = {
    "no hard links (EPERM)": lambda disk: disk.no_hard_links(),
    "no hard links (EOPNOTSUPP)": lambda disk: disk.no_hard_links(errno.EOPNOTSUPP),
    "no more hard links (EMLINK)": lambda disk: disk.no_hard_links(errno.EMLINK),
    "no locks (ENOLCK)": lambda disk: disk.no_locks(errno.ENOLCK),
    "no locks (ENOSYS)": lambda disk: disk.no_locks(errno.ENOSYS),
    "no locks (EOPNOTSUPP)": lambda disk: disk.no_locks(errno.EOPNOTSUPP),
    "locks as on NFS (EBADF)": lambda disk: disk.locks_like_nfs(),
    "no modes (EPERM)": lambda disk: disk.no_modes(),
    "no modes (EOPNOTSUPP)": lambda disk: disk.no_modes(errno.EOPNOTSUPP),
    "no links of either kind": lambda disk: (disk.no_hard_links(), disk.fail("symlink", errno.EPERM, times=None)),
    "latency": lambda disk: (disk.delay("rename", 0.01), disk.delay("create", 0.002)),
    "no sync of directories": lambda disk: disk.fail("fsyncdir", errno.EINVAL, times=None),
    "no two names that differ in case alone": lambda disk: disk.ignore_case(),
    "no links, modes, locks, or case (FAT)": lambda disk: (
        disk.ignore_case(), disk.no_hard_links(), disk.no_modes(), disk.no_locks(errno.ENOSYS),
        disk.fail("symlink", errno.EPERM, times=None),
    ),
    "the right time (ahead by a day)": lambda disk: disk.skew_clock(86_400),
    "the right time (behind by a day)": lambda disk: disk.skew_clock(-86_400),
}  # fmt: skip


@pytest.mark.parametrize("lack", LACKS.values(), ids=LACKS)
def test_limited_file_system_holds_store_and_environment(
    world: World, disk: FaultFS, there: str, lack: Callable[[FaultFS], object]
) -> None:
    """Everything works: with other links, without locks, with the modes that there are."""
    store = world.new(disk.point, "store")
    lack(disk)
    for mode, version in (("auto", "2.0"), ("hardlink", "1.0"), ("fold", "2.0")):
        ran = world.cw("pip", "install", "-p", there, "--link-mode", mode, f"demo=={version}", CW_CACHE_DIR=store).ok()
        assert ran.warnings == []
        assert world.version(there) == version
    world.cw("pip", "uninstall", "-p", there, "demo").ok()
    disk.heal()
    assert world.is_sound(store)


@pytest.mark.parametrize("store", ["there", "elsewhere"])
def test_wheel_with_case_variants_where_case_is_ignored(world: World, disk: FaultFS, there: str, store: str) -> None:
    """One of the two would silently be the other: it is refused, and nothing is changed."""
    if not os.path.exists(f"{world.wheels}/twins-1.0-py3-none-any.whl"):
        make_wheel(world.wheels, "twins", "1.0", {"twins/Name.py": "one = 1\n", "twins/name.py": "two = 2\n"})
    disk.ignore_case()
    before = snapshot(there, without=(".cw",))
    root = {"there": world.new(disk.point, "store"), "elsewhere": world.new(world.place, "store")}[store]
    ran = world.cw("pip", "install", "-p", there, "--link-mode", "copy", "twins", CW_CACHE_DIR=root).failed(1)
    assert "twins/name.py" in ran.err.lower()
    assert "Traceback" not in ran.err
    assert snapshot(there, without=(".cw",)) == before
    assert world.is_sound(root)


@pytest.mark.parametrize("ahead", [7 * 86_400, -7 * 86_400], ids=["ahead", "behind"])
def test_server_clock_does_not_make_files_new_or_old(world: World, disk: FaultFS, there: str, ahead: int) -> None:
    """What is used stays, and so does the work of another host; the rests of one that died last year go."""
    store = world.new(disk.point, "store")
    disk.skew_clock(ahead)
    words = ("pip", "install", "-p", there, "--link-mode", "symlink", "demo==2.0")
    world.cw(*words, CW_CACHE_DIR=store).ok()
    at_work, dead = (f"{store}/v1/entries/.tmp-{host}-1-{'0' * 16}" for host in ("at-work", "dead"))
    for path in (at_work, dead):
        os.mkdir(path)
    os.utime(dead, (1, 1))
    for command in (("prune",), ("prune", "--older-than", "1d"), ("clean", "other")):
        world.cw("cache", *command, CW_CACHE_DIR=store).ok()
        assert os.path.isdir(at_work)
    assert not os.path.exists(dead)
    assert world.version(there) == "2.0"
    os.rmdir(at_work)


def test_stale_listings_on_a_store(world: World, disk: FaultFS, elsewhere: str) -> None:
    """As on another client of a file server: what was published since is found by its name all the same."""
    store = world.new(disk.point, "store")
    words = ("pip", "install", "-p", elsewhere, "--reinstall", "--link-mode")
    world.cw(*words, "copy", "demo==1.0", CW_CACHE_DIR=store).ok()
    disk.freeze_listings()
    for mode in ("auto", "fold", "copy"):
        for version in ("2.0", "1.0"):
            assert world.cw(*words, mode, f"demo=={version}", CW_CACHE_DIR=store).ok().warnings == []
            assert world.version(elsewhere) == version
    disk.thaw_listings()
    assert world.is_sound(store)


# --- real ones -------------------------------------------------------------------------------------------------------------


KINDS = ("ext4", "xfs", "btrfs", "tmpfs", "overlay")
EXPECTED = {"ext4": "hardlink", "xfs": "clone", "btrfs": "clone", "tmpfs": "hardlink", "overlay": "hardlink"}


def mounted(kind: str, place: str) -> AbstractContextManager[str]:
    point = os.path.join(place, kind)
    os.makedirs(point, exist_ok=True)
    if kind == "tmpfs":
        return mounts.tmpfs(point, "64m")
    if kind == "overlay":
        lower = os.path.join(place, "lower")
        os.makedirs(lower, exist_ok=True)
        return mounts.overlay(lower, point)
    # the smallest ext4 is one that `cw doctor` would call nearly full; what is not written costs nothing
    return mounts.image(point, kind, 4 << 30 if kind == "ext4" else 0)


def used(world: World, root: str, store: str, mode: str) -> str:
    ran = world.cw(
        "pip", "install", "-p", root, "--json", "--reinstall", "--link-mode", mode, "demo==2.0", CW_CACHE_DIR=store
    )
    found = ran.json()
    assert isinstance(found, dict)
    return str(found["link_mode"])


@pytest.mark.parametrize("kind", KINDS)
def test_store_and_environment_on_one_file_system(world: World, kind: str) -> None:
    with mounted(kind, world.place) as point:
        root, store = world.environment(os.path.join(point, "v")), os.path.join(point, "store")
        assert used(world, root, store, "auto") == EXPECTED[kind]
        assert world.version(root) == "2.0"
        for mode in ("clone", "hardlink", "copy", "symlink", "fold"):
            used(world, root, store, mode)
            assert world.version(root) == "2.0"
            assert os.access(f"{root}/bin/demo", os.X_OK)
        assert world.is_sound(store)
        assert "Nothing is wrong" in world.cw("doctor", "-p", root, CW_CACHE_DIR=store).err or kind != "ext4"


@pytest.mark.parametrize("kind", KINDS)
def test_store_and_environment_on_different_file_systems(world: World, elsewhere: str, kind: str) -> None:
    """EXDEV in every verb that links; the strict form says which two mounts are in the way."""
    with mounted(kind, world.place) as point:
        root, store = elsewhere, os.path.join(point, "store")
        for mode in ("auto", "clone", "hardlink"):
            assert used(world, root, store, mode) == "copy"
            assert world.version(root) == "2.0"
        assert used(world, root, store, "fold") == "fold"
        ran = world.cw(
            "pip", "install", "-p", root, "--reinstall", "--link-mode", "hardlink!", "demo==2.0", CW_CACHE_DIR=store
        ).failed(1)
        assert "EXDEV" in ran.err
        assert world.version(root) == "2.0"
        told = json.loads(world.cw("doctor", "--json", "-p", root, CW_CACHE_DIR=store).out)
        assert any("they are different file systems" in one["text"] for one in told)


def test_overlay_lower_layer_holds_store_and_environment(world: World) -> None:
    """As in an image: both were made in the layer below; directories there cannot be renamed (EXDEV)."""
    lower = world.new(world.place, "lower")
    os.mkdir(lower)
    world.environment(f"{lower}/v")
    world.cw("pip", "install", "-p", f"{lower}/v", "--reinstall", "demo==1.0", CW_CACHE_DIR=f"{lower}/store").ok()
    with mounts.overlay(lower, os.path.join(world.place, "upper")) as point:
        root, store = f"{point}/v", f"{point}/store"
        for version in ("2.0", "1.0"):
            world.cw("pip", "install", "-p", root, f"demo=={version}", CW_CACHE_DIR=store).ok()
            assert world.version(root) == version
        world.cw("cache", "clean", CW_CACHE_DIR=store).ok()
        world.cw("pip", "uninstall", "-p", root, "demo", CW_CACHE_DIR=store).ok()
    assert world.version(f"{lower}/v") == "1.0"


def test_store_on_a_noexec_mount(world: World, elsewhere: str) -> None:
    """A library is mapped as code from where it lies: a link to one there cannot be imported, so it is copied."""
    name = f"ext/native{sysconfig.get_config_var('EXT_SUFFIX')}"
    with mounts.image(world.new(world.place, "noexec"), "ext4", options="noexec") as point:
        library = ctypes_library()
        make_wheel(world.wheels, "ext", "1.0", {"ext/__init__.py": "", name: library})
        for mode in ("auto", "symlink", "fold"):
            world.cw(
                "pip", "install", "-p", elsewhere, "--reinstall", "--link-mode", mode, "ext", CW_CACHE_DIR=f"{point}/s"
            ).ok()
            module = os.path.join(site_of(elsewhere), name)
            code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
            run(f"{elsewhere}/bin/python", "-c", code, module)
        told = world.cw("doctor", "-p", elsewhere, CW_CACHE_DIR=f"{point}/s").out
        assert "no symlink: " in told
        assert "noexec" in told
    world.cw("pip", "uninstall", "-p", elsewhere, "ext").ok()


def ctypes_library() -> bytes:
    """Return some shared object that any Python of this machine can load."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        path = next(line.split()[-1] for line in file if "/libc.so" in line or "/libc-" in line)
    with open(path, "rb") as library:
        return library.read()


def link_often(path: str, names: str) -> None:
    for number in range(70_000):
        os.link(path, f"{names}/{number}")


def test_file_at_the_hard_link_limit(world: World) -> None:
    """ext4 has 65,000 for one inode; the next environment gets a file of its own."""
    with mounts.image(world.new(world.place, "ext4"), "ext4", 96 << 20) as point:
        root, store = world.environment(os.path.join(point, "v")), os.path.join(point, "store")
        world.cw("pip", "install", "-p", root, "demo==2.0", CW_CACHE_DIR=store).ok()
        path = f"{entry_in(store, sha256_of(f'{world.wheels}/demo-2.0-py3-none-any.whl'))}/tree/demo/__init__.py"
        names = os.path.join(point, "names")
        os.mkdir(names)
        with pytest.raises(OSError, match="Too many links"):
            link_often(path, names)
        for mode in ("hardlink", "auto"):
            assert used(world, root, store, mode) == "hardlink"
            assert world.version(root) == "2.0"
        ran = world.cw(
            "pip", "install", "-p", root, "--reinstall", "--link-mode", "hardlink!", "demo==2.0", CW_CACHE_DIR=store
        ).failed(1)
        assert "EMLINK" in ran.err
        assert world.version(root) == "2.0"


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_full_disk_during_an_upgrade(world: World, what: str) -> None:
    """uv 0.13.9 leaves half of the new version there, listed as installed."""
    limits = ("3m", 0) if what == "bytes" else ("64m", 700)
    with mounts.tmpfs(world.new(world.place, "small"), *limits) as point:
        root = world.environment(os.path.join(point, "v"))
        before = snapshot(root, without=(".cw",))
        if what == "bytes":
            with open(f"{point}/stuffing", "wb", buffering=0) as file:
                room = os.statvfs(point)
                file.write(b"x" * (room.f_bavail * room.f_bsize - (60 << 10)))
        else:
            for number in range(os.statvfs(point).f_favail - 12):
                with open(f"{point}/{number}", "wb"):
                    pass
        ran = world.cw("pip", "install", "-p", root, "--link-mode", "copy", "demo==2.0").failed(1)
        assert "No space left on device (ENOSPC)" in ran.err
        assert ("no inodes left" if what == "inodes" else "is full") in ran.err
        assert snapshot(root, without=(".cw",)) == before
        assert world.version(root) == "1.0"
