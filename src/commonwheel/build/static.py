"""Read the metadata of a source tree without building it, where its files say it for good.

In order: PKG-INFO of an unpacked source distribution with Metadata-Version 2.2 or newer and nothing that matters under
`Dynamic` (PEP 643); then `[project]` of pyproject.toml with nothing that matters under `dynamic` (PEP 621). Anything less is
not trusted: setuptools' older PKG-INFO, for one, may leave requirements out.

Laws of this file: it only reads, and answers None when in doubt.
"""

import os

from commonwheel.build.backend import LEGACY, Backend
from commonwheel.errors import UsageError
from commonwheel.specs import core_metadata, pyproject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.model import Metadata


class NotAProject(UsageError):
    """Say that a directory holds nothing that can be built."""

    code = "not-a-project"
    exit_status = 1


def backend_of(tree: str) -> Backend:
    """Return the build backend of a project directory.

    Raises NotAProject when there is neither pyproject.toml nor setup.py, and what `specs.pyproject` raises for a bad file.
    """
    text = _text(os.path.join(tree, "pyproject.toml"))
    if text is None:
        if not os.path.isfile(os.path.join(tree, "setup.py")) and not os.path.isfile(os.path.join(tree, "setup.cfg")):
            raise NotAProject(
                f"`{tree}` does not look like a Python project",
                context=["it has no pyproject.toml, setup.py or setup.cfg"],
                hint="name the directory that has one of them",
            )
        return LEGACY
    system = pyproject.read(text, os.path.join(tree, "pyproject.toml")).build_system
    if system is None:
        return LEGACY
    if not system.backend:
        return Backend(LEGACY.name, system.requires or LEGACY.requires)
    return Backend(system.backend, system.requires, system.backend_path)


def metadata_of(tree: str) -> "Metadata | None":
    """Return the metadata of a source tree if its files say it for good, else None."""
    return _from_pkg_info(tree) or _from_pyproject(tree)


def _from_pkg_info(tree: str) -> "Metadata | None":
    text = _text(os.path.join(tree, "PKG-INFO"))
    if text is None:
        return None
    try:
        return core_metadata.parse_static(text)
    except core_metadata.InvalidMetadata:
        return None


def _from_pyproject(tree: str) -> "Metadata | None":
    text = _text(os.path.join(tree, "pyproject.toml"))
    if text is None:
        return None
    return pyproject.static_metadata(pyproject.read(text, os.path.join(tree, "pyproject.toml")))


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return None
