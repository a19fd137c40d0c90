"""The signature of a value's `__init__` is the one declaration of its fields: `tools/values.py` writes the rest, and it is written."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "values.py"
_SPEC = importlib.util.spec_from_file_location("values_tool", TOOL)
assert _SPEC is not None
assert _SPEC.loader is not None
values = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(values)

DECLARED = '''class Point(Value):
    """A place."""

    def __init__(self, x: int, y: int = 0, *, names: "Sequence[str]" = ()) -> None:
        self.names: Final = tuple(names)
'''
COMPLETE = '''class Point(Value):
    """A place."""

    __slots__ = ("names", "x", "y")

    def __init__(self, x: int, y: int = 0, *, names: "Sequence[str]" = ()) -> None:
        self.names: Final = tuple(names)
        self.x: Final = x
        self.y: Final = y
'''


def test_values_are_complete() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), "run tools/values.py"


def test_a_signature_is_completed_once() -> None:
    assert values.completed(DECLARED) == COMPLETE
    assert values.completed(COMPLETE) == COMPLETE


def test_a_further_field_is_added() -> None:
    more = COMPLETE.replace("y: int = 0,", "y: int = 0, z: int = 0,")
    found = values.completed(more)
    assert '__slots__ = ("names", "x", "y", "z")' in found
    assert found.endswith("        self.z: Final = z\n")


@pytest.mark.parametrize("body", ["pass", '"""A point."""', "..."])
def test_an_empty_body_is_replaced(body: str) -> None:
    text = f"class One(Value):\n    def __init__(self, x: int) -> None:\n        {body}\n"
    found = values.completed(text)
    assert (
        found
        == 'class One(Value):\n    __slots__ = ("x",)\n\n    def __init__(self, x: int) -> None:\n        self.x: Final = x\n'
    )


def test_many_slots_are_wrapped() -> None:
    names = [f"a_field_with_a_long_name_{at:02}" for at in range(9)]
    text = f"class Many(Value):\n    def __init__(self, {', '.join(names)}) -> None:\n        pass\n"
    found = values.completed(text)
    assert "    )  # fmt: skip\n" in found
    assert max(map(len, found.splitlines()[1:5])) <= 120
    scope: dict[str, type] = {"Value": object}
    exec(found.replace(": Final", ""), scope)
    assert scope["Many"](*range(9)).a_field_with_a_long_name_08 == 8


def test_other_classes_are_left_alone() -> None:
    text = DECLARED.replace("(Value)", "")
    assert values.completed(text) == text
