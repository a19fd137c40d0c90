"""uv.lock, version 1: text to values and back (the format of uv 0.13, which writes revision 5).

The reader takes every revision of version 1 and passes over keys that it does not know. The writer writes revision 5 in
uv's layout, byte for byte: the order of tables and keys, one element a line or all on one, and the spacing.
`write(read(text)) == text` for what uv wrote, and `read(write(lock)) == lock` for every lock.

Laws of this file: pure. It does not know what a lock means: `project/` does.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.model import Value
from commonwheel.specs import toml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, Final

VERSION = 1
REVISION = 5

#: The kinds of sources, in the order in which packages of one name and version are sorted.
KINDS = ("registry", "git", "url", "path", "directory", "editable", "virtual")
#: Kinds whose metadata a lock repeats, since it may change under the same name.
LOCAL_KINDS = ("directory", "editable", "virtual")
_MARKS = ("<<<<<<<", "=======", ">>>>>>>")
#: What stands beside a relative `exclude-newer`, word for word as uv writes it.
_NO_MOMENT = "0001-01-01T00:00:00Z"
_RELATIVE = "This has no effect and is included for backwards compatibility when using relative exclude-newer values."


class InvalidLock(CommonwheelError):
    """A `uv.lock` cannot be read; the message names the file and what is wrong."""

    code = "invalid-uv-lock"
    exit_status = 2


class MergeMarks(InvalidLock):
    """A `uv.lock` holds the marks of an unfinished merge."""

    code = "merge-marks"


class Source(Value):
    """Where a package comes from: a kind of `KINDS`, and the URL or path as the lock spells it."""

    __slots__ = ("kind", "place", "subdirectory")

    def __init__(self, kind: str, place: str, subdirectory: str = "") -> None:
        self.kind: Final = kind
        self.place: Final = place
        self.subdirectory: Final = subdirectory

    @property
    def is_local(self) -> bool:
        """Return whether this is a tree of files on this machine."""
        return self.kind in LOCAL_KINDS

    def key(self) -> tuple[int, str, str]:
        """Return what packages of one name and version are sorted by."""
        return KINDS.index(self.kind), self.place, self.subdirectory


class File(Value):
    """One file of a package.

    `key` is `url`, `path` or `filename` ("" for an sdist that the source itself names); `hash` is `sha256:…` or "";
    `size` is None where it is not known; `uploaded` is a moment as text ("" for none).
    """

    __slots__ = ("hash", "key", "place", "size", "uploaded")

    def __init__(self, key: str, place: str, hash: str = "", size: int | None = None, uploaded: str = "") -> None:  # noqa: A002 - the word of the format
        self.key: Final = key
        self.place: Final = place
        self.hash: Final = hash
        self.size: Final = size
        self.uploaded: Final = uploaded

    @property
    def filename(self) -> str:
        """Return the name of the file, "" where the lock does not say it."""
        return self.place.partition("#")[0].partition("?")[0].rpartition("/")[2]


class Dependency(Value):
    """One edge: `version` ("" for none) and `source` (or None) stand where the lock has several packages of the name."""

    __slots__ = ("extras", "marker", "name", "source", "version")

    def __init__(
        self, name: str, version: str = "", source: Source | None = None, extras: tuple[str, ...] = (), marker: str = ""
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.source: Final = source
        self.extras: Final = extras
        self.marker: Final = marker


class LockRequirement(Value):
    """A declared requirement, as `requires-dist` and the lists of the manifest have it.

    `key` is "" (an index, with `specifier`), or `index`, `git`, `url`, `path`, `directory`, `editable` or `virtual` with its
    `place`; `conflict` is the item for which a source was chosen, as a pair (package, extra or group), or ().
    """

    __slots__ = ("conflict", "extras", "key", "marker", "name", "place", "specifier", "subdirectory")

    def __init__(
        self,
        name: str,
        extras: tuple[str, ...] = (),
        marker: str = "",
        specifier: str = "",
        key: str = "",
        place: str = "",
        subdirectory: str = "",
        conflict: "tuple[tuple[str, str], ...]" = (),
    ) -> None:
        self.name: Final = name
        self.extras: Final = extras
        self.marker: Final = marker
        self.specifier: Final = specifier
        self.key: Final = key
        self.place: Final = place
        self.subdirectory: Final = subdirectory
        self.conflict: Final = conflict


class Package(Value):
    """One `[[package]]`; `version` is "" where it is dynamic.

    `default_groups` is a tuple of names, `"all"`, or None for the default; `optional`, `groups` and `group_pythons` map
    names to edges or specifiers; `requires_dist` None means that the lock repeats no metadata of the package.
    """

    __slots__ = (
        "default_groups", "dependencies", "forks", "group_pythons", "groups", "name", "optional", "provides_extras",
        "requires_dev", "requires_dist", "sdist", "source", "version", "wheels",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the keys of the table
        self,
        name: str,
        version: str,
        source: Source,
        *,
        default_groups: "tuple[str, ...] | str | None" = None,
        forks: tuple[str, ...] = (),
        dependencies: tuple[Dependency, ...] = (),
        sdist: File | None = None,
        wheels: tuple[File, ...] = (),
        optional: "Mapping[str, tuple[Dependency, ...]] | None" = None,
        groups: "Mapping[str, tuple[Dependency, ...]] | None" = None,
        group_pythons: "Mapping[str, str] | None" = None,
        requires_dist: "tuple[LockRequirement, ...]" = (),
        provides_extras: tuple[str, ...] = (),
        requires_dev: "Mapping[str, tuple[LockRequirement, ...]] | None" = None,
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.source: Final = source
        self.default_groups: Final = default_groups
        self.forks: Final = forks
        self.dependencies: Final = dependencies
        self.sdist: Final = sdist
        self.wheels: Final = wheels
        self.optional: Final[Mapping[str, tuple[Dependency, ...]]] = optional or {}
        self.groups: Final[Mapping[str, tuple[Dependency, ...]]] = groups or {}
        self.group_pythons: Final[Mapping[str, str]] = group_pythons or {}
        self.requires_dist: Final = requires_dist
        self.provides_extras: Final = provides_extras
        self.requires_dev: Final[Mapping[str, tuple[LockRequirement, ...]]] = requires_dev or {}

    def key(self) -> tuple[str, str, Source]:
        """Return what identifies the package in its lock."""
        return self.name, self.version, self.source

    def edges(self) -> "Iterator[tuple[str, str, Dependency]]":
        """Yield (extra, group, edge) for every edge."""
        for edge in self.dependencies:
            yield "", "", edge
        for extra, edges in self.optional.items():
            for edge in edges:
                yield extra, "", edge
        for group, edges in self.groups.items():
            for edge in edges:
                yield "", group, edge


class Item(Value):
    """One side of a conflict: an extra or a group of a package, or the package itself (both "")."""

    __slots__ = ("extra", "group", "package")

    def __init__(self, package: str, extra: str = "", group: str = "") -> None:
        self.package: Final = package
        self.extra: Final = extra
        self.group: Final = group


class Limit(Value):
    """An `exclude-newer`: a moment as text, or the span before now (`P3W`); both "" where files of any age count."""

    __slots__ = ("moment", "span")

    def __init__(self, moment: str = "", span: str = "") -> None:
        self.moment: Final = moment
        self.span: Final = span


class Options(Value):
    """The `[options]`: how versions were chosen, "" for the defaults."""

    __slots__ = (
        "fork_strategy", "newest", "newest_packages", "prerelease", "prerelease_packages", "resolution",
    )  # fmt: skip

    def __init__(
        self,
        resolution: str = "",
        prerelease: str = "",
        fork_strategy: str = "",
        newest: Limit | None = None,
        prerelease_packages: "Mapping[str, str] | None" = None,
        newest_packages: "Mapping[str, Limit] | None" = None,
    ) -> None:
        self.resolution: Final = resolution
        self.prerelease: Final = prerelease
        self.fork_strategy: Final = fork_strategy
        self.newest: Final = newest
        self.prerelease_packages: Final[Mapping[str, str]] = prerelease_packages or {}
        self.newest_packages: Final[Mapping[str, Limit]] = newest_packages or {}


class StaticMetadata(Value):
    """One `[[manifest.dependency-metadata]]`: what counts as the metadata of a package (`version` "": of every version)."""

    __slots__ = ("name", "provides_extras", "requires_dist", "requires_python", "version")

    def __init__(
        self,
        name: str,
        version: str = "",
        requires_dist: tuple[str, ...] = (),
        requires_python: str = "",
        provides_extras: tuple[str, ...] = (),
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.requires_dist: Final = requires_dist
        self.requires_python: Final = requires_python
        self.provides_extras: Final = provides_extras


class Manifest(Value):
    """The `[manifest]`: what the lock was made of, apart from the metadata of packages.

    `members` are () for a project alone; `default_groups`, `groups` and `group_pythons` are those of a root that is no
    project; `requirements` are a script's.
    """

    __slots__ = (
        "build_constraints", "constraints", "default_groups", "excludes", "group_pythons", "groups", "members",
        "metadata", "overrides", "requirements",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the keys of the table
        self,
        *,
        members: tuple[str, ...] = (),
        default_groups: "tuple[str, ...] | str | None" = None,
        requirements: tuple[LockRequirement, ...] = (),
        constraints: tuple[LockRequirement, ...] = (),
        overrides: tuple[LockRequirement, ...] = (),
        excludes: tuple[str, ...] = (),
        build_constraints: tuple[LockRequirement, ...] = (),
        groups: "Mapping[str, tuple[LockRequirement, ...]] | None" = None,
        group_pythons: "Mapping[str, str] | None" = None,
        metadata: tuple[StaticMetadata, ...] = (),
    ) -> None:
        self.members: Final = members
        self.default_groups: Final = default_groups
        self.requirements: Final = requirements
        self.constraints: Final = constraints
        self.overrides: Final = overrides
        self.excludes: Final = excludes
        self.build_constraints: Final = build_constraints
        self.groups: Final[Mapping[str, tuple[LockRequirement, ...]]] = groups or {}
        self.group_pythons: Final[Mapping[str, str]] = group_pythons or {}
        self.metadata: Final = metadata


class Lock(Value):
    """A whole lock; `packages` are in the order of the file."""

    __slots__ = (
        "conflicts", "forks", "manifest", "options", "packages", "required", "requires_python", "revision", "supported",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the keys of the table
        self,
        requires_python: str,
        packages: tuple[Package, ...] = (),
        *,
        revision: int = REVISION,
        forks: tuple[str, ...] = (),
        supported: tuple[str, ...] = (),
        required: tuple[str, ...] = (),
        conflicts: tuple[tuple[Item, ...], ...] = (),
        options: Options | None = None,
        manifest: Manifest | None = None,
    ) -> None:
        self.requires_python: Final = requires_python
        self.packages: Final = packages
        self.revision: Final = revision
        self.forks: Final = forks
        self.supported: Final = supported
        self.required: Final = required
        self.conflicts: Final = conflicts
        self.options: Final = options or Options()
        self.manifest: Final = manifest or Manifest()

    def named(self, name: str) -> tuple[Package, ...]:
        """Return all packages of a name."""
        return tuple(package for package in self.packages if package.name == name)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(text: str, path: str) -> Lock:
    """Read a lock; `path` names it in errors.

    Raises MergeMarks where a merge has left its marks; InvalidLock for text that is no TOML, another version of the
    format, and values of a wrong type.
    """
    try:
        document = toml.loads(text)
    except toml.InvalidToml as error:
        if has_merge_marks(text):
            raise MergeMarks(
                f"`{path}` holds the marks of a merge that is not finished", hint="`cw lock` repairs it from both sides"
            ) from error
        raise InvalidLock(
            f"`{path}` is not valid TOML: {error}", hint="restore it, or delete it and run `cw lock`"
        ) from error
    return _Reading(path).lock(document)


def has_merge_marks(text: str) -> bool:
    """Return whether lines of a text are marks of git about a conflict."""
    return all(any(line.startswith(mark) for line in text.splitlines()) for mark in _MARKS)


def sides(text: str) -> tuple[str, ...]:
    """Return both sides of a text with merge marks: ours, then theirs; a common ancestor between them is left out."""
    mine: list[str] = []
    theirs: list[str] = []
    to: tuple[list[str], ...] = (mine, theirs)
    for line in text.splitlines(keepends=True):
        if line.startswith("<<<<<<<"):
            to = (mine,)
        elif line.startswith("|||||||"):
            to = ()
        elif line.startswith("=======") and to != (mine, theirs):
            to = (theirs,)
        elif line.startswith(">>>>>>>"):
            to = (mine, theirs)
        else:
            for side in to:
                side.append(line)
    return "".join(mine), "".join(theirs)


class _Reading:
    """Take a document apart."""

    def __init__(self, path: str) -> None:
        self._path = path

    def lock(self, document: "Mapping[str, Any]") -> Lock:
        version = document.get("version")
        if version != VERSION:
            raise InvalidLock(
                f"`{self._path}` has version {version!r} of the lock format, and only version {VERSION} can be read",
                hint="use a newer cw, or delete the lock and run `cw lock`",
            )
        try:
            return Lock(
                _text(document, "requires-python"),
                tuple(map(_package, document.get("package", ()))),
                revision=int(document.get("revision", 0)),
                forks=_texts(document, "resolution-markers"),
                supported=_texts(document, "supported-markers"),
                required=_texts(document, "required-markers"),
                conflicts=tuple(
                    tuple(Item(item["package"], item.get("extra", ""), item.get("group", "")) for item in items)
                    for items in document.get("conflicts", ())
                ),
                options=_options(document.get("options", {})),
                manifest=_manifest(document.get("manifest", {})),
            )
        except _Fault as fault:
            raise InvalidLock(
                f"`{self._path}` is not a valid lock: {fault}", hint="restore it, or delete it and run `cw lock`"
            ) from fault
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = (
                f"the key `{error.args[0]}` is missing" if isinstance(error, KeyError) else "a value has a wrong type"
            )
            raise InvalidLock(
                f"`{self._path}` is not a valid lock: {what}", hint="restore it, or delete it and run `cw lock`"
            ) from error


class _Fault(Exception):
    """What is wrong inside a lock, until the file is known."""


def _text(table: "Mapping[str, Any]", key: str, default: str = "") -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise _Fault(f"`{key}` is not a string")
    return value


def _texts(table: "Mapping[str, Any]", key: str) -> tuple[str, ...]:
    value = table.get(key, ())
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise _Fault(f"`{key}` is not a list of strings")
    return tuple(value)


def _source(table: "Mapping[str, Any]") -> Source:
    for kind in KINDS:
        if kind in table:
            return Source(kind, _text(table, kind), _text(table, "subdirectory"))
    raise _Fault(f"the source {dict(table)!r} is of no known kind")


def _package(table: "Mapping[str, Any]") -> Package:
    metadata = table.get("metadata", {})
    name = _text(table, "name")
    if not name or "source" not in table:
        raise _Fault(f"the package `{name}` has no {'source' if name else 'name'}")
    return Package(
        name,
        _text(table, "version"),
        _source(table["source"]),
        default_groups=_group_names(table),
        forks=_texts(table, "resolution-markers"),
        dependencies=_dependencies(table.get("dependencies", ())),
        sdist=_file(table["sdist"]) if "sdist" in table else None,
        wheels=tuple(map(_file, table.get("wheels", ()))),
        optional={key: _dependencies(value) for key, value in table.get("optional-dependencies", {}).items()},
        groups={key: _dependencies(value) for key, value in table.get("dev-dependencies", {}).items()},
        group_pythons={
            key: _text(table["group-requires-python"], key) for key in table.get("group-requires-python", {})
        },
        requires_dist=tuple(map(_lock_requirement, metadata.get("requires-dist", ()))),
        provides_extras=_texts(metadata, "provides-extras"),
        requires_dev={
            key: tuple(map(_lock_requirement, value)) for key, value in metadata.get("requires-dev", {}).items()
        },
    )


def _group_names(table: "Mapping[str, Any]") -> "tuple[str, ...] | str | None":
    value = table.get("default-groups")
    return value if value is None or isinstance(value, str) else _texts(table, "default-groups")


def _file(table: "Mapping[str, Any]") -> File:
    key = next((key for key in ("url", "path", "filename") if key in table), "")
    size = table.get("size")
    if size is not None and not isinstance(size, int):
        raise _Fault("`size` is not a number")
    uploaded = table.get("upload-time", "")
    return File(key, _text(table, key) if key else "", _text(table, "hash"), size, str(uploaded))


def _dependencies(tables: "Iterable[Mapping[str, Any]]") -> tuple[Dependency, ...]:
    return tuple(
        Dependency(
            table["name"],
            _text(table, "version"),
            _source(table["source"]) if "source" in table else None,
            _texts(table, "extra"),
            _text(table, "marker"),
        )
        for table in tables
    )


def _lock_requirement(table: "Mapping[str, Any]") -> LockRequirement:
    key = next((key for key in ("index", *KINDS[1:]) if key in table), "")
    return LockRequirement(
        table["name"],
        _texts(table, "extras"),
        _text(table, "marker"),
        _text(table, "specifier"),
        key,
        _text(table, key) if key else "",
        _text(table, "subdirectory"),
        tuple(table.get("conflict", {}).items()),
    )


def _options(table: "Mapping[str, Any]") -> Options:
    newest = None
    if "exclude-newer" in table:
        span = _text(table, "exclude-newer-span")
        newest = Limit("" if span else _text(table, "exclude-newer"), span)
    return Options(
        _text(table, "resolution-mode"),
        _text(table, "prerelease-mode"),
        _text(table, "fork-strategy"),
        newest,
        dict(table.get("prerelease-package", {})),
        {name: _limit(value) for name, value in table.get("exclude-newer-package", {}).items()},
    )


def _limit(value: object) -> Limit:
    if value is False:
        return Limit()
    if isinstance(value, str):
        return Limit(value)
    if not isinstance(value, dict):
        raise _Fault("`exclude-newer-package` holds neither a moment nor false")
    span = _text(value, "span")
    return Limit("" if span else _text(value, "timestamp"), span)


def _manifest(table: "Mapping[str, Any]") -> Manifest:
    def lock_requirements(key: str) -> tuple[LockRequirement, ...]:
        return tuple(map(_lock_requirement, table.get(key, ())))

    return Manifest(
        members=_texts(table, "members"),
        default_groups=_group_names(table),
        requirements=lock_requirements("requirements"),
        constraints=lock_requirements("constraints"),
        overrides=lock_requirements("overrides"),
        excludes=_texts(table, "excludes"),
        build_constraints=lock_requirements("build-constraints"),
        groups={key: tuple(map(_lock_requirement, value)) for key, value in table.get("dependency-groups", {}).items()},
        group_pythons=dict(table.get("group-requires-python", {})),
        metadata=tuple(
            StaticMetadata(
                _text(one, "name"),
                _text(one, "version"),
                _texts(one, "requires-dist"),
                _text(one, "requires-python"),
                _texts(one, "provides-extras") or _texts(one, "provides-extra"),
            )
            for one in table.get("dependency-metadata", ())
        ),
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def write(lock: Lock) -> str:
    """Return the text of a lock, in uv's layout; the revision is that of the lock."""
    out: list[str] = [f"version = {VERSION}\n"]
    if lock.revision:
        out.append(f"revision = {lock.revision}\n")
    out.append(f"requires-python = {_string(lock.requires_python)}\n")
    for key, texts in (
        ("resolution-markers", lock.forks),
        ("supported-markers", lock.supported),
        ("required-markers", lock.required),
    ):
        _lines(out, key, map(_string, texts))
    if lock.conflicts:
        sets = ("".join(f"    {_item(item)},\n" for item in items) for items in lock.conflicts)
        out.append("conflicts = [[\n" + "], [\n".join(sets) + "]]\n")
    _write_options(out, lock.options)
    _write_manifest(out, lock.manifest)
    for package in lock.packages:
        _write_package(out, package)
    return "".join(out)


def _string(text: str) -> str:
    """Return a basic string; one that holds quotes or backslashes is a literal string where that can be."""
    plain = text.isprintable()
    if plain and '"' not in text and "\\" not in text:
        return f'"{text}"'
    if plain and "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(character: str) -> str:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}.get(character)
    number = ord(character)
    return short or (f"\\u{number:04X}" if number < 0x10000 else f"\\U{number:08X}")  # noqa: PLR2004 - the BMP


def _key(text: str) -> str:
    bare = text.isascii() and text.replace("-", "").replace("_", "").isalnum()
    return text if bare else _string(text)


def _inline(pairs: "Iterable[tuple[str, str]]") -> str:
    """Return an inline table of keys and ready values; pairs without a value are left out."""
    inner = ", ".join(f"{key} = {value}" for key, value in pairs if value)
    return f"{{ {inner} }}"


def _row(values: "Iterable[str]") -> str:
    return f"[{', '.join(values)}]"


def _lines(out: list[str], key: str, values: "Iterable[str]") -> None:
    """Write a list with one element a line; nothing for an empty one."""
    inner = "".join(f"    {value},\n" for value in values)
    if inner:
        out.append(f"{key} = [\n{inner}]\n")


def _short(out: list[str], key: str, values: "Sequence[str]", *, empty: bool = False) -> None:
    """Write a list on one line if it has one element at most, else with one a line."""
    if len(values) > 1:
        _lines(out, key, values)
    elif values or empty:
        out.append(f"{key} = {_row(values)}\n")


def _string_or_none(text: str) -> str:
    return _string(text) if text else ""


def _item(item: Item) -> str:
    return _inline(
        (
            ("package", _string(item.package)),
            ("extra", _string_or_none(item.extra)),
            ("group", _string_or_none(item.group)),
        )
    )


def _groups(value: "tuple[str, ...] | str") -> str:
    return _string(value) if isinstance(value, str) else _row(map(_string, value))


def _write_options(out: list[str], options: Options) -> None:
    if options == Options():
        return
    out.append("\n[options]\n")
    for key, text in (
        ("resolution-mode", options.resolution),
        ("prerelease-mode", options.prerelease),
        ("fork-strategy", options.fork_strategy),
    ):
        if text:
            out.append(f"{key} = {_string(text)}\n")
    if options.newest is not None:
        if options.newest.span:
            out.append(f"exclude-newer = {_string(_NO_MOMENT)} # {_RELATIVE}\n")
            out.append(f"exclude-newer-span = {_string(options.newest.span)}\n")
        else:
            out.append(f"exclude-newer = {_string(options.newest.moment)}\n")
    _table(out, "options.prerelease-package", ((k, _string(v)) for k, v in sorted(options.prerelease_packages.items())))
    _table(out, "options.exclude-newer-package", ((k, _limited(v)) for k, v in sorted(options.newest_packages.items())))


def _limited(limit: Limit) -> str:
    if limit.span:
        return _inline((("timestamp", _string(_NO_MOMENT)), ("span", _string(limit.span))))
    return _string(limit.moment) if limit.moment else "false"


def _table(out: list[str], name: str, pairs: "Iterable[tuple[str, str]]") -> None:
    """Write a table of ready values; nothing for an empty one."""
    inner = "".join(f"{_key(key)} = {value}\n" for key, value in pairs)
    if inner:
        out.append(f"\n[{name}]\n{inner}")


def _write_manifest(out: list[str], manifest: Manifest) -> None:
    if manifest == Manifest():
        return
    if manifest != Manifest(groups=manifest.groups, group_pythons=manifest.group_pythons, metadata=manifest.metadata):
        out.append("\n[manifest]\n")
    _lines(out, "members", map(_string, manifest.members))
    if manifest.default_groups is not None:
        out.append(f"default-groups = {_groups(manifest.default_groups)}\n")
    for key, lock_requirements in (
        ("requirements", manifest.requirements),
        ("constraints", manifest.constraints),
        ("overrides", manifest.overrides),
    ):
        _short(out, key, list(map(_shown_lock_requirement, lock_requirements)))
    _short(out, "excludes", list(map(_string, manifest.excludes)))
    _short(out, "build-constraints", list(map(_shown_lock_requirement, manifest.build_constraints)))
    if manifest.groups:
        out.append("\n[manifest.dependency-groups]\n")
        for group, lock_requirements in sorted(manifest.groups.items()):
            _short(out, _key(group), list(map(_shown_lock_requirement, lock_requirements)), empty=True)
    _table(out, "manifest.group-requires-python", ((k, _string(v)) for k, v in sorted(manifest.group_pythons.items())))
    for one in manifest.metadata:
        _write_static_metadata(out, one)


def _write_static_metadata(out: list[str], one: StaticMetadata) -> None:
    out.append("\n[[manifest.dependency-metadata]]\n")
    out.append(f"name = {_string(one.name)}\n")
    if one.version:
        out.append(f"version = {_string(one.version)}\n")
    if one.requires_dist:
        out.append(f"requires-dist = {_row(map(_string, one.requires_dist))}\n")
    if one.requires_python:
        out.append(f"requires-python = {_string(one.requires_python)}\n")
    if one.provides_extras:
        out.append(f"provides-extras = {_row(map(_string, one.provides_extras))}\n")


def _write_package(out: list[str], package: Package) -> None:
    out.append(f"\n[[package]]\nname = {_string(package.name)}\n")
    if package.version:
        out.append(f"version = {_string(package.version)}\n")
    out.append(f"source = {_shown_source(package.source)}\n")
    if package.default_groups is not None:
        out.append(f"default-groups = {_groups(package.default_groups)}\n")
    _lines(out, "resolution-markers", map(_string, package.forks))
    _lines(out, "dependencies", map(_shown_edge, package.dependencies))
    if package.sdist is not None:
        out.append(f"sdist = {_shown_file(package.sdist)}\n")
    _lines(out, "wheels", map(_shown_file, package.wheels))
    for name, tables in (("optional-dependencies", package.optional), ("dev-dependencies", package.groups)):
        if any(tables.values()):
            out.append(f"\n[package.{name}]\n")
            for key, edges in sorted(tables.items()):
                _lines(out, _key(key), map(_shown_edge, edges))
    _table(out, "package.group-requires-python", ((k, _string(v)) for k, v in sorted(package.group_pythons.items())))
    _write_metadata(out, package)


def _write_metadata(out: list[str], package: Package) -> None:
    if not (package.requires_dist or package.provides_extras or package.requires_dev):
        return
    out.append("\n[package.metadata]\n")
    _short(out, "requires-dist", list(map(_shown_lock_requirement, package.requires_dist)))
    if package.provides_extras:
        out.append(f"provides-extras = {_row(map(_string, package.provides_extras))}\n")
    if package.requires_dev:
        out.append("\n[package.metadata.requires-dev]\n")
        for group, lock_requirements in sorted(package.requires_dev.items()):
            _short(out, _key(group), list(map(_shown_lock_requirement, lock_requirements)), empty=True)


def _shown_source(source: Source) -> str:
    return _inline(((source.kind, _string(source.place)), ("subdirectory", _string_or_none(source.subdirectory))))


def _shown_file(file: File) -> str:
    return _inline(
        (
            (file.key, _string(file.place) if file.key else ""),
            ("hash", _string_or_none(file.hash)),
            ("size", "" if file.size is None else str(file.size)),
            ("upload-time", _string_or_none(file.uploaded)),
        )
    )


def _shown_edge(edge: Dependency) -> str:
    return _inline(
        (
            ("name", _string(edge.name)),
            ("version", _string_or_none(edge.version)),
            ("source", _shown_source(edge.source) if edge.source is not None else ""),
            ("extra", _row(map(_string, edge.extras)) if edge.extras else ""),
            ("marker", _string_or_none(edge.marker)),
        )
    )


def _shown_lock_requirement(lock_requirement: LockRequirement) -> str:
    return _inline(
        (
            ("name", _string(lock_requirement.name)),
            ("extras", _row(map(_string, lock_requirement.extras)) if lock_requirement.extras else ""),
            ("marker", _string_or_none(lock_requirement.marker)),
            ("specifier", _string_or_none(lock_requirement.specifier)),
            (lock_requirement.key, _string(lock_requirement.place) if lock_requirement.key else ""),
            (
                "conflict",
                _inline((k, _string(v)) for k, v in lock_requirement.conflict) if lock_requirement.conflict else "",
            ),
            ("subdirectory", _string_or_none(lock_requirement.subdirectory)),
        )
    )
