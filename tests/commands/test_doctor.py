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


def about_store(told):
    return [one for one in told if one["about"].startswith("store ")]


def test_links_are_tried_with_the_files_of_the_store(cw):
    (line,) = [one["text"] for one in about_store(findings(cw)) if one["text"].startswith("to the environment: ")]
    works = line.removeprefix("to the environment: ").split(", ")
    assert {"symlink", "copy", "hardlink"} <= set(works)


def test_an_interrupted_change_is_told_with_what_mends_it(cw):
    state = cw.path("v", ".cw")
    os.mkdir(f"{state}/.tmp-elsewhere-1-0123456789abcdef")
    (wrong,) = [one for one in findings(cw, code=1) if one["state"] == "wrong"]
    assert "1 change(s) left over" in wrong["text"]
    cw("pip", "install", "-p", "v", "app").ok()
    assert findings(cw)


def test_who_is_at_work_in_the_environment_is_told_as_long_as_he_lives(cw):
    from commonwheel.fs import locks

    lock = cw.path("v", ".cw", "lock")
    with locks.lock(lock, timeout=1.0, who="changing it"):
        assert any("is being changed by root" in one["text"] for one in findings(cw))
    with open(lock, "wb") as file:
        from commonwheel.fs import facts
        from commonwheel.fs.holder import Holder

        file.write(Holder("alice", facts.host(), 2**22 + 1, 1, "changing it", facts.boot_id()).line())
    assert not any("is being changed" in one["text"] for one in findings(cw))


def test_what_a_power_cut_left_in_doubt_is_told(cw):
    with open(cw.path("v", ".cw", "unsettled-another-boot-000001"), "w", encoding="utf-8"):
        pass
    assert any("shortly before this machine went down" in one["text"] for one in findings(cw, code=1))


def test_leftovers_are_told_and_pruned(cw):
    path = os.path.join(cw.store, "v1", "entries", ".trash-elsewhere-1-0123456789abcdef")
    os.mkdir(path)
    assert any("1 leftovers" in one["text"] and one["hint"] == "cw cache prune" for one in findings(cw))
    cw("cache", "prune").ok()
    assert not any("of commands that died" in one["text"] for one in findings(cw))


def test_no_environment_is_a_note_and_no_error(cw, tmp_path):
    told = json.loads(cw("doctor", "--json", "-p", cw.path("nowhere")).ok().out)
    (line,) = [one for one in told if one["about"] == "environment"]
    assert line["state"] == "note"
    assert line["hint"] == "cw venv"


@pytest.mark.root
@pytest.mark.alone
def test_what_keeps_a_store_from_being_used_is_told_with_its_reason(place):
    """Each way in which a layer can be of no use, with the words that say why."""
    from kit.commons import commons
    from kit.mounts import bind, tmpfs

    with commons("alice", "mallory", members=("alice",)) as here:
        alice, mallory = here.at("alice"), here.at("mallory")
        mallory("cache", "init", "--publish", "his").ok()
        here.offer("lib", "1.0")
        here.environment("mallory", os.path.join(place, "his v"))
        mallory(
            "pip", "install", "-p", os.path.join(place, "his v"), "lib", env={"CW_LAYERS": f"{mallory.cwd}/his"}
        ).ok()
        group = here.share(os.path.join(place, "group"))
        scratch = os.path.join(place, "scratch")
        os.mkdir(scratch)
        os.chmod(scratch, 0o777)
        os.mkdir(os.path.join(scratch, "v1"))
        here.environment("alice", os.path.join(place, "v"))

        def said(name, layer, *words):
            shell = {"alice": alice, "mallory": mallory}[name]
            environ = {"CW_LAYERS": layer, "CW_CACHE_DIR": os.path.join(place, f"{name}'s")}
            ran = shell("doctor", "--json", "-p", os.path.join(place, "v"), *words, env=environ)
            rows = json.loads(ran.out)
            return " | ".join(f"{one['text']} -> {one['hint']}" for one in rows if one["about"] == f"store {layer}")

        his = f"{mallory.cwd}/his"
        told = said("alice", his)
        assert f"it belongs to {here['mallory'].name}, who is not trusted" in told
        assert "nothing is added to it" in told
        assert "links foreign files only for those who may write them" in told
        assert "is not believed" not in said("alice", his, "--trust", here["mallory"].name)
        assert "cannot be opened" in said("mallory", group)
        assert "everybody may change it" in said("alice", scratch)
        with bind(group, os.path.join(place, "ro"), read_only=True) as mounted:
            told = said("alice", mounted)
            assert "it is used for reading; what is missing goes to the next layer" in told
            assert "mounted read-only" in told
        with tmpfs(os.path.join(place, "small"), "256k", inodes=50) as small:
            here.share(os.path.join(small, "s"))
            told = said("alice", os.path.join(small, "s"))
            assert "MiB are free -> cw cache prune" in told
            assert "inodes are free -> cw cache prune" in told
            assert "they are different file systems" in told
