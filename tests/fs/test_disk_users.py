"""Real users around one directory: what they may do to each other by accident, and what they are told."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.users import User, team_of, users

pytestmark = pytest.mark.root

HEAD = "import os, sys\nfrom commonwheel.fs import disk, files, linking, locks, modes, trees, facts\n"


@pytest.fixture(scope="module")
def people() -> Iterator[tuple[User, User, User]]:
    """Alice and bob share a group; carol is in none of theirs."""
    with users("alice", "bob", "carol", group="team", members=("alice", "bob")) as (alice, bob, carol):
        yield alice, bob, carol


@pytest.fixture
def shared(place: str, people: tuple[User, User, User]) -> str:
    """Give a setgid directory of alice's, writable for the group."""
    alice, bob, _ = people
    path = os.path.join(place, "shared store")
    os.mkdir(path)
    os.chown(path, alice.uid, team_of(alice, bob))
    os.chmod(path, 0o2775)
    return path


def test_foreign_hard_linked_file_loses_one_name_only(place: str, people: tuple[User, User, User]) -> None:
    """The report that began it all: conda hard-links its cache, another user's, into an environment.

    Opening the file there with O_TRUNC emptied the cache for everybody, and the chmod that followed failed.
    """
    alice, bob, _ = people
    cache, environment = os.path.join(place, "conda cache"), os.path.join(place, "environment")
    os.mkdir(cache)
    os.mkdir(environment)
    cached = os.path.join(cache, "distutils-precedence.pth")
    installed = os.path.join(environment, "distutils-precedence.pth")
    Path(cached).write_bytes(b"import os; ...")
    os.chown(cached, alice.uid, alice.gid)
    os.chmod(cached, 0o666)
    os.link(cached, installed)
    os.chown(environment, bob.uid, bob.gid)
    for code in (
        "files.write(sys.argv[1], b'new', 0o644)",
        "files.write(sys.argv[1] + '.src', b'newer', 0o644); trees.rename(sys.argv[1] + '.src', sys.argv[1])",
        "trees.retire(sys.argv[1]); files.write_new(sys.argv[1], b'newest', 0o644)",
        "trees.remove(sys.argv[1]); files.write(sys.argv[1], b'last', 0o600, replace=False)",
    ):
        bob.python(HEAD + code, installed).ok()
        facts = os.stat(cached)
        assert Path(cached).read_bytes() == b"import os; ..."
        assert (facts.st_uid, stat.S_IMODE(facts.st_mode)) == (alice.uid, 0o666)
        assert os.stat(installed).st_uid == bob.uid
        os.unlink(installed)
        os.link(cached, installed)


def test_umask_does_not_limit_readers_of_a_shared_store(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    publish = HEAD + (
        "staged = trees.staging(sys.argv[1], 0o2775)\n"
        "trees.make_directory(staged + '/inner', 0o2775)\n"
        "files.write_new(staged + '/inner/file', b'x', 0o444, 10**18)\n"
        "print(trees.publish_tree(staged, sys.argv[1] + '/' + sys.argv[2]))\n"
    )
    read = "import sys; print(open(sys.argv[1] + '/inner/file').read())"
    for writer, reader, mask in ((alice, bob, 0o077), (bob, alice, 0o027), (bob, alice, 0o000)):
        entry = f"entry-{mask:o}-{writer.name}"
        assert writer.python(publish, shared, entry, umask=mask).ok() == "True\n"
        assert reader.python(read, os.path.join(shared, entry), umask=0o077).ok() == "x\n"
        assert reader.python(publish, shared, entry, umask=mask).ok() == "False\n"
        assert os.stat(os.path.join(shared, entry, "inner", "file")).st_gid == os.stat(shared).st_gid
    assert not [name for name in os.listdir(shared) if name.startswith(".")]


def test_foreign_file_that_cannot_be_linked_is_copied(shared: str, people: tuple[User, User, User]) -> None:
    """With fs.protected_hardlinks a foreign file is linked only for who may write it: each file decides for itself."""
    alice, bob, _ = people
    for name, mode in (("read-only", 0o444), ("group's", 0o664)):
        path = os.path.join(shared, name)
        Path(path).write_bytes(b"x")
        os.chown(path, alice.uid, os.stat(shared).st_gid)
        os.chmod(path, mode)
    code = HEAD + "print(linking.place(sys.argv[1], sys.argv[2], ('clone', 'hardlink', 'copy'), 0o600))"
    protected = Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "0"
    target = os.path.join(bob.home, "mine")
    got = bob.python(code, os.path.join(shared, "read-only"), target).ok().strip()
    assert got == ("copy" if protected else "hardlink")
    if got == "copy":
        facts = os.stat(target)
        assert (facts.st_uid, stat.S_IMODE(facts.st_mode), facts.st_nlink) == (bob.uid, 0o600, 1)
    assert bob.python(code, os.path.join(shared, "group's"), target + "2").ok().strip() == "hardlink"


def test_modes_and_times_of_foreign_files_stay(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    path = os.path.join(shared, "file")
    Path(path).write_bytes(b"x")
    os.chown(path, alice.uid, os.stat(shared).st_gid)
    os.chmod(path, 0o664)
    before = os.stat(path)
    code = HEAD + "print(modes.set_mode(sys.argv[1], 0o600), modes.set_times(sys.argv[1], 1))"
    assert bob.python(code, path).ok() == "False False\n"
    after = os.stat(path)
    assert (after.st_mode, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


FAIL = HEAD + (
    "try:\n"
    "    files.write(sys.argv[1], b'x')\n"
    "except disk.DiskError as error:\n"
    "    print(error.message); print(*error.context, sep='\\n'); print('hint:', error.hint)\n"
)


def test_permission_error_names_owner_and_remedy(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, carol = people
    team = subprocess.run(
        ["stat", "-c", "%G", shared], capture_output=True, text=True, check=True
    ).stdout.strip()  # fmt: skip
    path = os.path.join(shared, "file")
    told = carol.python(FAIL, path).ok()
    assert f"could not write `{path}`: Permission denied (EACCES)\n" in told
    assert f"directory: {shared}  mode 2775 owner {alice.name}:{team}\n" in told
    assert f"you      : {carol.name} (uid {carol.uid}, groups {carol.name})" in told
    assert told.endswith(
        f"hint: ask for membership in group {team} (then log in again), or choose a place of your own\n"
    )

    os.chmod(shared, 0o2755)
    told = bob.python(FAIL, path).ok()
    assert told.endswith(f"hint: ask {alice.name} to run: chmod g+rwxs '{shared}'\n")

    os.chmod(shared, 0o2555)
    told = alice.python(FAIL, path).ok()
    assert told.endswith(f"hint: chmod u+rwx '{shared}'\n")

    os.chown(shared, alice.uid, alice.gid)
    told = carol.python(FAIL, path).ok()
    assert told.endswith(f"hint: ask {alice.name} for write access to `{shared}`, or choose a place of your own\n")


def test_sticky_directory_is_named_as_the_reason(place: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    sticky = os.path.join(place, "sticky")
    os.mkdir(sticky)
    os.chmod(sticky, 0o1777)
    path = os.path.join(sticky, "file")
    Path(path).write_bytes(b"alice's")
    os.chown(path, alice.uid, alice.gid)
    told = bob.python(FAIL, path).ok()
    assert f"hint: `{sticky}` is sticky: only {alice.name} or root can replace or delete `{path}`" in told
    assert os.listdir(sticky) == ["file"]


def test_access_list_is_shown(shared: str, people: tuple[User, User, User]) -> None:
    _, _, carol = people
    subprocess.run(["setfacl", "-m", f"u:{carol.uid}:rx", shared], check=True)
    told = carol.python(FAIL, os.path.join(shared, "file")).ok()
    assert f"directory: {shared}  mode 2775 +acl owner" in told


def test_default_access_list_replaces_the_umask(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    subprocess.run(["setfacl", "-d", "-m", "u::rwx,g::rwx,o::---", shared], check=True)
    code = HEAD + "files.write(sys.argv[1], b'x'); files.write(sys.argv[1] + '2', b'x', 0o444)"
    alice.python(code, os.path.join(shared, "file"), umask=0o077).ok()
    modes = [stat.S_IMODE(os.stat(os.path.join(shared, name)).st_mode) for name in ("file", "file2")]
    assert modes == [0o660, 0o444]
    assert bob.run(["cat", os.path.join(shared, "file")]).ok() == "x"


def test_owner_erases_a_tree_without_permissions(place: str, people: tuple[User, User, User]) -> None:
    _, bob, _ = people
    own = os.path.join(place, "bob's")
    os.mkdir(own)
    os.chown(own, bob.uid, bob.gid)
    code = HEAD + (
        "tree = sys.argv[1] + '/tree'\n"
        "os.makedirs(tree + '/none/inner'); open(tree + '/none/inner/file', 'w').close()\n"
        "os.makedirs(tree + '/read-only'); open(tree + '/read-only/file', 'w').close()\n"
        "os.chmod(tree + '/none', 0); os.chmod(tree + '/read-only', 0o555); os.chmod(tree, 0o311)\n"
        "print(trees.erase(tree), os.listdir(sys.argv[1]))\n"
    )
    assert bob.python(code, own).ok() == "True []\n"


def test_foreign_files_stay_as_trash_without_error(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    tree = os.path.join(shared, "tree")
    os.makedirs(os.path.join(tree, "locked"))
    Path(tree, "locked", "file").write_bytes(b"alice's")
    for path in (os.path.join(tree, "locked", "file"), os.path.join(tree, "locked")):
        os.chown(path, alice.uid, alice.gid)
    os.chmod(os.path.join(tree, "locked"), 0o755)
    os.chown(tree, bob.uid, bob.gid)
    assert bob.python(HEAD + "print(trees.erase(sys.argv[1]))", tree).ok() == "False\n"
    (left,) = os.listdir(shared)
    assert left.startswith(".trash-")
    assert Path(shared, left, "locked", "file").read_bytes() == b"alice's"


def test_foreign_tree_cannot_be_erased_and_keeps_its_name(place: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    own = os.path.join(place, "alice's")
    os.makedirs(os.path.join(own, "tree"))
    os.chown(own, alice.uid, alice.gid)
    assert bob.python(HEAD + "print(trees.erase(sys.argv[1]))", os.path.join(own, "tree")).ok() == "False\n"
    assert os.listdir(own) == ["tree"]


def test_lock_file_of_another_user_does_not_block(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, carol = people
    path = os.path.join(shared, "lock")
    take = HEAD + (
        "with locks.lock(sys.argv[1], timeout=5, who='testing') as held:\n"
        "    print(held, oct(os.stat(sys.argv[1]).st_mode & 0o777) if held else '', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    # made under umask 077 it is the group's all the same, and never the world's to write
    assert alice.python(take, path, umask=0o077).ok() == "True 0o664\n"
    assert os.listdir(shared) == []
    Path(path).write_bytes(b"")
    os.chown(path, alice.uid, alice.gid)
    os.chmod(path, 0o644)
    assert bob.python(take, path).ok().startswith("True")  # reading is enough on a local disk
    Path(path).write_bytes(b"")
    os.chown(path, alice.uid, alice.gid)
    os.chmod(path, 0o600)
    assert bob.python(take, path).ok() == "False \n"  # no right to it: no lock, and no error
    os.unlink(path)
    assert carol.python(take, path).ok() == "False \n"


def test_waiting_process_learns_the_lock_holder(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    path = os.path.join(shared, "lock")
    hold = HEAD + (
        "with locks.lock(sys.argv[1], timeout=5, who='installing into /x') as held:\n"
        "    print(held, flush=True); sys.stdin.readline()\n"
    )
    wait = HEAD + (
        "try:\n"
        "    with locks.lock(sys.argv[1], timeout=0.2, who='too', waiting=lambda who: print('waiting for', who)):\n"
        "        print('held')\n"
        "except locks.LockTimeout as error:\n"
        "    print(error.code, error.holder.user, error.holder.pid, error.hint)\n"
    )
    with alice.spawn(alice.python_argv(hold, path)) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "True\n"
        first, second = bob.python(wait, path).ok().splitlines()
        assert first.startswith(f"waiting for {alice.name} on ")
        assert first.endswith(", installing into /x)")
        assert second.startswith(f"lock-timeout {alice.name} {holder.pid} wait for process {holder.pid} on ")
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.wait() == 0
    assert bob.python(wait, path).ok() == "held\n"


def test_lock_of_a_killed_user_is_free(shared: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    path = os.path.join(shared, "lock")
    code = HEAD + (
        "with locks.lock(sys.argv[1], timeout=5, who='testing') as held:\n    print(held, flush=True); sys.stdin.readline()\n"
    )
    with alice.spawn(alice.python_argv(code, path)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        holder.kill()
    assert os.path.exists(path)
    assert bob.python(code, path).ok() == "True\n"


@pytest.mark.root
def test_new_directory_gets_a_group_of_the_user(place: str, people: tuple[User, User, User]) -> None:
    alice, bob, _ = people
    team, path = team_of(alice, bob), os.path.join(alice.home, "new")
    code = "trees.make_directory(sys.argv[1]); print(modes.set_group(sys.argv[1], int(sys.argv[2])))"
    assert alice.python(HEAD + code, path, str(team)).ok() == "True\n"
    assert os.stat(path).st_gid == team
    # a group of others is refused, and that is no error
    assert alice.python(HEAD + code, path, str(bob.gid)).ok() == "False\n"
    assert os.stat(path).st_gid == team
