"""What can appear at a path of an environment: a tree, a file, a text, a link or a folder, each with its origin."""

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from commonwheel.model import Entry


class Incoming(Value):
    """An entry to install, and the files that are written into its dist-info (`distinfo.texts`)."""

    __slots__ = ("entry", "texts")

    def __init__(self, entry: "Entry", texts: "Mapping[str, bytes]") -> None:
        self.entry: Final = entry
        self.texts: Final = texts


class Tree:
    """A directory of an entry that nobody else enters: one link when `folded`, else all its files."""

    __slots__ = ("entry", "folded", "path")

    def __init__(self, entry: "Entry", path: str, *, folded: bool) -> None:
        self.entry: Final = entry
        self.path: Final = path
        self.folded: Final = folded


class File:
    """A file of an entry."""

    __slots__ = ("entry", "executable", "path", "sha256", "size")

    def __init__(self, entry: "Entry", path: str, size: int, sha256: str, *, executable: bool) -> None:
        self.entry: Final = entry
        self.path: Final = path
        self.size: Final = size
        self.sha256: Final = sha256
        self.executable: Final = executable


class Text:
    """A file that is written here."""

    __slots__ = ("_data", "executable", "owner")

    def __init__(self, data: "bytes | Callable[[], bytes]", owner: str, *, executable: bool = False) -> None:
        self._data: Final = data
        self.owner: Final = owner
        self.executable: Final = executable

    @property
    def data(self) -> bytes:
        """Return its content; one that takes long to make is made by whoever writes it."""
        return self._data if isinstance(self._data, bytes) else self._data()


class Link:
    """A symbolic link: what is left of a folded directory of `owner` that had to be opened."""

    __slots__ = ("kind", "owner", "target")

    def __init__(self, target: str, kind: str, owner: str) -> None:
        self.target: Final = target
        self.kind: Final = kind
        self.owner: Final = owner


class Folder:
    """A directory; `present` when it stands in the environment already and stays."""

    __slots__ = ("children", "present")

    def __init__(self, *, present: bool) -> None:
        self.children: dict[str, Node] = {}
        self.present: Final = present


Node = Tree | File | Text | Link | Folder


class Placement:
    """One path to appear, whose parent stands already; `replaces` says that something is in the way and has to go."""

    __slots__ = ("listing", "node", "path", "replaces")

    def __init__(self, path: str, node: "Node", *, replaces: bool, listing: bool) -> None:
        self.path: Final = path
        self.node: Final = node
        self.replaces: Final = replaces
        self.listing: Final = listing
