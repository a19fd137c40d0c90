"""Read the pyproject.toml of a project."""

from commonwheel.errors import UsageError
from commonwheel.specs import pyproject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.specs.pyproject import Project


def read(path: str) -> "Project":
    """Return what a pyproject.toml says. Raises UsageError when it cannot be read, and InvalidPyproject."""
    try:
        with open(path, "rb") as stream:
            return parse(stream.read(), path)
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror}", hint="check the path") from error


def parse(data: bytes, path: str) -> "Project":
    """Return what the content of a pyproject.toml says. Raises UsageError when it is not UTF-8, and InvalidPyproject."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"`{path}` cannot be read: it is not UTF-8", hint="check the path") from error
    return pyproject.read(text, path)
