"""Everything that is decided about a change before the first step: what goes, what comes, and how.

Laws of this file: it reads the environment and changes nothing. What it finds is stamped, and the transaction refuses to act
on a stamp that is no longer true.
"""

import os
import time

from commonwheel.fs import facts
from commonwheel.install import dist_info, history, linking, nodes, uninstall
from commonwheel.install import layout as install_layout
from commonwheel.install.history import Package, Record
from commonwheel.install.site_view import Ground
from commonwheel.model import Value
from commonwheel.specs.direct_url import FILE_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Final

    from commonwheel.install.layout import Layout, Shelf
    from commonwheel.install.linking import LinkChoice
    from commonwheel.install.uninstall import Clearing
    from commonwheel.model import Entry, Environment, Installed, Plan

    Stamp = frozenset[tuple[str, int]]

_METADATA = (".dist-info", ".egg-info", ".egg-link", ".egg")


class Changeset(Value):
    """A plan with all that it means: entries by name, what is cleared away, what is laid out, how files are placed.

    `texts` are the files that are written into the dist-info of each; `owners` says which distribution that stays lists a path which will be replaced.
    """

    __slots__ = ("choice", "clearing", "entries", "layout", "owners", "plan", "shelf", "stamp", "texts")

    def __init__(  # noqa: PLR0913 - the whole of a change
        self,
        plan: "Plan",
        entries: "Mapping[str, Entry]",
        clearing: "Clearing",
        layout: "Layout",
        choice: "LinkChoice",
        shelf: "Shelf",
        texts: "Mapping[str, Mapping[str, bytes]]",
        stamp: "Stamp | None" = None,
        owners: "Mapping[str, str] | None" = None,
    ) -> None:
        self.plan: Final = plan
        self.entries: Final = entries
        self.clearing: Final = clearing
        self.layout: Final = layout
        self.choice: Final = choice
        self.shelf: Final = shelf
        self.texts: Final = texts
        self.stamp: Final = stamp
        self.owners: Final[Mapping[str, str]] = owners or {}


def stamp(environment: "Environment") -> "Stamp":
    """Return what tells one state of an environment's listing from another: metadata directories and their inodes.

    Take it before reading what is installed. A reinstallation of the same version has a new inode; times of directories say
    less, since some file systems count them in seconds.
    """
    found = set()
    for site in {environment.paths["purelib"], environment.paths["platlib"]}:
        try:
            with os.scandir(site) as scan:
                found |= {(f"{site}/{one.name}", one.inode()) for one in scan if one.name.endswith(_METADATA)}
        except FileNotFoundError:
            continue
    return frozenset(found)


def make(  # noqa: PLR0913 - the settings of an installation
    environment: "Environment",
    plan: "Plan",
    entries: "Mapping[str, Entry]",
    shelf: "Shelf",
    *,
    link_mode: str = "auto",
    recommended: str = "",
    no_fold: "Collection[str]" = (),
    texts: "Mapping[str, Mapping[str, bytes]] | None" = None,
    unsigned: bool = False,
    seen: "Stamp | None" = None,
) -> Changeset:
    """Return what carrying out `plan` means; `entries` has one for each pin in `plan.add`, by name.

    `texts` are further files for the dist-info of a package, `unsigned` leaves out what tells who installed it, why and
    from where; `seen` is the stamp taken before the plan was made. Raises
    ClashError, CannotUninstall, LinkRefused, InvalidScript: nothing has changed then.
    """
    footprints = uninstall.footprints(plan.remove, environment)
    clearing = uninstall.clearing(footprints, environment, plan.keep)
    chosen = linking.choose(
        link_mode, environment, [entries[pin.name] for pin in plan.add], recommended=recommended, no_fold=no_fold
    )
    written = {
        pin.name: ({} if unsigned else dist_info.texts(pin, entries[pin.name])) | dict((texts or {}).get(pin.name, {}))
        for pin in plan.add
    }
    incoming = [nodes.Incoming(entries[name], inner) for name, inner in written.items()]
    ground = Ground((*clearing.listings, *clearing.paths))
    layout = install_layout.placements(incoming, environment, ground, shelf, chosen.folded, plan.keep)
    owners = uninstall.owners(layout.in_the_way, plan.keep) if layout.in_the_way else {}
    return Changeset(plan, entries, clearing, layout, chosen, shelf, written, seen, owners)


# --- records -------------------------------------------------------------------------------------------------------


def record(change: Changeset, state: str, number: int, command: str, used: "Mapping[str, int]", work: str) -> Record:
    """Return what the history is to tell of a change: what came, what went, what stays."""
    before = history.read(state, number - 1)
    known = {} if before is None else before.state
    locations = {
        one.path.rpartition("/")[2]: one.path for one in change.layout.placements if one.listing
    }  # by the name of the dist-info, which an entry knows
    added = []
    for pin in change.plan.add:
        entry = change.entries[pin.name]
        location = locations[entry.dist_info]
        direct_url = str(change.texts[pin.name].get(FILE_NAME, b""), "utf-8")
        added.append(
            Package(pin.name, entry.version, entry.digest, location, "cw", direct_url, requested=pin.requested)
        )
    who = f"{facts.user_name(facts.my_user())} on {facts.host()}, process {os.getpid()}"
    return Record(
        number,
        time.time(),
        who,
        command,
        tuple(added),
        tuple(_package(one, known) for one in change.plan.remove),
        tuple(_package(one, known) for one in change.plan.keep if one.own),
        linking.prevailing(used),
        work,
    )


def _package(installed: "Installed", known: "Mapping[str, Package]") -> Package:
    """Return what a record says of an installed distribution; its digest if cw installed it last."""
    before = known.get(installed.name)
    digest = ""
    if before is not None and before.version == installed.version and installed.installer == "cw":
        digest = before.digest
    return Package(
        installed.name,
        installed.version,
        digest,
        installed.location,
        installed.installer,
        installed.direct_url,
        requested=installed.requested,
    )


def warnings(change: Changeset) -> "tuple[str, ...]":
    """Return what a user should hear of a change that was carried out all the same."""
    found = [str(clash) for clash in change.layout.clashes]
    for path in change.layout.in_the_way:
        owner = change.owners.get(path)
        found.append(
            f"`{path}` of `{owner}` was replaced" if owner else f"`{path}`, which no package listed, was replaced"
        )
    found += [f"`{path}` stays, since another package lists it" for path in change.clearing.shared]
    found += [f"`{path}` stays, since it lies outside the environment" for path in change.clearing.outside]
    return tuple(found)
