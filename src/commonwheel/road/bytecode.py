"""Bytecode that environments share: a package comes with what was compiled once for its interpreter.

A Python that may not write where it imports from compiles again at every start, and the directories of a folded package are the
store's. So such packages come from an image (`store.images`) wherever there is one. `--compile-bytecode` makes the images that are
missing, once for all environments of all users of that store, and takes them for the other packages and link modes as well: to
place what was compiled costs a hundredth of compiling it.
"""

from commonwheel.store import images
from commonwheel.store.inspection import Inspection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.model import Entry, Environment
    from commonwheel.road.parts import Parts

#: How bytecode tells that it is stale (PEP 552). That of images does it by size and time, which are the same wherever a file is placed.
TIMESTAMP = "timestamp"
MODES = (TIMESTAMP, "checked-hash", "unchecked-hash")


def with_images(
    parts: "Parts", environment: "Environment", entries: "Mapping[str, Entry]", *, folding: bool
) -> "Mapping[str, Entry]":
    """Return entries that are about to be placed, by name, with the trees of their images where these are wanted and there.

    `folding` says that the link mode is `fold`.
    """
    compiling = parts.settings.flag("compile-bytecode")
    # whoever wants hashes compiles for himself, as far as Python may write what it compiles
    everything = compiling and parts.invalidation_mode() == TIMESTAMP
    exempt = parts.settings.many("no-fold")
    wanted = {
        name: entry
        for name, entry in entries.items()
        if entry.trusted and (everything or (folding and entry.foldable and not entry.unfolded and name not in exempt))
    }
    if not wanted:
        return entries
    tag = tag_of(environment)
    found = {name: image for name, entry in wanted.items() if (image := images.at_hand(parts.store, entry, tag))}
    missing = [entry for name, entry in wanted.items() if name not in found]
    if missing and compiling:
        with Inspection(parts.store, missing) as inspection:
            inspection.settle()  # the image of a damaged entry would be damaged
        made = parts.make_images(environment, missing, tag)
        found |= {entry.name: made[entry.digest] for entry in missing if entry.digest in made}
    return {**entries, **found}


def tag_of(environment: "Environment") -> str:
    """Return the name of the bytecode that an environment's interpreter reads: `cpython-312`."""
    interpreter = environment.interpreter
    return f"{interpreter.implementation}-{interpreter.version[0]}{interpreter.version[1]}"
