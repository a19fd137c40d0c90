"""What is remembered of sources: which wheel a URL, a file, a commit or a directory led to the last time.

Everything is a pointer in the store, from words that name a source and all that its wheel depends on, to the sha256 of a file.
Whether a pointer is believed is the store's affair: it takes them from trusted owners alone, since whoever can make others
install what he built can make them run anything.

Lean, since a warm installation of sources is this and nothing else. What is not remembered is None, and `material` makes it.
"""

import os
import time

from commonwheel.model import Digest, PathSource, UrlSource, VcsSource
from commonwheel.road import building
from commonwheel.specs import core_metadata, file_url, urls
from commonwheel.specs.fingerprint import sha256_of as hashed
from commonwheel.specs.names import normalize
from commonwheel.specs.sources import file_is_wheel
from commonwheel.specs.versions import same_version
from commonwheel.store import lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.model import Entry, Metadata, Pin, Requirement, SafeUrl
    from commonwheel.road.parts import Parts

    Source = UrlSource | VcsSource | PathSource

_FULL = 40
_DIRECT = "direct"
_DESCRIBING = ("pyproject.toml", "setup.py", "setup.cfg")


# --- names ----------------------------------------------------------------------------------------------------------


def url_key(url: "SafeUrl") -> str:
    """Return the name of what a URL of an index that gives no hashes leads to."""
    return f"url {url.bare}"


def file_key(path: str) -> str:
    """Return the name of a file as it is now. Raises OSError."""
    found = os.stat(path)
    return f"file {path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def built_key(parts: "Parts", identity: str, name: str, place: str = "") -> str:
    """Return the name of the wheel that is built of a source: of the source itself, and of all that builds are made with."""
    words = f"{identity}\n{building.key(parts, name, place)}"
    return f"built {hashed(words.encode('utf-8', 'surrogateescape'))}"


def record_key(url: "SafeUrl") -> str:
    """Return the key of the record of a direct URL, in the space of pages."""
    return f"direct/{hashed(url.bare.encode())}"


def refreshes(parts: "Parts", name: str = "") -> bool:
    """Tell whether what is remembered is not wanted."""
    return parts.settings.flag("refresh") or _names(parts, "refresh-package", name)


def sha256_of(digests: "Sequence[Digest]") -> str | None:
    """Return the sha256 among digests when there is exactly one: several mean "any of these"."""
    found = [digest.hex for digest in digests if digest.algorithm == "sha256"]
    return found[0] if len(found) == 1 else None


# --- what a source is -----------------------------------------------------------------------------------------------


def identity(parts: "Parts", source: "Source") -> str:
    """Return words that change when what is built of a source may change; "" when that cannot be told without fetching."""
    if isinstance(source, VcsSource):
        commit = source.commit or (source.revision if _is_full(source.revision) else "")
        return below(f"git {source.url.bare} {commit}", source.subdirectory) if commit else ""
    if isinstance(source, PathSource) and os.path.isdir(source.path):
        return "" if source.editable else below(made_of(parts, source.path), source.subdirectory)
    digest = archive_digest(parts, source)
    return below(f"sha256 {digest}", source.subdirectory) if digest else ""


def below(words: str, subdirectory: str | None) -> str:
    """Return the identity of a directory of a source."""
    return f"{words} {subdirectory}" if subdirectory else words


def _is_full(revision: str | None) -> bool:
    return revision is not None and len(revision) == _FULL and not revision.strip("0123456789abcdef")


def archive_digest(parts: "Parts", source: "UrlSource | PathSource") -> str | None:
    """Return the sha256 of an archive, if it is given, or remembered and still right."""
    given = sha256_of(source.digests)
    if isinstance(source, UrlSource):
        return given or (None if source.digests else _digest_at(parts, source.url))
    try:
        digest = parts.store.pointer(file_key(source.path))
    except OSError:
        return None
    if digest is None or (source.digests and all(one.hex != digest for one in source.digests)):
        return None
    return digest


def _digest_at(parts: "Parts", url: "SafeUrl") -> str | None:
    """Return the sha256 of what lies at a URL, as long as its server lets the last answer be used."""
    known = read_record(parts, url)
    if known is None or refreshes(parts):
        return None
    return known.digest if parts.settings.flag("offline") or time.time() < known.until else None


class Record:
    """What is known of a direct URL: the hash of what was there, until when that may be used, and the validators."""

    __slots__ = ("digest", "etag", "modified", "until")

    def __init__(self, digest: str, until: float, etag: str, modified: str) -> None:
        self.digest = digest
        self.until = until
        self.etag = etag
        self.modified = modified


def _room(url: "SafeUrl") -> str:
    """Return where the record of a direct URL is kept: for this user alone where anybody on the way may have answered."""
    return "private-pages" if urls.is_unprotected(url.bare) else "pages"


def read_record(parts: "Parts", url: "SafeUrl") -> Record | None:
    """Return what is known of a direct URL."""
    data = parts.store.get(_room(url), record_key(url))
    found = None if data is None else lines.unseal(_DIRECT, data)
    if not found or len(found) != 1:
        return None
    fields = [lines.unescape(field) for field in found[0].split("\t")]
    if len(fields) != 5 or fields[0] != url.bare or not fields[2].isdecimal():  # noqa: PLR2004 - as written below
        return None
    return Record(fields[1], float(fields[2]), fields[3], fields[4])


def write_record(parts: "Parts", url: "SafeUrl", record: Record) -> None:
    """Keep what is known of a direct URL."""
    line = lines.joined(url.bare, record.digest, str(int(record.until)), record.etag, record.modified)
    parts.store.put(_room(url), record_key(url), lines.seal(_DIRECT, [line]))


def made_of(parts: "Parts", path: str) -> str:
    """Return what changes when the project in a directory should be built anew.

    That is what its `cache-keys` say, else the files that describe it, as uv has it. "" when that cannot be told.
    """
    words = [f"directory {path}"]
    for name in _DESCRIBING:
        file = os.path.join(path, name)
        try:
            found = os.stat(file)
            if name == "pyproject.toml" and _has_keys(file):
                return parts.made_of(path)
        except OSError:
            continue
        words.append(f"{name} {found.st_mtime_ns} {found.st_size}")
    try:
        words.append(f"src {os.stat(os.path.join(path, 'src')).st_ino}")
    except OSError:
        pass
    return " ".join(words) if len(words) > 1 else ""


def _has_keys(path: str) -> bool:
    with open(path, "rb") as stream:
        return b"cache-keys" in stream.read()


# --- what it led to -------------------------------------------------------------------------------------------------


def entry(parts: "Parts", pin: "Pin") -> "Entry | None":
    """Return the entry of a pin, if the store has a good one and nothing has to be asked for it."""
    candidate = pin.candidate
    if candidate is not None and candidate.kind == "wheel":
        digest = sha256_of(pin.digests) or sha256_of(candidate.digests)
        if digest is None and not (pin.digests or candidate.digests):
            path = file_url.to_path(candidate.url.secret)
            digest = archive_digest(parts, PathSource(path)) if path is not None else None
        # found, and not looked at yet: whoever places its files looks at all of them (`store.inspection`), while others are found
        return parts.store.find(digest) if digest is not None else None
    if candidate is not None:
        found = None if refreshes(parts, pin.name) else built(parts, candidate_identity(parts, pin), pin.name)
    elif pin.source is None or not may_recall(parts, pin.source, pin.name):
        return None
    elif file_is_wheel(pin.source):
        found = _wheel(parts, pin.source)
    else:
        source = with_digests(pin.source, pin.digests)
        found = built(parts, identity(parts, source), pin.name, building.place_of(source))
    if found is None or found.name != pin.name or not same_version(found.version, pin.version):
        return None
    return found


def candidate_identity(parts: "Parts", pin: "Pin") -> str:
    """Return the identity of an sdist of an index; one without a hash is known by its URL, a local one by its file."""
    candidate = pin.candidate
    assert candidate is not None
    digest = sha256_of(pin.digests) or sha256_of(candidate.digests)
    if digest is None and not (pin.digests or candidate.digests):
        path = file_url.to_path(candidate.url.secret)
        if path is None:
            return url_key(candidate.url)
        digest = archive_digest(parts, PathSource(path))
    return f"sha256 {digest}" if digest else ""


def metadata(parts: "Parts", requirement: "Requirement") -> "tuple[Requirement, Metadata] | None":
    """Return the metadata of a direct source, and the requirement with its name (and commit), as far as they are remembered."""
    source = requirement.source
    assert source is not None
    source = with_digests(source, requirement.digests)
    if not may_recall(parts, source, requirement.name):
        return None
    if isinstance(source, PathSource) and has_sources(os.path.join(source.path, source.subdirectory or "")):
        return None  # the wheel does not tell them
    if file_is_wheel(source):
        found = _wheel(parts, source)
    else:
        found = built(parts, identity(parts, source), requirement.name, building.place_of(source))
    text = parts.store.metadata(found.digest) if found is not None else None
    if text is None or found is None:
        return None
    said = core_metadata.parse(text)
    if requirement.name and requirement.name != said.name:
        return None
    return requirement.replaced(name=said.name, source=settled(parts, source)), said


def settled(parts: "Parts", source: "Source") -> "Source":
    """Return a source with its commit, or the hash of its archive, as far as it is known."""
    if isinstance(source, VcsSource):
        full = source.commit or (source.revision if _is_full(source.revision) else None)
        return source.replaced(commit=full)
    if source.digests or (isinstance(source, PathSource) and os.path.isdir(source.path)):
        return source
    digest = archive_digest(parts, source)
    return source.replaced(digests=(Digest("sha256", digest),)) if digest else source


def with_digests(source: "Source", digests: "tuple[Digest, ...]") -> "Source":
    """Return a source with the hashes that its requirement demands."""
    if digests and not isinstance(source, VcsSource) and not source.digests:
        return source.replaced(digests=digests)
    return source


def may_recall(parts: "Parts", source: "Source", name: str) -> bool:
    """Tell whether what was made of a source before may be used at all."""
    if refreshes(parts, name) or getattr(source, "editable", False):
        return False
    if isinstance(source, PathSource) and os.path.isdir(source.path):
        return not (parts.rebuilds(source) or _is_reinstalled(parts, name))
    return True


def _is_reinstalled(parts: "Parts", name: str) -> bool:
    return parts.settings.flag("reinstall") or _names(parts, "reinstall-package", name)


def _names(parts: "Parts", key: str, name: str) -> bool:
    return name != "" and name in map(normalize, parts.settings.many(key))


def has_sources(tree: str) -> bool:
    """Tell whether a project may say where its dependencies come from (`[tool.uv.sources]`)."""
    try:
        with open(os.path.join(tree, "pyproject.toml"), "rb") as stream:
            data = stream.read()
    except OSError:
        return False
    return b"sources" in data and (b"tool.uv" in data or b"tool.cw" in data)


def built(parts: "Parts", words: str, name: str, place: str = "") -> "Entry | None":
    """Return the wheel that was built of what `words` identify, with everything as it is now."""
    if not words:
        return None
    digest = parts.store.pointer(built_key(parts, words, name, place))
    return parts.store.ready(digest) if digest is not None else None


def _wheel(parts: "Parts", source: "Source") -> "Entry | None":
    assert not isinstance(source, VcsSource)
    digest = archive_digest(parts, source)
    return parts.store.ready(digest) if digest is not None else None
