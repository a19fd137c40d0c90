"""`file:` URLs to paths and back (RFC 8089), without the cost of `urllib`; POSIX paths."""

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@!$&'()*+,;=")


def unquote(text: str) -> str:
    """Undo percent escapes; bytes that are not UTF-8 come out as `os.fsdecode` spells them."""
    if "%" not in text:
        return text
    pieces = text.encode("utf-8", "surrogateescape").split(b"%")
    raw = bytearray(pieces[0])
    for piece in pieces[1:]:
        try:
            raw += bytes.fromhex(str(piece[:2], "ascii")) if len(piece[:2].strip()) == 2 else b"%" + piece[:2]  # noqa: PLR2004 - two digits
        except ValueError:
            raw += b"%" + piece[:2]
        raw += piece[2:]
    return str(bytes(raw), "utf-8", "surrogateescape")


def quote(path: str) -> str:
    """Escape what may not stand in the path of a URL."""
    raw = path.encode("utf-8", "surrogateescape")
    return "".join([chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in raw])


def from_path(path: str) -> str:
    """Return the `file://` URL of an absolute path."""
    return "file://" + quote(path)


def to_path(url: str) -> str | None:
    """Return the path of a `file:` URL (fragment and query dropped), or None when it names another host or scheme.

    A relative form (`file:./dir`, which pip and uv take) comes back relative.
    """
    if url[:5].lower() != "file:":
        return None
    rest = url[5:].partition("#")[0].partition("?")[0]
    if rest.startswith("//"):
        host, slash, tail = rest[2:].partition("/")
        if host.lower() not in ("", "localhost") or not slash:
            return None
        rest = "/" + tail
    return unquote(rest)
