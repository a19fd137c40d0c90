"""What version 1 of the format wrote stays readable. This store is never written again.

Version control keeps neither modes nor times: they are set here as docs/store-format.md says, by the text of `files.txt`
and not by the code that is tested.
"""

import os
import shutil
from pathlib import Path

import pytest

from commonwheel.store import inventory, layout, prune, roots
from kit.stores import Heard, everything_below, header_of, open_store, ready

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "store-v1"
DIGEST = "37d56b1c9a30bf6e86456f97fb6eed83a879cd7b542d7a8417490896d1151277"
OTHER = "e4af40026a5c247a8215220a9761aaad6606f30912c620f8baa0e838a10d2cfb"


@pytest.fixture
def root(place: str) -> str:
    path = os.path.join(place, "golden")
    shutil.copytree(GOLDEN, path)
    for shard in ("37", "e4"):
        for entry in (Path(path) / "v1/entries" / shard).iterdir():
            for line in (entry / "files.txt").read_text().split("\n")[1:-2]:
                name, _, mtime, executable, _ = line.split("\t")
                os.chmod(entry / "tree" / name, 0o555 if executable == "x" else 0o444)
                os.utime(entry / "tree" / name, (int(mtime), int(mtime)))
    for name in everything_below(path):
        if os.path.isdir(f"{path}/{name}"):
            os.chmod(f"{path}/{name}", 0o755)
    return path


def test_version_1_entry_is_complete(root: str) -> None:
    heard = Heard()
    store = open_store(root, heard=heard)
    entry = ready(store, DIGEST)
    assert heard.notes == []
    assert (entry.name, entry.version) == ("golden-wheel", "1.0")
    assert (entry.dist_info, entry.data, entry.purelib) == ("golden_wheel-1.0.dist-info", "", True)
    assert entry.console == (("golden", "golden:main"),)
    assert entry.gui == (("golden-window", "golden:main"),)
    assert entry.foldable == ("golden", "golden.libs")
    assert (entry.unfolded, entry.files, entry.size) == ("", 10, 1137)
    assert store.loose(entry)[-1][:2] == ("top_level.py", 6)
    assert [path for path, _, _, executable in store.files(entry) if executable] == ["golden/inner/tool"]
    assert store.recommended_link_mode(entry) == "copy"
    assert (store.wheel_of(DIGEST) or "").endswith("wheel/golden_wheel-1.0-py3-none-any.whl")
    assert store.metadata(DIGEST) == (
        "Metadata-Version: 2.1\nName: Golden.Wheel\nVersion: 1.0\nRequires-Python: >=3.8\n"
        "Requires-Dist: other >=1 ; extra == 'more'\nRequires-Dist: third\nProvides-Extra: more\n"
    )
    said = header_of(store, entry)
    assert (said.published.at, said.published.host, said.published.origin) == (1763822400, "golden-host", "index")
    assert said.hashes[0][0] == "sha512"


def test_keywords_of_later_versions_are_skipped(root: str) -> None:
    store = open_store(root)
    entry = ready(store, OTHER)
    assert header_of(store, entry).requires == ("odd\ttext\\with\nall",)


def test_records_pointers_roots_and_use_are_read(root: str) -> None:
    store = open_store(root)
    assert (store.get("pages", "index/golden-wheel") or b"").startswith(b"a page")
    assert (store.get("metadata", "index/golden-wheel") or b"").startswith(b"metadata")
    assert store.pointer("https://index.example/Golden.whl") == DIGEST
    (note,) = roots.every(store.layers[0])
    assert (note.environment, note.host, note.uid, note.entries) == (
        "/home/somebody/env",
        "golden-host",
        1001,
        {DIGEST: "fold"},
    )
    assert inventory.last_uses(store.layers[0]) == {DIGEST: 1763769600}


def test_every_byte_passes_verification(root: str) -> None:
    assert prune.verify_entries(open_store(root)) == ()
    assert [one.label for one in prune.listing(open_store(root))] == ["escaped 2.0", "golden-wheel 1.0"]


def test_features_unknown_to_version_1_are_absent(root: str) -> None:
    assert os.path.exists(f"{root}/v1/room-of-the-future/thing")
    assert os.path.exists(f"{root}/v2/thing")
    assert layout.digest_of_entry(".tmp-host-1-0123456789abcdef") is None
    (found,) = prune.size(open_store(root))
    assert found.count == 2


def test_reading_changes_nothing(root: str) -> None:
    before = {name: os.lstat(f"{root}/{name}").st_mtime_ns for name in everything_below(root)}
    test_version_1_entry_is_complete(root)
    test_every_byte_passes_verification(root)
    assert {name: os.lstat(f"{root}/{name}").st_mtime_ns for name in everything_below(root)} == before
