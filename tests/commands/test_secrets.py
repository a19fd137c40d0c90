"""A password that was given to reach an index or a file appears in no output, file, message, history or metadata."""

import json
import os

import pytest

from kit.index_server import IndexServer
from kit.wheels import make_wheel, wheel_bytes, wheel_filename

USER, SECRET = "someone", "hunter2"


@pytest.fixture
def index():
    with IndexServer() as server:
        server.users = {USER: SECRET}
        for name, version, needs in (("app", "1.0", ["lib"]), ("lib", "1.0", []), ("lib", "2.0", [])):
            server.add(wheel_filename(name, version), wheel_bytes(name, version, {f"{name}.py": ""}, requires=needs))
        yield server


@pytest.fixture
def open_url(index):
    return index.url.replace("://", f"://{USER}:{SECRET}@")


@pytest.fixture
def user(cw):
    cw.write("cw.toml", "")
    cw("venv", "v").ok()
    return cw


def told(*ran):
    return "".join(one.out + one.err for one in ran)


def written(user, *names):
    """Return what files hold, and all files below directories."""
    found = []
    for name in names:
        path = user.path(name)
        paths = (
            [path]
            if os.path.isfile(path)
            else [os.path.join(at, one) for at, _, files in os.walk(path) for one in files]
        )
        for one in paths:
            with open(one, "rb") as stream:
                found.append(stream.read().decode("utf-8", "replace"))
    assert found
    return "".join(found)


def remembered(user):
    """Return in which rooms of the store pages were kept: those of private ones are for stores of one user only."""
    return {name for name in os.listdir(user.path("the store", "v1")) if name.endswith("pages")}


def test_what_an_open_index_says_may_be_shared(user, index):
    index.users = {}
    user("pip", "install", "-p", "v", "--index-url", index.url, "lib").ok()
    assert remembered(user) == {"pages"}


def test_nothing_tells_the_password_of_an_index(user, index, open_url):
    ran = [
        user(
            "pip", "install", "-p", "v", "-vv", "--index-url", open_url, "app", "lib<2", "--report", "report.json"
        ).ok(),
        user("pip", "install", "-p", "v", "--index-url", open_url, "app", "-U", "--json").ok(),
        user("pip", "list", "-p", "v", "--outdated", "--index-url", open_url, "-v").ok(),
        user("pip", "freeze", "-p", "v").ok(),
        user("pip", "inspect", "-p", "v").ok(),
        user("pip", "index", "versions", "lib", "--index-url", open_url).ok(),
        user("pip", "download", "lib", "-d", "down", "--index-url", open_url).ok(),
        user("config", environ={"UV_INDEX_URL": open_url}).ok(),
        user("pip", "debug", "-v", "-p", "v", "--index-url", open_url).ok(),
        user("env", "log", "-p", "v").ok(),
        user("env", "log", "-p", "v", "--json").ok(),
        user("pip", "install", "-p", "v", "--index-url", open_url, "nothing").failed(1),
        user("pip", "install", "-p", "v", "--index-url", open_url, "--offline", "nothing-else").failed(1),
    ]
    user.write("app.in", "app\n")
    outputs = ([], ["-o", "out.txt", "--emit-index-url", "--emit-index-annotation"], ["-o", "pylock.toml"])
    ran += [user("pip", "compile", "-p", "v", "app.in", "--index-url", open_url, *words).ok() for words in outputs]
    assert f"--index-url {index.url}" in written(user, "out.txt")
    assert SECRET not in told(*ran)
    assert SECRET not in written(user, "report.json", "out.txt", "pylock.toml", "v", "the store")


def test_an_error_of_the_network_masks_it(user, index, open_url):
    index.users = {USER: "changed meanwhile"}
    ran = user("pip", "install", "-p", "v", "--index-url", open_url, "lib").failed(1)
    assert SECRET not in told(ran)
    assert "401" in ran.err
    dead = user(
        "pip",
        "install",
        "-p",
        "v",
        "--index-url",
        f"http://{USER}:{SECRET}@127.0.0.1:1/simple",
        "--retries",
        "0",
        "lib",
    )
    dead.failed(2)
    assert SECRET not in told(dead)


def test_the_url_of_a_requirement_keeps_it_to_itself(user, index, open_url):
    url = open_url.replace("/simple", "/files/lib/lib-1.0-py3-none-any.whl").rstrip("/")
    ran = [
        user("pip", "install", "-p", "v", "-v", f"lib @ {url}", "--report", "report.json").ok(),
        user("pip", "freeze", "-p", "v").ok(),
    ]
    user.write("lib.in", f"lib @ {url}\n")
    ran.append(user("pip", "compile", "-p", "v", "lib.in", "-o", "out.txt", "--generate-hashes").ok())
    assert SECRET not in told(*ran)
    assert SECRET not in written(user, "report.json", "out.txt", "v", "the store")
    with open(os.path.join(user.site(), "lib-1.0.dist-info", "direct_url.json"), encoding="utf-8") as stream:
        assert json.load(stream)["url"] == url.replace(f"{USER}:{SECRET}@", "")


def test_variables_in_urls_are_written_back_as_variables(user, index, open_url):
    user.write("lib.in", "lib @ ${PLACE}/files/lib/lib-1.0-py3-none-any.whl\n")
    ran = user(
        "pip", "compile", "-p", "v", "lib.in", environ={"PLACE": open_url.replace("/simple", "").rstrip("/")}
    ).ok()
    assert "lib @ ${PLACE}/files/lib/lib-1.0-py3-none-any.whl\n" in ran.out
    assert SECRET not in told(ran)


@pytest.mark.parametrize("prefix", ["CW", "UV"])
def test_a_named_index_finds_its_credentials_in_variables(user, index, prefix):
    user.write("cw.toml", f'[[index]]\nname = "in-house"\nurl = "{index.url}"\ndefault = true\n')
    environ = {f"{prefix}_INDEX_IN_HOUSE_USERNAME": USER, f"{prefix}_INDEX_IN_HOUSE_PASSWORD": SECRET}
    assert "lib==2.0" in user("pip", "install", "-p", "v", "lib", environ=environ).ok().err
    assert remembered(user) == {"private-pages"}
    assert SECRET not in written(user, "v", "the store")


def test_a_netrc_file_opens_an_index(user, index):
    user.write("netrc", f"machine 127.0.0.1 login {USER} password {SECRET}\n")
    os.chmod(user.path("netrc"), 0o600)
    ran = user(
        "pip", "install", "-p", "v", "-v", "--index-url", index.url, "lib", environ={"NETRC": user.path("netrc")}
    ).ok()
    assert SECRET not in told(ran)
    assert remembered(user) == {"private-pages"}


def test_the_keyring_is_asked_when_it_is_wanted(user, index):
    user.write("bin/keyring", f'#!/bin/sh\n[ "$1" = get ] && [ "$3" = {USER} ] && echo {SECRET}\n')
    os.chmod(user.path("bin", "keyring"), 0o755)
    path = user.path("bin") + os.pathsep + user.environ["PATH"]
    url = index.url.replace("://", f"://{USER}@")
    words = ["pip", "install", "-p", "v", "--index-url", url, "lib"]
    user(*words, environ={"PATH": path}).failed(1)
    ran = user(*words, "--keyring-provider", "subprocess", environ={"PATH": path}).ok()
    assert SECRET not in told(ran)
    assert remembered(user) == {"private-pages"}


def test_a_requirements_file_may_hold_an_open_url(user, index, open_url):
    user.write("r.txt", f"--index-url {open_url}\nlib==99\n")
    ran = user("pip", "install", "-p", "v", "-r", "r.txt").failed(1)
    assert "r.txt:2" in ran.err
    assert SECRET not in told(ran)
    user.write("r.txt", f"--index-url {open_url}\nlib !! {open_url}\n")
    assert SECRET not in told(user("pip", "install", "-p", "v", "-r", "r.txt").failed(2))


def test_the_header_of_a_compiled_file_masks_it(user, index, open_url):
    user.write("app.in", "app\n")
    ran = user("pip", "compile", "-p", "v", "app.in", f"--index-url={open_url}", "--extra-index-url", open_url).ok()
    assert SECRET not in ran.out
    assert "--index-url" in ran.out.splitlines()[1]


def test_a_secret_of_a_find_links_page(user, index, open_url):
    make_wheel(user.path("page"), "extra", "1.0", {"extra.py": ""})
    with open(user.path("page", "extra-1.0-py3-none-any.whl"), "rb") as stream:
        index.put("/page/extra-1.0-py3-none-any.whl", stream.read())
    index.put("/page/", b'<a href="extra-1.0-py3-none-any.whl">extra</a>', "text/html")
    page = open_url.replace("/simple", "/page").rstrip("/") + "/"
    user.write("e.in", "extra\n")
    ran = [
        user("pip", "install", "-p", "v", "--no-index", "--find-links", page, "extra", "-v").ok(),
        user("pip", "compile", "-p", "v", "e.in", "--no-index", "--find-links", page, "--emit-find-links").ok(),
    ]
    assert SECRET not in told(*ran)
    assert SECRET not in written(user, "v", "the store")
