"""An index to ask, and a desk to ask it from."""

from collections.abc import Iterator

import pytest

from kit.desk import Desk
from kit.index_server import IndexServer


@pytest.fixture
def server() -> Iterator[IndexServer]:
    """Give an index on the loopback interface, without any project."""
    with IndexServer() as made:
        yield made


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Give what makes catalogues, with records in memory."""
    with Desk() as made:
        yield made
