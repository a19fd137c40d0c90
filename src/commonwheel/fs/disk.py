"""Change the disk: the only file of Commonwheel that does.

The laws:

1. Never open an existing path for writing. Every write is a new file (`O_EXCL`, a random name: host, process and 64
   random bits) in the directory where it will live, then `rename` or `link`. A foreign file in the way loses its name,
   and is never written to, truncated, chmod-ed or chown-ed: its inode may be another user's, and have names elsewhere.
2. chmod, chgrp and utime only what this process has just created, through its descriptor. Never toggle the umask: it belongs
   to all threads.
3. A name is published when its content is complete. "Exists already" on publishing means that somebody else won, which
   is success. No lock is needed for correctness, not to read and not to publish: locks save double work. They are
   time-boxed, and where they do not work (ENOLCK, ENOSYS, EBADF, EOPNOTSUPP, 524) that costs speed, never an error.
4. Never test and then act: try the real operation, and handle what it answers. A way to place a file (clone, hard link)
   is a hint; each file falls back by itself.
5. What others may be reading is never deleted under them: it is renamed to a trash name in the same parent first.
6. Every change passes through `step`, so that a test can make the n-th operation fail, or kill the process there.
7. An error says verb, path, errno and what `facts` knows: owner, group, mode, ACL, file system, mount flags, who I am,
   and the one command or change that would help.

This file knows paths and bytes: no wheels, no Python, no store. Each verb says what a reader may see meanwhile, and what
is left by a crash, which is a killed process unless a power cut is spoken of.

Modes: 0o666 and 0o777 mean "as the umask decides, or the default ACL of the directory". Any other mode is meant literally
and set on the descriptor, whatever the umask is: somebody's umask 077 must not lock a group out of its store. File
systems without modes (vfat, some FUSE and SMB mounts) refuse to set them even to the creator; that is no error.
"""

import errno as numbers
import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import facts
from commonwheel.fs.facts import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview

TEMPORARY = ".tmp-"
TRASH = ".trash-"
BY_UMASK = (0o666, 0o777)
# what a medium or a file server says that fails, of whichever file
MEDIUM = frozenset({numbers.EIO, numbers.ESTALE})


class DiskError(CommonwheelError):
    """Report a change that the disk refused, with the facts around the path gathered at that moment."""

    code = "disk"

    def __init__(self, verb: str, path: str, error: OSError) -> None:
        self.verb: Final = verb
        self.path: Final = path
        self.errno: Final = error.errno or 0
        name = numbers.errorcode.get(self.errno, f"errno {self.errno}")
        super().__init__(
            f"could not {verb.replace('_', ' ')} `{path}`: {error.strerror or error} ({name})",
            context=facts.describe(path),
            hint=facts.advice(path, self.errno),
        )


current_hook: "Hook | None" = None


def observe(hook: "Hook | None") -> "Hook | None":
    """Call `hook(operation, path)` before every change of the disk, None for nobody; return the previous hook.

    A hook that raises OSError is that operation failing. Operations: create, write, copy, clone, link, symlink, mkdir,
    rename, unlink, rmdir, chmod, chown, utime, sync, close, lock.
    """
    global current_hook
    previous, current_hook = current_hook, hook
    return previous


def is_observed() -> bool:
    """Return whether somebody wants to see every change, who would not see those of another process."""
    return current_hook is not None


def step(operation: str, path: str) -> None:
    """Let the observer see the change that comes next."""
    if current_hook is not None:
        current_hook(operation, path)


# --- names -------------------------------------------------------------------------------------------------------------


_host = ""


def temporary(directory: str, prefix: str = TEMPORARY) -> str:
    """Return a name in `directory` that nobody else has: host, process and 64 random bits. Creates nothing.

    A process number alone is not enough: containers that share a store share those too, and host names.
    """
    global _host
    if not _host:
        _host = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in facts.host()[:32])
    return os.path.join(directory, f"{prefix}{_host}-{os.getpid()}-{os.urandom(8).hex()}")


def maker(name: str) -> tuple[str, int] | None:
    """Return who made a temporary or trash name: the host, as far as it fits a name, and the process; None for other names."""
    if not name.startswith((TEMPORARY, TRASH)):
        return None
    host, _, rest = name.partition("-")[2].rpartition("-")[0].rpartition("-")
    return (host, int(rest)) if rest.isdecimal() else None


def parent(path: str) -> str:
    """Return the directory that a path lies in."""
    return os.path.dirname(path.rstrip(os.sep)) or (os.sep if path.startswith(os.sep) else os.curdir)


def named(error: OSError, path: str) -> str:
    """Return the path that an error is about: of a link or rename the new name, as the error itself does not tell."""
    return error.filename if isinstance(error.filename, str) and error.filename2 is None else path


def is_same(path: str, other: os.stat_result, parent: int | None = None) -> bool:
    """Return whether `path`, in the open directory `parent` if there is one, is (still) a name of the file whose facts are given."""
    try:
        found = os.stat(path, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return False
    return found.st_ino == other.st_ino and found.st_dev == other.st_dev


def unlink_quietly(path: str, parent: int | None = None) -> None:
    """Remove a name of ours on the way out, where a failure has no consequence but a temporary name that stays."""
    try:
        step("unlink", path)
        platform.unlink(path, parent)
    except OSError:
        pass


def close_quietly(fd: int) -> None:
    """Close a descriptor whose errors no longer matter."""
    try:
        os.close(fd)
    except OSError:
        pass
