"""Which of the installed packages the indexes have newer versions of."""

from commonwheel.model import Value
from commonwheel.specs import versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, Protocol

    from commonwheel.index.catalogue import Catalogue
    from commonwheel.model import Target

    class Wishes(Protocol):
        """What is wished of versions: `session.policies.Policies`."""

        def prereleases(self) -> tuple[str, dict[str, str]]:
            """Return when pre-releases are taken, in general and by name."""

    class Offering(Protocol):
        """What indexes offer: `session.job.Job`."""

        @property
        def policies(self) -> Wishes:
            """Return what is wished of versions."""

        def catalogue(self, target: Target) -> Catalogue:
            """Return what the indexes offer for a target."""


class Newer(Value):
    """The newest version of a project, and whether it comes as `wheel` or `sdist`."""

    __slots__ = ("kind", "version")

    def __init__(self, version: str, kind: str) -> None:
        self.version: Final = version
        self.kind: Final = kind


def newer(parts: "Offering", installed: "Mapping[str, str]", target: "Target") -> "dict[str, Newer]":
    """Return what is newer than the installed versions, by name; all pages are asked for at once."""
    catalogue = parts.catalogue(target)
    for name in installed:
        catalogue.expect(name)
    mode, modes = parts.policies.prereleases()
    found = {}
    for name, version in installed.items():
        latest = _latest(catalogue, name, prereleases=modes.get(name, mode) == "allow")
        if latest and versions.version_key(latest) > versions.version_key(version):
            kind = "wheel" if catalogue.candidate(name, latest).kind == "wheel" else "sdist"
            found[name] = Newer(latest, kind)
    return found


def _latest(catalogue: "Catalogue", name: str, *, prereleases: bool) -> str:
    """Return the newest version of a project that can be used, "" for none; a pre-release only where asked for."""
    listing = catalogue.listing(name)
    usable = ((1 << len(listing.versions)) - 1) << 1
    for mask in listing.barred.values():
        usable &= ~mask
    usable &= ~listing.yanked
    stable = usable if prereleases else usable & ~listing.prereleases
    best = stable or usable
    return listing.versions[best.bit_length() - 2] if best > 1 else ""
