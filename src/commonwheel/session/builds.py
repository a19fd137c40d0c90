"""Make what builds: the builder with its isolation, the processes of backends and git, clones, unpacked sources."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.build.builder import Builder
    from commonwheel.build.vcs import Repositories
    from commonwheel.events import Reporter
    from commonwheel.operations.build_env import Environments, Isolating
    from commonwheel.operations.resolve import Policies
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.acquire import Acquisition
    from commonwheel.sources.build_inputs import BuildInputs
    from commonwheel.sources.built_wheels import Recall
    from commonwheel.sources.source_trees import SourceTrees
    from commonwheel.sources.subprocesses import Subprocesses


def width(settings: "Settings") -> int:
    """Return how many builds may run at once."""
    builds = settings.number("concurrent-builds")
    return max(1, int(builds)) if builds else (os.cpu_count() or 2)


def make_children(settings: "Settings") -> "Subprocesses":
    """Return what runs build backends and git."""
    from commonwheel.sources.subprocesses import Subprocesses

    return Subprocesses(width(settings), _speech)


def make_builder(
    parts: "Isolating",
    environments: "Environments",
    policies: "Policies",
    inputs: "BuildInputs",
    environ: "Mapping[str, str]",
    children: "Subprocesses",
    scratch: str,
) -> "Builder":
    """Return what builds, in `scratch`, with the interpreter that builds are made with."""
    from commonwheel.build.builder import Builder, Options
    from commonwheel.operations.build_env import Isolation

    interpreter = inputs.interpreter
    whole, single = inputs.settings()
    options = Options(
        interpreter.executable,
        environ,
        whole,
        single,
        open_to_all=parts.settings.flag("no-build-isolation"),
        open_packages=inputs.open_packages(),
        tags=interpreter.tags,
    )
    isolation = Isolation(parts, environments, policies, interpreter, inputs.constraints)
    return Builder(options, isolation, children, scratch, os.path.dirname(scratch), parts.reporter, inputs.forbidden)


def make_trees(known: "Recall", material: "Acquisition", repositories: "Callable[[], Repositories]") -> "SourceTrees":
    """Return what unpacks and checks out sources."""
    from commonwheel.sources.source_trees import SourceTrees

    return SourceTrees(known, material.arrivals, repositories, lambda: material.scratch)


def make_repositories(
    settings: "Settings", environ: "Mapping[str, str]", reporter: "Reporter", children: "Subprocesses", scratch: str
) -> "Repositories":
    """Return the git repositories of the store that the scratch space is in."""
    from commonwheel.build.vcs import Repositories
    from commonwheel.store import layout

    offline = "--offline" if settings.flag("offline") else ""
    root = scratch.partition(f"/{layout.BUILDS}/")[0]
    return Repositories(f"{root}/{layout.GIT}", children.git, environ, reporter, offline=offline)


def _speech() -> "Callable[..., object]":
    """Load what speaks to build backends: not before one is being imported."""
    from commonwheel.build import hook_client

    return hook_client.call
