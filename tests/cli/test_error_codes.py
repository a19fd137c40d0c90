"""The table of error codes: complete, in order, one class for each code; and the page that is made from it."""

import ast
import subprocess
import sys
from pathlib import Path

from commonwheel.cli.error_codes import CODES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "commonwheel"


def classes_by_code() -> dict[str, list[str]]:
    """Return the classes that assign each error code, as `file:class`."""
    found: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                not isinstance(node, ast.ClassDef) or node.name == "CommonwheelError"
            ):  # the base of all has none to show
                continue
            for statement in node.body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                        pass
                    case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code))):
                        pass
                    case _:
                        continue
                found.setdefault(code, []).append(f"{path.relative_to(SOURCE)}:{node.name}")
    return found


def test_each_code_belongs_to_one_class() -> None:
    assert {code: classes for code, classes in classes_by_code().items() if len(classes) > 1} == {}


def test_table_has_every_code_of_the_source_in_order() -> None:
    assert list(CODES) == sorted(classes_by_code())


def test_every_cell_is_a_sentence() -> None:
    cells = [(code, cell) for code, row in CODES.items() for cell in row]
    assert [code for code, cell in cells if not (cell[0].isupper() or cell[0] == "`") or cell[-1] != "."] == []
    assert [code for code, cell in cells if "\n" in cell or "|" in cell] == []


def test_page_is_current() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "errors.py"), "--check"], check=False)
    assert done.returncode == 0, "run tools/errors.py"
