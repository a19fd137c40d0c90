"""What is asked for, from words, files of every kind, settings: with where each requirement was written."""

import io
import sys

import pytest

from commonwheel.commands import gather
from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.model import PathSource, Target
from commonwheel.specs.requirements_txt import InvalidRequirementsFile
from kit import sdists

PROJECT = """
[project]
name = "Mine"
version = "1"
requires-python = ">=3.9"
dependencies = ["lib", "local"]
[project.optional-dependencies]
pretty = ["color"]
Extra_Two = ["two"]
[dependency-groups]
dev = ["tool", { include-group = "more" }]
more = ["helper>1"]
[tool.uv.sources]
local = { path = "local" }
lib = { path = "vendored" }
"""


@pytest.fixture
def asked(cw):
    """Gather what words and options ask for."""
    cw.write("cw.toml", "no-index = true\n")

    def ask(*words, files=(), **given):
        with cw.session("pip install", **given) as session:
            return gather.gather(
                session,
                words,
                files,
                lambda: Target({"python_full_version": "3.11.0", "python_version": "3.11"}, ("py3-none-any",)),
            )

    return ask


def texts(found):
    return [(str(one), str(one.origin)) for one in found]


def test_words_and_files_in_their_order(cw, asked):
    cw.write("one.txt", "b>1\n-r deep/two.txt\n")
    cw.write("deep/two.txt", "c\n-c narrow.txt\n./wheel\n")
    cw.write("deep/narrow.txt", "c<2\n")
    found = asked("a==1", files=["one.txt"])
    assert texts(found.requirements)[:3] == [("a==1", "command line"), ("b>1", "one.txt:1"), ("c", "deep/two.txt:1")]
    assert found.requirements[3].source == PathSource(cw.path("deep", "wheel"))
    assert texts(found.constraints) == [("c<2", "deep/narrow.txt:1")]
    assert found.files == ("one.txt",)


def test_options_narrow_and_replace(cw, asked):
    for name in ("narrow", "instead", "without", "builds"):
        cw.write(f"{name}.txt", f"{name}==1\n")
    found = asked(
        "a",
        constraints=["narrow.txt"],
        overrides=["instead.txt"],
        excludes=["without.txt"],
        build_constraints=["builds.txt"],
    )
    assert texts(found.constraints) == [("narrow==1", "narrow.txt:1")]
    assert texts(found.overrides) == [("instead==1", "instead.txt:1")]
    assert found.excludes == ("without",)
    assert texts(found.build_constraints) == [("builds==1", "builds.txt:1")]


def test_settings_narrow_and_replace(cw, asked):
    cw.write(
        "cw.toml",
        'constraint-dependencies = ["a<2"]\noverride-dependencies = ["b==1"]\nexclude-dependencies = ["c"]\nbuild-constraint-dependencies = ["d"]\n',
    )
    with cw.session("pip install") as session:
        found = gather.gather(session, ["a"], [], lambda: Target({}, ()))
    place = cw.path("cw.toml")
    assert texts(found.constraints) == [("a<2", f"{place} (constraint-dependencies)")]
    assert texts(found.overrides) == [("b==1", f"{place} (override-dependencies)")]
    assert found.excludes == ("c",)
    assert [str(one) for one in found.build_constraints] == ["d"]


def test_a_project_its_extras_and_groups(cw, asked):
    cw.write("pyproject.toml", PROJECT)
    found = asked(files=["pyproject.toml"], extra=["Pretty"], group=["dev"])
    assert [one.name for one in found.requirements] == ["lib", "local", "color", "tool", "helper"]
    assert found.requires_python == ">=3.9"
    assert found.labels[cw.path("pyproject.toml")] == "mine (pyproject.toml)"
    assert found.labels["pyproject.toml (dev)"] == "mine (pyproject.toml:dev)"
    everything = asked(files=["pyproject.toml"], all_extras=True)
    assert [one.name for one in everything.requirements] == ["lib", "local", "color", "two"]
    with pytest.raises(CommonwheelError, match="missing"):
        asked(files=["pyproject.toml"], extra=["missing"])
    with pytest.raises(CommonwheelError, match="missing"):
        asked(group=["missing"])
    with pytest.raises(UsageError, match="cannot be read"):
        asked(group=["elsewhere.toml:dev"])


@pytest.mark.parametrize(
    ("given", "places"),
    [({}, ["vendored", "local"]), ({"no_sources": True}, []), ({"no_sources_package": ["Lib"]}, ["local"])],
)
def test_the_sources_of_tool_tables(cw, asked, given, places):
    cw.write("pyproject.toml", PROJECT)
    found = asked(files=["pyproject.toml"], **given)
    paths = [one.source.path for one in found.requirements if isinstance(one.source, PathSource)]
    assert sorted(paths) == sorted(cw.path(place) for place in places)
    assert {one.name for one in found.requirements} == {"lib", "local"}


def test_a_group_may_say_what_moves(cw, asked):
    cw.write("pyproject.toml", PROJECT)
    assert asked("a", upgrade_group=["more"]).upgraded == {"helper"}
    assert asked("a", upgrade_group=["pyproject.toml:dev"]).upgraded == {"tool", "helper"}
    assert asked("a").upgraded == frozenset()


def test_a_project_whose_dependencies_are_dynamic_is_left_to_its_backend(cw, asked):
    cw.write("pyproject.toml", '[project]\nname = "p"\nversion = "1"\ndynamic = ["dependencies"]\n')
    cw.write("setup.py", "")
    for name in ("pyproject.toml", "setup.py", "setup.cfg"):
        cw.write("setup.cfg", "")
        found = asked(files=[name], extra=["x"])
        assert found.requirements == ()
        assert found.trees[0][:2] == (PathSource(cw.cwd), ("x",))


def test_editable_projects_and_those_who_do_not_want_them(cw, asked):
    sdists.write_tree(cw.path("proj"), sdists.files_of("proj", static=True))
    sdists.write_tree(cw.path("other"), sdists.files_of("other", static=True))

    def editable(**given):
        found = asked(editable=["./proj", "other @ ./other"], **given)
        return [one.source.editable for one in found.requirements]

    assert editable() == [True, True]
    assert editable(no_editable=True) == [False, False]
    assert editable(no_editable_package=["Proj"]) == [False, True]
    assert editable(no_editable_package=["other"]) == [True, False]


def test_scripts(cw, asked):
    cw.write("tool.py", '# /// script\n# dependencies = ["lib"]\n# ///\n')
    for found in (asked(files=["tool.py"]), asked(from_script=["tool.py"])):
        assert [one.name for one in found.requirements] == ["lib"]
        assert list(found.labels.values()) == [""]


def test_standard_input_can_be_read_once(asked, monkeypatch):
    class Input:
        buffer = io.BytesIO(b"lib\n-r -\n")

    monkeypatch.setattr(sys, "stdin", Input)
    with pytest.raises(InvalidRequirementsFile, match="itself"):
        asked(files=["-"])
    Input.buffer = io.BytesIO(b"lib\n")
    assert texts(asked(files=["-"]).requirements) == [("lib", "-:1")]
    with pytest.raises(UsageError, match="twice"):
        asked(files=["-"], constraints=["-"])


@pytest.mark.parametrize(
    ("text", "option", "on"),
    [
        ("a\n", None, False),
        ("a==1 --hash=sha256:" + "0" * 64 + "\n", None, True),
        ("--require-hashes\na\n", None, True),
        ("a @ https://files.example/a-1.0-py3-none-any.whl#sha256=" + "0" * 64 + "\n", None, False),
    ],
)
def test_when_hash_mode_holds(cw, asked, text, option, on):
    cw.write("r.txt", text)
    assert asked(files=["r.txt"]).requires_hashes is on


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("requirements.txt", "-r requirements.txt"),
        ("deep/requirements.in", "-r deep/requirements.in"),
        ("svn+https://host.example/x", "git"),
        ("git+ftp://host.example/x", "git"),
        ("lib !! https://me:secret@host.example/x", "NAME @ URL"),
    ],
)
def test_what_is_no_package(asked, word, said):
    with pytest.raises(UsageError) as caught:
        asked(word)
    assert said in str(caught.value.hint)
    assert "secret" not in f"{caught.value} {caught.value.context}"


def test_paths_may_begin_at_home(cw, asked):
    cw.environ["HOME"] = cw.path("home")
    cw.write("home/r.txt", "lib\n")
    assert [one.name for one in asked(files=["~/r.txt"]).requirements] == ["lib"]
