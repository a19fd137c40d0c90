"""Images: compiled once, shared, checked like entries."""

from __future__ import annotations

import compileall
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commonwheel.fs import disk
from commonwheel.store import build_image, images, integrity, inventory, layout, prune, roots
from commonwheel.store.prune import PruneOptions
from commonwheel.store.recheck import Recheck
from commonwheel.store.store import EntryLost
from kit.stores import Heard, admit, demo_wheel, everything_below, leftovers, open_store, ready
from kit.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.model import Entry
    from commonwheel.store.store import Store

TAG = sys.implementation.cache_tag or "python"


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


def compile_modules(paths: Sequence[str]) -> tuple[str, ...]:
    for path in paths:
        assert compileall.compile_file(path, quiet=2)
    return ()


@pytest.fixture
def entry(root: str, place: str) -> Entry:
    return admit(open_store(root), demo_wheel(place))


def built(store: Store, entry: Entry) -> Entry:
    return build_image.build(store, [entry], TAG, compile_modules)[entry.digest]


def test_image_is_the_tree_with_bytecode(root: str, entry: Entry) -> None:
    store = open_store(root)
    assert build_image.sound(store, entry, TAG) is None
    image = built(store, entry)
    assert image == entry.replaced(tree=f"{root}/{layout.image(entry.digest, TAG)}/tree")
    assert build_image.sound(open_store(root), entry, TAG) == image
    added = {path for path in everything_below(image.tree) if not os.path.lexists(f"{entry.tree}/{path}")}
    assert f"demo/__pycache__/__init__.{TAG}.pyc" in added
    for path in everything_below(image.tree):
        facts = os.lstat(f"{image.tree}/{path}")
        wanted = 0o555 if stat.S_ISDIR(facts.st_mode) or path.endswith("tool") else 0o444
        assert stat.S_IMODE(facts.st_mode) == wanted, path
        if path not in added and stat.S_ISREG(facts.st_mode):
            assert facts.st_ino == os.lstat(f"{entry.tree}/{path}").st_ino
    assert store.check(entry) == []
    assert leftovers(root) == []


def test_bytecode_is_valid_at_its_location(root: str, entry: Entry) -> None:
    image = built(open_store(root), entry)
    code = "import sys, demo; print(demo.__cached__, demo.__version__)"
    ran = subprocess.run(
        [sys.executable, "-v", "-c", code], env={"PYTHONPATH": image.tree}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith(f"{image.tree}/demo/__pycache__/")
    assert f"matches {image.tree}/demo/__init__.py" in ran.stderr


def test_compiler_exception_propagates_and_leaves_nothing(root: str, entry: Entry) -> None:
    def fail(paths: Sequence[str]) -> tuple[str, ...]:
        with open(f"{paths[0]}c", "w"):
            pass
        raise TimeoutError("too slow")

    with pytest.raises(TimeoutError):
        build_image.build(open_store(root), [entry], TAG, fail)
    assert leftovers(root) == []
    assert build_image.sound(open_store(root), entry, TAG) is None


def test_only_bytecode_may_be_added(root: str, entry: Entry) -> None:
    def odd(paths: Sequence[str]) -> tuple[str, ...]:
        (inner,) = {os.path.dirname(path) for path in paths if path.endswith("demo/__init__.py")}
        left = compile_modules(paths)
        with open(f"{inner}/__pycache__/note.txt", "w"):
            pass
        return left

    image = build_image.build(open_store(root), [entry], TAG, odd)[entry.digest]
    assert not os.path.lexists(f"{image.tree}/demo/__pycache__/note.txt")


def test_incomplete_image_is_not_kept(root: str, entry: Entry) -> None:
    store = open_store(root)
    made = build_image.build(store, [entry], TAG, lambda paths: (*compile_modules(paths), paths[-1]))
    assert made == {}
    assert leftovers(root) == []
    assert "some of it could not be written" in store.layers[0].notes[0]
    assert images.at_hand(store, entry, TAG) is None


def test_added_bytecode_is_listed(root: str, place: str) -> None:
    store = open_store(root)
    entry = admit(store, make_wheel(place, "demo", "1.0", {"demo/__init__.py": "", "alone.py": "x = 1\n"}))
    image = built(store, entry)
    compiled = {f"{where}__pycache__/{name}.{TAG}.pyc" for where, name in (("demo/", "__init__"), ("", "alone"))}
    files, known = store.files(image), store.files(entry)
    assert files == sorted(files)
    assert compiled <= {row[0] for row in files} - {row[0] for row in known}
    assert set(known) < set(files)
    # what is folded comes with its directory, the others one by one
    loose = {row[0] for row in store.loose(image)}
    assert loose - {row[0] for row in store.loose(entry)} == compiled - {f"demo/__pycache__/__init__.{TAG}.pyc"}
    os.truncate(f"{os.path.dirname(image.tree)}/{layout.IMAGE}", 9)
    for asked in (store.files, store.loose):
        with pytest.raises(EntryLost, match="list of its bytecode is gone"):
            asked(image)
    assert store.listed(image) is None


def test_damaged_image_is_set_aside_and_recreated(root: str, entry: Entry) -> None:
    image = built(open_store(root), entry)
    path = f"{image.tree}/demo/__pycache__/__init__.{TAG}.pyc"
    os.truncate(path, 3)
    heard = Heard()
    assert build_image.sound(open_store(root, heard=heard), entry, TAG) is None
    assert "is damaged and not used" in heard.warnings[0]
    assert not os.path.lexists(image.tree)
    assert built(open_store(root), entry) == image


@pytest.mark.parametrize("which", ["bytecode", "module", "gone", "list"])
def test_damaged_image_is_not_used(root: str, entry: Entry, which: str) -> None:
    image = built(open_store(root), entry)
    store = open_store(root)
    with Recheck(store, [image]) as inspection:
        inspection.settle()
    where = {
        "bytecode": f"demo/__pycache__/__init__.{TAG}.pyc", "module": "demo/__init__.py", "gone": "demo/__pycache__", "list": ""
    }[which]  # fmt: skip
    if which == "gone":
        os.rename(f"{image.tree}/{where}", f"{root}/elsewhere")
    elif which == "list":
        os.truncate(f"{os.path.dirname(image.tree)}/{layout.IMAGE}", 9)
    else:
        # not the entry's file, which may be another name of it
        os.rename(f"{image.tree}/{where}", f"{root}/elsewhere")
        with open(f"{image.tree}/{where}", "wb") as file:
            file.write(b"x")
    with pytest.raises(EntryLost), Recheck(store, [image]) as inspection:
        inspection.settle()
    assert images.at_hand(store, entry, TAG) is None
    assert not os.path.lexists(image.tree)
    assert ready(store, entry.digest) == entry


def test_unremovable_damaged_image_is_skipped(root: str, entry: Entry) -> None:
    image = built(open_store(root), entry)
    os.truncate(f"{image.tree}/demo/__pycache__/__init__.{TAG}.pyc", 3)
    store = open_store(root)

    def refuse(_operation: str, path: str) -> None:
        if "/images/" in path:
            raise OSError(30, "Read-only file system", path)

    before = disk.observe(refuse)
    try:
        with pytest.raises(EntryLost), Recheck(store, [image]) as inspection:
            inspection.settle()
    finally:
        disk.observe(before)
    assert os.path.lexists(image.tree)
    assert images.at_hand(store, entry, TAG) is None


def test_nothing_is_compiled_without_a_writable_layer(root: str, entry: Entry) -> None:
    store = open_store(root)
    os.makedirs(f"{root}/{layout.image(entry.digest, TAG)}")
    assert build_image.build(store, [entry], TAG, lambda paths: pytest.fail(f"compiled {paths}")) == {}
    os.rmdir(f"{root}/{layout.image(entry.digest, TAG)}")
    # what another made in between is as good
    image = built(store, entry)
    assert build_image.build(store, [entry], TAG, lambda paths: pytest.fail(f"compiled {paths}")) == {
        entry.digest: image
    }


def test_image_of_another_entry_is_refused(root: str, entry: Entry, place: str) -> None:
    image = built(open_store(root), entry)
    other = os.path.dirname(image.tree).replace(TAG, "cpython-399")
    os.rename(os.path.dirname(image.tree), other)
    assert build_image.sound(open_store(root), entry, "cpython-399") is None


def test_refusing_layer_has_no_images(root: str, entry: Entry) -> None:
    assert build_image.build(open_store(root, read_only=[root]), [entry], TAG, compile_modules) == {}
    seen = []

    def refuse(operation: str, path: str) -> None:
        seen.append(operation)
        if "/images/" in path and operation == "mkdir" and len(seen) > 5:
            raise OSError(28, "No space left on device", path)

    before = disk.observe(refuse)
    try:
        assert build_image.build(open_store(root), [entry], TAG, compile_modules) == {}
    finally:
        disk.observe(before)
    assert leftovers(root) == []


def test_many_images_are_closed_by_forked_workers(root: str, place: str) -> None:
    store = open_store(root)
    entries = [admit(store, demo_wheel(place, f"demo{number}")) for number in range(9)]
    made = build_image.build(store, entries, TAG, compile_modules)
    assert made.keys() == {entry.digest for entry in entries}
    again = open_store(root)
    assert all(build_image.is_sound(again, image) for image in made.values())
    assert leftovers(root) == []


def test_unclosable_image_is_skipped_with_a_reason(root: str, entry: Entry) -> None:
    def refuse(operation: str, path: str) -> None:
        if operation == "chmod" and path.endswith(".pyc"):
            raise OSError(30, "Read-only file system", path)

    store = open_store(root)
    before = disk.observe(refuse)
    try:
        assert build_image.build(store, [entry], TAG, compile_modules) == {}
    finally:
        disk.observe(before)
    assert "Read-only file system" in store.layers[0].refusal
    assert leftovers(root) == []


def test_images_are_kept_for_their_environments(root: str, entry: Entry, place: str) -> None:
    store = open_store(root)
    image = built(store, entry)
    environment = os.path.join(place, "env")
    os.mkdir(environment)
    os.symlink(f"{image.tree}/demo", f"{environment}/demo")
    roots.keep(store, environment, [entry.digest])
    (held,) = inventory.held(store.layers[0])
    assert held.living == (environment,)
    assert prune.clean(open_store(root)).entries == ()


def test_entry_is_removed_with_its_images(root: str, entry: Entry) -> None:
    store = open_store(root)
    image = built(store, entry)
    (held,) = inventory.held(store.layers[0])
    assert held.measure.linked == 0, "the links of an image are no use by an environment"
    size = prune.size(store)[0]
    assert size.images.inodes > 0
    assert size.images.disk < inventory.measured(os.path.dirname(image.tree)).disk, "what is linked is counted once"
    assert [one.name for one in prune.clean(store).entries] == ["demo"]
    assert not os.path.lexists(image.tree)
    assert not integrity.is_as_published(image.tree, ("x", 0, "", False, 0))
    assert prune.prune(store, PruneOptions(older_than=0)).entries == ()
    assert ready(store, admit(store, demo_wheel(os.path.dirname(root))).digest)
