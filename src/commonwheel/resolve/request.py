"""What a resolution is asked: the values that a session hands to `resolution.solve`."""

from commonwheel.model import Metadata, Requirement, Target, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from commonwheel.model import PathSource, UrlSource, VcsSource

    Source = UrlSource | VcsSource | PathSource

RESOLUTION_MODES = ("highest", "lowest", "lowest-direct")
PRERELEASE_MODES = ("if-necessary", "allow", "disallow", "explicit")


class Scope(Value):
    """Overrides and excludes that hold for the dependencies of one project, or of one version of it (`version` not "")."""

    __slots__ = ("excludes", "overrides", "package", "version")

    def __init__(
        self,
        package: str,
        version: str = "",
        overrides: tuple[Requirement, ...] = (),
        excludes: tuple[str, ...] = (),
    ) -> None:
        self.package: Final = package
        self.version: Final = version
        self.overrides: Final = overrides
        self.excludes: Final = excludes


class Inputs(Value):
    """Everything that decides a resolution, apart from what the catalogue offers.

    requirements        what the user asks for, in order; every one has a name
    constraints         narrow a project if it is needed anyway; extras in them mean nothing
    overrides           replace every requirement on their project, whoever makes it
    excludes            names that nobody's dependencies bring in
    scopes              overrides and excludes for the dependencies of one project only
    preferences         versions to try first (a lock, an output file): name -> version or versions, best first
    installed           name -> (version, metadata); kept unless upgraded. A mapping may read its values when asked.
                        Leave out what is to be reinstalled from the index.
    upgrade             try newer versions of everything; `upgrade_packages`: of these
    resolution          `highest`, `lowest`, or `lowest-direct` (lowest for what the user names)
    prerelease          `if-necessary` (stable versions first), `allow`, `disallow`, or `explicit` (only for what the user
                        names with a pre-release in the specifier); `prerelease_packages`: other modes for some names
    target              whom to resolve for
    sources             name -> (source, metadata) for what is given by URL, path or revision
    source_metadata     asked for the metadata of such a requirement when another source depends on it
    no_deps             take what the user names, and nothing that it depends on
    details             (name, version, reason) -> a sentence's end for explanations: which Python a version demands, why it
                        was yanked, when it was uploaded; "" when nothing is known
    """

    __slots__ = (
        "constraints", "details", "excludes", "installed", "no_deps", "overrides", "preferences", "prerelease",
        "prerelease_packages", "requirements", "resolution", "scopes", "source_metadata", "sources", "target", "upgrade",
        "upgrade_packages",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - one question has this many sides
        self,
        requirements: tuple[Requirement, ...],
        target: Target,
        *,
        constraints: tuple[Requirement, ...] = (),
        overrides: tuple[Requirement, ...] = (),
        excludes: tuple[str, ...] = (),
        scopes: tuple[Scope, ...] = (),
        preferences: "Mapping[str, str | tuple[str, ...]] | None" = None,
        installed: "Mapping[str, tuple[str, Metadata]] | None" = None,
        upgrade: bool = False,
        upgrade_packages: frozenset[str] = frozenset(),
        resolution: str = "highest",
        prerelease: str = "if-necessary",
        prerelease_packages: "Mapping[str, str] | None" = None,
        sources: "Mapping[str, tuple[Source, Metadata]] | None" = None,
        source_metadata: "Callable[[Requirement], Metadata] | None" = None,
        no_deps: bool = False,
        details: "Callable[[str, str, str], str] | None" = None,
    ) -> None:
        self.requirements: Final = requirements
        self.target: Final = target
        self.constraints: Final = constraints
        self.overrides: Final = overrides
        self.excludes: Final = excludes
        self.scopes: Final = scopes
        self.preferences: Final[Mapping[str, str | tuple[str, ...]]] = preferences or {}
        self.installed: Final[Mapping[str, tuple[str, Metadata]]] = installed if installed is not None else {}
        self.upgrade: Final = upgrade
        self.upgrade_packages: Final = upgrade_packages
        self.resolution: Final = resolution
        self.prerelease: Final = prerelease
        self.prerelease_packages: Final[Mapping[str, str]] = prerelease_packages or {}
        self.sources: Final[Mapping[str, tuple[Source, Metadata]]] = sources or {}
        self.source_metadata: Final = source_metadata
        self.no_deps: Final = no_deps
        self.details: Final = details

    def upgrades(self, name: str) -> bool:
        """Return whether newer versions of a project are wanted."""
        return self.upgrade or name in self.upgrade_packages

    def preferred(self, name: str) -> tuple[str, ...]:
        """Return the versions of a project to try first; none when it is to be upgraded."""
        if self.upgrades(name):
            return ()
        wanted = self.preferences.get(name, ())
        return (wanted,) if isinstance(wanted, str) else wanted
