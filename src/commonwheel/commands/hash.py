"""`pip hash`: hashes of files, for the `--hash` options of requirements files."""

import hashlib

from commonwheel.errors import UsageError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class FileHash(Value):
    """A file and its digest as `algorithm:hex`."""

    __slots__ = ("digest", "path")

    def __init__(self, path: str, digest: str) -> None:
        self.path: Final = path
        self.digest: Final = digest


def hash_(session: "Session", parsed: "Parsed") -> "list[FileHash]":
    """Hash files for `--hash` options."""
    algorithm = session.settings.text("algorithm") or "sha256"
    rows = []
    for path in parsed.positional:
        try:
            rows.append(FileHash(path, f"{algorithm}:{hash_file(path, algorithm)}"))
        except OSError as error:
            raise UsageError(f"`{path}` cannot be read: {error.strerror}", hint="name a file") from error
    return rows


def hash_file(path: str, algorithm: str) -> str:
    """Return the hash of a file in hexadecimal; raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
