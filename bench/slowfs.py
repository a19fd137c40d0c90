"""A FUSE pass-through in which every operation takes a millisecond: `slowfs.py BACKING POINT PACE`.

It stands for a network file system: each name, attribute and directory costs a round trip, and the kernel may rely on what it
learned for three seconds, as NFS clients do. A listing brings the attributes of what it names, as READDIRPLUS does. Operations
of different directories go on side by side, as they do there. PACE is a file with the seconds of an operation as a double, and
may change: what is not measured need not wait.
"""

import errno
import mmap
import os
import sys
import time
from typing import Any

import mfusepy

# flags of libfuse's readdir and of its filler
_WITH_ATTRIBUTES, _FILLED = 1 << 0, 1 << 1


def _attributes(facts: os.stat_result) -> dict[str, int]:
    return {
        "st_mode": facts.st_mode, "st_ino": facts.st_ino, "st_nlink": facts.st_nlink, "st_uid": facts.st_uid,
        "st_gid": facts.st_gid, "st_size": facts.st_size, "st_blocks": facts.st_blocks, "st_atime": facts.st_atime_ns,
        "st_mtime": facts.st_mtime_ns, "st_ctime": facts.st_ctime_ns,
    }  # fmt: skip


class Slow:
    """The operations, each on the directory behind, after the delay."""

    use_ns = True

    def __init__(self, backing: str, pace: str) -> None:
        self._backing = backing
        with open(pace, "rb") as stream:
            self._pace = memoryview(mmap.mmap(stream.fileno(), 8, prot=mmap.PROT_READ)).cast("d")

    def _real(self, path: str | None) -> str:
        if self._pace[0]:
            time.sleep(self._pace[0])
        return self._backing + (path or "")

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        real = self._real(path)
        return _attributes(os.fstat(fh) if fh is not None else os.lstat(real))

    def readdir(self, path: str, _fh: int) -> list[tuple[str, dict[str, int]]]:
        with os.scandir(self._real(path)) as entries:
            return [(entry.name, _attributes(entry.stat(follow_symlinks=False))) for entry in entries]

    def readlink(self, path: str) -> str:
        return os.readlink(self._real(path))

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._real(path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._real(path))
        return 0

    def unlink(self, path: str) -> int:
        os.unlink(self._real(path))
        return 0

    def symlink(self, path: str, target: str) -> int:
        os.symlink(target, self._real(path))
        return 0

    def rename(self, old: str, new: str) -> int:
        os.rename(self._real(old), self._backing + new)
        return 0

    def link(self, new: str, old: str) -> int:
        os.link(self._backing + old, self._real(new), follow_symlinks=False)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._real(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.lchown(self._real(path), uid, gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        os.utime(self._real(path), ns=times, follow_symlinks=False)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        facts = os.statvfs(self._real(path))
        return {
            name: getattr(facts, name)
            for name in dir(facts)
            if name.startswith("f_") and name not in ("f_fsid", "f_flag")
        }

    def create(self, path: str, mode: int, _fi: object = None) -> int:
        return os.open(self._real(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path: str, flags: int) -> int:
        return os.open(self._real(path), flags & (os.O_ACCMODE | os.O_TRUNC))

    def read(self, _path: str, size: int, offset: int, fh: int) -> bytes:
        self._real("")
        return os.pread(fh, size, offset)

    def write(self, _path: str, data: bytes, offset: int, fh: int) -> int:
        self._real("")
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(fh if fh is not None else self._real(path), length)
        return 0

    def flush(self, _path: str, _fh: int) -> int:
        return 0

    def release(self, _path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def fsync(self, _path: str, _datasync: int, _fh: int) -> int:
        self._real("")
        return 0


class _Fuse(mfusepy.FUSE):  # type: ignore[misc]
    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
        return -errno.EINVAL if flags else int(super().rename_fuse_3(old, new, flags))

    def readdir_fuse_3(self, path: bytes, buffer: object, filler: Any, offset: int, _handle: object, flags: int) -> int:
        fill = _FILLED if flags & _WITH_ATTRIBUTES else 0
        # libfuse drops the attributes of entries that have no number
        for number, (name, attributes) in enumerate(self.operations.readdir(os.fsdecode(path), 0)[offset:], offset + 1):
            known = mfusepy.c_stat()
            mfusepy.set_st_attrs(known, attributes, use_ns=True)
            if filler(buffer, os.fsencode(name), known, number, fill):
                break
        return 0


if __name__ == "__main__":
    os.umask(0)
    options = {
        "attr_timeout": 3,
        "entry_timeout": 3,
        "negative_timeout": 0,
        "default_permissions": True,
        "max_threads": 32,
    }
    words = Slow(os.path.realpath(sys.argv[1]), sys.argv[3])
    _Fuse(words, sys.argv[2], foreground=True, fsname="commonwheel-bench", **options)
