"""Take URLs apart as this room needs it: origins, credentials, proxies, local files.

Laws of this file: pure text; nothing is resolved, opened or asked.
"""

from urllib.parse import quote, unquote, urljoin

from commonwheel.model import SafeUrl
from commonwheel.specs.numbers import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"http": 80, "https": 443}
# What may stand in a URL as it is; the rest (spaces, non-ASCII, `<>"`) is percent-encoded. `%` stays: it is encoded already.
_ALLOWED = "%/:=&?~#+!$,;'@()*[]-._|"


def split(url: str) -> tuple[str, str, str]:
    """Return scheme (lower case), authority and the rest from the first slash on."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "", "", url
    for index, char in enumerate(rest):
        if char in "/?#":
            return scheme.lower(), rest[:index], rest[index:]
    return scheme.lower(), rest, ""


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what credentials and connections belong to."""
    scheme, authority, _ = split(url)
    host = authority.rpartition("@")[2].lower()
    name, colon, port = host.rpartition(":")
    number = whole(port)
    if colon and number is not None:
        return scheme, name, number
    return scheme, host.rstrip(":"), _PORTS.get(scheme, 0)


def take_login(url: str) -> tuple[str, str | None, str | None]:
    """Return the URL without its credentials, the user and the password, both percent-decoded or None."""
    scheme, authority, rest = split(url)
    userinfo, at, host = authority.rpartition("@")
    if not at:
        return url, None, None
    user, colon, password = userinfo.partition(":")
    return f"{scheme}://{host}{rest}", unquote(user), unquote(password) if colon else None


def wire(url: str) -> str:
    """Return the URL as it goes over the wire: no fragment, nothing but legal characters."""
    url = url.partition("#")[0]
    if url.isascii() and not any(char in url for char in ' "<>\\^`{}'):
        return url
    scheme, authority, rest = split(url)
    return f"{scheme}://{authority}{quote(rest, safe=_ALLOWED)}"


def shown(url: SafeUrl) -> str:
    """Return the URL for messages: credentials masked, and no query, since signed URLs keep their secret there."""
    text, mark, _ = url.shown.partition("#")[0].partition("?")
    return f"{text}?..." if mark else text


def redirected(url: str, location: str) -> str:
    """Return where a `Location` leads from `url`; it is quoted where servers forgot to."""
    # Servers send raw UTF-8 here; curl hands it over as Latin-1 (see `responses.parse_head`).
    if not location.isascii():
        location = quote(location.encode("latin-1", "replace"), safe=_ALLOWED)
    return urljoin(url, location.strip().replace(" ", "%20"))


def file_path(url: str) -> str:
    """Return the path of a `file:` URL, or "" when it names another machine."""
    rest = url[len("file:") :].partition("#")[0].partition("?")[0]
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in ("", "localhost"):
            return ""
        rest = slash + path
    return unquote(rest)


def host_listed(url: str, hosts: "tuple[str, ...]") -> bool:
    """Return whether the host of `url` is one of `hosts` (`name`, `name:port`, or a whole URL)."""
    if not hosts:
        return False
    _, name, port = origin(url)
    for host in hosts:
        entry = split(host)[1] or host
        entry = entry.lower().rstrip("/")
        if entry in (name, f"{name}:{port}"):
            return True
    return False


class Proxies:
    """What the environment says of proxies: which one for http and https, and who goes without.

    `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, the lower-case spelling first, as curl and pip do.
    """

    __slots__ = ("http", "https", "no_proxy")

    def __init__(self, environ: "Mapping[str, str]") -> None:
        def ask(name: str) -> str:
            return (environ.get(name) or environ.get(name.upper()) or "").strip()

        everything = _with_scheme(ask("all_proxy"))
        # In a CGI script HTTP_PROXY is what a client's `Proxy:` header says (CVE-2016-5388, "httpoxy").
        http = (environ.get("http_proxy") or "").strip() if "REQUEST_METHOD" in environ else ask("http_proxy")
        self.http = _with_scheme(http) or everything
        self.https = _with_scheme(ask("https_proxy")) or everything
        self.no_proxy = ask("no_proxy")

    def of(self, url: str) -> str:
        """Return the proxy for a URL's scheme, or ""; `no_proxy` is left to curl."""
        return self.https if url[:6].lower() == "https:" else self.http

    def route(self, url: str) -> str:
        """Return the proxy that a URL goes through as it may be shown, or ""; networks in `no_proxy` are not looked at."""
        proxy = self.of(url)
        host = origin(url)[1]
        for entry in self.no_proxy.replace(",", " ").split():
            name = entry.lower().lstrip("*").lstrip(".")
            if not name or host == name or host.endswith(f".{name}"):
                return ""
        return take_login(proxy)[0] if proxy else ""


def _with_scheme(proxy: str) -> str:
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
