"""Install pip into an environment that was just made."""

from commonwheel.install import plan as plans
from commonwheel.model import Origin
from commonwheel.operations import apply, prepare, resolve
from commonwheel.specs import requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from commonwheel.model import Environment

    class Seeding(resolve.Resolving, prepare.Preparing, apply.Changing, Protocol):
        """What seeds come from: `session.job.Job`."""


def seed(parts: "Seeding", environment: "Environment") -> "tuple[str, ...]":
    """Install pip, and setuptools and wheel where Python is older than 3.12; return what was installed, as `name==version`."""
    old = environment.interpreter.version < (3, 12)
    names = ("pip", "setuptools", "wheel") if old else ("pip",)
    question = resolve.Question(
        [requirement.parse_dependency(name, Origin("--seed")) for name in names], environment.interpreter.target
    )
    pins = resolve.with_files(resolve.answer(parts, question))
    plan = plans.make((), pins)
    apply.carry_out(parts, environment, plan, prepare.sound_entries(parts, plan.add))
    return tuple(f"{pin.name}=={pin.version}" for pin in pins)
