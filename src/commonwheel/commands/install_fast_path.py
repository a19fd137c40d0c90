"""How an installation begins: what is asked for, what is there; and how it ends when there is nothing to do.

Most runs of `pip install` change nothing. They are answered here, so that they load neither the resolver nor what changes
environments: half of all modules, and of the time. What is found out on the way is left to the session (`begun`), where
`commands.install` takes it up.
"""

import time

from commonwheel.commands import gather, install_no_change, summary_lines
from commonwheel.commands.change_report import Changes
from commonwheel.commands.install_satisfied import Satisfaction
from commonwheel.errors import UsageError
from commonwheel.model import PathSource, Plan, Value
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from commonwheel.commands.gather import InstallRequest
    from commonwheel.events import Reporter
    from commonwheel.install.recovery import Recovered
    from commonwheel.model import Environment, Target
    from commonwheel.session import Session
    from commonwheel.settings import Parsed


class Begun(Value):
    """What an installation that has something to do starts from."""

    __slots__ = ("asked", "environment", "recovered", "target")

    def __init__(
        self, environment: "Environment", target: "Target", asked: "InstallRequest", recovered: "Recovered"
    ) -> None:
        self.environment: Final = environment
        self.target: Final = target
        self.asked: Final = asked
        self.recovered: Final = recovered


def install(session: "Session", parsed: "Parsed") -> Changes | None:
    """Answer `pip install` if all that is asked for is there and fits; None leaves it to `commands.install`."""
    return Beginning(session).satisfied(parsed.positional, session.settings.many("requirements"))


class Listener:
    """Pass everything on to another reporter, and count the warnings."""

    def __init__(self, reporter: "Reporter") -> None:
        self._reporter = reporter
        self.warnings = 0
        self.begin: Final = reporter.begin
        self.advance: Final = reporter.advance
        self.end: Final = reporter.end

    def note(self, level: str, message: str) -> None:
        """Pass a remark on."""
        self.warnings += level == "warning"
        self._reporter.note(level, message)


class Beginning:
    """The first part of the road, with a clock for the summary lines."""

    def __init__(self, session: "Session", *, exact: bool = False) -> None:
        self.session = session
        self.settings = session.settings
        self.exact = exact or session.settings.flag("exact")
        self.started = time.perf_counter()

    def satisfied(self, asked_for: "Sequence[str]", files: "Sequence[str]") -> Changes | None:
        """Find out what is asked for and what is there; return an answer if that is all the same."""
        session = self.session
        heard = session.reporter = Listener(session.reporter)
        if not (asked_for or files or any(map(self.settings.many, ("editable", "group", "from-script")))):
            raise UsageError("nothing was asked for", hint="name packages, or a file with `-r`")
        # before the environment, whose interpreter may have to be asked: pages can come meanwhile
        asked = self.gather(asked_for, files, lambda: session.target(session.environment(mutating=True)))
        if not (asked.overrides or asked.excludes or asked.locked):
            session.expect(asked.requirements)
        environment = session.environment(mutating=True)
        target = session.target(environment)
        recovered = session.recover(environment)
        session.begun = Begun(environment, target, asked, recovered)
        if recovered.damaged or not self._may_be_satisfied(asked):
            return None
        found = Satisfaction(session, session.installed(environment), target, asked)
        if not found.holds():
            return None
        if not heard.warnings:
            install_no_change.keep(session, environment, found.looked_at, len(found.reached))
        return self.unchanged(len(found.reached))

    def gather(
        self, asked_for: "Sequence[str]", files: "Sequence[str]", target: "Callable[[], Target]"
    ) -> "InstallRequest":
        """Read what is asked for, and hand the options of files to the session."""
        asked = gather.gather(self.session, asked_for, files, target)
        self.session.file_options = asked.options
        self.session.config_settings = asked.config_settings
        self.session.build_constraints = asked.build_constraints
        self.session.upgraded = asked.upgraded
        return asked

    def unchanged(self, count: int) -> Changes:
        """Say that there was nothing to do."""
        self.say("Checked", count, self.started)
        self.report(Plan())
        if self.settings.flag("dry-run"):
            self.session.reporter.note("info", "Would make no changes")
        return Changes(dry_run=self.settings.flag("dry-run"))

    def say(self, verb: str, count: int, started: float) -> None:
        """Say a summary line in uv's words."""
        self.session.reporter.note("info", summary_lines.done(verb, count, started))

    def report(self, plan: "Plan") -> None:
        """Write pip's installation report where `--report` wants it."""
        place = self.settings.text("report")
        if place is not None:
            self.session.write_report(place, plan)

    def reinstalled(self) -> "set[str]":
        """Return the names that are to be installed again."""
        return {normalize(name) for name in self.settings.many("reinstall-package")}

    def hashed(self, asked: "InstallRequest") -> bool:
        """Say whether hash mode holds."""
        return self.settings.flag("require-hashes") or asked.requires_hashes

    def _may_be_satisfied(self, asked: "InstallRequest") -> bool:
        """Tell whether what is installed could be all that is asked for, without asking an index."""
        settings = self.settings
        return not (
            self.hashed(asked)
            or self.exact
            or asked.locked
            or asked.trees
            or any(map(settings.flag, ("reinstall", "upgrade", "only-deps")))
            or any(map(settings.many, ("reinstall-package", "upgrade-package")))
            or asked.upgraded
            # a file or directory may have been changed since
            or any(isinstance(one.source, PathSource) for one in asked.requirements)
        )
