"""Bytecode that environments share: a package comes with what was compiled once for its interpreter.

A Python that may not write where it imports from compiles again at every start, and the directories of a folded package are the
store's. So such packages come from an image (`store.images`) wherever there is one. `--compile-bytecode` makes the images that are
missing, once for all environments of all users of that store, and takes them for the other packages and link modes as well: to
place what was compiled costs a hundredth of compiling it.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.store import images
from commonwheel.store.inspection import Inspection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.model import Entry, Environment, Interpreter
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
    wanted = [
        entry
        for name, entry in entries.items()
        if entry.trusted and (everything or (folding and _folds(entry) and name not in exempt))
    ]
    if not wanted:
        return entries
    tag = tag_of(environment.interpreter)
    found, missing = _at_hand(parts, wanted, tag)
    if missing and compiling:
        with Inspection(parts.store, missing) as inspection:
            inspection.settle()  # the image of a damaged entry would be damaged
        found |= _made(parts, environment.interpreter, missing, tag)
    return {**entries, **found}


def for_builds(
    parts: "Parts", interpreter: "Interpreter", entries: "Mapping[str, Entry]", *, again: bool
) -> "Mapping[str, Entry]":
    """Return what builds need, by name and each file looked at, with the trees of images that are there.

    Under `--compile-bytecode` those that are missing are made where somebody builds `again` with the same tools: to compile setuptools
    costs as much as four builds gain.
    """
    store, tag = parts.store, tag_of(interpreter)
    found, missing = _at_hand(parts, [entry for entry in entries.values() if entry.trusted and _folds(entry)], tag)
    sound = {name: image for name, image in found.items() if store.is_untouched(image) or store.is_image_sound(image)}
    if missing and again and parts.settings.flag("compile-bytecode"):
        try:
            sound |= _made(parts, interpreter, missing, tag)
        except CommonwheelError as error:
            # whatever it is, nothing is lost but the time that it would have saved
            parts.reporter.note("debug", f"build tools are used without bytecode: {error.message}")
    return {**entries, **sound}


def _folds(entry: "Entry") -> bool:
    return bool(entry.foldable) and not entry.unfolded


def _at_hand(parts: "Parts", entries: "Sequence[Entry]", tag: str) -> "tuple[dict[str, Entry], list[Entry]]":
    """Return the images that are there, by name, and the entries that have none."""
    found = {entry.name: image for entry in entries if (image := images.at_hand(parts.store, entry, tag))}
    return found, [entry for entry in entries if entry.name not in found]


def _made(parts: "Parts", interpreter: "Interpreter", entries: "Sequence[Entry]", tag: str) -> "dict[str, Entry]":
    """Make images, and return those that could be made, by name."""
    return {image.name: image for image in parts.make_images(interpreter, entries, tag).values()}


def tag_of(interpreter: "Interpreter") -> str:
    """Return the name of the bytecode that an interpreter reads: `cpython-312`."""
    return f"{interpreter.implementation}-{interpreter.version[0]}{interpreter.version[1]}"
