"""Source distributions are unpacked as they are, and those that would do harm not at all."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from commonwheel.build import archives
from commonwheel.build.archives import BadSource
from kit.sdists import member, pack


def unpacked(tmp_path: Path, data: bytes, name: str = "demo-1.0.tar.gz") -> Path:
    archive = tmp_path / name
    archive.write_bytes(data)
    into = tmp_path / "into"
    into.mkdir()
    return Path(archives.unpack(str(archive), str(into)))


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return pack(list(members))


def zip_of(members: dict[str, bytes], attributes: dict[str, int] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2021, 5, 6, 7, 8, 10))
            info.external_attr = (attributes or {}).get(name, 0o100644) << 16
            archive.writestr(info, data)
    return out.getvalue()


TOP = (member("demo-1.0/pyproject.toml"), b"[project]\n")


def test_files_modes_times_and_links_match_the_archive(tmp_path: Path) -> None:
    tree = unpacked(
        tmp_path,
        tar_of(
            TOP,
            (member("demo-1.0/run", mode=0o4777, when=1_700_000_000), b"#!/bin/sh\n"),
            (member("demo-1.0/a/b/c.txt", mode=0o200), b"c"),
            (member("demo-1.0/empty", tarfile.DIRTYPE, mode=0o000), b""),
            (member("demo-1.0/same", tarfile.LNKTYPE, target="demo-1.0/a/b/c.txt"), b""),
            (member("demo-1.0/a/up", tarfile.SYMTYPE, target="../run"), b""),
            (member("demo-1.0/dangling", tarfile.SYMTYPE, target="a/nowhere"), b""),
        ),
    )
    assert tree.name == "demo-1.0"
    assert stat.S_IMODE((tree / "run").stat().st_mode) == 0o755
    assert (tree / "run").stat().st_mtime == 1_700_000_000
    assert stat.S_IMODE((tree / "a/b/c.txt").stat().st_mode) == 0o644
    assert (tree / "empty").is_dir()
    assert os.access(tree / "empty", os.W_OK | os.X_OK)
    assert (tree / "same").read_bytes() == b"c"
    assert (tree / "same").stat().st_ino != (tree / "a/b/c.txt").stat().st_ino
    assert os.readlink(tree / "a/up") == "../run"
    assert (tree / "a/up").read_bytes() == b"#!/bin/sh\n"
    assert os.readlink(tree / "dangling") == "a/nowhere"


def test_times_before_1980_are_raised(tmp_path: Path) -> None:
    tree = unpacked(tmp_path, tar_of(TOP, (member("demo-1.0/old.py", when=1), b"")))
    assert (tree / "old.py").stat().st_mtime > 315_532_800


def test_large_file_is_complete(tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    tree = unpacked(tmp_path, tar_of(TOP, (member("demo-1.0/large", mode=0o755), data)))
    assert (tree / "large").read_bytes() == data
    assert os.access(tree / "large", os.X_OK)
    assert (tree / "large").stat().st_mtime == 1_600_000_000


def test_later_file_of_one_name_wins(tmp_path: Path) -> None:
    tree = unpacked(tmp_path, tar_of(TOP, (member("demo-1.0/x"), b"first"), (member("./demo-1.0/./x"), b"last")))
    assert (tree / "x").read_bytes() == b"last"


@pytest.mark.parametrize(
    "bad",
    [
        (member("../evil"), b"x"),
        (member("demo-1.0/../../evil"), b"x"),
        (member("/etc/evil"), b"x"),
        (member("demo-1.0/fifo", tarfile.FIFOTYPE), b""),
        (member("demo-1.0/null", tarfile.CHRTYPE), b""),
        (member("demo-1.0/out", tarfile.SYMTYPE, target="../../x"), b""),
        (member("demo-1.0/out", tarfile.SYMTYPE, target="/etc/passwd"), b""),
        (member("demo-1.0/out", tarfile.LNKTYPE, target="../../etc/passwd"), b""),
        (member("demo-1.0/out", tarfile.LNKTYPE, target="demo-1.0/nothing"), b""),
        (member("demo-1.0/pyproject.toml", tarfile.DIRTYPE), b""),
        (member("demo-1.0/pyproject.toml/inner"), b""),
        (member("demo-1.0/pyproject.toml", tarfile.SYMTYPE, target="other"), b""),
    ],
    ids=lambda bad: f"{bad[0].name} {bad[0].linkname}".strip(),
)
def test_escaping_archive_is_refused_whole(tmp_path: Path, bad: tuple[tarfile.TarInfo, bytes]) -> None:
    before = sorted(path.name for path in tmp_path.parent.iterdir())
    with pytest.raises(BadSource) as caught:
        unpacked(tmp_path, tar_of(TOP, bad))
    assert "demo-1.0.tar.gz" in caught.value.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo-1.0.tar.gz", "into"]
    assert sorted(path.name for path in tmp_path.parent.iterdir()) == before


def test_links_escaping_in_combination_are_refused(tmp_path: Path) -> None:
    """Each of them stays inside by its letters: `top` is the top, and `out` goes one up from there."""
    members = (
        (member("demo-1.0/d/top", tarfile.SYMTYPE, target="../.."), b""),
        (member("demo-1.0/out", tarfile.SYMTYPE, target="d/top/.."), b""),
        (member("demo-1.0/out/evil"), b"x"),
    )
    with pytest.raises(BadSource, match="once as a"):
        unpacked(tmp_path, tar_of(TOP, *members))
    assert not (tmp_path / "evil").exists()


def test_chained_escaping_link_is_refused(tmp_path: Path) -> None:
    members = (
        (member("demo-1.0/d/top", tarfile.SYMTYPE, target="../.."), b""),
        (member("demo-1.0/out", tarfile.SYMTYPE, target="d/top/.."), b""),
    )
    with pytest.raises(BadSource, match="leads out"):
        unpacked(tmp_path, tar_of(TOP, *members))


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    members = (
        (member("demo-1.0/here"), b"kept"),
        (member("demo-1.0/link", tarfile.SYMTYPE, target="here"), b""),
        (member("demo-1.0/link"), b"overwritten"),
    )
    with pytest.raises(BadSource, match="once as a link"):
        unpacked(tmp_path, tar_of(TOP, *members))


def test_zip_follows_the_same_rules(tmp_path: Path) -> None:
    data = zip_of(
        {"demo-1.0/setup.py": b"x", "demo-1.0/d/": b"", "demo-1.0/run": b"y", "demo-1.0/link": b"run"},
        {"demo-1.0/run": 0o100755, "demo-1.0/link": 0o120777},
    )
    tree = unpacked(tmp_path, data, "demo-1.0.zip")
    assert (tree / "setup.py").read_bytes() == b"x"
    assert (tree / "setup.py").stat().st_mtime == 1_620_284_890
    assert (tree / "d").is_dir()
    assert os.access(tree / "run", os.X_OK)
    assert os.readlink(tree / "link") == "run"


@pytest.mark.parametrize(
    ("name", "mode"),
    [("../evil", 0), ("/evil", 0), ("demo-1.0/link", 0o120777)],
)
def test_escaping_zip_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    with pytest.raises(BadSource):
        unpacked(tmp_path, zip_of({"demo-1.0/setup.py": b"", name: b"../../x"}, {name: mode}), "demo-1.0.zip")


@pytest.mark.parametrize("size", [0, 10, 200, -20])
def test_damaged_archive_is_refused(tmp_path: Path, size: int) -> None:
    whole = tar_of(TOP, (member("demo-1.0/data"), os.urandom(5000)))
    with pytest.raises(BadSource, match="cannot be unpacked"):
        unpacked(tmp_path, whole[:size])


def test_damaged_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_of({"demo-1.0/setup.py": os.urandom(300)}))
    data[60] ^= 255
    with pytest.raises(BadSource, match="cannot be unpacked"):
        unpacked(tmp_path, bytes(data), "demo-1.0.zip")


@pytest.mark.parametrize("name", ["demo-1.0.tar.bz2", "demo-1.0.tgz", "demo-1.0.tar", "demo-1.0.whl"])
def test_unsupported_formats_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSource, match="not in a format"):
        unpacked(tmp_path, tar_of(TOP), name)


def test_project_may_lie_at_the_top(tmp_path: Path) -> None:
    tree = unpacked(tmp_path, tar_of((member("setup.py"), b""), (member("pkg/__init__.py"), b"")))
    assert (tree / "setup.py").exists()


def test_archive_with_several_directories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="no single project") as caught:
        unpacked(tmp_path, tar_of((member("a/x"), b""), (member("b/x"), b"")))
    assert caught.value.context == ("at its top: a, b",)
