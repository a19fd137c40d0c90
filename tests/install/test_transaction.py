"""install/transaction.py: what changes, what a reader can see meanwhile, and what refuses. Crashes are in tests/crash."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commonwheel.events import Silence
from commonwheel.fs import disk, locks
from commonwheel.install import changeset, history, plan, recovery, transaction, verify
from commonwheel.install import state as states
from commonwheel.install.recovery import EnvironmentBusy
from commonwheel.install.transaction import EnvironmentChanged, Options
from commonwheel.model import PathSource, Pin
from commonwheel.store.trust import Trust
from kit import mounts
from kit.shelf import Shelf, environment, installed, pins, portrait
from kit.users import User, team_of, users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.events import Reporter
    from commonwheel.install.changeset import Changeset
    from commonwheel.model import Entry, Environment

MODES = ("auto", "clone", "hardlink", "copy", "symlink", "fold")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "store"))


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return environment(str(tmp_path / "env"))


class Listener:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, level: str, message: str) -> None:
        self.notes.append(message)

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        return 0

    def advance(self, task: int, amount: int = 1) -> None:
        pass

    def end(self, task: int) -> None:
        pass


def change(env: Environment, shelf: Shelf, *entries: Entry, mode: str = "auto", **words: object) -> Changeset:
    wanted = plan.make(installed(env), pins(*entries), plan.Wishes(**words))  # type: ignore[arg-type]
    return changeset.make(
        env, wanted, {one.name: one for one in entries}, shelf, link_mode=mode, seen=changeset.stamp(env)
    )


def install(
    env: Environment, shelf: Shelf, *entries: Entry, mode: str = "auto", **words: object
) -> transaction.Receipt:
    return transaction.apply(env, change(env, shelf, *entries, mode=mode, **words))


def uninstall(env: Environment, shelf: Shelf, *names: str) -> transaction.Receipt:
    return transaction.apply(env, changeset.make(env, plan.removal(installed(env), names), {}, shelf))


@pytest.mark.parametrize("kind", ["venv", "conda", "target", "prefix"])
@pytest.mark.parametrize("mode", MODES)
def test_install_and_uninstall_leave_nothing(tmp_path: Path, shelf: Shelf, mode: str, kind: str) -> None:
    env = environment(str(tmp_path / kind), kind)
    before = portrait(env.root)
    one = shelf.add("one", console=[("one", "one:x")], data={"data/share/one/x": "x", "scripts/s": "#!python\n"})
    two = shelf.add("two", "1.0", {"ns/two/__init__.py": "", "two.py": ""})
    receipt = install(env, shelf, one, two, mode=mode)
    assert [package.name for package in receipt.added] == ["one", "two"]
    assert verify.environment(env, installed(env)) == ()
    assert receipt.mode in {"auto": {"clone", "hardlink"}, "clone": {"clone", "copy"}, "fold": {"symlink", "fold"}}.get(
        mode, {mode}
    )
    receipt = uninstall(env, shelf, "one", "two")
    assert [package.digest for package in receipt.removed] == [one.digest, two.digest]
    assert portrait(env.root) == before


def test_copies_follow_the_umask_and_links_do_not(env: Environment, shelf: Shelf) -> None:
    files = {"one/__init__.py": "", "one/run.sh": "#!/bin/sh\n"}
    entry = shelf.add("one", "1.0", files, executable=["one/run.sh"], console=[("one", "one:x")])
    site = env.paths["purelib"]

    def modes() -> list[int]:
        names = (f"{site}/one/__init__.py", f"{site}/one/run.sh", f"{env.root}/bin/one", f"{site}/one")
        return [stat.S_IMODE(os.stat(name).st_mode) for name in names]

    previous = os.umask(0o027)
    try:
        install(env, shelf, entry, mode="copy")
        assert modes() == [0o640, 0o750, 0o750, 0o750]
        install(env, shelf, entry, mode="hardlink", reinstall_all=True)
        assert modes() == [0o444, 0o555, 0o750, 0o750]
    finally:
        os.umask(previous)


def test_foreign_file_in_the_way_keeps_its_other_names(env: Environment, shelf: Shelf, tmp_path: Path) -> None:
    cached = tmp_path / "conda cache.pth"
    cached.write_bytes(b"theirs")
    cached.chmod(0o664)
    for name in (f"{env.paths['purelib']}/one.pth", f"{env.root}/bin/one"):
        os.link(cached, name)
    before = cached.stat()
    receipt = install(env, shelf, shelf.add("one", "1.0", {"one.pth": "ours"}, console=[("one", "one:x")]), mode="copy")
    after = cached.stat()
    assert cached.read_bytes() == b"theirs"
    assert (after.st_mode, after.st_uid, after.st_nlink) == (before.st_mode, before.st_uid, before.st_nlink - 2)
    assert sum("which no package listed, was replaced" in text for text in receipt.warnings) == 2


@pytest.mark.parametrize("mode", ["hardlink", "copy", "symlink", "fold"])
def test_listed_packages_are_complete_at_every_step(env: Environment, shelf: Shelf, mode: str) -> None:
    old = [shelf.add("one", "1.0", {"one/__init__.py": "1", "ns/a.py": "1", "one.py": "1"}), shelf.add("two", "1.0")]
    install(env, shelf, *old, mode=mode)
    new = [shelf.add("one", "2.0", {"one/__init__.py": "2", "ns/a.py": "2", "one.py": "2"}), shelf.add("three", "1.0")]
    ready = change(env, shelf, *new, mode=mode, exact=True)
    site = env.paths["purelib"]
    seen = set()

    def look(operation: str, path: str) -> None:
        listed = [name for name in sorted(os.listdir(site)) if name.endswith(".dist-info")]
        # a file has no moment without a name: only directories do
        assert os.path.exists(f"{site}/one.py")
        for name in listed:
            assert verify.is_sound(f"{site}/{name}"), (operation, path, name)
        seen.add(tuple(listed))

    previous = disk.observe(look)
    try:
        receipt = transaction.apply(env, ready)
    finally:
        disk.observe(previous)
    assert (("one-1.0.dist-info", "two-1.0.dist-info")) in seen
    assert receipt.window > 0
    assert verify.environment(env, installed(env)) == ()


def test_dist_info_has_installer_and_origin(env: Environment, shelf: Shelf) -> None:
    entry = shelf.add("one")
    pin = Pin("one", "1.0", source=PathSource("/files/one-1.0-py3-none-any.whl"), requested=True)
    made = plan.make((), (pin,))
    transaction.apply(env, changeset.make(env, made, {"one": entry}, shelf, texts={"one": {"cw_build.txt": b"x"}}))
    location = f"{env.paths['purelib']}/one-1.0.dist-info"
    assert json.loads(Path(location, "direct_url.json").read_text()) == {
        "url": "file:///files/one-1.0-py3-none-any.whl",
        "archive_info": {"hashes": {"sha256": entry.digest}},
    }
    assert Path(location, "INSTALLER").read_text().strip() == "cw"
    assert Path(location, "REQUESTED").read_bytes() == b""
    assert "one-1.0.dist-info/cw_build.txt,sha256=" in Path(location, "RECORD").read_text()
    record = history.current(env)
    assert record is not None
    assert record.state["one"].direct_url.startswith("{")
    assert record.state["one"].requested


def test_plan_for_another_state_is_refused(env: Environment, shelf: Shelf) -> None:
    one, two = shelf.add("one"), shelf.add("two")
    ready = change(env, shelf, one)
    install(env, shelf, two)
    before = portrait(env.root)
    with pytest.raises(EnvironmentChanged):
        transaction.apply(env, ready)
    assert portrait(env.root) == before
    # a reinstallation of the same version is another state too
    ready = change(env, shelf, one)
    install(env, shelf, two, reinstall_all=True)
    with pytest.raises(EnvironmentChanged):
        transaction.apply(env, ready)


def test_file_appearing_at_the_last_moment_is_restored(env: Environment, shelf: Shelf) -> None:
    entry = shelf.add("one", "1.0", {"one.py": "ours", "zzz.py": "ours"})
    site = env.paths["purelib"]

    def meddle(operation: str, path: str) -> None:
        if operation == "rename" and path == f"{site}/one.py" and not os.path.exists(f"{site}/zzz.py"):
            Path(site, "zzz.py").write_text("theirs")
        if operation == "rename" and path.endswith("one-1.0.dist-info"):
            raise OSError(28, "full", path)

    ready = change(env, shelf, entry, mode="copy")
    previous = disk.observe(meddle)
    try:
        with pytest.raises(disk.DiskError):
            transaction.apply(env, ready)
    finally:
        disk.observe(previous)
    assert Path(site, "zzz.py").read_text() == "theirs"
    assert os.listdir(site) == ["zzz.py"]


def test_file_of_another_tool_after_a_crash_stays(env: Environment, shelf: Shelf) -> None:
    install(env, shelf, shelf.add("one", "1.0"), mode="copy")
    site = env.paths["purelib"]
    ready = change(env, shelf, shelf.add("one", "2.0"), mode="copy")
    context = multiprocessing.get_context("fork")

    def die() -> None:
        def at(operation: str, path: str) -> None:
            if operation == "rename" and path == f"{site}/one":
                os._exit(9)

        disk.observe(at)
        transaction.apply(env, ready)

    child = context.Process(target=die)
    child.start()
    child.join()
    assert child.exitcode == 9
    os.makedirs(f"{site}/one")
    Path(site, "one", "theirs.py").write_text("")
    assert recovery.recover(env, verify.is_sound).undone == ("",)
    assert os.listdir(f"{site}/one") == ["theirs.py"]
    assert recovery.recover(env, verify.is_sound) == recovery.Recovered()


def test_broken_environment_recovers_after_a_move(env: Environment, shelf: Shelf, tmp_path: Path) -> None:
    """A file server has other names on other hosts; and people move what is broken out of the way."""
    install(env, shelf, shelf.add("one", "1.0", console=[("one", "one:x")]), mode="copy")
    old = portrait(env.root)
    ready = change(env, shelf, shelf.add("one", "2.0"), mode="copy")
    context = multiprocessing.get_context("fork")

    def die() -> None:
        def at(operation: str, path: str) -> None:
            if operation == "rename" and path.endswith("one-2.0.dist-info"):
                os._exit(9)

        disk.observe(at)
        transaction.apply(env, ready)

    child = context.Process(target=die)
    child.start()
    child.join()
    assert portrait(env.root) != old
    os.rename(env.root, tmp_path / "elsewhere")
    moved = environment(str(tmp_path / "elsewhere"))
    assert recovery.recover(moved, verify.is_sound).undone == ("",)
    assert portrait(moved.root) == old
    record = history.current(moved)
    assert record is not None
    assert record.state["one"].location == f"{moved.paths['purelib']}/one-1.0.dist-info"


def test_signal_after_commit_undoes_nothing(env: Environment, shelf: Shelf) -> None:
    def interrupt(operation: str, path: str) -> None:
        # the record has its name: what follows is the removal of its temporary one
        if operation == "unlink" and os.path.exists(f"{env.root}/.cw/history/000001"):
            raise KeyboardInterrupt

    ready = change(env, shelf, shelf.add("one"))
    previous = disk.observe(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            transaction.apply(env, ready)
    finally:
        disk.observe(previous)
    assert [one.name for one in installed(env)] == ["one"]
    assert recovery.recover(env, verify.is_sound).finished == ("",)
    assert verify.environment(env, installed(env)) == ()


@pytest.mark.parametrize("durability", ["recover", "sync", "none"])
def test_sync_points(env: Environment, shelf: Shelf, durability: str) -> None:
    synced: list[str] = []

    def listen(operation: str, path: str) -> None:
        if operation == "sync":
            synced.append(os.path.basename(path))
        if operation == "rename" and "site-packages" in path:
            synced.append("renames")

    ready = change(env, shelf, shelf.add("one"), mode="copy")
    previous = disk.observe(listen)
    try:
        transaction.apply(env, ready, Options(durability=durability))
    finally:
        disk.observe(previous)
    before = synced[: synced.index("renames")]
    assert ("journal" in before) is (durability != "none")
    assert (len(synced) > len(before) + synced.count("renames")) is (durability == "sync")
    kept = [name for name in os.listdir(f"{env.root}/.cw") if name.startswith("unsettled")]
    assert len(kept) == (durability == "recover")


def hold(root: str, ready: object, go: object) -> None:
    with locks.lock(f"{root}/.cw/lock", timeout=5, who="testing"):
        ready.set()  # type: ignore[attr-defined]
        go.wait(20)  # type: ignore[attr-defined]


def test_waiting_writers_name_the_holder(env: Environment, shelf: Shelf) -> None:
    os.mkdir(f"{env.root}/.cw")
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(env.root, ready, go))
    holder.start()
    assert ready.wait(10)
    listener = Listener()
    with pytest.raises(locks.LockTimeout) as caught:
        transaction.apply(env, change(env, shelf, shelf.add("one")), Options(lock_timeout=0.05), listener)
    assert caught.value.holder is not None
    assert caught.value.holder.pid == holder.pid
    assert any(f"process {holder.pid}" in note for note in listener.notes)
    # readers never wait: neither the history nor the check for ruins needs the lock
    assert history.log(env) == ()
    assert recovery.recover(env, verify.is_sound) == recovery.Recovered()
    go.set()
    holder.join()
    assert install(env, shelf, shelf.add("one")).number == 1


def test_dead_holder_does_not_block(env: Environment, shelf: Shelf) -> None:
    os.mkdir(f"{env.root}/.cw")
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(env.root, ready, go))
    holder.start()
    assert ready.wait(10)
    holder.kill()
    holder.join()
    assert os.path.exists(f"{env.root}/.cw/lock")
    assert transaction.apply(env, change(env, shelf, shelf.add("one")), Options(lock_timeout=0)).number == 1


def sweep(env: Environment, reporter: Reporter, *, held: bool) -> None:
    state = states.opened(history.state_directory(env), Trust())
    assert state is not None
    with state:
        recovery.sweep(env, state, reporter, held=held)


def test_without_locks_a_live_writer_is_respected(env: Environment, shelf: Shelf) -> None:
    state = f"{env.root}/.cw"
    os.mkdir(state)
    mine = os.path.basename(disk.temporary("")).rsplit("-", 2)
    alive, dead = f"{mine[0]}-1-{'0' * 16}", f"{mine[0]}-{2**22 + 1}-{'0' * 16}"
    for name in (alive, dead):
        os.mkdir(f"{state}/{name}")
    with pytest.raises(EnvironmentBusy, match="process 1"):
        sweep(env, Listener(), held=False)
    # with the lock in hand nobody else is alive in there
    sweep(env, Listener(), held=True)
    assert os.listdir(state) == []


def test_clashes_are_found_before_any_change(env: Environment, shelf: Shelf) -> None:
    before = portrait(env.root, ignoring=())
    one, two = shelf.add("one", "1.0", {"x": ""}), shelf.add("two", "1.0", {"x/y": ""})
    with pytest.raises(Exception, match="cannot be installed here"):
        install(env, shelf, one, two)
    assert portrait(env.root, ignoring=()) == before


def test_folded_packages_unfold_and_both_can_be_removed(env: Environment, shelf: Shelf) -> None:
    before = portrait(env.root)
    first = shelf.add("first", "1.0", {"pkg/__init__.py": "1", "pkg/sub/a.py": "1", "pkg/sub/deep/b.py": "1"})
    second = shelf.add("second", "1.0", {"pkg/sub/plugin.py": "2"}, foldable=())
    install(env, shelf, first, mode="fold")
    folded = portrait(env.root)
    install(env, shelf, second, mode="fold")
    site = env.paths["purelib"]
    assert os.path.islink(f"{site}/pkg/sub/deep")
    assert Path(site, "pkg/sub/plugin.py").read_text() == "2"
    assert verify.environment(env, installed(env)) == ()
    stored = portrait(os.path.dirname(first.tree))
    uninstall(env, shelf, "second")
    assert Path(site, "pkg/sub/deep/b.py").read_text() == "1"
    assert portrait(env.root).keys() > folded.keys()
    uninstall(env, shelf, "first")
    assert portrait(env.root) == before
    assert portrait(os.path.dirname(first.tree)) == stored


def test_lock_holder_keeps_the_mark_of_a_new_state(env: Environment, shelf: Shelf) -> None:
    """A state directory is made before its lock can be taken; another command may have that by the next step."""
    ready = change(env, shelf, shelf.add("one"))
    state = history.state_directory(env)
    swept: list[str] = []

    def intrude(operation: str, path: str) -> None:
        if os.path.dirname(path) == state and operation in {"write", "close", "rename"} and not swept:
            swept.append(path)
            sweep(env, Silence(), held=True)

    previous = disk.observe(intrude)
    try:
        transaction.apply(env, ready)
    finally:
        disk.observe(previous)
    assert swept == [f"{state}/.gitignore"]
    assert Path(f"{state}/.gitignore").read_text() == "*\n"


def test_folding_has_no_cost_per_file(env: Environment, shelf: Shelf) -> None:
    counts = []
    install(env, shelf, shelf.add("first"))
    for size in (5, 100):
        entry = shelf.add("big", f"1.{size}", {"big/__init__.py": "", **{f"big/d{n}/m.py": "" for n in range(size)}})
        steps: list[str] = []
        ready = change(env, shelf, entry, mode="fold")
        previous = disk.observe(lambda operation, path, steps=steps: steps.append(path))  # type: ignore[misc]
        try:
            transaction.apply(env, ready)
        finally:
            disk.observe(previous)
        uninstall(env, shelf, "big")
        counts.append(len(steps))
    assert counts[0] == counts[1]
    assert shelf.files_asked == 0


def test_threads_place_the_same_as_one(env: Environment, shelf: Shelf) -> None:
    entry = shelf.add("big", "1.0", {f"big/d{n % 40}/e{n % 7}/m{n}.py": str(n) for n in range(800)})
    ready = change(env, shelf, entry, mode="copy")
    receipt = transaction.apply(env, ready, Options(processes=4))
    assert receipt.used["copy"] == 800 + 2
    assert verify.environment(env, installed(env)) == ()
    # the first error stops all of them, and leaves nothing
    seen = []

    def fail(operation: str, path: str) -> None:
        seen.append(path)
        if len(seen) == 500:
            raise OSError(28, "full", path)

    before = portrait(env.root)
    ready = change(env, shelf, entry, mode="copy", reinstall_all=True)
    previous = disk.observe(fail)
    try:
        with pytest.raises(disk.DiskError):
            transaction.apply(env, ready, Options(processes=4))
    finally:
        disk.observe(previous)
    assert portrait(env.root) == before
    assert min(os.listdir(f"{env.root}/.cw")) == ".gitignore"


# --- real mounts and users -----------------------------------------------------------------------------------------


@pytest.mark.root
def test_scheme_on_another_mount(tmp_path: Path, shelf: Shelf) -> None:
    env = environment(str(tmp_path / "env"))
    before = portrait(env.root)
    entry = shelf.add("one", "1.0", console=[("one", "one:x")], data={"data/share/a/b": "x"})
    os.mkdir(f"{env.root}/share")
    with mounts.tmpfs(f"{env.root}/bin"), mounts.bind(f"{env.root}/share", f"{env.root}/share"):
        install(env, shelf, entry, mode="copy")
        assert os.path.exists(f"{env.root}/bin/one")
        assert Path(env.root, "share/a/b").read_text() == "x"
        new = shelf.add("one", "2.0", console=[("one", "one:y")], data={"data/share/a/b": "y"})
        install(env, shelf, new, mode="copy")
        assert "import y" in Path(env.root, "bin/one").read_text()
        # it fails behind the moves to the other mount, and is undone there as well
        old = portrait(env.root)

        def fail(operation: str, path: str) -> None:
            if operation == "link" and "/history/" in path:
                raise OSError(28, "full", path)

        ready = change(env, shelf, entry, mode="copy")
        previous = disk.observe(fail)
        try:
            with pytest.raises(disk.DiskError):
                transaction.apply(env, ready)
        finally:
            disk.observe(previous)
        assert portrait(env.root) == old
        uninstall(env, shelf, "one")
        assert os.listdir(f"{env.root}/bin") == []
    os.rmdir(f"{env.root}/share")
    assert portrait(env.root) == before


@pytest.mark.root
@pytest.mark.parametrize("killed", [False, True])
def test_upgrade_of_packages_in_a_container_image(tmp_path: Path, shelf: Shelf, killed: bool) -> None:
    """A directory of a lower layer cannot be renamed (EXDEV), not even within its parent: its files move one by one."""
    lower = environment(str(tmp_path / "image"))
    install(
        lower,
        shelf,
        shelf.add("one", "1.0", {"one/__init__.py": "1", "one/a/b/c.py": "1", "one/d.txt": "1"}),
        mode="copy",
    )
    with mounts.overlay(lower.root, str(tmp_path / "container")) as root:
        env = environment(root)
        new = shelf.add("one", "2.0", {"one/__init__.py": "2", "one/a/b/c.py": "2"})
        # the image knows other inodes and other roots; scripts and RECORD do not name the root here
        old = portrait(root)
        if not killed:
            install(env, shelf, new, mode="copy")
            assert Path(env.paths["purelib"], "one/a/b/c.py").read_text() == "2"
            assert verify.environment(env, installed(env)) == ()
            return
        steps = 0
        context = multiprocessing.get_context("fork")
        while portrait(root) == old:
            steps += 1

            def die(steps: int = steps) -> None:
                left = [steps]

                def at(operation: str, path: str) -> None:
                    left[0] -= 1
                    if not left[0]:
                        os._exit(9)

                ready = change(env, shelf, new, mode="copy")
                disk.observe(at)
                transaction.apply(env, ready)
                os._exit(0)

            child = context.Process(target=die)
            child.start()
            child.join()
            assert child.exitcode in {0, 9}
            recovery.recover(env, verify.is_sound)
            assert portrait(root) == old or verify.environment(env, installed(env)) == ()
        assert [one.version for one in installed(env)] == ["2.0"]
        assert steps > 40


@pytest.fixture(scope="module")
def people() -> Iterator[tuple[User, User]]:
    with users("alice", "bob", group="team") as (alice, bob):
        yield alice, bob


SCRIPT = """
import sys
from kit.shelf import Shelf, environment, installed, pins
from commonwheel.install import changeset, plan, transaction
from commonwheel.errors import CommonwheelError
root, store, version, mode = sys.argv[1:]
env, shelf = environment(root), Shelf(store)
entry = shelf.add("one", version, {"one/__init__.py": version, "one/sub/a.py": version}, console=[("one", "one:x")])
made = plan.make(installed(env), pins(entry))
try:
    transaction.apply(env, changeset.make(env, made, {"one": entry}, shelf, link_mode=mode))
except CommonwheelError as error:
    print(error.code, error.message)
"""


@pytest.mark.root
@pytest.mark.parametrize("mode", ["copy", "hardlink", "fold"])
def test_two_users_change_one_environment(place: str, people: tuple[User, User], mode: str) -> None:
    """Alice cannot move bob's directories elsewhere (EACCES), but can move them within their parent."""
    alice, bob = people
    root = f"{place}/env"
    environment(root)
    for directory, _, _ in os.walk(root):
        os.chown(directory, alice.uid, team_of(alice, bob))
        os.chmod(directory, 0o2775)
    for user, version in ((alice, "1.0"), (bob, "2.0"), (alice, "3.0")):
        assert user.python(SCRIPT, root, f"{user.home}/store-{mode}", version, mode, umask=0o002).ok() == ""
        env = environment(root)
        assert [one.version for one in installed(env)] == [version]
        assert verify.environment(env, installed(env)) == ()
        names = [name for directory, inner, files in os.walk(root) for name in (*inner, *files)]
        assert not [name for name in names if name.startswith(".tmp-")]


@pytest.mark.root
def test_missing_write_permission_fails_before_any_change(place: str, people: tuple[User, User]) -> None:
    alice, bob = people
    root = f"{place}/env"
    environment(root)
    for directory, _, _ in os.walk(root):
        os.chown(directory, alice.uid, alice.gid)
    before = portrait(root, ignoring=())
    out = bob.python(SCRIPT, root, f"{bob.home}/store", "1.0", "copy").ok()
    assert out.startswith("environment-not-writable no write permission for")
    assert portrait(root, ignoring=()) == before
    assert sys.platform != "win32"
