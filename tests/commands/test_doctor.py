"""`cw doctor`: what is said about stores, environments and what is between them."""

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
    make_wheel(cw.path("wheels"), "lib", "1.0", {"lib.py": ""})
    make_wheel(cw.path("wheels"), "app", "1.0", {"app.py": ""}, requires=["lib"])
    cw("venv", "v").ok()
    cw("pip", "install", "-p", "v", "app").ok()
    return cw


def findings(cw, *words, code=0):
    ran = cw("doctor", "-p", "v", "--json", *words)
    assert ran.code == code, ran.out + ran.err
    return json.loads(ran.out)


def test_a_healthy_place_is_said_to_be_healthy(cw):
    ran = cw("doctor", "-p", "v").ok()
    assert "Nothing is wrong" in ran.err
    assert cw.store in ran.out
    assert cw.path("v") in ran.out


def test_it_tells_which_links_are_possible_and_why_others_are_not(cw):
    texts = [one["text"] for one in findings(cw) if one["about"].startswith("store")]
    told = " ".join(texts)
    assert "to the environment: " in told
    for mode in ("clone", "hardlink", "symlink", "copy"):
        assert mode in told


def test_what_is_missing_is_wrong_and_has_a_remedy(cw):
    cw("pip", "uninstall", "-p", "v", "lib").ok()
    wrong = [one for one in findings(cw, code=1) if one["state"] == "wrong"]
    assert any("`app` requires `lib`" in one["text"] for one in wrong)
    assert all(one["hint"] for one in wrong)


def test_a_layer_that_cannot_be_read_is_told(cw):
    with open(cw.path("a file"), "w", encoding="utf-8") as stream:
        stream.write("no store\n")
    told = findings(cw, "--layer", cw.path("a file"), code=1)
    assert any("a file" in one["about"] and "cannot be read" in one["text"] for one in told)


def test_a_store_that_is_still_empty_is_no_fault(cw):
    told = [one for one in findings(cw, "--cache-dir", cw.path("none yet")) if "none yet" in one["about"]]
    assert told
    assert "wrong" not in [one["state"] for one in told]


def test_looking_changes_nothing(cw):
    def names():
        return sorted(os.path.join(folder, name) for folder, _, files in os.walk(cw.cwd) for name in files)

    before = names()
    cw("doctor", "-p", "v").ok()
    assert names() == before
