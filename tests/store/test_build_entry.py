"""An entry that a copy of this process made is the entry that we would have made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commonwheel.fs import files, trees
from commonwheel.store import build_entry, layout
from commonwheel.store.ingest import Ingest
from commonwheel.store.layers import Layer
from commonwheel.store.store import Store
from commonwheel.store.trust import Trust
from commonwheel.store.wheel import BadWheel
from kit.stores import Heard, admit, demo_wheel, everything_below, leftovers
from kit.wheels import make_wheel, record_row

WRONG = {"demo.py": record_row("demo.py", b"y")}


class Aside:
    """Stand for the copies: do what is asked as one of them would, or spoil it and say nothing."""

    def __init__(self, *, spoils: bool = False) -> None:
        self.asked: list[tuple[object, ...]] = []
        self._spoils = spoils

    def __call__(
        self, kind: str, staged: str, wheel: tuple[str, str, int, dict[str, str], str], verify: bool
    ) -> object:
        self.asked.append((kind, staged))
        if self._spoils:
            trees.make_directory(f"{staged}/{layout.TREE}")
            for name in (f"{layout.TREE}/half", layout.FILES, layout.HEADER):
                files.write_new(f"{staged}/{name}", b"half")
            return None
        try:
            return build_entry.make(staged, build_entry.Wheel(*wheel), verify_record=verify)
        except Exception:
            return None


def a_store(root: str, aside: Aside | None, *, verify_record: bool = True) -> tuple[Store, Heard]:
    heard = Heard()
    store = Store((Layer(root, Trust()),), heard, lambda store: Ingest(store, verify_record=verify_record, aside=aside))
    return store, heard


def content(root: str) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in everything_below(root):
        whole = os.path.join(root, path)
        data = Path(whole).read_bytes() if os.path.isfile(whole) else b""
        lines = (
            [line for line in data.split(b"\n") if not line.startswith((b"origin", b"end\t"))]
            if path == layout.HEADER
            else [data]
        )
        found[path] = os.lstat(whole).st_mode, b"\n".join(lines[1:] if path == layout.HEADER else lines)
    return found


@pytest.mark.parametrize("spoils", [False, True])
def test_forked_worker_makes_the_same_entry(place: str, spoils: bool) -> None:
    wheel = demo_wheel(os.path.join(place, "wheels"))
    aside = Aside(spoils=spoils)
    own = admit(a_store(os.path.join(place, "own"), None)[0], wheel)
    store, _ = a_store(os.path.join(place, "theirs"), aside)
    theirs = admit(store, wheel)
    assert [kind for kind, _ in aside.asked] == ["entry"]
    assert content(theirs.root) == content(own.root)
    assert store.check(theirs) == []
    assert not leftovers(os.path.join(place, "theirs"))


def test_errors_are_the_same_without_workers(place: str) -> None:
    path = make_wheel(os.path.join(place, "w"), "demo", "1.0", {"demo.py": "x"}, record_rows=WRONG)
    said = []
    for name, aside in (("own", None), ("theirs", Aside())):
        with pytest.raises(BadWheel) as caught:
            admit(a_store(os.path.join(place, name), aside)[0], path)
        said.append((caught.value.message, caught.value.issues, caught.value.hint))
        assert not leftovers(os.path.join(place, name))
    assert said[0] == said[1]


def test_accepted_faults_are_reported_from_any_process(place: str) -> None:
    path = make_wheel(os.path.join(place, "w"), "demo", "1.0", {"demo.py": "x"}, record_rows=WRONG)
    said = []
    for name, aside in (("own", None), ("theirs", Aside())):
        store, heard = a_store(os.path.join(place, name), aside, verify_record=False)
        admit(store, path)
        said.append(heard.notes)
    assert said[0] == said[1]
    assert any("demo.py" in message for _, message in said[0])
