"""`pip index versions`: the versions of one project that an index offers."""

from commonwheel.model import Value
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class Offered(Value):
    """What the indexes offer of one project, newest first, for the target; `note` says why there may be nothing."""

    __slots__ = ("installed", "latest", "name", "note", "versions")

    def __init__(self, name: str, versions: "tuple[str, ...]", latest: str, installed: str, note: str) -> None:
        self.name: Final = name
        self.versions: Final = versions
        self.latest: Final = latest
        self.installed: Final = installed
        self.note: Final = note


def versions(session: "Session", parsed: "Parsed") -> Offered:
    """List the versions of one project that can be used here."""
    name = normalize(parsed.positional[0])
    environment = session.environment(mutating=False)
    catalogue = session.job().catalogue(session.target(environment))
    listing = catalogue.listing(name)
    usable = ((1 << len(listing.versions)) - 1) << 1
    for mask in listing.barred.values():
        usable &= ~mask
    usable &= ~listing.yanked
    if not (session.settings.flag("pre") or session.settings.text("prerelease") == "allow"):
        usable &= ~listing.prereleases
    found = tuple(version for at, version in reversed(list(enumerate(listing.versions))) if usable >> (at + 1) & 1)
    installed = next((one.version for one in session.installed(environment) if one.name == name), "")
    catalogue.close()
    return Offered(name, found, found[0] if found else "", installed, listing.note)
