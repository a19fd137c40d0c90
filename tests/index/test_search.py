"""Which index is asked, in which order, and when none is."""

import os
from collections.abc import Iterator

import pytest

from commonwheel.errors import UsageError
from commonwheel.index.find_links import FolderUnreadable
from commonwheel.index.index_config import Index
from commonwheel.index.rules import Formats, Rules, UnknownIndex
from commonwheel.model import SafeUrl
from commonwheel.net.responses import NetworkError
from kit.catalogue_fixture import CatalogueFixture
from kit.index_server import Always, Hold, IndexServer, Status
from kit.wheels import make_wheel, wheel_bytes, wheel_filename


def fill(server: IndexServer, *wheels: str, **fields: object) -> None:
    for text in wheels:
        name, _, version = text.partition("==")
        server.add(wheel_filename(name, version), wheel_bytes(name, version, {}), **fields)  # type: ignore[arg-type]


@pytest.fixture
def one() -> Iterator[IndexServer]:
    with IndexServer() as made:
        yield made


@pytest.fixture
def two() -> Iterator[IndexServer]:
    with IndexServer() as made:
        yield made


@pytest.fixture
def catalogues() -> Iterator[CatalogueFixture]:
    with CatalogueFixture() as made:
        yield made


def paths(server: IndexServer) -> list[str]:
    return [seen.path for seen in server.log]


# --- the order of indexes -----------------------------------------------------------------------------------------------


def test_first_index_with_the_name_wins(one: IndexServer, two: IndexServer, catalogues: CatalogueFixture) -> None:
    """Even with older versions: a stranger must not be able to offer a newer one under an internal name."""
    fill(one, "internal==1.0")
    fill(two, "internal==99.0", "public==1.0")
    catalogue = catalogues.catalogue(one.url, two.url)
    assert catalogue.listing("internal").versions == ("1.0",)
    assert paths(two) == []  # the other index does not even learn the name
    assert catalogue.listing("public").versions == ("1.0",)
    assert catalogue.candidate("public", "1.0").index == two.url


def test_name_without_files_also_wins(one: IndexServer, two: IndexServer, catalogues: CatalogueFixture) -> None:
    one.project("internal")
    fill(two, "internal==99.0")
    listing = catalogues.catalogue(one.url, two.url).listing("internal")
    assert listing.versions == ()
    assert one.url in listing.note


def test_unauthorized_index_stops_the_search(one: IndexServer, two: IndexServer, catalogues: CatalogueFixture) -> None:
    one.script("/simple/internal/", Always(Status(403)))
    fill(two, "internal==99.0")
    listing = catalogues.catalogue(one.url, two.url).listing("internal")
    assert listing.versions == ()
    assert "403" in listing.note
    assert paths(two) == []
    ignoring = Index(SafeUrl(one.url), ignored=frozenset({403}))
    assert catalogues.catalogue(ignoring, two.url).listing("internal").versions == ("99.0",)


def test_local_index_adds_to_the_index_that_serves_the_name(
    one: IndexServer, two: IndexServer, catalogues: CatalogueFixture
) -> None:
    """A folder that pip is configured with is neither first nor last: what lies on this machine counts as links do."""
    with IndexServer() as folder:
        fill(folder, "internal==1.5", "only-here==1.0")
        fill(one, "internal==1.0")
        fill(two, "internal==99.0")
        catalogue = catalogues.catalogue(Index(SafeUrl(folder.url), beside=True), one.url, two.url)
        assert catalogue.listing("internal").versions == ("1.0", "1.5")
        assert catalogue.listing("only-here").versions == ("1.0",)
    assert [path for path in paths(two) if "internal" in path] == []


@pytest.mark.parametrize("offline", [False, True])
def test_remote_duplicate_is_named_unless_offline(
    one: IndexServer, catalogues: CatalogueFixture, offline: bool
) -> None:
    with IndexServer() as folder:
        fill(folder, "demo==1.0")
        fill(one, "demo==1.0")
        indexes = (Index(SafeUrl(folder.url), beside=True), one.url)
        assert catalogues.catalogue(*indexes).candidate("demo", "1.0").index == one.url
        catalogue = catalogues.catalogue(*indexes, rules=Rules(offline=offline))
        assert catalogue.candidate("demo", "1.0").index == (folder.url if offline else one.url)


def test_best_match_merges_all_indexes(one: IndexServer, two: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0", "demo==3.0")
    fill(two, "demo==1.0", "demo==2.0")
    catalogue = catalogues.catalogue(one.url, two.url, rules=Rules(strategy="unsafe-best-match"))
    assert catalogue.listing("demo").versions == ("1.0", "2.0", "3.0")
    assert catalogue.listing("demo").tiers == ()
    assert [catalogue.candidate("demo", version).index for version in ("1.0", "2.0", "3.0")] == [
        one.url,
        two.url,
        one.url,
    ]
    assert len(catalogue.files("demo", "1.0")) == 1


def test_first_match_prefers_any_version_of_an_earlier_index(
    one: IndexServer, two: IndexServer, catalogues: CatalogueFixture
) -> None:
    fill(one, "demo==1.0")
    fill(two, "demo==2.0", "demo==1.0")
    catalogue = catalogues.catalogue(one.url, two.url, rules=Rules(strategy="unsafe-first-match"))
    assert catalogue.listing("demo").versions == ("1.0", "2.0")
    assert catalogue.listing("demo").tiers == (0b010, 0b100)
    assert catalogue.candidate("demo", "1.0").index == one.url


def test_first_match_takes_each_version_from_its_first_index(
    one: IndexServer, two: IndexServer, catalogues: CatalogueFixture
) -> None:
    one.add("demo-1.0.tar.gz", b"source")
    fill(two, "demo==1.0")
    first = catalogues.catalogue(one.url, two.url, rules=Rules(strategy="unsafe-first-match"))
    assert first.candidate("demo", "1.0").kind == "sdist"
    best = catalogues.catalogue(one.url, two.url, rules=Rules(strategy="unsafe-best-match"))
    assert best.candidate("demo", "1.0").kind == "wheel"


def test_explicit_index_serves_bound_packages_only(
    one: IndexServer, two: IndexServer, catalogues: CatalogueFixture
) -> None:
    fill(one, "torch==2.0", "numpy==0.1")
    fill(two, "torch==1.0", "numpy==2.0")
    special = Index(SafeUrl(one.url), "special", explicit=True)
    catalogue = catalogues.catalogue(special, two.url, rules=Rules(bound={"torch": "special"}))
    assert catalogue.listing("torch").versions == ("2.0",)
    assert catalogue.listing("numpy").versions == ("2.0",)
    assert paths(one) == ["/simple/torch/"]
    with pytest.raises(UnknownIndex, match="`elsewhere`"):
        catalogues.catalogue(special, two.url, rules=Rules(bound={"torch": "elsewhere"}))
    with pytest.raises(UsageError, match="`fastest`"):
        catalogues.catalogue(one.url, rules=Rules(strategy="fastest"))


def test_unknown_name_lists_all_asked_indexes(one: IndexServer, two: IndexServer, catalogues: CatalogueFixture) -> None:
    note = catalogues.catalogue(one.url, two.url).listing("missing").note
    assert one.url in note
    assert two.url in note


def test_parallel_waiters_share_one_search(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0")
    hold = Hold()
    one.script("/simple/demo/", hold)
    catalogue = catalogues.catalogue(one.url)
    for _ in range(3):
        catalogue.expect("demo")
    assert hold.arrived.wait(5)
    catalogue.expect("demo")
    hold.release.set()
    assert catalogue.listing("demo").versions == ("1.0",)
    assert paths(one) == ["/simple/demo/"]


# --- what is remembered -----------------------------------------------------------------------------------------------------


def test_fresh_pages_need_no_network_or_threads(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0")
    assert catalogues.catalogue(one.url).listing("demo").versions == ("1.0",)
    assert catalogues.catalogue(one.url).listing("missing").versions == ()
    catalogues.now += 599
    before = len(one.log), len(catalogues.registries)
    again = catalogues.catalogue(one.url)
    assert again.listing("demo").versions == ("1.0",)
    assert again.listing("missing").note == f"`{one.url}` does not have it"
    assert (len(one.log), len(catalogues.registries)) == before
    assert again.statistics["pages remembered"] == 2
    catalogues.now += 2
    assert catalogues.catalogue(one.url).listing("demo").versions == ("1.0",)
    assert [seen.status for seen in one.seen("/simple/demo/")] == [200, 304]


def test_record_from_the_future_is_refetched(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0")
    catalogues.now += 4000
    catalogues.catalogue(one.url).listing("demo")
    catalogues.now -= 4000
    catalogues.catalogue(one.url).listing("demo")
    assert len(one.log) == 2


@pytest.mark.parametrize(
    ("refresh", "asked"), [(True, 2), (frozenset({"demo"}), 2), (frozenset({"other"}), 1), (False, 1)]
)
def test_refresh_asks_again(
    one: IndexServer, catalogues: CatalogueFixture, refresh: bool | frozenset[str], asked: int
) -> None:
    fill(one, "demo==1.0")
    catalogues.catalogue(one.url).listing("demo")
    catalogues.catalogue(one.url, rules=Rules(refresh=refresh)).listing("demo")
    assert len(one.seen("/simple/demo/")) == asked


def test_offline_uses_cached_pages(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0")
    catalogues.catalogue(one.url).listing("demo")
    catalogues.now += 100_000
    before = len(one.log), len(catalogues.registries)
    catalogue = catalogues.catalogue(one.url, rules=Rules(offline=True, refresh=True))
    assert catalogue.listing("demo").versions == ("1.0",)
    assert "1666 minutes ago" in catalogues.notes.of("debug")[0]
    assert "--offline" in catalogue.listing("other").note
    assert (len(one.log), len(catalogues.registries)) == before


def test_stale_page_survives_a_network_failure(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0")
    catalogues.catalogue(one.url).listing("demo")
    one.close()
    catalogues.now += 6000
    catalogue = catalogues.catalogue(one.url)
    assert catalogue.listing("demo").versions == ("1.0",)
    assert "100 minutes ago" in catalogues.notes.of("warning")[0]
    with pytest.raises(NetworkError):
        catalogue.listing("other")


def test_damaged_records_are_fetched_again(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0")
    catalogues.catalogue(one.url).listing("demo")
    ((place, record),) = catalogues.pages.records.items()
    catalogues.pages.records[place] = record[: len(record) // 2]
    assert catalogues.catalogue(one.url).listing("demo").versions == ("1.0",)
    assert len(one.log) == 2
    assert catalogues.pages.records[place] == record


# --- folders, links -----------------------------------------------------------------------------------------------------------


def test_links_are_merged_with_the_used_index(one: IndexServer, catalogues: CatalogueFixture, place: str) -> None:
    fill(one, "demo==1.0")
    make_wheel(place, "demo", "2.0")
    make_wheel(place, "demo", "1.0")
    make_wheel(place, "local", "0.1")
    catalogue = catalogues.catalogue(one.url, links=(place,))
    assert catalogue.listing("demo").versions == ("1.0", "2.0")
    assert catalogue.candidate("demo", "1.0").index == one.url
    found = catalogue.candidate("demo", "2.0")
    assert found.url.secret.startswith("file:///")
    assert found.index.startswith("file://")
    assert catalogue.listing("local").versions == ("0.1",)


def test_without_index_only_links_count(one: IndexServer, catalogues: CatalogueFixture, place: str) -> None:
    make_wheel(place, "demo", "2.0")
    catalogue = catalogues.catalogue(links=(place,))
    assert catalogue.listing("demo").versions == ("2.0",)
    assert "no index is used" in catalogue.listing("other").note
    assert "no index" in catalogues.catalogue().listing("demo").note
    assert not catalogues.registries


def test_missing_links_directory_is_an_error(catalogues: CatalogueFixture, place: str) -> None:
    catalogue = catalogues.catalogue(links=(f"{place}/missing",))
    for name in ("demo", "other"):
        with pytest.raises(FolderUnreadable, match="missing"):
            catalogue.listing(name)


def test_links_page_is_requested_once(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0", "other==2.0")
    anchors = "".join(f'<a href="{file.path}">x</a>' for files in one.files.values() for file in files)
    url = one.put("/links", f"<html>{anchors}</html>".encode(), "text/html")
    catalogue = catalogues.catalogue(links=(url,))
    assert catalogue.listing("demo").versions == ("1.0",)
    assert catalogue.listing("other").versions == ("2.0",)
    assert catalogue.metadata("demo", "1.0").version == "1.0"
    assert paths(one).count("/links") == 1
    catalogue.close()
    catalogues.now += 60
    before = len(one.log), len(catalogues.registries)
    again = catalogues.catalogue(links=(url,))
    assert again.metadata("demo", "1.0").version == "1.0"
    assert (len(one.log), len(catalogues.registries)) == before
    offline = catalogues.catalogue(links=(url, f"{one.root}/never"), rules=Rules(offline=True))
    assert offline.listing("demo").versions == ("1.0",)
    assert "/never" in catalogues.notes.of("warning")[-1]


def test_single_archive_as_link(one: IndexServer, catalogues: CatalogueFixture) -> None:
    fill(one, "demo==1.0")
    catalogue = catalogues.catalogue(links=(one.root + one.files["demo"][0].path,))
    assert catalogue.listing("demo").versions == ("1.0",)
    assert catalogue.metadata("demo", "1.0").name == "demo"


def test_flat_index_keeps_its_position(
    one: IndexServer, two: IndexServer, catalogues: CatalogueFixture, place: str
) -> None:
    make_wheel(place, "demo", "1.0")
    fill(two, "demo==9.0", "other==1.0")
    flat = Index(SafeUrl(f"file://{place}".replace(" ", "%20")), "wheels", flat=True)
    catalogue = catalogues.catalogue(flat, two.url)
    assert catalogue.listing("demo").versions == ("1.0",)
    assert catalogue.listing("other").versions == ("1.0",)
    assert paths(two) == ["/simple/other/"]
    url = one.put("/flat", f'<html><a href="{two.root}{two.files["demo"][0].path}">x</a></html>'.encode(), "text/html")
    remote = Index(SafeUrl(url), "remote", flat=True)
    assert catalogues.catalogue(remote).listing("demo").versions == ("9.0",)


def test_file_index_with_pages(catalogues: CatalogueFixture, place: str) -> None:
    make_wheel(f"{place}/files", "Demo_Thing", "1.0", requires=["lib"])
    page = f"{place}/simple/Demo.Thing"
    os.makedirs(page)
    link = "../../files/Demo_Thing-1.0-py3-none-any.whl"

    def write(text: str) -> None:
        with open(f"{page}/index.html", "w", encoding="utf-8") as file:
            file.write(text)

    write(f'<html><a href="{link}">x</a></html>')
    url = f"file://{place}/simple".replace(" ", "%20")
    catalogue = catalogues.catalogue(url)
    assert catalogue.listing("demo-thing").versions == ("1.0",)
    assert [str(r) for r in catalogue.metadata("demo-thing", "1.0").requires] == ["lib"]
    assert catalogue.listing("other").note == f"`{url}` does not have it"
    catalogue.close()
    made = len(catalogues.registries)
    again = catalogues.catalogue(url)
    assert again.listing("demo-thing").versions == ("1.0",)
    assert [str(r) for r in again.metadata("demo-thing", "1.0").requires] == ["lib"]
    assert len(catalogues.registries) == made  # no parser was needed
    write(f'<html><a href="{link}">x</a><a href="x/demo_thing-2.0-py3-none-any.whl">y</a></html>')
    assert catalogues.catalogue(url).listing("demo-thing").versions == ("1.0", "2.0")


def test_file_index_of_json_or_plain_directories(catalogues: CatalogueFixture, place: str) -> None:
    os.makedirs(f"{place}/a/demo")
    with open(f"{place}/a/demo/index.json", "w", encoding="utf-8") as file:
        file.write(
            '{"meta": {"api-version": "1.0"}, "name": "demo", "files": [{"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {}}]}'
        )
    assert catalogues.catalogue(f"{place}/a".replace(" ", "%20")).listing("demo").versions == ("1.0",)
    make_wheel(f"{place}/b/demo", "demo", "2.0", requires=["lib"])
    catalogue = catalogues.catalogue(f"{place}/b".replace(" ", "%20"))
    assert catalogue.listing("demo").versions == ("2.0",)
    assert [str(r) for r in catalogue.metadata("demo", "2.0").requires] == ["lib"]


# --- limits -------------------------------------------------------------------------------------------------------------------


def test_upload_limits_by_project_and_by_index(one: IndexServer, catalogues: CatalogueFixture) -> None:
    for version, day in (("1.0", "2024-01-01"), ("2.0", "2024-06-01")):
        for name in ("demo", "other"):
            fill(one, f"{name}=={version}", uploaded=f"{day}T00:00:00Z")
    fill(one, "silent==1.0", uploaded=None)
    march = 1_709_251_200.0
    rules = Rules(newest=march, newest_of={"other": None})
    catalogue = catalogues.catalogue(one.url, rules=rules)
    assert dict(catalogue.listing("demo").barred) == {"exclude-newer": 0b100}
    assert catalogue.listing("other").barred == {}
    assert dict(catalogue.listing("silent").barred) == {"exclude-newer": 0b10}
    assert "when it was uploaded" in catalogue.objections("silent", "1.0")[0][1]
    free = catalogues.catalogue(Index(SafeUrl(one.url), newest=False), rules=rules)
    assert free.listing("demo").barred == {}
    stricter = catalogues.catalogue(Index(SafeUrl(one.url), newest=1.0), rules=rules)
    assert dict(stricter.listing("demo").barred) == {"exclude-newer": 0b110}
    assert stricter.listing("other").barred == {}


@pytest.mark.parametrize("many", [1, 400])
def test_version_with_later_files_counts_by_its_earlier_ones(
    one: IndexServer, catalogues: CatalogueFixture, many: int
) -> None:
    """The same whether its page was just fetched, is remembered, is revalidated, or lies apart from its rows."""
    data = wheel_bytes("demo", "2.0", {})
    one.add(wheel_filename("demo", "2.0"), data, uploaded="2024-01-01T00:00:00Z")
    for number in range(many):
        one.add(
            wheel_filename("demo", "2.0", f"cp39-cp39-manylinux_2_{number}_x86_64"),
            data,
            uploaded="2024-06-01T00:00:00Z",
        )
    rules = Rules(newest=1_709_251_200.0)
    for seconds in (0, 0, 700):
        catalogues.now += seconds
        catalogue = catalogues.catalogue(one.url, rules=rules)
        assert catalogue.listing("demo").barred == {}
        assert catalogue.candidate("demo", "2.0").filename == wheel_filename("demo", "2.0")
        catalogue.close()


def test_upload_limits_do_not_apply_to_links(catalogues: CatalogueFixture, place: str) -> None:
    make_wheel(place, "demo", "2.0")
    assert catalogues.catalogue(links=(place,), rules=Rules(newest=1.0)).listing("demo").barred == {}


def test_formats_by_project(one: IndexServer, catalogues: CatalogueFixture) -> None:
    for name in ("demo", "other"):
        fill(one, f"{name}==1.0")
        one.add(f"{name}-2.0.tar.gz", b"source")
    rules = Rules(formats=Formats(no_wheels=frozenset({"demo"}), no_sdists=frozenset({":all:"})))
    catalogue = catalogues.catalogue(one.url, rules=rules)
    assert dict(catalogue.listing("demo").barred) == {"no-sdist": 0b010}
    assert dict(catalogue.listing("other").barred) == {"no-wheel": 0b100}
