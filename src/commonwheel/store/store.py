"""The store: ordered layers, of which the first valid hit wins, and the first that takes it gets what is new.

    find(digest)    the entry, if a layer has it and it can be believed: three opens and one read
    ready(digest)   the same, and everything that would be linked is still as published
    admit(...)      a wheel that somebody fetches comes in: hashed, unpacked, proved, published

Laws of this file: it is on the way of every warm install, so it imports neither `hashlib` nor anything that unpacks; what
that is needed for, the session hands in (`admission`) and loads when it is asked for. A hit writes nothing. What is found
damaged is renamed away, told in one line, and looked for in the next layer, so that the same command heals it.
"""

import errno
import os
import time

from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.fs import disk, facts, files, trees
from commonwheel.model import Entry
from commonwheel.store import header, images, integrity, layout, manifest
from commonwheel.store.integrity import QuickCheck
from commonwheel.store.layers import Layer, NotAFile, Place, Refused, Untrusted
from commonwheel.store.policy import GROUP
from commonwheel.store.records import Records
from commonwheel.store.sealed_records import unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Final, Protocol

    from commonwheel.events import Reporter
    from commonwheel.fs.files import NewFile
    from commonwheel.model import Digest
    from commonwheel.store.header import Header
    from commonwheel.store.manifest import Row

    class Admission(Protocol):
        """What a store needs beyond finding: `admission.Admission`, loaded when something is missing or in doubt."""

        def is_image_sound(self, image: Entry) -> bool:
            """Return whether each file of an image is as published; a bad image is taken out of use."""

        def admit(
            self,
            fill: "Callable[[NewFile], None]",
            filename: str,
            expected: "tuple[Digest, ...]",
            *,
            origin: str,
            private: bool,
            size: int | None = None,
        ) -> Entry:
            """Let a wheel in."""

        def admit_file(
            self, path: str, filename: str, expected: "tuple[Digest, ...]", *, origin: str, private: bool
        ) -> Entry:
            """Let a wheel in that lies somewhere."""

        def hash_faults(self, tree: str, rows: "Iterable[Row]") -> "list[tuple[str, str]]":
            """Return the files whose content is not what it was, and why."""

        def remake(self, entry: Entry, rows: "list[Row]", doubts: "Iterable[Row]") -> bool:
            """Make an entry again from its own files; False if that cannot be done."""


SHA256 = "sha256"
#: Hashes that prove nothing any more; they count where an index gives no others.
WEAK = frozenset({"md5", "sha1"})
_DAY = 86_400
# a list of files is written at once, and its last change is that, in nanoseconds
_MADE = 1_000_000_000


class EntryLost(CommonwheelError):
    """An entry which was found cannot be read any more: somebody removed it, or the disk failed."""

    code = "entry-lost"

    def __init__(self, entry: Entry, reason: str) -> None:
        super().__init__(
            f"the entry of `{entry.name}` {entry.version} in the store cannot be read: {reason}",
            context=(entry.root,),
            hint="run the command again: what is missing is fetched anew",
        )


class Kept:
    """What is known of an entry that was found: where, and what its header says."""

    __slots__ = ("entry", "header", "layer", "owner", "relative", "rows")

    def __init__(self, layer: Layer, relative: str, header: "Header", entry: Entry, owner: int) -> None:
        self.owner: Final = owner
        self.layer: Final = layer
        self.relative: Final = relative
        self.header: Final = header
        self.entry: Final = entry
        self.rows: list[Row] | None = None


class Store(Records):
    """The layers as one."""

    def __init__(
        self,
        layers: "tuple[Layer, ...]",
        reporter: "Reporter | None" = None,
        admission: "Callable[[Store], Admission] | None" = None,
    ) -> None:
        super().__init__(layers)
        self.reporter: Final[Reporter] = reporter or Silence()
        self._make_admission: Final = admission
        self._admission: Admission | None = None
        self._kept: dict[str, Kept] = {}
        self._spoiled: set[str] = set()
        self._examined: set[str] = set()
        self._remade: set[str] = set()
        self._mending: set[str] = set()
        #: where entries lie that were taken out of use by this process, by digest: their wheels may still be good
        self.retired: Final[dict[str, list[str]]] = {}

    # --- entries -------------------------------------------------------------------------------------------------

    def find(self, digest: str) -> Entry | None:
        """Return the entry of the wheel with this sha256 (hexadecimal), or None.

        Its header is whole and its owner believed; the first use after the host that published it has booted again hashes
        it. Its files are not looked at: `ready` does. A damaged entry is renamed away, and a miss.
        """
        kept = self._kept.get(digest)
        if kept is not None:
            return kept.entry
        if not layout.is_digest(digest):
            return None
        for layer in self.layers:
            kept = self._find_in(layer, digest)
            if kept is not None and self._is_settled(kept):
                self._kept[digest] = kept
                return kept.entry
        return None

    def find_file(self, filename: str, digests: "tuple[Digest, ...]") -> Entry | None:
        """Return the entry of the wheel of this name that has one of these digests, of whatever kind they are.

        The name is asked for, because a user's list of hashes allows the other files of a release too, for other platforms.
        """
        for digest in strongest(digests):
            sha256 = digest.hex.lower() if digest.algorithm == SHA256 else self.pointer(str(digest))
            entry = None if sha256 is None else self.find(sha256)
            if entry is not None:
                said = self._kept[entry.digest].header
                is_it = digest.algorithm == SHA256 or (digest.algorithm, digest.hex.lower()) in said.hashes
                if is_it and said.filename == filename:
                    return entry
        return None

    def ready(self, digest: str) -> Entry | None:
        """Return the entry once all its files have been checked by size and stamp, and by hash where these differ.

        A bad file means that the entry is renamed away and the next layer is asked; None when none has a good one. An entry of which only modes
        are wrong, or that has bytecode in it, is made again from its own files, if it can be.
        """
        while True:
            entry = self.find(digest)
            if entry is None:
                return None
            try:
                faults = self._faults(entry, mend=True)
            except OSError as error:
                self.leave(entry, _said(error))
                continue
            if not faults:
                self.examined(entry)
                return self.find(digest)
            self.quarantine(entry, _summary(faults))

    def examined(self, entry: Entry) -> None:
        """Note that every file of an entry was seen to be as published, or has just been published, by this process."""
        self._examined.add(entry.root)

    def take_remade(self, entry: Entry) -> bool:
        """Return whether an entry was made again since this was last asked: what was placed before has the modes of the old one."""
        found = entry.root in self._remade
        self._remade.discard(entry.root)
        return found

    def is_examined(self, entry: Entry) -> bool:
        """Return whether this process has seen every file of an entry to be as published."""
        return entry.root in self._examined

    def is_untouched(self, entry: Entry, part: int = 0, parts: int = 1) -> bool:
        """Return whether every file of an entry (or image) is as published, as far as a glance tells; False needs a closer look.

        Of several `parts` this looks at one.
        """
        try:
            return all(sound for *_, sound in self.directories(entry, part, parts))
        except EntryLost:
            return False

    def directories(
        self, entry: Entry, part: int = 0, parts: int = 1, *, look: bool = True
    ) -> "Iterator[tuple[str, int, list[str], frozenset[str], bool]]":
        """Yield the directories of an entry (or image), parents first, of several `parts` those of one.

        Each comes with its descriptor, -1 if it cannot be opened; with its files, with those that are executable, and with whether all
        of them are as published, as far as a glance tells (True if no `look` is wanted). Directories without files come too,
        and one whose files are in several parts comes in each. Raises EntryLost.
        """
        try:
            glance = self._glance(entry)
            found = () if glance is None else glance.directories(part, parts)
        except (OSError, ValueError) as error:
            raise EntryLost(entry, str(error)) from error
        if glance is None:
            raise EntryLost(entry, "its list of files is gone")
        for directory, names, expected in found:
            fd, sound = -1, False
            try:
                fd = glance.open(directory)
                sound = not look or glance.is_untouched(directory, fd, names, expected)
            except OSError:
                pass  # that is for a closer look
            try:
                yield directory, fd, names, glance.executable(names, expected), sound
            finally:
                if fd >= 0:
                    os.close(fd)

    def _glance(self, entry: Entry) -> "QuickCheck | None":
        listed = self.listed(entry)
        if listed is None:
            return None
        lines, found, owner = listed
        # a copy that keeps times has them from its original, and its last change from the copying
        made_here = found.st_ctime_ns - found.st_mtime_ns < _MADE
        return QuickCheck(entry.tree, lines, found.st_mtime_ns, owner, made_here=made_here)

    def listed(self, entry: Entry) -> "tuple[list[str], os.stat_result, int] | None":
        """Return the lines of the list of an entry's files, what the list is as a file, and whose they are; None if it cannot be believed.

        Those of an image are the lines of its entry and what it has beyond them, and it was written last.
        """
        kept = self._kept_of(entry)
        if kept is None:
            return None
        try:
            lines = unseal(manifest.KIND, _read_in_entry(kept, layout.FILES))
            if lines is None:
                return None
            if not images.is_image(entry):
                return lines, os.stat(f"{entry.root}/{layout.FILES}"), kept.owner
            added = images.bytecode(kept.layer, entry)
            return None if added is None else ([*lines, *added[0]], *added[1:])
        except (OSError, Untrusted):
            return None

    def check(self, entry: Entry) -> "list[tuple[str, str]]":
        """Return what is wrong with the files of an entry, as (path in the tree, what); nothing is changed."""
        try:
            return self._faults(entry)
        except OSError as error:
            return [(layout.TREE, f"cannot be read: {error.strerror}")]

    def _faults(self, entry: Entry, *, mend: bool = False) -> "list[tuple[str, str]]":
        """Return what is wrong for good; OSError for what may be readable again in a moment.

        With `mend`, what is amiss is put right by making the entry again; a doubt that is settled by hashes is noted, so that it is settled once.
        """
        if self.is_untouched(entry):
            return []
        kept, rows = self._kept_of(entry), self._rows(entry)
        if kept is None or rows is None:
            return [(layout.FILES, "is damaged")]
        is_kept = integrity.keeps_modes(f"{entry.root}/{layout.FILES}")
        findings = integrity.examine(entry.tree, rows, kept.layer.owns(kept.owner), keeps_modes=is_kept)
        if findings.faults:
            return list(findings.faults)
        if findings.amiss and not mend:
            return list(findings.amiss)
        if findings.amiss and self._mended(entry, rows, findings):
            return []
        if findings.amiss and not findings.harmless:
            return list(findings.amiss)
        return self._doubtful(entry, findings.doubts) if findings.doubts else []

    def _mended(self, entry: Entry, rows: "list[Row]", findings: "integrity.Findings") -> bool:
        """Make an entry again whose content is good, once; False if that cannot be done."""
        # what was made a moment ago and is amiss again is not worth a second time
        if entry.root in self._mending:
            return False
        self._mending.add(entry.root)
        layer = self.layer_of(entry)
        if self._cold().remake(entry, rows, findings.doubts):
            # root's Python leaves bytecode in what root has folded, each time: that is nothing to be warned of
            is_bytecode = all(path.endswith(layout.BYTECODE) for path, _ in findings.amiss)
            level = "debug" if findings.harmless else "info" if is_bytecode else "warning"
            said = f"{entry.name} {entry.version} in the store `{layer.root if layer else ''}` was made again from its own files"
            self.reporter.note(level, f"{said}: {_summary(findings.amiss)}")
        elif not self.is_untouched(entry):  # or else another command was first
            return False
        self._remade.add(entry.root)
        return True

    def _doubtful(self, entry: Entry, doubts: "Iterable[Row]") -> "list[tuple[str, str]]":
        """Hash the files of an entry that are in doubt, and note that they were; those that were noted as they are now are sound."""
        looks = integrity.looks(entry.tree, doubts)
        key = f"{entry.digest}-looks"
        if self.get("settled", key) == looks:
            return []
        faults = self._cold().hash_faults(entry.tree, doubts)
        if not faults:
            self.put("settled", key, looks)
        return faults

    def leave(self, entry: Entry, reason: str) -> None:
        """Pass an entry over for as long as this process lives: it cannot be read now, which does not make it bad."""
        kept = self._kept.pop(entry.digest, None)
        self.leave_tree(entry.root)
        if kept is not None:
            kept.layer.note(f"`{entry.root}` is not used: {reason}")

    def leave_tree(self, path: str) -> None:
        """Pass the entry or image at `path` over for as long as this process lives."""
        self._spoiled.add(path)

    def is_left(self, path: str) -> bool:
        """Return whether what is at `path` is passed over."""
        return path in self._spoiled

    def is_image_sound(self, image: Entry) -> bool:
        """Return whether each file of an image is as published; a bad image is taken out of use."""
        return self._cold().is_image_sound(image)

    def reread(self, entry: Entry) -> None:
        """Hash an entry whose store has begun to fail; one that cannot be read is passed over, a bad one taken away."""
        try:
            rows = self._rows(entry)
            faults = [(layout.FILES, "is damaged")] if rows is None else self._cold().hash_faults(entry.tree, rows)
        except OSError as error:
            self.leave(entry, _said(error))
        else:
            if faults:
                self.quarantine(entry, f"`{faults[0][0]}` {faults[0][1]}")

    def quarantine(self, entry: Entry, reason: str) -> str | None:
        """Take an entry out of use, because of `reason`; return where it lies now, None if it could not be moved.

        Environments that have linked it keep their files.
        """
        kept = self._kept.pop(entry.digest, None)
        self._examined.discard(entry.root)
        layer = next((layer for layer in self.layers if entry.root.startswith(f"{layer.root}/")), None)
        if layer is None:
            return None
        self._warn(f"{entry.name} {entry.version}", layer, reason)
        return self.retire(layer, kept.relative if kept is not None else entry.root[len(layer.root) + 1 :])

    def _rows(self, entry: Entry) -> "list[Row] | None":
        """Return every file of an entry; None if the list is damaged, OSError if it cannot be read now."""
        kept = self._kept_of(entry)
        if kept is None:
            return None
        if kept.rows is None:
            try:
                kept.rows = manifest.decode(_read_in_entry(kept, layout.FILES))
            except (FileNotFoundError, Untrusted):
                return None
        return kept.rows

    def rows(self, entry: Entry) -> "list[Row]":
        """Return every file of an entry (path, size, sha256, executable, mtime), sorted; EntryLost if that is not known."""
        try:
            rows = self._rows(entry)
        except OSError as error:
            raise EntryLost(entry, error.strerror or str(error)) from error
        if rows is None:
            raise EntryLost(entry, "its list of files is gone")
        return sorted([*rows, *self._bytecode(entry)]) if images.is_image(entry) else rows

    def _bytecode(self, image: Entry) -> "list[Row]":
        """Return the files that an image has beyond its entry. Raises EntryLost."""
        kept = self._kept_of(image)
        try:
            added = None if kept is None else images.bytecode(kept.layer, image)
        except OSError as error:
            raise EntryLost(image, _said(error)) from error
        rows = None if added is None else manifest.rows(added[0])
        if rows is None:
            raise EntryLost(image, "the list of its bytecode is gone")
        return rows

    def files(self, entry: Entry) -> "list[tuple[str, int, str, bool]]":
        """Return every file of an entry as (path in the tree, size, sha256 in hexadecimal, executable), sorted.

        Raises EntryLost: an entry that somebody is just removing must not look like one without files.
        """
        return [row[:4] for row in self.rows(entry)]

    def loose(self, entry: Entry) -> "list[tuple[str, int, str, bool]]":
        """Return the files outside of `entry.foldable`, without reading the list of all. Raises EntryLost."""
        kept = self._kept_of(entry)
        rows = None if kept is None else kept.header.loose_rows()
        if rows is None:
            raise EntryLost(entry, "its header is gone")
        if images.is_image(entry):
            folded = tuple([f"{path}/" for path in entry.foldable])
            rows = sorted([*rows, *[row for row in self._bytecode(entry) if not row[0].startswith(folded)]])
        return [row[:4] for row in rows]

    def metadata(self, digest: str) -> str | None:
        """Return the core metadata of an entry that resolution needs, as the text of a METADATA file."""
        entry = self.find(digest)
        return None if entry is None else self._kept[digest].header.metadata()

    def header(self, entry: Entry) -> "Header | None":
        """Return all that is known of an entry."""
        kept = self._kept_of(entry)
        return None if kept is None else kept.header

    def layer_of(self, entry: Entry) -> Layer | None:
        """Return the layer that an entry is in."""
        kept = self._kept_of(entry)
        return None if kept is None else kept.layer

    def recommended_link_mode(self, entry: Entry) -> str:
        """Return how the entry's store wants it to be linked, "" if it does not say."""
        kept = self._kept_of(entry)
        return "" if kept is None else kept.layer.policy.link_mode

    def wheel_of(self, digest: str) -> str | None:
        """Return the path of the wheel itself where a believed entry keeps it."""
        entry = self.find(digest)
        kept = self._kept.get(digest)
        if entry is None or kept is None:
            return None
        path = f"{entry.root}/{layout.WHEEL}/{kept.header.filename}"
        return path if os.path.isfile(path) else None

    def admit(
        self,
        fill: "Callable[[NewFile], None]",
        *,
        filename: str,
        expected: "tuple[Digest, ...]" = (),
        origin: str = "index",
        private: bool = False,
        size: int | None = None,
    ) -> Entry:
        """Let a wheel in and return its entry.

        `fill` writes the wheel into the new file that it is handed, and may be called again with another one when a layer
        is full; it is not called at all if a layer keeps that wheel. Any of `expected` must fit (one that is weak only
        if there is no strong one). `private` keeps it out of stores that are shared: for what was built here. `size` is how many bytes the wheel
        has, if the index or the lock tells: one that a stranger keeps and that has others is not worth copying.
        Raises DigestMismatch, BadWheel, NoLayer, and whatever `fill` raises. Nothing is left behind by a failure.
        """
        return self._cold().admit(fill, filename, expected, origin=origin, private=private, size=size)

    def admit_file(
        self,
        path: str,
        filename: str,
        expected: "tuple[Digest, ...]" = (),
        *,
        origin: str = "file",
        private: bool = False,
    ) -> Entry:
        """Let a wheel in that lies at `path`: it is copied first, and what is hashed is the copy. Raises as `admit`."""
        return self._cold().admit_file(path, filename, expected, origin=origin, private=private)

    # --- rooms of mine -------------------------------------------------------------------------------------------

    def scratch(self) -> str:
        """Return a new empty directory for building, that nobody else can look into; the caller erases it."""
        return trees.staging(self.private(layout.BUILDS), 0o700)

    def private(self, room: str) -> str:
        """Return a room in which nobody else can change a name: for what decides what is run, as git clones and builds.

        Raises Refused if there is no layer of mine that takes it.
        """
        for layer in self.layers:
            try:
                if layer.mine:
                    path = layer.prepare(room)
                    reason = layer.exposed or layer.place(room).reason
                    if not reason:
                        return path
                    layer.note(f"`{path}` is not used: {reason}")
            except Refused:
                continue
            except disk.DiskError as error:
                layer.failed(error)
            except OSError as error:
                layer.note(f"`{layer.path(room)}` is not used: {error.strerror}")
        raise Refused("no store of yours takes anything", context=self.reasons())

    def reasons(self) -> tuple[str, ...]:
        """Return for each layer that does not take anything why, and for each that cannot be read."""
        return tuple(f"`{layer.root}`: {layer.refusal}" for layer in self.layers if layer.refusal)

    # --- use -----------------------------------------------------------------------------------------------------

    def used(self, entries: "Iterable[Entry]") -> None:
        """Note that entries were used today, for `cache prune` to know; at most once a day for each, and best effort.

        Only in stores of mine and of my group; what was published today needs no note.
        """
        today = int(time.time()) // _DAY
        by_layer: dict[Layer, set[str]] = {}
        for entry in entries:
            kept = self._kept_of(entry)
            if kept is not None and kept.header.published.at // _DAY != today:
                by_layer.setdefault(kept.layer, set()).add(entry.digest)
        for layer, digests in by_layer.items():
            if (layer.mine or layer.sharing == GROUP) and not layer.refusal:
                self._note_use(layer, digests, time.strftime("%Y-%m-%d", time.gmtime(today * _DAY)))

    @staticmethod
    def _note_use(layer: Layer, digests: set[str], day: str) -> None:
        relative = layout.used_on(layer.trust.me, day)
        noted = {line for line in (layer.read(relative) or b"").decode("ascii", "replace").split("\n") if line}
        if not digests <= noted:
            layer.write(relative, "".join(f"{digest}\n" for digest in sorted(noted | digests)).encode())

    # --- inner ---------------------------------------------------------------------------------------------------

    def forget(self, digest: str) -> None:
        """Look for an entry anew when it is asked for next."""
        kept = self._kept.pop(digest, None)
        if kept is not None:
            self._examined.discard(kept.entry.root)

    def _cold(self) -> "Admission":
        if self._admission is None:
            if self._make_admission is None:
                raise Refused("this store was opened for reading alone")
            self._admission = self._make_admission(self)
        return self._admission

    def _kept_of(self, entry: Entry) -> Kept | None:
        kept = self._kept.get(entry.digest)
        if kept is None and self.find(entry.digest) is not None:
            kept = self._kept.get(entry.digest)
        return kept

    def _find_in(self, layer: Layer, digest: str) -> Kept | None:
        """Return what a layer has under this digest, if it can be believed; rename away what is damaged."""
        for _ in range(2):
            try:
                return self._look_in(layer, digest)
            except OSError as error:
                # another client of a file server replaced a directory that is open here
                if error.errno != errno.ESTALE:
                    return None
                layer.reopen()
        return None

    def _look_in(self, layer: Layer, digest: str) -> Kept | None:
        shard = layer.inner(layer.place(layout.ENTRIES), digest[:2])
        try:
            return self._find_at(layer, shard, layout.entry(digest), digest) or self._find_at(
                layer, shard, layout.entry(digest, layer.trust.me), digest
            )
        finally:
            shard.close()

    def _find_at(self, layer: Layer, shard: Place, relative: str, digest: str) -> Kept | None:
        """Return the entry at one name; None if there is none, or none of use."""
        name = relative.rpartition("/")[2]
        if self.is_left(layer.path(relative)):
            return None
        try:
            place = layer.inner(shard, name)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._unusable(layer, relative, error)
        try:
            data = layer.read_in(place, layout.HEADER)
        except (FileNotFoundError, NotAFile) as error:
            self._damaged(layer, relative, place, f"its header cannot be read: {error.strerror}")
            return None
        except OSError as error:
            return self._unusable(layer, relative, error)
        finally:
            place.close()
        said = header.decode(data)
        if said is None or said.digest != digest:
            self._damaged(layer, relative, place, "its header is damaged")
            return None
        return Kept(layer, relative, said, _entry(layer, relative, said, place), place.found.st_uid)

    @staticmethod
    def _unusable(layer: Layer, relative: str, error: OSError) -> None:
        if error.errno == errno.ESTALE:
            raise error
        layer.note(f"`{layer.path(relative)}` is not used: {error.strerror or error}")

    def _damaged(self, layer: Layer, relative: str, place: Place, reason: str) -> None:
        """Rename away what is damaged, unless it is somebody's whom I do not believe: then it is his."""
        if place.reason:
            layer.note(f"`{layer.path(relative)}` is not used: {place.reason}")
            return
        self._warn(relative.rpartition("/")[2][:16] + "…", layer, reason)
        self.retire(layer, relative)

    def _warn(self, what: str, layer: Layer, reason: str) -> None:
        self.reporter.note("warning", f"{what} in the store `{layer.root}` is damaged and not used: {reason}")

    def retire(self, layer: Layer, relative: str) -> str | None:
        """Rename an entry away; return where it lies now, None if it could not be moved. Its wheel may still be used."""
        path = layer.path(relative)
        digest = layout.digest_of_entry(relative.rpartition("/")[2]) or ""
        self.forget(digest)
        try:
            retired = trees.retire(path)
        except disk.DiskError as error:
            layer.note(error.message)
            self._spoiled.add(path)
            self.retired.setdefault(digest, []).append(path)
            return None
        if retired is not None:
            self.retired.setdefault(digest, []).append(retired)
        return retired

    def _is_settled(self, kept: Kept) -> bool:
        """Hash an entry at its first use after the host that published it has booted: its data may never have got to disk."""
        published = kept.header.published
        if published.boot in {"", facts.boot_id()} or published.host != facts.host():
            return True
        if (
            os.path.lexists(f"{kept.entry.root}/{layout.SETTLED}")
            or self.get("settled", kept.header.digest) is not None
        ):
            return True
        self._kept[kept.header.digest] = kept
        try:
            rows = self._rows(kept.entry)
            faults = [(layout.FILES, "is damaged")] if rows is None else self._cold().hash_faults(kept.entry.tree, rows)
        except OSError as error:
            self.leave(kept.entry, _said(error))
            return False
        if faults:
            self.quarantine(kept.entry, f"`{faults[0][0]}` {faults[0][1]}")
            return False
        self.settle(kept.entry)
        return True

    def settle(self, entry: Entry) -> None:
        """Note that the data of an entry is known to be on disk: beside it if it is mine, else among my own records."""
        try:
            if entry.mine and files.write(f"{entry.root}/{layout.SETTLED}", b"", layout.FILE_MODE, replace=False):
                return
        except disk.DiskError:
            pass
        self.put("settled", entry.digest, b"")


def strongest(digests: "tuple[Digest, ...]") -> "tuple[Digest, ...]":
    """Return those digests that are to be held against a file: the strong ones, or the weak if there are no others."""
    return tuple([digest for digest in digests if digest.algorithm not in WEAK]) or digests


def _summary(faults: "Sequence[tuple[str, str]]") -> str:
    path, what = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"`{path}` {what}{more}"


def _said(error: OSError) -> str:
    return error.strerror or str(error)


def _read_in_entry(kept: Kept, name: str) -> bytes:
    shard = kept.layer.inner(kept.layer.place(layout.ENTRIES), kept.header.digest[:2])
    try:
        place = kept.layer.inner(shard, kept.relative.rpartition("/")[2])
    finally:
        shard.close()
    try:
        return kept.layer.read_in(place, name)
    finally:
        place.close()


def _entry(layer: Layer, relative: str, said: "Header", place: Place) -> Entry:
    root = layer.path(relative)
    return Entry(
        said.digest, root, f"{root}/{layout.TREE}", said.name, said.version, said.dist_info, said.data, said.purelib,
        said.console, said.gui, said.foldable, said.unfolded, said.files, said.size,
        trusted=not (layer.temporary or layer.exposed), mine=place.found.st_uid == layer.trust.me and not layer.exposed,
    )  # fmt: skip
