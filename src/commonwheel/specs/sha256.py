"""The sha256 of small texts, for names and for RECORD, without `hashlib`, which loads OpenSSL for it (4 ms)."""

try:
    from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore]  # Python 3.12
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found, unused-ignore]  # Python 3.11
    except ImportError:
        from hashlib import sha256


def sha256_of(data: bytes) -> str:
    """Return the sha256 of some bytes in hexadecimal."""
    return str(sha256(data).hexdigest())
