"""Images: the tree of an entry once more, with the bytecode of one interpreter, compiled once and shared.

An environment that is made of the image starts without compiling and without writing bytecode. The files are hard
links to those of the entry where that works, so that an image costs its bytecode and its directories. Bytecode is valid
by the size and time of its source, and those are the same wherever a tree is; the path inside is put right by the import.

Laws of this file: what is believed of an entry is believed of an image: owner and place. It only looks; `imaging` makes images, and
takes bad ones out of use.
"""

import os

from commonwheel.store import layout
from commonwheel.store.layers import Untrusted
from commonwheel.store.sealed_records import unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from commonwheel.model import Entry
    from commonwheel.store.layers import Layer

    class Layers(Protocol):
        """Find the layers of entries: `store.store.Store`."""

        def layer_of(self, entry: Entry) -> Layer | None:
            """Return the layer that an entry is in."""

        def is_left(self, path: str) -> bool:
            """Return whether an entry or image is passed over in this process."""


KIND = "image"


def at_hand(store: "Layers", entry: "Entry", tag: str) -> "Entry | None":
    """Return the entry with the tree of its image for the interpreter `tag` (`cpython-312`), None if none is believed.

    It is of the layer that the entry is in. Its files are not looked at: a `Glance` is for that. Whoever made it owns what it has
    beyond the entry, so that it may be another's though the entry is mine.
    """
    layer = store.layer_of(entry)
    relative = layout.image(entry.digest, tag)
    if layer is None or store.is_left(layer.path(relative)):
        return None
    found = _read(layer, relative)
    if found is None:
        return None
    mine = entry.mine and found[0] == layer.trust.me
    return entry.replaced(tree=f"{layer.path(relative)}/{layout.TREE}", mine=mine)


def is_image(entry: "Entry") -> bool:
    """Return whether the tree of an entry is that of an image."""
    return entry.tree != f"{entry.root}/{layout.TREE}"


def bytecode(layer: "Layer", image: "Entry") -> "tuple[list[str], os.stat_result, int] | None":
    """Return the lines of the files that an image has beyond its entry, what their list is as a file, and who made it.

    None if they cannot be believed (any more).
    """
    root = os.path.dirname(image.tree)
    found = _read(layer, root[len(layer.root) + 1 :])
    return None if found is None else (found[1], os.stat(f"{root}/{layout.IMAGE}"), found[0])


def _read(layer: "Layer", relative: str) -> "tuple[int, list[str]] | None":
    """Return the owner of an image, and the lines of what it has beyond its entry; None if it cannot be believed."""
    above, _, name = relative.rpartition("/")
    try:
        shard = layer.inner(layer.place(layout.IMAGES), above.rpartition("/")[2])
        try:
            place = layer.inner(shard, name)
        finally:
            shard.close()
        try:
            data, owner = layer.read_in(place, layout.IMAGE), place.found.st_uid
        finally:
            place.close()
    except Untrusted as error:
        layer.note(f"`{layer.path(relative)}` is not used: {error}")
        return None
    except OSError:
        return None
    lines = unseal(KIND, data)
    if not lines:
        return None
    word, digest, tag = [*map(unescape, lines[0].split("\t")), "", ""][:3]
    return (owner, lines[1:]) if word == "of" and layout.image(digest, tag) == relative else None
