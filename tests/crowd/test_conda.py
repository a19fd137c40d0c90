"""The report that this project grew out of (DESIGN.md §1): users who install into conda environments on shared ground.

conda hard-links its package cache into environments. A file there shares its inode with the cache of another user, and
with every other environment: opening it for writing changes all of them, before a refused chmod shows the owner.
"""

import os
import shutil
import sys

import pytest

from kit.commons import Commons, Inode, run

pytestmark = [pytest.mark.root, pytest.mark.alone]

MODES = ("auto", "clone", "hardlink", "copy", "symlink", "fold")
CONDAS_FILES = {
    "distutils-precedence.pth": "import os\n",
    "_distutils_hack/__init__.py": "hack = 65\n",
    "setuptools/__init__.py": "version = 65\n",
    "setuptools/only_old.py": "old = True\n",
    "setuptools-65.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: setuptools\nVersion: 65.0\n",
    "setuptools-65.0.dist-info/INSTALLER": "conda\n",
}
BACKEND = """
import os, zipfile
def _write(directory, files):
    name = "mine-1.0-py3-none-any.whl"
    files = {**files, "mine-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\nRequires-Dist: setuptools>=70\\n",
             "mine-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    import base64, hashlib
    rows = []
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text.encode())}\\n")
            wheel.writestr(path, text)
        wheel.writestr("mine-1.0.dist-info/RECORD", "".join(rows) + "mine-1.0.dist-info/RECORD,,\\n")
    return name
def build_wheel(directory, settings=None, metadata=None):
    return _write(directory, {"mine.py": "x = 1\\n"})
def build_editable(directory, settings=None, metadata=None):
    return _write(directory, {"mine.pth": os.getcwd() + "\\n"})
"""


@pytest.fixture(scope="module")
def offered(here: Commons) -> Commons:
    """Offer a newer setuptools, with the very file that was lost in the report."""
    here.offer(
        "setuptools",
        "70.0",
        {
            "distutils-precedence.pth": "import sys\n",
            "_distutils_hack/__init__.py": "hack = 70\n",
            "setuptools/__init__.py": "version = 70\n",
            "setuptools/tool": "#!/bin/sh\n",
        },
        executable=["setuptools/tool"],
    )
    return here


def interpreter(root: str) -> str:
    """Lay out an interpreter of its own at `root`, as conda does; return the directory of its packages."""
    name = "python{}.{}".format(*sys.version_info[:2])
    prefix = sys.base_prefix
    for directory in ("bin", "conda-meta", f"lib/{name}"):
        os.makedirs(f"{root}/{directory}")
    shutil.copy2(os.path.realpath(f"{prefix}/bin/{name}"), f"{root}/bin/{name}")
    os.symlink(name, f"{root}/bin/python")
    for library in os.listdir(f"{prefix}/lib"):
        if library.startswith("libpython3") and ".so" in library:
            shutil.copy2(f"{prefix}/lib/{library}", f"{root}/lib/{library}")
    skip = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "__pycache__", "idlelib", "config-*", "tkinter", "lib2to3"
    )
    shutil.copytree(f"{prefix}/lib/{name}", f"{root}/lib/{name}", ignore=skip, dirs_exist_ok=True)
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return run("env", f"LD_LIBRARY_PATH={root}/lib", f"{root}/bin/python", "-I", "-c", asked).strip()


class Conda:
    """A package cache of `owner`, and an environment of `user` that conda has linked out of it."""

    def __init__(self, here: Commons, place: str, base: str, *, owner: str, user: str, mode: str) -> None:
        self.root = os.path.join(place, "envs", "work")
        # linked, as conda does
        shutil.copytree(base, self.root, symlinks=True, copy_function=os.link)
        self.site = os.path.join(self.root, os.path.relpath(_site(base), base))
        self.cache = os.path.join(place, "pkgs", "setuptools-65.0")
        record = "".join(f"{path},,\n" for path in (*CONDAS_FILES, "setuptools-65.0.dist-info/RECORD"))
        for path, text in {**CONDAS_FILES, "setuptools-65.0.dist-info/RECORD": record}.items():
            source, target = f"{self.cache}/{path}", f"{self.site}/{path}"
            os.makedirs(os.path.dirname(source), exist_ok=True)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            os.link(source, target)
        run("chown", "-R", f"{here[owner].uid}:{here[owner].gid}", f"{place}/pkgs")
        # the environment is the user's; what is linked into it stays the owner's
        for directory, _, _ in os.walk(self.root):
            os.chown(directory, here[user].uid, here[user].gid)
        self.environ = {
            "CONDA_PREFIX": self.root, "CONDA_DEFAULT_ENV": "work", "LD_LIBRARY_PATH": f"{self.root}/lib", "CW_LINK_MODE": mode,
        }  # fmt: skip
        self.before = self.inodes()
        assert {one.links for one in self.before.values()} == {2}

    def inodes(self) -> dict[str, Inode]:
        """Return all that the files of the cache are."""
        return {
            os.path.relpath(os.path.join(directory, name), self.cache): Inode.of(os.path.join(directory, name))
            for directory, _, names in os.walk(self.cache)
            for name in names
        }

    def check(self) -> None:
        """Assert that the cache has lost the names in the environment, and nothing else."""
        after = self.inodes()
        assert after.keys() == self.before.keys()
        for path, was in self.before.items():
            now = after[path]
            assert (now.data, now.mode, now.uid, now.gid, now.mtime) == (
                was.data,
                was.mode,
                was.uid,
                was.gid,
                was.mtime,
            ), path
            assert now.links == 1, path


def _site(base: str) -> str:
    with open(f"{base}/site", encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Lay out an interpreter once."""
    root = str(tmp_path_factory.mktemp("conda") / "base")
    site = interpreter(root)
    os.makedirs(site, exist_ok=True)
    with open(f"{root}/site", "w", encoding="utf-8") as file:
        file.write(site)
    return root


def project(place: str, user_id: int) -> str:
    """Make a project that needs the newer setuptools and builds itself."""
    root = os.path.join(place, "project")
    os.makedirs(root)
    with open(f"{root}/pyproject.toml", "w", encoding="utf-8") as file:
        file.write('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    with open(f"{root}/backend.py", "w", encoding="utf-8") as file:
        file.write(BACKEND)
    run("chown", "-R", str(user_id), root)
    return root


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("filled_by", ["me", "another"])
def test_files_linked_from_conda_cache_are_replaced_not_changed(
    offered: Commons, place: str, base: str, mode: str, filled_by: str
) -> None:
    """uv 0.3.3 left `distutils-precedence.pth` empty, here and in the other user's cache (uv#6648)."""
    here = offered
    conda = Conda(here, place, base, owner="carol", user="alice", mode=mode)
    store = here.share(os.path.join(place, "store"))
    if filled_by == "another":
        other = os.path.join(here["bob"].home, mode)
        here.environment("bob", other)
        here.at("bob")("pip", "install", "-p", other, "setuptools>=70", env={"CW_LAYERS": store}).ok()
    alice, environ = here.at("alice"), {**conda.environ, "CW_LAYERS": store}
    ran = alice("pip", "install", "-U", "setuptools>=70", env=environ).ok()
    assert " + setuptools==70.0" in ran.err
    conda.check()
    with open(f"{conda.site}/distutils-precedence.pth", encoding="utf-8") as file:
        assert file.read() == "import sys\n"
    assert not os.path.lexists(f"{conda.site}/setuptools/only_old.py")
    assert not os.path.lexists(f"{conda.site}/setuptools-65.0.dist-info")
    assert os.access(f"{conda.site}/setuptools/tool", os.X_OK)
    assert alice("pip", "freeze", env=environ).ok().out == "setuptools==70.0\n"


@pytest.mark.parametrize("mode", MODES)
def test_editable_project_in_a_conda_environment(offered: Commons, place: str, base: str, mode: str) -> None:
    """The very command of the report: `pip install -e .` with a shared cache and `--link-mode copy`."""
    here = offered
    conda = Conda(here, place, base, owner="carol", user="alice", mode=mode)
    store = here.share(os.path.join(place, "store"))
    tree = project(place, here["alice"].uid)
    alice, environ = here.at("alice"), {**conda.environ, "CW_LAYERS": store}
    alice("pip", "install", "-e", ".", env=environ, cwd=tree).ok()
    conda.check()
    assert alice("pip", "freeze", env=environ).ok().out.splitlines()[0].startswith("-e file:///")
    asked = "import setuptools; print(setuptools.version)"
    said = alice.program("env", f"LD_LIBRARY_PATH={conda.root}/lib", f"{conda.root}/bin/python", "-c", asked)
    assert said == "70\n"
