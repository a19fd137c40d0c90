"""operations/bytecode.py: what was compiled once in the store is placed in every link mode, and is what Python reads."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from commonwheel.fs import disk
from kit.cli import Cw, Ran
from kit.wheels import make_wheel

MODULES = ("lib", "lib.inner", "alone", "space.one", "tests", "moved")


@pytest.fixture
def cw(tmp_path: Path) -> Cw:
    """Give a user with wheels: packages, modules, a part of a namespace, modules below `.data`, two that share a path."""
    (tmp_path / "a place").mkdir()
    cw = Cw(str(tmp_path / "a place"))
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    wheels = cw.path("wheels")
    for version in ("1.0", "2.0"):
        make_wheel(
            wheels,
            "lib",
            version,
            {
                "lib/__init__.py": f"version = '{version}'\n",
                "lib/inner.py": "",
                "lib/bad.py": "x = (\n",
                "alone.py": f"version = '{version}'\n",
                "space/one/__init__.py": "",
                "tests/__init__.py": "who = 'lib'\n",
            },
            data={"purelib/moved.py": "", "scripts/run.py": "#!python\nprint(1)\n", "data/share/it.py": ""},
        )
    make_wheel(wheels, "other", "1.0", {"other.py": "", "tests/__init__.py": "who = 'any'\n", "lib/more.py": ""})
    cw("venv", "v").ok()
    return cw


def install(cw: Cw, *words: str, mode: str = "copy", **environ: str) -> Ran:
    more = ("--link-mode", mode, "--compile-bytecode")
    return cw("pip", "install", "-p", "v", *words, *more, environ=environ).ok()


def compiled(root: str) -> dict[str, tuple[int, int]]:
    """Return every compiled module below a directory, with the inode and the time of last change of the file."""
    found = {}
    for directory, _, names in os.walk(root, followlinks=True):
        for name in names:
            if name.endswith(".pyc"):
                path = os.path.join(directory, name)
                found[os.path.relpath(path, root)] = (os.stat(path).st_ino, os.stat(path).st_mtime_ns)
    return found


def read_from_bytecode(cw: Cw, *modules: str) -> None:
    """Import modules in the environment, and prove that each was read from what was compiled, and nothing written."""
    before = compiled(cw.site())
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    argv = [cw.path("v", "bin", "python"), "-v", "-c", code, *modules]
    said = subprocess.run(argv, env={}, capture_output=True, text=True, check=True).stderr
    for name in modules:
        path = f"{cw.site()}/{name.replace('.', '/')}"
        source = f"{path}/__init__.py" if os.path.isdir(path) else f"{path}.py"
        assert f"matches {source}" in said, name
    assert f"wrote '{cw.site()}" not in said
    assert compiled(cw.site()) == before


def images(cw: Cw) -> list[str]:
    room = Path(cw.store, "v1", "images")
    return sorted(str(path) for path in room.glob("*/*/tree"))


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink", "clone", "auto", "fold", "hardlink!"])
def test_compiled_bytecode_serves_every_environment(cw: Cw, mode: str) -> None:
    assert "Bytecode compiled 8 files in" in install(cw, "lib", mode=mode).err
    (image,) = images(cw)
    in_store = compiled(image)
    read_from_bytecode(cw, *MODULES)
    first = compiled(cw.site())
    shutil.rmtree(cw.path("v"))
    cw("venv", "v").ok()
    assert "Bytecode of 1 package was in the store" in install(cw, "lib", mode=mode).err
    read_from_bytecode(cw, *MODULES)
    assert compiled(cw.site()).keys() == first.keys()
    assert compiled(image) == in_store
    inodes = {inode for inode, _ in compiled(cw.site()).values()}
    if mode != "auto":  # which depends on the file system
        linked = mode in {"hardlink", "symlink", "fold", "hardlink!"}
        assert (inodes <= {inode for inode, _ in in_store.values()}) == linked
    # neither scripts nor data are imported, so that nothing compiled stands beside them
    assert not os.path.exists(cw.path("v", "bin", "__pycache__"))
    assert not os.path.exists(cw.path("v", "share", "__pycache__"))
    cw("verify", "-p", "v").ok()
    record = Path(cw.site(), "lib-2.0.dist-info", "RECORD").read_text()
    assert ".pyc" not in record
    cw("pip", "uninstall", "-p", "v", "lib").ok()
    assert not compiled(cw.site())
    assert [name for name in os.listdir(cw.site()) if not name.startswith("_")] == []
    assert compiled(image) == in_store


def test_without_the_option_only_folded_packages_have_images(cw: Cw) -> None:
    install(cw, "lib")
    cw("pip", "uninstall", "-p", "v", "lib").ok()
    cw("pip", "install", "-p", "v", "lib", "--link-mode", "hardlink").ok()
    assert not compiled(cw.site())
    cw("pip", "install", "-p", "v", "lib", "--link-mode", "fold", "--reinstall").ok()
    read_from_bytecode(cw, "lib", "alone")


def test_upgrade_replaces_bytecode_with_its_modules(cw: Cw) -> None:
    install(cw, "lib==1.0")
    old = compiled(cw.site())
    install(cw, "lib==2.0")
    read_from_bytecode(cw, *MODULES)
    assert old.keys() == compiled(cw.site()).keys()
    assert not {inode for inode, _ in old.values()} & {inode for inode, _ in compiled(cw.site()).values()}
    said = subprocess.run(
        [cw.path("v", "bin", "python"), "-c", "import alone, lib; print(alone.version, lib.version)"],
        env={}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "2.0 2.0\n"
    cw("env", "undo", "-p", "v", environ={"CW_COMPILE_BYTECODE": "1"}).ok()
    assert compiled(cw.site()).keys() == old.keys()
    read_from_bytecode(cw, *MODULES)


@pytest.mark.parametrize("mode", ["copy", "fold"])
def test_clash_last_package_wins_bytecode(cw: Cw, mode: str) -> None:
    ran = install(cw, "lib", "other", mode=mode)
    (warning,) = [line for line in ran.err.splitlines() if line.startswith("warning")]
    assert "tests/__init__.py" in warning
    read_from_bytecode(cw, *MODULES, "other", "lib.more")
    said = subprocess.run(
        [cw.path("v", "bin", "python"), "-c", "import tests; print(tests.who)"],
        env={}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "any\n"


def test_existing_bytecode_is_replaced_silently(cw: Cw) -> None:
    stale = cw.write(f"{os.path.relpath(cw.site(), cw.cwd)}/__pycache__/alone.cpython-311.pyc", "old")
    assert "warning" not in install(cw, "lib").err
    assert Path(cw.path(stale)).stat().st_size > 3 or not stale.endswith(tuple(compiled(cw.site())))


@pytest.mark.parametrize("mode", ["copy", "fold"])
def test_hash_based_bytecode_is_compiled_per_environment(cw: Cw, mode: str) -> None:
    install(cw, "lib", mode=mode, PYC_INVALIDATION_MODE="CHECKED_HASH")
    assert len(images(cw)) == (mode == "fold")
    for path in compiled(cw.site()):
        flags = int.from_bytes(Path(cw.site(), path).read_bytes()[4:8], "little")
        folded = os.path.realpath(f"{cw.site()}/{os.path.dirname(path)}").startswith(cw.store)
        assert folded == (mode == "fold" and path.startswith(("lib", "space", "tests")))
        assert flags == (0 if folded else 3), path


def test_refusing_store_is_no_error(cw: Cw) -> None:
    cw("pip", "install", "-p", "v", "lib").ok()
    refused = []

    def refuse(_verb: str, path: str) -> None:
        if "/images/" in path:
            refused.append(path)
            raise OSError(28, "No space left on device", path)

    before = disk.observe(refuse)
    try:
        assert "Bytecode compiled 6 files" in install(cw, "lib", "--reinstall").err
    finally:
        disk.observe(before)
    assert refused
    assert images(cw) == []
    read_from_bytecode(cw, *MODULES)
    assert "Bytecode compiled 6 files" in install(cw, "lib", "--reinstall", "--read-only-cache").err
    assert images(cw) == []


def test_damaged_entry_gets_no_image(cw: Cw) -> None:
    cw("pip", "install", "-p", "v", "lib", "--link-mode", "copy").ok()
    (path,) = Path(cw.store, "v1", "entries").glob("*/*/tree/lib/__init__.py")
    path.chmod(0o644)
    path.write_text("damaged")
    ran = install(cw, "lib", "--reinstall")
    assert "is damaged and not used" in ran.err
    assert "Bytecode compiled 8 files" in ran.err
    read_from_bytecode(cw, *MODULES)


def test_damaged_image_is_recreated(cw: Cw) -> None:
    install(cw, "lib")
    (image,) = images(cw)
    (path,) = Path(image, "lib", "__pycache__").glob("inner.*")
    path.unlink()
    ran = install(cw, "lib", "--reinstall")
    assert "the bytecode of `lib` in the store is damaged and not used" in ran.err
    read_from_bytecode(cw, *MODULES)


def test_target_directory_has_bytecode_too(cw: Cw) -> None:
    words = ("pip", "install", "--target", "t", "lib", "--compile-bytecode", "--link-mode", "copy")
    for told in ("Bytecode compiled 8 files", "Bytecode of 1 package was in the store"):
        assert told in cw(*words, "--reinstall").ok().err
        assert "lib/__pycache__" in {os.path.dirname(path) for path in compiled(cw.path("t"))}
    code = "import alone, lib.inner, moved, space.one"
    environ = {"PYTHONPATH": cw.path("t")}
    argv = [cw.path("v", "bin", "python"), "-v", "-c", code]
    said = subprocess.run(argv, env=environ, capture_output=True, text=True, check=True).stderr
    assert said.count(f"matches {cw.path('t')}/") == 5
