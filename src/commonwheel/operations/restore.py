"""Bring packages back exactly as they were: by the hash of the wheel that was installed, from the store or by fetching it.

What another tool installed has no hash here; it comes back by name and version, with a word about it. What came from a
directory is built again from what the directory holds now.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.model import Digest, PathSource, Pin
from commonwheel.operations import resolve
from commonwheel.specs import direct_url
from commonwheel.specs import requirement as specs_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from commonwheel.install.history import Package
    from commonwheel.model import Entry, Environment, Requirement
    from commonwheel.operations.prepare import Preparing

    class Restoring(resolve.Resolving, Preparing, Protocol):
        """What packages come back from: `session.job.Job`."""


class CannotRestore(CommonwheelError):
    """Packages of an earlier state are no longer available; nothing was changed."""

    code = "cannot-restore"


def restore(
    parts: "Restoring", environment: "Environment", packages: "Iterable[Package]"
) -> "tuple[tuple[Pin, ...], dict[str, Entry]]":
    """Return pins and entries for packages as a history tells them, fetching what the store has not.

    Raises CannotRestore with everything that is missing.
    """
    pins: list[Pin] = []
    entries: dict[str, Entry] = {}
    wanted: list[Package] = []
    for package in packages:
        source = direct_url.read(package.direct_url) if package.direct_url else None
        entry = parts.store.ready(package.digest) if package.digest else None
        if entry is not None:
            digests = (Digest("sha256", package.digest),)
            pins.append(Pin(package.name, package.version, source=source, digests=digests, requested=package.requested))
            entries[package.name] = entry
        else:
            wanted.append(package)
    if wanted:
        found = _fetch(parts, environment, wanted)
        pins += [pin for pin, _ in found]
        entries |= {pin.name: entry for pin, entry in found}
    return tuple(sorted(pins, key=lambda pin: pin.name)), entries


def _fetch(parts: "Restoring", environment: "Environment", wanted: "list[Package]") -> "list[tuple[Pin, Entry]]":
    """Fetch what the store does not have: from an index by hash, or again from its source."""
    problems: list[str] = []
    found: list[tuple[Pin, Entry]] = []
    for package in wanted:
        try:
            answered = resolve.answer(
                parts, resolve.Question([_requirement(parts, package)], environment.interpreter.target, no_deps=True)
            )
            pin = next(pin for pin in resolve.with_files(answered) if pin.name == package.name)
            pin = pin.replaced(requested=package.requested)
            entry = parts.material.fetch([pin])[pin.name]
        except CommonwheelError as error:
            problems.append(f"{package.name}=={package.version}: {error.message}")
            problems += [f"  {line}" for line in error.context[:3]]
        else:
            found.append((pin, entry))
    if problems:
        raise CannotRestore(
            f"{len([line for line in problems if not line.startswith(' ')])} of the packages cannot be brought back",
            context=problems,
            hint="the environment is as it was; make the missing wheels available with `--find-links`, or go back to another state",
        )
    return found


def _requirement(parts: "Restoring", package: "Package") -> "Requirement":
    source = direct_url.read(package.direct_url) if package.direct_url else None
    if source is None:
        if not package.digest:
            parts.reporter.note(
                "warning",
                f"{package.name} {package.version} was installed by another tool: it comes back by its version alone",
            )
        text = f"{package.name}=={package.version}"
        digests = (Digest("sha256", package.digest),) if package.digest else ()
        return specs_requirement.parse_dependency(text).replaced(digests=digests)
    if isinstance(source, PathSource):
        parts.reporter.note("warning", f"{package.name} is built again from what `{source.path}` holds now")
    return specs_requirement.parse_dependency(package.name).replaced(source=source)
