"""A catalogue out of a dict: the shipped fake for `resolve.provider.Catalogue`.

    FakeCatalogue({"a": {"1.0": ["b>=1"], "2.0": {"requires": ["b"], "python": ">=3.13", "yanked": "broken"}}, "b": {"1.0": []}})

A version is a list of requirements, or a table: `requires`, `extras` (names; those of markers are added), `python`,
`yanked` (a reason), `barred` (a key of `Listing.barred`), `error` (its metadata is unavailable), `also` (another name that
its metadata gives). What is asked is written down: `asked` and `expected` in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commonwheel.errors import MetadataUnavailable
from commonwheel.model import Listing, Metadata, Origin, PathSource, Requirement, SafeUrl, UrlSource
from commonwheel.specs.versions import admits_python, is_prerelease, version_key

LINUX = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.1",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1",
    "platform_system": "Linux",
    "platform_version": "#1",
    "python_full_version": "3.12.1",
    "python_version": "3.12",
    "sys_platform": "linux",
}


def requirement(text: str, origin: Origin | None = None) -> Requirement:
    """Take `name[extra,extra]>=1 ; marker` or `name @ url` apart; names are normalized."""
    head, _, marker = text.partition(";")
    source = None
    if " @ " in head:
        head, _, where = head.partition(" @ ")
        where = where.strip()
        source = PathSource(where) if where.startswith("/") else UrlSource(SafeUrl(where))
    head = head.replace(" ", "")
    end = next((i for i, c in enumerate(head) if c in "[<>=!~"), len(head))
    name, rest = head[:end], head[end:]
    extras: tuple[str, ...] = ()
    if rest.startswith("["):
        inside, _, rest = rest[1:].partition("]")
        extras = tuple(inside.split(","))
    return Requirement(name, extras, rest, marker.strip(), source, origin=origin, text=text)


class FakeCatalogue:
    def __init__(
        self, index: dict[str, dict[str, Any]], python: str = "3.12.1", *, notes: dict[str, str] | None = None
    ) -> None:
        self.index: dict[str, dict[str, dict[str, Any]]] = {
            name: {version: what if isinstance(what, dict) else {"requires": what} for version, what in known.items()}
            for name, known in index.items()
        }
        self.python = python
        self.notes = notes or {}
        self.asked: list[str] = []
        self.expected: list[str] = []

    def listing(self, name: str) -> Listing:
        self.asked.append(name)
        known = self.index.get(name)
        if known is None:
            return Listing(name, (), note=self.notes.get(name, "no index has it"))
        versions = tuple(sorted(known, key=version_key))
        prereleases = yanked = 0
        barred: dict[str, int] = {}
        for i, version in enumerate(versions):
            what = known[version]
            if is_prerelease(version):
                prereleases |= 2 << i
            if "yanked" in what:
                yanked |= 2 << i
            reason = what.get("barred", "" if admits_python(what.get("python", ""), self.python) else "requires-python")
            if reason:
                barred[reason] = barred.get(reason, 0) | 2 << i
        return Listing(name, versions, prereleases, yanked, barred)

    def metadata(self, name: str, version: str) -> Metadata:
        self.asked.append(f"{name}=={version}")
        what = self.index[name][version]
        if "error" in what:
            raise MetadataUnavailable(what["error"])
        return described(name, version, what)

    def expect(self, name: str, versions: Sequence[str] = ()) -> None:
        self.expected.append(name)
        self.expected += [f"{name}=={version}" for version in versions]

    def details(self, name: str, version: str, reason: str) -> str:
        what = self.index.get(name, {}).get(version, {})
        told = {"requires-python": what.get("python", ""), "yanked": what.get("yanked", "")}
        return str(told.get(reason, ""))


def described(name: str, version: str, what: Any) -> Metadata:
    """Return the metadata of one version of a dict."""
    table: dict[str, Any] = what if isinstance(what, dict) else {"requires": what}
    requires = tuple(requirement(text) for text in table.get("requires", ()))
    extras = dict.fromkeys(table.get("extras", ()))
    for one in requires:
        _, quoted, rest = one.marker.partition("extra == ")
        if quoted:
            extras[rest[1:].partition(rest[0])[0]] = None
    return Metadata(name, version, requires, table.get("python", ""), tuple(extras))
