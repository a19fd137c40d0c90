"""Linux, macOS and Windows stand behind one contract: the same names with the same signatures."""

import ast
from pathlib import Path

import pytest

from commonwheel.fs import disk

ROOM = Path(disk.__file__).parent
CONSTANTS = {"NEW", "READ", "NOFOLLOW", "CLOEXEC"}


def contract(name: str) -> dict[str, str]:
    """Return the public functions of a platform's file with their signatures as text."""
    tree = ast.parse((ROOM / f"{name}.py").read_text())
    return {
        node.name: f"({ast.unparse(node.args)}) -> {ast.unparse(node.returns) if node.returns else ''}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def constants(name: str) -> set[str]:
    tree = ast.parse((ROOM / f"{name}.py").read_text())
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("name", ["_darwin", "_windows"])
def test_names_and_signatures_match_linux(name: str) -> None:
    assert contract(name) == contract("_linux")
    assert constants(name) >= CONSTANTS


def test_contract_lists_every_function_in_use() -> None:
    asked = {
        node.attr
        for file in (*ROOM.glob("[a-z]*.py"), *ROOM.parent.glob("sources/*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "platform"
    }
    assert asked | {"use_system_calls"} == set(contract("_linux")) | CONSTANTS


def test_platform_is_selected_in_one_place() -> None:
    asking = {
        file.name
        for file in ROOM.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.If | ast.IfExp) and "sys.platform" in ast.unparse(node.test)
    }
    assert asking == {"facts.py"}


@pytest.mark.parametrize("name", ["_linux", "_darwin", "_windows"])
def test_every_function_has_a_docstring(name: str) -> None:
    tree = ast.parse((ROOM / f"{name}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
