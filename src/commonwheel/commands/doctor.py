"""`cw doctor`: one screen about stores, the environment and what is between them; each finding with what mends it.

It looks, tries what can be tried without leaving a trace, and changes nothing. Nothing that it meets is an error of its own.
"""

import errno
import os
import sys

from commonwheel import __version__
from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, facts, found, holder, trees
from commonwheel.fs import linking as fs_linking
from commonwheel.install import history as histories
from commonwheel.install import recovery, verify
from commonwheel.install import state as states
from commonwheel.model import Value
from commonwheel.operations.installed_graph import problems
from commonwheel.store import init as inits
from commonwheel.store import inventory, layout
from commonwheel.store.policy import GROUP
from commonwheel.store.trust import is_unmapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Final

    from commonwheel.model import Environment
    from commonwheel.session.session import Session
    from commonwheel.store.layers import Layer
    from commonwheel.store.trust import Trust

OK, NOTE, WRONG = "ok", "note", "wrong"
_LOW_SPACE = 1 << 30
_LOW_INODES = 10_000
_MODES = ("clone", "hardlink", "symlink", "copy")
_LINKING = frozenset({"hard links", "reflinks", "symbolic links"})
_UNSETTLED = "unsettled-"


class Finding(Value):
    """One line of the doctor's: `about` what, its `state` (ok, note, wrong), a sentence, and what to type ("" for nothing)."""

    __slots__ = ("about", "hint", "state", "text")

    def __init__(self, about: str, state: str, text: str, hint: str = "") -> None:
        self.about: Final = about
        self.state: Final = state
        self.text: Final = text
        self.hint: Final = hint


def doctor(session: "Session") -> "tuple[Finding, ...]":
    """Return everything that is known of the surroundings of cw, and what is wrong with them."""
    environment, trouble = _environment(session)
    findings = [*_of_cw()]
    if environment is None:
        findings.append(Finding("environment", NOTE, trouble, "cw venv"))
    else:
        findings += _of_environment(session, environment)
    # the last one is made for one command alone, where no other takes what is new
    layers = [layer for layer in session.store.layers if not layer.temporary]
    for layer in layers:
        findings += _of_layer(layer, environment)
    findings += _of_all_layers(session, layers)
    return tuple(findings)


def _environment(session: "Session") -> "tuple[Environment | None, str]":
    try:
        return session.environment(mutating=False), ""
    except CommonwheelError as error:
        return None, error.message


def _of_cw() -> "Iterator[Finding]":
    python = ".".join(map(str, sys.version_info[:3]))
    groups = ", ".join(map(facts.group_name, facts.my_groups()))
    user = facts.my_user()
    who = f"as {facts.user_name(user)} (uid {user}, groups {groups}) on {facts.host()}"
    yield Finding("cw", OK, f"version {__version__} with Python {python}, {who}")


# --- the environment ------------------------------------------------------------------------------------------------


def _of_environment(session: "Session", environment: "Environment") -> "Iterator[Finding]":
    about = "environment"
    version = ".".join(map(str, environment.interpreter.version))
    site = environment.paths["purelib"]
    yield Finding(about, OK, f"{environment.root} ({environment.kind}, Python {version}) on {_mount(site)}")
    if not os.access(site, os.W_OK):
        advice = facts.advice(f"{site}/.", errno.EACCES) or "make an environment of your own: cw venv"
        yield Finding(about, NOTE, f"no write permission: {site}", advice)
    yield from _room(site, about, "delete something there, or make the environment elsewhere: cw venv")
    yield from _state(histories.state_directory(environment), about, session.trust)
    yield from (
        Finding(about, WRONG, scar, "cw verify --fix, or cw env relocate after a move")
        for scar in verify.scars(environment)
    )
    for problem in problems(session.installed(environment), environment, session.target(environment)):
        yield Finding(about, WRONG, problem, "cw pip install what is missing, or cw pip check")


def _state(state: str, about: str, trust: "Trust") -> "Iterator[Finding]":
    """Yield what commands have left in an environment, and who is changing it."""
    try:
        opened = states.opened(state, trust)
    except states.ForeignState as error:
        yield Finding(about, WRONG, f"{error.message}: {'; '.join(error.context)}", error.hint or "")
        return
    if opened is None:
        return
    with opened:
        left = sorted(opened.names())
        refusal = opened.refusal
    pending = [name for name in left if name.startswith(disk.TEMPORARY)]
    at_work = _holder(f"{state}/lock")
    if at_work:
        yield Finding(about, NOTE, f"is being changed by {at_work}")
    elif pending:
        how = "interrupted" if any(recovery.intents_of(f"{state}/{name}") for name in pending) else "left over"
        hint = "any cw command that changes this environment mends it first; `cw pip install` with nothing new does"
        if refusal is not None:
            hint = f"{refusal.hint}, since `{refusal.path}` is not yours"
        yield Finding(about, WRONG, f"{len(pending)} change(s) {how} in {state}", hint)
    boot = f"{_UNSETTLED}{facts.boot_id()}-"
    doubtful = [name for name in left if name.startswith(_UNSETTLED) and not name.startswith(boot)]
    if doubtful:
        text = f"{len(doubtful)} change(s) were made shortly before this machine went down, and are not checked yet"
        yield Finding(about, WRONG, text, "cw verify --fix")


def _holder(lock: str) -> str:
    """Return who holds a lock, "" for nobody: the file of one who was killed may still be there."""
    data = found.read(lock, found.ANYBODY, base=os.path.dirname(lock), limit=holder.LIMIT)
    known = holder.parse(data) if isinstance(data, bytes) else None
    if known is None or (known.boot == facts.boot_id() and not _runs(known.pid)):
        return ""
    return str(known)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


# --- the layers -----------------------------------------------------------------------------------------------------


def _of_layer(layer: "Layer", environment: "Environment | None") -> "Iterator[Finding]":
    about = f"store {layer.root}"
    if layer.fault:
        yield Finding(about, WRONG, f"cannot be read: {layer.fault}", _advice(layer.root) or "check the path")
        return
    if not layer.exists:
        yield Finding(about, NOTE, f"does not exist yet; it will be made on {_mount(layer.root)}")
        return
    found = os.stat(layer.root)
    owner = f"{facts.user_name(found.st_uid)}:{facts.group_name(found.st_gid)} {found.st_mode & 0o7777:04o}"
    mine = "yours" if layer.mine else "shared"
    count = sum(1 for _ in inventory.entry_paths(layer))
    yield Finding(about, OK, f"{layer.sharing}, {mine}, {owner}, {count} entries, on {_mount(layer.root)}")
    yield from _belief(layer, about)
    if layer.refusal:
        yield Finding(about, NOTE, f"nothing is added to it: {layer.refusal}")
    elif facts.read_only(layer.root) or not os.access(layer.path(layout.VERSION), os.W_OK):
        yield Finding(
            about,
            NOTE,
            "it is used for reading; what is missing goes to the next layer",
            _advice(layer.path(layout.VERSION)),
        )
    else:
        yield from _checks(layer, about, linking=environment is None)
    yield from (Finding(about, NOTE, note) for note in layer.notes)
    yield from _room(layer.root, about, "cw cache prune")
    left = list(inventory.leftovers(layer))
    if left:
        yield Finding(about, NOTE, f"{len(left)} leftovers of commands that died", "cw cache prune")
    if environment is not None:
        yield from _links(layer, environment, about)


def _belief(layer: "Layer", about: str) -> "Iterator[Finding]":
    """Yield what in a layer is not trusted, and why."""
    if layer.exposed:
        text = f"others may replace it: {layer.exposed}; environments get copies from it, and no links to it"
        yield Finding(about, WRONG, text, inits.remedy(layer.way))
    if layer.sharing == GROUP and layer.group is None:
        yield _of_group(layer, about)
    if layer.owner is not None and is_unmapped(layer.owner) and not layer.trust.owner(layer.owner):
        text = "it belongs to a user whom this user namespace does not show, and is not trusted for that"
        hint = f'put `trust = ["{layer.root}"]` into ~/.config/cw/cw.toml, if you trust that store'
        yield Finding(about, NOTE, text, hint)
        return
    for room in ("", layout.ENTRIES):
        try:
            reason = layer.place(room).reason
        except OSError:
            return
        if reason:
            text = f"`{layer.path(room)}` is not trusted: {reason}; a wheel in it with the right hash saves a download"
            yield Finding(about, NOTE, text, "put the user into `trust` in ~/.config/cw/cw.toml, if you trust them")
            return
    strangers: dict[int, int] = {}
    for path, _ in inventory.entry_paths(layer):
        uid = os.lstat(path).st_uid
        if not layer.trust.owner(uid, layer.group):
            strangers[uid] = strangers.get(uid, 0) + 1
    for uid, count in sorted(strangers.items()):
        text = f"{count} entries of {facts.user_name(uid)}, who is not trusted, are not taken as they are"
        yield Finding(about, NOTE, text, f"CW_TRUST={facts.user_name(uid)}, if you trust them")


def _of_group(layer: "Layer", about: str) -> Finding:
    """Yield why the members of the group of a store are not trusted."""
    gid = os.stat(layer.path(layout.VERSION)).st_gid
    group, owner = facts.group_name(gid), facts.user_name(layer.owner or 0)
    if gid not in facts.my_groups():
        text = f"you are not a member of its group {group}, and do not trust what its members add"
        hint = f"sudo usermod -aG {group} {facts.user_name(facts.my_user())}, then log in again"
        return Finding(about, NOTE, text, hint)
    text = (
        f"it belongs to {owner}, who is not trusted, so what the members of its group {group} add is not trusted either"
    )
    return Finding(about, NOTE, text, f"CW_TRUST=@{group}, or CW_TRUST={owner}, if you trust them")


def _checks(layer: "Layer", about: str, *, linking: bool) -> "Iterator[Finding]":
    """Try what a store needs and what makes it fast: links, locks, renames, modes; nothing in one that is still empty."""
    if not os.path.isdir(layer.path(layout.ENTRIES)):
        return
    for one in inits.check(layer):
        if not one.works and one.what != inits.PLACE and (linking or one.what not in _LINKING):
            text = f"{one.what}: {one.detail}" if one.detail else one.what
            hint = one.hint or ("choose another place: cw cache init" if one.needed else "")
            yield Finding(about, WRONG if one.needed else NOTE, text, hint)


def _room(root: str, about: str, hint: str) -> "Iterator[Finding]":
    space = facts.space(root)
    if space.bytes_free is not None and space.bytes_free < _LOW_SPACE:
        yield Finding(about, WRONG, f"only {space.bytes_free >> 20} MiB are free", hint)
    if (
        space.inodes_free is not None
        and space.inodes_free < _LOW_INODES
        and not (space.inodes_free == 0 and _uncounted(root))
    ):
        yield Finding(about, WRONG, f"only {space.inodes_free} inodes are free", hint)
    if space.quota:
        yield Finding(about, NOTE, f"its mount keeps quotas ({space.quota}): who fetches a wheel first pays for it")


def _uncounted(root: str) -> bool:
    """Return whether a file system has no fixed number of inodes (btrfs), and therefore none left."""
    try:
        return os.statvfs(root).f_files == 0
    except OSError:
        return True


def _of_all_layers(session: "Session", layers: "Sequence[Layer]") -> "Iterator[Finding]":
    if session.settings.flag("no-cache"):
        return
    if all(layer.refusal for layer in layers) and layers:
        text = "no store takes anything: what is missing is fetched anew by every command"
        yield Finding(
            "stores", WRONG, text, "name a directory that you can write to with `--cache-dir` or CW_CACHE_DIR"
        )
    personal = session.store_directory
    if len(layers) > 1 and layers[-1].root != os.path.realpath(personal):
        text = f"`{personal}` is shared, or somebody else's: what is private goes to `{layers[-1].root}`"
        yield Finding("stores", NOTE, text)


# --- links ----------------------------------------------------------------------------------------------------------


def _links(layer: "Layer", environment: "Environment", about: str) -> "Iterator[Finding]":
    """Yield which link modes work from a layer to the environment, and why others do not: tried with its own files."""
    site = environment.paths["purelib"]
    static = facts.link_reasons(layer.root, site)
    samples = _samples(layer)
    place = _trying_place(environment)
    try:
        for whose, sample in samples.items():
            reasons = _tried(sample, f"{place}/{whose}", static) if place else static
            words = f"to the environment{f', of {whose}' if len(samples) > 1 or whose != 'mine' else ''}: "
            works = [mode for mode in _MODES if not reasons[mode]]
            yield Finding(
                about,
                OK if works else WRONG,
                words + (", ".join(works) or "nothing works"),
                "" if works else "check the environment",
            )
            for mode in _MODES:
                if reasons[mode]:
                    yield Finding(about, NOTE, f"no {mode}: {reasons[mode]}")
    finally:
        if place:
            trees.erase(place)
    if not samples:
        works = [mode for mode in _MODES if not static[mode]]
        yield Finding(about, OK, f"to the environment, as far as is known: {', '.join(works)}")
        yield from (Finding(about, NOTE, f"no {mode}: {static[mode]}") for mode in _MODES if static[mode])


def _samples(layer: "Layer") -> dict[str, str]:
    """Return a file of an entry of mine, and one of somebody else's, as far as there are any that would be linked."""
    found: dict[str, str] = {}
    for path, _ in inventory.entry_paths(layer):
        sample = f"{path}/{layout.HEADER}"
        try:
            owner = os.lstat(sample).st_uid
        except OSError:
            continue
        # whom nobody trusts may have put a hole of a terabyte there, and trying includes to copy it
        if not layer.trust.owner(owner, layer.group):
            continue
        whose = "mine" if owner == facts.my_user() else "others"
        found.setdefault(whose, sample)
        if len(found) > 1:
            break
    return dict(sorted(found.items()))


def _trying_place(environment: "Environment") -> str:
    """Make a directory on the file system of the environment, "" if that cannot be done."""
    state = histories.state_directory(environment)
    for directory in (state, environment.paths["purelib"]):
        if os.path.isdir(directory) and not os.path.islink(directory) and os.access(directory, os.W_OK):
            try:
                return trees.staging(directory, 0o700)
            except disk.DiskError:
                continue
    return ""


def _tried(sample: str, beside: str, static: dict[str, str]) -> dict[str, str]:
    """Return for each way of linking why it did not work, "" if it did."""
    ways: dict[str, Callable[[str], None]] = {
        "clone": lambda path: fs_linking.clone(sample, path),
        "hardlink": lambda path: fs_linking.hard_link(sample, path),
        "symlink": lambda path: fs_linking.symlink(sample, path),
        "copy": lambda path: fs_linking.copy(sample, path),
    }
    reasons = {}
    for mode, way in ways.items():
        try:
            way(f"{beside}-{mode}")
            # a link can be made to what cannot be used through it
            reasons[mode] = static[mode] if mode == "symlink" else ""
        except disk.DiskError as error:
            reasons[mode] = static[mode] or os.strerror(error.errno)
    return reasons


# --- words ----------------------------------------------------------------------------------------------------------


def _mount(path: str) -> str:
    mount = facts.mount_of(path)
    flags = ",".join(flag for flag in mount.flags if flag in ("ro", "rw", "noexec", "nosuid"))
    return f"{mount.type or 'an unknown file system'} at {mount.point or '?'} ({flags})"


def _advice(path: str) -> str:
    return facts.advice(f"{path}/.", errno.EACCES) or ""


def _listed(directory: str) -> "list[str]":
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
