"""`entry.txt`: all that is needed of an entry to resolve with it, to link it, and to fold it, in one read.

One line for each fact, its word first; words that are not known are passed over, so that a later version may add some.

    digest           sha256 of the wheel
    name             normalised name, version, and both as METADATA spells them
    wheel            file name, size in bytes
    origin           `index`, `url`, `file` or `build`; when (seconds since the epoch), on which host, in which boot of it
    dist-info        name of that directory; name of the `.data` directory or empty; `1` if Root-Is-Purelib
    files            number of files, of bytes; sha256 of files.txt
    requires-python  the specifier                                       (a line only if there is one)
    requires         one Requires-Dist                                   (any number of lines, as all that follow)
    extra            one Provides-Extra
    console, gui     name and `module:attribute` of an entry point
    fold             a directory that this wheel owns alone, and that may be one link
    unfolded         why none may be
    loose            a file outside of all those: a line of files.txt
    hash             algorithm and hexadecimal of another digest of the wheel, which it was seen to have

Laws of this file: pure; `decode` survives any bytes and answers None, a miss; it costs 20 us for a usual wheel.
"""

from commonwheel.model import Value
from commonwheel.store import manifest
from commonwheel.store.layout import is_digest
from commonwheel.store.sealed_records import joined, seal, unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.store.manifest import Row

    Pairs = tuple[tuple[str, str], ...]

KIND = "entry"


class Published(Value):
    """How and when an entry came into its store: `origin` is `index`, `url`, `file` or `build`, `at` seconds since the epoch."""

    __slots__ = ("at", "boot", "host", "origin")

    def __init__(self, origin: str, at: int, host: str, boot: str) -> None:
        self.origin: Final = origin
        self.at: Final = at
        self.host: Final = host
        self.boot: Final = boot


class Header(Value):
    """What `entry.txt` says; the fields are those of `model.Entry` and of core metadata, `sealed` is sha256 of files.txt.

    `spelled` has name and version as METADATA spells them; `loose` the lines of the files outside `foldable`, read by
    `loose_rows` when somebody folds.
    """

    __slots__ = (
        "console", "data", "digest", "dist_info", "extras", "filename", "files", "foldable", "gui", "hashes", "loose",
        "name", "published", "purelib", "requires", "requires_python", "sealed", "size", "spelled", "unfolded", "version",
        "wheel_size",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the lines of the file
        self,
        digest: str,
        name: str,
        version: str,
        spelled: tuple[str, str],
        filename: str,
        wheel_size: int,
        published: Published,
        dist_info: str,
        data: str,
        purelib: bool,
        files: int,
        size: int,
        sealed: str,
        requires_python: str = "",
        requires: tuple[str, ...] = (),
        extras: tuple[str, ...] = (),
        console: "Pairs" = (),
        gui: "Pairs" = (),
        foldable: tuple[str, ...] = (),
        unfolded: str = "",
        loose: tuple[str, ...] = (),
        hashes: "Pairs" = (),
    ) -> None:
        self.digest: Final = digest
        self.name: Final = name
        self.version: Final = version
        self.spelled: Final = spelled
        self.filename: Final = filename
        self.wheel_size: Final = wheel_size
        self.published: Final = published
        self.dist_info: Final = dist_info
        self.data: Final = data
        self.purelib: Final = purelib
        self.files: Final = files
        self.size: Final = size
        self.sealed: Final = sealed
        self.requires_python: Final = requires_python
        self.requires: Final = requires
        self.extras: Final = extras
        self.console: Final = console
        self.gui: Final = gui
        self.foldable: Final = foldable
        self.unfolded: Final = unfolded
        self.loose: Final = loose
        self.hashes: Final = hashes

    def loose_rows(self) -> "list[Row] | None":
        """Return the files outside of `foldable`, None if the lines do not tell."""
        return manifest.rows(self.loose)

    def metadata(self) -> str:
        """Return the core metadata that resolution needs, as the text of a METADATA file."""
        name, version = self.spelled
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        if self.requires_python:
            lines.append(f"Requires-Python: {self.requires_python}")
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        return "\n".join((*lines, ""))


def encode(header: Header) -> bytes:
    """Return the text of `entry.txt`."""
    published = header.published
    lines = [
        joined("digest", header.digest),
        joined("name", header.name, header.version, *header.spelled),
        joined("wheel", header.filename, str(header.wheel_size)),
        joined("origin", published.origin, str(published.at), published.host, published.boot),
        joined("dist-info", header.dist_info, header.data, "1" if header.purelib else "0"),
        joined("files", str(header.files), str(header.size), header.sealed),
    ]
    if header.requires_python:
        lines.append(joined("requires-python", header.requires_python))
    lines += [joined("requires", requirement) for requirement in header.requires]
    lines += [joined("extra", extra) for extra in header.extras]
    lines += [joined("console", *pair) for pair in header.console]
    lines += [joined("gui", *pair) for pair in header.gui]
    lines += [joined("fold", directory) for directory in header.foldable]
    if header.unfolded:
        lines.append(joined("unfolded", header.unfolded))
    lines += [f"loose\t{line}" for line in header.loose]
    lines += [joined("hash", *pair) for pair in header.hashes]
    return seal(KIND, lines)


def decode(data: bytes) -> Header | None:
    """Return what a header says, or None if this is not a whole header."""
    lines = unseal(KIND, data)
    if lines is None:
        return None
    said: dict[str, list[str]] = {}
    escaped = b"\\" in data
    for line in lines:
        word, _, rest = line.partition("\t")
        found = said.get(word)
        if found is None:
            said[word] = [rest]
        else:
            found.append(rest)
    try:
        return _header(said, escaped=escaped)
    except (KeyError, ValueError, IndexError):
        return None


def _header(said: "dict[str, list[str]]", *, escaped: bool) -> Header | None:
    """Build the header from the lines by word; KeyError, ValueError or IndexError for what is no header."""

    def fields(word: str) -> list[str]:
        found = said[word][0].split("\t")
        return [unescape(field) for field in found] if escaped else found

    def many(word: str) -> tuple[str, ...]:
        found = said.get(word, ())
        return tuple([unescape(field) for field in found]) if escaped else tuple(found)

    def pairs(word: str) -> "Pairs":
        found = [line.split("\t") for line in said.get(word, ())]
        return tuple([(unescape(one), unescape(other)) for one, other in found])

    digest = said["digest"][0]
    name, version, *spelled = fields("name")
    filename, wheel_size = fields("wheel")
    origin, at, host, boot = fields("origin")
    dist_info, data, purelib = fields("dist-info")
    files, size, sealed = fields("files")
    if not is_digest(digest) or not is_digest(sealed):
        return None
    return Header(
        digest, name, version, (spelled[0], spelled[1]), filename, int(wheel_size),
        Published(origin, int(at), host, boot), dist_info, data, purelib == "1", int(files), int(size), sealed,
        fields("requires-python")[0] if "requires-python" in said else "",
        many("requires"), many("extra"), pairs("console"), pairs("gui"), many("fold"),
        fields("unfolded")[0] if "unfolded" in said else "", tuple(said.get("loose", ())), pairs("hash"),
    )  # fmt: skip
