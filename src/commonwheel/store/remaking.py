"""Make an entry again from its own files, where their content is good and their modes, or the names beside them, are not.

An environment that has a file by a hard link, a symbolic link or a fold changes the mode of the store's file with its own; the next environment
would get it so. To fetch the wheel again for that would be a waste, and impossible without a network.

Laws of this file: a file that is in doubt is copied, and the copy is hashed, since that is what is used; whatever has a name stays as it
is until the new entry is whole. What fails leaves everything as it was.
"""

import os
import time

from commonwheel.fs import disk, facts, files, linking, modes, trees
from commonwheel.store import header, layout, verify
from commonwheel.store.layers import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.model import Entry
    from commonwheel.store.header import Header
    from commonwheel.store.layers import Layer
    from commonwheel.store.manifest import Row
    from commonwheel.store.store import Store

_SECOND = 1_000_000_000


def remake(store: "Store", entry: "Entry", rows: "list[Row]", doubts: "Iterable[Row]") -> bool:
    """Put an entry with the modes and times of `rows` in the place of `entry`; False if its layer or its content does not allow that."""
    layer, said = store.layer_of(entry), store.header(entry)
    if layer is None or said is None or layer.refusal:
        return False
    relative = entry.root[len(layer.root) + 1 :]
    try:
        staged = trees.staging(layer.prepare(relative.rpartition("/")[0]), layer.closed_mode)
    except (Refused, disk.DiskError) as error:
        layer.note(error.message)
        return False
    try:
        if not _fill(entry, staged, rows, {row[0] for row in doubts}):
            return False
        _describe(layer, entry, said, staged)
        modes.set_mode(staged, layout.ENTRY_MODE)
        trees.retire(entry.root)
        store.forget(entry.digest)
        trees.publish_tree(staged, entry.root)
    except (disk.DiskError, OSError) as error:
        layer.note(f"`{entry.root}` could not be made again: {error}")
        return False
    finally:
        trees.erase(staged)
    return True


def _fill(entry: "Entry", staged: str, rows: "list[Row]", doubtful: "set[str]") -> bool:
    """Lay out the files of an entry: further names for those of mine that are well, copies of all others; False for content that is not as published."""
    tree = f"{staged}/{layout.TREE}"
    trees.make_directory(tree)
    made = {""}
    for row in rows:
        path, _, _, executable, mtime = row
        directory = path.rpartition("/")[0]
        if directory not in made:
            trees.make_directory(f"{tree}/{directory}", parents=True)
            made.update(_parents(directory))
        is_doubtful = path in doubtful
        ways = ("clone", "copy") if is_doubtful or not entry.mine else ("hardlink", "clone", "copy")
        mode = layout.EXECUTABLE_MODE if executable else layout.FILE_MODE
        linking.place(f"{entry.tree}/{path}", f"{tree}/{path}", ways, mode)
        if is_doubtful:
            modes.set_times(f"{tree}/{path}", mtime * _SECOND)
            if verify.hash_faults(tree, (row,)):
                return False
    # the deepest first: a directory that is closed takes no more names
    for directory in sorted(made, reverse=True):
        modes.set_mode(f"{tree}/{directory}", layout.TREE_MODE)
        modes.set_times(f"{tree}/{directory}", layout.TREE_TIME * _SECOND)
    return True


def _parents(directory: str) -> "list[str]":
    """Return a directory and all those above it."""
    parts = directory.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _describe(layer: "Layer", entry: "Entry", said: "Header", staged: str) -> None:
    """Add what is beside the tree; its data comes from this boot of this host, whoever made the first."""
    with open(f"{entry.root}/{layout.FILES}", "rb") as file:
        files.write_new(f"{staged}/{layout.FILES}", file.read(), layout.FILE_MODE)
    published = said.published.replaced(at=int(time.time()), host=facts.host(), boot=facts.boot_id())
    files.write_new(f"{staged}/{layout.HEADER}", header.encode(said.replaced(published=published)), layout.FILE_MODE)
    kept = f"{layout.WHEEL}/{said.filename}"
    if layer.keeps_archives and os.path.lexists(f"{entry.root}/{kept}"):
        trees.make_directory(f"{staged}/{layout.WHEEL}", layout.ENTRY_MODE)
        ways = ("hardlink", "clone", "copy") if entry.mine else ("clone", "copy")
        linking.place(f"{entry.root}/{kept}", f"{staged}/{kept}", ways, layout.FILE_MODE)
