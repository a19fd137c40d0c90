"""What commands on projects are carried out with (`project.parts.Parts`): the run, and one job for all of a command.

The root of the workspace is known only when its files have been read; then it decides about settings, and the parts are made.
"""

import os

from commonwheel.session.lifetime import once
from commonwheel.settings.files import cache_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from commonwheel.events import CountingReporter
    from commonwheel.fs.start import Start
    from commonwheel.install.recovery import Recovered
    from commonwheel.model import Environment, Interpreter, Target
    from commonwheel.operations.request import InstallRequest
    from commonwheel.session.environments import Environments
    from commonwheel.session.job import Job
    from commonwheel.session.lifetime import Lifetime
    from commonwheel.settings.settings import Settings
    from commonwheel.specs.script_block import Script
    from commonwheel.store.trust import Trust

    class Run(Protocol):
        """A run of cw: `session.session.Session`."""

        settings: Settings
        environ: Mapping[str, str]
        cwd: str
        words: tuple[str, ...]
        lifetime: Lifetime

        @property
        def reporter(self) -> CountingReporter:
            """Return the reporter."""

        @property
        def command_line(self) -> str:
            """Return what the user typed, without secrets."""

        @property
        def trust(self) -> Trust:
            """Return whose files count."""

        @property
        def environments(self) -> Environments:
            """Return what finds environments and interpreters."""

        def warn(self, message: str) -> None:
            """Warn the user."""

        def job(self, request: InstallRequest | None = None) -> Job:
            """Return what a request is carried out with."""

        def settle_at(self, root: str) -> None:
            """Let the root of a workspace decide about settings."""


class Projects:
    """The parts of one command on a project."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self.lifetime = run.lifetime
        self.environ: Mapping[str, str] = run.environ
        self.cwd = run.cwd
        self.words = run.words
        given = run.settings.text("project")
        #: where the project is looked for, and above
        self.project_start = os.path.realpath(os.path.join(run.cwd, given) if given else run.cwd)
        self._request: InstallRequest | None = None

    @property
    def settings(self) -> "Settings":
        """Return the settings, which the root of the workspace decides about once it is known."""
        return self._run.settings

    @property
    def reporter(self) -> "CountingReporter":
        """Return the reporter."""
        return self._run.reporter

    @property
    def command_line(self) -> str:
        """Return what the user typed, without secrets."""
        return self._run.command_line

    @once
    def start(self) -> "Start":
        """Return the directory that the project is looked for from."""
        from commonwheel.fs.start import Start

        run = self._run
        return Start(self.project_start, lambda owner: run.trust.extended((str(owner),)), run.warn)

    def settle_at(self, root: str) -> None:
        """Let the root of a workspace decide about settings."""
        self._run.settle_at(root)

    def begin(self, request: "InstallRequest") -> None:
        """Set what the job of the command is about, before it is made."""
        self._request = request

    @once
    def job(self) -> "Job":
        """Return what resolves, fetches, builds and installs."""
        return self._run.job(self._request)

    def script(self, name: str) -> "Script | None":
        """Return the block of a script (PEP 723), None where it has none. Raises UsageError where it cannot be read."""
        from commonwheel.session.documents import Texts

        return Texts(self.job.network.client_for).script(name, os.path.join(self.cwd, name))

    def text_at(self, url: str) -> bytes:
        """Return what lies at a URL. Raises UsageError, and the errors of the network."""
        from commonwheel.session.documents import Texts

        found = Texts(self.job.network.client_for).read(url)
        return found.encode() if isinstance(found, str) else found

    # --- interpreters and environments ----------------------------------------------------------------------------------

    @property
    def python_wish(self) -> str:
        """Return which Python the project wants, as a request; "" for none."""
        return self._run.environments.wish

    def wish_python(self, request: str) -> None:
        """Take note of which Python the project wants, for what is built and resolved."""
        self._run.environments.wish = request

    def interpreter(self, request: str | None) -> "Interpreter":
        """Return the interpreter that a request means."""
        return self._run.environments.interpreter(request)

    def environment_at(self, root: str) -> "Environment":
        """Return the environment in a directory."""
        return self._run.environments.at(root)

    def use_environment(self, environment: "Environment") -> None:
        """Let the command be about this environment."""
        self._run.environments.use(environment)

    def target_of(self, interpreter: "Interpreter") -> "Target":
        """Return what to resolve for."""
        return self._run.environments.target_of(interpreter)

    def recover(self, environment: "Environment", *, always: bool = False) -> "Recovered":
        """Undo or finish what dead commands left in an environment; under `--dry-run` and `--check` only if `always`."""
        return self._run.environments.recover(environment, always=always)

    @property
    def environments_directory(self) -> str:
        """Return the directory of environments that belong to no project: in the user's cache directory."""
        return os.path.join(cache_home(self.environ, self.cwd), "cw-environments")
