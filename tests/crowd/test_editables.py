"""Three people's projects, installed to be worked on: into a virtual environment, and into one of conda's that is linked from another user's cache.

Everything is done by an ordinary user. What the environment shares with the cache of another user loses its name there and
nothing more; what was edited is what is imported; and what goes, goes whole.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.sdists import BACKEND, files_of, write_tree
from kit.users import User, users

pytestmark = [pytest.mark.root]

_NAME = "python{}.{}".format(*sys.version_info[:2])
#: The same backend for a project with its packages in `src`, and a script.
SOURCE_LAYOUT = BACKEND.replace(
    '{"_" + facts()[0].replace("-", "_") + ".pth": HERE + "\\n"}',
    '{"src_of_two.pth": os.path.join(HERE, "src") + "\\n"}',
).replace(
    "    files = dict(files)\n",
    '    files = dict(files)\n    files[info + "entry_points.txt"] = "[console_scripts]\\ntwo = two:main\\n"\n',
)
CONDAS = {
    "three.py": "installed_by = 'conda'\n",
    "three.pth": "",
    "three-0.9.dist-info/METADATA": "Metadata-Version: 2.1\nName: three\nVersion: 0.9\n",
    "three-0.9.dist-info/INSTALLER": "conda\n",
    "three-0.9.dist-info/RECORD": "three.py,,\nthree.pth,,\nthree-0.9.dist-info/METADATA,,\nthree-0.9.dist-info/INSTALLER,,\nthree-0.9.dist-info/RECORD,,\n",
}


@pytest.fixture(scope="module")
def people() -> Iterator[tuple[User, User]]:
    """Alice works; carol filled the package cache."""
    with users("alice", "carol") as (alice, carol):
        yield alice, carol


@pytest.fixture
def projects(place: str, people: tuple[User, User]) -> str:
    """Give alice three projects."""
    root = os.path.join(place, "projects")
    write_tree(f"{root}/one", files_of("one"))
    write_tree(
        f"{root}/two",
        files_of("two", backend=SOURCE_LAYOUT, files={"src/two/__init__.py": "def main():\n    print('two runs')\n"}),
    )
    os.remove(f"{root}/two/two.py")
    write_tree(f"{root}/three", files_of("three", "1.0"))
    given(root, people[0])
    return root


def given(root: str, user: User) -> None:
    """Give a tree to a user."""
    os.chown(root, user.uid, user.gid)
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            os.lchown(os.path.join(directory, name), user.uid, user.gid)


def conda(place: str, alice: User, carol: User) -> tuple[str, str]:
    """Lay out an environment as conda does: alice's directories, and files that are carol's, linked from carol's cache."""
    root, cache = os.path.join(place, "envs", "work"), os.path.join(place, "pkgs", "three-0.9")
    site = f"{root}/lib/{_NAME}/site-packages"
    for directory in (f"{root}/bin", f"{root}/conda-meta", site):
        os.makedirs(directory)
    base = f"{sys.base_prefix}/lib/{_NAME}" if os.access(sys.base_prefix, os.X_OK) else ""
    shutil.copy2(os.path.realpath(f"{sys.base_prefix}/bin/{_NAME}"), f"{root}/bin/{_NAME}")
    os.symlink(_NAME, f"{root}/bin/python")
    for library in os.listdir(f"{sys.base_prefix}/lib"):
        if library.startswith("libpython3") and ".so" in library:
            shutil.copy2(f"{sys.base_prefix}/lib/{library}", f"{root}/lib/{library}")
    skip = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "__pycache__", "idlelib", "config-*", "tkinter", "lib2to3"
    )
    shutil.copytree(base, f"{root}/lib/{_NAME}", ignore=skip, dirs_exist_ok=True)
    write_tree(cache, CONDAS)
    given(os.path.join(place, "pkgs"), carol)
    for path in CONDAS:
        os.makedirs(os.path.dirname(f"{site}/{path}"), exist_ok=True)
        os.link(f"{cache}/{path}", f"{site}/{path}")
    for directory, _, _ in os.walk(os.path.join(place, "envs")):
        os.chown(directory, alice.uid, alice.gid)
    shared = [os.stat(f"{site}/{path}") for path in CONDAS]
    assert {(one.st_nlink, one.st_uid) for one in shared} == {(2, carol.uid)}
    return root, cache


@pytest.mark.parametrize("kind", ["venv", "conda"])
def test_three_editable_projects_installed_edited_and_removed(
    place: str, projects: str, people: tuple[User, User], kind: str
) -> None:
    alice, carol = people
    environ = {"CW_CACHE_DIR": f"{place}/store"}
    before: dict[str, tuple[bytes, int, int]] = {}
    cache = ""
    if kind == "conda":
        root, cache = conda(place, alice, carol)
        environ |= {"CONDA_PREFIX": root, "CONDA_DEFAULT_ENV": "work", "LD_LIBRARY_PATH": f"{root}/lib"}
        before = {path: inode(f"{cache}/{path}") for path in CONDAS}
    else:
        root = f"{place}/v"
        alice.cw("venv", root, cwd=place, env=environ).ok()
        environ["VIRTUAL_ENV"] = root
    words = [word for name in ("one", "two", "three") for word in ("-e", f"{projects}/{name}")]
    alice.cw("pip", "install", "-p", root, "--no-index", *words, cwd=place, env=environ).ok()
    # what conda had put there lost its name, and is carol's alone
    assert {os.stat(f"{cache}/{path}").st_nlink for path in before} <= {1}
    frozen = alice.cw("pip", "freeze", "-p", root, cwd=place, env=environ).ok().splitlines()
    assert [line.rpartition("/")[2] for line in frozen if line.startswith("-e ")] == ["one", "three", "two"]
    assert alice.run([f"{root}/bin/two"], cwd=place, env=environ).ok() == "two runs\n"

    for name, file in (("one", "one.py"), ("two", "src/two/__init__.py"), ("three", "three.py")):
        Path(projects, name, file).write_text(f"edited = {name!r}\n")
    code = "import one, two, three; print(one.edited, two.edited, three.edited)"
    assert alice.run([f"{root}/bin/python", "-c", code], cwd=place, env=environ).ok() == "one two three\n"

    alice.cw("pip", "uninstall", "-p", root, "one", "two", "three", cwd=place, env=environ).ok()
    assert "-e" not in alice.cw("pip", "freeze", "-p", root, cwd=place, env=environ).ok()
    assert not os.path.exists(f"{root}/bin/two")
    site = f"{root}/lib/{_NAME}/site-packages"
    assert not [name for name in os.listdir(site) if name.startswith(("one", "two", "three", "_one", "src_of"))]
    assert Path(projects, "one", "one.py").read_text() == "edited = 'one'\n"
    assert {path: inode(f"{cache}/{path}") for path in before} == before
    assert not os.listdir(f"{place}/store/v1/builds")


def inode(path: str) -> tuple[bytes, int, int]:
    """Return what of a file nobody may change: its bytes, mode and owner."""
    found = os.stat(path)
    return Path(path).read_bytes(), found.st_mode, found.st_uid
