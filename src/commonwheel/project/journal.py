"""Change the files of a project all together or not at all, whatever ends the command: a journal beside the project.

    begin       the journal with the old texts is written, then the new texts
    ...         the environment is synced, a transaction of its own
    commit      the journal goes away; what it said is kept for `cw undo`

What dies in between leaves the journal, and the next command on the project puts the old texts back; unless the environment had
its change already, which is the last step: then all is new, and the journal alone goes away. A file that was changed by
someone else meanwhile is left alone.

Laws of this file: a journal moves nothing outside of the directory that it lies in.
"""

import json
import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import files as fs_files
from commonwheel.fs import locks, trees
from commonwheel.fs.disk import DiskError
from commonwheel.install import history
from commonwheel.model import Value
from commonwheel.specs.sha256 import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, Self

    from commonwheel.project.parts import Parts

JOURNAL = ".cw-change"
_LOCK = ".cw-change.lock"
_FORMAT = 1


class NothingToUndo(CommonwheelError):
    """No change of the project is known, or its files were changed since."""

    code = "nothing-to-undo-in-project"


class File(Value):
    """One file of a change: its path relative to the root, its text before and after (None: absent)."""

    __slots__ = ("after", "before", "path")

    def __init__(self, path: str, before: str | None, after: str | None) -> None:
        self.path: Final = path
        self.before: Final = before
        self.after: Final = after

    def turned(self) -> "File":
        """Return the change back."""
        return File(self.path, self.after, self.before)


class Change(Value):
    """A change of a project: its files, the environment with the number of its last state before, and what the user typed."""

    __slots__ = ("command", "environment", "files", "number")

    def __init__(self, files: "tuple[File, ...]", environment: str, number: int, command: str) -> None:
        self.files: Final = files
        self.environment: Final = environment
        self.number: Final = number
        self.command: Final = command


# --- text -------------------------------------------------------------------------------------------------------------------------


def encode(change: Change) -> bytes:
    """Return the text of a journal."""
    files = [[one.path, one.before, one.after] for one in change.files]
    body = json.dumps([files, change.environment, change.number, change.command])
    return json.dumps({"format": _FORMAT, "sum": sha256_of(body.encode()), "change": body}).encode()


def decode(data: bytes) -> Change | None:
    """Return what a journal says, None for what is none: any bytes are survived."""
    try:
        whole = json.loads(data)
        body = whole["change"]
        if whole["format"] != _FORMAT or sha256_of(body.encode()) != whole["sum"]:
            return None
        files, environment, number, command = json.loads(body)
        found = tuple(File(str(path), before, after) for path, before, after in files)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if any(os.path.isabs(one.path) or ".." in one.path.split("/") for one in found):
        return None
    texts = [text for one in found for text in (one.before, one.after)]
    if not all(text is None or isinstance(text, str) for text in texts) or not isinstance(number, int):
        return None
    return Change(found, str(environment), number, str(command))


# --- a change -----------------------------------------------------------------------------------------------------------------------


class Changing:
    """A change under way, in a `with` block: what leaves the block without `commit` puts the old texts back."""

    def __init__(self, parts: "Parts", root: str, environment: str) -> None:
        self._parts = parts
        self._root = root
        self._environment = environment
        self._change: Change | None = None
        self._lock = locks.lock(
            os.path.join(root, _LOCK),
            timeout=_patience(parts),
            who=f"changing the project `{root}`",
            waiting=lambda who: parts.reporter.note("info", f"Waiting for another command on the project: {who}"),
        )

    def __enter__(self) -> "Self":
        self._lock.__enter__()
        return self

    def begin(self, files: "Sequence[File]") -> None:
        """Write the journal, then the new texts. Raises DiskError; the old texts are back then."""
        number = state_number(self._parts, self._environment)
        changed = tuple(one for one in files if one.before != one.after)
        self._change = Change(changed, self._environment, number, self._parts.command_line)
        fs_files.write(os.path.join(self._root, JOURNAL), encode(self._change), 0o600, durable=True)
        for one in changed:
            _put(self._root, one.path, one.after)

    def commit(self) -> None:
        """Keep the change: drop the journal, and remember it for `cw undo`."""
        change, self._change = self._change, None
        if change is None:
            return
        if change.files:
            _remember(self._parts, self._root, change)
        try:
            trees.remove(os.path.join(self._root, JOURNAL))
        except DiskError as error:
            # the next command finds that the last step was made, and keeps the change
            self._parts.reporter.note("warning", error.message)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if self._change is not None:
                _put_back(self._parts, self._root, self._change)
        finally:
            self._lock.__exit__(None, None, None)


def _patience(parts: "Parts") -> float:
    timeout = parts.settings.number("lock-timeout")
    return 300.0 if timeout is None else timeout


def state_number(parts: "Parts", environment: str) -> int:
    """Return the number of the last state of an environment, 0 where it has none, or is not there."""
    if not environment or not os.path.isdir(environment):
        return 0
    try:
        return history.last_number(history.state_directory(parts.environment_at(environment)))
    except CommonwheelError:
        return 0


def _recover_environment(parts: "Parts", environment: str) -> None:
    """Undo or finish what the dead command left in the environment: only then its last state says how far it came."""
    if environment and os.path.isdir(environment):
        try:
            parts.recover(parts.environment_at(environment), always=True)
        except CommonwheelError as error:
            parts.reporter.note("debug", f"`{environment}` cannot be recovered: {error.message}")


def _put(root: str, path: str, text: str | None) -> None:
    whole = os.path.join(root, path)
    if text is None:
        trees.remove(whole)
    else:
        fs_files.write(whole, text.encode())


def _read(root: str, path: str) -> str | None:
    try:
        with open(os.path.join(root, path), encoding="utf-8", newline="") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        return None


def _put_back(parts: "Parts", root: str, change: Change) -> None:
    """Put the old texts back, but for files that are neither as before nor as the change left them."""
    for one in change.files:
        now = _read(root, one.path)
        if now == one.before:
            continue
        if now == one.after:
            _put(root, one.path, one.before)
        else:
            parts.reporter.note(
                "warning", f"`{os.path.join(root, one.path)}` was changed meanwhile, and is left as it is"
            )
    trees.remove(os.path.join(root, JOURNAL))


def recover(parts: "Parts", root: str) -> None:
    """Undo or finish what a dead command left. Waits for one that is still at work."""
    path = os.path.join(root, JOURNAL)
    if not os.path.lexists(path):
        return
    lock = locks.lock(
        os.path.join(root, _LOCK),
        timeout=_patience(parts),
        who=f"recovering the project `{root}`",
        waiting=lambda who: parts.reporter.note("info", f"Waiting for another command on the project: {who}"),
    )
    with lock:
        data = parts.start.read(path)
        change = decode(data) if data is not None else None
        if change is None:
            if data is not None:
                parts.reporter.note("warning", f"`{path}` is no journal of cw, and is removed")
                trees.remove(path)
            return
        _recover_environment(parts, change.environment)
        if state_number(parts, change.environment) > change.number:
            parts.reporter.note("warning", f"`{change.command}` was ended after its last step: its change is kept")
            _remember(parts, root, change)
            trees.remove(path)
            return
        _put_back(parts, root, change)
        parts.reporter.note("warning", f"`{change.command}` was ended in the middle: the project is as it was before")


# --- undo --------------------------------------------------------------------------------------------------------------------------


def _undo_path(parts: "Parts", root: str) -> str:
    name = sha256_of(os.fsencode(os.path.realpath(root)))[:24]
    return os.path.join(parts.environments_directory, "undo", f"{os.path.basename(root)}-{name}")


def _remember(parts: "Parts", root: str, change: Change) -> None:
    """Keep a change for `cw undo`; the number is then that of the state that it left."""
    path = _undo_path(parts, root)
    kept = change.replaced(number=state_number(parts, change.environment))
    try:
        trees.make_directory(os.path.dirname(path), 0o700, parents=True)
        fs_files.write(path, encode(kept), 0o600)
    except CommonwheelError as error:
        parts.reporter.note("debug", f"the change cannot be undone later: {error.message}")


def last(parts: "Parts", root: str) -> Change:
    """Return the last change of a project. Raises NothingToUndo, also where its files were changed since."""
    try:
        with open(_undo_path(parts, root), "rb") as stream:
            change = decode(stream.read())
    except OSError:
        change = None
    if change is None:
        raise NothingToUndo(
            f"no change of the project `{root}` is known",
            hint="`cw undo` takes back `cw add`, `cw remove` and `cw version`",
        )
    for one in change.files:
        if _read(root, one.path) != one.after:
            raise NothingToUndo(
                f"`{os.path.join(root, one.path)}` was changed since `{change.command}`, so that it is not undone",
                hint="undo your change first, or edit the file by hand",
            )
    return change
