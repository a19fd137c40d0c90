"""Wheels come in whole, once, and proved; or nothing of them stays."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commonwheel.fs import disk
from commonwheel.model import Digest
from commonwheel.specs.wheel_file import InvalidWheelName
from commonwheel.store import layout
from commonwheel.store.ingest import DigestMismatch, Ingest, NoLayer, fits
from commonwheel.store.layers import Layer
from commonwheel.store.store import Store
from commonwheel.store.trust import Trust
from commonwheel.store.wheel import BadWheel
from kit.mounts import bind, tmpfs
from kit.stores import Heard, admit, demo_wheel, everything_below, filled_with, header_of, leftovers, let_go, open_store
from kit.users import team_of, users
from kit.wheels import make_wheel, record_row, sha256_of, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from commonwheel.fs.files import NewFile
    from kit.users import User

NAME = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


@pytest.fixture
def wheel(place: str) -> str:
    path = demo_wheel(os.path.join(place, "wheels"))
    os.chmod(path, 0o644)
    return path


def content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def digests_of(data: bytes, *names: str) -> tuple[Digest, ...]:
    return tuple(Digest(name, hashlib.new(name, data).hexdigest()) for name in names)


def files_below(root: str) -> list[str]:
    return [path for path in everything_below(root) if os.path.isfile(os.path.join(root, path))]


def entries_of(root: str) -> list[str]:
    shards = os.path.join(root, layout.ENTRIES)
    return [path for path in everything_below(shards) if layout.digest_of_entry(path.rpartition("/")[2])]


# --- what comes in ---------------------------------------------------------------------------------------------------


def test_entry_is_published_atomically_and_read_only(root: str, wheel: str) -> None:
    entry = admit(open_store(root), wheel)
    assert sorted(os.listdir(entry.root)) == ["entry.txt", "files.txt", "tree"]
    assert stat.S_IMODE(os.lstat(entry.root).st_mode) == 0o755
    for path in everything_below(entry.root):
        mode = stat.S_IMODE(os.lstat(f"{entry.root}/{path}").st_mode)
        assert mode in {0o444, 0o555}, path
    assert leftovers(root) == []
    # nothing in it says where it is
    assert not any(root.encode() in content(f"{entry.root}/{path}") for path in files_below(entry.root))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_umask_does_not_matter(root: str, wheel: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        test_entry_is_published_atomically_and_read_only(root, wheel)
    finally:
        os.umask(before)


def test_store_can_be_moved(root: str, wheel: str, place: str) -> None:
    entry = admit(open_store(root), wheel)
    os.rename(root, os.path.join(place, "moved"))
    assert open_store(os.path.join(place, "moved")).ready(entry.digest) is not None


def test_existing_entry_is_not_fetched_again(root: str, wheel: str) -> None:
    calls: list[int] = []
    expected = digests_of(content(wheel), "sha256")
    for store in (open_store(root), open_store(root)):
        for _ in range(2):
            store.admit(filled_with(content(wheel), calls), filename=NAME, expected=expected)
    assert len(calls) == 1


def test_wheel_without_digest_is_named_by_its_own(root: str, wheel: str) -> None:
    store = open_store(root)
    entry = store.admit(filled_with(content(wheel)), filename=NAME)
    assert entry.digest == sha256_of(wheel)
    assert store.admit(filled_with(content(wheel)), filename=NAME) == entry
    assert leftovers(root) == []


@pytest.mark.parametrize("names", [("sha256",), ("sha512",), ("md5",), ("sha384", "blake2b"), ("md5", "sha256")])
def test_any_matching_digest_is_accepted(root: str, wheel: str, names: tuple[str, ...]) -> None:
    data = content(wheel)
    wrong = tuple(Digest(name, "00") for name in names)
    entry = open_store(root).admit(filled_with(data), filename=NAME, expected=(*wrong, *digests_of(data, *names)))
    assert entry.digest == sha256_of(wheel)


@pytest.mark.parametrize(
    "expected",
    [
        (Digest("sha256", "00" * 32),),
        (Digest("sha512", "00" * 64), Digest("sha256", "11" * 32)),
        (Digest("md5", "00" * 16),),
        (Digest("crc0", "00"),),
    ],
    ids=["sha256", "two", "md5", "unknown"],
)
def test_wheel_with_another_digest_is_refused(root: str, wheel: str, expected: Any) -> None:
    with pytest.raises(DigestMismatch) as caught:
        open_store(root).admit(filled_with(content(wheel)), filename=NAME, expected=expected)
    assert caught.value.code == "hash-mismatch"
    assert f"expected {expected[0]}" in caught.value.context
    assert files_below(root) == [".gitignore", "CACHEDIR.TAG"]


def test_weak_digest_does_not_replace_a_strong_one(root: str, wheel: str) -> None:
    data = content(wheel)
    with pytest.raises(DigestMismatch):
        open_store(root).admit(
            filled_with(data), filename=NAME, expected=(*digests_of(data, "md5"), Digest("sha256", "00"))
        )


def test_digest_matching() -> None:
    assert fits((), {"sha256": "a"})
    assert fits((Digest("sha256", "A"),), {"sha256": "a"})
    assert not fits((Digest("sha512", "a"),), {"sha256": "a"})


def test_bad_wheel_leaves_nothing(root: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo/a.py": "a"}, record_rows={"demo/a.py": record_row("demo/a.py", b"b")})
    with pytest.raises(BadWheel):
        admit(open_store(root), path)
    assert files_below(root) == [".gitignore", "CACHEDIR.TAG"]
    heard = Heard()
    store = Store((Layer(root, Trust()),), heard, lambda store: Ingest(store, verify_record=False))
    assert admit(store, path).name == "demo"
    assert "`demo/a.py` has sha256" in heard.warnings[0]


@pytest.mark.parametrize(
    "name", ["demo.whl", "demo-1.0.tar.gz", "../demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl/x"]
)
def test_file_without_wheel_name_is_not_fetched(root: str, name: str) -> None:
    calls: list[int] = []
    with pytest.raises(InvalidWheelName):
        open_store(root).admit(filled_with(b"", calls), filename=name)
    assert calls == []


def test_failed_fetch_leaves_nothing_and_keeps_its_error(root: str) -> None:
    def fail(file: NewFile) -> None:
        file.write(b"PK")
        raise TimeoutError("the wire")

    with pytest.raises(TimeoutError, match="the wire"):
        open_store(root).admit(fail, filename=NAME)
    assert files_below(root) == [".gitignore", "CACHEDIR.TAG"]


@pytest.mark.parametrize("back_to", [0, 7])
def test_fetch_may_restart(root: str, wheel: str, back_to: int) -> None:
    data = content(wheel)

    def fill(file: NewFile) -> None:
        file.write(data[:7] + b"junk that will not do")
        file.rewind(back_to)
        file.write(data[back_to:])

    entry = open_store(root).admit(fill, filename=NAME, expected=digests_of(data, "sha256"))
    assert entry.digest == sha256_of(wheel)


def test_local_file_is_copied_before_verification(root: str, wheel: str) -> None:
    store = open_store(root)
    entry = store.admit_file(wheel, NAME, digests_of(content(wheel), "sha256"))
    assert header_of(store, entry).published.origin == "file"
    assert store.admit_file(wheel, NAME) == entry
    with pytest.raises(DigestMismatch):
        store.admit_file(wheel, NAME, (Digest("sha256", "00" * 32),))
    with pytest.raises(disk.DiskError, match=r"none\.whl"):
        store.admit_file("/none/such/none.whl", NAME)


def test_existing_file_under_another_digest_kind(root: str, wheel: str) -> None:
    store = open_store(root)
    entry = store.admit_file(wheel, NAME)
    assert store.admit_file(wheel, NAME, digests_of(content(wheel), "sha512")) == entry
    with pytest.raises(DigestMismatch):
        store.admit_file(wheel, NAME, (Digest("sha512", "00" * 64),))


# --- which layer takes it ------------------------------------------------------------------------------------------------


def test_first_accepting_layer_gets_the_entry(place: str, wheel: str) -> None:
    roots = [os.path.join(place, name) for name in ("ro", "first", "second")]
    entry = admit(open_store(*roots, read_only=roots[:1]), wheel)
    assert entry.root.startswith(roots[1])
    assert not os.path.exists(roots[0])
    assert not os.path.exists(roots[2])


def test_local_builds_go_to_the_personal_store(place: str, wheel: str) -> None:
    shared, mine = os.path.join(place, "shared"), os.path.join(place, "mine")
    os.mkdir(shared)
    os.chmod(shared, 0o1777)
    assert admit(open_store(shared, mine), wheel, private=True).root.startswith(mine)
    with pytest.raises(NoLayer):
        admit(open_store(shared), wheel, private=True)


@pytest.mark.root
def test_full_layer_passes_the_entry_on_and_keeps_nothing(place: str, wheel: str, tmp_path: Path) -> None:
    calls: list[int] = []
    data = wheel_bytes(files={"demo/big.bin": os.urandom(400_000), "demo/__init__.py": ""})
    with tmpfs(os.path.join(place, "small"), "256k") as small:
        roots = [os.path.join(small, "s"), os.path.join(place, "large")]
        store = open_store(*roots)
        entry = store.admit(filled_with(data, calls), filename=NAME, expected=digests_of(data, "sha256"))
        assert entry.root.startswith(roots[1])
        assert len(calls) == 2
        assert "ENOSPC" in store.layers[0].refusal
        assert files_below(roots[0]) == [".gitignore", "CACHEDIR.TAG"]
        # full once, and not asked again
        other = wheel_bytes("other", files={"other.py": ""})
        assert store.admit(filled_with(other), filename="other-1.0-py3-none-any.whl").root.startswith(roots[1])


@pytest.mark.root
def test_layer_too_full_for_the_tree_costs_no_second_fetch(place: str) -> None:
    calls: list[int] = []
    data = wheel_bytes(files={"demo/zeros.bin": bytes(2_000_000), "demo/__init__.py": ""})
    with tmpfs(os.path.join(place, "small"), "256k") as small:
        roots = [os.path.join(small, "s"), os.path.join(place, "large")]
        entry = open_store(*roots).admit(filled_with(data, calls), filename=NAME, expected=digests_of(data, "sha256"))
        assert entry.root.startswith(roots[1])
        assert len(calls) == 1
        assert files_below(roots[0]) == [".gitignore", "CACHEDIR.TAG"]


@pytest.mark.root
def test_no_space_anywhere_is_an_error(place: str) -> None:
    data = wheel_bytes(files={"demo/big.bin": os.urandom(400_000)})
    with tmpfs(os.path.join(place, "small"), "256k") as small:
        with pytest.raises(NoLayer) as caught:
            open_store(os.path.join(small, "s")).admit(filled_with(data), filename=NAME)
        assert "ENOSPC" in caught.value.context[0]
        assert "full" in (caught.value.hint or "")
        assert files_below(small) == ["s/.gitignore", "s/CACHEDIR.TAG"]


@pytest.mark.root
def test_read_only_mounted_layer_passes_the_entry_on(place: str, wheel: str) -> None:
    os.mkdir(os.path.join(place, "source"))
    with bind(os.path.join(place, "source"), os.path.join(place, "ro"), read_only=True) as mounted:
        store = open_store(mounted, os.path.join(place, "rw"))
        assert admit(store, wheel).root.startswith(os.path.join(place, "rw"))
        assert "EROFS" in store.layers[0].refusal


def test_error_lists_why_each_layer_refused(root: str, wheel: str) -> None:
    with pytest.raises(NoLayer) as caught:
        admit(open_store(root, read_only=[root]), wheel)
    assert caught.value.context == (f"`{root}`: it is set to be read only",)
    assert "--cache-dir" in (caught.value.hint or "")


# --- whatever happens --------------------------------------------------------------------------------------------------


def steps_of(root: str, wheel: str) -> int:
    seen = []
    before = disk.observe(lambda operation, path: seen.append(operation))
    try:
        admit(open_store(root), wheel)
    finally:
        disk.observe(before)
    return len(seen)


def test_failure_at_any_step_shows_no_partial_entry(place: str) -> None:
    """Fail every change of the disk in turn, then every change from there on: old or new, and no litter."""
    wheel = make_wheel(place, files={"demo/__init__.py": ""})
    total = steps_of(os.path.join(place, "count"), wheel)
    assert total > 30
    digest = sha256_of(wheel)
    for stays_broken in (False, True):
        for number in range(total):
            root = os.path.join(place, f"{stays_broken}{number}")
            count = iter(range(10_000))

            failed: list[str] = []

            def fail(
                operation: str,
                path: str,
                count: Iterator[int] = count,
                number: int = number,
                stays_broken: bool = stays_broken,
                failed: list[str] = failed,
            ) -> None:
                now = next(count)
                if now == number or (stays_broken and now > number):
                    failed.append(operation)
                    raise OSError(errno.EIO, os.strerror(errno.EIO), path)

            before = disk.observe(fail)
            try:
                admit(open_store(root), wheel)
            except (NoLayer, disk.DiskError):
                pass
            finally:
                disk.observe(before)
            store = open_store(root)
            entry = store.ready(digest)
            if not set(failed) & {"unlink", "rmdir"}:
                assert [path for path in leftovers(root) if os.path.isfile(f"{root}/{path}")] == [], number
            if entry is None:
                assert entries_of(root) == []
                entry = admit(open_store(root), wheel)
            assert store.check(entry) == []


def test_killed_process_leaves_nothing_visible(place: str) -> None:
    """Kill the process before every change of the disk in turn."""
    wheel = make_wheel(place, files={"demo/__init__.py": ""})
    total = steps_of(os.path.join(place, "count"), wheel)
    for number in range(0, total, 2):
        root = os.path.join(place, str(number))
        child = os.fork()
        if child == 0:
            count = iter(range(10_000))

            def die(_operation: str, _path: str, count: Iterator[int] = count, number: int = number) -> None:
                if next(count) == number:
                    os._exit(9)

            disk.observe(die)
            try:
                admit(open_store(root), wheel)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        heard = Heard()
        store = open_store(root, heard=heard)
        entry = store.ready(sha256_of(wheel)) or admit(store, wheel)
        assert store.check(entry) == []
        assert heard.warnings == []


ADMIT = """
import sys
from kit.stores import admit, open_store
sys.stdin.readline()
for path in sys.argv[2:]:
    assert open_store(sys.argv[1]).check(admit(open_store(sys.argv[1]), path)) == []
"""


def test_parallel_processes_admit_the_same_wheels(root: str, tmp_path: Path) -> None:
    wheels = [demo_wheel(tmp_path, f"demo{number}") for number in range(4)]
    path = os.pathsep.join(sys.path)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", ADMIT, root, *(wheels if number % 2 else reversed(wheels))],
            env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    for child in children:
        let_go(child)
    errors = [child.communicate()[1] for child in children]
    assert [child.returncode for child in children] == [0] * 4, errors
    assert len(entries_of(root)) == 4
    assert leftovers(root) == []
    assert os.listdir(os.path.join(root, "v1/leases")) == []


def test_loser_of_a_race_uses_the_published_entry(root: str, wheel: str, place: str) -> None:
    """Another process publishes between unpacking and publishing: its entry is used."""
    other = os.path.join(place, "other")
    winner = admit(open_store(other), wheel)

    def overtake(operation: str, path: str) -> None:
        final = os.path.join(root, layout.entry(winner.digest))
        if operation == "rename" and path == final and not os.path.exists(final):
            os.rename(winner.root, final)

    before = disk.observe(overtake)
    try:
        entry = admit(open_store(root), wheel)
    finally:
        disk.observe(before)
    assert entry.root == os.path.join(root, layout.entry(winner.digest))
    assert leftovers(root) == []


def test_parallel_fetch_of_the_same_wheel_is_awaited(root: str, wheel: str) -> None:
    """The second process does not fetch: it finds the published entry when it gets the lease."""
    import threading

    digest = Digest("sha256", sha256_of(wheel))
    started = threading.Event()
    calls: list[object] = []

    def slow(file: NewFile) -> None:
        calls.append("slow")
        started.set()
        waiter.join(0.3)
        assert waiter.is_alive(), "the second waits while the first fetches"
        file.write(content(wheel))

    def second() -> None:
        started.wait()
        open_store(root).admit(filled_with(content(wheel), calls), filename=NAME, expected=(digest,))

    waiter = threading.Thread(target=second)
    waiter.start()
    open_store(root).admit(slow, filename=NAME, expected=(digest,))
    waiter.join()
    assert calls == ["slow"]


# --- from people whom nobody trusts ------------------------------------------------------------------------------------------


def lent(eve: User, root: str, wheel: str) -> str:
    """Let another user fill a store open to all; return the path of the wheel kept there."""
    os.mkdir(root)
    os.chmod(root, 0o1777)
    eve.python("import sys; from kit.stores import *; admit(open_store(sys.argv[1]), sys.argv[2])", root, wheel).ok()
    return os.path.join(root, layout.entry(sha256_of(wheel)), "wheel", os.path.basename(wheel))


@pytest.mark.root
def test_foreign_wheel_is_verified_and_only_saves_the_download(place: str, wheel: str) -> None:
    with users("eve") as (eve,):
        shared, mine = os.path.join(place, "shared"), os.path.join(place, "mine")
        kept = lent(eve, shared, wheel)
        tree = os.path.join(shared, layout.entry(sha256_of(wheel)), "tree/demo/data.txt")
        os.chmod(tree, 0o644)
        with open(tree, "w") as file:
            file.write("evil")
        calls: list[int] = []
        store = open_store(shared, mine)
        expected = (Digest("sha256", sha256_of(wheel)),)
        entry = store.admit(filled_with(content(wheel), calls), filename=NAME, expected=expected)
        assert calls == []
        assert entry.root.startswith(mine)
        assert store.check(entry) == []
        assert content(f"{entry.tree}/demo/data.txt").startswith(b"data")
        # without a hash to hold it against, it is a miss
        store = open_store(shared, os.path.join(place, "other"))
        store.admit(filled_with(content(wheel), calls), filename=NAME)
        assert calls == [1]
        assert os.path.exists(kept)


def replaced_by_a_pipe(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


def replaced_by_a_link(path: str) -> None:
    os.unlink(path)
    os.symlink("/dev/zero", path)


@pytest.mark.root
@pytest.mark.parametrize(
    "swap",
    [
        lambda path: os.truncate(path, 100),
        replaced_by_a_pipe,
        replaced_by_a_link,
        lambda path: os.truncate(path, 1 << 33),
    ],
    ids=["other content", "a pipe", "a link", "a huge hole"],
)
def test_foreign_wheel_with_other_bytes_is_ignored(place: str, wheel: str, swap: Callable[[str], object]) -> None:
    with users("eve") as (eve,):
        shared, mine = os.path.join(place, "shared"), os.path.join(place, "mine")
        swap(lent(eve, shared, wheel))
        calls: list[int] = []
        expected = (Digest("sha256", sha256_of(wheel)),)
        store = open_store(shared, mine)
        assert store.admit(filled_with(content(wheel), calls), filename=NAME, expected=expected).root.startswith(mine)
        assert calls == [1]
        assert leftovers(mine) == []


@pytest.mark.root
def test_nothing_is_published_where_other_users_can_write(place: str, wheel: str) -> None:
    with users("eve") as (eve,):
        shared = os.path.join(place, "shared")
        lent(eve, shared, wheel)
        shutil.rmtree(os.path.join(shared, layout.entry(sha256_of(wheel))))
        store = open_store(shared, os.path.join(place, "mine"))
        assert admit(store, wheel).root.startswith(os.path.join(place, "mine"))
        assert any("can be relied on" in note for note in store.layers[0].notes)


@pytest.mark.root
def test_foreign_entry_does_not_block_my_entry(place: str, wheel: str) -> None:
    """In a sticky directory of root's the plain name is eve's; alice's own entry lies beside it."""
    with users("alice", "eve") as (alice, eve):
        shared = os.path.join(place, "shared")
        os.mkdir(shared)
        for directory in ("", "v1", "v1/entries", layout.shard(sha256_of(wheel))):
            os.makedirs(os.path.join(shared, directory), exist_ok=True)
            os.chmod(os.path.join(shared, directory), 0o1777)
        add = "import sys; from kit.stores import *; print(admit(open_store(sys.argv[1]), sys.argv[2]).root)"
        plain = os.path.join(shared, layout.entry(sha256_of(wheel)))
        assert eve.python(add, shared, wheel).ok() == f"{plain}\n"
        assert alice.python(add, shared, wheel).ok() == f"{plain}.{alice.uid}\n"
        assert alice.python(add, shared, wheel).ok() == f"{plain}.{alice.uid}\n"
        assert eve.python(add, shared, wheel).ok() == f"{plain}\n"


@pytest.mark.root
def test_users_with_any_umask_fill_one_group_store(place: str) -> None:
    with users("alice", "bob", group="team") as (alice, bob):
        root = os.path.join(place, "team")
        os.mkdir(root)
        os.chown(root, 0, team_of(alice, bob))
        os.chmod(root, 0o2770)
        wheels = [demo_wheel(os.path.join(place, "wheels"), f"demo{number}") for number in range(3)]
        code = "import sys; from kit.stores import *\nsys.stdin.readline()\nfor path in sys.argv[2:]: admit(open_store(sys.argv[1]), path)"
        children = [
            user.spawn(user.python_argv(code, root, *wheels), umask=umask)
            for user in (alice, bob)
            for umask in (0o077, 0o002)
        ]
        for child in children:
            let_go(child)
        errors = [child.communicate()[1] for child in children]
        assert [child.returncode for child in children] == [0] * 4, errors
        assert len(entries_of(root)) == 3
        assert leftovers(root) == []
