"""`cw cache`: where the store is, what it holds, what can go, whether it is sound, and how a shared one is made."""

import os
import time

from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.fs import facts
from commonwheel.model import Digest, Pin, Value
from commonwheel.specs import dates
from commonwheel.store import init as inits
from commonwheel.store import inventory, layout
from commonwheel.store import prune as store_prune
from commonwheel.store.policy import GROUP, PRIVATE, PUBLISH, Policy, size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed
    from commonwheel.store.init import Check
    from commonwheel.store.inventory import Held
    from commonwheel.store.prune import LayerSize, Removed, Verdict


#: what `upkeep.Verdict.repaired` says
REPLACED, REMOVED = "replaced", "removed"


class NotHeld(CommonwheelError):
    """No store holds a package."""

    code = "no-such-entry"


class About(Value):
    """All that a store has of one wheel: the entry, and whether this user may take it as it is (`reason`: why not)."""

    __slots__ = ("archive", "held", "reason")

    def __init__(self, held: "Held", archive: str, reason: str) -> None:
        self.held: Final = held
        self.archive: Final = archive
        self.reason: Final = reason


class Cleared(Value):
    """What was removed, or would be."""

    __slots__ = ("dry_run", "removed")

    def __init__(self, removed: "Removed", *, dry_run: bool) -> None:
        self.removed: Final = removed
        self.dry_run: Final = dry_run


class Made(Value):
    """A store that was made: its directory, policy, and what was found out about it."""

    __slots__ = ("checks", "policy", "root")

    def __init__(self, root: str, policy: Policy, checks: "tuple[Check, ...]") -> None:
        self.root: Final = root
        self.policy: Final = policy
        self.checks: Final = checks


class Verified(Value):
    """How many entries were hashed, and what is wrong with which."""

    __slots__ = ("count", "repair", "verdicts")

    def __init__(self, count: int, verdicts: "tuple[Verdict, ...]", *, repair: bool) -> None:
        self.count: Final = count
        self.verdicts: Final = verdicts
        self.repair: Final = repair


def directory(session: "Session") -> str:
    """Return the personal store; it need not exist."""
    return session.store_directory


def size(session: "Session") -> "tuple[LayerSize, ...]":
    """Return how much every layer takes, by package."""
    return store_prune.size(session.store)


def list_(session: "Session", parsed: "Parsed") -> "tuple[Held, ...]":
    """Return the entries of all layers, or those of the named packages."""
    return store_prune.listing(session.store, parsed.positional)


def info(session: "Session", parsed: "Parsed") -> "tuple[About, ...]":
    """Return what the stores have of some packages; raise NotHeld when that is nothing."""
    found = store_prune.listing(session.store, parsed.positional)
    if not found:
        named = ", ".join(f"`{name}`" for name in parsed.positional)
        roots = [f"looked in: {layer.root}" for layer in session.store.layers]
        raise NotHeld(f"no store holds {named}", context=roots, hint="`cw cache list` tells what there is")
    return tuple(map(_about, found))


def _about(one: "Held") -> About:
    archive = "" if one.header is None else f"{one.path}/{layout.WHEEL}/{one.header.filename}"
    layer = one.layer
    try:
        shard = layer.inner(layer.place(layout.ENTRIES), one.digest[:2])
        place = layer.inner(shard, one.path.rpartition("/")[2])
        reason = place.reason
    except OSError as error:
        reason = f"it cannot be opened: {error.strerror}"
    return About(one, archive if archive and os.path.isfile(archive) else "", reason)


def clean(session: "Session", parsed: "Parsed") -> Cleared:
    """Empty the store, or remove some packages from it."""
    settings = session.settings
    dry = settings.flag("dry-run")
    removed = store_prune.clean(session.store, parsed.positional, force=settings.flag("force"), dry_run=dry)
    return Cleared(removed, dry_run=dry)


def prune(session: "Session") -> Cleared:
    """Remove what nobody needs: what is meant by that, the options say (upkeep.prune).

    The limits of my configuration are for stores of my own; those of the command line for all that I may change.
    """
    settings = session.settings
    dry = settings.flag("dry-run")
    age = settings.text("older-than") or settings.text("max-age")
    size = bytes_of(settings.text("max-size"))
    wish = store_prune.PruneOptions(
        None if age is None else age_of(age), size, settings.flag("ci"), settings.flag("unreferenced")
    )
    others = wish.replaced(
        older_than=wish.older_than if settings.text("older-than") or _is_said(session, "max-age") else None,
        max_size=size if _is_said(session, "max-size") else None,
    )
    return Cleared(store_prune.prune(session.store, wish, others=others, dry_run=dry), dry_run=dry)


def init(session: "Session", parsed: "Parsed") -> Made:
    """Make a store that is shared as the options say, in a directory or where the personal store is; try it out.

    Raises UsageError unless exactly one way of sharing is named, and what `store.init.create` raises.
    """
    settings = session.settings
    ways = {
        PRIVATE: settings.flag("private"),
        GROUP: settings.text("shared-group") is not None,
        PUBLISH: settings.flag("publish"),
    }
    chosen = [way for way, is_asked in ways.items() if is_asked]
    if len(chosen) != 1:
        raise UsageError(
            "say in one way how the store is to be shared", hint="pass --private, --group NAME, or --publish"
        )
    root = session.store_directory
    if parsed.positional:
        root = os.path.abspath(os.path.join(session.cwd, os.path.expanduser(parsed.positional[0])))
    policy = Policy(
        chosen[0],
        settings.text("shared-group") or "",
        settings.many("trust") if _is_said(session, "trust") else (),
        settings.text("link-mode") or "" if _is_said(session, "link-mode") else "",
        settings.flag("keep-archives") if _is_said(session, "keep-archives") else None,
        bytes_of(settings.text("max-size")) if _is_said(session, "max-size") else None,
    )
    return Made(root, policy, inits.create(root, policy))


def _is_said(session: "Session", key: str) -> bool:
    """Return whether a setting was given with this command: what this user does elsewhere is no policy for others."""
    return session.settings.is_set(key) and session.settings.source(key) == "command line"


def verify(session: "Session", parsed: "Parsed") -> Verified:
    """Hash everything in the store, or what it has of some packages; `--repair` replaces what is bad.

    What cannot be replaced from what is at hand is fetched again, if an index offers that very file.
    """
    store, repair = session.store, session.settings.flag("repair")
    verdicts = store_prune.verify_entries(store, parsed.positional, repair=repair, reporter=session.reporter)
    if any(one.repaired == REMOVED for one in verdicts) and not session.settings.flag("offline"):
        verdicts = tuple(_fetched(session, one) if one.repaired == REMOVED else one for one in verdicts)
    return Verified(_count(session, parsed.positional), tuple(map(_with_dangling, verdicts)), repair=repair)


def _fetched(session: "Session", verdict: "Verdict") -> "Verdict":
    """Fetch the wheel of an entry again and return what that makes of its verdict."""
    held = verdict.held
    if held.header is None:
        return verdict
    digest = Digest("sha256", held.digest)
    try:
        job = session.job()
        catalogue = job.catalogue(session.environments.interpreter(session.settings.text("python")).target)
        offered = (one for one in catalogue.files(held.name, held.version) if digest in one.digests)
        pins = [Pin(held.name, held.version, one, digests=(digest,)) for one in offered]
        if not pins:
            return verdict
        job.material.fetch(pins[:1])
    except CommonwheelError as error:
        session.reporter.note("debug", f"{held.label} cannot be fetched again now: {error.message}")
        return verdict
    return verdict.replaced(repaired=REPLACED)


def _with_dangling(verdict: "Verdict") -> "Verdict":
    """Add the environments whose links lead nowhere now: what is there again may be in another layer."""
    if not verdict.repaired or os.path.isdir(verdict.held.path):
        return verdict
    return verdict.replaced(environments=tuple(dict.fromkeys((*verdict.environments, *verdict.held.living))))


def _count(session: "Session", names: "Sequence[str]") -> int:
    if names:
        return len(store_prune.listing(session.store, names))
    return sum(1 for layer in session.store.layers if layer.exists for _ in inventory.entry_paths(layer))


def age_of(text: str) -> float:
    """Return an age in seconds (`30 days`, `2w`); a bare number counts days. Raises UsageError."""
    age = float(text) * 86_400 if text.strip().isdigit() else dates.seconds(text)
    if age is None:
        raise UsageError(f"`{text}` is not an age", hint="write 30d, `2 weeks` or 12h")
    return age


def bytes_of(text: str | None) -> int | None:
    """Return a size in bytes (`200G`), None for none. Raises UsageError."""
    if text is None:
        return None
    found = size_of(text)
    if found is None:
        raise UsageError(f"`{text}` is not a size", hint="write 200G, 1.5T or a number of bytes")
    return found


def ago(when: float) -> str:
    """Return how long ago something was, for people."""
    days = int((time.time() - when) // 86_400)
    if days <= 0:
        return "today"
    return "yesterday" if days == 1 else f"{days} days ago"


def owner(one: "Held") -> str:
    """Return the name of the user to whom an entry belongs."""
    return facts.user_name(one.owner)
