"""Look at every file of many entries beside other work, and say before anything is changed whether they are as published.

    with Inspection(store, entries) as inspection:
        ...                     an environment is planned and staged meanwhile
        inspection.settle()     EntryLost if one is damaged; it is out of use then, and the next layer or the index has another

Laws of this file: it decides nothing; copies of this process only look, and what they find wrong this process looks at again.
"""

from commonwheel import copies
from commonwheel.fs import facts
from commonwheel.store import images
from commonwheel.store.store import EntryLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Final, Self

    from commonwheel.model import Entry
    from commonwheel.store.store import Store

# fewer files than this are looked at before a copy of this process was made
_WORTH_A_COPY = 1_500
# files of a part of an entry; each part reads the whole list, which is nothing where looking means waiting
_PART, _PART_WAITING = 4_000, 1_000
_SOUND, _DOUBTFUL = b"+", b"-"


class Inspection:
    """Look at those entries that this process has not looked at yet."""

    __slots__ = ("_pieces", "_shared", "_store")

    def __init__(self, store: "Store", entries: "Iterable[Entry]") -> None:
        self._store: Final = store
        # the largest first and in parts, so that nobody waits for one alone at the end
        unseen = [entry for entry in entries if images.is_image(entry) or not store.is_examined(entry)]
        unseen.sort(key=lambda entry: entry.files, reverse=True)
        many = sum(entry.files for entry in unseen) >= _WORTH_A_COPY
        waiting = many and facts.is_shared(unseen[0].root)
        part = _PART_WAITING if waiting else _PART
        self._pieces: Final = [
            (entry, number, entry.files // part + 1) for entry in unseen for number in range(entry.files // part + 1)
        ]
        helpers = copies.worthwhile(waiting=waiting) if many else 0
        self._shared: Final = copies.Shared(len(self._pieces), self._look, helpers)

    def _look(self, number: int) -> bytes:
        entry, part, parts = self._pieces[number]
        if images.is_image(entry):
            untouched = images.is_untouched(self._store, entry, part, parts)
        else:
            untouched = self._store.is_untouched(entry, part, parts)
        return _SOUND if untouched else _DOUBTFUL

    def settle(self) -> None:
        """Return when all of them have been looked at; raise EntryLost for the first that is not as published."""
        answers = self._shared.finish()
        doubtful = [entry for (entry, _, _), answer in zip(self._pieces, answers, strict=True) if answer != _SOUND]
        lost = [entry for entry in dict.fromkeys(doubtful) if not self._is_sound(entry)]
        if lost:
            raise EntryLost(lost[0], "it is damaged")

    def _is_sound(self, entry: "Entry") -> bool:
        if images.is_image(entry):
            return self._store.is_image_sound(entry)
        return self._store.ready(entry.digest) == entry

    def __enter__(self) -> "Self":
        self._shared.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._shared.__exit__(kind, error, trace)
