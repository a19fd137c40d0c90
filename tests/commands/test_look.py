"""`pip list`, `freeze`, `show`, `tree`, `check`, `inspect`, `hash` and `debug`: what an environment holds, as text and as data."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from kit.wheels import make_wheel


@pytest.fixture
def filled(stocked):
    """An application on an old library, and something that wants a newer one."""
    make_wheel(
        stocked.path("wheels"), "report-tool", "0.5", {"report.py": ""}, requires=["lib<3,>=1.5", "app"],
        headers=["Summary: Tells things.", "Author: A. N. Other", "License-Expression: MIT"],
    )  # fmt: skip
    stocked("pip", "install", "-p", "v", "app==1.0", "lib==1.0", "color").ok()
    return stocked


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


def test_what_is_known_of_a_package(filled):
    filled("pip", "install", "-p", "v", "-U", "report-tool").ok()
    ran = filled("pip", "show", "-p", "v", "Report_Tool", "lib", "nothing").ok()
    first, second = ran.out.split("---\n")
    assert first == (
        "Name: report-tool\nVersion: 0.5\nSummary: Tells things.\nHome-page:\nAuthor: A. N. Other\nAuthor-email:\nLicense: MIT\n"
        f"Location: {filled.site()}\nRequires: app, lib\nRequired-by:\n"
    )
    assert "Required-by: app, report-tool\n" in second
    assert "warning: Package(s) not found for: nothing" in ran.err
    assert json.loads(filled("pip", "show", "-p", "v", "lib", "--json").ok().out)[0]["Name"] == "lib"
    filled("pip", "show", "-p", "v", "nothing").failed(1)
    filled("pip", "show", "-p", "v").failed(2)


def test_the_files_of_a_package(filled):
    ran = filled("pip", "show", "-p", "v", "-f", "app").ok()
    files = [line.strip() for line in ran.out.partition("Files:\n")[2].splitlines()]
    assert "app/cli.py" in files
    assert all(os.path.exists(os.path.join(filled.site(), path)) for path in files)


# --- trees ---------------------------------------------------------------------------------------------------------------


def test_a_tree(filled):
    filled("pip", "install", "-p", "v", "--no-deps", "report-tool").ok()
    assert filled("pip", "tree", "-p", "v").ok().out == (
        "color v1.0\nreport-tool v0.5\n├── app v1.0\n│   └── lib v1.0\n└── lib v1.0\n"
    )
    assert filled(
        "pip", "tree", "-p", "v", "--depth", "1", "--show-version-specifiers", "--package", "report-tool"
    ).ok().out == ("report-tool v0.5\n├── app v1.0 [required: *]\n└── lib v1.0 [required: >=1.5, <3]\n")
    assert filled("pip", "tree", "-p", "v", "--invert", "--package", "lib").ok().out == (
        "lib v1.0\n├── app v1.0\n│   └── report-tool v0.5\n└── report-tool v0.5\n"
    )
    assert filled("pip", "tree", "-p", "v", "--prune", "report-tool").ok().out == "app v1.0\n└── lib v1.0\ncolor v1.0\n"
    assert "lib v1.0 (latest: v2.0)" in filled("pip", "tree", "-p", "v", "--outdated").ok().out
    assert "lib v1.0 (1" in filled("pip", "tree", "-p", "v", "--show-sizes").ok().out


def test_a_tree_as_data(filled):
    nested = json.loads(filled("pip", "tree", "-p", "v", "--json", "--outdated").ok().out)
    lib = {"name": "lib", "version": "1.0", "required": ">=1", "latest_version": "2.0", "dependencies": []}
    assert nested[0] == {"name": "app", "version": "1.0", "latest_version": "2.0", "dependencies": [lib]}


def test_circles_end(stocked):
    for one, other in (("hen", "egg"), ("egg", "hen")):
        make_wheel(stocked.path("wheels"), one, "1.0", {f"{one}.py": ""}, requires=[other])
    stocked("pip", "install", "-p", "v", "hen").ok()
    out = stocked("pip", "tree", "-p", "v").ok().out
    assert out == "egg v1.0\n└── hen v1.0\n    └── egg v1.0 (*)\n(*) Package tree already displayed\n"
    assert json.loads(stocked("pip", "tree", "-p", "v", "--json").ok().out)[0]["dependencies"][0]["name"] == "hen"


def test_a_subtree_is_drawn_once_unless_asked_for(stocked):
    wheels = stocked.path("wheels")
    make_wheel(wheels, "one", "1.0", {"one.py": ""}, requires=["app"])
    make_wheel(wheels, "two", "1.0", {"two.py": ""}, requires=["app"])
    stocked("pip", "install", "-p", "v", "one", "two").ok()
    assert "two v1.0\n└── app v2.0 (*)\n" in stocked("pip", "tree", "-p", "v").ok().out
    assert "two v1.0\n└── app v2.0\n    └── lib v2.0\n" in stocked("pip", "tree", "-p", "v", "--no-dedupe").ok().out


# --- checks --------------------------------------------------------------------------------------------------------------


def test_what_fits_is_said_to_fit(filled):
    ran = filled("pip", "check", "-p", "v").ok()
    assert "Checked 3 packages in" in ran.err
    assert ran.err.endswith("All installed packages are compatible\n")
    assert json.loads(filled("pip", "check", "-p", "v", "--json").ok().out) == {"checked": 3, "problems": []}


def test_what_does_not_fit_is_told_in_uvs_words(filled):
    filled("pip", "install", "-p", "v", "--no-deps", "report-tool").ok()
    filled("pip", "uninstall", "-p", "v", "color").ok()
    ran = filled("pip", "check", "-p", "v").failed(1)
    assert (
        "Found 1 incompatibility\nThe package `report-tool` requires `lib>=1.5,<3`, but `1.0` is installed\n" in ran.err
    )
    assert "requires `lib>=1.5,<3`" in filled("pip", "list", "-p", "v", "--strict").ok().err
    filled("pip", "uninstall", "-p", "v", "lib").ok()
    assert (
        "The package `app` requires `lib>=1`, but it's not installed" in filled("pip", "check", "-p", "v").failed(1).err
    )


def test_checks_for_another_python(stocked):
    make_wheel(
        stocked.path("wheels"),
        "modern",
        "1.0",
        {"m.py": ""},
        requires_python=">=3.9",
        requires=["lib ; python_version < '3.8'"],
    )
    make_wheel(stocked.path("wheels"), "built", "1.0", {"b.py": ""}, tag="py3-none-linux_x86_64")
    stocked("pip", "install", "-p", "v", "modern", "built", "--python-platform", "linux").ok()
    said = stocked("pip", "check", "-p", "v", "--python-version", "3.7", "--python-platform", "windows").failed(1).err
    assert "`modern` requires Python >=3.9, but `3.7.0` is installed" in said
    assert "`modern` requires `lib`, but it's not installed" in said
    assert "The package `built` was built for a different platform" in said


def test_a_script_without_its_interpreter_is_a_problem(filled):
    path = filled.path("v", "bin", "app")
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    os.remove(path)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("#!/nowhere/python\n" + text.partition("\n")[2])
    os.chmod(path, 0o755)
    assert "/nowhere/python" in filled("pip", "check", "-p", "v").failed(1).err


# --- as pip has them -----------------------------------------------------------------------------------------------------


def test_an_inspection_is_what_pip_would_say(filled):
    filled(
        "pip",
        "install",
        "-p",
        "v",
        "lib @ file://" + filled.path("wheels", "lib-2.0-py3-none-any.whl").replace(" ", "%20"),
    ).ok()
    ours = json.loads(filled("pip", "inspect", "-p", "v").ok().out)
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "--python", filled.path("v"), "inspect"], capture_output=True, text=True, check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    theirs = json.loads(pip.stdout)
    assert ours["version"] == theirs["version"]
    rows = {row["metadata"]["name"]: row for row in theirs["installed"]}
    assert set(rows) == {row["metadata"]["name"] for row in ours["installed"]}
    for row in ours["installed"]:
        other = rows[row["metadata"]["name"]]
        assert row["metadata"] == other["metadata"]
        assert (row["metadata_location"], row["requested"], row["installer"]) == (
            other["metadata_location"], other["requested"], other["installer"],
        )  # fmt: skip
        if "direct_url" in other:
            del other["direct_url"]["archive_info"]["hash"]  # an older name of the same
        assert row.get("direct_url") == other.get("direct_url")


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_hashes_for_requirements_files(stocked, algorithm):
    path = stocked.path("wheels", "lib-1.0-py3-none-any.whl")
    with open(path, "rb") as stream:
        expected = hashlib.new(algorithm, stream.read()).hexdigest()
    ran = stocked("pip", "hash", "-a", algorithm, path).ok()
    assert ran.out == f"{path}:\n--hash={algorithm}:{expected}\n"
    assert (
        json.loads(stocked("pip", "hash", "-a", algorithm, path, "--json").ok().out)[0]["hash"]
        == f"{algorithm}:{expected}"
    )
    assert "none.whl" in stocked("pip", "hash", "none.whl").failed(2).err
    stocked("pip", "hash", stocked.path("wheels")).failed(2)


def test_debugging_shows_tags_and_markers(stocked):
    out = stocked("pip", "debug", "-p", "v").ok().out
    assert "python_full_version: 3." in out
    assert "cp3" in out
    assert len(stocked("pip", "debug", "-p", "v", "-v").ok().out) > len(out)
