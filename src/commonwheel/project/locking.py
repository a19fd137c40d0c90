"""From what is declared, and an earlier lock, to a lock: ask the resolver, and name the files of what it chose.

Versions and forks of the earlier lock are tried first, as far as `freshness` says that they can be kept. What is chosen is then
described in the words of `specs.uv_lock`: packages with their edges, files without useless wheels, metadata of what may change.

Laws of this file: it fetches and builds through the parts of a session alone, and writes nothing.
"""

import os

from commonwheel.errors import CommonwheelError
from commonwheel.model import Metadata, Origin, PathSource, Pin, Requirement, Target, UrlSource, VcsSource
from commonwheel.project import lock_files
from commonwheel.project.spelling import lock_requirements, specifier
from commonwheel.resolve.locked import Preference, Scheme
from commonwheel.resolve.locking import solve_lock
from commonwheel.resolve.request import Inputs
from commonwheel.specs import file_url, marker_text, pyproject, tool_sources, tool_uv, uv_lock, versions
from commonwheel.specs.direct_url import is_archive
from commonwheel.specs.names import normalize
from commonwheel.specs.requirement import parse_dependency
from commonwheel.specs.uv_lock import Dependency, File, Lock, LockRequirement, Package, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Final

    from commonwheel.index.catalogue import Catalogue
    from commonwheel.project.declared import Declared
    from commonwheel.project.parts import Parts
    from commonwheel.resolve.locked import Edge, Locked
    from commonwheel.resolve.locked import Lock as Resolved
    from commonwheel.specs.tool_sources import Rules


# No platform is barred, and no Python: the resolver looks at Requires-Python itself.
_EVERYWHERE = Target({"python_full_version": "99"}, ())


class NoSuchIndexFiles(CommonwheelError):
    """A chosen version has no file that a lock could name."""

    code = "no-files-to-lock"


class Keep:
    """What of an earlier lock is tried first."""

    def __init__(self, lock: Lock | None, *, versions: bool = True, forks: bool = True) -> None:
        self.lock: Final = lock
        self.versions: Final = versions and lock is not None
        self.forks: Final = forks and lock is not None

    def preferences(self) -> "dict[str, tuple[Preference, ...]]":
        """Return the versions of the index that the lock has, with the forks in which each holds."""
        found: dict[str, list[Preference]] = {}
        if self.lock is not None and self.versions:
            for package in self.lock.packages:
                if package.source.kind == "registry" and package.version:
                    found.setdefault(package.name, []).append(Preference(package.version, package.forks))
        return {name: tuple(several) for name, several in found.items()}

    def markers(self) -> tuple[str, ...]:
        """Return the forks of the lock, without what they say of conflicts."""
        return self.lock.forks if self.lock is not None and self.forks else ()

    def commits(self, declared: "Declared") -> "dict[tuple[str, str], str]":
        """Return the commits of the lock by URL and revision."""
        found: dict[tuple[str, str], str] = {}
        for package in self.lock.packages if self.lock is not None and self.versions else ():
            source = declared.spelling.source(package.source)
            if isinstance(source, VcsSource) and source.commit:
                found[source.url.bare, source.revision or ""] = source.commit
        return found


def lock(parts: "Parts", declared: "Declared", keep: Keep) -> Lock:
    """Resolve what is declared, and return the lock.

    Raises NoSolution, and the errors of builds and of the network.
    """
    return _Locking(parts, declared, keep).lock()


class _Locking:
    """One lock in the making."""

    def __init__(self, parts: "Parts", declared: "Declared", keep: Keep) -> None:
        self._parts = parts
        self._declared = declared
        self._keep = keep
        self._spelling = declared.spelling
        self._commits = keep.commits(declared)
        self._settled: dict[VcsSource, VcsSource] = {}
        self._described: dict[Source, Metadata] = {}
        self._catalogue: Any = None

    def lock(self) -> Lock:
        declared = self._declared
        resolved = self._resolve()
        for warning in resolved.warnings:
            self._parts.reporter.note("warning", warning)
        names = [one.name for one in resolved.packages]
        several = {name for name in names if names.count(name) > 1}
        sources = {(one.name, one.version, one.source): self._source(one) for one in resolved.packages}
        described = {package.name: package for package in declared.packages}
        packages = [self._package(one, sources, several, described) for one in resolved.packages]
        packages.sort(key=lambda one: (one.name, versions.version_key(one.version or "0"), one.source.key()))
        return Lock(
            declared.requires_python,
            tuple(packages),
            forks=resolved.forks,
            supported=resolved.supported,
            required=resolved.required,
            conflicts=declared.conflicts,
            options=declared.options,
            manifest=declared.manifest,
        )

    # --- the question -----------------------------------------------------------------------------------------------

    def _resolve(self) -> "Resolved":
        declared, parts = self._declared, self._parts
        job = parts.job
        rules = job.policies.rules(universal=True).replaced(bound=dict(declared.bound))
        catalogue: Any = _Told(job.catalogue(_EVERYWHERE, rules), declared.metadata)
        self._catalogue = catalogue
        members = tuple(
            member.replaced(
                metadata=member.metadata.replaced(requires=self._all_settled(member.metadata.requires)),
                groups={group: self._all_settled(several) for group, several in member.groups.items()},
            )
            for member in declared.members
        )
        inputs = Inputs(
            self._all_settled(declared.requirements),
            _EVERYWHERE,
            constraints=self._all_settled(declared.constraints),
            overrides=self._all_settled(declared.overrides),
            excludes=declared.excludes,
            source_metadata=self._metadata,
            details=lambda name, version, why: job.solving.explain(catalogue, name, version, why),
        )
        inputs = job.policies.applied(inputs)
        scheme = Scheme(
            declared.requires_python,
            members,
            groups={group: self._all_settled(several) for group, several in declared.groups.items()},
            environments=declared.environments,
            required_environments=declared.required_environments,
            conflicts=declared.items,
            forks=self._keep.markers(),
            preferences=self._keep.preferences(),
            fork_strategy=parts.settings.text("fork-strategy") or "requires-python",
        )
        asked = [one for member in members for one in (*member.metadata.requires, *sum(member.groups.values(), ()))]
        catalogue.crawl([one for one in (*inputs.requirements, *asked) if one.source is None], inputs.constraints)
        try:
            return solve_lock(inputs, scheme, catalogue, parts.reporter)
        finally:
            catalogue.close()

    def _all_settled(self, requirements: "Iterable[Requirement]") -> "tuple[Requirement, ...]":
        return tuple(map(self._with_commit, requirements))

    def _with_commit(self, requirement: "Requirement") -> "Requirement":
        """Return a requirement whose repository has its commit: that of the lock if it is kept, else the newest."""
        source = requirement.source
        if not isinstance(source, VcsSource) or source.commit:
            return requirement
        if source not in self._settled:
            kept = self._commits.get((source.url.bare, source.revision or ""))
            if kept and not self._upgrades(requirement.name):
                self._settled[source] = source.replaced(commit=kept)
            else:
                found = self._parts.job.sources.settled(source)
                assert isinstance(found, VcsSource)
                self._settled[source] = found
        return requirement.replaced(source=self._settled[source])

    def _upgrades(self, name: str) -> bool:
        return self._parts.job.policies.applied(Inputs((), _EVERYWHERE)).upgrades(name)

    def _metadata(self, requirement: "Requirement") -> Metadata:
        """Return the metadata of a direct source that is no member."""
        assert requirement.source is not None
        told = self._catalogue.told(requirement.name, "")
        if told is not None:
            return told  # type: ignore[no-any-return]
        found = self._parts.job.sources.metadata(requirement)
        return found.replaced(requires=self._all_settled(found.requires))

    # --- the answer -------------------------------------------------------------------------------------------------

    def _source(self, one: "Locked") -> Source:
        if one.source is None:
            return Source("registry", self._registry(one.name, one.version))
        source = one.source
        if isinstance(source, VcsSource) and not source.commit:
            found = self._parts.job.sources.settled(source)
            assert isinstance(found, VcsSource)
            source = found
        return self._spelling.package(source)

    def _registry(self, name: str, version: str) -> str:
        """Return the index of a version as the lock has it: a URL, or a path."""
        found = self._catalogue.files(name, version)
        if not found:
            raise NoSuchIndexFiles(f"`{name}` {version} has no file that a lock could name")
        index = str(found[0].index)
        path = file_url.to_path(index) or (index if index.startswith("/") else None)
        return index if path is None else self._spelling.path(path.rstrip("/") or "/")

    def _package(
        self,
        one: "Locked",
        sources: "Mapping[Any, Source]",
        several: "set[str]",
        described: "Mapping[str, Package]",
    ) -> Package:
        source = sources[one.name, one.version, one.source]
        package = Package(
            one.name,
            one.version,
            source,
            forks=one.forks,
            dependencies=_edges(one.dependencies, sources, several),
            optional={extra: _edges(edges, sources, several) for extra, edges in one.optional.items() if edges},
            groups={group: _edges(edges, sources, several) for group, edges in one.groups.items() if edges},
        )
        if source.kind == "registry":
            sdist, wheels = self._files(one, source)
            return package.replaced(sdist=sdist, wheels=wheels)
        member = described.get(one.name)
        if member is not None and member.source == source:
            return package.replaced(
                default_groups=member.default_groups,
                group_pythons=member.group_pythons,
                requires_dist=member.requires_dist,
                provides_extras=member.provides_extras,
                requires_dev=member.requires_dev,
            )
        if source.kind == "git":
            return package
        assert one.source is not None
        return _with_metadata(self._with_archive(package, one.source), one.source, one.metadata, self._declared)

    def _files(self, one: "Locked", source: Source) -> "tuple[File | None, tuple[File, ...]]":
        declared = self._declared
        where = [marker_text.diagram(one.marker) if one.marker else marker_text.ALWAYS]
        if declared.environments:
            whole = marker_text.NEVER
            for text in declared.environments:
                whole = marker_text.disjunction(whole, marker_text.diagram(text))
            where.append(whole)
        pythons = lock_files.Pythons(declared.requires_python)
        found = self._catalogue.files(one.name, one.version)
        network = self._parts.job.network
        folders = {str(one) for one in (*network.indexes, *network.links) if one.flat}
        folder = any(str(one.index) in folders for one in found)
        return lock_files.files(found, pythons, where, source.place, declared.root, folder=folder)

    def _with_archive(self, package: Package, source: "UrlSource | PathSource | VcsSource") -> Package:
        """Return a package with the one file that its source is."""
        if package.source.kind not in ("url", "path"):
            return package
        place = package.source.place.partition("?")[0]
        filename = place.rpartition("/")[2]
        digest = self._digest(source)
        if filename.endswith(".whl"):
            key, value = ("url", package.source.place) if package.source.kind == "url" else ("filename", filename)
            return package.replaced(wheels=(File(key, value, digest),))
        return package.replaced(sdist=File("", "", digest))

    def _digest(self, source: "UrlSource | PathSource | VcsSource") -> str:
        known = getattr(source, "digests", ())
        if not known:
            settled = self._parts.job.sources.describe([Requirement("", source=source)])[0].source
            known = getattr(settled, "digests", ())
        if not known:
            return f"sha256:{self._parts.job.material.source_digest(Pin('', '', source=source))}"
        return str(known[0]) if known else ""


def _edges(edges: "Sequence[Edge]", sources: "Mapping[Any, Source]", several: "set[str]") -> "tuple[Dependency, ...]":
    found = []
    for edge in edges:
        if edge.name in several:
            source = sources[edge.name, edge.version, edge.source]
            found.append(Dependency(edge.name, edge.version, source, edge.extras, edge.marker))
        else:
            found.append(Dependency(edge.name, "", None, edge.extras, edge.marker))
    return tuple(found)


# --- metadata of what is no member --------------------------------------------------------------------------------------------


def described(parts: "Parts", declared: "Declared", package: Package) -> Package | None:
    """Return the table that a locked package from an archive or a directory should have now, None if that cannot be told."""
    source = declared.spelling.source(package.source)
    if source is None or isinstance(source, VcsSource):
        return None
    told = _Told(None, declared.metadata).told(package.name, package.version)
    if told is None:
        if isinstance(source, PathSource) and not os.path.exists(source.path):
            return package.replaced(
                version=package.version, requires_dist=(LockRequirement(package.name, key="path", place="gone"),)
            )
        told = parts.job.sources.metadata(Requirement(package.name, source=source))
    empty = Package(package.name, told.version if package.version else "", package.source)
    return _with_metadata(empty, source, told, declared)


def _with_metadata(
    package: Package, source: "UrlSource | PathSource | VcsSource", metadata: Metadata, declared: "Declared"
) -> Package:
    """Return a package with the metadata that a lock repeats of an archive, or of a tree that is no member."""
    groups: dict[str, tuple[LockRequirement, ...]] = {}
    spelling = declared.spelling
    if isinstance(source, PathSource) and not is_archive(source.path):
        path = os.path.join(source.path, source.subdirectory or "", "pyproject.toml")
        project = _project(path)
        if project is not None:
            rules = _note_sources(project, declared)
            for group in project.groups:
                name = normalize(group)
                found = [one for each in project.group(group) for one in tool_sources.applied(each, rules, group=name)]
                groups[name] = lock_requirements([spelling.lock_requirement(one) for one in found])
    return package.replaced(
        requires_dist=lock_requirements([spelling.lock_requirement(one) for one in metadata.requires]),
        provides_extras=metadata.provides_extra,
        requires_dev=groups,
    )


def _note_sources(project: "pyproject.Project", declared: "Declared") -> "Rules":
    """Note how the sources of a tree are spelled, and return them."""
    try:
        rules = tool_uv.read(project).sources
    except pyproject.InvalidPyproject:
        return {}
    for several in rules.values():
        for rule in several:
            if isinstance(rule.source, VcsSource):
                declared.spelling.note_reference(rule.source, rule.reference)
            elif isinstance(rule.source, PathSource):
                declared.spelling.note_path(rule.source.path, rule.text)
    return rules


def _project(path: str) -> "pyproject.Project | None":
    try:
        with open(path, encoding="utf-8") as stream:
            return pyproject.read(stream.read(), path)
    except (OSError, UnicodeDecodeError, pyproject.InvalidPyproject):
        return None


class _Told:
    """A catalogue in which `dependency-metadata` counts before what the index says."""

    def __init__(self, catalogue: "Catalogue | None", metadata: "Sequence[uv_lock.StaticMetadata]") -> None:
        self._catalogue = catalogue
        self._metadata = {(one.name, one.version): one for one in metadata}

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._catalogue, name)

    def told(self, name: str, version: str) -> Metadata | None:
        """Return what the settings say of a version, None if they say nothing."""
        one = self._metadata.get((name, version)) or self._metadata.get((name, ""))
        if one is None:
            return None
        origin = Origin(f"dependency-metadata of {name}")
        requires = tuple(parse_dependency(text, origin) for text in one.requires_dist)
        return Metadata(name, version or one.version, requires, specifier(one.requires_python), one.provides_extras)

    def metadata(self, name: str, version: str) -> Metadata:
        """Return the metadata of a version of the index."""
        told = self.told(name, version) if self._metadata else None
        if told is not None:
            return told
        assert self._catalogue is not None
        return self._catalogue.metadata(name, version)
