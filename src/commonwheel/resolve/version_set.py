"""A project's versions as bits of one integer, and the order in which they are tried.

Bit 0 of a set means "not installed", bit i the i-th known version, ascending. `Listing` hands its masks over in the
same numbering. A universe never changes during a resolution: what the solver learns stays true (docs/decisions/0030).
"""

from commonwheel.specs.versions import InvalidSpecifier, parsed_key, repaired, same_version, select, without_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from commonwheel.model import Listing, PathSource, UrlSource, VcsSource

    Source = UrlSource | VcsSource | PathSource

ABSENT = 1
"""The set with only "not installed" in it."""


def newest(states: int) -> int:
    """Return the position of the newest version in a non-empty set."""
    return states.bit_length() - 1


def oldest(states: int) -> int:
    """Return the position of the oldest version in a non-empty set without `ABSENT`."""
    return (states & -states).bit_length() - 1


def positions(states: int) -> "Iterable[int]":
    """Yield the positions of the versions in a set, ascending."""
    states &= ~ABSENT
    while states:
        yield oldest(states)
        states &= states - 1


class Universe:
    """All versions of one project that this resolution knows, with the reasons against some of them.

    `everything` includes `ABSENT`; `usable` are versions without any reason against them. `bars` are those reasons, as
    (reason, detail, versions); the first that applies is told. `preferred` are positions to try before all others.
    `tiers` are sets to choose from in turn, where several indexes count (empty: all at once).
    `narrowed` says that only the installed version is listed and the index was not asked yet. `source` is the place of
    a project that is not taken from an index, and then there is one version.
    """

    __slots__ = (
        "_selected", "bars", "everything", "installed", "lowest", "name", "narrowed", "note", "preferred", "prereleases",
        "prereleases_last", "source", "tiers", "usable", "versions", "yanked",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        versions: tuple[str, ...],
        *,
        prereleases: int = 0,
        yanked: int = 0,
        note: str = "",
        selected: dict[str, int] | None = None,
    ) -> None:
        self.name: Final = name
        self.versions: Final = versions
        self.everything: Final = (2 << len(versions)) - 1
        self.usable = self.everything & ~ABSENT
        self.prereleases: Final = prereleases
        self.yanked: Final = yanked
        self.note: Final = note
        self.bars: list[tuple[str, str, int]] = []
        self.preferred: tuple[int, ...] = ()
        self.installed = 0
        self.lowest = False
        self.prereleases_last = True
        self.narrowed = False
        self.tiers: tuple[int, ...] = ()
        self.source: Source | None = None
        self._selected = {"": self.everything & ~ABSENT} if selected is None else selected

    def version(self, position: int) -> str:
        """Return the version at a position (1 is the oldest)."""
        return self.versions[position - 1]

    def position(self, version: str) -> int:
        """Return the position of a version, or 0 when it is not known."""
        for i, known in enumerate(self.versions):
            if known == version or same_version(known, version):
                return i + 1
        return 0

    def select(self, specifier: str) -> int:
        """Return the versions that a specifier admits; a broken one is repaired where that is possible.

        Raises InvalidSpecifier.
        """
        try:
            return self._selected[specifier]
        except KeyError:
            admitted = self._selected[specifier] = self._select(specifier)
            return admitted

    def _select(self, specifier: str) -> int:
        try:
            return select(specifier, self.versions)
        except InvalidSpecifier:
            mended = repaired(specifier)
            if mended is None:
                raise
            return select(mended, self.versions)

    def unbarred(self) -> "Universe":
        """Return the same versions with nothing against them."""
        copy = Universe(self.name, self.versions, prereleases=self.prereleases, note=self.note, selected=self._selected)
        copy.source = self.source
        return copy

    def bar(self, reason: str, detail: str, versions: int) -> None:
        """Bar versions for a reason; only those that no earlier reason bars are counted."""
        versions &= self.usable
        if versions:
            self.bars.append((reason, detail, versions))
            self.usable &= ~versions

    def variants(self, version: str) -> "tuple[int, ...]":
        """Return the positions of a version to try in turn: its local variants first (`1.2+cpu` for `1.2`)."""
        variants = [
            i + 1
            for i, known in enumerate(self.versions)
            if same_version(without_local(known), version) and parsed_key(known) is not None
        ]
        return tuple(reversed(variants)) if variants else tuple(filter(None, (self.position(version),)))

    def prefer(self, version: str) -> None:
        """Try a version before all others, and before it its local variants."""
        found = self.variants(version)
        self.preferred = (*self.preferred, *(position for position in found if position not in self.preferred))

    def pick(self, states: int) -> int:
        """Return the position of the version to try first in a non-empty set of versions.

        Preferred versions come first; then stable ones; then the newest (or the oldest, when `lowest` is set).
        """
        for position in self.preferred:
            if states >> position & 1:
                return position
        pool = states
        if self.tiers:
            pool = next((states & tier for tier in self.tiers if states & tier), states)
        if self.prereleases_last:
            pool = pool & ~self.prereleases or pool
        return oldest(pool) if self.lowest else newest(pool)

    def guesses(self, states: int, count: int) -> list[int]:
        """Return the positions of up to `count` versions, mostly in the order in which they would be tried."""
        found: list[int] = []
        for pool in (states & ~self.prereleases, states & self.prereleases) if self.prereleases_last else (states,):
            while pool and len(found) < count:
                position = oldest(pool) if self.lowest else newest(pool)
                found.append(position)
                pool ^= 1 << position
        return found


def of_listing(listing: "Listing", installed: str = "") -> Universe:
    """Return the universe of a listing; an installed version that the index does not offer (any more) is put in its place.

    What is installed runs here: no reason of the index speaks against it, and it counts as stable.
    """
    versions, place = _merged(listing.versions, installed) if installed else (listing.versions, -1)
    inserted = len(versions) > len(listing.versions)
    keep = ~(2 << place) if installed else -1

    def moved(mask: int) -> int:
        return (_with_gap(mask, place) if inserted else mask) & keep

    universe = Universe(
        listing.name,
        versions,
        prereleases=moved(listing.prereleases),
        yanked=moved(listing.yanked),
        note=listing.note,
    )
    universe.installed = place + 1
    universe.tiers = tuple(map(moved, listing.tiers))
    for reason, mask in listing.barred.items():
        universe.bar(reason, "", moved(mask))
    return universe


def of_installed(name: str, version: str) -> Universe:
    """Return the universe that holds the installed version alone, for as long as it is good enough."""
    universe = Universe(name, (version,))
    universe.installed = 1
    universe.narrowed = True
    return universe


def of_source(name: str, version: str, source: "Source") -> Universe:
    """Return the universe of a project that is given by URL, path or revision: one version."""
    universe = Universe(name, (version,))
    universe.source = source
    return universe


def _merged(versions: tuple[str, ...], installed: str) -> tuple[tuple[str, ...], int]:
    """Return ascending versions with the installed one among them, and its index."""
    for i, known in enumerate(versions):
        if same_version(known, installed):
            return versions, i
    key = parsed_key(installed)
    place = 0 if key is None else sum(1 for known in versions if (parsed_key(known) or key) < key)
    return (*versions[:place], installed, *versions[place:]), place


def _with_gap(mask: int, place: int) -> int:
    """Make room in a mask for a version that is inserted at index `place`; its own bit is clear."""
    below = (2 << place) - 1
    return (mask & below) | (mask & ~below) << 1
