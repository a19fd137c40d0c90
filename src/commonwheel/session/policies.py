"""What the settings, and the options in files of requirements, wish of every choice: rules for files, and inputs of resolutions."""

import time

from commonwheel.errors import UsageError
from commonwheel.index.rules import Formats, Rules
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypedDict

    from commonwheel.model import Requirement
    from commonwheel.resolve.request import Inputs
    from commonwheel.settings.settings import Settings
    from commonwheel.specs.requirements_txt import Option

    class Dates(TypedDict, total=False):
        """The fields of `Rules` that say how new a file may be."""

        newest: float | None
        newest_of: dict[str, float | None]


_ALL = ":all:"


class Policies:
    """The wishes of one request: of the settings, of the options of its files, and the names that `--upgrade-group` means."""

    def __init__(
        self, settings: "Settings", options: "Sequence[Option]" = (), upgraded: "frozenset[str]" = frozenset()
    ) -> None:
        self._settings = settings
        self._options = options
        self._upgraded = upgraded

    def rules(self, *, allowed: "Mapping[str, frozenset[str]] | None" = None, universal: bool = False) -> Rules:
        """Return the rules by which files are chosen; `allowed` are the hashes that are demanded, by name."""
        settings = self._settings
        return Rules(
            strategy=settings.text("index-strategy") or "first-index",
            formats=Formats(*self.formats()),
            offline=settings.flag("offline"),
            lowest=settings.text("resolution") == "lowest",
            refresh=settings.flag("refresh") or frozenset(map(normalize, settings.many("refresh-package"))),
            bound=self._bound(),
            allowed=allowed or {},
            universal=universal,
            **self._dates(),
        )

    def _dates(self) -> "Dates":
        newest = self._settings.text("exclude-newer")
        by_package = self._settings.many("exclude-newer-package")
        if not newest and not by_package:
            return {}
        from commonwheel.specs import dates

        now = time.time()
        pairs = [text.partition("=") for text in by_package]
        return {
            "newest": dates.moment(newest, now) if newest else None,
            "newest_of": {
                normalize(name): None if when == "false" else dates.moment(when, now) for name, _, when in pairs
            },
        }

    def formats(self) -> "tuple[frozenset[str], frozenset[str]]":
        """Return the names, or `:all:`, that come without wheels, and those that must not be built from source."""
        settings = self._settings

        def names(texts: "Iterable[str]") -> "frozenset[str]":
            return frozenset(text if text == _ALL else normalize(text) for text in texts if text != ":none:")

        no_wheels = [*settings.many("no-binary"), *settings.many("no-binary-package")]
        no_sdists = [*settings.many("only-binary"), *settings.many("no-build-package")]
        no_wheels += [option.value for option in self._options if option.name == "no-binary"]
        no_sdists += [option.value for option in self._options if option.name == "only-binary"]
        if settings.flag("no-build"):
            no_sdists.append(_ALL)
        return names(no_wheels), names(no_sdists)

    def _bound(self) -> "dict[str, str]":
        """Return which names come from which named index, as `[tool.uv.sources]` and `[tool.cw.sources]` say it."""
        if self._settings.flag("no-sources"):
            return {}
        bound: dict[str, str] = {}
        for table, _ in self._settings.table("sources"):
            for name, source in table.items():
                if isinstance(source, dict) and isinstance(source.get("index"), str):
                    bound.setdefault(normalize(name), source["index"])
        return bound

    def applied(self, inputs: "Inputs") -> "Inputs":
        """Return the inputs with what the settings say: versions, pre-releases, upgrades."""
        settings = self._settings
        mode, modes = self.prereleases()
        upgraded = self._upgrades()
        return inputs.replaced(
            resolution=settings.text("resolution") or "highest",
            prerelease=mode,
            prerelease_packages=modes,
            upgrade=settings.flag("upgrade"),
            upgrade_packages=self._upgraded | {one.name for one in upgraded},
            constraints=(*inputs.constraints, *(one for one in upgraded if one.specifier)),
        )

    def _upgrades(self) -> "list[Requirement]":
        """Return what `--upgrade-package` names; a specifier there narrows the upgrade."""
        texts = self._settings.many("upgrade-package")
        if not texts:
            return []
        from commonwheel.model import Origin
        from commonwheel.specs import requirement

        return [requirement.parse_dependency(text, Origin("--upgrade-package")) for text in texts]

    def prereleases(self) -> "tuple[str, dict[str, str]]":
        """Return when pre-releases are taken, in general and by name; pip's words for it count too."""
        settings = self._settings
        mode = settings.text("prerelease") or "if-necessary"
        if settings.flag("pre") or any(option.name == "pre" for option in self._options):
            mode = "allow"
        modes: dict[str, str] = {}
        for key, meant in (("all-releases", "allow"), ("only-final", "disallow")):
            for name in settings.many(key):
                if name == _ALL:
                    mode = meant
                else:
                    modes[normalize(name)] = meant
        for text in settings.many("prerelease-package"):
            name, _, meant = text.partition("=")
            if meant not in ("allow", "disallow", "if-necessary", "explicit", "if-necessary-or-explicit"):
                raise UsageError(
                    f"`{text}` does not say when pre-releases of a package are taken",
                    hint="write NAME=allow, NAME=disallow, NAME=if-necessary or NAME=explicit",
                )
            modes[normalize(name)] = meant.removesuffix("-or-explicit")
        return mode.removesuffix("-or-explicit"), modes


class BuildPolicies:
    """The wishes for what builds need: no upgrades, no pre-releases, no formats; these are meant for the user's own packages."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def rules(self, *, allowed: "Mapping[str, frozenset[str]] | None" = None, universal: bool = False) -> Rules:
        """Return rules under which a `--no-binary` of the user's has no build requirement built from source."""
        formats = Formats(frozenset(), self._policies.formats()[1])
        return self._policies.rules(allowed=allowed, universal=universal).replaced(formats=formats, lowest=False)

    def applied(self, inputs: "Inputs") -> "Inputs":
        """Return the inputs as they are."""
        return inputs
