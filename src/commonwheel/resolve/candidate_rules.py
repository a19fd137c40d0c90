"""What the user's constraints, overrides, excludes and modes make of requirements and versions.

Laws of this file: pure, and each rule in one place. The behaviours are uv's (BEHAVIOUR in the project's notes, uv's
documentation on resolution), and pip's where the two agree.
"""

from commonwheel.errors import UsageError
from commonwheel.model import PathSource, UrlSource, VcsSource
from commonwheel.resolve.request import PRERELEASE_MODES, RESOLUTION_MODES
from commonwheel.specs.markers import ALWAYS, Both, Comparison, both, depends_on_extras, either, parse
from commonwheel.specs.versions import (
    is_specifier,
    lower_bound,
    names_prerelease,
    pinned_version,
    repaired,
    same_version,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from commonwheel.model import Requirement
    from commonwheel.resolve.request import Inputs, Source
    from commonwheel.specs.markers import Marker


class Rules:
    """Apply the inputs of one resolution; `applies` tells whether a marker (without extras) holds anywhere we look."""

    def __init__(self, inputs: "Inputs", applies: "Callable[[str], bool]") -> None:
        _check_modes(inputs)
        self._inputs = inputs
        self._excludes = frozenset(inputs.excludes)
        self._overrides = _by_name(inputs.overrides)
        self._scopes = {
            name: [s for s in inputs.scopes if s.package == name] for name in {s.package for s in inputs.scopes}
        }
        self._unchanged = not (self._excludes or self._overrides or self._scopes)
        self._constraints = _by_name(
            c for c in inputs.constraints if applies(c.marker) and c.name not in self._excludes
        )
        self.asked: tuple[Requirement, ...] = tuple(r for r in self.rewritten(inputs.requirements) if applies(r.marker))
        self.direct = frozenset(r.name for r in self.asked)
        scoped = (o for scope in inputs.scopes for o in scope.overrides)
        self._speaking = _by_name(
            r
            for group in (self.asked, *self._constraints.values(), inputs.overrides, scoped, self._first_party(applies))
            for r in group
            if applies(r.marker)
        )

    def heed(self, requirements: "Iterable[Requirement]") -> None:
        """Take requirements for what the user says, too: those of the projects that are locked."""
        for requirement in requirements:
            self.direct |= {requirement.name}
            self._speaking[requirement.name] = (*self._speaking.get(requirement.name, ()), requirement)

    def _first_party(self, applies: "Callable[[str], bool]") -> "tuple[Requirement, ...]":
        """Return what the user's own projects depend on: for the modes, that counts as what the user says."""
        own = (m for source, m in self._inputs.sources.values() if isinstance(source, PathSource))
        return tuple(
            r
            for metadata in own
            for r in metadata.requires
            if not depends_on_extras(parse(r.marker)) and applies(r.marker)
        )

    def rewritten(
        self, requirements: "Sequence[Requirement]", package: str = "", version: str = ""
    ) -> "Sequence[Requirement]":
        """Return the requirements of a package (or the user's) after overrides and excludes."""
        if self._unchanged:
            return requirements
        overrides, excludes = self._overrides, self._excludes
        scopes = self._scopes.get(package)
        if scopes:
            exact = [s for s in scopes if s.version and same_version(s.version, version)]
            for scope in exact or [s for s in scopes if not s.version]:
                overrides = {**overrides, **_by_name(scope.overrides)}
                excludes = excludes.union(scope.excludes)
        found: dict[Requirement, None] = {}
        for requirement in requirements:
            if requirement.name in excludes:
                continue
            replacing = overrides.get(requirement.name)
            if replacing is None:
                found[requirement] = None
            else:
                found.update((_for_the_same_extras(new, requirement), None) for new in replacing)
        return tuple(found)

    def constraints(self, name: str) -> "tuple[Requirement, ...]":
        """Return the constraints on a project that hold here."""
        return self._constraints.get(name, ())

    def prereleases(self, name: str) -> str:
        """Return `allow`, `disallow` or `if-necessary` for a project."""
        mode = self._inputs.prerelease_packages.get(name, self._inputs.prerelease)
        if mode == "explicit":
            named = any(
                is_specifier(r.specifier) and names_prerelease(r.specifier) for r in self._speaking.get(name, ())
            )
            return "if-necessary" if named else "disallow"
        return mode

    def pins(self, name: str) -> tuple[str, ...]:
        """Return the versions that may be taken although they were yanked: pinned by the user, or in a lock."""
        pinned = (pinned_version(r.specifier) for r in self._speaking.get(name, ()) if is_specifier(r.specifier))
        return (*filter(None, pinned), *self._inputs.preferred(name))

    def lowest(self, name: str) -> bool:
        """Return whether the oldest version of a project is wanted."""
        mode = self._inputs.resolution
        return mode == "lowest" or (mode == "lowest-direct" and name in self.direct)

    def warnings(self) -> list[str]:
        """Return what the user should know before looking at the answer."""
        if self._inputs.resolution == "highest":
            return []
        bounded = {r.name for r in self.asked if r.source is not None or lower_bound(repaired(r.specifier) or "")}
        return [
            f"`{name}` has no lower bound, so that `--resolution {self._inputs.resolution}` may take a very old version"
            for name in dict.fromkeys(r.name for r in self.asked)
            if name not in bounded
        ]


def _check_modes(inputs: "Inputs") -> None:
    if inputs.resolution not in RESOLUTION_MODES:
        raise UsageError(
            f"`{inputs.resolution}` is no resolution mode", hint=f"use one of {', '.join(RESOLUTION_MODES)}"
        )
    for mode in (inputs.prerelease, *inputs.prerelease_packages.values()):
        if mode not in PRERELEASE_MODES:
            raise UsageError(f"`{mode}` is no pre-release mode", hint=f"use one of {', '.join(PRERELEASE_MODES)}")


def _by_name(requirements: "Iterable[Requirement]") -> "dict[str, tuple[Requirement, ...]]":
    found: dict[str, tuple[Requirement, ...]] = {}
    for requirement in requirements:
        found[requirement.name] = (*found.get(requirement.name, ()), requirement)
    return found


def _for_the_same_extras(new: "Requirement", old: "Requirement") -> "Requirement":
    """Return an override that holds only for the extras for which the requirement held that it replaces."""
    marker = parse(old.marker)
    if not depends_on_extras(marker):
        return new
    return new.replaced(marker=str(both(parse(new.marker), _extras_alone(marker))))


def _extras_alone(marker: "Marker") -> "Marker":
    """Return a marker with all that is not about extras taken for true."""
    if isinstance(marker, Comparison):
        return marker if marker.variable in ("extra", "extras") else ALWAYS
    parts = tuple(_extras_alone(part) for part in marker.parts)
    return both(*parts) if isinstance(marker, Both) else either(*parts)


def same_source(one: "Source", other: "Source") -> bool:
    """Return whether two sources name one place; credentials, hashes and how it is installed do not count."""
    if isinstance(one, PathSource) and isinstance(other, PathSource):
        return one.path.rstrip("/") == other.path.rstrip("/") and one.subdirectory == other.subdirectory
    if isinstance(one, UrlSource) and isinstance(other, UrlSource):
        return one.url.bare == other.url.bare and one.subdirectory == other.subdirectory
    if isinstance(one, VcsSource) and isinstance(other, VcsSource):
        return _repository(one) == _repository(other) and _revisions_agree(one, other)
    return False


def _repository(source: VcsSource) -> tuple[str, str, str]:
    return source.kind, source.url.bare.rstrip("/").removesuffix(".git").lower(), source.subdirectory or ""


def _revisions_agree(one: VcsSource, other: VcsSource) -> bool:
    """Compare what is known of both: a commit that was looked up, or the revision as it was written."""
    if one.revision == other.revision:
        return True
    if one.commit and other.commit:
        return one.commit == other.commit
    return (one.commit or one.revision) == (other.commit or other.revision)


def place(source: "Source") -> str:
    """Return where a source is, for messages."""
    if isinstance(source, PathSource):
        return source.path
    return f"{source.kind}+{source.url}" if isinstance(source, VcsSource) else str(source.url)
