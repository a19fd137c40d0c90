"""What is told of a choice, and what a warm answer may load."""

import os
import subprocess
import sys

import commonwheel
from kit.catalogue_fixture import MARKERS, TAGS, CatalogueFixture, offer
from kit.index_server import IndexServer
from kit.wheels import make_wheel


def test_remarks_on_yanked_versions_and_archived_projects(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0", yanked="it is broken")
    offer(server, "demo", "2.0")
    server.status["demo"] = "archived"
    catalogue = catalogues.catalogue(server.url)
    assert catalogue.remarks("demo", "2.0") == ("`demo` is marked as archived",)
    assert catalogue.remarks("demo", "1.0") == ("`demo` is marked as archived", "`demo` 1.0 was yanked: it is broken")
    assert catalogue.listing("demo").yanked == 0b010


def test_quarantined_project_is_unusable(server: IndexServer, catalogues: CatalogueFixture) -> None:
    offer(server, "demo", "1.0")
    server.status["demo"] = "quarantined"
    assert dict(catalogues.catalogue(server.url).listing("demo").barred) == {"quarantined": 0b10}


def test_warm_answer_loads_nothing_heavy(server: IndexServer, catalogues: CatalogueFixture, place: str) -> None:
    """Clocks lie; the list of modules does not: no parser, no network, no threads for what is remembered."""
    offer(server, "demo", "1.0", "lib>=1; python_version > '3'")
    make_wheel(f"{place}/links", "lib", "2.0")
    catalogue = catalogues.catalogue(server.url, links=(f"{place}/links",))
    catalogue.metadata("demo", "1.0")
    catalogue.metadata("lib", "2.0")
    catalogue.close()
    for (space, key), record in catalogues.pages.records.items():
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
from commonwheel.index.index_config import Index
from commonwheel.model import Requirement, SafeUrl, Target
class Pages:
    def get(self, space, key):
        try:
            return open(f"{place}/records/{{space}}/{{key}}", "rb").read()
        except OSError:
            return None
    def put(self, space, key, data):
        raise AssertionError("a complete hit writes nothing")
def remote():
    raise AssertionError("nothing is to be asked")
target = Target({MARKERS!r}, {TAGS!r})
search = Search([Index(SafeUrl({server.url!r}))], [Index(SafeUrl("file://{place}/links"))], Pages(), remote, Rules(), {catalogues.now})
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
