"""What a lock is asked for, and what it is made of: the values between a universal resolution and its writer.

A lock is a graph. Its nodes are packages (one version from one place); its edges say under which markers one package
needs another. The resolver knows nothing of files, hashes or TOML, and the writer knows nothing of forks: it finds every
marker ready to print, simplified by what goes without saying where it stands (`specs.marker_text`).

Laws of this file: values only.
"""

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from commonwheel.model import Metadata, Requirement
    from commonwheel.resolve.request import Source


class Item(Value):
    """Name one side of a conflict: an extra or a group of a project, or the project itself (both empty)."""

    __slots__ = ("extra", "group", "package")

    def __init__(self, package: str, *, extra: str = "", group: str = "") -> None:
        self.package: Final = package
        self.extra: Final = extra
        self.group: Final = group

    @property
    def variable(self) -> str:
        """Return the name by which markers of a lock speak of it: `extra-5-confl-a`, `group-5-confl-dev`, `project-5-confl`."""
        kind, name = ("extra", self.extra) if self.extra else ("group", self.group)
        size = len(self.package)
        return f"{kind}-{size}-{self.package}-{name}" if name else f"project-{size}-{self.package}"


class Member(Value):
    """A project of the workspace, which is locked with all of its extras and groups.

    requirement   how the project is named: its name and its source, without extras
    metadata      its version ("" if it is dynamic), its requirements (those of extras under `extra == "…"`), its extras,
                  with the sources of `tool.uv.sources` applied
    groups        group -> its requirements, includes flattened, the group's own Python bound joined to the markers
    """

    __slots__ = ("groups", "metadata", "requirement")

    def __init__(
        self,
        requirement: "Requirement",
        metadata: "Metadata",
        groups: "Mapping[str, tuple[Requirement, ...]] | None" = None,
    ) -> None:
        self.requirement: Final = requirement
        self.metadata: Final = metadata
        self.groups: Final[Mapping[str, tuple[Requirement, ...]]] = groups or {}


class Preference(Value):
    """A version to try before others where one of `markers` holds (none: everywhere), as a lock had it."""

    __slots__ = ("markers", "version")

    def __init__(self, version: str, markers: tuple[str, ...] = ()) -> None:
        self.version: Final = version
        self.markers: Final = markers


class Scheme(Value):
    """What a lock is to cover, apart from the `Inputs` of the resolution.

    requires_python         the range of the workspace, as declared (`>=3.9,<4`): its lower bound is where the world begins
    members                 the projects of the workspace, in the order of their names
    groups                  groups of a root that is no project, as in `Member.groups`; `Inputs.requirements` are a script's
    environments            markers that limit the world, one fork for each; () for the whole world
    required_environments   markers for which a version without an sdist must have a wheel
    conflicts               sets of items of which at most one can be chosen
    forks                   markers of the forks of an earlier lock that are kept, () to find forks out again
    preferences             name -> versions of an earlier lock
    fork_strategy           `requires-python` or `fewest`
    """

    __slots__ = (
        "conflicts", "environments", "fork_strategy", "forks", "groups", "members", "preferences",
        "required_environments", "requires_python",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - a lock has this many sides
        self,
        requires_python: str,
        members: tuple[Member, ...] = (),
        *,
        groups: "Mapping[str, tuple[Requirement, ...]] | None" = None,
        environments: tuple[str, ...] = (),
        required_environments: tuple[str, ...] = (),
        conflicts: tuple[tuple[Item, ...], ...] = (),
        forks: tuple[str, ...] = (),
        preferences: "Mapping[str, tuple[Preference, ...]] | None" = None,
        fork_strategy: str = "requires-python",
    ) -> None:
        self.requires_python: Final = requires_python
        self.members: Final = members
        self.groups: Final[Mapping[str, tuple[Requirement, ...]]] = groups or {}
        self.environments: Final = environments
        self.required_environments: Final = required_environments
        self.conflicts: Final = conflicts
        self.forks: Final = forks
        self.preferences: Final[Mapping[str, tuple[Preference, ...]]] = preferences or {}
        self.fork_strategy: Final = fork_strategy


class Edge(Value):
    """One entry of `dependencies`: a package of the lock (by name, version and source), the extras, and the marker.

    `marker` is text as a lock has it: simplified by requires-python and by where the dependent is needed, "" for always.
    """

    __slots__ = ("extras", "marker", "name", "source", "version")

    def __init__(
        self, name: str, version: str, source: "Source | None", extras: tuple[str, ...] = (), marker: str = ""
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.source: Final = source
        self.extras: Final = extras
        self.marker: Final = marker


class Locked(Value):
    """One package of a lock.

    source         None for a version of the index that the catalogue names
    forks          markers of the forks in which this version is needed, where the name has several versions; else ()
    marker         where it is needed, as text that is not simplified ("" for everywhere); for the choice of wheels
    dependencies   edges without any extra, sorted as a lock has them: by name, version, extras and marker
    optional       extra -> edges that it adds: those extras that somebody asks for, and all of a member
    groups         group -> edges (members only)
    metadata       what the resolution read of it
    """

    __slots__ = ("dependencies", "forks", "groups", "marker", "metadata", "name", "optional", "source", "version")

    def __init__(  # noqa: PLR0913 - one table of a lock
        self,
        name: str,
        version: str,
        source: "Source | None",
        metadata: "Metadata",
        *,
        forks: tuple[str, ...] = (),
        marker: str = "",
        dependencies: tuple[Edge, ...] = (),
        optional: "Mapping[str, tuple[Edge, ...]] | None" = None,
        groups: "Mapping[str, tuple[Edge, ...]] | None" = None,
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.source: Final = source
        self.metadata: Final = metadata
        self.forks: Final = forks
        self.marker: Final = marker
        self.dependencies: Final = dependencies
        self.optional: Final[Mapping[str, tuple[Edge, ...]]] = optional or {}
        self.groups: Final[Mapping[str, tuple[Edge, ...]]] = groups or {}


class Lock(Value):
    """A universal resolution as a lock has it.

    forks           `resolution-markers`: the parts in the order in which they were solved; () if there is nothing to say
    packages        sorted by name, then version, then kind of source
    supported       `supported-markers`: the environments, simplified
    required        `required-markers`: the required environments, simplified
    warnings        what the user should know
    """

    __slots__ = ("forks", "packages", "required", "supported", "warnings")

    def __init__(
        self,
        forks: tuple[str, ...],
        packages: tuple[Locked, ...],
        *,
        supported: tuple[str, ...] = (),
        required: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.forks: Final = forks
        self.packages: Final = packages
        self.supported: Final = supported
        self.required: Final = required
        self.warnings: Final = warnings
