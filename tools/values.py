"""Write the slots and the assignments of values: the signature of `__init__` is the one declaration of their fields.

    python tools/values.py [--check] [FILE ...]

A class of values (`model.Value`) names its fields with their types and defaults in the signature of `__init__`. Whatever field is missing
below it, or in `__slots__`, is added; what is assigned otherwise than as it came (`tuple(names)`, `given or {}`) stays. Why this
is not done when cw starts: docs/decisions/0002. With `--check` nothing is written, and the status is 1 if something would be.
"""

import ast
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "commonwheel"
WIDTH = 120


def completed(text: str) -> str:
    """Return the text of a module with the slots and the assignments of all its values."""
    for kind in reversed([node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]):
        init = next((one for one in kind.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
        if init is not None and any(isinstance(base, ast.Name) and base.id == "Value" for base in kind.bases):
            text = _class_completed(text, kind, init)
    return text


def _class_completed(text: str, kind: ast.ClassDef, init: ast.FunctionDef) -> str:
    lines = text.splitlines()
    used = {node.id for one in init.body for node in ast.walk(one) if isinstance(node, ast.Name)}
    names = [one.arg for one in (*init.args.args[1:], *init.args.kwonlyargs)]
    assigned = {
        one.target.attr for one in init.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Attribute)
    }
    assigned |= {
        target.attr
        for one in init.body
        if isinstance(one, ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Attribute)
    }
    missing = [name for name in names if name not in used]
    indent = " " * init.body[0].col_offset
    last = init.body[-1]
    added = [f"{indent}self.{name}: Final = {name}" for name in missing]
    if added:
        # what only kept the body from being empty goes
        keeps = not (
            isinstance(last, ast.Pass) or (isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant))
        )
        lines[(last.end_lineno or 0) - (not keeps) : last.end_lineno] = added
    slots = _slots(sorted(assigned | set(missing)), " " * init.col_offset)
    node = next(
        (one for one in kind.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__slots__"), None
    )
    if node is None:
        lines[init.lineno - 1 : init.lineno - 1] = [*slots, ""]
    elif set(
        ast.literal_eval(node.value) if not isinstance(node.value, ast.Constant) else [node.value.value]
    ) != assigned | set(missing):
        lines[node.lineno - 1 : node.end_lineno] = slots
    return "\n".join(lines) + "\n"


def _slots(names: list[str], indent: str) -> list[str]:
    quoted = [f'"{name}"' for name in names]
    whole = f"{indent}__slots__ = ({', '.join(quoted)}{',' if len(names) == 1 else ''})"
    if len(whole) <= WIDTH:
        return [whole]
    rows = [f"{indent}   "]
    for name in quoted:
        if len(rows[-1]) + len(name) + 2 > WIDTH:
            rows.append(f"{indent}   ")
        rows[-1] += f" {name},"
    return [f"{indent}__slots__ = (", *rows, f"{indent})  # fmt: skip"]


def main(words: list[str]) -> int:
    """Complete the files that are named, or all; return 1 if `--check` finds one that is not complete."""
    check = "--check" in words
    paths = [Path(word) for word in words if not word.startswith("-")] or sorted(SOURCE.rglob("*.py"))
    status = 0
    for path in paths:
        text = path.read_text(encoding="utf-8")
        whole = completed(text)
        if whole != text:
            print(path)
            status = 1
            if not check:
                path.write_text(whole, encoding="utf-8")
    return status if check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
