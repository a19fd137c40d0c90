"""Where a shared object tells the loader to look: the RPATH and RUNPATH of an ELF file.

Needed for one decision only: a package whose libraries are found by `$ORIGIN/..` must not be linked by its directory when
that leads out of the wheel, because the loader takes `..` after it has followed the link.

Laws of this file: pure (bytes in, texts out); 32 and 64 bits, both byte orders; what cannot be read has no paths, since a
loader would not load it either.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: Return `size` bytes of the file from `offset` on, or fewer at its end.
    Read = Callable[[int, int], bytes]

MAGIC = b"\x7fELF"
_LOAD, _DYNAMIC = 1, 2
_STRINGS, _RPATH, _RUNPATH = 5, 15, 29
_MOST_HEADERS, _LONGEST_SECTION, _LONGEST_PATH = 128, 1 << 20, 1 << 14


class _Shape:
    """How one kind of ELF file lays out its headers."""

    __slots__ = ("dynamic", "header", "program")

    def __init__(self, order: str, *, wide: bool) -> None:
        # program header offset; size and number of program headers
        self.header = struct.Struct(f"{order}32xQ14xHH" if wide else f"{order}28xI10xHH")
        # type, offset, virtual address, size in the file
        self.program = struct.Struct(f"{order}I4xQQ8xQ16x" if wide else f"{order}III4xI12x")
        self.dynamic = struct.Struct(f"{order}qQ" if wide else f"{order}iI")


def search_paths(read: "Read") -> tuple[str, ...]:
    """Return the directories that an ELF file names in RPATH and RUNPATH, as written; none for any other file."""
    try:
        return _search_paths(read)
    except (struct.error, UnicodeDecodeError):
        return ()


def _search_paths(read: "Read") -> tuple[str, ...]:
    start = read(0, 64)
    if start[:4] != MAGIC or len(start) < 52:  # noqa: PLR2004 - the smaller of the two headers
        return ()
    shape = _Shape("<" if start[5] == 1 else ">", wide=start[4] == 2)  # noqa: PLR2004 - ELFCLASS64
    at, size, count = shape.header.unpack_from(start)
    table = read(at, size * min(count, _MOST_HEADERS))
    programs = [shape.program.unpack_from(table, offset) for offset in range(0, len(table) - size + 1, size or 1)]
    tags: dict[int, list[int]] = {}
    for kind, offset, _, length in programs:
        if kind == _DYNAMIC:
            section = read(offset, min(length, _LONGEST_SECTION))
            whole = len(section) // shape.dynamic.size * shape.dynamic.size
            for tag, value in shape.dynamic.iter_unpack(section[:whole]):
                if not tag:
                    break
                tags.setdefault(tag, []).append(value)
    if _STRINGS not in tags:
        return ()
    strings = _offset_of(tags[_STRINGS][0], programs)
    found: list[str] = []
    for value in tags.get(_RPATH, []) + tags.get(_RUNPATH, []):
        text = read(strings + value, _LONGEST_PATH).partition(b"\0")[0].decode()
        found += [path for path in text.split(":") if path]
    return tuple(found)


def _offset_of(address: int, programs: "list[tuple[int, ...]]") -> int:
    """Return where in the file the byte lies that is loaded at `address`."""
    for kind, offset, start, length in programs:
        if kind == _LOAD and start <= address < start + length:
            return offset + address - start
    return address
