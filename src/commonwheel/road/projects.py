"""Read the pyproject.toml of a project."""

from commonwheel.errors import UsageError
from commonwheel.specs import pyproject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.specs.pyproject import Project


def read(path: str) -> "Project":
    """Return what a pyproject.toml says. Raises UsageError when it cannot be read, and InvalidPyproject."""
    try:
        with open(path, encoding="utf-8") as stream:
            return pyproject.read(stream.read(), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"`{path}` cannot be read: {reason}", hint="check the path") from error
