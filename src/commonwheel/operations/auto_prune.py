"""Keep a store within its limits without being asked: after a command that brought something in, at most once an hour.

Only where somebody set a limit: `max-size` or `max-age` among the settings, for one's own store; or `max-size` in a store's own
store.toml: nobody's settings make a store small that others share. Best effort: what cannot be removed stays, and no
command fails for it. What environments live on is spared (`store.prune`).
"""

from commonwheel.errors import CommonwheelError
from commonwheel.specs import dates
from commonwheel.store import prune
from commonwheel.store.policy import size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from commonwheel.events import Reporter
    from commonwheel.settings.settings import Settings
    from commonwheel.store.store import Store

    class Limited(Protocol):
        """A store, and the settings that may limit it: `session.session.Session`."""

        @property
        def settings(self) -> Settings:
            """Return the settings."""

        @property
        def reporter(self) -> Reporter:
            """Return the reporter."""

        @property
        def store(self) -> Store:
            """Return the store."""


_PAUSE = 3600
_NOTE = "tidied"
# of a store without a limit, nothing but the leftovers of dead processes
_LEFTOVERS = prune.PruneOptions(older_than=1e12)


def tidy(parts: "Limited", now: float) -> "prune.Removed | None":
    """Prune a store that has a limit if the last time was long enough ago; return what went, None if nothing was tried."""
    settings, store = parts.settings, parts.store
    limit, age = settings.text("max-size"), settings.text("max-age")
    hour = str(int(now // _PAUSE)).encode()
    if store.get("defaults", _NOTE) == hour:
        return None
    store.put("defaults", _NOTE, hour)
    try:
        own = prune.PruneOptions(None if age is None else dates.seconds(age), None if limit is None else size_of(limit))
        removed = prune.prune(store, own if own != prune.PruneOptions() else _LEFTOVERS, others=_LEFTOVERS)
    except CommonwheelError as error:
        parts.reporter.note("debug", f"the store was not tidied: {error.message}")
        return None
    if removed.entries:
        plural = "y" if len(removed.entries) == 1 else "ies"
        parts.reporter.note("debug", f"removed {len(removed.entries)} entr{plural} from the store, to keep its limit")
    return removed
