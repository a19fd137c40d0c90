"""Wheels from a dict: good ones by default, and one knob for every way in which a wheel can be wrong.

`make_wheel(directory, "demo", "1.0", {"demo/__init__.py": "x = 1\n"})` writes a correct wheel and returns its path.
The archive is written by hand (`Zip`), not by `zipfile`, because `zipfile` refuses to write most of what a bad wheel
holds: two members of one name, a local header that differs from the central one, a size that lies.
"""

from __future__ import annotations

import base64
import bz2
import hashlib
import lzma
import os
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Content = str | bytes

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
UTF8_FLAG, ENCRYPTED_FLAG = 0x800, 0x1
#: 2020-02-02 02:02:02, as a DOS date and time.
DOS_TIME = ((2 << 11) | (2 << 5) | 1, ((2020 - 1980) << 9) | (2 << 5) | 2)
REGULAR, SYMLINK, DIRECTORY = 0o100000, 0o120000, 0o040000


def as_bytes(content: Content) -> bytes:
    """Return text as UTF-8, bytes as they are."""
    return content.encode() if isinstance(content, str) else content


@dataclass(frozen=True)
class Member:
    """One member of an archive, as its central header tells it; `local_*` lies in the local header only.

    `mode` is the whole Unix mode with the file type; 0 means that no Unix attributes are given. `size`, `packed_size` and
    `crc` are what the headers declare when they shall differ from the truth. `raw` replaces the compressed bytes.
    """

    name: str | bytes
    data: bytes = b""
    method: int = DEFLATED
    mode: int = REGULAR | 0o644
    flags: int = 0
    system: int = 3
    time: tuple[int, int] = DOS_TIME
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    raw: bytes | None = None
    local_name: str | bytes | None = None
    local_method: int | None = None
    local_crc: int | None = None
    local_sizes: tuple[int, int] | None = None
    zip64: bool = False
    extra: bytes = b""
    central_only: bool = False

    @property
    def name_bytes(self) -> bytes:
        """Return the name as it stands in the central directory."""
        return as_bytes(self.name)

    def packed(self) -> bytes:
        """Return the member's bytes as its method packs them."""
        if self.raw is not None:
            return self.raw
        if self.method == DEFLATED:
            deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
            return deflate.compress(self.data) + deflate.flush()
        if self.method == BZIP2:
            return bz2.compress(self.data)
        if self.method == LZMA:
            filters: list[dict[str, int]] = [{"id": lzma.FILTER_LZMA1}]
            body = lzma.compress(self.data, lzma.FORMAT_RAW, filters=filters)
            return struct.pack("<BBH", 9, 4, 5) + struct.pack("<BI", 93, 1 << 23) + body
        return self.data


@dataclass
class Zip:
    """Write an archive by hand: members, then the central directory, then its end; `entries` lies about their number."""

    members: list[Member] = field(default_factory=list)
    comment: bytes = b""
    prefix: bytes = b""
    entries: int | None = None

    def encode(self) -> bytes:
        """Return the archive."""
        out = bytearray(self.prefix)
        central = bytearray()
        for member in self.members:
            offset = len(out) - len(self.prefix)
            packed = member.packed()
            crc = zlib.crc32(member.data) if member.crc is None else member.crc
            size = len(member.data) if member.size is None else member.size
            packed_size = len(packed) if member.packed_size is None else member.packed_size
            name = member.name_bytes
            flags = member.flags | (0 if name.isascii() else UTF8_FLAG)
            extra, sizes = member.extra, (packed_size, size)
            if member.zip64:
                extra += struct.pack("<HHQQ", 1, 16, size, packed_size)
                sizes = (0xFFFFFFFF, 0xFFFFFFFF)
            if not member.central_only:
                local_name = name if member.local_name is None else as_bytes(member.local_name)
                local_sizes = sizes if member.local_sizes is None else member.local_sizes
                local_crc = crc if member.local_crc is None else member.local_crc
                local_method = member.method if member.local_method is None else member.local_method
                out += struct.pack(
                    "<4sHHHHHIIIHH", b"PK\x03\x04", 20, flags, local_method, *member.time,
                    local_crc & 0xFFFFFFFF, *local_sizes, len(local_name), len(extra),
                )  # fmt: skip
                out += local_name + extra + packed
            central += struct.pack(
                "<4sBBHHHHHIIIHHHHHII", b"PK\x01\x02", 20, member.system, 20, flags, member.method, *member.time,
                crc & 0xFFFFFFFF, *sizes, len(name), len(extra), 0, 0, 0, (member.mode << 16) & 0xFFFFFFFF, offset,
            )  # fmt: skip
            central += name + extra
        count = len(self.members) if self.entries is None else self.entries
        start = len(out) - len(self.prefix)
        end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(central), start, len(self.comment))
        return bytes(out + central + end + self.comment)


def urlsafe(digest: bytes) -> str:
    """Return a digest as RECORD writes it: urlsafe base64 without padding."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def record_row(path: str, data: bytes, algorithm: str = "sha256") -> str:
    """Return the RECORD line of one file."""
    quoted = '"' + path.replace('"', '""') + '"' if "," in path or '"' in path else path
    return f"{quoted},{algorithm}={urlsafe(hashlib.new(algorithm, data).digest())},{len(data)}"


def elf(*, needed: Sequence[str] = (), runpath: str = "", rpath: str = "", bits: int = 64, order: str = "<") -> bytes:
    """Return a small ELF shared object with a dynamic section: what a loader would read, and nothing that could run."""
    strings, offsets = bytearray(b"\0"), {}
    for text in (*needed, runpath, rpath):
        offsets[text] = len(strings)
        strings += text.encode() + b"\0"
    tags = [(1, offsets[text]) for text in needed]
    tags += [(29, offsets[runpath])] if runpath else []
    tags += [(15, offsets[rpath])] if rpath else []
    wide = bits == 64
    header_size, program_size, word = (64, 56, "Q") if wide else (52, 32, "I")
    dynamic_at = header_size + 2 * program_size
    base = 0x1000
    count = len(tags) + 3
    strings_at = dynamic_at + count * 2 * struct.calcsize(word)
    tags += [(5, base + strings_at), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack(f"{order}{word}{word}", *tag) for tag in tags)
    total = strings_at + len(strings)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    machine = 62 if wide else 3
    head = struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        3,
        machine,
        1,
        0,
        header_size,
        0,
        0,
        header_size,
        program_size,
        2,
        0,
        0,
        0,
    )

    def program(kind: int, offset: int, size: int) -> bytes:
        if wide:
            return struct.pack(f"{order}IIQQQQQQ", kind, 5, offset, base + offset, base + offset, size, size, 8)
        return struct.pack(f"{order}IIIIIIII", kind, offset, base + offset, base + offset, size, size, 5, 4)

    return ident + head + program(1, 0, total) + program(2, dynamic_at, len(dynamic)) + dynamic + bytes(strings)


def metadata_text(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    requires_python: str = "",
    extras: Iterable[str] = (),
    headers: Iterable[str] = (),
    description: str = "",
) -> str:
    """Return the text of a METADATA file."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *headers]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Requires-Dist: {text}" for text in requires]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    return "\n".join(lines) + "\n" + (f"\n{description}" if description else "")


def entry_points_text(groups: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text of an entry_points.txt."""
    sections = (
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in groups.items()
    )
    return "\n".join(sections)


def wheel_bytes(
    name: str = "demo",
    version: str = "1.0",
    files: Mapping[str, Content] | None = None,
    *,
    tag: str = "py3-none-any",
    build: str = "",
    requires: Iterable[str] = (),
    requires_python: str = "",
    extras: Iterable[str] = (),
    headers: Iterable[str] = (),
    description: str = "",
    entry_points: Mapping[str, Mapping[str, str]] | Content | None = None,
    data: Mapping[str, Content] | None = None,
    executable: Iterable[str] = (),
    modes: Mapping[str, int] | None = None,
    purelib: bool = True,
    # What follows is for wheels that are wrong, or at least odd.
    dist_info: str | None = None,
    metadata: Content | None = None,
    without: Iterable[str] = (),
    wheel: Content | None = None,
    record: Content | None = None,
    record_rows: Mapping[str, str] | None = None,
    record_without: Iterable[str] = (),
    record_extra: Iterable[str] = (),
    record_algorithm: str = "sha256",
    directories: Iterable[str] = (),
    method: int = DEFLATED,
    change: Mapping[str, Mapping[str, object]] | None = None,
    members: Iterable[Member] = (),
    edit: Callable[[Zip], None] | None = None,
) -> bytes:
    """Return the bytes of a wheel.

    `files` maps paths to contents; `data` maps paths below `{name}-{version}.data/` (`scripts/x`, `purelib/y`);
    `executable` names those with mode 0755, `modes` gives any other Unix mode.

    The knobs: `dist_info` renames that directory; `metadata`, `wheel`, `record`, `entry_points` replace the text of that
    file; `without` leaves members out (by the last part of their path or the whole path; RECORD still lists them, except
    for RECORD itself); `record_rows` replaces the line of a path, `record_without` drops it, `record_extra` adds lines;
    `change` replaces fields of the `Member` of a path (`{"demo/a.py": {"crc": 0}}`); `members` are appended as they are,
    without a line in RECORD; `edit` has the last word on the whole archive.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    info = dist_info or f"{stem}.dist-info"
    absent = set(without)
    contents: dict[str, bytes] = {path: as_bytes(content) for path, content in (files or {}).items()}
    for path, content in (data or {}).items():
        contents[f"{stem}.data/{path}"] = as_bytes(content)
    contents[f"{info}/METADATA"] = as_bytes(
        metadata_text(name, version, requires, requires_python, extras, headers, description)
        if metadata is None
        else metadata
    )
    contents[f"{info}/WHEEL"] = as_bytes(
        "Wheel-Version: 1.0\nGenerator: kit 1\n"
        f"Root-Is-Purelib: {str(purelib).lower()}\n"
        + "".join(f"Tag: {one}\n" for one in expand(tag))
        + (f"Build: {build}\n" if build else "")
        if wheel is None
        else wheel
    )
    if entry_points is not None:
        text = entry_points if isinstance(entry_points, str | bytes) else entry_points_text(entry_points)
        contents[f"{info}/entry_points.txt"] = as_bytes(text)
    rows = {path: record_row(path, content, record_algorithm) for path, content in contents.items()}
    rows.update(record_rows or {})
    listed = [row for path, row in rows.items() if path not in set(record_without)]
    if record is None:
        record = "".join(f"{row}\n" for row in (*listed, *record_extra, f"{info}/RECORD,,"))
    contents[f"{info}/RECORD"] = as_bytes(record)

    unix = dict(modes or {}) | dict.fromkeys(executable, 0o755)
    archive = Zip([Member(f"{path.rstrip('/')}/", mode=DIRECTORY | 0o755, method=STORED) for path in directories])
    for path, content in contents.items():
        if path in absent or path.rpartition("/")[2] in absent:
            continue
        member = Member(path, content, method, REGULAR | unix.get(path, 0o644))
        archive.members.append(replace(member, **(change or {}).get(path, {})))  # type: ignore[arg-type]
    archive.members += members
    if edit is not None:
        edit(archive)
    return archive.encode()


def expand(tag: str) -> list[str]:
    """Return the single tags of a compressed set, as WHEEL lists them."""
    pythons, abis, platforms = tag.split("-")
    return [
        f"{python}-{abi}-{platform}"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    ]


def wheel_filename(name: str = "demo", version: str = "1.0", tag: str = "py3-none-any", build: str = "") -> str:
    """Return the file name that such a wheel has."""
    middle = f"-{build}" if build else ""
    return f"{name.replace('-', '_')}-{version}{middle}-{tag}.whl"


def make_wheel(
    directory: str | os.PathLike[str],
    name: str = "demo",
    version: str = "1.0",
    files: Mapping[str, Content] | None = None,
    *,
    filename: str | None = None,
    **knobs: object,
) -> str:
    """Write a wheel into `directory` and return its path; the knobs are those of `wheel_bytes`."""
    if files is None:
        module = name.replace("-", "_").lower()
        files = {f"{module}/__init__.py": f'__version__ = "{version}"\n', f"{module}/data.txt": "data\n"}
    if filename is None:
        tag, build = str(knobs.get("tag", "py3-none-any")), str(knobs.get("build", ""))
        filename = wheel_filename(name, version, tag, build)
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, filename)
    with open(path, "wb") as file:
        file.write(wheel_bytes(name, version, files, **knobs))  # type: ignore[arg-type]
    return path


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


#: One of each kind that an archive may hold.
GOOD_MEMBERS = (
    Member("demo/", method=STORED, mode=DIRECTORY | 0o755),
    Member("demo/a.py", b"a = 1\n" * 50),
    Member("demo/tool", b"#!/bin/sh\n", mode=REGULAR | 0o755),
    Member("demo/stored.bin", b"\0\1\2", method=STORED),
    Member("demo/ü.txt", b"text", mode=0),
)
