"""The header blocks of METADATA, PKG-INFO and WHEEL files (the RFC 822 subset that packaging uses).

Written by hand, since `email` costs 28 ms of import; the tests hold it against `email.parser`.
"""


def decode(data: bytes | str) -> str:
    """Return metadata as text: UTF-8, a byte order mark dropped; old files in Latin-1 are read as such."""
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return str(data, "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return str(data, "latin-1")


def lines_of(text: str) -> "list[str]":
    """Return the lines without their ends (LF, CR LF or CR)."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def read(text: str) -> "tuple[list[tuple[str, str]], str]":
    """Return the headers in order, as (lower-case name, value), and the body.

    A folded value keeps its line ends and indentation. The block ends at the first empty line, or, as `email` has it,
    at the first line that is no header, which then begins the body.
    """
    lines = lines_of(text)
    found: list[tuple[str, str]] = []
    for number, line in enumerate(lines):
        if not line:
            return found, "\n".join(lines[number + 1 :])
        if line[0] in " \t":
            if found:
                name, value = found[-1]
                found[-1] = (name, f"{value}\n{line}")
            continue
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name or "\t" in name:
            return found, "\n".join(lines[number:])
        found.append((name.lower(), value.strip(" \t")))
    return found, ""
