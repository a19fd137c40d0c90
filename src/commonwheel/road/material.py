"""Get what is not in the store: download wheels, and build what is given as source.

Everything ends as an entry: a wheel from an index, a wheel at a URL or path, or one that was built here from a source
distribution, a repository or a directory. What leads to an entry is kept as a pointer (url, file, source and settings -> sha256),
so that the second time is a look at the store. Built wheels stay in the personal store: whoever can make others run
what he built can make them run anything (docs/sharing.md).

Cold: this module loads the network and the builds; a session makes it only when something is missing.
"""

import hashlib
import os
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import RLock

from commonwheel.build import archives
from commonwheel.build.builder import Tree
from commonwheel.build.static import NotAProject
from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk
from commonwheel.model import Digest, PathSource, Pin, SafeUrl, UrlSource, Value, VcsSource
from commonwheel.road.preparing import sha256_of
from commonwheel.specs import core_metadata, file_url
from commonwheel.specs.sources import file_is_wheel
from commonwheel.specs.versions import same_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from commonwheel.build.builder import Builder
    from commonwheel.build.vcs import Repositories
    from commonwheel.fs.disk import NewFile
    from commonwheel.model import Candidate, Entry, Metadata, Requirement
    from commonwheel.net.client import Client
    from commonwheel.road.parts import Parts

    Source = UrlSource | VcsSource | PathSource

_WORKERS = 8
_PART = 1 << 20
_OK = 200


class SourceMismatch(CommonwheelError):
    """Say that a source is another project than was asked for."""

    code = "source-mismatch"


class NoSuchSource(CommonwheelError):
    """Say that nothing usable is at a path or URL."""

    code = "no-such-source"
    exit_status = 1


class Built(Value):
    """A source made ready for its backend: the tree, and what names it for the pointers to built wheels."""

    __slots__ = ("identity", "tree")

    def __init__(self, tree: Tree, identity: str) -> None:
        self.tree: Final = tree
        self.identity: Final = identity


class Material:
    """Fetch and build for one session; all methods may be called from several threads."""

    def __init__(
        self,
        parts: "Parts",
        client: "Callable[[], Client]",
        builder: "Callable[[], Builder]",
        repositories: "Callable[[], Repositories]",
        *,
        workers: int = _WORKERS,
        builders: int = 2,
    ) -> None:
        self._parts = parts
        self._client = client
        self._builder = builder
        self._repositories = repositories
        self._workers = workers
        self._builders = builders
        self._trees: dict[object, Built] = {}
        self._lock = RLock()
        self._scratch = ""

    def close(self) -> None:
        """Delete the scratch space."""
        if self._scratch:
            disk.erase(self._scratch)
            self._scratch = ""

    # --- metadata ---------------------------------------------------------------------------------------------------

    def metadata(self, requirement: "Requirement") -> "tuple[Requirement, Metadata]":
        """Return the metadata of a direct source, and the requirement with name, commit and digests filled in.

        Raises SourceMismatch when it is another project, NoSuchSource, and the errors of downloads and builds.
        """
        source = requirement.source
        assert source is not None
        digests = requirement.digests or getattr(source, "digests", ())
        if digests and not isinstance(source, VcsSource) and not source.digests:
            source = source.replaced(digests=digests)
        if isinstance(source, VcsSource):
            source = self._repositories().resolve(source)
        if file_is_wheel(source):
            found = core_metadata.parse(self._text_of(self._wheel(source)))
        else:
            found = self._built_metadata(source, requirement)
        if requirement.name and requirement.name != found.name:
            raise SourceMismatch(
                f"`{requirement}` was asked for, but what is there is `{found.name}`",
                context=[f"asked for at: {requirement.origin}"] if requirement.origin else (),
                hint=f"write `{found.name} @ ...` if that is what you want",
            )
        return requirement.replaced(name=found.name, source=source), found

    def candidate_metadata(self, candidate: "Candidate") -> "Metadata":
        """Return the metadata of a file of an index that offers none apart: from the whole wheel, or by a build."""
        if candidate.kind == "wheel":
            entry = self._index_wheel(Pin(candidate.name, candidate.version, candidate))
            return core_metadata.parse(self._text_of(entry))
        built = self._unpacked(candidate.url, candidate.filename, candidate.digests, candidate.name, candidate.version)
        return self._builder().metadata(built.tree)

    def _built_metadata(self, source: "Source", requirement: "Requirement") -> "Metadata":
        editable = bool(getattr(source, "editable", False))
        built = self._source(source, requirement.name)
        entry = None if editable else self._remembered(built, source, requirement.name)
        if entry is not None:
            return core_metadata.parse(self._text_of(entry))
        return self._builder().metadata(built.tree, editable=editable)

    def _text_of(self, entry: "Entry") -> str:
        text = self._parts.store.metadata(entry.digest)
        if text is None:
            raise NoSuchSource(
                f"the entry of `{entry.name}` vanished from the store while it was read", hint="run the command again"
            )
        return text

    # --- entries ----------------------------------------------------------------------------------------------------

    def fetch(self, pins: "Sequence[Pin]") -> "dict[str, Entry]":
        """Bring the wheels of pins into the store, several at a time; return the entries by name.

        Downloads come first, builds after them (they may need what was downloaded). The first error ends the rest.
        """
        downloads = [pin for pin in pins if _is_download(pin)]
        builds = [pin for pin in pins if not _is_download(pin)]
        found = self._each(downloads, self._entry_of_download, self._workers)
        found.update(self._each(builds, self._entry_of_build, self._builders))
        return found

    def wheel_file(self, pin: Pin) -> "Entry":
        """Return the entry of one pin, fetched or built."""
        return self._entry_of_download(pin) if _is_download(pin) else self._entry_of_build(pin)

    # --- archives ---------------------------------------------------------------------------------------------------

    def wheel_archive(self, pin: Pin) -> "tuple[str, str]":
        """Return a path where the wheel of a pin lies as an archive, and its file name; fetched or built if need be."""
        store = self._parts.store
        if _is_download(pin):
            if pin.candidate is not None:
                url, filename, digests = pin.candidate.url, pin.candidate.filename, pin.digests or pin.candidate.digests
            elif isinstance(pin.source, PathSource):
                return pin.source.path, os.path.basename(pin.source.path)
            else:
                assert isinstance(pin.source, UrlSource)
                url, filename, digests = pin.source.url, _filename(pin.source.url), pin.digests or pin.source.digests
            sha256 = sha256_of(digests)
            kept = store.wheel_of(sha256) if sha256 else None
            return (kept, filename) if kept else (self._fetched(url, filename, digests)[0], filename)
        path = self._build(pin)
        return path, os.path.basename(path)

    def source_archive(self, pin: Pin) -> "tuple[str, str]":
        """Return a path where the source distribution of a pin lies, and its file name.

        Repositories and directories have none: their wheel is returned.
        """
        if pin.candidate is not None:
            candidate = pin.candidate
            return self._fetched(candidate.url, candidate.filename, pin.digests or candidate.digests)[
                0
            ], candidate.filename
        if isinstance(pin.source, UrlSource):
            filename = _filename(pin.source.url)
            return self._fetched(pin.source.url, filename, pin.digests or pin.source.digests)[0], filename
        if isinstance(pin.source, PathSource) and os.path.isfile(pin.source.path):
            return pin.source.path, os.path.basename(pin.source.path)
        return self.wheel_archive(pin)

    def _build(self, pin: Pin) -> str:
        """Build the wheel of a pin into scratch space and return its path."""
        if pin.candidate is not None:
            candidate = pin.candidate
            digests = pin.digests or candidate.digests
            built = self._unpacked(candidate.url, candidate.filename, digests, pin.name, pin.version)
        else:
            assert pin.source is not None
            built = self._source(pin.source, pin.name)
        editable = bool(getattr(pin.source, "editable", False))
        return self._builder().wheel(built.tree, disk.staging(self._scratch_space()), editable=editable)

    def _each(self, pins: "Sequence[Pin]", work: "Callable[[Pin], Entry]", width: int) -> "dict[str, Entry]":
        if not pins:
            return {}
        task = self._parts.reporter.begin("prepare", f"{len(pins)} packages", len(pins))

        def one(pin: Pin) -> "Entry":
            entry = work(pin)
            self._parts.reporter.advance(task)
            return entry

        try:
            if len(pins) == 1:
                return {pins[0].name: one(pins[0])}
            pool = ThreadPoolExecutor(min(width, len(pins)), thread_name_prefix="cw-material")
            try:
                # the largest first, so that no long one is left alone at the end
                order = sorted(pins, key=lambda pin: -((pin.candidate.size or 0) if pin.candidate else 0))
                waiting = {pool.submit(one, pin): pin.name for pin in order}
                done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                return {name: future.result() for future, name in waiting.items()}
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        finally:
            self._parts.reporter.end(task)

    def _entry_of_download(self, pin: Pin) -> "Entry":
        if pin.candidate is not None:
            return self._index_wheel(pin)
        assert pin.source is not None
        entry = self._wheel(pin.source, pin.digests)
        if entry.name != pin.name or not same_version(entry.version, pin.version):
            raise SourceMismatch(
                f"`{pin.name}=={pin.version}` was expected, but what is there is `{entry.name}=={entry.version}`"
            )
        return entry

    def _entry_of_build(self, pin: Pin) -> "Entry":
        """Return the entry of a pin that has to be built: the one that was built before, if that still holds."""
        if pin.candidate is not None:
            candidate = pin.candidate
            identity = _sdist_identity(pin.digests or candidate.digests) or f"url {candidate.url.bare}"
            entry = self._pointed(self._key(identity, pin.name)) if not self._refreshes() else None
        else:
            assert pin.source is not None
            built = self._source(pin.source, pin.name)
            identity = built.identity
            entry = self._remembered(built, pin.source, pin.name)
        if entry is None:
            path = self._build(pin)
            entry = self._parts.store.admit_file(path, os.path.basename(path), origin="build", private=True)
            if identity:
                self._parts.store.point(self._key(identity, pin.name), entry.digest, private=True)
        return entry

    def _index_wheel(self, pin: Pin) -> "Entry":
        """Download a wheel of an index, unless the store has one with the same hash or from the same URL."""
        candidate = pin.candidate
        assert candidate is not None
        expected = pin.digests or candidate.digests
        store = self._parts.store
        sha256 = sha256_of(expected)
        pointer = f"url {candidate.url.bare}"
        digest = sha256 or (store.pointer(pointer) if not expected else None)
        if digest is not None:
            entry = store.ready(digest)
            if entry is not None:
                return entry
        path = file_url.to_path(candidate.url.secret)
        if path is not None:
            entry = store.admit_file(path, candidate.filename, expected)
        else:
            entry = store.admit(
                self._filler(candidate.url, candidate.filename, candidate.size, hashed=bool(expected)),
                filename=candidate.filename,
                expected=expected,
            )
        if sha256 is None:
            store.point(pointer, entry.digest)
        return entry

    def _filler(
        self, url: SafeUrl, label: str, size: int | None = None, *, hashed: bool = False
    ) -> "Callable[[NewFile], None]":
        """Return what writes the body at a URL into a new file; `hashed` when a hash will tell that it is whole."""
        client = self._client()

        def fill(file: "NewFile") -> None:
            # not earlier: whoever is fetching the same wheel at this moment is waited for
            download = client.download(url, size=size, label=label, immutable=hashed)
            download.into(file.write, file.rewind)
            response = download.result()
            if response.status != _OK:
                raise NoSuchSource(
                    f"`{label}` cannot be downloaded: the server answers {response.status}",
                    context=[f"from: {url}"],
                    hint="`--refresh` asks the index again, if the file was moved or deleted",
                )

        return fill

    # --- direct sources ---------------------------------------------------------------------------------------------

    def _wheel(self, source: "Source", digests: "tuple[Digest, ...]" = ()) -> "Entry":
        """Return the entry of a wheel at a path or URL."""
        store = self._parts.store
        expected = digests or getattr(source, "digests", ())
        if isinstance(source, PathSource):
            return self._local_wheel(source, expected)
        assert isinstance(source, UrlSource)
        filename = _filename(source.url)
        key = f"url {source.url.bare}"
        digest = sha256_of(expected) or (None if self._refreshes() else store.pointer(key))
        entry = store.ready(digest) if digest is not None else None
        if entry is None:
            entry = store.admit(
                self._filler(source.url, filename, hashed=bool(expected)),
                filename=filename,
                expected=expected,
                origin="url",
            )
            store.point(key, entry.digest)
        return entry

    def _local_wheel(self, source: PathSource, expected: "tuple[Digest, ...]") -> "Entry":
        store = self._parts.store
        try:
            found = os.stat(source.path)
        except OSError as error:
            raise NoSuchSource(f"`{source.path}` cannot be read: {error.strerror}", hint="check the path") from error
        key = f"file {source.path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
        digest = store.pointer(key)
        if digest is not None and (not expected or any(one.hex == digest for one in expected)):
            entry = store.ready(digest)
            if entry is not None:
                return entry
        entry = store.admit_file(source.path, os.path.basename(source.path), expected)
        store.point(key, entry.digest, private=True)
        return entry

    def _source(self, source: "Source", name: str) -> Built:
        """Return the tree of a source that has to be built."""
        with self._lock:
            known = self._trees.get(source)
            if known is None:
                known = self._trees[source] = self._made_ready(source, name)
            return known

    def _made_ready(self, source: "Source", name: str) -> Built:
        if isinstance(source, UrlSource):
            filename = _filename(source.url)
            built = self._unpacked(source.url, filename, source.digests, name, "")
            return self._below(built, source.subdirectory)
        if isinstance(source, VcsSource):
            directory = disk.temporary(self._scratch_space(), "git-")
            source = self._repositories().resolve(source)
            self._repositories().checkout(source, directory)
            identity = f"git {source.url.bare} {source.commit}"
            return self._below(Built(Tree(directory, str(source.url), name), identity), source.subdirectory)
        if not os.path.isdir(source.path):
            if not os.path.isfile(source.path):
                raise NoSuchSource(f"there is nothing at `{source.path}`", hint="check the path")
            url = SafeUrl(file_url.from_path(source.path))
            built = self._unpacked(url, os.path.basename(source.path), source.digests, name, "")
            return self._below(built, source.subdirectory)
        tree = Tree(source.path, source.path, name)
        return self._below(
            Built(tree, "" if source.editable else _directory_identity(source.path)), source.subdirectory
        )

    def _below(self, built: Built, subdirectory: str | None) -> Built:
        if not subdirectory:
            return built
        path = os.path.normpath(os.path.join(built.tree.path, subdirectory))
        if not path.startswith(built.tree.path + os.sep) or not os.path.isdir(path):
            raise NotAProject(f"`{built.tree.label}` has no directory `{subdirectory}`", hint="check `#subdirectory=`")
        label = f"{built.tree.label}#subdirectory={subdirectory}"
        return Built(
            built.tree.replaced(path=path, label=label), f"{built.identity} {subdirectory}" if built.identity else ""
        )

    def _unpacked(self, url: SafeUrl, filename: str, digests: "tuple[Digest, ...]", name: str, version: str) -> Built:
        """Fetch a source distribution, check its hash, unpack it into scratch space."""
        with self._lock:
            known = self._trees.get(url)
            if known is not None:
                return known
        path, found = self._fetched(url, filename, digests)
        into = disk.staging(self._scratch_space())
        built = Built(Tree(archives.unpack(path, into), filename, name, version), f"sha256 {found}")
        with self._lock:
            return self._trees.setdefault(url, built)

    def _fetched(self, url: SafeUrl, filename: str, digests: "tuple[Digest, ...]") -> "tuple[str, str]":
        """Return where a source distribution lies now, and its sha256, after its digests were checked."""
        into = disk.staging(self._scratch_space())
        path = os.path.join(into, os.path.basename(filename))
        with disk.create(into) as file:
            local = file_url.to_path(url.secret)
            if local is None:
                self._filler(url, filename, hashed=bool(digests))(file)
            else:
                _copy(local, file)
            file.publish(path)
        hashes = _hash(path, {"sha256", *(digest.algorithm for digest in digests)})
        if digests and not any(hashes.get(digest.algorithm) == digest.hex for digest in digests):
            raise SourceMismatch(
                f"`{filename}` does not have the hash that it must have",
                context=[f"expected {digest}" for digest in digests] + [f"got      sha256:{hashes['sha256']}"],
                hint="if the file was replaced on purpose, update the hash where it is written; otherwise do not trust it",
            )
        return path, hashes["sha256"]

    def _remembered(self, built: Built, source: "Source", name: str) -> "Entry | None":
        """Return the wheel that was built of this source before, with the same settings, if that still holds."""
        if not built.identity or self._refreshes() or getattr(source, "editable", False):
            return None
        if isinstance(source, PathSource) and self._is_rebuilt(source):
            return None
        return self._pointed(self._key(built.identity, name or built.tree.name))

    def _is_rebuilt(self, source: PathSource) -> bool:
        """Say whether a directory that was named on the command line is built anew whatever is remembered, as uv does."""
        return os.path.isdir(source.path) and bool(self._parts.rebuilds(source))

    def _pointed(self, key: str) -> "Entry | None":
        digest = self._parts.store.pointer(key)
        return self._parts.store.ready(digest) if digest is not None else None

    def _key(self, identity: str, name: str) -> str:
        return f"built {identity} {self._parts.build_key(name)}"

    def _refreshes(self) -> bool:
        return self._parts.settings.flag("refresh")

    def _scratch_space(self) -> str:
        with self._lock:
            if not self._scratch:
                self._scratch = self._parts.store.scratch()
            return self._scratch

    @property
    def scratch(self) -> str:
        """Return private space for builds, deleted by `close`."""
        return self._scratch_space()


def _filename(url: SafeUrl) -> str:
    return file_url.unquote(url.bare.partition("#")[0].partition("?")[0]).rpartition("/")[2]


def _is_download(pin: Pin) -> bool:
    if pin.candidate is not None:
        return pin.candidate.kind == "wheel"
    return pin.source is not None and file_is_wheel(pin.source)


def _sdist_identity(digests: "Sequence[Digest]") -> str:
    sha256 = sha256_of(digests)
    return f"sha256 {sha256}" if sha256 else ""


def _directory_identity(path: str) -> str:
    """Return what changes when a project should be built anew: the files that describe it (uv's default `cache-keys`)."""
    words = [f"directory {path}"]
    for name in ("pyproject.toml", "setup.py", "setup.cfg"):
        try:
            found = os.stat(os.path.join(path, name))
        except OSError:
            continue
        words.append(f"{name} {found.st_mtime_ns} {found.st_size}")
    words.append("src" if os.path.isdir(os.path.join(path, "src")) else "")
    return " ".join(words)


def _copy(source: str, file: "NewFile") -> None:
    try:
        with open(source, "rb") as stream:
            while data := stream.read(_PART):
                file.write(data)
    except OSError as error:
        raise NoSuchSource(f"`{source}` cannot be read: {error.strerror}", hint="check the path") from error


def _hash(path: str, algorithms: "set[str]") -> "dict[str, str]":
    hashes = {name: hashlib.new(name) for name in algorithms}
    with open(path, "rb") as stream:
        while data := stream.read(_PART):
            for one in hashes.values():
                one.update(data)
    return {name: one.hexdigest() for name, one in hashes.items()}
