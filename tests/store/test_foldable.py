"""Which directories of a wheel may be one link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonwheel.store import foldable

if TYPE_CHECKING:
    from typing import Any


INFO = ("demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/RECORD")


def folded(*paths: str, shared: tuple[str, ...] = ()) -> tuple[str, ...]:
    placed = ("demo-1.0.dist-info", "demo-1.0.data")
    return foldable.plan((*paths, *INFO), placed, frozenset(shared)).foldable


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["demo/__init__.py", "demo/inner/a.py"], ("demo",)),
        (["demo.py"], ()),
        (["demo/__init__.cpython-312-x86_64-linux-gnu.so"], ("demo",)),
        (["demo-stubs/__init__.pyi"], ("demo-stubs",)),
        (["google/cloud/storage/__init__.py"], ("google/cloud/storage",)),
        (["google/cloud/storage.py", "google/cloud/a/__init__.py"], ("google/cloud/a",)),
        (["google/rpc/code_pb2.py"], ()),
        (["demo.libs/libx.so", "demo/__init__.py"], ("demo", "demo.libs")),
        (["share/demo/a.txt"], ("share",)),
        (["demo-1.0.data/purelib/extra/__init__.py"], ()),
    ],
)
def test_exclusively_owned_directories_are_folded(paths: list[str], expected: Any) -> None:
    assert folded(*paths) == expected


def test_declared_namespace_packages_are_not_folded() -> None:
    assert folded("ns/__init__.py", "ns/one/__init__.py", "ns/two/a.py", shared=("ns",)) == ("ns/one",)


@pytest.mark.parametrize(
    ("entry", "leads_out"),
    [
        ("$ORIGIN", False),
        ("$ORIGIN/../inner", False),
        ("${ORIGIN}/../../demo.libs", False),
        ("/usr/lib", False),
        ("$ORIGIN/../../nvidia/cublas/lib", True),
        ("$ORIGIN/../../../..", True),
        ("${ORIGIN}/../..", True),
    ],
)
def test_objects_referring_outside_keep_the_wheel_unfolded(entry: str, leads_out: bool) -> None:
    paths = ("demo/__init__.py", "demo/lib/a.so", "demo.libs/liba.so")
    plan = foldable.plan(paths, (), frozenset(), {"demo/lib/a.so": (entry,)})
    if leads_out:
        assert plan.foldable == ()
        assert "demo/lib/a.so" in plan.unfolded
        assert entry in plan.unfolded
    else:
        assert plan.foldable == ("demo", "demo.libs")
        assert plan.unfolded == ""


def test_object_outside_folded_directories_may_refer_anywhere() -> None:
    plan = foldable.plan(("a.so", "demo/__init__.py"), (), frozenset(), {"a.so": ("$ORIGIN/../../lib",)})
    assert plan.foldable == ("demo",)
