"""From what is asked to pins: name what has no name yet, solve, and choose a file for each version.

The solver sees only values: a catalogue over the indexes, what is installed, and the metadata of direct sources, which
has to be known before it begins because a source makes a universe of one version.
"""

import time

from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.model import PathSource, Pin, Target, Value
from commonwheel.operations import resolution_cache
from commonwheel.resolve.request import Inputs
from commonwheel.specs import markers, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Final, Protocol

    from commonwheel.events import Reporter
    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.index_config import Index
    from commonwheel.index.rules import Rules
    from commonwheel.model import (
        Candidate,
        Digest,
        Installed,
        Metadata,
        Requirement,
        Resolution,
        UrlSource,
        VcsSource,
    )
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.describe import Sources
    from commonwheel.sources.prefetch import WheelPrefetch
    from commonwheel.store.records import Records

    Source = UrlSource | VcsSource | PathSource

    class Policies(Protocol):
        """What the user wishes of every choice: `session.policies.Policies`."""

        def rules(self, *, allowed: Mapping[str, frozenset[str]] | None = None, universal: bool = False) -> Rules:
            """Return the rules by which files are chosen; `allowed` are the hashes that are demanded, by name."""

        def applied(self, inputs: Inputs) -> Inputs:
            """Return the inputs with what the settings say: versions, pre-releases, upgrades."""

    class Indexes(Protocol):
        """Ask the indexes: `session.network.Network`."""

        @property
        def indexes(self) -> tuple[Index, ...]:
            """Return the indexes in the order in which they are asked."""

        @property
        def links(self) -> tuple[Index, ...]:
            """Return the places of `--find-links`."""

    class Solving(Protocol):
        """Solve: `session.solving.Solving`, which loads the solver when it is asked."""

        def solve(self, inputs: Inputs, catalogue: Catalogue) -> Resolution:
            """Resolve for one target."""

        def solve_universal(self, inputs: Inputs, catalogue: Catalogue, python: str) -> Resolution:
            """Resolve for every platform and all Pythons from the oldest that `python` (a Requires-Python) admits."""

        def explain(self, catalogue: Catalogue, name: str, version: str, reason: str) -> str:
            """Return what is known beyond the reason for which a version is barred."""

    class Resolving(Protocol):
        """What a question is answered with: `session.job.Job`."""

        settings: Settings
        reporter: Reporter

        @property
        def records(self) -> Records:
            """Return what the store remembers, without its entries."""

        @property
        def policies(self) -> Policies:
            """Return what the user wishes."""

        @property
        def network(self) -> Indexes:
            """Return the indexes."""

        def catalogue(self, target: Target, rules: Rules | None = None) -> Catalogue:
            """Return what the indexes offer for a target."""

        @property
        def sources(self) -> Sources:
            """Return what describes direct sources."""

        @property
        def solving(self) -> Solving:
            """Return what solves."""

        def look_ahead(self) -> WheelPrefetch:
            """Return what fetches wheels ahead of the resolution, made now."""

    _Mapping = Mapping[str, tuple[str, Metadata]]
else:
    _Mapping = object  # `collections.abc` would load `collections`, and nothing of it is needed


# No platform is barred, and no Python: the universal solver looks at Requires-Python itself.
_EVERYWHERE = Target({"python_full_version": "99"}, ())


class HashesMissing(UsageError):
    """Requirements lack the pinned version or the hash that hash mode requires."""

    code = "hashes-missing"


class Unhashed(CommonwheelError):
    """A resolution in hash mode needs packages that no line names."""

    code = "unhashed"


class Question(Value):
    """What is to be resolved: everything that the user named, for whom, and what may be kept.

    `installed` are distributions that may stay as they are; `preferences` are versions to try first; `hashed` says that
    hash mode holds; `ahead` are the versions that are installed and stay if they fit, by name, where wheels may be fetched before
    everything is resolved.
    """

    __slots__ = (
        "ahead", "constraints", "excludes", "hashed", "installed", "no_deps", "overrides", "preferences", "requirements", "requires_python",
        "target", "universal",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - a question has this many sides
        self,
        requirements: "Sequence[Requirement]",
        target: "Target",
        *,
        constraints: "Sequence[Requirement]" = (),
        overrides: "Sequence[Requirement]" = (),
        excludes: "Sequence[str]" = (),
        installed: "Mapping[str, tuple[str, Metadata]] | None" = None,
        preferences: "Mapping[str, str | tuple[str, ...]] | None" = None,
        hashed: bool = False,
        no_deps: bool | None = None,
        universal: bool = False,
        requires_python: str = "",
        ahead: "Mapping[str, str] | None" = None,
    ) -> None:
        self.requirements: Final = tuple(requirements)
        self.target: Final = target
        self.constraints: Final = tuple(constraints)
        self.overrides: Final = tuple(overrides)
        self.excludes: Final = tuple(excludes)
        self.installed: Final = installed
        self.preferences: Final = preferences
        self.hashed: Final = hashed
        self.no_deps: Final = no_deps
        self.universal: Final = universal
        self.requires_python: Final = requires_python
        self.ahead: Final = ahead


class Answer:
    """A resolution and the catalogue that its pins came from, which is made when somebody wants more of it."""

    def __init__(
        self, resolution: "Resolution", make: "Callable[[], Catalogue]", known: "resolution_cache.Known | None" = None
    ) -> None:
        self.resolution: Final = resolution
        self._make: Final = make
        self._known: Final = known
        self._catalogue: Catalogue | None = None

    @property
    def catalogue(self) -> "Catalogue":
        """Return what the indexes offer."""
        if self._catalogue is None:
            self._catalogue = self._make()
        return self._catalogue

    def file(self, pin: Pin) -> "Candidate":
        """Return the file that will be installed for a pin; raises what the catalogue raises."""
        if self._known is not None and pin.candidate is not None:
            return pin.candidate
        return self.catalogue.candidate(pin.name, pin.version)

    def remarks(self, pin: Pin) -> "tuple[str, ...]":
        """Return what the index remarks on a version."""
        if self._known is not None:
            return self._known.remarks.get(pin.name, ())
        return self.catalogue.remarks(pin.name, pin.version)


class InstalledMetadata(_Mapping):
    """Read the metadata of installed distributions when the solver asks for one: a mapping of name to (version, metadata)."""

    def __init__(
        self,
        installed: "Iterable[Installed]",
        read: "Callable[[Installed], Metadata | None]",
        without: "Iterable[str]" = (),
    ) -> None:
        left_out = set(without)
        self._installed = {one.name: one for one in installed if one.name not in left_out}
        self._read = read
        self._known: dict[str, tuple[str, Metadata] | None] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._installed and self._find(str(name)) is not None

    def __getitem__(self, name: str) -> "tuple[str, Metadata]":
        found = self._find(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> "Iterator[str]":
        return iter(self._installed)

    def __len__(self) -> int:
        return len(self._installed)

    def get(self, name: str, default: object = None) -> "Any":
        """Return version and metadata of an installed distribution; the default when there is none that can be read."""
        return self._find(name) or default

    def _find(self, name: str) -> "tuple[str, Metadata] | None":
        if name not in self._known:
            one = self._installed.get(name)
            metadata = self._read(one) if one is not None else None
            self._known[name] = (one.version, metadata) if one is not None and metadata is not None else None
        return self._known[name]


def answer(parts: "Resolving", question: Question, policies: "Policies | None" = None) -> Answer:
    """Resolve a question and choose the files; by policies other than those of the request, if any are given.

    Raises NoSolution, HashesMissing, errors of builds and of the network, and what the catalogue raises for files.
    """
    if question.hashed:
        # what lines demand, before the hashes of what they led to are known
        _check_hashes([one for one in question.requirements if _holds(one, question)])
    policies = policies or parts.policies
    requirements, sources = _sourced(parts.sources, question)
    constraints, constraint_sources = _constraints(parts.sources, question, sources)
    sources |= constraint_sources
    allowed = _allowed(requirements, constraints) if not parts.settings.flag("no-verify-hashes") else {}
    target = _EVERYWHERE if question.universal else question.target
    rules = policies.rules(allowed=allowed, universal=question.universal)
    inputs = policies.applied(
        Inputs(
            tuple(requirements),
            target,
            constraints=constraints,
            overrides=question.overrides,
            excludes=question.excludes,
            installed=question.installed,
            preferences=question.preferences,
            sources=sources,
            source_metadata=parts.sources.metadata,
            no_deps=parts.settings.flag("no-deps") if question.no_deps is None else question.no_deps,
        )
    )
    named = (
        "" if question.universal else resolution_cache.key(inputs, rules, parts.network.indexes, parts.network.links)
    )
    known = resolution_cache.recall(parts.records, named, inputs.installed)
    if known is not None and resolution_cache.holds(parts.records, known, time.time()):
        return _recalled(parts, known, lambda: parts.catalogue(target, rules))
    catalogue = parts.catalogue(target, rules)
    if known is not None and resolution_cache.confirmed(parts.records, named, known, catalogue):
        return _recalled(parts, known, lambda: catalogue)
    resolution = _solved(parts, question, inputs, catalogue)
    for warning in resolution.warnings:
        parts.reporter.note("warning", warning)
    resolution_cache.keep(parts.records, named, resolution, catalogue, inputs.installed)
    return Answer(resolution, lambda: catalogue)


def _recalled(parts: "Resolving", known: "resolution_cache.Known", make: "Callable[[], Catalogue]") -> Answer:
    for warning in known.resolution.warnings:
        parts.reporter.note("warning", warning)
    return Answer(known.resolution, make, known)


def _solved(parts: "Resolving", question: Question, inputs: "Inputs", catalogue: "Catalogue") -> "Resolution":
    inputs = inputs.replaced(
        details=lambda name, version, reason: parts.solving.explain(catalogue, name, version, reason),
    )
    catalogue.crawl(inputs.requirements, inputs.constraints)
    ahead = _sent_ahead(parts, question, inputs, catalogue)
    failed = True
    try:
        if question.universal:
            resolution = parts.solving.solve_universal(inputs, catalogue, question.requires_python)
        else:
            resolution = parts.solving.solve(inputs, catalogue)
        failed = False
    finally:
        if ahead is not None:
            ahead.end(failed=failed)
        catalogue.close()
    return _settled(parts, resolution)


def _sent_ahead(
    parts: "Resolving", question: Question, inputs: "Inputs", catalogue: "Catalogue"
) -> "WheelPrefetch | None":
    """Begin to fetch the wheels of those requirements that leave no choice, while indexes are asked for the rest."""
    if question.ahead is None or not catalogue.online:
        return None
    others = {one.name for one in question.overrides}.union(question.excludes, inputs.sources)
    sure = [one for one in inputs.requirements if one.source is None and one.name not in others]
    pinned = [(one, versions.pinned_version(one.specifier)) for one in sure]
    wanted = [one for one, version in pinned if version and not _stands(one.name, version, question.ahead)]
    if not wanted:
        return None
    ahead = parts.look_ahead()
    for one in wanted:
        catalogue.follow(one, lambda candidate: ahead.begin(Pin(candidate.name, candidate.version, candidate)))
    return ahead


def _stands(name: str, version: str, installed: "Mapping[str, str]") -> bool:
    return name in installed and versions.same_version(installed[name], version)


def _settled(parts: "Resolving", resolution: "Resolution") -> "Resolution":
    """Give the repositories that dependencies named their commits, which those of the user's own have already."""
    if all(getattr(pin.source, "commit", "") is not None for pin in resolution.pins):
        return resolution
    pins = [
        pin.replaced(source=parts.sources.settled(pin.source))
        if pin.source is not None and getattr(pin.source, "commit", "") is None
        else pin
        for pin in resolution.pins
    ]
    return resolution.replaced(pins=tuple(pins))


def with_files(
    answered: Answer, names: "Iterable[str] | None" = None, reporter: "Reporter | None" = None
) -> "tuple[Pin, ...]":
    """Return the pins, each with the file that will be installed; `names` limits for whom one is chosen.

    What the index remarks on a chosen version (a yank, a project given up by its authors) goes to the reporter.
    """
    wanted = None if names is None else set(names)
    pins = []
    for pin in answered.resolution.pins:
        if pin.source is None and (wanted is None or pin.name in wanted):
            if reporter is not None:
                for remark in answered.remarks(pin):
                    reporter.note("warning", remark)
            pin = pin.replaced(candidate=answered.file(pin))
        pins.append(pin)
    return tuple(pins)


def _sourced(known: "Sources", question: Question) -> "tuple[list[Requirement], dict[str, tuple[Source, Metadata]]]":
    """Give every requirement that holds here its name, and fetch the metadata of the direct sources among them."""
    requirements = [one for one in question.requirements if _holds(one, question)]
    sources: dict[str, tuple[Source, Metadata]] = {}
    direct = [(at, one) for at, one in enumerate(requirements) if one.source is not None]
    for (at, _), one in zip(direct, known.describe([one for _, one in direct]), strict=True):
        first, _ = sources.setdefault(one.requirement.name, (one.source, one.metadata))
        if first != one.source:
            raise UsageError(
                f"`{one.requirement.name}` is asked for from two places",
                context=[_shown(place) for place in (first, one.source)],
                hint="leave one of them out",
            )
        requirements[at] = one.requirement
    return requirements, sources


def _holds(requirement: "Requirement", question: Question) -> bool:
    if question.universal or not requirement.marker:
        return True
    return markers.evaluate(requirement.marker, question.target.markers)


def _shown(source: "Source") -> str:
    return source.path if isinstance(source, PathSource) else str(source.url)


def _constraints(
    known: "Sources", question: Question, named: "Mapping[str, object]"
) -> "tuple[tuple[Requirement, ...], dict[str, tuple[Source, Metadata]]]":
    """Return the constraints; one that names a source binds its project to it."""
    found: list[Requirement] = []
    sources: dict[str, tuple[Source, Metadata]] = {}
    for constraint in (*question.constraints,):
        if constraint.source is not None and constraint.name not in named:
            (found_there,) = known.describe([constraint])
            constraint = found_there.requirement
            sources[constraint.name] = (found_there.source, found_there.metadata)
        found.append(constraint)
    return tuple(found), sources


def _allowed(
    requirements: "Sequence[Requirement]", constraints: "Sequence[Requirement]"
) -> "dict[str, frozenset[str]]":
    """Return the hashes that lines demand, by name: files without one of them are never chosen."""
    found: dict[str, set[str]] = {}
    for requirement in (*requirements, *constraints):
        if requirement.digests and requirement.source is None:
            found.setdefault(requirement.name, set()).update(str(digest) for digest in requirement.digests)
    return {name: frozenset(digests) for name, digests in found.items()}


def _check_hashes(requirements: "Sequence[Requirement]") -> None:
    """Refuse what hash mode cannot hold to its word; all lines at once."""
    issues = []
    for requirement in requirements:
        where = f"{requirement.origin}: " if requirement.origin else ""
        source = requirement.source
        if source is not None and type(source).__name__ != "UrlSource" and not getattr(source, "digests", ()):
            issues.append(f"{where}`{requirement.name}` comes from a repository or directory, which has no hash")
        elif source is None and versions.pinned_version(requirement.specifier) is None:
            issues.append(f"{where}`{requirement}` must be pinned with `==`")
        elif not requirement.digests and not getattr(source, "digests", ()):
            issues.append(f"{where}`{requirement}` has no `--hash`")
        elif requirement.digests and all(digest.algorithm == "md5" for digest in requirement.digests):
            issues.append(f"{where}`{requirement}` has only an MD5 hash, which anybody can forge")
    if issues:
        raise HashesMissing(
            "in hash mode every requirement must be pinned and have a hash",
            context=issues,
            hint="make such a file with `cw pip compile --generate-hashes`",
        )


def require_hashes(pins: "Iterable[Pin]", hashed: bool) -> None:
    """Refuse a resolution in hash mode that brought in what no line names (as pip does)."""
    if not hashed:
        return
    missing = [pin for pin in pins if not _bound(pin)]
    if missing:
        raise Unhashed(
            "in hash mode everything that is installed must be named and hashed",
            context=[f"`{pin.name}=={pin.version}` is needed, and no line has its hash" for pin in missing],
            hint="make the file with `cw pip compile --generate-hashes`, or use `--no-deps`",
        )


def _bound(pin: Pin) -> "Sequence[Digest]":
    return pin.digests or getattr(pin.source, "digests", ())
