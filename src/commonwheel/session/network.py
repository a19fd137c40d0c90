"""Ask the indexes: which there are, the client that asks them, and the catalogue that answers the solver."""

import sys
import time

from commonwheel.errors import CommonwheelError
from commonwheel.session.lifetime import once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Protocol, TypedDict

    from commonwheel.concurrency.forked_workers import Standing
    from commonwheel.events import Reporter
    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.index_config import Index
    from commonwheel.index.pip_config import PipConfiguration
    from commonwheel.index.rules import Rules
    from commonwheel.index.search import Search
    from commonwheel.index.simple_api_client import Registry
    from commonwheel.model import Candidate, Metadata, SafeUrl, Target
    from commonwheel.net.client import Client
    from commonwheel.operations.configured_indexes import Configured
    from commonwheel.process import Finished
    from commonwheel.session.lifetime import Lifetime
    from commonwheel.settings.settings import Settings
    from commonwheel.specs.requirements_txt import Option
    from commonwheel.store.records import Records

    class Run(Protocol):
        """A run of cw: `session.session.Session`."""

        settings: Settings
        environ: Mapping[str, str]
        cwd: str
        lifetime: Lifetime

        @property
        def reporter(self) -> Reporter:
            """Return the reporter."""

        @property
        def records(self) -> Records:
            """Return what the layers of the store remember."""

        @property
        def copies(self) -> Standing | None:
            """Return copies of this process that parse pages, None where there are none."""

    class Limits(TypedDict, total=False):
        """The numbers among the options of a client."""

        timeout: float
        connect_timeout: float
        concurrent_downloads: int
        retries: int


class Network:
    """Ask indexes for one request; `file_options` are those in its files of requirements, which may name indexes."""

    def __init__(self, run: "Run", file_options: "tuple[Option, ...]" = (), written: "Iterable[str]" = ()) -> None:
        self._run = run
        self.lifetime = run.lifetime
        self.settings = run.settings
        self.environ = run.environ
        self.cwd = run.cwd
        self.file_options = file_options
        #: URLs that the user wrote, beside those of indexes: they may use the logins of their origins
        self._written = set(written)
        self._begun = False
        self._early: Search | None = None

    # --- which indexes there are --------------------------------------------------------------------------------------

    @once
    def configured(self) -> "Configured":
        """Return the indexes, the places of `--find-links`, and where each was named."""
        from commonwheel.operations import configured_indexes

        return configured_indexes.collect(self)

    @property
    def indexes(self) -> "tuple[Index, ...]":
        """Return the indexes in the order in which they are asked."""
        return self.configured.indexes

    @property
    def links(self) -> "tuple[Index, ...]":
        """Return the places of `--find-links`."""
        return self.configured.links

    @once
    def pip(self) -> "PipConfiguration":
        """Return what pip is configured with; nothing under `--no-config`."""
        from commonwheel.index import pip_config

        if self.settings.flag("no-config"):
            return pip_config.PipConfiguration()
        return pip_config.configured(self.environ, tuple(dict.fromkeys((sys.prefix, sys.base_prefix))))

    def built_in_index(self) -> "SafeUrl":
        """Return the index that an installed pip uses when nothing is configured."""
        from commonwheel.index import pip_config

        return pip_config.built_in(self._run.records, _run_briefly, (sys.executable,), self.environ)

    def moment(self, text: str) -> float:
        """Return a time, a date or an age as seconds since the epoch; raises InvalidMoment."""
        from commonwheel.specs import dates

        return dates.moment(text, time.time())

    # --- asking them --------------------------------------------------------------------------------------------------

    def client_for(self, url: str) -> "Client":
        """Return what transfers, for a URL that the user wrote."""
        self._written.add(url)
        return self.client

    @once
    def client(self) -> "Client":
        """Return what transfers."""
        from commonwheel.net.client import Client
        from commonwheel.net.credentials import Credentials
        from commonwheel.net.options import ClientOptions

        settings, pip = self.settings, self.pip
        credentials = Credentials(
            environ=self.environ,
            urls=[place.url.secret for place in (*self.indexes, *self.links) if not place.name],
            indexes={place.name: place.url.secret for place in self.indexes if place.name},
            keyring=_keyring if settings.text("keyring-provider") == "subprocess" else None,
            note=self._run.reporter.note,
            named=self._written,
        )
        client = Client(
            ClientOptions(
                offline=settings.flag("offline"),
                certificates=settings.text("cert") or pip.certificates or None,
                client_certificate=settings.text("client-cert") or pip.client_certificate or None,
                insecure_hosts=(*settings.many("allow-insecure-host"), *pip.trusted_hosts),
                login=credentials.find,
                environ=self._proxied(),
                **self._limits(),
            ),
            self._run.reporter,
        )
        self.lifetime.at_end(client.close)
        return client

    def _proxied(self) -> "dict[str, str]":
        """Return the variables, with the proxy that the settings or pip name, and without others if these are not wanted."""
        environ = dict(self.environ)
        if self.settings.flag("no-proxy-env"):
            environ = {name: value for name, value in environ.items() if not name.lower().endswith("_proxy")}
        proxy = self.settings.text("proxy") or self.pip.proxy
        if proxy:
            environ |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "http_proxy": proxy, "https_proxy": proxy}
        return environ

    def _limits(self) -> "Limits":
        number = self.settings.number
        limits: Limits = {}
        if (seconds := number("timeout")) is not None:
            limits["timeout"] = seconds
        if (seconds := number("connect-timeout")) is not None:
            limits["connect_timeout"] = seconds
        if (count := number("concurrent-downloads")) is not None:
            limits["concurrent_downloads"] = int(count)
        if (count := number("retries")) is not None:
            limits["retries"] = int(count)
        return limits

    def catalogue(self, target: "Target", rules: "Rules", read: "Callable[[Candidate], Metadata]") -> "Catalogue":
        """Return what the indexes offer for a target; `read` returns the metadata of a file that an index gives none of."""
        from commonwheel.index.catalogue import Catalogue

        search, self._early = self._early, None
        if search is None or search.rules != rules:
            search = self._search(rules)
        return Catalogue(target, search, wheel_metadata=read, sdist_metadata=read)

    def begin(self, rules: "Callable[[], Rules]", names: "Iterable[str]") -> None:
        """Ask, once, for the pages of projects that will be wanted, whatever the target is; the first catalogue goes on with that."""
        if self._begun:
            return
        self._begun = True
        try:
            self._early = self._search(rules())
            for name in names:
                self._early.project(name)
        except CommonwheelError:  # it will be met again where it can be told
            return

    def _search(self, rules: "Rules") -> "Search":
        from commonwheel.index.search import Search

        run = self._run
        return Search(
            self.indexes, self.links, run.records, lambda: self.registry, rules, time.time(), reporter=run.reporter
        )

    @once
    def registry(self) -> "Registry":
        """Return what asks indexes for pages and metadata."""
        # before the first request makes a thread, and before what only this process needs: each loads its part meanwhile
        copies = self._run.copies
        from commonwheel.index.simple_api_client import Registry
        from commonwheel.session.workers import parser

        client = self.client
        registry = Registry(
            client,
            self._run.records,
            time.time,
            parser,
            ranges=lambda url, size: _read_in_pieces(client, url, size),
            within=_metadata_within,
            reporter=self._run.reporter,
            aside=copies.ask if copies else None,
        )
        self.lifetime.at_end(registry.close)
        return registry


def _metadata_within(path: str, filename: str) -> bytes:
    from commonwheel.index import wheels

    return wheels.metadata_within(path, filename)


def _read_in_pieces(client: "Client", url: "SafeUrl", size: int | None) -> bytes | None:
    from commonwheel.net import objects

    return objects.wheel_metadata(client, url, size=size)


def _run_briefly(argv: "Sequence[str]", timeout: float) -> "Finished":
    from commonwheel import process

    return process.run(argv, timeout=timeout)


def _keyring(service: str, user: str) -> str | None:
    from commonwheel import process

    try:
        finished = process.run(("keyring", "get", service, user), timeout=60.0)
    except CommonwheelError:
        return None
    return finished.stdout.decode("utf-8", "replace").rstrip("\r\n") or None if finished.code == 0 else None
