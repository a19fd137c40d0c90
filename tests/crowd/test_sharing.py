"""One store for several users: whatever their umasks, in whatever order, and whatever may be written where.

uv's threads 5611, 15934, 5581 and 5496 are the users of this file: with uv 0.13.9 the second user of a cache that was
filled with the default umask cannot even start, and a cache that is mounted read-only is refused.
"""

import itertools
import os
import stat
from collections.abc import Iterator

import pytest

from kit.commons import Commons, entry_in, run, snapshot, temporary, writable_by_all
from kit.mounts import bind, image, tmpfs
from kit.shells import Shell
from kit.users import User, user_python

pytestmark = [pytest.mark.root, pytest.mark.alone]

COMMON = ("common", "tool")
OWN = {"alice": "of-alice", "bob": "of-bob", "carol": "of-carol"}
UMASKS = {"alice": 0o022, "bob": 0o002, "carol": 0o077}
WRITING = ("O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC")
CHANGES = (
    "mkdir",
    "rename",
    "unlink",
    "rmdir",
    "link(",
    "linkat",
    "symlink",
    "chmod",
    "chown",
    "utime",
    "mknod",
    "truncate",
)


@pytest.fixture(scope="module")
def stocked(here: Commons) -> Commons:
    """Offer what all want, and what each wants alone; with a program, and files of odd modes."""
    here.offer(
        "tool", "1.0", {"tool/__init__.py": "x = 1\n", "tool/bin/run": "#!/bin/sh\n", "tool/odd.txt": "odd\n"},
        entry_points={"console_scripts": {"tool": "tool:main"}},
        modes={"tool/bin/run": 0o700, "tool/odd.txt": 0o606, "tool/__init__.py": 0o200},
    )  # fmt: skip
    for name in ("common", *OWN.values()):
        for version in ("1.0", "2.0"):
            here.offer(name, version)
    return here


@pytest.fixture(scope="module")
def mounts(here: Commons) -> Iterator[tuple[str, str]]:
    """Give a file system for stores, and another for environments."""
    top = here.directory("mounts")
    with image(f"{top}/the stores", "ext4") as stores, tmpfs(f"{top}/environments", "64m") as environments:
        yield stores, environments


def modes(root: str) -> dict[str, tuple[object, ...]]:
    """Return what nobody may change of what exists: type and mode, owner, group."""
    return {path: found[:3] for path, found in snapshot(root).items()}


def assert_unchanged(before: dict[str, tuple[object, ...]], root: str, *, but: str = "v1/roots") -> None:
    now = modes(root)
    lost = {path for path in before.keys() - now.keys() if not path.startswith((but, "v1/use"))}
    assert not lost
    assert {path: now[path] for path in before.keys() & now.keys()} == {
        path: before[path] for path in before.keys() & now.keys()
    }


@pytest.mark.parametrize("order", list(itertools.permutations(OWN)), ids="-".join)
def test_users_with_any_umask_add_and_use_in_any_order(
    stocked: Commons, mounts: tuple[str, str], order: tuple[str, ...]
) -> None:
    here, (stores, environments) = stocked, mounts
    store = here.share(os.path.join(stores, "-".join(order)))
    before: dict[str, tuple[object, ...]] = {}
    asked = {name: here.downloads(name) for name in (*COMMON, *OWN.values())}
    for name in order:
        shell = here.at(name, umask=UMASKS[name])
        env = {"CW_LAYERS": store, "CW_CACHE_DIR": f"{here[name].home}/{'-'.join(order)}"}
        root = f"{environments}/{'-'.join(order)} {name}"
        shell("venv", "-p", user_python(), root, env=env).ok()
        shell("pip", "install", "-p", root, "common==1.0", "tool", f"{OWN[name]}==1.0", env=env).ok()
        assert_unchanged(before, store)
        before = modes(store)
        shell("pip", "install", "-p", root, "-U", "common", OWN[name], env=env).ok()
        assert_unchanged(before, store)
        before = modes(store)
        assert shell.program(f"{root}/bin/python", "-c", "import common, tool; print(common.version)") == "2.0\n"
        shell("pip", "uninstall", "-p", root, "tool", env=env).ok()
        assert shell("pip", "freeze", "-p", root, env=env).ok().out == f"common==2.0\n{OWN[name]}==2.0\n"
        # nothing went to the personal store
        assert not os.path.exists(f"{env['CW_CACHE_DIR']}/v1/entries")
    for name in COMMON:
        assert here.downloads(name) - asked[name] == 1, "the second user got it from the first"
    assert writable_by_all(store) == []
    assert temporary(store) == []
    for path, (mode, _, gid, _) in snapshot(store).items():
        if path.startswith("v1/"):
            assert gid == here.group, path
        if "/tree/" in path:
            assert mode in {"-r--r--r--", "-r-xr-xr-x", "dr-xr-sr-x"}, path


@pytest.mark.parametrize(
    ("umask", "file", "program"), [(0o022, 0o644, 0o755), (0o002, 0o664, 0o775), (0o077, 0o600, 0o700)]
)
def test_copies_have_the_modes_of_the_installing_user(
    stocked: Commons, mounts: tuple[str, str], umask: int, file: int, program: int
) -> None:
    here, (stores, environments) = stocked, mounts
    store = here.share(os.path.join(stores, f"copies {umask:o}"))
    shell = here.at("alice", umask=umask)
    root = f"{environments}/copies {umask:o}"
    shell("venv", "-p", user_python(), root).ok()
    shell("pip", "install", "-p", root, "--link-mode", "copy", "tool", env={"CW_LAYERS": store}).ok()
    site = os.path.join(root, "lib", os.path.basename(os.path.realpath(user_python())), "site-packages")
    assert stat.S_IMODE(os.stat(f"{site}/tool/__init__.py").st_mode) == file
    assert stat.S_IMODE(os.stat(f"{site}/tool/odd.txt").st_mode) == file
    assert stat.S_IMODE(os.stat(f"{site}/tool/bin/run").st_mode) == program
    assert stat.S_IMODE(os.stat(f"{root}/bin/tool").st_mode) == program


# --- what cannot be written ----------------------------------------------------------------------------------------------


@pytest.fixture
def filled(stocked: Commons, place: str) -> str:
    """Give a store that root has filled for everybody to read."""
    return fill(stocked, os.path.join(place, "published"), "common==2.0", "tool")


def fill(here: Commons, store: str, *wanted: str) -> str:
    here.share(store, "--publish")
    install(
        here,
        "root",
        os.path.join(os.path.dirname(store), "filling"),
        *wanted,
        CW_LAYERS=store,
        CW_CACHE_DIR=f"{store} of root",
    )
    return store


def install(here: Commons, name: str, root: str, *wanted: str, **env: str) -> None:
    shell = here.at(name)
    shell("venv", "-p", user_python(), root, env=env).ok()
    shell("pip", "install", "-p", root, *wanted, env=env).ok()


HOW = ("mounted read-only", "without the right to write", "belongs to somebody else", "full", "quota of inodes used up")


@pytest.mark.parametrize("how", HOW)
def test_refusing_layer_still_serves_its_entries(stocked: Commons, place: str, filled: str, how: str) -> None:
    """Hits come out of it and change nothing there; misses go to the personal store; the command does not mind."""
    here = stocked
    store = filled
    personal = os.path.join(here["alice"].home, how)
    room = os.path.join(place, "small")
    with (
        bind(filled, os.path.join(place, "ro"), read_only=True) as mounted,
        tmpfs(room, "600k") as small,
        tmpfs(f"{room} inodes", "4m", inodes=90) as few,
    ):
        if how == "mounted read-only":
            store = mounted
        elif how == "without the right to write":
            run("chown", "-R", str(here["alice"].uid), store)
            run("chmod", "-R", "a-w", store)
        elif how in {"full", "quota of inodes used up"}:
            top = small if how == "full" else few
            store = here.share(os.path.join(top, "store"))
            install(
                here,
                "alice",
                os.path.join(place, "first"),
                "common==2.0",
                "tool",
                CW_LAYERS=store,
                CW_CACHE_DIR=f"{personal}-other",
            )
            stuff(top)
        before = snapshot(store)
        asked = here.downloads("common", "2.0"), here.downloads("of-alice", "2.0")
        env = {"CW_LAYERS": store, "CW_CACHE_DIR": personal}
        root = os.path.join(place, "environment")
        install(here, "alice", root, "common", "tool", **env)
        assert snapshot(store) == before
        assert not os.path.exists(f"{personal}/v1/entries"), "all of it was in the layer"
        ran = here.at("alice")("pip", "install", "-p", root, "of-alice", env=env).ok()
        assert ran.warnings == []
        assert snapshot(store) == before
        assert (here.downloads("common", "2.0"), here.downloads("of-alice", "2.0")) == (asked[0], asked[1] + 1)
        assert len(os.listdir(f"{personal}/v1/entries")) == 1
        # and from there the next time
        install(here, "alice", os.path.join(place, "again"), "common", "of-alice", **env)
        assert here.downloads("of-alice", "2.0") == asked[1] + 1


def stuff(top: str) -> None:
    """Leave no room for another byte, nor inode."""
    with open(f"{top}/stuffing", "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    try:
        for number in range(10_000):
            with open(f"{top}/stuffing {number}", "wb"):
                pass
    except OSError:
        pass


@pytest.mark.parametrize("words", [(), ("--link-mode", "fold"), ("--link-mode", "copy")], ids=["auto", "fold", "copy"])
def test_complete_read_only_personal_store_suffices(
    stocked: Commons, place: str, filled: str, words: tuple[str, ...]
) -> None:
    """Images, sandboxes, CVMFS: uv 0.13.9 cannot make a temporary file there, and gives up."""
    here = stocked
    with bind(filled, os.path.join(place, "ro"), read_only=True) as store:
        asked = here.downloads("common", "2.0")
        install(here, "alice", os.path.join(place, "v"), *words, "common", "tool", CW_CACHE_DIR=store)
        assert here.downloads("common", "2.0") == asked
        # what it does not hold goes where alice's packages go if no store is named
        asked = here.downloads("of-bob", "2.0")
        for name in ("second", "third"):
            install(here, "alice", os.path.join(place, name), *words, "of-bob", CW_CACHE_DIR=store)
        assert here.downloads("of-bob", "2.0") <= asked + 1


def test_own_read_only_mounted_store_reports_missing_entries(stocked: Commons, place: str) -> None:
    here = stocked
    store, root = os.path.join(here["alice"].home, "own"), os.path.join(place, "v")
    install(here, "alice", os.path.join(place, "first"), "common", CW_CACHE_DIR=store)
    with bind(store, os.path.join(place, "ro"), read_only=True) as mounted:
        install(here, "alice", root, "common", CW_CACHE_DIR=mounted)
        ran = here.at("alice")("pip", "install", "-p", root, "of-bob", env={"CW_CACHE_DIR": mounted}).ok()
        assert "the packages could not be cached" in ran.err
        assert "Read-only file system (EROFS)" in ran.err
        assert "of-bob==2.0" in here.at("alice")("pip", "freeze", "-p", root).ok().out


def test_full_hit_writes_nothing_as_seen_by_the_kernel(stocked: Commons, place: str, filled: str) -> None:
    """Traced: no call that could change anything is made below the layer's root, not even one that fails."""
    here = stocked
    alice = here.at("alice")
    root, trace = os.path.join(place, "v"), os.path.join(place, "trace")
    env = {"CW_LAYERS": filled, "CW_CACHE_DIR": f"{here['alice'].home}/traced"}
    alice("venv", "-p", user_python(), root, env=env).ok()
    words = ["pip", "install", "-p", root, "--link-mode", "hardlink", "common", "tool"]
    here["alice"].run(
        [
            "strace",
            "-f",
            "-qq",
            "-y",
            "-e",
            "trace=%file,%desc",
            "-o",
            trace,
            user_python(),
            "-m",
            "commonwheel",
            *words,
        ],
        env={**alice.environ, **env},
    ).ok()
    assert "common==2.0" in alice("pip", "freeze", "-p", root).ok().out
    with open(trace, encoding="utf-8", errors="replace") as file:
        lines = [line for line in file if "/published" in line]
    assert len(lines) > 10
    # a hard link (tried and refused: the files are root's) changes the inode's count, and is no write to the store
    guilty = [
        line
        for line in lines
        if any(flag in line for flag in WRITING)
        or any(call in line.partition(" ")[2].lstrip()[:12] for call in CHANGES if call not in {"link(", "linkat"})
        or line.partition(" ")[2].lstrip().startswith(("write", "pwrite", "ftruncate", "fallocate"))
    ]
    assert guilty == []


def test_frozen_store_fails_first_and_lists_all_missing(stocked: Commons, place: str, filled: str) -> None:
    here = stocked
    alice, root = here.at("alice"), os.path.join(place, "v")
    env = {"CW_LAYERS": filled, "CW_CACHE_DIR": f"{here['alice'].home}/frozen"}
    alice("venv", "-p", user_python(), root, env=env).ok()
    before = snapshot(root)
    ran = alice("pip", "install", "-p", root, "--read-only-cache", "common", "of-bob", "of-carol", env=env).failed(1)
    assert "of-bob==2.0" in ran.err
    assert "of-carol==2.0" in ran.err
    assert "common==2.0" not in ran.err
    assert snapshot(root, without=(".cw",)) == {path: found for path, found in before.items() if ".cw" not in path}
    alice("pip", "install", "-p", root, "--frozen-cache", "common", "tool", env=env).ok()


# --- images ----------------------------------------------------------------------------------------------------------------


def test_copied_store_works_elsewhere_for_an_unnamed_user(stocked: Commons, place: str, filled: str) -> None:
    """Containers run as any number, with a store that the build of the image has filled."""
    here = stocked
    copied = os.path.join(place, "image", "cache")
    run("cp", "-a", filled, os.path.join(place, "lifted"))
    os.makedirs(os.path.dirname(copied))
    os.rename(os.path.join(place, "lifted"), copied)
    home = os.path.join(place, "home")
    os.mkdir(home, 0o755)
    os.chown(home, 54321, 0)
    nobody = User("", 54321, 0, home, (0,))
    asked = here.downloads("common", "2.0")
    environ = {"CW_LAYERS": copied, "CW_DEFAULT_INDEX": here.index.url}
    with Shell(nobody, environ, cwd=home) as shell:
        shell("venv", "-p", user_python(), "v").ok()
        for mode in ("auto", "fold"):
            shell("pip", "install", "-p", "v", "--reinstall", "--link-mode", mode, "common", "tool").ok()
            assert shell.program("v/bin/python", "-c", "import common; print(common.version)") == "2.0\n"
    assert here.downloads("common", "2.0") == asked


def test_foreign_private_store_serves_those_who_trust_it(stocked: Commons, place: str) -> None:
    """The first row of the table in DESIGN.md §1: a cache filled with the default umask, and a second user."""
    here = stocked
    store = os.path.join(here["alice"].home, "default")
    install(here, "alice", os.path.join(place, "a"), "common==1.0", CW_CACHE_DIR=store)
    before = snapshot(store)
    asked = here.downloads("common", "1.0")
    install(
        here, "bob", os.path.join(place, "b"), "common==1.0", CW_LAYERS=store, CW_CACHE_DIR=f"{here['bob'].home}/mine"
    )
    assert here.downloads("common", "1.0") == asked + 1, "bob does not trust alice, and her store keeps no wheel"
    trusting = {"CW_LAYERS": store, "CW_TRUST": here["alice"].name, "CW_CACHE_DIR": f"{here['carol'].home}/mine"}
    install(here, "carol", os.path.join(place, "c"), "common==1.0", **trusting)
    assert here.downloads("common", "1.0") == asked + 1, "carol trusts alice"
    assert snapshot(store) == before


def test_entry_has_a_header(stocked: Commons, filled: str) -> None:
    """Hold the tests above: what they find in the layer is really there."""
    sha256 = next(file.sha256 for file in stocked.index.files["common"] if "2.0" in file.filename)
    assert sorted(os.listdir(entry_in(filled, sha256))) == ["entry.txt", "files.txt", "tree", "wheel"]
