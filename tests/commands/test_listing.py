"""`pip list` and `pip freeze`: what an environment holds, as text and as data."""

import json

import pytest

from kit.wheels import make_wheel


def test_a_list_is_a_table_and_says_where_it_looked(filled):
    ran = filled("pip", "list", "-p", "v").ok()
    assert ran.out == "Package Version\n------- -------\napp     1.0\ncolor   1.0\nlib     1.0\n"
    assert ran.err.startswith("Using Python 3.")
    assert ran.err.endswith("environment at: v\n")


def test_the_environment_here_needs_no_mention(stocked):
    stocked("venv").ok()
    assert stocked("pip", "list").ok().err == ""


def test_quiet_hides_remarks_and_keeps_data(filled):
    ran = filled("pip", "list", "-p", "v", "-q").ok()
    assert ran.err == ""
    assert "app     1.0" in ran.out


def test_lists_as_data(filled):
    rows = json.loads(filled("pip", "list", "-p", "v", "--format", "json").ok().out)
    assert rows == [{"name": name, "version": "1.0"} for name in ("app", "color", "lib")]
    assert json.loads(filled("pip", "list", "-p", "v", "--json").ok().out) == rows
    assert filled("pip", "list", "-p", "v", "--format", "freeze").ok().out == "app==1.0\ncolor==1.0\nlib==1.0\n"
    assert json.loads(filled("pip", "freeze", "-p", "v", "--json").ok().out) == ["app==1.0", "color==1.0", "lib==1.0"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--exclude", "App", "--exclude", "nothing"], ["color", "lib"]),
        (["--not-required"], ["app", "color"]),
        (["--outdated"], ["app", "lib"]),
        (["--uptodate"], ["color"]),
        (["--local"], ["app", "color", "lib"]),
        (["-e"], []),
    ],
)
def test_lists_can_be_narrowed(filled, words, names):
    rows = json.loads(filled("pip", "list", "-p", "v", "--json", *words).ok().out)
    assert [row["name"] for row in rows] == names


def test_what_is_outdated_is_told_with_what_there_is(filled):
    ran = filled("pip", "list", "-p", "v", "--outdated").ok()
    assert ran.out.splitlines()[2:] == ["app     1.0     2.0    wheel", "lib     1.0     2.0    wheel"]
    rows = json.loads(filled("pip", "list", "-p", "v", "--outdated", "--json").ok().out)
    assert rows[0] == {"name": "app", "version": "1.0", "latest_version": "2.0", "latest_filetype": "wheel"}


@pytest.mark.parametrize(
    ("words", "latest"), [([], "2.0"), (["--pre"], "3.0rc1"), (["--prerelease-package", "lib=allow"], "3.0rc1")]
)
def test_a_pre_release_is_newer_only_for_who_wants_them(filled, words, latest):
    make_wheel(filled.path("wheels"), "lib", "3.0rc1", {"lib.py": ""})
    rows = json.loads(filled("pip", "list", "-p", "v", "--outdated", "--json", *words).ok().out)
    assert {row["name"]: row["latest_version"] for row in rows}["lib"] == latest


def test_an_unknown_format_is_refused_before_anything_is_done(filled):
    ran = filled("pip", "list", "-p", "none", "--format", "yaml").failed(2)
    assert "choose one of columns, freeze, json" in ran.err


def test_a_frozen_environment_can_be_made_again(filled):
    url = "file://" + filled.path("wheels", "lib-2.0-py3-none-any.whl").replace(" ", "%20")
    filled("pip", "install", "-p", "v", f"lib @ {url}").ok()
    frozen = filled("pip", "freeze", "-p", "v").ok().out
    assert frozen.splitlines()[2].startswith(f"lib @ {url}")
    filled.write("frozen.txt", frozen)
    filled("venv", "w").ok()
    filled("pip", "sync", "-p", "w", "frozen.txt").ok()
    assert filled("pip", "freeze", "-p", "w").ok().out == frozen
