"""What tests of the session start from."""

from pathlib import Path

import pytest

from kit.cli import Cw


@pytest.fixture
def cw(tmp_path: Path) -> Cw:
    """Give a user without indexes."""
    cw = Cw(tmp_path)
    cw.write("cw.toml", "no-index = true\n")
    return cw
