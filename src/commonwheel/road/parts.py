"""What the road needs of a session: the parts, each made when it is first asked for.

`session.Session` is the one that ships. The road ties resolving, building and installing together, so it sees all of
these rooms; what they cost to import decides what is a method here (made late) and what the road imports itself.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from commonwheel.events import Reporter
    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.configured import Index
    from commonwheel.index.rules import Rules
    from commonwheel.install.recovery import Recovered
    from commonwheel.model import (
        Entry,
        Environment,
        Installed,
        Interpreter,
        Metadata,
        PathSource,
        Pin,
        Requirement,
        Resolution,
        Target,
        UrlSource,
        VcsSource,
    )
    from commonwheel.resolve.inputs import Inputs
    from commonwheel.road.ahead import Ahead
    from commonwheel.settings import Settings
    from commonwheel.specs.pyproject import Project
    from commonwheel.store.records import Records
    from commonwheel.store.store import Store
    from commonwheel.store.trust import Trust

    class Material(Protocol):
        """Get what is not in the store: downloads and builds (`road.material`, loaded when something is missing)."""

        def metadata(self, requirement: Requirement) -> tuple[Requirement, Metadata]:
            """Return the metadata of a direct source, and the requirement with its source pinned down (a commit)."""

        def metadata_of(self, requirements: Sequence[Requirement]) -> list[tuple[Requirement, Metadata]]:
            """Return the same for several, in their order; they are fetched and built side by side."""

        def settled(self, source: UrlSource | VcsSource | PathSource) -> UrlSource | VcsSource | PathSource:
            """Return a source with its commit, or the hash of its archive."""

        def wheel_file(self, pin: Pin) -> Entry:
            """Return the entry of one pin, fetched or built."""

        def halt(self) -> None:
            """End what is being built and downloaded, in whatever thread."""

        def fetch(self, pins: Sequence[Pin]) -> dict[str, Entry]:
            """Bring the wheels of pins into the store, building what has to be built; by name."""

    class Parts(Protocol):
        """The parts of a session."""

        ahead: Ahead | None
        settings: Settings
        reporter: Reporter
        environ: Mapping[str, str]
        cwd: str
        config_settings: tuple[tuple[Requirement, str, str], ...]
        build_constraints: tuple[Requirement, ...]

        @property
        def command_line(self) -> str:
            """Return what the user typed, without secrets."""

        @property
        def trust(self) -> Trust:
            """Return whose files count."""

        @property
        def store(self) -> Store:
            """Return the store."""

        @property
        def records(self) -> Records:
            """Return what the store remembers, without its entries."""

        @property
        def material(self) -> Material:
            """Return what downloads and builds."""

        def catalogue(self, target: Target, rules: Rules | None = None) -> Catalogue:
            """Return what the indexes offer for a target."""

        def rules(self, **changes: object) -> Rules:
            """Return the rules of choice that the settings make."""

        def installed(self, environment: Environment) -> tuple[Installed, ...]:
            """Return what an environment holds."""

        def with_installers(self, installed: Iterable[Installed]) -> tuple[Installed, ...]:
            """Return distributions with who installed them."""

        def recover(self, environment: Environment) -> Recovered:
            """Undo or finish what dead predecessors left."""

        def inputs(self, **fields: object) -> Inputs:
            """Return resolver inputs that the settings make, and `fields`."""

        @property
        def indexes(self) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
            """Return the indexes in order, and the places of `--find-links`."""

        def solve(self, inputs: Inputs, catalogue: Catalogue) -> Resolution:
            """Resolve for one target."""

        def solve_universal(self, inputs: Inputs, catalogue: Catalogue, python: str) -> Resolution:
            """Resolve for every platform and all Pythons from the oldest that `python` (a Requires-Python) admits."""

        def invalidation_mode(self) -> str:
            """Return how bytecode is to tell that it is stale: `timestamp`, `checked-hash` or `unchecked-hash`."""

        def make_images(self, interpreter: Interpreter, entries: Sequence[Entry], tag: str) -> dict[str, Entry]:
            """Compile entries for an interpreter, and return those with the trees of their images, by digest."""

        def explain(self, catalogue: Catalogue, name: str, version: str, reason: str) -> str:
            """Return what is known beyond the reason for which a version is barred."""

        def plain(self) -> "Parts":
            """Return the parts without the wishes that are meant for the user's own packages."""

        def look_ahead(self) -> Ahead:
            """Return what fetches wheels ahead of the resolution, made now."""

        def remember_roots(
            self, environment: Environment, modes: Mapping[str, str] | None = None, *, coming: bool = False
        ) -> None:
            """Note which entries an environment uses; `modes` says how (by digest), and what it will use if `coming`."""

        @property
        def build_interpreter(self) -> Interpreter:
            """Return the interpreter that builds are made with: that of the environment which the command is about."""

        def project(self, path: str) -> Project:
            """Return what a pyproject.toml says."""

        def made_of(self, path: str) -> str:
            """Return what changes when a directory with `cache-keys` should be built anew."""

        def rebuilds(self, source: PathSource) -> bool:
            """Say whether a directory is built anew whatever is remembered."""

        def environment_at(self, root: str) -> Environment:
            """Return the environment in a directory."""

        def new_environment(self, root: str, interpreter: Interpreter) -> Environment:
            """Make a virtual environment for a build."""
