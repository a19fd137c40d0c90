"""Bad input: a clear word with a hint or a place, and neither the environment nor the store has anything of it."""

import os
import stat
import subprocess

import pytest

from kit import mounts
from kit.cli import Cw
from kit.users import user_python, users
from kit.wheels import REGULAR, SYMLINK, Member, make_wheel

GOOD = {"bad/__init__.py": "", "bad/data.txt": "data\n" * 100}


def everything(root):
    """Return every file below a directory with its size and time."""
    found = {}
    for at, _, names in os.walk(root):
        for name in names:
            path = os.path.join(at, name)
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def entries(store):
    """Return the names of all entries of a store."""
    place = os.path.join(store, "v1", "entries")
    return (
        [name for shelf in os.listdir(place) for name in os.listdir(os.path.join(place, shelf))]
        if os.path.isdir(place)
        else []
    )


WHEELS = {
    "traversal": ({"members": [Member("../../evil.py", b"x")]}, "evil"),
    "absolute": ({"members": [Member("/tmp/evil.py", b"x")]}, "evil"),
    "backslashes": ({"members": [Member("..\\evil.py", b"x")]}, "evil"),
    "symlink": ({"members": [Member("bad/link", b"/etc/passwd", mode=SYMLINK | 0o777)]}, "link"),
    "duplicates": ({"members": [Member("bad/data.txt", b"other")]}, "data.txt"),
    "file and directory of one name": ({"members": [Member("bad/data.txt/inner", b"x")]}, "data.txt"),
    "a wrong hash in RECORD": ({"record_rows": {"bad/data.txt": f"bad/data.txt,sha256={'A' * 43},500"}}, "data.txt"),
    "not in RECORD": ({"members": [Member("bad/more.py", b"x")]}, "more.py"),
    "missing though in RECORD": ({"without": ["data.txt"]}, "data.txt"),
    "no RECORD": ({"without": ["RECORD"]}, "RECORD"),
    "no METADATA": ({"without": ["METADATA"]}, "METADATA"),
    "no WHEEL": ({"without": ["WHEEL"]}, "WHEEL"),
    "metadata of another project": ({"metadata": "Metadata-Version: 2.1\nName: good\nVersion: 1.0\n"}, "good"),
    "metadata of another version": ({"metadata": "Metadata-Version: 2.1\nName: bad\nVersion: 2.0\n"}, "2.0"),
    "metadata that is none": ({"metadata": b"\x00\xff\xfe"}, "bad"),
    "a wheel of the future": ({"wheel": "Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}, "2.0"),
    "a bomb": ({"change": {"bad/data.txt": {"size": 2**32 - 2}}}, "times its size"),
    "a wrong size": ({"change": {"bad/data.txt": {"size": 3}}}, "data.txt"),
    "a wrong checksum": ({"change": {"bad/data.txt": {"crc": 1}}}, "data.txt"),
    "bzip2": ({"method": 12}, "compress"),
    "lzma": ({"method": 14}, "compress"),
    "encrypted": ({"change": {"bad/data.txt": {"flags": 1}}}, "data.txt"),
    "a script that would be the interpreter": ({"entry_points": {"console_scripts": {"python": "bad:main"}}}, "python"),
    "a script that leaves the directory": ({"entry_points": {"console_scripts": {"../../evil": "bad:main"}}}, "evil"),
    "an entry point that is no name": ({"entry_points": {"console_scripts": {"tool": "bad:main; import os"}}}, "tool"),
    "data that would be the interpreter": ({"data": {"scripts/Python3": "#!python\n"}}, "Python3"),
    "an unknown scheme": ({"data": {"elsewhere/x": "x"}}, "elsewhere"),
    "a device": ({"members": [Member("bad/device", b"", mode=0o060000 | 0o644)]}, "device"),
}


@pytest.mark.parametrize("kind", WHEELS)
def test_bad_wheels(cw, kind):
    knobs, said = WHEELS[kind]
    make_wheel(cw.path("wheels"), "bad", "1.0", GOOD, **knobs)
    cw("venv", "v").ok()
    before, outside = everything(cw.path("v")), set(os.listdir(cw.cwd))
    ran = cw("pip", "install", "-p", "v", "bad").failed(1)
    assert said in ran.err
    assert "bad" in ran.err
    assert everything(cw.path("v")) == before
    assert entries(cw.store) == []
    assert set(os.listdir(cw.cwd)) - outside <= {os.path.basename(cw.store)}
    assert not os.path.exists(cw.path("..", "evil.py"))


def test_a_wheel_that_is_cut_short(cw):
    path = make_wheel(cw.path("wheels"), "bad", "1.0", GOOD)
    os.truncate(path, os.path.getsize(path) // 2)
    cw("venv", "v").ok()
    before = everything(cw.path("v"))
    assert "bad-1.0" in cw("pip", "install", "-p", "v", "bad").failed(1).err
    assert everything(cw.path("v")) == before
    assert entries(cw.store) == []


def test_two_packages_that_want_one_file(cw):
    """Too many real packages do it (with a `tests` at the top, say) to refuse it; it is told before anything changes."""
    for name in ("one", "two"):
        make_wheel(cw.path("wheels"), name, "1.0", {"shared.py": name})
    cw("venv", "v").ok()
    ran = cw("pip", "install", "-p", "v", "one", "two").ok()
    assert "shared.py` comes with different content from `one` and `two`" in ran.err
    assert ran.err.index("shared.py") < ran.err.index("Installed")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 binary \x00\xff", "`r.txt` as text"),
        (b"PK\x03\x04 binary \x00", "no text file"),
        (b"\xff\xfel\x00i\x00b\x00", None),  # UTF-16, as pip takes it
        (b"lib\nlib ==\n", "r.txt:2"),
        (b"-r r.txt\n", "includes itself"),
        (b"-r other.txt\n", "includes itself"),
        (b"lib @ https://[::1/x.whl\n", "r.txt:1"),
        (b"lib==1.0 --hash=sha256:00\n", "r.txt:1"),
        (b"requirements.txt\n", "requirements.txt"),
        (b"-e\n", "r.txt:1"),
        (b"lib ; nonsense\n", "r.txt:1"),
        (b"lib\n" * 3 + b"\\\n", None),
    ],
)
def test_bad_requirements_files(stocked, content, said):
    with open(stocked.path("r.txt"), "wb") as stream:
        stream.write(content)
    stocked.write("other.txt", "-r r.txt\n")
    before = everything(stocked.path("v"))
    ran = stocked("pip", "install", "-p", "v", "-r", "r.txt")
    if said is None:
        ran.ok()
        return
    assert said in ran.failed(2).err
    assert everything(stocked.path("v")) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project\n", "not valid TOML"),
        ('[project]\nname = "x"\nversion = "1"\ndependencies = ["lib=="]\n', "project.dependencies[0]"),
        ('[project]\nname = "x"\nversion = "1"\ndependencies = "lib"\n', "project.dependencies"),
        ('[dependency-groups]\ndev = [{include-group = "dev"}]\n', "dev"),
    ],
)
def test_bad_project_files(stocked, text, said):
    stocked.write("pyproject.toml", text)
    words = ["--group", "dev"] if "groups" in text else ["-r", "pyproject.toml"]
    assert said in stocked("pip", "install", "-p", "v", *words).failed(2).err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lock-version = '9.0'\ncreated-by = 'x'\npackages = []\n", "9.0"),
        ("nonsense = [\n", "pylock.toml"),
        ("lock-version = '1.0'\ncreated-by = 'x'\n", "packages"),
        ("lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'lib'\nversion = '1.0'\n", "packages[0]"),
    ],
)
def test_bad_locks(stocked, text, said):
    stocked.write("pylock.toml", text)
    ran = stocked("pip", "install", "-p", "v", "-r", "pylock.toml")
    assert ran.code in (1, 2)
    assert "Traceback" not in ran.err
    assert said in ran.err


def test_a_directory_is_no_requirements_file(stocked):
    assert "leave `-r` out" in stocked("pip", "install", "-p", "v", "-r", "wheels").failed(2).err


@pytest.mark.parametrize("form", ["no file", "directory", "text", "nothing to run"])
def test_what_is_no_interpreter(stocked, form):
    path = stocked.path("python")
    if form == "directory":
        os.mkdir(path)
    elif form != "no file":
        stocked.write("python", "#!/bin/sh\nexit 3\n" if form == "nothing to run" else "hello")
        os.chmod(path, 0o755)
    ran = stocked("pip", "install", "-p", path, "lib").failed(2)
    assert path in ran.err


def test_a_damaged_environment_is_named(stocked):
    os.remove(stocked.path("v", "bin", "python"))
    ran = stocked("pip", "install", "-p", "v", "lib").failed(2)
    assert stocked.path("v") in ran.err or "`v`" in ran.err


# --- where nothing can be written ---------------------------------------------------------------------------------------------


@pytest.fixture
def visited(place):
    """A user at a place that other users can reach, with wheels of an application and a library."""
    cw = Cw(place)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    for version in ("1.0", "2.0"):
        make_wheel(
            cw.path("wheels"), "lib", version, {"lib.py": f"version = {version!r}\n", "data.bin": bytes(200_000)}
        )
    cw("venv", "v", "-p", user_python()).ok()
    cw("pip", "install", "-p", "v", "lib==1.0").ok()
    return cw


def store_of(user):
    return {"CW_CACHE_DIR": os.path.join(user.home, "store")}


@pytest.mark.root
@pytest.mark.alone
def test_an_environment_of_somebody_else(visited):
    with users("ada") as (ada,):
        before = everything(visited.path("v"))
        for words in (("install", "-U", "lib"), ("uninstall", "lib"), ("sync", "pins.txt")):
            visited.write("pins.txt", "lib==2.0\n")
            ran = ada.cw("pip", words[0], "-p", visited.path("v"), *words[1:], cwd=visited.cwd, env=store_of(ada))
            assert ran.code in (1, 2), ran
            assert "root" in ran.err  # whose it is
            assert "hint:" in ran.err
            assert "Traceback" not in ran.err
            assert everything(visited.path("v")) == before
        assert "lib==1.0" in ada.cw("pip", "freeze", "-p", visited.path("v"), cwd=visited.cwd, env=store_of(ada)).ok()
        assert (
            "lib"
            in ada.cw(
                "pip", "install", "--dry-run", "-U", "-p", visited.path("v"), "lib", cwd=visited.cwd, env=store_of(ada)
            ).err
        )


@pytest.mark.root
@pytest.mark.alone
def test_files_that_may_not_be_read(visited):
    with users("ada") as (ada,):
        for name in ("secret.txt", "cw.toml"):
            visited.write(name, "lib\n")
            os.chmod(visited.path(name), 0o600)
        ran = ada.cw(
            "pip",
            "install",
            "-p",
            visited.path("v"),
            "-r",
            "secret.txt",
            "--no-config",
            cwd=visited.cwd,
            env=store_of(ada),
        )
        assert ran.code == 2
        assert "secret.txt" in ran.err
        assert "ermission denied" in ran.err


@pytest.mark.root
@pytest.mark.alone
def test_a_full_disk_under_the_environment(visited):
    before_store = len(entries(visited.store))
    with mounts.tmpfs(visited.path("small"), "300k"):
        visited("venv", "small/v").ok()
        visited("pip", "install", "-p", "small/v", "--link-mode", "copy", "lib==1.0").ok()
        before = everything(visited.path("small", "v"))
        ran = visited("pip", "install", "-p", "small/v", "--link-mode", "copy", "-U", "lib").failed(1)
        assert "o space left" in ran.err
        assert "hint:" in ran.err
        after = everything(visited.path("small", "v"))
        assert {path: what for path, what in after.items() if "/.cw/" not in path} == {
            path: what for path, what in before.items() if "/.cw/" not in path
        }
        assert "lib==1.0" in visited("pip", "freeze", "-p", "small/v").ok().out
        code = "import lib; print(lib.version)"
        python = visited.path("small", "v", "bin", "python")
        assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout == "1.0\n"
        visited("pip", "install", "-p", "small/v", "--link-mode", "symlink", "-U", "lib").ok()
    assert len(entries(visited.store)) == before_store + 1


@pytest.mark.root
@pytest.mark.alone
def test_a_full_disk_under_the_store(visited):
    visited("venv", "w").ok()
    before = everything(visited.path("w"))
    with mounts.tmpfs(visited.path("small"), "100k"):
        environ = {"CW_CACHE_DIR": visited.path("small", "store")}
        ran = visited("pip", "install", "-p", "w", "--link-mode", "copy", "lib", environ=environ).ok()
        assert "o space left" in ran.err
        assert "the packages could not be cached" in ran.err
        assert visited.path("small") in ran.err
        assert entries(visited.path("small", "store")) == []
    assert "lib==2.0" in visited("pip", "freeze", "-p", "w").ok().out
    visited("verify", "-p", "w").ok()
    visited("pip", "uninstall", "-p", "w", "lib").ok()
    assert {path for path in everything(visited.path("w")) if "/.cw/" not in path} == set(before)


@pytest.mark.root
@pytest.mark.alone
def test_an_environment_on_a_read_only_mount(visited):
    with mounts.bind(visited.path("v"), visited.path("seen"), read_only=True):
        ran = visited("pip", "install", "-p", "seen", "-U", "lib").failed(2)
        assert "mounted read-only" in ran.err
        assert "lib==1.0" in visited("pip", "freeze", "-p", "seen").ok().out
        visited("pip", "check", "-p", "seen").ok()


def test_modes_of_an_installed_file_follow_the_umask(visited):
    before = os.umask(0o027)
    try:
        visited("venv", "u").ok()
        visited("pip", "install", "-p", "u", "--link-mode", "copy", "lib").ok()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(os.path.join(visited.site("u"), "lib.py")).st_mode) == 0o640
    assert REGULAR == stat.S_IFREG
