"""Which authorities to believe: the CA bundle, as told by options and environment, or found on this machine.

Laws of this file: it reads, and never guesses past a wish: what was named and holds no certificate is an error.
"""

import os
import sys

from commonwheel.errors import UsageError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

# Where systems keep the bundle: Debian, Fedora, openSUSE, RHEL's extracted form, Alpine and macOS, FreeBSD, OpenBSD.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/usr/local/etc/ssl/cert.pem",
)
_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts")
_MARKS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----", b"-----BEGIN X509 CERTIFICATE-----")


class CertificateError(UsageError):
    """A named file or directory of certificates is of no use."""

    code = "certificates"


class Trust(Value):
    """What curl is to believe: a bundle file, a hashed directory, PEM text; "" or b"" for none. `why` says whence."""

    __slots__ = ("bundle", "directory", "pem", "why")

    def __init__(self, bundle: str = "", directory: str = "", pem: bytes = b"", why: str = "") -> None:
        self.bundle: Final = bundle
        self.directory: Final = directory
        self.pem: Final = pem
        self.why: Final = why


def trust(environ: "Mapping[str, str]", named: str | None = None) -> Trust:
    """Return what to believe: `--cert`, SSL_CERT_FILE with SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, the system's.

    Raises CertificateError when something named holds no certificate (never falls back then, as uv since 0.12).
    """
    if named:
        return _place(named, "--cert")
    file, directory = environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")
    if file and directory:
        bundle = _bundle(file, "SSL_CERT_FILE")
        folder = _directory(directory, "SSL_CERT_DIR")
        both = "SSL_CERT_FILE and SSL_CERT_DIR"
        if folder.pem:  # curl reads a file or a text, not both
            return Trust("", folder.directory, _read(file, "SSL_CERT_FILE") + b"\n" + folder.pem, both)
        return Trust(bundle.bundle, folder.directory, why=both)
    if file:
        return _bundle(file, "SSL_CERT_FILE")
    if directory:
        return _directory(directory, "SSL_CERT_DIR")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if environ.get(name):
            return _place(environ[name], name)
    return _system()


def client_certificate(environ: "Mapping[str, str]", named: str | None = None) -> str:
    """Return the file with our own certificate and key (`SSL_CLIENT_CERT`), or "". Raises CertificateError."""
    path = named or environ.get("SSL_CLIENT_CERT", "")
    if not path:
        return ""
    data = _read(path, "SSL_CLIENT_CERT")
    if not _holds(data):
        raise _useless(path, "SSL_CLIENT_CERT", "holds no certificate in PEM form")
    if b"PRIVATE KEY-----" not in data:
        raise _useless(path, "SSL_CLIENT_CERT", "holds no private key (certificate and key stand in one PEM file)")
    return path


def _place(path: str, why: str) -> Trust:
    return _directory(path, why) if os.path.isdir(path) else _bundle(path, why)


def _bundle(path: str, why: str) -> Trust:
    if not _holds(_read(path, why)):
        raise _useless(path, why, "holds no certificate in PEM form")
    return Trust(bundle=path, why=why)


def _directory(value: str, why: str) -> Trust:
    """Return how to use a directory (or several, `:` between them): by hash names where it has them, else as one text."""
    gathered: list[bytes] = []
    hashed = ""
    for path in value.split(os.pathsep):
        try:
            names = os.listdir(path)
        except OSError as error:
            raise _useless(path, why, f"cannot be listed: {error.strerror}") from error
        if not hashed and any(_hash_name(name) for name in names):
            hashed = path
            continue
        for name in sorted(names):
            data = _peek(os.path.join(path, name))
            if _holds(data):
                gathered.append(data)
    if not hashed and not gathered:
        raise _useless(value, why, "holds no certificate")
    return Trust(directory=hashed, pem=b"\n".join(gathered), why=why)


def _system() -> Trust:
    for path in _BUNDLES:
        if _holds(_peek(path)):
            return Trust(bundle=path, why="the system's bundle")
    for path in _DIRECTORIES:
        try:
            return _directory(path, "the system's directory")
        except CertificateError:
            continue
    for folder in sys.path:  # certifi's file is found without importing it, or the machinery that would find it
        path = os.path.join(folder, "certifi", "cacert.pem")
        if _holds(_peek(path)):
            return Trust(bundle=path, why="certifi")
    return Trust(why="what libcurl was built with")


def _hash_name(name: str) -> bool:
    """Return whether a name is one of `c_rehash`: eight hexadecimal digits, a dot, a number."""
    head, dot, tail = name.partition(".")
    return bool(dot) and len(head) == 8 and tail.isdigit() and all(char in "0123456789abcdef" for char in head)  # noqa: PLR2004


def _holds(data: bytes) -> bool:
    return any(mark in data for mark in _MARKS)


def _peek(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _read(path: str, why: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise _useless(path, why, f"cannot be read: {error.strerror}") from error


def _useless(path: str, why: str, what: str) -> CertificateError:
    return CertificateError(
        f"`{path}`, named by `{why}`, {what}",
        hint=f"correct `{why}` or take it away, so that the system's certificates are used",
    )
