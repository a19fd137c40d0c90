"""The composition root: makes the parts of cw when they are first asked for, and closes what was opened.

The files of this room are the only ones whose functions import: laziness has a place here, and is a habit nowhere else. A
warm command touches a few of these parts, and never the network, a TOML parser, a build backend or a process.

Laws of this room: it makes and connects; what is done with the parts is written in `operations`, `sources` and `commands`.

    session         one run of cw: settings, environment, store; and a job for each request
    job             one request: what it is resolved, fetched and built with
    run             what the parts need of a session, for the type checker
    stores, environments, network, policies, builds, solving, workers    how the parts are made
    configuration_files    where settings come from, and whose files count
    documents       files of requirements, whatever they are written in
    projects        what commands on projects are carried out with
"""

import os
import time

from commonwheel.errors import UsageError
from commonwheel.events import CountingReporter, Silence
from commonwheel.session.configuration_files import Finder
from commonwheel.session.environments import Environments
from commonwheel.session.lifetime import Lifetime, is_made, once
from commonwheel.settings.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from commonwheel.concurrency.forked_workers import Standing
    from commonwheel.events import Reporter
    from commonwheel.fs.start import Start
    from commonwheel.install.recovery import Recovered
    from commonwheel.model import Environment, Installed, Target
    from commonwheel.operations.request import InstallRequest
    from commonwheel.session.job import Job
    from commonwheel.session.projects import Projects
    from commonwheel.store.records import Records
    from commonwheel.store.store import Store
    from commonwheel.store.trust import Trust


def read_settings(given: "Mapping[str, object]", command: str = "") -> Settings:
    """Enter the directory of `--directory`, and return the settings that hold there for a command.

    Raises UsageError where the directory cannot be entered, and ConfigError.
    """
    directory = given.get("directory")
    if isinstance(directory, str):
        try:
            os.chdir(directory)
        except OSError as error:
            raise UsageError(
                f"`{directory}` cannot be entered: {error.strerror}", hint="check `--directory`"
            ) from error
    project = given.get("project") or os.environ.get("CW_PROJECT") or os.environ.get("UV_PROJECT")
    # a link that the user names is taken at its word, and what lies above its target is above the project
    start = os.path.realpath(project) if isinstance(project, str) else os.getcwd()
    return Settings(
        given, os.environ, start, _read_toml, pip_interface=command.startswith("pip "), finder=Finder(start)
    )


def _read_toml(text: str, path: str) -> "dict[str, object]":
    from commonwheel.settings.settings import ConfigError
    from commonwheel.specs import toml

    try:
        return toml.loads(text)
    except toml.InvalidToml as error:
        raise ConfigError(f"the configuration file `{path}` is not valid TOML: {error}") from error


class Session:
    """One run of cw: its words, settings, environment, store. A context manager that closes what was opened."""

    def __init__(
        self,
        settings: Settings,
        reporter: "Reporter | None" = None,
        *,
        command: str = "",
        words: "Sequence[str]" = (),
    ) -> None:
        self.settings = settings
        self.reporter = CountingReporter(reporter or Silence())
        self.environ: Mapping[str, str] = os.environ
        self.cwd = os.getcwd()
        self.command = command
        self.words = tuple(words)
        self.lifetime = Lifetime()
        self._jobs: list[Job] = []

    def __enter__(self) -> "Self":
        finder = self.settings.finder
        if isinstance(finder, Finder):
            finder.hear(self.warn)
        return self

    def warn(self, message: str) -> None:
        """Warn the user."""
        self.reporter.note("warning", message)

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        fetched = any(is_made(job, "material") for job in self._jobs)
        if error is None and fetched and not self.settings.flag("no-cache") and self._has_limit():
            from commonwheel.operations import auto_prune

            auto_prune.tidy(self, time.time())
        self.close()

    def close(self) -> None:
        """Close what was opened, the last first."""
        self.lifetime.close()

    @property
    def command_line(self) -> str:
        """Return what the user typed, with the secrets of URLs masked."""
        from commonwheel.specs.sources import mask

        return " ".join(["cw", *map(mask, self.words)])

    def job(self, request: "InstallRequest | None" = None) -> "Job":
        """Return what a request is carried out with; without a request, what the settings alone say."""
        from commonwheel.session.job import Job

        if request is None:
            from commonwheel.operations.request import InstallRequest

            request = InstallRequest()
        job = Job(self, request)
        self._jobs.append(job)
        return job

    def projects(self) -> "Projects":
        """Return what commands on projects are carried out with."""
        from commonwheel.session.projects import Projects

        return Projects(self)

    def settle_at(self, root: str) -> None:
        """Read the settings of project files at the root of a workspace: those of its members do not count."""
        finder = Finder(root)
        finder.hear(self.warn)
        self.settings = self.settings.at(root, finder)
        self.__dict__.pop("environments", None)

    # --- trust ------------------------------------------------------------------------------------------------------

    @once
    def trust(self) -> "Trust":
        """Return whose files count: mine, root's, and those of users whom the settings name."""
        from commonwheel.store.trust import Trust

        return Trust(self.settings.many("trust"))

    @once
    def start(self) -> "Start":
        """Return the directory that the user started in, to look upward from it."""
        from commonwheel.fs.start import Start

        return Start(self.cwd, lambda owner: self.trust.extended((str(owner),)), self.warn)

    # --- the store --------------------------------------------------------------------------------------------------

    @property
    def store_directory(self) -> str:
        """Return the personal store: the setting, else `cw` in the XDG cache directory. It need not exist."""
        from commonwheel.session import stores

        return stores.personal(self.settings, self.environ, self.cwd)

    @once
    def records(self) -> "Records":
        """Return what the layers of the store remember: most commands need no more of it."""
        from commonwheel.session import stores

        stores.warn_of_no_home(self.settings, self.environ, self.cwd, self.reporter)
        temporary = stores.temporary(self.settings, self.environ, self.cwd)
        records = stores.make_records(self.settings, self.environ, self.cwd, temporary, self.trust)
        self.lifetime.at_end(lambda: self._drop(temporary), records.close)
        return records

    @once
    def store(self) -> "Store":
        """Return the store: the configured layers, and the personal one last."""
        from commonwheel.session import stores

        return stores.make_store(self.records, self.settings, self.reporter, lambda: self.copies)

    def _drop(self, temporary: str) -> None:
        """Delete the temporary store, if one was made."""
        if os.path.lexists(temporary):
            from commonwheel.session import stores

            stores.drop(temporary, self.settings, self.reporter, lambda: self.store.reasons())  # noqa: PLW0108 - a store is made only where it is needed

    def _has_limit(self) -> bool:
        """Return whether a store is to stay small; what keeps it so takes 20 ms to load."""
        if self.settings.text("max-size") or self.settings.text("max-age"):
            return True
        return any(layer.exists and layer.policy.max_size is not None for layer in self.store.layers)

    # --- copies of this process ---------------------------------------------------------------------------------------

    @once
    def copies(self) -> "Standing | None":
        """Return copies of this process that parse pages and unpack wheels, None where there are none.

        They must be made before the first thread is: when it is clear that something will be fetched.
        """
        from commonwheel.session import workers

        made = workers.start(self.records)
        if made is not None:
            self.lifetime.at_end(made.close)
        return made

    def rest(self) -> None:
        """End the copies where all has been fetched: each holds memory, of which placing the files needs more than fetching them."""
        if is_made(self, "copies") and self.copies is not None:
            self.copies.close()

    # --- the environment ----------------------------------------------------------------------------------------------

    @once
    def environments(self) -> Environments:
        """Return what finds environments and interpreters."""
        return Environments(self, lambda: self.records)

    def environment(self, *, mutating: bool, meanwhile: "Callable[[], object] | None" = None) -> "Environment":
        """Return the environment that the command is about; `meanwhile` is called while an interpreter has to be asked."""
        return self.environments.current(mutating=mutating, meanwhile=meanwhile)

    def target(self, environment: "Environment") -> "Target":
        """Return what to resolve for: the environment's interpreter, or what `--python-version` and `--python-platform` say."""
        return self.environments.target(environment)

    def installed(self, environment: "Environment") -> "tuple[Installed, ...]":
        """Return every distribution that an environment can import."""
        from commonwheel.python.installed import installed

        return installed(environment, self.reporter)

    def renew_note(self, environment: "Environment") -> None:
        """Note in the store what an environment uses, if no note says so: it may be a copy of one that was noted elsewhere."""
        from commonwheel.specs.sha256 import sha256_of
        from commonwheel.store import layout

        name = sha256_of(os.fsencode(os.path.realpath(environment.root)))
        if any(os.path.lexists(layer.path(layout.root(layer.trust.me, name))) for layer in self.records.layers):
            return
        from commonwheel.install import history

        record = history.current(environment, self.trust)
        digests = () if record is None else tuple({one.digest for one in record.state.values() if one.digest})
        if digests:
            from commonwheel.store import roots

            roots.keep(self.store, environment.root, digests)

    def recover(self, environment: "Environment") -> "Recovered":
        """Undo or finish what dead commands left in an environment; packages whose links lead nowhere count as damaged."""
        recovered = self.environments.recover(environment)
        targets = _dangling(environment)
        if not targets:
            return recovered
        from commonwheel.install import history

        record = history.current(environment, self.trust)
        held = () if record is None else record.state.values()
        broken = [one for one in held if one.digest and any(one.digest in target for target in targets)]
        known = {one.name for one in recovered.damaged}
        return recovered.replaced(damaged=(*recovered.damaged, *(one for one in broken if one.name not in known)))


def _dangling(environment: "Environment") -> "list[str]":
    """Return the targets of links beside the packages of an environment that lead nowhere: a store may have been pruned or removed."""
    found = []
    for site in dict.fromkeys((environment.paths["purelib"], environment.paths["platlib"])):
        try:
            with os.scandir(site) as entries:
                links = [entry.path for entry in entries if entry.is_symlink()]
            found += [os.readlink(link) for link in links if not os.path.exists(link)]
        except OSError:
            continue
    return found
