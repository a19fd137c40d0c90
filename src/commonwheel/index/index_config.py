"""One index as it is configured.

Apart from what is remembered of it: an answer that is recalled needs to know which indexes there are, and no page.
"""

from binascii import crc32

from commonwheel.model import SafeUrl, Value
from commonwheel.specs.urls import is_unprotected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.")
_KEY_LENGTH = 80


class Index(Value):
    """One configured index.

    `explicit` indexes serve only the names bound to them; `flat` ones are a single page (or folder) of files;
    `ignored` are statuses that count as "no such project"; `cache_control` replaces that header of its pages;
    `newest` replaces `--exclude-newer` for this index: seconds since the epoch, or False for no limit; `private` says
    that it is asked with credentials, so that its answers are remembered for this user alone; `beside` says that its files
    count together with those of whatever index serves the name (docs/decisions/0005).
    """

    __slots__ = ("beside", "cache_control", "explicit", "flat", "ignored", "name", "newest", "private", "url")

    def __init__(  # noqa: PLR0913 - what can be said of an index
        self,
        url: SafeUrl,
        name: str = "",
        *,
        explicit: bool = False,
        flat: bool = False,
        ignored: frozenset[int] = frozenset(),
        cache_control: str = "",
        newest: float | bool | None = None,
        private: bool = False,
        beside: bool = False,
    ) -> None:
        self.url: Final = url
        self.name: Final = name
        self.explicit: Final = explicit
        self.flat: Final = flat
        self.ignored: Final = ignored
        self.cache_control: Final = cache_control
        self.newest: Final = newest
        self.private: Final = private or url.secret != url.bare
        self.beside: Final = beside

    @property
    def personal(self) -> bool:
        """Return whether its answers are remembered for this user alone: private ones, and those that others may have given."""
        return self.private or is_unprotected(self.url.bare)

    @property
    def identity(self) -> str:
        """Return the URL by which records know this index: no credentials, no slash at the end."""
        return self.url.bare.rstrip("/")

    @property
    def key(self) -> str:
        """Return the directory of its records: the URL as far as a person can read it, and a checksum of all of it."""
        identity = self.identity
        rest = identity.partition("://")[2].lower()
        words = "".join(letter if letter in _PLAIN else "-" for letter in rest).strip("-.")
        return f"{words[:_KEY_LENGTH]}-{crc32(identity.encode('utf-8', 'surrogatepass')):08x}"

    def page_url(self, project: str) -> SafeUrl:
        """Return the URL of a project's page, credentials included."""
        return SafeUrl(f"{self.url.secret.rstrip('/')}/{project}/")

    def __str__(self) -> str:
        return self.url.shown
