"""Virtual environments made by cw, judged by the interpreters that run in them and by other tools."""

import os
import stat
import subprocess
import sys

import pytest

from commonwheel import __version__
from commonwheel.errors import UsageError
from commonwheel.fs import disk
from commonwheel.fs.disk import DiskError
from commonwheel.python import interpreter, venv
from commonwheel.python.venv import EnvironmentExists, Options
from kit import pythons as kit
from kit.users import users

INSIDE = """
import json, os, sys, sysconfig
print(json.dumps({
    "prefix": sys.prefix, "base": sys.base_prefix, "purelib": sysconfig.get_path("purelib"),
    "path": [os.path.abspath(p) for p in sys.path if p], "platlib": sysconfig.get_path("platlib"),
}))
"""


def tree(root: str) -> dict[str, str]:
    """Return all names below a directory with their content, links as `-> target`."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root)] = "-> " + os.readlink(path)
            elif os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, root)] = file.read()
            else:
                found[os.path.relpath(path, root)] = ""
    return found


@pytest.mark.parametrize("python", [*kit.pythons().values(), *filter(None, [kit.debian()])])
@pytest.mark.parametrize("system", [False, True], ids=["alone", "system"])
def test_every_interpreter_runs_in_its_environment(python: str, system: bool, place: str) -> None:
    told = kit.probed(python)
    root = venv.create(os.path.join(place, "it's $HOME"), told, Options(system_site_packages=system))
    for name in ("python", "python3", "python{}.{}".format(*told.version[:2])):
        said = kit.says(f"{root}/bin/{name}", INSIDE)
        assert isinstance(said, dict)
        assert said["prefix"] == root
        assert said["base"] == told.base_prefix
        assert said["purelib"] == f"{root}/{told.venv_paths['purelib']}"
        assert os.path.isdir(said["purelib"])
        assert said["purelib"] in said["path"]
        assert os.path.realpath(said["platlib"]).startswith(os.path.realpath(root))
        outer = set(told.sys_path) & set(said["path"]) - set(told.paths["stdlib"])
        assert any(path.endswith("-packages") for path in outer) is (
            system and any("-packages" in p for p in told.sys_path)
        )


def test_layout_matches_uv(place: str) -> None:
    told = kit.probed(kit.newest())
    kit.make_environment("uv", kit.newest(), os.path.join(place, "theirs"))
    venv.create(os.path.join(place, "ours"), told)
    theirs, ours = tree(os.path.join(place, "theirs")), tree(os.path.join(place, "ours"))
    scripts = {"activate.bat", "activate.nu", "activate.ps1", "activate.xsh", "deactivate.bat", "pydoc.bat"}
    missing = {name for name in theirs if os.path.basename(name) not in scripts} - set(ours)
    assert not missing
    assert set(ours) - set(theirs) == {"bin/Activate.ps1"}
    assert ours["lib64"] == theirs["lib64"]
    assert ours[".gitignore"].strip() == theirs[".gitignore"].strip()
    assert ours["CACHEDIR.TAG"].splitlines()[0] == theirs["CACHEDIR.TAG"].splitlines()[0]
    assert ours["bin/python"] == f"-> {told.base_executable}"
    keys = {line.partition(" = ")[0] for line in theirs["pyvenv.cfg"].splitlines()}
    assert {line.partition(" = ")[0] for line in ours["pyvenv.cfg"].splitlines()} == keys - {"uv"} | {"commonwheel"}


def test_pyvenv_cfg_content(place: str) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(
        os.path.join(place, "a", "b", ".venv"), told, Options(relocatable=True, system_site_packages=True)
    )
    assert interpreter.read_config(f"{root}/pyvenv.cfg") == {
        "home": os.path.dirname(told.base_executable),
        "implementation": "CPython",
        "commonwheel": __version__,
        "version_info": ".".join(map(str, told.version)),
        "include-system-site-packages": "true",
        "relocatable": "true",
        "prompt": "b",
    }
    root = venv.create(os.path.join(place, "env"), told, Options(prompt="mine = it"))
    assert interpreter.read_config(f"{root}/pyvenv.cfg")["prompt"] == "mine = it"


def test_uv_and_pip_accept_the_environment(place: str) -> None:
    root = venv.create(os.path.join(place, "env"), kit.probed(kit.newest()))
    inner = kit.make_environment("uv", f"{root}/bin/python", os.path.join(place, "inner"))
    assert kit.probed(inner).base_prefix == kit.probed(kit.newest()).base_prefix
    argv = [f"{root}/bin/python", "-m", "ensurepip", "--version"]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def test_nested_environment_uses_the_base(place: str) -> None:
    first = venv.create(os.path.join(place, "first"), kit.probed(kit.newest()))
    second = venv.create(os.path.join(place, "second"), kit.probed(f"{first}/bin/python"))
    assert tree(first)["pyvenv.cfg"] == tree(second)["pyvenv.cfg"]
    assert os.readlink(f"{second}/bin/python") == kit.probed(kit.newest()).base_executable


def test_no_interpreter_is_started(place: str) -> None:
    told = kit.probed(kit.newest())
    kit.probed(told.base_executable)
    root = venv.create(os.path.join(place, "env"), told)
    run = kit.Counted()
    found = interpreter.probe(f"{root}/bin/python", kit.MEMORY, run)
    assert not run.ran
    assert found.prefix == root


# --- what is there already ------------------------------------------------------------------------------------------------


def test_existing_path_is_refused(place: str) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(os.path.join(place, "env"), told)
    before = tree(root)
    with pytest.raises(EnvironmentExists, match="virtual environment already exists") as caught:
        venv.create(root, told)
    assert caught.value.exit_status == 2
    assert "--clear" in (caught.value.hint or "")
    assert tree(root) == before
    os.mkdir(os.path.join(place, "dir"))
    with open(os.path.join(place, "dir", "file"), "w", encoding="utf-8"):
        pass
    for path, said in (("dir", "directory already exists"), ("dir/file", "is a file"), ("dir/file/x", "is a file")):
        with pytest.raises(EnvironmentExists, match=said):
            venv.create(os.path.join(place, path), told)
    os.symlink("nowhere", os.path.join(place, "link"))
    with pytest.raises(EnvironmentExists, match="leads nowhere"):
        venv.create(os.path.join(place, "link"), told)
    assert not os.path.exists(os.path.join(place, "nowhere"))


def test_empty_directory_keeps_its_mode_and_inode(place: str) -> None:
    path = os.path.join(place, "env")
    os.mkdir(path, 0o750)
    before = os.stat(path)
    venv.create(path, kit.probed(kit.newest()))
    after = os.stat(path)
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert "pyvenv.cfg" in tree(path)


def test_clear_replaces_everything(place: str) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(os.path.join(place, "env"), told)
    site = os.path.join(root, told.venv_paths["purelib"])
    with open(os.path.join(site, "old.py"), "w", encoding="utf-8"):
        pass
    os.chmod(site, 0o555)
    older = kit.probed(next(iter(kit.pythons().values())))
    venv.create(root, older, Options(clear=True))
    assert "old.py" not in "\n".join(tree(root))
    assert kit.probed(f"{root}/bin/python").version == older.version
    assert os.listdir(place) == ["env"]


def test_clear_refuses_non_environment_unless_forced(place: str) -> None:
    told = kit.probed(kit.newest())
    path = os.path.join(place, "dir")
    os.mkdir(path)
    with open(os.path.join(path, "precious"), "w", encoding="utf-8"):
        pass
    with pytest.raises(EnvironmentExists) as caught:
        venv.create(path, told, Options(clear=True))
    assert "--force" in (caught.value.hint or "")
    assert os.listdir(path) == ["precious"]
    venv.create(path, told, Options(clear=True, force=True))
    assert "precious" not in tree(path)


def test_home_and_root_are_never_cleared(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", place)
    with open(os.path.join(place, "precious"), "w", encoding="utf-8"):
        pass
    for path in (place, "/"):
        with pytest.raises(EnvironmentExists, match="will not be cleared"):
            venv.create(path, kit.probed(kit.newest()), Options(clear=True, force=True))
    assert os.listdir(place) == ["precious"]


def test_clear_through_a_symlink_keeps_the_symlink(place: str) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(os.path.join(place, "env"), told)
    link = os.path.join(place, "link")
    os.symlink("env", link)
    assert venv.create(link, told, Options(clear=True)) == link
    assert os.readlink(link) == "env"
    assert f"VIRTUAL_ENV='{link}'" in tree(root)["bin/activate"]


def test_current_directory_is_cleared_in_place(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(os.path.join(place, "env"), told)
    inode = os.stat(root).st_ino
    with open(os.path.join(root, "old"), "w", encoding="utf-8"):
        pass
    monkeypatch.chdir(root)
    venv.create(".", told, Options(clear=True))
    assert os.stat(root).st_ino == inode
    assert "old" not in tree(root)
    assert sorted(os.listdir(root)) == [".gitignore", "CACHEDIR.TAG", "bin", "lib", "lib64", "pyvenv.cfg"]


def test_unrenamable_directory_is_cleared_in_place(place: str) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(os.path.join(place, "env"), told)
    with open(os.path.join(root, "old"), "w", encoding="utf-8"):
        pass
    inode = os.stat(root).st_ino

    def hook(operation: str, path: str) -> None:
        if operation == "mkdir" and os.path.dirname(path) == place:
            raise PermissionError(13, "Permission denied")

    previous = disk.observe(hook)
    try:
        venv.create(root, told, Options(clear=True))
    finally:
        disk.observe(previous)
    assert os.stat(root).st_ino == inode
    assert "old" not in tree(root)


def test_allow_existing_keeps_files_and_writes_through_no_link(place: str) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(os.path.join(place, "env"), told)
    site = os.path.join(root, told.venv_paths["purelib"])
    # files that others hold: one inode with two names, one link to another user's file
    with open(os.path.join(place, "theirs"), "w", encoding="utf-8") as file:
        file.write("precious")
    for name in ("bin/activate", "pyvenv.cfg"):
        os.remove(os.path.join(root, name))
    os.link(os.path.join(place, "theirs"), os.path.join(root, "bin/activate"))
    os.symlink(os.path.join(place, "theirs"), os.path.join(root, "pyvenv.cfg"))
    os.remove(os.path.join(root, "bin/python"))
    os.symlink(os.path.join(place, "theirs"), os.path.join(root, "bin/python"))
    with open(os.path.join(site, "kept.py"), "w", encoding="utf-8") as file:
        file.write("x = 1")
    venv.create(root, told, Options(allow_existing=True))
    with open(os.path.join(place, "theirs"), encoding="utf-8") as file:
        assert file.read() == "precious"
    found = tree(root)
    assert found[f"{told.venv_paths['purelib']}/kept.py"] == "x = 1"
    assert "deactivate" in found["bin/activate"]
    assert found["bin/python"] == f"-> {told.base_executable}"
    assert kit.probed(f"{root}/bin/python").prefix == root


def test_allow_existing_keeps_a_real_lib64(place: str) -> None:
    path = os.path.join(place, "env")
    os.makedirs(f"{path}/lib64/x")
    venv.create(path, kit.probed(kit.newest()), Options(allow_existing=True))
    assert not os.path.islink(f"{path}/lib64")
    assert os.path.isdir(f"{path}/lib64/x")


@pytest.mark.parametrize("options", [Options(allow_existing=True), Options()])
def test_of_two_that_make_one_environment_at_once_both_succeed_if_told_to_keep_it(place: str, options: Options) -> None:
    told = kit.probed(kit.newest())
    path = os.path.join(place, "env")
    made: list[str] = []

    def another(operation: str, at: str) -> None:
        # the first thing that is laid out beside the place: nobody has it yet, and another is faster
        if operation == "mkdir" and at != path and not made:
            made.append(at)
            venv.create(path, told)
            with open(f"{path}/kept", "w", encoding="utf-8"):
                pass

    previous = disk.observe(another)
    try:
        if options.allow_existing:
            venv.create(path, told, options)
        else:
            with pytest.raises(EnvironmentExists, match="meanwhile"):
                venv.create(path, told, options)
    finally:
        disk.observe(previous)
    assert made
    assert kit.probed(f"{path}/bin/python").prefix == path
    assert sorted(os.listdir(place)) == ["env"]
    assert os.path.exists(f"{path}/kept")


def test_file_in_place_of_a_directory_is_an_error(place: str) -> None:
    path = os.path.join(place, "env")
    os.mkdir(path)
    with open(f"{path}/bin", "w", encoding="utf-8") as file:
        file.write("mine")
    with pytest.raises((EnvironmentExists, DiskError), match="bin"):
        venv.create(path, kit.probed(kit.newest()), Options(allow_existing=True))
    assert "pyvenv.cfg" not in os.listdir(path)
    with open(f"{path}/bin", encoding="utf-8") as file:
        assert file.read() == "mine"


# --- when it fails half way -----------------------------------------------------------------------------------------------


class Stop(OSError):
    pass


def steps(path: str, options: Options, place: str) -> int:
    """Return how many operations it takes."""
    count = [0]

    def hook(operation: str, where: str) -> None:
        count[0] += 1

    previous = disk.observe(hook)
    try:
        venv.create(path, kit.probed(kit.newest()), options)
    finally:
        disk.observe(previous)
    return count[0]


def fail_at(number: int, path: str, options: Options) -> None:
    left = [number]

    def hook(operation: str, where: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Stop(28, "No space left on device")

    previous = disk.observe(hook)
    try:
        venv.create(path, kit.probed(kit.newest()), options)
    except DiskError:
        pass
    finally:
        disk.observe(previous)


def test_new_environment_appears_atomically(place: str) -> None:
    total = steps(os.path.join(place, "count"), Options(), place)
    assert total > 15
    whole = set(tree(os.path.join(place, "count")))
    for number in range(1, total + 1):
        path = os.path.join(place, f"env{number}")
        fail_at(number, path, Options())
        assert not os.path.exists(path) or set(tree(path)) == whole
    assert not [name for name in os.listdir(place) if name.startswith(".tmp-")]


def test_failing_clear_leaves_old_or_new(place: str) -> None:
    told = kit.probed(kit.newest())
    root = venv.create(os.path.join(place, "env"), told)
    whole = set(tree(root))
    with open(os.path.join(root, "old"), "w", encoding="utf-8"):
        pass
    total = steps(root, Options(clear=True), place)
    for number in range(1, total + 1):
        with open(os.path.join(root, "old"), "w", encoding="utf-8"):
            pass
        fail_at(number, root, Options(clear=True))
        now = set(tree(root))
        assert now in (whole, whole | {"old"}), number


def test_without_symlinks_interpreters_are_copied(place: str) -> None:
    def hook(operation: str, path: str) -> None:
        if operation == "symlink":
            raise PermissionError(1, "Operation not permitted")

    told = kit.probed(kit.newest())
    previous = disk.observe(hook)
    try:
        root = venv.create(os.path.join(place, "env"), told)
        venv.create(root, told, Options(allow_existing=True))
    finally:
        disk.observe(previous)
    for name in ("python", "python3"):
        path = f"{root}/bin/{name}"
        assert not os.path.islink(path)
        assert os.stat(path).st_mode & stat.S_IXUSR
    assert kit.probed(f"{root}/bin/python").prefix == root
    assert not os.path.lexists(f"{root}/lib64")


def test_modes_follow_the_umask(place: str) -> None:
    before = os.umask(0o027)
    try:
        root = venv.create(os.path.join(place, "env"), kit.probed(kit.newest()))
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(root).st_mode) == 0o750
    assert stat.S_IMODE(os.stat(f"{root}/pyvenv.cfg").st_mode) == 0o640


@pytest.mark.parametrize("bad", ["new\nline", "nul\0", "re\rturn"])
def test_unrepresentable_values_are_refused(bad: str, place: str) -> None:
    told = kit.probed(kit.newest())
    with pytest.raises(UsageError):
        venv.create(os.path.join(place, "env"), told, Options(prompt=bad))
    if "\0" not in bad:
        with pytest.raises(UsageError):
            venv.create(os.path.join(place, bad), told)
    assert os.listdir(place) == []


def test_names_of_other_interpreters() -> None:
    told = kit.probed(kit.newest())
    pypy = told.replaced(implementation="pypy", version=(3, 10, 14))
    assert venv._names(pypy) == ["python", "python3", "python3.10", "pypy", "pypy3", "pypy3.10"]
    threaded = told.replaced(version=(3, 13, 1), tags=("cp313-cp313t-linux_x86_64",))
    assert venv._names(threaded)[-1] == "python3.13t"


MADE_BY_A_USER = """
import sys
from commonwheel import process
from commonwheel.errors import CommonwheelError
from commonwheel.python import discovery, request, venv
from kit.pythons import Remember

where = discovery.Surroundings({"PATH": sys.argv[2], "HOME": "/root"}, "/", Remember(), process.run)
try:
    print(venv.create(sys.argv[1], discovery.find(request.parse(""), where), venv.Options(clear=len(sys.argv) > 3)))
except CommonwheelError as error:
    print(error.code, error.message, *error.context, error.hint, sep="\\n")
    sys.exit(error.exit_status)
"""


@pytest.mark.root
def test_ordinary_user_creates_environments_where_permitted(place: str) -> None:
    hidden = os.path.join(place, "hidden")
    os.makedirs(f"{hidden}/bin")
    os.symlink(kit.newest(), f"{hidden}/bin/python3")
    os.chmod(hidden, 0o700)
    path = f"{hidden}/bin:/usr/local/bin:/usr/bin"
    with users("alice") as (alice,):
        os.mkdir(os.path.join(place, "fixed"), 0o755)
        mine = os.path.join(place, "fixed", "mine")
        os.mkdir(mine)
        os.chown(mine, alice.uid, alice.gid)
        # the directory is the user's own, the one above is not: nothing can be renamed there
        assert alice.python(MADE_BY_A_USER, mine, path).ok().strip() == mine
        with open(f"{mine}/old", "w", encoding="utf-8"):
            pass
        assert alice.python(MADE_BY_A_USER, mine, path, "clear").ok().strip() == mine
        assert "old" not in tree(mine)
        assert alice.run([f"{mine}/bin/python", "-c", "import sys; print(sys.prefix)"]).ok().strip() == mine
        theirs = os.path.join(place, "fixed", "theirs")
        for existing in (False, True):
            if existing:
                os.mkdir(theirs)
            refused = alice.python(MADE_BY_A_USER, theirs, path)
            assert refused.code == 1
            assert refused.out.startswith("disk\n")
            assert "EACCES" in refused.out
            assert alice.name in refused.out


def test_bare_environment_has_only_what_programs_need(place: str) -> None:
    root = venv.create(os.path.join(place, "bare"), kit.probed(sys.executable), Options(bare=True))
    assert sorted(os.listdir(root)) == ["bin", "lib", "lib64", "pyvenv.cfg"]
    assert {name.rstrip("0123456789.t") for name in os.listdir(f"{root}/bin")} == {"python"}
    assert kit.says(f"{root}/bin/python", "import json, sys; print(json.dumps(sys.prefix))") == root
