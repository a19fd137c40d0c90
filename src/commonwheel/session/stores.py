"""Make the store: the layers that the settings name, the personal one, and a temporary one as the last resort."""

import os

from commonwheel.settings import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.concurrency.forked_workers import Standing
    from commonwheel.events import Reporter
    from commonwheel.settings.settings import Settings
    from commonwheel.store.ingest import Ingest
    from commonwheel.store.layers import Layer
    from commonwheel.store.records import Records
    from commonwheel.store.store import Store
    from commonwheel.store.trust import Trust


def personal(settings: "Settings", environ: "Mapping[str, str]", cwd: str) -> str:
    """Return the personal store: the setting, else `cw` in the XDG cache directory. It need not exist."""
    given = settings.text("cache-dir")
    if given:
        return os.path.abspath(os.path.join(cwd, os.path.expanduser(given)))
    return _default(environ, cwd)


def _default(environ: "Mapping[str, str]", cwd: str) -> str:
    return os.path.join(files.cache_home(environ, cwd), "cw")


def warn_of_no_home(settings: "Settings", environ: "Mapping[str, str]", cwd: str, reporter: "Reporter") -> None:
    """Warn that the personal store lies in the current directory, if it does because the user has no home."""
    if settings.text("cache-dir") or settings.flag("no-cache"):
        return
    home = files.cache_home(environ, cwd)
    if home == os.path.join(cwd, files.HOMELESS):
        reporter.note(
            "warning", f"you have no home directory, so the cache is in `{home}`; `CW_CACHE_DIR` names another place"
        )


def make_records(
    settings: "Settings", environ: "Mapping[str, str]", cwd: str, temporary: str, trust: "Trust"
) -> "Records":
    """Return what the layers of the store remember; `temporary` is where a store for this run alone can be made."""
    from commonwheel.store.layers import Layer
    from commonwheel.store.records import Records

    read_only = settings.flag("read-only-cache")
    kept = settings.flag("keep-archives") if settings.is_set("keep-archives") else None
    layers: dict[str, Layer] = {}

    def add(root: str, *, temporary: bool = False) -> "Layer":
        root = os.path.normpath(os.path.join(cwd, os.path.expanduser(root)))
        made = Layer(root, trust, read_only=read_only, temporary=temporary, keep_archives=kept, read_toml=_toml)
        return layers.setdefault(made.root, made)

    if not settings.flag("no-cache"):
        for root in settings.many("layers"):
            add(root)
        own = add(personal(settings, environ, cwd))
        # what is private has no place in a store that is shared, or another user's
        if own.exists and not own.mine:
            add(_default(environ, cwd))
    if settings.flag("no-cache") or not read_only:
        add(temporary, temporary=True)
    return Records(tuple(layers.values()))


def make_store(
    records: "Records", settings: "Settings", reporter: "Reporter", copies: "Callable[[], Standing | None]"
) -> "Store":
    """Return the store of some layers; `copies` are processes that unpack wheels, made when one is admitted."""
    from commonwheel.store.store import Store

    def admission(store: "Store") -> "Ingest":
        from commonwheel.store.ingest import Ingest

        standing = copies()
        return Ingest(
            store,
            verify_record=not settings.flag("no-verify-record"),
            aside=standing.ask_in_turn if standing else None,
        )

    return Store(records.layers, reporter, admission)


def temporary(settings: "Settings", environ: "Mapping[str, str]", cwd: str) -> str:
    """Return where a store can be made that lives as long as this run: the last resort, if no other takes anything.

    Under `--no-cache` it is the only one, and lies beside the personal store, so that links to environments work.
    """
    from commonwheel.fs import disk

    beside = os.path.dirname(personal(settings, environ, cwd))
    if settings.flag("no-cache") and os.access(beside, os.W_OK | os.X_OK):
        return disk.temporary(beside)
    named = (environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP"))
    return disk.temporary(next((path for path in (*named, "/tmp") if os.path.isdir(path)), cwd))  # noqa: S108 - a place of its own in there


def drop(temporary: str, settings: "Settings", reporter: "Reporter", reasons: "Callable[[], Sequence[str]]") -> None:
    """Delete the temporary store; warn if that was not wished for, with the reasons why no other store took anything."""
    from commonwheel.fs import trees
    from commonwheel.store import layout

    if not settings.flag("no-cache") and os.path.isdir(os.path.join(temporary, layout.ENTRIES)):
        told = "; ".join(reasons())
        reporter.note("warning", f"the packages could not be cached: {told}")
    trees.erase(temporary)


def _toml(text: str) -> "dict[str, object]":
    from commonwheel.specs import toml

    return toml.loads(text)
