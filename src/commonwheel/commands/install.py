"""`pip install`, `pip sync`, `pip uninstall`: from words to a changed environment, value by value (docs/architecture.md)."""

import time

from commonwheel.commands import gather, summary_lines
from commonwheel.commands.change_report import Change, Changes
from commonwheel.commands.install_fast_path import Beginning
from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.install import changeset
from commonwheel.install import history as histories
from commonwheel.install import plan as plans
from commonwheel.model import PathSource, Plan, Value
from commonwheel.road import changing, locks, marks, preparing, resolving
from commonwheel.specs import requirement as specs_requirement
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final

    from commonwheel.commands.gather import InstallRequest
    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Environment, Installed, Pin, Target
    from commonwheel.session import Session
    from commonwheel.settings import Parsed

_KEPT_BY_SYNC = frozenset({"pip", "setuptools", "wheel"})


class WouldChange(CommonwheelError):
    """Say that a `--check` found something to do."""

    code = "would-change"


class _Done(Value):
    """What to show, and the plan with its receipt where the environment was changed."""

    __slots__ = ("changes", "plan", "receipt")

    def __init__(self, changes: Changes, plan: "Plan | None" = None, receipt: "Receipt | None" = None) -> None:
        self.changes: Final = changes
        self.plan: Final = plan
        self.receipt: Final = receipt


def install(session: "Session", parsed: "Parsed") -> Changes:
    """Install what words and files ask for, and what that needs.

    What is installed stays if it fits, unless `--upgrade`. `commands.install_fast_path` comes first, and answers where nothing is
    missing. Raises the errors of every room on the way; the environment and the store are as before then.
    """
    return _carry_out(session, lambda: _Run(session).install())


def sync(session: "Session", parsed: "Parsed") -> Changes:
    """Make the environment hold exactly what files pin; an empty list needs `--allow-empty-requirements`."""
    return _carry_out(session, lambda: _Run(session, exact=True).sync(parsed.positional))


def uninstall(session: "Session", parsed: "Parsed") -> Changes:
    """Remove packages; names that are not installed get a warning."""
    return _carry_out(session, lambda: _uninstall(session, parsed))


def _carry_out(session: "Session", attempt: "Callable[[], _Done]") -> Changes:
    """Change the environment, as often as other commands make it necessary, and then do what follows a change.

    That is done apart, since an error of it, on an environment that has just changed, is no sign of another command.
    """
    environment = session.environment(mutating=True)
    done = changing.insist(session, environment, attempt)
    if done.plan is not None and done.receipt is not None:
        _Run(session).follow_up(environment, done.plan, done.receipt)
    return done.changes


def _uninstall(session: "Session", parsed: "Parsed") -> _Done:
    settings = session.settings
    environment = session.environment(mutating=True)
    run = _Run(session)
    asked = gather.gather(session, (), settings.many("requirements"), lambda: session.target(environment))
    wanted = [normalize(_name_of(word)) for word in parsed.positional] + [one.name for one in asked.requirements]
    if not wanted:
        raise UsageError("no packages were named", hint="name them, or a file with `-r`")
    session.recover(environment)
    seen = changeset.stamp(environment)
    installed = session.installed(environment)
    own = {one.name for one in installed if one.own}
    for name in dict.fromkeys(wanted):
        if name not in own:
            below = any(one.name == name for one in installed)
            where = "is not part of this environment, but of one below it" if below else "is not installed"
            session.reporter.note("warning", f"Skipping {name} as it {where}")
    plan = plans.removal(installed, [name for name in wanted if name in own])
    if not plan.remove:
        session.reporter.note("warning", "No packages to uninstall")
        return _Done(Changes(dry_run=settings.flag("dry-run")))
    return run.change(environment, plan, seen)


def _name_of(word: str) -> str:
    return specs_requirement.parse_dependency(word, gather.COMMAND_LINE).name


class _Run(Beginning):
    """One run over the road."""

    # --- commands ---------------------------------------------------------------------------------------------------

    def install(self) -> _Done:
        """Carry out `pip install`, as far as it has begun."""
        session, begun = self.session, self.session.begun
        assert begun is not None
        environment, target, asked = begun.environment, begun.target, begun.asked
        seen = changeset.stamp(environment)
        installed = session.installed(environment)
        reinstall = {package.name for package in begun.recovered.damaged} | self.reinstalled()
        hashed = self.hashed(asked)
        if hashed:
            installed = session.with_installers(installed)
        pins = self.pins(asked, environment, installed, target, hashed, reinstall)
        if self.settings.flag("only-deps"):
            pins = tuple(pin for pin in pins if not pin.requested)
        wishes = plans.Wishes(
            exact=self.exact,
            preserve=_KEPT_BY_SYNC if self.exact else (),
            reinstall=reinstall,
            reinstall_all=self.settings.flag("reinstall"),
            recorded=self._recorded(environment) if hashed else None,
            unchanged=marks.unchanged(session, pins, {one.name: one for one in installed}),
        )
        plan = plans.make(installed, pins, wishes)
        return self.change(environment, plan, seen, count=len(pins))

    def sync(self, files: "Sequence[str]") -> _Done:
        """Carry out `pip sync`."""
        session = self.session
        environment = session.environment(mutating=True)
        target = session.target(environment)
        asked = self.gather((), files, lambda: target)
        if not (asked.requirements or asked.locked) and not self.settings.flag("allow-empty-requirements"):
            session.reporter.note(
                "warning", "Requirements files do not ask for anything (see `--allow-empty-requirements`)"
            )
            return _Done(Changes())
        session.recover(environment)
        seen = changeset.stamp(environment)
        installed = session.installed(environment)
        hashed = self.hashed(asked)
        if hashed:
            installed = session.with_installers(installed)
        pins = self.pins(asked, environment, installed, target, hashed, set(), no_deps=True)
        wishes = plans.Wishes(
            exact=True,
            preserve=_KEPT_BY_SYNC,
            reinstall=self.reinstalled(),
            reinstall_all=self.settings.flag("reinstall"),
            recorded=self._recorded(environment) if hashed else None,
            unchanged=marks.unchanged(session, pins, {one.name: one for one in installed}),
        )
        return self.change(environment, plans.make(installed, pins, wishes), seen, count=len(pins))

    # --- steps ------------------------------------------------------------------------------------------------------

    def pins(
        self,
        asked: "InstallRequest",
        environment: "Environment",
        installed: "Sequence[Installed]",
        target: "Target",
        hashed: bool,
        reinstall: "set[str]",
        *,
        no_deps: bool | None = None,
    ) -> "tuple[Pin, ...]":
        """Resolve, and choose the file of each pin that is not satisfied by what is installed."""
        started = time.perf_counter()
        if asked.locked and not (asked.requirements or asked.trees):
            pins = locks.completed(self.session, asked.locked)
            self.say("Resolved", len(pins), started)
            return pins
        requirements = self.session.with_trees(asked)
        keep = not (self.exact and no_deps) and not self.settings.flag("reinstall")
        known = resolving.InstalledMetadata(installed, self.session.installed_metadata, reinstall) if keep else None
        question = resolving.Question(
            requirements,
            target,
            constraints=asked.constraints,
            overrides=asked.overrides,
            excludes=asked.excludes,
            installed=known,
            preferences={pin.name: pin.version for pin in asked.locked if pin.version},
            hashed=hashed,
            no_deps=no_deps,
            ahead=self._standing(installed, reinstall),
        )
        answered = self.session.answered = resolving.answer(self.session, question)
        by_name = {one.name: one for one in installed}
        wishes = plans.Wishes(
            exact=self.exact,
            reinstall=reinstall,
            reinstall_all=self.settings.flag("reinstall"),
            recorded=self._recorded(environment) if hashed else None,
        )
        missing = [
            pin.name
            for pin in answered.resolution.pins
            if pin.name not in by_name
            or pin.name in reinstall
            or wishes.reinstall_all
            or not plans.satisfies(pin, by_name[pin.name], wishes)
        ]
        pins = resolving.with_files(answered, missing, self.session.reporter)
        self.say("Resolved", len(pins), started)
        resolving.demanded([pin for pin in pins if pin.name in missing], hashed)
        return pins

    def change(self, environment: "Environment", plan: "Plan", seen: "changeset.Stamp", *, count: int = 0) -> _Done:
        """Carry a plan out, or say what it would do."""
        if not plan.add and not plan.remove:
            return _Done(self.unchanged(count))
        if self.settings.flag("dry-run") or self.settings.flag("check"):
            return _Done(self.dry(plan))
        started = time.perf_counter()
        entries = preparing.entries(self.session, plan.add, lambda count: self.say("Prepared", count, started))
        self.session.rest()
        started = time.perf_counter()
        texts = marks.texts(self.session, plan.add)
        receipt = changing.carry_out(self.session, environment, plan, entries, seen=seen, texts=texts)
        if plan.remove:
            self.say("Uninstalled", len(plan.remove), started)
        if plan.add:
            self.say("Installed", len(plan.add), started)
        return _Done(Changes(rows_of(plan), link_mode=receipt.mode), plan, receipt)

    def follow_up(self, environment: "Environment", plan: "Plan", receipt: "Receipt") -> None:
        """Do what follows a change: bytecode, the report, a look at what is installed now."""
        self.compile(environment, receipt)
        self.report(plan)
        if self.settings.flag("strict"):
            self.warn_of_problems(environment)

    def dry(self, plan: "Plan") -> Changes:
        """Say what a plan would do."""
        _, missing = preparing.at_hand(self.session, plan.add)
        for verb, count in (("download", len(missing)), ("uninstall", len(plan.remove)), ("install", len(plan.add))):
            if count:
                plural = "" if count == 1 else "s"
                self.session.reporter.note("info", f"Would {verb} {count} package{plural}")
        self.report(plan)
        status = 1 if self.settings.flag("check") else 0
        return Changes(rows_of(plan), dry_run=True, status=status)

    def compile(self, environment: "Environment", receipt: "Receipt") -> None:
        """Compile bytecode where `--compile-bytecode` wants it."""
        if self.settings.flag("compile-bytecode") and receipt.added:
            self.session.compile_bytecode(environment, receipt)
            count, known = self.session.compiled, len(receipt.compiled)
            told = (
                f"compiled {count} file{'' if count == 1 else 's'} in {summary_lines.duration(self.session.compiling)}"
            )
            if known and not count:
                told = f"of {known} package{'' if known == 1 else 's'} was in the store"
            self.session.reporter.note("info", f"Bytecode {told}")

    def warn_of_problems(self, environment: "Environment") -> None:
        """Check what is installed, for `--strict`."""
        from_graph = self.session.problems(environment)
        for sentence in from_graph:
            self.session.reporter.note("warning", sentence)

    # --- inner ------------------------------------------------------------------------------------------------------

    def _standing(self, installed: "Sequence[Installed]", reinstall: "set[str]") -> "Mapping[str, str] | None":
        """Return the versions that stay if they fit, by name; None where nothing may be fetched before all is resolved."""
        if any(map(self.settings.flag, ("dry-run", "check", "only-deps", "read-only-cache", "offline"))):
            return None
        again = reinstall.union(one.name for one in installed if self.settings.flag("reinstall"))
        return {one.name: one.version for one in installed if one.name not in again}

    def _recorded(self, environment: "Environment") -> "Mapping[str, str]":
        """Return the sha256 of the wheels that cw installed, which answers lines with hashes."""
        state = histories.state_directory(environment)
        record = histories.read(state, histories.last_number(state))
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
