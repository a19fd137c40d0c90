"""Hash what lies in a tree, and compare it with what was published.

Laws of this file: it reads and never changes anything; nothing is followed and nothing waited for, whatever lies there.
"""

import errno
import hashlib
import os
import stat

from commonwheel.store import untrusted_walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.store.manifest import Row

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def hash_faults(tree: str, rows: "Iterable[Row]", *, wary: bool = False) -> list[tuple[str, str]]:
    """Return the files of a tree whose content is not what their rows say, as (path, what is wrong).

    OSError for what cannot be read now: that is no fault of the file. Who is `wary` reads no file with holes.
    """
    return [(row[0], fault) for row in rows if (fault := hash_fault(f"{tree}/{row[0]}", row[2], wary=wary))]


def hash_fault(path: str, sha256: str, *, wary: bool = False) -> str:
    """Return why the content of a file is not what it was, or ""; OSError if it cannot be read now.

    Who is `wary` reads no file with holes: a stranger makes one of a terabyte at no cost.
    """
    try:
        fd = os.open(path, _OPEN)
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        # a link, which is not followed
        if error.errno != errno.ELOOP:
            raise
        return "is not a file"
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            return "is not a file"
        if wary and untrusted_walk.has_holes(fd, facts):
            return "has holes"
        with open(fd, "rb", closefd=False) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        os.close(fd)
    return "" if found == sha256 else "was changed"


def sha256_of(path: str) -> str:
    """Return the sha256 of a file in hexadecimal; OSError if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
