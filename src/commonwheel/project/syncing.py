"""Bring an environment to what a lock says for a choice of members, extras and groups: one transaction with history.

pins of the selection -> plan (exact, unless told otherwise) -> entries of the store, what is missing fetched or built ->
transaction. A sync that fails leaves the environment as it was.
"""

import json
import time

from commonwheel.errors import CommonwheelError
from commonwheel.install import changeset
from commonwheel.install import plan as plans
from commonwheel.model import PathSource, Requirement, Value
from commonwheel.operations import apply, prepare
from commonwheel.project import selection
from commonwheel.python.installed import installed as installed_in
from commonwheel.sources import cache_keys, source_stamps
from commonwheel.specs import direct_url
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final

    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Environment, Installed, Pin, Plan, Target
    from commonwheel.project.opening import Opened
    from commonwheel.project.parts import Parts
    from commonwheel.project.selection import Choice, Chosen
    from commonwheel.settings.settings import Settings
    from commonwheel.specs.uv_lock import Lock

_UV_STAMP, _UV_BUILD = "uv_cache.json", "uv_build.json"


class Options(Value):
    """What of a selection is installed, and how.

    `exact` removes what the lock does not name; `no_project`, `no_workspace`, `no_local` and `without` leave packages out, though
    not what they need; `plain` are names that are not installed in editable form (`:all:` for all).
    """

    __slots__ = ("exact", "no_local", "no_project", "no_workspace", "plain", "without")

    def __init__(
        self,
        *,
        exact: bool = True,
        no_project: bool = False,
        no_workspace: bool = False,
        no_local: bool = False,
        without: tuple[str, ...] = (),
        plain: tuple[str, ...] = (),
    ) -> None:
        self.exact: Final = exact
        self.no_project: Final = no_project
        self.no_workspace: Final = no_workspace
        self.no_local: Final = no_local
        self.without: Final = without
        self.plain: Final = plain


class Synced(Value):
    """What a sync did: the plan (carried out if there is a receipt), how many packages the selection has."""

    __slots__ = ("count", "plan", "receipt")

    def __init__(self, plan: "Plan", count: int, receipt: "Receipt | None" = None) -> None:
        self.plan: Final = plan
        self.count: Final = count
        self.receipt: Final = receipt


def options(settings: "Settings", *, exact: bool) -> Options:
    """Return what the settings say of it."""
    plain = [normalize(name) for name in settings.many("no-editable-package")]
    if settings.flag("no-editable"):
        plain = [":all:"]
    return Options(
        exact=exact,
        no_project=settings.flag("no-install-project"),
        no_workspace=settings.flag("no-install-workspace"),
        no_local=settings.flag("no-install-local"),
        without=tuple(map(normalize, settings.many("no-install-package"))),
        plain=tuple(plain),
    )


def choice(settings: "Settings", opened: "Opened", *, members: tuple[str, ...] = ()) -> "Choice":
    """Return which part of the lock the settings choose; `members` are those that the command names."""
    only = (*settings.many("only-group"), *(("dev",) if settings.flag("only-dev") else ()))
    workspace = opened.workspace
    names = members or settings.many("member")
    if not names and workspace is not None:
        names = (workspace.here.name,) if workspace.here.name else ()
    return selection.Choice(
        tuple(map(normalize, names)),
        whole=settings.flag("all-packages"),
        extras=settings.many("extra"),
        all_extras=settings.flag("all-extras"),
        no_extras=settings.many("no-extra"),
        groups=(*settings.many("group"), *(("dev",) if settings.flag("dev") else ())),
        all_groups=settings.flag("all-groups"),
        no_groups=(*settings.many("no-group"), *(("dev",) if settings.flag("no-dev") else ())),
        only=only,
        defaults=not settings.flag("no-default-groups"),
    )


def selected_pins(
    parts: "Parts", opened: "Opened", lock: "Lock", wanted: "Choice", wishes: Options, target: "Target"
) -> "tuple[Pin, ...]":
    """Return a pin for each package that is to be installed. Raises what `selection` raises."""
    chosen = selection.follow(lock, selection.select(lock, wanted), target.markers)
    no_wheels, no_sdists = parts.job.policies.formats()
    left = [package for package in chosen.packages if not _is_left_out(package.name, chosen, lock, wishes)]
    found = selection.pins(
        left, target, opened.declared.spelling, no_wheels=no_wheels, no_sdists=no_sdists, plain=wishes.plain
    )
    found = tuple(pin.replaced(requested=True) if pin.name in chosen.roots else pin for pin in found)
    # a dynamic version is told by a build, or by what was built
    return tuple(_with_version(parts, pin) for pin in found)


def _is_left_out(name: str, chosen: "Chosen", lock: "Lock", wishes: Options) -> bool:
    if name in wishes.without:
        return True
    if wishes.no_project and name in chosen.roots:
        return True
    if wishes.no_workspace and name in (*lock.manifest.members, *chosen.roots):
        return True
    return wishes.no_local and any(one.source.kind in ("path", "directory", "editable") for one in lock.named(name))


def _with_version(parts: "Parts", pin: "Pin") -> "Pin":
    if pin.version or pin.source is None:
        return pin
    return pin.replaced(version=parts.job.sources.metadata(Requirement(pin.name, source=pin.source)).version)


def plan_of(parts: "Parts", environment: "Environment", pins: "Sequence[Pin]", wishes: Options) -> "Plan":
    """Return what has to change in an environment."""
    settings = parts.settings
    recovered = parts.recover(environment)
    installed = installed_in(environment, parts.reporter)
    by_name = {one.name: one for one in installed}
    settled = plans.Wishes(
        exact=wishes.exact,
        reinstall={one.name for one in recovered.damaged} | set(map(normalize, settings.many("reinstall-package"))),
        reinstall_all=settings.flag("reinstall"),
        unchanged=source_stamps.unchanged(parts.job, pins, by_name) | _unchanged_since_uv(parts, pins, by_name),
    )
    # what is installed was held against the hashes of a lock when it came; they bind files, and not what is in place
    bare = [pin.replaced(digests=()) if pin.candidate is not None else pin for pin in pins]
    found = plans.make(installed, bare, settled)
    hashes = {pin.name: pin for pin in pins}
    return found.replaced(add=tuple(hashes[pin.name] for pin in found.add))


def _stamp(parts: "Parts", pin: "Pin") -> bytes:
    """Return what uv writes beside a directory that it installs, b"" for anything else."""
    source = pin.source
    if not isinstance(source, PathSource) or direct_url.is_archive(source.path) or source.subdirectory:
        return b""
    try:
        return cache_keys.uv_stamp(source.path, parts.environ)
    except (CommonwheelError, OSError):
        return b""


def _texts(parts: "Parts", pins: "Sequence[Pin]") -> "dict[str, dict[str, bytes]]":
    """Return the marks of directories, ours and uv's: either tool then knows whether what is installed is current."""
    found = source_stamps.texts(parts.job, pins)
    for pin in pins:
        stamp = _stamp(parts, pin)
        if stamp:
            found.setdefault(pin.name, {}).update({_UV_STAMP: stamp, _UV_BUILD: b"{}"})
    return found


def _unchanged_since_uv(
    parts: "Parts", pins: "Sequence[Pin]", installed: "Mapping[str, Installed]"
) -> "frozenset[str]":
    """Return the names of directories that uv installed, and that have not changed since."""
    found = set()
    for pin in pins:
        one = installed.get(pin.name)
        if one is None or not one.direct_url or not isinstance(pin.source, PathSource):
            continue
        try:
            with open(f"{one.location}/{_UV_STAMP}", "rb") as stream:
                stamp = json.load(stream)
            if json.loads(_stamp(parts, pin) or b"null") == stamp and direct_url.read(one.direct_url) == pin.source:
                found.add(pin.name)
        except (OSError, ValueError, direct_url.InvalidDirectUrl):
            continue
    return frozenset(found)


def carry_out(
    parts: "Parts",
    environment: "Environment",
    pins: "Sequence[Pin]",
    wishes: Options,
    say: "Callable[[str, int, float], object]",
    *,
    dry: bool = False,
) -> Synced:
    """Change an environment so that it holds the pins; with `dry` only say how. Raises what the road raises."""

    def attempt() -> Synced:
        started = time.perf_counter()
        seen = changeset.stamp(environment)
        plan = plan_of(parts, environment, pins, wishes)
        if dry or not (plan.add or plan.remove):
            if not (plan.add or plan.remove):
                say("Checked", len(pins), started)
            return Synced(plan, len(pins))
        started = time.perf_counter()
        entries = prepare.entries(parts.job, plan.add, lambda count: say("Prepared", count, started))
        parts.job.rest()
        started = time.perf_counter()
        texts = _texts(parts, plan.add)
        receipt = apply.carry_out(parts.job, environment, plan, entries, seen=seen, texts=texts)
        if plan.remove:
            say("Uninstalled", len(plan.remove), started)
        if plan.add:
            say("Installed", len(plan.add), started)
        return Synced(plan, len(pins), receipt)

    return apply.retry_on_conflict(parts.reporter, environment, attempt)


def foretold(pins: "Sequence[Pin]") -> "Plan":
    """Return what a sync would do to an environment that is not there yet."""
    return plans.make((), pins)
