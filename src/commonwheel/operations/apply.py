"""From entries to a changed environment: recover what died before, plan, carry out, remember who uses which entries.

before(environment)  ->  installed, stamp       what is there, after dead predecessors were undone
carry_out(...)       ->  Receipt                the transaction, the roots, the bytecode
"""

import errno
import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, locks, trees
from commonwheel.install import changeset, history, transaction
from commonwheel.install.transaction import EnvironmentChanged, Options
from commonwheel.operations import bytecode
from commonwheel.python.installed import details
from commonwheel.store import images, roots
from commonwheel.store.recheck import Recheck
from commonwheel.store.store import EntryLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol, TypeVar

    from commonwheel.events import Reporter
    from commonwheel.install.linking import LinkChoice
    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Entry, Environment, Plan

    Result = TypeVar("Result")
    from commonwheel.store.trust import Trust

    class Changing(bytecode.Compiling, Protocol):
        """What an environment is changed with: `session.job.Job`."""

        @property
        def command_line(self) -> str:
            """Return what the user typed, without secrets."""

        @property
        def trust(self) -> Trust:
            """Return whose files count."""


# Of many commands on one environment each may have to plan anew after every other one; of those that clear a store up
# meanwhile, each may take something away.
_ATTEMPTS = 24
# how an environment uses an entry, as `store.roots` notes it
LINKS, FILES = "symlink", "copy"


class EntriesVanished(CommonwheelError):
    """Somebody removed entries from a store while they were being placed; nothing was changed."""

    code = "entries-vanished"


def retry_on_conflict(reporter: "Reporter", environment: "Environment", attempt: "Callable[[], Result]") -> "Result":
    """Plan and change again when another command came in between: it changed the environment, or took entries away.

    Any error counts as that if the environment changed meanwhile: what was read may have been half of somebody's change.
    """
    for _ in range(_ATTEMPTS - 1):
        before = changeset.stamp(environment)
        try:
            return attempt()
        except (EnvironmentChanged, EntriesVanished, EntryLost) as error:
            reporter.note("debug", f"{error.message}: planning again")
        except CommonwheelError as error:
            if isinstance(error, locks.LockTimeout) or changeset.stamp(environment) == before:
                raise
            reporter.note("debug", f"{error.message}: another command was at work, planning again")
    return attempt()


def carry_out(
    parts: "Changing",
    environment: "Environment",
    plan: "Plan",
    entries: "Mapping[str, Entry]",
    *,
    seen: "changeset.Stamp | None" = None,
    texts: "Mapping[str, Mapping[str, bytes]] | None" = None,
) -> "Receipt":
    """Carry a plan out as one transaction and return its receipt.

    Whoever removes entries from a store spares those that an environment has noted, and looks for such notes once more
    after he took one away. So the note comes first, then the look whether all are there, then the links. Raises
    EntriesVanished, and what `changeset.make` and `transaction.apply` raise; the environment is as before then.
    """
    setting, recommended = parts.settings.text("link-mode") or "auto", _recommended(parts, entries.values())
    folding = "fold" in (setting.removesuffix("!"), setting == "auto" and recommended)
    entries = bytecode.with_images(parts, environment, entries, folding=folding)
    # every file of an entry is looked at before anything of it appears: when it is placed, and where one link stands for many, beside
    # the planning and the staging, which that then outlasts by little
    now, later = (entries, {}) if folding else ({}, entries)
    with Recheck(parts.store, now.values(), later.values()) as inspection:
        try:
            return _carried_out(parts, environment, plan, entries, inspection, seen, texts)
        except CommonwheelError:
            inspection.settle()  # what went wrong may come of an entry that is damaged: then that is what there is to say
            raise


def _carried_out(
    parts: "Changing",
    environment: "Environment",
    plan: "Plan",
    entries: "Mapping[str, Entry]",
    inspection: Recheck,
    seen: "changeset.Stamp | None",
    texts: "Mapping[str, Mapping[str, bytes]] | None",
) -> "Receipt":
    settings, store = parts.settings, parts.store
    # the history tells the hashes of what stays and goes, if cw installed it: a listing does not read who did
    plan = plan.replaced(remove=tuple(map(details, plan.remove)), keep=tuple(map(details, plan.keep)))
    if plan.add and environment.kind in ("target", "prefix"):
        # its state lies in it, so it has to be there before anything can be staged
        trees.make_directory(environment.root, parents=True)
    try:
        change = changeset.make(
            environment,
            plan,
            entries,
            store,
            link_mode=settings.text("link-mode") or "auto",
            recommended=_recommended(parts, entries.values()),
            no_fold=frozenset(settings.many("no-fold")),
            texts=texts,
            unsigned=settings.flag("no-installer-metadata"),
            seen=seen,
        )
    except EntryLost:
        for entry in entries.values():
            store.forget(entry.digest)
        raise
    timeout = settings.number("lock-timeout")
    processes = settings.number("concurrent-installs")
    options = Options(
        durability=settings.text("durability") or "recover",
        lock_timeout=300.0 if timeout is None else timeout,
        command=parts.command_line,
        processes=None if processes is None else max(1, int(processes)),
        trust=parts.trust,
    )
    modes = _modes(change.choice, entries)
    if LINKS in modes.values():
        _remember(parts, environment, (*digests_in_use(environment), *modes), modes)
    try:
        _check_presence(parts, entries.values())
        receipt = transaction.apply(environment, change, options, parts.reporter, inspection)
    except BaseException as error:
        _remember_as_before(parts, environment)
        if isinstance(error, disk.DiskError):
            _check_presence(parts, entries.values())
            if error.errno == errno.ENOENT:
                inspection.settle()  # a file that is missing is damage, and no fault of the disk
            _check_readability(parts, error, entries.values())
        raise
    _remember(parts, environment, digests_in_use(environment), modes)
    receipt = receipt.replaced(compiled=frozenset(name for name, entry in entries.items() if images.is_image(entry)))
    for warning in receipt.warnings:
        parts.reporter.note("warning", warning)
    for reason in receipt.why:
        parts.reporter.note("debug", reason)
    return receipt


def _remember(
    parts: "Changing", environment: "Environment", digests: "Iterable[str]", modes: "Mapping[str, str] | None" = None
) -> None:
    """Note which entries an environment uses, or is about to use, so that pruning spares them; `modes` say how, by digest."""
    roots.keep(parts.store, environment.root, tuple(digests), modes)


def _recommended(parts: "Changing", entries: "Iterable[Entry]") -> str:
    return next((mode for mode in map(parts.store.recommended_link_mode, entries) if mode), "")


def _modes(choice: "LinkChoice", entries: "Mapping[str, Entry]") -> dict[str, str]:
    """Return for each wheel, by digest, how the environment uses it: through links, or by files of its own."""
    linked = {name for name, ways in choice.ways.items() if LINKS in ways} | choice.folded
    return {entry.digest: LINKS if name in linked else FILES for name, entry in entries.items()}


def _check_presence(parts: "Changing", entries: "Iterable[Entry]") -> None:
    gone = [entry for entry in entries if not os.path.lexists(entry.tree)]
    for entry in gone:
        parts.store.forget(entry.digest)
    if gone:
        raise EntriesVanished(
            f"`{gone[0].name}` was removed from the store while it was being installed",
            context=[f"it was at: {entry.root}" for entry in gone],
            hint="run the command again",
        )


def _remember_as_before(parts: "Changing", environment: "Environment") -> None:
    """Note what the environment uses after a failure, of which there is more to say than of this."""
    try:
        _remember(parts, environment, digests_in_use(environment))
    except (CommonwheelError, OSError) as error:
        # the note of what was about to come stays: it keeps too much, until the next command notes anew
        parts.reporter.note("debug", f"what `{environment.root}` uses could not be noted: {error}")


def _check_readability(parts: "Changing", failure: disk.DiskError, entries: "Iterable[Entry]") -> None:
    """Raise EntryLost if the failure was to read an entry, and pass over whatever its store does not give back now.

    A disk that failed once will fail again: so all that is to come from that store is read once, and not only found out
    one by one.
    """
    # the tree of an image is not below its entry
    failed = next((one for one in entries if failure.path.startswith((f"{one.root}/", f"{one.tree}/"))), None)
    if failed is None:
        return
    reason = os.strerror(failure.errno)
    layer = parts.store.layer_of(failed)
    for entry in entries:
        if entry is not failed and parts.store.layer_of(entry) is layer:
            parts.store.reread(entry)
    parts.store.leave(failed, reason)
    raise EntryLost(failed, reason) from failure


def digests_in_use(environment: "Environment") -> "tuple[str, ...]":
    """Return the sha256 of every wheel that the environment holds, as its history tells it."""
    state = history.state_directory(environment)
    record = history.read(state, history.last_number(state))
    if record is None:
        return ()
    return tuple(sorted({package.digest for package in record.state.values() if package.digest}))
