"""Write docs/errors.md from the docstrings of the error classes.

Usage: .venv/bin/python tools/errors.py. A sentence in the page comes from where the error is raised; the room is its folder.
"""

import ast
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE = os.path.join(ROOT, "src", "commonwheel")


def classes() -> list[tuple[str, str, str, int]]:
    """Return (code, sentence, room, exit status) of every error class with a code of its own."""
    found = {}
    for folder, _, files in sorted(os.walk(SOURCE)):
        for name in sorted(files):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as stream:
                    tree = ast.parse(stream.read())
                for node in ast.walk(tree):
                    if isinstance(node, ast.ClassDef):
                        code = constant(node, "code")
                        if isinstance(code, str):
                            text = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                            status = constant(node, "exit_status")
                            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                            default = 2 if "UsageError" in bases or "InterpreterError" in bases else 1
                            room = os.path.relpath(path, SOURCE).split(os.sep)[0].removesuffix(".py")
                            found.setdefault(code, (code, text, room, status if isinstance(status, int) else default))
    return sorted(found.values())


def constant(node: ast.ClassDef, name: str) -> object:
    """Return the constant that a class body assigns to a name, None if it does not."""
    for statement in node.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = getattr(statement, "value", None)
        if isinstance(target, ast.Name) and target.id == name and isinstance(value, ast.Constant):
            return value.value
    return None


def main() -> None:
    """Write the page."""
    lines = [
        "# Errors",
        "",
        "Every error has a stable code (`--json` shows it), a message, context and, where there is one, a hint at what to do. Written by",
        "`tools/errors.py` from the classes that are raised. Exit status 1: could not; 2: usage or surroundings; 70: a fault of cw itself.",
        "",
        "| code | what it says | room | status |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{code}` | {text.replace('|', chr(92) + '|')} | {room} | {status} |"
        for code, text, room, status in classes()
    ]
    with open(os.path.join(ROOT, "docs", "errors.md"), "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
