"""Read the directory of a zip archive, and believe none of it.

`zipfile` is made to read what it can. Here the question is what an archive says to every reader at once: the
central directory and the local headers have to agree, members must not overlap or hide between others, names have to be
plain relative paths, and nothing is unpacked that could be a link, a device or a bomb. Every fault is collected, so that
whoever made the wheel sees all of them.

Laws of this file: pure (a buffer in, values out); the real sizes and checksums are for whoever inflates (`inflated`).
"""

import stat
import struct
from calendar import timegm

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from mmap import mmap
    from typing import Final

    #: Flags, method, checksum, packed size, size.
    _Said = tuple[int, int, int, int, int]
    #: Where a central header lies, the name as text and as it is, the fields, the extra fields.
    _Header = tuple[int, str, bytes, tuple[int, ...], bytes]

STORED, DEFLATED = 0, 8
_METHODS = {
    1: "shrink",
    6: "implode",
    9: "deflate64",
    12: "bzip2",
    14: "lzma",
    93: "zstd",
    95: "xz",
    98: "ppmd",
    99: "aes",
}

_END = struct.Struct("<IHHHHIIH")
_END_64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR = struct.Struct("<IIQI")
_CENTRAL = struct.Struct("<IBBHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_END_MAGIC, _END_64_MAGIC, _LOCATOR_MAGIC = 0x06054B50, 0x06064B50, 0x07064B50
_CENTRAL_MAGIC, _LOCAL_MAGIC = 0x02014B50, 0x04034B50
_END_BYTES, _LOCAL_BYTES = _END_MAGIC.to_bytes(4, "little"), _LOCAL_MAGIC.to_bytes(4, "little")
_LONGEST_COMMENT = 0xFFFF
_ENCRYPTED, _DESCRIPTOR, _PATCHED, _UTF8 = 0x1, 0x8, 0x20, 0x800
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
_SMALL, _LARGE = 0xFFFF, 0xFFFFFFFF
_LONGEST_DESCRIPTOR = 24
_LONGEST_NAME = 255
_DOS_EPOCH = timegm((1980, 1, 1, 0, 0, 0))

#: An honest wheel stays far below: the largest known have 40,000 files, and shrink to a fiftieth.
MOST_MEMBERS = 500_000
HIGHEST_RATIO = 200
# what turns the direction of writing (UAX 9): a name that holds one is shown as another
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
#: Below this the ratio does not matter.
HARMLESS = 256 << 20


class Member(Value):
    """One file of an archive.

    `start` and `packed_size` say where its packed bytes lie; `size` and `crc` what they have to become; `mtime` is the DOS
    time read as UTC, in seconds, so that every host gets the same; `executable` as its Unix mode has it for anybody.
    """

    __slots__ = ("crc", "executable", "method", "mtime", "name", "packed_size", "size", "start")

    def __init__(
        self, name: str, method: int, crc: int, packed_size: int, size: int, start: int, mtime: int, executable: bool
    ) -> None:
        self.name: Final = name
        self.method: Final = method
        self.crc: Final = crc
        self.packed_size: Final = packed_size
        self.size: Final = size
        self.start: Final = start
        self.mtime: Final = mtime
        self.executable: Final = executable


class _Broken(Exception):
    pass


def members(
    archive: "bytes | mmap", issues: list[str], piece: "Callable[[int, int], bytes] | None" = None
) -> list[Member]:
    """Return the files of an archive in its order, directories left out; add everything that is wrong to `issues`.

    `piece` returns the bytes from one place up to another: local headers lie scattered, and all of a map that they touch would count
    as memory of ours.
    With issues the result may be incomplete, and must not be unpacked.
    """
    try:
        with memoryview(archive) as view:
            return _Reader(view, issues, piece or (lambda start, end: bytes(view[start:end]))).read()
    except _Broken as broken:
        issues.append(str(broken))
    except struct.error:
        issues.append("it ends in the middle of a header")
    return []


class _Reader:
    def __init__(self, view: memoryview, issues: list[str], piece: "Callable[[int, int], bytes]") -> None:
        self.view = view
        self.piece = piece
        self.issues = issues
        self.spans: list[tuple[int, int, bytes]] = []
        self.times: dict[tuple[int, int], int] = {}

    def read(self) -> list[Member]:
        start, size, count = _directory(self.view)
        if count > MOST_MEMBERS:
            raise _Broken(f"it has {count} members, and more than {MOST_MEMBERS} are not believed")
        headers: list[_Header] = []
        at = start
        for _ in range(count):
            at = self._header(at, headers)
        if at != start + size:
            raise _Broken("its central directory is longer than its members")
        plain = are_plain([header[1] for header in headers])
        found = [member for header in headers if (member := self._member(header, start, plain=plain))]
        self._check_spans(start)
        self._check_names(found)
        self._check_sizes(found)
        return found

    def _header(self, at: int, headers: "list[_Header]") -> int:
        """Read the central header at `at` into `headers`, and return where the next one begins."""
        fields = _CENTRAL.unpack_from(self.view, at)
        if fields[0] != _CENTRAL_MAGIC:
            raise _Broken("its central directory is damaged")
        name_at = at + _CENTRAL.size
        extra_at = name_at + fields[11]
        raw = bytes(self.view[name_at:extra_at])
        comment_at: int = extra_at + fields[12]
        headers.append((at, self._name(raw, fields[4]), raw, fields, bytes(self.view[extra_at:comment_at])))
        following: int = comment_at + fields[13]
        return following

    def _member(self, header: "_Header", limit: int, *, plain: bool) -> Member | None:
        """Return the file that a central header tells of; None for a directory, and for what must not be there."""
        at, name, raw, fields, extra = header
        _, _, _, _, flags, method, time, date, crc, packed_size, size, _, _, _, disk, _, attributes, offset = fields
        if extra:
            size, packed_size, offset = self._extra(name, extra, size, packed_size, offset)
        fault = _fault(name, flags, method, size, packed_size, disk, attributes >> 16, plain=plain)
        if fault:
            self.issues.append(f"`{shown(name)}` {fault}")
            return None
        start = self._local(at, raw, (flags, method, crc, packed_size, size), offset, limit)
        if raw[-1:] == b"/":
            return None
        mtime = self.times.get((date, time))
        if mtime is None:
            mtime = self.times[date, time] = _seconds(date, time)
        return Member(name, method, crc, packed_size, size, start, mtime, bool(attributes >> 16 & 0o111))

    def _name(self, raw: bytes, flags: int) -> str:
        if raw.isascii():
            return raw.decode()
        try:
            # without the flag it should be cp437; what makes wheels writes UTF-8 all the same
            return raw.decode()
        except UnicodeDecodeError:
            if flags & _UTF8:
                self.issues.append(f"`{raw!r}` is not UTF-8, as it says of itself")
            return raw.decode("cp437")

    def _extra(self, name: str, extra: bytes, size: int, packed_size: int, offset: int) -> tuple[int, int, int]:
        """Apply the extra fields that matter: sizes of zip64."""
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<HH", extra, at)
            field = extra[at + 4 : at + 4 + length]
            at += 4 + length
            if kind == _UNICODE_PATH:
                self.issues.append(f"`{shown(name)}` has a second name for other readers")
            if kind == _ZIP64:
                wide = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
                size = next(wide, size) if size == _LARGE else size
                packed_size = next(wide, packed_size) if packed_size == _LARGE else packed_size
                offset = next(wide, offset) if offset == _LARGE else offset
        return size, packed_size, offset

    def _local(self, at: int, raw: bytes, said: "_Said", offset: int, limit: int) -> int:
        """Compare the local header at `offset` with the central one at `at`, and return where the packed bytes begin."""
        name_at = offset + _LOCAL.size
        if name_at > limit:
            raise _Broken(f"`{raw.decode(errors='replace')}` lies outside of the archive")
        name_end = name_at + len(raw)
        local = self.piece(offset, min(name_end, limit))
        start: int = name_end + int.from_bytes(local[_LOCAL.size - 2 : _LOCAL.size], "little")
        # from the flags to the length of the name both have the same fields, and nearly always with the same values
        if (
            local[_LOCAL.size :] != raw
            or local[6:28] != self.view[at + 8 : at + 30]
            or not local.startswith(_LOCAL_BYTES)
        ):
            start = self._differing(raw, said, offset)
        end = start + said[3]
        if end > limit:
            raise _Broken(f"`{shown(raw.decode(errors='replace'))}` is longer than the archive")
        self.spans.append((offset, end, raw))
        return start

    def _differing(self, raw: bytes, said: "_Said", offset: int) -> int:
        """Return where the packed bytes of a member begin; raise if its local header contradicts the directory."""
        flags, method, crc, packed_size, size = said
        magic, _, l_flags, l_method, _, _, l_crc, l_packed, l_size, name_length, extra_length = _LOCAL.unpack_from(
            self.view, offset
        )
        start: int = offset + _LOCAL.size + name_length + extra_length
        differs = (
            magic != _LOCAL_MAGIC
            or self.view[offset + _LOCAL.size : offset + _LOCAL.size + name_length] != raw
            or l_method != method
            or (l_flags ^ flags) & (_ENCRYPTED | _DESCRIPTOR)
        )
        if not differs and not (flags & _DESCRIPTOR and not (l_crc or l_packed or l_size)):
            wide = {l_packed, l_size} & {_LARGE} and extra_length
            sizes = (packed_size, size) if wide else (l_packed, l_size)
            # a streaming writer fills in what it knew: zeros, or the truth
            differs = (l_crc, *sizes) != (crc, packed_size, size) and not (
                flags & _DESCRIPTOR and l_crc in {0, crc} and sizes[0] in {0, packed_size} and sizes[1] in {0, size}
            )
        if differs:
            self.issues.append(f"`{shown(raw.decode(errors='replace'))}` is described in two ways that disagree")
        return start

    def _check_spans(self, limit: int) -> None:
        """Check that members neither overlap (how small bombs become large) nor leave room for hidden ones."""
        before = 0
        for offset, end, name in sorted(self.spans):
            if offset < before:
                self.issues.append(f"`{shown(name.decode(errors='replace'))}` overlaps another member")
            elif offset - before > _LONGEST_DESCRIPTOR or before == 0 < offset:
                self._check_gap(before, offset)
            before = max(before, end)
        self._check_gap(before, limit)

    def _check_gap(self, start: int, end: int) -> None:
        # padding is common (alignment, signatures of executables); a whole member in it is not
        if bytes(self.view[start : min(end, start + 4)]) == b"PK\x03\x04":
            self.issues.append("it holds a member that its central directory does not list")

    def _check_names(self, found: list[Member]) -> None:
        names: set[str] = set()
        for member in found:
            if member.name in names:
                self.issues.append(f"`{shown(member.name)}` is there twice")
            names.add(member.name)
        both = sorted(names & directories(names))
        self.issues += [f"`{shown(name)}` is both a file and a directory" for name in both]

    def _check_sizes(self, found: list[Member]) -> None:
        total = sum([member.size for member in found])
        if total > HARMLESS and total > HIGHEST_RATIO * len(self.view):
            self.issues.append(f"it says to become {total} bytes, {total // len(self.view)} times its size")


def directories(paths: "Iterable[str]") -> set[str]:
    """Return every directory above these relative paths."""
    found: set[str] = set()
    for path in paths:
        end = path.rfind("/")
        # what is above a directory that was met before was met, too
        while end > 0 and path[:end] not in found:
            found.add(path[:end])
            end = path.rfind("/", 0, end)
    return found


def folding(names: "Iterable[str]") -> "Iterator[str]":
    """Yield what is to be said of names that are one where capitals do not count (macOS, Windows)."""
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(name.casefold(), name)
        if other != name:
            yield f"`{shown(name)}` and `{shown(other)}` are one file where capitals do not count"


def _end_record(view: memoryview) -> tuple[bytes, int]:
    """Return an archive from its end record on, and where that begins."""
    # hardly ever is there a comment, and without one nothing has to be searched
    for longest in (0, _LONGEST_COMMENT):
        start = max(0, len(view) - _END.size - longest)
        tail = bytes(view[start:])
        at = tail.rfind(_END_BYTES)
        if at >= 0:
            return tail[at:], start + at
    raise _Broken("it is not a zip archive, or its end is missing")


def _directory(view: memoryview) -> tuple[int, int, int]:
    """Return where the central directory begins, its size, and its number of members."""
    record, end = _end_record(view)
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(record)
    if _END.size + comment != len(record):
        raise _Broken("its end is not where it says: bytes follow, or are missing")
    if _SMALL in {here, count} or _LARGE in {size, start}:
        locator_at = end - _LOCATOR.size
        if locator_at < 0:
            raise _Broken("its zip64 directory is missing")
        magic, _, end, _ = _LOCATOR.unpack_from(view, locator_at)
        if magic != _LOCATOR_MAGIC or end > locator_at:
            raise _Broken("its zip64 directory is missing")
        magic, _, _, _, disk, first_disk, here, count, size, start = _END_64.unpack_from(view, end)
        if magic != _END_64_MAGIC:
            raise _Broken("its zip64 directory is damaged")
    if disk or first_disk or here != count:
        raise _Broken("it is one part of several")
    if start + size != end:
        raise _Broken("its central directory is not where it says")
    return start, size, count


def _fault(
    name: str, flags: int, method: int, size: int, packed_size: int, disk: int, mode: int, *, plain: bool
) -> str:
    """Return what is wrong with one central header, or ""; a name that is `plain` is known to be good."""
    fault = "" if plain else name_fault(name.removesuffix("/"))
    if fault:
        return fault
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        return "is a symbolic link"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is neither a file nor a directory"
    if name.endswith("/"):
        return "is a directory with content" if size else ""
    if kind == stat.S_IFDIR:
        return "says to be a directory, and is named as a file"
    if flags & _ENCRYPTED:
        return "is encrypted"
    if flags & _PATCHED or disk:
        return "is incomplete: a patch, or one part of several"
    if method not in {STORED, DEFLATED}:
        return f"is compressed by {_METHODS.get(method, f'method {method}')}, and wheels are stored or deflated"
    if method == STORED and size != packed_size:
        return "is stored, with two sizes that differ"
    return ""


def are_plain(names: "Iterable[str]") -> bool:
    """Return whether `name_fault` has nothing to say of any of many names; False where it has to be asked."""
    # each question is put to all of them at once, which takes a tenth of the time
    joined = f"/{'/'.join([name.removesuffix('/') for name in names])}/"
    return (
        joined.isprintable()
        and not any(odd in joined for odd in ("\\", ":", "//", "/./", "/../"))
        and max(map(len, joined.split("/"))) <= _LONGEST_NAME // 4
    )


def name_fault(name: str) -> str:
    """Return why a member must not have this name (without the `/` at the end of a directory's), or ""."""
    if not name:
        return "has no name"
    if not name.isprintable() and (fault := _letter_fault(name)):
        return fault
    if "\\" in name:
        return "has a backslash in its name"
    if name[0] == "/":
        return "is an absolute path"
    if name[1:2] == ":":
        return "begins with a drive letter"
    for part in name.split("/"):
        if part == "..":
            return "would leave the directory it is unpacked to"
        if part in {"", "."}:
            return "is not a plain path"
        if len(part) > _LONGEST_NAME // 4 and len(part.encode()) > _LONGEST_NAME:
            return f"has a part of more than {_LONGEST_NAME} bytes"
    return ""


def _letter_fault(name: str) -> str:
    if any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in name):
        return "has control characters in its name"
    if any(letter in _BIDI for letter in name):
        return "has characters in its name that turn the direction of writing"
    return ""


def shown(name: str) -> str:
    """Return a name as it may be printed."""
    return name if name.isprintable() and "`" not in name else ascii(name)[1:-1]


def _seconds(date: int, time: int) -> int:
    year, month, day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    hour, minute, second = time >> 11, time >> 5 & 63, (time & 31) * 2
    try:
        return max(timegm((year, month, day, hour, minute, second)), _DOS_EPOCH)
    except ValueError:
        # months 0 and 13, which some writers leave
        return _DOS_EPOCH
