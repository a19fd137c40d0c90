"""`cw venv`: create a virtual environment."""

import os

from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.python import venv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class Created(Value):
    """What was created: absolute path, how to show it, its base interpreter, how to activate it, what was seeded."""

    __slots__ = ("activate", "implementation", "path", "python", "seeded", "shown", "version")

    def __init__(
        self,
        path: str,
        shown: str,
        python: str,
        implementation: str,
        version: str,
        activate: str,
        seeded: "tuple[str, ...]",
    ) -> None:
        self.path: Final = path
        self.shown: Final = shown
        self.python: Final = python
        self.implementation: Final = implementation
        self.version: Final = version
        self.activate: Final = activate
        self.seeded: Final = seeded


def create(session: "Session", parsed: "Parsed") -> Created:
    """Create a virtual environment at a path, `.venv` by default.

    Raises EnvironmentExists when something is there (unless told to clear or keep it), and what finding the interpreter
    and seeding raise.
    """
    settings = session.settings
    path = parsed.positional[0] if parsed.positional else ".venv"
    if path == "":
        raise UsageError("the path of the environment is empty")
    interpreter = session.environments.interpreter(settings.text("python") or session.environments.wanted_python())
    whole = venv.create(
        os.path.join(session.cwd, path),
        interpreter,
        venv.Options(
            prompt=_prompt(session, path),
            system_site_packages=settings.flag("system-site-packages"),
            clear=settings.flag("clear"),
            allow_existing=settings.flag("allow-existing"),
            force=settings.flag("force"),
            relocatable=settings.flag("relocatable"),
        ),
    )
    seeded = session.job().seed(session.environments.at(whole)) if settings.flag("seed") else ()
    return Created(
        whole,
        path,
        interpreter.base_executable or interpreter.executable,
        "CPython" if interpreter.implementation == "cpython" else interpreter.implementation,
        ".".join(map(str, interpreter.version)),
        _activation(path, session),
        seeded,
    )


def _prompt(session: "Session", path: str) -> str:
    """Return the prompt; `.` means the current directory's name; the default of `.venv` is its parent's name, as in uv."""
    given = session.settings.text("prompt")
    if given == ".":
        return os.path.basename(session.cwd)
    if given is None and os.path.basename(os.path.normpath(path)) == ".venv":
        return os.path.basename(os.path.dirname(os.path.abspath(os.path.join(session.cwd, path))))
    return given or ""


def _activation(path: str, session: "Session") -> str:
    """Return the line that activates an environment in the user's shell."""
    shell = os.path.basename(session.environ.get("SHELL", ""))
    script = {"fish": "activate.fish", "csh": "activate.csh", "tcsh": "activate.csh"}.get(shell, "activate")
    place = os.path.join(path, "bin", script)
    quoted = "'" + place.replace("'", "'\\''") + "'" if any(c in place for c in " '\"$&;()") else place
    return f"source {quoted}"
