"""The file systems of the bench, made, mounted and taken away again.

tmpfs   a mount of its own in memory
disk    where the repository lies, whatever that is
ext4, xfs, btrfs   loop mounts; the images lie in memory where that is large enough, so that they do not measure a busy disk
slow    FUSE, a millisecond for every operation: a network file system
"""

import contextlib
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

from commonwheel.fs import facts

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 6 << 30
_MAKE = {
    # the kernel would go on making inode tables while it is measured
    "ext4": ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("mkfs.xfs", "-q", "-m", "reflink=1"),
    "btrfs": ("mkfs.btrfs", "-q"),
}
_SLOW = 0.001
#: How long the kernel relies on what it knows of the slow file system, and a little more.
_BELIEVED = 3.5


class Unavailable(Exception):
    """A file system is not available here; the message says why."""


@contextlib.contextmanager
def ground(kind: str, home: str) -> Iterator[str]:
    """Yield an empty directory on a file system of `kind`, mounted in `home`, which is this run's alone."""
    if kind == "disk":
        path = f"{home}/ground"
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
        return
    if os.geteuid() != 0:
        raise Unavailable("mounting needs root")
    make = {"tmpfs": _tmpfs, "slow": _slow}.get(kind)
    with make(home) if make else _image(kind, home) as path:
        yield path


def described(path: str) -> str:
    """Return the type of the file system that a path lies on."""
    return facts.mount_of(path).type


@contextlib.contextmanager
def slowed(kind: str, home: str) -> Iterator[None]:
    """Let the slow file system be slow, with nothing known of it; outside of this it is as fast as FUSE can be."""
    if kind != "slow":
        yield
        return
    time.sleep(_BELIEVED)
    _pace(home, _SLOW)
    try:
        yield
    finally:
        _pace(home, 0.0)


def _pace(home: str, seconds: float) -> None:
    with open(f"{home}/pace", "r+b" if os.path.exists(f"{home}/pace") else "wb") as stream:
        stream.write(struct.pack("d", seconds))


def give_back(path: str) -> None:
    """Let an image give back what was deleted in it, which is memory; not by mounting with `discard`, which takes its time later."""
    subprocess.run(("fstrim", path), capture_output=True, check=False)


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")


@contextlib.contextmanager
def _mounted(point: str, *words: str) -> Iterator[str]:
    os.makedirs(point, exist_ok=True)
    if os.path.ismount(point):  # left by a run that was killed
        _do("umount", "--lazy", point)
    _do("mount", *words, point)
    try:
        yield point
    finally:
        if subprocess.run(("umount", point), capture_output=True, check=False).returncode != 0:
            _do("umount", "--lazy", point)


@contextlib.contextmanager
def _tmpfs(home: str) -> Iterator[str]:
    with _mounted(f"{home}/mnt/tmpfs", "-t", "tmpfs", "-o", f"size={2 * SIZE}", "commonwheel-bench") as point:
        yield point  # the stores of all tools stand there, with all works


@contextlib.contextmanager
def _image(kind: str, home: str) -> Iterator[str]:
    memory = os.path.isdir("/dev/shm") and facts.space("/dev/shm").bytes_free > SIZE * 2
    image = f"{'/dev/shm' if memory else home}/commonwheel-bench-{os.getpid()}-{kind}.img"
    with open(image, "xb") as stream:
        stream.truncate(SIZE)
    with contextlib.ExitStack() as mounts:
        try:
            _do(*_MAKE[kind], image)
            point = mounts.enter_context(_mounted(f"{home}/mnt/{kind}", "-t", kind, "-o", "loop", image))
        finally:
            os.unlink(image)  # the mount keeps it, and nothing is left of it should this process be killed
        yield point


@contextlib.contextmanager
def _slow(home: str) -> Iterator[str]:
    point = f"{home}/mnt/slow"
    with _tmpfs_for(home) as backing:
        os.makedirs(point, exist_ok=True)
        _pace(home, 0.0)
        child = subprocess.Popen([sys.executable, f"{HERE}/slowfs.py", backing, point, f"{home}/pace"])
        try:
            for _ in range(200):
                if os.path.ismount(point):
                    break
                if child.poll() is not None:
                    raise Unavailable("no FUSE here")
                time.sleep(0.05)
            yield point
        finally:
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
            child.kill()
            child.wait()


@contextlib.contextmanager
def _tmpfs_for(home: str) -> Iterator[str]:
    with _mounted(f"{home}/mnt/backing", "-t", "tmpfs", "-o", f"size={SIZE}", "commonwheel-bench") as point:
        yield point
