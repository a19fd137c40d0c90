"""Bring a lock up to date, or find out whether it is: what every command on projects begins with.

A lock that satisfies is left alone, whatever its spelling. One that holds the marks of a merge is read twice, and the versions
of both sides are tried first.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.fs import files
from commonwheel.model import Value
from commonwheel.project import freshness, locking, opening
from commonwheel.project.locking import Keep
from commonwheel.specs import file_url, uv_lock
from commonwheel.specs.uv_lock import Lock, MergeMarks
from commonwheel.specs.versions import version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from commonwheel.project.freshness import Stale
    from commonwheel.project.opening import Opened
    from commonwheel.project.parts import Parts
    from commonwheel.specs.uv_lock import Package

#: What may be done: `write`, `check` (say whether it would be), `dry-run`, `frozen` (take the lock as it is).
MODES = ("write", "check", "dry-run", "frozen")


class OutdatedLock(CommonwheelError):
    """The lock does not say what the project declares, and may not be changed."""

    code = "outdated-lock"


class NotLocked(CommonwheelError):
    """A member of the workspace is not in the lock, which is to be taken as it is."""

    code = "member-not-locked"


class Change(Value):
    """What happened to one package of a lock: the versions before and after, "" for none."""

    __slots__ = ("after", "before", "name")

    def __init__(self, name: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        self.name: Final = name
        self.before: Final = before
        self.after: Final = after


class Updated(Value):
    """A lock that is up to date: the text, the text before ("" for none), why it was made again, and what changed in it.

    `action` is `unchanged`, `create`, `update` or `use` (frozen).
    """

    __slots__ = ("action", "before", "changes", "lock", "reason", "text")

    def __init__(
        self,
        lock: Lock,
        text: str,
        action: str,
        *,
        before: str = "",
        reason: str = "",
        changes: tuple[Change, ...] = (),
    ) -> None:
        self.lock: Final = lock
        self.text: Final = text
        self.action: Final = action
        self.before: Final = before
        self.reason: Final = reason
        self.changes: Final = changes


def update(parts: "Parts", opened: "Opened", mode: str = "write") -> Updated:
    """Return the lock of a project, made again if it has to be, and written in the mode `write`.

    Raises OutdatedLock in the mode `check`, NoLock and NotLocked in the mode `frozen`, and what resolving raises.
    """
    path = opened.lock_path
    if mode == "frozen":
        return _frozen(parts, opened)
    text = opening.read_lock(parts, path)
    old, merged = _read(text, path, mode)
    stale = None if merged else _examined(parts, opened, old)
    if old is not None and not merged and stale is None:
        assert text is not None
        return Updated(old, text, "unchanged", before=text)
    reason = "it holds the marks of a merge" if merged else stale.reason if stale is not None else "there is none"
    parts.reporter.note("debug", f"the lock is made again: {reason}")
    keep = (
        Keep(None)
        if old is None
        else Keep(old, versions=stale is None or stale.versions, forks=stale is None or stale.forks)
    )
    if parts.settings.flag("upgrade"):
        keep = Keep(None)
    new = locking.lock(parts, opened.declared, keep)
    if old is not None and not merged and _same(old, new):
        assert text is not None
        return Updated(old, text, "unchanged", before=text)
    written = uv_lock.write(new)
    updated = Updated(
        new,
        written,
        "create" if text is None else "update",
        before=text or "",
        reason=reason,
        changes=tuple(changes(old, new)),
    )
    if mode == "check":
        raise _outdated(path, updated, missing=text is None)
    if mode == "write":
        files.write(path, written.encode())
    return updated


def _read(text: str | None, path: str, mode: str) -> "tuple[Lock | None, bool]":
    """Return the lock of a text, and whether it was put together from both sides of a merge."""
    if text is None:
        return None, False
    try:
        return uv_lock.read(text, path), False
    except MergeMarks:
        if mode == "check":
            raise
        return joined(text, path), True


def joined(text: str, path: str) -> Lock:
    """Return a lock that holds the packages of both sides of a merge, of which a side that cannot be read adds none."""
    found: list[Lock] = []
    for side in uv_lock.sides(text):
        try:
            found.append(uv_lock.read(side, path))
        except uv_lock.InvalidLock:
            continue
    if not found:
        return Lock("")
    packages: dict[tuple[str, str, object], Package] = {}
    for one in found:
        for package in one.packages:
            packages.setdefault(package.key(), package)
    return found[0].replaced(packages=tuple(packages.values()), forks=found[0].forks if len(found) == 1 else ())


def _frozen(parts: "Parts", opened: "Opened") -> Updated:
    text = opening.read_lock(parts, opened.lock_path)
    if text is None:
        raise opening.NoLock(
            f"there is no `{opened.lock_path}`, and `--frozen` makes none", hint="make it with `cw lock`"
        )
    lock = uv_lock.read(text, opened.lock_path)
    known = {package.name for package in lock.packages}
    for package in opened.declared.packages:
        if package.name not in known:
            raise NotLocked(
                f"`{package.name}` is a member of the workspace, and not in `{opened.lock_path}`",
                hint="run `cw lock`, or leave `--frozen` out",
            )
    return Updated(lock, text, "use", before=text)


def _examined(parts: "Parts", opened: "Opened", old: "Lock | None") -> "Stale | None":
    if old is None:
        return None
    settings = parts.settings
    if settings.flag("upgrade"):
        return freshness.Stale("`--upgrade` was asked for")
    names = [*settings.many("upgrade-package"), *settings.many("upgrade-group")]
    refreshed = f"`{names[0]}` is to be upgraded" if names else ""
    if not refreshed and (settings.flag("refresh") or settings.many("refresh-package")):
        refreshed = "`--refresh` was asked for"
    return freshness.examine(
        opened.declared,
        old,
        refreshed=refreshed,
        registries=_registries(parts),
        describe=lambda package: locking.described(parts, opened.declared, package),
    )


def _registries(parts: "Parts") -> "frozenset[str] | None":
    """Return the indexes that are configured, None where none is: then any will do."""
    if not _configured(parts):
        return None
    network = parts.job.network
    found = set()
    for place in (*network.indexes, *network.links):
        url = place.url.bare
        found.add(file_url.to_path(url) or url)
    return frozenset(found)


def _configured(parts: "Parts") -> bool:
    settings = parts.settings
    return (
        any(settings.text(key) for key in ("default-index", "index-url"))
        or any(settings.many(key) for key in ("index", "extra-index-url", "find-links"))
        or bool(settings.table("index"))
    )


def _same(old: Lock, new: Lock) -> bool:
    """Return whether two locks say the same; the revision and the order of packages do not count."""
    return _ordered(old) == _ordered(new)


def _ordered(lock: Lock) -> Lock:
    packages = sorted(lock.packages, key=lambda one: (one.name, one.version, one.source.key()))
    return lock.replaced(packages=tuple(packages), revision=uv_lock.REVISION)


def changes(old: "Lock | None", new: Lock) -> "Iterator[Change]":
    """Yield what changed from a lock to another, by name."""
    before, after = _versions(old), _versions(new)
    for name in sorted({*before, *after}):
        mine, theirs = before.get(name, ()), after.get(name, ())
        if mine != theirs:
            yield Change(name, mine, theirs)


def _versions(lock: "Lock | None") -> "dict[str, tuple[str, ...]]":
    found: dict[str, list[str]] = {}
    for package in lock.packages if lock is not None else ():
        found.setdefault(package.name, []).append(package.version)
    return {
        name: tuple(dict.fromkeys(sorted(several, key=lambda text: version_key(text or "0"))))
        for name, several in found.items()
    }


def _outdated(path: str, updated: Updated, *, missing: bool) -> CommonwheelError:
    if missing:
        return opening.NoLock(f"there is no `{path}`", hint="make it with `cw lock`")
    return OutdatedLock(
        f"the lock `{path}` is outdated: {updated.reason}",
        context=[said(change) for change in updated.changes],
        hint="run `cw lock` to bring it up to date",
    )


def said(change: Change, verbs: tuple[str, str, str] = ("Update", "Add", "Remove")) -> str:
    """Return a change as a line: `Update six v1.16.0 -> v1.17.0`."""

    def several(versions: tuple[str, ...]) -> str:
        return ", ".join(f"v{version}" if version else "(dynamic)" for version in versions)

    if not change.before:
        return f"{verbs[1]} {change.name} {several(change.after)}"
    if not change.after:
        return f"{verbs[2]} {change.name} {several(change.before)}"
    return f"{verbs[0]} {change.name} {several(change.before)} -> {several(change.after)}"
