"""What stands in an environment's scripts: wrappers around entry points, and shebangs.

Laws of this file: texts and bytes in and out, no disk. The forms are those of distlib, pip and uv, so that a user who
opens one sees what she knows, and so that `pip` recognises it.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.specs import entry_points

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.model import Environment

# Linux reads 127 bytes of the line `#!...` (255 since 5.1, but an environment may move to an older kernel).
SHEBANG_LIMIT = 127
_EXEC, _ARGUMENTS = b"'''exec' ", b' "$0" "$@"'
_POLYGLOT = b"#!/bin/sh\n" + _EXEC
_SUFFIX_SCRIPT, _SUFFIX_EXE = "-script.pyw", ".exe"


class InvalidScript(CommonwheelError):
    """An entry point or a file must not become a script of the environment."""

    code = "invalid-script"


def python_of(environment: "Environment") -> str:
    """Return the interpreter that scripts of an environment start: its own one, or the one it was made for."""
    if environment.kind in {"venv", "conda"}:
        # not `interpreter.executable`: whoever asked by `python3.12` would get that name into every script
        return f"{environment.paths['scripts']}/python"
    return environment.interpreter.executable


def shebang(python: str, *, relocatable: bool = False) -> bytes:
    """Return the first line (or lines) of a script that runs under `python`, which is absolute; no line end at the end.

    A path that is too long for the kernel, or that holds white space, is started through `/bin/sh`: a polyglot that is a
    string to Python and a command to the shell. So is a relocatable one, which looks for `python` beside itself.
    """
    if relocatable:
        name = python.rpartition("/")[2]
        return _polyglot(f'"$(dirname -- "$(realpath -- "$0")")"/{_shell_quoted(name)}')
    line = b"#!" + _encoded(python)
    if len(line) + 1 <= SHEBANG_LIMIT and not any(letter in python for letter in " \t\n\r"):
        return line
    return _polyglot(_shell_quoted(python))


def _polyglot(command: str) -> bytes:
    return _POLYGLOT + _encoded(command) + _ARGUMENTS + b"\n' '''"


def _shell_quoted(text: str) -> str:
    # a quote within would end the Python string too, and the usual '\'' would be read as its end
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def wrapper(first_line: bytes, name: str, reference: str) -> bytes:
    """Return the script of an entry point `module:attribute`; raise InvalidScript if name or reference is not sound.

    It drops what Windows appends to `argv[0]`, and exits with what the function returns.
    """
    fault = entry_points.name_fault(name)
    target = entry_points.object_reference(reference)
    if fault:
        raise InvalidScript(f"the entry point `{name}` {fault}")
    if target is None:
        raise InvalidScript(f"the entry point `{name} = {reference}` does not refer to an object as `module:attribute`")
    module, attribute = target
    imported = attribute.partition(".")[0]
    body = f"""\
# -*- coding: utf-8 -*-
import sys
from {module} import {imported}
if __name__ == "__main__":
    if sys.argv[0].endswith("{_SUFFIX_SCRIPT}"):
        sys.argv[0] = sys.argv[0][:-{len(_SUFFIX_SCRIPT)}]
    elif sys.argv[0].endswith("{_SUFFIX_EXE}"):
        sys.argv[0] = sys.argv[0][:-{len(_SUFFIX_EXE)}]
    sys.exit({attribute}())
"""
    return first_line + b"\n" + body.encode()


def with_shebang(data: bytes, first_line: bytes) -> bytes | None:
    """Return a script of a wheel with its `#!python`, `#!pythonw` or `#!python3` line replaced, or None if it has none.

    The words after the interpreter on that line stay. A line that declares an encoding stays in line 2, as PEP 263 asks.
    """
    if not data.startswith(b"#!python"):
        return None
    line, newline, rest = data.partition(b"\n")
    word, _, arguments = line[2:].strip().partition(b" ")
    if word.removeprefix(b"python").strip(b"w.0123456789"):
        return None
    if not first_line.startswith(_POLYGLOT):
        return b" ".join([first_line, *arguments.split()]) + (newline or b"\n") + rest
    for argument in arguments.split():
        quoted = _encoded(_shell_quoted(argument.decode("utf-8", "surrogateescape")))
        first_line = first_line.replace(_ARGUMENTS, b" " + quoted + _ARGUMENTS, 1)
    second, end, after = rest.partition(b"\n")
    if second.lstrip().startswith(b"#") and (b"coding:" in second or b"coding=" in second):
        first_line = first_line.replace(b"\n", b"\n" + second.rstrip(b"\r") + b"\n", 1)
        rest = after if end else b""
    return first_line + (newline or b"\n") + rest


def interpreter_in(data: bytes) -> str:
    """Return the interpreter that the start of a script names, "" for none: the absolute path of either form.

    `/usr/bin/env` forms and relocatable scripts name no path: "".
    """
    if not data.startswith(b"#!"):
        return ""
    first, _, rest = data[2:4096].partition(b"\n")
    text = first.strip()
    if rest.startswith(b"#"):
        rest = rest.partition(b"\n")[2]
    if text == b"/bin/sh" and rest.startswith(_EXEC):
        command = rest.removeprefix(_EXEC).partition(b"\n")[0].removesuffix(_ARGUMENTS)
        if command.startswith(b'"$('):
            return ""
        path = command.decode("utf-8", "surrogateescape").partition("' '")[0]
        return path.strip("'\"").replace("'\"'\"'", "'")
    path = text.partition(b" ")[0].decode("utf-8", "surrogateescape")
    return path if path.startswith("/") and not path.endswith("/env") else ""
