"""`pip install`, `pip sync`, `pip uninstall`: from words to a changed environment, value by value (docs/architecture.md)."""

import time

from commonwheel.commands import gather, summary_lines
from commonwheel.commands import install_fast_path as fast_path
from commonwheel.commands.change_report import Change, Changes
from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.install import changeset
from commonwheel.install import history as histories
from commonwheel.install import plan as plans
from commonwheel.model import PathSource, Plan, Value
from commonwheel.operations import apply, bytecode, prepare, pylock_pins, resolve
from commonwheel.python.installed import details
from commonwheel.python.installed import installed as installed_in
from commonwheel.python.installed_metadata import metadata_of
from commonwheel.session import environments
from commonwheel.sources import describe, source_stamps
from commonwheel.specs import direct_url
from commonwheel.specs import requirement as specs_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final

    from commonwheel.commands.install_fast_path import Start
    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Environment, Installed, Pin, Requirement, Target
    from commonwheel.operations.resolve import Answer
    from commonwheel.session.job import Job
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed

_KEPT_BY_SYNC = frozenset({"pip", "setuptools", "wheel"})


class WouldChange(CommonwheelError):
    """A `--check` found something to do."""

    code = "would-change"


class _Done(Value):
    """What to show; the plan with its receipt where the environment was changed; the answer that the plan was made of."""

    __slots__ = ("answered", "changes", "plan", "receipt")

    def __init__(
        self,
        changes: Changes,
        plan: "Plan | None" = None,
        receipt: "Receipt | None" = None,
        answered: "Answer | None" = None,
    ) -> None:
        self.changes: Final = changes
        self.plan: Final = plan
        self.receipt: Final = receipt
        self.answered: Final = answered


class _Pins(Value):
    """What was resolved: the pins, each with the file that will be installed, and the answer they are of, if it took one."""

    __slots__ = ("answered", "pins")

    def __init__(self, pins: "tuple[Pin, ...]", answered: "Answer | None" = None) -> None:
        self.pins: Final = pins
        self.answered: Final = answered


def install(session: "Session", parsed: "Parsed", start: "Start | None" = None) -> Changes:
    """Install what words and files ask for, and what that needs.

    What is installed stays if it fits, unless `--upgrade`. `start` is what `commands.install_fast_path`, which answers where
    nothing is missing, has found out. Raises the errors of every room on the way; the environment and the store are as
    before then.
    """
    start = start or fast_path.begin(session, parsed)
    job = start.job or session.job(start.request)
    run = _Run(job, start.environment, start.target, exact=session.settings.flag("exact"))
    return _carry_out(run, lambda: run.install(start))


def sync(session: "Session", parsed: "Parsed") -> Changes:
    """Make the environment hold exactly what files pin; an empty list needs `--allow-empty-requirements`."""
    environment = session.environment(mutating=True)
    target = session.target(environment)
    request = gather.gather(session, (), parsed.positional, lambda: target)
    run = _Run(session.job(request), environment, target, exact=True)
    if not (request.requirements or request.locked) and not session.settings.flag("allow-empty-requirements"):
        session.reporter.note(
            "warning", "Requirements files do not ask for anything (see `--allow-empty-requirements`)"
        )
        return Changes()
    return _carry_out(run, lambda: run.sync(session))


def uninstall(session: "Session", parsed: "Parsed") -> Changes:
    """Remove packages, by name or by the path or URL that they were installed from; what is not there gets a warning."""
    environment = session.environment(mutating=True)
    target = session.target(environment)
    request = gather.gather(session, (), session.settings.many("requirements"), lambda: target)
    words = [
        specs_requirement.parse(word, gather.COMMAND_LINE, base_directory=session.cwd) for word in parsed.positional
    ]
    wanted = [*words, *request.requirements]
    if not wanted:
        raise UsageError("no packages were named", hint="name them, or a file with `-r`")
    run = _Run(session.job(request), environment, target)
    return _carry_out(run, lambda: run.uninstall(session, wanted))


def _names_of(asked: "Requirement", installed: "Sequence[Installed]") -> "list[str]":
    """Return the names of what a requirement means: its own, or what was installed from its source."""
    if asked.name or asked.source is None:
        return [asked.name]
    place = direct_url.place_of(asked.source)
    return [one.name for one in installed if one.own and place in (direct_url.origin_of(one.direct_url), one.editable)]


def _carry_out(run: "_Run", attempt: "Callable[[], _Done]") -> Changes:
    """Change the environment, as often as other commands make it necessary, and then do what follows a change.

    That is done apart, since an error of it, on an environment that has just changed, is no sign of another command.
    """
    done = apply.retry_on_conflict(run.job.reporter, run.environment, attempt)
    if done.plan is None or done.receipt is None:
        return done.changes
    return run.follow_up(done, done.plan, done.receipt)


class _Run:
    """One request on its way into an environment, with a clock for the summary lines."""

    def __init__(self, job: "Job", environment: "Environment", target: "Target", *, exact: bool = False) -> None:
        self.job = job
        self.environment = environment
        self.target = target
        self.exact = exact
        self._request = job.request
        self._settings = job.settings
        self._started = time.perf_counter()

    # --- commands ---------------------------------------------------------------------------------------------------

    def install(self, start: "Start") -> _Done:
        """Carry out `pip install`."""
        seen = changeset.stamp(self.environment)
        installed = installed_in(self.environment, self.job.reporter)
        reinstall = {package.name for package in start.recovered.damaged} | fast_path.reinstalled(self._settings)
        return self._bring(installed, seen, reinstall)

    def sync(self, session: "Session") -> _Done:
        """Carry out `pip sync`."""
        session.recover(self.environment)
        seen = changeset.stamp(self.environment)
        installed = installed_in(self.environment, self.job.reporter)
        return self._bring(installed, seen, fast_path.reinstalled(self._settings), no_deps=True)

    def uninstall(self, session: "Session", asked: "Sequence[Requirement]") -> _Done:
        """Carry out `pip uninstall`."""
        session.recover(self.environment)
        seen = changeset.stamp(self.environment)
        installed = installed_in(self.environment, self.job.reporter)
        own = {one.name for one in installed if one.own}
        wanted: list[str] = []
        for one in asked:
            names = _names_of(one, installed)
            if not names and one.source is not None:
                place = direct_url.url_of(one.source)
                self.job.reporter.note("warning", f"Skipping `{place}` as nothing is installed from there")
            wanted += names
        for name in dict.fromkeys(wanted):
            if name not in own:
                below = any(one.name == name for one in installed)
                where = "is not part of this environment, but of one below it" if below else "is not installed"
                self.job.reporter.note("warning", f"Skipping {name} as it {where}")
        plan = plans.removal(installed, [name for name in wanted if name in own])
        if not plan.remove:
            self.job.reporter.note("warning", "No packages to uninstall")
            return _Done(Changes(dry_run=self._settings.flag("dry-run")))
        return self.change(plan, seen)

    # --- steps ------------------------------------------------------------------------------------------------------

    def _bring(
        self,
        installed: "Sequence[Installed]",
        seen: "changeset.Stamp",
        reinstall: "set[str]",
        *,
        no_deps: bool | None = None,
    ) -> _Done:
        """Resolve, plan, and carry the plan out."""
        settings, job = self._settings, self.job
        # neither of two distributions of one name can stay, so a file must be found for the name
        reinstall = reinstall | plans.doubled(installed)
        hashed = fast_path.hashed(settings, self._request)
        if hashed:
            installed = tuple(map(details, installed))
        found = self.pins(installed, reinstall, hashed=hashed, no_deps=no_deps)
        pins = found.pins
        if no_deps is None and settings.flag("only-deps"):
            pins = tuple(pin for pin in pins if not pin.requested)
        wishes = plans.Wishes(
            exact=self.exact,
            preserve=_KEPT_BY_SYNC if self.exact else (),
            reinstall=reinstall,
            reinstall_all=settings.flag("reinstall"),
            recorded=self._recorded() if hashed else None,
            unchanged=source_stamps.unchanged(job, pins, {one.name: one for one in installed}),
        )
        plan = plans.make(installed, pins, wishes)
        return self.change(plan, seen, count=len(pins), answered=found.answered)

    def pins(
        self, installed: "Sequence[Installed]", reinstall: "set[str]", *, hashed: bool, no_deps: bool | None
    ) -> _Pins:
        """Resolve, and choose the file of each pin that is not satisfied by what is installed."""
        started, job, request = time.perf_counter(), self.job, self._request
        if request.locked and not (request.requirements or request.trees):
            pins = pylock_pins.completed(job.sources, request.locked)
            self.say("Resolved", len(pins), started)
            return _Pins(pins)
        requirements = describe.expanded(job.sources, request)
        again = self._settings.flag("reinstall")
        keep = not (self.exact and no_deps) and not again
        question = resolve.Question(
            requirements,
            self.target,
            constraints=request.constraints,
            overrides=request.overrides,
            excludes=request.excludes,
            installed=resolve.InstalledMetadata(installed, metadata_of, reinstall) if keep else None,
            preferences={pin.name: pin.version for pin in request.locked if pin.version},
            hashed=hashed,
            no_deps=no_deps,
            ahead=self._standing(installed, reinstall),
        )
        answered = resolve.answer(job, question)
        by_name = {one.name: one for one in installed}
        recorded = self._recorded() if hashed else None
        wishes = plans.Wishes(exact=self.exact, reinstall=reinstall, reinstall_all=again, recorded=recorded)
        missing = [
            pin.name
            for pin in answered.resolution.pins
            if pin.name not in by_name
            or pin.name in reinstall
            or wishes.reinstall_all
            or not plans.satisfies(pin, by_name[pin.name], wishes)
        ]
        pins = resolve.with_files(answered, missing, job.reporter)
        self.say("Resolved", len(pins), started)
        resolve.require_hashes([pin for pin in pins if pin.name in missing], hashed)
        return _Pins(pins, answered)

    def change(
        self, plan: "Plan", seen: "changeset.Stamp", *, count: int = 0, answered: "Answer | None" = None
    ) -> _Done:
        """Carry a plan out, or say what it would do."""
        job, environment = self.job, self.environment
        if not plan.add and not plan.remove:
            changes = fast_path.nothing_to_do(self._settings, job.reporter, count, self._started)
            return _Done(changes.replaced(report=fast_path.report(job, environment, plan)))
        if self._settings.flag("dry-run") or self._settings.flag("check"):
            return _Done(self.dry(plan, answered))
        started = time.perf_counter()
        entries = prepare.entries(job, plan.add, lambda count: self.say("Prepared", count, started))
        job.rest()
        started = time.perf_counter()
        texts = source_stamps.texts(job, plan.add)
        receipt = apply.carry_out(job, environment, plan, entries, seen=seen, texts=texts)
        if plan.remove:
            self.say("Uninstalled", len(plan.remove), started)
        if plan.add:
            self.say("Installed", len(plan.add), started)
        return _Done(Changes(rows_of(plan), link_mode=receipt.mode), plan, receipt, answered)

    def follow_up(self, done: _Done, plan: "Plan", receipt: "Receipt") -> Changes:
        """Do what follows a change: bytecode, the report, a look at what is installed now."""
        self.compile(receipt)
        report = fast_path.report(self.job, self.environment, plan, done.answered)
        if self._settings.flag("strict"):
            self.warn_of_problems()
        return done.changes.replaced(report=report)

    def dry(self, plan: "Plan", answered: "Answer | None") -> Changes:
        """Report what a plan would do."""
        _, missing = prepare.at_hand(self.job, plan.add)
        for verb, count in (("download", len(missing)), ("uninstall", len(plan.remove)), ("install", len(plan.add))):
            if count:
                plural = "" if count == 1 else "s"
                self.job.reporter.note("info", f"Would {verb} {count} package{plural}")
        report = fast_path.report(self.job, self.environment, plan, answered)
        status = 1 if self._settings.flag("check") else 0
        return Changes(rows_of(plan), dry_run=True, status=status, report=report)

    def compile(self, receipt: "Receipt") -> None:
        """Compile bytecode where `--compile-bytecode` wants it, as far as packages did not come with it."""
        job = self.job
        if not (self._settings.flag("compile-bytecode") and receipt.added):
            return
        mode = bytecode.invalidation_mode(job.environ)
        locations = bytecode.uncompiled(receipt, mode)
        if locations:
            job.compiler.installed(self.environment.interpreter, locations, mode)
        (count, seconds), known = job.compiled, len(receipt.compiled)
        told = f"compiled {count} file{'' if count == 1 else 's'} in {summary_lines.duration(seconds)}"
        if known and not count:
            told = f"of {known} package{'' if known == 1 else 's'} was in the store"
        job.reporter.note("info", f"Bytecode {told}")

    def warn_of_problems(self) -> None:
        """Check what is installed, for `--strict`."""
        installed = installed_in(self.environment, self.job.reporter)
        for sentence in environments.problems(installed, self.environment, self.target):
            self.job.reporter.note("warning", sentence)

    def say(self, verb: str, count: int, started: float) -> None:
        """Report a summary line in the form of uv."""
        self.job.reporter.note("info", summary_lines.done(verb, count, started))

    # --- inner ------------------------------------------------------------------------------------------------------

    def _standing(self, installed: "Sequence[Installed]", reinstall: "set[str]") -> "Mapping[str, str] | None":
        """Return the versions that stay if they fit, by name; None where nothing may be fetched before all is resolved."""
        if any(map(self._settings.flag, ("dry-run", "check", "only-deps", "read-only-cache", "offline"))):
            return None
        again = reinstall.union(one.name for one in installed if self._settings.flag("reinstall"))
        return {one.name: one.version for one in installed if one.name not in again}

    def _recorded(self) -> "Mapping[str, str]":
        """Return the sha256 of the wheels that cw installed, which answers lines with hashes."""
        record = histories.current(self.environment, self.job.trust)
        return {} if record is None else {name: package.digest for name, package in record.state.items()}


def rows_of(plan: "Plan") -> "tuple[Change, ...]":
    """Return the lines of a plan in uv's order: by name, removals before additions, reinstallations as one."""
    again = {pin.name for pin in plan.add if pin.name in plan.reinstalled}
    rows = [
        Change(one.name, one.version, "removed", _place_of_installed(one))
        for one in plan.remove
        if one.name not in again
    ]
    rows += [
        Change(pin.name, pin.version, "reinstalled" if pin.name in again else "added", _place(pin)) for pin in plan.add
    ]
    order = {"removed": 0, "reinstalled": 1, "added": 2}
    return tuple(sorted(rows, key=lambda row: (row.name, order[row.action])))


def _place(pin: "Pin") -> str:
    source = pin.source
    if source is None:
        return ""
    return f"from file://{source.path}" if isinstance(source, PathSource) else f"from {source.url}"


def _place_of_installed(one: "Installed") -> str:
    return f"from file://{one.editable}" if one.editable else ""
