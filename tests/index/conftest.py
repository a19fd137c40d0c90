"""An index server, and what makes catalogues of it."""

from collections.abc import Iterator

import pytest

from kit.catalogue_fixture import CatalogueFixture
from kit.index_server import IndexServer


@pytest.fixture
def server() -> Iterator[IndexServer]:
    """Give an index on the loopback interface, without any project."""
    with IndexServer() as made:
        yield made


@pytest.fixture
def catalogues() -> Iterator[CatalogueFixture]:
    """Make catalogues with records in memory."""
    with CatalogueFixture() as made:
        yield made
