"""Entry points (the `entry_points.txt` of a distribution): read leniently, checked strictly before they become scripts.

Read by hand, since `configparser` loads `re` and its interpolation would have to be switched off anyway.
"""

from commonwheel.specs import headers
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    Pairs = tuple[tuple[str, str], ...]

CONSOLE = "console_scripts"
GUI = "gui_scripts"
# Windows would run these instead of, and POSIX beside, the interpreter that the wrapper starts.
_INTERPRETERS = ("pythonw", "python", "pypy")  # the longer one first


class InvalidEntryPoint(Malformed):
    """An entry point must not become a script."""

    code = "invalid-entry-point"


def parse(data: bytes | str) -> "dict[str, dict[str, str]]":
    """Return {group: {name: object reference}} in the order of the file.

    Lines that mean nothing are passed over: comments, a line without `=`, what stands before the first group. A repeated
    name keeps its last value. Names are case-sensitive and may hold spaces.
    """
    groups: dict[str, dict[str, str]] = {}
    group: dict[str, str] | None = None
    for line in headers.lines_of(headers.decode(data)):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            group = groups.setdefault(line[1:-1].strip(), {})
            continue
        name, equals, reference = line.partition("=")
        if equals and group is not None:
            group[name.strip()] = _without_comment(reference)
    return groups


def _without_comment(reference: str) -> str:
    for mark in (" #", "\t#", " ;", "\t;"):
        reference = reference.partition(mark)[0]
    return reference.strip()


def scripts(data: bytes | str) -> "tuple[Pairs, Pairs]":
    """Return the console and the GUI scripts as (name, `module:attr`), extras dropped, sorted by name.

    Raises InvalidEntryPoint, naming every fault, when a name would leave the scripts directory or replace an
    interpreter, or when a reference is not a dotted module and a dotted attribute.
    """
    groups = parse(data)
    issues: list[str] = []
    found = (_checked(groups.get(CONSOLE, {}), CONSOLE, issues), _checked(groups.get(GUI, {}), GUI, issues))
    if issues:
        raise InvalidEntryPoint("the entry points of the wheel cannot become scripts", issues=issues)
    return found


def _checked(group: dict[str, str], label: str, issues: list[str]) -> "Pairs":
    pairs = []
    for name, reference in group.items():
        fault = name_fault(name)
        if fault:
            issues.append(f"[{label}] `{name}` {fault}")
        target = object_reference(reference)
        if target is None:
            issues.append(f"[{label}] `{name} = {reference}` does not refer to an object as `module:attribute`")
        else:
            pairs.append((name, f"{target[0]}:{target[1]}"))
    pairs.sort()
    return tuple(pairs)


def name_fault(name: str) -> str:
    """Return why a name must not become a file in the scripts directory, or ""."""
    if not name:
        return "is empty"
    if "/" in name or "\\" in name or name in (".", ".."):
        return "would leave the directory of scripts"
    if not name.isprintable():
        return "holds control characters"
    if is_interpreter(name):
        return "would replace the Python interpreter of the environment"
    return ""


def is_interpreter(name: str) -> bool:
    """Return whether a file of this name in the scripts directory would stand for an interpreter: `Python3.12.exe`."""
    stem = name.lower().removesuffix(".exe")
    for interpreter in _INTERPRETERS:
        if stem.startswith(interpreter):
            # free-threaded and debug builds end in `t`, `d` or `td`
            return not stem[len(interpreter) :].rstrip("td").strip("0123456789.")
    return False


def object_reference(reference: str) -> tuple[str, str] | None:
    """Return (module, attribute) of `package.module:object.attr [extras]`, or None when it is not of that form."""
    head, bracket, extras = reference.partition("[")
    if bracket and not extras.rstrip().endswith("]"):
        return None
    module, colon, attribute = head.partition(":")
    module, attribute = module.strip(), attribute.strip()
    if not colon or not (_dotted(module) and _dotted(attribute)):
        return None
    return module, attribute


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))
