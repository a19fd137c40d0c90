"""What an explanation adds to a bare reason: which Python a version demands, why it was yanked, when it was uploaded.

Cold: asked only when a resolution has failed, of a catalogue that has the answers at hand.
"""

import time

from commonwheel.errors import CommonwheelError
from commonwheel.specs import wheel_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from commonwheel.index.index_config import Index
    from commonwheel.model import Candidate

    class Offers(Protocol):
        """What of a catalogue tells about files."""

        def files(self, name: str, version: str) -> tuple[Candidate, ...]:
            """Return every file of a version."""


_MOST = 6  # names in a list; more would not be read


class Explainer:
    """Answer the resolver's question for details: the `details` of `resolve.request.Inputs`."""

    def __init__(
        self,
        catalogue: "Offers",
        indexes: "Sequence[Index]" = (),
        *,
        strategy: str = "first-index",
        offline: bool = False,
    ) -> None:
        self._catalogue = catalogue
        self._none = not indexes
        self._indexes = [index for index in indexes if not index.explicit and not index.beside]
        self._strategy = strategy
        self._offline = offline

    def __call__(self, name: str, version: str, reason: str) -> str:
        """Return the end of a sentence about one version, or for `missing` a hint; "" when nothing is known."""
        if reason == "missing":
            return self._missing(name)
        try:
            files = self._catalogue.files(name, version)
        except CommonwheelError:
            return ""
        tell = {
            "requires-python": _pythons,
            "yanked": _yanks,
            "exclude-newer": _uploads,
            "platform": _platforms,
        }.get(reason)
        return tell(files) if tell is not None and files else ""

    def _missing(self, name: str) -> str:
        if self._none:
            return "no index is asked: leave `--no-index` out, or name a place that has the package with `--find-links`"
        if self._offline:
            return f"`{name}` was looked for in the cache only; leave `--offline` out to ask the indexes"
        if self._strategy == "first-index" and len(self._indexes) > 1:
            return (
                f"the first index that knows `{name}` supplies it; "
                "`--index-strategy unsafe-best-match` looks into all of them, which lets any of them supply any name"
            )
        return ""


def _pythons(files: "Sequence[Candidate]") -> str:
    wanted = {file.requires_python for file in files if file.requires_python}
    return wanted.pop() if len(wanted) == 1 else ""


def _yanks(files: "Sequence[Candidate]") -> str:
    return next((file.yanked for file in files if file.yanked), "")


def _uploads(files: "Sequence[Candidate]") -> str:
    moments = [file.uploaded for file in files if file.uploaded is not None]
    if not moments:
        return "at a time that the index does not tell"
    return time.strftime("%Y-%m-%d", time.gmtime(min(moments)))


def _platforms(files: "Sequence[Candidate]") -> str:
    """Return for which Pythons and platforms there are wheels."""
    pythons: set[str] = set()
    platforms: set[str] = set()
    for file in files:
        split = wheel_file.split_filename(file.filename)
        if split is not None:
            pythons.update(split[3].split("."))
            platforms.update(split[5].split("."))
    if not pythons:
        return ""
    return f"only for {_listed(pythons)} on {_listed(platforms)}"


def _listed(names: "set[str]") -> str:
    shown = sorted(names)
    return ", ".join(shown[:_MOST]) + (", ..." if len(shown) > _MOST else "")
