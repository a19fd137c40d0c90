"""Core metadata (METADATA, PKG-INFO; versions 1.0 to 2.6): the few fields that resolution needs, quickly, and all of them.

A later minor version is read like the last known one, a later major version refused, as the specification demands.
"""

from commonwheel.model import Metadata, Requirement, Value
from commonwheel.specs import headers, legacy_specifiers, versions
from commonwheel.specs.names import is_valid, normalize
from commonwheel.specs.numbers import whole
from commonwheel.specs.parse_errors import Malformed
from commonwheel.specs.requirement import InvalidRequirement, parse_dependency

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

NEWEST_MAJOR = 2
FIRST_WITH_DYNAMIC = (2, 2)
_WANTED = ("metadata-version", "name", "version", "requires-dist", "requires-python", "provides-extra")
_INITIALS = "MmNnVvRrPp"
# `Requires-Dist` lines by text: the releases of a project repeat each other's, so that most are found here
_requirements: dict[str, Requirement] = {}
_specifiers: dict[str, str] = {"": "", "UNKNOWN": ""}


class InvalidMetadata(Malformed):
    """The metadata of a distribution cannot be used; `issues` has every fault."""

    code = "invalid-metadata"


class Document(Value):
    """Every field of a metadata file: lower-case name to values, in order; and the description."""

    __slots__ = ("description", "fields")

    def __init__(self, fields: "Mapping[str, tuple[str, ...]]", description: str = "") -> None:
        self.fields: Final = fields
        self.description: Final = description

    def first(self, name: str) -> str:
        """Return the first value of a field, or "" (also for the `UNKNOWN` that distutils wrote)."""
        values = self.fields.get(name.lower(), ("",))
        return "" if values[0] == "UNKNOWN" else values[0]

    def every(self, name: str) -> tuple[str, ...]:
        """Return all values of a field."""
        return self.fields.get(name.lower(), ())

    @property
    def dynamic(self) -> frozenset[str]:
        """Return the (lower-case) names of the fields that an sdist leaves to its build (PEP 643)."""
        return frozenset(value.lower() for value in self.every("dynamic"))

    @property
    def version(self) -> tuple[int, int]:
        """Return Metadata-Version as numbers; (1, 0) where there is none."""
        return _format_version(self.first("metadata-version")) or (1, 0)


def parse(data: bytes | str) -> Metadata:
    """Read what resolution needs; raise InvalidMetadata naming every fault.

    `name` and `version` come normalised. Requirements and Requires-Python that were never valid are mended where
    their meaning is clear (`repairs`); `Requires-Dist` lines have no origin.
    """
    return _metadata(_wanted(_head(data)))


def parse_egg(pkg_info: bytes | str, requires: str) -> Metadata:
    """Read the metadata of an egg-info directory, whose requirements stand in `requires.txt`; raise InvalidMetadata.

    Its sections are `[extra]`, `[:marker]` and `[extra:marker]` (setuptools); what stands before the first is for all.
    """
    found = parse(pkg_info)
    requirements: list[Requirement] = []
    extras: dict[str, None] = {}
    issues: list[str] = []
    condition = ""
    for line in map(str.strip, headers.lines_of(requires)):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            if extra:
                extras[normalize(extra)] = None
            named = f'extra == "{normalize(extra)}"' if extra else ""
            condition = f"({marker}) and {named}" if marker and named else marker or named
        elif line and not line.startswith("#"):
            requirements.append(_requirement(f"{line} ; {condition}" if condition else line, issues))
    if issues:
        raise InvalidMetadata(f"the requirements of `{found.name}` {found.version} cannot be read", issues=issues)
    return found.replaced(requires=tuple(requirements), provides_extra=tuple(extras))


def parse_static(data: bytes | str) -> Metadata | None:
    """Read the metadata of an sdist, or return None when a build may still say something else (PEP 643, 808).

    That is: before version 2.2, or when one of the fields needed here is listed as dynamic, even if it has values.
    """
    document = read_all(data)
    if document.version < FIRST_WITH_DYNAMIC or not document.dynamic.isdisjoint(_WANTED):
        return None
    return parse(data)


def read_all(data: bytes | str) -> Document:
    """Read every field and the description, for people; nothing is validated."""
    found, body = headers.read(headers.decode(data))
    fields: dict[str, list[str]] = {}
    for name, value in found:
        fields.setdefault(name, []).append(value)
    description = body
    if not body.strip() and "description" in fields:
        description = _unfolded(fields["description"][0])
    return Document({name: tuple(values) for name, values in fields.items()}, description)


def _unfolded(value: str) -> str:
    """Undo how metadata before 2.1 kept a description in a header: indented by eight blanks, or by seven and a bar."""
    first, *rest = value.split("\n")
    return "\n".join([first, *(line.removeprefix("       |").removeprefix("        ") for line in rest)])


def _head(data: bytes | str) -> str:
    """Return the text up to the first empty line, so that a long description is not even decoded."""
    if isinstance(data, bytes):
        for end in (b"\n\n", b"\r\n\r\n"):
            cut = data.find(end)
            if cut >= 0:
                data = data[: cut + 1]
    return headers.decode(data)


def _wanted(text: str) -> dict[str, list[str]]:
    """Collect the wanted headers only: a file has some eighty, most of them classifiers."""
    fields: dict[str, list[str]] = {name: [] for name in _WANTED}
    last: list[str] | None = None
    folded: list[str] = []
    for line in headers.lines_of(text):
        if not line:
            break
        initial = line[0]
        if initial in " \t":
            if last:
                folded.append(line.strip())
            continue
        if folded and last:
            last[-1] = " ".join((last[-1], *folded))
            folded = []
        name, colon, value = line.partition(":")
        if not colon or " " in name:
            break
        last = fields.get(name.lower()) if initial in _INITIALS else None
        if last is not None:
            last.append(value.strip(" \t"))
    if folded and last:
        last[-1] = " ".join((last[-1], *folded))
    return fields


def _metadata(fields: dict[str, list[str]]) -> Metadata:
    issues: list[str] = []
    name = next(iter(fields["name"]), "")
    if not is_valid(name):
        issues.append(f"`Name: {name}` is not a project name" if name else "there is no `Name`")
    version = _version(next(iter(fields["version"]), ""), issues)
    if fields["metadata-version"]:
        _check_format(fields["metadata-version"][0], issues)
    requires = tuple([_requirement(line, issues) for line in fields["requires-dist"]])
    requires_python = _specifier(next(iter(fields["requires-python"]), ""), issues)
    if issues:
        whose = f" of `{normalize(name)}` {version}" if name and version else ""
        raise InvalidMetadata(f"the metadata{whose} cannot be used: {issues[0]}", issues=issues)
    extras = tuple([normalize(extra) for extra in fields["provides-extra"]])
    return Metadata(normalize(name), version, requires, requires_python, extras)


def _version(text: str, issues: list[str]) -> str:
    if versions.parsed_key(text) is None:
        issues.append(f"`Version: {text}` is not a version" if text else "there is no `Version`")
        return text
    return versions.canonical(text)


def _format_version(text: str) -> tuple[int, int] | None:
    first, _, second = text.partition(".")
    major, minor = whole(first), whole(second.partition(".")[0] or "0")
    return None if major is None or minor is None else (major, minor)


def _check_format(text: str, issues: list[str]) -> None:
    version = _format_version(text)
    if version is None or version[0] > NEWEST_MAJOR:
        issues.append(f"`Metadata-Version: {text}` is not understood; 1.0 to 2.x are")


_NOTHING = Requirement("")


def _requirement(line: str, issues: list[str]) -> Requirement:
    found = _requirements.get(line)
    if found is not None:
        return found
    try:
        found = parse_dependency(line)
    except InvalidRequirement as error:
        mended = legacy_specifiers.requirement(line)
        try:
            found = parse_dependency(mended or "").replaced(text=line)
        except InvalidRequirement:
            issues.append(f"`Requires-Dist: {line}`: {error.message}")
            return _NOTHING
    _requirements[line] = found
    return found


def _specifier(text: str, issues: list[str]) -> str:
    found = _specifiers.get(text)
    if found is None:
        found = legacy_specifiers.specifier(text)
        if found is None:
            issues.append(f"`Requires-Python: {text}` is not a version specifier")
            return ""
        _specifiers[text] = found
    return found
