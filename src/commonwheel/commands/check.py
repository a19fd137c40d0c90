"""`pip check`: what is missing, does not fit or is broken in an environment."""

import time

from commonwheel.commands import summary_lines
from commonwheel.install import verify
from commonwheel.model import Value
from commonwheel.operations.installed_graph import problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.session.session import Session


class Checked(Value):
    """How many packages were looked at, and a sentence for each thing that does not fit."""

    __slots__ = ("count", "problems")

    def __init__(self, count: int, problems: "tuple[str, ...]") -> None:
        self.count: Final = count
        self.problems: Final = problems


def check(session: "Session") -> Checked:
    """Find what is missing, too old or too new, broken scripts, and links that lead nowhere."""
    environment = session.environment(mutating=False)
    started = time.perf_counter()
    found = session.installed(environment)
    sentences = problems(found, environment, session.target(environment))
    sentences += verify.scars(environment)
    session.reporter.note("info", summary_lines.done("Checked", len(found), started))
    return Checked(len(found), tuple(sentences))
