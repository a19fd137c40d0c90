"""The directory that a user started in: what lies there and above it counts only by its owners.

Configuration, `.venv` and `.python-version` are looked for upward. Above a project there may be a directory that everybody may write,
such as `/tmp`, and a file there says nothing for others. What counts was made by me, root, a trusted user or the owner of the directory
that the search starts in, and nobody else may replace it. What does not count is passed over with one warning.

Laws of this file: `found` opens; this file remembers what it warned of.
"""

import os

from commonwheel.fs import found
from commonwheel.fs.found import ANYBODY, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from commonwheel.fs.found import Belief

#: The most bytes of a configuration file.
LIMIT = 1 << 22


class Start:
    """Look at files at and above a directory; `path` is the directory, without links.

    `believe` returns whose files count, given the user who owns the directory; `warn` hears what is passed over, once for each file.
    """

    __slots__ = ("_belief", "_believe", "_said", "_warn", "path")

    def __init__(
        self,
        path: str,
        believe: "Callable[[int], Belief]" = lambda _: ANYBODY,
        warn: "Callable[[str], object]" = lambda _: None,
    ) -> None:
        self.path: Final = path
        self._believe = believe
        self._belief: Belief | None = None
        self._warn = warn
        self._said: set[str] = set()

    def read(self, path: str, matters: "Callable[[bytes], bool] | None" = None) -> bytes | None:
        """Return the content of a file, None if there is none, or if it is passed over.

        What is passed over and does not matter to `matters` is not warned of: it would have said nothing.
        """
        if not os.path.lexists(path):
            return None
        data = found.read(path, self.belief, base=self.path, links=True, limit=LIMIT)
        if not isinstance(data, Refusal):
            return data
        if matters is not None:
            told = found.read(path, ANYBODY, links=True, limit=LIMIT)
            if isinstance(told, bytes) and not matters(told):
                return None
        self._pass_over(data)
        return None

    def kind(self, path: str) -> str:
        """Return what a name stands for, `file`, `directory`, `link` or `other`; "" for nothing, or if it is passed over."""
        if not os.path.lexists(path):
            return ""
        kind = found.entry(path, self.belief, base=self.path)
        if isinstance(kind, Refusal):
            self._pass_over(kind)
            return ""
        return kind or ""

    @property
    def belief(self) -> "Belief":
        """Return whose files count here."""
        if self._belief is None:
            try:
                owner = os.stat(self.path).st_uid
            except OSError:
                owner = 0
            self._belief = self._believe(owner)
        return self._belief

    def _pass_over(self, refusal: Refusal) -> None:
        if refusal.path not in self._said:
            self._said.add(refusal.path)
            self._warn(str(refusal))
