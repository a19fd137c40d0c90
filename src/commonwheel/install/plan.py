"""What a transaction is to do: pins held against what is installed.

Laws of this file: pure. It reads no disk and decides nothing about files; `direct_url` texts are compared as values.
"""

from commonwheel.model import PathSource, Plan, UrlSource, Value, VcsSource
from commonwheel.specs import direct_url, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Final

    from commonwheel.model import Installed, Pin, Requirement


class Wishes(Value):
    """What the user wants beside the pins.

    `exact`: what no pin names is removed, except the names in `preserve` (pip in a seeded environment). `reinstall` are
    names, or everything when `reinstall_all`. `recorded` is the sha256 of the wheel that cw installed under a name, as the
    history tells it: it answers lines with hashes, which an installed distribution cannot. `unchanged` are names whose
    directory is known to be what it was when they were installed.
    """

    __slots__ = ("exact", "preserve", "recorded", "reinstall", "reinstall_all", "unchanged")

    def __init__(
        self,
        *,
        exact: bool = False,
        preserve: "Collection[str]" = (),
        reinstall: "Collection[str]" = (),
        reinstall_all: bool = False,
        recorded: "Mapping[str, str] | None" = None,
        unchanged: "Collection[str]" = (),
    ) -> None:
        self.exact: Final = exact
        self.preserve: Final = frozenset(preserve)
        self.reinstall: Final = frozenset(reinstall)
        self.reinstall_all: Final = reinstall_all
        self.recorded: Final[Mapping[str, str]] = recorded or {}
        self.unchanged: Final = frozenset(unchanged)


def make(installed: "Sequence[Installed]", pins: "Iterable[Pin]", wishes: Wishes | None = None) -> Plan:
    """Return what to remove, to keep and to add so that the environment holds the pins.

    Only distributions of the environment itself (`own`) are ever removed; one of a layer below counts as installed when
    it is what the pin says, and is covered by an own one otherwise. A name that is installed twice is put in order.
    """
    wishes = wishes or Wishes()
    own: dict[str, list[Installed]] = {}
    below: dict[str, Installed] = {}
    for one in installed:
        if one.own:
            own.setdefault(one.name, []).append(one)
        else:
            below.setdefault(one.name, one)
    remove: list[Installed] = []
    keep: list[Installed] = []
    add: list[Pin] = []
    reinstalled: list[str] = []
    named = set()
    for pin in pins:
        named.add(pin.name)
        present = own.get(pin.name, [])
        candidates = present or ([below[pin.name]] if pin.name in below else [])
        wanted_anew = wishes.reinstall_all or pin.name in wishes.reinstall
        if len(candidates) == 1 and not wanted_anew and satisfies(pin, candidates[0], wishes):
            keep.append(candidates[0])
            continue
        remove += present
        add.append(pin)
        if any(versions.same_version(one.version, pin.version) for one in present):
            reinstalled.append(pin.name)
    if wishes.exact:
        for name, present in own.items():
            if name not in named and name not in wishes.preserve:
                remove += present
    leaving = {one.location for one in remove}
    keep += [one for one in installed if one.own and one.name not in named and one.location not in leaving]
    return Plan(tuple(remove), tuple(keep), tuple(add), tuple(reinstalled))


def doubled(installed: "Iterable[Installed]") -> "set[str]":
    """Return the names that an environment itself holds more than once."""
    once: set[str] = set()
    more: set[str] = set()
    for one in installed:
        if one.own:
            (more if one.name in once else once).add(one.name)
    return more


def removal(installed: "Sequence[Installed]", names: "Collection[str]") -> Plan:
    """Return the plan that uninstalls `names` (normalised), as far as the environment itself holds them."""
    wanted = set(names)
    remove = tuple(one for one in installed if one.own and one.name in wanted)
    keep = tuple(one for one in installed if one.own and one.name not in wanted)
    return Plan(remove, keep)


def satisfies(pin: "Pin", installed: "Installed", wishes: Wishes | None = None) -> bool:
    """Return whether what is installed is what the pin says: version, source, and hashes where they are demanded.

    A pin from an index is content with the same version from a direct source, as pip and uv are; an exact plan (`sync`)
    is not, since its result would be frozen as something else.
    """
    wishes = wishes or Wishes()
    if not versions.same_version(pin.version, installed.version):
        return False
    if pin.source is not None:
        if pin.name not in wishes.unchanged and not came_from(pin.source, installed.direct_url):
            return False
    elif wishes.exact and installed.direct_url:
        return False
    if pin.digests and not isinstance(pin.source, VcsSource):
        recorded = wishes.recorded.get(pin.name, "") if installed.installer == "cw" else ""
        return any(digest.algorithm == "sha256" and digest.hex == recorded for digest in pin.digests)
    return True


def meets(requirement: "Requirement", installed: "Installed") -> bool:
    """Return whether an installed distribution is what a requirement asks for: version range and direct source.

    Markers and extras are the caller's; a requirement with hashes is never met here, since they bind a file.
    """
    if requirement.digests:
        return False
    if requirement.source is not None:
        return came_from(requirement.source, installed.direct_url)
    # what is there was chosen by somebody: a pre-release that is installed counts, as with pip and uv
    return not requirement.specifier or versions.contains(requirement.specifier, installed.version, prereleases=True)


def came_from(source: "UrlSource | VcsSource | PathSource", text: str) -> bool:
    """Return whether the text of a `direct_url.json` (PEP 610) tells the same source.

    A directory is never the same: nobody knows what changed in it since (an editable one may have got another script, or
    another dependency). A revision whose commit is not known yet is the same when it was asked for by the same name.
    """
    if not text:
        return False
    try:
        told = direct_url.read(text)
    except direct_url.InvalidDirectUrl:
        return False
    if (told.subdirectory or "") != (source.subdirectory or ""):
        return False
    if isinstance(source, VcsSource):
        return isinstance(told, VcsSource) and _same_revision(source, told)
    if isinstance(source, PathSource):
        if not isinstance(told, PathSource) or told.path != source.path or told.editable != source.editable:
            return False
        return direct_url.is_archive(source.path) and _hashes_agree(source, told)
    return isinstance(told, UrlSource) and told.url.bare == source.url.bare and _hashes_agree(source, told)


def _same_revision(source: VcsSource, told: VcsSource) -> bool:
    if (source.kind, source.url.bare) != (told.kind, told.url.bare):
        return False
    if source.commit:
        return source.commit == told.commit
    return (source.revision or "") == (told.revision or "")


def _hashes_agree(source: "UrlSource | PathSource", told: "UrlSource | PathSource") -> bool:
    return not source.digests or any(one in told.digests for one in source.digests)
