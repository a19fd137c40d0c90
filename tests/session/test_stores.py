"""The personal store, the layers, and the temporary store that is the last resort."""

import os

import pytest

from kit.cli import Cw
from kit.users import User


def test_store_path_from_option_or_xdg(cw: Cw) -> None:
    with cw.session() as session:
        assert session.store_directory == cw.store
    del cw.environ["CW_CACHE_DIR"]
    cw.environ["UV_CACHE_DIR"] = "/uv"
    with cw.session() as session:
        assert session.store_directory == cw.path("home", ".cache", "cw")
    cw.environ["XDG_CACHE_HOME"] = "/xdg"
    with cw.session() as session:
        assert session.store_directory == "/xdg/cw"
    with cw.session(cache_dir="deep/er") as session:
        assert session.store_directory == cw.path("deep", "er")


def test_no_cache_uses_a_temporary_store(cw: Cw) -> None:
    with cw.session(no_cache=True) as session:
        layer = session.store.layers[0]
        assert layer.root != cw.store
        assert os.path.dirname(layer.root) == os.path.dirname(cw.store)
    assert not os.path.exists(layer.root)
    assert not os.path.exists(cw.store)


def test_layers_come_before_the_personal_store(cw: Cw) -> None:
    with cw.session(layers=["/shared/one", "two"]) as session:
        assert [layer.root for layer in session.store.layers][:3] == ["/shared/one", cw.path("two"), cw.store]


@pytest.mark.root
@pytest.mark.parametrize("service", [False, True])
def test_a_user_number_without_home_gets_a_store_with_a_plain_name(place: str, service: bool) -> None:
    nobody = User("54321", 54321, 54321, place)
    os.chown(place, nobody.uid, nobody.gid)
    code = "import os, sys\nfor name in ('HOME', 'USER', 'LOGNAME', 'XDG_CACHE_HOME', 'CW_CACHE_DIR'): os.environ.pop(name, None)\n"
    code += "from commonwheel.cli import main\nmain(['pip', 'list'])\n"
    env = {"CACHE_DIRECTORY": f"{place}/made:/other"} if service else {}
    ran = nobody.python(code + "main(['cache', 'dir'])", cwd=place, env=env)
    assert ran.ok().splitlines()[-1] == (f"{place}/made/cw" if service else f"{place}/.cw-cache/cw")
    assert ran.err.count("no home directory") == (0 if service else 1)
    assert not os.path.lexists(f"{place}/~")
