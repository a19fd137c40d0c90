"""The picture of the house shows what the files import, and no more arrows than a reader needs."""

import importlib.util
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house_map", ROOT / "tools" / "house_map.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_implied_imports_are_left_out(tool: ModuleType) -> None:
    edges = {"cli": {"commands", "model"}, "commands": {"model", "fs"}, "fs": {"model"}, "model": set()}
    assert tool.reduced(edges) == {"cli": {"commands"}, "commands": {"fs"}, "fs": {"model"}, "model": set()}


def test_circles_are_named(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match="a > b > a"):
        tool.reduced({"a": {"b"}, "b": {"a"}})


def test_imports_of_the_type_checker_do_not_count(tool: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        "import os\nfrom commonwheel.fs import disk\nTYPE_CHECKING = False\n"
        "if TYPE_CHECKING:\n    from commonwheel.store import store\n"
        "def later():\n    from commonwheel import model\n    import commonwheel.net.client\n"
    )
    assert sorted(tool.imports(path)) == ["fs", "model", "net"]


def test_every_room_is_in_the_picture(tool: ModuleType) -> None:
    words = {element.text for element in ET.fromstring(tool.picture()).iter("{http://www.w3.org/2000/svg}text")}
    assert {room for room in tool.house() if f"{room}/" not in words and f"{room}.py" not in words} == set()
