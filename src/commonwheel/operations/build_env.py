"""Environments for builds: cw's own virtual environments, filled by cw's own road from cw's own store.

Warm, that is a resolution of a few names and a link for each package: a few milliseconds. An environment lives in scratch space
and dies with it, so it needs no journal, no sync, no history and no lock; and what is the same for many builds (most want
setuptools and nothing else) is resolved once.
"""

import os

from commonwheel.build.backend import BuildFailed
from commonwheel.concurrency.parallel import Halted
from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.fs import trees
from commonwheel.install import changeset, transaction
from commonwheel.install import plan as plans
from commonwheel.install.staging import Staging
from commonwheel.model import Origin, Value
from commonwheel.operations import bytecode, prepare, resolve
from commonwheel.python.installed import installed
from commonwheel.sources.build_turns import CyclicBuild
from commonwheel.specs import requirement as specs_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final, Protocol

    from commonwheel.model import Entry, Environment, Interpreter, Pin, Plan, Requirement
    from commonwheel.operations.prepare import Preparing
    from commonwheel.store.store import Store

    class Environments(Protocol):
        """Make and find environments: `session.environments.Environments`."""

        def new(self, root: str, interpreter: Interpreter) -> Environment:
            """Make a virtual environment for a build."""

        def at(self, root: str) -> Environment:
            """Return the environment in a directory."""

    class Isolating(resolve.Resolving, bytecode.Compiling, Preparing, Protocol):
        """What build environments are filled from: `session.job.Job`."""


class Tools(Value):
    """What a build needs, resolved and in the store."""

    __slots__ = ("entries", "pins")

    def __init__(self, pins: "tuple[Pin, ...]", entries: "Mapping[str, Entry]") -> None:
        self.pins: Final = pins
        self.entries: Final = entries


class Isolation:
    """Make build environments; the `Isolation` of `build.builder`. Safe to use from several threads.

    `policies` are those for builds: the user's wishes for packages do not reach there.
    """

    def __init__(
        self,
        parts: "Isolating",
        environments: "Environments",
        policies: "resolve.Policies",
        interpreter: "Interpreter",
        constraints: "Sequence[Requirement]" = (),
    ) -> None:
        self._parts = parts
        self._environments = environments
        self._policies = policies
        self._interpreter = interpreter
        self._constraints = tuple(constraints)
        self._resolved: dict[tuple[str, ...], Tools] = {}

    def create(self, directory: str) -> str:
        """Make an empty environment below `directory`; return its interpreter."""
        return self._environments.new(os.path.join(directory, "env"), self._interpreter).interpreter.executable

    def add(self, directory: str, requires: "Sequence[str]", project: str) -> bool:
        """Install what a build requires, and say whether something lacked; `requires` is everything that the build needs."""
        if not requires:
            return False
        try:
            # no lock: finding may build what is wanted, for which the same may be wanted; that is for `turns` to see
            key = tuple(sorted(set(requires)))
            tools = self._resolved.get(key) or self._find(requires)
            self._resolved[key] = tools
            environment = self._environments.at(os.path.join(directory, "env"))
            plan = plans.make(installed(environment, self._parts.reporter), tools.pins)
            if plan.add:
                lay_out(self._parts.store, environment, plan, tools.entries)
            return bool(plan.add)
        except (CyclicBuild, Halted):
            raise
        except BuildFailed as error:
            said = [f"it is needed to build `{project}`", *error.context]
            raise BuildFailed(error.message, context=said, hint=error.hint) from error
        except CommonwheelError as error:
            raise BuildFailed(
                f"`{project}` cannot be built: what its build needs cannot be installed",
                context=[f"needed: {', '.join(requires)}", error.message, *error.context],
                hint=error.hint,
            ) from error

    def _find(self, requires: "Sequence[str]") -> Tools:
        """Resolve what a build requires, and bring it into the store (which may take builds of its own)."""
        # the same words for all projects, so that the answer is remembered for all of them
        origin = Origin("build requirements")
        requirements = [specs_requirement.parse_dependency(text, origin) for text in requires]
        question = resolve.Question(
            requirements, self._interpreter.target, constraints=self._constraints, no_deps=False
        )
        pins = resolve.with_files(resolve.answer(self._parts, question, self._policies))
        _, missing = prepare.at_hand(self._parts, pins)
        entries = prepare.sound_entries(self._parts, pins)
        return Tools(pins, bytecode.for_builds(self._parts, self._interpreter, entries, again=not missing))


def lay_out(store: "Store", environment: "Environment", plan: "Plan", entries: "Mapping[str, Entry]") -> None:
    """Put entries into an environment that nobody else has, as links into the store wherever that is possible."""
    change = changeset.make(environment, plan, entries, store, link_mode="fold")
    if plan.remove or any(one.replaces for one in change.layout.placements):
        # something has to go or to be opened, which needs the care that a transaction takes
        transaction.apply(environment, change, transaction.Options(command="build"), Silence())
        return
    staging = Staging("", change.choice, store, Silence())
    for one in change.layout.placements:
        parent = os.path.dirname(one.path)
        if not os.path.isdir(parent):
            trees.make_directory(parent, parents=True)
        staging.begin(one.node, one.path)
    staging.finish()
