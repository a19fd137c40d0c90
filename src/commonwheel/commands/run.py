"""`cw run`: run a program, a module or a script in the environment of the project, which is locked and synced before.

What is to be run is returned as a value (`Program`): the process becomes it when everything else is closed.
"""

import os
import time

from commonwheel.commands import project_remember as remember
from commonwheel.commands import summary_lines
from commonwheel.commands.sync import carried_out, place_of, prompt_of, updated_lock, wanted_python
from commonwheel.errors import UsageError
from commonwheel.fs import files, trees
from commonwheel.model import Origin, Requirement, Value
from commonwheel.project import environments, opening, overlays, syncing
from commonwheel.project.discovery import NoProject, NotManaged
from commonwheel.project.opening import Opened
from commonwheel.project.programs import Place, Program, program
from commonwheel.specs import env_file, requirement, requirements_txt
from commonwheel.specs.sha256 import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from commonwheel.model import Environment, Interpreter, Pin
    from commonwheel.project.parts import Parts
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed
    from commonwheel.specs.uv_lock import Lock


def run(session: "Session", parsed: "Parsed") -> Program:
    """Lock and sync as far as the options allow, and return what is to be run. Raises NoProgram."""
    began = time.time_ns()
    parts = session.projects()
    settings = parts.settings
    environ = _variables(parts)
    words = list(parsed.positional)
    if words and words[0].startswith(("http://", "https://")):
        words[0] = _downloaded(parts, words[0])
    running = _Running(session, parsed, began)
    found = _environment(parts, running, words)
    _warn_of_words(parts, words)
    settings = parts.settings
    place = place_in(found)
    return program(words, place, environ, module=settings.flag("module"), as_script=settings.flag("as-script"))


def place_in(environment: "Environment") -> Place:
    """Return where programs of an environment are."""
    root = environment.root if environment.kind == "venv" else ""
    return Place(root, environment.paths["scripts"], environment.interpreter.executable)


class _Running(Value):
    """One run: the session, the words, and when it began (in ns)."""

    __slots__ = ("began", "parsed", "session")

    def __init__(self, session: "Session", parsed: "Parsed", began: int) -> None:
        self.session: Final = session
        self.parsed: Final = parsed
        self.began: Final = began


# --- the environment ------------------------------------------------------------------------------------------------------------


def _environment(parts: "Parts", running: "_Running", words: "Sequence[str]") -> "Environment":
    """Return the environment that is run in: of a script, of the project, or whatever is found."""
    opened = _opened(parts, words)
    if opened is None:
        return _without_project(parts, running.session)
    settings = parts.settings  # the root of the workspace has decided about them
    started = time.perf_counter()
    if settings.flag("no-sync") and not settings.flag("isolated"):
        where = place_of(parts, opened)
        wanted = environments.wish(parts, opened.workspace) if opened.workspace else None
        found = environments.present(parts, where)
        if found is None:
            wanted = wanted or environments.Wish("", "the script")
            found = environments.make(
                parts, where, prompt_of(opened), wanted, opened.declared.requires_python
            ).environment
        assert found is not None
        parts.use_environment(found)
        if not _asks_more(parts):
            return found
        lock = opening.locked(parts, opened.lock_path)
        return _with_more(parts, lock, found.interpreter, _pins(parts, opened, lock, found.interpreter))
    if opened.script and not os.path.lexists(opened.lock_path):
        return _of_unlocked_script(parts, opened)
    updated = updated_lock(parts, opened, started, quiet=True)
    if settings.flag("isolated"):
        wanted = wanted_python(parts, opened, updated)
        base = environments.interpreter(parts, wanted, updated.lock.requires_python)
        return _with_more(parts, updated.lock, base, _pins(parts, opened, updated.lock, base))
    exact = settings.flag("exact") or bool(opened.script)
    result = carried_out(parts, opened, updated, exact=exact, quiet=True)
    environment = result.made.environment
    assert environment is not None
    if not _asks_more(parts):
        known = remember.known_of(parts, opened, updated)
        if known is not None and result.made.action == "check" and not result.changes.rows:
            remember.keep(running.session, running.parsed, known, running.began, environment, result.count)
        return environment
    pins = _pins(parts, opened, updated.lock, environment.interpreter)
    return _with_more(parts, updated.lock, environment.interpreter, pins)


def _opened(parts: "Parts", words: "Sequence[str]") -> "Opened | None":
    """Return the script or the project that the command is about, None if it is about none."""
    settings = parts.settings
    script = settings.text("for-script")
    named = words[0] if words and (words[0].endswith(".py") or settings.flag("as-script")) else None
    if (
        script is None
        and named is not None
        and not settings.flag("module")
        and os.path.isfile(os.path.join(parts.cwd, named))
    ):
        read = parts.script(named)
        script = named if read is not None else None
    if script is not None:
        return opening.script(parts, script)
    if settings.flag("without-project"):
        return None
    try:
        return opening.project(parts, opening.find(parts))
    except NoProject:
        return None
    except NotManaged as error:
        parts.reporter.note("debug", error.message)
        return None


def _without_project(parts: "Parts", session: "Session") -> "Environment":
    environment = session.environment(mutating=False)
    if not _asks_more(parts):
        return environment
    return _with_more(parts, None, environment.interpreter, [])


def _of_unlocked_script(parts: "Parts", opened: Opened) -> "Environment":
    """Return the environment of a script that has no lock: resolved for this interpreter alone."""
    settings = parts.settings
    if settings.flag("locked") or settings.flag("frozen"):
        raise UsageError(
            f"`{opened.script}` has no lock, and one is needed with `--locked` and `--frozen`",
            hint="make it with `cw lock --script`",
        )
    declared = opened.declared
    wanted = environments.Wish(
        settings.text("python") or declared.requires_python.replace(" ", ""), "`requires-python` of the script"
    )
    base = environments.interpreter(parts, wanted, declared.requires_python)
    pins = overlays.resolved(
        parts,
        declared.requirements,
        parts.target_of(base),
        constraints=declared.constraints,
        overrides=declared.overrides,
        excludes=declared.excludes,
    )
    if _asks_more(parts):
        return _with_more(parts, None, base, pins)
    made = environments.make(
        parts, place_of(parts, opened), prompt_of(opened), wanted, declared.requires_python, quiet=True
    )
    assert made.environment is not None
    syncing.carry_out(parts, made.environment, pins, syncing.Options(exact=True), _Teller(parts))
    return made.environment


def _pins(parts: "Parts", opened: Opened, lock: "Lock", base: "Interpreter") -> "tuple[Pin, ...]":
    chosen = syncing.choice(parts.settings, opened)
    wishes = syncing.options(parts.settings, exact=True)
    return syncing.selected_pins(parts, opened, lock, chosen, wishes, parts.target_of(base))


def _asks_more(parts: "Parts") -> bool:
    return any(map(parts.settings.many, ("with", "with-editable", "with-requirements")))


def _with_more(parts: "Parts", lock: "Lock | None", base: "Interpreter", pins: "Sequence[Pin]") -> "Environment":
    """Return an environment of the pins and of what `--with` asks for."""
    more: tuple[Pin, ...] = ()
    if _asks_more(parts):
        preferences = {package.name: package.version for package in lock.packages} if lock is not None else {}
        preferences |= {pin.name: pin.version for pin in pins}
        more = overlays.resolved(parts, _wanted(parts), parts.target_of(base), preferences=preferences)
    return overlays.environment(parts, overlays.together(pins, more), base, _Teller(parts))


def _wanted(parts: "Parts") -> "list[Requirement]":
    """Return what `--with` and its like ask for."""
    found = []
    settings = parts.settings
    for text in settings.many("with"):
        for one in text.split(",") if " @ " not in text and "[" not in text else [text]:
            found.append(requirement.parse(one.strip(), Origin("--with"), base_directory=parts.cwd))  # noqa: PERF401
    origin = Origin("--with-editable")
    found += [
        requirement.parse_editable(text, origin, base_directory=parts.cwd) for text in settings.many("with-editable")
    ]
    for name in settings.many("with-requirements"):
        path = os.path.join(parts.cwd, name)
        read = requirements_txt.parse(
            _read(path, name),
            name=name,
            base=os.path.dirname(path),
            read=lambda place: _read(place, place),
            environ=parts.environ,
        )
        found += read.requirements
    return found


def _read(path: str, name: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error


class _Teller:
    """Show the summary lines of a sync that the user did not ask for: only what was done."""

    def __init__(self, parts: "Parts") -> None:
        self._reporter = parts.reporter

    def __call__(self, verb: str, count: int, started: float) -> None:
        """Show one line."""
        level = "debug" if verb == "Checked" else "info"
        self._reporter.note(level, summary_lines.done(verb, count, started))


# --- variables ------------------------------------------------------------------------------------------------------------------


def _variables(parts: "Parts") -> "dict[str, str]":
    """Return the variables of the process with those of `--env-file`: what is set already stays, later files win."""
    settings = parts.settings
    found: dict[str, str] = {}
    for name in settings.many("env-file") if not settings.flag("no-env-file") else ():
        text = _read(os.path.join(parts.cwd, name), name).decode("utf-8", "replace")
        found |= env_file.read(text, name, {**found, **parts.environ})
    return {**found, **parts.environ}


def _downloaded(parts: "Parts", url: str) -> str:
    """Return the path of a script at a URL, in the user's cache directory."""
    path = os.path.join(parts.environments_directory, "scripts", f"{sha256_of(url.encode())[:16]}.py")
    trees.make_directory(os.path.dirname(path), parents=True)
    files.write(path, parts.text_at(url))
    return path


def _warn_of_words(parts: "Parts", words: "Sequence[str]") -> None:
    """Note that words after the program may be options that were meant for cw."""
    options = ("--with", "--extra", "--group", "--frozen", "--no-sync", "--isolated", "--package")
    meant = [word for word in words[1:] if word.partition("=")[0] in options]
    if meant:
        parts.reporter.note("debug", f"`{meant[0]}` stands after the program, and is handed to it")
