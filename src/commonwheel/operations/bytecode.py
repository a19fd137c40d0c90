"""Bytecode that environments share: a package comes with what was compiled once for its interpreter.

A Python that may not write where it imports from compiles again at every start, and the directories of a folded package are the
store's. So such packages come from an image (`store.images`) wherever there is one. `--compile-bytecode` makes the images that are
missing, once for all environments of all users of that store, and takes them for the other packages and link modes as well: to
place what was compiled costs a hundredth of compiling it.
"""

from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.store import images
from commonwheel.store.recheck import Recheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from commonwheel.events import Reporter
    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Entry, Environment, Interpreter
    from commonwheel.settings.settings import Settings
    from commonwheel.store.store import Store

    class ImageMaker(Protocol):
        """Make images: `operations.compile_bytecode.Compiler`, loaded when one is missing."""

        def images(self, interpreter: Interpreter, entries: Sequence[Entry], tag: str) -> dict[str, Entry]:
            """Compile entries for an interpreter, and return those with the trees of their images, by digest."""

    class Compiling(Protocol):
        """What bytecode comes from: `session.job.Job`."""

        settings: Settings
        environ: Mapping[str, str]

        reporter: Reporter

        @property
        def store(self) -> Store:
            """Return the store."""

        @property
        def compiler(self) -> ImageMaker:
            """Return what compiles."""


#: How bytecode tells that it is stale (PEP 552). That of images does it by size and time, which are the same wherever a file is placed.
TIMESTAMP = "timestamp"
MODES = (TIMESTAMP, "checked-hash", "unchecked-hash")


def invalidation_mode(environ: "Mapping[str, str]") -> str:
    """Return how bytecode is to tell that it is stale: `timestamp`, `checked-hash` or `unchecked-hash`.

    The variable is Python's own, and of its tools: `CHECKED_HASH`. Raises UsageError for any other value.
    """
    mode = (environ.get("PYC_INVALIDATION_MODE") or MODES[0]).lower().replace("_", "-")
    if mode not in MODES:
        names = ", ".join(one.upper().replace("-", "_") for one in MODES)
        raise UsageError(
            f"`{environ['PYC_INVALIDATION_MODE']}` is not a way to tell stale bytecode (`PYC_INVALIDATION_MODE`)",
            hint=f"use one of {names}",
        )
    return mode


def uncompiled(receipt: "Receipt", mode: str) -> "list[str]":
    """Return where the packages are that a transaction installed without their bytecode."""
    came = receipt.compiled if mode == TIMESTAMP else ()
    return [package.location for package in receipt.added if package.name not in came]


def with_images(
    parts: "Compiling", environment: "Environment", entries: "Mapping[str, Entry]", *, folding: bool
) -> "Mapping[str, Entry]":
    """Return entries that are about to be placed, by name, with the trees of their images where these are wanted and there.

    `folding` says that the link mode is `fold`.
    """
    compiling = parts.settings.flag("compile-bytecode")
    # whoever wants hashes compiles for himself, as far as Python may write what it compiles
    everything = compiling and invalidation_mode(parts.environ) == TIMESTAMP
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
        with Recheck(parts.store, missing) as inspection:
            inspection.settle()  # the image of a damaged entry would be damaged
        found |= _made(parts, environment.interpreter, missing, tag)
    return {**entries, **found}


def for_builds(
    parts: "Compiling", interpreter: "Interpreter", entries: "Mapping[str, Entry]", *, again: bool
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


def _at_hand(parts: "Compiling", entries: "Sequence[Entry]", tag: str) -> "tuple[dict[str, Entry], list[Entry]]":
    """Return the images that are there, by name, and the entries that have none."""
    found = {entry.name: image for entry in entries if (image := images.at_hand(parts.store, entry, tag))}
    return found, [entry for entry in entries if entry.name not in found]


def _made(parts: "Compiling", interpreter: "Interpreter", entries: "Sequence[Entry]", tag: str) -> "dict[str, Entry]":
    """Make images, and return those that could be made, by name."""
    return {image.name: image for image in parts.compiler.images(interpreter, entries, tag).values()}


def tag_of(interpreter: "Interpreter") -> str:
    """Return the name of the bytecode that an interpreter reads: `cpython-312`."""
    return f"{interpreter.implementation}-{interpreter.version[0]}{interpreter.version[1]}"
