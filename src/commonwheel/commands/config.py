"""Show every setting and where it came from."""

from commonwheel import __version__
from commonwheel.errors import UsageError
from commonwheel.model import SafeUrl, Value
from commonwheel.settings.options import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class Shown(Value):
    """One setting: key, value fit for JSON with credentials masked, and source."""

    __slots__ = ("key", "source", "value")

    def __init__(self, key: str, value: object, source: str) -> None:
        self.key: Final = key
        self.value: Final = value
        self.source: Final = source


def config(session: "Session", parsed: "Parsed") -> "list[Shown]":
    """Return the settings that files or variables can set, or the keys that were named, and what cw derives from them.

    Raises UsageError for a key that does not exist.
    """
    for key in parsed.positional:
        if key not in OPTIONS:
            raise UsageError(f"there is no setting `{key}`", hint="`cw config --all` lists them")
    wanted = parsed.positional or [key for key, option in OPTIONS.items() if option.variables or option.config]
    settings = session.settings
    rows = []
    for key in wanted:
        setting = settings.setting(key)
        rows.append(Shown(key, _masked(setting.value), setting.source))
    rows = [row for row in rows if row.value is not None or settings.flag("all") or parsed.positional]
    if not parsed.positional:
        rows += [Shown(key, _masked(value), source) for key, value, source in _derived(session)]
    return rows


def version(session: "Session") -> str:
    """Return the version of cw, with its name unless `--short`."""
    return __version__ if session.settings.flag("short") else f"cw {__version__}"


def _derived(session: "Session") -> "Iterator[tuple[str, object, str]]":
    """Yield what follows from the settings: the store, the layers, the indexes."""
    yield "store", session.store_directory, session.settings.source("cache-dir")
    found = session.job().network.configured
    for place in (*found.indexes, *found.links):
        kind = "index" if place in found.indexes else "find-links"
        yield kind, place.url.shown, found.origins.get(place.url.shown, "default")


def _masked(value: object) -> object:
    if isinstance(value, str):
        return SafeUrl(value).shown if "@" in value else value
    if isinstance(value, (list, tuple)):
        return [_masked(item) for item in value]
    return value
