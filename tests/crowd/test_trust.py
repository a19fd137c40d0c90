"""Which users a store makes others trust: none whom they do not trust anyway.

mallory is in a group of alice's, as all users of a machine often are, or owns directories in which others keep stores, or has access by an
access list, or runs as a number without a name. Each time mallory changes a file of an entry to one of the same size and time, which only
a hash would find.
"""

import json
import os
from collections.abc import Iterator

import pytest

from kit.commons import Commons, commons, entry_in, run, site_of
from kit.shells import Shell

pytestmark = [pytest.mark.root, pytest.mark.alone]

GOOD, EVIL = "good = 1\n", "evil = 1\n"
LINKED = ("hardlink", "symlink", "fold")

# Put EVIL in the place of GOOD, with its size, time and mode.
SWAP = """
import os, sys
for directory, names, files in os.walk(sys.argv[1]):
    for name in files:
        path = os.path.join(directory, name)
        if name == "code.py":
            found = os.stat(path)
            above = os.stat(directory)
            os.chmod(directory, 0o755)
            os.rename(path, path + ".old")
            with open(path, "w") as file:
                file.write("evil = 1\\n")
            os.unlink(path + ".old")
            os.chmod(path, found.st_mode)
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
            os.chmod(directory, above.st_mode)
            os.utime(directory, ns=(above.st_atime_ns, above.st_mtime_ns))
"""


@pytest.fixture(scope="module")
def club() -> Iterator[Commons]:
    """Give a machine on which everybody, mallory too, is in one group."""
    with commons("alice", "bob", "mallory") as made:
        made.demo = made.offer("demo", "1.0", {"demo/code.py": GOOD, "demo/__init__.py": ""})  # type: ignore[attr-defined]
        yield made


def demo(club: Commons) -> str:
    """Return the sha256 of the wheel."""
    return str(club.demo)  # type: ignore[attr-defined]


def fill(shell: Shell, store: str, place: str) -> None:
    """Let a user bring the wheel into a store of that user's, with all that is learnt about it."""
    elsewhere = os.path.join(place, f"nothing is known here of {os.path.basename(store)}")
    env = {"CW_CACHE_DIR": store, "CW_LAYERS": "", "XDG_CACHE_HOME": elsewhere}
    shell("pip", "install", "--target", os.path.join(place, f"filling {os.path.basename(store)}"), "demo", env=env).ok()


def code(environment: str) -> str:
    """Return what was installed."""
    with open(os.path.join(site_of(environment), "demo", "code.py"), encoding="utf-8") as file:
        return file.read()


def inodes_of(root: str) -> set[int]:
    return {os.lstat(os.path.join(directory, name)).st_ino for directory, _, files in os.walk(root) for name in files}


def links_of(environment: str, store: str) -> list[str]:
    """Return what is a link among the packages of an environment, or is a file of a store too."""
    found, held = [], inodes_of(store)
    for directory, names, files in os.walk(site_of(environment)):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            if os.path.islink(path) or os.lstat(path).st_ino in held:
                found.append(path)
    return found


def told(shell: Shell, environment: str, about: str, **env: str) -> str:
    """Return what doctor says of one store."""
    rows = json.loads(shell("doctor", "--json", "-p", environment, env=env).out)
    return " | ".join(f"{one['text']} -> {one['hint']}" for one in rows if one["about"] == f"store {about}")


# --- a store of a stranger's in a group of mine -----------------------------------------------------------------------


def promoted(club: Commons, place: str, how: str) -> str:
    """Let mallory fill a store, make it one of the common group, and change a file in it; return its path."""
    mallory = club.at("mallory")
    store = os.path.join(mallory.cwd, f"store by {how} {os.path.basename(place)}")
    fill(mallory, store, place)
    if how == "its own word":
        mallory.python(
            "import sys; open(sys.argv[1], 'w').write('sharing = \"group\"\\n')", os.path.join(store, "store.toml")
        )
    mallory.python(
        "import os, sys\n"
        "for path in (sys.argv[1], *(os.path.join(d, n) for d, ns, _ in os.walk(sys.argv[1]) for n in ns if 'tree' not in d)):\n"
        "    os.chown(path, -1, int(sys.argv[2])); os.chmod(path, 0o2775)",
        store,
        str(club.group),
    )
    mallory.python(SWAP, store)
    return store


@pytest.mark.parametrize("how", ["its group", "its own word"])
@pytest.mark.parametrize("verb", ["install", "sync", "target"])
def test_own_group_store_gives_no_membership(club: Commons, place: str, how: str, verb: str) -> None:
    store = promoted(club, place, how)
    alice, environment = club.at("alice"), os.path.join(place, "v")
    club.environment("alice", environment)
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's")}
    pinned = os.path.join(place, "pinned.txt")
    with open(pinned, "w", encoding="utf-8") as file:
        file.write(f"demo==1.0 --hash=sha256:{demo(club)}\n")
    words = {
        "install": ("install", "-p", environment, "--require-hashes", "-r", pinned),
        "sync": ("sync", "-p", environment, pinned),
        "target": ("install", "--target", os.path.join(site_of(environment)), "demo"),
    }[verb]
    alice("pip", *words, env=env).ok()
    assert code(environment) == GOOD
    said = told(alice, environment, store, **env)
    assert f"it belongs to {club['mallory'].name}, who is not trusted" in said
    assert f"CW_TRUST=@{run('getent', 'group', str(club.group)).partition(':')[0]}" in said


def test_pages_of_a_self_promoted_store_are_not_used(club: Commons, place: str) -> None:
    store = promoted(club, place, "its group")
    alice, environment = club.at("alice"), os.path.join(place, "v")
    club.environment("alice", environment)
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's"), "CW_OFFLINE": "1"}
    alice("pip", "install", "-p", environment, "demo", env=env).failed()
    for trust in (f"@{club.group}", store, club["mallory"].name):
        alice("pip", "install", "-p", environment, "--reinstall", "--trust", trust, "demo", env=env).ok()
        # a user who trusts the store gets what is in it
        assert code(environment) == EVIL, trust


def test_named_group_trusts_exactly_its_members(club: Commons, place: str) -> None:
    """`@group` names users: a store that a stranger made in a directory with that group is not one of theirs."""
    alice = club.at("alice")
    with commons("eve") as elsewhere:
        # a directory that is open to all and hands its group on: who makes something there need not be a member
        ground = os.path.join(place, "ground")
        os.mkdir(ground)
        os.chown(ground, 0, club.group)
        os.chmod(ground, 0o3777)
        elsewhere.offer("demo", "1.0", {"demo/code.py": EVIL, "demo/__init__.py": ""})
        store = os.path.join(ground, "eve's")
        fill(elsewhere.at("eve"), store, place)
        os.chmod(store, 0o2775)
        assert os.stat(store).st_gid == club.group
        environment = os.path.join(place, "v")
        club.environment("alice", environment)
        env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's"), "CW_TRUST": f"@{club.group}"}
        alice("pip", "install", "-p", environment, "demo", env=env).ok()
        assert code(environment) == GOOD


# --- a store in a directory of a stranger's -----------------------------------------------------------------------------


def ground_of(club: Commons, place: str, kind: str) -> str:
    """Return a directory in which mallory may rename what others made."""
    path = os.path.join(place, "ground")
    os.mkdir(path)
    if kind == "his":
        os.chown(path, club["mallory"].uid, club.group)
        os.chmod(path, 0o2775)
    elif kind == "the group's":
        os.chown(path, 0, club.group)
        os.chmod(path, 0o2775)
    elif kind == "his by an access list":
        run("setfacl", "-m", f"u:{club['mallory'].uid}:rwx", path)
    return path


@pytest.mark.parametrize("kind", ["his", "the group's", "his by an access list"])
@pytest.mark.parametrize("name", ["alice", "root"])
def test_store_that_another_user_can_swap_is_not_used(club: Commons, place: str, kind: str, name: str) -> None:
    ground = ground_of(club, place, kind)
    shell, store = club.at(name), os.path.join(ground, "store")
    os.mkdir(store)
    if name == "alice":
        os.chown(store, club["alice"].uid, club["alice"].gid)
    shell("cache", "init", store, "--publish").ok()
    env = {"CW_LAYERS": "", "CW_CACHE_DIR": store}
    fill(shell, store, place)
    environments = {mode: os.path.join(place, mode) for mode in LINKED}
    for mode, environment in environments.items():
        club.environment(name, environment)
        shell("pip", "install", "-p", environment, "--link-mode", mode, "demo", env=env).ok()
        assert links_of(environment, store) == [], mode
        assert shell(
            "pip", "install", "-p", environment, "--reinstall", "--link-mode", f"{mode}!", "demo", env=env
        ).code
    assert os.path.isdir(os.path.join(entry_in(store, demo(club)), "tree"))
    said = told(shell, environments["fold"], store, **env)
    assert f"others may replace it: `{ground}`" in said
    assert ("chmod g-w" in said) is (kind != "his")
    club.at("mallory").python("import os, sys; os.rename(sys.argv[1], sys.argv[1] + '.old')", store)
    for environment in environments.values():
        assert code(environment) == GOOD


def test_cache_init_names_the_directory_and_the_command(club: Commons, place: str) -> None:
    ground = ground_of(club, place, "the group's")
    ran = club.at("root")("cache", "init", os.path.join(ground, "store"), "--publish").ok()
    assert f"`{ground}`: the members of" in ran.out + ran.err
    assert f"chmod g-w '{ground}'" in ran.out + ran.err
    run("chmod", "g-w", ground)
    ran = club.at("root")("cache", "init", os.path.join(ground, "store"), "--publish").ok()
    assert "the members of" not in ran.out + ran.err


@pytest.mark.parametrize("mode", LINKED)
def test_root_does_not_follow_a_cache_symlink_of_a_user(club: Commons, place: str, mode: str) -> None:
    """`sudo -E`: the home is another's, and so is the link in it."""
    mallory = club.at("mallory")
    real = os.path.join(place, "of root")
    fill(club.at("root"), real, place)
    home = os.path.join(place, "home")
    os.makedirs(os.path.join(home, ".cache"))
    for path in (home, os.path.join(home, ".cache")):
        os.chown(path, club["mallory"].uid, club["mallory"].gid)
    mallory.python("import os, sys; os.symlink(sys.argv[2], sys.argv[1])", os.path.join(home, ".cache", "cw"), real)
    environment = os.path.join(place, "v")
    club.environment("root", environment)
    before = sorted(os.listdir(os.path.join(real, "v1", "entries")))
    club.offer("later", "1.0")
    env = {"HOME": home, "XDG_CACHE_HOME": "", "CW_LAYERS": ""}
    club.at("root")("pip", "install", "-p", environment, "--link-mode", mode, "demo", "later", env=env).ok()
    assert links_of(environment, real) == []
    assert code(environment) == GOOD
    assert sorted(os.listdir(os.path.join(real, "v1", "entries"))) == before
    # where it leads to something that is no store, root makes none of it
    bare = os.path.join(place, "bare")
    os.mkdir(bare)
    os.unlink(os.path.join(home, ".cache", "cw"))
    mallory.python("import os, sys; os.symlink(sys.argv[2], sys.argv[1])", os.path.join(home, ".cache", "cw"), bare)
    club.at("root")("pip", "install", "-p", environment, "--reinstall", "demo", env=env).ok()
    assert os.listdir(bare) == []


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775, 0o2775, 0o1777, None])
@pytest.mark.parametrize("verb", ["install", "venv"])
def test_root_creates_no_store_in_the_home_of_a_user(club: Commons, place: str, mode: int | None, verb: str) -> None:
    """`sudo -E cw …` on a machine where the user has no store yet: root's directories would keep that user out."""
    home = os.path.join(place, "home")
    cache = os.path.join(home, ".cache", "cw")
    os.makedirs(cache if mode else os.path.dirname(cache))
    for path in (home, os.path.dirname(cache), *((cache,) if mode else ())):
        os.chown(path, club["bob"].uid, club["bob"].gid)
        os.chmod(path, mode or 0o755)
    environment = os.path.join(place, "v")
    env = {"HOME": home, "XDG_CACHE_HOME": "", "CW_LAYERS": "", "CW_CACHE_DIR": ""}
    from kit.users import user_python

    club.at("root")("venv", "-p", user_python(), environment, env=env).ok()
    if verb == "install":
        club.at("root")("pip", "install", "-p", environment, "demo", env=env).ok()
    found = [os.path.join(d, n) for d, ns, files in os.walk(home) for n in (*ns, *files)]
    assert [path for path in found if os.lstat(path).st_uid == 0] == []
    # and the user goes on as if nothing had been
    club.environment("bob", os.path.join(place, "bob's"))
    club.at("bob")("pip", "install", "-p", os.path.join(place, "bob's"), "demo", env=env).ok()
    assert os.path.isdir(os.path.join(cache, "v1"))


# --- numbers without names ------------------------------------------------------------------------------------------------


IS_MEMBER = """
import sys
from commonwheel.store.layers import Layer
from commonwheel.store.trust import Trust
layer = Layer(sys.argv[1], Trust())
print(layer.group, layer.trust.owner(int(sys.argv[2]), layer.group))
"""


@pytest.mark.parametrize("number", [65534, 54321])
def test_unnamed_user_is_a_member_only_if_unambiguous(club: Commons, place: str, number: int) -> None:
    """65534 stands for every user whom a container or a file server does not show; 54321 for a container's own number."""
    store = club.share(os.path.join(place, "store"))
    alice = club.at("alice")
    assert alice.python(IS_MEMBER, store, str(number)).split() == [str(club.group), str(number != 65534)]
    # what lies where everybody may make names was made by anybody
    os.chmod(os.path.join(store, "v1"), 0o3777)
    assert alice.python(IS_MEMBER, store, str(number)).split() == ["None", "False"]


@pytest.mark.parametrize("what", ["entry", "page"])
def test_files_of_the_overflow_user_are_not_used(club: Commons, place: str, what: str) -> None:
    store = club.share(os.path.join(place, "store"))
    fill(club.at("bob"), store, place)
    if what == "entry":
        club.at("root").python(SWAP, store)
    made = entry_in(store, demo(club)) if what == "entry" else os.path.join(store, "v1", "pages")
    for directory, _, files in os.walk(made):
        for path in (directory, *(os.path.join(directory, name) for name in files)):
            os.chown(path, 65534, -1)
    environment = os.path.join(place, "v")
    club.environment("alice", environment)
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's")}
    if what == "page":
        club.at("alice")("pip", "install", "-p", environment, "demo", env={**env, "CW_OFFLINE": "1"}).failed()
    club.at("alice")("pip", "install", "-p", environment, "demo", env=env).ok()
    assert code(environment) == GOOD


# --- a user namespace with one number ---------------------------------------------------------------------------------


def inside(club: Commons, *words: str, **env: str) -> tuple[int, str]:
    """Run cw as alice in a namespace that shows alice alone, as root; return its status and all that it wrote."""
    from kit.users import user_python

    known = {"CW_DEFAULT_INDEX": club.index.url, "PIP_CONFIG_FILE": os.devnull, "CW_NO_PROGRESS": "1"}
    ran = club["alice"].run(
        ["unshare", "--user", "--map-root-user", user_python(), "-m", "commonwheel", *words], env={**known, **env}
    )
    assert "Traceback" not in ran.err, ran.err
    return ran.code, ran.out + ran.err


@pytest.fixture
def layer(club: Commons) -> str:
    """Give a store that root has filled and published."""
    path = club.directory(f"layer {os.urandom(3).hex()}")
    club.share(path, "--publish")
    fill(club.at("root"), path, os.path.dirname(path))
    return path


def test_root_layer_can_be_trusted_from_a_namespace_without_root(club: Commons, layer: str) -> None:
    home = club["alice"].home
    environment, config = os.path.join(home, "inner"), os.path.join(home, "inner.toml")
    env = {"CW_LAYERS": layer, "CW_CACHE_DIR": os.path.join(home, "inner cache"), "CW_CONFIG_FILE": config}
    club.environment("alice", environment)
    with open(config, "w", encoding="utf-8") as file:
        file.write("")
    words: tuple[str, ...] = (
        "pip",
        "install",
        "-p",
        environment,
        "--offline",
        "--link-mode",
        "fold",
        "--reinstall",
        "demo",
    )
    assert inside(club, *words, **env)[0] == 1
    status, said = inside(club, "doctor", "-p", environment, **env)
    assert "a user whom this user namespace does not show" in said
    (hint,) = [line.split("`")[1] for line in said.splitlines() if "`trust = [" in line]
    with open(config, "w", encoding="utf-8") as file:
        file.write(hint + "\n")
    status, said = inside(club, *words, **env)
    assert status == 0, said
    assert os.path.islink(os.path.join(site_of(environment), "demo"))
    assert os.readlink(os.path.join(site_of(environment), "demo")).startswith(f"{layer}/v1/entries/")
    # alice's own cache is as good as ever
    words = ("pip", "install", "-p", environment, "--link-mode", "hardlink!", "--reinstall", "demo")
    status, said = inside(club, *words, **{**env, "CW_LAYERS": ""})
    assert status == 0, said


@pytest.mark.parametrize("kind", ["a store that is not named", "entries of a stranger", "a directory of a stranger"])
def test_users_hidden_by_a_namespace_are_not_all_trusted(club: Commons, layer: str, place: str, kind: str) -> None:
    mallory, home = club.at("mallory"), club["alice"].home
    environment = os.path.join(home, f"inner {kind}")
    club.environment("alice", environment)
    store, trusted = layer, layer
    if kind == "a store that is not named":
        store = os.path.join(mallory.cwd, f"store {os.path.basename(layer)}")
        fill(mallory, store, place)
        mallory.python(SWAP, store)
    else:
        # one namespace shows root and mallory as one number: who made what here is not to be told
        run("chown", "-R", f"{club['mallory'].uid}", entry_in(layer, demo(club)))
        mallory.python(SWAP, layer)
        shared = os.path.dirname(entry_in(layer, demo(club)))
        if kind == "entries of a stranger":
            os.chmod(shared, 0o1777)
        else:
            os.chown(shared, 0, club.group)
            os.chmod(shared, 0o2775)
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(home, f"cache of {kind}")}
    status, said = inside(club, "pip", "install", "-p", environment, "--trust", trusted, "demo", **env)
    assert status == 0, said
    assert code(environment) == GOOD


# --- access lists -----------------------------------------------------------------------------------------------------------

# What somebody does who may write into a directory of others: put a file of the same size, time and mode into its place.
SWAP_IN = """
import os, sys
for directory, names, files in os.walk(sys.argv[1]):
    for name in files:
        path = os.path.join(directory, name)
        if name == sys.argv[2]:
            found = os.stat(path)
            with open(path + ".new", "wb") as file:
                file.write(open(path, "rb").read().replace(b"good", b"evil"))
            os.chmod(path + ".new", found.st_mode)
            os.utime(path + ".new", ns=(found.st_atime_ns, found.st_mtime_ns))
            os.rename(path + ".new", path)
            print(path)
"""


@pytest.mark.parametrize("where", ["", "v1/entries", "tree"])
@pytest.mark.parametrize("mode", ["copy", "fold"])
def test_who_may_write_by_an_access_list_is_asked(club: Commons, place: str, where: str, mode: str) -> None:
    store = club.share(os.path.join(place, "store"), "--publish")
    fill(club.at("root"), store, place)
    inner = os.path.join(entry_in(store, demo(club)), "tree") if where == "tree" else os.path.join(store, where)
    run("setfacl", "-R", "-m", f"u:{club['mallory'].uid}:rwX", inner)
    assert "code.py" in club.at("mallory").python(
        SWAP_IN.replace('open(path, "rb").read()', 'b"good = 1\\n"'), store, "code.py"
    )
    environment = os.path.join(place, "v")
    club.environment("alice", environment)
    alice, env = club.at("alice"), {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's")}
    alice("pip", "install", "-p", environment, "--link-mode", mode, "demo", env=env).ok()
    assert code(environment) == GOOD
    if where != "tree":
        assert "may change it, by an access list" in told(alice, environment, store, **env)
    ran = club.at("root")("cache", "verify", env={"CW_LAYERS": "", "CW_CACHE_DIR": store})
    assert ran.code == 1
    assert "demo 1.0" in ran.out
    assert "others may change it" in ran.out


def test_a_page_in_a_directory_with_an_access_list_is_not_used(club: Commons, place: str) -> None:
    store = club.share(os.path.join(place, "store"), "--publish")
    fill(club.at("root"), store, place)
    environment = os.path.join(place, "v")
    club.environment("alice", environment)
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's"), "CW_OFFLINE": "1"}
    words = ("pip", "install", "-p", environment, "--reinstall", "demo")
    club.at("alice")(*words, env=env).ok()
    # who may only read is no danger, nor is a member whom alice trusts
    run(
        "setfacl",
        "-R",
        "-m",
        f"u:{club['mallory'].uid}:rX,u:{club['alice'].uid}:rwX",
        os.path.join(store, "v1", "pages"),
    )
    club.at("alice")(*words, env=env).ok()
    run("setfacl", "-R", "-m", f"g:{club.group}:rwX", os.path.join(store, "v1", "pages"))
    club.at("alice")(*words, env=env).failed()


# --- modes ------------------------------------------------------------------------------------------------------------------


def modes_in(store: str, sha256: str) -> set[int]:
    """Return the modes of the files of an entry."""
    tree = os.path.join(entry_in(store, sha256), "tree")
    return {
        os.lstat(os.path.join(directory, name)).st_mode & 0o7777
        for directory, _, files in os.walk(tree)
        for name in files
    }


@pytest.mark.parametrize("mode", LINKED)
@pytest.mark.parametrize("wrong", [0o600, 0o666, 0o755])
@pytest.mark.parametrize("verb", ["install", "sync"])
def test_a_mode_that_one_environment_sets_stays_its_own(
    club: Commons, place: str, mode: str, wrong: int, verb: str
) -> None:
    alice, store = club.at("alice"), os.path.join(place, "alice's")
    env = {"CW_LAYERS": "", "CW_CACHE_DIR": store}
    first, later = os.path.join(place, "first"), os.path.join(place, "later")
    for environment in (first, later):
        club.environment("alice", environment)
    alice("pip", "install", "-p", first, "--link-mode", mode, "demo", env=env).ok()
    alice.python(
        "import os, sys; os.chmod(sys.argv[1], int(sys.argv[2]))", f"{site_of(first)}/demo/code.py", str(wrong)
    )
    pinned = os.path.join(place, "pinned.txt")
    with open(pinned, "w", encoding="utf-8") as file:
        file.write("demo==1.0\n")
    words = ("sync", pinned) if verb == "sync" else ("install", "demo")
    asked = club.downloads("demo")
    ran = alice("pip", *words, "-p", later, "--link-mode", mode, "--offline", env=env).ok()
    assert os.stat(f"{site_of(later)}/demo/code.py").st_mode & 0o7777 == 0o444
    assert modes_in(store, demo(club)) == {0o444}
    assert code(later) == GOOD
    assert [f"`demo/code.py` has mode {wrong:04o} instead of 0444" in line for line in ran.warnings] == [True]
    assert club.downloads("demo") == asked
    # and that is all: nothing is left to be said
    assert alice("pip", "install", "-p", later, "--reinstall", "--link-mode", mode, "demo", env=env).ok().warnings == []
    alice("cache", "verify", env=env).ok()


def test_rights_to_write_in_one_environment_are_settled_once(club: Commons, place: str) -> None:
    """`chmod -R u+w ENV` on hard links reaches every file of the store that the environment has."""
    alice, store = club.at("alice"), os.path.join(place, "alice's")
    env = {"CW_LAYERS": "", "CW_CACHE_DIR": store}
    first, later = os.path.join(place, "first"), os.path.join(place, "later")
    for environment in (first, later):
        club.environment("alice", environment)
    alice("pip", "install", "-p", first, "--link-mode", "hardlink", "demo", env=env).ok()
    alice.program("chmod", "-R", "u+w", first)
    assert 0o644 in modes_in(store, demo(club))
    ran = alice("pip", "install", "-p", later, "--link-mode", "hardlink", "--offline", "demo", env=env).ok()
    assert ran.warnings == []
    assert modes_in(store, demo(club)) == {0o444}
    assert os.stat(f"{site_of(later)}/demo/code.py").st_mode & 0o7777 == 0o444
    assert os.stat(f"{site_of(first)}/demo/code.py").st_mode & 0o7777 == 0o644


def test_a_doubt_about_what_i_cannot_change_is_hashed_once(club: Commons, place: str) -> None:
    store = club.share(os.path.join(place, "store"), "--publish")
    fill(club.at("root"), store, place)
    path = os.path.join(entry_in(store, demo(club)), "tree", "demo", "code.py")
    os.chmod(path, 0o644)
    alice, environment, mine = club.at("alice"), os.path.join(place, "v"), os.path.join(place, "alice's")
    club.environment("alice", environment)
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": mine}
    words = ("pip", "install", "-p", environment, "--reinstall", "demo")
    alice(*words, env=env).ok()
    noted = [name for name in os.listdir(os.path.join(mine, "v1", "settled")) if name.endswith("-looks")]
    assert noted == [f"{demo(club)}-looks"]
    # an edit that keeps size and time shows that nothing is read again; nobody but root, whom alice trusts, can make it
    found = os.stat(path)
    with open(path, "r+", encoding="utf-8") as file:
        file.write("GOOD")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    alice(*words, env=env).ok()
    assert code(environment) == "GOOD = 1\n"
    # whatever else changes is a new doubt
    os.utime(path, (1, 1))
    alice(*words, env=env).ok()
    assert code(environment) == GOOD


# --- bytecode ---------------------------------------------------------------------------------------------------------------

# What a build does that runs as the owner of the store: bytecode that Python takes for that of the module beside it.
PLANT = """
import importlib.util, marshal, os, sys
tree, package, back = sys.argv[1:]
for directory, names, files in os.walk(os.path.join(tree, package)):
    for name in [name for name in files if name.endswith(".py")]:
        path = os.path.join(directory, name)
        found, above = os.stat(path), os.stat(directory)
        data = b"".join((importlib.util.MAGIC_NUMBER, bytes(4), int(found.st_mtime).to_bytes(4, "little"),
            found.st_size.to_bytes(4, "little"), marshal.dumps(compile("evil = 1; good = 2", path, "exec"))))
        os.chmod(directory, 0o755)
        cached = importlib.util.cache_from_source(path)
        os.makedirs(os.path.dirname(cached), exist_ok=True)
        with open(cached, "wb") as file:
            file.write(data)
        os.chmod(cached, 0o444)
        if back == "back":
            os.utime(directory, ns=(above.st_atime_ns, above.st_mtime_ns))
for directory, names, files in os.walk(os.path.join(tree, package)):
    os.chmod(directory, 0o555)
"""


@pytest.mark.parametrize("back", ["", "back"])
@pytest.mark.parametrize("mode", ["fold", "symlink"])
@pytest.mark.parametrize("name", ["alice", "root"])
def test_bytecode_that_was_planted_in_a_store_runs_nowhere(
    club: Commons, place: str, back: str, mode: str, name: str
) -> None:
    shell, store = club.at(name), os.path.join(place, "store")
    env = {"CW_LAYERS": "", "CW_CACHE_DIR": store}
    environment = os.path.join(place, "v")
    club.environment(name, environment)
    fill(shell, store, place)
    shell.python(PLANT, os.path.join(entry_in(store, demo(club)), "tree"), "demo", back)
    ran = shell("cache", "verify", env=env)
    assert ran.code == 1
    assert "demo/__pycache__" in ran.out + ran.err
    shell("pip", "install", "-p", environment, "--link-mode", mode, "--offline", "demo", env=env).ok()
    assert shell.program(f"{environment}/bin/python", "-c", "import demo.code as c; print(c.good)") == "1\n"
    for directory, _, _ in os.walk(os.path.join(entry_in(store, demo(club)), "tree")):
        assert not directory.endswith("__pycache__")
    shell("cache", "verify", env=env).ok()


def test_repair_removes_planted_bytecode_without_fetching_anything(club: Commons, place: str) -> None:
    alice, store = club.at("alice"), os.path.join(place, "store")
    env = {"CW_LAYERS": "", "CW_CACHE_DIR": store}
    fill(alice, store, place)
    alice.python(PLANT, os.path.join(entry_in(store, demo(club)), "tree"), "demo", "back")
    alice("cache", "verify", "--repair", "--offline", env=env)
    alice("cache", "verify", env=env).ok()
    assert sorted(os.listdir(os.path.join(entry_in(store, demo(club)), "tree", "demo"))) == ["__init__.py", "code.py"]


def test_bytecode_of_an_image_is_hashed_by_verify(club: Commons, place: str) -> None:
    alice, store = club.at("alice"), os.path.join(place, "store")
    env = {"CW_LAYERS": "", "CW_CACHE_DIR": store}
    environment = os.path.join(place, "v")
    club.environment("alice", environment)
    words = ("pip", "install", "-p", environment, "--reinstall", "--link-mode", "fold", "--compile-bytecode", "demo")
    alice(*words, env=env).ok()
    alice("cache", "verify", env=env).ok()
    digest = demo(club)
    (image,) = os.listdir(os.path.join(store, "v1", "images", digest[:2]))
    tree = os.path.join(store, "v1", "images", digest[:2], image, "tree")
    # the name of a constant: size and time stay
    club.at("root").python(
        SWAP_IN, tree, next(name for name in os.listdir(f"{tree}/demo/__pycache__") if "code" in name)
    )
    ran = alice("cache", "verify", env=env)
    assert ran.code == 1
    assert "demo/__pycache__/code" in ran.out + ran.err
    alice("cache", "verify", "--repair", env=env)
    alice("cache", "verify", env=env).ok()
    alice(*words, env=env).ok()
    assert alice.program(f"{environment}/bin/python", "-c", "import demo.code as c; print(c.good)") == "1\n"


# --- archives of a stranger's -----------------------------------------------------------------------------------------------

# An archive by its two ends, and nothing, or anything, in between.
INFLATE = """
import os, sys
entry, filename, size, kind = sys.argv[1:]
os.makedirs(os.path.join(entry, "wheel"), exist_ok=True)
path = os.path.join(entry, "wheel", filename)
if os.path.exists(path):
    os.unlink(path)
with open(path, "wb") as file:
    file.write(b"PK\\x03\\x04")
    if kind == "full":
        for _ in range(int(size) >> 20):
            file.write(os.urandom(1 << 20))
    file.seek(int(size))
    file.write(b"PK\\x05\\x06" + bytes(18))
"""


@pytest.mark.parametrize("kind", ["full", "hole"])
@pytest.mark.parametrize("told", ["by the index", "by nobody"])
def test_an_archive_that_a_stranger_inflated_fills_nobody_s_store(
    club: Commons, place: str, kind: str, told: str
) -> None:
    from kit.mounts import tmpfs

    mallory, alice = club.at("mallory"), club.at("alice")
    store = os.path.join(mallory.cwd, f"inflated {kind} {os.path.basename(place)}")
    fill(mallory, store, place)
    mallory.python(INFLATE, entry_in(store, demo(club)), "demo-1.0-py3-none-any.whl", str(32 << 20), kind)
    environment = os.path.join(place, "v")
    club.environment("alice", environment)
    with tmpfs(os.path.join(place, "small"), "8m") as small:
        mine = os.path.join(small, "alice's")
        url = f"{club.index.root}/files/demo/demo-1.0-py3-none-any.whl#sha256={demo(club)}"
        wanted = "demo" if told == "by the index" else f"demo @ {url}"
        env = {"CW_LAYERS": store, "CW_CACHE_DIR": mine}
        ran = alice("pip", "install", "-p", environment, "--link-mode", "copy", wanted, env=env).ok()
        assert ran.warnings == []
        assert code(environment) == GOOD
        # her store has taken the wheel, and nothing of the other
        assert os.path.isdir(entry_in(mine, demo(club)))
        assert os.listdir(os.path.join(mine, "v1", "entries")) == [demo(club)[:2]]


@pytest.mark.parametrize("what", ["wheel", "tree"])
def test_verify_reads_no_holes_of_a_stranger_s(club: Commons, place: str, what: str) -> None:
    mallory, alice = club.at("mallory"), club.at("alice")
    store = os.path.join(mallory.cwd, f"holes {what} {os.path.basename(place)}")
    fill(mallory, store, place)
    entry = entry_in(store, demo(club))
    if what == "wheel":
        mallory.python(INFLATE, entry, "demo-1.0-py3-none-any.whl", str(1 << 30), "hole")
    else:
        mallory.python(
            "import os, sys; path = sys.argv[1]; found = os.stat(path); os.chmod(path, 0o644); os.truncate(path, 0)\n"
            "os.truncate(path, found.st_size); os.chmod(path, 0o444)\n"
            "os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))",
            os.path.join(entry, "tree", "demo", "code.py"),
        )
    ran = alice("cache", "verify", env={"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "alice's")})
    assert ran.code == 1
    assert f"{'wheel/demo-1.0-py3-none-any.whl' if what == 'wheel' else 'demo/code.py'}` has holes" in ran.out
