"""Damage to a store is detected, reported in one line, and repaired by the command that met it; online, and offline where it can be.

uv 0.13.9 installs an emptied file as it is, exit status 0, and goes on doing so until the cache is cleaned by hand.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from kit.cli import Cw, Ran
from kit.commons import entry_in, run, snapshot, temporary
from kit.damage import DAMAGE
from kit.index_server import IndexServer
from kit.stores import demo_wheel
from kit.wheels import make_wheel, sha256_of

Harm = Callable[[str], object]
HARM = pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
# the wheel lies in the entry
KEEPING = {name: harm for name, harm in DAMAGE.items() if name != "emptied entry"}
FILENAME = "demo-1.0-py3-none-any.whl"


class World:
    """A user, an index, a package, and what an environment should hold of it."""

    def __init__(self, place: str, index: IndexServer) -> None:
        self.cw = Cw(place, CW_DEFAULT_INDEX=index.url)
        self.index = index
        wheel = demo_wheel(os.path.join(place, "wheels"))
        index.add(FILENAME, wheel)
        index.add("other-1.0-py3-none-any.whl", make_wheel(os.path.join(place, "wheels"), "other", "1.0"))
        self.sha256 = sha256_of(wheel)
        self.cw("venv", "v").ok()
        self.install()
        self.sound = self.content()

    def install(self, *words: str, **environ: str) -> Ran:
        """Install demo once more, without what it needs."""
        return self.cw("pip", "install", "-p", "v", "--no-deps", "--reinstall", *words, "demo", environ=environ).ok()

    def content(self) -> dict[str, tuple[object, ...]]:
        """Return what the environment holds, but for what tells one installation from the next."""
        return {path: found[3:] for path, found in snapshot(self.cw.path("v"), without=(".cw", "RECORD")).items()}

    @property
    def entry(self) -> str:
        """Return where the entry is."""
        return entry_in(self.cw.store, self.sha256)

    def downloads(self) -> int:
        """Return how often the wheel was asked for."""
        return len(self.index.seen(f"/files/demo/{FILENAME}"))


@pytest.fixture
def world(place: str) -> Iterator[World]:
    with IndexServer() as index:
        yield World(place, index)


def warnings(ran: Ran) -> list[str]:
    return [line for line in ran.err.splitlines() if line.startswith("warning:")]


@HARM
def test_damaged_entry_is_replaced_on_use(world: World, harm: Harm) -> None:
    harm(world.entry)
    ran = world.install()
    (line,) = warnings(ran)
    assert "is damaged and not used" in line
    assert world.content() == world.sound
    assert world.downloads() == 2
    assert world.install().err.count("warning") == 0
    assert world.downloads() == 2
    assert world.cw("cache", "verify").ok().err == "Checked 1 entry: all are sound\n"


@pytest.mark.parametrize("harm", KEEPING.values(), ids=KEEPING)
def test_kept_wheel_replaces_damage_offline(place: str, harm: Harm) -> None:
    with IndexServer() as index:
        cw = Cw(place)
        cw("cache", "init", "--private", "--keep-archives", cw.store).ok()
        world = World(place, index)
        harm(world.entry)
        ran = world.install("--offline")
        assert len(warnings(ran)) == 1
        assert world.content() == world.sound
        assert world.downloads() == 1
        assert sorted(os.listdir(world.entry)) == ["entry.txt", "files.txt", "tree", "wheel"]


@HARM
def test_another_layer_replaces_damage_offline(world: World, harm: Harm) -> None:
    """The damaged layer comes first; the command goes on with the next one that has the wheel."""
    first = world.cw.path("first")
    world.cw("cache", "init", "--private", first).ok()
    world.install(CW_LAYERS=world.cw.store, CW_CACHE_DIR=first)
    assert not os.path.exists(entry_in(first, world.sha256))
    os.makedirs(os.path.dirname(entry_in(first, world.sha256)))
    # as if it had been there from the beginning
    run("cp", "-a", world.entry, entry_in(first, world.sha256))
    harm(entry_in(first, world.sha256))
    asked = world.downloads()
    ran = world.install("--offline", CW_LAYERS=f"{first}", CW_CACHE_DIR=world.cw.store)
    assert len(warnings(ran)) == 1
    assert world.content() == world.sound
    assert world.downloads() == asked
    assert not os.path.exists(entry_in(first, world.sha256))


@pytest.mark.parametrize("mode", ["hardlink", "copy", "symlink", "fold"])
def test_damage_is_repaired_in_every_link_mode(world: World, mode: str) -> None:
    DAMAGE["truncated file"](world.entry)
    DAMAGE["missing file"](world.entry)
    world.install("--link-mode", mode)
    module = os.path.join(world.cw.site(), "demo", "data.txt")
    assert os.path.getsize(module) == 500


def test_unrepairable_offline_is_an_error_and_changes_nothing(world: World) -> None:
    before = snapshot(world.cw.path("v"), without=(".cw",))
    DAMAGE["missing file"](world.entry)
    ran = world.cw("pip", "install", "-p", "v", "--no-deps", "--reinstall", "--offline", "demo").failed()
    assert "demo" in ran.err
    assert "--offline" in ran.err
    assert snapshot(world.cw.path("v"), without=(".cw",)) == before


# --- verify ----------------------------------------------------------------------------------------------------------------


def forge(entry: str) -> None:
    """Change a byte and keep size, time and mode, as a failing disk or a careful editor does."""
    path = f"{entry}/tree/demo/data.txt"
    found = os.stat(path)
    with open(path, "r+b") as file:
        file.write(b"E")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_verify_hashes_and_names_affected_environments(world: World) -> None:
    world.install("--link-mode", "hardlink")
    forge(world.entry)
    ran = world.cw("cache", "verify").failed(1)
    assert "demo 1.0" in ran.out
    assert "`demo/data.txt` was changed" in ran.out
    assert "cw cache verify --repair" in ran.out
    assert f"`{world.cw.path('v')}` holds a bad file of it" in ran.out
    assert os.path.exists(world.entry), "verify alone changes nothing"
    ran = world.cw("cache", "verify", "--repair").ok()
    assert "it was replaced" in ran.out
    world.install()
    assert world.content() == world.sound
    world.cw("cache", "verify").ok()
    assert world.downloads() == 2


def test_repair_uses_the_kept_wheel(place: str) -> None:
    with IndexServer() as index:
        cw = Cw(place)
        cw("cache", "init", "--private", "--keep-archives", cw.store).ok()
        world = World(place, index)
        forge(world.entry)
        assert "it was replaced" in world.cw("cache", "verify", "--repair").ok().out
        world.cw("cache", "verify").ok()
        assert world.downloads() == 1
        world.install("--offline")
        assert world.content() == world.sound


def test_verify_of_one_package_ignores_the_others(world: World) -> None:
    world.cw("pip", "install", "-p", "v", "other").ok()
    forge(world.entry)
    assert "Checked 1 entry: all are sound" in world.cw("cache", "verify", "other").ok().err
    world.cw("cache", "verify", "demo").failed(1)


def test_prune_removes_the_rest_of_a_repaired_entry(world: World) -> None:
    DAMAGE["truncated file"](world.entry)
    world.install()
    world.cw("cache", "prune").ok()
    assert temporary(world.cw.store) == []
