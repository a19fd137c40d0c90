"""RECORD (PEP 376, 427, 627): what files an installed distribution has, with hash and size.

CSV, read and written without `csv` as long as no path needs quotes: one in thousands of wheels has such a path.
"""

import binascii

from commonwheel.model import Digest
from commonwheel.specs import headers
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Row = tuple[str, str, str]

COLUMNS = 3
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URLSAFE = str.maketrans("-_", "+/")


class InvalidRecord(Malformed):
    """A RECORD cannot be read."""

    code = "invalid-record"


def parse(data: bytes | str) -> "list[Row]":
    """Return the rows (path, hash field, size field) in the order of the file; raise InvalidRecord.

    Nothing is promised about what the paths look like: they are what somebody wrote. Missing trailing fields read as "".
    """
    # a path of other bytes than UTF-8 comes out as `os.fsdecode` spells it, and so still names its file
    text = data if isinstance(data, str) else str(data, "utf-8", "surrogateescape")
    if '"' in text:
        return [_row(fields, number) for number, fields in enumerate(_quoted(text), 1) if fields != [""]]
    lines = headers.lines_of(text)
    rows = [tuple(line.split(",")) for line in lines if line]
    if set(map(len, rows)) <= {COLUMNS} and all([row[0] for row in rows]):  # noqa: C419 - 245,000 rows: a third faster
        return rows  # type: ignore[return-value]  # three fields each, as was just asked
    return [_row(line.split(","), number) for number, line in enumerate(lines, 1) if line]


def _row(fields: list[str], number: int) -> "Row":
    if not fields[0] or len(fields) > COLUMNS:
        raise InvalidRecord(
            f"row {number} of RECORD is not `path,hash,size`",
            issues=(",".join(fields)[:200],),
        )
    fields += [""] * (COLUMNS - len(fields))
    return fields[0], fields[1], fields[2]


def _quoted(text: str) -> "Iterator[list[str]]":
    """Yield the rows of RFC 4180 text: quotes may hold commas, ends of line, and doubled quotes."""
    fields: list[str] = []
    at, size = 0, len(text)
    while at < size:
        value = ""
        if text[at] == '"':
            value, at = _quoted_field(text, at + 1)
        end = at
        while end < size and text[end] not in ",\r\n":
            end += 1
        fields.append(value + text[at:end])
        at = end
        if at < size and text[at] == ",":
            at += 1
            if at == size:
                fields.append("")
            continue
        yield fields
        fields = []
        at += 2 if text.startswith("\r\n", at) else 1
    if fields:
        yield fields


def _quoted_field(text: str, at: int) -> tuple[str, int]:
    value = ""
    while True:
        end = text.find('"', at)
        if end < 0:
            raise InvalidRecord("RECORD ends within quotes", issues=(text[at : at + 100],))
        value += text[at:end]
        if not text.startswith('""', end):
            return value, end + 1
        value += '"'
        at = end + 2


def write(rows: "Iterable[Row]", record: str) -> str:
    """Return the text of a RECORD: sorted by path, with the row of `record` itself (its path) empty at its place.

    Rows that name `record` already are replaced. Lines end in LF on every system, so that equal content is equal text.
    To be encoded with `surrogateescape`, which undoes what `parse` did to paths that are not UTF-8.
    """
    kept = [row for row in rows if row[0] != record]
    kept.append((record, "", ""))
    kept.sort()
    text = "".join([f"{path},{digest},{size}\n" for path, digest, size in kept])
    # one comma more or one quote anywhere is rare, and found faster in the whole than path by path
    if '"' in text or "\r" in text or text.count(",") != 2 * len(kept) or text.count("\n") != len(kept):
        text = "".join([f"{_quote(path)},{_quote(digest)},{_quote(size)}\n" for path, digest, size in kept])
    return text


def _quote(field: str) -> str:
    if '"' in field or "," in field or "\n" in field or "\r" in field:
        return '"' + field.replace('"', '""') + '"'
    return field


def sha256_field(digest: bytes) -> str:
    """Return the sha256 `digest` as RECORD has it."""
    # 32 bytes are 43 letters and a sign that fills up; to cut them off and translate is a third of what `hash_field` takes
    return "sha256=" + str(binascii.b2a_base64(digest, newline=False)[:-1].translate(_TO_URLSAFE), "ascii")


def hash_field(hexadecimal: str, algorithm: str = "sha256") -> str:
    """Return a digest as RECORD has it: `sha256=` and URL-safe base64 without padding."""
    encoded = binascii.b2a_base64(bytes.fromhex(hexadecimal), newline=False).translate(_TO_URLSAFE)
    return f"{algorithm}={str(encoded, 'ascii').rstrip('=')}"


def digest_of(field: str) -> Digest | None:
    """Return the digest in a hash field, or None for an empty field; raise InvalidRecord for anything else."""
    if not field:
        return None
    algorithm, equals, encoded = field.partition("=")
    encoded = encoded.rstrip("=")
    try:
        padded = encoded.translate(_FROM_URLSAFE) + "=" * (-len(encoded) % 4)
        raw = binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        raw = b""
    if not (equals and algorithm and raw):
        raise InvalidRecord(f"`{field}` is not a hash of RECORD")
    return Digest(algorithm.lower(), raw.hex())
