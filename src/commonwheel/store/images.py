"""Images: the tree of an entry once more, with the bytecode of one interpreter, compiled once and shared.

An environment that folds from the image starts without compiling and without writing bytecode. The files are hard
links to those of the entry where that works, so that an image costs its bytecode and its directories. Bytecode is valid
by the size and time of its source, and those are the same wherever a tree is; the path inside is put right by the import.

Laws of this file: what is believed of an entry is believed of an image: owner and place. It only looks; `imaging` makes images, and
takes bad ones out of use.
"""

import os

from commonwheel.store import layout
from commonwheel.store.layers import Untrusted
from commonwheel.store.lines import unescape, unseal
from commonwheel.store.soundness import Glance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.model import Entry
    from commonwheel.store.layers import Layer
    from commonwheel.store.store import Store

KIND = "image"


def at_hand(store: "Store", entry: "Entry", tag: str) -> "Entry | None":
    """Return the entry with the tree of its image for the interpreter `tag` (`cpython-312`), None if none is believed.

    It is of the layer that the entry is in. Its files are not looked at: `glance` is for that.
    """
    layer = store.layer_of(entry)
    relative = layout.image(entry.digest, tag)
    if layer is None or store.is_left(layer.path(relative)) or bytecode(layer, relative) is None:
        return None
    return entry.replaced(tree=f"{layer.path(relative)}/{layout.TREE}")


def is_image(entry: "Entry") -> bool:
    """Say whether the tree of an entry is that of an image."""
    return entry.tree != f"{entry.root}/{layout.TREE}"


def glance(store: "Store", entry: "Entry") -> "Glance | None":
    """Return what looks at the files of an image; None if its lists cannot be believed. Raises OSError."""
    layer, listed = store.layer_of(entry), store.listed(entry)
    if layer is None or listed is None:
        return None
    root = os.path.dirname(entry.tree)
    added = bytecode(layer, root[len(layer.root) + 1 :])
    if added is None:
        return None
    return Glance(entry.tree, sorted([*listed[0], *added]), os.stat(f"{root}/{layout.IMAGE}").st_mtime_ns)


def bytecode(layer: "Layer", relative: str) -> "list[str] | None":
    """Return the lines of the files that an image has beyond its entry, None if there is none that can be believed."""
    above, _, name = relative.rpartition("/")
    try:
        shard = layer.inner(layer.place(layout.IMAGES), above.rpartition("/")[2])
        try:
            place = layer.inner(shard, name)
        finally:
            shard.close()
        try:
            data = layer.read_in(place, layout.IMAGE)
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
    return lines[1:] if word == "of" and layout.image(digest, tag) == relative else None
