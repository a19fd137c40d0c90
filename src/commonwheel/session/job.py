"""One request, and what it is carried out with: each part is made when it is first asked for, of this request."""

from commonwheel.session.lifetime import is_made, once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    from commonwheel.build.builder import Builder
    from commonwheel.build.vcs import Repositories
    from commonwheel.concurrency.forked_workers import Standing
    from commonwheel.events import Reporter
    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.rules import Rules
    from commonwheel.model import Candidate, Environment, Metadata, Plan, Requirement, Target
    from commonwheel.operations.compile_bytecode import Compiler
    from commonwheel.operations.outdated import Newer
    from commonwheel.operations.request import InstallRequest
    from commonwheel.operations.resolve import Answer
    from commonwheel.session.environments import Environments
    from commonwheel.session.lifetime import Lifetime
    from commonwheel.session.network import Network
    from commonwheel.session.policies import BuildPolicies, Policies
    from commonwheel.session.solving import Solving
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.acquire import Acquisition
    from commonwheel.sources.build_inputs import BuildInputs
    from commonwheel.sources.built_wheels import Recall
    from commonwheel.sources.describe import Sources
    from commonwheel.sources.prefetch import WheelPrefetch
    from commonwheel.sources.source_trees import SourceTrees
    from commonwheel.sources.subprocesses import Subprocesses
    from commonwheel.store.records import Records
    from commonwheel.store.store import Store
    from commonwheel.store.trust import Trust

    class Run(Protocol):
        """A run of cw: `session.session.Session`."""

        settings: Settings
        environ: Mapping[str, str]
        cwd: str
        words: tuple[str, ...]
        lifetime: Lifetime

        @property
        def reporter(self) -> Reporter:
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

        @property
        def records(self) -> Records:
            """Return what the layers of the store remember."""

        @property
        def store(self) -> Store:
            """Return the store."""

        @property
        def copies(self) -> Standing | None:
            """Return copies of this process, None where there are none."""

        def rest(self) -> None:
            """End the copies of this process."""


class Job:
    """The parts that one request is resolved, fetched, built and installed with."""

    def __init__(self, run: "Run", request: "InstallRequest") -> None:
        self._run = run
        self.request = request
        self.lifetime = run.lifetime
        self.settings = run.settings
        self.reporter: Reporter = run.reporter
        self.environ = run.environ
        self.cwd = run.cwd
        #: what fetches wheels ahead of the resolution, None while nothing does
        self.ahead: WheelPrefetch | None = None

    # --- of the run ---------------------------------------------------------------------------------------------------

    @property
    def command_line(self) -> str:
        """Return what the user typed, without secrets."""
        return self._run.command_line

    @property
    def records(self) -> "Records":
        """Return what the layers of the store remember."""
        return self._run.records

    @property
    def store(self) -> "Store":
        """Return the store."""
        return self._run.store

    @property
    def trust(self) -> "Trust":
        """Return whose files count."""
        return self._run.trust

    # --- resolving ----------------------------------------------------------------------------------------------------

    @once
    def policies(self) -> "Policies":
        """Return what is wished of every choice."""
        from commonwheel.session.policies import Policies

        return Policies(self.settings, self.request.options, self.request.upgraded)

    @once
    def build_policies(self) -> "BuildPolicies":
        """Return what is wished of what builds need."""
        from commonwheel.session.policies import BuildPolicies

        return BuildPolicies(self.policies)

    @once
    def network(self) -> "Network":
        """Return what asks the indexes."""
        from commonwheel.session.network import Network

        urls = (getattr(one.source, "url", None) for one in self.request.requirements)
        return Network(self._run, self.request.options, [url.secret for url in urls if url is not None])

    def expect(self, requirements: "Iterable[Requirement]") -> None:
        """Ask for the pages of what is asked for whatever the target is: they need not wait until an interpreter has answered."""
        names = [one.name for one in requirements if one.name and one.source is None and not one.marker]
        if names:
            self.network.begin(self.policies.rules, names)

    def catalogue(self, target: "Target", rules: "Rules | None" = None) -> "Catalogue":
        """Return what the indexes offer for a target."""
        return self.network.catalogue(target, rules or self.policies.rules(), self._metadata_of_file)

    def _metadata_of_file(self, candidate: "Candidate") -> "Metadata":
        # a method, so that neither the network nor the builds are loaded before they are needed
        return self.material.candidate_metadata(candidate)

    @once
    def solving(self) -> "Solving":
        """Return what solves."""
        from commonwheel.session.solving import Solving

        return Solving(
            self.settings,
            self.reporter,
            self.sources,
            lambda: self.network.indexes,
            lambda: self._run.environments.current(mutating=False).interpreter,
        )

    # --- sources ------------------------------------------------------------------------------------------------------

    @once
    def build_inputs(self) -> "BuildInputs":
        """Return what builds are made with."""
        from commonwheel.sources.build_inputs import BuildInputs

        request = self.request
        return BuildInputs(
            self.settings,
            self.environ,
            lambda: self._run.environments.for_builds,
            request.config_settings,
            request.build_constraints,
        )

    @once
    def recall(self) -> "Recall":
        """Return what is remembered of sources."""
        from commonwheel.sources.built_wheels import Recall

        return Recall(self.store, self.settings, self.build_inputs, self._fingerprint, self._run.words, self.cwd)

    def _fingerprint(self, path: str) -> str:
        from commonwheel.sources import cache_keys

        return cache_keys.source_fingerprint(path, self.environ)

    @once
    def sources(self) -> "Sources":
        """Return what describes direct sources."""
        from commonwheel.sources.describe import Sources

        return Sources(lambda: self.recall, lambda: self.material)

    # --- fetching and building ----------------------------------------------------------------------------------------

    @once
    def material(self) -> "Acquisition":
        """Return what downloads and builds."""
        self._run.copies  # noqa: B018 - made now, or never
        from commonwheel.fs import system_calls
        from commonwheel.session import builds
        from commonwheel.sources.acquire import Acquisition

        system_calls.hand_over()
        material = Acquisition(
            self.store,
            self.recall,
            self.settings,
            self.reporter,
            client=lambda: self.network.client,
            builder=lambda: self.builder,
            trees=lambda: self.trees,
            children=lambda: self.children,
            ahead=lambda: self.ahead,
            builders=builds.width(self.settings),
        )
        self.lifetime.at_end(material.close)
        return material

    def look_ahead(self) -> "WheelPrefetch":
        """Return what fetches wheels ahead of the resolution, made now: the pages of that come before wheels."""
        from commonwheel.sources.prefetch import WheelPrefetch

        if self.ahead is None:
            material = self.material  # made in the main thread, which takes its signals, and closed after this
            copies = self._run.copies
            if copies is not None:
                copies.spare()
            self.ahead = WheelPrefetch(self.recall, material, copies.share if copies is not None else _nothing)
            self.lifetime.at_end(self.ahead.close)
        return self.ahead

    def rest(self) -> None:
        """End the copies of this process where all has been fetched."""
        self._run.rest()

    @once
    def children(self) -> "Subprocesses":
        """Return what runs build backends and git."""
        from commonwheel.session import builds

        return builds.make_children(self.settings)

    @once
    def builder(self) -> "Builder":
        """Return what builds."""
        from commonwheel.session import builds

        scratch = self.material.scratch
        environments = self._run.environments
        return builds.make_builder(
            self, environments, self.build_policies, self.build_inputs, self.environ, self.children, scratch
        )

    @once
    def trees(self) -> "SourceTrees":
        """Return what unpacks and checks out sources."""
        from commonwheel.session import builds

        return builds.make_trees(self.recall, self.material, lambda: self.repositories)

    @once
    def repositories(self) -> "Repositories":
        """Return the git repositories of the personal store."""
        from commonwheel.session import builds

        scratch = self.material.scratch
        return builds.make_repositories(self.settings, self.environ, self.reporter, self.children, scratch)

    # --- after a change -----------------------------------------------------------------------------------------------

    @once
    def compiler(self) -> "Compiler":
        """Return what compiles bytecode."""
        from commonwheel.operations.compile_bytecode import Compiler

        return Compiler(self.store, self.settings, self.reporter)

    @property
    def compiled(self) -> "tuple[int, float]":
        """Return how many files were compiled, and how long it took (seconds)."""
        return (self.compiler.count, self.compiler.seconds) if is_made(self, "compiler") else (0, 0.0)

    def report(self, plan: "Plan", environment: "Environment", answered: "Answer | None" = None) -> str:
        """Return pip's installation report of a plan."""
        from commonwheel.operations import install_report

        return install_report.text(self, plan, environment, answered)

    # --- for few commands ---------------------------------------------------------------------------------------------

    def outdated(self, installed: "Mapping[str, str]", target: "Target") -> "dict[str, Newer]":
        """Return the installed names of which the indexes have newer versions, and these."""
        from commonwheel.operations import outdated

        return outdated.newer(self, installed, target)

    def seed(self, environment: "Environment") -> "tuple[str, ...]":
        """Install pip into a new environment; return what was installed."""
        from commonwheel.operations import seed_pip

        return seed_pip.seed(self, environment)


def _nothing() -> None:
    """Do nothing."""
