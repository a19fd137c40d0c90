"""What happened to an environment: one file for each committed transaction, and the state that it left.

    <state>/history/000012        a transaction; that this name exists *is* its being committed (transaction.py)
    <state>/snapshots/<name>      the number of a state that has a name

A record holds the whole list of distributions after the change, by the sha256 of their wheels: to go back to any of
them is a plan like every other, and needs no earlier record.

Format: lines of fields separated by TAB (`store.sealed_records` has the escapes), the first `commonwheel-history`, 1. Unknown words are
passed over; a file that does not begin so is no record.
"""

import os

from commonwheel.errors import UsageError
from commonwheel.fs import disk, files, found, trees
from commonwheel.fs.found import Directory, Refusal
from commonwheel.install import state as states
from commonwheel.model import Value
from commonwheel.specs.names import is_valid
from commonwheel.store.sealed_records import joined, unescape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

    from commonwheel.fs.found import Belief
    from commonwheel.model import Environment
    from commonwheel.store.trust import Trust

STATE = ".cw"
_FORMAT = "commonwheel-history\t1"
_WIDTH = 6
_MOST_SNAPSHOT = 64


class Package(Value):
    """One distribution as a record tells it; `digest` is the sha256 of its wheel, "" when another tool installed it.

    `direct_url` is the text of that file or ""; `location` its metadata directory.
    """

    __slots__ = ("digest", "direct_url", "installer", "location", "name", "requested", "version")

    def __init__(
        self,
        name: str,
        version: str,
        digest: str = "",
        location: str = "",
        installer: str = "cw",
        direct_url: str = "",
        *,
        requested: bool = False,
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.digest: Final = digest
        self.location: Final = location
        self.installer: Final = installer
        self.direct_url: Final = direct_url
        self.requested: Final = requested


class Record(Value):
    """One committed transaction: what came and went, and the state that it left.

    `when` is seconds since the epoch; `who` is user, host and process; `command` what the user typed, without secrets;
    `mode` how the files were placed; `work` the name of the directory in which the transaction did its work: where two
    writers took one number, it tells whose record this is.
    """

    __slots__ = ("added", "command", "kept", "mode", "number", "removed", "when", "who", "work")

    def __init__(  # noqa: PLR0913 - what a record tells
        self,
        number: int,
        when: float,
        who: str,
        command: str,
        added: "tuple[Package, ...]" = (),
        removed: "tuple[Package, ...]" = (),
        kept: "tuple[Package, ...]" = (),
        mode: str = "",
        work: str = "",
    ) -> None:
        self.number: Final = number
        self.when: Final = when
        self.who: Final = who
        self.command: Final = command
        self.added: Final = added
        self.removed: Final = removed
        self.kept: Final = kept
        self.mode: Final = mode
        self.work: Final = work

    @property
    def state(self) -> "dict[str, Package]":
        """Return what the environment held after it, by name."""
        return {one.name: one for one in sorted((*self.kept, *self.added), key=lambda one: one.name)}


class Difference(Value):
    """What has to come and to go between two states; a changed version is in both."""

    __slots__ = ("added", "removed")

    def __init__(self, added: "tuple[Package, ...]", removed: "tuple[Package, ...]") -> None:
        self.added: Final = added
        self.removed: Final = removed


# --- text ----------------------------------------------------------------------------------------------------------


def encode(record: Record, base: str = "") -> bytes:
    """Return the text of a record; locations below `base` stand there relative to it: an environment may be moved."""
    lines = [
        _FORMAT,
        joined("number", str(record.number)),
        joined("when", repr(record.when)),
        joined("who", record.who),
        joined("command", record.command),
        joined("mode", record.mode),
        joined("work", record.work),
    ]
    for word, packages in (("add", record.added), ("remove", record.removed), ("keep", record.kept)):
        lines += [_line(word, one, base) for one in packages]
    return "".join([f"{line}\n" for line in lines]).encode("utf-8", "surrogateescape")


def _line(word: str, one: Package, base: str) -> str:
    flag = "requested" if one.requested else "-"
    location = one.location.removeprefix(f"{base}/") if base else one.location
    return joined(word, one.name, one.version, one.digest, flag, one.installer, location, one.direct_url)


def decode(data: bytes, base: str = "") -> Record | None:
    """Return what a record says, or None if this is none; `base` is what relative locations are relative to."""
    lines = str(data, "utf-8", "surrogateescape").split("\n")
    if lines[0] != _FORMAT:
        return None
    facts: dict[str, str] = {}
    packages: dict[str, list[Package]] = {"add": [], "remove": [], "keep": []}
    for line in lines[1:]:
        word, _, rest = line.partition("\t")
        if word in packages:
            package = _package([unescape(field) for field in rest.split("\t")], base)
            if package is None:
                return None
            packages[word].append(package)
        else:
            facts[word] = unescape(rest)
    try:
        number, when = int(facts["number"]), float(facts["when"])
    except (KeyError, ValueError):
        return None
    return Record(
        number,
        when,
        facts.get("who", ""),
        facts.get("command", ""),
        tuple(packages["add"]),
        tuple(packages["remove"]),
        tuple(packages["keep"]),
        facts.get("mode", ""),
        facts.get("work", ""),
    )


def _package(fields: "list[str]", base: str) -> Package | None:
    if len(fields) < 7:  # noqa: PLR2004 - those of _line
        return None
    name, version, digest, flag, installer, location, direct_url = fields[:7]
    if base and location and not location.startswith("/"):
        location = f"{base}/{location}"
    return Package(name, version, digest, location, installer, direct_url, requested=flag == "requested")


# --- files ---------------------------------------------------------------------------------------------------------


def state_directory(environment: "Environment") -> str:
    """Return where an environment keeps what cw knows of it: on the file system of its packages, below what it may change.

    A system's Python has `/usr` for a root, which is not ours to put things into: there it stands beside the packages.
    """
    base = environment.paths["purelib"] if environment.kind == "system" else environment.root
    return f"{base}/{STATE}"


def path_of(state: str, number: int) -> str:
    """Return the file of a record."""
    return f"{state}/history/{number:0{_WIDTH}d}"


def numbers(state: str) -> "list[int]":
    """Return the numbers of all records below a state directory, ascending; of any writer."""
    return sorted(int(name) for name in _names(f"{state}/history", os.path.dirname(state)) if name.isdecimal())


def _names(path: str, base: str) -> "list[str]":
    """Return the names in a directory below `base`, none if it is not there, is no directory, or is reached through a link."""
    opened = found.directory(path, found.ANYBODY, base=base)
    if not isinstance(opened, Directory):
        return []
    with opened:
        return opened.names()


def last_number(state: str) -> int:
    """Return the number of the last record, 0 for none."""
    return max(numbers(state), default=0)


def load(environment: "Environment", number: int) -> Record | None:
    """Return one record, or None if it is not there or cannot be read."""
    return read(state_directory(environment), number)


def read(state: str, number: int, belief: "Belief | None" = None) -> Record | None:
    """Return one record below a state directory, or None if it is not there, says nothing, or a stranger wrote it.

    `belief` tells who counts; without it me, root and the owner of the environment. Raises DiskError if the disk fails.
    """
    data = _data(state, number, belief or states.authors(state))
    return decode(data, os.path.dirname(state)) if isinstance(data, bytes) else None


def refusal(state: str, number: int, belief: "Belief | None" = None) -> Refusal | None:
    """Return why a record that is there does not count, None if it does, or if there is none."""
    data = _data(state, number, belief or states.authors(state))
    return data if isinstance(data, Refusal) else None


def _data(state: str, number: int, belief: "Belief") -> bytes | Refusal | None:
    path = path_of(state, number)
    data = found.read(path, belief, base=os.path.dirname(state))
    if isinstance(data, Refusal) and data.errno:
        raise disk.DiskError("read", path, OSError(data.errno, os.strerror(data.errno)))
    return data


def log(environment: "Environment") -> "tuple[Record, ...]":
    """Return all records, oldest first, of any writer: to be shown; those that cannot be read are left out."""
    state = state_directory(environment)
    records = [read(state, number, found.ANYBODY) for number in numbers(state)]
    return tuple(one for one in records if one is not None)


def current(environment: "Environment", trust: "Trust | None" = None) -> Record | None:
    """Return the last record, or None for an environment that cw has not changed, or where a stranger wrote it."""
    state = state_directory(environment)
    number = last_number(state)
    return read(state, number, states.authors(state, trust)) if number else None


def require(environment: "Environment", number: int, trust: "Trust | None" = None) -> Record | None:
    """Return a record that decides what is installed, None if there is none; raise ForeignState if a stranger wrote it."""
    state = state_directory(environment)
    belief = states.authors(state, trust)
    reason = refusal(state, number, belief)
    if reason is not None:
        raise states.refused(reason)
    return read(state, number, belief)


def recorded_digests(environment: "Environment") -> "dict[str, str]":
    """Return name -> sha256 of the wheel that cw installed last under it: for `plan.Wishes.recorded`."""
    record = current(environment)
    return {} if record is None else {name: one.digest for name, one in record.state.items() if one.digest}


def difference(before: "Mapping[str, Package]", after: "Mapping[str, Package]") -> Difference:
    """Return what has to be added and removed to get from one state to another."""
    added = tuple(one for name, one in after.items() if not _same(before.get(name), one))
    removed = tuple(one for name, one in before.items() if not _same(after.get(name), one))
    return Difference(added, removed)


def foreign_changes(record: "Record | None", present: "Iterable[Package]") -> Difference:
    """Return what other tools did since a record: what they added, and what they took away."""
    return difference({} if record is None else record.state, {one.name: one for one in present})


def _same(one: Package | None, other: Package | None) -> bool:
    if one is None or other is None or one.version != other.version or one.installer != other.installer:
        return False
    return one.direct_url == other.direct_url and (not one.digest or not other.digest or one.digest == other.digest)


def save_snapshot(environment: "Environment", name: str, number: int) -> bool:
    """Give a state a name; False if the name is taken. Raises UsageError for a name that is no plain word, or a number."""
    if not is_valid(name) or name.isdigit():
        raise UsageError(
            f"`{name}` cannot name a state", hint="letters, digits, `.`, `-` and `_`, and not a number alone"
        )
    state = state_directory(environment)
    directory = f"{state}/snapshots"
    trees.make_directory(directory, parents=True)
    opened = found.directory(directory, found.ANYBODY, base=os.path.dirname(state))
    if not isinstance(opened, Directory):
        raise states.refused(opened or Refusal(directory, "it is gone"))
    opened.close()
    return files.write(f"{directory}/{name}", f"{number}\n".encode(), replace=False)


def snapshots(environment: "Environment") -> "dict[str, int]":
    """Return the named states."""
    state = state_directory(environment)
    base, belief = os.path.dirname(state), states.authors(state)
    known = {}
    for name in sorted(_names(f"{state}/snapshots", base)):
        text = found.read(f"{state}/snapshots/{name}", belief, base=base, limit=_MOST_SNAPSHOT)
        if isinstance(text, bytes) and text.strip().isdigit():
            known[name] = int(text)
    return known
