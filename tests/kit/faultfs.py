"""A file system that fails on demand: a FUSE pass-through in a process of its own, told what to do while it runs.

    with faults(os.path.join(place, "mnt")) as disk:
        disk.fail("write", errno.ENOSPC, nth=3)      # the third write from now on, once
        disk.fail("flush", errno.EDQUOT)              # the next close(), as network file systems do
        disk.no_hard_links()
        ...
        assert disk.count("rename") == 1

Operations are FUSE's: create open read write flush fsync fsyncdir release getattr readdir readlink link symlink rename
unlink mkdir rmdir chmod chown utimens truncate statfs flock lock. The kernel checks rights by mode bits and owner, and
every user may use the mount; files belong to the user who made them. Nothing but file data is cached. Needs root, /dev/fuse
and Debian's `fuse3`.

`cut()` is a power cut: of every file whose data was not synced, what came after the last fsync is gone (`lose`),
zeros (`zeros`: the size reached the disk, the blocks did not) or noise. Names survive: the worst that a journalling file
system does, rename durable before data. Kill the processes of the test first, as the cut would.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

TESTS = Path(__file__).resolve().parents[1]


class FaultFS:
    """The test's hand on a mounted file system: what shall fail, what was asked of it."""

    def __init__(self, point: str, backing: str, commands: "IO[bytes]", answers: "IO[bytes]") -> None:
        self.point = point
        self.backing = backing
        self._commands = commands
        self._answers = answers

    def _ask(self, **words: object) -> object:
        self._commands.write(json.dumps(words).encode() + b"\n")
        self._commands.flush()
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError("the fault file system has died")
        return json.loads(answer)

    def fail(self, operation: str, number: int, *, nth: int = 1, times: int | None = 1, path: str = "") -> None:
        """Let the `nth` operation of this kind from now on, and `times` - 1 after it (None: all), fail with an errno.

        With `path`, only operations on paths that contain it are counted.
        """
        self._ask(do="fail", operation=operation, errno=number, skip=nth - 1, times=times, path=path)

    def heal(self) -> None:
        """Let nothing fail any more, and nothing take its time."""
        self._ask(do="heal")

    def delay(self, operation: str, seconds: float, path: str = "") -> None:
        """Let every operation of this kind take some time."""
        self._ask(do="delay", operation=operation, seconds=seconds, path=path)

    def no_hard_links(self, number: int = errno.EPERM) -> None:
        """Refuse hard links, as FAT, SMB and BeeGFS (across directories) do."""
        self.fail("link", number, times=None)

    def no_locks(self, number: int = errno.ENOLCK) -> None:
        """Refuse every kind of lock."""
        self.fail("flock", number, times=None)
        self.fail("lock", number, times=None)

    def no_modes(self, number: int = errno.EPERM) -> None:
        """Refuse to change modes, owners and times, to the owner too."""
        for operation in ("chmod", "chown", "utimens"):
            self.fail(operation, number, times=None)

    def locks_like_nfs(self) -> None:
        """Refuse exclusive locks on descriptors that are not open for writing (EBADF)."""
        self._ask(do="nfs-locks")

    def ignore_case(self, *, ignored: bool = True) -> None:
        """Take names that differ in case alone for one, as FAT, SMB and many file systems of macOS and Windows do."""
        self._ask(do="ignore-case", ignored=ignored)

    def skew_clock(self, seconds: float) -> None:
        """Let the clock that dates changes be ahead of ours (or behind), as that of a file server may be."""
        self._ask(do="skew", seconds=seconds)

    def freeze_listings(self) -> None:
        """Let directories list what they hold now, whatever happens to them; files are found by name all the same."""
        self._ask(do="freeze")

    def thaw_listings(self) -> None:
        """List directories as they are again."""
        self._ask(do="thaw")

    def count(self, operation: str) -> int:
        """Return how many operations of a kind were asked of the file system so far."""
        counts = self._ask(do="counts")
        assert isinstance(counts, dict)
        return int(counts.get(operation, 0))

    def unsynced(self) -> list[str]:
        """Return the paths (relative to the mount) of files whose data a power cut would touch."""
        found = self._ask(do="unsynced")
        assert isinstance(found, list)
        return [str(path) for path in found]

    def cut(self, how: str = "lose") -> None:
        """Cut the power: mangle all that was not synced; `lose`, `zeros` or `noise`."""
        self._ask(do="cut", how=how)


@contextlib.contextmanager
def faults(point: str, backing: str | None = None, kind: str = "") -> Iterator[FaultFS]:
    """Mount the file system at `point`, over the directory `backing` (a fresh one beside it if None).

    With `kind` its type reads `fuse.<kind>`, as in `fuse.sshfs`.
    """
    own = backing is None
    if backing is None:
        backing = tempfile.mkdtemp(prefix=".backing-", dir=os.path.dirname(point))
        os.chmod(backing, 0o1777)
    os.makedirs(point, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "default"}
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            [sys.executable, "-m", "kit.faultfs", backing, point, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            if child.stdout.readline() != b'"ready"\n':
                complaints.seek(0)
                raise RuntimeError("no FUSE here: " + complaints.read().decode(errors="replace"))
            yield FaultFS(point, backing, child.stdin, child.stdout)
        finally:
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
            # it holds nothing back, and libfuse takes a second to say good-bye
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
            if own:
                shutil.rmtree(backing, ignore_errors=True)


# --- the process that serves it ------------------------------------------------------------------------------------


class _Rule:
    def __init__(self, operation: str, number: int, skip: int, times: int | None, path: str) -> None:
        self.operation = operation
        self.number = number
        self.skip = skip
        self.times = times
        self.path = path

    def strikes(self, path: str) -> bool:
        """Count one operation; say whether it fails."""
        if self.path not in path or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class _PassThrough:
    """The operations, each on the directory behind; `_enter` is where all of them can be told to fail."""

    use_ns = True

    def __init__(self, backing: str) -> None:
        self._backing = backing
        self._guard = threading.Lock()
        self._rules: list[_Rule] = []
        self._delays: dict[str, tuple[float, str]] = {}
        self._counts: Counter[str] = Counter()
        self._frozen: dict[str, list[str]] | None = None
        self._nfs_locks = False
        self._ignores_case = False
        self._skew = 0.0
        # inode -> how many bytes of it are known to be on the medium
        self._dirty: dict[int, int] = {}
        self._context: Callable[[], tuple[int, int, int]] = lambda: (0, 0, 0)  # serve() sets it: user, group, process

    # what the test says

    def obey(self, words: dict[str, object]) -> object:
        """Carry out one command of the test."""
        with self._guard:
            match words:
                case {"do": "fail", "operation": str(kind), "errno": int(number), "skip": int(skip), "path": str(path)}:
                    times = words["times"]
                    assert times is None or isinstance(times, int)
                    self._rules.append(_Rule(kind, number, skip, times, path))
                case {"do": "delay", "operation": str(kind), "seconds": float() | int() as seconds, "path": str(path)}:
                    self._delays[kind] = (float(seconds), path)
                case {"do": "heal"}:
                    self._rules.clear()
                    self._delays.clear()
                case {"do": "nfs-locks"}:
                    self._nfs_locks = True
                case {"do": "ignore-case", "ignored": bool(ignored)}:
                    self._ignores_case = ignored
                case {"do": "skew", "seconds": float() | int() as seconds}:
                    self._skew = float(seconds)
                case {"do": "freeze"}:
                    self._frozen = {
                        os.path.relpath(directory, self._backing): [entry.name for entry in entries]
                        for directory, entries in self._walk(self._backing)
                    }
                case {"do": "thaw"}:
                    self._frozen = None
                case {"do": "counts"}:
                    return dict(self._counts)
                case {"do": "unsynced"}:
                    return [os.path.relpath(path, self._backing) for path, _ in self._unsynced()]
                case {"do": "cut", "how": str(how)}:
                    self._cut(how)
                case _:
                    raise ValueError(words)
        return "ok"

    def _unsynced(self) -> list[tuple[str, int]]:
        found = []
        for _, entries in self._walk(self._backing):
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode) and self._dirty.get(facts.st_ino, facts.st_size) < facts.st_size:
                    found.append((entry.path, self._dirty[facts.st_ino]))
        return found

    def _walk(self, directory: str) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        """Return all directories with their entries; `os.walk` follows links, and those that lead to us would wait for us."""
        with os.scandir(directory) as found:
            entries = list(found)
        yield directory, entries
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path)

    def _cut(self, how: str) -> None:
        for path, kept in self._unsynced():
            size = os.path.getsize(path)
            os.truncate(path, kept)
            if how == "zeros":
                os.truncate(path, size)
            elif how == "noise":
                with open(path, "ab") as file:
                    file.write(os.urandom(size - kept))
        self._dirty.clear()

    def _enter(self, operation: str, path: str) -> str:
        with self._guard:
            self._counts[operation] += 1
            seconds, where = self._delays.get(operation, (0.0, ""))
            failing = [rule for rule in self._rules if rule.operation == operation and rule.strikes(path)]
        if seconds and where in path:
            time.sleep(seconds)
        if failing:
            raise OSError(failing[0].number, os.strerror(failing[0].number))
        return self._real(path)

    def _real(self, path: str) -> str:
        """Return where a path is on the disk behind."""
        if not self._ignores_case:
            return self._backing + path
        real = self._backing
        for name in path.split("/")[1:]:
            here = f"{real}/{name}"
            if name and not os.path.lexists(here):
                others = os.listdir(real) if os.path.isdir(real) else []
                here = next((f"{real}/{one}" for one in others if one.lower() == name.lower()), here)
            real = here
        return real

    def _date(self, where: str | int) -> None:
        """Date a change by the clock of this file system, if that is not ours."""
        if self._skew:
            now = time.time() + self._skew
            os.utime(where, (now, now))

    def _own(self, real: str) -> None:
        """Give a new entry to the user who made it, in the group that its directory prescribes."""
        uid, gid, _ = self._context()
        above = os.stat(os.path.dirname(real))
        mode = os.lstat(real).st_mode
        if above.st_mode & stat.S_ISGID:
            gid = above.st_gid
        os.lchown(real, uid, gid)
        if stat.S_ISDIR(mode) and above.st_mode & stat.S_ISGID:
            os.chmod(real, stat.S_IMODE(mode) | stat.S_ISGID)

    # names

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        real = self._enter("getattr", path or "")
        facts = os.fstat(fh) if fh is not None else os.lstat(real)
        return {
            "st_mode": facts.st_mode, "st_ino": facts.st_ino, "st_nlink": facts.st_nlink, "st_uid": facts.st_uid,
            "st_gid": facts.st_gid, "st_size": facts.st_size, "st_blocks": facts.st_blocks, "st_atime": facts.st_atime_ns,
            "st_mtime": facts.st_mtime_ns, "st_ctime": facts.st_ctime_ns,
        }  # fmt: skip

    def readdir(self, path: str, _fh: int) -> list[tuple[str, dict[str, int], int]]:
        real = self._enter("readdir", path)
        frozen = self._frozen
        names = os.listdir(real) if frozen is None else frozen.get(os.path.relpath(real, self._backing), [])
        found = []
        for name in (".", "..", *names):
            try:
                facts = os.lstat(os.path.join(real, name))
                kind, inode = facts.st_mode, facts.st_ino
            except OSError:
                kind, inode = stat.S_IFREG, 1  # a stale listing; entries without an inode would be dropped
            found.append((name, {"st_mode": kind, "st_ino": inode}, 0))
        return found

    def readlink(self, path: str) -> str:
        return os.readlink(self._enter("readlink", path))

    def mkdir(self, path: str, mode: int) -> int:
        real = self._enter("mkdir", path)
        os.mkdir(real, mode)
        self._own(real)
        self._date(real)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._enter("rmdir", path))
        return 0

    def unlink(self, path: str) -> int:
        os.unlink(self._enter("unlink", path))
        return 0

    def symlink(self, path: str, target: str) -> int:
        real = self._enter("symlink", path)
        os.symlink(target, real)
        self._own(real)
        return 0

    def rename(self, old: str, new: str) -> int:
        os.rename(self._enter("rename", old), self._real(new))
        return 0

    def link(self, new: str, old: str) -> int:
        os.link(self._real(old), self._enter("link", new), follow_symlinks=False)
        return 0

    # rights and times

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._enter("chmod", path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.lchown(self._enter("chown", path), uid, gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        real = self._enter("utimens", path)
        if times is None:
            os.utime(real, follow_symlinks=False)
            self._date(real)
        else:
            os.utime(real, ns=times, follow_symlinks=False)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        facts = os.statvfs(self._enter("statfs", path))
        names = (
            "f_bavail",
            "f_bfree",
            "f_blocks",
            "f_bsize",
            "f_favail",
            "f_ffree",
            "f_files",
            "f_frsize",
            "f_namemax",
        )
        return {name: getattr(facts, name) for name in names}

    # content

    def create(self, path: str, mode: int, _fi: object = None) -> int:
        real = self._enter("create", path)
        fd = os.open(real, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        try:
            self._own(real)
        except BaseException:
            os.close(fd)
            raise
        self._dirty[os.fstat(fd).st_ino] = 0
        self._date(fd)
        return fd

    def open(self, path: str, flags: int) -> int:
        # the kernel has checked the rights; only root may write the files of others behind its back
        return os.open(self._enter("open", path), flags & (os.O_ACCMODE | os.O_TRUNC))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._enter("read", path or "")
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._enter("write", path or "")
        facts = os.fstat(fh)
        self._dirty[facts.st_ino] = min(self._dirty.get(facts.st_ino, facts.st_size), offset)
        written = os.pwrite(fh, data, offset)
        self._date(fh)
        return written

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        real = self._enter("truncate", path or "")
        os.truncate(fh if fh is not None else real, length)
        return 0

    def flush(self, path: str, _fh: int) -> int:
        self._enter("flush", path or "")
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        with contextlib.suppress(OSError):
            self._enter("release", path or "")
        return 0

    def fsync(self, path: str, _datasync: int, fh: int) -> int:
        self._enter("fsync", path or "")
        self._dirty.pop(os.fstat(fh).st_ino, None)
        return 0

    def fsyncdir(self, path: str, _datasync: int, _fh: int) -> int:
        self._enter("fsyncdir", path)
        return 0

    # locks

    def flock(self, path: str, fh: int, operation: int) -> int:
        self._enter("flock", path or "")
        if self._nfs_locks and operation & fcntl.LOCK_EX and not fcntl.fcntl(fh, fcntl.F_GETFL) & os.O_ACCMODE:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        # never wait in here: the whole file system would
        fcntl.flock(fh, operation | fcntl.LOCK_NB)
        return 0


def serve(backing: str, point: str, kind: str = "") -> None:
    """Serve the mount until it goes away or the test does."""
    import mfusepy

    class _Fuse(mfusepy.FUSE):  # type: ignore[misc]
        def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
            if flags:  # the library drops them: a rename that must not replace would
                return -errno.EINVAL
            return int(super().rename_fuse_3(old, new, flags))

    operations = _PassThrough(os.path.realpath(backing))
    operations._context = mfusepy.fuse_get_context
    os.umask(0)

    def listen() -> None:
        for line in sys.stdin.buffer:
            answer = operations.obey(json.loads(line))
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()

    def ready(_path: str) -> None:
        sys.stdout.buffer.write(b'"ready"\n')
        sys.stdout.buffer.flush()
        threading.Thread(target=listen, daemon=True).start()

    operations.init = ready  # type: ignore[attr-defined]
    type_name = {"subtype": kind} if kind else {}
    _Fuse(
        operations, point, foreground=True, allow_other=True, default_permissions=True, fsname="commonwheel-test",
        attr_timeout=0, entry_timeout=0, negative_timeout=0, ac_attr_timeout=0, use_ino=True, **type_name,
    )  # fmt: skip


if __name__ == "__main__":
    serve(*sys.argv[1:])
