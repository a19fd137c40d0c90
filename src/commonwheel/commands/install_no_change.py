"""The same `pip install` once more, with nothing to do then and nothing moved since: answered by comparing stamps.

Such an answer rests on the words and the settings, the files of requirements that were read, the interpreter, and the names and
metadata of what is installed. All of that is compared: by content where it is at hand, else by inode, time and size. Files are
parsed only where something differs. That makes the most frequent of all installations half as long.

Laws of this file: any doubt is a miss; a run that warned of something is not remembered, so that it warns again.
"""

import os
import time

from commonwheel import __version__
from commonwheel.commands import summary_lines
from commonwheel.commands.change_report import Changes
from commonwheel.fs import facts
from commonwheel.operations.resolution_cache import PLACE, SPACE, text_of
from commonwheel.specs.sha256 import sha256_of
from commonwheel.store.sealed_records import joined, seal, unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commonwheel.model import Environment, Installed
    from commonwheel.operations.request import InstallRequest
    from commonwheel.session.session import Session

KIND = "unchanged"
_VARIABLES = ("CW_", "UV_", "PIP_")
_LISTED = (".dist-info", ".egg-info", ".egg-link", ".egg", ".pth")


def install(session: "Session") -> tuple[Changes | None, None]:
    """Answer `pip install` if nothing moved since it had nothing to do; there is nothing to hand on otherwise."""
    started = time.perf_counter()
    # where nothing is remembered, whoever comes next knows better what to begin with
    if not _may_be_asked(session) or not session.records.knows(SPACE):
        return None, None
    environment = session.environment(mutating=True)
    count = _recall(session, environment)
    if count is None:
        return None, None
    recovered = session.recover(environment)
    if recovered.undone or recovered.finished or recovered.damaged:
        return None, None
    session.renew_note(environment)
    session.reporter.note("info", summary_lines.done("Checked", count, started))
    return Changes(), None


def keep(
    session: "Session",
    request: "InstallRequest",
    environment: "Environment",
    reached: "Iterable[Installed]",
    count: int,
) -> None:
    """Remember that a request left nothing to do; `reached` are the installed distributions that were looked at."""
    found = list(reached)
    read = request.stamps
    if not _may_be_asked(session) or not all(read.values()) or not all(one.own for one in found):
        return
    name = _name(session, environment)
    if not name:
        return
    listed = _listed(environment)
    lines = [name, str(count), joined("listed", *listed)]
    lines += [joined("file", path, stamp) for path, stamp in read.items()]
    for one in found:
        stamp = _stamp_of_listing(one.location)
        if not stamp:
            return
        lines.append(joined("installed", one.location, stamp))
    session.records.put(SPACE, _place(name), seal(KIND, lines))


def _may_be_asked(session: "Session") -> bool:
    settings = session.settings
    return "-" not in session.words and not (
        settings.flag("dry-run") or settings.flag("check") or settings.text("report") or settings.flag("refresh")
    )


def _recall(session: "Session", environment: "Environment") -> int | None:
    """Return how many packages were looked at the last time, None if anything moved."""
    name = _name(session, environment)
    data = session.records.get(SPACE, _place(name)) if name else None
    lines = None if data is None else unseal(KIND, data)
    if not lines or lines[0] != name:
        return None
    try:
        same = all(_is_as_it_was(line, environment) for line in lines[2:])
        return int(lines[1]) if same else None
    except (ValueError, IndexError):
        return None


def _is_as_it_was(line: str, environment: "Environment") -> bool:
    word, *fields = line.split("\t")
    fields = [unescape(field) for field in fields] if "\\" in line else fields
    if word == "listed":
        return fields == list(_listed(environment))
    path, stamp = fields
    return stamp == (_stamp_of_listing(path) if word == "installed" else _stamp(path))


def _name(session: "Session", environment: "Environment") -> str:
    """Return the name of all that was said: words, variables, configuration, place and interpreter."""
    interpreter = environment.interpreter
    variables = [pair for pair in session.environ.items() if pair[0].startswith(_VARIABLES)]
    try:
        said = (
            __version__, list(session.words), session.cwd, sorted(variables), list(map(list, session.settings.files())),
            environment.root, dict(environment.paths), interpreter.executable, dict(interpreter.markers),
        )  # fmt: skip
        return sha256_of(text_of(said).encode("utf-8", "surrogatepass"))
    except TypeError:
        # a date in a configuration file
        return ""


def _place(name: str) -> str:
    return f"unchanged-{name[:PLACE]}"


def _listed(environment: "Environment") -> "Iterator[str]":
    """Yield the names of everything that makes a distribution listed, site by site."""
    for site in dict.fromkeys((environment.paths["purelib"], environment.paths["platlib"])):
        yield site
        try:
            yield from sorted([name for name in os.listdir(site) if name.endswith(_LISTED)])
        except OSError:
            yield ""


def _stamp_of_listing(location: str) -> str:
    """Return the stamps of a metadata directory and of the metadata in it; "" for one of another form."""
    if not location.endswith(".dist-info"):
        return ""
    directory, metadata = _stamp(location), _stamp(f"{location}/METADATA")
    return f"{directory} {metadata}" if directory and metadata else ""


def _stamp(path: str) -> str:
    try:
        return facts.stamp(os.stat(path))
    except OSError:
        return ""
