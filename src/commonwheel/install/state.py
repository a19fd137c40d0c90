"""Open what an environment carries of cw: its state directory, and what lies in it.

It is found and not named, so any user with write permission may have planted it: a link to elsewhere, a journal whose intents
move files of the system, a record under a transaction's number. Three rules follow.

- No link is followed to the state directory or in it.
- What moves files (a journal) counts only if its owner, and the owners of the two directories that hold it, are me, root or
  trusted. The directory of the environment itself is not asked: its owner can move a journal of mine from one of their
  environments to another, and what a journal says is bounded by the environment in which it lies (`recovery.py`).
- What tells about files (a record of the history) counts as well if the owner of the environment made it, who can change what
  it tells of anyway.

Laws of this file: it reads and changes nothing.
"""

import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import found
from commonwheel.fs.found import Directory, Refusal
from commonwheel.store.trust import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class ForeignState(CommonwheelError):
    """Report state in an environment that is a link, no directory, or another user's where it must not be."""

    code = "foreign-state"
    exit_status = 2


class Keepers:
    """Ask who owns a directory, and nothing about who may write into it: what lies there is asked by itself (`found.Belief`)."""

    def __init__(self, trust: Trust) -> None:
        self._trust: Final = trust

    def owner(self, uid: int) -> bool:
        """Return whether files of this user count."""
        return self._trust.owner(uid)

    def directory(self, fd: int, found: os.stat_result) -> str:
        """Return why a directory does not count."""
        return "" if self._trust.owner(found.st_uid) else self._trust.directory(fd, found)

    def regular(self, fd: int, found: os.stat_result) -> str:
        """Return why a file does not count."""
        return self._trust.regular(fd, found)


class Authors(Keepers):
    """Ask who wrote a record, and nothing about the directories around it."""

    def directory(self, fd: int, found: os.stat_result) -> str:  # noqa: ARG002
        """Give no reason against a directory."""
        return ""


def opened(path: str, trust: Trust) -> Directory | None:
    """Open a state directory, None if there is none; its `refusal` tells whether what lies in it may move files.

    Raises ForeignState if it is a link or no directory.
    """
    made = found.directory(path, found.ANYBODY, base=os.path.dirname(path))
    if isinstance(made, Refusal):
        raise refused(made)
    return None if made is None else made.asked(Keepers(trust))


def refused(refusal: Refusal) -> ForeignState:
    """Return the error that tells why state is not used."""
    return ForeignState(
        f"the state of an environment is not used: `{refusal.path}`",
        context=(refusal.reason,),
        hint=refusal.hint or f"remove `{refusal.path}`",
    )


def authors(path: str, trust: Trust | None = None) -> Authors:
    """Return who may tell of the environment whose state directory is `path`: also the owner of the environment."""
    trust = trust or Trust()
    try:
        owner = os.stat(os.path.dirname(path)).st_uid
    except OSError:
        return Authors(trust)
    return Authors(trust if trust.owner(owner) else trust.extended((str(owner),)))
