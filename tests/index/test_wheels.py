"""METADATA is read out of a wheel, or the reason is told."""

import zipfile
from pathlib import Path

import pytest

from commonwheel.errors import MetadataUnavailable
from commonwheel.index.wheels import metadata_within
from kit.wheels import wheel_bytes


def test_metadata_is_read(tmp_path: Path) -> None:
    path = tmp_path / "demo.whl"
    path.write_bytes(wheel_bytes("demo", "1.0", {}, requires=["lib"]))
    assert b"Requires-Dist: lib" in metadata_within(str(path), "demo.whl")


def test_invalid_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demo.whl"
    with pytest.raises(MetadataUnavailable, match=r"`demo\.whl` cannot be read"):
        metadata_within(str(path), "demo.whl")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo/METADATA", "")
    with pytest.raises(MetadataUnavailable, match=r"`demo\.whl` has no METADATA files"):
        metadata_within(str(path), "demo.whl")
