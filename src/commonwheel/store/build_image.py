"""Make images of entries, and take those out of use that are damaged (`images` tells what they are).

Laws of this file: an image is made like an entry: beside its place, complete, published by one rename; a layer that does
not take one costs nothing. The compiler is handed in, since the store starts no processes.
"""

import os
import stat

from commonwheel.concurrency import forked_workers
from commonwheel.fs import disk, linking, trees
from commonwheel.fs import files as fs_files
from commonwheel.fs import modes as fs_modes
from commonwheel.store import images, integrity, layout, manifest, verify
from commonwheel.store.layers import Refused
from commonwheel.store.sealed_records import joined, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from commonwheel.model import Entry
    from commonwheel.store.layers import Layer
    from commonwheel.store.manifest import Row
    from commonwheel.store.store import Store

    #: Compile modules, each into the `__pycache__` beside it; return those whose bytecode could not be written.
    Compile = Callable[[Sequence[str]], Collection[str]]

# fewer trees than this are closed before copies of this process were made
_WORTH_A_COPY = 8
_BYTECODE = ".pyc"
_MODULE = ".py"


def sound(store: "Store", entry: "Entry", tag: str) -> "Entry | None":
    """Return the entry with the tree of its image once each file of it was looked at; a bad image is renamed away, and None."""
    image = images.at_hand(store, entry, tag)
    return image if image is not None and is_sound(store, image) else None


def is_sound(store: "Store", image: "Entry") -> bool:
    """Return whether an image is as it was published; one that is not is taken out of use, with a warning."""
    layer, root = store.layer_of(image), os.path.dirname(image.tree)
    if layer is None or store.is_left(root):
        return False
    faults = _faults(store, layer, image)
    if not faults:
        return True
    path, what = faults[0]
    store.reporter.note(
        "warning", f"the bytecode of `{image.name}` in the store is damaged and not used: `{path}` {what}"
    )
    store.leave_tree(root)
    try:
        trees.retire(root)
    except disk.DiskError as error:
        layer.note(error.message)
    return False


def _faults(store: "Store", layer: "Layer", image: "Entry") -> "Sequence[tuple[str, str]]":
    try:
        added = images.bytecode(layer, image)
        if added is None or manifest.rows(added[0]) is None:
            return [(layout.IMAGE, "is damaged")]
        is_kept = integrity.keeps_modes(f"{os.path.dirname(image.tree)}/{layout.IMAGE}")
        findings = integrity.examine(image.tree, store.rows(image), layer.owns(added[2]), keeps_modes=is_kept)
        return findings.faults or findings.amiss or verify.hash_faults(image.tree, findings.doubts)
    except OSError as error:
        return [(layout.TREE, error.strerror or str(error))]


def build(store: "Store", entries: "Sequence[Entry]", tag: str, compile_modules: "Compile") -> "dict[str, Entry]":
    """Make the images of entries for the interpreter `tag`; return those entries with their trees, by digest.

    Entries in layers that take none are left out, and those of which some bytecode could not be written. `compile_modules` is
    called once, with the paths of all modules, in trees of ours; those that do not compile are its own affair. What it raises
    comes out, and leaves nothing behind.
    """
    staged: list[tuple[Entry, Layer, str]] = []
    try:
        for entry in entries:
            made = _staged(store, entry, tag)
            if made is not None:
                staged.append((entry, *made))
        modules = [
            f"{place}/{layout.TREE}/{row[0]}"
            for entry, _, place in staged
            for row in store.rows(entry)
            if row[0].endswith(_MODULE)
        ]
        unwritten = compile_modules(modules) if modules else ()
        for (entry, layer, place), text in zip(staged, _texts(staged, tag), strict=True):
            if any(path.startswith(f"{place}/") for path in unwritten):
                layer.note(f"no bytecode of `{entry.name}` is kept in `{layer.root}`: some of it could not be written")
            else:
                _publish(entry, layer, place, tag, text)
    finally:
        for _, _, place in staged:
            trees.erase(place)
    found = {entry.digest: images.at_hand(store, entry, tag) for entry in entries}
    return {digest: image for digest, image in found.items() if image is not None}


def _staged(store: "Store", entry: "Entry", tag: str) -> "tuple[Layer, str] | None":
    """Lay out the files of an entry again, beside where its image belongs; None where the layer takes none."""
    layer = store.layer_of(entry)
    # one that is there and was not found is a stranger's, or cannot be taken away: another would have no place
    if layer is None or layer.refusal or os.path.lexists(layer.path(layout.image(entry.digest, tag))):
        return None
    try:
        shard = layer.prepare(layout.image(entry.digest, tag).rpartition("/")[0])
        staged = trees.staging(shard, layer.closed_mode)
    except (Refused, disk.DiskError) as error:
        layer.note(error.message)
        return None
    try:
        _fill(store, entry, staged)
    except disk.DiskError as error:
        trees.erase(staged)
        layer.failed(error)
        return None
    except BaseException:
        trees.erase(staged)
        raise
    return layer, staged


def _texts(staged: "Sequence[tuple[Entry, Layer, str]]", tag: str) -> "list[bytes | None]":
    """Close the trees that bytecode was added to, and return their `image.txt`, b"" or None for one of which that failed.

    To hash what was compiled takes a second where it took twenty to compile it, and copies of this process share that.
    """

    def close(number: int) -> bytes:
        entry, _, place = staged[number]
        try:
            return _text(entry, place, tag)
        except disk.DiskError:
            return b""

    helpers = 0 if disk.is_observed() or len(staged) < _WORTH_A_COPY else forked_workers.worthwhile()
    with forked_workers.Shared(len(staged), close, helpers) as shared:
        return shared.finish()


def _text(entry: "Entry", staged: str, tag: str) -> bytes:
    """Close one tree, and return its `image.txt`."""
    return seal(images.KIND, [joined("of", entry.digest, tag), *map(manifest.line, _closed(f"{staged}/{layout.TREE}"))])


def _publish(entry: "Entry", layer: "Layer", staged: str, tag: str, text: bytes | None) -> None:
    """Give a closed tree its name; whoever was first is as good."""
    try:
        # what failed is done again, to hear why
        fs_files.write_new(f"{staged}/{layout.IMAGE}", text or _text(entry, staged, tag), layout.FILE_MODE)
        fs_modes.set_mode(staged, layout.ENTRY_MODE)
        trees.publish_tree(staged, layer.path(layout.image(entry.digest, tag)))
    except disk.DiskError as error:
        layer.failed(error)


def _fill(store: "Store", entry: "Entry", staged: str) -> None:
    """Lay out the files of an entry again, linked where they are mine."""
    modes = ("hardlink", "clone", "copy") if entry.mine else ("clone", "copy")
    rows = store.rows(entry)
    made = {""}
    trees.make_directory(f"{staged}/{layout.TREE}")
    for path, _, _, executable, _ in rows:
        directory = path.rpartition("/")[0]
        if directory not in made:
            made.add(directory)
            trees.make_directory(f"{staged}/{layout.TREE}/{directory}", parents=True)
        mode = layout.EXECUTABLE_MODE if executable else layout.FILE_MODE
        linking.place(f"{entry.tree}/{path}", f"{staged}/{layout.TREE}/{path}", modes, mode)


def _closed(tree: str) -> "list[Row]":
    """Close a tree that bytecode was added to, and return the rows of that bytecode, sorted."""
    rows = []
    for directory, files in _walk(tree):
        inner = directory[len(tree) + 1 :]
        for name in files if directory.endswith(f"/{layout.BYTECODE}") else ():
            path = f"{directory}/{name}"
            found = os.lstat(path)
            if not name.endswith(_BYTECODE) or not stat.S_ISREG(found.st_mode):
                trees.erase(path)
                continue
            fs_modes.set_mode(path, layout.FILE_MODE)
            rows.append((f"{inner}/{name}", found.st_size, verify.sha256_of(path), False, int(found.st_mtime)))
        fs_modes.set_mode(directory, layout.TREE_MODE)
        fs_modes.set_times(directory, layout.TREE_TIME * 10**9)
    rows.sort()
    return rows


def _walk(tree: str) -> "Iterator[tuple[str, list[str]]]":
    """Yield every directory below (and) `tree`, deepest first, with its files."""
    for directory, _, files in os.walk(tree, topdown=False):
        yield directory, files
