"""The summary lines that uv's users know, and command lines as a shell reads them."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def done(verb: str, count: int, started: float) -> str:
    """Return a summary line: what was done to how many packages, and how long it took since `started` (of `perf_counter`)."""
    return f"{verb} {count} package{'' if count == 1 else 's'} in {duration(time.perf_counter() - started)}"


def duration(seconds: float) -> str:
    """Return a duration as uv shows it."""
    if seconds < 1:
        milliseconds = seconds * 1000
        return f"{milliseconds:.2f}ms" if milliseconds < 1 else f"{milliseconds:.0f}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m {rest:.0f}s" if minutes else f"{seconds:.2f}s"


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./-_")


def shell(words: "Sequence[str]") -> str:
    """Return words as a shell takes them; `shlex` does the same, and loads `re` for it."""
    return " ".join([word if word and _PLAIN.issuperset(word) else _quoted(word) for word in words])


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"
