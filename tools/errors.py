"""Write docs/errors.md from the table `commonwheel.cli.error_codes` and the error classes.

Usage: .venv/bin/python tools/errors.py [--check]. With `--check` the page is not written; exit status 1 if it is out of date. Exit status and room come from the class that has the code.
"""

import importlib
import os
import pkgutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "src"))

import commonwheel  # noqa: E402 - after the line above
from commonwheel.cli.error_codes import CODES  # noqa: E402
from commonwheel.errors import CommonwheelError  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "errors.md")
# these run inside other interpreters, or start when they are imported
NOT_IMPORTED = (
    "commonwheel.__main__",
    "commonwheel.build.hook_server",
    "commonwheel.install.compile_worker",
    "commonwheel.python.probe",
)
HEAD = """\
# Errors

Every error has a stable code (`--json` shows it), a message, context and, where there is one, a hint. Exit status 1: the command failed;
2: wrong usage or surroundings; 70: a bug in cw. Written by `tools/errors.py` from `src/commonwheel/cli/error_codes.py`.
"""


def classes() -> dict[str, list[type[CommonwheelError]]]:
    """Return the error classes that give themselves a code, by code."""
    for module in pkgutil.walk_packages(commonwheel.__path__, "commonwheel."):
        if module.name not in NOT_IMPORTED and not module.name.startswith("commonwheel.fs._"):
            importlib.import_module(module.name)
    found: dict[str, list[type[CommonwheelError]]] = {}
    waiting: list[type[CommonwheelError]] = [CommonwheelError]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        waiting.extend(one.__subclasses__())
        if "code" in vars(one) and one is not CommonwheelError and one.__module__.startswith("commonwheel."):
            found.setdefault(one.code, []).append(one)
    return found


def page() -> str:
    """Return the text of the page."""
    text = HEAD
    for code, (one, *_) in sorted(classes().items()):
        meaning, cause, remedy = CODES[code]
        room = one.__module__.split(".")[1]
        text += f"\n## `{code}`\n\n{meaning}\n\n- Usual cause: {_lower(cause)}\n- What to do: {_lower(remedy)}\n- Exit status {one.exit_status}, room `{room}`.\n"
    return text


def _lower(sentence: str) -> str:
    """Return a sentence as it continues a line; names in capitals stay as they are."""
    return sentence if sentence[:2].isupper() and sentence[1] != " " else sentence[0].lower() + sentence[1:]


def main() -> int:
    """Write the page, or compare it with what would be written."""
    if "--check" in sys.argv:
        with open(PAGE, encoding="utf-8") as stream:
            return stream.read() != page()
    with open(PAGE, "w", encoding="utf-8") as stream:
        stream.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
