"""Install pip into an environment that was just made."""

from commonwheel.install import plan as plans
from commonwheel.model import Origin
from commonwheel.road import changing, preparing, resolving
from commonwheel.specs import requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from commonwheel.model import Environment

    class Seeding(resolving.Resolving, preparing.Preparing, changing.Changing, Protocol):
        """What seeds come from: `session.job.Job`."""


def seed(parts: "Seeding", environment: "Environment") -> "tuple[str, ...]":
    """Install pip, and setuptools and wheel where Python is older than 3.12; return what was installed, as `name==version`."""
    old = environment.interpreter.version < (3, 12)
    names = ("pip", "setuptools", "wheel") if old else ("pip",)
    question = resolving.Question(
        [requirement.parse_dependency(name, Origin("--seed")) for name in names], environment.interpreter.target
    )
    pins = resolving.with_files(resolving.answer(parts, question))
    plan = plans.make((), pins)
    changing.carry_out(parts, environment, plan, preparing.sound_entries(parts, plan.add))
    return tuple(f"{pin.name}=={pin.version}" for pin in pins)
