"""Images: the tree of an entry once more, with the bytecode of one interpreter, compiled once and shared.

An environment that folds or links from the image starts without compiling and without writing bytecode. The files are hard
links to those of the entry where that works, so that an image costs its bytecode and its directories. Bytecode is valid
by the size and time of its source, and those are the same wherever a tree is; the path inside is put right by the import.

Laws of this file: an image is made like an entry: beside its place, complete, published by one rename; a layer that does
not take one costs nothing. What is believed of an entry is believed of an image: owner and place. The compiler is handed
in, since the store starts no processes.
"""

import os
import stat

from commonwheel.fs import disk
from commonwheel.store import filelist, layout, soundness, verify
from commonwheel.store.layers import Refused, Untrusted
from commonwheel.store.lines import joined, seal, unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.model import Entry
    from commonwheel.store.filelist import Row
    from commonwheel.store.layers import Layer
    from commonwheel.store.store import Store

    #: Compile every module below a directory, each into the `__pycache__` beside it.
    Compile = Callable[[str], None]

KIND = "image"
_BYTECODE = ".pyc"


def find(store: "Store", entry: "Entry", tag: str) -> "Entry | None":
    """Return the entry with the tree of its image for the interpreter `tag` (`cpython-312`), None if there is no sound one.

    Of the layer that the entry is in, and checked as entries are when they are linked.
    """
    layer = store.layer_of(entry)
    if layer is None:
        return None
    relative = layout.image(entry.digest, tag)
    bytecode = _read(layer, relative, entry.digest, tag)
    if bytecode is None:
        return None
    tree = f"{layer.path(relative)}/{layout.TREE}"
    try:
        findings = soundness.examine(tree, [*store.rows(entry), *bytecode])
        faults = findings.faults or verify.hash_faults(tree, findings.doubts)
    except OSError:
        return None
    if faults:
        store.reporter.note("warning", f"the image of {entry.name} for {tag} is damaged and not used: {faults[0]}")
        try:
            disk.retire(layer.path(relative))
        except disk.DiskError as error:
            layer.note(error.message)
        return None
    return entry.replaced(tree=tree)


def _read(layer: "Layer", relative: str, digest: str, tag: str) -> "list[Row] | None":
    """Return the bytecode files of an image, None if there is none that can be believed."""
    above, _, name = relative.rpartition("/")
    try:
        shard = layer.inner(layer.place(layout.IMAGES), above.rpartition("/")[2])
        place = layer.inner(shard, name)
        data = layer.read_in(place, layout.IMAGE)
    except Untrusted as error:
        layer.note(f"`{layer.path(relative)}` is not used: {error}")
        return None
    except OSError:
        return None
    lines = unseal(KIND, data)
    if not lines or [unescape(field) for field in lines[0].split("\t")] != ["of", digest, tag]:
        return None
    return filelist.rows(lines[1:])


def build(store: "Store", entry: "Entry", tag: str, compile_below: "Compile") -> "Entry | None":
    """Make the image of an entry and return the entry with its tree; None where the layer takes none.

    `compile_below` is called with a tree of ours; modules that it cannot compile are its own affair. What it raises comes
    out, and leaves nothing behind.
    """
    layer = store.layer_of(entry)
    if layer is None or layer.refusal:
        return None
    relative = layout.image(entry.digest, tag)
    try:
        shard = layer.prepare(relative.rpartition("/")[0])
        staged = disk.staging(shard, layer.closed_mode)
    except (Refused, disk.DiskError) as error:
        layer.note(error.message)
        return None
    try:
        _fill(store, entry, staged)
        tree = f"{staged}/{layout.TREE}"
        compile_below(tree)
        bytecode = _closed(tree)
        text = seal(KIND, [joined("of", entry.digest, tag), *map(filelist.line, bytecode)])
        disk.write_new(f"{staged}/{layout.IMAGE}", text, layout.FILE_MODE)
        disk.set_mode(staged, layout.ENTRY_MODE)
        disk.publish_tree(staged, layer.path(relative))
    except disk.DiskError as error:
        disk.erase(staged)
        layer.failed(error)
        return None
    except BaseException:
        disk.erase(staged)
        raise
    return find(store, entry, tag)


def _fill(store: "Store", entry: "Entry", staged: str) -> None:
    """Lay out the files of an entry again, linked where they are mine."""
    modes = ("hardlink", "clone", "copy") if entry.mine else ("clone", "copy")
    rows = store.rows(entry)
    made = {""}
    disk.make_directory(f"{staged}/{layout.TREE}")
    for path, _, _, executable, _ in rows:
        directory = path.rpartition("/")[0]
        if directory not in made:
            made.add(directory)
            disk.make_directory(f"{staged}/{layout.TREE}/{directory}", parents=True)
        mode = layout.EXECUTABLE_MODE if executable else layout.FILE_MODE
        disk.place(f"{entry.tree}/{path}", f"{staged}/{layout.TREE}/{path}", modes, mode)


def _closed(tree: str) -> "list[Row]":
    """Close a tree that bytecode was added to, and return the rows of that bytecode, sorted."""
    rows = []
    for directory, files in _walk(tree):
        inner = directory[len(tree) + 1 :]
        for name in files if directory.endswith(f"/{layout.BYTECODE}") else ():
            path = f"{directory}/{name}"
            found = os.lstat(path)
            if not name.endswith(_BYTECODE) or not stat.S_ISREG(found.st_mode):
                disk.erase(path)
                continue
            disk.set_mode(path, layout.FILE_MODE)
            rows.append((f"{inner}/{name}", found.st_size, verify.sha256_of(path), False, int(found.st_mtime)))
        disk.set_mode(directory, layout.TREE_MODE)
    rows.sort()
    return rows


def _walk(tree: str) -> "Iterator[tuple[str, list[str]]]":
    """Yield every directory below (and) `tree`, deepest first, with its files."""
    for directory, _, files in os.walk(tree, topdown=False):
        yield directory, files
