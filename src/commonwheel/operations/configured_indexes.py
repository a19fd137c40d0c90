"""Where packages come from: every way to name an index, in the order in which they are asked.

`--index` and `--extra-index-url` first, as given; then `[[index]]` of the configuration files, project first; the default
index last. The default is, in this order: `--default-index`, `--index-url`, the `--index-url` line of a requirements file,
variables, an `[[index]]` with `default = true`, the configuration's `index-url`, what pip is configured with, and at last
what the installed pip has built in. pip's configuration counts only where ours names no default: who names one means
that one, and not also what some file of pip adds to it. The `file:` indexes among pip's extra ones stand beside
all others instead of in the row (docs/decisions/0005). What an index says that is asked with a login, wherever that
comes from, is remembered for this user alone.
"""

from commonwheel.errors import UsageError
from commonwheel.index.index_config import Index
from commonwheel.model import SafeUrl, Value
from commonwheel.net import logins
from commonwheel.specs import file_url, sources
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Final, Protocol

    from commonwheel.index.pip_config import PipConfiguration
    from commonwheel.settings.settings import Settings
    from commonwheel.specs.requirements_txt import Option

    class Asking(Protocol):
        """What of a session names indexes."""

        settings: Settings
        cwd: str
        environ: Mapping[str, str]
        file_options: tuple[Option, ...]

        @property
        def pip(self) -> PipConfiguration:
            """Return what pip is configured with."""

        def built_in_index(self) -> SafeUrl:
            """Return the index that is built into pip."""

        def moment(self, text: str) -> float:
            """Return a time, a date or an age as seconds since the epoch; raises UsageError."""


class InvalidIndex(UsageError):
    """A text names no index."""

    code = "invalid-index"


class Configured(Value):
    """The indexes in the order in which they are asked, the places of `--find-links`, and where each was named (by shown URL)."""

    __slots__ = ("indexes", "links", "origins")

    def __init__(self, indexes: tuple[Index, ...], links: tuple[Index, ...], origins: "Mapping[str, str]") -> None:
        self.indexes: Final = indexes
        self.links: Final = links
        self.origins: Final = origins


def collect(session: "Asking") -> Configured:
    """Return where packages come from.

    Raises InvalidIndex and NoDefaultIndex.
    """
    collector = _Collector(session)
    settings = session.settings
    file_links = [(o.url, o.origin) for o in session.file_options if o.name == "find-links" and o.url is not None]
    links = [(_place(text, session.cwd), settings.source("find-links")) for text in settings.many("find-links")]
    links += [(_place(url.secret, session.cwd), str(origin)) for url, origin in file_links]
    no_index = settings.flag("no-index") or any(option.name == "no-index" for option in session.file_options)
    if not no_index:
        collector.named()
        links += collector.default()
    for url, origin in links:
        _check(url, origin)
    flat = tuple(dict.fromkeys(Index(url, flat=True) for url, _ in links))
    origins = {url.shown: origin for url, origin in reversed(links)}
    guarded = logins.hosts_with_login([(one.name, one.url) for one in (*collector.indexes, *flat)], session.environ)

    def marked(index: Index) -> Index:
        return index.replaced(private=True) if logins.host_of(index.url) in guarded else index

    return Configured(tuple(map(marked, collector.indexes)), tuple(map(marked, flat)), origins | collector.origins)


class _Collector:
    """Gather indexes; the first mention of a URL wins."""

    def __init__(self, session: "Asking") -> None:
        self._session = session
        self.indexes: list[Index] = []
        self.origins: dict[str, str] = {}
        self._defaults: list[tuple[Index, str]] = []

    def add(self, index: Index, origin: str) -> None:
        """Add an index unless it is there."""
        _check(index.url, origin)
        if all(index.url.bare != known.url.bare for known in self.indexes):
            self.indexes.append(index)
            self.origins[index.url.shown] = origin

    def named(self) -> None:
        """Add what is asked before the default index."""
        session, settings = self._session, self._session.settings
        for text in settings.many("index"):
            name, url = _named(text)
            self.add(Index(_place(url, session.cwd), name), settings.source("index"))
        for text in settings.many("extra-index-url"):
            self.add(Index(_place(text, session.cwd)), settings.source("extra-index-url"))
        for option in session.file_options:
            if option.name == "extra-index-url" and option.url is not None:
                self.add(Index(_place(option.url.secret, session.cwd)), str(option.origin))
        for table, path in settings.table("index"):
            index, is_default = _from_table(table, path, session.moment)
            if is_default:
                self._defaults.append((index, path))
            else:
                self.add(index, path)

    def default(self) -> "Iterator[tuple[SafeUrl, str]]":
        """Add the default index; yield the places of pip's find-links where pip's configuration decides."""
        session, settings = self._session, self._session.settings
        in_file = next((o for o in reversed(session.file_options) if o.name == "index-url" and o.url is not None), None)
        candidates = sorted(("default-index", "index-url"), key=lambda key: settings.source(key) != "command line")
        for key in candidates:
            text = settings.text(key)
            if text and not (in_file is not None and settings.source(key) != "command line"):
                name, url = _named(text)
                self.add(Index(_place(url, session.cwd), name), settings.source(key))
                return
        if in_file is not None and in_file.url is not None:
            self.add(Index(_place(in_file.url.secret, session.cwd)), str(in_file.origin))
            return
        if self._defaults:
            self.add(*self._defaults[0])
            return
        pip = session.pip
        origin = "pip's configuration"
        for extra in pip.extra_index_urls:
            here = extra.bare.startswith("file:")
            self.add(Index(extra, beside=here), pip.origins.get("extra-index-url", origin))
        # asked first, so that an index which ends the search cannot hide them
        self.indexes.sort(key=lambda index: not index.beside)
        for place in pip.find_links:
            yield _place(place, session.cwd), pip.origins.get("find-links", origin)
        if pip.no_index:
            return
        if pip.index_url is not None:
            self.add(Index(pip.index_url), pip.origins.get("index-url", origin))
        else:
            self.add(Index(session.built_in_index()), "the installed pip's default")


def _check(url: SafeUrl, origin: str) -> None:
    """Raise InvalidIndex for a URL that holds what nobody sees."""
    if odd := sources.control_in(url.secret):
        raise InvalidIndex(
            f"a URL cannot hold {odd!r}: `{url}`",
            context=[f"from: {origin}"],
            hint="write special characters as percent escapes",
        )


def _named(text: str) -> "tuple[str, str]":
    """Split `NAME=URL`; a name has no slash and no colon."""
    name, equals, url = text.partition("=")
    if equals and "/" not in name and ":" not in name and name:
        return normalize(name), url
    return "", text


def _place(text: str, cwd: str) -> SafeUrl:
    """Return a URL for a URL or a path."""
    scheme = sources.scheme_of(text)
    if scheme in ("http", "https", "file"):
        return SafeUrl(text)
    if scheme:
        raise InvalidIndex(
            f"`{sources.mask(text)}` cannot be an index: `{scheme}` is no scheme for it",
            hint="use https, http, file or a path",
        )
    path = text if text.startswith("/") else f"{cwd.rstrip('/')}/{text}"
    return SafeUrl(file_url.from_path(path))


def _from_table(table: "Mapping[str, object]", path: str, moment: "Callable[[str], float]") -> "tuple[Index, bool]":
    """Read one `[[index]]` table."""
    url, name = table.get("url"), table.get("name", "")
    if not isinstance(url, str) or not isinstance(name, str):
        raise InvalidIndex(f"an `[[index]]` in `{path}` has no `url`", hint='add `url = "https://..."`')
    ignored = table.get("ignore-error-codes")
    control = table.get("cache-control")
    newest = table.get("exclude-newer")
    index = Index(
        _place(url, path.rpartition("/")[0]),
        normalize(name) if name else "",
        explicit=table.get("explicit") is True,
        flat=table.get("format") == "flat",
        ignored=frozenset(code for code in ignored if isinstance(code, int))
        if isinstance(ignored, list)
        else frozenset(),
        cache_control=str(control.get("api", "")) if isinstance(control, dict) else "",
        newest=False if newest is False else moment(str(newest)) if newest is not None and newest is not True else None,
    )
    return index, table.get("default") is True
