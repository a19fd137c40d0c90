"""`store.toml`: what a store says about how it is shared.

    sharing = "group"           # private, group or publish
    group = "team"              # for people; what counts is the group of the directories
    trust = ["builder"]         # users whose entries count as the owner's
    link-mode = "clone"         # what environments should use where they can choose
    keep-archives = true        # keep each wheel beside its tree, for those who do not trust its owner
    max-size = "200G"           # what `cw cache prune` brings it down to

Laws of this file: pure. A store *recommends*; whom to trust is the reader's decision (trust.py). The reader here knows the
plain part of TOML, since `tomllib` costs 18 ms; whatever else is valid TOML goes to the callable that the session hands in.
"""

from commonwheel.model import Value
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    ReadToml = Callable[[str], Mapping[str, object]]

PRIVATE, GROUP, PUBLISH = "private", "group", "publish"
SHARINGS = (PRIVATE, GROUP, PUBLISH)
LINK_MODES = ("auto", "clone", "hardlink", "copy", "symlink", "fold")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class InvalidPolicy(Malformed):
    """A store.toml cannot be followed."""

    code = "invalid-store-policy"


class Policy(Value):
    """What store.toml says; `sharing` is "" where there is none, `keep_archives` and `max_size` None where not said."""

    __slots__ = ("group", "keep_archives", "link_mode", "max_size", "sharing", "trust")

    def __init__(
        self,
        sharing: str = "",
        group: str = "",
        trust: tuple[str, ...] = (),
        link_mode: str = "",
        keep_archives: bool | None = None,
        max_size: int | None = None,
    ) -> None:
        self.sharing: Final = sharing
        self.group: Final = group
        self.trust: Final = trust
        self.link_mode: Final = link_mode
        self.keep_archives: Final = keep_archives
        self.max_size: Final = max_size


def parse(text: str, read_toml: "ReadToml | None" = None) -> Policy:
    """Return what a store.toml says; raise InvalidPolicy. Keys that are not known are passed over."""
    table: Mapping[str, object] | None = _plain(text)
    if table is None:
        if read_toml is None:
            raise InvalidPolicy("store.toml is not written in the plain way that is read here")
        try:
            table = read_toml(text)
        except ValueError as error:
            raise InvalidPolicy(f"store.toml is not TOML: {error}") from error
    issues: list[str] = []
    policy = Policy(
        _one_of(table, "sharing", SHARINGS, issues),
        _text(table, "group", issues),
        _names(table, issues),
        _one_of(table, "link-mode", LINK_MODES, issues),
        _flag(table, "keep-archives", issues),
        _size(table, "max-size", issues),
    )
    if issues:
        raise InvalidPolicy("store.toml cannot be followed", issues=issues)
    return policy


def write(policy: Policy) -> str:
    """Return the text of a store.toml."""
    lines = ["# How this store is shared (see docs/sharing.md of Commonwheel)."]
    lines += [
        f"{key} = {_quoted(value)}" for key, value in (("sharing", policy.sharing), ("group", policy.group)) if value
    ]
    if policy.trust:
        lines.append(f"trust = [{', '.join(map(_quoted, policy.trust))}]")
    if policy.link_mode:
        lines.append(f"link-mode = {_quoted(policy.link_mode)}")
    if policy.keep_archives is not None:
        lines.append(f"keep-archives = {'true' if policy.keep_archives else 'false'}")
    if policy.max_size is not None:
        lines.append(f"max-size = {policy.max_size}")
    return "\n".join(lines) + "\n"


def size_of(text: str) -> int | None:
    """Return a number of bytes, written as `200G`, `1.5 GiB` or `1000`; None if it is not one."""
    number = text.strip().upper().removesuffix("B").removesuffix("I").rstrip()
    unit = number[-1:] if number[-1:] in _UNITS else ""
    number = number.removesuffix(unit).rstrip()
    whole, _, fraction = number.partition(".")
    if not (whole + fraction).isdecimal() or not whole:
        return None
    return int(float(number) * _UNITS[unit])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _one_of(table: "Mapping[str, object]", key: str, choices: tuple[str, ...], issues: list[str]) -> str:
    value = _text(table, key, issues)
    if value and value not in choices:
        issues.append(f"`{key}` is `{value}`, which is none of {', '.join(choices)}")
    return value


def _text(table: "Mapping[str, object]", key: str, issues: list[str]) -> str:
    value = table.get(key, "")
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and key == "group":
        return str(value)
    issues.append(f"`{key}` is not a text")
    return ""


def _names(table: "Mapping[str, object]", issues: list[str]) -> tuple[str, ...]:
    value = table.get("trust", [])
    if isinstance(value, list) and all(isinstance(name, str | int) for name in value):
        return tuple(map(str, value))
    issues.append("`trust` is not a list of users")
    return ()


def _flag(table: "Mapping[str, object]", key: str, issues: list[str]) -> bool | None:
    value = table.get(key)
    if value is None or isinstance(value, bool):
        return value
    issues.append(f"`{key}` is neither true nor false")
    return None


def _size(table: "Mapping[str, object]", key: str, issues: list[str]) -> int | None:
    value = table.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    found = size_of(value) if isinstance(value, str) else None
    if found is None:
        issues.append(f"`{key}` is not a size such as `200G`")
    return found


def _plain(text: str) -> "dict[str, object] | None":
    """Read `key = value` lines with texts, whole numbers, flags and lists of those; None for all else that TOML can be."""
    table: dict[str, object] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        line = line.strip(" \t")
        if not line or line[0] == "#":
            continue
        key, equals, rest = line.partition("=")
        key = key.rstrip(" \t")
        known = _values(rest)
        plain_key = key.replace("-", "").replace("_", "").isalnum() and key.isascii()
        if not equals or known is None or len(known) != 1 or not plain_key or key in table:
            return None
        table[key] = known[0]
    return table


def _values(text: str) -> "list[object] | None":
    """Return the values in a text, separated by commas, a comment at its end left out; None if they are not plain."""
    values: list[object] = []
    rest = text.strip(" \t")
    while rest and rest[0] != "#":
        if rest[0] == "[":
            inner, bracket, rest = rest[1:].partition("]")
            found = _values(inner)
            if not bracket or found is None or "[" in inner or "#" in inner:
                return None
            values.append(found)
        elif rest[0] in "\"'":
            word, quote, after = rest[1:].partition(rest[0])
            if not quote or "\\" in word or after[:1] == rest[0]:
                return None
            values.append(word)
            rest = after
        else:
            end = next((at for at, letter in enumerate(rest) if letter in ", \t#"), len(rest))
            word, rest = rest[:end], rest[end:]
            if word not in {"true", "false"} and not _is_whole(word):
                return None
            values.append(int(word) if _is_whole(word) else word == "true")
        rest = rest.lstrip(" \t")
        if rest and rest[0] not in ",#":
            return None
        if rest[:1] == ",":
            rest = rest[1:].lstrip(" \t")
    return values


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit() and (word == "0" or word[0] != "0")
