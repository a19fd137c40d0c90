"""Let wheels in: fetch to a file of ours, prove, unpack beside the final place, publish by one rename.

    already there?  somebody kept the wheel?  ->  fetch (hashed as it comes)  ->  the digest that was asked for?
    ->  unpack into `.tmp-…` in the shard  ->  header and list of files  ->  rename

Laws of this file: what is hashed is what is unpacked, one file that only we can write, read once. A layer that has no
room or no rights costs a note, and the next one is asked; a wheel that has been fetched is not fetched again for that. Who
loses the race to publish has won: the entry is there. Whatever fails, nothing of ours is left but trash names.
"""

import hashlib
import os
import stat

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, files, linking, locks, modes, trees
from commonwheel.model import Digest, Entry
from commonwheel.specs import wheel_file
from commonwheel.store import build_entry, build_image, layout, remaking, untrusted_walk, verify
from commonwheel.store.build_entry import Wheel
from commonwheel.store.layers import OPEN, Layer, Refused
from commonwheel.store.store import SHA256, strongest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from commonwheel.fs.files import NewFile
    from commonwheel.store.manifest import Row
    from commonwheel.store.store import Store

    Fill = Callable[[NewFile], None]

_PART = 1 << 20
_MOST_UNTOLD = 4 << 30
#: The end of an archive with the longest comment.
_END = 22 + 0xFFFF
#: Whoever fetches the same wheel at this moment is waited for this long; then it is fetched twice.
_PATIENCE = 120.0
_KEPT_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class DigestMismatch(CommonwheelError):
    """A file is not the one that was asked for."""

    code = "hash-mismatch"

    def __init__(self, filename: str, expected: "tuple[Digest, ...]", found: "dict[str, str]") -> None:
        self.expected: Final = expected
        self.found: Final = found
        lines = [f"expected {digest}" for digest in expected]
        algorithms = dict.fromkeys(digest.algorithm for digest in expected)
        lines += [
            f"got      {name}:{found.get(name, '(a kind of hash that is not known here)')}" for name in algorithms
        ]
        super().__init__(
            f"`{filename}` does not have the hash that it must have",
            context=lines,
            hint="if the file was replaced on purpose, update the hash where it is written; otherwise do not trust it",
        )


class _Unreadable(Exception):
    """The copy of a wheel that was just made cannot be read; `failure` has the facts."""

    def __init__(self, failure: disk.DiskError) -> None:
        super().__init__(failure.message)
        self.failure: Final = failure


class NoLayer(CommonwheelError):
    """No store takes a wheel."""

    code = "no-store"


class Incoming(files.NewFile):
    """A wheel on its way in: hashed as it is written; `failure` is what the disk refused, if it did."""

    __slots__ = ("_algorithms", "_hashes", "failure", "size")

    def __init__(self, file: files.NewFile, algorithms: "Iterable[str]") -> None:
        super().__init__(file.path, file.fileno(), layout.FILE_MODE)
        self._algorithms: Final = tuple(algorithms)
        self.failure: disk.DiskError | None = None
        self._reset()

    def _reset(self) -> None:
        self.size = 0
        self._hashes = [hashlib.new(name) for name in self._algorithms]

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        """Append and hash `data`."""
        try:
            super().write(data)
        except disk.DiskError as error:
            self.failure = error
            raise
        self._update(data)

    def _update(self, data: "bytes | bytearray | memoryview") -> None:
        self.size += len(data)
        for one in self._hashes:
            one.update(data)

    def rewind(self, size: int = 0) -> None:
        """Forget what was written after the first `size` bytes, to write it again."""
        super().rewind(size)
        self._reset()
        with open(self.path, "rb") as file:
            while data := file.read(_PART):
                self._update(data)

    def digests(self) -> dict[str, str]:
        """Return the hashes of what was written, hexadecimal, by algorithm."""
        return {name: one.hexdigest() for name, one in zip(self._algorithms, self._hashes, strict=True)}


class Ingest:
    """The way into one store."""

    def __init__(
        self, store: "Store", *, verify_record: bool = True, aside: "Callable[..., object] | None" = None
    ) -> None:
        self.store: Final = store
        self.verify_record: Final = verify_record
        self._aside: Final = aside

    @staticmethod
    def hash_faults(tree: str, rows: "Iterable[Row]") -> "list[tuple[str, str]]":
        """Return the files of a tree whose content is not what it was."""
        return verify.hash_faults(tree, rows)

    def remake(self, entry: Entry, rows: "list[Row]", doubts: "Iterable[Row]") -> bool:
        """Make an entry again from its own files; False if that cannot be done."""
        return remaking.remake(self.store, entry, rows, doubts)

    def is_image_sound(self, image: Entry) -> bool:
        """Return whether each file of an image is as published; a bad image is taken out of use."""
        return build_image.is_sound(self.store, image)

    def admit(
        self,
        fill: "Fill",
        filename: str,
        expected: "tuple[Digest, ...]",
        *,
        origin: str,
        private: bool,
        size: int | None = None,
    ) -> Entry:
        """Let a wheel in that `fill` fetches, unless it is there already, or somebody kept it."""
        wheel_file.parse_filename(filename)
        there = self._there(filename, expected)
        if there is not None:
            return there
        layers = [layer for layer in self.store.layers if not layer.refusal and (layer.mine or not private)]
        digests = [digest.hex for digest in expected if digest.algorithm == SHA256]
        with self._lease(layers, digests):
            there = self._there(filename, expected)
            if there is not None:
                return there
            while True:
                wheel = self._salvaged(layers, filename, expected, origin, size) or self._fetched(
                    layers, fill, filename, expected, origin
                )
                try:
                    return self._admitted(layers, wheel)
                except _Unreadable as error:
                    # a layer that does not give back what it took is of no use; the next one gets a copy of its own
                    layers = [layer for layer in layers if not wheel.path.startswith(f"{layer.root}/")]
                    if not layers:
                        raise self._no_layer(filename, error.failure) from error
                finally:
                    _remove(wheel.path)

    def admit_file(
        self, path: str, filename: str, expected: "tuple[Digest, ...]", *, origin: str, private: bool
    ) -> Entry:
        """Let a wheel in that lies at `path`; one that the store has already is only read."""
        try:
            there = self.store.ready(verify.sha256_of(path))
        except OSError as error:
            raise disk.DiskError("read", path, error) from error
        if there is not None and fits(expected, self._digests_of(path, expected)):
            return there

        def fill(file: "NewFile") -> None:
            with open(path, "rb") as source:
                while data := source.read(_PART):
                    file.write(data)

        return self.admit(fill, filename, expected, origin=origin, private=private)

    @staticmethod
    def _digests_of(path: str, expected: "tuple[Digest, ...]") -> dict[str, str]:
        found = {}
        for name in _algorithms(expected):
            with open(path, "rb") as file:
                found[name] = hashlib.file_digest(file, name).hexdigest()
        return found

    # --- is it there? --------------------------------------------------------------------------------------------

    def _there(self, filename: str, expected: "tuple[Digest, ...]") -> Entry | None:
        entry = self.store.find_file(filename, expected)
        return None if entry is None else self.store.ready(entry.digest)

    def _lease(self, layers: list[Layer], digests: list[str]) -> "_NoLease":
        """Hold the right to fetch; whoever has it is waited for, in vain for a while at most."""
        # where anybody may write, anybody could keep us waiting
        if len(digests) != 1 or not layers or layers[0].sharing == OPEN:
            return _NoLease()
        try:
            path = f"{layers[0].prepare(layout.LEASES)}/{digests[0]}"
            lock = locks.lock(path, timeout=_PATIENCE, who=f"fetching {digests[0][:16]}…")
        except (Refused, disk.DiskError):
            return _NoLease()
        return _Patient(lock)

    # --- get it --------------------------------------------------------------------------------------------------

    def _fetched(
        self,
        layers: list[Layer],
        fill: "Fill",
        filename: str,
        expected: "tuple[Digest, ...]",
        origin: str,
        *,
        blame: bool = True,
    ) -> Wheel:
        """Return the wheel that `fill` fetches, in the first layer that has room for it.

        Without `blame` a layer that has no room for what a stranger keeps is not left alone for that: DiskError.
        """
        refused: disk.DiskError | None = None
        for layer in layers:
            try:
                incoming = self._incoming(layer, expected)
            except Refused:
                continue
            except disk.DiskError as error:
                layer.failed(error)
                refused = error
                continue
            with incoming:
                try:
                    fill(incoming)
                    incoming.close()
                except Exception as error:
                    failure = incoming.failure or error
                    if not isinstance(failure, disk.DiskError) or not blame:
                        raise
                    layer.failed(failure)
                    refused = failure
                    continue
                found = incoming.digests()
                if not fits(expected, found):
                    raise DigestMismatch(filename, expected, found)
                incoming.keep()
                return Wheel(incoming.path, filename, incoming.size, found, origin)
        raise self._no_layer(filename, refused)

    def _incoming(self, layer: Layer, expected: "tuple[Digest, ...]") -> Incoming:
        file = files.create(layer.prepare(layout.ENTRIES), layout.FILE_MODE)
        return Incoming(file, dict.fromkeys((SHA256, *_algorithms(expected))))

    def _no_layer(self, filename: str, refused: disk.DiskError | None) -> NoLayer:
        context = self.store.reasons() + (() if refused is None else refused.context)
        hint = "name a directory that you can write to with `--cache-dir`" if refused is None else refused.hint
        return NoLayer(f"no store takes `{filename}`", context=context, hint=hint)

    def _salvaged(
        self, layers: list[Layer], filename: str, expected: "tuple[Digest, ...]", origin: str, size: int | None
    ) -> Wheel | None:
        """Return the wheel out of an entry that is of no other use: a stranger's, or one that was damaged.

        Only against a sha256 that the caller names: the copy is hashed as it is made, and the copy is what is used.
        """
        for digest in expected:
            if digest.algorithm == SHA256:
                for path in self._kept_wheels(digest.hex):
                    wheel = self._copied(layers, path, filename, digest, origin, size)
                    if wheel is not None:
                        self.store.reporter.note(
                            "debug", f"`{filename}` was taken from `{path}`, and has the right hash"
                        )
                        return wheel
        return None

    def _kept_wheels(self, digest: str) -> "list[str]":
        """Return the wheels that entries of this digest keep, whosever they are."""
        directories = [layer.path(layout.entry(digest)) for layer in self.store.layers]
        directories += self.store.retired.get(digest, ())
        found = []
        for directory in directories:
            try:
                names = os.listdir(f"{directory}/{layout.WHEEL}")
            except OSError:
                continue
            found += [f"{directory}/{layout.WHEEL}/{name}" for name in names if name.endswith(".whl")]
        return found

    def _copied(
        self, layers: list[Layer], path: str, filename: str, digest: Digest, origin: str, size: int | None
    ) -> Wheel | None:
        try:
            fd = os.open(path, _KEPT_FILE)
        except OSError:
            return None
        try:
            found = os.fstat(fd)
            if not _looks_like_wheel(fd, found, size):
                self.store.reporter.note("debug", f"`{path}` is not used: it does not look like the wheel of its name")
                return None

            def fill(file: "NewFile") -> None:
                # not one byte more than it had when it was opened: it may grow for ever
                at = 0
                while data := os.pread(fd, min(_PART, found.st_size - at), at):
                    file.write(data)
                    at += len(data)

            return self._fetched(layers, fill, filename, (digest,), origin, blame=False)
        except DigestMismatch:
            self.store.reporter.note("debug", f"`{path}` is not used: it does not have the hash of its name")
            return None
        except disk.DiskError as error:
            self.store.reporter.note("debug", f"`{path}` is not used: {error.message}")
            return None
        except (NoLayer, OSError):
            return None
        finally:
            os.close(fd)

    # --- publish it ----------------------------------------------------------------------------------------------

    def _admitted(self, layers: list[Layer], wheel: Wheel) -> Entry:
        """Unpack and publish in the first layer that takes it."""
        there = self.store.ready(wheel.sha256)
        if there is not None:
            return there
        refused: disk.DiskError | None = None
        for layer in layers:
            try:
                entry = self._published(layer, wheel)
            except Refused as error:
                layer.note(error.message)
                continue
            except disk.DiskError as error:
                layer.failed(error)
                refused = error
                continue
            except OSError as error:
                failure = disk.DiskError("read", wheel.path, error)
                layer.failed(failure)
                raise _Unreadable(failure) from error
            for name, hexadecimal in wheel.digests.items():
                if name != SHA256:
                    self.store.point(str(Digest(name, hexadecimal)), wheel.sha256, private=layer.mine)
            return entry
        raise self._no_layer(wheel.filename, refused)

    def _published(self, layer: Layer, wheel: Wheel) -> Entry:
        digest = wheel.sha256
        shard = layer.prepare(layout.shard(digest))
        # The plain name first. If something of no use holds it that cannot be moved, a name of one's own beside it.
        for relative in (layout.entry(digest), layout.entry(digest, layer.trust.me)):
            final = layer.path(relative)
            if os.path.lexists(final):
                continue
            staged = trees.staging(shard, layer.closed_mode)
            try:
                self._build(layer, staged, wheel)
                modes.set_mode(staged, layout.ENTRY_MODE)
                won = trees.publish_tree(staged, final)
            except BaseException:
                trees.erase(staged)
                raise
            # lost to somebody else, or won: what counts is what is there now
            entry = self.store.find(digest)
            if entry is not None:
                if won and entry.root == final:
                    self.store.examined(entry)
                return entry
        raise Refused(f"the store `{layer.root}` has something else under the name of `{wheel.filename}`")

    def _build(self, layer: Layer, staged: str, wheel: Wheel) -> None:
        """Make the whole entry in `staged`; in another process if there is one, so that others go on meanwhile."""
        told = None if self._aside is None else self._aside("entry", staged, wheel.words, self.verify_record)
        if not isinstance(told, tuple):
            if self._aside is not None:  # it may have begun
                for name in (layout.TREE, layout.FILES, layout.HEADER):
                    trees.erase(f"{staged}/{name}")
            told = build_entry.make(staged, wheel, verify_record=self.verify_record)
        for fault in told:
            self.store.reporter.note("warning", f"`{wheel.filename}`: {fault}")
        if layer.keeps_archives:
            trees.make_directory(f"{staged}/{layout.WHEEL}", layout.ENTRY_MODE)
            kept = f"{staged}/{layout.WHEEL}/{wheel.filename}"
            linking.place(wheel.path, kept, ("hardlink", "clone", "copy"), layout.FILE_MODE)


def fits(expected: "tuple[Digest, ...]", found: "dict[str, str]") -> bool:
    """Return whether a file with these hashes is one of those expected."""
    wanted = strongest(expected)
    return not wanted or any(found.get(digest.algorithm) == digest.hex.lower() for digest in wanted)


def _algorithms(expected: "tuple[Digest, ...]") -> "Iterable[str]":
    known = hashlib.algorithms_guaranteed
    return [digest.algorithm for digest in expected if digest.algorithm in known and "shake" not in digest.algorithm]


def _remove(path: str) -> None:
    try:
        trees.remove(path)
    except disk.DiskError:
        pass


def _looks_like_wheel(fd: int, found: os.stat_result, size: int | None) -> bool:
    """Return whether a file has the size of the wheel and the two ends of an archive: a stranger's hole of a terabyte is not worth reading.

    Where nobody tells the size, a file with holes is none, as compressed data has none, nor is one of more than 4 GiB.
    """
    if not stat.S_ISREG(found.st_mode):
        return False
    if (
        found.st_size != size
        if size is not None
        else found.st_size > _MOST_UNTOLD or untrusted_walk.has_holes(fd, found)
    ):
        return False
    end = os.pread(fd, _END, max(0, found.st_size - _END))
    return os.pread(fd, 4, 0) == b"PK\x03\x04" and b"PK\x05\x06" in end


class _NoLease:
    """Wait for nobody."""

    def __enter__(self) -> bool:
        return False

    def __exit__(self, *_: object) -> None:
        return


class _Patient(_NoLease):
    """A lock that is given up on without an error: it saves double work, and nothing depends on it."""

    def __init__(self, lock: locks.Lock) -> None:
        self._lock: Final = lock
        self._held = False

    def __enter__(self) -> bool:
        try:
            self._held = self._lock.__enter__()
        except locks.LockTimeout:
            self._held = False
        return self._held

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)
