"""Two small questions to the index that this machine is configured to use: the real thing speaks as the loopback one does."""

import os
import sys

import pytest

from commonwheel import process
from commonwheel.errors import CommonwheelError
from commonwheel.index import pip_config
from commonwheel.model import Metadata, SafeUrl
from kit.catalogue_fixture import CatalogueFixture
from kit.pages import MemoryPages

pytestmark = pytest.mark.index


def configured_index() -> SafeUrl:
    found = pip_config.configured(os.environ, (sys.prefix,))
    return found.index_url or pip_config.built_in(
        MemoryPages(), lambda argv, limit: process.run(argv, timeout=limit), (sys.executable,), os.environ
    )


def test_small_project_is_listed_with_metadata() -> None:
    found = pip_config.configured(os.environ, (sys.prefix,))
    with CatalogueFixture(retries=3, environ=os.environ, certificates=found.certificates or None) as catalogues:
        catalogue = catalogues.catalogue(configured_index().secret)
        try:
            listing = catalogue.listing("iniconfig")
            metadata = catalogue.metadata("iniconfig", "2.0.0")
        except CommonwheelError as error:
            pytest.fail(f"the configured index does not answer: {error.message}", pytrace=False)
        assert not listing.note
        assert {"1.0.0", "2.0.0"} <= set(listing.versions)
        assert isinstance(metadata, Metadata)
        assert (metadata.name, metadata.requires_python) == ("iniconfig", ">=3.7")
        candidate = catalogue.candidate("iniconfig", "2.0.0")
        assert candidate.filename == "iniconfig-2.0.0-py3-none-any.whl"
        assert candidate.digests[0].algorithm == "sha256"
        catalogue.close()
        made = len(catalogues.registries)
        warm = catalogues.catalogue(configured_index().secret)
        assert warm.listing("iniconfig") == listing
        assert warm.metadata("iniconfig", "2.0.0") == metadata
        assert len(catalogues.registries) == made


def test_unknown_name_is_absent() -> None:
    found = pip_config.configured(os.environ, (sys.prefix,))
    with CatalogueFixture(retries=3, environ=os.environ, certificates=found.certificates or None) as catalogues:
        try:
            listing = catalogues.catalogue(configured_index().secret).listing(
                "commonwheel-is-not-a-name-on-any-index-0"
            )
        except CommonwheelError as error:
            pytest.fail(f"the configured index does not answer: {error.message}", pytrace=False)
        assert listing.versions == ()
        assert "does not have it" in listing.note
