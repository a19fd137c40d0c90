"""What commands on projects need of a session: `session.projects.Projects` is the one that ships.

Laws of this file: protocols only.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    from commonwheel.events import CountingReporter
    from commonwheel.fs.start import Start
    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.index_config import Index
    from commonwheel.index.rules import Rules
    from commonwheel.install.recovery import Recovered
    from commonwheel.model import Environment, Interpreter, Requirement, Target
    from commonwheel.operations.apply import Changing
    from commonwheel.operations.compile_bytecode import Compiler
    from commonwheel.operations.prepare import Preparing
    from commonwheel.operations.request import InstallRequest
    from commonwheel.operations.resolve import Resolving
    from commonwheel.resolve.request import Inputs
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.acquire import Acquisition
    from commonwheel.sources.describe import Sources
    from commonwheel.sources.source_stamps import Marking
    from commonwheel.specs.script_block import Script

    class Policies(Protocol):
        """What the settings wish of every choice."""

        def rules(self, *, allowed: Mapping[str, frozenset[str]] | None = None, universal: bool = False) -> Rules:
            """Return the rules by which files are chosen."""

        def applied(self, inputs: Inputs) -> Inputs:
            """Return the inputs with what the settings say."""

        def prereleases(self) -> tuple[str, dict[str, str]]:
            """Return when pre-releases are taken, in general and by name."""

        def formats(self) -> tuple[frozenset[str], frozenset[str]]:
            """Return the names that come without wheels, and those that must not be built (`:all:` for all)."""

    class Network(Protocol):
        """What asks the indexes."""

        @property
        def indexes(self) -> tuple[Index, ...]:
            """Return the indexes in the order in which they are asked."""

        @property
        def links(self) -> tuple[Index, ...]:
            """Return the places of `--find-links`."""

    class Job(Resolving, Preparing, Changing, Marking, Protocol):
        """What resolves, fetches, builds and installs."""

        @property
        def policies(self) -> Policies:
            """Return what is wished of every choice."""

        @property
        def network(self) -> Network:
            """Return what asks the indexes."""

        @property
        def sources(self) -> Sources:
            """Return what describes direct sources."""

        @property
        def material(self) -> Acquisition:
            """Return what downloads and builds."""

        @property
        def compiler(self) -> Compiler:
            """Return what compiles bytecode."""

        def catalogue(self, target: Target, rules: Rules | None = None) -> Catalogue:
            """Return what the indexes offer for a target."""

        def expect(self, requirements: Iterable[Requirement]) -> None:
            """Ask for pages that will be needed."""

        def rest(self) -> None:
            """End the copies of this process where all has been fetched."""

    class Parts(Protocol):
        """The run, as commands on projects see it."""

        environ: Mapping[str, str]
        cwd: str
        words: tuple[str, ...]
        project_start: str

        @property
        def settings(self) -> Settings:
            """Return the settings."""

        @property
        def reporter(self) -> CountingReporter:
            """Return the reporter."""

        @property
        def command_line(self) -> str:
            """Return what the user typed, without secrets."""

        @property
        def start(self) -> Start:
            """Return the directory that the project is looked for from."""

        @property
        def job(self) -> Job:
            """Return what resolves, fetches, builds and installs."""

        @property
        def python_wish(self) -> str:
            """Return which Python the project wants, as a request; "" for none."""

        @property
        def environments_directory(self) -> str:
            """Return the directory of environments that belong to no project."""

        def settle_at(self, root: str) -> None:
            """Let the root of a workspace decide about settings."""

        def begin(self, request: InstallRequest) -> None:
            """Set what the job of the command is about, before it is made."""

        def script(self, name: str) -> Script | None:
            """Return the block of a script, None where it has none."""

        def text_at(self, url: str) -> bytes:
            """Return what lies at a URL."""

        def wish_python(self, request: str) -> None:
            """Take note of which Python the project wants."""

        def interpreter(self, request: str | None) -> Interpreter:
            """Return the interpreter that a request means."""

        def environment_at(self, root: str) -> Environment:
            """Return the environment in a directory."""

        def use_environment(self, environment: Environment) -> None:
            """Let the command be about this environment."""

        def target_of(self, interpreter: Interpreter) -> Target:
            """Return what to resolve for."""

        def recover(self, environment: Environment, *, always: bool = False) -> Recovered:
            """Undo or finish what dead commands left in an environment."""
