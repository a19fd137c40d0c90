"""What is asked of an installation, with everything that files say of it."""

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from commonwheel.model import Origin, PathSource, Pin, Requirement
    from commonwheel.specs.requirements_txt import Option


class InstallRequest(Value):
    """Everything that was asked for; names of `requirements` may be unknown yet where they are places.

    `locked` are the pins of a `pylock.toml`, which need no resolution; `options` are those of requirements files;
    `config_settings` are (requirement, key, value); `files` are what was read, for headers and messages; `labels` are how
    places of origin are called in the notes of a compiled file ("" for not at all); `upgraded` are names that
    `--upgrade-group` means; `stamps` are those of the files that were read, "" for what has none, or means more than its text.
    """

    __slots__ = (
        "build_constraints", "config_settings", "constraints", "excludes", "files", "labels", "locked", "options", "overrides",
        "requirements", "requires_python", "stamps", "trees", "upgraded",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the parts of a question
        self,
        requirements: "tuple[Requirement, ...]" = (),
        constraints: "tuple[Requirement, ...]" = (),
        overrides: "tuple[Requirement, ...]" = (),
        excludes: tuple[str, ...] = (),
        build_constraints: "tuple[Requirement, ...]" = (),
        options: "tuple[Option, ...]" = (),
        config_settings: "tuple[tuple[Requirement, str, str], ...]" = (),
        locked: "tuple[Pin, ...]" = (),
        files: tuple[str, ...] = (),
        trees: "tuple[tuple[PathSource, tuple[str, ...], Origin], ...]" = (),
        requires_python: str = "",
        labels: "Mapping[str, str] | None" = None,
        upgraded: "frozenset[str]" = frozenset(),
        stamps: "Mapping[str, str] | None" = None,
    ) -> None:
        self.requirements: Final = requirements
        self.constraints: Final = constraints
        self.overrides: Final = overrides
        self.excludes: Final = excludes
        self.build_constraints: Final = build_constraints
        self.options: Final = options
        self.config_settings: Final = config_settings
        self.locked: Final = locked
        self.files: Final = files
        self.trees: Final = trees
        self.requires_python: Final = requires_python
        self.labels: Final[Mapping[str, str]] = labels or {}
        self.upgraded: Final = upgraded
        self.stamps: Final[Mapping[str, str]] = stamps or {}

    @property
    def requires_hashes(self) -> bool:
        """Return whether a file switches hash mode on, by option or by having a hash (as pip and uv have it)."""
        last = next((o for o in reversed(self.options) if o.name in ("require-hashes", "no-require-hashes")), None)
        if last is not None:
            return last.name == "require-hashes"
        return any(requirement.digests and requirement.source is None for requirement in self.requirements)
