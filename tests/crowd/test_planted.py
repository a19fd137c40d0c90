"""What a user plants in an environment, for others to come by: a journal, links in the place of state, records.

A hostile user owns a directory into which others install with `--target`, or is a member of a group that may write there. Those
others, root most of all, must not move a file for this user, nor write where planted links lead.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.commons import Commons, snapshot
from kit.users import user_python

pytestmark = [pytest.mark.root, pytest.mark.alone]

# What the hostile user runs: a journal as cw writes it, with chosen intents
FORGE = """
import os, sys
from commonwheel.fs import disk, journal, facts
state, *intents = sys.argv[1:]
os.makedirs(state, exist_ok=True)
work = disk.temporary(state)
os.makedirs(work + "/new"); os.makedirs(work + "/old")
open(work + "/new/0", "w").write("planted")
with journal.Journal.create(work + "/journal", 0o644) as journal:
    journal.intend("begin", "1", "boot", "0", "cw pip install x", "me")
    for intent in intents:
        journal.intend(*intent.replace("WORK", work).split("|"))
    journal.intend("ready")
print(work)
"""
VERBS = [
    ("pip", "install", "--target", "TARGET", "demo"),
    ("pip", "install", "--dry-run", "--target", "TARGET", "demo"),
    ("pip", "uninstall", "--target", "TARGET", "demo"),
    ("pip", "sync", "--target", "TARGET", "pins.txt"),
]
ids = " ".join


@pytest.fixture(scope="module")
def offered(here: Commons) -> Commons:
    here.offer("demo", "1.0")
    return here


@pytest.fixture
def target(here: Commons, request: pytest.FixtureRequest) -> str:
    """A directory of mallory's, with something installed in it, and a secret of root's beside."""
    path = os.path.join(here["mallory"].home, f"target-{abs(hash(request.node.name)):x}")
    here.at("mallory")("pip", "install", "-p", user_python(), "--target", path, "demo").ok()
    return path


@pytest.fixture
def secret(here: Commons) -> Path:
    place = Path(here.directory(f"secret-{os.urandom(4).hex()}"))
    place.chmod(0o700)
    (place / "shadow").write_text("root's own\n")
    return place / "shadow"


def words(here: Commons, verb: tuple[str, ...], target: str) -> list[str]:
    if "pins.txt" in verb:
        Path(target, "..", "pins.txt").write_text("demo==1.0\n")
        os.chown(os.path.join(target, "..", "pins.txt"), 0, 0)
    place = {"TARGET": target, "pins.txt": os.path.join(os.path.dirname(target), "pins.txt")}
    found = [place.get(word, word) for word in verb]
    return [*found[:2], "-p", user_python(), *found[2:]]


def forge(here: Commons, target: str, *intents: str, by: str = "mallory") -> str:
    return here.at(by).python(FORGE, f"{target}/.cw", *intents).strip()


@pytest.mark.parametrize("verb", VERBS, ids=ids)
@pytest.mark.parametrize(
    "intent",
    ["set-aside|STOLEN|SECRET", "bring-in|SECRET|STOLEN", "set-aside|SECRET|WORK/new/0"],
    ids=["put", "take", "back"],
)
def test_planted_journal_moves_nothing(
    offered: Commons, target: str, secret: Path, verb: tuple[str, ...], intent: str
) -> None:
    stolen = os.path.join(offered["mallory"].home, f"stolen-{os.urandom(3).hex()}")
    Path(stolen).write_text("planted\n")
    work = forge(offered, target, intent.replace("STOLEN", stolen).replace("SECRET", str(secret)))
    before = snapshot(target)
    ran = offered.at("root")(*words(offered, verb, target))
    assert secret.read_text() == "root's own\n"
    assert Path(stolen).read_text() == "planted\n"
    assert snapshot(target) == before
    if "--dry-run" in verb:
        ran.ok()
    else:
        ran.failed(2)
        assert f"`{work}/journal`" in ran.err
        assert offered["mallory"].name in ran.err
        assert f"--trust {offered['mallory'].name}" in ran.err


def test_trusted_journal_moves_only_inside_the_environment(offered: Commons, target: str, secret: Path) -> None:
    trusting = ("--trust", offered["mallory"].name)
    install = words(offered, VERBS[0], target)
    work = forge(offered, target, f"bring-in|WORK/new/1|{target}/../thing", f"set-aside|{secret}|WORK/old/0")
    before = snapshot(target)
    ran = offered.at("root")(*install, *trusting).failed(2)
    assert "does not lie in the environment" in ran.err
    assert secret.read_text() == "root's own\n"
    assert snapshot(target) == before
    shutil.rmtree(work)
    Path(target, "thing").write_text("x")
    forge(offered, target, f"set-aside|{target}/thing.old|WORK/new/0")
    ran = offered.at("root")(*install, *trusting).ok()
    assert Path(target, "thing.old").read_text() == "planted"


def test_moves_end_in_the_work_directory_or_a_temporary_name(offered: Commons, target: str) -> None:
    install = [*words(offered, VERBS[0], target), "--trust", offered["mallory"].name]
    Path(target, "kept").write_text("x")
    for other in (f"{target}/kept", f"{target}/demo/.tmp-x", "WORK/../../kept", f"{target}/.cw/.tmp-x/new/0"):
        work = forge(offered, target, f"set-aside|{target}/gone|{other}")
        assert "is no place where a change keeps something" in offered.at("root")(*install).failed(2).err
        shutil.rmtree(work)
    assert Path(target, "kept").read_text() == "x"


def test_symlink_leads_no_move_out_of_the_environment(offered: Commons, target: str, secret: Path) -> None:
    install = [*words(offered, VERBS[0], target), "--trust", offered["mallory"].name]
    os.symlink(secret.parent, f"{target}/inner")
    forge(offered, target, f"bring-in|WORK/new/1|{target}/inner/shadow")
    assert "does not lie in the environment" in offered.at("root")(*install).failed(2).err
    assert secret.read_text() == "root's own\n"


def test_group_member_follows_no_foreign_journal(offered: Commons) -> None:
    here = offered
    shared = here.directory(f"shared-{os.urandom(3).hex()}")
    os.chown(shared, 0, here.group)
    os.chmod(shared, 0o2775)
    mine = os.path.join(here["bob"].home, "thesis")
    Path(mine).write_text("bob's own\n")
    os.chown(mine, here["bob"].uid, here["bob"].gid)
    stolen = os.path.join(shared, "stolen")
    forge(here, shared, f"bring-in|{mine}|{stolen}", by="alice")
    ran = here.at("bob")("pip", "install", "-p", user_python(), "--target", shared, "demo").failed(2)
    assert here["alice"].name in ran.err
    assert Path(mine).read_text() == "bob's own\n"
    assert not os.path.lexists(stolen)


def test_root_work_directory_in_foreign_state_is_ignored(offered: Commons, target: str) -> None:
    work = forge(offered, target, f"set-aside|{target}/thing.old|WORK/new/0")
    for path in (work, f"{work}/journal"):
        os.chown(path, 0, 0)
    ran = offered.at("root")(*words(offered, VERBS[0], target)).failed(2)
    assert offered["mallory"].name in ran.err
    assert not os.path.lexists(f"{target}/thing.old")


def test_own_journal_in_own_environment_counts(offered: Commons, target: str) -> None:
    forge(offered, target, f"set-aside|{target}/thing.old|WORK/new/0")
    ran = offered.at("mallory")(*words(offered, VERBS[0], target)).ok()
    assert "undid" in ran.err
    assert Path(target, "thing.old").read_text() == "planted"


@pytest.mark.parametrize("name", ["pipe", "hole", "link"])
def test_special_file_as_journal_moves_nothing(offered: Commons, target: str, secret: Path, name: str) -> None:
    work = forge(offered, target, f"set-aside|{target}/thing.old|WORK/new/0")
    os.unlink(f"{work}/journal")
    if name == "pipe":
        os.mkfifo(f"{work}/journal")
    elif name == "hole":
        with open(f"{work}/journal", "wb") as file:
            file.truncate(1 << 40)
    else:
        os.symlink(secret, f"{work}/journal")
    before = snapshot(target, without=["journal"])
    offered.at("root")(*words(offered, VERBS[0], target)).failed(2)
    assert snapshot(target, without=["journal"]) == before


# --- links in the place of state ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS, ids=ids)
@pytest.mark.parametrize("name", [".cw", ".cw/history"])
def test_symlinked_state_directory_is_not_followed(
    offered: Commons, target: str, secret: Path, verb: tuple[str, ...], name: str
) -> None:
    place = secret.parent
    (place / ".tmp-host-1-0").mkdir()
    (place / ".trash-host-1-0").mkdir()
    (place / "000001").write_text("x")
    if name == ".cw/history":
        offered.at("mallory")(*words(offered, VERBS[2], target)).ok()
    shutil.rmtree(f"{target}/{name}")
    os.symlink(place, f"{target}/{name}")
    before, around = snapshot(target), snapshot(str(place))
    ran = offered.at("root")(*words(offered, verb, target))
    assert snapshot(str(place)) == around
    if "--dry-run" not in verb and not (name == ".cw/history" and "Nothing" in ran.err + ran.out):
        assert snapshot(target) == before
    assert "Traceback" not in ran.err
    if name == ".cw":
        assert f"{target}/.cw" in ran.failed(2).err


def test_symlinked_snapshots_directory_is_not_followed(offered: Commons, target: str, secret: Path) -> None:
    os.symlink(secret.parent, f"{target}/.cw/snapshots")
    around = snapshot(str(secret.parent))
    code = (
        "import sys; from commonwheel.install import history; from commonwheel.model import Environment\n"
        "history.save_snapshot(Environment(sys.argv[1], 'target', None, {}), 'mine', 1)"
    )
    done = subprocess.run([sys.executable, "-c", code, target], capture_output=True, text=True, check=False)
    assert "ForeignState" in done.stderr
    assert snapshot(str(secret.parent)) == around


def test_named_pipe_as_state_does_not_block(offered: Commons, target: str) -> None:
    for name in ("lock", "history", ""):
        path = f"{target}/.cw/{name}".rstrip("/")
        shutil.rmtree(path, ignore_errors=True)
        os.mkfifo(path)
        ran = offered.at("root")(*words(offered, VERBS[0], target), "--reinstall")
        assert "Traceback" not in ran.err
        os.unlink(path)


@pytest.mark.parametrize(
    "path", [".cw/history/000001", ".cw/.tmp-host-1-0/journal", ".CW/lock", "wrapped-1.0.data/data/.cw/history/000001"]
)
def test_wheel_with_state_files_is_refused(offered: Commons, path: str) -> None:
    here = offered
    here.offer("wrapped", "1.0", {"wrapped.py": "", path: "commonwheel-history\t1\n"})
    target = os.path.join(here["bob"].home, f"target-{os.urandom(3).hex()}")
    ran = here.at("bob")("pip", "install", "-p", user_python(), "--target", target, "wrapped").failed(1)
    assert "wrapped" in ran.err
    assert not os.path.exists(os.path.join(target, "wrapped.py"))
    assert not os.path.exists(os.path.join(target, ".cw", "history", "000001"))


def test_foreign_record_satisfies_no_hash(offered: Commons) -> None:
    """A member of a group records any hash; an install with hashes gets the wheel itself."""
    here = offered
    shared = here.directory(f"records-{os.urandom(3).hex()}")
    os.chown(shared, 0, here.group)
    os.chmod(shared, 0o2775)
    sha256 = here.offer("told", "1.0")
    bob, alice = here.at("bob", umask=0o002), here.at("alice", umask=0o002)
    bob("pip", "install", "-p", user_python(), "--target", shared, "told").ok()
    lines = Path(f"{shared}/.cw/history/000001").read_text()
    alice.python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", f"{shared}/.cw/history/000002", lines)
    pins = os.path.join(here["bob"].home, "hashed.txt")
    Path(pins).write_text(f"told==1.0 --hash=sha256:{sha256}\n")
    ran = bob("pip", "install", "-p", user_python(), "--target", shared, "--require-hashes", "-r", pins).ok()
    assert "~ told==1.0" in ran.out + ran.err
