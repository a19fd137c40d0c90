"""What came over a way that anybody may have answered on is used once, by who wished it so, and remembered for nobody who checks."""

import os

import pytest

from kit.cli import Cw
from kit.index_server import Authority, IndexServer, Status
from kit.wheels import wheel_bytes, wheel_filename

NAME = wheel_filename("lib", "1.0")
PAGE = "/simple/lib/"
LONG = {"cache-control": "max-age=36000"}


def wheel(who: str, *needs: str) -> bytes:
    return wheel_bytes("lib", "1.0", {"lib.py": f"who = {who!r}\n"}, requires=list(needs))


class Two:
    """A user with two environments and one store, and an index that speaks TLS: `lax` checks nothing, `strict` does."""

    def __init__(self, cw: Cw, index: IndexServer, authority: Authority) -> None:
        cw.write("cw.toml", "retries = 0\n")
        self.cw, self.index = cw, index
        self.bundle = authority.bundle(cw.cwd)
        for name in ("lax", "strict"):
            cw("venv", name).ok()

    def lax(self, *words: str) -> str:
        self.cw("pip", "install", "-p", "lax", "--reinstall", "--allow-insecure-host", self.index.host, *words).ok()
        return self.who("lax")

    def strict(self, *words: str) -> str:
        self.cw("pip", "install", "-p", "strict", "--reinstall", "--cert", self.bundle, *words).ok()
        return self.who("strict")

    def who(self, environment: str) -> str:
        files = self.cw("pip", "show", "-f", "-p", environment, "lib").ok().out
        where = next(line.partition(": ")[2] for line in files.splitlines() if line.startswith("Location"))
        with open(f"{where}/lib.py", encoding="utf-8") as stream:
            return stream.read().split("'")[1]

    def becomes(self, who: str, *needs: str) -> None:
        """Serve another file under the same name."""
        self.index.files.clear()
        self.index.add(NAME, wheel(who, *needs))


@pytest.fixture
def authority():
    return Authority()


@pytest.fixture
def index(authority):
    with IndexServer(authority=authority) as server:
        server.page_headers = server.file_headers = LONG
        server.add(NAME, wheel("impostor"))
        yield server


@pytest.fixture
def two(cw, index, authority):
    return Two(cw, index, authority)


def test_a_page_of_an_unchecked_index_is_not_remembered(two, index):
    assert two.lax("-i", index.url, "lib") == "impostor"
    two.becomes("friend")
    assert two.strict("-i", index.url, "lib") == "friend"


def test_where_an_unchecked_url_without_a_hash_led_is_not_remembered(two, index):
    index.hashes = index.metadata_hashes = False
    assert two.lax("-i", index.url, "lib") == "impostor"
    two.becomes("friend")
    assert two.strict("-i", index.url, "lib") == "friend"


@pytest.mark.parametrize("way", ["direct", "links"])
def test_what_lay_at_an_unchecked_address_is_not_remembered(two, index, way):
    words = ("--no-index", f"lib @ {index.root}/files/lib/{NAME}")
    if way == "links":
        page = f'<a href="/files/lib/{NAME}#sha256='
        words = ("--no-index", "-f", index.root + "/links", "lib")
    for who, ask in (("impostor", two.lax), ("friend", two.strict)):
        two.becomes(who)
        if way == "links":
            digest = index.files["lib"][0].sha256
            index.put("/links", f'{page}{digest}">{NAME}</a>'.encode(), "text/html", **LONG)
        assert ask(*words) == who


def test_an_unchecked_answer_does_not_prolong_what_is_remembered(two, index):
    index.page_headers = {"cache-control": "max-age=0"}
    two.becomes("friend")
    assert two.strict("-i", index.url, "lib") == "friend"
    index.script(PAGE, Status(304, LONG))
    two.lax("-i", index.url, "lib")
    index.add(wheel_filename("lib", "2.0"), wheel_bytes("lib", "2.0", {"lib.py": "who = 'newer'\n"}))
    assert two.strict("-i", index.url, "-U", "lib") == "newer"


def test_that_an_unchecked_index_lacks_a_project_is_not_remembered(two, index):
    index.script(PAGE, Status(404, LONG))
    two.cw("pip", "install", "-p", "lax", "--allow-insecure-host", index.host, "-i", index.url, "lib").failed(1)
    two.becomes("friend")
    assert two.strict("-i", index.url, "lib") == "friend"


@pytest.mark.parametrize("apart", [True, False])
def test_metadata_of_an_unchecked_file_is_not_remembered_for_its_index(two, index, authority, apart):
    """The page is checked, and its files lie on a host that is not: neither metadata nor a resolution of it is kept."""
    with IndexServer(authority=authority, address="127.0.0.2") as files:
        files.metadata = apart
        files.file_headers = LONG
        files.add(NAME, wheel("impostor", "evil"))
        page = f'<a href="{files.root}/files/lib/{NAME}"{" data-core-metadata=true" if apart else ""}>{NAME}</a>'
        index.put("/plain/lib/", page.encode(), "text/html", **LONG)
        two.cw.write("in.txt", "lib\n")
        asked = ("pip", "compile", "in.txt", "-p", "strict", "-i", index.root + "/plain", "--cert", two.bundle)
        two.cw(*asked, "--allow-insecure-host", files.host).failed(1)  # nobody has `evil`
        files.files.clear()
        files.add(NAME, wheel("friend"))
        assert "lib==1.0" in two.cw(*asked).ok().out


def test_a_plain_index_is_remembered_apart_and_for_its_user_alone(cw):
    with IndexServer(address="0.0.0.0") as index:
        index.page_headers = LONG
        index.add(NAME, wheel("plain"))
        cw.write("cw.toml", f'index-url = "{index.url}"\n')
        cw("venv", "v").ok()
        cw("pip", "install", "-p", "v", "lib").ok()
        cw("pip", "install", "-p", "v", "--reinstall", "lib").ok()
        assert len(index.seen(PAGE)) == 1
        assert len(index.log) <= 3
    rooms = os.listdir(cw.path("the store", "v1"))
    assert "private-pages" in rooms
    assert "pages" not in rooms
