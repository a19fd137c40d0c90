"""What a page of an index may link to: files of the network that can be checked, and nothing of this machine."""

import hashlib
import os

import pytest

from kit.index_server import Authority, IndexServer
from kit.wheels import make_wheel, wheel_bytes, wheel_filename

NAME = wheel_filename("app", "1.0")
DATA = wheel_bytes("app", "1.0", {"app.py": ""})


@pytest.fixture
def user(cw):
    cw.write("cw.toml", "retries = 0\n")
    cw("venv", "v").ok()
    return cw


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("form", ["index", "links", "download"])
def test_a_page_of_https_links_to_plain_http_with_a_hash_only(user, form, hashed, tmp_path_factory):
    authority = Authority()
    bundle = authority.bundle(str(tmp_path_factory.mktemp("bundle")))
    with IndexServer(authority=authority) as secure, IndexServer(address="0.0.0.0") as plain:
        plain.put(f"/{NAME}", DATA)
        digest = f"#sha256={hashlib.sha256(DATA).hexdigest()}" if hashed else ""
        page = f'<a href="{plain.root}/{NAME}{digest}">{NAME}</a>'.encode()
        secure.put("/simple/app/", page, "text/html")
        secure.put("/links", page, "text/html")
        where = ("--no-index", "-f", f"{secure.root}/links") if form == "links" else ("-i", f"{secure.root}/simple")
        verb = ("download", "-d", "d", "--no-deps") if form == "download" else ("install", "-p", "v")
        words = ("pip", *verb, *where, "--cert", bundle, "app")
        ran = user(*words)
        if hashed:
            assert ran.code == 0, ran.err
            return
        assert ran.code == 1
        assert "without a hash" in ran.err
        assert "--allow-insecure-host" in ran.err
        user(*words, "--allow-insecure-host", plain.host).ok()


@pytest.mark.parametrize("form", ["json", "html"])
@pytest.mark.parametrize("link", ["file://{path}", "FILE:{path}", "ftp://h/{name}", "\tfile://{path}"])
def test_a_page_of_the_network_links_to_no_file_of_this_machine(user, form, link):
    path = make_wheel(user.path("wheels"), "app", "1.0", {"app.py": ""})
    address = link.format(path=path, name=NAME)
    with IndexServer() as index:
        if form == "html":
            index.put("/simple/app/", f'<a href="{address}">{NAME}</a>'.encode(), "text/html")
            index.put(
                "/based/app/",
                f'<base href="file://{os.path.dirname(path)}/"><a href="{NAME}">x</a>'.encode(),
                "text/html",
            )
        else:
            text = f'{{"meta": {{"api-version": "1.0"}}, "name": "app", "files": [{{"filename": "{NAME}", "url": "{address.strip()}", "hashes": {{}}}}]}}'
            index.put("/simple/app/", text.encode(), "application/vnd.pypi.simple.v1+json")
        for place in ("simple", "based"):
            user("pip", "install", "-p", "v", "-i", f"{index.root}/{place}", "app").failed(1)
    user("pip", "install", "-p", "v", "--no-index", "-f", user.path("wheels"), "app").ok()


@pytest.mark.parametrize("odd", ["\u202e", "\u2066", "\u200f", "\u061c"])
def test_a_wheel_whose_names_are_shown_as_others_is_refused(user, odd):
    path = make_wheel(user.path("wheels"), "app", "1.0", {f"app/x{odd}yp.txt": ""})
    ran = user("pip", "install", "-p", "v", path).failed(1)
    assert "direction of writing" in ran.err
    assert odd not in ran.err
