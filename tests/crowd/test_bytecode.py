"""Bytecode in one store for several users: compiled once, read by all, written by nobody who only imports."""

import os

import pytest

from kit.commons import Commons, snapshot

pytestmark = [pytest.mark.root, pytest.mark.alone]

WORDS = ("pip", "install", "--link-mode", "fold")


@pytest.fixture(scope="module")
def stocked(here: Commons) -> Commons:
    here.offer("lib", "1.0", {"lib/__init__.py": "from lib import inner\n", "lib/inner.py": "x = 1\n"})
    here.offer("part-one", "1.0", {"space/one/__init__.py": "x = 1\n"})
    here.offer("part-two", "1.0", {"space/two/__init__.py": "x = 2\n"})
    return here


def imported(here: Commons, name: str, root: str, module: str) -> tuple[str, bool]:
    """Import a module as a user: where its bytecode is, and whether it was read from there."""
    python = os.path.join(root, "bin", "python")
    code = f"import os, {module} as it; print('cached', os.path.realpath(it.__cached__))"
    environ = {"PATH": "/usr/bin:/bin", "HOME": here[name].home}
    said = here[name].run(["/bin/sh", "-c", '"$0" -v -c "$1" 2>&1', python, code], env=environ).ok()
    (cached,) = [line.partition(" ")[2] for line in said.splitlines() if line.startswith("cached ")]
    return cached, f"code object from '{it_is(root, module)}'" not in said


def it_is(root: str, module: str) -> str:
    return f"{root}/lib/python3.11/site-packages/{module.replace('.', '/')}/__init__.py"


def test_bytecode_compiled_by_one_user_is_used_by_all(stocked: Commons, place: str) -> None:
    here = stocked
    store = here.share(os.path.join(place, "store"))
    roots = {name: os.path.join(here[name].home, "an env") for name in ("alice", "bob")}
    for name, more in (("alice", ("--compile-bytecode",)), ("bob", ())):
        here.environment(name, roots[name])
        ran = here.at(name)(*WORDS, *more, "-p", roots[name], "lib", env={"CW_CACHE_DIR": store}).ok()
        assert ("Bytecode compiled 2 files" in ran.err) == bool(more)
    before = snapshot(os.path.join(store, "v1", "images"))
    for name, root in roots.items():
        cached, was_read = imported(here, name, root, "lib")
        assert cached.startswith(f"{store}/v1/images/")
        assert was_read
        here.at(name)("verify", "-p", root, env={"CW_CACHE_DIR": store}).ok()
    assert snapshot(os.path.join(store, "v1", "images")) == before
    # bob's environment lives on it, so it stays; with both gone it goes
    here.at("alice")("cache", "prune", "--older-than", "0d", env={"CW_CACHE_DIR": store}).ok()
    assert snapshot(os.path.join(store, "v1", "images")).keys() == before.keys()


def test_without_image_nothing_is_compiled_and_all_is_linked(stocked: Commons, place: str) -> None:
    here = stocked
    store, root = os.path.join(here["carol"].home, "own"), os.path.join(here["carol"].home, "env")
    here.environment("carol", root)
    here.at("carol")(*WORDS, "-p", root, "lib", env={"CW_CACHE_DIR": store}).ok()
    assert "/v1/entries/" in os.path.realpath(it_is(root, "lib"))
    assert not os.path.lexists(f"{store}/v1/images")
    # asked for later, it is made for newly installed packages
    words = (*WORDS, "--compile-bytecode", "--reinstall", "-p", root, "lib")
    here.at("carol")(*words, env={"CW_CACHE_DIR": store}).ok()
    assert "/v1/images/" in os.path.realpath(it_is(root, "lib"))
    assert imported(here, "carol", root, "lib")[1]


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_image_of_another_user_is_copied(stocked: Commons, place: str, mode: str) -> None:
    here = stocked
    store = here.share(os.path.join(place, "store"))
    roots = {name: os.path.join(here[name].home, f"env {mode}") for name in ("alice", "bob")}
    words = ("pip", "install", "--link-mode", mode, "lib")
    for name, root in roots.items():
        here.environment(name, root)
    # the entry is alice's, and what is added to it bob's
    here.at("alice")(*words, "-p", roots["alice"], env={"CW_CACHE_DIR": store}).ok()
    made = here.at("bob")(*words, "--compile-bytecode", "-p", roots["bob"], env={"CW_CACHE_DIR": store}).ok()
    assert "Bytecode compiled 2 files" in made.err
    more = ("--compile-bytecode", "--reinstall", "-p", roots["alice"])
    used = here.at("alice")(*words, *more, env={"CW_CACHE_DIR": store}).ok()
    assert "Bytecode of 1 package was in the store" in used.err
    for name, root in roots.items():
        cached, was_read = imported(here, name, root, "lib")
        assert cached.startswith(root)
        assert was_read
        owners = {owner for _, owner, _, _ in snapshot(os.path.join(root, "lib")).values()}
        assert owners == {here[name].uid}


def test_untrusted_bytecode_is_not_read(stocked: Commons, place: str) -> None:
    here = stocked
    store, root = os.path.join(place, "open"), os.path.join(here["bob"].home, "env four")
    os.mkdir(store, 0o777)
    os.chmod(store, 0o1777)
    theirs = os.path.join(here["alice"].home, "env four")
    for name, path in (("alice", theirs), ("bob", root)):
        here.environment(name, path)
        words = ("pip", "install", "--link-mode", "copy", "--compile-bytecode", "-p", path, "lib")
        ran = here.at(name)(*words, env={"CW_CACHE_DIR": store}).ok()
        assert "Bytecode compiled 2 files" in ran.err
        assert imported(here, name, path, "lib")[1]
    owners = {owner for _, owner, _, _ in snapshot(os.path.join(store, "v1", "images")).values()}
    assert owners == {here["alice"].uid}


def test_packages_sharing_a_directory_use_their_images(stocked: Commons, place: str) -> None:
    here = stocked
    store, root = os.path.join(here["bob"].home, "own"), os.path.join(here["bob"].home, "env two")
    here.environment("bob", root)
    bob = here.at("bob")
    for part in ("part-one", "part-two"):
        bob(*WORDS, "--compile-bytecode", "-p", root, part, env={"CW_CACHE_DIR": store}).ok()
    for module in ("space.one", "space.two"):
        cached, was_read = imported(here, "bob", root, module)
        assert "/v1/images/" in cached
        assert was_read
    bob("verify", "-p", root, env={"CW_CACHE_DIR": store}).ok()
    bob("pip", "uninstall", "-p", root, "part-one", env={"CW_CACHE_DIR": store}).ok()
    assert imported(here, "bob", root, "space.two")[1]
    bob("pip", "uninstall", "-p", root, "part-two", env={"CW_CACHE_DIR": store}).ok()
    assert not os.path.lexists(os.path.dirname(os.path.dirname(it_is(root, "space.two"))))


def test_damaged_image_is_reported_once_and_not_used(stocked: Commons, place: str) -> None:
    here = stocked
    store, root = os.path.join(here["alice"].home, "own"), os.path.join(here["alice"].home, "env three")
    here.environment("alice", root)
    alice = here.at("alice")
    alice(*WORDS, "--compile-bytecode", "-p", root, "lib", env={"CW_CACHE_DIR": store}).ok()
    cached, _ = imported(here, "alice", root, "lib")
    os.truncate(cached, 20)
    ran = alice(*WORDS, "--reinstall", "-p", root, "lib", env={"CW_CACHE_DIR": store}).ok()
    (line,) = ran.warnings
    assert "the bytecode of `lib` in the store is damaged and not used" in line
    assert "/v1/entries/" in os.path.realpath(it_is(root, "lib"))
    alice("verify", "-p", root, env={"CW_CACHE_DIR": store}).ok()
