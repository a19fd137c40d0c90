"""What few commands need of rooms that they do without otherwise: each function loads its room when it is called."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.model import Environment, Installed, Plan, Target
    from commonwheel.road.install_report import Reporting
    from commonwheel.road.outdated import Newer
    from commonwheel.road.resolving import Answer
    from commonwheel.road.seeding import Seeding
    from commonwheel.session.job import Job


def problems(installed: "Sequence[Installed]", environment: "Environment", target: "Target") -> "list[str]":
    """Return a sentence for each installed requirement that is missing or not met."""
    from commonwheel.road import graph

    return graph.problems(installed, environment, target)


def needed(installed: "Sequence[Installed]", environment: "Environment") -> "frozenset[str]":
    """Return the names that some of the installed distributions ask for."""
    from commonwheel.road.graph import Graph

    graph = Graph(installed, environment)
    return frozenset([child for node in graph.nodes.values() for child, _ in node.needs])


def outdated(job: "Job", installed: "Mapping[str, str]", target: "Target") -> "dict[str, Newer]":
    """Return the installed names of which the indexes have newer versions, and these."""
    from commonwheel.road import outdated

    return outdated.newer(job, installed, target)


def direct_reference(text: str) -> str:
    """Return the URL that brings a direct_url.json back, as `freeze` writes it."""
    from commonwheel.specs import direct_url

    return direct_url.requirement_url(text)


def seed(parts: "Seeding", environment: "Environment") -> "tuple[str, ...]":
    """Install pip into a new environment; return what was installed."""
    from commonwheel.road import seeding

    return seeding.seed(parts, environment)


def report(parts: "Reporting", plan: "Plan", environment: "Environment", answered: "Answer | None" = None) -> str:
    """Return pip's installation report of a plan."""
    from commonwheel.road import install_report

    return install_report.text(parts, plan, environment, answered)
