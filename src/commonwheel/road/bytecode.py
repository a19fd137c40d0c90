"""Bytecode that environments share: a folded package comes with what was compiled once for its interpreter.

A Python that may not write where it imports from compiles again at every start, and the directories of a folded package are the
store's. So such packages come from an image (`store.images`) wherever there is one; `--compile-bytecode` makes those that
are missing, once for all environments of all users of that store.
"""

from commonwheel.store import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.model import Entry, Environment
    from commonwheel.road.parts import Parts


def with_images(parts: "Parts", environment: "Environment", entries: "Mapping[str, Entry]") -> "Mapping[str, Entry]":
    """Return entries that are to be folded, by name, with the trees of their images where there are such."""
    tag = tag_of(environment)
    exempt = parts.settings.many("no-fold")
    folded = {
        name: entry
        for name, entry in entries.items()
        if entry.trusted and entry.foldable and not entry.unfolded and name not in exempt
    }
    found = {name: image for name, entry in folded.items() if (image := images.at_hand(parts.store, entry, tag))}
    missing = [entry for name, entry in folded.items() if name not in found]
    if missing and parts.settings.flag("compile-bytecode"):
        made = parts.make_images(environment, missing, tag)
        found |= {entry.name: made[entry.digest] for entry in missing if entry.digest in made}
    return {**entries, **found}


def tag_of(environment: "Environment") -> str:
    """Return the name of the bytecode that an environment's interpreter reads: `cpython-312`."""
    interpreter = environment.interpreter
    return f"{interpreter.implementation}-{interpreter.version[0]}{interpreter.version[1]}"
