"""`pip debug`: what decides which files fit here."""

from commonwheel import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.session.session import Session


def debug(session: "Session") -> "Iterator[str]":
    """Return what decides which files fit: interpreter, markers, tags, indexes."""
    environment = session.environment(mutating=False)
    interpreter = environment.interpreter
    yield f"cw: {__version__}"
    yield f"interpreter: {interpreter.executable} ({interpreter.implementation} {'.'.join(map(str, interpreter.version))})"
    yield f"environment: {environment.root} ({environment.kind})"
    for name, path in sorted(environment.paths.items()):
        yield f"  {name}: {path}"
    yield "markers:"
    for name, value in sorted(interpreter.markers.items()):
        yield f"  {name}: {value}"
    yield f"compatible tags: {len(interpreter.tags)}"
    for tag in interpreter.tags if session.settings.count("verbose") else interpreter.tags[:10]:
        yield f"  {tag}"
