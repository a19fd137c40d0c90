"""Unpack a wheel into a directory of ours, and prove on the way that it is what it says.

Two rounds. First everything that can be known without unpacking: the archive's directory, the names, the dist-info, the
list of files. Only if nothing is wrong with these is anything written. Then each file is inflated, checked against its
declared size and checksum, hashed, held against RECORD, and written once.

Laws of this file: what is hashed is what is written, from one read of a file that only we can change; the directory is
the caller's to publish or erase. Inflating, hashing and writing release the interpreter lock: two threads with a wheel
each take little more than half the time.
"""

import errno
import hashlib
import mmap
import os
from threading import BoundedSemaphore

from commonwheel.fs import files as fs_files
from commonwheel.fs import trees
from commonwheel.model import Value
from commonwheel.store import archive, foldable, layout, shared_objects, wheel
from commonwheel.store.wheel import BadWheel, Described

try:
    from isal import isal_zlib as inflating
except ImportError:  # no isal for this platform: a third slower
    import zlib as inflating  # type: ignore[no-redef]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from commonwheel.store.archive import Member
    from commonwheel.store.foldable import FoldPlan
    from commonwheel.store.manifest import Row

#: Members up to this size are inflated in one piece: more would not fit into a processor's memory of its own, and two threads
#: have one each.
PIECE = 1 << 20
_RAW_DEFLATE = -15
_SHOWN = 20
#: Packages whose `__init__` says one of these are shared with other wheels (pkgutil and pkg_resources namespaces).
_NAMESPACES = (b"extend_path", b"declare_namespace")
_LONGEST_NAMESPACE = 4096


# Of more threads than there are processors each only waits for the others, for Python's lock above all: with fifty of them
# that took a third of the time of a large installation, and fifty wheels lay in memory.
_TURNS = BoundedSemaphore(os.cpu_count() or 2)


class Unpacked(Value):
    """What came out of a wheel: what it says of itself, its files, what may be folded.

    `passed` are faults of RECORD that were let pass, `warnings` what is no fault here and may be one elsewhere.
    """

    __slots__ = ("described", "passed", "plan", "rows", "warnings")

    def __init__(
        self,
        described: Described,
        rows: "list[Row]",
        plan: "FoldPlan",
        passed: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.described: Final = described
        self.rows: Final = rows
        self.plan: Final = plan
        self.passed: Final = passed
        self.warnings: Final = warnings


def unpack(path: str, tree: str, filename: str, *, verify_record: bool = True) -> Unpacked:
    """Unpack the wheel at `path`, called `filename`, into the new directory `tree`; raise BadWheel with all faults.

    `path` must be a file that nobody else can change. With `verify_record` false, faults of RECORD alone are let
    pass and returned. On any error `tree` may be there, unfinished.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise _bad(filename, ["it is empty"], [])
        with _TURNS:
            return _Unpacking(file.fileno(), size, tree, filename, verify_record=verify_record).run()


def _bad(filename: str, issues: list[str], recorded: list[str]) -> BadWheel:
    faults = issues + recorded
    shown = faults[:_SHOWN] + ([f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else [])
    hint = "tell whoever made the wheel; another version may be sound"
    if not issues:
        hint = f"{hint}; `--no-verify-record` installs it all the same"
    kind = "a wheel that can be installed" if issues else "what its own RECORD says"
    return BadWheel(f"`{filename}` is not {kind}", issues=shown, hint=hint)


class _Unpacking:
    def __init__(self, fd: int, size: int, tree: str, filename: str, *, verify_record: bool) -> None:
        self.fd = fd
        self.size = size
        self.tree = tree
        self.filename = filename
        self.verify_record = verify_record
        self.issues: list[str] = []
        self.passed: list[str] = []
        self.doubts: dict[str, list[str]] = {}
        self.shared: set[str] = set()
        self.search_paths: dict[str, tuple[str, ...]] = {}

    def run(self) -> Unpacked:
        # a map for the directory at the end; not for the rest, or the wheel would count as memory of ours
        with mmap.mmap(self.fd, self.size, access=mmap.ACCESS_READ) as content:
            members = archive.members(content, self.issues, self._packed)
        self._stop_if_bad()
        by_name = {member.name: member for member in members}

        def read(name: str) -> bytes:
            return self._inflated(by_name[name])

        described = wheel.describe(self.filename, by_name, read, self.issues)
        if described is None:
            raise _bad(self.filename, self.issues, [])
        recorded = wheel.recorded(described.dist_info, by_name, read, self.passed)
        self._stop_if_bad()
        rows = sorted(self._write_all(members, recorded))
        self._stop_if_bad()
        placed = (described.dist_info, described.data)
        plan = foldable.plan(by_name, placed, frozenset(self.shared), self.search_paths)
        return Unpacked(described, rows, plan, tuple(self.passed), (*archive.folding(by_name), *self._doubted()))

    def _doubted(self) -> "Iterator[str]":
        """Yield one line for each way in which RECORD proves nothing of some files: PEP 427 asks for a strong hash."""
        for doubt, names in self.doubts.items():
            others = f" and of {len(names) - 1} more" if len(names) > 1 else ""
            yield f"RECORD has {doubt} of `{archive.shown(min(names))}`{others}; cw hashes them itself from now on"

    def _stop_if_bad(self) -> None:
        if self.issues or (self.passed and self.verify_record):
            raise _bad(self.filename, self.issues, self.passed)

    def _write_all(self, members: "list[Member]", recorded: wheel.Recorded) -> "list[Row]":
        """Make every directory, then write the files of each, and close it: 0555, and the time that tells that nothing came later."""
        below: dict[str, list[Member]] = {"": []}
        for member in members:
            below.setdefault(member.name.rpartition("/")[0], []).append(member)
        rows: list[Row] = []
        directories = {self.tree: below.pop("")}
        for directory in sorted(archive.directories(f"{one}/" for one in below)):
            directories[f"{self.tree}/{directory}"] = below.get(directory, [])
        for directory in directories:
            trees.make_directory(directory)
        for directory, files in directories.items():
            with fs_files.fill(directory, layout.TREE_MODE, layout.TREE_TIME * 10**9) as filling:
                rows += [self._write(filling, member, recorded) for member in files]
        return rows

    def _write(self, filling: fs_files.Filling, member: "Member", recorded: wheel.Recorded) -> "Row":
        name, size, mtime = member.name, member.size, member.mtime
        mode = layout.EXECUTABLE_MODE if member.executable else layout.FILE_MODE
        if size > PIECE:
            raw = self._write_large(member, f"{self.tree}/{name}", mode)
        else:
            data = self._inflated(member)
            raw = hashlib.sha256(data).digest()
            filling.write(name[name.rfind("/") + 1 :], data, mode, mtime * 1_000_000_000)
            self._look_inside(member, data)
        if not recorded.has(name, size, raw):
            fault = recorded.fault(name, size, raw, lambda algorithm: self._digest(name, algorithm))
            if fault:
                self.passed.append(fault)
            elif doubt := recorded.doubt(name):
                self.doubts.setdefault(doubt, []).append(name)
        return name, size, raw.hex(), member.executable, mtime

    def _digest(self, name: str, algorithm: str) -> bytes:
        """Return another hash of a file that has been written."""
        with open(f"{self.tree}/{name}", "rb") as file:
            return hashlib.file_digest(file, algorithm).digest()

    def _write_large(self, member: "Member", path: str, mode: int) -> bytes:
        digest = hashlib.sha256()
        with fs_files.create_new(path, mode) as file:
            for piece in self._pieces(member):
                digest.update(piece)
                file.write(piece)
            file.set_times(member.mtime * 1_000_000_000)
            file.keep()
        with open(path, "rb") as written:
            found = os.pread(written.fileno(), 4, 0)
            if found == shared_objects.MAGIC:
                self._note_paths(member.name, lambda at, size: os.pread(written.fileno(), size, at))
        return digest.digest()

    def _look_inside(self, member: "Member", data: bytes) -> None:
        """Note what decides whether the directory may be folded."""
        if data[:4] == shared_objects.MAGIC:
            self._note_paths(member.name, lambda at, size: data[at : at + size])
        elif len(data) < _LONGEST_NAMESPACE and member.name.endswith("/__init__.py"):
            shared = any(word in data for word in _NAMESPACES)
            self.shared.update({member.name.rpartition("/")[0]} if shared else ())

    def _note_paths(self, name: str, read: "Callable[[int, int], bytes]") -> None:
        found = shared_objects.search_paths(read)
        if found:
            self.search_paths[name] = found

    def _inflated(self, member: "Member") -> bytes:
        """Return the content of a member; if it is not what was declared, an issue, and bytes that nobody will use."""
        packed = self._packed(member.start, member.start + member.packed_size)
        if member.method == archive.STORED:
            data = packed
        else:
            inflate = inflating.decompressobj(_RAW_DEFLATE)
            try:
                # one byte more than declared is all that a bomb gets
                data = inflate.decompress(packed, member.size + 1)
            except Exception as error:  # noqa: BLE001 - isal and zlib have an error class each
                return self._issue(member, f"cannot be inflated: {error}")
            if len(data) != member.size or not inflate.eof or inflate.unused_data:
                return self._issue(member, f"does not inflate to the {member.size} bytes it declares")
        if inflating.crc32(data) != member.crc:
            return self._issue(member, "does not have the checksum it declares")
        return bytes(data)

    def _packed(self, start: int, end: int) -> bytes:
        """Return a stretch of the wheel; the members were found to lie inside of it."""
        data = os.pread(self.fd, end - start, start)
        while len(data) < end - start:
            more = os.pread(self.fd, end - start - len(data), start + len(data))
            if not more:
                raise OSError(errno.EIO, "the file became shorter while it was read")
            data += more
        return data

    def _pieces(self, member: "Member") -> "Iterator[bytes]":
        """Yield the content of a large member in pieces; what is wrong is an issue at the end."""
        total = checksum = 0
        for piece in self._inflated_pieces(member):
            total += len(piece)
            checksum = inflating.crc32(piece, checksum)
            if total > member.size:
                break
            yield piece
        if total != member.size:
            self._issue(member, f"does not inflate to the {member.size} bytes it declares")
        elif checksum != member.crc:
            self._issue(member, "does not have the checksum it declares")

    def _inflated_pieces(self, member: "Member") -> "Iterator[bytes]":
        end = member.start + member.packed_size
        inflate = None if member.method == archive.STORED else inflating.decompressobj(_RAW_DEFLATE)
        for at in range(member.start, end, PIECE // 4):
            packed = self._packed(at, min(end, at + PIECE // 4))
            if inflate is None:
                yield packed
                continue
            piece = b""
            # a full piece may have more behind it, even when all that came in is used up
            while packed or len(piece) == PIECE:
                try:
                    piece = inflate.decompress(packed, PIECE)
                except Exception as error:  # noqa: BLE001 - isal and zlib have an error class each
                    self._issue(member, f"cannot be inflated: {error}")
                    return
                yield piece
                packed = inflate.unconsumed_tail
        if inflate is not None and (not inflate.eof or inflate.unused_data):
            self._issue(member, "ends too early, or too late")

    def _issue(self, member: "Member", fault: str) -> bytes:
        self.issues.append(f"`{archive.shown(member.name)}` {fault}")
        return b""
