"""Environments that a command runs in and nothing else: the project's packages with those of `--with`, or an isolated copy.

One environment holds everything, made of entries of the store as any other: nothing is chained, and no path is put in front of
another. What the user asks for shadows what the project has of the same name. It is kept in the user's cache directory
under a name made of all that is in it, so that the next command with the same words finds it ready.
"""

import os

from commonwheel.model import Requirement
from commonwheel.operations import resolve
from commonwheel.project import environments, syncing
from commonwheel.project.environments import Place, Wish
from commonwheel.specs.sha256 import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.model import Environment, Interpreter, Pin, Target
    from commonwheel.project.parts import Parts


def resolved(
    parts: "Parts",
    requirements: "Sequence[Requirement]",
    target: "Target",
    *,
    constraints: "Sequence[Requirement]" = (),
    overrides: "Sequence[Requirement]" = (),
    excludes: "Sequence[str]" = (),
    preferences: "Mapping[str, str] | None" = None,
) -> "tuple[Pin, ...]":
    """Return pins for requirements, with the file of each; `preferences` are versions to try first."""
    question = resolve.Question(
        requirements,
        target,
        constraints=constraints,
        overrides=overrides,
        excludes=excludes,
        preferences=dict(preferences or {}),
        no_deps=False,
    )
    return resolve.with_files(resolve.answer(parts.job, question), None, parts.reporter)


def together(project: "Sequence[Pin]", more: "Sequence[Pin]") -> "tuple[Pin, ...]":
    """Return the pins of a project with others, which shadow those of their names."""
    shadowed = {pin.name for pin in more}
    return (*(pin for pin in project if pin.name not in shadowed), *more)


def environment(
    parts: "Parts",
    pins: "Sequence[Pin]",
    base: "Interpreter",
    say: "Callable[[str, int, float], object]",
) -> "Environment":
    """Return an environment that holds the pins and nothing else, made if there is none yet."""
    words = [base.base_executable or base.executable, base.markers["python_full_version"]]
    words += sorted(f"{pin.name} {pin.version} {pin.digests} {pin.source}" for pin in pins)
    key = sha256_of("\n".join(words).encode("utf-8", "surrogateescape"))[:24]
    where = Place(os.path.join(parts.environments_directory, f"run-{key}"))
    wanted = Wish(base.base_executable or base.executable, "the interpreter of the project")
    made = environments.make(parts, where, "", wanted, "", quiet=True)
    assert made.environment is not None
    syncing.carry_out(parts, made.environment, pins, syncing.Options(exact=True), say)
    return made.environment
