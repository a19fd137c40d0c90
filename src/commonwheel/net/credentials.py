"""Which user and password belong to a URL: URL, netrc, named indexes, keyring, in this order.

Laws of this file: it reads files of the user and asks what it is handed; nothing here prints or raises with a secret in it.
Credentials belong to an origin (scheme, host, port): they go to the paths nearest to where they were given, and never to
another origin. A netrc file knows hosts only: what stands there goes to https on its usual port, and to the origins that
the user names, whatever their port; not to another port that a page or a redirect leads to, where anybody may listen.
"""

import netrc
from _thread import RLock

from commonwheel.model import Value
from commonwheel.net.logins import in_variables, netrc_files
from commonwheel.net.urls import origin, split, take_login

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Final

    Origin = tuple[str, str, int]
    Login = tuple[str, str]


_HTTPS = 443


class _Known(Value):
    """One login that was given for a URL; `password` is None when only the user is known."""

    __slots__ = ("password", "path", "user")

    def __init__(self, path: "tuple[str, ...]", user: str, password: str | None) -> None:
        self.path: Final = path
        self.user: Final = user
        self.password: Final = password


class Credentials:
    """Find logins for URLs; one object serves all threads.

    `urls` are those of the configured indexes, links and requirements: what stands in them holds for the rest of their
    origin too, since the files of an index are linked without credentials. `indexes` maps names to URLs, for
    `CW_INDEX_<NAME>_USERNAME` and `_PASSWORD` (or `UV_`) in `environ`. `keyring(service, user)` returns a password or None;
    it is asked for the URL, then for the host, once per origin and user, and only when a user is known. `note(level, text)`
    is told of a netrc file that cannot be read. `named` are further URLs that the user wrote; it may grow.
    """

    def __init__(
        self,
        *,
        environ: "Mapping[str, str]",
        urls: "Iterable[str]" = (),
        indexes: "Mapping[str, str] | None" = None,
        keyring: "Callable[[str, str], str | None] | None" = None,
        note: "Callable[[str, str], None] | None" = None,
        named: "Iterable[str]" = (),
    ) -> None:
        self._environ = environ
        self._further = named
        self._places: set[Origin] = set()
        self._keyring = keyring
        self._note = note
        self._given: dict[Origin, list[_Known]] = {}
        self._named: dict[Origin, list[_Known]] = {}
        self._asked: dict[tuple[Origin, str], str | None] = {}
        self._netrc: netrc.netrc | None = None
        self._netrc_read = False
        self._lock = RLock()
        for url in urls:
            self.remember(url)
        for name, url in (indexes or {}).items():
            self.remember(url)
            self._name(name, url)

    def remember(self, url: str) -> None:
        """Keep the credentials in a URL, if there are any, for the rest of its origin, which the user has named by it."""
        self._places.add(origin(url))
        _, user, password = take_login(url)
        if user is not None:
            self._given.setdefault(origin(url), []).append(_Known(_segments(url), user, password))

    def find(self, url: str) -> "Login | None":
        """Return user and password for a URL, or None. May ask the keyring, the first time."""
        _, user, password = take_login(url)
        if user is not None and password is not None:
            return user, password
        place = origin(url)
        path = _segments(url)
        given = _nearest(self._given.get(place, ()), path, user)
        if given is not None and given.password is not None:
            return given.user, given.password
        user = user if user is not None or given is None else given.user
        found = self._from_netrc(place[1], user) if self._is_named(place) else None
        if found is not None:
            return found
        named = _nearest(self._named.get(place, ()), path, user)
        if named is not None and named.password is not None:
            return named.user, named.password
        if user is None and named is not None:
            user = named.user
        if user is None:
            return None
        secret = self._from_keyring(place, user, url)
        # A user alone is how tokens are often given: it is sent with an empty password.
        return user, secret or ""

    def _name(self, name: str, url: str) -> None:
        user, password = in_variables(name, self._environ)
        if user is not None or password is not None:
            # A password alone is a token, for which indexes want some user or other.
            known = _Known(_segments(url), user if user is not None else "", password)
            self._named.setdefault(origin(url), []).append(known)

    def _is_named(self, place: "Origin") -> bool:
        """Return whether what a netrc file has for a host may go to this origin."""
        return (
            (place[0] == "https" and place[2] == _HTTPS)
            or place in self._places
            or any(origin(url) == place for url in tuple(self._further))
        )

    def _from_netrc(self, host: str, user: str | None) -> "Login | None":
        with self._lock:
            if not self._netrc_read:
                self._netrc_read = True
                self._netrc = self._read_netrc()
        entry = self._netrc.authenticators(host) if self._netrc is not None else None
        if entry is None or entry[2] is None:
            return None
        login, _, password = entry
        if user is not None and user != login:
            return None
        return login, password

    def _read_netrc(self) -> "netrc.netrc | None":
        named = self._environ.get("NETRC", "")
        for path in netrc_files(self._environ):
            try:
                return netrc.netrc(path)
            except FileNotFoundError:
                if not named:
                    continue
                what = "does not exist"
            except netrc.NetrcParseError as error:
                what = f"has a mistake in line {error.lineno}"  # its message may quote a password
            except (OSError, UnicodeDecodeError) as error:
                what = f"cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
            if self._note is not None:
                self._note("warning", f"no credentials are taken from `{path}`, which {what}")
            return None
        return None

    def _from_keyring(self, place: "Origin", user: str, url: str) -> str | None:
        if self._keyring is None:
            return None
        key = (place, user)
        with self._lock:  # one question, and one prompt of the user, though a hundred requests want the answer
            if key not in self._asked:
                bare = take_login(url)[0].partition("?")[0].partition("#")[0]
                self._asked[key] = self._keyring(bare, user) or self._keyring(place[1], user)
            return self._asked[key]


def _segments(url: str) -> "tuple[str, ...]":
    path = split(url)[2].partition("?")[0].partition("#")[0]
    return tuple(segment for segment in path.split("/") if segment)


def _nearest(known: "Iterable[_Known]", path: "tuple[str, ...]", user: str | None) -> "_Known | None":
    """Return the login whose path shares most leading segments with `path` (the first of equals), of `user` if given."""
    best: _Known | None = None
    most = -1
    for login in known:
        if user is not None and login.user != user:
            continue
        shared = 0
        for mine, theirs in zip(login.path, path, strict=False):
            if mine != theirs:
                break
            shared += 1
        if shared > most:
            best, most = login, shared
    return best
