"""pylock.toml (PEP 751): read and chosen from by `packaging.pylock`, written here. Cold.

The text that is written is a function of what is locked alone: no time, no machine, no order of discovery; paths are
relative to the file. So two people who lock the same get the same bytes.
"""

from datetime import UTC, datetime
from posixpath import dirname, isabs, join, normpath, relpath

from packaging import pylock, tags

from commonwheel.model import Candidate, Digest, PathSource, Pin, SafeUrl, UrlSource, Value, VcsSource
from commonwheel.specs import digests, direct_url, file_url, toml, urls, wheel_file
from commonwheel.specs.names import normalize
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from packaging.markers import Environment

    from commonwheel.model import Target

    AnyFile = pylock.PackageWheel | pylock.PackageSdist
    Chosen = AnyFile | pylock.PackageVcs | pylock.PackageDirectory | pylock.PackageArchive

LOCK_VERSION = "1.0"


class InvalidLock(Malformed):
    """A file is no valid lock; the issue begins with the dotted path of what is wrong."""

    code = "invalid-lock"
    exit_status = 2


class LockDoesNotFit(Malformed):
    """A valid lock has nothing to install for this interpreter, or not what was asked for."""

    code = "lock-does-not-fit"


class CannotLock(Malformed):
    """Something cannot be written into a lock, such as a file whose hash nobody knows."""

    code = "cannot-lock"


# --- reading -------------------------------------------------------------------------------------------------------


class Lock:
    """A valid lock; `path` names it, `base_directory` is what its relative paths are relative to."""

    __slots__ = ("base_directory", "content", "notes", "path")

    def __init__(self, content: pylock.Pylock, path: str, base_directory: str, notes: tuple[str, ...] = ()) -> None:
        self.content: Final = content
        self.path: Final = path
        self.base_directory: Final = base_directory
        self.notes: Final = notes

    @property
    def extras(self) -> tuple[str, ...]:
        """Return the extras that it was made for."""
        return tuple(self.content.extras or ())

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the dependency groups that it was made for."""
        return tuple(self.content.dependency_groups or ())

    @property
    def versions(self) -> dict[str, str]:
        """Return name and version of what it has, as preferences for the next resolution; names with several are left out."""
        found: dict[str, set[str]] = {}
        for package in self.content.packages:
            if package.version is not None:
                found.setdefault(package.name, set()).add(str(package.version))
        return {name: next(iter(several)) for name, several in found.items() if len(several) == 1}


def read(text: str, path: str, base_directory: str | None = None) -> Lock:
    """Read a lock; raise InvalidLock. A later minor version of the format is read, with a note (PEP 751).

    Its relative paths are relative to `base_directory`, else to where `path` (absolute then) says that it lies.
    """
    try:
        document = toml.loads(text)
    except toml.InvalidToml as error:
        raise InvalidLock(f"`{path}` is not valid TOML: {error}") from error
    notes: tuple[str, ...] = ()
    version = document.get("lock-version")
    if isinstance(version, str) and version != LOCK_VERSION and version.partition(".")[0] == "1":
        notes = (f"`{path}` has lock version {version}, later than the known {LOCK_VERSION}",)
        # packaging would only log the same, to nobody
        document["lock-version"] = LOCK_VERSION
    try:
        content = pylock.Pylock.from_dict(document)
    except pylock.PylockUnsupportedVersionError as error:
        raise InvalidLock(
            f"`{path}` has lock version {version}, and version 1 is what is understood", hint="upgrade Commonwheel"
        ) from error
    except pylock.PylockValidationError as error:
        issue = f"{error.context}: {error.message}" if error.context else error.message
        raise InvalidLock(f"`{path}` is not a valid lock", issues=(issue,)) from error
    return Lock(content, path, dirname(path) if base_directory is None else base_directory, notes)


def select(
    lock: Lock,
    target: "Target",
    *,
    extras: "Iterable[str]" = (),
    groups: "Iterable[str] | None" = None,
    prefer_sdist: "Collection[str]" = (),
    forbid_sdist: "Collection[str]" = (),
) -> tuple[Pin, ...]:
    """Return what a lock has for a target, in the order of the file; `groups` None means its default groups.

    `prefer_sdist` and `forbid_sdist` are the (normalised) names of `--no-binary` and `--only-binary`, or `:all:`. Each pin
    demands the hashes of the lock. Raises LockDoesNotFit.
    """
    wanted_extras = _known(lock, "extra", lock.extras, extras)
    wanted_groups = None if groups is None else _known(lock, "dependency group", lock.groups, groups)
    environment: Environment = dict(target.markers)  # type: ignore[assignment]  # values that the probe measured
    selection = lock.content.select(
        environment=environment,
        tags=[tags.Tag(*tag.split("-", 2)) for tag in target.tags],
        extras=wanted_extras,
        dependency_groups=wanted_groups,
        prefer_sdist_predicate=lambda name: name in prefer_sdist or ":all:" in prefer_sdist,
    )
    try:
        pins = tuple(_pin(lock, package, chosen) for package, chosen in selection)
    except pylock.PylockSelectError as error:
        raise LockDoesNotFit(
            f"`{lock.path}` has nothing for this interpreter",
            issues=(str(error),),
            hint="lock again for it, or use another interpreter",
        ) from error
    refused = [
        pin.name
        for pin in pins
        if pin.candidate and pin.candidate.kind == "sdist" and (pin.name in forbid_sdist or ":all:" in forbid_sdist)
    ]
    if refused:
        names = ", ".join(f"`{name}`" for name in refused)
        raise LockDoesNotFit(f"`{lock.path}` has no wheel for this interpreter of {names}, and building is forbidden")
    return pins


def _known(lock: Lock, what: str, known: tuple[str, ...], wanted: "Iterable[str]") -> list[str]:
    names = [normalize(name) for name in wanted]
    # groups are not normalised by PEP 735 itself, so both spellings are offered
    spelt = {normalize(name): name for name in known}
    for name in names:
        if name not in spelt:
            raise LockDoesNotFit(
                f"`{lock.path}` was not made for the {what} `{name}`",
                issues=(f"it has: {', '.join(known)}" if known else "it has none",),
            )
    return [spelt[name] for name in names]


def _pin(lock: Lock, package: pylock.Package, chosen: "Chosen") -> Pin:
    version = "" if package.version is None else str(package.version)
    if isinstance(chosen, (pylock.PackageWheel, pylock.PackageSdist)):
        candidate = _candidate(lock, package, chosen)
        return Pin(package.name, candidate.version, candidate, digests=candidate.digests)
    return Pin(package.name, version, source=_source(lock, package.name, chosen))


def _candidate(lock: Lock, package: pylock.Package, file: "AnyFile") -> Candidate:
    is_wheel = isinstance(file, pylock.PackageWheel)
    version = "" if package.version is None else str(package.version)
    if not version:
        named = wheel_file.parse_filename(file.filename).version if is_wheel else None
        version = named or wheel_file.parse_sdist_filename(file.filename, package.name) or ""
    return Candidate(
        package.name,
        version,
        "wheel" if is_wheel else "sdist",
        file.filename,
        SafeUrl(file.url or file_url.from_path(_absolute(lock, file.path or ""))),
        _digests(lock, package.name, file.hashes),
        file.size,
        "" if package.requires_python is None else str(package.requires_python),
        None,
        None if file.upload_time is None else _seconds(file.upload_time),
        None,
        package.index or "",
    )


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _absolute(lock: Lock, path: str) -> str:
    return normpath(join(lock.base_directory, path))


def _digests(lock: Lock, name: str, hashes: "Mapping[str, str]") -> tuple[Digest, ...]:
    """Return the hashes that are understood; one of them has to be."""
    found = tuple(digest for digest in (digests.make(*pair) for pair in hashes.items()) if digest is not None)
    if not found:
        known = ", ".join(f"{algorithm}:{value}" for algorithm, value in hashes.items())
        raise InvalidLock(f"`{lock.path}` has no usable hash for a file of `{name}`", issues=(known,))
    return found


def _source(
    lock: Lock, name: str, chosen: "pylock.PackageVcs | pylock.PackageDirectory | pylock.PackageArchive"
) -> UrlSource | VcsSource | PathSource:
    subdirectory = chosen.subdirectory
    if subdirectory and (isabs(subdirectory) or ".." in subdirectory.split("/")):
        raise InvalidLock(
            f"`{lock.path}` names a subdirectory of `{name}` that leads out of it", issues=(subdirectory,)
        )
    if isinstance(chosen, pylock.PackageDirectory):
        return PathSource(_absolute(lock, chosen.path), bool(chosen.editable), subdirectory)
    if isinstance(chosen, pylock.PackageVcs):
        url = chosen.url or file_url.from_path(_absolute(lock, chosen.path or ""))
        url = url.removeprefix(f"{chosen.type}+")
        return VcsSource(chosen.type, SafeUrl(url), chosen.requested_revision, subdirectory, chosen.commit_id)
    found = _digests(lock, name, chosen.hashes)
    if chosen.url:
        return UrlSource(SafeUrl(chosen.url), subdirectory, found)
    return PathSource(_absolute(lock, chosen.path or ""), False, subdirectory, found)


# --- writing -------------------------------------------------------------------------------------------------------


class Locked(Value):
    """What a lock is to say of one package: the pin, all files of its version (none for a direct source), what it needs.

    `dependencies` are names of other packages of the lock.
    """

    __slots__ = ("dependencies", "files", "pin", "requires_python")

    def __init__(
        self,
        pin: Pin,
        files: tuple[Candidate, ...] = (),
        dependencies: tuple[str, ...] = (),
        requires_python: str = "",
    ) -> None:
        self.pin: Final = pin
        self.files: Final = files
        self.dependencies: Final = dependencies
        self.requires_python: Final = requires_python


def write(
    packages: "Sequence[Locked]",
    *,
    base_directory: str,
    requires_python: str = "",
    environments: "Sequence[str]" = (),
    extras: "Sequence[str]" = (),
    groups: "Sequence[str]" = (),
    default_groups: "Sequence[str]" = (),
    created_by: str = "commonwheel",
) -> str:
    """Return the text of a lock; `base_directory` is where it will lie. Raises CannotLock with everything that is missing."""
    issues: list[str] = []
    lines = [f"lock-version = {_string(LOCK_VERSION)}"]
    lines += _list("environments", environments)
    lines += _text("requires-python", requires_python)
    lines += _list("extras", sorted(extras))
    lines += _list("dependency-groups", sorted(groups))
    lines += _list("default-groups", sorted(default_groups))
    lines += _text("created-by", created_by)
    if not packages:
        lines.append("packages = []")
    for package in sorted(packages, key=_order):
        lines += ["", "[[packages]]", *_package(package, base_directory, issues)]
    if issues:
        raise CannotLock("some of what was resolved cannot be locked", issues=issues)
    return "\n".join(lines) + "\n"


def _order(package: Locked) -> tuple[str, ...]:
    pin = package.pin
    return pin.name, pin.version, pin.marker, "" if pin.source is None else str(pin.source)


def _package(package: Locked, base: str, issues: list[str]) -> "Iterator[str]":
    pin = package.pin
    yield from _text("name", pin.name)
    # of a directory or a repository the version may change while the lock stays: PEP 751 says to leave it out
    if not isinstance(pin.source, VcsSource) and not _is_directory(pin.source):
        yield from _text("version", pin.version)
    yield from _text("marker", pin.marker)
    yield from _text("requires-python", package.requires_python)
    if package.dependencies:
        yield f"dependencies = [{', '.join(f'{{name = {_string(name)}}}' for name in sorted(set(package.dependencies)))}]"
    if pin.source is not None:
        yield _direct(pin, base, issues)
        return
    files = package.files or ((pin.candidate,) if pin.candidate is not None else ())
    if not files:
        issues.append(f"`{pin.name}` {pin.version}: no file of it is known")
        return
    index = next((file.index for file in files if urls.is_absolute(file.index)), "")
    yield from _text("index", SafeUrl(index).bare if index else "")
    wheels = sorted((file for file in files if file.kind == "wheel"), key=_filename)
    # a version may have several sdists in old times; the one that was chosen, else the preferred form
    for sdist in sorted(
        (file for file in files if file.kind != "wheel"), key=lambda f: (f != pin.candidate, f.filename)
    )[:1]:
        yield f"sdist = {_file(sdist, base, issues)}"
    if wheels:
        yield "wheels = ["
        for wheel in wheels:
            yield f"    {_file(wheel, base, issues)},"
        yield "]"


def _filename(file: Candidate) -> str:
    return file.filename


def _is_directory(source: "UrlSource | VcsSource | PathSource | None") -> bool:
    return isinstance(source, PathSource) and not direct_url.is_archive(source.path)


def _file(file: Candidate, base: str, issues: list[str]) -> str:
    members = [("name", _string(file.filename))]
    if file.uploaded is not None:
        moment = datetime.fromtimestamp(file.uploaded, UTC)
        members.append(("upload-time", moment.isoformat().replace("+00:00", "Z")))
    path = file_url.to_path(file.url.secret)
    members.append(("url", _string(file.url.bare)) if path is None else ("path", _string(relpath(path, base))))
    if file.size is not None:
        members.append(("size", str(file.size)))
    members.append(("hashes", _hashes(file.digests, f"`{file.filename}`", issues)))
    return _table(members)


def _direct(pin: Pin, base: str, issues: list[str]) -> str:
    source = pin.source
    members: list[tuple[str, str]] = []
    if isinstance(source, VcsSource):
        kind = "vcs"
        members += [("type", _string(source.kind)), ("url", _string(direct_url.public(source.url)))]
        members += [("requested-revision", _string(source.revision))] if source.revision else []
        if not source.commit:
            issues.append(f"`{pin.name}`: its commit is not known")
        members.append(("commit-id", _string(source.commit or "")))
    elif isinstance(source, PathSource) and _is_directory(source):
        kind = "directory"
        members.append(("path", _string(relpath(source.path, base))))
        members += [("editable", "true")] if source.editable else []
    else:
        kind = "archive"
        if isinstance(source, PathSource):
            members.append(("path", _string(relpath(source.path, base))))
        elif isinstance(source, UrlSource):
            members.append(("url", _string(source.url.bare)))
        demanded = (*pin.digests, *(source.digests if isinstance(source, (PathSource, UrlSource)) else ()))
        members.append(("hashes", _hashes(demanded, f"the archive of `{pin.name}`", issues)))
    if source is not None and source.subdirectory:
        members.append(("subdirectory", _string(source.subdirectory)))
    return f"{kind} = {_table(members)}"


def _hashes(found: tuple[Digest, ...], what: str, issues: list[str]) -> str:
    by_algorithm = {digest.algorithm: digest.hex for digest in found if digest.hex}
    if not by_algorithm:
        issues.append(f"{what}: its hash is not known")
    return _table([(algorithm, _string(by_algorithm[algorithm])) for algorithm in sorted(by_algorithm)])


# --- TOML ----------------------------------------------------------------------------------------------------------


def _table(members: "Sequence[tuple[str, str]]") -> str:
    return "{" + ", ".join(f"{key} = {value}" for key, value in members) + "}"


def _text(key: str, value: str) -> "Iterator[str]":
    if value:
        yield f"{key} = {_string(value)}"


def _list(key: str, values: "Sequence[str]") -> "Iterator[str]":
    if values:
        yield f"{key} = [{', '.join(map(_string, values))}]"


def _string(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    pieces = []
    for character in text:
        if character in '"\\':
            pieces.append("\\" + character)
        elif character.isprintable():
            pieces.append(character)
        else:
            pieces.append(f"\\U{ord(character):08x}")
    return '"' + "".join(pieces) + '"'
