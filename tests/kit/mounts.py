"""File systems made for a test, mounted, and unmounted for sure. Needs root and loop devices.

Each yields the mount point. The images of ext4, XFS (with reflink) and btrfs are sparse files: they cost what is written.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator

# the smallest that each mkfs takes, in bytes
_SMALLEST = {"ext4": 16 << 20, "xfs": 300 << 20, "btrfs": 120 << 20}
_MAKE = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-m", "reflink=1"),
    "btrfs": ("mkfs.btrfs", "-q"),
}


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr or done.stdout}")


@contextlib.contextmanager
def _mounted(point: str, *words: str) -> Iterator[str]:
    os.makedirs(point, exist_ok=True)
    _do("mount", *words, point)
    try:
        yield point
    finally:
        # a process that still has a file open there must not keep the mount: detach it, it goes with that process
        if subprocess.run(("umount", point), capture_output=True, check=False).returncode != 0:
            _do("umount", "--lazy", point)


@contextlib.contextmanager
def tmpfs(point: str, size: str = "1m", inodes: int = 0) -> Iterator[str]:
    """Mount a memory file system of a limited size (`64k`, `1m`) and number of inodes (0: no limit), for ENOSPC."""
    limit = f",nr_inodes={inodes}" if inodes else ""
    with _mounted(point, "-t", "tmpfs", "-o", f"size={size},mode=1777{limit}", "commonwheel-test") as mounted:
        yield mounted


@contextlib.contextmanager
def image(point: str, kind: str, size: int = 0, options: str = "") -> Iterator[str]:
    """Mount a new file system of `kind` (ext4, xfs, btrfs) in a file of `size` bytes (0: as small as it gets)."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    handle, path = tempfile.mkstemp(prefix=f"cw-{kind}-", suffix=".img", dir=memory)
    os.close(handle)
    try:
        os.truncate(path, max(size, _SMALLEST[kind]))
        _do(*_MAKE[kind], path)
        with _mounted(point, "-t", kind, "-o", f"loop{',' if options else ''}{options}", path) as mounted:
            os.chmod(mounted, 0o1777)
            yield mounted
    finally:
        os.unlink(path)


@contextlib.contextmanager
def bind(source: str, point: str, *, read_only: bool = False) -> Iterator[str]:
    """Show the directory `source` at `point` too, to be read only if asked: a second mount of one file system."""
    with _mounted(point, "--bind", source) as mounted:
        if read_only:
            _do("mount", "-o", "remount,bind,ro", mounted)
        yield mounted


@contextlib.contextmanager
def overlay(lower: str, point: str, size: str = "16m") -> Iterator[str]:
    """Show `lower` at `point` under a layer that takes the changes, as containers do. The layer is a tmpfs of this size."""
    with (
        tempfile.TemporaryDirectory(prefix="cw-overlay-") as own,
        tmpfs(os.path.join(own, "layer"), size) as layer,
        overlay_in(layer, lower, point) as mounted,
    ):
        yield mounted


@contextlib.contextmanager
def overlay_in(layer: str, lower: str, point: str) -> Iterator[str]:
    """Show `lower` (directories from the top down, with colons between them) at `point`; changes go to `upper` in the directory `layer`."""
    upper, work = os.path.join(layer, "upper"), os.path.join(layer, "work")
    os.mkdir(upper)
    os.mkdir(work)
    words = f"lowerdir={lower},upperdir={upper},workdir={work}"
    with _mounted(point, "-t", "overlay", "-o", words, "commonwheel-test") as mounted:
        yield mounted


def remount_read_only(point: str) -> None:
    """Let what is mounted there be read only from now on."""
    _do("mount", "-o", "remount,ro", point)
