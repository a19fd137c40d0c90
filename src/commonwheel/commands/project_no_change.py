"""`cw lock`, `cw sync` and `cw run` once more, with nothing to do and nothing moved since: answered by comparing stamps.

Such an answer rests on the words and the variables, on every file that was read or not found, on the directories that
were listed for members, and on what tells one state of the environment from another. All of that is compared by inode,
time and size, and nothing is parsed. It is kept in the user's cache directory, and not in the store: to find a store, settings
would have to be read.

Laws of this file: any doubt is a miss; a run that warned is not remembered, so that it warns again. No parser, no resolver and no
store may be loaded here.
"""

import os
import stat
import time

from commonwheel import __version__
from commonwheel.commands import summary_lines
from commonwheel.commands.change_report import Changes
from commonwheel.fs import facts
from commonwheel.model import Value
from commonwheel.project.programs import Place, Program, program
from commonwheel.settings.files import cache_home
from commonwheel.specs.sha256 import sha256_of
from commonwheel.store.sealed_records import unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed

KIND = "project-unchanged"
_VARIABLES = ("CW_", "UV_", "PIP_", "XDG_")
_NAMES = ("HOME", "PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_VERSION", "PYTHONPATH")
_MOST = 1 << 20


class Unchanged(Value):
    """Nothing was done, and there is nothing to show: the showers of `cw lock` and `cw sync` take it for such a result."""

    __slots__ = ()
    lines = ()
    changes = Changes()


# --- answering ------------------------------------------------------------------------------------------------------------------


def lock(session: "Session", parsed: "Parsed") -> "tuple[Unchanged | None, None]":
    """Answer `cw lock` if nothing moved since the lock was found to be up to date."""
    started = time.perf_counter()
    known = _recall(session, parsed)
    if known is None:
        return None, None
    session.reporter.note("info", summary_lines.done("Resolved", int(known[0]), started))
    return Unchanged(), None


def sync(session: "Session", parsed: "Parsed") -> "tuple[Unchanged | None, None]":
    """Answer `cw sync` if nothing moved since there was nothing to do."""
    started = time.perf_counter()
    known = _recall(session, parsed)
    if known is None:
        return None, None
    session.reporter.note("info", summary_lines.done("Resolved", int(known[0]), started))
    session.reporter.note("info", summary_lines.done("Checked", int(known[1]), started))
    return Unchanged(), None


def run(session: "Session", parsed: "Parsed") -> "tuple[Program | None, None]":
    """Answer `cw run` if nothing moved since there was nothing to do; what is run may be another program."""
    known = _recall(session, parsed)
    if known is None:
        return None, None
    given = parsed.given
    made = program(
        parsed.positional,
        Place(*known[2:5]),
        session.environ,
        module=bool(given.get("module")),
        as_script=bool(given.get("as-script")),
    )
    return made, None


def _recall(session: "Session", parsed: "Parsed") -> "list[str] | None":
    """Return the answer of the last time, None if anything moved, or nothing is known."""
    name = name_of(session, parsed)
    data = _read(path_of(session.environ, session.cwd, name)) if name else None
    lines = None if data is None else unseal(KIND, data)
    if not lines or lines[0] != name:
        return None
    try:
        for line in lines[2:]:
            path, known = map(unescape, line.split("\t"))
            if _stamp(path) != known:
                return None
        return [unescape(field) for field in lines[1].split("\t")]
    except ValueError:
        return None


def _read(path: str) -> bytes | None:
    """Return the content of a file of mine in my cache directory."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        mine = not hasattr(os, "geteuid") or found.st_uid in (0, os.geteuid())
        if not (stat.S_ISREG(found.st_mode) and mine and found.st_size < _MOST):
            return None
        return os.read(fd, _MOST)
    except OSError:
        return None
    finally:
        os.close(fd)


def name_of(session: "Session", parsed: "Parsed") -> str:
    """Return the name of all that was said, "" for what is never remembered; what `cw run` runs does not count."""
    given = {
        key: value for key, value in parsed.given.items() if key not in ("module", "as-script", "quiet", "verbose")
    }
    command = session.command
    if not _may_be_remembered(given, parsed.positional if command == "run" else ()):
        return ""
    variables = [pair for pair in session.environ.items() if pair[0].startswith(_VARIABLES) or pair[0] in _NAMES]
    said = repr((__version__, command, session.cwd, sorted(given.items(), key=str), sorted(variables)))
    return sha256_of(said.encode("utf-8", "surrogatepass"))


def _may_be_remembered(given: "Mapping[str, object]", words: "Iterable[str]") -> bool:
    never = (
        "upgrade", "upgrade-package", "upgrade-group", "refresh", "refresh-package", "reinstall", "reinstall-package", "dry-run",
        "format", "json", "for-script", "with", "with-editable", "with-requirements", "isolated", "env-file", "no-sync", "no-cache",
        "merge", "check-exists",
    )  # fmt: skip
    if any(given.get(key) for key in never):
        return False
    first = next(iter(words), "")
    # a file may have a block of metadata that says what it needs
    return not first.endswith(".py") and not first.startswith(("http:", "https:")) and not given.get("as-script")


def path_of(environ: "Mapping[str, str]", cwd: str, name: str) -> str:
    """Return the file in which an answer of this name is kept."""
    return os.path.join(cache_home(environ, cwd), "cw-environments", "known", name[:40])


def _stamp(path: str) -> str:
    """Return what tells one state of a file or directory from another, "" for nothing there."""
    try:
        return facts.stamp(os.stat(path))
    except OSError:
        return ""
