"""Cleaning, pruning and verifying keep what is used, report what remains, and repair what they can."""

from __future__ import annotations

import os
import shutil
import stat
import time
from typing import TYPE_CHECKING

import pytest

from commonwheel.model import Digest
from commonwheel.store import header, layout, prune, roots
from commonwheel.store.prune import PruneOptions
from kit.stores import Heard, admit, demo_wheel, everything_below, filled_with, found, leftovers, open_store, ready
from kit.users import team_of, users

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from commonwheel.model import Entry
    from commonwheel.store.prune import Removed

DAY = 86_400


@pytest.fixture
def root(place: str) -> str:
    return os.path.join(place, "a store")


def aged(entry: Entry, days: float, **changes: object) -> Entry:
    """Let an entry say that it was published some days ago."""
    path = f"{entry.root}/entry.txt"
    with open(path, "rb") as file:
        said = header.decode(file.read())
    assert said is not None
    published = said.published.replaced(at=int(time.time() - days * DAY), **changes)
    os.unlink(path)
    with open(path, "wb") as file:
        file.write(header.encode(said.replaced(published=published)))
    os.chmod(path, 0o444)
    return entry


def filled(root: str, place: str, *names: str) -> list[Entry]:
    store = open_store(root)
    return [aged(admit(store, demo_wheel(place, name)), 100) for name in names]


def used_in(entry: Entry, environment: str, *, link: str | None = None) -> None:
    os.makedirs(environment, exist_ok=True)
    if link == "hardlink":
        for path in ("data.txt", "__init__.py", "inner/__init__.py", "inner/tool"):
            os.link(f"{entry.tree}/{entry.name}/{path}", f"{environment}/{path.replace('/', '-')}")
    elif link == "fold":
        os.symlink(f"{entry.tree}/{entry.name}", f"{environment}/{entry.name}")
    roots.keep(open_store(entry.root.partition("/v1/")[0]), environment, [entry.digest])


def there(root: str) -> list[str]:
    return sorted(one.name for one in prune.listing(open_store(root)))


def names_of(removed: Removed) -> list[str]:
    return sorted(one.name for one in removed.entries)


# --- size and listing ----------------------------------------------------------------------------------------------------


def test_size_by_layer_and_package(root: str, place: str) -> None:
    filled(root, place, "one", "two")
    store = open_store(root, os.path.join(place, "none"))
    store.put("pages", "i/one", b"x" * 10_000)
    (found,) = prune.size(store)
    assert found.root == root
    assert found.count == 2
    assert sorted(found.packages) == ["one", "two"]
    assert found.entries.disk == sum(measure.disk for measure in found.packages.values())
    assert found.others.size >= 10_000
    assert found.total.disk == found.entries.disk + found.others.disk
    assert found.leftovers.inodes == found.images.inodes == 0


def test_any_spelling_finds_the_package(root: str, place: str) -> None:
    store = open_store(root)
    admit(store, demo_wheel(place, "demo_pack"))
    assert [one.label for one in prune.listing(store, ["Demo.Pack"])] == ["demo-pack 1.0"]
    assert prune.listing(store, ["other"]) == ()


# --- clean -----------------------------------------------------------------------------------------------------------


def test_clean_empties_the_store(root: str, place: str) -> None:
    filled(root, place, "one", "two")
    store = open_store(root)
    store.put("pages", "i/one", b"x")
    store.put("interpreters", "python", b"x")
    store.point("url", "ab" * 32)
    os.mkdir(f"{root}/v1/.trash-x")
    removed = prune.clean(store)
    assert names_of(removed) == ["one", "two"]
    assert removed.freed.size > 1000
    assert (removed.kept, removed.remains) == ((), ())
    assert [path for path in everything_below(root) if os.path.isfile(f"{root}/{path}")] == [
        ".gitignore",
        "CACHEDIR.TAG",
    ]
    assert leftovers(root) == []
    # and it is a store still
    assert admit(store, demo_wheel(place)).name == "demo"


def test_clean_of_a_package_removes_its_records(root: str, place: str) -> None:
    one, two = filled(root, place, "one", "two")
    store = open_store(root)
    for key in ("i/one", "i/one.files", "i/two", "j/one"):
        store.put("pages", key, b"x")
    store.put("private-pages", "k/one", b"x")
    store.point("url of one", one.digest)
    store.point("url of two", two.digest)
    removed = prune.clean(store, ["One"])
    assert names_of(removed) == ["one"]
    assert there(root) == ["two"]
    assert store.find(one.digest) is None
    assert [store.get("pages", key) for key in ("i/one", "i/one.files", "i/two", "j/one")] == [None, None, b"x", None]
    assert store.get("private-pages", "k/one") is None
    assert (store.pointer("url of one"), store.pointer("url of two")) == (None, two.digest)


def test_clean_keeps_entries_linked_by_environments(root: str, place: str) -> None:
    folded, linked = filled(root, place, "folded", "linked")
    used_in(folded, os.path.join(place, "env"), link="fold")
    used_in(linked, os.path.join(place, "env2"), link="hardlink")
    removed = prune.clean(open_store(root))
    assert names_of(removed) == ["linked"]
    assert removed.kept == (f"folded 1.0: `{os.path.join(place, 'env')}` reaches it through links",)
    assert there(root) == ["folded"]
    assert names_of(prune.clean(open_store(root), force=True)) == ["folded"]


def test_dry_run_changes_nothing(root: str, place: str) -> None:
    filled(root, place, "one")
    before = sorted(everything_below(root))
    assert names_of(prune.clean(open_store(root), dry_run=True)) == ["one"]
    assert names_of(prune.prune(open_store(root), dry_run=True)) == ["one"]
    assert sorted(everything_below(root)) == before


def test_read_only_layer_is_left_alone(root: str, place: str) -> None:
    filled(root, place, "one")
    assert prune.clean(open_store(root, read_only=[root])).entries == ()
    assert prune.prune(open_store(root, read_only=[root]), PruneOptions(older_than=0)).entries == ()
    assert there(root) == ["one"]


# --- prune -----------------------------------------------------------------------------------------------------------


def test_default_prune_removes_old_unreferenced_entries(root: str, place: str) -> None:
    old, noted, linked, folded = filled(root, place, "old", "noted", "linked", "folded")
    aged(filled(root, place, "young")[0], 10)
    used_in(noted, os.path.join(place, "env"))
    used_in(folded, os.path.join(place, "env3"), link="fold")
    os.link(f"{linked.tree}/linked/data.txt", os.path.join(place, "data.txt"))
    removed = prune.prune(open_store(root))
    assert names_of(removed) == ["old"]
    assert there(root) == ["folded", "linked", "noted", "young"]
    assert open_store(root).find(old.digest) is None


def test_entries_of_removed_environments_are_pruned(root: str, place: str) -> None:
    (entry,) = filled(root, place, "one")
    environment = os.path.join(place, "env")
    used_in(entry, environment, link="fold")
    assert prune.prune(open_store(root)).entries == ()
    shutil.rmtree(environment)
    assert names_of(prune.prune(open_store(root))) == ["one"]
    assert list(roots.every(open_store(root).layers[0])) == []


def test_last_use_counts_as_age(root: str, place: str) -> None:
    used, unused = filled(root, place, "used", "unused")
    store = open_store(root)
    store.used([found(store, used.digest)])
    assert names_of(prune.prune(store, PruneOptions(older_than=5 * DAY))) == ["unused"]
    assert store.find(unused.digest) is None


def test_older_than_keeps_linked_entries_only(root: str, place: str) -> None:
    noted, folded = filled(root, place, "noted", "folded")
    used_in(noted, os.path.join(place, "env"))
    used_in(folded, os.path.join(place, "env2"), link="fold")
    store = open_store(root)
    store.put("pages", "i/x", b"x")
    removed = prune.prune(store, PruneOptions(older_than=50 * DAY))
    assert names_of(removed) == ["noted"]
    assert len(removed.kept) == 1
    assert store.get("pages", "i/x") == b"x"
    assert names_of(prune.prune(store, PruneOptions(older_than=50 * DAY, unreferenced=True))) == []


def test_new_entries_are_kept(root: str, place: str) -> None:
    admit(open_store(root), demo_wheel(place))
    assert prune.prune(open_store(root), PruneOptions(older_than=0)).entries == ()
    assert prune.prune(open_store(root), PruneOptions(unreferenced=True)).entries == ()
    assert prune.prune(open_store(root), PruneOptions(max_size=0)).entries == ()


def test_ci_prune_keeps_built_wheels_only(root: str, place: str) -> None:
    index, built, url = filled(root, place, "index", "built", "url")
    aged(built, 0, origin="build")
    aged(url, 0, origin="url")
    store = open_store(root)
    store.put("pages", "i/x", b"x")
    assert names_of(prune.prune(store, PruneOptions(ci=True))) == ["index", "url"]
    assert there(root) == ["built"]
    assert store.get("pages", "i/x") is None
    assert store.find(index.digest) is None


def test_size_limit_removes_least_recently_used(root: str, place: str) -> None:
    entries = filled(root, place, "a", "b", "c", "d")
    for days, entry in zip((10, 40, 20, 30), entries, strict=True):
        aged(entry, days)
    used_in(entries[1], os.path.join(place, "env"), link="fold")
    store = open_store(root)
    each = prune.listing(store)[0].measure.disk
    removed = prune.prune(store, PruneOptions(max_size=2 * each + each // 2))
    assert names_of(removed) == ["c", "d"]
    assert there(root) == ["a", "b"]
    assert any("`" + os.path.join(place, "env") in text for text in removed.kept)
    removed = prune.prune(store, PruneOptions(max_size=10))
    assert names_of(removed) == ["a"]
    assert f"still takes {each} bytes" in removed.kept[-1]


def test_limit_of_the_store_policy_is_respected(root: str, place: str) -> None:
    filled(root, place, "a", "b")
    with open(os.path.join(root, "store.toml"), "w") as file:
        file.write('max-size = "1K"\n')
    assert names_of(prune.prune(open_store(root))) == ["a", "b"]


def test_hard_linked_entries_free_nothing_and_stay(root: str, place: str) -> None:
    (entry,) = filled(root, place, "one")
    for number, path in enumerate(everything_below(entry.tree)):
        if os.path.isfile(f"{entry.tree}/{path}"):
            os.link(f"{entry.tree}/{path}", os.path.join(place, str(number)))
    assert prune.prune(open_store(root), PruneOptions(max_size=0)).entries == ()


def test_leftovers_and_damaged_entries_are_removed(root: str, place: str) -> None:
    (entry,) = filled(root, place, "one")
    os.unlink(f"{entry.root}/entry.txt")
    os.mkdir(f"{root}/v1/entries/.trash-x")
    old = f"{root}/v1/use/{os.geteuid()}/2020-01-01"
    os.makedirs(os.path.dirname(old))
    open(old, "w").close()
    removed = prune.prune(open_store(root))
    assert len(removed.entries) == 1
    assert leftovers(root) == []
    assert not os.path.exists(old)


def test_reader_during_prune_gets_a_miss(root: str, place: str) -> None:
    (entry,) = filled(root, place, "one")
    reader = open_store(root)
    assert reader.find(entry.digest) == entry
    prune.prune(open_store(root), PruneOptions(older_than=0))
    assert reader.check(entry) != []
    assert reader.ready(entry.digest) is None
    mended = admit(reader, demo_wheel(place, "one"))
    assert reader.check(mended) == []


@pytest.mark.root
def test_foreign_entries_are_set_aside_and_reported(place: str) -> None:
    with users("alice", "bob", group="team") as (alice, bob):
        root = os.path.join(place, "team")
        os.mkdir(root)
        os.chown(root, 0, team_of(alice, bob))
        os.chmod(root, 0o2770)
        wheel = demo_wheel(os.path.join(place, "w"))
        os.chmod(wheel, 0o644)
        add = "import sys; from kit.stores import *; admit(open_store(sys.argv[1]), sys.argv[2])"
        clean = (
            "import sys; from kit.stores import *; from commonwheel.store import prune\n"
            "r = prune.clean(open_store(sys.argv[1])); print(len(r.entries), r.freed.size, r.kept, *r.remains)"
        )
        alice.python(add, root, wheel).ok()
        said = bob.python(clean, root).ok()
        # what another user has to delete is not counted as removed
        assert said.startswith("0 0 ()")
        assert f"can be deleted by {alice.name} alone" in said
        assert there(root) == []
        assert len(leftovers(root)) > 0
        again = alice.python(clean, root).ok()
        assert again.startswith("0 ")
        assert again.endswith(" ()\n")
        assert leftovers(root) == []


@pytest.mark.root
def test_immovable_entries_are_reported(place: str) -> None:
    with users("alice", "eve") as (alice, eve):
        root = os.path.join(place, "open")
        os.mkdir(root)
        os.chmod(root, 0o1777)
        wheel = demo_wheel(os.path.join(place, "w"))
        os.chmod(wheel, 0o644)
        eve.python(
            "import sys; from kit.stores import *; admit(open_store(sys.argv[1]), sys.argv[2])", root, wheel
        ).ok()
        clean = (
            "import sys; from kit.stores import *; from commonwheel.store import prune\n"
            "r = prune.clean(open_store(sys.argv[1])); print(len(r.entries), *r.remains)"
        )
        said = alice.python(clean, root).ok()
        assert said.startswith("0 ")
        assert f"{eve.name} owns it" in said
        assert there(root) == ["demo"]


# --- verify ----------------------------------------------------------------------------------------------------------


def changed_in_place(path: str) -> None:
    """Change a file so that its size, time and mode stay: what only hashing finds."""
    before = os.stat(path)
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"evil")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.chmod(path, stat.S_IMODE(before.st_mode))


def test_sound_store_has_no_faults(root: str, place: str) -> None:
    filled(root, place, "one", "two")
    heard = Heard()
    assert prune.verify_entries(open_store(root), reporter=heard) == ()
    assert len(leftovers(root)) == 0


def add_file(directory: str) -> None:
    os.chmod(directory, 0o755)
    with open(f"{directory}/more.py", "w"):
        pass


HARMS = {
    "changed content": lambda entry: changed_in_place(f"{entry.tree}/one/data.txt"),
    "truncated": lambda entry: os.truncate(f"{entry.tree}/one/data.txt", 0),
    "extra": lambda entry: add_file(f"{entry.tree}/one"),
    "list of files": lambda entry: changed_in_place(f"{entry.root}/files.txt"),
    "header": lambda entry: os.truncate(f"{entry.root}/entry.txt", 9),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_verify_finds_every_fault_and_changes_nothing(root: str, place: str, harm: Callable[[Any], object]) -> None:
    one, _ = filled(root, place, "one", "two")
    harm(one)
    before = sorted(everything_below(root))
    (verdict,) = prune.verify_entries(open_store(root), threads=1)
    assert verdict.held.digest == one.digest
    assert len(verdict.faults) == 1
    assert verdict.repaired == ""
    assert sorted(everything_below(root)) == before


def test_single_package_can_be_verified(root: str, place: str) -> None:
    one, two = filled(root, place, "one", "two")
    changed_in_place(f"{one.tree}/one/data.txt")
    changed_in_place(f"{two.tree}/two/data.txt")
    (verdict,) = prune.verify_entries(open_store(root), ["two"])
    assert verdict.held.name == "two"
    assert verdict.faults == (("two/data.txt", "was changed"),)


def test_repair_sets_bad_entry_aside_and_names_environments(root: str, place: str) -> None:
    (entry,) = filled(root, place, "one")
    environment = os.path.join(place, "env")
    used_in(entry, environment, link="hardlink")
    changed_in_place(f"{environment}/data.txt")
    (verdict,) = prune.verify_entries(open_store(root), repair=True)
    assert verdict.environments == (environment,)
    assert verdict.repaired == "removed"
    assert there(root) == []


def test_repair_replaces_from_a_kept_wheel(root: str, place: str) -> None:
    os.mkdir(root)
    with open(os.path.join(root, "store.toml"), "w") as file:
        file.write("keep-archives = true\n")
    (entry,) = filled(root, place, "one")
    changed_in_place(f"{entry.tree}/one/data.txt")
    (verdict,) = prune.verify_entries(open_store(root), repair=True)
    assert verdict.repaired == "replaced"
    assert prune.verify_entries(open_store(root)) == ()
    assert open_store(root).find(entry.digest) == entry


def test_repair_accepts_a_copy_in_another_layer(place: str) -> None:
    first, second = os.path.join(place, "1"), os.path.join(place, "2")
    (bad,) = filled(first, place, "one")
    filled(second, place, "one")
    changed_in_place(f"{bad.tree}/one/data.txt")
    (verdict,) = prune.verify_entries(open_store(first, second), repair=True)
    assert verdict.repaired == "replaced"
    assert ready(open_store(first, second), bad.digest).root.startswith(second)


def test_kept_wheel_is_verified_too(root: str, place: str) -> None:
    os.mkdir(root)
    with open(os.path.join(root, "store.toml"), "w") as file:
        file.write("keep-archives = true\n")
    (entry,) = filled(root, place, "one")
    changed_in_place(open_store(root).wheel_of(entry.digest) or "")
    (verdict,) = prune.verify_entries(open_store(root))
    assert verdict.faults[0][1] == "was changed"


# --- all at once -------------------------------------------------------------------------------------------------------


def test_prune_runs_beside_admissions_and_reads(root: str, place: str) -> None:
    """Admit, find, clean, prune and verify at once: each admission ends with a sound entry, or was overtaken by clean."""
    import threading

    wheels = [demo_wheel(place, f"demo{number}") for number in range(3)]
    contents = []
    for path in wheels:
        with open(path, "rb") as file:
            contents.append(file.read())
    failures = []
    done = threading.Event()

    def add() -> None:
        try:
            for _ in range(6):
                for path, data in zip(wheels, contents, strict=True):
                    digest = Digest("sha256", layout_digest(data))
                    entry = open_store(root).admit(
                        filled_with(data), filename=os.path.basename(path), expected=(digest,)
                    )
                    assert entry.digest == digest.hex
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    def tend() -> None:
        try:
            while not done.is_set():
                prune.clean(open_store(root))
                prune.prune(open_store(root), PruneOptions(older_than=0))
                prune.verify_entries(open_store(root), repair=True, threads=1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for one in (add, add, tend)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def layout_digest(data: bytes) -> str:
    import hashlib

    digest = hashlib.sha256(data).hexdigest()
    assert layout.is_digest(digest)
    return digest
