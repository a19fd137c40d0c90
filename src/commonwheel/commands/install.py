"""`pip install`, `pip sync`, `pip uninstall`: from words to a changed environment, value by value (docs/architecture.md)."""

import time

from commonwheel.commands import asking, words
from commonwheel.commands.changes import Change, Changes
from commonwheel.commands.satisfied import Satisfaction
from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.install import changeset
from commonwheel.install import history as histories
from commonwheel.install import plan as plans
from commonwheel.model import PathSource, Plan
from commonwheel.road import changing, preparing, resolving
from commonwheel.specs import requirement as specs_requirement
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.commands.asking import Asked
    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Environment, Installed, Pin, Target
    from commonwheel.session import Session
    from commonwheel.settings import Parsed

_KEPT_BY_SYNC = frozenset({"pip", "setuptools", "wheel"})


class WouldChange(CommonwheelError):
    """Say that a `--check` found something to do."""

    code = "would-change"


def install(session: "Session", parsed: "Parsed") -> Changes:
    """Install what words and files ask for, and what that needs.

    What is installed stays if it fits, unless `--upgrade`. Raises the errors of every room on the way; the environment and
    the store are as before then.
    """
    return _Run(session).install(parsed.positional, session.settings.many("requirements"))


def sync(session: "Session", parsed: "Parsed") -> Changes:
    """Make the environment hold exactly what files pin; an empty list needs `--allow-empty-requirements`."""
    return _Run(session, exact=True).sync(parsed.positional)


def uninstall(session: "Session", parsed: "Parsed") -> Changes:
    """Remove packages; names that are not installed get a warning."""
    settings = session.settings
    environment = session.environment(mutating=True)
    run = _Run(session)
    asked = asking.gather(session, (), settings.many("requirements"), session.target(environment))
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
        return Changes(dry_run=settings.flag("dry-run"))
    return run.change(environment, plan, seen)


def _name_of(word: str) -> str:
    return specs_requirement.parse_dependency(word, asking.COMMAND_LINE).name


class _Run:
    """One run over the road, with its clock for the summary lines."""

    def __init__(self, session: "Session", *, exact: bool = False) -> None:
        self.session = session
        self.settings = session.settings
        self.exact = exact or session.settings.flag("exact")
        self.started = time.perf_counter()

    # --- commands ---------------------------------------------------------------------------------------------------

    def install(self, asked_for: "Sequence[str]", files: "Sequence[str]") -> Changes:
        """Carry out `pip install`."""
        session = self.session
        environment = session.environment(mutating=True)
        target = session.target(environment)
        asked = self.gather(asked_for, files, target)
        if not (asked_for or files or any(map(self.settings.many, ("editable", "group", "from-script")))):
            raise UsageError("nothing was asked for", hint="name packages, or a file with `-r`")
        recovered = session.recover(environment)
        seen = changeset.stamp(environment)
        installed = session.installed(environment)
        reinstall = {package.name for package in recovered.damaged} | self._reinstalled()
        hashed = self.settings.flag("require-hashes") or asked.requires_hashes
        if hashed:
            installed = session.with_installers(installed)
        if self._may_be_satisfied(asked, reinstall, hashed):
            satisfied = Satisfaction(session, installed, target, asked)
            if satisfied.holds():
                return self.unchanged(len(satisfied.reached))
        pins = self.pins(asked, environment, installed, target, hashed, reinstall)
        if self.settings.flag("only-deps"):
            pins = tuple(pin for pin in pins if not pin.requested)
        wishes = plans.Wishes(
            exact=self.exact,
            preserve=_KEPT_BY_SYNC if self.exact else (),
            reinstall=reinstall,
            reinstall_all=self.settings.flag("reinstall"),
            recorded=self._recorded(environment) if hashed else None,
        )
        plan = plans.make(installed, pins, wishes)
        return self.change(environment, plan, seen, count=len(pins))

    def sync(self, files: "Sequence[str]") -> Changes:
        """Carry out `pip sync`."""
        session = self.session
        environment = session.environment(mutating=True)
        target = session.target(environment)
        asked = self.gather((), files, target)
        if not (asked.requirements or asked.locked) and not self.settings.flag("allow-empty-requirements"):
            session.reporter.note(
                "warning", "Requirements files do not ask for anything (see `--allow-empty-requirements`)"
            )
            return Changes()
        session.recover(environment)
        seen = changeset.stamp(environment)
        installed = session.installed(environment)
        hashed = self.settings.flag("require-hashes") or asked.requires_hashes
        if hashed:
            installed = session.with_installers(installed)
        pins = self.pins(asked, environment, installed, target, hashed, set(), no_deps=True)
        wishes = plans.Wishes(
            exact=True,
            preserve=_KEPT_BY_SYNC,
            reinstall=self._reinstalled(),
            reinstall_all=self.settings.flag("reinstall"),
            recorded=self._recorded(environment) if hashed else None,
        )
        return self.change(environment, plans.make(installed, pins, wishes), seen, count=len(pins))

    # --- steps ------------------------------------------------------------------------------------------------------

    def gather(self, asked_for: "Sequence[str]", files: "Sequence[str]", target: "Target") -> "Asked":
        """Read what is asked for, and hand the options of files to the session."""
        asked = asking.gather(self.session, asked_for, files, target)
        self.session.file_options = asked.options
        self.session.config_settings = asked.config_settings
        self.session.build_constraints = asked.build_constraints
        self.session.upgraded = asked.upgraded
        return asked

    def pins(
        self,
        asked: "Asked",
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
            self.say("Resolved", len(asked.locked), started)
            return asked.locked
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
            preferences={pin.name: pin.version for pin in asked.locked},
            hashed=hashed,
            no_deps=no_deps,
        )
        answered = resolving.answer(self.session, question)
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

    def change(self, environment: "Environment", plan: "Plan", seen: "changeset.Stamp", *, count: int = 0) -> Changes:
        """Carry a plan out, or say what it would do."""
        if not plan.add and not plan.remove:
            return self.unchanged(count)
        if self.settings.flag("dry-run") or self.settings.flag("check"):
            return self.dry(plan)
        started = time.perf_counter()
        entries = preparing.entries(self.session, plan.add, lambda count: self.say("Prepared", count, started))
        started = time.perf_counter()
        receipt = changing.carry_out(self.session, environment, plan, entries, seen=seen)
        if plan.remove:
            self.say("Uninstalled", len(plan.remove), started)
        if plan.add:
            self.say("Installed", len(plan.add), started)
        self.compile(environment, receipt)
        self.report(plan)
        if self.settings.flag("strict"):
            self.warn_of_problems(environment)
        return Changes(rows_of(plan), link_mode=receipt.mode)

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

    def unchanged(self, count: int) -> Changes:
        """Say that there was nothing to do."""
        self.say("Checked", count, self.started)
        self.report(Plan())
        if self.settings.flag("dry-run"):
            self.session.reporter.note("info", "Would make no changes")
        return Changes(dry_run=self.settings.flag("dry-run"))

    def say(self, verb: str, count: int, started: float) -> None:
        """Say a summary line in uv's words."""
        self.session.reporter.note("info", words.done(verb, count, started))

    def report(self, plan: "Plan") -> None:
        """Write pip's installation report where `--report` wants it."""
        place = self.settings.text("report")
        if place is not None:
            self.session.write_report(place, plan)

    def compile(self, environment: "Environment", receipt: "Receipt") -> None:
        """Compile bytecode where `--compile-bytecode` wants it."""
        if self.settings.flag("compile-bytecode") and receipt.added:
            started = time.perf_counter()
            count = self.session.compile_bytecode(environment, receipt)
            self.session.reporter.note(
                "info", f"Bytecode compiled {count} files in {words.duration(time.perf_counter() - started)}"
            )

    def warn_of_problems(self, environment: "Environment") -> None:
        """Check what is installed, for `--strict`."""
        from_graph = self.session.problems(environment)
        for sentence in from_graph:
            self.session.reporter.note("warning", sentence)

    # --- inner ------------------------------------------------------------------------------------------------------

    def _may_be_satisfied(self, asked: "Asked", reinstall: "set[str]", hashed: bool) -> bool:
        """Tell whether what is installed could be all that is asked for, without asking an index."""
        settings = self.settings
        return not (
            hashed
            or self.exact
            or reinstall
            or asked.locked
            or asked.trees
            or settings.flag("reinstall")
            or settings.flag("upgrade")
            or settings.many("upgrade-package")
            or asked.upgraded
            or settings.flag("only-deps")
            or any(
                isinstance(one.source, PathSource) and not one.source.path.endswith(".whl")
                for one in asked.requirements
            )
        )

    def _reinstalled(self) -> "set[str]":
        return {normalize(name) for name in self.settings.many("reinstall-package")}

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
