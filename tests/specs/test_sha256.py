"""specs/sha256.py: the same as hashlib."""

import hashlib

import pytest

from commonwheel.specs.sha256 import sha256_of


@pytest.mark.parametrize("data", [b"", b"x", b"\xff" * 100_000])
def test_matches_hashlib_sha256(data: bytes) -> None:
    assert sha256_of(data) == hashlib.sha256(data).hexdigest()
