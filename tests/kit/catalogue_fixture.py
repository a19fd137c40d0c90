"""A catalogue with everything real around it but the store: client, registry, loopback indexes; and a clock that is set.

with CatalogueFixture() as catalogues, IndexServer() as server:
    catalogue = catalogues.catalogue(server.url)
    catalogue.listing("demo")
    catalogues.now += 601
    catalogues.catalogue(server.url).listing("demo")      # the next run, eleven minutes later
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from commonwheel.index import page_ingest, wheels
from commonwheel.index.catalogue import Catalogue
from commonwheel.index.index_config import Index
from commonwheel.index.rules import Rules
from commonwheel.index.search import Search
from commonwheel.index.simple_api_client import Registry
from commonwheel.model import Candidate, Metadata, SafeUrl, Target
from commonwheel.net import objects
from commonwheel.net.client import Client
from commonwheel.net.options import ClientOptions
from kit.pages import MemoryPages
from kit.wheels import wheel_bytes, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from commonwheel.index.search import Remote
    from kit.index_server import IndexServer

TAGS = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-linux_x86_64", "py3-none-any")
MARKERS = {"python_full_version": "3.11.4", "python_version": "3.11", "sys_platform": "linux", "os_name": "posix"}


def offer(
    server: IndexServer, name: str, version: str, *requires: str, tag: str = "py3-none-any", **fields: object
) -> str:
    """Offer a wheel that requires these, and return its sha256; `fields` are those of `IndexServer.add`."""
    body = wheel_bytes(name, version, {}, requires=requires, tag=tag)
    return server.add(wheel_filename(name, version, tag), body, **fields).sha256  # type: ignore[arg-type]


def offer_many(server: IndexServer, count: int) -> None:
    """Offer so many versions of `demo`, 2.0 and up, that their files are kept apart; each requires `lib` of its number."""
    body = wheel_bytes("demo", "1.0", {}, requires=["lib"])
    for n in range(count):
        text = f"Metadata-Version: 2.1\nName: demo\nVersion: 2.{n}\nRequires-Dist: lib=={n}\n"
        server.add(wheel_filename("demo", f"2.{n}"), body, metadata=text.encode())


def requires(metadata: Metadata) -> list[str]:
    """Return what metadata requires, as text."""
    return [str(requirement) for requirement in metadata.requires]


class Notes:
    """Keep the notes of a run; other events are of no interest here."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def note(self, level: str, message: str) -> None:
        self.said.append((level, message))

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        return 0

    def advance(self, task: int, amount: int = 1) -> None: ...

    def end(self, task: int) -> None: ...

    def of(self, level: str) -> list[str]:
        return [message for known, message in self.said if known == level]


class CatalogueFixture:
    """Make catalogues that share their records; `registries` are those that were really needed."""

    def __init__(self, **options: object) -> None:
        self.pages = MemoryPages()
        self.notes = Notes()
        self.now = float(int(time.time()))
        self.client = Client(ClientOptions(**{"retries": 0, "backoff": 0.01, "environ": {}, **options}))  # type: ignore[arg-type]
        self.registries: list[Registry] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for registry in self.registries:
            registry.close()
        self.client.close()

    def registry(self) -> Registry:
        made = Registry(
            self.client,
            self.pages,
            lambda: self.now,
            lambda: page_ingest,
            ranges=lambda url, size: objects.wheel_metadata(self.client, url, size=size),
            within=wheels.metadata_within,
            reporter=self.notes,
        )
        self.registries.append(made)
        return made

    def search(
        self,
        *indexes: str | Index,
        links: tuple[str | Index, ...] = (),
        rules: Rules | None = None,
        remote: Callable[[], Remote] | None = None,
    ) -> Search:
        return Search(
            [_index(index) for index in indexes],
            [_index(index) for index in links],
            self.pages,
            remote or self.registry,
            rules or Rules(),
            self.now,
            reporter=self.notes,
        )

    def catalogue(
        self,
        *indexes: str | Index,
        links: tuple[str | Index, ...] = (),
        rules: Rules | None = None,
        tags: tuple[str, ...] = TAGS,
        markers: Mapping[str, str] = MARKERS,
        wheel_metadata: Callable[[Candidate], Metadata] | None = None,
        sdist_metadata: Callable[[Candidate], Metadata] | None = None,
        remote: Callable[[], Remote] | None = None,
    ) -> Catalogue:
        return Catalogue(
            Target(markers, tags),
            self.search(*indexes, links=links, rules=rules, remote=remote),
            wheel_metadata=wheel_metadata,
            sdist_metadata=sdist_metadata,
        )


def _index(said: str | Index) -> Index:
    if isinstance(said, Index):
        return said
    return Index(SafeUrl(f"file://{said}" if said.startswith("/") else said))
