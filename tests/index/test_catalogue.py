"""What the solver asks: files, metadata by every way, and what is remembered of it."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

import commonwheel
from commonwheel.errors import MetadataUnavailable
from commonwheel.index.catalogue import NoAllowedHash, NoSuchFile
from commonwheel.index.rules import Rules
from commonwheel.model import Candidate, Digest, Metadata, Requirement
from commonwheel.net.responses import NetworkError
from kit.desk import Desk
from kit.index_server import Always, IndexServer, Reset, Status
from kit.wheels import make_wheel, wheel_bytes, wheel_filename

LINUX = "cp311-cp311-manylinux_2_17_x86_64"


def fill(server: IndexServer, name: str, version: str, *requires: str, tag: str = "py3-none-any", **fields: object) -> str:
    body = wheel_bytes(name, version, {}, requires=requires, tag=tag)
    return server.add(wheel_filename(name, version, tag), body, **fields).sha256  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as made:
        yield made


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


def requires(metadata: Metadata) -> list[str]:
    return [str(requirement) for requirement in metadata.requires]


def test_a_candidate_says_all_that_the_index_said(server: IndexServer, desk: Desk) -> None:
    sha256 = fill(server, "demo", "1.0", requires_python=">=3.8", yanked="broken", uploaded="2024-01-01T00:00:00.5Z")
    file = server.files["demo"][0]
    found = desk.catalogue(server.url).candidate("demo", "1.0")
    assert (found.name, found.version, found.kind, found.filename) == ("demo", "1.0", "wheel", file.filename)
    assert found.url.secret == server.root + file.path
    assert found.digests == (Digest("sha256", sha256),)
    assert found.metadata_digest == Digest("sha256", file.metadata_hash or "")
    assert (found.size, found.requires_python, found.yanked) == (file.size, ">=3.8", "broken")
    assert found.uploaded == 1_704_067_200.5
    assert found.index == server.url


def test_the_best_wheel_is_chosen_and_all_files_are_listed(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0")
    fill(server, "demo", "1.0", tag=LINUX)
    fill(server, "demo", "1.0", tag="cp312-cp312-win_amd64")
    server.add("demo-1.0.tar.gz", b"source")
    catalogue = desk.catalogue(server.url)
    assert catalogue.candidate("demo", "1.0").filename == wheel_filename("demo", "1.0", LINUX)
    assert {found.filename for found in catalogue.files("demo", "1.0")} == {file.filename for file in server.files["demo"]}
    assert catalogue.objections("demo", "1.0") == (("demo-1.0-cp312-cp312-win_amd64.whl", "it is for another Python (`cp312`)"),)
    assert catalogue.files("demo", "9.9") == ()
    assert catalogue.files("missing", "9.9") == ()


def test_a_version_without_a_usable_file_says_why(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0", tag="cp312-cp312-win_amd64")
    catalogue = desk.catalogue(server.url)
    with pytest.raises(NoSuchFile) as caught:
        catalogue.candidate("demo", "1.0")
    assert "another Python (`cp312`)" in caught.value.context[0]
    with pytest.raises(MetadataUnavailable):
        catalogue.metadata("demo", "1.0")


def test_demanded_hashes_decide(server: IndexServer, desk: Desk) -> None:
    plain = fill(server, "demo", "1.0")
    better = fill(server, "demo", "1.0", tag=LINUX)

    def choose(*allowed: str) -> Candidate:
        return desk.catalogue(server.url, rules=Rules(allowed={"demo": frozenset(allowed)})).candidate("demo", "1.0")

    assert choose(f"sha256:{plain}").filename == wheel_filename("demo", "1.0")
    assert choose(f"sha256:{plain}", f"sha256:{better}").filename == wheel_filename("demo", "1.0", LINUX)
    with pytest.raises(NoAllowedHash) as caught:
        choose("sha256:" + "0" * 64)
    assert plain in str(caught.value.context)
    # of a hash that the index does not give, the download will tell
    assert choose("sha512:" + "0" * 128).filename == wheel_filename("demo", "1.0", LINUX)


def test_metadata_of_the_chosen_file_is_the_one_that_counts(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0", "generic")
    fill(server, "demo", "1.0", "special", tag=LINUX)
    assert requires(desk.catalogue(server.url).metadata("demo", "1.0")) == ["special"]
    assert requires(desk.catalogue(server.url, tags=("py3-none-any",)).metadata("demo", "1.0")) == ["generic"]


def test_local_files_are_hashed_when_hashes_decide_and_on_demand(desk: Desk, place: str) -> None:
    path = make_wheel(place, "demo", "1.0")
    with open(path, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    plain = desk.catalogue(links=(place,))
    assert plain.candidate("demo", "1.0").digests == ()
    assert plain.digest(plain.candidate("demo", "1.0")) == Digest("sha256", sha256)
    assert plain.candidate("demo", "1.0").digests == (Digest("sha256", sha256),)
    plain.close()
    assert desk.catalogue(links=(place,)).candidate("demo", "1.0").digests == (Digest("sha256", sha256),)
    rules = Rules(allowed={"demo": frozenset({f"sha256:{sha256}"})})
    with Desk() as other:  # another user, who has hashed nothing
        assert other.catalogue(links=(place,), rules=rules).candidate("demo", "1.0").digests == (Digest("sha256", sha256),)
        wrong = Rules(allowed={"demo": frozenset({"sha256:" + "0" * 64})})
        with pytest.raises(NoAllowedHash):
            other.catalogue(links=(place,), rules=wrong).candidate("demo", "1.0")


# --- metadata -----------------------------------------------------------------------------------------------------------


def test_metadata_is_remembered_for_ever(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0", "lib>=1; extra == 'x'")
    first = desk.catalogue(server.url)
    found = first.metadata("demo", "1.0")
    first.close()
    desk.now += 500
    before = len(server.log), len(desk.registries)
    again = desk.catalogue(server.url)
    assert again.metadata("demo", "1.0") == found
    assert (len(server.log), len(desk.registries)) == before
    desk.now += 10_000
    server.script(f"/files/demo/{wheel_filename('demo', '1.0')}.metadata", Always(Status(500)))
    assert desk.catalogue(server.url).metadata("demo", "1.0") == found


def test_a_replaced_file_is_asked_for_again(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0", "old")
    first = desk.catalogue(server.url)
    assert requires(first.metadata("demo", "1.0")) == ["old"]
    first.close()
    server.files["demo"].clear()
    fill(server, "demo", "1.0", "new")
    assert requires(desk.catalogue(server.url, rules=Rules(refresh=True)).metadata("demo", "1.0")) == ["new"]


def test_two_processes_lose_nothing_that_matters(server: IndexServer, desk: Desk) -> None:
    for version in ("1.0", "2.0"):
        fill(server, "demo", version, f"lib=={version}")
    one, two = desk.catalogue(server.url), desk.catalogue(server.url)
    one.metadata("demo", "1.0")
    two.metadata("demo", "2.0")
    one.close()
    two.close()
    server.log.clear()
    both = desk.catalogue(server.url)
    assert [requires(both.metadata("demo", version)) for version in ("1.0", "2.0")] == [["lib==1.0"], ["lib==2.0"]]
    assert not server.log


def test_bad_metadata_is_bad_for_ever_and_told_as_a_reason(server: IndexServer, desk: Desk) -> None:
    server.add(wheel_filename("demo", "1.0"), wheel_bytes("demo", "1.0", {}), metadata=b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    first = desk.catalogue(server.url)
    for _ in range(2):
        with pytest.raises(MetadataUnavailable, match="`evil`"):
            first.metadata("demo", "1.0")
    first.close()
    server.log.clear()
    with pytest.raises(MetadataUnavailable, match="`evil`"):
        desk.catalogue(server.url).metadata("demo", "1.0")
    assert not server.log


def test_a_whole_wheel_is_the_last_way(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0", "lib")
    server.metadata = False
    server.files["demo"][0].data = b"no zip at all"  # so that no piece of it says anything
    asked: list[Candidate] = []

    def download(candidate: Candidate) -> Metadata:
        asked.append(candidate)
        return Metadata("demo", "1.0", (Requirement("lib"),))

    catalogue = desk.catalogue(server.url, wheel_metadata=download)
    assert requires(catalogue.metadata("demo", "1.0")) == ["lib"]
    assert requires(catalogue.metadata("demo", "1.0")) == ["lib"]
    assert [candidate.filename for candidate in asked] == [wheel_filename("demo", "1.0")]
    catalogue.close()
    assert requires(desk.catalogue(server.url).metadata("demo", "1.0")) == ["lib"]
    with pytest.raises(MetadataUnavailable, match="cannot be had"), Desk() as other:
        other.catalogue(server.url).metadata("demo", "1.0")


def test_a_sdist_is_built_and_what_it_said_kept_for_this_target(server: IndexServer, desk: Desk) -> None:
    server.add("demo-1.0.tar.gz", b"source")
    built: list[str] = []

    def build(candidate: Candidate) -> Metadata:
        built.append(candidate.filename)
        return Metadata("demo", "1.0.0", (Requirement("lib"),))

    catalogue = desk.catalogue(server.url, sdist_metadata=build)
    found = catalogue.metadata("demo", "1.0")
    assert (found.version, requires(found)) == ("1.0", ["lib"])
    catalogue.close()
    assert requires(desk.catalogue(server.url, sdist_metadata=build).metadata("demo", "1.0")) == ["lib"]
    assert built == ["demo-1.0.tar.gz"]
    desk.catalogue(server.url, sdist_metadata=build, tags=("cp312-cp312-linux_x86_64",)).metadata("demo", "1.0")
    assert built == ["demo-1.0.tar.gz"] * 2


def test_a_sdist_that_says_it_is_something_else_is_unusable(server: IndexServer, desk: Desk) -> None:
    server.add("demo-1.0.tar.gz", b"source")
    catalogue = desk.catalogue(server.url, sdist_metadata=lambda _: Metadata("demo", "1.1"))
    with pytest.raises(MetadataUnavailable, match=r"another version, 1\.1"):
        catalogue.metadata("demo", "1.0")


def test_offline_metadata_that_is_not_remembered_is_unavailable(server: IndexServer, desk: Desk) -> None:
    for version in ("1.0", "2.0"):
        fill(server, "demo", version, f"lib=={version}")
    first = desk.catalogue(server.url)
    first.metadata("demo", "1.0")
    first.close()
    offline = desk.catalogue(server.url, rules=Rules(offline=True))
    assert requires(offline.metadata("demo", "1.0")) == ["lib==1.0"]
    with pytest.raises(MetadataUnavailable, match="--offline"):
        offline.metadata("demo", "2.0")


def test_a_network_that_fails_is_an_error_and_not_a_reason(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0")
    server.script(f"/files/demo/{wheel_filename('demo', '1.0')}.metadata", Always(Reset()))
    with pytest.raises(NetworkError):
        desk.catalogue(server.url).metadata("demo", "1.0")


def test_local_wheels_are_read_and_broken_ones_unusable(desk: Desk, place: str) -> None:
    make_wheel(place, "demo", "1.0", requires=["lib"])
    with open(f"{place}/{wheel_filename('demo', '2.0')}", "wb") as file:
        file.write(b"not a wheel")
    catalogue = desk.catalogue(links=(place,))
    assert requires(catalogue.metadata("demo", "1.0")) == ["lib"]
    with pytest.raises(MetadataUnavailable, match="cannot be read"):
        catalogue.metadata("demo", "2.0")
    catalogue.close()
    made = len(desk.registries)
    assert requires(desk.catalogue(links=(place,)).metadata("demo", "1.0")) == ["lib"]
    assert len(desk.registries) == made


def test_a_local_wheel_that_was_replaced_is_read_again(desk: Desk, place: str) -> None:
    path = make_wheel(place, "demo", "1.0", requires=["lib"])
    first = desk.catalogue(links=(place,))
    first.metadata("demo", "1.0")
    first.close()
    make_wheel(place, "demo", "1.0", requires=["bil"])
    os.utime(path, ns=(7, 7))
    assert requires(desk.catalogue(links=(place,)).metadata("demo", "1.0")) == ["bil"]


# --- damage, remarks, weight -----------------------------------------------------------------------------------------------


def many(server: IndexServer) -> None:
    body = wheel_bytes("demo", "1.0", {}, requires=["lib"])
    for n in range(400):
        server.add(wheel_filename("demo", f"2.{n}"), body, metadata=f"Metadata-Version: 2.1\nName: demo\nVersion: 2.{n}\nRequires-Dist: lib=={n}\n".encode())


def test_rows_that_were_lost_are_fetched_again(server: IndexServer, desk: Desk) -> None:
    many(server)
    desk.catalogue(server.url).listing("demo")
    (rows,) = [key for key in desk.pages.keys("pages") if key.endswith("demo.files")]
    whole = desk.pages.records["pages", rows]
    for damaged in (None, whole[:1000], whole.replace(b"demo-2.7-py3", b"demo-2.8-py3")):
        if damaged is None:
            del desk.pages.records["pages", rows]
        else:
            desk.pages.records["pages", rows] = damaged
        server.log.clear()
        catalogue = desk.catalogue(server.url)
        assert len(catalogue.listing("demo").versions) == 400
        assert not server.log
        assert catalogue.candidate("demo", "2.7").filename == wheel_filename("demo", "2.7")
        assert [seen.path for seen in server.log] == ["/simple/demo/"]
        assert desk.pages.records["pages", rows] == whole
    del desk.pages.records["pages", rows]
    with pytest.raises(MetadataUnavailable, match="damaged"):
        desk.catalogue(server.url, rules=Rules(offline=True)).candidate("demo", "2.7")


def test_remarks_tell_of_yanks_and_of_projects_given_up(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0", yanked="it is broken")
    fill(server, "demo", "2.0")
    server.status["demo"] = "archived"
    catalogue = desk.catalogue(server.url)
    assert catalogue.remarks("demo", "2.0") == ("`demo` is marked as archived",)
    assert catalogue.remarks("demo", "1.0") == ("`demo` is marked as archived", "`demo` 1.0 was yanked: it is broken")
    assert catalogue.listing("demo").yanked == 0b010


def test_a_quarantined_project_cannot_be_used(server: IndexServer, desk: Desk) -> None:
    fill(server, "demo", "1.0")
    server.status["demo"] = "quarantined"
    assert dict(desk.catalogue(server.url).listing("demo").barred) == {"quarantined": 0b10}


def test_a_warm_answer_loads_nothing_heavy(server: IndexServer, desk: Desk, place: str) -> None:
    """Clocks lie; the list of modules does not: no parser, no network, no threads for what is remembered."""
    fill(server, "demo", "1.0", "lib>=1; python_version > '3'")
    make_wheel(f"{place}/links", "lib", "2.0")
    catalogue = desk.catalogue(server.url, links=(f"{place}/links",))
    catalogue.metadata("demo", "1.0")
    catalogue.metadata("lib", "2.0")
    catalogue.close()
    for (space, key), record in desk.pages.records.items():
        path = f"{place}/records/{space}/{key}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(record)
    code = f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.dirname(commonwheel.__file__))!r})
from commonwheel.index.catalogue import Catalogue
from commonwheel.index.rules import Rules
from commonwheel.index.search import Search
from commonwheel.index.shelf import Index
from commonwheel.model import Requirement, SafeUrl, Target
class Pages:
    def get(self, space, key):
        try:
            return open(f"{place}/records/{{space}}/{{key}}", "rb").read()
        except OSError:
            return None
def remote():
    raise AssertionError("nothing is to be asked")
target = Target({{"python_version": "3.11", "python_full_version": "3.11.4"}}, ("py3-none-any",))
search = Search([Index(SafeUrl({server.url!r}))], [Index(SafeUrl("file://{place}/links"))], Pages(), remote, Rules(), {desk.now})
catalogue = Catalogue(target, search)
catalogue.crawl([Requirement("demo")])
for name, version in (("demo", "1.0"), ("lib", "2.0")):
    assert catalogue.listing(name).versions == (version,)
    assert catalogue.metadata(name, version).version == version
    assert catalogue.candidate(name, version).filename
catalogue.close()
heavy = {{"json", "re", "typing", "dataclasses", "threading", "packaging", "email", "hashlib", "zipfile", "queue", "struct",
         "urllib", "pycurl", "ssl", "http", "socket", "logging", "datetime", "enum", "collections", "functools"}}
print(sorted(heavy & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert said.stderr == ""
    assert said.stdout == "[]\n"
