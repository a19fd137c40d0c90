"""Whose password goes where."""

import threading
from pathlib import Path

import pytest

from commonwheel.net.credentials import Credentials


class Keyring:
    """A keyring in a dict that counts its questions."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = {tuple(key.split("|")): value for key, value in secrets.items()}
        self.asked: list[tuple[str, str]] = []

    def __call__(self, service: str, user: str) -> str | None:
        self.asked.append((service, user))
        return self.secrets.get((service, user))


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose home has no netrc file."""
    return {"HOME": str(tmp_path)}


def netrc(home: dict[str, str], text: str, name: str = ".netrc") -> None:
    (Path(home["HOME"]) / name).write_text(text)


def test_url_credentials_come_first(home: dict[str, str]) -> None:
    netrc(home, "machine h login other password no")
    assert Credentials(environ=home).find("https://a%40b:c%3Ad@h/x") == ("a@b", "c:d")
    assert Credentials(environ=home).find("https://a:@h/x") == ("a", "")


def test_no_credentials(home: dict[str, str]) -> None:
    assert Credentials(environ=home).find("https://h/x") is None


def test_token_is_sent_with_an_empty_password(home: dict[str, str]) -> None:
    assert Credentials(environ=home).find("https://token@h/x") == ("token", "")


def test_index_credentials_apply_to_its_origin_only(home: dict[str, str]) -> None:
    known = Credentials(environ=home, urls=("https://ann:pw@h/simple/",))
    assert known.find("https://h/files/x.whl") == ("ann", "pw")
    assert known.find("https://H:443/other") == ("ann", "pw")
    assert known.find("http://h/simple/") is None
    assert known.find("https://h:8443/simple/") is None
    assert known.find("https://sub.h/simple/") is None


def test_nearest_path_wins_on_a_shared_host(home: dict[str, str]) -> None:
    known = Credentials(environ=home, urls=("https://a:1@h/group/one/simple/", "https://b:2@h/group/two/simple/"))
    assert known.find("https://h/group/two/files/x.whl") == ("b", "2")
    assert known.find("https://h/group/one/files/x.whl") == ("a", "1")
    assert known.find("https://h/group/onety") == ("a", "1")
    assert known.find("https://b@h/group/one/simple/") == ("b", "2")


def test_netrc(home: dict[str, str]) -> None:
    netrc(home, "machine h login ann password pw\nmachine p login bob password 'q'\ndefault login any password thing\n")
    known = Credentials(environ=home)
    assert known.find("https://h/x") == ("ann", "pw")
    assert known.find("https://elsewhere/x") == ("any", "thing")
    assert known.find("https://ann@h/x") == ("ann", "pw")
    assert known.find("https://carl@h/x") == ("carl", "")


def test_netrc_variable_loses_against_index_url(home: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.write_text("machine h login ann password pw\nmachine i login ann password pw\n")
    known = Credentials(environ={**home, "NETRC": str(other)}, urls=("https://bob:q@i/",))
    assert known.find("https://h/x") == ("ann", "pw")
    assert known.find("https://i/x") == ("bob", "q")
    netrc(home, "machine u login und password er", "_netrc")
    assert Credentials(environ=home).find("https://u/x") == ("und", "er")


@pytest.mark.parametrize(("text", "what"), [(None, "does not exist"), ("machine h secret-word", "mistake in line 1")])
def test_unreadable_netrc_is_reported_once_without_content(
    home: dict[str, str], tmp_path: Path, text: str | None, what: str
) -> None:
    path = tmp_path / "named"
    if text is not None:
        path.write_text(text)
    notes: list[tuple[str, str]] = []
    known = Credentials(environ={**home, "NETRC": str(path)}, note=lambda level, said: notes.append((level, said)))
    assert known.find("https://h/x") is None
    assert known.find("https://i/x") is None
    ((level, said),) = notes
    assert level == "warning"
    assert str(path) in said
    assert what in said
    assert "secret-word" not in said


def test_named_indexes_have_variables(home: dict[str, str]) -> None:
    environ = {
        **home,
        "UV_INDEX_MY_INDEX_USERNAME": "old",
        "CW_INDEX_MY_INDEX_USERNAME": "ann",
        "UV_INDEX_MY_INDEX_PASSWORD": "pw",
        "CW_INDEX_TOKENS_PASSWORD": "token",
    }
    known = Credentials(environ=environ, indexes={"my-index": "https://h/simple/", "tokens": "https://t/simple/"})
    assert known.find("https://h/files/x.whl") == ("ann", "pw")
    assert known.find("https://t/simple/x/") == ("", "token")
    netrc(home, "machine h login carl password first")
    again = Credentials(environ=environ, indexes={"my-index": "https://h/simple/"})
    assert again.find("https://h/files/x.whl") == ("carl", "first")


def test_keyring_is_asked_once_for_url_then_host(home: dict[str, str]) -> None:
    keyring = Keyring(**{"h|ann": "pw"})
    known = Credentials(environ=home, keyring=keyring, urls=("https://ann@h/simple/",))
    assert known.find("https://h/simple/a/?x#y") == ("ann", "pw")
    assert known.find("https://h/simple/b/") == ("ann", "pw")
    assert keyring.asked == [("https://h/simple/a/", "ann"), ("h", "ann")]


def test_keyring_needs_a_user(home: dict[str, str]) -> None:
    keyring = Keyring()
    environ = {**home, "UV_INDEX_X_USERNAME": "ann"}
    known = Credentials(environ=environ, keyring=keyring, indexes={"x": "https://i/simple/"})
    assert known.find("https://h/simple/a/") is None
    assert keyring.asked == []
    assert known.find("https://i/simple/a/") == ("ann", "")
    assert keyring.asked == [("https://i/simple/a/", "ann"), ("i", "ann")]


def test_parallel_lookups_ask_once(home: dict[str, str]) -> None:
    keyring = Keyring(**{"h|ann": "pw"})
    known = Credentials(environ=home, keyring=keyring)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(known.find("https://ann@h/x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [("ann", "pw")] * 8
    assert len(keyring.asked) == 2


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://h/x", True),
        ("https://h:443/x", True),
        ("https://index:8443/files/x", True),
        ("https://named:9000/y", True),
        ("http://plain/files/x", True),
        ("https://h:8443/x", False),
        ("https://index:9443/x", False),
        ("http://h/x", False),
        ("http://index:8443/x", False),
    ],
)
def test_netrc_is_for_https_and_for_the_addresses_that_the_user_names(
    home: dict[str, str], url: str, known: bool
) -> None:
    """A page can link to any port, and who else has an account on that host can listen there."""
    netrc(home, "".join(f"machine {host} login ann password pw\n" for host in ("h", "index", "named", "plain")))
    named = {"https://named:9000/x.whl"}
    found = Credentials(
        environ=home,
        urls=("https://index:8443/simple", "http://plain/simple"),
        indexes={"corp": "https://c:1/"},
        named=named,
    )
    assert (found.find(url) is not None) is known
    named.add(url)
    assert found.find(url) is not None
