"""From entries to a changed environment: recover what died before, plan, carry out, remember who uses which entries.

before(environment)  ->  installed, stamp       what is there, after dead predecessors were undone
carry_out(...)       ->  Receipt                the transaction, the roots, the bytecode
"""

from commonwheel.fs import disk
from commonwheel.install import changeset, history, transaction
from commonwheel.install.transaction import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.install.transaction import Receipt
    from commonwheel.model import Entry, Environment, Plan
    from commonwheel.road.parts import Parts


def carry_out(
    parts: "Parts",
    environment: "Environment",
    plan: "Plan",
    entries: "Mapping[str, Entry]",
    *,
    seen: "changeset.Stamp | None" = None,
    texts: "Mapping[str, Mapping[str, bytes]] | None" = None,
) -> "Receipt":
    """Carry a plan out as one transaction and return its receipt.

    Raises what `changeset.make` and `transaction.apply` raise; the environment is as before then.
    """
    settings, store = parts.settings, parts.store
    # the history tells the hashes of what stays and goes, if cw installed it: a listing does not read who did
    plan = plan.replaced(remove=parts.with_installers(plan.remove), keep=parts.with_installers(plan.keep))
    if plan.add and environment.kind in ("target", "prefix"):
        # its state lies in it, so it has to be there before anything can be staged
        disk.make_directory(environment.root, parents=True)
    recommended = next((mode for mode in map(store.recommended_link_mode, entries.values()) if mode), "")
    change = changeset.make(
        environment,
        plan,
        entries,
        store,
        link_mode=settings.text("link-mode") or "auto",
        recommended=recommended,
        no_fold=frozenset(settings.many("no-fold")),
        texts=texts,
        seen=seen,
    )
    timeout = settings.number("lock-timeout")
    threads = settings.number("concurrent-installs")
    receipt = transaction.apply(
        environment,
        change,
        Options(
            durability=settings.text("durability") or "recover",
            lock_timeout=300.0 if timeout is None else timeout,
            command=parts.command_line,
            threads=None if threads is None else max(1, int(threads)),
        ),
        parts.reporter,
    )
    for warning in receipt.warnings:
        parts.reporter.note("warning", warning)
    for reason in receipt.why:
        parts.reporter.note("debug", reason)
    parts.remember_roots(environment)
    return receipt


def digests_in_use(environment: "Environment") -> "tuple[str, ...]":
    """Return the sha256 of every wheel that the environment holds, as its history tells it."""
    state = history.state_directory(environment)
    record = history.read(state, history.last_number(state))
    if record is None:
        return ()
    return tuple(sorted({package.digest for package in record.state.values() if package.digest}))
