"""Accidents of a group member in an environment of one user reach no other environment and no later install.

With uv 0.13.9 an edit in one's own environment is, in its default mode on most file systems, an edit of the cache: every
later install of that package delivers it, with `--require-hashes` too, exit status 0.
"""

import os

import pytest

from kit.commons import Commons, entry_in, site_of

pytestmark = [pytest.mark.root, pytest.mark.alone]

MODES = ("auto", "clone", "hardlink", "copy", "symlink", "fold")
SOUND = 'x = "sound"\n'
# What people do to files: in place, by a new file, with force.
DEEDS = {
    "edit": "open(path, 'r+').write('x = \"EDITED\"\\n')",
    "append": "open(path, 'a').write('EDITED')",
    "truncate": "os.truncate(path, 0)",
    "empty by writing anew": "open(path, 'w')",
    "replace": "open(path + '.new', 'w').write('EDITED'); os.replace(path + '.new', path)",
    "delete": "os.unlink(path)",
    "add beside it": "open(os.path.join(os.path.dirname(path), 'sitecustomize.py'), 'w').write('EDITED')",
}
TRY = """
import os, sys
path = sys.argv[1]
for deed in sys.argv[2:]:
    if deed == "force":
        try:
            os.chmod(path, 0o644); os.chmod(os.path.dirname(path), 0o755)
        except OSError as error:
            print("refused", error.errno)
        continue
    try:
        exec(deed)
    except OSError as error:
        print("refused", error.errno)
"""


@pytest.fixture(scope="module")
def stocked(here: Commons) -> Commons:
    here.offer("calm", "1.0", {"calm/__init__.py": SOUND, "calm/other.py": "y = 1\n"})
    return here


def install(here: Commons, name: str, root: str, store: str, mode: str, *words: str) -> str:
    """Install into an environment of this person's; return the file that everything is about."""
    env = {"CW_LAYERS": store, "CW_CACHE_DIR": f"{os.path.dirname(store)}/{name}'s"}
    if not os.path.isdir(root):
        here.environment(name, root)
    here.at(name)("pip", "install", "-p", root, "--link-mode", mode, *words, "calm", env=env).ok()
    return f"{site_of(root)}/calm/__init__.py"


def content(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("culprit", ["alice", "bob"])
def test_changes_in_own_environment_stay_there(stocked: Commons, place: str, mode: str, culprit: str) -> None:
    """Alice has added the package and owns its files; bob uses it. Either may be the clumsy one."""
    here = stocked
    store = here.share(os.path.join(place, "store"))
    victim = "bob" if culprit == "alice" else "alice"
    install(here, "alice", os.path.join(place, "first"), store, mode)
    theirs = install(here, victim, os.path.join(place, "theirs"), store, mode)
    for number, deed in enumerate(DEEDS.values()):
        mine = install(here, culprit, os.path.join(place, f"mine {number}"), store, mode)
        other = install(here, culprit, os.path.join(place, "another of mine"), store, mode, "--reinstall")
        here.at(culprit).python(TRY, mine, deed)
        for path in (theirs, other, f"{site_of(os.path.join(place, 'first'))}/calm/__init__.py"):
            assert content(path) == SOUND, deed
            assert sorted(os.listdir(os.path.dirname(path))) == ["__init__.py", "other.py"], deed
        later = install(here, victim, os.path.join(place, "later"), store, mode, "--reinstall")
        assert content(later) == SOUND, deed
        assert sorted(os.listdir(os.path.dirname(later))) == ["__init__.py", "other.py"], deed
    assert here.downloads("calm") >= 1


def notice(here: Commons, place: str, store: str, mode: str) -> None:
    """Find what a folded installation does not look at: the single files behind its links.

    Any installation that places files does, or `cw cache verify`; with that, all who fold have sound files again.
    """
    if mode == "fold":
        path = install(here, "carol", os.path.join(place, "carol"), store, "copy", "--reinstall")
        assert content(path) == SOUND


@pytest.mark.parametrize("mode", MODES)
def test_entry_changed_by_its_owner_misleads_no_later_install(stocked: Commons, place: str, mode: str) -> None:
    """chmod first, then write: an entry's owner can do that. The next install notices, says so, and has the right bytes."""
    here = stocked
    store = here.share(os.path.join(place, "store"))
    sha256 = next(file.sha256 for file in here.index.files["calm"])
    for number, deed in enumerate((DEEDS["edit"], DEEDS["truncate"])):
        mine = install(here, "alice", os.path.join(place, f"mine {number}"), store, mode, "--reinstall")
        here.at("alice").python(TRY, mine, "force", deed)
        here.at("alice").python(TRY, f"{entry_in(store, sha256)}/tree/calm/__init__.py", "force", deed)
        notice(here, place, store, mode)
        for name in ("bob", "alice"):
            later = install(here, name, os.path.join(place, f"later of {name}"), store, mode, "--reinstall")
            assert content(later) == SOUND
        assert content(f"{entry_in(store, sha256)}/tree/calm/__init__.py") == SOUND


@pytest.mark.parametrize("mode", MODES)
def test_entry_changed_by_root_misleads_no_later_install(stocked: Commons, place: str, mode: str) -> None:
    """As in most containers: everything is root's, and one careless edit would be in the store at once."""
    here = stocked
    store = os.path.join(place, "store")
    for number, deed in enumerate((DEEDS["edit"], DEEDS["truncate"], DEEDS["add beside it"])):
        mine = install(here, "root", os.path.join(place, f"mine {number}"), store, mode, "--reinstall")
        here.at("root").python(TRY, mine, deed)
        if mode == "fold":
            # its links are made without a look at the single files behind them
            env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, "root's")}
            assert "calm 1.0" in here.at("root")("cache", "verify", "--repair", env=env).ok().out
        later = install(here, "root", os.path.join(place, "later"), store, mode, "--reinstall")
        assert content(later) == SOUND, deed
        assert sorted(os.listdir(os.path.dirname(later))) == ["__init__.py", "other.py"], deed
