"""The files that an installer itself writes into a `.dist-info` directory, and RECORD above all.

Laws of this file: values in, bytes out. A RECORD is made from the wheel's own lines, which were held against the files
when the wheel was unpacked: 30,000 lines are copied in 10 ms, where computing them anew takes 60.
"""

from commonwheel.model import Digest, PathSource
from commonwheel.specs import direct_url, record
from commonwheel.specs.sha256 import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from commonwheel.model import Entry, Pin

    # path, size, sha256 in hexadecimal, executable
    Row = tuple[str, int, str, bool]

INSTALLER = b"cw\n"
# Written by whoever installs, and by nobody else: what a wheel brings under these names is not taken over.
OURS = ("INSTALLER", "REQUESTED", "RECORD", "RECORD.jws", "RECORD.p7s", "direct_url.json")
_EMPTY = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0"


def texts(pin: "Pin", entry: "Entry") -> "dict[str, bytes]":
    """Return the files, without RECORD, that belong into the dist-info of a pin: name -> content."""
    found = {"INSTALLER": INSTALLER}
    if pin.requested:
        found["REQUESTED"] = b""
    if pin.source is not None:
        found[direct_url.FILE_NAME] = _direct_url(pin, entry).encode()
    return found


def _direct_url(pin: "Pin", entry: "Entry") -> str:
    """Return the `direct_url.json` of a pin with a direct source; that of a wheel tells its sha256."""
    source = pin.source
    assert source is not None
    place = source.path if isinstance(source, PathSource) else source.url.bare.partition("#")[0]
    # of an sdist the store has only what was built from it; its own hash is known when it was demanded
    hashes = (*pin.digests, Digest("sha256", entry.digest)) if place.endswith(".whl") else pin.digests
    return direct_url.write(source, hashes)


def wheel_lines(
    data: bytes, entry: "Entry", brought: "Sequence[str]", files: "Callable[[Entry], Sequence[Row]]"
) -> "list[str]":
    """Return RECORD lines for the files of an entry as they lie in its tree, without those that the installer writes.

    `data` is the wheel's own RECORD, `brought` the paths of OURS that the entry has itself (RECORD, and rarely more). Where
    that RECORD is not plain enough to be copied (quotes, other hashes, a count that differs from the entry's), lines are
    made from the store's list of files. Bytecode that the wheel does not list was added in the store, and belongs into no RECORD.
    """
    lines = _plain_lines(data, entry, brought)
    if lines is not None:
        return lines
    ours = frozenset(brought)
    return [
        line(row[0], row[2], row[1])
        for row in files(entry)
        if row[0] not in ours and (not row[0].endswith(".pyc") or row[0].encode("utf-8", "surrogateescape") in data)
    ]


def _plain_lines(data: bytes, entry: "Entry", brought: "Sequence[str]") -> "list[str] | None":
    """Return the lines of a RECORD as they are, or None; texts are searched as a whole, since there may be 15,000 lines."""
    # csv's own line ends, which every fifth wheel of a scientific stack has, the large ones above all
    data = data.replace(b"\r\n", b"\n")
    if b'"' in data or b"\\" in data or b"\r" in data:
        return None
    text = str(data, "utf-8", "surrogateescape")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if len(lines) != entry.files:
        return None
    hashed = text.count(",sha256=")
    for path in brought:
        # from the end, where generators put it
        at = text.rfind(f"\n{path},") + 1
        one = text[at:].partition("\n")[0]
        if not one.startswith(f"{path},"):
            return None
        lines.remove(one)
        hashed -= ",sha256=" in one
    return lines if brought and hashed == len(lines) else None


def line(path: str, digest: str, size: int) -> str:
    """Return the line of one file, from its sha256 in hexadecimal."""
    return f"{_quoted(path)},{record.hash_field(digest)},{size}"


def line_of(path: str, data: bytes) -> str:
    """Return the line of one file, from its content."""
    if not data:
        return f"{_quoted(path)},{_EMPTY}"
    return line(path, sha256_of(data), len(data))


def _quoted(path: str) -> str:
    if '"' in path or "," in path or "\n" in path:
        return '"' + path.replace('"', '""') + '"'
    return path


def compose(lines: "Iterable[str]", links: "Iterable[str]", dist_info: str) -> bytes:
    """Return the RECORD: links of folded directories first, then all lines sorted, RECORD's own among them.

    Links first, since whoever uninstalls by this list (pip, uv) then removes the link and finds nothing below it; the
    other way round it would delete the store's files through the link.
    """
    body = sorted([*lines, f"{_quoted(f'{dist_info}/RECORD')},,"])
    head = sorted([f"{_quoted(path)},," for path in links])
    text = "\n".join([*head, *body, ""])
    return text.encode("utf-8", "surrogateescape")


def recomposed(data: bytes, unfolded: "Mapping[str, Sequence[str]]") -> bytes:
    """Return a RECORD in which some links of folded directories (paths as listed) became links further down."""
    lines = data.split(b"\n")
    head = 0
    links: list[str] = []
    while head < len(lines) and lines[head].endswith(b",,") and not lines[head].endswith(b".dist-info/RECORD,,"):
        path = str(lines[head][:-2], "utf-8", "surrogateescape")
        links += _opened(path, unfolded)
        head += 1
    first = "".join([f"{path},,\n" for path in sorted(links)]).encode("utf-8", "surrogateescape")
    return first + b"\n".join(lines[head:])


def _opened(path: str, unfolded: "Mapping[str, Sequence[str]]") -> "list[str]":
    """Return the links that took the place of one, which may have been opened as well."""
    if path not in unfolded:
        return [path]
    return [inner for below in unfolded[path] for inner in _opened(below, unfolded)]
