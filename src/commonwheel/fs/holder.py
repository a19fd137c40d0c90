"""Who holds a lock, as the one line that stands in the lock file. Text and values, no I/O; reading survives any bytes."""

import time

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

HEAD = "commonwheel lock 1"
LIMIT = 4096
WORDS = 8


class Holder(Value):
    """The process that holds a lock.

    `since` is in seconds since the epoch, by that host's clock; `purpose` says what for, as in `installing into /x`;
    `boot` tells one machine called `host` from another, and one start of it from the next; `beats` promises that the
    holder touches the file while it lives.
    """

    __slots__ = ("beats", "boot", "host", "pid", "purpose", "since", "user")

    def __init__(
        self, user: str, host: str, pid: int, since: int, purpose: str, boot: str = "", beats: bool = False
    ) -> None:
        self.user: Final = user
        self.host: Final = host
        self.pid: Final = pid
        self.since: Final = since
        self.purpose: Final = purpose
        self.boot: Final = boot
        self.beats: Final = beats

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.user} on {self.host} (process {self.pid}, since {since}, {self.purpose})"

    def line(self) -> bytes:
        """Return the text for the lock file, at most LIMIT bytes."""
        words = (self.user, self.host, str(self.pid), str(self.since), self.purpose, self.boot, "beats" * self.beats)
        clean = (" ".join(word.split())[:512] for word in words)
        return ("\t".join((HEAD, *clean)) + "\n").encode("utf-8", "surrogateescape")[:LIMIT]


def parse(data: bytes) -> Holder | None:
    """Return who left this line, or None if nobody can be made out."""
    head, *words = data.decode("utf-8", "surrogateescape").rstrip("\n").split("\t")
    if head != HEAD or len(words) != WORDS - 1 or not (words[2].isdecimal() and words[3].isdecimal()):
        return None
    user, host, pid, since, purpose, boot, beats = words
    return Holder(user, host, int(pid), min(int(since), 1 << 33), purpose, boot, beats == "beats")
