"""People and stores for the crowd: made once for each file of tests, since users are slow to make."""

from collections.abc import Iterator

import pytest

from kit.commons import Commons, commons


@pytest.fixture(scope="module")
def here() -> Iterator[Commons]:
    """Give a machine with alice, bob and carol, who are one team, and mallory, who is nobody's friend."""
    with commons("alice", "bob", "carol", "mallory", members=("alice", "bob", "carol")) as made:
        yield made
