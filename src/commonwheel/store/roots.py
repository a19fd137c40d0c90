"""Which environments live on entries of a store: what pruning has to spare.

Each user notes his own environments, in `roots/<uid>/`, one file for each, written only when it changes. An environment
that is gone keeps nothing alive: in this boot and mount namespace that is seen, of another place (a machine, a container with the name
of this one) it is taken to be so when its note has not been renewed for half a year. A note is a claim about somebody's own environments: it can only keep things, so anybody's is heard.

Laws of this file: a layer that takes no notes (read only, somebody else's) costs nothing and says nothing; whoever
prunes such a store cannot know who uses it, and says so (docs/sharing.md).
"""

import os
import time

from commonwheel.fs import disk, facts, trees
from commonwheel.model import Value
from commonwheel.specs.sha256 import sha256_of
from commonwheel.store import layout, untrusted_walk
from commonwheel.store.policy import GROUP
from commonwheel.store.sealed_records import joined, seal, unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Final

    from commonwheel.store.layers import Layer
    from commonwheel.store.store import Store

KIND = "root"
#: How an environment uses an entry so that it breaks without it; other ways leave it files of its own.
LIVING = frozenset({"fold", "symlink"})
#: Seconds after which the note of another machine is no longer believed.
BELIEVED = 180 * 86_400


class Root(Value):
    """A note: the `environment` (path) on `host` of `uid`, and how it uses which entries ("" where that is not known).

    `place` is what `facts.place` said where it was written, "" in notes of older versions.
    """

    __slots__ = ("entries", "environment", "host", "path", "place", "uid", "written")

    def __init__(
        self,
        environment: str,
        host: str,
        uid: int,
        entries: "Mapping[str, str]",
        path: str = "",
        written: float = 0.0,
        place: str = "",
    ) -> None:
        self.environment: Final = environment
        self.host: Final = host
        self.uid: Final = uid
        self.entries: Final = entries
        self.path: Final = path
        self.written: Final = written
        self.place: Final = place

    @property
    def here(self) -> bool:
        """Return whether the environment is where this process can look at it: the host's name does not prove that."""
        place = facts.place()
        return self.place == place if place else self.host == facts.host()

    def stale(self, now: float) -> bool:
        """Return whether the environment is gone."""
        if os.path.isdir(self.environment):
            return False
        return self.here or now - self.written > BELIEVED


def keep(store: "Store", environment: str, digests: "Iterable[str]", modes: "Mapping[str, str] | None" = None) -> None:
    """Note that an environment uses these entries, and no others any more.

    `modes` says how, by digest; what it does not name is used as the last note says.

    To be called before links to them appear: whoever prunes in between spares them.
    """
    by_layer: dict[Layer, dict[str, str]] = {layer: {} for layer in store.layers}
    for digest in digests:
        entry = store.find(digest)
        layer = None if entry is None else store.layer_of(entry)
        if layer is not None:
            by_layer[layer][digest] = (modes or {}).get(digest, "")
    path = os.path.realpath(environment)
    for layer, entries in by_layer.items():
        if (layer.mine or layer.sharing == GROUP) and not layer.refusal:
            _keep_in(layer, path, entries)


def forget(store: "Store", environment: str) -> None:
    """Drop the notes of an environment that was removed."""
    keep(store, environment, ())


def _keep_in(layer: "Layer", environment: str, entries: "Mapping[str, str]") -> None:
    relative = layout.root(layer.trust.me, sha256_of(os.fsencode(environment)))
    known = layer.read(relative)
    before = None if known is None else decode(known, layer.trust.me)
    if before is not None:
        entries = {digest: mode or before.entries.get(digest, "") for digest, mode in entries.items()}
    data = encode(Root(environment, facts.host(), layer.trust.me, entries, place=facts.place()))
    if known == data:
        return
    if entries:
        layer.write(relative, data)
    elif known is not None:
        try:
            trees.remove(layer.path(relative))
        except disk.DiskError as error:
            layer.note(error.message)


def encode(root: Root) -> bytes:
    """Return the text of a note."""
    # a path of other bytes than UTF-8 is kept as `os.fsencode` has it
    environment = os.fsencode(root.environment).decode("utf-8", "backslashreplace")
    lines = [joined("environment", environment), joined("host", root.host)]
    if root.place:
        lines.append(joined("place", root.place))
    return seal(KIND, [*lines, *(joined("entry", *pair) for pair in sorted(root.entries.items()))])


def decode(data: bytes, uid: int, path: str = "", written: float = 0.0) -> Root | None:
    """Return what a note says, None if it is none."""
    lines = unseal(KIND, data)
    if lines is None:
        return None
    environment = host = place = ""
    entries: dict[str, str] = {}
    for line in lines:
        word, _, rest = line.partition("\t")
        if word == "environment":
            environment = unescape(rest)
        elif word == "host":
            host = unescape(rest)
        elif word == "place":
            place = unescape(rest)
        elif word == "entry":
            digest, _, mode = rest.partition("\t")
            entries[digest] = unescape(mode)
    return Root(environment, host, uid, entries, path, written, place) if environment else None


def every(layer: "Layer") -> "Iterator[Root]":
    """Yield the notes of all users in a layer."""
    top = layer.path(layout.ROOTS)
    for user in _names(top):
        if not user.isdigit():
            continue
        for name in _names(f"{top}/{user}"):
            path = f"{top}/{user}/{name}"
            if not layout.is_digest(name):
                continue
            try:
                data, written = untrusted_walk.read(path)
                found = decode(data, int(user), path, written)
            except OSError:
                continue
            if found is not None:
                yield found


def notes(layer: "Layer") -> frozenset[tuple[str, str, int]]:
    """Return which notes there are, without reading them: each is a new file whenever it changes."""
    found = []
    top = layer.path(layout.ROOTS)
    for user in _names(top):
        try:
            with os.scandir(f"{top}/{user}") as entries:
                found += [(user, entry.name, entry.inode()) for entry in entries]
        except OSError:
            continue
    return frozenset(found)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def drop_stale(layer: "Layer") -> list[Root]:
    """Drop the notes of environments that are gone, as far as they are mine to drop; return those that still count."""
    now = time.time()
    alive = []
    for root in every(layer):
        if not root.stale(now):
            alive.append(root)
            continue
        try:
            with untrusted_walk.PinnedDirectory(layer, root.path) as path:
                trees.remove(path)
        except (disk.DiskError, OSError):
            # somebody else's note: it counts no more, and goes when he comes by
            continue
    return alive


def living(root: Root, tops: "Iterable[str]") -> "set[str]":
    """Return the digests that an environment would break without: those whose files it reaches through links.

    `tops` are the directories of entries and images of the layer, real paths included. What the note does not tell is looked up in the
    environment; where that cannot be looked at, everything counts.
    """
    unknown = {digest for digest, mode in root.entries.items() if not mode}
    found = {digest for digest, mode in root.entries.items() if mode in LIVING}
    if not unknown:
        return found
    if not root.here or not os.access(root.environment, os.R_OK | os.X_OK):
        return found | unknown
    starts = tuple(f"{top}/" for top in tops)
    return found | (linked(root.environment, starts) & unknown)


def linked(environment: str, starts: tuple[str, ...]) -> set[str]:
    """Return the digests of the entries and images that links in an environment lead to; `starts` begin their paths."""
    found: set[str] = set()
    pending = [environment]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink():
                found.update(_leads_to(entry.path, starts))
            elif entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
    return found


def _leads_to(link: str, starts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        target = os.path.join(os.path.dirname(link), os.readlink(link))
    except OSError:
        return ()
    for start in starts:
        if target.startswith(start):
            name = target[len(start) :].partition("/")[2].partition("/")[0]
            digest = layout.digest_of_entry(name) or layout.digest_of_image(name)
            return () if digest is None else (digest,)
    return ()


def holds(environment: str, inodes: "set[tuple[int, int]]") -> bool:
    """Return whether one of these files (device, inode) has a name in an environment."""
    numbers = {inode for _, inode in inodes}
    pending = [environment]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.inode() in numbers:
                found = entry.stat(follow_symlinks=False)
                if (found.st_dev, found.st_ino) in inodes:
                    return True
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
    return False
