"""Where logins may stand (variables of named indexes, netrc files), and which hosts are asked with one.

Laws of this file: it is on warm paths and loads nothing; no secret leaves it but by `in_variables`; of a host it says
rather too often than too seldom that it is asked with a login.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.model import SafeUrl


def in_variables(name: str, environ: "Mapping[str, str]") -> "tuple[str | None, str | None]":
    """Return user and password of a named index, each None unless a variable `CW_INDEX_<NAME>_...` (or `UV_`) has it."""
    key = "".join(char if char.isascii() and char.isalnum() else "_" for char in name).upper()

    def ask(what: str) -> str | None:
        names = (f"{prefix}_INDEX_{key}_{what}" for prefix in ("CW", "UV"))
        return next((environ[one] for one in names if one in environ), None)

    return ask("USERNAME"), ask("PASSWORD")


def netrc_files(environ: "Mapping[str, str]") -> "tuple[str, ...]":
    """Return the paths of netrc files, the first that exists counts: the one that is named, else those at home."""
    named = environ.get("NETRC", "")
    home = environ.get("HOME") or os.path.expanduser("~")
    return (named,) if named else (os.path.join(home, ".netrc"), os.path.join(home, "_netrc"))


def hosts_with_login(places: "Iterable[tuple[str, SafeUrl]]", environ: "Mapping[str, str]") -> "frozenset[str]":
    """Return which hosts of some places (name and URL; "" for no name) are asked with a login, the keyring's included.

    The keyring is asked for users that a URL or a variable names, so where no user is named it has no say.
    """
    words: list[str] | None = None
    found: set[str] = set()
    for name, url in places:
        host = host_of(url)
        if not host:
            continue
        if words is None:
            words = _netrc_words(environ)
        given = url.secret != url.bare or (name and in_variables(name, environ) != (None, None))
        if given or host in words or "default" in words:
            found.add(host)
    return frozenset(found)


def host_of(url: "SafeUrl") -> str:
    """Return the host of a URL, "" for that of a local file."""
    scheme, _, rest = url.bare.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0].lower()
    host, colon, port = authority.rpartition(":")
    return "" if scheme == "file" else host if colon and (port.isdigit() or not port) else authority


def _netrc_words(environ: "Mapping[str, str]") -> list[str]:
    for path in netrc_files(environ):
        try:
            with open(path, "rb") as stream:
                return stream.read().decode("utf-8", "replace").lower().split()
        except OSError:
            continue
    return []
