"""Run the hooks of a build backend one after the other, each in a process of its own, which all begin where this one stands.

Run as `python hook_server.py LOG MODULE`. The interpreter is started once and imports the backend once (MODULE, "" for none); for
each call it forks, and the child does what `python SCRIPT ARGUMENTS...` would do: so a hook finds a fresh process, as PEP 517
has it, and no second or third start of an interpreter and import of a backend, which take longer than many a build. A backend
that starts threads while it is imported is not copied, since threads are not: then each call is a start of its own after all.

    in:   a line of words, each a dot and the word in hexadecimal: a script and its arguments
    out:  its exit status; negative: the signal that ended it

All output goes to the file LOG. It ends when its input does.

Laws of this file: it is a guest in somebody else's interpreter: standard library only, and the syntax of Python 3.8. Nothing is
imported that a script would not find imported, but what the script of `pyproject_hooks` imports itself. The script's own
directory is the first of `sys.path`, as always; ours never is.
"""

import os
import sys

# What every call imports before it looks at its backend.
_OF_THE_SCRIPT = ("glob", "importlib.machinery", "json", "re", "shutil", "traceback", "warnings")


def main() -> int:
    """Serve until there are no more calls; return the exit status."""
    log, module = sys.argv[1:3]
    del sys.path[0]
    channel = os.dup(1)
    sink = os.open(log, os.O_WRONLY | os.O_APPEND)
    calls = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (sink, 1), (sink, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(sink)
    if module:
        for name in _OF_THE_SCRIPT:
            __import__(name)
        _preload(module)
    copies = _is_single()
    for line in calls:
        words = [os.fsdecode(bytes.fromhex(word[1:].decode())) for word in line.split()]
        sys.stdout.flush()
        sys.stderr.flush()
        if copies:
            child = os.fork()
            if not child:
                calls.close()
                os.close(channel)
                return _call(words)
        else:
            child = os.posix_spawn(sys.executable, [sys.executable, *words], os.environ)
        _, status = os.waitpid(child, 0)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        os.write(channel, b"%d\n" % code)
    # nothing of the backend's is to run now, at the exit of a process that it knows nothing of
    os._exit(0)


def _preload(module: str) -> None:
    """Import the backend; what goes wrong, the first call will meet again, and tell."""
    before = list(sys.path)
    try:
        __import__(module)
    except BaseException:  # noqa: BLE001 - whatever it is
        for name in [name for name in sys.modules if name == module or name.startswith(module + ".")]:
            del sys.modules[name]
        sys.path[:] = before


def _is_single() -> bool:
    """Say whether this process has one thread: whoever is forked beside others may wait for ever for what they hold."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _call(words: "list[str]") -> int:
    """Be `python SCRIPT ARGUMENTS...`: return its exit status, and let exceptions end the process as they would there."""
    script = words[0]
    sys.argv[:] = words
    sys.path.insert(0, os.path.dirname(script))
    for finder in sys.meta_path:
        forget = getattr(finder, "invalidate_caches", None)
        if forget is not None:
            forget()
    main_module = type(sys)("__main__")
    main_module.__dict__.update({"__file__": script, "__builtins__": sys.modules["builtins"], "__cached__": None})
    sys.modules["__main__"] = main_module
    with open(script, "rb") as stream:
        code = compile(stream.read(), script, "exec")
    exec(code, main_module.__dict__)  # noqa: S102 - that is the purpose
    return 0


if __name__ == "__main__":
    sys.exit(main())
