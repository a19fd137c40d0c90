"""Which authorities are trusted."""

from pathlib import Path

import pytest

from commonwheel.net import certificates
from commonwheel.net.certificates import CertificateError, client_certificate, trust
from kit.index_server import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_variable_precedence(authority: Authority, tmp_path: Path) -> None:
    paths = {}
    for name in ("--cert", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        (tmp_path / name).mkdir()
        paths[name] = authority.bundle(str(tmp_path / name))
    environ = {name: path for name, path in paths.items() if name != "--cert"}
    assert trust(environ, paths["--cert"]).bundle == paths["--cert"]
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        found = trust(environ)
        assert (found.bundle, found.why) == (paths[name], name)
        del environ[name]


def test_certificate_directory_by_hash_names_or_as_text(authority: Authority, tmp_path: Path) -> None:
    authority.bundle(str(tmp_path))
    (tmp_path / "README").write_text("no certificate")
    plain = trust({"SSL_CERT_DIR": str(tmp_path)})
    assert (plain.directory, plain.pem) == ("", authority.pem)
    (tmp_path / "0123abcd.0").write_bytes(authority.pem)
    assert trust({"SSL_CERT_DIR": str(tmp_path)}).directory == str(tmp_path)


def test_file_and_directory_both_count(authority: Authority, tmp_path: Path) -> None:
    bundle = authority.bundle(str(tmp_path))
    both = trust({"SSL_CERT_FILE": bundle, "SSL_CERT_DIR": str(tmp_path)})
    assert (both.bundle, both.directory) == ("", "")
    assert both.pem.count(b"BEGIN CERTIFICATE") == 2
    (tmp_path / "0123abcd.0").write_bytes(authority.pem)
    both = trust({"SSL_CERT_FILE": bundle, "SSL_CERT_DIR": str(tmp_path)})
    assert (both.bundle, both.directory, both.pem) == (bundle, str(tmp_path), b"")


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("what", ["missing", "empty"])
def test_named_file_must_have_a_certificate(name: str, what: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if what == "empty":
        if name.endswith("DIR"):
            place.mkdir()
        else:
            place.write_text("")
    with pytest.raises(CertificateError) as caught:
        trust({name: str(place)})
    assert (caught.value.code, caught.value.exit_status) == ("certificates", 2)
    assert str(place) in caught.value.message
    assert name in caught.value.message


def test_empty_variable_is_unset(authority: Authority, tmp_path: Path) -> None:
    bundle = authority.bundle(str(tmp_path))
    assert trust({"SSL_CERT_FILE": "", "SSL_CERT_DIR": "", "CURL_CA_BUNDLE": bundle}).bundle == bundle


def test_system_locations_are_searched(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = authority.bundle(str(tmp_path))
    monkeypatch.setattr(certificates, "_DIRECTORIES", (str(tmp_path / "none"),))
    monkeypatch.setattr(certificates, "_BUNDLES", (str(tmp_path / "none"), bundle))
    assert trust({}).bundle == bundle
    monkeypatch.setattr(certificates, "_BUNDLES", ())
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert trust({}).bundle == ""
    (tmp_path / "certifi").mkdir()
    (tmp_path / "certifi" / "cacert.pem").write_bytes(authority.pem)
    assert (trust({}).bundle, trust({}).why) == (str(tmp_path / "certifi" / "cacert.pem"), "certifi")
    monkeypatch.setattr(certificates, "_DIRECTORIES", (str(tmp_path),))
    assert trust({}).pem == authority.pem


def test_client_certificate_needs_its_key(authority: Authority, tmp_path: Path) -> None:
    assert client_certificate({}) == ""
    path = authority.client_certificate(str(tmp_path))
    assert client_certificate({"SSL_CLIENT_CERT": path}) == path
    with pytest.raises(CertificateError, match="no private key"):
        client_certificate({"SSL_CLIENT_CERT": authority.bundle(str(tmp_path))})
    with pytest.raises(CertificateError, match="cannot be read"):
        client_certificate({"SSL_CLIENT_CERT": str(tmp_path / "none")})
