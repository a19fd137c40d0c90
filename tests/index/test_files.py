"""The files behind versions: which one is chosen, what is told of it, and what happens when its page is damaged."""

import hashlib

import pytest

from commonwheel.errors import MetadataUnavailable
from commonwheel.index.files import NoAllowedHash, NoSuchFile
from commonwheel.index.rules import Rules
from commonwheel.model import Candidate, Digest
from kit.catalogue_fixture import CatalogueFixture, offer, offer_many
from kit.index_server import IndexServer
from kit.wheels import make_wheel, wheel_filename

LINUX = "cp311-cp311-manylinux_2_17_x86_64"


def test_candidate_has_all_index_data(server: IndexServer, catalogues: CatalogueFixture) -> None:
    sha256 = offer(server, "demo", "1.0", requires_python=">=3.8", yanked="broken", uploaded="2024-01-01T00:00:00.5Z")
    file = server.files["demo"][0]
    found = catalogues.catalogue(server.url).candidate("demo", "1.0")
    assert (found.name, found.version, found.kind, found.filename) == ("demo", "1.0", "wheel", file.filename)
    assert found.url.secret == server.root + file.path
    assert found.digests == (Digest("sha256", sha256),)
    assert found.metadata_digest == Digest("sha256", file.metadata_hash or "")
    assert (found.size, found.requires_python, found.yanked) == (file.size, ">=3.8", "broken")
    assert found.uploaded == 1_704_067_200.5
    assert found.index == server.url


def test_best_wheel_is_chosen_and_all_files_listed(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0")
    offer(server, "demo", "1.0", tag=LINUX)
    offer(server, "demo", "1.0", tag="cp312-cp312-win_amd64")
    server.add("demo-1.0.tar.gz", b"source")
    catalogue = catalogues.catalogue(server.url)
    assert catalogue.candidate("demo", "1.0").filename == wheel_filename("demo", "1.0", LINUX)
    assert {found.filename for found in catalogue.files("demo", "1.0")} == {
        file.filename for file in server.files["demo"]
    }
    assert catalogue.objections("demo", "1.0") == (
        ("demo-1.0-cp312-cp312-win_amd64.whl", "it is for another Python (`cp312`)"),
    )
    assert catalogue.files("demo", "9.9") == ()
    assert catalogue.files("missing", "9.9") == ()


def test_version_without_usable_file_has_a_reason(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0", tag="cp312-cp312-win_amd64")
    catalogue = catalogues.catalogue(server.url)
    with pytest.raises(NoSuchFile) as caught:
        catalogue.candidate("demo", "1.0")
    assert "another Python (`cp312`)" in caught.value.context[0]
    with pytest.raises(MetadataUnavailable):
        catalogue.metadata("demo", "1.0")


def test_required_hashes_select_the_file(server: IndexServer, catalogues: CatalogueFixture) -> None:
    plain = offer(server, "demo", "1.0")
    better = offer(server, "demo", "1.0", tag=LINUX)

    def choose(*allowed: str) -> Candidate:
        return catalogues.catalogue(server.url, rules=Rules(allowed={"demo": frozenset(allowed)})).candidate(
            "demo", "1.0"
        )

    assert choose(f"sha256:{plain}").filename == wheel_filename("demo", "1.0")
    assert choose(f"sha256:{plain}", f"sha256:{better}").filename == wheel_filename("demo", "1.0", LINUX)
    with pytest.raises(NoAllowedHash) as caught:
        choose("sha256:" + "0" * 64)
    assert plain in str(caught.value.context)
    # of a hash that the index does not give, the download will tell
    assert choose("sha512:" + "0" * 128).filename == wheel_filename("demo", "1.0", LINUX)


def test_local_files_are_hashed_only_when_needed(catalogues: CatalogueFixture, place: str) -> None:
    path = make_wheel(place, "demo", "1.0")
    with open(path, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    plain = catalogues.catalogue(links=(place,))
    assert plain.candidate("demo", "1.0").digests == ()
    assert plain.digest(plain.candidate("demo", "1.0")) == Digest("sha256", sha256)
    assert plain.candidate("demo", "1.0").digests == (Digest("sha256", sha256),)
    plain.close()
    assert catalogues.catalogue(links=(place,)).candidate("demo", "1.0").digests == (Digest("sha256", sha256),)
    rules = Rules(allowed={"demo": frozenset({f"sha256:{sha256}"})})
    with CatalogueFixture() as other:  # another user, who has hashed nothing
        assert other.catalogue(links=(place,), rules=rules).candidate("demo", "1.0").digests == (
            Digest("sha256", sha256),
        )
        wrong = Rules(allowed={"demo": frozenset({"sha256:" + "0" * 64})})
        with pytest.raises(NoAllowedHash):
            other.catalogue(links=(place,), rules=wrong).candidate("demo", "1.0")


def test_lost_rows_are_fetched_again(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer_many(server, 400)
    catalogues.catalogue(server.url).listing("demo")
    (rows,) = [key for key in catalogues.pages.keys("pages") if key.endswith("demo.files")]
    whole = catalogues.pages.records["pages", rows]
    for damaged in (None, whole[:1000], whole.replace(b"demo-2.7-py3", b"demo-2.8-py3")):
        if damaged is None:
            del catalogues.pages.records["pages", rows]
        else:
            catalogues.pages.records["pages", rows] = damaged
        server.log.clear()
        catalogue = catalogues.catalogue(server.url)
        assert len(catalogue.listing("demo").versions) == 400
        assert not server.log
        assert catalogue.candidate("demo", "2.7").filename == wheel_filename("demo", "2.7")
        assert [seen.path for seen in server.log] == ["/simple/demo/"]
        assert catalogues.pages.records["pages", rows] == whole
    del catalogues.pages.records["pages", rows]
    with pytest.raises(MetadataUnavailable, match="damaged"):
        catalogues.catalogue(server.url, rules=Rules(offline=True)).candidate("demo", "2.7")
