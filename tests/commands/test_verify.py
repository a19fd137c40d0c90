"""`cw verify`: what is found, what is mended, what is left alone."""

import json
import os

import pytest

from kit.cli import Cw
from kit.wheels import make_wheel


@pytest.fixture
def cw(tmp_path):
    cw = Cw(str(tmp_path / "a place"))
    os.mkdir(cw.cwd)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    make_wheel(
        cw.path("wheels"), "lib", "1.0", {"lib/__init__.py": "x = 1\n", "lib/data.txt": "data\n"},
        entry_points={"console_scripts": {"lib": "lib:main"}},
    )  # fmt: skip
    cw("venv", "v").ok()
    return cw


def installed(cw, mode):
    cw("pip", "install", "-p", "v", "--link-mode", mode, "lib").ok()
    return os.path.join(cw.site(), "lib")


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink", "fold"])
def test_a_sound_environment_is_said_to_be_sound(cw, mode):
    installed(cw, mode)
    ran = cw("verify", "-p", "v").ok()
    assert "every file is as it was installed" in ran.err


def test_an_altered_file_is_found_and_mended(cw):
    place = installed(cw, "copy")
    with open(os.path.join(place, "__init__.py"), "w", encoding="utf-8") as stream:
        stream.write("x = 2\n")
    ran = cw("verify", "-p", "v").failed(1)
    assert "altered" in ran.out
    assert "cw verify --fix" in ran.err
    cw("verify", "-p", "v", "--fix").ok()
    with open(os.path.join(place, "__init__.py"), encoding="utf-8") as stream:
        assert stream.read() == "x = 1\n"
    cw("verify", "-p", "v").ok()


@pytest.mark.parametrize("mode", ["copy", "hardlink"])
def test_a_missing_file_is_found_and_mended(cw, mode):
    place = installed(cw, mode)
    os.remove(os.path.join(place, "data.txt"))
    assert "missing" in cw("verify", "-p", "v").failed(1).out
    cw("verify", "-p", "v", "--fix").ok()
    assert os.path.exists(os.path.join(place, "data.txt"))


def test_a_foreign_file_is_told_and_never_touched(cw):
    place = installed(cw, "copy")
    mine = os.path.join(place, "mine.py")
    with open(mine, "w", encoding="utf-8") as stream:
        stream.write("mine\n")
    assert "foreign" in cw("verify", "-p", "v", "--fix").ok().out
    assert os.path.exists(mine)


def test_the_findings_as_data(cw):
    place = installed(cw, "copy")
    os.remove(os.path.join(place, "data.txt"))
    found = json.loads(cw("verify", "-p", "v", "--json").failed(1).out)
    assert found["checked"] == 1
    assert [(one["kind"], one["package"]) for one in found["left"]] == [("missing", "lib")]


def test_half_a_package_of_another_tool_is_found(cw):
    installed(cw, "copy")
    info = os.path.join(cw.site(), "half-1.0.dist-info")
    os.mkdir(info)
    with open(os.path.join(info, "METADATA"), "w", encoding="utf-8") as stream:
        stream.write("Metadata-Version: 2.1\nName: half\nVersion: 1.0\n")
    assert "half-installed" in cw("verify", "-p", "v").failed(1).out
