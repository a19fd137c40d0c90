"""The mounts of the kit exist, and are gone afterwards even if a process still uses them."""

import os
import subprocess
from pathlib import Path

import pytest

from kit.mounts import bind, image, overlay, tmpfs

pytestmark = pytest.mark.root


def test_small_memory_file_system_fills_up(place: str) -> None:
    point = os.path.join(place, "small")
    with tmpfs(point, "64k") as mounted:
        with pytest.raises(OSError, match="No space"):
            Path(mounted, "file").write_bytes(b"x" * 100_000)
        assert os.path.ismount(point)
    assert not os.path.ismount(point)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_images_are_mounted_and_leave_nothing(place: str, kind: str) -> None:
    point = os.path.join(place, "image")
    with image(point, kind) as mounted:
        Path(mounted, "file").write_bytes(b"x")
        found = subprocess.run(["stat", "-f", "-c", "%T", mounted], capture_output=True, text=True, check=True).stdout
        assert kind[:3] in found
    assert os.listdir(point) == []


def test_busy_mount_is_removed(place: str) -> None:
    point = os.path.join(place, "busy")
    with tmpfs(point) as mounted:
        sitting = subprocess.Popen(["sleep", "1000"], cwd=mounted)
    try:
        assert not os.path.ismount(point)
    finally:
        sitting.kill()
        sitting.wait()


def test_bind_mount_can_be_read_only_and_overlay_protects_lower(place: str) -> None:
    real = os.path.join(place, "real")
    os.mkdir(real)
    Path(real, "file").write_text("below")
    with bind(real, os.path.join(place, "bound"), read_only=True) as bound:
        assert Path(bound, "file").read_text() == "below"
        with pytest.raises(OSError, match="Read-only"):
            Path(bound, "other").write_text("x")
    with overlay(real, os.path.join(place, "merged")) as merged:
        Path(merged, "file").write_text("above")
    assert Path(real, "file").read_text() == "below"
