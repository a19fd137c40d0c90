"""What tests of the sources start from."""

from pathlib import Path

import pytest

from kit.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Give a user in a place with a space in its path."""
    (tmp_path / "a place").mkdir()
    return Workshop(str(tmp_path / "a place"))
