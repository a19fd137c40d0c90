"""Sources as a lock spells them, and back: URLs without credentials, paths relative to the root of the workspace.

A lock says more than a source: whether a revision was named as `tag` or as `rev`, whether a path was given as an absolute one,
whether a tree is `editable`, `virtual` or a plain `directory`. What was declared is noted here, so that the package that comes of
it is spelled as its requirement is.
"""

import os
from posixpath import isabs, join, normpath, relpath
from urllib.parse import parse_qsl, quote

from commonwheel.model import Digest, PathSource, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import digests, direct_url, file_url, marker_text, versions
from commonwheel.specs.uv_lock import LockRequirement, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    from commonwheel.model import Requirement

    Direct: TypeAlias = UrlSource | VcsSource | PathSource

_REFERENCES = ("rev", "tag", "branch")


class Spelling:
    """Spell sources for the lock of one root."""

    def __init__(self, root: str) -> None:
        self.root: Final = root
        self._references: dict[tuple[str, str], str] = {}
        self._kinds: dict[str, str] = {}
        self._absolute: set[str] = set()

    # --- what was declared ------------------------------------------------------------------------------------------

    def note_reference(self, source: VcsSource, reference: str) -> None:
        """Note as what a revision was named: `rev`, `tag` or `branch`."""
        if reference:
            self._references[source.url.bare, source.revision or ""] = reference

    def note_kind(self, path: str, kind: str) -> None:
        """Note what a tree is: `directory`, `editable` or `virtual`."""
        self._kinds[path] = kind

    def note_path(self, path: str, text: str) -> None:
        """Note how a path was given: an absolute one stays so."""
        if isabs(text):
            self._absolute.add(path)

    # --- to the lock ------------------------------------------------------------------------------------------------

    def path(self, path: str) -> str:
        """Return a path as the lock has it."""
        return path if path in self._absolute else relpath(path, self.root)

    def place(self, source: "Direct") -> tuple[str, str, str]:
        """Return kind, place and subdirectory of a direct source; a repository has its subdirectory in the place."""
        if isinstance(source, VcsSource):
            query = [f"subdirectory={quote(source.subdirectory)}"] if source.subdirectory else []
            if source.revision:
                reference = self._references.get((source.url.bare, source.revision), "rev")
                query.append(f"{reference}={quote(source.revision, safe='')}")
            return "git", source.url.bare + ("?" + "&".join(query) if query else ""), ""
        if isinstance(source, UrlSource):
            return "url", source.url.bare.partition("#")[0], source.subdirectory or ""
        whole = normpath(join(source.path, source.subdirectory)) if source.subdirectory else source.path
        if direct_url.is_archive(source.path):
            return "path", self.path(source.path), source.subdirectory or ""
        return self._kinds.get(whole) or ("editable" if source.editable else "directory"), self.path(whole), ""

    def package(self, source: "Direct") -> Source:
        """Return the source of a package."""
        kind, place, subdirectory = self.place(source)
        if isinstance(source, VcsSource):
            place += f"#{source.commit or ''}"
        return Source(kind, place, subdirectory)

    def lock_requirement(
        self, requirement: "Requirement", index: str = "", conflict: "tuple[tuple[str, str], ...]" = ()
    ) -> LockRequirement:
        """Return a requirement as metadata has it; `index` is the URL of the index that its source names."""
        marker = marker_text.normalized(requirement.marker)
        if requirement.source is not None:
            kind, place, subdirectory = self.place(requirement.source)
            return LockRequirement(requirement.name, requirement.extras, marker, "", kind, place, subdirectory)
        key = "index" if index else ""
        return LockRequirement(
            requirement.name, requirement.extras, marker, specifier(requirement.specifier), key, index, "", conflict
        )

    # --- from the lock ----------------------------------------------------------------------------------------------

    def source(self, source: Source, hashes: "tuple[Digest, ...]" = ()) -> "Direct | None":
        """Return the source that a lock means, None for an index."""
        if source.kind == "registry":
            return None
        if source.kind == "git":
            return self._repository(source.place)
        if source.kind == "url":
            return UrlSource(SafeUrl(source.place), source.subdirectory or None, hashes)
        path = self.absolute(source.place)
        if source.kind == "path":
            return PathSource(path, False, source.subdirectory or None, hashes)
        return PathSource(path, source.kind == "editable")

    def absolute(self, place: str) -> str:
        """Return the path that a lock means."""
        if place.startswith("file:"):
            return file_url.to_path(place) or place
        return normpath(join(self.root, place))

    @staticmethod
    def _repository(place: str) -> VcsSource:
        url, _, commit = place.partition("#")
        url, _, query = url.partition("?")
        said = dict(parse_qsl(query))
        revision = next((said[key] for key in _REFERENCES if key in said), None)
        return VcsSource("git", SafeUrl(url), revision, said.get("subdirectory"), commit or None)


def digests_of(text: str) -> "tuple[Digest, ...]":
    """Return the hash of a file of a lock."""
    algorithm, _, value = text.partition(":")
    found = digests.make(algorithm, value) if value else None
    return () if found is None else (found,)


def specifier(text: str) -> str:
    """Return a specifier as locks have it: no blanks, each version in its normal form."""
    if not text:
        return ""
    return ",".join(_clause(clause) for clause in versions.clauses(text))


def _clause(clause: versions.Clause) -> str:
    version = clause.version
    if clause.operator != "===" and versions.parsed_key(version) is not None:
        version = versions.canonical(version)
    return f"{clause.operator}{version}{'.*' if clause.wildcard else ''}"


def lock_requirement_order(lock_requirement: LockRequirement) -> tuple[object, ...]:
    """Return what lock_requirements of one list are sorted by: name, extras, marker, source."""
    kinds = ("", "index", "git", "url", "path", "directory", "editable", "virtual")
    marker = (
        marker_text.order(marker_text.diagram(lock_requirement.marker))
        if lock_requirement.marker
        else marker_text.order(marker_text.ALWAYS)
    )
    place = (
        kinds.index(lock_requirement.key),
        lock_requirement.specifier if not lock_requirement.key else "",
        lock_requirement.place,
    )
    return lock_requirement.name, lock_requirement.extras, marker, place


def lock_requirements(found: "list[LockRequirement]") -> "tuple[LockRequirement, ...]":
    """Return lock_requirements sorted as a lock has them, each once."""
    return tuple(dict.fromkeys(sorted(found, key=lock_requirement_order)))


def relative(path: str, base: str) -> str:
    """Return a path as a person would write it at a base."""
    return os.path.relpath(path, base)
