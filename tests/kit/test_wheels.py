"""The kit itself: a wheel that it calls good is good for others, and a knob does what it says."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kit.wheels import BZIP2, LZMA, Member, Zip, elf, make_wheel, sha256_of, wheel_bytes


def test_pip_installs_valid_wheels_of_the_kit(tmp_path: Path) -> None:
    path = make_wheel(
        tmp_path,
        "Demo-Pack",
        "1.0",
        {"demo_pack/__init__.py": "x = 1\n", "demo_pack/a, b.txt": "comma\n"},
        requires=["other>=1; extra == 'more'"],
        extras=["more"],
        entry_points={"console_scripts": {"demo": "demo_pack:main"}},
        data={"scripts/tool": "#!python\nprint(1)\n"},
        executable=["demo_pack/__init__.py"],
    )
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "-t", str(tmp_path / "t"), path]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "t/demo_pack/a, b.txt").read_text() == "comma\n"
    assert (tmp_path / "t/bin/demo").exists()
    assert (tmp_path / "t/bin/tool").exists()
    assert len(sha256_of(path)) == 64


@pytest.mark.parametrize("method", [BZIP2, LZMA])
def test_other_methods_are_readable_by_zipfile(tmp_path: Path, method: int) -> None:
    path = make_wheel(tmp_path, files={"demo/x.py": "x = 1\n" * 100}, change={"demo/x.py": {"method": method}})
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("demo/x.py").compress_type == method


def test_zip64_sizes_are_readable_by_zipfile(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo/x.py": "x = 1\n"}, change={"demo/x.py": {"zip64": True}})
    with zipfile.ZipFile(path) as archive:
        assert archive.read("demo/x.py") == b"x = 1\n"


def test_options_break_what_they_name(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo/x.py": "x\n"}, change={"demo/x.py": {"crc": 1}}, without=["RECORD"])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() == "demo/x.py"
        assert "demo-1.0.dist-info/RECORD" not in archive.namelist()


def test_members_are_appended_and_edit_comes_last() -> None:
    def add_comment(archive: Zip) -> None:
        archive.comment = b"hello"

    data = wheel_bytes(members=[Member("../evil", b"x")], edit=add_comment)
    assert b"../evil" in data
    assert data.endswith(b"hello")


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is the judge here")
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_elf_is_readable_by_readelf(tmp_path: Path, bits: int, order: str) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(elf(needed=["liba.so"], runpath="$ORIGIN/../lib", rpath="$ORIGIN", bits=bits, order=order))
    shown = subprocess.run(["readelf", "-d", str(path)], check=True, capture_output=True, text=True).stdout
    assert "liba.so" in shown
    assert "[$ORIGIN/../lib]" in shown
    assert "[$ORIGIN]" in shown
