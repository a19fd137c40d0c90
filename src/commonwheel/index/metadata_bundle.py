"""The metadata of all versions of one project at one index, in one file: a resolution may ask for a thousand of them.

    cw-metadata <format> <crc32> <number of keys>
    index URL, project
    key, number of a body, key, number of a body ...
    bodies, one line each: `=` Requires-Python, extras, requirements; or `!` and why this metadata cannot be used

A key names the content that the metadata was read from (`identity`), so that a replaced file is a miss. A requirement is
written in its parts (name, extras, specifier, marker, source) and needs no parser. Versions with equal metadata share a
body, and the values made from it.

Laws of this file: a reader survives any bytes (a doubt is an empty bundle, never an error); nothing is unpickled; no
json, re or packaging. What cannot be written safely is not kept.
"""

from binascii import crc32

from commonwheel.errors import MetadataUnavailable
from commonwheel.model import Digest, Metadata, Requirement, SafeUrl, UrlSource, VcsSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.index.page_record import Row

FORMAT = 1
_CELL, _PART, _PIECE = "\t", "\x1f", "\x1e"
_FORBIDDEN = frozenset("\t\n\x1c\x1d\x1e\x1f")
_USABLE, _REFUSED = "=", "!"
_PARTS_WITHOUT_SOURCE = 4
#: Hexadecimal digits of a digest that a key keeps: 128 bits.
_KEY_DIGITS = 32
#: Keys that are kept; of a project with so many versions and targets the oldest are forgotten.
_MOST = 20_000

_requirements: dict[str, Requirement] = {}
_bodies: dict[str, tuple[tuple[Requirement, ...], str, tuple[str, ...]]] = {}


class MetadataBundle:
    """What is known of a project's metadata; `changed` says that something was learned that is not kept yet."""

    __slots__ = ("bodies", "changed", "index", "project")

    def __init__(self, index: str, project: str, bodies: dict[str, str] | None = None) -> None:
        self.index: Final = index
        self.project: Final = project
        self.bodies: Final = {} if bodies is None else bodies
        self.changed = False

    def find(self, key: str, version: str) -> Metadata | None:
        """Return the metadata kept under a key, or None; raise MetadataUnavailable when it is known to be no good."""
        body = self.bodies.get(key)
        if body is None:
            return None
        if body.startswith(_REFUSED):
            raise MetadataUnavailable(body[1:])
        try:
            return unpack(self.project, version, body)
        except (ValueError, IndexError):
            return None

    def learn(self, key: str, body: str | None) -> None:
        """Keep a body; None (it cannot be written safely) is ignored."""
        if body is not None and key and _FORBIDDEN.isdisjoint(key) and self.bodies.get(key) != body:
            self.bodies[key] = body
            self.changed = True

    def merge(self, other: "MetadataBundle") -> None:
        """Take over what another process has learned meanwhile."""
        for key, body in other.bodies.items():
            self.bodies.setdefault(key, body)

    def encode(self) -> bytes:
        """Return the bytes to keep."""
        numbers: dict[str, int] = {}
        cells: list[str] = []
        for key, body in list(self.bodies.items())[-_MOST:]:
            cells += (key, str(numbers.setdefault(body, len(numbers))))
        lines = (f"{self.index}\t{self.project}", _CELL.join(cells), *numbers)
        data = "\n".join(lines).encode("utf-8", "replace")
        return f"cw-metadata {FORMAT} {crc32(data):08x} {len(cells) // 2}\n".encode() + data


def decode(data: bytes | None, index: str, project: str) -> MetadataBundle:
    """Read a bundle; anything that is not one of this index and project is an empty one."""
    bodies = {}
    if data:
        try:
            bodies = _decode(data, f"{index}\t{project}")
        except (ValueError, IndexError):
            bodies = {}
    return MetadataBundle(index, project, bodies)


def _decode(data: bytes, whose: str) -> dict[str, str]:
    end = data.index(b"\n") + 1
    word, version, crc, count = str(data[:end], "ascii").split()
    rest = data[end:]
    if word != "cw-metadata" or version != str(FORMAT) or crc32(rest) != int(crc, 16):
        return {}
    lines = str(rest, "utf-8").split("\n")
    if lines[0] != whose:
        return {}
    cells = lines[1].split(_CELL) if lines[1] else []
    bodies = dict(zip(cells[::2], map(lines[2:].__getitem__, map(int, cells[1::2])), strict=True))
    return bodies if len(bodies) == int(count) else {}


def identity(row: "Row", builder: str = "") -> str:
    """Return the key for a file's metadata: the digest of the metadata, else of the file, else all that is known.

    What was learned from a sdist may depend on who built it: `builder` names the interpreter and platform.
    """
    kind, text = "", ""
    if row.metadata and row.metadata != "-":
        kind, text = "m", row.metadata
    elif row.digests:
        kind, text = "f", row.digests.partition(",")[0]
    algorithm, _, digest = text.partition(":")
    if digest and algorithm not in ("md5", "sha1"):
        key = f"{kind}{digest[:_KEY_DIGITS]}"
    else:
        key = f"n{row.filename}|{row.size}|{text}|{row.url}"
    return f"{key} {builder}" if row.sdist and kind != "m" else key


# --- bodies -----------------------------------------------------------------------------------------------------------


def refusal(reason: str) -> str | None:
    """Return the body for metadata that cannot be used."""
    return _REFUSED + " ".join(reason.split())


def pack(metadata: Metadata) -> str | None:
    """Return metadata as a body, or None when it holds characters that a body cannot."""
    cells = [_USABLE + metadata.requires_python, " ".join(metadata.provides_extra)]
    for requirement in metadata.requires:
        line = _pack_requirement(requirement)
        if line is None:
            return None
        cells.append(line)
    return _CELL.join(cells) if _FORBIDDEN.isdisjoint("".join(cells[:2])) else None


def unpack(project: str, version: str, body: str) -> Metadata:
    """Return the metadata that a body says; equal bodies share their values. Raises ValueError for rubbish."""
    known = _bodies.get(body)
    if known is None:
        requires_python, extras, *lines = body.split(_CELL)
        if requires_python[:1] != _USABLE:
            raise ValueError(body)
        requires = tuple([_requirements.get(line) or _unpack_requirement(line) for line in lines])
        known = _bodies[body] = (requires, requires_python[1:], tuple(extras.split()))
    return Metadata(project, version, *known)


def _pack_requirement(requirement: Requirement) -> str | None:
    parts = [requirement.name, " ".join(requirement.extras), requirement.specifier, requirement.marker]
    source = requirement.source
    if isinstance(source, UrlSource):
        digests = ",".join(map(str, source.digests))
        parts.append(_PIECE.join(("url", source.url.secret, source.subdirectory or "", digests)))
    elif isinstance(source, VcsSource):
        pieces = (source.kind, source.url.secret, source.subdirectory or "", source.revision or "", source.commit or "")
        parts.append(_PIECE.join(pieces))
    elif source is not None:
        return None
    line = _PART.join(parts)
    clean = line.replace(_PART, "").replace(_PIECE, "")
    if not _FORBIDDEN.isdisjoint(clean) or line.count(_PART) != len(parts) - 1:
        return None
    return line


def _unpack_requirement(line: str) -> Requirement:
    name, extras, specifier, marker, *rest = line.split(_PART)
    if not name:
        raise ValueError(line)
    source = _unpack_source(rest[0]) if rest else None
    requirement = Requirement(name, tuple(extras.split()), specifier, marker, source)
    _requirements[line] = requirement
    return requirement


def _unpack_source(text: str) -> UrlSource | VcsSource:
    kind, url, subdirectory, *rest = text.split(_PIECE)
    if kind == "url":
        digests = [
            Digest(algorithm, digest) for algorithm, _, digest in (d.partition(":") for d in rest[0].split(",") if d)
        ]
        return UrlSource(SafeUrl(url), subdirectory or None, tuple(digests))
    revision, commit = rest
    return VcsSource(kind, SafeUrl(url), revision or None, subdirectory or None, commit or None)
