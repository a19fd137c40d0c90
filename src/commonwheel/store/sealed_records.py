r"""The text that store files are made of: lines of fields, sealed at the end.

    commonwheel-entry<TAB>1
    <word><TAB><field><TAB><field>...
    end<TAB><crc32 of everything before this line, 8 hexadecimal digits>

UTF-8, each line ended by LF; in a field, backslash, TAB, LF and CR stand as `\\`, `\t`, `\n`, `\r`. A file that was cut,
flipped, mixed or not written by us has the wrong end, and is a miss. The seal is against accidents; against people there
is trust (trust.py) and the sha256 of what matters.

Laws of this file: pure; `str.split` and nothing slower, since a warm install reads a hundred such files before it can
start; any bytes may come in, and None comes out for what is not ours.
"""

from binascii import crc32

from commonwheel.store.layout import FORMAT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_END = len("end\t00000000\n")


def seal(kind: str, lines: "Iterable[str]") -> bytes:
    """Return the file of this kind that has these lines (without their ends, fields escaped already)."""
    body = "\n".join((f"commonwheel-{kind}\t{FORMAT}", *lines, "")).encode()
    return b"%bend\t%08x\n" % (body, crc32(body))


def unseal(kind: str, data: bytes) -> "list[str] | None":
    """Return the lines of a sealed file, or None if it is not a whole file of this kind and format."""
    body = data[:-_END]
    if data[-_END:] != b"end\t%08x\n" % crc32(body):
        return None
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError:
        return None
    if lines[0] != f"commonwheel-{kind}\t{FORMAT}" or lines.pop():
        return None
    del lines[0]
    return lines


def escape(field: str) -> str:
    """Return a field as it stands in a line."""
    if "\\" in field or "\t" in field or "\n" in field or "\r" in field:
        field = field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return field


def unescape(field: str) -> str:
    """Return what `escape` was given."""
    if "\\" not in field:
        return field
    parts = field.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def joined(*fields: str) -> str:
    """Return one line of these fields."""
    return "\t".join(map(escape, fields))
