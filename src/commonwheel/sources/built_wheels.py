"""What is remembered of sources: which wheel a URL, a file, a commit or a directory led to the last time.

Everything is a pointer in the store, from words that name a source and all that its wheel depends on, to the sha256 of a file.
Whether a pointer is believed is the store's affair: it takes them from trusted owners alone, since whoever can make others
install what he built can make them run anything.

Lean, since a warm installation of sources is this and nothing else. What is not remembered is None, and `material` makes it.
"""

import os
import time

from commonwheel.model import Digest, PathSource, UrlSource, VcsSource
from commonwheel.sources import build_inputs
from commonwheel.specs import core_metadata, file_url, urls
from commonwheel.specs.names import normalize
from commonwheel.specs.sha256 import sha256_of as hashed
from commonwheel.specs.sources import file_is_wheel
from commonwheel.specs.versions import same_version
from commonwheel.store import sealed_records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.model import Entry, Metadata, Pin, Requirement, SafeUrl
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.build_inputs import BuildInputs
    from commonwheel.store.store import Store

    Source = UrlSource | VcsSource | PathSource

_FULL = 40
_DIRECT = "direct"
_DESCRIBING = ("pyproject.toml", "setup.py", "setup.cfg")


def url_key(url: "SafeUrl") -> str:
    """Return the name of what a URL of an index that gives no hashes leads to."""
    return f"url {url.bare}"


def file_key(path: str) -> str:
    """Return the name of a file as it is now. Raises OSError."""
    found = os.stat(path)
    return f"file {path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def record_key(url: "SafeUrl") -> str:
    """Return the key of the record of a direct URL, in the space of pages."""
    return f"direct/{hashed(url.bare.encode())}"


def sha256_of(digests: "Sequence[Digest]") -> str | None:
    """Return the sha256 among digests when there is exactly one: several mean "any of these"."""
    found = [digest.hex for digest in digests if digest.algorithm == "sha256"]
    return found[0] if len(found) == 1 else None


def below(words: str, subdirectory: str | None) -> str:
    """Return the identity of a directory of a source."""
    return f"{words} {subdirectory}" if subdirectory else words


def with_digests(source: "Source", digests: "tuple[Digest, ...]") -> "Source":
    """Return a source with the hashes that its requirement demands."""
    if digests and not isinstance(source, VcsSource) and not source.digests:
        return source.replaced(digests=digests)
    return source


def has_sources(tree: str) -> bool:
    """Return whether a project may say where its dependencies come from (`[tool.uv.sources]`)."""
    try:
        with open(os.path.join(tree, "pyproject.toml"), "rb") as stream:
            data = stream.read()
    except OSError:
        return False
    return b"sources" in data and (b"tool.uv" in data or b"tool.cw" in data)


def _is_full(revision: str | None) -> bool:
    return revision is not None and len(revision) == _FULL and not revision.strip("0123456789abcdef")


def _has_keys(path: str) -> bool:
    with open(path, "rb") as stream:
        return b"cache-keys" in stream.read()


class Record:
    """What is known of a direct URL: the hash of what was there, until when that may be used, and the validators."""

    __slots__ = ("digest", "etag", "modified", "until")

    def __init__(self, digest: str, until: float, etag: str, modified: str) -> None:
        self.digest = digest
        self.until = until
        self.etag = etag
        self.modified = modified


def _room(url: "SafeUrl") -> str:
    """Return where the record of a direct URL is kept: for this user alone where another host on the way may have answered."""
    return "private-pages" if urls.is_unprotected(url.bare) else "pages"


class Recall:
    """Look up, for one request, what sources led to before; safe to use from several threads.

    `words` are those of the command line, `cwd` the directory that paths among them start from; `fingerprint` reads the
    `cache-keys` of a project directory (`cache_keys.made_of`), and is loaded for those that have some.
    """

    def __init__(
        self,
        store: "Store",
        settings: "Settings",
        builds: "BuildInputs",
        fingerprint: "Callable[[str], str]",
        words: "Sequence[str]" = (),
        cwd: str = "/",
    ) -> None:
        self._store = store
        self._settings = settings
        self._builds = builds
        self._fingerprint = fingerprint
        self._words = words
        self._cwd = cwd
        self._named: set[str] | None = None

    def entry(self, pin: "Pin") -> "Entry | None":
        """Return the entry of a pin, if the store has a good one and nothing has to be asked for it."""
        candidate = pin.candidate
        if candidate is not None and candidate.kind == "wheel":
            digest = sha256_of(pin.digests) or sha256_of(candidate.digests)
            if digest is None and not (pin.digests or candidate.digests):
                path = file_url.to_path(candidate.url.secret)
                digest = self.archive_digest(PathSource(path)) if path is not None else None
            # found, and not looked at yet: whoever places its files looks at all of them (`store.recheck`), while others are found
            return self._store.find(digest) if digest is not None else None
        if candidate is not None:
            found = None if self.refreshes(pin.name) else self.built(self.candidate_identity(pin), pin.name)
        elif pin.source is None or not self.may_recall(pin.source, pin.name):
            return None
        elif file_is_wheel(pin.source):
            found = self._wheel(pin.source)
        else:
            source = with_digests(pin.source, pin.digests)
            found = self.built(self.identity(source), pin.name, build_inputs.place_of(source))
        if found is None or found.name != pin.name or not same_version(found.version, pin.version):
            return None
        return found

    def metadata(self, requirement: "Requirement") -> "tuple[Requirement, Metadata] | None":
        """Return the metadata of a direct source, and the requirement with its name (and commit), as far as they are remembered."""
        source = requirement.source
        assert source is not None
        source = with_digests(source, requirement.digests)
        if not self.may_recall(source, requirement.name):
            return None
        if isinstance(source, PathSource) and has_sources(os.path.join(source.path, source.subdirectory or "")):
            return None  # the wheel does not tell them
        if file_is_wheel(source):
            found = self._wheel(source)
        else:
            found = self.built(self.identity(source), requirement.name, build_inputs.place_of(source))
        text = self._store.metadata(found.digest) if found is not None else None
        if text is None or found is None:
            return None
        said = core_metadata.parse(text)
        if requirement.name and requirement.name != said.name:
            return None
        return requirement.replaced(name=said.name, source=self.settled(source)), said

    def settled(self, source: "Source") -> "Source":
        """Return a source with its commit, or the hash of its archive, as far as it is known."""
        if isinstance(source, VcsSource):
            full = source.commit or (source.revision if _is_full(source.revision) else None)
            return source.replaced(commit=full)
        if source.digests or (isinstance(source, PathSource) and os.path.isdir(source.path)):
            return source
        digest = self.archive_digest(source)
        return source.replaced(digests=(Digest("sha256", digest),)) if digest else source

    def built(self, words: str, name: str, place: str = "") -> "Entry | None":
        """Return the wheel that was built of what `words` identify, with everything as it is now."""
        if not words:
            return None
        digest = self._store.pointer(self.built_key(words, name, place))
        return self._store.ready(digest) if digest is not None else None

    def may_recall(self, source: "Source", name: str) -> bool:
        """Return whether what was made of a source before may be used at all."""
        if self.refreshes(name) or getattr(source, "editable", False):
            return False
        if isinstance(source, PathSource) and os.path.isdir(source.path):
            return not (self.rebuilds(source) or self._is_reinstalled(name))
        return True

    def refreshes(self, name: str = "") -> bool:
        """Return whether what is remembered is not wanted."""
        return self._settings.flag("refresh") or self._names("refresh-package", name)

    def rebuilds(self, source: PathSource) -> bool:
        """Return whether a directory is built again whatever is remembered: it was named on the command line."""
        if self._named is None:
            words = {
                part.strip() for word in self._words for part in (word, word.partition("=")[2], word.partition("@")[2])
            }
            paths = {file_url.to_path(word) or word for word in words if word}
            self._named = {os.path.normpath(os.path.join(self._cwd, path.partition("[")[0])) for path in paths}
        return os.path.normpath(source.path) in self._named

    def identity(self, source: "Source") -> str:
        """Return words that change when what is built of a source may change; "" when that cannot be told without fetching."""
        if isinstance(source, VcsSource):
            commit = source.commit or (source.revision if _is_full(source.revision) else "")
            return below(f"git {source.url.bare} {commit}", source.subdirectory) if commit else ""
        if isinstance(source, PathSource) and os.path.isdir(source.path):
            return "" if source.editable else below(self.made_of(source.path), source.subdirectory)
        digest = self.archive_digest(source)
        return below(f"sha256 {digest}", source.subdirectory) if digest else ""

    def candidate_identity(self, pin: "Pin") -> str:
        """Return the identity of an sdist of an index; one without a hash is known by its URL, a local one by its file."""
        candidate = pin.candidate
        assert candidate is not None
        digest = sha256_of(pin.digests) or sha256_of(candidate.digests)
        if digest is None and not (pin.digests or candidate.digests):
            path = file_url.to_path(candidate.url.secret)
            if path is None:
                return url_key(candidate.url)
            digest = self.archive_digest(PathSource(path))
        return f"sha256 {digest}" if digest else ""

    def built_key(self, identity: str, name: str, place: str = "") -> str:
        """Return the name of the wheel that is built of a source: of the source itself, and of all that builds are made with."""
        words = f"{identity}\n{self._builds.key(name, place)}"
        return f"built {hashed(words.encode('utf-8', 'surrogateescape'))}"

    def archive_digest(self, source: "UrlSource | PathSource") -> str | None:
        """Return the sha256 of an archive, if it is given, or remembered and still right."""
        given = sha256_of(source.digests)
        if isinstance(source, UrlSource):
            return given or (None if source.digests else self._digest_at(source.url))
        try:
            digest = self._store.pointer(file_key(source.path))
        except OSError:
            return None
        if digest is None or (source.digests and all(one.hex != digest for one in source.digests)):
            return None
        return digest

    def _digest_at(self, url: "SafeUrl") -> str | None:
        """Return the sha256 of what lies at a URL, as long as its server lets the last answer be used."""
        known = self.read_record(url)
        if known is None or self.refreshes():
            return None
        return known.digest if self._settings.flag("offline") or time.time() < known.until else None

    def read_record(self, url: "SafeUrl") -> Record | None:
        """Return what is known of a direct URL."""
        data = self._store.get(_room(url), record_key(url))
        found = None if data is None else sealed_records.unseal(_DIRECT, data)
        if not found or len(found) != 1:
            return None
        fields = [sealed_records.unescape(field) for field in found[0].split("\t")]
        if len(fields) != 5 or fields[0] != url.bare or not fields[2].isdecimal():  # noqa: PLR2004 - as written below
            return None
        return Record(fields[1], float(fields[2]), fields[3], fields[4])

    def write_record(self, url: "SafeUrl", record: Record) -> None:
        """Keep what is known of a direct URL."""
        line = sealed_records.joined(url.bare, record.digest, str(int(record.until)), record.etag, record.modified)
        self._store.put(_room(url), record_key(url), sealed_records.seal(_DIRECT, [line]))

    def made_of(self, path: str) -> str:
        """Return what changes when the project in a directory should be built anew.

        That is what its `cache-keys` say, else the files that describe it, as uv has it. "" when that cannot be told.
        """
        words = [f"directory {path}"]
        for name in _DESCRIBING:
            file = os.path.join(path, name)
            try:
                found = os.stat(file)
                if name == "pyproject.toml" and _has_keys(file):
                    return self._fingerprint(path)
            except OSError:
                continue
            words.append(f"{name} {found.st_mtime_ns} {found.st_size}")
        try:
            words.append(f"src {os.stat(os.path.join(path, 'src')).st_ino}")
        except OSError:
            pass
        return " ".join(words) if len(words) > 1 else ""

    def _is_reinstalled(self, name: str) -> bool:
        return self._settings.flag("reinstall") or self._names("reinstall-package", name)

    def _names(self, key: str, name: str) -> bool:
        return name != "" and name in map(normalize, self._settings.many(key))

    def _wheel(self, source: "Source") -> "Entry | None":
        assert not isinstance(source, VcsSource)
        digest = self.archive_digest(source)
        return self._store.ready(digest) if digest is not None else None
