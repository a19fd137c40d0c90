"""What a client is configured with: proxies, certificates, timeouts, which hosts may be insecure."""

import os

from commonwheel.model import Value
from commonwheel.net.urls import Proxies, host_listed, origin
from commonwheel.specs.urls import is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final


class ClientOptions(Value):
    """How to behave on the network.

    `timeout`: seconds without a byte (or below `slowest` bytes a second) before an attempt is given up;
    `connect_timeout`: seconds to reach a server; `retries`: further attempts after the first; `backoff`: seconds
    before the first of them; `patience`: the longest `Retry-After` that is waited for; `certificates`: `--cert`;
    `client_certificate`: a PEM file with certificate and key; `insecure_hosts`: `--allow-insecure-host`;
    `login`: gives user and password for a URL (`credentials.Credentials.find`), asked before a request is queued.
    `environ` is read for proxies and certificates.
    """

    __slots__ = (
        "backoff", "certificates", "client_certificate", "concurrent_downloads", "connect_timeout", "environ", "insecure_hosts",
        "login", "offline", "patience", "redirects", "retries", "slowest", "timeout",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - settings are many
        self,
        *,
        offline: bool = False,
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
        retries: int = 3,
        backoff: float = 0.5,
        patience: float = 120.0,
        slowest: int = 100,
        redirects: int = 20,
        concurrent_downloads: int = 50,
        certificates: str | None = None,
        client_certificate: str | None = None,
        insecure_hosts: "tuple[str, ...]" = (),
        login: "Callable[[str], tuple[str, str] | None] | None" = None,
        environ: "Mapping[str, str] | None" = None,
    ) -> None:
        self.offline: Final = offline
        self.timeout: Final = timeout
        self.connect_timeout: Final = connect_timeout
        self.retries: Final = retries
        self.backoff: Final = backoff
        self.patience: Final = patience
        self.slowest: Final = slowest
        self.redirects: Final = redirects
        self.concurrent_downloads: Final = max(1, concurrent_downloads)
        self.certificates: Final = certificates
        self.client_certificate: Final = client_certificate
        self.insecure_hosts: Final = insecure_hosts
        self.login: Final = login
        self.environ: Final[Mapping[str, str]] = os.environ if environ is None else environ


class Rules:
    """What transfers obey (`transfers.Rules`), from the options and the environment."""

    __slots__ = ("_login", "_tolerated", "backoff", "patience", "proxies", "redirects", "retries", "unverified")

    def __init__(self, options: ClientOptions) -> None:
        self.retries = options.retries
        self.backoff = options.backoff
        self.patience = options.patience
        self.redirects = options.redirects
        self.proxies = Proxies(options.environ)
        self._login = options.login
        self._tolerated = options.insecure_hosts
        self.unverified: set[str] = set()

    def login(self, url: str) -> "tuple[str, str] | None":
        """Return user and password for a URL, or None."""
        return None if self._login is None else self._login(url)

    def tolerates(self, url: str) -> bool:
        """Return whether the host of a URL may go without TLS checks."""
        return host_listed(url, self._tolerated)

    def verifies(self, url: str) -> bool:
        """Return whether nobody but the host of a URL can answer: TLS that is checked, or no network in between."""
        if url[:6].lower() == "https:":
            return not self.tolerates(url)
        return is_loopback(origin(url)[1]) and not self.route(url)

    def dice(self) -> float:
        """Return a number in [0, 1); `random` costs 5 ms to import, this nothing."""
        return int.from_bytes(os.urandom(2)) / 65536

    def route(self, url: str) -> str:
        """Return the proxy for a URL as it may be shown, or ""."""
        return self.proxies.route(url)
