"""Hashes that people and indexes write: `sha256:…`, `sha256=…`; which algorithms there are, and which are worth something."""

from commonwheel.model import Digest

# hexadecimal digits of each algorithm that indexes, locks and requirement files use
LENGTHS = {
    "md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128,
    "blake2b": 128, "blake2s": 64, "sha3_224": 56, "sha3_256": 64, "sha3_384": 96, "sha3_512": 128,
}  # fmt: skip
WEAK = frozenset(("md5", "sha1"))
_HEXADECIMAL = frozenset("0123456789abcdef")


def make(algorithm: str, hexadecimal: str) -> Digest | None:
    """Return the digest, or None for an algorithm that is not known and for what is not a hash of its length."""
    algorithm = algorithm.lower()
    hexadecimal = hexadecimal.lower()
    if LENGTHS.get(algorithm) != len(hexadecimal) or not _HEXADECIMAL.issuperset(hexadecimal):
        return None
    return Digest(algorithm, hexadecimal)


def parse(text: str) -> Digest | None:
    """Return the digest of `algorithm:hexadecimal` or `algorithm=hexadecimal`, or None when it is neither."""
    algorithm, separator, hexadecimal = text.partition(":")
    if not separator:
        algorithm, separator, hexadecimal = text.partition("=")
    return make(algorithm.strip(), hexadecimal.strip())


def strongest(digests: "tuple[Digest, ...]") -> Digest | None:
    """Return the digest to check by where one is enough: sha256 if it is there, since entries are named by it."""
    for digest in digests:
        if digest.algorithm == "sha256":
            return digest
    return max(digests, key=lambda digest: (digest.algorithm not in WEAK, len(digest.hex)), default=None)
