"""What layers remember: records (an index page, metadata, what a probe said), and where URLs led.

    get(space, key)     the newest of several layers
    put(...)            into the first layer that takes it
    stamp(...)          what tells this state of a record from every other
    knows(space)        whether there may be any

Laws of this file: every command asks for a record and few for an entry, so what entries need is not loaded here. A record
that is missing, or whose owner is not believed, is a miss, and never an error.
"""

import os

from commonwheel.store import layout
from commonwheel.store.layers import OPEN
from commonwheel.store.sealed_records import joined, seal, unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.store.layers import Layer

POINTER = "pointer"


class Records:
    """The records of all layers as one."""

    def __init__(self, layers: "tuple[Layer, ...]") -> None:
        self.layers: Final = layers
        #: what goes with this process remembers nothing, and need not be asked
        self._lasting: Final = tuple(layer for layer in layers if not layer.temporary)

    def get(self, space: str, key: str) -> bytes | None:
        """Return a record (an index page, metadata, what a probe said): of several layers the newest; None if none has it."""
        relative = layout.record(space, key)
        personal = layout.SPACES[space]
        newest: tuple[float, bytes] | None = None
        for layer in self._lasting:
            if personal and not layer.mine:
                continue
            found = layer.read_newer(relative, None if newest is None else newest[0])
            if found is not None:
                newest = found
        return None if newest is None else newest[1]

    def knows(self, space: str) -> bool:
        """Return whether there may be a record of a space."""
        return any(os.path.isdir(layer.path(f"{layout.VERSION}/{space}")) for layer in self._lasting)

    def stamp(self, space: str, key: str) -> str:
        """Return what tells this state of a record from every other, without reading it; "" if there is none.

        A record is replaced by another file, never written to: so an inode with its time and size is one content.
        """
        relative = layout.record(space, key)
        personal = layout.SPACES[space]
        found = [layer.stamp(relative) for layer in self._lasting if layer.mine or not personal]
        return " ".join(found) if any(found) else ""

    def put(self, space: str, key: str, data: bytes) -> bool:
        """Keep a record in the first layer that takes it; False if none does."""
        return self._keep(layout.record(space, key), data, personal=layout.SPACES[space])

    def pointer(self, key: str) -> str | None:
        """Return the sha256 of the wheel that a URL or source led to, None if nobody who is believed has noted it."""
        relative = layout.pointer(key)
        for layer in self._lasting:
            data = layer.read(relative)
            lines = None if data is None else unseal(POINTER, data)
            if lines and len(lines) > 1 and unescape(lines[0]) == key and layout.is_digest(lines[1]):
                return lines[1]
        return None

    def point(self, key: str, digest: str, *, private: bool = False) -> bool:
        """Note where a URL or source led; False if no layer takes it."""
        return self._keep(layout.pointer(key), seal(POINTER, (joined(key), digest)), personal=private)

    def close(self) -> None:
        """Close what is open."""
        for layer in self.layers:
            layer.close()

    def _keep(self, relative: str, data: bytes, *, personal: bool) -> bool:
        # in a store open to all, a record could not be believed when it is read back
        return any(
            layer.write(relative, data)
            for layer in self._lasting
            if layer.mine or not (personal or layer.sharing == OPEN or layer.refusal)
        )
