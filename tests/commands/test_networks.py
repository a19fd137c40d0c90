"""Indexes that misbehave: a clear word, what to do about it, and nothing changed."""

import os
import subprocess
import sys
import threading

import pytest

from commonwheel.concurrency import forked_workers
from kit.index_server import Always, Corrupt, Garbage, Hold, IndexServer, Redirect, Reset, Status, Truncate
from kit.wheels import wheel_bytes, wheel_filename

PAGE = "/simple/lib/"


@pytest.fixture
def index():
    with IndexServer() as server:
        for version in ("1.0", "2.0"):
            server.add(
                wheel_filename("lib", version),
                wheel_bytes("lib", version, {"lib.py": f"version = {version!r}\n" * 500}),
            )
        yield server


@pytest.fixture
def user(cw, index):
    cw.write("cw.toml", f'index-url = "{index.url}"\nretries = 1\n')
    cw("venv", "v").ok()
    return cw


def everything(root):
    return sorted(os.path.join(at, name) for at, _, files in os.walk(root) for name in files)


def refused(user, code, *words):
    """Run an installation that must fail, change nothing, and say what and what next."""
    before = everything(user.path("v"))
    ran = user("pip", "install", "-p", "v", *words).failed(code)
    assert everything(user.path("v")) == before
    assert "error:" in ran.err
    assert not [
        name for name in everything(user.store) if "/entries/" in name and not os.path.basename(name).startswith(".")
    ]
    return ran.err


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        (Status(404), 1, "does not have it"),
        (Status(401), 1, "401"),
        (Status(403), 1, "403"),
        (Status(500), 2, "500"),
        (Status(503, {"retry-after": "0"}), 2, "503"),
        (Reset(), 2, "lib"),
        (Reset(after=10), 2, "lib"),
        (Truncate(10), 2, "lib"),
        (Redirect(PAGE), 2, "redirect"),
        (Garbage(b"\x00\xff\x00 garbage", "application/vnd.pypi.simple.v1+json"), 2, "lib"),
        (
            Garbage(
                b'{"meta": {"api-version": "2.0"}, "name": "lib", "files": []}', "application/vnd.pypi.simple.v1+json"
            ),
            2,
            "2.0",
        ),
        (Garbage(b'{"files": 3}', "application/vnd.pypi.simple.v1+json"), 2, "lib"),
        (
            Garbage(
                b'{"meta": {"api-version": "1.0"}, "name": "other", "files": []}', "application/vnd.pypi.simple.v1+json"
            ),
            2,
            "other",
        ),
        (Garbage(b"{}", "text/plain"), 2, "project page"),
    ],
    ids=str,
)
def test_a_page_that_cannot_be_had_or_read(user, index, step, code, said):
    index.script(PAGE, Always(step))
    err = refused(user, code, "lib")
    assert said in err
    assert index.host in err


def test_a_page_that_asks_to_log_in_offers_nothing(user, index):
    index.script(PAGE, Always(Garbage()))
    assert index.host in refused(user, 1, "lib")


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        (Status(404), 1, "404"),
        (Status(410), 1, "410"),
        (Corrupt(200), 1, "sha256"),
        (Garbage(b"PK no wheel at all", "application/zip"), 2, "18 of"),
        (Truncate(100), 2, "lib-2.0"),
        (Reset(after=50), 2, "lib-2.0"),
        (Status(500), 2, "500"),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_had_or_is_another(user, index, step, code, said):
    index.script("/files/lib/lib-2.0-py3-none-any.whl", Always(step))
    assert said in refused(user, code, "lib")


def test_trouble_that_passes_is_ridden_out(user, index):
    index.script(PAGE, Status(503, {"retry-after": "0"}))
    index.script("/files/lib/lib-2.0-py3-none-any.whl", Truncate(150))
    assert "+ lib==2.0" in user("pip", "install", "-p", "v", "lib").ok().err


def test_an_index_that_is_not_there(user):
    err = refused(user, 2, "--index-url", "http://127.0.0.1:1/simple", "lib")
    assert "127.0.0.1:1" in err
    assert "hint:" in err
    err = refused(user, 2, "--index-url", "https://no-such-host.invalid/simple", "lib")
    assert "no-such-host.invalid" in err


def test_another_package_at_the_address_of_a_wheel(user, index):
    index.put("/other/lib-2.0-py3-none-any.whl", wheel_bytes("imposter", "2.0", {"imposter.py": ""}))
    assert "imposter" in refused(user, 1, f"{index.root}/other/lib-2.0-py3-none-any.whl")


def test_without_a_network_what_is_known_will_do(user, index):
    user("pip", "install", "-p", "v", "lib==1.0").ok()
    user("venv", "w").ok()
    asked = len(index.log)
    user("pip", "install", "-p", "w", "--offline", "lib==1.0").ok()
    assert len(index.log) == asked
    user("pip", "install", "-p", "w", "--offline", "-U", "lib").ok()  # nothing newer is known well enough
    ran = user("pip", "install", "-p", "w", "--offline", "lib==2.0").failed(1)
    assert "--offline" in ran.err
    assert "--offline" in user("pip", "install", "-p", "w", "--offline", "unheard-of").failed(1).err


def test_refreshing_asks_again_and_no_cache_keeps_nothing(user, index):
    user("pip", "install", "-p", "v", "lib").ok()
    asked = len(index.seen(PAGE))
    user("pip", "install", "-p", "v", "-U", "lib").ok()
    assert len(index.seen(PAGE)) == asked
    user("pip", "install", "-p", "v", "-U", "--refresh", "lib").ok()
    user("pip", "install", "-p", "v", "-U", "--refresh-package", "lib", "lib").ok()
    assert len(index.seen(PAGE)) == asked + 2
    kept = everything(user.store)
    user("venv", "w").ok()
    user("pip", "install", "-p", "w", "--no-cache", "lib").ok()
    assert len(index.seen(PAGE)) == asked + 3
    assert everything(user.store) == kept
    assert not [name for name in os.listdir(user.cwd) if name.startswith(".tmp")]


def test_a_file_of_requirements_on_the_network(user, index):
    index.put("/files/r.txt", b"lib<2\n-c narrow.txt\n", "text/plain")
    index.put("/files/narrow.txt", b"lib!=9\n", "text/plain")
    user("pip", "install", "-p", "v", "-r", f"{index.root}/files/r.txt").ok()
    assert "lib==1.0" in user("pip", "freeze", "-p", "v").ok().out
    ran = user("pip", "install", "-p", "v", "-r", f"{index.root}/files/none.txt").failed(2)
    assert "404" in ran.err
    index.put("/files/tool.py", b'# /// script\n# dependencies = ["lib"]\n# ///\n', "text/plain")
    user("pip", "install", "-p", "v", "-U", "-r", f"{index.root}/files/tool.py").ok()
    assert "lib==2.0" in user("pip", "freeze", "-p", "v").ok().out


def test_pages_are_on_their_way_before_an_interpreter_has_answered(user, index):
    """What is asked for is read first, and the same search goes on afterwards: each page is asked for once."""
    asked = user.path("asked")
    user.write("slow", f'#!/bin/sh\nuntil [ -e "{asked}" ]; do sleep 0.05; done\nexec "{sys.executable}" "$@"\n')
    os.chmod(user.path("slow"), 0o755)
    hold = Hold()
    index.script(PAGE, hold)
    came = []

    def answer():
        came.append(hold.arrived.wait(30))
        user.write("asked", "")
        hold.release.set()

    thread = threading.Thread(target=answer)
    thread.start()
    new = {"CW_CACHE_DIR": user.path("new store")}
    words = ("pip", "install", "--no-cache", "--target", user.path("out"), "--python", user.path("slow"), "lib")
    user(*words, environ=new).ok()
    thread.join()
    assert came == [True]
    assert len(index.seen(PAGE)) == 1
    assert os.listdir(user.path("out"))


def test_who_fetches_wheels_alone_loads_nothing_that_builds(user):
    code = (
        "import sys; bare = set(sys.modules); from commonwheel.cli import main\n"
        "try: main(['pip', 'install', '-p', 'v', 'lib'])\n"
        "finally: print('LOADED', *(set(sys.modules) - bare))"
    )
    environ = {**os.environ, **user.environ}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=user.cwd, env=environ, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.rpartition("LOADED ")[2].split())
    assert "commonwheel.sources.acquire" in loaded
    builds = {
        "tarfile",
        "zipfile",
        "pyproject_hooks",
        "commonwheel.sources.source_trees",
        "commonwheel.build.builder",
    }
    assert sorted(loaded & builds) == []
    if forked_workers.processors() > 1 and sys.platform == "linux":  # copies parse the pages
        assert sorted(loaded & {"json", "commonwheel.index.page_ingest"}) == []


def test_what_cannot_be_fetched_is_told_with_the_line_that_wants_it(user, index):
    user.write("wanted.txt", f"lib\n\ngone @ {index.root}/files/gone-1.0.zip\n")
    said = refused(user, 1, "-r", "wanted.txt")
    assert "gone-1.0.zip" in said
    assert "wanted.txt:3" in said
