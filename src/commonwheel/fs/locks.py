"""Lock files: time-boxed, named after their holder, never needed for correctness."""

import _thread
import errno as numbers
import os
import stat
import time

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, facts, files, modes
from commonwheel.fs.facts import platform
from commonwheel.fs.holder import HEAD as LOCK_HEAD
from commonwheel.fs.holder import LIMIT as LOCK_LIMIT
from commonwheel.fs.holder import Holder
from commonwheel.fs.holder import parse as parse_holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Final

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview


# Where other hosts can see a lock, its holder touches the file this often (seconds), and whoever finds it untouched for
# that long takes the lock from a holder on another host: a file server may keep the lock of a dead client for ever.
_BEAT = 10.0
_LIFELESS = 90.0


class LockTimeout(CommonwheelError):
    """Timed out waiting for a lock; the context names its holder."""

    code = "lock-timeout"

    def __init__(self, path: str, timeout: float, holder: Holder | None) -> None:
        self.path: Final = path
        self.holder: Final = holder
        super().__init__(
            f"waited {timeout:g} seconds for the lock `{path}`, held by {holder or 'a process that left no name'}",
            context=facts.describe(path),
            hint=f"wait for process {holder.pid} on {holder.host}, or end it" if holder else f"see `fuser -v {path}`",
        )


def lock(
    path: str,
    *,
    timeout: float,
    who: str,
    waiting: "Callable[[str], None] | None" = None,
    shared: bool = False,
    inside: int | None = None,
) -> "Lock":
    """Hold the lock `path` in a `with` block, which gets True, or at once False where locks do not work.

    `who` says what for, as in `installing into /x`; `waiting` hears once for whom we wait. After `timeout` seconds
    LockTimeout names the holder. The system lets go of the locks of the dead. The file goes away with its last holder,
    and is never the world's to write. Nothing may be wrong without the lock: it saves double work. `inside` is an open
    directory in which the last name of `path` is looked up, so that nobody can lead it elsewhere.
    """
    return Lock(path, timeout, who, waiting, shared=shared, inside=inside)


class Lock:
    """What `lock` returns; good for one `with`."""

    __slots__ = (
        "_fd", "_holder", "_inside", "_looked", "_name", "_path", "_shared", "_stop", "_timeout", "_waiting", "_who",
    )  # fmt: skip

    def __init__(
        self,
        path: str,
        timeout: float,
        who: str,
        waiting: "Callable[[str], None] | None",
        *,
        shared: bool,
        inside: int | None = None,
    ) -> None:
        self._path = path
        self._inside = inside
        self._name = path if inside is None else os.path.basename(path)
        self._timeout = timeout
        self._who = who
        self._waiting = waiting
        self._shared = shared
        self._fd = -1
        self._holder: Holder | None = None
        self._looked = 0.0
        self._stop: _thread.LockType | None = None

    def __enter__(self) -> bool:
        end = time.monotonic() + self._timeout
        pause = 0.005
        while True:
            try:
                if self._try():
                    return True
            except OSError:
                return False
            if self._waiting is not None:
                self._waiting(str(self._holder or "a process that left no name"))
                self._waiting = None
            left = end - time.monotonic()
            if left <= 0:
                raise LockTimeout(self._path, self._timeout, self._holder)
            time.sleep(min(pause, left))
            pause = min(pause * 1.6, 0.25)

    def _try(self) -> bool:
        """Try once: False if somebody else holds it, OSError if locks do not work here."""
        disk.step("lock", self._path)
        fd, writable = _open_lock(self._name, self._inside)
        try:
            if not platform.lock_fd(fd, shared=self._shared):
                self._holder = parse_holder(_start_of(fd))
                self._bury(fd)
                return False
            # a holder removes the file before it lets go: we may have locked what nobody finds any more
            if not disk.is_same(self._name, os.fstat(fd), self._inside):
                return False
            if writable:
                self._sign(fd)
            self._fd, fd = fd, -1
        finally:
            if fd >= 0:
                disk.close_quietly(fd)
        return True

    def _sign(self, fd: int) -> None:
        """Write into the file who we are, and keep touching it where other hosts look."""
        global _beats
        beats = facts.is_shared(self._path)
        holder = Holder(
            facts.user_name(facts.my_user()), facts.host(), os.getpid(), int(time.time()), self._who, facts.boot_id(), beats
        )  # fmt: skip
        try:
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, holder.line())
        except OSError:
            return  # a full disk: the lock is held all the same, without a name
        if beats:
            self._stop = _thread.allocate_lock()
            self._stop.acquire()
            _beats += 1
            _thread.start_new_thread(_beat, (os.dup(fd), self._stop))

    def _bury(self, fd: int) -> None:
        """Take the lock file away from a holder on another host that shows no sign of life."""
        holder, looked = self._holder, time.monotonic()
        if holder is None or not holder.beats or holder.boot == facts.boot_id() or looked - self._looked < _BEAT / 2:
            return
        self._looked = looked
        found = os.fstat(fd)
        now = files.clock(disk.parent(self._path))
        if now is not None and now - found.st_mtime > _LIFELESS and disk.is_same(self._name, found, self._inside):
            disk.unlink_quietly(self._name, self._inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        if self._stop is not None:
            self._stop.release()
        try:
            # the last of several sharers can have it for itself
            last = not self._shared or platform.lock_fd(fd, shared=False)
            if last and disk.is_same(self._name, os.fstat(fd), self._inside):
                disk.unlink_quietly(self._name, self._inside)
            platform.unlock_fd(fd)  # a process that was forked meanwhile has the descriptor too
        except OSError:
            pass
        finally:
            disk.close_quietly(fd)


_beats = 0


def beating() -> int:
    """Return how many threads keep locks alive just now: they wait, touch a file, and hold no lock of Python's."""
    return _beats


def _beat(fd: int, stop: "_thread.LockType") -> None:
    """Touch a lock file until told to stop; `fd` is this thread's own."""
    global _beats
    try:
        while not stop.acquire(timeout=_BEAT):
            platform.touch(fd)
    except OSError:
        pass
    finally:
        disk.close_quietly(fd)
        _beats -= 1


def _open_lock(path: str, inside: int | None) -> tuple[int, bool]:
    """Open a lock file, or make it; return its descriptor, and whether it may be written.

    It is opened for writing, in exception to the first law: NFS takes no exclusive lock otherwise, and the holder leaves
    his name in it. Therefore it must look like a lock file. Its rights are those of its directory, but never the world's
    to write. One that another user made and that cannot be written is locked all the same where reading is enough.
    """
    for _ in range(10):
        try:
            return _checked(os.open(path, os.O_RDWR | platform.NOFOLLOW | platform.CLOEXEC, dir_fd=inside)), True
        except PermissionError:
            return _checked(os.open(path, platform.READ, dir_fd=inside)), False
        except FileNotFoundError:
            mode = os.stat(disk.parent(path) if inside is None else inside).st_mode & 0o664 | 0o600
        try:
            fd = os.open(path, platform.NEW, mode, dir_fd=inside)
        except FileExistsError:
            continue
        try:
            modes.apply_mode(fd, path, mode)
        finally:
            os.close(fd)
    raise OSError(numbers.ESTALE, "the lock file comes and goes", path)


def _checked(fd: int) -> int:
    """Return the descriptor of a lock file; OSError if it may be anything else: two names, large, in another hand."""
    found = os.fstat(fd)
    fine = stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and found.st_size <= LOCK_LIMIT
    if fine and _start_of(fd)[: len(LOCK_HEAD)] in {b"", LOCK_HEAD.encode()}:
        return fd
    os.close(fd)
    raise OSError(numbers.EBADF, "not a lock file")


def _start_of(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, LOCK_LIMIT)
