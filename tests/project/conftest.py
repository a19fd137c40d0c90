"""A project with an index of its own, for every test of this room."""

from collections.abc import Iterator

import pytest

from kit.index_server import IndexServer
from kit.projects import Project


@pytest.fixture
def project(place: str) -> Iterator[Project]:
    """Give an empty project directory beside an index with a few packages that need each other."""
    with IndexServer() as index:
        made = Project(place, index)
        made.wheel("alpha", "1.0", "beta>=1", 'colorama; sys_platform == "win32"')
        made.wheel("alpha", "2.0", "beta>=1", 'gamma; python_version < "3.11"', 'delta; extra == "cli"', extras=["cli"])
        made.wheel("beta", "1.0")
        made.wheel("beta", "1.5")
        made.wheel("gamma", "1")
        made.wheel("delta", "1")
        made.wheel("colorama", "0.4")
        yield made
