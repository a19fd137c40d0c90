"""What stands in an environment now, seen as it will be once some of it is gone.

Laws of this file: it reads names and kinds, and changes nothing. What it says is a moment old: the transaction holds
the lock and compares its stamp before anybody acts on it, and every step there is the real operation.
"""

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

DIRECTORY, FILE, LINK, NOTHING = "directory", "file", "link", ""
_FEW = 16


class Ground:
    """Answer what is at a path, as if the paths in `gone` (and all below them) had been taken away."""

    __slots__ = ("_asked", "_gone", "_known", "_listed", "_real")

    def __init__(self, gone: "Collection[str]" = ()) -> None:
        self._gone = frozenset(gone)
        self._known: dict[str, str] = {}
        self._asked: dict[str, int] = {}
        self._listed: dict[str, dict[str, str]] = {}
        self._real: dict[str, str] = {}

    def kind(self, path: str) -> str:
        """Return `directory`, `file` (anything else that has a name), `link`, or "" for nothing."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = NOTHING if path in self._gone else self._kind(path)
        return known

    def _kind(self, path: str) -> str:
        # who asks for many names of one directory is told all of them at once: on a file server, each is a question
        directory, _, name = path.rpartition("/")
        listed = self._listed.get(directory)
        if listed is None:
            count = self._asked[directory] = self._asked.get(directory, 0) + 1
            if count <= _FEW:
                return _kind(path)
            listed = self._listed[directory] = _kinds(directory)
        return listed.get(name, NOTHING)

    def target(self, path: str) -> str:
        """Return the absolute path that the link at `path` leads to, if that is a directory; "" otherwise."""
        try:
            target = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            return ""
        return os.path.normpath(target) if os.path.isdir(target) else ""

    def real(self, path: str) -> str:
        """Return `path` with all links on the way resolved."""
        known = self._real.get(path)
        if known is None:
            # a wheel with a share/ tree has hundreds of directories below the same few: the kernel is asked once for each
            above, _, name = path.rpartition("/")
            plain = f"{self.real(above)}/{name}" if above and name not in {"", ".", ".."} else ""
            known = self._real[path] = plain if plain and not os.path.islink(plain) else os.path.realpath(path)
        return known

    def names(self, directory: str) -> dict[str, str]:
        """Return the names in a directory (that may be reached through a link) with their kinds; compiled caches left out."""
        return {name: kind for name, kind in _kinds(directory).items() if name != "__pycache__"}

    def read(self, path: str) -> bytes:
        """Return the content of a file, b"" when it is not there."""
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""


def _kinds(directory: str) -> dict[str, str]:
    """Return the names in a directory with their kinds."""
    try:
        with os.scandir(directory) as found:
            return {
                entry.name: LINK if entry.is_symlink() else DIRECTORY if entry.is_dir() else FILE for entry in found
            }
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _kind(path: str) -> str:
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    return DIRECTORY if stat.S_ISDIR(mode) else LINK if stat.S_ISLNK(mode) else FILE
