"""The derived form of a project's index page: what a warm resolution reads instead of JSON.

Two sections. The *head* holds what a listing needs: validators and freshness, the versions in ascending order, and
which kinds of files they have. Versions of equal file kinds share one *profile*, so that the head of a project with
15,000 files is some 30 KB and judging it for a target costs one set operation per profile. The *rows* hold one line
per file, cut by version; only the versions that are chosen are ever looked at.

    head   cw-page <format> <crc32> <head length> <token> <rows length, or - when they lie apart>
           index URL, project
           fetched, expires, page URL, ETag, Last-Modified, checksum of the body, status, reason of the status
           versions
           pre-releases (as runs)
           distinct Requires-Python texts
           distinct tag sets (a sdist has its suffix, `.tar.gz`)
           profile: runs, then groups `requires-python[y]:tag,tag` (y: yanked), one line each; an empty line
           earliest and latest upload of each version, 8 hexadecimal digits each, seconds (ffffffff: one file does not say)
    rows   cw-rows <format> <token> <number of versions>
           8 hexadecimal digits of offset and 8 of crc32 for each version, and the last end
           lines: tag set, requires-python, yanked, build tag, size, uploaded, digests, metadata, file name, URL without it

Laws of this file: text between tabs and line ends, numbers in decimal or hexadecimal; a reader survives any bytes and
answers None (a miss), never something half right; nothing is unpickled, and nothing here imports json, re or struct.
"""

from binascii import crc32

from commonwheel.model import Value
from commonwheel.specs.names import normalize
from commonwheel.specs.versions import canonical, is_prerelease, parsed_key
from commonwheel.specs.wheel_file import SDIST_SUFFIXES, parse_sdist_filename, split_filename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from typing import Final

    from commonwheel.specs.simple_api import Row as File
    from commonwheel.specs.versions import Key

FORMAT = 1
#: Rows up to this many bytes lie behind their head; a second file costs more than reading them.
APART = 64 * 1024
#: A file that does not say when it was uploaded.
UNTOLD = 0xFFFFFFFF
_CELL = 8
_COLUMNS = 10
_TAG_BITS = 24
_HEAD_LINES = 6
_TEXTS = 6


class Row(Value):
    """One file as an index tells it, in the order of the packed columns.

    `tag` is a compressed tag set (`cp311-cp311-linux_x86_64`) or the suffix of an sdist (`.tar.gz`); `yanked` is None or
    the reason; `digests` and `metadata` are `algorithm:hexadecimal` (several digests between commas); `metadata` is ""
    without a PEP 658 file, and `-` when there is one without a hash; `size` and `uploaded` (seconds) are None if unknown.
    """

    __slots__ = (
        "build", "digests", "filename", "metadata", "requires_python", "size", "tag", "uploaded", "url", "yanked",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the columns of PEP 691
        self,
        tag: str,
        filename: str,
        url: str,
        requires_python: str = "",
        yanked: str | None = None,
        build: str = "",
        size: int | None = None,
        uploaded: float | None = None,
        digests: str = "",
        metadata: str = "",
    ) -> None:
        self.tag: Final = tag
        self.filename: Final = filename
        self.url: Final = url
        self.requires_python: Final = requires_python
        self.yanked: Final = yanked
        self.build: Final = build
        self.size: Final = size
        self.uploaded: Final = uploaded
        self.digests: Final = digests
        self.metadata: Final = metadata

    @property
    def sdist(self) -> bool:
        """Return whether this is a source distribution."""
        return self.tag.startswith(".")


class Provenance(Value):
    """Where a page came from and how long it may be believed.

    `fetched` and `expires` are seconds since the epoch; `page` is the URL after redirects, without credentials;
    `checksum` tells whether another answer is the same text; `status` and `reason` are those of PEP 792 ("" for active).
    """

    __slots__ = ("checksum", "etag", "expires", "fetched", "modified", "page", "reason", "status")

    def __init__(
        self,
        fetched: int = 0,
        expires: int = 0,
        page: str = "",
        etag: str = "",
        modified: str = "",
        checksum: str = "",
        status: str = "",
        reason: str = "",
    ) -> None:
        self.fetched: Final = fetched
        self.expires: Final = expires
        self.page: Final = page
        self.etag: Final = etag
        self.modified: Final = modified
        self.checksum: Final = checksum
        self.status: Final = status
        self.reason: Final = reason

    @property
    def words(self) -> tuple[int | str, ...]:
        """Return what makes it, as values that any process understands."""
        return self.fetched, self.expires, self.page, self.etag, self.modified, self.checksum, self.status, self.reason


class Page:
    """A project's files at one index, read from its packed form; `rows` may be attached later.

    `prereleases` has bit i for `versions[i]`; `profiles` are pairs of such a mask and the text of the groups.
    A page without versions says that the index knows the name and offers nothing, or (`absent`) does not know it.
    """

    __slots__ = (
        "body", "index", "prereleases", "profiles", "project", "provenance", "requires", "rows", "tags", "times", "token",
        "versions",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the sections of the format
        self,
        index: str,
        project: str,
        provenance: Provenance,
        versions: tuple[str, ...],
        prereleases: int,
        requires: tuple[str, ...],
        tags: tuple[str, ...],
        profiles: tuple[tuple[int, str], ...],
        times: str,
        token: str,
        body: str,
    ) -> None:
        self.index: Final = index
        self.project: Final = project
        self.provenance = provenance
        self.versions: Final = versions
        self.prereleases: Final = prereleases
        self.requires: Final = requires
        self.tags: Final = tags
        self.profiles: Final = profiles
        self.times: Final = times
        self.token: Final = token
        self.body: Final = body
        self.rows: bytes | None = None

    @property
    def absent(self) -> bool:
        """Return whether the index said that it does not know the project."""
        return self.token == ABSENT

    @property
    def content(self) -> str:
        """Return a checksum of all that the page says, whenever it was fetched and for how long it may be believed."""
        source, rest = self.provenance, self.body.split("\n", 2)[2]
        said = f"{source.status}\t{source.reason}\n{rest}"
        return f"{self.token}{crc32(said.encode('utf-8', 'replace')):08x}"

    def attach(self, rows: bytes) -> bool:
        """Take the rows if they are those of this page, and tell whether they are."""
        start = f"cw-rows {FORMAT} {self.token} {len(self.versions)}\n".encode()
        if not rows.startswith(start):
            return False
        self.rows = rows
        return True

    def upload_span(self, at: int) -> tuple[int, int]:
        """Return the earliest and the latest upload of version number `at`, in seconds; UNTOLD where a file is silent."""
        start = at * 2 * _CELL
        return int(self.times[start : start + _CELL], 16), int(self.times[start + _CELL : start + 2 * _CELL], 16)

    def files(self, at: int, tags: "Container[str] | None" = None) -> "list[Row] | None":
        """Return the files of version number `at`, or None when the rows are missing or damaged.

        `tags` are the numbers (as text) of the tag sets that are wanted; None for all.
        """
        text = self._slice(at)
        if text is None:
            return None
        lines = text.split("\n")
        if not text:
            return []
        try:
            if tags is not None:
                lines = [line for line in lines if line[: line.index("\t")] in tags]
            return [self._row(line.split("\t")) for line in lines]
        except (ValueError, IndexError):
            return None

    def fingerprint(self, at: int) -> str:
        """Return a checksum of all that is said of the files of version number `at`, or "" without rows."""
        rows = self.rows
        if rows is None:
            return ""
        cell = rows.find(b"\n") + 1 + at * 2 * _CELL + _CELL
        return str(rows[cell : cell + _CELL], "ascii", "replace")

    def _slice(self, at: int) -> str | None:
        rows = self.rows
        if rows is None:
            return None
        table = rows.find(b"\n") + 1
        cell = table + at * 2 * _CELL
        base = table + len(self.versions) * 2 * _CELL + _CELL
        try:
            start = int(rows[cell : cell + _CELL], 16)
            crc = int(rows[cell + _CELL : cell + 2 * _CELL], 16)
            end = int(rows[cell + 2 * _CELL : cell + 3 * _CELL], 16)
            data = rows[base + start : base + end]
            return None if crc32(data) != crc else str(data, "utf-8")
        except ValueError:
            return None

    def _row(self, cells: list[str]) -> Row:
        tag, requires, yanked, build, size, uploaded, digests, metadata, filename, url = cells
        return Row(
            self.tags[int(tag)],
            filename,
            url[1:] if url[:1] == "=" else url + filename,
            self.requires[int(requires)],
            yanked[1:] if yanked else None,
            build,
            int(size) if size else None,
            float(uploaded) if uploaded else None,
            digests,
            metadata,
        )

    def all_files(self) -> "Iterator[tuple[str, list[Row]]]":
        """Yield every version with its files, as far as they can be read."""
        for at, version in enumerate(self.versions):
            yield version, self.files(at) or []


#: The token of a page that says "no such project".
ABSENT = "absent"


# --- runs: sets of versions that mostly lie side by side --------------------------------------------------------------


def runs(numbers: "Sequence[int]") -> str:
    """Write ascending numbers as runs: `0-4 7`."""
    words: list[str] = []
    start = last = -2
    for number in numbers:
        if number == last + 1:
            last = number
            continue
        if start >= 0:
            words.append(f"{start}-{last}" if last > start else f"{start}")
        start = last = number
    if start >= 0:
        words.append(f"{start}-{last}" if last > start else f"{start}")
    return " ".join(words)


def mask_of(text: str, limit: int) -> int:
    """Read runs as a mask; raise ValueError for rubbish, and for what lies outside of `limit` numbers."""
    mask = 0
    for word in text.split():
        first, _, last = word.partition("-")
        low = int(first)
        high = int(last) if last else low
        if not 0 <= low <= high < limit:
            raise ValueError(text)
        mask |= (2 << high) - (1 << low)
    return mask


# --- reading ----------------------------------------------------------------------------------------------------------


def decode(data: bytes, index: str, project: str) -> Page | None:
    """Read a head, with the rows if they lie behind it; None for anything that is not one of this index and project."""
    try:
        return _decode(data, index, project)
    except (ValueError, IndexError):  # UnicodeDecodeError is a ValueError
        return None


def _decode(data: bytes, index: str, project: str) -> Page | None:
    end = data.index(b"\n") + 1
    word, version, crc, length, token, behind = str(data[:end], "ascii").split()
    if word != "cw-page" or version != str(FORMAT):
        return None
    body = data[end : end + int(length)]
    if crc32(body) != int(crc, 16):
        return None
    text = str(body, "utf-8")
    lines = text.split("\n")
    if lines[0] != f"{index}\t{project}":
        return None
    page = _page(index, project, lines, token, text)
    if behind != "-":
        rows = data[end + int(length) :]
        if len(rows) != int(behind) or not page.attach(rows):
            return None
    return page


def _page(index: str, project: str, lines: list[str], token: str, body: str) -> Page:
    fetched, expires, *texts = lines[1].split("\t")
    versions = tuple(lines[2].split("\t")) if lines[2] else ()
    last = lines.index("", _HEAD_LINES)
    count = len(versions)
    profiles = []
    for line in lines[_HEAD_LINES:last]:
        where, groups = line.split("\t")
        profiles.append((mask_of(where, count), groups))
    times = lines[last + 1]
    if len(times) != count * 2 * _CELL:
        raise ValueError(times)
    return Page(
        index,
        project,
        Provenance(int(fetched), int(expires), *_exactly(texts, _TEXTS)),
        versions,
        mask_of(lines[3], count),
        tuple(lines[4].split("\t")),
        tuple(lines[5].split("\t")),
        tuple(profiles),
        times,
        token,
        body,
    )


def _exactly(cells: list[str], count: int) -> list[str]:
    if len(cells) != count:
        raise ValueError(cells)
    return cells


# --- writing ----------------------------------------------------------------------------------------------------------


def encode_head(page: Page) -> bytes:
    """Return the bytes to keep for a page: the head, and the rows too if they are few."""
    source = page.provenance
    rest = page.body.split("\n", 2)[2]
    words = (source.page, source.etag, source.modified, source.checksum, source.status, source.reason)
    stamps = "\t".join((str(source.fetched), str(source.expires), *map(_flat, words)))
    body = f"{page.index}\t{page.project}\n{stamps}\n{rest}".encode("utf-8", "replace")
    rows = page.rows if page.rows is not None and not lies_apart(page) else None
    behind = "-" if rows is None else str(len(rows))
    head = f"cw-page {FORMAT} {crc32(body):08x} {len(body)} {page.token} {behind}\n".encode()
    return head + body + (rows or b"")


def lies_apart(page: Page) -> bool:
    """Return whether the rows of a page are kept in a file of their own."""
    return page.rows is not None and len(page.rows) > APART


def _flat(text: str) -> str:
    """Return a text that can stand in a cell: without tabs, line ends and other white space that would cut it."""
    if "\t" in text or "\n" in text:
        return text.replace("\t", " ").replace("\n", " ")
    return text


class _Release:
    """Collect the files of one version; `kinds` are numbers made of tag set, Requires-Python and yank (`_kind`)."""

    __slots__ = ("from_wheel", "kinds", "lines", "text", "times")

    def __init__(self, text: str, from_wheel: bool) -> None:
        self.text = text
        self.from_wheel = from_wheel
        self.lines: list[str] = []
        self.kinds: set[int] = set()
        self.times: list[float | None] = []

    def span(self) -> str:
        """Return the earliest and the latest upload."""
        told = [time for time in self.times if time is not None]
        earliest = _second(min(told)) if told else UNTOLD
        latest = _second(max(told)) if len(told) == len(self.times) else UNTOLD
        return f"{earliest:08x}{latest:08x}"


def _second(time: float) -> int:
    """Return a time in whole seconds, rounded up, as far as 8 hexadecimal digits go."""
    second = -int(-time // 1)
    return second if 0 <= second < UNTOLD else 0 if second < 0 else UNTOLD - 1


def _groups(kinds: "Iterable[int]") -> str:
    """Return kinds of files as a profile writes them."""
    groups: dict[int, list[str]] = {}
    for kind in sorted(kinds):
        groups.setdefault(kind >> _TAG_BITS, []).append(str(kind & ((1 << _TAG_BITS) - 1)))
    return " ".join(f"{group >> 1}{'y' if group & 1 else ''}:{','.join(tags)}" for group, tags in groups.items())


class Draft:
    """A page in the making: give it every file in any order, then `finish`.

    Files that are not of this project, whose version is not one of PEP 440, or whose kind cannot be installed (eggs,
    installers, variant wheels) are passed over and counted in `skipped`.
    """

    __slots__ = ("_by_key", "_by_text", "_names", "_requires", "_seen", "_tags", "index", "project", "skipped")

    def __init__(self, index: str, project: str) -> None:
        self.index: Final = index
        self.project: Final = project
        self.skipped = 0
        self._by_key: dict[Key, _Release] = {}
        self._by_text: dict[str, _Release | None] = {}
        self._names: dict[str, bool] = {}
        self._requires: dict[str, int] = {"": 0}
        self._tags: dict[str, int] = {}
        self._seen: set[str] = set()

    def add(self, *files: "File") -> None:
        """Add files."""
        self.extend(files)

    def extend(self, files: "Iterable[File]") -> None:
        """Add files. A page may have 15,000, and a microsecond for each is 15 ms: hence one loop over local names."""
        names, releases, seen, tags, requires = self._names, self._by_text, self._seen, self._tags, self._requires
        for filename, url, requires_python, yanked, size, uploaded, digests, metadata, _ in files:
            build = ""
            release: _Release | None = None
            parts = split_filename(filename)
            if parts is not None:
                name, version, build, python, abi, platform = parts
                mine = names.get(name)
                if mine is None:
                    mine = names[name] = normalize(name) == self.project
                if mine:
                    release = releases.get(version)
                    if release is None or not release.from_wheel:
                        release = self._release(version, True)
                tag = f"{python}-{abi}-{platform}"
            else:
                tag = SDIST_SUFFIXES[0] if filename.endswith(SDIST_SUFFIXES[0]) else SDIST_SUFFIXES[1]
                name, _, version = filename.rpartition("-")
                if names.get(name) and filename.endswith(tag):
                    version = version[: -len(tag)]
                else:  # the first one, an old name with more hyphens, or no sdist at all
                    version = parse_sdist_filename(filename, self.project) or ""
                release = releases.get(version) or self._release(version, False)
            if release is None or filename in seen:
                self.skipped += 1
                continue
            seen.add(filename)
            tag_number = tags.setdefault(tag, len(tags))
            python_number = requires.setdefault(requires_python, len(requires))
            kind = python_number << 1
            reason = ""
            if yanked is not None:
                reason = "=" + _flat(yanked)
                kind += 1
            place = url.removesuffix(filename)
            release.lines.append(
                f"{tag_number}\t{python_number}\t{reason}\t{build}\t{'' if size is None else size}\t"
                f"{'' if uploaded is None else uploaded}\t{digests}\t{metadata}\t{filename}\t"
                f"{place if len(place) < len(url) else '=' + url}"
            )
            release.kinds.add(kind << _TAG_BITS | tag_number)
            release.times.append(uploaded)

    def _release(self, text: str, from_wheel: bool) -> _Release | None:
        """Return the release that a version text of a file name means, or None when it is no version."""
        plain = text.replace("_", "-") if from_wheel else text
        key = parsed_key(plain)
        if key is None:
            return None
        release = self._by_key.get(key)
        if release is None:
            release = self._by_key[key] = _Release(_canonical(plain), from_wheel)
        elif from_wheel and not release.from_wheel:
            # `1.0` of a sdist and `1.0.0` of a wheel are one version: it goes by what will be installed
            release.text, release.from_wheel = _canonical(plain), True
        self._by_text[text] = release
        return release

    def finish(self, provenance: Provenance, *, absent: bool = False) -> Page:
        """Return the page; with `absent` one that says that the index does not know the project."""
        releases = [self._by_key[key] for key in sorted(self._by_key)]
        rows, token = _pack_rows([release.lines for release in releases])
        versions = tuple(release.text for release in releases)
        prereleases = [at for at, version in enumerate(versions) if is_prerelease(version)]
        together: dict[frozenset[int], list[int]] = {}
        for at, release in enumerate(releases):
            together.setdefault(frozenset(release.kinds), []).append(at)
        lines = [
            f"{self.index}\t{self.project}",
            "0\t0" + "\t" * _TEXTS,
            "\t".join(versions),
            runs(prereleases),
            "\t".join(map(_flat, self._requires)),
            "\t".join(map(_flat, self._tags)),
            *(f"{runs(numbers)}\t{_groups(kinds)}" for kinds, numbers in together.items()),
            "",
            "".join([release.span() for release in releases]),
        ]
        page = _page(self.index, self.project, lines, ABSENT if absent else token, "\n".join(lines))
        page.provenance = provenance
        page.attach(rows if not absent else f"cw-rows {FORMAT} {ABSENT} 0\n00000000".encode())
        return page


def _canonical(version: str) -> str:
    """Return a valid version in normal form; most are digits and dots and need no parser."""
    if version.replace(".", "").isdigit() and version.isascii():
        return ".".join([str(int(number)) for number in version.split(".")])
    return canonical(version)


def _pack_rows(releases: "Iterable[list[str]]") -> tuple[bytes, str]:
    """Return the rows section and its token, a checksum of all that it says."""
    table: list[str] = []
    chunks: list[bytes] = []
    at = total = 0
    for lines in releases:
        text = "\n".join(lines)
        if text.count("\t") != len(lines) * (_COLUMNS - 1) or text.count("\n") != len(lines) - 1:
            # what has tabs and line ends in its digests or its URL is no file of an honest index
            text = "\n".join(line for line in lines if line.count("\t") == _COLUMNS - 1 and "\n" not in line)
        chunk = text.encode("utf-8", "replace")
        crc = crc32(chunk)
        table.append(f"{at:08x}{crc:08x}")
        chunks.append(chunk)
        at += len(chunk)
        total = crc32(chunk, total)
    token = f"{total:08x}{at:08x}"
    head = f"cw-rows {FORMAT} {token} {len(chunks)}\n{''.join(table)}{at:08x}".encode()
    return head + b"".join(chunks), token
