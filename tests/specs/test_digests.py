import hashlib

import pytest

from commonwheel.model import Digest
from commonwheel.specs import digests


@pytest.mark.parametrize("algorithm", sorted(digests.LENGTHS))
def test_digest_lengths_match_hashlib(algorithm: str) -> None:
    hexadecimal = hashlib.new(algorithm, b"").hexdigest()
    assert digests.parse(f"{algorithm}:{hexadecimal.upper()}") == Digest(algorithm, hexadecimal)
    assert digests.parse(f"{algorithm.upper()}={hexadecimal}") == Digest(algorithm, hexadecimal)


@pytest.mark.parametrize(
    "text", ["", "sha256", "sha256:", "sha256:abc", "sha257:" + "a" * 64, "sha256:" + "g" * 64, "md5:" + "a" * 64]
)
def test_invalid_digests_are_refused(text: str) -> None:
    assert digests.parse(text) is None


def test_strongest_digest_is_chosen() -> None:
    md5, sha256, sha512 = Digest("md5", "a" * 32), Digest("sha256", "a" * 64), Digest("sha512", "a" * 128)
    assert digests.strongest((md5, sha512, sha256)) == sha256
    assert digests.strongest((md5, sha512)) == sha512
    assert digests.strongest((md5,)) == md5
    assert digests.strongest(()) is None
