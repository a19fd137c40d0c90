"""Metadata by every way, and what is remembered of it."""

import os

import pytest

from commonwheel.errors import MetadataUnavailable
from commonwheel.index.rules import Rules
from commonwheel.model import Candidate, Metadata, Requirement
from commonwheel.net.responses import NetworkError
from kit.catalogue_fixture import CatalogueFixture, offer, offer_many, requires
from kit.index_server import Always, IndexServer, Reset, Status
from kit.wheels import make_wheel, wheel_bytes, wheel_filename

LINUX = "cp311-cp311-manylinux_2_17_x86_64"


def test_metadata_comes_from_the_chosen_file(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0", "generic")
    offer(server, "demo", "1.0", "special", tag=LINUX)
    assert requires(catalogues.catalogue(server.url).metadata("demo", "1.0")) == ["special"]
    assert requires(catalogues.catalogue(server.url, tags=("py3-none-any",)).metadata("demo", "1.0")) == ["generic"]


def test_metadata_is_cached_without_expiry(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0", "lib>=1; extra == 'x'")
    first = catalogues.catalogue(server.url)
    found = first.metadata("demo", "1.0")
    first.close()
    catalogues.now += 500
    before = len(server.log), len(catalogues.registries)
    again = catalogues.catalogue(server.url)
    assert again.metadata("demo", "1.0") == found
    assert (len(server.log), len(catalogues.registries)) == before
    catalogues.now += 10_000
    server.script(f"/files/demo/{wheel_filename('demo', '1.0')}.metadata", Always(Status(500)))
    assert catalogues.catalogue(server.url).metadata("demo", "1.0") == found


def test_known_version_needs_no_file_choice(server: IndexServer, catalogues: CatalogueFixture) -> None:
    """Also for another target, once that has looked; and a change of any file of the version is noticed."""
    offer_many(server, 400)
    first = catalogues.catalogue(server.url)
    assert requires(first.metadata("demo", "2.7")) == ["lib==7"]
    first.close()
    (place,) = [key for key in catalogues.pages.records if key[1].endswith("demo.files")]
    whole = catalogues.pages.records[place]
    cut = whole.index(b"demo-2.0-py3")
    catalogues.pages.records[place] = whole[:cut] + b"?" * (
        len(whole) - cut
    )  # the checksums stay, the files are unreadable
    server.log.clear()
    assert requires(catalogues.catalogue(server.url).metadata("demo", "2.7")) == ["lib==7"]
    assert not server.log
    catalogues.pages.records[place] = whole
    other = catalogues.catalogue(server.url, tags=("py3-none-any",))
    assert requires(other.metadata("demo", "2.7")) == ["lib==7"]
    assert not server.log
    other.close()
    writes = len(catalogues.pages.writes)
    again = catalogues.catalogue(server.url, tags=("py3-none-any",))
    again.metadata("demo", "2.7")
    again.close()
    assert len(catalogues.pages.writes) == writes


def test_replaced_file_is_requested_again(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0", "old")
    first = catalogues.catalogue(server.url)
    assert requires(first.metadata("demo", "1.0")) == ["old"]
    first.close()
    server.files["demo"].clear()
    offer(server, "demo", "1.0", "new")
    assert requires(catalogues.catalogue(server.url, rules=Rules(refresh=True)).metadata("demo", "1.0")) == ["new"]


def test_concurrent_processes_lose_nothing_relevant(server: IndexServer, catalogues: CatalogueFixture) -> None:
    for version in ("1.0", "2.0"):
        offer(server, "demo", version, f"lib=={version}")
    one, two = catalogues.catalogue(server.url), catalogues.catalogue(server.url)
    one.metadata("demo", "1.0")
    two.metadata("demo", "2.0")
    one.close()
    two.close()
    server.log.clear()
    both = catalogues.catalogue(server.url)
    assert [requires(both.metadata("demo", version)) for version in ("1.0", "2.0")] == [["lib==1.0"], ["lib==2.0"]]
    assert not server.log


def test_invalid_metadata_is_cached_as_a_reason(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.add(
        wheel_filename("demo", "1.0"),
        wheel_bytes("demo", "1.0", {}),
        metadata=b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
    )
    first = catalogues.catalogue(server.url)
    for _ in range(2):
        with pytest.raises(MetadataUnavailable, match="`evil`"):
            first.metadata("demo", "1.0")
    first.close()
    server.log.clear()
    with pytest.raises(MetadataUnavailable, match="`evil`"):
        catalogues.catalogue(server.url).metadata("demo", "1.0")
    assert not server.log


def test_whole_wheel_is_the_last_resort(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0", "lib")
    server.metadata = False
    server.files["demo"][0].data = b"no zip at all"  # so that no piece of it says anything
    asked: list[Candidate] = []

    def download(candidate: Candidate) -> Metadata:
        asked.append(candidate)
        return Metadata("demo", "1.0", (Requirement("lib"),))

    catalogue = catalogues.catalogue(server.url, wheel_metadata=download)
    assert requires(catalogue.metadata("demo", "1.0")) == ["lib"]
    assert requires(catalogue.metadata("demo", "1.0")) == ["lib"]
    assert [candidate.filename for candidate in asked] == [wheel_filename("demo", "1.0")]
    catalogue.close()
    assert requires(catalogues.catalogue(server.url).metadata("demo", "1.0")) == ["lib"]
    with pytest.raises(MetadataUnavailable, match="cannot be had"), CatalogueFixture() as other:
        other.catalogue(server.url).metadata("demo", "1.0")


def test_sdist_metadata_is_built_and_kept_per_target(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.add("demo-1.0.tar.gz", b"source")
    built: list[str] = []

    def build(candidate: Candidate) -> Metadata:
        built.append(candidate.filename)
        return Metadata("demo", "1.0.0", (Requirement("lib"),))

    catalogue = catalogues.catalogue(server.url, sdist_metadata=build)
    found = catalogue.metadata("demo", "1.0")
    assert (found.version, requires(found)) == ("1.0", ["lib"])
    catalogue.close()
    assert requires(catalogues.catalogue(server.url, sdist_metadata=build).metadata("demo", "1.0")) == ["lib"]
    assert built == ["demo-1.0.tar.gz"]
    catalogues.catalogue(server.url, sdist_metadata=build, tags=("cp312-cp312-linux_x86_64",)).metadata("demo", "1.0")
    assert built == ["demo-1.0.tar.gz"] * 2


def test_sdist_with_other_name_is_unusable(server: IndexServer, catalogues: CatalogueFixture) -> None:
    server.add("demo-1.0.tar.gz", b"source")
    catalogue = catalogues.catalogue(server.url, sdist_metadata=lambda _: Metadata("demo", "1.1"))
    with pytest.raises(MetadataUnavailable, match=r"another version, 1\.1"):
        catalogue.metadata("demo", "1.0")


def test_uncached_metadata_is_unavailable_offline(server: IndexServer, catalogues: CatalogueFixture) -> None:
    for version in ("1.0", "2.0"):
        offer(server, "demo", version, f"lib=={version}")
    first = catalogues.catalogue(server.url)
    first.metadata("demo", "1.0")
    first.close()
    offline = catalogues.catalogue(server.url, rules=Rules(offline=True))
    assert requires(offline.metadata("demo", "1.0")) == ["lib==1.0"]
    with pytest.raises(MetadataUnavailable, match="--offline"):
        offline.metadata("demo", "2.0")


def test_network_failure_is_an_error_not_a_reason(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0")
    server.script(f"/files/demo/{wheel_filename('demo', '1.0')}.metadata", Always(Reset()))
    with pytest.raises(NetworkError):
        catalogues.catalogue(server.url).metadata("demo", "1.0")


def test_local_wheels_are_read_and_broken_ones_unusable(catalogues: CatalogueFixture, place: str) -> None:
    make_wheel(place, "demo", "1.0", requires=["lib"])
    with open(f"{place}/{wheel_filename('demo', '2.0')}", "wb") as file:
        file.write(b"not a wheel")
    catalogue = catalogues.catalogue(links=(place,))
    assert requires(catalogue.metadata("demo", "1.0")) == ["lib"]
    with pytest.raises(MetadataUnavailable, match="cannot be read"):
        catalogue.metadata("demo", "2.0")
    catalogue.close()
    made = len(catalogues.registries)
    assert requires(catalogues.catalogue(links=(place,)).metadata("demo", "1.0")) == ["lib"]
    assert len(catalogues.registries) == made


def test_replaced_local_wheel_is_read_again(catalogues: CatalogueFixture, place: str) -> None:
    path = make_wheel(place, "demo", "1.0", requires=["lib"])
    first = catalogues.catalogue(links=(place,))
    first.metadata("demo", "1.0")
    first.close()
    make_wheel(place, "demo", "1.0", requires=["bil"])
    os.utime(path, ns=(7, 7))
    assert requires(catalogues.catalogue(links=(place,)).metadata("demo", "1.0")) == ["bil"]
