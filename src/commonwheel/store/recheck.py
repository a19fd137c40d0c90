"""Look at every file of many entries beside other work, and say before anything is changed whether they are as published.

    with Inspection(store, entries, later) as inspection:
        ...                     an environment is planned and staged meanwhile
        inspection.settle()     EntryLost if one is damaged; it is out of use then, and the next layer or the index has another

Where files are placed one by one, whoever places them looks at them too, directory by directory: those are `later`.

Laws of this file: it decides nothing; copies of this process only look, and what they find wrong this process looks at again.
"""

from commonwheel.concurrency import forked_workers
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
_PART, _PART_WAITING = 1_000, 250
_SOUND, _DOUBTFUL = b"+", b"-"


class Recheck:
    """Look at those entries that this process has not looked at yet: at some from now on, at others when they are placed."""

    __slots__ = ("_doubtful", "_due", "_pieces", "_shared", "_store")

    def __init__(self, store: "Store", entries: "Iterable[Entry]" = (), later: "Iterable[Entry]" = ()) -> None:
        self._store: Final = store
        self._due: Final = {entry.name: entry for entry in self._unseen(later)}
        self._doubtful: Final[list[Entry]] = []
        # the largest first and in parts, so that nobody waits for one alone at the end
        unseen = sorted(self._unseen(entries), key=lambda entry: entry.files, reverse=True)
        many = sum(entry.files for entry in unseen) >= _WORTH_A_COPY
        waiting = many and facts.is_shared(unseen[0].root)
        part = _PART_WAITING if waiting else _PART
        self._pieces: Final = [
            (entry, number, entry.files // part + 1) for entry in unseen for number in range(entry.files // part + 1)
        ]
        helpers = forked_workers.worthwhile(waiting=waiting) if many else 0
        self._shared: Final = forked_workers.Shared(len(self._pieces), self._look, helpers)

    def _unseen(self, entries: "Iterable[Entry]") -> "list[Entry]":
        return [entry for entry in entries if images.is_image(entry) or not self._store.is_examined(entry)]

    def _look(self, number: int) -> bytes:
        return _SOUND if self._store.is_untouched(*self._pieces[number]) else _DOUBTFUL

    def due(self) -> "tuple[Entry, ...]":
        """Return the entries that are still to be looked at, by whoever places their files."""
        return tuple(self._due.values())

    def looked(self, entry: "Entry", *, sound: bool) -> None:
        """Take note that an entry was looked at, and whether it seemed to be as published."""
        del self._due[entry.name]
        if not sound:
            self._doubtful.append(entry)

    def settle(self) -> None:
        """Return when all of them have been looked at; raise EntryLost for the first that is not as published.

        Those that are still due by now are looked at here.
        """
        answers = self._shared.finish()
        for entry in self.due():
            self.looked(entry, sound=self._store.is_untouched(entry))
        doubtful = [entry for (entry, _, _), answer in zip(self._pieces, answers, strict=True) if answer != _SOUND]
        lost = [entry for entry in dict.fromkeys([*doubtful, *self._doubtful]) if not self._is_sound(entry)]
        if lost:
            raise EntryLost(lost[0], "it is damaged")

    def _is_sound(self, entry: "Entry") -> bool:
        if images.is_image(entry):
            return self._store.is_image_sound(entry)
        return self._store.ready(entry.digest) == entry and not self._store.take_remade(entry)

    def __enter__(self) -> "Self":
        self._shared.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._shared.__exit__(kind, error, trace)
