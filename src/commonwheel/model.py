"""The nouns that rooms hand to each other, and nothing else.

Laws of this file: values only, no I/O, no parsing of files, no `dataclasses` and no `typing` at run time: every
command imports this module, and those two cost more than the rest of a no-op install (docs/decisions/0002).
A value is never changed after `__init__`; `Final` lets the type checker hold us to it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final, Self


class Value:
    """Compare, hash and print a slotted class by its fields."""

    __slots__: "tuple[str, ...]" = ()

    def _fields(self) -> "Iterator[object]":
        for name in self.__slots__:
            yield getattr(self, name)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((type(self), *self._fields()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"

    def replaced(self, **changes: object) -> "Self":
        """Return a copy with some fields changed."""
        fields: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        fields.update(changes)
        return type(self)(**fields)


class Digest(Value):
    """Name the content of a file: a hash algorithm of `hashlib` and lower-case hexadecimal."""

    __slots__ = ("algorithm", "hex")

    def __init__(self, algorithm: str, hex: str) -> None:  # noqa: A002 - the word of PEP 610 and PEP 691 readers
        self.algorithm: Final = algorithm
        self.hex: Final = hex

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class SafeUrl(Value):
    """Hold a URL whose credentials never reach an output by accident.

    `str()` and `repr()` show `****` for a password (and for a user name that stands alone, as tokens do);
    `secret` is the text as given, for the network room and for nobody else.
    """

    __slots__ = ("secret",)

    def __init__(self, secret: str) -> None:
        self.secret: Final = secret

    @property
    def shown(self) -> str:
        """Return the URL with the credentials masked."""
        head, separator, rest = self.secret.partition("://")
        if not separator:
            return self.secret
        authority, slash, tail = rest.partition("/")
        userinfo, at, host = authority.rpartition("@")
        if not at:
            return self.secret
        user, colon, _ = userinfo.partition(":")
        # git over ssh names an account, which is no secret: `ssh://git@host/...`
        masked = f"{user}:****" if colon else (user if head.endswith("ssh") else "****")
        return f"{head}://{masked}@{host}{slash}{tail}"

    @property
    def bare(self) -> str:
        """Return the URL without any credentials."""
        head, separator, rest = self.secret.partition("://")
        authority, slash, tail = rest.partition("/")
        host = authority.rpartition("@")[2]
        return f"{head}://{host}{slash}{tail}" if separator else self.secret

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"SafeUrl({self.shown!r})"


class Origin(Value):
    """Where a requirement was written: a file and line, or a label such as `command line`."""

    __slots__ = ("line", "place")

    def __init__(self, place: str, line: int | None = None) -> None:
        self.place: Final = place
        self.line: Final = line

    def __str__(self) -> str:
        return self.place if self.line is None else f"{self.place}:{self.line}"


class UrlSource(Value):
    """An archive (wheel or sdist) at an http(s) URL; the fragment is already taken apart."""

    __slots__ = ("digests", "subdirectory", "url")

    def __init__(self, url: SafeUrl, subdirectory: str | None = None, digests: "tuple[Digest, ...]" = ()) -> None:
        self.url: Final = url
        self.subdirectory: Final = subdirectory
        self.digests: Final = digests


class VcsSource(Value):
    """A revision of a repository; `commit` is filled in once it is known (full hash)."""

    __slots__ = ("commit", "editable", "kind", "revision", "subdirectory", "url")

    def __init__(
        self,
        kind: str,
        url: SafeUrl,
        revision: str | None = None,
        subdirectory: str | None = None,
        commit: str | None = None,
        editable: bool = False,
    ) -> None:
        self.kind: Final = kind
        self.url: Final = url
        self.revision: Final = revision
        self.subdirectory: Final = subdirectory
        self.commit: Final = commit
        self.editable: Final = editable


class PathSource(Value):
    """A wheel, an sdist or a project directory on this machine; `path` is absolute."""

    __slots__ = ("digests", "editable", "path", "subdirectory")

    def __init__(
        self,
        path: str,
        editable: bool = False,
        subdirectory: str | None = None,
        digests: "tuple[Digest, ...]" = (),
    ) -> None:
        self.path: Final = path
        self.editable: Final = editable
        self.subdirectory: Final = subdirectory
        self.digests: Final = digests


class Requirement(Value):
    """What is asked: a PEP 508 requirement, or a source whose name is not known yet (`name` is empty).

    `name` and `extras` are normalised; `specifier` and `marker` are PEP 440/508 text ("" for none); `digests` are the
    hashes that the line demands; `text` is what the user wrote, for messages.
    """

    __slots__ = ("digests", "extras", "marker", "name", "origin", "source", "specifier", "text")

    def __init__(
        self,
        name: str,
        extras: "tuple[str, ...]" = (),
        specifier: str = "",
        marker: str = "",
        source: "UrlSource | VcsSource | PathSource | None" = None,
        digests: "tuple[Digest, ...]" = (),
        origin: Origin | None = None,
        text: str = "",
    ) -> None:
        self.name: Final = name
        self.extras: Final = extras
        self.specifier: Final = specifier
        self.marker: Final = marker
        self.source: Final = source
        self.digests: Final = digests
        self.origin: Final = origin
        self.text: Final = text

    def __str__(self) -> str:
        if not self.name:
            return self.text
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        head = f"{self.name}{extras}{self.specifier}"
        if self.source is not None:
            place = self.source.path if isinstance(self.source, PathSource) else str(self.source.url)
            head = f"{self.name}{extras} @ {place}"
        return f"{head} ; {self.marker}" if self.marker else head


class Metadata(Value):
    """What resolution needs of a distribution's core metadata."""

    __slots__ = ("name", "provides_extra", "requires", "requires_python", "version")

    def __init__(
        self,
        name: str,
        version: str,
        requires: "tuple[Requirement, ...]" = (),
        requires_python: str = "",
        provides_extra: "tuple[str, ...]" = (),
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.requires: Final = requires
        self.requires_python: Final = requires_python
        self.provides_extra: Final = provides_extra


class Candidate(Value):
    """One file that an index, a page of links or a folder offers.

    `kind` is `wheel` or `sdist`; `yanked` is None or the reason ("" when none was given); `uploaded` is seconds since
    the epoch or None; `metadata_digest` is None (no PEP 658 file), or a digest, or an empty-hex Digest when the file
    exists but no hash is given; `index` is the shown URL (or folder) it came from.
    """

    __slots__ = (
        "digests", "filename", "index", "kind", "metadata_digest", "name", "requires_python", "size", "uploaded",
        "url", "version", "yanked",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the columns of PEP 691
        self,
        name: str,
        version: str,
        kind: str,
        filename: str,
        url: SafeUrl,
        digests: "tuple[Digest, ...]" = (),
        size: int | None = None,
        requires_python: str = "",
        yanked: str | None = None,
        uploaded: float | None = None,
        metadata_digest: Digest | None = None,
        index: str = "",
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.kind: Final = kind
        self.filename: Final = filename
        self.url: Final = url
        self.digests: Final = digests
        self.size: Final = size
        self.requires_python: Final = requires_python
        self.yanked: Final = yanked
        self.uploaded: Final = uploaded
        self.metadata_digest: Final = metadata_digest
        self.index: Final = index


class Listing(Value):
    """All versions of one project that a catalogue knows, as the solver wants them.

    `versions` ascend; in every mask bit i+1 stands for `versions[i]` and bit 0 is always clear. `barred` maps a reason
    (`requires-python`, `platform`, `no-wheel`, `no-sdist`, `exclude-newer`, `invalid`, `quarantined`) to the versions
    that cannot be used for it on the catalogue's target. `note` says why there are no versions at all, if so.
    `tiers` (the strategy `unsafe-first-match`) are masks to choose from in turn: any version of an earlier one is
    preferred to all of a later one; empty, as it nearly always is: the order of versions alone decides.
    """

    __slots__ = ("barred", "name", "note", "prereleases", "tiers", "versions", "yanked")

    def __init__(
        self,
        name: str,
        versions: "tuple[str, ...]",
        prereleases: int = 0,
        yanked: int = 0,
        barred: "Mapping[str, int] | None" = None,
        note: str = "",
        tiers: tuple[int, ...] = (),
    ) -> None:
        self.name: Final = name
        self.versions: Final = versions
        self.prereleases: Final = prereleases
        self.yanked: Final = yanked
        self.barred: Final[Mapping[str, int]] = barred or {}
        self.note: Final = note
        self.tiers: Final = tiers


class Pin(Value):
    """What was chosen for one name: a file of an index, or a direct source; with the hashes that it must have.

    `digests` are the hashes demanded by the user or a lock ("any of these"); those of the index stand in `candidate`.
    `marker` says for which worlds a universal resolution holds it ("" for all).
    """

    __slots__ = ("candidate", "digests", "extras", "marker", "name", "requested", "source", "version")

    def __init__(
        self,
        name: str,
        version: str,
        candidate: Candidate | None = None,
        source: "UrlSource | VcsSource | PathSource | None" = None,
        digests: "tuple[Digest, ...]" = (),
        extras: "tuple[str, ...]" = (),
        requested: bool = False,
        marker: str = "",
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.candidate: Final = candidate
        self.source: Final = source
        self.digests: Final = digests
        self.extras: Final = extras
        self.requested: Final = requested
        self.marker: Final = marker


class Resolution(Value):
    """The graph of pins: `parents` maps a name to those that asked for it (names, or origins as text)."""

    __slots__ = ("parents", "pins", "warnings")

    def __init__(
        self,
        pins: "tuple[Pin, ...]",
        parents: "Mapping[str, tuple[str, ...]]",
        warnings: "tuple[str, ...]" = (),
    ) -> None:
        self.pins: Final = pins
        self.parents: Final = parents
        self.warnings: Final = warnings


class Target(Value):
    """What to resolve for: PEP 508 marker values, and compatibility tags, best first, as `py3-none-any`."""

    __slots__ = ("markers", "tags")

    def __init__(self, markers: "Mapping[str, str]", tags: "tuple[str, ...]") -> None:
        self.markers: Final = markers
        self.tags: Final = tags


class Interpreter(Value):
    """An executable that answered the probe.

    `executable` is the path as asked for (not resolved through links); `version` is `sys.version_info[:3]`;
    `paths` and `variables` are the install scheme of `sysconfig` (purelib, platlib, scripts, data, include, stdlib);
    `sys_path` is what it imports from, site directories included; `base_executable` is the interpreter behind a venv.
    `externally_managed` is the path of the PEP 668 marker file, or ""; `venv_paths` is the scheme of a virtual environment
    that is made from it (purelib, platlib, scripts, data, include), relative to its root.
    """

    __slots__ = (
        "base_executable", "base_prefix", "executable", "externally_managed", "implementation", "markers", "paths",
        "prefix", "sys_path", "tags", "venv_paths", "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the answers of the probe
        self,
        executable: str,
        version: "tuple[int, int, int]",
        implementation: str,
        prefix: str,
        base_prefix: str,
        base_executable: str,
        paths: "Mapping[str, str]",
        sys_path: "tuple[str, ...]",
        markers: "Mapping[str, str]",
        tags: "tuple[str, ...]",
        externally_managed: str = "",
        venv_paths: "Mapping[str, str] | None" = None,
    ) -> None:
        self.executable: Final = executable
        self.version: Final = version
        self.implementation: Final = implementation
        self.prefix: Final = prefix
        self.base_prefix: Final = base_prefix
        self.base_executable: Final = base_executable
        self.paths: Final = paths
        self.sys_path: Final = sys_path
        self.markers: Final = markers
        self.tags: Final = tags
        self.externally_managed: Final = externally_managed
        self.venv_paths: Final[Mapping[str, str]] = venv_paths or {}

    @property
    def target(self) -> Target:
        """Return what a resolution for this interpreter aims at."""
        return Target(self.markers, self.tags)


class Environment(Value):
    """A tree with an interpreter and an install scheme.

    `kind` is `venv`, `conda`, `system`, `target` or `prefix`; `root` is the tree that a transaction may change;
    `paths` has the absolute directories `purelib`, `platlib`, `scripts`, `data`, `include` (headers of one project go
    to a folder of its name below it); `layers` are further directories that it imports from but that cw never changes.
    """

    __slots__ = ("interpreter", "kind", "layers", "paths", "relocatable", "root")

    def __init__(
        self,
        root: str,
        kind: str,
        interpreter: Interpreter,
        paths: "Mapping[str, str]",
        layers: "tuple[str, ...]" = (),
        relocatable: bool = False,
    ) -> None:
        self.root: Final = root
        self.kind: Final = kind
        self.interpreter: Final = interpreter
        self.paths: Final = paths
        self.layers: Final = layers
        self.relocatable: Final = relocatable


class Installed(Value):
    """A distribution that an environment holds.

    `location` is its `.dist-info` or `.egg-info` directory, `.egg-info` file or `.egg-link`; `form` is `dist-info`,
    `egg-info`, `egg-file` or `egg-link`; `site` is the directory that it is imported from; `own` is False when it lies in
    a layer that cw never changes; `editable` is the project's path or ""; `direct_url` is the text of that file or "".
    """

    __slots__ = (
        "direct_url", "editable", "form", "installer", "location", "name", "own", "requested", "site", "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what the files of a dist-info say
        self,
        name: str,
        version: str,
        location: str,
        form: str = "dist-info",
        site: str = "",
        installer: str = "",
        requested: bool = False,
        direct_url: str = "",
        editable: str = "",
        own: bool = True,
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.location: Final = location
        self.form: Final = form
        self.site: Final = site
        self.installer: Final = installer
        self.requested: Final = requested
        self.direct_url: Final = direct_url
        self.editable: Final = editable
        self.own: Final = own


class Entry(Value):
    """One unpacked wheel in a store, immutable once published.

    `root` is its directory (header, list of files, `tree/`); `tree` is that of the unpacked files; `digest` is the
    sha256 of the wheel in hexadecimal; `name` and `version` are normalised; `dist_info` and `data` are the names of those
    directories in the tree ("" when there is no data); `purelib` is Root-Is-Purelib; `console` and `gui` are entry points
    as (name, `module:attr`); `trusted` says whether links may lead to it (what is in a temporary store goes with the process); `mine` whether its files are this user's;
    `foldable` are the directories (relative, `/`) that this wheel owns alone and that may be one link each; `unfolded`
    says why none may be; `files` counts files, `size` bytes.
    """

    __slots__ = (
        "console", "data", "digest", "dist_info", "files", "foldable", "gui", "mine", "name", "purelib", "root", "size",
        "tree", "trusted", "unfolded", "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the header of an entry
        self,
        digest: str,
        root: str,
        tree: str,
        name: str,
        version: str,
        dist_info: str,
        data: str,
        purelib: bool,
        console: "tuple[tuple[str, str], ...]",
        gui: "tuple[tuple[str, str], ...]",
        foldable: "tuple[str, ...]",
        unfolded: str,
        files: int,
        size: int,
        trusted: bool = True,
        mine: bool = True,
    ) -> None:
        self.digest: Final = digest
        self.root: Final = root
        self.tree: Final = tree
        self.name: Final = name
        self.version: Final = version
        self.dist_info: Final = dist_info
        self.data: Final = data
        self.purelib: Final = purelib
        self.console: Final = console
        self.gui: Final = gui
        self.foldable: Final = foldable
        self.unfolded: Final = unfolded
        self.files: Final = files
        self.size: Final = size
        self.trusted: Final = trusted
        self.mine: Final = mine


class Plan(Value):
    """What a transaction is to do: distributions to remove, to leave, and pins to add.

    A pin in `add` whose name is also in `remove` replaces it; `reinstalled` names those of equal version.
    """

    __slots__ = ("add", "keep", "reinstalled", "remove")

    def __init__(
        self,
        remove: "tuple[Installed, ...]" = (),
        keep: "tuple[Installed, ...]" = (),
        add: "tuple[Pin, ...]" = (),
        reinstalled: "tuple[str, ...]" = (),
    ) -> None:
        self.remove: Final = remove
        self.keep: Final = keep
        self.add: Final = add
        self.reinstalled: Final = reinstalled
