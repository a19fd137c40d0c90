"""Marks that say what an installed project was made of, so that one of a directory is built anew only when that has changed.

A directory has no hash, and a path says nothing about what is in it. So the wheel of a directory gets a file into its
`.dist-info` (as uv's gets `uv_cache.json`): the hash of what identifies the directory (`recall.made_of`) and of all that
builds are made with. What is named on the command line is installed anew whatever the mark says, as pip and uv do it.

Lean: a warm installation asks.
"""

from commonwheel.model import PathSource
from commonwheel.sources.built_wheels import below
from commonwheel.specs import direct_url
from commonwheel.specs.sha256 import sha256_of as hashed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    from commonwheel.model import Installed, Pin
    from commonwheel.sources.build_inputs import BuildInputs
    from commonwheel.sources.built_wheels import Recall

    class Marking(Protocol):
        """What marks are made of: `session.job.Job`."""

        @property
        def recall(self) -> Recall:
            """Return what is remembered of sources."""

        @property
        def build_inputs(self) -> BuildInputs:
            """Return what builds are made with."""


NAME = "cw_source.txt"


def texts(parts: "Marking", pins: "Iterable[Pin]") -> "dict[str, dict[str, bytes]]":
    """Return the marks of those pins that come from directories: name -> file name -> content."""
    found = {}
    for pin in pins:
        mark = _mark(parts, pin)
        if mark:
            found[pin.name] = {NAME: mark}
    return found


def unchanged(parts: "Marking", pins: "Iterable[Pin]", installed: "Mapping[str, Installed]") -> "frozenset[str]":
    """Return the names of pins from directories whose installed wheel was made of the same, in the same form."""
    return frozenset(pin.name for pin in pins if _is_unchanged(parts, pin, installed.get(pin.name)))


def _is_unchanged(parts: "Marking", pin: "Pin", one: "Installed | None") -> bool:
    source = pin.source
    if one is None or not one.direct_url or not isinstance(source, PathSource) or parts.recall.rebuilds(source):
        return False
    mark = _mark(parts, pin)
    try:
        with open(f"{one.location}/{NAME}", "rb") as stream:
            if not mark or stream.read() != mark:
                return False
        return direct_url.read(one.direct_url) == source.replaced(digests=())
    except (OSError, direct_url.InvalidDirectUrl):
        return False


def _mark(parts: "Marking", pin: "Pin") -> bytes:
    """Return the mark of a pin, b"" for one that needs none, or cannot have one."""
    source = pin.source
    if not isinstance(source, PathSource) or direct_url.is_archive(source.path):
        return b""
    identity = parts.recall.made_of(source.path)
    if not identity:
        return b""
    words = f"{below(identity, source.subdirectory)}\n{parts.build_inputs.key(pin.name, source.path)}"
    return f"{hashed(words.encode('utf-8', 'surrogateescape'))}\n".encode()
