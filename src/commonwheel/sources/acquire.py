"""Get what is not in the store: download wheels, and build what is given as source.

Everything ends as an entry: a wheel from an index, a wheel at a URL or path, or one that was built here from a source
distribution, a repository or a directory. What leads to an entry is kept as a pointer (`recall`), so that the second time is
a look at the store. Built wheels stay in the personal store: whoever can make others run what he built can make them run
anything (docs/sharing.md). Editable wheels are never found again: they are a path, and the next build is cheap.

Cold: this module loads the network and the builds; a session makes it only when something is missing.
"""

import _signal  # type: ignore[import-not-found]  # typeshed knows `signal` alone
import os
from threading import Lock

from commonwheel.build.backend import BuildFailed
from commonwheel.concurrency import parallel
from commonwheel.concurrency.byte_budget import ByteBudget
from commonwheel.errors import CommonwheelError
from commonwheel.fs import trees as fs_trees
from commonwheel.model import Digest, PathSource, Pin, UrlSource, VcsSource
from commonwheel.sources import build_inputs, built_wheels, projects
from commonwheel.sources.archives import Archives, NoSuchSource, SourceMismatch, filename_of, refused, sha256_of_file
from commonwheel.sources.build_turns import BuildTurns
from commonwheel.sources.built_wheels import sha256_of
from commonwheel.specs import core_metadata, file_url, markers, tool_sources, urls, wheel_file
from commonwheel.specs.names import normalize
from commonwheel.specs.sources import file_is_wheel
from commonwheel.specs.versions import same_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import NoReturn

    from commonwheel.build.builder import Builder, Tree
    from commonwheel.events import Reporter
    from commonwheel.fs.files import NewFile
    from commonwheel.model import Candidate, Entry, Metadata, Requirement, SafeUrl
    from commonwheel.net.client import Client
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.built_wheels import Recall
    from commonwheel.sources.prefetch import WheelPrefetch
    from commonwheel.sources.source_trees import Ready, SourceTrees
    from commonwheel.sources.subprocesses import Subprocesses
    from commonwheel.store.store import Store

    Source = UrlSource | VcsSource | PathSource

#: Threads that fetch: as many small files are on their way at once, and of large ones as many as there is room for.
_WORKERS = 16
_ROOM = 16 << 20
#: What a file is taken for whose size nobody tells.
_USUAL = 2 << 20
_OK = 200


class Acquisition:
    """Fetch and build for one request; all methods may be called from several threads.

    What is not needed for every download is made when it is first asked for. `ahead` returns what fetches ahead, if anything does.
    """

    def __init__(  # noqa: PLR0913 - what fetching and building take
        self,
        store: "Store",
        known: "Recall",
        settings: "Settings",
        reporter: "Reporter",
        *,
        client: "Callable[[], Client]",
        builder: "Callable[[], Builder]",
        trees: "Callable[[], SourceTrees]",
        children: "Callable[[], Subprocesses]",
        ahead: "Callable[[], WheelPrefetch | None]",
        workers: int = _WORKERS,
        builders: int = 2,
    ) -> None:
        self._store = store
        self._known = known
        self._settings = settings
        self._reporter = reporter
        self._ahead = ahead
        self._client = client
        self._builder_of_all = builder
        self._building: Builder | None = None
        self._children = children
        self._workers = workers
        self._builders = builders
        self._trees = trees
        self.arrivals = Archives(store, known, client, self._scratch_space)
        self._turns = BuildTurns()
        self._room = ByteBudget(_ROOM)
        self._told: dict[tuple[str, bool], Metadata] = {}
        self._built: dict[tuple[str, bool], tuple[str, Entry]] = {}
        self._lock = Lock()
        self._scratch = ""
        self._signals = _Terminable()

    def close(self) -> None:
        """Delete the scratch space."""
        self._signals.restore()
        if self._building is not None:
            self._building.close()
        if self._scratch:
            fs_trees.erase(self._scratch)
            self._scratch = ""

    def halt(self) -> None:
        """End what is being built and downloaded, in whatever thread."""
        self._children().halt()
        self.arrivals.halt()

    @property
    def scratch(self) -> str:
        """Return private space for builds, deleted by `close`."""
        return self._scratch_space()

    # --- metadata ---------------------------------------------------------------------------------------------------

    def metadata(self, requirement: "Requirement") -> "tuple[Requirement, Metadata]":
        """Return the metadata of a direct source, and the requirement with name, commit and digests filled in.

        Raises SourceMismatch when it is another project, NoSuchSource, and the errors of downloads and builds; all of them say
        where it was asked for.
        """
        try:
            return self._metadata(requirement)
        except CommonwheelError as error:
            if requirement.origin is not None:
                error.context += (f"from: {requirement.origin}",)
            raise

    def _metadata(self, requirement: "Requirement") -> "tuple[Requirement, Metadata]":
        assert requirement.source is not None
        source = self.settled(built_wheels.with_digests(requirement.source, requirement.digests))
        if file_is_wheel(source):
            entry = self._wheel(source)
            source = built_wheels.with_digests(source, (Digest("sha256", entry.digest),))
            found = core_metadata.parse(self._text_of(entry))
        else:
            source, found = self._metadata_of_source(source, requirement.name)
        if requirement.name and requirement.name != found.name:
            raise SourceMismatch(
                f"`{requirement}` was asked for, but what is there is `{found.name}`",
                hint=f"write `{found.name} @ ...` if that is what you want",
            )
        return requirement.replaced(name=found.name, source=source), found

    def metadata_of(self, requirements: "Sequence[Requirement]") -> "list[tuple[Requirement, Metadata]]":
        """Return the metadata of several direct sources, in their order; independent ones are fetched and built side by side."""
        if len(requirements) == 1:
            return [self.metadata(requirements[0])]
        return parallel.each(requirements, self._turns.carried(self.metadata), self._workers, self.halt)

    def settled(self, source: "Source") -> "Source":
        """Return a source with its commit, or the hash of its archive, as far as that is known without building."""
        if isinstance(source, VcsSource):
            return self._trees().settled(source)
        if isinstance(source, UrlSource) and not source.digests and not file_is_wheel(source):
            return source.replaced(digests=(Digest("sha256", self.arrivals.current(source)),))
        return source

    def candidate_metadata(self, candidate: "Candidate") -> "Metadata":
        """Return the metadata of a file of an index that offers none apart: from the whole wheel, or by a build."""
        if candidate.kind == "wheel":
            entry = self._index_wheel(Pin(candidate.name, candidate.version, candidate))
            return core_metadata.parse(self._text_of(entry))
        return self._metadata_of_tree(self._trees().of_candidate(candidate).tree, editable=False)

    def _metadata_of_source(self, source: "Source", name: str) -> "tuple[Source, Metadata]":
        editable = bool(getattr(source, "editable", False))
        if editable and not isinstance(source, PathSource):
            raise SourceMismatch(
                f"`{source.url}` cannot be installed in editable form: nobody would find its files again to edit them",
                hint="clone the repository yourself, and install that directory with `-e`",
            )
        if not self._has_own_sources(source) and self._known.may_recall(source, name):
            entry = self._known.built(self._known.identity(source), name, build_inputs.place_of(source))
            if entry is not None:
                return self._known.settled(source), core_metadata.parse(self._text_of(entry))
        ready = self._ready_source(source, name)
        assert ready.source is not None
        entry = self._recalled(ready, name, source)
        if entry is not None:
            found = core_metadata.parse(self._text_of(entry))
        else:
            found = self._metadata_of_tree(ready.tree, editable=editable)
        return ready.source, self._with_sources(ready, found)

    def _metadata_of_tree(self, tree: "Tree", *, editable: bool) -> "Metadata":
        builder = self._builder()
        found = builder.static_metadata(tree)
        if found is not None:
            return found
        key = (tree.path, editable)
        if key not in self._told:
            with self._turns.turn(tree.label):
                if key not in self._told:
                    self._told[key] = builder.metadata(tree, editable=editable)
        return self._told[key]

    def _text_of(self, entry: "Entry") -> str:
        text = self._store.metadata(entry.digest)
        if text is None:
            raise NoSuchSource(
                f"the entry of `{entry.name}` vanished from the store while it was read", hint="run the command again"
            )
        return text

    # --- where the dependencies of a project come from ----------------------------------------------------------------

    def _has_own_sources(self, source: "Source") -> bool:
        """Return whether a directory says where its dependencies come from, which the wheel that is built of it does not."""
        return isinstance(source, PathSource) and built_wheels.has_sources(
            os.path.join(source.path, source.subdirectory or "")
        )

    def _with_sources(self, ready: "Ready", found: "Metadata") -> "Metadata":
        """Apply `[tool.uv.sources]` of a project that is worked on: a directory, or a repository."""
        if isinstance(ready.source, UrlSource) or ready.tree.archived or self._settings.flag("no-sources"):
            return found
        if not built_wheels.has_sources(ready.tree.path):
            return found
        project = projects.read(os.path.join(ready.tree.path, "pyproject.toml"))
        rules = project.rules()
        without = set(map(normalize, self._settings.many("no-sources-package")))
        requires: list[Requirement] = []
        for requirement in found.requires:
            extra = next((one for one in found.provides_extra if _is_for(requirement.marker, one)), "")
            rewritten = (
                (requirement,) if requirement.name in without else tool_sources.applied(requirement, rules, extra=extra)
            )
            requires += [self._within(one, ready) for one in rewritten]
        return found.replaced(requires=tuple(requires))

    @staticmethod
    def _within(requirement: "Requirement", ready: "Ready") -> "Requirement":
        """Return a requirement whose path, in a repository, is told as a place of that repository."""
        source, repository = requirement.source, ready.source
        if not isinstance(source, PathSource) or not isinstance(repository, VcsSource):
            return requirement
        root = ready.tree.path
        for _ in (repository.subdirectory or "").split("/") if repository.subdirectory else ():
            root = os.path.dirname(root)
        if not (source.path + os.sep).startswith(root + os.sep):
            raise SourceMismatch(
                f"`{ready.tree.label}` takes `{requirement.name}` from a path outside of its repository",
                hint="use `--no-sources` to take it from an index",
            )
        inner = os.path.relpath(source.path, root)
        return requirement.replaced(source=repository.replaced(subdirectory=None if inner == "." else inner))

    # --- entries ----------------------------------------------------------------------------------------------------

    def fetch(self, pins: "Sequence[Pin]") -> "dict[str, Entry]":
        """Bring the wheels of pins into the store, several at a time; return the entries by name.

        Downloads come first, builds after them (they may need what was downloaded). The first error ends the rest.
        """
        downloads = [pin for pin in pins if _is_download(pin)]
        builds = [pin for pin in pins if not _is_download(pin)]
        found = self._each(downloads, self._come, self._workers)
        if downloads:
            ahead = self._ahead()
            if ahead is not None:
                ahead.rest()
            self._client().rest()
        found.update(self._each(builds, self._entry_of_build, self._builders))
        return found

    def wheel_file(self, pin: Pin) -> "Entry":
        """Return the entry of one pin, fetched or built."""
        return self._entry_of_download(pin) if _is_download(pin) else self._entry_of_build(pin)

    def _each(self, pins: "Sequence[Pin]", work: "Callable[[Pin], Entry]", width: int) -> "dict[str, Entry]":
        if not pins:
            return {}
        task = self._reporter.begin("prepare", f"{len(pins)} packages", len(pins))

        def one(pin: Pin) -> "Entry":
            entry = work(pin)
            self._reporter.advance(task)
            return entry

        try:
            if len(pins) == 1:
                return {pins[0].name: one(pins[0])}
            order = sorted(pins, key=self._urgency)
            made = parallel.each(order, self._turns.carried(one), width, self.halt)
            return {pin.name: entry for pin, entry in zip(order, made, strict=True)}
        finally:
            self._reporter.end(task)

    def _urgency(self, pin: Pin) -> tuple[bool, int]:
        """Sort the largest first, so that no long one is left alone at the end, and last what is on its way already."""
        ahead = self._ahead()
        coming = ahead is not None and ahead.take(pin)
        return coming, -((pin.candidate.size or 0) if pin.candidate else 0)

    def _come(self, pin: Pin) -> "Entry":
        """Return the entry of a download, which may have come ahead of the resolution: then it has just been published."""
        ahead = self._ahead()
        if ahead is not None and ahead.wait(pin):
            entry = self._known.entry(pin)
            if entry is not None and self._store.is_examined(entry):
                return entry
        return self._entry_of_download(pin)

    # --- builds -----------------------------------------------------------------------------------------------------

    def _entry_of_build(self, pin: Pin) -> "Entry":
        """Return the entry of a pin that has to be built: the one that was built before, if that still holds."""
        found = self._known.entry(pin)
        return found if found is not None else self._build(pin)[1]

    def _build(self, pin: Pin, *, archive: bool = False) -> "tuple[str, Entry]":
        """Build the wheel of a pin; return its path in scratch space ("" if it was built before), and its entry.

        With `archive` it is built again, unless this process did: the store does not keep the archives of what was built.
        """
        ready, editable = self._ready(pin), bool(getattr(pin.source, "editable", False))
        found = self._recalled(ready, pin.name, pin.source)
        if found is not None and not archive:
            return "", found
        key = (ready.tree.path, editable)
        known = self._built.get(key)
        if known is None:
            with self._turns.turn(ready.tree.label):
                known = self._built.get(key)
                if known is None:
                    known = self._built[key] = self._made(pin, ready, editable=editable)
        return known

    def _made(self, pin: Pin, ready: "Ready", *, editable: bool) -> "tuple[str, Entry]":
        store = self._store
        path = self._builder().wheel(ready.tree, fs_trees.staging(self._scratch_space()), editable=editable)
        filename = os.path.basename(path)
        wheel = wheel_file.parse_filename(filename)
        if wheel.name != pin.name or not same_version(wheel.version, pin.version):
            raise BuildFailed(
                f"`{ready.tree.label}` said that it is `{pin.name}` {pin.version}, but was built to `{filename}`",
                hint="this is a fault of the project or of its build backend",
            )
        entry = store.admit_file(path, filename, origin="build", private=True)
        if ready.identity and not editable:
            key = self._known.built_key(ready.identity, pin.name, ready.tree.place)
            store.point(key, entry.digest, private=True)
        return path, entry

    def _ready(self, pin: Pin) -> "Ready":
        """Return the source of a pin, ready to be built."""
        if pin.candidate is not None:
            ready = self._trees().of_candidate(pin.candidate, pin.digests)
            if not self.arrivals.remembers(pin.candidate.url):
                return ready  # known by its own hash, not by where it came from
            return ready.replaced(identity=self._known.candidate_identity(pin) or ready.identity)
        assert pin.source is not None
        return self._ready_source(built_wheels.with_digests(pin.source, pin.digests), pin.name)

    def _ready_source(self, source: "Source", name: str) -> "Ready":
        ready = self._trees().of_source(source, name)
        if isinstance(ready.source, VcsSource) and ready.identity and built_wheels.has_sources(ready.tree.path):
            # known by its metadata alone it would be without its sources: it has to be checked out each time
            return ready.replaced(identity=f"{ready.identity} (sources)")
        return ready

    def _recalled(self, ready: "Ready", name: str, source: "Source | None") -> "Entry | None":
        """Return the wheel that was built of a tree before, which only the tree itself could tell."""
        if source is None or not ready.identity or not self._known.may_recall(source, name):
            return None
        return self._known.built(ready.identity, name, ready.tree.place)

    # --- downloads --------------------------------------------------------------------------------------------------

    def _entry_of_download(self, pin: Pin) -> "Entry":
        if pin.candidate is not None:
            return self._index_wheel(pin)
        assert pin.source is not None
        entry = self._wheel(built_wheels.with_digests(pin.source, pin.digests))
        if entry.name != pin.name or not same_version(entry.version, pin.version):
            raise SourceMismatch(
                f"`{pin.name}=={pin.version}` was expected, but what is there is `{entry.name}=={entry.version}`"
            )
        return entry

    def _index_wheel(self, pin: Pin) -> "Entry":
        """Download a wheel of an index, unless the store has one with the same hash or from the same URL."""
        candidate = pin.candidate
        assert candidate is not None
        expected = pin.digests or candidate.digests
        self.arrivals.check_link(candidate, expected)
        store = self._store
        sha256 = sha256_of(expected)
        pointer = built_wheels.url_key(candidate.url)
        digest = sha256 or (store.pointer(pointer) if not expected else None)
        if digest is not None:
            entry = store.ready(digest)
            if entry is not None:
                return entry
        path = file_url.to_path(candidate.url.secret)
        if path is not None:
            pointer = built_wheels.file_key(path)
            entry = store.admit_file(path, candidate.filename, expected)
        else:
            fill = self._filler(candidate.url, candidate.filename, candidate.size, hashed=bool(expected))
            entry = store.admit(fill, filename=candidate.filename, expected=expected, size=candidate.size)
        if sha256 is None and (path is not None or self.arrivals.remembers(candidate.url)):
            store.point(pointer, entry.digest, private=urls.is_unprotected(candidate.url.bare))
        return entry

    def _filler(
        self, url: "SafeUrl", label: str, size: int | None = None, *, hashed: bool = False
    ) -> "Callable[[NewFile], None]":
        """Return what writes the body at a URL into a new file; `hashed` when a hash will tell that it is whole."""
        client = self._client()

        def fill(file: "NewFile") -> None:
            # not earlier: whoever is fetching the same wheel at this moment is waited for
            with self._room.taken(_USUAL if size is None else size):
                download = client.download(url, size=size, label=label, immutable=hashed)
                response = self.arrivals.transfer(download, file)
            if response.status != _OK:
                raise refused(label, url, response.status)

        return fill

    def _wheel(self, source: "Source") -> "Entry":
        """Return the entry of a wheel at a path or URL."""
        store = self._store
        if isinstance(source, PathSource):
            return self._local_wheel(source)
        assert isinstance(source, UrlSource)
        filename = filename_of(source.url)
        digest = self.arrivals.current(source)
        entry = store.ready(digest) if digest else None
        if entry is not None:
            return entry
        if source.digests:
            fill = self._filler(source.url, filename, hashed=True)
            return store.admit(fill, filename=filename, expected=source.digests, origin="url")
        path = self.arrivals.archive(source).path
        return store.admit_file(path, filename, origin="url")

    def _local_wheel(self, source: PathSource) -> "Entry":
        store = self._store
        try:
            key = built_wheels.file_key(source.path)
        except OSError as error:
            raise NoSuchSource(f"`{source.path}` cannot be read: {error.strerror}", hint="check the path") from error
        digest = self._known.archive_digest(source)
        entry = store.ready(digest) if digest is not None else None
        if entry is None:
            entry = store.admit_file(source.path, os.path.basename(source.path), source.digests)
            store.point(key, entry.digest, private=True)
        return entry

    # --- archives ---------------------------------------------------------------------------------------------------

    def wheel_archive(self, pin: Pin) -> "tuple[str, str]":
        """Return a path where the wheel of a pin lies as an archive, and its file name; fetched or built if need be."""
        if not _is_download(pin):
            path = self._build(pin, archive=True)[0]
            return path, os.path.basename(path)
        if pin.candidate is not None:
            url, filename, digests = pin.candidate.url, pin.candidate.filename, pin.digests or pin.candidate.digests
            self.arrivals.check_link(pin.candidate, digests)
            sha256 = sha256_of(digests)
            kept = self._store.wheel_of(sha256) if sha256 else None
            return kept or self.arrivals.fetched(url, filename, digests).path, filename
        assert isinstance(pin.source, (PathSource, UrlSource))
        path = self.arrivals.archive(pin.source.replaced(digests=pin.digests or pin.source.digests)).path
        return path, os.path.basename(path)

    def source_archive(self, pin: Pin) -> "tuple[str, str]":
        """Return a path where the source distribution of a pin lies, and its file name.

        Repositories and directories have none: their wheel is returned.
        """
        if pin.candidate is not None:
            candidate = pin.candidate
            self.arrivals.check_link(candidate, pin.digests or candidate.digests)
            fetched = self.arrivals.fetched(candidate.url, candidate.filename, pin.digests or candidate.digests)
            return fetched.path, candidate.filename
        if isinstance(pin.source, UrlSource) or (
            isinstance(pin.source, PathSource) and os.path.isfile(pin.source.path)
        ):
            path = self.arrivals.archive(pin.source.replaced(digests=pin.digests or pin.source.digests)).path
            return path, os.path.basename(path)
        return self.wheel_archive(pin)

    def source_digest(self, pin: Pin) -> str:
        """Return the sha256 of the source distribution of a pin."""
        return sha256_of_file(self.source_archive(pin)[0])

    def _builder(self) -> "Builder":
        # no lock of ours: who makes it asks for the scratch space, with the lock of the session
        self._building = self._builder_of_all()
        return self._building

    # --- space ------------------------------------------------------------------------------------------------------

    def _scratch_space(self) -> str:
        store = self._store
        with self._lock:
            if not self._scratch:
                self._scratch = store.scratch()
            return self._scratch


class _Terminable:
    """Make the signals that end a process an exception, so that builds end with it and scratch space is deleted.

    Only the main thread may set handlers; somebody else's are left alone.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []
        for number in (_signal.SIGTERM, getattr(_signal, "SIGHUP", _signal.SIGTERM)):
            try:
                if _signal.getsignal(number) == _signal.SIG_DFL:
                    _signal.signal(number, _terminate)
                    self._numbers.append(number)
            except ValueError:
                return

    def restore(self) -> None:
        for number in self._numbers:
            try:
                _signal.signal(number, _signal.SIG_DFL)
            except ValueError:
                return
        self._numbers.clear()


def _terminate(number: int, _frame: "FrameType | None") -> "NoReturn":
    raise SystemExit(128 + number)


def _is_download(pin: Pin) -> bool:
    if pin.candidate is not None:
        return pin.candidate.kind == "wheel"
    return pin.source is not None and file_is_wheel(pin.source)


def _is_for(marker: str, extra: str) -> bool:
    """Return whether a marker holds for an extra alone."""
    if "extra" not in marker:
        return False
    parsed = markers.parse(marker)
    return (
        markers.without_extras(parsed, (extra,)) != markers.NEVER
        and markers.without_extras(parsed, ()) == markers.NEVER
    )
