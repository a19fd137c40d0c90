"""Controls and line ends that others wrote: no terminal obeys them, no line of a result is forged, no URL holds them."""

import json
import os
import re

import pytest

from kit.index_server import IndexServer
from kit.wheels import make_wheel, wheel_bytes, wheel_filename

ESC = "\x1b]0;owned\x07\x9b31m\u202e"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def site(cw):
    lib = cw.path("v", "lib")
    return os.path.join(lib, next(name for name in os.listdir(lib) if name.startswith("python")), "site-packages")


def planted(cw, directory, **files):
    """Make the metadata directory of a distribution by hand."""
    path = os.path.join(site(cw), directory)
    os.makedirs(path)
    for name, text in {"METADATA": "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n", **files}.items():
        with open(os.path.join(path, name.replace("_json", ".json")), "w", encoding="utf-8") as stream:
            stream.write(text)


@pytest.fixture
def user(cw):
    cw.write("cw.toml", "")
    cw("venv", "v").ok()
    return cw


@pytest.mark.parametrize(
    "document",
    [
        {"url": "https://h/x.whl\nevil==6.6", "archive_info": {}},
        {"url": f"https://h/{ESC}x.whl", "archive_info": {}},
        {"url": "https://h/r", "vcs_info": {"vcs": "git", "commit_id": "a\nevil==6.6"}},
        {"url": "https://h/r", "vcs_info": {"vcs": "git\nevil==6.6\n", "commit_id": "a"}},
        {"url": "https://h/x.whl", "archive_info": {}, "subdirectory": f"a\nevil==6.6{ESC}"},
        {"url": "file:///x%0Aevil==6.6", "dir_info": {"editable": True}},
        {"url": "file:///x\u2028evil==6.6", "dir_info": {"editable": True}},
    ],
    ids=["url", "controls", "commit", "kind", "subdirectory", "editable", "separator"],
)
def test_a_frozen_line_is_one_line_and_text(user, document):
    planted(user, "odd-1.0.dist-info", direct_url_json=json.dumps(document))
    for words in (("pip", "freeze"), ("pip", "list"), ("pip", "list", "--format", "freeze"), ("pip", "show", "odd")):
        ran = user(*words, "-p", "v").ok()
        assert not OBEYED.search(ran.out + ran.err)
        assert not any(line.startswith("evil") for line in ran.out.splitlines())
    assert json.loads(user("pip", "list", "-p", "v", "--format", "json").ok().out)[0]["name"] == "odd"
    assert json.loads(user("pip", "freeze", "-p", "v", "--json").ok().out)


@pytest.mark.parametrize("directory", ["odd-1.0\nevil==6.6.dist-info", f"odd-1{ESC}.dist-info", "odd-1 evil.egg-info"])
@pytest.mark.parametrize("version", ["1.0", "1.0\n evil==6.6", f"1{ESC}"])
def test_a_version_is_a_word(user, directory, version):
    text = f"Metadata-Version: 2.1\nName: odd\nVersion: {version}\n"
    planted(user, directory, METADATA=text, **{"PKG-INFO": text})
    ran = user("pip", "freeze", "-p", "v").ok()
    assert not OBEYED.search(ran.out + ran.err)
    assert ran.out in ("", "odd==1.0\n")


def test_metadata_is_shown_and_not_obeyed(user):
    text = f"Metadata-Version: 2.1\nName: app\nVersion: 1.0\nSummary: nice{ESC}\nAuthor: me\n Location: /evil\nHome-page: x\r{ESC}\n"
    path = make_wheel(user.path("wheels"), "app", "1.0", {"app.py": ""}, metadata=text)
    user("pip", "install", "-p", "v", path).ok()
    for words in (("show", "app"), ("show", "-v", "app"), ("tree",), ("check",)):
        ran = user("pip", words[0], "-p", "v", *words[1:]).ok()
        assert not OBEYED.search(ran.out + ran.err)
    assert not any(line.startswith("Location: /evil") for line in ran.out.splitlines())
    assert json.loads(user("pip", "inspect", "-p", "v").ok().out)


def test_what_an_index_says_is_shown_and_not_obeyed(user):
    with IndexServer() as index:
        index.add(
            wheel_filename("app", "1.0"), wheel_bytes("app", "1.0", {"app.py": ""}), yanked=f"bad{ESC}\nerror: forged"
        )
        ran = user("pip", "install", "-p", "v", "-i", index.url, "app==1.0").ok()
        assert "bad\\x1b]0;owned" in ran.err
        assert not OBEYED.search(ran.err)
        assert "\nerror: forged" not in ran.err
        index.put(
            "/plain/app/",
            f"<a href='{ESC}.html'>x</a><a href='/files/\x1b/app-2.0-py3-none-any.whl'>app</a>".encode(),
            "text/html",
        )
        ran = user("pip", "install", "-p", "v", "-i", f"{index.root}/plain", "app==2.0", "--refresh").failed()
        assert not OBEYED.search(ran.err)
        assert not index.seen("/files/\x1b/app-2.0-py3-none-any.whl")


@pytest.mark.parametrize("url", [f"https://h/{ESC}", "https://h/\u2066x", "https://h\x01/x"])
def test_a_url_with_controls_is_refused_where_it_is_written(user, url):
    user.write("in.txt", f"app @ {url}/app-1.0-py3-none-any.whl\n")
    user.write("index.txt", f"--index-url {url}\napp\n")
    user.write("links.txt", f"--find-links {url}\napp\n")
    for words in (
        ("-r", "in.txt"),
        ("-r", "index.txt"),
        ("-r", "links.txt"),
        ("-i", url, "app"),
        ("--no-index", "-f", url, "app"),
    ):
        ran = user("pip", "install", "-p", "v", *words).failed(2)
        assert not OBEYED.search(ran.err)
        assert "cannot hold" in ran.err


def test_a_requirement_with_controls_is_shown_and_not_obeyed(user):
    user.write("in.txt", f"app{ESC}==1\n--{ESC}\nlib=={ESC}\n")
    assert not OBEYED.search(user("pip", "install", "-p", "v", "-r", "in.txt").failed(2).err)
    assert not OBEYED.search(user("pip", "install", "-p", "v", f"x{ESC}").failed(2).err)
    user.write(f"r{ESC}.txt", "nope nope\n")
    assert not OBEYED.search(user("pip", "install", "-p", "v", "-r", f"r{ESC}.txt").failed(2).err)
