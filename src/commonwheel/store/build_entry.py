"""Make the whole entry of a wheel in a directory of ours: its tree, its list of files, its header.

Laws of this file: nothing is asked and nothing is told but values that any process understands, so that a copy of this
process can do it; what is made is the caller's to publish or to erase.
"""

import hashlib
import time

from commonwheel.fs import facts
from commonwheel.fs import files as fs_files
from commonwheel.store import header, layout, manifest
from commonwheel.store.header import Header, Published
from commonwheel.store.unpack import Unpacked, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SHA256 = "sha256"


class Wheel:
    """A wheel that was fetched and has the digest that was asked for."""

    __slots__ = ("digests", "filename", "origin", "path", "size")

    def __init__(self, path: str, filename: str, size: int, digests: "dict[str, str]", origin: str) -> None:
        self.path: Final = path
        self.filename: Final = filename
        self.size: Final = size
        self.digests: Final = digests
        self.origin: Final = origin

    @property
    def sha256(self) -> str:
        """Return what names its entry."""
        return self.digests[SHA256]

    @property
    def words(self) -> "tuple[str, str, int, dict[str, str], str]":
        """Return what makes it, as values that any process understands."""
        return self.path, self.filename, self.size, self.digests, self.origin


def make(staged: str, wheel: Wheel, *, verify_record: bool = True) -> tuple[str, ...]:
    """Make the entry in `staged`, and return what the user should know of the wheel; raises BadWheel, DiskError, OSError."""
    unpacked = unpack(wheel.path, f"{staged}/{layout.TREE}", wheel.filename, verify_record=verify_record)
    files = manifest.encode(unpacked.rows)
    fs_files.write_new(f"{staged}/{layout.FILES}", files, layout.FILE_MODE)
    fs_files.write_new(f"{staged}/{layout.HEADER}", header.encode(_header(wheel, unpacked, files)), layout.FILE_MODE)
    return (*unpacked.passed, *unpacked.warnings)


def _header(wheel: Wheel, unpacked: Unpacked, files: bytes) -> Header:
    said, plan, rows = unpacked.described, unpacked.plan, unpacked.rows
    folded = tuple(f"{directory}/" for directory in plan.foldable)
    return Header(
        wheel.sha256, said.name, said.version, said.spelled, wheel.filename, wheel.size,
        Published(wheel.origin, int(time.time()), facts.host(), facts.boot_id()),
        said.dist_info, said.data, said.purelib, len(rows), sum([row[1] for row in rows]),
        hashlib.sha256(files).hexdigest(), said.requires_python, said.requires, said.extras, said.console, said.gui,
        plan.foldable, plan.unfolded, tuple(manifest.line(row) for row in rows if not row[0].startswith(folded)),
        tuple((name, text) for name, text in wheel.digests.items() if name != SHA256),
    )  # fmt: skip
