"""What of the indexes' offers is wanted: the options of the command line and the settings, as values.

Laws of this file: pure values; what they mean for a file is decided in `selection`, for an index in `search`.
"""

from commonwheel.errors import UsageError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from commonwheel.index.index_config import Index

ALL = ":all:"
FIRST_INDEX, FIRST_MATCH, BEST_MATCH = STRATEGIES = ("first-index", "unsafe-first-match", "unsafe-best-match")


class UnknownIndex(UsageError):
    """A name is bound to an index that is not configured."""

    code = "unknown-index"


class Formats(Value):
    """Which kinds of files may be used: names, or `:all:`; a single name outweighs `:all:`."""

    __slots__ = ("no_sdists", "no_wheels")

    def __init__(self, no_wheels: "frozenset[str]" = frozenset(), no_sdists: "frozenset[str]" = frozenset()) -> None:
        self.no_wheels: Final = no_wheels
        self.no_sdists: Final = no_sdists

    def wheels(self, name: str) -> bool:
        """Return whether wheels of a project may be used."""
        if name in self.no_wheels:
            return False
        return ALL not in self.no_wheels or name in self.no_sdists

    def sdists(self, name: str) -> bool:
        """Return whether source distributions of a project may be used."""
        if name in self.no_sdists:
            return False
        return ALL not in self.no_sdists or name in self.no_wheels


class Terms(Value):
    """What holds for one project at one index: the kinds allowed, and when files must have been uploaded before."""

    __slots__ = ("newest", "sdists", "wheels")

    def __init__(self, wheels: bool = True, sdists: bool = True, newest: float | None = None) -> None:
        self.wheels: Final = wheels
        self.sdists: Final = sdists
        self.newest: Final = newest


class Rules(Value):
    """What of the indexes' offers is wanted.

    `newest`: files must have been uploaded before (seconds since the epoch), `newest_of` by project (None: no limit);
    `bound`: projects and the name of the one index that serves them; `allowed`: projects and the hashes demanded
    (`sha256:...`); `refresh`: True or the names whose pages are asked for again; `lowest`: what to guess first;
    `build_python`: the version of the interpreter that would build, where that is not the target's.
    """

    __slots__ = (
        "allowed", "bound", "build_python", "formats", "lowest", "newest", "newest_of", "offline", "refresh", "strategy",
        "universal",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - each is an option of the command line
        self,
        *,
        strategy: str = "first-index",
        formats: "Formats | None" = None,
        newest: float | None = None,
        newest_of: "Mapping[str, float | None] | None" = None,
        bound: "Mapping[str, str] | None" = None,
        allowed: "Mapping[str, frozenset[str]] | None" = None,
        refresh: "bool | frozenset[str]" = False,
        offline: bool = False,
        universal: bool = False,
        lowest: bool = False,
        build_python: str = "",
    ) -> None:
        self.strategy: Final = strategy
        self.formats: Final = formats or Formats()
        self.newest: Final = newest
        self.newest_of: Final[Mapping[str, float | None]] = newest_of or {}
        self.bound: Final[Mapping[str, str]] = bound or {}
        self.allowed: Final[Mapping[str, frozenset[str]]] = allowed or {}
        self.refresh: Final = refresh
        self.offline: Final = offline
        self.universal: Final = universal
        self.lowest: Final = lowest
        self.build_python: Final = build_python

    def refreshes(self, project: str) -> bool:
        """Return whether a project's page is to be asked for again, whatever is remembered."""
        return self.refresh if isinstance(self.refresh, bool) else project in self.refresh

    def terms(self, project: str, index: "Index") -> Terms:
        """Return what holds for a project at an index; limits on uploads are for those that are no mere list of files."""
        newest = self.newest
        if index.newest is not None:
            newest = None if index.newest is False else float(index.newest)
        newest = self.newest_of.get(project, newest)
        if (
            index.flat
        ):  # a folder or a page of links never says when, and whoever put the files there knew what he wanted
            newest = None
        return Terms(self.formats.wheels(project), self.formats.sdists(project), newest)

    def check(self, indexes: "Sequence[Index]") -> None:
        """Raise UsageError for an unknown strategy, and for a name that is bound to an index which is not there."""
        if self.strategy not in STRATEGIES:
            raise UsageError(f"`{self.strategy}` is not an index strategy", hint=f"use one of {', '.join(STRATEGIES)}")
        names = [index.name for index in indexes if index.name]
        for project, name in self.bound.items():
            if name not in names:
                raise UnknownIndex(
                    f"`{project}` is to come from the index `{name}`, and no index has this name",
                    context=(f"configured: {', '.join(names)}" if names else "no index has a name",),
                    hint=f"define it, as `--index {name}=URL` or in the settings",
                )
