"""How an installation begins: what is asked for, what is there; and how it ends when there is nothing to do.

Most runs of `pip install` change nothing. They are answered here, so that they load neither the resolver nor what changes
environments: half of all modules, and of the time. What was found out on the way is handed on to `commands.install`.
"""

import os
import time

from commonwheel.commands import gather, install_no_change, summary_lines
from commonwheel.commands.change_report import Changes
from commonwheel.commands.install_satisfied import Satisfaction
from commonwheel.errors import UsageError
from commonwheel.fs import files as fs_files
from commonwheel.model import PathSource, Plan, Value
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.events import Reporter
    from commonwheel.install.recovery import Recovered
    from commonwheel.model import Environment, Target
    from commonwheel.operations.request import InstallRequest
    from commonwheel.operations.resolve import Answer
    from commonwheel.session.job import Job
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed, Settings


class Start(Value):
    """What an installation that has something to do starts from; `started` is a moment of `perf_counter`.

    `job` is what the request is carried out with, None if that was not made yet: it may be at work on pages.
    """

    __slots__ = ("environment", "job", "recovered", "request", "started", "target")

    def __init__(
        self,
        request: "InstallRequest",
        job: "Job | None",
        environment: "Environment",
        target: "Target",
        recovered: "Recovered",
        started: float,
    ) -> None:
        self.request: Final = request
        self.job: Final = job
        self.environment: Final = environment
        self.target: Final = target
        self.recovered: Final = recovered
        self.started: Final = started


def install(session: "Session", parsed: "Parsed") -> "tuple[Changes | None, Start | None]":
    """Answer `pip install` if all that is asked for is there and fits; else return what `commands.install` starts from."""
    warnings, start = session.reporter.warnings, begin(session, parsed)
    request, environment, settings = start.request, start.environment, session.settings
    if start.recovered.damaged or not _may_be_satisfied(settings, request):
        return None, start
    found = Satisfaction(settings, session.installed(environment), start.target, request)
    if not found.holds():
        return None, start
    if session.reporter.warnings == warnings:
        install_no_change.keep(session, request, environment, found.looked_at, len(found.reached))
    if not (settings.flag("dry-run") or settings.flag("check")):
        session.renew_note(environment)
    changes = nothing_to_do(settings, session.reporter, len(found.reached), start.started)
    if settings.text("report") is None:
        return changes, None
    return changes.replaced(report=report(start.job or session.job(request), environment, Plan())), None


def begin(session: "Session", parsed: "Parsed") -> Start:
    """Find out what is asked for, and where it goes. Raises UsageError when nothing is asked for."""
    settings, started = session.settings, time.perf_counter()
    files = settings.many("requirements")
    if not (parsed.positional or files or any(map(settings.many, ("editable", "group", "from-script")))):
        raise UsageError("no requirements given", hint="name packages, or a file with `-r`")
    # before the environment, whose interpreter may have to be asked: pages can come meanwhile
    request = gather.gather(
        session, parsed.positional, files, lambda: session.target(session.environment(mutating=True))
    )
    job: Job | None = None

    def ask() -> None:
        nonlocal job
        if job is None:
            job = session.job(request)
            job.expect(request.requirements)

    fixed = request.overrides or request.excludes or request.locked
    environment = session.environment(mutating=True, meanwhile=None if fixed else ask)
    target = session.target(environment)
    return Start(request, job, environment, target, session.recover(environment), started)


def nothing_to_do(settings: "Settings", reporter: "Reporter", count: int, started: float) -> Changes:
    """Report that there was nothing to do."""
    reporter.note("info", summary_lines.done("Checked", count, started))
    dry = settings.flag("dry-run")
    if dry:
        reporter.note("info", "Would make no changes")
    return Changes(dry_run=dry)


def report(job: "Job", environment: "Environment", plan: Plan, answered: "Answer | None" = None) -> str:
    """Write pip's installation report to the file of `--report`; return it where it is to go to stdout, else ""."""
    place = job.settings.text("report")
    if place is None:
        return ""
    text = job.report(plan, environment, answered)
    if place == "-":
        return text
    fs_files.write(os.path.join(job.cwd, place), text.encode())
    return ""


def reinstalled(settings: "Settings") -> "set[str]":
    """Return the names that are to be installed again."""
    return {normalize(name) for name in settings.many("reinstall-package")}


def hashed(settings: "Settings", request: "InstallRequest") -> bool:
    """Return whether hash mode holds."""
    return settings.flag("require-hashes") or request.requires_hashes


def _may_be_satisfied(settings: "Settings", request: "InstallRequest") -> bool:
    """Return whether what is installed could be all that is asked for, without asking an index."""
    return not (
        hashed(settings, request)
        or request.locked
        or request.trees
        or any(map(settings.flag, ("exact", "reinstall", "upgrade", "only-deps")))
        or any(map(settings.many, ("reinstall-package", "upgrade-package")))
        or request.upgraded
        # a file or directory may have been changed since
        or any(isinstance(one.source, PathSource) for one in request.requirements)
    )
