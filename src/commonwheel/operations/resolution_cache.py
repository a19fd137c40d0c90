"""Answers of resolutions, remembered for as long as nothing that they depend on has moved.

What was asked, for whom and by which rules makes the key. What the indexes said stands in records of the store; an answer
notes which ones it rests on and how each of them lay on the disk, and until when the first of them may be used without
asking its index again. All that is compared before the answer is believed, so that a warm resolution costs a look at as
many inodes as it has projects, and loads neither the solver nor a single page.

Where that does not hold, because time has passed or somebody else has asked meanwhile, everything is asked for at once, with the
validators of the pages; if they all still say the same, so does the answer, and the solver has nothing to do.

An answer is one of a personal store, in one of some hundred places, each of which holds what was asked last: a place costs some
30 KB, and nothing has to be cleared away. Remembered are the plain cases: indexes on the network without credentials,
wheels, one target, nothing installed that could have been kept. Whatever else is asked is resolved anew.

Laws of this file: any doubt is a miss, and so are any bytes that are not ours.
"""

from commonwheel import __version__
from commonwheel.errors import CommonwheelError
from commonwheel.model import Candidate, Digest, Pin, Resolution, SafeUrl, Value
from commonwheel.specs.sha256 import sha256_of as hashed
from commonwheel.store.sealed_records import joined, seal, unescape, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Final

    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.index_cache import Ground
    from commonwheel.index.index_config import Index
    from commonwheel.index.rules import Rules
    from commonwheel.resolve.request import Inputs
    from commonwheel.store.records import Records

SPACE = "answers"
KIND = "answer"
# hexadecimal digits of the key that name its place
PLACE = 2
# what of the inputs decides; the rest is functions, and what is installed is looked at by itself
_DECIDING = (
    "requirements", "target", "constraints", "overrides", "excludes", "scopes", "preferences", "upgrade", "upgrade_packages",
    "resolution", "prerelease", "prerelease_packages", "no_deps",
)  # fmt: skip


class Basis(Value):
    """A record that an answer rests on: whose project it is about, its space and key, its stamp then, and what names its content."""

    __slots__ = ("content", "key", "project", "space", "stamp")

    def __init__(self, project: str, space: str, key: str, stamp: str, content: str) -> None:
        self.project: Final = project
        self.space: Final = space
        self.key: Final = key
        self.stamp: Final = stamp
        self.content: Final = content


class Known(Value):
    """An answer that was remembered: the resolution, its pins with their files, and what the indexes remark on them.

    `grounds` are the records that it rests on; the first of them has to be asked for again at `until` (epoch).
    """

    __slots__ = ("grounds", "remarks", "resolution", "until")

    def __init__(
        self,
        resolution: Resolution,
        remarks: "dict[str, tuple[str, ...]]",
        until: int,
        grounds: "tuple[Basis, ...]",
    ) -> None:
        self.resolution: Final = resolution
        self.remarks: Final = remarks
        self.until: Final = until
        self.grounds: Final = grounds


def key(inputs: "Inputs", rules: "Rules", indexes: "tuple[Index, ...]", links: "tuple[Index, ...]") -> str:
    """Return the name of a question, "" for one whose answer is not remembered."""
    remembered = not (
        inputs.sources
        or links
        or not indexes
        or rules.offline
        or rules.refresh
        or rules.universal
        or any(index.private or index.flat or not index.identity.startswith("http") for index in indexes)
    )
    if not remembered:
        return ""
    words = [__version__, *(text_of(getattr(inputs, name)) for name in _DECIDING), text_of(rules), text_of(indexes)]
    return hashed("\n".join(words).encode("utf-8", "surrogatepass"))


def recall(records: "Records", name: str, installed: "Collection[str]") -> Known | None:
    """Return what was once the answer to a question: `holds` or `confirmed` tell whether it still is."""
    lines = _lines(records, name)
    if lines is None:
        return None
    try:
        known = _Reader().read(lines)
    except (ValueError, IndexError):
        return None
    return None if any(one.project in installed for one in known.grounds) else known


def holds(records: "Records", known: Known, now: float) -> bool:
    """Return whether an answer is what would be found out, from its records alone."""
    return now < known.until and all(records.stamp(one.space, one.key) == one.stamp for one in known.grounds)


def confirmed(records: "Records", name: str, known: Known, catalogue: "Catalogue") -> bool:
    """Return whether the indexes still say what an answer rests on, and remember it for as long as they say so now.

    What has to be asked is asked all at once.
    """
    try:
        catalogue.find([one.project for one in known.grounds])
    except CommonwheelError:
        # told to whoever still needs that project
        return False
    grounds = catalogue.grounds()
    lines = _lines(records, name)
    if grounds is None or lines is None:
        return False
    said = {(one.project, one.space, one.key): one.content for one in known.grounds}
    if {(one.project, one.space, one.key): one.content for one in grounds} != said:
        return False
    rest = [line for line in lines[2:] if not line.startswith("ground\t")]
    records.put(SPACE, name[:PLACE], seal(KIND, [name, *_ground_lines(grounds), *rest]))
    return True


def keep(
    records: "Records", name: str, resolution: Resolution, catalogue: "Catalogue", installed: "Collection[str]"
) -> None:
    """Remember an answer, unless it rests on anything that cannot be compared later."""
    if not name:
        return
    grounds = catalogue.grounds()
    if grounds is None or any(ground.project in installed for ground in grounds):
        return
    try:
        lines = [name, *_ground_lines(grounds)]
        lines += [joined("warning", text) for text in resolution.warnings]
        for pin in resolution.pins:
            lines += _pin_lines(pin, catalogue)
        lines += [joined("parents", child, *parents) for child, parents in resolution.parents.items()]
    except (CommonwheelError, ValueError):
        # a file that cannot be chosen is told to whoever wants it
        return
    records.put(SPACE, name[:PLACE], seal(KIND, lines))


# --- lines ----------------------------------------------------------------------------------------------------------


def _lines(records: "Records", name: str) -> "list[str] | None":
    """Return what stands in the place of a question, if it is about that one."""
    data = records.get(SPACE, name[:PLACE]) if name else None
    lines = None if data is None else unseal(KIND, data)
    return lines if lines and lines[0] == name else None


def _ground_lines(grounds: "Collection[Ground]") -> "Iterator[str]":
    yield joined("until", str(min([ground.expires for ground in grounds], default=0)))
    for one in grounds:
        yield joined("ground", one.project, one.space, one.key, one.stamp, one.content)


def _pin_lines(pin: Pin, catalogue: "Catalogue") -> "Iterator[str]":
    file = catalogue.candidate(pin.name, pin.version)
    if pin.source is not None or file.kind != "wheel" or file.url.secret != file.url.bare:
        raise ValueError(pin.name)
    requested = "requested" if pin.requested else ""
    yield joined("pin", pin.name, pin.version, requested, pin.marker, ",".join(pin.extras), _digests(pin.digests))
    fields = (
        file.version, file.kind, file.filename, file.url.secret, _digests(file.digests), _optional(file.size),
        file.requires_python, "" if file.yanked is None else f"={file.yanked}", _optional(file.uploaded),
        "" if file.metadata_digest is None else str(file.metadata_digest), file.index,
    )  # fmt: skip
    yield joined("file", *fields)
    for remark in catalogue.remarks(pin.name, pin.version):
        yield joined("remark", remark)


class _Reader:
    """Read the lines of an answer; ValueError for what is none."""

    def __init__(self) -> None:
        self._grounds: list[Basis] = []
        self._pins: list[Pin] = []
        self._warnings: list[str] = []
        self._parents: dict[str, tuple[str, ...]] = {}
        self._remarks: dict[str, tuple[str, ...]] = {}

    def read(self, lines: "list[str]") -> Known:
        """Return the answer."""
        first, until = lines[1].split("\t")
        if first != "until":
            raise ValueError(first)
        take = {
            "ground": self._ground, "warning": self._warning, "pin": self._pin, "file": self._file,
            "remark": self._remark, "parents": self._parent,
        }  # fmt: skip
        for line in lines[2:]:
            word, *fields = line.split("\t")
            taker = take.get(word)
            if taker is None:
                raise ValueError(word)
            taker([unescape(field) for field in fields] if "\\" in line else fields)
        resolution = Resolution(tuple(self._pins), self._parents, tuple(self._warnings))
        return Known(resolution, self._remarks, int(until), tuple(self._grounds))

    def _ground(self, fields: "list[str]") -> None:
        project, space, key, stamp, content = fields
        self._grounds.append(Basis(project, space, key, stamp, content))

    def _warning(self, fields: "list[str]") -> None:
        self._warnings += fields

    def _pin(self, fields: "list[str]") -> None:
        name, version, requested, marker, extras, digests = fields
        self._pins.append(
            Pin(
                name,
                version,
                digests=_read_digests(digests),
                extras=tuple(extras.split(",")) if extras else (),
                requested=bool(requested),
                marker=marker,
            )
        )

    def _file(self, fields: "list[str]") -> None:
        version, kind, filename, url, digests, size, python, yanked, uploaded, metadata, index = fields
        pin = self._pins[-1]
        file = Candidate(
            pin.name, version, kind, filename, SafeUrl(url), _read_digests(digests), int(size) if size else None, python,
            yanked[1:] if yanked else None, float(uploaded) if uploaded else None,
            _read_digests(metadata)[0] if metadata else None, index,
        )  # fmt: skip
        self._pins[-1] = Pin(
            pin.name, pin.version, file, None, pin.digests, pin.extras, requested=pin.requested, marker=pin.marker
        )

    def _remark(self, fields: "list[str]") -> None:
        name = self._pins[-1].name
        self._remarks[name] = (*self._remarks.get(name, ()), *fields)

    def _parent(self, fields: "list[str]") -> None:
        self._parents[fields[0]] = tuple(fields[1:])


def _digests(digests: "tuple[Digest, ...]") -> str:
    return ",".join(map(str, digests))


def _read_digests(text: str) -> "tuple[Digest, ...]":
    if not text:
        return ()
    found = []
    for one in text.split(","):
        algorithm, colon, digest = one.partition(":")
        if not colon:
            raise ValueError(text)
        found.append(Digest(algorithm, digest))
    return tuple(found)


def _optional(number: float | None) -> str:
    return "" if number is None else repr(number)


def text_of(value: object) -> str:
    """Return a text that is the same for equal values, in every process, and different for others."""
    if isinstance(value, str):  # most of them: a thousand tags
        return repr(value)
    if isinstance(value, Value):
        return f"{type(value).__name__}({','.join([text_of(getattr(value, name)) for name in value.__slots__])})"
    if isinstance(value, (tuple, list)):
        return f"[{','.join(map(text_of, value))}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{','.join(sorted(map(text_of, value)))}}}"
    if isinstance(value, dict):
        return f"{{{','.join(sorted([f'{text_of(one)}:{text_of(other)}' for one, other in value.items()]))}}}"
    if value is None or isinstance(value, (int, float, bool)):
        return repr(value)
    raise TypeError(type(value).__name__)
