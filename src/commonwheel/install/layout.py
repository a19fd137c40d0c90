"""Which paths are to appear in an environment, for which reason, and where two packages want the same one.

Laws of this file: pure. What an entry holds is asked of a `Shelf`, what stands in the environment of a `Surroundings`;
nothing is opened here, nothing changed. A path that would leave the environment is never handed on.

The idea: a directory that one package owns alone is one node (`Tree`), however many files it has, and stays one until
somebody else needs a place inside it. So clashes are found in O(packages) steps, a folded environment costs one link for
such a node, and the others copy it without asking for each file. What a second package opens is unfolded one level at a
time, as GNU Stow does it.
"""

from commonwheel.install import dist_info, scripts
from commonwheel.install.clashes import Clash, ClashError
from commonwheel.install.history import STATE
from commonwheel.install.nodes import File, Folder, Incoming, Link, Node, Placement, Text, Tree
from commonwheel.install.site_view import DIRECTORY, FILE, LINK, NOTHING
from commonwheel.install.uninstall import CACHE, GUARDED, folded_links
from commonwheel.specs import entry_points
from commonwheel.specs.sha256 import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Final, Protocol

    from commonwheel.install.dist_info import Row
    from commonwheel.model import Entry, Environment, Installed

    class Shelf(Protocol):
        """Give what an entry holds; `store.Store` is the real one."""

        def files(self, entry: "Entry") -> "Sequence[Row]":
            """Return every file of its tree: path, size, sha256, executable; sorted by path."""

        def loose(self, entry: "Entry") -> "Sequence[Row]":
            """Return those outside of its foldable directories."""

        def directories(
            self, entry: "Entry", part: int = 0, parts: int = 1, *, look: bool = True
        ) -> "Iterable[tuple[str, int, Sequence[str], Collection[str], bool]]":
            """Yield the directories of its tree, of several parts those of one, parents first.

            Each as path, descriptor (or -1), files, those that are executable, and whether all are as published, as far as a look tells.
            """

    class Surroundings(Protocol):
        """Return what is in the environment (`site_view.Ground`)."""

        def kind(self, path: str) -> str:
            """Return `directory`, `file`, `link` or ""."""

        def target(self, path: str) -> str:
            """Return the directory that a link leads to, or ""."""

        def real(self, path: str) -> str:
            """Return the path without links on the way."""

        def names(self, directory: str) -> dict[str, str]:
            """Return the names in a directory with their kinds."""

        def read(self, path: str) -> bytes:
            """Return the content of a file, b"" for none."""


SCHEMES = {"purelib": "purelib", "platlib": "platlib", "scripts": "scripts", "data": "data", "headers": "include"}
# what some file systems leave out where they compare names (HFS+), beside the case of letters
_IGNORED = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0x2060, 0xFEFF])


class Layout:
    """All placements, those that make a distribution *listed* last; and what was met on the way.

    `clashes` are those that are tolerated; `in_the_way` are foreign paths that will be replaced.
    """

    __slots__ = ("clashes", "in_the_way", "placements")

    def __init__(
        self, placements: "tuple[Placement, ...]", clashes: "tuple[Clash, ...]", in_the_way: "tuple[str, ...]"
    ) -> None:
        self.placements: Final = placements
        self.clashes: Final = clashes
        self.in_the_way: Final = in_the_way


def placements(
    incoming: "Iterable[Incoming]",
    environment: "Environment",
    ground: "Surroundings",
    shelf: "Shelf",
    folding: "Collection[str]" = (),
    kept: "Sequence[Installed]" = (),
) -> Layout:
    """Return what has to appear in the environment for all of `incoming`; `folding` names those that are folded.

    Two packages with one path are tolerated, as pip and uv do: equal content is no news, with different content the later
    name wins and a clash is reported. Raises ClashError, with all of them, for what cannot be had or would do damage: a file
    where another package has a directory, another package's dist-info, an interpreter, a path outside the environment.
    """
    spreading = _Spreading(environment, ground, shelf, kept)
    ordered = sorted(incoming, key=lambda one: one.entry.name)
    for one in ordered:
        spreading.add(one, folded=one.entry.name in folding)
    if spreading.forbidden:
        raise ClashError(spreading.forbidden)
    spreading.add_records(ordered)
    found = tuple(spreading.placements())
    return Layout(found, tuple(spreading.clashes), tuple(spreading.in_the_way))


class _Spreading:
    """The tree of what is to appear, while it grows."""

    def __init__(
        self, environment: "Environment", ground: "Surroundings", shelf: "Shelf", kept: "Sequence[Installed]"
    ) -> None:
        self._paths = environment.paths
        self._environment = environment
        self._ground = ground
        self._shelf = shelf
        self._kept = kept
        self._python = scripts.python_of(environment)
        self._first_line = scripts.shebang(self._python, relocatable=environment.relocatable)
        self._sites = frozenset((environment.paths["purelib"], environment.paths["platlib"]))
        self._top = Folder(present=True)
        self._folders: dict[str, Folder] = {"": self._top}
        self._dist_infos: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}
        self._brought: dict[str, list[str]] = {}
        self._opened: dict[str, dict[str, list[str]]] = {}
        self._ways: set[str] = set()
        self.forbidden: list[Clash] = []
        self.clashes: list[Clash] = []
        self.in_the_way: list[str] = []

    # -- one entry --

    def add(self, incoming: Incoming, *, folded: bool) -> None:
        """Add everything of one entry except its RECORD."""
        entry = incoming.entry
        site = self._site(entry)
        info = f"{site}/{entry.dist_info}"
        lines = self._lines[entry.name] = []
        if not self._claim_dist_info(entry, info):
            return
        trees, loose = self._parts(entry)
        for path in trees:
            if not self._is_foreign(entry, site, path):
                self._put_tree(f"{site}/{path}", Tree(entry, path, folded=folded))
        start, data = f"{entry.dist_info}/", f"{entry.data}/" if entry.data else "\0"
        ours = {f"{start}{name}" for name in dist_info.OURS}
        brought = self._brought[entry.name] = []
        for row in loose:
            path = row[0]
            if path.startswith(data):
                self._add_data(entry, site, row)
            elif path in ours:
                brought.append(path)
            elif path.startswith(start) or not self._is_foreign(entry, site, path):
                self._put(f"{site}/{path}", File(entry, path, row[1], row[2], executable=row[3]), entry.name)
        for name, text in incoming.texts.items():
            self._put(f"{info}/{name}", Text(text, entry.name), entry.name)
            lines.append(dist_info.line_of(f"{start}{name}", text))
        for name, reference in (*entry.console, *entry.gui):
            text = scripts.wrapper(self._first_line, name, reference)
            self._add_text(entry, site, f"{self._paths['scripts']}/{name}", text, executable=True)

    def _is_foreign(self, entry: "Entry", site: str, path: str) -> bool:
        """Return whether a path is in the dist-info of another package, and forbid it then."""
        is_foreign = path.partition("/")[0].endswith((".dist-info", ".data"))
        if is_foreign:
            self._forbid(f"{site}/{path}", "the dist-info of another package", entry.name)
        return is_foreign

    def _site(self, entry: "Entry") -> str:
        return self._paths["purelib" if entry.purelib else "platlib"]

    def _claim_dist_info(self, entry: "Entry", path: str) -> bool:
        owner = self._dist_infos.setdefault(path, entry.name)
        sound = _is_name(entry.dist_info) and (not entry.data or _is_name(entry.data))
        if not sound or owner != entry.name:
            self._forbid(path, "two packages of one name" if sound else "not a name", owner, entry.name)
            return False
        # what lies there belongs to nothing that is listed: the rest of a broken installation
        if self._ground.kind(path) != NOTHING:
            self._replace(path)
        self._folders[path] = self._folder(self._site(entry)).children[entry.dist_info] = Folder(present=False)
        return True

    def _parts(self, entry: "Entry") -> "tuple[Sequence[str], Sequence[Row]]":
        """Return the directories of an entry that are one node each, and the rows that are looked at one by one."""
        loose = self._shelf.loose(entry)
        if not entry.unfolded:
            return entry.foldable, loose
        # for a special reason no directory may be one link; and yet each is one node
        trees, loose = _by_directory(loose, (f"{entry.dist_info}/", f"{entry.data}/" if entry.data else "\0"))
        return [*trees], loose

    def _add_data(self, entry: "Entry", site: str, row: "Row") -> None:
        """Add a file of the `.data` directory, which says itself under which scheme it goes."""
        path = row[0]
        kind, _, rest = path[len(entry.data) + 1 :].partition("/")
        if kind not in SCHEMES or not _is_inner(rest):
            self._forbid(path, "`.data` knows purelib, platlib, scripts, data and headers", entry.name)
            return
        base = self._paths[SCHEMES[kind]]
        if kind == "headers":
            base = f"{base}/{entry.dist_info.partition('-')[0]}"
        if _is_bytecode(path) and kind not in {"purelib", "platlib"}:
            return  # what is not imported needs none
        target = self._within(f"{base}/{rest}", kind, entry)
        if not target:
            return
        if kind == "scripts":
            data = self._ground.read(f"{entry.tree}/{path}")
            text = scripts.with_shebang(data, self._first_line)
            # a link would keep the mode of the entry, which is that of the archive: many tools write 0644
            if text is None and not row[3]:
                text = data
            if text is not None:
                self._add_text(entry, site, target, text, executable=True)
                return
        self._put(target, File(entry, path, row[1], row[2], executable=row[3] or kind == "scripts"), entry.name)
        if not _is_bytecode(path):
            self._lines[entry.name].append(dist_info.line(_relative(target, site), row[2], row[1]))

    def _add_text(self, entry: "Entry", site: str, path: str, data: bytes, *, executable: bool) -> None:
        if self._within(path, "scripts", entry):
            self._put(path, Text(data, entry.name, executable=executable), entry.name)
            self._lines[entry.name].append(dist_info.line_of(_relative(path, site), data))

    def _within(self, path: str, kind: str, entry: "Entry") -> str:
        """Return where a path of a scheme really lies, or "" (and a clash) when no package may have it."""
        root, name = self._environment.root, path.rpartition("/")[2]
        if path.startswith(f"{self._paths['scripts']}/") and entry_points.is_interpreter(name):
            self._forbid(path, "an interpreter of the environment", entry.name)
            return ""
        if _same_name(_top(path, root)) in GUARDED:
            self._forbid(path, "keeps the environment itself", entry.name)
            return ""
        if kind in {"data", "headers"}:
            path = self._resolved(path, entry)
        for site in self._sites:
            top = path[len(site) + 1 :].partition("/")[0] if path.startswith(f"{site}/") else ""
            if top.endswith(".dist-info") and top != entry.dist_info:
                self._forbid(path, "the dist-info of another package", entry.name)
                return ""
        return path

    def _resolved(self, path: str, entry: "Entry") -> str:
        """Follow directories that are links (`man -> share/man`), as long as they stay inside the environment."""
        parent, _, name = path.rpartition("/")
        real = self._ground.real(parent)
        for root in (self._environment.root, *self._paths.values()):
            own = self._ground.real(root)
            if real == own or real.startswith(f"{own}/"):
                return f"{root}{real[len(own) :]}/{name}"
        self._forbid(path, f"leads out of the environment, to `{real}`", entry.name)
        return ""

    def _is_guarded(self, path: str, owner: str) -> bool:
        """Return whether a path makes the environment what it is, or lies in a state directory, and forbid it then.

        State lies at the root of an environment, of a system beside its packages; a site directory may be named with `--target` later.
        """
        if (
            "/." not in path
            and path.isascii()
            and path[len(self._environment.root) + 1 :].partition("/")[0] not in GUARDED
        ):
            return False
        found = _same_name(_top(path, self._environment.root)) in GUARDED
        if found or any(_same_name(_top(path, site)) == STATE for site in self._sites):
            self._forbid(path, "keeps the environment itself", owner)
            return True
        return False

    # -- nodes --

    def _folder(self, path: str) -> Folder:
        """Return the node of a directory, made if need be; whatever was one node there is opened."""
        known = self._folders.get(path)
        if known is not None:
            return known
        parent, _, name = path.rpartition("/")
        above = self._folder(parent)
        node = above.children.get(name)
        if isinstance(node, Folder):
            folder = node
        elif node is not None:
            folder = self._opened_node(path, node)
        else:
            folder = self._opened_ground(path, present=above.present)
        above.children[name] = self._folders[path] = folder
        return folder

    def _opened_node(self, path: str, node: "Tree | File | Text | Link") -> Folder:
        """Open a directory that one package had alone."""
        folder = Folder(present=False)
        if isinstance(node, Tree):
            self._fill(folder, node)
        elif isinstance(node, Link) and node.kind == DIRECTORY:
            self._fill_from_link(path, folder, node.target, node.owner)
        else:
            self._forbid(path, "a file where others have a directory", _owner(node))
        return folder

    def _opened_ground(self, path: str, *, present: bool) -> Folder:
        kind = self._ground.kind(path) if present else NOTHING
        if kind == LINK and path not in self._sites and any(path.startswith(f"{site}/") for site in self._sites):
            return self._opened_link(path)
        if kind == FILE:
            self._replace(path)
        return Folder(present=kind in {DIRECTORY, LINK})

    def _opened_link(self, path: str) -> Folder:
        """Open a directory of the environment that is one link: somebody folded it, and now it has to hold more."""
        folder = Folder(present=False)
        self._replace(path, quietly=True)
        target = self._ground.target(path)
        if target:
            self._fill_from_link(path, folder, target, self._folded_by(path))
        return folder

    def _fill(self, folder: Folder, tree: Tree) -> None:
        """Give an opened directory what the package had in it, one level deep."""
        entry, start = tree.entry, f"{tree.path}/"
        rows = [row for row in self._shelf.files(entry) if row[0].startswith(start)]
        trees, files = _by_directory(rows, (), len(start))
        for path in trees:
            folder.children[path[len(start) :]] = Tree(entry, path, folded=tree.folded)
        for row in files:
            folder.children[row[0][len(start) :]] = File(entry, row[0], row[1], row[2], executable=row[3])

    def _fill_from_link(self, path: str, folder: Folder, target: str, owner: str) -> None:
        links = []
        for name, kind in self._ground.names(target).items():
            folder.children[name] = Link(f"{target}/{name}", kind, owner)
            if kind == DIRECTORY:
                links.append(f"{path}/{name}")
        self._opened.setdefault(owner, {})[path] = links

    def _folded_by(self, path: str) -> str:
        """Return the location of the kept distribution whose RECORD says that this link is its own, or ""."""
        for one in self._kept:
            start = f"{one.site}/"
            if path.startswith(start) and path[len(start) :] in folded_links(
                self._ground.read(f"{one.location}/RECORD")
            ):
                return one.location
        return ""

    def _put_tree(self, path: str, tree: Tree) -> None:
        """Put a directory of an entry at a path; where somebody is already, it is opened and merged."""
        if self._is_guarded(path, tree.entry.name):
            return
        parent, _, name = path.rpartition("/")
        folder = self._folder(parent)
        free = name not in folder.children and not (folder.present and self._ground.kind(path))
        if free:
            folder.children[name] = tree
            return
        if name not in folder.children and self._may_go(path, tree):
            self._replace(path)
            folder.children[name] = tree
            return
        opened = Folder(present=False)
        self._fill(opened, tree)
        self._folder(path)
        for inner, node in opened.children.items():
            if isinstance(node, Tree):
                self._put_tree(f"{path}/{inner}", node)
            else:
                self._put(f"{path}/{inner}", node, tree.entry.name)

    def _may_go(self, path: str, tree: Tree) -> bool:
        """Return whether what is in the way of a directory can go as a whole: a file, or this very link of a lost RECORD."""
        kind = self._ground.kind(path)
        return kind == FILE or (kind == LINK and self._ground.target(path) == f"{tree.entry.tree}/{tree.path}")

    def _put(self, path: str, node: "Node", owner: str) -> None:
        """Put a file at a path."""
        if self._is_guarded(path, owner):
            return
        parent, _, name = path.rpartition("/")
        folder = self._folder(parent)
        other = folder.children.get(name)
        if other is None:
            kind = self._ground.kind(path) if folder.present else NOTHING
            if kind == DIRECTORY:
                self._forbid(path, "a directory stands where this file belongs", owner)
                return
            if kind != NOTHING:
                self._replace(path, quietly=_is_bytecode(path))
        elif isinstance(other, Tree | Folder) or (isinstance(other, Link) and other.kind == DIRECTORY):
            self._forbid(path, "a file where others have a directory", _owner(other), owner)
            return
        elif not (_is_bytecode(path) or self._is_equal(other, node)):
            self.clashes.append(Clash(path, (_owner(other), owner)))
        folder.children[name] = node

    def _is_equal(self, one: "Node", other: "Node") -> bool:
        return self._content(one) == self._content(other)

    def _content(self, node: "Node") -> object:
        if isinstance(node, File):
            return node.sha256
        if isinstance(node, Text):
            return sha256_of(node.data)
        if isinstance(node, Link):
            return sha256_of(self._ground.read(node.target))
        return node

    def _replace(self, path: str, *, quietly: bool = False) -> None:
        if path not in self._ways:
            self._ways.add(path)
            if not quietly:
                self.in_the_way.append(path)

    def _forbid(self, path: str, why: str, *owners: str) -> None:
        self.forbidden.append(Clash(path, tuple(dict.fromkeys(name for name in owners if name)), why))

    # -- the end --

    def add_records(self, incoming: "Iterable[Incoming]") -> None:
        """Add every RECORD, now that it is known which directories stayed one link."""
        links: dict[str, list[str]] = {}
        _gather_links(self._top, "", links)
        for one in incoming:
            entry = one.entry
            site = self._site(entry)
            folded = [_relative(path, site) for path in links.get(entry.name, ())]
            record = Text(self._record(entry, folded), entry.name)
            self._folders[f"{site}/{entry.dist_info}"].children["RECORD"] = record
        for location, opened in self._opened.items():
            if location:
                site, _, name = location.rpartition("/")
                links_below = {
                    _relative(path, site): [_relative(one, site) for one in found] for path, found in opened.items()
                }
                text = dist_info.recomposed(self._ground.read(f"{location}/RECORD"), links_below)
                folder = self._folder(site).children.setdefault(name, Folder(present=True))
                assert isinstance(folder, Folder)
                folder.children["RECORD"] = Text(text, name)
                self._replace(f"{location}/RECORD", quietly=True)

    def _record(self, entry: "Entry", folded: "Sequence[str]") -> "Callable[[], bytes]":
        """Return what makes a RECORD: it may have 15,000 lines, and whoever writes it need not be this process."""

        def text() -> bytes:
            data = self._ground.read(f"{entry.tree}/{entry.dist_info}/RECORD")
            own = dist_info.wheel_lines(data, entry, self._brought[entry.name], self._shelf.files)
            if entry.data:
                below = (f"{entry.data}/", f'"{entry.data}/')
                own = [line for line in own if not line.startswith(below)]
            return dist_info.compose(own + self._lines[entry.name], folded, entry.dist_info)

        return text

    def placements(self) -> "Iterator[Placement]":
        """Yield what is to appear, in the order of paths, dist-info directories last."""
        found: list[Placement] = []
        self._walk(self._top, "", found)
        yield from (one for one in found if not one.listing)
        yield from (one for one in found if one.listing)

    def _walk(self, folder: Folder, path: str, found: "list[Placement]") -> None:
        for name in sorted(folder.children):
            node, inner = folder.children[name], f"{path}/{name}"
            if isinstance(node, Folder) and node.present:
                self._walk(node, inner, found)
            elif isinstance(node, Folder) and self._leads_to_listing(inner):
                # made empty, and filled path by path: or what is listed there would appear with the first of them
                found.append(Placement(inner, self._bare(node, inner), replaces=inner in self._ways, listing=False))
                self._walk_bare(node, inner, found)
            else:
                found.append(Placement(inner, node, replaces=inner in self._ways, listing=inner in self._dist_infos))

    def _leads_to_listing(self, path: str) -> bool:
        """Return whether a site directory with new listings is at a path or below it."""
        return path in self._sites or any(site.startswith(f"{path}/") for site in self._sites)

    def _bare(self, folder: Folder, path: str) -> Folder:
        """Return a directory with nothing in it but what leads to dist-info directories."""
        bare = Folder(present=False)
        for name, node in folder.children.items():
            if isinstance(node, Folder) and self._leads_to_listing(f"{path}/{name}"):
                bare.children[name] = self._bare(node, f"{path}/{name}")
        return bare

    def _walk_bare(self, folder: Folder, path: str, found: "list[Placement]") -> None:
        inner: list[Placement] = []
        self._walk(folder, path, inner)
        found += [one for one in inner if not (isinstance(one.node, Folder) and self._leads_to_listing(one.path))]


def _gather_links(folder: Folder, path: str, found: "dict[str, list[str]]") -> None:
    for name, node in folder.children.items():
        if isinstance(node, Folder):
            _gather_links(node, f"{path}/{name}", found)
        elif isinstance(node, Tree) and node.folded:
            found.setdefault(node.entry.name, []).append(f"{path}/{name}")


def _by_directory(
    rows: "Sequence[Row]", special: "tuple[str, ...]", start: int = 0
) -> "tuple[dict[str, list[Row]], list[Row]]":
    """Return rows by the directory that follows after `start` characters; and those in none, or below one of `special`."""
    trees: dict[str, list[Row]] = {}
    loose: list[Row] = []
    last, current = "\0", loose
    for row in rows:
        path = row[0]
        # sorted rows of one directory come one after the other: most need no look-up
        if path.startswith(last):
            current.append(row)
            continue
        slash = path.find("/", start)
        if slash < 0 or (special and path.startswith(special)):
            loose.append(row)
            continue
        last = path[: slash + 1]
        current = trees.setdefault(path[:slash], [])
        current.append(row)
    return trees, loose


def _owner(node: "Node") -> str:
    """Return which package a node is of; of a directory the first that has something in it."""
    if isinstance(node, Tree | File):
        return node.entry.name
    if isinstance(node, Folder):
        return next((owner for child in node.children.values() if (owner := _owner(child))), "")
    return node.owner


def _is_bytecode(path: str) -> bool:
    """Return whether a path is that of a compiled module, which nobody lists, and which goes the way of its module."""
    return path.endswith(".pyc") and path.rpartition("/")[0].endswith(f"/{CACHE}")


def _is_name(name: str) -> bool:
    return bool(name) and "/" not in name and name not in {".", ".."} and "\0" not in name


def _top(path: str, root: str) -> str:
    """Return the first name of a path below a directory, "" for other paths."""
    return path[len(root) + 1 :].partition("/")[0] if path.startswith(f"{root}/") else ""


def _same_name(name: str) -> str:
    """Return how a file system may compare a name: without case, without what it ignores, without dots and spaces at the end."""
    return name.translate(_IGNORED).casefold().rstrip(". ")


def _is_inner(path: str) -> bool:
    return bool(path) and "\0" not in path and all(part not in {"", ".", ".."} for part in path.split("/"))


def _relative(path: str, site: str) -> str:
    """Return an absolute path as seen from a site directory: the spelling of RECORD."""
    if path.startswith(f"{site}/"):
        return path[len(site) + 1 :]
    here, there = site.split("/"), path.split("/")
    shared = 0
    while shared < min(len(here), len(there)) and here[shared] == there[shared]:
        shared += 1
    return "/".join([".."] * (len(here) - shared) + there[shared:])
