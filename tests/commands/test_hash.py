"""`pip hash`."""

import hashlib
import json

import pytest


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_hashes_for_requirements_files(stocked, algorithm):
    path = stocked.path("wheels", "lib-1.0-py3-none-any.whl")
    with open(path, "rb") as stream:
        expected = hashlib.new(algorithm, stream.read()).hexdigest()
    ran = stocked("pip", "hash", "-a", algorithm, path).ok()
    assert ran.out == f"{path}:\n--hash={algorithm}:{expected}\n"
    assert (
        json.loads(stocked("pip", "hash", "-a", algorithm, path, "--json").ok().out)[0]["hash"]
        == f"{algorithm}:{expected}"
    )
    assert "none.whl" in stocked("pip", "hash", "none.whl").failed(2).err
    stocked("pip", "hash", stocked.path("wheels")).failed(2)
