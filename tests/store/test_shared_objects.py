"""RPATH and RUNPATH of ELF files."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store.shared_objects import search_paths
from kit.wheels import elf

if TYPE_CHECKING:
    from pathlib import Path


def paths_of(data: bytes) -> tuple[str, ...]:
    return search_paths(lambda at, size: data[at : at + size])


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_rpath_and_runpath_are_found(bits: int, order: str) -> None:
    data = elf(needed=["liba.so"], runpath="$ORIGIN/../x:/usr/lib", rpath="$ORIGIN", bits=bits, order=order)
    assert paths_of(data) == ("$ORIGIN", "$ORIGIN/../x", "/usr/lib")


def test_object_without_paths() -> None:
    assert paths_of(elf(needed=["liba.so"])) == ()


@given(st.binary())
def test_any_bytes_are_handled(data: bytes) -> None:
    assert paths_of(data) == ()


@given(st.integers(0, 400), st.binary(min_size=1, max_size=16))
def test_damaged_object_is_handled(at: int, junk: bytes) -> None:
    data = bytearray(elf(runpath="$ORIGIN/../x"))
    data[at : at + len(junk)] = junk
    for path in paths_of(bytes(data)):
        assert isinstance(path, str)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a compiler")
def test_linker_output_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int a(void) { return 1; }\n")
    command = ["cc", "-shared", "-fPIC", "-o", "a.so", "a.c", "-Wl,-rpath,$ORIGIN/../somewhere.libs"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert paths_of((tmp_path / "a.so").read_bytes()) == ("$ORIGIN/../somewhere.libs",)
