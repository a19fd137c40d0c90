"""Environments for builds: cw's own virtual environments, filled by cw's own road from cw's own store.

Warm, that is a resolution of a few names and a link for each package. An environment lives in scratch space and dies
with it.
"""

import os

from commonwheel.build.backend import BuildFailed
from commonwheel.errors import CommonwheelError
from commonwheel.install import plan as plans
from commonwheel.model import Origin
from commonwheel.road import preparing, resolving
from commonwheel.specs import requirement as specs_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.model import Environment, Interpreter, Requirement
    from commonwheel.road.parts import Parts


class Isolation:
    """Make build environments; the `Isolation` of `build.builder`."""

    def __init__(self, parts: "Parts", interpreter: "Interpreter", constraints: "Sequence[Requirement]" = ()) -> None:
        self._parts = parts
        self._interpreter = interpreter
        self._constraints = tuple(constraints)
        self._busy: list[str] = []

    def create(self, directory: str, requires: "Sequence[str]", project: str) -> str:
        """Make an environment below `directory` with what a build requires; return its interpreter."""
        root = os.path.join(directory, "env")
        environment = self._parts.new_environment(root, self._interpreter)
        self._fill(environment, requires, project)
        return environment.interpreter.executable

    def add(self, directory: str, requires: "Sequence[str]", project: str) -> None:
        """Install what a backend asks for besides."""
        environment = self._parts.environment_at(os.path.join(directory, "env"))
        self._fill(environment, requires, project)

    def _fill(self, environment: "Environment", requires: "Sequence[str]", project: str) -> None:
        if not requires:
            return
        if project in self._busy:
            circle = " -> ".join([*self._busy[self._busy.index(project) :], project])
            raise BuildFailed(
                f"`{project}` needs itself to be built",
                context=[f"the circle: {circle}"],
                hint="use a wheel of one of them, or `--no-build-isolation` with one installed",
            )
        self._busy.append(project)
        try:
            self._install(environment, requires, project)
        except BuildFailed:
            raise
        except CommonwheelError as error:
            raise BuildFailed(
                f"`{project}` cannot be built: what its build needs cannot be installed",
                context=[f"needed: {', '.join(requires)}", error.message, *error.context],
                hint=error.hint,
            ) from error
        finally:
            self._busy.pop()

    def _install(self, environment: "Environment", requires: "Sequence[str]", project: str) -> None:
        origin = Origin(f"what {project} needs to be built")
        requirements = [specs_requirement.parse_dependency(text, origin) for text in requires]
        question = resolving.Question(
            requirements, environment.interpreter.target, constraints=self._constraints, no_deps=False
        )
        answered = resolving.answer(self._parts.plain(), question)
        plan = plans.make(self._parts.installed(environment), resolving.with_files(answered))
        entries = preparing.entries(self._parts, plan.add)
        self._parts.lay_out(environment, plan, entries)
