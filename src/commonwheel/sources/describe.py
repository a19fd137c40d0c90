"""Direct sources (a URL, a file, a repository, a directory), each described once for a request, before anything is resolved.

A description is the requirement with its name and with its source pinned down (a commit, a hash), and the metadata. It comes
from what is remembered of the source, else from fetching or building it.
"""

from commonwheel.model import Requirement, Value
from commonwheel.specs import markers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, Protocol

    from commonwheel.model import Metadata, Origin, PathSource, UrlSource, VcsSource

    Source = UrlSource | VcsSource | PathSource

    class Known(Protocol):
        """What is remembered of sources: `sources.built_wheels.Recall`."""

        def metadata(self, requirement: Requirement) -> tuple[Requirement, Metadata] | None:
            """Return the requirement with its source pinned down, and the metadata, as far as they are remembered."""

    class Maker(Protocol):
        """Fetch and build: `sources.acquire.Material`."""

        def metadata_of(self, requirements: Sequence[Requirement]) -> list[tuple[Requirement, Metadata]]:
            """Return the same for several, fetched or built side by side, in their order."""

        def settled(self, source: Source) -> Source:
            """Return a source with its commit, or the hash of its archive."""

    class Request(Protocol):
        """What is asked of an installation: `operations.request.InstallRequest`."""

        @property
        def requirements(self) -> Sequence[Requirement]:
            """Return the requirements, as they were written."""

        @property
        def trees(self) -> Sequence[tuple[PathSource, tuple[str, ...], Origin]]:
            """Return the source trees whose dependencies count as asked for, with the wanted extras and their lines."""


class Description(Value):
    """A direct source: the requirement with its name and the pinned source, and the metadata of what is there."""

    __slots__ = ("metadata", "requirement")

    def __init__(self, requirement: Requirement, metadata: "Metadata") -> None:
        self.requirement: Final = requirement
        self.metadata: Final = metadata

    @property
    def source(self) -> "Source":
        """Return the source, pinned down."""
        assert self.requirement.source is not None
        return self.requirement.source


class Sources:
    """Describe the direct sources of one request; `known` and `maker` are made when a source is first met."""

    def __init__(self, known: "Callable[[], Known]", maker: "Callable[[], Maker]") -> None:
        self._known = known
        self._maker = maker
        self._described: dict[tuple[object, ...], Description] = {}

    def describe(self, requirements: "Sequence[Requirement]") -> "list[Description]":
        """Return a description of the source of each requirement, in their order; several are fetched and built side by side.

        Raises SourceMismatch, NoSuchSource, and the errors of downloads and builds.
        """
        missing = []
        for one in requirements:
            if _key(one) not in self._described:
                found = self._known().metadata(one)
                if found is None:
                    missing.append(one)
                else:
                    self._keep(one, *found)
        if missing:
            for one, (requirement, metadata) in zip(missing, self._maker().metadata_of(missing), strict=True):
                self._keep(one, requirement, metadata)
        return [self._about(one) for one in requirements]

    def metadata(self, requirement: Requirement) -> "Metadata":
        """Return the metadata of the source of one requirement."""
        return self.describe([requirement])[0].metadata

    def settled(self, source: "Source") -> "Source":
        """Return a source with its commit, or the hash of its archive."""
        return self._maker().settled(source)

    def _keep(self, asked: Requirement, requirement: Requirement, metadata: "Metadata") -> None:
        description = Description(requirement, metadata)
        for one in (asked, requirement, requirement.replaced(digests=())):
            self._described[_key(one)] = description

    def _about(self, asked: Requirement) -> Description:
        found = self._described[_key(asked)]
        requirement = asked.replaced(name=found.requirement.name, source=found.requirement.source)
        return Description(requirement, found.metadata)


def _key(requirement: Requirement) -> tuple[object, ...]:
    return requirement.name, requirement.source, requirement.digests


def expanded(sources: Sources, request: "Request") -> "tuple[Requirement, ...]":
    """Return the requirements asked for, and the dependencies of the projects whose metadata only a build can tell.

    Markers of those that speak of extras are answered by the extras that are wanted.
    """
    found = list(request.requirements)
    for source, extras, origin in request.trees:
        (tree,) = sources.describe([Requirement("", source=source, origin=origin, text=source.path)])
        origin = origin.replaced(place=f"{tree.requirement.name} ({origin.place})")
        for requirement in tree.metadata.requires:
            marker = markers.without_extras(markers.parse(requirement.marker), extras)
            if requirement.name != tree.requirement.name and marker != markers.NEVER:
                found.append(requirement.replaced(marker=str(marker), origin=origin))
    return tuple(found)
