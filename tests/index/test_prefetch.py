"""Running ahead of the solver: what is on its way before it is asked for, and what that never changes."""

import threading
from collections.abc import Callable, Iterator

import pytest

from commonwheel.concurrency.future import Future
from commonwheel.errors import CommonwheelError
from commonwheel.index import prefetch
from commonwheel.index.catalogue import Catalogue
from commonwheel.index.find_links import FindLinks
from commonwheel.index.index_cache import Reply
from commonwheel.index.index_config import Index
from commonwheel.index.page_record import Page, Row
from commonwheel.index.rules import Rules
from commonwheel.index.simple_api_client import Registry
from commonwheel.model import Metadata, Requirement, SafeUrl
from kit.catalogue_fixture import CatalogueFixture
from kit.index_server import Always, Hold, IndexServer, Status
from kit.wheels import wheel_bytes, wheel_filename


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as made:
        yield made


@pytest.fixture
def catalogues() -> Iterator[CatalogueFixture]:
    with CatalogueFixture() as made:
        yield made


def fill(server: IndexServer, name: str, version: str, *requires: str, **fields: object) -> None:
    server.add(wheel_filename(name, version), wheel_bytes(name, version, {}, requires=requires), **fields)  # type: ignore[arg-type]


def pages_of(server: IndexServer) -> set[str]:
    return {seen.path.split("/")[2] for seen in list(server.log) if seen.path.startswith("/simple/")}


def metadata_of(server: IndexServer) -> list[str]:
    return [
        seen.path.rpartition("/")[2].removesuffix(".metadata")
        for seen in list(server.log)
        if seen.path.endswith(".metadata")
    ]


def settled(catalogue: Catalogue, *names: str) -> None:
    """Wait until the pages of all names, and the metadata asked for so far, are here; the crawl itself is what asks."""
    for name in names:
        project = catalogue.project(name)
        project.ready.result()
        for pending in list(project.asked.values()):
            _quietly(pending)


def _quietly(pending: Future[Metadata]) -> None:
    try:
        pending.result()
    except Exception:
        pass


def wait_for(server: IndexServer, path: str) -> None:
    """Let the requests of the look-ahead arrive: they come from other threads."""
    done = threading.Event()
    for _ in range(500):
        if server.seen(path):
            return
        done.wait(0.01)
    raise AssertionError(f"{path} was never asked for; {[seen.path for seen in server.log]}")


class Reluctant:
    """Answer a request for metadata when a thread waits for the answer, and not earlier."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.asked: list[str] = []

    def page(self, index: Index, project: str, known: Page | None) -> Future[Reply]:
        return self.registry.page(index, project, known)

    def links_page(self, index: Index, known: FindLinks | None) -> Future[FindLinks]:
        return self.registry.links_page(index, known)

    def keeps(self, index: Index, url: SafeUrl) -> bool:
        return self.registry.keeps(index, url)

    def learns(self, index: Index, project: str, row: Row, *, whole: bool = False) -> bool:
        return self.registry.learns(index, project, row, whole=whole)

    def metadata(self, project: str, version: str, row: Row) -> Future[Metadata]:
        self.asked.append(version)
        return Late(lambda: self.registry.metadata(project, version, row))

    def sha256(self, path: str) -> str:
        return self.registry.sha256(path)

    def rest(self) -> None:
        self.registry.rest()


class Late(Future[Metadata]):
    """Ask when a thread waits."""

    def __init__(self, ask: Callable[[], Future[Metadata]]) -> None:
        super().__init__()
        self.ask = ask

    def _wait(self) -> None:
        self.settle(self.ask().result())


def metadata_path(name: str, version: str) -> str:
    return f"/files/{name}/{wheel_filename(name, version)}.metadata"


def test_crawl_follows_newest_matching_versions(server: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(server, "app", "1.0")
    fill(server, "app", "2.0", "lib<3", "never; python_version < '3'", "extra-only; extra == 'x'")
    for version in ("1.0", "2.0", "3.0"):
        fill(server, "lib", version, "deep[x]")
    fill(server, "deep", "1.0", "leaf; extra == 'x'", "other; extra == 'y'")
    fill(server, "leaf", "1.0")
    for name in ("never", "extra-only", "other"):
        fill(server, name, "1.0")
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("app", (), ">=1")])
    wait_for(server, metadata_path("leaf", "1.0"))
    settled(catalogue, "app", "lib", "deep", "leaf")
    assert pages_of(server) == {"app", "lib", "deep", "leaf"}
    assert sorted(metadata_of(server)) == [
        wheel_filename(n, v) for n, v in (("app", "2.0"), ("deep", "1.0"), ("leaf", "1.0"), ("lib", "2.0"))
    ]
    # ... and what the solver then asks is there already
    assert catalogue.metadata("lib", "2.0").name == "lib"
    assert len(metadata_of(server)) == 4
    # a wrong guess is no answer: another version is simply asked for
    assert catalogue.metadata("lib", "1.0").version == "1.0"


def test_constraints_and_direction_guide_guesses(server: IndexServer, catalogues: CatalogueFixture) -> None:
    for version in ("1.0", "2.0", "3.0"):
        fill(server, "lib", version)
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("lib")], [Requirement("lib", (), "<3")])
    wait_for(server, metadata_path("lib", "2.0"))
    with CatalogueFixture() as other:
        lowest = other.catalogue(server.url, rules=Rules(lowest=True))
        lowest.crawl([Requirement("lib", (), ">1")])
        settled(lowest, "lib")
        wait_for(server, metadata_path("lib", "2.0"))
    assert set(metadata_of(server)) == {wheel_filename("lib", "2.0")}


def test_unusable_files_are_not_guessed(server: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(server, "lib", "1.0")
    fill(server, "lib", "2.0rc1")
    fill(server, "lib", "3.0", yanked=True)
    fill(server, "lib", "4.0", requires_python=">=3.12")
    server.add("lib-0.9.tar.gz", b"source")
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("lib")])
    wait_for(server, metadata_path("lib", "1.0"))
    catalogue.crawl([Requirement("lib", (), "<1")])  # only a sdist is left, which nobody builds on a guess
    settled(catalogue, "lib")
    assert metadata_of(server) == [wheel_filename("lib", "1.0")]


def test_failed_guess_changes_nothing(server: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(server, "app", "1.0", "broken", "gone", "lib")
    server.script("/simple/broken/", Always(Status(400)))
    fill(server, "lib", "1.0")
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("app")])
    wait_for(server, metadata_path("lib", "1.0"))
    assert catalogue.listing("lib").versions == ("1.0",)
    assert catalogue.listing("gone").versions == ()
    with pytest.raises(CommonwheelError, match="400"):
        catalogue.listing("broken")


def test_version_hints_are_fetched_together(server: IndexServer, catalogues: CatalogueFixture) -> None:
    for n in range(6):
        fill(server, "lib", f"{n}.0")
    hold = Hold()
    server.script(metadata_path("lib", "1.0"), hold)
    catalogue = catalogues.catalogue(server.url)
    catalogue.listing("lib")
    catalogue.expect("lib", ("1.0", "2.0", "3.0"))
    for version in ("1.0", "2.0", "3.0"):
        wait_for(server, metadata_path("lib", version))
    hold.release.set()
    assert catalogue.metadata("lib", "1.0").version == "1.0"
    assert len(metadata_of(server)) == 3


def test_user_requirements_guide_transitive_guesses(server: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(server, "app", "1.0", "lib>=1")
    for version in ("1.0", "2.0", "3.0"):
        fill(server, "lib", version)
    with CatalogueFixture() as other:
        for asked in (["app", "lib"], ["lib", "app"]):
            catalogue = other.catalogue(server.url)
            catalogue.crawl([Requirement(name, (), "<3" if name == "lib" else "") for name in asked])
            wait_for(server, metadata_path("lib", "2.0"))
            settled(catalogue, "app", "lib")
    assert wheel_filename("lib", "3.0") not in metadata_of(server)


def test_one_guess_per_project(server: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(server, "app", "1.0", "one", "two")
    fill(server, "one", "1.0", "lib<3", "late")
    fill(server, "two", "1.0", "lib<2", "late")
    fill(server, "late", "1.0")
    for version in ("1.0", "2.0", "3.0"):
        fill(server, "lib", version)
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("app")])
    wait_for(server, metadata_path("late", "1.0"))
    settled(catalogue, "app", "one", "two", "lib", "late")
    assert len([name for name in metadata_of(server) if name.startswith("lib-")]) == 1


def test_dependencies_of_many_hinted_versions_are_not_fetched(
    server: IndexServer, catalogues: CatalogueFixture
) -> None:
    for number in range(4):
        fill(server, "app", f"{number}.0", f"lib{number}")
        fill(server, f"lib{number}", "1.0")
    catalogue = catalogues.catalogue(server.url)
    catalogue.listing("app")
    catalogue.expect("app", ("0.0", "1.0", "2.0"))
    settled(catalogue, "app")
    assert len(metadata_of(server)) == 3
    # of one alone it is: that one will probably be chosen
    catalogue.expect("app", ("3.0",))
    wait_for(server, metadata_path("lib3", "1.0"))
    assert pages_of(server) == {"app", "lib3"}


def test_guesses_are_limited_and_solver_hints_are_not(
    server: IndexServer, catalogues: CatalogueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [f"1.{number}" for number in range(6)]
    for version in versions:
        fill(server, "demo", version, "lib")
    fill(server, "lib", "1.0")
    monkeypatch.setattr(prefetch, "_MOST", 0)
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("demo")])
    catalogue.listing("demo")
    assert metadata_of(server) == []
    catalogue.expect("demo", versions)
    settled(catalogue, "demo")
    assert len(metadata_of(server)) == len(versions)


def test_repeated_misses_prefetch_the_next_versions(server: IndexServer, catalogues: CatalogueFixture) -> None:
    for n in range(60):
        fill(server, "lib", f"1.{n}")
    remote = Reluctant(catalogues.registry())
    catalogue = catalogues.catalogue(server.url, remote=lambda: remote)
    for n in range(59, 54, -1):
        catalogue.metadata("lib", f"1.{n}")
    assert remote.asked == [f"1.{n}" for n in range(59, 49, -1)]  # five by one, then five at once
    remote.asked.clear()
    up = catalogues.catalogue(server.url, rules=Rules(lowest=True), remote=lambda: remote)
    for n in range(5):
        up.metadata("lib", f"1.{n}")
    assert remote.asked == [f"1.{n}" for n in range(10)]


def test_stale_pages_are_requested_all_at_once(server: IndexServer, catalogues: CatalogueFixture) -> None:
    names = [f"p{n}" for n in range(12)]
    for n, name in enumerate(names):
        fill(server, name, "1.0", *([names[n + 1]] if n + 1 < len(names) else []))
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("p0")])
    for name in names:
        catalogue.metadata(name, "1.0")
    catalogue.close()
    catalogues.now += 10_000
    server.log.clear()
    hold = Hold()
    server.script("/simple/p0/", hold)  # step by step, nothing could be asked before this one is answered
    again = catalogues.catalogue(server.url)
    again.crawl([Requirement("p0")])
    for name in names:
        wait_for(server, f"/simple/{name}/")
    hold.release.set()
    assert [again.metadata(name, "1.0").version for name in names] == ["1.0"] * 12
    assert len(server.log) == 12
    assert {seen.status for seen in server.log} == {304}


def test_long_chain_of_cached_answers_does_not_recurse(server: IndexServer, catalogues: CatalogueFixture) -> None:
    """Three hundred answers that are all there at once must not be three hundred calls deep."""
    for n in range(300):
        fill(server, f"p{n}", "1.0", f"p{n + 1}")
    fill(server, "p300", "1.0")
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("p0")])
    for n in range(301):
        catalogue.metadata(f"p{n}", "1.0")
    catalogue.close()
    catalogues.now += 10_000
    again = catalogues.catalogue(server.url)
    again.crawl([Requirement("p0")])
    for n in range(301):
        assert again.metadata(f"p{n}", "1.0").name == f"p{n}"


def test_nothing_starts_after_close(server: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(server, "app", "1.0", "lib")
    fill(server, "lib", "1.0")
    hold = Hold()
    server.script("/simple/app/", hold)
    catalogue = catalogues.catalogue(server.url)
    catalogue.crawl([Requirement("app")])
    assert hold.arrived.wait(5)
    catalogue.close()
    hold.release.set()
    assert catalogue.listing("app").versions == ("1.0",)
    assert pages_of(server) == {"app"}
    assert metadata_of(server) == []


def test_result_does_not_depend_on_arrival_order(server: IndexServer) -> None:
    fill(server, "app", "1.0", "a", "b")
    fill(server, "a", "1.0", "b<2")
    for version in ("1.0", "2.0"):
        fill(server, "b", version)
    answers = []
    for held in ("/simple/a/", "/simple/b/", metadata_path("app", "1.0")):
        hold = Hold()
        server.script(held, hold)
        with CatalogueFixture() as catalogues:
            catalogue = catalogues.catalogue(server.url)
            catalogue.crawl([Requirement("app")])
            assert hold.arrived.wait(5)
            threading.Timer(0.05, hold.release.set).start()
            answers.append(
                [catalogue.listing(name) for name in ("b", "a", "app")]
                + [catalogue.metadata("a", "1.0"), catalogue.candidate("b", "2.0")]
            )
    assert answers[0] == answers[1] == answers[2]
