"""Wheels that are right come out right; wheels that are wrong are refused, with everything that is wrong, and no file."""

from __future__ import annotations

import os
import stat
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store import layout
from commonwheel.store import unpack as unpacking
from commonwheel.store.unpack import unpack
from commonwheel.store.wheel import BadWheel
from kit.stores import demo_wheel, everything_below
from kit.wheels import BZIP2, LZMA, STORED, SYMLINK, Member, Zip, elf, make_wheel, record_row, sha256_of, wheel_bytes

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from commonwheel.store.unpack import Unpacked

INFO = "demo-1.0.dist-info"


def unpacked(path: str, tmp_path: Path, **options: bool) -> Unpacked:
    return unpack(path, str(tmp_path / "tree"), os.path.basename(path), **options)


# --- good wheels -----------------------------------------------------------------------------------------------------


def test_good_wheel_is_unpacked_exactly(tmp_path: Path) -> None:
    path = demo_wheel(tmp_path)
    found = unpacked(path, tmp_path)
    said = found.described
    assert (said.name, said.version, said.spelled) == ("demo", "1.0", ("demo", "1.0"))
    assert (said.dist_info, said.data, said.purelib) == (INFO, "demo-1.0.data", True)
    assert said.requires == ("other >=1 ; extra == 'more'", "third")
    assert (said.requires_python, said.extras) == (">=3.8", ("more",))
    assert (said.console, said.gui) == ((("demo", "demo:main"),), ())
    assert found.plan.foldable == ("demo",)
    assert found.passed == ()
    tree = tmp_path / "tree"
    assert [row[0] for row in found.rows] == sorted(
        path for path in everything_below(str(tree)) if (tree / path).is_file()
    )
    for name, size, digest, executable, mtime in found.rows:
        facts = (tree / name).lstat()
        assert facts.st_size == size
        assert sha256_of(tree / name) == digest
        assert stat.S_IMODE(facts.st_mode) == (0o555 if executable else 0o444)
        assert facts.st_mtime == mtime == 1580608922
    assert [row[0] for row in found.rows if row[3]] == ["demo/inner/tool"]
    # by this time the check for foreign names sees that none came later
    assert {os.stat(top).st_mtime for top, _, _ in os.walk(tree)} == {layout.TREE_TIME}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    path = demo_wheel(tmp_path)
    before = os.umask(umask)
    try:
        unpacked(path, tmp_path)
    finally:
        os.umask(before)
    for name in everything_below(str(tmp_path / "tree")):
        facts = (tmp_path / "tree" / name).lstat()
        wanted = 0o555 if stat.S_ISDIR(facts.st_mode) or name.endswith("tool") else 0o444
        assert stat.S_IMODE(facts.st_mode) == wanted, name
    assert stat.S_IMODE((tmp_path / "tree").lstat().st_mode) == 0o555


def with_descriptors(archive: Zip) -> None:
    """Write the archive as a stream would: sizes and checksums behind the data."""
    archive.members = [
        Member(one.name, one.data, one.method, one.mode, flags=8, local_sizes=(0, 0), local_crc=0)
        for one in archive.members
    ]


ODD_BUT_GOOD = {
    "directories are members": {"directories": ["demo", "demo/empty"]},
    "directories are in RECORD": {"record_extra": ["demo/,,"]},
    "nothing is compressed": {"method": STORED},
    "no unix modes": {"change": {"demo/a.py": {"mode": 0, "system": 0}}},
    "zip64": {"change": {"demo/a.py": {"zip64": True}}},
    "streamed": {"edit": with_descriptors},
    "a name beyond ASCII": {"files": {"demo/naïve ☃.txt": "x"}},
    "a name with a comma and quotes": {"files": {'demo/a, "b".txt': "x"}},
    "a signature that RECORD does not list": {"members": [Member(f"{INFO}/RECORD.jws", b"{}")]},
    "another hash": {"record_algorithm": "sha512"},
    "padded hashes": {"record_rows": {"demo/a.py": record_row("demo/a.py", b"a = 1\n").replace(",6", "=,6")}},
    "no sizes in RECORD": {"record_rows": {"demo/a.py": record_row("demo/a.py", b"a = 1\n")[:-1]}},
    "an empty file": {"files": {"demo/py.typed": ""}},
    "month 0": {"change": {"demo/a.py": {"time": (0, 0)}}},
    "names spelled otherwise": {"metadata": "Metadata-Version: 2.1\nName: Demo\nVersion: 1.0.0\n"},
    "a comment at its end": {"edit": lambda archive: setattr(archive, "comment", b"made by hand")},
}


@pytest.mark.parametrize("knobs", ODD_BUT_GOOD.values(), ids=ODD_BUT_GOOD)
def test_unusual_valid_wheels_are_unpacked(tmp_path: Path, knobs: dict[str, Any]) -> None:
    knobs = dict(knobs)
    files = {"demo/__init__.py": "", "demo/a.py": "a = 1\n"} | knobs.pop("files", {})
    unpacked(make_wheel(tmp_path, files=files, **knobs), tmp_path)
    for name, content in files.items():
        assert (tmp_path / "tree" / name).read_bytes() == content.encode()


def test_project_name_spellings_are_equal(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "Demo.Pack", "1.0", {"x.py": ""}, filename="demo_pack-1.0-py3-none-any.whl")
    assert unpacked(path, tmp_path).described.name == "demo-pack"


def test_large_member_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "PIECE", 1 << 16)
    content = os.urandom(1 << 17) + bytes(1 << 20)
    for method in (STORED, 8):
        path = make_wheel(tmp_path / str(method), files={"demo/big.bin": content}, method=method)
        found = unpack(path, str(tmp_path / f"tree{method}"), os.path.basename(path))
        assert (tmp_path / f"tree{method}" / "demo/big.bin").read_bytes() == content
        assert next(row for row in found.rows if row[0] == "demo/big.bin")[1] == len(content)


def test_shared_objects_decide_about_folding(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"demo/__init__.py": "", "demo/lib/a.so": elf(runpath="$ORIGIN/../../nvidia/lib")}
    assert "nvidia/lib" in unpacked(make_wheel(tmp_path, files=files), tmp_path).plan.unfolded


def test_pkgutil_namespace_packages_are_not_folded(tmp_path: Path) -> None:
    init = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    files = {"ns/__init__.py": init, "ns/demo/__init__.py": ""}
    assert unpacked(make_wheel(tmp_path, files=files), tmp_path).plan.foldable == ("ns/demo",)


def test_names_differing_in_case_are_reported(tmp_path: Path) -> None:
    found = unpacked(make_wheel(tmp_path, files={"demo/a.py": "1", "demo/A.py": "2"}), tmp_path)
    assert found.warnings == ("`demo/A.py` and `demo/a.py` are one file where capitals do not count",)
    assert found.passed == ()


# --- bad wheels ------------------------------------------------------------------------------------------------------


def extra(name: str | bytes, data: bytes = b"x", **fields: Any) -> dict[str, Any]:
    return {
        "members": [Member(name, data, **fields)],
        "record_extra": [record_row(name, data)] if isinstance(name, str) else [],
    }


def overlapping(archive: Zip) -> None:
    """Let two members share their packed bytes, as small bombs do."""
    archive.members.append(Member("demo/again.py", b"a = 1\n", central_only=True))


def hidden(archive: Zip) -> None:
    """Put a member between others that the central directory does not list."""
    archive.prefix = b""
    secret = Zip([Member("demo/hidden.py", b"x")]).encode()
    cut = secret.index(b"PK\x01\x02")
    first = archive.members[0]
    archive.members[0] = Member(
        first.name, first.data, STORED, raw=first.data + secret[:cut], packed_size=len(first.data)
    )


def bomb(size: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(bytes(size)) + deflate.flush()


BAD = {
    "traversal": (extra("../evil.py"), "`../evil.py` would leave the directory"),
    "inner traversal": (extra("demo/../../evil.py"), "would leave the directory"),
    "absolute": (extra("/etc/evil"), "`/etc/evil` is an absolute path"),
    "drive letter": (extra("C:/evil.py"), "drive letter"),
    "backslash": (extra("demo\\evil.py"), "backslash"),
    "NUL": (extra("demo/e\0vil.py"), "control characters"),
    "line end": (extra("demo/e\nvil.py"), "control characters"),
    "dot": (extra("demo/./evil.py"), "not a plain path"),
    "empty part": (extra("demo//evil.py"), "not a plain path"),
    "no name": (extra(""), "has no name"),
    "name too long": (extra("demo/" + "x" * 256), "more than 255 bytes"),
    "name not UTF-8": (extra(b"demo/\xff.py", flags=0x800), "not UTF-8"),
    "symlink": (extra("demo/link", b"/etc/passwd", mode=SYMLINK | 0o777), "`demo/link` is a symbolic link"),
    "device": (extra("demo/dev", b"", mode=0o020666), "neither a file nor a directory"),
    "duplicate": (extra("demo/a.py", b"a = 2\n"), "`demo/a.py` is there twice"),
    "file and directory": (extra("demo/a.py/b.py"), "`demo/a.py` is both a file and a directory"),
    "directory with content": (extra("demo/d/", b"x", method=STORED), "is a directory with content"),
    "directory by mode": (extra("demo/d", b"", mode=0o040755), "says to be a directory"),
    "encrypted": (extra("demo/e.py", flags=1), "is encrypted"),
    "bzip2": (extra("demo/e.py", method=BZIP2), "compressed by bzip2"),
    "lzma": (extra("demo/e.py", method=LZMA), "compressed by lzma"),
    "unknown method": (extra("demo/e.py", method=77), "compressed by method 77"),
    "local name differs": ({"change": {"demo/a.py": {"local_name": "demo/b.py"}}}, "`demo/a.py` is described in two ways"),
    "local method differs": ({"change": {"demo/a.py": {"local_method": 0}}}, "two ways"),
    "local sizes differ": ({"change": {"demo/a.py": {"local_sizes": (1, 1)}}}, "two ways"),
    "local crc differs": ({"change": {"demo/a.py": {"local_crc": 1}}}, "two ways"),
    "second name in extra field": ({"change": {"demo/a.py": {"extra": b"\x75\x70\x06\x00\x01abcde"}}}, "second name"),
    "declared too small": ({"change": {"demo/a.py": {"size": 3}}}, "`demo/a.py` does not inflate to the 3 bytes"),
    "declared too large": ({"change": {"demo/a.py": {"size": 300}}}, "does not inflate to the 300 bytes"),
    "bomb behind a small size": ({"change": {"demo/a.py": {"raw": bomb(50 << 20), "size": 6}}}, "does not inflate to the 6 bytes"),
    "bomb that says so": ({"change": {"demo/a.py": {"raw": bomb(1 << 20), "size": 3 << 30}}}, "times its size"),
    "overlap": ({"edit": overlapping}, "`demo/again.py`"),
    "hidden member": ({"edit": hidden}, "does not list"),
    "crc wrong": ({"change": {"demo/a.py": {"crc": 1}}}, "`demo/a.py` does not have the checksum"),
    "packed bytes wrong": ({"change": {"demo/a.py": {"raw": b"\xff\xff\xff"}}}, "`demo/a.py` cannot be inflated"),
    "bytes before the archive": ({"edit": lambda archive: setattr(archive, "prefix", b"#!/bin/sh\n")}, "not where it says"),
    "wrong number of members": ({"edit": lambda archive: setattr(archive, "entries", 2)}, "longer than its members"),
    "no RECORD": ({"without": ["RECORD"]}, f"`{INFO}/RECORD` is missing"),
    "no METADATA": ({"without": ["METADATA"]}, f"`{INFO}/METADATA` is missing"),
    "no WHEEL": ({"without": ["WHEEL"]}, f"`{INFO}/WHEEL` is missing"),
    "RECORD hash wrong": (
        {"record_rows": {"demo/a.py": record_row("demo/a.py", b"other!")}}, "`demo/a.py` has sha256",
    ),
    "RECORD size wrong": (
        {"record_rows": {"demo/a.py": record_row("demo/a.py", b"a = 1\n").replace(",6", ",7")}},
        "`demo/a.py` has 6 bytes, where RECORD says 7",
    ),
    "RECORD lists too much": ({"record_extra": ["demo/ghost.py,,"]}, "`demo/ghost.py` is in RECORD, and not in the wheel"),
    "RECORD lists too little": ({"record_without": ["demo/a.py"]}, "`demo/a.py` is not in RECORD"),
    "RECORD has a wrong size without a hash": (
        {"record_rows": {"demo/a.py": "demo/a.py,,7"}}, "`demo/a.py` has 6 bytes, where RECORD says 7",
    ),
    "RECORD has a wrong weak hash": (
        {"record_rows": {"demo/a.py": record_row("demo/a.py", b"other!", "md5")}}, "`demo/a.py` has md5",
    ),
    "RECORD has an unknown hash": ({"record_rows": {"demo/a.py": "demo/a.py,foo=YQ,6"}}, "unknown kind `foo`"),
    "RECORD has no hash but text": ({"record_rows": {"demo/a.py": "demo/a.py,what,6"}}, "which is no hash"),
    "RECORD disagrees with itself": ({"record_extra": [record_row("demo/a.py", b"x")]}, "two rows in RECORD"),
    "RECORD is not CSV": ({"record": "a,b,c,d,e\n"}, "RECORD"),
    "another name": ({"metadata": "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n"}, "its name is `other`"),
    "another version": ({"metadata": "Metadata-Version: 2.1\nName: demo\nVersion: 2.0\n"}, "its version is `2.0`"),
    "empty METADATA": ({"metadata": "\n"}, "says"),
    "another dist-info": ({"dist_info": "other-1.0.dist-info"}, "`other-1.0.dist-info` is not that of demo 1.0"),
    "another dist-info version": ({"dist_info": "demo-2.0.dist-info"}, "`demo-2.0.dist-info` is not that of demo 1.0"),
    "two dist-infos": (extra("other-1.0.dist-info/METADATA"), "several .dist-info directories"),
    "wheel version 2": ({"wheel": "Wheel-Version: 2.0\nRoot-Is-Purelib: true\n"}, "format version `2.0`"),
    "no wheel version": ({"wheel": "Root-Is-Purelib: true\n"}, "no `Wheel-Version`"),
    "entry point escapes": ({"entry_points": {"console_scripts": {"../../evil": "demo:main"}}}, "would leave the directory"),
    "entry point replaces python": ({"entry_points": {"console_scripts": {"Python3": "demo:main"}}}, "replace the Python"),
    "script replaces python": ({"data": {"scripts/python3.12": "x"}}, "would replace the Python interpreter"),
    "data replaces python": ({"data": {"data/bin/python": "x"}}, "would replace the Python interpreter"),
    "unknown scheme": ({"data": {"stdlib/os.py": "x"}}, "`demo-1.0.data/stdlib` has no place"),
    "file beside schemes": ({"data": {"x.py": "x"}}, "`demo-1.0.data/x.py` has no place"),
    "foreign data": (extra("other-1.0.data/scripts/x"), "`other-1.0.data` is the data directory of something else"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"record_rows": {"demo/a.py": "demo/a.py,,"}}, "no hash of `demo/a.py`; "),
        ({"record_rows": {"demo/a.py": "demo/a.py,,6", "demo/__init__.py": "demo/__init__.py,,0"}},
         "no hash of `demo/__init__.py` and of 1 more; "),
        ({"record_algorithm": "md5"}, "only a hash of md5 of `demo-1.0.dist-info/METADATA` and of 3 more; "),
        ({"record_algorithm": "sha1"}, "only a hash of sha1 of "),
    ],
)  # fmt: skip
def test_rows_of_record_that_prove_nothing_are_a_warning_and_hashed(
    tmp_path: Path, knobs: dict[str, Any], said: str
) -> None:
    path = make_wheel(tmp_path / "w", files={"demo/__init__.py": "", "demo/a.py": "a = 1\n"}, **knobs)
    found = unpacked(path, tmp_path)
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(f"RECORD has {said}")
    hashes = {row[0]: row[2] for row in found.rows}
    assert hashes["demo/a.py"] == sha256(b"a = 1\n").hexdigest()


@pytest.mark.parametrize(("knobs", "said"), BAD.values(), ids=BAD)
def test_bad_wheels_are_refused(tmp_path: Path, knobs: dict[str, Any], said: str) -> None:
    path = make_wheel(tmp_path / "w", files={"demo/__init__.py": "", "demo/a.py": "a = 1\n"}, **knobs)
    with pytest.raises(BadWheel) as caught:
        unpacked(path, tmp_path)
    assert any(said in issue for issue in caught.value.issues), caught.value.issues
    assert caught.value.code == "bad-wheel"
    assert not [path for path in everything_below(str(tmp_path)) if "evil" in path]


def test_zip_bomb_stops_at_its_declared_size(tmp_path: Path) -> None:
    change = {"demo/a.bin": {"raw": bomb(64 << 20), "size": 10}}
    path = make_wheel(tmp_path / "w", files={"demo/a.bin": b"x" * 10}, change=change)
    with pytest.raises(BadWheel):
        unpacked(path, tmp_path)
    sizes = [os.lstat(tmp_path / name).st_size for name in everything_below(str(tmp_path)) if name.startswith("tree/")]
    assert sum(sizes) < 1 << 20


def test_large_zip_bomb_stops_at_its_declared_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "PIECE", 1 << 16)
    change = {"demo/a.bin": {"raw": bomb(64 << 20), "size": 1 << 17}}
    path = make_wheel(tmp_path / "w", files={"demo/a.bin": bytes(1 << 17)}, change=change)
    with pytest.raises(BadWheel) as caught:
        unpacked(path, tmp_path)
    assert "does not inflate to the 131072 bytes" in caught.value.issues[0]
    assert os.lstat(tmp_path / "tree/demo/a.bin").st_size <= 1 << 17


@pytest.mark.parametrize(
    "raw", [bomb(1 << 18)[:-3], bomb(1 << 18) + b"more", b"\xff" * 400], ids=["cut", "more behind", "junk"]
)
def test_large_damaged_member_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(unpacking, "PIECE", 1 << 16)
    change = {"demo/a.bin": {"raw": raw}}
    path = make_wheel(tmp_path / "w", files={"demo/a.bin": bytes(1 << 18)}, change=change)
    with pytest.raises(BadWheel):
        unpacked(path, tmp_path)


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    path = make_wheel(
        tmp_path,
        files={"demo/a.py": "a", "demo/b.py": "b"},
        metadata="Metadata-Version: 2.1\nName: other\nVersion: 3\n",
        wheel="nothing\n",
        record_without=["demo/a.py"],
        data={"scripts/python": "x"},
    )
    with pytest.raises(BadWheel) as caught:
        unpacked(path, tmp_path)
    assert len(caught.value.issues) == 5
    assert not os.path.exists(tmp_path / "tree")


def test_wheel_with_wrong_record_writes_nothing(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo/a.py": "a"}, record_without=["demo/a.py"])
    with pytest.raises(BadWheel):
        unpacked(path, tmp_path)
    assert not os.path.exists(tmp_path / "tree")


def test_record_faults_can_be_accepted_and_no_others(tmp_path: Path) -> None:
    rows = {"demo/a.py": record_row("demo/a.py", b"other!")}
    path = make_wheel(
        tmp_path, files={"demo/a.py": "a = 1\n", "demo/b.py": ""}, record_rows=rows, record_without=["demo/b.py"]
    )
    with pytest.raises(BadWheel, match="what its own RECORD says") as caught:
        unpacked(path, tmp_path)
    assert "--no-verify-record" in (caught.value.hint or "")
    found = unpacked(path, tmp_path, verify_record=False)
    assert len(found.passed) == 2
    bad = make_wheel(tmp_path / "bad", files={}, record_rows=rows, metadata="Name: x\nVersion: 1.0\n")
    with pytest.raises(BadWheel):
        unpack(bad, str(tmp_path / "other"), os.path.basename(bad), verify_record=False)


def test_many_faults_are_counted_not_listed(tmp_path: Path) -> None:
    files = {f"demo/{number}.py": "" for number in range(50)}
    path = make_wheel(tmp_path, files=files, record_without=files)
    with pytest.raises(BadWheel) as caught:
        unpacked(path, tmp_path)
    assert caught.value.issues[-1] == "and 30 more"


GOOD = wheel_bytes(files={"demo/__init__.py": "x = 1\n"})


@pytest.mark.parametrize("size", [0, 1, 10, len(GOOD) // 2, len(GOOD) - 1])
def test_truncated_wheel_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(GOOD[:size])
    with pytest.raises(BadWheel):
        unpacked(str(path), tmp_path)


def test_html_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"<!DOCTYPE html><title>404</title>" * 100)
    with pytest.raises(BadWheel) as caught:
        unpacked(str(path), tmp_path)
    assert caught.value.issues == ("it is not a zip archive, or its end is missing",)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_single_changed_byte_is_always_detected(tmp_path_factory: pytest.TempPathFactory, at: int, byte: int) -> None:
    """Any one byte: the content that comes out is the content that went in, or the wheel is refused."""
    data = bytearray(GOOD)
    data[at] = byte
    directory = tmp_path_factory.mktemp("flip")
    path = directory / "demo-1.0-py3-none-any.whl"
    path.write_bytes(data)
    try:
        found = unpack(str(path), str(directory / "tree"), path.name)
    except BadWheel:
        return
    assert (directory / "tree/demo/__init__.py").read_bytes() == b"x = 1\n"
    assert found.described.name == "demo"
