"""`cw doctor`: one screen about stores, the environment and what is between them; each finding with what mends it.

It looks, tries what can be tried without leaving a trace, and changes nothing.
"""

import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk, facts
from commonwheel.install import history as histories
from commonwheel.install import recovery
from commonwheel.model import Value
from commonwheel.store import init as inits
from commonwheel.store import layout, survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from commonwheel.model import Environment
    from commonwheel.session import Session
    from commonwheel.settings import Parsed
    from commonwheel.store.layers import Layer

OK, NOTE, WRONG = "ok", "note", "wrong"
_LOW_SPACE = 1 << 30
_LOW_INODES = 10_000
_MODES = ("clone", "hardlink", "symlink", "copy")


class Finding(Value):
    """One line of the doctor's: `about` what, its `state` (ok, note, wrong), a sentence, and what to type ("" for nothing)."""

    __slots__ = ("about", "hint", "state", "text")

    def __init__(self, about: str, state: str, text: str, hint: str = "") -> None:
        self.about: Final = about
        self.state: Final = state
        self.text: Final = text
        self.hint: Final = hint


def doctor(session: "Session", parsed: "Parsed") -> "tuple[Finding, ...]":
    """Return everything that is known of the surroundings of cw, and what is wrong with them."""
    environment, trouble = _environment(session)
    findings = [Finding("cw", OK, f"version {session.version}")]
    if environment is None:
        findings.append(Finding("environment", NOTE, trouble, "cw venv"))
    else:
        findings += _of_environment(session, environment)
    for layer in session.store.layers:
        # the last one is made for this command alone, where no other takes what is new
        if not os.path.basename(layer.root).startswith(disk.TEMPORARY):
            findings += _of_layer(layer, environment)
    return tuple(findings)


def _environment(session: "Session") -> "tuple[Environment | None, str]":
    try:
        return session.environment(mutating=False), ""
    except CommonwheelError as error:
        return None, error.message


# --- the environment ------------------------------------------------------------------------------------------------


def _of_environment(session: "Session", environment: "Environment") -> "Iterator[Finding]":
    about = "environment"
    version = ".".join(map(str, environment.interpreter.version))
    site = environment.paths["purelib"]
    yield Finding(about, OK, f"{environment.root} ({environment.kind}, Python {version}) on {_mount(site)}")
    if not os.access(site, os.W_OK):
        advice = facts.advice(f"{site}/.", 13) or "make an environment of your own: cw venv"
        yield Finding(about, NOTE, f"you may not change it: {site}", advice)
    state = histories.state_directory(environment)
    left = _listed(state)
    pending = [name for name in left if name.startswith(disk.TEMPORARY)]
    if pending:
        how = "interrupted" if any(recovery.intents_of(f"{state}/{name}") for name in pending) else "left over"
        hint = "any cw command that changes this environment mends it first; `cw pip install` with nothing new does"
        yield Finding(about, WRONG, f"{len(pending)} change(s) {how} in {state}", hint)
    yield from (
        Finding(about, WRONG, scar, "cw verify --fix, or cw env relocate after a move")
        for scar in session.scars(environment)
    )
    for problem in session.problems(environment):
        yield Finding(about, WRONG, problem, "cw pip install what is missing, or cw pip check")


# --- the layers -----------------------------------------------------------------------------------------------------


def _of_layer(layer: "Layer", environment: "Environment | None") -> "Iterator[Finding]":
    about = f"store {layer.root}"
    if layer.fault:
        yield Finding(about, WRONG, f"cannot be read: {layer.fault}", _advice(layer.root))
        return
    if not layer.exists:
        yield Finding(about, NOTE, f"does not exist yet; it will be made on {_mount(layer.root)}")
        return
    found = os.stat(layer.root)
    owner = f"{facts.user_name(found.st_uid)}:{facts.group_name(found.st_gid)} {found.st_mode & 0o7777:04o}"
    mine = "mine" if layer.mine else "not mine alone"
    yield Finding(about, OK, f"{layer.sharing}, {mine}, {owner}, on {_mount(layer.root)}")
    if layer.refusal:
        yield Finding(about, NOTE, f"nothing is added to it: {layer.refusal}", _advice(layer.root))
    elif facts.read_only(layer.root) or not os.access(layer.root, os.W_OK):
        yield Finding(about, NOTE, "it is used for reading; what is missing goes to the next layer")
    else:
        yield from _checks(layer, about)
    yield from (Finding(about, NOTE, note) for note in layer.notes)
    yield from _room(layer.root, about)
    left = list(survey.leftovers(layer))
    if left:
        yield Finding(about, NOTE, f"{len(left)} leftovers of commands that died", "cw cache prune")
    if environment is not None:
        yield from _links(layer, environment, about)


def _checks(layer: "Layer", about: str) -> "Iterator[Finding]":
    """Try what a store needs and what makes it fast: links, locks, renames, modes; nothing in one that is still empty."""
    if not os.path.isdir(layer.path(layout.ENTRIES)):
        return
    for one in inits.check(layer):
        if not one.works:
            text = f"{one.what}: {one.detail}" if one.detail else one.what
            yield Finding(about, WRONG if one.needed else NOTE, text, one.hint)


def _room(root: str, about: str) -> "Iterator[Finding]":
    space = facts.space(root)
    if space.bytes_free is not None and space.bytes_free < _LOW_SPACE:
        yield Finding(about, WRONG, f"only {space.bytes_free >> 20} MiB are free", "cw cache prune")
    if space.inodes_free is not None and 0 < space.inodes_free < _LOW_INODES:
        yield Finding(about, WRONG, f"only {space.inodes_free} inodes are free", "cw cache prune")
    if space.quota:
        yield Finding(about, NOTE, f"its mount keeps quotas ({space.quota}): who fetches a wheel first pays for it")


def _links(layer: "Layer", environment: "Environment", about: str) -> "Iterator[Finding]":
    """Tell which ways of linking are open from a layer to the environment, and why others are not."""
    reasons = facts.link_reasons(layer.root, environment.paths["purelib"])
    if not layer.mine and not reasons.get("hardlink"):
        reasons["hardlink"] = "entries of other users cannot be linked (fs.protected_hardlinks), only one's own"
    works = [mode for mode in _MODES if not reasons.get(mode)]
    yield Finding(about, OK, f"to the environment: {', '.join(works)}")
    for mode in _MODES:
        if reasons.get(mode):
            yield Finding(about, NOTE, f"no {mode}: {reasons[mode]}")


# --- words ----------------------------------------------------------------------------------------------------------


def _mount(path: str) -> str:
    mount = facts.mount_of(path)
    flags = ",".join(flag for flag in mount.flags if flag in ("ro", "rw", "noexec", "nosuid"))
    return f"{mount.type or 'an unknown file system'} at {mount.point or '?'} ({flags})"


def _advice(path: str) -> str:
    return facts.advice(f"{path}/.", 13) or ""


def _listed(directory: str) -> "list[str]":
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
