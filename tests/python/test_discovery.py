"""Finding interpreters: real ones, wrappers, leftovers, and places that lie."""

import os
import shutil

import pytest

from commonwheel.model import Interpreter
from commonwheel.python import discovery, interpreter, request
from commonwheel.python.discovery import NoInterpreter, Surroundings
from kit import pythons as kit


def around(place: str, *path: str, **environ: str) -> Surroundings:
    """Return surroundings without anything of this machine but what is named."""
    variables = {"PATH": os.pathsep.join(path), "HOME": place, "PYENV_ROOT": os.path.join(place, ".pyenv"), **environ}
    return Surroundings(variables, place, kit.MEMORY, kit.Counted())


def find(text: str, where: Surroundings) -> Interpreter:
    return discovery.find(request.parse(text), where)


@pytest.fixture(autouse=True)
def nothing_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_USUAL", ())


def directory_with(place: str, **names: str) -> str:
    """Make a directory of links to interpreters: `python3_12=...` is `python3.12`."""
    path = os.path.join(place, "bin with space")
    os.makedirs(path, exist_ok=True)
    for name, target in names.items():
        os.symlink(target, os.path.join(path, name.replace("_", ".")))
    return path


OLD, NEW = next(iter(kit.pythons())), list(kit.pythons())[-1]


def test_first_on_path_is_taken(place: str) -> None:
    bins = directory_with(place, python3=kit.pythons()[OLD])
    assert find("", around(place, "", "relative", bins)).version == kit.probed(kit.pythons()[OLD]).version


@pytest.mark.parametrize("version", list(kit.pythons()))
def test_version_is_found_by_its_name(version: str, place: str) -> None:
    links = {f"python{name}": path for name, path in kit.pythons().items()}
    os.mkdir(os.path.join(place, "bin"))
    for name, path in links.items():
        os.symlink(path, os.path.join(place, "bin", name))
    where = around(place, os.path.join(place, "bin"))
    for text in (version, f"python{version}", f"cpython@{version}", f"=={version}.*"):
        assert find(text, where).version[:2] == tuple(map(int, version.split(".")))


def test_executable_with_misleading_name_is_checked(place: str) -> None:
    number = NEW.replace(".", "_")
    bins = directory_with(place, **{f"python{number}": kit.pythons()[OLD], "python3": kit.newest()})
    assert find(NEW, around(place, bins)).version == kit.probed(kit.newest()).version


def test_broken_interpreters_are_skipped_or_reported(place: str) -> None:
    bins = directory_with(place, python3="nowhere", python=kit.pythons()[OLD])
    kit.write_script(os.path.join(bins, "python3.99"), "#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    where = around(place, bins)
    assert find("", where).version == kit.probed(kit.pythons()[OLD]).version
    with pytest.raises(NoInterpreter) as caught:
        find("3.99", where)
    said = "\n".join(caught.value.context)
    assert "no such version" in said
    assert ".".join(map(str, kit.probed(kit.pythons()[OLD]).version)) in said
    assert caught.value.exit_status == 2


def test_range_considers_every_versioned_name(place: str) -> None:
    links = {f"python{version.replace('.', '_')}": path for version, path in kit.pythons().items()}
    bins = directory_with(place, **links)
    assert find(f">={OLD},<{NEW}", around(place, bins)).version < kit.probed(kit.newest()).version
    assert find("", around(place, bins)).version == kit.probed(kit.newest()).version


def test_virtual_environment_on_path_falls_back_to_its_base(place: str) -> None:
    kit.make_environment("uv", kit.newest(), os.path.join(place, "env"))
    inside = os.path.join(place, "env", "bin")
    alone = find("", around(place, inside))
    assert alone.executable == kit.probed(kit.newest()).base_executable
    bins = directory_with(place, python=kit.pythons()[OLD])
    assert find("", around(place, inside, bins)).version == kit.probed(kit.pythons()[OLD]).version


def test_path_may_be_an_executable_or_environment(place: str) -> None:
    python = kit.make_environment("venv", kit.newest(), os.path.join(place, "env"))
    where = around(place)
    for text in (python, os.path.dirname(os.path.dirname(python)), "./env", "env/bin/python", "~/env", "env"):
        assert find(text, where).executable == python
    with pytest.raises(NoInterpreter, match="no interpreter found in"):
        find("./", where)
    with pytest.raises(interpreter.InterpreterError, match="there is no interpreter"):
        find("./env/bin/nothing", where)


def test_name_on_path(place: str) -> None:
    bins = directory_with(place, mypython=kit.newest())
    assert find("mypython", around(place, bins)).version == kit.probed(kit.newest()).version
    with pytest.raises(NoInterpreter, match="`theirpython`"):
        find("theirpython", around(place, bins))
    kit.write_script(os.path.join(bins, "brokenpython"), "#!/bin/sh\nexit 3\n")
    with pytest.raises(NoInterpreter) as caught:
        find("brokenpython", around(place, bins))
    assert "not a working Python" in caught.value.context[0]


def test_prereleases_come_last(place: str) -> None:
    told = kit.probed(kit.newest())
    full = ".".join(map(str, told.version))
    marked = told.replaced(markers={**told.markers, "python_full_version": full + "rc1"})
    search = discovery._Search(request.parse(""))
    assert search.consider("x", Fixed(marked)) is None  # type: ignore[arg-type]
    assert search.last_resort == marked
    asked = discovery._Search(request.parse(f"=={full}rc1"))
    assert asked.consider("x", Fixed(marked)) == marked  # type: ignore[arg-type]


class Fixed:
    """Surroundings in which there is one interpreter."""

    def __init__(self, told: Interpreter) -> None:
        self.told = told

    def probe(self, executable: str) -> Interpreter:
        return self.told


# --- pyenv ------------------------------------------------------------------------------------------------------------


def make_pyenv(place: str, *versions: str) -> str:
    """Lay out a pyenv: shims that would run `pyenv exec`, and interpreters for versions."""
    root = os.path.join(place, ".pyenv")
    names = {"python", "python3"}
    for version in versions:
        short = version.rpartition(".")[0]
        os.makedirs(f"{root}/versions/{version}/bin")
        for name in ("python", "python3", f"python{short}"):
            os.symlink(kit.pythons()[short], f"{root}/versions/{version}/bin/{name}")
        names.add(f"python{short}")
    for name in names:
        kit.write_script(f"{root}/shims/{name}", "#!/bin/sh\necho pyenv: command not found >&2\nexit 127\n")
    return root


def full(short: str) -> str:
    return ".".join(map(str, kit.probed(kit.pythons()[short]).version))


def test_pyenv_shims_are_resolved(place: str) -> None:
    root = make_pyenv(place, full(OLD), full(NEW))
    where = around(place, f"{root}/shims")
    with open(f"{root}/version", "w", encoding="utf-8") as file:
        file.write(f"{full(OLD)}\n")
    assert find("python3", where).version == kit.probed(kit.pythons()[OLD]).version
    os.makedirs(os.path.join(place, "a", "b"))
    with open(os.path.join(place, ".python-version"), "w", encoding="utf-8") as file:
        file.write(f"# ours\n{NEW}  # the newest patch\n")
    deeper = Surroundings(where.environ, os.path.join(place, "a", "b"), kit.MEMORY, kit.Counted())
    assert find("", deeper).version == kit.probed(kit.newest()).version
    assert discovery.pinned(deeper) == NEW
    named = around(place, f"{root}/shims", PYENV_VERSION=f"none-such:{full(OLD)}")
    assert find("", named).version == kit.probed(kit.pythons()[OLD]).version
    for one in (where, deeper, named):
        assert isinstance(one.run, kit.Counted)
        assert not any("shims" in argv[0] for argv in one.run.ran)


def test_pyenv_versions_without_shims_are_found(place: str) -> None:
    root = make_pyenv(place, full(OLD), full(NEW))
    where = around(place, f"{root}/shims")
    for short in (OLD, NEW):
        assert find(short, where).version == kit.probed(kit.pythons()[short]).version
    assert discovery.pinned(where) == ""


def test_version_file_cannot_lead_out_of_pyenv(place: str) -> None:
    root = make_pyenv(place, full(NEW))
    kit.write_script(os.path.join(place, "evil/bin/python3"), "#!/bin/sh\nexit 1\n")
    with open(os.path.join(place, ".python-version"), "w", encoding="utf-8") as file:
        file.write("../../evil\n")
    where = around(place, f"{root}/shims")
    assert find("", where).version == kit.probed(kit.newest()).version


# --- uv, conda, the list ----------------------------------------------------------------------------------------------


def test_uv_and_conda_interpreters(place: str) -> None:
    managed = os.path.join(place, ".local/share/uv/python", f"cpython-{full(NEW)}-linux-x86_64-gnu", "bin")
    os.makedirs(managed)
    os.symlink(kit.newest(), os.path.join(managed, "python3"))
    assert find(NEW, around(place)).version == kit.probed(kit.newest()).version
    shutil.rmtree(os.path.join(place, ".local"))
    with pytest.raises(NoInterpreter):
        find(NEW, around(place))
    python = kit.make_conda(os.path.join(place, "conda", "envs", "one"))
    kit.make_conda(os.path.join(place, "conda/base"))
    base = os.path.join(place, "conda", "base")
    assert find(NEW, around(place, CONDA_EXE=f"{base}/bin/conda")).prefix == base
    os.mkdir(os.path.join(place, ".conda"))
    with open(os.path.join(place, ".conda/environments.txt"), "w", encoding="utf-8") as file:
        file.write(f"{os.path.dirname(os.path.dirname(python))}\n/gone\n")
    assert find(NEW, around(place)).prefix == os.path.join(place, "conda", "envs", "one")


def test_list_has_each_interpreter_once_and_reasons_for_the_rest(place: str) -> None:
    bins = directory_with(
        place, **{f"python{OLD.replace('.', '_')}": kit.pythons()[OLD], "python3": kit.pythons()[OLD]}
    )
    kit.write_script(os.path.join(bins, "python"), "#!/bin/sh\nexit 4\n")
    kit.make_environment("venv", kit.newest(), os.path.join(place, "env"))
    make_pyenv(place, full(OLD), full(NEW))
    found = list(discovery.discover(around(place, bins, os.path.join(place, "env/bin"))))
    works = [one for one in found if one.interpreter is not None]
    assert sorted(one.interpreter.version for one in works if one.interpreter) == sorted(
        {kit.probed(kit.pythons()[short]).version for short in (OLD, NEW)}
    )
    assert [one.source for one in works] == ["PATH", "pyenv"]
    (broken,) = [one for one in found if one.interpreter is None]
    assert broken.path == os.path.join(bins, "python")
    assert "status 4" in broken.reason


def test_search_path_replaces_path(place: str) -> None:
    bins = directory_with(place, python3=kit.pythons()[OLD])
    where = around(place, "/nonexistent")
    other = Surroundings(where.environ, place, kit.MEMORY, kit.Counted(), search_path=bins)
    assert find("", other).version == kit.probed(kit.pythons()[OLD]).version
    with pytest.raises(NoInterpreter):
        find("", where)


def test_usual_locations_are_searched_without_path(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bins = directory_with(place, python3=kit.newest())
    monkeypatch.setattr(discovery, "_USUAL", (bins,))
    assert find("", around(place)).version == kit.probed(kit.newest()).version
