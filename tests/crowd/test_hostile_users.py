"""What a user whom nobody trusts can do to others through a store: nothing, but save them a download.

Mallory owns a store that others name as a layer, or was the first or the last in a directory that is open to all. Mallory has
planted what cw itself would make there: entries under other wheels' digests, index pages with other hashes, metadata,
pointers, built wheels, git clones; all of it well-formed, made with the same program.

pnpm's documentation says that a store may be shared by mutually trusted users alone; uv has no word on it.
"""

import io
import os
import subprocess
import tarfile
from urllib.parse import quote

import pytest

from kit.commons import Commons, entry_in, run, snapshot
from kit.index_server import File
from kit.shells import Shell
from kit.users import user_path, user_python
from kit.wheels import wheel_bytes

pytestmark = [pytest.mark.root, pytest.mark.alone]

EVIL = b"EVIL"
GOOD = "good = 1\n"
MODES = ("auto", "clone", "hardlink", "copy", "symlink", "fold")
NAMES = ("plain", "linked", "made")

# What the hostile user runs, who knows the format from the program itself.
FORGE = """
import os, sys
from commonwheel.store import manifest, header, layout
from commonwheel.store.sealed_records import seal, unseal
store, evil, good, wheel = sys.argv[1:]
def entry(digest):
    return os.path.join(store, layout.entry(digest))
os.makedirs(os.path.dirname(entry(good)), exist_ok=True)
os.system("rm -rf '%s'" % entry(good))
os.system("cp -a '%s' '%s'" % (entry(evil), entry(good)))
path = os.path.join(entry(good), layout.HEADER)
lines = unseal("entry", open(path, "rb").read())
os.unlink(path)
with open(path, "wb") as file:
    file.write(seal("entry", ["digest\\t" + good if line.startswith("digest\\t") else line for line in lines]))
os.chmod(path, 0o444)
kept = os.path.join(entry(good), layout.WHEEL)
os.system("rm -rf '%s'" % kept)
if wheel:
    os.mkdir(kept)
    os.system("cp '%s' '%s'" % (wheel, kept))
"""
# Every pointer leads to what mallory wants.
MISLEAD = """
import os, sys
from commonwheel.store.sealed_records import seal, unseal
store, evil = sys.argv[1:]
count = 0
for directory, _, names in os.walk(os.path.join(store, "v1", "pointers")):
    for name in names:
        path = os.path.join(directory, name)
        lines = unseal("pointer", open(path, "rb").read())
        if lines is None or os.stat(path).st_uid != os.getuid():
            continue
        os.unlink(path)
        with open(path, "wb") as file:
            file.write(seal("pointer", [lines[0], evil]))
        count += 1
print(count)
"""
# Pipes that nobody writes to, a hole of a terabyte, and a link, in the place of all that others read to survey a store.
PLANT_PIPES = """
import os, sys
from commonwheel.store import layout
store, digest, uid = sys.argv[1:]
entry = layout.entry(digest)
made = [layout.POLICY, f"{entry}/{layout.HEADER}", f"{entry}/{layout.FILES}", f"{entry}/{layout.WHEEL}/plain-1.0-py3-none-any.whl"]
made += [layout.root(int(uid), kind * 64) for kind in "abc"] + [layout.used_on(int(uid), f"2024-01-0{day}") for day in (1, 2, 3)]
made += [f"{layout.POINTERS}/aa/{kind * 64}" for kind in "abc"] + [f"v1/pages/x/{kind}" for kind in "abc"]
for number, path in enumerate(os.path.join(store, one) for one in made):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if number % 3 == 0:
        os.mkfifo(path)
    elif number % 3 == 1:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        os.truncate(path, 1 << 40)
    else:
        os.symlink("/dev/zero", path)
"""
BACKEND = """
import base64, hashlib, os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    name = "made-1.0-py3-none-any.whl"
    files = {"made/__init__.py": open("made.py").read(), "made-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: made\\nVersion: 1.0\\n",
             "made-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    rows = []
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text.encode())}\\n")
            wheel.writestr(path, text)
        wheel.writestr("made-1.0.dist-info/RECORD", "".join(rows) + "made-1.0.dist-info/RECORD,,\\n")
    return name
"""


def sdist(text: str) -> bytes:
    """Return a source distribution whose module holds `text`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        files = {
            "PKG-INFO": "Metadata-Version: 2.2\nName: made\nVersion: 1.0\n",
            "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
            "backend.py": BACKEND,
            "made.py": text,
        }
        for name, content in files.items():
            info = tarfile.TarInfo(f"made-1.0/{name}")
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


class Offered:
    """The same files in a good and in an evil form; `lying` tells which the index serves."""

    def __init__(self, here: Commons) -> None:
        self.here = here
        self.good: dict[str, bytes] = {}
        self.evil: dict[str, bytes] = {}
        self.files: dict[str, File] = {}
        self.planted: list[str] = []
        for name in ("plain", "linked"):
            filename = f"{name}-1.0-py3-none-any.whl"
            self.good[name], self.evil[name] = (
                wheel_bytes(name, "1.0", {f"{name}/__init__.py": text, f"{name}/data.txt": text * 20})
                for text in (GOOD, "EVIL = 1\n")
            )
            self.files[name] = here.index.add(filename, self.good[name])
        self.good["made"], self.evil["made"] = sdist(GOOD), sdist("EVIL = 1\n")
        self.files["made"] = here.index.add("made-1.0.tar.gz", self.good["made"])
        self.wheel = os.path.join(here.wheels, "plain-1.0-py3-none-any.whl")
        with open(self.wheel, "wb") as file:
            file.write(self.good["plain"])
        os.chmod(self.wheel, 0o644)

    def lie(self, lying: bool) -> None:
        """Serve the evil files, with their hashes, or the good ones."""
        import hashlib

        for name, file in self.files.items():
            file.data = (self.evil if lying else self.good)[name]
            file.sha256 = hashlib.sha256(file.data).hexdigest()
            file.size = len(file.data)
        for file in self.files.values():
            if file.metadata is not None:
                file.metadata_hash = None

    def digest(self, name: str) -> str:
        """Return the sha256 of what the index serves now."""
        return self.files[name].sha256

    def downloads(self, name: str) -> int:
        """Return how often a file was asked for."""
        return len(self.here.index.seen(self.files[name].path))


@pytest.fixture(scope="module")
def offered(here: Commons) -> Offered:
    here.index.metadata_hashes = False
    return Offered(here)


@pytest.fixture(scope="module")
def repository(here: Commons) -> str:
    """Give a git repository that everybody may read."""
    for user in here.people.values():
        # git itself trusts no foreign repository without this
        with open(f"{user.home}/.gitconfig", "w", encoding="utf-8") as file:
            file.write("[safe]\n\tdirectory = *\n")
    tree = here.directory("git")
    with tarfile.open(fileobj=io.BytesIO(sdist(GOOD))) as archive:
        archive.extractall(tree, filter="data")
    tree = f"{tree}/made-1.0"
    git = ["git", "-C", tree, "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return tree


def plant(offered: Offered, mallory: Shell, store: str, repository: str, *, wheel: str = "") -> None:
    """Let mallory fill a store with everything that could mislead others."""
    here, root = offered.here, os.path.join(mallory.cwd, "planting", f"{len(offered.planted)}")
    offered.planted.append(store)
    env = {"CW_CACHE_DIR": store}
    mallory("venv", "-p", user_python(), root, env=env).ok()
    offered.lie(True)
    try:
        url = here.index.root + offered.files["linked"].path
        mallory("pip", "install", "-p", root, "--refresh", "plain", f"linked @ {url}", "made", env=env).ok()
        evil = {name: offered.digest(name) for name in offered.files}
    finally:
        offered.lie(False)
    # the very source that others will build, so that mallory's pointer has the right key
    mallory("pip", "install", "-p", root, "--refresh", "--reinstall", "--no-deps", "made", env=env).ok()
    mallory("pip", "install", "-p", root, "--reinstall", f"made @ git+file://{quote(repository)}", env=env)
    if os.path.isdir(entry_in(store, evil["plain"])):
        mallory.python(FORGE, store, evil["plain"], offered.digest("plain"), wheel)
        assert EVIL in contents(entry_in(store, offered.digest("plain")))
    assert int(mallory.python(MISLEAD, store, evil["plain"])) >= 0


def contents(root: str) -> bytes:
    """Return all content below a directory, links followed."""
    found = []
    for directory, _, names in os.walk(root, followlinks=True):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.isfile(path) and not name.startswith("python"):
                with open(path, "rb") as file:
                    found.append(file.read())
    return b"".join(found)


def use(offered: Offered, name: str, place: str, repository: str, mode: str, **env: str) -> tuple[str, str]:
    """Let an honest user install all of it, and return the environment and the output; nothing evil may be in it."""
    here, root = offered.here, os.path.join(place, f"{name} {mode}")
    shell = here.at(name)
    url = here.index.root + offered.files["linked"].path
    said = ""
    shell("venv", "-p", user_python(), root, env=env).ok()
    for words in (["plain"], [f"linked @ {url}"], ["made"], ["--reinstall", f"made @ git+file://{quote(repository)}"]):
        said += shell("pip", "install", "-p", root, "--link-mode", mode, *words, env=env).ok().err
        assert EVIL not in contents(root), words
    assert shell("pip", "freeze", "-p", root, env=env).ok().out.count("\n") == 3
    return root, said


@pytest.fixture
def ground(here: Commons, place: str) -> str:
    """Give a directory open to all, as /scratch is: sticky."""
    path = os.path.join(place, "scratch")
    os.mkdir(path)
    os.chmod(path, 0o1777)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_untrusted_layer_contributes_nothing(offered: Offered, place: str, repository: str, mode: str) -> None:
    mallory = offered.here.at("mallory")
    store = os.path.join(mallory.cwd, f"store {mode}")
    plant(offered, mallory, store, repository)
    assert contents(store).count(EVIL) > 3
    before = snapshot(store)
    asked = offered.downloads("plain")
    personal = os.path.join(place, "alice's")
    use(offered, "alice", place, repository, mode, CW_LAYERS=store, CW_CACHE_DIR=personal)
    assert offered.downloads("plain") == asked + 1
    assert EVIL not in contents(personal)
    assert snapshot(store) == before


def test_untrusted_wheel_with_right_hash_is_unpacked_again(offered: Offered, place: str, repository: str) -> None:
    mallory = offered.here.at("mallory")
    store, personal = os.path.join(mallory.cwd, "helpful"), os.path.join(place, "alice's")
    plant(offered, mallory, store, repository, wheel=offered.wheel)
    asked = offered.downloads("plain")
    root, said = use(offered, "alice", place, repository, "auto", CW_LAYERS=store, CW_CACHE_DIR=personal)
    assert offered.downloads("plain") == asked
    assert "warning" not in said
    found = entry_in(personal, offered.digest("plain"))
    assert os.stat(found).st_uid == offered.here["alice"].uid
    assert GOOD.encode() in contents(found)
    assert root


def test_untrusted_wheel_with_other_bytes_is_downloaded(offered: Offered, place: str, repository: str) -> None:
    mallory = offered.here.at("mallory")
    store, personal = os.path.join(mallory.cwd, "lying"), os.path.join(place, "alice's")
    evil = os.path.join(mallory.cwd, "plain-1.0-py3-none-any.whl")
    with open(evil, "wb") as file:
        file.write(offered.evil["plain"])
    os.chmod(evil, 0o644)
    plant(offered, mallory, store, repository, wheel=evil)
    asked = offered.downloads("plain")
    use(offered, "alice", place, repository, "auto", CW_LAYERS=store, CW_CACHE_DIR=personal)
    assert offered.downloads("plain") == asked + 1
    assert EVIL not in contents(personal)


@pytest.mark.parametrize("came", ["first", "last"])
@pytest.mark.parametrize("mode", ["auto", "fold"])
def test_store_in_a_world_writable_place(
    offered: Offered, place: str, ground: str, repository: str, came: str, mode: str
) -> None:
    """UV_CACHE_DIR=/scratch/cache, as clusters do it: the first user owns its directories."""
    here, mallory = offered.here, offered.here.at("mallory")
    store = os.path.join(ground, "cache")
    os.mkdir(store)
    os.chmod(store, 0o1777)
    bobs = os.path.join(place, "bob's")
    if came == "last":
        use(offered, "bob", place, repository, mode, CW_LAYERS=store, CW_CACHE_DIR=bobs)
    plant(offered, mallory, store, repository)
    personal = os.path.join(place, "alice's")
    use(offered, "alice", place, repository, mode, CW_LAYERS=store, CW_CACHE_DIR=personal)
    # and a user who has no other store
    use(offered, "carol", place, repository, mode, CW_CACHE_DIR=store)
    if came == "last":
        use(offered, "bob", os.path.join(place, "scratch"), repository, mode, CW_LAYERS=store, CW_CACHE_DIR=bobs)
    for name in ("alice", "bob", "carol"):
        for path, found in snapshot(store).items():
            if found[1] == here[name].uid:
                assert not (
                    os.path.isfile(f"{store}/{path}") and EVIL in contents(os.path.dirname(f"{store}/{path}"))
                ), path


def test_untrusted_pipes_and_sparse_files_do_not_block(offered: Offered, place: str, ground: str) -> None:
    """Whatever mallory puts in place of notes, headers and lists, others can install, list, verify and prune."""
    here, mallory, alice = offered.here, offered.here.at("mallory"), offered.here.at("alice")
    store, root = os.path.join(ground, "cache"), os.path.join(place, "v")
    os.mkdir(store)
    os.chmod(store, 0o1777)
    mallory.python(PLANT_PIPES, store, offered.digest("plain"), str(here["mallory"].uid))
    alice("venv", "-p", user_python(), root).ok()
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's")}
    alice("pip", "install", "-p", root, "plain", env=env).ok()
    for words in (
        ("list",), ("size",), ("info", "plain"), ("verify",), ("prune", "--dry-run"), ("prune", "--older-than", "0d"),
        ("clean", "plain"), ("clean",),
    ):  # fmt: skip
        ran = alice("cache", *words, env=env)
        assert "Traceback" not in ran.err, words
    assert "Traceback" not in alice("doctor", "-p", root, env=env).err
    assert alice.program(f"{root}/bin/python", "-c", "import plain; print(plain.good)") == "1\n"


# --- names that lead elsewhere --------------------------------------------------------------------------------------------


SWAPS = (
    "entry by a link",
    "tree by a link",
    "shard by a link",
    "entries by a link",
    "version by a link",
    "store by another",
)


@pytest.mark.parametrize("what", SWAPS)
def test_store_directory_swapped_by_another_user(offered: Offered, place: str, repository: str, what: str) -> None:
    """A store of alice's in a place where mallory may rename things: an oversight, or umask 0."""
    here, mallory = offered.here, offered.here.at("mallory")
    alice = here.at("alice")
    evil = os.path.join(mallory.cwd, f"swap {what}")
    plant(offered, mallory, evil, repository)
    store = os.path.join(place, "store")
    env = {"CW_CACHE_DIR": store}
    root = os.path.join(place, "v")
    alice("venv", "-p", user_python(), root, env=env).ok()
    alice("pip", "install", "-p", root, "plain", env=env).ok()
    digest = offered.digest("plain")
    entry = f"v1/entries/{digest[:2]}/{digest}"
    victim = {
        "entry by a link": entry,
        "tree by a link": f"{entry}/tree",
        "shard by a link": os.path.dirname(entry),
        "entries by a link": "v1/entries",
        "version by a link": "v1",
        "store by another": "",
    }[what]
    run("chmod", "a+w,-t", os.path.dirname(f"{store}/{victim}".rstrip("/")))
    mallory.python(
        "import os, sys; os.rename(sys.argv[1], sys.argv[1] + '.old'); os.symlink(sys.argv[2], sys.argv[1])",
        f"{store}/{victim}".rstrip("/"),
        f"{evil}/{victim}".rstrip("/"),
    )
    if what == "tree by a link":
        # the entry itself is the honest one: the swapped part is what nobody looked at
        assert os.path.islink(f"{store}/{victim}")
    for mode in MODES:
        ran = alice("pip", "install", "-p", root, "--reinstall", "--link-mode", mode, "plain", env=env)
        assert EVIL not in contents(root), (mode, ran)
        assert alice.program(f"{root}/bin/python", "-c", "import plain; print(plain.good)") == "1\n"


def test_foreign_store_claiming_to_be_a_group_store(offered: Offered, place: str, repository: str) -> None:
    """mallory wrote the `store.toml`; that alice is in the group does not make mallory a member."""
    here, mallory = offered.here, offered.here.at("mallory")
    store = os.path.join(mallory.cwd, "claims")
    plant(offered, mallory, store, repository)
    for text in (
        'sharing = "group"\ngroup = "team"\n',
        f'sharing = "publish"\ntrust = ["{here["mallory"].name}", "*"]\n',
        'sharing = "private"\n',
    ):
        mallory.python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", f"{store}/store.toml", text)
        personal = os.path.join(place, f"alice's {len(text)}")
        use(
            offered,
            "alice",
            os.path.join(place, str(len(text))),
            repository,
            "auto",
            CW_LAYERS=store,
            CW_CACHE_DIR=personal,
        )
        assert EVIL not in contents(personal)


def test_trusting_a_user_accepts_their_entries(offered: Offered, place: str, repository: str) -> None:
    """Prove the tests above: what mallory planted works on a user who trusts mallory."""
    here, mallory = offered.here, offered.here.at("mallory")
    store = os.path.join(mallory.cwd, "believed")
    plant(offered, mallory, store, repository)
    shell, root = here.at("carol"), os.path.join(place, "v")
    env = {"CW_LAYERS": store, "CW_TRUST": here["mallory"].name, "CW_CACHE_DIR": os.path.join(place, "carol's")}
    shell("venv", "-p", user_python(), root, env=env).ok()
    shell("pip", "install", "-p", root, "plain", env=env).ok()
    assert EVIL in contents(root)


def test_hostile_user_can_run_the_project() -> None:
    assert os.path.isdir(user_path().split(os.pathsep)[0])
