"""Make what builds: the builder with its isolation, the processes of backends and git, clones, unpacked sources."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.build.builder import Builder
    from commonwheel.build.vcs import Repositories
    from commonwheel.events import Reporter
    from commonwheel.road.building import BuildInputs
    from commonwheel.road.children import Children
    from commonwheel.road.isolation import Environments, Isolating
    from commonwheel.road.material import Material
    from commonwheel.road.recall import Recall
    from commonwheel.road.resolving import Policies
    from commonwheel.road.trees import Trees
    from commonwheel.settings import Settings


def width(settings: "Settings") -> int:
    """Return how many builds may run at once."""
    builds = settings.number("concurrent-builds")
    return max(1, int(builds)) if builds else (os.cpu_count() or 2)


def make_children(settings: "Settings") -> "Children":
    """Return what runs build backends and git."""
    from commonwheel.road.children import Children

    return Children(width(settings), _speech)


def make_builder(
    parts: "Isolating",
    environments: "Environments",
    policies: "Policies",
    inputs: "BuildInputs",
    environ: "Mapping[str, str]",
    children: "Children",
    scratch: str,
) -> "Builder":
    """Return what builds, in `scratch`, with the interpreter that builds are made with."""
    from commonwheel.build.builder import Builder, Options
    from commonwheel.road.isolation import Isolation

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


def make_trees(known: "Recall", material: "Material", repositories: "Callable[[], Repositories]") -> "Trees":
    """Return what unpacks and checks out sources."""
    from commonwheel.road.trees import Trees

    return Trees(known, material.arrivals, repositories, lambda: material.scratch)


def make_repositories(
    settings: "Settings", environ: "Mapping[str, str]", reporter: "Reporter", children: "Children", scratch: str
) -> "Repositories":
    """Return the git repositories of the store that the scratch space is in."""
    from commonwheel.build.vcs import Repositories
    from commonwheel.store import layout

    offline = "--offline" if settings.flag("offline") else ""
    root = scratch.partition(f"/{layout.BUILDS}/")[0]
    return Repositories(f"{root}/{layout.GIT}", children.git, environ, reporter, offline=offline)


def _speech() -> "Callable[..., object]":
    """Load what speaks to build backends: not before one is being imported."""
    from commonwheel.build import speech

    return speech.call
