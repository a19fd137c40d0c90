"""Compile modules for the interpreter that runs this file: run with `-I -S`, one path a line in, one answer a line out.

Laws of this file: it is a guest in somebody else's interpreter: standard library only, and the syntax of Python 3.8. Arguments:
the invalidation mode (`timestamp`, `checked-hash`, `unchecked-hash`). Answers: `ok`, or `no` and why, tabs and newlines replaced;
`disk` and why if the module is not to blame.

`py_compile` writes through a temporary name and renames, as the laws of the disk have it.
"""

import importlib.util
import py_compile
import sys
import warnings


def main() -> None:
    """Compile whatever is asked for until there is no more."""
    mode = getattr(py_compile.PycInvalidationMode, sys.argv[1].upper().replace("-", "_"))
    # a SyntaxWarning of somebody else's module is not for the user of an installer
    warnings.simplefilter("ignore")
    for line in sys.stdin.buffer:
        path = line.rstrip(b"\n").decode("utf-8", "surrogateescape")
        try:
            target = importlib.util.cache_from_source(path)
            py_compile.compile(path, cfile=target, doraise=True, invalidation_mode=mode)
            answer = "ok"
        except py_compile.PyCompileError as error:
            answer = "no\t" + str(error.exc_value)
        except OSError as error:
            answer = "disk\t" + str(error)
        except Exception as error:  # noqa: BLE001 - whatever a module makes the compiler do, the next one is to be compiled
            answer = "no\t" + type(error).__name__ + ": " + str(error)
        text = answer.replace("\n", " ").replace("\r", " ")
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
