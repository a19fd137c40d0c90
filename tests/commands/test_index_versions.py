"""`pip index versions`: what an index offers of one project."""

from pathlib import Path

import pytest

from kit.wheels import make_wheel
from kit.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    (tmp_path / "a place").mkdir()
    shop = Workshop(str(tmp_path / "a place"))
    make_wheel(shop.path("files"), "lib", "1.0", {"lib.py": ""})
    return shop


def test_versions_are_listed_newest_first(shop: Workshop) -> None:
    for version in ("1.5", "2.0", "3.0a1"):
        make_wheel(shop.path("files"), "lib", version, {"lib.py": ""})
    ran = shop("pip", "index", "versions", "-p", "v", "lib").ok()
    assert "lib (2.0)" in ran.out
    assert "Available versions: 2.0, 1.5, 1.0" in ran.out
    assert "3.0a1" in shop("pip", "index", "versions", "-p", "v", "--pre", "lib").ok().out
    shop.install("lib==1.5").ok()
    assert "INSTALLED: 1.5" in shop("pip", "index", "versions", "-p", "v", "lib").ok().out
    assert shop("pip", "index", "versions", "-p", "v", "nowhere").code == 1
