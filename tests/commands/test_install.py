"""`pip install`, `sync` and `uninstall` as their users meet them, on a loopback index and folders of wheels."""

import hashlib
import os
import shutil

import pytest

from kit.sdists import files_of, write_tree


def content(root):
    """Return every file below a directory with its mode and hash, and every link with its target."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root)] = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, root)] = (
                        os.stat(path).st_mode,
                        hashlib.sha256(stream.read()).hexdigest(),
                    )
    return found


def frozen(cw, environment="v"):
    return cw("pip", "freeze", "-p", environment).ok().out.split()


def test_installing_brings_what_is_needed_and_says_so(stocked):
    ran = stocked("pip", "install", "-p", "v", "app").ok()
    assert frozen(stocked) == ["app==2.0", "lib==2.0"]
    assert ran.out == ""
    assert "Resolved 2 packages in" in ran.err
    assert " + app==2.0" in ran.err
    assert os.access(stocked.path("v", "bin", "app"), os.X_OK)


def test_the_second_time_there_is_nothing_to_do(stocked):
    stocked("pip", "install", "-p", "v", "app").ok()
    before = content(stocked.path("v"))
    ran = stocked("pip", "install", "-p", "v", "app").ok()
    assert "Checked 2 packages in" in ran.err
    assert content(stocked.path("v")) == before


def test_what_is_installed_stays_unless_it_is_to_be_upgraded(stocked):
    stocked("pip", "install", "-p", "v", "lib==1.0").ok()
    stocked("pip", "install", "-p", "v", "app").ok()
    assert frozen(stocked) == ["app==2.0", "lib==1.0"]
    ran = stocked("pip", "install", "-p", "v", "-U", "app").ok()
    assert frozen(stocked) == ["app==2.0", "lib==2.0"]
    assert " - lib==1.0\n + lib==2.0\n" in ran.err


def test_one_package_can_be_upgraded(stocked):
    stocked("pip", "install", "-p", "v", "lib==1.0", "app==1.0").ok()
    stocked("pip", "install", "-p", "v", "-P", "app", "app").ok()
    assert frozen(stocked) == ["app==2.0", "lib==1.0"]


def test_extras_bring_what_they_name(stocked):
    stocked("pip", "install", "-p", "v", "app[pretty]").ok()
    assert "color==1.0" in frozen(stocked)


def test_a_dry_run_changes_nothing(stocked):
    before = content(stocked.path("v"))
    ran = stocked("pip", "install", "-p", "v", "--dry-run", "app").ok()
    assert "Would install 2 packages" in ran.err
    assert content(stocked.path("v")) == before


def test_check_tells_by_its_status_whether_something_would_change(stocked):
    stocked("pip", "install", "-p", "v", "--check", "app").failed(1)
    stocked("pip", "install", "-p", "v", "app").ok()
    stocked("pip", "install", "-p", "v", "--check", "app").ok()


def test_json_tells_the_changes(stocked):
    ran = stocked("pip", "install", "-p", "v", "--json", "lib").ok()
    assert '"name": "lib"' in ran.out
    assert '"action": "installed"' in ran.out


def test_reinstalling_is_shown_as_such(stocked):
    stocked("pip", "install", "-p", "v", "lib==2.0").ok()
    ran = stocked("pip", "install", "-p", "v", "--reinstall", "lib").ok()
    assert " ~ lib==2.0" in ran.err


def test_no_deps_leaves_dependencies_out(stocked):
    stocked("pip", "install", "-p", "v", "--no-deps", "app").ok()
    assert frozen(stocked) == ["app==2.0"]


def test_constraints_narrow_and_overrides_replace(stocked):
    stocked.write("narrow.txt", "lib<2\n")
    stocked("pip", "install", "-p", "v", "-c", "narrow.txt", "app").ok()
    assert "lib==1.0" in frozen(stocked)
    stocked("venv", "w").ok()
    stocked.write("instead.txt", "lib==1.0\n")
    stocked("pip", "install", "-p", "w", "--overrides", "instead.txt", "app", "lib>=2").ok()
    assert "lib==1.0" in frozen(stocked, "w")


def test_excluded_names_are_not_brought_in(stocked):
    stocked.write("without.txt", "lib\n")
    stocked("pip", "install", "-p", "v", "--excludes", "without.txt", "app").ok()
    assert frozen(stocked) == ["app==2.0"]


def test_a_conflict_names_the_users_lines_and_changes_nothing(stocked):
    stocked.write("wishes.txt", "# two wishes\nlib<2\nlib>=2\n")
    before = content(stocked.path("v"))
    ran = stocked("pip", "install", "-p", "v", "-r", "wishes.txt").failed(1)
    assert "wishes.txt:2" in ran.err
    assert "wishes.txt:3" in ran.err
    assert content(stocked.path("v")) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lib==\n", "bad.txt:1"),
        ("lib --frobnicate\n", "--frobnicate"),
        ("-r bad.txt\n", "bad.txt"),
        ("lib @ ftp://x/y.whl\n", "ftp"),
        ("\x00\x01\n", "bad.txt"),
    ],
)
def test_a_bad_requirements_file_is_named_and_costs_nothing(stocked, text, said):
    stocked.write("bad.txt", text)
    before = content(stocked.path("v"))
    ran = stocked("pip", "install", "-p", "v", "-r", "bad.txt").failed(2)
    assert said in ran.err
    assert content(stocked.path("v")) == before


def test_a_missing_file_says_where_it_was_looked_for(stocked):
    ran = stocked("pip", "install", "-p", "v", "-r", "none.txt").failed(2)
    assert stocked.path("none.txt") in ran.err


def test_nothing_asked_is_a_usage_error(stocked):
    assert "no requirements given" in stocked("pip", "install", "-p", "v").failed(2).err


def test_no_environment_is_told_with_what_to_type(cw):
    assert "cw venv" in cw("pip", "install", "lib").failed(2).err


# --- hashes ---------------------------------------------------------------------------------------------------------


def sha256(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def wheel(cw, name, version):
    return cw.path("wheels", f"{name}-{version}-py3-none-any.whl")


def test_hash_mode_takes_the_right_file(stocked):
    stocked.write("pins.txt", f"lib==1.0 --hash=sha256:{sha256(wheel(stocked, 'lib', '1.0'))}\n")
    stocked("pip", "install", "-p", "v", "-r", "pins.txt").ok()
    assert frozen(stocked) == ["lib==1.0"]
    stocked("pip", "install", "-p", "v", "-r", "pins.txt").ok()


def test_hash_mode_refuses_a_wrong_hash_and_leaves_no_trace(stocked):
    stocked.write("pins.txt", f"lib==1.0 --hash=sha256:{'0' * 64}\n")
    before = content(stocked.path("v"))
    assert "0" * 64 in stocked("pip", "install", "-p", "v", "-r", "pins.txt").failed(1).err
    assert content(stocked.path("v")) == before


def test_hash_mode_is_enforced_where_the_environment_seems_to_satisfy_the_line(stocked):
    """uv 0.13.9 answers 0 here, and never looks at the hash."""
    stocked("pip", "install", "-p", "v", "lib==1.0").ok()
    stocked.write("pins.txt", f"lib==1.0 --hash=sha256:{'0' * 64}\n")
    stocked("pip", "install", "-p", "v", "-r", "pins.txt").failed(1)


def test_hash_mode_wants_everything_pinned_and_hashed(stocked):
    stocked.write("pins.txt", "lib\napp==2.0\n")
    ran = stocked("pip", "install", "-p", "v", "--require-hashes", "-r", "pins.txt").failed(2)
    assert "pins.txt:1" in ran.err
    assert "pins.txt:2" in ran.err


def test_hash_mode_refuses_what_a_package_brings_in_unnamed(stocked):
    stocked.write("pins.txt", f"app==2.0 --hash=sha256:{sha256(wheel(stocked, 'app', '2.0'))}\n")
    assert "lib" in stocked("pip", "install", "-p", "v", "-r", "pins.txt").failed(1).err


# --- sync and uninstall -----------------------------------------------------------------------------------------------


def test_sync_makes_an_environment_what_a_file_says(stocked):
    stocked("pip", "install", "-p", "v", "app", "color").ok()
    stocked.write("pins.txt", "lib==1.0\n")
    ran = stocked("pip", "sync", "-p", "v", "pins.txt").ok()
    assert frozen(stocked) == ["lib==1.0"]
    assert " - app==2.0" in ran.err


def test_an_empty_file_does_not_empty_an_environment_by_accident(stocked):
    stocked("pip", "install", "-p", "v", "lib").ok()
    stocked.write("none.txt", "")
    assert "allow-empty-requirements" in stocked("pip", "sync", "-p", "v", "none.txt").ok().err
    assert frozen(stocked) == ["lib==2.0"]
    stocked("pip", "sync", "-p", "v", "--allow-empty-requirements", "none.txt").ok()
    assert frozen(stocked) == []


def test_uninstalling_removes_what_was_installed_and_nothing_else(stocked):
    before = content(stocked.path("v"))
    stocked("pip", "install", "-p", "v", "app").ok()
    mine = os.path.join(stocked.site(), "app", "mine.txt")
    with open(mine, "w", encoding="utf-8") as stream:
        stream.write("mine")
    stocked("pip", "uninstall", "-p", "v", "app", "lib").ok()
    assert os.path.exists(mine)
    os.remove(mine)
    os.rmdir(os.path.dirname(mine))
    after = {name: what for name, what in content(stocked.path("v")).items() if not name.startswith(".cw")}
    assert {name: what for name, what in before.items() if not name.startswith(".cw")} == after


@pytest.mark.parametrize("word", ["./proj", "proj/", "file://{root}/proj"])
@pytest.mark.parametrize("editable", [True, False])
def test_a_package_is_uninstalled_by_the_path_that_it_came_from(stocked, word, editable):
    write_tree(stocked.path("proj"), files_of("demo", "1.0"))
    write_tree(stocked.path("other"), files_of("demo", "1.0"))
    stocked("pip", "install", "-p", "v", "--no-build-isolation", *["-e"][:editable], "./proj", "color").ok()
    elsewhere = stocked("pip", "uninstall", "-p", "v", "./other").ok()
    assert "as nothing is installed from there" in elsewhere.err
    stocked("pip", "uninstall", "-p", "v", word.format(root=stocked.path())).ok()
    assert frozen(stocked) == ["color==1.0"]


def test_an_egg_info_without_modules_is_uninstalled(stocked):
    info = stocked.path("v", "lib", os.listdir(stocked.path("v", "lib"))[0], "site-packages", "old-1.0.egg-info")
    os.mkdir(info)
    for name, text in (("PKG-INFO", "Metadata-Version: 1.0\nName: old\nVersion: 1.0\n"), ("top_level.txt", "")):
        with open(os.path.join(info, name), "w", encoding="utf-8") as file:
            file.write(text)
    stocked("pip", "uninstall", "-p", "v", "old").ok()
    assert not os.path.exists(info)


def test_uninstalling_what_is_not_there_is_a_warning(stocked):
    ran = stocked("pip", "uninstall", "-p", "v", "nothing").ok()
    assert "Skipping nothing as it is not installed" in ran.err


@pytest.mark.parametrize("mode", ["auto", "clone", "hardlink", "copy", "symlink", "fold"])
def test_every_link_mode_installs_upgrades_and_uninstalls(stocked, mode):
    before = {name for name in content(stocked.path("v")) if not name.startswith(".cw")}
    stocked("pip", "install", "-p", "v", "--link-mode", mode, "app==1.0", "lib==1.0").ok()
    stocked("pip", "install", "-p", "v", "--link-mode", mode, "-U", "app").ok()
    assert frozen(stocked) == ["app==2.0", "lib==2.0"]
    stocked("pip", "check", "-p", "v").ok()
    stocked("pip", "uninstall", "-p", "v", "app", "lib").ok()
    assert {name for name in content(stocked.path("v")) if not name.startswith(".cw")} == before


def test_a_target_directory_gets_packages_at_its_top(stocked):
    stocked("pip", "install", "--target", "packed", "-p", "v", "app").ok()
    assert os.path.isfile(stocked.path("packed", "app", "__init__.py"))
    assert os.path.isfile(stocked.path("packed", "bin", "app"))
    assert frozen(stocked) == []


def test_groups_and_extras_of_a_project_file(stocked):
    stocked.write(
        "pyproject.toml",
        '[project]\nname = "mine"\nversion = "1"\ndependencies = ["lib"]\n'
        '[project.optional-dependencies]\npretty = ["color"]\n[dependency-groups]\ndev = ["app==1.0"]\n',
    )
    stocked("pip", "install", "-p", "v", "-r", "pyproject.toml").ok()
    assert frozen(stocked) == ["lib==2.0"]
    stocked("pip", "install", "-p", "v", "-r", "pyproject.toml", "--extra", "pretty", "--group", "dev").ok()
    assert frozen(stocked) == ["app==1.0", "color==1.0", "lib==2.0"]


def test_the_dependencies_of_a_script(stocked):
    stocked.write("tool.py", '# /// script\n# dependencies = ["lib<2"]\n# ///\nprint(1)\n')
    stocked("pip", "install", "-p", "v", "-r", "tool.py").ok()
    assert frozen(stocked) == ["lib==1.0"]


def test_a_lock_goes_out_and_comes_back(stocked):
    stocked.write("app.in", "app[pretty]\n")
    stocked("pip", "compile", "-p", "v", "app.in", "-o", "pylock.toml").ok()
    stocked("pip", "install", "-p", "v", "-r", "pylock.toml").ok()
    assert frozen(stocked) == ["app==2.0", "color==1.0", "lib==2.0"]
    stocked("pip", "sync", "-p", "v", "pylock.toml").ok()


def test_a_report_in_the_words_of_pip(stocked):
    import json

    stocked("pip", "install", "-p", "v", "--report", "report.json", "app").ok()
    with open(stocked.path("report.json"), encoding="utf-8") as stream:
        report = json.load(stream)
    rows = {row["metadata"]["name"]: row for row in report["install"]}
    assert set(rows) == {"app", "lib"}
    assert rows["app"]["requested"] is True
    assert rows["app"]["download_info"]["archive_info"]["hashes"]["sha256"] == sha256(wheel(stocked, "app", "2.0"))


def test_harmless_words_of_pip_are_taken(stocked):
    stocked(
        "pip", "install", "-p", "v", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-cache-dir",
        "--no-warn-script-location", "--root-user-action=ignore", "lib",
    ).ok()  # fmt: skip
    assert frozen(stocked) == ["lib==2.0"]


def test_who_wants_no_traces_of_the_installer_gets_none(stocked):
    stocked("pip", "install", "-p", "v", "app", environ={"UV_NO_INSTALLER_METADATA": "1"}).ok()
    info = os.path.join(stocked.site(), "app-2.0.dist-info")
    assert not {"INSTALLER", "REQUESTED", "direct_url.json"} & set(os.listdir(info))
    stocked("pip", "install", "-p", "v", "--reinstall", "app").ok()
    assert {"INSTALLER", "REQUESTED"} <= set(os.listdir(info))


def flags_of_bytecode(root):
    """Return how each compiled module tells that it is stale: 0 by time, 1 not at all, 3 by the hash of its source (PEP 552)."""
    found = {}
    for at, _, names in os.walk(root):
        for name in names:
            if name.endswith(".pyc"):
                with open(os.path.join(at, name), "rb") as stream:
                    found[name.partition(".")[0]] = int.from_bytes(stream.read(8)[4:], "little")
    return found


@pytest.mark.parametrize(
    ("variable", "flag"), [(None, 0), ("CHECKED_HASH", 3), ("UNCHECKED_HASH", 1), ("TIMESTAMP", 0)]
)
def test_bytecode_is_compiled_as_python_is_told_to(stocked, variable, flag):
    environ = {"UV_COMPILE_BYTECODE": "1"} | ({"PYC_INVALIDATION_MODE": variable} if variable else {})
    said = stocked("pip", "install", "-p", "v", "app==2.0", "--link-mode", "copy", environ=environ).ok().err
    assert "Bytecode compiled 3 files" in said
    assert flags_of_bytecode(stocked.site()) == {"__init__": flag, "cli": flag, "lib": flag}
    with open(os.path.join(stocked.site(), "app-2.0.dist-info", "RECORD"), encoding="utf-8") as stream:
        assert ".pyc" not in stream.read()
    stocked("pip", "uninstall", "-p", "v", "app", "lib").ok()
    assert not flags_of_bytecode(stocked.site())


def test_a_way_to_compile_that_python_does_not_know(stocked):
    environ = {"PYC_INVALIDATION_MODE": "sometimes"}
    said = stocked("pip", "install", "-p", "v", "lib", "--compile-bytecode", environ=environ).failed(2).err
    assert "CHECKED_HASH" in said
    assert frozen(stocked) == []


def test_a_report_that_cannot_be_written_is_an_error_though_all_is_installed(stocked):
    said = stocked("pip", "install", "-p", "v", "lib", "--report", "nowhere/report.json").failed(1).err
    assert "nowhere/report.json" in said
    assert frozen(stocked) == ["lib==2.0"]


def test_options_of_a_file_that_are_not_for_files_are_told(stocked):
    stocked.write("r.txt", "--trusted-host host.example\n--prefer-binary\nlib\n")
    for _ in range(2):
        said = stocked("pip", "install", "-p", "v", "-r", "r.txt").ok().err
        assert "warning: `--trusted-host` at r.txt:1 is ignored: pass it on the command line" in said
        assert "warning: `--prefer-binary` at r.txt:2 is ignored" in said


def test_the_environment_is_named_from_where_the_user_stands(stocked, monkeypatch):
    said = stocked("pip", "list", "-p", "v").ok().err
    assert said.endswith("environment at: v\n")
    root = stocked.path("v")
    monkeypatch.chdir("/")
    assert stocked("pip", "list", "--directory", "/", "-p", root).ok().err.endswith(f"environment at: {root}\n")


@pytest.mark.parametrize("words", [["lib==1.0"], ["app"], ["lib"]])
def test_a_package_with_two_dist_infos_is_replaced_by_one(stocked, words):
    stocked("pip", "install", "-p", "v", "lib==1.0").ok()
    site = stocked.site()
    shutil.copytree(f"{site}/lib-1.0.dist-info", f"{site}/lib-0.9.dist-info")
    stocked("pip", "install", "-p", "v", *words).ok()
    wanted = "1.0" if words == ["lib==1.0"] else "2.0"
    assert [name for name in os.listdir(site) if name.startswith("lib-")] == [f"lib-{wanted}.dist-info"]
    with open(f"{site}/lib.py", encoding="utf-8") as stream:
        assert stream.read() == f"version = '{wanted}'\n"


@pytest.mark.parametrize("form", ["egg-info", "egg-file"])
def test_leftover_egg_info_goes_with_the_dist_info_beside_it(stocked, form):
    stocked("pip", "install", "-p", "v", "lib==1.0").ok()
    site = stocked.site()
    head = "Metadata-Version: 1.0\nName: lib\nVersion: 0.9\n"
    stocked.write(f"{site}/lib-0.9.egg-info" + ("/PKG-INFO" if form == "egg-info" else ""), head)
    stocked("pip", "install", "-p", "v", "lib==2.0").ok()
    assert [name for name in os.listdir(site) if name.startswith("lib-")] == ["lib-2.0.dist-info"]
    stocked.write(f"{site}/lib-0.9.egg-info" + ("/PKG-INFO" if form == "egg-info" else ""), head)
    stocked("pip", "uninstall", "-p", "v", "lib").ok()
    assert [name for name in os.listdir(site) if name.startswith("lib")] == []


@pytest.mark.parametrize("words", [["app"], ["lib>=1"]])
def test_a_copied_environment_that_has_all_is_noted_in_the_store(stocked, words):
    stocked("pip", "install", "-p", "v", "--link-mode", "symlink", "app").ok()
    notes = f"{stocked.store}/v1/roots/{os.geteuid()}"
    before = os.listdir(notes)
    shutil.copytree(stocked.path("v"), stocked.path("copy"), symlinks=True)
    assert "Checked" in stocked("pip", "install", "-p", "copy", *words).ok().err
    (new,) = set(os.listdir(notes)) - set(before)
    with open(f"{notes}/{new}", encoding="utf-8") as stream:
        text = stream.read()
    assert f"environment\t{stocked.path('copy')}\n" in text
    assert text.count("entry\t") == 2
    # the same words are answered from memory the second time, and renew it as well
    os.remove(f"{notes}/{new}")
    assert "Checked" in stocked("pip", "install", "-p", "copy", *words).ok().err
    assert new in os.listdir(notes)


@pytest.mark.parametrize("mode", ["symlink", "fold"])
@pytest.mark.parametrize("remembered", [False, True])
def test_links_that_lead_nowhere_are_seen_and_their_packages_installed_again(stocked, mode, remembered):
    stocked("pip", "install", "-p", "v", "--link-mode", mode, "app==1.0").ok()
    if remembered:
        assert "Checked" in stocked("pip", "install", "-p", "v", "app").ok().err
    shutil.rmtree(stocked.store)
    ran = stocked("pip", "install", "-p", "v", "app").ok()
    assert "Checked" not in ran.err
    site = stocked.site()
    assert [name for name in os.listdir(site) if not os.path.exists(f"{site}/{name}")] == []
    assert "Checked" in stocked("pip", "install", "-p", "v", "app").ok().err


# --- what scripts for uv and pip-tools say ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "--preview pip list -p v", "pip list -p v --preview-features a,b --no-preview",
        "pip install -p v lib --exclude names.txt", "pip compile -p v app.in --allow-unsafe --resolver=backtracking",
        "pip compile -p v app.in --no-emit-options --no-reuse-hashes --no-emit-trusted-host", "cache clear lib",
        "venv w --no-clear --no-relocatable --no-workspace",
    ],
)  # fmt: skip
def test_scripts_for_uv_and_pip_tools_run(stocked, words):
    stocked.write("names.txt", "color\n")
    stocked.write("app.in", "app\n")
    stocked(*words.split()).ok()


def test_excludes_may_be_called_exclude(stocked):
    stocked.write("names.txt", "lib\n")
    stocked("pip", "install", "-p", "v", "app", "--exclude", "names.txt").ok()
    assert frozen(stocked) == ["app==2.0"]


def test_a_resolver_that_cw_has_not_is_refused(stocked):
    stocked.write("app.in", "app\n")
    assert stocked("pip", "compile", "-p", "v", "app.in", "--resolver=legacy").code == 2


# --- words that contradict each other ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pip compile -p v --python-version 3.7.x app.in", "`3.7.x` is not a Python version"),
        ("pip compile -p v --python-version 3.7.1.2 app.in", "`3.7.1.2` is not a Python version"),
        ("pip list -p v -p w", "`-p` is given twice"),
        ("pip list -p v --python w", "`--python` is given twice"),
        ("pip install lib --index-strategy first-index --index-strategy first-index", "`--index-strategy` is given twice"),
        ("pip compile -p v --all-extras app.in", "`--all-extras` asks for extras of a project"),
        ("pip install -p v --extra x -r app.in", "`--extra` asks for extras of a project"),
        ("pip compile -p v --format pylock.toml -o bad.lock.toml app.in", "`bad.lock.toml` is not a name for a lock"),
        ("pip compile -p v --format pylock.toml -o lock.txt app.in", "`lock.txt` is not a name for a lock"),
        ("pip list -p v --editable --exclude-editable", "leave nothing to list"),
        ("pip list -p v --outdated --format freeze", "`--format freeze` has no place"),
    ],
)  # fmt: skip
def test_words_that_contradict_each_other_are_refused(stocked, words, said):
    stocked.write("app.in", "app\n")
    ran = stocked(*words.split())
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_exit_statuses_are_those_of_uv(stocked):
    assert stocked("pip", "show", "-p", "v").code == 1
    url = "https://h.example/a-1.0-py3-none-any.whl"
    assert stocked("pip", "install", "-p", "v", "--offline", url).code == 1
    stocked("pip", "install", "-p", "v", "lib").ok()
    site = stocked.path("v", "lib", os.listdir(stocked.path("v", "lib"))[0], "site-packages")
    os.unlink(os.path.join(site, "lib-2.0.dist-info", "RECORD"))
    assert stocked("pip", "uninstall", "-p", "v", "lib").code == 2
    write_tree(
        stocked.path("broken"), files_of("demo", "1.0", backend="def build_sdist(*words):\n    raise SystemExit(3)\n")
    )
    assert stocked("build", "-p", "v", "broken").code == 2
