"""install/uninstall.py: what a distribution holds, and what may go with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from commonwheel.install import uninstall
from commonwheel.install.uninstall import CannotUninstall
from commonwheel.model import Installed
from kit.shelf import environment, installed

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.install.uninstall import Clearing
    from commonwheel.model import Environment

SITE = "lib/python3.11/site-packages"


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return environment(str(tmp_path / "env"))


def lay(env: Environment, *paths: str, text: str = "") -> None:
    for path in paths:
        full = os.path.join(env.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def put(env: Environment, name: str, *paths: str, record: str | None = None) -> None:
    """Install by hand: files relative to the site directory, a dist-info, its RECORD."""
    info = f"{name}-1.0.dist-info"
    lay(env, *(os.path.normpath(f"{SITE}/{path}") for path in paths), f"{SITE}/{info}/METADATA")
    text = "".join(f"{path},sha256=x,0\n" for path in (*paths, f"{info}/METADATA")) + f"{info}/RECORD,,\n"
    lay(env, f"{SITE}/{info}/RECORD", text=text if record is None else record)


def clear(env: Environment, *names: str) -> Clearing:
    everything = installed(env)
    going = [one for one in everything if one.name in names]
    kept = [one for one in everything if one.name not in names]
    return uninstall.clearing([uninstall.footprint(one, env) for one in going], env, kept)


def relative(env: Environment, paths: tuple[str, ...]) -> list[str]:
    return sorted(os.path.relpath(path, env.root) for path in paths)


def test_whole_directories_are_removed_at_once(env: Environment) -> None:
    put(
        env,
        "alpha",
        "alpha/__init__.py",
        "alpha/a/b.py",
        "alpha/a/c/d.py",
        "mod.py",
        "../../../bin/al",
        "../../../share/x/y",
    )
    lay(env, f"{SITE}/alpha/__pycache__/__init__.cpython-311.pyc", f"{SITE}/__pycache__/mod.cpython-311.opt-1.pyc")
    lay(env, f"{SITE}/__pycache__/other.cpython-311.pyc")
    found = clear(env, "alpha")
    assert relative(env, found.listings) == [f"{SITE}/alpha-1.0.dist-info"]
    assert relative(env, found.paths) == [
        "bin/al", f"{SITE}/__pycache__/mod.cpython-311.opt-1.pyc", f"{SITE}/alpha", f"{SITE}/mod.py", "share",
    ]  # fmt: skip


def test_unowned_files_keep_their_directories(env: Environment) -> None:
    put(env, "alpha", "alpha/__init__.py", "alpha/a/b.py", "alpha/c/d.py")
    lay(env, f"{SITE}/alpha/a/user.cfg", f"{SITE}/alpha-1.0.dist-info/uv_cache.json")
    os.makedirs(f"{env.root}/{SITE}/alpha/c/empty/within")
    found = clear(env, "alpha")
    assert relative(env, found.paths) == [f"{SITE}/alpha/__init__.py", f"{SITE}/alpha/a/b.py", f"{SITE}/alpha/c"]
    # the metadata directory is its own, with whatever an installer put there
    assert relative(env, found.listings) == [f"{SITE}/alpha-1.0.dist-info"]


def test_missing_files_are_silent(env: Environment) -> None:
    put(env, "alpha", "alpha/__init__.py", "gone/x.py", "lost.py")
    for path in ("gone/x.py", "lost.py"):
        os.remove(f"{env.root}/{SITE}/{path}")
    assert relative(env, clear(env, "alpha").paths) == [f"{SITE}/alpha", f"{SITE}/gone"]


def test_file_listed_by_another_package_stays(env: Environment) -> None:
    put(env, "alpha", "tests/__init__.py", "tests/test_a.py", "../../../bin/both")
    put(env, "beta", "tests/__init__.py", "tests/test_b.py", "../../../bin/both")
    found = clear(env, "alpha")
    assert relative(env, found.paths) == [f"{SITE}/tests/test_a.py"]
    assert relative(env, found.shared) == ["bin/both", f"{SITE}/tests/__init__.py"]
    # and goes with the last of them
    assert relative(env, clear(env, "alpha", "beta").paths) == ["bin/both", f"{SITE}/tests"]


def test_two_distributions_with_one_dist_info_directory(env: Environment) -> None:
    put(env, "headless", "cv/__init__.py", "cv/a.py")
    put(env, "full", "cv/__init__.py", "cv/a.py", "cv/gui.py")
    assert relative(env, clear(env, "full").paths) == [f"{SITE}/cv/gui.py"]
    assert relative(env, clear(env, "headless").paths) == []


def test_owners_are_found_by_record(env: Environment) -> None:
    put(env, "alpha", "x/a.py", "../../../bin/al")
    root = env.root
    assert uninstall.owners([f"{root}/{SITE}/x/a.py", f"{root}/bin/al", f"{root}/bin/b"], installed(env)) == {
        f"{root}/{SITE}/x/a.py": "alpha",
        f"{root}/bin/al": "alpha",
    }


def test_paths_behind_symlinks_are_never_removed(env: Environment, tmp_path: Path) -> None:
    store = tmp_path / "store" / "alpha"
    store.mkdir(parents=True)
    (store / "__init__.py").write_text("")
    put(env, "alpha", record="alpha,,\nalpha/__init__.py,sha256=x,0\nalpha-1.0.dist-info/RECORD,,\n")
    put(env, "sly", "sly/x.py", "linked/__init__.py")
    os.remove(f"{env.root}/{SITE}/linked/__init__.py")
    os.rmdir(f"{env.root}/{SITE}/linked")
    os.symlink(store, f"{env.root}/{SITE}/alpha")
    os.symlink(store, f"{env.root}/{SITE}/linked")
    assert relative(env, clear(env, "alpha").paths) == [f"{SITE}/alpha"]
    # a link that the RECORD does not list stays, and so does all behind it
    assert relative(env, clear(env, "sly").paths) == [f"{SITE}/sly"]


@pytest.mark.parametrize("path", ["../../../../outside", "/etc/passwd", "../../../out/x"])
def test_paths_outside_the_environment_are_never_removed(env: Environment, tmp_path: Path, path: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", f"{env.root}/out")
    put(env, "alpha", "alpha/a.py", record=f"alpha/a.py,,\n{path},,\nalpha-1.0.dist-info/RECORD,,\n")
    found = clear(env, "alpha")
    assert relative(env, found.paths) == [f"{SITE}/alpha"]
    assert len(found.outside) == 1


def test_environment_directories_stay_when_empty(tmp_path: Path) -> None:
    env = environment(str(tmp_path / "env"))
    put(env, "alpha", "../../../include/site/python3.11/alpha/a.h", "../../../bin/al")
    os.remove(f"{env.root}/bin/python")
    assert relative(env, clear(env, "alpha").paths) == ["bin/al", "include/site/python3.11/alpha"]
    target = environment(str(tmp_path / "target"), "target")
    os.makedirs(f"{target.root}/alpha-1.0.dist-info")
    lay(target, "bin/al")
    lay(target, "alpha-1.0.dist-info/RECORD", text="bin/al,,\nalpha-1.0.dist-info/RECORD,,\n")
    assert relative(target, clear(target, "alpha").paths) == ["bin"]


def test_quoted_and_foreign_record_spellings(env: Environment) -> None:
    record = '"a,b.py",sha256=x,1\r\nalpha/c.py,sha256=x,1\r\nalpha-1.0.dist-info/RECORD,,\r\n'
    put(env, "alpha", "a,b.py", "alpha/c.py", record=record)
    assert relative(env, clear(env, "alpha").paths) == [f"{SITE}/a,b.py", f"{SITE}/alpha"]


def test_unreadable_record_is_an_error(env: Environment) -> None:
    put(env, "alpha", record='"never closed\n')
    with pytest.raises(CannotUninstall, match="cannot be read"):
        clear(env, "alpha")


@pytest.mark.parametrize(
    ("installer", "hint"), [("conda", "conda remove alpha"), ("", "by hand"), ("debian", "by hand")]
)
def test_distribution_without_record_is_refused(env: Environment, installer: str, hint: str) -> None:
    lay(env, f"{SITE}/alpha-1.0.dist-info/METADATA")
    lay(env, f"{SITE}/alpha-1.0.dist-info/INSTALLER", text=installer)
    with pytest.raises(CannotUninstall) as caught:
        clear(env, "alpha")
    assert hint in (caught.value.hint or "")


def test_distutils_installs_are_refused(env: Environment) -> None:
    site = env.paths["purelib"]
    one = Installed("alpha", "1.0", f"{site}/alpha-1.0.egg-info", "egg-file", site)
    with pytest.raises(CannotUninstall, match="distutils"):
        uninstall.footprint(one, env)


def test_egg_link_is_removed_with_its_pth_line(env: Environment) -> None:
    site = env.paths["purelib"]
    lay(env, f"{SITE}/alpha.egg-link", text="/src/alpha\n.\n")
    lay(env, f"{SITE}/easy-install.pth", text="/src/other\n/src/alpha\n")
    one = Installed("alpha", "1.0", f"{site}/alpha.egg-link", "egg-link", site, editable="/src/alpha")
    found = uninstall.clearing([uninstall.footprint(one, env)], env)
    assert found.listings == (f"{site}/alpha.egg-link",)
    assert found.rewrites == ((f"{site}/easy-install.pth", b"/src/other\n"),)


def test_egg_info_by_file_list(env: Environment) -> None:
    site = env.paths["purelib"]
    lay(env, f"{SITE}/alpha/__init__.py", f"{SITE}/alpha/user.txt", f"{SITE}/alpha-1.0.egg-info/PKG-INFO")
    lay(env, f"{SITE}/alpha-1.0.egg-info/installed-files.txt", text="../alpha/__init__.py\nPKG-INFO\n")
    one = Installed("alpha", "1.0", f"{site}/alpha-1.0.egg-info", "egg-info", site)
    found = uninstall.clearing([uninstall.footprint(one, env)], env)
    assert relative(env, found.paths) == [f"{SITE}/alpha/__init__.py"]
    assert relative(env, found.listings) == [f"{SITE}/alpha-1.0.egg-info"]


def test_egg_info_by_top_level(env: Environment) -> None:
    site = env.paths["purelib"]
    lay(env, f"{SITE}/alpha/__init__.py", f"{SITE}/amod.py", f"{SITE}/ns/x.py")
    lay(env, f"{SITE}/alpha-1.0.egg-info/top_level.txt", text="alpha\namod\nns\n")
    lay(env, f"{SITE}/alpha-1.0.egg-info/namespace_packages.txt", text="ns\n")
    one = Installed("alpha", "1.0", f"{site}/alpha-1.0.egg-info", "egg-info", site)
    found = uninstall.clearing([uninstall.footprint(one, env)], env)
    assert relative(env, found.paths) == [f"{SITE}/alpha", f"{SITE}/amod.py"]


def test_easy_install_eggs(env: Environment) -> None:
    site = env.paths["purelib"]
    lay(env, f"{SITE}/alpha-1.0-py3.8.egg/alpha.py", f"{SITE}/alpha-1.0-py3.8.egg/EGG-INFO/PKG-INFO")
    lay(env, f"{SITE}/easy-install.pth", text="./alpha-1.0-py3.8.egg\n./b.egg\n")
    one = Installed("alpha", "1.0", f"{site}/alpha-1.0-py3.8.egg/EGG-INFO", "egg-info", site)
    found = uninstall.clearing([uninstall.footprint(one, env)], env)
    assert relative(env, found.paths) == [f"{SITE}/alpha-1.0-py3.8.egg"]
    assert found.rewrites == ((f"{site}/easy-install.pth", b"./b.egg\n"),)


def test_egg_info_with_an_empty_top_level_is_removed_alone(env: Environment) -> None:
    site = env.paths["purelib"]
    lay(env, f"{SITE}/alpha-1.0.egg-info/PKG-INFO", f"{SITE}/alpha-1.0.egg-info/top_level.txt", f"{SITE}/alpha/x.py")
    one = Installed("alpha", "1.0", f"{site}/alpha-1.0.egg-info", "egg-info", site)
    found = uninstall.clearing([uninstall.footprint(one, env)], env)
    assert relative(env, found.listings) == [f"{SITE}/alpha-1.0.egg-info"]
    assert found.paths == ()


def test_egg_info_without_any_list_is_refused(env: Environment) -> None:
    site = env.paths["purelib"]
    lay(env, f"{SITE}/alpha-1.0.egg-info/PKG-INFO")
    with pytest.raises(CannotUninstall, match="no list of its files"):
        uninstall.footprint(Installed("alpha", "1.0", f"{site}/alpha-1.0.egg-info", "egg-info", site), env)


@pytest.mark.parametrize(
    "rows",
    [
        "pkg,,\npkg/a.py,x,1\npkg/b/c.py,x,1\npkg-1.dist-info/RECORD,,\n",
        "pkg,,\nother.py,x,1\npkg/a.py,x,1\nzoo.py,x,1\npkg/b.py,x,1\nlast.py,x,1\n",  # not together
        "pkg,,\npkg2/a.py,x,1\npkg/a.py,x,1\npkg2/b.py,x,1\n",
        "pkg,,\nlib/inner,,\npkg/a.py,x,1\nlib/inner/b.py,x,1\nlib/c.py,x,1",  # and no newline at the end
        "pkg,,\nplain,,\nplain/a.py,x,1\npkg/a.py,x,1\n",  # one of them is no link
        "a.py,x,1\npkg,,\npkg/a.py,x,1\n",  # links stand first
        "pkg,,\n",
        "",
    ],
)
def test_targets_of_symlinks_are_not_removed(tmp_path: Path, rows: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "plain").mkdir()
    for link in ("pkg", "lib/inner"):
        (tmp_path / link).symlink_to("/usr")
    paths = [line.split(",")[0] for line in rows.split("\n") if line]
    head = [path for path, line in zip(paths, rows.split("\n"), strict=False) if line.endswith(",,")]
    head = [path for at, path in enumerate(head) if paths[at] == path]
    links = [f"{path}/" for path in head if (tmp_path / path).is_symlink()]
    expected = [path for path in paths if not path.startswith(tuple(links))]
    assert uninstall.own_paths(rows.encode(), str(tmp_path)) == expected


OWN = (
    "pyvenv.cfg",
    ".cw/history/1",
    "bin/python",
    "bin/python3",
    "bin/python3.11",
    "bin/pypy3",
    "bin/activate",
    "bin/activate.fish",
    "bin/Activate.ps1",
    "bin/activate_this.py",
)


def test_what_makes_the_environment_belongs_to_no_distribution(env: Environment) -> None:
    theirs = ("bin/python-argcomplete", "bin/alpha", "bin/activate-global", "share/pyvenv.cfg")
    lay(env, *OWN, *theirs)
    put(env, "alpha", "alpha/__init__.py", *(f"../../../{path}" for path in (*OWN, *theirs)))
    found = clear(env, "alpha")
    gone = relative(env, (*found.listings, *found.paths))
    assert not [path for path in gone for own in OWN if f"{own}/".startswith(f"{path}/")]
    assert {"bin/python-argcomplete", "bin/alpha", "bin/activate-global"} <= set(gone)
    assert relative(env, found.outside) == sorted(OWN)


def test_the_state_of_a_target_belongs_to_no_distribution(tmp_path: Path) -> None:
    target = environment(str(tmp_path / "env"), kind="target")
    site = target.paths["purelib"]
    for path in (".cw/journal", "alpha.py"):
        os.makedirs(os.path.dirname(f"{site}/{path}"), exist_ok=True)
        with open(f"{site}/{path}", "w", encoding="utf-8"):
            pass
    one = Installed("alpha", "1.0", f"{site}/alpha-1.0.dist-info", "dist-info", site)
    os.makedirs(one.location)
    with open(f"{one.location}/RECORD", "w", encoding="utf-8") as file:
        file.write(".cw/journal,,\nalpha.py,,\nalpha-1.0.dist-info/RECORD,,\n")
    found = uninstall.clearing([uninstall.footprint(one, target)], target)
    assert [path for path in found.paths if ".cw" in path] == []
    assert f"{site}/alpha.py" in found.paths


@pytest.mark.parametrize("form", ["dist-info", "egg-info"])
def test_the_top_level_of_an_egg_takes_nothing_of_others(env: Environment, form: str) -> None:
    site = env.paths["purelib"]
    lay(env, f"{SITE}/old-1.0.egg-info/top_level.txt", text="old\nbeta\nbeta-1.0.dist-info\n..\n.cw\n")
    lay(env, f"{SITE}/old/__init__.py", f"{SITE}/.cw/x", f"{SITE}/beta/__init__.py")
    if form == "dist-info":
        put(env, "beta", "beta/__init__.py")
    else:
        lay(env, f"{SITE}/beta-1.0.egg-info/top_level.txt", text="beta\n")
    old, beta = (
        Installed(name, "1.0", f"{site}/{name}-1.0.{kind}", kind, site)
        for name, kind in (("old", "egg-info"), ("beta", form))
    )
    found = uninstall.clearing([uninstall.footprint(old, env)], env, [beta])
    gone = relative(env, (*found.listings, *found.paths))
    assert gone == [f"{SITE}/old", f"{SITE}/old-1.0.egg-info"]
    assert relative(env, found.shared) == [f"{SITE}/beta"]
