"""Other installers on environments that cw made, and cw on those that others made."""

import json
import os
import subprocess
import sys

import pytest

from kit.pythons import make_conda, make_environment, pythons
from kit.wheels import make_wheel

MODES = ["hardlink", "copy", "symlink", "fold"]
TOOLS = {
    "pip": [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"],
    "uv": [os.path.join(os.path.dirname(sys.executable), "uv"), "--no-config", "--offline"],
}


def run(cw, tool, *words, environment="v", code=0):
    """Run pip or uv on an environment and return its output; both streams."""
    target = cw.path(environment)
    words = [*words] if tool == "uv" else [word for word in words if word != "pip"]
    argv = [*TOOLS[tool], *words]
    if tool == "uv":
        argv += ["-p", target]
    else:
        argv[3:3] = ["--python", target]
    environ = {**cw.environ, "UV_CACHE_DIR": cw.path("uv cache"), "PYTHONWARNINGS": "ignore", "UV_LINK_MODE": "copy"}
    done = subprocess.run(argv, cwd=cw.cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def files(root):
    """Return all paths below a root but those of tools' own bookkeeping."""
    found = set()
    for at, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".cw", "__pycache__")]
        found |= {os.path.join(at, name) for name in names if name != ".lock"}
        found |= {os.path.join(at, name) for name in folders if os.path.islink(os.path.join(at, name))}
    return found


def versions(cw, environment="v"):
    return {row["name"]: row["version"] for row in json.loads(cw("pip", "list", "-p", environment, "--json").ok().out)}


@pytest.fixture
def placed(stocked, request):
    """Old versions of an application and a library, placed by cw in one of its ways."""
    stocked.empty = files(stocked.path("v"))
    stocked("pip", "install", "-p", "v", "--link-mode", request.param, "app==1.0", "lib==1.0", "color").ok()
    return stocked


@pytest.mark.parametrize("placed", MODES, indirect=True)
@pytest.mark.parametrize("tool", TOOLS)
def test_others_look_at_upgrade_and_remove_what_cw_installed(placed, tool):
    store = {path: os.stat(path).st_mtime_ns for path in files(placed.store) if os.path.isfile(path)}
    assert "app" in run(placed, tool, "pip", "list")
    assert set(run(placed, tool, "pip", "freeze").split()) >= {"app==1.0", "color==1.0", "lib==1.0"}
    assert "Version: 1.0" in run(placed, tool, "pip", "show", "-f", "app")
    run(placed, tool, "pip", "check")
    run(placed, tool, "pip", "install", "--no-index", "--find-links", placed.path("wheels"), "--upgrade", "app", "lib")
    assert versions(placed) == {"app": "2.0", "color": "1.0", "lib": "2.0"}
    code = "import app, lib; print(app.version, lib.version)"
    python = placed.path("v", "bin", "python")
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout == "2.0 2.0\n"
    placed("pip", "check", "-p", "v").ok()
    run(placed, tool, "pip", "uninstall", *(["-y"] if tool == "pip" else []), "app", "lib", "color")
    assert files(placed.path("v")) == placed.empty
    # nothing that they did reached the store
    for path, then in store.items():
        assert os.stat(path).st_mtime_ns == then, path
    placed("venv", "w").ok()
    placed("pip", "install", "-p", "w", "--offline", "app==1.0").ok()
    placed("verify", "-p", "w").ok()


@pytest.mark.parametrize("placed", ["hardlink", "fold"], indirect=True)
@pytest.mark.parametrize("tool", TOOLS)
def test_cw_goes_on_where_others_came_in_between(placed, tool):
    run(placed, tool, "pip", "install", "--no-index", "--find-links", placed.path("wheels"), "--upgrade", "lib")
    placed("pip", "install", "-p", "v", "-U", "app").ok()
    assert versions(placed) == {"app": "2.0", "color": "1.0", "lib": "2.0"}
    run(placed, tool, "pip", "uninstall", *(["-y"] if tool == "pip" else []), "lib")
    placed("pip", "check", "-p", "v").failed(1)
    placed("pip", "install", "-p", "v", "app").ok()
    placed("pip", "check", "-p", "v").ok()
    placed("pip", "uninstall", "-p", "v", "app", "lib", "color").ok()
    assert files(placed.path("v")) == placed.empty


@pytest.mark.parametrize("maker", ["venv", "venv-copies", "virtualenv", "uv", "conda"])
@pytest.mark.parametrize("tool", TOOLS)
def test_cw_takes_over_what_others_made(stocked, maker, tool):
    root = stocked.path("theirs")
    if maker == "conda":
        make_conda(root)
    else:
        make_environment(maker, next(reversed(pythons().values())), root)
    empty = files(root)
    run(
        stocked,
        tool,
        "pip",
        "install",
        "--no-index",
        "--find-links",
        stocked.path("wheels"),
        "app==1.0",
        "lib==1.0",
        environment="theirs",
    )
    assert versions(stocked, "theirs") == {"app": "1.0", "lib": "1.0"}
    assert "Checked 2 packages" in stocked("pip", "install", "-p", "theirs", "app").ok().err
    ran = stocked("pip", "install", "-p", "theirs", "-U", "app").ok()
    assert " - lib==1.0\n + lib==2.0\n" in ran.err
    assert run(stocked, tool, "pip", "freeze", environment="theirs").split()[:2] == ["app==2.0", "lib==2.0"]
    stocked("pip", "uninstall", "-p", "theirs", "app", "lib").ok()
    assert files(root) == empty


@pytest.mark.parametrize("minor", list(pythons()))
def test_every_python_at_hand(stocked, minor):
    """One that is as old as we promise, one as new as there is, and what lies between."""
    stocked("venv", "p", "-p", pythons()[minor]).ok()
    stocked("pip", "install", "-p", "p", "app[pretty]").ok()
    stocked("pip", "check", "-p", "p").ok()
    done = subprocess.run([stocked.path("p", "bin", "app")], capture_output=True, text=True, check=True)
    assert done.stdout == "app\n"
    stocked("pip", "uninstall", "-p", "p", "app", "lib", "color").ok()
    assert versions(stocked, "p") == {}


def test_a_distribution_without_a_record_is_seen_and_left_alone(stocked):
    """As conda and distributions of Linux leave them: whoever put it there has to remove it."""
    make_wheel(stocked.path("wheels"), "lib", "3.0", {"lib.py": "version = '3.0'\n"})
    root = stocked.path("theirs")
    make_conda(root)
    site = os.path.join(root, "lib", os.listdir(os.path.join(root, "lib"))[0], "site-packages")
    info = os.path.join(site, "lib-1.0.dist-info")
    os.mkdir(info)
    for name, text in (("METADATA", "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n"), ("INSTALLER", "conda\n")):
        with open(os.path.join(info, name), "w", encoding="utf-8") as stream:
            stream.write(text)
    assert versions(stocked, "theirs") == {"lib": "1.0"}
    stocked("pip", "install", "-p", "theirs", "app").ok()
    before = files(root)
    for words in (("uninstall", "lib"), ("install", "-U", "lib")):
        ran = stocked("pip", words[0], "-p", "theirs", *words[1:]).failed(2)
        assert "`lib` 1.0" in ran.err
        assert "conda" in ran.err
        assert "hint:" in ran.err
        assert files(root) == before


def test_packages_of_a_layer_below_count_and_are_not_touched(stocked):
    """An environment on top of another by a `.pth` file: what lies there is importable, and somebody else's."""
    stocked("pip", "install", "-p", "v", "lib==1.0").ok()
    stocked("venv", "top").ok()
    with open(os.path.join(stocked.site("top"), "below.pth"), "w", encoding="utf-8") as stream:
        stream.write(stocked.site("v") + "\n")
    before = files(stocked.path("v"))
    assert versions(stocked, "top") == {"lib": "1.0"}
    assert json.loads(stocked("pip", "list", "-p", "top", "--local", "--json").ok().out) == []
    ran = stocked("pip", "install", "-p", "top", "app").ok()
    assert "lib" not in ran.err.partition("Installed")[2]
    ran = stocked("pip", "uninstall", "-p", "top", "lib").ok()
    assert "of one below it" in ran.err
    stocked("pip", "install", "-p", "top", "-U", "lib").ok()
    assert versions(stocked, "top")["lib"] == "2.0"
    assert files(stocked.path("v")) == before


def test_system_site_packages(stocked):
    """What the base interpreter has counts as installed, and stays."""
    python = make_conda(stocked.path("base"))
    run(
        stocked,
        "pip",
        "pip",
        "install",
        "--no-index",
        "--find-links",
        stocked.path("wheels"),
        "lib==1.0",
        environment="base",
    )
    before = files(stocked.path("base"))
    stocked("venv", "on top", "-p", python, "--system-site-packages").ok()
    assert versions(stocked, "on top") == {"lib": "1.0"}
    assert "Installed 1 package" in stocked("pip", "install", "-p", "on top", "app").ok().err
    stocked("pip", "install", "-p", "on top", "lib==2.0").ok()
    assert versions(stocked, "on top")["lib"] == "2.0"
    stocked("pip", "uninstall", "-p", "on top", "lib").ok()
    assert versions(stocked, "on top")["lib"] == "1.0"
    assert files(stocked.path("base")) == before
