"""A small stack of real packages from the configured index, from installation to removal, with cw and with uv.

`tools/compare_stacks.py` does the same with hundreds of packages.
"""

import os
import subprocess
import sys

import pytest

from commonwheel import process
from commonwheel.index import pip_config
from kit.cli import Cw
from kit.pages import MemoryPages
from kit.pythons import pythons

pytestmark = [pytest.mark.index, pytest.mark.alone]

STACK = "flask>=3\nrequests[socks]\nattrs ; python_version > '3'\n"
MODULES = "flask, requests, socks, attrs"
UV = os.path.join(os.path.dirname(sys.executable), "uv")


class Both:
    """One command given to cw and to uv, each in an environment of its own; what they froze then is the same."""

    def __init__(self, cw, uv, run):
        self.cw = cw
        self.uv = uv
        self._run = run

    def __call__(self, environment, *words):
        return self._run(environment, *words)


@pytest.fixture
def both(tmp_path):
    """Run `pip WORDS` of cw and of uv, each on its own environments, at one and the same index; return what they froze."""
    found = pip_config.configured(os.environ, (sys.prefix,))
    index = found.index_url or pip_config.built_in(
        MemoryPages(), lambda argv, limit: process.run(argv, timeout=limit), (sys.executable,), os.environ
    )
    cw = Cw(tmp_path)
    cw.environ |= {
        name: value
        for name, value in os.environ.items()
        if name.endswith(("_PROXY", "_proxy", "CERT_FILE", "CERT_DIR"))
    }
    cw.environ |= {"CW_DEFAULT_INDEX": index.secret, "UV_DEFAULT_INDEX": index.secret}
    if found.certificates:
        cw.environ.setdefault("SSL_CERT_FILE", found.certificates)
    cw.write("stack.in", STACK)

    def uv(*words):
        environ = {**cw.environ, "UV_CACHE_DIR": cw.path("uv cache"), "UV_LINK_MODE": "copy"}
        done = subprocess.run(
            [UV, "--no-config", *words], cwd=cw.cwd, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(environment, *words):
        cw("pip", words[0], "-p", f"cw {environment}", *words[1:]).ok()
        uv("pip", words[0], "-p", f"uv {environment}", *words[1:])
        frozen = cw("pip", "freeze", "-p", f"cw {environment}").ok().out
        assert frozen == uv("pip", "freeze", "-p", f"uv {environment}")
        cw("pip", "check", "-p", f"cw {environment}").ok()
        return frozen

    return Both(cw, uv, run)


@pytest.mark.parametrize("minor", [minor for minor in ("3.11", "3.12") if minor in pythons()])
def test_a_life(both, minor):
    """What is frozen is the same after every step, and works."""
    cw = both.cw
    for environment in ("one", "two"):
        cw("venv", f"cw {environment}", "-p", pythons()[minor]).ok()
        both.uv("venv", "-q", "-p", pythons()[minor], f"uv {environment}")
    old = both("one", "install", "-r", "stack.in", "--exclude-newer", "2024-06-01")
    assert "flask==3.0.3" in old
    assert both("one", "install", "-r", "stack.in") == old
    new = both("one", "install", "-U", "-r", "stack.in")
    assert new != old
    for environment in ("cw one", "uv one"):
        python = cw.path(environment, "bin", "python")
        subprocess.run([python, "-W", "error::ImportWarning", "-c", f"import {MODULES}"], check=True)
    cw.write("frozen.txt", old)
    assert both("two", "sync", "frozen.txt") == old
    cw.write("frozen.txt", new)
    assert both("two", "sync", "frozen.txt") == new
    assert both("one", "uninstall", "-r", "frozen.txt") == ""
    assert "Checked" in cw("pip", "install", "-p", "cw two", "--offline", "-r", "stack.in").ok().err


def test_what_is_compiled_is_the_same(both):
    words = ["pip", "compile", "stack.in", "--no-header", "--generate-hashes", "--python-version", "3.12", "-q"]
    assert both.cw(*words).ok().out == both.uv(*words)
    words = [
        "pip",
        "compile",
        "stack.in",
        "--no-header",
        "--no-annotate",
        "--universal",
        "--python-version",
        "3.10",
        "-q",
    ]
    ours, theirs = (
        text.replace('"', "'").replace("python_version", "python_full_version")
        for text in (both.cw(*words).ok().out, both.uv(*words))
    )
    assert [line.partition(" ;")[0] for line in ours.splitlines()] == [
        line.partition(" ;")[0] for line in theirs.splitlines()
    ]
