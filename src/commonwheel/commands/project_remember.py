"""Remember that a command on a project had nothing to do, for `commands.project_no_change`, which answers the next one."""

import os

from commonwheel.commands.project_no_change import KIND, name_of, path_of
from commonwheel.errors import CommonwheelError
from commonwheel.fs import facts, files, trees
from commonwheel.install import history
from commonwheel.model import Value
from commonwheel.project.journal import JOURNAL
from commonwheel.settings.files import outer_files
from commonwheel.store.sealed_records import joined, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from commonwheel.model import Environment
    from commonwheel.project.opening import Opened
    from commonwheel.project.parts import Parts
    from commonwheel.project.updating import Updated
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed

_CONFIGURATION = ("pyproject.toml", "cw.toml", "uv.toml", ".python-version")
_DESCRIBING = ("pyproject.toml", "setup.py", "setup.cfg", "src")
#: What was changed so shortly before a command began may be changed again without a trace (nanoseconds).
_FRESH = 20_000_000


class Known(Value):
    """What a command found to be up to date.

    `directories` are those of all members, `looked` those that were listed for members; `local` are directories and archives
    of this machine that the lock names; `start` is where the project was looked for, `root` is that of the workspace.
    """

    __slots__ = ("directories", "local", "lock", "locked", "looked", "root", "start")

    def __init__(
        self,
        start: str,
        root: str,
        lock: str,
        locked: int,
        *,
        directories: tuple[str, ...],
        looked: tuple[str, ...],
        local: tuple[str, ...],
    ) -> None:
        self.start: Final = start
        self.root: Final = root
        self.lock: Final = lock
        self.locked: Final = locked
        self.directories: Final = directories
        self.looked: Final = looked
        self.local: Final = local


def keep(
    session: "Session",
    parsed: "Parsed",
    known: Known,
    began: int,
    environment: "Environment | None" = None,
    checked: int = 0,
) -> None:
    """Remember that there was nothing to do, unless something was changed while the command was at work (from `began`, in ns).

    `environment` is the one that was found to be in order.
    """
    name = name_of(session, parsed)
    if not name:
        return
    paths = dict.fromkeys(_paths(known, session.environ))
    place = ["", "", ""]
    if environment is not None:
        paths |= dict.fromkeys(_of_environment(environment))
        root = environment.root if environment.kind == "venv" else ""
        place = [root, environment.paths["scripts"], environment.interpreter.executable]
    lines = [name, joined(str(known.locked), str(checked), *place)]
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:
            lines.append(joined(path, ""))
            continue
        if max(found.st_ctime_ns, found.st_mtime_ns) > began - _FRESH:
            return
        lines.append(joined(path, facts.stamp(found)))
    _keep(path_of(session.environ, session.cwd, name), seal(KIND, lines))


def _keep(path: str, data: bytes) -> None:
    try:
        trees.make_directory(os.path.dirname(path), 0o700, parents=True)
        files.write(path, data, 0o600)
    except CommonwheelError:  # a cache directory that takes nothing costs time, and nothing else
        return


def _paths(known: Known, environ: "Mapping[str, str]") -> "Iterator[str]":
    """Yield every file and directory that the answer rests on, those that were not there too."""
    directory = known.start
    while True:
        yield from (os.path.join(directory, name) for name in _CONFIGURATION)
        parent = os.path.dirname(directory)
        if parent == directory:
            break
        directory = parent
    yield from outer_files(environ)
    yield known.lock
    yield os.path.join(known.root, JOURNAL)
    yield from known.looked
    for member in known.directories:
        yield from (os.path.join(member, name) for name in _DESCRIBING)
    for place in known.local:
        yield place
        yield from (os.path.join(place, name) for name in _DESCRIBING)


def _of_environment(environment: "Environment") -> "Iterator[str]":
    yield environment.interpreter.executable
    yield os.path.join(environment.root, "pyvenv.cfg")
    state = history.state_directory(environment)
    yield state
    yield os.path.join(state, "history")
    yield from dict.fromkeys((environment.paths["purelib"], environment.paths["platlib"]))


def known_of(parts: "Parts", opened: "Opened", updated: "Updated") -> Known | None:
    """Return what a command has found, None for what is never remembered: builds decide about it, or files that cannot be told."""
    workspace = opened.workspace
    if workspace is None or updated.action != "unchanged" or parts.reporter.warnings:
        return None
    members = (workspace.root, *workspace.members)
    if any(member.project.dynamic_dependencies and member.project.declared for member in members):
        return None
    local = []
    for package in updated.lock.packages:
        if package.source.kind == "url":
            return None
        if package.source.kind in ("path", "directory", "editable", "virtual"):
            local.append(opened.declared.spelling.absolute(package.source.place))
    for place in local:
        # what they name is not looked at here
        if b"cache-keys" in (parts.start.read(os.path.join(place, "pyproject.toml")) or b""):
            return None
    return Known(
        parts.project_start,
        workspace.directory,
        opened.lock_path,
        len(updated.lock.packages),
        directories=tuple(member.directory for member in members),
        looked=workspace.looked,
        local=tuple(local),
    )
