"""Speak to a build backend, by `pyproject_hooks`, which is PyPA's own.

Laws of this file: it is loaded late, by whoever has started the interpreter that imports the backend: to load it takes a third as
long as that, and goes on beside it.
"""

import warnings

import pyproject_hooks

from commonwheel.build.backend import Missing, NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.build.backend import Backend

# Since 1.3 what a backend warns of is said again in our process; it stands in the log, with all else that it said.
_AGAIN: type[Warning] | None = getattr(pyproject_hooks, "BuildBackendWarning", None)


def call(
    backend: "Backend",
    tree: str,
    python: str,
    spawn: "Callable[..., None]",
    hook: str,
    arguments: "Sequence[object]",
    keywords: "Mapping[str, object]",
) -> object:
    """Return what a hook returns for a source tree; `spawn(argv, cwd, extra_environ)` runs what calls it in `python`.

    Raises Missing where the backend has no such hook, NoAnswer where there was none, and whatever `spawn` raises.
    """
    if _AGAIN is not None:
        warnings.filterwarnings("ignore", category=_AGAIN)
    path = list(backend.path) or None
    caller = pyproject_hooks.BuildBackendHookCaller(tree, backend.name, path, runner=spawn, python_executable=python)
    try:
        return getattr(caller, hook)(*arguments, **keywords)
    except pyproject_hooks.HookMissing as error:
        raise Missing(hook) from error
    except pyproject_hooks.UnsupportedOperation as error:
        raise NoAnswer("the backend says that it cannot do this here") from error
    except pyproject_hooks.BackendUnavailable as error:
        name, why = error.backend_name or backend.name, _last_line(error.traceback)
        raise NoAnswer(f"the backend `{name}` cannot be imported: {why}", absent=True) from error
    except pyproject_hooks.BackendInvalid as error:
        raise NoAnswer(f"`backend-path` is wrong: {_last_line(error.traceback)}") from error
    except (FileNotFoundError, ValueError) as error:
        # `pyproject_hooks` found no answer, or none that is JSON
        raise NoAnswer("the build backend ended without an answer") from error


def _last_line(text: object) -> str:
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
