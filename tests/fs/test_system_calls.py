"""The calls that Python does not wrap, and the verbs of the disk with and without them."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from commonwheel.fs import _linux, disk, files, modes, system_calls


@pytest.fixture(params=["with", "without"])
def handed_over(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = _linux._system_call
    _linux._system_call = None
    if request.param == "with":
        system_calls.hand_over()
    yield request.param == "with"
    _linux._system_call = before


def test_file_system_is_synced(place: str, handed_over: bool) -> None:
    files.write(os.path.join(place, "file"), b"x")
    modes.sync_filesystem(place)
    modes.sync_filesystem(os.path.join(place, "file"))
    with pytest.raises(disk.DiskError):
        modes.sync_filesystem(os.path.join(place, "missing"))
    assert (_linux._system_call is not None) is handed_over


def test_files_are_published_without_hard_links(place: str, handed_over: bool) -> None:
    path = os.path.join(place, "file \udcff")
    seen: list[str] = []

    def refuse(operation: str, _path: str) -> None:
        seen.append(operation)
        if operation == "link":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    disk.observe(refuse)
    try:
        assert files.write(path, b"first", replace=False) is True
        assert files.write(path, b"second", replace=False) is False
    finally:
        disk.observe(None)
    assert (os.listdir(place), Path(path).read_bytes()) == (["file \udcff"], b"first")
    assert seen.count("rename") == 2, handed_over


def test_exclusive_rename_replaces_nothing(place: str) -> None:
    one, two, three = (os.path.join(place, name) for name in ("one", "two", "three"))
    Path(one).write_bytes(b"1")
    Path(two).write_bytes(b"2")
    system_calls.hand_over()
    try:
        with pytest.raises(FileExistsError):
            _linux.rename_exclusive(one, two)
        _linux.rename_exclusive(one, three)
    finally:
        _linux._system_call = None
    assert sorted(os.listdir(place)) == ["three", "two"]
    with pytest.raises(OSError, match="not implemented"):
        _linux.rename_exclusive(three, one)


def test_missing_and_refused_system_calls_are_errors() -> None:
    with pytest.raises(OSError, match="not implemented") as caught:
        system_calls.call("no_such_call", 1)
    assert caught.value.errno == errno.ENOSYS
    with pytest.raises(OSError, match="Bad file") as caught:
        system_calls.call("syncfs", 9999)
    assert caught.value.errno == errno.EBADF
