"""Files that are offered without an index of projects: `--find-links` folders and pages, flat indexes, `file:` indexes.

A folder tells names and, by a stamp of size and time, whether a file is still the one that was seen; its bytes are
hashed only when a hash is wanted, and that is remembered by the same stamp. A page of links is remembered as text lines.

Laws of this file: reads directories and records, changes nothing, asks no network and parses no HTML. A folder that
cannot be read is an error; a file in it that is no distribution is passed over.
"""

import os
from binascii import crc32

from commonwheel.errors import CommonwheelError
from commonwheel.index.page_record import Draft, Page, Provenance
from commonwheel.specs import file_url
from commonwheel.specs.names import normalize
from commonwheel.specs.wheel_file import sdist_stem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from commonwheel.index.index_cache import Pages

FORMAT = 1
#: What stands in the place of a digest for a local file that was not hashed yet; never a real algorithm.
STAMP = "stamp"
_COLUMNS = 8
_PAGE_FILES = ("index.json", "index.html", "index.htm")


class FolderUnreadable(CommonwheelError):
    """A place given with `--find-links`, or a `file:` index, cannot be read."""

    code = "folder-unreadable"
    exit_status = 2


class FindLinks:
    """Files of many projects, by project.

    A line has the columns of `Draft.add` between tabs: file name, URL, Requires-Python, `=` and the reason if yanked,
    size, uploaded, digests, metadata. `place` is what messages and records call this collection.
    """

    __slots__ = ("_sdists", "_wheels", "place", "provenance")

    def __init__(self, place: str, lines: "Iterable[str]", provenance: Provenance | None = None) -> None:
        self.place: Final = place
        self.provenance: Final = provenance or Provenance()
        self._wheels: dict[str, list[str]] = {}
        self._sdists: list[tuple[str, str]] = []
        names: dict[str, str] = {}
        for line in lines:
            filename = line[: line.find("\t")]
            if filename.endswith(".whl"):
                raw = filename[: filename.find("-")]
                name = names.get(raw)
                if name is None:
                    name = names[raw] = normalize(raw)
                self._wheels.setdefault(name, []).append(line)
            else:
                stem = sdist_stem(filename)
                if stem is not None:
                    self._sdists.append((normalize(stem), line))

    def lines(self) -> list[str]:
        """Return all lines."""
        return [line for lines in self._wheels.values() for line in lines] + [line for _, line in self._sdists]

    def page(self, project: str) -> Page:
        """Return what is offered of one project, perhaps nothing."""
        draft = Draft(self.place, project)
        start = f"{project}-"
        sdists = [line for stem, line in self._sdists if stem.startswith(start)]
        for line in (*self._wheels.get(project, ()), *sdists):
            filename, url, requires_python, yanked, size, uploaded, digests, metadata = line.split("\t")
            reason = yanked[1:] if yanked else None
            length, time = int(size) if size else None, float(uploaded) if uploaded else None
            draft.add((filename, url, requires_python, reason, length, time, digests, metadata, ""))
        return draft.finish(self.provenance)


def encode(links: FindLinks) -> bytes:
    """Return a page of links as a record."""
    source = links.provenance
    stamps = f"{source.fetched}\t{source.expires}\t{source.page}\t{source.etag}\t{source.modified}\t{source.checksum}"
    data = "\n".join((links.place, stamps, *links.lines())).encode("utf-8", "replace")
    return f"cw-links {FORMAT} {crc32(data):08x}\n".encode() + data


def decode(data: bytes | None, place: str) -> FindLinks | None:
    """Read such a record; None for anything that is not one of this place."""
    try:
        return _decode(data, place) if data else None
    except (ValueError, IndexError):
        return None


def _decode(data: bytes, place: str) -> FindLinks | None:
    end = data.index(b"\n") + 1
    word, version, crc = str(data[:end], "ascii").split()
    rest = data[end:]
    if word != "cw-links" or version != str(FORMAT) or crc32(rest) != int(crc, 16):
        return None
    lines = str(rest, "utf-8").split("\n")
    if lines[0] != place or any(line.count("\t") != _COLUMNS - 1 for line in lines[2:]):
        return None
    fetched, expires, page, etag, modified, checksum = lines[1].split("\t")
    return FindLinks(place, lines[2:], Provenance(int(fetched), int(expires), page, etag, modified, checksum))


def line_of(
    filename: str,
    url: str,
    requires_python: str = "",
    yanked: str | None = None,
    size: int | None = None,
    uploaded: float | None = None,
    digests: str = "",
    metadata: str = "",
) -> str:
    """Return one file as a line; white space that would cut it becomes blanks."""
    cells = (
        filename,
        url,
        requires_python,
        "" if yanked is None else f"={yanked}",
        "" if size is None else str(size),
        "" if uploaded is None else str(uploaded),
        digests,
        metadata,
    )
    line = "\t".join(cells)
    if line.count("\t") == _COLUMNS - 1 and "\n" not in line:
        return line
    return "\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in cells)


# --- folders ----------------------------------------------------------------------------------------------------------


class Hashes:
    """Remember the sha256 of local files by path and stamp; personal, since it speaks of this machine."""

    __slots__ = ("_known", "_pages", "changed")

    _KEY = "local-hashes"
    _LIMIT = 2000

    def __init__(self, pages: "Pages") -> None:
        self._pages = pages
        self._known: dict[str, str] | None = None
        self.changed = False

    def _all(self) -> dict[str, str]:
        if self._known is None:
            self._known = {}
            lines = (self._pages.get("defaults", self._KEY) or b"").decode("utf-8", "replace").split("\n")
            if lines[0] == f"cw-hashes {FORMAT}":
                for line in lines[1:]:
                    digest, _, whose = line.partition(" ")
                    if whose and len(digest) == 64 and digest.isalnum():  # noqa: PLR2004 - a sha256
                        self._known[whose] = digest
        return self._known

    def find(self, path: str, stamp: str) -> str | None:
        """Return the sha256 of a file that still has this stamp, if it is known."""
        return self._all().get(f"{stamp} {path}")

    def learn(self, path: str, stamp: str, digest: str) -> None:
        """Remember the sha256 of a file."""
        if "\n" not in path and self._all().get(f"{stamp} {path}") != digest:
            self._all()[f"{stamp} {path}"] = digest
            self.changed = True

    def keep(self) -> None:
        """Write down what was learned."""
        if self.changed:
            lines = [f"{digest} {whose}" for whose, digest in list(self._all().items())[-self._LIMIT :]]
            data = "\n".join((f"cw-hashes {FORMAT}", *lines)).encode("utf-8", "replace")
            self._pages.put("defaults", self._KEY, data)
            self.changed = False


def stamp_of(path: str) -> str:
    """Return what changes when a file does: size and time; raises OSError."""
    return _stamp(os.stat(path))


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def folder(path: str, hashes: Hashes | None = None, place: str = "") -> FindLinks:
    """Return the distributions in a directory (not below it); raise FolderUnreadable."""
    base = file_url.from_path(path.rstrip("/"))
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        raise unreadable(path, error) from error
    wanted = (name for name in names if name.endswith(".whl") or sdist_stem(name) is not None)
    lines = (_file_line(name, f"{base}/{file_url.quote(name)}", f"{path}/{name}", hashes) for name in wanted)
    return FindLinks(place or base, filter(None, lines))


def single_file(path: str, hashes: Hashes | None = None) -> FindLinks:
    """Return one archive as links."""
    line = _file_line(os.path.basename(path), file_url.from_path(path), path, hashes)
    if not line:
        raise unreadable(path, FileNotFoundError(2, "No such file or directory"))
    return FindLinks(file_url.from_path(path), [line])


def _file_line(name: str, url: str, path: str, hashes: Hashes | None) -> str:
    try:
        status = os.stat(path)
    except OSError:  # a dangling link, or gone since the directory was read
        return ""
    stamp = _stamp(status)
    known = hashes.find(path, stamp) if hashes is not None else None
    return line_of(name, url, size=status.st_size, digests=f"sha256:{known}" if known else f"{STAMP}:{stamp}")


def unreadable(path: str, error: OSError) -> FolderUnreadable:
    """Return the error for a place that cannot be read."""
    hint = None
    if isinstance(error, FileNotFoundError):
        hint = "check the path, or drop the option; `--find-links` may also come from a configuration file or the environment"
    return FolderUnreadable(f"cannot read `{path}`: {error.strerror or error}", hint=hint)


class Tree:
    """A `file:` index: a directory with one directory for each project, with or without a page in it."""

    __slots__ = ("_names", "path")

    def __init__(self, path: str) -> None:
        self.path: Final = path.rstrip("/") or "/"
        self._names: dict[str, str] | None = None

    def directory(self, project: str) -> str | None:
        """Return a project's directory, also one whose name is not in normal form; None when there is none."""
        direct = f"{self.path}/{project}"
        if os.path.isdir(direct):
            return direct
        if self._names is None:
            try:
                self._names = {normalize(name): name for name in os.listdir(self.path)}
            except OSError as error:
                raise unreadable(self.path, error) from error
        found = self._names.get(project)
        return f"{self.path}/{found}" if found is not None and os.path.isdir(f"{self.path}/{found}") else None

    @staticmethod
    def page_file(directory: str) -> tuple[str, str] | None:
        """Return the page in a project's directory and its stamp, or None when the files themselves are the page."""
        for name in _PAGE_FILES:
            path = f"{directory}/{name}"
            try:
                return path, stamp_of(path)
            except OSError:
                continue
        return None
