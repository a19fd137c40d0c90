"""What several places offer of one project, as one listing.

Nearly always there is one place, and then nothing is copied: its versions and masks are the listing. With several,
versions are merged by their meaning (`1.0` and `1.0.0` are one) and the masks are moved to where the versions went.

Laws of this file: pure; the order of the offers decides what the strategy leaves open.
"""

from bisect import bisect_left

from commonwheel.index.selection import REASONS
from commonwheel.model import Listing
from commonwheel.specs.versions import same_version, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from commonwheel.index.index_config import Index
    from commonwheel.index.page_record import Page
    from commonwheel.index.rules import Terms
    from commonwheel.index.selection import Judge


class Offer:
    """A page, where it came from, and what holds there.

    `local`: its files lie on this machine; `linked`: it is one of `--find-links`; `spare` is a page that was fetched
    anew because this one had lost its rows; `fitting` are the tag sets that a usable file may have, once it is judged;
    `view` is `lookup`'s name for the terms and the target.
    """

    __slots__ = ("fitting", "index", "linked", "local", "page", "spare", "terms", "view")

    def __init__(
        self, index: "Index", page: "Page", terms: "Terms", *, local: bool = False, linked: bool = False
    ) -> None:
        self.index: Final = index
        self.page: Final = page
        self.terms: Final = terms
        self.local: Final = local
        self.linked: Final = linked
        self.spare: Page | None = None
        self.fitting: frozenset[str] | None = None
        self.view = ""


class MergedListing:
    """The versions of all offers together, and where each offer has them."""

    __slots__ = ("_offers", "_places", "_where", "listing")

    def __init__(
        self,
        name: str,
        offers: "Sequence[Offer]",
        judge: "Judge",
        notes: "Sequence[str]",
        strategy: str = "first-index",
    ) -> None:
        self._offers: Final = tuple(offers)
        self._where: dict[int, dict[str, int]] = {}
        versions, self._places = _merge([offer.page.versions for offer in offers])
        self.listing: Final = self._listing(name, versions, judge, notes, strategy)

    def position(self, offer: Offer, version: str) -> int | None:
        """Return the number of a version on the page of an offer, or None when it does not have it."""
        number = next(n for n, known in enumerate(self._offers) if known is offer)
        where = self._where.get(number)
        if where is None:
            versions = self.listing.versions
            places = self._places[number]
            if places is None:
                where = {text: at for at, text in enumerate(versions)}
            else:
                where = {versions[place]: at for at, place in enumerate(places)}
            self._where[number] = where
        at = where.get(version)
        if at is None and version not in self.listing.versions:  # another spelling, from a lock or a command line
            at = next((at for known, at in where.items() if same_version(known, version)), None)
        return at

    def _listing(
        self, name: str, versions: tuple[str, ...], judge: "Judge", notes: "Sequence[str]", strategy: str
    ) -> Listing:
        free = yanked = prereleases = 0
        barred: dict[str, int] = {}
        tiers: list[int] = []
        for offer, places in zip(self._offers, self._places, strict=True):
            page = offer.page
            every = (1 << len(page.versions)) - 1
            verdict = judge.verdict(page, offer.terms)
            offer.fitting = verdict.fitting
            bars = verdict.barred
            if page.provenance.status == "quarantined":
                bars = {"quarantined": every}
            out = 0
            for reason, mask in bars.items():
                out |= mask
                barred[reason] = barred.get(reason, 0) | _moved(mask, places)
            free |= _moved(every & ~out & ~verdict.yanked, places)
            yanked |= _moved(verdict.yanked & ~out, places)
            prereleases |= _moved(page.prereleases, places)
            tiers.append(_moved(every, places))
        yanked &= ~free
        usable = free | yanked
        kept: dict[str, int] = {}
        told = usable
        for reason in ("quarantined", *reversed(REASONS)):  # of several reasons the nearest is told
            mask = barred.get(reason, 0) & ~told
            kept[reason] = mask
            told |= mask
        return Listing(
            name,
            versions,
            prereleases << 1,
            yanked << 1,
            {reason: mask << 1 for reason, mask in kept.items() if mask},
            "" if versions else _note(self._offers, notes),
            self._tiers(tiers) if strategy == "unsafe-first-match" and len(tiers) > 1 else (),
        )

    def _tiers(self, masks: list[int]) -> tuple[int, ...]:
        """Return masks of decreasing preference: versions of an earlier index before all of a later one."""
        linked = 0
        indexed: list[int] = []
        for offer, mask in zip(self._offers, masks, strict=True):
            if offer.linked:
                linked |= mask  # links go with whatever index comes first
            else:
                indexed.append(mask)
        tiers: list[int] = []
        seen = 0
        for mask in indexed:
            tier = (mask | linked) & ~seen
            seen |= tier
            if tier:
                tiers.append(tier << 1)
        return tuple(tiers) if len(tiers) > 1 else ()


def _note(offers: "Sequence[Offer]", notes: "Sequence[str]") -> str:
    """Return why there are no versions."""
    empty = [f"`{offer.index}` has it, without a file that can be used" for offer in offers if not offer.linked]
    return "; ".join(dict.fromkeys([*notes, *empty]))


def _merge(lists: "Sequence[tuple[str, ...]]") -> tuple[tuple[str, ...], list[list[int] | None]]:
    """Merge ascending versions; return them, and for each list its members' new numbers (None: they are unchanged)."""
    if len(lists) == 1:
        return lists[0], [None]
    if not lists:
        return (), []
    merged: list[str] = []
    for versions in lists:  # the longest is what the others are put into
        merged = list(versions) if len(versions) > len(merged) else merged
    for versions in lists:
        for version in versions:
            key = version_key(version)
            at = bisect_left(merged, key, key=version_key)
            if at == len(merged) or version_key(merged[at]) != key:
                merged.insert(at, version)
    places: list[list[int] | None] = []
    for versions in lists:
        if len(versions) == len(merged) and list(versions) == merged:
            places.append(None)
        else:
            places.append([bisect_left(merged, version_key(version), key=version_key) for version in versions])
    return tuple(merged), places


def _moved(mask: int, places: list[int] | None) -> int:
    """Return a mask over one list as a mask over the merged one."""
    if places is None or not mask:
        return mask
    moved = 0
    for at, place in enumerate(places):
        if mask >> at & 1:
            moved |= 1 << place
    return moved
