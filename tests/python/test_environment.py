"""Which environment is meant, where it puts files, and when it may not be changed."""

import configparser
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.errors import CommonwheelError
from commonwheel.model import Environment
from commonwheel.python import discovery, environment, interpreter, venv
from commonwheel.python.discovery import Surroundings
from commonwheel.python.environment import BrokenEnvironment, EnvironmentRequest, NoEnvironment
from kit import pythons as kit


@pytest.fixture(autouse=True)
def nothing_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_USUAL", ())


OLD = next(iter(kit.pythons().values()))


class Scene:
    """A home with a system interpreter on PATH, two environments, a conda base and a conda child."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.bin = os.path.join(place, "bin")
        os.makedirs(os.path.join(place, "work", "deep", "down"))
        os.mkdir(self.bin)
        os.symlink(OLD, os.path.join(self.bin, "python3"))
        self.heard = kit.Heard()

    def make(self, name: str, python: str = "") -> str:
        return venv.create(os.path.join(self.place, name), kit.probed(python or kit.newest()))

    def where(self, cwd: str = "work", environ: dict[str, str] | None = None) -> Surroundings:
        variables = {"PATH": self.bin, "HOME": self.place, "PYENV_ROOT": os.path.join(self.place, "no-pyenv")}
        variables.update(environ or {})
        return Surroundings(variables, os.path.join(self.place, cwd), kit.MEMORY, kit.Counted(), reporter=self.heard)

    def locate(
        self,
        *,
        cwd: str = "work",
        asks: EnvironmentRequest | None = None,
        environ: dict[str, str] | None = None,
        **more: str,
    ) -> Environment:
        return environment.locate(asks or EnvironmentRequest(), self.where(cwd, {**(environ or {}), **more}))


@pytest.fixture
def scene(place: str) -> Scene:
    return Scene(place)


LOOK = EnvironmentRequest(changes=False)


# --- the order ----------------------------------------------------------------------------------------------------------


def test_without_environment_only_reading_is_allowed(scene: Scene) -> None:
    with pytest.raises(NoEnvironment) as caught:
        scene.locate()
    assert caught.value.exit_status == 2
    assert "cw venv" in (caught.value.hint or "")
    found = scene.locate(asks=LOOK)
    assert found.kind == "system"
    assert found.interpreter.prefix == kit.probed(OLD).prefix


def test_virtual_env_then_conda_then_dot_venv_then_system(scene: Scene) -> None:
    near, active = scene.make("work/.venv"), scene.make("active")
    child = os.path.join(scene.place, "envs/child")
    kit.make_conda(child)
    conda = {"CONDA_PREFIX": child, "CONDA_DEFAULT_ENV": "child"}
    assert scene.locate(VIRTUAL_ENV=active, environ=conda).root == active
    found = scene.locate(environ=conda)
    assert (found.root, found.kind) == (child, "conda")
    assert scene.locate().root == near
    for asks in (LOOK, EnvironmentRequest()):
        assert scene.locate(asks=asks, cwd="work/deep/down").root == near


def test_parent_interpreter_comes_first(scene: Scene) -> None:
    active, parent = scene.make("active"), scene.make("parent")
    asks = EnvironmentRequest(parent=f"{parent}/bin/python")
    assert scene.locate(asks=asks, VIRTUAL_ENV=active).root == parent
    asks = EnvironmentRequest(parent=OLD)  # `python -m commonwheel` of an installed interpreter names that one
    assert scene.locate(asks=asks, VIRTUAL_ENV=active).kind == "system"


@pytest.mark.parametrize("kind", ["nowhere", "a file", "empty"])
def test_invalid_virtual_env_variable_is_ignored(scene: Scene, kind: str) -> None:
    near = scene.make("work/.venv")
    path = os.path.join(scene.place, "wrong")
    if kind == "empty":
        os.mkdir(path)
    elif kind == "a file":
        with open(path, "w", encoding="utf-8"):
            pass
    assert scene.locate(VIRTUAL_ENV=path).root == near
    assert any(f"VIRTUAL_ENV={path}" in note for note in scene.heard.notes)
    with pytest.raises(NoEnvironment):
        scene.locate(VIRTUAL_ENV=path, cwd=".")


def test_relative_virtual_env_starts_at_the_current_directory(scene: Scene) -> None:
    active = scene.make("work/env")
    assert scene.locate(VIRTUAL_ENV="env").root == active
    with pytest.raises(NoEnvironment):
        scene.locate(VIRTUAL_ENV="")
    assert not scene.heard.notes


def test_active_environment_without_interpreter_is_an_error(scene: Scene) -> None:
    scene.make("work/.venv")
    active = scene.make("active")
    os.remove(f"{active}/bin/python")
    os.symlink("/gone/python", f"{active}/bin/python")
    for asks in (LOOK, EnvironmentRequest()):
        with pytest.raises(BrokenEnvironment) as caught:
            scene.locate(asks=asks, VIRTUAL_ENV=active)
        assert "VIRTUAL_ENV" in "\n".join(caught.value.context)
        assert "--clear" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("default", "is_child"),
    [("child", True), ("base", False), ("root", False), ("other", False), (None, True), ("<prefix>", True)],
)
def test_conda_base_and_child(scene: Scene, default: str | None, is_child: bool) -> None:
    child = os.path.join(scene.place, "envs/child")
    kit.make_conda(child)
    environ = {"CONDA_PREFIX": child}
    if default is not None:
        environ["CONDA_DEFAULT_ENV"] = default.replace("<prefix>", child)
    if is_child:
        assert scene.locate(environ=environ).root == child
        return
    with pytest.raises(NoEnvironment):
        scene.locate(environ=environ)
    near = scene.make("work/.venv")
    assert scene.locate(environ=environ).root == near


def test_conda_root_variable_and_pixi(scene: Scene) -> None:
    root = os.path.join(scene.place, "conda")
    kit.make_conda(root, base=True)
    with pytest.raises(NoEnvironment):
        scene.locate(CONDA_PREFIX=root, _CONDA_ROOT=root)
    with open(f"{root}/conda-meta/pixi", "w", encoding="utf-8"):
        pass
    assert scene.locate(CONDA_PREFIX=root, CONDA_DEFAULT_ENV="project").root == root
    assert scene.locate(asks=EnvironmentRequest(system=True), PATH=f"{root}/bin").kind == "conda"


# --- .venv ----------------------------------------------------------------------------------------------------------------


def test_dot_venv_file_names_an_environment(scene: Scene) -> None:
    elsewhere = scene.make("elsewhere")
    for text in ("../elsewhere\n", elsewhere):
        with open(os.path.join(scene.place, "work/.venv"), "w", encoding="utf-8") as file:
            file.write(text)
        assert scene.locate(cwd="work/deep").root == elsewhere


@pytest.mark.parametrize("text", ["", "/nonexistent", "a\nb", ".", "../work"])
def test_dot_venv_file_with_missing_target_is_an_error(scene: Scene, text: str) -> None:
    with open(os.path.join(scene.place, "work/.venv"), "w", encoding="utf-8") as file:
        file.write(text)
    with pytest.raises(BrokenEnvironment) as caught:
        scene.locate()
    assert caught.value.hint


def test_invalid_dot_venv_is_an_error_not_skipped(scene: Scene) -> None:
    scene.make(".venv")
    os.mkdir(os.path.join(scene.place, "work/.venv"))
    with pytest.raises(BrokenEnvironment, match="not a virtual environment"):
        scene.locate()
    with open(os.path.join(scene.place, "work/.venv/pyvenv.cfg"), "w", encoding="utf-8") as file:
        file.write("home = /gone\n")
    with pytest.raises(BrokenEnvironment, match="has no interpreter"):
        scene.locate()


def test_inside_an_environment_it_is_selected(scene: Scene) -> None:
    root = scene.make("inside")
    assert scene.locate(cwd="inside/lib").root == root


# --- --python, --system ---------------------------------------------------------------------------------------------------


def test_path_is_used_as_given(scene: Scene) -> None:
    root = scene.make("env")
    for text in (root, f"{root}/bin/python", "../env"):
        assert scene.locate(asks=EnvironmentRequest(text)).root == root
    system = scene.locate(asks=EnvironmentRequest(f"{scene.bin}/python3"))
    assert system.kind == "system"
    with pytest.raises(CommonwheelError, match="no interpreter"):
        scene.locate(asks=EnvironmentRequest("/nonexistent/python"))


def test_version_selects_an_environment_unless_system(scene: Scene) -> None:
    old, new = (".".join(map(str, kit.probed(python).version[:2])) for python in (OLD, kit.newest()))
    with pytest.raises(NoEnvironment) as caught:
        scene.locate(asks=EnvironmentRequest(old))
    assert f"cw venv --python {old}" in (caught.value.hint or "")
    assert scene.locate(asks=EnvironmentRequest(old, system=True)).kind == "system"
    assert scene.locate(asks=EnvironmentRequest(old, changes=False)).kind == "system"
    near, active = scene.make("work/.venv", OLD), scene.make("active")
    for text in (old, f"python{old}", f"=={old}.*"):
        assert scene.locate(asks=EnvironmentRequest(text), VIRTUAL_ENV=active).root == near
    assert scene.locate(asks=EnvironmentRequest(new), VIRTUAL_ENV=active).root == active
    assert scene.locate(asks=EnvironmentRequest(f">={old}"), VIRTUAL_ENV=active).root == active
    for changes in (True, False):
        asks = EnvironmentRequest(old, system=True, changes=changes)
        assert scene.locate(asks=asks, VIRTUAL_ENV=active).kind == "system"


def test_name_selects_an_environment_too(scene: Scene) -> None:
    root = scene.make("env")
    os.symlink(f"{root}/bin/python", f"{scene.bin}/sysname")
    os.symlink(OLD, f"{scene.bin}/installed")
    with pytest.raises(NoEnvironment):
        scene.locate(asks=EnvironmentRequest("installed"))
    assert scene.locate(asks=EnvironmentRequest("installed", changes=False)).kind == "system"
    assert scene.locate(asks=EnvironmentRequest("python"), PATH=f"{root}/bin").root == root
    with pytest.raises(discovery.NoInterpreter):
        scene.locate(asks=EnvironmentRequest("nothing"))


def test_system_skips_virtual_environments_on_path(scene: Scene) -> None:
    root = scene.make("env")
    found = scene.locate(
        asks=EnvironmentRequest(system=True), PATH=f"{root}/bin{os.pathsep}{scene.bin}", VIRTUAL_ENV=root
    )
    assert found.kind == "system"
    assert found.interpreter.prefix == kit.probed(OLD).prefix


# --- where files go -------------------------------------------------------------------------------------------------------


def test_virtual_environment(scene: Scene) -> None:
    root = venv.create(os.path.join(scene.place, "env"), kit.probed(kit.newest()), venv.Options(relocatable=True))
    found = scene.locate(asks=EnvironmentRequest(root))
    version = "python{}.{}".format(*found.interpreter.version[:2])
    assert found.kind == "venv"
    assert found.relocatable
    assert found.layers == ()
    assert found.paths["purelib"] == f"{root}/lib/{version}/site-packages"
    assert found.paths["scripts"] == f"{root}/bin"
    assert found.paths["data"] == root
    assert found.paths["include"] == f"{root}/include/site/{version}"
    assert not scene.locate(asks=EnvironmentRequest(scene.make("other"))).relocatable


@pytest.mark.parametrize("changes", [True, False])
def test_target_and_prefix(scene: Scene, changes: bool) -> None:
    found = scene.locate(asks=EnvironmentRequest(target="out/here", changes=changes))
    root = os.path.join(scene.place, "work/out/here")
    assert (found.kind, found.root, found.layers) == ("target", root, ())
    assert found.paths == {
        "purelib": root, "platlib": root, "scripts": f"{root}/bin", "data": root, "include": f"{root}/include",
    }  # fmt: skip
    found = scene.locate(asks=EnvironmentRequest(prefix=root, changes=changes))
    version = "python{}.{}".format(*found.interpreter.version[:2])
    assert (found.kind, found.root, found.layers) == ("prefix", root, ())
    assert found.paths == {
        "purelib": f"{root}/lib/{version}/site-packages",
        "platlib": f"{root}/lib/{version}/site-packages",
        "scripts": f"{root}/bin",
        "data": root,
        "include": f"{root}/include/site/{version}",
    }
    near = scene.make("work/.venv")
    assert scene.locate(asks=EnvironmentRequest(target="x")).interpreter.prefix == near
    asks = EnvironmentRequest(python=os.path.join(scene.bin, "python3"), target="x")
    assert scene.locate(asks=asks).interpreter.version == kit.probed(OLD).version


def test_debian_uses_usr_local_and_dist_packages(scene: Scene) -> None:
    if not kit.debian():
        pytest.skip("not a Debian system")
    found = scene.locate(asks=EnvironmentRequest(kit.debian()))
    assert found.root == "/usr/local"
    assert all(path.startswith("/usr/local/") or path == "/usr/local" for path in found.paths.values())
    assert "/usr/lib/python3/dist-packages" in found.layers


def test_layers_below_an_environment(scene: Scene) -> None:
    base = kit.lay_out_interpreter(os.path.join(scene.place, "opt"))
    told = kit.probed(base)
    root = venv.create(os.path.join(scene.place, "env"), told, venv.Options(system_site_packages=True))
    os.mkdir(os.path.join(scene.place, "shared"))
    path = os.pathsep.join(["/nonexistent", os.path.join(scene.place, "shared"), f"{root}/lib"])
    found = scene.locate(asks=EnvironmentRequest(root), PYTHONPATH=path)
    assert found.layers == (os.path.join(scene.place, "shared"), f"{root}/lib", told.paths["purelib"])
    alone = scene.make("alone", base)
    assert scene.locate(asks=EnvironmentRequest(alone)).layers == ()


# --- externally managed ---------------------------------------------------------------------------------------------------


def managed(scene: Scene, text: str | bytes) -> Environment:
    base = kit.lay_out_interpreter(os.path.join(scene.place, "opt"))
    marker = os.path.join(kit.probed(base).paths["stdlib"], "EXTERNALLY-MANAGED")
    with open(marker, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
    return scene.locate(asks=EnvironmentRequest(base))


FILE = "[externally-managed]\nError=Use the package manager\n of this system.\n\n Really.\nError-de_DE=Nimm dpkg.\nError-fr=Non.\n"


def test_message_of_the_marker_file_is_shown(scene: Scene) -> None:
    found = managed(scene, FILE)
    assert found.interpreter.externally_managed.endswith("EXTERNALLY-MANAGED")
    with pytest.raises(environment.ExternallyManaged) as caught:
        environment.refuse_if_managed(found, False, {})
    assert caught.value.exit_status == 2
    assert caught.value.context == ("Use the package manager", "of this system.", "", "Really.")
    assert found.interpreter.prefix in caught.value.message
    for language, first in (
        ("de_DE.UTF-8", "Nimm dpkg."),
        ("fr_CH", "Non."),
        ("de_AT@euro", "Use the package manager"),
    ):
        with pytest.raises(environment.ExternallyManaged) as caught:
            environment.refuse_if_managed(found, False, {"LANG": "en_US", "LC_ALL": language})
        assert caught.value.context[0] == first


def test_externally_managed_overrides_and_exemptions(scene: Scene) -> None:
    found = managed(scene, FILE)
    environment.refuse_if_managed(found, True, {})
    python = found.interpreter
    environment.refuse_if_managed(environment.target_environment("/x", python), False, {})
    environment.refuse_if_managed(environment.prefix_environment("/x", python), False, {})
    inside = scene.make("env", python.executable)
    environment.refuse_if_managed(scene.locate(asks=EnvironmentRequest(inside)), False, {})
    os.remove(python.externally_managed)
    environment.refuse_if_managed(scene.locate(asks=EnvironmentRequest(python.executable)), False, {})


@pytest.mark.parametrize("text", ["", "garbage", "[other]\nError=x\n", b"\xff\xfe\x00", "[externally-managed]\nerror"])
def test_marker_without_message_still_refuses(scene: Scene, text: str | bytes) -> None:
    with pytest.raises(environment.ExternallyManaged) as caught:
        environment.refuse_if_managed(managed(scene, text), False, {})
    assert caught.value.context == ()
    assert "--break-system-packages" in (caught.value.hint or "")


LINE = st.sampled_from(
    [
        "[externally-managed]",
        "[other]",
        "Error=one",
        "Error: two",
        " more",
        "\tmore still",
        "",
        "  ",
        "# no",
        " ; no",
        "Other = x",
        "Error-de=drei",
        "a b=c:d",
    ]
)


@given(st.lists(LINE, max_size=9))
def test_marker_parsing_matches_configparser(lines: list[str]) -> None:
    text = "\n".join(lines)
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
        expected = dict(parser["externally-managed"]) if parser.has_section("externally-managed") else {}
    except configparser.Error:
        return  # what it refuses, we read as well as we can
    if parser.defaults():
        return
    assert environment._ini_section(text, "externally-managed") == expected


def test_environment_of_commonwheel_is_never_selected_implicitly(scene: Scene) -> None:
    with pytest.raises(NoEnvironment):
        scene.locate()
    looked = scene.locate(asks=LOOK, PATH=os.path.dirname(sys.executable) + os.pathsep + scene.bin)
    assert looked.interpreter.prefix != sys.prefix


def test_known_environment_starts_nothing_heavy(scene: Scene) -> None:
    root = scene.make("work/.venv")
    kit.probed(f"{root}/bin/python")
    where = scene.where()
    assert environment.locate(EnvironmentRequest(), where).root == root
    assert isinstance(where.run, kit.Counted)
    assert not where.run.ran
    assert interpreter.read_config("/nonexistent") == {}
