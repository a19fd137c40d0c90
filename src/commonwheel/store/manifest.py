"""`files.txt`: every file of an entry's tree, with what it takes to recognise it.

One line each, sorted by path: path (relative to the tree, with `/`), size, time of last change (seconds since the epoch),
`x` if executable else `-`, and sha256 in hexadecimal.

Laws of this file: pure; rows are bare tuples, since a large environment has 30,000 of them and a class would double the
40 ms that they cost; whoever needs only those outside the folded directories finds them in the header.
"""

from commonwheel.store.sealed_records import escape, seal, unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    #: path, size, sha256, executable, mtime
    Row = tuple[str, int, str, bool, int]

KIND = "files"


def line(row: "Row") -> str:
    """Return the line of one file."""
    path, size, sha256, executable, mtime = row
    return f"{escape(path)}\t{size}\t{mtime}\t{'x' if executable else '-'}\t{sha256}"


def rows(lines: "Iterable[str]") -> "list[Row] | None":
    """Return the files that lines tell of, or None if one of them is none."""
    try:
        return [
            (unescape(path) if "\\" in path else path, int(size), sha256, flag == "x", int(mtime))
            for path, size, mtime, flag, sha256 in [text.split("\t") for text in lines]
        ]
    except ValueError:
        return None


def encode(files: "Iterable[Row]") -> bytes:
    """Return the text of `files.txt`."""
    return seal(KIND, map(line, sorted(files)))


def decode(data: bytes) -> "list[Row] | None":
    """Return the files of a tree, sorted by path, or None if this is not a whole list of files."""
    lines = unseal(KIND, data)
    return None if lines is None else rows(lines)
