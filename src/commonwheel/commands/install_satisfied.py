"""Return whether an environment already holds all that is asked for, without asking anybody: the no-op install.

Followed are the requirements, their extras, and the metadata of what is installed, to the end; any doubt is a no.
"""

from commonwheel.install import plan as plans
from commonwheel.python.installed_metadata import metadata_of
from commonwheel.specs import markers, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.model import Installed, Metadata, Requirement, Target
    from commonwheel.operations.request import InstallRequest
    from commonwheel.settings.settings import Settings


class Satisfaction:
    """Follow what is asked for through what is installed; `reached` are the names that were looked at."""

    def __init__(
        self, settings: "Settings", installed: "Sequence[Installed]", target: "Target", asked: "InstallRequest"
    ) -> None:
        self._no_deps = settings.flag("no-deps")
        self._markers = target.markers
        self._asked = asked
        self._installed: dict[str, Installed] = {}
        for one in installed:
            # two of one name are a mess that a plan has to put in order
            if one.name in self._installed and self._installed[one.name].own and one.own:
                self._installed.pop(one.name)
                continue
            self._installed.setdefault(one.name, one)
        self._overrides: dict[str, list[Requirement]] = {}
        for override in asked.overrides:
            self._overrides.setdefault(override.name, []).append(override)
        self._metadata: dict[str, Metadata | None] = {}
        self.reached: dict[str, set[str]] = {}

    def holds(self) -> bool:
        """Return whether everything that is asked for, and everything that this needs, is there and fits."""
        waiting = []
        for requirement in self._asked.requirements:
            if requirement.marker and not markers.evaluate(requirement.marker, self._markers):
                continue
            if not requirement.name or not self._meets(requirement):
                return False
            waiting.append((requirement.name, requirement.extras))
        while waiting:
            name, extras = waiting.pop()
            known = self.reached.get(name)
            if known is not None and known.issuperset(extras):
                continue
            every = self.reached.setdefault(name, set())
            every.update(extras)
            if self._no_deps:
                continue
            needs = self._needs(name, every)
            if needs is None:
                return False
            waiting += needs
        return all(self._constrained(name) for name in self.reached)

    @property
    def looked_at(self) -> "list[Installed]":
        """Return the installed distributions that an answer rests on."""
        return [self._installed[name] for name in self.reached]

    def _meets(self, requirement: "Requirement") -> bool:
        one = self._installed.get(requirement.name)
        return one is not None and plans.meets(requirement, one)

    def _needs(self, name: str, extras: "set[str]") -> "list[tuple[str, tuple[str, ...]]] | None":
        """Return what an installed distribution needs, None when something of it is missing or does not fit."""
        if name not in self._metadata:
            self._metadata[name] = metadata_of(self._installed[name])
        metadata = self._metadata[name]
        if metadata is None:
            return None
        found = []
        for requirement in metadata.requires:
            if requirement.name in self._asked.excludes:
                continue
            if requirement.marker and not markers.evaluate(requirement.marker, self._markers, extras):
                continue
            for wanted in self._overrides.get(requirement.name, (requirement,)):
                if wanted.marker and not markers.evaluate(wanted.marker, self._markers, extras):
                    continue
                if not self._meets(wanted):
                    return None
                found.append((wanted.name, wanted.extras))
        return found

    def _constrained(self, name: str) -> bool:
        one = self._installed[name]
        for constraint in self._asked.constraints:
            if constraint.name != name or (
                constraint.marker and not markers.evaluate(constraint.marker, self._markers)
            ):
                continue
            if constraint.source is not None or constraint.digests:
                return False
            if not versions.contains(constraint.specifier, one.version, prereleases=True):
                return False
        return True
