"""Sources made ready to be built: fetched and unpacked, or checked out, each once a process.

Cold: this module loads what unpacks, for as much time as the rest of a session; one that meets no source does without.
"""

import os

from commonwheel.build import archives, static
from commonwheel.build.builder import Tree
from commonwheel.build.static import NotAProject
from commonwheel.fs import disk, trees
from commonwheel.model import Digest, PathSource, UrlSource, Value, VcsSource
from commonwheel.sources import build_inputs, built_wheels
from commonwheel.sources.archives import Fetched, filename_of
from commonwheel.sources.build_turns import Once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from commonwheel.build.vcs import Repositories
    from commonwheel.model import Candidate
    from commonwheel.sources.archives import Archives

    Source = UrlSource | VcsSource | PathSource


class Ready(Value):
    """A source that can be built: its tree, what identifies it ("" nothing), and the source with its commit or hash."""

    __slots__ = ("identity", "source", "tree")

    def __init__(self, tree: Tree, identity: str, source: "Source | None" = None) -> None:
        self.tree: Final = tree
        self.identity: Final = identity
        self.source: Final = source


class SourceTrees:
    """Unpack and check out for one session; safe to use from several threads. `scratch` gives private space."""

    def __init__(
        self,
        known: "built_wheels.Recall",
        arrivals: "Archives",
        repositories: "Callable[[], Repositories]",
        scratch: "Callable[[], str]",
    ) -> None:
        self._known = known
        self._arrivals = arrivals
        self._repositories = repositories
        self._scratch = scratch
        self._once = Once()

    # --- what can be built ------------------------------------------------------------------------------------------

    def of_source(self, source: "Source", name: str = "") -> Ready:
        """Return a direct source ready to be built. Raises NoSuchSource, SourceMismatch, NotAProject, and git's errors."""
        if isinstance(source, VcsSource):
            source = self.settled(source)
        whole = self._once.get(_whole(source), lambda: self._made_ready(source))
        if whole.source is not None:
            # who asks again knows its hash by then
            self._once.known(_whole(whole.source), whole)
        ready = self._below(whole, source.subdirectory)
        tree = ready.tree.replaced(name=name, place=build_inputs.place_of(source))
        if not name:
            tree = tree.replaced(guess=static.name_of(tree.path))
        settled = ready.source.replaced(subdirectory=source.subdirectory) if ready.source is not None else source
        if isinstance(source, PathSource):
            settled = settled.replaced(editable=source.editable)
        return ready.replaced(tree=tree, source=settled)

    def of_candidate(self, candidate: "Candidate", digests: "tuple[Digest, ...]" = ()) -> Ready:
        """Return an sdist of an index ready to be built; `digests` are demanded beside those of the index."""
        wanted = digests or candidate.digests

        def make() -> Ready:
            self._arrivals.check_link(candidate, wanted)
            fetched = self._arrivals.fetched(candidate.url, candidate.filename, wanted)
            tree = Tree(self._unpacked(fetched), candidate.filename, candidate.name, candidate.version, archived=True)
            return Ready(tree, f"sha256 {fetched.digest}")

        return self._once.get((candidate.url, candidate.name, candidate.version, wanted), make)

    def settled(self, source: "Source") -> "Source":
        """Return a source with its commit filled in; others as they are."""
        return self._repositories().resolve(source) if isinstance(source, VcsSource) else source

    def _made_ready(self, source: "Source") -> Ready:
        if isinstance(source, VcsSource):
            directory = disk.temporary(self._scratch(), "git-")
            self._repositories().checkout(source, directory)
            return Ready(Tree(directory, str(source.url)), f"git {source.url.bare} {source.commit}", source)
        if isinstance(source, PathSource) and os.path.isdir(source.path):
            words = "" if source.editable else self._known.made_of(source.path)
            return Ready(Tree(source.path, source.path), words, source)
        fetched = self._arrivals.archive(source)
        label = filename_of(source.url) if isinstance(source, UrlSource) else os.path.basename(source.path)
        hashed = source if source.digests else source.replaced(digests=(Digest("sha256", fetched.digest),))
        return Ready(Tree(self._unpacked(fetched), label, archived=True), f"sha256 {fetched.digest}", hashed)

    def _below(self, ready: Ready, subdirectory: str | None) -> Ready:
        if not subdirectory:
            return ready
        root = ready.tree.path
        path = os.path.normpath(os.path.join(root, subdirectory))
        inside = (os.path.realpath(path) + os.sep).startswith(os.path.realpath(root) + os.sep)
        if not inside or not os.path.isdir(path):
            raise NotAProject(f"`{ready.tree.label}` has no directory `{subdirectory}`", hint="check `#subdirectory=`")
        label = f"{ready.tree.label}#subdirectory={subdirectory}"
        # PKG-INFO of an archive is about what lies at its top
        tree = ready.tree.replaced(path=path, label=label, archived=False)
        return ready.replaced(
            tree=tree, identity=built_wheels.below(ready.identity, subdirectory) if ready.identity else ""
        )

    def _unpacked(self, fetched: Fetched) -> str:
        return archives.unpack(fetched.path, trees.staging(self._scratch()))


def _whole(source: "Source") -> "Source":
    """Return what has to be fetched for a source: the same for all its subdirectories."""
    return source.replaced(subdirectory=None)
