"""Read the metadata of a source tree without building it, where its files say it for good.

In order: PKG-INFO of an unpacked source distribution with Metadata-Version 2.2 or newer and nothing that matters under
`Dynamic` (PEP 643); then `[project]` of pyproject.toml with nothing that matters under `dynamic` (PEP 621). Anything less is
not trusted: setuptools' older PKG-INFO, for one, may leave requirements out; and a PKG-INFO that lies in somebody's
working directory is of a day when its dependencies may have been others.

Laws of this file: it only reads, and answers None when in doubt. Whether a project's tables are right is for its backend to
say; here they only have to be clear.
"""

import configparser
import os

from commonwheel.build.backend import LEGACY, Backend
from commonwheel.errors import UsageError
from commonwheel.specs import core_metadata, pyproject, toml
from commonwheel.specs.names import is_valid, normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.model import Metadata


class NotAProject(UsageError):
    """A directory holds nothing that can be built."""

    code = "not-a-project"
    exit_status = 1


def backend_of(tree: str) -> Backend:
    """Return the build backend of a project directory.

    Raises NotAProject when there is neither pyproject.toml nor setup.py, and InvalidPyproject for a bad `[build-system]`.
    """
    path = os.path.join(tree, "pyproject.toml")
    text = _text(path)
    if text is None:
        if not any(os.path.isfile(os.path.join(tree, name)) for name in ("setup.py", "setup.cfg")):
            raise NotAProject(
                f"`{tree}` does not look like a Python project",
                context=["it has no pyproject.toml, setup.py or setup.cfg"],
                hint="name the directory that has one of them",
            )
        return LEGACY
    system = pyproject.build_system(text, path)
    if system is None:
        return LEGACY
    if not system.backend:
        return Backend(LEGACY.name, system.requires or LEGACY.requires, declared=False)
    return Backend(system.backend, system.requires, system.backend_path)


def metadata_of(tree: str, *, archived: bool = False) -> "Metadata | None":
    """Return the metadata of a source tree if its files say it for good, else None.

    `archived` says that the tree is that of a source distribution, whose PKG-INFO was made for it.
    """
    return (_from_pkg_info(tree) if archived else None) or _from_pyproject(tree)


def name_of(tree: str) -> str:
    """Return the normalised name that the files of a tree give the project, "" when they do not; only its backend knows.

    Looked at are PKG-INFO, `[project]` and `[tool.poetry]` of pyproject.toml, and setup.cfg, as uv does.
    """
    for find in (_name_in_pkg_info, _name_in_pyproject, _name_in_setup_cfg):
        try:
            name = find(tree)
        except (NotAProject, ValueError, configparser.Error):
            continue
        if is_valid(name):
            return normalize(name)
    return ""


def _name_in_pkg_info(tree: str) -> str:
    text = _text(os.path.join(tree, "PKG-INFO"))
    return "" if text is None else "".join(core_metadata.read_all(text).fields.get("name", ())[:1])


def _name_in_pyproject(tree: str) -> str:
    document = toml.loads(_text(os.path.join(tree, "pyproject.toml")) or "")
    tools = document.get("tool")
    tables = [document.get("project"), tools.get("poetry") if isinstance(tools, dict) else None]
    names = [table.get("name") for table in tables if isinstance(table, dict)]
    return next((name for name in names if isinstance(name, str)), "")


def _name_in_setup_cfg(tree: str) -> str:
    parser = configparser.RawConfigParser()
    parser.read_string(_text(os.path.join(tree, "setup.cfg")) or "")
    return parser.get("metadata", "name", fallback="")


def _from_pkg_info(tree: str) -> "Metadata | None":
    try:
        text = _text(os.path.join(tree, "PKG-INFO"))
        return None if text is None else core_metadata.parse_static(text)
    except (core_metadata.InvalidMetadata, NotAProject):
        return None


def _from_pyproject(tree: str) -> "Metadata | None":
    path = os.path.join(tree, "pyproject.toml")
    text = _text(path)
    if text is None or "[project]" not in text:
        return None
    try:
        return pyproject.static_metadata(pyproject.read(text, path))
    except pyproject.InvalidPyproject:
        return None


def _text(path: str) -> str | None:
    """Return the text of a file, None if there is none; a byte order mark is passed over, as by TOML's other readers."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().removeprefix("\ufeff")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotAProject(
            f"`{path}` cannot be read: {error.strerror}", hint="it must be a text file that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise NotAProject(f"`{path}` is not UTF-8", hint="TOML files are always UTF-8: convert it") from error
