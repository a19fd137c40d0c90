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
    folded: list[str] = []  # lines that go on with the last value: joined once, since there may be a million

    def unfold() -> None:
        if folded and found:
            name, value = found[-1]
            found[-1] = (name, "\n".join((value, *folded)))
        folded.clear()

    for number, line in enumerate(lines):
        if line and line[0] in " \t":
            folded.append(line)
            continue
        unfold()
        if not line:
            return found, "\n".join(lines[number + 1 :])
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name or "\t" in name:
            return found, "\n".join(lines[number:])
        found.append((name.lower(), value.strip(" \t")))
    unfold()
    return found, ""
