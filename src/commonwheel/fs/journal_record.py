r"""The text of a journal: lines of intents, and what can be believed of them after a kill or a power cut.

Laws of this file: text and values, no I/O (`disk.Journal` writes it); reading survives any bytes. Format 1:

    commonwheel journal 1
    1f2e3d4c<TAB>intend<TAB>0<TAB>rename<TAB>/old<TAB>/new
    5b6a7988<TAB>done<TAB>0

The eight digits are the CRC-32 of everything before the line (its digits aside) and of the line after them: a line that
is torn, zeroed, moved or lost ends the journal there, and never changes what stands before it. Tab, newline and
backslash within a word are written as `\t`, `\n`, `\\`; bytes that are no UTF-8 pass through unchanged.
"""

from binascii import crc32

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

HEAD = b"commonwheel journal 1\n"
INTEND = "intend"
DONE = "done"


class Record(Value):
    """One intent of a journal: its number (they count from 0), its words, and whether it was carried out."""

    __slots__ = ("done", "number", "words")

    def __init__(self, number: int, words: "tuple[str, ...]", done: bool) -> None:
        self.number: Final = number
        self.words: Final = words
        self.done: Final = done


def start() -> int:
    """Return the checksum that the first line continues."""
    return crc32(HEAD)


def line(chain: int, kind: str, number: int, words: "Sequence[str]" = ()) -> tuple[bytes, int]:
    """Return one line, and the checksum that the next one continues."""
    body = "\t".join((kind, str(number), *map(_escaped, words))).encode("utf-8", "surrogateescape")
    chain = crc32(body, chain)
    return b"%08x\t%b\n" % (chain, body), chain


def records(data: bytes) -> list[Record]:
    """Return the intents in order, up to the first line that cannot be believed."""
    if not data.startswith(HEAD):
        return []
    chain = start()
    intents: list[tuple[str, ...]] = []
    done: set[int] = set()
    for row in data[len(HEAD) :].split(b"\n")[:-1]:  # what has no newline was not finished
        checksum, _, body = row.partition(b"\t")
        chain = crc32(body, chain)
        if checksum != b"%08x" % chain:
            break
        kind, number, *words = body.decode("utf-8", "surrogateescape").split("\t")
        if kind == INTEND:
            intents.append(tuple(map(_unescaped, words)))
        elif number.isdecimal():
            done.add(int(number))
    return [Record(number, words, number in done) for number, words in enumerate(intents)]


def _escaped(word: str) -> str:
    if "\\" in word or "\t" in word or "\n" in word:
        return word.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return word


def _unescaped(word: str) -> str:
    if "\\" not in word:
        return word
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n") for part in word.split("\\\\"))
