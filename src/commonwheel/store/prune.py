"""Keep stores small and sound: size, list, clean, prune, verify.

Laws of this file: no lock is taken, so a long job never blocks it and is never blocked. What goes is first renamed away;
whoever was about to link it meets a miss and fetches it again. What an environment reaches through links stays, and so
does, for an hour, what was just published. What belongs to others goes as far as the file system lets it, and the rest is
told with its owner. A layer that is set to be read only is not touched.
"""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

from commonwheel.events import Silence
from commonwheel.fs import disk, trees
from commonwheel.fs import files as fs_files
from commonwheel.model import Digest, Value
from commonwheel.specs.names import normalize
from commonwheel.store import images, integrity, inventory, layout, manifest, roots, untrusted_walk, verify
from commonwheel.store.inventory import Held, Measure
from commonwheel.store.records import POINTER
from commonwheel.store.sealed_records import unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.fs.files import NewFile
    from commonwheel.model import Entry
    from commonwheel.store.layers import Layer
    from commonwheel.store.manifest import Row
    from commonwheel.store.store import Store

#: Seconds for which something new is left alone: somebody is linking it.
GRACE = 3_600
#: What `prune` without any wish takes: what no environment notes, and nobody used for this many seconds.
DEFAULT_AGE = 30 * 86_400
#: Seconds for which notes on use are kept.
_REMEMBERED = 400 * 86_400
#: Where entries come from that are quickly fetched again.
FETCHED = frozenset({"index", "url"})
#: Where `verify_entries` says that it could not read: no fault of the entry, and nothing to repair.
UNREADABLE = ""
#: With what the paths of files in images begin, where `verify_entries` tells them.
IMAGES = "images/"
_RECORDS = ("pages", "metadata", "private-pages", "private-metadata")
_MADE_HERE = (layout.BUILDS, layout.GIT)


# --- size --------------------------------------------------------------------------------------------------------------


class LayerSize(Value):
    """What a layer holds: its `entries` (with their number), the parts beside them, and each package by name."""

    __slots__ = ("count", "entries", "images", "leftovers", "others", "packages", "root")

    def __init__(
        self,
        root: str,
        count: int,
        entries: Measure,
        images: Measure,
        others: Measure,
        leftovers: Measure,
        packages: "dict[str, Measure]",
    ) -> None:
        self.root: Final = root
        self.count: Final = count
        self.entries: Final = entries
        self.images: Final = images
        self.others: Final = others
        self.leftovers: Final = leftovers
        self.packages: Final = packages

    @property
    def total(self) -> Measure:
        """Return all of it."""
        return self.entries + self.images + self.others + self.leftovers


def size(store: "Store") -> tuple[LayerSize, ...]:
    """Return how large each layer is."""
    return tuple(_size(layer) for layer in store.layers if layer.exists)


def _size(layer: "Layer") -> LayerSize:
    packages: dict[str, Measure] = {}
    found = inventory.held(layer, alive=())
    for one in found:
        packages[one.name] = packages.get(one.name, Measure()) + one.measure
    images = _sum(map(_own, (inventory.measured(path) for path, _ in inventory.image_paths(layer))))
    leftovers = _sum(inventory.measured(path) for path in inventory.leftovers(layer))
    rooms = [name for name in inventory.names_in(layer.path(layout.VERSION)) if not layout.is_leftover(name)]
    apart = {layout.ENTRIES.rpartition("/")[2], layout.IMAGES.rpartition("/")[2]}
    others = _sum(inventory.measured(layer.path(f"{layout.VERSION}/{name}")) for name in rooms if name not in apart)
    return LayerSize(layer.root, len(found), _sum(packages.values()), images, others, leftovers, packages)


def _own(image: Measure) -> Measure:
    """Return what an image takes beside its entry, whose files it links."""
    return Measure(image.size, image.disk - image.linked, image.inodes, 0)


def _sum(measures: "Iterable[Measure]") -> Measure:
    total = Measure()
    for measure in measures:
        total += measure
    return total


def listing(store: "Store", names: "Collection[str]" = ()) -> tuple[Held, ...]:
    """Return the entries of all layers, or those of some packages, in the order of the layers."""
    wanted = {normalize(name) for name in names}
    return tuple(
        one
        for layer in store.layers
        if layer.exists
        for one in inventory.held(layer)
        if not wanted or one.name in wanted
    )


# --- removal -----------------------------------------------------------------------------------------------------------


#: What became of a path: only what was deleted frees anything, and only that is counted.
_STAYS, _OUT_OF_USE, _DELETED = range(3)


class Removed(Value):
    """What went (or would go): `entries`, and `other` things by path; what that frees.

    `kept` says what was spared and why, `remains` what could not be removed and whose it is.
    """

    __slots__ = ("entries", "freed", "kept", "other", "remains")

    def __init__(
        self,
        entries: tuple[Held, ...],
        other: tuple[str, ...],
        freed: Measure,
        kept: tuple[str, ...],
        remains: tuple[str, ...],
    ) -> None:
        self.entries: Final = entries
        self.other: Final = other
        self.freed: Final = freed
        self.kept: Final = kept
        self.remains: Final = remains


class _Removal:
    """Collect what goes; with `dry` nothing does.

    Somebody may begin to link an entry after the notes of environments were read. Whoever links writes his note first and
    looks then whether the entry is there; so here it is first renamed away, then the notes are looked at once more, and
    only then it is deleted. One of the two meets the other, without a lock.
    """

    def __init__(self, store: "Store", *, dry: bool, force: bool = False) -> None:
        self.store = store
        self.dry = dry
        self._force = force
        self._notes = {layer.root: roots.notes(layer) for layer in store.layers if layer.exists}
        self.entries: list[Held] = []
        self.other: list[str] = []
        self.freed = Measure()
        self.kept: list[str] = []
        self.remains: list[str] = []

    def clock(self, layer: "Layer") -> "Callable[[], float]":
        """Return what tells the time of a layer: that of its file server, unless nothing may be written to ask."""
        if self.dry:
            return time.time
        return lambda: fs_files.clock(layer.path(layout.VERSION)) or time.time()

    def entry(self, one: Held) -> None:
        """Remove an entry and its images."""
        self.store.forget(one.digest)
        measure = one.measure
        outcome = self._remove(one.path, one)
        if outcome == _DELETED:
            self.entries.append(one)
            self.freed += measure
        for path, digest in list(inventory.image_paths(one.layer)) if outcome else ():
            if digest == one.digest:
                self.path(path)

    def path(self, path: str) -> None:
        """Remove a file or a tree."""
        measure = inventory.measured(path)
        if self._remove(path) == _DELETED:
            self.other.append(path)
            self.freed += measure

    def _remove(self, path: str, one: Held | None = None) -> int:
        if self.dry:
            return _DELETED
        layer = next(layer for layer in self.store.layers if path.startswith(f"{layer.root}/"))
        try:
            with untrusted_walk.PinnedDirectory(layer, path) as firm:
                return self._remove_from(os.path.dirname(path), firm, one)
        except OSError as error:
            self.remains.append(f"`{path}` stays: {error.strerror or error}")
            return _STAYS

    def _remove_from(self, directory: str, firm: str, one: Held | None) -> int:
        """Remove the name `firm`; for people its directory is called `directory`."""
        held = os.path.dirname(firm)
        path = firm.replace(held, directory, 1)
        try:
            # leftovers have their trash name already
            is_leftover = layout.is_leftover(os.path.basename(path))
            retired = firm if is_leftover else trees.retire(firm)
        except disk.DiskError as error:
            why = error.message.replace(held, directory)
            self.remains.append(f"`{path}` stays: {inventory.whose(path)} owns it, and {why}")
            return _STAYS
        if retired is not None and one is not None and not self._force:
            wanted_by = self._wanted_now(one)
            if wanted_by and _put_back(retired, firm):
                self.kept.append(f"{one.label}: `{wanted_by}` begins to reach it through links")
                return _STAYS
        if retired is None:
            return _OUT_OF_USE  # another command was faster
        if trees.erase(retired):
            return _DELETED
        rest = retired.replace(held, directory, 1)
        self.remains.append(f"`{rest}` is out of use, and can be deleted by {inventory.whose(rest)} alone")
        return _OUT_OF_USE

    def _wanted_now(self, one: Held) -> str:
        """Return the environment that has noted since the beginning that it lives on an entry, or ""."""
        now = roots.notes(one.layer)
        new = now - self._notes.get(one.layer.root, frozenset())
        if not new:
            return ""
        tops = inventory.tops(one.layer)
        return next(
            (
                root.environment
                for root in roots.every(one.layer)
                if one.digest in root.entries and not root.stale(time.time()) and one.digest in roots.living(root, tops)
            ),
            "",
        )

    def spare(self, one: Held) -> None:
        """Leave an entry that an environment cannot do without."""
        others = f" and {len(one.living) - 1} more" if len(one.living) > 1 else ""
        self.kept.append(f"{one.label}: `{one.living[0]}`{others} reaches it through links")

    def result(self) -> Removed:
        """Return what was collected."""
        kept, remains = tuple(self.kept), tuple(self.remains)
        return Removed(tuple(self.entries), tuple(self.other), self.freed, kept, remains)


def _put_back(retired: str, path: str) -> bool:
    """Give an entry its name back; False if that is taken by a new one, or cannot be done."""
    try:
        trees.rename(retired, path)
    except disk.DiskError:
        return False
    return True


def _writable(store: "Store") -> "Iterator[Layer]":
    for layer in store.layers:
        if layer.exists and not layer.refusal:
            yield layer


def clean(store: "Store", names: "Collection[str]" = (), *, force: bool = False, dry_run: bool = False) -> Removed:
    """Empty the store, or remove all that it has of some packages.

    What environments reach through links is spared unless `force`.
    """
    removal = _Removal(store, dry=dry_run, force=force)
    wanted = {normalize(name) for name in names}
    for layer in _writable(store):
        digests = set()
        for one in inventory.held(layer):
            if wanted and one.name not in wanted:
                continue
            if one.living and not force:
                removal.spare(one)
                continue
            removal.entry(one)
            digests.add(one.digest)
        if wanted:
            _drop_records(layer, wanted, removal)
            _drop_pointers(layer, digests, removal)
        else:
            _drop_rooms(layer, removal)
        for path in inventory.leftovers(layer, removal.clock(layer)):
            removal.path(path)
    return removal.result()


def _drop_rooms(layer: "Layer", removal: _Removal) -> None:
    """Remove everything but entries, images, and the notes of environments."""
    for room in (*(f"{layout.VERSION}/{space}" for space in layout.SPACES), layout.POINTERS, *_MADE_HERE, layout.USE):
        path = layer.path(room)
        if os.path.lexists(path):
            removal.path(path)


def _drop_records(layer: "Layer", wanted: set[str], removal: _Removal) -> None:
    """Remove what indexes said about some projects: `<index>/<project>` and what lies beside it."""
    for space in _RECORDS:
        top = layer.path(f"{layout.VERSION}/{space}")
        for index in inventory.names_in(top):
            for name in inventory.names_in(f"{top}/{index}"):
                if name in wanted or name.removesuffix(".files") in wanted:
                    removal.path(f"{top}/{index}/{name}")


def _drop_pointers(layer: "Layer", digests: set[str], removal: _Removal) -> None:
    top = layer.path(layout.POINTERS)
    for directory, _, files in os.walk(top):
        for name in files:
            path = f"{directory}/{name}"
            try:
                lines = unseal(POINTER, untrusted_walk.read(path)[0])
            except OSError:
                continue
            if lines is None or (len(lines) > 1 and lines[1] in digests):
                removal.path(path)


class PruneOptions(Value):
    """What `cache prune` is to take besides leftovers: see `prune`."""

    __slots__ = ("ci", "max_size", "older_than", "unreferenced")

    def __init__(
        self,
        older_than: float | None = None,
        max_size: int | None = None,
        ci: bool = False,
        unreferenced: bool = False,
    ) -> None:
        self.older_than: Final = older_than
        self.max_size: Final = max_size
        self.ci: Final = ci
        self.unreferenced: Final = unreferenced

    def of(self, layer: "Layer") -> "PruneOptions":
        """Return the wish for one layer: its own limit if no other is given; without any wish, what is old and unused."""
        limit = layer.policy.max_size if self.max_size is None else self.max_size
        if self == PruneOptions() and limit is None:
            return PruneOptions(older_than=DEFAULT_AGE, unreferenced=True)
        return PruneOptions(self.older_than, limit, self.ci, self.unreferenced)

    def takes(self, one: Held, now: float) -> bool:
        """Return whether an entry is to go, if nothing lives on it."""
        if one.header is None:
            # damaged: the next who asks for it would rename it away
            return True
        if self.ci:
            return one.header.published.origin in FETCHED
        if now - one.header.published.at < GRACE or not (self.unreferenced or self.older_than is not None):
            return False
        if self.older_than is not None and now - one.used <= self.older_than:
            return False
        return not self.unreferenced or not (one.environments or one.measure.linked)


def prune(
    store: "Store", wish: PruneOptions | None = None, *, others: PruneOptions | None = None, dry_run: bool = False
) -> Removed:
    """Remove what nobody needs: always leftovers of dead processes, and notes of environments that are gone.

    `older_than` (seconds): what was not used for so long. `unreferenced`: what no environment notes or has hard links
    of; with `older_than`, both. `ci`: what is quickly fetched again, so that a job saves only what it built. `max_size` (bytes
    on disk, for each layer; else the store's own): then, what was used longest ago, until it fits. Without any wish: what no
    environment notes, and nobody used for 30 days. What environments reach through links is always spared. `others` is the wish
    for stores that are not mine alone, if it is another one.
    """
    removal = _Removal(store, dry=dry_run)
    for layer in _writable(store):
        meant = wish if layer.mine or others is None else others
        _prune(layer, (meant or PruneOptions()).of(layer), removal)
    return removal.result()


def _prune(layer: "Layer", wish: PruneOptions, removal: _Removal) -> None:
    for path in inventory.leftovers(layer, removal.clock(layer)):
        removal.path(path)
    alive = None if removal.dry else roots.drop_stale(layer)
    left = []
    now = time.time()
    for one in inventory.held(layer, alive=alive):
        takes = wish.takes(one, now)
        if takes and one.living:
            removal.spare(one)
        if takes and not one.living:
            removal.entry(one)
        else:
            left.append(one)
    if wish.ci:
        _drop_old_records(layer, 0.0, removal)
    elif wish.older_than is not None:
        _drop_old_records(layer, wish.older_than, removal)
    _drop_old_notes(layer, removal)
    if wish.max_size is not None:
        _shrink(layer, left, wish.max_size, removal)


def _drop_old_notes(layer: "Layer", removal: _Removal) -> None:
    """Remove notes on use that nobody asks for any more."""
    oldest = time.strftime("%Y-%m-%d", time.gmtime(time.time() - _REMEMBERED))
    top = layer.path(layout.use(layer.trust.me))
    for day in inventory.names_in(top):
        if day < oldest and not layout.is_leftover(day):
            removal.path(f"{top}/{day}")


def _drop_old_records(layer: "Layer", age: float, removal: _Removal) -> None:
    now = time.time()
    for space in _RECORDS:
        for directory, _, files in os.walk(layer.path(f"{layout.VERSION}/{space}")):
            for name in files:
                path = f"{directory}/{name}"
                try:
                    is_old = now - os.lstat(path).st_mtime >= age
                except OSError:
                    continue
                if is_old and not layout.is_leftover(name):
                    removal.path(path)


def _shrink(layer: "Layer", left: list[Held], limit: int, removal: _Removal) -> None:
    """Remove what was used longest ago until the layer fits into `limit` bytes on disk.

    What has hard links in environments frees nothing, and stays.
    """
    images = list(inventory.image_paths(layer))
    # most of the time there is room: then not every inode has to be looked at
    if not images and sum([one.most for one in left]) <= limit:
        return
    total = sum([one.measure.disk for one in left])
    total += sum([_own(inventory.measured(path)).disk for path, _ in images])
    now = time.time()
    for one in sorted(left, key=lambda one: one.used):
        if total <= limit:
            return
        is_new = one.header is not None and now - one.header.published.at < GRACE
        if one.living:
            removal.spare(one)
        elif not is_new and not one.measure.linked:
            removal.entry(one)
            total -= one.measure.disk
    if total > limit:
        removal.kept.append(
            f"`{layer.root}` still takes {total} bytes after pruning: the rest is new, or environments use it"
        )


# --- verify ------------------------------------------------------------------------------------------------------------


class Verdict(Value):
    """What is wrong with an entry: `faults` as (path, what), and the environments that hold a bad file by a hard link.

    `repaired` says what was done: "" nothing, `replaced` (there is a sound one again), `removed` (fetched when needed next).
    """

    __slots__ = ("environments", "faults", "held", "repaired")

    def __init__(
        self, held: Held, faults: "tuple[tuple[str, str], ...]", environments: tuple[str, ...] = (), repaired: str = ""
    ) -> None:
        self.held: Final = held
        self.faults: Final = faults
        self.environments: Final = environments
        self.repaired: Final = repaired


class _NotAtHand(Exception):
    """A wheel would have to be fetched."""


def verify_entries(
    store: "Store",
    names: "Collection[str]" = (),
    *,
    repair: bool = False,
    threads: int | None = None,
    reporter: "Reporter | None" = None,
) -> tuple[Verdict, ...]:
    """Hash every file of every entry (or of some packages) and return what is wrong.

    With `repair`, a bad entry is taken out of use and made anew from a wheel that is at hand, in this store or another
    layer; otherwise it is fetched when it is needed next.
    """
    found = listing(store, names)
    told: Reporter = reporter or Silence()
    task = told.begin("verify", "entries", len(found))

    def judge(one: Held) -> "tuple[tuple[str, str], ...]":
        faults = _faults(one)
        # others may have taken it away meanwhile, or even put a new one in its place
        if faults:
            faults = _faults(inventory.again(one)) if os.path.lexists(one.path) else ()
        if faults and not os.path.lexists(one.path):
            faults = ()
        told.advance(task)
        return faults

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        judged = list(zip(found, pool.map(judge, found), strict=True))
    told.end(task)
    return tuple(_verdict(store, one, faults, repair=repair) for one, faults in judged if faults)


def _faults(one: Held) -> "tuple[tuple[str, str], ...]":
    try:
        return tuple(entry_faults(one))
    except OSError as error:
        return ((UNREADABLE, f"cannot be read: {error.strerror}"),)


def entry_faults(one: Held) -> "Iterator[tuple[str, str]]":
    """Yield what is wrong with an entry: everything is hashed."""
    if one.header is None or one.header.digest != one.digest:
        yield layout.HEADER, "is damaged"
        return
    try:
        data, _ = untrusted_walk.read(f"{one.path}/{layout.FILES}")
    except FileNotFoundError:
        yield layout.FILES, "is missing"
        return
    rows = manifest.decode(data)
    if rows is None or hashlib.sha256(data).hexdigest() != one.header.sealed:
        yield layout.FILES, "is damaged"
        return
    yield from _tree_faults(one, rows)
    for image in _images_of(one):
        yield from _image_faults(one, image, rows)
    kept = f"{one.path}/{layout.WHEEL}/{one.header.filename}"
    if os.path.lexists(kept) and (fault := verify.hash_fault(kept, one.digest, wary=_is_strangers(one))):
        yield f"{layout.WHEEL}/{one.header.filename}", fault


def _tree_faults(one: Held, rows: "list[Row]") -> "Iterator[tuple[str, str]]":
    tree, is_kept = f"{one.path}/{layout.TREE}", integrity.keeps_modes(f"{one.path}/{layout.FILES}")
    findings = integrity.examine(tree, rows, one.layer.owns(one.owner), keeps_modes=is_kept)
    faults = sorted((*findings.faults, *findings.amiss))
    told = {path for path, _ in faults}
    yield from faults
    yield from verify.hash_faults(tree, [row for row in rows if row[0] not in told], wary=_is_strangers(one))


def _is_strangers(one: Held) -> bool:
    return not one.layer.trust.owner(one.owner, one.layer.group)


def _images_of(one: Held) -> "Iterator[str]":
    """Yield the names of the images of an entry that count."""
    shard = one.layer.path(layout.image(one.digest, "x").rpartition("/")[0])
    for name in inventory.names_in(shard):
        if layout.digest_of_image(name) == one.digest and _counts(one.layer, f"{shard}/{name}"):
            yield f"{shard}/{name}"


def _counts(layer: "Layer", path: str) -> bool:
    try:
        return layer.trust.owner(os.lstat(path).st_uid, layer.group)
    except OSError:
        return False


def _image_faults(one: Held, image: str, rows: "list[Row]") -> "Iterator[tuple[str, str]]":
    """Yield what is wrong with an image: files that the entry has as well, by another name, were hashed there."""
    name = f"{IMAGES}{os.path.basename(image)}"
    try:
        data, _ = untrusted_walk.read(f"{image}/{layout.IMAGE}")
    except FileNotFoundError:
        yield f"{name}/{layout.IMAGE}", "is missing"
        return
    lines = unseal(images.KIND, data)
    added = None if not lines else manifest.rows(lines[1:])
    if added is None:
        yield f"{name}/{layout.IMAGE}", "is damaged"
        return
    tree, is_kept = f"{image}/{layout.TREE}", integrity.keeps_modes(f"{image}/{layout.IMAGE}")
    owns = one.layer.owns(os.lstat(image).st_uid)
    findings = integrity.examine(tree, [*rows, *added], owns, keeps_modes=is_kept)
    faults = sorted((*findings.faults, *findings.amiss))
    told = {path for path, _ in faults}
    own = [
        row
        for row in rows
        if row[0] not in told and not _is_same(f"{tree}/{row[0]}", f"{one.path}/{layout.TREE}/{row[0]}")
    ]
    faults += verify.hash_faults(tree, [*own, *(row for row in added if row[0] not in told)])
    yield from ((f"{name}/{layout.TREE}/{path}", what) for path, what in faults)


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.lstat(other))
    except OSError:
        return False


def _verdict(store: "Store", one: Held, faults: "tuple[tuple[str, str], ...]", *, repair: bool) -> Verdict:
    holding = tuple(_holding(one, faults))
    if not repair or one.layer.refusal or faults[0][0] == UNREADABLE:
        return Verdict(one, faults, holding)
    bad = dict.fromkeys([path.partition("/")[2].partition("/")[0] for path, _ in faults if path.startswith(IMAGES)])
    for name in bad:  # whoever wants its bytecode makes it again
        store.retire(one.layer, layout.image_named(name))
    if all(path.startswith(IMAGES) for path, _ in faults) or _is_mended(store, one):
        return Verdict(one, faults, holding, "replaced")
    store.retire(one.layer, one.path[len(one.layer.root) + 1 :])
    return Verdict(one, faults, holding, "removed" if _replaced(store, one) is None else "replaced")


def _is_mended(store: "Store", one: Held) -> bool:
    """Make an entry again of which only modes are wrong, or that has bytecode in it; say whether it is as published then."""
    entry = store.ready(one.digest)
    return (
        entry is not None and entry.root == one.path and store.take_remade(entry) and not _faults(inventory.again(one))
    )


def _replaced(store: "Store", one: Held) -> "Entry | None":
    """Return a sound entry made from what is at hand, or None."""
    entry = store.ready(one.digest)
    if entry is not None or one.header is None:
        return entry

    def fetch(_file: "NewFile") -> None:
        raise _NotAtHand

    expected = (Digest("sha256", one.digest),)
    try:
        return store.admit(fetch, filename=one.header.filename, expected=expected, origin=one.header.published.origin)
    except _NotAtHand:
        return None


def _holding(one: Held, faults: "tuple[tuple[str, str], ...]") -> "Iterator[str]":
    """Yield the environments that hold one of the bad files under a name of their own."""
    inodes = set()
    for path, _ in faults:
        try:
            found = os.lstat(f"{one.path}/{layout.TREE}/{path}")
        except OSError:
            continue
        if found.st_nlink > 1:
            inodes.add((found.st_dev, found.st_ino))
    for environment in one.environments if inodes else ():
        if roots.holds(environment, inodes):
            yield environment
