"""What a store holds: every entry with its size, its users and its last use; every leftover; every record.

Laws of this file: it only reads, and believes nothing for linking: for an entry with a damaged header there is a line, too.
What cannot be read is left out or told, never an error.
"""

import calendar
import os
import time

from commonwheel.fs import disk, facts
from commonwheel.model import Value
from commonwheel.store import header, layout, roots, untrusted_walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Final

    from commonwheel.store.header import Header
    from commonwheel.store.layers import Layer
    from commonwheel.store.roots import Root

#: Unfinished work of a process that cannot be asked (another host) is given up on after this many seconds.
ABANDONED = 86_400
ENDED = 3_600
# bytes of a block, and inodes of an entry beside those of its tree
_BLOCK, _BESIDE = 4096, 6


class Measure(Value):
    """How much a tree takes: `size` of its files, `disk` as the file system counts blocks, `inodes`.

    `linked` is the part of `disk` in files that have names elsewhere too (hard links in environments): it would not be
    freed.
    """

    __slots__ = ("disk", "inodes", "linked", "size")

    def __init__(self, size: int = 0, disk: int = 0, inodes: int = 0, linked: int = 0) -> None:
        self.size: Final = size
        self.disk: Final = disk
        self.inodes: Final = inodes
        self.linked: Final = linked

    def __add__(self, other: "Measure") -> "Measure":
        return Measure(
            self.size + other.size, self.disk + other.disk, self.inodes + other.inodes, self.linked + other.linked
        )


class Held(Value):
    """An entry of a layer: `path`, whose it is, what it takes, when it was last used (seconds), which environments note it.

    `living` are those of them that would break without it. `header` is None if it is damaged. `names` is how many names
    its files have in the store itself. It is measured when that is first asked for: to look at every inode of a large
    store takes seconds.
    """

    __slots__ = ("digest", "environments", "header", "layer", "living", "measures", "names", "owner", "path", "used")

    def __init__(  # noqa: PLR0913 - the columns of `cache list`
        self,
        layer: "Layer",
        path: str,
        digest: str,
        header: "Header | None",
        owner: int,
        used: float,
        environments: tuple[str, ...] = (),
        living: tuple[str, ...] = (),
        names: int = 1,
        measures: "list[Measure] | None" = None,
    ) -> None:
        self.layer: Final = layer
        self.path: Final = path
        self.digest: Final = digest
        self.header: Final = header
        self.owner: Final = owner
        self.used: Final = used
        self.environments: Final = environments
        self.living: Final = living
        self.names: Final = names
        self.measures: Final = [] if measures is None else measures

    @property
    def measure(self) -> Measure:
        """Return what it takes."""
        if not self.measures:
            self.measures.append(measured(self.path, self.names))
        return self.measures[0]

    @property
    def most(self) -> int:
        """Return how many bytes it takes on disk at most, as its header lets one guess; measured if it has none."""
        if self.header is None:
            return self.measure.disk
        # a block for the end of each file, and one for each directory
        return self.header.size + self.header.wheel_size + 3 * _BLOCK * (self.header.files + _BESIDE)

    @property
    def name(self) -> str:
        """Return the normalised name of the package, or the beginning of the digest if that is not known."""
        return self.digest[:16] if self.header is None else self.header.name

    @property
    def version(self) -> str:
        """Return the version, or ""."""
        return "" if self.header is None else self.header.version

    @property
    def label(self) -> str:
        """Return name and version, as `name 1.0`."""
        return f"{self.name} {self.version}".rstrip()


def measured(path: str, names: int = 1) -> Measure:
    """Return what a file, or everything below a directory, takes; a file with more than `names` names counts as linked."""
    size = blocks = inodes = linked = 0
    pending = [path]
    while pending:
        current = pending.pop()
        try:
            found = os.lstat(current)
        except OSError:
            continue
        inodes += 1
        taken = found.st_blocks * 512
        blocks += taken
        if _is_directory(found):
            try:
                pending += [entry.path for entry in os.scandir(current)]
            except OSError:
                continue
        else:
            size += found.st_size
            linked += taken if found.st_nlink > names else 0
    return Measure(size, blocks, inodes, linked)


def _is_directory(found: os.stat_result) -> bool:
    return found.st_mode & 0o170000 == 0o040000  # noqa: PLR2004 - S_IFDIR


def tops(layer: "Layer") -> set[str]:
    """Return the directories, real paths included, below which links lead to entries and images of a layer."""
    rooms = [f"{top}/{room}" for top in {layer.root, layer.named} for room in (layout.ENTRIES, layout.IMAGES)]
    return {*rooms, *map(os.path.realpath, rooms)}


def held(layer: "Layer", *, alive: "Iterable[Root] | None" = None) -> "list[Held]":
    """Return the entries of a layer by name and version; `alive` are the notes of environments that count."""
    notes = [root for root in roots.every(layer) if not root.stale(time.time())] if alive is None else list(alive)
    beginnings = tops(layer)
    images: dict[str, int] = {}
    for _, digest in image_paths(layer):
        images[digest] = images.get(digest, 0) + 1
    noted: dict[str, list[str]] = {}
    living: dict[str, list[str]] = {}
    for root in notes:
        for digest in root.entries:
            noted.setdefault(digest, []).append(root.environment)
        for digest in roots.living(root, beginnings):
            living.setdefault(digest, []).append(root.environment)
    used = last_uses(layer)
    found = []
    for path, digest in entry_paths(layer):
        try:
            owner = os.lstat(path).st_uid
        except OSError:
            continue
        said = read_header(path)
        last = max(used.get(digest, 0.0), 0.0 if said is None else said.published.at)
        # an image has every file under one more name
        names = 1 + images.get(digest, 0)
        environments, without = tuple(noted.get(digest, ())), tuple(living.get(digest, ()))
        found.append(Held(layer, path, digest, said, owner, last, environments, without, names))
    return sorted(found, key=lambda one: (one.name, one.version, one.path))


def again(one: Held) -> Held:
    """Return an entry with the header that it has now."""
    return one.replaced(header=read_header(one.path))


def read_header(path: str) -> "Header | None":
    """Return the header of the entry at `path`, None if it cannot be read."""
    try:
        return header.decode(untrusted_walk.read(f"{path}/{layout.HEADER}")[0])
    except OSError:
        return None


def entry_paths(layer: "Layer") -> "Iterator[tuple[str, str]]":
    """Yield path and digest of every entry of a layer."""
    top = layer.path(layout.ENTRIES)
    for shard in names_in(top):
        for name in names_in(f"{top}/{shard}"):
            digest = layout.digest_of_entry(name)
            if digest is not None:
                yield f"{top}/{shard}/{name}", digest


def image_paths(layer: "Layer") -> "Iterator[tuple[str, str]]":
    """Yield path and digest of every image of a layer."""
    top = layer.path(layout.IMAGES)
    for shard in names_in(top):
        for name in names_in(f"{top}/{shard}"):
            digest = layout.digest_of_image(name)
            if digest is not None:
                yield f"{top}/{shard}/{name}", digest


def last_uses(layer: "Layer") -> dict[str, float]:
    """Return when entries were last used, by digest, as far as users noted it (to the day)."""
    found: dict[str, float] = {}
    top = layer.path(layout.USE)
    for user in names_in(top):
        for day in names_in(f"{top}/{user}"):
            try:
                when = calendar.timegm(time.strptime(day, "%Y-%m-%d"))
                digests = untrusted_walk.read(f"{top}/{user}/{day}")[0].decode("ascii", "replace").split()
            except (OSError, ValueError):
                continue
            for digest in digests:
                found[digest] = max(found.get(digest, 0.0), when)
    return found


def leftovers(layer: "Layer", clock: "Callable[[], float]" = time.time) -> "Iterator[str]":
    """Yield what is unfinished or on its way out in a layer, and nobody's work any more, by the `clock` that dates changes there."""
    pending = [layer.path(layout.VERSION), layer.root]
    while pending:
        directory = pending.pop()
        for name in names_in(directory):
            path = f"{directory}/{name}"
            if layout.is_leftover(name):
                if is_abandoned(path, name, clock):
                    yield path
            # what is inside an entry or an image is not looked at: it is whole, or damaged
            elif directory != layer.root and not _is_closed(name) and _is_real_directory(path):
                pending.append(path)


def _is_closed(name: str) -> bool:
    return layout.digest_of_entry(name) is not None or layout.digest_of_image(name) is not None


def _is_real_directory(path: str) -> bool:
    try:
        return _is_directory(os.lstat(path))
    except OSError:
        return False


def is_abandoned(path: str, name: str, clock: "Callable[[], float]" = time.time) -> bool:
    """Return whether whoever made this unfinished thing is gone. What is on its way out may always go.

    A process of this host that no longer runs leaves nothing behind for long; but another container may have this host's
    name and numbers of its own, so that even its work is given an hour.
    """
    if name.startswith(layout.TRASH):
        return True
    maker = disk.maker(name)
    here = disk.maker(os.path.basename(disk.temporary("")))
    is_ended = maker is not None and here is not None and maker[0] == here[0] and not _is_running(maker[1])
    try:
        changed = max(os.lstat(path).st_mtime, *(os.lstat(f"{path}/{inner}").st_mtime for inner in names_in(path)), 0.0)
    except OSError:
        return False
    return clock() - changed > (ENDED if is_ended else ABANDONED)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def names_in(directory: str) -> list[str]:
    """Return the names in a directory, sorted; none if it cannot be read."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def whose(path: str) -> str:
    """Return to whom something belongs, for people."""
    try:
        return facts.user_name(os.lstat(path).st_uid)
    except OSError:
        return "nobody"
