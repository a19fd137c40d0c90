"""Run the hooks of a build backend one after the other, each in a process of its own, which all begin where this one stands.

Run as `python hook_server.py LOG`. The interpreter is started once, while what the build needs is still being installed, and imports
the backend once; for each call it forks, and the child does what `python SCRIPT ARGUMENTS...` would do: so a hook finds a fresh
process, as PEP 517 has it, and no second or third start of an interpreter and import of a backend, which take longer than many a
build. A backend that starts threads while it is imported is not copied, since threads are not: then each call is a start of its
own after all.

    in:   lines of words, each a dot and the word in hexadecimal. The first line comes once all is installed: the module to import
          ("" for none), and `more` if some of it was installed since the start. The others are calls: how many variables follow,
          these (NAME=VALUE), a script, its arguments
    out:  the exit status of each call; negative: the signal that ended it

All output goes to the file LOG. It ends when its input does.

Laws of this file: it is a guest in somebody else's interpreter: standard library only, and the syntax of Python 3.8. Nothing is
imported that a script would not find imported, but what the script of `pyproject_hooks` imports itself. The script's own
directory is the first of `sys.path`, as always; ours never is.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types

# What every call imports before it looks at its backend.
_OF_THE_SCRIPT = ("glob", "importlib.machinery", "json", "re", "shutil", "traceback", "warnings")


def main() -> int:
    """Serve until there are no more calls; return the exit status."""
    log = sys.argv[1]
    del sys.path[0]
    channel = os.dup(1)
    sink = os.open(log, os.O_WRONLY | os.O_APPEND)
    calls = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (sink, 1), (sink, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(sink)
    for name in _OF_THE_SCRIPT:
        __import__(name)
    module, *more_came = _words(calls.readline()) or [""]
    if more_came:
        _refresh()
    if module:
        _preload(module)
    copies = _is_single()
    _settle()
    codes: "dict[bytes, types.CodeType]" = {}
    for line in calls:
        count, *words = _words(line)
        more = dict(word.split("=", 1) for word in words[: int(count)])
        words = words[int(count) :]
        code = _code(words[0], codes) if copies else None
        sys.stdout.flush()
        sys.stderr.flush()
        if copies:
            child = os.fork()
            if not child:
                calls.close()
                os.close(channel)
                os.environ.update(more)
                return _call(words, code)
        else:
            child = os.posix_spawn(sys.executable, [sys.executable, *words], dict(os.environ, **more))
        _, status = os.waitpid(child, 0)
        ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        os.write(channel, b"%d\n" % ended)
    # nothing of the backend's is to run now, at the exit of a process that it knows nothing of
    os._exit(0)


def _words(line: bytes) -> "list[str]":
    return [os.fsdecode(bytes.fromhex(word[1:].decode())) for word in line.split()]


def _preload(module: str) -> None:
    """Import the backend; what goes wrong, the first call will meet again, and tell."""
    before = list(sys.path)
    try:
        __import__(module)
    except BaseException:  # noqa: BLE001 - whatever it is
        for name in [name for name in sys.modules if name == module or name.startswith(module + ".")]:
            del sys.modules[name]
        sys.path[:] = before


def _refresh() -> None:
    """Do what the start of an interpreter does with what was installed: read the `.pth` files. None was there at our start."""
    _forget()
    import site  # noqa: PLC0415 - there already, unless the interpreter was told to do without

    for directory in site.getsitepackages():
        if os.path.isdir(directory):
            site.addsitedir(directory)


def _settle() -> None:
    """Let copies not look through what is here by now when they end: that takes longer than many a hook."""
    was_there = "gc" in sys.modules
    import gc  # noqa: PLC0415 - a script would not find it imported

    if hasattr(gc, "freeze"):  # PyPy has none
        gc.freeze()
    if not was_there:
        del sys.modules["gc"]


def _forget() -> None:
    for finder in sys.meta_path:
        forget = getattr(finder, "invalidate_caches", None)
        if forget is not None:
            forget()


def _is_single() -> bool:
    """Return whether this process has one thread: whoever is forked beside others may wait for ever for what they hold."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _code(script: str, known: "dict[bytes, types.CodeType]") -> "types.CodeType | None":
    """Return the code of a script, compiled once for all calls; None if it has none, which the call will tell."""
    try:
        with open(script, "rb") as stream:
            text = stream.read()
        if text not in known:
            known[text] = compile(text, script, "exec")
        return known[text]
    except (OSError, SyntaxError, ValueError):
        return None


def _call(words: "list[str]", code: "types.CodeType | None") -> int:
    """Be `python SCRIPT ARGUMENTS...`: return its exit status, and let exceptions end the process as they would there."""
    script = words[0]
    sys.argv[:] = words
    sys.path.insert(0, os.path.dirname(script))
    _forget()
    main_module = type(sys)("__main__")
    main_module.__dict__.update({"__file__": script, "__builtins__": sys.modules["builtins"], "__cached__": None})
    sys.modules["__main__"] = main_module
    if code is None:
        with open(script, "rb") as stream:
            code = compile(stream.read(), script, "exec")
    exec(code, main_module.__dict__)  # noqa: S102 - that is the purpose
    return 0


if __name__ == "__main__":
    sys.exit(main())
